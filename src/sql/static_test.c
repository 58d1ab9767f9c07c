// Static tables of real files, in every form, value by value; those that can't be read; what of
// them stands in the graph's text.
#include "sql/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TABLES SLT_SOURCE_DIR "/tests/tables/"

static const sli_static *read_table(slt_sql *s, const char *url)
{
    sli_sql *sql = NULL;
    const sli_static *table = NULL;
    sl_error err = SL_ERROR_INIT;
    if (sli_sql_of(s->graph, &sql, &err) != SL_OK ||
        sli_sql_static(sql, url, &table, &err) != SL_OK) {
        fail_msg("%s: %s", url, err.text);
    }
    return table;
}

/// The table's rows as a query over a stream sees them.
static const char *rows_of(slt_sql *s, const char *url, const char *select)
{
    sli_sql *sql = NULL;
    sli_select *made = NULL;
    sl_error err = SL_ERROR_INIT;
    const sli_static *table = read_table(s, url);
    sl_rdd *t = slt_sql_rdd(s, "n int64", "1;2;3;4;", 1);
    const sli_named names[] = {{"t", t->schema, NULL, 0},
                               {"ref", sli_static_schema(table), table, 1}};
    assert_int_equal(sli_sql_of(s->graph, &sql, &err), SL_OK);
    if (sli_select_find(sql, select, names, 2, SLI_BY_ITSELF, NULL, &made, &err) != SL_OK) {
        fail_msg("%s: %s", url, err.text);
    }
    const char *rows = slt_sql_rows(s, sli_select_rdd(made, &t));
    sl_rdd_unref(t);
    return rows;
}

/// Text formats tell less of types than the others.
static const char all[] = "SELECT n, name, price::DECIMAL(9,2) AS price, seen::TIMESTAMP AS seen, "
                          "ok::BOOLEAN AS ok FROM t LEFT JOIN ref ON n = id ORDER BY n";
static const char values[] = "1,Ærø,1250,1767323045000006,true;"
                             "2,-,-1,-1000000,false;"
                             "3,a,\"b\",-,-,-;"
                             "4,-,-,-,-;";

SL_TEST(a_static_table_has_the_same_rows_in_every_form, "")
{
    static const char *const urls[] = {
        TABLES "planes.parquet",
        TABLES "part-*.parquet",
        TABLES "planes.duckdb?table=planes",
        TABLES "planes.sqlite?table=planes",
        TABLES "planes.csv?null=NA",
        TABLES "part-*.csv?null=NA",
        TABLES "planes.csv.gz?null=NA",
        TABLES "planes.csv.zst?null=NA",
        TABLES "planes.json",
        TABLES "planes.json.gz",
        TABLES "planes.csv?header=true&null=NA&schema=id int64, name string?, price decimal(9,2)?, "
               "seen timestamp?, ok bool?",
        TABLES "planes.csv.gz?header=true&null=NA&schema=id int64, name string?, price "
               "decimal(9,2)?, seen timestamp?, ok bool?",
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        slt_sql s;
        slt_sql_open(&s, (slt_sql_conf){0});
        const char *rows = rows_of(&s, urls[i], all);
        if (strcmp(rows, values) != 0) {
            fail_msg("%s: %s", urls[i], rows);
        }
        slt_sql_close(&s);
    }
}

