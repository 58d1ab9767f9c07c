// A SELECT made ready: taken apart, its names found, put together again and prepared.
//
//     text ─► tree ─► shape: names, how it goes ─► tables of DuckDB ─► text ─► prepared
//
// Names are those of one query, but an instance of DuckDB has one table of a name. So a name that
// means another schema in a later query gets a table of its own there ("flights~2"), and the
// query's tree that name, with the first one as its alias.
#include "sql/select.h"

#include <strings.h>

// ---------------------------------------------------------------- tables that DuckDB knows

struct sli_sql_name {
    sli_sql_name *next;
    const char *name, *table;
    const sl_schema *schema; ///< one reference
    const sli_static *fixed; ///< its number of rows was told
};

static int32_t count_names(const sli_sql *sql, const char *name)
{
    int32_t n = 0;
    for (const sli_sql_name *known = sql->names; known != NULL; known = known->next) {
        n += strcasecmp(known->name, name) == 0;
    }
    return n;
}

static sl_code add_name(sli_sql *sql, const sli_named *named, const char **table, sl_error *err)
{
    int32_t before = count_names(sql, named->name);
    sli_sql_name *added = sl_arena_alloc_zero(sql->arena, sizeof *added);
    char *name = sl_arena_strdup(sql->arena, named->name);
    char *called =
        before == 0 ? name : sl_arena_printf(sql->arena, "%s~%d", named->name, before + 1);
    if (added == NULL || name == NULL || called == NULL) {
        return sl_error_nomem(err, sizeof *added, "a table of a query");
    }
    SL_TRY(sli_dbs_table(sql->dbs, called, named->schema,
                         named->table == NULL ? -1 : named->table->n_rows, err));
    *added = (sli_sql_name){.next = sql->names,
                            .name = name,
                            .table = called,
                            .schema = sl_schema_ref(named->schema),
                            .fixed = named->table};
    sql->names = added;
    *table = called;
    return SL_OK;
}

/// The table that has this name and schema; a static one is no stream's, whose rows are unknown.
static sl_code table_of(sli_sql *sql, const sli_named *named, const char **table, sl_error *err)
{
    for (const sli_sql_name *known = sql->names; known != NULL; known = known->next) {
        if (strcasecmp(known->name, named->name) == 0 && known->fixed == named->table &&
            sl_schema_equal(known->schema, named->schema)) {
            *table = known->table;
            return SL_OK;
        }
    }
    return add_name(sql, named, table, err);
}

// ---------------------------------------------------------------- names of the query

/// What is at work.
typedef struct making {
    sli_sql *sql;
    const sli_named *names;
    int32_t n;
    sli_by by;
    sli_tree tree;
    sli_shape shape;
    sli_db_where where;
    sli_select *select;
    bool is_renamed;
} making;

static const sli_named *find_name(const making *m, const char *name)
{
    for (int32_t i = 0; i < m->n; i++) {
        if (strcasecmp(m->names[i].name, name) == 0) {
            return &m->names[i];
        }
    }
    return NULL;
}

static sl_code no_such_table(const making *m, const char *name, sl_error *err)
{
    const char *list[SLI_SQL_MAX_FROM + 1] = {NULL};
    sli_str all = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < m->n && i < SLI_SQL_MAX_FROM; i++) {
        list[i] = m->names[i].name;
        sli_str_printf(&all, "%s\"%.100s\"", i == 0 ? "" : ", ", list[i]);
    }
    const char *near = sli_nearest(name, list);
    sl_code rc = near != NULL
                     ? sl_error_set(err, SL_E_INVALID, "no table \"%.100s\"; did you mean \"%s\"?",
                                    name, near)
                     : sl_error_set(err, SL_E_INVALID, "no table \"%.100s\"; there are: %s", name,
                                    all.failed ? "too many" : all.data);
    sli_str_reset(&all);
    return rc;
}

