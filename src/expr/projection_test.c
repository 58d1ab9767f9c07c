// projection_test.c — every operator and function over a small batch; schemas, canonical texts,
// errors with their texts.
#include "expr/fixture_test.h"

#include <stdio.h>

typedef struct example {
    const char *text, *expected;
} example;

// Cells of four rows; see slt_expr_batch.
static const example examples[] = {
    // columns and literals
    {"n", "7|null|-8|9223372036854775807"},
    {"1", "1|1|1|1"},
    {"-9223372036854775808",
     "-9223372036854775808|-9223372036854775808|-9223372036854775808|-9223372036854775808"},
    {".5 + 1.", "1.5|1.5|1.5|1.5"},
    {"'it''s'", "it's|it's|it's|it's"},
    {"true", "true|true|true|true"},
    {"cast(null as int32)", "null|null|null|null"},
    {"date '2024-02-29'", "2024-02-29|2024-02-29|2024-02-29|2024-02-29"},
    {"timestamp '2024-02-29T01:02:03+01:00'",
     "2024-02-29 00:02:03|2024-02-29 00:02:03|2024-02-29 00:02:03|2024-02-29 00:02:03"},
    // arithmetic
    {"m + i", "-1|0|8|2147483646"},
    {"m - 5", "-3|-5|-2|-6"},
    {"m * i", "-6|0|15|-2147483647"},
    {"m * 1.5", "3.0|0.0|4.5|-1.5"},
    {"i / 2", "-1|0|2|1073741823"},
    {"i % 2", "-1|0|1|1"},
    {"mod(i, 4)", "-3|0|1|3"},
    {"5.5 % m", "1.5|NaN|2.5|0.5"},
    {"1.0 / m", "0.5|Infinity|0.3333333333333333|-1.0"},
    {"-m", "-2|0|-3|1"},
    {"- -m + +1", "3|1|4|0"},
    {"1 - -5", "6|6|6|6"},
    {"2 + 3 * 4 - 1", "13|13|13|13"},
    {"(2 + 3) * 4", "20|20|20|20"},
    {"10 - 2 - 3", "5|5|5|5"},
    {"n + m", "9|null|-5|9223372036854775806"},
    {"f + 1", "2.5|null|1.0|NaN"},
    {"d + 1", "2024-03-01|1970-01-01|2000-01-02|0001-01-02"},
    {"d - 1", "2024-02-28|1969-12-30|1999-12-31|0000-12-31"},
    {"date '2024-03-01' - d", "1|19784|8826|738945"},
    {"t + 1000000", "2024-02-29 12:34:57.789|null|1970-01-01 00:00:00.5|2024-12-31 00:00:01"},
    {"t - timestamp '1970-01-01'", "1709210096789000|null|-500000|1735603200000000"},
    {"abs(i)", "3|0|5|2147483647"},
    {"abs(f)", "1.5|null|0.0|NaN"},
    {"floor(f)", "1.0|null|-0.0|NaN"},
    {"ceil(f)", "2.0|null|-0.0|NaN"},
    {"round(f)", "2.0|null|-0.0|NaN"},
    {"round(-2.5)", "-3.0|-3.0|-3.0|-3.0"},
    {"floor(m)", "2|0|3|-1"},
    {"sqrt(4 * m * m)", "4.0|0.0|6.0|2.0"},
    {"sqrt(-1.0)", "NaN|NaN|NaN|NaN"},
    // comparison
    {"n = 7", "true|null|false|false"},
    {"n == m", "false|null|false|false"},
    {"n <> 7", "false|null|true|true"},
    {"n != 7", "false|null|true|true"},
    {"m < 2", "false|true|false|true"},
    {"m <= 2", "true|true|false|true"},
    {"m > 2", "false|false|true|false"},
    {"m >= 2", "true|false|true|false"},
    {"m > 1.5", "true|false|true|false"},
    {"f = f", "true|null|true|true"},
    {"f > 1e300", "false|null|false|true"},
    {"f = 0.0", "false|null|true|false"},
    {"s = 'hello'", "true|null|false|false"},
    {"s < 'a'", "false|null|true|true"},
    {"w <= 'or'", "false|true|true|true"},
    {"b > false", "true|null|false|true"},
    {"y = 'xyz'", "true|false|false|false"},
    {"d < t", "true|null|false|true"},
    {"d >= date '2000-01-01'", "true|false|true|false"},
    {"n is null", "false|true|false|false"},
    {"n is not null", "true|false|true|true"},
    {"l is null", "false|false|false|false"},
    {"null is null", "true|true|true|true"},
    {"m in (2, 3)", "true|false|true|false"},
    {"m not in (2, 3)", "false|true|false|true"},
    {"m in (2, null)", "true|null|null|null"},
    {"n in (7)", "true|null|false|false"},
    {"m between 0 and 2", "true|true|false|false"},
    {"m not between 0 and 2", "false|false|true|true"},
    {"m between 3 and null", "false|false|null|false"},
    {"n = m is null", "false|true|false|false"},
    // logic
    {"b and m > 0", "true|false|false|false"},
    {"b or m > 0", "true|null|true|true"},
    {"not b", "false|null|true|false"},
    {"not not b", "true|null|false|true"},
    {"b and null", "null|null|false|null"},
    {"b or null", "true|null|null|true"},
    {"m > 0 and m > 1 and m > 2", "false|false|true|false"},
    {"m = 0 or m = 2 and b", "true|true|false|false"},
    {"m <> 0 and 6 / m > 2", "true|false|false|false"},
    {"m = 0 or 6 / m > 2", "true|true|false|false"},
    // choice
    {"case when m > 2 then 'big' when m > 0 then 'small' else 'none' end", "small|none|big|none"},
    {"case when m > 2 then m end", "null|null|3|null"},
    {"case when m <> 0 then 6 / m else 0 end", "3|0|2|-6"},
    {"case when b then 1 else 2.5 end", "1.0|2.5|2.5|1.0"},
    {"case when b then null when m = 0 then d end", "null|1969-12-31|null|null"},
    {"coalesce(n, m)", "7|0|-8|9223372036854775807"},
    {"coalesce(n, null, -1)", "7|-1|-8|9223372036854775807"},
    {"coalesce(s, 'none')", "hello|none| W\xc3\xb6rld of long text |"},
    {"coalesce(b, m = 0)", "true|true|false|true"},
    {"coalesce(f, 1)", "1.5|1.0|-0.0|NaN"},
    {"coalesce(m, 1 / 0)", "2|0|3|-1"},
    {"not_null(m)", "2|0|3|-1"},
    {"not_null(coalesce(s, 'none'))", "hello|none| W\xc3\xb6rld of long text |"},
    {"case when n is null then 0 else not_null(n) end", "7|0|-8|9223372036854775807"},
    {"least(n, m)", "2|0|-8|-1"},
    {"greatest(n, m, 5)", "7|5|5|9223372036854775807"},
    {"greatest(f, 1.0)", "1.5|1.0|1.0|NaN"},
    {"least(f, 1.0)", "1.0|1.0|-0.0|1.0"},
    {"least(s, 'm')", "hello|m| W\xc3\xb6rld of long text |"},
    {"greatest(b, false)", "true|false|false|true"},
    {"least(cast(null as int64), null)", "null|null|null|null"},
    // text
    {"length(s)", "5|null|20|0"},
    {"octets(s)", "5|null|21|0"},
    {"length(y)", "3|0|1|15"},
    {"upper(s)", "HELLO|null| W\xc3\x96RLD OF LONG TEXT |"},
    // letters that become several: a capital i with a dot; then 'n, iota with two marks, fi
    {"lower('\xc3\x84\xce\xa3\xd0\x96\xc4\xb0Z')", "\xc3\xa4\xcf\x83\xd0\xb6i\xcc\x87z|"
                                                   "\xc3\xa4\xcf\x83\xd0\xb6i\xcc\x87z|"
                                                   "\xc3\xa4\xcf\x83\xd0\xb6i\xcc\x87z|"
                                                   "\xc3\xa4\xcf\x83\xd0\xb6i\xcc\x87z"},
    {"upper('\xc3\xbf\xc3\x9f\xd1\x8f')", "\xc5\xb8SS\xd0\xaf|"
                                          "\xc5\xb8SS\xd0\xaf|"
                                          "\xc5\xb8SS\xd0\xaf|"
                                          "\xc5\xb8SS\xd0\xaf"},
    {"upper('\xc7\x86\xc5\x89\xce\x90\xef\xac\x81\xf0\x90\x90\xa8')",
     "\xc7\x84\xca\xbcN\xce\x99\xcc\x88\xcc\x81"
     "FI\xf0\x90\x90\x80|"
     "\xc7\x84\xca\xbcN\xce\x99\xcc\x88\xcc\x81"
     "FI\xf0\x90\x90\x80|"
     "\xc7\x84\xca\xbcN\xce\x99\xcc\x88\xcc\x81"
     "FI\xf0\x90\x90\x80|"
     "\xc7\x84\xca\xbcN\xce\x99\xcc\x88\xcc\x81"
     "FI\xf0\x90\x90\x80"},
    {"octets(upper('a\xce\x90z'))", "8|8|8|8"}, // from four
    {"substr(s, 2)", "ello|null|W\xc3\xb6rld of long text |"},
    {"substr(s, 2, 3)", "ell|null|W\xc3\xb6r|"},
    {"substr(s, -3)", "llo|null|xt |"},
    {"substr('hello', -10, 6)", "h|h|h|h"},
    {"substr('hello', 0, 2)", "he|he|he|he"},
    {"substr('hello', 9)", "|||"},
    {"substr('hello', 2, -1)", "|||"},
    {"substr('hello', 2, 9223372036854775807)", "ello|ello|ello|ello"},
    {"substr('hello', -9223372036854775808)", "hello|hello|hello|hello"},
    {"trim(s)", "hello|null|W\xc3\xb6rld of long text|"},
    {"'<' || s || '>'", "<hello>|null|< W\xc3\xb6rld of long text >|<>"},
    {"concat('a', w, 'b')", "atob|abeb|aorb|anot to be at allb"},
    {"replace(w, 'o', '00')", "t00|be|00r|n00t t00 be at all"},
    {"replace(w, '', 'x')", "to|be|or|not to be at all"},
    {"replace('aXbXc', 'X', '')", "abc|abc|abc|abc"},
    {"split_part(w, ' ', 2)", "|||to"},
    {"split_part(w, ' ', -1)", "to|be|or|all"},
    {"split_part(w, ' ', -9)", "|||"},
    {"split_part(w, '', 1)", "to|be|or|not to be at all"},
    {"position('o', w)", "2|0|1|2"},
    {"position('r', s)", "0|null|4|0"},
    {"position('', w)", "1|1|1|1"},
    {"contains(w, 'o')", "true|false|true|true"},
    {"starts_with(w, 'to')", "true|false|false|false"},
    {"ends_with(w, '')", "true|true|true|true"},
    {"ends_with(w, 'e')", "false|true|false|false"},
    {"w like '%o%'", "true|false|true|true"},
    {"w like '_o'", "true|false|false|false"},
    {"w not like 'n%t__be%l'", "true|true|true|false"},
    {"'50%' like '50\\%'", "true|true|true|true"},
    {"'505' like '50\\%'", "false|false|false|false"},
    {"s like '%W_rld%'", "false|null|true|false"},
    {"'' like '%'", "true|true|true|true"},
    // casts
    {"cast(m as string)", "2|0|3|-1"},
    {"cast(f as string)", "1.5|null|-0.0|NaN"},
    {"cast(b as string)", "true|null|false|true"},
    {"cast(d as string)", "2024-02-29|1969-12-31|2000-01-01|0001-01-01"},
    {"cast(t as string)", "2024-02-29 12:34:56.789|null|1969-12-31 23:59:59.5|2024-12-31 00:00:00"},
    {"cast('-12' as int32)", "-12|-12|-12|-12"},
    {"cast('1.5e3' as float64)", "1500.0|1500.0|1500.0|1500.0"},
    {"cast('true' as bool)", "true|true|true|true"},
    {"cast(-1.9 as int64)", "-1|-1|-1|-1"},
    {"cast(m as bool)", "true|false|true|true"},
    {"cast(b as int64)", "1|null|0|1"},
    {"cast(t as date)", "2024-02-29|null|1969-12-31|2024-12-31"},
    {"cast(d as timestamp)",
     "2024-02-29 00:00:00|1969-12-31 00:00:00|2000-01-01 00:00:00|0001-01-01 00:00:00"},
    {"cast(cast(d as int64) as date) = d", "true|true|true|true"},
    {"cast('2024-02-29' as date)", "2024-02-29|2024-02-29|2024-02-29|2024-02-29"},
    {"cast(cast('ab' as binary) as string)", "ab|ab|ab|ab"},
    // time
    {"year(t)", "2024|null|1969|2024"},
    {"month(d)", "2|12|1|1"},
    {"day(t)", "29|null|31|31"},
    {"hour(t)", "12|null|23|0"},
    {"minute(t)", "34|null|59|0"},
    {"second(t)", "56|null|59|0"},
    {"date_trunc('hour', t)", "2024-02-29 12:00:00|null|1969-12-31 23:00:00|2024-12-31 00:00:00"},
    {"date_trunc('week', t)", "2024-02-26 00:00:00|null|1969-12-29 00:00:00|2024-12-30 00:00:00"},
    {"date_trunc('quarter', d)",
     "2024-01-01 00:00:00|1969-10-01 00:00:00|2000-01-01 00:00:00|0001-01-01 00:00:00"},
    {"date_trunc('year', t)", "2024-01-01 00:00:00|null|1969-01-01 00:00:00|2024-01-01 00:00:00"},
    {"date_trunc('millisecond', t)",
     "2024-02-29 12:34:56.789|null|1969-12-31 23:59:59.5|2024-12-31 00:00:00"},
    // hash: equal cells hash equal, null is a value
    {"hash(n) = hash(n) and hash(n, m) <> hash(m, n) or n is null", "true|true|true|true"},
    {"hash(f) = hash(-f)", "false|true|true|true"},
};

