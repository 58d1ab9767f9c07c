// A source's RDD that gives some of its rows: by number, through its partitions.
#include "sched/world_test.h"

typedef struct given {
    sli_source *queue;
    sl_arena *arena;
    sl_rdd *rdd;
    int64_t first[4];
} given;

/// Rows 0 .. 9 in three partitions of 3, 3 and 4 rows, numbered from `base` on.
static given given_of(world *w, int64_t base)
{
    given g = {.arena = sl_arena_new(SLI_TAG_TEST)};
    sl_schema *schema = NULL;
    sl_batch *rows = rows_of("n int64", "0;1;2;3;4;5;6;7;8;9;");
    assert_int_equal(sl_schema_parse(&schema, "n int64", NULL), SL_OK);
    assert_int_equal(sli_queue_new(&g.queue, "q", schema, true, NULL), SL_OK);
    assert_int_equal(sli_queue_push(g.queue, rows, 3, NULL), SL_OK);
    sli_ask ask = {.epoch = 1, .max_rows = INT64_MAX};
    sli_offer offer = {0};
    assert_int_equal(g.queue->ops->offer(g.queue, &ask, g.arena, &offer, NULL), SL_OK);
    g.rdd = sli_rdd_of_source(w->runtime, g.queue, offer.range, offer.n_splits);
    const int64_t first[] = {0, 3, 6, 10};
    for (int32_t i = 0; i < 4; i++) {
        g.first[i] = base + first[i];
    }
    sl_batch_unref(rows);
    sl_schema_unref(schema);
    return g;
}

static void drop(given *g)
{
    sl_rdd_unref(g->rdd);
    sli_source_close(g->queue);
    sl_arena_free(g->arena);
}

static const char *chosen(given *g, sli_choice choice)
{
    assert_int_equal(sli_rdd_choose(g->rdd, &choice, g->first, NULL), SL_OK);
    return collect_text(sl_rdd_ref(g->rdd));
}

SL_TEST(a_source_gives_the_rows_that_are_chosen, "POISON-1")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    given g = given_of(&w, 100);
    const int64_t left_out[] = {99, 100, 104, 105, 109, 110};
    SL_CHECK_TEXT(chosen(&g, (sli_choice){.from = 0, .to = INT64_MAX}),
                  "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    SL_CHECK_TEXT(chosen(&g, (sli_choice){0, INT64_MAX, left_out, 6}), "1\n2\n3\n6\n7\n8\n");
    SL_CHECK_TEXT(chosen(&g, (sli_choice){102, 107, left_out, 6}), "2\n3\n6\n");
    SL_CHECK_TEXT(chosen(&g, (sli_choice){104, 105, NULL, 0}), "4\n");
    SL_CHECK_TEXT(chosen(&g, (sli_choice){104, 105, left_out, 6}), "");
    SL_CHECK_TEXT(chosen(&g, (sli_choice){0, 0, NULL, 0}), "");
    SL_CHECK_TEXT(chosen(&g, (sli_choice){0, 50, NULL, 0}), "");
    drop(&g);
    world_close(&w);
}

static sl_code refuse(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)out;
    return sl_error_set(err, SL_E_USER, "no");
}
static const sl_fn refuse_fn = {
    .struct_size = sizeof(sl_fn), .name = "refuse", .out = "n int64", .run = refuse};

SL_TEST(a_failure_is_told_with_the_rows_places_in_their_partition, "POISON-1")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    given g = given_of(&w, 0);
    assert_int_equal(sli_rdd_choose(g.rdd, &(sli_choice){.from = 7, .to = 8}, g.first, NULL),
                     SL_OK);
    sl_error err = collect_error(sl_rdd_map(g.rdd, &refuse_fn, NULL));
    SL_CHECK_TEXT(err.text, "epoch 0, stage 0 (map), partition 2, attempt 1 of 1: map refuse, "
                            "partition 2, source rows 1 to 1: no");
    drop(&g);
    world_close(&w);
}

SL_TEST(a_failure_in_a_trial_is_an_answer_and_not_tried_again, "POISON-1")
{
    world w;
    world_open(&w, (world_conf){0});
    given g = given_of(&w, 0);
    sl_rdd *map = sli_rdd_uid(sl_rdd_map(g.rdd, &refuse_fn, NULL), "op");
    sli_blame blame = {0};
    const int32_t partition = 1;
    sli_job job = {.rdd = map, .partitions = &partition, .n_partitions = 1, .rows_expected = -1};
    sli_sched_try(w.sched, SLI_TRIAL);
    sli_sched_blame(w.sched, &blame);
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_E_USER);
    assert_int_equal(job.n_failures, 1);
    assert_ptr_equal(blame.rdd, map);
    assert_int_equal(blame.partition, 1);
    assert_string_equal(blame.uid, "op");
    SL_CHECK_TEXT(blame.error.text, "map refuse [op], partition 1, source rows 0 to 2: no");
    sli_blame_reset(&blame);
    sl_rdd_unref(map);
    drop(&g);
    world_close(&w);
}

SL_TEST(what_rests_on_other_rows_is_told_apart, "POISON-1")
{
    world w;
    world_open(&w, (world_conf){0});
    given g = given_of(&w, 0);
    sl_rdd *where = sl_rdd_where(g.rdd, "n > 1"), *both = sl_rdd_union(where, g.rdd);
    sl_rdd *parts = sl_rdd_glom(both), *keys = sl_rdd_distinct(both, 2);
    assert_true(sli_rdd_is_by_row(both, &g.rdd, 1));
    assert_false(sli_rdd_is_by_row(both, &where, 0));
    assert_false(sli_rdd_is_by_row(parts, &g.rdd, 1));
    assert_false(sli_rdd_is_by_row(keys, &g.rdd, 1));
    sl_rdd *all[] = {where, both, parts, keys};
    for (int32_t i = 0; i < 4; i++) {
        sl_rdd_unref(all[i]);
    }
    drop(&g);
    world_close(&w);
}
