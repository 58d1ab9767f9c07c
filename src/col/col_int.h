/// col_int.h — what the files of this folder share: how a schema, a batch and a column in the
/// making look inside.
///
/// A batch is one block: header, then all columns flattened (top ones first, then children level by
/// level), then for each column the references that keep its memory alive. Data buffers of a string
/// column are held through one shared list, the *heap*, so that taking or slicing rows costs one
/// reference however many buffers there are.
#pragma once

#include <stdatomic.h>
#include <string.h>

#include "col/col.h"

/// One cell of a fixed width.
static inline void sli_cell_copy(void *to, const void *from, int32_t width)
{
    switch (width) { // copies of a known size take one instruction, others a call
    case 1:
        memcpy(to, from, 1);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    default:
        memcpy(to, from, (size_t)width);
    }
}

_Static_assert(sizeof(sl_view) == 16, "a string view is Arrow's: 16 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "Arrow layout and hashes are little-endian");

enum {
    SLI_MAX_DEPTH = 16,      ///< lists and structs within each other
    SLI_MAX_FIELDS = 4096,   ///< of a schema, nested ones counted
    SLI_MAX_NAME = 255,      ///< bytes of a field's name
    SLI_MAX_DATA = 1 << 20,  ///< data buffers of one column
    SLI_MAX_ROWS = INT32_MAX ///< of a batch
};

/// Drops a const that shared objects have only for their readers: counting references is no change.
#define SLI_UNCONST(type, pointer) ((type *)(uintptr_t)(pointer))

// ---------------------------------------------------------------- bits

void sli_bits_copy(uint8_t *to, int64_t to_bit, const uint8_t *from, int64_t from_bit, int64_t n);
void sli_bits_set(uint8_t *bits, int64_t from, int64_t n, bool value);
int64_t sli_bits_count(const uint8_t *bits, int64_t from, int64_t n); ///< of set bits
static inline bool sli_bit(const uint8_t *bits, int64_t i)
{
    return (bits[i >> 3] >> (i & 7) & 1) != 0;
}
static inline void sli_bit_set(uint8_t *bits, int64_t i)
{
    bits[i >> 3] = (uint8_t)(bits[i >> 3] | 1U << (i & 7));
}

// ---------------------------------------------------------------- types and schemas

struct sl_schema {
    _Atomic int64_t refs;
    sl_arena *arena; ///< holds names, fields and text
    int32_t n_columns, n_fields;
    const sl_field *fields;
    const char *text;
};

/// Bytes of one cell in `values`; 0 for SL_BOOL (bits) and SL_STRUCT (none); 4 for SL_LIST (an
/// offset).
int32_t sli_type_width(sl_type type);
const char *sli_type_name(sl_type type);
static inline bool sli_type_is_text(sl_type type)
{
    return type == SL_STRING || type == SL_BINARY;
}
/// Integers of every width, date and timestamp: what fits an int64 by value.
static inline bool sli_type_is_integer(sl_type type)
{
    return (type >= SL_INT8 && type <= SL_UINT64) || type == SL_DATE || type == SL_TIMESTAMP;
}
/// A cell of any integer type, sign- or zero-extended; uint64 by its bits.
int64_t sli_integer_at(const sl_column *column, int64_t row);
/// Writes the value into `n` bytes of an integer type's cell; false when the type can't hold it.
bool sli_integer_put(sl_type type, void *cell, int64_t value);

// ---------------------------------------------------------------- heaps

/// Sets the bytes that a wrapped buffer counts for, once they are known.
void sli_buffer_claim(sli_buffer *buffer, int64_t size_bytes);

/// The data buffers of one string column. Thread: any.
typedef struct sli_heap {
    _Atomic int64_t refs;
    int32_t n;
    sli_buffer **owners; ///< what keeps data[i] alive; entries may repeat
    int64_t *sizes;
    const char *data[]; ///< what sl_column.data points to
} sli_heap;

sli_heap *sli_heap_new(int32_t n); ///< room for n entries, all zero; NULL without memory
sli_heap *sli_heap_ref(sli_heap *heap);
void sli_heap_unref(SL_TAKES sli_heap *heap); ///< accepts NULL
/// The heap behind a column's `data`, or NULL when it has no data buffers.
static inline sli_heap *sli_heap_of(const sl_column *column)
{
    return column->n_data == 0 ? NULL
                               : (sli_heap *)((uintptr_t)column->data - offsetof(sli_heap, data));
}

// ---------------------------------------------------------------- batches

typedef struct sli_owner {
    sli_buffer *validity, *values;
    sli_heap *heap;
} sli_owner;

struct sl_batch {
    _Atomic int64_t refs;
    const sl_schema *schema;
    int64_t n_rows;
    int32_t n_columns; ///< top ones
    int32_t n_total;   ///< with all children: entries of `columns` and `owners`
    sli_owner *owners;
    sl_column columns[];
};

/// A batch whose columns have types, row numbers (top ones) and children, and no memory yet; one
/// reference.
sl_code sli_batch_new(const sl_schema *schema, int64_t n_rows, sl_batch **out, sl_error *err);
static inline sli_owner *sli_owner_of(const sl_batch *batch, const sl_column *column)
{
    return &batch->owners[column - batch->columns];
}
static inline sl_column *sli_column_child(const sl_column *column, int32_t i)
{
    return SLI_UNCONST(sl_column, column->children + i);
}
// ---------------------------------------------------------------- hashes
// Inline, since grouping makes keys and hashes in one pass. They decide slots and partitions and
// must never change: README.md specifies them.

// Constants with mixed bits, fixed for good (digits of pi).
#define SLI_HASH_K0 0x243f6a8885a308d3U
#define SLI_HASH_K1 0x13198a2e03707345U
#define SLI_HASH_K2 0xa4093822299f31d1U
#define SLI_NULL_HASH 0x452821e638d01377U

__extension__ typedef unsigned __int128 sli_wide;

static inline uint64_t sli_fold(uint64_t a, uint64_t b)
{
    sli_wide product = (sli_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
/// Of a key's cells so far and the next one.
static inline uint64_t sli_hash_combine(uint64_t so_far, uint64_t next)
{
    return sli_fold(so_far ^ SLI_HASH_K1, next ^ SLI_HASH_K2) + next;
}

/// Of 16 bytes: short texts with their length, decimals.
static inline uint64_t sli_pair_hash(uint64_t low, uint64_t high)
{
    return sli_fold(sli_fold(low ^ SLI_HASH_K0, high ^ SLI_HASH_K1) ^ low, SLI_HASH_K2 ^ high);
}

static inline const char *sli_view_bytes(const sl_column *column, const sl_view *view)
{
    return column->data[view->as.ref.buffer] + view->as.ref.offset;
}

static inline uint64_t sli_view_hash(const sl_column *column, const sl_view *view)
{
    if (view->size > SL_VIEW_INLINE) {
        return sli_hash64(sli_view_bytes(column, view), (size_t)view->size);
    }
    uint64_t words[2];
    memcpy(words, view, sizeof words);
    return sli_pair_hash(words[0], words[1]);
}

/// Hashes of rows [from, from + n) of one column, or of several columns together (hash.c).
void sli_column_hash(const sl_column *column, int64_t from, int64_t n, uint64_t *hashes);
void sli_batch_hash_range(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                          int64_t from, int64_t n, uint64_t *hashes);

/// Points `column` at the heap and takes over its reference.
void sli_column_set_heap(sl_column *column, sli_owner *owner, SL_TAKES sli_heap *heap);

// ---------------------------------------------------------------- the data buffers of a column in
// the making

typedef struct sli_text_entry {
    sli_buffer *owner;
    const char *data;
    int64_t size;
} sli_text_entry;

/// A shared heap (or, for heaps of one buffer, its data) and the index of its first buffer here.
typedef struct sli_text_share {
    const void *key;
    int32_t base;
} sli_text_share;

typedef struct sli_texts {
    sli_text_entry *entries;
    int32_t n, capacity;
    sli_buffer
        *chunk; ///< the open one, written at its end; entry `chunk_index` once it holds something
    int64_t chunk_used, chunk_next; ///< chunk_next: size of the next chunk
    int64_t own_bytes;              ///< of all chunks since the last clear
    int32_t chunk_index;
    sli_heap *last; ///< the heap shared last
    int32_t last_base;
    sli_heap **heaps; ///< shared ones, kept so that their addresses stay theirs
    int32_t n_heaps, heaps_capacity;
    sli_text_share *slots; ///< open addressing by key
    int32_t n_slots, n_used;
} sli_texts;

/// Index of the heap's first buffer among the texts' own, or -1 after setting *err.
int32_t sli_texts_share(sli_texts *texts, sli_heap *heap, sl_error *err);
/// Room for `size` bytes in one buffer: where to write, and its place for the view. NULL after
/// setting *err.
char *sli_texts_room(sli_texts *texts, int64_t size, int32_t *buffer, int32_t *offset,
                     sl_error *err);
void sli_texts_clear(sli_texts *texts); ///< keeps the memory
void sli_texts_reset(sli_texts *texts);

// ---------------------------------------------------------------- columns in the making

/// One column, or child of a column, that grows. `failure` is the builder's: the first one sticks,
/// later calls do nothing.
typedef struct sli_cells {
    const sl_field *field;
    sl_error *failure;
    int32_t width;
    bool open;      ///< between begin and end of a list or struct
    bool in_struct; ///< child of a struct: where that is null, this one's cells mean nothing
    int64_t n, n_nulls, capacity, hint;
    sli_buffer *values, *validity; ///< validity is NULL until the first null
    char *at;                      ///< bytes of `values`
    uint8_t *valid;                ///< bytes of `validity`
    sli_texts texts;
    int32_t n_children, next;
    struct sli_cells *children;
} sli_cells;

/// The rows from number `from` on were made of row `row` of a function's input.
typedef struct sli_mark {
    int64_t row, from;
} sli_mark;

struct sl_builder {
    const sl_schema *schema;
    sl_error failure;
    int32_t n_columns, n_total;
    bool asks_origins; ///< sl_builder_of_row is heard
    sli_mark *marks;   ///< since the last finish
    int64_t n_marks, mark_capacity;
    sli_cells cells[]; ///< flattened as a batch's columns are
};

bool sli_cells_room(sli_cells *cells, int64_t n); ///< false after a failure
bool sli_cells_start_nulls(sli_cells *cells);     ///< makes `validity`; false after a failure
void sli_cells_null(sli_cells *cells);
/// A cell that stands under a null parent: null where the field allows it, else zero or empty.
void sli_cells_filler(sli_cells *cells, int64_t n);
void sli_cells_bool(sli_cells *cells, bool value);
void sli_cells_int64(sli_cells *cells, int64_t value);
void sli_cells_float64(sli_cells *cells, double value);
void sli_cells_fixed(sli_cells *cells, const void *bytes); ///< `width` bytes as they are
void sli_cells_text(sli_cells *cells, const char *data, int64_t size);
void *sli_cells_reserve(sli_cells *cells, int64_t n);
/// Counts one more list or struct cell, whose children are complete.
void sli_cells_close(sli_cells *cells);
/// Rows [row, row + n) of `from`; text is shared, or with `deep` copied.
void sli_cells_append(sli_cells *cells, const sl_column *from, int64_t row, int64_t n, bool deep);
/// Rows rows[i] of `from`; negative ones make nulls.
void sli_cells_take(sli_cells *cells, const sl_column *from, const int32_t *rows, int64_t n);
int64_t sli_cells_bytes(const sli_cells *cells);
void sli_cells_clear(sli_cells *cells);
void sli_cells_reset(sli_cells *cells);

// ---------------------------------------------------------------- Arrow C Data Interface, schema
// and array apart

struct ArrowSchema;
struct ArrowArray;
/// With `plain_text` strings are utf8 and binary, not views.
sl_code sli_schema_export(const sl_schema *schema, bool plain_text, struct ArrowSchema *out,
                          sl_error *err);
sl_code sli_array_export(const sl_batch *batch, struct ArrowArray *out, sl_error *err);
/// SL_E_DATA that names the column.
sl_code sli_import_broken(sl_error *err, const char *name, const char *what);
sl_code sli_schema_import(const struct ArrowSchema *from, sl_schema **out, sl_error *err);
/// The values that a field's indices mean, where they come apart from its arrays (IPC).
typedef struct sli_dictionary {
    struct sli_dictionary *next;
    const struct ArrowSchema *field;
    const struct ArrowSchema *root; ///< of one column, the values
    int64_t id;                     ///< by which messages name it; several fields may share one
    sl_schema *schema;              ///< ours of `root`
    sl_batch *values;               ///< NULL: they have not come yet
} sli_dictionary;
/// `schema` is what sli_schema_import made of `arrow_schema`. `dictionaries` is a list, NULL where
/// arrays bring their own.
sl_code sli_array_import(const struct ArrowSchema *arrow_schema, const sl_schema *schema,
                         SL_TAKES struct ArrowArray *array, const sli_dictionary *dictionaries,
                         sl_batch **out, sl_error *err);