// The one computed column of `text` over the batch, as text; fails the test when that fails.
static void check_example(const sl_batch *in, const example *e)
{
    sli_projection *projection;
    sl_batch *out;
    sl_error err = SL_ERROR_INIT;
    sli_str text = {.tag = SLI_TAG_TEST}, cells = {.tag = SLI_TAG_TEST};
    sli_str_printf(&text, "%s as x", e->text);
    if (sli_projection_new(&projection, text.data, sl_batch_schema(in), &err) != SL_OK ||
        sli_projection_eval(projection, in, &out, &err) != SL_OK) {
        fail_msg("%s: %s", e->text, err.text);
    }
    slt_column_text(out, 0, &cells);
    slt_check_text(cells.data, e->expected, e->text, __FILE__, __LINE__);
    const sl_column *column = sl_batch_column(out, 0);
    if (column->n_nulls > 0) {
        assert_true(sl_schema_field(sl_batch_schema(out), 0)->nullable);
    }
    sl_batch_unref(out);
    sli_projection_free(projection);
    sli_str_reset(&text);
    sli_str_reset(&cells);
}

SL_TEST(every_operator_and_function_over_a_small_batch, "")
{
    sl_batch *in = slt_expr_batch();
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        check_example(in, &examples[i]);
    }
    sl_batch_unref(in);
}

