/// batch.h — rows in columns: schemas, batches, and the builder that makes them.
///
/// A batch is columns in Arrow layout. Buffers are shared by reference and nobody writes them after
/// they were built; batch borders carry no meaning. Strings are Arrow *string views*: 16 bytes with
/// the length and, up to 12 bytes, the text itself, otherwise a 4-byte prefix and a place in one of
/// the column's data buffers. So a word cut out of a line is not copied.
///
/// Limits: a string or binary cell has at most 2^31 - 1 bytes, a batch at most 2^31 - 1 rows.
#pragma once

#include "sluice/error.h"

SL_BEGIN_DECLS

/// Column types. Texts used in schemas: "bool int32 int64 float64 decimal(p,s) date timestamp
/// string binary list<T> struct<a T, ...>"; int8/16, uint8/16/32/64 and float32 exist for
/// interchange.
typedef enum sl_type {
    SL_BOOL = 1, ///< bitmap, least significant bit first
    SL_INT8,
    SL_INT16,
    SL_INT32,
    SL_INT64,
    SL_UINT8,
    SL_UINT16,
    SL_UINT32,
    SL_UINT64,
    SL_FLOAT32,
    SL_FLOAT64,
    SL_DECIMAL,   ///< 128-bit two's complement, precision and scale in the field
    SL_DATE,      ///< int32 days since 1970-01-01
    SL_TIMESTAMP, ///< int64 microseconds since 1970-01-01 UTC
    SL_STRING,    ///< sl_view, checked UTF-8
    SL_BINARY,    ///< sl_view, any bytes
    SL_LIST,      ///< int32 offsets, n_rows + 1 of them, into one child column
    SL_STRUCT,    ///< one child column a field
    SL_OPAQUE,    ///< 8 bytes that only the host language's functions understand; never stored or
                  ///< shuffled
} sl_type;

/// One string or binary cell: Arrow's string view, 16 bytes.
typedef struct sl_view {
    int32_t size;
    union {
        char inlined[12]; ///< when size <= 12; bytes after `size` are zero
        struct {
            char prefix[4]; ///< the first 4 bytes, so that most comparisons end here
            int32_t buffer; ///< index into the column's `data` buffers
            int32_t offset;
        } ref;
    } as;
} sl_view;

enum { SL_VIEW_INLINE = 12 };

typedef struct sl_schema sl_schema;   ///< ordered named fields; shared, never changed
typedef struct sl_batch sl_batch;     ///< rows; shared, never changed
typedef struct sl_builder sl_builder; ///< makes one batch

/// A field of a schema. Texts and children live as long as the schema.
typedef struct sl_field {
    const char *name;
    sl_type type;
    bool nullable;
    int8_t precision, scale; ///< SL_DECIMAL only
    int32_t n_children;      ///< 1 for SL_LIST, the fields of SL_STRUCT, else 0
    const struct sl_field *children;
} sl_field;

/// One column of a batch, for reading. Pointers live as long as the batch.
typedef struct sl_column {
    sl_type type;
    int64_t n_rows;
    int64_t n_nulls;
    const uint8_t *validity; ///< bit set = value present; NULL when there are no nulls
    const void *values; ///< fixed width: the values; SL_BOOL: bitmap; strings: sl_view; SL_LIST:
                        ///< int32 offsets
    const char *const *data; ///< strings: the data buffers that views point into
    const int64_t *data_sizes;
    int32_t n_data;
    int32_t n_children;
    const struct sl_column *children;
} sl_column;

// ---- schema

/// Reads "word string, n int64?"; a `?` after the type makes a field nullable. Field names match
/// [A-Za-z_][A-Za-z0-9_.]* and differ. *out has one reference, the caller's. Thread: any.
/// Fails: SL_E_INVALID, with the position and the nearest type name.
SL_API SL_MUST_USE sl_code sl_schema_parse(sl_schema **out, const char *text, sl_error *err);
SL_API sl_schema *sl_schema_ref(const sl_schema *schema);
SL_API void sl_schema_unref(SL_TAKES const sl_schema *schema); ///< accepts NULL
SL_API int32_t sl_schema_columns(const sl_schema *schema);
SL_API const sl_field *sl_schema_field(const sl_schema *schema, int32_t column);
/// Index of the named column, or -1.
SL_API int32_t sl_schema_find(const sl_schema *schema, const char *name);
/// The canonical text, which sl_schema_parse reads back; lives as long as the schema.
SL_API const char *sl_schema_text(const sl_schema *schema);
SL_API bool sl_schema_equal(const sl_schema *a, const sl_schema *b);

// ---- batch

SL_API sl_batch *sl_batch_ref(const sl_batch *batch);
SL_API void sl_batch_unref(SL_TAKES const sl_batch *batch); ///< accepts NULL. Thread: any
SL_API int64_t sl_batch_rows(const sl_batch *batch);
SL_API const sl_schema *sl_batch_schema(const sl_batch *batch);
SL_API const sl_column *sl_batch_column(const sl_batch *batch, int32_t column);
/// Bytes of memory the batch keeps alive, shared buffers counted whole.
SL_API int64_t sl_batch_bytes(const sl_batch *batch);

