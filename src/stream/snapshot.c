// Snapshots: the state after a group, made in the background from files alone.
//
// The compactor reads the newest snapshot and the deltas after it, and writes the next snapshot, a
// 16th of each table at a time; it never looks at the live state, so nothing is copied or locked.
// Source positions are taken by the driver when the group is closed, because only then they are
// those of that group. The base of a store on disk is held from then on (hold.c), until the
// compactor has its files: it has nothing to compact then, and makes those files the snapshot.
//
// Sections: "meta" (group, epoch, batch time, store) · "sources" (uid, position)* · "accumulators"
// (as sli_accs_put, when there are some) · ".windows" (what each holds, and in which files) ·
// "UID/part-NN.arrow" per table, or "state.STORE/" with the store's files.
#include "stream/engine_int.h"

#include <stdio.h>

struct sli_compaction {
    sli_engine *engine;
    sli_snapshot *snapshot;
    int64_t group, epoch, time_us, previous;
    sli_str positions, counted, windows;
    char **paths; ///< deltas after `previous`, up to `group`
    int32_t n_paths;
    bool kept;         ///< the state was kept when the group was closed
    const char *files; ///< of which store; "" for Arrow parts
    int64_t bytes;     ///< what it cost: of all sections that are new
    int64_t begun_us, done_us;
    sl_code rc;
    sl_error error;
};

// ---------------------------------------------------------------- deltas that no snapshot covers

sl_code sli_delta_remember(sli_engine *engine, int64_t group, const char *path, int64_t bytes,
                           sl_error *err)
{
    if (engine->n_deltas == engine->delta_capacity) {
        int32_t capacity = engine->delta_capacity == 0 ? 64 : engine->delta_capacity * 2;
        sli_delta_ref *more =
            sl_realloc(SLI_TAG_STREAM, engine->deltas, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "the list of deltas");
        }
        engine->deltas = more;
        engine->delta_capacity = capacity;
    }
    char *copy = sl_strdup(SLI_TAG_STREAM, path);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(path), "a delta's path");
    }
    engine->deltas[engine->n_deltas++] = (sli_delta_ref){group, copy, bytes};
    engine->delta_bytes += bytes;
    return SL_OK;
}

void sli_deltas_forget(sli_engine *engine, int64_t group)
{
    int32_t n = 0;
    while (n < engine->n_deltas && engine->deltas[n].group <= group) {
        engine->delta_bytes -= engine->deltas[n].bytes;
        sl_free(engine->deltas[n].path);
        n++;
    }
    if (n > 0) {
        memmove(engine->deltas, engine->deltas + n,
                (size_t)(engine->n_deltas - n) * sizeof *engine->deltas);
        engine->n_deltas -= n;
    }
}

/// One at a time, from the closing of its group on.
static bool is_under_way(const sli_engine *engine)
{
    bool found = engine->compaction != NULL;
    for (const sli_group *group = engine->pending; group != NULL && !found; group = group->next) {
        found = group->snapshot_due;
    }
    return found;
}

/// After one that its file system did not take.
static bool is_paused(const sli_engine *engine)
{
    return engine->snapshot_wait.began &&
           sli_env_mono_us(engine->world) < engine->snapshot_wait.until_us;
}

/// Not when an epoch has failed or was given up: then positions are past its input, and where its
/// plan is not on record a snapshot would skip that for good.
static bool is_due(const sli_engine *engine)
{
    bool has_failed = (engine->failure.code != SL_OK || engine->gave_up) &&
                      !sli_env_bug(engine->world, "snapshot-after-failure");
    if (engine->n_deltas == 0 || is_under_way(engine) || has_failed || is_paused(engine)) {
        return false;
    }
    int64_t enough = engine->snapshot_bytes / 2 > engine->snapshot_every_bytes
                         ? engine->snapshot_bytes / 2
                         : engine->snapshot_every_bytes;
    return engine->delta_bytes >= enough || engine->n_deltas >= engine->snapshot_every_groups;
}

