// table.c — a file, or the files of a directory, as they are now: a static table, one split a file.
#include "fs/hdfs/hdfs.h"
#include "source/file/file_int.h"
#include "source/static.h"

typedef struct table {
    sli_files files;
    sli_file_list list;
} table;

static const sl_option options[] = {SLI_FILES_OPTIONS, {0}};
static const sl_option hdfs_options[] = {SLI_FILES_OPTIONS, SLI_HDFS_OPTIONS, {0}};

static void table_close(sli_source *source)
{
    table *self = (table *)source;
    sli_file_list_reset(&self->list);
    sli_files_free(&self->files);
}

static sl_code open_as(const sli_source_ops *ops, sli_source **out, const sli_url *url,
                       const sl_conf *conf, const sli_source_env *env, sl_error *err)
{
    sli_files *files = NULL;
    SL_TRY(sli_static_refuse_letters(conf, err));
    SL_TRY(sli_files_alloc(&files, sizeof(table), ops, url, conf, env, err));
    *out = &files->common.base;
    return SL_OK;
}

static sl_code table_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    return open_as(&sli_source_table, out, url, conf, env, err);
}

static sl_code hdfs_table_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                               const sli_source_env *env, sl_error *err)
{
    return open_as(&sli_source_hdfs_table, out, url, conf, env, err);
}

/// The file itself, or what is in the directory.
static sl_code look(table *self, sli_file_item *itself, bool *is_dir, sl_error *err)
{
    sli_fs_entry entry = {0};
    sli_files *files = &self->files;
    SL_TRY(files->fs->ops->stat(files->fs, files->dir, &entry, err));
    *is_dir = entry.is_dir;
    *itself =
        (sli_file_item){.name = "",
                        .size_bytes = entry.size_bytes,
                        .modified_us = entry.modified_us,
                        .identity = entry.identity,
                        .whole = sli_file_codec(files->filter.compression, files->dir) != NULL};
    return entry.is_dir
               ? sli_file_list_read(&self->list, files->fs, files->dir, &files->filter, NULL, err)
               : SL_OK;
}

static sl_code table_offer(sli_source *source, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                           sl_error *err)
{
    table *self = (table *)source;
    sli_file_item itself;
    bool is_dir = false;
    sl_code rc = look(self, &itself, &is_dir, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "table %s", self->files.dir);
    }
    int64_t n = is_dir ? self->list.n : 1;
    if (n > SLI_FILE_MAX_SPLITS) {
        return sl_error_set(err, SL_E_INVALID, "table %s: %lld files; at most %d", self->files.dir,
                            (long long)n, SLI_FILE_MAX_SPLITS);
    }
    const sli_file_item **items = sl_arena_alloc(arena, (size_t)n * sizeof *items);
    if (items == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *items, "a table's files");
    }
    sli_offer offer = {.n_splits = (int32_t)n, .rows = -1};
    for (int64_t i = 0; i < n; i++) {
        items[i] = is_dir ? &self->list.items[i] : &itself;
        offer.bytes += items[i]->size_bytes;
    }
    if (n > 0) {
        sli_file_range like = {.time_us = ask->batch_time_us};
        SL_TRY(sli_file_range_put(&like, items, n, arena, &offer.range, err));
    }
    *out = offer;
    return SL_OK;
}

/// What a table is read by, wherever it is.
#define TABLE_ENTRIES                                                                              \
    .kind = SLI_SOURCE_REPLAYABLE, .formatted = true, .whole_files = true,                         \
    .schema = sli_source_common_schema, .restore = sli_static_restore,                             \
    .accept = sli_static_accept, .offer = table_offer, .position = sli_static_position,            \
    .splits = sli_files_splits, .read = sli_files_read, .describe = sli_files_describe,            \
    .close = table_close

const sli_source_ops sli_source_table = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "file",
    .text = "A file or the files of a directory, as they are now",
    .options = options,
    .open = table_open,
    TABLE_ENTRIES,
};

const sli_source_ops sli_source_hdfs_table = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "hdfs",
    .text = "A file of HDFS or the files of a directory, as they are now",
    .options = hdfs_options,
    .open = hdfs_table_open,
    TABLE_ENTRIES,
};
