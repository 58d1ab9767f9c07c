// StreamingLinearRegressionWithSGD and StreamingLogisticRegressionWithSGD: gradient descent over
// the rows of an epoch, from the weights that the epoch before left. Spark's formulas; README.md.
//
// Tasks pack their rows into matrices; the steps go over those, partition after partition. A
// partition's gradient is summed row by row; partitions are added in order. With many rows the
// partitions of a step are computed beside each other, in a job, and come to the same sums.
#include "ml/ml_int.h"

#include <math.h>

enum { PARALLEL_CELLS = 1 << 18 }; ///< below it a step costs less than a job of tasks

typedef struct sgd_params {
    double *weights; ///< to begin with; NULL: zeros
    double step, fraction, tolerance, reg;
    int64_t iterations;
    uint64_t seed;
    bool probability;
} sgd_params;

typedef struct sgd_value {
    ml_value head;
    double weights[];
} sgd_value;

/// The rows of one partition: `dims` features and the label, row after row.
typedef struct sgd_part {
    int64_t n, capacity, width;
    double *rows;
    double *gradient; ///< of the running step: dims numbers
    int64_t n_drawn;
} sgd_part;

const sl_option sli_ml_sgd_options[] = {
    {.name = "weights",
     .type = SL_OPT_TEXT,
     .text = "Weights to begin with, as '0.1 0.1'; default: zeros."},
    {.name = "step",
     .type = SL_OPT_FLOAT,
     .fallback = "0.1",
     .low = "0",
     .text = "Step size; step i of an epoch is step / sqrt(i)."},
    {.name = "iterations",
     .type = SL_OPT_INT,
     .fallback = "50",
     .low = "0",
     .high = "1000000",
     .text = "Steps an epoch, at most."},
    {.name = "fraction",
     .type = SL_OPT_FLOAT,
     .fallback = "1",
     .low = "0",
     .high = "1",
     .text = "Share of the rows that a step draws."},
    {.name = "tolerance",
     .type = SL_OPT_FLOAT,
     .fallback = "0.001",
     .low = "0",
     .high = "1",
     .text = "An epoch's steps end when the weights move by less than this, relative to their "
             "length."},
    {.name = "seed", .type = SL_OPT_INT, .fallback = "42", .text = "Of the rows drawn."},
    {.name = "dims",
     .type = SL_OPT_INT,
     .low = "1",
     .high = "1048576",
     .text = "Features; default: as many as columns are named."},
    {0},
};

const sl_option sli_ml_logistic_options[] = {
    {.name = "reg",
     .type = SL_OPT_FLOAT,
     .fallback = "0",
     .low = "0",
     .text = "L2 regularisation: before a step weights shrink by step * reg."},
    {.name = "output",
     .type = SL_OPT_CHOICE,
     .fallback = "class",
     .choices = "class|probability",
     .text = "What is predicted: 0 or 1 (1 when the probability is more than a half), or the "
             "probability of 1."},
    {0},
};

// ---------------------------------------------------------------- options and values

static sl_code define(sl_model *model, const sl_conf *conf, sl_error *err)
{
    sgd_params *p = model->params;
    const char *weights = sl_conf_text(conf, "weights");
    int32_t rows = 0, n = 0;
    p->step = sl_conf_float64(conf, "step");
    p->fraction = sl_conf_float64(conf, "fraction");
    p->tolerance = sl_conf_float64(conf, "tolerance");
    p->iterations = sl_conf_int64(conf, "iterations");
    p->seed = (uint64_t)sl_conf_int64(conf, "seed");
    if (model->kind == &ml_logistic) {
        p->reg = sl_conf_float64(conf, "reg");
        p->probability = sl_conf_choice(conf, "output") == 1;
    }
    model->dims = (int32_t)sl_conf_int64(conf, "dims");
    if (weights == NULL) {
        return SL_OK;
    }
    SL_TRY(ml_numbers_parse("weights", weights, model->graph->arena, &p->weights, &rows, &n, err));
    if (rows != 1 || (model->dims > 0 && n != model->dims)) {
        return sl_error_set(err, SL_E_INVALID, "weights: %d numbers, and dims=%d", n * rows,
                            model->dims);
    }
    model->dims = n;
    return SL_OK;
}

