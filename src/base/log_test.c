#include "base/log.h"

#include <pthread.h>
#include <stdio.h>

#include "base/str.h"
#include "sl_test.h"

typedef struct seen {
    int n;
    sli_level level;
    char module[32], line[2048];
    bool broken; ///< a line that was not whole
} seen;

static void keep(void *self, sli_level level, const char *module, const char *line)
{
    seen *s = self;
    s->n++;
    s->level = level;
    snprintf(s->module, sizeof(s->module), "%s", module);
    snprintf(s->line, sizeof(s->line), "%s", line);
    s->broken = s->broken || strchr(line, '\n') != NULL;
}

static sli_log *log_of(const char *levels, seen *s)
{
    sli_log *log = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_log_new(&log, levels, (sli_log_sink){keep, s}, &err), SL_OK);
    return log;
}

SL_TEST(log_line_is_whole, "")
{
    seen s = {.n = 0};
    sli_log *log = log_of("info", &s);
    SLI_LOG(log, SLI_INFO, "sched", "epoch=%d done", 7);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.level, SLI_INFO);
    SL_CHECK_TEXT(s.module, "sched");
    SL_CHECK_TEXT(s.line, "info  sched: epoch=7 done");
    SLI_LOG(log, SLI_ERROR, "ckpt", "x");
    SL_CHECK_TEXT(s.line, "error ckpt: x");
    sli_log_free(log);
    sli_log_free(NULL);
}

SL_TEST(log_levels_by_module, "")
{
    seen s = {.n = 0};
    sli_log *log = log_of("sched=debug,ckpt=trace,env=off", &s);
    assert_true(sli_log_wants(log, "sched", SLI_DEBUG));
    assert_false(sli_log_wants(log, "sched", SLI_TRACE));
    assert_true(sli_log_wants(log, "ckpt", SLI_TRACE));
    assert_false(sli_log_wants(log, "env", SLI_ERROR));
    assert_true(sli_log_wants(log, "rdd", SLI_WARN)); // the default
    assert_false(sli_log_wants(log, "rdd", SLI_INFO));
    assert_true(sli_log_wants(log, "sche", SLI_WARN)); // no prefixes
    assert_false(sli_log_wants(log, "sche", SLI_DEBUG));
    sli_log_line(log, SLI_ERROR, "env", "unwanted");
    assert_int_equal(s.n, 0);
    sli_log_free(log);
    log = log_of("sched=debug,error,sched=info,", &s);
    assert_true(sli_log_wants(log, "sched", SLI_INFO));
    assert_false(sli_log_wants(log, "sched", SLI_DEBUG));
    assert_false(sli_log_wants(log, "rdd", SLI_WARN));
    sli_log_free(log);
}

static int n_formatted;

static int formatted(void)
{
    return ++n_formatted;
}

SL_TEST(log_off_formats_nothing, "")
{
    seen s = {.n = 0};
    sli_log *log = log_of(NULL, &s);
    n_formatted = 0;
    SLI_LOG(log, SLI_INFO, "x", "%d", formatted());
    SLI_LOG((sli_log *)NULL, SLI_ERROR, "x", "%d", formatted());
    assert_int_equal(n_formatted, 0);
    SLI_LOG(log, SLI_WARN, "x", "%d", formatted());
    assert_int_equal(n_formatted, 1);
    assert_int_equal(s.n, 1);
    sli_log_free(log);
    assert_int_equal(sli_log_new(&log, "trace", (sli_log_sink){NULL, NULL}, NULL), SL_OK);
    assert_false(sli_log_wants(log, "x", SLI_ERROR));
    sli_log_line(log, SLI_ERROR, "x", "dropped");
    sli_log_line(NULL, SLI_ERROR, "x", "dropped");
    sli_log_free(log);
}

SL_TEST(log_refuses_bad_levels, "")
{
    static const char *const levels[] = {"inof",
                                         "sched=",
                                         "=debug",
                                         "sched=debug,ckpt=loud",
                                         "info,,warn",
                                         "Info",
                                         "a_module_with_far_too_long_a_name=debug",
                                         "5",
                                         ","};
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        sli_log *log = NULL;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_log_new(&log, levels[i], (sli_log_sink){NULL, NULL}, &err),
                         SL_E_CONFIG);
        assert_null(log);
        assert_true(err.text[0] != '\0');
    }
    sli_log *log = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_log_new(&log, "sched=debgu", (sli_log_sink){NULL, NULL}, &err);
    assert_non_null(strstr(err.text, "'debgu'"));
    assert_non_null(strstr(err.text, "did you mean 'debug'"));
}

SL_TEST(log_has_at_most_32_modules, "")
{
    sli_str levels = SLI_STR_INIT;
    for (int i = 0; i < 32; i++) {
        sli_str_printf(&levels, "m%d=debug,", i);
    }
    seen s = {.n = 0};
    sli_log *log = log_of(levels.data, &s);
    assert_true(sli_log_wants(log, "m31", SLI_DEBUG));
    sli_log_free(log);
    sli_str_text(&levels, "m32=debug");
    log = NULL;
    assert_int_equal(sli_log_new(&log, levels.data, (sli_log_sink){NULL, NULL}, NULL), SL_E_CONFIG);
    sli_str_reset(&levels);
}

SL_TEST(log_without_memory_says_so, "")
{
    sli_log *log = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_mem_fail_nth(1);
    assert_int_equal(sli_log_new(&log, "info", (sli_log_sink){NULL, NULL}, &err), SL_E_NOMEM);
    sli_mem_fail_nth(0);
    assert_null(log);
}

SL_TEST(log_cuts_long_lines_at_a_character, "")
{
    seen s = {.n = 0};
    sli_log *log = log_of("info", &s);
    char text[3000] = "";
    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', lead);
        for (size_t i = lead; i + 4 < sizeof(text); i += 4) {
            memcpy(text + i, "\xF0\x9F\x98\x80", 5);
        }
        sli_log_line(log, SLI_WARN, "m", "%s", text);
        size_t size = strlen(s.line);
        assert_in_range(size, 1018, 1023);
        assert_string_equal(s.line + size - 3, "...");
        assert_int_equal(sli_utf8_check(s.line, size), size);
    }
    sli_log_line(log, SLI_WARN, "m", "%01014d", 5); // with its head of 9 bytes exactly full
    assert_int_equal(strlen(s.line), 1023);
    assert_int_equal(s.line[1022], '5');
    sli_log_free(log);
}

SL_TEST(log_keeps_one_line_one_line, "")
{
    seen s = {.n = 0};
    sli_log *log = log_of("info", &s);
    sli_log_line(log, SLI_WARN, "m", "a\nwarn  forged: b\r\tc\x1B[2J\x7F");
    SL_CHECK_TEXT(s.line, "warn  m: a warn  forged: b  c [2J ");
    sli_log_free(log);
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < 1000; i++) {
        sli_log_line(arg, SLI_WARN, "thread", "line %d", i);
    }
    return NULL;
}

SL_TEST(log_takes_lines_of_all_threads, "")
{
    seen s = {.n = 0};
    sli_log *log = log_of("info", &s);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, log), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(s.n, 4000);
    assert_false(s.broken);
    sli_log_free(log);
}
