// Division by zero: an error of its row, whichever word divides, and nothing else is changed.
#include "sql/fixture_test.h"

#include <stdio.h>

static const char columns[] = "n int64?, m int64?, x float64?";

static const char *rows_of(slt_sql *s, const char *rows, const char *select)
{
    sl_rdd *t = slt_sql_rdd(s, columns, rows, 1);
    const char *text = slt_sql_rows(s, slt_sql_ask(s, t, select));
    sl_rdd_unref(t);
    return text;
}

static void check_fails(slt_sql *s, const char *rows, const char *select, const char *has)
{
    const char *text = NULL;
    sl_rdd *t = slt_sql_rdd(s, columns, rows, 1);
    sl_code rc = slt_sql_fails(s, slt_sql_ask(s, t, select), &text);
    if (rc != SL_E_DATA || strstr(text, has) == NULL) {
        fail_msg("%s: %s: %s", select, sl_code_name(rc), text);
    }
    sl_rdd_unref(t);
}

SL_TEST(division_by_zero_is_an_error_of_the_row, "")
{
    static const char *const cases[][2] = {
        {"SELECT n / m AS q FROM t", "division by zero; write n / nullif(m, 0) for NULL"},
        {"SELECT n // m AS q FROM t", "division by zero; write n // nullif(m, 0) for NULL"},
        {"SELECT n % m AS q FROM t", "division by zero; write n % nullif(m, 0) for NULL"},
        {"SELECT divide(n, m) AS q FROM t", "write divide(n, nullif(m, 0)) for NULL"},
        {"SELECT mod(n, m) AS q FROM t", "write mod(n, nullif(m, 0)) for NULL"},
        {"SELECT fmod(n, m) AS q FROM t", "write fmod(n, nullif(m, 0)) for NULL"},
        {"SELECT fdiv(n, m) AS q FROM t", "write fdiv(n, nullif(m, 0)) for NULL"},
        {"SELECT x / (m * 1.0) AS q FROM t", "write x / nullif(b, 0) for NULL"},
        {"SELECT x / -m::DOUBLE AS q FROM t", "division by zero"}, // -0.0
        {"SELECT x % m AS q FROM t", "division by zero"},
        {"SELECT n::DECIMAL(9,2) / m::DECIMAL(9,2) AS q FROM t", "division by zero"},
        {"SELECT n::DECIMAL(9,2) % m::DECIMAL(38,37) AS q FROM t", "division by zero"},
        {"SELECT n::HUGEINT // m::HUGEINT AS q FROM t", "division by zero"},
        {"SELECT n::UTINYINT // m::UTINYINT AS q FROM t", "division by zero"},
        {"SELECT (INTERVAL 1 DAY / m)::VARCHAR AS q FROM t", "division by zero"},
        {"SELECT n / 0 AS q FROM t", "write n / nullif(b, 0) for NULL"},
        {"SELECT n / 0.0 AS q FROM t", "division by zero"},
        {"SELECT n / '0' AS q FROM t", "division by zero"},
        {"SELECT n::TINYINT // 0 AS q FROM t", "write a // nullif(b, 0) for NULL"},
        {"SELECT 1 / (6 / (n / m)) AS q FROM t", "division by zero"},
        {"SELECT 1 AS q FROM t WHERE n / m > 1", "division by zero"},
        {"SELECT sum(n / m) AS q FROM t", "division by zero"},
        {"SELECT sum(n) / sum(m) AS q FROM t", "division by zero"},
        {"SELECT count(*) AS q FROM t GROUP BY n / m", "division by zero"},
        {"SELECT count(*) AS q FROM t HAVING sum(n) // sum(m) > 1", "division by zero"},
        {"SELECT count(*) FILTER (WHERE n / m > 1) AS q FROM t", "division by zero"},
        {"SELECT n AS q FROM t ORDER BY n / m", "division by zero"},
        {"SELECT sum(n) OVER (ORDER BY n % m) AS q FROM t", "division by zero"},
        {"SELECT q FROM (SELECT n / m AS q FROM t)", "division by zero"},
        {"WITH w AS (SELECT n / m AS q FROM t) SELECT q FROM w", "division by zero"},
        {"SELECT a.n AS q FROM t a JOIN t b ON a.n / a.m = b.n", "division by zero"},
        {"SELECT list_transform([m], lambda y: 1 / y)[1] AS q FROM t", "division by zero"},
    };
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_fails(&s, "5,0,1;", cases[i][0], cases[i][1]);
    }
    slt_sql_close(&s);
}

