// StreamingKMeans: k centres that forget. Spark's formulas, SPARK-3254; see README.md.
//
// Per epoch: every row goes to its nearest centre (the first of equals); weights are discounted; a
// centre with n rows of mean m moves to (1 - l) c + l m, l = n / max(weight, 1e-16); a centre that
// has died gets half of the largest one.
//
// The distances of some rows to some centres are found side by side, a row a lane. Each row's sums
// are taken in order of features, so the result does not rest on the width of vectors.
#include "ml/ml_int.h"

#include "ml/spark_random.h"

#include <math.h>

enum {
    LANES = 4,              ///< rows of a vector
    VECTORS = 2,            ///< of rows, at once
    ROWS = LANES * VECTORS, ///< at once
    CENTERS = 5,            ///< at once: their sums stay in registers
    FEATURES = 4,           ///< that are added to a cluster's sums at once
};

typedef struct kmeans_params {
    int32_t k;
    double decay;
    bool by_points;
    double *centers; ///< k rows; NULL: random
    double *weights; ///< k
    uint64_t seed;
} kmeans_params;

typedef struct kmeans_value {
    ml_value head;
    double *weights; ///< k
    double *centers; ///< k rows
    double *turned;  ///< features rows of k: the centres, for the distances
} kmeans_value;

typedef struct kmeans_part {
    double *sums;    ///< k rows
    int64_t *counts; ///< k
} kmeans_part;

const sl_option sli_ml_kmeans_options[] = {
    {.name = "k",
     .type = SL_OPT_INT,
     .fallback = "2",
     .low = "1",
     .high = "65536",
     .text = "Clusters."},
    {.name = "decay",
     .type = SL_OPT_FLOAT,
     .fallback = "1",
     .low = "0",
     .text = "What a weight keeps from one unit to the next: 1 forgets nothing, 0 everything."},
    {.name = "half_life",
     .type = SL_OPT_FLOAT,
     .text = "In place of decay: after so many units half of a weight is left."},
    {.name = "unit",
     .type = SL_OPT_CHOICE,
     .fallback = "batches",
     .choices = "batches|points",
     .text = "What decay and half_life count."},
    {.name = "centers",
     .type = SL_OPT_TEXT,
     .text = "Centres to begin with, as '0 0; 4 4'; default: random ones."},
    {.name = "weights",
     .type = SL_OPT_TEXT,
     .text = "Their weights, as '1 1'; default: zeros, or `weight` of each."},
    {.name = "weight",
     .type = SL_OPT_FLOAT,
     .fallback = "0",
     .low = "0",
     .text = "Weight of each centre to begin with."},
    {.name = "seed",
     .type = SL_OPT_INT,
     .fallback = "42",
     .text = "Of random centres: each feature from the normal distribution."},
    {.name = "dims",
     .type = SL_OPT_INT,
     .low = "1",
     .high = "1048576",
     .text = "Features; default: as many as columns are named."},
    {0},
};

// ---------------------------------------------------------------- options

static sl_code take_centers(sl_model *model, kmeans_params *p, const sl_conf *conf, sl_error *err)
{
    const char *text = sl_conf_text(conf, "centers");
    int32_t rows = 0, dims = 0;
    model->dims = (int32_t)sl_conf_int64(conf, "dims");
    if (text == NULL) {
        return SL_OK;
    }
    SL_TRY(ml_numbers_parse("centers", text, model->graph->arena, &p->centers, &rows, &dims, err));
    if (sl_conf_is_set(conf, "k") && rows != p->k) {
        return sl_error_set(err, SL_E_INVALID, "centers: %d of them, and k=%d", rows, p->k);
    }
    if (model->dims > 0 && model->dims != dims) {
        return sl_error_set(err, SL_E_INVALID, "centers: each has %d numbers, and dims=%d", dims,
                            model->dims);
    }
    p->k = rows;
    model->dims = dims;
    return SL_OK;
}

