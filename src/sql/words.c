// Flink SQL's words in DuckDB's, in place.
#include "sql/words.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

typedef struct words {
    const char *source; ///< what the tokens are of
    char *text;         ///< its bytes from `base` on, to be rewritten
    size_t base;
    const sli_lexeme *tokens;
    int32_t n;
    size_t *where;
    sl_error *err;
} words;

/// A window function of Flink and the names its arguments may have, in their order.
typedef struct window_call {
    const char *name;
    const char *arguments[6];
} window_call;

static const window_call windows[] = {
    {"TUMBLE", {"DATA", "TIMECOL", "SIZE", "OFFSET"}},
    {"HOP", {"DATA", "TIMECOL", "SLIDE", "SIZE", "OFFSET"}},
    {"CUMULATE", {"DATA", "TIMECOL", "STEP", "SIZE", "OFFSET"}},
    {"SESSION", {"DATA", "TIMECOL", "GAP"}},
    {"EPOCH", {"DATA"}},
    {"ML_PREDICT", {"INPUT", "MODEL", "ARGS", "CONFIG"}},
};

static bool is(const words *w, int32_t i, const char *word)
{
    return i < w->n && sli_lex_is(w->source, &w->tokens[i], word);
}

static bool is_mark(const words *w, int32_t i, const char *mark)
{
    return i < w->n && sli_lex_is_mark(w->source, &w->tokens[i], mark);
}

static bool is_name(const words *w, int32_t i)
{
    return i < w->n && (w->tokens[i].kind == SLI_LEX_WORD || w->tokens[i].kind == SLI_LEX_NAME);
}

/// Where token i is rewritten.
static char *place(const words *w, int32_t i)
{
    return w->text + (w->tokens[i].at - w->base);
}

static void blank(const words *w, int32_t i)
{
    memset(place(w, i), ' ', w->tokens[i].size);
}

static sl_code wrong(const words *w, int32_t i, const char *what)
{
    *w->where = w->tokens[i < w->n ? i : w->n - 1].at;
    return sl_error_set(w->err, SL_E_INVALID, "%s", what);
}

/// The token of the bracket that closes the one at `open`; n: there is none.
static int32_t closing(const words *w, int32_t open)
{
    int32_t depth = 0;
    for (int32_t i = open; i < w->n; i++) {
        depth += is_mark(w, i, "(") ? 1 : is_mark(w, i, ")") ? -1 : 0;
        if (depth == 0) {
            return i;
        }
    }
    return w->n;
}

