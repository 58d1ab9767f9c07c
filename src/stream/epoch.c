// One epoch: its input is fixed, the graph gives its RDDs, the outputs run, the state moves on.
//
// Without a checkpoint a failed epoch is dropped and the job goes on (Spark's behaviour); with one
// the job stops before the next epoch has effects, and the next life runs the same input again.
#include "stream/event/event_time.h"
#include "stream/listen.h"
#include "stream/past.h"
#include "stream/poison.h"

static sl_bytes range_of(void *ctx, const sl_stream *node, int32_t *n_splits)
{
    const sli_engine *engine = ctx;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        if (engine->inputs[i].node == node) {
            *n_splits = engine->inputs[i].n_splits;
            return engine->inputs[i].range;
        }
    }
    *n_splits = 0;
    return (sl_bytes){NULL, 0};
}

static int64_t rows_of(void *ctx, const sl_stream *node)
{
    const sli_engine *engine = ctx;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        const sli_input *input = &engine->inputs[i];
        if (input->node == node) {
            return input->range.size > 0 ? input->rows : 0;
        }
    }
    return -1;
}

/// Asks every input for this epoch's range. Those that nobody wants now keep their rows.
static sl_code offer_all(sli_engine *engine, int64_t time_us, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_input *input = &engine->inputs[i];
        if (engine->waits[input->node->index]) {
            *input = (sli_input){.node = input->node, .source = input->source};
            continue;
        }
        sli_ask ask = {
            .epoch = engine->epoch + 1,
            .batch_time_us = time_us,
            .max_rows = sli_ingest_limit(engine->ingest, input->source, engine->clock.interval_us),
        };
        sli_offer offer = {0};
        sl_code rc =
            input->source->ops->offer(input->source, &ask, engine->epoch_arena, &offer, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "plan of epoch %lld, source %s", (long long)ask.epoch,
                                 input->node->uid);
        }
        input->range = offer.range;
        input->n_splits = offer.n_splits;
        input->rows = offer.rows;
        input->more = offer.more;
    }
    return SL_OK;
}

/// Takes the ranges on record. The sources count them as offered.
static sl_code accept_all(sli_engine *engine, const sli_plan *plan, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_input *input = &engine->inputs[i];
        const sli_plan_input *recorded = sli_plan_find(plan, input->node->uid);
        input->range = recorded == NULL ? (sl_bytes){NULL, 0} : recorded->range;
        input->n_splits = recorded == NULL ? 0 : recorded->n_splits;
        input->rows = recorded == NULL ? 0 : recorded->rows;
        input->more = false;
        if (input->range.size > 0) {
            sl_code rc = input->source->ops->accept(input->source, input->range, err);
            if (rc != SL_OK) {
                return sl_error_wrap(err, rc, "planned epoch %lld, source %s",
                                     (long long)plan->epoch, input->node->uid);
            }
        }
    }
    return SL_OK;
}

static sl_code put_plan(sli_engine *engine, int64_t before_us, int64_t time_us, sli_str *out,
                        sl_error *err)
{
    sli_plan_input *inputs =
        sl_arena_alloc_zero(engine->epoch_arena, (size_t)(engine->n_inputs + 1) * sizeof *inputs);
    if (inputs == NULL) {
        return sl_error_nomem(err, (size_t)engine->n_inputs * sizeof *inputs, "PLAN");
    }
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        const sli_input *input = &engine->inputs[i];
        inputs[i] = (sli_plan_input){input->node->uid, input->range, input->n_splits, input->rows};
    }
    sli_plan plan = {
        .epoch = engine->epoch + 1,
        .time_us = time_us,
        .before_us = engine->n_windows > 0 ? before_us : 0,
        .seed = engine->env.runtime->seed,
        .options_hash = engine->options_hash,
        .graph_hash = sl_graph_hash(engine->graph),
        .parallelism = engine->env.runtime->parallelism,
        .inputs = inputs,
        .n_inputs = engine->n_inputs,
    };
    SL_TRY(sli_event_record(engine->graph, engine->epoch_arena, &plan, err));
    SL_TRY(sli_fix_record(engine, &plan, err));
    sli_plan_put(out, &plan);
    return sli_str_check(out, "PLAN", err);
}