static sl_code take_weights(sl_model *model, kmeans_params *p, const sl_conf *conf, sl_error *err)
{
    const char *text = sl_conf_text(conf, "weights");
    int32_t rows = 0, n = 0;
    if (text == NULL) {
        p->weights = sl_arena_alloc(model->graph->arena, (size_t)p->k * sizeof *p->weights);
        for (int32_t c = 0; p->weights != NULL && c < p->k; c++) {
            p->weights[c] = sl_conf_float64(conf, "weight");
        }
        return p->weights == NULL ? sl_error_nomem(err, (size_t)p->k, "weights") : SL_OK;
    }
    SL_TRY(ml_numbers_parse("weights", text, model->graph->arena, &p->weights, &rows, &n, err));
    if (rows != 1 || n != p->k) {
        return sl_error_set(err, SL_E_INVALID, "weights: %d numbers for %d clusters", n * rows,
                            p->k);
    }
    for (int32_t c = 0; c < n; c++) {
        if (p->weights[c] < 0) {
            return sl_error_set(err, SL_E_INVALID, "weights: %g is less than 0", p->weights[c]);
        }
    }
    return SL_OK;
}

static sl_code define(sl_model *model, const sl_conf *conf, sl_error *err)
{
    kmeans_params *p = model->params;
    p->k = (int32_t)sl_conf_int64(conf, "k");
    p->decay = sl_conf_float64(conf, "decay");
    p->by_points = sl_conf_choice(conf, "unit") == 1;
    p->seed = (uint64_t)sl_conf_int64(conf, "seed");
    if (sl_conf_is_set(conf, "half_life")) {
        double half_life = sl_conf_float64(conf, "half_life");
        if (sl_conf_is_set(conf, "decay")) {
            return sl_error_set(err, SL_E_INVALID, "decay and half_life: choose one of them");
        }
        if (!(half_life > 0)) {
            return sl_error_set(err, SL_E_INVALID, "half_life: %g is not more than 0", half_life);
        }
        p->decay = exp(log(0.5) / half_life);
    }
    SL_TRY(take_centers(model, p, conf, err));
    return take_weights(model, p, conf, err);
}

// ---------------------------------------------------------------- values

static void value_free(ml_value *value)
{
    kmeans_value *v = (kmeans_value *)value;
    sl_free(v->weights);
    sl_free(v->centers);
    sl_free(v->turned);
    sl_free(v);
}

static sl_code new_value(const sl_model *model, kmeans_value **out, sl_error *err)
{
    const kmeans_params *p = model->params;
    size_t cells = (size_t)p->k * (size_t)model->dims;
    kmeans_value *v = sl_alloc_zero(SLI_TAG_STREAM, sizeof *v);
    if (v == NULL) {
        return sl_error_nomem(err, sizeof *v, "clusters");
    }
    v->head = (ml_value){.refs = 1, .kind = &ml_kmeans};
    v->weights = sl_alloc_array(SLI_TAG_STREAM, (size_t)p->k, sizeof(double));
    v->centers = sl_alloc_array(SLI_TAG_STREAM, cells, sizeof(double));
    v->turned = sl_alloc_array(SLI_TAG_STREAM, cells, sizeof(double));
    if (v->weights == NULL || v->centers == NULL || v->turned == NULL) {
        value_free(&v->head);
        return sl_error_nomem(err, 2 * cells * sizeof(double), "clusters");
    }
    *out = v;
    return SL_OK;
}

static void turn_centers(const sl_model *model, kmeans_value *v)
{
    int32_t k = ((const kmeans_params *)model->params)->k;
    for (int32_t j = 0; j < model->dims; j++) {
        for (int32_t c = 0; c < k; c++) {
            v->turned[(int64_t)j * k + c] = v->centers[(int64_t)c * model->dims + j];
        }
    }
}

