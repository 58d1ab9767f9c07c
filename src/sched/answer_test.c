// Actions with small answers: first, isEmpty, takeOrdered, takeSample, aggregate, histogram, counts
// that need not be exact.
#include "env/sim.h"
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <math.h>
#include <stdlib.h>

static sl_code refuse(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)out;
    return sl_error_set(err, SL_E_USER, "no");
}
static const sl_fn refuse_fn = {.struct_size = sizeof(sl_fn), .name = "refuse", .run = refuse};

static const char *text_and_unref(sl_batch *batch)
{
    const char *text = text_of_batch(batch);
    sl_batch_unref(batch);
    return text;
}

SL_TEST(first_and_is_empty_read_no_more_than_they_need, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;5;6;7;8;", l->partitions);
        sl_rdd *late = sl_rdd_where(in, "n > 7"), *never = sl_rdd_where(in, "n > 8");
        sl_batch *row = NULL;
        bool empty = true;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sl_rdd_first(in, &row, NULL), SL_OK);
        SL_CHECK_TEXT(text_and_unref(row), "1\n");
        assert_int_equal(sl_rdd_first(late, &row, NULL), SL_OK);
        SL_CHECK_TEXT(text_and_unref(row), "8\n");
        assert_int_equal(sl_rdd_first(never, &row, &err), SL_E_NOT_FOUND);
        SL_CHECK_TEXT(err.text, "first: there are no rows");
        int64_t before = sli_metric_value(w.sched->tasks);
        assert_int_equal(sl_rdd_is_empty(in, &empty, NULL), SL_OK);
        assert_int_equal(sli_metric_value(w.sched->tasks) - before, 1);
        assert_false(empty);
        assert_int_equal(sl_rdd_is_empty(never, &empty, NULL), SL_OK);
        assert_true(empty);
        sl_rdd *made[] = {never, late, in};
        for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
            sl_rdd_unref(made[i]);
        }
    }
}

// ---------------------------------------------------------------- takeOrdered

SL_TEST(take_ordered_gives_the_first_in_order_equal_rows_as_they_stand, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in =
            rdd_of(&w, "k string, n int64?", "b,1;a,2;c,-;a,1;b,3;c,2;a,-;b,1;", l->partitions);
        static const struct {
            const char *order, *expected;
            int64_t n;
        } cases[] = {
            {"n desc", "b,3\na,2\nc,2\n", 3}, // Spark's top
            {"n", "c,-\na,-\nb,1\na,1\nb,1\n", 5},
            {"k desc, n", "c,-\nc,2\nb,1\nb,1\n", 4},
            {"n", "", 0},
            {"n", "", -3},
            {"k, n", "a,-\na,1\na,2\nb,1\nb,1\nb,3\nc,-\nc,2\n", 100},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            sl_batch *rows = NULL;
            assert_int_equal(sl_rdd_take_ordered(in, cases[i].order, cases[i].n, &rows, NULL),
                             SL_OK);
            SL_CHECK_TEXT(text_and_unref(rows), cases[i].expected);
        }
        sl_error err = SL_ERROR_INIT;
        sl_batch *rows = NULL;
        assert_int_equal(sl_rdd_take_ordered(in, "kk", 0, &rows, &err), SL_E_INVALID);
        assert_non_null(strstr(err.text, "takeOrdered: "));
        assert_int_equal(sl_rdd_take_ordered(in, NULL, 1, &rows, &err), SL_E_INVALID);
        sl_rdd_unref(in);
    }
}

SL_TEST(take_ordered_of_many_rows_equals_the_head_of_a_sort, "")
{
    enum { MANY = SLT_SLOW_BUILD ? 4000 : 20000 };
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_rng rng = {3};
    for (int i = 0; i < MANY; i++) {
        sli_str_printf(&text, "%d,%d;", (int)sli_rng_below(&rng, 7000), i);
    }
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "k int64, n int64", text.data, l->partitions);
        sl_rdd *sorted = sl_rdd_sort_by(in, "k desc", 1);
        static const int64_t sizes[] = {1, 10, 9000};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            sl_batch *rows = NULL, *expected = NULL;
            assert_int_equal(sl_rdd_take(sorted, sizes[i], &expected, NULL), SL_OK);
            assert_int_equal(sl_rdd_take_ordered(in, "k desc", sizes[i], &rows, NULL), SL_OK);
            const char *wanted = text_and_unref(expected);
            SL_CHECK_TEXT(text_and_unref(rows), wanted);
        }
        sl_rdd_unref(sorted);
        sl_rdd_unref(in);
    }
    sli_str_reset(&text);
}

