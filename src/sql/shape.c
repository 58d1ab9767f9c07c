// What a SELECT is made of: which tables and functions it names, whether it goes row by row, and
// what it must not have.
#include "sql/tree.h"

#include <stdio.h>
#include <strings.h>

typedef struct scan {
    sli_tree *tree;
    int32_t n_inside; ///< subqueries over static tables around the node in hand
    sli_shape *shape;
    sli_db_where *where;
    sl_error *err;
    sl_code rc;
} scan;

static void refuse(scan *s, int64_t at, const char *what, const char *instead)
{
    if (s->rc == SL_OK) {
        s->where->at = at;
        s->rc = sl_error_set(s->err, SL_E_INVALID, "%.200s; %s", what, instead);
    }
}

/// What a SELECT with aggregates has anyhow weighs least: it must not hide what else is there. What
/// window functions are of may lie in one epoch, which a planner has to find out.
static int32_t weight(const char *why)
{
    static const char *const light[] = {"GROUP BY", "an aggregate", "QUALIFY",
                                        "a window function (OVER)"};
    for (int32_t i = 0; i < 4; i++) {
        if (strcmp(why, light[i]) == 0) {
            return i < 2 ? 0 : 1;
        }
    }
    return 2;
}

/// Of the things that weigh most the first one found is told.
static void not_by_row(scan *s, const char *why, const sli_node *node)
{
    if (s->n_inside == 0 && (s->shape->by_row || weight(why) > weight(s->shape->why))) {
        s->shape->by_row = false;
        s->shape->why = why;
        s->shape->why_at = node == NULL ? -1 : sli_node_place(node);
    }
}

// ---------------------------------------------------------------- names

static void add_function(scan *s, const sli_node *node)
{
    sli_shape *shape = s->shape;
    const char *name = sli_node_text(node, "function_name");
    for (int32_t i = 0; i < shape->n_used; i++) {
        if (strcasecmp(shape->used[i].name, name) == 0) {
            return;
        }
    }
    if (shape->n_used == SLI_MAX_USED) {
        refuse(s, sli_node_place(node), "more than 256 functions in one query",
               "split it by views");
        return;
    }
    shape->used[shape->n_used++] = (sli_used){.name = name, .at = sli_node_place(node)};
}

static bool is_in_with(const sli_node *node, const char *name)
{
    const sli_node *map = sli_node_at(node, "cte_map");
    for (int32_t i = 0; i < sli_node_count(map, "map"); i++) {
        if (strcasecmp(sli_node_text(sli_node_item(map, "map", i), "key"), name) == 0) {
            return true;
        }
    }
    return false;
}

typedef struct with_name {
    const char *name;
    bool found;
} with_name;

static bool look_in_with(void *ctx, sli_node *node)
{
    with_name *looked = ctx;
    looked->found |= is_in_with(node, looked->name);
    return !looked->found;
}

/// A name of WITH hides a table in the whole query: where SQL would let it be seen elsewhere, the
/// query can be written with another name.
static bool is_name_of_with(const sli_tree *tree, const char *name)
{
    with_name looked = {.name = name};
    sli_node_walk(tree->select, look_in_with, &looked);
    return looked.found;
}

static void add_table(scan *s, const sli_node *node)
{
    sli_shape *shape = s->shape;
    const char *name = sli_node_text(node, "table_name");
    if (sli_node_text(node, "schema_name")[0] != '\0') {
        refuse(s, sli_node_place(node), "a table's name has no schema before it here",
               "give its own name alone, in double quotes if it has a dot");
        return;
    }
    if (is_name_of_with(s->tree, name)) {
        return;
    }
    for (int32_t i = 0; i < shape->n_from; i++) {
        if (strcasecmp(shape->from[i].name, name) == 0) {
            return;
        }
    }
    if (shape->n_from == SLI_MAX_FROM) {
        refuse(s, sli_node_place(node), "more than 64 tables in one query", "split it by views");
        return;
    }
    shape->from[shape->n_from++] = (sli_from){name, sli_node_place(node)};
}

/// Table functions that make rows of their arguments alone, and the window words of scripts.
static const char *const allowed_functions[] = {
    "unnest",  "generate_series", "range", "tumble",     "hop",
    "session", "cumulate",        "epoch", "ml_predict", NULL};

