// sl_sql on a graph: what the operator's text says, mistakes that stick, functions, static tables.
#include "sql/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static sl_stream *queue(slt_sql *s, const char *name, const char *schema)
{
    return sl_stream_queue(s->graph, name, schema, true);
}

SL_TEST(the_graph_has_the_query_as_duckdb_prints_it, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_stream *t = queue(&s, "in", "n int64, w string");
    sl_stream *a = sl_sql(s.graph, "select  N as m -- of t\n from T where n>1",
                          &(sl_sql_table){.name = "t", .stream = t}, 1);
    sl_stream *b = sl_sql(s.graph, "SELECT w, count(*) AS n FROM t GROUP BY w",
                          &(sl_sql_table){.name = "t", .stream = t}, 1);
    assert_non_null(a);
    assert_string_equal(sl_schema_text(sl_stream_schema(a)), "m int64?");
    assert_string_equal(sl_schema_text(sl_stream_schema(b)), "w string?, n int64?");
    sl_stream_uid(b, "counts");
    const char *text = sl_graph_text(s.graph);
    if (strstr(text, "sql-1 sql(queue-1) query=\"SELECT N AS m FROM T WHERE (n > 1)\" "
                     "stream=\"t=#1\" by_row : m int64?\n") == NULL ||
        strstr(text, "counts sql(queue-1) query=\"SELECT w, count_star() AS n FROM t GROUP BY w\" "
                     "stream=\"t=#1\" : w string?, n int64?\n") == NULL) {
        fail_msg("%s", text);
    }
    slt_sql_close(&s);
}

SL_TEST(mistakes_of_sl_sql_stick_to_the_graph, "")
{
    static const struct {
        const char *select;
        sl_sql_table tables[2];
        int32_t n;
        const char *begins;
    } cases[] = {
        {NULL, {{.name = "t"}}, 1, "sql: the query is NULL"},
        {"SELECT 1", {{.name = "t"}}, 0, "sql: 0 tables; there may be 1 to 64"},
        {"SELECT n FROM t",
         {{.name = "t"}},
         1,
         "sql: table \"t\" has neither a stream nor a URL; it needs one of them"},
        {"SELECT n FROM t", {{.name = ""}}, 1, "sql: table 1 has no name"},
        {"SELECT n FROM t",
         {{.name = "t", .url = "none.csv?format=csv&schema=n int64"}},
         1,
         "sql: table \"t\": "},
        {"SELECT m FROM t", {{.name = "t", .url = "?"}}, 1, "sql: column 8: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slt_sql s;
        slt_sql_open(&s, (slt_sql_conf){.simulated = true});
        sl_sql_table tables[2] = {cases[i].tables[0], cases[i].tables[1]};
        if (tables[0].url != NULL && strcmp(tables[0].url, "?") == 0) {
            tables[0] = (sl_sql_table){.name = "t", .stream = queue(&s, "q", "n int64")};
        }
        assert_null(sl_sql(s.graph, cases[i].select, tables, cases[i].n));
        const char *text = slt_sql_mistake(&s);
        if (strncmp(text, cases[i].begins, strlen(cases[i].begins)) != 0) {
            fail_msg("%s", text);
        }
        slt_sql_close(&s);
    }
}

SL_TEST(without_its_module_sql_says_what_to_install, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){0});
    sli_graph_modules(s.graph, slt_temp_dir());
    sl_stream *t = queue(&s, "q", "n int64");
    assert_null(sl_sql(s.graph, "SELECT n FROM t", &(sl_sql_table){.name = "t", .stream = t}, 1));
    const char *text = slt_sql_mistake(&s);
    if (strstr(text, "sql_duckdb") == NULL || strstr(text, "libsluice-sql") == NULL) {
        fail_msg("%s", text);
    }
    slt_sql_close(&s);
}

// ---------------------------------------------------------------- static tables

