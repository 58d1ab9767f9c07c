// Operators with a part that runs on the driver: transform, and the join with a static table.
#include "stream/graph_def.h"

#include "base/hash.h"

// ---------------------------------------------------------------- transform

/// One of the two functions.
typedef struct transform_body {
    const sl_transform_fn *fn;
    const sl_transform_all_fn *all;
    const char *args;
} transform_body;

static sl_code call(const sl_stream *node, const sli_epoch *epoch, sl_rdd *const *in, sl_rdd **out,
                    sl_error *err)
{
    const transform_body *body = node->body;
    sli_rng rng;
    sl_args args = sli_driver_args(epoch, body->args, node->uid, &rng);
    sl_error error = SL_ERROR_INIT;
    sli_adder adder;
    sli_adds *adds = NULL;
    sli_driver_adder(epoch->runtime, &adder, &adds, &args);
    sl_code rc = body->fn != NULL ? body->fn->run(&args, in[0], out, &error)
                                  : body->all->run(&args, in, node->n_inputs, out, &error);
    rc = sli_driver_added(epoch->runtime, &adds, rc, &error);
    if (rc != SL_OK && error.code == SL_OK) {
        rc = sl_error_set(&error, SL_E_USER, "the function gave no reason (code %d)", (int)rc);
    } else if (rc == SL_OK && *out == NULL) {
        rc = sl_error_set(&error, SL_E_USER, "the function returned no RDD (NULL)");
    }
    if (rc != SL_OK && err != NULL) {
        *err = error;
    }
    return rc;
}

static sl_code check_result(const sl_stream *node, const sl_rdd *rdd, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    return sl_schema_equal(sl_rdd_schema(rdd), node->schema)
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "it returned \"%.150s\", declared is \"%.150s\"",
                              sl_schema_text(sl_rdd_schema(rdd)), sl_schema_text(node->schema));
}

static sl_code transform_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                             sl_error *err)
{
    sl_rdd *made = NULL;
    sl_code rc = call(node, epoch, inputs, &made, err);
    if (rc == SL_OK) {
        rc = check_result(node, made, err);
    }
    if (rc != SL_OK) {
        sl_rdd_unref(made);
        return sl_error_wrap(err, rc, "%s '%s'", node->ops->kind, node->label);
    }
    *out = made;
    return SL_OK;
}

static const sli_node_ops transform_ops = {
    .kind = "transform", .rdd = transform_rdd, .asks_user = true};
static const sli_node_ops transform_all_ops = {
    .kind = "transformWith", .rdd = transform_rdd, .asks_user = true};

/// What both kinds of function have: checked, the schema they declare, the node's arguments.
static sl_code resolve_transform(sl_stream *node, const sli_fn_head *head, const char *out,
                                 bool impure, const char *args, sl_error *err)
{
    transform_body *body = NULL;
    SL_TRY(sli_fn_head_check(node->graph, head, args, err));
    SL_TRY(sli_fn_schema(out, node->inputs[0]->schema, &node->schema, err));
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    node->code = head->run;
    node->code_version = head->version;
    SL_TRY(sli_graph_copy(node->graph, args, &body->args, err));
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&text, "fn", head->name);
    sli_str_printf(&text, " version=%u%s", (unsigned)head->version, impure ? " impure" : "");
    sli_put_pair(&text, "args", args);
    return sli_node_set_args(node, &text, err);
}

sl_stream *sl_stream_transform(sl_stream *stream, const sl_transform_fn *fn, const char *args)
{
    sl_stream *node = sli_node_begin(&transform_ops, fn == NULL ? NULL : fn->name, stream);
    if (node == NULL) {
        return NULL;
    }
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size, sizeof *fn,           "sl_transform_fn",
                             fn->name,        (sli_code_fn)fn->run, fn->version};
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_transform(node, &head, fn == NULL ? NULL : fn->out,
                                   fn != NULL && fn->impure, args, &err);
    if (rc == SL_OK) {
        ((transform_body *)node->body)->fn = fn;
    }
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_transform_all(sl_stream *const *streams, int32_t n,
                                   const sl_transform_all_fn *fn, const char *args)
{
    sl_stream *node =
        sli_node_begin_many(&transform_all_ops, fn == NULL ? NULL : fn->name, streams, n);
    if (node == NULL) {
        return NULL;
    }
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size, sizeof *fn,           "sl_transform_all_fn",
                             fn->name,        (sli_code_fn)fn->run, fn->version};
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_transform(node, &head, fn == NULL ? NULL : fn->out,
                                   fn != NULL && fn->impure, args, &err);
    if (rc == SL_OK) {
        ((transform_body *)node->body)->all = fn;
    }
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_transform_with(sl_stream *a, sl_stream *b, const sl_transform_all_fn *fn,
                                    const char *args)
{
    return sl_stream_transform_all((sl_stream *const[]){a, b}, 2, fn, args);
}

