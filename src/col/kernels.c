/// kernels.c — batches from rows of batches: take, filter, concat, compact. Each is a builder that
/// appends ranges or picked rows, so that there is one way to copy a column; order of rows is kept.

#include "col/col_int.h"

// ---------------------------------------------------------------- take and filter

static sl_code take(const sl_batch *batch, const int32_t *rows, int64_t n, sl_batch **out,
                    sl_error *err)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, batch->schema, err));
    for (int32_t i = 0; i < batch->n_columns; i++) {
        sli_cells_take(&builder->cells[i], &batch->columns[i], rows, n);
    }
    sl_code rc = sl_builder_finish(builder, out, err);
    sl_builder_free(builder);
    return rc;
}

sl_code sli_batch_take(const sl_batch *batch, const int32_t *rows, int64_t n, sl_batch **out,
                       sl_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        SL_ASSERT_DEBUG(rows[i] < batch->n_rows, "a row to take lies in the batch");
    }
    return take(batch, rows, n, out, err);
}

/// Numbers of the set bits, in order.
static void rows_of_bits(const uint8_t *bits, int64_t n_bits, int32_t *rows)
{
    int64_t n = 0;
    for (int64_t at = 0; at < n_bits; at += 8) {
        uint32_t byte = bits[at >> 3];
        if (n_bits - at < 8) {
            byte &= (1U << (n_bits - at)) - 1;
        }
        for (; byte != 0; byte &= byte - 1) {
            rows[n++] = (int32_t)at + __builtin_ctz(byte);
        }
    }
}

sl_code sli_batch_filter(const sl_batch *batch, const uint8_t *keep, sl_batch **out, sl_error *err)
{
    int64_t n = sli_bits_count(keep, 0, batch->n_rows);
    if (n == batch->n_rows) {
        *out = sl_batch_ref(batch);
        return SL_OK;
    }
    int32_t few[SLI_BATCH_ROWS / 4];
    int32_t *rows = few;
    if (n > (int64_t)(sizeof few / sizeof few[0])) {
        rows = sl_alloc(SLI_TAG_BATCH, (size_t)n * sizeof *rows);
        if (rows == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof *rows, "filter");
        }
    }
    rows_of_bits(keep, batch->n_rows, rows);
    sl_code rc = take(batch, rows, n, out, err);
    if (rows != few) {
        sl_free(rows);
    }
    return rc;
}

// ---------------------------------------------------------------- concat and compact

static sl_code join(const sl_batch *const *batches, int32_t n, bool deep, sl_batch **out,
                    sl_error *err)
{
    int64_t n_rows = 0;
    for (int32_t i = 0; i < n; i++) {
        if (!sl_schema_equal(batches[i]->schema, batches[0]->schema)) {
            return sl_error_set(err, SL_E_INVALID,
                                "batches of \"%.150s\" and \"%.150s\" can't be joined end to end",
                                batches[0]->schema->text, batches[i]->schema->text);
        }
        n_rows += batches[i]->n_rows;
    }
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, batches[0]->schema, err));
    for (int32_t c = 0; c < builder->n_columns; c++) {
        if (!sli_cells_room(&builder->cells[c], n_rows)) {
            break; // the failure sticks
        }
        for (int32_t i = 0; i < n; i++) {
            sli_cells_append(&builder->cells[c], &batches[i]->columns[c], 0, batches[i]->n_rows,
                             deep);
        }
    }
    sl_code rc = sl_builder_finish(builder, out, err);
    sl_builder_free(builder);
    return rc;
}

sl_code sli_batch_concat(const sl_batch *const *batches, int32_t n, sl_batch **out, sl_error *err)
{
    if (n <= 0) {
        return sl_error_set(err, SL_E_INVALID, "no batches to join: their schema is not known");
    }
    if (n == 1) {
        *out = sl_batch_ref(batches[0]);
        return SL_OK;
    }
    return join(batches, n, false, out, err);
}

sl_code sli_batch_compact(const sl_batch *batch, sl_batch **out, sl_error *err)
{
    return join(&batch, 1, true, out, err);
}

/// Bytes that the cells of rows [row, row + n) need.
static int64_t needed_bytes(const sl_column *column, int64_t row, int64_t n)
{
    if (n == 0) {
        return 0; // a column without rows may have no memory at all
    }
    int64_t bytes = column->validity != NULL ? n / 8 : 0;
    if (column->type == SL_BOOL) {
        return bytes + n / 8;
    }
    bytes += n * sli_type_width(column->type);
    const sl_view *views = (const sl_view *)column->values + row;
    for (int64_t i = 0; sli_type_is_text(column->type) && i < n; i++) {
        bytes += views[i].size > SL_VIEW_INLINE ? views[i].size : 0;
    }
    if (column->type == SL_LIST) {
        const int32_t *offsets = (const int32_t *)column->values + row;
        return bytes + needed_bytes(column->children, offsets[0], offsets[n] - offsets[0]);
    }
    for (int32_t i = 0; i < column->n_children; i++) {
        bytes += needed_bytes(&column->children[i], row, n);
    }
    return bytes;
}

bool sli_batch_is_loose(const sl_batch *batch)
{
    int64_t needed = 0;
    for (int32_t i = 0; i < batch->n_columns; i++) {
        needed += needed_bytes(&batch->columns[i], 0, batch->n_rows);
    }
    int64_t fixed = (int64_t)sizeof *batch +
                    (int64_t)batch->n_total * (int64_t)(sizeof(sl_column) + sizeof(sli_owner));
    int64_t pinned = sl_batch_bytes(batch) - fixed;
    return pinned >
           2 * needed + 4 * SLI_BUFFER_PAD * batch->n_total; // what rounding leaves is not loose
}