static void check_table_function(scan *s, const sli_node *node)
{
    const char *name = sli_node_text(sli_node_at(node, "function"), "function_name");
    for (int32_t i = 0; allowed_functions[i] != NULL; i++) {
        if (strcasecmp(name, allowed_functions[i]) == 0) {
            return;
        }
    }
    char what[256];
    snprintf(what, sizeof what, "a query reads only what it is given by name, not %.100s(...)",
             name);
    refuse(s, sli_node_place(node), what, "make a static table of it");
}

// ---------------------------------------------------------------- the walk

static bool look(void *ctx, sli_node *node);

/// A subquery over static tables is what it is for each row: nothing in it asks for other rows.
static void look_inside(scan *s, sli_node *node)
{
    s->n_inside++;
    sli_node_walk(sli_node_at(node, "subquery"), look, s);
    s->n_inside--;
    sli_node_walk(sli_node_at(node, "child"), look, s);
}

static bool is_fixed(const scan *s, sli_node *node)
{
    return s->tree->is_fixed != NULL && sli_node_is(node, "SUBQUERY") &&
           s->tree->is_fixed(s->tree->ctx, node);
}

/// Without REPEATABLE it is other rows each time.
static void check_sample(scan *s, const sli_node *node)
{
    const sli_node *seed = sli_node_at(sli_node_at(node, "sample"), "seed");
    not_by_row(s, "a sample", node);
    if (json_object_get_int64(seed) < 0) {
        refuse(s, sli_node_place(node), "a sample is other rows each time",
               "a job must be able to compute an epoch again: choose rows by what they are, WHERE "
               "hash(id) % 10 = 0, or write USING SAMPLE reservoir(10 ROWS) REPEATABLE (1)");
    }
}

static bool look(void *ctx, sli_node *node)
{
    scan *s = ctx;
    if (is_fixed(s, node)) {
        look_inside(s, node);
        return false;
    }
    if (sli_node_is(node, "BASE_TABLE")) {
        add_table(s, node);
    } else if (sli_node_is(node, "TABLE_FUNCTION")) {
        check_table_function(s, node);
    } else if (sli_node_is(node, "FUNCTION")) {
        add_function(s, node);
    } else if (strcmp(sli_node_text(node, "class"), "WINDOW") == 0) {
        add_function(s, node);
        not_by_row(s, "a window function (OVER)", node);
    } else if (sli_node_is(node, "SUBQUERY")) {
        not_by_row(s, "a subquery", node);
    }
    if (sli_node_at(node, "sample") != NULL) {
        check_sample(s, node);
    }
    return true;
}

static void look_at_modifiers(scan *s)
{
    const sli_node *select = s->tree->select;
    for (int32_t i = 0; i < sli_node_count(select, "modifiers"); i++) {
        const sli_node *modifier = sli_node_item(select, "modifiers", i);
        not_by_row(s,
                   sli_node_is(modifier, "DISTINCT_MODIFIER") ? "DISTINCT"
                   : sli_node_is(modifier, "ORDER_MODIFIER")  ? "ORDER BY"
                                                              : "LIMIT",
                   modifier);
    }
}

static void look_at_select(scan *s)
{
    const sli_node *select = s->tree->select;
    if (!sli_node_is(select, "SELECT_NODE")) {
        not_by_row(s,
                   sli_node_is(select, "SET_OPERATION_NODE") ? sli_node_text(select, "setop_type")
                                                             : "WITH RECURSIVE",
                   select);
    }
    if (sli_node_count(sli_node_at(select, "cte_map"), "map") > 0) {
        not_by_row(s, "WITH", select);
    }
    if (sli_node_count(select, "group_expressions") > 0 ||
        strcmp(sli_node_text(select, "aggregate_handling"), "FORCE_AGGREGATES") == 0) {
        s->shape->has_aggregates = true;
        not_by_row(s, "GROUP BY", sli_node_at(select, "group_expressions"));
    }
    look_at_modifiers(s);
    if (sli_node_at(select, "qualify") != NULL) {
        not_by_row(s, "QUALIFY", sli_node_at(select, "qualify"));
    }
}

static bool look_for_aggregate(void *ctx, sli_node *node)
{
    scan *s = ctx;
    if (sli_node_is(node, "SUBQUERY")) {
        return false;
    }
    if (sli_node_is(node, "FUNCTION") &&
        sli_shape_is_aggregate(s->shape, sli_node_text(node, "function_name"))) {
        s->shape->has_aggregates = true;
        not_by_row(s, "an aggregate", node);
    }
    return true;
}

