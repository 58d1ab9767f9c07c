// What the engine calls around an epoch of a graph with event time.
#include "stream/event/event_time.h"

#include "stream/event/timed.h"

// ---------------------------------------------------------------- start and end of a run

sl_code sli_event_restore(sl_graph *graph, sli_runtime *runtime, sl_error *err)
{
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        SL_TRY(sl_error_wrap(err, sli_track_restore(time, err), "event time %s", time->node->uid));
        if (sli_env_bug(runtime->env, "lifted-watermark-forgotten")) {
            time->lanes.watermark_us = SLI_NO_TIME;
            time->lanes.promised_us = time->promised_us = SLI_NO_TIME; // it holds the same
        }
    }
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        SL_TRY(
            sl_error_wrap(err, sli_timed_restore(op, runtime, err), "state of %s", op->node->uid));
        sli_timed_resume(op);
    }
    if (runtime->metrics != NULL) {
        sli_event_find_series(graph, runtime->metrics);
    }
    return SL_OK;
}

void sli_event_close(sl_graph *graph)
{
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        sli_timed_close(op);
    }
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        sli_lanes_reset(&time->lanes);
    }
    sli_event_forget_series(graph);
}

// ---------------------------------------------------------------- the plan

static int64_t watermark_of(sli_event_time *time, int64_t batch_time_us, const sli_plan *recorded)
{
    const sli_plan_watermark *fixed =
        recorded == NULL ? NULL : sli_plan_watermark_find(recorded, time->node->uid);
    if (fixed != NULL || time->above != NULL) {
        return fixed != NULL ? fixed->watermark_us : SLI_NO_TIME; // or follow_all's
    }
    if (time->lanes.since_us == SLI_NO_TIME) {
        time->lanes.since_us = batch_time_us;
    }
    return sli_lanes_watermark(&time->lanes, batch_time_us, time->idle_us, time->delay_us);
}

/// Those that follow others, first those that were defined first: what they follow stands above.
static void follow_all(const sl_graph *graph, const sli_plan *recorded)
{
    for (int32_t i = 0; graph->event_times != NULL && i < graph->n_nodes; i++) {
        sli_event_time *time = sli_follow_of(graph->nodes[i]);
        const sli_plan_watermark *fixed = recorded == NULL || time == NULL
                                              ? NULL
                                              : sli_plan_watermark_find(recorded, time->node->uid);
        if (time != NULL) {
            time->watermark_us = fixed != NULL ? fixed->watermark_us : sli_follow_watermark(time);
        }
    }
}

/// An operator's watermark is the least of those above it, its limit too.
static void take_least(sli_timed *op)
{
    op->watermark_us = op->ahead_us = INT64_MAX;
    for (int32_t i = 0; i < op->n_times; i++) {
        const sli_event_time *time = op->times[i];
        op->watermark_us =
            time->watermark_us < op->watermark_us ? time->watermark_us : op->watermark_us;
        op->ahead_us = time->ahead_us < op->ahead_us ? time->ahead_us : op->ahead_us;
    }
    op->sifted = (sli_sifted){0};
}

sl_code sli_event_plan(sl_graph *graph, sli_runtime *runtime, int64_t batch_time_us,
                       const sli_plan *recorded, sl_error *err)
{
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        time->watermark_us = watermark_of(time, batch_time_us, recorded);
        time->silent = false;
    }
    if (recorded == NULL) {
        sli_lift_silent(graph, batch_time_us);
    }
    follow_all(graph, recorded);
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        bool known = time->watermark_us != SLI_NO_TIME;
        time->lag_us = known ? sli_time_add(batch_time_us, -time->watermark_us) : 0;
    }
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        take_least(op);
        SL_TRY(sli_timed_fit(op, runtime, err));
    }
    return SL_OK;
}

sl_code sli_event_record(const sl_graph *graph, sl_arena *arena, sli_plan *plan, sl_error *err)
{
    size_t n = 0;
    for (const sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        n++;
    }
    if (n == 0) {
        return SL_OK;
    }
    plan->watermarks = sl_arena_alloc_zero(arena, n * sizeof *plan->watermarks);
    if (plan->watermarks == NULL) {
        return sl_error_nomem(err, n * sizeof *plan->watermarks, "watermarks of a PLAN");
    }
    for (const sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        plan->watermarks[plan->n_watermarks++] =
            (sli_plan_watermark){time->node->uid, time->watermark_us};
    }
    return SL_OK;
}

bool sli_event_is_due(const sl_graph *graph)
{
    for (const sli_timed *op = graph->timed; op != NULL; op = op->next) {
        if (sli_timed_is_due(op)) {
            return true;
        }
    }
    return false;
}

// ---------------------------------------------------------------- the end of an epoch

static sl_code observe(sli_event_time *time, sli_epoch *epoch, sl_error *err)
{
    sl_rdd *rdd = epoch->made[time->node->index];
    bool watches = rdd != NULL && time->above == NULL;
    return watches ? sli_event_time_observe(time, rdd, epoch->time_us, err) : SL_OK;
}

/// Indexes by time are in memory, whatever store the state is in: together they have to fit there.
static sl_code check_indexes(const sl_graph *graph, sl_error *err)
{
    int64_t bytes = 0, limit = INT64_MAX;
    for (const sli_timed *op = graph->timed; op != NULL; op = op->next) {
        bytes += sli_timed_index_bytes(op);
        limit = sli_budget_limit(op->budget);
    }
    if (bytes <= limit) {
        return SL_OK;
    }
    sl_code rc = sl_error_set(err, SL_E_NO_SPACE,
                              "keys that wait for a watermark take %lld bytes of memory, and "
                              "memory=%lld: give the job more, or let them wait less long (delays, "
                              "lateness, gaps, bounds, streams that are silent)",
                              (long long)bytes, (long long)limit);
    (void)sl_error_act(err, SL_ACT_STOP_JOB); // the next epoch's are no fewer
    return rc;
}

sl_code sli_event_settle(sl_graph *graph, sli_epoch *epoch, sl_error *err)
{
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        SL_TRY(sl_error_wrap(err, sli_timed_settle(op, err), "operator %s", op->node->uid));
    }
    SL_TRY(check_indexes(graph, err));
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        SL_TRY(sl_error_wrap(err, observe(time, epoch, err), "operator %s", time->node->uid));
    }
    sli_promise_all(graph); // before idle lanes are set aside
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        SL_TRY(sl_error_wrap(err, sli_track_put(time, epoch->number, epoch->time_us, err),
                             "operator %s", time->node->uid));
    }
    return SL_OK;
}

sl_code sli_event_end(sl_graph *graph, bool completed, sl_error *err)
{
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        sl_code rc = sli_timed_finish(op, completed, err);
        if (rc != SL_OK) {
            (void)sl_error_act(err, SL_ACT_STOP_JOB);
            return rc;
        }
    }
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        if (!completed) {
            SL_TRY(sli_track_restore(time, err)); // the store still has them as they were
        }
    }
    if (completed) {
        sli_event_count(graph);
    }
    return SL_OK;
}
