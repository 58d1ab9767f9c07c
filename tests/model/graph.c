// A plan as a graph of Sluice. Every stream is brought back to the columns k and v.
#include "model/plan.h"

#include "sluice/window.h"

#include <inttypes.h>
#include <stdio.h>

// ---------------------------------------------------------------- functions

static sl_code run_sizes(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *k = sl_batch_column(in, 0), *v = sl_batch_column(in, 1);
    const int32_t *offsets = v->values;
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, k, i);
        sl_builder_int64(out, 1, offsets[i + 1] - offsets[i]);
    }
    return SL_OK;
}

static const sl_fn sizes_of_text = {.struct_size = sizeof(sl_fn),
                                    .name = "sizes-of-text",
                                    .out = "k string, v int64",
                                    .run = run_sizes};
static const sl_fn sizes_of_int64 = {.struct_size = sizeof(sl_fn),
                                     .name = "sizes-of-int64",
                                     .out = "k int64, v int64",
                                     .run = run_sizes};

static int64_t total(const sl_update_call *call, int64_t i)
{
    const sl_column *values = sl_batch_column(call->values, 0);
    int64_t sum = call->had[i] ? sl_column_int64(sl_batch_column(call->states, 0), i) : 0;
    for (int64_t j = call->values_from[i]; j < call->values_from[i + 1]; j++) {
        sum += sl_column_int64(values, j);
    }
    return sum;
}

static sl_code run_sum(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        sl_builder_int64(call->out, 0, total(call, i));
    }
    return SL_OK;
}

static sl_code run_forgetful_sum(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        call->keep[i] = total(call, i) % 4 != 0;
    }
    return run_sum(args, call, err);
}

static const sl_update_fn updates[] = {
    {.struct_size = sizeof(sl_update_fn), .name = "sum", .out = "v int64", .run = run_sum},
    {.struct_size = sizeof(sl_update_fn),
     .name = "forgetful-sum",
     .out = "v int64",
     .run = run_forgetful_sum},
};

static void count_records(const sl_map_state_call *call, bool forgets)
{
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t n = sl_state_int64_or(&state, 0, 0) + 1;
        if (forgets && n % 4 == 0) {
            sl_state_remove(&state);
        } else {
            sl_state_set_int64(&state, 0, n);
        }
        sl_builder_int64(call->out, 0, n);
    }
}

static sl_code run_number(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    count_records(call, false);
    return SL_OK;
}

static sl_code run_forgetful_number(const sl_args *args, const sl_map_state_call *call,
                                    sl_error *err)
{
    (void)args;
    (void)err;
    count_records(call, true);
    return SL_OK;
}

static const sl_map_state_fn numbers[] = {
    {.struct_size = sizeof(sl_map_state_fn),
     .name = "number",
     .state = "v int64",
     .out = "v int64",
     .run = run_number},
    {.struct_size = sizeof(sl_map_state_fn),
     .name = "forgetful-number",
     .state = "v int64",
     .out = "v int64",
     .run = run_forgetful_number},
};

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

static sl_stream *number(sl_stream *a, const slt_model_node *node)
{
    const sl_map_state_fn *fn = &numbers[node->which == 1];
    sl_stream *state = wide(sl_stream_map_with_state(a, "k", fn, NULL), node);
    return node->which == 2 ? sl_stream_state_snapshots(state) : state;
}

/// Epochs take a second. The slide is the stream's own, so that windows go together with the
/// others.
static sl_stream *window(sl_stream *a, const slt_model_node *node)
{
    char length[16];
    (void)snprintf(length, sizeof length, "%" PRId64 "s", node->c);
    if (node->kind == SLT_WINDOW) {
        return sl_stream_window(a, length, NULL);
    }
    if (node->kind == SLT_COUNT_WINDOW) {
        return sl_stream_select(sl_stream_count_by_window(a, length, NULL), "0 as k, count as v");
    }
    if (node->kind == SLT_GROUP_WINDOW) {
        return sl_stream_map(wide(sl_stream_group_by_key_and_window(a, "k", length, NULL), node),
                             node->is_text ? &sizes_of_text : &sizes_of_int64, NULL);
    }
    sl_stream *sums =
        sl_stream_reduce_by_key_and_window(a, "k", "count() as n, sum(v) as s", length, NULL);
    sl_stream_inverse(sums, node->which == 0 ? SL_INVERSE_AUTO : SL_INVERSE_NEVER);
    return sl_stream_select(wide(sums, node), "k, 7 * n + coalesce(s, 0) as v");
}

static sl_stream *make(const slt_plan *plan, const slt_model_node *node, sl_graph *graph,
                       sl_stream *a, sl_stream *b)
{
    int32_t key = plan->model->nodes[node->a].is_text ? 0 : 1; // of the input
    switch (node->kind) {
    case SLT_QUEUE:
        return sl_stream_queue(graph, node->a == 0 ? "q0" : "q1",
                               node->is_text ? "k string, v int64" : "k int64, v int64",
                               plan->one_at_a_time[node->a]);
    case SLT_SELECT:
        return sl_stream_select(a, text_of(selects[key][node->which], node->c).text);
    case SLT_WHERE:
        return sl_stream_where(a, text_of(conditions[key][node->which], node->c).text);
    case SLT_SPLIT:
        return split(a, node);
    case SLT_UNION:
        return sl_stream_union(a, b);
    case SLT_REPARTITION:
        return sl_stream_repartition(a, node->partitions);
    case SLT_REDUCE_BY_KEY:
        return sl_stream_select(
            wide(sl_stream_reduce_by_key(a, "k", "count() as n, sum(v) as s"), node),
            "k, 7 * n + coalesce(s, 0) as v");
    case SLT_REDUCE:
        return sl_stream_select(sl_stream_reduce(a, "sum(v) as s"), "0 as k, coalesce(s, 0) as v");
    case SLT_COUNT:
        return sl_stream_select(sl_stream_count(a), "0 as k, count as v");
    case SLT_GROUP_BY_KEY:
        return sl_stream_map(wide(sl_stream_group_by_key(a, "k"), node),
                             node->is_text ? &sizes_of_text : &sizes_of_int64, NULL);
    case SLT_JOIN:
        return sl_stream_select(wide(sl_stream_join(a, b, "k"), node), "k, v - v_2 as v");
    case SLT_MAP_STATE:
        return number(a, node);
    case SLT_WINDOW:
    case SLT_REDUCE_WINDOW:
    case SLT_GROUP_WINDOW:
    case SLT_COUNT_WINDOW:
        return window(a, node);
    default:
        return wide(sl_stream_update_state_by_key(a, "k", &updates[node->which], NULL), node);
    }
}

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
        if (p->collected[i]) {
            (void)snprintf(url, sizeof url, "collect:%" PRId32, i);
            sl_stream_save(streams[i], url);
        }
    }
}
