// call.c — one user function in one task: its arguments, its output builder, and what is checked
// after each call. It is started at the first batch, so a partition without rows costs no more than
// a function call.
#include "rdd/accumulator.h"
#include "rdd/rdd_int.h"

#include <stdio.h>

enum { FIRST_SLICE = 512, MIN_SLICE = 64, OUT_ROWS = 2 * SLI_BATCH_ROWS };

sl_code sli_caller_start(sli_caller *c, sl_error *err)
{
    if (c->builder != NULL) {
        return SL_OK;
    }
    // The numbers a function draws belong to its own RDD's partition, whatever union reads it.
    int32_t partition = c->task->partition;
    c->task->partition = c->partition;
    sl_code rc =
        sli_task_args(c->task, c->text, sli_operator_id(c->rdd), c->fn->state_bytes, &c->args, err);
    c->task->partition = partition;
    SL_TRY(rc);
    SL_TRY(sli_task_adder(c->task, c->rdd, c->partition, &c->args, err));
    c->slice = FIRST_SLICE;
    return sl_builder_new(&c->builder, c->op->made, err);
}

sl_code sli_caller_blame(const sli_caller *c, sl_code rc, sl_error *err)
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
    c->task->operator_uid = c->rdd->uid;
    return sl_error_wrap(err, rc, "%s %s%s%s%s, partition %d%s", c->rdd->ops->name, c->fn->name,
                         named ? " [" : "", named ? c->rdd->uid : "", named ? "]" : "",
                         c->partition, place);
}

/// After a call: nothing stuck to the builder, and all columns are as long.
static sl_code check_made(sli_caller *c, int64_t *made, sl_error *err)
{
    sl_code rc = sli_builder_check(c->builder, err);
    if (rc != SL_OK) {
        return sli_caller_blame(c, rc, err);
    }
    int64_t rows = sl_builder_rows(c->builder, 0);
    for (int32_t i = 1; i < sl_schema_columns(c->op->made); i++) {
        if (sl_builder_rows(c->builder, i) != rows) {
            rc = sl_error_set(err, SL_E_USER,
                              "it appended %lld cells to column %s and %lld to column %s",
                              (long long)(rows - c->held), sl_schema_field(c->op->made, 0)->name,
                              (long long)(sl_builder_rows(c->builder, i) - c->held),
                              sl_schema_field(c->op->made, i)->name);
            return sli_caller_blame(c, rc, err);
        }
    }
    *made = rows - c->held;
    c->held = rows;
    return SL_OK;
}

sl_code sli_caller_call(sli_caller *c, const sl_batch *in, int64_t *made, sl_error *err)
{
    c->task->operator_uid = c->rdd->uid;
    sl_code rc = c->fn->run(&c->args, in, c->builder, err);
    c->task->operator_uid = NULL;
    return rc == SL_OK ? check_made(c, made, err) : sli_caller_blame(c, rc, err);
}

sl_code sli_caller_map(sli_caller *c, const sl_batch *in, sl_error *err)
{
    int64_t made = 0;
    SL_TRY(sli_caller_call(c, in, &made, err));
    if (made != sl_batch_rows(in)) {
        sl_code rc = sl_error_set(err, SL_E_USER,
                                  "it made %lld rows of %lld; this operator needs one for each",
                                  (long long)made, (long long)sl_batch_rows(in));
        return sli_caller_blame(c, rc, err);
    }
    return SL_OK;
}

sl_code sli_caller_flat_map(sli_caller *c, const sl_batch *in, sl_error *err)
{
    int64_t made = 0, n = sl_batch_rows(in);
    SL_TRY(sli_caller_call(c, in, &made, err));
    int64_t slice = made <= n ? SLI_BATCH_ROWS : OUT_ROWS * n / made;
    c->slice = slice < MIN_SLICE ? MIN_SLICE : slice > SLI_BATCH_ROWS ? SLI_BATCH_ROWS : slice;
    return SL_OK;
}

sl_code sli_caller_slices(sli_caller *c, sl_batch *batch, sli_push_fn each, void *ctx,
                          sl_error *err)
{
    for (int64_t from = 0, n = sl_batch_rows(batch); from < n;) {
        int64_t step = n - from < c->slice ? n - from : c->slice;
        sl_batch *slice = NULL;
        SL_TRY(sli_batch_slice(batch, from, step, &slice, err));
        sl_code rc = each(ctx, slice, err);
        sl_batch_unref(slice);
        SL_TRY(rc);
        from += step;
    }
    return SL_OK;
}

sl_code sli_caller_end(sli_caller *c, sl_error *err)
{
    SL_TRY(sli_caller_start(c, err)); // also an empty partition has an end
    int64_t made = 0;
    c->task->operator_uid = c->rdd->uid;
    c->task->source_rows = 0;
    sl_code rc = c->fn->end(&c->args, c->builder, err);
    c->task->operator_uid = NULL;
    return rc == SL_OK ? check_made(c, &made, err) : sli_caller_blame(c, rc, err);
}

void sli_caller_close(sli_caller *c, sl_code rc)
{
    if (rc == SL_OK) {
        sli_adder_whole(&c->args);
    }
    sl_builder_free(c->builder);
}

sl_code sli_caller_flush(sli_caller *c, sl_batch **out, sl_error *err)
{
    c->held = 0;
    sl_code rc = sli_builder_flush(c->builder, out, err);
    return rc == SL_OK ? SL_OK : sli_caller_blame(c, rc, err);
}

// ---------------------------------------------------------------- definition

static sl_code any_pair(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    (void)ctx, (void)key, (void)value, (void)err;
    return SL_OK;
}

sl_code sli_caller_check(const sl_fn *fn, sl_error *err)
{
    if (fn == NULL || fn->struct_size < offsetof(sl_fn, end) || fn->name == NULL ||
        fn->run == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the function has no name, no code or no size");
    }
    return SL_OK;
}

sl_code sli_caller_compile(const sl_fn *fn, const char *args, const sl_schema *in, sl_schema **made,
                           sl_error *err)
{
    sl_code rc = args == NULL ? SL_OK : sli_pairs_each(args, any_pair, NULL, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "%s: its arguments", fn->name);
    }
    if (fn->out == NULL) {
        *made = sl_schema_ref(in);
        return SL_OK;
    }
    return sl_error_wrap(err, sl_schema_parse(made, fn->out, err), "%s: its rows", fn->name);
}
