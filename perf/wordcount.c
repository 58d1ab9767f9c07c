// wordcount.c — the word count of limit/wordcount.c done by the engine: the same bytes, the same
// epochs, the same counts, through the public interface only.
//
// An epoch is a batch of lines that lies in memory, pushed into a queue; it is cut into words,
// grouped, counted, and the rows are taken by foreachRDD. Timed is user + system time of the whole
// process from the first push to the last result: the engine's threads, its ticks and its clean-up
// included, the making of the lines and the checking of the counts not.
//
//     wordcount [-t WORKERS] [-p PARTITIONS] [-r REPETITIONS] [-s MIB] [-e EPOCH_MIB]
#include "bench.h"
#include "perf/limit/zipf_text.h"

#include <unistd.h>

enum { MAX_RESULTS = 4096, MAX_REPETITIONS = 1000 };

typedef struct bench {
    int64_t n_workers, n_partitions, n_repetitions;
    size_t size_bytes, epoch_bytes;
    zipf_text text;
    sl_batch *lines[ZIPF_MAX_EPOCHS]; ///< of each epoch
    sl_batch *results[MAX_RESULTS];   ///< of the repetition, not looked at yet
    size_t n_results, n_epochs_done;
    uint64_t want; ///< the right checksum of all epochs
} bench;

// ---- the job

static sl_code take_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    bench *b = ctx;
    (void)partition;
    if (b->n_results == MAX_RESULTS) {
        return sl_error_set(err, SL_E_INVALID, "more than %d batches of results", MAX_RESULTS);
    }
    b->results[b->n_results++] = sl_batch_ref(batch);
    return SL_OK;
}

static sl_code take(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    bench *b = sl_args_attached(args, "bench");
    size_t before = b->n_results;
    sl_code rc = sl_rdd_foreach(rdd, take_batch, b, err);
    b->n_epochs_done += b->n_results > before; // an epoch between two pushes has no rows
    return rc;
}

static const sl_foreach_fn take_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "take", .version = 1, .run = take};

static void wordcount(sl_graph *graph)
{
    sl_stream *lines = sl_stream_queue(graph, "lines", "line string", true);
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' '");
    sl_stream *counts = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream_foreach_rdd(counts, &take_fn, NULL);
}

// ---- input and checks

