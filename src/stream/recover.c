// Recovery, in the one order that is right (the design's section 3.7):
//
//   the checkpoint has taken its generation, read the log and synced its names
//   1. each sink fences older generations and tells its last committed group
//   2. none of them may be ahead of the log: a torn tail must not swallow what readers have seen
//   3. BEGIN, synced, with what of the log may not be durable: from here on older generations'
//   later
//      frames don't count
//   4. what was staged and is named by nobody is removed
//   5. state and positions: newest snapshot, then the deltas and ranges of sealed groups after it
//   6. sealed groups are finished in every sink, from the record
//   7. planned epochs that no group sealed run with their recorded ranges
#include "stream/engine_int.h"
#include "stream/event/event_time.h"

/// What the log says, decoded.
typedef struct sli_record {
    sli_sealed *sealed;
    int32_t n_sealed;
    sli_plan *plans;
    int32_t n_plans;
    int64_t committed;    ///< the last group with a COMMITTED frame
    int64_t sealed_epoch; ///< the last epoch of the last sealed group
    int64_t last_time_us;
} record;

static sl_code decode_frame(const sli_frame *frame, sl_arena *arena, record *out, sl_error *err)
{
    switch (frame->kind) {
    case SLI_PLAN: {
        sli_plan *plan = &out->plans[out->n_plans];
        SL_TRY(sli_plan_get(frame->body, arena, plan, err));
        // A planned epoch that was run again by a later life has one PLAN only; an unsynced PLAN
        // may have been made anew under the same number by a later generation: then the later one
        // counts.
        while (out->n_plans > 0 && out->plans[out->n_plans - 1].epoch >= plan->epoch) {
            out->plans[out->n_plans - 1] = *plan;
            out->n_plans--;
            plan = &out->plans[out->n_plans];
        }
        out->n_plans++;
        return SL_OK;
    }
    case SLI_SEALED: {
        sli_sealed *sealed = &out->sealed[out->n_sealed];
        SL_TRY(sli_sealed_get(frame->body, arena, sealed, err));
        out->n_sealed++;
        out->sealed_epoch = sealed->last_epoch;
        out->last_time_us = sealed->last_time_us;
        return SL_OK;
    }
    case SLI_COMMITTED:
        out->committed = frame->number > out->committed ? frame->number : out->committed;
        return SL_OK;
    case SLI_BEGIN:
        break;
    }
    return SL_OK;
}

static sl_code decode_log(sli_engine *engine, record *out, sl_error *err)
{
    int64_t n = 0;
    const sli_frame *frames = sli_ckpt_frames(engine->ckpt, &n);
    *out = (record){0};
    out->plans = sl_arena_alloc_zero(engine->job_arena, (size_t)(n + 1) * sizeof *out->plans);
    out->sealed = sl_arena_alloc_zero(engine->job_arena, (size_t)(n + 1) * sizeof *out->sealed);
    if (out->plans == NULL || out->sealed == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *out->plans, "the epoch log's frames");
    }
    for (int64_t i = 0; i < n; i++) {
        SL_TRY(decode_frame(&frames[i], engine->job_arena, out, err));
    }
    return SL_OK;
}

static int64_t last_sealed(const record *log)
{
    return log->n_sealed == 0 ? 0 : log->sealed[log->n_sealed - 1].group;
}

/// By the groups that the log still has.
static int64_t rows_left_out(const record *log)
{
    int64_t n = 0;
    for (int32_t i = 0; i < log->n_sealed; i++) {
        n += log->sealed[i].n_left_out;
    }
    return n;
}

// ---------------------------------------------------------------- 1, 2: sinks

static sl_code ask_sink(void *ctx, sl_error *err)
{
    sli_output *output = ctx;
    return output->sink->ops->recover(output->sink, &output->last_committed, err);
}

