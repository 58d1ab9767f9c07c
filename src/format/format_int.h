/// format_int.h — what the formats share: their common options, the scan for special bytes, repair
/// of text, one cell from and to text, and the rows in the making.
#pragma once

#include "format/values.h"

// ---------------------------------------------------------------- options every format has

#define SLI_FORMAT_OPTIONS                                                                         \
    {.name = "malformed",                                                                          \
     .type = SL_OPT_CHOICE,                                                                        \
     .fallback = "fail",                                                                           \
     .choices = "fail|skip|dead-letter",                                                           \
     .flags = SL_OPT_RESULT,                                                                       \
     .text = "A record that cannot be read: fail ends the task, skip drops and counts it, "        \
             "dead-letter drops it and tells of it in poison.sink (a job's with "                  \
             "poison=dead-letter)."},                                                              \
    {                                                                                              \
        .name = "invalid_utf8", .type = SL_OPT_CHOICE, .fallback = "replace",                      \
        .choices = "replace|fail|skip", .flags = SL_OPT_RESULT,                                    \
        .text = "Text that is not UTF-8: replace puts U+FFFD for each bad sequence, fail ends "    \
                "the task, skip drops the record."                                                 \
    }
/// Of formats whose records are a row each.
#define SLI_MAX_RECORD_OPTION                                                                      \
    {                                                                                              \
        .name = "max_record", .type = SL_OPT_SIZE, .fallback = "8MiB", .low = "16", .high = "1g",  \
        .flags = SL_OPT_RESULT, .text = "The longest record; a longer one is malformed."           \
    }

/// What happens to bad records. `SLI_BAD_REPLACE` is for text only.
typedef enum sli_bad { SLI_BAD_FAIL = 0, SLI_BAD_SKIP, SLI_BAD_LETTER, SLI_BAD_REPLACE } sli_bad;

/// The common options, and what every decoder keeps of the stream it reads.
typedef struct sli_stream_state {
    sli_bad malformed, utf8;
    int64_t max_record;
    sli_decode_stats stats;
    int64_t line;    ///< number of the line the next unread byte is in, from 1; where values are
                     ///< read, that of the value in its run, from 0
    int64_t scanned; ///< bytes after the last consumed one that are known to end no record
    int64_t resume;  ///< position in the source where those bytes start
    int64_t wanted;  ///< bytes of the record at `resume`, or of its front; 0: not known
    int64_t length;  ///< of each record, where all have one; 0: not
    bool started;    ///< the first bytes (a byte order mark?) were looked at
    bool skipping;   ///< inside a record that is too long: its bytes are dropped up to its end
    sl_error *told;  ///< where the reason of a dropped record goes; NULL: nobody asks
    struct sli_value_state *values; ///< NULL: a stream is read
} sli_stream_state;

void sli_stream_init(sli_stream_state *stream, const sl_conf *conf);
/// Bytes of `piece` that need no second look. Fails: SL_E_INVALID when the piece is longer than
/// views can address.
sl_code sli_stream_resume(const sli_stream_state *stream, const sli_piece *piece, int64_t *scanned,
                          sl_error *err);
/// Ends a call of decode: `from` is the first byte not consumed, `scanned` how many after it were
/// looked at.
void sli_stream_stop(sli_stream_state *stream, const sli_piece *piece, int64_t from,
                     int64_t scanned, int64_t *consumed);
/// Where a byte order mark at the stream's start ends; -1 when too few bytes are there to tell.
int64_t sli_stream_bom(sli_stream_state *stream, const sli_piece *piece);
/// What to do about a record that failed with `rc`: SL_OK when it was dropped and counted;
/// otherwise `rc`, and *err begins with the place: "in/a.csv at byte 17 (line 3)".
sl_code sli_stream_verdict(sli_stream_state *stream, const sli_piece *piece, int64_t at, sl_code rc,
                           sl_error *err);
/// Where to put the reason of a malformed record: NULL when nobody will read it.
static inline sl_error *sli_stream_why(const sli_stream_state *stream, sl_error *err)
{
    return stream->malformed == SLI_BAD_FAIL     ? err
           : stream->malformed == SLI_BAD_LETTER ? stream->told
                                                 : NULL;
}
/// "a record longer than max_record". Starts skipping when its end is not there yet (`ended`
/// false).
sl_code sli_stream_too_long(sli_stream_state *stream, const sli_piece *piece, int64_t at,
                            bool ended, sl_error *err);
/// The record that starts at `at` is not UTF-8 and may not be repaired.
sl_code sli_stream_not_utf8(sli_stream_state *stream, const sli_piece *piece, int64_t at,
                            int64_t bad, sl_error *err);

// ---------------------------------------------------------------- values (values.c)