SL_TEST(types_of_a_static_table_are_those_of_its_file, "")
{
    static const char *const cases[][2] = {
        {TABLES "planes.parquet",
         "id int64?, name string?, price decimal(9,2)?, seen timestamp?, ok bool?"},
        {TABLES "planes.duckdb?table=planes",
         "id int64?, name string?, price decimal(9,2)?, seen timestamp?, ok bool?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slt_sql s;
        slt_sql_open(&s, (slt_sql_conf){0});
        SL_CHECK_TEXT(sl_schema_text(sli_static_schema(read_table(&s, cases[i][0]))), cases[i][1]);
        slt_sql_close(&s);
    }
}

/// The first `keep` bytes of a file of tests/tables; -1: all.
static const char *copy_of(const char *name, const char *to, long keep)
{
    static char path[512];
    char from[512];
    (void)snprintf(from, sizeof from, TABLES "%s", name);
    (void)snprintf(path, sizeof path, "%s/%s", slt_temp_dir(), to);
    FILE *in = fopen(from, "rb"), *out = fopen(path, "wb");
    assert_non_null(in);
    assert_non_null(out);
    for (int c; keep-- != 0 && (c = fgetc(in)) != EOF;) {
        assert_int_equal(fputc(c, out), c);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
    return path;
}

static void check_unread(const char *url, sl_code code, const char *has)
{
    slt_sql s;
    sli_sql *sql = NULL;
    const sli_static *table = NULL;
    slt_sql_open(&s, (slt_sql_conf){0});
    assert_int_equal(sli_sql_of(s.graph, &sql, &s.err), SL_OK);
    s.err = SL_ERROR_INIT;
    sl_code rc = sli_sql_static(sql, url, &table, &s.err);
    if (rc != code || strstr(s.err.text, has) == NULL) {
        fail_msg("%s: %s: %s", url, sl_code_name(rc), s.err.text);
    }
    slt_sql_close(&s);
}

SL_TEST(half_a_file_is_no_table, "")
{
    static const char *const names[] = {"planes.parquet", "planes.csv.gz", "planes.csv.zst",
                                        "planes.json.gz"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (long keep = 1; keep <= 120; keep += 17) {
            char to[64];
            (void)snprintf(to, sizeof to, "half-%s", names[i]);
            check_unread(copy_of(names[i], to, keep), SL_E_DATA, "");
        }
    }
}

SL_TEST(a_table_of_another_schema_is_told, "")
{
    char url[640];
    check_unread(TABLES "planes.duckdb?table=none", SL_E_INVALID, "none");
    check_unread(TABLES "planes.sqlite?table=none", SL_E_INVALID, "none");
    check_unread(TABLES "none-*.parquet", SL_E_NOT_FOUND, "none-*.parquet");
    check_unread(TABLES "planes.csv?header=true&schema=id int64, name int64, price string?, seen "
                        "string?, ok string?",
                 SL_E_DATA, "rø");
    check_unread(TABLES "planes.csv?schema=id int64", SL_E_DATA, "planes.csv");
    // Parts that don't fit together: which one it is that differs.
    (void)copy_of("part-1.csv", "mixed-1.csv", -1);
    (void)slt_sql_file("mixed-2.csv", "id,colour\n7,red\n");
    (void)snprintf(url, sizeof url, "%s/mixed-*.csv", slt_temp_dir());
    check_unread(url, SL_E_DATA, "Schema mismatch");
}

SL_TEST(a_static_table_larger_than_memory_is_refused, "")
{
    slt_sql s;
    sli_sql *sql = NULL;
    const sli_static *table = NULL;
    static const char *const given[] = {"memory", "64KiB", NULL};
    slt_sql_open(&s, (slt_sql_conf){0});
    sli_graph_given(s.graph, given);
    char *text = malloc(400000);
    size_t n = 0;
    assert_non_null(text);
    n += (size_t)snprintf(text, 400000, "id,name\n");
    for (int i = 0; i < 20000; i++) {
        n += (size_t)snprintf(text + n, 400000 - n, "%d,name%d\n", i, i % 7);
    }
    const char *path = slt_sql_file("large.csv", text);
    free(text);
    assert_int_equal(sli_sql_of(s.graph, &sql, &s.err), SL_OK);
    s.err = SL_ERROR_INIT;
    assert_int_equal(sli_sql_static(sql, path, &table, &s.err), SL_E_NO_SPACE);
    assert_non_null(strstr(s.err.text, "large.csv: a static table is kept in memory"));
    assert_non_null(strstr(s.err.text, "`memory` (65536 bytes)"));
    slt_sql_close(&s);
}

// ---------------------------------------------------------------- its content

static uint64_t content_of(const char *text)
{
    slt_sql s;
    slt_sql_open(&s, (slt_sql_conf){0});
    uint64_t content = read_table(&s, slt_sql_file("content.csv", text))->content;
    slt_sql_close(&s);
    return content;
}

SL_TEST(the_content_of_a_table_is_its_cells_their_order_and_types, "")
{
    uint64_t content = content_of("id,name\n1,a\n2,b\n");
    assert_true(content == content_of("id,name\n1,a\n2,b\n"));
    assert_true(content == content_of("id,name\r\n1,\"a\"\r\n2,b\r\n"));
    assert_true(content != content_of("id,name\n1,a\n2,c\n"));
    assert_true(content != content_of("id,name\n2,b\n1,a\n"));
    assert_true(content != content_of("id,name\n1,a\n2,b\n2,b\n"));
    assert_true(content != content_of("id,names\n1,a\n2,b\n"));
    assert_true(content != content_of("id,name\n1.0,a\n2.0,b\n"));
}

SL_TEST(the_graphs_text_has_the_content_of_its_tables, "")
{
    slt_sql s;
    char part[600];
    slt_sql_open(&s, (slt_sql_conf){0});
    const char *path = slt_sql_file("told.csv", "id,name\n1,a\n");
    sl_stream *t = sl_stream_queue(s.graph, "q", "n int64", true);
    const sl_sql_table tables[] = {{.name = "t", .stream = t}, {.name = "ref", .url = path}};
    assert_non_null(sl_sql(s.graph, "SELECT n, name FROM t JOIN ref ON n = id", tables, 2));
    (void)snprintf(part, sizeof part, " table=\"ref\" url=\"%s\" content=%016llx", path,
                   (unsigned long long)read_table(&s, path)->content);
    if (strstr(sl_graph_text(s.graph), part) == NULL) {
        fail_msg("%s\nwithout\n%s", sl_graph_text(s.graph), part);
    }
    slt_sql_close(&s);
}
