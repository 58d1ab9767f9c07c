// Scripts: statements, what becomes of them, and mistakes with their places.
#include "sql/script_fixture_test.h"

#include "base/hash.h"

#include <stdio.h>

#define IN                                                                                         \
    "CREATE TABLE b (k STRING, v BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '5' "  \
    "SECOND) WITH ('connector' = 'file', 'path' = 'in', 'format' = 'json');\n"
#define OUT "CREATE TABLE o (k STRING, v BIGINT) WITH ('connector' = 'console');\n"

static void check_mistake(const char *text, const char *what)
{
    slt_script s;
    slt_script_define(&s, text, NULL, false);
    if (strstr(slt_script_mistake(&s), what) == NULL) {
        fail_msg("%s\n\"%s\" does not say \"%s\"", text, slt_script_mistake(&s), what);
    }
    slt_script_end(&s);
}

/// The graph's text has all of these, ended by NULL.
static void check_graph(const char *text, const char *const *parts)
{
    slt_script s;
    slt_script_define(&s, text, NULL, false);
    const char *graph = slt_script_graph(&s);
    for (; *parts != NULL; parts++) {
        if (strstr(graph, *parts) == NULL) {
            fail_msg("%s\nbecomes\n%s\nwithout \"%s\"", text, graph, *parts);
        }
    }
    slt_script_end(&s);
}

