// The driver: steps a job when something is due, and ends it.
//
// The engine never sleeps by itself: sli_engine_step does what is due and says when it wants to be
// called next; sli_engine_wait waits for that time or an event. So the same engine runs on a thread
// of its own, inside a foreign event loop, and in simulation.
#include "stream/listen.h"

void sli_engine_note_thread(sli_engine *engine)
{
    atomic_store_explicit(&engine->thread, sli_env_thread(engine->world), memory_order_relaxed);
}

sl_code sli_engine_verdict(sli_engine *engine, sl_code rc, sl_error *err)
{
    sl_error newer = SL_ERROR_INIT;
    if (engine->ckpt == NULL || rc == SL_E_CRASHED || rc == SL_E_SUPERSEDED ||
        sli_ckpt_check_generation(engine->ckpt, &newer) != SL_E_SUPERSEDED) {
        return rc;
    }
    if (err != NULL) {
        *err = newer;
    }
    return SL_E_SUPERSEDED;
}

sl_code sli_engine_fail(sli_engine *engine, sl_code rc, const sl_error *err)
{
    if (engine->failure.code == SL_OK) {
        engine->failure = *err;
        engine->failure.code = sli_engine_verdict(engine, rc, &engine->failure);
    }
    return engine->failure.code;
}

/// No slow sink holds too much.
static bool has_room(const sli_engine *engine)
{
    return engine->n_pending < engine->max_pending && engine->outbox_bytes < engine->outbox_max;
}

/// An epoch may begin now: it is due, and there is room for what it gives.
static bool epoch_is_due(const sli_engine *engine)
{
    return has_room(engine) && engine->epoch < engine->max_epochs &&
           sli_clock_due_us(&engine->clock) <= engine->now_us;
}

static bool is_sealing(const sli_engine *engine)
{
    for (const sli_group *group = engine->pending; group != NULL; group = group->next) {
        if (atomic_load_explicit(&group->stage, memory_order_relaxed) == SLI_GROUP_SEALING) {
            return true;
        }
    }
    return false;
}

static bool group_is_due(const sli_engine *engine)
{
    return engine->open != NULL && engine->open->first_epoch > 0 &&
           engine->n_pending < engine->max_pending && !is_sealing(engine) &&
           (engine->inline_commit ||
            engine->now_us >= engine->last_close_us + engine->commit_interval_us);
}

/// Nothing outside is waited for any more, since a stop was asked for and its time is over.
static bool calls_have_ended(const sli_engine *engine)
{
    return atomic_load_explicit(engine->env.end_us, memory_order_relaxed) <=
           sli_env_mono_us(engine->world);
}

/// The job is told to end, and the epoch failed by that.
static bool is_given_up(const sli_engine *engine, sl_code rc)
{
    bool now = atomic_load_explicit(&engine->stopping, memory_order_acquire) == 2;
    return (rc == SL_E_CANCELLED && now) ||
           ((rc == SL_E_TIMEOUT || rc == SL_E_IO) && calls_have_ended(engine));
}

/// Runs the next epoch. When the job is told to end at once the running one is given up, and so is
/// one that waits for something outside when the time of a stop is over: with a checkpoint the next
/// life runs it again.
static sl_code run_epoch(sli_engine *engine, sl_error *err)
{
    sl_error error;
    sli_error_clear(&error);
    sl_code rc = sli_epoch_run(engine, NULL, &error);
    if (is_given_up(engine, rc)) {
        bool waited = rc != SL_E_CANCELLED;
        SLI_LOG(engine->log, waited ? SLI_WARN : SLI_INFO, "stream",
                "epoch %lld is given up: the job ends now%s%s", (long long)(engine->epoch + 1),
                waited ? ": " : "", waited ? error.text : "");
        engine->gave_up = true;
        return SL_OK;
    }
    if (rc != SL_OK) {
        *err = error;
    }
    return rc;
}

