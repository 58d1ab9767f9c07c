/// interval_work.h — what a task of a join has in its hands; for interval_run.c (the steps),
/// interval_look.c (cells of the table that are asked for) and interval_put.c (what is changed).
#pragma once

#include "stream/event/interval.h"

/// A change that waits until no value of the table is looked at any more.
typedef struct sli_waiting_change {
    sli_state_change is;
    size_t value_at, value_size; ///< in sli_joining.values
} sli_waiting_change;

/// A new entry that carries on another one: the table has not been asked for it yet.
typedef struct sli_fresh_entry {
    uint64_t hash;
    size_t key_at, key_size, value_at, value_size; ///< in sli_joining.fresh_bytes
} sli_fresh_entry;

/// A cell whose rows are in several entries: they are looked at when the others have been.
typedef struct sli_grown_cell {
    sli_cell cell;
    int64_t add_at, n_add;
    uint64_t key_hash, mark;
    size_t value_at, value_size; ///< entry 0, in sli_joining.grown_bytes
} sli_grown_cell;

/// An entry of the index by time, found by its key.
typedef struct sli_due_place {
    const sli_due_key *key;
    bool taken;
} sli_due_place;

/// Rows of the epoch that come into the table: those of the cells in hand.
typedef struct sli_adding {
    int32_t *place; ///< of the side's rows
    int64_t n, capacity;
    sli_str encoded;
    sl_bytes *bytes; ///< by row, in `encoded`
    int64_t bytes_capacity;
} sli_adding;

typedef struct sli_joining {
    sli_timed_task *task;
    const sli_interval *def;
    int64_t next_us; ///< the next epoch's watermark is not before it
    sli_epoch_rows rows;
    sli_interval_out out;
    bool probes, writes; ///< what this sli_join_pass does
    // the cells in hand
    sli_cell cells[SLI_TOGETHER];
    int64_t add_at[SLI_TOGETHER], n_add[SLI_TOGETHER];
    int32_t n_cells;
    sli_adding add[2];
    sli_str keys, copies;
    sli_grown_cell *grown;
    int32_t n_grown, grown_capacity;
    sli_str grown_bytes, more_copies;
    // what is to be changed
    sli_waiting_change *changes;
    int32_t n_changes, changes_capacity;
    sli_str values;
    sli_fresh_entry *fresh;
    int32_t n_fresh, fresh_capacity;
    sli_str fresh_bytes, fresh_copies;
    // what is due
    const sli_due_key *const *due;
    int32_t n_due;
    sli_due_place *places; ///< a hash table of 2^bits places; outer joins
    int32_t place_bits;
} sli_joining;

/// An entry of the table in a task's hands.
typedef struct sli_join_entry {
    int32_t side;
    int64_t bucket, number;
    uint64_t hash, key_hash, mark;
    sl_bytes key;
    sli_entry_rows rows;
    // what the epoch has for it
    const sli_cell *cell;  ///< NULL: nothing
    int64_t add_at, n_add; ///< of sli_joining.add
    sli_due_place *due;    ///< it is due; NULL: it is not
} sli_join_entry;

// ---------------------------------------------------------------- interval_put.c

/// Room for `n` of a list that `*list` points to.
sl_code sli_join_grow(void *list, int64_t n, int64_t *capacity, size_t size, const char *what,
                      sl_error *err);
/// The same for one more.
sl_code sli_join_grow_few(void *list, int32_t n, int32_t *capacity, size_t size, const char *what,
                          sl_error *err);
/// What is due is found by its key from now on.
sl_code sli_join_note_due(sli_joining *j, sl_error *err);
/// NULL: it is not due, or nobody asked for that (inner joins).
sli_due_place *sli_join_due(const sli_joining *j, sl_bytes key);
/// Notes a change of an entry, whose value is what `values` has from `value_at` on.
sl_code sli_join_change(sli_joining *j, const sli_join_entry *e, sli_state_act act, size_t value_at,
                        sl_error *err);
/// Hands over what waits. No value that was found before may be looked at afterwards.
sl_code sli_join_flush(sli_joining *j, sl_error *err);
sl_code sli_join_flush_fresh(sli_joining *j, sl_error *err);
/// The entry as the epoch leaves it. `n_entries` of the cell, `added` rows to it: entry 0 says so.
sl_code sli_join_write(sli_joining *j, sli_join_entry *e, int64_t n_entries, int64_t added,
                       sl_error *err);
/// The rows that come into a cell: as many as fit into `last`, its last entry; new entries for the
/// others. Then `last` is written. Sets how many entries the cell has now.
sl_code sli_join_add_rows(sli_joining *j, sli_join_entry *last, int64_t *n_entries, sl_error *err);
/// Entry 0 of a cell that has no other.
sl_code sli_join_write_single(sli_joining *j, sli_join_entry *e, sl_error *err);
/// Fails, when so many rows more come into a cell than it may have.
sl_code sli_join_check_count(const sli_joining *j, const sli_join_entry *e, int64_t n,
                             sl_error *err);
sl_code sli_join_damaged(sl_error *err); ///< SL_E_CORRUPT

// ---------------------------------------------------------------- interval_look.c

/// One pass over the cells that rows of the epoch ask for.
sl_code sli_join_pass(sli_joining *j, const int64_t *latest_us, bool probes, bool writes,
                      sl_error *err);
