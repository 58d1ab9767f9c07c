// Each transformation as a golden case, with 1, 3 and 7 partitions, 1 and 4 workers, and 64 KiB of
// memory.
#include "kafka/sim/cluster.h"
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdio.h>

#define WORDS "word string, n int64"
static const char words[] = "a,1;b,2;a,3;c,4;b,5;a,6;d,7;a,8;";

// ---------------------------------------------------------------- user functions

static sl_code twice(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
        sl_builder_int64(out, 1, 2 * sl_column_int64(sl_batch_column(in, 1), i));
    }
    return SL_OK;
}
static const sl_fn twice_fn = {
    .struct_size = sizeof(sl_fn), .name = "twice", .out = "word string, m int64", .run = twice};

static sl_code is_odd(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        if (sl_column_is_null(sl_batch_column(in, 1), i)) {
            sl_builder_null(out, 0);
        } else {
            sl_builder_bool(out, 0, sl_column_int64(sl_batch_column(in, 1), i) % 2 != 0);
        }
    }
    return SL_OK;
}
static const sl_fn odd_fn = {
    .struct_size = sizeof(sl_fn), .name = "odd", .out = "keep bool?", .run = is_odd};

static sl_code sum_rows(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)out, (void)err;
    int64_t *sum = sl_args_state(args);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        *sum += sl_column_int64(sl_batch_column(in, 1), i);
    }
    return SL_OK;
}
static sl_code sum_end(const sl_args *args, sl_builder *out, sl_error *err)
{
    (void)err;
    sl_builder_int64(out, 0, *(int64_t *)sl_args_state(args));
    return SL_OK;
}
static const sl_fn sum_fn = {.struct_size = sizeof(sl_fn),
                             .name = "sum",
                             .out = "sum int64",
                             .run = sum_rows,
                             .end = sum_end,
                             .state_bytes = sizeof(int64_t)};

// ---------------------------------------------------------------- narrow

SL_TEST(map_makes_a_row_for_each_row_in_order, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, WORDS, words, l->partitions);
        SL_CHECK_TEXT(collect_text(then(in, sl_rdd_map(in, &twice_fn, NULL))),
                      "a,2\nb,4\na,6\nc,8\nb,10\na,12\nd,14\na,16\n");
    }
}

SL_TEST(filter_keeps_what_is_true_and_drops_null, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "word string, n int64?", "a,1;b,-;c,3;d,4;", l->partitions);
        SL_CHECK_TEXT(collect_text(then(in, sl_rdd_filter(in, &odd_fn, NULL))), "a,1\nc,3\n");
    }
}

SL_TEST(flat_map_keeps_order_also_when_a_row_makes_thousands, "")
{
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_str expected = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 3000; i++) {
        for (int k = 0; k <= i % 50; k++) {
            sli_str_printf(&text, "%sw%d", k > 0 ? " " : "", i + k);
            sli_str_printf(&expected, "w%d\n", i + k);
        }
        sli_str_char(&text, ';');
    }
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "line string", text.data, l->partitions);
        SL_CHECK_TEXT(collect_text(then(in, sl_rdd_flat_map(in, &sl_split, NULL))), expected.data);
    }
    sli_str_reset(&text);
    sli_str_reset(&expected);
}

SL_TEST(map_partitions_shares_state_and_ends_empty_partitions_too, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *in = rdd_of(&w, WORDS, "a,1;b,2;c,3;", 4); // cut at i * 3 / 4: 0 1 1 1
    SL_CHECK_TEXT(collect_text(then(in, sl_rdd_map_partitions(in, &sum_fn, NULL))), "0\n1\n2\n3\n");
    world_close(&w);
}

