// All golden cases. Each is a text in spark/ (recorded from Apache Spark) or sluice/ (what our own
// operators, sources and sinks promise); README.md has the format. SLUICE_GOLDEN=part-of-a-name
// runs those cases only, SLUICE_GOLDEN_DIR=directory those there, too.
#include "sl_test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/case.h"

enum { MAX_CASES = 1024, WHY_BYTES = 16384 };

static int is_case(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    const char *only = getenv("SLUICE_GOLDEN");
    return size > 4 && strcmp(entry->d_name + size - 4, ".txt") == 0 &&
           (only == NULL || strstr(entry->d_name, only) != NULL);
}

static bool run_case(const char *dir, const char *file, char *why)
{
    char path[1024];
    slt_golden *golden = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    if (!slt_golden_read(&golden, path, why, WHY_BYTES)) {
        return false;
    }
    size_t size = strlen(golden->name);
    bool passed = strlen(file) == size + 4 && strncmp(file, golden->name, size) == 0;
    if (!passed) {
        (void)snprintf(why, WHY_BYTES, "%s: the case is called '%s'", path, golden->name);
    }
    passed = passed && slt_golden_run(golden, why, WHY_BYTES);
    slt_golden_free(golden);
    return passed;
}

/// Runs every case of the directory, so that one failure does not hide the next.
static void run_all(const char *dir, int at_least)
{
    char *why = malloc(WHY_BYTES);
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_case, alphasort), failed = 0;
    bool all = getenv("SLUICE_GOLDEN") == NULL;
    assert_non_null(why);
    assert_in_range(n, all ? at_least : 0, MAX_CASES);
    for (int i = 0; i < n; i++) {
        why[0] = '\0';
        if (!run_case(dir, entries[i]->d_name, why)) {
            print_error("golden case %s failed\n%s\n", entries[i]->d_name, why);
            failed++;
        }
        free(entries[i]);
    }
    free(entries);
    free(why);
    print_message("# %d golden cases of %s\n", n, dir);
    assert_int_equal(failed, 0);
}

SL_TEST(golden_cases_recorded_from_spark, "")
{
    run_all(SLT_SOURCE_DIR "/tests/golden/spark", 440);
}

SL_TEST(golden_cases_of_a_directory_that_was_named, "")
{
    const char *dir = getenv("SLUICE_GOLDEN_DIR");
    if (dir != NULL) {
        run_all(dir, 1);
    }
}

SL_TEST(golden_cases_of_sluice, "")
{
    run_all(SLT_SOURCE_DIR "/tests/golden/sluice", 120);
}
