// Sorts that outgrow their share of memory: bounded, stopped by a full disk and by a cancel, and
// nothing of them left behind. That they give the same rows is bins_test.c's and random_test.c's.
#include "sched/world_test.h"

enum { ROWS = SLT_SLOW_BUILD ? 30000 : 300000 };

/// "k int64, v int64": keys in no order.
static sl_rdd *numbers(world *w, int64_t n_rows)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, "k int64, v int64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < n_rows; i++) {
        sl_builder_int64(builder, 0, i * 7919 % 10007);
        sl_builder_int64(builder, 1, i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    const sl_batch *list[1] = {batch};
    sl_rdd *rdd = sl_rdd_of_batches(world_session(w), list, 1, 3);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rdd;
}

// ---------------------------------------------------------------- in order, in little memory

typedef struct seen {
    int64_t n, k, v;
    sli_sched *cancel; ///< cancelled at the first call
} seen;

/// Each row comes after the one before, equal keys by their second number.
static sl_code look(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    seen *s = sl_args_attached(args, "seen");
    if (s->cancel != NULL) {
        sli_sched_cancel(s->cancel);
    }
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        int64_t k = sl_column_int64(sl_batch_column(in, 0), i);
        int64_t v = sl_column_int64(sl_batch_column(in, 1), i);
        if (s->n > 0 && (k < s->k || (k == s->k && v < s->v))) {
            return sl_error_set(err, SL_E_USER, "row %lld is out of order", (long long)s->n);
        }
        *s = (seen){.n = s->n + 1, .k = k, .v = v};
        sl_builder_bool(out, 0, false);
    }
    return SL_OK;
}
static const sl_fn look_fn = {
    .struct_size = sizeof(sl_fn), .name = "look", .out = "keep bool", .run = look};

static sl_rdd *looked_at(world *w, seen *s)
{
    w->attached = s;
    sl_rdd *in = numbers(w, ROWS), *sorted = then(in, sl_rdd_sort_by(in, "k", 1));
    return then(sorted, sl_rdd_filter(sorted, &look_fn, NULL));
}

SL_TEST(a_sort_takes_what_a_table_may_weigh_and_no_more, "")
{
    enum { TABLE = 256 << 10, BUDGET = 1 << 20, BATCH = 128 << 10 };
    world w;
    seen s = {0};
    int64_t n = 0;
    sli_blocks_stats stats;
    world_open(&w, (world_conf){.table_bytes = TABLE, .budget_bytes = BUDGET});
    sl_rdd *rdd = looked_at(&w, &s);
    assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
    assert_int_equal(s.n, ROWS);
    sli_blocks_stats_of(w.blocks, &stats);
    assert_true(stats.spilled > 0);
    // held rows go over their share by the batch that fills it, and are there when the next block
    // is
    assert_true(sli_budget_peak(w.budget) <= BUDGET + 2 * TABLE + BATCH);
    sl_rdd_unref(rdd);
    world_close(&w);
}

// ---------------------------------------------------------------- what ends it

SL_TEST(a_sort_without_room_on_disk_says_so, "")
{
    world w;
    world_open(&w, (world_conf){.table_bytes = 64 << 10, .budget_bytes = 256 << 10});
    sli_blocks_spill_limit(w.blocks, 4 << 20); // the shuffle fits, its copy as runs does not
    sl_rdd *in = numbers(&w, 200000);
    check_error(then(in, sl_rdd_sort_by(in, "k", 1)), SL_E_NO_SPACE, "spill_limit");
    world_close(&w);
}

SL_TEST(a_cancel_ends_a_sort_between_its_rounds, "")
{
    world w;
    seen s = {0};
    world_open(&w, (world_conf){.table_bytes = 64 << 10});
    s.cancel = w.sched;
    sl_error err = collect_error(looked_at(&w, &s));
    assert_int_equal(err.code, SL_E_CANCELLED);
    assert_true(s.n < ROWS);
    world_close(&w);
}

SL_TEST(whichever_allocation_is_refused_a_sort_in_runs_leaks_nothing, "")
{
    int64_t n_failed = 0, n_right = 0;
    bool reached = true;
    for (int64_t n = 1; reached; n += slt_is_soak() || n < 150 ? 1 : 7) {
        world w;
        world_open(&w, (world_conf){.table_bytes = 1, .settings = "task.max_failures=1"});
        sl_rdd *in = rdd_of(&w, "k string?, n int64", "a,1;b,2;a,3;-,4;b,5;a,6;c,7;b,8;", 8);
        sl_error err = SL_ERROR_INIT;
        sl_batch *rows = NULL;
        sli_mem_fail_nth(n);
        sl_rdd *rdd = sl_rdd_sort_by(in, "k desc", 1);
        sl_code rc = sl_rdd_collect(rdd, &rows, &err);
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        if (rc == SL_OK) {
            SL_CHECK_TEXT(text_of_batch(rows), "c,7\nb,2\nb,5\nb,8\na,1\na,3\na,6\n-,4\n");
            n_right++;
        } else {
            assert_int_equal(rc, SL_E_NOMEM);
            n_failed++;
        }
        sl_batch_unref(rows);
        sl_rdd_unref(rdd);
        sl_rdd_unref(in);
        world_close(&w); // no block and no byte of the budget is left
    }
    assert_true(n_failed > 50);
    assert_true(n_right > 0);
}