/// Keeps the PLAN for the group's one sync.
static sl_code record_plan(sli_engine *engine, sli_group *group, int64_t before_us, int64_t time_us,
                           sl_error *err)
{
    if (engine->ckpt == NULL) {
        return SL_OK;
    }
    sli_str body = {.tag = SLI_TAG_STREAM};
    sl_code rc = put_plan(engine, before_us, time_us, &body, err);
    if (rc == SL_OK) {
        sli_put_i64(&group->plans, engine->epoch + 1);
        sli_put_i64(&group->plans, time_us);
        sli_put_bytes(&group->plans, body.data, body.size);
        rc = sli_str_check(&group->plans, "PLANs of a group", err);
    }
    sli_str_reset(&body);
    return rc;
}

typedef struct plan_sync {
    sli_engine *engine;
    sli_group *group;
    sli_signal *done;
    sl_code rc;
    sl_error error;
} plan_sync;

/// 0 when nobody wants to know.
static int64_t log_time_us(const sli_engine *engine)
{
    return sli_metrics_time_us(engine->env.runtime->metrics, SLI_EV_BIT(SLI_EV_LOG_SYNCED));
}

static void tell_plan_sync(const plan_sync *sync, int64_t begun_us)
{
    const sli_engine *engine = sync->engine;
    sli_event event = {
        .kind = SLI_EV_LOG_SYNCED,
        .thread = SLI_ON_WRITER,
        .mono_us = log_time_us(engine),
        .epoch = engine->epoch + 1,
        .code = sync->rc,
    };
    event.duration_us = event.mono_us - begun_us;
    sli_metrics_emit(engine->env.runtime->metrics, &event);
}

static void sync_plans_on_writer(void *ctx)
{
    plan_sync *sync = ctx;
    int64_t begun_us = log_time_us(sync->engine);
    sync->rc = sli_plans_append(sync->engine, &sync->group->plans, &sync->error);
    sli_str_clear(&sync->group->plans);
    if (sync->rc == SL_OK) {
        sync->rc = sli_ckpt_sync(sync->engine->ckpt, &sync->error);
    }
    tell_plan_sync(sync, begun_us);
    sli_signal_set(sync->done);
}

/// An output acts before SEALED: what it will see must be on record first. The writer owns the log,
/// so it does it.
static sl_code sync_plans(sli_engine *engine, sli_group *group, sl_error *err)
{
    plan_sync sync = {.engine = engine, .group = group, .done = sli_signal_new(engine->world)};
    if (sync.done == NULL) {
        return sl_error_nomem(err, 64, "the signal of a PLAN");
    }
    sl_code rc = SL_OK;
    if (!sli_strand_post(engine->writer, sync_plans_on_writer, &sync)) {
        rc = sl_error_set(err, SL_E_NOMEM, "the log writer's queue is full");
    } else {
        // `sync` lives on this stack: it must have been used before this returns, whatever the wait
        // says.
        rc = sli_signal_wait(sync.done, SLI_FOREVER, err);
        if (rc == SL_OK && sync.rc != SL_OK) {
            rc = sync.rc;
            *err = sync.error;
        }
        if (rc == SL_E_CRASHED) {
            sli_strand_free(engine->writer);
            engine->writer = NULL;
        }
    }
    sli_signal_free(sync.done);
    return rc;
}

/// Copies the inputs' ranges to where the group can remember them.
static sl_code keep_ranges(sli_engine *engine, sli_group *group, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_input *input = &engine->inputs[i];
        if (input->range.size == 0) {
            continue;
        }
        void *copy = sl_arena_copy(group->arena, input->range.data, input->range.size);
        if (copy == NULL) {
            return sl_error_nomem(err, input->range.size, "a range");
        }
        input->kept = (sl_bytes){copy, input->range.size};
    }
    return SL_OK;
}

/// The epoch is part of the group: its input is forgotten when that is committed. That of an epoch
/// which ends the job is not: the next life reads it again.
static void remember_ranges(const sli_engine *engine, sli_group *group)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        if (engine->inputs[i].kept.size > 0) {
            group->last_ranges[i] = engine->inputs[i].kept;
            group->has_effect = true;
        }
    }
}

