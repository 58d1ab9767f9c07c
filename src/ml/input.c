// What a model reads: named columns or one list, turned into doubles a thousand rows at a time, and
// checked.
#include "ml/ml_int.h"

#include <math.h>

enum { TILE_ROWS = 8 }; ///< rows that are turned into columns, or columns into rows, at once

// ---------------------------------------------------------------- which columns

static bool is_number(sl_type type)
{
    return (type >= SL_INT8 && type <= SL_FLOAT64) || type == SL_BOOL;
}

static bool is_hashed(const sl_field *field)
{
    return is_number(field->type) || field->type == SL_STRING ||
           (field->type == SL_LIST && field->children[0].type == SL_STRING);
}

static bool is_vector(const sl_field *field)
{
    return field->type == SL_LIST && is_number(field->children[0].type) &&
           field->children[0].type != SL_BOOL;
}

static sl_code no_feature(const sl_field *field, const ml_kind *kind, sl_error *err)
{
    return sl_error_set(err, SL_E_INVALID, "column '%.60s' can't be a feature of a %s: it takes %s",
                        field->name, kind->node.kind,
                        kind->is_sparse ? "numbers, bool, string and list<string>"
                                        : "numbers, or one list of numbers");
}

static sl_code parse_features(ml_input *in, const char *features, const ml_kind *kind,
                              sl_arena *arena, sl_error *err)
{
    int32_t columns[SLI_MAX_KEYS], n = 0;
    if (features == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the features are NULL: name their columns");
    }
    SL_TRY(
        sl_error_wrap(err, sli_columns_parse(features, in->schema, columns, &n, err), "features"));
    if (n == 0) {
        return sl_error_set(err, SL_E_INVALID, "features: none is named");
    }
    for (int32_t i = 0; i < n; i++) {
        const sl_field *field = sl_schema_field(in->schema, columns[i]);
        bool fits = kind->is_sparse ? is_hashed(field)
                                    : is_number(field->type) || (n == 1 && is_vector(field));
        if (!fits) {
            return no_feature(field, kind, err);
        }
        in->is_list = !kind->is_sparse && field->type == SL_LIST;
    }
    in->columns = sl_arena_copy(arena, columns, (size_t)n * sizeof *columns);
    in->names = sl_arena_strdup(arena, features);
    if (in->columns == NULL || in->names == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *columns, "features");
    }
    in->n_columns = n;
    in->dims = in->is_list ? 0 : n;
    return SL_OK;
}

static sl_code parse_label(ml_input *in, const char *label, sl_error *err)
{
    int32_t column[SLI_MAX_KEYS], n = 0;
    in->label = -1;
    if (label == NULL) {
        return SL_OK;
    }
    SL_TRY(sl_error_wrap(err, sli_columns_parse(label, in->schema, column, &n, err), "label"));
    if (n != 1 || !is_number(sl_schema_field(in->schema, column[0])->type)) {
        return sl_error_set(err, SL_E_INVALID, "the label '%.60s' is not one column of numbers",
                            label);
    }
    in->label = column[0];
    return SL_OK;
}

sl_code ml_input_parse(ml_input *out, const sl_stream *stream, const char *features,
                       const char *label, const ml_kind *kind, sl_arena *arena, sl_error *err)
{
    *out = (ml_input){.schema = stream->schema, .label = -1};
    SL_TRY(parse_features(out, features, kind, arena, err));
    return parse_label(out, label, err);
}

// ---------------------------------------------------------------- lists of numbers in options

static sl_code take_number(const char *option, const char **at, double *out, sl_error *err)
{
    size_t size = strcspn(*at, " ,;");
    if (sli_scan_float64((sl_text){*at, size}, out, NULL) != SL_OK || !isfinite(*out)) {
        return sl_error_set(err, SL_E_INVALID, "%s: '%.*s' is not a finite number", option,
                            (int)(size < 40 ? size : 40), *at);
    }
    *at += size;
    *at += strspn(*at, " ");
    return SL_OK;
}

sl_code ml_numbers_parse(const char *option, const char *text, sl_arena *arena, double **out,
                         int32_t *n_rows, int32_t *n, sl_error *err)
{
    double *numbers = sl_arena_alloc(arena, (strlen(text) / 2 + 1) * sizeof *numbers);
    if (numbers == NULL) {
        return sl_error_nomem(err, strlen(text) * sizeof *numbers, option);
    }
    const char *at = text + strspn(text, " ");
    int32_t count = 0, rows = 0, begun = 0, width = -1;
    for (bool more = true; more;) {
        SL_TRY(take_number(option, &at, &numbers[count++], err));
        more = *at != '\0';
        if (!more || *at == ',' || *at == ';') {
            if (width >= 0 && count - begun != width) {
                return sl_error_set(err, SL_E_INVALID,
                                    "%s: row %d has %d numbers, the first one %d", option, rows + 1,
                                    count - begun, width);
            }
            width = count - begun;
            begun = count;
            rows++;
            at += more;
            at += strspn(at, " ");
        }
    }
    *out = numbers;
    *n_rows = rows;
    *n = width;
    return SL_OK;
}

