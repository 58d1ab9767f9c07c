/// json_int.h — what the files of JSON share.
#pragma once

#include "format/format_int.h"
#include "format/json/simdjson_shim.h"

enum {
    SLI_JSON_FIELDS = 64,      ///< fields of a record that are remembered for the next one
    SLI_JSON_FIELD_BYTES = 64, ///< the longest of their texts
    SLI_JSON_DEPTH = 1024,     ///< brackets within brackets in a part that no column reads
};

extern const sl_option sli_json_options[];

sl_code sli_json_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                             sl_error *err);
sl_code sli_json_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                        sli_emit_fn emit, void *ctx, sl_error *err);
sl_code sli_json_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from,
                               int32_t to, sli_emit_fn emit, void *ctx, sl_error *err);
sli_stream_state *sli_json_stream(sli_decoder *self);
void sli_json_decoder_free(SL_TAKES sli_decoder *self);
sl_code sli_json_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                             sl_error *err);
sl_code sli_json_begin(sli_encoder *self, sli_str *out, sl_error *err);
sl_code sli_json_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err);
sl_code sli_json_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                               sl_error *err);
void sli_json_encoder_free(SL_TAKES sli_encoder *self);

// ---------------------------------------------------------------- strings (json_text.c)

/// 16 bytes at once, which compilers turn into what the machine has.
typedef uint8_t sli_json_bytes __attribute__((vector_size(16)));

/// Marks the backslashes of 16 bytes.
static inline sli_json_bytes sli_json_slashes(const char *at)
{
    sli_json_bytes bytes;
    memcpy(&bytes, at, sizeof bytes);
    return (sli_json_bytes)(bytes == (uint8_t)'\\');
}

/// Whether the bytes hold a backslash. At least 16 bytes must be readable at `at`.
static inline bool sli_json_has_escape(const char *at, int64_t size)
{
    uint64_t half[2], none = 0;
    sli_json_bytes hits = sli_json_slashes(at);
    if (size < 16) { // of the bytes behind it none counts
        memcpy(half, &hits, sizeof half);
        half[0] &= size >= 8 ? ~none : ~(~none << (8 * size));
        half[1] &= size > 8 ? ~(~none << (8 * (size - 8))) : none;
        return (half[0] | half[1]) != 0;
    }
    for (int64_t i = 16; i < size - 16; i += 16) {
        hits |= sli_json_slashes(at + i);
    }
    hits |= sli_json_slashes(at + size - 16);
    memcpy(half, &hits, sizeof half);
    return (half[0] | half[1]) != 0;
}
/// Undoes the escapes of a string without its quotes into `out`, which has room for `size` bytes;
/// returns how many it took, -1 when an escape is wrong. A surrogate without its other half becomes
/// U+FFFD and counts in *replaced.
int64_t sli_json_unescape(const char *at, int64_t size, char *out, int64_t *replaced);
/// Base64 (RFC 4648, with padding) into `out`, which has room for size / 4 * 3 bytes; -1 when it is
/// none.
int64_t sli_base64_read(const char *at, int64_t size, char *out);
void sli_base64_print(sli_str *out, const char *data, size_t size);
/// -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
bool sli_json_is_number(const char *at, int64_t size);

// ---------------------------------------------------------------- one record (json_read.c)

/// What is done with a value that stands where one stood in the record before.
typedef enum sli_json_step {
    SLI_JSON_PASS = 0, ///< a string that nobody wants
    SLI_JSON_TEXT,     ///< a string for a column of strings
    SLI_JSON_OTHER,    ///< anything else
} sli_json_step;

/// A field that the last record had at the same place: what stood there from the bracket or comma
/// before it up to its value, with the quotes of strings on both sides, as in `","key":"`.
typedef struct sli_json_field {
    sli_json_bytes text, mask; ///< the first 16 bytes, and which of them count
    char rest[SLI_JSON_FIELD_BYTES - 16];
    uint32_t size; ///< of both
    sli_json_step step;
    int32_t column; ///< -1: nobody wants it
} sli_json_field;

/// Reads records of one schema.
typedef struct sli_json_reader {
    const sl_schema *schema;
    int32_t n_columns;
    sli_time_form time;
    sli_rows *rows;
    uint8_t *seen;    ///< of each column, in the record read last
    int64_t replaced; ///< lone surrogates
    sli_str scratch;  ///< a key without its escapes
    int32_t n_fields; ///< of the record before, as far as they are remembered
    bool whole;       ///< it had no others
    bool missing;     ///< some column was not among them
    sli_json_field fields[SLI_JSON_FIELDS];
} sli_json_reader;

/// A record between its tokens.
typedef struct sli_json_walk {
    const char *data;      ///< what tokens are counted from
    const uint32_t *token; ///< the next one
    uint32_t from, end;    ///< the record is data[from, end)
    int32_t buffer;        ///< source of views; `base` is the place of data[0] in it
    int64_t base;
} sli_json_walk;

static inline char sli_json_peek(const sli_json_walk *walk)
{
    return *walk->token < walk->end ? walk->data[*walk->token] : '\0';
}

static inline sl_view sli_json_view(const sli_json_walk *walk, uint32_t from, uint32_t to)
{
    return sli_view_near(walk->data + from, walk->buffer, walk->base + from, to - from);
}

/// Reads the record into the rows' cells, without committing. `n_read` fields of it are read
/// already, and the next token stands behind them. SL_E_DATA: malformed.
sl_code sli_json_record(sli_json_reader *reader, sli_json_walk *walk, int32_t n_read,
                        sl_error *err);
/// Reads the value at the next token into the column's cell and moves behind it.
sl_code sli_json_value(sli_json_reader *reader, sli_json_walk *walk, int32_t column, sl_error *err);
/// Moves behind the value at the next token.
sl_code sli_json_skip(sli_json_walk *walk, sl_error *err);

// ---------------------------------------------------------------- like the last one (json_alike.c)

/// Reads the fields of a record as long as they look as in the record before, and returns how many
/// that are. walk->end may lie behind the record's line: what was read is on it, up to the next
/// token. *whole: that was all of the record; the next token is its last bracket, and walk->end
/// where its line ends.
int32_t sli_json_alike(sli_json_reader *reader, sli_json_walk *walk, bool *whole);
/// Remembers field number i of a record, whose bracket or comma is at `from` and whose value is the
/// next token. `plain`: its key has no escapes.
void sli_json_remember(sli_json_reader *reader, const sli_json_walk *walk, int32_t i, uint32_t from,
                       int32_t column, bool plain);