static void value_free(ml_value *value)
{
    sl_free(value);
}

static sl_code new_value(const sl_model *model, const double *weights, sgd_value **out,
                         sl_error *err)
{
    size_t size = (size_t)model->dims * sizeof(double);
    sgd_value *v = sl_alloc_zero(SLI_TAG_STREAM, sizeof *v + size);
    if (v == NULL) {
        return sl_error_nomem(err, size, "weights");
    }
    v->head = (ml_value){.refs = 1, .kind = model->kind};
    if (weights != NULL) {
        memcpy(v->weights, weights, size);
    }
    *out = v;
    return SL_OK;
}

static sl_code begin(const sl_model *model, ml_value **out, sl_error *err)
{
    sgd_value *v = NULL;
    SL_TRY(new_value(model, ((const sgd_params *)model->params)->weights, &v, err));
    *out = &v->head;
    return SL_OK;
}

// ---------------------------------------------------------------- rows of the table

static sl_code load(const sl_model *model, ml_value *value, const sl_batch *keys,
                    const sl_batch *values, sl_error *err)
{
    for (int64_t i = 0; i < sl_batch_rows(keys); i++) {
        int64_t j = 0;
        SL_TRY(ml_feature_of(model, keys, i, &j, err));
        ((sgd_value *)value)->weights[j] = sl_column_float64(sl_batch_column(values, 0), i);
    }
    return SL_OK;
}