// ---------------------------------------------------------------- cells as doubles

double ml_number_at(const sl_column *column, int64_t row)
{
    switch (column->type) {
    case SL_BOOL:
        return sl_column_bool(column, row);
    case SL_INT8:
        return ((const int8_t *)column->values)[row];
    case SL_INT16:
        return ((const int16_t *)column->values)[row];
    case SL_INT32:
        return ((const int32_t *)column->values)[row];
    case SL_INT64:
        return (double)((const int64_t *)column->values)[row];
    case SL_UINT8:
        return ((const uint8_t *)column->values)[row];
    case SL_UINT16:
        return ((const uint16_t *)column->values)[row];
    case SL_UINT32:
        return ((const uint32_t *)column->values)[row];
    case SL_UINT64:
        return (double)((const uint64_t *)column->values)[row];
    case SL_FLOAT32:
        return (double)((const float *)column->values)[row];
    default:
        return sl_column_float64(column, row);
    }
}

/// Cells [from, from + n) of a column, `stride` apart; nulls are NaN, which is bad input as well.
static void read_column(const sl_column *column, int64_t from, int64_t n, double *out,
                        int64_t stride)
{
    if (column->type == SL_FLOAT64 && column->n_nulls == 0) {
        const double *in = (const double *)column->values + from;
        for (int64_t i = 0; i < n; i++) {
            out[i * stride] = in[i];
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        out[i * stride] =
            sl_column_is_null(column, from + i) ? NAN : ml_number_at(column, from + i);
    }
}

static void read_list(const sl_column *list, int64_t row, int32_t dims, double *out)
{
    const int32_t *offsets = list->values;
    bool fits = !sl_column_is_null(list, row) && offsets[row + 1] - offsets[row] == dims;
    for (int32_t j = 0; j < dims; j++) {
        const sl_column *child = &list->children[0];
        int64_t at = fits ? offsets[row] + j : 0;
        out[j] = !fits                          ? INFINITY // bad also where NaN is good
                 : sl_column_is_null(child, at) ? NAN
                                                : ml_number_at(child, at);
    }
}

// ---------------------------------------------------------------- what is refused

static bool has_null(const sl_column *list, int64_t row)
{
    const int32_t *offsets = list->values;
    for (int32_t at = offsets[row]; at < offsets[row + 1]; at++) {
        if (sl_column_is_null(&list->children[0], at)) {
            return true;
        }
    }
    return false;
}

/// What is wrong with a cell; NULL: nothing. `is_vector`: it is a list, and something is.
static const char *fault_of(const sl_column *column, int64_t row, bool is_vector)
{
    if (sl_column_is_null(column, row)) {
        return "is null";
    }
    if (column->type == SL_LIST && has_null(column, row)) {
        return "has a null in it";
    }
    if (is_vector) {
        return "has a NaN or an infinity in it";
    }
    return is_number(column->type) && !isfinite(ml_number_at(column, row)) ? "is NaN or infinite"
                                                                           : NULL;
}

/// What is wrong with a row of numbers by the kind's own rules; NULL: nothing. *feature tells
/// where.
static const char *own_fault(const ml_reader *r, const double *x, int32_t *feature)
{
    const ml_kind *kind = r->model->kind;
    for (int32_t j = 0; j < r->model->dims; j++) {
        const char *fault = isinf(x[j])           ? "is infinite"
                            : kind->fault == NULL ? NULL
                                                  : kind->fault(r->model, r->input, j, x[j]);
        if (fault != NULL) {
            *feature = j;
            return fault;
        }
    }
    return NULL;
}

/// The row is bad: what is told of it.
static sl_code refuse(const ml_reader *r, const sl_batch *batch, int64_t row, const double *x,
                      sl_error *err)
{
    const ml_input *in = r->input;
    const char *kind = r->model->kind->node.kind;
    long long number = (long long)(r->n_seen + row);
    const sl_column *first = sl_batch_column(batch, in->columns[0]);
    if (in->is_list && !sl_column_is_null(first, row)) {
        const int32_t *offsets = first->values;
        int32_t size = offsets[row + 1] - offsets[row];
        if (size != r->model->dims) {
            return sl_error_set(err, SL_E_DATA,
                                "row %lld of partition %d: '%.60s' has %d numbers, the %s takes %d",
                                number, r->partition, in->names, size, kind, r->model->dims);
        }
    }
    const char *fault = NULL;
    int32_t feature = 0;
    for (int32_t j = 0; j < in->n_columns && fault == NULL && !r->model->kind->takes_missing; j++) {
        fault = fault_of(sl_batch_column(batch, in->columns[j]), row, in->is_list);
        feature = j;
    }
    if (fault == NULL && x != NULL) {
        fault =
            in->is_list && sl_column_is_null(first, row) ? "is null" : own_fault(r, x, &feature);
        feature = in->is_list ? 0 : feature;
    }
    if (fault != NULL) {
        return sl_error_set(
            err, SL_E_DATA,
            "row %lld of partition %d: feature '%.60s' %s: mend the data, isolate such rows "
            "(poison=dead-letter), or leave them out (invalid=skip of the %s)",
            number, r->partition, sl_schema_field(in->schema, in->columns[feature])->name, fault,
            kind);
    }
    return sl_error_set(err, SL_E_DATA, "row %lld of partition %d: label '%.60s' is %s", number,
                        r->partition, sl_schema_field(in->schema, in->label)->name,
                        r->model->kind->binary_labels ? "neither 0 nor 1"
                                                      : "null, NaN or infinite");
}

/// Adding 1 to an exponent that is all ones, that of NaN and of infinities, reaches the top bit: no
/// branch a cell, and no sum that would have to be taken in order.
static bool are_finite(const double *x, int64_t n)
{
    uint64_t carries = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        carries |= (bits & INT64_MAX) + (UINT64_C(1) << 52);
    }
    return carries >> 63 == 0;
}

