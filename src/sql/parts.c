// The three parts of a SELECT with aggregates, as streams: by row, state, and by row, or, for
// window functions over results, over each epoch.
#include "sql/aggregate_int.h"

#include "sluice/event.h"
#include "sluice/running.h"

#include <strings.h>

// ---------------------------------------------------------------- the first part: by row

static sli_node *in_list(sli_aggregate *a)
{
    sli_node *list = sli_node_array();
    for (int32_t i = 0; i < a->n_groups; i++) {
        sli_node_push(
            list, sli_node_named(sli_node_copy(a->groups[i]), sli_query_text(a->query, "_k%d", i)));
    }
    for (int32_t i = 0; i < a->n_calls; i++) {
        for (int32_t v = 0; v < sli_aggregate_n_values(a->calls[i]); v++) {
            sli_node *value = sli_aggregate_value(a->calls[i], v);
            sli_node_push(list, sli_node_named(value, sli_aggregate_value_name(a, i, v)));
        }
    }
    if (a->query->window.kind != SLI_WINDOW_NONE) {
        const char *time = a->table->relation.time;
        sli_node_push(list, sli_node_column(time, time));
    }
    if (json_object_array_length(list) == 0) { // count(*) of all rows: a column to count them by
        sli_node_push(
            list,
            sli_node_parse(
                "{'class':'CONSTANT','type':'VALUE_CONSTANT','alias':'_row','query_location':0,"
                "'value':{'type':{'id':'INTEGER','type_info':null},'is_null':false,'value':1}}"));
    }
    return list;
}

bool sli_node_put_columns(const sli_node *list, sli_str *out)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const sli_node *item = json_object_array_get_idx(list, i);
        const char *name = sli_node_column_name(item);
        if (name[0] == '\0' || sli_node_count(item, "column_names") > 2) {
            return false;
        }
        sli_str_printf(out, "%s\"%s\" as \"%s\"", i == 0 ? "" : ", ", name,
                       sli_node_text(item, "alias"));
    }
    return true;
}

/// SQL's names know no case, the engine's do: each column as its stream has it.
static void spell(sli_node *list, const sl_schema *schema)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        sli_node *item = json_object_array_get_idx(list, i);
        const char *name = sli_node_column_name(item);
        for (int32_t c = 0; name[0] != '\0' && c < sl_schema_columns(schema); c++) {
            const char *own = sl_schema_field(schema, c)->name;
            if (strcasecmp(own, name) == 0 && strcmp(own, name) != 0) {
                int32_t last = sli_node_count(item, "column_names") - 1;
                json_object_array_put_idx(sli_node_at(item, "column_names"), (size_t)last,
                                          json_object_new_string(own));
                break;
            }
        }
    }
}

/// The columns of the list from a stream, without DuckDB; NULL when the list is more than columns,
/// with *rc SL_OK.
static sl_stream *select_columns(sli_aggregate *a, sl_stream *stream, sli_node *list,
                                 const char *uid, sl_code *rc)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    spell(list, sl_stream_schema(stream));
    sl_stream *made = NULL;
    *rc = SL_OK;
    if (sli_node_put_columns(list, &text)) {
        *rc = sli_str_check(&text, "names of columns", a->err);
        made = *rc == SL_OK ? sl_stream_select(stream, text.data) : NULL;
        made = uid == NULL ? made : sl_stream_uid(made, uid);
        if (*rc == SL_OK && made == NULL) {
            *rc = sl_graph_check(a->query->env->graph, a->err);
        }
    }
    sli_str_reset(&text);
    return made;
}

/// The stream's own columns only: the first part of a window has no columns of its windows.
static sl_code in_relations(sli_aggregate *a, sli_relation *from, sli_node *from_table)
{
    for (int32_t i = 0; i < a->query->n_tables; i++) {
        from[i] = a->query->tables[i].relation;
    }
    if (a->query->window.kind == SLI_WINDOW_NONE) {
        return SL_OK;
    }
    sli_relation *stream = &from[a->query->window.source];
    const char *name = sli_query_name(a->query, "rows");
    if (name == NULL) {
        return sl_error_nomem(a->err, 64, "a name");
    }
    sli_node *node = from_table; // of JOIN: only tables on whose left side the stream may be
    while (sli_node_is(node, "JOIN")) {
        sli_node *left = sli_node_at(node, "left"), *right = sli_node_at(node, "right");
        node = strcmp(sli_node_text(right, "table_name"), stream->name) == 0 ? right : left;
    }
    sli_node_set_text(node, "table_name", name);
    stream->name = name;
    return SL_OK;
}