/// The rows of the table as an epoch would see them, joined with numbers 1 to 3.
static const char *join(slt_sql *s, const char *url, const char *select)
{
    sli_sql *sql = NULL;
    sli_select *made = NULL;
    const sli_static *table = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_rdd *t = slt_sql_rdd(s, "n int64", "1;2;3;", 3);
    if (sli_sql_of(s->graph, &sql, &err) != SL_OK ||
        sli_sql_static(sql, url, &table, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    const sli_named names[] = {{"t", t->schema, NULL, 0},
                               {"ref", sli_static_schema(table), table, 1}};
    if (sli_select_find(sql, select, names, 2, SLI_BY_ITSELF, NULL, &made, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    const char *rows = slt_sql_parts(s, sli_select_rdd(made, &t));
    sl_rdd_unref(t);
    return rows;
}

static const char left[] = "SELECT n, name FROM t LEFT JOIN ref ON n = id";

SL_TEST(static_tables_are_files_with_types_of_their_own, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){0});
    const char *path = slt_sql_file("ref.csv", "id,name,day\n1,ann,2026-01-02\n3,eve,2026-01-03\n");
    assert_string_equal(join(&s, path, left), "1,ann;|2,-;|3,eve;"); // by row, where they lie
    assert_string_equal(join(&s, path, "SELECT n, day FROM t JOIN ref ON n = id"),
                        "1,20455;||3,20456;");
    // Gone and changed files change nothing: what was read is kept.
    assert_int_equal(unlink(path), 0);
    assert_string_equal(join(&s, path, left), "1,ann;|2,-;|3,eve;");
    path = slt_sql_file("ref.ndjson", "{\"id\":1,\"name\":\"j\"}\n{\"id\":2,\"name\":\"k\"}\n");
    assert_string_equal(join(&s, path, left), "1,j;|2,k;|3,-;");
    path = slt_sql_file("ref.tsv", "id\tname\n2\tx,y\n");
    assert_string_equal(join(&s, path, left), "1,-;|2,x,y;|3,-;");
    slt_sql_close(&s);
}

SL_TEST(the_stream_on_the_other_side_of_a_join_is_one_whole, "")
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){0});
    const char *path = slt_sql_file("ref.csv", "id,name\n1,ann\n9,zoe\n");
    assert_string_equal(
        join(&s, path, "SELECT n, name FROM t RIGHT JOIN ref ON n = id ORDER BY name"),
        "1,ann;-,zoe;");
    slt_sql_close(&s);
}

SL_TEST(static_tables_with_a_schema_are_read_by_sluice, "")
{
    slt_sql s;
    char url[640];
    slt_sql_open(&s, (slt_sql_conf){0});
    (void)snprintf(url, sizeof url, "%s?header=true&schema=id int64, name string",
                   slt_sql_file("ref.csv", "id,name\n1,007\n"));
    assert_string_equal(join(&s, url, left), "1,007;|2,-;|3,-;"); // a text, as told
    slt_sql_close(&s);
}

SL_TEST(static_tables_that_cannot_be_read_say_why, "")
{
    static const struct {
        const char *name, *content, *query, *has;
    } cases[] = {
        {"a.csv", NULL, "", "a.csv"},
        {"b.parquet", "PAR1 half of a file", "", "b.parquet"},
        {"c.csv", "id,name\n1,a\n", "?delimeter=;", "delimiter"},
        {"d.duckdb", "no database", "?table=t", "DuckDB database"},
        {"e.duckdb", "no database", "", "table"},
        {"f.sqlite", "no database at all, but many letters to read .......", "?table=t",
         "SQLite: "},
        {"g.csv", "id,name\n1,a\n2,b,c,d\n3,d\n", "?delimiter=,", "schema=NAME TYPE"},
    };
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char url[640];
        sli_sql *sql = NULL;
        const sli_static *table = NULL;
        const char *path =
            slt_sql_file(cases[i].name, cases[i].content == NULL ? "" : cases[i].content);
        if (cases[i].content == NULL) {
            assert_int_equal(unlink(path), 0);
        }
        (void)snprintf(url, sizeof url, "%s%s", path, cases[i].query);
        assert_int_equal(sli_sql_of(s.graph, &sql, &s.err), SL_OK);
        s.err = SL_ERROR_INIT;
        assert_int_not_equal(sli_sql_static(sql, url, &table, &s.err), SL_OK);
        if (strstr(s.err.text, cases[i].has) == NULL) {
            fail_msg("%s: %s", cases[i].name, s.err.text);
        }
    }
    slt_sql_close(&s);
}

// ---------------------------------------------------------------- functions

static sl_code run_twice(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    const sl_column *n = sl_batch_column(in, 0);
    if (n->type != SL_INT64) {
        return sl_error_set(err, SL_E_INVALID, "it takes an int64");
    }
    for (int64_t i = 0; i < n->n_rows; i++) {
        if (!sl_column_is_null(n, i) && sl_column_int64(n, i) == 13) {
            return sl_error_set(err, SL_E_DATA, "13 is refused");
        }
        if (sl_column_is_null(n, i)) {
            sl_builder_null(out, 0);
        } else if (sl_column_int64(n, i) != 99) { // then there is a row too few
            sl_builder_int64(out, 0, 2 * sl_column_int64(n, i));
        }
    }
    return SL_OK;
}
static const sl_fn twice = {.struct_size = sizeof(sl_fn),
                            .name = "twice",
                            .out = "x int64?",
                            .version = 4,
                            .run = run_twice};

