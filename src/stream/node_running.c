// runningByKey: definition, and its RDD of an epoch.
#include "stream/node_running.h"

/// The key of the one row over all rows: no aggregation's state can have such a name.
#define NO_KEY "key.none bool"

static void running_free(sl_stream *node)
{
    const sli_running_body *body = node->body;
    if (body != NULL) {
        sli_agg_plan_free(body->states);
        sl_schema_unref(body->time_schema);
    }
    sli_state_def_free(node);
}

// ---------------------------------------------------------------- the RDD

static sl_code running_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                           sl_error *err)
{
    int32_t n = 0;
    const sli_running_body *body = node->body;
    const char *keys = body->n_keys == 0 ? "" : body->touched.def.key_text;
    SL_TRY(sli_state_partitions(node, epoch->runtime, &n, err));
    n = body->n_keys == 0 ? 1 : n;
    sl_rdd *states = sli_rdd_states(inputs[0], keys, body->aggregations, n);
    sl_code rc =
        states == NULL ? sl_error_nomem(err, sizeof *states, "an RDD") : sl_rdd_check(states, err);
    if (rc != SL_OK) {
        sl_rdd_unref(states);
        return rc;
    }
    sli_rdd_uid(states, node->uid);
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = states};
    SL_TRY(sli_touched_rdd(node, epoch, &sli_running_rdd_ops, &dep, n, out, err));
    *out = body->n_keys == 0 ? *out : sli_rdd_placed(*out, keys);
    return SL_OK;
}

const sli_rdd_ops sli_running_rdd_ops = {.name = "runningByKey",
                                         .compute = sli_running_compute,
                                         .free = sli_touched_free,
                                         .unique_keys = true};

static const sli_node_ops by_key_ops = {.kind = "runningByKey",
                                        .rdd = running_rdd,
                                        .free = running_free,
                                        .most_partitions = SLI_MAX_HASH_PARTITIONS,
                                        .state = sli_state_table};
/// Without keys there are no partitions to set.
static const sli_node_ops of_all_ops = {
    .kind = "runningByKey", .rdd = running_rdd, .free = running_free, .state = sli_state_table};

bool sli_is_running(const sl_stream *node)
{
    return node->ops == &by_key_ops || node->ops == &of_all_ops;
}

// ---------------------------------------------------------------- definition

/// The kind of the table says which aggregations its states are of: columns alone would not tell a
/// max from a min, and the states of one are wrong for the other.
static sl_code name_kind(sl_stream *node, sli_running_body *body, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&text, "%s %s", node->ops->kind, sli_agg_plan_text(body->states));
    sl_code rc = sli_str_check(&text, "a kind of state", err);
    rc = rc != SL_OK ? rc
                     : sli_graph_copy(node->graph, text.data, &body->touched.def.info.kind, err);
    sli_str_reset(&text);
    return rc;
}

static sl_code make_numbers(sl_stream *node, sli_running_body *body, sl_error *err)
{
    int32_t n = sl_schema_columns(body->touched.def.row_schema) + 1; // and the time
    n = n < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : n;
    body->numbers = sl_arena_alloc(node->graph->arena, (size_t)n * sizeof(int32_t));
    if (body->numbers == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(int32_t), "numbers of columns and rows");
    }
    for (int32_t i = 0; i < n; i++) {
        body->numbers[i] = i;
    }
    return SL_OK;
}

/// What sli_state_define makes of keys, for a table whose only key is that of all rows.
static sl_code define_of_all(sli_state_def *def, const char *state, sl_error *err)
{
    def->n_keys = 1;
    SL_TRY(sl_schema_parse(&def->key_schema, NO_KEY, err));
    SL_TRY(sl_schema_parse(&def->state_schema, state, err));
    SL_TRY(sli_state_beside(def->key_schema, def->state_schema, "a column of the state",
                            &def->row_schema, err));
    def->stored_schema = sl_schema_ref(def->state_schema);
    def->info = (sli_table_info){.keys = def->key_schema, .values = def->stored_schema};
    return SL_OK;
}

static sl_code define_state(sl_stream *node, sli_running_body *body, const char *keys,
                            sl_error *err)
{
    sli_state_def *def = &body->touched.def;
    const char *state = sl_schema_text(sli_agg_plan_partial(body->states));
    SL_TRY(keys == NULL ? define_of_all(def, state, err)
                        : sli_state_define(node, def, keys, state, NULL, err));
    SL_TRY(name_kind(node, body, err));
    SL_TRY(make_numbers(node, body, err));
    return sl_schema_parse(&body->time_schema, SLI_TTL_COLUMN, err);
}