static sl_code put_positions(sli_engine *engine, sli_str *out, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_source *source = engine->inputs[i].source;
        sli_str position = {.tag = SLI_TAG_STREAM};
        sl_code rc = source->ops->position(source, &position, err);
        if (rc == SL_OK) {
            sli_put_text(out, engine->inputs[i].node->uid);
            sli_put_bytes(out, position.data, position.size);
        }
        sli_str_reset(&position);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "position of source %s", engine->inputs[i].node->uid);
        }
    }
    return sli_str_check(out, "positions", err);
}

// ---------------------------------------------------------------- one that waits

/// Where snapshots lie elsewhere, that file system may be away for long. Nothing is lost by it: the
/// deltas stay, and log and commits go on until the log is full. It is asked again with a later
/// snapshot, after as long as this one took, so that at most half the time goes into tries.
static void wait_longer(sli_engine *engine, int64_t took_us, const sl_error *why)
{
    enum { LEAST_US = 1000000, MOST_US = 60000000 };
    sli_snapshot_wait *wait = &engine->snapshot_wait;
    int64_t now = sli_env_mono_us(engine->world);
    int64_t pause = took_us < LEAST_US ? LEAST_US : took_us < MOST_US ? took_us : MOST_US;
    if (!wait->began) {
        wait->began = true;
        wait->since_us = now;
        SLI_LOG(engine->log, SLI_WARN, "stream",
                "snapshots wait for %s: %s; epochs go on, and the epoch log keeps up to 128 MiB "
                "of them meanwhile",
                sli_ckpt_snapshots(engine->ckpt), why->text);
    }
    wait->until_us = now + pause;
}

static void wait_is_over(sli_engine *engine, int64_t group)
{
    const sli_snapshot_wait *wait = &engine->snapshot_wait;
    if (wait->began) {
        SLI_LOG(engine->log, SLI_WARN, "stream",
                "snapshots go on with the one of group %lld, after %lld ms", (long long)group,
                (long long)((sli_env_mono_us(engine->world) - wait->since_us) / 1000));
    }
    engine->snapshot_wait = (sli_snapshot_wait){0};
}

/// A snapshot that could not be written for lack of room is no reason to stop: the deltas stay, and
/// it is tried again.
static sl_code put_off(sli_engine *engine, int64_t group, int64_t took_us, sl_code rc,
                       const sl_error *why)
{
    if (rc != SL_OK && rc != SL_E_NOMEM && sli_ckpt_snapshots(engine->ckpt) != NULL &&
        sl_error_action(why) == SL_ACT_RETRY_TASK) {
        wait_longer(engine, took_us, why);
        return SL_OK;
    }
    if (rc != SL_E_NO_SPACE && rc != SL_E_NOMEM) {
        return rc;
    }
    SLI_LOG(engine->log, SLI_WARN, "stream", "snapshot of group %lld is put off: %s",
            (long long)group, why->text);
    return SL_OK;
}

sl_code sli_snapshot_prepare(sli_engine *engine, sli_group *group, sl_error *err)
{
    if (!is_due(engine)) {
        return SL_OK;
    }
    SL_TRY(put_positions(engine, &group->positions, err));
    SL_TRY(engine->accs == NULL ? SL_OK
                                : sli_accs_put(engine->accs, true, &group->all_counted, err));
    group->snapshot_due = true;
    return sli_state_must_keep(engine) ? sli_hold_begin(engine, group->number, err) : SL_OK;
}

// ---------------------------------------------------------------- the compactor

static void unref_all(sli_buffer **buffers, int32_t n)
{
    for (int32_t i = 0; i < n && buffers != NULL; i++) {
        sli_buffer_unref(buffers[i]);
    }
    sl_free(buffers);
}

static sl_code read_deltas(sli_compaction *c, sli_buffer **buffers, sl_bytes *deltas, sl_error *err)
{
    for (int32_t i = 0; i < c->n_paths; i++) {
        SL_TRY(sli_ckpt_get(c->engine->ckpt, c->paths[i], &buffers[i], err));
        deltas[i] = (sl_bytes){sli_buffer_bytes(buffers[i]), (size_t)sli_buffer_size(buffers[i])};
    }
    return SL_OK;
}

