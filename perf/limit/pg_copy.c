/// pg_copy.c — COPY of bytes that are ready by libpq, in transactions that also lock and change a
/// mark, as the engine's do: the loop beside which rows into PostgreSQL are measured.
///
///     pg_copy CONNINFO TABLE FILE TRANSACTIONS
///
/// FILE has what COPY TO gives of the engine's table, and TABLE the same columns. The rows go in
/// about equal parts.
#include "limit.h"

#include <libpq-fe.h>

enum { PIECE = 64 << 10 };

static void run(PGconn *server, const char *sql, ExecStatusType wanted)
{
    PGresult *result = PQexec(server, sql);
    if (PQresultStatus(result) != wanted) {
        limit_die("%s: %s", sql, PQerrorMessage(server));
    }
    PQclear(result);
}

static void put(PGconn *server, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += PIECE) {
        size_t n = size - at < PIECE ? size - at : PIECE;
        if (PQputCopyData(server, bytes + at, (int)n) != 1) {
            limit_die("COPY: %s", PQerrorMessage(server));
        }
    }
    PGresult *result = PQputCopyEnd(server, NULL) == 1 ? PQgetResult(server) : NULL;
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        limit_die("COPY: %s", PQerrorMessage(server));
    }
    PQclear(result);
    while ((result = PQgetResult(server)) != NULL) {
        PQclear(result);
    }
}

static char *load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "r");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        limit_die_errno(path);
    }
    *size = (size_t)ftell(file);
    char *bytes = malloc(*size + 1);
    rewind(file);
    if (bytes == NULL || fread(bytes, 1, *size, file) != *size) {
        limit_die_errno(path);
    }
    bytes[*size] = '\0';
    (void)fclose(file);
    return bytes;
}

/// Behind the last row that begins within the part.
static size_t end_of_part(const char *bytes, size_t size, size_t at)
{
    const char *end = at >= size ? NULL : memchr(bytes + at, '\n', size - at);
    return end == NULL ? size : (size_t)(end - bytes) + 1;
}

int main(int argc, char **argv)
{
    char copy[256];
    size_t n = argc == 5 ? (size_t)atol(argv[4]) : 0, size = 0, from = 0;
    if (n < 1) {
        limit_die("usage: pg_copy CONNINFO TABLE FILE TRANSACTIONS");
    }
    PGconn *server = PQconnectdb(argv[1]);
    if (PQstatus(server) != CONNECTION_OK) {
        limit_die("%s", PQerrorMessage(server));
    }
    char *bytes = load(argv[3], &size);
    (void)snprintf(copy, sizeof copy, "COPY %s FROM STDIN", argv[2]);
    run(server, "CREATE TABLE IF NOT EXISTS limit_marks (job text PRIMARY KEY, n bigint)",
        PGRES_COMMAND_OK);
    run(server, "INSERT INTO limit_marks VALUES ('bare', 0) ON CONFLICT DO NOTHING",
        PGRES_COMMAND_OK);
    int64_t start_ns = limit_wall_ns();
    for (size_t i = 1; i <= n; i++) {
        size_t to = end_of_part(bytes, size, size * i / n);
        run(server, "BEGIN", PGRES_COMMAND_OK);
        run(server, "SELECT n FROM limit_marks WHERE job = 'bare' FOR UPDATE", PGRES_TUPLES_OK);
        run(server, copy, PGRES_COPY_IN);
        put(server, bytes + from, to - from);
        from = to;
        run(server, "UPDATE limit_marks SET n = n + 1 WHERE job = 'bare'", PGRES_COMMAND_OK);
        run(server, "COMMIT", PGRES_COMMAND_OK);
    }
    double wall_s = (double)(limit_wall_ns() - start_ns) / 1e9;
    printf("wall_s=%.3f mb_s=%.1f\n", wall_s, (double)size / wall_s / 1e6);
    PQfinish(server);
    free(bytes);
    return 0;
}
