// INSERT INTO sink SELECT ...: the SELECT planned, its columns made those of the sink by position,
// and the sink's URL, with upsert by key where rows change.
#include "sql/connector.h"
#include "sql/program.h"
#include "sql/script_int.h"
#include "sql/words.h"

#include "base/str.h"

#include <stdio.h>

// ---------------------------------------------------------------- a SELECT of the script

sl_code sli_script_select(sli_script *s, const char **out, size_t *from, sl_error *err)
{
    int32_t first = s->at;
    size_t where = 0;
    const sli_lexeme *token = sli_script_token(s);
    if (sli_script_ends(s)) {
        return sli_script_fail(s, token->at, err, "a SELECT is expected here");
    }
    while (!sli_script_ends(s)) {
        s->at++;
    }
    const sli_lexeme *last = &s->tokens[s->at - 1];
    *from = token->at;
    char *text = sl_arena_printf(s->arena, "%.*s", (int)(last->at + last->size - token->at),
                                 s->text.data + token->at);
    if (text == NULL) {
        return sl_error_nomem(err, last->at + last->size - token->at, "a SELECT");
    }
    sl_code rc =
        sli_words_rewrite(s->text.data, s->tokens + first, s->at - first, text, &where, err);
    *out = text;
    return rc == SL_OK ? SL_OK : sli_script_wrap(s, where, rc, err);
}