static int64_t rows_offered(const sli_engine *engine)
{
    int64_t rows = 0;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        if (engine->inputs[i].range.size > 0 && engine->inputs[i].rows < 0) {
            return -1;
        }
        rows += engine->inputs[i].range.size > 0 ? engine->inputs[i].rows : 0;
    }
    return rows;
}

static bool no_input(const sli_engine *engine)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        if (engine->inputs[i].range.size > 0) {
            return false;
        }
    }
    return true;
}

static sl_code run_once(sli_engine *engine, sli_group *group, sli_epoch *epoch, int64_t *rows_out,
                        sl_error *err)
{
    int64_t rows = rows_offered(engine);
    SL_TRY(sli_windows_take(engine, epoch, group, rows, err));
    SL_TRY(sli_outputs_run(engine, epoch, group, rows, rows_out, err));
    SL_TRY(engine->remembers ? sli_past_compute(epoch, engine, err) : SL_OK);
    sli_poison_watch(engine, true);
    sl_code rc = sli_epoch_settle(epoch, engine->graph, err);
    rc = rc == SL_OK ? sli_windows_settle(engine, err) : rc;
    sli_poison_watch(engine, false);
    return rc == SL_OK ? sli_event_settle(engine->graph, epoch, err) : rc;
}

static void drop_counts(sli_engine *engine)
{
    if (engine->accs != NULL) {
        sli_accs_drop(engine->accs);
    }
}

/// As if the epoch had not begun to run.
static void take_back(sli_engine *engine, sli_group *group, int64_t epoch)
{
    if (engine->store != NULL) {
        engine->store->ops->fail(engine->store, epoch);
    }
    drop_counts(engine);
    engine->letters = 0;
    sli_outputs_forget(engine, group, epoch);
    sli_windows_end(engine);
    sli_windows_forget(engine, group, epoch);
}

/// What event time has shown in a failed epoch is taken back; the first failure is the one told.
static sl_code forget_event(sli_engine *engine, sl_code rc, sl_error *err)
{
    sl_error error = SL_ERROR_INIT;
    sl_code again = sli_nodes_end(engine->graph, false, &error);
    if (again != SL_OK) {
        *err = error;
        (void)sl_error_act(err, SL_ACT_STOP_JOB);
        return again;
    }
    return rc;
}

/// The epoch has failed with *err: it is run again without the rows that did it, as often as there
/// are more of them.
static sl_code run_without(sli_engine *engine, sli_group *group, sli_epoch *epoch, sl_code rc,
                           int64_t *rows_out, sl_error *err)
{
    bool again = true;
    epoch->choose = sli_poison_choose;
    while (rc != SL_OK) {
        take_back(engine, group, epoch->number);
        SL_TRY(forget_event(engine, SL_OK, err));
        sl_code judged = sli_poison_judge(engine->poison, epoch, &again, err);
        drop_counts(engine); // what trials added
        SL_TRY(judged);
        if (!again) {
            return rc;
        }
        *rows_out = engine->rows_read = 0;
        sli_error_clear(err);
        rc = run_once(engine, group, epoch, rows_out, err);
    }
    return SL_OK;
}

/// The graph's RDDs and outputs for the planned ranges.
static sl_code run_outputs(sli_engine *engine, sli_group *group, int64_t before_us, int64_t time_us,
                           int64_t *rows_out, sl_error *err)
{
    sli_epoch epoch = {
        .number = engine->epoch + 1,
        .time_us = time_us,
        .before_us = before_us,
        .generation = engine->generation,
        .interval_us = engine->clock.interval_us,
        .runtime = engine->env.runtime,
        .arena = engine->epoch_arena,
        .range = range_of,
        .rows = rows_of,
        .ctx = engine,
        .made = engine->made,
    };
    epoch.no_input = no_input(engine) && !sli_epoch_is_due(&epoch, engine->graph) &&
                     !sli_event_is_due(engine->graph);
    sli_sched_epoch(engine->env.sched, epoch.generation, epoch.number, epoch.time_us);
    engine->running = &epoch;
    sl_code rc = sli_epoch_broadcast(engine->graph, &epoch, err);
    rc = rc != SL_OK ? rc : run_once(engine, group, &epoch, rows_out, err);
    if (engine->poison != NULL && rc != SL_OK) {
        rc = run_without(engine, group, &epoch, rc, rows_out, err);
    }
    engine->running = NULL;
    if (engine->poison != NULL && rc == SL_OK) {
        rc = sli_poison_deliver(engine->poison, &epoch, group, err);
    }
    if (rc == SL_OK && engine->remembers) {
        rc = sli_past_keep(engine, &epoch, err);
    }
    sli_windows_end(engine);
    sli_epoch_release(&epoch);
    return rc;
}

