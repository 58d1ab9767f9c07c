#include "base/str.h"

#include "base/hash.h"
#include "sl_test.h"

SL_TEST(str_grows_and_is_ended_by_a_zero, "")
{
    int64_t before = sli_mem_used(SLI_TAG_TEST);
    sli_str s = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 1000; i++) {
        sli_str_char(&s, (char)('a' + i % 26));
        sli_str_text(&s, "\0hidden"); // nothing: a text ends at its zero
        assert_int_equal(s.size, i + 1);
        assert_int_equal(s.data[s.size], 0);
    }
    sli_str_add(&s, "a\0b", 3);
    sli_str_add(&s, NULL, 0);
    assert_int_equal(s.size, 1003);
    assert_int_equal(s.data[25], 'z');
    assert_memory_equal(s.data + 1000, "a\0b", 4);
    assert_true(sli_mem_used(SLI_TAG_TEST) > before + 1003);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_str_check(&s, "x", &err), SL_OK);
    sli_str_clear(&s);
    assert_int_equal(s.size, 0);
    SL_CHECK_TEXT(s.data, "");
    sli_str_reset(&s);
    assert_null(s.data);
    assert_int_equal(s.tag, SLI_TAG_TEST);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before);
}

SL_TEST(str_printf_fits_any_length, "")
{
    sli_str s = SLI_STR_INIT;
    size_t sum = 0;
    for (int width = 1; width < 300; width++) {
        sli_str_printf(&s, "%*d", width, 7);
        sum += (size_t)width;
        assert_int_equal(s.size, sum);
        assert_int_equal(s.data[s.size - 1], '7');
        assert_int_equal(s.data[s.size], 0);
    }
    sli_str_printf(&s, "%s", "");
    assert_int_equal(s.size, sum);
    sli_str_reset(&s);
}

SL_TEST(str_failed_append_sticks, "")
{
    sli_str s = SLI_STR_INIT;
    sli_str_text(&s, "kept");
    sli_mem_fail_nth(1);
    sli_str_printf(&s, "%500d", 1);
    sli_mem_fail_nth(0);
    assert_true(s.failed);
    sli_str_text(&s, "!");
    sli_str_char(&s, '!');
    sli_str_printf(&s, "!");
    sli_str_json(&s, "!", 1);
    SL_CHECK_TEXT(s.data, "kept");
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_str_check(&s, "the log line", &err), SL_E_NOMEM);
    assert_non_null(strstr(err.text, "the log line"));
    assert_null(sli_str_take(&s));
    assert_false(s.failed);
    sli_str_text(&s, "anew");
    SL_CHECK_TEXT(s.data, "anew");
    sli_str_reset(&s);
}

SL_TEST(str_clear_forgives_a_failure, "")
{
    sli_str s = SLI_STR_INIT;
    sli_mem_fail_nth(1);
    sli_str_text(&s, "x");
    sli_mem_fail_nth(0);
    assert_true(s.failed);
    sli_str_clear(&s);
    sli_str_text(&s, "y");
    SL_CHECK_TEXT(s.data, "y");
    sli_str_reset(&s);
}

SL_TEST(str_refuses_absurd_sizes, "")
{
    sli_str s = SLI_STR_INIT;
    sli_str_add(&s, "x", SIZE_MAX - 3);
    assert_true(s.failed);
    sli_str_clear(&s);
    sli_str_text(&s, "abc");
    sli_str_add(&s, "x", SIZE_MAX - 1); // size + more overflows
    assert_true(s.failed);
    SL_CHECK_TEXT(s.data, "abc");
    sli_str_reset(&s);
}

SL_TEST(str_take_hands_out_the_bytes, "")
{
    sli_str s = {.tag = SLI_TAG_TEST};
    char *empty = sli_str_take(&s);
    SL_CHECK_TEXT(empty, "");
    sli_str_text(&s, "abc");
    char *text = sli_str_take(&s);
    SL_CHECK_TEXT(text, "abc");
    assert_null(s.data);
    assert_int_equal(s.tag, SLI_TAG_TEST);
    sl_free(empty);
    sl_free(text);
}

static void check_json(const char *data, size_t size, const char *expected)
{
    sli_str s = SLI_STR_INIT;
    sli_str_json(&s, data, size);
    SL_CHECK_TEXT(s.data, expected);
    sli_str_reset(&s);
}

SL_TEST(str_json_escapes, "")
{
    check_json("", 0, "\"\"");
    check_json(NULL, 0, "\"\"");
    check_json("plain \xC3\xA4 \x7F", 10, "\"plain \xC3\xA4 \x7F\"");
    check_json("\"\\\b\f\n\r\t/", 8, "\"\\\"\\\\\\b\\f\\n\\r\\t/\"");
    check_json("\0\x01\x1F", 3, "\"\\u0000\\u0001\\u001f\"");
}

SL_TEST(str_json_replaces_what_is_not_utf8, "")
{
    check_json("a\xFF"
               "b",
               3,
               "\"a\xEF\xBF\xBD"
               "b\"");
    check_json("\xE2\x82", 2, "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    check_json("\xED\xA0\x80\"", 4, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\\\"\"");
}

// Each byte that needs an escape, at each place of an eight-byte word, is found; none else is
// touched.
SL_TEST(str_json_finds_escapes_at_every_place, "")
{
    for (int c = 0; c < 0x80; c++) {
        for (size_t at = 0; at < 20; at++) {
            char text[20];
            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            sli_str s = SLI_STR_INIT;
            sli_str_json(&s, text, sizeof(text));
            bool escaped = c < 0x20 || c == '"' || c == '\\';
            assert_true(escaped ? s.size > 22 : s.size == 22);
            assert_int_equal(s.data[at + 1], escaped ? '\\' : c);
            assert_int_equal(s.data[s.size - 2], at == 19 ? s.data[s.size - 2] : 'x');
            sli_str_reset(&s);
        }
    }
}

SL_TEST(str_text_helpers, "")
{
    assert_true(sli_text_is((sl_text){"abcd", 3}, "abc"));
    assert_false(sli_text_is((sl_text){"abc", 3}, "abcd"));
    assert_false(sli_text_is((sl_text){"abc", 3}, "abd"));
    assert_int_equal(sli_text_of("abc").size, 3);
}
