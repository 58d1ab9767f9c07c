// The tokens of a script, as PostgreSQL's scanner (DuckDB's) has them, and Flink's `names`.
#include "sql/lex.h"

#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool begins(const char *text, size_t size, size_t at, const char *what)
{
    size_t n = strlen(what);
    return size - at >= n && memcmp(text + at, what, n) == 0;
}

// ---------------------------------------------------------------- comments

/// Comments within comments count, as in PostgreSQL. *closed false: the text ends before it.
static size_t block_end(const char *text, size_t size, size_t at, bool *closed)
{
    size_t depth = 0;
    do {
        if (begins(text, size, at, "/*")) {
            depth++;
            at += 2;
        } else if (begins(text, size, at, "*/")) {
            depth--;
            at += 2;
        } else {
            at++;
        }
    } while (depth > 0 && at < size);
    *closed = depth == 0;
    return at < size ? at : size;
}

static size_t comment_end(const char *text, size_t size, size_t at, bool *closed)
{
    *closed = true;
    if (begins(text, size, at, "--")) {
        const char *end = memchr(text + at, '\n', size - at);
        return end == NULL ? size : (size_t)(end - text);
    }
    return begins(text, size, at, "/*") ? block_end(text, size, at, closed) : at;
}

size_t sli_lex_comment(const char *text, size_t size, size_t at)
{
    bool closed = true;
    return comment_end(text, size, at, &closed);
}

// ---------------------------------------------------------------- texts and names

size_t sli_lex_dollar(const char *text, size_t size, size_t at)
{
    size_t end = at + 1;
    if (at >= size || text[at] != '$') {
        return 0;
    }
    while (end < size && (is_letter(text[end]) || (end > at + 1 && is_digit(text[end])))) {
        end++;
    }
    return end < size && text[end] == '$' ? end + 1 - at : 0;
}

/// Behind the closing quote; 0: there is none. `escapes`: a backslash takes the next byte along.
static size_t quoted_end(const char *text, size_t size, size_t at, bool escapes)
{
    char quote = text[at++];
    for (; at < size; at++) {
        if (escapes && text[at] == '\\') {
            at++;
        } else if (text[at] == quote && at + 1 < size && text[at + 1] == quote) {
            at++;
        } else if (text[at] == quote) {
            return at + 1;
        }
    }
    return 0;
}

static size_t dollar_end(const char *text, size_t size, size_t at, size_t tag)
{
    for (size_t i = at + tag; i + tag <= size; i++) {
        if (memcmp(text + i, text + at, tag) == 0) {
            return i + tag;
        }
    }
    return 0;
}

static size_t word_end(const char *text, size_t size, size_t at)
{
    while (at < size && (is_letter(text[at]) || is_digit(text[at]) || text[at] == '$')) {
        at++;
    }
    return at;
}

/// Digits, one point, an exponent: where it is no number to SQL, DuckDB says so.
static size_t number_end(const char *text, size_t size, size_t at)
{
    bool sign = false;
    while (at < size && (is_digit(text[at]) || is_letter(text[at]) || text[at] == '.' ||
                         (sign && (text[at] == '-' || text[at] == '+')))) {
        sign = text[at] == 'e' || text[at] == 'E';
        at++;
    }
    return at;
}

static sl_code never_closed(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_INVALID, "%s is never closed", what);
}

/// The kind and the end of the token at `at`; 0: it is never closed.
static size_t token_end(const char *text, size_t size, size_t at, sli_lexeme_kind *kind)
{
    char c = text[at], next = at + 1 < size ? text[at + 1] : '\0';
    size_t tag = sli_lex_dollar(text, size, at);
    if (c == '\'' || ((c == 'e' || c == 'E') && next == '\'')) {
        *kind = SLI_LEX_TEXT;
        return quoted_end(text, size, at + (c != '\''), c != '\'');
    }
    if (tag > 0) {
        *kind = SLI_LEX_TEXT;
        return dollar_end(text, size, at, tag);
    }
    if (c == '"' || c == '`') {
        *kind = SLI_LEX_NAME;
        return quoted_end(text, size, at, false);
    }
    if (is_letter(c)) {
        *kind = SLI_LEX_WORD;
        return word_end(text, size, at);
    }
    if (is_digit(c) || (c == '.' && is_digit(next))) {
        *kind = SLI_LEX_NUMBER;
        return number_end(text, size, at);
    }
    *kind = SLI_LEX_MARK;
    return at + (c == '=' && next == '>' ? 2 : 1);
}