SL_TEST(what_is_known_to_be_empty_runs_no_map_tasks, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *none = sl_rdd_empty(world_session(&w), WORDS, 4);
    sl_rdd *kept = then(none, sl_rdd_where(none, "n > 0"));
    sl_rdd *sums = then(kept, sl_rdd_reduce_by_key(kept, "word", "sum(n) as s", 3));
    assert_true(sums->is_empty);
    assert_int_equal(sums->rows_expected, 0);
    int64_t before = sli_metric_value(w.sched->tasks);
    sums = then(sums, sl_rdd_map_partitions(sums, &sum_fn, NULL));
    SL_CHECK_TEXT(collect_text(sums), "0\n0\n0\n");
    assert_int_equal(sli_metric_value(w.sched->tasks) - before, 3); // of the result only
    none = sl_rdd_empty(world_session(&w), WORDS, 2); // a function with an end makes rows of none
    sl_rdd *ends = then(none, sl_rdd_map_partitions(none, &sum_fn, NULL));
    assert_false(ends->is_empty);
    SL_CHECK_TEXT(collect_text(ends), "0\n0\n");
    sl_rdd *some = rdd_of(&w, WORDS, "a,1;b,2;", 2);
    none = sl_rdd_empty(world_session(&w), WORDS, 1);
    sl_rdd *both = then(none, sl_rdd_union(some, none));
    sl_rdd_unref(some);
    assert_false(both->is_empty);
    assert_int_equal(both->rows_expected, 2);
    SL_CHECK_TEXT(collect_text(both), "a,1\nb,2\n");
    world_close(&w);
}

static sl_code never(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)partition, (void)batch;
    return sl_error_set(err, SL_E_DATA, "rows from nowhere");
}

SL_TEST(actions_on_what_is_known_to_be_empty_run_no_job, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *none = sl_rdd_empty(world_session(&w), WORDS, 4);
    sl_rdd *sums = then(none, sl_rdd_reduce_by_key(none, "word", "sum(n) as s", 3));
    sl_batch *rows = NULL;
    int64_t n = -1;
    assert_int_equal(sl_rdd_count(sums, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sl_rdd_foreach(sums, never, NULL, NULL), SL_OK);
    assert_int_equal(sl_rdd_take(sums, 10, &rows, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(rows), 0);
    assert_string_equal(sl_schema_text(sl_batch_schema(rows)), sl_schema_text(sl_rdd_schema(sums)));
    sl_batch_unref(rows);
    SL_CHECK_TEXT(collect_text(sums), "");
    assert_int_equal(sli_metric_value(w.sched->tasks), 0);
    assert_int_equal(sli_metric_value(w.sched->stages), 0);
    world_close(&w);
}

SL_TEST(select_where_and_union_work_on_every_layout, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, WORDS, words, l->partitions);
        sl_rdd *other = rdd_of(&w, "key string, v int64", "x,10;y,20;", 2);
        sl_rdd *all = sl_rdd_union(in, other);
        assert_int_equal(sl_rdd_partitions(all), l->partitions + 2);
        sl_rdd *big = sl_rdd_where(all, "n > 5");
        sl_rdd *out = sl_rdd_select(big, "n * 2 as twice, word");
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(all)), "word string, n int64");
        sl_rdd_unref(in);
        sl_rdd_unref(other);
        sl_rdd_unref(all);
        sl_rdd_unref(big);
        SL_CHECK_TEXT(collect_text(out), "12,a\n14,d\n16,a\n20,x\n40,y\n");
    }
}

SL_TEST(union_of_unions_reads_every_partition_once_in_order, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 3, .pool = true});
    sl_rdd *all = rdd_of(&w, "n int64", "0;", 1);
    sli_str expected = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 6; i++) {
        all = then(all, sl_rdd_union(all, all)); // 64 partitions, all of one
    }
    for (int i = 0; i < 64; i++) {
        sli_str_text(&expected, "0\n");
    }
    assert_int_equal(sl_rdd_partitions(all), 64);
    SL_CHECK_TEXT(collect_text(all), expected.data);
    sli_str_reset(&expected);
    world_close(&w);
}

