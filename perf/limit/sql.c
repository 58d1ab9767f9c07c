// sql.c — DuckDB on its own, one thread: the queries of perf/sql.c over a table of its own in
// memory, the results fetched chunk by chunk.
//
//     sql [-r REPETITIONS]
#include "sql_rows.h"

#include <duckdb.h>
#include <unistd.h>

static void check(duckdb_state state, const char *what)
{
    if (state != DuckDBSuccess) {
        limit_die("%s failed", what);
    }
}

/// Runs a prepared query and adds its cells up; returns wall time.
static int64_t run(duckdb_prepared_statement query, int64_t *sum)
{
    int64_t begin_ns = limit_wall_ns();
    duckdb_result result;
    duckdb_data_chunk chunk;
    check(duckdb_execute_prepared(query, &result), "a query");
    while ((chunk = duckdb_fetch_chunk(result)) != NULL) {
        idx_t n = duckdb_data_chunk_get_size(chunk);
        const int64_t *cells = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 1));
        for (idx_t i = 0; i < n; i++) {
            *sum += cells[i];
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    return limit_wall_ns() - begin_ns;
}

static int64_t measure(duckdb_connection connection, const sql_row *row, int64_t n_repetitions)
{
    duckdb_prepared_statement query = NULL;
    int64_t ns[SQL_MOST];
    char text[256];
    (void)snprintf(text, sizeof text,
                   "CREATE OR REPLACE TABLE t AS SELECT %s AS k, range AS v FROM range(%lld)",
                   SQL_KEY, (long long)row->rows);
    check(duckdb_query(connection, text, NULL), "a table");
    check(duckdb_prepare(connection, row->query, &query), "a query");
    for (int64_t i = -1; i < n_repetitions; i++) {
        int64_t sum = 0;
        int64_t took = run(query, &sum);
        ns[i > 0 ? i : 0] = took;
        if (sum != row->sum(row->rows)) {
            limit_die("%s: a wrong sum, %lld", row->name, (long long)sum);
        }
    }
    duckdb_destroy_prepare(&query);
    limit_sort(ns, (size_t)n_repetitions);
    return limit_quantile(ns, (size_t)n_repetitions, 500);
}

int main(int argc, char **argv)
{
    int64_t n_repetitions = sql_repetitions(argc, argv);
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    check(duckdb_open(NULL, &database), "open");
    check(duckdb_connect(database, &connection), "connect");
    check(duckdb_query(connection, "SET threads = 1", NULL), "SET threads");
    for (size_t i = 0; i < SQL_ROWS; i++) {
        int64_t n = sql_rows[i].rows < 100000 ? 10 * n_repetitions : n_repetitions;
        int64_t ns = measure(connection, &sql_rows[i], n > SQL_MOST ? SQL_MOST : n);
        printf("sql name=%s rows=%lld median_us=%.1f\n", sql_rows[i].name,
               (long long)sql_rows[i].rows, (double)ns / 1000);
    }
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    return 0;
}
