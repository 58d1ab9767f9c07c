// A script: its statements, one after the other. What FROM may name is made by CREATE, what runs by
// INSERT INTO; SET makes settings of the job. All is definition: the graph that comes out is run as
// any other.
#include "sql/script_int.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- telling

sli_place sli_script_place(const sli_script *s, size_t from)
{
    return (sli_place){.name = s->name, .text = s->text.data, .from = from, .origins = &s->origins};
}

sl_code sli_script_wrap(const sli_script *s, size_t at, sl_code rc, sl_error *err)
{
    sli_place place = sli_script_place(s, at);
    return sli_place_wrap(&place, -1, rc, err);
}

sl_code sli_script_fail(const sli_script *s, size_t at, sl_error *err, const char *format, ...)
{
    char text[SL_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return sli_script_wrap(s, at, sl_error_set(err, SL_E_INVALID, "%s", text), err);
}

void sli_script_warn(const sli_script *s, size_t at, const char *format, ...)
{
    sl_error warning = SL_ERROR_INIT;
    char text[SL_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)sli_script_wrap(s, at, sl_error_set(&warning, SL_E_INVALID, "%s", text), &warning);
    sli_graph_warn(s->graph, warning.text);
}

const char *sli_script_show(const sli_script *s, const sli_lexeme *token)
{
    if (token->kind == SLI_LEX_END) {
        return "the end of the script";
    }
    char *shown = sl_arena_printf(s->arena, "%.*s%s", token->size > 40 ? 40 : (int)token->size,
                                  s->text.data + token->at, token->size > 40 ? "..." : "");
    return shown == NULL ? "" : shown;
}

const char *sli_script_near(const sli_script *s, const char *word, const char *const *list)
{
    const char *near = sli_nearest(word, list);
    char *text = near == NULL ? NULL : sl_arena_printf(s->arena, "; did you mean '%s'?", near);
    return text == NULL ? "" : text;
}

// ---------------------------------------------------------------- tokens

const sli_lexeme *sli_script_token(const sli_script *s)
{
    return &s->tokens[s->at];
}

bool sli_script_word(sli_script *s, const char *word)
{
    bool is = sli_lex_is(s->text.data, &s->tokens[s->at], word);
    s->at += is;
    return is;
}

bool sli_script_mark(sli_script *s, const char *mark)
{
    bool is = sli_lex_is_mark(s->text.data, &s->tokens[s->at], mark);
    s->at += is;
    return is;
}

sl_code sli_script_want_word(sli_script *s, const char *word, sl_error *err)
{
    const sli_lexeme *token = sli_script_token(s);
    return sli_script_word(s, word)
               ? SL_OK
               : sli_script_fail(s, token->at, err, "%s is expected here, not '%s'", word,
                                 sli_script_show(s, token));
}

sl_code sli_script_want_mark(sli_script *s, const char *mark, sl_error *err)
{
    const sli_lexeme *token = sli_script_token(s);
    return sli_script_mark(s, mark)
               ? SL_OK
               : sli_script_fail(s, token->at, err, "'%s' is expected here, not '%s'", mark,
                                 sli_script_show(s, token));
}

sl_code sli_script_value(const sli_script *s, const sli_lexeme *token, const char **out,
                         sl_error *err)
{
    char *value = sl_arena_alloc(s->arena, token->size + 1);
    if (value == NULL) {
        return sl_error_nomem(err, token->size, "a script");
    }
    sl_code rc = sli_lex_value(s->text.data, token, value, err);
    *out = value;
    return rc == SL_OK ? SL_OK : sli_script_wrap(s, token->at, rc, err);
}

sl_code sli_script_want_name(sli_script *s, const char *what, const char **out, sl_error *err)
{
    const sli_lexeme *token = sli_script_token(s);
    if (token->kind != SLI_LEX_WORD && token->kind != SLI_LEX_NAME) {
        return sli_script_fail(s, token->at, err, "the name of %s is expected here, not '%s'", what,
                               sli_script_show(s, token));
    }
    s->at++;
    return sli_script_value(s, token, out, err);
}

bool sli_script_ends(const sli_script *s)
{
    const sli_lexeme *token = sli_script_token(s);
    return token->kind == SLI_LEX_END || sli_lex_is_mark(s->text.data, token, ";");
}

// ---------------------------------------------------------------- SET

/// interval, sql.x, 'sql.x': everything up to '='.
static sl_code set_name(sli_script *s, const char **out, sl_error *err)
{
    const sli_lexeme *first = sli_script_token(s);
    if (first->kind == SLI_LEX_TEXT || first->kind == SLI_LEX_NAME) {
        s->at++;
        return sli_script_value(s, first, out, err);
    }
    while (!sli_script_ends(s) && !sli_lex_is_mark(s->text.data, sli_script_token(s), "=")) {
        s->at++;
    }
    const sli_lexeme *last = &s->tokens[s->at - 1];
    if (first->kind != SLI_LEX_WORD || last < first) {
        return sli_script_fail(s, first->at, err, "SET is written SET option = 'value'");
    }
    sli_lexeme whole = {SLI_LEX_WORD, first->at, last->at + last->size - first->at};
    return sli_script_value(s, &whole, out, err);
}

static sl_code run_set(sli_script *s, sl_error *err)
{
    const char *name = NULL, *value = NULL;
    const sli_lexeme *first = sli_script_token(s);
    SL_TRY(set_name(s, &name, err));
    SL_TRY(sli_script_want_mark(s, "=", err));
    const sli_lexeme *token = sli_script_token(s);
    if (sli_script_ends(s) || token->kind == SLI_LEX_MARK) {
        return sli_script_fail(s, token->at, err,
                               "the value of %s is expected here: SET %s = 'value'", name, name);
    }
    s->at++;
    SL_TRY(sli_script_value(s, token, &value, err));
    sl_code rc = sli_graph_try_setting(s->graph, name, value, err);
    if (rc != SL_OK) {
        return sli_script_wrap(s, first->at, rc, err);
    }
    sl_graph_set(s->graph, name, value);
    return SL_OK;
}

// ---------------------------------------------------------------- statements

/// EXECUTE STATEMENT SET BEGIN, BEGIN STATEMENT SET; ... END: all INSERTs of a script are one job
/// in any case, so the words only have to be balanced.
static sl_code begin_set(sli_script *s, size_t at, bool is_execute, sl_error *err)
{
    SL_TRY(sli_script_want_word(s, "STATEMENT", err));
    SL_TRY(sli_script_want_word(s, "SET", err));
    if (s->in_set) {
        return sli_script_fail(s, at, err, "a statement set is open already: END closes it");
    }
    s->in_set = true;
    return is_execute ? sli_script_want_word(s, "BEGIN", err) : sli_script_want_mark(s, ";", err);
}

static sl_code end_set(sli_script *s, size_t at, sl_error *err)
{
    if (!s->in_set) {
        return sli_script_fail(s, at, err, "there is no statement set to end");
    }
    s->in_set = false;
    return SL_OK;
}

typedef struct refusal {
    const char *word, *why;
} refusal;

static const refusal refusals[] = {
    {"SELECT", "a SELECT of a script must go somewhere: INSERT INTO sink SELECT ..., or CREATE "
               "VIEW name AS SELECT ..."},
    {"WITH", "a SELECT of a script must go somewhere: INSERT INTO sink WITH ..."},
    {"EXPLAIN", "'sluice validate' shows what a script becomes"},
    {"DROP", "a script defines one job, nothing in it is taken back: leave out what it does not "
             "need"},
    {"ALTER", "a script defines one job: change the CREATE statement"},
    {"USE", "a script has no catalogs and databases"},
    {"SHOW", "'sluice validate' shows what a script becomes"},
    {"DESCRIBE", "'sluice validate' shows what a script becomes"},
    {"ADD", "functions come from a job in C: sl_sql_function"},
    {"RESET", "leave out the SET"},
    {"UPDATE", "rows are replaced by key: INSERT INTO a table with PRIMARY KEY"},
    {"DELETE", "rows of a stream are not taken back; a WHERE in the SELECT leaves them out"},
    {"ANALYZE", "nothing here needs statistics"},
};

static sl_code refuse(sli_script *s, const sli_lexeme *token, sl_error *err)
{
    static const char *const known[] = {"CREATE", "INSERT", "SET",    "EXECUTE",
                                        "BEGIN",  "END",    "SELECT", NULL};
    const char *shown = sli_script_show(s, token);
    if (s->typed != NULL && sli_lex_is(s->text.data, token, "DROP")) {
        return sli_script_fail(s, token->at, err, "DROP: '.drop NAME' takes back what was typed");
    }
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        if (sli_lex_is(s->text.data, token, refusals[i].word)) {
            return sli_script_fail(s, token->at, err, "%s: %s", refusals[i].word, refusals[i].why);
        }
    }
    char word[41] = "";
    for (size_t i = 0; i < sizeof word - 1 && shown[i] != '\0'; i++) {
        word[i] = (char)(shown[i] >= 'a' && shown[i] <= 'z' ? shown[i] - 'a' + 'A' : shown[i]);
    }
    return sli_script_fail(s, token->at, err,
                           "a statement begins with CREATE TABLE, CREATE VIEW, INSERT INTO%s SET, "
                           "not with '%s'%s",
                           s->typed == NULL ? " or" : ", SELECT or", shown,
                           sli_script_near(s, word, known));
}

