// Where the HDFS of `make test-hdfs` is, and how to hurt it.
#include "namenode.h"

#include <stdio.h>
#include <stdlib.h>

#include "sl_test.h"

const char *slt_hdfs_dir(void)
{
    const char *dir = getenv("SLUICE_TEST_HDFS");
    if (!SLT_CURL) {
        slt_not_here("a build without HTTP");
    }
    if (dir == NULL || *dir == '\0') {
        slt_not_here("no HDFS in SLUICE_TEST_HDFS: make test-hdfs starts one");
    }
    return dir;
}

void slt_hdfs_web(char *out, size_t size)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/web", slt_hdfs_dir());
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(out, (int)size, file) == NULL) {
        fail_msg("%s: not a file of tools/hdfs", path);
    }
    (void)fclose(file);
}

int slt_hdfs_tool(const char *verb, const char *words)
{
    char command[1024];
    (void)snprintf(command, sizeof command, "'%s/tools/hdfs' %s '%s' %s", SLT_SOURCE_DIR, verb,
                   slt_hdfs_dir(), words);
    return system(command);
}
