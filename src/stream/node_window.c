// Windows: their definitions, and the RDD that each gives when its slide fires.
//
// A window keeps a *pane* of every epoch that it takes (window.c): the rows themselves, the rows by
// their keys, or one aggregation state a key. What it gives is a narrow RDD over the panes. Windows
// of aggregations that have an inverse keep their result as state instead, and panes only until
// they have left it (window_state.c).
#include "stream/node_window.h"
#include "stream/window.h"

#include <string.h>

// ---------------------------------------------------------------- panes

int32_t sli_window_partitions(const sl_stream *node, const sli_runtime *runtime)
{
    const sli_window_def *def = node->body;
    if (def->n_pane_keys == 0) {
        return 1;
    }
    int32_t n = node->n_partitions > 0 ? node->n_partitions : runtime->parallelism;
    return n < SLI_MAX_HASH_PARTITIONS ? n : SLI_MAX_HASH_PARTITIONS;
}

static sl_rdd *pane_of_rows(const sl_stream *node, sl_rdd *rows)
{
    (void)node;
    return sl_rdd_ref(rows);
}

static sl_rdd *pane_by_key(const sl_stream *node, sl_rdd *rows)
{
    const sli_window_def *def = node->body;
    return sli_rdd_by_slot(rows, def->keys, sli_window_partitions(node, rows->runtime));
}

static sl_rdd *pane_of_states(const sl_stream *node, sl_rdd *rows)
{
    const sli_window_def *def = node->body;
    const sli_window_state *state = def->state;
    int32_t n = sli_window_partitions(node, rows->runtime);
    if (state == NULL) {
        return sli_rdd_states(rows, def->keys, def->aggregations, n);
    }
    if (state->select == NULL) {
        return sli_rdd_states(rows, state->keys, state->aggregations, n);
    }
    sl_rdd *keyed = sl_rdd_select(rows, state->select);
    sl_rdd *states = sli_rdd_states(keyed, state->keys, state->aggregations, n);
    sl_rdd_unref(keyed);
    return states;
}

// ---------------------------------------------------------------- RDDs

static sl_code rows_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                        sl_error *err)
{
    (void)inputs;
    return sli_window_rows(node, epoch, out, err);
}

static sl_code group_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                         sl_error *err)
{
    (void)inputs;
    const sli_window_def *def = node->body;
    sl_rdd *panes = NULL;
    SL_TRY(sli_window_rows(node, epoch, &panes, err));
    panes = sli_rdd_placed(panes, def->keys);
    *out = sl_rdd_group_by_key(panes, def->keys, sli_window_partitions(node, epoch->runtime));
    sl_rdd_unref(panes);
    return SL_OK;
}

static sl_code aggregate_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                             sl_error *err)
{
    (void)inputs;
    const sli_window_def *def = node->body;
    if (def->state != NULL) {
        return sli_window_state_rdd(node, epoch, out, err);
    }
    sl_rdd *panes = NULL;
    SL_TRY(sli_window_rows(node, epoch, &panes, err));
    sl_rdd *results = sli_rdd_of_states(panes, node->inputs[0]->schema, def->keys,
                                        def->aggregations, def->always);
    *out = def->keep == NULL ? sl_rdd_ref(results) : sl_rdd_where(results, def->keep);
    sl_rdd_unref(results);
    sl_rdd_unref(panes);
    return SL_OK;
}

static void window_free(sl_stream *node)
{
    sli_window_def *def = node->body;
    if (def != NULL) {
        sli_window_state_reset(def);
        sl_schema_unref(def->pane_schema);
        node->body = NULL;
    }
}

static const sli_node_ops window_ops = {.kind = "window",
                                        .rdd = rows_rdd,
                                        .free = window_free,
                                        .is_window = true,
                                        .state = sli_window_table};
static const sli_node_ops group_ops = {.kind = "groupByKeyAndWindow",
                                       .rdd = group_rdd,
                                       .free = window_free,
                                       .most_partitions = SLI_MAX_HASH_PARTITIONS,
                                       .is_window = true,
                                       .state = sli_window_table};
static const sli_node_ops count_ops = {.kind = "countByWindow",
                                       .rdd = aggregate_rdd,
                                       .free = window_free,
                                       .is_window = true,
                                       .state = sli_window_table};
static const sli_node_ops reduce_ops = {.kind = "reduceByWindow",
                                        .rdd = aggregate_rdd,
                                        .free = window_free,
                                        .is_window = true,
                                        .state = sli_window_table};
static const sli_node_ops count_by_value_ops = {.kind = "countByValueAndWindow",
                                                .rdd = aggregate_rdd,
                                                .free = window_free,
                                                .most_partitions = SLI_MAX_HASH_PARTITIONS,
                                                .is_window = true,
                                                .state = sli_window_table};
static const sli_node_ops reduce_by_key_ops = {.kind = "reduceByKeyAndWindow",
                                               .rdd = aggregate_rdd,
                                               .free = window_free,
                                               .most_partitions = SLI_MAX_HASH_PARTITIONS,
                                               .is_window = true,
                                               .state = sli_window_table};

