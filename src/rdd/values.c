// values.c — mapValues and flatMapValues: a user function over the columns that are no keys.
//
// The function sees those columns alone, so it can't touch a key; the keys are put before its rows.
// A flatMapValues' function says of which row each of its rows was made (sl_builder_of_row).
#include "rdd/rdd_int.h"

typedef struct values_run {
    sli_caller caller;
    bool flat;
    sli_push_fn push;
    void *ctx;
    // for each column of the result, and of what the function gets: the batch, and its column there
    const sl_batch **from;
    int32_t *column;
    int32_t *origins; ///< rows of the input, one a row made
    int64_t capacity;
} values_run;

static sl_code start(values_run *r, sl_error *err)
{
    if (r->from != NULL) {
        return SL_OK;
    }
    const sli_op *op = r->caller.op;
    int32_t most = sl_schema_columns(op->out) > sl_schema_columns(op->in)
                       ? sl_schema_columns(op->out)
                       : sl_schema_columns(op->in);
    sl_arena *arena = r->caller.task->arena;
    r->column = sl_arena_alloc(arena, (size_t)most * sizeof *r->column);
    const sl_batch **from = sl_arena_alloc(arena, (size_t)most * sizeof *from);
    if (from == NULL || r->column == NULL) {
        return sl_error_nomem(err, (size_t)most * sizeof *from, "the columns of mapValues");
    }
    SL_TRY(sli_caller_start(&r->caller, err));
    if (r->flat) {
        sli_builder_ask_origins(r->caller.builder);
    }
    r->from = from;
    return SL_OK;
}

/// The value columns of a batch.
static sl_code values_of(values_run *r, const sl_batch *in, sl_batch **out, sl_error *err)
{
    const sli_op *op = r->caller.op;
    for (int32_t i = 0; i < op->n_rest; i++) {
        r->from[i] = in;
    }
    return sli_batch_project(op->values, r->from, op->rest, out, err);
}

/// Keys of `keys` beside what the function made.
static sl_code push_beside(values_run *r, const sl_batch *keys, const sl_batch *made, sl_error *err)
{
    const sli_op *op = r->caller.op;
    for (int32_t i = 0; i < sl_schema_columns(op->out); i++) {
        bool key = i < op->n_keys;
        r->from[i] = key ? keys : made;
        r->column[i] = key ? op->keys[i] : i - op->n_keys;
    }
    sl_batch *out = NULL;
    SL_TRY(sli_batch_project(op->out, r->from, r->column, &out, err));
    sl_code rc = r->push(r->ctx, out, err);
    sl_batch_unref(out);
    return rc;
}

static sl_code grow_origins(values_run *r, int64_t n, sl_error *err)
{
    if (n <= r->capacity) {
        return SL_OK;
    }
    int64_t capacity = n < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : n + n / 4;
    int32_t *more = sl_realloc(SLI_TAG_RDD, r->origins, (size_t)capacity * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "the origins of rows");
    }
    r->origins = more;
    r->capacity = capacity;
    return SL_OK;
}

/// The keys again, one for each row made.
static sl_code push_repeated(values_run *r, const sl_batch *in, const sl_batch *made, sl_error *err)
{
    sl_batch *repeated = NULL;
    SL_TRY(sli_batch_take(in, r->origins, sl_batch_rows(made), &repeated, err));
    sl_code rc = push_beside(r, repeated, made, err);
    sl_batch_unref(repeated);
    return rc;
}

static sl_code call_flat(values_run *r, const sl_batch *in, const sl_batch *values, sl_error *err)
{
    sli_caller *c = &r->caller;
    sl_batch *made = NULL;
    SL_TRY(sli_caller_flat_map(c, values, err));
    SL_TRY(grow_origins(r, c->held, err));
    sl_code rc = sli_builder_origins(c->builder, sl_batch_rows(in), r->origins, err);
    if (rc != SL_OK) {
        return sli_caller_blame(c, rc, err);
    }
    SL_TRY(sli_caller_flush(c, &made, err));
    rc = made == NULL ? SL_OK : push_repeated(r, in, made, err);
    sl_batch_unref(made);
    return rc;
}

static sl_code call_map(values_run *r, const sl_batch *in, const sl_batch *values, sl_error *err)
{
    sl_batch *made = NULL;
    SL_TRY(sli_caller_map(&r->caller, values, err));
    SL_TRY(sli_caller_flush(&r->caller, &made, err));
    sl_code rc = push_beside(r, in, made, err);
    sl_batch_unref(made);
    return rc;
}

