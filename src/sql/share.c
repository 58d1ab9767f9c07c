// What two SELECTs of one statement have in common is there once: a subquery that stands twice, and
// the state of two aggregations over the same rows.
//
//     SELECT ... FROM (SELECT k, count(*) AS n, max(v) ... GROUP BY k, window_start, window_end) a
//     JOIN (SELECT max(n) FROM (SELECT count(*) AS n ... GROUP BY k, window_start, window_end) ...)
//     b
//
// Here the second window is the first one: rows, window and keys are the same, and count(*) is one
// of its aggregates. State has the name of the SELECT that comes first.
//
// Statements share nothing but by a view: what one of them keeps would hang on the text of another.
#include "sql/aggregate_int.h"

#include <strings.h>

enum { MAX_SHARED = 256 }; ///< of each kind; of what comes later nothing is found again

/// A subquery that was planned.
typedef struct subquery {
    char *text;    ///< as DuckDB prints it
    int32_t scope; ///< of the names of WITH that it sees; 0: there are none
    sli_relation relation;
} subquery;

/// A stream with another column as its event time.
typedef struct timed {
    sl_stream *of, *made;
    const char *column;
} timed;

/// The state of an aggregation.
typedef struct state {
    sl_stream *of, *results;
    char *rows; ///< its FROM and WHERE, printed
    sli_window_kind kind;
    int64_t size_us, slide_us;
    sli_node *groups, *calls; ///< arrays, one reference
} state;

struct sli_shared {
    subquery subqueries[MAX_SHARED];
    timed times[MAX_SHARED];
    state states[MAX_SHARED];
    int32_t n_subqueries, n_times, n_states;
    int32_t n_scopes;
};

sl_code sli_shared_new(sli_shared **out, sl_error *err)
{
    *out = sl_alloc_zero(SLI_TAG_STREAM, sizeof **out);
    return *out != NULL ? SL_OK : sl_error_nomem(err, sizeof **out, "the plan of a query");
}

void sli_shared_free(sli_shared *shared)
{
    for (int32_t i = 0; shared != NULL && i < shared->n_subqueries; i++) {
        sl_free(shared->subqueries[i].text);
    }
    for (int32_t i = 0; shared != NULL && i < shared->n_states; i++) {
        sl_free(shared->states[i].rows);
        json_object_put(shared->states[i].groups);
        json_object_put(shared->states[i].calls);
    }
    sl_free(shared);
}

// ---------------------------------------------------------------- subqueries

int32_t sli_shared_scope(const sli_query *query)
{
    return ++query->shared->n_scopes;
}

static int32_t scope_of(const sli_query *query)
{
    while (query != NULL && query->scope == 0) {
        query = query->outer;
    }
    return query == NULL ? 0 : query->scope;
}

bool sli_shared_subquery(const sli_query *query, const char *text, sli_relation *out)
{
    const sli_shared *shared = query->shared;
    for (int32_t i = 0; i < shared->n_subqueries; i++) {
        const subquery *s = &shared->subqueries[i];
        if (s->scope == scope_of(query->outer) && strcmp(s->text, text) == 0) {
            *out = s->relation;
            return true;
        }
    }
    return false;
}

sl_code sli_shared_add_subquery(sli_query *query, const char *text, const sli_relation *relation,
                                sl_error *err)
{
    sli_shared *shared = query->shared;
    if (shared->n_subqueries == MAX_SHARED) {
        return SL_OK;
    }
    char *copy = sl_strdup(SLI_TAG_STREAM, text);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(text), "the plan of a query");
    }
    shared->subqueries[shared->n_subqueries++] =
        (subquery){copy, scope_of(query->outer), *relation};
    return SL_OK;
}

// ---------------------------------------------------------------- event time

sl_stream *sli_shared_time(const sli_query *query, const sl_stream *of, const char *column)
{
    const sli_shared *shared = query->shared;
    for (int32_t i = 0; i < shared->n_times; i++) {
        const timed *t = &shared->times[i];
        if (t->of == of && strcmp(t->column, column) == 0) {
            return t->made;
        }
    }
    return NULL;
}

void sli_shared_add_time(sli_query *query, sl_stream *of, const char *column, sl_stream *made)
{
    sli_shared *shared = query->shared;
    if (shared->n_times < MAX_SHARED) {
        shared->times[shared->n_times++] = (timed){of, made, column};
    }
}

// ---------------------------------------------------------------- state

/// Rows that change are taken back one by one, by streams made for the SELECT.
static bool can_share(const sli_aggregate *a)
{
    return a->table->relation.changes_by == NULL;
}

