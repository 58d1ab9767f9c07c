/// conf_test.c — values are read when set, mistakes are told with what would be right, and change
/// nothing.
#include "sl_test.h"

#include "conf/conf.h"

static const sl_option general[] = {
    {.name = "name", .type = SL_OPT_TEXT, .text = "Name shown.", .flags = SL_OPT_REQUIRED},
    {.name = "rows_per_second",
     .type = SL_OPT_INT,
     .fallback = "100",
     .low = "1",
     .high = "1000",
     .text = "Rate.",
     .flags = SL_OPT_RESULT},
    {.name = "interval",
     .type = SL_OPT_DURATION,
     .fallback = "500ms",
     .low = "1ms",
     .flags = SL_OPT_RESULT},
    {.name = "limit", .type = SL_OPT_SIZE, .fallback = "64MiB", .high = "1g"},
    {0},
};
static const sl_option special[] = {
    {.name = "codec",
     .type = SL_OPT_CHOICE,
     .choices = "none|lz4|zstd",
     .fallback = "lz4",
     .flags = SL_OPT_RESULT},
    {.name = "level", .type = SL_OPT_CHOICE, .choices = "low|high"},
    {.name = "header", .type = SL_OPT_BOOL, .fallback = "yes"},
    {.name = "ratio",
     .type = SL_OPT_FLOAT,
     .fallback = "0.5",
     .low = "0",
     .high = "1",
     .flags = SL_OPT_RESULT},
    {.name = "password", .type = SL_OPT_SECRET},
    {.name = "note", .type = SL_OPT_TEXT, .flags = SL_OPT_RESULT},
    {0},
};
static const sl_option *const both[] = {general, special, NULL};

static sl_conf *new_conf(void)
{
    sl_conf *conf = NULL;
    assert_int_equal(sl_conf_new(&conf, "source socket", both, NULL), SL_OK);
    return conf;
}

static sl_code set(sl_conf *conf, const char *name, const char *value, sl_error *err)
{
    return sl_conf_set(conf, name, sli_text_of(value), err);
}

// The value is refused, the text holds each of the words, and the option is as it was.
static void check_refused(const char *name, const char *value, const char *word, const char *other)
{
    sl_conf *conf = new_conf();
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(set(conf, name, value, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "source socket: "));
    assert_non_null(strstr(err.text, name));
    if (strstr(err.text, word) == NULL || strstr(err.text, other) == NULL) {
        fail_msg("no '%s' or no '%s' in: %s", word, other, err.text);
    }
    assert_false(sl_conf_is_set(conf, name));
    sl_conf_free(conf);
}

SL_TEST(conf_gives_defaults, "")
{
    sl_conf *conf = new_conf();
    assert_null(sl_conf_text(conf, "name"));
    assert_null(sl_conf_text(conf, "password"));
    assert_int_equal(sl_conf_int64(conf, "rows_per_second"), 100);
    assert_int_equal(sl_conf_int64(conf, "interval"), 500000);
    assert_int_equal(sl_conf_int64(conf, "limit"), 64 << 20);
    assert_string_equal(sl_conf_text(conf, "codec"), "lz4");
    assert_int_equal(sl_conf_choice(conf, "codec"), 1);
    assert_int_equal(sl_conf_choice(conf, "level"), -1);
    assert_true(sl_conf_bool(conf, "header"));
    assert_true(sl_conf_float64(conf, "ratio") == 0.5);
    assert_false(sl_conf_is_set(conf, "codec"));
    sl_conf_free(conf);
}

