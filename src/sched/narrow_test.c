// Narrow operators over partitions: glom, coalesce, cartesian, zip, numbers, samples.
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <math.h>
#include <stdio.h>

/// Fails with the user's code; shows where rows are said to come from.
static sl_code refuse(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)out;
    return sl_error_set(err, SL_E_USER, "no");
}
static const sl_fn refuse_fn = {.struct_size = sizeof(sl_fn), .name = "refuse", .run = refuse};

// ---------------------------------------------------------------- glom and coalesce

SL_TEST(glom_makes_a_row_of_each_partition_also_of_an_empty_one, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 4, .pool = true});
    sl_rdd *in = rdd_of(&w, "k string, v int64?", "a,1;b,-;c,3;", 4); // cut at i * 3 / 4: 0 1 1 1
    sl_rdd *out = sl_rdd_glom(in);
    SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "k list<string>, v list<int64?>");
    SL_CHECK_TEXT(collect_text(then(in, out)), "[],[]\n[a],[1]\n[b],[-]\n[c],[3]\n");
    sl_rdd *none = sl_rdd_empty(world_session(&w), "n int64", 2);
    SL_CHECK_TEXT(collect_text(then(none, sl_rdd_glom(none))), "[]\n[]\n");
    world_close(&w);
}

SL_TEST(coalesce_joins_neighbours_and_keeps_the_order_of_rows, "")
{
    static const struct {
        int32_t from, to;
        const char *expected;
    } cases[] = {
        {7, 3, "[1 2]\n[3 4]\n[5 6 7]\n"}, {7, 1, "[1 2 3 4 5 6 7]\n"},
        {3, 7, "[1 2]\n[3 4]\n[5 6 7]\n"}, {7, 7, "[1]\n[2]\n[3]\n[4]\n[5]\n[6]\n[7]\n"},
        {7, 0, "[1 2]\n[3 4]\n[5 6 7]\n"}, // the default parallelism
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EACH_LAYOUT(w, l)
        {
            sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;5;6;7;", cases[i].from);
            sl_rdd *out = then(in, sl_rdd_coalesce(in, cases[i].to));
            SL_CHECK_TEXT(collect_text(then(out, sl_rdd_glom(out))), cases[i].expected);
        }
    }
}

SL_TEST(coalesce_has_no_shuffle_and_no_false_places, "")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;", 4);
    sl_rdd *two = sl_rdd_coalesce(in, 2);
    assert_int_equal(two->deps[0].kind, SLI_DEP_NARROW);
    check_mistake(sl_rdd_coalesce(in, -1), "coalesce: -1 partitions");
    sl_error err = collect_error(sl_rdd_map(two, &refuse_fn, NULL));
    assert_non_null(strstr(err.text, "map refuse, partition 0: no")); // and no rows of the source
    sl_rdd_unref(two);
    sl_rdd_unref(in);
    world_close(&w);
}

// ---------------------------------------------------------------- cartesian and zip

SL_TEST(cartesian_pairs_every_row_left_by_left, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k string, v int64", "x,1;y,2;", 1);
        sl_rdd *b = rdd_of(&w, "v int64?, t string", "10,p;-,q;30,r;", 1);
        sl_rdd *out = sl_rdd_cartesian(a, b);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)),
                      "k string, v int64, v_2 int64?, t string");
        SL_CHECK_TEXT(collect_text(out),
                      "x,1,10,p\nx,1,-,q\nx,1,30,r\ny,2,10,p\ny,2,-,q\ny,2,30,r\n");
        sl_rdd *cut = then(a, sl_rdd_repartition(a, 2)), *many = then(b, sl_rdd_coalesce(b, 1));
        sl_rdd *more = sl_rdd_cartesian(many, cut); // partition j: b's row with a's partition j
        assert_int_equal(sl_rdd_partitions(more), 2);
        SL_CHECK_TEXT(collect_sorted(more), "-,q,x,1\n-,q,y,2\n10,p,x,1\n10,p,y,2\n30,r,x,1\n30,r,"
                                            "y,2\n");
        sl_rdd_unref(cut);
        sl_rdd_unref(many);
    }
}