/// A name that a SELECT uses. What keeps a table from being opened is told by sli_script_plan.
static const sli_relation *find_relation(void *ctx, const char *name)
{
    sli_script *s = ctx;
    sli_entry *entry = sli_catalog_find(s, name);
    if (entry == NULL || (entry->is_view && !entry->made)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    entry->read = true;
    if (s->trouble.code != SL_OK || (!entry->made && sli_catalog_make(s, entry, &err) != SL_OK)) {
        s->trouble = s->trouble.code != SL_OK ? s->trouble : err;
        return NULL;
    }
    return &entry->relation;
}

static void each_name(void *ctx, void (*each)(void *to, const char *name), void *to)
{
    const sli_script *s = ctx;
    for (int32_t i = 0; i < s->n_entries; i++) {
        each(to, s->entries[i]->relation.name);
    }
}

sl_code sli_script_plan(sli_script *s, const char *select, size_t from, const char *uid,
                        bool is_view, sli_relation *out, sl_error *err)
{
    SL_TRY(sli_script_engine(s, err));
    sli_place place = sli_script_place(s, from);
    sli_plan_env env = {.sql = s->sql,
                        .graph = s->graph,
                        .find = find_relation,
                        .names = each_name,
                        .predict = sli_script_predict,
                        .ctx = s,
                        .place = &place,
                        .uid = uid,
                        .is_view = is_view};
    s->trouble = (sl_error){.code = SL_OK};
    sl_code rc = sli_sql_plan(&env, select, out, err);
    if (rc != SL_OK && s->trouble.code != SL_OK) {
        rc = s->trouble.code;
        *err = s->trouble;
    }
    return rc;
}

// ---------------------------------------------------------------- lists of names

/// How many names a list has: "a, b".
static int32_t count_names(const char *list)
{
    int32_t n = list[0] != '\0';
    for (; *list != '\0'; list++) {
        n += *list == ',';
    }
    return n;
}

static bool has_name(const char *list, const char *name)
{
    for (const char *at = list; *at != '\0';) {
        size_t size = strcspn(at, ",");
        if (strlen(name) == size && memcmp(at, name, size) == 0) {
            return true;
        }
        at += size + strspn(at + size, ", ");
    }
    return false;
}

// ---------------------------------------------------------------- the sink's columns

/// What becomes of SLI_CHANGE, where rows can go.
typedef enum marks {
    NO_MARKS = 0, ///< they can't
    DROPPED,      ///< rows that go are left out
    DELETES,      ///< the sink gets it as its last column, and deletes
    TOLD,         ///< as the text of a column: '+U', '-D'
} marks;

enum { BEFORE_ALL = -1 };

typedef struct target {
    const sli_entry *sink;
    const int32_t *columns; ///< of the sink, those that the SELECT's fill, in its order
    int32_t n;
    size_t at;        ///< of the SELECT
    const char *kind; ///< the column that tells what happens to a row; NULL: none
    int32_t kind_at;  ///< which of the sink's columns it is; BEFORE_ALL: none, it stands first
    marks marks;
} target;

static int32_t integer_bits(const sl_field *f, bool *is_unsigned)
{
    *is_unsigned = f->type >= SL_UINT8 && f->type <= SL_UINT64;
    switch (f->type) {
    case SL_INT8:
    case SL_UINT8:
        return 8;
    case SL_INT16:
    case SL_UINT16:
        return 16;
    case SL_INT32:
    case SL_UINT32:
        return 32;
    case SL_INT64:
    case SL_UINT64:
        return 64;
    default:
        return 0;
    }
}

/// Digits before the point that every integer of so many bits fits into.
static int32_t digits_of(int32_t bits)
{
    return bits == 8 ? 3 : bits == 16 ? 5 : bits == 32 ? 10 : 20;
}

static bool integer_widens(const sl_field *from, const sl_field *to)
{
    bool from_unsigned = false, to_unsigned = false;
    int32_t a = integer_bits(from, &from_unsigned), b = integer_bits(to, &to_unsigned);
    return a > 0 && b > 0 && (from_unsigned == to_unsigned ? a <= b : from_unsigned && a < b);
}

/// Whether two types are the same, but for what may be null. Of nested ones lists are known.
static bool sql_type_is(const sl_field *a, const sl_field *b)
{
    if (a->type != b->type || a->type == SL_STRUCT || a->type == SL_OPAQUE) {
        return false;
    }
    return a->type == SL_LIST      ? sql_type_is(&a->children[0], &b->children[0])
           : a->type == SL_DECIMAL ? a->precision == b->precision && a->scale == b->scale
                                   : true;
}

static bool is_float(const sl_field *f)
{
    return f->type == SL_FLOAT32 || f->type == SL_FLOAT64;
}

/// Every value of `from` is one of `to`. Sums of integers are decimal(38,0) to DuckDB: BIGINT takes
/// them, and one that it can't hold is an error of its row.
static bool widens(const sl_field *from, const sl_field *to)
{
    bool is_unsigned = false;
    int32_t bits = integer_bits(from, &is_unsigned);
    if (from->type == SL_LIST && to->type == SL_LIST) {
        const sl_field *a = &from->children[0], *b = &to->children[0];
        return sql_type_is(a, b) || widens(a, b); // that items may be null loses nothing
    }
    if (integer_widens(from, to)) {
        return true;
    }
    if (from->type == SL_DECIMAL && to->type == SL_DECIMAL) {
        return to->scale >= from->scale &&
               to->precision - to->scale >= from->precision - from->scale;
    }
    if (bits > 0 && to->type == SL_DECIMAL) {
        return to->precision - to->scale >= digits_of(bits);
    }
    if (from->type == SL_DECIMAL && from->precision == 38 && from->scale == 0) {
        return to->type == SL_INT64;
    }
    return (bits > 0 && bits <= 16 && is_float(to)) ||
           (bits > 0 && bits <= 32 && to->type == SL_FLOAT64) ||
           (from->type == SL_FLOAT32 && to->type == SL_FLOAT64) ||
           (from->type == SL_DATE && to->type == SL_TIMESTAMP);
}

static sl_code wrong_type(const sli_script *s, const target *t, int32_t i, const sl_schema *given,
                          sl_error *err)
{
    const sl_field *from = sl_schema_field(given, i);
    const sl_field *to = sl_schema_field(t->sink->columns, t->columns[i]);
    const char *type = sli_sql_type(s->arena, to);
    return sli_script_fail(s, t->at, err,
                           "column %d, '%s', of the SELECT is %s, and '%s' of '%s' is %s, which "
                           "can't hold all of it: write CAST(%s AS %s)",
                           i + 1, from->name, sli_field_type(s->arena, given, i), to->name,
                           t->sink->relation.name,
                           sli_field_type(s->arena, t->sink->columns, t->columns[i]), from->name,
                           type[0] == '\0' ? "..." : type);
}

/// What has to be done to the SELECT's columns, as texts: a query that casts, then expressions that
/// rename and see to it that a key is there.
typedef struct fitting {
    sli_str query, select;
    int32_t n; ///< columns so far
    bool casts, selects;
} fitting;

static bool must_be_there(const target *t, const sl_field *to)
{
    return !to->nullable || (t->sink->key != NULL && has_name(t->sink->key, to->name));
}

/// Appends not_null(name), which fails the row of a null, and keeps the type.
static sl_code put_not_null(const sli_script *s, const target *t, const sl_field *to,
                            const char *name, sli_str *out, sl_error *err)
{
    switch (to->type) {
    case SL_BOOL:
    case SL_INT32:
    case SL_INT64:
    case SL_FLOAT64:
    case SL_STRING:
    case SL_BINARY:
    case SL_DATE:
    case SL_TIMESTAMP:
        break;
    default:
        return sli_script_fail(s, t->at, err,
                               "column '%s' of '%s' can't be null, which is not known of the "
                               "SELECT and can't be checked for this type: declare it BIGINT, "
                               "DOUBLE, VARCHAR, DATE or TIMESTAMP",
                               to->name, t->sink->relation.name);
    }
    sli_str_text(out, to->type == SL_INT32 ? "cast(not_null(" : "not_null(");
    sli_put_sql_name(out, name);
    sli_str_text(out, to->type == SL_INT32 ? ") as int32)" : ")");
    return SL_OK;
}

/// The column that tells what happens to a row: '-D', it is gone; '+U', this is what it is now;
/// '+I' of rows that never change.
static void put_kind(const sli_script *s, const target *t, bool changes, fitting *f)
{
    const char *comma = f->select.size == 0 ? "" : ", ";
    if (t->marks == TOLD && s->for_test) {
        sli_str_printf(&f->select, "%scase when " SLI_CHANGE " < 0 then '-D' else null end as ",
                       comma);
    } else if (t->marks == TOLD) {
        sli_str_printf(&f->select, "%scase when " SLI_CHANGE " < 0 then '-D' else '+U' end as ",
                       comma);
    } else {
        sli_str_printf(&f->select, "%s%s as ", comma, changes ? "'+U'" : "'+I'");
    }
    sli_put_sql_name(&f->select, t->kind);
    f->selects = true;
}

/// Whether the kind of change is told in column `c`.
static bool is_kind(const target *t, int32_t c)
{
    return t->kind != NULL && c == t->kind_at;
}

/// Which of the SELECT's columns goes into the sink's column `c`; -1: none.
static int32_t filled_by(const target *t, int32_t c)
{
    for (int32_t i = 0; i < t->n; i++) {
        if (t->columns[i] == c) {
            return i;
        }
    }
    return -1;
}

/// A database has defaults of its own for columns that it is not given. Everywhere else a row has
/// all columns of its table, in their order, or it could not be read as such.
static bool fills_itself(const sli_script *s, const target *t)
{
    const sli_connector *of = sli_connector_of(t->sink);
    return !s->for_test && of->upserts;
}

/// Whether a column gets nothing from the SELECT.
static bool leaves_out(const target *t)
{
    bool has_kind = t->kind != NULL && t->kind_at != BEFORE_ALL;
    return t->n + has_kind < sl_schema_columns(t->sink->columns);
}

/// A column that the INSERT leaves out.
static sl_code put_null(const sli_script *s, const sl_field *to, fitting *f, sl_error *err)
{
    const char *type = sli_sql_type(s->arena, to);
    if (type[0] == '\0') {
        return sl_error_set(err, SL_E_INVALID,
                            "column '%s' can't be left out: its type has no null", to->name);
    }
    sli_str_printf(&f->query, "%sCAST(NULL AS %s) AS ", f->n == 0 ? "" : ", ", type);
    sli_put_sql_name(&f->query, to->name);
    sli_str_text(&f->select, f->select.size == 0 ? "" : ", ");
    sli_put_sql_name(&f->select, to->name);
    f->n++;
    return SL_OK;
}

/// One column as the sink has it, appended to both texts.
static sl_code put_column(const sli_script *s, const target *t, int32_t i, const sl_schema *given,
                          fitting *f, sl_error *err)
{
    const sl_field *from = sl_schema_field(given, i);
    const sl_field *to = sl_schema_field(t->sink->columns, t->columns[i]);
    const char *name = f->casts ? to->name : from->name; // as the query has it, when there is one
    bool same = strcmp(sli_field_type(s->arena, given, i),
                       sli_field_type(s->arena, t->sink->columns, t->columns[i])) == 0;
    sli_str_text(&f->query, f->n == 0 ? "" : ", ");
    sli_str_text(&f->query, same ? "" : "CAST(");
    sli_put_sql_name(&f->query, from->name);
    if (!same) {
        sli_str_printf(&f->query, " AS %s)", sli_sql_type(s->arena, to));
    }
    sli_str_text(&f->query, " AS ");
    sli_put_sql_name(&f->query, to->name);
    sli_str_text(&f->select, f->select.size == 0 ? "" : ", ");
    f->selects = f->selects || strcmp(name, to->name) != 0 || (!f->casts && f->n != i);
    f->n++;
    if (must_be_there(t, to) && (from->nullable || !same)) {
        f->selects = true;
        SL_TRY(put_not_null(s, t, to, name, &f->select, err));
    } else {
        sli_put_sql_name(&f->select, name);
    }
    sli_str_text(&f->select, " as ");
    sli_put_sql_name(&f->select, to->name);
    return SL_OK;
}

/// Whether a column needs a cast. Fails: one can't be had without loss.
static sl_code needs_casts(const sli_script *s, const target *t, const sl_schema *given, bool *out,
                           sl_error *err)
{
    *out = leaves_out(t) && !fills_itself(s, t);
    for (int32_t i = 0; i < t->n; i++) {
        const sl_field *from = sl_schema_field(given, i);
        const sl_field *to = sl_schema_field(t->sink->columns, t->columns[i]);
        bool same = strcmp(sli_field_type(s->arena, given, i),
                           sli_field_type(s->arena, t->sink->columns, t->columns[i])) == 0;
        if (!same && !widens(from, to)) {
            return wrong_type(s, t, i, given, err);
        }
        *out = *out || !same;
    }
    return SL_OK;
}

static sl_code fit_with(sli_script *s, const target *t, sli_relation *rows, const char *uid,
                        fitting *f, sl_error *err)
{
    const sl_schema *given = sli_relation_schema(rows);
    SL_TRY(needs_casts(s, t, given, &f->casts, err));
    sli_str_text(&f->query, "SELECT ");
    if (is_kind(t, BEFORE_ALL)) {
        put_kind(s, t, rows->changes_by != NULL, f);
    }
    for (int32_t c = 0; c < sl_schema_columns(t->sink->columns); c++) {
        int32_t i = filled_by(t, c);
        if (is_kind(t, c)) {
            put_kind(s, t, rows->changes_by != NULL, f);
        } else if (i >= 0) {
            SL_TRY(put_column(s, t, i, given, f, err));
        } else if (!fills_itself(s, t)) {
            SL_TRY(put_null(s, sl_schema_field(t->sink->columns, c), f, err));
        }
    }
    if (t->marks != NO_MARKS) {
        sli_str_text(&f->query, ", " SLI_CHANGE);
        sli_str_text(&f->select, t->marks == DELETES ? ", " SLI_CHANGE : "");
        f->selects = true; // it may stand between others
    }
    sli_str_text(&f->query, " FROM \"rows\"");
    SL_TRY(sli_str_check(&f->query, "a SELECT", err));
    SL_TRY(sli_str_check(&f->select, "a SELECT", err));
    if (f->casts) {
        sli_relation from = {.stream = rows->stream};
        sli_place place = sli_script_place(s, t->at);
        from.name = "rows";
        rows->stream = sli_sql_epoch(s->sql, s->graph, f->query.data, &from, 1, true, &place);
        sl_stream_uid(rows->stream, sl_arena_printf(s->arena, "%s.casts", uid));
    }
    if (f->selects) {
        rows->stream = sl_stream_select(rows->stream, f->select.data);
        sl_stream_uid(rows->stream, sl_arena_printf(s->arena, "%s.columns", uid));
    }
    return SL_OK;
}

/// The stream whose columns are the sink's: the SELECT's own, or what is made of it.
static sl_code fit(sli_script *s, const target *t, sli_relation *rows, const char *uid,
                   sl_error *err)
{
    fitting f = {.query = {.tag = SLI_TAG_SQL}, .select = {.tag = SLI_TAG_SQL}};
    sl_code rc = fit_with(s, t, rows, uid, &f, err);
    sli_str_reset(&f.query);
    sli_str_reset(&f.select);
    return rc;
}

/// The column of 'changelog.kind'.
static sl_code find_kind(sli_script *s, target *t, sl_error *err)
{
    const char *name = sli_with_value(t->sink, "changelog.kind", NULL);
    const char *log = sli_with_value(t->sink, "changelog", NULL);
    if (name == NULL) {
        return SL_OK;
    }
    t->kind_at = sl_schema_find(t->sink->columns, name);
    if (log == NULL || strcmp(log, "append") != 0) {
        return sli_script_fail(s, t->sink->with_at, err,
                               "'changelog.kind' goes with 'changelog' = 'append': '%s' replaces "
                               "rows by key",
                               t->sink->relation.name);
    }
    if (t->kind_at < 0 || sl_schema_field(t->sink->columns, t->kind_at)->type != SL_STRING) {
        return sli_script_fail(
            s, t->sink->with_at, err,
            "'changelog.kind' names a STRING column of '%s', and '%.60s' is none",
            t->sink->relation.name, name);
    }
    t->kind = sl_schema_field(t->sink->columns, t->kind_at)->name;
    return SL_OK;
}

/// Columns that can't be null have to be among those that an INSERT names.
static sl_code check_left_out(const sli_script *s, const target *t, size_t at, sl_error *err)
{
    for (int32_t c = 0; c < sl_schema_columns(t->sink->columns); c++) {
        const sl_field *to = sl_schema_field(t->sink->columns, c);
        if (filled_by(t, c) < 0 && !is_kind(t, c) && must_be_there(t, to)) {
            return sli_script_fail(s, at, err,
                                   "column '%s' of '%s' can't be null: it has to be among these",
                                   to->name, t->sink->relation.name);
        }
    }
    return SL_OK;
}

/// (a, b) behind the sink's name; without it all columns in their order.
static sl_code read_target(sli_script *s, sli_entry *sink, target *out, sl_error *err)
{
    int32_t n = sl_schema_columns(sink->columns);
    int32_t *columns = sl_arena_alloc(s->arena, ((size_t)n + 1) * sizeof *columns);
    if (columns == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *columns, "columns");
    }
    *out = (target){.sink = sink, .columns = columns};
    SL_TRY(find_kind(s, out, err));
    if (!sli_script_mark(s, "(")) {
        for (int32_t i = 0; i < n; i++) {
            if (out->kind == NULL || i != out->kind_at) {
                columns[out->n++] = i;
            }
        }
        return SL_OK;
    }
    do {
        const char *name = NULL;
        size_t at = sli_script_token(s)->at;
        SL_TRY(sli_script_want_name(s, "a column", &name, err));
        int32_t column = sli_script_column(sink->columns, name);
        bool twice = false;
        for (int32_t i = 0; i < out->n; i++) {
            twice = twice || columns[i] == column;
        }
        if (column < 0) {
            return sli_script_no_column(s, sink, name, at, "", err);
        }
        if (twice) {
            return sli_script_fail(s, at, err, "column '%s' is named twice", name);
        }
        if (out->kind != NULL && column == out->kind_at) {
            return sli_script_fail(s, at, err, "'%s' is filled with the kind of change", name);
        }
        columns[out->n++] = column;
    } while (sli_script_mark(s, ","));
    size_t end = sli_script_token(s)->at;
    SL_TRY(sli_script_want_mark(s, ")", err));
    return check_left_out(s, out, end, err);
}

