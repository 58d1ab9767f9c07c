/// ml_int.h — models, their values and what one kind of model is; for files of ml/ only.
///
/// A *value* is what a model knows: never changed once it is made, so that what is predicted before
/// a train call and behind it are two values, and an epoch that fails leaves the last one as it
/// was. In an epoch the model goes from its base through one value a train call:
///
///     base ─► train 0 ─► made[0] ─► train 1 ─► made[1] ─► settle: rows that differ into the table
///       └─► predict defined before          └─► predict defined behind
///
/// Each step is a job over the train stream: tasks fold their partition's rows into a *part*, the
/// driver puts the parts together in order of partition. The step is taken when the first RDD that
/// needs its value is about to be computed, or else when the epoch settles.
#pragma once

#include <stdatomic.h>

#include "ml/ml.h"
#include "sluice/ml.h"
#include "stream/graph_def.h"

enum {
    ML_MAX_FEATURES = 1 << 20, ///< of a list; named columns are at most SLI_MAX_KEYS
    ML_MAX_CLUSTERS = 1 << 16,
    ML_CHUNK_ROWS = 1024, ///< rows that are read into doubles at once
};

typedef struct ml_kind ml_kind;

/// What every kind's value begins with.
typedef struct ml_value {
    _Atomic int32_t refs;
    const ml_kind *kind;
} ml_value;
ml_value *ml_value_ref(const ml_value *value);
void ml_value_unref(SL_TAKES const ml_value *value); ///< accepts NULL. Thread: any

/// The columns that a train or predict call names.
typedef struct ml_input {
    const sl_schema *schema; ///< of the stream; borrowed
    const char *names;       ///< as given
    bool is_list;            ///< one column, a list
    int32_t *columns, n_columns;
    int32_t dims;   ///< features; 0: a list, of as many as the model has
    int32_t label;  ///< column; -1: none
    int32_t *order; ///< of feature j the place among the model's own; NULL: j. The kind's `fit`
} ml_input;

/// Some rows of a partition, as doubles.
typedef struct ml_rows {
    int64_t n;
    int32_t dims;
    const double *x;              ///< row after row; NULL for kinds that read columns
    const double *const *columns; ///< by feature: its `n` numbers; of kinds with `by_columns` alone
    const double *y;              ///< labels; NULL without
    const bool *ok;               ///< by row: it counts
    const ml_input *input;
    const sl_batch *batch; ///< they are rows from.. of it
    int64_t from;
} ml_rows;

/// Rows for the model's table.
typedef struct ml_changes {
    sl_builder *keys, *values;
    bool *gone; ///< by row: it is removed
    int32_t n, capacity;
} ml_changes;
/// The next row, whose cells the caller appends. Fails: SL_E_NOMEM.
sl_code ml_changes_row(ml_changes *changes, bool gone, sl_error *err);

/// What the driver learns from.
typedef struct ml_lesson {
    const sl_model *model;
    const ml_value *from;
    void *const *parts; ///< by partition
    int32_t n_parts;
    int64_t epoch, time_us, interval_us;
    sli_runtime *runtime;
} ml_lesson;