SL_TEST(cartesian_orders_partitions_as_spark_does, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *a = rdd_of(&w, "a int64", "1;2;3;4;", 2), *b = rdd_of(&w, "b int64", "5;6;7;", 3);
    sl_rdd *out = sl_rdd_cartesian(a, b);
    sl_rdd *lists = then(out, sl_rdd_glom(out));
    SL_CHECK_TEXT(collect_text(lists), "[1 2],[5 5]\n[1 2],[6 6]\n[1 2],[7 7]\n"
                                       "[3 4],[5 5]\n[3 4],[6 6]\n[3 4],[7 7]\n");
    sl_rdd *none = sl_rdd_empty(world_session(&w), "c int64", 2);
    SL_CHECK_TEXT(collect_text(sl_rdd_cartesian(a, none)), "");
    SL_CHECK_TEXT(collect_text(sl_rdd_cartesian(none, a)), "");
    sl_rdd *wide = sl_rdd_empty(world_session(&w), "c int64", 300);
    check_mistake(sl_rdd_cartesian(wide, wide), "300 times 300 partitions; there may be 65536");
    sl_rdd *made[] = {a, b, none, wide};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        sl_rdd_unref(made[i]);
    }
    world_close(&w);
}

SL_TEST(a_product_of_thousands_is_never_held, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true, .budget_bytes = 1 << 20});
    sli_str text = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 2000; i++) {
        sli_str_printf(&text, "%d;", i);
    }
    sl_rdd *a = rdd_of(&w, "n int64", text.data, 2);
    sl_rdd *out = sl_rdd_cartesian(a, a);
    assert_int_equal(out->rows_expected, 4000000); // no work for the driver's thread
    int64_t n = 0;
    assert_int_equal(sl_rdd_count(out, &n, NULL), SL_OK);
    assert_int_equal(n, 4000000);
    sl_rdd_unref(out);
    sl_rdd_unref(a);
    sli_str_reset(&text);
    world_close(&w);
}

SL_TEST(zip_puts_rows_beside_each_other_wherever_batches_end, "")
{
    sli_str text = {.tag = SLI_TAG_TEST}, expected = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 9000; i++) {
        sli_str_printf(&text, "%d;", i);
        sli_str_printf(&expected, "%d,%d\n", i * 2, i * 2 + 1);
    }
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "n int64", text.data, l->partitions);
        sl_rdd *a = sl_rdd_select(in, "n * 2 as n"), *b = sl_rdd_select(in, "n * 2 + 1 as n");
        sl_rdd *cut = then(a, sl_rdd_where(a, "n >= 0")); // other batches than b's
        sl_rdd *out = sl_rdd_zip(cut, b);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "n int64, n_2 int64");
        SL_CHECK_TEXT(collect_text(out), expected.data);
        sl_rdd_unref(cut);
        sl_rdd_unref(b);
        sl_rdd_unref(in);
    }
    sli_str_reset(&text);
    sli_str_reset(&expected);
}

SL_TEST(zip_refuses_other_partitions_and_other_numbers_of_rows, "")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    sl_rdd *two = rdd_of(&w, "a int64", "1;2;", 1), *three = rdd_of(&w, "b int64", "1;2;3;", 1);
    sl_rdd *none = sl_rdd_empty(world_session(&w), "c int64", 1);
    sl_rdd *cut = rdd_of(&w, "a int64", "1;2;", 2);
    check_mistake(sl_rdd_zip(two, cut), "zip: 1 partitions and 2");
    check_error(sl_rdd_zip(two, three), SL_E_DATA,
                "partition 0 has 2 rows on the left and 3 on the right");
    check_error(sl_rdd_zip(three, two), SL_E_DATA,
                "partition 0 has more rows on the left than the 2 on the right");
    check_error(sl_rdd_zip(none, two), SL_E_DATA, "0 rows on the left and 2 on the right");
    check_error(sl_rdd_zip(two, none), SL_E_DATA, "than the 0 on the right");
    SL_CHECK_TEXT(collect_text(sl_rdd_zip(none, none)), "");
    sl_rdd *made[] = {two, three, none, cut};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        sl_rdd_unref(made[i]);
    }
    world_close(&w);
}

