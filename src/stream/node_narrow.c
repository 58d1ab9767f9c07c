// Narrow operators: map, flatMap, mapPartitions, filter, select, where, union.
#include "stream/graph_def.h"

/// What the operators of this file are made of: a function with arguments, or a text.
typedef struct narrow_body {
    const sl_fn *fn;
    const char *text; ///< arguments, expressions or the condition; NULL: none
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
    (void)node;
    (void)epoch;
    (void)err;
    *out = sl_rdd_union(inputs[0], inputs[1]);
    return SL_OK;
}

static const sli_node_ops map_ops = {.kind = "map", .rdd = map_rdd};
static const sli_node_ops flat_map_ops = {.kind = "flatMap", .rdd = flat_map_rdd};
static const sli_node_ops map_partitions_ops = {.kind = "mapPartitions", .rdd = map_partitions_rdd};
static const sli_node_ops filter_ops = {.kind = "filter", .rdd = filter_rdd};
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

static sl_code put_fn(sl_stream *node, const sl_fn *fn, const char *args, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&text, "fn", fn->name);
    sli_str_printf(&text, " version=%u%s", (unsigned)fn->version, fn->impure ? " impure" : "");
    sli_put_pair(&text, "args", args);
    return sli_node_set_args(node, &text, err);
}

static sl_code resolve_fn(sl_stream *node, const sl_fn *fn, const char *args, sl_error *err)
{
    narrow_body *body = NULL;
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size, sizeof *fn,           "sl_fn",
                             fn->name,        (sli_code_fn)fn->run, fn->version};
    }
    SL_TRY(sli_fn_check(node->graph, &head, args, err));
    if (fn->end != NULL && node->ops != &map_partitions_ops) {
        return sl_error_set(err, SL_E_INVALID,
                            "function '%s' has an `end`, which only mapPartitions calls", fn->name);
    }
    SL_TRY(sli_fn_schema(fn->out, node->inputs[0]->schema, &node->schema, err));
    if (node->ops == &filter_ops) {
        SL_TRY(check_filter(node, fn, err));
        sl_schema_unref(node->schema);
        node->schema = sl_schema_ref(node->inputs[0]->schema);
    }
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    body->fn = fn;
    node->code = (sli_code_fn)fn->run;
    node->code_version = fn->version;
    SL_TRY(sli_graph_copy(node->graph, args, &body->text, err));
    return put_fn(node, fn, args, err);
}

static sl_stream *define_fn(sl_stream *stream, const sli_node_ops *ops, const sl_fn *fn,
                            const char *args)
{
    sl_stream *node = sli_node_begin(ops, fn == NULL ? NULL : fn->name, stream, NULL);
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
    sl_stream *node = sli_node_begin(&select_ops, NULL, stream, NULL);
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
    sl_stream *node = sli_node_begin(&where_ops, NULL, stream, NULL);
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
    sl_stream *node = sli_node_begin_two(&union_ops, a, b);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_schema_union(a->schema, b->schema, &node->schema, &err);
    return sli_node_end(node, rc, &err);
}
