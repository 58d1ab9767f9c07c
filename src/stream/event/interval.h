/// interval.h — joins within a bound of time: what their definition resolves to, and what the work
/// of a task is made of. Files: node_interval_join.c definition · interval_run.c a task's steps ·
/// interval_rows.c the epoch's rows by key and time · interval_cell.c which cells of the table they
/// ask for · interval_look.c those cells, many at a time · interval_put.c what is changed of them ·
/// interval_entry.c rows as the table has them · interval_out.c rows of the stream.
///
/// The table has the rows that can still find a match, filed by key, side and *bucket* of time: a
/// cell. A bucket is so wide that the bound reaches into two of them at most, so what a row can
/// meet is in two cells. A cell's rows are a list in an entry of the table; one that has grown goes
/// on in another, so that a row more of a key with many costs no writing of them all:
///
///     keys, right, bucket, 0    entries, count of all rows, rows [time, matched, row]
///     keys, right, bucket, 1              0,             0, rows
///     ...
///
/// A task meets rows of the epoch with each other in memory. What comes into the table are rows
/// that the next epoch can still ask for (sli_timed_next_watermark).
#pragma once

#include "stream/event/timed.h"

enum { SLI_LEFT = 0, SLI_RIGHT = 1, SLI_NO_COLUMN = -1 };
enum {
    /// Of a key, a side and a bucket. Each row of the other side may meet all of them.
    SLI_MAX_BUCKET_ROWS = 1 << 24,
    /// An entry with so many bytes of rows goes on in another one.
    SLI_ENTRY_BYTES = 4096
};

typedef struct sli_interval {
    sli_timed timed;
    int64_t lower_us, upper_us; ///< of right time - left time
    int64_t width_us;           ///< of a bucket
    bool outer[2];              ///< rows of that side without a match are given too
    int32_t *from, *column;     ///< of the stream's columns: which side, and which of its columns
    int32_t *alone[2];    ///< the same when there is a row of that side alone; SLI_NO_COLUMN: null
    int32_t n_columns[2]; ///< of the sides
    int32_t *all;         ///< 0, 1, 2, ...: all columns of either side
    /// By side: no row of the table has a later time. Rises only: by tasks, also ones that fail,
    /// and when the index is made again. It says what need not be looked up, and so reaches no row.
    _Atomic int64_t *latest_us;
} sli_interval;

static inline const sli_interval *sli_interval_of(const sli_timed *self)
{
    return (const sli_interval *)self;
}
static inline int64_t sli_bucket_of(const sli_interval *self, int64_t time_us)
{
    int64_t into = time_us % self->width_us;
    return (time_us - into) / self->width_us - (into < 0);
}
/// The times of the other side that a row of that side and time can meet: from, to.
static inline int64_t sli_reach_from(const sli_interval *self, int32_t side, int64_t time_us)
{
    return side == SLI_LEFT ? time_us + self->lower_us : time_us - self->upper_us;
}
static inline int64_t sli_reach_to(const sli_interval *self, int32_t side, int64_t time_us)
{
    return side == SLI_LEFT ? time_us + self->upper_us : time_us - self->lower_us;
}
/// The watermark from which on no row can come that matches one of that side and time.
int64_t sli_interval_due(const sli_interval *self, int32_t side, int64_t time_us);
/// That of the last row that a bucket may have.
int64_t sli_bucket_due(const sli_interval *self, int32_t side, int64_t bucket);
/// Rows of that side come into the table with such a time.
void sli_interval_reaches(const sli_interval *self, int32_t side, int64_t time_us);
/// The work of a task.
sl_code sli_interval_run(sli_timed_task *t, sl_error *err);

// ---------------------------------------------------------------- interval_rows.c

/// Rows of one side by key, and in a key by time, then arrival.
typedef struct sli_side_rows {
    sl_batch *rows; ///< as they came; NULL: none
    int32_t n;
    int32_t *from; ///< by key, and one more: where its rows begin, of what follows
    int32_t *row;  ///< of `rows`
    int64_t *time_us;
    bool *matched; ///< NULL: nobody asks
} sli_side_rows;

/// The rows that an epoch brings to a task. Zero it before use.
typedef struct sli_epoch_rows {
    sli_side_rows side[2];
    sli_groups *keys; ///< of both sides
    int32_t n_keys;
    int64_t weight; ///< bytes counted in the budget
    sli_budget *budget;
} sli_epoch_rows;

sl_code sli_epoch_rows_take(sli_epoch_rows *rows, sli_timed_task *t, sl_error *err);
void sli_epoch_rows_reset(sli_epoch_rows *rows);
/// The first of places [from, to) of a side whose time is not before `time_us`.
int32_t sli_first_at(const sli_side_rows *side, int32_t from, int32_t to, int64_t time_us);

// ---------------------------------------------------------------- interval_entry.c