// ---------------------------------------------------------------- the key of rows that change

/// The key of the SELECT's rows by the names of the sink's columns; NULL without memory. One that
/// the SELECT leaves out keeps its name, which no PRIMARY KEY has.
static const char *key_in_sink(const sli_script *s, const target *t, const sl_schema *given,
                               const char *key)
{
    sli_str out = {.tag = SLI_TAG_SQL};
    for (const char *at = key; *at != '\0';) {
        size_t size = strcspn(at, ",");
        const char *name = sl_arena_printf(s->arena, "%.*s", (int)size, at);
        int32_t i = name == NULL ? -1 : sl_schema_find(given, name);
        name = i < 0 ? name : sl_schema_field(t->sink->columns, t->columns[i])->name;
        sli_str_printf(&out, "%s%s", out.size == 0 ? "" : ", ", name == NULL ? "" : name);
        at += size + strspn(at + size, ", ");
    }
    const char *text = out.failed ? NULL : sl_arena_strdup(s->arena, out.size == 0 ? "" : out.data);
    sli_str_reset(&out);
    return text;
}

static bool same_names(const char *a, const char *b)
{
    bool same = count_names(a) == count_names(b);
    for (const char *at = a; same && *at != '\0';) {
        char name[256];
        size_t size = strcspn(at, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)size, at);
        same = has_name(b, name);
        at += size + strspn(at + size, ", ");
    }
    return same;
}

