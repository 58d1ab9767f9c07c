// Running word counts over everything that ever arrived in a directory, exactly once, through
// crashes:
//
//     mkdir -p in && ./running_count --checkpoint state --interval 1s
//     cp some.txt in/.some && mv in/.some in/some.txt     # files appear whole
//     sqlite3 counts.db 'select * from counts order by n desc limit 10'
//
// The state is one row a word; kill the program whenever you like and start it again.
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

static void running_count(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "file:in");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_stream *counts = sl_stream_update_state_by_key(words, "word", &add_fn, NULL);
    sl_stream_save(sl_stream_uid(counts, "counts"), "sqlite:counts.db?table=counts&mode=replace");
}

#ifdef SLUICE_EXAMPLE_JOB
SL_JOB("running-count", running_count);
#else
int main(int argc, char **argv)
{
    return sl_main(argc, argv, "running-count", running_count);
}
#endif