// ---------------------------------------------------------------- durations

static sl_code parse_duration(const char *what, const char *text, int64_t *out, sl_error *err)
{
    sl_code rc = sli_scan_duration_us(sli_text_of(text), out, err);
    if (rc == SL_OK && *out <= 0) {
        rc = sl_error_set(err, SL_E_INVALID, "it must be longer than nothing");
    }
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "%s '%.100s'", what, text);
}

static sl_code parse_durations(sli_window_def *def, const char *window, const char *slide,
                               sl_error *err)
{
    if (window == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the window is NULL: give a duration, as \"30s\"");
    }
    SL_TRY(parse_duration("window", window, &def->window_us, err));
    return slide == NULL ? SL_OK : parse_duration("slide", slide, &def->slide_us, err);
}

// ---------------------------------------------------------------- arguments

static const char *const inverse_names[] = {NULL, "never", "spark"};

static sl_code put_args(sl_stream *node, sl_error *err)
{
    const sli_window_def *def = node->body;
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_text(&text, def->canonical == NULL ? "" : def->canonical);
    sli_put_length(&text, "window", def->window_us);
    sli_put_length(&text, "slide", def->slide_us);
    sli_put_pair(&text, "inverse", inverse_names[def->inverse]);
    sli_put_pair(&text, "keep", def->keep);
    return sli_node_set_args(node, &text, err);
}

static sl_code set_canonical(sl_stream *node, sli_str *text, sl_error *err)
{
    sli_window_def *def = node->body;
    sl_code rc = sli_str_check(text, "an operator's arguments", err);
    rc = rc != SL_OK ? rc : sli_graph_copy(node->graph, text->data, &def->canonical, err);
    sli_str_reset(text);
    return rc;
}

static sl_code set_pane_keys(sl_stream *node, const int32_t *columns, int32_t n, sl_error *err)
{
    sli_window_def *def = node->body;
    def->by_key = true;
    def->n_pane_keys = n;
    def->pane_keys = sl_arena_alloc(node->graph->arena, (size_t)(n + 1) * sizeof(int32_t));
    for (int32_t i = 0; def->pane_keys != NULL && i < n; i++) {
        def->pane_keys[i] = columns == NULL ? i : columns[i];
    }
    return def->pane_keys == NULL
               ? sl_error_nomem(err, (size_t)n * sizeof(int32_t), "the keys of a window")
               : SL_OK;
}

// ---------------------------------------------------------------- going on

/// Schema and keys of panes of states, as the way of going on has them.
static sl_code choose_panes(sl_stream *node, sl_error *err)
{
    sli_window_def *def = node->body;
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n = 0;
    sl_schema_unref(def->pane_schema);
    def->pane_schema = NULL;
    if (def->state != NULL) {
        def->pane_schema = sl_schema_ref(sli_agg_plan_partial(def->state->plan));
        return set_pane_keys(node, NULL, def->state->n_keys, err);
    }
    sli_agg_plan *plan = NULL;
    SL_TRY(sli_window_keys(def->keys, in, columns, &n, err));
    SL_TRY(sli_agg_plan_new(&plan, def->aggregations, in, columns, n,
                            sli_graph_aggregations(node->graph), err));
    def->pane_schema = sl_schema_ref(sli_agg_plan_partial(plan));
    sli_agg_plan_free(plan);
    return set_pane_keys(node, NULL, n, err);
}

static sl_code choose(sl_stream *node, sl_error *err)
{
    const sli_window_def *def = node->body;
    if (!def->always) {
        SL_TRY(sli_window_state_choose(node, err));
    }
    SL_TRY(choose_panes(node, err));
    return put_args(node, err);
}

// ---------------------------------------------------------------- definitions

static sl_code resolve_rows(sl_stream *node, sl_error *err)
{
    sli_window_def *def = node->body;
    def->pane = pane_of_rows;
    def->pane_schema = sl_schema_ref(node->inputs[0]->schema);
    node->schema = sl_schema_ref(node->inputs[0]->schema);
    return put_args(node, err);
}

static sl_code resolve_group(sl_stream *node, const char *keys, sl_error *err)
{
    sli_window_def *def = node->body;
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n = 0;
    SL_TRY(sli_keys_parse(keys, in, columns, &n, err));
    SL_TRY(sli_schema_grouped(in, columns, n, &node->schema, err));
    SL_TRY(sli_graph_copy(node->graph, keys, &def->keys, err));
    def->pane = pane_by_key;
    def->pane_schema = sl_schema_ref(in);
    SL_TRY(set_pane_keys(node, columns, n, err));
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_columns(&text, "keys", in, columns, n);
    SL_TRY(set_canonical(node, &text, err));
    return put_args(node, err);
}

