// fn.c — operators that call user functions: map, flatMap, filter, mapPartitions.
//
// One *caller* per operator and task holds the function's arguments and the output builder; it is
// made at the first batch, so a partition without rows costs a function call. Rows go on when
// SLI_BATCH_ROWS have come together.
//
// A flatMap that makes many rows of one is given its input in slices, so that what it makes at once
// stays in the cache. How large they are follows from the rows alone, never from time, memory or
// threads.
#include "rdd/rdd_int.h"

#include <stdio.h>

typedef enum fn_kind { KIND_MAP, KIND_FLAT_MAP, KIND_FILTER, KIND_PARTITIONS } fn_kind;

typedef struct caller {
    sl_rdd *rdd;
    const sli_op *op;
    const sl_fn *fn;
    fn_kind kind;
    int32_t partition;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sl_builder *builder; ///< NULL until the first batch
    int64_t held;        ///< rows in the builder
    int64_t slice;       ///< flatMap: rows a call gets
    sl_args args;
} caller;

enum { FIRST_SLICE = 512, MIN_SLICE = 64, OUT_ROWS = 2 * SLI_BATCH_ROWS };

static sl_code start(caller *c, sl_error *err)
{
    // The numbers a function draws belong to its own RDD's partition, whatever union reads it.
    int32_t partition = c->task->partition;
    c->task->partition = c->partition;
    sl_code rc = sli_task_args(c->task, c->op->text, sli_operator_id(c->rdd), c->fn->state_bytes,
                               &c->args, err);
    c->task->partition = partition;
    SL_TRY(rc);
    c->slice = FIRST_SLICE;
    return sl_builder_new(&c->builder, c->op->made, err);
}

/// What a user function did wrong, with its name and the place of the rows.
static sl_code blame(const caller *c, sl_code rc, sl_error *err)
{
    if (err != NULL && err->code != rc) {
        rc = sl_error_set(err, rc > SL_OK && rc <= SL_E_CRASHED ? rc : SL_E_USER,
                          "it gave no reason (code %d)", (int)rc);
    }
    char place[96] = "";
    if (c->task->source_from >= 0 && c->task->source_rows > 0) {
        (void)snprintf(place, sizeof place, ", source rows %lld to %lld",
                       (long long)c->task->source_from,
                       (long long)(c->task->source_from + c->task->source_rows - 1));
    }
    bool named = c->rdd->uid != NULL;
    return sl_error_wrap(err, rc, "%s %s%s%s%s, partition %d%s", c->rdd->ops->name, c->fn->name,
                         named ? " [" : "", named ? c->rdd->uid : "", named ? "]" : "",
                         c->partition, place);
}

/// After a call: nothing stuck to the builder, all columns are as long, and as many rows came as
/// must.
static sl_code check_made(caller *c, int64_t n_in, sl_error *err)
{
    sl_code rc = sli_builder_check(c->builder, err);
    if (rc != SL_OK) {
        return blame(c, rc, err);
    }
    int64_t rows = sl_builder_rows(c->builder, 0);
    for (int32_t i = 1; i < sl_schema_columns(c->op->made); i++) {
        if (sl_builder_rows(c->builder, i) != rows) {
            rc = sl_error_set(err, SL_E_USER,
                              "it appended %lld cells to column %s and %lld to column %s",
                              (long long)(rows - c->held), sl_schema_field(c->op->made, 0)->name,
                              (long long)(sl_builder_rows(c->builder, i) - c->held),
                              sl_schema_field(c->op->made, i)->name);
            return blame(c, rc, err);
        }
    }
    int64_t made = rows - c->held;
    if ((c->kind == KIND_MAP || c->kind == KIND_FILTER) && made != n_in) {
        rc = sl_error_set(err, SL_E_USER,
                          "it made %lld rows of %lld; this operator needs one for each",
                          (long long)made, (long long)n_in);
        return blame(c, rc, err);
    }
    if (c->kind == KIND_FLAT_MAP) {
        int64_t slice = made <= n_in ? SLI_BATCH_ROWS : OUT_ROWS * n_in / made;
        c->slice = slice < MIN_SLICE ? MIN_SLICE : slice > SLI_BATCH_ROWS ? SLI_BATCH_ROWS : slice;
    }
    c->held = rows;
    return SL_OK;
}

