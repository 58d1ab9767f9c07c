/// origins.c — which row of its input each row of a builder was made of: what flatMapValues needs
/// to give a row its key back.
///
/// A function names the row before it appends what it makes of it. A mark is that row and the
/// number of rows the builder had then, so marks cost one entry an input row, and nothing where
/// nobody asked for them.
#include "col/col_int.h"

void sli_builder_ask_origins(sl_builder *builder)
{
    builder->asks_origins = true;
}

bool sli_builder_asks_origins(const sl_builder *builder)
{
    return builder->asks_origins;
}

bool sli_builder_has_origins(const sl_builder *builder)
{
    return builder->n_marks > 0;
}

/// Functions may fill column after column: the longest one says how many rows there are.
static int64_t rows_begun(const sl_builder *builder)
{
    int64_t n = 0;
    for (int32_t i = 0; i < builder->n_columns; i++) {
        n = builder->cells[i].n > n ? builder->cells[i].n : n;
    }
    return n;
}

static bool grow_marks(sl_builder *builder)
{
    int64_t capacity = builder->mark_capacity == 0 ? 256 : 2 * builder->mark_capacity;
    size_t size = (size_t)capacity * sizeof *builder->marks;
    sli_mark *more = sl_realloc(SLI_TAG_BATCH, builder->marks, size);
    if (more == NULL) {
        sl_error_nomem(&builder->failure, size, "the origins of rows");
        return false;
    }
    builder->marks = more;
    builder->mark_capacity = capacity;
    return true;
}

void sl_builder_of_row(sl_builder *builder, int64_t row)
{
    if (!builder->asks_origins || builder->failure.code != SL_OK) {
        return;
    }
    if (row < 0 || row > INT32_MAX ||
        (builder->n_marks > 0 && row <= builder->marks[builder->n_marks - 1].row)) {
        sli_builder_fail(
            builder, SL_E_INVALID,
            "rows of input row %lld after those of row %lld: input rows go up", (long long)row,
            builder->n_marks == 0 ? -1LL : (long long)builder->marks[builder->n_marks - 1].row);
        return;
    }
    if (builder->n_marks == builder->mark_capacity && !grow_marks(builder)) {
        return;
    }
    builder->marks[builder->n_marks++] = (sli_mark){row, rows_begun(builder)};
}

sl_code sli_builder_origins(const sl_builder *builder, int64_t n_in, int32_t *origins,
                            sl_error *err)
{
    int64_t rows = sl_builder_rows(builder, 0), n = builder->n_marks;
    if (rows > 0 && (n == 0 || builder->marks[0].from > 0)) {
        return sl_error_set(err, SL_E_USER,
                            "it appended rows before it said by sl_builder_of_row what row of its "
                            "input they come from");
    }
    if (n > 0 && builder->marks[n - 1].row >= n_in) {
        return sl_error_set(err, SL_E_USER, "it named row %lld of an input of %lld rows",
                            (long long)builder->marks[n - 1].row, (long long)n_in);
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t to = i + 1 < n ? builder->marks[i + 1].from : rows;
        for (int64_t k = builder->marks[i].from; k < to; k++) {
            origins[k] = (int32_t)builder->marks[i].row;
        }
    }
    return SL_OK;
}
