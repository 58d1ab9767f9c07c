// One SELECT of a script to operators: what it is, checked by DuckDB as a whole, and which way it
// goes.
#include "sql/query_int.h"
#include "sql/select.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

enum { MAX_DEPTH = 32 }; ///< SELECTs within SELECTs

/// What plans of one graph share.
typedef struct plans {
    sl_arena *arena;
    int32_t n_names;
} plans;

// ---------------------------------------------------------------- texts and names

static void free_plans(void *thing)
{
    sl_arena_free(((plans *)thing)->arena);
    sl_free(thing);
}

static sl_code plans_of(sl_graph *graph, plans **out, sl_error *err)
{
    plans *all = sli_graph_owned(graph, "sql plans");
    if (all != NULL) {
        *out = all;
        return SL_OK;
    }
    all = sl_alloc_zero(SLI_TAG_STREAM, sizeof *all);
    if (all == NULL) {
        return sl_error_nomem(err, sizeof *all, "plans of queries");
    }
    all->arena = sl_arena_new(SLI_TAG_STREAM);
    if (all->arena == NULL) {
        sl_free(all);
        return sl_error_nomem(err, 4096, "plans of queries");
    }
    SL_TRY(sli_graph_own(graph, "sql plans", all, free_plans, err));
    *out = all;
    return SL_OK;
}

