// Definitions: mistakes that stick, what operators resolve to, lineages that are long, what people
// read of them.
#include "rdd/bench_test.h"

static sl_code no_run(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)out, (void)err;
    return SL_OK;
}
static const sl_fn same_fn = {.struct_size = sizeof(sl_fn), .name = "same", .run = no_run};
static const sl_fn bad_out_fn = {
    .struct_size = sizeof(sl_fn), .name = "bad", .out = "n strnig", .run = no_run};
static const sl_fn nameless_fn = {.struct_size = sizeof(sl_fn), .run = no_run};

/// The mistake's text; the RDD is given back.
static const char *mistake_of(sl_rdd *rdd)
{
    static sl_error err;
    err = SL_ERROR_INIT;
    assert_int_not_equal(sl_rdd_check(rdd, &err), SL_OK);
    assert_null(sl_rdd_schema(rdd));
    sl_rdd_unref(rdd);
    return err.text;
}

SL_TEST(mistakes_name_the_operator_and_the_nearest_word, "")
{
    bench b;
    bench_open(&b);
    sl_rdd *in = sl_rdd_empty(bench_session(&b), "word string, n int64", 2);
    sl_rdd *other = sl_rdd_empty(bench_session(&b), "word int64, m float64", 2);
    const struct {
        sl_rdd *made;
        const char *begins, *has;
    } cases[] = {
        {sl_rdd_empty(bench_session(&b), "n strnig", 1), "empty: ", "string"},
        {sl_rdd_empty(bench_session(&b), "n int64", -1), "empty: -1 partitions", "0 to 65536"},
        {sl_rdd_map(in, &bad_out_fn, NULL), "map: bad: its rows: ", "string"},
        {sl_rdd_map(in, &nameless_fn, NULL), "map: the function has no name", ""},
        {sl_rdd_flat_map(in, NULL, NULL), "flatMap: the function has no name", ""},
        {sl_rdd_map(in, &same_fn, "by='x"), "map: same: its arguments: ", ""},
        {sl_rdd_filter(in, &same_fn, NULL),
         "filter: same makes \"word string, n int64\"; a filter makes one bool", ""},
        {sl_rdd_select(in, "wrd"), "select: ", "word"},
        {sl_rdd_where(in, "n >"), "where: ", ""},
        {sl_rdd_where(in, "n + 1"), "where: ", "bool"},
        {sl_rdd_union(in, other), "union: the types differ: ", "m float64"},
        {sl_rdd_reduce_by_key(in, "wrd", "count() as n", 0), "reduceByKey: ", "word"},
        {sl_rdd_reduce_by_key(in, "word", "cuont() as n", 0), "reduceByKey: ", "count"},
        {sl_rdd_reduce_by_key(in, "word", "count() as n", 2000),
         "reduceByKey: 2000 partitions; there may be 1 to 1024", ""},
        {sl_rdd_group_by_key(in, "", 1), "groupByKey: no key columns", ""},
        {sl_rdd_join(in, other, "word", 1),
         "join: key word is string on the left and int64 on the right", ""},
        {sl_rdd_join(in, other, "n", 1), "join: right side: ", "n"},
        {sl_rdd_join_table(in, other, "m"), "joinTable: left side: ", "m"},
        {sl_rdd_sort_by(in, "n desc, wrd", 1), "sortBy: ", "word"},
        {sl_rdd_sort_by(in, "", 1), "sortBy: ", ""},
        {sl_rdd_repartition(in, -3), "repartition: -3 partitions", ""},
        {sl_rdd_of_batches(bench_session(&b), NULL, 0, 1), "parallelize: no batches",
         "sl_rdd_empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = mistake_of(cases[i].made);
        if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0 ||
            strstr(text, cases[i].has) == NULL) {
            SL_CHECK_TEXT(text, cases[i].begins);
        }
    }
    sl_rdd_unref(in);
    sl_rdd_unref(other);
    bench_close(&b);
}

SL_TEST(the_first_mistake_sticks_to_all_that_is_made_of_it, "")
{
    bench b;
    bench_open(&b);
    sl_rdd *in = sl_rdd_empty(bench_session(&b), "n int64", 1);
    sl_rdd *wrong = sl_rdd_select(in, "m");
    char first[SL_ERROR_TEXT_BYTES];
    strcpy(first, mistake_of(sl_rdd_ref(wrong)));
    sl_rdd *all[] = {
        sl_rdd_map(wrong, NULL, NULL),     sl_rdd_where(wrong, "((("),
        sl_rdd_union(in, wrong),           sl_rdd_join(wrong, in, "", 0),
        sl_rdd_join_table(in, wrong, "x"), sl_rdd_distinct(wrong, 0),
        sl_rdd_sort_by(wrong, "zzz", 1),   sl_rdd_repartition(wrong, 0),
        sli_rdd_reduce(wrong, "x"),        sl_rdd_reduce_by_key(wrong, "", "", -1),
        sli_rdd_count_rows(wrong),         sl_rdd_group_by_key(wrong, NULL, 1),
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(sl_rdd_partitions(all[i]), 0);
        SL_CHECK_TEXT(mistake_of(all[i]), first);
    }
    sl_batch *rows = NULL;
    int64_t n = 0;
    assert_int_equal(sl_rdd_collect(wrong, &rows, NULL), SL_E_INVALID); // actions return it, too
    assert_int_equal(sl_rdd_take(wrong, 1, &rows, NULL), SL_E_INVALID);
    assert_int_equal(sl_rdd_count(wrong, &n, NULL), SL_E_INVALID);
    assert_int_equal(sl_rdd_count(NULL, &n, NULL), SL_E_NOMEM);
    assert_null(sl_rdd_map(NULL, &same_fn, NULL));
    sl_rdd_unref(NULL);
    sl_rdd_unref(wrong);
    sl_rdd_unref(in);
    bench_close(&b);
}