static sl_code plan_epoch(sli_engine *engine, sli_group *group, const sli_plan *recorded,
                          int64_t before_us, int64_t time_us, sl_error *err)
{
    sli_env_phase(engine->world, "fetch");
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        engine->inputs[i].kept = (sl_bytes){NULL, 0}; // of the epoch before
    }
    if (engine->n_windows > 0) {
        sli_graph_waits(engine->graph, before_us, time_us, engine->waits);
    }
    SL_TRY(sli_event_plan(engine->graph, engine->env.runtime, time_us, recorded, err));
    SL_TRY(sli_fix_all(engine, recorded, time_us, err));
    if (recorded != NULL) {
        SL_TRY(accept_all(engine, recorded, err));
    } else {
        SL_TRY(offer_all(engine, time_us, err));
        SL_TRY(record_plan(engine, group, before_us, time_us, err));
    }
    SL_TRY(keep_ranges(engine, group, err));
    if (engine->plan_first && recorded == NULL &&
        !sli_env_bug(engine->world, "plan-after-effect")) {
        return sync_plans(engine, group, err);
    }
    return SL_OK;
}

/// What a finished epoch leaves in the group and the engine.
static void count_epoch(sli_engine *engine, sli_group *group, int64_t time_us, int64_t rows_in,
                        int64_t rows_out)
{
    remember_ranges(engine, group);
    engine->epoch++;
    engine->last_time_us = time_us;
    if (group->first_epoch == 0) {
        group->first_epoch = engine->epoch;
    }
    group->last_epoch = engine->epoch;
    group->last_time_us = time_us;
    group->rows_in += rows_in;
    group->rows_out += rows_out;
    group->has_effect = group->has_effect || rows_out > 0;
    engine->rows_total += rows_in;
}

/// Without a checkpoint: the epoch's error is kept for the end, its input is gone, later epochs go
/// on.
static sl_code drop_epoch(sli_engine *engine, sli_group *group, int64_t time_us, sl_code rc,
                          sl_error *err)
{
    sl_action action = sl_error_action(err);
    if (engine->ckpt != NULL || rc == SL_E_CRASHED || rc == SL_E_CANCELLED ||
        action == SL_ACT_STOP_JOB) {
        return rc;
    }
    SLI_LOG(engine->log, SLI_ERROR, "stream", "epoch %lld failed and is dropped: %s",
            (long long)(engine->epoch + 1), err->text);
    if (engine->kept_error.code == SL_OK) {
        engine->kept_error = *err;
        if (engine->env.dropped != NULL) {
            engine->env.dropped(engine->env.dropped_ctx, err);
        }
    }
    count_epoch(engine, group, time_us, 0, 0);
    return SL_OK;
}

/// An epoch on record is not late: it was due in an earlier life.
static sli_timing timing_of(const sli_engine *engine, int64_t time_us, bool recorded)
{
    sli_timing at = {.begun_us = engine->now_us};
    int64_t due_us = time_us - engine->clock.offset_us;
    at.late_us = !recorded && at.begun_us > due_us ? at.begun_us - due_us : 0;
    return at;
}

static void tell(sli_engine *engine, const sli_group *group, const sli_timing *at, int64_t rows_in,
                 int64_t rows_out, const sl_error *error)
{
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_ingest_epoch_done(engine->ingest, engine->inputs[i].source, at->done_us,
                              engine->inputs[i].rows < 0 ? rows_in : engine->inputs[i].rows,
                              at->done_us - at->begun_us, at->late_us);
    }
    sli_progress_tell(engine, group, rows_in, rows_out, at, error);
}

/// The batch time of the epoch before this one: before the first of a job lies an interval.
static int64_t time_before(const sli_engine *engine, const sli_plan *recorded, int64_t time_us)
{
    return recorded != NULL && recorded->before_us > 0 ? recorded->before_us
           : engine->last_time_us > 0                  ? engine->last_time_us
                                                       : time_us - engine->clock.interval_us;
}