const char *sli_query_text(sli_query *query, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = n < 0 ? NULL : sl_arena_alloc(query->arena, (size_t)n + 1);
    if (text != NULL) {
        va_start(args, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    return text;
}

const char *sli_query_name(sli_query *query, const char *what)
{
    plans *all = sli_graph_owned(query->env->graph, "sql plans");
    return sli_query_text(query, "_%s%d", what, ++all->n_names);
}

const char *sli_query_uid(sli_query *query, const char *what)
{
    return query->uid == NULL ? NULL : sli_query_text(query, "%s.%s", query->uid, what);
}

// ---------------------------------------------------------------- checking by DuckDB

typedef struct name_search {
    const char *name;
    size_t size;
    int64_t at;
} name_search;

static bool look_for_name(void *ctx, sli_node *node)
{
    name_search *s = ctx;
    const char *name = sli_node_is(node, "FUNCTION") ? sli_node_text(node, "function_name")
                                                     : sli_node_column_name(node);
    if (s->at < 0 && strlen(name) == s->size && strncasecmp(name, s->name, s->size) == 0) {
        s->at = sli_node_place(node);
    }
    return s->at < 0;
}

/// DuckDB tells places of the text that was printed of the tree; what stands there is looked for in
/// the tree, whose nodes know their places in what the user wrote.
static int64_t place_of(const sli_tree *tree, const char *printed, int64_t at)
{
    if (at < 0 || (size_t)at >= strlen(printed)) {
        return -1;
    }
    const char *word = printed + at;
    word += *word == '"';
    size_t n = 0;
    while (isalnum((unsigned char)word[n]) || word[n] == '_' || word[n] == '.') {
        n++;
    }
    for (size_t i = n; i > 0; i--) {
        if (word[i - 1] == '.') { // "a.x": the column is the last of it
            word += i;
            n -= i;
            break;
        }
    }
    name_search s = {word, n, -1};
    if (n > 0) {
        sli_node_walk(tree->select, look_for_name, &s);
    }
    return s.at;
}

static sl_code declare(sli_query *query, sl_error *err)
{
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < query->n_tables; i++) {
        const sli_query_table *t = &query->tables[i];
        int64_t rows = t->relation.table == NULL ? -1 : sli_static_rows(t->relation.table);
        rc = sli_dbs_table(query->dbs, t->relation.name, t->seen, rows, err);
    }
    return rc;
}

/// Prepared under *number, to be forgotten by who does not run it as it is.
static sl_code check(sli_query *query, const sli_tree *tree, int32_t *number, sl_schema **out,
                     sl_error *err)
{
    sli_str sql = {.tag = SLI_TAG_STREAM};
    SL_TRY(declare(query, err));
    sl_code rc = sli_tree_print(tree, query->dbs, &sql, err);
    rc = rc != SL_OK ? rc : sli_str_check(&sql, "a query", err);
    if (rc == SL_OK) {
        sli_db_where where = {-1};
        rc = sli_dbs_prepare(query->dbs, sql.data, number, out, &where, err);
        if (rc != SL_OK) {
            rc = sli_query_at(query, place_of(tree, sql.data, where.at), rc, err);
        }
    }
    sli_str_reset(&sql);
    return rc;
}

sl_code sli_query_check(sli_query *query, const sli_tree *tree, sl_schema **out, sl_error *err)
{
    int32_t number = 0;
    SL_TRY(check(query, tree, &number, out, err));
    sli_dbs_forget(query->dbs, number);
    return SL_OK;
}

// ---------------------------------------------------------------- what goes by row, or by epoch

static sl_code mistake_of(sli_query *query, sl_error *err)
{
    sl_code rc = sl_graph_check(query->env->graph, err);
    return rc != SL_OK ? rc : sl_error_set(err, SL_E_NOMEM, "no memory for a query");
}

sl_stream *sli_query_run(sli_query *query, const sli_tree *tree, const sli_relation *from,
                         int32_t n, bool by_row, const char *uid, sl_error *err)
{
    sli_str sql = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_tree_print(tree, query->dbs, &sql, err);
    rc = rc != SL_OK ? rc : sli_str_check(&sql, "a query", err);
    sl_stream *stream = NULL;
    if (rc == SL_OK) {
        stream = sli_sql_epoch(query->env->sql, query->env->graph, sql.data, from, n, by_row,
                               query->env->place);
        stream = uid == NULL ? stream : sl_stream_uid(stream, uid);
        if (stream == NULL) {
            (void)mistake_of(query, err);
        }
    }
    sli_str_reset(&sql);
    return stream;
}

typedef struct alias_search {
    const char *table, *alias;
} alias_search;

static bool look_for_alias(void *ctx, sli_node *node)
{
    alias_search *s = ctx;
    if (sli_node_is(node, "BASE_TABLE") &&
        strcasecmp(sli_node_text(node, "table_name"), s->table) == 0) {
        const char *alias = sli_node_text(node, "alias");
        s->alias = alias[0] != '\0' ? alias : s->table;
    }
    return true;
}

static const char *alias_of(sli_query *query, const sli_query_table *table)
{
    alias_search s = {table->relation.name, NULL};
    sli_node_walk(sli_node_at(query->tree.select, "from_table"), look_for_alias, &s);
    return s.alias;
}

const char *sli_query_reads(sli_query *query, const sli_query_table *table, const sli_node *node)
{
    int32_t n = sli_node_is(node, "COLUMN_REF") ? sli_node_count(node, "column_names") : 0;
    const char *alias = alias_of(query, table);
    const char *name = n == 0 ? "" : json_object_get_string(sli_node_item(node, "column_names", 0));
    if (n > 1 && alias != NULL && strcasecmp(name, alias) == 0) {
        name = json_object_get_string(sli_node_item(node, "column_names", 1));
    }
    for (int32_t c = 0; n > 0 && c < sl_schema_columns(table->seen); c++) {
        if (strcasecmp(sl_schema_field(table->seen, c)->name, name) == 0) {
            return sl_schema_field(table->seen, c)->name;
        }
    }
    return NULL;
}

/// Whether a node is this column of the table.
static bool is_column_of(sli_query *query, const sli_query_table *table, const sli_node *node,
                         const char *column)
{
    if (strcasecmp(sli_node_column_name(node), column) != 0) {
        return false;
    }
    const char *alias = alias_of(query, table);
    int32_t n = sli_node_count(node, "column_names");
    const char *of =
        n < 2 ? NULL : json_object_get_string(sli_node_item(node, "column_names", n - 2));
    return of == NULL || (alias != NULL && strcasecmp(of, alias) == 0);
}

const char *sli_query_passes(sli_query *query, const sli_query_table *table, const char *column)
{
    const sli_node *select = query->tree.select;
    bool has_star = false;
    for (int32_t i = 0; i < sli_node_count(select, "select_list"); i++) {
        const sli_node *item = sli_node_item(select, "select_list", i);
        has_star |= sli_node_is(item, "STAR");
        if (!has_star && is_column_of(query, table, item, column) &&
            i < sl_schema_columns(query->result)) {
            return sli_query_text(query, "%s", sl_schema_field(query->result, i)->name);
        }
    }
    int32_t at = has_star ? sl_schema_find(query->result, column) : -1;
    return at < 0 ? NULL : sli_query_text(query, "%s", sl_schema_field(query->result, at)->name);
}

/// "user, page" as the output names them; *lost says which one it lacks, if it does.
static sl_code changes_by(sli_query *query, const sli_query_table *table, const char **out,
                          const char **lost, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    const char *at = table->relation.changes_by;
    while (*at != '\0') {
        size_t n = strcspn(at, ",");
        const char *column = sli_query_text(query, "%.*s", (int)n, at);
        const char *passed = sli_query_passes(query, table, column);
        if (passed == NULL) {
            *lost = sli_query_text(query,
                                   "rows of '%.80s' change: a row replaces the earlier one of the "
                                   "same '%.80s', which has to be among the columns",
                                   table->relation.name, column);
        } else {
            sli_str_printf(&text, "%s%s", text.size == 0 ? "" : ", ", passed);
        }
        at += n + (at[n] == ',');
        at += strspn(at, " ");
    }
    sl_code rc = sli_str_check(&text, "names of columns", err);
    *out = rc != SL_OK ? NULL : sli_query_text(query, "%s", text.size == 0 ? "" : text.data);
    sli_str_reset(&text);
    return rc;
}

/// Rows that change, or come from such.
static sl_code keep_changes(sli_query *query, const sli_query_table *table, sli_relation *out,
                            sl_error *err)
{
    const sli_changing *in = table->relation.changing;
    const char *lost = in == NULL ? NULL : in->lost;
    SL_TRY(changes_by(query, table, &out->changes_by, &lost, err));
    return sli_changing_by_row(query, table, lost, &out->changing, err);
}

sl_code sli_query_keeps(sli_query *query, const sli_query_table *table, sli_relation *out,
                        sl_error *err)
{
    const sli_relation *in = &table->relation;
    SL_TRY(sli_moments_keep(query, table, out, err));
    out->window_end =
        in->window_end == NULL ? NULL : sli_query_passes(query, table, in->window_end);
    return in->changes_by == NULL ? SL_OK : keep_changes(query, table, out, err);
}

static sl_code copy_relations(sli_query *query, sli_relation *out)
{
    for (int32_t i = 0; i < query->n_tables; i++) {
        out[i] = query->tables[i].relation;
    }
    return SL_OK;
}

int32_t sli_query_statics(const sli_query *query, sli_relation *out)
{
    int32_t n = 0;
    for (int32_t i = 0; i < query->n_tables; i++) {
        if (query->tables[i].relation.stream == NULL) {
            out[n++] = query->tables[i].relation;
        }
    }
    return n;
}

/// `"a" as "b", ...` of a SELECT that is nothing but columns of one stream; empty when it is more.
/// Names as the stream spells them: SQL's know no case.
static void put_plain(sli_query *query, const sli_query_table *table, sli_str *out)
{
    const sli_node *select = query->tree.select, *from = sli_node_at(select, "from_table");
    int32_t n = sli_node_count(select, "select_list");
    bool is_plain = query->n_tables == 1 && n == sl_schema_columns(query->result) &&
                    sli_node_is(from, "BASE_TABLE") &&
                    sli_node_count(from, "column_name_alias") == 0 &&
                    sli_node_at(select, "where_clause") == NULL;
    for (int32_t i = 0; is_plain && i < n; i++) {
        const sli_node *item = sli_node_item(select, "select_list", i);
        const char *own = NULL;
        for (int32_t c = 0; own == NULL && c < sl_schema_columns(table->seen); c++) {
            const char *name = sl_schema_field(table->seen, c)->name;
            own = sli_node_is(item, "COLUMN_REF") && is_column_of(query, table, item, name) ? name
                                                                                            : NULL;
        }
        is_plain = own != NULL;
        sli_str_printf(out, "%s\"%s\" as \"%s\"", i == 0 ? "" : ", ", is_plain ? own : "",
                       sl_schema_field(query->result, i)->name);
    }
    if (!is_plain) {
        sli_str_clear(out);
    }
}

/// Columns need no DuckDB: their cells are shared. NULL with *rc SL_OK: it is more than columns.
static sl_stream *select_plain(sli_query *query, const sli_query_table *table, sl_code *rc,
                               sl_error *err)
{
    sli_str columns = {.tag = SLI_TAG_STREAM};
    sl_stream *stream = NULL;
    put_plain(query, table, &columns);
    *rc = columns.size == 0 && !columns.failed ? SL_OK
                                               : sli_str_check(&columns, "names of columns", err);
    if (*rc == SL_OK && columns.size > 0) {
        stream = sl_stream_select(table->relation.stream, columns.data);
        stream = query->uid == NULL ? stream : sl_stream_uid(stream, query->uid);
        *rc = stream == NULL ? mistake_of(query, err) : SL_OK;
    }
    sli_str_reset(&columns);
    return stream;
}

/// The whole SELECT as one query: by row, or over each epoch.
static sl_code plan_whole(sli_query *query, bool by_row, sli_relation *out, sl_error *err)
{
    sli_relation from[SLI_MAX_FROM];
    copy_relations(query, from);
    query->is_whole = true;
    sli_query_table *table = NULL;
    (void)sli_query_streams(query, &table);
    sli_relation made = {0};
    if (by_row) {
        SL_TRY(sli_query_keeps(query, table, &made, err));
    } else if (table->relation.window_end != NULL) {
        made.window_end = sli_query_passes(query, table, table->relation.window_end);
        SL_TRY(sli_moments_keep(query, table, &made, err)); // rows of one epoch stay together
    }
    if (by_row && made.changing != NULL && made.changing->leaves) {
        query->is_whole = false; // it is not run as it is
        SL_TRY(sli_changing_relation(query, &made, err));
    } else if (by_row) {
        sl_code rc = SL_OK;
        made.stream = select_plain(query, table, &rc, err);
        SL_TRY(rc);
    }
    if (made.stream == NULL) {
        made.stream =
            sli_query_run(query, &query->tree, from, query->n_tables, by_row, query->uid, err);
    }
    if (made.stream == NULL) {
        return err == NULL || err->code == SL_OK ? SL_E_INVALID : err->code;
    }
    *out = made;
    return SL_OK;
}

// ---------------------------------------------------------------- which way it goes

static bool is_stream(void *ctx, const char *name)
{
    const sli_query_table *table = sli_query_find(ctx, name);
    return table != NULL && table->relation.stream != NULL;
}

static int32_t n_by_epoch(const sli_query *query)
{
    int32_t n = 0;
    for (int32_t i = 0; i < query->n_tables; i++) {
        n += query->tables[i].by_epoch;
    }
    return n;
}

typedef struct over_search {
    sli_query *query;
    const sli_query_table *table;
    bool all;
} over_search;

static bool has_window_end(over_search *s, const sli_node *list)
{
    for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
        if (is_column_of(s->query, s->table, json_object_array_get_idx(list, i),
                         s->table->relation.window_end)) {
            return true;
        }
    }
    return false;
}