static sl_code refuse_changes(const sli_script *s, const target *t, const char *key, sl_error *err)
{
    if (key[0] == '\0') {
        return sli_script_fail(s, t->at, err,
                               "this SELECT has one row, which changes, and '%s' only gets rows "
                               "added: write it into an sqlite table without PRIMARY KEY, which "
                               "keeps the last row, or say 'changelog' = 'append' in its WITH to "
                               "get every change as a row",
                               t->sink->relation.name);
    }
    return sli_script_fail(s, t->at, err,
                           "rows of this SELECT change (by %s), and '%s' only gets rows added: "
                           "write them into a table with PRIMARY KEY (%s) of connector sqlite, "
                           "postgres or upsert-kafka, or say 'changelog' = 'append' in its WITH to "
                           "get every change as a row",
                           key, t->sink->relation.name, key);
}

/// upsert-kafka: the key is a column, whose records replace each other.
static sl_code keyed_mode(const sli_script *s, const target *t, const char *key, const char **out,
                          sl_error *err)
{
    const sli_entry *sink = t->sink;
    if (sink->key == NULL || count_names(sink->key) != 1) {
        return sli_script_fail(s, sink->at, err,
                               "'%s' needs a PRIMARY KEY of one column, the key of its records",
                               sink->relation.name);
    }
    if (key != NULL && !same_names(key, sink->key)) {
        return refuse_changes(s, t, key, err);
    }
    *out = sink->key;
    return SL_OK;
}

