#include "base/str.h"

#include <locale.h>
#include <math.h>

#include "base/hash.h"
#include "sl_test.h"

static void check_format(double value, const char *expected)
{
    char text[32];
    size_t size = sli_format_float64(value, text);
    SL_CHECK_TEXT(text, expected);
    assert_int_equal(size, strlen(expected));
}

SL_TEST(float64_is_written_as_java_writes_it, "")
{
    check_format(0.0, "0.0");
    check_format(-0.0, "-0.0");
    check_format(1.0, "1.0");
    check_format(-1.5, "-1.5");
    check_format(100.0, "100.0");
    check_format(123.456, "123.456");
    check_format(0.1, "0.1");
    check_format(0.1 + 0.2, "0.30000000000000004");
    check_format(0.001, "0.001");
    check_format(0.00123, "0.00123");
    check_format(0.00099, "9.9E-4");
    check_format(9999999.0, "9999999.0");
    check_format(1234567.25, "1234567.25");
    check_format(1e7, "1.0E7");
    check_format(12345678.0, "1.2345678E7");
    check_format(1e23, "1.0E23");
    check_format(1e100, "1.0E100");
    check_format(1.5e-10, "1.5E-10");
    check_format(5e-324, "5.0E-324");
    check_format(-1.7976931348623157e308, "-1.7976931348623157E308");
    check_format(-2.2250738585072014e-308, "-2.2250738585072014E-308");
    check_format(NAN, "NaN");
    check_format(-NAN, "NaN");
    check_format(INFINITY, "Infinity");
    check_format(-INFINITY, "-Infinity");
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/// Text of `value` within 32 bytes, read back to the same bits.
static bool comes_back(double value)
{
    char text[40];
    memset(text, '#', sizeof(text));
    size_t size = sli_format_float64(value, text);
    double back = 0;
    return size < 32 && text[32] == '#' &&
           sli_scan_float64((sl_text){text, size}, &back, NULL) == SL_OK &&
           (bits_of(back) == bits_of(value) || (isnan(back) && isnan(value)));
}

SL_TEST(float64_any_bits_come_back, "")
{
    sli_rng rng = {3};
    int64_t lost = 0;
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = sli_rng_next(&rng);
        double any, near_one = (double)(int64_t)bits / 1e12;
        memcpy(&any, &bits, sizeof(any));
        lost += !comes_back(any) + !comes_back(near_one);
        lost += !comes_back((double)(bits >> 40) / 1000.0); // prices and the like
    }
    for (int e = -1074; e < 1024; e++) {
        lost += !comes_back(ldexp(1.0, e)) + !comes_back(nextafter(ldexp(1.0, e), INFINITY)) +
                !comes_back(-nextafter(ldexp(1.0, e), 0));
    }
    assert_int_equal(lost, 0);
}

static double scanned(const char *text)
{
    double out = -77;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_scan_float64(sli_text_of(text), &out, &err), SL_OK);
    return out;
}

SL_TEST(float64_reads_all_usual_forms, "")
{
    assert_true(scanned("1") == 1.0);
    assert_true(scanned("+1.5") == 1.5);
    assert_true(scanned("-.5") == -0.5);
    assert_true(scanned("5.") == 5.0);
    assert_true(scanned("1e3") == 1000.0);
    assert_true(scanned("1E+3") == 1000.0);
    assert_true(scanned("25e-2") == 0.25);
    assert_true(scanned("123456789012345678901234567890") == 123456789012345678901234567890.0);
    assert_true(scanned("9007199254740993") == 9007199254740992.0); // a tie goes to even
    assert_true(isnan(scanned("NaN")));
    assert_true(scanned("-Infinity") == -INFINITY);
    assert_true(scanned("inf") == INFINITY);
    assert_true(bits_of(scanned("-0")) == bits_of(-0.0));
}

SL_TEST(float64_reads_the_tiny_as_zero, "")
{
    assert_true(bits_of(scanned("1e-400")) == 0);
    assert_true(bits_of(scanned("-1e-400")) == bits_of(-0.0));
    assert_true(scanned("0e999999999999999999999") == 0.0);
    assert_true(scanned("1e-999999999999999999999") == 0.0);
    assert_true(scanned("0.0000000000000000000000000000001e-300") == 0.0);
    assert_true(scanned("4.9e-324") == 4.9e-324);
}

SL_TEST(float64_refuses_rubbish, "")
{
    static const char *const texts[] = {"",
                                        "+",
                                        "-",
                                        ".",
                                        "e",
                                        "e5",
                                        "1e",
                                        "1e+",
                                        "1e-",
                                        " 1",
                                        "1 ",
                                        "1,5",
                                        "0x10",
                                        "1.2.3",
                                        "--1",
                                        "+-1",
                                        "1e5.",
                                        "1e400",
                                        "-1e400",
                                        "infin",
                                        "nan(1)",
                                        "1_000",
                                        "1f",
                                        "1e1e1",
                                        "1e99999999999999999999",
                                        "100000e99999999999"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        double out = 42;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sli_scan_float64(sli_text_of(texts[i]), &out, &err), SL_E_INVALID);
        assert_true(err.text[0] != '\0');
        assert_true(out == 42);
    }
    double out = 0;
    assert_int_equal(sli_scan_float64((sl_text){"1\0", 2}, &out, NULL), SL_E_INVALID);
    assert_int_equal(sli_scan_float64((sl_text){NULL, 0}, &out, NULL), SL_E_INVALID);
}

// A host program may have set a locale that writes 1,5. Where none is installed this checks the C
// locale only.
SL_TEST(float64_does_not_follow_the_locale, "")
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"};
    for (size_t i = 0; i < 3; i++) {
        setlocale(LC_ALL, names[i]);
        check_format(1.5, "1.5");
        assert_true(scanned("2.5") == 2.5);
    }
    setlocale(LC_ALL, "C");
}