/// What a decoder that reads values knows of them besides its own settings.
typedef struct sli_value_state {
    const sli_value_run *run; ///< of the call
    const char *strict;       ///< a column that takes no nulls; NULL: all do
    uint64_t *dropped;        ///< bit i: value i was dropped
    int32_t n_dropped, room;  ///< bits set, bits there
} sli_value_state;

static inline bool sli_value_is_null(const sli_value_run *run, int64_t value)
{
    return run->nulls != NULL && (run->nulls[value >> 6] >> (value & 63) & 1) != 0;
}
/// As sli_stream_verdict, about the value stream->line.
sl_code sli_value_verdict(sli_stream_state *stream, sl_code rc, sl_error *err);
/// The value stream->line is null: SL_OK when it will be a row of nulls (sli_values makes it), or
/// was dropped because some column takes none.
sl_code sli_value_null(sli_stream_state *stream, sl_error *err);
/// The value stream->line has no byte that counts: it is null, or malformed.
sl_code sli_value_empty(sli_stream_state *stream, sl_error *err);
/// decode_values of formats with one column, whose cells are the values as they stand; where
/// records have one length, others are malformed.
sl_code sli_values_as_cells(sli_stream_state *stream, const sl_schema *schema,
                            const sli_value_run *run, int32_t from, int32_t to, sli_emit_fn emit,
                            void *ctx, sl_error *err);

// ---------------------------------------------------------------- looking records up (watch.c)

typedef struct sli_watch sli_watch;
sl_code sli_watch_new(sli_watch **out, sli_stream_state *stream, sli_raw_fn each, void *ctx,
                      sl_error *err);
void sli_watch_free(SL_TAKES sli_watch *watch); ///< accepts NULL
/// How many of these bytes may be fed at once so that at most one record ends in them.
int64_t sli_watch_unit(const sli_watch *watch, const char *data, int64_t size);
sl_code sli_watch_add(sli_watch *watch, const sli_piece *unit, sl_error *err); ///< before it is fed
/// After it was fed: `consumed` is the place in the source up to which bytes are.
sl_code sli_watch_look(sli_watch *watch, const sli_piece *unit, int64_t consumed, sl_error *err);

// ---------------------------------------------------------------- scanning

/// Finds bytes equal to one of the four of `set` (repeat one when fewer are wanted) in data[from,
/// to), writes their positions, at most `max` (>= 64), and returns how many; *next is where to go
/// on.
typedef int64_t (*sli_find_fn)(const char *data, int64_t from, int64_t to, const char set[4],
                               uint32_t *out, int64_t max, int64_t *next);
sli_find_fn sli_find_pick(void); ///< the fastest for this machine; all give the same answers
int64_t sli_find_plain(const char *data, int64_t from, int64_t to, const char set[4], uint32_t *out,
                       int64_t max, int64_t *next);

/// The view of `size` bytes at `at`, which are at `offset` of buffer number `buffer`: as
/// sli_view_of, but in two words that stay in registers (little-endian, as all of Sluice's
/// columns). At least 12 bytes must be readable from `at` on.
static inline sl_view sli_view_near(const char *at, int32_t buffer, int64_t offset, int64_t size)
{
    uint64_t word[2] = {(uint32_t)size, 0};
    if (size <= SL_VIEW_INLINE) {
        uint64_t low;
        uint32_t high;
        memcpy(&low, at, sizeof low);
        memcpy(&high, at + 8, sizeof high);
        low &= size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
        uint64_t rest = size > 8 ? high & ((UINT64_C(1) << (8 * (size - 8))) - 1) : 0;
        word[0] |= low << 32;
        word[1] = low >> 32 | rest << 32;
    } else {
        uint32_t prefix;
        memcpy(&prefix, at, sizeof prefix);
        word[0] |= (uint64_t)prefix << 32;
        word[1] = (uint32_t)buffer | (uint64_t)(uint32_t)offset << 32;
    }
    sl_view view;
    memcpy(&view, word, sizeof view);
    return view;
}

// ---------------------------------------------------------------- one cell and its text

typedef enum sli_time_form { SLI_TIME_ISO = 0, SLI_TIME_S, SLI_TIME_MS, SLI_TIME_US } sli_time_form;

typedef struct sli_node sli_node;

/// One cell before it is in a column. Integers, bool, date and timestamp: `i` (uint64 by its bits).
typedef union sli_datum {
    int64_t i;
    double d;
    sl_view v;
    struct {
        uint64_t low;
        int64_t high;
    } decimal;
    sli_node *node; ///< list, struct: the first child; absent ones are nulls
} sli_datum;

/// A cell inside a list or struct. A struct has one node for each of its fields, in order.
struct sli_node {
    sli_datum datum;
    bool present;
    sli_node *next;
};

bool sli_read_int64(const char *at, size_t size, int64_t *out); ///< -?[0-9]+ in range
/// A cell of any type but string, binary, list and struct. false: not such a text, or out of the
/// type's range.
bool sli_datum_read(const sl_field *field, sli_time_form form, const char *at, size_t size,
                    sli_datum *out);