/// A tree of the first part; its FROM and WHERE are those of the SELECT.
static sl_code in_tree(sli_aggregate *a, sli_tree *out, sli_relation *from)
{
    SL_TRY(sli_tree_copy(out, &a->query->tree, a->err));
    sli_node *table = sli_node_copy(sli_node_at(a->query->tree.select, "from_table"));
    sli_node *where = sli_node_copy(sli_node_at(a->query->tree.select, "where_clause"));
    SL_TRY(in_relations(a, from, table));
    sli_tree_be(out, in_list(a), table, where);
    return SL_OK;
}

sl_code sli_aggregate_in(sli_aggregate *a, sl_stream **out)
{
    sli_relation from[SLI_MAX_FROM];
    sli_tree tree = {0};
    sl_code rc = in_tree(a, &tree, from);
    const char *uid = sli_query_uid(a->query, "in");
    sl_stream *made = NULL;
    bool plain =
        rc == SL_OK && a->query->n_tables == 1 && sli_node_at(tree.select, "where_clause") == NULL;
    if (plain) {
        made = select_columns(a, a->table->relation.stream, sli_node_at(tree.select, "select_list"),
                              uid, &rc);
    }
    if (rc == SL_OK && made == NULL) {
        made = sli_query_run(a->query, &tree, from, a->query->n_tables, true, uid, a->err);
        rc = made != NULL ? SL_OK : SL_E_INVALID;
    }
    sli_tree_reset(&tree);
    *out = made;
    return rc;
}

// ---------------------------------------------------------------- the second: state

static void put_keys(sli_aggregate *a, sli_str *out)
{
    for (int32_t i = 0; i < a->n_groups; i++) {
        sli_str_printf(out, "%s_k%d", i == 0 ? "" : ", ", i);
    }
}

static sl_stream *window_of(sli_aggregate *a, sl_stream *in, const char *keys,
                            const char *aggregations)
{
    const sli_window_words *w = &a->query->window;
    const char *size = sli_query_text(a->query, "%lldus", (long long)w->size_us);
    const char *slide = sli_query_text(a->query, "%lldus", (long long)w->slide_us);
    return w->kind == SLI_WINDOW_SESSION
               ? sl_stream_session_window(in, keys, aggregations, size)
               : sl_stream_event_window(in, keys, aggregations, size,
                                        w->kind == SLI_WINDOW_HOP ? slide : NULL);
}

sl_code sli_aggregate_state(sli_aggregate *a, sl_stream *in)
{
    const sl_schema *schema = sl_stream_schema(in);
    SL_TRY(sli_aggregate_types(a, schema));
    sli_str keys = {.tag = SLI_TAG_STREAM}, aggregations = {.tag = SLI_TAG_STREAM};
    put_keys(a, &keys);
    sl_code rc = sli_aggregate_put(a, &aggregations);
    rc = rc != SL_OK ? rc : sli_str_check(&keys, "keys", a->err);
    if (rc == SL_OK) {
        const char *by = a->n_groups == 0 ? NULL : keys.data;
        sl_stream *made = a->query->window.kind != SLI_WINDOW_NONE
                              ? window_of(a, in, by, aggregations.data)
                              : sl_stream_running_by_key(in, by, aggregations.data);
        if (a->rows != NULL) {
            made = sli_stream_running_forget(
                made, sli_query_text(a->query, "_r%d", sli_aggregate_find(a, a->rows)));
        }
        const char *uid = sli_query_uid(a->query, "state");
        a->results = uid == NULL ? made : sl_stream_uid(made, uid);
        rc = a->results != NULL ? SL_OK : sl_graph_check(a->query->env->graph, a->err);
    }
    sli_str_reset(&keys);
    sli_str_reset(&aggregations);
    return rc;
}

// ---------------------------------------------------------------- the third: over the results

/// window_time is the last time that lies in the window, as Flink has it: a millisecond before its
/// end.
static sli_node *window_time(void)
{
    sli_node *minus = sli_node_call("-", true);
    sli_node *one = sli_node_parse(
        "{'class':'CAST','type':'OPERATOR_CAST','alias':'','query_location':0,'child':"
        "{'class':'CONSTANT','type':'VALUE_CONSTANT','alias':'','query_location':0,"
        "'value':{'type':{'id':'VARCHAR','type_info':null},'is_null':false,'value':"
        "'1 millisecond'}},'cast_type':{'id':'INTERVAL','type_info':null},'try_cast':false}");
    sli_node *children = sli_node_at(minus, "children");
    if (children == NULL || one == NULL) {
        json_object_put(minus);
        json_object_put(one);
        return NULL;
    }
    sli_node_push(children, sli_node_column("window_end", NULL));
    sli_node_push(children, one);
    return minus;
}

