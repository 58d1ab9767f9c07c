// Statements that come one by one: where one ends, a SELECT that needs no sink, and one over static
// tables alone, which is run once.
#include "sql/connector.h"
#include "sql/script_int.h"
#include "sql/select.h"

#include <stdatomic.h>
#include <strings.h>

typedef struct sli_typed {
    sl_sql_typed *out;
    sli_select *select; ///< of static tables alone
    _Atomic bool stop;  ///< it only ends things: nothing is read after it
} sli_typed;

// ---------------------------------------------------------------- where a statement ends

static sl_sql_verb verb_of(const char *text, const sli_lexeme *token)
{
    static const struct {
        const char *word;
        sl_sql_verb verb;
    } words[] = {{"CREATE", SL_SQL_CREATE},
                 {"SET", SL_SQL_SET},
                 {"INSERT", SL_SQL_INSERT},
                 {"EXECUTE", SL_SQL_INSERT},
                 {"BEGIN", SL_SQL_INSERT}};
    if (sli_sql_is_select(text, token)) {
        return SL_SQL_SELECT;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (sli_lex_is(text, token, words[i].word)) {
            return words[i].verb;
        }
    }
    return SL_SQL_OTHER;
}

/// A statement set ends with END; every other statement before the first ';'.
typedef struct ending {
    bool in_set, is_closed;
} ending;

static bool ends(ending *e, const char *text, const sli_lexeme *token)
{
    e->is_closed = e->is_closed || sli_lex_is(text, token, "END");
    return sli_lex_is_mark(text, token, ";") && (!e->in_set || e->is_closed);
}

sl_code sl_sql_next(const char *text, size_t from, bool is_last, sl_sql_statement *out,
                    sl_error *err)
{
    size_t size = strlen(text), at = from, where = 0;
    sl_sql_statement found = {.at = from};
    ending e = {false, false};
    for (;;) {
        sli_lexeme token;
        sl_error why = SL_ERROR_INIT;
        sl_code rc = sli_lex_next(text, size, &at, &token, &where, &why);
        if (rc != SL_OK && is_last) {
            if (err != NULL) {
                *err = why;
            }
            return sli_sql_where(text, (int64_t)where, rc, err);
        }
        if (rc != SL_OK || token.kind == SLI_LEX_END) { // more must come, if anything does
            found.verb = rc != SL_OK && found.verb == SL_SQL_NOTHING ? SL_SQL_OTHER : found.verb;
            found.next = size;
            break;
        }
        if (found.verb == SL_SQL_NOTHING && !sli_lex_is_mark(text, &token, ";")) {
            found.verb = verb_of(text, &token);
            found.at = token.at;
            e.in_set = sli_lex_is(text, &token, "EXECUTE") || sli_lex_is(text, &token, "BEGIN");
        }
        if (ends(&e, text, &token)) {
            found.ended = true;
            found.next = at;
            break;
        }
        found.size = token.at + token.size - found.at;
    }
    *out = found;
    return SL_OK;
}

// ---------------------------------------------------------------- a SELECT

/// Which names it has, and whether all of them are static tables.
typedef struct naming {
    sli_script *s;
    sli_named names[SLI_MAX_FROM];
    int32_t n;
    bool has_stream, has_unknown;
} naming;

static bool is_static(const sli_entry *entry)
{
    if (entry->is_view) {
        return entry->relation.stream == NULL;
    }
    const char *told = sli_with_value(entry, "static", NULL);
    return told != NULL && strcasecmp(told, "true") == 0;
}

/// Windows, and EPOCH(TABLE t): functions of streams. Of a table with the name of one nothing else
/// is known.
static bool look(void *ctx, sli_node *node)
{
    static const char *const windows[] = {"tumble", "hop", "session", "epoch"};
    naming *n = ctx;
    const sli_node *call =
        sli_node_is(node, "TABLE_FUNCTION") ? sli_node_at(node, "function") : NULL;
    for (size_t i = 0; call != NULL && i < sizeof windows / sizeof windows[0]; i++) {
        n->has_stream |= strcasecmp(sli_node_text(call, "function_name"), windows[i]) == 0;
    }
    return true;
}

