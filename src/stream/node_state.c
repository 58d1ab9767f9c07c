// State per key: what all kinds of operator are defined by, updateStateByKey's definition, and the
// state that is there before the first epoch.
#include "stream/node_running.h"

// ---------------------------------------------------------------- schemas

static void put_column(sli_str *out, const sl_schema *schema, int32_t column, bool nullable)
{
    sl_text type = sli_column_type_text(schema, column);
    bool add = nullable && type.data[type.size - 1] != '?';
    sli_str_printf(out, "%s%s %.*s%s", out->size > 0 ? ", " : "",
                   sl_schema_field(schema, column)->name, (int)type.size, type.data,
                   add ? "?" : "");
}

static sl_code parse_text(sli_str *text, sl_schema **out, sl_error *err)
{
    sl_code rc = sli_str_check(text, "a schema", err);
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text->data, err);
    }
    sli_str_reset(text);
    return rc;
}

static sl_code all_nullable(const sl_schema *schema, sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        put_column(&text, schema, i, true);
    }
    return parse_text(&text, out, err);
}

sl_code sli_state_beside(const sl_schema *keys, const sl_schema *others, const char *what,
                         sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < sl_schema_columns(keys); i++) {
        put_column(&text, keys, i, false);
    }
    for (int32_t i = 0; i < sl_schema_columns(others); i++) {
        const char *name = sl_schema_field(others, i)->name;
        if (sl_schema_find(keys, name) >= 0) {
            sli_str_reset(&text);
            return sl_error_set(err, SL_E_INVALID, "'%.100s' is a key and %s", name, what);
        }
        put_column(&text, others, i, false);
    }
    return parse_text(&text, out, err);
}

/// Which columns are keys, and which are values.
static sl_code split_columns(sl_stream *node, sli_state_def *def, const char *keys, sl_error *err)
{
    const sl_schema *in = node->inputs[0]->schema;
    int32_t found[SLI_MAX_KEYS], n = 0, n_columns = sl_schema_columns(in);
    SL_TRY(sli_keys_parse(keys, in, found, &n, err));
    size_t bytes = (size_t)n_columns * sizeof(int32_t);
    def->keys = sl_arena_copy(node->graph->arena, found, (size_t)n * sizeof(int32_t));
    def->values = sl_arena_alloc_zero(node->graph->arena, bytes);
    if (def->keys == NULL || def->values == NULL) {
        return sl_error_nomem(err, bytes, "columns");
    }
    def->n_keys = n;
    for (int32_t c = 0; c < n_columns; c++) {
        bool is_key = false;
        for (int32_t k = 0; k < n; k++) {
            is_key = is_key || found[k] == c;
        }
        if (!is_key || n == n_columns) { // there is no batch without columns
            def->values[def->n_values++] = c;
        }
    }
    return SL_OK;
}

static sl_code make_places(sl_stream *node, sli_state_def *def, sl_error *err)
{
    int32_t n = sl_schema_columns(def->row_schema);
    def->places = sl_arena_alloc(node->graph->arena, (size_t)n * sizeof(int32_t));
    if (def->places == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(int32_t), "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        def->places[i] = i;
    }
    return SL_OK;
}

sl_code sli_state_define(sl_stream *node, sli_state_def *def, const char *keys, const char *state,
                         const char *args, sl_error *err)
{
    SL_TRY(sli_graph_copy(node->graph, args, &def->args, err));
    SL_TRY(sli_graph_copy(node->graph, keys, &def->key_text, err));
    SL_TRY(split_columns(node, def, keys, err));
    SL_TRY(sl_schema_parse(&def->state_schema, state, err));
    SL_TRY(
        sli_schema_picked(node->inputs[0]->schema, def->keys, def->n_keys, &def->key_schema, err));
    SL_TRY(sli_schema_picked(node->inputs[0]->schema, def->values, def->n_values,
                             &def->value_schema, err));
    SL_TRY(sli_state_beside(def->key_schema, def->state_schema, "a column of the state",
                            &def->row_schema, err));
    def->stored_schema = sl_schema_ref(def->state_schema);
    def->info = (sli_table_info){.uid = node->uid,
                                 .kind = node->ops->kind,
                                 .keys = def->key_schema,
                                 .values = def->stored_schema};
    return make_places(node, def, err);
}

sl_code sli_state_put_args(sl_stream *node, const sli_state_def *def, const char *fn,
                           uint32_t version, bool impure, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_columns(&text, "keys", node->inputs[0]->schema, def->keys, def->n_keys);
    sli_put_pair(&text, "fn", fn);
    sli_str_printf(&text, " version=%u%s", (unsigned)version, impure ? " impure" : "");
    sli_put_pair(&text, "args", def->args);
    return sli_node_set_args(node, &text, err);
}

