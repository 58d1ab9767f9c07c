// Every single refused allocation, from definition to the last row: an error or the right rows, and
// nothing left behind.
#include "sched/world_test.h"

static sl_code copy(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
        sl_builder_cell(out, 1, sl_batch_column(in, 1), i);
    }
    return SL_OK;
}
static const sl_fn copy_fn = {
    .struct_size = sizeof(sl_fn), .name = "copy", .run = copy, .state_bytes = 8};

/// A lineage with every kind of operator; `in` and what is made of it stay the caller's to give
/// back one by one.
static sl_rdd *everything(sl_rdd *in)
{
    sl_rdd *a = sl_rdd_map(in, &copy_fn, "x=1");
    a = then(a, sl_rdd_flat_map(a, &copy_fn, NULL));
    a = then(a, sl_rdd_where(a, "n < 100"));
    a = sl_rdd_persist(then(a, sl_rdd_select(a, "word, n + 1 as n")), SL_MEMORY_AND_DISK);
    sl_rdd *sums = sl_rdd_reduce_by_key(a, "word", "sum(n) as n, first(word) as w", 2);
    sums = then(sums, sl_rdd_select(sums, "word, n"));
    sl_rdd *lists = sl_rdd_group_by_key(a, "word", 2);
    sl_rdd *both = then(lists, sl_rdd_join(sums, lists, "word", 2));
    both = then(both, sl_rdd_select(both, "word, n"));
    both = then(both, sl_rdd_join_table(both, sums, "word"));
    both = then(both, sl_rdd_select(both, "word, n"));
    both = then(both, sl_rdd_union(both, a));
    both = then(both, sl_rdd_distinct(both, 2));
    both = then(both, sl_rdd_repartition(both, 3));
    both = then(both, sl_rdd_sort_by(both, "word, n", 2));
    sl_rdd_unref(sums);
    sl_rdd_unref(a);
    return both;
}

/// From the n-th allocation to the next that is refused: each up to `dense`, then every
/// `step`-th; in a slow build a third of those.
static int64_t step_from(int64_t n, int64_t dense, int64_t step)
{
    return slt_is_soak() ? 1 : SLT_SLOW_BUILD ? (n < dense ? 3 : 3 * step) : n < dense ? 1 : step;
}

SL_TEST(whichever_allocation_is_refused_nothing_leaks_and_no_row_is_wrong, "")
{
    int64_t n_failed = 0, n_right = 0;
    bool reached = true; // false: n lies past the last allocation
    for (int64_t n = 1; reached; n += step_from(n, 300, 7)) {
        world w;
        world_open(
            &w, (world_conf){.workers = 2, .settings = n % 2 == 0 ? "task.max_failures=1" : NULL});
        sl_rdd *in = rdd_of(&w, "word string, n int64", "a,1;b,2;a,3;c,4;b,5;", 2);
        sl_error err = SL_ERROR_INIT;
        sl_batch *rows = NULL;
        sli_mem_fail_nth(n);
        sl_rdd *rdd = everything(in);
        sl_code rc = sl_rdd_collect(rdd, &rows, &err);
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        if (rc == SL_OK) {
            assert_int_equal(sl_batch_rows(rows), 7);
            n_right++;
        } else {
            assert_int_equal(rc, SL_E_NOMEM);
            assert_int_equal(err.code, SL_E_NOMEM);
            assert_null(rows);
            n_failed++;
        }
        sl_batch_unref(rows);
        sl_rdd_unref(rdd);
        sl_rdd_unref(in);
        world_close(&w); // no block and no byte of the budget is left
    }
    assert_true(n_failed > 50);
    assert_true(n_right > 5); // attempts after the refused one
}

SL_TEST(the_lineage_of_the_fault_test_is_right_without_faults, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2});
    sl_rdd *in = rdd_of(&w, "word string, n int64", "a,1;b,2;a,3;c,4;b,5;", 2);
    SL_CHECK_TEXT(collect_text(then(in, everything(in))), "a,2\na,4\na,6\nb,3\nb,6\nb,9\nc,5\n");
    world_close(&w);
}

// ---------------------------------------------------------------- the rest of the operators

static sl_code flat(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_of_row(out, i);
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
    }
    return SL_OK;
}
static const sl_fn flat_fn = {
    .struct_size = sizeof(sl_fn), .name = "flat", .out = "n int64", .run = flat};

