// What is partitioned by its key already is not shuffled again, and comes out the same; partitionBy
// and what else goes by key.
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdlib.h>
#include <string.h>

#define ROWS "k string, n int64, t string"
static const char rows[] = "a,1,x;b,2,y;c,3,z;a,4,x;d,5,y;b,6,z;e,7,x;a,8,y;f,9,z;c,10,x;a,1,x;";

typedef sl_rdd *(*partition_by)(sl_rdd *rdd, const char *keys, int32_t n_partitions);

/// Stages that a job over all of it starts; checks that it gives `expected`.
static int32_t stages_of(world *w, sl_rdd *rdd, const char *expected)
{
    sli_job job = {.rdd = rdd, .rows_expected = -1};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_rdd_check(rdd, &err), SL_OK);
    assert_int_equal(sli_sched_run(w->sched, &job, &err), SL_OK);
    SL_CHECK_TEXT(collect_text(sl_rdd_ref(rdd)), expected);
    return job.n_stages;
}

static sl_rdd *reduced(sl_rdd *in, int32_t n)
{
    return sl_rdd_reduce_by_key(in, "k, t", "sum(n) as s, avg(n) as a", n);
}
static sl_rdd *combined(sl_rdd *in, int32_t n)
{
    return sl_rdd_combine_by_key(in, "k, t", "sum(n) as s, avg(n) as a", true, n);
}
static sl_rdd *combined_late(sl_rdd *in, int32_t n)
{
    return sl_rdd_combine_by_key(in, "k, t", "sum(n) as s, avg(n) as a", false, n);
}
static sl_rdd *grouped(sl_rdd *in, int32_t n)
{
    return sl_rdd_group_by_key(in, "k, t", n);
}
static sl_rdd *joined(sl_rdd *in, int32_t n)
{
    return sl_rdd_join(in, in, "k, t", n);
}
static sl_rdd *placed(sl_rdd *in, int32_t n)
{
    return sl_rdd_partition_by(in, "k, t", n);
}
static sl_rdd *sorted(sl_rdd *in, int32_t n)
{
    return sl_rdd_partition_by_sorted(in, "k, t", "n desc", n);
}

SL_TEST(rows_that_lie_by_the_key_are_not_shuffled_again_and_come_out_the_same, "")
{
    static const struct {
        sl_rdd *(*make)(sl_rdd *in, int32_t n);
        partition_by law; // of what it moves itself
    } operators[] = {{reduced, sli_rdd_by_slot},       {combined, sli_rdd_by_slot},
                     {combined_late, sli_rdd_by_slot}, {grouped, sli_rdd_by_slot},
                     {joined, sli_rdd_by_slot},        {placed, sl_rdd_partition_by},
                     {sorted, sl_rdd_partition_by}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        EACH_LAYOUT(w, l)
        {
            sl_rdd *in = rdd_of(&w, ROWS, rows, l->partitions);
            sl_rdd *lying = operators[i].law(in, "k, t", 4);
            sl_rdd *dealt = sl_rdd_where(in, "n <> 0"); // the same rows, and nothing known of them
            sl_rdd *moved = operators[i].make(dealt, 4), *kept = operators[i].make(lying, 4);
            sl_batch *expected = NULL;
            assert_int_equal(sl_rdd_collect(moved, &expected, NULL), SL_OK);
            assert_int_equal(stages_of(&w, kept, text_of_batch(expected)), 2); // partitionBy's
            assert_int_equal(sl_rdd_partitions(kept), 4);
            sl_batch_unref(expected);
            sl_rdd *other = operators[i].make(lying, 3); // not into as many
            assert_int_equal(other->deps[0].kind, SLI_DEP_SHUFFLE);
            sl_rdd *made[] = {other, kept, moved, dealt, lying, in};
            for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
                sl_rdd_unref(made[k]);
            }
        }
    }
}