static bool look_at_over(void *ctx, sli_node *node)
{
    over_search *s = ctx;
    if (strcmp(sli_node_text(node, "class"), "WINDOW") == 0) {
        s->all &= has_window_end(s, sli_node_at(node, "partitions"));
    }
    s->all &= !sli_node_is(node, "SUBQUERY");
    return s->all;
}

/// Whether the SELECT, over results of windows that come in one epoch each, never has to put rows
/// of two epochs together: it groups or partitions by the window's end.
static bool is_within_windows(sli_query *query, const sli_query_table *table)
{
    const sli_node *select = query->tree.select;
    if (table->relation.window_end == NULL || sli_node_count(select, "modifiers") > 0) {
        return false;
    }
    over_search s = {query, table, true};
    if (query->shape->has_aggregates) {
        return sli_node_count(select, "group_sets") == 1 &&
               has_window_end(&s, sli_node_at(select, "group_expressions"));
    }
    sli_node_walk(query->tree.select, look_at_over, &s);
    return s.all;
}

static sl_code plan_one(sli_query *query, const sli_query_table *table, sli_relation *out,
                        sl_error *err)
{
    if (is_within_windows(query, table)) {
        return plan_whole(query, query->shape->by_row, out, err);
    }
    if (query->shape->has_aggregates || query->window.kind != SLI_WINDOW_NONE) {
        return sli_query_aggregate(query, out, err);
    }
    return query->shape->by_row ? plan_whole(query, true, out, err)
                                : sli_query_refuse_shape(query, err);
}

