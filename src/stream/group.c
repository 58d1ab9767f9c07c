// Commit groups: closed by the driver, made durable by the writer, made visible by the committer,
// forgotten by the driver.
//
//     OPEN ─close─► SEALING ─writer─► SEALED ─► COMMITTING ─committer─► COMMITTED ─► retired
//     ─COMMITTED durable─► freed
//
// The writer makes all that SEALED names durable (delta, outboxes, staged objects), then appends
// PLANs, SEALED and the COMMITTED frames of earlier groups, with one sync. Only then the committer
// starts. A group whose epochs had no input, no rows and no change of state is *idle*: it has
// nothing to recover, is not logged, and only lets sinks show banners and what is due; where no
// sink has anything to show it begins again on the spot.
#include "stream/engine_int.h"

// ---------------------------------------------------------------- making and freeing

/// A group without epochs, in memory that never held one or is done with it.
static void begin(sli_group *group, sli_engine *engine, sl_arena *arena)
{
    memset(group, 0, offsetof(sli_group, error));
    sli_error_clear(&group->error);
    group->engine = engine;
    group->arena = arena;
    group->shares = (sli_share *)(void *)(group + 1);
    group->windows = (sli_window_share *)(void *)(group->shares + engine->graph->n_outputs);
    group->last_ranges = (sl_bytes *)(void *)(group->windows + engine->n_windows);
    group->plans.tag = group->delta.tag = group->positions.tag = SLI_TAG_STREAM;
    group->counted.tag = group->all_counted.tag = SLI_TAG_STREAM;
    group->delta_path = "";
}

sl_code sli_group_open(sli_engine *engine, sli_group **out, sl_error *err)
{
    if (engine->spare != NULL) {
        *out = engine->spare;
        engine->spare = NULL;
        return SL_OK;
    }
    size_t size = sizeof(sli_group) + (size_t)engine->graph->n_outputs * sizeof(sli_share) +
                  (size_t)engine->n_windows * sizeof(sli_window_share) +
                  (size_t)engine->n_inputs * sizeof(sl_bytes);
    sl_arena *arena = sl_arena_new(SLI_TAG_STREAM);
    sli_group *group = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (group == NULL || arena == NULL) {
        sl_arena_free(arena);
        sl_free(group);
        return sl_error_nomem(err, size, "a commit group");
    }
    begin(group, engine, arena);
    *out = group;
    return SL_OK;
}

static void empty(sli_group *group)
{
    for (int32_t i = 0; i < group->engine->graph->n_outputs; i++) {
        sli_share_reset(group->engine, &group->shares[i]);
    }
    for (int32_t i = 0; i < group->engine->n_windows; i++) {
        sli_panes_reset(&group->windows[i].panes);
        group->windows[i] = (sli_window_share){0};
    }
    for (int32_t i = 0; i < group->engine->n_inputs; i++) {
        group->last_ranges[i] = (sl_bytes){NULL, 0};
    }
    sli_changes_free(group->changes);
    sli_str_reset(&group->plans);
    sli_str_reset(&group->delta);
    sli_str_reset(&group->positions);
    sli_str_reset(&group->counted);
    sli_str_reset(&group->all_counted);
}

void sli_group_free(sli_group *group)
{
    if (group != NULL) {
        empty(group);
        sl_arena_free(group->arena);
        sl_free(group);
    }
}

static void begin_again(sli_group *group)
{
    empty(group);
    sl_arena_reset(group->arena);
    begin(group, group->engine, group->arena);
}

/// A group without effect is never sealed: its sinks let go of the attempts that won, without rows.
static void drop_staged(sli_engine *engine, const sli_group *group)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_sink *sink = engine->graph->outputs[i].sink;
        for (int32_t w = 0; w < group->shares[i].n_winners && sink->ops->drop != NULL; w++) {
            sink->ops->drop(sink, group->shares[i].winners[w]);
        }
    }
}

/// Its memory serves the next group, which in a quiet job begins at the next tick.
static void group_done(sli_group *group)
{
    sli_engine *engine = group->engine;
    if (engine->spare != NULL) {
        sli_group_free(group);
        return;
    }
    begin_again(group);
    engine->spare = group;
}

// ---------------------------------------------------------------- the writer

