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

SL_TEST(whichever_allocation_is_refused_nothing_leaks_and_no_row_is_wrong, "")
{
    int64_t n_failed = 0, n_right = 0;
    bool reached = true; // false: n lies past the last allocation
    for (int64_t n = 1; reached; n += slt_is_soak() || n < 300 ? 1 : 7) {
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
