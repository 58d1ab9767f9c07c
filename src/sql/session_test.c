// Statements that come one by one: where they end, and where their mistakes are told.
#include "sql/script_fixture_test.h"

#include <stdlib.h>

// ---------------------------------------------------------------- where a statement ends

static void check_next(const char *text, sl_sql_verb verb, const char *statement, bool ended,
                       size_t next)
{
    sl_error err = SL_ERROR_INIT;
    sl_sql_statement s;
    assert_int_equal(sl_sql_next(text, 0, false, &s, &err), SL_OK);
    char *found = strndup(text + s.at, s.size);
    SL_CHECK_TEXT(found, statement);
    free(found);
    assert_int_equal(s.verb, verb);
    assert_int_equal(s.ended, ended);
    assert_int_equal(s.next, next);
}

SL_TEST(session_statements_end_where_sql_says, "")
{
    check_next("", SL_SQL_NOTHING, "", false, 0);
    check_next(" -- no; thing\n/* ; */ ", SL_SQL_NOTHING, "", false, 22);
    check_next(" select 1 ; x", SL_SQL_SELECT, "select 1", true, 11);
    check_next("SELECT ';' -- ;\n, \"a;b\" /* ; */;", SL_SQL_SELECT, "SELECT ';' -- ;\n, \"a;b\"",
               true, 32);
    check_next("with a as (select 1) from a", SL_SQL_SELECT, "with a as (select 1) from a", false,
               27);
    check_next("(select 1);", SL_SQL_SELECT, "(select 1)", true, 11);
    check_next("create view v as select 1;", SL_SQL_CREATE, "create view v as select 1", true, 26);
    check_next("SET a = 'b';", SL_SQL_SET, "SET a = 'b'", true, 12);
    check_next("INSERT INTO a SELECT 1;", SL_SQL_INSERT, "INSERT INTO a SELECT 1", true, 23);
    check_next("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END; x", SL_SQL_INSERT,
               "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END", true, 49);
    check_next(";", SL_SQL_NOTHING, "", true, 1);
    check_next("drop table a;", SL_SQL_OTHER, "drop table a", true, 13);
    check_next("select 'open;", SL_SQL_SELECT, "select", false, 13);
    check_next("'open;", SL_SQL_OTHER, "", false, 6);
}

SL_TEST(session_what_is_never_closed_is_told_at_the_end, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_sql_statement s;
    assert_int_equal(sl_sql_next("select 1,\n 'open", 0, true, &s, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "line 2, column 2"));
    assert_int_equal(sl_sql_next("select 1; /* open", 9, true, &s, &err), SL_E_INVALID);
    assert_int_equal(sl_sql_next("select 1", 0, true, &s, &err), SL_OK);
    assert_false(s.ended);
}

// ---------------------------------------------------------------- a session

typedef struct session {
    slt_script s;
    sl_sql_typed typed;
} session;

static const char stream[] = "CREATE TABLE b (k STRING, v BIGINT) WITH ('connector' = 'file', "
                             "'path' = 'in', 'format' = 'json')";

static void define(session *s, const sl_sql_piece *pieces, int32_t n)
{
    slt_script_begin(&s->s);
    sl_sql_session(s->s.graph, pieces, n, NULL, &s->typed);
}

SL_TEST(session_mistakes_are_told_where_the_statement_stood, "")
{
    static const struct {
        sl_sql_piece last;
        const char *told;
    } cases[] = {
        {{"SELECT nope FROM b", NULL, 1, 1}, "line 1, column 8: "},
        {{"SELECT k,\n nope FROM b", NULL, 1, 1}, "line 2, column 2: "},
        {{"SELECT k,\n nope FROM b", "job.sql", 7, 3}, "job.sql:8:2: "},
        {{"SELECT nope FROM b", "job.sql", 7, 3}, "job.sql:7:10: "},
        {{"SELCT 1", "stdin", 4, 1}, "did you mean 'SELECT'?"},
        {{"SELECT * FROM c", NULL, 1, 1}, "line 1, column 15: there is no table or view 'c'"},
        {{"SET intervall = '1s'", NULL, 1, 1}, "did you mean interval?"},
        {{"SELECT ${NONE} FROM b", NULL, 1, 1}, "line 1, column 8: "},
        {{"CREATE TABLE b (k STRING) WITH ('connector' = 'stdin')", NULL, 1, 1},
         "there is a table or view 'b' already"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        session s;
        const sl_sql_piece pieces[] = {{stream, "kept", 1, 1}, cases[i].last};
        define(&s, pieces, 2);
        if (strstr(slt_script_mistake(&s.s), cases[i].told) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", slt_script_mistake(&s.s), cases[i].told);
        }
        slt_script_end(&s.s);
    }
}

SL_TEST(session_a_select_needs_no_sink, "")
{
    session s;
    const sl_sql_piece pieces[] = {{stream, NULL, 1, 1},
                                   {"SELECT k, count(*) AS n FROM b GROUP BY k", NULL, 1, 1}};
    define(&s, pieces, 2);
    SL_CHECK_TEXT(slt_script_mistake(&s.s), "");
    assert_non_null(s.typed.stream);
    assert_false(s.typed.is_static);
    SL_CHECK_TEXT(s.typed.changes_by, "k");
    SL_CHECK_TEXT(sl_schema_text(sl_stream_schema(s.typed.stream)), "k string?, n int64");
    SL_CHECK_TEXT(sl_sql_name_at(s.s.graph, 0).name, "b");
    SL_CHECK_TEXT(sl_sql_name_at(s.s.graph, 0).kind, "table");
    assert_null(sl_sql_name_at(s.s.graph, 1).name);
    slt_script_end(&s.s);
}

SL_TEST(session_of_rows_that_go_tells_what_happens_to_them, "")
{
    session s;
    const sl_sql_piece pieces[] = {
        {stream, NULL, 1, 1},
        {"SELECT n, count(*) AS c FROM (SELECT k, count(*) AS n FROM b GROUP BY k) GROUP BY n",
         NULL, 1, 1}};
    define(&s, pieces, 2);
    SL_CHECK_TEXT(slt_script_mistake(&s.s), "");
    SL_CHECK_TEXT(s.typed.changes_by, "n");
    SL_CHECK_TEXT(sl_schema_text(sl_stream_schema(s.typed.stream)),
                  "kind string, n int64?, c int64?");
    slt_script_end(&s.s);
}
