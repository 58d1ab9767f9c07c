// The rules by which a golden case is judged, and the mistakes in a case's text: a runner that
// accepts everything would make every case pass.
#include "sl_test.h"

#include <stdio.h>
#include <string.h>

#include "golden/case.h"

static void check(slt_rule rule, const char *actual, const char *expected, bool equal)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    bool same = slt_matches(arena, actual, expected, rule);
    sl_arena_free(arena);
    if (same != equal) {
        fail_msg("rule %d: '%s' and '%s' should %sbe equal", (int)rule, actual, expected,
                 equal ? "" : "not ");
    }
}

SL_TEST(golden_seq_is_bytes, "")
{
    check(SLT_SEQ, "a\nb\n", "a\nb\n", true);
    check(SLT_SEQ, "a\nb\n", "b\na\n", false);
    check(SLT_SEQ, "", "", true);
    check(SLT_SEQ, "a\n", "", false);
}

SL_TEST(golden_bag_forgets_the_order_of_lines_but_not_their_number, "")
{
    check(SLT_BAG, "b\na\nb\n", "a\nb\nb\n", true);
    check(SLT_BAG, "b\na\n", "a\nb\nb\n", false);
    check(SLT_BAG, "a\na\nb\n", "a\nb\nb\n", false);
    check(SLT_BAG, "{\"v\":[1,2]}\n", "{\"v\":[2,1]}\n", false);
    check(SLT_BAG, "", "a\n", false);
}

SL_TEST(golden_groups_forget_the_order_in_lists_too, "")
{
    check(SLT_GROUPS, "{\"k\":2,\"v\":[3,1,3]}\n{\"k\":1,\"v\":[]}\n",
          "{\"k\":1,\"v\":[]}\n{\"k\":2,\"v\":[1,3,3]}\n", true);
    check(SLT_GROUPS, "{\"v\":[3,1,3]}\n", "{\"v\":[1,1,3]}\n", false);
    check(SLT_GROUPS, "{\"v\":[1]}\n{\"v\":[2]}\n", "{\"v\":[1,2]}\n", false);
    check(SLT_GROUPS, "{\"v\":[\"a,b\",\"]\\\"\"]}\n", "{\"v\":[\"]\\\"\",\"a,b\"]}\n", true);
    check(SLT_GROUPS, "{\"v\":[\"a\",\"b\"]}\n", "{\"v\":[\"a,b\"]}\n", false);
    check(SLT_GROUPS, "{\"k\":\"[b,a]\"}\n", "{\"k\":\"[a,b]\"}\n", false);
}

SL_TEST(golden_groups_only_keep_the_order_of_lines, "")
{
    check(SLT_GROUPS_ONLY, "{\"x\":[2,1]}\n{\"x\":[3]}\n", "{\"x\":[1,2]}\n{\"x\":[3]}\n", true);
    check(SLT_GROUPS_ONLY, "{\"x\":[3]}\n{\"x\":[1,2]}\n", "{\"x\":[1,2]}\n{\"x\":[3]}\n", false);
}

SL_TEST(golden_approx_compares_numbers_as_numbers, "")
{
    check(SLT_APPROX, "{\"x\":2e+100}\n", "{\"x\":2.0e100}\n", true);
    check(SLT_APPROX, "{\"x\":1000000}\n", "{\"x\":1000000.0000001}\n", true);
    check(SLT_APPROX, "{\"x\":1}\n", "{\"x\":1.00001}\n", false);
    check(SLT_APPROX, "{\"x\":1}\n", "{\"x\":-1}\n", false);
    check(SLT_APPROX, "{\"x\":1}\n", "{\"y\":1}\n", false);
    check(SLT_APPROX, "{\"x\":1}\n{\"x\":2}\n", "{\"x\":1}\n", false);
}

/// What reading such a case complains about; "" when it doesn't.
static const char *complaint(const char *text)
{
    static char why[1024];
    char path[1024];
    slt_golden *golden = NULL;
    (void)snprintf(path, sizeof path, "%s/case.txt", slt_temp_dir());
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    why[0] = '\0';
    if (slt_golden_read(&golden, path, why, sizeof why)) {
        if (!slt_golden_run(golden, why, sizeof why)) {
            assert_true(why[0] != '\0');
        }
        slt_golden_free(golden);
    }
    return why;
}

#define HEAD "name: n\njob\n| in = queue x int64\n| collect\npush\n| {\"x\":1}\n"

SL_TEST(golden_case_that_is_misread_is_refused, "")
{
    assert_string_equal(complaint(HEAD "epoch\nrows\n| {\"x\":1}\n"), "");
    const char *cases[][2] = {
        {"", "not a text"},
        {"name: n\ncompare: sequence\n", ":2: no such rule 'sequence'"},
        {"nam: n\n", ":1: no such header"},
        {HEAD "epcoh\nrows []\n", ":7: no such directive 'epcoh'"},
        {HEAD "epoch\n", "something expected"},
        {HEAD "epoch\nepoch\nrows []\n", ":8: nothing is expected of the epoch before"},
        {HEAD "epoch\nrows\n", "rows without any"},
        {HEAD "epoch\n| {\"x\":1}\nrows []\n", "a line that belongs to nothing"},
        {HEAD "error epoch\n", "an error without a text"},
        {HEAD "put\n", "an argument is missing"},
        {"name: n\nsettings: compat\n", "NAME=VALUE"},
        {"name: n\njob\n| in = queue x int64\n| map x+2\n| collect\nepoch\nrows []\n", "map 'x+2'"},
        {"name: n\njob\n| in = queue x int64\n| union b\n| collect\nepoch\nrows []\n",
         "no stream has the name 'b'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = complaint(cases[i][0]);
        if (strstr(why, cases[i][1]) == NULL) {
            fail_msg("case %zu: '%s' does not say '%s'", i, why, cases[i][1]);
        }
    }
}

SL_TEST(golden_case_with_other_output_fails, "")
{
    const char *cases[][2] = {
        {HEAD "epoch\nrows\n| {\"x\":2}\n", "line 8: rows of an epoch"},
        {HEAD "epoch\nrows []\n", "line 8: rows of an epoch"},
        {HEAD "epoch\nrows null\n", "line 8: rows of an epoch"},
        {HEAD "epoch\nrows\n| {\"x\":1}\nrows other\n| {\"x\":1}\n", "line 10: rows of an epoch"},
        {HEAD "epoch\nrows\n| {\"x\":1}\nerror epoch\n| x\n", "place of the error"},
        {HEAD "epoch\nconsole\n| x\n", "line 8: console"},
        {HEAD "epoch\nfile out\n| x\n", "line 8: out"},
        {HEAD "epoch\nseen\n| x\n", "seen by foreachRDD"},
        {HEAD "push nowhere\nepoch\nrows\n| {\"x\":1}\n", "nowhere"},
        {"name: n\njob\n| in = queue x int64\n| select y\n| collect\nerror definition\n| zzz\n",
         "text of the error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *why = complaint(cases[i][0]);
        if (strstr(why, cases[i][1]) == NULL) {
            fail_msg("case %zu: '%s' does not say '%s'", i, why, cases[i][1]);
        }
    }
}