/// Receivers end, and what they took can be offered, or waits in the write-ahead log.
static sl_code end_receiving(sli_engine *engine, sl_error *err)
{
    if (engine->received_all) {
        return SL_OK;
    }
    if (engine->env.stop_io != NULL) {
        engine->env.stop_io(engine->env.stop_io_ctx);
    }
    SL_TRY(sli_ingest_stop(engine->ingest, err));
    engine->received_all = true;
    return SL_OK;
}

/// Nothing is lost with a checkpoint; without one the job can't end well.
static void tell_cut_short(sli_engine *engine)
{
    long long ms = (long long)(engine->stop_timeout_us / 1000);
    if (engine->ckpt != NULL) {
        SLI_LOG(engine->log, SLI_WARN, "stream",
                "the graceful stop has taken %lld ms (stop.timeout) and is cut short: what was "
                "received and not processed waits in the checkpoint for the next start",
                ms);
        return;
    }
    if (engine->kept_error.code == SL_OK) {
        (void)sl_error_set(&engine->kept_error, SL_E_TIMEOUT,
                           "the graceful stop has taken %lld ms (stop.timeout) and was cut short: "
                           "what was received and not processed is lost; with a checkpoint "
                           "directory it would have waited for the next start",
                           ms);
    }
}

/// A graceful stop whose time is over: no further epoch, no further try of a sink.
static sl_code cut_short(sli_engine *engine, sl_error *err)
{
    int64_t by_us = atomic_load_explicit(&engine->stop_by_us, memory_order_relaxed);
    if (by_us == 0 || engine->now_us < by_us || engine->was_cut_short) {
        return SL_OK;
    }
    engine->was_cut_short = true;
    if (atomic_load_explicit(&engine->stopping, memory_order_acquire) == 1) {
        SL_TRY(end_receiving(engine, err));
        tell_cut_short(engine);
    }
    sli_engine_stop(engine, false);
    return SL_OK;
}

/// The last epochs of a graceful stop: until no input has anything more. `*done` when that is so.
static sl_code run_out(sli_engine *engine, bool *done, sl_error *err)
{
    *done = false;
    SL_TRY(end_receiving(engine, err));
    if (engine->epoch >= engine->max_epochs) {
        *done = true;
        return SL_OK;
    }
    SL_TRY(run_epoch(engine, err));
    *done = !engine->gave_up; // else the stop is cut short, which is told
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        *done = *done && !engine->inputs[i].more;
    }
    return SL_OK;
}

static sl_code run_epochs(sli_engine *engine, sl_error *err)
{
    int32_t stopping = atomic_load_explicit(&engine->stopping, memory_order_acquire);
    if (stopping == 1 && has_room(engine)) {
        bool done = false;
        SL_TRY(run_out(engine, &done, err));
        if (done) {
            atomic_store_explicit(&engine->stopping, 2, memory_order_release);
        }
        return SL_OK;
    }
    if (stopping == 0 && epoch_is_due(engine)) {
        SL_TRY(run_epoch(engine, err));
        if (engine->epoch >= engine->max_epochs) {
            atomic_store_explicit(&engine->stopping, 2, memory_order_release);
        } else if (sli_ingest_drained(engine->ingest)) {
            atomic_store_explicit(&engine->stopping, 1, memory_order_release);
        }
    }
    return SL_OK;
}

/// What sinks still gather becomes visible: no group follows in this run.
static sl_code show_all(sli_engine *engine, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (output->sink != NULL && output->sink->ops->show != NULL) {
            sl_code rc = output->sink->ops->show(output->sink, true, err);
            if (rc != SL_OK) {
                return sl_error_wrap(err, rc, "show what output %s has gathered", output->uid);
            }
        }
    }
    return SL_OK;
}

/// Everything committed is visible and on record, so that the next start has nothing to finish.
static sl_code finish(sli_engine *engine, sl_error *err)
{
    SL_TRY(sli_compaction_join(engine, err));
    SL_TRY(show_all(engine, err));
    if (engine->ckpt != NULL && engine->committed_logged < engine->committed) {
        sli_strand_free(engine->writer);
        engine->writer = NULL;
        SL_TRY(sli_committed_append(engine, engine->committed, err));
        SL_TRY(sli_ckpt_sync(engine->ckpt, err));
    }
    return SL_OK;
}

