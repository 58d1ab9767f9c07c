// fn.c — operators that call user functions on whole rows: map, flatMap, filter, mapPartitions.
//
// Rows go on when SLI_BATCH_ROWS have come together. A flatMap that makes many rows of one is given
// its input in slices, so that what it makes at once stays in the cache. How large they are follows
// from the rows alone, never from time, memory or threads.
#include "rdd/rdd_int.h"

typedef enum fn_kind { KIND_MAP, KIND_FLAT_MAP, KIND_FILTER, KIND_PARTITIONS } fn_kind;

typedef struct fn_run {
    sli_caller caller;
    fn_kind kind;
    sli_push_fn push;
    void *ctx;
} fn_run;

static sl_code flush(fn_run *r, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sli_caller_flush(&r->caller, &batch, err));
    sl_code rc = batch == NULL ? SL_OK : r->push(r->ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

// ---------------------------------------------------------------- one batch

static sl_code keep_true(fn_run *r, const sl_batch *in, sl_error *err)
{
    sl_batch *answers = NULL, *kept = NULL;
    SL_TRY(sli_caller_flush(&r->caller, &answers, err));
    sl_code rc = SL_OK;
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
        rc = r->push(r->ctx, kept, err);
    }
    sl_batch_unref(kept);
    sl_batch_unref(answers);
    return rc;
}

static sl_code call_and_pass(fn_run *r, const sl_batch *in, sl_error *err)
{
    int64_t made = 0;
    switch (r->kind) {
    case KIND_FILTER:
        SL_TRY(sli_caller_map(&r->caller, in, err));
        return keep_true(r, in, err);
    case KIND_MAP:
        SL_TRY(sli_caller_map(&r->caller, in, err));
        break;
    case KIND_FLAT_MAP:
        SL_TRY(sli_caller_flat_map(&r->caller, in, err));
        break;
    case KIND_PARTITIONS:
        SL_TRY(sli_caller_call(&r->caller, in, &made, err));
        break;
    }
    return r->caller.held >= SLI_BATCH_ROWS ? flush(r, err) : SL_OK;
}

static sl_code push_slice(void *ctx, sl_batch *slice, sl_error *err)
{
    return call_and_pass(ctx, slice, err);
}

static sl_code push_fn(void *ctx, sl_batch *batch, sl_error *err)
{
    fn_run *r = ctx;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK; // a function is never called with an empty batch
    }
    SL_TRY(sli_caller_start(&r->caller, err));
    if (r->kind == KIND_FLAT_MAP && sl_batch_rows(batch) > r->caller.slice) {
        return sli_caller_slices(&r->caller, batch, push_slice, r, err);
    }
    return call_and_pass(r, batch, err);
}

// ---------------------------------------------------------------- one partition

static sl_code run_fn(fn_kind kind, sl_rdd *rdd, int32_t partition, sli_task *task,
                      sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    fn_run r = {.caller = {.rdd = rdd,
                           .op = op,
                           .fn = op->code,
                           .text = op->text,
                           .partition = partition,
                           .task = task},
                .kind = kind,
                .push = push,
                .ctx = ctx};
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_fn, &r, err);
    if (rc == SL_OK && kind == KIND_PARTITIONS && r.caller.fn->end != NULL) {
        rc = sli_caller_end(&r.caller, err);
    }
    if (rc == SL_OK && r.caller.held > 0) {
        rc = flush(&r, err);
    }
    sli_caller_close(&r.caller, rc);
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

static const sli_rdd_ops map_ops = {.name = "map",
                                    .compute = compute_map,
                                    .free = sli_op_free_body,
                                    .keeps_empty = true,
                                    .by_row = true};
static const sli_rdd_ops flat_map_ops = {.name = "flatMap",
                                         .compute = compute_flat_map,
                                         .free = sli_op_free_body,
                                         .keeps_empty = true,
                                         .by_row = true};
static const sli_rdd_ops filter_ops = {.name = "filter",
                                       .compute = compute_filter,
                                       .free = sli_op_free_body,
                                       .keeps_empty = true,
                                       .keeps_place = true,
                                       .by_row = true};
static const sli_rdd_ops partitions_ops = {
    .name = "mapPartitions", .compute = compute_partitions, .free = sli_op_free_body};

// ---------------------------------------------------------------- definition

static sl_code compile_fn(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_caller_compile(op->code, op->text, op->in, &op->made, err));
    op->out = sl_schema_ref(op->made);
    return SL_OK;
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
    sl_code rc = sli_caller_check(fn, &error);
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
