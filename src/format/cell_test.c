// One cell from and to text.
#include "format/fixture_test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

static bool read_as(sl_type type, const char *text, sli_datum *out)
{
    sl_field field = {.name = "x", .type = type, .precision = 5, .scale = 2};
    char *copy = sl_strdup(SLI_TAG_TEST, text); // of exactly its size
    bool ok = sli_datum_read(&field, SLI_TIME_ISO, copy, strlen(copy), out);
    sl_free(copy);
    return ok;
}

SL_TEST(integers_keep_to_their_range, "")
{
    static const struct {
        sl_type type;
        const char *low, *high, *below, *above;
    } cases[] = {
        {SL_INT8, "-128", "127", "-129", "128"},
        {SL_INT16, "-32768", "32767", "-32769", "32768"},
        {SL_INT32, "-2147483648", "2147483647", "-2147483649", "2147483648"},
        {SL_INT64, "-9223372036854775808", "9223372036854775807", "-9223372036854775809",
         "9223372036854775808"},
        {SL_UINT8, "0", "255", "-1", "256"},
        {SL_UINT16, "0", "65535", "-1", "65536"},
        {SL_UINT32, "0", "4294967295", "-1", "4294967296"},
        {SL_UINT64, "0", "18446744073709551615", "-1", "18446744073709551616"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sli_datum cell;
        assert_true(read_as(cases[i].type, cases[i].low, &cell));
        assert_true(read_as(cases[i].type, cases[i].high, &cell));
        assert_false(read_as(cases[i].type, cases[i].below, &cell));
        assert_false(read_as(cases[i].type, cases[i].above, &cell));
        for (const char *const *bad = (const char *const[]){"", "-", "+1", "1 ", " 1", "1.0", "1e3",
                                                            "0x1", "99999999999999999999999", NULL};
             *bad != NULL; bad++) {
            assert_false(read_as(cases[i].type, *bad, &cell));
        }
    }
    sli_datum cell;
    assert_true(read_as(SL_INT64, "-9223372036854775808", &cell));
    assert_int_equal(cell.i, INT64_MIN);
    assert_true(read_as(SL_INT64, "0000000000000000000000007", &cell));
    assert_int_equal(cell.i, 7);
}

SL_TEST(floats_are_read_to_the_nearest, "")
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0", 0},
                 {"1.5", 1.5},
                 {"-2e3", -2000},
                 {".5", 0.5},
                 {"5.", 5},
                 {"1E+2", 100},
                 {"1e-400", 0},
                 {"0.0000001e-400", 0},
                 {"4.9e-324", 5e-324},
                 {"1.7976931348623157e308", DBL_MAX},
                 {"Infinity", INFINITY},
                 {"-Infinity", -INFINITY},
                 {"1e-999999999999999999999", 0},
                 {"0e999999999999", 0}};
    sli_datum cell;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(read_as(SL_FLOAT64, cases[i].text, &cell));
        assert_true(cell.d == cases[i].value);
    }
    assert_true(read_as(SL_FLOAT64, "NaN", &cell) && isnan(cell.d));
    assert_true(read_as(SL_FLOAT64, "-1e-400", &cell) && signbit(cell.d));
    for (const char *const *bad =
             (const char *const[]){"", ".", "-", "1e", "1e400", "1e+", "e5", "1,5", " 1", "1 ",
                                   "0x10", "1.2.3", "--1", "nano", NULL};
         *bad != NULL; bad++) {
        assert_false(read_as(SL_FLOAT64, *bad, &cell));
    }
    assert_true(read_as(SL_FLOAT32, "3.4028235e38", &cell));
    assert_false(read_as(SL_FLOAT32, "3.5e38", &cell));
}

SL_TEST(dates_and_times_are_read, "")
{
    static const struct {
        const char *text;
        int64_t us;
    } times[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01 00:00", 0},
        {"1970-01-01T00:00:01.5", 1500000},
        {"1970-01-01 00:00:00.000001", 1},
        {"1970-01-01 00:00:00.123456789", 123456},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T16:00:00-0800", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"2026-11-23T15:43:11+05:30", 1795428791000000},
    };
    int64_t us;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        assert_true(sli_read_timestamp(times[i].text, strlen(times[i].text), &us));
        assert_int_equal(us, times[i].us);
    }
    for (const char *const *bad = (const char *const[]){"",
                                                        "1970",
                                                        "1970-1-1",
                                                        "1970-13-01",
                                                        "1970-00-01",
                                                        "1970-02-29",
                                                        "1900-02-29",
                                                        "1970-04-31",
                                                        "1970-01-01T",
                                                        "1970-01-01T24:00:00",
                                                        "1970-01-01T00:60",
                                                        "1970-01-01T00:00:60",
                                                        "1970-01-01T00:00:00.",
                                                        "1970-01-01T00:00:00.1234567890",
                                                        "1970-01-01T00:00Zx",
                                                        "1970-01-01T00:00+",
                                                        "1970-01-01T00:00+19:00",
                                                        "1970-01-01T00:00+0",
                                                        "01970-01-01",
                                                        "+99999999-01-01",
                                                        "+1999999-01-01",
                                                        "1970-01-01x",
                                                        NULL};
         *bad != NULL; bad++) {
        if (sli_read_timestamp(*bad, strlen(*bad), &us)) {
            fail_msg("'%s' was taken for a time", *bad);
        }
    }
    int32_t days;
    assert_true(sli_read_date("2026-11-23", 10, &days));
    assert_int_equal(days, 20780);
    assert_false(sli_read_date("2026-11-23T00:00", 16, &days));
}

