#include "base/str.h"

#include "sl_test.h"

/// A refused text leaves the output alone and gives a reason.
#define CHECK_REFUSED(scan, type, input)                                                           \
    do {                                                                                           \
        type out_ = (type)1, same_ = (type)1;                                                      \
        sl_error err_ = SL_ERROR_INIT;                                                             \
        assert_int_equal(scan(sli_text_of(input), &out_, &err_), SL_E_INVALID);                    \
        assert_true(err_.text[0] != '\0');                                                         \
        assert_true(out_ == same_);                                                                \
        assert_int_equal(scan(sli_text_of(input), &out_, NULL), SL_E_INVALID);                     \
    } while (0)

static int64_t int_of(const char *text)
{
    int64_t out = -77;
    assert_int_equal(sli_scan_int64(sli_text_of(text), &out, NULL), SL_OK);
    return out;
}

SL_TEST(scan_int64_reads_the_whole_range, "")
{
    assert_int_equal(int_of("0"), 0);
    assert_int_equal(int_of("-0"), 0);
    assert_int_equal(int_of("+7"), 7);
    assert_int_equal(int_of("007"), 7);
    assert_true(int_of("9223372036854775807") == INT64_MAX);
    assert_true(int_of("-9223372036854775808") == INT64_MIN);
}

SL_TEST(scan_int64_refuses_rubbish_and_overflow, "")
{
    static const char *const texts[] = {"",
                                        "-",
                                        "+",
                                        " 1",
                                        "1 ",
                                        "1.0",
                                        "1e3",
                                        "0x1",
                                        "12a",
                                        "--1",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "99999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_REFUSED(sli_scan_int64, int64_t, texts[i]);
    }
    sl_error err = SL_ERROR_INIT;
    int64_t out = 0;
    sli_scan_int64(sli_text_of("9223372036854775808"), &out, &err);
    SL_CHECK_TEXT(err.text, "a whole number beyond 64 bits");
    assert_int_equal(sli_scan_int64((sl_text){"1\0", 2}, &out, &err), SL_E_INVALID);
    assert_int_equal(sli_scan_int64((sl_text){NULL, 0}, &out, &err), SL_E_INVALID);
    assert_int_equal(sli_scan_int64((sl_text){"123", 2}, &out, &err), SL_OK); // not ended by a zero
    assert_int_equal(out, 12);
}

SL_TEST(scan_bool_knows_eight_words, "")
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "YES", "off", "On"};
    for (size_t i = 0; i < 8; i++) {
        bool out = i % 2 == 0;
        assert_int_equal(sli_scan_bool(sli_text_of(words[i]), &out, NULL), SL_OK);
        assert_int_equal(out, i % 2);
    }
    static const char *const texts[] = {"", "t", "truee", "tru", "2", " true", "01"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_REFUSED(sli_scan_bool, bool, texts[i]);
    }
    bool out = true;
    assert_int_equal(sli_scan_bool((sl_text){NULL, 0}, &out, NULL), SL_E_INVALID);
}

static int64_t us_of(const char *text)
{
    int64_t out = -77;
    assert_int_equal(sli_scan_duration_us(sli_text_of(text), &out, NULL), SL_OK);
    return out;
}

SL_TEST(durations_are_written_as_they_are_read, "")
{
    static const int64_t times[] = {
        0, 1, 999, 1000, 1500000, 90000000, INT64_MAX, 172800000000, 7200000000, INT64_C(1) << 60};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t back = -1;
        sli_duration text = sli_duration_of(times[i]);
        assert_int_equal(sli_scan_duration_us(sli_text_of(text.text), &back, NULL), SL_OK);
        assert_true(back == times[i]);
    }
    assert_string_equal(sli_duration_of(0).text, "0s");
    assert_string_equal(sli_duration_of(90000000).text, "90s");
    assert_string_equal(sli_duration_of(172800000000).text, "2d");
    assert_string_equal(sli_duration_of(1500).text, "1500us");
}

