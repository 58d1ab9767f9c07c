// CREATE TABLE and CREATE VIEW. The columns are DuckDB's to read; what is not a column (WATERMARK,
// PRIMARY KEY) is blanked out before, so that its places stay true.
#include "sql/connector.h"
#include "sql/script_int.h"
#include "sql/words.h"

#include "base/str.h"

#include <strings.h>

// ---------------------------------------------------------------- names of columns

int32_t sli_script_column(const sl_schema *columns, const char *name)
{
    for (int32_t i = 0; i < sl_schema_columns(columns); i++) {
        if (strcasecmp(sl_schema_field(columns, i)->name, name) == 0) {
            return i;
        }
    }
    return -1;
}

sl_code sli_script_no_column(const sli_script *s, const sli_entry *entry, const char *name,
                             size_t at, const char *before, sl_error *err)
{
    int32_t n = sl_schema_columns(entry->columns);
    const char **names = sl_arena_alloc_zero(s->arena, ((size_t)n + 1) * sizeof *names);
    if (names == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *names, "names");
    }
    for (int32_t i = 0; i < n; i++) {
        names[i] = sl_schema_field(entry->columns, i)->name;
    }
    return sli_script_fail(s, at, err, "%s'%s' has no column '%s'%s", before, entry->relation.name,
                           name, sli_script_near(s, name, (const char *const *)names));
}

// ---------------------------------------------------------------- WATERMARK

typedef struct unit {
    const char *name;
    int64_t us;
} unit;

static const unit units[] = {
    {"MICROSECOND", 1},   {"MILLISECOND", 1000}, {"SECOND", 1000000},    {"MINUTE", 60000000},
    {"HOUR", 3600000000}, {"DAY", 86400000000},  {"WEEK", 604800000000},
};

/// SECOND or SECONDS; 0: no such unit.
static int64_t unit_of(const char *text, size_t size)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t n = strlen(units[i].name);
        bool plural = size == n + 1 && (text[n] == 's' || text[n] == 'S');
        sli_lexeme word = {SLI_LEX_WORD, 0, n};
        if ((size == n || plural) && sli_lex_is(text, &word, units[i].name)) {
            return units[i].us;
        }
    }
    return 0;
}

