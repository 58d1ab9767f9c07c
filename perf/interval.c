// interval.c — two streams joined within a bound of event time, by one worker, through the public
// interface only. A row of the left and the one it meets are so many epochs apart: 0, they come
// together, and the state is not needed for them; else every row waits there.
//
// The epochs lie in memory and are pushed into two queues. Timed is user + system time of the whole
// process from a turn's first push until all its pairs have been given. Every row of the left meets
// one of the right, so there are as many pairs as rows of the left, and the sum of their keys is
// known.
//
//     interval [-r REPETITIONS] [-n ROWS_OF_A_SIDE_IN_AN_EPOCH] [-e EPOCHS] [-w EPOCHS_APART]
//              [-k KEYS, 0: each row has its own] [-o (outer)]
#include "bench.h"

#include <unistd.h>

enum { EPOCH_US = 1000000 };

typedef struct bench {
    int64_t n_repetitions, n_rows, n_epochs, apart, n_keys;
    bool outer;
    uint64_t sum; ///< of the keys of all pairs
    int64_t n_pairs;
} bench;

static bench the_bench; // a build function has no argument for it

static sl_code add_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    bench *b = ctx;
    const int64_t *keys = sl_batch_column(batch, 0)->values;
    (void)partition;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        b->sum += (uint64_t)keys[i];
    }
    b->n_pairs += sl_batch_rows(batch);
    return SL_OK;
}

static sl_code take(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    return sl_rdd_foreach(rdd, add_batch, sl_args_attached(args, "bench"), err);
}

static const sl_foreach_fn take_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "take", .version = 1, .run = take};

static void joined(sl_graph *graph)
{
    char apart[32];
    (void)snprintf(apart, sizeof apart, "%lldus", (long long)(the_bench.apart * EPOCH_US));
    sl_stream *a = sl_stream_queue(graph, "a", "ts timestamp, key int64, n int64", true);
    sl_stream *b = sl_stream_queue(graph, "b", "ts timestamp, key int64, n int64", true);
    a = sl_stream_event_time(a, "ts", "0s");
    b = sl_stream_event_time(b, "ts", "0s");
    sl_stream_foreach_rdd(the_bench.outer
                              ? sl_stream_interval_left_outer_join(a, b, "key", apart, apart)
                              : sl_stream_interval_join(a, b, "key", apart, apart),
                          &take_fn, NULL);
}

/// Keys that neither come in order nor repeat, or few that do.
static int64_t key_of(const bench *b, uint64_t row)
{
    uint64_t key = row * UINT64_C(0x9e3779b97f4a7c15) >> 8;
    return (int64_t)(b->n_keys > 0 ? key % (uint64_t)b->n_keys : key);
}

/// Rows of epoch `epoch`, `back` epochs later; the sum of their keys.
static sl_batch *make_rows(const bench *b, sl_builder *builder, int64_t epoch, int64_t back,
                           uint64_t *sum)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *batch = NULL;
    for (int64_t i = 0; i < b->n_rows; i++) {
        int64_t row = epoch * b->n_rows + i, key = key_of(b, (uint64_t)row);
        sl_builder_int64(builder, 0, (epoch + back) * EPOCH_US + i * EPOCH_US / b->n_rows);
        sl_builder_int64(builder, 1, key);
        sl_builder_int64(builder, 2, row);
        *sum += (uint64_t)key;
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "rows");
    return batch;
}

static void push(sl_context *context, const char *queue, sl_batch *rows)
{
    sl_error err = SL_ERROR_INIT;
    bench_check(sl_queue_push(context, queue, rows, 1, &err), &err, "push");
    sl_batch_unref(rows);
}

/// CPU time of a turn of `n_epochs` from epoch `from` on. Pairs are those of left rows of epochs
/// before the last `apart` ones.
static int64_t run_turn(sl_context *context, bench *b, sl_builder *builder, sl_batch **rows,
                        int64_t from)
{
    uint64_t sum = 0, ignored = 0;
    int64_t n = 0;
    for (int64_t e = from; e < from + b->n_epochs; e++) {
        rows[2 * (e - from)] = make_rows(b, builder, e, 0, &ignored);
        rows[2 * (e - from) + 1] =
            make_rows(b, builder, e - b->apart, b->apart, e >= b->apart ? &sum : &ignored);
        n += e >= b->apart ? b->n_rows : 0;
    }
    b->sum = 0;
    b->n_pairs = 0;
    int64_t begin_ns = limit_process_cpu_ns();
    for (int64_t e = 0; e < b->n_epochs; e++) {
        push(context, "a", rows[2 * e]);
        push(context, "b", rows[2 * e + 1]);
    }
    while (b->n_pairs < n) {
        if (!bench_step(context)) {
            limit_die("the job ended");
        }
    }
    int64_t took_ns = limit_process_cpu_ns() - begin_ns;
    if (b->n_pairs != n || b->sum != sum) {
        limit_die("%lld pairs and not %lld, or others", (long long)b->n_pairs, (long long)n);
    }
    return took_ns;
}

static sl_builder *make_builder(void)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    bench_check(sl_schema_parse(&schema, "ts timestamp, key int64, n int64", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    sl_schema_unref(schema);
    return builder;
}

static void read_options(bench *b, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "r:n:e:w:k:o")) != -1) {
        switch (option) {
        case 'r':
            b->n_repetitions = limit_number("-r", optarg, 1, 100);
            break;
        case 'n':
            b->n_rows = limit_number("-n", optarg, 1, EPOCH_US);
            break;
        case 'e':
            b->n_epochs = limit_number("-e", optarg, 1, 100000);
            break;
        case 'w':
            b->apart = limit_number("-w", optarg, 0, 1000);
            break;
        case 'k':
            b->n_keys = limit_number("-k", optarg, 0, INT64_MAX);
            break;
        case 'o':
            b->outer = true;
            break;
        default:
            limit_die("usage: interval [-r REPETITIONS] [-n ROWS] [-e EPOCHS] [-w EPOCHS_APART] "
                      "[-k KEYS] [-o]");
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "2GiB",   "progress", "none",     NULL};
    int64_t cpu_ns[100];
    bench *b = &the_bench;
    *b = (bench){.n_repetitions = 5, .n_rows = 20000, .n_epochs = 20, .apart = 3};
    read_options(b, argc, argv);
    sl_builder *builder = make_builder();
    sl_batch **rows = limit_alloc((size_t)b->n_epochs * 2 * sizeof *rows);
    sl_context *context = bench_start("interval", joined, settings, b);
    for (int64_t turn = 0; turn <= b->n_repetitions; turn++) { // the first fills the state
        cpu_ns[turn > 0 ? turn - 1 : 0] = run_turn(context, b, builder, rows, turn * b->n_epochs);
    }
    limit_sort(cpu_ns, (size_t)b->n_repetitions);
    printf("interval rows=%lld epochs=%lld apart=%lld keys=%lld outer=%d repetitions=%lld "
           "median_mrows_s=%.3f\n",
           (long long)b->n_rows, (long long)b->n_epochs, (long long)b->apart, (long long)b->n_keys,
           b->outer, (long long)b->n_repetitions,
           bench_per_us((uint64_t)(2 * b->n_rows * b->n_epochs),
                        limit_quantile(cpu_ns, (size_t)b->n_repetitions, 500)));
    sl_builder_free(builder);
    sl_context_free(context);
    return 0;
}
