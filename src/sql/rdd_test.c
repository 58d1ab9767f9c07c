// SELECTs over RDDs: by row and whole, the same bytes whoever runs them, mistakes with their place.
// Expected rows were worked out by hand.
#include "sql/fixture_test.h"

#include <stdio.h>

static const char orders[] = "1,a,10;2,b,20;3,a,30;4,-,40;5,b,50;";
static const char orders_schema[] = "id int64, who string?, cents int64";

SL_TEST(a_select_goes_by_row_where_the_rows_lie, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_rdd *t = slt_sql_rdd(&s, orders_schema, orders, 3);
    sl_rdd *asked = slt_sql_ask(&s, t, "SELECT id, cents / 10 AS tens FROM t WHERE who = 'a'");
    assert_int_equal(sl_rdd_partitions(asked), 3);
    assert_string_equal(sl_schema_text(sl_rdd_schema(asked)), "id int64?, tens float64?");
    assert_string_equal(slt_sql_parts(&s, asked), "1,1;|3,3;");
    sl_rdd_unref(t);
    slt_sql_close(&s);
}

SL_TEST(other_selects_see_all_rows_in_order, "")
{
    static const struct {
        const char *select, *rows;
    } cases[] = {
        {"SELECT who, sum(cents)::BIGINT AS s FROM t GROUP BY who ORDER BY who NULLS FIRST",
         "-,40;a,40;b,70;"},
        {"SELECT count(*) AS n FROM t", "5;"},
        {"SELECT count(*) AS n FROM t WHERE id > 9", "0;"},
        {"SELECT id FROM t LIMIT 2", "1;2;"},
        {"SELECT DISTINCT who FROM t ORDER BY ALL DESC NULLS LAST", "b;a;-;"},
        {"SELECT id, sum(cents) OVER (ORDER BY id)::BIGINT AS up FROM t",
         "1,10;2,30;3,60;4,100;5,150;"},
        {"SELECT a.id, b.id AS other FROM t a JOIN t b ON a.who = b.who AND a.id < b.id ORDER BY 1",
         "1,3;2,5;"},
        {"SELECT id FROM t WHERE cents > (SELECT avg(cents) FROM t)", "4;5;"},
        {"WITH w AS (SELECT * FROM t WHERE id < 3) SELECT sum(cents)::BIGINT AS s FROM w", "30;"},
        {"SELECT id FROM t WHERE id = 5 UNION ALL SELECT 9", "5;9;"},
    };
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    for (int32_t partitions = 1; partitions < 6; partitions += 2) {
        sl_rdd *t = slt_sql_rdd(&s, orders_schema, orders, partitions);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            sl_rdd *asked = slt_sql_ask(&s, t, cases[i].select);
            assert_int_equal(sl_rdd_partitions(asked), 1);
            assert_string_equal(slt_sql_rows(&s, asked), cases[i].rows);
        }
        sl_rdd_unref(t);
    }
    slt_sql_close(&s);
}

SL_TEST(several_rdds_meet_under_their_names, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_rdd *t = slt_sql_rdd(&s, orders_schema, orders, 2);
    sl_rdd *people = slt_sql_rdd(&s, "who string, age int64", "b,7;a,8;", 2);
    const sl_sql_rdd tables[] = {{"orders", t}, {"People", people}};
    sl_rdd *asked = sl_rdd_sql(
        "SELECT id, age FROM orders LEFT JOIN people USING (who) ORDER BY id", tables, 2);
    assert_string_equal(slt_sql_rows(&s, asked), "1,8;2,7;3,8;4,-;5,7;");
    // The name means other columns now: a table of its own, and the first query is as it was.
    const sl_sql_rdd other[] = {{"orders", people}};
    assert_string_equal(slt_sql_rows(&s, sl_rdd_sql("SELECT orders.age FROM orders", other, 1)),
                        "7;8;");
    asked = sl_rdd_sql("SELECT count(*) AS n FROM orders o", tables, 2);
    assert_string_equal(slt_sql_rows(&s, asked), "5;");
    sl_rdd_unref(t);
    sl_rdd_unref(people);
    slt_sql_close(&s);
}

SL_TEST(a_query_is_prepared_once, "")
{
    slt_sql s;
    sli_sql *sql = NULL;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_rdd *t = slt_sql_rdd(&s, "n int64", "1;2;3;", 1);
    for (int i = 0; i < 5; i++) {
        assert_string_equal(slt_sql_rows(&s, slt_sql_ask(&s, t, "SELECT max(n) AS m FROM t")),
                            "3;");
    }
    assert_int_equal(sli_sql_of_runtime(&s.own, &sql, &s.err), SL_OK);
    assert_int_equal(sql->n_selects, 1);
    sl_rdd_unref(t);
    slt_sql_close(&s);
}

