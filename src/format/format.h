/// format.h — bytes to rows and back: text, CSV, JSON lines, Arrow IPC, records of fixed length,
/// bytes as they are, Avro; and the name of Parquet, which is read elsewhere.
///
/// A decoder is told bytes in shared buffers and hands out batches whose text cells point into
/// those buffers: nothing is copied. It only consumes whole records, at most `max_record` bytes
/// each; `sli_records` carries the rest over to the next piece. Everything here reads outside
/// bytes: garbage is an error with the place, or counted, never a crash.
///
/// What happens to a bad record is the option `malformed`: `fail` (default) ends the task with
/// SL_E_DATA, source and offset; `skip` drops it and counts it; `dead-letter` too, and it can be
/// looked up (sli_records_watch). Text that is not UTF-8 follows `invalid_utf8`: `replace`
/// (default, as Spark: U+FFFD for each bad byte sequence, counted), `fail`, `skip`. Every format
/// has the options malformed, invalid_utf8 and max_record; README.md lists the others and the
/// dialects.
#pragma once

#include "col/col.h"
#include "conf/conf.h"

/// What a decoder counted since it was made; the caller adds it up into metrics. `records` became
/// rows, `skipped` were dropped, `dead` of these for a dead letter, `replaced` bad byte sequences
/// became U+FFFD, `bytes` were consumed.
typedef struct sli_decode_stats {
    int64_t records, bytes, skipped, dead, replaced;
} sli_decode_stats;

/// Takes a decoded batch. Returning a failure ends the decoding with it.
typedef sl_code (*sli_emit_fn)(void *ctx, SL_BORROWS sl_batch *batch, sl_error *err);

typedef struct sli_decoder sli_decoder; ///< one stream of bytes; Thread: one at a time
typedef struct sli_encoder sli_encoder;
typedef struct sli_ending sli_ending;         ///< of one file
typedef struct sli_value_list sli_value_list; ///< values.h

/// Where bytes come from, for error texts: "in/a.csv at byte 17 (line 3)". `offset` is that of
/// `data[from]`.
typedef struct sli_piece {
    sli_buffer *data; ///< at least SLI_BUFFER_PAD readable bytes after `to` (buffers from
                      ///< sli_buffer_new have them)
    int64_t from, to; ///< bytes [from, to) of the buffer
    int64_t offset;   ///< position of `from` in the source
    const char *name; ///< the source, for messages
    bool last;        ///< nothing follows: an unended last record counts as one
} sli_piece;

struct sli_value_run; ///< values.h
typedef struct sl_env sl_env;

