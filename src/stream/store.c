// The job's state store: which one it is, where its files lie, and how its base becomes part of a
// snapshot and comes back.
//
// A store in memory leaves snapshots to the compactor, which makes them from files alone. A store
// on disk gives its own files, and must be asked while its base is the state after a group: when
// the driver has closed the group, and before it completes another epoch (hold.c,
// state/disk/README.md). The first snapshot after a change from disk to memory is taken then too,
// as Arrow parts, since the compactor can't read another store's files.
#include "stream/engine_int.h"

#include <stdio.h>

// ---------------------------------------------------------------- where

/// work/GENERATION of the checkpoint; without one a directory of the process in TMPDIR.
static void work_dir(const sli_engine *engine, sli_str *out)
{
    if (engine->ckpt != NULL) {
        sli_ckpt_work_dir(engine->ckpt, out);
        return;
    }
    // Two engines of one process must not share it: the engine's address is unique while it lives,
    // and the name reaches no result.
    const char *temp = sli_env_variable(engine->world, "TMPDIR");
    sli_str_printf(out, "%s/sluice-%lld-%llx-state", temp == NULL ? "/tmp" : temp,
                   (long long)sli_env_pid(engine->world), (unsigned long long)(uintptr_t)engine);
}

static void kept_dir(const sli_engine *engine, int64_t group, sli_str *out)
{
    work_dir(engine, out);
    sli_str_printf(out, "/at-%09lld", (long long)group);
}

static sl_code remove_dir(const sli_engine *engine, const sli_str *path, sl_error *err)
{
    sli_fs *fs = NULL;
    SL_TRY(sli_str_check(path, "a directory's name", err));
    SL_TRY(sli_fs_open_local(&fs, engine->world, err));
    sl_code rc = fs->ops->remove(fs, path->data, err);
    fs->ops->close(fs);
    return rc;
}

void sli_state_forget(const sli_engine *engine, int64_t group)
{
    sli_str path = {.tag = SLI_TAG_STREAM};
    kept_dir(engine, group, &path);
    (void)!remove_dir(engine, &path, NULL); // scratch: the next start removes it
    sli_str_reset(&path);
}

// ---------------------------------------------------------------- opening

static const sli_store_ops *store_named(const char *name)
{
    const sli_store_ops *const *at = sli_stores;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at++;
    }
    return *at;
}

static int64_t memory_of(const sli_engine *engine)
{
    int64_t given = sl_conf_int64(engine->env.conf, "state.memory");
    return given > 0 ? given : sli_budget_limit(engine->env.runtime->budget) / 4;
}

static sl_code open_store(sli_engine *engine, const sli_store_ops *ops, const char *name,
                          sli_store **out, sl_error *err)
{
    sli_str dir = {.tag = SLI_TAG_STREAM};
    work_dir(engine, &dir);
    sli_str_printf(&dir, "/%s", name);
    sl_code rc = sli_str_check(&dir, "a directory's name", err);
    if (rc == SL_OK) {
        sli_state_env env = {
            .env = engine->world,
            .budget = engine->env.runtime->budget,
            .dir = dir.data,
            .modules = sl_conf_text(engine->env.conf, "modules"),
            .memory_bytes = memory_of(engine),
            .no_deltas = engine->ckpt == NULL,
        };
        rc = ops->open(out, &env, err);
    }
    sli_str_reset(&dir);
    return rc;
}

static void close_store(sli_engine *engine)
{
    if (engine->store != NULL) {
        engine->store->ops->close(engine->store);
        engine->store = NULL;
    }
}

/// Without a checkpoint state is gone with the process; Spark has none then.
static sl_code check_place(const sli_engine *engine, const sl_stream *node, sl_error *err)
{
    if (engine->ckpt != NULL || !engine->env.runtime->compat_spark || node->ops->restore != NULL) {
        return SL_OK; // Spark's models live on the driver
    }
    return sl_error_set(err, SL_E_CONFIG,
                        "the checkpoint directory has not been set: with compat=spark the state of "
                        "%s needs one",
                        node->uid);
}

sl_code sli_state_open(sli_engine *engine, sl_error *err)
{
    close_store(engine);
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        sl_stream *node = engine->graph->nodes[i];
        const sli_table_info *info = sli_node_state(node);
        if (info == NULL) {
            continue;
        }
        SL_TRY(check_place(engine, node, err));
        if (engine->store == NULL) {
            const sli_store_ops *ops = store_named(sl_conf_text(engine->env.conf, "state.store"));
            SL_TRY(open_store(engine, ops, "state", &engine->store, err));
        }
        SL_TRY(engine->store->ops->table(engine->store, info, &node->table, err));
        node->store = engine->store;
    }
    return SL_OK;
}