static sl_code seal_sink(sli_group *group, sli_output *output, sli_share *share, sl_error *err)
{
    sli_engine *engine = group->engine;
    share->outbox = "";
    if (output->sink->ops->stage != NULL) {
        return output->sink->ops->seal(output->sink, group->number, share->winners,
                                       share->n_winners, group->arena, &share->receipt, err);
    }
    if (engine->ckpt == NULL) {
        return SL_OK; // committed from memory by this process, or never
    }
    sli_str rows = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_outbox_put(engine, share, output->input->schema, &rows, err);
    if (rc == SL_OK) {
        rc = sli_ckpt_put(engine->ckpt, SLI_OUTBOX, group->number, output->uid,
                          (sl_bytes){rows.data, rows.size}, group->arena, &share->outbox, err);
        group->outbox_bytes += (int64_t)rows.size;
    }
    sli_str_reset(&rows);
    return rc;
}

/// The state's changes become bytes here and not on the driver, which would keep the next epoch
/// waiting.
static sl_code write_delta(sli_group *group, sl_error *err)
{
    SL_TRY(sli_changes_put(group->changes, &group->delta, err));
    sl_bytes delta = {group->delta.data, group->delta.size};
    return sli_ckpt_put(group->engine->ckpt, SLI_DELTA, group->number, "", delta, group->arena,
                        &group->delta_path, err);
}

bool sli_group_has(const sli_group *group, int32_t output)
{
    const sli_output *o = &group->engine->graph->outputs[output];
    const sli_share *share = &group->shares[output];
    return o->kind == SLI_OUT_SINK && (!o->is_letters || share->n_winners > 0 || share->n_kept > 0);
}

static sl_code seal_all(sli_group *group, sl_error *err)
{
    sli_engine *engine = group->engine;
    if (engine->ckpt != NULL && group->changes != NULL) {
        SL_TRY(write_delta(group, err));
    }
    if (engine->ckpt != NULL) {
        SL_TRY(sli_windows_seal(group, err));
    }
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (sli_group_has(group, i)) {
            sl_code rc = seal_sink(group, output, &group->shares[i], err);
            if (rc != SL_OK) {
                return sl_error_wrap(err, rc, "seal group %lld of output %s",
                                     (long long)group->number, output->uid);
            }
        }
    }
    return SL_OK;
}

static sl_code append_sealed(sli_group *group, sl_error *err)
{
    sli_engine *engine = group->engine;
    sli_sealed sealed = {
        .group = group->number,
        .first_epoch = group->first_epoch,
        .last_epoch = group->last_epoch,
        .last_time_us = group->last_time_us,
        .rows_in = group->rows_in,
        .rows_out = group->rows_out,
        .delta = group->delta_path,
        .counted = {group->counted.data, group->counted.size},
        .left_out = group->left_out,
        .n_left_out = group->n_left_out,
    };
    sealed.sinks = sl_arena_alloc_zero(group->arena, (size_t)(engine->graph->n_outputs + 1) *
                                                         sizeof *sealed.sinks);
    sealed.windows =
        sl_arena_alloc_zero(group->arena, (size_t)(engine->n_windows + 1) * sizeof *sealed.windows);
    if (sealed.sinks == NULL || sealed.windows == NULL) {
        return sl_error_nomem(err, (size_t)engine->graph->n_outputs * sizeof *sealed.sinks,
                              "a SEALED frame");
    }
    bool forget = sli_env_bug(engine->world, "receipts-forgotten");
    for (int32_t i = 0; i < engine->graph->n_outputs && !forget; i++) {
        if (sli_group_has(group, i)) {
            const sli_share *share = &group->shares[i];
            sealed.sinks[sealed.n_sinks++] =
                (sli_sealed_sink){engine->graph->outputs[i].uid, share->receipt, share->outbox};
        }
    }
    sealed.n_windows = engine->n_windows;
    sli_windows_tell(group, sealed.windows);
    sli_str body = {.tag = SLI_TAG_STREAM};
    sli_sealed_put(&body, &sealed);
    sl_code rc = sli_str_check(&body, "SEALED", err);
    if (rc == SL_OK) {
        rc = sli_ckpt_append_about(engine->ckpt, SLI_SEALED, group->number, group->last_epoch,
                                   (sl_bytes){body.data, body.size}, err);
    }
    sli_str_reset(&body);
    return rc;
}

sl_code sli_plans_append(sli_engine *engine, const sli_str *plans, sl_error *err)
{
    sli_reader r = sli_reader_of((sl_bytes){plans->data, plans->size});
    while (r.at != r.end && !r.bad) {
        int64_t epoch = sli_get_i64(&r), time_us = sli_get_i64(&r);
        sl_bytes body = sli_get_bytes(&r);
        SL_TRY(sli_ckpt_append_about(engine->ckpt, SLI_PLAN, epoch, time_us, body, err));
    }
    return SL_OK;
}

