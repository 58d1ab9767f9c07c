// Running word counts from one Kafka topic into another, exactly once, through crashes.
//
//     lines    any text, a line a record
//     counts   key: a word, value: {"total":17}; the newest record of a key is its total
//
//     KAFKA=localhost:9092 ./kafka_wordcount --checkpoint state --interval 200ms
//
// Read `counts` with isolation.level=read_committed, or what is aborted shows too.
//
// Both topics must exist; make `counts` with cleanup.policy=compact, and Kafka itself drops the old
// totals. Kill the program whenever you like and start it again.
#include "at.h"

#include <sluice/sluice.h>

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

static void wordcount(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, kafka_at("lines?start=earliest").text);
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_stream *counts = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream *totals = sl_stream_map_with_state(counts, "word", &add_fn, NULL);
    sl_stream_save(sl_stream_uid(totals, "totals"), kafka_at("counts?key=word&format=json").text);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "kafka-wordcount", wordcount);
}
