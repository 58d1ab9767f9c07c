/// url.c — where a source or a sink is: "scheme://host:port/path?query" or "scheme:path?query".
///
/// Fewer rules than RFC 3986: no user info, no fragment; the path is taken as it stands (a file's
/// name may hold '%'), values of the query are percent-decoded. A '?' always begins the query, also
/// in a plain file name. Errors show nothing after '?' or before '@': secrets live there.
#include "conf/conf_int.h"

static sl_code wrong(sl_text url, const char *why, sl_error *err)
{
    char quoted[SLI_CONF_MAX_QUOTED];
    const char *query = memchr(url.data, '?', url.size);
    if (query != NULL) {
        url.size = (size_t)(query - url.data);
    }
    if (url.size > 0 && memchr(url.data, '@', url.size) != NULL) {
        const char *colon = memchr(url.data, ':', url.size);
        url.size = colon == NULL ? 0 : (size_t)(colon - url.data);
    }
    return sl_error_set(err, SL_E_CONFIG, "URL %s: %s", sli_conf_quote(url, quoted), why);
}

static sl_code check_bytes(sl_text url, sl_error *err)
{
    if (url.size == 0) {
        return sl_error_set(err, SL_E_CONFIG, "a URL or a path is missing");
    }
    if (url.size > SLI_CONF_MAX_URL) {
        return sl_error_set(err, SL_E_CONFIG, "a URL of %zu bytes; at most %d are allowed",
                            url.size, SLI_CONF_MAX_URL);
    }
    if (sli_utf8_check(url.data, url.size) != url.size) {
        return wrong(url, "not UTF-8", err);
    }
    for (size_t i = 0; i < url.size; i++) {
        unsigned char c = (unsigned char)url.data[i];
        if (c < 0x20 || c == 0x7f) {
            return wrong(url, "holds a control character", err);
        }
    }
    return SL_OK;
}

// Takes "scheme:" off the front of *rest. A text whose first ':' comes after a '/' or '?' is a
// path.
static sl_code take_scheme(sl_text url, sl_text *rest, sl_text *scheme, sl_error *err)
{
    size_t n = 0;
    while (n < url.size && url.data[n] != ':' && url.data[n] != '/' && url.data[n] != '?') {
        n++;
    }
    if (n == url.size || url.data[n] != ':') {
        *scheme = sli_text_of("file");
        return SL_OK;
    }
    for (size_t i = 0; i < n; i++) {
        char c = url.data[i];
        bool later = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!(c >= 'a' && c <= 'z') && (i == 0 || !later)) {
            return wrong(
                url, "no scheme before ':' (small letters); a path with a ':' is written file:PATH",
                err);
        }
    }
    if (n == 0) {
        return wrong(url, "the scheme before ':' is missing", err);
    }
    *scheme = (sl_text){url.data, n};
    *rest = (sl_text){url.data + n + 1, url.size - n - 1};
    return SL_OK;
}

static sl_code read_port(sl_text url, sl_text text, int32_t *out, sl_error *err)
{
    int32_t port = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c < '0' || c > '9' || port > 65535) {
            return wrong(url, "the port is not a number from 0 to 65535", err);
        }
        port = port * 10 + (c - '0');
    }
    if (text.size == 0 || port > 65535) {
        return wrong(url, "the port is not a number from 0 to 65535", err);
    }
    *out = port;
    return SL_OK;
}

// "host", "host:port", "[v6]:port".
/// "USER@" in front of a host; a password has no place in a URL.
static sl_code take_user(sl_text url, sl_text *text, sl_text *user, sl_error *err)
{
    const char *at = text->size == 0 ? NULL : memchr(text->data, '@', text->size);
    if (at == NULL) {
        return SL_OK;
    }
    *user = (sl_text){text->data, (size_t)(at - text->data)};
    if (user->size == 0 || memchr(user->data, ':', user->size) != NULL) {
        return wrong(url, "before '@' stands a user's name alone; a password is an option", err);
    }
    *text = (sl_text){at + 1, text->size - user->size - 1};
    return SL_OK;
}

static sl_code read_authority(sl_text url, sl_text text, sli_url *out, sl_error *err)
{
    SL_TRY(take_user(url, &text, &out->user, err));
    const char *end = text.data + text.size, *after = NULL;
    if (text.size > 0 && text.data[0] == '[') {
        const char *close = memchr(text.data, ']', text.size);
        if (close == NULL) {
            return wrong(url, "this '[' is never closed", err);
        }
        out->host = (sl_text){text.data + 1, (size_t)(close - text.data) - 1};
        after = close + 1;
    } else {
        const char *colon = text.size == 0 ? NULL : memchr(text.data, ':', text.size);
        after = colon == NULL ? end : colon;
        out->host = (sl_text){text.data, (size_t)(after - text.data)};
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '@' || text.data[i] == ' ') {
            return wrong(url, "a host holds no '@' and no space", err);
        }
    }
    if (after < end && *after != ':') {
        return wrong(url, "':' and a port are expected after ']'", err);
    }
    if (after == end) {
        return SL_OK;
    }
    sl_text port = {after + 1, (size_t)(end - after) - 1};
    if (text.data[0] != '[' && port.size > 0 && memchr(port.data, ':', port.size) != NULL) {
        return wrong(url, "an IPv6 address is written in brackets: [::1]:9999", err);
    }
    if (out->host.size == 0) {
        return wrong(url, "the host before the port is missing", err);
    }
    return read_port(url, port, &out->port, err);
}

