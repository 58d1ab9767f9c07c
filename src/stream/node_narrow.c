// Narrow operators: map, flatMap, mapPartitions, filter, mapValues, flatMapValues, select, where,
// glom, union.
#include "stream/graph_def.h"

/// What the operators of this file are made of: a function with arguments, or a text.
typedef struct narrow_body {
    const sl_fn *fn;
    const char *text; ///< arguments, expressions or the condition; NULL: none
    const char *keys; ///< mapValues, flatMapValues
} narrow_body;

static const narrow_body *body_of(const sl_stream *node)
{
    return node->body;
}

// ---------------------------------------------------------------- RDDs

static sl_code map_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                       sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_map(inputs[0], body_of(node)->fn, body_of(node)->text);
    return SL_OK;
}

static sl_code flat_map_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                            sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_flat_map(inputs[0], body_of(node)->fn, body_of(node)->text);
    return SL_OK;
}

static sl_code map_partitions_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                  sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_map_partitions(inputs[0], body_of(node)->fn, body_of(node)->text);
    return SL_OK;
}

static sl_code filter_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_filter(inputs[0], body_of(node)->fn, body_of(node)->text);
    return SL_OK;
}

static sl_code map_values_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                              sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    const narrow_body *body = body_of(node);
    *out = sl_rdd_map_values(inputs[0], body->keys, body->fn, body->text);
    return SL_OK;
}

static sl_code flat_map_values_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                   sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    const narrow_body *body = body_of(node);
    *out = sl_rdd_flat_map_values(inputs[0], body->keys, body->fn, body->text);
    return SL_OK;
}

static sl_code glom_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                        sl_error *err)
{
    (void)node;
    (void)epoch;
    (void)err;
    *out = sl_rdd_glom(inputs[0]);
    return SL_OK;
}

static sl_code select_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_select(inputs[0], body_of(node)->text);
    return SL_OK;
}

static sl_code where_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                         sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_where(inputs[0], body_of(node)->text);
    return SL_OK;
}

static sl_code union_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                         sl_error *err)
{
    (void)epoch;
    (void)err;
    sl_rdd *all = sl_rdd_ref(inputs[0]);
    for (int32_t i = 1; i < node->n_inputs; i++) {
        sl_rdd *more = sl_rdd_union(all, inputs[i]);
        sl_rdd_unref(all);
        all = more;
    }
    *out = all;
    return SL_OK;
}

static const sli_node_ops map_ops = {.kind = "map", .rdd = map_rdd};
static const sli_node_ops flat_map_ops = {.kind = "flatMap", .rdd = flat_map_rdd};
static const sli_node_ops map_partitions_ops = {.kind = "mapPartitions", .rdd = map_partitions_rdd};
static const sli_node_ops filter_ops = {.kind = "filter", .rdd = filter_rdd};
static const sli_node_ops map_values_ops = {.kind = "mapValues", .rdd = map_values_rdd};
static const sli_node_ops flat_map_values_ops = {.kind = "flatMapValues",
                                                 .rdd = flat_map_values_rdd};
static const sli_node_ops glom_ops = {.kind = "glom", .rdd = glom_rdd};
static const sli_node_ops select_ops = {.kind = "select", .rdd = select_rdd};
static const sli_node_ops where_ops = {.kind = "where", .rdd = where_rdd};
static const sli_node_ops union_ops = {.kind = "union", .rdd = union_rdd};

// ---------------------------------------------------------------- functions

/// A filter's rows are its input's; what its function makes is one bool a row.
static sl_code check_filter(const sl_stream *node, const sl_fn *fn, sl_error *err)
{
    const sl_schema *in = node->inputs[0]->schema;
    bool fine =
        sl_schema_columns(node->schema) == 1 && sl_schema_field(node->schema, 0)->type == SL_BOOL;
    return fine ? SL_OK
                : sl_error_set(err, SL_E_INVALID,
                               "a filter's function makes one bool column, as \"keep bool\"; '%s' "
                               "makes \"%.200s\"",
                               fn->name, sl_schema_text(fn->out == NULL ? in : node->schema));
}

static void put_fn(sli_str *out, const sl_fn *fn, const char *args)
{
    sli_put_pair(out, "fn", fn->name);
    sli_str_printf(out, " version=%u%s", (unsigned)fn->version, fn->impure ? " impure" : "");
    sli_put_pair(out, "args", args);
}

/// The function in the node's body, checked.
static sl_code keep_fn(sl_stream *node, const sl_fn *fn, const char *args, narrow_body **out,
                       sl_error *err)
{
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size, sizeof *fn,           "sl_fn",
                             fn->name,        (sli_code_fn)fn->run, fn->version};
    }
    SL_TRY(sli_fn_head_check(node->graph, &head, args, err));
    if (fn->end != NULL && node->ops != &map_partitions_ops) {
        return sl_error_set(err, SL_E_INVALID,
                            "function '%s' has an `end`, which only mapPartitions calls", fn->name);
    }
    SL_TRY(sli_node_body(node, sizeof **out, (void **)out, err));
    (*out)->fn = fn;
    node->code = (sli_code_fn)fn->run;
    node->code_version = fn->version;
    return sli_graph_copy(node->graph, args, &(*out)->text, err);
}

