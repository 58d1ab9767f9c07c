// Relations whose rows change, for an aggregation over them: what of theirs changes, and their
// *changes*, rows that come (1) and rows that go (-1).
//
//     SELECT word, count(*) AS n FROM words GROUP BY word       counts: rows change by `word`
//     SELECT n, word FROM counts JOIN names ON ... WHERE ...    so do these
//
// The changes of a running aggregation are a stream of its own (sli_stream_running_changes). What
// is made of rows by row is made of changes by row in the same way: the same query, over them, with
// SLI_CHANGE among its columns. No stream of it is there before an aggregation asks for it, and
// then once however many do.
//
// Where a row can go and none of its key come (a condition on what changes, a group that its last
// row leaves) the changes are all there is: the relation's stream is that of its changes, and the
// column SLI_CHANGE is seen by nothing that the script writes. What is made of it by row has it
// too, down to the INSERT, which settles what becomes of each key (sli_stream_settle).
#include "sql/connector.h"
#include "sql/query_int.h"

#include <strings.h>

// ---------------------------------------------------------------- lists of columns

const char *sli_changing_add(sli_query *query, const char *list, const char *column)
{
    return sli_query_text(query, "%s%s|", list == NULL ? "|" : list, column);
}

bool sli_changing_has(const char *list, const char *column)
{
    size_t n = strlen(column);
    for (const char *at = list; at != NULL && at[1] != '\0'; at = strchr(at + 1, '|')) {
        if (strncasecmp(at + 1, column, n) == 0 && at[n + 1] == '|') {
            return true;
        }
    }
    return false;
}

// ---------------------------------------------------------------- what changes

typedef struct search {
    sli_query *query;
    const sli_query_table *table;
    const char *fixed;
    bool all;
} search;

static bool look_for_change(void *ctx, sli_node *node)
{
    search *s = ctx;
    const char *column = sli_query_reads(s->query, s->table, node);
    s->all &= column == NULL || sli_changing_has(s->fixed, column);
    s->all &= !sli_node_is(node, "STAR");
    return s->all;
}

bool sli_changing_is_fixed(sli_query *query, const sli_query_table *table, const char *fixed,
                           const sli_node *node)
{
    search s = {query, table, fixed, true};
    sli_node_walk(sli_node_own(node), look_for_change, &s);
    return s.all;
}

/// Conditions of joins, their USING, and tables that are made of a row's values.
static bool look_at_join(void *ctx, sli_node *node)
{
    search *s = ctx;
    for (int32_t i = 0; i < sli_node_count(node, "using_columns"); i++) {
        s->all &= sli_changing_has(s->fixed,
                                   json_object_get_string(sli_node_item(node, "using_columns", i)));
    }
    s->all &= strcmp(sli_node_text(node, "ref_type"), "NATURAL") != 0;
    s->all &= !sli_node_is(node, "TABLE_FUNCTION") && !sli_node_is(node, "SUBQUERY");
    return look_for_change(ctx, node);
}

bool sli_query_asks_time(const sli_query *query)
{
    for (int32_t i = 0; i < query->shape->n_used; i++) {
        if (strcasecmp(query->shape->used[i].name, "sluice_time") == 0) {
            return true;
        }
    }
    return false;
}

/// How many rows unnest() makes of one may change.
static bool look_for_unnest(void *ctx, sli_node *node)
{
    search *s = ctx;
    if (strcasecmp(sli_node_text(node, "function_name"), "unnest") == 0) {
        s->all &= sli_changing_is_fixed(s->query, s->table, s->fixed, node);
    }
    return s->all;
}

bool sli_changing_keeps_rows(sli_query *query, const sli_query_table *table)
{
    const sli_node *select = query->tree.select;
    search s = {query, table, table->relation.changing->fixed, true};
    sli_node_walk(sli_node_at(select, "where_clause"), look_for_change, &s);
    sli_node_walk(sli_node_at(select, "from_table"), look_at_join, &s);
    sli_node_walk(sli_node_at(select, "select_list"), look_for_unnest, &s);
    return s.all;
}

/// The output's columns that pass one of a list.
static const char *passed(sli_query *query, const sli_query_table *table, const char *list)
{
    const char *out = NULL;
    for (int32_t c = 0; c < sl_schema_columns(table->seen); c++) {
        const char *column = sl_schema_field(table->seen, c)->name;
        const char *name =
            sli_changing_has(list, column) ? sli_query_passes(query, table, column) : NULL;
        out = name == NULL ? out : sli_changing_add(query, out, name);
    }
    return out;
}