static sl_code ask_sinks(sli_engine *engine, int64_t sealed, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (output->kind != SLI_OUT_SINK) {
            continue;
        }
        sl_code rc = sli_start_await(engine, output, ask_sink, output, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "recover output %s", output->uid);
        }
        if (output->last_committed > sealed && !sli_env_bug(engine->world, "torn-tail-blind")) {
            return sl_error_set(err, SL_E_CORRUPT,
                                "output %s has committed group %lld, but the epoch log ends at "
                                "group %lld%s: the log has lost "
                                "what readers have seen; restore the checkpoint directory from a "
                                "copy, or start a new one "
                                "with a new output",
                                output->uid, (long long)output->last_committed, (long long)sealed,
                                sli_ckpt_tail_was_torn(engine->ckpt) ? " in a torn frame" : "");
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- 4: sweeping

static sl_code sweep_sink(sli_engine *engine, const record *log, sli_output *output, sl_error *err)
{
    sl_bytes *named =
        sl_arena_alloc_zero(engine->job_arena, (size_t)(log->n_sealed + 1) * sizeof *named);
    if (named == NULL) {
        return sl_error_nomem(err, (size_t)log->n_sealed * sizeof *named, "receipts");
    }
    int32_t n = 0;
    for (int32_t g = 0; g < log->n_sealed; g++) {
        for (int32_t s = 0; s < log->sealed[g].n_sinks; s++) {
            if (strcmp(log->sealed[g].sinks[s].uid, output->uid) == 0 && n <= log->n_sealed) {
                named[n++] = log->sealed[g].sinks[s].receipt;
            }
        }
    }
    return output->sink->ops->sweep(output->sink, named, n, err);
}

static sl_code sweep(sli_engine *engine, const record *log, sl_error *err)
{
    size_t most = 1;
    for (int32_t g = 0; g < log->n_sealed; g++) {
        most += 1 + (size_t)log->sealed[g].n_sinks;
    }
    const char **named = sl_arena_alloc_zero(engine->job_arena, most * sizeof *named);
    if (named == NULL) {
        return sl_error_nomem(err, most * sizeof *named, "named files");
    }
    size_t n = 0;
    for (int32_t g = 0; g < log->n_sealed; g++) {
        if (log->sealed[g].delta[0] != '\0') {
            named[n++] = log->sealed[g].delta;
        }
        for (int32_t s = 0; s < log->sealed[g].n_sinks; s++) {
            if (log->sealed[g].sinks[s].outbox[0] != '\0') {
                named[n++] = log->sealed[g].sinks[s].outbox;
            }
        }
    }
    SL_TRY(sli_ckpt_sweep(engine->ckpt, named, err));
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (output->kind == SLI_OUT_SINK && output->sink->ops->sweep != NULL) {
            sl_code rc = sweep_sink(engine, log, output, err);
            if (rc != SL_OK) {
                return sl_error_wrap(err, rc, "sweep output %s", output->uid);
            }
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- 5: state and positions

static sl_code apply_delta(sli_engine *engine, const sli_sealed *sealed, sl_error *err)
{
    sli_buffer *delta = NULL;
    int64_t size = 0;
    if (sealed->delta[0] != '\0') {
        SL_TRY(sli_ckpt_get(engine->ckpt, sealed->delta, &delta, err));
        size = sli_buffer_size(delta);
        sl_code rc =
            engine->store == NULL
                ? sl_error_set(err, SL_E_INCOMPATIBLE,
                               "the checkpoint has state, the job has no stateful operator")
                : engine->store->ops->apply(engine->store,
                                            (sl_bytes){sli_buffer_bytes(delta), (size_t)size}, err);
        sli_buffer_unref(delta);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "state delta of group %lld", (long long)sealed->group);
        }
    }
    return sli_delta_remember(engine, sealed->group, sealed->delta, size, err);
}

/// The values that accumulators had after a sealed group. One that the job does not declare any
/// more is forgotten, as state of an operator that is gone.
static sl_code load_counted(sli_engine *engine, sl_bytes counted, sl_error *err)
{
    if (engine->accs == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_accs_load(engine->accs, counted, err));
    return sli_accs_show(engine->accs, counted, err);
}

static sl_code accept_ranges(sli_engine *engine, const sli_plan *plan, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        const sli_plan_input *input = sli_plan_find(plan, engine->inputs[i].node->uid);
        sli_source *source = engine->inputs[i].source;
        if (input != NULL && input->range.size > 0) {
            sl_code rc = source->ops->accept(source, input->range, err);
            if (rc != SL_OK) {
                return sl_error_wrap(err, rc, "range of epoch %lld, source %s",
                                     (long long)plan->epoch, input->uid);
            }
        }
    }
    return SL_OK;
}