sl_code sli_committed_append(sli_engine *engine, int64_t upto, sl_error *err)
{
    while (engine->committed_logged < upto) {
        SL_TRY(sli_ckpt_append(engine->ckpt, SLI_COMMITTED, engine->committed_logged + 1,
                               (sl_bytes){NULL, 0}, err));
        engine->committed_logged++;
    }
    return SL_OK;
}

static sl_code write_log(sli_group *group, sl_error *err)
{
    sli_engine *engine = group->engine;
    bool early = sli_env_bug(engine->world, "committed-too-early");
    SL_TRY(sli_committed_append(engine, group->committed_before, err));
    SL_TRY(sli_plans_append(engine, &group->plans, err));
    SL_TRY(append_sealed(group, err));
    if (early) {
        SL_TRY(sli_committed_append(engine, group->number, err));
    }
    if (sli_env_bug(engine->world, "commit-before-seal-sync")) {
        SL_TRY(sli_sinks_commit(group, err));
    }
    return sli_ckpt_sync(engine->ckpt, err);
}

static sl_code seal_group(sli_group *group)
{
    sli_engine *engine = group->engine;
    int64_t begun = sli_env_mono_us(engine->world);
    sli_env_phase(engine->world, "seal");
    sl_code rc = seal_all(group, &group->error);
    int64_t sealed = sli_env_mono_us(engine->world);
    group->seal_us = sealed - begun;
    sli_progress_group(group, SLI_EV_GROUP_SEALED, begun, sealed, rc);
    if (rc == SL_OK && engine->ckpt != NULL) {
        sli_env_phase(engine->world, "log");
        rc = write_log(group, &group->error);
        int64_t logged = sli_env_mono_us(engine->world);
        group->log_us = logged - sealed;
        if (rc != SL_OK) {
            rc = sl_error_wrap(&group->error, rc, "log group %lld", (long long)group->number);
        }
        sli_progress_group(group, SLI_EV_LOG_SYNCED, sealed, logged, rc);
    }
    return rc;
}

static void hand_back(sli_group *group, sl_code rc, sli_group_stage stage)
{
    sli_engine *engine = group->engine;
    group->rc = rc;
    // Release: pairs with the driver's acquire load in sli_groups_step, which then owns the group
    // again.
    atomic_store_explicit(&group->stage, stage, memory_order_release);
    if (!engine->inline_commit) { // else this is the driver: it looks before it waits
        sli_engine_wake(engine);
    }
}

/// Groups count in order: one that follows a failed one would leave a hole in the log, or show
/// readers a group whose forerunner is not there. The next life does both.
static sl_code refuse(sli_group *group, const char *what)
{
    return sl_error_set(&group->error, SL_E_CANCELLED,
                        "group %lld follows one that could not be %s", (long long)group->number,
                        what);
}

static void seal_on_writer(void *ctx)
{
    sli_group *group = ctx;
    sli_engine *engine = group->engine;
    sl_code rc = engine->seal_broken ? refuse(group, "sealed") : seal_group(group);
    engine->seal_broken = rc != SL_OK;
    hand_back(group, rc, SLI_GROUP_SEALED);
}

static void commit_on_committer(void *ctx)
{
    sli_group *group = ctx;
    sli_engine *engine = group->engine;
    sl_code rc = engine->commit_broken ? refuse(group, "committed") : sli_group_commit(group);
    engine->commit_broken = rc != SL_OK;
    hand_back(group, rc, SLI_GROUP_COMMITTED);
}

// ---------------------------------------------------------------- the driver

static sl_code post(sli_strand *strand, sli_work_fn work, sli_group *group, sl_error *err)
{
    if (!sli_strand_post(strand, work, group)) {
        return sl_error_set(err, SL_E_NOMEM, "no room to hand group %lld on",
                            (long long)group->number);
    }
    return SL_OK;
}

/// What the group needs before it may leave the driver.
static sl_code complete_group(sli_engine *engine, sli_group *group, sl_error *err)
{
    if (engine->store != NULL) {
        SL_TRY(engine->store->ops->cut(engine->store, &group->changes, err));
    }
    if (engine->accs != NULL) {
        SL_TRY(sli_accs_put(engine->accs, false, &group->counted, err));
    }
    group->has_effect = group->has_effect || group->changes != NULL || group->counted.size > 0;
    group->committed_before = engine->committed;
    for (int32_t i = 0; i < engine->n_windows; i++) {
        group->windows[i].from_us = engine->windows[i].from_us;
        group->windows[i].to_us = engine->windows[i].to_us;
    }
    if (!group->has_effect) {
        return SL_OK;
    }
    group->number = engine->next_group++;
    return engine->ckpt == NULL ? SL_OK : sli_snapshot_prepare(engine, group, err);
}

