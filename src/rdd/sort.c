// sort.c — sortBy: ranges found by a sample, rows cut by range, each range sorted in its task
// (sorter.c).
//
// The sample is every k-th row of a partition, where k doubles whenever the sample gets too large;
// so it depends on the rows alone. A sampled row stands for k rows when the ranges are made equally
// long. Equal rows fall into one range and keep the order of their map partitions: the sort is
// stable as a whole.
#include "rdd/rdd_int.h"

// ---------------------------------------------------------------- the sample

enum { SAMPLES_A_RANGE = 40, MIN_SAMPLES = 256, MAX_SAMPLES = 65536 };

typedef struct sampling {
    int32_t most; ///< rows of a partition's sample
    int64_t
        *strides; ///< per partition: how many rows a sampled one stands for; written by its task
} sampling;

typedef struct sampler {
    const sampling *how;
    int64_t row, stride;
    sl_batch *kept; ///< may be NULL
} sampler;

static sl_code join_kept(sampler *s, sl_batch *more, sl_error *err)
{
    if (s->kept == NULL) {
        s->kept = more;
        return SL_OK;
    }
    const sl_batch *both[2] = {s->kept, more};
    sl_batch *joined = NULL;
    sl_code rc = sli_batch_concat(both, 2, &joined, err);
    sl_batch_unref(more);
    if (rc == SL_OK) {
        sl_batch_unref(s->kept);
        s->kept = joined;
    }
    return rc;
}

/// Keeps every second row until the sample is small enough.
static sl_code thin_out(sampler *s, sl_error *err)
{
    while (sl_batch_rows(s->kept) > s->how->most) {
        int64_t n = (sl_batch_rows(s->kept) + 1) / 2;
        int32_t *rows = sl_alloc(SLI_TAG_RDD, (size_t)n * sizeof *rows);
        if (rows == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof *rows, "a sample");
        }
        for (int64_t i = 0; i < n; i++) {
            rows[i] = (int32_t)(2 * i);
        }
        sl_batch *thin = NULL, *compact = NULL;
        sl_code rc = sli_batch_take(s->kept, rows, n, &thin, err);
        rc = rc != SL_OK ? rc
                         : sli_batch_compact(thin, &compact, err); // else it would pin all input
        sl_batch_unref(thin);
        sl_free(rows);
        SL_TRY(rc);
        sl_batch_unref(s->kept);
        s->kept = compact;
        s->stride *= 2;
    }
    return SL_OK;
}

static sl_code push_sample(void *ctx, sl_batch *batch, sl_error *err)
{
    sampler *s = ctx;
    int64_t n = sl_batch_rows(batch);
    int64_t first = (s->stride - s->row % s->stride) % s->stride;
    s->row += n;
    if (first >= n) {
        return SL_OK;
    }
    int64_t picked = (n - first + s->stride - 1) / s->stride;
    int32_t *rows = sl_alloc(SLI_TAG_RDD, (size_t)picked * sizeof *rows);
    if (rows == NULL) {
        return sl_error_nomem(err, (size_t)picked * sizeof *rows, "a sample");
    }
    for (int64_t i = 0; i < picked; i++) {
        rows[i] = (int32_t)(first + i * s->stride);
    }
    sl_batch *more = NULL;
    sl_code rc = sli_batch_take(batch, rows, picked, &more, err);
    sl_free(rows);
    SL_TRY(rc);
    SL_TRY(join_kept(s, more, err));
    return thin_out(s, err);
}

static sl_code compute_sample(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    const sampling *how = rdd->body;
    sampler s = {.how = how, .stride = 1};
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_sample, &s, err);
    if (rc == SL_OK && s.kept != NULL) {
        how->strides[partition] = s.stride;
        rc = push(ctx, s.kept, err);
    }
    sl_batch_unref(s.kept);
    return rc;
}

static void free_sampling(sl_rdd *rdd)
{
    sampling *how = rdd->body;
    sl_free(how->strides);
    sl_free(how);
}

static const sli_rdd_ops sample_ops = {
    .name = "sample", .compute = compute_sample, .free = free_sampling};

static sl_rdd *sample_of(sl_rdd *parent, int32_t n_ranges)
{
    sampling *how = sl_alloc_zero(SLI_TAG_RDD, sizeof *how);
    int64_t *strides =
        sl_alloc_array(SLI_TAG_RDD, (size_t)parent->n_partitions + 1, sizeof *strides);
    if (how == NULL || strides == NULL) {
        sl_free(how);
        sl_free(strides);
        return NULL;
    }
    int64_t most = (int64_t)SAMPLES_A_RANGE * n_ranges;
    how->most = (int32_t)(most < MIN_SAMPLES   ? MIN_SAMPLES
                          : most > MAX_SAMPLES ? MAX_SAMPLES
                                               : most);
    how->strides = strides;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(parent)};
    return sli_rdd_new(parent->runtime, &sample_ops, parent->schema, parent->n_partitions, &dep, 1,
                       how);
}

