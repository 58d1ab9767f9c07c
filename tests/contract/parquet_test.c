// Parquet in a script, by the real program: read from a directory, as a letter when a row is
// refused or a file can't be read, and refused where it can't be.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/program.h"

enum { OK = 0, JOB = 1, CONFIG = 3 };

static int sluice(slt_program *program, const char *dir, const char *const words[15])
{
    const char *argv[17] = {slt_built("bin/sluice")};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    for (int i = 0; i < 15 && words[i] != NULL; i++) {
        argv[i + 1] = words[i];
    }
    return slt_run(program, dir, argv);
}

#define SLUICE(program, dir, ...) sluice(program, dir, (const char *const[15]){__VA_ARGS__})

/// 'dir/in/NAME' becomes a file of pyarrow's or DuckDB's.
static void put_parquet(const char *dir, const char *name, const char *from)
{
    char path[512], piece[4096];
    (void)snprintf(path, sizeof path, SLT_SOURCE_DIR "/src/source/file/parquet_test/%s", from);
    (void)mkdir(slt_path(dir, "in"), 0700);
    FILE *in = fopen(path, "rb"), *out = fopen(slt_path(dir, name), "wb");
    assert_true(in != NULL && out != NULL);
    size_t n = fread(piece, 1, sizeof piece, in);
    assert_true(n > 0 && n < sizeof piece);
    assert_int_equal(fwrite(piece, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(in), 0);
}

/// What the script wrote, in one text; of one file.
static const char *shown(slt_program *p, const char *dir)
{
    const char *argv[] = {"sh", "-c", "cat out/*.csv", NULL};
    assert_int_equal(slt_run(p, dir, argv), OK);
    return slt_out(p);
}

static const char words[] =
    "CREATE TABLE words (word STRING, n BIGINT NOT NULL) WITH ('connector' = 'filesystem', "
    "'path' = 'in', 'format' = 'parquet', 'parquet.malformed' = '${BAD:-fail}');\n"
    "CREATE TABLE out (n BIGINT, word STRING) WITH ('connector' = 'filesystem', 'path' = 'out', "
    "'format' = '${TO:-csv}');\n"
    "INSERT INTO out SELECT n * 10, word FROM words WHERE n <> 2;\n";

SL_TEST(a_script_reads_parquet_from_a_directory, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "words.sql", words);
    put_parquet(dir, "in/a.parquet", "zstd.parquet");
    int rc = SLUICE(&p, dir, "run", "words.sql", "--interval", "20ms", "--max-epochs", "1");
    if (rc != OK) {
        fail_msg("%d: %s", rc, slt_err(&p));
    }
    assert_string_equal(shown(&p, dir), "10,to\n30,\n");
}

SL_TEST(a_parquet_file_that_can_not_be_read_is_told_with_its_columns, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "words.sql", words);
    put_parquet(dir, "in/b.parquet", "duckdb.parquet");
    assert_int_equal(SLUICE(&p, dir, "run", "words.sql", "--interval", "20ms", "--max-epochs", "1"),
                     JOB);
    SL_CHECK_HAS(slt_err(&p),
                 "in/b.parquet: there is no column 'word'; there are: n INTEGER, s VARCHAR");
}

SL_TEST(a_parquet_file_that_can_not_be_read_may_be_a_dead_letter, "POISON-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "words.sql", words);
    put_parquet(dir, "in/a.parquet", "zstd.parquet");
    put_parquet(dir, "in/b.parquet", "duckdb.parquet");
    int rc =
        SLUICE(&p, dir, "run", "words.sql", "--interval", "20ms", "--max-epochs", "1",
               "--checkpoint", "state", "--set", "BAD=dead-letter", "--conf", "poison=dead-letter");
    if (rc != OK) {
        fail_msg("%d: %s", rc, slt_err(&p));
    }
    assert_string_equal(shown(&p, dir), "10,to\n30,\n");
    assert_int_equal(SLUICE(&p, dir, "dead", "state"), OK);
    SL_CHECK_HAS(slt_out(&p), "in/b.parquet");
    SL_CHECK_HAS(slt_out(&p), "there is no column 'word'");
}

