/// state_int.h — what the stores share: everything but where the base lies.
///
/// Views, the pending changes of the open group and the bytes of deltas are the same in every store
/// (store.c, delta.c), so that equal work gives equal deltas. A store adds its base, as a table of
/// functions.
#pragma once

#include "base/lock.h"
#include "state/map.h"

typedef struct sli_view sli_view;
typedef struct sli_core sli_core;

/// The common head of a store's own struct for a table.
struct sli_table {
    struct sli_table *next;
    char *uid, *kind;
    sl_schema *keys, *values;
    sli_map pending; ///< changes since the last delta
    sli_view *done;  ///< views of the running epoch, by partition; under the store's mutex
    int64_t n_keys;  ///< in the base
};

/// What the base has for a key. Of the caller; `value` lives until the next use, or the next change
/// of the base.
typedef struct sli_found {
    bool there;
    uint64_t mark; ///< the base's own name for the row; 0 when it has none
    sl_bytes value;
    // Of a base that isn't in memory: the last look-up, its result, and the state of the base then.
    sli_str key, bytes;
    uint64_t version;
} sli_found;

/// Entries of a view, by number.
typedef struct sli_entries {
    int32_t *at;
    int32_t n, capacity;
} sli_entries;

/// A change of a key that was looked up before.
typedef struct sli_bulk_change {
    uint64_t mark;     ///< of the row in the base; ADDED: the hash of the key's bytes
    uint32_t key_size; ///< ADDED; of others the base has the key
    uint32_t value_size;
    int32_t slot;
    sli_change change;
} sli_bulk_change;

/// Changes of many keys that were made together: each key once, not yet in `changes`.
typedef struct sli_bulk {
    sli_bulk_change *changes; ///< in the order in which they came
    int32_t n, capacity;
    sli_str bytes; ///< of each change its key, then its value
} sli_bulk;

struct sli_view {
    sli_state_view head;
    sli_table *table;
    int64_t epoch;
    int32_t partition, n_partitions;
    sli_map changes;
    uint64_t *marks; ///< by entry of `changes`: of the row in the base, 0 for a new one
    int32_t mark_capacity;
    sli_found found;
    sli_entries asked;   ///< PUT, GONE and AGAIN: the base is asked for all of them at once
    sli_entries fetched; ///< READ and ABSENT, unless they were changed since
    sli_bulk bulk;
    sli_view *next; ///< in sli_table.done
};

/// A key that the base is asked for, with others.
typedef struct sli_question {
    int32_t slot, entry;
    sl_bytes key;
} sli_question;
/// The answer; `there` false: value is empty.
typedef sl_code (*sli_answer_fn)(void *ctx, const sli_question *question, bool there, uint64_t mark,
                                 sl_bytes value, sl_error *err);

/// Where a store keeps its rows.
typedef struct sli_base_ops {
    size_t table_bytes; ///< of the store's struct for a table, which begins with a sli_table
    /// Thread: any, while nothing changes the base.
    sl_code (*find)(sli_core *core, sli_table *table, int32_t slot, sl_bytes key, sli_found *out,
                    sl_error *err);
    // A base in memory; NULL in others.
    sl_code (*find_all)(sli_core *core, sli_table *table, const sli_state_key *keys, int32_t n,
                        sli_state_found *out, sl_error *err);
    /// The row of a mark.
    const sli_entry *(*row)(const sli_table *table, uint64_t mark);
    /// As change, for many, and notes them in table->pending.
    sl_code (*change_all)(sli_core *core, sli_table *table, const sli_bulk *bulk, sl_error *err);
    // A base that is not in memory; NULL in others: keys of a view are asked for together.
    /// Questions in order of slot, then of key bytes; calls `answer` for each. Thread: any.
    sl_code (*find_many)(sli_core *core, sli_table *table, const sli_question *questions, int32_t n,
                         sli_answer_fn answer, void *ctx, sl_error *err);
    /// Whether `found` is of this key, and still true.
    bool (*is_found)(const sli_core *core, const sli_table *table, int32_t slot, sl_bytes key,
                     const sli_found *found);
    /// Slots [from, to), each in its order.
    sl_code (*each)(sli_core *core, sli_table *table, int32_t from, int32_t to, sli_state_fn each,
                    void *ctx, sl_error *err);
    /// One change; `mark` as find told it, or 0 when nobody looked. Keeps table->n_keys.
    sl_code (*change)(sli_core *core, sli_table *table, const sli_entry *change, uint64_t mark,
                      sl_error *err);
    /// Adds keys. NULL: they are asked for first, and are changes then.
    sl_code (*load)(sli_core *core, sli_table *table, const sli_state_row *rows, int32_t n,
                    sl_error *err);
    /// All changes so far can be found from now on. NULL: they can at once.
    sl_code (*settle)(sli_core *core, sl_error *err);
    int64_t (*table_size)(const sli_table *table); ///< bytes of memory. NULL: none
    void (*table_close)(sli_table *table);         ///< what the store added to it. NULL: nothing
} sli_base_ops;

/// The common head of a store.
struct sli_core {
    sli_store head;
    const sli_base_ops *base;
    sli_budget *budget; ///< may be NULL
    int64_t fixed;      ///< bytes that the store holds whatever is in it
    int64_t counted;    ///< bytes reserved in the budget
    bool no_deltas;     ///< nobody will ask for one: nothing is pending
    sli_table *tables, **tables_tail;
    sli_mutex mutex; ///< `done` lists
    sli_found found; ///< the driver's look-ups
    sli_str row;     ///< the driver's row under way
};