// ---------------------------------------------------------------- what DuckDB knows of functions

static void mark(void *ctx, const sli_db_function_info *info)
{
    sli_shape *shape = ctx;
    for (int32_t i = 0; i < shape->n_used; i++) {
        if (strcasecmp(shape->used[i].name, info->name) == 0) {
            shape->used[i].is_aggregate |= info->is_aggregate;
            shape->used[i].is_volatile |= info->is_volatile;
        }
    }
}

static void check_volatile(scan *s)
{
    for (int32_t i = 0; i < s->shape->n_used; i++) {
        const sli_used *used = &s->shape->used[i];
        if (used->is_volatile && strcasecmp(used->name, "sluice_time") != 0) {
            char what[256];
            snprintf(what, sizeof what, "%.100s(...) gives another result each time", used->name);
            refuse(
                s, used->at, what,
                "a job must be able to compute an epoch again: take it from the rows, or make it "
                "of them (hash, md5)");
        }
    }
}

sl_code sli_tree_shape(sli_tree *tree, sli_dbs *dbs, sli_shape *out, sli_db_where *where,
                       sl_error *err)
{
    *out = (sli_shape){.by_row = true, .why_at = -1};
    where->at = -1;
    scan s = {.tree = tree, .shape = out, .where = where, .err = err};
    sli_tree_present(tree);
    look_at_select(&s);
    sli_node_walk(tree->select, look, &s);
    SL_TRY(s.rc);
    SL_TRY(sli_dbs_functions(dbs, mark, out, err));
    check_volatile(&s);
    sli_node_walk(sli_node_at(tree->select, "select_list"), look_for_aggregate, &s);
    sli_node_walk(sli_node_at(tree->select, "having"), look_for_aggregate, &s);
    return s.rc;
}

bool sli_shape_is_aggregate(const sli_shape *shape, const char *name)
{
    for (int32_t i = 0; i < shape->n_used; i++) {
        if (strcasecmp(shape->used[i].name, name) == 0) {
            return shape->used[i].is_aggregate;
        }
    }
    return false;
}

// ---------------------------------------------------------------- one stream, on a kept side

/// What lies below a table of FROM.
typedef struct side {
    int32_t n_streams;
    bool is_good; ///< its rows are made by rows of the stream, or it has none
} side;

typedef struct counting {
    sli_is_stream_fn is_stream;
    void *ctx;
    int32_t n;
} counting;

static bool count_streams(void *ctx, sli_node *node)
{
    counting *c = ctx;
    c->n +=
        sli_node_is(node, "BASE_TABLE") && c->is_stream(c->ctx, sli_node_text(node, "table_name"));
    return true;
}

static side side_of(const sli_node *table, sli_is_stream_fn is_stream, void *ctx)
{
    if (sli_node_is(table, "SUBQUERY")) {
        counting c = {is_stream, ctx, 0};
        sli_node_walk(sli_node_own(table), count_streams, &c);
        return (side){c.n, c.n == 0};
    }
    if (sli_node_is(table, "BASE_TABLE")) {
        return (side){is_stream(ctx, sli_node_text(table, "table_name")), true};
    }
    if (!sli_node_is(table, "JOIN")) {
        return (side){0, sli_node_is(table, "TABLE_FUNCTION") || sli_node_is(table, "EMPTY") ||
                             sli_node_is(table, "EXPRESSION_LIST")};
    }
    side left = side_of(sli_node_at(table, "left"), is_stream, ctx);
    side right = side_of(sli_node_at(table, "right"), is_stream, ctx);
    const char *type = sli_node_text(table, "join_type");
    bool keeps_left =
        strcmp(type, "LEFT") == 0 || strcmp(type, "SEMI") == 0 || strcmp(type, "ANTI") == 0;
    bool fits = strcmp(sli_node_text(table, "ref_type"), "POSITIONAL") != 0 &&
                (strcmp(type, "INNER") == 0 || (keeps_left && right.n_streams == 0) ||
                 (strcmp(type, "RIGHT") == 0 && left.n_streams == 0));
    int32_t n = left.n_streams + right.n_streams;
    return (side){n, left.is_good && right.is_good && (n == 0 || fits)};
}

bool sli_tree_is_by_partition(const sli_tree *tree, sli_is_stream_fn is_stream, void *ctx)
{
    side all = side_of(sli_node_at(tree->select, "from_table"), is_stream, ctx);
    return all.n_streams == 1 && all.is_good;
}
