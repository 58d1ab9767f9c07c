// kafka.c — the work of limit/kafka_words.c and limit/kafka_ads.c done by the engine on the same
// topics, and a running count; the same counts must come out.
//
//     kafka [-b BEGIN_NS] [-i INTERVAL] [-t WORKERS] [-o OPTIONS] words|running|events BROKERS
//     TOPIC
//           RECORDS COUNTED [ADS]
//
// The topic is read from its first record on until COUNTED words or views have come out, by 2
// workers, in epochs of 100 ms. OPTIONS go into the source's URL, as "ahead=64MiB"; ADS is the
// table of ads. Views are counted by reduceByKeyAndWindow in windows of 10 s; a running count is
// mapWithState behind reduceByKey. Figures are of the whole process, as the loops print them.
#include "bench.h"
#include "perf/limit/ad_events.h"
#include "perf/limit/zipf_text.h"

#include <sys/resource.h>
#include <unistd.h>

enum { URL_BYTES = 2048 };

typedef struct bench {
    const char *job, *brokers, *topic, *ads, *options, *interval, *master;
    int64_t begin_ns, n_records, n_wanted, first_ns;
    uint64_t n_counted, checksum;
} bench;

static bench the_bench; // a build function has no argument for it

// ---- results

static uint64_t hash_row(const bench *b, const sl_batch *batch, int64_t i)
{
    if (b->ads != NULL) {
        uint64_t campaign = (uint64_t)sl_column_int64(sl_batch_column(batch, 0), i);
        return (campaign + 1) * (campaign + 1);
    }
    sl_text word = sl_column_text(sl_batch_column(batch, 0), i);
    return zipf_text_times(word.data, word.size, 1);
}

/// Column 0 is what was counted, column 1 how often in this epoch.
static sl_code take_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    bench *b = ctx;
    (void)partition;
    (void)err;
    b->first_ns = b->first_ns == 0 ? limit_wall_ns() : b->first_ns;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        uint64_t n = (uint64_t)sl_column_int64(sl_batch_column(batch, 1), i);
        b->n_counted += n;
        b->checksum += n * hash_row(b, batch, i);
    }
    return SL_OK;
}

static sl_code take(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    return sl_rdd_foreach(rdd, take_batch, sl_args_attached(args, "bench"), err);
}

static const sl_foreach_fn take_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "take", .version = 1, .run = take};

// ---- the jobs

static sl_stream *open_topic(sl_graph *graph, const char *more)
{
    const bench *b = &the_bench;
    char url[URL_BYTES];
    (void)snprintf(url, sizeof url, "kafka://%s/%s?start=earliest%s%s%s", b->brokers, b->topic,
                   more, b->options[0] == '\0' ? "" : "&", b->options);
    return sl_stream_open(graph, url);
}

static sl_stream *count_words(sl_graph *graph)
{
    sl_stream *words = sl_stream_flat_map(open_topic(graph, ""), &sl_split, "by=' '");
    return sl_stream_reduce_by_key(words, "word", "count() as n");
}

static void words(sl_graph *graph)
{
    sl_stream_foreach_rdd(count_words(graph), &take_fn, NULL);
}

static sl_code add_counts(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    const int64_t *added = sl_batch_column(call->values, 0)->values;
    int64_t *n = sl_builder_reserve(call->out, 0, call->n);
    int64_t *total = sl_builder_reserve(call->out, 1, call->n);
    for (int64_t i = 0; i < call->n && n != NULL && total != NULL; i++) {
        sl_state state = sl_state_at(call, i);
        n[i] = added[i];
        total[i] = sl_state_int64_or(&state, 0, 0) + added[i];
        sl_state_set_int64(&state, 0, total[i]);
    }
    return SL_OK;
}

static const sl_map_state_fn counts_fn = {.struct_size = sizeof(sl_map_state_fn),
                                          .name = "add-counts",
                                          .state = "total int64",
                                          .out = "n int64, total int64",
                                          .version = 1,
                                          .run = add_counts};