/// `keys` as sli_window_def has them.
static sl_code resolve_aggregate(sl_stream *node, const char *keys, const char *aggregations,
                                 sl_error *err)
{
    sli_window_def *def = node->body;
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n = 0;
    sli_agg_plan *plan = NULL;
    if (aggregations == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the aggregations are NULL");
    }
    def->pane = pane_of_states;
    SL_TRY(sli_window_keys(keys, in, columns, &n, err));
    SL_TRY(sli_graph_copy(node->graph, keys, &def->keys, err));
    SL_TRY(sli_graph_copy(node->graph, aggregations, &def->aggregations, err));
    SL_TRY(sli_agg_plan_new(&plan, aggregations, in, columns, n,
                            sli_graph_aggregations(node->graph), err));
    node->schema = sl_schema_ref(sli_agg_plan_result(plan));
    sli_str text = {.tag = SLI_TAG_STREAM};
    if (keys != NULL && n > 0) {
        sli_put_columns(&text, "keys", in, columns, n);
    }
    if (node->ops == &reduce_ops || node->ops == &reduce_by_key_ops) {
        sli_put_pair(&text, "aggregations", sli_agg_plan_text(plan));
    }
    sli_agg_plan_free(plan);
    SL_TRY(set_canonical(node, &text, err));
    return choose(node, err);
}

/// The node with its durations. NULL: a mistake sticks.
static sl_stream *begin(sl_stream *stream, const sli_node_ops *ops, const char *window,
                        const char *slide)
{
    sl_stream *node = sli_node_begin(ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sli_window_def *def = NULL;
    sl_code rc = sli_node_body(node, sizeof *def, (void **)&def, &err);
    rc = rc != SL_OK ? rc : parse_durations(def, window, slide, &err);
    return rc == SL_OK ? node : sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_window(sl_stream *stream, const char *window, const char *slide)
{
    sl_stream *node = begin(stream, &window_ops, window, slide);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_rows(node, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_group_by_key_and_window(sl_stream *stream, const char *keys,
                                             const char *window, const char *slide)
{
    sl_stream *node = begin(stream, &group_ops, window, slide);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_group(node, keys, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_count_by_window(sl_stream *stream, const char *window, const char *slide)
{
    sl_stream *node = begin(stream, &count_ops, window, slide);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    ((sli_window_def *)node->body)->always = true;
    sl_code rc = resolve_aggregate(node, "", "count() as count", &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_count_by_value_and_window(sl_stream *stream, const char *window,
                                               const char *slide)
{
    sl_stream *node = begin(stream, &count_by_value_ops, window, slide);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_aggregate(node, NULL, "count() as count", &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_reduce_by_window(sl_stream *stream, const char *aggregations,
                                      const char *window, const char *slide)
{
    sl_stream *node = begin(stream, &reduce_ops, window, slide);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_aggregate(node, "", aggregations, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_reduce_by_key_and_window(sl_stream *stream, const char *keys,
                                              const char *aggregations, const char *window,
                                              const char *slide)
{
    sl_stream *node = begin(stream, &reduce_by_key_ops, window, slide);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    bool none = keys == NULL || keys[strspn(keys, " \t\n")] == '\0';
    sl_code rc = none ? sl_error_set(&err, SL_E_INVALID,
                                     "no keys: name the columns, as \"user, page\"; without keys "
                                     "it is sl_stream_reduce_by_window")
                      : resolve_aggregate(node, keys, aggregations, &err);
    return sli_node_end(node, rc, &err);
}

// ---------------------------------------------------------------- settings

static sl_code check_aggregates(const sl_stream *stream, sl_error *err)
{
    const sli_node_ops *ops = stream->ops;
    bool fits = ops == &reduce_ops || ops == &reduce_by_key_ops || ops == &count_by_value_ops;
    return fits ? SL_OK
                : sl_error_set(err, SL_E_INVALID,
                               "only reduceByKeyAndWindow, reduceByWindow and "
                               "countByValueAndWindow have this setting");
}

static sl_stream *settled(sl_stream *stream, sl_code rc, sl_error *err)
{
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, err);
        return NULL;
    }
    return stream;
}

sl_stream *sl_stream_inverse(sl_stream *stream, sl_inverse inverse)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = check_aggregates(stream, &err);
    if (rc == SL_OK && (inverse < SL_INVERSE_AUTO || inverse > SL_INVERSE_SPARK)) {
        rc = sl_error_set(&err, SL_E_INVALID, "%d is no sl_inverse", (int)inverse);
    }
    if (rc == SL_OK) {
        ((sli_window_def *)stream->body)->inverse = inverse;
        rc = choose(stream, &err);
    }
    return settled(stream, rc, &err);
}

static sl_code set_keep(sl_stream *stream, const char *condition, sl_error *err)
{
    sli_window_def *def = stream->body;
    sli_condition *compiled = NULL;
    SL_TRY(check_aggregates(stream, err));
    if (condition == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the condition is NULL");
    }
    SL_TRY(sli_condition_new(&compiled, condition, stream->schema, err));
    sli_condition_free(compiled);
    SL_TRY(sli_graph_copy(stream->graph, condition, &def->keep, err));
    return choose(stream, err);
}

sl_stream *sl_stream_keep(sl_stream *stream, const char *condition)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = set_keep(stream, condition, &err);
    return settled(stream, rc, &err);
}