SL_TEST(canonical_text_parses_to_itself, "")
{
    sl_batch *in = slt_expr_batch();
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        sli_projection *first, *second;
        sli_str text = {.tag = SLI_TAG_TEST};
        sli_str_printf(&text, "%s as x", examples[i].text);
        assert_int_equal(sli_projection_new(&first, text.data, sl_batch_schema(in), NULL), SL_OK);
        sl_error err = SL_ERROR_INIT;
        if (sli_projection_new(&second, sli_projection_text(first), sl_batch_schema(in), &err) !=
            SL_OK) {
            fail_msg("%s: %s", text.data, err.text);
        }
        SL_CHECK_TEXT(sli_projection_text(second), sli_projection_text(first));
        assert_true(sl_schema_equal(sli_projection_schema(first), sli_projection_schema(second)));
        sli_projection_free(first);
        sli_projection_free(second);
        sli_str_reset(&text);
    }
    sl_batch_unref(in);
}

SL_TEST(projection_names_schema_and_text, "")
{
    sl_batch *in = slt_expr_batch(), *out;
    sli_projection *p;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_projection_new(
                         &p, " w, LENGTH( w )AS len, l, n as \"end\", n*2 twice, m+1>2 AND b as ok",
                         sl_batch_schema(in), &err),
                     SL_OK);
    SL_CHECK_TEXT(
        sli_projection_text(p),
        "w, length(w) as len, l, n as \"end\", (n * 2) as twice, (((m + 1) > 2) and b) as ok");
    SL_CHECK_TEXT(sl_schema_text(sli_projection_schema(p)),
                  "w string, len int64, l list<int64>, end int64?, twice int64?, ok bool?");
    sl_batch *three;
    assert_int_equal(sli_batch_slice(in, 0, 3, &three, &err), SL_OK);
    assert_int_equal(sli_projection_eval(p, three, &out, &err), SL_OK);
    SL_CHECK_TEXT(slt_batch_text(out),
                  "to,2,[1 2],7,14,true;be,2,[],null,null,false;or,2,[7],-8,-16,false");
    // What is passed on is the same memory.
    assert_ptr_equal(sl_batch_column(out, 0)->values, sl_batch_column(three, 0 + 10)->values);
    sl_batch_unref(out);
    sl_batch_unref(three);
    sli_projection_free(p);
    assert_int_equal(sli_projection_new(&p, "*, m as again", sl_batch_schema(in), &err), SL_OK);
    SL_CHECK_TEXT(sli_projection_text(p), "n, m, f, s, b, d, t, i, y, l, w, m as again");
    sli_projection_free(p);
    sl_batch_unref(in);
}