static sl_code other_key(const sli_script *s, const target *t, const char *key, sl_error *err)
{
    return sli_script_fail(s, t->at, err,
                           "rows of this SELECT change by %s, and '%s' has PRIMARY KEY (%s): the "
                           "two must be the same",
                           key[0] == '\0' ? "no key (there is one row)" : key,
                           t->sink->relation.name, t->sink->key);
}

/// How the sink takes the rows: *mode and *key for its URL, NULL: it adds them. `key`: what the
/// rows change by, in the sink's names; NULL: they don't.
static sl_code choose_mode(const sli_script *s, const target *t, const char *key, const char **mode,
                           const char **sink_key, sl_error *err)
{
    const sli_entry *sink = t->sink;
    const sli_connector *of = sli_connector_of(sink);
    const char *log = sli_with_value(sink, "changelog", NULL);
    bool appends = log != NULL && strcmp(log, "append") == 0;
    *mode = *sink_key = NULL;
    if (of->sink == &sli_sink_blackhole) {
        return SL_OK; // whatever they replace
    }
    if (of->keyed) {
        return keyed_mode(s, t, key, sink_key, err);
    }
    if (sink->key != NULL && (!of->upserts || appends)) {
        return sli_script_fail(s, sink->key_at, err,
                               "'%s' only gets rows added: it keeps no PRIMARY KEY, leave it out",
                               sink->relation.name);
    }
    if (sink->key != NULL && key != NULL && !same_names(key, sink->key)) {
        return other_key(s, t, key, err);
    }
    if (sink->key != NULL) {
        *mode = "upsert";
        *sink_key = sink->key;
        return SL_OK;
    }
    if (key == NULL || appends) {
        return SL_OK;
    }
    if (key[0] == '\0' && of->replaces) {
        *mode = "replace";
        return SL_OK;
    }
    return refuse_changes(s, t, key, err);
}