// ---------------------------------------------------------------- view.c, store.c

void sli_core_init(sli_core *core, const sli_store_ops *ops, const sli_base_ops *base,
                   sli_budget *budget, int64_t fixed);
void sli_core_reset(sli_core *core);
/// Notes a change that the base makes for the delta: how it changes the row that the base has,
/// after the change or, if it is removed, before.
sl_code sli_core_note(sli_core *core, sli_table *table, const sli_entry *row, sli_change change,
                      sl_error *err);
/// Counts in the budget what the store holds now.
void sli_core_recount(sli_core *core);

void sli_found_reset(sli_found *found);
void sli_view_free(sli_view *view); ///< accepts NULL
/// The base's name for the row that an entry changes; 0 for a new one.
uint64_t sli_view_mark(const sli_view *view, int32_t entry);
sl_code sli_view_set_mark(sli_view *view, int32_t entry, uint64_t mark, sl_error *err);
/// Notes a change of a key that the view has not changed before; whether the base has the key is
/// asked later.
sl_code sli_view_note(sli_view *view, int32_t slot, sl_bytes key, sl_bytes value, sli_change change,
                      sl_error *err);

// ---------------------------------------------------------------- bulk.c

sl_code sli_core_find_all(sli_state_view *view, const sli_state_key *keys, int32_t n,
                          sli_state_found *out, sl_error *err);
sl_code sli_core_change_all(sli_state_view *view, const sli_state_change *changes, int32_t n,
                            sl_error *err);
/// Brings the bulk's changes among the others, for who looks at single keys or passes over all.
sl_code sli_view_spread(sli_view *view, sl_error *err);
void sli_bulk_reset(sli_bulk *bulk);

// ---------------------------------------------------------------- ask.c

/// Asks the base for everything in view->asked: no entry is PUT, GONE or AGAIN afterwards.
sl_code sli_view_ask(sli_view *view, sl_error *err);

// Entries of sli_store_ops that are the same in every store.
sl_code sli_core_table(sli_store *self, const sli_table_info *info, sli_table **out, sl_error *err);
sl_code sli_core_begin(sli_store *self, sli_table *table, int64_t epoch, int32_t partition,
                       int32_t n_partitions, sli_state_view **out, sl_error *err);
sl_code sli_core_find(sli_state_view *view, uint64_t hash, sl_bytes key, sl_bytes *value,
                      bool *found, sl_error *err);
sl_code sli_core_put(sli_state_view *view, uint64_t hash, sl_bytes key, sl_bytes value,
                     sl_error *err);
sl_code sli_core_remove(sli_state_view *view, uint64_t hash, sl_bytes key, sl_error *err);
sl_code sli_core_each(sli_state_view *view, sli_state_fn each, void *ctx, sl_error *err);
sl_code sli_core_fetch(sli_state_view *view, const sli_state_key *keys, int32_t n, sl_error *err);
sl_code sli_core_oldest(sli_state_view *view, int32_t slot, sli_state_fn each, void *ctx,
                        sl_error *err);
sl_code sli_core_done(SL_TAKES sli_state_view *view, sl_error *err);
void sli_core_drop(SL_TAKES sli_state_view *view);
sl_code sli_core_complete(sli_store *self, int64_t epoch, sl_error *err);
void sli_core_fail(sli_store *self, int64_t epoch);
sl_code sli_core_dump(sli_store *self, sli_table *table, int32_t from_slot, int32_t to_slot,
                      sli_state_fn each, void *ctx, sl_error *err);
int64_t sli_core_keys(const sli_store *self, const sli_table *table);
int64_t sli_core_bytes(const sli_store *self);

// ---------------------------------------------------------------- load.c

sl_code sli_core_load(sli_store *self, sli_table *table, const sli_state_row *rows, int32_t n,
                      sl_error *err);
/// Adds rows to a base that is a map.
sl_code sli_map_load(const sli_table *table, sli_map *map, const sli_state_row *rows, int32_t n,
                     sl_error *err);

// ---------------------------------------------------------------- delta.c

sl_code sli_core_cut(sli_store *self, sli_changes **out, sl_error *err);
sl_code sli_core_apply(sli_store *self, sl_bytes delta, sl_error *err);
/// As apply, only slots [from, to) and only tables that are declared here.
sl_code sli_core_apply_part(sli_store *self, sl_bytes delta, int32_t from, int32_t to,
                            sl_error *err);
/// Columns of a part of a snapshot: "slot int32, KEYS, VALUES". (snapshot.c)
sl_code sli_state_part_schema(const sli_table_info *info, sl_schema **out, sl_error *err);
/// The table's name and columns are as somebody kept them; else SL_E_INCOMPATIBLE with both.
sl_code sli_state_table_check(const sli_table *table, sl_bytes kind, sl_bytes keys, sl_bytes values,
                              sl_error *err);
sli_table *sli_state_table_find(const sli_core *core, sl_bytes uid); ///< NULL when not declared

/// The entry that holds a row beside nothing else, for sli_base_ops.change; a long one's is `row`.
sl_code sli_entry_of(sli_str *row, int32_t slot, sl_bytes key, sl_bytes value, sli_change change,
                     sli_entry *out, sl_error *err);