static bool delta_applies(const sli_engine *engine, int64_t group, int64_t snapshot)
{
    return group > snapshot ||
           (group == snapshot && sli_env_bug(engine->world, "delta-applied-twice"));
}

/// State: the newest snapshot and the deltas after it, into an empty store.
static sl_code restore_state(sli_engine *engine, const record *log, int64_t *snapshot,
                             int64_t *epoch, int64_t *time_us, sl_error *err)
{
    sli_deltas_forget(engine, INT64_MAX);
    SL_TRY(sli_state_open(engine, err));
    SL_TRY(sli_snapshot_load(engine, snapshot, epoch, time_us, err));
    for (int32_t g = 0; g < log->n_sealed; g++) {
        if (delta_applies(engine, log->sealed[g].group, *snapshot)) {
            SL_TRY(apply_delta(engine, &log->sealed[g], err));
            SL_TRY(load_counted(engine, log->sealed[g].counted, err));
        }
    }
    if (*snapshot == 0 && log->n_sealed == 0) {
        // Becomes part of the first group's delta, so that later lives don't depend on the table.
        sli_clock first;
        sli_clock_init(&first, engine->world, engine->clock.interval_us, 0, false);
        SL_TRY(sli_state_load_initial(engine->graph, engine->env.runtime, first.next_time_us, err));
    }
    SL_TRY(sli_state_fits(engine, err));
    return sli_windows_restore(engine, *snapshot, log->sealed, log->n_sealed, err);
}

static sl_code restore_positions(sli_engine *engine, const record *log, int64_t snapshot,
                                 int64_t epoch, sl_error *err)
{
    SL_TRY(sli_positions_load(engine, snapshot, err));
    for (int32_t p = 0; p < log->n_plans; p++) {
        if (log->plans[p].epoch > epoch && log->plans[p].epoch <= log->sealed_epoch) {
            SL_TRY(accept_ranges(engine, &log->plans[p], err));
        }
    }
    return SL_OK;
}

static sl_code restore(sli_engine *engine, const record *log, sl_error *err)
{
    int64_t snapshot = 0, epoch = 0, time_us = 0;
    sl_code rc = SL_E_NOT_FOUND;
    // A delta that is gone means that an older driver has finished a newer snapshot meanwhile: look
    // again.
    for (int attempt = 0; attempt < 3 && rc == SL_E_NOT_FOUND; attempt++) {
        rc = restore_state(engine, log, &snapshot, &epoch, &time_us, err);
    }
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "restore state");
    }
    if (engine->accs != NULL) {
        sli_progress_counted(engine);
    }
    SL_TRY(restore_positions(engine, log, snapshot, epoch, err));
    engine->epoch = log->sealed_epoch > epoch ? log->sealed_epoch : epoch;
    engine->last_time_us = log->last_time_us > time_us ? log->last_time_us : time_us;
    int64_t group = last_sealed(log) > snapshot ? last_sealed(log) : snapshot;
    engine->next_group = group + 1;
    SL_TRY(sli_nodes_restore(engine->graph, err));
    return sli_event_restore(engine->graph, engine->env.runtime, err);
}

// ---------------------------------------------------------------- 6, 7

static sl_code finish_sealed(sli_engine *engine, const record *log, sl_error *err)
{
    int64_t committed =
        log->committed > engine->snapshot_group ? log->committed : engine->snapshot_group;
    engine->committed_logged = committed;
    for (int32_t g = 0; g < log->n_sealed; g++) {
        if (log->sealed[g].group > committed) {
            SL_TRY(sli_group_finish(engine, &log->sealed[g], err));
        }
    }
    engine->committed = engine->next_group - 1;
    return SL_OK;
}