SL_TEST(statements_that_are_wrong_are_told_with_line_and_column, "")
{
    static const char *const cases[][2] = {
        {"", "job.sql:1:1: the script has no INSERT INTO"},
        {"-- nothing\n;;\n", "job.sql:3:1: the script has no INSERT INTO"},
        {IN OUT, "job.sql:3:1: the script has no INSERT INTO"},
        {"\n  CRETE TABLE x", "job.sql:2:3: a statement begins with CREATE TABLE"},
        {"\n  CRETE TABLE x", "did you mean 'CREATE'?"},
        {"INSRT INTO x", "did you mean 'INSERT'?"},
        {"CREATE TABEL x",
         "job.sql:1:8: CREATE makes a TABLE, a VIEW or a MODEL, not 'TABEL'; did you mean "
         "'TABLE'?"},
        {"CREATE OR REPLACE VIEW v", "without OR REPLACE"},
        {"CREATE FUNCTION f", "sl_sql_function"},
        {"SELECT 1", "job.sql:1:1: SELECT: a SELECT of a script must go somewhere"},
        {"DROP TABLE x", "DROP: a script defines one job"},
        {"EXPLAIN SELECT 1", "'sluice validate' shows"},
        {"SET", "SET is written SET option = 'value'"},
        {"SET interval", "'=' is expected here, not 'the end of the script'"},
        {"SET interval =", "the value of interval is expected here"},
        {"SET intervall = '1s'",
         "job.sql:1:5: unknown option \"intervall\"; did you mean interval?"},
        {"SET interval = 'x'", "job.sql:1:5: not a duration"},
        {"SET interval = '1s' SET", "job.sql:1:21: ';' is expected here, not 'SET'"},
        {"END", "there is no statement set to end"},
        {"BEGIN STATEMENT SET; " IN, "a statement set holds INSERT INTO alone"},
        {"EXECUTE STATEMENT SET BEGIN ", "END is missing"},
        {"CREATE TABLE b", "'(' is expected here"},
        {"CREATE TABLE b (", "the list of columns is never closed"},
        {"CREATE TABLE b (k STRING", "the list of columns is never closed"},
        {"CREATE TABLE b ()", "a column is expected here"},
        {"CREATE TABLE b (k STRING,)", "a column is expected here"},
        {"CREATE TABLE b (k NOSUCH)", "NOSUCH"},
        {"CREATE TABLE b (k STRING)", "table 'b' needs WITH"},
        {"CREATE TABLE b (PRIMARY KEY (k))", "a table needs columns"},
        {"CREATE TABLE b (k ARRAY<INT>)", "a list is written INTEGER[]"},
        {"CREATE TABLE b (k STRING, UNIQUE (k))", "UNIQUE has no meaning for a stream"},
        {"CREATE TABLE b (k STRING, j AS k || 'x')", "job.sql:1:27: a column of a table is what "
                                                     "its source gives"},
        {"CREATE TABLE b (k STRING METADATA)", "METADATA: name what is wanted in WITH"},
        {"CREATE TABLE b (k STRING PRIMARY KEY)", "write the key behind the columns"},
        {"CREATE TABLE b (ts TIMESTAMP, WATERMARK FOR tx AS tx)",
         "job.sql:1:31: WATERMARK: 'b' has no column 'tx'; did you mean 'ts'?"},
        {"CREATE TABLE b (t STRING, WATERMARK FOR t AS t)", "column 't' must be a "
                                                            "TIMESTAMP"},
        {"CREATE TABLE b (t TIMESTAMP, WATERMARK FOR t AS u) WITH", "the same column, less a time"},
        {"CREATE TABLE b (t TIMESTAMP, WATERMARK FOR t AS t - 5)", "INTERVAL is expected here"},
        {"CREATE TABLE b (t TIMESTAMP, WATERMARK FOR t AS t - INTERVAL '5' MONTH)",
         "a time's unit is MICROSECOND"},
        {"CREATE TABLE b (t TIMESTAMP, WATERMARK FOR t AS t - INTERVAL '0.1' MICROSECOND)",
         "'0.1' is no number of microseconds"},
        {"CREATE TABLE \"../x\" (k STRING)", "'../x' can't be a table's name"},
        {IN "CREATE TABLE B (k STRING)", "job.sql:2:14: there is a table or view 'B' already"},
        {IN OUT "INSERT INTO oo SELECT k, v FROM b",
         "job.sql:3:13: there is no table 'oo'; did you "
         "mean 'o'?"},
        {IN OUT "INSERT INTO o SELECT k, v FROM bb", "job.sql:3:32: "},
        {IN OUT "INSERT INTO o SELECT k, vv FROM b", "job.sql:3:25: "},
        {IN OUT "INSERT INTO o SELECT k, v FRM b", "job.sql:3:"},
        {IN OUT "INSERT INTO o SELECT k FROM b", "job.sql:3:15: the SELECT gives 1 column, and 'o' "
                                                 "takes 2: k string?, v int64?"},
        {IN OUT "INSERT INTO o (v) SELECT v, v FROM b",
         "the SELECT gives 2 columns, and 'o' takes 1 of these: k"},
        {IN OUT "INSERT INTO o SELECT v, v FROM b",
         "column 1, 'v', of the SELECT is int64, and 'k' "
         "of 'o' is string"},
        {IN OUT "INSERT INTO o (k, K) SELECT k, k FROM b", "column 'K' is named twice"},
        {IN OUT "INSERT INTO o (x) SELECT k FROM b", "job.sql:3:16: 'o' has no column 'x'"},
        {IN
         "CREATE TABLE o (item STRING, n BIGINT NOT NULL) WITH ('connector' = 'console'); INSERT "
         "INTO o (itm) SELECT k FROM b",
         "'o' has no column 'itm'; did you mean 'item'?"},
        {IN
         "CREATE TABLE o (item STRING, n BIGINT NOT NULL) WITH ('connector' = 'console'); INSERT "
         "INTO o (item) SELECT k FROM b",
         "job.sql:2:100: column 'n' of 'o' can't be null: it has to be among these"},
        {IN OUT "INSERT INTO o SELECT x.k, x.vv FROM b AS x",
         "job.sql:3:27: SQL: \"x\" has no column \"vv\"; the nearest is \"v\""},
        {IN OUT "INSERT INTO o SELECT DATE_FORMAT(ts, 'yyyy'), v FROM b", "write strftime(ts, "},
        {IN OUT "INSERT INTO o SELECT k, length(v) FROM b",
         "explicit type casts; there is length(VARCHAR) -> BIGINT,length(BIT)"},
        {IN OUT
         "INSERT INTO o SELECT k, sum(v) FROM TABLE(TUMBEL(TABLE b, DESCRIPTOR(ts), INTERVAL "
         "'1' HOUR)) GROUP BY window_start, window_end, k",
         "job.sql:3:43: there is no function 'TUMBEL' of tables; did you mean 'TUMBLE'?"},
        {IN OUT "INSERT INTO o SELECT k, sum(v) FROM TABLE(TUMBLE(TABLE b, ts, INTERVAL '1' HOUR)) "
                "GROUP BY window_start, window_end, k",
         "job.sql:3:59: the time is named by DESCRIPTOR(ts)"},
        {IN OUT
         "INSERT INTO o SELECT k, sum(v) FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(tss), INTERVAL "
         "'1' HOUR)) GROUP BY window_start, window_end, k",
         "there is no column 'tss'; the event time of this stream is ts"},
        {IN OUT
         "INSERT INTO o SELECT k, sum(v) FROM TABLE(HOP(TABLE b, DESCRIPTOR(ts), INTERVAL '7' "
         "SECOND, INTERVAL '1' MINUTE)) GROUP BY window_start, window_end, k",
         "job.sql:3:43: the size of a window of HOP, 1m, must be a multiple of its slide, 7s"},
        {IN OUT
         "INSERT INTO o SELECT k, sum(v) FROM b GROUP BY HOP(ts, INTERVAL '1' MINUTE, INTERVAL "
         "'30' SECOND), k",
         "the size of a window of HOP, 30s, must be a multiple of its slide, 1m"},
        {IN OUT "INSERT INTO o SELECT k, sum(v) FROM TABLE(SESSION(TABLE b PARTITION BY k, v, "
                "DESCRIPTOR(ts), INTERVAL '7' SECOND)) GROUP BY window_start, window_end, k, v",
         "several keys stand in brackets: PARTITION BY (a, b)"},
        {IN OUT
         "CREATE TABLE c (k STRING) WITH ('connector' = 'file', 'path' = 'c', 'format' = "
         "'json'); INSERT INTO o SELECT k, v FROM b WHERE EXISTS (SELECT 1 FROM c WHERE c.k = "
         "b.k)",
         "a subquery in an expression can't be over a stream, as 'c' is: join it"},
        {"CREATE TABLE b (k STRIN)", "there is no type \"STRIN\"; the nearest is \"STRING\""},
        {"CREATE TABLE b (k BIGNT)", "the nearest is \"BIGINT\""},
        {"CREATE TABLE b (k MAP<STRING, INT>)", "Sluice has no MAP: declare ROW("},
        {"CREATE TABLE b (t TIMESTAMP, WATERMARK t AS t)",
         "job.sql:1:40: a watermark is WATERMARK FOR "
         "t AS t - INTERVAL '10' SECOND: FOR is "
         "missing"},
        {"CREATE TABLE b (k STRING) WITH ('connector' = 'file' 'path' = 'x')",
         "job.sql:1:54: a comma is missing before option 'path'"},
        {"CREATE TABLE b (k STRING, v BIGINT) WITH ('connector' = 'file', 'path' = 'x', 'fromat' = "
         "'csv');" OUT "INSERT INTO o SELECT k, v FROM b",
         "has no option 'fromat'; did you mean 'format'?"},
        {"CREATE TABLE b (t TIMESTAMP, WATERMARK FOR t AS t) WITH ('connector' = 'file', 'path' = "
         "'x', "
         "'format' = 'csv', 'idle_after' = 'long');" OUT
         "INSERT INTO o (k) SELECT t::STRING FROM b",
         "job.sql:1:127: the idle time-out \"long\": not a duration"},
        {IN OUT "INSERT INTO o VALUES (1, 2)", "a stream has no rows of its own"},
        {IN OUT "INSERT OVERWRITE o SELECT k, v FROM b", "what was written stays"},
        {IN OUT "INSERT INTO o", "a SELECT is expected here"},
        {IN OUT "INSERT INTO o SELECT k, count(*) FROM b GROUP BY k",
         "job.sql:3:15: rows of this SELECT change (by k), and 'o' only gets rows added"},
        {IN OUT "CREATE VIEW w AS SELECT * FROM w", "job.sql:3:"},
        {IN OUT "CREATE VIEW w AS SELECT k, v FROM b; INSERT INTO w SELECT k, v FROM b",
         "'w' is a view"},
        {IN "CREATE TABLE s (k STRING) WITH ('connector' = 'file', 'path' = 'x.csv', 'format' = "
            "'csv', 'static' = 'true'); INSERT INTO s SELECT k FROM b",
         "'s' is a static table"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_mistake(cases[i][0], cases[i][1]);
    }
}

SL_TEST(a_table_is_a_source_with_its_name_and_event_time, "")
{
    check_graph(IN OUT "INSERT INTO o SELECT k, v FROM b",
                (const char *const[]){"\nb source() url=\"file:in?",
                                      "\nb.time eventTime(b) "
                                      "column=\"ts\" delay=5s idle=5m ",
                                      "\ninsert-o select(b.time) ",
                                      "\ninsert-o.save-1 save(insert-o) url=\"console:\"", NULL});
    check_graph("CREATE TABLE b (value BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH "
                "('connector' = 'rate', 'scan.watermark.idle-timeout' = '30s');" OUT
                "INSERT INTO o (v) SELECT value FROM b",
                (const char *const[]){"delay=0s idle=30s", NULL});
    check_graph("CREATE TABLE b (value BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL "
                "'0.5 minutes') WITH ('connector' = 'rate');" OUT
                "INSERT INTO o (v) SELECT value FROM b",
                (const char *const[]){"delay=30s", NULL});
}

SL_TEST(a_view_is_one_stream_however_often_it_is_read, "")
{
    check_graph(IN OUT "CREATE TEMPORARY VIEW w AS SELECT k, v FROM b WHERE v > 1;"
                       "INSERT INTO o SELECT * FROM w; INSERT INTO o SELECT k, v + 1 FROM w;",
                (const char *const[]){"\nw sql(b.time)", "insert-o ", "insert-o-2 ", NULL});
}

SL_TEST(columns_become_those_of_the_sink, "")
{
    check_graph(IN "CREATE TABLE o (name STRING, n DOUBLE, day TIMESTAMP) WITH ('connector' = "
                   "'console'); INSERT INTO o (day, name, n) SELECT ts::DATE, k, v::INTEGER FROM b",
                (const char *const[]){"insert-o.casts sql(insert-o)",
                                      ": name string?, n float64?, day timestamp?\n", NULL});
    check_graph(
        IN OUT "INSERT INTO o (V, K) SELECT v, k FROM b", // in the order of the table
        (const char *const[]){"insert-o.columns select(insert-o) expressions=\"k, v\"", NULL});
    check_graph(IN OUT "INSERT INTO o (v) SELECT v FROM b", // the others are null
                (const char *const[]){"CAST(NULL AS VARCHAR) AS k, v AS v",
                                      ": k string?, v int64?\n", NULL});
    check_graph(
        IN "CREATE TABLE o (k STRING, v BIGINT) WITH ('connector' = 'sqlite', 'path' = 'x.db', "
           "'table' = 't'); INSERT INTO o (v) SELECT v FROM b", // a database's own default
        (const char *const[]){"insert-o select(b.time) expressions=\"v\" : v int64?\n", NULL});
    check_graph(
        IN "CREATE TABLE o (k STRING, vs BIGINT[]) WITH ('connector' = 'console'); INSERT INTO "
           "o SELECT k, list(v::SMALLINT) FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), INTERVAL "
           "'1' HOUR)) GROUP BY window_start, window_end, k",
        (const char *const[]){": k string?, vs list<int64?>?\n", NULL});
    check_graph(
        "CREATE TABLE b (k STRING, v INT, w SMALLINT) WITH ('connector' = 'file', 'path' = 'in', "
        "'format' = 'json'); CREATE TABLE o (k STRING, v INT, w SMALLINT, n BIGINT, PRIMARY KEY "
        "(k) NOT ENFORCED) WITH ('connector' = 'sqlite', 'path' = 'x.db', 'table' = 't'); "
        "CREATE VIEW tops AS SELECT k, max(v) AS v, min(w) AS w, sum(v) AS n FROM b GROUP BY k; "
        "INSERT INTO o SELECT * FROM tops", // max of an INTEGER is one
        (const char *const[]){": k string?, v int32?, w int16?, n int64?\n", NULL});
    check_graph("\xef\xbb\xbf" IN OUT "INSERT INTO o SELECT k, v FROM b",
                (const char *const[]){"save(insert-o)", NULL});
    check_graph(
        IN "CREATE TABLE o (name STRING) WITH ('connector' = 'console'); INSERT INTO o "
           "SELECT k FROM b",
        (const char *const[]){"insert-o.columns select(insert-o)", ": name string?\n", NULL});
}

SL_TEST(rows_that_change_go_by_key, "")
{
    check_graph(IN "CREATE TABLE o (name STRING, n BIGINT, PRIMARY KEY (name) NOT ENFORCED) WITH "
                   "('connector' = 'sqlite', 'path' = 'x.db', 'table' = 't'); INSERT INTO o SELECT "
                   "k, count(*) FROM b GROUP BY k",
                (const char *const[]){"url=\"sqlite:x.db?table=t&mode=upsert&key=name\"", NULL});
    check_graph(
        IN "CREATE TABLE o (name STRING, n INT NOT NULL, PRIMARY KEY (name) NOT ENFORCED) "
           "WITH ('connector' = 'sqlite', 'path' = 'x.db', 'table' = 't'); INSERT INTO o "
           "SELECT k, count(*)::INTEGER FROM b GROUP BY k",
        (const char *const[]){"insert-o.columns select(insert-o) expressions=\"not_null(k) as "
                              "name, cast(not_null(",
                              ": name string, n int32\n", NULL});
    check_graph(IN "CREATE TABLE o (n BIGINT) WITH ('connector' = 'sqlite', 'path' = 'x.db', "
                   "'table' = 't'); INSERT INTO o SELECT count(*) FROM b",
                (const char *const[]){"url=\"sqlite:x.db?table=t&mode=replace\"", NULL});
    check_graph(IN "CREATE TABLE o (k STRING, n BIGINT) WITH ('connector' = 'console', 'changelog' "
                   "= 'append'); INSERT INTO o SELECT k, count(*) FROM b GROUP BY k",
                (const char *const[]){"url=\"console:\"", NULL});
    check_mistake(IN "CREATE TABLE o (k STRING, n BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH "
                     "('connector' = 'sqlite', 'path' = 'x.db', 'table' = 't'); INSERT INTO o "
                     "SELECT k, count(*) FROM b GROUP BY k",
                  "rows of this SELECT change by k, and 'o' has PRIMARY KEY (n)");
    check_mistake(IN "CREATE TABLE o (n BIGINT) WITH ('connector' = 'console'); INSERT INTO o "
                     "SELECT count(*) FROM b",
                  "this SELECT has one row, which changes");
}

#define REF                                                                                        \
    "CREATE TABLE ref (k STRING, label STRING, weight BIGINT) WITH ('connector' = 'file', "        \
    "'path' = '" SLT_SOURCE_DIR "/tests/sql_golden/ref.csv', 'format' = 'csv', 'static' = "        \
    "'true'); "

SL_TEST(a_view_over_static_tables_is_one, "")
{
    check_graph(IN OUT REF "CREATE VIEW v AS SELECT weight, count(*) AS n FROM ref GROUP BY weight "
                           "ORDER BY n LIMIT 2; CREATE VIEW w AS SELECT n FROM v UNION SELECT 1 "
                           "FROM ref; INSERT INTO o SELECT k, n FROM b JOIN w ON b.v = w.n",
                (const char *const[]){"insert-o sql(b.time)",
                                      "table=\"w\" url=\"view:w\" content=", " by_row :", NULL});
    check_mistake(IN OUT REF "INSERT INTO o SELECT k, weight FROM ref",
                  "static tables alone would give their rows once, and a job goes on");
    check_mistake(IN OUT REF "CREATE VIEW v AS SELECT k, weight FROM ref; INSERT INTO o SELECT k, "
                             "weight FROM v",
                  "static tables alone would give their rows once");
    check_mistake(IN OUT REF "CREATE VIEW v AS SELECT k, now() AS t FROM ref; INSERT INTO o SELECT "
                             "k, v FROM b",
                  "a view over static tables is computed once, when the job starts");
    check_mistake(IN OUT REF
                  "CREATE VIEW v AS SELECT kk FROM ref; INSERT INTO o SELECT k, v FROM b",
                  "there is no column \"kk\"");
    check_mistake(IN OUT REF
                  "CREATE VIEW v AS SELECT 1 // (weight - 10) AS x FROM ref; INSERT INTO "
                  "o SELECT k, v FROM b",
                  "division by zero");
}

#define COUNTS "SELECT n, count(*) AS c FROM (SELECT k, count(*) AS n FROM b GROUP BY k) GROUP BY n"

SL_TEST(rows_that_go_are_told_to_their_sink, "")
{
    check_graph(IN
                "CREATE TABLE o (n BIGINT, c BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH "
                "('connector' = 'sqlite', 'path' = 'x.db', 'table' = 't'); INSERT INTO o " COUNTS,
                (const char *const[]){
                    "insert-o.settled settle(insert-o.changes) keys=\"n\" mark=\"_change\"",
                    "insert-o.columns select(insert-o.settled) expressions=\"not_null(n) as n, c, "
                    "_change\"",
                    "url=\"sqlite:x.db?table=t&mode=upsert&key=n&deletes=_change\"", NULL});
    check_graph(IN "CREATE TABLE o (n BIGINT, c BIGINT, PRIMARY KEY (n) NOT ENFORCED) WITH "
                   "('connector' = 'upsert-kafka', 'topic' = 't', 'properties.bootstrap.servers' = "
                   "'h:1', 'format' = 'json'); INSERT INTO o " COUNTS,
                (const char *const[]){"key=n&deletes=_change\"", NULL});
    check_graph(IN "CREATE TABLE o (n BIGINT, kind STRING, c DOUBLE) WITH ('connector' = 'file', "
                   "'path' = 'o', 'format' = 'csv', 'changelog' = 'append', 'changelog.kind' = "
                   "'kind'); INSERT INTO o SELECT n, c::INTEGER FROM (" COUNTS ")",
                (const char *const[]){"insert-o.casts sql(insert-o.settled)", "_change FROM",
                                      "'-D' else '+U' end as kind, c\"",
                                      ": n int64?, kind string, c float64?\n", NULL});
    check_graph(IN "CREATE TABLE o (kind STRING, k STRING, v BIGINT) WITH ('connector' = 'file', "
                   "'path' = 'o', 'format' = 'csv', 'changelog' = 'append', 'changelog.kind' = "
                   "'kind'); INSERT INTO o SELECT k, v FROM b; INSERT INTO o SELECT k, count(*) "
                   "FROM b GROUP BY k",
                (const char *const[]){"'+I' as kind, k, v", "'+U' as kind, k", NULL});
    check_graph(IN "CREATE TABLE o (n BIGINT, c BIGINT) WITH ('connector' = 'print', 'changelog' = "
                   "'append'); INSERT INTO o " COUNTS,
                (const char *const[]){"'+U' end as kind, n, c\"", "url=\"console:\"", NULL});
}

SL_TEST(rows_that_go_need_a_sink_that_deletes, "")
{
    slt_script s;
    slt_script_define(&s,
                      IN "CREATE TABLE o (n BIGINT, c BIGINT) WITH ('connector' = 'file', 'path' = "
                         "'o', 'format' = 'csv', 'changelog' = 'append'); INSERT INTO o " COUNTS,
                      NULL, false);
    SL_CHECK_TEXT(slt_script_mistake(&s), "");
    assert_non_null(strstr(s.warnings.data, "rows of this SELECT can go, which 'o' is not told"));
    assert_non_null(strstr(slt_script_graph(&s), "insert-o.left where(insert-o.settled)"));
    slt_script_end(&s);
    check_mistake(IN
                  "CREATE TABLE o (n BIGINT, c BIGINT) WITH ('connector' = 'file', 'path' = 'o', "
                  "'format' = 'csv'); INSERT INTO o " COUNTS,
                  "only gets rows added");
    check_mistake(IN "CREATE TABLE o (n BIGINT) WITH ('connector' = 'sqlite', 'path' = 'x.db', "
                     "'table' = 't'); INSERT INTO o SELECT sum(v)::BIGINT AS n FROM b HAVING "
                     "sum(v) > 5",
                  "and 'o' can't delete: write them into a table with PRIMARY KEY");
    check_mistake(IN "CREATE TABLE o (n BIGINT, c BIGINT) WITH ('connector' = 'print', "
                     "'changelog.kind' = 'n'); INSERT INTO o " COUNTS,
                  "'changelog.kind' goes with 'changelog' = 'append'");
    check_mistake(IN
                  "CREATE TABLE o (n BIGINT, c BIGINT) WITH ('connector' = 'print', 'changelog' = "
                  "'append', 'changelog.kind' = 'n'); INSERT INTO o " COUNTS,
                  "names a STRING column of 'o', and 'n' is none");
    check_mistake(IN
                  "CREATE TABLE o (n BIGINT, x STRING) WITH ('connector' = 'print', 'changelog' = "
                  "'append', 'changelog.kind' = 'x'); INSERT INTO o (n, x) " COUNTS,
                  "'x' is filled with the kind of change");
}

SL_TEST(variables_keep_places_true, "")
{
    static const char *const variables[] = {"COLUMN", "a_long_name_of_a_column", "N", "1", "N", "2",
                                            NULL};
    slt_script s;
    slt_script_define(&s, IN OUT "INSERT INTO o SELECT '${COLUMN}', v FROM bb", variables, false);
    assert_non_null(strstr(slt_script_mistake(&s), "job.sql:3:42: "));
    slt_script_end(&s);
    slt_script_define(&s, IN OUT "INSERT INTO o SELECT '${COLUMN}', v FROM b WHERE v > ${N}",
                      variables, false);
    assert_non_null(strstr(slt_script_graph(&s), "(v > 2)"));
    slt_script_end(&s);
    check_mistake(IN OUT "\n -- ${NOT_HERE}\n INSERT INTO o SELECT ${NOT_HERE_9}",
                  "job.sql:5:23: variable NOT_HERE_9 has no value");
}

SL_TEST(a_statement_set_is_only_a_group, "")
{
    check_graph(IN OUT "EXECUTE STATEMENT SET BEGIN INSERT INTO o SELECT k, v FROM b; END;",
                (const char *const[]){"insert-o ", NULL});
    check_graph(IN OUT "BEGIN STATEMENT SET; INSERT INTO o SELECT k, v FROM b; END",
                (const char *const[]){"insert-o ", NULL});
}

SL_TEST(what_nobody_uses_is_warned_of, "")
{
    slt_script s;
    slt_script_define(&s,
                      IN OUT "CREATE TABLE unused (k STRING) WITH ('connector' = 'console');\n"
                             "CREATE VIEW idle AS SELECT k FROM b;\n"
                             "INSERT INTO o SELECT k, v FROM b",
                      NULL, false);
    SL_CHECK_TEXT(slt_script_mistake(&s), "");
    SL_CHECK_TEXT(s.warnings.data, "job.sql:3:14: nothing reads or writes table 'unused'\n"
                                   "job.sql:4:13: nothing reads view 'idle'\n");
    slt_script_end(&s);
}

SL_TEST(a_script_of_a_test_reads_queues_and_writes_where_it_can_be_seen, "")
{
    slt_script s;
    slt_script_define(&s,
                      IN OUT "INSERT INTO o SELECT k, v FROM b; INSERT INTO o SELECT k, v FROM b",
                      NULL, true);
    const char *graph = slt_script_graph(&s);
    assert_non_null(strstr(graph, "\nb queue() "));
    assert_non_null(strstr(graph, "url=\"collect:o\""));
    assert_non_null(strstr(graph, "url=\"collect:o.2\""));
    slt_script_end(&s);
}

SL_TEST(queues_of_the_program_are_tables_of_rows_or_of_bytes, "")
{
    check_graph(
        "CREATE TABLE r (k STRING NOT NULL, v BIGINT) WITH ('connector' = 'queue', 'name' = "
        "'rows', 'one_at_a_time' = 'true');"
        "CREATE TABLE t (k STRING, v BIGINT) WITH ('connector' = 'queue', 'name' = 'bytes', "
        "'format' = 'json');" OUT "INSERT INTO o SELECT k, v FROM r;"
        "INSERT INTO o SELECT k, v FROM t",
        (const char *const[]){"r queue() name=\"rows\" one_at_a_time : k string, v int64?\n",
                              "t queue() url=\"queue:bytes?format=json&schema=k string?, v "
                              "int64?\"",
                              NULL});
}

SL_TEST(rows_that_change_fall_into_a_black_hole_like_any_others, "")
{
    check_graph(IN "CREATE TABLE h (k STRING, v BIGINT) WITH ('connector' = 'blackhole');"
                   "INSERT INTO h SELECT k, count(*) FROM b GROUP BY k",
                (const char *const[]){"runningByKey(",
                                      "save(insert-h.columns) url=\"blackhole:\"\n", NULL});
}

SL_TEST(layout_and_comments_change_no_graph, "")
{
    slt_script a, b;
    slt_script_define(&a, IN OUT "INSERT INTO o SELECT k, v FROM b WHERE v > 1", NULL, false);
    slt_script_define(&b,
                      "/* x */\n" IN "-- y\n" OUT
                      "insert into o\n  select k,\n v -- z\n from b where v>1\n;\n",
                      NULL, false);
    SL_CHECK_TEXT(slt_script_mistake(&a), "");
    SL_CHECK_TEXT(slt_script_graph(&a), slt_script_graph(&b));
    slt_script_end(&a);
    slt_script_end(&b);
}

// ---------------------------------------------------------------- garbage

static const char *const seeds[] = {
    IN OUT "INSERT INTO o SELECT k, v FROM b WHERE v > ${N:-1};",
    IN OUT
    "CREATE VIEW w AS SELECT k, count(*) AS n FROM TABLE(TUMBLE(TABLE b, DESCRIPTOR(ts), "
    "INTERVAL '1' HOUR)) GROUP BY window_start, window_end, k; INSERT INTO o SELECT * FROM w",
    ("SET 'interval' = '1s'; CREATE TABLE `x` (a INT, PRIMARY KEY (a) NOT ENFORCED) WITH "
     "(connector "
     "= sqlite, path = 'x', 'table' = $$t$$)"),
};

/// Bytes and words that mean something come up often.
static size_t mutate(char *text, size_t size, size_t most, sli_rng *rng)
{
    static const char *const likely[] = {"'",
                                         "\"",
                                         "(",
                                         ")",
                                         ",",
                                         ";",
                                         "=",
                                         "${",
                                         "}",
                                         "--",
                                         "/*",
                                         "*/",
                                         "$$",
                                         " WITH ",
                                         " AS ",
                                         " FROM ",
                                         " TABLE ",
                                         "E'",
                                         " PRIMARY KEY ",
                                         "\n",
                                         "`",
                                         "\xC3",
                                         "SELECT "};
    for (uint64_t n = 1 + sli_rng_below(rng, 5); n > 0; n--) {
        const char *word = likely[sli_rng_below(rng, sizeof likely / sizeof likely[0])];
        size_t at = sli_rng_below(rng, size), length = strlen(word);
        size_t gone = sli_rng_below(rng, 12);
        gone = gone > size - at ? size - at : gone;
        if (sli_rng_below(rng, 2) == 0 && size - gone > 8) {
            memmove(text + at, text + at + gone, size - at - gone);
            size -= gone;
        } else if (size + length < most) {
            memmove(text + at + length, text + at, size - at);
            memcpy(text + at, word, length);
            size += length;
        }
    }
    text[size] = '\0';
    return size;
}

SL_TEST(mutated_scripts_are_told_as_wrong_or_become_a_graph, "")
{
    sli_rng rng = {23};
    for (int round = 0; round < (slt_is_soak() ? 20000 : 300); round++) {
        char text[4096];
        const char *seed = seeds[sli_rng_below(&rng, sizeof seeds / sizeof seeds[0])];
        (void)snprintf(text, sizeof text, "%s", seed);
        (void)mutate(text, strlen(text), sizeof text - 1, &rng);
        slt_script s;
        slt_script_define(&s, text, NULL, round % 2 == 0);
        const char *mistake = slt_script_mistake(&s);
        if (mistake[0] != '\0' && strstr(mistake, "job.sql:") == NULL) {
            fail_msg("no place in \"%s\", of\n%s", mistake, text);
        }
        slt_script_end(&s);
    }
}
