// Aggregations in two halves: states of parts of the rows, put together, give what the whole gives.
#include "sched/world_test.h"

#define ROWS "k string, n int64"
#define AGGREGATIONS "count() as c, sum(n) as s, max(n) as m, avg(n) as a"
static const char rows[] = "a,1;b,2;c,3;a,4;d,5;b,6;e,7;a,8;f,9;c,10;a,1;";

/// The results of states that one RDD has; the RDD is given back.
static sl_rdd *halves(sl_rdd *in, const char *keys, bool always)
{
    sl_rdd *states = sli_rdd_states(in, keys, AGGREGATIONS, 3);
    sl_rdd *results = sli_rdd_of_states(states, in->schema, keys, AGGREGATIONS, always);
    sl_rdd_unref(states);
    return then(in, results);
}

SL_TEST(states_come_to_the_results_of_the_whole, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, ROWS, rows, l->partitions);
        const char *expected = collect_text(sl_rdd_reduce_by_key(in, "k", AGGREGATIONS, 3));
        SL_CHECK_TEXT(collect_text(halves(sl_rdd_ref(in), "k", false)), expected);
        expected = collect_text(sli_rdd_reduce(in, AGGREGATIONS));
        SL_CHECK_TEXT(collect_text(halves(in, "", false)), expected);
    }
}

SL_TEST(states_without_rows_come_to_one_row_where_that_is_asked_for, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, ROWS, "", l->partitions);
        SL_CHECK_TEXT(collect_text(halves(sl_rdd_ref(in), "", false)), "");
        SL_CHECK_TEXT(collect_text(halves(sl_rdd_ref(in), "k", false)), "");
        SL_CHECK_TEXT(collect_text(halves(in, "", true)), "0,-,-,-\n");
    }
}

// All columns as keys, in as many partitions as the results: nothing is shuffled but the rows.
SL_TEST(states_lie_by_their_keys, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, ROWS, "a,1;a,1;b,1;", l->partitions);
        sl_rdd *states = sli_rdd_states(in, NULL, "count() as c", 2);
        sl_rdd *results = sli_rdd_of_states(states, in->schema, NULL, "count() as c", false);
        assert_int_equal(results->deps[0].kind, SLI_DEP_NARROW);
        assert_int_equal(sl_rdd_partitions(results), 2);
        SL_CHECK_TEXT(collect_sorted(results), "a,1,2\nb,1,1\n");
        sl_rdd_unref(states);
        sl_rdd_unref(in);
    }
}

SL_TEST(mistakes_of_states_name_what_is_wrong, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 1});
    sl_rdd *in = rdd_of(&w, ROWS, rows, 2);
    check_mistake(sli_rdd_states(in, "kk", "count() as c", 2), "kk");
    check_mistake(sli_rdd_states(in, "k", "cuont() as c", 2), "count");
    check_mistake(sli_rdd_states(in, "k", "count() as c", 1025), "1024");
    check_mistake(sli_rdd_placed(sl_rdd_where(in, "n > 0"), "kk"), "kk");
    sl_rdd_unref(in);
    world_close(&w);
}