/// Whether all features of all rows are numbers, as nearly always: one look at each column.
static bool are_all_finite(const ml_rows *rows)
{
    if (rows->x != NULL) {
        return are_finite(rows->x, rows->n * rows->dims);
    }
    bool all = rows->columns != NULL;
    for (int32_t j = 0; all && j < rows->dims; j++) {
        all = are_finite(rows->columns[j], rows->n);
    }
    return all;
}

static bool is_good(const ml_reader *r, const ml_rows *rows, int64_t i)
{
    if (rows->x != NULL) {
        const double *x = &rows->x[i * rows->dims];
        const ml_kind *kind = r->model->kind;
        int32_t feature;
        return (are_finite(x, rows->dims) || kind->takes_missing) &&
               ((kind->fault == NULL && !kind->takes_missing) || own_fault(r, x, &feature) == NULL);
    }
    for (int32_t j = 0; rows->columns != NULL && j < rows->dims; j++) {
        if (!isfinite(rows->columns[j][i])) {
            return false;
        }
    }
    for (int32_t j = 0; rows->columns == NULL && j < r->input->n_columns; j++) {
        const sl_column *column = sl_batch_column(rows->batch, r->input->columns[j]);
        if (fault_of(column, rows->from + i, false) != NULL) {
            return false;
        }
    }
    return true;
}

static bool is_label(const ml_kind *kind, double y)
{
    return kind->binary_labels ? y == 0 || y == 1 : isfinite(y);
}

static sl_code check(ml_reader *r, ml_rows *rows, sl_error *err)
{
    bool all = true, finite = r->model->kind->fault == NULL && are_all_finite(rows);
    for (int64_t i = 0; i < rows->n && (!finite || rows->y != NULL); i++) {
        r->ok[i] = (finite || is_good(r, rows, i)) &&
                   (rows->y == NULL || is_label(r->model->kind, rows->y[i]));
        all = all && r->ok[i];
        if (!r->ok[i] && !r->model->skips) {
            return refuse(r, rows->batch, rows->from + i,
                          rows->x == NULL ? NULL : rows->x + i * rows->dims, err);
        }
    }
    rows->ok = all ? NULL : r->ok;
    return SL_OK;
}

// ---------------------------------------------------------------- reading

/// The numbers of some rows, and of lists by columns those of a tile.
static sl_code room(ml_reader *r, sl_error *err)
{
    size_t dims = r->model->kind->is_sparse ? 0 : (size_t)r->model->dims;
    if (r->ok != NULL) {
        return SL_OK;
    }
    r->x = sl_alloc_array(SLI_TAG_STREAM, (ML_CHUNK_ROWS + TILE_ROWS) * dims + 1, sizeof *r->x);
    r->y = sl_alloc_array(SLI_TAG_STREAM, ML_CHUNK_ROWS, sizeof *r->y);
    r->columns = sl_alloc_array(SLI_TAG_STREAM, dims + 1, sizeof *r->columns);
    r->ok = sl_alloc_array(SLI_TAG_STREAM, ML_CHUNK_ROWS, sizeof *r->ok);
    return r->x == NULL || r->y == NULL || r->columns == NULL || r->ok == NULL
               ? sl_error_nomem(err, ML_CHUNK_ROWS * dims * sizeof *r->x, "features of some rows")
               : SL_OK;
}