void sli_state_close(sli_engine *engine)
{
    sli_str dir = {.tag = SLI_TAG_STREAM};
    bool on_disk = engine->store != NULL && engine->store->ops->checkpoint != NULL;
    close_store(engine);
    work_dir(engine, &dir);
    if (on_disk) {
        (void)!remove_dir(engine, &dir, NULL); // scratch: the next start removes it
    }
    sli_str_reset(&dir);
}

sl_code sli_state_fits(const sli_engine *engine, sl_error *err)
{
    if (engine->store == NULL || engine->store->ops->checkpoint != NULL) {
        return SL_OK;
    }
    int64_t bytes = engine->store->ops->bytes(engine->store),
            limit = sli_budget_limit(engine->env.runtime->budget);
    if (bytes <= limit) {
        return SL_OK;
    }
    sl_code rc = sl_error_set(err, SL_E_NO_SPACE,
                              "keyed state takes %lld bytes of memory, and memory=%lld: give the "
                              "job more, or keep its state in files with state.store=rocksdb",
                              (long long)bytes, (long long)limit);
    (void)sl_error_act(err, SL_ACT_STOP_JOB); // the next epoch's state is no smaller
    return rc;
}

// ---------------------------------------------------------------- keeping the state after a group

const char *sli_state_files(const sli_engine *engine)
{
    return engine->store != NULL && engine->store->ops->checkpoint != NULL
               ? engine->store->ops->name
               : "";
}

bool sli_state_must_keep(const sli_engine *engine)
{
    return engine->store != NULL &&
           (engine->store->ops->checkpoint != NULL || engine->snapshot_is_foreign);
}

static sl_code write_part(sli_engine *engine, const sl_stream *node, int32_t part, const char *dir,
                          sl_error *err)
{
    sli_str bytes = {.tag = SLI_TAG_STREAM}, path = {.tag = SLI_TAG_STREAM};
    sli_file *file = NULL;
    sli_str_printf(&path, "%s/part-%02d.arrow", dir, part);
    sl_code rc = sli_str_check(&path, "a file's name", err);
    if (rc == SL_OK) {
        rc = sli_state_snapshot_part(engine->store, node->table, sli_node_state(node), part, &bytes,
                                     err);
    }
    if (rc == SL_OK && bytes.size > 0) {
        rc = sli_file_open(engine->world, path.data, SLI_CREATE, &file, err);
    }
    if (rc == SL_OK && bytes.size > 0) {
        rc = sli_file_write(file, bytes.data, bytes.size, err);
    }
    sli_file_close(&file);
    sli_str_reset(&bytes);
    sli_str_reset(&path);
    return rc;
}

/// One table as Arrow parts in a directory named after it.
static sl_code write_table(sli_engine *engine, const sl_stream *node, const char *kept,
                           sl_error *err)
{
    sli_str dir = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&dir, "%s/%s", kept, node->uid);
    sl_code rc = sli_str_check(&dir, "a directory's name", err);
    if (rc == SL_OK) {
        rc = sli_env_mkdirs(engine->world, dir.data, err);
    }
    for (int32_t part = 0; rc == SL_OK && part < SLI_SNAPSHOT_PARTS; part++) {
        rc = write_part(engine, node, part, dir.data, err);
    }
    sli_str_reset(&dir);
    return rc;
}

static sl_code keep_files(sli_engine *engine, const char *kept, sl_error *err)
{
    sli_str dir = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&dir, "%s/state.%s", kept, engine->store->ops->name);
    sl_code rc = sli_str_check(&dir, "a directory's name", err);
    if (rc == SL_OK) {
        rc = engine->store->ops->checkpoint(engine->store, dir.data, err);
    }
    sli_str_reset(&dir);
    return rc;
}

static sl_code keep_tables(sli_engine *engine, const char *kept, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        const sl_stream *node = engine->graph->nodes[i];
        if (sli_node_state(node) != NULL) {
            SL_TRY(write_table(engine, node, kept, err));
        }
    }
    return SL_OK;
}

sl_code sli_state_keep(sli_engine *engine, int64_t group, sl_error *err)
{
    sli_str dir = {.tag = SLI_TAG_STREAM};
    kept_dir(engine, group, &dir);
    sl_code rc = sli_str_check(&dir, "a directory's name", err);
    if (rc == SL_OK) {
        rc = sli_env_mkdirs(engine->world, dir.data, err);
    }
    if (rc == SL_OK) {
        rc = engine->store->ops->checkpoint != NULL ? keep_files(engine, dir.data, err)
                                                    : keep_tables(engine, dir.data, err);
    }
    if (rc != SL_OK) {
        (void)!remove_dir(engine, &dir, NULL); // the first failure is told
    }
    sli_str_reset(&dir);
    return sl_error_wrap(err, rc, "state after group %lld", (long long)group);
}