SL_TEST(projection_of_an_empty_batch_and_of_many_chunks, "")
{
    sl_batch *one = slt_batch_of("n int64, w string?", "1,a word that is not inlined;2,null"), *out;
    sl_batch *empty, *many;
    const sl_batch *copies[1500];
    sli_projection *p;
    sli_condition *condition;
    assert_int_equal(sli_batch_empty(sl_batch_schema(one), &empty, NULL), SL_OK);
    for (int i = 0; i < 1500; i++) {
        copies[i] = one;
    }
    assert_int_equal(sli_batch_concat(copies, 1500, &many, NULL), SL_OK);
    assert_int_equal(
        sli_projection_new(&p, "n + 1 as n, substr(w, 3) as w", sl_batch_schema(one), NULL), SL_OK);
    assert_int_equal(sli_projection_eval(p, empty, &out, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(out), 0);
    sl_batch_unref(out);
    assert_int_equal(sli_projection_eval(p, many, &out, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(out), 3000);
    for (int64_t i = 0; i < 3000; i++) {
        assert_int_equal(sl_column_int64(sl_batch_column(out, 0), i), i % 2 + 2);
        assert_int_equal(sl_column_is_null(sl_batch_column(out, 1), i), i % 2 == 1);
    }
    assert_true(
        sli_text_is(sl_column_text(sl_batch_column(out, 1), 2998), "word that is not inlined"));
    sl_batch_unref(out);
    assert_int_equal(sli_condition_new(&condition, "w is null", sl_batch_schema(one), NULL), SL_OK);
    assert_int_equal(sli_condition_filter(condition, many, &out, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(out), 1500);
    assert_int_equal(sl_batch_column(out, 1)->n_nulls, 1500);
    sl_batch_unref(out);
    assert_int_equal(sli_condition_filter(condition, empty, &out, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(out), 0);
    sl_batch_unref(out);
    sli_condition_free(condition);
    sli_projection_free(p);
    sl_batch_unref(one);
    sl_batch_unref(empty);
    sl_batch_unref(many);
}

// ---------------------------------------------------------------- errors

static const example mistakes[] = {
    {"", "expected a value, found the end"},
    {"n +", "character 5: expected a value, found the end"},
    {"n > < 5", "character 5: expected a value, found `<`"},
    {"(n + 1", "expected `)` or an operator, found the end"},
    {"ww + 1", "there is no column \"ww\"; did you mean \"w\"?"},
    {"qqqqqqqq", "there is no column \"qqqqqqqq\"; the columns are: n int64?"},
    {"lenght(w)", "there is no function \"lenght\"; did you mean \"length\"?"},
    {"frobnicate(w)", "there is no function \"frobnicate\""},
    {"length(w, w)", "length can't take 2 arguments"},
    {"length(n)", "length can't be applied to (int64)"},
    {"w + 1", "+ can't be applied to (string, int64)"},
    {"'unfinished", "this ' is never closed"},
    {"\"unfinished", "this \" is never closed"},
    {"9223372036854775808", "an integer that int64 can't hold"},
    {"1e999", "a number that float64 can't hold"},
    {"12abc", "a number runs into a name"},
    {"n & 1", "'&' means nothing here"},
    {"n ! 1", "write `not`"},
    {"n ; 1", "';' is not part of an expression"},
    {"n | 1", "texts are joined with ||"},
    {"case n when 1 then 2 end", "expected `when`"},
    {"case when b then 1", "expected `when`, `else` or `end`, found the end"},
    {"case when b then 1 else 'x' end", "this branch of `case` is string"},
    {"case when n then 1 end", "a condition must be bool, this is int64"},
    {"cast(n as decimal)", "a type that casts know"},
    {"cast(d as float64)", "there is no cast from date to float64"},
    {"coalesce(null, null)", "no argument of coalesce has a type"},
    {"date '2023-02-29'", "not a date"},
    {"timestamp '2024-01-01 25:00'", "not a time"},
    {"date_trunc('dya', t)", "no unit of time: 'dya'; did you mean 'day'?"},
    {"date_trunc(w, t)", "must be a text in quotes"},
    {"n not 5", "expected `in`, `like` or `between` after `not`"},
    {"n is 5", "expected `null` or `not null`"},
    {"t > '2024-01-01'", "can't be applied to (timestamp, string)"},
    {"concat(*)", "`*` stands alone"},
    {"n < m < 3", "expected an operator, `,` or the end, found `<`"},
    {"\"a b\"", "can't be a column's name"},
    {"n\x01", "byte 0x01"},
};

SL_TEST(mistakes_are_told_with_place_and_reason, "")
{
    sl_batch *in = slt_expr_batch();
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        sli_projection *p = NULL;
        sl_error err = SL_ERROR_INIT;
        char text[128];
        (void)strcpy(text, mistakes[i].text);
        sl_code rc = sli_projection_new(&p, strcat(text, *text == '\0' ? "" : " "),
                                        sl_batch_schema(in), &err);
        if (rc != SL_E_INVALID || p != NULL || strstr(err.text, mistakes[i].expected) == NULL) {
            fail_msg("%s: code %d, %s (expected: %s)", mistakes[i].text, rc, err.text,
                     mistakes[i].expected);
        }
        assert_int_equal(sli_projection_new(&p, text, sl_batch_schema(in), NULL),
                         SL_E_INVALID); // err may be NULL
    }
    sl_batch_unref(in);
}

SL_TEST(lists_and_conditions_have_mistakes_of_their_own, "")
{
    sl_batch *in = slt_expr_batch();
    const sl_schema *schema = sl_batch_schema(in);
    sli_projection *p = NULL;
    sli_condition *condition = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_projection_new(&p, "n + 1", schema, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "needs a name"));
    assert_int_equal(sli_projection_new(&p, "n, m as n", schema, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "\"n\""));
    assert_int_equal(sli_projection_new(&p, "null as x", schema, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "null without a type"));
    assert_int_equal(sli_projection_new(&p, "n,", schema, &err), SL_E_INVALID);
    assert_int_equal(sli_projection_new(&p, "l = l as x", schema, &err), SL_E_UNSUPPORTED);
    assert_non_null(
        strstr(err.text, "column \"l\" is list, which expressions can only pass through"));
    assert_int_equal(sli_condition_new(&condition, "n + 1", schema, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "a condition must be bool, this is int64"));
    assert_int_equal(sli_condition_new(&condition, "b b", schema, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "found `b`"));
    assert_int_equal(sli_condition_new(&condition, NULL, schema, &err), SL_E_INVALID);
    assert_null(p);
    assert_null(condition);
    sl_batch_unref(in);
}

static const example failures[] = {
    {"n + 1", "row 3: 9223372036854775807 + 1 does not fit int64"},
    {"n - m", "row 3: 9223372036854775807 - -1 does not fit int64"},
    {"n * 2", "row 3: 9223372036854775807 * 2 does not fit int64"},
    {"-(m * 0 - 9223372036854775807 - 1)",
     "row 0: the negative of -9223372036854775808 does not fit int64"},
    {"abs(-9223372036854775808 + m * 0)", "row 0: the absolute value of"},
    {"(-9223372036854775808) / m", "row 1: -9223372036854775808 / 0: division by zero"},
    {"-9223372036854775808 / -1", "row 0: -9223372036854775808 / -1 does not fit int64"},
    {"10 / m", "row 1: 10 / 0: division by zero"},
    {"not_null(n)", "row 1: n is null, and must not be"},
    {"not_null(abs(n))", "row 1: a value is null, and must not be"},
    {"10 % m", "row 1: 10 % 0: division by zero"},
    {"cast(w as int64)", "row 0: 'to' is not an integer"},
    {"cast(w as float64)", "row 0: 'to' is not a number"},
    {"cast(w as bool)", "row 0: 'to' is neither true nor false"},
    {"cast(w as date)", "row 0: 'to' is not a date"},
    {"cast(w as timestamp)", "row 0: 'to' is not a timestamp"},
    {"cast(f as int64)", "row 3: nan does not fit int64"},
    {"cast(n as int32)", "row 3: 9223372036854775807 does not fit int32"},
    {"cast(y as string)", "row 2: byte 0 is not UTF-8"},
    {"split_part(w, ' ', m)", "row 1: split_part counts from 1"},
    {"case when m = 3 then 1 / (m - 3) else 0 end", "row 2: 1 / 0: division by zero"},
};

SL_TEST(rows_that_fail_are_named, "")
{
    sl_batch *in = slt_expr_batch();
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        sli_projection *p;
        sl_batch *out = NULL;
        sl_error err = SL_ERROR_INIT;
        sli_str text = {.tag = SLI_TAG_TEST};
        sli_str_printf(&text, "%s as x", failures[i].text);
        assert_int_equal(sli_projection_new(&p, text.data, sl_batch_schema(in), &err), SL_OK);
        sl_code rc = sli_projection_eval(p, in, &out, &err);
        if (rc != SL_E_DATA || out != NULL || strstr(err.text, failures[i].expected) == NULL) {
            fail_msg("%s: code %d, %s (expected: %s)", failures[i].text, rc, err.text,
                     failures[i].expected);
        }
        sli_projection_free(p);
        sli_str_reset(&text);
    }
    sl_batch_unref(in);
}

SL_TEST(a_null_row_never_fails, "")
{
    sl_batch *in = slt_batch_of("a int64?, b int64?", "null,0;1,1;5,null"), *out;
    sli_projection *p;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(
        sli_projection_new(&p, "a / b as x, cast(cast(a as string) as int64) % b as y, a + b as z",
                           sl_batch_schema(in), &err),
        SL_OK);
    assert_int_equal(sli_projection_eval(p, in, &out, &err), SL_OK);
    SL_CHECK_TEXT(slt_batch_text(out), "null,null,null;1,0,2;null,null,null");
    sl_batch_unref(out);
    sli_projection_free(p);
    sl_batch_unref(in);
}

SL_TEST(date_arithmetic_that_leaves_the_type_is_an_error, "")
{
    sl_batch *in = slt_expr_batch(), *out = NULL;
    sli_projection *p;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_projection_new(&p, "d + 4000000000 as x", sl_batch_schema(in), &err),
                     SL_OK);
    assert_int_equal(sli_projection_eval(p, in, &out, &err), SL_E_DATA);
    assert_null(out);
    sli_projection_free(p);
    sl_batch_unref(in);
}