/// Row after row. Tile by tile, so that what one column has begun the next finds in the cache.
static void read_by_rows(const ml_reader *r, ml_rows *rows)
{
    const ml_input *in = r->input;
    int32_t dims = rows->dims;
    rows->x = r->x;
    for (int64_t at = 0; at < rows->n; at += TILE_ROWS) {
        int64_t some = rows->n - at < TILE_ROWS ? rows->n - at : TILE_ROWS;
        for (int32_t j = 0; j < in->n_columns && !in->is_list; j++) {
            read_column(sl_batch_column(rows->batch, in->columns[j]), rows->from + at, some,
                        r->x + at * dims + j, dims);
        }
        for (int64_t i = at; i < at + some && in->is_list; i++) {
            read_list(sl_batch_column(rows->batch, in->columns[0]), rows->from + i, dims,
                      r->x + i * dims);
        }
    }
}

/// Rows [at, at + n) of lists, turned from rows to columns.
static void turn_lists(const ml_reader *r, const ml_rows *rows, int64_t at, int64_t n)
{
    const sl_column *lists = sl_batch_column(rows->batch, r->input->columns[0]);
    int32_t dims = rows->dims;
    double *tile = r->x + (int64_t)ML_CHUNK_ROWS * dims;
    for (int64_t i = 0; i < n; i++) {
        read_list(lists, rows->from + at + i, dims, tile + i * dims);
    }
    for (int32_t j = 0; j < dims; j++) {
        double *out = r->x + (int64_t)ML_CHUNK_ROWS * j + at;
        for (int64_t i = 0; i < n; i++) {
            out[i] = tile[i * dims + j];
        }
    }
}

/// Feature after feature: columns of doubles without nulls are taken where they lie.
static void read_by_columns(const ml_reader *r, ml_rows *rows)
{
    const ml_input *in = r->input;
    for (int32_t j = 0; j < rows->dims; j++) {
        double *copy = r->x + (int64_t)ML_CHUNK_ROWS * j;
        r->columns[j] = copy;
        if (!in->is_list) {
            const sl_column *column = sl_batch_column(rows->batch, in->columns[j]);
            if (column->type == SL_FLOAT64 && column->n_nulls == 0) {
                r->columns[j] = (const double *)column->values + rows->from;
            } else {
                read_column(column, rows->from, rows->n, copy, 1);
            }
        }
    }
    for (int64_t at = 0; at < rows->n && in->is_list; at += TILE_ROWS) {
        turn_lists(r, rows, at, rows->n - at < TILE_ROWS ? rows->n - at : TILE_ROWS);
    }
    rows->columns = r->columns;
}

static sl_code read_rows(ml_reader *r, const sl_batch *batch, int64_t from, int64_t n, ml_rows *out,
                         sl_error *err)
{
    const ml_input *in = r->input;
    *out = (ml_rows){.n = n, .dims = r->model->dims, .input = in, .batch = batch, .from = from};
    if (r->model->kind->by_columns) {
        read_by_columns(r, out);
    } else if (!r->model->kind->is_sparse) {
        read_by_rows(r, out);
    }
    if (in->label >= 0) {
        out->y = r->y;
        read_column(sl_batch_column(batch, in->label), from, n, r->y, 1);
    }
    return check(r, out, err);
}

sl_code ml_reader_each(ml_reader *r, const sl_batch *batch,
                       sl_code (*each)(void *ctx, const ml_rows *rows, sl_error *err), void *ctx,
                       sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    SL_TRY(room(r, err));
    for (int64_t from = 0; from < n; from += ML_CHUNK_ROWS) {
        ml_rows rows;
        int64_t some = n - from < ML_CHUNK_ROWS ? n - from : ML_CHUNK_ROWS;
        SL_TRY(read_rows(r, batch, from, some, &rows, err));
        SL_TRY(each(ctx, &rows, err));
    }
    r->n_seen += n;
    return SL_OK;
}

void ml_reader_reset(ml_reader *r)
{
    sl_free(r->x);
    sl_free(r->y);
    sl_free(r->columns);
    sl_free(r->ok);
    r->x = r->y = NULL;
    r->columns = NULL;
    r->ok = NULL;
}