/// One kind of model. Tasks call part, fold, part_free and predict, the driver all others.
struct ml_kind {
    sli_node_ops node;               ///< its `kind` is the model's
    const sl_option *options, *more; ///< `more` may be NULL
    const char *keys, *values;       ///< columns of the table
    const char *out;                 ///< type of a prediction; NULL: it predicts nothing
    const char *results;             ///< columns of what sl_stream_test gives; NULL for models
    bool has_labels, binary_labels;
    bool names_each;     ///< a prediction for each feature
    bool is_sparse;      ///< reads columns of any type by itself
    bool by_columns;     ///< takes rows feature after feature, which named columns already are
    bool null_at_first;  ///< a prediction may be null though the row is good
    bool takes_missing;  ///< a feature that is null or NaN is good input; an infinite one is not
    size_t params_bytes; ///< of model->params
    /// Reads the options; sets model->dims when they tell it.
    sl_code (*define)(sl_model *model, const sl_conf *conf, sl_error *err);
    /// The value before any row; model->dims is known.
    sl_code (*begin)(const sl_model *model, ml_value **out, sl_error *err);
    /// Rows of the table into a value that `begin` made and nobody else has. Outside data: checked.
    sl_code (*load)(const sl_model *model, ml_value *value, const sl_batch *keys,
                    const sl_batch *values, sl_error *err);
    /// Whether `n` rows are a whole model of this shape. NULL: any are.
    sl_code (*loaded)(const sl_model *model, const ml_value *value, int64_t n, sl_error *err);
    /// The rows in which `is` differs from `was` (NULL: all of them).
    sl_code (*save)(const sl_model *model, const ml_value *was, const ml_value *is,
                    ml_changes *changes, sl_error *err);
    sl_code (*part)(const sl_model *model, const ml_value *value, void **out, sl_error *err);
    sl_code (*fold)(const sl_model *model, const ml_value *value, void *part, const ml_rows *rows,
                    sl_error *err);
    void (*part_free)(SL_TAKES void *part); ///< accepts NULL
    /// What it takes, when that grows with the rows; NULL: it does not.
    int64_t (*part_bytes)(const void *part);
    /// *out one reference; `from` itself when nothing is learnt.
    sl_code (*learn)(const ml_lesson *lesson, ml_value **out, sl_error *err);
    /// A cell a row into column `column`, or cells into as many columns as there are features.
    sl_code (*predict)(const sl_model *model, const ml_value *value, const ml_rows *rows,
                       sl_builder *out, int32_t column, sl_error *err);
    sl_code (*result)(const sl_model *model, const ml_value *value, sl_builder *out, sl_error *err);
    void (*value_free)(SL_TAKES ml_value *value);
    /// Checks the features of a call by their names, and sets input->order. NULL: any are good.
    sl_code (*fit)(sl_model *model, ml_input *input, sl_error *err);
    /// What is wrong with feature `feature` of a row though it is a finite number ("is negative");
    /// NULL: nothing. The entry may be NULL. Thread: task.
    const char *(*fault)(const sl_model *model, const ml_input *input, int32_t feature, double x);
};

/// One train call.
typedef struct ml_train {
    struct ml_train *next;
    sl_model *model;
    sl_stream *node;
    ml_input input;
    int32_t number; ///< among the model's, from 0
    // run time, of the running epoch. Thread: driver
    sl_rdd *rdd; ///< one reference; NULL: it does not learn in this epoch
    const sli_epoch *epoch;
    ml_value *made; ///< NULL: not yet
} ml_train;

struct sl_model {
    const ml_kind *kind;
    sl_graph *graph;
    sl_stream *node;   ///< has the table
    void *params;      ///< the kind's own
    int32_t dims;      ///< features; 0: not known yet
    int32_t n_outputs; ///< numbers predicted for a row, when that is the model's own; else 0
    bool skips;        ///< invalid=skip
    sl_schema *key_schema, *value_schema, *row_schema; ///< of the table; both together
    sli_table_info info;
    ml_train *first, **last;
    int32_t n_trains;
    // run time. Thread: driver
    ml_value *base; ///< as the last completed epoch left it; NULL: `begin` was not asked yet
    bool is_stored; ///< the table has it
    bool was_put;   ///< in the running epoch
};

extern const sl_option sli_ml_options[]; ///< of every kind
extern const sl_option sli_ml_kmeans_options[], sli_ml_sgd_options[], sli_ml_logistic_options[],
    sli_ml_standardize_options[], sli_ml_ftrl_options[], sli_ml_test_options[],
    sli_ml_xgboost_options[], sli_ml_onnx_options[];
extern const ml_kind ml_kmeans, ml_linear, ml_logistic, ml_standardize, ml_ftrl, ml_two_groups,
    ml_xgboost, ml_onnx;

// ---------------------------------------------------------------- model.c

/// The hooks of every kind's node.
#define ML_NODE(name)                                                                              \
    {                                                                                              \
        .kind = (name), .rdd = ml_model_rdd, .free = ml_model_free, .state = ml_model_table,       \
        .asks_user = true, .any_slide = true, .restore = ml_model_restore,                         \
        .settle = ml_model_settle, .end = ml_model_end                                             \
    }