SL_TEST(conf_set_reads_every_type_and_replaces, "")
{
    sl_conf *conf = new_conf();
    assert_int_equal(set(conf, "name", "first", NULL), SL_OK);
    assert_int_equal(set(conf, "name", "", NULL), SL_OK);
    assert_string_equal(sl_conf_text(conf, "name"), "");
    assert_true(sl_conf_is_set(conf, "name"));
    assert_int_equal(set(conf, "rows_per_second", "1000", NULL), SL_OK);
    assert_int_equal(sl_conf_int64(conf, "rows_per_second"), 1000);
    assert_int_equal(set(conf, "interval", "2s", NULL), SL_OK);
    assert_int_equal(sl_conf_int64(conf, "interval"), 2000000);
    assert_int_equal(set(conf, "limit", "1g", NULL), SL_OK);
    assert_int_equal(sl_conf_int64(conf, "limit"), 1 << 30);
    assert_int_equal(set(conf, "codec", "zstd", NULL), SL_OK);
    assert_int_equal(sl_conf_choice(conf, "codec"), 2);
    assert_string_equal(sl_conf_text(conf, "codec"), "zstd");
    assert_int_equal(set(conf, "header", "off", NULL), SL_OK);
    assert_false(sl_conf_bool(conf, "header"));
    assert_int_equal(set(conf, "ratio", "1", NULL), SL_OK);
    assert_true(sl_conf_float64(conf, "ratio") == 1.0);
    assert_int_equal(set(conf, "password", "s3cret", NULL), SL_OK);
    assert_string_equal(sl_conf_text(conf, "password"), "s3cret");
    sl_conf_free(conf);
}

SL_TEST(conf_set_takes_text_that_is_not_zero_ended, "")
{
    sl_conf *conf = new_conf();
    assert_int_equal(sl_conf_set(conf, "name", (sl_text){"abcdef", 3}, NULL), SL_OK);
    assert_string_equal(sl_conf_text(conf, "name"), "abc");
    assert_int_equal(sl_conf_set(conf, "name", (sl_text){NULL, 0}, NULL), SL_OK);
    assert_string_equal(sl_conf_text(conf, "name"), "");
    sl_conf_free(conf);
}

SL_TEST(conf_refuses_values_and_says_what_is_allowed, "")
{
    check_refused("rows_per_second", "many", "\"many\"", "a whole number, from 1 to 1000");
    check_refused("rows_per_second", "0", "too small", "from 1 to 1000");
    check_refused("rows_per_second", "1001", "too large", "from 1 to 1000");
    check_refused("rows_per_second", "99999999999999999999", "rows_per_second", "from 1 to 1000");
    check_refused("rows_per_second", "", "\"\"", "a whole number");
    check_refused("rows_per_second", "1 ", "\"1 \"", "a whole number");
    check_refused("interval", "0ms", "too small", "at least 1ms");
    check_refused("interval", "soon", "\"soon\"", "500ms");
    check_refused("limit", "2g", "too large", "at most 1g");
    check_refused("codec", "gzip", "is not a choice", "one of none, lz4, zstd");
    check_refused("codec", "", "is not a choice", "one of none, lz4, zstd");
    check_refused("codec", "none|lz4", "is not a choice", "one of none");
    check_refused("codec", "lz", "is not a choice", "one of none");
    check_refused("header", "maybe", "\"maybe\"", "true or false");
    check_refused("ratio", "1.01", "too large", "from 0 to 1");
    check_refused("ratio", "NaN", "ratio", "a number");
    check_refused("note", "a\xff", "not UTF-8", "\"a\\xff\"");
}

SL_TEST(conf_refuses_zero_bytes_and_huge_values, "")
{
    sl_conf *conf = new_conf();
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_set(conf, "name", (sl_text){"a\0b", 3}, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "zero byte"));
    size_t size = 64 * 1024 + 1;
    char *huge = sl_alloc(SLI_TAG_TEST, size);
    memset(huge, 'x', size);
    assert_int_equal(sl_conf_set(conf, "name", (sl_text){huge, size}, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "65537 bytes"));
    assert_int_equal(sl_conf_set(conf, "name", (sl_text){huge, size - 1}, &err), SL_OK);
    assert_int_equal(sl_conf_set(conf, "codec", (sl_text){huge, size - 1}, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "x\"...")); // a long value is shown in part
    sl_free(huge);
    sl_conf_free(conf);
}

