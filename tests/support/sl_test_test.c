// The runner is tested by running this very program again, on tests that must fail.
#include "sl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// These fail only when the parent test asks for it, so that a plain run of the program is green.
static _Bool must_fail(const char *how)
{
    const char *asked = getenv("SLT_FAIL");
    return asked != NULL && strcmp(asked, how) == 0;
}

SL_TEST(victim_check, "")
{
    assert_int_equal(must_fail("check") ? 1 : 2, 2);
}

SL_TEST(victim_text, "")
{
    SL_CHECK_TEXT(must_fail("text") ? "a\nbx\n" : "a\nby\n", "a\nby\n");
}

SL_TEST(victim_abort, "RUNNER-1")
{
    assert_false(must_fail("skip"));
    if (must_fail("abort")) {
        abort();
    }
}

// Runs this program with SLT_FAIL=how and a filter; fills out with all it printed, returns its exit
// status.
static int run_self(const char *how, const char *args, char *out, size_t size)
{
    char exe[512];
    char command[1024];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    assert_true(n > 0);
    exe[n] = '\0';
    snprintf(command, sizeof command, "SLT_FAIL=%s '%s' %s 2>&1", how, exe, args);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t used = fread(out, 1, size - 1, pipe);
    out[used] = '\0';
    return pclose(pipe);
}

SL_TEST(failed_check_is_named_and_counted, "")
{
    char out[8192];
    assert_int_not_equal(run_self("check", "victim", out, sizeof out), 0);
    const char *named = strstr(out, "FAIL victim_check (");
    assert_non_null(named);
    assert_non_null(strstr(named, "tests/support/sl_test_test.c:")); // compiled by whatever path
    assert_non_null(strstr(out, "\n2 passed, 1 failed\n"));
}

SL_TEST(differing_text_shows_the_line, "")
{
    char out[8192];
    assert_int_not_equal(run_self("text", "victim_text", out, sizeof out), 0);
    assert_non_null(strstr(out, "differs in line 2, byte 1"));
    assert_non_null(strstr(out, "0 passed, 1 failed\n"));
}

SL_TEST(death_names_its_test, "")
{
    char out[8192];
    assert_int_not_equal(run_self("abort", "victim", out, sizeof out), 0);
    assert_non_null(strstr(out, "victim_abort"));
}

SL_TEST(no_test_run_is_a_failure, "")
{
    char out[8192];
    assert_int_not_equal(run_self("", "nothing_has_this_name", out, sizeof out), 0);
    SL_CHECK_TEXT(out, "0 passed, 0 failed\n");
}

SL_TEST(list_gives_name_and_promise_in_order_of_lines, "")
{
    char out[8192];
    assert_int_equal(run_self("", "--list victim", out, sizeof out), 0);
    SL_CHECK_TEXT(out, "victim_check\t\nvictim_text\t\nvictim_abort\tRUNNER-1\n");
}

static char last_dir[512];

SL_TEST(temp_dir_is_one_directory_per_test, "")
{
    struct stat st;
    snprintf(last_dir, sizeof last_dir, "%s", slt_temp_dir());
    SL_CHECK_TEXT(slt_temp_dir(), last_dir);
    assert_int_equal(stat(last_dir, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    char inner[1024];
    snprintf(inner, sizeof inner, "%s/locked", last_dir);
    assert_int_equal(mkdir(inner, 0), 0); // the clean-up copes with a directory nobody may read
}

SL_TEST(temp_dir_is_removed_after_its_test, "")
{
    assert_int_equal(last_dir[0] == '\0' ? -1 : access(last_dir, F_OK), -1);
    assert_string_not_equal(slt_temp_dir(), last_dir);
}

SL_TEST(a_filter_is_a_part_of_a_name_or_all_of_it, "")
{
    char out[8192];
    assert_int_equal(run_self("nothing", "victim_check victim_tex", out, sizeof out), 0);
    assert_non_null(strstr(out, "\n2 passed, 0 failed\n"));
    assert_int_equal(run_self("nothing", "=victim_check =victim_tex", out, sizeof out), 0);
    assert_non_null(strstr(out, "\n1 passed, 0 failed\n"));
}
