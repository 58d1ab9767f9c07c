/// col.h — the library's side of columns: shared buffers, kernels over batches, rows as bytes,
/// batches as bytes.
///
/// include/sluice/batch.h is the public half; this door adds what operators, sources, blocks and
/// state need. Everything is deterministic: hashes have a fixed seed, kernels keep row order.
#pragma once

#include "base/arena.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "sluice/batch.h"

// ---------------------------------------------------------------- buffers

/// Shared bytes: written by one owner, then never again. Thread: any (the count is atomic).
typedef struct sli_buffer sli_buffer;
/// 64-byte aligned and padded with zeroes. NULL without memory.
sli_buffer *sli_buffer_new(int64_t size_bytes);
/// Wraps bytes that somebody else owns; `release(ctx)` is called with the last reference. At least
/// SLI_BUFFER_PAD readable bytes must follow `data + size` when `padded` is true (kernels read
/// whole vectors).
sli_buffer *sli_buffer_wrap(const void *data, int64_t size_bytes, bool padded,
                            void (*release)(void *ctx), void *ctx);
sli_buffer *sli_buffer_ref(const sli_buffer *buffer);
void sli_buffer_unref(SL_TAKES const sli_buffer *buffer); ///< accepts NULL
char *sli_buffer_data(sli_buffer *buffer);
const char *sli_buffer_bytes(const sli_buffer *buffer);
int64_t sli_buffer_size(const sli_buffer *buffer);
enum { SLI_BUFFER_PAD = 64 };

// ---------------------------------------------------------------- making batches

/// Rows a batch aims at; operators and sources cut at it, so that a batch stays in L2.
enum { SLI_BATCH_ROWS = 4096 };

/// A batch of one string column whose cells are the given pieces of one shared buffer. `views` is
/// taken over (64-byte aligned, from sl_alloc_aligned) and points into buffer 0. Used by line
/// readers: nothing is copied.
sl_code sli_batch_of_views(const sl_schema *schema, SL_TAKES sl_view *views, int64_t n_rows,
                           SL_SHARES sli_buffer *data, sl_batch **out, sl_error *err);
/// Makes the view of data[offset, offset+size) of buffer number `buffer`.
static inline sl_view sli_view_of(const char *data, int32_t buffer, int64_t offset, int64_t size)
{
    sl_view view = {.size = (int32_t)size};
    const char *at = data + offset;
    if (size <= SL_VIEW_INLINE) {
        for (int64_t i = 0; i < size; i++) {
            view.as.inlined[i] = at[i];
        }
        for (int64_t i = size; i < SL_VIEW_INLINE; i++) {
            view.as.inlined[i] = 0;
        }
    } else {
        view.as.ref.prefix[0] = at[0];
        view.as.ref.prefix[1] = at[1];
        view.as.ref.prefix[2] = at[2];
        view.as.ref.prefix[3] = at[3];
        view.as.ref.buffer = buffer;
        view.as.ref.offset = (int32_t)offset;
    }
    return view;
}
/// Same types all the way down; names and nullability don't matter.
bool sli_field_same_type(const sl_field *a, const sl_field *b);
/// Some columns of a schema, in this order.
sl_code sli_schema_select(const sl_schema *schema, const int32_t *columns, int32_t n,
                          sl_schema **out, sl_error *err);
sl_code sli_batch_empty(const sl_schema *schema, sl_batch **out, sl_error *err);
/// Another batch with the same rows and a schema that differs in names or nullability only.
sl_code sli_batch_rename(const sl_batch *batch, const sl_schema *schema, sl_batch **out,
                         sl_error *err);
/// Columns of several batches with equal numbers of rows, side by side. `from[i]`/`column[i]` say
/// where column i is.
sl_code sli_batch_project(const sl_schema *schema, const sl_batch *const *from,
                          const int32_t *column, sl_batch **out, sl_error *err);
