// Requests: the same however their bytes are cut, and a limit for everything.
#include "source/http/http_int.h"

#include <stdio.h>

#include "sl_test.h"

enum { MOST = 1000 };

static int32_t go_on(void *ctx, const http_request *request)
{
    (void)request;
    return ctx == NULL ? 0 : *(const int32_t *)ctx;
}

/// Feeds pieces of `step` bytes until a request is whole or refused; returns how many were used.
static size_t feed(http_request *r, const char *text, size_t size, size_t step)
{
    size_t at = 0;
    while (at < size && !r->whole && r->status == 0) {
        size_t n = size - at < step ? size - at : step;
        size_t used = http_request_feed(r, text + at, n);
        assert_true(used <= n);
        at += used;
    }
    return at;
}

static void check_refused(const char *text, size_t size, int32_t status)
{
    for (size_t step = 1; step <= size; step += step < 4 ? 1 : 97) {
        http_request r;
        http_request_begin(&r, go_on, NULL, MOST);
        (void)feed(&r, text, size, step);
        assert_int_equal(r.status, status);
        assert_non_null(r.why);
        assert_int_equal(http_request_feed(&r, "x", 1), 0);
        http_request_reset(&r);
    }
}

static void refused(const char *text, int32_t status)
{
    check_refused(text, strlen(text), status);
}

SL_TEST(requests_are_the_same_however_they_are_cut, "")
{
    static const char text[] = "POST /in/a?x=1 HTTP/1.1\r\nHost: h\r\nIdempotency-Key: k-1\r\n"
                               "X-Two: a\r\nAuthorization: bearer tok\r\nContent-Length: 5\r\n\r\n"
                               "a\nb\ncGET / HTTP/1.1\r\n\r\n"
                               "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nxyz\r\n2\r\n!!\r\n0\r\n\r\n";
    size_t size = sizeof text - 1;
    for (size_t step = 1; step <= size; step++) {
        http_request r;
        http_request_begin(&r, go_on, NULL, MOST);
        size_t at = feed(&r, text, size, step);
        assert_true(r.whole && http_request_is(&r, HTTP_POST));
        SL_CHECK_TEXT(r.key.data, "k-1");
        SL_CHECK_TEXT(r.token.data, "tok");
        SL_CHECK_TEXT(r.body.data, "a\nb\nc");
        assert_true(sli_text_is(http_request_path(&r), "/in/a"));
        assert_int_equal(r.n_fields, 5);
        assert_null(memmem(r.fields.data, r.fields.size, "tok", 3)); // secrets go nowhere
        assert_non_null(memmem(r.fields.data, r.fields.size, "x-two", 5));
        assert_true(http_should_keep_alive(&r.parser));
        http_request_next(&r);
        at += feed(&r, text + at, size - at, step);
        assert_true(r.whole && http_request_is(&r, HTTP_GET) && r.body.size == 0 && !r.has_key);
        http_request_next(&r);
        at += feed(&r, text + at, size - at, step);
        assert_true(r.whole && http_request_is(&r, HTTP_PUT));
        SL_CHECK_TEXT(r.body.data, "xyz!!");
        assert_int_equal(at, size);
        http_request_reset(&r);
    }
}

SL_TEST(requests_that_can_not_be_used_are_refused, "")
{
    refused("rubbish\r\n\r\n", 400);
    refused("\x16\x03\x01\x02\x80\x01", 400); // TLS where none is spoken
    refused("POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 413);
    refused("POST / HTTP/1.1\r\nContent-Length: 4294967296000\r\n\r\n", 413);
    refused("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400);
    refused("POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Encoding: br\r\n\r\n", 415);
    refused("POST / HTTP/1.1\r\nExpect: tea\r\n\r\n", 417);
    refused("POST / HTTP/1.1\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nIdempotency-Key:\r\n\r\n", 400);
    refused("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", 400);
}

static char *repeated(const char *front, const char *what, size_t n, const char *end)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_str_text(&text, front);
    for (size_t i = 0; i < n; i++) {
        sli_str_text(&text, what);
    }
    sli_str_text(&text, end);
    return sli_str_take(&text);
}

SL_TEST(everything_of_a_request_has_a_limit, "")
{
    static const struct {
        const char *front, *what;
        size_t n;
        int32_t status;
    } cases[] = {
        {"POST /", "a", HTTP_MOST_TARGET, 414},
        {"POST / HTTP/1.1\r\nX: ", "a", HTTP_MOST_FIELD + 1, 431},
        {"POST / HTTP/1.1\r\n", "a: b\r\n", HTTP_MOST_FIELDS + 1, 431},
        {"POST / HTTP/1.1\r\nIdempotency-Key: ", "k", HTTP_MOST_KEY + 1, 400},
        {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "9\r\n123456789\r\n", 120, 413},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = repeated(cases[i].front, cases[i].what, cases[i].n, "\r\n\r\n");
        check_refused(text, strlen(text), cases[i].status);
        sl_free(text);
    }
}

static size_t zip(const char *data, size_t size, char *out, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)size;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    (void)deflateEnd(&z);
    return room - z.avail_out;
}