SL_TEST(division_by_what_is_not_zero_is_as_before, "")
{
    static const char *const cases[][2] = {
        {"SELECT n / m AS q FROM t", "3.5;-;-;"}, // also where nothing is divided by 0
        {"SELECT n // m AS q FROM t", "3;-;-;"},
        {"SELECT n % m AS q FROM t", "1;-;-;"},
        {"SELECT n / nullif(m, 0) AS q FROM t", "3.5;-;-;"},
        {"SELECT n / 2 AS q FROM t", "3.5;-;4;"},
        {"SELECT n / NULL AS q FROM t", "-;-;-;"},
        {"SELECT n / '2' AS q FROM t", "3.5;-;4;"},
        {"SELECT CASE WHEN m <> 0 THEN n // m ELSE -1 END AS q FROM t", "3;-1;-1;"},
        {"SELECT n // m AS q FROM t WHERE n IS NOT NULL AND m <> 0", "3;"},
        {"SELECT n / m // 1 / m AS q FROM t", "1.75;-;-;"},
        {"SELECT n::DECIMAL(9,2) % m::DECIMAL(9,3) AS q FROM t", "1000;-;-;"},
        {"SELECT sum(n) FILTER (WHERE m <> 0) / sum(m) AS q FROM t", "3.5;"},
        {"SELECT try_cast(n / m AS BIGINT) AS q FROM t", "4;-;-;"},
        {"SELECT count(*) AS q FROM t GROUP BY ALL HAVING count(*) / 2 > 1", "3;"},
    };
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        // a null divided by 0, and by a null: null
        SL_CHECK_TEXT(rows_of(&s, "7,2,1;-,0,-;8,-,1;", cases[i][0]), cases[i][1]);
    }
    SL_CHECK_TEXT(rows_of(&s, "7,0,1;", "SELECT n / nullif(m, 0) AS q FROM t"), "-;");
    SL_CHECK_TEXT(rows_of(&s, "7,0,1;", "SELECT n % nullif(m, 0.0) AS q FROM t"), "-;");
    slt_sql_close(&s);
}

SL_TEST(a_division_changes_neither_names_nor_the_graphs_text, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_stream *t = sl_stream_queue(s.graph, "q", columns, true);
    sl_stream *out = sl_sql(s.graph, "SELECT n / m, sum(x % m) FROM t GROUP BY n / m",
                            &(sl_sql_table){.name = "t", .stream = t}, 1);
    assert_non_null(out);
    if (strstr(sl_graph_text(s.graph), "error(") != NULL) {
        fail_msg("%s", sl_graph_text(s.graph));
    }
    sl_rdd *rows = slt_sql_rdd(&s, columns, "6,3,5;", 1);
    sl_rdd *asked = slt_sql_ask(&s, rows, "SELECT n / m, n AS k FROM t");
    SL_CHECK_TEXT(sl_schema_text(asked->schema), "n_m float64?, k int64?");
    SL_CHECK_TEXT(slt_sql_rows(&s, asked), "2,6;");
    sl_rdd_unref(rows);
    slt_sql_close(&s);
}

/// Each level is looked at once: what is prepared does not double with each.
SL_TEST(a_chain_of_many_divisions_is_still_a_short_query, "")
{
    slt_sql s;
    sli_str text = {.tag = SLI_TAG_TEST};
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sli_str_text(&text, "SELECT ");
    for (int i = 0; i < 20; i++) {
        sli_str_text(&text, "n / (");
    }
    sli_str_text(&text, "n");
    for (int i = 0; i < 20; i++) {
        sli_str_text(&text, " / m)");
    }
    sli_str_text(&text, " AS q FROM t");
    SL_CHECK_TEXT(rows_of(&s, "1,1,1;", text.data), "1;");
    check_fails(&s, "1,0,1;", text.data, "division by zero");
    sli_str_reset(&text);
    slt_sql_close(&s);
}

/// What else has no answer: DuckDB fails where there is none, and has IEEE's for floating point.
SL_TEST(other_numbers_without_an_answer, "")
{
    static const char *const errors[] = {
        "SELECT n + 9223372036854775807 AS q FROM t",
        "SELECT n * 9223372036854775807 AS q FROM t",
        "SELECT (-9223372036854775807 - n // 5) // -1 AS q FROM t",
        "SELECT abs(-9223372036854775807 - n // 5) AS q FROM t",
        "SELECT (x * 1e300)::FLOAT AS q FROM t",
        "SELECT (x * 1e300)::BIGINT AS q FROM t",
        "SELECT (n * 100)::DECIMAL(3,2) AS q FROM t",
        "SELECT 'a'::BIGINT + n AS q FROM t",
        "SELECT sqrt(-x) AS q FROM t",
        "SELECT ln(m) AS q FROM t",
        "SELECT log10(-x) AS q FROM t",
        "SELECT log(1, x) AS q FROM t",
        "SELECT acos(n) AS q FROM t",
        "SELECT factorial(n::INTEGER * 10) AS q FROM t",
        "SELECT n << 63 AS q FROM t",
        "SELECT make_date(2026, 13, n) AS q FROM t",
        "SELECT sum(n + 9223372036854775000)::BIGINT * 2 AS q FROM t",
    };
    static const char *const values[][2] = {
        {"SELECT x * 1e308 * 10 AS q FROM t", "inf;"},
        {"SELECT exp(x * 1000) AS q FROM t", "inf;"},
        {"SELECT pow(m, -1) AS q FROM t", "inf;"},
        {"SELECT 'nan'::DOUBLE AS q FROM t", "nan;"},
        {"SELECT stddev_samp(x) AS q FROM t", "-;"},
        {"SELECT corr(x, n) AS q FROM t", "nan;"},
        {"SELECT try_cast('a' AS BIGINT) AS q FROM t", "-;"},
        {"SELECT [n][2] AS q FROM t", "-;"},
    };
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        check_fails(&s, "5,0,1;", errors[i], "");
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        SL_CHECK_TEXT(rows_of(&s, "5,0,1;", values[i][0]), values[i][1]);
    }
    slt_sql_close(&s);
}
