// The job that is killed: numbered lines of files and of a socket, each passed on with the epoch
// that took it, and counted by key for ever.
//
// An epoch's rows end in a row of kind "c" that says how many there are, so that a reader can tell
// a whole epoch from a part of one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/sluice.h>

/// A line "f 12 k3" as its three words; false when it is none.
static bool cut_line(sl_text line, char *kind, int64_t *number, sl_text *key)
{
    char digits[24] = {0};
    const char *second = line.size > 4 ? memchr(line.data + 2, ' ', line.size - 2) : NULL;
    size_t n = second == NULL ? 0 : (size_t)(second - line.data) - 2;
    if (line.data[1] != ' ' || n == 0 || n >= sizeof digits) {
        return false;
    }
    memcpy(digits, line.data + 2, n);
    char *end = NULL;
    *number = strtoll(digits, &end, 10);
    *kind = line.data[0];
    *key = (sl_text){second + 1, line.size - n - 3};
    return *end == '\0';
}

static sl_code parse(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *lines = sl_batch_column(in, 0);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_text line = sl_column_text(lines, i), key;
        char kind;
        int64_t number;
        if (!cut_line(line, &kind, &number, &key)) {
            return sl_error_set(err, SL_E_DATA, "no numbered line: %.*s", (int)line.size,
                                line.data);
        }
        sl_builder_text(out, 0, &kind, 1);
        sl_builder_int64(out, 1, number);
        sl_builder_text(out, 2, key.data, key.size);
        sl_builder_int64(out, 3, sl_args_epoch(args));
    }
    return SL_OK;
}

static const sl_fn parse_fn = {.struct_size = sizeof(sl_fn),
                               .name = "parse",
                               .out = "kind string, number int64, key string, epoch int64",
                               .version = 1,
                               .run = parse};

/// The number of an epoch's records as its last record.
static sl_code mark(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_text(out, 0, "c", 1);
        sl_builder_int64(out, 1, sl_column_int64(sl_batch_column(in, 0), i));
        sl_builder_text(out, 2, "", 0);
        sl_builder_int64(out, 3, sl_args_epoch(args));
    }
    return SL_OK;
}

static const sl_fn mark_fn = {.struct_size = sizeof(sl_fn),
                              .name = "mark",
                              .out = "kind string, number int64, key string, epoch int64",
                              .version = 1,
                              .run = mark};

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

static void kill_job(sl_graph *graph)
{
    char url[96];
    const char *port = getenv("SLUICE_TEST_PORT");
    (void)snprintf(url, sizeof url, "socket://127.0.0.1:%.5s?reconnect_delay=3ms",
                   port == NULL ? "9" : port);
    sl_stream *files = sl_stream_uid(sl_stream_open(graph, "file:in"), "files");
    sl_stream *socket = sl_stream_uid(sl_stream_open(graph, url), "socket");
    sl_stream *records = sl_stream_map(sl_stream_union(files, socket), &parse_fn, NULL);
    sl_stream_persist(records, SL_MEMORY_ONLY);
    sl_stream *marks = sl_stream_map(sl_stream_reduce(records, "count() as n"), &mark_fn, NULL);
    sl_stream *all = sl_stream_uid(sl_stream_union(records, marks), "all");
    sl_stream_save(all, "file:out?format=csv");
    sl_stream_save(all, "sqlite:out.db?table=records&mode=append");
    sl_stream *totals = sl_stream_update_state_by_key(records, "key", &add_fn, NULL);
    sl_stream_save(sl_stream_uid(totals, "totals"),
                   "sqlite:out.db?table=totals&mode=upsert&key=key");
}

SL_JOB("kill", kill_job);
