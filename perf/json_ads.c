// json_ads.c — the ad events of limit/json_ads.cc done by the engine with the same parser: the same
// bytes, the same epochs, the same counts, through the public interface only.
//
// The events lie in memory, as they do for the loop, and are lent to a queue stream, an epoch a
// push. Timed is user + system time of the whole process from the first push to the last result.
//
//     json_ads [-q] [-t WORKERS] [-r REPETITIONS] [-n EPOCHS] [-e EVENTS_PER_EPOCH] [-d DIR]
//
// DIR holds the table of ads for the time of the run. -q: filter, join and count are one query in
// SQL.
#include "bench.h"
#include "perf/limit/ad_events.h"

#include <unistd.h>

enum { MAX_REPETITIONS = 1000, PATH_BYTES = 512 };

typedef struct bench {
    int64_t n_workers, n_repetitions;
    bool by_query;
    size_t n_epochs, events_per_epoch;
    char dir[PATH_BYTES], path[PATH_BYTES + 64], table[PATH_BYTES * 2];
    ad_events events;
    uint64_t views[AD_N_CAMPAIGNS], n_views, n_want;
} bench;

// ---- the job

static sl_code take_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    bench *b = ctx;
    (void)partition;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        int64_t campaign = sl_column_int64(sl_batch_column(batch, 0), i);
        if (campaign < 0 || campaign >= AD_N_CAMPAIGNS) {
            return sl_error_set(err, SL_E_DATA, "campaign %lld", (long long)campaign);
        }
        uint64_t n = (uint64_t)sl_column_int64(sl_batch_column(batch, 1), i);
        b->views[campaign] += n;
        b->n_views += n;
    }
    return SL_OK;
}

static sl_code take(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    return sl_rdd_foreach(rdd, take_batch, sl_args_attached(args, "bench"), err);
}

static const sl_foreach_fn take_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "take", .version = 1, .run = take};

static sl_stream *calls(sl_stream *events, const bench *b)
{
    sl_stream *views = sl_stream_where(events, "event_type = 'view'");
    sl_stream *placed = sl_stream_join_table(views, b->table, "ad_id");
    return sl_stream_reduce_by_key(placed, "campaign", "count() as n");
}

static sl_stream *query(sl_graph *graph, sl_stream *events, const bench *b)
{
    const sl_sql_table tables[] = {{"events", events, NULL}, {"ads", NULL, b->table}};
    return sl_sql(graph,
                  "SELECT campaign, count(*) AS n FROM events JOIN ads USING (ad_id) "
                  "WHERE event_type = 'view' GROUP BY campaign",
                  tables, 2);
}

static void define(sl_graph *graph, const bench *b)
{
    sl_stream *events = sl_stream_open(graph, "queue:events?format=json&one_at_a_time=true&"
                                              "schema=ad_id string, event_type string");
    sl_stream_foreach_rdd(b->by_query ? query(graph, events, b) : calls(events, b), &take_fn, NULL);
}

static bench the_bench; // a build function has no argument for it

static void ads(sl_graph *graph)
{
    define(graph, &the_bench);
}

// ---- input

static void write_file(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "we");
    if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        limit_die_errno(path);
    }
}

/// Lends the events of all epochs; they outlive the context.
static void push_events(const bench *b, sl_context *context)
{
    sl_error err = SL_ERROR_INIT;
    for (size_t i = 0, begin = 0; i < b->events.n_epochs; i++) {
        sl_loan loan = {.bytes = b->events.bytes + begin,
                        .size_bytes = b->events.epoch_end[i] - begin};
        bench_check(sl_queue_push_bytes(context, "events", loan, (int32_t)b->n_workers, &err), &err,
                    "push");
        begin = b->events.epoch_end[i];
    }
}

static void put_table(const bench *b)
{
    char text[AD_N_ADS * (AD_ID_BYTES + 8)];
    size_t n = 0;
    for (size_t i = 0; i < AD_N_ADS; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s,%d\n", b->events.ads[i].ad_id,
                              b->events.ads[i].campaign);
    }
    write_file(b->path, text, n);
}

