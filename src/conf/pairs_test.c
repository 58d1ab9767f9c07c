/// pairs_test.c — the grammar of arguments, edge by edge.
#include "sl_test.h"

#include "conf/conf.h"

static sl_code note(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    sli_str *out = ctx;
    (void)err;
    sli_str_printf(out, "%.*s<%.*s>", (int)key.size, key.data, (int)value.size, value.data);
    return SL_OK;
}

static void check(const char *text, const char *expected)
{
    sli_str out = SLI_STR_INIT;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_pairs_each(text, note, &out, &err), SL_OK);
    SL_CHECK_TEXT(out.data == NULL ? "" : out.data, expected);
    sli_str_reset(&out);
}

static void check_bad(const char *text, const char *expected)
{
    sli_str out = SLI_STR_INIT;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_pairs_each(text, note, &out, &err), SL_E_CONFIG);
    SL_CHECK_TEXT(err.text, expected);
    sli_str_reset(&out);
}

SL_TEST(pairs_reads_every_kind_of_value, "")
{
    check("", "");
    check(" ,\t\n", "");
    check("a=1", "a<1>");
    check("a=1 b=2,c=3, d=4", "a<1>b<2>c<3>d<4>");
    check("by=' '", "by< >");
    check("by=','", "by<,>");
    check("by=''", "by<>");
    check("by=\"\"", "by<>");
    check("a='\\n' b=\"\\n\\t\\r\\\\\\\"\\'\"", "a<\\n>b<\n\t\r\\\"'>");
    check("a='say \"x\"' b=\"it's\"", "a<say \"x\">b<it's>");
    check("filter=n>=3", "filter<n>=3>");
    check("a.b-c_d=x", "a.b-c_d<x>");
    check("a=1 a=2", "a<1>a<2>");
    check("s=\xc3\xa4", "s<\xc3\xa4>");
}

SL_TEST(pairs_refuses_and_gives_the_place, "")
{
    check_bad("=1", "arguments, character 1: a key is missing before '='");
    check_bad(
        "a",
        "arguments, character 2, \"a\": has no value; write key=value, without spaces around '='");
    check_bad(
        "a = 1",
        "arguments, character 2, \"a\": has no value; write key=value, without spaces around '='");
    check_bad("a= 1", "arguments, character 3, \"a\": the value is missing; an empty one, a space "
                      "or a comma needs "
                      "quotes");
    check_bad("by=,", "arguments, character 4, \"by\": the value is missing; an empty one, a space "
                      "or a comma needs "
                      "quotes");
    check_bad("a=", "arguments, character 3, \"a\": the value is missing; an empty one, a space or "
                    "a comma needs "
                    "quotes");
    check_bad("a='x", "arguments, character 3, \"a\": this ' is never closed");
    check_bad("a=\"x", "arguments, character 3, \"a\": this \" is never closed");
    check_bad("a=\"x\\",
              "arguments, character 5, \"a\": unknown escape; known are \\\" \\' \\\\ \\n \\t \\r");
    check_bad("a=\"\\q\"",
              "arguments, character 5, \"a\": unknown escape; known are \\\" \\' \\\\ \\n \\t \\r");
    check_bad("a=it's",
              "arguments, character 5, \"a\": a quote inside a bare value; quote the whole value");
    check_bad("a='x'y",
              "arguments, character 6, \"a\": a space or a comma must follow the closing quote");
    check_bad("1a=x", "arguments, character 1: not a key (letters, digits, '_', '.', '-')");
    check_bad("\xff=x", "arguments, character 1: not a key (letters, digits, '_', '.', '-')");
}

static sl_code stop(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    int *calls = ctx;
    (void)key;
    (void)value;
    return ++*calls == 2 ? sl_error_set(err, SL_E_USER, "enough") : SL_OK;
}

SL_TEST(pairs_stops_when_the_callback_fails, "")
{
    int calls = 0;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_pairs_each("a=1 b=2 c=3", stop, &calls, &err), SL_E_USER);
    assert_int_equal(calls, 2);
    assert_string_equal(err.text, "enough");
}

SL_TEST(pairs_refuses_endless_texts, "")
{
    size_t size = (1 << 20) + 1;
    char *text = sl_alloc(SLI_TAG_TEST, size + 1);
    memset(text, ' ', size);
    text[size] = '\0';
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_pairs_each(text, note, NULL, &err), SL_E_CONFIG);
    text[size - 1] = '\0';
    assert_int_equal(sli_pairs_each(text, note, NULL, &err), SL_OK);
    sl_free(text);
}

// Any bytes: an answer, no overrun, no value outside the input or the scratch (the sanitizers
// look).
SL_TEST(pairs_takes_garbage, "")
{
    static const char letters[] = "ab=='\"\\ ,n\xff\x80";
    uint64_t state = 7;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t size = 0;
        for (; size < sizeof(text) - 1; size++) {
            state = state * 6364136223846793005U + 1442695040888963407U;
            text[size] = letters[(state >> 33) % (sizeof(letters))];
        }
        text[size] = '\0';
        sli_str out = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sli_pairs_each(text, note, &out, &err);
        assert_true(rc == SL_OK || (rc == SL_E_CONFIG && err.text[0] != '\0'));
        sli_str_reset(&out);
    }
}
