// Mean and variance of each feature, over all rows ever; and features scaled by them.
#include "ml/ml_int.h"

#include "ml/moments.h"

#include <math.h>

typedef struct scale_params {
    bool population;
} scale_params;

typedef struct scale_value {
    ml_value head;
    ml_moments features[];
} scale_value;

const sl_option sli_ml_standardize_options[] = {
    {.name = "variance",
     .type = SL_OPT_CHOICE,
     .fallback = "sample",
     .choices = "sample|population",
     .text = "What the sum of squares is divided by: rows less one, or rows."},
    {.name = "dims",
     .type = SL_OPT_INT,
     .low = "1",
     .high = "1048576",
     .text = "Features; default: as many as columns are named."},
    {0},
};

static sl_code define(sl_model *model, const sl_conf *conf, sl_error *err)
{
    (void)err;
    ((scale_params *)model->params)->population = sl_conf_choice(conf, "variance") == 1;
    model->dims = (int32_t)sl_conf_int64(conf, "dims");
    return SL_OK;
}

static void value_free(ml_value *value)
{
    sl_free(value);
}

static sl_code new_value(const sl_model *model, scale_value **out, sl_error *err)
{
    size_t size = sizeof(scale_value) + (size_t)model->dims * sizeof(ml_moments);
    scale_value *v = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (v == NULL) {
        return sl_error_nomem(err, size, "moments of features");
    }
    v->head = (ml_value){.refs = 1, .kind = &ml_standardize};
    *out = v;
    return SL_OK;
}

static sl_code begin(const sl_model *model, ml_value **out, sl_error *err)
{
    scale_value *v = NULL;
    SL_TRY(new_value(model, &v, err));
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
        ((scale_value *)value)->features[j] =
            (ml_moments){sl_column_int64(sl_batch_column(values, 0), i),
                         sl_column_float64(sl_batch_column(values, 1), i),
                         sl_column_float64(sl_batch_column(values, 2), i)};
    }
    return SL_OK;
}

static sl_code save(const sl_model *model, const ml_value *was, const ml_value *is,
                    ml_changes *changes, sl_error *err)
{
    const scale_value *old = (const scale_value *)was, *v = (const scale_value *)is;
    for (int32_t j = 0; j < model->dims; j++) {
        const ml_moments *m = &v->features[j];
        if (old == NULL || memcmp(m, &old->features[j], sizeof *m) != 0) {
            SL_TRY(ml_changes_row(changes, false, err));
            sl_builder_int64(changes->keys, 0, j);
            sl_builder_int64(changes->values, 0, m->n);
            sl_builder_float64(changes->values, 1, m->mean);
            sl_builder_float64(changes->values, 2, m->m2);
        }
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
    size_t size = (size_t)model->dims * sizeof(ml_moments);
    (void)value;
    *out = sl_alloc_zero(SLI_TAG_STREAM, size);
    return *out == NULL ? sl_error_nomem(err, size, "moments of features") : SL_OK;
}

static sl_code fold(const sl_model *model, const ml_value *value, void *part, const ml_rows *rows,
                    sl_error *err)
{
    ml_moments *features = part;
    (void)value, (void)err;
    for (int64_t i = 0; i < rows->n; i++) {
        for (int32_t j = 0; j < model->dims && (rows->ok == NULL || rows->ok[i]); j++) {
            ml_moments_add(&features[j], rows->x[i * model->dims + j]);
        }
    }
    return SL_OK;
}

static sl_code check_finite(const sl_model *model, const scale_value *v, sl_error *err)
{
    for (int32_t j = 0; j < model->dims; j++) {
        if (!isfinite(v->features[j].m2)) {
            return sl_error_set(err, SL_E_DATA, "the variance of feature %d is infinite", j);
        }
    }
    return SL_OK;
}

static sl_code learn(const ml_lesson *lesson, ml_value **out, sl_error *err)
{
    const sl_model *model = lesson->model;
    int64_t n = 0;
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        n += ((const ml_moments *)lesson->parts[i])->n;
    }
    if (n == 0) {
        *out = ml_value_ref(lesson->from);
        return SL_OK;
    }
    scale_value *v = NULL;
    SL_TRY(new_value(model, &v, err));
    memcpy(v->features, ((const scale_value *)lesson->from)->features,
           (size_t)model->dims * sizeof(ml_moments));
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        for (int32_t j = 0; j < model->dims; j++) {
            ml_moments_merge(&v->features[j], (const ml_moments *)lesson->parts[i] + j);
        }
    }
    sl_code rc = check_finite(model, v, err);
    if (rc != SL_OK) {
        value_free(&v->head);
        return rc;
    }
    *out = &v->head;
    return SL_OK;
}

// ---------------------------------------------------------------- scaling

/// A feature that never changes is 0, as its mean is; without a variance there is no answer.
static void put_scaled(const scale_params *p, const ml_moments *m, double x, sl_builder *out,
                       int32_t column)
{
    if (m->n < 2) {
        sl_builder_null(out, column);
        return;
    }
    double variance = m->m2 / (double)(p->population ? m->n : m->n - 1);
    sl_builder_float64(out, column, variance > 0 ? (x - m->mean) / sqrt(variance) : x - m->mean);
}

static void put_list(const sl_model *model, const scale_value *v, const double *x, sl_builder *out,
                     int32_t column)
{
    if (v->features[0].n < 2) {
        sl_builder_null(out, column);
        return;
    }
    sl_builder_list_begin(out, column);
    for (int32_t j = 0; j < model->dims; j++) {
        put_scaled(model->params, &v->features[j], x[j], out, column);
    }
    sl_builder_list_end(out, column);
}

static sl_code predict(const sl_model *model, const ml_value *value, const ml_rows *rows,
                       sl_builder *out, int32_t column, sl_error *err)
{
    const scale_value *v = (const scale_value *)value;
    int32_t n = rows->input->is_list ? 1 : model->dims;
    (void)err;
    for (int64_t i = 0; i < rows->n; i++) {
        const double *x = rows->x + i * model->dims;
        bool bad = rows->ok != NULL && !rows->ok[i];
        if (!bad && rows->input->is_list) {
            put_list(model, v, x, out, column);
            continue;
        }
        for (int32_t j = 0; j < n; j++) {
            if (bad) {
                sl_builder_null(out, column + j);
            } else {
                put_scaled(model->params, &v->features[j], x[j], out, column + j);
            }
        }
    }
    return SL_OK;
}

const ml_kind ml_standardize = {
    .node = ML_NODE("standardize"),
    .options = sli_ml_standardize_options,
    .keys = "feature int64",
    .values = "count int64, mean float64, m2 float64",
    .out = "float64",
    .names_each = true,
    .null_at_first = true,
    .params_bytes = sizeof(scale_params),
    .define = define,
    .begin = begin,
    .load = load,
    .loaded = ml_features_loaded,
    .save = save,
    .part = new_part,
    .fold = fold,
    .part_free = part_free,
    .learn = learn,
    .predict = predict,
    .value_free = value_free,
};
