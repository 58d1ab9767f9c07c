// A plan as a graph of Sluice. Every stream is brought back to the columns k and v.
#include "model/plan.h"

#include "model/functions.h"
#include "sluice/running.h"
#include "sluice/ttl.h"
#include "sluice/window.h"

#include <inttypes.h>
#include <stdio.h>

// ---------------------------------------------------------------- expressions

/// What stands before and behind the node's constant; NULL: no constant.
typedef struct expression {
    const char *before, *behind;
} expression;

/// Of text keys, then of int64 keys.
static const expression selects[2][SLT_MODEL_VARIANTS] = {
    {{"k, v * 2 + ", " as v"},
     {"k, abs(v) % 7 - ", " as v"},
     {"k, case when v > ", " then v else 0 - v end as v"},
     {"upper(k) as k, v", NULL},
     {"length(k) as k, v", NULL}},
    {{"k, v * 2 + ", " as v"},
     {"k, abs(v) % 7 - ", " as v"},
     {"k, case when v > ", " then v else 0 - v end as v"},
     {"v % 5 as k, v", NULL},
     {"cast(k as string) as k, v", NULL}},
};

static const expression conditions[2][4] = {
    {{"v > ", ""}, {"v % 2 = 0", NULL}, {"v <> ", " and (v < 10 or v > 15)"}, {"k <> ''", NULL}},
    {{"v > ", ""}, {"v % 2 = 0", NULL}, {"v <> ", " and (v < 10 or v > 15)"}, {"k >= ", ""}},
};

typedef struct expression_text {
    char text[96];
} expression_text;

static expression_text text_of(expression e, int64_t c)
{
    expression_text out;
    if (e.behind == NULL) {
        (void)snprintf(out.text, sizeof out.text, "%s", e.before);
    } else {
        (void)snprintf(out.text, sizeof out.text, "%s%" PRId64 "%s", e.before, c, e.behind);
    }
    return out;
}

// ---------------------------------------------------------------- operators

/// Partitions are set on the operator that shuffles, not on the select behind it.
static sl_stream *wide(sl_stream *stream, const slt_model_node *node)
{
    return node->partitions > 0 ? sl_stream_partitions(stream, node->partitions) : stream;
}

static sl_stream *split(sl_stream *a, const slt_model_node *node)
{
    const char *args = node->which == 0 ? NULL : "skip_empty=true";
    return sl_stream_select(sl_stream_flat_map(a, &sl_split, args), "word as k, 1 as v");
}

static sl_stream *values(sl_stream *a, const slt_model_node *node)
{
    const sl_fn *fn = &slt_values[node->which];
    return node->which == 0 ? sl_stream_map_values(a, "k", fn, NULL)
                            : sl_stream_flat_map_values(a, "k", fn, NULL);
}

static sl_stream *same(sl_stream *a, const slt_model_node *node)
{
    switch (node->which) {
    case 0:
        return sl_stream_map_partitions(a, &slt_copy, NULL);
    case 1:
        return sl_stream_flat_map(sl_stream_glom(a),
                                  node->is_text ? &slt_unlist_text : &slt_unlist_int64, NULL);
    case 2:
        return wide(sl_stream_partition_by(a, "k"), node);
    default:
        return sl_stream_transform(a, &slt_sort, NULL);
    }
}

static sl_stream *unite(sl_stream *a, sl_stream *b, const slt_model_node *node)
{
    sl_stream *all[] = {a, b, a};
    return node->which == 0 ? sl_stream_union(a, b) : sl_stream_union_all(all, 3);
}

static sl_stream *counts(sl_stream *by_value, const slt_model_node *node)
{
    return sl_stream_select(wide(by_value, node), "k, v + count as v");
}

static sl_stream *reduce(sl_stream *a, const slt_model_node *node)
{
    const char *sums = "count() as n, sum(v) as s";
    sl_stream *made = node->which == 0 ? sl_stream_reduce_by_key(a, "k", sums)
                                       : sl_stream_combine_by_key(a, "k", sums, false);
    return sl_stream_select(wide(made, node), "k, 7 * n + coalesce(s, 0) as v");
}

static sl_stream *sizes(sl_stream *lists, const slt_model_node *node)
{
    return sl_stream_map(wide(lists, node),
                         node->is_text ? &slt_sizes_of_text : &slt_sizes_of_int64, NULL);
}

static sl_stream *join(sl_stream *a, sl_stream *b, const slt_model_node *node)
{
    static sl_stream *(*const joins[])(sl_stream *, sl_stream *, const char *) = {
        sl_stream_join, sl_stream_left_outer_join, sl_stream_right_outer_join,
        sl_stream_full_outer_join};
    return sl_stream_select(wide(joins[node->which](a, b, "k"), node),
                            "k, coalesce(v, 0) - coalesce(v_2, 0) as v");
}

