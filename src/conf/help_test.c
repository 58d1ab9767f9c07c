/// help_test.c — help is made from the tables, in lines no longer than asked.
#include "sl_test.h"

#include "conf/conf.h"

static const sl_option table[] = {
    {.name = "rows",
     .type = SL_OPT_INT,
     .fallback = "10",
     .low = "1",
     .high = "1000",
     .text = "Rows of a batch; more rows need more memory and fewer calls."},
    {.name = "path", .type = SL_OPT_TEXT, .text = "Where.", .flags = SL_OPT_REQUIRED},
    {.name = "a.very.long.name.of.an.option",
     .type = SL_OPT_CHOICE,
     .choices = "none|lz4",
     .fallback = "none",
     .text = "How."},
    {.name = "token", .type = SL_OPT_SECRET, .text = "Sent along."},
    {.name = "by", .type = SL_OPT_TEXT, .fallback = "", .text = "Separator \xe2\x80\x94 one."},
    {0},
};
static const sl_option *const tables[] = {table, NULL};

SL_TEST(help_has_two_columns, "")
{
    sli_str out = SLI_STR_INIT;
    sl_conf_help(tables, 72, &out);
    assert_int_equal(sli_str_check(&out, "help", NULL), SL_OK);
    SL_CHECK_TEXT(out.data,
                  "  rows=N                        Rows of a batch; more rows need more\n"
                  "                                memory and fewer calls. Default 10; from\n"
                  "                                1 to 1000.\n"
                  "  path=TEXT                     Where. Required.\n"
                  "  a.very.long.name.of.an.option=none|lz4\n"
                  "                                How. Default none.\n"
                  "  token=SECRET                  Sent along.\n"
                  "  by=TEXT                       Separator \xe2\x80\x94 one. Default empty.\n");
    sli_str_reset(&out);
}

SL_TEST(help_stacks_on_a_narrow_terminal, "")
{
    sli_str out = SLI_STR_INIT;
    sl_conf_help(tables, -3, &out);
    assert_memory_equal(out.data, "  rows=N\n      Rows of a batch; more rows need\n", 41);
    for (const char *line = out.data; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        assert_true(size <= 40 || memcmp(line, "  a.very", 8) == 0);
        line += size + 1;
    }
    sli_str_reset(&out);
    sl_conf_help(NULL, 80, &out);
    assert_int_equal(out.size, 0);
    sli_str_reset(&out);
}

SL_TEST(help_without_memory_is_a_failed_string, "")
{
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        sli_str out = SLI_STR_INIT;
        sli_mem_fail_nth(n);
        sl_conf_help(tables, 72, &out);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(sli_str_check(&out, "help", NULL), failed ? SL_E_NOMEM : SL_OK);
        sli_str_reset(&out);
    }
}