typedef struct sli_format_ops {
    size_t struct_size;
    const char *name; ///< "text", "csv", "json", "arrow", "fixed", "bytes", "avro", "parquet"
    const sl_option *options; ///< includes schema where the format needs one
    /// Reads what the options name outside of them (a file with a schema) into the conf: once,
    /// before any other call, by who opens a source or sink (sli_format_prepare), and says which
    /// settings can't be together. NULL: there is nothing of either. Blocks: disk. Fails:
    /// SL_E_CONFIG; as sli_env_read_file.
    sl_code (*prepare)(sl_conf *conf, sl_env *env, sl_error *err);
    /// The rows' schema for these options. The caller owns a reference. text: "line string" (the
    /// column's name is an option), csv and json: option `schema`, which only reading needs, so
    /// that it isn't marked as required.
    sl_code (*schema)(const sl_conf *conf, sl_schema **out, sl_error *err);
    /// The conf may be freed afterwards.
    sl_code (*decoder_new)(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                           sl_error *err);
    /// Decodes whole records from the piece; *consumed bytes were used (0 when no record is
    /// complete). Emits batches of about SLI_BATCH_ROWS rows; cut rows depend only on the bytes
    /// since the decoder's start, never on piece borders... except that a batch ends with its
    /// piece; batch borders carry no meaning. Bytes that are not consumed come again, at the start
    /// of the next piece. With `last` all bytes are consumed. Nothing but decoder_free is allowed
    /// after a failure. Fails: SL_E_DATA with the place; SL_E_INVALID when `to` > 2 GiB (views
    /// can't reach it); SL_E_NOMEM; what emit returns.
    sl_code (*decode)(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                      sli_emit_fn emit, void *ctx, sl_error *err);
    /// What it keeps of its stream: counts, and where reasons go. Lives as long as the decoder.
    struct sli_stream_state *(*stream)(sli_decoder *self);
    void (*decoder_free)(SL_TAKES sli_decoder *self);
    /// The conf may be freed afterwards. Fails: SL_E_INVALID when the schema can't be written (a
    /// list in CSV, several columns in text); SL_E_CONFIG for a dialect that contradicts itself.
    sl_code (*encoder_new)(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                           sl_error *err);
    /// Bytes that open a file (CSV header with header=true); may add nothing.
    sl_code (*begin)(sli_encoder *self, sli_str *out, sl_error *err);
    sl_code (*encode)(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err);
    void (*encoder_free)(SL_TAKES sli_encoder *self);
    /// Every '\n' ends a record, so that bytes may be cut behind any of them.
    bool lines;
    /// No byte ends a record: what arrives bit by bit can't be cut, so receivers don't take it.
    bool binary;
    /// Endings of the names of its files, NULL-ended.
    const char *const *extensions;
    /// The one for files written with these options; NULL: the first.
    const char *(*extension)(const sl_conf *conf);
    /// What ends a file (Arrow's footer), made from the file's bytes: those of `begin`, then what
    /// any number of encoders wrote. So a file that was kept without its end can be ended later, by
    /// another process. All four are NULL in formats without an end. The caller frees *out.
    sl_code (*ending_new)(sli_ending **out, sl_error *err);
    /// Looks at the next bytes of the file: all of them, in order. Fails: SL_E_CORRUPT when these
    /// are not such a file's.
    sl_code (*ending_see)(sli_ending *self, const void *data, size_t size, sl_error *err);
    /// Appends the end; once. Fails: SL_E_CORRUPT when the file is not whole; SL_E_NO_SPACE.
    sl_code (*ending_put)(sli_ending *self, sli_str *out, sl_error *err);
    void (*ending_free)(SL_TAKES sli_ending *self); ///< accepts NULL

    // ---- values that are records of their own (values.h); not called but by sli_values
    /// Whether values can be read with these settings. NULL: with any. Fails: SL_E_CONFIG.
    sl_code (*values_check)(const sl_conf *conf, sl_error *err);
    /// Decodes values [from, to) of a run, in order, emitting as `decode` does. With stream->line
    /// set to its number, each value either becomes one row, or is judged: by sli_value_verdict (or
    /// sli_stream_too_long, sli_stream_not_utf8) when it is malformed, and by sli_value_null when
    /// it is null; what is judged SL_OK becomes no row here. So sli_values knows which value a row
    /// is of without being told. A decoder reads values or a stream, never both. NULL: a value
    /// can't be a record of the format. Fails: as decode.
    sl_code (*decode_values)(sli_decoder *self, const struct sli_value_run *run, int32_t from,
                             int32_t to, sli_emit_fn emit, void *ctx, sl_error *err);
    /// Appends the rows as one value each, without what ends a record in a file (values.h). `out`
    /// has room for their ends. NULL: a record is not a row. Fails: as encode.
    sl_code (*encode_values)(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                             sl_error *err);
    /// Whether encoding may refuse a row for what is in it (SL_E_DATA). NULL: never.
    bool (*may_refuse)(const sli_encoder *self);

    /// A file can be read only by who reaches any place of it: sources of files do so themselves
    /// (source/file/parquet.c), and everybody else refuses it (sli_format_whole_refused). Decoders
    /// and encoders of such a format fail.
    bool whole_file;
} sli_format_ops;

extern const sli_format_ops sli_format_text; ///< a record a line: \n, \r\n and lone \r end one
extern const sli_format_ops
    sli_format_csv; ///< RFC 4180; options schema header delimiter quote null malformed ...
extern const sli_format_ops
    sli_format_json; ///< JSON lines through simdjson; fields by name; absent or null = null
extern const sli_format_ops
    sli_format_arrow; ///< Arrow IPC files and streams; a record is a message