static const window_call *window_at(const words *w, int32_t i)
{
    for (size_t k = 0; k < sizeof windows / sizeof windows[0]; k++) {
        if (is(w, i, windows[k].name) && is_mark(w, i + 1, "(")) {
            return &windows[k];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- names of arguments

/// `NAME =>` in front of the arguments of the call whose bracket opens at `open`. They must stand
/// in the order in which they would stand without names, which are then left out.
static sl_code drop_names(const words *w, const window_call *window, int32_t open, int32_t end)
{
    int32_t depth = 0, argument = 0;
    for (int32_t i = open; i < end; i++) {
        depth += is_mark(w, i, "(") ? 1 : is_mark(w, i, ")") ? -1 : 0;
        argument += depth == 1 && is_mark(w, i, ",");
        if (depth != 1 || !is_mark(w, i + 1, "=>") || i + 1 >= end) {
            continue;
        }
        const char *name = argument < 6 ? window->arguments[argument] : NULL;
        if (name == NULL || !is(w, i, name)) {
            *w->where = w->tokens[i].at;
            return name == NULL
                       ? sl_error_set(w->err, SL_E_INVALID, "%s has no argument '%.*s' here",
                                      window->name, (int)w->tokens[i].size,
                                      w->source + w->tokens[i].at)
                       : sl_error_set(w->err, SL_E_INVALID,
                                      "argument %d of %s is %s; write named arguments in the "
                                      "order in which they stand without names",
                                      argument + 1, window->name, name);
        }
        blank(w, i);
        blank(w, i + 1);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- one window

/// Behind the table of SESSION: `PARTITION BY k` becomes `,PARTITION => k`.
static sl_code rewrite_partition(const words *w, const window_call *window, int32_t i)
{
    if (!is(w, i, "PARTITION") || !is(w, i + 1, "BY")) {
        return SL_OK;
    }
    if (strcmp(window->name, "SESSION") != 0) {
        return wrong(w, i, "only SESSION is partitioned: GROUP BY has the keys of other windows");
    }
    if (is_name(w, i + 2) && is_mark(w, i + 3, ",") && is_name(w, i + 4) &&
        !is_mark(w, i + 5, "(")) {
        return wrong(w, i + 2, "several keys stand in brackets: PARTITION BY (a, b)");
    }
    char *before = place(w, i) - 1; // of the same statement: the table's name stands in front
    if (*before != ' ' && *before != '\n' && *before != '\t') {
        return wrong(w, i, "a blank is needed before PARTITION BY");
    }
    *before = ',';
    memcpy(place(w, i + 1), "=>", 2);
    return SL_OK;
}

/// Blanks over MODEL in `MODEL m`, the second argument of ML_PREDICT.
static void drop_model(const words *w, int32_t open, int32_t end)
{
    for (int32_t i = open; i < end; i++) {
        if (is(w, i, "MODEL") && is_name(w, i + 1)) {
            blank(w, i);
        }
    }
}

/// Blanks over `DATA =>` and TABLE. Without TABLE it is a function of Flink's older form, and
/// stays.
static sl_code rewrite_window(const words *w, const window_call *window, int32_t at)
{
    int32_t open = at + 1, end = closing(w, open), i = open + 1;
    i += is(w, i, window->arguments[0]) && is_mark(w, i + 1, "=>") ? 2 : 0;
    if (strcmp(window->name, "ML_PREDICT") == 0) {
        drop_model(w, open, end);
    }
    if (!is(w, i, "TABLE")) {
        return SL_OK;
    }
    if (!is_name(w, i + 1)) {
        return wrong(w, i + 1, "the name of a table or view is expected behind TABLE");
    }
    blank(w, i);
    SL_TRY(drop_names(w, window, open, end));
    i += 2;
    while (is_mark(w, i, ".") && is_name(w, i + 1)) {
        i += 2;
    }
    return rewrite_partition(w, window, i);
}

/// `TABLE(` WINDOW( ... ) `)`: the outer brackets go.
static sl_code rewrite_table(const words *w, int32_t i)
{
    int32_t end = closing(w, i + 1);
    if (end == w->n) {
        return wrong(w, i + 1, "this bracket is never closed");
    }
    if (closing(w, i + 3) + 1 != end) {
        return wrong(w, i, "TABLE( ... ) holds one call of a window function");
    }
    blank(w, i);
    blank(w, i + 1);
    blank(w, end);
    return SL_OK;
}

// ---------------------------------------------------------------- names and types

/// `name` becomes "name".
static sl_code rewrite_backquotes(const words *w, int32_t i)
{
    const sli_lexeme *token = &w->tokens[i];
    char *at = place(w, i);
    if (token->kind != SLI_LEX_NAME || at[0] != '`') {
        return SL_OK;
    }
    if (memchr(at, '"', token->size) != NULL || memchr(at + 1, '`', token->size - 2) != NULL) {
        return wrong(w, i, "a name in backquotes can't hold quotes: write it in \"...\"");
    }
    at[0] = at[token->size - 1] = '"';
    return SL_OK;
}

/// TIMESTAMP(p) with p up to 6, and TIMESTAMP_LTZ: Sluice's timestamp has microseconds, of UTC.
static void rewrite_type(const words *w, int32_t i)
{
    bool local = is(w, i, "TIMESTAMP_LTZ");
    if (!local && !is(w, i, "TIMESTAMP")) {
        return;
    }
    if (local) {
        memset(place(w, i) + strlen("TIMESTAMP"), ' ', strlen("_LTZ"));
    }
    bool has_precision = is_mark(w, i + 1, "(") && i + 2 < w->n && is_mark(w, i + 3, ")") &&
                         w->tokens[i + 2].kind == SLI_LEX_NUMBER && w->tokens[i + 2].size == 1;
    if (has_precision && w->source[w->tokens[i + 2].at] <= '6') {
        blank(w, i + 1);
        blank(w, i + 2);
        blank(w, i + 3);
    }
}

/// TABLE( NAME( TABLE ...: NAME is no window.
static sl_code unknown_window(const words *w, int32_t i)
{
    const char *names[sizeof windows / sizeof windows[0] + 1] = {NULL};
    char name[64];
    for (size_t k = 0; k < sizeof windows / sizeof windows[0]; k++) {
        names[k] = windows[k].name;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)w->tokens[i].size, w->source + w->tokens[i].at);
    for (char *c = name; *c != '\0'; c++) {
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    }
    const char *near = sli_nearest(name, names);
    *w->where = w->tokens[i].at;
    return sl_error_set(w->err, SL_E_INVALID, "there is no function '%s' of tables%s%s%s", name,
                        near == NULL ? ": TUMBLE, HOP, SESSION, EPOCH and ML_PREDICT are"
                                     : "; did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static sl_code rewrite_at(const words *w, int32_t i)
{
    const window_call *window = window_at(w, i);
    SL_TRY(rewrite_backquotes(w, i));
    rewrite_type(w, i);
    if (is(w, i, "FOR") && is(w, i + 1, "SYSTEM_TIME")) {
        return wrong(w, i,
                     "a static table is the same at any time: join it without FOR "
                     "SYSTEM_TIME AS OF");
    }
    if (is(w, i, "TABLE") && is_mark(w, i + 1, "(") && window_at(w, i + 2) != NULL) {
        return rewrite_table(w, i);
    }
    if (is(w, i, "TABLE") && is_mark(w, i + 1, "(") && is_name(w, i + 2) &&
        is_mark(w, i + 3, "(") && is(w, i + 4, "TABLE")) {
        return unknown_window(w, i + 2);
    }
    return window == NULL ? SL_OK : rewrite_window(w, window, i);
}

sl_code sli_words_rewrite(const char *source, const sli_lexeme *tokens, int32_t n, char *text,
                          size_t *where, sl_error *err)
{
    words w = {source, text, n == 0 ? 0 : tokens[0].at, tokens, n, where, err};
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(rewrite_at(&w, i));
    }
    return SL_OK;
}