static sl_code compact_part(sli_compaction *c, const sli_table_info *info, const sl_bytes *deltas,
                            int32_t part, sl_error *err)
{
    char name[256];
    sli_buffer *old = NULL;
    (void)snprintf(name, sizeof name, "%s/part-%02d.arrow", info->uid, part);
    if (c->previous > 0) {
        sl_code rc = sli_snapshot_read(c->engine->ckpt, c->previous, name, &old, err);
        if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
            return rc;
        }
    }
    sli_str bytes = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_state_compact_part(info, old, deltas, c->n_paths, part, &bytes, err);
    if (rc == SL_OK && bytes.size > 0) {
        c->bytes += (int64_t)bytes.size;
        rc = sli_snapshot_add(c->snapshot, name, (sl_bytes){bytes.data, bytes.size}, err);
    }
    sli_str_reset(&bytes);
    sli_buffer_unref(old);
    return rc;
}

static sl_code compact_tables(sli_compaction *c, const sl_bytes *deltas, sl_error *err)
{
    for (int32_t i = 0; i < c->engine->graph->n_nodes; i++) {
        const sli_table_info *info = sli_node_state(c->engine->graph->nodes[i]);
        for (int32_t part = 0; info != NULL && part < SLI_SNAPSHOT_PARTS; part++) {
            sl_code rc = compact_part(c, info, deltas, part, err);
            if (rc != SL_OK) {
                return sl_error_wrap(err, rc, "snapshot of %s", info->uid);
            }
        }
    }
    return SL_OK;
}

static sl_code add_meta(sli_compaction *c, sl_error *err)
{
    sli_str meta = {.tag = SLI_TAG_STREAM};
    // Format 1 knows no stores' files: who reads only that must not take them for no state.
    sli_put_u8(&meta, c->files[0] == '\0' ? 1 : 2);
    sli_put_i64(&meta, c->group);
    sli_put_i64(&meta, c->epoch);
    sli_put_i64(&meta, c->time_us);
    if (c->files[0] != '\0') {
        sli_put_text(&meta, c->files);
    }
    sl_code rc = sli_str_check(&meta, "a snapshot's meta section", err);
    if (rc == SL_OK) {
        rc = sli_snapshot_add(c->snapshot, "meta", (sl_bytes){meta.data, meta.size}, err);
    }
    if (rc == SL_OK) {
        rc = sli_snapshot_add(c->snapshot, "sources",
                              (sl_bytes){c->positions.data, c->positions.size}, err);
    }
    if (rc == SL_OK && c->counted.size > 0) {
        rc = sli_snapshot_add(c->snapshot, "accumulators",
                              (sl_bytes){c->counted.data, c->counted.size}, err);
    }
    if (rc == SL_OK && c->windows.size > 0) {
        rc = sli_snapshot_add(c->snapshot, SLI_WINDOWS_SECTION,
                              (sl_bytes){c->windows.data, c->windows.size}, err);
    }
    sli_str_reset(&meta);
    return rc;
}

/// All tables from the last snapshot and the deltas after it.
static sl_code compact_deltas(sli_compaction *c, sl_error *err)
{
    sli_buffer **buffers = sl_alloc_array(SLI_TAG_STREAM, (size_t)c->n_paths + 1, sizeof *buffers);
    sl_bytes *deltas = sl_alloc_array(SLI_TAG_STREAM, (size_t)c->n_paths + 1, sizeof *deltas);
    sl_code rc =
        buffers == NULL || deltas == NULL
            ? sl_error_nomem(err, (size_t)c->n_paths * sizeof *deltas, "a snapshot's deltas")
            : read_deltas(c, buffers, deltas, err);
    if (rc == SL_OK) {
        rc = compact_tables(c, deltas, err);
    }
    unref_all(buffers, c->n_paths);
    sl_free(deltas);
    return rc;
}

/// What was kept, on this strand and before this: here is told whether it could be.
static sl_code take_kept(sli_compaction *c, sl_error *err)
{
    const sli_hold *hold = &c->engine->hold;
    if (hold->rc != SL_OK) {
        *err = hold->error;
        return hold->rc;
    }
    return sli_state_adopt(c->engine, c->snapshot, c->group, c->previous, &c->bytes, err);
}