/// One builder, kept for many batches: as sl_builder_finish but gives NULL when there are no rows.
sl_code sli_builder_flush(sl_builder *builder, sl_batch **out, sl_error *err);
/// The sticky failure so far.
sl_code sli_builder_check(const sl_builder *builder, sl_error *err);
/// Sets the sticky failure, when there is none.
void sli_builder_fail(sl_builder *builder, sl_code code, const char *fmt, ...) SL_PRINTF(3, 4);
/// From now on sl_builder_of_row is heard, and whether it is.
void sli_builder_ask_origins(sl_builder *builder);
bool sli_builder_asks_origins(const sl_builder *builder);
/// Whether any row was named since.
bool sli_builder_has_origins(const sl_builder *builder);
/// origins[i] = the row of the function's input (of `n_in` rows) that row i was made of. Fails:
/// SL_E_USER when rows were not named, or ones that are not there.
sl_code sli_builder_origins(const sl_builder *builder, int64_t n_in, int32_t *origins,
                            sl_error *err);
/// Bytes the builder holds now.
int64_t sli_builder_bytes(const sl_builder *builder);

// ---------------------------------------------------------------- kernels

/// Rows [from, from + n) without copying fixed-width values or text.
sl_code sli_batch_slice(const sl_batch *batch, int64_t from, int64_t n, sl_batch **out,
                        sl_error *err);
/// Row i of the result is row rows[i]; text is shared, not copied. A negative index gives nulls
/// (schema must allow).
sl_code sli_batch_take(const sl_batch *batch, const int32_t *rows, int64_t n, sl_batch **out,
                       sl_error *err);
/// Rows whose bit is set in `keep` (n_rows bits); the same batch, referenced again, when all are.
sl_code sli_batch_filter(const sl_batch *batch, const uint8_t *keep, sl_batch **out, sl_error *err);
sl_code sli_batch_concat(const sl_batch *const *batches, int32_t n, sl_batch **out, sl_error *err);
/// Copies every kept byte into buffers of its own, so that the batch no longer pins large shared
/// ones.
sl_code sli_batch_compact(const sl_batch *batch, sl_batch **out, sl_error *err);
/// When sli_batch_compact would free at least half of what the batch keeps alive.
bool sli_batch_is_loose(const sl_batch *batch);

/// hashes[i] = hash of the cells of the named columns in row i. Equal cells hash equal in every
/// batch and process; null is a value of its own; -0.0 hashes as 0.0, all NaNs alike.
void sli_batch_hash(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                    uint64_t *hashes);
/// codes[i] = hash code of the cells of the named columns in row i, one or more, by Java's rules
/// (README.md). Equal cells of a type have equal codes in every batch and process.
void sli_batch_codes(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                     int32_t *codes);
/// Whether two rows have equal cells in the paired columns (null equals null, NaN equals NaN, -0.0
/// equals 0.0).
bool sli_rows_equal(const sl_batch *a, const int32_t *columns_a, int64_t row_a, const sl_batch *b,
                    const int32_t *columns_b, int64_t row_b, int32_t n_columns);
/// -1, 0, 1: nulls first, then by value; strings by bytes; NaN last; lists element by element.
int sli_cell_compare(const sl_column *a, int64_t row_a, const sl_column *b, int64_t row_b);

/// A row beside a number that orders as one of its cells does.
typedef struct sli_keyed {
    uint64_t key;
    int32_t row;
} sli_keyed;

/// What equal keys say. SLI_KEY_PREFIX: of two cells with equal keys that are sli_key_is_whole the
/// cells are equal, of others nothing is known. Different keys always order as the cells.
typedef enum sli_key_kind { SLI_KEY_NONE, SLI_KEY_PREFIX, SLI_KEY_EXACT } sli_key_kind;
enum { SLI_KEY_MORE = 255 };

/// Sets rows[i].key for the cell of rows[i].row, which must not be null. `down`: a greater cell has
/// a smaller key. SLI_KEY_NONE: the column's cells have no such numbers, keys are undefined.
sli_key_kind sli_sort_keys(const sl_column *column, sli_keyed *rows, int64_t n, bool down);
static inline bool sli_key_is_whole(uint64_t key, bool down)
{
    return ((down ? ~key : key) & 255) != SLI_KEY_MORE;
}
/// By key; rows of equal keys keep their order. `spare` has room for n rows.
void sli_sort_keyed(sli_keyed *rows, sli_keyed *spare, int64_t n);

