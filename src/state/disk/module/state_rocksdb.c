// The module state_rocksdb: RocksDB behind kv.h, through its C interface.
//
// Nothing of libsluice is called from here (env/module.h). There is no write-ahead log and no sync
// of our own: the files are scratch, and RocksDB syncs those a checkpoint links.
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/module.h"
#include "state/disk/kv.h"

struct sli_kv {
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *reading;
    rocksdb_writeoptions_t *writing;
    rocksdb_writebatch_t *batch;
    rocksdb_column_family_handle_t *rows; ///< the one column family: reading many keys asks for it
};

enum {
    BLOCK_BYTES = 4 << 10,  ///< what a look-up reads and unpacks
    FILE_BYTES = 32 << 20,  ///< largest file: what a small change makes again at most, a level
    LEVEL_BYTES = 64 << 20, ///< of the first level that is sorted as a whole, at most
    LEVEL_BUFFERS = 16,     ///< of that level too: it is written again for every few buffers
    SHARD_BITS = 2,         ///< of the cache, for a few workers at once
    FILTER_BITS = 10,       ///< a key: one look-up of a hundred for a missing key reads a block
    LOG_BYTES = 1 << 20,
    LOG_WARN = 2,
    MANY = 512, ///< keys that are read together
};

// ---------------------------------------------------------------- errors

static sl_code fail(sl_error *err, sl_code code, const char *what, const char *why)
{
    if (err != NULL) {
        *err = (sl_error){.code = code};
        (void)snprintf(err->text, sizeof err->text, "RocksDB: %s: %s", what, why);
    }
    return code;
}

/// RocksDB tells a failure's class by the first words of its text.
static sl_code code_of(const char *why)
{
    if (strstr(why, "No space left") != NULL || strstr(why, "Disk quota") != NULL ||
        strstr(why, "Space limit reached") != NULL) {
        return SL_E_NO_SPACE;
    }
    return strncmp(why, "Corruption", 10) == 0 ? SL_E_CORRUPT : SL_E_IO;
}

/// Takes the text that RocksDB allocated; NULL: all is well.
static sl_code verdict(char *why, const char *what, sl_error *err)
{
    if (why == NULL) {
        return SL_OK;
    }
    sl_code rc = fail(err, code_of(why), what, why);
    rocksdb_free(why);
    return rc;
}

// ---------------------------------------------------------------- opening