static sl_code compact(sli_compaction *c, sl_error *err)
{
    sl_code rc = add_meta(c, err);
    if (rc == SL_OK) {
        rc = c->kept ? take_kept(c, err) : compact_deltas(c, err);
    }
    if (rc == SL_OK) {
        sli_snapshot *snapshot = c->snapshot;
        c->snapshot = NULL;
        rc = sli_snapshot_publish(snapshot, err);
    }
    return rc;
}

static void compact_on_strand(void *ctx)
{
    sli_compaction *c = ctx;
    sli_engine *engine = c->engine;
    c->begun_us = sli_env_mono_us(engine->world);
    c->rc = compact(c, &c->error);
    c->done_us = sli_env_mono_us(engine->world);
    // Release: pairs with the acquire load in sli_compaction_step; the driver owns `c` again, and
    // may free it at once.
    atomic_store_explicit(&engine->compaction_done, 1, memory_order_release);
    sli_engine_wake(engine);
}

static void compaction_free(sli_compaction *c)
{
    for (int32_t i = 0; i < c->n_paths; i++) {
        sl_free(c->paths[i]);
    }
    sl_free(c->paths);
    sli_str_reset(&c->positions);
    sli_str_reset(&c->counted);
    sli_str_reset(&c->windows);
    sli_snapshot_discard(c->snapshot);
    if (c->kept) {
        // Where the snapshot was never begun its files may still be being made.
        (void)!sli_hold_wait(c->engine, NULL);
        sli_state_forget(c->engine, c->group);
    }
    sl_free(c);
}

static sl_code take_paths(sli_compaction *c, sl_error *err)
{
    sli_engine *engine = c->engine;
    c->paths = sl_alloc_array(SLI_TAG_STREAM, (size_t)engine->n_deltas + 1, sizeof *c->paths);
    if (c->paths == NULL) {
        return sl_error_nomem(err, (size_t)engine->n_deltas * sizeof *c->paths,
                              "a snapshot's deltas");
    }
    for (int32_t i = 0; i < engine->n_deltas && engine->deltas[i].group <= c->group; i++) {
        if (engine->deltas[i].path[0] == '\0') {
            continue;
        }
        char *copy = sl_strdup(SLI_TAG_STREAM, engine->deltas[i].path);
        if (copy == NULL) {
            return sl_error_nomem(err, strlen(engine->deltas[i].path), "a delta's path");
        }
        c->paths[c->n_paths++] = copy;
    }
    return SL_OK;
}

sl_code sli_compaction_start(sli_engine *engine, sli_group *group, sl_error *err)
{
    SL_ASSERT(engine->compaction == NULL, "a snapshot is due only when none is under way");
    sli_compaction *c = sl_alloc_zero(SLI_TAG_STREAM, sizeof *c);
    if (c == NULL) {
        return sl_error_nomem(err, sizeof *c, "a snapshot");
    }
    c->engine = engine;
    c->group = group->number;
    c->epoch = group->last_epoch;
    c->time_us = group->last_time_us;
    c->previous = engine->snapshot_group;
    c->kept = sli_state_must_keep(engine);
    c->files = sli_state_files(engine);
    c->positions = group->positions;
    c->counted = group->all_counted;
    group->positions = group->all_counted = (sli_str){.tag = SLI_TAG_STREAM};
    c->windows.tag = SLI_TAG_STREAM;
    sl_code rc = c->kept ? SL_OK : take_paths(c, err);
    rc = rc != SL_OK ? rc : sli_windows_put(engine, group, &c->windows, err);
    if (rc == SL_OK) {
        rc = sli_snapshot_create(&c->snapshot, engine->ckpt, c->group, err);
    }
    if (rc != SL_OK) {
        compaction_free(c);
        return put_off(engine, group->number, 0, rc, err);
    }
    atomic_store_explicit(&engine->compaction_done, 0,
                          memory_order_relaxed); // the post publishes it
    if (!sli_strand_post(engine->compactor, compact_on_strand, c)) {
        compaction_free(c);
        return sl_error_set(err, SL_E_NOMEM, "no room to start a snapshot");
    }
    engine->compaction = c;
    return SL_OK;
}

