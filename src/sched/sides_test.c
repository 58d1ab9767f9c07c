// Operators of two sides by key: outer joins, cogroup, intersection, subtract.
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- outer joins

SL_TEST(outer_joins_keep_the_rows_without_a_match, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k string, v int64", "x,1;y,2;x,3;z,4;", l->partitions);
        sl_rdd *b = rdd_of(&w, "v int64, k string", "10,x;20,q;30,x;40,p;50,y;", l->partitions);
        sl_rdd *left = sl_rdd_left_outer_join(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(left)), "k string, v int64, v_2 int64?");
        SL_CHECK_TEXT(collect_text(left), "x,1,10\nx,1,30\ny,2,50\nx,3,10\nx,3,30\nz,4,-\n");
        sl_rdd *right = sl_rdd_right_outer_join(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(right)), "k string, v int64?, v_2 int64");
        SL_CHECK_TEXT(collect_text(right),
                      "x,1,10\nx,1,30\ny,2,50\nx,3,10\nx,3,30\nq,-,20\np,-,40\n");
        sl_rdd *full = sl_rdd_full_outer_join(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(full)), "k string, v int64?, v_2 int64?");
        SL_CHECK_TEXT(collect_text(full),
                      "x,1,10\nx,1,30\ny,2,50\nx,3,10\nx,3,30\nz,4,-\nq,-,20\np,-,40\n");
        SL_CHECK_TEXT(collect_sorted(sl_rdd_full_outer_join(a, b, "k", 5)),
                      "p,-,40\nq,-,20\nx,1,10\nx,1,30\nx,3,10\nx,3,30\ny,2,50\nz,4,-\n");
        sl_rdd_unref(a);
        sl_rdd_unref(b);
    }
}

SL_TEST(null_keys_match_each_other_and_come_from_the_side_that_has_them, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k int64, v int64", "1,10;2,20;", l->partitions);
        sl_rdd *b = rdd_of(&w, "k int64?, w int64", "2,200;-,300;", l->partitions);
        sl_rdd *right = sl_rdd_right_outer_join(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(right)), "k int64?, v int64?, w int64");
        SL_CHECK_TEXT(collect_text(right), "2,20,200\n-,-,300\n");
        sl_rdd *left = sl_rdd_left_outer_join(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(left)), "k int64, v int64, w int64?");
        SL_CHECK_TEXT(collect_text(left), "1,10,-\n2,20,200\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_full_outer_join(b, b, "k", 1)), "2,200,200\n-,300,300\n");
        sl_rdd_unref(a);
        sl_rdd_unref(b);
    }
}

SL_TEST(outer_joins_with_an_empty_side, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k string, v int64", "x,1;y,2;", l->partitions);
        sl_rdd *none = sl_rdd_empty(world_session(&w), "k string, w list<int64>", l->partitions);
        SL_CHECK_TEXT(collect_text(sl_rdd_left_outer_join(a, none, "k", 1)), "x,1,-\ny,2,-\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_right_outer_join(a, none, "k", 1)), "");
        SL_CHECK_TEXT(collect_text(sl_rdd_right_outer_join(none, a, "k", 1)), "x,-,1\ny,-,2\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_full_outer_join(none, a, "k", 1)), "x,-,1\ny,-,2\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_full_outer_join(none, none, "k", 1)), "");
        sl_rdd_unref(a);
        sl_rdd_unref(none);
    }
}

SL_TEST(thousands_of_rows_without_a_match_on_both_sides, "")
{
    sli_str left = {.tag = SLI_TAG_TEST}, right = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 20000; i++) {
        sli_str_printf(&left, "%d,%d;", i, i);
        sli_str_printf(&right, "%d,%d;", i + 10000, -i);
    }
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k int64, v int64", left.data, l->partitions);
        sl_rdd *b = rdd_of(&w, "k int64, w int64", right.data, l->partitions);
        sl_rdd *all = sl_rdd_full_outer_join(a, b, "k", l->partitions);
        sl_rdd *sums = sl_rdd_reduce_by_key(
            all, "", "count() as n, count(v) as a, count(w) as b, sum(k) as k", 1);
        SL_CHECK_TEXT(collect_text(then(all, sums)), "30000,20000,20000,449985000\n");
        sl_rdd_unref(a);
        sl_rdd_unref(b);
    }
    sli_str_reset(&left);
    sli_str_reset(&right);
}

