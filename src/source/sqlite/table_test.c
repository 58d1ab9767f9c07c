// Tables of SQLite files: types by declaration and by schema, what does not fit, what is no
// database.
#include <sqlite3.h>
#include <stdio.h>

#include "source/fixture_test.h"

/// A database of these statements; its path lasts as long as the test's arena.
static const char *make_db(slt_place *p, const char *name, const char *sql)
{
    sqlite3 *handle = NULL;
    const char *path = sl_arena_printf(p->arena, "%s/%s", slt_temp_dir(), name);
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    char *why = NULL;
    if (sqlite3_exec(handle, sql, NULL, NULL, &why) != SQLITE_OK) {
        fail_msg("%s", why);
    }
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
    return path;
}

static sl_code open_url(slt_place *p, const char *path, const char *query, sli_source **out)
{
    p->err = SL_ERROR_INIT;
    return sli_table_open(out, sl_arena_printf(p->arena, "sqlite:%s%s", path, query),
                          &p->source_env, &p->err);
}

SL_TEST(sqlite_table_has_the_declared_types, "")
{
    slt_place p;
    sli_source *s = NULL;
    slt_place_open(&p, false);
    const char *path = make_db(&p, "ref.sqlite",
                               "CREATE TABLE t (id INTEGER, name VARCHAR(20), ok BOOLEAN, price "
                               "REAL, raw BLOB, day DATE); INSERT INTO t VALUES (1, 'a', 1, 0.5, "
                               "x'4142', '2026-01-02'), (2, NULL, 0, 3, NULL, NULL)");
    assert_int_equal(open_url(&p, path, "?table=t", &s), SL_OK);
    assert_string_equal(sl_schema_text(s->ops->schema(s)),
                        "id int64?, name string?, ok bool?, price float64?, raw binary?, day "
                        "string?");
    const char *rows = slt_take(&p, s);
    assert_true(strncmp(rows, "1,a,1,4602678819172646912,", 26) == 0); // a double as its bits
    assert_non_null(strstr(rows, ",AB,2026-01-02;2,null,0,4613937818241073152,null,null;"));
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(sqlite_table_may_be_a_query_with_a_schema, "")
{
    slt_place p;
    sli_source *s = NULL;
    slt_place_open(&p, false);
    const char *path = make_db(&p, "ref.db",
                               "CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (3), "
                               "(1), (2)");
    assert_int_equal(open_url(&p, path, "?query=SELECT%20id,%20id*2%20FROM%20t", &s), SL_E_INVALID);
    assert_non_null(strstr(p.err.text, "\"id*2\" has no declared type: give the types"));
    assert_int_equal(open_url(&p, path,
                              "?query=SELECT%20id,%20id*2%20FROM%20t%20ORDER%20BY%20id"
                              "&schema=a%20int32,%20b%20int64",
                              &s),
                     SL_OK);
    assert_string_equal(slt_take(&p, s), "1,2;2,4;3,6;");
    sli_source_close(s);
    assert_int_equal(open_url(&p, path, "?query=DELETE%20FROM%20t", &s), SL_E_CONFIG);
    slt_place_close(&p);
}

SL_TEST(sqlite_values_of_another_kind_are_told, "")
{
    slt_place p;
    sli_source *s = NULL;
    slt_place_open(&p, false);
    const char *path =
        make_db(&p, "odd.db", "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1), ('x')");
    assert_int_equal(open_url(&p, path, "?table=t", &s), SL_OK);
    slt_offer(&p, s);
    const char *rows = NULL;
    assert_int_equal(slt_read(&p, s, (sl_bytes){"SLT1", 4}, &rows), SL_E_DATA);
    assert_non_null(strstr(p.err.text, "odd.db: row 2, column n: a text is not what its type can"));
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(sqlite_refuses_what_is_no_table, "")
{
    slt_place p;
    sli_source *s = NULL;
    slt_place_open(&p, false);
    const char *path = make_db(&p, "ref.db", "CREATE TABLE t (n INTEGER)");
    const struct {
        const char *query;
        sl_code code;
        const char *text;
    } cases[] = {
        {"", SL_E_CONFIG, "a table or a query is needed"},
        {"?table=t&query=x", SL_E_CONFIG, "a table or a query is needed"},
        {"?tabel=t", SL_E_CONFIG, "table"},
        {"?table=none", SL_E_INVALID, "no such table: none"},
        {"?table=t&schema=a%20int64,%20b%20int64", SL_E_CONFIG,
         "schema has 2 columns, the table has 1"},
        {"?table=t&schema=a%20list<int64>", SL_E_CONFIG, "column a: SQLite has no values"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(open_url(&p, path, cases[i].query, &s), cases[i].code);
        if (strstr(p.err.text, cases[i].text) == NULL) {
            fail_msg("%s", p.err.text);
        }
    }
    const char *absent = sl_arena_printf(p.arena, "%s/none.db", slt_temp_dir());
    assert_int_equal(open_url(&p, absent, "?table=t", &s), SL_E_NOT_FOUND);
    const char *text = sl_arena_printf(p.arena, "%s/text.db", slt_temp_dir());
    FILE *file = fopen(text, "w");
    assert_non_null(file);
    assert_true(fputs("this is no database, and long enough to be looked at as one of them....",
                      file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(open_url(&p, text, "?table=t", &s), SL_E_CORRUPT);
    slt_place_close(&p);
}
