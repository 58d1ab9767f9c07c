/// kafka_int.h — what the files of source/kafka share: lanes, chunks, ranges.
#pragma once

#include "base/lock.h"
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
