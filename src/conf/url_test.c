/// url_test.c — what is a scheme, a host, a path; and that errors give away no secret.
#include "sl_test.h"

#include "conf/conf.h"

static bool is(sl_text a, const char *b)
{
    return a.size == strlen(b) && (a.size == 0 || memcmp(a.data, b, a.size) == 0);
}

static void check(const char *text, const char *scheme, const char *host, int32_t port,
                  const char *path, const char *query)
{
    sli_url url = {0};
    sl_error err = SL_ERROR_INIT;
    if (sli_url_parse(text, &url, &err) != SL_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    if (!is(url.scheme, scheme) || !is(url.host, host) || url.port != port || !is(url.path, path) ||
        !is(url.query, query)) {
        fail_msg("%s is '%.*s' '%.*s' %d '%.*s' '%.*s'", text, (int)url.scheme.size,
                 url.scheme.data, (int)url.host.size, url.host.data, url.port, (int)url.path.size,
                 url.path.data, (int)url.query.size, url.query.data);
    }
}

static void check_bad(const char *text, const char *word)
{
    sli_url url = {.port = 77};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_url_parse(text, &url, &err), SL_E_CONFIG);
    assert_int_equal(url.port, 77);
    if (strstr(err.text, word) == NULL) {
        fail_msg("no '%s' in: %s", word, err.text);
    }
}

SL_TEST(url_parse_splits, "")
{
    check("socket://localhost:9999", "socket", "localhost", 9999, "", "");
    check("socket://localhost:9999/a/b?x=1&y=2", "socket", "localhost", 9999, "/a/b", "x=1&y=2");
    check("socket://localhost:9999?x=1", "socket", "localhost", 9999, "", "x=1");
    check("socket://[::1]:80", "socket", "::1", 80, "", "");
    check("socket://[::1]", "socket", "::1", -1, "", "");
    check("hdfs://name/dir", "hdfs", "name", -1, "/dir", "");
    check("file:///var/in", "file", "", -1, "/var/in", "");
    check("file:in?format=csv", "file", "", -1, "in", "format=csv");
    check("sqlite:/a/b.db?table=t", "sqlite", "", -1, "/a/b.db", "table=t");
    check("rate:?rows_per_second=10", "rate", "", -1, "", "rows_per_second=10");
    check("stdin:", "stdin", "", -1, "", "");
    check("x+y-z.1:a:b", "x+y-z.1", "", -1, "a:b", "");
    check("h://a:0", "h", "a", 0, "", "");
    check("h://a:65535?b?c", "h", "a", 65535, "", "b?c");
    check("h:///p?u=http://x/y", "h", "", -1, "/p", "u=http://x/y");
}

SL_TEST(url_without_a_scheme_is_a_file, "")
{
    check("in", "file", "", -1, "in", "");
    check("/var/in/", "file", "", -1, "/var/in/", "");
    check("./a:b", "file", "", -1, "./a:b", "");
    check("dir/a:b?x=1:2", "file", "", -1, "dir/a:b", "x=1:2");
    check("a?x=b:c", "file", "", -1, "a", "x=b:c");
    check("//a/b", "file", "", -1, "//a/b", "");
    check("with space/\xc3\xa4%20", "file", "", -1, "with space/\xc3\xa4%20", "");
    check("?x=1", "file", "", -1, "", "x=1");
}

SL_TEST(url_parse_refuses, "")
{
    check_bad("", "missing");
    check_bad(":x", "missing");
    check_bad("Socket://a:1", "small letters");
    check_bad("a b:c", "file:PATH");
    check_bad("1a:c", "no scheme");
    check_bad("s://h:", "port");
    check_bad("s://h:x", "port");
    check_bad("s://h:65536", "port");
    check_bad("s://h:99999999999999999999", "port");
    check_bad("s://h:-1", "port");
    check_bad("s://:1", "host");
    check_bad("s://::1:80", "brackets");
    check_bad("s://[::1", "never closed");
    check_bad("s://[::1]80", "after ']'");
    check_bad("s://a b:80", "no space");
    check_bad("a\nb", "control character");
    check_bad("a\xff", "not UTF-8");
}

SL_TEST(url_errors_hide_what_may_be_secret, "")
{
    sli_url url;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_url_parse("db://@host/x", &url, &err), SL_E_CONFIG);
    assert_int_equal(sli_url_parse("db://me@you@host/x", &url, &err), SL_E_CONFIG);
    assert_int_equal(sli_url_parse("db://user:hunter2@host/x", &url, &err), SL_E_CONFIG);
    assert_null(strstr(err.text, "hunter2"));
    assert_int_equal(sli_url_parse("db://host:x/?password=hunter2", &url, &err), SL_E_CONFIG);
    assert_null(strstr(err.text, "hunter2"));
    assert_non_null(strstr(err.text, "db://host:x/"));
}

SL_TEST(url_parse_takes_garbage, "")
{
    static const char letters[] = "a:/?[]@%1 \xc3\xa4\x01";
    uint64_t state = 11;
    for (int round = 0; round < 20000; round++) {
        char text[16];
        size_t size = 0;
        for (; size < sizeof(text) - 1; size++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            text[size] = letters[(state >> 33) % (sizeof(letters))];
        }
        text[size] = '\0';
        sli_url url = {0};
        sl_error err = SL_ERROR_INIT;
        if (sli_url_parse(text, &url, &err) == SL_OK) {
            assert_true(url.scheme.size > 0 && url.port >= -1 && url.port <= 65535);
            assert_true(url.path.size + url.query.size + url.host.size <= strlen(text));
        } else {
            assert_true(err.text[0] != '\0');
        }
    }
}

SL_TEST(urls_name_users_of_what_has_users, "")
{
    static const sl_option with[] = {{.name = "user", .type = SL_OPT_TEXT}, {0}}, without[] = {{0}};
    sli_url url;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_url_parse("db://me@host:7/x", &url, &err), SL_OK);
    assert_true(sli_text_is(url.user, "me") && sli_text_is(url.host, "host") && url.port == 7);
    assert_int_equal(sli_url_user_check(&url, with, &err), SL_OK);
    assert_int_equal(sli_url_user_check(&url, without, &err), SL_E_CONFIG);
    assert_int_equal(sli_url_parse("db://host/x@y", &url, &err), SL_OK);
    assert_int_equal(sli_url_user_check(&url, without, &err), SL_OK);
}