static sl_code run_planned(sli_engine *engine, const record *log, sl_error *err)
{
    if (sli_env_bug(engine->world, "replan-at-restart")) {
        return SL_OK;
    }
    for (int32_t p = 0; p < log->n_plans; p++) {
        if (log->plans[p].epoch > log->sealed_epoch && log->plans[p].epoch > engine->epoch) {
            engine->epoch = log->plans[p].epoch - 1; // idle epochs between logged ones have no PLAN
            // The number of partitions reaches the order of rows, so the plan's counts, not this
            // life's.
            int32_t parallelism = engine->env.runtime->parallelism;
            engine->env.runtime->parallelism =
                log->plans[p].parallelism > 0 ? log->plans[p].parallelism : parallelism;
            engine->now_us = sli_env_mono_us(engine->world);
            sl_code rc = sli_epoch_run(engine, &log->plans[p], err);
            engine->env.runtime->parallelism = parallelism;
            SL_TRY(rc);
        }
    }
    return sli_group_close(engine, err);
}

sl_code sli_engine_read(sli_engine *engine, sl_error *err)
{
    engine->record = sl_arena_alloc_zero(engine->job_arena, sizeof *engine->record);
    if (engine->record == NULL) {
        return sl_error_nomem(err, sizeof *engine->record, "the log's record");
    }
    return engine->ckpt == NULL ? SL_OK : decode_log(engine, engine->record, err);
}

int64_t sli_engine_unsure(const sli_engine *engine, const char *uid, int64_t *from)
{
    const record *log = engine->record;
    int64_t last = *from = 0;
    for (int32_t g = 0; g < log->n_sealed; g++) {
        const sli_sealed *sealed = &log->sealed[g];
        if (sealed->group > log->committed && sli_sealed_find(sealed, uid) != NULL) {
            *from = last == 0 ? sealed->group : *from;
            last = sealed->group;
        }
    }
    return last;
}

/// The first and the last epoch that must run again and were planned with another graph; 0: none.
static int64_t planned_otherwise(const sli_engine *engine, const record *log, int64_t *last)
{
    int64_t first = *last = 0;
    for (int32_t p = 0; p < log->n_plans; p++) {
        const sli_plan *plan = &log->plans[p];
        if (plan->epoch > log->sealed_epoch && plan->graph_hash != sl_graph_hash(engine->graph)) {
            first = first == 0 ? plan->epoch : first;
            *last = plan->epoch;
        }
    }
    return first;
}

sl_code sli_engine_begin(sli_engine *engine, sl_error *err)
{
    if (engine->ckpt == NULL) {
        return ask_sinks(engine, INT64_MAX, err);
    }
    int64_t last = 0, first = planned_otherwise(engine, engine->record, &last);
    SL_TRY(sli_changed_check(engine, first, last, err));
    SL_TRY(ask_sinks(engine, last_sealed(engine->record), err));
    return sli_ckpt_begin(engine->ckpt, err);
}

sl_code sli_engine_recover(sli_engine *engine, sl_error *err)
{
    const record *log = engine->record;
    if (engine->ckpt == NULL) {
        return restore(engine, log, err);
    }
    SL_TRY(sweep(engine, log, err));
    SL_TRY(sli_fix_restore(engine, log->plans, log->n_plans, log->sealed_epoch, err));
    SL_TRY(restore(engine, log, err));
    SL_TRY(finish_sealed(engine, log, err));
    if (log->n_sealed > 0 || log->n_plans > 0) {
        SLI_LOG(engine->log, SLI_INFO, "stream",
                "recovered to epoch %lld, group %lld, generation %lld; groups in the log left out "
                "%lld records, which have dead letters",
                (long long)engine->epoch, (long long)engine->committed,
                (long long)engine->generation, (long long)rows_left_out(log));
    }
    return run_planned(engine, log, err);
}
