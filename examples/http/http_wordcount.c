// Words that are POSTed, counted for ever.
//
//     ./http_wordcount --checkpoint state --interval 200ms
//     printf 'to be\nor not to be\n' | curl -T - -H 'Idempotency-Key: 1'
//     http://localhost:9980/lines
//
// The request is answered when its lines are durable; sent again under its key, they count once.
#include <sluice/sluice.h>

/// Adds the new rows' number to the old count.
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

static void wordcount(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "http://localhost:9980/lines");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' '");
    sl_stream_print(sl_stream_update_state_by_key(words, "word", &add_fn, NULL), 20);
}

int main(int argc, char **argv)
{
    return sl_main(argc, argv, "http-wordcount", wordcount);
}