/// "10" or "0.001" of a unit, exactly; false: it is no such number of microseconds.
static bool times(const char *number, size_t size, int64_t us, int64_t *out)
{
    int64_t value = 0, scale = us;
    bool point = false;
    for (size_t i = 0; i < size; i++) {
        if (number[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (number[i] < '0' || number[i] > '9' || (point && scale % 10 != 0)) {
            return false;
        }
        scale = point ? scale / 10 : scale;
        int64_t digit = (number[i] - '0') * scale;
        if (__builtin_mul_overflow(value, point ? 1 : 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    *out = value;
    return size > 0;
}

/// INTERVAL '10' SECOND, INTERVAL 10 SECOND, INTERVAL '10 seconds'.
static sl_code read_interval(sli_script *s, int64_t *out, sl_error *err)
{
    const char *number = NULL;
    SL_TRY(sli_script_want_word(s, "INTERVAL", err));
    const sli_lexeme *token = sli_script_token(s);
    if (token->kind != SLI_LEX_TEXT && token->kind != SLI_LEX_NUMBER) {
        return sli_script_fail(s, token->at, err, "a time is written INTERVAL '10' SECOND");
    }
    SL_TRY(sli_script_value(s, token, &number, err));
    s->at++;
    size_t size = strcspn(number, " ");
    const char *word = number + size + strspn(number + size, " ");
    size_t word_size = strlen(word);
    if (word_size == 0) {
        const sli_lexeme *next = sli_script_token(s);
        word = s->text.data + next->at;
        word_size = next->size;
        s->at += next->kind == SLI_LEX_WORD;
    }
    int64_t us = unit_of(word, word_size);
    if (us == 0) {
        return sli_script_fail(s, token->at, err,
                               "a time's unit is MICROSECOND, MILLISECOND, SECOND, MINUTE, HOUR, "
                               "DAY or WEEK, not '%.*s'",
                               word_size > 40 ? 40 : (int)word_size, word);
    }
    return times(number, size, us, out)
               ? SL_OK
               : sli_script_fail(s, token->at, err, "'%.40s' is no number of microseconds, from 0",
                                 number);
}

/// FOR ts AS ts [- INTERVAL ...]
static sl_code read_watermark(sli_script *s, sli_entry *entry, size_t at, sl_error *err)
{
    const char *again = NULL;
    int64_t us = 0;
    if (entry->time != NULL) {
        return sli_script_fail(s, at, err, "a table has one WATERMARK");
    }
    entry->time_at = at;
    SL_TRY(sli_script_want_word(s, "FOR", err));
    SL_TRY(sli_script_want_name(s, "the column of the event time", &entry->time, err));
    SL_TRY(sli_script_want_word(s, "AS", err));
    size_t again_at = sli_script_token(s)->at;
    SL_TRY(sli_script_want_name(s, "the same column", &again, err));
    if (strcmp(again, entry->time) != 0) {
        return sli_script_fail(s, again_at, err,
                               "a watermark is WATERMARK FOR %s AS %s - INTERVAL '10' SECOND: the "
                               "same column, less a time",
                               entry->time, entry->time);
    }
    if (sli_script_mark(s, "-")) {
        SL_TRY(read_interval(s, &us, err));
    }
    entry->delay = sl_arena_strdup(s->arena, sli_duration_of(us).text);
    return entry->delay == NULL ? sl_error_nomem(err, 24, "a watermark") : SL_OK;
}

// ---------------------------------------------------------------- PRIMARY KEY

static sl_code read_key(sli_script *s, sli_entry *entry, size_t at, sl_error *err)
{
    sli_str names = {.tag = SLI_TAG_SQL};
    const char *name = NULL;
    if (entry->key != NULL) {
        return sli_script_fail(s, at, err, "a table has one PRIMARY KEY");
    }
    SL_TRY(sli_script_want_word(s, "KEY", err));
    SL_TRY(sli_script_want_mark(s, "(", err));
    sl_code rc = SL_OK;
    do {
        rc = sli_script_want_name(s, "a column of the key", &name, err);
        if (rc == SL_OK) {
            sli_str_printf(&names, "%s%s", names.size == 0 ? "" : ", ", name);
        }
    } while (rc == SL_OK && sli_script_mark(s, ","));
    rc = rc == SL_OK ? sli_script_want_mark(s, ")", err) : rc;
    rc = rc == SL_OK ? sli_str_check(&names, "a key", err) : rc;
    entry->key = rc == SL_OK ? sl_arena_strdup(s->arena, names.data) : NULL;
    entry->key_at = at;
    sli_str_reset(&names);
    SL_TRY(rc);
    if (sli_script_word(s, "NOT")) {
        SL_TRY(sli_script_want_word(s, "ENFORCED", err));
    }
    return entry->key == NULL ? sl_error_nomem(err, 64, "a key") : SL_OK;
}

// ---------------------------------------------------------------- the list in brackets

/// The end of the element that begins here: the token of its ',' or of the closing bracket.
static sl_code pass_element(sli_script *s, sl_error *err)
{
    size_t from = sli_script_token(s)->at;
    for (int32_t depth = 0;; s->at++) {
        const sli_lexeme *token = sli_script_token(s);
        bool closes = sli_lex_is_mark(s->text.data, token, ")");
        if (depth == 0 && (closes || sli_lex_is_mark(s->text.data, token, ","))) {
            return SL_OK;
        }
        if (sli_script_ends(s)) {
            return sli_script_fail(s, from, err, "the list of columns is never closed by ')'");
        }
        depth += sli_lex_is_mark(s->text.data, token, "(") ? 1 : closes ? -1 : 0;
    }
}

static sl_code refuse_column(const sli_script *s, const sli_lexeme *first, sl_error *err)
{
    static const char *const constraints[] = {"UNIQUE", "CHECK", "FOREIGN", "LIKE", "PERIOD"};
    for (size_t i = 0; i < sizeof constraints / sizeof constraints[0]; i++) {
        if (sli_lex_is(s->text.data, first, constraints[i]) && first[1].kind != SLI_LEX_WORD) {
            return sli_script_fail(s, first->at, err,
                                   "%s has no meaning for a stream: leave it out", constraints[i]);
        }
    }
    if (sli_lex_is(s->text.data, &first[1], "AS")) {
        return sli_script_fail(s, first->at, err,
                               "a column of a table is what its source gives: compute '%s' in a "
                               "view, or in the SELECT",
                               sli_script_show(s, first));
    }
    return SL_OK;
}

/// NAME TYPE ... METADATA: Flink's word for what lies beside a message's value.
static sl_code refuse_metadata(const sli_script *s, int32_t from, sl_error *err)
{
    for (int32_t i = from; i < s->at; i++) {
        if (sli_lex_is(s->text.data, &s->tokens[i], "METADATA")) {
            return sli_script_fail(s, s->tokens[i].at, err,
                                   "METADATA: name what is wanted in WITH, 'columns' = "
                                   "'timestamp, key', and declare those columns first");
        }
        if (sli_lex_is(s->text.data, &s->tokens[i], "PRIMARY")) {
            return sli_script_fail(s, s->tokens[i].at, err,
                                   "write the key behind the columns: PRIMARY KEY (%s) NOT "
                                   "ENFORCED",
                                   sli_script_show(s, &s->tokens[from]));
        }
    }
    return SL_OK;
}

/// One element. *is_column: it stays in the text for DuckDB.
static sl_code read_element(sli_script *s, sli_entry *entry, bool *is_column, sl_error *err)
{
    const sli_lexeme *first = sli_script_token(s);
    int32_t from = s->at;
    *is_column = false;
    bool lacks_for = sli_lex_is(s->text.data, &first[2], "AS") && first[1].kind == SLI_LEX_WORD;
    if (sli_lex_is(s->text.data, first, "WATERMARK") && lacks_for) {
        return sli_script_fail(s, first[1].at, err,
                               "a watermark is WATERMARK FOR %s AS %s - INTERVAL '10' SECOND: FOR "
                               "is missing",
                               sli_script_show(s, &first[1]), sli_script_show(s, &first[1]));
    }
    if (sli_lex_is(s->text.data, &first[1], "FOR") && sli_script_word(s, "WATERMARK")) {
        return read_watermark(s, entry, first->at, err);
    }
    if (sli_lex_is(s->text.data, first, "CONSTRAINT") && s->at + 2 < s->n_tokens) {
        s->at += 2;
    }
    if (sli_lex_is(s->text.data, sli_script_token(s) + 1, "KEY") && sli_script_word(s, "PRIMARY")) {
        return read_key(s, entry, first->at, err);
    }
    SL_TRY(refuse_column(s, first, err));
    *is_column = true;
    SL_TRY(pass_element(s, err));
    return refuse_metadata(s, from, err);
}

/// BYTES is BYTEA to DuckDB; the other types words.c knows.
static sl_code rewrite_types(const sli_script *s, char *text, int32_t from, sl_error *err)
{
    size_t where = 0, base = s->tokens[from].at;
    for (int32_t i = from; i < s->at; i++) {
        const sli_lexeme *token = &s->tokens[i];
        if (i > from && sli_lex_is(s->text.data, token, "BYTES")) {
            memcpy(text + (token->at - base), "BYTEA", 5);
        }
        if (sli_lex_is_mark(s->text.data, token + 1, "<") &&
            (sli_lex_is(s->text.data, token, "ARRAY") || sli_lex_is(s->text.data, token, "ROW"))) {
            return sli_script_fail(s, token->at, err,
                                   "a list is written INTEGER[], a row ROW(a INTEGER, b VARCHAR)");
        }
        if (sli_lex_is(s->text.data, token, "MAP") &&
            sli_lex_is_mark(s->text.data, token + 1, "<")) {
            return sli_script_fail(s, token->at, err,
                                   "Sluice has no MAP: declare ROW(a INTEGER, b VARCHAR) where the "
                                   "keys are known, or a list of ROW(key VARCHAR, value VARCHAR)");
        }
    }
    sl_code rc = sli_words_rewrite(s->text.data, s->tokens + from, s->at - from, text, &where, err);
    return rc == SL_OK ? SL_OK : sli_script_wrap(s, where, rc, err);
}

/// A column of the text, and what separates it from those before it.
static sl_code keep_element(const sli_script *s, char *columns, size_t body, int32_t from,
                            bool first, sl_error *err)
{
    size_t at = s->tokens[from].at, end = s->tokens[s->at - 1].at + s->tokens[s->at - 1].size;
    memcpy(columns + (at - body), s->text.data + at, end - at);
    if (!first) {
        columns[s->tokens[from - 1].at - body] = ',';
    }
    return rewrite_types(s, columns + (at - body), from, err);
}

/// The list: `columns` gets those of its elements that are columns, in their places, and blanks.
static sl_code read_elements(sli_script *s, sli_entry *entry, char *columns, size_t body,
                             sl_error *err)
{
    int32_t n_columns = 0;
    do {
        bool is_column = false;
        int32_t from = s->at;
        SL_TRY(read_element(s, entry, &is_column, err));
        if (is_column) {
            if (s->at == from) {
                return sli_script_fail(s, sli_script_token(s)->at, err,
                                       "a column is expected here: NAME TYPE");
            }
            SL_TRY(keep_element(s, columns, body, from, n_columns++ == 0, err));
        }
    } while (sli_script_mark(s, ","));
    const sli_lexeme *close = sli_script_token(s);
    SL_TRY(sli_script_want_mark(s, ")", err));
    return n_columns > 0 ? SL_OK
                         : sli_script_fail(s, close->at, err, "a table needs columns: NAME TYPE");
}

/// What DuckDB takes the columns for.
static sl_code declare(sli_script *s, sli_entry *entry, const char *columns, size_t body,
                       sl_error *err)
{
    sli_db_where where = {-1};
    sl_schema *schema = NULL;
    SL_TRY(sli_script_engine(s, err));
    sl_code rc = sli_dbs_columns(sli_sql_dbs(s->sql), columns, &schema, &where, err);
    if (rc == SL_E_UNSUPPORTED) { // a type that rows can't have: the script's mistake
        rc = SL_E_INVALID;
        err->code = rc;
    }
    if (rc != SL_OK) {
        return sli_script_wrap(s, body + (where.at > 0 ? (size_t)where.at : 0), rc, err);
    }
    entry->columns = schema;
    return SL_OK;
}

sl_code sli_script_columns(sli_script *s, sli_entry *entry, sl_error *err)
{
    SL_TRY(sli_script_want_mark(s, "(", err));
    size_t body = sli_script_token(s)->at, size = s->text.size - body;
    char *columns = sl_alloc(SLI_TAG_SQL, size + 1);
    if (columns == NULL) {
        return sl_error_nomem(err, size, "the columns of a table");
    }
    memset(columns, ' ', size);
    sl_code rc = read_elements(s, entry, columns, body, err);
    if (rc == SL_OK) {
        columns[s->tokens[s->at - 1].at - body] = '\0';
        rc = declare(s, entry, columns, body, err);
    }
    sl_free(columns);
    return rc;
}

// ---------------------------------------------------------------- WITH

static sl_code read_option(sli_script *s, sli_with *out, sl_error *err)
{
    const sli_lexeme *key = sli_script_token(s);
    while (!sli_script_ends(s) && !sli_lex_is_mark(s->text.data, sli_script_token(s), "=") &&
           !sli_lex_is_mark(s->text.data, sli_script_token(s), ",")) {
        s->at++;
    }
    const sli_lexeme *last = &s->tokens[s->at - 1];
    if (last < key || !sli_lex_is_mark(s->text.data, sli_script_token(s), "=")) {
        return sli_script_fail(s, key->at, err, "an option is written 'name' = 'value'");
    }
    sli_lexeme whole = *key;
    if (key->kind == SLI_LEX_WORD) {
        whole.size = last->at + last->size - key->at;
    }
    s->at++;
    const sli_lexeme *value = sli_script_token(s);
    bool is_value =
        value->kind == SLI_LEX_TEXT || value->kind == SLI_LEX_NUMBER || value->kind == SLI_LEX_WORD;
    if (!is_value) {
        return sli_script_fail(s, value->at, err, "the option's value is expected here, in quotes");
    }
    s->at++;
    *out = (sli_with){.key_at = key->at, .value_at = value->at};
    SL_TRY(sli_script_value(s, &whole, &out->key, err));
    return sli_script_value(s, value, &out->value, err);
}

static sl_code check_twice(const sli_script *s, const sli_entry *entry, const sli_with *option,
                           sl_error *err)
{
    for (int32_t i = 0; i < entry->n_with; i++) {
        if (strcmp(entry->with[i].key, option->key) == 0) {
            return sli_script_fail(s, option->key_at, err, "option '%s' is given twice",
                                   option->key);
        }
    }
    return SL_OK;
}

sl_code sli_script_with(sli_script *s, sli_entry *entry, sl_error *err)
{
    entry->with_at = sli_script_token(s)->at;
    SL_TRY(sli_script_want_word(s, "WITH", err));
    SL_TRY(sli_script_want_mark(s, "(", err));
    entry->with = sl_arena_alloc(s->arena, SLI_SCRIPT_MAX_OPTIONS * sizeof *entry->with);
    if (entry->with == NULL) {
        return sl_error_nomem(err, SLI_SCRIPT_MAX_OPTIONS * sizeof *entry->with, "options");
    }
    do {
        sli_with option = {0};
        SL_TRY(read_option(s, &option, err));
        SL_TRY(check_twice(s, entry, &option, err));
        if (entry->n_with == SLI_SCRIPT_MAX_OPTIONS) {
            return sli_script_fail(s, option.key_at, err, "a table has at most %d options",
                                   SLI_SCRIPT_MAX_OPTIONS);
        }
        entry->with[entry->n_with++] = option;
    } while (sli_script_mark(s, ","));
    const sli_lexeme *next = sli_script_token(s);
    if (next->kind == SLI_LEX_TEXT) {
        return sli_script_fail(s, next->at, err, "a comma is missing before option %s",
                               sli_script_show(s, next));
    }
    return sli_script_want_mark(s, ")", err);
}

// ---------------------------------------------------------------- CREATE TABLE

static sl_code check_time(const sli_script *s, sli_entry *entry, sl_error *err)
{
    int32_t column = entry->time == NULL ? -1 : sli_script_column(entry->columns, entry->time);
    if (entry->time == NULL) {
        return SL_OK;
    }
    if (column < 0) {
        return sli_script_no_column(s, entry, entry->time, entry->time_at, "WATERMARK: ", err);
    }
    entry->time = sl_schema_field(entry->columns, column)->name; // as the rows have it
    return sl_schema_field(entry->columns, column)->type == SL_TIMESTAMP
               ? SL_OK
               : sli_script_fail(s, entry->time_at, err,
                                 "WATERMARK: column '%s' must be a TIMESTAMP, and is %s",
                                 entry->time, sli_field_type(s->arena, entry->columns, column));
}

static sl_code check_key(const sli_script *s, const sli_entry *entry, sl_error *err)
{
    for (const char *at = entry->key; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, ",");
        char *name = sl_arena_printf(s->arena, "%.*s", (int)size, at);
        if (name == NULL) {
            return sl_error_nomem(err, size, "a key");
        }
        if (sl_schema_find(entry->columns, name) < 0) {
            return sli_script_no_column(s, entry, name, entry->key_at, "PRIMARY KEY: ", err);
        }
        at += size + strspn(at + size, ", ");
    }
    return SL_OK;
}

/// IF NOT EXISTS is taken and changes nothing: a script defines each name once.
static sl_code pass_if_not_exists(sli_script *s, sl_error *err)
{
    if (sli_script_word(s, "IF")) {
        SL_TRY(sli_script_want_word(s, "NOT", err));
        SL_TRY(sli_script_want_word(s, "EXISTS", err));
    }
    return SL_OK;
}

static sl_code create_table(sli_script *s, sl_error *err)
{
    const char *name = NULL;
    sli_entry *entry = NULL;
    SL_TRY(pass_if_not_exists(s, err));
    size_t at = sli_script_token(s)->at;
    SL_TRY(sli_script_want_name(s, "the table", &name, err));
    SL_TRY(sli_catalog_add(s, name, at, &entry, err));
    SL_TRY(sli_script_columns(s, entry, err));
    SL_TRY(check_time(s, entry, err));
    SL_TRY(check_key(s, entry, err));
    if (sli_script_word(s, "COMMENT")) {
        s->at += sli_script_token(s)->kind == SLI_LEX_TEXT;
    }
    const sli_lexeme *next = sli_script_token(s);
    if (sli_lex_is(s->text.data, next, "AS") || sli_lex_is(s->text.data, next, "LIKE") ||
        sli_lex_is(s->text.data, next, "PARTITIONED")) {
        return sli_script_fail(s, next->at, err,
                               "CREATE TABLE is NAME (columns) WITH (options); %s is not known",
                               sli_script_show(s, next));
    }
    if (sli_script_ends(s)) {
        return sli_script_fail(s, at, err,
                               "table '%s' needs WITH ('connector' = '...', ...): where its rows "
                               "come from or go",
                               name);
    }
    SL_TRY(sli_script_with(s, entry, err));
    return sli_connector_check(s, entry, err);
}

// ---------------------------------------------------------------- CREATE VIEW

static sl_code create_view(sli_script *s, sl_error *err)
{
    const char *name = NULL, *select = NULL;
    size_t from = 0, at = 0;
    sli_entry *entry = NULL;
    sli_relation made = {0};
    SL_TRY(pass_if_not_exists(s, err));
    at = sli_script_token(s)->at;
    SL_TRY(sli_script_want_name(s, "the view", &name, err));
    const sli_lexeme *next = sli_script_token(s);
    if (sli_lex_is_mark(s->text.data, next, "(")) {
        return sli_script_fail(s, next->at, err,
                               "name the columns of a view in its SELECT: expression AS name");
    }
    SL_TRY(sli_script_want_word(s, "AS", err));
    SL_TRY(sli_catalog_add(s, name, at, &entry, err));
    entry->is_view = true;
    SL_TRY(sli_script_select(s, &select, &from, err));
    SL_TRY(sli_script_plan(s, select, from, name, true, &made, err));
    made.name = name;
    entry->relation = made;
    entry->made = true;
    return SL_OK;
}

static sl_code refuse_create(sli_script *s, sl_error *err)
{
    static const char *const known[] = {"TABLE", "VIEW", "MODEL", "TEMPORARY", NULL};
    const sli_lexeme *token = sli_script_token(s);
    const char *shown = sli_script_show(s, token);
    if (sli_lex_is(s->text.data, token, "OR")) {
        return sli_script_fail(s, token->at, err,
                               "a script defines each name once: write CREATE without OR REPLACE");
    }
    if (sli_lex_is(s->text.data, token, "FUNCTION")) {
        return sli_script_fail(s, token->at, err,
                               "functions come from a job in C: sl_sql_function");
    }
    return sli_script_fail(s, token->at, err, "CREATE makes a TABLE, a VIEW or a MODEL, not '%s'%s",
                           shown, sli_script_near(s, shown, known));
}

sl_code sli_script_create(sli_script *s, sl_error *err)
{
    if (!sli_script_word(s, "TEMPORARY")) {
        (void)sli_script_word(s, "TEMP");
    }
    if (sli_script_word(s, "TABLE")) {
        return create_table(s, err);
    }
    if (sli_script_word(s, "MODEL")) {
        SL_TRY(pass_if_not_exists(s, err));
        return sli_script_create_model(s, err);
    }
    return sli_script_word(s, "VIEW") ? create_view(s, err) : refuse_create(s, err);
}
