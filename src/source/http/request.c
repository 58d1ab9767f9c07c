// request.c — bytes to requests, by nodejs' http_parser, with a limit for everything that grows.
//
// The parser calls back for each piece of a request. A callback that refuses sets `status` and
// stops the parser, which then says how far it came; nothing of the connection is read after that.
#include "source/http/http_int.h"

#include <strings.h>

static http_request *self_of(http_parser *parser)
{
    return parser->data;
}

/// For the parser: not zero stops it.
static int refuse(http_request *r, int32_t status, const char *why)
{
    if (r->status == 0) {
        r->status = status;
        r->why = why;
    }
    return 1;
}

// ---------------------------------------------------------------- decompressing

static void *allocate(void *ctx, unsigned n, unsigned size)
{
    (void)ctx;
    return sl_alloc_array(SLI_TAG_SOURCE, n, size);
}

static void release(void *ctx, void *p)
{
    (void)ctx;
    sl_free(p);
}

static bool begin_unzip(http_request *r)
{
    enum { ONLY_GZIP = 16 + MAX_WBITS };
    r->unzip = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *r->unzip);
    if (r->unzip == NULL) {
        return false;
    }
    r->unzip->zalloc = allocate;
    r->unzip->zfree = release;
    if (inflateInit2(r->unzip, ONLY_GZIP) != Z_OK) {
        sl_free(r->unzip);
        r->unzip = NULL;
        return false;
    }
    return true;
}

static void end_unzip(http_request *r)
{
    if (r->unzip != NULL) {
        (void)inflateEnd(r->unzip);
        sl_free(r->unzip);
        r->unzip = NULL;
    }
}

static int add_body(http_request *r, const char *data, size_t size)
{
    if ((int64_t)(r->body.size + size) > r->most) {
        return refuse(r, 413, "a body over max_frame");
    }
    sli_str_add(&r->body, data, size);
    return r->body.failed ? refuse(r, 503, "no memory") : 0;
}

/// A file of gzip may have several members, one behind the other.
static int unzip_piece(http_request *r, const char *data, size_t size)
{
    char out[16 << 10];
    r->unzip->next_in = (Bytef *)(uintptr_t)data;
    r->unzip->avail_in = (uInt)size;
    do {
        if (r->unzipped && (r->unzip->avail_in == 0 || inflateReset(r->unzip) != Z_OK)) {
            return 0;
        }
        r->unzip->next_out = (Bytef *)out;
        r->unzip->avail_out = sizeof out;
        int rc = inflate(r->unzip, Z_NO_FLUSH);
        r->unzipped = rc == Z_STREAM_END;
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return refuse(r, 400, "a body that is no gzip");
        }
        if (add_body(r, out, sizeof out - r->unzip->avail_out) != 0) {
            return 1;
        }
    } while (r->unzip->avail_in > 0 || r->unzip->avail_out == 0);
    return 0;
}

// ---------------------------------------------------------------- headers

static bool name_is(const http_request *r, const char *name)
{
    return sli_text_is((sl_text){r->name.data, r->name.size}, name);
}

static bool value_is(const http_request *r, const char *value)
{
    return r->value.size == strlen(value) &&
           (r->value.size == 0 || strncasecmp(r->value.data, value, r->value.size) == 0);
}

static int see_encoding(http_request *r)
{
    if (value_is(r, "gzip") || value_is(r, "x-gzip")) {
        return r->unzip != NULL || begin_unzip(r) ? 0 : refuse(r, 503, "no memory");
    }
    return value_is(r, "identity") ? 0 : refuse(r, 415, "Content-Encoding: gzip alone is read");
}

static int see_key(http_request *r)
{
    if (r->has_key || r->value.size == 0 || r->value.size > HTTP_MOST_KEY) {
        return refuse(r, 400, "one Idempotency-Key of 1 to 256 bytes is expected");
    }
    r->has_key = true;
    sli_str_add(&r->key, r->value.data, r->value.size);
    return 0;
}

static int see_token(http_request *r)
{
    static const char scheme[] = "Bearer ";
    size_t front = sizeof scheme - 1;
    sli_str_clear(&r->token);
    if (r->value.size > front && strncasecmp(r->value.data, scheme, front) == 0) {
        sli_str_add(&r->token, r->value.data + front, r->value.size - front);
    }
    return 0;
}

static int see_expectation(http_request *r)
{
    if (!value_is(r, "100-continue")) {
        return refuse(r, 417, "Expect: 100-continue alone is met");
    }
    r->wants_continue = true;
    return 0;
}

