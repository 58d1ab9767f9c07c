// wordcount.c — the word count of limit/wordcount.c done by the engine: the same bytes, the same
// epochs, the same counts, through the public interface only.
//
// An epoch is a batch of lines that lies in memory, pushed into a queue; it is cut into words,
// grouped, counted, and the rows are taken by foreachRDD. Timed is user + system time of the whole
// process from the first push to the last result: the engine's threads, its ticks and its clean-up
// included, the making of the lines and the checking of the counts not.
//
// With -c a job with one worker and one with WORKERS take turns at the same epochs, each with as
// many partitions as workers, and what is printed is the median over all rounds of: the speed-up
// over wall time, the work (CPU time of the many over that of the one), and how busy the workers
// were (CPU time over wall time and workers). Turns are short, so that a slow spell of the machine
// meets both.
//
//     wordcount [-t WORKERS] [-p PARTITIONS] [-r REPETITIONS] [-s MIB] [-e EPOCH_MIB]
//     wordcount -c -t WORKERS [-r ROUNDS] [-s MIB] [-e EPOCH_MIB]
#include "taken.h"
#include "perf/limit/zipf_text.h"

#include <unistd.h>

enum { MAX_REPETITIONS = 1000 };

typedef struct plan {
    int64_t n_workers, n_partitions, n_repetitions;
    size_t size_bytes, epoch_bytes;
    bool compare;
} plan;

typedef struct input {
    zipf_text text;
    sl_batch *lines[ZIPF_MAX_EPOCHS]; ///< of each epoch
} input;

typedef struct job {
    const input *input;
    int32_t n_partitions;
    sl_context *context;
    bench_taken taken; ///< in the repetition
    uint64_t want;     ///< the right checksum of all epochs
} job;

typedef struct times {
    int64_t cpu_ns, wall_ns;
} times;

// ---- the job

