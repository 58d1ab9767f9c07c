/// interval.h — joins within a bound of time: what their definition resolves to. For
/// node_interval_join.c (definition) and interval_run.c (the work of a task).
///
/// The table has an entry for each row that can still find a match, under its key, side, *bucket*
/// and number in the bucket. A bucket is so wide that the bound reaches into two of them at most,
/// and has a head that counts its entries: so the rows within the bound of another one are found by
/// looking up two heads and what they count, however many rows a key has.
///
///     keys, right, bucket, number    time, matched, count, row
///     keys, right, bucket, -1        (head)         count
#pragma once

#include "stream/event/timed.h"

enum { SLI_LEFT = 0, SLI_RIGHT = 1, SLI_HEAD = -1, SLI_NO_COLUMN = -1 };
/// Of a key, a side and a bucket. Each row of the other side looks at all of them.
enum { SLI_MAX_BUCKET_ROWS = 1 << 24 };

typedef struct sli_interval {
    sli_timed timed;
    int64_t lower_us, upper_us; ///< of right time - left time
    int64_t width_us;           ///< of a bucket
    bool outer[2];              ///< rows of that side without a match are given too
    int32_t *from, *column;     ///< of the stream's columns: which side, and which of its columns
    int32_t *alone[2];    ///< the same when there is a row of that side alone; SLI_NO_COLUMN: null
    int32_t n_columns[2]; ///< of the sides
    int32_t *all;         ///< 0, 1, 2, ...: all columns of either side
} sli_interval;

/// What is in an entry, beside its key.
typedef struct sli_interval_entry {
    int64_t time_us;
    bool matched;
    int64_t count; ///< heads
    sl_bytes row;
} sli_interval_entry;

static inline const sli_interval *sli_interval_of(const sli_timed *self)
{
    return (const sli_interval *)self;
}
static inline int64_t sli_bucket_of(const sli_interval *self, int64_t time_us)
{
    int64_t into = time_us % self->width_us;
    return (time_us - into) / self->width_us - (into < 0);
}
/// The watermark from which on no row can come that matches one of that side and time.
int64_t sli_interval_due(const sli_interval *self, bool right, int64_t time_us);
/// That of an entry, or of the last one that its bucket may have (a head).
int64_t sli_interval_entry_due(const sli_interval *self, bool right, int64_t bucket, int64_t number,
                               int64_t time_us);
/// The work of a task.
sl_code sli_interval_run(sli_timed_task *t, sl_error *err);