static inline bool sl_column_is_null(const sl_column *column, int64_t row)
{
    return column->validity != NULL && (column->validity[row >> 3] >> (row & 7) & 1) == 0;
}
/// The text of a string or binary cell; lives as long as the batch (inlined text lies in the column
/// itself).
static inline sl_text sl_column_text(const sl_column *column, int64_t row)
{
    const sl_view *view = (const sl_view *)column->values + row;
    const char *at = view->size <= SL_VIEW_INLINE
                         ? view->as.inlined
                         : column->data[view->as.ref.buffer] + view->as.ref.offset;
    return (sl_text){at, (size_t)view->size};
}
static inline int64_t sl_column_int64(const sl_column *column, int64_t row)
{
    return ((const int64_t *)column->values)[row];
}
static inline double sl_column_float64(const sl_column *column, int64_t row)
{
    return ((const double *)column->values)[row];
}
static inline bool sl_column_bool(const sl_column *column, int64_t row)
{
    return (((const uint8_t *)column->values)[row >> 3] >> (row & 7) & 1) != 0;
}

/// Who gets the rows of a SELECT.
typedef struct sl_rows_to {
    /// Told once, before the first rows, also when there are none.
    sl_code (*begin)(void *ctx, const sl_schema *columns, sl_error *err);
    sl_code (*rows)(void *ctx, SL_BORROWS const sl_batch *rows, sl_error *err);
    void *ctx;
} sl_rows_to;

// ---- builder: a user function gets one, appends cells column by column, and never frees it
//
// Appending can't fail at the call: the first failure (memory, a cell too long, a wrong type)
// sticks and the engine reports it when the function returns. Every column must have got the same
// number of cells by then.

/// The schema the rows must have.
SL_API const sl_schema *sl_builder_schema(const sl_builder *builder);
/// Cells appended to `column` so far.
SL_API int64_t sl_builder_rows(const sl_builder *builder, int32_t column);
SL_API void sl_builder_null(sl_builder *builder, int32_t column);
SL_API void sl_builder_bool(sl_builder *builder, int32_t column, bool value);
/// For every integer, date and timestamp type; a value the type can't hold is SL_E_DATA.
SL_API void sl_builder_int64(sl_builder *builder, int32_t column, int64_t value);
SL_API void sl_builder_float64(sl_builder *builder, int32_t column, double value);
/// Copies the bytes. SL_STRING columns trust the caller that they are UTF-8.
SL_API void sl_builder_text(sl_builder *builder, int32_t column, const char *data, size_t size);
/// Appends `size` bytes from `offset` of a cell of `from` without copying: the new column shares
/// the old one's buffers.
SL_API void sl_builder_slice(sl_builder *builder, int32_t column, const sl_column *from,
                             int64_t row, int64_t offset, int64_t size);
/// Appends a cell of any type as it is, nulls and lists too. The types must be equal.
SL_API void sl_builder_cell(sl_builder *builder, int32_t column, const sl_column *from,
                            int64_t row);
/// Makes room for `n` more cells of a fixed-width or view column and returns them to be written in
/// place; they count as appended. NULL after a failure. Views that are not inlined must point into
/// a buffer from sl_builder_share.
SL_API void *sl_builder_reserve(sl_builder *builder, int32_t column, int64_t n);
/// Gives back the last `n` cells of an sl_builder_reserve that were not needed.
SL_API void sl_builder_unreserve(sl_builder *builder, int32_t column, int64_t n);
/// Lets views of `column` point into the data buffers of `from`: returns what to add to their
/// buffer index, or -1 after a failure. Cheap to repeat for the same column.
SL_API int32_t sl_builder_share(sl_builder *builder, int32_t column, const sl_column *from);
/// In flatMapValues: the rows appended from here on come from row `row` of the function's input.
/// Named rows go up; a row that is not named makes none. A function that fills column after column
/// names them in the first. Elsewhere the call does nothing.
SL_API void sl_builder_of_row(sl_builder *builder, int64_t row);
/// Begins and ends the list that is the next cell of a list column; cells in between go to its
/// child, which is addressed by the same `column` number.
SL_API void sl_builder_list_begin(sl_builder *builder, int32_t column);
SL_API void sl_builder_list_end(sl_builder *builder, int32_t column);
/// Begins and ends the struct that is the next cell of a struct column (or of a list of structs);
/// in between each of its fields gets one cell, in order, through the same `column` number.
SL_API void sl_builder_struct_begin(sl_builder *builder, int32_t column);
SL_API void sl_builder_struct_end(sl_builder *builder, int32_t column);

/// A builder of one's own, outside user functions (tests, sources, embedding programs). Rows <=
/// 2^31 - 1.
SL_API SL_MUST_USE sl_code sl_builder_new(sl_builder **out, SL_SHARES const sl_schema *schema,
                                          sl_error *err);
/// Hands out what was appended as a batch and starts again, empty, also after a failure. Fails: the
/// first sticky failure; SL_E_INVALID when columns have different numbers of cells, naming them;
/// SL_E_NOMEM.
SL_API SL_MUST_USE sl_code sl_builder_finish(sl_builder *builder, sl_batch **out, sl_error *err);
SL_API void sl_builder_free(SL_TAKES sl_builder *builder); ///< accepts NULL

// ---- Arrow C Data Interface (https://arrow.apache.org/docs/format/CDataInterface.html), without
// copying

struct ArrowSchema;
struct ArrowArray;
/// Fills both caller-owned structs; they keep the batch alive until their `release` is called.
SL_API SL_MUST_USE sl_code sl_batch_export(const sl_batch *batch, struct ArrowSchema *schema,
                                           struct ArrowArray *array, sl_error *err);
/// Takes both structs (also when it fails) and makes a batch that shares their buffers. utf8
/// columns become views of the same bytes. Fails: SL_E_UNSUPPORTED for a type not listed above,
/// SL_E_DATA for a broken structure.
SL_API SL_MUST_USE sl_code sl_batch_import(SL_TAKES struct ArrowSchema *schema,
                                           SL_TAKES struct ArrowArray *array, sl_batch **out,
                                           sl_error *err);

SL_END_DECLS