// ---------------------------------------------------------------- cogroup

SL_TEST(cogroup_lists_both_sides_keys_of_the_left_first, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k string, v int64?, t string", "x,1,p;y,-,q;x,3,r;", l->partitions);
        sl_rdd *b = rdd_of(&w, "v float64, k string?", "1.5,z;2.5,x;3.5,-;4.5,z;", l->partitions);
        sl_rdd *out = sl_rdd_cogroup(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)),
                      "k string?, v list<int64?>, t list<string>, v_2 list<float64>");
        SL_CHECK_TEXT(collect_text(out), "x,[1 3],[p r],[2.5]\ny,[-],[q],[]\n"
                                         "z,[],[],[1.5 4.5]\n-,[],[],[3.5]\n");
        SL_CHECK_TEXT(collect_sorted(sl_rdd_cogroup(a, b, "k", 4)),
                      "-,[],[],[3.5]\nx,[1 3],[p r],[2.5]\ny,[-],[q],[]\nz,[],[],[1.5 4.5]\n");
        sl_rdd *none = sl_rdd_empty(world_session(&w), "k string, u int64", 2);
        SL_CHECK_TEXT(collect_text(sl_rdd_cogroup(none, a, "k", 1)),
                      "x,[],[1 3],[p r]\ny,[],[-],[q]\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_cogroup(none, none, "k", 1)), "");
        sl_rdd_unref(none);
        sl_rdd_unref(a);
        sl_rdd_unref(b);
    }
}

SL_TEST(cogroup_by_several_columns_and_of_keys_alone, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "a int64, b string, v int64", "1,x,5;1,y,6;1,x,7;", l->partitions);
        sl_rdd *b = rdd_of(&w, "b string, a int64", "y,1;z,2;", l->partitions);
        SL_CHECK_TEXT(collect_text(sl_rdd_cogroup(a, b, "b, a", 1)),
                      "x,1,[5 7]\ny,1,[6]\nz,2,[]\n");
        sl_rdd_unref(a);
        sl_rdd_unref(b);
    }
}

// ---------------------------------------------------------------- sets

SL_TEST(intersection_and_subtract_compare_whole_rows, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a =
            rdd_of(&w, "k string, v int64?", "c,1;a,-;b,2;a,-;c,1;d,4;c,9;d,4;", l->partitions);
        sl_rdd *b = rdd_of(&w, "x string, y int64", "c,1;b,3;d,4;d,4;", l->partitions);
        sl_rdd *nulls = rdd_of(&w, "x string, y int64?", "a,-;b,2;", l->partitions);
        sl_rdd *both = sl_rdd_intersection(a, b, 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(both)), "k string, v int64?");
        SL_CHECK_TEXT(collect_text(both), "c,1\nd,4\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_intersection(a, nulls, 1)), "a,-\nb,2\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_subtract(a, b, 1)), "a,-\nb,2\na,-\nc,9\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_subtract(a, nulls, 1)), "c,1\nc,1\nd,4\nc,9\nd,4\n");
        SL_CHECK_TEXT(collect_sorted(sl_rdd_subtract(a, b, 6)), "a,-\na,-\nb,2\nc,9\n");
        SL_CHECK_TEXT(collect_sorted(sl_rdd_intersection(a, b, 6)), "c,1\nd,4\n");
        sl_rdd_unref(a);
        sl_rdd_unref(b);
        sl_rdd_unref(nulls);
    }
}