static sl_code begin(const sl_model *model, ml_value **out, sl_error *err)
{
    const kmeans_params *p = model->params;
    kmeans_value *v = NULL;
    SL_TRY(new_value(model, &v, err));
    sli_spark_random random = sli_spark_random_of((int64_t)p->seed);
    for (int64_t i = 0; i < (int64_t)p->k * model->dims; i++) {
        v->centers[i] = p->centers != NULL ? p->centers[i] : sli_spark_random_gaussian(&random);
    }
    memcpy(v->weights, p->weights, (size_t)p->k * sizeof(double));
    turn_centers(model, v);
    *out = &v->head;
    return SL_OK;
}

// ---------------------------------------------------------------- rows of the table

static sl_code load(const sl_model *model, ml_value *value, const sl_batch *keys,
                    const sl_batch *values, sl_error *err)
{
    kmeans_value *v = (kmeans_value *)value;
    int32_t k = ((const kmeans_params *)model->params)->k;
    const sl_column *lists = sl_batch_column(values, 1);
    const int32_t *offsets = lists->values;
    for (int64_t i = 0; i < sl_batch_rows(keys); i++) {
        int64_t c = sl_column_int64(sl_batch_column(keys, 0), i);
        if (c < 0 || c >= k) {
            return ml_other_shape(model, err, "it has a cluster %lld, and k=%d", (long long)c, k);
        }
        if (offsets[i + 1] - offsets[i] != model->dims) {
            return ml_other_shape(model, err,
                                  "its centres have %d numbers, and the features are %d",
                                  offsets[i + 1] - offsets[i], model->dims);
        }
        v->weights[c] = sl_column_float64(sl_batch_column(values, 0), i);
        for (int32_t j = 0; j < model->dims; j++) {
            v->centers[c * model->dims + j] =
                sl_column_float64(&lists->children[0], offsets[i] + j);
        }
    }
    turn_centers(model, v);
    return SL_OK;
}

static sl_code loaded(const sl_model *model, const ml_value *value, int64_t n, sl_error *err)
{
    int32_t k = ((const kmeans_params *)model->params)->k;
    (void)value;
    return n == k ? SL_OK
                  : ml_other_shape(model, err, "it has %lld clusters, and k=%d", (long long)n, k);
}

static bool is_same(const sl_model *model, const kmeans_value *a, const kmeans_value *b, int32_t c)
{
    size_t size = (size_t)model->dims * sizeof(double);
    int64_t at = (int64_t)c * model->dims;
    return memcmp(&a->weights[c], &b->weights[c], sizeof(double)) == 0 &&
           memcmp(&a->centers[at], &b->centers[at], size) == 0;
}