/// What is on its way through an epoch.
typedef struct passage {
    const sli_plan *recorded; ///< NULL: a new epoch
    sli_group *group;
    int64_t number, time_us, before_us;
    int64_t rows_out;
    sli_timing at;
} passage;

static void begin(sli_engine *engine, passage *p)
{
    engine->rows_read = engine->letters = 0;
    if (engine->poison != NULL) {
        sli_poison_begin(engine->poison);
    }
    p->at = timing_of(engine, p->time_us, p->recorded != NULL);
    if (engine->listens) {
        sli_listen_begin(engine, p->time_us, &p->at);
    }
    if (p->recorded == NULL) {
        sli_clock_tick(&engine->clock);
    }
}

/// The state has the epoch, whole.
static sl_code complete(sli_engine *engine, int64_t number, sl_error *err)
{
    if (engine->accs != NULL) {
        SL_TRY(sli_accs_settle(engine->accs, err));
    }
    if (engine->store != NULL) {
        SL_TRY(sli_hold_wait(engine, err));
        SL_TRY(engine->store->ops->complete(engine->store, number, err));
        SL_TRY(sli_state_fits(engine, err));
    }
    return sli_nodes_end(engine->graph, true, err);
}

static sl_code pass(sli_engine *engine, passage *p, sl_error *err)
{
    sl_code rc = plan_epoch(engine, p->group, p->recorded, p->before_us, p->time_us, err);
    p->at.planned_us = sli_env_mono_us(engine->world);
    if (rc == SL_OK && engine->listens) {
        sli_listen_planned(engine, &p->at);
    }
    SL_TRY(rc);
    sli_env_phase(engine->world, "stage");
    SL_TRY(run_outputs(engine, p->group, p->before_us, p->time_us, &p->rows_out, err));
    return complete(engine, p->number, err);
}

static void end_well(sli_engine *engine, const passage *p)
{
    int64_t rows_in = rows_offered(engine);
    rows_in = rows_in < 0 ? engine->rows_read : rows_in;
    if (engine->listens) {
        sli_listen_end(engine, rows_in, &p->at, NULL);
    }
    sli_windows_complete(engine, p->group, p->number, p->time_us);
    count_epoch(engine, p->group, p->time_us, rows_in, p->rows_out);
    if (engine->remembers) {
        sli_past_cut(engine);
    }
    tell(engine, p->group, &p->at, rows_in, p->rows_out, NULL);
}

/// Takes everything back. SL_OK when the job goes on without the epoch.
static sl_code end_badly(sli_engine *engine, const passage *p, sl_code rc, sl_error *failure)
{
    take_back(engine, p->group, p->number);
    sli_past_undo(engine, p->time_us);
    if (engine->listens) {
        sli_listen_end(engine, 0, &p->at, failure);
    }
    rc = forget_event(engine, rc, failure);
    rc = drop_epoch(engine, p->group, p->time_us, rc, failure);
    if (rc == SL_OK) {
        tell(engine, p->group, &p->at, 0, 0, failure);
    } else {
        sli_progress_failed(engine, p->time_us, &p->at, failure);
    }
    return rc;
}

sl_code sli_epoch_run(sli_engine *engine, const sli_plan *recorded, sl_error *err)
{
    if (engine->open == NULL) {
        SL_TRY(sli_group_open(engine, &engine->open, err));
    }
    sl_error failure;
    sli_error_clear(&failure);
    passage p = {.recorded = recorded, .group = engine->open, .number = engine->epoch + 1};
    p.time_us = recorded != NULL ? recorded->time_us : engine->clock.next_time_us;
    p.before_us = time_before(engine, recorded, p.time_us);
    begin(engine, &p);
    sl_code rc = pass(engine, &p, &failure);
    p.at.done_us = engine->now_us = sli_env_mono_us(engine->world);
    if (rc == SL_OK) {
        end_well(engine, &p);
    } else {
        rc = end_badly(engine, &p, rc, &failure);
        if (rc != SL_OK && err != NULL) {
            *err = failure;
        }
    }
    sl_arena_reset(engine->epoch_arena);
    return rc;
}