static sl_code run_statement(sli_script *s, sl_error *err)
{
    const sli_lexeme *first = sli_script_token(s);
    if (sli_script_word(s, "INSERT")) {
        return sli_script_insert(s, err);
    }
    if (sli_script_word(s, "END")) {
        return end_set(s, first->at, err);
    }
    if (s->in_set) {
        return sli_script_fail(s, first->at, err,
                               "a statement set holds INSERT INTO alone; END closes it");
    }
    if (sli_script_word(s, "CREATE")) {
        return sli_script_create(s, err);
    }
    if (sli_script_word(s, "SET")) {
        return run_set(s, err);
    }
    if (sli_script_word(s, "EXECUTE")) {
        return begin_set(s, first->at, true, err);
    }
    if (sli_script_word(s, "BEGIN")) {
        return begin_set(s, first->at, false, err);
    }
    if (s->typed != NULL && sli_sql_is_select(s->text.data, first)) {
        return sli_script_typed(s, err);
    }
    return refuse(s, first, err);
}

/// What a call of the statement made stick in the graph is the statement's mistake.
static sl_code run_placed(sli_script *s, sl_error *err)
{
    size_t at = sli_script_token(s)->at;
    SL_TRY(run_statement(s, err));
    sl_code rc = sl_graph_check(s->graph, err);
    return rc == SL_OK ? SL_OK : sli_script_wrap(s, at, rc, err);
}