SL_TEST(union_makes_a_column_nullable_when_one_side_is, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *a = rdd_of(&w, "n int64", "1;", 1), *b = rdd_of(&w, "m int64?", "-;2;", 1);
    sl_rdd *all = sl_rdd_union(a, b);
    SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(all)), "n int64?");
    sl_rdd_unref(a);
    sl_rdd_unref(b);
    SL_CHECK_TEXT(collect_text(all), "1\n-\n2\n");
    world_close(&w);
}

SL_TEST(parallelize_cuts_where_spark_does, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "a string, n int64", "x,1;x,1;x,1;x,1;x,1;x,1;x,1;x,1;", 3);
    SL_CHECK_TEXT(collect_text(then(in, sl_rdd_map_partitions(in, &sum_fn, NULL))), "2\n3\n3\n");
    world_close(&w);
}

// ---------------------------------------------------------------- wide

SL_TEST(reduce_by_key_gives_one_row_a_key, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, WORDS, words, l->partitions);
        sl_rdd *out = sl_rdd_reduce_by_key(in, "word", "count() as c, sum(n) as s, max(n) as m",
                                           l->partitions);
        assert_int_equal(sl_rdd_partitions(out), l->partitions);
        SL_CHECK_TEXT(collect_sorted(then(in, out)), "a,4,18,8\nb,2,7,5\nc,1,4,4\nd,1,7,7\n");
    }
}

SL_TEST(reduce_by_key_in_one_partition_keeps_the_order_of_first_sight, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, WORDS, "d,1;b,2;d,3;a,4;b,5;c,6;", l->partitions);
        SL_CHECK_TEXT(collect_text(then(in, sl_rdd_reduce_by_key(in, "word", "sum(n) as s", 1))),
                      "d,4\nb,7\na,4\nc,6\n");
    }
}

SL_TEST(reduce_makes_one_row_or_none_and_count_always_one, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, WORDS, words, l->partitions);
        sl_rdd *none = sl_rdd_empty(world_session(&w), WORDS, l->partitions);
        SL_CHECK_TEXT(collect_text(sli_rdd_reduce(in, "sum(n) as s, min(word) as w")), "36,a\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_reduce_by_key(in, "", "count() as c", 5)), "8\n");
        SL_CHECK_TEXT(collect_text(sli_rdd_reduce(none, "sum(n) as s")), "");
        SL_CHECK_TEXT(collect_text(sli_rdd_count_rows(in)), "8\n");
        SL_CHECK_TEXT(collect_text(sli_rdd_count_rows(none)), "0\n");
        sl_rdd_unref(in);
        sl_rdd_unref(none);
    }
}

SL_TEST(group_by_key_lists_values_in_order_of_arrival_with_nulls, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in =
            rdd_of(&w, "k string, v int64?, t string", "a,1,x;b,2,y;a,-,z;a,3,x;", l->partitions);
        sl_rdd *out = sl_rdd_group_by_key(in, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)),
                      "k string, v list<int64?>, t list<string>");
        SL_CHECK_TEXT(collect_text(then(in, out)), "a,[1 - 3],[x z x]\nb,[2],[y]\n");
    }
}

SL_TEST(join_multiplies_duplicates_in_order, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k string, v int64", "x,1;y,2;x,3;z,4;", l->partitions);
        sl_rdd *b = rdd_of(&w, "v int64, k string", "10,x;20,y;30,x;40,q;", l->partitions);
        sl_rdd *out = sl_rdd_join(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "k string, v int64, v_2 int64");
        SL_CHECK_TEXT(collect_text(out), "x,1,10\nx,1,30\ny,2,20\nx,3,10\nx,3,30\n");
        SL_CHECK_TEXT(collect_sorted(sl_rdd_join(a, b, "k", 7)),
                      "x,1,10\nx,1,30\nx,3,10\nx,3,30\ny,2,20\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_join_table(a, b, "k")),
                      "x,1,10\nx,1,30\ny,2,20\nx,3,10\nx,3,30\n");
        sl_rdd_unref(a);
        sl_rdd_unref(b);
    }
}