SL_TEST(condition_keeps_true_only, "")
{
    sl_batch *in = slt_expr_batch(), *out;
    sli_condition *condition;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_condition_new(&condition, "n > 0 and w <> ''", sl_batch_schema(in), &err),
                     SL_OK);
    assert_int_equal(sli_condition_filter(condition, in, &out, &err), SL_OK);
    assert_int_equal(sl_batch_rows(out), 2);
    assert_int_equal(sl_column_int64(sl_batch_column(out, 0), 0), 7);
    sl_batch_unref(out);
    sli_condition_free(condition);
    assert_int_equal(sli_condition_new(&condition, "10 / m > 0", sl_batch_schema(in), &err), SL_OK);
    assert_int_equal(sli_condition_filter(condition, in, &out, &err), SL_E_DATA);
    assert_non_null(strstr(err.text, "row 1"));
    sli_condition_free(condition);
    sl_batch_unref(in);
}

SL_TEST(columns_by_name, "")
{
    sl_batch *in = slt_expr_batch();
    const sl_schema *schema = sl_batch_schema(in);
    int32_t columns[SLI_EXPR_MAX_KEYS], n = 0;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_columns_parse("w, n", schema, columns, &n, &err), SL_OK);
    assert_int_equal(n, 2);
    assert_int_equal(columns[0], 10);
    assert_int_equal(columns[1], 0);
    n = 77;
    assert_int_equal(sli_columns_parse("w, nn", schema, columns, &n, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "there is no column \"nn\"; did you mean \"n\"?"));
    assert_int_equal(sli_columns_parse("w, w", schema, columns, &n, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "twice"));
    assert_int_equal(sli_columns_parse("n + 1", schema, columns, &n, &err), SL_E_INVALID);
    assert_int_equal(sli_columns_parse("n as x", schema, columns, &n, &err), SL_E_INVALID);
    assert_int_equal(sli_columns_parse("", schema, columns, &n, &err), SL_E_INVALID);
    assert_int_equal(n, 77);
    sl_batch_unref(in);
}

