// A SELECT with aggregates over one stream, cut in three:
//
//     SELECT upper(w) AS word, sum(n * 2) + 1 AS s FROM lines WHERE n > 0 GROUP BY upper(w) HAVING
//     sum(n * 2) > 9
//
//     in     SELECT upper(w) AS _k0, n * 2 AS _a0 FROM lines WHERE n > 0           by row
//     state  keys _k0, sum(_a0) as _r0                                             a running
//     aggregation, or windows out    SELECT _k0 AS word, _r0 + 1 AS s WHERE _r0 > 9 by row
//
// Where `in` or `out` are nothing but columns, they are selected without DuckDB.
#include "sql/aggregate_int.h"

#include <strings.h>

// ---------------------------------------------------------------- what is grouped by

bool sli_is_window_column(const char *name)
{
    return strcasecmp(name, "window_start") == 0 || strcasecmp(name, "window_end") == 0 ||
           strcasecmp(name, "window_time") == 0;
}

static const sli_node *select_item(const sli_aggregate *a, int32_t i)
{
    return sli_node_item(a->query->tree.select, "select_list", i);
}

/// What GROUP BY 1, or GROUP BY a name given by AS, stands for. A column of that name comes first.
const sli_node *sli_aggregate_meant(const sli_aggregate *a, const sli_node *group)
{
    const sli_node *select = a->query->tree.select;
    if (sli_node_is(group, "VALUE_CONSTANT")) {
        int64_t n = json_object_get_int64(sli_node_at(sli_node_at(group, "value"), "value"));
        return n >= 1 && n <= sli_node_count(select, "select_list") ? select_item(a, (int32_t)n - 1)
                                                                    : group;
    }
    const char *name = sli_node_column_name(group);
    if (sli_node_count(group, "column_names") != 1) {
        return group;
    }
    for (int32_t i = 0; i < a->query->n_tables; i++) {
        const sl_schema *seen = a->query->tables[i].seen;
        for (int32_t c = 0; c < sl_schema_columns(seen); c++) {
            if (strcasecmp(sl_schema_field(seen, c)->name, name) == 0) {
                return group;
            }
        }
    }
    for (int32_t i = 0; i < sli_node_count(select, "select_list"); i++) {
        if (strcasecmp(sli_node_text(select_item(a, i), "alias"), name) == 0) {
            return select_item(a, i);
        }
    }
    return group;
}

static sl_code add_group(sli_aggregate *a, const sli_node *group)
{
    group = sli_aggregate_meant(a, group);
    if (a->query->window.kind != SLI_WINDOW_NONE &&
        sli_is_window_column(sli_node_column_name(group))) {
        a->by_window = true;
        return SL_OK;
    }
    if (a->n_groups == SLI_MAX_GROUPS) {
        return sli_query_refuse(a->query, group, a->err, "more than %d things to group by",
                                (int)SLI_MAX_GROUPS);
    }
    a->groups[a->n_groups++] = group;
    return SL_OK;
}

static sl_code find_groups(sli_aggregate *a)
{
    const sli_node *select = a->query->tree.select;
    if (sli_node_count(select, "group_sets") > 1) {
        return sli_query_refuse(
            a->query, sli_node_at(select, "group_expressions"), a->err,
            "GROUPING SETS, ROLLUP and CUBE can't be kept up; write one SELECT each");
    }
    bool all = strcmp(sli_node_text(select, "aggregate_handling"), "FORCE_AGGREGATES") == 0;
    for (int32_t i = 0; all && i < sli_node_count(select, "select_list"); i++) {
        if (!sli_aggregate_has_call(a, select_item(a, i))) {
            SL_TRY(add_group(a, select_item(a, i)));
        }
    }
    for (int32_t i = 0; i < sli_node_count(select, "group_expressions"); i++) {
        SL_TRY(add_group(a, sli_node_item(select, "group_expressions", i)));
    }
    return SL_OK;
}

/// The name under which the output has a thing that is grouped by; NULL: not alone.
static const char *output_of(sli_aggregate *a, const sli_node *group)
{
    for (int32_t i = 0; i < sl_schema_columns(a->query->result); i++) {
        const sli_node *item = select_item(a, i);
        if (item == group || sli_node_equal(item, group)) {
            return sli_query_text(a->query, "%s", sl_schema_field(a->query->result, i)->name);
        }
    }
    return NULL;
}

static const char *of_names(sli_aggregate *a, sli_str *text)
{
    bool fits = sli_str_check(text, "names of columns", a->err) == SL_OK;
    const char *names =
        !fits ? NULL : sli_query_text(a->query, "%s", text->size == 0 ? "" : text->data);
    sli_str_reset(text);
    return names;
}

