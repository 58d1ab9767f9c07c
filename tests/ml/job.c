#include "ml/job.h"

#include <stdio.h>

sl_test *slt_ml_job(sl_build_fn build, const char *const *settings, bool checkpoint)
{
    sl_test *test = sl_test_new(build, (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                                                      .settings = settings,
                                                      .start_us = 1,
                                                      .seed = 7,
                                                      .checkpoint = checkpoint});
    assert_non_null(test);
    return test;
}

void slt_ml_epoch(sl_test *test, const char *json_lines, int32_t n)
{
    if (json_lines != NULL) {
        sl_test_push(test, "in", json_lines, n);
    }
    sl_test_advance(test, 1);
}

void slt_ml_file(sl_test *test, const char *name, const char *json_lines)
{
    char path[64];
    (void)snprintf(path, sizeof path, "in/%s", name);
    sl_test_put(test, path, json_lines);
    sl_test_advance(test, 1);
}

void slt_ml_fine(sl_test *test)
{
    sl_error err = SL_ERROR_INIT;
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(sl_test_error(test), "");
}

const char *slt_ml_mistake(sl_build_fn build)
{
    static char text[640];
    sl_error err = SL_ERROR_INIT;
    sl_test *test = slt_ml_job(build, NULL, false);
    (void)snprintf(text, sizeof text, "%s", sl_test_check(test, &err) == SL_OK ? "" : err.text);
    sl_test_free(test);
    return text;
}