static sl_stream *join_table(sl_stream *a, const slt_model_node *node)
{
    const char *url = node->is_text ? "file:text.json?format=json&schema=k string, w int64"
                                    : "file:int64.json?format=json&schema=k int64, w int64";
    return sl_stream_select(sl_stream_join_table(a, url, "k"), "k, v + w as v");
}

typedef struct seconds {
    char text[24];
} seconds;

static seconds seconds_of(int64_t s)
{
    seconds out;
    (void)snprintf(out.text, sizeof out.text, "%" PRId64 "s", s);
    return out;
}

static sl_stream *update(sl_stream *a, const slt_model_node *node)
{
    sl_stream *state =
        wide(sl_stream_update_state_by_key(a, "k", &slt_updates[node->which == 1], NULL), node);
    if (node->which == 2) {
        state = sl_stream_ttl(state, seconds_of(node->idle).text);
    } else if (node->which == 3) {
        state = sl_stream_initial_state(
            state, node->is_text ? "file:first_text.json?format=json&schema=k string, v int64"
                                 : "file:first_int64.json?format=json&schema=k int64, v int64");
    }
    return state;
}

static sl_stream *number(sl_stream *a, const slt_model_node *node)
{
    const sl_map_state_fn *fn = &slt_numbers[node->which >= 3 ? 2 : node->which == 1];
    sl_stream *state = wide(sl_stream_map_with_state(a, "k", fn, NULL), node);
    if (node->which >= 3) {
        state = sl_stream_timeout(state, seconds_of(node->idle).text);
    }
    if (node->which == 4) {
        state = sl_stream_timeout_every(state, seconds_of(node->every).text);
    }
    return node->which == 2 ? sl_stream_state_snapshots(state) : state;
}

static sl_stream *running(sl_stream *a, const slt_model_node *node)
{
    sl_stream *sums = sl_stream_running_by_key(a, "k", "count() as n, sum(v) as s");
    sums = wide(sums, node);
    if (node->which == 1 || node->which == 4) {
        sums = sl_stream_output_mode(sums, SL_COMPLETE);
    }
    if (node->which >= 3) {
        sums = sl_stream_timeout(sums, seconds_of(node->idle).text);
    }
    if (node->which == 4) {
        sums = sl_stream_timeout_every(sums, seconds_of(node->every).text);
    }
    if (node->which == 2) {
        sums = sl_stream_state_snapshots(sums);
    }
    return sl_stream_select(sums, "k, 7 * n + coalesce(s, 0) as v");
}

static sl_inverse inverse_of(const slt_model_node *node)
{
    return node->which == 1 ? SL_INVERSE_NEVER : SL_INVERSE_AUTO;
}

static sl_stream *reduce_window(sl_stream *a, const slt_model_node *node, const char *length,
                                const char *slide)
{
    sl_stream *sums =
        sl_stream_reduce_by_key_and_window(a, "k", "count() as n, sum(v) as s", length, slide);
    sl_stream_inverse(sums, inverse_of(node));
    if (node->which == 2) {
        sl_stream_keep(sums, "n > 1");
    }
    return sl_stream_select(wide(sums, node), "k, 7 * n + coalesce(s, 0) as v");
}

/// Epochs take a second.
static sl_stream *window(sl_stream *a, const slt_model_node *node, int64_t input_slide)
{
    seconds length = seconds_of(node->c), own = seconds_of(node->slide);
    const char *slide = node->slide == input_slide ? NULL : own.text;
    sl_stream *made = NULL;
    switch (node->kind) {
    case SLT_WINDOW:
        return sl_stream_window(a, length.text, slide);
    case SLT_COUNT_WINDOW:
        made = sl_stream_count_by_window(a, length.text, slide);
        return sl_stream_select(made, "0 as k, count as v");
    case SLT_GROUP_WINDOW:
        return sizes(sl_stream_group_by_key_and_window(a, "k", length.text, slide), node);
    case SLT_VALUES_WINDOW:
        made = sl_stream_count_by_value_and_window(a, length.text, slide);
        return counts(sl_stream_inverse(made, inverse_of(node)), node);
    case SLT_SUM_WINDOW:
        made = sl_stream_reduce_by_window(a, "sum(v) as s", length.text, slide);
        return sl_stream_select(sl_stream_inverse(made, inverse_of(node)),
                                "0 as k, coalesce(s, 0) as v");
    default:
        return reduce_window(a, node, length.text, slide);
    }
}