void sli_state_def_free(sl_stream *node)
{
    const sli_state_def *def = node->body;
    if (def != NULL) {
        sl_schema_unref(def->key_schema);
        sl_schema_unref(def->value_schema);
        sl_schema_unref(def->state_schema);
        sl_schema_unref(def->row_schema);
        sl_schema_unref(def->stored_schema);
        node->body = NULL;
    }
}

// ---------------------------------------------------------------- at run time

sl_code sli_state_partitions(const sl_stream *node, const sli_runtime *runtime, int32_t *out,
                             sl_error *err)
{
    int32_t n = node->n_partitions > 0 ? node->n_partitions : runtime->parallelism;
    if (n < 1 || n > SLI_MAX_HASH_PARTITIONS) {
        return sl_error_set(err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n,
                            SLI_MAX_HASH_PARTITIONS);
    }
    if (node->store == NULL || node->table == NULL) {
        return sl_error_set(err, SL_E_STATE, "its state is not open");
    }
    *out = n;
    return SL_OK;
}

sl_code sli_state_check_open(const sl_stream *node, const void *run, int64_t epoch, sl_error *err)
{
    return atomic_load(&sli_state_def_of(node)->open) == run
               ? SL_OK
               : sl_error_set(err, SL_E_STATE,
                              "the state of epoch %lld of %s can't be computed in a later epoch: "
                              "keep its rows with sl_rdd_collect",
                              (long long)epoch, node->uid);
}

sl_code sli_state_call_end(sli_task *task, const char *before, sl_code rc, sl_error *error)
{
    if (rc == SL_OK) {
        task->operator_uid = before; // else it says who failed
    }
    if (rc != SL_OK && error->code != rc) {
        sl_code told = rc > SL_OK && rc <= SL_E_CRASHED ? rc : SL_E_USER;
        return sl_error_set(error, told, "the function gave no reason (code %d)", (int)rc);
    }
    return rc;
}

// ---------------------------------------------------------------- updateStateByKey

static void update_free(sl_stream *node)
{
    const sli_update_body *body = node->body;
    if (body != NULL) {
        sl_schema_unref(body->old_schema);
    }
    sli_state_def_free(node);
}

const sli_node_ops sli_node_update_ops = {
    .kind = "updateStateByKey",
    .rdd = sli_update_rdd,
    .free = update_free,
    .most_partitions = SLI_MAX_HASH_PARTITIONS,
    .state = sli_state_table,
};

static sl_code resolve(sl_stream *node, const char *keys, const sl_update_fn *fn, const char *args,
                       sl_error *err)
{
    sli_update_body *body = NULL;
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size, sizeof *fn,           "sl_update_fn",
                             fn->name,        (sli_code_fn)fn->run, fn->version};
    }
    SL_TRY(sli_fn_head_check(node->graph, &head, args, err));
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    body->fn = fn;
    node->code = (sli_code_fn)fn->run;
    node->code_version = fn->version;
    node->level = SL_MEMORY_AND_DISK; // every output of the epoch reads it; Spark persists it too
    if (fn->out == NULL) {
        return sl_error_set(err, SL_E_INVALID, "function '%s' has no `out`: the state's columns",
                            fn->name);
    }
    SL_TRY(sli_state_define(node, &body->def, keys, fn->out, args, err));
    SL_TRY(all_nullable(body->def.state_schema, &body->old_schema, err));
    node->schema = sl_schema_ref(body->def.row_schema);
    return sli_state_put_args(node, &body->def, fn->name, fn->version, fn->impure, err);
}

sl_stream *sl_stream_update_state_by_key(sl_stream *stream, const char *keys,
                                         const sl_update_fn *fn, const char *args)
{
    sl_stream *node = sli_node_begin(&sli_node_update_ops, fn == NULL ? NULL : fn->name, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, keys, fn, args, &err);
    return sli_node_end(node, rc, &err);
}

sli_update_body *sli_node_update(const sl_stream *node)
{
    return node->ops == &sli_node_update_ops ? node->body : NULL;
}

sli_state_def *sli_state_def_of(const sl_stream *node)
{
    sli_touched *touched = sli_touched_of(node);
    return touched != NULL ? &touched->def : node->ops == &sli_node_update_ops ? node->body : NULL;
}

const sli_table_info *sli_state_table(const sl_stream *node)
{
    sli_state_def *def = node->body;
    def->info.uid = node->uid; // may have been given after the operator was defined
    return &def->info;
}

const sli_table_info *sli_node_state(const sl_stream *node)
{
    return node->ops->state == NULL ? NULL : node->ops->state(node);
}

const char *sli_node_initial(const sl_stream *node)
{
    const sli_state_def *def = sli_state_def_of(node);
    return def == NULL ? NULL : def->initial;
}

// ---------------------------------------------------------------- initial state