/// An entry's value, read.
typedef struct sli_entry_rows {
    int64_t n_entries, count; ///< of the cell; entry 0 alone has them
    int64_t n;                ///< rows in this entry
    sl_bytes rows;            ///< n of them
} sli_entry_rows;

/// One of its rows.
typedef struct sli_entry_row {
    int64_t time_us;
    bool matched;
    sl_bytes row;   ///< all columns
    sl_bytes whole; ///< with time and mark, as it stands there
} sli_entry_row;

/// What is read back is checked. Fails: SL_E_CORRUPT.
sl_code sli_entry_read(sl_bytes value, sli_entry_rows *out, sl_error *err);
/// Moves behind the next row. A damaged one makes the reader bad.
bool sli_entry_next(sli_reader *r, sli_entry_row *out);
/// What stands before the rows, and a row.
void sli_entry_put_head(sli_str *out, const sli_entry_rows *entry);
void sli_entry_put_row(sli_str *out, int64_t time_us, bool matched, sl_bytes row);
/// Bytes of such a row.
size_t sli_entry_row_size(sl_bytes row);
/// The cells behind those of the user's key.
void sli_entry_put_key(sli_str *out, int32_t side, int64_t bucket, int64_t number);
typedef struct sli_entry_key {
    int32_t side;
    int64_t bucket, number;
} sli_entry_key;
sl_code sli_entry_read_key(sl_bytes key, sli_entry_key *out, sl_error *err);

// ---------------------------------------------------------------- interval_out.c

/// Pairs that wait to be pushed.
typedef struct sli_pairs {
    int32_t row[2][SLI_BATCH_ROWS]; ///< of the epoch's rows; not of `from_table`'s side
    sl_bytes bytes[SLI_BATCH_ROWS]; ///< rows of the table, from `n_read` on
    int32_t n, n_read;
    int32_t from_table; ///< the side whose rows are of the table; -1: none
    sl_builder *read;   ///< the table's rows
} sli_pairs;

enum { SLI_PAIR_KINDS = 3 }; ///< the left row of the table, the right one, neither

/// A row that has found no match, as the stream is to have it.
typedef struct sli_alone {
    int64_t due_us;
    const sli_due_key *key; ///< of its entry
    int64_t number;         ///< in order of arrival here
    size_t at, size;        ///< its bytes
    int32_t side;
} sli_alone;

/// What a task gives.
typedef struct sli_interval_out {
    sli_timed_task *task;
    const sli_interval *def;
    const sli_epoch_rows *rows;
    sli_pairs pairs[SLI_PAIR_KINDS];
    sli_alone *alone;
    int64_t n_alone, capacity;
    sli_str bytes;
    int64_t weight; ///< bytes counted in the budget
} sli_interval_out;

sl_code sli_out_begin(sli_interval_out *out, sl_error *err); ///< task, def and rows are set
void sli_out_reset(sli_interval_out *out);
/// A pair of rows of the epoch.
sl_code sli_out_pair(sli_interval_out *out, int32_t left, int32_t right, sl_error *err);
/// A pair of a row of the table, of that side, and one of the epoch. Its bytes must live until
/// sli_out_read.
sl_code sli_out_pair_of_table(sli_interval_out *out, int32_t side, sl_bytes row, int32_t other,
                              sl_error *err);
/// Takes the rows of the table out of their bytes.
sl_code sli_out_read(sli_interval_out *out, sl_error *err);
sl_code sli_out_push(sli_interval_out *out, sl_error *err); ///< all pairs
/// A row that was due at `due_us`, of the entry with that key.
sl_code sli_out_alone(sli_interval_out *out, int32_t side, int64_t due_us, const sli_due_key *key,
                      sl_bytes row, sl_error *err);
/// Pushes them, in order of that time, then of their entries' keys, then of their places there.
sl_code sli_out_push_alone(sli_interval_out *out, sl_error *err);

// ---------------------------------------------------------------- interval_cell.c

/// A cell of the table that rows of the epoch ask for: some look for a match in it, some are to be
/// added to it.
typedef struct sli_cell {
    int32_t key, side;
    int64_t bucket;
    int32_t probe_from, probe_to; ///< of the other side's rows
    int32_t add_from, add_to;     ///< of its own side's
} sli_cell;

typedef sl_code (*sli_cell_fn)(void *ctx, const sli_cell *cell, sl_error *err);

/// Which rows ask. `probe`: what of the other side looks for a match; `add`: what may come in.
typedef struct sli_cell_walk {
    const sli_interval *def;
    const sli_epoch_rows *rows;
    int64_t latest_us[2];  ///< by side of the cell: no row of the table is later
    int64_t next_us;       ///< rows due at it need not come in, if they are not to be given alone
    bool probe[2], add[2]; ///< by side of the cell
} sli_cell_walk;

/// Calls `each` for every cell once, key by key, left before right, in order of time.
sl_code sli_cells_each(const sli_cell_walk *walk, sli_cell_fn each, void *ctx, sl_error *err);