SL_TEST(scan_duration_knows_its_units, "")
{
    assert_int_equal(us_of("20us"), 20);
    assert_int_equal(us_of("500ms"), 500000);
    assert_int_equal(us_of("10s"), 10000000);
    assert_int_equal(us_of("5m"), 300000000);
    assert_int_equal(us_of("5min"), 300000000);
    assert_int_equal(us_of("1h"), INT64_C(3600000000));
    assert_int_equal(us_of("2d"), INT64_C(172800000000));
    assert_int_equal(us_of("0s"), 0);
    assert_true(us_of("9223372036854775807us") == INT64_MAX);
    static const char *const texts[] = {"",
                                        "5",
                                        "ms",
                                        "-5s",
                                        "1.5s",
                                        "5 s",
                                        "5sec",
                                        "5x",
                                        "5msx",
                                        " 5s",
                                        "+5s",
                                        "9223372036854775808us",
                                        "9223372036854775807ms",
                                        "106751992d"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_REFUSED(sli_scan_duration_us, int64_t, texts[i]);
    }
    sl_error err = SL_ERROR_INIT;
    int64_t out = 0;
    sli_scan_duration_us(sli_text_of("5"), &out, &err);
    assert_non_null(strstr(err.text, "us, ms, s, m, h or d"));
}

static int64_t size_of(const char *text)
{
    int64_t out = -77;
    assert_int_equal(sli_scan_size(sli_text_of(text), &out, NULL), SL_OK);
    return out;
}

SL_TEST(scan_size_knows_its_units, "")
{
    assert_int_equal(size_of("512"), 512);
    assert_int_equal(size_of("512b"), 512);
    assert_int_equal(size_of("10k"), 10240);
    assert_int_equal(size_of("64MiB"), 64 << 20);
    assert_int_equal(size_of("64mb"), 64 << 20);
    assert_int_equal(size_of("1g"), 1 << 30);
    assert_int_equal(size_of("2TiB"), INT64_C(2) << 40);
    assert_int_equal(size_of("0"), 0);
    static const char *const texts[] = {"",
                                        "k",
                                        "-1",
                                        "1.5g",
                                        "1 k",
                                        "1kk",
                                        "1KiBx",
                                        "1e3",
                                        "8388608t",
                                        "9223372036854775808",
                                        "99999999999999999999k"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK_REFUSED(sli_scan_size, int64_t, texts[i]);
    }
    assert_true(size_of("8388607t") == INT64_C(8388607) << 40);
}

SL_TEST(scan_names_are_what_may_be_files, "")
{
    assert_true(sli_is_file_name("a.B-9_", 6));
    assert_false(sli_is_file_name("a.B-9_x", 6));
    assert_false(sli_is_file_name("", 6));
    assert_false(sli_is_file_name(".a", 6));
    assert_false(sli_is_file_name("a/b", 6));
}

SL_TEST(scan_nearest_finds_the_slip_of_a_finger, "")
{
    static const char *const list[] = {"interval", "checkpoint", "commit_interval", "name", NULL};
    SL_CHECK_TEXT(sli_nearest("intervall", list), "interval");
    SL_CHECK_TEXT(sli_nearest("interavl", list), "interval"); // a swap is one slip
    SL_CHECK_TEXT(sli_nearest("chekpoint", list), "checkpoint");
    SL_CHECK_TEXT(sli_nearest("commit-interval", list), "commit_interval");
    SL_CHECK_TEXT(sli_nearest("name", list), "name");
    SL_CHECK_TEXT(sli_nearest("mane", list), "name");
    assert_null(sli_nearest("zzzzzzzz", list));
    assert_null(sli_nearest("", list));
    assert_null(sli_nearest("x", list));
    static const char *const none[] = {NULL};
    assert_null(sli_nearest("name", none));
}

SL_TEST(scan_nearest_takes_the_first_of_equals_and_no_endless_words, "")
{
    static const char *const list[] = {"aaab", "aaac", NULL};
    SL_CHECK_TEXT(sli_nearest("aaad", list), "aaab");
    char word[200];
    memset(word, 'a', sizeof(word));
    word[199] = '\0';
    const char *const long_list[] = {word, "aaab", NULL};
    assert_null(sli_nearest(word, long_list));
    word[65] = '\0';
    assert_null(sli_nearest(word, long_list));
    word[64] = '\0';
    assert_ptr_equal(sli_nearest(word, long_list), word);
}