/// A header is whole: those that mean something to us, and all but secrets for the records.
static int see_header(http_request *r)
{
    if (r->name.size == 0) {
        return 0;
    }
    for (size_t i = 0; i < r->name.size; i++) {
        char c = r->name.data[i];
        r->name.data[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    if (++r->n_fields > HTTP_MOST_FIELDS) {
        return refuse(r, 431, "too many headers");
    }
    bool secret =
        name_is(r, "authorization") || name_is(r, "proxy-authorization") || name_is(r, "cookie");
    if (!secret) {
        sli_headers_put(&r->fields, (sl_bytes){r->name.data, r->name.size},
                        (sl_bytes){r->value.data == NULL ? "" : r->value.data, r->value.size});
    }
    int rc = name_is(r, "idempotency-key")    ? see_key(r)
             : name_is(r, "authorization")    ? see_token(r)
             : name_is(r, "content-encoding") ? see_encoding(r)
             : name_is(r, "expect")           ? see_expectation(r)
                                              : 0;
    sli_str_clear(&r->name);
    sli_str_clear(&r->value);
    bool failed = r->fields.failed || r->key.failed || r->token.failed;
    return rc == 0 && failed ? refuse(r, 503, "no memory") : rc;
}

/// A piece of a header's name or value.
static int add_piece(http_request *r, sli_str *to, const char *data, size_t size)
{
    r->head_bytes += size;
    if (r->head_bytes > HTTP_MOST_HEAD || to->size + size > HTTP_MOST_FIELD) {
        return refuse(r, 431, "headers are too long");
    }
    sli_str_add(to, data, size);
    return to->failed ? refuse(r, 503, "no memory") : 0;
}

// ---------------------------------------------------------------- what the parser calls

static int on_begin(http_parser *parser)
{
    self_of(parser)->begun = true;
    return 0;
}

static int on_url(http_parser *parser, const char *data, size_t size)
{
    http_request *r = self_of(parser);
    if (r->target.size + size > HTTP_MOST_TARGET) {
        return refuse(r, 414, "a path that is too long");
    }
    sli_str_add(&r->target, data, size);
    return r->target.failed ? refuse(r, 503, "no memory") : 0;
}

static int on_name(http_parser *parser, const char *data, size_t size)
{
    http_request *r = self_of(parser);
    if (r->in_value) {
        r->in_value = false;
        if (see_header(r) != 0) {
            return 1;
        }
    }
    return add_piece(r, &r->name, data, size);
}

static int on_value(http_parser *parser, const char *data, size_t size)
{
    http_request *r = self_of(parser);
    r->in_value = true;
    return add_piece(r, &r->value, data, size);
}

static int on_headers(http_parser *parser)
{
    http_request *r = self_of(parser);
    if (r->headers_done) { // trailers, behind a body in chunks
        return 0;
    }
    if (see_header(r) != 0) {
        return -1;
    }
    r->headers_done = true;
    r->in_value = false;
    parser->upgrade = 0; // no other protocol is spoken here; who asks for one may go on without
    bool sized = (parser->flags & F_CONTENTLENGTH) != 0;
    if (sized && parser->content_length > (uint64_t)r->most) {
        (void)refuse(r, 413, "a body over max_frame");
        return -1;
    }
    int32_t status = r->judge(r->ctx, r);
    if (status != 0) {
        (void)refuse(r, status, "");
        return -1;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *data, size_t size)
{
    http_request *r = self_of(parser);
    return r->unzip == NULL ? add_body(r, data, size) : unzip_piece(r, data, size);
}

/// Stops the parser behind the request: what follows is the next one's.
static int on_whole(http_parser *parser)
{
    http_request *r = self_of(parser);
    if (r->unzip != NULL && !r->unzipped) {
        return refuse(r, 400, "a body that is cut off inside gzip");
    }
    r->whole = true;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings callbacks = {.on_message_begin = on_begin,
                                               .on_url = on_url,
                                               .on_header_field = on_name,
                                               .on_header_value = on_value,
                                               .on_headers_complete = on_headers,
                                               .on_body = on_body,
                                               .on_message_complete = on_whole};

// ---------------------------------------------------------------- the request

void http_request_begin(http_request *r, http_judge_fn judge, void *ctx, int64_t most)
{
    *r = (http_request){.judge = judge, .ctx = ctx, .most = most};
    r->target.tag = r->name.tag = r->value.tag = r->fields.tag = SLI_TAG_SOURCE;
    r->key.tag = r->token.tag = r->body.tag = SLI_TAG_SOURCE;
    http_parser_init(&r->parser, HTTP_REQUEST);
    r->parser.data = r;
}

size_t http_request_feed(http_request *r, const char *data, size_t size)
{
    if (r->status != 0 || r->whole) {
        return 0;
    }
    size_t used = http_parser_execute(&r->parser, &callbacks, data, size);
    enum http_errno rc = HTTP_PARSER_ERRNO(&r->parser);
    if (rc == HPE_PAUSED) {
        http_parser_pause(&r->parser, 0);
    } else if (rc != HPE_OK && r->status == 0) {
        (void)refuse(r, rc == HPE_HEADER_OVERFLOW ? 431 : 400, http_errno_description(rc));
    }
    return used;
}

void http_request_reset(http_request *r)
{
    end_unzip(r);
    if (r->token.data != NULL) {
        explicit_bzero(r->token.data, r->token.size);
    }
    sli_str *all[] = {&r->target, &r->name, &r->value, &r->fields, &r->key, &r->token, &r->body};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        sli_str_reset(all[i]);
    }
}

void http_request_next(http_request *r)
{
    http_parser parser = r->parser; // knows whether the connection stays
    http_request_reset(r);
    http_request_begin(r, r->judge, r->ctx, r->most);
    r->parser = parser;
}

bool http_request_is(const http_request *r, enum http_method method)
{
    return r->parser.method == (unsigned)method;
}

sl_text http_request_path(const http_request *r)
{
    sl_text path = {r->target.data == NULL ? "" : r->target.data, r->target.size};
    const char *query = memchr(path.data, '?', path.size);
    path.size = query == NULL ? path.size : (size_t)(query - path.data);
    return path;
}