SL_TEST(join_of_one_hot_key_is_never_held_whole, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true, .budget_bytes = 1 << 20});
    sli_str text = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 2000; i++) {
        sli_str_printf(&text, "k,%d;", i);
    }
    sl_rdd *a = rdd_of(&w, "k string, v int64", text.data, 3);
    sl_rdd *out = sl_rdd_join(a, a, "k", 2);
    int64_t n = 0;
    assert_int_equal(sl_rdd_count(out, &n, NULL), SL_OK);
    assert_int_equal(n, 2000 * 2000);
    sl_rdd_unref(out);
    sl_rdd_unref(a);
    sli_str_reset(&text);
    world_close(&w);
}

SL_TEST(a_table_joined_twice_is_collected_once, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *table = rdd_of(&w, "k string, name string", "a,Anna;b,Bert;", 2);
    for (int i = 0; i < 3; i++) {
        sl_rdd *in = rdd_of(&w, "k string", "b;a;c;b;", 3);
        SL_CHECK_TEXT(collect_text(then(in, sl_rdd_join_table(in, table, "k"))),
                      "b,Bert\na,Anna\nb,Bert\n");
    }
    assert_non_null(table->indexes);
    sl_rdd_unref(table);
    world_close(&w);
}

SL_TEST(distinct_keeps_each_row_once, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in =
            rdd_of(&w, "a string, b int64?", "x,1;x,-;y,1;x,1;x,-;y,2;x,1;", l->partitions);
        SL_CHECK_TEXT(collect_text(sl_rdd_distinct(in, 1)), "x,1\nx,-\ny,1\ny,2\n");
        SL_CHECK_TEXT(collect_sorted(sl_rdd_distinct(in, 5)), "x,-\nx,1\ny,1\ny,2\n");
        sl_rdd_unref(in);
    }
}

SL_TEST(repartition_deals_rows_round_robin, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *in = rdd_of(&w, "n int64", "0;1;2;3;4;5;6;7;8;9;", 2); // 0-4, 5-9
    // where a partition begins is drawn from its number: of three 0 and 1, of five 4 and 4
    sl_rdd *three = sl_rdd_repartition(in, 3);
    SL_CHECK_TEXT(collect_text(three), "0\n3\n7\n1\n4\n5\n8\n2\n6\n9\n");
    SL_CHECK_TEXT(collect_text(then(in, sl_rdd_repartition(in, 5))),
                  "1\n6\n2\n7\n3\n8\n4\n9\n0\n5\n");
    world_close(&w);
}

SL_TEST(sort_by_is_total_and_stable_across_ranges, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in =
            rdd_of(&w, "k string, n int64?", "b,1;a,2;c,-;a,1;b,3;c,2;a,-;b,1;", l->partitions);
        const char *expected = "b,3\na,2\nc,2\nb,1\na,1\nb,1\nc,-\na,-\n";
        SL_CHECK_TEXT(collect_text(sl_rdd_sort_by(in, "n desc", 1)), expected);
        SL_CHECK_TEXT(collect_text(sl_rdd_sort_by(in, "n desc", 4)), expected);
        SL_CHECK_TEXT(collect_text(sl_rdd_sort_by(in, " k asc , n DESC", 3)),
                      "a,2\na,1\na,-\nb,3\nb,1\nb,1\nc,2\nc,-\n");
        sl_rdd_unref(in);
    }
}

