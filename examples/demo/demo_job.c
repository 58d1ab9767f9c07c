// The job of `make demo`: words of text that arrives in a directory and on a socket, counted
// together.
//
//     counts.db   every word with its number since the beginning, exactly once, through crashes
//     console     the most frequent words of each second
//
// tools/demo feeds it, kills it, starts it again and checks the numbers; by hand:
//
//     mkdir -p in && nc -lk 9999 &
//     sluice run demo_job.so --checkpoint state
#include <stdio.h>
#include <stdlib.h>

#include <sluice/sluice.h>

/// Adds the new rows' number to the old total.
static sl_code add(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *old = sl_batch_column(call->states, 0);
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t seen = call->values_from[i + 1] - call->values_from[i];
        sl_builder_int64(call->out, 0, (call->had[i] ? sl_column_int64(old, i) : 0) + seen);
    }
    return SL_OK;
}

static const sl_update_fn add_fn = {sizeof(sl_update_fn), "add", "n int64", 1, false, add};

static sl_code most_frequent(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args;
    (void)err; // a mistake sticks to the RDD and comes out where it is computed
    *out = sl_rdd_sort_by(in, "n desc, word", 1);
    return SL_OK;
}

static const sl_transform_fn most_frequent_fn = {
    .struct_size = sizeof(sl_transform_fn),
    .name = "most-frequent",
    .version = 1,
    .run = most_frequent,
};

/// The port is the one thing that differs between machines. It must not differ between the lives of
/// one job: the graph's hash would.
static const char *socket_url(char *url, size_t size)
{
    const char *port = getenv("SLUICE_DEMO_PORT");
    (void)snprintf(url, size, "socket://127.0.0.1:%.5s", port == NULL ? "9999" : port);
    return url;
}

static void demo(sl_graph *graph)
{
    char url[64];
    sl_stream *files = sl_stream_uid(sl_stream_open(graph, "file:in"), "files");
    sl_stream *socket = sl_stream_uid(sl_stream_open(graph, socket_url(url, sizeof url)), "socket");
    sl_stream *lines = sl_stream_union(files, socket);
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_stream *totals = sl_stream_update_state_by_key(words, "word", &add_fn, NULL);
    sl_stream_save(sl_stream_uid(totals, "totals"),
                   "sqlite:counts.db?table=counts&mode=upsert&key=word");
    sl_stream *second = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream_print(sl_stream_transform(second, &most_frequent_fn, NULL), 5);
}

SL_JOB("demo", demo);