static sl_batch *lines_of(zipf_span span)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    bench_check(sl_schema_parse(&schema, "line string", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    const char *stop = span.bytes + span.size_bytes;
    for (const char *line = span.bytes; line < stop;) {
        const char *end = memchr(line, '\n', (size_t)(stop - line));
        sl_builder_text(builder, 0, line, (size_t)(end - line));
        line = end + 1;
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "lines");
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

/// Sum of zipf_text_pair over the rows taken, which are given back; *n_words gets their counts.
static uint64_t checksum(bench *b, uint64_t *n_words)
{
    uint64_t sum = 0;
    *n_words = 0;
    for (size_t i = 0; i < b->n_results; i++) {
        const sl_column *words = sl_batch_column(b->results[i], 0);
        const sl_column *counts = sl_batch_column(b->results[i], 1);
        for (int64_t row = 0; row < words->n_rows; row++) {
            sl_text word = sl_column_text(words, row);
            uint64_t n = (uint64_t)sl_column_int64(counts, row);
            sum += zipf_text_pair(word.data, word.size, n);
            *n_words += n;
        }
        sl_batch_unref(b->results[i]);
    }
    b->n_results = 0;
    return sum;
}

/// Pushes every epoch once and steps until all results are there. Returns CPU time, *wall_ns gets
/// the other one.
static int64_t run_once(bench *b, sl_context *context, int64_t *wall_ns)
{
    sl_error err = SL_ERROR_INIT;
    b->n_epochs_done = 0;
    int64_t wall = limit_wall_ns(), cpu = limit_process_cpu_ns();
    for (size_t i = 0; i < b->text.n_epochs; i++) {
        bench_check(sl_queue_push(context, "lines", b->lines[i], (int32_t)b->n_partitions, &err),
                    &err, "push");
    }
    while (b->n_epochs_done < b->text.n_epochs) {
        if (!bench_step(context)) {
            limit_die("the job ended");
        }
    }
    cpu = limit_process_cpu_ns() - cpu;
    *wall_ns = limit_wall_ns() - wall;
    uint64_t n_words, sum = checksum(b, &n_words);
    if (n_words != b->text.n_words || (b->want != 0 && sum != b->want)) {
        limit_die("wrong counts: %llu words, checksum %016llx", (unsigned long long)n_words,
                  (unsigned long long)sum);
    }
    b->want = sum; // perf/run compares it with the loop's
    return cpu;
}

// ---- the program

static void read_options(bench *b, int argc, char **argv)
{
    int option;
    while ((option = getopt(argc, argv, "t:p:r:s:e:")) != -1) {
        switch (option) {
        case 't':
            b->n_workers = limit_number("-t", optarg, 1, 64);
            break;
        case 'p':
            b->n_partitions = limit_number("-p", optarg, 1, 1024);
            break;
        case 'r':
            b->n_repetitions = limit_number("-r", optarg, 1, MAX_REPETITIONS);
            break;
        case 's':
            b->size_bytes = (size_t)limit_number("-s", optarg, 1, 65536) << 20;
            break;
        case 'e':
            b->epoch_bytes = (size_t)limit_number("-e", optarg, 1, 1024) << 20;
            break;
        default:
            limit_die("usage: wordcount [-t WORKERS] [-p PARTITIONS] [-r REPETITIONS] [-s MIB] "
                      "[-e EPOCH_MIB]");
        }
    }
    b->n_partitions = b->n_partitions == 0 ? b->n_workers : b->n_partitions;
}

static void prepare(bench *b)
{
    zipf_text_init(&b->text, b->size_bytes, b->epoch_bytes, 7);
    for (size_t i = 0; i < b->text.n_epochs; i++) {
        b->lines[i] = lines_of(zipf_text_epoch(&b->text, i));
    }
}

int main(int argc, char **argv)
{
    static bench b = {.n_workers = 1,
                      .n_repetitions = 7,
                      .size_bytes = (size_t)256 << 20,
                      .epoch_bytes = (size_t)16 << 20};
    read_options(&b, argc, argv);
    prepare(&b);
    char master[32];
    (void)snprintf(master, sizeof master, "local[%d]", (int)b.n_workers);
    const char *settings[] = {"master", master,     "interval", "1ms", "memory",
                              "1GiB",   "progress", "none",     NULL};
    sl_context *context = bench_start("wordcount", wordcount, settings, &b);
    int64_t cpu_ns[MAX_REPETITIONS], wall_ns[MAX_REPETITIONS], warm;
    (void)run_once(&b, context, &warm); // the loop's memory is touched before its clock runs, too
    for (int64_t r = 0; r < b.n_repetitions; r++) {
        cpu_ns[r] = run_once(&b, context, &wall_ns[r]);
    }
    limit_sort(cpu_ns, (size_t)b.n_repetitions);
    limit_sort(wall_ns, (size_t)b.n_repetitions);
    printf("wordcount engine workers=%lld partitions=%lld repetitions=%lld words=%llu epochs=%zu "
           "best_mwords_s=%.1f median_mwords_s=%.1f best_wall_mwords_s=%.1f "
           "median_wall_mwords_s=%.1f checksum=%016llx\n",
           (long long)b.n_workers, (long long)b.n_partitions, (long long)b.n_repetitions,
           (unsigned long long)b.text.n_words, b.text.n_epochs,
           bench_per_us(b.text.n_words, cpu_ns[0]),
           bench_per_us(b.text.n_words, limit_quantile(cpu_ns, (size_t)b.n_repetitions, 500)),
           bench_per_us(b.text.n_words, wall_ns[0]),
           bench_per_us(b.text.n_words, limit_quantile(wall_ns, (size_t)b.n_repetitions, 500)),
           (unsigned long long)b.want);
    sl_context_free(context);
    for (size_t i = 0; i < b.text.n_epochs; i++) {
        sl_batch_unref(b.lines[i]);
    }
    zipf_text_reset(&b.text);
    return 0;
}