static sl_code end(sli_engine *engine, sl_error *err)
{
    engine->over = true;
    if (engine->failure.code == SL_OK) {
        sl_error error = SL_ERROR_INIT;
        sl_code rc = finish(engine, &error);
        if (rc != SL_OK) {
            (void)sli_engine_fail(engine, rc, &error);
        }
    }
    const sl_error *first = engine->failure.code != SL_OK ? &engine->failure : &engine->kept_error;
    if (first->code != SL_OK) {
        if (err != NULL) {
            *err = *first;
        }
        return first->code;
    }
    return SL_E_END;
}

/// Groups first (they free room), then epochs, then the close of what they filled.
static sl_code step(sli_engine *engine, sl_error *err)
{
    bool moved = false;
    sli_listen_step(engine);
    SL_TRY(sli_compaction_step(engine, err));
    SL_TRY(sli_groups_step(engine, &moved, err));
    engine->now_us = sli_env_mono_us(engine->world);
    SL_TRY(cut_short(engine, err));
    SL_TRY(run_epochs(engine, err));
    bool last = atomic_load_explicit(&engine->stopping, memory_order_relaxed) == 2;
    if (group_is_due(engine) || (last && engine->n_pending < engine->max_pending)) {
        SL_TRY(sli_group_close(engine, err));
    }
    sli_ahead_epochs(engine);
    return sli_groups_step(engine, &moved, err);
}

static int64_t due(const sli_engine *engine)
{
    int64_t at = SLI_FOREVER;
    if (atomic_load_explicit(&engine->stopping, memory_order_relaxed) != 0) {
        // Waits for strands only, unless it can go on at once, or until the stop is cut short.
        int64_t by_us = atomic_load_explicit(&engine->stop_by_us, memory_order_relaxed);
        bool goes_on = engine->n_pending < engine->max_pending && engine->pending == NULL;
        return goes_on ? 0 : by_us == 0 || engine->was_cut_short ? SLI_FOREVER : by_us;
    }
    if (has_room(engine) && engine->epoch < engine->max_epochs) {
        at = sli_clock_due_us(&engine->clock);
    }
    if (engine->open != NULL && engine->open->first_epoch > 0 && !is_sealing(engine)) {
        int64_t close = engine->last_close_us + engine->commit_interval_us;
        at = close < at ? close : at;
    }
    return at;
}

/// After a failure: what is on its way is finished or given up, nothing new begins.
static bool is_at_rest(const sli_engine *engine)
{
    for (const sli_group *group = engine->pending; group != NULL; group = group->next) {
        int32_t stage = atomic_load_explicit(&group->stage, memory_order_acquire);
        if (stage == SLI_GROUP_SEALING || stage == SLI_GROUP_COMMITTING) {
            return false;
        }
    }
    return true;
}

static sl_code step_failed(sli_engine *engine, int64_t *due_us, sl_error *err)
{
    *due_us = SLI_FOREVER;
    return is_at_rest(engine) ? end(engine, err) : SL_OK;
}

/// An epoch failed: the good ones before it are still sealed and committed, then the job ends.
static void end_after_failure(sli_engine *engine, sl_code rc, const sl_error *error)
{
    rc = sli_engine_fail(engine, rc, error);
    sl_error ignored = SL_ERROR_INIT; // the first failure is the one that is told
    bool moved = false;
    if (rc != SL_E_CRASHED && rc != SL_E_SUPERSEDED && sli_group_close(engine, &ignored) == SL_OK) {
        (void)!sli_groups_step(engine, &moved, &ignored);
    }
}

