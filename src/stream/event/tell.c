// What is told of event time once an epoch has been completed: metrics, and what listeners and
// progress lines get.
#include "stream/event/timed.h"

enum { LEVEL, LAG, LATE, AHEAD, UNTIMED, STATE, INDEX };

const sli_metric_info sli_event_metrics[] = {
    [LEVEL] = {"sluice_watermark_milliseconds", SLI_GAUGE, "uid", "ms",
               "Event time up to which no row is expected any more."},
    [LAG] = {"sluice_watermark_lag_milliseconds", SLI_GAUGE, "uid", "ms",
             "How far the watermark was behind the batch time in the last epoch."},
    [LATE] = {"sluice_rows_late_total", SLI_COUNTER, "uid", "rows",
              "Rows that an operator by event time did not take: they came after their watermark."},
    [AHEAD] = {"sluice_rows_ahead_total", SLI_COUNTER, "uid", "rows",
               "Rows not taken because their time is more than max_ahead after the batch time."},
    [UNTIMED] = {"sluice_rows_untimed_total", SLI_COUNTER, "uid", "rows",
                 "Rows not taken because they have no event time."},
    [STATE] = {"sluice_event_state_rows", SLI_GAUGE, "uid", "rows",
               "Rows of state that an operator by event time keeps."},
    [INDEX] = {"sluice_event_index_bytes", SLI_GAUGE, "uid", "bytes",
               "Memory of an operator's index by time."},
    {0},
};

static int64_t state_rows(const sli_timed *op)
{
    return op->node->store->ops->keys(op->node->store, op->node->table);
}

// ---------------------------------------------------------------- metrics

void sli_event_find_series(sl_graph *graph, sli_metrics *metrics)
{
    const sli_metric_info *info = sli_event_metrics;
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        time->level = sli_metrics_series(metrics, &info[LEVEL], time->node->uid);
        time->lag = sli_metrics_series(metrics, &info[LAG], time->node->uid);
    }
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        op->late = sli_metrics_series(metrics, &info[LATE], op->node->uid);
        op->ahead = sli_metrics_series(metrics, &info[AHEAD], op->node->uid);
        op->untimed = sli_metrics_series(metrics, &info[UNTIMED], op->node->uid);
        op->state = sli_metrics_series(metrics, &info[STATE], op->node->uid);
        op->index = sli_metrics_series(metrics, &info[INDEX], op->node->uid);
    }
}

void sli_event_forget_series(sl_graph *graph)
{
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        time->level = time->lag = NULL;
    }
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        op->late = op->ahead = op->untimed = op->state = op->index = NULL;
    }
}

void sli_event_count(sl_graph *graph)
{
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        if (time->level != NULL && time->watermark_us != SLI_NO_TIME) {
            sli_metric_set(time->level, time->watermark_us / 1000);
            sli_metric_set(time->lag, time->lag_us / 1000);
        }
    }
    for (sli_timed *op = graph->timed; op != NULL; op = op->next) {
        if (op->late != NULL) {
            sli_metric_add(op->late, op->sifted.late);
            sli_metric_add(op->ahead, op->sifted.ahead);
            sli_metric_add(op->untimed, op->sifted.untimed);
            sli_metric_set(op->state, state_rows(op));
            sli_metric_set(op->index, op->weight);
        }
    }
}

// ---------------------------------------------------------------- listeners and progress

static int64_t latest_of(const sli_lanes *lanes)
{
    int64_t latest_us = lanes->aside_us;
    for (int32_t i = 0; i < lanes->n; i++) {
        int64_t time_us = lanes->items[i].latest_us;
        latest_us = time_us > latest_us ? time_us : latest_us;
    }
    return latest_us;
}

/// The graph's lists have the last defined first.
static void fill_times(const sl_graph *graph, sl_event_time_info *out, int32_t n)
{
    for (const sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        out[--n] = (sl_event_time_info){.stream = time->node->uid,
                                        .watermark_us = time->watermark_us,
                                        .latest_us = latest_of(&time->lanes),
                                        .lag_us = time->lag_us,
                                        .silent = time->silent};
    }
}

static void fill_operators(const sl_graph *graph, sl_event_operator_info *out, int32_t n)
{
    for (const sli_timed *op = graph->timed; op != NULL; op = op->next) {
        out[--n] = (sl_event_operator_info){.stream = op->node->uid,
                                            .kind = op->node->ops->kind,
                                            .rows_late = op->sifted.late,
                                            .rows_ahead = op->sifted.ahead,
                                            .rows_untimed = op->sifted.untimed,
                                            .state_rows = state_rows(op),
                                            .index_bytes = op->weight};
    }
}

sl_event_info sli_event_info(const sl_graph *graph, sl_arena *arena)
{
    sl_event_info info = {0};
    for (const sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        info.n_times++;
    }
    for (const sli_timed *op = graph->timed; op != NULL; op = op->next) {
        info.n_operators++;
    }
    if (info.n_times == 0) {
        return info;
    }
    sl_event_time_info *times = sl_arena_alloc(arena, (size_t)info.n_times * sizeof *times);
    sl_event_operator_info *operators =
        sl_arena_alloc(arena, (size_t)info.n_operators * sizeof *operators);
    if (times == NULL || operators == NULL) {
        return (sl_event_info){0}; // it is information; an epoch does not fail for it
    }
    fill_times(graph, times, info.n_times);
    fill_operators(graph, operators, info.n_operators);
    info.times = times;
    info.operators = operators;
    return info;
}
