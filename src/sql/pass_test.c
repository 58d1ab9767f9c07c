// Columns that go round DuckDB: which do, and that the rows are those of the same query when all of
// it goes through.
#include "sql/fixture_test.h"

#include <stdio.h>

static const char schema[] = "n int64?, w string, yes bool?, d decimal(10,2)?, s struct<a int32?>?";

/// The select over rows `t` of that schema; lives as long as the fixture.
static sli_select *find(slt_sql *s, const char *select)
{
    sli_sql *sql = NULL;
    sli_select *made = NULL;
    sl_schema *of = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_schema_parse(&of, schema, &err), SL_OK);
    const sli_named name = {"t", of, NULL, 0};
    if (sli_sql_of(s->graph, &sql, &err) != SL_OK ||
        sli_select_find(sql, select, &name, 1, SLI_BY_ITSELF, NULL, &made, &err) != SL_OK) {
        fail_msg("%s: %s", select, err.text);
    }
    sl_schema_unref(of);
    return made;
}

SL_TEST(sql_columns_that_are_passed_on_go_round_duckdb, "")
{
    static const char *const cases[][2] = {
        {"SELECT n, n + 1 AS m, w FROM t", "0 - 1"},
        {"SELECT x.W AS v, upper(w) AS u FROM t AS x", "1 -"},
        {"SELECT *, n * 2 AS n FROM t", "0 1 2 3 4 -"},
        {"SELECT t.*, t.w FROM t", "0 1 2 3 4 1"},
        {"SELECT s.a AS a, s FROM t", "- 4"},
        {"SELECT 'x' AS x, n FROM t", "- 0"},
        {"SELECT now() AS at, n FROM t", "- 0"},
        {"SELECT n AS n2, w AS n, n + 1 AS m FROM t", "0 1 -"}, // n is the table's
        {"SELECT n AS m, m + 1 AS k, w FROM t", "- - 1"},       // m is what AS named
        {"SELECT n AS m, list_transform([1], lambda m: m) AS k, w FROM t", "- - 1"},
        // With WHERE, if a number for each row costs less.
        {"SELECT n, w FROM t WHERE n > 1", "0 1"},
        {"SELECT *, n + 1 AS m FROM t AS x WHERE x.n > 1 AND s IS NOT NULL", "0 1 2 3 4 -"},
        {"SELECT n AS m, w, w AS v FROM t WHERE m > 1", "- 1 1"},
        {"SELECT n, w || 'x' AS v FROM t WHERE n > 1", ""},
        {"SELECT n, w FROM t WHERE n IN (SELECT 1)", ""},
        // Nothing is passed on where rows may come or move.
        {"SELECT n, unnest([1, 2]) AS v FROM t", ""},
        {"SELECT n, w FROM t ORDER BY n", ""},
        {"SELECT DISTINCT n, w FROM t", ""},
        {"SELECT n, row_number() OVER () AS r FROM t", ""},
        {"SELECT n, w FROM t LIMIT 1", ""},
        {"SELECT n, (SELECT max(n) FROM t) AS most FROM t", ""},
        {"SELECT a.n, b.w FROM t a JOIN t b USING (n)", ""},
        {"SELECT n FROM t USING SAMPLE reservoir(10 ROWS) REPEATABLE (1)", ""},
        {"SELECT n, count(*) AS c FROM t GROUP BY n", ""},
        {"SELECT * EXCLUDE (n) FROM t", ""},
        {"SELECT n, COLUMNS('w') FROM t", ""},
        {"SELECT a, c FROM t AS x(a, b, c, d, e)", ""},
        {"SELECT n + 1 AS m FROM t", ""},
    };
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const sli_select *made = find(&s, cases[i][0]);
        char passed[256] = "";
        size_t size = 0;
        int32_t n_computed = 0;
        for (int32_t c = 0; made->passed != NULL && c < sl_schema_columns(made->schema); c++) {
            const char *space = c == 0 ? "" : " ";
            n_computed += made->passed[c] < 0;
            size += (size_t)(made->passed[c] < 0
                                 ? snprintf(passed + size, sizeof passed - size, "%s-", space)
                                 : snprintf(passed + size, sizeof passed - size, "%s%d", space,
                                            (int)made->passed[c]));
        }
        if (strcmp(passed, cases[i][1]) != 0) {
            fail_msg("%s: '%s' are passed on", cases[i][0], passed);
        }
        assert_int_equal(made->asks_nothing, made->passed != NULL && n_computed == 0 &&
                                                 strstr(cases[i][0], "WHERE") == NULL);
    }
    slt_sql_close(&s);
}

// ---------------------------------------------------------------- rows

enum { MOST_TEXT = 1 << 20 };

