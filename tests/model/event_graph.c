// A plan by event time as a graph of Sluice.
#include "model/event.h"

#include <inttypes.h>
#include <stdio.h>

#include "sluice/sluice.h"

/// Which epoch a row was in, as a reader can see it.
static sl_code run_stamp(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_int64(out, 0, sl_args_time_us(args) / 1000000);
        sl_builder_cell(out, 1, sl_batch_column(in, 3), i);
    }
    return SL_OK;
}
static const sl_fn stamp = {
    .struct_size = sizeof(sl_fn), .name = "stamp", .out = "t int64, id int64", .run = run_stamp};

typedef struct duration {
    char text[24];
} duration;

static duration seconds(int64_t s)
{
    duration d;
    (void)snprintf(d.text, sizeof d.text, "%" PRId64 "s", s);
    return d;
}

static sl_stream *event_time(sl_stream *a, const slt_event_node *node)
{
    sl_stream *made = sl_stream_event_time(a, "ts", seconds(node->delay).text);
    sl_stream_idle_after(made, seconds(node->idle).text);
    sl_stream_silent_after(made, seconds(node->silent).text);
    return sl_stream_max_ahead(made, seconds(node->ahead).text);
}

static sl_stream *join(sl_stream *a, sl_stream *b, const slt_event_node *node)
{
    const char *lower = seconds(node->lower).text, *upper = seconds(node->upper).text;
    return node->outer[0] && node->outer[1]
               ? sl_stream_interval_full_outer_join(a, b, "k", lower, upper)
           : node->outer[0] ? sl_stream_interval_left_outer_join(a, b, "k", lower, upper)
           : node->outer[1] ? sl_stream_interval_right_outer_join(a, b, "k", lower, upper)
                            : sl_stream_interval_join(a, b, "k", lower, upper);
}

#define AGGREGATIONS "count() as n, sum(v) as s"

static sl_stream *op(sl_stream *a, sl_stream *b, const slt_event_node *node)
{
    sl_stream *made = node->kind == SLT_EV_JOIN       ? join(a, b, node)
                      : node->kind == SLT_EV_DISTINCT ? sl_stream_distinct_within(a, "k")
                      : node->kind == SLT_EV_SESSION
                          ? sl_stream_session_window(a, "k", AGGREGATIONS, seconds(node->size).text)
                          : sl_stream_event_window(a, "k", AGGREGATIONS, seconds(node->size).text,
                                                   seconds(node->slide).text);
    if (node->update) {
        sl_stream_output_mode(made, SL_UPDATE);
    }
    if (node->partitions > 0) {
        sl_stream_partitions(made, node->partitions);
    }
    return sl_stream_lateness(made, seconds(node->lateness).text);
}

#define SCHEMA "ts timestamp?, k int64, v int64, id int64"

static sl_stream *source(const slt_event_plan *p, const slt_event_node *node, sl_graph *graph)
{
    if (p->files) {
        return sl_stream_open(graph, node->a == 0
                                         ? "file:in0?format=csv&timestamp=s&schema=" SCHEMA
                                         : "file:in1?format=csv&timestamp=s&schema=" SCHEMA);
    }
    return sl_stream_queue(graph, node->a == 0 ? "q0" : "q1", SCHEMA, false);
}

static sl_stream *make(const slt_event_plan *p, const slt_event_node *node, sl_graph *graph,
                       sl_stream *a, sl_stream *b)
{
    switch (node->kind) {
    case SLT_EV_SOURCE:
        return source(p, node, graph);
    case SLT_EV_REPARTITION:
        return sl_stream_repartition(a, 1);
    case SLT_EV_TIME:
        return event_time(a, node);
    case SLT_EV_WHERE:
        return sl_stream_where(a, "v % 2 = 0");
    case SLT_EV_UNION:
        return sl_stream_union(a, b);
    case SLT_EV_LATE:
        return sl_stream_late(a);
    case SLT_EV_LATE_RIGHT:
        return sl_stream_late_right(a);
    default:
        return op(a, b, node);
    }
}

static void show(sl_stream *stream, const slt_event_node *node, int32_t number)
{
    char url[64];
    const char *columns = node->has_rows              ? "id"
                          : node->kind == SLT_EV_JOIN ? "k, coalesce(id, -1) as a, "
                                                        "coalesce(id_2, -1) as b"
                                                      : "window_start, window_end, k, n, s";
    (void)snprintf(url, sizeof url, "file:out/%" PRId32 "?format=csv", number);
    sl_stream_save(sl_stream_select(stream, columns), url);
}

void slt_event_define(sl_graph *graph, void *plan)
{
    const slt_event_plan *p = plan;
    sl_stream *streams[SLT_EVENT_NODES] = {NULL};
    for (int32_t i = 0; i < p->model.n_nodes; i++) {
        const slt_event_node *node = &p->model.nodes[i];
        streams[i] = make(p, node, graph, streams[node->a], streams[node->b]);
        if (p->shown[i]) {
            show(streams[i], node, i);
        }
        if (p->crashes && node->kind == SLT_EV_SOURCE) {
            sl_stream_save(sl_stream_map(streams[i], &stamp, NULL),
                           node->a == 0 ? "file:epochs/0?format=csv" : "file:epochs/1?format=csv");
        }
    }
}
