// StreamingTest: whether an experiment's values have the mean of the control's. Spark's, cured:
// README.md has what compat=spark keeps.
//
// It is a model that learns the moments of both groups: of all batches in one entry, or of each
// batch that the window holds.
#include "ml/ml_int.h"

#include "ml/moments.h"
#include "ml/student.h"

#include <math.h>

enum { ALL = -1, COUNTER = 0 }; ///< numbers of batches in the table that are no batches

typedef struct groups_params {
    bool student, compat;
    int32_t window; ///< batches; 0: all
    int64_t peace;
} groups_params;

typedef struct entry {
    int64_t batch;
    ml_moments groups[2]; ///< control, experiment
} entry;

typedef struct groups_value {
    ml_value head;
    int64_t seen; ///< batches, as far as somebody counts
    int32_t n;
    entry entries[]; ///< room for one more than the window has
} groups_value;

typedef struct groups_part {
    ml_moments groups[2];
} groups_part;

const sl_option sli_ml_test_options[] = {
    {.name = "method",
     .type = SL_OPT_CHOICE,
     .fallback = "welch",
     .choices = "welch|student",
     .text = "Variances may differ (Welch), or are taken to be equal (Student)."},
    {.name = "window",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .high = "100000",
     .text = "Batches that count, the latest ones; 0: all."},
    {.name = "peace",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .text = "First batches of the job that don't count."},
    {.name = "uid",
     .type = SL_OPT_TEXT,
     .text = "Name under which its state is filed, as sl_stream_uid's."},
    {0},
};