SL_TEST(a_row_of_a_parquet_file_may_be_a_dead_letter, "POISON-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "rows.sql",
            "CREATE TABLE rows (n INT, s STRING) WITH ('connector' = 'filesystem', 'path' = 'in', "
            "'format' = 'parquet');\n"
            "CREATE TABLE out (n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'out', "
            "'format' = 'csv');\n"
            "INSERT INTO out SELECT CAST(CASE WHEN n = 1 THEN s ELSE '7' END AS BIGINT) FROM "
            "rows;\n");
    put_parquet(dir, "in/a.parquet", "duckdb.parquet");
    int rc = SLUICE(&p, dir, "run", "rows.sql", "--interval", "20ms", "--max-epochs", "1",
                    "--checkpoint", "state", "--conf", "poison=dead-letter", "--conf",
                    "poison.max_share=1");
    if (rc != OK) {
        fail_msg("%d: %s", rc, slt_err(&p));
    }
    assert_string_equal(shown(&p, dir), "7\n7\n");
    assert_int_equal(SLUICE(&p, dir, "dead", "state"), OK);
    SL_CHECK_HAS(slt_out(&p), "{\"n\":1,\"s\":\"row 1\"}");
}

/// With a format a static table is a directory too, and has the declared columns alone.
SL_TEST(a_script_joins_a_static_table_of_parquet, "")
{
    static const char *const paths[] = {"in", "in/a.parquet"};
    slt_program p;
    const char *dir = slt_temp_dir();
    put_parquet(dir, "in/a.parquet", "zstd.parquet");
    for (int i = 0; i < 2; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "CREATE TABLE lines (k BIGINT) WITH ('connector' = 'stdin', 'format' = "
                       "'csv');\n"
                       "CREATE TABLE names (word STRING, n INT) WITH ('connector' = 'filesystem', "
                       "'path' = '%s', 'format' = 'parquet', 'static' = 'true');\n"
                       "CREATE TABLE out (k BIGINT, word STRING) WITH ('connector' = 'filesystem', "
                       "'path' = 'out%d', 'format' = 'csv');\n"
                       "INSERT INTO out SELECT k, word FROM lines JOIN names ON k = n;\n",
                       paths[i], i);
        slt_put(dir, "join.sql", text);
        (void)snprintf(
            text, sizeof text,
            "printf '2\\n1\\n4\\n' | \"$0\" run join.sql --interval 50ms && sort out%d/*", i);
        slt_put(dir, "run.sh", text);
        const char *argv[] = {"sh", "-c", ". ./run.sh", slt_built("bin/sluice"), NULL};
        if (!SLT_DUCKDB) {
            slt_not_here("this build is without DuckDB");
        }
        if (slt_run(&p, dir, argv) != OK) {
            fail_msg("%s", slt_err(&p));
        }
        assert_string_equal(slt_out(&p), "1,to\n2,be\n");
    }
}

SL_TEST(parquet_is_refused_where_a_script_is_defined, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "words.sql", words);
    assert_int_equal(SLUICE(&p, dir, "validate", "words.sql", "--set", "TO=parquet"), CONFIG);
    SL_CHECK_HAS(slt_err(&p),
                 "table 'out': option format: \"parquet\": is not a choice; allowed is "
                 "one of text, csv, json, arrow, fixed");
    slt_put(dir, "lines.sql",
            "CREATE TABLE lines (n BIGINT, word STRING) WITH ('connector' = 'stdin', "
            "'format' = 'parquet');\n"
            "CREATE TABLE out (n BIGINT) WITH ('connector' = 'print');\n"
            "INSERT INTO out SELECT n FROM lines;\n");
    assert_int_equal(SLUICE(&p, dir, "validate", "lines.sql"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "format parquet is read from files in a directory");
}
