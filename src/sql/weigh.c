// Aggregates over rows that change: over their changes, each counted with the sign it has there.
//
//     SELECT category, avg(final) FROM tops GROUP BY category
//
//     SELECT category, CASE WHEN sum(n) > 0 THEN CAST(sum(final * _change) AS DOUBLE) / sum(n) END
//     FROM the changes of tops GROUP BY category         n: _change where final is not null
//
// So what is kept is again sums of integers and decimals, which know no order and lose nothing.
// What can't be taken back in that way is refused: sums of doubles, which would drift, and a max
// that may become less, for which every value would have to be kept. A group whose rows can leave
// it counts them in one more sum, and goes when that is 0 (sli_stream_running_forget).
#include "sql/aggregate_int.h"

#include <strings.h>

/// `_x`: the argument, `_w`: SLI_CHANGE, or null where FILTER says no. `of`: what the argument is.
typedef enum argument { ANY, EXACT, BOOLEAN, GROWS, FALLS } argument;

typedef struct weighed {
    const char *name;
    argument of;
    const char *as;
} weighed;

#define ROWS "sum(CASE WHEN _x IS NOT NULL THEN _w END)"
// Decimals would get more digits by a product.
#define SIGNED "CASE WHEN _w > 0 THEN _x WHEN _w < 0 THEN -_x END"

static const weighed ways[] = {
    {"count_star", ANY, "coalesce(sum(_w), 0)"},
    {"count", ANY, "coalesce(" ROWS ", 0)"},
    {"sum", EXACT, "CASE WHEN " ROWS " > 0 THEN sum(_x * _w) END"},
    {"avg", EXACT,
     "CASE WHEN " ROWS " > 0 THEN CAST(sum(_x * _w) AS DOUBLE) / CAST(" ROWS " AS DOUBLE) END"},
    {"mean", EXACT,
     "CASE WHEN " ROWS " > 0 THEN CAST(sum(_x * _w) AS DOUBLE) / CAST(" ROWS " AS DOUBLE) END"},
    {"count_if", BOOLEAN, "coalesce(sum(CASE WHEN _x THEN _w END), 0)"},
    {"countif", BOOLEAN, "coalesce(sum(CASE WHEN _x THEN _w END), 0)"},
    {"bool_and", BOOLEAN,
     "CASE WHEN " ROWS " > 0 THEN coalesce(sum(CASE WHEN NOT _x THEN _w END), 0) = 0 END"},
    {"bool_or", BOOLEAN,
     "CASE WHEN " ROWS " > 0 THEN coalesce(sum(CASE WHEN _x THEN _w END), 0) > 0 END"},
    {"max", GROWS, "max(CASE WHEN _w > 0 THEN _x END)"},
    {"min", FALLS, "min(CASE WHEN _w > 0 THEN _x END)"},
};
/// The same for decimals.
static const weighed decimal_ways[] = {
    {"sum", EXACT, "CASE WHEN " ROWS " > 0 THEN sum(" SIGNED ") END"},
    {"avg", EXACT,
     "CASE WHEN " ROWS " > 0 THEN CAST(sum(" SIGNED ") AS DOUBLE) / CAST(" ROWS " AS DOUBLE) END"},
    {"mean", EXACT,
     "CASE WHEN " ROWS " > 0 THEN CAST(sum(" SIGNED ") AS DOUBLE) / CAST(" ROWS " AS DOUBLE) END"},
};
static const char names[] =
    "count, count_if, sum and avg of integers and decimals, bool_and, bool_or, max of "
    "a max or a count, min of a min";

static const weighed *find(const char *name)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcasecmp(ways[i].name, name) == 0) {
            return &ways[i];
        }
    }
    return NULL;
}