/// Columns of the output that are made of nothing that changes.
static const char *fixed_of(sli_query *query, const sli_query_table *table, bool keeps_rows)
{
    const char *fixed = table->relation.changing->fixed, *out = passed(query, table, fixed);
    const sli_node *select = query->tree.select;
    for (int32_t i = 0; keeps_rows && i < sli_node_count(select, "select_list"); i++) {
        const sli_node *item = sli_node_item(select, "select_list", i);
        if (sli_node_is(item, "STAR")) {
            break; // positions are not those of the output from here on
        }
        if (sli_changing_is_fixed(query, table, fixed, item)) {
            out = sli_changing_add(query, out, sl_schema_field(query->result, i)->name);
        }
    }
    return out;
}

// ---------------------------------------------------------------- the query over changes

typedef struct alias_search {
    const char *table, *alias;
} alias_search;

static bool look_for_alias(void *ctx, sli_node *node)
{
    alias_search *s = ctx;
    if (strcasecmp(sli_node_text(node, "table_name"), s->table) == 0) {
        const char *alias = sli_node_text(node, "alias");
        s->alias = alias[0] != '\0' ? alias : s->table;
    }
    return true;
}

/// Whether the list gives SLI_CHANGE by itself: "*", or "t.*" of the stream.
static bool gives_change(const sli_node *list, const char *alias)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const sli_node *item = json_object_array_get_idx(list, i);
        const char *of = sli_node_text(item, "relation_name");
        if (sli_node_is(item, "STAR") && (of[0] == '\0' || strcasecmp(of, alias) == 0)) {
            return true;
        }
    }
    return false;
}

static sl_code print(sli_query *query, const sli_tree *tree, const char **out, sl_error *err)
{
    sli_str sql = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_tree_print(tree, query->dbs, &sql, err);
    rc = rc != SL_OK ? rc : sli_str_check(&sql, "a query", err);
    *out = rc != SL_OK ? NULL : sli_query_text(query, "%s", sql.data);
    sli_str_reset(&sql);
    return rc;
}

sl_code sli_changing_select(sli_query *query, const sli_tree *tree, sli_changing *out,
                            sl_error *err)
{
    sli_tree copy = {0};
    SL_TRY(sli_tree_copy(&copy, tree, err));
    sli_node *list = sli_node_at(copy.select, "select_list");
    sli_node *table = sli_node_at(copy.select, "from_table");
    const char *name = sli_query_name(query, "changes");
    if (name == NULL) {
        sli_tree_reset(&copy);
        return sl_error_nomem(err, 64, "a name");
    }
    alias_search of = {out->name, out->name};
    sli_node_walk(table, look_for_alias, &of);
    if (!gives_change(list, of.alias)) {
        sli_node_push(list, sli_node_column(SLI_CHANGE, SLI_CHANGE));
    }
    sli_node_rename(table, out->name, name); // of the same name there are others, without the mark
    out->name = name;
    sli_str columns = {.tag = SLI_TAG_STREAM};
    bool plain = sli_node_is(table, "BASE_TABLE") &&
                 sli_node_at(copy.select, "where_clause") == NULL &&
                 sli_node_put_columns(list, &columns);
    sl_code rc = print(query, &copy, &out->select, err);
    rc = rc != SL_OK ? rc : sli_str_check(&columns, "names of columns", err);
    out->columns = rc == SL_OK && plain ? sli_query_text(query, "%s", columns.data) : NULL;
    sli_str_reset(&columns);
    sli_tree_reset(&copy);
    return rc;
}

sl_code sli_changing_tables(sli_query *query, sli_changing *out, sl_error *err)
{
    size_t size = (size_t)(query->n_tables + 1) * sizeof *out->tables;
    out->tables = sl_arena_alloc_zero(query->arena, size);
    if (out->tables == NULL) {
        return sl_error_nomem(err, size, "the plan of a query");
    }
    out->n_tables = sli_query_statics(query, out->tables);
    return SL_OK;
}

/// The whole SELECT as it is, with names for its columns that are those of its result.
static sl_code select_of(sli_query *query, sli_changing *out, sl_error *err)
{
    sli_tree tree = {0};
    SL_TRY(sli_tree_copy(&tree, &query->tree, err));
    sli_node *list = sli_node_at(tree.select, "select_list");
    for (int32_t i = 0; i < (int32_t)json_object_array_length(list); i++) {
        sli_node *item = json_object_array_get_idx(list, (size_t)i);
        if (sli_node_is(item, "STAR")) {
            break;
        }
        sli_node_named(item, sl_schema_field(query->result, i)->name);
    }
    sl_code rc = sli_changing_select(query, &tree, out, err);
    sli_tree_reset(&tree);
    return rc;
}