static void add_name(naming *n, const char *name)
{
    const sli_entry *entry = sli_catalog_find(n->s, name);
    n->has_unknown |= entry == NULL;
    n->has_stream |= entry != NULL && !is_static(entry);
}

static sl_code read_static(naming *n, const char *name, sl_error *err)
{
    sli_entry *entry = sli_catalog_find(n->s, name);
    SL_TRY(sli_catalog_make(n->s, entry, err));
    for (int32_t i = 0; i < n->n; i++) {
        if (strcasecmp(n->names[i].name, name) == 0) {
            return SL_OK;
        }
    }
    n->names[n->n++] = (sli_named){.name = entry->relation.name,
                                   .schema = sli_static_schema(entry->relation.table),
                                   .table = entry->relation.table,
                                   .input = -1};
    return SL_OK;
}

/// Reads the static tables of a SELECT that has nothing else. *only false: it has.
static sl_code read_names(naming *n, const char *select, bool *only, sl_error *err)
{
    sli_tree tree = {0};
    sli_shape shape;
    sli_db_where where;
    sli_dbs *dbs = sli_sql_dbs(n->s->sql);
    *only = false;
    if (sli_tree_parse(&tree, dbs, select, &where, NULL) != SL_OK ||
        sli_tree_shape(&tree, dbs, &shape, &where, NULL) != SL_OK) {
        sli_tree_reset(&tree);
        return SL_OK; // its plan tells why
    }
    sl_code rc = SL_OK;
    sli_node_walk(tree.select, look, n);
    for (int32_t i = 0; i < shape.n_from; i++) {
        add_name(n, shape.from[i].name);
    }
    *only = !n->has_stream && !n->has_unknown;
    for (int32_t i = 0; *only && rc == SL_OK && i < shape.n_from; i++) {
        rc = read_static(n, shape.from[i].name, err);
    }
    sli_tree_reset(&tree);
    return rc;
}

/// Of rows that can go: one a key and epoch, with what happens to it as a column before the others.
static sl_code tell_kinds(sli_relation *rows, sl_error *err)
{
    sli_str list = {.tag = SLI_TAG_SQL};
    sli_str_text(&list, "case when " SLI_CHANGE " < 0 then '-D' else '+U' end as kind");
    for (int32_t c = 0; c < sl_schema_columns(rows->seen); c++) {
        sli_str_text(&list, ", ");
        sli_put_sql_name(&list, sl_schema_field(rows->seen, c)->name);
    }
    sl_code rc = sli_str_check(&list, "names of columns", err);
    if (rc == SL_OK) {
        rows->stream = sli_stream_settle(rows->stream, rows->changes_by, SLI_CHANGE);
        rows->stream = sl_stream_select(rows->stream, list.data);
    }
    sli_str_reset(&list);
    return rc;
}

static sl_code plan_stream(sli_script *s, const char *select, size_t from, sl_error *err)
{
    sli_relation rows = {0};
    SL_TRY(sli_script_plan(s, select, from, "typed", false, &rows, err));
    if (rows.stream == NULL) {
        return sli_script_fail(s, from, err, "it reads no stream");
    }
    SL_TRY(rows.seen == NULL ? SL_OK : tell_kinds(&rows, err));
    s->typed->out->stream = rows.stream;
    s->typed->out->changes_by = rows.changes_by;
    return SL_OK;
}

sl_code sli_script_typed(sli_script *s, sl_error *err)
{
    const char *select = NULL;
    size_t from = 0;
    bool only = false;
    naming n = {.s = s};
    SL_TRY(sli_script_engine(s, err));
    SL_TRY(sli_script_select(s, &select, &from, err));
    SL_TRY(read_names(&n, select, &only, err));
    if (!only) {
        return plan_stream(s, select, from, err);
    }
    sli_place place = sli_script_place(s, from);
    s->typed->out->is_static = true;
    return sli_select_find(s->sql, select, n.names, n.n, SLI_BY_ONCE, &place, &s->typed->select,
                           err);
}

// ---------------------------------------------------------------- a session

