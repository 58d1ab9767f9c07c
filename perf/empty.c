// empty.c — what an epoch costs in which nothing happens: a graph of ten operators and four
// partitions over a queue that stays empty, beside the bare tick of limit/tick.c.
//
// Printed is the user + system time of the whole process an epoch. The thread that drives the job
// is Sluice's own, as in any job; this one only waits for it.
//
//     empty [INTERVAL_US [SECONDS [OPERATORS]]]       default: 1000 us, 10 s, 10 operators (10 or
//     0)
//
// With 0 operators the queue is the job: what the clock and the driver cost without a graph.
#include "bench.h"

enum { WARM = 10 }; // epochs before the clock runs

typedef struct bench {
    int64_t n_wanted, n_epochs, first_ns, last_ns, first_cpu_ns, last_cpu_ns;
} bench;

/// Runs once an epoch; the clocks are read in two of them only.
static sl_code tick(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    bench *b = sl_args_attached(args, "bench");
    int64_t rows = 0;
    sl_code rc = sl_rdd_count(rdd, &rows, err);
    b->n_epochs++;
    if (b->n_epochs == WARM) {
        b->first_ns = limit_wall_ns();
        b->first_cpu_ns = limit_process_cpu_ns();
    } else if (b->n_epochs == b->n_wanted) {
        b->last_ns = limit_wall_ns();
        b->last_cpu_ns = limit_process_cpu_ns();
    }
    return rc == SL_OK && rows != 0 ? sl_error_set(err, SL_E_DATA, "rows from nowhere") : rc;
}

static const sl_foreach_fn tick_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "tick", .version = 1, .run = tick};

static void ten_operators(sl_graph *graph)
{
    sl_stream *lines = sl_stream_queue(graph, "lines", "line string", false);
    sl_stream *spread = sl_stream_repartition(lines, 4);                      // 1
    sl_stream *full = sl_stream_where(spread, "length(line) > 0");            // 2
    sl_stream *words = sl_stream_flat_map(full, &sl_split, "by=' '");         // 3
    sl_stream *sized = sl_stream_select(words, "word, length(word) as size"); // 4
    sl_stream *longer = sl_stream_where(sized, "size > 3");                   // 5
    sl_stream *counts = sl_stream_partitions(
        sl_stream_reduce_by_key(longer, "word", "count() as n, max(size) as size"), 4);        // 6
    sl_stream *often = sl_stream_where(counts, "n > 1");                                       // 7
    sl_stream *named = sl_stream_select(often, "word as name, n, size");                       // 8
    sl_stream *both = sl_stream_union(named, named);                                           // 9
    sl_stream_foreach_rdd(sl_stream_select(both, "name, n + size as weight"), &tick_fn, NULL); // 10
}

static void no_operator(sl_graph *graph)
{
    sl_stream_foreach_rdd(sl_stream_queue(graph, "lines", "line string", false), &tick_fn, NULL);
}

int main(int argc, char **argv)
{
    int64_t interval_us = limit_number("INTERVAL_US", argc > 1 ? argv[1] : "1000", 1000, 10000000);
    int64_t seconds = limit_number("SECONDS", argc > 2 ? argv[2] : "10", 1, 3600);
    int64_t n_operators = limit_number("OPERATORS", argc > 3 ? argv[3] : "10", 0, 10);
    char interval[32], epochs[32];
    (void)snprintf(interval, sizeof interval, "%lldus", (long long)interval_us);
    bench b = {.n_wanted = seconds * 1000000 / interval_us + WARM};
    (void)snprintf(epochs, sizeof epochs, "%lld", (long long)b.n_wanted);
    const char *settings[] = {"master",     "local[2]", "parallelism", "4",    "interval", interval,
                              "max_epochs", epochs,     "progress",    "none", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    bench_check(sl_context_new(&context, "empty", n_operators == 0 ? no_operator : ten_operators,
                               settings, &err),
                &err, "empty");
    sl_graph_attach(sl_context_graph(context), "bench", &b);
    bench_check(sl_context_start(context, &err), &err, "start");
    bench_check(sl_context_await(context, -1, &err), &err, "await");
    sl_context_free(context);
    int64_t n = b.n_epochs - WARM, cpu_ns = b.last_cpu_ns - b.first_cpu_ns,
            wall_ns = b.last_ns - b.first_ns;
    if (b.n_epochs != b.n_wanted) {
        limit_die("%lld epochs ran, not %lld", (long long)b.n_epochs, (long long)b.n_wanted);
    }
    printf("empty operators=%lld interval_us=%lld epochs=%lld seconds=%.2f cpu_us_per_epoch=%.2f "
           "cpu_percent=%.2f\n",
           (long long)n_operators, (long long)interval_us, (long long)n, (double)wall_ns / 1e9,
           (double)cpu_ns / 1e3 / (double)n, (double)cpu_ns * 100 / (double)wall_ns);
    return 0;
}
