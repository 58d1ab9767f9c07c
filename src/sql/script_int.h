/// script_int.h — what the files of a script share: its tokens, its names, and how a mistake is
/// told with its place.
///
///     text ── vars ──► tokens ── script ──► CREATE TABLE: create, connector
///                                           CREATE VIEW, INSERT INTO: words, then sli_sql_plan
#pragma once

#include "base/arena.h"
#include "sql/lex.h"
#include "sql/sql_int.h"
#include "sql/vars.h"

enum { SLI_SCRIPT_MAX_NAMES = 1000, SLI_SCRIPT_MAX_OPTIONS = 200 };

/// One option of WITH. Texts in the script's arena; places in the new text.
typedef struct sli_with {
    const char *key, *value;
    size_t key_at, value_at;
} sli_with;

/// A name of CREATE TABLE or CREATE VIEW.
typedef struct sli_entry {
    sli_relation relation; ///< what FROM gets; its name from the beginning, the rest once made
    size_t at;             ///< of the name in the statement that makes it
    bool is_view;
    bool made;        ///< `relation` is whole; tables are opened when they are first read
    bool read, write; ///< some statement does
    int32_t n_inserts;
    // tables
    const sl_schema *columns; ///< as declared; one reference
    sli_with *with;
    int32_t n_with;
    size_t with_at;    ///< of WITH, or of the name without one
    const char *delay; ///< of WATERMARK: "10s"; NULL: none
    const char *time;  ///< its column, as declared
    size_t time_at;    ///< of WATERMARK
    const char *key;   ///< of PRIMARY KEY: "a, b"; NULL: none
    size_t key_at;
} sli_entry;

typedef struct sli_script {
    sl_graph *graph;
    sli_sql *sql; ///< NULL until something needs it
    sl_arena *arena;
    sli_str text; ///< variables replaced
    sli_origins origins;
    sli_origins written; ///< of the text before that
    const char *name;
    sli_lexeme *tokens; ///< of all statements; the last one is SLI_LEX_END
    int32_t n_tokens, at;
    struct sli_script_model *models; ///< model.c's, in the arena
    int32_t n_models;
    sli_entry *entries[SLI_SCRIPT_MAX_NAMES];
    int32_t n_entries, n_inserts;
    bool in_set;             ///< between BEGIN and END
    bool for_test;           ///< tables are queues and collect: sinks (sl_sql_for_test)
    struct sli_typed *typed; ///< a session's last statement; NULL: this is a script
    sl_error trouble;        ///< why a relation that was asked for could not be made
} sli_script;

// ---------------------------------------------------------------- columns (create.c)

/// The column of that name, read without case as SQL reads names; -1: none.
int32_t sli_script_column(const sl_schema *columns, const char *name);
/// Says that a table has no such column, and which is the nearest. `before` stands in front.
sl_code sli_script_no_column(const sli_script *s, const sli_entry *entry, const char *name,
                             size_t at, const char *before, sl_error *err);

// ---------------------------------------------------------------- telling (script.c)

/// "job.sql:12:8: " before what *err says; `at` is a byte of the new text. Returns rc.
sl_code sli_script_wrap(const sli_script *s, size_t at, sl_code rc, sl_error *err);
/// A mistake at a place.
sl_code sli_script_fail(const sli_script *s, size_t at, sl_error *err, const char *format, ...)
    SL_PRINTF(4, 5);
/// The same as a warning, which the log gets.
void sli_script_warn(const sli_script *s, size_t at, const char *format, ...) SL_PRINTF(3, 4);
/// The place for what is planned of the text from `from` on.
sli_place sli_script_place(const sli_script *s, size_t from);

// ---------------------------------------------------------------- tokens (script.c)

const sli_lexeme *sli_script_token(const sli_script *s); ///< the next one
/// Takes it when it is this keyword, or mark.
bool sli_script_word(sli_script *s, const char *word);
bool sli_script_mark(sli_script *s, const char *mark);
sl_code sli_script_want_word(sli_script *s, const char *word, sl_error *err);
sl_code sli_script_want_mark(sli_script *s, const char *mark, sl_error *err);
/// The name of a table, view or column. Fails: it is something else; `what` says for whom.
sl_code sli_script_want_name(sli_script *s, const char *what, const char **out, sl_error *err);
/// The value of a token, in the script's arena.
sl_code sli_script_value(const sli_script *s, const sli_lexeme *token, const char **out,
                         sl_error *err);
/// "SELECT" for people: the token as it stands, or "the end of the script".
const char *sli_script_show(const sli_script *s, const sli_lexeme *token);
/// Whether the statement ends here: `;` or the end.
bool sli_script_ends(const sli_script *s);
/// "; did you mean 'x'?" when one of the list is near, else "". In the script's arena.
const char *sli_script_near(const sli_script *s, const char *word, const char *const *list);
/// Makes `sql` be there. Fails: as sli_sql_of.
sl_code sli_script_engine(sli_script *s, sl_error *err);

// ---------------------------------------------------------------- statements

sl_code sli_script_create(sli_script *s, sl_error *err);       ///< create.c; behind CREATE
sl_code sli_script_insert(sli_script *s, sl_error *err);       ///< insert.c; behind INSERT
sl_code sli_script_create_model(sli_script *s, sl_error *err); ///< model.c; behind CREATE MODEL
sl_code sli_script_typed(sli_script *s, sl_error *err);        ///< session.c; at a SELECT
/// A script that is registered with the graph, and its text read and run. `pieces` may be NULL.
sl_code sli_script_new(sli_script **out, sl_graph *graph, const char *name, sl_error *err);
sl_code sli_script_run(sli_script *s, const char *text, const char *const *pairs, sl_error *err);
/// create.c: the columns in brackets, into entry->columns; and WITH and its options.
sl_code sli_script_columns(sli_script *s, sli_entry *entry, sl_error *err);
sl_code sli_script_with(sli_script *s, sli_entry *entry, sl_error *err);
/// sli_plan_env.predict with the script's models.
sl_code sli_script_predict(void *ctx, const char *name, sl_stream *stream, const char *columns,
                           int32_t n, sl_stream **out, sl_error *err);

/// From the next token to the statement's end, as DuckDB takes it (words.h); in the arena. *from is
/// its place.
sl_code sli_script_select(sli_script *s, const char **out, size_t *from, sl_error *err);
/// Plans a SELECT with the names so far; `is_view`: for others to read.
sl_code sli_script_plan(sli_script *s, const char *select, size_t from, const char *uid,
                        bool is_view, sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- names (catalog.c)

/// Adds an entry with nothing but its name; NULL `out` is not filled on failure. Fails: the name is
/// taken, or can't be one.
sl_code sli_catalog_add(sli_script *s, const char *name, size_t at, sli_entry **out, sl_error *err);
sli_entry *sli_catalog_find(const sli_script *s, const char *name); ///< without case; NULL: none
/// The names, NULL-ended, in the arena.
const char *const *sli_catalog_names(const sli_script *s, bool tables_only);
/// Opens the table's source, or reads the static table, when that was not done yet.
sl_code sli_catalog_make(sli_script *s, sli_entry *entry, sl_error *err);
/// Tells of tables that nobody reads or writes.
void sli_catalog_warn_unused(const sli_script *s);