/// Running results change: by which columns. A sink needs all of these among the output; another
/// aggregation does not.
static sl_code tell_changes(sli_aggregate *a, sli_relation *out)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_changing *changing = sl_arena_alloc_zero(a->query->arena, sizeof *changing);
    if (changing == NULL) {
        return sl_error_nomem(a->err, sizeof *changing, "the plan of a query");
    }
    for (int32_t i = 0; i < a->n_groups; i++) {
        const char *name = output_of(a, a->groups[i]);
        if (name == NULL) {
            changing->lost = "what is grouped by has to be among the columns: a result that "
                             "changes replaces the earlier one of the same key";
            changing->lost_at = sli_node_place(a->groups[i]);
        } else {
            sli_str_printf(&text, "%s%s", text.size == 0 ? "" : ", ", name);
        }
    }
    out->changing = a->changing = changing;
    out->changes_by = of_names(a, &text);
    return out->changes_by == NULL ? a->err->code : SL_OK;
}

/// A column of a window, and how far before its end it is.
typedef struct bound {
    const char *name;
    int64_t before_us;
} bound;

static sl_code tell_bound(sli_aggregate *a, const bound *b, sli_relation *out)
{
    for (int32_t i = 0; i < sl_schema_columns(a->query->result); i++) {
        if (strcasecmp(sli_node_column_name(select_item(a, i)), b->name) != 0) {
            continue;
        }
        const char *name = sl_schema_field(a->query->result, i)->name;
        sli_moment moment = {sli_query_text(a->query, "%s", name), b->before_us, true};
        SL_TRY(sli_moments_add(a->query, out, &moment, a->err));
        out->window_end = strcmp(b->name, "window_end") == 0 ? moment.column : out->window_end;
    }
    return SL_OK;
}

