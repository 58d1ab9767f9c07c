/// vocabulary.h — the functions that case files name, as tables of Sluice.
///
/// The words are those of the recorded Spark runs ("x+1", "split(x,' ')", "remove-when-idle"). A
/// word means one thing for each shape of rows; shapes are schemas by convention: a plain value is
/// one column x, a pair is k and v.
#pragma once

#include "sluice/sluice.h"

/// The shape of a stream's rows.
typedef enum slt_shape {
    SLT_INT64 = 1, ///< x int64
    SLT_FLOAT64,   ///< x float64
    SLT_STRING,    ///< x string
    SLT_PAIR,      ///< k and v of any types
    SLT_OTHER
} slt_shape;

slt_shape slt_shape_of(const sl_schema *schema);

/// How a word is written as a step of map, flatMap, filter or mapPartitions: a function with its
/// arguments, an expression that becomes x, or both (first the function, then the expression).
typedef struct slt_step_word {
    const char *verb, *word;
    slt_shape shape; ///< 0: every shape
    const sl_fn *fn;
    const char *args, *expression;
} slt_step_word;

/// How a word is written as reduce or reduceByKey of a column: aggregations, and expressions that
/// finish the row; `%s` in both stands for the column's name.
typedef struct slt_reduce_word {
    const char *word;
    slt_shape shape; ///< of a plain stream with such a column
    const char *aggregation;
    const sl_fn *finish;           ///< runs behind the aggregation; may be NULL
    const sl_fn *finish_by_key[3]; ///< the same behind reduceByKey: of keys int64,
                                   ///< float64, string
} slt_reduce_word;

// Each gives NULL for a word that is not known for the shape.
const slt_step_word *slt_step(const char *verb, const char *word, slt_shape shape);
const slt_reduce_word *slt_reduction(const char *word, slt_shape shape);
const sl_update_fn *slt_update(const char *word, slt_shape values);
const sl_map_state_fn *slt_map_state(const char *word);
const sl_transform_fn *slt_transform(const char *word, const sl_schema *schema);
const sl_transform_all_fn *slt_transform_with(const char *word, const sl_schema *left,
                                              const sl_schema *right);

// events.c: steps by event time.
/// Makes *stream anew; `other` is the right side of a join. False: it is none of them.
bool slt_event_step(sl_stream **stream, sl_stream *other, const char *verb, const char *arg);
bool slt_is_event_join(const char *verb); ///< its argument begins with the name of a stream

// models.c: steps of models; a job has one.
/// Makes *stream anew, or *model. False: it is none of them.
bool slt_model_step(sl_graph *graph, sl_model **model, sl_stream **stream, const char *verb,
                    const char *arg);

/// Adds the aggregations that reductions name to the graph.
void slt_add_aggregations(sl_graph *graph);

/// foreachRDD: appends "EPOCH TIME_ms: N rows" to the text attached as "seen" (an slt_seen).
extern const sl_foreach_fn slt_foreach_count;
/// foreachRDD: fails from the epoch on that its argument `at` names.
extern const sl_foreach_fn slt_foreach_fail;

typedef struct slt_seen {
    char text[4096];
    size_t size;
} slt_seen;