// ---------------------------------------------------------------- takeSample

SL_TEST(take_sample_gives_exactly_so_many_and_the_same_again, "")
{
    char *kept[2] = {NULL, NULL};
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "random int64, random_ int64", "1,1;2,2;3,3;4,4;5,5;6,6;7,7;8,8;",
                            l->partitions); // names that the numbers would have
        for (int with = 0; with < 2; with++) {
            sl_batch *rows = NULL;
            for (int64_t n = 0; n <= 20; n += 5) {
                assert_int_equal(sl_rdd_take_sample(in, with, n, 5, &rows, NULL), SL_OK);
                assert_int_equal(sl_batch_rows(rows), with || n < 8 ? n : 8);
                SL_CHECK_TEXT(sl_schema_text(sl_batch_schema(rows)), "random int64, random_ int64");
                sl_batch_unref(rows);
            }
            if (l->partitions != 7) {
                continue;
            }
            assert_int_equal(sl_rdd_take_sample(in, with, 5, 5, &rows, NULL), SL_OK);
            const char *got = text_and_unref(rows);
            kept[with] = kept[with] == NULL ? sl_strdup(SLI_TAG_TEST, got) : kept[with];
            SL_CHECK_TEXT(got, kept[with]);
        }
        sl_rdd_unref(in);
    }
    sl_free(kept[0]);
    sl_free(kept[1]);
}

SL_TEST(every_row_is_as_likely_in_every_place_of_a_sample, "")
{
    enum { ROWS = 8, TAKEN = 4, ROUNDS = SLT_SLOW_BUILD ? 400 : 4000 };
    world w;
    world_open(&w, (world_conf){.workers = 1});
    sl_rdd *in = rdd_of(&w, "n int64", "0;1;2;3;4;5;6;7;", 3);
    for (int with = 0; with < 2; with++) {
        int seen[ROWS][TAKEN] = {{0}};
        int twice = 0;
        for (uint64_t seed = 0; seed < ROUNDS; seed++) {
            sl_batch *rows = NULL;
            bool had[ROWS] = {false};
            assert_int_equal(sl_rdd_take_sample(in, with, TAKEN, seed, &rows, NULL), SL_OK);
            for (int64_t i = 0; i < TAKEN; i++) {
                int64_t row = sl_column_int64(sl_batch_column(rows, 0), i);
                seen[row][i]++;
                twice += had[row];
                had[row] = true;
            }
            sl_batch_unref(rows);
        }
        for (int i = 0; i < ROWS * TAKEN; i++) { // binomial: 5 standard deviations
            assert_true(abs(seen[i / TAKEN][i % TAKEN] - ROUNDS / ROWS) <
                        5 * sqrt(ROUNDS * 7.0 / 64));
        }
        assert_true(with ? twice > 0 : twice == 0);
    }
    sl_rdd_unref(in);
    world_close(&w);
}

SL_TEST(samples_that_cannot_be_are_refused_and_of_nothing_are_nothing, "")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;", 2);
    sl_rdd *none = sl_rdd_where(in, "n > 2"), *bad = sl_rdd_map(in, &refuse_fn, NULL);
    sl_batch *rows = NULL;
    sl_error err = SL_ERROR_INIT;
    for (int with = 0; with < 2; with++) {
        assert_int_equal(sl_rdd_take_sample(in, with, -1, 1, &rows, &err), SL_E_INVALID);
        SL_CHECK_TEXT(err.text, "takeSample: -1 rows; there may be 0 to 2147483647");
        assert_int_equal(sl_rdd_take_sample(none, with, 3, 1, &rows, NULL), SL_OK);
        SL_CHECK_TEXT(text_and_unref(rows), "");
        assert_int_equal(sl_rdd_take_sample(bad, with, 3, 1, &rows, &err), SL_E_USER);
    }
    sl_rdd_unref(bad);
    sl_rdd_unref(none);
    sl_rdd_unref(in);
    world_close(&w);
}

// ---------------------------------------------------------------- aggregate