static int32_t dep_of(sli_select *select, int32_t input)
{
    for (int32_t i = 0; i < select->n_deps; i++) {
        if (select->inputs[i] == input) {
            return i;
        }
    }
    select->inputs[select->n_deps] = input;
    return select->n_deps++;
}

static sl_code add_table(making *m, const sli_named *named, sl_error *err)
{
    sli_select *select = m->select;
    sli_select_table *table = &select->tables[select->n_tables];
    *table = (sli_select_table){.name = sl_arena_strdup(m->sql->arena, named->name),
                                .fixed = named->table,
                                .input = named->table == NULL ? named->input : -1,
                                .dep = -1};
    if (table->name == NULL) {
        return sl_error_nomem(err, strlen(named->name), "a table of a query");
    }
    SL_TRY(table_of(m->sql, named, &table->table, err));
    table->schema = sl_schema_ref(named->schema);
    table->dep = named->table == NULL ? dep_of(select, named->input) : -1;
    m->is_renamed |= strcasecmp(table->table, table->name) != 0;
    select->n_tables++;
    return SL_OK;
}

static sl_code resolve_names(making *m, sl_error *err)
{
    size_t n = (size_t)m->shape.n_from + 1;
    m->select->tables = sl_arena_alloc_zero(m->sql->arena, n * sizeof *m->select->tables);
    m->select->inputs = sl_arena_alloc_zero(m->sql->arena, n * sizeof *m->select->inputs);
    if (m->select->tables == NULL || m->select->inputs == NULL) {
        return sl_error_nomem(err, n * sizeof *m->select->tables, "the tables of a query");
    }
    for (int32_t i = 0; i < m->shape.n_from; i++) {
        const sli_named *named = find_name(m, m->shape.from[i].name);
        m->where.at = m->shape.from[i].at;
        if (named == NULL) {
            return no_such_table(m, m->shape.from[i].name, err);
        }
        SL_TRY(add_table(m, named, err));
    }
    m->where.at = -1;
    return m->select->n_deps > 0 || m->by == SLI_BY_ONCE
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "FROM has no stream: nothing would make it run");
}

// ---------------------------------------------------------------- how it is run

static bool is_input(void *ctx, const char *name)
{
    const sli_named *named = find_name(ctx, name);
    return named != NULL && named->table == NULL;
}

static void choose_way(making *m)
{
    m->select->by_row = m->by == SLI_BY_ROW || (m->by == SLI_BY_ITSELF && m->shape.by_row &&
                                                sli_tree_is_by_partition(&m->tree, is_input, m));
    SL_ASSERT(!m->select->by_row || m->select->n_deps == 1, "by row goes one stream");
}

static sl_code count_rows(void *ctx, sl_batch *rows, sl_error *err)
{
    (void)err;
    *(int64_t *)ctx += sl_batch_rows(rows);
    return SL_OK;
}

static bool asks_for_time(const making *m)
{
    for (int32_t i = 0; i < m->shape.n_used; i++) {
        if (strcasecmp(m->shape.used[i].name, "sluice_time") == 0) {
            return true;
        }
    }
    return false;
}

/// Whether no rows of its inputs give no rows: tried, since nothing else can change the answer. An
/// epoch without rows then costs no query. A failure is left to the epoch that meets it.
static void try_empty(making *m)
{
    sli_select *select = m->select;
    select->keeps_empty = select->by_row;
    if (select->by_row || m->by == SLI_BY_ONCE || asks_for_time(m)) {
        return;
    }
    sli_dbs_rows rows[SLI_MAX_FROM];
    int32_t n = 0;
    for (int32_t i = 0; i < select->n_tables; i++) {
        const sli_select_table *t = &select->tables[i];
        if (t->fixed != NULL) {
            rows[n++] = (sli_dbs_rows){t->table, t->fixed->batches, t->fixed->n};
        }
    }
    int64_t made = 0;
    sl_code rc =
        sli_dbs_run(m->sql->dbs, select->number, rows, n, 0, NULL, 0, count_rows, &made, NULL);
    select->keeps_empty = rc == SL_OK && made == 0;
}