static void prepare(bench *b, const char *parent)
{
    ad_events_init(&b->events, b->n_epochs, b->events_per_epoch, 7);
    int n = snprintf(b->dir, sizeof b->dir, "%s/sluice-ads.XXXXXX", parent);
    if (n < 0 || (size_t)n >= sizeof b->dir || mkdtemp(b->dir) == NULL) {
        limit_die_errno(parent);
    }
    (void)snprintf(b->path, sizeof b->path, "%s/ads.csv", b->dir);
    put_table(b);
    (void)snprintf(b->table, sizeof b->table, "%s?format=csv&schema=ad_id string, campaign int64",
                   b->path);
    for (size_t i = 0; i < AD_N_CAMPAIGNS; i++) {
        b->n_want += b->events.views[i];
    }
}

static void clean_up(bench *b)
{
    (void)unlink(b->path);
    (void)rmdir(b->dir);
    ad_events_reset(&b->events);
}

// ---- the program

static int64_t run_once(bench *b, sl_context *context, int64_t *wall_ns)
{
    memset(b->views, 0, sizeof b->views);
    b->n_views = 0;
    int64_t wall = limit_wall_ns(), cpu = limit_process_cpu_ns();
    push_events(b, context);
    while (b->n_views < b->n_want) {
        if (!bench_step(context)) {
            limit_die("the job ended");
        }
    }
    cpu = limit_process_cpu_ns() - cpu;
    *wall_ns = limit_wall_ns() - wall;
    if (memcmp(b->views, b->events.views, sizeof b->views) != 0) {
        limit_die("wrong counts: %llu views", (unsigned long long)b->n_views);
    }
    return cpu;
}

static const char *read_options(bench *b, int argc, char **argv)
{
    const char *dir = "/dev/shm";
    int option;
    while ((option = getopt(argc, argv, "qt:r:n:e:d:")) != -1) {
        switch (option) {
        case 'q':
            b->by_query = true;
            break;
        case 't':
            b->n_workers = limit_number("-t", optarg, 1, 64);
            break;
        case 'r':
            b->n_repetitions = limit_number("-r", optarg, 1, MAX_REPETITIONS);
            break;
        case 'n':
            b->n_epochs = (size_t)limit_number("-n", optarg, 1, AD_MAX_EPOCHS);
            break;
        case 'e':
            b->events_per_epoch = (size_t)limit_number("-e", optarg, 1, 1 << 24);
            break;
        case 'd':
            dir = optarg;
            break;
        default:
            limit_die("usage: json_ads [-q] [-t WORKERS] [-r REPETITIONS] [-n EPOCHS] "
                      "[-e EVENTS_PER_EPOCH] [-d DIR]");
        }
    }
    return dir;
}

int main(int argc, char **argv)
{
    bench *b = &the_bench;
    *b = (bench){.n_workers = 1, .n_repetitions = 7, .n_epochs = 6, .events_per_epoch = 65536};
    prepare(b, read_options(b, argc, argv));
    char master[32];
    (void)snprintf(master, sizeof master, "local[%d]", (int)b->n_workers);
    const char *settings[] = {"master", master, "interval", "1ms", "progress", "none", NULL};
    sl_context *context = bench_start("json-ads", ads, settings, b);
    int64_t cpu_ns[MAX_REPETITIONS], wall_ns[MAX_REPETITIONS], warm;
    (void)run_once(b, context, &warm);
    for (int64_t r = 0; r < b->n_repetitions; r++) {
        cpu_ns[r] = run_once(b, context, &wall_ns[r]);
    }
    size_t n = (size_t)b->n_repetitions;
    limit_sort(cpu_ns, n);
    limit_sort(wall_ns, n);
    printf("json_ads engine workers=%lld repetitions=%zu events=%llu bytes=%zu epochs=%zu "
           "best_mevents_s=%.2f median_mevents_s=%.2f best_wall_mevents_s=%.2f\n",
           (long long)b->n_workers, n, (unsigned long long)b->events.n_events, b->events.size_bytes,
           b->events.n_epochs, bench_per_us(b->events.n_events, cpu_ns[0]),
           bench_per_us(b->events.n_events, limit_quantile(cpu_ns, n, 500)),
           bench_per_us(b->events.n_events, wall_ns[0]));
    sl_context_free(context);
    clean_up(b);
    return 0;
}