SL_TEST(aggregate_is_one_row_also_of_no_rows, "")
{
    static const char text[] = "count() as n, sum(v) as s, min(v) as a, max(v) as b, avg(v) as m, "
                               "stdev(v) as d, list(v) as l";
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "v int64", "2;4;4;4;5;5;7;9;", l->partitions);
        sl_rdd *none = sl_rdd_empty(world_session(&w), "v int64", l->partitions);
        sl_rdd *zero = sl_rdd_empty(world_session(&w), "v int64", 0);
        sl_batch *row = NULL;
        assert_int_equal(sl_rdd_aggregate(in, text, &row, NULL), SL_OK);
        SL_CHECK_TEXT(text_and_unref(row), "8,40,2,9,5,2,[2 4 4 4 5 5 7 9]\n");
        assert_int_equal(sl_rdd_aggregate(none, text, &row, NULL), SL_OK);
        SL_CHECK_TEXT(text_and_unref(row), "0,-,-,-,-,-,[]\n");
        assert_int_equal(sl_rdd_aggregate(zero, "count() as n", &row, NULL), SL_OK);
        SL_CHECK_TEXT(text_and_unref(row), "0\n");
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sl_rdd_aggregate(in, "summ(v)", &row, &err), SL_E_INVALID);
        assert_non_null(strstr(err.text, "did you mean \"sum\"?"));
        assert_int_equal(sl_rdd_aggregate(in, NULL, &row, &err), SL_E_INVALID);
        sl_rdd_unref(in);
        sl_rdd_unref(none);
        sl_rdd_unref(zero);
    }
}

// ---------------------------------------------------------------- histogram

SL_TEST(histogram_counts_by_buckets_of_which_the_last_has_its_end, "")
{
    static const double bounds[] = {0, 10, 20, 50};
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "select float64?, n int32, s string",
                            "0,1,a;9.99,2,b;10,3,c;-,4,d;50,5,e;50.01,6,f;-1,7,g;19,8,h;nan,9,i;"
                            "20,10,j;",
                            l->partitions);
        int64_t counts[3];
        assert_int_equal(sl_rdd_histogram(in, "select", bounds, 4, counts, NULL), SL_OK);
        assert_true(counts[0] == 2 && counts[1] == 2 && counts[2] == 2);
        assert_int_equal(sl_rdd_histogram(in, "n", bounds, 2, counts, NULL), SL_OK);
        assert_int_equal(counts[0], 10);
        sl_rdd_unref(in);
    }
}

/// "u uint64?, d decimal(9,2)": 2^63 * i, and 9.98 + i / 100.
static sl_batch *wide_numbers(void)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, "u uint64?, d decimal(9,2)", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    uint64_t *u = sl_builder_reserve(builder, 0, 3);
    int64_t(*d)[2] = sl_builder_reserve(builder, 1, 3);
    for (int64_t i = 0; i < 3; i++) {
        u[i] = i == 2 ? UINT64_MAX : (uint64_t)i << 63;
        d[i][0] = i == 2 ? -998 : 998 + i;
        d[i][1] = i == 2 ? -1 : 0;
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

SL_TEST(histogram_reads_numbers_that_expressions_do_not, "")
{
    static const double large[] = {0, 9223372036854775808.0, 9223372036854777856.0, 1e20};
    static const double small[] = {-9.98, 0, 9.99, 10};
    world w;
    int64_t counts[3];
    world_open(&w, (world_conf){0});
    sl_batch *batch = wide_numbers();
    const sl_batch *list[1] = {batch};
    sl_rdd *in = sl_rdd_of_batches(world_session(&w), list, 1, 2);
    assert_int_equal(sl_rdd_histogram(in, "u", large, 4, counts, NULL), SL_OK);
    assert_true(counts[0] == 1 && counts[1] == 1 && counts[2] == 1);
    assert_int_equal(sl_rdd_histogram(in, "d", small, 4, counts, NULL), SL_OK);
    assert_true(counts[0] == 1 && counts[1] == 1 && counts[2] == 1);
    sl_rdd_unref(in);
    sl_batch_unref(batch);
    world_close(&w);
}

SL_TEST(histograms_that_cannot_be_are_refused, "")
{
    static const double up[] = {0, 1}, down[] = {1, 1}, nan[] = {0, NAN};
    static const struct {
        const char *column, *says;
        const double *bounds;
        int32_t n;
    } cases[] = {
        {"m", "histogram: \"m\", character 1: there is no column \"m\"", up, 2},
        {"s", "histogram: column \"s\" has no numbers", up, 2},
        {"n, n", "histogram: ", up, 2},
        {NULL, "histogram: ", up, 2},
        {"n", "histogram: 1 bounds; there must be two at least", up, 1},
        {"n", "histogram: 0 bounds", NULL, 0},
        {"n", "histogram: bound 0 is 1, the next one 1: they must go up", down, 2},
        {"n", "they must go up", nan, 2},
    };
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "n int64, s string", "1,a;", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_error err = SL_ERROR_INIT;
        int64_t counts[2];
        sl_code rc =
            sl_rdd_histogram(in, cases[i].column, cases[i].bounds, cases[i].n, counts, &err);
        assert_int_equal(rc, SL_E_INVALID);
        if (strstr(err.text, cases[i].says) == NULL) {
            SL_CHECK_TEXT(err.text, cases[i].says);
        }
    }
    sl_rdd_unref(in);
    world_close(&w);
}