SL_TEST(names_that_both_sides_have_twice_are_refused, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *a = rdd_of(&w, "v int64, v_2 int64", "1,2;", 1), *b = rdd_of(&w, "v int64", "1;", 1);
    check_mistake(sl_rdd_zip(a, b), "two fields are named \"v_2\"");
    check_mistake(sl_rdd_cartesian(a, b), "two fields are named \"v_2\"");
    sl_rdd_unref(a);
    sl_rdd_unref(b);
    world_close(&w);
}

// ---------------------------------------------------------------- numbers

SL_TEST(zip_with_index_counts_over_partitions, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "k string", "a;b;c;d;e;f;g;h;i;", l->partitions);
        sl_rdd *some = sl_rdd_where(in, "k <> 'd' and k <> 'e'");
        sl_rdd *out = sl_rdd_zip_with_index(some);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "k string, index int64");
        for (int i = 0; i < 2; i++) { // the second time nothing is counted again
            SL_CHECK_TEXT(collect_text(sl_rdd_ref(out)), "a,0\nb,1\nc,2\nf,3\ng,4\nh,5\ni,6\n");
        }
        sl_rdd_unref(out);
        sl_rdd_unref(some);
        sl_rdd_unref(in);
    }
}

SL_TEST(zip_with_index_counts_once_and_only_when_it_must, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    for (int32_t n = 1; n <= 4; n++) {
        sl_rdd *in = rdd_of(&w, "k string", "a;b;c;d;", n);
        sl_rdd *out = sl_rdd_zip_with_index(in);
        int64_t before = sli_metric_value(w.sched->tasks);
        SL_CHECK_TEXT(collect_text(sl_rdd_ref(out)), "a,0\nb,1\nc,2\nd,3\n");
        assert_int_equal(sli_metric_value(w.sched->tasks) - before, n + n - 1); // all but the last
        before = sli_metric_value(w.sched->tasks);
        SL_CHECK_TEXT(collect_text(sl_rdd_ref(out)), "a,0\nb,1\nc,2\nd,3\n");
        assert_int_equal(sli_metric_value(w.sched->tasks) - before, n);
        sl_rdd_unref(out);
        sl_rdd_unref(in);
    }
    world_close(&w);
}

SL_TEST(a_count_that_fails_is_told_and_made_again, "")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    sl_rdd *in = rdd_of(&w, "k string", "a;b;c;d;", 2);
    sl_rdd *bad = sl_rdd_map(in, &refuse_fn, NULL);
    sl_rdd *out = sl_rdd_zip_with_index(bad);
    for (int i = 0; i < 2; i++) {
        check_error(sl_rdd_ref(out), SL_E_USER, "zipWithIndex: the rows of its partitions: ");
    }
    sl_rdd *made[] = {out, bad, in};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        sl_rdd_unref(made[i]);
    }
    world_close(&w);
}

SL_TEST(unique_ids_need_no_job, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *in = rdd_of(&w, "k string", "a;b;c;d;e;f;g;", 3); // 2, 2, 3
    int64_t before = sli_metric_value(w.sched->tasks);
    SL_CHECK_TEXT(collect_text(sl_rdd_zip_with_unique_id(in)),
                  "a,0\nb,3\nc,1\nd,4\ne,2\nf,5\ng,8\n");
    assert_int_equal(sli_metric_value(w.sched->tasks) - before, 3);
    sl_rdd *named = sl_rdd_select(in, "1 as index, 2 as id");
    check_mistake(sl_rdd_zip_with_index(named), "two fields are named \"index\"");
    check_mistake(sl_rdd_zip_with_unique_id(named), "two fields are named \"id\"");
    sl_rdd_unref(named);
    sl_rdd_unref(in);
    world_close(&w);
}