static void running(sl_graph *graph)
{
    sl_stream_foreach_rdd(sl_stream_map_with_state(count_words(graph), "word", &counts_fn, NULL),
                          &take_fn, NULL);
}

static void events(sl_graph *graph)
{
    char table[URL_BYTES];
    (void)snprintf(table, sizeof table, "%s?format=csv&schema=ad_id string, campaign int64",
                   the_bench.ads);
    sl_stream *all = open_topic(graph, "&format=json&schema=ad_id string, event_type string");
    sl_stream *views = sl_stream_where(all, "event_type = 'view'");
    sl_stream *placed = sl_stream_join_table(views, table, "ad_id");
    sl_stream *counts =
        sl_stream_reduce_by_key_and_window(placed, "campaign", "count() as n", "10s", "10s");
    sl_stream_foreach_rdd(counts, &take_fn, NULL);
}

static sl_build_fn build_of(const bench *b)
{
    if (b->ads != NULL && strcmp(b->job, "events") == 0) {
        return events;
    }
    if (b->ads == NULL && strcmp(b->job, "words") == 0) {
        return words;
    }
    if (b->ads == NULL && strcmp(b->job, "running") == 0) {
        return running;
    }
    limit_die("%s: words, running, or events with ADS", b->job);
}

// ---- the program

static void read_arguments(bench *b, int argc, char **argv)
{
    static char master[32];
    int option;
    int64_t n_workers = 2;
    *b = (bench){.begin_ns = limit_wall_ns(), .options = "", .interval = "100ms"};
    while ((option = getopt(argc, argv, "b:i:t:o:")) != -1) {
        switch (option) {
        case 'b':
            b->begin_ns = limit_number("-b", optarg, 0, INT64_MAX);
            break;
        case 'i':
            b->interval = optarg;
            break;
        case 't':
            n_workers = limit_number("-t", optarg, 1, 64);
            break;
        case 'o':
            b->options = optarg;
            break;
        default:
            argc = 0;
        }
    }
    if (argc - optind != 5 && argc - optind != 6) {
        limit_die("usage: kafka [-b BEGIN_NS] [-i INTERVAL] [-t WORKERS] [-o OPTIONS] "
                  "words|running|events BROKERS TOPIC RECORDS COUNTED [ADS]");
    }
    b->job = argv[optind];
    b->brokers = argv[optind + 1];
    b->topic = argv[optind + 2];
    b->n_records = limit_number("RECORDS", argv[optind + 3], 1, INT64_MAX);
    b->n_wanted = limit_number("COUNTED", argv[optind + 4], 1, INT64_MAX);
    b->ads = argc - optind == 6 ? argv[optind + 5] : NULL;
    (void)snprintf(master, sizeof master, "local[%d]", (int)n_workers);
    b->master = master;
}

static void report(const bench *b)
{
    struct rusage usage;
    int64_t wall_ns = limit_wall_ns() - b->begin_ns;
    int64_t cpu_ns = limit_process_cpu_ns();
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        limit_die_errno("getrusage");
    }
    printf("kafka job=%s records=%lld records_s=%.0f cpu_s=%.3f cpu_s_per_million=%.4f "
           "start_ms=%.1f peak_mb=%.1f counted=%llu checksum=%016llx\n",
           b->job, (long long)b->n_records, (double)b->n_records * 1e9 / (double)wall_ns,
           (double)cpu_ns * 1e-9, (double)cpu_ns * 1e-3 / (double)b->n_records,
           (double)(b->first_ns - b->begin_ns) * 1e-6, (double)usage.ru_maxrss / 1024,
           (unsigned long long)b->n_counted, (unsigned long long)b->checksum);
}

int main(int argc, char **argv)
{
    bench *b = &the_bench;
    read_arguments(b, argc, argv);
    const char *settings[] = {"master",   b->master, "interval", b->interval,
                              "progress", "none",    NULL};
    sl_context *context = bench_start("kafka", build_of(b), settings, b);
    while (b->n_counted < (uint64_t)b->n_wanted) {
        if (!bench_step(context)) {
            limit_die("the job ended");
        }
    }
    report(b);
    sl_context_free(context);
    return 0;
}
