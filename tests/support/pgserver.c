// Where the server of `make test-postgres` is, and what can be done to it from outside.
#include "pgserver.h"

#include <stdio.h>
#include <stdlib.h>

#include "sl_test.h"

enum { MOST_BYTES = 64 << 10 };

const char *slt_postgres_dir(void)
{
    const char *dir = getenv("SLUICE_TEST_POSTGRES");
    if (!SLT_POSTGRES) {
        slt_not_here("a build without PostgreSQL");
    }
    if (dir == NULL || *dir == '\0') {
        slt_not_here("no server in SLUICE_TEST_POSTGRES: make test-postgres starts one");
    }
    return dir;
}

int slt_postgres_port(void)
{
    char path[512];
    int port = 0;
    (void)snprintf(path, sizeof path, "%s/port", slt_postgres_dir());
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%d", &port) != 1) {
        fail_msg("%s: not a directory of tools/postgres", path);
    }
    (void)fclose(file);
    return port;
}

void slt_postgres_command(const char *command)
{
    char line[1024];
    (void)snprintf(line, sizeof line, SLT_SOURCE_DIR "/tools/postgres %s %s", command,
                   slt_postgres_dir());
    int code = system(line);
    if (code != 0) {
        fail_msg("%s ended with %d", line, code);
    }
}

char *slt_postgres_ask(const char *sql)
{
    const char *dir = slt_postgres_dir(); // without a server nothing below happens
    char line[4096], *out = calloc(1, MOST_BYTES);
    (void)snprintf(line, sizeof line,
                   "psql -qAtX -v ON_ERROR_STOP=1 -h %s/socket -p %d -U owner -d sluice -c \"%s\"",
                   dir, slt_postgres_port(), sql);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    assert_non_null(out);
    size_t n = 0, got = 0;
    while ((got = fread(out + n, 1, MOST_BYTES - 1 - n, pipe)) > 0) {
        n += got;
    }
    if (pclose(pipe) != 0) {
        fail_msg("%s: %s", sql, out);
    }
    return out;
}