// ---------------------------------------------------------------- the bounds

typedef struct samples {
    const sampling *how;
    sli_rows rows;
    int64_t *weights; ///< of each row
    int64_t capacity, total;
} samples;

static sl_code add_samples(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    samples *s = ctx;
    int64_t n = sl_batch_rows(batch), needed = s->rows.n_rows + n;
    if (needed > s->capacity) {
        int64_t *more = sl_realloc(SLI_TAG_RDD, s->weights, (size_t)(2 * needed) * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)(2 * needed) * sizeof *more, "a sample");
        }
        s->weights = more;
        s->capacity = 2 * needed;
    }
    for (int64_t i = 0; i < n; i++) {
        s->weights[s->rows.n_rows + i] = s->how->strides[partition];
    }
    s->total += n * s->how->strides[partition];
    return sli_rows_add(&s->rows, batch, err);
}

/// The rows at which 1/n, 2/n, ... of the weight is passed.
static int64_t choose(const samples *s, const int32_t *sorted, int32_t n_ranges, int32_t *bounds)
{
    int64_t n = 0, weight = 0;
    for (int64_t i = 0; i < s->rows.n_rows && n < n_ranges - 1; i++) {
        weight += s->weights[sorted[i]];
        while (n < n_ranges - 1 && weight * n_ranges >= s->total * (n + 1)) {
            bounds[n++] = sorted[i];
        }
    }
    return n;
}

static sl_code find_bounds(sli_shuffle *shuffle, const samples *s, sl_error *err)
{
    sl_batch *all = NULL;
    SL_TRY(sli_rows_concat(&s->rows, shuffle->schema, &all, err));
    int32_t *rows = NULL,
            *bounds = sl_alloc_array(SLI_TAG_RDD, (size_t)shuffle->n_out, sizeof *bounds);
    sl_batch *taken = NULL;
    sl_code rc = bounds == NULL ? sl_error_nomem(err, sizeof *bounds, "the bounds of ranges")
                                : sli_order_sort(shuffle->ordered, all, &rows, err);
    if (rc == SL_OK) {
        int64_t n_bounds = choose(s, rows, shuffle->n_out, bounds);
        rc = sli_batch_take(all, bounds, n_bounds, &taken, err);
    }
    rc = rc != SL_OK ? rc : sli_batch_compact(taken, &shuffle->bounds, err);
    sl_batch_unref(taken);
    sl_free(rows);
    sl_free(bounds);
    sl_batch_unref(all);
    return rc;
}

bool sli_shuffle_ready(const sli_shuffle *shuffle)
{
    return shuffle->cut != SLI_CUT_RANGE || shuffle->bounds != NULL;
}

sl_code sli_shuffle_prepare(sli_shuffle *shuffle, sl_error *err)
{
    sl_rdd *parent = shuffle->parent;
    sl_rdd *sample = sample_of(parent, shuffle->n_out);
    sl_code rc = sample == NULL ? sl_error_nomem(err, sizeof *sample, "a sample")
                                : sl_rdd_check(sample, err);
    samples s = {.how = sample == NULL || sample->mistake != NULL ? NULL : sample->body};
    rc = rc != SL_OK ? rc
                     : parent->runtime->run(parent->runtime, sample, NULL, 0, add_samples, &s, err);
    rc = rc != SL_OK ? rc : find_bounds(shuffle, &s, err);
    sli_rows_reset(&s.rows);
    sl_free(s.weights);
    sl_rdd_unref(sample);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "the sample of a sortBy");
}

// ---------------------------------------------------------------- sortBy

static const sli_rdd_ops sort_ops = {
    .name = "sortBy", .compute = sli_compute_sort, .free = sli_op_free_body};

sl_code sli_compile_order(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    op->out = sl_schema_ref(op->in);
    return sli_order_parse(&op->order, op->text, op->in, err);
}

sl_rdd *sl_rdd_sort_by(sl_rdd *rdd, const char *order, int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_shuffle *shuffle = NULL;
    int32_t n = 0;
    sli_op_key key = {.kind = sort_ops.name, .text = order == NULL ? "" : order, .in = rdd->schema};
    sl_code rc =
        sli_partitions_check(rdd->runtime, n_partitions, SLI_MAX_HASH_PARTITIONS, &n, &error);
    rc = rc != SL_OK ? rc : sli_op_find(rdd->runtime, &key, sli_compile_order, &op, &error);
    rc = rc != SL_OK ? rc
                     : sli_shuffle_make(rdd->runtime, rdd, n == 1 ? SLI_CUT_ONE : SLI_CUT_RANGE, op,
                                        n, &shuffle, &error);
    if (rc != SL_OK) {
        sli_op_unref(op);
        return sli_rdd_wrong(rdd->runtime, sort_ops.name, &error);
    }
    return sli_rdd_wide(rdd, &sort_ops, op->out, shuffle, op);
}