SL_TEST(the_number_of_workers_reaches_no_byte, "EXACTLY-ONCE-4")
{
    static const slt_sql_conf confs[] = {{.simulated = true},
                                         {.simulated = true, .workers = 4, .seed = 5},
                                         {.pool = true, .workers = 4},
                                         {.pool = true, .workers = 2}};
    char *first[2] = {NULL, NULL};
    for (size_t i = 0; i < sizeof confs / sizeof *confs; i++) {
        slt_sql s;
        slt_sql_open(&s, confs[i]);
        sli_str rows = {.tag = SLI_TAG_TEST};
        for (int n = 0; n < 5000; n++) {
            sli_str_printf(&rows, "%d,%d,0.%d;", n, n * 7919 % 101, n % 97);
        }
        sl_rdd *t = slt_sql_rdd(&s, "n int64, k int64, x float64", rows.data, 7);
        static const char *const selects[2] = {
            "SELECT k, sum(x) AS s, count(*) AS n FROM t GROUP BY k",
            "SELECT n, x * 3.1 AS y FROM t WHERE n % 3 = 0"};
        for (int q = 0; q < 2; q++) {
            const char *got = slt_sql_rows(&s, slt_sql_ask(&s, t, selects[q]));
            if (first[q] == NULL) {
                first[q] = sl_strdup(SLI_TAG_TEST, got);
            }
            assert_string_equal(got, first[q]);
        }
        sl_rdd_unref(t);
        sli_str_reset(&rows);
        slt_sql_close(&s);
    }
    sl_free(first[0]);
    sl_free(first[1]);
}

SL_TEST(mistakes_of_a_query_are_told_with_their_column, "")
{
    static const struct {
        const char *select, *begins, *has;
    } cases[] = {
        {"SELECT idd FROM t", "sql: column 8: ", "\"id\""},
        {"SELECT id FROM tt", "sql: column 16: no table \"tt\"; did you mean \"t\"?", ""},
        {"SELECT id FROM t WHERE", "sql: ", "syntax error"},
        {"SELECT lenght(who) AS n FROM t", "sql: column 8: ", "length"},
        {"SELECT id, random() AS r FROM t", "sql: column 12: random(...) gives another result", ""},
        {"SELECT 1 AS one", "sql: FROM has no stream", ""},
        {"SELECT id FROM t; SELECT id FROM t", "sql: more than one statement", ""},
        {"SELECT * FROM 'x.csv'", "sql: ", "no table \"x.csv\""},
        {"SELECT * FROM read_csv('x.csv')", "sql: column 15: ", "read_csv"},
        {"SELECT id + who FROM t", "sql: ", ""},
        {"DELETE FROM t", "sql: ", ""},
        {"SELECT id,\n       cnts FROM t", "sql: line 2, column 8: ", "cents"},
        {"", "sql: ", ""},
    };
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_rdd *t = slt_sql_rdd(&s, orders_schema, orders, 2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = NULL;
        sl_code rc = slt_sql_fails(&s, slt_sql_ask(&s, t, cases[i].select), &text);
        assert_int_equal(rc, SL_E_INVALID);
        if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0 ||
            strstr(text, cases[i].has) == NULL) {
            fail_msg("%s: %s", cases[i].select, text);
        }
    }
    sl_rdd_unref(t);
    slt_sql_close(&s);
}

SL_TEST(a_row_that_cannot_be_computed_is_data, "")
{
    slt_sql s;
    const char *text = NULL;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_rdd *t = slt_sql_rdd(&s, "n int64, w string", "1,5;9223372036854775807,x;", 2);
    sl_rdd *asked = slt_sql_ask(&s, t, "SELECT n + 1 AS m FROM t");
    assert_int_equal(slt_sql_fails(&s, asked, &text), SL_E_DATA);
    assert_non_null(strstr(text, "Overflow"));
    asked = slt_sql_ask(&s, t, "SELECT w::INTEGER AS m FROM t");
    assert_int_equal(slt_sql_fails(&s, asked, &text), SL_E_DATA);
    assert_non_null(strstr(text, "'x'"));
    asked = slt_sql_ask(&s, t, "SELECT 1 / (n - 1) AS m FROM t");
    assert_int_equal(slt_sql_fails(&s, asked, &text), SL_E_DATA);
    assert_non_null(strstr(text, "division by zero"));
    asked = slt_sql_ask(&s, t, "SELECT 1 // nullif(n - 1, 0) AS m FROM t WHERE n = 1");
    assert_string_equal(slt_sql_rows(&s, asked), "-;");
    sl_rdd_unref(t);
    slt_sql_close(&s);
}

SL_TEST(no_rows_make_rows_where_a_query_says_so, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_rdd *t = sl_rdd_empty(slt_sql_session(&s), "n int64", 3);
    sl_rdd *asked = slt_sql_ask(&s, t, "SELECT n, count(*) AS c FROM t GROUP BY n");
    assert_true(asked->is_empty); // known without running it
    assert_string_equal(slt_sql_rows(&s, asked), "");
    asked = slt_sql_ask(&s, t, "SELECT n FROM t WHERE n > 1");
    assert_true(asked->is_empty);
    sl_rdd_unref(asked);
    asked = slt_sql_ask(&s, t, "SELECT count(*) AS c, sum(n)::BIGINT AS s FROM t");
    assert_false(asked->is_empty);
    assert_string_equal(slt_sql_rows(&s, asked), "0,-;");
    sl_rdd_unref(t);
    slt_sql_close(&s);
}

SL_TEST(a_query_that_needs_more_than_its_memory_says_so, "")
{
    slt_sql s;
    const char *text = NULL;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true}); // where it can't spill
    s.own.sql_memory_bytes = 32 << 20;
    sl_rdd *t = slt_sql_rdd(&s, "n int64", "1;", 1);
    sl_rdd *asked = slt_sql_ask(
        &s, t, "SELECT length(string_agg(repeat('x', 1000), '')) AS n FROM t, range(200000)");
    assert_int_equal(slt_sql_fails(&s, asked, &text), SL_E_NOMEM);
    assert_string_equal(slt_sql_rows(&s, slt_sql_ask(&s, t, "SELECT n FROM t")), "1;"); // goes on
    sl_rdd_unref(t);
    slt_sql_close(&s);
}