// ---------------------------------------------------------------- limits, faults, garbage

SL_TEST(depth_size_and_parts_are_bounded, "")
{
    sl_batch *in = slt_expr_batch();
    sli_projection *p = NULL;
    sl_error err = SL_ERROR_INIT;
    const char *const forms[][3] = {{"(", "n", ")"},    {"-", "n", ""},
                                    {"not ", "b", ""},  {"", "n", "+1"},
                                    {"abs(", "n", ")"}, {"case when b then ", "n", " end"}};
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        sli_str text = {.tag = SLI_TAG_TEST};
        for (int i = 0; i < 2500; i++) {
            sli_str_text(&text, forms[f][0]);
        }
        sli_str_text(&text, forms[f][1]);
        for (int i = 0; i < 2500; i++) {
            sli_str_text(&text, forms[f][2]);
        }
        sli_str_text(&text, " as x");
        sl_code rc = sli_projection_new(&p, text.data, sl_batch_schema(in), &err);
        if (forms[f][0][0] == '-') {
            assert_int_equal(rc, SL_OK); // signs cancel
            sli_projection_free(p);
        } else {
            assert_int_equal(rc, SL_E_INVALID);
            assert_non_null(strstr(err.text, "deep"));
        }
        sli_str_reset(&text);
    }
    sli_str text = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 3000; i++) { // wide is not deep
        sli_str_text(&text, i > 0 ? " or b" : "b");
    }
    sli_str_text(&text, " as x");
    assert_int_equal(sli_projection_new(&p, text.data, sl_batch_schema(in), &err), SL_OK);
    sli_projection_free(p);
    while (text.size <= SLI_EXPR_MAX_TEXT) {
        sli_str_text(&text, "          ");
    }
    assert_int_equal(sli_projection_new(&p, text.data, sl_batch_schema(in), &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "more than 65536 bytes"));
    sli_str_reset(&text);
    sl_batch_unref(in);
}

