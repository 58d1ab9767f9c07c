// rows.c — lists of batches held by an operator, and pushing rows on in batches of the usual size.
#include "rdd/rdd_int.h"

sl_code sli_rows_add(sli_rows *rows, const sl_batch *batch, sl_error *err)
{
    if (rows->n == rows->capacity) {
        int32_t capacity = rows->capacity == 0 ? 8 : rows->capacity * 2;
        sl_batch **more =
            sl_realloc(SLI_TAG_RDD, rows->batches, (size_t)capacity * sizeof(sl_batch *));
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof(sl_batch *), "a list of batches");
        }
        rows->batches = more;
        rows->capacity = capacity;
    }
    rows->batches[rows->n++] = sl_batch_ref(batch);
    rows->n_rows += sl_batch_rows(batch);
    rows->bytes += sl_batch_bytes(batch);
    return SL_OK;
}

sl_code sli_rows_add_compact(sli_rows *rows, const sl_batch *batch, sl_error *err)
{
    if (!sli_batch_is_loose(batch)) {
        return sli_rows_add(rows, batch, err);
    }
    sl_batch *compact = NULL;
    SL_TRY(sli_batch_compact(batch, &compact, err));
    sl_code rc = sli_rows_add(rows, compact, err);
    sl_batch_unref(compact);
    return rc;
}

sl_batch *sli_rows_drop_last(sli_rows *rows)
{
    sl_batch *last = rows->batches[--rows->n];
    rows->n_rows -= sl_batch_rows(last);
    rows->bytes -= sl_batch_bytes(last);
    return last;
}

void sli_rows_reset(sli_rows *rows)
{
    for (int32_t i = 0; i < rows->n; i++) {
        sl_batch_unref(rows->batches[i]);
    }
    sl_free(rows->batches);
    *rows = (sli_rows){0};
}

sl_code sli_rows_fit(const sli_rows *rows, sl_error *err)
{
    return rows->n_rows <= INT32_MAX
               ? SL_OK
               : sl_error_set(
                     err, SL_E_DATA,
                     "%lld rows in one partition; 2147483647 fit a batch. Use more partitions",
                     (long long)rows->n_rows);
}

sl_code sli_rows_concat(const sli_rows *rows, const sl_schema *schema, sl_batch **out,
                        sl_error *err)
{
    if (rows->n == 0) {
        return sli_batch_empty(schema, out, err);
    }
    if (rows->n == 1) {
        *out = sl_batch_ref(rows->batches[0]);
        return SL_OK;
    }
    SL_TRY(sli_rows_fit(rows, err));
    return sli_batch_concat((const sl_batch *const *)rows->batches, rows->n, out, err);
}

sl_code sli_rows_push(void *ctx, sl_batch *batch, sl_error *err)
{
    return sli_rows_add(ctx, batch, err);
}

sl_code sli_push_rows(const sl_batch *from, const int32_t *rows, int64_t n, const sli_task *task,
                      sli_push_fn push, void *ctx, sl_error *err)
{
    for (int64_t i = 0; i < n; i += SLI_BATCH_ROWS) {
        SL_TRY(sli_task_check(task, err));
        sl_batch *piece = NULL;
        SL_TRY(sli_batch_take(from, rows + i, n - i < SLI_BATCH_ROWS ? n - i : SLI_BATCH_ROWS,
                              &piece, err));
        sl_code rc = push(ctx, piece, err);
        sl_batch_unref(piece);
        SL_TRY(rc);
    }
    return SL_OK;
}

sl_code sli_push_range(sl_batch *batch, int64_t from, int64_t n, sli_task *task, sli_push_fn push,
                       void *ctx, sl_error *err)
{
    if (from == 0 && n == sl_batch_rows(batch) && n <= SLI_BATCH_ROWS) {
        task->source_rows = n;
        sl_code rc = n == 0 ? SL_OK : push(ctx, batch, err);
        task->source_from += n;
        return rc;
    }
    for (int64_t end = from + n; from < end;) {
        SL_TRY(sli_task_check(task, err));
        int64_t step = end - from < SLI_BATCH_ROWS ? end - from : SLI_BATCH_ROWS;
        sl_batch *piece = NULL;
        SL_TRY(sli_batch_slice(batch, from, step, &piece, err));
        task->source_rows = step;
        sl_code rc = push(ctx, piece, err);
        sl_batch_unref(piece);
        SL_TRY(rc);
        task->source_from += step;
        from += step;
    }
    return SL_OK;
}

sl_code sli_push_unplaced(sli_task *task, sli_push_fn push, void *ctx, sl_batch *batch,
                          sl_error *err)
{
    int64_t from = task->source_from; // the source counts on from here
    task->source_from = -1;
    sl_code rc = push(ctx, batch, err);
    task->source_from = from;
    return rc;
}

void sli_weight_set(sli_weight *weight, int64_t bytes)
{
    if (weight->budget == NULL || bytes == weight->bytes) {
        return;
    }
    if (bytes > weight->bytes) {
        (void)sli_budget_reserve(weight->budget, bytes - weight->bytes,
                                 true); // forced: it can't be refused
    } else {
        sli_budget_release(weight->budget, weight->bytes - bytes);
    }
    weight->bytes = bytes;
}

sl_code sli_numbers_room(sli_numbers *numbers, int64_t n, sl_error *err)
{
    if (n <= numbers->capacity) {
        return SL_OK;
    }
    int64_t capacity = n < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : n + n / 4;
    sli_numbers_reset(numbers);
    numbers->at = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *numbers->at);
    if (numbers->at == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *numbers->at, "group numbers");
    }
    numbers->capacity = capacity;
    return SL_OK;
}

void sli_numbers_reset(sli_numbers *numbers)
{
    sl_free(numbers->at);
    *numbers = (sli_numbers){0};
}