static sl_code join_pieces(sli_script *s, const sl_sql_piece *pieces, int32_t n, sli_str *text,
                           sl_error *err)
{
    sli_text_piece *places = sl_arena_alloc(s->arena, ((size_t)n + 1) * sizeof *places);
    if (places == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *places, "a session");
    }
    for (int32_t i = 0; i < n; i++) {
        const char *name =
            pieces[i].name == NULL ? NULL : sl_arena_strdup(s->arena, pieces[i].name);
        places[i] = (sli_text_piece){text->size, name, pieces[i].line, pieces[i].column};
        sli_str_printf(text, "%s\n;\n", pieces[i].text); // a comment may end it
    }
    s->origins.pieces = n == 0 ? NULL : places;
    s->origins.n_pieces = n;
    return sli_str_check(text, "a session", err);
}

static sl_code run_session(sl_graph *graph, const sl_sql_piece *pieces, int32_t n,
                           const char *const *variables, sl_sql_typed *out, sl_error *err)
{
    sli_script *s = NULL;
    sli_str text = {.tag = SLI_TAG_SQL};
    SL_TRY(sli_script_new(&s, graph, "session", err));
    s->typed = sl_arena_alloc_zero(s->arena, sizeof *s->typed);
    if (s->typed == NULL) {
        return sl_error_nomem(err, sizeof *s->typed, "a session");
    }
    s->typed->out = out;
    sl_code rc = join_pieces(s, pieces, n, &text, err);
    if (rc == SL_OK) {
        rc = sli_script_run(s, text.data == NULL ? "" : text.data, variables, err);
    }
    sli_str_reset(&text);
    return rc;
}

void sl_sql_session(sl_graph *graph, const sl_sql_piece *pieces, int32_t n,
                    const char *const *variables, sl_sql_typed *out)
{
    sl_error err = SL_ERROR_INIT;
    *out = (sl_sql_typed){0};
    if (sli_graph_is_open(graph)) {
        sl_code rc = run_session(graph, pieces, n, variables, out, &err);
        if (rc != SL_OK) {
            sli_graph_stick(graph, rc, &err);
        }
    }
}

static const sli_script *session_of(const sl_graph *graph)
{
    const sli_script *s = sli_graph_owned(graph, "sql.script");
    return s != NULL && s->typed != NULL ? s : NULL;
}

sl_sql_name sl_sql_name_at(const sl_graph *graph, int32_t i)
{
    const sli_script *s = session_of(graph);
    if (s == NULL || i < 0 || i >= s->n_entries) {
        return (sl_sql_name){NULL, NULL, NULL};
    }
    const sli_entry *entry = s->entries[i];
    return (sl_sql_name){.name = entry->relation.name,
                         .kind = entry->is_view     ? "view"
                                 : is_static(entry) ? "static table"
                                                    : "table",
                         .columns = entry->is_view ? sli_relation_schema(&entry->relation)
                                                   : entry->columns};
}

// ---------------------------------------------------------------- once

typedef struct telling {
    const sl_rows_to *to;
} telling;

static sl_code tell(void *ctx, sl_batch *rows, sl_error *err)
{
    const telling *t = ctx;
    return sl_batch_rows(rows) == 0 ? SL_OK : t->to->rows(t->to->ctx, rows, err);
}

sl_code sl_sql_once(sl_graph *graph, const sl_rows_to *to, sl_error *err)
{
    const sli_script *s = session_of(graph);
    const sli_select *select = s == NULL ? NULL : s->typed->select;
    sli_dbs_rows rows[SLI_MAX_FROM];
    telling t = {to};
    if (select == NULL) {
        return sl_error_set(err, SL_E_STATE, "there is no SELECT over static tables alone");
    }
    for (int32_t i = 0; i < select->n_tables; i++) {
        const sli_select_table *table = &select->tables[i];
        rows[i] = (sli_dbs_rows){table->table, table->fixed->batches, table->fixed->n};
    }
    const _Atomic bool *stop = &s->typed->stop;
    SL_TRY(to->begin(to->ctx, select->schema, err));
    sl_code rc = sli_dbs_run(select->sql->dbs, select->number, rows, select->n_tables,
                             sli_env_wall_us(select->sql->env), &stop, 1, tell, &t, err);
    return sli_plain_failure(rc, err);
}

void sl_sql_once_stop(const sl_graph *graph)
{
    const sli_script *s = session_of(graph);
    if (s != NULL) {
        atomic_store(&s->typed->stop, true);
    }
}