static void set_table(sli_kv *kv, const sli_kv_conf *conf)
{
    rocksdb_lru_cache_options_t *lru = rocksdb_lru_cache_options_create();
    rocksdb_lru_cache_options_set_capacity(lru, (size_t)conf->cache_bytes);
    rocksdb_lru_cache_options_set_num_shard_bits(lru, SHARD_BITS);
    kv->cache = rocksdb_cache_create_lru_opts(lru);
    rocksdb_lru_cache_options_destroy(lru);
    kv->table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(kv->table, kv->cache);
    rocksdb_block_based_options_set_block_size(kv->table, BLOCK_BYTES);
    rocksdb_block_based_options_set_format_version(kv->table, 5);
    rocksdb_block_based_options_set_filter_policy(
        kv->table, rocksdb_filterpolicy_create_bloom_full(FILTER_BITS));
    // Indexes and filters are in the cache too: else they grow with the state, outside any budget.
    // In parts of a block's size: a whole file's filter would drive everything out of a small
    // cache.
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(kv->table, 1);
    rocksdb_block_based_options_set_index_type(
        kv->table, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(kv->table, 1);
    rocksdb_block_based_options_set_metadata_block_size(kv->table, BLOCK_BYTES);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(kv->table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(kv->table, 1);
    rocksdb_options_set_block_based_table_factory(kv->options, kv->table);
}

/// Of the first level: with small buffers a large one would be written again and again.
static uint64_t level_bytes(uint64_t buffer_bytes)
{
    uint64_t bytes = buffer_bytes * LEVEL_BUFFERS;
    return bytes < LEVEL_BYTES ? bytes : LEVEL_BYTES;
}

static void set_options(sli_kv *kv, const sli_kv_conf *conf)
{
    rocksdb_options_t *options = kv->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    size_t buffer_bytes = (size_t)conf->write_bytes / 2;
    rocksdb_options_set_write_buffer_size(options, buffer_bytes);
    rocksdb_options_set_max_write_buffer_number(options, 2);
    rocksdb_options_set_target_file_size_base(options, FILE_BYTES);
    rocksdb_options_set_max_bytes_for_level_base(options, level_bytes(buffer_bytes));
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_info_log_level(options, LOG_WARN);
    rocksdb_options_set_keep_log_file_num(options, 1);
    rocksdb_options_set_max_log_file_size(options, LOG_BYTES);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    set_table(kv, conf);
    kv->reading = rocksdb_readoptions_create();
    kv->writing = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(kv->writing, 1);
    kv->batch = rocksdb_writebatch_create();
}

static void kv_close(sli_kv *kv)
{
    if (kv == NULL) {
        return;
    }
    if (kv->db != NULL) {
        rocksdb_cancel_all_background_work(kv->db, 1);
        rocksdb_column_family_handle_destroy(kv->rows);
        rocksdb_close(kv->db);
    }
    rocksdb_writebatch_destroy(kv->batch);
    rocksdb_writeoptions_destroy(kv->writing);
    rocksdb_readoptions_destroy(kv->reading);
    rocksdb_options_destroy(kv->options);
    rocksdb_block_based_options_destroy(kv->table);
    rocksdb_cache_destroy(kv->cache);
    free(kv);
}

static sl_code kv_open(sli_kv **out, const sli_kv_conf *conf, sl_error *err)
{
    sli_kv *kv = calloc(1, sizeof *kv);
    char *why = NULL;
    if (kv == NULL) {
        return fail(err, SL_E_NOMEM, conf->dir, "no memory");
    }
    set_options(kv, conf);
    const char *name = "default";
    const rocksdb_options_t *options = kv->options;
    // All files stay open (max_open_files is -1), so their names may go. Read only, RocksDB writes
    // no log of its own and takes no lock.
    kv->db = conf->read_only ? rocksdb_open_for_read_only_column_families(
                                   kv->options, conf->dir, 1, &name, &options, &kv->rows, 0, &why)
                             : rocksdb_open_column_families(kv->options, conf->dir, 1, &name,
                                                            &options, &kv->rows, &why);
    sl_code rc = verdict(why, conf->dir, err);
    if (rc != SL_OK) {
        kv_close(kv);
        return rc;
    }
    *out = kv;
    return SL_OK;
}

// ---------------------------------------------------------------- reading

static sl_code kv_get(sli_kv *kv, sl_bytes key, sl_bytes *value, void **held, sl_error *err)
{
    char *why = NULL;
    rocksdb_pinnableslice_t *found =
        rocksdb_get_pinned(kv->db, kv->reading, key.data, key.size, &why);
    SL_TRY(verdict(why, "get", err));
    *held = found;
    if (found != NULL) {
        value->data = rocksdb_pinnableslice_value(found, &value->size);
    }
    return SL_OK;
}

static void kv_release(void *held)
{
    if (held != NULL) {
        rocksdb_pinnableslice_destroy(held);
    }
}

/// One of the keys that were read together; its value and error are released in any case.
static sl_code give(rocksdb_pinnableslice_t *found, char *why, int32_t i, sli_kv_many_fn each,
                    void *ctx, bool wanted, sl_error *err)
{
    sl_bytes value = {NULL, 0};
    sl_code rc = verdict(why, "get", wanted ? err : NULL);
    if (found != NULL) {
        value.data = rocksdb_pinnableslice_value(found, &value.size);
    }
    if (rc == SL_OK && wanted) {
        rc = each(ctx, i, found == NULL ? NULL : &value, err);
    }
    if (found != NULL) {
        rocksdb_pinnableslice_destroy(found);
    }
    return rc;
}

static sl_code kv_get_many(sli_kv *kv, const sl_bytes *keys, int32_t n, sli_kv_many_fn each,
                           void *ctx, sl_error *err)
{
    const char *names[MANY];
    size_t sizes[MANY];
    rocksdb_pinnableslice_t *values[MANY];
    char *whys[MANY];
    sl_code rc = SL_OK;
    for (int32_t from = 0; from < n && rc == SL_OK; from += MANY) {
        int32_t m = n - from < MANY ? n - from : MANY;
        for (int32_t i = 0; i < m; i++) {
            names[i] = keys[from + i].data;
            sizes[i] = keys[from + i].size;
        }
        rocksdb_batched_multi_get_cf(kv->db, kv->reading, kv->rows, (size_t)m, names, sizes, values,
                                     whys, true);
        for (int32_t i = 0; i < m; i++) {
            sl_code one = give(values[i], whys[i], from + i, each, ctx, rc == SL_OK, err);
            rc = rc == SL_OK ? one : rc;
        }
    }
    return rc;
}

static sl_code walk(rocksdb_iterator_t *at, sli_kv_fn each, void *ctx, sl_error *err)
{
    for (; rocksdb_iter_valid(at); rocksdb_iter_next(at)) {
        sl_bytes key, value;
        key.data = rocksdb_iter_key(at, &key.size);
        value.data = rocksdb_iter_value(at, &value.size);
        SL_TRY(each(ctx, key, value, err));
    }
    char *why = NULL;
    rocksdb_iter_get_error(at, &why);
    return verdict(why, "scan", err);
}

static sl_code kv_scan(sli_kv *kv, sl_bytes from, sl_bytes to, sli_kv_fn each, void *ctx,
                       sl_error *err)
{
    rocksdb_readoptions_t *reading = rocksdb_readoptions_create();
    rocksdb_readoptions_set_iterate_upper_bound(reading, to.data, to.size);
    rocksdb_readoptions_set_fill_cache(reading, 0); // it would drive out what look-ups need
    rocksdb_iterator_t *at = rocksdb_create_iterator(kv->db, reading);
    rocksdb_iter_seek(at, from.data, from.size);
    sl_code rc = walk(at, each, ctx, err);
    rocksdb_iter_destroy(at);
    rocksdb_readoptions_destroy(reading);
    return rc;
}

// ---------------------------------------------------------------- writing

static void kv_put(sli_kv *kv, sl_bytes key, sl_bytes value)
{
    rocksdb_writebatch_put(kv->batch, key.data, key.size, value.data, value.size);
}

static void kv_remove(sli_kv *kv, sl_bytes key)
{
    rocksdb_writebatch_delete(kv->batch, key.data, key.size);
}

static void kv_remove_range(sli_kv *kv, sl_bytes from, sl_bytes to)
{
    rocksdb_writebatch_delete_range(kv->batch, from.data, from.size, to.data, to.size);
}

static sl_code kv_write(sli_kv *kv, sl_error *err)
{
    char *why = NULL;
    rocksdb_write(kv->db, kv->writing, kv->batch, &why);
    rocksdb_writebatch_clear(kv->batch);
    return verdict(why, "write", err);
}

static sl_code kv_checkpoint(sli_kv *kv, const char *dir, sl_error *err)
{
    char *why = NULL;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(kv->db, &why);
    SL_TRY(verdict(why, dir, err));
    rocksdb_checkpoint_create(checkpoint, dir, 0, &why);
    rocksdb_checkpoint_object_destroy(checkpoint);
    return verdict(why, dir, err);
}

static const sli_kv_ops ops = {
    .struct_size = sizeof ops,
    .open = kv_open,
    .get = kv_get,
    .release = kv_release,
    .get_many = kv_get_many,
    .scan = kv_scan,
    .put = kv_put,
    .remove = kv_remove,
    .remove_range = kv_remove_range,
    .write = kv_write,
    .checkpoint = kv_checkpoint,
    .close = kv_close,
};

static const sli_module module = {
    .struct_size = sizeof module,
    .name = "state_rocksdb",
    .needs = "RocksDB " SL_LIBRARY_VERSION,
    .abi = SLI_KV_ABI,
    .table = &ops,
};

extern __attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void);

const sli_module *SLI_MODULE_ENTRY(void)
{
    return &module;
}