static sl_code save(const sl_model *model, const ml_value *was, const ml_value *is,
                    ml_changes *changes, sl_error *err)
{
    const sgd_value *old = (const sgd_value *)was, *v = (const sgd_value *)is;
    for (int32_t j = 0; j < model->dims; j++) {
        if (old == NULL || memcmp(&old->weights[j], &v->weights[j], sizeof(double)) != 0) {
            SL_TRY(ml_changes_row(changes, false, err));
            sl_builder_int64(changes->keys, 0, j);
            sl_builder_float64(changes->values, 0, v->weights[j]);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- packing rows

static void part_free(void *part)
{
    sgd_part *p = part;
    if (p != NULL) {
        sl_free(p->rows);
        sl_free(p->gradient);
        sl_free(p);
    }
}

static int64_t part_bytes(const void *part)
{
    const sgd_part *p = part;
    return p->capacity * p->width * (int64_t)sizeof(double);
}

static sl_code new_part(const sl_model *model, const ml_value *value, void **out, sl_error *err)
{
    sgd_part *p = sl_alloc_zero(SLI_TAG_STREAM, sizeof *p);
    (void)value;
    if (p != NULL) {
        p->gradient = sl_alloc_array(SLI_TAG_STREAM, (size_t)model->dims, sizeof(double));
    }
    if (p == NULL || p->gradient == NULL) {
        part_free(p);
        return sl_error_nomem(err, (size_t)model->dims * sizeof(double), "rows to learn from");
    }
    p->width = model->dims + 1;
    *out = p;
    return SL_OK;
}

static sl_code grow(sgd_part *p, int64_t n, int64_t width, sl_error *err)
{
    if (p->n + n <= p->capacity) {
        return SL_OK;
    }
    int64_t capacity = 2 * p->capacity > p->n + n ? 2 * p->capacity : p->n + n;
    size_t size = (size_t)capacity * (size_t)width * sizeof(double);
    double *grown = sl_realloc(SLI_TAG_STREAM, p->rows, size);
    if (grown == NULL) {
        return sl_error_nomem(err, size, "rows to learn from");
    }
    p->rows = grown;
    p->capacity = capacity;
    return SL_OK;
}

static sl_code fold(const sl_model *model, const ml_value *value, void *part, const ml_rows *rows,
                    sl_error *err)
{
    sgd_part *p = part;
    int64_t dims = model->dims, width = dims + 1;
    (void)value;
    SL_TRY(grow(p, rows->n, width, err));
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok == NULL || rows->ok[i]) {
            double *row = p->rows + p->n++ * width;
            memcpy(row, rows->x + i * dims, (size_t)dims * sizeof(double));
            row[dims] = rows->y[i];
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a step

static double dot(const double *a, const double *b, int32_t n)
{
    double sum = 0;
    for (int32_t j = 0; j < n; j++) {
        sum += a[j] * b[j];
    }
    return sum;
}

static double sigmoid(double margin)
{
    return 1.0 / (1.0 + exp(-margin));
}

typedef struct step {
    const ml_lesson *lesson;
    const double *weights;
    int64_t number; ///< from 1
} step;

/// The rows that a step draws of a partition: by (seed + step, epoch, partition).
static sli_rng draws_of(const step *s, int32_t partition)
{
    const sgd_params *p = s->lesson->model->params;
    uint64_t seed = sli_mix64(p->seed + (uint64_t)s->number);
    seed = sli_mix64(seed ^ (uint64_t)s->lesson->epoch);
    return (sli_rng){sli_mix64(seed ^ (uint64_t)partition)};
}

/// The sum of the gradients of a partition's rows.
static void gradient_of(const step *s, int32_t partition)
{
    const sl_model *model = s->lesson->model;
    const sgd_params *params = model->params;
    sgd_part *p = s->lesson->parts[partition];
    bool logistic = model->kind == &ml_logistic, all = params->fraction >= 1;
    int32_t dims = model->dims;
    sli_rng rng = draws_of(s, partition);
    memset(p->gradient, 0, (size_t)dims * sizeof(double));
    p->n_drawn = 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (!all && ml_unit(sli_rng_next(&rng)) >= params->fraction) {
            continue;
        }
        const double *row = p->rows + i * (dims + 1);
        double margin = dot(s->weights, row, dims);
        double error = (logistic ? sigmoid(margin) : margin) - row[dims];
        for (int32_t j = 0; j < dims; j++) {
            p->gradient[j] += error * row[j];
        }
        p->n_drawn++;
    }
}

// ---------------------------------------------------------------- partitions beside each other

static sl_code compute_gradient(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                void *ctx, sl_error *err)
{
    (void)task, (void)push, (void)ctx, (void)err;
    gradient_of(rdd->body, partition);
    return SL_OK;
}

static const sli_rdd_ops gradient_ops = {.name = "gradient", .compute = compute_gradient};

static sl_code drop_rows(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)partition, (void)batch, (void)err;
    return SL_OK;
}

static bool is_large(const ml_lesson *lesson)
{
    int64_t cells = 0;
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        cells += ((const sgd_part *)lesson->parts[i])->n * lesson->model->dims;
    }
    return lesson->n_parts > 1 && cells >= PARALLEL_CELLS;
}

static sl_code gradients(const ml_lesson *lesson, step *s, sl_rdd *job, sl_error *err)
{
    sli_runtime *runtime = lesson->runtime;
    if (job != NULL) {
        return runtime->run(runtime, job, NULL, 0, drop_rows, NULL, err);
    }
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        gradient_of(s, i);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- an epoch's steps

static double length_of(const double *a, const double *b, int32_t n)
{
    double sum = 0;
    for (int32_t j = 0; j < n; j++) {
        double x = b == NULL ? a[j] : a[j] - b[j];
        sum += x * x;
    }
    return sqrt(sum);
}

/// The weights behind a step; false: it drew no row, and they are as before.
static bool move(const ml_lesson *lesson, const step *s, double *out)
{
    const sl_model *model = lesson->model;
    const sgd_params *params = model->params;
    int32_t dims = model->dims;
    int64_t n = 0;
    double size = params->step / sqrt((double)s->number);
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        n += ((const sgd_part *)lesson->parts[i])->n_drawn;
    }
    for (int32_t j = 0; n > 0 && j < dims; j++) {
        double sum = 0;
        for (int32_t i = 0; i < lesson->n_parts; i++) {
            sum += ((const sgd_part *)lesson->parts[i])->gradient[j];
        }
        out[j] = s->weights[j] * (1.0 - size * params->reg) - size * (sum / (double)n);
    }
    return n > 0;
}

static sl_code run_steps(const ml_lesson *lesson, step *s, sl_rdd *job, double *weights,
                         double *next, sl_error *err)
{
    const sgd_params *params = lesson->model->params;
    int32_t dims = lesson->model->dims;
    bool converged = false, moved = false;
    for (int64_t i = 1; i <= params->iterations && !converged; i++) {
        s->number = i;
        SL_TRY(gradients(lesson, s, job, err));
        if (!move(lesson, s, next)) {
            continue;
        }
        double limit = params->tolerance * fmax(length_of(next, NULL, dims), 1.0);
        converged = moved && length_of(weights, next, dims) < limit;
        moved = true; // the first step has none before it to be compared with
        memcpy(weights, next, (size_t)dims * sizeof *weights);
    }
    return SL_OK;
}

static sl_code check_finite(const sl_model *model, const double *weights, sl_error *err)
{
    for (int32_t j = 0; j < model->dims; j++) {
        if (!isfinite(weights[j])) {
            return sl_error_set(err, SL_E_DATA,
                                "weight %d has become infinite: the step of %g is too long for "
                                "these features; take a smaller one, or scale them (standardize)",
                                j, ((const sgd_params *)model->params)->step);
        }
    }
    return SL_OK;
}

static sl_code learn(const ml_lesson *lesson, ml_value **out, sl_error *err)
{
    const sl_model *model = lesson->model;
    int64_t n = 0;
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        n += ((const sgd_part *)lesson->parts[i])->n;
    }
    if (n == 0) {
        *out = ml_value_ref(lesson->from);
        return SL_OK;
    }
    sgd_value *v = NULL;
    SL_TRY(new_value(model, ((const sgd_value *)lesson->from)->weights, &v, err));
    double *next = sl_alloc_array(SLI_TAG_STREAM, (size_t)model->dims, sizeof *next);
    step s = {.lesson = lesson, .weights = v->weights};
    sl_rdd *job = NULL;
    if (is_large(lesson)) {
        job = sli_rdd_new(lesson->runtime, &gradient_ops, model->row_schema, lesson->n_parts, NULL,
                          0, &s);
        if (job != NULL) {
            job->pinned = true; // no second attempt beside the first: both would add to one sum
        }
    }
    sl_code rc = next == NULL ? sl_error_nomem(err, (size_t)model->dims * sizeof *next, "weights")
                              : run_steps(lesson, &s, job, v->weights, next, err);
    rc = rc != SL_OK ? rc : check_finite(model, v->weights, err);
    sl_rdd_unref(job);
    sl_free(next);
    if (rc != SL_OK) {
        ml_value_unref(&v->head);
        return rc;
    }
    *out = &v->head;
    return SL_OK;
}