/// What stands for a part of the SELECT's list over the results; NULL: it stays, and its parts are
/// looked at.
static sli_node *over_results(void *ctx, const sli_node *node)
{
    sli_aggregate *a = ctx;
    const char *alias = sli_node_text(node, "alias");
    const char *name = sli_node_column_name(node);
    if (a->query->window.kind != SLI_WINDOW_NONE && sli_is_window_column(name)) {
        return strcasecmp(name, "window_time") == 0
                   ? sli_node_named(window_time(), alias)
                   : sli_node_column(strcasecmp(name, "window_end") == 0 ? "window_end"
                                                                         : "window_start",
                                     alias);
    }
    for (int32_t i = 0; i < a->n_groups; i++) {
        if (sli_node_at(node, "type") != NULL && sli_node_equal(a->groups[i], node)) {
            return sli_node_column(sli_query_text(a->query, "_k%d", i), alias);
        }
    }
    int32_t call = sli_node_is(node, "FUNCTION") ? sli_aggregate_find(a, node) : -1;
    return call < 0 ? NULL : sli_node_column(sli_query_text(a->query, "_r%d", call), alias);
}

/// A name given by AS, in HAVING and QUALIFY, stands for what it names.
static sli_node *named_in_having(void *ctx, const sli_node *node)
{
    const sli_aggregate *a = ctx;
    const sli_node *is = sli_node_is(node, "COLUMN_REF") ? sli_aggregate_meant(a, node) : node;
    return is == node ? NULL : sli_node_copy(is);
}

static sl_code out_tree(sli_aggregate *a, sli_tree *out, const char *name)
{
    SL_TRY(sli_tree_copy(out, &a->query->tree, a->err));
    sli_node *list = sli_node_copy(sli_node_at(a->query->tree.select, "select_list"));
    sli_node *holder = json_object_new_object();
    sli_node_set(holder, "having", sli_node_copy(sli_node_at(a->query->tree.select, "having")));
    sli_node_set(holder, "qualify", sli_node_copy(sli_node_at(a->query->tree.select, "qualify")));
    sli_node_set(holder, "list", list);
    bool asks = sli_node_at(holder, "having") != NULL || sli_node_at(holder, "qualify") != NULL;
    sli_node_replace_own(asks ? holder : NULL, named_in_having, a);
    sli_node_replace_own(holder, over_results, a);
    for (int32_t i = 0; i < (int32_t)json_object_array_length(list); i++) {
        if (i < sl_schema_columns(a->query->result)) {
            sli_node_named(json_object_array_get_idx(list, (size_t)i),
                           sl_schema_field(a->query->result, i)->name);
        }
    }
    sli_tree_be(out, json_object_get(list), sli_node_table(name, NULL),
                json_object_get(sli_node_at(holder, "having")));
    sli_node_set(out->select, "qualify", json_object_get(sli_node_at(holder, "qualify")));
    json_object_put(holder);
    return SL_OK;
}

/// SQL's name of an integer type that Sluice's aggregations compute as int64; NULL: it is another.
static const char *narrow_type(const sl_field *field)
{
    switch (field->type) {
    case SL_INT8:
        return "TINYINT";
    case SL_INT16:
        return "SMALLINT";
    case SL_INT32:
        return "INTEGER";
    case SL_UINT8:
        return "UTINYINT";
    case SL_UINT16:
        return "USMALLINT";
    case SL_UINT32:
        return "UINTEGER";
    default:
        return NULL;
    }
}

/// A cast of a column, under the column's alias.
static sli_node *cast_of(const sli_node *column, const char *type)
{
    sli_node *cast = sli_node_parse(
        "{'class':'CAST','type':'OPERATOR_CAST','alias':'','query_location':0,'child':null,"
        "'cast_type':{'id':'','type_info':null},'try_cast':false}");
    sli_node *child = sli_node_copy(column);
    if (cast == NULL || child == NULL) {
        json_object_put(cast);
        json_object_put(child);
        return NULL;
    }
    sli_node_set_text(sli_node_at(cast, "cast_type"), "id", type);
    sli_node_set(cast, "child", sli_node_named(child, ""));
    return sli_node_named(cast, sli_node_text(column, "alias"));
}