static sl_stream *queue(const slt_plan *plan, const slt_model_node *node, sl_graph *graph)
{
    const char *schema = node->is_text ? "k string, v int64" : "k int64, v int64";
    char url[96];
    if (plan->is_durable) {
        (void)snprintf(url, sizeof url, "file:q%d?format=json&schema=%s", (int)node->a, schema);
        return sl_stream_open(graph, url);
    }
    sl_stream *made =
        sl_stream_queue(graph, node->a == 0 ? "q0" : "q1", schema, plan->one_at_a_time[node->a]);
    return plan->has_default[node->a]
               ? sl_stream_queue_default(
                     made, node->is_text ? "{\"k\":\"a\",\"v\":10}" : "{\"k\":-2,\"v\":10}", 2)
               : made;
}

static sl_stream *where(sl_stream *a, const slt_model_node *node)
{
    return node->which == 4
               ? sl_stream_filter(a, &slt_undivided, NULL)
               : sl_stream_where(a, text_of(conditions[!node->is_text][node->which], node->c).text);
}

static sl_stream *make(const slt_plan *plan, const slt_model_node *node, sl_graph *graph,
                       sl_stream *a, sl_stream *b)
{
    const slt_model_node *input = &plan->model->nodes[node->a];
    switch (node->kind) {
    case SLT_QUEUE:
        return queue(plan, node, graph);
    case SLT_SELECT:
        return sl_stream_select(a, text_of(selects[!input->is_text][node->which], node->c).text);
    case SLT_WHERE:
        return where(a, node);
    case SLT_SPLIT:
        return split(a, node);
    case SLT_VALUES:
        return values(a, node);
    case SLT_SAME:
        return same(a, node);
    case SLT_UNION:
        return unite(a, b, node);
    case SLT_REPARTITION:
        return sl_stream_repartition(a, node->partitions);
    case SLT_DISTINCT:
        return sl_stream_transform(a, &slt_distinct, NULL);
    case SLT_SUBTRACT:
        return sl_stream_transform_with(a, b, &slt_subtracts[node->which], NULL);
    case SLT_COUNT_BY_VALUE:
        return counts(sl_stream_count_by_value(a), node);
    case SLT_REDUCE_BY_KEY:
        return reduce(a, node);
    case SLT_REDUCE:
        return sl_stream_select(sl_stream_reduce(a, "sum(v) as s"), "0 as k, coalesce(s, 0) as v");
    case SLT_COUNT:
        return sl_stream_select(sl_stream_count(a), "0 as k, count as v");
    case SLT_GROUP_BY_KEY:
        return sizes(sl_stream_group_by_key(a, "k"), node);
    case SLT_JOIN:
        return join(a, b, node);
    case SLT_COGROUP:
        return sizes(sl_stream_cogroup(a, b, "k"), node);
    case SLT_JOIN_TABLE:
        return join_table(a, node);
    case SLT_UPDATE_STATE:
        return update(a, node);
    case SLT_MAP_STATE:
        return number(a, node);
    case SLT_RUNNING:
        return running(a, node);
    default:
        return window(a, node, input->slide);
    }
}

const char *const slt_plan_files[] = {
    "text.json",
    "{\"k\":\"a\",\"w\":10}\n{\"k\":\"Abc\",\"w\":20}\n{\"k\":\"Abc\",\"w\":30}\n",
    "int64.json",
    "{\"k\":-2,\"w\":10}\n{\"k\":0,\"w\":20}\n{\"k\":0,\"w\":30}\n",
    "first_text.json",
    "{\"k\":\"a\",\"v\":10}\n{\"k\":\"Abc\",\"v\":20}\n",
    "first_int64.json",
    "{\"k\":-2,\"v\":10}\n{\"k\":0,\"v\":20}\n",
    NULL,
};

void slt_plan_define(sl_graph *graph, void *plan)
{
    const slt_plan *p = plan;
    sl_stream *streams[SLT_MODEL_NODES] = {NULL};
    char url[32];
    for (int32_t i = 0; i < p->model->n_nodes; i++) {
        const slt_model_node *node = &p->model->nodes[i];
        bool source = node->kind == SLT_QUEUE;
        streams[i] = make(p, node, graph, source ? NULL : streams[node->a],
                          source ? NULL : streams[node->b]);
        if (node->persist) {
            streams[i] = sl_stream_persist(streams[i], SL_MEMORY_AND_DISK);
        }
        if (node->has_output) {
            (void)snprintf(url, sizeof url, "collect:%" PRId32, i);
            sl_stream_save(streams[i], url);
        }
    }
}