static void wordcount(sl_graph *graph)
{
    sl_stream *lines = sl_stream_queue(graph, "lines", "line string", true);
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' '");
    sl_stream *counts = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream_foreach_rdd(counts, &bench_take_fn, NULL);
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
static uint64_t checksum(job *j, uint64_t *n_words)
{
    uint64_t sum = 0;
    *n_words = 0;
    for (size_t i = 0; i < j->taken.n; i++) {
        const sl_column *words = sl_batch_column(j->taken.batches[i], 0);
        const sl_column *counts = sl_batch_column(j->taken.batches[i], 1);
        for (int64_t row = 0; row < words->n_rows; row++) {
            sl_text word = sl_column_text(words, row);
            uint64_t n = (uint64_t)sl_column_int64(counts, row);
            sum += zipf_text_pair(word.data, word.size, n);
            *n_words += n;
        }
    }
    bench_taken_clear(&j->taken);
    return sum;
}

/// Pushes every epoch once and steps until all results are there.
static times run_once(job *j)
{
    const input *in = j->input;
    sl_error err = SL_ERROR_INIT;
    times began = {limit_process_cpu_ns(), limit_wall_ns()};
    for (size_t i = 0; i < in->text.n_epochs; i++) {
        bench_check(sl_queue_push(j->context, "lines", in->lines[i], j->n_partitions, &err), &err,
                    "push");
    }
    bench_take_epochs(&j->taken, j->context, in->text.n_epochs);
    times took = {limit_process_cpu_ns() - began.cpu_ns, limit_wall_ns() - began.wall_ns};
    uint64_t n_words, sum = checksum(j, &n_words);
    if (n_words != in->text.n_words || (j->want != 0 && sum != j->want)) {
        limit_die("wrong counts: %llu words, checksum %016llx", (unsigned long long)n_words,
                  (unsigned long long)sum);
    }
    j->want = sum; // perf/run compares it with the loop's
    return took;
}

static job *start_job(const input *in, int64_t n_workers, int64_t n_partitions)
{
    job *j = calloc(1, sizeof *j);
    if (j == NULL) {
        limit_die("no memory");
    }
    j->input = in;
    j->n_partitions = (int32_t)n_partitions;
    char master[32];
    (void)snprintf(master, sizeof master, "local[%d]", (int)n_workers);
    const char *settings[] = {"master", master,     "interval", "1ms", "memory",
                              "1GiB",   "progress", "none",     NULL};
    j->context = bench_start("wordcount", wordcount, settings, &j->taken);
    (void)run_once(j); // the loop's memory is touched before its clock runs, too
    return j;
}

static void end_job(job *j)
{
    sl_context_free(j->context);
    free(j);
}

// ---- the program

static plan read_plan(int argc, char **argv)
{
    plan p = {.n_workers = 1, .n_repetitions = 7, .epoch_bytes = (size_t)16 << 20};
    int option;
    while ((option = getopt(argc, argv, "t:p:r:s:e:c")) != -1) {
        switch (option) {
        case 't':
            p.n_workers = limit_number("-t", optarg, 1, 64);
            break;
        case 'p':
            p.n_partitions = limit_number("-p", optarg, 1, 1024);
            break;
        case 'r':
            p.n_repetitions = limit_number("-r", optarg, 1, MAX_REPETITIONS);
            break;
        case 's':
            p.size_bytes = (size_t)limit_number("-s", optarg, 1, 65536) << 20;
            break;
        case 'e':
            p.epoch_bytes = (size_t)limit_number("-e", optarg, 1, 1024) << 20;
            break;
        case 'c':
            p.compare = true;
            break;
        default:
            limit_die("usage: wordcount [-c] [-t WORKERS] [-p PARTITIONS] [-r REPETITIONS] "
                      "[-s MIB] [-e EPOCH_MIB]");
        }
    }
    p.n_partitions = p.n_partitions == 0 ? p.n_workers : p.n_partitions;
    p.size_bytes = p.size_bytes != 0 ? p.size_bytes : (size_t)(p.compare ? 32 : 256) << 20;
    return p;
}

static void prepare(input *in, const plan *p)
{
    zipf_text_init(&in->text, p->size_bytes, p->epoch_bytes, 7);
    for (size_t i = 0; i < in->text.n_epochs; i++) {
        in->lines[i] = lines_of(zipf_text_epoch(&in->text, i));
    }
}

static void reset(input *in)
{
    for (size_t i = 0; i < in->text.n_epochs; i++) {
        sl_batch_unref(in->lines[i]);
    }
    zipf_text_reset(&in->text);
}

static void measure(const input *in, const plan *p)
{
    int64_t cpu_ns[MAX_REPETITIONS], wall_ns[MAX_REPETITIONS];
    size_t n = (size_t)p->n_repetitions;
    job *j = start_job(in, p->n_workers, p->n_partitions);
    for (size_t r = 0; r < n; r++) {
        times took = run_once(j);
        cpu_ns[r] = took.cpu_ns;
        wall_ns[r] = took.wall_ns;
    }
    limit_sort(cpu_ns, n);
    limit_sort(wall_ns, n);
    printf("wordcount engine workers=%lld partitions=%lld repetitions=%zu words=%llu epochs=%zu "
           "best_mwords_s=%.1f median_mwords_s=%.1f best_wall_mwords_s=%.1f "
           "median_wall_mwords_s=%.1f checksum=%016llx\n",
           (long long)p->n_workers, (long long)p->n_partitions, n,
           (unsigned long long)in->text.n_words, in->text.n_epochs,
           bench_per_us(in->text.n_words, cpu_ns[0]),
           bench_per_us(in->text.n_words, limit_quantile(cpu_ns, n, 500)),
           bench_per_us(in->text.n_words, wall_ns[0]),
           bench_per_us(in->text.n_words, limit_quantile(wall_ns, n, 500)),
           (unsigned long long)j->want);
    end_job(j);
}

/// One worker and many by turns.
static void compare(const input *in, const plan *p)
{
    // thousandths, so that the integers' sort and quantile serve
    int64_t speedup[MAX_REPETITIONS], work[MAX_REPETITIONS], busy[MAX_REPETITIONS];
    size_t n = (size_t)p->n_repetitions;
    job *one = start_job(in, 1, 1), *many = start_job(in, p->n_workers, p->n_partitions);
    for (size_t r = 0; r < n; r++) {
        times a = run_once(one), b = run_once(many);
        speedup[r] = a.wall_ns * 1000 / b.wall_ns;
        work[r] = b.cpu_ns * 1000 / a.cpu_ns;
        busy[r] = b.cpu_ns * 1000 / (b.wall_ns * p->n_workers);
    }
    if (one->want != many->want) {
        limit_die("one worker and many count differently");
    }
    limit_sort(speedup, n);
    limit_sort(work, n);
    limit_sort(busy, n);
    printf("wordcount engine workers=%lld partitions=%lld rounds=%zu speedup=%.3f lowest=%.3f "
           "highest=%.3f work=%.3f busy=%.3f checksum=%016llx\n",
           (long long)p->n_workers, (long long)p->n_partitions, n,
           (double)limit_quantile(speedup, n, 500) / 1e3, (double)speedup[0] / 1e3,
           (double)speedup[n - 1] / 1e3, (double)limit_quantile(work, n, 500) / 1e3,
           (double)limit_quantile(busy, n, 500) / 1e3, (unsigned long long)one->want);
    end_job(one);
    end_job(many);
}

int main(int argc, char **argv)
{
    plan p = read_plan(argc, argv);
    static input in;
    prepare(&in, &p);
    if (p.compare) {
        compare(&in, &p);
    } else {
        measure(&in, &p);
    }
    reset(&in);
    return 0;
}
