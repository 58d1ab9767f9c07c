/// master_test.c — what --master takes, and what it says to anything else.
#include "sl_test.h"

#include "exec/exec.h"

static int32_t workers_of(const char *master, int32_t processors)
{
    int32_t n = -1;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_master_parse(master, processors, &n, &err), SL_OK);
    return n;
}

SL_TEST(master_local_forms, "")
{
    assert_int_equal(workers_of("local", 8), 1);
    assert_int_equal(workers_of("local[1]", 8), 1);
    assert_int_equal(workers_of("local[7]", 2), 7);
    assert_int_equal(workers_of("local[1024]", 2), SLI_EXEC_MAX_WORKERS);
    assert_int_equal(workers_of("local[*]", 6), 6);
    assert_int_equal(workers_of("local[*]", 0), 1);
    assert_int_equal(workers_of("local[*]", 5000), SLI_EXEC_MAX_WORKERS);
}

SL_TEST(master_refuses_all_else, "")
{
    const char *bad[] = {"",          "loca",
                         "local[",    "local[]",
                         "local]",    "local[0]",
                         "local[-1]", "local[1025]",
                         "local[2",   "local[2]x",
                         "local[ 2]", "local[2,4]",
                         "Local[2]",  "local[**]",
                         "yarn",      "spark://h:7077",
                         "local-2",   "local[99999999999999999999]",
                         "local[*"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int32_t n = -7;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_master_parse(bad[i], 4, &n, &err), SL_E_CONFIG);
        assert_int_equal(n, -7);
        assert_non_null(strstr(err.text, "local[*]"));
        assert_int_equal(sli_master_parse(bad[i], 4, &n, NULL), SL_E_CONFIG);
    }
}