/// Operators of one side, in a row.
static sl_rdd *narrow_ones(sl_rdd *in)
{
    sl_rdd *a = sl_rdd_map_values(in, "word", &flat_fn, NULL);
    a = then(a, sl_rdd_flat_map_values(a, "word", &flat_fn, NULL));
    a = then(a, sl_rdd_sample(a, false, 1, 3));
    a = then(a, sl_rdd_zip_with_index(a));
    a = then(a, sl_rdd_zip_with_unique_id(a));
    a = then(a, sl_rdd_select(a, "word, n"));
    a = then(a, sl_rdd_partition_by(a, "word", 3));
    a = then(a, sl_rdd_partition_by_sorted(a, "word", "n", 3));
    a = then(a, sl_rdd_combine_by_key(a, "word", "sum(n) as n, stdev(n) as d", false, 3));
    a = then(a, sl_rdd_select(a, "word, n"));
    return then(a, sl_rdd_coalesce(a, 2));
}

/// Operators of two sides, one after the other.
static sl_rdd *two_sided_ones(sl_rdd *in, sl_rdd *a)
{
    sl_rdd *b = sl_rdd_full_outer_join(in, a, "word", 2);
    b = then(b, sl_rdd_select(b, "word, coalesce(n_2, n) as n"));
    b = then(b, sl_rdd_left_outer_join(b, a, "word", 2));
    b = then(b, sl_rdd_select(b, "word, coalesce(n_2, n) as n"));
    b = then(b, sl_rdd_right_outer_join(b, a, "word", 2));
    b = then(b, sl_rdd_select(b, "word, coalesce(n_2, 0) as n"));
    b = then(b, sl_rdd_intersection(b, a, 2));
    sl_rdd *groups = sl_rdd_cogroup(b, a, "word", 2);
    groups = sl_rdd_local_checkpoint(then(groups, sl_rdd_select(groups, "word, 1 as n")));
    sl_rdd *zipped = sl_rdd_zip(groups, groups);
    zipped = then(zipped, sl_rdd_select(zipped, "word, n"));
    b = then(b, sl_rdd_subtract(b, zipped, 2));
    b = then(b, sl_rdd_cartesian(b, groups));
    b = then(b, sl_rdd_count_by_value(b, 2));
    sl_rdd_unref(zipped);
    sl_rdd_unref(groups);
    return b;
}

typedef struct answers {
    int64_t n_rows, n_distinct, counts[2];
    bool empty;
} answers;

static sl_code ask(sl_rdd *rdd, answers *a, sl_error *err)
{
    static const double bounds[] = {0, 4, 10};
    sl_batch *rows = NULL;
    SL_TRY(sl_rdd_collect(rdd, &rows, err));
    a->n_rows = sl_batch_rows(rows);
    sl_batch_unref(rows);
    SL_TRY(sl_rdd_is_empty(rdd, &a->empty, err));
    SL_TRY(sl_rdd_take_ordered(rdd, "n desc", 2, &rows, err));
    sl_batch_unref(rows);
    SL_TRY(sl_rdd_take_sample(rdd, true, 3, 1, &rows, err));
    sl_batch_unref(rows);
    SL_TRY(sl_rdd_take_sample(rdd, false, 3, 1, &rows, err));
    sl_batch_unref(rows);
    SL_TRY(sl_rdd_aggregate(rdd, "sum(n) as n, variance(n) as v", &rows, err));
    sl_batch_unref(rows);
    SL_TRY(sl_rdd_histogram(rdd, "n", bounds, 3, a->counts, err));
    sl_estimate e;
    SL_TRY(sl_rdd_count_approx(rdd, INT64_MAX, 0.9, &e, err));
    char *text = sl_rdd_debug_text(rdd);
    sl_text_free(text);
    return sl_rdd_count_approx_distinct(rdd, 0.05, &a->n_distinct, err);
}

SL_TEST(whichever_allocation_is_refused_the_other_operators_are_right_or_fail, "")
{
    int64_t n_failed = 0, n_right = 0;
    bool reached = true;
    for (int64_t n = 1; reached; n += step_from(n, 200, 11)) {
        world w;
        world_open(
            &w, (world_conf){.workers = 2, .settings = n % 2 == 0 ? "task.max_failures=1" : NULL});
        sl_rdd *in = rdd_of(&w, "word string, n int64", "a,1;b,2;a,3;c,4;b,5;", 2);
        sl_error err = SL_ERROR_INIT;
        answers a = {0};
        sli_mem_fail_nth(n);
        sl_rdd *sums = narrow_ones(in), *rdd = two_sided_ones(in, sums);
        sl_code rc = ask(rdd, &a, &err);
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        if (rc == SL_OK) {
            assert_true(a.n_rows == 9 && a.n_distinct == 9 && !a.empty);
            assert_true(a.counts[0] == 0 && a.counts[1] == 9);
            n_right++;
        } else {
            assert_int_equal(rc, SL_E_NOMEM);
            assert_int_equal(err.code, SL_E_NOMEM);
            n_failed++;
        }
        sl_rdd_unref(rdd);
        sl_rdd_unref(sums);
        sl_rdd_unref(in);
        world_close(&w);
    }
    assert_true(n_failed > 50);
    assert_true(n_right > 5);
}
