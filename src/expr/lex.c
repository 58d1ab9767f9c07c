/// lex.c — texts to tokens, one at a time, and the one form of a compile error.
///
/// Guarantees: every byte of the text is looked at once; a byte that starts no token is an error
/// with its position.
#include "expr/expr_int.h"

#include <stdio.h>

static const char *const keywords[] = {"and",  "as",    "between", "case", "cast", "else",
                                       "end",  "false", "in",      "is",   "like", "not",
                                       "null", "or",    "then",    "true", "when", NULL};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Without strcasecmp, which asks the locale.
static bool same_word(sl_text word, const char *lower)
{
    for (size_t i = 0; i < word.size; i++) {
        char c = word.data[i];
        c = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
        if (lower[i] == '\0' || c != lower[i]) {
            return false;
        }
    }
    return lower[word.size] == '\0';
}

// As much of the text as an error shows, cut between characters.
static int shown_size(const char *text)
{
    size_t size = strnlen(text, 121);
    if (size > 120) {
        for (size = 120; size > 0 && (text[size] & 0xC0) == 0x80;) {
            size--;
        }
    }
    return (int)size;
}

sl_code sli_compile_fail(const sli_compiler *c, int32_t at, const char *fmt, ...)
{
    char why[320];
    va_list list;
    va_start(list, fmt);
    vsnprintf(why, sizeof why, fmt, list);
    va_end(list);
    return sl_error_set(c->err, SL_E_INVALID, "\"%.*s\", character %d: %s", shown_size(c->text),
                        c->text, (int)at + 1, why);
}

bool sli_is_keyword(sl_text word)
{
    for (int i = 0; keywords[i] != NULL; i++) {
        if (same_word(word, keywords[i])) {
            return true;
        }
    }
    return false;
}

bool sli_is_name(const char *text)
{
    if (!is_letter(*text)) {
        return false;
    }
    while (is_letter(*text) || is_digit(*text) || *text == '.') {
        text++;
    }
    return *text == '\0';
}

bool sli_token_is(const sli_compiler *c, const char *symbol)
{
    return c->token.kind == SLI_TOKEN_SYMBOL && sli_text_is(c->token.text, symbol);
}

bool sli_token_is_word(const sli_compiler *c, const char *word)
{
    return c->token.kind == SLI_TOKEN_NAME && same_word(c->token.text, word);
}

// The end of what is between two `quote`s, a doubled one being one of the text; NULL when it is
// never closed.
static const char *quoted_end(const char *at, char quote)
{
    for (at++; *at != '\0'; at++) {
        if (*at == quote) {
            if (at[1] != quote) {
                return at + 1;
            }
            at++;
        }
    }
    return NULL;
}

static const char *number_end(const char *at, sli_token_kind *kind)
{
    *kind = SLI_TOKEN_INT;
    while (is_digit(*at)) {
        at++;
    }
    if (*at == '.') {
        *kind = SLI_TOKEN_FLOAT;
        at++;
        while (is_digit(*at)) {
            at++;
        }
    }
    if (*at == 'e' || *at == 'E') {
        const char *digits = at + 1 + (at[1] == '+' || at[1] == '-');
        if (is_digit(*digits)) {
            *kind = SLI_TOKEN_FLOAT;
            at = digits;
            while (is_digit(*at)) {
                at++;
            }
        }
    }
    return at;
}

static const char *symbol_end(const char *at)
{
    static const char *const pairs[] = {"==", "!=", "<>", "<=", ">=", "||"};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (strncmp(at, pairs[i], 2) == 0) {
            return at + 2;
        }
    }
    return strchr("=<>+-*/%(),", *at) != NULL ? at + 1 : NULL;
}

static sl_code refuse_byte(const sli_compiler *c, const char *at)
{
    int32_t place = (int32_t)(at - c->text);
    if (*at == '|') {
        return sli_compile_fail(c, place, "'|' is no operator; texts are joined with ||");
    }
    if (*at == '!') {
        return sli_compile_fail(c, place, "'!' is no operator; write `not`");
    }
    if (*at == ';') {
        return sli_compile_fail(c, place, "';' is not part of an expression");
    }
    if (*at < ' ' || *at > '~') {
        return sli_compile_fail(c, place, "byte 0x%02x outside a text in quotes",
                                (unsigned)(unsigned char)*at);
    }
    return sli_compile_fail(c, place, "'%c' means nothing here", *at);
}

sl_code sli_token_next(sli_compiler *c)
{
    const char *at = c->text + c->at;
    while (is_space(*at)) {
        at++;
    }
    sli_token token = {.kind = SLI_TOKEN_END, .at = (int32_t)(at - c->text)};
    const char *end = at;
    if (is_letter(*at)) {
        token.kind = SLI_TOKEN_NAME;
        while (is_letter(*end) || is_digit(*end) || *end == '.') {
            end++;
        }
    } else if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) {
        end = number_end(at, &token.kind);
        if (is_letter(*end)) {
            return sli_compile_fail(c, token.at, "a number runs into a name");
        }
    } else if (*at == '\'' || *at == '"') {
        token.kind = *at == '"' ? SLI_TOKEN_QUOTED : SLI_TOKEN_TEXT;
        end = quoted_end(at, *at);
        if (end == NULL) {
            return sli_compile_fail(c, token.at, "this %s is never closed",
                                    *at == '"' ? "\"" : "'");
        }
    } else if (*at != '\0') {
        token.kind = SLI_TOKEN_SYMBOL;
        end = symbol_end(at);
        if (end == NULL) {
            return refuse_byte(c, at);
        }
    }
    token.text = (sl_text){at, (size_t)(end - at)};
    c->token = token;
    c->at = (size_t)(end - c->text);
    return SL_OK;
}

sl_code sli_compile_begin(sli_compiler *c)
{
    if (c->text == NULL) {
        return sl_error_set(c->err, SL_E_INVALID, "the text of an expression is missing");
    }
    size_t size = strnlen(c->text, SLI_EXPR_MAX_TEXT + 1);
    if (size > SLI_EXPR_MAX_TEXT) {
        return sl_error_set(c->err, SL_E_INVALID, "an expression of more than %d bytes",
                            SLI_EXPR_MAX_TEXT);
    }
    if (sli_utf8_check(c->text, size) != size) {
        return sl_error_set(c->err, SL_E_INVALID, "an expression that is not UTF-8: byte %zu",
                            sli_utf8_check(c->text, size));
    }
    c->at = 0;
    return sli_token_next(c);
}
