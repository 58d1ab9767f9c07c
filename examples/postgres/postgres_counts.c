// Word counts in a PostgreSQL database, exactly once, through crashes of the job and of the server.
//
//     totals   word, total: the running count of each word; a row is replaced (upsert)
//     seen     word, n: the counts of each epoch; rows are added
//
//     POSTGRES=postgres://me@localhost/shop PGPASSWORD=... ./postgres_counts --checkpoint state
//
// Words are read from files that appear in the directory `in`; compressed ones too (.gz, .zst,
// .bz2, .snappy). Both tables are made at the first start. Kill the program whenever you like and
// start it again: the sums of `seen` are the totals, and both are right.
#include <sluice/sluice.h>
#include <stdio.h>
#include <stdlib.h>

/// Adds the new count of each word to its total.
static sl_code add(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *n = sl_batch_column(call->values, 0);
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t total = sl_state_int64_or(&state, 0, 0) + sl_column_int64(n, i);
        sl_state_set_int64(&state, 0, total);
        sl_builder_int64(call->out, 0, total);
    }
    return SL_OK;
}

static const sl_map_state_fn add_fn = {.struct_size = sizeof(sl_map_state_fn),
                                       .name = "add",
                                       .state = "total int64",
                                       .out = "total int64",
                                       .version = 1,
                                       .run = add};

static void save(sl_stream *stream, const char *table)
{
    char url[512];
    const char *database = getenv("POSTGRES");
    (void)snprintf(url, sizeof url, "%s/%s",
                   database == NULL ? "postgres://localhost/postgres" : database, table);
    sl_stream_save(stream, url);
}

static void counts(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "file:in");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_stream *seen = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream *totals = sl_stream_map_with_state(seen, "word", &add_fn, NULL);
    save(sl_stream_uid(totals, "totals"), "totals?mode=upsert&key=word");
    save(seen, "seen");
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "postgres-counts", counts);
}