// ---------------------------------------------------------------- rows that can go

/// What the sink does about them.
static sl_code choose_marks(const sli_script *s, target *t, const char *mode, const char *sink_key,
                            sl_error *err)
{
    const sli_connector *of = sli_connector_of(t->sink);
    bool replaces =
        sink_key != NULL && (of->keyed || (mode != NULL && strcmp(mode, "upsert") == 0));
    if (replaces && sli_connector_deletes(of)) {
        t->marks = s->for_test ? TOLD : DELETES;
        t->kind = s->for_test ? SLI_CHANGE : NULL;
        t->kind_at = BEFORE_ALL;
        return SL_OK;
    }
    if (t->kind != NULL || of->sink == &sli_sink_console) {
        t->kind_at = t->kind == NULL ? BEFORE_ALL : t->kind_at;
        t->kind = t->kind == NULL ? "kind" : t->kind;
        t->marks = TOLD;
        return SL_OK;
    }
    if (replaces || mode != NULL || sli_program_takes(t->sink)) {
        return sli_script_fail(
            s, t->at, err,
            "rows of this SELECT can go (a condition on what changes, or a group that its last row "
            "leaves), and '%s' can't delete: write them into a table with PRIMARY KEY of connector "
            "sqlite, postgres or upsert-kafka, or into one with 'changelog' = 'append' and a "
            "'changelog.kind'",
            t->sink->relation.name);
    }
    t->marks = DROPPED;
    if (of->sink != &sli_sink_blackhole) {
        sli_script_warn(s, t->at,
                        "rows of this SELECT can go, which '%s' is not told: give its WITH "
                        "'changelog.kind' = 'a STRING column'",
                        t->sink->relation.name);
    }
    return SL_OK;
}