static sl_code check_initial(sl_stream *stream, const char *url, sl_error *err)
{
    sli_state_def *def = sli_state_def_of(stream);
    sl_schema *schema = NULL;
    if (sli_is_running(stream)) {
        return sl_error_set(err, SL_E_UNSUPPORTED,
                            "runningByKey begins without state: what its aggregations keep is "
                            "theirs alone; updateStateByKey and mapWithState have an initial one");
    }
    if (def == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "it keeps no state: only updateStateByKey and mapWithState "
                            "have an initial one");
    }
    SL_TRY(sl_error_wrap(err, sli_url_schema(stream->graph, url, stream->uid, true, &schema, err),
                         "initial state"));
    sl_code rc = SL_OK;
    if (!sl_schema_equal(schema, def->row_schema)) {
        rc = sl_error_set(err, SL_E_INVALID,
                          "the initial state has \"%.150s\", the stream's keys and state are "
                          "\"%.150s\"",
                          sl_schema_text(schema), sl_schema_text(def->row_schema));
    }
    sl_schema_unref(schema);
    return rc == SL_OK ? sli_graph_copy(stream->graph, url, &def->initial, err) : rc;
}

sl_stream *sl_stream_initial_state(sl_stream *stream, const char *table_url)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = check_initial(stream, table_url, &err);
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, &err);
        return NULL;
    }
    return stream;
}

/// A table being read into a view.
typedef struct loading {
    const sl_stream *node;
    const sli_state_def *def;
    sli_state_view *view;
    int64_t rows, updated_us;
    sli_str key, value;
} loading;

static sl_code load_row(loading *l, const sl_batch *batch, uint64_t hash, int64_t row,
                        const int32_t *state_columns, sl_error *err)
{
    const sli_store_ops *ops = l->node->store->ops;
    sli_str_clear(&l->key);
    sli_str_clear(&l->value);
    sli_row_put(&l->key, batch, l->def->places, l->def->n_keys, row);
    sli_ttl_put(l->def, &l->value, l->updated_us);
    sli_row_put(&l->value, batch, state_columns, sl_schema_columns(l->def->state_schema), row);
    SL_TRY(sli_str_check(&l->key, "a key", err));
    SL_TRY(sli_str_check(&l->value, "a state", err));
    sl_bytes key = {l->key.data, l->key.size}, value = {l->value.data, l->value.size}, old = {0};
    bool found = false;
    SL_TRY(ops->find(l->view, hash, key, &old, &found, err));
    if (found) {
        return sl_error_set(err, SL_E_DATA, "row %lld has a key that an earlier row has",
                            (long long)(l->rows + row + 1));
    }
    return ops->put(l->view, hash, key, value, err);
}

static sl_code load_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    loading *l = ctx;
    int64_t n = sl_batch_rows(batch);
    uint64_t *hashes = sl_alloc(SLI_TAG_STREAM, (size_t)n * sizeof *hashes);
    if (hashes == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *hashes, "hashes of keys");
    }
    sli_batch_hash(batch, l->def->places, l->def->n_keys, hashes);
    sl_code rc = SL_OK;
    for (int64_t row = 0; row < n && rc == SL_OK; row++) {
        rc = load_row(l, batch, hashes[row], row, l->def->places + l->def->n_keys, err);
    }
    sl_free(hashes);
    l->rows += n;
    return rc;
}

static sl_code load_node(const sl_stream *node, sli_runtime *runtime, int64_t time_us,
                         sl_error *err)
{
    const sli_store_ops *ops = node->store->ops;
    loading l = {.node = node,
                 .def = sli_state_def_of(node),
                 .updated_us = sli_node_update(node) != NULL ? SLI_TTL_UNKNOWN : time_us,
                 .key = {.tag = SLI_TAG_STREAM},
                 .value = {.tag = SLI_TAG_STREAM}};
    SL_TRY(ops->begin(node->store, node->table, 0, 0, 1, &l.view, err));
    sl_code rc = sli_table_each(runtime, l.def->initial, load_batch, &l, err);
    sli_str_reset(&l.key);
    sli_str_reset(&l.value);
    if (rc != SL_OK) {
        ops->drop(l.view);
        return rc;
    }
    return ops->done(l.view, err);
}

sl_code sli_state_load_initial(sl_graph *graph, sli_runtime *runtime, int64_t time_us,
                               sl_error *err)
{
    sli_store *store = NULL;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const sl_stream *node = graph->nodes[i];
        if (sli_node_initial(node) == NULL) {
            continue;
        }
        sl_code rc = load_node(node, runtime, time_us, err);
        if (rc != SL_OK) {
            if (store != NULL) {
                store->ops->fail(store, 0);
            }
            return sl_error_wrap(err, rc, "initial state of %s (%s)", node->uid,
                                 sli_node_initial(node));
        }
        store = node->store;
    }
    return store == NULL ? SL_OK : store->ops->complete(store, 0, err);
}