/// The rows of a window come when it has closed: what the output has of its bounds can be their
/// event time. How long ago a session began nobody knows.
static sl_code tell_window(sli_aggregate *a, sli_relation *out)
{
    const sli_window_words *w = &a->query->window;
    const bound bounds[] = {{"window_end", 0}, {"window_time", 1000}, {"window_start", w->size_us}};
    size_t n = w->kind == SLI_WINDOW_NONE ? 0 : w->kind == SLI_WINDOW_SESSION ? 2 : 3;
    for (size_t i = 0; i < n; i++) {
        SL_TRY(tell_bound(a, &bounds[i], out));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- all of it

static bool uses_window(void *ctx, sli_node *node)
{
    bool *uses = ctx;
    *uses |= sli_is_window_column(sli_node_column_name(node));
    return !*uses;
}

static sl_code check_session_keys(sli_aggregate *a)
{
    const sli_window_words *w = &a->query->window;
    size_t n = w->keys == NULL ? 0 : json_object_array_length(w->keys);
    bool equal = n == (size_t)a->n_groups;
    for (size_t i = 0; equal && i < n; i++) {
        bool found = false;
        for (int32_t g = 0; g < a->n_groups; g++) {
            found |= sli_node_equal(json_object_array_get_idx(w->keys, i), a->groups[g]);
        }
        equal = found;
    }
    return equal ? SL_OK
                 : sli_query_refuse(
                       a->query, sli_node_at(a->query->tree.select, "group_expressions"), a->err,
                       "a session's PARTITION BY and what GROUP BY names beside the window have "
                       "to be the same");
}

static bool look_for_star(void *ctx, sli_node *node)
{
    const sli_node **star = ctx;
    if (sli_node_is(node, "STAR") && *star == NULL) {
        *star = node;
    }
    return *star == NULL;
}

/// Whether rows that are equal in this come in one epoch: windows that end together close together.
static bool is_end_of_window(const sli_aggregate *a, const sli_node *node)
{
    const char *name = sli_node_column_name(node);
    return sli_is_window_column(name) &&
           (a->query->window.kind != SLI_WINDOW_SESSION || strcasecmp(name, "window_start") != 0);
}

typedef struct over_search {
    const sli_aggregate *a;
    const sli_node *apart; ///< a window function that would put rows of two epochs together
} over_search;

static bool look_at_over(void *ctx, sli_node *node)
{
    over_search *s = ctx;
    if (strcmp(sli_node_text(node, "class"), "WINDOW") == 0) {
        bool together = false;
        for (int32_t i = 0; i < sli_node_count(node, "partitions"); i++) {
            together |= is_end_of_window(s->a, sli_node_item(node, "partitions", i));
        }
        s->apart = together || s->apart != NULL ? s->apart : node;
    }
    return s->apart == NULL && !sli_node_is(node, "SUBQUERY"); // of static tables: on its own
}

/// Window functions over results are of all rows of their partition: those must come together.
static sl_code check_over(sli_aggregate *a)
{
    const sli_node *select = a->query->tree.select, *qualify = sli_node_at(select, "qualify");
    over_search s = {a, NULL};
    if (a->query->window.kind == SLI_WINDOW_NONE) {
        return sli_query_refuse_shape(a->query, a->err);
    }
    sli_node_walk(sli_node_at(select, "select_list"), look_at_over, &s);
    sli_node_walk(sli_node_own(qualify), look_at_over, &s);
    a->has_over = true;
    return s.apart == NULL
               ? SL_OK
               : sli_query_refuse(a->query, s.apart, a->err,
                                  "a window function (OVER) over the results of windows "
                                  "needs them together: PARTITION BY %swindow_end",
                                  a->query->window.kind == SLI_WINDOW_SESSION ? ""
                                                                              : "window_start, ");
}

static sl_code check_form(sli_aggregate *a)
{
    sli_query *query = a->query;
    const sli_node *select = query->tree.select, *star = NULL;
    const char *why = query->shape->why == NULL ? "" : query->shape->why;
    bool in_where = false;
    if (strcmp(why, "a window function (OVER)") == 0 || strcmp(why, "QUALIFY") == 0) {
        SL_TRY(check_over(a));
    } else if (why[0] != '\0' && strcmp(why, "GROUP BY") != 0 && strcmp(why, "an aggregate") != 0) {
        return sli_query_refuse_shape(query, a->err);
    }
    if (sli_node_count(select, "modifiers") > 0) {
        return sli_query_refuse(
            query, sli_node_item(select, "modifiers", 0), a->err,
            "ORDER BY, LIMIT and DISTINCT have no meaning over results that go on; "
            "leave them out, or take them of each epoch: FROM EPOCH(TABLE view)");
    }
    sli_node_walk(sli_node_at(select, "select_list"), look_for_star, &star);
    if (star != NULL) {
        return sli_query_refuse(query, star, a->err, "name the columns instead of *");
    }
    sli_node_walk(sli_node_at(select, "where_clause"), uses_window, &in_where);
    return query->window.kind != SLI_WINDOW_NONE && in_where
               ? sli_query_refuse(query, sli_node_at(select, "where_clause"), a->err,
                                  "WHERE is asked before there are windows; use HAVING for them")
               : SL_OK;
}

static sl_code check_window(sli_aggregate *a)
{
    if (a->query->window.kind == SLI_WINDOW_NONE) {
        return SL_OK;
    }
    if (!a->by_window) {
        return sli_query_refuse(
            a->query, a->query->tree.select, a->err,
            "a window's rows are put together by GROUP BY window_start, window_end");
    }
    if (a->query->window.kind != SLI_WINDOW_SESSION) {
        return SL_OK;
    }
    if (a->n_groups == 0) {
        return sli_query_refuse(a->query, sli_node_at(a->query->tree.select, "group_expressions"),
                                a->err,
                                "a session is a key's: SESSION(TABLE t PARTITION BY key, ...) and "
                                "GROUP BY window_start, window_end, key; for sessions of all rows "
                                "together a view adds a constant to be that key");
    }
    return a->query->window.of_groups ? SL_OK : check_session_keys(a);
}

static sl_code make_state(sli_aggregate *a)
{
    sl_stream *in = NULL;
    SL_TRY(sli_aggregate_in(a, &in));
    SL_TRY(sli_aggregate_state(a, in));
    return sli_shared_add_state(a);
}

/// How many rows a group has becomes one more aggregate: at 0 the group goes.
static sl_code count_rows(sli_aggregate *a)
{
    sli_node *sum = sli_node_call("sum", false);
    sli_node *children = sli_node_at(sum, "children");
    if (children == NULL) {
        json_object_put(sum);
        return sl_error_nomem(a->err, 4096, "the plan of a query");
    }
    sli_node_push(children, sli_node_column(SLI_CHANGE, NULL));
    a->rows = sum;
    if (sli_aggregate_find(a, sum) >= 0) {
        return SL_OK; // count(*) has asked for it
    }
    if (a->n_calls == SLI_MAX_CALLS) {
        return sli_query_refuse(a->query, NULL, a->err, "more than %d aggregates",
                                (int)SLI_MAX_CALLS - 1);
    }
    a->calls[a->n_calls++] = sum;
    return SL_OK;
}

sl_code sli_query_aggregate(sli_query *query, sli_relation *out, sl_error *err)
{
    sli_aggregate *a = sl_alloc_zero(SLI_TAG_STREAM, sizeof *a);
    if (a == NULL) {
        return sl_error_nomem(err, sizeof *a, "the plan of a query");
    }
    *a = (sli_aggregate){.query = query, .err = err};
    (void)sli_query_streams(query, &a->table);
    sli_relation made = {0};
    bool leaves = false;
    sl_code rc = check_form(a);
    rc = rc != SL_OK ? rc : find_groups(a);
    if (rc == SL_OK && a->table->relation.changes_by != NULL) {
        rc = sli_query_weigh(query, a->table, a->groups, a->n_groups, &leaves, err);
    }
    rc = rc != SL_OK ? rc : sli_aggregate_calls(a);
    rc = rc != SL_OK || !leaves ? rc : count_rows(a);
    rc = rc != SL_OK ? rc : check_window(a);
    if (rc == SL_OK && query->window.kind == SLI_WINDOW_NONE) {
        rc = tell_changes(a, &made);
    }
    rc = rc != SL_OK ? rc : sli_shared_state(a);
    rc = rc != SL_OK || a->results != NULL ? rc : make_state(a);
    rc = rc != SL_OK ? rc : sli_aggregate_out(a, &made);
    rc = rc != SL_OK ? rc : tell_window(a, &made);
    if (rc == SL_OK) {
        *out = made;
    }
    json_object_put(a->rows);
    sl_free(a);
    return rc;
}