typedef struct adopting {
    sli_snapshot *snapshot;
    const char *kept;
    int64_t previous, bytes;
} adopting;

static sl_code adopt_dir(void *ctx, const char *name, sl_error *err)
{
    adopting *a = ctx;
    sli_str path = {.tag = SLI_TAG_STREAM};
    int64_t bytes = 0;
    sli_str_printf(&path, "%s/%s", a->kept, name);
    sl_code rc = sli_str_check(&path, "a directory's name", err);
    if (rc == SL_OK) {
        rc = sli_snapshot_adopt(a->snapshot, name, path.data, a->previous, &bytes, err);
    }
    a->bytes += bytes;
    sli_str_reset(&path);
    return rc;
}

sl_code sli_state_adopt(const sli_engine *engine, sli_snapshot *snapshot, int64_t group,
                        int64_t previous, int64_t *bytes, sl_error *err)
{
    sli_str dir = {.tag = SLI_TAG_STREAM};
    kept_dir(engine, group, &dir);
    adopting a = {.snapshot = snapshot, .kept = dir.data, .previous = previous};
    sl_code rc = sli_str_check(&dir, "a directory's name", err);
    if (rc == SL_OK) {
        rc = sli_env_list(engine->world, dir.data, adopt_dir, &a, err);
    }
    *bytes = a.bytes;
    sli_str_reset(&dir);
    return rc;
}

// ---------------------------------------------------------------- coming back

typedef struct moving {
    sli_store *to;
    sli_table *table;
} moving;

static sl_code move_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    const moving *m = ctx;
    return m->to->ops->load(m->to, m->table, &(sli_state_row){slot, key, value}, 1, err);
}

/// Declares the job's tables in `from` too, lets it take the files over, and moves all keys.
static sl_code move_tables(sli_engine *engine, sli_store *from, const char *files, sl_error *err)
{
    int32_t n = engine->graph->n_nodes;
    sli_table **tables = sl_arena_alloc_zero(engine->job_arena, (size_t)n * sizeof *tables);
    if (tables == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *tables, "tables");
    }
    for (int32_t i = 0; i < n; i++) {
        const sli_table_info *info = sli_node_state(engine->graph->nodes[i]);
        SL_TRY(info == NULL ? SL_OK : from->ops->table(from, info, &tables[i], err));
    }
    SL_TRY(from->ops->restore(from, files, err));
    for (int32_t i = 0; i < n; i++) {
        moving m = {engine->store, engine->graph->nodes[i]->table};
        SL_TRY(tables[i] == NULL
                   ? SL_OK
                   : from->ops->dump(from, tables[i], 0, SLI_SLOTS, move_row, &m, err));
    }
    return SL_OK;
}

static sl_code restore_from(sli_engine *engine, const sli_store_ops *writer, const char *files,
                            sl_error *err)
{
    if (engine->store->ops == writer) {
        return writer->restore(engine->store, files, err);
    }
    sli_store *from = NULL;
    SLI_LOG(engine->log, SLI_INFO, "stream",
            "the snapshot is of the state store %s: its keys are moved to %s", writer->name,
            engine->store->ops->name);
    SL_TRY(open_store(engine, writer, "from", &from, err));
    sl_code rc = move_tables(engine, from, files, err);
    from->ops->close(from);
    engine->snapshot_is_foreign = true;
    return rc;
}

sl_code sli_state_restore(sli_engine *engine, int64_t group, const char *writer, sl_error *err)
{
    const sli_store_ops *ops = store_named(writer);
    char name[80];
    if (ops == NULL || ops->restore == NULL || strlen(writer) > 64) {
        return sl_error_set(
            err, SL_E_INCOMPATIBLE,
            "snapshot of group %lld was written by the state store \"%.64s\", which "
            "this Sluice does not have",
            (long long)group, writer);
    }
    if (engine->store == NULL) {
        return SL_OK; // the job has no state any more
    }
    sli_str files = {.tag = SLI_TAG_STREAM};
    (void)snprintf(name, sizeof name, "state.%s", writer);
    sli_snapshot_path(engine->ckpt, group, name, &files);
    sl_code rc = sli_str_check(&files, "a directory's name", err);
    if (rc == SL_OK) {
        rc = restore_from(engine, ops, files.data, err);
    }
    sli_str_reset(&files);
    return sl_error_wrap(err, rc, "snapshot of group %lld", (long long)group);
}