/// Rows from..from+n, some cells null, some texts longer than a view has room for.
static sl_batch *rows(const char *of, int64_t from, int64_t n)
{
    char *text = sl_alloc(SLI_TAG_TEST, MOST_TEXT);
    size_t size = 0;
    text[0] = '\0';
    for (int64_t i = from; i < from + n; i++) {
        const char *longer = i % 3 == 0 ? "-a-text-that-is-longer-than-twelve-bytes" : "";
        size += (size_t)(i % 7 == 0
                             ? snprintf(text + size, MOST_TEXT - size, "-,w%d%s;", (int)i, longer)
                             : snprintf(text + size, MOST_TEXT - size, "%d,w%d%s;", (int)i, (int)i,
                                        longer));
        assert_true(size < MOST_TEXT);
    }
    sl_batch *batch = slt_sql_batch(of, text);
    sl_free(text);
    return batch;
}

/// Two partitions; borders of batches lie anywhere.
static sl_rdd *input(slt_sql *s, const char *of)
{
    static const int64_t sizes[2][6] = {{1, 4096, 3, 0, 2048, 77}, {5000, 13, 1, 1, 9000, 2}};
    sl_schema *parsed = NULL;
    sl_batch *batches[2][6];
    sl_batch *const *partitions[2] = {batches[0], batches[1]};
    int64_t from = 0;
    assert_int_equal(sl_schema_parse(&parsed, of, NULL), SL_OK);
    for (int p = 0; p < 2; p++) {
        for (int b = 0; b < 6; b++) {
            batches[p][b] = rows(of, from, sizes[p][b]);
            from += sizes[p][b];
        }
    }
    sl_rdd *rdd = sli_rdd_of_partitions(s->runtime, parsed, partitions, (int32_t[]){6, 6}, 2);
    for (int i = 0; i < 12; i++) {
        sl_batch_unref(batches[i / 6][i % 6]);
    }
    sl_schema_unref(parsed);
    return rdd;
}

/// The rows of the query, and of one that goes through DuckDB whole: its names of
/// columns keep it from the other way. `all`: the condition is true, and may as well be left out.
static void compare_ways(slt_sql *s, const char *list, const char *condition, bool all)
{
    char select[3][256], *got[3];
    (void)snprintf(select[0], sizeof select[0], "SELECT %s FROM t WHERE %s", list, condition);
    (void)snprintf(select[1], sizeof select[1], "SELECT %s FROM t AS t(n, w) WHERE %s", list,
                   condition);
    (void)snprintf(select[2], sizeof select[2], "SELECT %s FROM t", list);
    int n = all ? 3 : 2;
    for (int j = 0; j < n; j++) {
        sl_rdd *rdd = input(s, "n int64?, w string");
        got[j] = sl_strdup(SLI_TAG_TEST, slt_sql_parts(s, slt_sql_ask(s, rdd, select[j])));
        sl_rdd_unref(rdd);
        if (strcmp(got[j], got[0]) != 0) {
            fail_msg("%s gives other rows than %s", select[j], select[0]);
        }
    }
    assert_true(strcmp(condition, "n < 0") == 0 || strlen(got[0]) > 3);
    for (int j = 0; j < n; j++) {
        sl_free(got[j]);
    }
}

SL_TEST(sql_columns_that_are_passed_on_stay_beside_their_rows, "")
{
    static const char *const lists[] = {
        "n, w, n + 1 AS m", "w, 'x' AS x", "n AS a, length(w) AS b, w AS c, n * n AS e, n",
        "*, w || n AS v",   "w",           "*"};
    static const char *const conditions[] = {
        "true", "n % 3 = 1", "n IS NULL", "n % 5000 = 4098", "n > 5000", "n < 0"};
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.workers = 2, .pool = true});
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (size_t c = 0; c < sizeof conditions / sizeof *conditions; c++) {
            compare_ways(&s, lists[i], conditions[c], c == 0);
        }
    }
    slt_sql_close(&s);
}

SL_TEST(sql_a_row_that_cant_be_computed_fails_beside_passed_columns, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){0});
    sl_rdd *t = slt_sql_rdd(&s, "n int64, w string", "1,a;0,b;2,c;", 1);
    const char *text = NULL;
    assert_int_equal(slt_sql_fails(&s, slt_sql_ask(&s, t, "SELECT w, 10 // n AS q FROM t"), &text),
                     SL_E_DATA);
    assert_non_null(strstr(text, "division by zero"));
    assert_string_equal(slt_sql_rows(&s, slt_sql_ask(&s, t, "SELECT w, n FROM t")), "a,1;b,0;c,2;");
    sl_rdd_unref(t);
    slt_sql_close(&s);
}
