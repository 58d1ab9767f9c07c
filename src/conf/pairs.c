/// pairs.c — "key=value key='v w', c=\"x\\ty\"": how arguments of user functions and stream options
/// are written.
///
///     text   = { sep } [ pair { sep { sep } pair } { sep } ]        sep = space, tab, line end or
///     ',' pair   = key '=' ( bare | "'" any but "'" "'" | '"' { char | escape } '"' ) bare   = one
///     or more bytes, none of them a sep or a quote escape = \" \' \\ \n \t \r
///
/// Errors give the key and the character's position, never the value: it may be a secret.
#include "conf/conf_int.h"

typedef struct scanner {
    const char *start, *at, *end;
    sli_str scratch; // a double-quoted value without its escapes
} scanner;

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',';
}

static sl_code wrong(const scanner *s, const char *at, sl_text key, const char *why, sl_error *err)
{
    char quoted[SLI_CONF_MAX_QUOTED];
    size_t place = (size_t)(at - s->start) + 1;
    if (key.size == 0) {
        return sl_error_set(err, SL_E_CONFIG, "arguments, character %zu: %s", place, why);
    }
    return sl_error_set(err, SL_E_CONFIG, "arguments, character %zu, %s: %s", place,
                        sli_conf_quote(key, quoted), why);
}

static sl_code read_key(scanner *s, sl_text *out, sl_error *err)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at != '=' && !is_separator(*s->at)) {
        s->at++;
    }
    sl_text key = {from, (size_t)(s->at - from)};
    if (key.size == 0) {
        return wrong(s, from, key, "a key is missing before '='", err);
    }
    if (!sli_conf_is_name(key)) {
        return wrong(s, from, (sl_text){0}, "not a key (letters, digits, '_', '.', '-')", err);
    }
    if (s->at == s->end || *s->at != '=') {
        return wrong(s, s->at, key, "has no value; write key=value, without spaces around '='",
                     err);
    }
    s->at++;
    *out = key;
    return SL_OK;
}

static sl_code read_single_quoted(scanner *s, sl_text key, sl_text *out, sl_error *err)
{
    const char *open = s->at++;
    const char *close = memchr(s->at, '\'', (size_t)(s->end - s->at));
    if (close == NULL) {
        return wrong(s, open, key, "this ' is never closed", err);
    }
    *out = (sl_text){s->at, (size_t)(close - s->at)};
    s->at = close + 1;
    return SL_OK;
}

static char escaped(char c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '"':
    case '\'':
    case '\\':
        return c;
    default:
        return '\0';
    }
}

static sl_code read_double_quoted(scanner *s, sl_text key, sl_text *out, sl_error *err)
{
    const char *open = s->at++;
    sli_str_clear(&s->scratch);
    for (; s->at < s->end && *s->at != '"'; s->at++) {
        char c = *s->at;
        if (c == '\\') {
            c = s->at + 1 < s->end ? escaped(*++s->at) : '\0';
            if (c == '\0') {
                return wrong(s, s->at, key, "unknown escape; known are \\\" \\' \\\\ \\n \\t \\r",
                             err);
            }
        }
        sli_str_char(&s->scratch, c);
    }
    if (s->at == s->end) {
        return wrong(s, open, key, "this \" is never closed", err);
    }
    s->at++;
    SL_TRY(sli_str_check(&s->scratch, "a quoted argument", err));
    *out = (sl_text){s->scratch.size == 0 ? "" : s->scratch.data, s->scratch.size};
    return SL_OK;
}

static sl_code read_bare(scanner *s, sl_text key, sl_text *out, sl_error *err)
{
    const char *from = s->at;
    for (; s->at < s->end && !is_separator(*s->at); s->at++) {
        if (*s->at == '\'' || *s->at == '"') {
            return wrong(s, s->at, key, "a quote inside a bare value; quote the whole value", err);
        }
    }
    if (s->at == from) { // "by=," would otherwise quietly mean by=''
        return wrong(s, from, key,
                     "the value is missing; an empty one, a space or a comma needs quotes", err);
    }
    *out = (sl_text){from, (size_t)(s->at - from)};
    return SL_OK;
}

static sl_code read_value(scanner *s, sl_text key, sl_text *out, sl_error *err)
{
    char first = s->at < s->end ? *s->at : ' ';
    if (first != '\'' && first != '"') {
        return read_bare(s, key, out, err);
    }
    SL_TRY(first == '"' ? read_double_quoted(s, key, out, err)
                        : read_single_quoted(s, key, out, err));
    if (s->at < s->end && !is_separator(*s->at)) {
        return wrong(s, s->at, key, "a space or a comma must follow the closing quote", err);
    }
    return SL_OK;
}

static sl_code each_pair(scanner *s, sli_pair_fn each, void *ctx, sl_error *err)
{
    for (;;) {
        while (s->at < s->end && is_separator(*s->at)) {
            s->at++;
        }
        if (s->at == s->end) {
            return SL_OK;
        }
        sl_text key = {0}, value = {0};
        SL_TRY(read_key(s, &key, err));
        SL_TRY(read_value(s, key, &value, err));
        SL_TRY(each(ctx, key, value, err));
    }
}

sl_code sli_pairs_each(const char *text, sli_pair_fn each, void *ctx, sl_error *err)
{
    if (text == NULL) {
        return SL_OK;
    }
    size_t size = strlen(text);
    if (size > SLI_CONF_MAX_ARGUMENTS) {
        return sl_error_set(err, SL_E_CONFIG, "arguments of %zu bytes; at most %d are allowed",
                            size, SLI_CONF_MAX_ARGUMENTS);
    }
    scanner s = {.start = text, .at = text, .end = text + size, .scratch = {.tag = SLI_TAG_CONF}};
    sl_code rc = each_pair(&s, each, ctx, err);
    sli_str_reset(&s.scratch);
    return rc;
}