static sl_code save(const sl_model *model, const ml_value *was, const ml_value *is,
                    ml_changes *changes, sl_error *err)
{
    const kmeans_value *old = (const kmeans_value *)was, *v = (const kmeans_value *)is;
    for (int32_t c = 0; c < ((const kmeans_params *)model->params)->k; c++) {
        if (old != NULL && is_same(model, old, v, c)) {
            continue;
        }
        SL_TRY(ml_changes_row(changes, false, err));
        sl_builder_int64(changes->keys, 0, c);
        sl_builder_float64(changes->values, 0, v->weights[c]);
        sl_builder_list_begin(changes->values, 1);
        for (int32_t j = 0; j < model->dims; j++) {
            sl_builder_float64(changes->values, 1, v->centers[(int64_t)c * model->dims + j]);
        }
        sl_builder_list_end(changes->values, 1);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- distances

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef double unaligned __attribute__((vector_size(sizeof(lanes)), aligned(sizeof(double))));
typedef int64_t choice __attribute__((vector_size(LANES * sizeof(int64_t))));

/// What the nearest centre of some rows is looked for with.
typedef struct look {
    const double *const *columns; ///< of the rows, by feature
    const double *turned;
    int32_t dims, k;
} look;

/// The squares of the distances from ROWS rows, the first one at `at`, to `n` centres from `first`
/// on. `n` is a constant.
static inline __attribute__((always_inline)) void
distances_of(const look *l, int64_t at, int32_t first, int32_t n, lanes sums[CENTERS][VECTORS])
{
    for (int32_t c = 0; c < n; c++) {
        sums[c][0] = sums[c][1] = (lanes){0};
    }
    for (int32_t j = 0; j < l->dims; j++) {
        const double *centers = l->turned + (int64_t)j * l->k + first;
        const unaligned *x = (const unaligned *)(l->columns[j] + at);
        for (int32_t c = 0; c < n; c++) {
            for (int32_t v = 0; v < VECTORS; v++) {
                lanes far = x[v] - centers[c];
                sums[c][v] += far * far;
            }
        }
    }
}

/// Keeps those of `n` centres from `first` on that are nearer. A lane of a comparison is all ones
/// or all zeros.
static inline __attribute__((always_inline)) void
choose(lanes sums[CENTERS][VECTORS], int32_t first, int32_t n, lanes *least, choice *best)
{
    for (int32_t c = 0; c < n; c++) {
        for (int32_t v = 0; v < VECTORS; v++) {
            choice nearer = sums[c][v] < least[v];
            least[v] = (lanes)(((choice)sums[c][v] & nearer) | ((choice)least[v] & ~nearer));
            best[v] = ((first + c) & nearer) | (best[v] & ~nearer);
        }
    }
}

static inline __attribute__((always_inline)) void look_at(const look *l, int64_t at, int32_t first,
                                                          int32_t n, lanes *least, choice *best)
{
    lanes sums[CENTERS][VECTORS];
    distances_of(l, at, first, n, sums);
    choose(sums, first, n, least, best);
}

/// The first of the nearest centres of ROWS rows.
static inline __attribute__((always_inline)) void nearest_of_rows(const look *l, int64_t at,
                                                                  int32_t *out)
{
    lanes least[VECTORS];
    choice best[VECTORS] = {{0}};
    for (int32_t v = 0; v < VECTORS; v++) {
        least[v] = (lanes){0} + (double)INFINITY;
    }
    for (int32_t c = 0; c < l->k; c += CENTERS) {
        switch (l->k - c) {
        case 1:
            look_at(l, at, c, 1, least, best);
            break;
        case 2:
            look_at(l, at, c, 2, least, best);
            break;
        case 3:
            look_at(l, at, c, 3, least, best);
            break;
        case 4:
            look_at(l, at, c, 4, least, best);
            break;
        default:
            look_at(l, at, c, CENTERS, least, best);
        }
    }
    for (int32_t i = 0; i < ROWS; i++) {
        out[i] = (int32_t)best[i / LANES][i % LANES];
    }
}

/// The same of one row: those that are left.
static int32_t nearest_of_row(const look *l, int64_t at)
{
    int32_t best = 0;
    double least = (double)INFINITY;
    for (int32_t c = 0; c < l->k; c++) {
        double sum = 0;
        for (int32_t j = 0; j < l->dims; j++) {
            double far = l->columns[j][at] - l->turned[(int64_t)j * l->k + c];
            sum += far * far;
        }
        best = sum < least ? c : best;
        least = sum < least ? sum : least;
    }
    return best;
}

static inline __attribute__((always_inline)) int64_t nearest_of(const look *l, int64_t n,
                                                                int32_t *out)
{
    int64_t at = 0;
    for (; at + ROWS <= n; at += ROWS) {
        nearest_of_rows(l, at, out + at);
    }
    return at;
}

#ifdef __x86_64__ // an instruction set, not a platform: elsewhere the plain loop serves
/// The same with vectors of four: each lane's sum is the same, bit for bit.
__attribute__((target("avx2"))) static int64_t nearest_avx2(const look *l, int64_t n, int32_t *out)
{
    return nearest_of(l, n, out);
}
#endif

static int64_t nearest_plain(const look *l, int64_t n, int32_t *out)
{
    return nearest_of(l, n, out);
}

/// The nearest centre of each row; of a row that is not `ok` any.
static void nearest(const sl_model *model, const ml_value *value, const ml_rows *rows, int32_t *out)
{
    look l = {.columns = rows->columns,
              .turned = ((const kmeans_value *)value)->turned,
              .dims = model->dims,
              .k = ((const kmeans_params *)model->params)->k};
    int64_t (*whole)(const look *, int64_t, int32_t *) = nearest_plain;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) {
        whole = nearest_avx2;
    }
#endif
    for (int64_t i = whole(&l, rows->n, out); i < rows->n; i++) {
        out[i] = nearest_of_row(&l, i);
    }
}

// ---------------------------------------------------------------- learning

static void part_free(void *part)
{
    kmeans_part *p = part;
    if (p != NULL) {
        sl_free(p->sums);
        sl_free(p->counts);
        sl_free(p);
    }
}

static sl_code new_part(const sl_model *model, const ml_value *value, void **out, sl_error *err)
{
    size_t k = (size_t)((const kmeans_params *)model->params)->k;
    kmeans_part *p = sl_alloc_zero(SLI_TAG_STREAM, sizeof *p);
    (void)value;
    if (p == NULL) {
        return sl_error_nomem(err, sizeof *p, "sums of clusters");
    }
    p->sums = sl_alloc_zero(SLI_TAG_STREAM, k * (size_t)model->dims * sizeof *p->sums);
    p->counts = sl_alloc_zero(SLI_TAG_STREAM, k * sizeof *p->counts);
    if (p->sums == NULL || p->counts == NULL) {
        part_free(p);
        return sl_error_nomem(err, k * (size_t)model->dims * sizeof *p->sums, "sums of clusters");
    }
    *out = p;
    return SL_OK;
}

/// Adds `n` features, from j on, of each row to the sums of its cluster. `n` is a constant.
static inline __attribute__((always_inline)) void add_features(double *restrict sums, int32_t dims,
                                                               const ml_rows *rows,
                                                               const int32_t *clusters, int32_t j,
                                                               int32_t n)
{
    const double *const *columns = rows->columns + j;
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok != NULL && !rows->ok[i]) {
            continue;
        }
        double *sum = sums + (int64_t)clusters[i] * dims + j;
        for (int32_t f = 0; f < n; f++) {
            sum[f] += columns[f][i];
        }
    }
}