static void append_pending(sli_engine *engine, sli_group *group)
{
    *engine->pending_tail = group;
    engine->pending_tail = &group->next;
    engine->n_pending++;
}

/// Whether sinks are to renew what is theirs with this group.
static bool is_time_to_keep(sli_engine *engine)
{
    if (!engine->has_keep || engine->now_us < engine->keep_us) {
        return false;
    }
    engine->keep_us = engine->now_us + SLI_KEEP_EVERY_US;
    return true;
}

sl_code sli_group_close(sli_engine *engine, sl_error *err)
{
    sli_group *group = engine->open;
    if (group == NULL || group->first_epoch == 0) {
        return SL_OK;
    }
    SL_TRY(complete_group(engine, group, err));
    engine->last_close_us = engine->now_us;
    group->keeps = is_time_to_keep(engine);
    if (group->number == 0 && !engine->shows_idle &&
        !group->keeps) { // nothing to make durable, nobody to tell
        drop_staged(engine, group);
        begin_again(group);
        return SL_OK;
    }
    engine->open = NULL;
    append_pending(engine, group);
    if (group->number == 0) {
        atomic_store_explicit(&group->stage, SLI_GROUP_SEALED,
                              memory_order_relaxed); // stays with the driver
        return SL_OK;
    }
    atomic_store_explicit(&group->stage, SLI_GROUP_SEALING,
                          memory_order_relaxed); // the post publishes it
    sli_ahead_group(group);
    if (engine->inline_commit) {
        seal_on_writer(group);
        return SL_OK;
    }
    return post(engine->writer, seal_on_writer, group, err);
}

/// Outboxes of groups whose COMMITTED frame is durable now.
static void free_retired(sli_engine *engine, int64_t upto)
{
    sli_group **at = &engine->retired;
    while (*at != NULL) {
        sli_group *group = *at;
        if (group->number > upto) {
            at = &group->next;
            continue;
        }
        *at = group->next;
        for (int32_t i = 0; i < engine->graph->n_outputs && engine->ckpt != NULL; i++) {
            const char *outbox = group->shares[i].outbox;
            if (outbox != NULL && outbox[0] != '\0') {
                sli_ckpt_drop(engine->ckpt, outbox);
            }
        }
        group_done(group);
    }
}

/// The group is durable: its delta is on record, and the COMMITTED frames that went with it are
/// too.
static sl_code after_seal(sli_engine *engine, sli_group *group, sl_error *err)
{
    if (group->rc != SL_OK) {
        *err = group->error;
        return group->rc;
    }
    if (group->number > 0) {
        engine->outbox_bytes += group->outbox_bytes;
        sli_progress_waiting(engine);
        engine->last_seal_us = group->seal_us;
        engine->last_log_us = group->log_us;
        if (engine->ckpt != NULL) {
            size_t logged = group->delta.size + group->plans.size + group->counted.size;
            SL_TRY(
                sli_delta_remember(engine, group->number, group->delta_path, (int64_t)logged, err));
            SL_TRY(sli_windows_sealed(engine, group, err));
            sli_fix_forget(engine, group->last_epoch);
        }
        free_retired(engine, group->committed_before);
    }
    atomic_store_explicit(&group->stage, SLI_GROUP_COMMITTING,
                          memory_order_relaxed); // the post publishes it
    if (engine->inline_commit) {
        commit_on_committer(group);
        return SL_OK;
    }
    return post(engine->committer, commit_on_committer, group, err);
}

static void forget_inputs(sli_engine *engine, const sli_group *group)
{
    sli_env_phase(engine->world, "forget");
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_source *source = engine->inputs[i].source;
        if (group->last_ranges[i].size > 0 && source->ops->forget != NULL) {
            source->ops->forget(source, group->last_ranges[i]);
        }
    }
}

/// Readers of accumulators see the group's values from now on.
static sl_code show_counted(sli_engine *engine, const sli_group *group, sl_error *err)
{
    if (group->counted.size == 0) {
        return SL_OK;
    }
    sl_bytes values = {group->counted.data, group->counted.size};
    SL_TRY(sli_accs_show(engine->accs, values, err));
    sli_progress_counted(engine);
    return SL_OK;
}