extern const sli_format_ops sli_format_fixed; ///< records of one length, bytes as they are
extern const sli_format_ops sli_format_bytes; ///< a value or a whole file, bytes as they are
extern const sli_format_ops sli_format_avro;  ///< Avro records: values, and object container files
extern const sli_format_ops sli_format_parquet; ///< Parquet files, whole

/// NULL when unknown.
const sli_format_ops *sli_format_find(sl_text name);
/// By the ending of a file's name; NULL when unknown.
const sli_format_ops *sli_format_of_extension(sl_text extension);
/// What is said where a whole_file format can't be read: "source kafka". SL_E_CONFIG.
sl_code sli_format_whole_refused(const sli_format_ops *format, const char *who, sl_error *err);
/// And where it can't be written. SL_E_CONFIG.
sl_code sli_format_whole_unwritten(const sli_format_ops *format, sl_error *err);
/// NULL-ended names, for messages.
const char *const *sli_format_names(void);
/// The format's `prepare`, when it has one.
sl_code sli_format_prepare(const sli_format_ops *format, sl_conf *conf, sl_env *env, sl_error *err);

/// Reads a time, microseconds since 1970: a date, then optionally T or space,
/// HH:MM[:SS[.f{1,9}]], then Z or ±HH[:MM]; digits behind the microseconds are cut.
bool sli_read_timestamp(const char *at, size_t size, int64_t *out);

// ---------------------------------------------------------------- pieces to records

/// Feeds a decoder with pieces of any size: keeps what a piece left over and puts it before the
/// next one. Bounded: what is kept is at most max_record and 1 MiB, rounded up to a power of two;
/// longer records are malformed, and with malformed=skip they are dropped up to their end without
/// being kept.
typedef struct sli_records sli_records;
sl_code sli_records_new(sli_records **out, const sli_format_ops *format, const sl_conf *conf,
                        const sl_schema *schema, sl_error *err);
void sli_records_free(SL_TAKES sli_records *records);
/// `name` and `offset` as in sli_piece. `last` ends the stream; `data` may be NULL when `from` ==
/// `to`.
sl_code sli_records_feed(sli_records *records, sli_buffer *data, int64_t from, int64_t to,
                         int64_t offset, const char *name, bool last, sli_emit_fn emit, void *ctx,
                         sl_error *err);
const sli_decode_stats *sli_records_stats(const sli_records *records);

/// A record as it stands in its stream.
typedef struct sli_raw_record {
    const char *name;     ///< of the stream, as in sli_piece
    int64_t offset, line; ///< where it begins there; lines count from 1 where the feeding began
    sl_bytes bytes;       ///< without its line end
    int64_t rows;         ///< that it became: 1, several (arrow, avro), or 0 when it was dropped
    const char *why; ///< of a record that malformed=dead-letter has dropped: the reason, else NULL
} sli_raw_record;
typedef sl_code (*sli_raw_fn)(void *ctx, const sli_raw_record *record, sl_error *err);
/// From now on, and before anything is fed, each record is told to `each`, and no rows are emitted:
/// for looking records up again. Feeding is a few times slower so. Fails: SL_E_NOMEM.
sl_code sli_records_watch(sli_records *records, sli_raw_fn each, void *ctx, sl_error *err);

/// The end of the last whole record in data[0, size), or 0: how receivers cut their stream into
/// blocks. text and json: after the last '\n' (text also lone '\r' followed by another byte).
int64_t sli_text_last_end(const char *data, int64_t size);
/// The end of the first whole record in data[0, size), or 0; its end as above.
int64_t sli_text_first_end(const char *data, int64_t size);

/// Appends one cell as README.md's "cells as text" has it; nothing for null. Not for lists and
/// structs (asserted).
void sli_print_cell(sli_str *out, const sl_field *field, const sl_column *column, int64_t row);

/// Appends data[0, size) with U+FFFD for every bad sequence (the longest start of a well-formed one
/// counts as one, as Java's and the web's decoders have it); returns how many there were.
int64_t sli_utf8_repair(const char *data, size_t size, sli_str *out);