SL_TEST(operators_by_key_take_rows_as_partition_by_left_them, "")
{
    sl_rdd *(*const operators[])(sl_rdd *, int32_t) = {reduced, combined, combined_late, grouped,
                                                       joined};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        EACH_LAYOUT(w, l)
        {
            sl_rdd *in = rdd_of(&w, ROWS, rows, l->partitions);
            sl_rdd *lying = sl_rdd_partition_by(in, "k, t", 4);
            sl_rdd *kept = operators[i](lying, 4);
            assert_int_equal(kept->deps[0].kind, SLI_DEP_NARROW);
            char *expected = strdup(collect_sorted(operators[i](in, 4)));
            SL_CHECK_TEXT(collect_sorted(sl_rdd_ref(kept)), expected);
            free(expected);
            sl_rdd *again = sl_rdd_partition_by(kept, "k, t", 4); // they still lie so
            assert_int_equal(again->deps[0].kind, SLI_DEP_NARROW);
            sl_rdd *states = sli_rdd_states(lying, "k, t", "count() as c", 4); // kept over epochs
            assert_int_equal(states->deps[0].kind, SLI_DEP_SHUFFLE);
            sl_rdd *made[] = {states, again, kept, lying, in};
            for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
                sl_rdd_unref(made[k]);
            }
        }
    }
}

/// "[x z]\n[y]\n": what each partition has. The RDD is given back.
static const char *partitions_of(sl_rdd *rdd)
{
    return collect_text(then(rdd, sl_rdd_glom(rdd)));
}

SL_TEST(partition_by_puts_a_key_where_spark_does, "")
{
    EACH_LAYOUT(w, l)
    {
        // Long.hashCode is the number, but of a negative one its complement; null is 0.
        sl_rdd *numbers = rdd_of(&w, "k int64?", "0;1;2;3;-1;-;7;4294967296;", l->partitions);
        SL_CHECK_TEXT(partitions_of(sl_rdd_partition_by(numbers, "k", 3)),
                      "[0 3 -1 -]\n[1 7 4294967296]\n[2]\n");
        // "a" is 97, "ab" is 97 * 31 + 98, "" is 0, U+1F600 is d83d de00.
        sl_rdd *texts = rdd_of(&w, "k string", "a;b;ab;;\xf0\x9f\x98\x80;", l->partitions);
        SL_CHECK_TEXT(partitions_of(sl_rdd_partition_by(texts, "k", 3)),
                      "[ab ]\n[a \xf0\x9f\x98\x80]\n[b]\n");
        sl_rdd_unref(texts);
        sl_rdd_unref(numbers);
    }
}

static sl_code same_values(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_of_row(out, i);
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(in)); c++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
    }
    return SL_OK;
}
static const sl_fn same_fn = {.struct_size = sizeof(sl_fn), .name = "same", .run = same_values};

static sl_code all_true(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_bool(out, 0, true);
    }
    return SL_OK;
}
static const sl_fn true_fn = {
    .struct_size = sizeof(sl_fn), .name = "true", .out = "keep bool", .run = all_true};