/// Keys are filed under 1,024 slots by the top bits of their hash; partition p of n owns the slots
/// with slot * n / 1024 == p, so the number of partitions may change at any restart.
enum { SLI_SLOTS = 1024 };
static inline int32_t sli_slot_of(uint64_t hash)
{
    return (int32_t)(hash >> 54);
}
static inline int32_t sli_partition_of(int32_t slot, int32_t n_partitions)
{
    return (int32_t)((int64_t)slot * n_partitions / SLI_SLOTS);
}

/// Where Spark's HashPartitioner puts a code: its rest, never negative.
static inline int32_t sli_partition_of_code(int32_t code, int32_t n_partitions)
{
    int32_t rest = code % n_partitions;
    return rest < 0 ? rest + n_partitions : rest;
}

// ---------------------------------------------------------------- grouping: the hash table of keys
//
// Keys of many batches to dense group numbers, in first-seen order. Text of keys is copied into the
// table, so it pins no input. Specialised inside for one string key, one integer key, and several
// integers of 16 bytes together; general for anything else.

typedef struct sli_groups sli_groups;
/// Columns `columns` of batches with this schema are the key. NULL `err` allowed.
sl_code sli_groups_new(sli_groups **out, const sl_schema *schema, const int32_t *columns,
                       int32_t n_columns, sl_error *err);
void sli_groups_free(SL_TAKES sli_groups *groups);
/// group[i] = number of row i's key; new keys get the next numbers. Hashes may be given
/// (sli_batch_hash of the same columns) or NULL. After SL_E_NOMEM some keys may have been added;
/// the same batch can be added again. Fails: SL_E_NOMEM (also for 2^31 groups), SL_E_INVALID for
/// other key types. `group` may be NULL where there are no key columns: all rows are of group 0.
sl_code sli_groups_add(sli_groups *groups, const sl_batch *batch, const uint64_t *hashes,
                       int32_t *group, sl_error *err);
/// As sli_groups_add, of another batch: its key columns are `columns`, of the same types.
sl_code sli_groups_add_by(sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                          const uint64_t *hashes, int32_t *group, sl_error *err);
/// group[i] = number of row i's key or -1; adds nothing. `columns` of this other batch, same types.
sl_code sli_groups_find(const sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                        int32_t *group, sl_error *err);
int64_t sli_groups_count(const sli_groups *groups);
const uint64_t *sli_groups_hashes(const sli_groups *groups); ///< one a group
int64_t sli_groups_bytes(const sli_groups *groups);
/// Appends the key cells of groups [from, from + n) to columns first_column... of `out`.
sl_code sli_groups_keys(const sli_groups *groups, int64_t from, int64_t n, sl_builder *out,
                        int32_t first_column, sl_error *err);
/// Appends the key of one group as sli_row_put would.
void sli_groups_row(const sli_groups *groups, int64_t group, sli_str *out);
void sli_groups_clear(sli_groups *groups); ///< keeps the memory

// ---------------------------------------------------------------- rows as bytes (state, ids,
// sorting of poison rows)

/// Appends the cells of `columns` in row `row` as self-delimiting bytes; equal cells make equal
/// bytes (see README).
void sli_row_put(sli_str *out, const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                 int64_t row);
/// The same for rows [from, from + n), one behind the other; rows[i] is the i-th, until `out`
/// changes. Means nothing when `out` has failed.
void sli_rows_put(sli_str *out, const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                  int64_t from, int64_t n, sl_bytes *rows);
/// Takes a cell of a bool, int64 or timestamp, and binary column off a row; a null, or another
/// type's, makes the reader bad.
bool sli_row_take_bool(sli_reader *r);
int64_t sli_row_take_int64(sli_reader *r);
sl_bytes sli_row_take_binary(sli_reader *r); ///< points into the row
/// Reads cells back into columns first_column... of the builder. Fails: SL_E_CORRUPT.
sl_code sli_row_get(sl_bytes row, sl_builder *out, int32_t first_column, int32_t n_columns,
                    sl_error *err);
