// Checkpoints, local and in files: lineages that are cut, what is lost then, loops that stay short.
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdio.h>
#include <stdlib.h>

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
        sl_rdd *next = sli_rdd_by_slot(sums, "k", 3); // where the rows lie is known on
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

// ---------------------------------------------------------------- in files

static sl_code count_name(void *ctx, const char *name, sl_error *err)
{
    int32_t *n = ctx;
    (void)name, (void)err;
    ++*n;
    return SL_OK;
}

static int32_t names_in(world *w, const char *dir)
{
    int32_t n = 0;
    assert_int_equal(sli_env_list(w->env, dir, count_name, &n, NULL), SL_OK);
    return n;
}

static const char *checkpoint_dir(world *w)
{
    static char dir[512];
    (void)snprintf(dir, sizeof dir, "%s/saved", slt_temp_dir());
    assert_int_equal(sl_session_checkpoint_dir(world_session(w), dir, NULL), SL_OK);
    return dir;
}

SL_TEST(a_checkpoint_is_written_after_the_first_action_and_survives_loss, "")
{
    EACH_LAYOUT(w, l)
    {
        checkpoint_dir(&w);
        sl_rdd *in = rdd_of(&w, "k string?, n int64", "a,1;b,2;a,3;-,4;a longer key than twelve,5;",
                            l->partitions);
        sl_rdd *sums = sl_rdd_reduce_by_key(in, "k", "sum(n) as n", 3);
        sl_rdd *more = sl_rdd_where(sums, "n > 0");
        assert_int_equal(sl_rdd_checkpoint(sums, NULL), SL_OK);
        assert_int_equal(sl_rdd_checkpoint(sums, NULL), SL_OK); // twice is once
        assert_false(sl_rdd_is_checkpointed(sums));
        sl_batch *some = NULL;
        assert_int_equal(sl_rdd_take(more, 1, &some, NULL), SL_OK); // of a child, not all of it
        sl_batch_unref(some);
        assert_true(sl_rdd_is_checkpointed(sums));
        assert_int_equal(names_in(&w, sl_rdd_checkpoint_path(sums)), 3);
        assert_int_equal(sums->n_deps, 0);
        assert_int_equal(atomic_load(&in->refs), 1); // the parents were given up
        char *all = strdup(collect_text(sl_rdd_ref(sums)));
        SL_CHECK_TEXT(collect_text(sl_rdd_ref(more)), all);
        sl_rdd *next = sli_rdd_by_slot(sums, "k", 3); // where the rows lie is known on
        assert_int_equal(next->deps[0].kind, SLI_DEP_NARROW);
        SL_CHECK_TEXT(collect_text(next), all);
        sl_rdd_persist(sums, SL_MEMORY_ONLY);
        SL_CHECK_TEXT(collect_text(sl_rdd_ref(sums)), all);
        sli_blocks_lose(w.blocks, (sli_block_id){SLI_BLOCK_RDD, sums->id, 1, 0});
        SL_CHECK_TEXT(collect_text(sl_rdd_ref(sums)), all); // from its file again
        char *told = sl_rdd_debug_text(sums);
        SL_CHECK_TEXT(told, "(3) checkpoint [MEMORY_ONLY]\n");
        sl_text_free(told);
        free(all);
        sl_rdd_unref(more);
        sl_rdd_unref(sums);
        sl_rdd_unref(in);
    }
}

SL_TEST(a_checkpoint_needs_a_directory_and_an_action_that_meets_it, "")
{
    world w;
    int64_t n = 0;
    sl_error err = SL_ERROR_INIT;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;", 2), *kept = sl_rdd_where(in, "n > 1");
    assert_int_equal(sl_rdd_checkpoint(kept, &err), SL_E_STATE);
    assert_non_null(strstr(err.text, "sl_session_checkpoint_dir"));
    assert_int_equal(sl_session_checkpoint_dir(world_session(&w), "", NULL), SL_E_INVALID);
    checkpoint_dir(&w);
    assert_int_equal(sl_rdd_checkpoint(kept, NULL), SL_OK);
    assert_int_equal(sl_rdd_count(in, &n, NULL), SL_OK); // not of its stages
    assert_false(sl_rdd_is_checkpointed(kept));
    sl_rdd_local_checkpoint(kept); // takes the mark over
    assert_int_equal(sl_rdd_count(kept, &n, NULL), SL_OK);
    assert_true(sl_rdd_is_checkpointed(kept));
    assert_null(sl_rdd_checkpoint_path(kept));
    sl_rdd_unref(kept);
    sl_rdd_unref(in);
    world_close(&w);
}