static sl_code run_statements(sli_script *s, sl_error *err)
{
    while (sli_script_token(s)->kind != SLI_LEX_END) {
        if (sli_script_mark(s, ";")) {
            continue;
        }
        bool was_in_set = s->in_set;
        SL_TRY(run_placed(s, err));
        bool opened = s->in_set && !was_in_set; // BEGIN needs no ';'
        if (!opened && !sli_script_ends(s)) {
            const sli_lexeme *token = sli_script_token(s);
            return sli_script_fail(s, token->at, err, "';' is expected here, not '%s'",
                                   sli_script_show(s, token));
        }
    }
    size_t end = sli_script_token(s)->at;
    if (s->in_set) {
        return sli_script_fail(s, end, err, "the statement set is not closed: END is missing");
    }
    if (s->typed != NULL) {
        return SL_OK;
    }
    if (s->n_inserts == 0) {
        return sli_script_fail(s, end, err,
                               "the script has no INSERT INTO, so nothing to run: end it with "
                               "INSERT INTO sink SELECT ...");
    }
    sli_catalog_warn_unused(s);
    return SL_OK;
}

// ---------------------------------------------------------------- reading

/// What variables are looked up in.
typedef struct variables {
    const char *const *pairs;
    sl_env *env;
} lookup;

static const char *variable(void *ctx, const char *name)
{
    const lookup *v = ctx;
    const char *found = NULL;
    for (int32_t i = 0; v->pairs != NULL && v->pairs[i] != NULL && v->pairs[i + 1] != NULL;
         i += 2) {
        if (strcmp(v->pairs[i], name) == 0) {
            found = v->pairs[i + 1]; // the last one, as on a command line
        }
    }
    return found != NULL || v->env == NULL ? found : sli_env_variable(v->env, name);
}

/// A place of the text before its variables are replaced.
static sli_place as_written(const sli_script *s, const char *text, size_t at)
{
    return (sli_place){.name = s->name, .text = text, .from = at, .origins = &s->written};
}

static sl_code check_text(const sli_script *s, const char *text, sl_error *err)
{
    size_t size = strlen(text), valid = sli_utf8_check(text, size);
    if (size > SLI_SQL_MAX_TEXT) {
        return sl_error_set(err, SL_E_INVALID, "%s: a script of %zu bytes; at most %d are allowed",
                            s->name, size, SLI_SQL_MAX_TEXT);
    }
    if (valid != size) {
        sli_place place = as_written(s, text, valid);
        return sli_place_wrap(&place, -1, sl_error_set(err, SL_E_INVALID, "not UTF-8"), err);
    }
    return SL_OK;
}

static sl_code replace_variables(sli_script *s, const char *text, const char *const *pairs,
                                 sl_error *err)
{
    lookup v = {pairs, sli_graph_env(s->graph)};
    size_t where = 0;
    sl_code rc =
        sli_vars_replace(text, strlen(text), variable, &v, &s->text, &s->origins, &where, err);
    if (rc != SL_OK) {
        sli_place place = as_written(s, text, where);
        return sli_place_wrap(&place, -1, rc, err);
    }
    sli_str_reserve(&s->text, 1);
    SL_TRY(sli_str_check(&s->text, "a script", err));
    return s->text.size <= SLI_SQL_MAX_TEXT
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID,
                              "%s: with its variables the script has %zu bytes; at most %d are "
                              "allowed",
                              s->name, s->text.size, SLI_SQL_MAX_TEXT);
}