SL_TEST(sort_by_spreads_many_rows_over_ranges, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sli_str text = {.tag = SLI_TAG_TEST};
    uint64_t x = 1;
    for (int i = 0; i < 20000; i++) {
        x = x * 6364136223846793005U + 1442695040888963407U;
        sli_str_printf(&text, "w,%d;", (int)(x >> 40) % 5000);
    }
    sl_rdd *in = rdd_of(&w, "w string, n int64", text.data, 5);
    sl_rdd *sorted = then(in, sl_rdd_sort_by(in, "n", 4));
    sl_batch *all = NULL;
    assert_int_equal(sl_rdd_collect(sorted, &all, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(all), 20000);
    for (int64_t i = 1; i < 20000; i++) {
        assert_true(sl_column_int64(sl_batch_column(all, 1), i - 1) <=
                    sl_column_int64(sl_batch_column(all, 1), i));
    }
    sl_batch_unref(all);
    sl_rdd *parts = sl_rdd_select(sorted, "w, 1 as n");
    sl_rdd *sums = then(parts, sl_rdd_map_partitions(parts, &sum_fn, NULL));
    sl_batch *counts = NULL;
    assert_int_equal(sl_rdd_collect(sums, &counts, NULL), SL_OK);
    for (int64_t i = 0; i < 4; i++) { // ranges of about the same length
        int64_t n = sl_column_int64(sl_batch_column(counts, 0), i);
        assert_true(n > 4000 && n < 6000);
    }
    sl_batch_unref(counts);
    sl_rdd_unref(sums);
    sl_rdd_unref(sorted);
    sli_str_reset(&text);
    world_close(&w);
}

// ---------------------------------------------------------------- actions

static sl_code note(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%d: %s", partition, text_of_batch(batch));
    return SL_OK;
}

SL_TEST(foreach_visits_partitions_in_order_and_may_run_other_jobs, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 4, .pool = true});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;", 4);
    sli_str seen = {.tag = SLI_TAG_TEST};
    assert_int_equal(sl_rdd_foreach(in, note, &seen, NULL), SL_OK);
    SL_CHECK_TEXT(seen.data, "0: 1\n1: 2\n2: 3\n3: 4\n");
    sl_rdd_unref(in);
    sli_str_reset(&seen);
    world_close(&w);
}