/// The stream with one row a key and epoch, and SLI_CHANGE.
static void settle(const sli_script *s, const target *t, sli_relation *rows, const char *uid)
{
    rows->stream = sli_stream_settle(rows->stream, rows->changes_by, SLI_CHANGE);
    sl_stream_uid(rows->stream, sl_arena_printf(s->arena, "%s.settled", uid));
    if (t->marks == DROPPED) {
        rows->stream = sl_stream_where(rows->stream, SLI_CHANGE " > 0");
        sl_stream_uid(rows->stream, sl_arena_printf(s->arena, "%s.left", uid));
    }
}

// ---------------------------------------------------------------- INSERT INTO

static sl_code find_sink(sli_script *s, sli_entry **out, sl_error *err)
{
    const char *name = NULL;
    size_t at = sli_script_token(s)->at;
    SL_TRY(sli_script_want_name(s, "the table that is written to", &name, err));
    sli_entry *entry = sli_catalog_find(s, name);
    if (entry == NULL) {
        const char *near = sli_script_near(s, name, sli_catalog_names(s, true));
        return sli_script_fail(s, at, err, "there is no table '%.100s'%s", name,
                               near[0] != '\0' ? near : ": CREATE TABLE comes first");
    }
    if (entry->is_view) {
        return sli_script_fail(s, at, err, "'%s' is a view: rows are written to a table", name);
    }
    const char *is_static = sli_with_value(entry, "static", NULL);
    if (is_static != NULL && strcmp(is_static, "true") == 0) {
        return sli_script_fail(s, at, err,
                               "'%s' is a static table, read when the job starts: it can't be "
                               "written to",
                               name);
    }
    entry->write = true;
    *out = entry;
    return SL_OK;
}

static sl_code refuse_select(const sli_script *s, sl_error *err)
{
    const sli_lexeme *token = sli_script_token(s);
    if (sli_lex_is(s->text.data, token, "VALUES")) {
        return sli_script_fail(s, token->at, err,
                               "a stream has no rows of its own: INSERT INTO ... SELECT ... FROM a "
                               "table");
    }
    if (sli_lex_is(s->text.data, token, "PARTITION") || sli_lex_is(s->text.data, token, "BY")) {
        return sli_script_fail(s, token->at, err,
                               "name the columns that the SELECT fills: INSERT INTO sink (a, b) "
                               "SELECT ...");
    }
    return SL_OK;
}

