// event.c — rows counted by key in windows of event time that do not overlap, as limit/event.c does
// it by hand, by one worker, through the public interface only.
//
// The epochs lie in memory and are pushed into a queue, one an epoch. Timed is user + system time
// of the whole process from the first push of a turn until its last window has been given. Every
// turn's counts add up to its rows; the sum over all results is the loop's.
//
//     event [-r REPETITIONS]
#include "bench.h"

#include "perf/limit/event_rows.h"

#include <unistd.h>

typedef struct results {
    uint64_t sum;    ///< of all turns
    int64_t counted; ///< rows of this turn
} results;

static sl_code add_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    results *r = ctx;
    const int64_t *starts = sl_batch_column(batch, 0)->values;
    const int64_t *keys = sl_batch_column(batch, 2)->values;
    const int64_t *counts = sl_batch_column(batch, 3)->values;
    (void)partition;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        r->sum += event_sum(starts[i], keys[i], counts[i]);
        r->counted += keys[i] < 0 ? 0 : counts[i];
    }
    return SL_OK;
}

static sl_code take(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    return sl_rdd_foreach(rdd, add_batch, sl_args_attached(args, "bench"), err);
}

static const sl_foreach_fn take_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "take", .version = 1, .run = take};

static void windows(sl_graph *graph)
{
    sl_stream *rows = sl_stream_queue(graph, "rows", "ts timestamp, key int64", true);
    sl_stream *timed = sl_stream_event_time(rows, "ts", "2s");
    sl_stream_foreach_rdd(sl_stream_event_window(timed, "key", "count() as n", "10s", NULL),
                          &take_fn, NULL);
}

static sl_batch *finish(sl_builder *builder)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *batch = NULL;
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "rows");
    return batch;
}

/// The turn's epochs, and the row far ahead behind them.
static void fill_epochs(int64_t turn, uint64_t *random, sl_builder *builder, sl_batch **epochs)
{
    for (int64_t e = 0; e < EVENT_EPOCHS; e++) {
        int64_t *times = sl_builder_reserve(builder, 0, EVENT_ROWS);
        int64_t *keys = sl_builder_reserve(builder, 1, EVENT_ROWS);
        if (times == NULL || keys == NULL) {
            limit_die("no memory");
        }
        event_rows(turn, e, random, times, keys);
        epochs[e] = finish(builder);
    }
    sl_builder_int64(builder, 0, event_turn_us(turn + 1));
    sl_builder_int64(builder, 1, -1);
    epochs[EVENT_EPOCHS] = finish(builder);
}

/// CPU time of a turn.
static int64_t run_turn(sl_context *context, results *r, sl_batch *const *epochs)
{
    sl_error err = SL_ERROR_INIT;
    int64_t begin_ns = limit_process_cpu_ns();
    r->counted = 0;
    for (int64_t e = 0; e <= EVENT_EPOCHS; e++) {
        bench_check(sl_queue_push(context, "rows", epochs[e], 1, &err), &err, "push");
    }
    while (r->counted < (int64_t)EVENT_EPOCHS * EVENT_ROWS) {
        if (!bench_step(context)) {
            limit_die("the job ended");
        }
    }
    int64_t took_ns = limit_process_cpu_ns() - begin_ns;
    for (int64_t e = 0; e <= EVENT_EPOCHS; e++) {
        sl_batch_unref(epochs[e]);
    }
    return took_ns;
}

static sl_builder *make_builder(void)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    bench_check(sl_schema_parse(&schema, "ts timestamp, key int64", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    sl_schema_unref(schema);
    return builder;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "1GiB",   "progress", "none",     NULL};
    int64_t n_repetitions = 7, cpu_ns[100];
    int option;
    while ((option = getopt(argc, argv, "r:")) != -1) {
        if (option != 'r') {
            limit_die("usage: event [-r REPETITIONS]");
        }
        n_repetitions = limit_number("-r", optarg, 1, 100);
    }
    results r = {0};
    uint64_t random = 7;
    sl_builder *builder = make_builder();
    sl_context *context = bench_start("event", windows, settings, &r);
    for (int64_t turn = 0; turn <= n_repetitions; turn++) { // the first fills tables and caches
        sl_batch *epochs[EVENT_EPOCHS + 1];
        fill_epochs(turn, &random, builder, epochs);
        cpu_ns[turn > 0 ? turn - 1 : 0] = run_turn(context, &r, epochs);
    }
    limit_sort(cpu_ns, (size_t)n_repetitions);
    printf("event repetitions=%lld median_mrows_s=%.2f checksum=%016llx\n",
           (long long)n_repetitions,
           bench_per_us((uint64_t)EVENT_EPOCHS * EVENT_ROWS,
                        limit_quantile(cpu_ns, (size_t)n_repetitions, 500)),
           (unsigned long long)r.sum);
    sl_builder_free(builder);
    sl_context_free(context);
    return 0;
}
