// Shuffle output is written once an epoch, whatever number of outputs reads it.
#include "contract/simlife.h"

static void share_counts(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' '");
    sl_stream *counts = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream_save(sl_stream_uid(counts, "counts"), "file:all?format=csv");
    sl_stream *many = sl_stream_where(counts, "n > 1");
    sl_stream_save(sl_stream_uid(many, "many"), "file:many?format=csv");
}

SL_TEST(outputs_of_an_epoch_share_what_was_shuffled, "")
{
    slt_simlife l = slt_simlife_new(share_counts, NULL);
    slt_simlife_put(&l, "in/a.txt", "to be or not to be\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "many"), "to,2\nbe,2\n");
    // The map stage, and a result stage for each output; in Spark's words the second output's map
    // stage is skipped.
    SL_CHECK_HAS(slt_simlife_metrics(&l), "\nsluice_stages_total 3\n");
    slt_simlife_free(&l);
}
