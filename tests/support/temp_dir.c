// slt_temp_dir: one directory per test, under $TMPDIR, gone when the test has passed.
#include "sl_test.h"
#include "support_int.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char path[512]; // "": the running test has not asked for one

const char *slt_temp_dir(void)
{
    if (path[0] == '\0') {
        const char *base = getenv("TMPDIR");
        int n = snprintf(path, sizeof path, "%s/slt-XXXXXX",
                         base != NULL && *base != '\0' ? base : "/tmp");
        if (n < 0 || (size_t)n >= sizeof path || mkdtemp(path) == NULL) {
            path[0] = '\0';
            fail_msg("no temporary directory under TMPDIR");
        }
    }
    return path;
}

static int remove_entry(const char *entry, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    if (remove(entry) != 0) {
        perror(entry); // a test left something odd; seen, but no reason to fail it
    }
    return 0;
}

// A test may leave a directory without rights; nftw cannot list that, so rights are given back on
// the way down.
static int allow_entry(const char *entry, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)at;
    if (kind == FTW_D || kind == FTW_DNR) {
        (void)chmod(entry, 0700);
    }
    return 0;
}

void slt_temp_dir_end(_Bool passed)
{
    if (path[0] == '\0') {
        return;
    }
    if (passed) {
        (void)nftw(path, allow_entry, 16, FTW_PHYS);
        (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    } else {
        fprintf(stderr, "# files of the failed test are kept in %s\n", path);
    }
    path[0] = '\0';
}