static sl_code predict(const sl_model *model, const ml_value *value, const ml_rows *rows,
                       sl_builder *out, int32_t column, sl_error *err)
{
    const sgd_params *params = model->params;
    bool logistic = model->kind == &ml_logistic;
    (void)err;
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok != NULL && !rows->ok[i]) {
            sl_builder_null(out, column);
            continue;
        }
        double y = dot(((const sgd_value *)value)->weights, rows->x + i * model->dims, model->dims);
        y = logistic ? sigmoid(y) : y;
        sl_builder_float64(out, column, logistic && !params->probability ? y > 0.5 : y);
    }
    return SL_OK;
}

#define SGD_KIND                                                                                   \
    .keys = "feature int64", .values = "weight float64", .out = "float64", .has_labels = true,     \
    .params_bytes = sizeof(sgd_params), .define = define, .begin = begin, .load = load,            \
    .loaded = ml_features_loaded, .save = save, .part = new_part, .fold = fold,                    \
    .part_free = part_free, .part_bytes = part_bytes, .learn = learn, .predict = predict,          \
    .value_free = value_free

const ml_kind ml_linear = {.node = ML_NODE("linear"), .options = sli_ml_sgd_options, SGD_KIND};
const ml_kind ml_logistic = {.node = ML_NODE("logistic"),
                             .options = sli_ml_sgd_options,
                             .more = sli_ml_logistic_options,
                             .binary_labels = true,
                             SGD_KIND};
