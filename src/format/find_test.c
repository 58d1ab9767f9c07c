// The scan, the last line end, views and repair.
#include "format/fixture_test.h"

SL_TEST(wide_scan_finds_what_the_plain_one_finds, "")
{
    enum { SIZE = 700 };
    char data[SIZE + SLI_BUFFER_PAD] = {0};
    sli_rng rng = {7};
    for (int round = 0; round < 2000; round++) {
        uint64_t density = 1 + sli_rng_below(&rng, 60);
        for (int i = 0; i < SIZE; i++) {
            data[i] = sli_rng_below(&rng, density) == 0 ? ",\"\n\r"[sli_rng_below(&rng, 4)]
                                                        : (char)sli_rng_next(&rng);
        }
        int64_t from = (int64_t)sli_rng_below(&rng, SIZE),
                to = from + (int64_t)sli_rng_below(&rng, (uint64_t)(SIZE - from) + 1);
        uint32_t plain[SIZE + 64], wide[SIZE + 64];
        int64_t next, n = sli_find_plain(data, from, to, ",\"\n\r", plain, SIZE, &next), m = 0,
                      at = from;
        assert_int_equal(next, to);
        while (at < to) { // a small list has to be asked for more than once
            int64_t before = at, got = sli_find_pick()(data, at, to, ",\"\n\r", wide + m, 64, &at);
            assert_true(got > 0 || at > before);
            m += got;
        }
        assert_int_equal(n, m);
        assert_memory_equal(plain, wide, (size_t)n * sizeof *plain);
    }
}

SL_TEST(last_end_is_behind_the_last_line_end, "")
{
    static const struct {
        const char *text;
        int64_t end;
    } cases[] = {{"", 0},     {"a", 0},     {"a\n", 2},  {"a\nb", 2},   {"a\r", 0},
                 {"a\rb", 2}, {"a\r\n", 3}, {"\n\n", 2}, {"a\nb\r", 2}, {"\r\r", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(sli_text_last_end(cases[i].text, (int64_t)strlen(cases[i].text)),
                         cases[i].end);
    }
}

SL_TEST(first_end_is_behind_the_first_line_end, "")
{
    static const struct {
        const char *text;
        int64_t end;
    } cases[] = {{"", 0},     {"a", 0},      {"a\nb\n", 2}, {"\nb", 1},     {"a\r", 0},
                 {"a\rb", 2}, {"a\r\nb", 3}, {"\n\n", 1},   {"b\r\n\r", 3}, {"\r\r", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(sli_text_first_end(cases[i].text, (int64_t)strlen(cases[i].text)),
                         cases[i].end);
    }
}

SL_TEST(near_view_equals_the_plain_one, "")
{
    char data[128] = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (int64_t offset = 0; offset < 20; offset++) {
        for (int64_t size = 0; size < 20; size++) {
            sl_view a = sli_view_of(data, 0, offset, size),
                    b = sli_view_near(data + offset, 0, offset, size);
            assert_memory_equal(&a, &b, sizeof a);
        }
    }
}

SL_TEST(repair_replaces_each_longest_bad_start, "")
{
    static const struct {
        const char *from, *to;
        int n;
    } cases[] = {
        {"plain", "plain", 0},
        {"\xC3\xBC", "\xC3\xBC", 0},
        {"a\xFFz", "a\xEF\xBF\xBDz", 1},
        {"\xE2\x82", "\xEF\xBF\xBD", 1},                             // cut
        {"\xE2\x82z", "\xEF\xBF\xBDz", 1},                           // two bytes of three
        {"\xF0\x9F\x98z", "\xEF\xBF\xBDz", 1},                       // three of four
        {"\xF0\x9Fz", "\xEF\xBF\xBDz", 1},                           // two of four
        {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD", 2},                 // overlong
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3}, // surrogate
        {"\xF4\x90\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3}, // beyond U+10FFFF
        {"\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD", 2},
        {"\xE2\xE2\x82\xAC", "\xEF\xBF\xBD\xE2\x82\xAC", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sli_str out = SLI_STR_INIT;
        sli_str_text(&out, "");
        assert_int_equal(sli_utf8_repair(cases[i].from, strlen(cases[i].from), &out), cases[i].n);
        SL_CHECK_TEXT(out.data, cases[i].to);
        sli_str_reset(&out);
    }
}

SL_TEST(repaired_text_is_utf8_whatever_it_was, "")
{
    sli_rng rng = {3};
    for (int round = 0; round < 5000; round++) {
        static const unsigned char likely[] = {0xC3, 0xE2, 0x82, 0xAC, 0xF0, 0x9F,
                                               0x98, 0x80, 0xED, 0xA0, 0xFF, 'a'};
        char data[24];
        size_t size = sli_rng_below(&rng, sizeof data);
        for (size_t i = 0; i < size; i++) {
            data[i] = (char)likely[sli_rng_below(&rng, sizeof likely)];
        }
        sli_str out = SLI_STR_INIT;
        sli_str_text(&out, "");
        int64_t n = sli_utf8_repair(data, size, &out);
        assert_int_equal(sli_utf8_check(out.data, out.size), out.size);
        assert_int_equal(n == 0, sli_utf8_check(data, size) == size);
        sli_str_reset(&out);
    }
}