SL_TEST(take_reads_only_what_it_needs, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;5;6;7;8;", 8);
    sl_batch *rows = NULL;
    assert_int_equal(sl_rdd_take(in, 3, &rows, NULL), SL_OK);
    SL_CHECK_TEXT(text_of_batch(rows), "1\n2\n3\n");
    sl_batch_unref(rows);
    assert_int_equal(sl_rdd_take(in, 0, &rows, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(rows), 0);
    sl_batch_unref(rows);
    assert_int_equal(sl_rdd_take(in, 100, &rows, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(rows), 8);
    sl_batch_unref(rows);
    sli_job job = {.rdd = in, .rows_expected = -1};
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(job.rows_in, 8);
    assert_int_equal(job.rows_out, 8);
    assert_int_equal(job.n_tasks, 8);
    sl_rdd_unref(in);
    world_close(&w);
}

SL_TEST(an_rdd_without_partitions_is_empty_everywhere, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *zero = sl_rdd_empty(world_session(&w), WORDS, 0);
    int64_t n = -1;
    assert_int_equal(sl_rdd_count(zero, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    SL_CHECK_TEXT(collect_text(sl_rdd_reduce_by_key(zero, "word", "count() as c", 2)), "");
    SL_CHECK_TEXT(collect_text(sl_rdd_sort_by(zero, "n", 3)), "");
    SL_CHECK_TEXT(collect_text(sl_rdd_join(zero, zero, "word", 2)), "");
    SL_CHECK_TEXT(collect_text(sli_rdd_count_rows(zero)), "0\n");
    sl_batch *rows = NULL;
    assert_int_equal(sl_rdd_take(zero, 5, &rows, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(rows), 0);
    sl_batch_unref(rows);
    sl_rdd_unref(zero);
    world_close(&w);
}

SL_TEST(open_reads_the_files_of_a_directory_in_order_of_names, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    char path[512], url[600];
    const char *const files[][2] = {{"b.csv", "x,1\ny,2\n"}, {"a.csv", "z,3\n"}};
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", slt_temp_dir(), files[i][0]);
        sl_code rc = sli_env_write_file(w.env, path, files[i][1], strlen(files[i][1]), NULL);
        assert_int_equal(rc, SL_OK);
    }
    (void)snprintf(url, sizeof url, "file://%s?format=csv&schema=k string, n int64",
                   slt_temp_dir());
    sl_rdd *rdd = sl_rdd_open(world_session(&w), url);
    assert_int_equal(sl_rdd_partitions(rdd), 2);
    SL_CHECK_TEXT(collect_text(rdd), "z,3\nx,1\ny,2\n");
    sl_error err = SL_ERROR_INIT;
    rdd = sl_rdd_open(world_session(&w),
                      "file:///no/such/directory/at/all?format=csv&schema=k string");
    assert_int_equal(sl_rdd_check(rdd, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "/no/such/directory/at/all"));
    sl_rdd_unref(rdd);
    world_close(&w);
}

SL_TEST(open_reads_offset_ranges_of_kafka_a_partition_each, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .simulated = true, .seed = 3});
    sli_kafka_cluster *cluster = sli_kafka_cluster_new(w.sim);
    assert_int_equal(sli_kafka_cluster_make(cluster, "a", 2, NULL), SL_OK);
    for (int32_t i = 0; i < 20; i++) {
        char value[2] = {(char)('a' + i), '\0'};
        sli_kafka_message m = {.topic = "a", .partition = i % 2, .value = value, .value_size = 1};
        assert_int_equal(sli_kafka_cluster_put(cluster, &m, NULL), SL_OK);
    }
    sl_rdd *rdd = sl_rdd_open(world_session(&w),
                              "kafka://sim:9092/a?ranges=a:1=2..4,a:0=0..3&columns=offset");
    const char *from = NULL, *to = NULL;
    assert_int_equal(sl_rdd_partitions(rdd), 2);
    assert_int_equal(sl_rdd_range(rdd, &from, &to, NULL), SL_OK);
    SL_CHECK_TEXT(from, "{\"a\":{\"0\":0,\"1\":2}}");
    SL_CHECK_TEXT(to, "{\"a\":{\"0\":3,\"1\":4}}");
    SL_CHECK_TEXT(collect_text(rdd), "0,a\n1,c\n2,e\n2,f\n3,h\n");
    rdd = sl_rdd_open(world_session(&w), "kafka://sim:9092/a");
    assert_int_equal(sl_rdd_partitions(rdd), 2);
    SL_CHECK_TEXT(collect_text(rdd), "a\nc\ne\ng\ni\nk\nm\no\nq\ns\n"
                                     "b\nd\nf\nh\nj\nl\nn\np\nr\nt\n");
    sl_error err = SL_ERROR_INIT;
    rdd = sl_rdd_open(world_session(&w), "kafka://sim:9092/a?start=earliest");
    assert_int_equal(sl_rdd_check(rdd, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "option start is of a stream"));
    sl_rdd_unref(rdd);
    sli_kafka_cluster_free(cluster);
    world_close(&w);
}

SL_TEST(only_an_rdd_of_a_source_has_a_range, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 1});
    sl_error err = SL_ERROR_INIT;
    const char *from = NULL, *to = NULL;
    sl_rdd *rdd = rdd_of(&w, WORDS, words, 2);
    assert_int_equal(sl_rdd_range(rdd, &from, &to, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text,
                  "an RDD of operator parallelize has no range of a source: ask the source's own");
    sl_rdd_unref(rdd);
    rdd = sl_rdd_open(world_session(&w), "file:///no/such/file");
    assert_int_equal(sl_rdd_range(rdd, &from, &to, &err), SL_E_NOT_FOUND);
    sl_rdd_unref(rdd);
    assert_null(from);
    world_close(&w);
}