/// "insert-SINK", and with a number from the second INSERT into it on.
static sl_code uid_of(const sli_script *s, sli_entry *sink, const char **out, sl_error *err)
{
    sink->n_inserts++;
    *out = sink->n_inserts == 1
               ? sl_arena_printf(s->arena, "insert-%s", sink->relation.name)
               : sl_arena_printf(s->arena, "insert-%s-%d", sink->relation.name, sink->n_inserts);
    return *out == NULL ? sl_error_nomem(err, 64, "an INSERT") : SL_OK;
}

static sl_code check_count(const sli_script *s, const target *t, const sl_schema *given,
                           sl_error *err)
{
    int32_t n = sl_schema_columns(given);
    return n == t->n
               ? SL_OK
               : sli_script_fail(s, t->at, err,
                                 "the SELECT gives %d column%s, and '%s' takes %d%s: %s", n,
                                 n == 1 ? "" : "s", t->sink->relation.name, t->n,
                                 t->n < sl_schema_columns(t->sink->columns) ? " of these" : "",
                                 sl_schema_text(t->sink->columns));
}

static sl_code write_to(sli_script *s, target *t, sli_relation *rows, const char *uid,
                        sl_error *err)
{
    const char *key = NULL, *mode = NULL, *sink_key = NULL, *url = NULL;
    const sl_schema *given = sli_relation_schema(rows);
    if (rows->stream == NULL) {
        return sli_script_fail(s, t->at, err,
                               "nothing flows here: the SELECT reads static tables alone");
    }
    SL_TRY(check_count(s, t, given, err));
    if (rows->changes_by != NULL) {
        key = key_in_sink(s, t, given, rows->changes_by);
        SL_TRY(key == NULL ? sl_error_nomem(err, 64, "a key") : SL_OK);
    }
    SL_TRY(choose_mode(s, t, key, &mode, &sink_key, err));
    if (rows->seen != NULL) {
        SL_TRY(choose_marks(s, t, mode, sink_key, err));
        settle(s, t, rows, uid);
    }
    SL_TRY(sli_connector_sink(s, t->sink, mode, sink_key, t->marks == DELETES ? SLI_CHANGE : NULL,
                              &url, err));
    SL_TRY(fit(s, t, rows, uid, err));
    if (s->for_test) {
        int32_t n = t->sink->n_inserts; // each INSERT is collected apart
        url = n == 1 ? sl_arena_printf(s->arena, "collect:%s", t->sink->relation.name)
                     : sl_arena_printf(s->arena, "collect:%s.%d", t->sink->relation.name, n);
        SL_TRY(url == NULL ? sl_error_nomem(err, 64, "a URL") : SL_OK);
    }
    if (sli_program_takes(t->sink) && !s->for_test) {
        SL_TRY(sli_program_foreach(s, t->sink, rows->stream, err));
    } else {
        sl_stream_save(rows->stream, url);
    }
    sl_code rc = sl_graph_check(s->graph, err);
    return rc == SL_OK ? SL_OK : sli_script_wrap(s, t->at, rc, err);
}

sl_code sli_script_insert(sli_script *s, sl_error *err)
{
    sli_entry *sink = NULL;
    target t = {0};
    const char *select = NULL, *uid = NULL;
    sli_relation rows = {0};
    const sli_lexeme *token = sli_script_token(s);
    if (sli_lex_is(s->text.data, token, "OVERWRITE")) {
        return sli_script_fail(s, token->at, err,
                               "what was written stays: rows are replaced by PRIMARY KEY");
    }
    SL_TRY(sli_script_want_word(s, "INTO", err));
    SL_TRY(find_sink(s, &sink, err));
    SL_TRY(read_target(s, sink, &t, err));
    SL_TRY(refuse_select(s, err));
    SL_TRY(sli_script_select(s, &select, &t.at, err));
    SL_TRY(uid_of(s, sink, &uid, err));
    SL_TRY(sli_script_plan(s, select, t.at, uid, false, &rows, err));
    SL_TRY(write_to(s, &t, &rows, uid, err));
    s->n_inserts++;
    return SL_OK;
}