/// The same for `n` rows, one behind the other.
sl_code sli_rows_get(const sl_bytes *rows, int64_t n, sl_builder *out, int32_t first_column,
                     int32_t n_columns, sl_error *err);
// The same bytes, cell by cell, from plain values and back: for who keeps rows in a form of its
// own.
void sli_row_put_null(sli_str *out);
/// SL_BOOL (0 or not) and the integer types. False, and nothing appended: the type can't hold it.
bool sli_row_put_int64(sli_str *out, sl_type type, int64_t value);
void sli_row_put_float64(sli_str *out, sl_type type, double value); ///< SL_FLOAT32, SL_FLOAT64
/// The one form in which a float64 is written.
static inline uint64_t sli_row_float64_bits(double value)
{
    uint64_t bits = 0x7ff8000000000000U; // every NaN
    if (value == 0) {
        bits = 0; // -0.0 too
    } else if (value == value) {
        memcpy(&bits, &value, sizeof bits);
    }
    return bits;
}
/// The same of 32 bits.
static inline uint32_t sli_row_float32_bits(float value)
{
    uint32_t bits = 0x7fc00000U;
    if (value == 0) {
        bits = 0;
    } else if (value == value) {
        memcpy(&bits, &value, sizeof bits);
    }
    return bits;
}
void sli_row_put_text(sli_str *out, sl_text text); ///< and binary
/// Whether the next cell has a value, which is then to be read by the call for its type.
bool sli_row_has_value(sli_reader *r);
int64_t sli_row_get_int64(sli_reader *r, sl_type type);
double sli_row_get_float64(sli_reader *r, sl_type type);

// ---------------------------------------------------------------- batches as bytes

/// Appends a self-describing encapsulated Arrow IPC stream of the batches (all of one schema;
/// schema message, record batches, end of stream). string views are written as utf8/binary. Through
/// nanoarrow.
sl_code sli_ipc_write(sli_str *out, const sl_schema *schema, const sl_batch *const *batches,
                      int32_t n, sl_error *err);
/// Reads such a stream (any writer's): calls `each` per batch; batches share the bytes. Outside
/// data: everything is checked, UTF-8 too; a stream without its end mark is damaged, since a cut
/// one looks the same. Fails: SL_E_CORRUPT with the offset; SL_E_UNSUPPORTED for types that have no
/// place in our schemas, with column and type; what `each` returns.
typedef sl_code (*sli_batch_fn)(void *ctx, SL_BORROWS const sl_batch *batch, sl_error *err);
sl_code sli_ipc_read(SL_SHARES sli_buffer *bytes, sli_batch_fn each, void *ctx, sl_error *err);
/// The Arrow IPC *file* format around the same messages (magic, footer), which every Arrow reader
/// opens. Metadata: pairs of key and value texts, NULL-ended list, may be NULL.
sl_code sli_ipc_write_file(sli_str *out, const sl_schema *schema, const sl_batch *const *batches,
                           int32_t n, const char *const *metadata, sl_error *err);
sl_code sli_ipc_read_file(SL_SHARES sli_buffer *bytes, sli_batch_fn each, void *ctx, sl_error *err);
/// A value of such a file's metadata; lives as long as the bytes. False: there is no such pair, or
/// the bytes are damaged, of which sli_ipc_read_file tells.
bool sli_ipc_file_value(const sli_buffer *bytes, const char *key, sl_text *out);