sl_code sli_changing_by_row(sli_query *query, const sli_query_table *table, const char *lost,
                            sli_changing **out, sl_error *err)
{
    sli_changing *in = table->relation.changing;
    if (in == NULL) {
        return SL_OK;
    }
    sli_changing *made = sl_arena_alloc_zero(query->arena, sizeof *made);
    if (made == NULL) {
        return sl_error_nomem(err, sizeof *made, "the plan of a query");
    }
    bool keeps_rows = sli_changing_keeps_rows(query, table);
    *made =
        (sli_changing){.of = in,
                       .name = table->relation.name,
                       .uid = sli_query_uid(query, "changes"),
                       .leaves = in->leaves || !keeps_rows,
                       .asks_time = in->asks_time || sli_query_asks_time(query),
                       .lost = lost,
                       .lost_at = sli_node_place(sli_node_at(query->tree.select, "select_list"))};
    made->fixed = fixed_of(query, table, keeps_rows);
    if (!made->leaves) {
        made->grows = passed(query, table, in->grows);
        made->falls = passed(query, table, in->falls);
    }
    SL_TRY(sli_changing_tables(query, made, err));
    SL_TRY(select_of(query, made, err));
    *out = made;
    return SL_OK;
}

// ---------------------------------------------------------------- the stream of changes

/// A uid that says whose changes they are, when the plan gives uids at all.
static sl_stream *named(sli_query *query, sl_stream *stream, const char *uid, const char *what)
{
    return uid == NULL || stream == NULL
               ? stream
               : sl_stream_uid(stream, sli_query_text(query, "%s%s", uid, what));
}

static sl_stream *define(sli_query *query, const sli_changing *changing, sl_stream *in)
{
    sli_relation from[SLI_MAX_FROM];
    if (changing->columns != NULL) {
        return sl_stream_select(in, changing->columns);
    }
    from[0] = (sli_relation){.name = changing->name, .stream = in};
    for (int32_t i = 0; i < changing->n_tables; i++) {
        from[i + 1] = changing->tables[i];
    }
    return sli_sql_epoch(query->env->sql, query->env->graph, changing->select, from,
                         changing->n_tables + 1, true, query->env->place);
}

sl_code sli_changing_stream(sli_query *query, sli_changing *changing, sl_stream **out,
                            sl_error *err)
{
    if (changing->made != NULL) {
        *out = changing->made;
        return SL_OK;
    }
    sl_stream *in = NULL;
    if (changing->state != NULL) {
        in = named(query, sli_stream_running_changes(changing->state, SLI_CHANGE), changing->uid,
                   ".state");
    } else {
        SL_TRY(sli_changing_stream(query, changing->of, &in, err));
    }
    sl_stream *made = in == NULL ? NULL : define(query, changing, in);
    made = named(query, made, changing->uid, "");
    if (made == NULL) {
        sl_code rc = sl_graph_check(query->env->graph, err);
        return rc != SL_OK ? rc : sl_error_nomem(err, 64, "the changes of a stream");
    }
    *out = changing->made = made;
    return SL_OK;
}

// ---------------------------------------------------------------- rows that can go

static void drop_schema(void *schema)
{
    sl_schema_unref(schema);
}

/// The columns of a stream but SLI_CHANGE, as long as the graph.
static sl_code seen_of(sli_query *query, const sl_schema *schema, const sl_schema **out,
                       sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sl_schema *made = NULL;
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        const sl_field *field = sl_schema_field(schema, c);
        if (strcmp(field->name, SLI_CHANGE) != 0) {
            sli_str_printf(&text, "%s%s %s%s", text.size == 0 ? "" : ", ", field->name,
                           sli_field_type(query->arena, schema, c), field->nullable ? "?" : "");
        }
    }
    sl_code rc = sli_str_check(&text, "a schema", err);
    rc = rc != SL_OK ? rc : sl_schema_parse(&made, text.data, err);
    sli_str_reset(&text);
    SL_TRY(rc);
    *out = made;
    return sli_graph_own(query->env->graph, "sql columns", made, drop_schema, err);
}

sl_code sli_changing_relation(sli_query *query, sli_relation *out, sl_error *err)
{
    sl_stream *changes = NULL;
    const sl_schema *seen = NULL;
    SL_TRY(sli_changing_stream(query, out->changing, &changes, err));
    SL_TRY(seen_of(query, sl_stream_schema(changes), &seen, err));
    out->stream = changes;
    out->seen = seen;
    return SL_OK;
}