// ---------------------------------------------------------------- counts that need not be exact

SL_TEST(count_approx_is_exact_with_time_and_says_nothing_without, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;5;6;7;8;9;", l->partitions);
        sl_rdd *some = sl_rdd_where(in, "n > 3");
        sl_estimate e;
        assert_int_equal(sl_rdd_count_approx(some, INT64_MAX, 0.95, &e, NULL), SL_OK);
        assert_true(e.final && e.mean == 6 && e.low == 6 && e.high == 6);
        assert_int_equal(sl_rdd_count_approx(some, 0, 0.95, &e, NULL), SL_OK);
        assert_true(!e.final && e.mean == 0 && e.low == 0 && isinf(e.high));
        sl_error err = SL_ERROR_INIT;
        static const double wrong[] = {0, 1, -1, NAN};
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            assert_int_equal(sl_rdd_count_approx(some, 5, wrong[i], &e, &err), SL_E_INVALID);
        }
        assert_int_equal(sl_rdd_count_approx(some, -5, 0.5, &e, &err), SL_E_INVALID);
        sl_rdd_unref(some);
        sl_rdd_unref(in);
    }
}

/// Takes ten milliseconds of the simulated world a partition.
static sl_code dawdle(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    sli_world_advance(sl_args_attached(args, "world"), 10000);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
    }
    return SL_OK;
}
static const sl_fn dawdle_fn = {.struct_size = sizeof(sl_fn), .name = "dawdle", .run = dawdle};

SL_TEST(count_approx_stops_between_partitions_when_time_is_up, "")
{
    world w;
    world_open(&w, (world_conf){.parallelism = 1});
    sli_world *sim = sli_world_new(&(sli_world_conf){.seed = 1});
    sl_env *own = w.own.env;
    assert_int_equal(sli_world_boot(sim, NULL, &w.own.env, NULL), SL_OK);
    w.attached = sim;
    sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;5;6;7;8;9;10;11;12;", 6);
    sl_rdd *slow = then(in, sl_rdd_map(in, &dawdle_fn, NULL));
    static const struct {
        int64_t timeout_us;
        double counted;
    } cases[] = {{1, 2}, {10000, 2}, {25000, 6}, {49999, 10}, {50001, 12}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_estimate e;
        assert_int_equal(sl_rdd_count_approx(slow, cases[i].timeout_us, 0.9, &e, NULL), SL_OK);
        assert_true(e.mean == 12); // the partitions are alike
        assert_int_equal(e.final, cases[i].counted == 12);
        assert_true(e.low >= cases[i].counted && e.low <= 12 && e.high >= 12);
        assert_int_equal(e.final, e.low == e.high);
    }
    sl_rdd_unref(slow);
    sli_env_free(w.own.env);
    w.own.env = own;
    sli_world_free(sim);
    world_close(&w);
}

SL_TEST(count_approx_distinct_counts_rows_of_any_type, "")
{
    sli_str text = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 30000; i++) {
        sli_str_printf(&text, "k%d,%d;", i % 1000, i % 7);
    }
    int64_t first = -1;
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "k string, n int64", text.data, l->partitions);
        int64_t n = 0;
        assert_int_equal(sl_rdd_count_approx_distinct(in, 0.01, &n, NULL), SL_OK);
        assert_true(llabs(n - 7000) < 3 * 70);
        first = first < 0 ? n : first;
        assert_int_equal(n, first); // layouts don't show
        sl_rdd *lists = sl_rdd_glom(in), *none = sl_rdd_where(in, "n > 7");
        assert_int_equal(sl_rdd_count_approx_distinct(lists, 0.05, &n, NULL), SL_OK);
        assert_int_equal(n, l->partitions);
        assert_int_equal(sl_rdd_count_approx_distinct(none, 0.4, &n, NULL), SL_OK);
        assert_int_equal(n, 0);
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sl_rdd_count_approx_distinct(in, 0.001, &n, &err), SL_E_INVALID);
        SL_CHECK_TEXT(err.text, "countApproxDistinct: a relative standard error of 0.001; it is "
                                "0.002 to 0.4");
        assert_int_equal(sl_rdd_count_approx_distinct(in, NAN, &n, &err), SL_E_INVALID);
        sl_rdd_unref(none);
        sl_rdd_unref(lists);
        sl_rdd_unref(in);
    }
    sli_str_reset(&text);
}
