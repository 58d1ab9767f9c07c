// Variables of a script. A value is put in as it stands: it may be a piece of SQL.
#include "sql/vars.h"

#include "sql/lex.h"

enum { MAX_NAME = 128, MAX_VARIABLES = 10000 };

typedef struct replacing {
    const char *text;
    size_t size;
    sli_var_fn value;
    void *ctx;
    sli_str *out;
    sli_origins *origins;
} replacing;

static sl_code add_origin(sli_origins *origins, const sli_origin *origin, sl_error *err)
{
    if (origins->n == MAX_VARIABLES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d variables are used", MAX_VARIABLES);
    }
    if (origins->n == origins->capacity) {
        int32_t more = origins->capacity == 0 ? 16 : origins->capacity * 2;
        sli_origin *grown = sl_realloc(SLI_TAG_SQL, origins->items, (size_t)more * sizeof *grown);
        if (grown == NULL) {
            return sl_error_nomem(err, (size_t)more * sizeof *grown, "variables of a script");
        }
        origins->items = grown;
        origins->capacity = more;
    }
    origins->items[origins->n++] = *origin;
    return SL_OK;
}

static bool is_name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/// The name at `at`; its size is 0 when there is none.
static size_t name_size(const replacing *r, size_t at)
{
    size_t n = 0;
    while (at + n < r->size && is_name_byte(r->text[at + n], n == 0)) {
        n++;
    }
    return n;
}

static sl_code unset(const char *name, sl_error *err)
{
    return sl_error_set(err, SL_E_INVALID,
                        "variable %s has no value: give --set %s=VALUE or set it in the "
                        "environment, or write ${%s:-default}",
                        name, name, name);
}

static sl_code malformed(sl_error *err)
{
    return sl_error_set(err, SL_E_INVALID,
                        "a variable is written ${NAME} or ${NAME:-default}; $${ is a ${ that is "
                        "none");
}

/// Replaces the `${` at *at and moves *at behind its `}`.
static sl_code replace_one(const replacing *r, size_t *at, sl_error *err)
{
    char name[MAX_NAME + 1];
    size_t from = *at + 2, n = name_size(r, from), end = from + n;
    bool has_default = end + 1 < r->size && r->text[end] == ':' && r->text[end + 1] == '-';
    const char *close = end < r->size ? memchr(r->text + end, '}', r->size - end) : NULL;
    if (n == 0 || n > MAX_NAME || close == NULL || (!has_default && r->text[end] != '}')) {
        return malformed(err);
    }
    memcpy(name, r->text + from, n);
    name[n] = '\0';
    size_t begin = r->out->size, closed = (size_t)(close - r->text) + 1;
    const char *value = r->value(r->ctx, name);
    if (value != NULL && (value[0] != '\0' || !has_default)) { // ":-" is for empty ones too
        sli_str_text(r->out, value);
    } else if (has_default) {
        sli_str_add(r->out, r->text + end + 2, closed - 1 - (end + 2));
    } else {
        return unset(name, err);
    }
    sli_origin origin = {begin, r->out->size - begin, *at, closed - *at};
    *at = closed;
    return add_origin(r->origins, &origin, err);
}

/// Where a comment ends that begins here, outside texts and names; else `at`.
static size_t pass_comment(const replacing *r, size_t at, char quote)
{
    return quote != '\0' ? at : sli_lex_comment(r->text, r->size, at);
}

/// Texts and names are followed only as far as comments need: "--" inside one is no comment.
static char next_quote(char quote, char c)
{
    if (quote == '\0') {
        return c == '\'' || c == '"' || c == '`' ? c : '\0';
    }
    return c == quote ? '\0' : quote;
}

sl_code sli_vars_replace(const char *text, size_t size, sli_var_fn value, void *ctx, sli_str *out,
                         sli_origins *origins, size_t *where, sl_error *err)
{
    replacing r = {text, size, value, ctx, out, origins};
    char quote = '\0';
    origins->text = text;
    for (size_t at = 0; at < size;) {
        size_t comment = pass_comment(&r, at, quote);
        *where = at;
        if (comment > at) {
            sli_str_add(out, text + at, comment - at);
            at = comment;
        } else if (size - at >= 3 && memcmp(text + at, "$${", 3) == 0) {
            sli_origin origin = {out->size, 2, at, 3};
            sli_str_text(out, "${");
            at += 3;
            SL_TRY(add_origin(origins, &origin, err));
        } else if (size - at >= 2 && memcmp(text + at, "${", 2) == 0) {
            SL_TRY(replace_one(&r, &at, err));
        } else {
            quote = next_quote(quote, text[at]);
            sli_str_char(out, text[at++]);
        }
    }
    return sli_str_check(out, "a script", err);
}

size_t sli_origin_of(const sli_origins *origins, size_t at)
{
    int32_t low = 0, high = origins->n; // the last one that begins at or before `at`
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (origins->items[middle].at <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return at;
    }
    const sli_origin *o = &origins->items[low - 1];
    return at < o->at + o->size ? o->from : o->from + o->written + (at - o->at - o->size);
}

void sli_origins_reset(sli_origins *origins)
{
    sl_free(origins->items);
    *origins = (sli_origins){0};
}
