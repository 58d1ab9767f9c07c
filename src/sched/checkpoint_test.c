// localCheckpoint: lineages that are cut, what is lost then, loops that stay short.
#include "sched/sched_int.h"
#include "sched/world_test.h"

SL_TEST(a_local_checkpoint_is_cut_after_the_action_that_computed_all_of_it, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "k string, n int64", "a,1;b,2;a,3;c,4;", l->partitions);
        sl_rdd *sums = sl_rdd_reduce_by_key(in, "k", "sum(n) as n", 3);
        assert_ptr_equal(sl_rdd_local_checkpoint(sums), sums);
        sl_batch *some = NULL;
        assert_int_equal(sl_rdd_take(sums, 1, &some, NULL), SL_OK); // maybe not all partitions
        sl_batch_unref(some);
        const char *all = collect_text(sl_rdd_ref(sums));
        assert_int_equal(sums->n_deps, 0);
        assert_int_equal(sums->depth, 0);
        assert_int_equal(atomic_load(&in->refs), 1); // the parents were given up
        SL_CHECK_TEXT(collect_text(sl_rdd_ref(sums)), all);
        sl_rdd *next = sl_rdd_partition_by(sums, "k", 3); // where the rows lie is known on
        assert_int_equal(next->deps[0].kind, SLI_DEP_NARROW);
        SL_CHECK_TEXT(collect_text(next), all);
        char *told = sl_rdd_debug_text(sums);
        SL_CHECK_TEXT(told, "(3) localCheckpoint [MEMORY_AND_DISK]\n");
        sl_text_free(told);
        sl_rdd_unref(sums);
        sl_rdd_unref(in);
    }
}

SL_TEST(a_loop_of_local_checkpoints_keeps_a_short_lineage, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *rdd = rdd_of(&w, "n int64", "1;2;3;", 2);
    for (int i = 0; i < 3 * SLI_MAX_NARROW; i++) {
        rdd = sl_rdd_local_checkpoint(then(rdd, sl_rdd_select(rdd, "n + 1 as n")));
        int64_t n = 0;
        assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
    }
    sli_blocks_stats stats;
    sli_blocks_stats_of(w.blocks, &stats);
    assert_int_equal(stats.n_blocks, 4); // a chunk and an index for each of its two partitions
    SL_CHECK_TEXT(collect_text(rdd), "3001\n3002\n3003\n");
    world_close(&w);
}

SL_TEST(what_a_local_checkpoint_lost_is_an_error_that_says_so, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;", 2);
    sl_rdd *kept = sl_rdd_named(sl_rdd_where(in, "n > 0"), "ones");
    sl_rdd_local_checkpoint(sl_rdd_local_checkpoint(kept)); // twice is once
    SL_CHECK_TEXT(collect_text(sl_rdd_ref(kept)), "1\n2\n3\n");
    sli_blocks_lose(w.blocks, (sli_block_id){SLI_BLOCK_RDD, kept->id, 1, 0});
    check_error(sl_rdd_ref(kept), SL_E_STATE,
                "partition 1 of the local checkpoint ones is lost, and its lineage was given up");
    sl_rdd_unpersist(kept);
    check_error(kept, SL_E_STATE, "partition 0 of the local checkpoint ones is lost");
    sl_rdd_unref(in);
    world_close(&w);
}

SL_TEST(a_local_checkpoint_that_is_not_kept_whole_keeps_its_lineage, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;", 3);
    sl_rdd *kept = sl_rdd_local_checkpoint(sl_rdd_persist(sl_rdd_where(in, "n > 0"), SL_DISK_ONLY));
    assert_int_equal(kept->level, SL_DISK_ONLY); // the level set before
    sl_batch *one = NULL;
    assert_int_equal(sl_rdd_take(kept, 1, &one, NULL), SL_OK);
    sl_batch_unref(one);
    assert_int_equal(kept->n_deps, 1);
    sl_rdd *never = sl_rdd_local_checkpoint(sl_rdd_where(in, "n > 1"));
    sl_rdd_unref(never); // given back while it waits
    SL_CHECK_TEXT(collect_text(kept), "1\n2\n3\n");
    sl_rdd *none = sl_rdd_empty(world_session(&w), "n int64", 2);
    sl_rdd *nothing = sl_rdd_local_checkpoint(then(none, sl_rdd_where(none, "n > 0")));
    SL_CHECK_TEXT(collect_text(sl_rdd_ref(nothing)), "");
    assert_int_equal(nothing->n_deps, 0);
    SL_CHECK_TEXT(collect_text(nothing), "");
    assert_null(w.runtime->to_cut);
    sl_rdd_unref(in);
    world_close(&w);
}

SL_TEST(checkpoints_over_checkpoints_are_cut_together, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;", 2);
    sl_rdd *a = sl_rdd_local_checkpoint(sl_rdd_where(in, "n > 0"));
    sl_rdd *b = sl_rdd_local_checkpoint(then(a, sl_rdd_select(a, "n * 2 as n")));
    sl_rdd *c = sl_rdd_local_checkpoint(then(b, sl_rdd_repartition(b, 2)));
    SL_CHECK_TEXT(collect_sorted(sl_rdd_ref(c)), "2\n4\n6\n");
    assert_int_equal(c->n_deps, 0);
    assert_null(w.runtime->to_cut);
    assert_int_equal(atomic_load(&in->refs), 1);
    SL_CHECK_TEXT(collect_sorted(c), "2\n4\n6\n");
    sl_rdd_unref(in);
    world_close(&w);
}
