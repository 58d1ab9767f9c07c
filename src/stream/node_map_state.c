// mapWithState: definition.
#include "stream/node_map_state.h"

static void map_state_free(sl_stream *node)
{
    const sli_map_state_body *body = node->body;
    if (body != NULL) {
        sl_schema_unref(body->made_schema);
    }
    sli_state_def_free(node);
}

const sli_node_ops sli_node_map_state_ops = {
    .kind = "mapWithState",
    .rdd = sli_map_state_rdd,
    .free = map_state_free,
    .most_partitions = SLI_MAX_HASH_PARTITIONS,
    .state = sli_state_table,
};

// ---------------------------------------------------------------- the operator

static sl_code kind_of(const sl_field *field, uint8_t *out, sl_error *err)
{
    switch (field->type) {
    case SL_FLOAT32:
    case SL_FLOAT64:
        *out = SL_STATE_FLOAT64;
        return SL_OK;
    case SL_STRING:
    case SL_BINARY:
        *out = SL_STATE_TEXT;
        return SL_OK;
    case SL_DECIMAL:
    case SL_LIST:
    case SL_STRUCT:
    case SL_OPAQUE:
        return sl_error_set(err, SL_E_INVALID,
                            "state column \"%s\": a state of mapWithState has numbers, times and "
                            "texts; updateStateByKey keeps columns of every type",
                            field->name);
    default:
        *out = SL_STATE_INT64;
        return SL_OK;
    }
}

static sl_code resolve_state(sl_stream *node, sli_map_state_body *body, sl_error *err)
{
    const sl_schema *state = body->touched.def.state_schema;
    int32_t n = sl_schema_columns(state);
    if (n > SL_STATE_MAX_COLUMNS) {
        return sl_error_set(err, SL_E_INVALID, "a state of %d columns; there may be %d", n,
                            SL_STATE_MAX_COLUMNS);
    }
    body->kinds = sl_arena_alloc_zero(node->graph->arena, (size_t)n);
    if (body->kinds == NULL) {
        return sl_error_nomem(err, (size_t)n, "columns");
    }
    body->n_columns = n;
    body->is_wide = true;
    for (int32_t c = 0; c < n; c++) {
        sl_type type = sl_schema_field(state, c)->type;
        body->is_wide &= type == SL_INT64 || type == SL_TIMESTAMP || type == SL_FLOAT64;
        SL_TRY(kind_of(sl_schema_field(state, c), &body->kinds[c], err));
        body->nullable |= (uint64_t)sl_schema_field(state, c)->nullable << c;
    }
    body->row_bytes = sizeof(sl_state_row) + (size_t)n * sizeof(sl_state_cell);
    return SL_OK;
}

static sl_code check_texts(const sl_map_state_fn *fn, sl_error *err)
{
    const char *missing = fn->state == NULL ? "`state`: the state's columns"
                          : fn->out == NULL ? "`out`: the columns of the rows it makes"
                                            : NULL;
    return missing == NULL
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "function '%s' has no %s", fn->name, missing);
}

static sl_code resolve(sl_stream *node, const char *keys, const sl_map_state_fn *fn,
                       const char *args, sl_error *err)
{
    sli_map_state_body *body = NULL;
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size, sizeof *fn,           "sl_map_state_fn",
                             fn->name,        (sli_code_fn)fn->run, fn->version};
    }
    SL_TRY(sli_fn_head_check(node->graph, &head, args, err));
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    body->fn = fn;
    node->code = (sli_code_fn)fn->run;
    node->code_version = fn->version;
    SL_TRY(check_texts(fn, err));
    SL_TRY(sli_state_define(node, &body->touched.def, keys, fn->state, args, err));
    SL_TRY(resolve_state(node, body, err));
    SL_TRY(sl_schema_parse(&body->made_schema, fn->out, err));
    SL_TRY(sli_state_beside(body->touched.def.key_schema, body->made_schema,
                            "a column of the function's rows", &node->schema, err));
    body->touched.snapshot_schema = body->touched.def.row_schema;
    body->touched.give_all = sli_map_state_give_all;
    return sli_state_put_args(node, &body->touched.def, fn->name, fn->version, fn->impure, err);
}

sl_stream *sl_stream_map_with_state(sl_stream *stream, const char *keys, const sl_map_state_fn *fn,
                                    const char *args)
{
    sl_stream *node = sli_node_begin(&sli_node_map_state_ops, fn == NULL ? NULL : fn->name, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, keys, fn, args, &err);
    return sli_node_end(node, rc, &err);
}