SL_TEST(subtract_by_key_looks_at_keys_alone, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "v int64, k string?", "1,c;2,a;3,-;4,a;5,b;6,c;", l->partitions);
        sl_rdd *b = rdd_of(&w, "k string, t float64", "c,1.5;z,2.5;c,3.5;", l->partitions);
        sl_rdd *out = sl_rdd_subtract_by_key(a, b, "k", 1);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "v int64, k string?");
        SL_CHECK_TEXT(sl_schema_text(out->deps[1].shuffle->schema), "k string"); // what goes over
        SL_CHECK_TEXT(collect_text(out), "2,a\n3,-\n4,a\n5,b\n");
        SL_CHECK_TEXT(collect_sorted(sl_rdd_subtract_by_key(a, b, "k", 4)), "2,a\n3,-\n4,a\n5,b\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_subtract_by_key(a, a, "k", 2)), "");
        sl_rdd_unref(a);
        sl_rdd_unref(b);
    }
}

SL_TEST(sets_with_an_empty_side, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *a = rdd_of(&w, "k string", "x;y;x;", l->partitions);
        sl_rdd *none = sl_rdd_empty(world_session(&w), "k string", 2);
        SL_CHECK_TEXT(collect_text(sl_rdd_intersection(a, none, 2)), "");
        SL_CHECK_TEXT(collect_text(sl_rdd_intersection(none, a, 2)), "");
        SL_CHECK_TEXT(collect_text(sl_rdd_subtract(a, none, 1)), "x\ny\nx\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_subtract(none, a, 1)), "");
        SL_CHECK_TEXT(collect_text(sl_rdd_subtract_by_key(a, none, "k", 1)), "x\ny\nx\n");
        sl_rdd_unref(a);
        sl_rdd_unref(none);
    }
}

// ---------------------------------------------------------------- where rows lie

typedef sl_rdd *(*two_sided)(sl_rdd *a, sl_rdd *b, int32_t n);

static sl_rdd *left(sl_rdd *a, sl_rdd *b, int32_t n)
{
    return sl_rdd_left_outer_join(a, b, "k", n);
}
static sl_rdd *right(sl_rdd *a, sl_rdd *b, int32_t n)
{
    return sl_rdd_right_outer_join(a, b, "k", n);
}
static sl_rdd *full(sl_rdd *a, sl_rdd *b, int32_t n)
{
    return sl_rdd_full_outer_join(a, b, "k", n);
}
static sl_rdd *cogroup(sl_rdd *a, sl_rdd *b, int32_t n)
{
    return sl_rdd_cogroup(a, b, "k", n);
}
static sl_rdd *without_keys(sl_rdd *a, sl_rdd *b, int32_t n)
{
    return sl_rdd_subtract_by_key(a, b, "k", n);
}

SL_TEST(sides_that_lie_by_the_key_are_not_shuffled_and_come_out_the_same, "")
{
    static const two_sided operators[] = {left, right, full, cogroup, without_keys};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        EACH_LAYOUT(w, l)
        {
            sl_rdd *a = rdd_of(&w, "k string, v int64", "x,1;y,2;x,3;z,4;u,5;", l->partitions);
            sl_rdd *b = rdd_of(&w, "v int64, k string", "10,x;20,q;30,x;40,p;", l->partitions);
            sl_rdd *lying_a = sli_rdd_by_slot(a, "k", 3);
            sl_rdd *lying_b = sli_rdd_by_slot(b, "k", 3);
            sl_rdd *moved = operators[i](a, b, 3), *half = operators[i](lying_a, b, 3);
            sl_rdd *kept = operators[i](lying_a, lying_b, 3);
            assert_int_equal(half->deps[0].kind, SLI_DEP_NARROW);
            assert_int_equal(half->deps[1].kind, SLI_DEP_SHUFFLE);
            sli_job job = {.rdd = kept, .rows_expected = -1};
            assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
            assert_int_equal(job.n_stages, 3); // the two partitionBys' and the result
            const char *expected = collect_text(moved);
            SL_CHECK_TEXT(collect_text(half), expected);
            sl_rdd *again = sli_rdd_by_slot(kept, "k", 3); // and the result lies so too
            assert_int_equal(again->deps[0].kind, SLI_DEP_NARROW);
            SL_CHECK_TEXT(collect_text(then(kept, again)), expected);
            sl_rdd *made[] = {lying_a, lying_b, a, b};
            for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
                sl_rdd_unref(made[k]);
            }
        }
    }
}

