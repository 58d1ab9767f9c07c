// Families of options: names for somebody else's settings, some of them secrets.
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "sl_test.h"

static const sl_option table[] = {
    {.name = "group", .type = SL_OPT_TEXT, .fallback = "g", .flags = SL_OPT_RESULT},
    {.name = "kafka.",
     .type = SL_OPT_FAMILY,
     .choices = "password|secret",
     .text = "A setting of librdkafka."},
    {0},
};
static const sl_option *const tables[] = {table, NULL};

static sl_conf *conf_of(const char *text)
{
    sl_conf *conf = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_new(&conf, "source kafka", tables, &err), SL_OK);
    if (sl_conf_parse(conf, text, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return conf;
}

static sl_code add(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    sli_str *out = ctx;
    sli_str_printf(out, "%.*s=%.*s;", (int)key.size, key.data, (int)value.size, value.data);
    return sli_str_check(out, "text", err);
}

static void check(const char *text, const char *expected)
{
    sli_str seen = {.tag = SLI_TAG_CONF};
    sl_conf *conf = conf_of(text);
    sli_str_text(&seen, "");
    assert_int_equal(sl_conf_each(conf, "kafka.", add, &seen, NULL), SL_OK);
    SL_CHECK_TEXT(seen.data, expected);
    sli_str_reset(&seen);
    sl_conf_free(conf);
}

SL_TEST(members_come_in_order_of_name_and_the_later_value_wins, "")
{
    check("group=x", "");
    check("kafka.linger.ms=5 kafka.acks=1 kafka.linger.ms=7", "acks=1;linger.ms=7;");
    check("kafka.z='' kafka.a='two words' kafka.m=1", "a=two words;m=1;z=;");
}

SL_TEST(a_family_by_its_bare_name_and_other_names_are_unknown, "")
{
    static const char *const wrong[] = {"kafka.=1", "kafk.a=1", "kafka=1"};
    sl_conf *conf = conf_of("");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sl_conf_parse(conf, wrong[i], &err), SL_E_CONFIG);
        assert_non_null(strstr(err.text, "unknown option"));
    }
    sl_conf_free(conf);
}

SL_TEST(words_in_a_members_name_make_it_a_secret, "")
{
    const sl_option *family = &table[1];
    assert_true(sl_option_is_secret(family, sli_text_of("kafka.sasl.PassWord")));
    assert_true(sl_option_is_secret(family, sli_text_of("kafka.secret")));
    assert_false(sl_option_is_secret(family, sli_text_of("kafka.pass")));
    assert_false(sl_option_is_secret(family, sli_text_of("other.password")));
    assert_false(sl_option_is_secret(&table[0], sli_text_of("group")));
}

SL_TEST(a_members_wrong_value_is_refused_and_never_shown, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_conf *conf = conf_of("");
    static const char bad[] = "hunter\xff";
    assert_int_equal(sl_conf_set(conf, "kafka.sasl.password", (sl_text){bad, sizeof bad - 1}, &err),
                     SL_E_CONFIG);
    assert_null(strstr(err.text, "hunter"));
    sl_conf_free(conf);
}

SL_TEST(a_family_reaches_no_result_and_has_a_line_of_help, "")
{
    sli_str help = {.tag = SLI_TAG_CONF};
    sl_conf *plain = conf_of("group=x"), *set = conf_of("group=x kafka.acks=1");
    assert_int_equal(sl_conf_result_hash(plain), sl_conf_result_hash(set));
    sl_conf_help(tables, 80, &help);
    assert_non_null(strstr(help.data, "kafka.NAME=TEXT"));
    sli_str_reset(&help);
    sl_conf_free(plain);
    sl_conf_free(set);
}

SL_TEST(more_members_than_allowed_are_refused, "")
{
    char name[32];
    sl_error err = SL_ERROR_INIT;
    sl_conf *conf = conf_of("");
    sl_code rc = SL_OK;
    for (int i = 0; i <= 1000 && rc == SL_OK; i++) {
        (void)snprintf(name, sizeof name, "kafka.%d", i);
        rc = sl_conf_set(conf, name, sli_text_of("x"), &err);
    }
    assert_int_equal(rc, SL_E_CONFIG);
    assert_non_null(strstr(err.text, "more than 1000"));
    sl_conf_free(conf);
}

SL_TEST(families_survive_any_failed_allocation, "")
{
    int64_t before = sli_mem_used(SLI_TAG_CONF);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        sl_conf *conf = conf_of("kafka.a=1 kafka.c=2");
        sli_mem_fail_nth(n);
        sl_code rc = sl_conf_parse(conf, "kafka.b=3 kafka.a=4", NULL);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(rc, failed ? SL_E_NOMEM : SL_OK);
        sl_conf_free(conf);
        assert_int_equal(sli_mem_used(SLI_TAG_CONF), before);
    }
}

SL_TEST(a_family_that_makes_no_sense_is_refused, "")
{
    static const sl_option bad[] = {
        {.name = "kafka", .type = SL_OPT_FAMILY},
        {.name = "kafka.", .type = SL_OPT_FAMILY, .fallback = "x"},
        {.name = "kafka.", .type = SL_OPT_FAMILY, .flags = SL_OPT_RESULT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const sl_option one[] = {bad[i], {0}};
        const sl_option *const list[] = {one, NULL};
        sl_conf *conf = NULL;
        assert_int_equal(sl_conf_new(&conf, "x", list, NULL), SL_E_INVALID);
    }
}
