#include "contract/plain.h"

static sl_code do_nothing(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)args, (void)rdd, (void)err;
    return SL_OK;
}
const sl_foreach_fn slt_do_nothing_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "nothing", .version = 1, .run = do_nothing};

static sl_code count(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    const sl_column *old = sl_batch_column(call->states, 0);
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t n = call->values_from[i + 1] - call->values_from[i];
        sl_builder_int64(call->out, 0, (call->had[i] ? sl_column_int64(old, i) : 0) + n);
    }
    return SL_OK;
}
const sl_update_fn slt_count_fn = {.struct_size = sizeof(sl_update_fn),
                                   .name = "count",
                                   .out = "n int64",
                                   .version = 1,
                                   .run = count};

void slt_copy_files(sl_graph *graph)
{
    sl_stream_save(sl_stream_open(graph, "file:in"), "file:out");
}