SL_TEST(refused_memory_is_an_error_and_leaks_nothing, "")
{
    sl_batch *in = slt_expr_batch();
    static const char text[] =
        "n, case when m <> 0 then upper(w) || 'x' else coalesce(s, replace(w, 'e', 'ee')) end as x,"
        " m in (1, 2) and b as y, greatest(m, i) as z, cast(d as string) as v";
    int64_t before = sli_mem_used(SLI_TAG_EXPR);
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc == SL_E_NOMEM; n++) {
        sli_projection *p = NULL;
        sl_batch *out = NULL;
        sl_error err = SL_ERROR_INIT;
        assert_true(n < 10000);
        sli_mem_fail_nth(n);
        rc = sli_projection_new(&p, text, sl_batch_schema(in), &err);
        if (rc == SL_OK) {
            rc = sli_projection_eval(p, in, &out, &err);
        }
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || (rc == SL_E_NOMEM && err.code == SL_E_NOMEM));
        sl_batch_unref(out);
        sli_projection_free(p);
        assert_int_equal(sli_mem_used(SLI_TAG_EXPR), before);
    }
    assert_int_equal(rc, SL_OK);
    sl_batch_unref(in);
}

SL_TEST(random_texts_parse_or_are_refused, "")
{
    sl_batch *in = slt_expr_batch();
    sli_rng rng = {2};
    int accepted = 0;
    int rounds = slt_is_soak() ? 2000000 : 30000;
    for (int i = 0; i < rounds; i++) {
        char text[256];
        sli_projection *p = NULL, *again = NULL;
        sl_error err = SL_ERROR_INIT;
        slt_random_text(&rng, text, sizeof text - 8);
        (void)strcat(text, " as x");
        sl_code rc = sli_projection_new(&p, text, sl_batch_schema(in), &err);
        if (rc != SL_OK) {
            assert_true(rc == SL_E_INVALID || rc == SL_E_UNSUPPORTED);
            assert_true(err.text[0] != '\0');
            continue;
        }
        accepted++;
        if (sli_projection_new(&again, sli_projection_text(p), sl_batch_schema(in), &err) !=
            SL_OK) {
            fail_msg("%s became %s: %s", text, sli_projection_text(p), err.text);
        }
        SL_CHECK_TEXT(sli_projection_text(again), sli_projection_text(p));
        sl_batch *out = NULL;
        rc = sli_projection_eval(p, in, &out, &err);
        assert_true(rc == SL_OK || rc == SL_E_DATA);
        sl_batch_unref(out);
        sli_projection_free(p);
        sli_projection_free(again);
    }
    assert_true(accepted > rounds / 100);
    sl_batch_unref(in);
}