static sl_code fold(const sl_model *model, const ml_value *value, void *part, const ml_rows *rows,
                    sl_error *err)
{
    kmeans_part *p = part;
    int32_t dims = model->dims, j = 0, clusters[ML_CHUNK_ROWS];
    (void)err;
    nearest(model, value, rows, clusters);
    for (; j + FEATURES <= dims; j += FEATURES) {
        add_features(p->sums, dims, rows, clusters, j, FEATURES);
    }
    for (; j < dims; j++) {
        add_features(p->sums, dims, rows, clusters, j, 1);
    }
    for (int64_t i = 0; i < rows->n; i++) {
        p->counts[clusters[i]] += rows->ok == NULL || rows->ok[i];
    }
    return SL_OK;
}

/// Adds the other parts to the first one, in order.
static void merge(const ml_lesson *lesson, int32_t k, int64_t *n_points)
{
    kmeans_part *all = lesson->parts[0];
    int64_t cells = (int64_t)k * lesson->model->dims;
    for (int32_t i = 1; i < lesson->n_parts; i++) {
        const kmeans_part *p = lesson->parts[i];
        for (int64_t c = 0; c < cells; c++) {
            all->sums[c] += p->sums[c];
        }
        for (int32_t c = 0; c < k; c++) {
            all->counts[c] += p->counts[c];
        }
    }
    for (int32_t c = 0; c < k; c++) {
        *n_points += all->counts[c];
    }
}

static void move_centers(const sl_model *model, const kmeans_part *all, kmeans_value *v)
{
    int32_t dims = model->dims;
    for (int32_t c = 0; c < ((const kmeans_params *)model->params)->k; c++) {
        if (all->counts[c] == 0) {
            continue;
        }
        double count = (double)all->counts[c];
        v->weights[c] += count;
        double lambda = count / fmax(v->weights[c], 1e-16);
        double *center = v->centers + (int64_t)c * dims;
        const double *sum = all->sums + (int64_t)c * dims;
        for (int32_t j = 0; j < dims; j++) {
            center[j] = center[j] * (1.0 - lambda) + lambda / count * sum[j];
        }
    }
}