sl_code ml_model_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                     sl_error *err);
void ml_model_free(sl_stream *node);
const sli_table_info *ml_model_table(const sl_stream *node);
sl_model *ml_model_open(sl_graph *graph, const ml_kind *kind, const char *options);
/// The train call as a stream without rows; NULL after a mistake.
sl_stream *ml_train_open(sl_model *model, sl_stream *stream, const char *features,
                         const char *label);
/// The model's rows, or its results. `with`: a stream whose slide they have; NULL: every epoch's.
sl_stream *ml_rows_open(sl_model *model, sl_stream *with);
/// A node over a stream and the model's.
sl_stream *ml_node_begin(sl_model *model, const sli_node_ops *ops, sl_stream *stream);
/// The columns that a call names, which must fit the model.
sl_code ml_resolve_input(sl_model *model, const sl_stream *node, const char *features,
                         const char *label, ml_input *out, sl_error *err);

// ---------------------------------------------------------------- epoch.c

sl_code ml_model_restore(sl_stream *node, sl_error *err);
sl_code ml_model_settle(sl_stream *node, sli_epoch *epoch, sl_error *err);
void ml_model_end(sl_stream *node, bool completed);
/// The value behind the first `n` train calls in the running epoch, learnt when it was not yet.
/// Borrowed until the epoch ends. Blocks: yes.
sl_code ml_value_after(sl_model *model, int32_t n, const ml_value **out, sl_error *err);
/// Makes the RDDs of the first `n` train calls that have one in this epoch.
sl_code ml_trains_make(sl_model *model, int32_t n, sli_epoch *epoch, sl_error *err);
extern const sli_node_ops ml_train_ops;

// ---------------------------------------------------------------- predict.c

/// How an RDD waits for a value: the body of such RDDs begins with it.
typedef struct ml_wait {
    sl_model *model;
    int32_t n_trains;      ///< before it
    const ml_value *value; ///< one reference; NULL: not ready
} ml_wait;
bool ml_wait_is_ready(const sl_rdd *rdd);
sl_code ml_wait_prepare(sl_rdd *rdd, sl_error *err);

// ---------------------------------------------------------------- input.c

/// Columns by their names. `sparse`: of any type that is hashed. Fails: SL_E_INVALID, nearest name.
sl_code ml_input_parse(ml_input *out, const sl_stream *stream, const char *features,
                       const char *label, const ml_kind *kind, sl_arena *arena, sl_error *err);

/// Reads the batches of one partition. Zero it but for the first fields.
typedef struct ml_reader {
    const sl_model *model;
    const ml_input *input;
    int32_t partition;
    int64_t n_seen; ///< rows
    double *x, *y;
    const double **columns;
    bool *ok;
} ml_reader;
/// Calls `each` with all rows of the batch, some at a time. Fails: SL_E_DATA with the row.
sl_code ml_reader_each(ml_reader *reader, const sl_batch *batch,
                       sl_code (*each)(void *ctx, const ml_rows *rows, sl_error *err), void *ctx,
                       sl_error *err);
void ml_reader_reset(ml_reader *reader);
/// A cell that is not null, of a column of numbers or bools.
double ml_number_at(const sl_column *column, int64_t row);
/// "1 2, 3 4": rows by commas or semicolons, numbers by blanks. *out in the arena. Fails:
/// SL_E_INVALID, naming the option.
sl_code ml_numbers_parse(const char *option, const char *text, sl_arena *arena, double **out,
                         int32_t *n_rows, int32_t *n, sl_error *err);
/// A number in [0, 1) from 53 bits.
static inline double ml_unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}
/// SL_E_INCOMPATIBLE: the table has another model's rows.
sl_code ml_other_shape(const sl_model *model, sl_error *err, const char *fmt, ...) SL_PRINTF(3, 4);
/// Of kinds with a row a feature: which one row `i` is of. Fails: as above.
sl_code ml_feature_of(const sl_model *model, const sl_batch *keys, int64_t i, int64_t *out,
                      sl_error *err);
/// `loaded` of these kinds: every feature has its row.
sl_code ml_features_loaded(const sl_model *model, const ml_value *value, int64_t n, sl_error *err);