static sl_code plan_resolved(sli_query *query, sli_relation *out, sl_error *err)
{
    sli_query_table *table = NULL;
    int32_t n = sli_query_streams(query, &table);
    if (n == 0) {
        return sli_query_refuse(
            query, sli_node_at(query->tree.select, "from_table"), err,
            "it reads no stream: static tables alone would give their rows once, and a job goes "
            "on. "
            "Join them with a stream; a view over them (CREATE VIEW) is a static table for that");
    }
    if (n_by_epoch(query) > 0) {
        return n_by_epoch(query) == n
                   ? plan_whole(query, false, out, err)
                   : sli_query_refuse(
                         query, sli_node_at(query->tree.select, "from_table"), err,
                         "EPOCH(...) stands for one of its streams; it has to stand for all");
    }
    if (sli_tree_is_by_partition(&query->tree, is_stream, query)) {
        return plan_one(query, table, out, err);
    }
    return query->shape->has_aggregates && query->window.kind == SLI_WINDOW_NONE
               ? sli_query_split(query, out, err)
               : sli_query_join(query, out, err);
}

/// Parsed, with what the tree is made of.
static sl_code plan_tree(sli_query *query, sli_relation *out, sl_error *err)
{
    sli_db_where where = {-1};
    query->tree.is_fixed = sli_query_is_fixed;
    query->tree.ctx = query;
    sl_code rc = sli_tree_shape(&query->tree, query->dbs, query->shape, &where, err);
    SL_TRY(rc == SL_OK ? rc : sli_query_at(query, where.at, rc, err));
    if (sli_node_is(query->tree.select, "SET_OPERATION_NODE")) {
        return sli_query_set(query, out, err);
    }
    if (!sli_node_is(query->tree.select, "SELECT_NODE")) {
        return sli_query_refuse_shape(query, err);
    }
    SL_TRY(sli_query_from(query, err));
    SL_TRY(sli_query_group_window(query, err));
    rc = sli_tree_shape(&query->tree, query->dbs, query->shape, &where, err);
    SL_TRY(rc == SL_OK ? rc : sli_query_at(query, where.at, rc, err));
    // A SELECT that goes whole is run as it is prepared here; of one that is taken apart only the
    // result's columns were wanted.
    int32_t number = 0;
    SL_TRY(check(query, &query->tree, &number, &query->result, err));
    rc = plan_resolved(query, out, err);
    if (!query->is_whole) {
        sli_dbs_forget(query->dbs, number);
    }
    return rc;
}