// ---------------------------------------------------------------- samples

enum { MANY = 40000 };

static sl_rdd *many(world *w, int32_t n_partitions)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < MANY; i++) {
        sli_str_printf(&text, "%d;", i);
    }
    sl_rdd *rdd = rdd_of(w, "n int64", text.data, n_partitions);
    sli_str_reset(&text);
    return rdd;
}

/// Rows of a sample, and the sum of squares of how often each row is in it.
static int64_t measure(sl_rdd *sample, double *squares)
{
    sl_batch *rows = NULL;
    assert_int_equal(sl_rdd_collect(sample, &rows, NULL), SL_OK);
    const sl_column *n = sl_batch_column(rows, 0);
    int64_t count = sl_batch_rows(rows), times = 0;
    *squares = 0;
    for (int64_t i = 0; i < count; i++) {
        times++;
        if (i > 0) {
            assert_true(sl_column_int64(n, i) >= sl_column_int64(n, i - 1)); // in order
        }
        if (i + 1 == count || sl_column_int64(n, i) != sl_column_int64(n, i + 1)) {
            *squares += (double)(times * times);
            times = 0;
        }
    }
    sl_batch_unref(rows);
    sl_rdd_unref(sample);
    return count;
}

SL_TEST(samples_have_the_size_and_the_spread_asked_for, "")
{
    static const struct {
        bool with;
        double fraction;
    } cases[] = {{false, 0},   {false, 0.1}, {false, 0.5}, {false, 1},
                 {true, 0.05}, {true, 1},    {true, 2.5},  {true, 40}};
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *in = many(&w, 4);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double f = cases[i].fraction, squares = 0;
        double n = (double)measure(sl_rdd_sample(in, cases[i].with, f, 11), &squares);
        double variance = cases[i].with ? f : f * (1 - f); // of one row's number
        assert_true(fabs(n - MANY * f) <= 4 * sqrt(MANY * variance));
        double second = squares / MANY; // f + f^2 for Poisson numbers, f for coins
        assert_true(fabs(second - (cases[i].with ? f + f * f : f)) <= 0.02 + 0.02 * f * f);
    }
    sl_rdd_unref(in);
    world_close(&w);
}

SL_TEST(a_sample_is_the_same_in_every_run_and_another_for_another_seed, "")
{
    const char *first = NULL, *kept = NULL;
    for (int with = 0; with < 2; with++) {
        for (size_t i = 1; i < n_layouts; i++) {
            world w;
            world_open(&w, layouts[i].conf);
            sl_rdd *in = many(&w, 5);
            first = collect_text(sl_rdd_sample(in, with, 0.01, 3));
            kept = kept == NULL ? sl_strdup(SLI_TAG_TEST, first) : kept;
            SL_CHECK_TEXT(first, kept);
            assert_string_not_equal(collect_text(sl_rdd_sample(in, with, 0.01, 4)), kept);
            sl_rdd_unref(in);
            world_close(&w);
        }
        sl_free((void *)(uintptr_t)kept);
        kept = NULL;
    }
}

SL_TEST(fractions_that_are_none_are_refused, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;", 1);
    check_mistake(sl_rdd_sample(in, false, -0.1, 1), "sample: fraction -0.1; it is 0 to 1 without");
    check_mistake(sl_rdd_sample(in, false, 1.5, 1), "sample: fraction 1.5; it is 0 to 1 without");
    check_mistake(sl_rdd_sample(in, false, NAN, 1), "sample: fraction ");
    check_mistake(sl_rdd_sample(in, true, -1, 1), "sample: fraction -1; it is 0 to 1e+06 with");
    check_mistake(sl_rdd_sample(in, true, INFINITY, 1), "sample: fraction inf");
    sl_rdd_unref(in);
    world_close(&w);
}