static sl_code note_called(making *m, sl_error *err)
{
    size_t n = (size_t)m->shape.n_used + 1;
    m->select->called = sl_arena_alloc(m->sql->arena, n * sizeof *m->select->called);
    if (m->select->called == NULL) {
        return sl_error_nomem(err, n * sizeof *m->select->called, "the functions of a query");
    }
    for (int32_t i = 0; i < m->shape.n_used; i++) {
        const sli_sql_callable *known = sli_sql_callable_of(m->sql, m->shape.used[i].name);
        if (known != NULL) {
            m->select->called[m->select->n_called++] = known;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- preparing

static bool rename_table(void *ctx, sli_node *node)
{
    const sli_select *select = ctx;
    if (!sli_node_is(node, "BASE_TABLE")) {
        return true;
    }
    for (int32_t i = 0; i < select->n_tables; i++) {
        const sli_select_table *table = &select->tables[i];
        const char *name = sli_node_text(node, "table_name");
        if (strcasecmp(table->name, name) != 0 || strcasecmp(table->table, name) == 0) {
            continue;
        }
        if (sli_node_text(node, "alias")[0] == '\0') {
            json_object_object_add(node, "alias", json_object_new_string(name));
        }
        json_object_object_add(node, "table_name", json_object_new_string(table->table));
        break;
    }
    return true;
}

static sl_code print(const making *m, const char **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_tree_print(&m->tree, m->sql->dbs, &text, err);
    rc = rc != SL_OK ? rc : sli_str_check(&text, "a query", err);
    if (rc == SL_OK) {
        *out = sl_arena_strdup(m->sql->arena, text.data == NULL ? "" : text.data);
        rc = *out == NULL ? sl_error_nomem(err, text.size, "a query") : SL_OK;
    }
    sli_str_reset(&text);
    return rc;
}

/// Places in a query that was printed say nothing to who wrote it: what fails is prepared once more
/// as it was given, to be told there.
static sl_code failed_at(making *m, sl_code rc, sl_error *err)
{
    sl_error other = SL_ERROR_INIT;
    int32_t number = 0;
    sl_schema *schema = NULL;
    sli_db_where where = {-1};
    m->where.at = -1;
    if (m->is_renamed || rc == SL_E_NOMEM) {
        return rc;
    }
    sl_code again = sli_dbs_prepare(m->sql->dbs, m->select->text, &number, &schema, &where, &other);
    if (again == rc && err != NULL) {
        *err = other;
        m->where = where;
    }
    sl_schema_unref(schema);
    return rc;
}

/// As sli_dbs_prepare, of the tree as it is.
static sl_code prepare_tree(making *m, const char *printed, sl_error *err)
{
    const char *text = printed;
    sli_select *select = m->select;
    if (text == NULL) {
        SL_TRY(print(m, &text, err));
    }
    sl_code rc =
        sli_dbs_prepare(m->sql->dbs, text, &select->number, &select->schema, &m->where, err);
    return rc == SL_OK ? SL_OK : failed_at(m, rc, err);
}

/// The computed columns of `named` are those of what was prepared in place of it.
static sl_code check_types(const sli_select *select, const sl_schema *named, sl_error *err)
{
    for (int32_t i = 0, made = 0; i < sl_schema_columns(named); i++) {
        const sl_field *field = sl_schema_field(named, i);
        bool is_passed = select->passed != NULL && select->passed[i] >= 0;
        if (!is_passed && !sli_field_same_type(field, sl_schema_field(select->schema, made++))) {
            return sl_error_set(err, SL_E_UNSUPPORTED,
                                "column %.100s: its type hangs on how a divisor is written; cast "
                                "the divisor to the type it shall have",
                                field->name);
        }
    }
    return SL_OK;
}

/// The table that is all of FROM; NULL: it is more than one.
static sli_select_table *only_table(const making *m)
{
    const sli_node *from = sli_node_at(m->tree.select, "from_table");
    for (int32_t i = 0; sli_node_is(from, "BASE_TABLE") && i < m->select->n_tables; i++) {
        if (strcasecmp(m->select->tables[i].table, sli_node_text(from, "table_name")) == 0) {
            return &m->select->tables[i];
        }
    }
    return NULL;
}

/// Makes FROM a table that has numbers of rows, too.
static sl_code number_rows(making *m, sli_select_table *table, sl_error *err)
{
    sli_select *select = m->select;
    sli_node *from = sli_node_at(m->tree.select, "from_table");
    const char *name = sl_arena_printf(m->sql->arena, "%s#rows", table->name);
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_printf(&text, "%s, " SLI_ROW_NUMBER " int64", sl_schema_text(table->schema));
    sl_code rc = sli_str_check(&text, "a schema", err);
    rc = rc == SL_OK ? sl_schema_parse(&select->numbered, text.data, err) : rc;
    rc = rc == SL_OK ? sl_schema_parse(&select->row_number, SLI_ROW_NUMBER " int64", err) : rc;
    sli_str_reset(&text);
    SL_TRY(rc == SL_OK && name == NULL ? sl_error_nomem(err, 64, "a table of a query") : rc);
    if (sli_node_text(from, "alias")[0] == '\0') {
        json_object_object_add(from, "alias", json_object_new_string(table->name));
    }
    SL_TRY(table_of(m->sql, &(sli_named){name, select->numbered, NULL, 0}, &table->table, err));
    json_object_object_add(from, "table_name", json_object_new_string(table->table));
    return SL_OK;
}

/// Without the columns that go round DuckDB.
static sl_code take_passed(making *m, sl_error *err)
{
    sli_select *select = m->select;
    sli_select_table *table = only_table(m);
    int32_t n = sl_schema_columns(select->schema), n_passed = 0;
    if (!select->by_row || table == NULL) {
        return SL_OK;
    }
    int32_t *passed = sl_arena_alloc(m->sql->arena, (size_t)n * sizeof *passed);
    if (passed == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *passed, "the columns of a query");
    }
    SL_TRY(sli_tree_pass(&m->tree, table->schema, select->schema, passed, &n_passed, err));
    bool has_where = sli_node_at(m->tree.select, "where_clause") != NULL;
    select->passed = n_passed == 0 ? NULL : passed;
    select->asks_nothing = n_passed == n && !has_where;
    return n_passed > 0 && has_where ? number_rows(m, table, err) : SL_OK;
}

/// Prepared again, as the tree is now. What was prepared first says how the columns are called: a
/// changed text has other names for columns without one. Types are the same.
static sl_code prepare_changed(making *m, sl_error *err)
{
    sli_select *select = m->select;
    sl_schema *named = select->schema;
    int32_t first = select->number;
    select->schema = NULL;
    sl_code rc = prepare_tree(m, NULL, err);
    rc = rc == SL_OK ? check_types(select, named, err) : rc;
    sl_schema_unref(select->schema);
    select->schema = named;
    if (rc == SL_OK && select->number != first) {
        sli_dbs_forget(m->sql->dbs, first);
    }
    return rc;
}

/// What is run: without what is passed on, and with its divisors looked at.
static sl_code prepare_run(making *m, sl_error *err)
{
    bool is_divided = false;
    SL_TRY(take_passed(m, err));
    if (m->select->asks_nothing) {
        sli_dbs_forget(m->sql->dbs, m->select->number);
        return SL_OK;
    }
    SL_TRY(sli_tree_divide(&m->tree, &is_divided, err));
    return is_divided || m->select->passed != NULL ? prepare_changed(m, err) : SL_OK;
}

static sl_code prepare(making *m, sl_error *err)
{
    sli_select *select = m->select;
    SL_TRY(print(m, &select->printed, err));
    if (m->is_renamed) {
        sli_node_walk(m->tree.select, rename_table, select);
    }
    SL_TRY(prepare_tree(m, m->is_renamed ? NULL : select->printed, err));
    return prepare_run(m, err);
}

static sl_code make(making *m, sl_error *err)
{
    if (strlen(m->select->text) > SLI_SQL_MAX_TEXT) {
        return sl_error_set(err, SL_E_INVALID, "the query has more than %d bytes",
                            SLI_SQL_MAX_TEXT);
    }
    SL_TRY(sli_tree_parse(&m->tree, m->sql->dbs, m->select->text, &m->where, err));
    SL_TRY(sli_tree_shape(&m->tree, m->sql->dbs, &m->shape, &m->where, err));
    SL_TRY(resolve_names(m, err));
    choose_way(m);
    SL_TRY(note_called(m, err));
    SL_TRY(prepare(m, err));
    try_empty(m);
    return SL_OK;
}

// ---------------------------------------------------------------- what there is

/// Equal names mean the same as they did.
static bool is_of(const sli_select *select, const making *m)
{
    for (int32_t i = 0; i < select->n_tables; i++) {
        const sli_select_table *table = &select->tables[i];
        const sli_named *named = find_name(m, table->name);
        if (named == NULL || named->table != table->fixed ||
            !sl_schema_equal(named->schema, table->schema) ||
            (named->table == NULL && named->input != table->input)) {
            return false;
        }
    }
    return true;
}

sli_select *sli_select_known(const sli_sql *sql, const char *text, const sli_named *names,
                             int32_t n, sli_by by)
{
    making m = {.names = names, .n = n};
    for (sli_select *select = sql->selects; select != NULL; select = select->next) {
        bool fits = by == SLI_BY_ITSELF || select->by_row == (by == SLI_BY_ROW);
        if (fits && strcmp(select->text, text) == 0 && is_of(select, &m)) {
            return select;
        }
    }
    return NULL;
}

static void free_select(sli_select *select)
{
    for (int32_t i = 0; i < select->n_tables; i++) {
        sl_schema_unref(select->tables[i].schema);
    }
    sl_schema_unref(select->schema);
    sl_schema_unref(select->numbered);
    sl_schema_unref(select->row_number);
}

sl_code sli_select_find(sli_sql *sql, const char *text, const sli_named *names, int32_t n,
                        sli_by by, const sli_place *place, sli_select **out, sl_error *err)
{
    sli_select *known = sli_select_known(sql, text, names, n, by);
    if (known != NULL) {
        *out = known;
        return SL_OK;
    }
    if (sql->n_selects == SLI_SQL_MAX_SELECTS) {
        return sl_error_set(err, SL_E_NO_SPACE,
                            "more than %d different queries: put what changes into the rows, not "
                            "into the text",
                            SLI_SQL_MAX_SELECTS);
    }
    making m = {.sql = sql, .names = names, .n = n, .by = by, .where = {-1}};
    m.select = sl_arena_alloc_zero(sql->arena, sizeof *m.select);
    char *copy = sl_arena_strdup(sql->arena, text);
    if (m.select == NULL || copy == NULL) {
        return sl_error_nomem(err, strlen(text), "a query");
    }
    *m.select = (sli_select){.sql = sql, .text = copy};
    sl_code rc = make(&m, err);
    sli_tree_reset(&m.tree);
    if (rc != SL_OK) {
        free_select(m.select);
        sli_place own = {.text = text};
        (void)sli_plain_failure(rc, err);
        return sli_place_wrap(place == NULL ? &own : place, m.where.at, rc, err);
    }
    m.select->next = sql->selects;
    sql->selects = m.select;
    sql->n_selects++;
    *out = m.select;
    return SL_OK;
}

void sli_selects_free(sli_sql *sql)
{
    for (sli_select *select = sql->selects; select != NULL; select = select->next) {
        free_select(select);
    }
    for (const sli_sql_name *name = sql->names; name != NULL; name = name->next) {
        sl_schema_unref(name->schema);
    }
}