static void plan_reset(sli_query *query)
{
    for (int32_t i = 0; i < query->n_tables; i++) {
        sl_schema_unref(query->tables[i].seen);
    }
    for (int32_t i = 0; i < query->n_with; i++) {
        json_object_put(query->with[i].select);
    }
    json_object_put(query->window.keys);
    sl_schema_unref(query->result);
    sli_tree_reset(&query->tree);
    sl_free(query->shape);
    sl_free(query);
}

static sl_code plan_new(sli_query **out, const sli_plan_env *env, sli_query *outer, sl_error *err)
{
    plans *all = NULL;
    SL_TRY(plans_of(env->graph, &all, err));
    sli_query *query = sl_alloc_zero(SLI_TAG_STREAM, sizeof *query);
    sli_shape *shape = sl_alloc_zero(SLI_TAG_STREAM, sizeof *shape);
    if (query == NULL || shape == NULL) {
        sl_free(query);
        sl_free(shape);
        return sl_error_nomem(err, sizeof *query + sizeof *shape, "the plan of a query");
    }
    *query = (sli_query){.env = env,
                         .outer = outer,
                         .dbs = sli_sql_dbs(env->sql),
                         .arena = all->arena,
                         .shared = outer == NULL ? NULL : outer->shared,
                         .shape = shape,
                         .depth = outer == NULL ? 0 : outer->depth + 1,
                         .uid = env->uid};
    *out = query;
    return SL_OK;
}

