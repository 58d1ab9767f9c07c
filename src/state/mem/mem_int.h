/// mem_int.h — the memory store's inside.
#pragma once

#include "base/lock.h"
#include "state/mem/map.h"

typedef struct sli_mem_view {
    sli_state_view base;
    sli_table *table;
    int64_t epoch;
    int32_t partition, n_partitions;
    sli_map changes;
    struct sli_mem_view *next; ///< done views of the running epoch, by partition
} sli_mem_view;

struct sli_table {
    struct sli_table *next;
    char *uid, *kind;
    sl_schema *keys, *values;
    sli_map rows;       ///< the base
    sli_map pending;    ///< changes since the last delta
    sli_mem_view *done; ///< under the store's mutex while tasks run
};

typedef struct sli_mem_store {
    sli_store base;
    sli_budget *budget; ///< may be NULL
    int64_t counted;    ///< bytes reserved in the budget
    sli_table *tables, **tables_tail;
    sli_mutex mutex; ///< `done` lists
} sli_mem_store;

/// Bytes that are counted for a map.
int64_t sli_map_footprint(const sli_map *map);
/// Puts one change into a map of changes on top of what it has. See README: how changes compose.
sl_code sli_changes_fold(sli_map *into, const sli_entry *change, sl_error *err);
/// Applies one change to rows.
sl_code sli_rows_apply(sli_map *rows, const sli_entry *change, sl_error *err);
sl_code sli_mem_delta(sli_store *self, sli_str *out, sl_error *err);
sl_code sli_mem_apply(sli_store *self, sl_bytes delta, sl_error *err);
/// As apply, only slots [from, to) and only tables that are declared here.
sl_code sli_mem_apply_part(sli_store *self, sl_bytes delta, int32_t from, int32_t to,
                           sl_error *err);
void sli_mem_recount(sli_mem_store *store);