static sl_code after_commit(sli_engine *engine, sli_group *group, sl_error *err)
{
    if (group->rc != SL_OK) {
        sl_code rc = group->rc;
        *err = group->error;
        sli_group_free(group);
        return rc;
    }
    if (group->number == 0) {
        drop_staged(engine, group);
        group_done(group);
        return SL_OK;
    }
    engine->committed = group->number;
    engine->last_commit_us = group->commit_us;
    engine->outbox_bytes -= group->outbox_bytes;
    sli_progress_waiting(engine);
    sli_progress_committed(engine, group);
    SL_TRY(show_counted(engine, group, err));
    forget_inputs(engine, group);
    sl_code rc = group->snapshot_due ? sli_compaction_start(engine, group, err) : SL_OK;
    if (engine->ckpt == NULL) {
        group_done(group);
        return rc;
    }
    group->next = engine->retired;
    engine->retired = group;
    return rc;
}

sl_code sli_groups_step(sli_engine *engine, bool *moved, sl_error *err)
{
    *moved = false;
    // Acquire: pairs with hand_back; what the strand wrote into the group is ours again. Groups are
    // sealed in order and committed in order, so a later one is never ahead of an earlier one.
    for (sli_group *group = engine->pending; group != NULL; group = group->next) {
        if (atomic_load_explicit(&group->stage, memory_order_acquire) == SLI_GROUP_SEALED) {
            *moved = true;
            SL_TRY(after_seal(engine, group, err));
        }
    }
    while (engine->pending != NULL) {
        sli_group *group = engine->pending;
        if (atomic_load_explicit(&group->stage, memory_order_acquire) != SLI_GROUP_COMMITTED) {
            return SL_OK;
        }
        engine->pending = group->next;
        if (engine->pending == NULL) {
            engine->pending_tail = &engine->pending;
        }
        engine->n_pending--;
        *moved = true;
        group->next = NULL;
        sl_code rc = after_commit(engine, group, err);
        if (rc != SL_OK) {
            return rc;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- from the record: recovery

/// An outbox of a group on record, on its way into its sink.
typedef struct finishing {
    sli_sink *sink;
    int64_t group;
    sli_outbox *outbox;
} finishing;

static sl_code finish(void *ctx, sl_error *err)
{
    finishing *f = ctx;
    return f->sink->ops->commit(f->sink, f->group, (sl_bytes){NULL, 0}, f->outbox, err);
}

static sl_code finish_outbox(sli_engine *engine, sli_output *output, int64_t group,
                             const char *path, sl_error *err)
{
    sli_buffer *bytes = NULL;
    if (path[0] == '\0') {
        return SL_OK;
    }
    SL_TRY(sli_ckpt_get(engine->ckpt, path, &bytes, err));
    sli_file_outbox outbox = sli_outbox_of_file(bytes);
    finishing f = {output->sink, group, &outbox.base};
    sl_code rc = sli_start_await(engine, output, finish, &f, err);
    sli_buffer_unref(bytes);
    return rc;
}

/// A sealed group is finished in every sink it names; a graph that has lost one of them can't.
static sl_code check_sinks(const sli_engine *engine, const sli_sealed *sealed, sl_error *err)
{
    for (int32_t i = 0; i < sealed->n_sinks; i++) {
        bool found = false;
        for (int32_t o = 0; o < engine->graph->n_outputs && !found; o++) {
            found = strcmp(engine->graph->outputs[o].uid, sealed->sinks[i].uid) == 0;
        }
        if (!found) {
            return sl_error_set(err, SL_E_INCOMPATIBLE,
                                "sealed group %lld must still be committed to output %s, which the "
                                "job no longer has: "
                                "start the job once with that output, then change it",
                                (long long)sealed->group, sealed->sinks[i].uid);
        }
    }
    return SL_OK;
}

sl_code sli_group_finish(sli_engine *engine, const sli_sealed *sealed, sl_error *err)
{
    SL_TRY(check_sinks(engine, sealed, err));
    sli_env_phase(engine->world, "commit");
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        const sli_sealed_sink *record =
            output->kind == SLI_OUT_SINK ? sli_sealed_find(sealed, output->uid) : NULL;
        bool is_shown = output->sink != NULL && output->sink->ops->stage == NULL &&
                        output->last_committed >= sealed->group;
        if (record == NULL || is_shown) {
            continue;
        }
        sl_code rc =
            output->sink->ops->stage != NULL
                ? output->sink->ops->commit(output->sink, sealed->group, record->receipt, NULL, err)
                : finish_outbox(engine, output, sealed->group, record->outbox, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "finish group %lld of output %s",
                                 (long long)sealed->group, output->uid);
        }
    }
    return SL_OK;
}