SL_TEST(conf_names_the_nearest_option, "")
{
    sl_conf *conf = new_conf();
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(set(conf, "row_per_second", "5", &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "did you mean rows_per_second?"));
    assert_int_equal(set(conf, "codek", "lz4", &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "did you mean codec?"));
    assert_int_equal(set(conf, "zzzzzzzzzzzz", "5", &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "known are name, rows_per_second"));
    assert_int_equal(set(conf, "", "5", &err), SL_E_CONFIG);
    sl_conf_free(conf);

    const sl_option *const none[] = {NULL};
    assert_int_equal(sl_conf_new(&conf, "sink console", none, &err), SL_OK);
    assert_int_equal(set(conf, "a", "5", &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "it takes no options"));
    sl_conf_free(conf);
}

SL_TEST(conf_never_repeats_a_secret, "")
{
    sl_conf *conf = new_conf();
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_set(conf, "password", (sl_text){"hunter2\0x", 9}, &err), SL_E_CONFIG);
    assert_null(strstr(err.text, "hunter2"));
    assert_int_equal(sl_conf_parse(conf, "password='hunter2", &err), SL_E_CONFIG);
    assert_null(strstr(err.text, "hunter2"));
    assert_int_equal(sl_conf_parse_query(conf, sli_text_of("password=hunter2%f"), &err),
                     SL_E_CONFIG);
    assert_null(strstr(err.text, "hunter2"));
    sl_conf_free(conf);
}

SL_TEST(conf_parse_sets_all_or_nothing, "")
{
    sl_conf *conf = new_conf();
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_parse(conf, "name='two words', rows_per_second=7", &err), SL_OK);
    assert_string_equal(sl_conf_text(conf, "name"), "two words");
    assert_int_equal(sl_conf_parse(conf, "name=other rows_per_second=0", &err), SL_E_CONFIG);
    assert_string_equal(sl_conf_text(conf, "name"), "two words");
    assert_int_equal(sl_conf_parse(conf, "name=other codec", &err), SL_E_CONFIG);
    assert_string_equal(sl_conf_text(conf, "name"), "two words");
    assert_int_equal(sl_conf_parse(conf, "", &err), SL_OK);
    assert_int_equal(sl_conf_parse(conf, NULL, &err), SL_OK);
    sl_conf_free(conf);
}

SL_TEST(conf_parse_query_decodes, "")
{
    sl_conf *conf = new_conf();
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(
        sl_conf_parse_query(conf, sli_text_of("name=a%20b%26c%3d+&&rows_per_second=9&"), &err),
        SL_OK);
    assert_string_equal(sl_conf_text(conf, "name"), "a b&c=+");
    assert_int_equal(sl_conf_int64(conf, "rows_per_second"), 9);
    assert_int_equal(sl_conf_parse_query(conf, sli_text_of("name="), &err), SL_OK);
    assert_string_equal(sl_conf_text(conf, "name"), "");
    assert_int_equal(sl_conf_parse_query(conf, (sl_text){0}, &err), SL_OK);
    const char *bad[] = {"name",     "=x",       "name=%",   "name=%4", "name=%zz",
                         "name=%00", "name=%ff", "na%6de=x", "name=x&y"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(sl_conf_parse_query(conf, sli_text_of(bad[i]), &err), SL_E_CONFIG);
        assert_true(err.text[0] != '\0');
        assert_string_equal(sl_conf_text(conf, "name"), "");
    }
    sl_conf_free(conf);
}

SL_TEST(conf_check_names_what_is_missing, "")
{
    sl_conf *conf = new_conf();
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_check(conf, &err), SL_E_CONFIG);
    assert_string_equal(err.text, "source socket: option name must be set: Name shown. "
                                  "(UTF-8 text without zero bytes)");
    assert_int_equal(set(conf, "name", "x", &err), SL_OK);
    assert_int_equal(sl_conf_check(conf, &err), SL_OK);
    sl_conf_free(conf);
}

