/// kafka_int.h — what the files of source/kafka share: lanes, chunks, ranges.
#pragma once

#include "base/lock.h"
#include "format/values.h"
#include "kafka/kafka.h"
#include "source/source_int.h"

// ---------------------------------------------------------------- bytes (range.c)

enum {
    SLI_KAFKA_MAX_LANES = 65536, ///< partitions of one source
};

/// A partition's part of an epoch, or of a position (`to` is then the next offset).
typedef struct kafka_piece {
    const char *topic; ///< in the arena or table that it was read with
    int32_t partition;
    int64_t from, to;
    int64_t records; ///< of a range: in [from, to)
    int64_t time_us; ///< of a position: of the last record before `to`; INT64_MIN: not known
} kafka_piece;

/// Pieces by topic (byte order) and partition; each partition once.
typedef struct kafka_pieces {
    kafka_piece *items;
    int32_t n;
} kafka_pieces;

/// Appends a range or a position.
void kafka_range_put(sli_str *out, const kafka_pieces *pieces);
void kafka_position_put(sli_str *out, const kafka_pieces *pieces);
/// The pieces lie in the arena. Fails: SL_E_CORRUPT, SL_E_NOMEM.
sl_code kafka_range_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err);
sl_code kafka_position_get(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err);

// ---------------------------------------------------------------- records that were fetched
// (chunk.c)

/// What of a record is kept besides its value, offset and time.
enum { KAFKA_WANTS_KEY = 1, KAFKA_WANTS_HEADERS = 2 };

/// Bytes of records end to end: item i is [starts[i], starts[i + 1] - pad).
typedef struct kafka_cells {
    sli_buffer *data;
    int32_t *starts; ///< n + 1
    uint64_t *nulls; ///< NULL: none is null
} kafka_cells;

/// Records of one lane in the order of their offsets, copied out of the client's memory. Filled by
/// the fetching strand; from the moment it is in a lane's list nothing of it changes, and readers
/// hold it by reference.
typedef struct kafka_chunk {
    _Atomic int32_t refs;
    int32_t n;
    kafka_cells values;          ///< each followed by '\n' (a sli_value_run)
    bool lines;                  ///< some value holds a '\n' or '\r'
    kafka_cells keys;            ///< with KAFKA_WANTS_KEY
    kafka_cells headers;         ///< with KAFKA_WANTS_HEADERS: each record's as chunk.c packs them
    int64_t *offsets, *times_us; ///< of each; times: INT64_MIN none
    int64_t bytes;               ///< what it takes
    struct kafka_chunk *next;    ///< in its lane's list
} kafka_chunk;

// ---------------------------------------------------------------- chunks to rows (rows.c)

/// Where rows of one split come from.
typedef struct kafka_place {
    const char *topic;
    int32_t partition;
} kafka_place;

/// Makes a source's rows: the columns that `columns` names, then the value's. Thread: one at a
/// time; one for each read of a split.
typedef struct kafka_rows kafka_rows;

/// The schema of the rows: `columns` (key binary?, topic string, partition int32, offset int64,
/// timestamp timestamp?, headers list<struct<name string, value binary?>>?), then the format's.
/// Fails: SL_E_CONFIG for a name in `columns` that is none, or is there twice, or is a column of
/// the value too. *wants gets KAFKA_WANTS_ bits.
sl_code kafka_rows_schema(const sl_conf *conf, const sl_schema *value, sl_schema **out,
                          int32_t *wants, sl_error *err);
sl_code kafka_rows_new(kafka_rows **out, const sli_format_ops *format, const sl_conf *conf,
                       const sl_schema *schema, kafka_place place, sl_error *err);
void kafka_rows_free(SL_TAKES kafka_rows *rows); ///< accepts NULL
/// Emits the rows of records [from, to) of a chunk. Fails: SL_E_DATA with topic, partition, offset;
/// what emit returns.
sl_code kafka_rows_feed(kafka_rows *rows, const kafka_chunk *chunk, int32_t from, int32_t to,
                        sli_emit_fn emit, void *ctx, sl_error *err);
const sli_decode_stats *kafka_rows_stats(const kafka_rows *rows);
/// From now on records are told to `each` (name: topic and partition; offset: Kafka's) and no rows
/// are emitted.
sl_code kafka_rows_watch(kafka_rows *rows, sli_raw_fn each, void *ctx, sl_error *err);
