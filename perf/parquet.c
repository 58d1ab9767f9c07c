// parquet.c — a Parquet file through the source of files: a million rows of three columns, into
// batches that are counted, beside DuckDB reading the same file (limit/parquet.c, which writes it).
// Timed is the wall time from opening the table to its last row, one worker on the caller's thread;
// each time opens an instance of DuckDB anew, which `open_us` says the cost of.
//
//     parquet [-r REPETITIONS] FILE
#include "bench.h"

#include <unistd.h>

enum { ROWS = 1000000, MOST = 1000 };

static int64_t count_rows(sl_session *session, const char *url, int64_t *ready_ns)
{
    sl_error err = SL_ERROR_INIT;
    int64_t rows = 0, begin_ns = limit_wall_ns();
    sl_rdd *table = sl_rdd_open(session, url);
    *ready_ns = limit_wall_ns() - begin_ns;
    bench_check(sl_rdd_count(table, &rows, &err), &err, url);
    sl_rdd_unref(table);
    if (rows != ROWS) {
        limit_die("%lld rows", (long long)rows);
    }
    return limit_wall_ns() - begin_ns;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", NULL};
    int64_t n = 15, ns[MOST], ready_ns[MOST];
    int option;
    char url[1024];
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    while ((option = getopt(argc, argv, "r:")) != -1) {
        n = option == 'r' ? limit_number("-r", optarg, 1, MOST) : 0;
    }
    if (optind + 1 != argc || n == 0) {
        limit_die("usage: parquet [-r REPETITIONS] FILE");
    }
    (void)snprintf(url, sizeof url,
                   "file:%s?format=parquet&schema=k%%20int64?,%%20v%%20int64?,%%20s%%20string?",
                   argv[optind]);
    bench_check(sl_session_new(&session, settings, &err), &err, "session");
    for (int64_t i = -1; i < n; i++) { // the first warms up
        ns[i > 0 ? i : 0] = count_rows(session, url, &ready_ns[i > 0 ? i : 0]);
    }
    sl_session_free(session);
    limit_sort(ns, (size_t)n);
    limit_sort(ready_ns, (size_t)n);
    printf("parquet rows=%d median_us=%.1f open_us=%.1f\n", ROWS,
           (double)limit_quantile(ns, (size_t)n, 500) / 1000,
           (double)limit_quantile(ready_ns, (size_t)n, 500) / 1000);
    return 0;
}