SL_TEST(an_operator_is_compiled_once_for_all_epochs, "")
{
    bench b;
    bench_open(&b);
    sl_rdd *in = sl_rdd_empty(bench_session(&b), "word string, n int64", 1);
    sl_rdd *first = sl_rdd_select(in, "n + 1 as m"), *second = sl_rdd_select(in, "n + 1 as m");
    sl_rdd *other = sl_rdd_select(in, "n + 2 as m");
    assert_ptr_equal(first->body, second->body);
    assert_ptr_not_equal(first->body, other->body);
    sl_rdd *a = sl_rdd_reduce_by_key(in, "word", "count() as c", 1);
    sl_rdd *c = sl_rdd_reduce_by_key(in, "word", "count() as d", 1);
    assert_ptr_not_equal(a->body, c->body);
    sl_rdd *made[] = {first, second, other, a, c, in};
    for (size_t i = 0; i < 6; i++) {
        sl_rdd_unref(made[i]);
    }
    bench_close(&b);
}

SL_TEST(a_chain_is_bounded_and_a_long_lineage_is_freed_without_recursion, "")
{
    bench b;
    bench_open(&b);
    sl_rdd *rdd = sl_rdd_empty(bench_session(&b), "n int64", 1);
    for (int i = 0; i < SLI_MAX_NARROW; i++) {
        sl_rdd *next = sl_rdd_where(rdd, "n > 1");
        sl_rdd_unref(rdd);
        rdd = next;
    }
    assert_int_equal(sl_rdd_check(rdd, NULL), SL_OK);
    assert_non_null(
        strstr(mistake_of(sl_rdd_where(rdd, "n > 1")), "more than 1000 operators in a row"));
    for (int i = 0; i < 200000; i++) { // shuffles start a new chain
        sl_rdd *next = sl_rdd_repartition(rdd, 1);
        sl_rdd_unref(rdd);
        rdd = next;
    }
    assert_int_equal(sl_rdd_check(rdd, NULL), SL_OK);
    sl_rdd_unref(rdd);
    bench_close(&b);
}

SL_TEST(debug_text_shows_the_lineage, "")
{
    bench b;
    bench_open(&b);
    sl_rdd *in = sl_rdd_named(sl_rdd_empty(bench_session(&b), "word string, n int64", 2), "input");
    sl_rdd *big = sli_rdd_uid(sl_rdd_where(in, "n > 1"), "where-1");
    sl_rdd *sums =
        sl_rdd_persist(sl_rdd_reduce_by_key(big, "word", "sum(n) as n", 3), SL_MEMORY_ONLY);
    sl_rdd *all = sl_rdd_union(sums, in);
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_rdd_debug(all, &text);
    SL_CHECK_TEXT(text.data, "(5) union\n"
                             " |  reduceByKey [MEMORY_ONLY]\n"
                             " +-(2) where where-1\n"
                             "    |  empty 'input'\n"
                             " |  empty 'input'\n");
    sli_str_reset(&text);
    sl_rdd *joined = sl_rdd_join(big, in, "word", 10);
    char *told = sl_rdd_debug_text(joined);
    SL_CHECK_TEXT(told, "(10) join\n"
                        " +-(2) where where-1\n"
                        " |  |  empty 'input'\n"
                        " +-(2) empty 'input'\n");
    sl_text_free(told);
    sl_rdd_unref(joined);
    sl_rdd *wrong = sl_rdd_where(in, "m > 1");
    told = sl_rdd_debug_text(wrong);
    assert_non_null(strstr(told, "(0) mistake: where: "));
    sl_text_free(told);
    sl_rdd_unref(wrong);
    assert_null(sl_rdd_debug_text(NULL));
    for (int i = 0; i < 12; i++) { // 2^12 lines and more, if all were told
        sl_rdd *twice = sl_rdd_union(all, all);
        sl_rdd_unref(all);
        all = twice;
    }
    told = sl_rdd_debug_text(all);
    int lines = 0;
    for (const char *c = told; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, 1001);
    assert_string_equal(told + strlen(told) - 4, "...\n");
    sl_text_free(told);
    sums->level = SL_LEVEL_NONE; // this runtime has no blocks
    sl_rdd_unref(all);
    sl_rdd_unref(sums);
    sl_rdd_unref(big);
    sl_rdd_unref(in);
    bench_close(&b);
}
