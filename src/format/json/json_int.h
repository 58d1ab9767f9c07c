/// json_int.h — what the files of JSON share.
#pragma once

#include "format/format_int.h"
#include "format/json/simdjson_shim.h"

enum {
    SLI_JSON_KEYS = 64,      ///< keys of a record that are remembered for the next one
    SLI_JSON_KEY_BYTES = 64, ///< the longest of them
    SLI_JSON_DEPTH = 1024,   ///< brackets within brackets in a part that no column reads
};

extern const sl_option sli_json_options[];

sl_code sli_json_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                             sl_error *err);
sl_code sli_json_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                        sli_emit_fn emit, void *ctx, sl_error *err);
const sli_decode_stats *sli_json_stats(const sli_decoder *self);
void sli_json_decoder_free(SL_TAKES sli_decoder *self);
sl_code sli_json_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                             sl_error *err);
sl_code sli_json_begin(sli_encoder *self, sli_str *out, sl_error *err);
sl_code sli_json_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err);
void sli_json_encoder_free(SL_TAKES sli_encoder *self);

// ---------------------------------------------------------------- strings (json_text.c)

/// Whether the bytes hold a backslash. At least 8 bytes must be readable from any of them on.
bool sli_json_has_escape(const char *at, int64_t size);
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

/// A key that the last record had at the same place, with its closing quote, and the column it
/// names.
typedef struct sli_json_key {
    uint64_t word[2], mask[2]; ///< its first 16 bytes
    int32_t size;              ///< with the quote
    int32_t column;            ///< -1: nobody wants it
    char text[SLI_JSON_KEY_BYTES];
} sli_json_key;

/// Reads records of one schema.
typedef struct sli_json_reader {
    const sl_schema *schema;
    int32_t n_columns;
    sli_time_form time;
    sli_rows *rows;
    uint8_t *seen;    ///< of each column, in the record being read
    int64_t replaced; ///< lone surrogates
    sli_str scratch;  ///< a key without its escapes
    int32_t n_keys;
    sli_json_key keys[SLI_JSON_KEYS];
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

/// Reads the record into the rows' cells, without committing. SL_E_DATA: malformed.
sl_code sli_json_record(sli_json_reader *reader, sli_json_walk *walk, sl_error *err);