static const weighed *find_decimal(const char *name)
{
    for (size_t i = 0; i < sizeof decimal_ways / sizeof decimal_ways[0]; i++) {
        if (strcasecmp(decimal_ways[i].name, name) == 0) {
            return &decimal_ways[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- an aggregate in other words

typedef struct weighing {
    sli_query *query;
    const sli_query_table *table;
    sl_schema *types; ///< of arguments: column i is that of call i; one reference
    sli_aggregate *calls;
    int64_t place; ///< of the call in work
    bool leaves;   ///< rows can leave a group
    sl_code rc;
    sl_error *err;
} weighing;

static bool put_place(void *ctx, sli_node *node)
{
    const weighing *w = ctx;
    if (sli_node_at(node, "query_location") != NULL) {
        sli_node_set(node, "query_location",
                     w->place < 0 ? json_object_new_uint64(UINT64_MAX)
                                  : json_object_new_int64(w->place));
    }
    return true;
}

/// The expression that a text is, with the place of the call in work.
static sl_code parse(weighing *w, const char *text, sli_node **out, sl_error *err)
{
    sli_tree tree = {0};
    sli_db_where where = {-1};
    const char *sql = sli_query_text(w->query, "SELECT %s", text);
    SL_TRY(sql == NULL ? sl_error_nomem(err, 64, "a query") : SL_OK);
    SL_TRY(sli_tree_parse(&tree, w->query->dbs, sql, &where, err));
    *out = json_object_get(sli_node_item(tree.select, "select_list", 0));
    sli_tree_reset(&tree);
    sli_node_walk(*out, put_place, w);
    return SL_OK;
}

typedef struct parts {
    const sli_node *x, *w;
} parts;

static sli_node *part_of(void *ctx, const sli_node *node)
{
    const parts *p = ctx;
    const char *name = sli_node_column_name(node);
    return strcmp(name, "_x") == 0   ? sli_node_copy(p->x)
           : strcmp(name, "_w") == 0 ? sli_node_copy(p->w)
                                     : NULL;
}

/// SLI_CHANGE, where FILTER says so.
static sl_code weight_of(weighing *w, const sli_node *call, sli_node **out, sl_error *err)
{
    const sli_node *filter = sli_node_at(call, "filter");
    if (filter == NULL) {
        *out = sli_node_column(SLI_CHANGE, NULL);
        return SL_OK;
    }
    SL_TRY(parse(w, "CASE WHEN _x THEN " SLI_CHANGE " END", out, err));
    sli_node_replace_own(*out, part_of, &(parts){.x = filter});
    return SL_OK;
}

static sl_code in_other_words(weighing *w, const sli_node *call, sli_node **out, sl_error *err)
{
    const char *name = sli_node_text(call, "function_name");
    const sl_field *type = sl_schema_field(w->types, sli_aggregate_find(w->calls, call));
    const weighed *known = type->type == SL_DECIMAL ? find_decimal(name) : NULL;
    sli_node *weight = NULL;
    known = known == NULL ? find(name) : known;
    w->place = sli_node_place(call);
    SL_TRY(weight_of(w, call, &weight, err));
    sl_code rc = parse(w, known->as, out, err);
    if (rc == SL_OK) {
        sli_node_replace_own(*out, part_of, &(parts){sli_node_item(call, "children", 0), weight});
        sli_node_named(*out, sli_node_text(call, "alias"));
    }
    json_object_put(weight);
    return rc;
}

static sli_node *replace_call(void *ctx, const sli_node *node)
{
    weighing *w = ctx;
    sli_node *made = NULL;
    if (w->rc != SL_OK || !sli_node_is(node, "FUNCTION") ||
        sli_aggregate_find(w->calls, node) < 0) {
        return NULL;
    }
    w->rc = in_other_words(w, node, &made, w->err);
    return made;
}

// ---------------------------------------------------------------- what may be

/// Whether rows can leave a group once they are in it: they go, or what they are grouped by
/// changes.
static bool rows_leave(const weighing *w, const sli_node *const *groups, int32_t n)
{
    const sli_changing *in = w->table->relation.changing;
    bool stay = !in->leaves && sli_changing_keeps_rows(w->query, w->table);
    for (int32_t i = 0; stay && i < n; i++) {
        stay = sli_changing_is_fixed(w->query, w->table, in->fixed, groups[i]);
    }
    return !stay;
}

static bool is_exact(sl_type type)
{
    return (type >= SL_INT8 && type <= SL_INT64) || (type >= SL_UINT8 && type <= SL_UINT32) ||
           type == SL_DECIMAL;
}

static sl_code check_argument(weighing *w, const sli_node *call, const weighed *known,
                              const sl_field *type)
{
    const sli_changing *in = w->table->relation.changing;
    const sli_node *x = sli_node_item(call, "children", 0);
    const char *name = sli_node_text(call, "function_name");
    if (known->of == EXACT && !is_exact(type->type)) {
        return sli_query_refuse(
            w->query, call, w->err,
            "%.40s over rows that change takes values back, which is exact of integers and "
            "decimals alone (doubles would drift): %.40s(CAST(x AS DECIMAL(18, 2))), with as many "
            "digits as are wanted",
            name, name);
    }
    if (known->of != GROWS && known->of != FALLS) {
        return SL_OK;
    }
    const char *column = sli_query_reads(w->query, w->table, x);
    const char *list = known->of == GROWS ? in->grows : in->falls;
    const sli_node *filter = sli_node_at(call, "filter");
    bool stay = !w->leaves && sli_changing_is_fixed(w->query, w->table, in->fixed, filter);
    bool fixed = stay && sli_changing_is_fixed(w->query, w->table, in->fixed, x);
    if (fixed || (stay && column != NULL && sli_node_count(x, "column_names") < 3 &&
                  sli_changing_has(list, column))) {
        return SL_OK;
    }
    return sli_query_refuse(
        w->query, call, w->err,
        "when a row of '%.60s' changes its %.10s may be another row's, so all would have to be "
        "kept. What only %s can be taken: %s; or take it of windows (FROM TUMBLE(...))",
        w->table->relation.name, name, known->of == GROWS ? "grows" : "falls",
        known->of == GROWS ? "max of a max or of a count, in groups that no row leaves"
                           : "min of a min, in groups that no row leaves");
}

static sl_code check_call(weighing *w, const sli_node *call, int32_t i)
{
    const char *name = sli_node_text(call, "function_name");
    const weighed *known = find(name);
    bool distinct = json_object_get_boolean(sli_node_at(call, "distinct")) && known != NULL &&
                    known->of != GROWS && known->of != FALLS;
    if (known == NULL || distinct) {
        return sli_query_refuse(
            w->query, call, w->err,
            "rows of '%.60s' change, and %.40s%s can't take the earlier ones back; those that can "
            "are %s",
            w->table->relation.name, name, distinct ? "(DISTINCT ...)" : "", names);
    }
    int32_t n = known == &ways[0] ? 0 : 1;
    if (sli_node_count(call, "children") != n) {
        return sli_query_refuse(w->query, call, w->err, "%.60s takes %d argument%s here", name, n,
                                n == 1 ? "" : "s");
    }
    return check_argument(w, call, known, sl_schema_field(w->types, i));
}

// ---------------------------------------------------------------- types of arguments

static sli_node *arguments(const sli_aggregate *calls)
{
    sli_node *list = sli_node_array();
    for (int32_t i = 0; i < calls->n_calls; i++) {
        const sli_node *x = sli_node_item(calls->calls[i], "children", 0);
        sli_node *one = x != NULL ? sli_node_copy(x)
                                  : sli_node_parse("{'class':'CONSTANT','type':'VALUE_CONSTANT',"
                                                   "'alias':'','query_location':0,'value':{'type':"
                                                   "{'id':'INTEGER','type_info':null},'is_null':"
                                                   "false,'value':1}}");
        sli_node_push(list, sli_node_named(one, sli_query_text(calls->query, "_a%d", i)));
    }
    return list;
}

/// What the arguments of all calls are. *out: one reference.
static sl_code types_of(weighing *w, sl_schema **out)
{
    sli_tree tree = {0};
    const sli_node *select = w->query->tree.select;
    SL_TRY(sli_tree_copy(&tree, &w->query->tree, w->err));
    sli_tree_be(&tree, arguments(w->calls), sli_node_copy(sli_node_at(select, "from_table")), NULL);
    sl_code rc = sli_query_check(w->query, &tree, out, w->err);
    sli_tree_reset(&tree);
    return rc;
}

// ---------------------------------------------------------------- all of it

static sl_code check_all(weighing *w)
{
    sl_schema *types = NULL;
    if (w->table->relation.changing->asks_time || sli_query_asks_time(w->query)) {
        return sli_query_refuse(
            w->query, sli_node_at(w->query->tree.select, "from_table"), w->err,
            "rows of '%.60s' change, and one that is taken back has to be as it came: with now() "
            "it would have another time. Take the time from the rows, max(ts)",
            w->table->relation.name);
    }
    SL_TRY(w->calls->n_calls == 0 ? SL_OK : types_of(w, &types));
    w->types = types;
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < w->calls->n_calls; i++) {
        rc = check_call(w, w->calls->calls[i], i);
    }
    return rc;
}

/// The table's rows are its changes from here on.
static sl_code take_changes(weighing *w, sli_query_table *table)
{
    sl_stream *changes = NULL;
    SL_TRY(sli_changing_stream(w->query, table->relation.changing, &changes, w->err));
    const char *name = sli_query_name(w->query, "changes");
    if (name == NULL) {
        return sl_error_nomem(w->err, 64, "a name");
    }
    sli_node_rename(sli_node_at(w->query->tree.select, "from_table"), table->relation.name, name);
    table->relation = (sli_relation){.name = name, .stream = changes};
    sl_schema_unref(table->seen);
    table->seen = sl_schema_ref(sl_stream_schema(changes));
    return SL_OK;
}

static sl_code rewrite_tree(weighing *w)
{
    sli_node *select = w->query->tree.select;
    sli_db_where where = {-1};
    sli_node_replace_own(sli_node_at(select, "select_list"), replace_call, w);
    SL_TRY(w->rc);
    sli_node *holder = json_object_new_object(); // HAVING may be nothing but a call
    sli_node_set(holder, "having", json_object_get(sli_node_at(select, "having")));
    sli_node_replace_own(holder, replace_call, w);
    sli_node_set(select, "having", json_object_get(sli_node_at(holder, "having")));
    json_object_put(holder);
    SL_TRY(w->rc);
    sl_code rc = sli_tree_shape(&w->query->tree, w->query->dbs, w->query->shape, &where, w->err);
    return rc == SL_OK ? SL_OK : sli_query_at(w->query, where.at, rc, w->err);
}

/// What a call was is asked of the calls that are still there, when some are replaced already.
static sl_code rewrite(weighing *w)
{
    const sli_aggregate *calls = w->calls;
    for (int32_t i = 0; i < calls->n_calls; i++) {
        (void)json_object_get(sli_node_own(calls->calls[i]));
    }
    sl_code rc = rewrite_tree(w);
    for (int32_t i = 0; i < calls->n_calls; i++) {
        json_object_put(sli_node_own(calls->calls[i]));
    }
    return rc;
}

sl_code sli_query_weigh(sli_query *query, sli_query_table *of, const sli_node *const *groups,
                        int32_t n_groups, bool *leaves, sl_error *err)
{
    if (of->relation.changing == NULL) {
        return sli_query_refuse(query, sli_node_at(query->tree.select, "from_table"), err,
                                "rows of '%.80s' change: aggregated again, a key would count once "
                                "for each change; aggregate its input instead",
                                of->relation.name);
    }
    sli_aggregate *calls = sl_alloc_zero(SLI_TAG_STREAM, sizeof *calls);
    if (calls == NULL) {
        return sl_error_nomem(err, sizeof *calls, "the plan of a query");
    }
    *calls = (sli_aggregate){.query = query, .table = of, .err = err};
    weighing w = {.query = query, .table = of, .calls = calls, .err = err};
    w.leaves = rows_leave(&w, groups, n_groups);
    *leaves = w.leaves && n_groups > 0;
    sl_code rc = sli_aggregate_list(calls);
    rc = rc != SL_OK ? rc : check_all(&w);
    rc = rc != SL_OK ? rc : rewrite(&w);
    rc = rc != SL_OK ? rc : take_changes(&w, of);
    sl_schema_unref(w.types);
    sl_free(calls);
    return rc;
}