static void tell_snapshot(sli_engine *engine, const sli_compaction *c)
{
    sli_event event = {.kind = SLI_EV_SNAPSHOT,
                       .thread = SLI_ON_COMPACTOR,
                       .mono_us = c->done_us,
                       .epoch = c->epoch,
                       .batch_time_us = c->time_us,
                       .group = c->group,
                       .bytes = c->bytes,
                       .duration_us = c->done_us - c->begun_us,
                       .code = c->rc};
    if (c->rc != SL_OK) {
        sli_event_text(&event, c->error.text);
    }
    sli_metrics_emit(engine->env.runtime->metrics, &event);
}

static void note_snapshot(sli_engine *engine, const sli_compaction *c)
{
    sli_deltas_forget(engine, c->group); // ckpt/ removes them when no kept snapshot needs them
    engine->snapshot_group = c->group;
    engine->snapshot_is_foreign = false;
    engine->snapshot_bytes = c->bytes;
    wait_is_over(engine, c->group);
}

sl_code sli_compaction_step(sli_engine *engine, sl_error *err)
{
    sli_compaction *c = engine->compaction;
    if (c == NULL || atomic_load_explicit(&engine->compaction_done, memory_order_acquire) == 0) {
        return SL_OK;
    }
    engine->compaction = NULL;
    sl_code rc = c->rc;
    tell_snapshot(engine, c);
    if (rc == SL_OK) {
        note_snapshot(engine, c);
    }
    rc = put_off(engine, c->group, c->done_us - c->begun_us, rc, &c->error);
    if (rc != SL_OK) {
        *err = c->error;
        rc = sl_error_wrap(err, rc, "snapshot of group %lld", (long long)c->group);
    }
    compaction_free(c);
    return rc;
}

sl_code sli_compaction_join(sli_engine *engine, sl_error *err)
{
    if (engine->compactor != NULL) {
        sli_strand_free(engine->compactor); // runs what was posted
        engine->compactor = NULL;
    }
    return sli_compaction_step(engine, err);
}

// ---------------------------------------------------------------- loading

static sl_code load_part(sli_engine *engine, sl_stream *node, int64_t group, int32_t part,
                         sl_error *err)
{
    char name[256];
    sli_buffer *bytes = NULL;
    const sli_table_info *info = sli_node_state(node);
    (void)snprintf(name, sizeof name, "%s/part-%02d.arrow", info->uid, part);
    sl_code rc = sli_snapshot_read(engine->ckpt, group, name, &bytes, err);
    if (rc == SL_E_NOT_FOUND) {
        return SL_OK; // a part without keys, or an operator that is new
    }
    if (rc == SL_OK) {
        engine->snapshot_bytes += sli_buffer_size(bytes);
        rc = sli_state_restore_part(engine->store, node->table, info, bytes, err);
    }
    sli_buffer_unref(bytes);
    return rc == SL_OK ? SL_OK
                       : sl_error_wrap(err, rc, "snapshot of group %lld, section %s",
                                       (long long)group, name);
}

static sl_code load_tables(sli_engine *engine, int64_t group, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        sl_stream *node = engine->graph->nodes[i];
        for (int32_t part = 0; sli_node_state(node) != NULL && part < SLI_SNAPSHOT_PARTS; part++) {
            SL_TRY(load_part(engine, node, group, part, err));
        }
    }
    return SL_OK;
}

static sl_code load_accumulators(sli_engine *engine, int64_t group, sl_error *err)
{
    sli_buffer *bytes = NULL;
    sl_code rc = sli_snapshot_read(engine->ckpt, group, "accumulators", &bytes, err);
    if (rc == SL_E_NOT_FOUND) {
        return SL_OK; // there were none then
    }
    SL_TRY(rc);
    sl_bytes values = {sli_buffer_bytes(bytes), (size_t)sli_buffer_size(bytes)};
    rc = sli_accs_load(engine->accs, values, err);
    rc = rc == SL_OK ? sli_accs_show(engine->accs, values, err) : rc;
    sli_buffer_unref(bytes);
    return rc;
}