sl_code sli_engine_step(sli_engine *engine, int64_t *due_us, sl_error *err)
{
    sli_engine_note_thread(engine);
    if (engine->over) {
        return end(engine, err);
    }
    if (engine->failure.code != SL_OK) {
        bool moved = false;
        sl_error ignored = SL_ERROR_INIT;
        (void)!sli_groups_step(engine, &moved,
                               &ignored); // commits what is sealed; the first failure is told
        return step_failed(engine, due_us, err);
    }
    sl_error error;
    sli_error_clear(&error);
    sl_code rc = step(engine, &error);
    sli_metrics_drain(engine->env.runtime->metrics);
    if (rc != SL_OK) {
        end_after_failure(engine, rc, &error);
        return step_failed(engine, due_us, err);
    }
    bool last = atomic_load_explicit(&engine->stopping, memory_order_relaxed) == 2;
    if (last && engine->pending == NULL &&
        (engine->open == NULL || engine->open->first_epoch == 0)) {
        return end(engine, err);
    }
    *due_us = due(engine);
    return SL_OK;
}

sl_code sli_engine_wait(sli_engine *engine, int64_t until_us, sl_error *err)
{
    sl_code rc = engine->env.io_on_driver ? sli_engine_io(engine, until_us, err)
                                          : sli_signal_wait(engine->signal, until_us, err);
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

sl_code sli_engine_io(sli_engine *engine, int64_t until_us, sl_error *err)
{
    sl_code rc = sli_loop_run(engine->env.loop, until_us, err);
    sli_ingest_turn(engine->ingest);
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

void sli_engine_wake(sli_engine *engine)
{
    if (engine->env.io_on_driver) {
        sli_loop_wake(engine->env.loop);
    } else {
        sli_signal_set(engine->signal);
    }
}

void sli_calls_end(_Atomic int64_t *end_us, int64_t at_us)
{
    int64_t now = atomic_load(end_us);
    while (at_us < now && !atomic_compare_exchange_weak(end_us, &now, at_us)) {
    }
}

void sli_engine_give_up(sli_engine *engine)
{
    sli_calls_end(engine->env.end_us, sli_env_mono_us(engine->world) + SLI_GRACE_US);
    sli_signal_set(engine->give_up);
}

void sli_engine_stop(sli_engine *engine, bool gracefully)
{
    int32_t wanted = gracefully ? 1 : 2, now = atomic_load(&engine->stopping);
    if (gracefully) {
        int64_t none = 0, by_us = sli_env_mono_us(engine->world) + engine->stop_timeout_us;
        if (atomic_compare_exchange_strong(&engine->stop_by_us, &none, by_us)) { // the first counts
            sli_calls_end(engine->env.end_us, by_us + SLI_GRACE_US);
        }
    }
    while (now < wanted && !atomic_compare_exchange_weak(&engine->stopping, &now, wanted)) {
    }
    if (!gracefully) {
        sli_engine_give_up(engine);
        sli_sched_end(engine->env.sched);
    }
    sli_engine_wake(engine);
}

int64_t sli_engine_epoch(const sli_engine *engine)
{
    return engine->epoch;
}

bool sli_engine_ran(const sli_engine *engine, const char *url)
{
    bool ran = false;
    for (int32_t i = 0; i < engine->graph->n_outputs && !ran; i++) {
        const sli_output *output = &engine->graph->outputs[i];
        ran = output->url != NULL && strcmp(output->url, url) == 0 &&
              output->last_epoch == engine->epoch;
    }
    return ran;
}

const sl_schema *sli_engine_columns(const sli_engine *engine, const char *url)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        const sli_output *output = &engine->graph->outputs[i];
        if (output->url != NULL && strcmp(output->url, url) == 0) {
            return output->input->schema;
        }
    }
    return NULL;
}

int64_t sli_engine_next_epoch_us(const sli_engine *engine)
{
    return sli_clock_due_us(&engine->clock);
}

bool sli_engine_rests(const sli_engine *engine)
{
    bool may_close =
        engine->open != NULL && engine->open->first_epoch > 0 &&
        engine->last_close_us + engine->commit_interval_us < sli_clock_due_us(&engine->clock);
    return engine->pending == NULL && engine->compaction == NULL && !may_close;
}

sl_code sli_engine_accumulated(sli_engine *engine, const char *name, sl_accumulated *out,
                               sl_error *err)
{
    return sli_accs_shown(engine->accs, name, out, err);
}

int64_t sli_engine_committed(const sli_engine *engine)
{
    return engine->committed;
}