sl_code sli_url_parse(const char *text, sli_url *out, sl_error *err)
{
    sl_text url = sli_text_of(text), rest = url;
    sli_url parsed = {.user = {text, 0}, .host = {text, 0}, .port = -1};
    SL_TRY(check_bytes(url, err));
    SL_TRY(take_scheme(url, &rest, &parsed.scheme, err));
    const char *end = rest.data + rest.size, *query = memchr(rest.data, '?', rest.size);
    parsed.query =
        query == NULL ? (sl_text){end, 0} : (sl_text){query + 1, (size_t)(end - query) - 1};
    rest.size = (size_t)((query == NULL ? end : query) - rest.data);
    bool has_scheme = rest.data != url.data;
    if (has_scheme && rest.size >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
        sl_text authority = {rest.data + 2, rest.size - 2};
        const char *slash =
            authority.size == 0 ? NULL : memchr(authority.data, '/', authority.size);
        if (slash != NULL) {
            authority.size = (size_t)(slash - authority.data);
        }
        SL_TRY(read_authority(url, authority, &parsed, err));
        size_t used = 2 + authority.size;
        rest = (sl_text){rest.data + used, rest.size - used};
    }
    parsed.path = rest;
    *out = parsed;
    return SL_OK;
}

sl_code sli_url_user_check(const sli_url *url, const sl_option *table, sl_error *err)
{
    bool has_users = false;
    for (; table != NULL && table->name != NULL; table++) {
        has_users = has_users || strcmp(table->name, "user") == 0;
    }
    return url->user.size == 0 || has_users
               ? SL_OK
               : sl_error_set(err, SL_E_CONFIG, "'%.*s' has no users: leave out what is before '@'",
                              (int)url->scheme.size, url->scheme.data);
}

// ---------------------------------------------------------------- the query

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static sl_code decode(sl_text key, sl_text text, sli_str *out, sl_error *err)
{
    sli_str_clear(out);
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '%') {
            sli_str_char(out, text.data[i]);
            continue;
        }
        int high = i + 2 < text.size ? hex(text.data[i + 1]) : -1;
        int low = i + 2 < text.size ? hex(text.data[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return sl_error_set(
                err, SL_E_CONFIG,
                "query, option %.*s: '%%' is followed by two hex digits (%%25 is '%%')",
                (int)key.size, key.data);
        }
        sli_str_char(out, (char)(high * 16 + low));
        i += 2;
    }
    return sli_str_check(out, "a query's value", err);
}

static sl_code each_part(sl_text part, sli_str *scratch, sli_pair_fn each, void *ctx, sl_error *err)
{
    char quoted[SLI_CONF_MAX_QUOTED];
    const char *equals = memchr(part.data, '=', part.size);
    sl_text key = {part.data, equals == NULL ? part.size : (size_t)(equals - part.data)};
    if (!sli_conf_is_name(key)) {
        return sl_error_set(err, SL_E_CONFIG,
                            "query: %s is not an option's name; write ?name=value&name=value",
                            sli_conf_quote(key, quoted));
    }
    if (equals == NULL) {
        return sl_error_set(err, SL_E_CONFIG, "query: option %.*s has no value; write %.*s=value",
                            (int)key.size, key.data, (int)key.size, key.data);
    }
    SL_TRY(decode(key, (sl_text){equals + 1, part.size - key.size - 1}, scratch, err));
    return each(ctx, key, (sl_text){scratch->size == 0 ? "" : scratch->data, scratch->size}, err);
}

sl_code sli_query_each(sl_text query, sli_pair_fn each, void *ctx, sl_error *err)
{
    if (query.size > SLI_CONF_MAX_ARGUMENTS) {
        return sl_error_set(err, SL_E_CONFIG, "a query of %zu bytes; at most %d are allowed",
                            query.size, SLI_CONF_MAX_ARGUMENTS);
    }
    sl_code rc = SL_OK;
    sli_str scratch = {.tag = SLI_TAG_CONF};
    for (size_t at = 0; rc == SL_OK && at < query.size;) {
        const char *from = query.data + at;
        const char *amp = memchr(from, '&', query.size - at);
        size_t size = amp == NULL ? query.size - at : (size_t)(amp - from);
        if (size > 0) {
            rc = each_part((sl_text){from, size}, &scratch, each, ctx, err);
        }
        at += size + 1;
    }
    sli_str_reset(&scratch);
    return rc;
}
