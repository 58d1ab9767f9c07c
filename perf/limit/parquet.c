// parquet.c — DuckDB on its own, one thread: a SELECT of all columns of a Parquet file, the result
// fetched chunk by chunk. With -w it writes that file first: a million rows (k, v, s), s a text of
// more than 12 bytes.
//
//     parquet [-w] [-r REPETITIONS] FILE
#include "limit.h"

#include <duckdb.h>
#include <unistd.h>

enum { ROWS = 1000000, MOST = 1000 };

static void query(duckdb_connection connection, const char *text, const char *path)
{
    char sql[1024];
    (void)snprintf(sql, sizeof sql, text, path);
    if (duckdb_query(connection, sql, NULL) != DuckDBSuccess) {
        limit_die("failed: %s", sql);
    }
}

/// Wall time from the statement to its last chunk.
static int64_t read_all(duckdb_connection connection, const char *path)
{
    char sql[1024];
    duckdb_prepared_statement statement = NULL;
    duckdb_pending_result pending = NULL;
    duckdb_result result;
    duckdb_data_chunk chunk;
    int64_t rows = 0, sum = 0, begin_ns = limit_wall_ns();
    (void)snprintf(sql, sizeof sql, "SELECT k, v, s FROM read_parquet('%s')", path);
    if (duckdb_prepare(connection, sql, &statement) != DuckDBSuccess ||
        duckdb_pending_prepared_streaming(statement, &pending) != DuckDBSuccess ||
        duckdb_execute_pending(pending, &result) != DuckDBSuccess) {
        limit_die("failed: %s", sql);
    }
    while ((chunk = duckdb_fetch_chunk(result)) != NULL) {
        idx_t n = duckdb_data_chunk_get_size(chunk);
        const int64_t *cells = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 1));
        for (idx_t i = 0; i < n; i++) {
            sum += cells[i];
        }
        rows += (int64_t)n;
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    duckdb_destroy_pending(&pending);
    duckdb_destroy_prepare(&statement);
    if (rows != ROWS || sum != (int64_t)ROWS * (ROWS - 1) / 2) {
        limit_die("%lld rows, sum %lld", (long long)rows, (long long)sum);
    }
    return limit_wall_ns() - begin_ns;
}

int main(int argc, char **argv)
{
    int64_t n = 15, ns[MOST];
    int option, writes = 0;
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    while ((option = getopt(argc, argv, "wr:")) != -1) {
        writes = writes || option == 'w';
        if (option == 'r') {
            n = limit_number("-r", optarg, 1, MOST);
        }
    }
    if (optind + 1 != argc) {
        limit_die("usage: parquet [-w] [-r REPETITIONS] FILE");
    }
    if (duckdb_open(NULL, &database) != DuckDBSuccess ||
        duckdb_connect(database, &connection) != DuckDBSuccess) {
        limit_die("DuckDB does not open");
    }
    query(connection, "SET threads = 1%s", "");
    if (writes) {
        query(
            connection,
            "COPY (SELECT range * 7919 %% 10000 AS k, range AS v, 'row number ' || range AS s FROM "
            "range(1000000)) TO '%s' (FORMAT parquet)",
            argv[optind]);
    }
    for (int64_t i = -1; i < n; i++) { // the first warms up
        ns[i > 0 ? i : 0] = read_all(connection, argv[optind]);
    }
    limit_sort(ns, (size_t)n);
    printf("parquet rows=%d median_us=%.1f\n", ROWS,
           (double)limit_quantile(ns, (size_t)n, 500) / 1000);
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return 0;
}