/// A query of the graph's SQL over numbers.
static sl_rdd *ask_graph(slt_sql *s, const char *numbers, const char *select)
{
    if (sli_runtime_owned(&s->own, "sql") == NULL) {
        assert_int_equal(sli_sql_lend(s->graph, &s->own, &s->err), SL_OK);
    }
    sl_rdd *t = slt_sql_rdd(s, "n int64?", numbers, 2);
    sl_rdd *asked = slt_sql_ask(s, t, select);
    sl_rdd_unref(t);
    return asked;
}

SL_TEST(functions_of_the_job_are_called_from_sql, "")
{
    slt_sql s;
    const char *text = NULL;
    slt_sql_open(&s, (slt_sql_conf){.simulated = true});
    sl_sql_function(s.graph, &twice);
    assert_int_equal(sl_graph_check(s.graph, &s.err), SL_OK);
    assert_string_equal(
        slt_sql_rows(&s,
                     ask_graph(&s, "1;-;3;", "SELECT twice(n) + twice(20::BIGINT) AS m FROM t")),
        "42;-;46;");
    sl_code rc = slt_sql_fails(&s, ask_graph(&s, "1;13;", "SELECT twice(n) AS m FROM t"), &text);
    assert_int_equal(rc, SL_E_DATA);
    assert_non_null(strstr(text, "function twice: 13 is refused"));
    rc = slt_sql_fails(&s, ask_graph(&s, "1;99;", "SELECT twice(n) AS m FROM t"), &text);
    assert_int_equal(rc, SL_E_USER);
    assert_non_null(strstr(text, "function twice: it made 0 rows of 1"));
    sl_stream *q = queue(&s, "q", "n int64");
    assert_non_null(sl_sql(s.graph, "SELECT twice(n) AS m FROM q",
                           &(sl_sql_table){.name = "q", .stream = q}, 1));
    assert_non_null(strstr(sl_graph_text(s.graph), " fn=\"twice\" version=4 "));
    slt_sql_close(&s);
}

SL_TEST(functions_that_sql_cannot_call_are_refused, "")
{
    static const struct {
        sl_fn fn;
        const char *has;
    } cases[] = {
        {{.struct_size = sizeof(sl_fn),
          .name = "a",
          .out = "x int64",
          .run = run_twice,
          .impure = true},
         "it is impure"},
        {{.struct_size = sizeof(sl_fn), .name = "my.fn", .out = "x int64", .run = run_twice},
         "no name that SQL can call"},
        {{.struct_size = sizeof(sl_fn), .name = "a", .out = "x int64, y int64", .run = run_twice},
         "it makes 2 columns"},
        {{.struct_size = sizeof(sl_fn), .name = "a", .run = run_twice}, "`out`"},
        {{.struct_size = sizeof(sl_fn),
          .name = "a",
          .out = "x int64",
          .run = run_twice,
          .state_bytes = 8},
         "from call to call"},
        {{.struct_size = sizeof(sl_fn), .name = "a", .out = "x int64"}, "no name, no code"},
        {{.struct_size = sizeof(sl_fn), .name = "Abs", .out = "x int64", .run = run_twice},
         "SQL has a function of that name"},
        {{.struct_size = sizeof(sl_fn), .name = "sum", .out = "x int64", .run = run_twice},
         "SQL has a function of that name"},
        {{.struct_size = sizeof(sl_fn), .name = "fmod", .out = "x int64", .run = run_twice},
         "SQL has a function of that name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slt_sql s;
        slt_sql_open(&s, (slt_sql_conf){.simulated = true});
        sl_sql_function(s.graph, &cases[i].fn);
        const char *text = slt_sql_mistake(&s);
        if (strncmp(text, "sql function '", 14) != 0 || strstr(text, cases[i].has) == NULL) {
            fail_msg("%s", text);
        }
        slt_sql_close(&s);
    }
}

SL_TEST(places_are_lines_and_columns_of_characters, "")
{
    static const struct {
        sli_place place;
        int64_t at;
        const char *text;
    } cases[] = {
        {{.text = "SELECT x"}, 7, "column 8: wrong"},
        {{.text = "SELECT 'ä', x"}, 13, "column 13: wrong"},
        {{.text = "SELECT\n x"}, 8, "line 2, column 2: wrong"},
        {{.text = "SELECT x"}, -1, "wrong"},
        {{.name = "job.sql", .text = "a;\nSELECT x", .from = 3}, 7, "job.sql:2:8: wrong"},
        {{.name = "job.sql", .text = "a;\nSELECT x", .from = 3}, -1, "job.sql:2:1: wrong"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sl_error_set(&err, SL_E_INVALID, "wrong");
        assert_int_equal(sli_place_wrap(&cases[i].place, cases[i].at, rc, &err), SL_E_INVALID);
        assert_string_equal(err.text, cases[i].text);
    }
}