/// Rows that take several pieces of a file.
static sl_rdd *many_rows(world *w, int64_t n_rows)
{
    sl_rdd *one = rdd_of(w, "n int64", "1;2;3;4;5;6;7;8;9;10;", 1), *all = sl_rdd_ref(one);
    for (int64_t n = 10; n < n_rows; n *= 10) {
        all = then(all, sl_rdd_cartesian(all, one));
        all = then(all, sl_rdd_select(all, "n * 10 + n_2 as n"));
    }
    sl_rdd_unref(one);
    return all;
}

static void damage(world *w, const char *path, int64_t at)
{
    sli_file *file = NULL;
    assert_int_equal(sli_file_open(w->env, path, SLI_UPDATE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write_at(file, at, "?", 1, NULL), SL_OK);
    sli_file_close(&file);
}

static sl_code keep_name(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    (void)snprintf(ctx, 256, "%s", name);
    return SL_OK;
}

SL_TEST(every_byte_of_a_checkpoint_is_checked_before_its_rows_are_shown, "")
{
    enum { ROWS = SLT_SLOW_BUILD ? 1000 : 1000000 };
    world w;
    int64_t n = 0;
    char name[256], path[1024];
    world_open(&w, (world_conf){0});
    checkpoint_dir(&w);
    sl_rdd *rdd = many_rows(&w, ROWS);
    assert_int_equal(sl_rdd_checkpoint(rdd, NULL), SL_OK);
    assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
    assert_int_equal(n, ROWS);
    assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
    assert_int_equal(n, ROWS);
    assert_int_equal(sli_env_list(w.env, sl_rdd_checkpoint_path(rdd), keep_name, name, NULL),
                     SL_OK);
    (void)snprintf(path, sizeof path, "%s/%s", sl_rdd_checkpoint_path(rdd), name);
    damage(&w, path, 4 * ROWS); // in the middle
    check_error(sl_rdd_ref(rdd), SL_E_CORRUPT, "the bytes are not those that were written");
    assert_int_equal(sli_env_remove(w.env, path, NULL), SL_OK);
    check_error(rdd, SL_E_NOT_FOUND, "partition 0 of a checkpoint");
    world_close(&w);
}

SL_TEST(a_checkpoint_that_can_not_be_written_fails_its_action_and_is_tried_again, "")
{
    world w;
    int64_t n = 0;
    char dir[600], found[33];
    sl_error err = SL_ERROR_INIT;
    world_open(&w, (world_conf){0});
    const char *above = checkpoint_dir(&w);
    assert_int_equal(sli_env_list(w.env, above, keep_name, found, NULL), SL_OK);
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;", 2), *kept = sl_rdd_where(in, "n > 1");
    assert_int_equal(sl_rdd_checkpoint(kept, NULL), SL_OK);
    (void)snprintf(dir, sizeof dir, "%s/%s/rdd-%lld", above, found, (long long)kept->id);
    assert_int_equal(sli_env_mkdirs(w.env, dir, NULL), SL_OK); // its name is taken
    assert_int_equal(sl_rdd_count(kept, &n, &err), SL_E_EXISTS);
    assert_int_equal(strncmp(err.text, "checkpoint: ", 12), 0);
    assert_int_equal(names_in(&w, above), 1);
    assert_false(sl_rdd_is_checkpointed(kept));
    assert_int_equal(sli_env_remove_dir(w.env, dir, NULL), SL_OK);
    assert_int_equal(sl_rdd_count(kept, &n, &err), SL_OK);
    assert_string_equal(sl_rdd_checkpoint_path(kept), dir);
    SL_CHECK_TEXT(collect_text(kept), "2\n3\n");
    sl_rdd_unref(in);
    world_close(&w);
}

SL_TEST(whichever_allocation_is_refused_a_checkpoint_leaks_nothing_and_loses_no_row, "")
{
    int64_t n_failed = 0;
    bool reached = true;
    for (int64_t n = 1; reached; n++) {
        world w;
        world_open(&w, (world_conf){.settings = "task.max_failures=1"});
        checkpoint_dir(&w);
        sl_rdd *in = rdd_of(&w, "k string, n int64", "a,1;b,2;c,3;", 2);
        sl_rdd *kept = sl_rdd_where(in, "n > 1");
        sl_batch *rows = NULL;
        sli_mem_fail_nth(n);
        sl_code rc = sl_rdd_checkpoint(kept, NULL);
        rc = rc != SL_OK ? rc : sl_rdd_collect(kept, &rows, NULL);
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        n_failed += rc != SL_OK;
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        sl_batch_unref(rows);
        SL_CHECK_TEXT(collect_text(kept), "b,2\nc,3\n");
        sl_rdd_unref(in);
        world_close(&w);
    }
    assert_true(n_failed > 20);
}