/// A SELECT within another, unless one in the same words was planned.
static sl_code plan_once(sli_query *query, sli_relation *out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_tree_print(&query->tree, query->dbs, &text, err);
    rc = rc != SL_OK ? rc : sli_str_check(&text, "a query", err);
    if (rc == SL_OK && !sli_shared_subquery(query, text.data, out)) {
        rc = plan_tree(query, out, err);
        rc = rc != SL_OK ? rc : sli_shared_add_subquery(query, text.data, out, err);
    }
    sli_str_reset(&text);
    return rc;
}

sl_code sli_query_inner(sli_query *query, sli_node *select, sli_relation *out, sl_error *err)
{
    query->n_inner++; // whether it is planned or was before: others keep their names
    const char *uid = query->uid == NULL
                          ? NULL
                          : sli_query_text(query, "%s_sub%d", query->uid, (int)query->n_inner);
    return sli_query_inner_as(query, select, uid, out, err);
}

sl_code sli_query_inner_as(sli_query *query, sli_node *select, const char *uid, sli_relation *out,
                           sl_error *err)
{
    if (query->depth == MAX_DEPTH) {
        return sli_query_refuse(query, NULL, err, "SELECTs are nested more than %d deep",
                                (int)MAX_DEPTH);
    }
    sli_query *inner = NULL;
    SL_TRY(plan_new(&inner, query->env, query, err));
    inner->uid = uid;
    sl_code rc = sli_tree_copy(&inner->tree, &query->tree, err);
    if (rc == SL_OK) {
        sli_node_set(sli_node_item(inner->tree.root, "statements", 0), "node",
                     sli_node_copy(select));
        inner->tree.select = sli_node_at(sli_node_item(inner->tree.root, "statements", 0), "node");
        rc = inner->tree.select == NULL ? sl_error_nomem(err, 4096, "the plan of a query")
                                        : plan_once(inner, out, err);
    }
    plan_reset(inner);
    return rc;
}

sl_code sli_query_over(sli_query *query, sli_tree *tree, const sli_relation *from, const char *uid,
                       sl_schema *result, sli_relation *out, sl_error *err)
{
    sli_query *over = NULL;
    sl_code rc = plan_new(&over, query->env, query->outer, err);
    if (rc != SL_OK) {
        sli_tree_reset(tree);
        return rc;
    }
    over->shared = query->shared;
    over->tree = *tree;
    *tree = (sli_tree){0};
    over->uid = uid;
    over->tables[over->n_tables++] =
        (sli_query_table){.relation = *from, .seen = sl_schema_ref(sli_relation_schema(from))};
    sli_db_where where = {-1};
    rc = sli_tree_shape(&over->tree, over->dbs, over->shape, &where, err);
    rc = rc == SL_OK ? rc : sli_query_at(query, where.at, rc, err);
    over->result = sl_schema_ref(result);
    rc = rc != SL_OK ? rc : plan_resolved(over, out, err);
    plan_reset(over);
    return rc;
}