static sl_code flush(caller *c, sl_error *err)
{
    sl_batch *batch = NULL;
    c->held = 0;
    sl_code rc = sli_builder_flush(c->builder, &batch, err);
    if (rc != SL_OK) {
        return blame(c, rc, err);
    }
    rc = batch == NULL ? SL_OK : c->push(c->ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code call(caller *c, const sl_batch *in, sl_error *err)
{
    c->task->operator_uid = c->rdd->uid;
    sl_code rc = c->fn->run(&c->args, in, c->builder, err);
    if (rc != SL_OK) {
        return blame(c, rc, err);
    }
    return check_made(c, sl_batch_rows(in), err);
}

// ---------------------------------------------------------------- one batch

static sl_code keep_true(caller *c, const sl_batch *in, sl_error *err)
{
    sl_batch *answers = NULL, *kept = NULL;
    c->held = 0;
    sl_code rc = sli_builder_flush(c->builder, &answers, err);
    if (rc != SL_OK) {
        return blame(c, rc, err);
    }
    const sl_column *keep = sl_batch_column(answers, 0);
    const uint8_t *bits = keep->values;
    if (keep->n_nulls > 0) { // null is not true
        int64_t n = (keep->n_rows + 7) / 8;
        uint8_t *both = sl_alloc_aligned(SLI_TAG_RDD, (size_t)n);
        if (both == NULL) {
            sl_batch_unref(answers);
            return sl_error_nomem(err, (size_t)n, "the answers of a filter");
        }
        for (int64_t i = 0; i < n; i++) {
            both[i] = bits[i] & keep->validity[i];
        }
        rc = sli_batch_filter(in, both, &kept, err);
        sl_free(both);
    } else {
        rc = sli_batch_filter(in, bits, &kept, err);
    }
    if (rc == SL_OK && sl_batch_rows(kept) > 0) {
        rc = c->push(c->ctx, kept, err);
    }
    sl_batch_unref(kept);
    sl_batch_unref(answers);
    return rc;
}

static sl_code call_and_pass(caller *c, const sl_batch *in, sl_error *err)
{
    SL_TRY(call(c, in, err));
    if (c->kind == KIND_FILTER) {
        return keep_true(c, in, err);
    }
    return c->held >= SLI_BATCH_ROWS ? flush(c, err) : SL_OK;
}

static sl_code call_on_slices(caller *c, const sl_batch *batch, sl_error *err)
{
    for (int64_t from = 0, n = sl_batch_rows(batch); from < n;) {
        int64_t step = n - from < c->slice ? n - from : c->slice;
        sl_batch *slice = NULL;
        SL_TRY(sli_batch_slice(batch, from, step, &slice, err));
        sl_code rc = call_and_pass(c, slice, err);
        sl_batch_unref(slice);
        SL_TRY(rc);
        from += step;
    }
    return SL_OK;
}

static sl_code push_fn(void *ctx, sl_batch *batch, sl_error *err)
{
    caller *c = ctx;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK; // a function is never called with an empty batch
    }
    if (c->builder == NULL) {
        SL_TRY(start(c, err));
    }
    if (c->kind == KIND_FLAT_MAP && sl_batch_rows(batch) > c->slice) {
        return call_on_slices(c, batch, err);
    }
    return call_and_pass(c, batch, err);
}

// ---------------------------------------------------------------- one partition

static sl_code end_partition(caller *c, sl_error *err)
{
    if (c->builder == NULL) {
        SL_TRY(start(c, err)); // also an empty partition has an end
    }
    c->task->operator_uid = c->rdd->uid;
    c->task->source_rows = 0;
    sl_code rc = c->fn->end(&c->args, c->builder, err);
    if (rc != SL_OK) {
        return blame(c, rc, err);
    }
    return check_made(c, 0, err);
}

static sl_code run_fn(fn_kind kind, sl_rdd *rdd, int32_t partition, sli_task *task,
                      sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    caller c = {.rdd = rdd,
                .op = op,
                .fn = op->code,
                .kind = kind,
                .partition = partition,
                .task = task,
                .push = push,
                .ctx = ctx};
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_fn, &c, err);
    if (rc == SL_OK && kind == KIND_PARTITIONS && c.fn->end != NULL) {
        rc = end_partition(&c, err);
    }
    if (rc == SL_OK && c.held > 0) {
        rc = flush(&c, err);
    }
    sl_builder_free(c.builder);
    return rc;
}