static sl_code push_slice(void *ctx, sl_batch *in, sl_error *err)
{
    values_run *r = ctx;
    sl_batch *values = NULL;
    SL_TRY(values_of(r, in, &values, err));
    sl_code rc = r->flat ? call_flat(r, in, values, err) : call_map(r, in, values, err);
    sl_batch_unref(values);
    return rc;
}

static sl_code push_values(void *ctx, sl_batch *batch, sl_error *err)
{
    values_run *r = ctx;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK; // a function is never called with an empty batch
    }
    SL_TRY(start(r, err));
    if (r->flat && sl_batch_rows(batch) > r->caller.slice) {
        return sli_caller_slices(&r->caller, batch, push_slice, r, err);
    }
    return push_slice(r, batch, err);
}

static sl_code run_values(bool flat, sl_rdd *rdd, int32_t partition, sli_task *task,
                          sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    values_run r = {.caller = {.rdd = rdd,
                               .op = op,
                               .fn = op->code,
                               .text = sli_pair_second(op->text),
                               .partition = partition,
                               .task = task},
                    .flat = flat,
                    .push = push,
                    .ctx = ctx};
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_values, &r, err);
    sli_caller_close(&r.caller, rc);
    sl_free(r.origins);
    return rc;
}

static sl_code compute_map(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                           void *ctx, sl_error *err)
{
    return run_values(false, rdd, partition, task, push, ctx, err);
}

static sl_code compute_flat(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    return run_values(true, rdd, partition, task, push, ctx, err);
}

static const sli_rdd_ops map_ops = {.name = "mapValues",
                                    .compute = compute_map,
                                    .free = sli_op_free_body,
                                    .keeps_empty = true,
                                    .by_row = true};
static const sli_rdd_ops flat_ops = {.name = "flatMapValues",
                                     .compute = compute_flat,
                                     .free = sli_op_free_body,
                                     .keeps_empty = true,
                                     .by_row = true};

// ---------------------------------------------------------------- definition

static sl_code compile_values(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_op_pair_keys(op, err));
    SL_TRY(sli_rest_of(op->in, op->keys, op->n_keys, &op->rest, &op->n_rest, err));
    if (op->n_keys == 0 || op->n_rest == 0) {
        return sl_error_set(err, SL_E_INVALID, "%s",
                            op->n_keys == 0 ? "no key columns"
                                            : "every column is a key: there are no values");
    }
    SL_TRY(sli_schema_picked(op->in, op->rest, op->n_rest, &op->values, err));
    SL_TRY(sli_op_by(op, NULL, op->n_keys, err));
    const sl_fn *fn = op->code;
    SL_TRY(sli_caller_compile(fn, sli_pair_second(op->text), op->values, &op->made, err));
    sl_code rc = sli_schema_beside(op->in, op->keys, op->n_keys, op->made, &op->out, err);
    return sl_error_wrap(err, rc, "%s: the keys beside its rows", fn->name);
}

static sl_rdd *define(sl_rdd *rdd, const sli_rdd_ops *ops, const char *keys, const sl_fn *fn,
                      const char *args)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_pair pair;
    const char *text = sli_pair_make(&pair, keys, args);
    sl_code rc =
        text == NULL ? sl_error_nomem(&error, 0, "a definition") : sli_caller_check(fn, &error);
    if (rc == SL_OK) {
        sli_op_key key = {.kind = ops->name, .code = fn, .text = text, .in = rdd->schema};
        rc = sli_op_find(rdd->runtime, &key, compile_values, &op, &error);
    }
    sli_pair_reset(&pair);
    if (rc != SL_OK) {
        return sli_rdd_wrong(rdd->runtime, ops->name, &error);
    }
    sli_cut law = sli_lies_by(rdd, op->keys, op->n_keys, rdd->n_partitions);
    return sli_rdd_by(sli_rdd_narrow(rdd, ops, op), law, op);
}

sl_rdd *sl_rdd_map_values(sl_rdd *rdd, const char *keys, const sl_fn *fn, const char *args)
{
    return define(rdd, &map_ops, keys, fn, args);
}

sl_rdd *sl_rdd_flat_map_values(sl_rdd *rdd, const char *keys, const sl_fn *fn, const char *args)
{
    return define(rdd, &flat_ops, keys, fn, args);
}