SL_TEST(printed_times_are_read_back, "")
{
    static const int64_t edges[] = {0,           -1,           1,    999999, INT64_MAX, INT64_MIN,
                                    86400000000, -86400000000, 1000, -1000};
    sli_rng rng = {11};
    for (int i = 0; i < 20000; i++) {
        int64_t us = i < 10 ? edges[i] : (int64_t)sli_rng_next(&rng) >> sli_rng_below(&rng, 40),
                back;
        int32_t days = (int32_t)us, day_back;
        sli_str text = SLI_STR_INIT;
        sli_format_print_timestamp(&text, us);
        assert_true(sli_read_timestamp(text.data, text.size, &back));
        assert_int_equal(back, us);
        sli_str_clear(&text);
        sli_format_print_date(&text, i == 10 ? INT32_MIN : i == 11 ? INT32_MAX : days);
        assert_true(sli_read_date(text.data, text.size, &day_back));
        assert_int_equal(day_back, i == 10 ? INT32_MIN : i == 11 ? INT32_MAX : days);
        sli_str_reset(&text);
    }
}

SL_TEST(calendar_agrees_with_counting, "")
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 1600, month = 1, day = 1;
    int32_t days = -135140;
    for (; year < 2401; days++) {
        char text[48];
        int32_t got;
        snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
        assert_true(sli_read_date(text, strlen(text), &got));
        assert_int_equal(got, days);
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > lengths[month - 1] + (month == 2 && leap)) {
            day = 1;
            month = month == 12 ? 1 : month + 1;
            year += month == 1;
        }
    }
}

SL_TEST(decimals_fit_or_are_refused, "")
{
    static const struct {
        const char *text;
        int64_t value; ///< hundredths
    } good[] = {{"0", 0},          {"1", 100},          {"-1.5", -150},
                {"999.99", 99999}, {"-999.99", -99999}, {"0001.10", 110},
                {"1.100", 110},    {".5", 50},          {"-0", 0}};
    sli_datum cell;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(read_as(SL_DECIMAL, good[i].text, &cell));
        assert_int_equal((int64_t)cell.decimal.low, good[i].value);
        assert_int_equal(cell.decimal.high, good[i].value < 0 ? -1 : 0);
    }
    for (const char *const *bad =
             (const char *const[]){"", "-", ".", "1000", "1.001", "1.1.1", "1e2", "x",
                                   "99999999999999999999999999999999999999999", NULL};
         *bad != NULL; bad++) {
        assert_false(read_as(SL_DECIMAL, *bad, &cell));
    }
    assert_true(sli_read_decimal("99999999999999999999999999999999999999", 38, 38, 0, &cell));
    assert_int_equal(cell.decimal.high, 0x4B3B4CA85A86C47A);
    assert_int_equal(cell.decimal.low, 0x098A223FFFFFFFFF);
}

SL_TEST(whole_number_times_have_a_unit, "")
{
    sl_field field = {.name = "x", .type = SL_TIMESTAMP};
    sli_datum cell;
    assert_true(sli_datum_read(&field, SLI_TIME_S, "2", 1, &cell));
    assert_int_equal(cell.i, 2000000);
    assert_true(sli_datum_read(&field, SLI_TIME_MS, "-2", 2, &cell));
    assert_int_equal(cell.i, -2000);
    assert_true(sli_datum_read(&field, SLI_TIME_US, "9223372036854775807", 19, &cell));
    assert_false(sli_datum_read(&field, SLI_TIME_MS, "9223372036854775807", 19, &cell));
    assert_false(sli_datum_read(&field, SLI_TIME_MS, "1970-01-01", 10, &cell));
    assert_false(sli_datum_read(&field, SLI_TIME_ISO, "0", 1, &cell));
}