SL_TEST(where_rows_lie_lasts_through_the_operators_that_say_so_and_no_others, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *in = rdd_of(&w, ROWS, rows, 3);
    sl_rdd *by = sl_rdd_partition_by(in, "t, k", 4);
    const struct {
        sl_rdd *rdd;
        const char *keys;
        bool lasts;
    } cases[] = {
        {sl_rdd_where(by, "n > 2"), "t, k", true},
        {sl_rdd_filter(by, &true_fn, NULL), "t, k", true},
        {sl_rdd_map_values(by, "t, k", &same_fn, NULL), "t, k", true},
        {sl_rdd_flat_map_values(by, "t, k", &same_fn, NULL), "t, k", true},
        {sl_rdd_persist(sl_rdd_where(by, "n > 2"), SL_MEMORY_ONLY), "t, k", true},
        {sl_rdd_ref(by), "k, t", false}, // another hash
        {sl_rdd_ref(by), "t", false},
        {sl_rdd_map_values(by, "k, t", &same_fn, NULL), "k, t", false},
        {sl_rdd_select(by, "t, k, n"), "t, k", false}, // could be anything by these names
        {sl_rdd_map(by, &same_fn, NULL), "t, k", false},
        {sl_rdd_union(by, by), "t, k", false},
        {sl_rdd_repartition(by, 4), "t, k", false},
        {sl_rdd_reduce_by_key(in, "k", "sum(n) as n", 4), "k", true},
        {sl_rdd_combine_by_key(in, "k", "sum(n) as n", false, 4), "k", true},
        {sl_rdd_group_by_key(in, "n, k", 4), "n, k", true},
        {sl_rdd_join(in, in, "k", 4), "k", true},
        {sl_rdd_distinct(in, 4), "k, n, t", true},
        {sl_rdd_count_by_value(in, 4), "k, n, t", true},
        {sl_rdd_partition_by_sorted(in, "n", "k", 4), "n", true},
        {sl_rdd_sort_by(in, "k", 4), "k", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_error err = SL_ERROR_INIT;
        partition_by law =
            cases[i].rdd->lies == SLI_CUT_CODE ? sl_rdd_partition_by : sli_rdd_by_slot;
        sl_rdd *out = law(cases[i].rdd, cases[i].keys, 4);
        if (sl_rdd_check(out, &err) != SL_OK) {
            fail_msg("case %zu: %s", i, err.text);
        }
        if ((out->deps[0].kind == SLI_DEP_NARROW) != cases[i].lasts) {
            fail_msg("case %zu", i);
        }
        const char *text = collect_sorted(sl_rdd_ref(cases[i].rdd));
        SL_CHECK_TEXT(collect_sorted(out), text);
        sl_rdd_unref(cases[i].rdd);
    }
    sl_rdd_unref(by);
    sl_rdd_unref(in);
    world_close(&w);
}

SL_TEST(partition_by_brings_a_keys_rows_together_in_order_of_arrival, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "k string, n int64", "b,1;a,2;b,3;c,4;a,5;b,6;", l->partitions);
        SL_CHECK_TEXT(collect_text(sl_rdd_partition_by(in, "k", 1)),
                      "b,1\na,2\nb,3\nc,4\na,5\nb,6\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_partition_by_sorted(in, "k", "k desc, n desc", 1)),
                      "c,4\nb,6\nb,3\nb,1\na,5\na,2\n");
        sl_rdd *three = sl_rdd_partition_by_sorted(in, "k", "n", 3);
        assert_int_equal(sl_rdd_partitions(three), 3);
        SL_CHECK_TEXT(collect_sorted(three), "a,2\na,5\nb,1\nb,3\nb,6\nc,4\n");
        sl_rdd_unref(in);
    }
}

SL_TEST(combining_late_gives_what_combining_early_gives, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, ROWS, rows, l->partitions);
        sl_rdd *late = sl_rdd_combine_by_key(in, "k", "count() as c, list(n) as l", false, 2);
        assert_null(late->deps[0].shuffle->combine);
        sl_rdd *early = sl_rdd_combine_by_key(in, "k", "count() as c, list(n) as l", true, 2);
        assert_non_null(early->deps[0].shuffle->combine);
        const char *text = collect_text(late);
        SL_CHECK_TEXT(collect_text(early), text);
        SL_CHECK_TEXT(collect_text(sl_rdd_combine_by_key(in, "", "sum(n) as s", false, 5)), "56\n");
        sl_rdd_unref(in);
    }
}

SL_TEST(count_by_value_counts_equal_rows, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in =
            rdd_of(&w, "a string, b int64?", "x,1;x,-;y,1;x,1;x,-;y,2;x,1;", l->partitions);
        sl_rdd *out = sl_rdd_count_by_value(in, 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "a string, b int64?, count int64");
        SL_CHECK_TEXT(collect_text(out), "x,1,3\nx,-,2\ny,1,1\ny,2,1\n");
        sl_rdd_unref(in);
    }
}

SL_TEST(mistakes_of_operators_by_key_are_told, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "word string, count int64", "a,1;", 1);
    check_mistake(sl_rdd_partition_by(in, "wrod", 2), "did you mean \"word\"?");
    check_mistake(sl_rdd_partition_by(in, "", 2), "partitionBy: no key columns");
    check_mistake(sl_rdd_partition_by(in, NULL, 2), "partitionBy: no key columns");
    check_mistake(sl_rdd_partition_by(in, "word", -1), "-1 partitions; there may be 1 to 1024");
    check_mistake(sl_rdd_partition_by_sorted(in, "word", "cuont", 2), "did you mean \"count\"?");
    check_mistake(sl_rdd_partition_by_sorted(in, "word", NULL, 2), "found the end");
    check_mistake(sl_rdd_combine_by_key(in, "word", "sum(nn) as s", false, 2), "combineByKey: ");
    check_mistake(sl_rdd_count_by_value(in, 2), "two fields are named \"count\"");
    sl_rdd_unref(in);
    world_close(&w);
}
