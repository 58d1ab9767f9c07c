// Tables that outgrow their share of memory: the same rows, in the same order, to the last bit.
#include "sched/world_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = SLT_SLOW_BUILD ? 6000 : 40000, KEYS = SLT_SLOW_BUILD ? 2500 : 15000 };

/// "k string?, n int64, v float64": keys in no order, some long, one null, each several times.
static sl_batch *many_keys(int64_t n_rows, uint64_t n_keys)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sli_rng rng = {3};
    assert_int_equal(sl_schema_parse(&schema, "k string?, n int64, v float64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < n_rows; i++) {
        char key[64];
        int64_t k = (int64_t)sli_rng_below(&rng, n_keys);
        int size = snprintf(key, sizeof key,
                            k % 3 == 0 ? "a key of many bytes, number %lld" : "%lld", (long long)k);
        if (k == 7) {
            sl_builder_null(builder, 0);
        } else {
            sl_builder_text(builder, 0, key, (size_t)size);
        }
        sl_builder_int64(builder, 1, i % 5);
        sl_builder_float64(builder, 2, (double)sli_rng_next(&rng) / 1e15);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

typedef sl_rdd *(*operator_fn)(sl_rdd *in);

static sl_rdd *reduced(sl_rdd *in)
{
    return sl_rdd_reduce_by_key(in, "k", "sum(v) as s, count() as n, stdev(v) as d, first(n) as f",
                                2);
}
static sl_rdd *reduced_by_two(sl_rdd *in)
{
    return sl_rdd_reduce_by_key(in, "n, k", "sum(v) as s, list(n) as l", 3);
}
static sl_rdd *combined_late(sl_rdd *in)
{
    return sl_rdd_combine_by_key(in, "k", "sum(v) as s, last(v) as l", false, 2);
}
static sl_rdd *counted(sl_rdd *in)
{
    sl_rdd *keys = sl_rdd_select(in, "k, n");
    return then(keys, sl_rdd_count_by_value(keys, 2));
}
static sl_rdd *kept_once(sl_rdd *in)
{
    sl_rdd *keys = sl_rdd_select(in, "k, n, k as position");
    return then(keys, sl_rdd_distinct(keys, 2));
}
static sl_rdd *reduced_where_it_lies(sl_rdd *in)
{
    sl_rdd *lying = sl_rdd_partition_by(in, "k", 2);
    return then(lying, sl_rdd_reduce_by_key(lying, "k", "sum(v) as s", 2));
}

static sl_rdd *grouped(sl_rdd *in)
{
    return sl_rdd_group_by_key(in, "k", 2);
}
static sl_rdd *sorted_by_text(sl_rdd *in)
{
    return sl_rdd_sort_by(in, "k desc, v", 2);
}
static sl_rdd *sorted_by_number(sl_rdd *in)
{
    return sl_rdd_sort_by(in, "v desc", 3);
}
/// Few keys: most rows are equal, and stay in their order.
static sl_rdd *sorted_with_ties(sl_rdd *in)
{
    return sl_rdd_sort_by(in, "n", 2);
}
static sl_rdd *sorted_in_one(sl_rdd *in)
{
    return sl_rdd_sort_by(in, "n desc, k", 1);
}
static sl_rdd *sorted_within(sl_rdd *in)
{
    return sl_rdd_partition_by_sorted(in, "k", "n, v desc", 2);
}

/// A right side: other columns, keys that the left has not, each key more than once.
static sl_rdd *right_of(sl_rdd *in)
{
    sl_rdd *some = sl_rdd_where(in, "n > 1");
    return then(some, sl_rdd_select(some, "coalesce(k, 'none') || substr('x', 1, n % 2) as k, v"));
}
static sl_rdd *with_right(sl_rdd *in, sl_rdd *(*op)(sl_rdd *, sl_rdd *, const char *, int32_t))
{
    sl_rdd *right = right_of(in);
    return then(right, op(in, right, "k", 2));
}
static sl_rdd *joined(sl_rdd *in)
{
    return with_right(in, sl_rdd_join);
}
static sl_rdd *joined_left(sl_rdd *in)
{
    return with_right(in, sl_rdd_left_outer_join);
}
static sl_rdd *joined_right(sl_rdd *in)
{
    return with_right(in, sl_rdd_right_outer_join);
}
static sl_rdd *joined_full(sl_rdd *in)
{
    return with_right(in, sl_rdd_full_outer_join);
}
static sl_rdd *cogrouped(sl_rdd *in)
{
    return with_right(in, sl_rdd_cogroup);
}
static sl_rdd *subtracted_by_key(sl_rdd *in)
{
    return with_right(in, sl_rdd_subtract_by_key);
}
static sl_rdd *subtracted(sl_rdd *in)
{
    sl_rdd *keys = sl_rdd_select(in, "k, n"), *some = sl_rdd_where(keys, "n > 1");
    return then(keys, then(some, sl_rdd_subtract(keys, some, 2)));
}
static sl_rdd *intersected(sl_rdd *in)
{
    sl_rdd *keys = sl_rdd_select(in, "k, n"), *some = sl_rdd_where(keys, "n > 1");
    return then(keys, then(some, sl_rdd_intersection(keys, some, 2)));
}

static sl_batch *run(const sl_batch *rows, operator_fn apply, world_conf conf,
                     sli_blocks_stats *stats)
{
    world w;
    sl_batch *out = NULL;
    sl_error err = SL_ERROR_INIT;
    world_open(&w, conf);
    sl_rdd *in = sl_rdd_of_batches(world_session(&w), &rows, 1, 3);
    sl_rdd *applied = then(in, apply(in));
    if (sl_rdd_collect(applied, &out, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    sl_rdd_unref(applied);
    sli_blocks_stats_of(w.blocks, stats);
    world_close(&w);
    return out;
}

static void check_equal(const sl_batch *a, const sl_batch *b)
{
    int32_t columns[64];
    int32_t n = sl_schema_columns(sl_batch_schema(a));
    assert_string_equal(sl_schema_text(sl_batch_schema(a)), sl_schema_text(sl_batch_schema(b)));
    assert_int_equal(sl_batch_rows(a), sl_batch_rows(b));
    for (int32_t i = 0; i < n; i++) {
        columns[i] = i;
    }
    for (int64_t row = 0; row < sl_batch_rows(a); row++) {
        if (!sli_rows_equal(a, columns, row, b, columns, row, n)) {
            fail_msg("row %lld differs", (long long)row);
        }
    }
}

static const operator_fn operators[] = {reduced,           reduced_by_two,   combined_late,
                                        counted,           kept_once,        reduced_where_it_lies,
                                        grouped,           joined,           joined_left,
                                        joined_right,      joined_full,      cogrouped,
                                        subtracted_by_key, subtracted,       intersected,
                                        sorted_by_text,    sorted_by_number, sorted_with_ties,
                                        sorted_in_one,     sorted_within};
enum { OPERATORS = sizeof operators / sizeof *operators };

static void check_small_tables(const sl_batch *rows, const world_conf *small, size_t n_small)
{
    for (size_t i = 0; i < OPERATORS; i++) {
        sli_blocks_stats stats;
        sl_batch *expected = run(rows, operators[i], (world_conf){.workers = 1}, &stats);
        for (size_t c = 0; c < n_small; c++) {
            sl_batch *got = run(rows, operators[i], small[c], &stats);
            check_equal(got, expected);
            assert_true(small[c].budget_bytes == 0 || stats.spilled > 0);
            sl_batch_unref(got);
        }
        sl_batch_unref(expected);
    }
}

SL_TEST(what_goes_on_in_bins_gives_the_same_rows_in_the_same_order, "")
{
    static const world_conf small[] = {
        {.workers = 1, .table_bytes = 1 << 20},                // late
        {.workers = 2, .pool = true, .table_bytes = 64 << 10}, // early
        {.workers = 2,
         .pool = true,
         .table_bytes = 24 << 10,
         .budget_bytes = 256 << 10}, // bins of bins
    };
    static const world_conf none[] = {{.workers = 2, .pool = true, .table_bytes = 1}};
    sl_batch *rows = many_keys(ROWS, KEYS), *few = many_keys(300, 90);
    check_small_tables(rows, small, sizeof small / sizeof *small);
    check_small_tables(few, none, 1); // bins down to single keys
    sl_batch_unref(rows);
    sl_batch_unref(few);
}

/// Keys of 1 MB that differ in their last byte alone.
static sl_batch *large_keys(void)
{
    enum { KEY_BYTES = 1000000, N = SLT_SLOW_BUILD ? 8 : 18 };
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    char *key = malloc(KEY_BYTES);
    assert_non_null(key);
    memset(key, 'k', KEY_BYTES);
    assert_int_equal(sl_schema_parse(&schema, "k string?, n int64, v float64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < N; i++) {
        key[KEY_BYTES - 1] = (char)('a' + i % 5);
        sl_builder_text(builder, 0, key, KEY_BYTES);
        sl_builder_int64(builder, 1, i % 4);
        sl_builder_float64(builder, 2, (double)i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    free(key);
    return batch;
}

SL_TEST(keys_of_a_megabyte_are_keys_like_others, "")
{
    static const world_conf small[] = {{.workers = 2, .pool = true, .budget_bytes = 4 << 20}};
    sl_batch *rows = large_keys();
    sli_blocks_stats stats;
    sl_batch *groups = run(rows, reduced, (world_conf){.workers = 2}, &stats);
    assert_int_equal(sl_batch_rows(groups), 5);
    sl_batch_unref(groups);
    check_small_tables(rows, small, 1);
    sl_batch_unref(rows);
}