bool sli_read_date(const char *at, size_t size, int32_t *out); ///< YYYY-MM-DD, ±Y{5,7}-MM-DD
bool sli_read_decimal(const char *at, size_t size, int precision, int scale, sli_datum *out);
/// What a cell of the field looks like, for "expected an integer from -128 to 127".
const char *sli_type_expected(sl_type type);

void sli_print_int64(sli_str *out, int64_t value);
void sli_format_print_date(sli_str *out, int32_t days);
void sli_format_print_timestamp(sli_str *out, int64_t us); ///< 2026-01-02T03:04:05[.123[456]]Z
/// Appends the cell of any type but list and struct as plain text; null appends nothing.
void sli_print_cell(sli_str *out, const sl_field *field, const sl_column *column, int64_t row);
// ---------------------------------------------------------------- rows in the making

/// Rows of any schema, gathered a few hundred at a time in plain arrays by column, then appended to
/// a builder column by column. A row counts only once it is committed, so a bad record leaves
/// nothing behind.
typedef struct sli_rows {
    const sl_schema *schema;
    sl_schema *anchor_schema;
    int32_t n_columns, capacity, n; ///< rows that fit, rows committed
    sli_datum *cells;               ///< column * capacity + row
    uint8_t *present;
    sl_builder *builder;
    sl_arena *arena; ///< nodes of lists and structs
    bool arena_used;
    sl_batch *
        *sources;   ///< what views point into: 0 is the input piece, others are chunks of own text
    int32_t *bases; ///< of each source in the column that is being appended; -1: not shared yet
    int32_t n_sources, sources_capacity;
    sli_buffer *chunk; ///< the last source, while it has room
    int64_t chunk_used;
} sli_rows;

sl_code sli_rows_new(sli_rows **out, const sl_schema *schema, sl_error *err);
void sli_rows_free(SL_TAKES sli_rows *rows); ///< accepts NULL
/// Text of rows to come may point into `data` (buffer 0 of views). Ends with sli_rows_end.
sl_code sli_rows_begin(sli_rows *rows, SL_SHARES sli_buffer *data, sl_error *err);
/// Room for `size` bytes of text that is not as it stands in the input; *buffer is its buffer
/// number and *offset its place there. At least 12 readable bytes follow. NULL: refused.
char *sli_rows_own(sli_rows *rows, int64_t size, int32_t *buffer, int64_t *offset);
/// The cell of the row in the making. The caller also says whether it is there.
static inline sli_datum *sli_rows_cell(sli_rows *rows, int32_t column)
{
    return &rows->cells[(int64_t)column * rows->capacity + rows->n];
}
static inline void sli_rows_set(sli_rows *rows, int32_t column, bool present)
{
    rows->present[(int64_t)column * rows->capacity + rows->n] = present;
}
/// A node in memory that lasts until the rows are emitted; NULL: refused.
sli_node *sli_rows_node(sli_rows *rows);
/// n of them, n > 0, each the next one's forerunner; they lie side by side.
sli_node *sli_rows_nodes(sli_rows *rows, int32_t n);
/// Appends the gathered rows to the builder; emits a batch when it is time.
sl_code sli_rows_flush(sli_rows *rows, sli_emit_fn emit, void *ctx, sl_error *err);
/// Adds the row; emits a batch when it is time.
static inline sl_code sli_rows_commit(sli_rows *rows, sli_emit_fn emit, void *ctx, sl_error *err)
{
    return ++rows->n < rows->capacity ? SL_OK : sli_rows_flush(rows, emit, ctx, err);
}
/// Emits what is left and lets go of the input.
sl_code sli_rows_end(sli_rows *rows, sli_emit_fn emit, void *ctx, sl_error *err);

/// SL_E_INVALID when a column has a type that no text stands for (opaque) or, without `nested`,
/// list or struct.
sl_code sli_schema_allowed(const sl_schema *schema, bool nested, const char *format, sl_error *err);
/// The option `schema`, parsed. Fails: SL_E_CONFIG when it is missing.
sl_code sli_schema_option(const sl_conf *conf, const char *format, sl_schema **out, sl_error *err);
/// One column of the type, named by the option `column`; a `?` behind the name makes it nullable.
/// Fails: SL_E_INVALID when that is no name.
sl_code sli_column_schema(const sl_conf *conf, const char *type, sl_schema **out, sl_error *err);
/// A format that reads into one column of the type, which is called `type_name`. Fails:
/// SL_E_INVALID for any other schema.
sl_code sli_column_in(const sl_schema *schema, const char *format, sl_type type,
                      const char *type_name, sl_error *err);
/// A format that writes bytes as they are, from one binary or string column. Fails: SL_E_INVALID.
sl_code sli_column_out(const sl_schema *schema, const char *format, sl_error *err);