// The messages of a stream or file one by one: for files that grow by batches, and bytes that come
// in pieces. Every message is a multiple of 8 bytes long.
sl_code sli_ipc_write_schema(sli_str *out, const sl_schema *schema, sl_error *err);
sl_code sli_ipc_write_batch(sli_str *out, const sl_batch *batch, sl_error *err);
/// What begins a file, and its schema.
sl_code sli_ipc_write_start(sli_str *out, const sl_schema *schema, sl_error *err);
enum {
    SLI_IPC_END_BYTES = 8,  ///< of the end mark, which sli_ipc_measure counts as a message
    SLI_IPC_START_BYTES = 8 ///< in front of a file's messages: "ARROW1" and two zeros
};
/// Whether a file begins so: 1, 0, or -1 when too few bytes are there to tell.
int sli_ipc_is_file(const void *data, int64_t size);
/// What the front of a message tells; a size that is 0 can't be told yet.
typedef struct sli_ipc_place {
    int64_t meta_bytes, bytes; ///< of its metadata with the length in front; of all of it
    int type;                  ///< as in sli_ipc_see
    bool is_dictionary;
} sli_ipc_place;
/// Of the message that begins at `data`, of which `size` bytes are there. Fails: SL_E_CORRUPT when
/// no message begins so.
sl_code sli_ipc_measure(const void *data, int64_t size, sli_ipc_place *out, sl_error *err);
/// Of the first message of a file, which some writers (Polars) put there without its length: then
/// it reaches to the mark of the next one.
sl_code sli_ipc_measure_first(const void *data, int64_t size, sli_ipc_place *out, sl_error *err);
typedef struct sli_ipc_stream sli_ipc_stream;
/// `limit_bytes`: how long a message may be once its buffers are decompressed.
sl_code sli_ipc_stream_new(sli_ipc_stream **out, int64_t limit_bytes, sl_error *err);
void sli_ipc_stream_free(SL_TAKES sli_ipc_stream *stream); ///< accepts NULL
/// Takes the whole message in bytes [at, at + size), not the end mark: the first is the schema,
/// also without its length, and
/// gives no batch (*out NULL), nor does a dictionary; the others are batches, which share the
/// bytes. Fails: as sli_ipc_read; SL_E_NO_SPACE over the limit.
sl_code sli_ipc_stream_take(sli_ipc_stream *stream, SL_SHARES sli_buffer *bytes, int64_t at,
                            int64_t size, sl_batch **out, sl_error *err);
/// Of the first message; NULL before it.
const sl_schema *sli_ipc_stream_schema(const sli_ipc_stream *stream);
/// Whether a column's dictionary has not come yet.
bool sli_ipc_stream_lacks_values(const sli_ipc_stream *stream);

// The frame of a file around its messages.

/// Where messages with rows were: what a file's footer must tell again. In sums, since a file may
/// have any number of them. Zero it before use.
typedef struct sli_ipc_seen {
    int64_t n_batches, n_dictionaries;
    uint64_t batches, dictionaries; ///< of the hashes of their places
} sli_ipc_seen;
/// Notes a message at byte `at` of its file; `type` as in sli_ipc_place.
void sli_ipc_see(sli_ipc_seen *seen, int type, int64_t at);
/// `data` is all that stands behind the end mark. Fails: SL_E_CORRUPT when that is no footer, or
/// one of another file.
sl_code sli_ipc_footer_check(const void *data, int64_t size, const sli_ipc_seen *seen,
                             sl_error *err);

/// What ends a file of sli_ipc_write_schema and sli_ipc_write_batch, made from its bytes.
typedef struct sli_ipc_ending sli_ipc_ending;
sl_code sli_ipc_ending_new(sli_ipc_ending **out, sl_error *err);
void sli_ipc_ending_free(SL_TAKES sli_ipc_ending *ending); ///< accepts NULL
/// Looks at the next bytes; all of the file, in order. Fails: SL_E_CORRUPT.
sl_code sli_ipc_ending_see(sli_ipc_ending *ending, const void *data, size_t size, sl_error *err);
/// Appends the end mark and, where the bytes began as a file, the footer. Once. Fails: SL_E_CORRUPT
/// when a message is cut; SL_E_NO_SPACE when the footer would have more than 2 GiB.
sl_code sli_ipc_ending_put(sli_ipc_ending *ending, sli_str *out, sl_error *err);