static uint64_t hash_with(const char *text)
{
    sl_conf *conf = new_conf();
    assert_int_equal(sl_conf_parse(conf, text, NULL), SL_OK);
    uint64_t hash = sl_conf_result_hash(conf);
    sl_conf_free(conf);
    return hash;
}

SL_TEST(conf_result_hash_is_by_meaning, "")
{
    uint64_t plain = hash_with("");
    assert_true(hash_with("interval=500ms rows_per_second=100 codec=lz4 ratio=0.50") ==
                plain); // the defaults
    assert_true(hash_with("interval=1s") == hash_with("interval=1000ms"));
    assert_true(hash_with("interval=1s") != plain);
    assert_true(hash_with("codec=zstd") != plain);
    assert_true(hash_with("ratio=0.25") != plain);
    assert_true(hash_with("ratio=-0.0") == hash_with("ratio=0"));
    assert_true(hash_with("note=''") != plain); // set but empty is not unset
    assert_true(hash_with("name=x limit=1k header=no password=p") ==
                plain); // none of these reaches results
}

SL_TEST(conf_new_refuses_tables_that_make_no_sense, "")
{
    const sl_option bad[] = {
        {.name = "", .type = SL_OPT_INT},
        {.name = "a b", .type = SL_OPT_INT},
        {.name = "1a", .type = SL_OPT_INT},
        {.name = "a"},
        {.name = "a", .type = (sl_option_type)99},
        {.name = "a", .type = SL_OPT_CHOICE},
        {.name = "a", .type = SL_OPT_INT, .choices = "a|b"},
        {.name = "a", .type = SL_OPT_CHOICE, .choices = "a|b", .fallback = "c"},
        {.name = "a", .type = SL_OPT_INT, .fallback = "x"},
        {.name = "a", .type = SL_OPT_INT, .fallback = "11", .high = "10"},
        {.name = "a", .type = SL_OPT_INT, .low = "x"},
        {.name = "a", .type = SL_OPT_INT, .low = "3", .high = "2"},
        {.name = "a", .type = SL_OPT_FLOAT, .low = "3", .high = "2.5"},
        {.name = "a", .type = SL_OPT_TEXT, .low = "a"},
        {.name = "a", .type = SL_OPT_SECRET, .fallback = "a"},
        {.name = "a", .type = SL_OPT_SECRET, .flags = SL_OPT_RESULT},
        {.name = "a", .type = SL_OPT_INT, .fallback = "1", .flags = SL_OPT_REQUIRED},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const sl_option table[] = {bad[i], {0}};
        const sl_option *const tables[] = {table, NULL};
        sl_error err = SL_ERROR_INIT;
        sl_conf *conf = NULL;
        assert_int_equal(sl_conf_new(&conf, "job", tables, &err), SL_E_INVALID);
        assert_null(conf);
        assert_memory_equal(err.text, "job: option ", 12);
    }
    const sl_option *const twice[] = {general, general, NULL};
    sl_conf *conf = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_new(&conf, "job", twice, &err), SL_E_INVALID);
    assert_string_equal(err.text, "job: option name: declared twice");
}

SL_TEST(conf_survives_any_failed_allocation, "")
{
    int64_t before = sli_mem_used(SLI_TAG_CONF);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        sl_conf *conf = NULL;
        sl_error err = SL_ERROR_INIT;
        sli_mem_fail_nth(n);
        sl_code rc = sl_conf_new(&conf, "job", both, &err);
        if (rc == SL_OK) {
            rc = sl_conf_parse(conf, "name=\"a\\tb\" codec=zstd", &err);
        }
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(rc, failed ? SL_E_NOMEM : SL_OK);
        if (rc == SL_OK) {
            assert_string_equal(sl_conf_text(conf, "name"), "a\tb");
        }
        sl_conf_free(conf);
        assert_int_equal(sli_mem_used(SLI_TAG_CONF), before);
    }
}
