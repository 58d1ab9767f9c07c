// sql.c — sl_rdd_sql over rows in memory: GROUP BY over a million rows, and a prepared SELECT over
// a thousand, beside DuckDB over a table of its own (limit/sql.c). Timed is the wall time of the
// action that computes the RDD and hands its rows over, one worker on the caller's thread.
//
//     sql [-r REPETITIONS]
#include "bench.h"

#include "perf/limit/sql_rows.h"

static sl_rdd *rows_of(sl_session *session, int64_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    const sl_batch **batches = calloc((size_t)n / 4096 + 1, sizeof(sl_batch *));
    int32_t n_batches = 0;
    bench_check(sl_schema_parse(&schema, "k int64, v int64", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    for (int64_t v = 0; v < n; v++) {
        sl_builder_int64(builder, 0, sql_key(v));
        sl_builder_int64(builder, 1, v);
        if (v % 4096 == 4095 || v + 1 == n) {
            sl_batch *batch = NULL;
            bench_check(sl_builder_finish(builder, &batch, &err), &err, "rows");
            batches[n_batches++] = batch;
        }
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
    sl_rdd *rdd = sl_rdd_of_batches(session, batches, n_batches, 1);
    for (int32_t i = 0; i < n_batches; i++) {
        sl_batch_unref(batches[i]);
    }
    free(batches);
    return rdd;
}

/// Wall time of a query from its text to the rows in hand.
static int64_t run(sl_rdd *rows, const char *query, int64_t *sum)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *out = NULL;
    int64_t begin_ns = limit_wall_ns();
    sl_rdd *asked = sl_rdd_sql(query, &(sl_sql_rdd){"t", rows}, 1);
    bench_check(sl_rdd_collect(asked, &out, &err), &err, query);
    const sl_column *cells = sl_batch_column(out, 1);
    for (int64_t i = 0; i < sl_batch_rows(out); i++) {
        *sum += sl_column_int64(cells, i);
    }
    int64_t took = limit_wall_ns() - begin_ns;
    sl_batch_unref(out);
    sl_rdd_unref(asked);
    return took;
}

static int64_t measure(sl_session *session, const sql_row *row, int64_t n_repetitions)
{
    int64_t ns[SQL_MOST];
    sl_rdd *rows = rows_of(session, row->rows);
    for (int64_t i = -1; i < n_repetitions; i++) { // the first prepares it
        int64_t sum = 0;
        int64_t took = run(rows, row->query, &sum);
        ns[i > 0 ? i : 0] = took;
        if (sum != row->sum(row->rows)) {
            limit_die("%s: a wrong sum, %lld", row->name, (long long)sum);
        }
    }
    sl_rdd_unref(rows);
    limit_sort(ns, (size_t)n_repetitions);
    return limit_quantile(ns, (size_t)n_repetitions, 500);
}

int main(int argc, char **argv)
{
    int64_t n_repetitions = sql_repetitions(argc, argv);
    static const char *const settings[] = {"master", "local[1]", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    bench_check(sl_session_new(&session, settings, &err), &err, "session");
    for (size_t i = 0; i < SQL_ROWS; i++) {
        int64_t n = sql_rows[i].rows < 100000 ? 10 * n_repetitions : n_repetitions;
        int64_t ns = measure(session, &sql_rows[i], n > SQL_MOST ? SQL_MOST : n);
        printf("sql name=%s rows=%lld median_us=%.1f\n", sql_rows[i].name,
               (long long)sql_rows[i].rows, (double)ns / 1000);
    }
    sl_session_free(session);
    return 0;
}