#define COMPUTE(name, kind)                                                                        \
    static sl_code name(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,          \
                        void *ctx, sl_error *err)                                                  \
    {                                                                                              \
        return run_fn(kind, rdd, partition, task, push, ctx, err);                                 \
    }
COMPUTE(compute_map, KIND_MAP)
COMPUTE(compute_flat_map, KIND_FLAT_MAP)
COMPUTE(compute_filter, KIND_FILTER)
COMPUTE(compute_partitions, KIND_PARTITIONS)

static const sli_rdd_ops map_ops = {
    .name = "map", .compute = compute_map, .free = sli_op_free_body, .keeps_empty = true};
static const sli_rdd_ops flat_map_ops = {
    .name = "flatMap", .compute = compute_flat_map, .free = sli_op_free_body, .keeps_empty = true};
static const sli_rdd_ops filter_ops = {
    .name = "filter", .compute = compute_filter, .free = sli_op_free_body, .keeps_empty = true};
static const sli_rdd_ops partitions_ops = {
    .name = "mapPartitions", .compute = compute_partitions, .free = sli_op_free_body};

// ---------------------------------------------------------------- definition

static sl_code any_pair(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    (void)ctx, (void)key, (void)value, (void)err;
    return SL_OK;
}

static sl_code check_fn(const sl_fn *fn, sl_error *err)
{
    if (fn == NULL || fn->struct_size < offsetof(sl_fn, end) || fn->name == NULL ||
        fn->run == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the function has no name, no code or no size");
    }
    return SL_OK;
}

static sl_code compile_fn(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    const sl_fn *fn = op->code;
    sl_code rc = fn->out == NULL ? SL_OK : sl_schema_parse(&op->made, fn->out, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "%s: its rows", fn->name);
    }
    if (fn->out == NULL) {
        op->made = sl_schema_ref(op->in);
    }
    op->out = sl_schema_ref(op->made);
    rc = op->text == NULL ? SL_OK : sli_pairs_each(op->text, any_pair, NULL, err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "%s: its arguments", fn->name);
}

static sl_code compile_filter(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    SL_TRY(compile_fn(runtime, op, err));
    const sl_fn *fn = op->code;
    if (sl_schema_columns(op->made) != 1 || sl_schema_field(op->made, 0)->type != SL_BOOL) {
        return sl_error_set(err, SL_E_INVALID, "%s makes \"%s\"; a filter makes one bool column",
                            fn->name, sl_schema_text(op->made));
    }
    sl_schema_unref(op->out);
    op->out = sl_schema_ref(op->in);
    return SL_OK;
}

static sl_rdd *define(sl_rdd *rdd, const sli_rdd_ops *ops, sli_compile_fn compile, const sl_fn *fn,
                      const char *args)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sl_code rc = check_fn(fn, &error);
    if (rc == SL_OK) {
        sli_op_key key = {.kind = ops->name, .code = fn, .text = args, .in = rdd->schema};
        rc = sli_op_find(rdd->runtime, &key, compile, &op, &error);
    }
    return rc == SL_OK ? sli_rdd_narrow(rdd, ops, op)
                       : sli_rdd_wrong(rdd->runtime, ops->name, &error);
}

sl_rdd *sl_rdd_map(sl_rdd *rdd, const sl_fn *fn, const char *args)
{
    return define(rdd, &map_ops, compile_fn, fn, args);
}

sl_rdd *sl_rdd_flat_map(sl_rdd *rdd, const sl_fn *fn, const char *args)
{
    return define(rdd, &flat_map_ops, compile_fn, fn, args);
}

sl_rdd *sl_rdd_map_partitions(sl_rdd *rdd, const sl_fn *fn, const char *args)
{
    return define(rdd, &partitions_ops, compile_fn, fn, args);
}

sl_rdd *sl_rdd_filter(sl_rdd *rdd, const sl_fn *fn, const char *args)
{
    return define(rdd, &filter_ops, compile_filter, fn, args);
}
