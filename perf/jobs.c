// jobs.c — the jobs that perf/run starts as programs of their own, one by the first argument; all
// other arguments are those of any Sluice job (--interval, --checkpoint, ...).
//
//     jobs lines ADDRESS      prints every line of a socket
//     jobs words              counts the words of standard input
//     jobs idle DIR           counts the words of files in a directory where none comes
//     jobs store DIR RATE     counts generated rows into CSV files in DIR
//     jobs grow ROWS RATE     keeps state for generated rows, to see its memory
//     jobs copy FROM TO       passes rows on from a source to a sink
//     jobs count FROM TO      counts what a source brings, an epoch a row
//     jobs keys ROWS RATE     counts generated rows, each with a key of its own
#include "perf/limit/limit.h"

#include <sluice/sluice.h>

enum { TEXT_BYTES = 1024 };
static char first[TEXT_BYTES], second[TEXT_BYTES]; // what the build functions make their URLs of

static void lines(sl_graph *graph)
{
    char url[TEXT_BYTES + 64];
    (void)snprintf(url, sizeof url, "socket://%s", first);
    sl_stream_print(sl_stream_open(graph, url), 100000);
}

static void count_words(sl_graph *graph, const char *url)
{
    sl_stream *words = sl_stream_flat_map(sl_stream_open(graph, url), &sl_split, "by=' '");
    sl_stream_print(sl_stream_reduce_by_key(words, "word", "count() as n"), 10);
}

static void words(sl_graph *graph)
{
    count_words(graph, "stdin:");
}

static void idle(sl_graph *graph)
{
    count_words(graph, first);
}

static void store(sl_graph *graph)
{
    char rate[TEXT_BYTES + 64], out[TEXT_BYTES + 64];
    (void)snprintf(rate, sizeof rate, "rate:?rows_per_second=%s", second);
    (void)snprintf(out, sizeof out, "file:%s?format=csv", first);
    sl_stream *keyed = sl_stream_select(sl_stream_open(graph, rate), "value % 1000 as key, value");
    sl_stream_save(sl_stream_reduce_by_key(keyed, "key", "count() as n, sum(value) as total"), out);
}

static sl_code add(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *old = sl_batch_column(call->states, 0);
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        const sl_column *n = sl_batch_column(call->values, 0);
        int64_t sum = call->had[i] ? sl_column_int64(old, i) : 0;
        for (int64_t v = call->values_from[i]; v < call->values_from[i + 1]; v++) {
            sum += sl_column_int64(n, v);
        }
        sl_builder_int64(call->out, 0, sum);
    }
    return SL_OK;
}

static const sl_update_fn add_fn = {.struct_size = sizeof(sl_update_fn),
                                    .name = "add",
                                    .out = "total int64",
                                    .version = 1,
                                    .run = add};

static void grow(sl_graph *graph)
{
    char rate[TEXT_BYTES * 2 + 64];
    (void)snprintf(rate, sizeof rate, "rate:?rows=%s&rows_per_second=%s&partitions=4", first,
                   second);
    sl_stream *keyed =
        sl_stream_select(sl_stream_open(graph, rate), "cast(value % 10007 as string) as key");
    sl_stream *counts = sl_stream_reduce_by_key(keyed, "key", "count() as n");
    sl_stream *totals = sl_stream_update_state_by_key(counts, "key", &add_fn, NULL);
    sl_stream_print(sl_stream_reduce(totals, "count() as keys, sum(total) as total"), 1);
}

static void keys(sl_graph *graph)
{
    char rate[TEXT_BYTES * 2 + 64];
    (void)snprintf(rate, sizeof rate, "rate:?rows=%s&rows_per_second=%s&partitions=4", first,
                   second);
    sl_stream *counts = sl_stream_reduce_by_key(sl_stream_open(graph, rate), "value",
                                                "count() as n, max(value) as v");
    sl_stream_print(sl_stream_reduce(counts, "count() as keys, sum(n) as rows, max(v) as most"), 1);
}

static void copy(sl_graph *graph)
{
    sl_stream_save(sl_stream_uid(sl_stream_open(graph, first), "copy"), second);
}

static void count(sl_graph *graph)
{
    sl_stream_save(sl_stream_count(sl_stream_open(graph, first)), second);
}

typedef struct job {
    const char *name;
    sl_build_fn build;
    int n_arguments;
} job;

int main(int argc, char **argv)
{
    static const job jobs[] = {{"lines", lines, 1}, {"words", words, 0}, {"idle", idle, 1},
                               {"store", store, 2}, {"grow", grow, 2},   {"keys", keys, 2},
                               {"copy", copy, 2},   {"count", count, 2}};
    for (size_t i = 0; argc > 1 && i < sizeof jobs / sizeof jobs[0]; i++) {
        int own = 1 + jobs[i].n_arguments;
        if (strcmp(argv[1], jobs[i].name) != 0 || argc <= own) {
            continue;
        }
        (void)snprintf(first, sizeof first, "%s", own > 1 ? argv[2] : "");
        (void)snprintf(second, sizeof second, "%s", own > 2 ? argv[3] : "");
        argv[own] = argv[0];
        return sl_main(argc - own, argv + own, jobs[i].name, jobs[i].build);
    }
    limit_die("usage: jobs lines ADDRESS | words | idle DIR | store DIR RATE | grow ROWS RATE | "
              "keys ROWS RATE | copy FROM TO | count FROM TO, then a job's options");
}
