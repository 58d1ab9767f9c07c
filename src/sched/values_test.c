// mapValues and flatMapValues: what the function sees, keys that stay, mistakes that are told.
#include "sched/world_test.h"

#include <stdio.h>

static sl_code swap(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 1), i);
        sl_builder_int64(out, 1, -sl_column_int64(sl_batch_column(in, 0), i));
    }
    return SL_OK;
}
static const sl_fn swap_fn = {
    .struct_size = sizeof(sl_fn), .name = "swap", .out = "t string, m int64", .run = swap};

/// `times` copies of each value, `n` of them: none of 0.
static sl_code repeat(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    int64_t more = sl_args_int64(args, "more", 0);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        int64_t n = sl_column_int64(sl_batch_column(in, 0), i);
        sl_builder_of_row(out, i);
        for (int64_t k = 0; k < n + more; k++) {
            sl_builder_int64(out, 0, n * 10 + k);
        }
    }
    return SL_OK;
}
static const sl_fn repeat_fn = {
    .struct_size = sizeof(sl_fn), .name = "repeat", .out = "m int64", .run = repeat};

SL_TEST(map_values_sees_values_alone_and_keeps_keys_in_the_order_asked, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "n int64, k string, t string, j int64", "1,a,x,7;2,b,y,8;3,a,z,9;",
                            l->partitions);
        sl_rdd *out = sl_rdd_map_values(in, "j, k", &swap_fn, NULL);
        assert_int_equal(sl_rdd_partitions(out), l->partitions);
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "j int64, k string, t string, m int64");
        SL_CHECK_TEXT(collect_text(then(in, out)), "7,a,x,-1\n8,b,y,-2\n9,a,z,-3\n");
    }
}

SL_TEST(flat_map_values_gives_every_row_its_key_also_when_a_row_makes_thousands, "")
{
    sli_str text = {.tag = SLI_TAG_TEST}, expected = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 3000; i++) {
        sli_str_printf(&text, "k%d,%d;", i, i % 40);
        for (int k = 0; k < i % 40; k++) {
            sli_str_printf(&expected, "k%d,%d\n", i, i % 40 * 10 + k);
        }
    }
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in = rdd_of(&w, "k string, n int64", text.data, l->partitions);
        sl_rdd *out = then(in, sl_rdd_flat_map_values(in, "k", &repeat_fn, NULL));
        SL_CHECK_TEXT(collect_text(out), expected.data);
    }
    sli_str_reset(&text);
    sli_str_reset(&expected);
}

SL_TEST(split_is_a_function_for_flat_map_values, "")
{
    EACH_LAYOUT(w, l)
    {
        sl_rdd *in =
            rdd_of(&w, "k int64, line string?",
                   "1,to be or;2,-;3,not;4, a line of more than twelve bytes;5,;", l->partitions);
        sl_rdd *out = sl_rdd_flat_map_values(in, "k", &sl_split, "by=' ' skip_empty=true");
        SL_CHECK_TEXT(sl_schema_text(sl_rdd_schema(out)), "k int64, word string");
        SL_CHECK_TEXT(collect_text(then(in, out)),
                      "1,to\n1,be\n1,or\n3,not\n4,a\n4,line\n4,of\n4,more\n4,than\n4,twelve\n"
                      "4,bytes\n");
    }
}

SL_TEST(mistakes_with_values_are_told_at_definition, "")
{
    static const sl_fn again = {
        .struct_size = sizeof(sl_fn), .name = "again", .out = "k int64", .run = repeat};
    static const struct {
        const char *keys, *says;
        const sl_fn *fn;
    } cases[] = {
        {"kk", "mapValues: \"kk\", character 1: there is no column \"kk\"; did you mean \"k\"?",
         &swap_fn},
        {"", "mapValues: no key columns", &swap_fn},
        {"k, n", "mapValues: every column is a key: there are no values", &swap_fn},
        {"k", "mapValues: the function has no name, no code or no size", NULL},
        {"k", "again: the keys beside its rows", &again},
    };
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "k string, n int64", "a,1;", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_error err = SL_ERROR_INIT;
        sl_rdd *out = sl_rdd_map_values(in, cases[i].keys, cases[i].fn, NULL);
        assert_int_equal(sl_rdd_check(out, &err), SL_E_INVALID);
        if (strstr(err.text, cases[i].says) == NULL) {
            SL_CHECK_TEXT(err.text, cases[i].says);
        }
        sl_rdd_unref(out);
    }
    sl_rdd_unref(in);
    world_close(&w);
}

static sl_code nameless(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)err;
    sl_builder_int64(out, 0, 1);
    return SL_OK;
}

static sl_code beyond(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    sl_builder_of_row(out, sl_batch_rows(in));
    sl_builder_int64(out, 0, 1);
    return SL_OK;
}

static sl_code refuse(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)out;
    return sl_error_set(err, SL_E_USER, "no");
}

SL_TEST(functions_that_do_it_wrong_with_values_are_named, "")
{
    static const struct {
        bool flat;
        sl_fn fn;
        const char *says;
    } cases[] = {
        {true,
         {.struct_size = sizeof(sl_fn), .name = "a", .out = "m int64", .run = nameless},
         "flatMapValues a, partition 0, source rows 0 to 1: it appended rows before it said"},
        {true,
         {.struct_size = sizeof(sl_fn), .name = "b", .out = "m int64", .run = beyond},
         "flatMapValues b, partition 0, source rows 0 to 1: it named row 2 of an input of 2 rows"},
        {false,
         {.struct_size = sizeof(sl_fn), .name = "c", .out = "m int64", .run = nameless},
         "mapValues c, partition 0, source rows 0 to 1: it made 1 rows of 2"},
        {false,
         {.struct_size = sizeof(sl_fn), .name = "d", .out = "m int64", .run = refuse},
         "mapValues d, partition 0, source rows 0 to 1: no"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world w;
        world_open(&w, (world_conf){0});
        sl_rdd *in = rdd_of(&w, "k string, n int64", "a,1;b,2;", 1);
        sl_rdd *out = cases[i].flat ? sl_rdd_flat_map_values(in, "k", &cases[i].fn, NULL)
                                    : sl_rdd_map_values(in, "k", &cases[i].fn, NULL);
        sl_error err = collect_error(then(in, out));
        if (strstr(err.text, cases[i].says) == NULL) {
            SL_CHECK_TEXT(err.text, cases[i].says);
        }
        world_close(&w);
    }
}

SL_TEST(functions_of_values_get_their_arguments_as_others_do, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *lines = rdd_of(&w, "line string", "a b:c d;", 1);
    SL_CHECK_TEXT(collect_text(then(lines, sl_rdd_flat_map(lines, &sl_split, "by=':'"))),
                  "a b\nc d\n");
    sl_rdd *in = rdd_of(&w, "k string, n int64", "a,1;b,0;", 1);
    SL_CHECK_TEXT(collect_text(then(in, sl_rdd_flat_map_values(in, "k", &repeat_fn, "more=1"))),
                  "a,10\na,11\nb,0\n");
    world_close(&w);
}
