/// state.c — bare RocksDB doing what a state store does: reads the keys of a batch, changes them,
/// writes them in one batch without a log.
///
///     state [-k THOUSAND_KEYS] [-n BATCHES] [-m MEMORY_MIB] DIR
#include <rocksdb/c.h>

#include "perf/limit/state_rows.h"

enum { MANY = 512 }; ///< keys read by one call; 100 or 1000 make no difference

typedef struct store {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_readoptions_t *reading;
    rocksdb_writeoptions_t *writing;
    rocksdb_writebatch_t *batch;
    rocksdb_column_family_handle_t *rows; ///< the default column family
} store;

static void check(char *why)
{
    if (why != NULL) {
        limit_die("RocksDB: %s", why);
    }
}

/// As the engine's module sets it up: the same cache, buffers, blocks, filters and compression.
static store open_store(const state_plan *plan)
{
    store s = {.options = rocksdb_options_create()};
    char *why = NULL;
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_lru_cache_options_t *lru = rocksdb_lru_cache_options_create();
    rocksdb_lru_cache_options_set_capacity(lru, (size_t)plan->memory_bytes / 2);
    rocksdb_lru_cache_options_set_num_shard_bits(lru, 2);
    rocksdb_block_based_options_set_block_cache(table, rocksdb_cache_create_lru_opts(lru));
    rocksdb_block_based_options_set_block_size(table, 4 << 10);
    rocksdb_block_based_options_set_format_version(table, 5);
    rocksdb_block_based_options_set_filter_policy(table,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_index_type(
        table, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(table, 1);
    rocksdb_block_based_options_set_metadata_block_size(table, 4 << 10);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_options_set_block_based_table_factory(s.options, table);
    rocksdb_options_set_create_if_missing(s.options, 1);
    rocksdb_options_set_compression(s.options, rocksdb_lz4_compression);
    rocksdb_options_set_write_buffer_size(s.options, (size_t)plan->memory_bytes / 4);
    rocksdb_options_set_max_write_buffer_number(s.options, 2);
    rocksdb_options_set_target_file_size_base(s.options, 32 << 20);
    rocksdb_options_set_max_bytes_for_level_base(
        s.options, plan->memory_bytes * 4 < 64 << 20 ? (uint64_t)plan->memory_bytes * 4 : 64 << 20);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(s.options, 1);
    rocksdb_options_set_max_background_jobs(s.options, 2);
    const char *name = "default";
    const rocksdb_options_t *options = s.options;
    s.db = rocksdb_open_column_families(s.options, plan->dir, 1, &name, &options, &s.rows, &why);
    check(why);
    s.reading = rocksdb_readoptions_create();
    s.writing = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(s.writing, 1);
    s.batch = rocksdb_writebatch_create();
    return s;
}

typedef struct item {
    char key[STATE_KEY_BYTES];
    int64_t number;
} item;

static int by_key(const void *a, const void *b)
{
    return memcmp(((const item *)a)->key, ((const item *)b)->key, STATE_KEY_BYTES);
}

/// The value that the key gets: raised, or the first one. A state store has to know which, so new
/// keys are read, too.
static void change(store *s, rocksdb_pinnableslice_t *found, const item *at)
{
    char value[STATE_VALUE_BYTES];
    if (found == NULL) {
        state_value(at->number, value);
    } else {
        size_t size = 0;
        const char *bytes = rocksdb_pinnableslice_value(found, &size);
        if (size != sizeof value) {
            limit_die("a value of %zu bytes", size);
        }
        memcpy(value, bytes, size);
        rocksdb_pinnableslice_destroy(found);
        state_raise(value);
    }
    rocksdb_writebatch_put(s->batch, at->key, STATE_KEY_BYTES, value, sizeof value);
}

/// In the order of the keys, so that neighbours lie in one block and in one place of the memtable.
static void work(store *s, item *items, int64_t n)
{
    const char *keys[MANY];
    size_t sizes[MANY];
    rocksdb_pinnableslice_t *values[MANY];
    char *whys[MANY], *why = NULL;
    qsort(items, (size_t)n, sizeof *items, by_key);
    for (int64_t i = 0; i < n; i += MANY) {
        int64_t m = n - i < MANY ? n - i : MANY;
        for (int64_t j = 0; j < m; j++) {
            keys[j] = items[i + j].key;
            sizes[j] = STATE_KEY_BYTES;
        }
        rocksdb_batched_multi_get_cf(s->db, s->reading, s->rows, (size_t)m, keys, sizes, values,
                                     whys, true);
        for (int64_t j = 0; j < m; j++) {
            check(whys[j]);
            change(s, values[j], &items[i + j]);
        }
    }
    rocksdb_write(s->db, s->writing, s->batch, &why);
    check(why);
    rocksdb_writebatch_clear(s->batch);
}

static void load(store *s, const state_plan *plan, item *items)
{
    for (int64_t i = 0; i < plan->n_keys;) {
        int64_t n = 0;
        for (; n < STATE_BATCH && i < plan->n_keys; n++, i++) {
            items[n].number = i;
            state_key(i, items[n].key);
        }
        work(s, items, n);
    }
}

static void raise_keys(store *s, const state_plan *plan, item *items)
{
    uint64_t seed = STATE_SEED;
    for (int64_t b = 0; b < plan->n_batches; b++) {
        int64_t first = (int64_t)limit_below(&seed, (uint64_t)plan->n_keys);
        for (int64_t i = 0; i < STATE_BATCH; i++) {
            items[i].number = state_pick(plan, first, i);
            state_key(items[i].number, items[i].key);
        }
        work(s, items, STATE_BATCH);
    }
}

static int64_t sum_counts(store *s)
{
    int64_t sum = 0;
    rocksdb_iterator_t *at = rocksdb_create_iterator(s->db, s->reading);
    for (rocksdb_iter_seek_to_first(at); rocksdb_iter_valid(at); rocksdb_iter_next(at)) {
        size_t size;
        int64_t count;
        memcpy(&count, rocksdb_iter_value(at, &size), sizeof count);
        sum += count;
    }
    rocksdb_iter_destroy(at);
    return sum;
}

int main(int argc, char **argv)
{
    static item items[STATE_BATCH];
    state_plan plan = state_plan_of(argc, argv);
    store s = open_store(&plan);
    state_clock begun = state_now();
    load(&s, &plan, items);
    state_report("load", plan.n_keys, begun);
    begun = state_now();
    raise_keys(&s, &plan, items);
    state_report("raise", plan.n_batches * STATE_BATCH, begun);
    begun = state_now();
    int64_t sum = sum_counts(&s);
    state_report("pass", plan.n_keys, begun);
    state_report_end(sum, &plan);
    rocksdb_column_family_handle_destroy(s.rows);
    rocksdb_close(s.db);
    return 0;
}
