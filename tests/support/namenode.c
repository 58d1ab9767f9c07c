// Where the HDFS of `make test-hdfs` is, and how to hurt it.
#include "namenode.h"

#include <stdio.h>
#include <stdlib.h>

#include "sl_test.h"

static const char *dir_of(const char *variable)
{
    const char *dir = getenv(variable);
    if (!SLT_CURL) {
        slt_not_here("a build without HTTP");
    }
    if (dir == NULL || *dir == '\0') {
        slt_not_here("no HDFS of make test-hdfs");
    }
    return dir;
}

const char *slt_hdfs_dir(void)
{
    return dir_of("SLUICE_TEST_HDFS");
}

const char *slt_hdfs_secure_dir(void)
{
    return dir_of("SLUICE_TEST_HDFS_SECURE");
}

void slt_hdfs_line(const char *dir, const char *name, char *out, size_t size)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(out, (int)size, file) == NULL) {
        fail_msg("%s: not a file of tools/hdfs", path);
    }
    (void)fclose(file);
}

void slt_hdfs_web(char *out, size_t size)
{
    slt_hdfs_line(slt_hdfs_dir(), "web", out, size);
}

int slt_hdfs_run(const char *dir, const char *verb, const char *words, bool meanwhile)
{
    char command[2048];
    (void)snprintf(command, sizeof command, "'%s/tools/hdfs' %s '%s' %s%s", SLT_SOURCE_DIR, verb,
                   dir, words, meanwhile ? " >/dev/null 2>&1 &" : "");
    return system(command);
}

int slt_hdfs_tool(const char *verb, const char *words)
{
    return slt_hdfs_run(slt_hdfs_dir(), verb, words, false);
}
