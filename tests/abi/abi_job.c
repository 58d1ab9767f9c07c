// A job as somebody built it against an older library: every kind of function table that a job
// hands over, so that what today's library reads of each is tried. tools/check-abi compiles this
// file against the headers of an older commit.
//
// Prints, for the lines "to be or not to be": how often each word came (state), how many letters
// were seen (an aggregation of its own), and from foreachRDD how many words.
#include <stdio.h>

#include <sluice/sluice.h>

static sl_code count(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t before = call->had[i] ? sl_column_int64(sl_batch_column(call->states, 0), i) : 0;
        sl_builder_int64(call->out, 0, before + call->values_from[i + 1] - call->values_from[i]);
    }
    return SL_OK;
}

static const sl_update_fn count_fn = {.struct_size = sizeof(sl_update_fn),
                                      .name = "count",
                                      .out = "n int64",
                                      .version = 1,
                                      .run = count};

static sl_code letters(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_int64(out, 0, (int64_t)sl_column_text(sl_batch_column(in, 0), i).size);
    }
    return SL_OK;
}

static const sl_fn letters_fn = {.struct_size = sizeof(sl_fn),
                                 .name = "letters",
                                 .out = "letters int64",
                                 .version = 1,
                                 .run = letters};

static void total_init(const sl_args *args, void *states, int64_t n)
{
    (void)args;
    for (int64_t i = 0; i < n; i++) {
        ((int64_t *)states)[i] = 0;
    }
}

static sl_code total_update(const sl_args *args, void *states, const int32_t *group,
                            const sl_column *const *in, int64_t n_rows, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n_rows; i++) {
        ((int64_t *)states)[group[i]] += sl_column_int64(in[0], i);
    }
    return SL_OK;
}

static sl_code total_merge(const sl_args *args, void *states, const int32_t *group,
                           const void *from, int64_t n, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        ((int64_t *)states)[group[i]] += ((const int64_t *)from)[i];
    }
    return SL_OK;
}

static sl_code total_finish(const sl_args *args, const void *states, int64_t n, sl_builder *out,
                            int32_t column, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column, ((const int64_t *)states)[i]);
    }
    return SL_OK;
}

static const sl_agg_fn total_fn = {.struct_size = sizeof(sl_agg_fn),
                                   .name = "total",
                                   .in = "int64",
                                   .out = "int64",
                                   .version = 1,
                                   .state_bytes = sizeof(int64_t),
                                   .init = total_init,
                                   .update = total_update,
                                   .merge = total_merge,
                                   .finish = total_finish};

static sl_code same(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args;
    (void)err;
    *out = sl_rdd_ref(in);
    return SL_OK;
}

static const sl_transform_fn same_fn = {
    .struct_size = sizeof(sl_transform_fn), .name = "same", .version = 1, .run = same};

static sl_code tell(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)args;
    int64_t n = 0;
    sl_code rc = sl_rdd_count(rdd, &n, err);
    if (rc == SL_OK && n > 0) {
        printf("words %lld\n", (long long)n);
        fflush(stdout);
    }
    return rc;
}

static const sl_foreach_fn tell_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "tell", .version = 1, .run = tell};

static void build(sl_graph *graph)
{
    sl_graph_aggregation(graph, &total_fn);
    sl_stream *words = sl_stream_flat_map(sl_stream_open(graph, "stdin:"), &sl_split, "by=' '");
    sl_stream *same_words = sl_stream_transform(words, &same_fn, NULL);
    sl_stream_print(sl_stream_update_state_by_key(same_words, "word", &count_fn, NULL), 10);
    sl_stream_print(
        sl_stream_reduce(sl_stream_map(words, &letters_fn, NULL), "total(letters) as t"), 10);
    sl_stream_foreach_rdd(words, &tell_fn, NULL);
}

SL_JOB("abi_job", build);