/// A request with a zipped body; returns its size.
static size_t zipped_request(const char *body, size_t size, size_t leave_out, char *out,
                             size_t room)
{
    char packed[4096];
    size_t n = zip(body, size, packed, sizeof packed) - leave_out;
    int head = snprintf(
        out, room, "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    memcpy(out + head, packed, n);
    return (size_t)head + n;
}

SL_TEST(zipped_bodies_are_unpacked_within_the_limit, "")
{
    char text[8192];
    size_t size = zipped_request("hello hello hello", 17, 0, text, sizeof text);
    for (size_t step = 1; step < size; step++) {
        http_request r;
        http_request_begin(&r, go_on, NULL, MOST);
        assert_int_equal(feed(&r, text, size, step), size);
        assert_true(r.whole);
        SL_CHECK_TEXT(r.body.data, "hello hello hello");
        http_request_reset(&r);
    }
    static char zeros[1 << 20]; // a bomb: a KiB that becomes a MiB
    size = zipped_request(zeros, sizeof zeros, 0, text, sizeof text);
    check_refused(text, size, 413);
    size = zipped_request("hello hello hello", 17, 4, text, sizeof text);
    check_refused(text, size, 400); // cut off
}

SL_TEST(a_judge_refuses_before_the_body, "")
{
    int32_t no = 401;
    http_request r;
    http_request_begin(&r, go_on, &no, MOST);
    const char *text = "POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n";
    (void)feed(&r, text, strlen(text), 7);
    assert_int_equal(r.status, 401);
    http_request_reset(&r);
}

// ---------------------------------------------------------------- records

static const sli_format_ops *format_named(const char *name, sl_conf **conf)
{
    static const sl_option own[] = {SLI_MESSAGE_OPTION_COLUMNS("path"), {0}};
    const sli_format_ops *format = sli_format_find(sli_text_of(name));
    const sl_option *tables[] = {own, format->options, NULL};
    assert_int_equal(sl_conf_new(conf, "test", tables, NULL), SL_OK);
    return format;
}

/// The records of a body, each followed by ';', with its id when the request has a key.
static void check_records(const char *format, const char *body, const char *key, const char *want)
{
    sl_conf *conf = NULL;
    const sli_format_ops *ops = format_named(format, &conf);
    http_records records;
    http_records_init(&records, ops, conf);
    http_request r;
    http_request_begin(&r, go_on, NULL, MOST);
    sli_str_text(&r.body, body);
    sli_str_text(&r.key, key);
    r.has_key = *key != '\0';
    sli_str out = {.tag = SLI_TAG_TEST}, got = {.tag = SLI_TAG_TEST};
    int64_t n = 0;
    assert_int_equal(http_records_put(&records, &r, 0, &out, &n, NULL), SL_OK);
    sli_message m;
    for (int64_t at = 0; at < (int64_t)out.size; n--) {
        at += sli_message_get(out.data + at, (int64_t)out.size - at, HTTP_CELLS, &m);
        sli_str_add(&got, m.id.data, m.id.size);
        sli_str_add(&got, m.value.data, m.value.size);
        sli_str_char(&got, ';');
    }
    assert_int_equal(n, 0);
    SL_CHECK_TEXT(got.data == NULL ? "" : got.data, want);
    sli_str_reset(&out);
    sli_str_reset(&got);
    http_request_reset(&r);
    sl_conf_free(conf);
}

SL_TEST(bodies_are_cut_into_records_by_their_format, "")
{
    check_records("text", "a\nb\r\n\nc", "", "a;b;;c;");
    check_records("text", "a\n", "k", "k#0a;");
    check_records("text", "", "k", "");
    check_records("json", "{\"a\":1}\n\n{\"a\":2}\n", "k", "k#0{\"a\":1};k#1{\"a\":2};");
    check_records("csv", "1,\"x\ny\"\n2,z\n", "", "1,\"x\ny\";2,z;");
    check_records("bytes", "a\nb\r\n", "k", "k#0a\nb\r\n;");
}