sl_code sli_lex_next(const char *text, size_t size, size_t *at, sli_lexeme *out, size_t *where,
                     sl_error *err)
{
    size_t from = *at;
    for (bool more = true; more && from < size;) {
        bool closed = true;
        size_t end = is_blank(text[from]) ? from + 1 : comment_end(text, size, from, &closed);
        if (!closed) {
            *where = from;
            return never_closed("this comment (/* ... */)", err);
        }
        more = end != from;
        from = end;
    }
    if (from >= size) {
        *at = size;
        *out = (sli_lexeme){SLI_LEX_END, size, 0};
        return SL_OK;
    }
    sli_lexeme_kind kind = SLI_LEX_END;
    size_t end = token_end(text, size, from, &kind);
    if (end == 0) {
        *where = from;
        return never_closed(kind == SLI_LEX_NAME ? "this quoted name" : "this text", err);
    }
    *out = (sli_lexeme){kind, from, end - from};
    *at = end;
    return SL_OK;
}

// ---------------------------------------------------------------- what a token says

/// E'...': the escapes that stand for one byte.
static sl_code unescape(const char *from, size_t size, char *out, sl_error *err)
{
    static const char known[] = "n\nt\tr\rb\bf\f\\\\''\"\"";
    for (size_t i = 0; i < size; i++) {
        if (from[i] != '\\' || i + 1 == size) {
            i += from[i] == '\'' && i + 1 < size; // '' is a quote here too
            *out++ = from[i];
            continue;
        }
        const char *found = known;
        while (*found != '\0' && *found != from[i + 1]) {
            found += 2;
        }
        if (*found == '\0') {
            return sl_error_set(err, SL_E_INVALID,
                                "\\%c in E'...' is not known here; there are \\n \\t \\r \\b \\f "
                                "\\\\ \\' \\\"",
                                from[i + 1]);
        }
        *out++ = found[1];
        i++;
    }
    *out = '\0';
    return SL_OK;
}

static void undouble(const char *from, size_t size, char quote, char *out)
{
    for (size_t i = 0; i < size; i++) {
        *out++ = from[i];
        i += from[i] == quote;
    }
    *out = '\0';
}

sl_code sli_lex_value(const char *text, const sli_lexeme *token, char *out, sl_error *err)
{
    const char *from = text + token->at;
    size_t tag = sli_lex_dollar(from, token->size, 0);
    if (token->kind == SLI_LEX_TEXT && tag > 0) {
        memcpy(out, from + tag, token->size - 2 * tag);
        out[token->size - 2 * tag] = '\0';
    } else if (token->kind == SLI_LEX_TEXT && from[0] != '\'') {
        return unescape(from + 2, token->size - 3, out, err);
    } else if (token->kind == SLI_LEX_TEXT || token->kind == SLI_LEX_NAME) {
        undouble(from + 1, token->size - 2, from[0], out);
    } else {
        memcpy(out, from, token->size);
        out[token->size] = '\0';
    }
    return SL_OK;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool sli_lex_is(const char *text, const sli_lexeme *token, const char *word)
{
    if (token->kind != SLI_LEX_WORD || strlen(word) != token->size) {
        return false;
    }
    for (size_t i = 0; i < token->size; i++) {
        if (upper(text[token->at + i]) != upper(word[i])) {
            return false;
        }
    }
    return true;
}

bool sli_lex_is_mark(const char *text, const sli_lexeme *token, const char *mark)
{
    return token->kind == SLI_LEX_MARK && strlen(mark) == token->size &&
           memcmp(text + token->at, mark, token->size) == 0;
}

bool sli_sql_is_select(const char *text, const sli_lexeme *token)
{
    return sli_lex_is(text, token, "SELECT") || sli_lex_is(text, token, "WITH") ||
           sli_lex_is(text, token, "FROM") || sli_lex_is(text, token, "VALUES") ||
           sli_lex_is_mark(text, token, "(");
}