/// Rows that change and have lost what they change by are of use to an aggregation alone.
static sl_code check_key(const sli_query *query, const sli_relation *made, sl_error *err)
{
    const sli_changing *changing = made->changing;
    if (made->changes_by == NULL || changing == NULL || changing->lost == NULL ||
        query->env->is_view) {
        return SL_OK;
    }
    sl_code rc = sl_error_set(err, SL_E_INVALID, "%s", changing->lost);
    return sli_query_at(query, changing->lost_at, rc, err);
}

// ---------------------------------------------------------------- views over static tables alone

/// The static tables that the tree names, into `names`; 0: it names something else, or nothing.
static int32_t static_names(sli_query *query, sli_named *names)
{
    int32_t n = sli_query_has_stream(query, query->tree.select) ? 0 : query->shape->n_from;
    for (int32_t i = 0; i < n; i++) {
        const sli_relation *found = query->env->find(query->env->ctx, query->shape->from[i].name);
        if (found == NULL || found->table == NULL) {
            return 0; // who plans it tells
        }
        names[i] =
            (sli_named){query->shape->from[i].name, sli_relation_schema(found), found->table, 0};
    }
    return n;
}

/// All of SQL may stand in a view over static tables: it is computed once, when the job starts, and
/// is a static table. *done false: it is no such view.
static sl_code plan_static(sli_query *query, const char *text, sli_relation *out, bool *done,
                           sl_error *err)
{
    sli_named names[SLI_MAX_FROM];
    sli_db_where where = {-1};
    sli_select *select = NULL;
    sl_code rc = sli_tree_shape(&query->tree, query->dbs, query->shape, &where, err);
    SL_TRY(rc == SL_OK ? rc : sli_query_at(query, where.at, rc, err));
    int32_t n = static_names(query, names);
    *done = n > 0;
    if (n == 0) {
        return SL_OK;
    }
    if (sli_query_asks_time(query)) {
        return sli_query_refuse(query, query->tree.select, err,
                                "a view over static tables is computed once, when the job starts, "
                                "and now() is the time of an epoch: ask for it where the view is "
                                "joined");
    }
    sli_relation made = {0};
    SL_TRY(sli_select_find(query->env->sql, text, names, n, SLI_BY_ONCE, query->env->place, &select,
                           err));
    rc = sli_sql_static_of(query->env->sql, query->uid == NULL ? "" : query->uid, select,
                           &made.table, err);
    SL_TRY(rc == SL_OK ? rc : sli_query_at(query, -1, rc, err));
    *out = made;
    return SL_OK;
}

sl_code sli_sql_plan(const sli_plan_env *env, const char *select, sli_relation *out, sl_error *err)
{
    sli_query *query = NULL;
    SL_TRY(plan_new(&query, env, NULL, err));
    sli_db_where where = {-1};
    bool done = false;
    sl_code rc = sli_shared_new(&query->shared, err);
    rc = rc != SL_OK ? rc : sli_tree_parse(&query->tree, query->dbs, select, &where, err);
    rc = rc != SL_OK ? sli_query_at(query, where.at, rc, err) : SL_OK;
    if (rc == SL_OK && env->is_view) {
        rc = plan_static(query, select, out, &done, err);
    }
    rc = rc != SL_OK || done ? rc : plan_tree(query, out, err);
    rc = rc != SL_OK ? rc : check_key(query, out, err);
    sli_shared_free(query->shared);
    plan_reset(query);
    return rc;
}