static sl_code read_tokens(sli_script *s, sl_error *err)
{
    int32_t capacity = 0;
    const char *text = s->text.data == NULL ? "" : s->text.data;
    for (size_t at = 0;;) {
        sli_lexeme token;
        size_t where = 0;
        sl_code rc = sli_lex_next(text, s->text.size, &at, &token, &where, err);
        if (rc != SL_OK) {
            return sli_script_wrap(s, where, rc, err);
        }
        if (s->n_tokens == capacity) {
            capacity = capacity == 0 ? 256 : capacity * 2;
            sli_lexeme *grown =
                sl_realloc(SLI_TAG_SQL, s->tokens, (size_t)capacity * sizeof *grown);
            if (grown == NULL) {
                return sl_error_nomem(err, (size_t)capacity * sizeof *grown, "a script");
            }
            s->tokens = grown;
        }
        s->tokens[s->n_tokens++] = token;
        if (token.kind == SLI_LEX_END) {
            return SL_OK;
        }
    }
}

sl_code sli_script_engine(sli_script *s, sl_error *err)
{
    return s->sql != NULL ? SL_OK : sli_sql_of(s->graph, &s->sql, err);
}

// ---------------------------------------------------------------- the whole

static void script_free(void *thing)
{
    sli_script *s = thing;
    for (int32_t i = 0; i < s->n_entries; i++) {
        sl_schema_unref(s->entries[i]->columns);
    }
    sli_origins_reset(&s->origins);
    sli_str_reset(&s->text);
    sl_free(s->tokens);
    sl_arena_free(s->arena);
    sl_free(s);
}

/// The script lives as long as the graph: relations of its names do.
sl_code sli_script_new(sli_script **out, sl_graph *graph, const char *name, sl_error *err)
{
    sli_script *s = sl_alloc_zero(SLI_TAG_SQL, sizeof *s);
    if (s == NULL) {
        return sl_error_nomem(err, sizeof *s, "a script");
    }
    s->graph = graph;
    s->arena = sl_arena_new(SLI_TAG_SQL);
    s->name = s->arena == NULL ? NULL : sl_arena_strdup(s->arena, name == NULL ? "script" : name);
    s->for_test = sli_graph_owned(graph, "sql.test") != NULL;
    if (s->name == NULL) {
        script_free(s);
        return sl_error_nomem(err, 4096, "a script");
    }
    SL_TRY(sli_graph_own(graph, "sql.script", s, script_free, err));
    *out = s;
    return SL_OK;
}

sl_code sli_script_run(sli_script *s, const char *text, const char *const *pairs, sl_error *err)
{
    static const char mark[] = "\xef\xbb\xbf"; // of UTF-8, which some editors put before a text
    text += strncmp(text, mark, sizeof mark - 1) == 0 ? sizeof mark - 1 : 0;
    s->origins.text = s->written.text = sl_arena_strdup(s->arena, text);
    if (s->origins.text == NULL) {
        return sl_error_nomem(err, strlen(text), "a script");
    }
    s->written.pieces = s->origins.pieces;
    s->written.n_pieces = s->origins.n_pieces;
    SL_TRY(check_text(s, text, err));
    SL_TRY(replace_variables(s, text, pairs, err));
    SL_TRY(read_tokens(s, err));
    return run_statements(s, err);
}

static sl_code run_script(sl_graph *graph, const char *name, const char *text,
                          const char *const *pairs, sl_error *err)
{
    sli_script *s = NULL;
    if (text == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the script is NULL");
    }
    SL_TRY(sli_script_new(&s, graph, name, err));
    return sli_script_run(s, text, pairs, err);
}

void sl_sql_script(sl_graph *graph, const char *name, const char *script,
                   const char *const *variables)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = run_script(graph, name, script, variables, &err);
    if (rc != SL_OK) {
        sli_graph_stick(graph, rc, &err);
        sli_graph_restick(graph, &err); // what stuck already was this, without its place
    }
}

static void free_nothing(void *thing)
{
    (void)thing;
}

void sl_sql_for_test(sl_graph *graph)
{
    static char mark;
    sl_error err = SL_ERROR_INIT;
    if (sli_graph_is_open(graph)) {
        sl_code rc = sli_graph_own(graph, "sql.test", &mark, free_nothing, &err);
        if (rc != SL_OK) {
            sli_graph_stick(graph, rc, &err);
        }
    }
}