/// *files: the store whose files the snapshot has, in the job arena; "" for Arrow parts.
static sl_code load_meta(sli_engine *engine, int64_t group, int64_t *epoch, int64_t *time_us,
                         const char **files, sl_error *err)
{
    sli_buffer *bytes = NULL;
    SL_TRY(sli_snapshot_read(engine->ckpt, group, "meta", &bytes, err));
    sli_reader r =
        sli_reader_of((sl_bytes){sli_buffer_bytes(bytes), (size_t)sli_buffer_size(bytes)});
    uint8_t format = sli_get_u8(&r);
    int64_t of = sli_get_i64(&r);
    *epoch = sli_get_i64(&r);
    *time_us = sli_get_i64(&r);
    *files = format == 2 ? sli_get_text(&r, engine->job_arena) : "";
    sl_code rc = sli_reader_done(&r, "snapshot section meta", err);
    if (rc == SL_OK && *files == NULL) {
        rc = sl_error_nomem(err, 16, "a state store's name");
    }
    if (rc == SL_OK && (format < 1 || format > 2 || of != group)) {
        rc = sl_error_set(err, SL_E_INCOMPATIBLE,
                          "snapshot of group %lld has a meta section of format %u for group %lld",
                          (long long)group, format, (long long)of);
    }
    sli_buffer_unref(bytes);
    return rc;
}

static sli_source *input_of(sli_engine *engine, sl_bytes uid)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        if (sli_text_is((sl_text){uid.data, uid.size}, engine->inputs[i].node->uid)) {
            return engine->inputs[i].source;
        }
    }
    return NULL;
}

static sl_code load_positions(sli_engine *engine, sl_bytes section, bool *restored, sl_error *err)
{
    sli_reader r = sli_reader_of(section);
    while (r.at != r.end && !r.bad) {
        sl_bytes uid = sli_get_bytes(&r);
        sl_bytes position = sli_get_bytes(&r);
        sli_source *source = r.bad ? NULL : input_of(engine, uid);
        if (source != NULL) {
            SL_TRY(source->ops->restore(source, position, err));
            for (int32_t i = 0; i < engine->n_inputs; i++) {
                restored[i] = restored[i] || engine->inputs[i].source == source;
            }
        }
    }
    return sli_reader_done(&r, "snapshot section sources", err);
}

sl_code sli_positions_load(sli_engine *engine, int64_t group, sl_error *err)
{
    bool *restored = sl_arena_alloc_zero(engine->job_arena, (size_t)engine->n_inputs + 1);
    if (restored == NULL) {
        return sl_error_nomem(err, (size_t)engine->n_inputs, "positions");
    }
    if (group > 0) {
        sli_buffer *bytes = NULL;
        SL_TRY(sli_snapshot_read(engine->ckpt, group, "sources", &bytes, err));
        sl_bytes section = {sli_buffer_bytes(bytes), (size_t)sli_buffer_size(bytes)};
        sl_code rc = load_positions(engine, section, restored, err);
        sli_buffer_unref(bytes);
        SL_TRY(rc);
    }
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_source *source = engine->inputs[i].source;
        if (!restored[i]) {
            SL_TRY(source->ops->restore(source, (sl_bytes){NULL, 0}, err));
        }
    }
    return SL_OK;
}

sl_code sli_snapshot_load(sli_engine *engine, int64_t *group, int64_t *epoch, int64_t *time_us,
                          sl_error *err)
{
    *group = *epoch = *time_us = 0;
    engine->snapshot_bytes = 0;
    engine->snapshot_is_foreign = false;
    if (engine->accs != NULL) {
        sli_accs_zero(engine->accs);
    }
    if (engine->ckpt != NULL) {
        SL_TRY(sli_snapshot_newest(engine->ckpt, group, err));
    }
    if (*group > 0) {
        const char *files = "";
        SL_TRY(load_meta(engine, *group, epoch, time_us, &files, err));
        SL_TRY(files[0] != '\0' ? sli_state_restore(engine, *group, files, err)
                                : load_tables(engine, *group, err));
        SL_TRY(engine->accs == NULL ? SL_OK : load_accumulators(engine, *group, err));
    }
    engine->snapshot_group = *group;
    return SL_OK;
}