/// max(v) of an INTEGER is one, as SQL has it, and so are the other aggregates that give one of
/// their values.
static sl_code narrow(sli_aggregate *a, sli_tree *tree)
{
    sli_node *list = sli_node_at(tree->select, "select_list");
    for (int32_t i = 0; i < sl_schema_columns(a->query->result); i++) {
        const char *type = narrow_type(sl_schema_field(a->query->result, i));
        sli_node *item = json_object_array_get_idx(list, (size_t)i);
        if (type == NULL || strncmp(sli_node_column_name(item), "_r", 2) != 0) {
            continue;
        }
        sli_node *cast = cast_of(item, type);
        if (cast == NULL) {
            return sl_error_nomem(a->err, 1024, "the plan of a query");
        }
        json_object_array_put_idx(list, (size_t)i, cast);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- what running results change by

static bool look_for_result(void *ctx, sli_node *node)
{
    bool *found = ctx;
    *found |= sli_node_column_name(node)[0] == '_' && sli_node_column_name(node)[1] == 'r';
    return !*found;
}

static bool has_result(const sli_node *node)
{
    bool found = false;
    sli_node_walk(sli_node_own(node), look_for_result, &found);
    return found;
}

/// The aggregate that a column of the third part is; "" when it is none alone.
static const char *call_of(const sli_aggregate *a, const sli_node *item)
{
    const char *name = sli_node_column_name(item);
    for (int32_t i = 0; strncmp(name, "_r", 2) == 0 && i < a->n_calls; i++) {
        if (strcmp(name + 2, sli_query_text(a->query, "%d", i)) == 0) {
            return sli_node_text(a->calls[i], "function_name");
        }
    }
    return "";
}

static bool only_grows(const char *call)
{
    return strcasecmp(call, "max") == 0 || strncasecmp(call, "count", 5) == 0;
}

/// Whether a condition, once true of a key, stays so: it asks that results which only grow are
/// above a constant.
static bool lets_in_for_good(const sli_aggregate *a, const sli_node *where)
{
    if (sli_node_is(where, "CONJUNCTION_AND")) {
        bool all = true;
        for (int32_t i = 0; i < sli_node_count(where, "children"); i++) {
            all &= lets_in_for_good(a, sli_node_item(where, "children", i));
        }
        return all;
    }
    bool above = sli_node_is(where, "COMPARE_GREATERTHAN") ||
                 sli_node_is(where, "COMPARE_GREATERTHANOREQUALTO");
    return !has_result(where) || (above && only_grows(call_of(a, sli_node_at(where, "left"))) &&
                                  sli_node_is(sli_node_at(where, "right"), "VALUE_CONSTANT"));
}

/// What an aggregation over these results has to know of their columns.
static sl_code tell_results(sli_aggregate *a, const sli_tree *tree, const char *name)
{
    sli_changing *told = a->changing;
    const sli_node *select = tree->select;
    told->state = a->results;
    told->name = name;
    told->uid = sli_query_uid(a->query, "changes");
    told->asks_time = sli_query_asks_time(a->query);
    told->leaves = a->rows != NULL || !lets_in_for_good(a, sli_node_at(select, "where_clause"));
    SL_TRY(sli_changing_tables(a->query, told, a->err));
    for (int32_t i = 0; i < sli_node_count(select, "select_list"); i++) {
        const sli_node *item = sli_node_item(select, "select_list", i);
        const char *alias = sli_node_text(item, "alias"), *call = call_of(a, item);
        if (!has_result(item)) {
            told->fixed = sli_changing_add(a->query, told->fixed, alias);
        } else if (!told->leaves && only_grows(call)) {
            told->grows = sli_changing_add(a->query, told->grows, alias);
        } else if (!told->leaves && strcasecmp(call, "min") == 0) {
            told->falls = sli_changing_add(a->query, told->falls, alias);
        }
    }
    return sli_changing_select(a->query, tree, told, a->err);
}

sl_code sli_aggregate_out(sli_aggregate *a, sli_relation *out)
{
    const char *name = sli_query_name(a->query, "results");
    sli_tree tree = {0};
    sl_code rc = out_tree(a, &tree, name);
    rc = rc != SL_OK || a->changing == NULL ? rc : tell_results(a, &tree, name);
    rc = rc != SL_OK ? rc : narrow(a, &tree);
    sl_stream *made = NULL;
    if (rc == SL_OK && a->changing != NULL && a->changing->leaves) {
        sli_tree_reset(&tree);
        return sli_changing_relation(a->query, out, a->err);
    }
    if (rc == SL_OK && sli_node_at(tree.select, "where_clause") == NULL &&
        sli_node_at(tree.select, "qualify") == NULL) {
        made = select_columns(a, a->results, sli_node_at(tree.select, "select_list"), a->query->uid,
                              &rc);
    }
    if (rc == SL_OK && made == NULL) {
        sli_relation from[SLI_MAX_FROM + 1] = {{.name = name, .stream = a->results}};
        int32_t n = 1 + sli_query_statics(a->query, from + 1);
        made = sli_query_run(a->query, &tree, from, n, !a->has_over, a->query->uid, a->err);
        rc = made != NULL ? SL_OK : SL_E_INVALID;
    }
    sli_tree_reset(&tree);
    out->stream = made;
    return rc;
}