static sl_code resolve_fn(sl_stream *node, const sl_fn *fn, const char *args, sl_error *err)
{
    narrow_body *body = NULL;
    SL_TRY(keep_fn(node, fn, args, &body, err));
    SL_TRY(sli_fn_schema(fn->out, node->inputs[0]->schema, &node->schema, err));
    if (node->ops == &filter_ops) {
        SL_TRY(check_filter(node, fn, err));
        sl_schema_unref(node->schema);
        node->schema = sl_schema_ref(node->inputs[0]->schema);
    }
    sli_str text = {.tag = SLI_TAG_STREAM};
    put_fn(&text, fn, args);
    return sli_node_set_args(node, &text, err);
}

static sl_stream *define_fn(sl_stream *stream, const sli_node_ops *ops, const sl_fn *fn,
                            const char *args)
{
    sl_stream *node = sli_node_begin(ops, fn == NULL ? NULL : fn->name, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_fn(node, fn, args, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_map(sl_stream *stream, const sl_fn *fn, const char *args)
{
    return define_fn(stream, &map_ops, fn, args);
}

sl_stream *sl_stream_flat_map(sl_stream *stream, const sl_fn *fn, const char *args)
{
    return define_fn(stream, &flat_map_ops, fn, args);
}

sl_stream *sl_stream_map_partitions(sl_stream *stream, const sl_fn *fn, const char *args)
{
    return define_fn(stream, &map_partitions_ops, fn, args);
}

sl_stream *sl_stream_filter(sl_stream *stream, const sl_fn *fn, const char *args)
{
    return define_fn(stream, &filter_ops, fn, args);
}

// ---------------------------------------------------------------- values, glom

static sl_code resolve_values(sl_stream *node, const char *keys, const sl_fn *fn, const char *args,
                              sl_error *err)
{
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n_keys = 0;
    narrow_body *body = NULL;
    SL_TRY(keep_fn(node, fn, args, &body, err));
    SL_TRY(sli_keys_parse(keys, in, columns, &n_keys, err));
    SL_TRY(sli_graph_copy(node->graph, keys, &body->keys, err));
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_columns(&text, "keys", in, columns, n_keys);
    put_fn(&text, fn, args);
    SL_TRY(sli_node_set_args(node, &text, err));
    return sli_node_try(node, err);
}

static sl_stream *define_values(sl_stream *stream, const sli_node_ops *ops, const char *keys,
                                const sl_fn *fn, const char *args)
{
    sl_stream *node = sli_node_begin(ops, fn == NULL ? NULL : fn->name, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_values(node, keys, fn, args, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_map_values(sl_stream *stream, const char *keys, const sl_fn *fn,
                                const char *args)
{
    return define_values(stream, &map_values_ops, keys, fn, args);
}

sl_stream *sl_stream_flat_map_values(sl_stream *stream, const char *keys, const sl_fn *fn,
                                     const char *args)
{
    return define_values(stream, &flat_map_values_ops, keys, fn, args);
}

sl_stream *sl_stream_glom(sl_stream *stream)
{
    sl_stream *node = sli_node_begin(&glom_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_node_try(node, &err);
    return sli_node_end(node, rc, &err);
}

// ---------------------------------------------------------------- expressions

static sl_code keep_text(sl_stream *node, const char *key, const char *text, const char *canonical,
                         sl_error *err)
{
    narrow_body *body = NULL;
    sli_str args = {.tag = SLI_TAG_STREAM};
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    SL_TRY(sli_graph_copy(node->graph, text, &body->text, err));
    sli_put_pair(&args, key, canonical);
    return sli_node_set_args(node, &args, err);
}

static sl_code resolve_select(sl_stream *node, const char *expressions, sl_error *err)
{
    sli_projection *projection = NULL;
    if (expressions == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the expressions are NULL");
    }
    SL_TRY(sli_projection_new(&projection, expressions, node->inputs[0]->schema, err));
    node->schema = sl_schema_ref(sli_projection_schema(projection));
    sl_code rc = keep_text(node, "expressions", expressions, sli_projection_text(projection), err);
    sli_projection_free(projection);
    return rc;
}

sl_stream *sl_stream_select(sl_stream *stream, const char *expressions)
{
    sl_stream *node = sli_node_begin(&select_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_select(node, expressions, &err);
    return sli_node_end(node, rc, &err);
}

static sl_code resolve_where(sl_stream *node, const char *condition, sl_error *err)
{
    sli_condition *compiled = NULL;
    if (condition == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the condition is NULL");
    }
    SL_TRY(sli_condition_new(&compiled, condition, node->inputs[0]->schema, err));
    sli_condition_free(compiled);
    node->schema = sl_schema_ref(node->inputs[0]->schema);
    return keep_text(node, "condition", condition, condition, err);
}

sl_stream *sl_stream_where(sl_stream *stream, const char *condition)
{
    sl_stream *node = sli_node_begin(&where_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_where(node, condition, &err);
    return sli_node_end(node, rc, &err);
}

// ---------------------------------------------------------------- union

sl_stream *sl_stream_union(sl_stream *a, sl_stream *b)
{
    return sl_stream_union_all((sl_stream *const[]){a, b}, 2);
}

sl_stream *sl_stream_union_all(sl_stream *const *streams, int32_t n)
{
    sl_stream *node = sli_node_begin_many(&union_ops, NULL, streams, n);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_node_try(node, &err);
    return sli_node_end(node, rc, &err);
}