/// The stream's columns, and its keys as columns of the input; in `args` what it is defined by.
static sl_code resolve_columns(sl_stream *node, sli_running_body *body, const char *keys,
                               const char *aggregations, sli_str *args, sl_error *err)
{
    const sl_schema *in = node->inputs[0]->schema;
    const sl_agg_fn *const *user = sli_graph_aggregations(node->graph);
    int32_t columns[SLI_MAX_KEYS];
    sli_agg_plan *plan = NULL;
    if (keys != NULL) {
        SL_TRY(sli_keys_parse(keys, in, columns, &body->n_keys, err));
    }
    if (aggregations == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the aggregations are NULL");
    }
    SL_TRY(sli_agg_plan_new(&plan, aggregations, in, columns, body->n_keys, user, err));
    node->schema = sl_schema_ref(sli_agg_plan_result(plan));
    if (body->n_keys > 0) {
        sli_put_columns(args, "keys", in, columns, body->n_keys);
    }
    sli_put_pair(args, "aggregations", sli_agg_plan_text(plan));
    sli_agg_plan_free(plan);
    return sli_agg_plan_new(&body->states, aggregations, in, NULL, 0, user, err);
}

static sl_code resolve(sl_stream *node, const char *keys, const char *aggregations, sl_error *err)
{
    sli_running_body *body = NULL;
    sli_str args = {.tag = SLI_TAG_STREAM};
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    body->mode = SL_UPDATE;
    sl_code rc = sli_graph_copy(node->graph, aggregations, &body->aggregations, err);
    rc = rc != SL_OK ? rc : resolve_columns(node, body, keys, aggregations, &args, err);
    rc = rc != SL_OK ? rc : define_state(node, body, keys, err);
    if (rc != SL_OK) {
        sli_str_reset(&args);
        return rc;
    }
    body->touched.forgets = true;
    body->touched.snapshot_schema = node->schema;
    body->touched.give_all = sli_running_give_all;
    return sli_node_set_args(node, &args, err);
}

sl_stream *sl_stream_running_by_key(sl_stream *stream, const char *keys, const char *aggregations)
{
    sl_stream *node = sli_node_begin(keys == NULL ? &of_all_ops : &by_key_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, keys, aggregations, &err);
    return sli_node_end(node, rc, &err);
}

// ---------------------------------------------------------------- the output mode

static sl_code set_mode(sl_stream *node, sl_output_mode mode, sl_error *err)
{
    sli_running_body *body = node->body;
    if (mode == SL_APPEND) {
        return sl_error_set(err, SL_E_INVALID,
                            "a result over all rows is never the last one, so SL_APPEND would give "
                            "none: set SL_UPDATE or SL_COMPLETE");
    }
    if (mode != SL_UPDATE && mode != SL_COMPLETE) {
        return sl_error_set(err, SL_E_INVALID, "%d is no output mode", (int)mode);
    }
    if (body->mode_is_set) {
        return sl_error_set(err, SL_E_INVALID, "its output mode is set already");
    }
    if (mode == SL_COMPLETE && body->touched.has_changes) {
        return sl_error_set(err, SL_E_INVALID,
                            "another aggregation rests on its changes, which are SL_UPDATE's");
    }
    body->mode_is_set = true;
    if (mode == SL_UPDATE) {
        return SL_OK;
    }
    body->mode = mode;
    body->touched.gives_all = true;
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_str_text(&args, node->args);
    sli_str_text(&args, " complete");
    return sli_node_set_args(node, &args, err);
}

sl_stream *sli_running_set_mode(sl_stream *stream, sl_output_mode mode)
{
    if (!sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = set_mode(stream, mode, &err);
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, &err);
        return NULL;
    }
    return stream;
}

// ---------------------------------------------------------------- keys that leave

static sl_code set_zero(sl_stream *node, const char *result, sl_error *err)
{
    sli_running_body *body = node->body;
    if (!sli_is_running(node) || body->n_keys == 0) {
        return sl_error_set(err, SL_E_INVALID, "only keys of runningByKey can leave");
    }
    if (body->forgets_zero || body->mode != SL_UPDATE || body->touched.has_changes) {
        return sl_error_set(err, SL_E_INVALID,
                            "which of its keys leave is said once, before anything rests on it, "
                            "and of SL_UPDATE");
    }
    const sl_schema *results = sli_agg_plan_result(body->states);
    body->zero = sl_schema_find(results, result);
    if (body->zero < 0 || sl_schema_field(results, body->zero)->type != SL_INT64) {
        return sl_error_set(err, SL_E_INVALID, "it has no int64 result '%.100s'", result);
    }
    body->forgets_zero = true;
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_str_text(&args, node->args);
    sli_put_pair(&args, "until_zero", result);
    return sli_node_set_args(node, &args, err);
}

sl_stream *sli_stream_running_forget(sl_stream *stream, const char *result)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = set_zero(stream, result, &err);
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, &err);
        return NULL;
    }
    return stream;
}
