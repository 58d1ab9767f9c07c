/// json.c — JSON from a stream: WebHDFS tells a directory of a million files as one text of 300 MB.
///
/// The text is never kept: members are told as they end. Only what WebHDFS writes has to be
/// understood, so what separates values is not checked; a text that is cut is (the depth at its
/// end).
#include "fs/hdfs/hdfs_int.h"

enum { DEEPEST = 16, LONGEST = 1 << 20, STEP = 64 << 10 };

static sl_code refuse(hdfs_json *json, sl_error *err)
{
    json->bad = true;
    return sl_error_set(err, SL_E_IO,
                        "an answer that is not JSON: is this a NameNode's HTTP port?");
}

// ---------------------------------------------------------------- strings

static void add_character(sli_str *out, uint32_t c)
{
    if (c < 0x80) {
        sli_str_char(out, (char)c);
    } else if (c < 0x800) {
        sli_str_char(out, (char)(0xC0 | c >> 6));
        sli_str_char(out, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        sli_str_char(out, (char)(0xE0 | c >> 12));
        sli_str_char(out, (char)(0x80 | (c >> 6 & 63)));
        sli_str_char(out, (char)(0x80 | (c & 63)));
    } else {
        sli_str_char(out, (char)(0xF0 | c >> 18));
        sli_str_char(out, (char)(0x80 | (c >> 12 & 63)));
        sli_str_char(out, (char)(0x80 | (c >> 6 & 63)));
        sli_str_char(out, (char)(0x80 | (c & 63)));
    }
}

/// A \uXXXX is whole. The first half of a pair waits for the second.
static void end_unit(hdfs_json *json)
{
    uint32_t unit = json->unit;
    json->n_escape = 0;
    if (unit >= 0xD800 && unit < 0xDC00) {
        json->high = unit;
        return;
    }
    if (json->high != 0 && unit >= 0xDC00 && unit < 0xE000) {
        unit = 0x10000 + ((json->high - 0xD800) << 10) + (unit - 0xDC00);
    }
    json->high = 0;
    add_character(&json->value, unit);
}

static int32_t hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/// A byte of an escape behind its '\\'. False: there is no such escape.
static bool take_escape(hdfs_json *json, char c)
{
    static const char names[] = "bfnrt\"\\/", means[] = "\b\f\n\r\t\"\\/";
    if (json->n_escape > 1) { // behind \u
        int32_t digit = hex_of(c);
        json->unit = json->unit << 4 | (uint32_t)(digit & 15);
        if (++json->n_escape == 6) {
            end_unit(json);
        }
        return digit >= 0;
    }
    if (c == 'u') {
        json->unit = 0;
        json->n_escape = 2;
        return true;
    }
    const char *at = c == '\0' ? NULL : strchr(names, c);
    json->n_escape = 0;
    if (at != NULL) {
        sli_str_char(&json->value, means[at - names]);
    }
    return at != NULL;
}

/// Bytes of a string, up to its end or that of the piece; returns how many were taken.
static size_t take_string(hdfs_json *json, const char *data, size_t size)
{
    if (json->n_escape > 0) {
        json->bad = !take_escape(json, data[0]);
        return 1;
    }
    size_t n = 0;
    while (n < size && data[n] != '"' && data[n] != '\\') {
        n++;
    }
    sli_str_add(&json->value, data, n);
    if (n < size) {
        json->in_string = data[n] == '\\';
        json->n_escape = data[n] == '\\' ? 1 : 0;
        n++;
    }
    return n;
}

// ---------------------------------------------------------------- structure

static sl_code end_value(hdfs_json *json, sl_error *err)
{
    if (!json->has_value) {
        return SL_OK;
    }
    json->has_value = false;
    SL_TRY(sli_str_check(&json->value, "an answer's member", err));
    const char *key = json->key.size == 0 ? "" : json->key.data;
    sl_text value = {json->value.size == 0 ? "" : json->value.data, json->value.size};
    sl_code rc = json->each(json->ctx, json->depth, key, value, err);
    sli_str_clear(&json->value);
    return rc;
}

static void begin_value(hdfs_json *json)
{
    sli_str_clear(&json->value);
    json->has_value = true;
}

static sl_code close_bracket(hdfs_json *json, char c, sl_error *err)
{
    SL_TRY(end_value(json, err));
    if (json->depth == 0) {
        return refuse(json, err);
    }
    sl_code rc = c == '}' ? json->each(json->ctx, json->depth, NULL, (sl_text){"", 0}, err) : SL_OK;
    json->depth--;
    return rc;
}

/// One byte outside of strings.
static sl_code take_mark(hdfs_json *json, char c, sl_error *err)
{
    switch (c) {
    case '{':
    case '[':
        sli_str_clear(&json->key);
        return ++json->depth > DEEPEST ? refuse(json, err) : SL_OK;
    case '}':
    case ']':
        return close_bracket(json, c, err);
    case ',':
        SL_TRY(end_value(json, err));
        sli_str_clear(&json->key);
        return SL_OK;
    case ':': { // what came was a key
        SL_TRY(sli_str_check(&json->value, "an answer's key", err));
        sli_str key = json->key;
        json->key = json->value;
        json->value = key;
        json->has_value = false;
        return SL_OK;
    }
    case '"':
        begin_value(json);
        json->in_string = true;
        return SL_OK;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return SL_OK;
    default: // of a number, true, false, null
        if (!json->has_value) {
            begin_value(json);
        }
        sli_str_char(&json->value, c);
        return json->depth == 0 ? refuse(json, err) : SL_OK;
    }
}

sl_code hdfs_json_feed(hdfs_json *json, const char *data, size_t size, sl_error *err)
{
    sl_code rc = json->bad ? refuse(json, err) : SL_OK;
    for (size_t at = 0; rc == SL_OK && at < size;) {
        if (json->in_string) {
            at += take_string(json, data + at, size - at);
            rc = json->bad || json->value.size > LONGEST ? refuse(json, err) : SL_OK;
        } else {
            rc = take_mark(json, data[at++], err);
        }
    }
    return rc;
}

void hdfs_json_reset(hdfs_json *json)
{
    sli_str_reset(&json->key);
    sli_str_reset(&json->value);
}

sl_code hdfs_json_read(hdfs_json *json, sli_http_call *call, sl_error *err)
{
    char *piece = sl_alloc(SLI_TAG_FS, STEP);
    if (piece == NULL) {
        return sl_error_nomem(err, STEP, "an answer");
    }
    json->key.tag = json->value.tag = SLI_TAG_FS;
    size_t n = STEP;
    sl_code rc = SL_OK;
    while (rc == SL_OK && n == STEP) {
        rc = sli_http_gate.read(call, piece, STEP, &n, err);
        rc = rc == SL_OK ? hdfs_json_feed(json, piece, n, err) : rc;
    }
    sl_free(piece);
    return rc == SL_OK && (json->depth > 0 || json->in_string) ? refuse(json, err) : rc;
}