// ---------------------------------------------------------------- joins with a static table

typedef struct table_body {
    const char *url, *keys;
    sl_schema *schema; ///< of the table
} table_body;

/// Batches of a table being read.
typedef struct table_rows {
    sl_batch **batches;
    int32_t n, capacity;
} table_rows;

static sl_code take_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    table_rows *rows = ctx;
    sl_batch **grown = sli_grown(rows->batches, rows->n, &rows->capacity, sizeof(sl_batch *));
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)rows->n * sizeof(sl_batch *), "rows of a table");
    }
    rows->batches = grown;
    rows->batches[rows->n++] = sl_batch_ref(batch);
    return SL_OK;
}

/// The table as an RDD of one partition that holds its rows. It is read once a run: read again for
/// an evicted block, a file that has changed meanwhile would give one epoch two tables.
static sl_code read_table(const table_body *body, sli_runtime *runtime, sl_rdd **out, sl_error *err)
{
    table_rows rows = {0};
    sl_code rc = sli_table_each(runtime, body->url, take_batch, &rows, err);
    if (rc == SL_OK) {
        sl_batch *const *const partitions[1] = {rows.batches};
        *out = sli_rdd_of_partitions(runtime, body->schema, partitions, &rows.n, 1);
        rc = sl_rdd_check(*out, err);
    }
    for (int32_t i = 0; i < rows.n; i++) {
        sl_batch_unref(rows.batches[i]);
    }
    sl_free(rows.batches);
    return rc;
}

static sl_code join_table_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                              sl_rdd **out, sl_error *err)
{
    const table_body *body = node->body;
    if (node->static_rdd == NULL) {
        sl_rdd *made = NULL;
        sl_code rc = read_table(body, epoch->runtime, &made, err);
        if (rc != SL_OK) {
            sl_rdd_unref(made);
            return sl_error_wrap(err, rc, "read table '%s'", node->label);
        }
        node->static_rdd = made;
    }
    *out = sl_rdd_join_table(inputs[0], node->static_rdd, body->keys);
    return SL_OK;
}

static void join_table_free(sl_stream *node)
{
    table_body *body = node->body;
    if (body != NULL) {
        sl_schema_unref(body->schema);
        body->schema = NULL;
    }
}

static const sli_node_ops join_table_ops = {
    .kind = "joinTable", .rdd = join_table_rdd, .free = join_table_free};

static sl_code resolve_table(sl_stream *node, const char *url, const char *keys, sl_error *err)
{
    table_body *body = NULL;
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    SL_TRY(sli_url_schema(node->graph, url, node->uid, true, &body->schema, err));
    SL_TRY(sli_graph_copy(node->graph, url, &body->url, err));
    SL_TRY(sli_graph_copy(node->graph, keys, &body->keys, err));
    sli_str args = {.tag = SLI_TAG_STREAM};
    SL_TRY(
        sli_join_resolve(node->inputs[0]->schema, body->schema, keys, &node->schema, &args, err));
    sli_put_url_pair(&args, "table", node->graph, url);
    return sli_node_set_args(node, &args, err);
}

sl_stream *sl_stream_join_table(sl_stream *stream, const char *table_url, const char *keys)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    const char *label = table_url == NULL ? NULL : sli_url_label(stream->graph, table_url);
    sl_stream *node = sli_node_begin(&join_table_ops, label, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_table(node, table_url, keys, &err);
    return sli_node_end(node, rc, &err);
}