/// A joined to B at `keys`, which must give `expected` and shuffle the sides that `shuffles` says.
static void check_laws(two_sided join, sl_rdd *a, sl_rdd *b, bool shuffles_a, bool shuffles_b,
                       const char *expected)
{
    sl_rdd *made = join(a, b, 3);
    assert_int_equal(made->deps[0].kind == SLI_DEP_SHUFFLE, shuffles_a);
    assert_int_equal(made->deps[1].kind == SLI_DEP_SHUFFLE, shuffles_b);
    SL_CHECK_TEXT(collect_sorted(made), expected);
}

SL_TEST(two_sides_meet_by_one_law, "")
{
    static const two_sided operators[] = {left, right, full, cogroup, without_keys};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        EACH_LAYOUT(w, l)
        {
            sl_rdd *a = rdd_of(&w, "k string, v int64", "x,1;y,2;x,3;z,4;u,5;", l->partitions);
            sl_rdd *b = rdd_of(&w, "v int64, k string", "10,x;20,q;30,x;40,p;", l->partitions);
            sl_rdd *code_a = sl_rdd_partition_by(a, "k", 3), *slot_a = sli_rdd_by_slot(a, "k", 3);
            sl_rdd *code_b = sl_rdd_partition_by(b, "k", 3), *slot_b = sli_rdd_by_slot(b, "k", 3);
            char *expected = strdup(collect_sorted(operators[i](a, b, 3)));
            check_laws(operators[i], code_a, code_b, false, false, expected);
            check_laws(operators[i], code_a, slot_b, false, true, expected); // the left one's law
            check_laws(operators[i], slot_a, code_b, false, true, expected);
            check_laws(operators[i], a, code_b, true, false, expected);
            check_laws(operators[i], code_a, b, false, true, expected);
            free(expected);
            sl_rdd *made[] = {code_a, slot_a, code_b, slot_b, a, b};
            for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
                sl_rdd_unref(made[k]);
            }
        }
    }
}

SL_TEST(mistakes_of_two_sides_are_told, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *a = rdd_of(&w, "key string, n int64", "a,1;", 1);
    sl_rdd *b = rdd_of(&w, "key string, n float64", "a,1;", 1);
    check_mistake(
        sl_rdd_left_outer_join(a, b, "kez", 1),
        "leftOuterJoin: right side: \"kez\", character 1: there is no column \"kez\"; did "
        "you mean \"key\"?");
    check_mistake(sl_rdd_full_outer_join(a, b, "n", 1),
                  "fullOuterJoin: key n is int64 on the left and float64 on the right");
    check_mistake(sl_rdd_cogroup(a, b, "", 1), "cogroup: no key columns");
    check_mistake(sl_rdd_right_outer_join(a, b, "key", 2000), "2000 partitions");
    check_mistake(sl_rdd_intersection(a, b, 1), "intersection: the types differ");
    check_mistake(sl_rdd_subtract(a, b, 1), "subtract: the types differ");
    check_mistake(sl_rdd_subtract_by_key(a, b, "n", 1), "subtractByKey: key n is int64");
    sl_rdd *bad = sl_rdd_where(a, "nothing > 1");
    check_mistake(sl_rdd_cogroup(a, bad, "key", 1), "where: ");
    sl_rdd_unref(bad);
    sl_rdd_unref(a);
    sl_rdd_unref(b);
    world_close(&w);
}