static sl_code define(sl_model *model, const sl_conf *conf, sl_error *err)
{
    groups_params *p = model->params;
    p->student = sl_conf_choice(conf, "method") == 1;
    p->window = (int32_t)sl_conf_int64(conf, "window");
    p->peace = sl_conf_int64(conf, "peace");
    p->compat = model->graph->compat_spark;
    model->dims = 1;
    const char *uid = sl_conf_text(conf, "uid");
    if (uid != NULL && sl_stream_uid(model->node, uid) == NULL) {
        return sl_error_set(err, SL_E_INVALID, "uid '%.100s' can't be", uid);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- values and rows

static void value_free(ml_value *value)
{
    sl_free(value);
}

static size_t size_of(const sl_model *model)
{
    const groups_params *p = model->params;
    return sizeof(groups_value) + ((size_t)p->window + 2) * sizeof(entry);
}

static sl_code new_value(const sl_model *model, const groups_value *from, groups_value **out,
                         sl_error *err)
{
    groups_value *v = sl_alloc_zero(SLI_TAG_STREAM, size_of(model));
    if (v == NULL) {
        return sl_error_nomem(err, size_of(model), "two groups");
    }
    if (from != NULL) {
        v->seen = from->seen;
        v->n = from->n;
        memcpy(v->entries, from->entries, (size_t)from->n * sizeof(entry));
    }
    v->head = (ml_value){.refs = 1, .kind = &ml_two_groups};
    *out = v;
    return SL_OK;
}

static sl_code begin(const sl_model *model, ml_value **out, sl_error *err)
{
    groups_value *v = NULL;
    SL_TRY(new_value(model, NULL, &v, err));
    *out = &v->head;
    return SL_OK;
}

/// The entry of a batch, kept in order; NULL: there is no room.
static entry *entry_of(const sl_model *model, groups_value *v, int64_t batch)
{
    int32_t at = 0, most = ((const groups_params *)model->params)->window + 1;
    while (at < v->n && v->entries[at].batch < batch) {
        at++;
    }
    if (at < v->n && v->entries[at].batch == batch) {
        return &v->entries[at];
    }
    if (v->n == most) {
        return NULL;
    }
    memmove(&v->entries[at + 1], &v->entries[at], (size_t)(v->n - at) * sizeof(entry));
    v->entries[at] = (entry){.batch = batch};
    v->n++;
    return &v->entries[at];
}

static sl_code load(const sl_model *model, ml_value *value, const sl_batch *keys,
                    const sl_batch *values, sl_error *err)
{
    groups_value *v = (groups_value *)value;
    int32_t window = ((const groups_params *)model->params)->window;
    for (int64_t i = 0; i < sl_batch_rows(keys); i++) {
        int64_t batch = sl_column_int64(sl_batch_column(keys, 0), i);
        int64_t n = sl_column_int64(sl_batch_column(values, 0), i);
        if (batch == COUNTER) {
            v->seen = n;
            continue;
        }
        entry *e = (batch == ALL) == (window == 0) ? entry_of(model, v, batch) : NULL;
        if (e == NULL) {
            return ml_other_shape(model, err, "it has batches that window=%d does not hold",
                                  window);
        }
        e->groups[sl_column_bool(sl_batch_column(keys, 1), i)] =
            (ml_moments){n, sl_column_float64(sl_batch_column(values, 1), i),
                         sl_column_float64(sl_batch_column(values, 2), i)};
    }
    return SL_OK;
}

static sl_code put(ml_changes *changes, int64_t batch, bool experiment, const ml_moments *m,
                   bool gone, sl_error *err)
{
    SL_TRY(ml_changes_row(changes, gone, err));
    sl_builder_int64(changes->keys, 0, batch);
    sl_builder_bool(changes->keys, 1, experiment);
    sl_builder_int64(changes->values, 0, m->n);
    sl_builder_float64(changes->values, 1, m->mean);
    sl_builder_float64(changes->values, 2, m->m2);
    return SL_OK;
}

static const entry *find(const groups_value *v, int64_t batch)
{
    for (int32_t i = 0; v != NULL && i < v->n; i++) {
        if (v->entries[i].batch == batch) {
            return &v->entries[i];
        }
    }
    return NULL;
}

static sl_code put_entry(ml_changes *changes, const entry *is, const entry *was, bool gone,
                         sl_error *err)
{
    for (int g = 0; g < 2; g++) {
        const ml_moments *m = &is->groups[g];
        bool same = was != NULL && memcmp(m, &was->groups[g], sizeof *m) == 0;
        if (m->n > 0 && !same) {
            SL_TRY(put(changes, is->batch, g == 1, m, gone, err));
        }
    }
    return SL_OK;
}

static sl_code save(const sl_model *model, const ml_value *was, const ml_value *is,
                    ml_changes *changes, sl_error *err)
{
    const groups_value *old = (const groups_value *)was, *v = (const groups_value *)is;
    (void)model;
    for (int32_t i = 0; old != NULL && i < old->n; i++) {
        if (find(v, old->entries[i].batch) == NULL) {
            SL_TRY(put_entry(changes, &old->entries[i], NULL, true, err));
        }
    }
    if (v->seen > 0 && (old == NULL || old->seen != v->seen)) {
        SL_TRY(put(changes, COUNTER, false, &(ml_moments){.n = v->seen}, false, err));
    }
    for (int32_t i = 0; i < v->n; i++) {
        SL_TRY(put_entry(changes, &v->entries[i], find(old, v->entries[i].batch), false, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- learning

static void part_free(void *part)
{
    sl_free(part);
}

static sl_code new_part(const sl_model *model, const ml_value *value, void **out, sl_error *err)
{
    (void)model, (void)value;
    *out = sl_alloc_zero(SLI_TAG_STREAM, sizeof(groups_part));
    return *out == NULL ? sl_error_nomem(err, sizeof(groups_part), "two groups") : SL_OK;
}

static sl_code fold(const sl_model *model, const ml_value *value, void *part, const ml_rows *rows,
                    sl_error *err)
{
    groups_part *p = part;
    (void)model, (void)value, (void)err;
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok == NULL || rows->ok[i]) {
            ml_moments_add(&p->groups[rows->y[i] != 0], rows->x[i]);
        }
    }
    return SL_OK;
}

static bool is_peace(const ml_lesson *lesson, const groups_value *v)
{
    const groups_params *p = lesson->model->params;
    if (p->compat) { // of 1970: with a real clock it is over
        return (lesson->time_us + lesson->interval_us - 1) / lesson->interval_us <= p->peace;
    }
    return v->seen <= p->peace;
}

/// Batches that the window no longer holds.
static void forget(groups_value *v, int32_t window)
{
    int32_t gone = 0;
    while (gone < v->n && v->entries[gone].batch <= v->seen - window) {
        gone++;
    }
    v->n -= gone;
    memmove(v->entries, v->entries + gone, (size_t)v->n * sizeof(entry));
}

static void add(const ml_lesson *lesson, groups_value *v, int64_t batch)
{
    ml_moments all[2] = {{0}};
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        const groups_part *p = lesson->parts[i];
        ml_moments_merge(&all[0], &p->groups[0]);
        ml_moments_merge(&all[1], &p->groups[1]);
    }
    if (all[0].n + all[1].n > 0) {
        entry *e = entry_of(lesson->model, v, batch);
        SL_ASSERT(e != NULL, "the window has room for the running batch");
        ml_moments_merge(&e->groups[0], &all[0]);
        ml_moments_merge(&e->groups[1], &all[1]);
    }
}

static sl_code learn(const ml_lesson *lesson, ml_value **out, sl_error *err)
{
    const groups_params *p = lesson->model->params;
    groups_value *v = NULL;
    SL_TRY(new_value(lesson->model, (const groups_value *)lesson->from, &v, err));
    v->seen += p->window > 0 || v->seen <= p->peace;
    if (p->window > 0) {
        forget(v, p->window);
    }
    if (p->peace == 0 || !is_peace(lesson, v)) {
        add(lesson, v, p->window > 0 ? v->seen : ALL);
    }
    *out = &v->head;
    return SL_OK;
}

// ---------------------------------------------------------------- the tests

typedef struct sample {
    double n, mean, variance;
} sample;

typedef struct outcome {
    double p, degrees, statistic;
} outcome;

static sample sample_of(const ml_moments *m, bool compat)
{
    return (sample){(double)m->n, m->mean, m->m2 / (double)(compat ? m->n : m->n - 1)};
}

/// Spark's count of degrees: variances squared where they are meant alone.
static double spark_degrees(sample a, sample b)
{
    double x = a.variance * a.variance / a.n, y = b.variance * b.variance / b.n;
    return (x + y) * (x + y) / (x * x / (a.n - 1) + y * y / (b.n - 1));
}

static outcome welch(sample a, sample b, bool compat)
{
    double x = a.variance / a.n, y = b.variance / b.n;
    double degrees = (x + y) * (x + y) / (x * x / (a.n - 1) + y * y / (b.n - 1));
    double t = (a.mean - b.mean) / sqrt(x + y);
    return (outcome){sli_student_two_sided(t, degrees), compat ? spark_degrees(a, b) : degrees, t};
}

static outcome student(sample a, sample b)
{
    double degrees = a.n + b.n - 2;
    double variance = ((a.n - 1) * a.variance + (b.n - 1) * b.variance) / degrees;
    double t = (a.mean - b.mean) / sqrt(variance * (1 / a.n + 1 / b.n));
    return (outcome){sli_student_two_sided(t, degrees), degrees, t};
}

static sl_code result(const sl_model *model, const ml_value *value, sl_builder *out, sl_error *err)
{
    const groups_params *p = model->params;
    const groups_value *v = (const groups_value *)value;
    ml_moments all[2] = {{0}};
    (void)err;
    for (int32_t i = 0; i < v->n; i++) {
        ml_moments_merge(&all[0], &v->entries[i].groups[0]);
        ml_moments_merge(&all[1], &v->entries[i].groups[1]);
    }
    if (p->compat && (all[0].n == 0 || all[1].n == 0)) {
        all[all[0].n == 0 ? 0 : 1] = all[all[0].n == 0 ? 1 : 0]; // a group alone meets itself
    }
    if (all[0].n < 2 || all[1].n < 2) {
        return SL_OK;
    }
    sample control = sample_of(&all[0], p->compat), experiment = sample_of(&all[1], p->compat);
    outcome o = p->student ? student(control, experiment) : welch(control, experiment, p->compat);
    const char *method = p->student ? "Student's 2-sample t-test" : "Welch's 2-sample t-test";
    sl_builder_float64(out, 0, o.p);
    sl_builder_float64(out, 1, o.degrees);
    sl_builder_float64(out, 2, o.statistic);
    sl_builder_text(out, 3, method, strlen(method));
    return SL_OK;
}

const ml_kind ml_two_groups = {
    .node = ML_NODE("test"),
    .options = sli_ml_test_options,
    .keys = "batch int64, experiment bool",
    .values = "count int64, mean float64, m2 float64",
    .results = "p_value float64, degrees float64, statistic float64, method string",
    .has_labels = true,
    .binary_labels = true,
    .params_bytes = sizeof(groups_params),
    .define = define,
    .begin = begin,
    .load = load,
    .save = save,
    .part = new_part,
    .fold = fold,
    .part_free = part_free,
    .learn = learn,
    .result = result,
    .value_free = value_free,
};

sl_stream *sl_stream_test(sl_stream *stream, const char *group, const char *value,
                          const char *options)
{
    if (stream == NULL) {
        return NULL;
    }
    sl_model *model = ml_model_open(stream->graph, &ml_two_groups, options);
    return ml_train_open(model, stream, value, group == NULL ? "" : group) == NULL
               ? NULL
               : ml_rows_open(model, stream);
}