/// FROM and WHERE, with one name for the stream whatever it is called here.
static sl_code print_rows(sli_aggregate *a, sli_str *out)
{
    sli_tree tree = {0};
    SL_TRY(sli_tree_copy(&tree, &a->query->tree, a->err));
    sli_node *list = sli_node_array();
    sli_node_push(list, sli_node_column("_rows", NULL));
    sli_node *from = sli_node_copy(sli_node_at(a->query->tree.select, "from_table"));
    sli_node *where = sli_node_copy(sli_node_at(a->query->tree.select, "where_clause"));
    sli_node_rename(from, a->table->relation.name, "_rows");
    sli_tree_be(&tree, list, from, where);
    sl_code rc = sli_tree_print(&tree, a->query->dbs, out, a->err);
    rc = rc != SL_OK ? rc : sli_str_check(out, "a query", a->err);
    sli_tree_reset(&tree);
    return rc;
}

static bool has_groups(const state *s, const sli_aggregate *a)
{
    bool equal = json_object_array_length(s->groups) == (size_t)a->n_groups;
    for (int32_t i = 0; equal && i < a->n_groups; i++) {
        equal = sli_node_equal(json_object_array_get_idx(s->groups, (size_t)i), a->groups[i]);
    }
    return equal;
}

static bool has_call(const state *s, const sli_node *call)
{
    for (size_t i = 0; i < json_object_array_length(s->calls); i++) {
        if (sli_node_equal(json_object_array_get_idx(s->calls, i), call)) {
            return true;
        }
    }
    return false;
}

static bool fits(const state *s, const sli_aggregate *a, const char *rows)
{
    const sli_window_words *w = &a->query->window;
    bool equal = s->of == a->table->relation.stream && s->kind == w->kind &&
                 s->size_us == w->size_us && s->slide_us == w->slide_us &&
                 strcmp(s->rows, rows) == 0 && has_groups(s, a);
    for (int32_t i = 0; equal && i < a->n_calls; i++) {
        equal = has_call(s, a->calls[i]);
    }
    return equal;
}

/// The calls are numbered as the state has them.
static void take(sli_aggregate *a, const state *s)
{
    a->results = s->results;
    a->n_calls = (int32_t)json_object_array_length(s->calls);
    for (int32_t i = 0; i < a->n_calls; i++) {
        a->calls[i] = json_object_array_get_idx(s->calls, (size_t)i);
    }
}

sl_code sli_shared_state(sli_aggregate *a)
{
    sli_str rows = {.tag = SLI_TAG_STREAM};
    const sli_shared *shared = a->query->shared;
    sl_code rc = !can_share(a) || shared->n_states == 0 ? SL_OK : print_rows(a, &rows);
    for (int32_t i = 0; rc == SL_OK && rows.size > 0 && i < shared->n_states; i++) {
        if (fits(&shared->states[i], a, rows.data)) {
            take(a, &shared->states[i]);
            break;
        }
    }
    sli_str_reset(&rows);
    return rc;
}

static sli_node *array_of(const sli_node *const *nodes, int32_t n)
{
    sli_node *array = sli_node_array();
    for (int32_t i = 0; array != NULL && i < n; i++) {
        sli_node_push(array, json_object_get(sli_node_own(nodes[i])));
    }
    return array;
}

sl_code sli_shared_add_state(sli_aggregate *a)
{
    sli_shared *shared = a->query->shared;
    const sli_window_words *w = &a->query->window;
    sli_str rows = {.tag = SLI_TAG_STREAM};
    if (!can_share(a) || shared->n_states == MAX_SHARED) {
        return SL_OK;
    }
    sl_code rc = print_rows(a, &rows);
    state made = {.of = a->table->relation.stream,
                  .results = a->results,
                  .rows = rc == SL_OK ? sl_strdup(SLI_TAG_STREAM, rows.data) : NULL,
                  .kind = w->kind,
                  .size_us = w->size_us,
                  .slide_us = w->slide_us,
                  .groups = array_of(a->groups, a->n_groups),
                  .calls = array_of(a->calls, a->n_calls)};
    sli_str_reset(&rows);
    if (made.rows == NULL || made.groups == NULL || made.calls == NULL) {
        sl_free(made.rows);
        json_object_put(made.groups);
        json_object_put(made.calls);
        return rc != SL_OK ? rc : sl_error_nomem(a->err, 64, "the plan of a query");
    }
    shared->states[shared->n_states++] = made;
    return SL_OK;
}
