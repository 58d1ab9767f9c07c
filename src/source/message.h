/// message.h — messages: what a receiver hands over when a record is more than a line of bytes.
///
/// A message has a value, which the stream's format reads as one record whatever bytes it holds
/// (format/values.h); cells of its own source (headers, a topic); and maybe an id, whose repeats
/// ingest makes vanish (ingest/README.md, "Ids"). A receiver of messages says in its table what its
/// cells are (sli_source_ops.messages), encodes with sli_message_put, and gives whole messages to
/// `take`, any number at once. So they go the way of all that is received, through blocks and the
/// write-ahead log, and become rows here: the columns that the option `columns` names, then the
/// value's.
///
/// Bytes of a message, little endian: u32 size of what follows · varint size and bytes of the id ·
/// u8 number of cells · for each of them varint 0 (null) or size + 1, and its bytes · u8 1 when
/// there is a value · its bytes, to the end.
#pragma once

#include "format/values.h"

/// What a cell of a message is, and its bytes.
typedef enum sli_cell_kind {
    SLI_CELL_TEXT = 1, ///< string?; UTF-8, bad sequences are repaired when they are read
    SLI_CELL_BYTES,    ///< binary?
    SLI_CELL_INT64,    ///< int64?; 8 bytes, little endian
    SLI_CELL_TIME,     ///< timestamp?; as INT64: microseconds since 1970 UTC
    SLI_CELL_BOOL,     ///< bool?; a byte
    SLI_CELL_HEADERS,  ///< list<struct<name string, value binary?>>?; as sli_headers_put has them
} sli_cell_kind;

/// A cell that every message of a source has.
typedef struct sli_message_column {
    const char *name; ///< as `columns` names it
    sli_cell_kind kind;
} sli_message_column;

/// A source's table of them is ended by one without a name and has at most SLI_MESSAGE_CELLS, one
/// of them HEADERS. Logs outlive builds: cells are only ever added, at the end, and a message that
/// has fewer has nulls for the others.
enum { SLI_MESSAGE_CELLS = 8 };
int32_t sli_message_cells(const sli_message_column *table); ///< how many

typedef struct sli_message {
    sl_bytes value;                    ///< data NULL: null
    sl_bytes id;                       ///< size 0: none
    sl_bytes cells[SLI_MESSAGE_CELLS]; ///< by the table; data NULL: null
} sli_message;

enum { SLI_MESSAGE_BYTES = 1 << 30 }; ///< a message is smaller
/// Appends a message of `n_cells` cells. A lack of memory sticks to `out`.
void sli_message_put(sli_str *out, const sli_message *message, int32_t n_cells);
/// Bytes of a HEADERS cell: a header more. A cell is opened by nothing and ended by nothing; empty,
/// it is a message without headers. value.data NULL: null.
void sli_headers_put(sli_str *cell, sl_bytes name, sl_bytes value);
/// A HEADERS cell as a cell of a builder's list column.
void sli_headers_build(sl_builder *builder, int32_t column, sl_bytes cell);

/// Reads the message that begins at data[0, size) as it was put; what it points to lies there.
/// Returns its size, or 0 when these are not the bytes of a whole message.
int64_t sli_message_get(const char *data, int64_t size, int32_t n_cells, sli_message *out);
/// Only its size and its id.
int64_t sli_message_id(const char *data, int64_t size, sl_bytes *id);

// ---------------------------------------------------------------- rows

/// The option `columns` of receivers of messages; a row of the source's option table.
#define SLI_MESSAGE_OPTION_COLUMNS(names)                                                          \
    {                                                                                              \
        .name = "columns", .type = SL_OPT_TEXT, .flags = SL_OPT_RESULT,                            \
        .text = "Columns before the value's, separated by commas: " names "."                      \
    }

/// The schema of a source's rows: the columns named by `conf`'s `columns`, then the value's.
/// "headers.NAME" (where the table has HEADERS) is a column NAME, string?: the last header of that
/// name. Fails: SL_E_CONFIG for a name that is none, is there twice, or is a column of the value
/// too; what the format's schema and sli_values_check fail with.
sl_code sli_message_schema(sl_schema **out, const sli_message_column *table,
                           const sli_format_ops *format, const sl_conf *conf, sl_error *err);

typedef struct sli_message_rows sli_message_rows; ///< Thread: one at a time
/// `schema` as sli_message_schema gave it. conf and schema live as long.
sl_code sli_message_rows_new(sli_message_rows **out, const sli_message_column *table,
                             const sli_format_ops *format, const sl_conf *conf,
                             const sl_schema *schema, sl_error *err);
void sli_message_rows_free(SL_TAKES sli_message_rows *rows); ///< accepts NULL
/// Reads a buffer of whole messages, in order. `name` says where they are, for errors. Fails:
/// SL_E_CORRUPT for bytes that are no messages; as sli_values_feed.
sl_code sli_message_rows_feed(sli_message_rows *rows, sli_buffer *data, const char *name,
                              sli_emit_fn emit, void *ctx, sl_error *err);
/// As sli_records_watch: each value is told, before anything is fed.
sl_code sli_message_rows_watch(sli_message_rows *rows, sli_raw_fn each, void *ctx, sl_error *err);
const sli_decode_stats *sli_message_rows_stats(const sli_message_rows *rows);