SL_TEST(random_bytes_are_refused, "")
{
    sl_batch *in = slt_expr_batch();
    sli_rng rng = {3};
    for (int i = 0; i < 20000; i++) {
        char text[32];
        sli_condition *condition = NULL;
        size_t size = sli_rng_below(&rng, sizeof text);
        for (size_t k = 0; k < size; k++) {
            text[k] = (char)(1 + sli_rng_below(&rng, 255));
        }
        text[size] = '\0';
        if (sli_condition_new(&condition, text, sl_batch_schema(in), NULL) == SL_OK) {
            sli_condition_free(condition);
        }
    }
    sl_batch_unref(in);
}

// A column compared with a text looks at cells; anything else compared with it makes texts of both.
SL_TEST(cells_equal_a_text_as_texts_do, "")
{
    static const char *const texts[] = {"",
                                        "view",
                                        "viex",
                                        "views",
                                        "twelve bytes",
                                        "twelve bytex",
                                        "thirteen byte",
                                        "thirteen bytf",
                                        "thirteen bytes that go on and on",
                                        "thirteen bytes that go on and om"};
    enum { N_TEXTS = sizeof texts / sizeof *texts, N_ROWS = 3 * SLI_EXPR_ROWS + 5 };
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL, *part = NULL, *out = NULL;
    sli_rng rng = {5};
    assert_int_equal(sl_schema_parse(&schema, "s string?", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int i = 0; i < N_ROWS; i++) {
        const char *text = texts[sli_rng_below(&rng, N_TEXTS)];
        if (sli_rng_below(&rng, 8) == 0) {
            sl_builder_null(builder, 0);
        } else {
            sl_builder_text(builder, 0, text, strlen(text));
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(sli_batch_slice(batch, 3, N_ROWS - 3, &part, NULL), SL_OK);
    for (int i = 0; i < N_TEXTS; i++) {
        char list[512];
        sli_projection *projection = NULL;
        snprintf(list, sizeof list,
                 "s = '%s' as a, s || '' = '%s' as b, '%s' <> s as c, '%s' <> (s || '') as d",
                 texts[i], texts[i], texts[i], texts[i]);
        assert_int_equal(sli_projection_new(&projection, list, schema, NULL), SL_OK);
        assert_int_equal(sli_projection_eval(projection, part, &out, NULL), SL_OK);
        for (int32_t pair = 0; pair < 4; pair += 2) {
            sli_str cells = SLI_STR_INIT, made = SLI_STR_INIT;
            slt_column_text(out, pair, &cells);
            slt_column_text(out, pair + 1, &made);
            SL_CHECK_TEXT(cells.data, made.data);
            sli_str_reset(&cells);
            sli_str_reset(&made);
        }
        sl_batch_unref(out);
        sli_projection_free(projection);
    }
    sl_batch_unref(part);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}