/// A centre whose weight is as good as gone gets half of the largest one's.
static void split_largest(const sl_model *model, kmeans_value *v)
{
    int32_t largest = 0, smallest = 0, dims = model->dims;
    for (int32_t c = 1; c < ((const kmeans_params *)model->params)->k; c++) {
        largest = v->weights[c] > v->weights[largest] ? c : largest;
        smallest = v->weights[c] < v->weights[smallest] ? c : smallest;
    }
    double most = v->weights[largest], least = v->weights[smallest];
    if (!(least < 1e-8 * most)) {
        return;
    }
    v->weights[largest] = v->weights[smallest] = (most + least) / 2.0;
    for (int32_t j = 0; j < dims; j++) {
        double x = v->centers[(int64_t)largest * dims + j];
        double p = 1e-14 * fmax(fabs(x), 1.0);
        v->centers[(int64_t)largest * dims + j] = x + p;
        v->centers[(int64_t)smallest * dims + j] = x - p;
    }
}

static sl_code check_finite(const sl_model *model, const kmeans_value *v, sl_error *err)
{
    for (int64_t i = 0; i < (int64_t)((const kmeans_params *)model->params)->k * model->dims; i++) {
        if (!isfinite(v->centers[i])) {
            return sl_error_set(err, SL_E_DATA,
                                "the sum of feature %lld over a cluster's rows is infinite: scale "
                                "the features (standardize)",
                                (long long)(i % model->dims));
        }
    }
    return SL_OK;
}

static sl_code learn(const ml_lesson *lesson, ml_value **out, sl_error *err)
{
    const sl_model *model = lesson->model;
    const kmeans_params *p = model->params;
    const kmeans_value *from = (const kmeans_value *)lesson->from;
    kmeans_value *v = NULL;
    int64_t n_points = 0;
    SL_TRY(new_value(model, &v, err));
    memcpy(v->weights, from->weights, (size_t)p->k * sizeof(double));
    memcpy(v->centers, from->centers, (size_t)p->k * (size_t)model->dims * sizeof(double));
    if (lesson->n_parts > 0) {
        merge(lesson, p->k, &n_points);
    }
    double discount = p->by_points ? pow(p->decay, (double)n_points) : p->decay;
    for (int32_t c = 0; c < p->k; c++) {
        v->weights[c] *= discount;
    }
    if (lesson->n_parts > 0) {
        move_centers(model, lesson->parts[0], v);
    }
    split_largest(model, v);
    turn_centers(model, v);
    sl_code rc = check_finite(model, v, err);
    if (rc != SL_OK) {
        value_free(&v->head);
        return rc;
    }
    *out = &v->head;
    return SL_OK;
}

static sl_code predict(const sl_model *model, const ml_value *value, const ml_rows *rows,
                       sl_builder *out, int32_t column, sl_error *err)
{
    int32_t clusters[ML_CHUNK_ROWS];
    (void)err;
    nearest(model, value, rows, clusters);
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok != NULL && !rows->ok[i]) {
            sl_builder_null(out, column);
        } else {
            sl_builder_int64(out, column, clusters[i]);
        }
    }
    return SL_OK;
}

const ml_kind ml_kmeans = {
    .node = ML_NODE("kmeans"),
    .options = sli_ml_kmeans_options,
    .keys = "cluster int64",
    .values = "weight float64, center list<float64>",
    .out = "int64",
    .by_columns = true,
    .params_bytes = sizeof(kmeans_params),
    .define = define,
    .begin = begin,
    .load = load,
    .loaded = loaded,
    .save = save,
    .part = new_part,
    .fold = fold,
    .part_free = part_free,
    .learn = learn,
    .predict = predict,
    .value_free = value_free,
};
