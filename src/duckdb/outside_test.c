// What is outside: files that are read once, or never; memory, the place to spill; the module.
#include "duckdb/fixture_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// ---------------------------------------------------------------- helpers

static const char *in_dir(const char *name)
{
    static char paths[16][512];
    static int next;
    char *path = paths[next++ % 16];
    (void)snprintf(path, sizeof paths[0], "%s/%s", slt_temp_dir(), name);
    return path;
}

static void write_file(const char *path, const char *text)
{
    size_t size = strlen(text);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/// The statement with the path in place of its "@".
static void put_path(char *out, size_t size, const char *select, const char *path)
{
    int before = (int)strcspn(select, "@");
    (void)snprintf(out, size, "%.*s%s%s", before, select, path, select + before + 1);
}

typedef struct reading {
    sli_str rows, schema;
    int32_t n_batches;
} reading;

static sl_code keep(void *ctx, sl_batch *rows, sl_error *err)
{
    reading *r = ctx;
    (void)err;
    sli_str_clear(&r->schema);
    sli_str_text(&r->schema, sl_schema_text(sl_batch_schema(rows)));
    slt_duck_put_batch(&r->rows, rows);
    r->n_batches++;
    return SL_OK;
}

/// Reads, and returns the code; rows and schema are in `r`, which the caller resets.
static sl_code read_it(slt_duck *d, reading *r, const char *attach, const char *select,
                       const char *path)
{
    char sql[1024];
    put_path(sql, sizeof sql, select, path);
    *r = (reading){0};
    sli_str_text(&r->rows, "");
    d->err = SL_ERROR_INIT;
    return sli_dbs_read(d->dbs, sql, attach, &d->where, keep, r, &d->err);
}

static void reset(reading *r)
{
    sli_str_reset(&r->rows);
    sli_str_reset(&r->schema);
}

static void check_read(slt_duck *d, const char *attach, const char *select, const char *path,
                       const char *schema, const char *rows)
{
    reading r;
    slt_duck_ok(d, read_it(d, &r, attach, select, path));
    SL_CHECK_TEXT(r.schema.data, schema);
    SL_CHECK_TEXT(r.rows.data, rows);
    reset(&r);
}

static void check_unread(slt_duck *d, const char *attach, const char *select, const char *path,
                         sl_code code, const char *part)
{
    reading r;
    sl_code rc = read_it(d, &r, attach, select, path);
    reset(&r);
    if (rc != code || strstr(d->err.text, part) == NULL) {
        fail_msg("%s: %s and not %s: %s", select, sl_code_name(rc), sl_code_name(code),
                 d->err.text);
    }
}

// ---------------------------------------------------------------- files

SL_TEST(duck_files_are_read_once, "")
{
    slt_duck d;
    slt_duck_start(&d);
    const char *csv = in_dir("a.csv"), *json = in_dir("a.json");
    write_file(csv, "word,n\nbe,1\nor,\n");
    write_file(json, "{\"word\": \"be\", \"n\": [1, 2]}\n{\"word\": null, \"n\": []}\n");
    check_read(&d, NULL, "SELECT * FROM '@'", csv, "word string?, n int64?", "be,1;or,~;");
    check_read(&d, NULL, "SELECT n, word FROM read_csv('@') WHERE n > 0", csv,
               "n int64?, word string?", "1,be;");
    check_read(&d, NULL, "SELECT * FROM read_json('@')", json, "word string?, n list<int64?>?",
               "be,[1 2];~,[];");
    check_read(&d, NULL, "SELECT * FROM '@' WHERE n > 7", csv, "word string?, n int64?", "");
    slt_duck_end(&d);
}

SL_TEST(duck_files_that_can_not_be_read_are_told, "")
{
    slt_duck d;
    slt_duck_start(&d);
    const char *broken = in_dir("broken.parquet"), *half = in_dir("half.json");
    const char *csv = in_dir("bad.csv");
    write_file(broken, "PAR1 and then nothing");
    write_file(half, "[{\"a\": 1}, {\"a\": ");
    write_file(csv, "n\n1\nmany\n");
    check_unread(&d, NULL, "SELECT * FROM read_csv('@')", in_dir("none.csv"), SL_E_NOT_FOUND,
                 "none.csv");
    check_unread(&d, NULL, "SELECT * FROM '@'", in_dir("none.parquet"), SL_E_NOT_FOUND,
                 "none.parquet");
    check_unread(&d, NULL, "SELECT * FROM '@'", broken, SL_E_DATA, "broken.parquet");
    check_unread(&d, NULL, "SELECT * FROM '@'", half, SL_E_DATA, "JSON");
    check_unread(&d, NULL, "SELECT * FROM read_csv('@', columns = {'n': 'INTEGER'})", csv,
                 SL_E_DATA, "many");
    check_unread(&d, NULL, "SELECT m FROM read_csv('@')", csv, SL_E_INVALID, "\"m\"");
    check_unread(&d, NULL, "SELECT * FROM 'http://127.0.0.1:1/@'", "x.csv", SL_E_UNSUPPORTED, "");
    check_unread(&d, NULL, "COPY (SELECT 1) TO '@'", in_dir("out.csv"), SL_E_INVALID,
                 "only a SELECT");
    assert_int_equal(access(in_dir("out.csv"), F_OK), -1);
    check_unread(&d, in_dir("none.duckdb"), "SELECT * FROM db.t@", "", SL_E_NOT_FOUND,
                 "none.duckdb");
    check_unread(&d, csv, "SELECT * FROM db.t@", "", SL_E_DATA, "bad.csv");
    slt_duck_end(&d);
}

/// SELECT range n, 'row ' || range s FROM range(3), as DuckDB 1.5.6 wrote it.
static const unsigned char parquet[] = {
    0x50, 0x41, 0x52, 0x31, 0x15, 0x00, 0x15, 0x3c, 0x15, 0x2c, 0x2c, 0x15, 0x06, 0x15, 0x00, 0x15,
    0x06, 0x15, 0x06, 0x00, 0x00, 0x1e, 0x18, 0x02, 0x00, 0x00, 0x00, 0x06, 0x01, 0x00, 0x0d, 0x01,
    0x11, 0x09, 0x1c, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x15, 0x00, 0x15, 0x42, 0x15,
    0x3c, 0x2c, 0x15, 0x06, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00, 0x21, 0x38, 0x02, 0x00,
    0x00, 0x00, 0x06, 0x01, 0x05, 0x00, 0x00, 0x00, 0x72, 0x6f, 0x77, 0x20, 0x30, 0x11, 0x09, 0x24,
    0x31, 0x05, 0x00, 0x00, 0x00, 0x72, 0x6f, 0x77, 0x20, 0x32, 0x15, 0x02, 0x19, 0x3c, 0x35, 0x00,
    0x18, 0x0d, 0x64, 0x75, 0x63, 0x6b, 0x64, 0x62, 0x5f, 0x73, 0x63, 0x68, 0x65, 0x6d, 0x61, 0x15,
    0x04, 0x00, 0x15, 0x04, 0x25, 0x02, 0x18, 0x01, 0x6e, 0x25, 0x24, 0x00, 0x15, 0x0c, 0x25, 0x02,
    0x18, 0x01, 0x73, 0x25, 0x00, 0x00, 0x16, 0x06, 0x19, 0x1c, 0x19, 0x2c, 0x26, 0x00, 0x1c, 0x15,
    0x04, 0x19, 0x15, 0x00, 0x19, 0x18, 0x01, 0x6e, 0x15, 0x02, 0x16, 0x06, 0x16, 0x5e, 0x16, 0x4e,
    0x26, 0x08, 0x3c, 0x18, 0x08, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x18, 0x08, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x16, 0x00, 0x28, 0x08, 0x02, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x18, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x11, 0x11, 0x00,
    0x00, 0x00, 0x26, 0x00, 0x1c, 0x15, 0x0c, 0x19, 0x15, 0x00, 0x19, 0x18, 0x01, 0x73, 0x15, 0x02,
    0x16, 0x06, 0x16, 0x64, 0x16, 0x5e, 0x26, 0x56, 0x3c, 0x18, 0x05, 0x72, 0x6f, 0x77, 0x20, 0x32,
    0x18, 0x05, 0x72, 0x6f, 0x77, 0x20, 0x30, 0x16, 0x00, 0x28, 0x05, 0x72, 0x6f, 0x77, 0x20, 0x32,
    0x18, 0x05, 0x72, 0x6f, 0x77, 0x20, 0x30, 0x11, 0x11, 0x00, 0x00, 0x00, 0x16, 0xc2, 0x01, 0x16,
    0x06, 0x26, 0x08, 0x16, 0xac, 0x01, 0x00, 0x28, 0x28, 0x44, 0x75, 0x63, 0x6b, 0x44, 0x42, 0x20,
    0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x20, 0x76, 0x31, 0x2e, 0x35, 0x2e, 0x36, 0x20, 0x28,
    0x62, 0x75, 0x69, 0x6c, 0x64, 0x20, 0x30, 0x36, 0x39, 0x63, 0x63, 0x39, 0x66, 0x39, 0x62, 0x35,
    0x29, 0x19, 0x2c, 0x1c, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0xf0, 0x00, 0x00, 0x00, 0x50, 0x41,
    0x52, 0x31};

SL_TEST(duck_parquet_is_read_whole_or_not_at_all, "")
{
    slt_duck d;
    slt_duck_start(&d);
    const char *path = in_dir("good.parquet"), *half = in_dir("half.parquet");
    for (size_t size = sizeof parquet; size > 0; size = size == sizeof parquet ? size / 2 : 0) {
        FILE *file = fopen(size == sizeof parquet ? path : half, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(parquet, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
    }
    check_read(&d, NULL, "SELECT * FROM '@'", path, "n int64?, s string?",
               "0,row 0;1,row 1;2,row 2;");
    check_unread(&d, NULL, "SELECT * FROM '@'", half, SL_E_DATA, "half.parquet");
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- files by a handle

/// An instance that reads files, and its table.
static const sli_db_ops *start_reading(slt_duck *d)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    *d = (slt_duck){.err = SL_ERROR_INIT, .text = {.tag = SLI_TAG_TEST}};
    assert_int_equal(sli_env_posix(&d->env, NULL), SL_OK);
    const sli_db_conf conf = {
        .struct_size = sizeof conf, .memory_bytes = 64 << 20, .reads_files = true};
    slt_duck_ok(d,
                sli_dbs_new(&d->dbs, d->env, SLT_BUILD_DIR "/lib/sluice", "SQL", &conf, &d->err));
    return sli_dbs_ops(d->dbs);
}

static void check_scan(slt_duck *d, const sli_db_file *file, const char *rows)
{
    char sql[256];
    reading r = {0};
    sli_str_text(&r.rows, "");
    (void)snprintf(sql, sizeof sql, "SELECT * FROM read_parquet('%s')",
                   sli_dbs_ops(d->dbs)->file_path(file));
    slt_duck_ok(d, sli_dbs_scan(d->dbs, sql, keep, &r, &d->err));
    SL_CHECK_TEXT(r.rows.data, rows);
    reset(&r);
}

static bool has_entries(const char *dir)
{
    return rmdir(dir) != 0;
}

/// What a handle holds is there as long as it, whatever becomes of names; nothing stays behind.
SL_TEST(duck_files_are_read_by_a_handle, "")
{
    slt_duck d;
    const sli_db_ops *ops = start_reading(&d);
    const char *path = in_dir("day=1[*].parquet"), *copies = in_dir("copies");
    sli_db_file *files[3] = {NULL};
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(parquet, 1, sizeof parquet, file), sizeof parquet);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(mkdir(copies, 0700), 0);
    slt_duck_ok(&d, ops->file_open(&files[0], path, &d.err));
    assert_int_equal(remove(path), 0);
    slt_duck_ok(&d, ops->file_new(&files[1], copies, &d.err));
    slt_duck_ok(&d, ops->file_new(&files[2], NULL, &d.err));
    for (int i = 1; i < 3; i++) {
        slt_duck_ok(&d, ops->file_add(files[i], parquet, 100, &d.err));
        slt_duck_ok(&d, ops->file_add(files[i], parquet + 100, sizeof parquet - 100, &d.err));
    }
    assert_false(has_entries(copies)); // which removes it
    for (int i = 0; i < 3; i++) {
        check_scan(&d, files[i], "0,row 0;1,row 1;2,row 2;");
        ops->file_close(files[i]);
    }
    assert_int_equal(ops->file_open(&files[0], in_dir("none"), &d.err), SL_E_NOT_FOUND);
    assert_int_equal(ops->file_new(&files[0], in_dir("none"), &d.err), SL_E_NOT_FOUND);
    ops->file_close(NULL);
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- nothing else is reached

SL_TEST(duck_a_select_reaches_nothing_outside, "")
{
    static const char *const selects[] = {
        "SELECT * FROM read_csv('@')",  "SELECT * FROM '@'",
        "SELECT * FROM read_text('@')", "SELECT * FROM read_blob('@')",
        "SELECT * FROM glob('@')",      "SELECT * FROM sniff_csv('@')",
        "SELECT * FROM read_json('@')", "SELECT * FROM query('SELECT * FROM ''@''')",
    };
    slt_duck d;
    slt_duck_start(&d);
    const char *csv = in_dir("a.csv");
    write_file(csv, "word,n\nbe,1\n");
    for (size_t i = 0; i < sizeof selects / sizeof *selects; i++) {
        char sql[1024];
        put_path(sql, sizeof sql, selects[i], csv);
        slt_duck_refused(&d, sql, SL_E_INVALID);
        if (strstr(d.err.text, "reaches no file") == NULL) {
            fail_msg("%s: %s", sql, d.err.text);
        }
    }
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT 1"), "1;");
    slt_duck_end(&d);
}

SL_TEST(duck_only_a_select_is_prepared, "")
{
    static const char *const others[] = {
        "SET memory_limit = '10GB'",
        "SET enable_external_access = true",
        "RESET memory_limit",
        "PRAGMA memory_limit = '10GB'",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'x.db'",
        "DETACH memory",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE t (a INTEGER)",
        "CREATE TABLE t AS SELECT 1",
        "DROP VIEW words",
        "INSERT INTO words VALUES ('be', 1)",
        "DELETE FROM words",
        "UPDATE words SET n = 1",
        "EXPLAIN SELECT 1",
        "BEGIN",
        "CHECKPOINT",
        "CALL pragma_version()",
        "EXPORT DATABASE 'x'",
        "PREPARE p AS SELECT 1",
        "VACUUM",
        "USE memory",
        "SELECT 1; SELECT 2",
        "SELECT ?",
        "SELECT $1",
        "",
        ";",
    };
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_table(&d, "words", "word string, n int64?");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        slt_duck_refused(&d, others[i], SL_E_INVALID);
    }
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT count(*) FROM words"), "0;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT current_setting('memory_limit')"), "256.0 MiB;");
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- memory

/// Needs some 60 MB in memory.
static const char large[] = "SELECT count(*), sum(n) FROM (SELECT i, row_number() OVER (ORDER BY "
                            "hash(i)) n FROM range(1500000) t(i))";
static const char large_result[] = "1500000,1125000750000;";

SL_TEST(duck_memory_has_a_limit, "")
{
    slt_duck d;
    slt_duck_start_with(&d, 30 << 20, NULL);
    slt_duck_refused(&d, large, SL_E_NOMEM);
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT 1"), "1;");
    slt_duck_end(&d);
}

static bool is_empty_dir(const char *dir)
{
    return rmdir(dir) == 0 || errno == ENOENT;
}

SL_TEST(duck_beyond_its_memory_it_spills, "")
{
    slt_duck d;
    slt_duck_start_with(&d, 30 << 20, in_dir("of/spill"));
    assert_int_equal(access(in_dir("of"), F_OK), -1); // made when it is needed
    SL_CHECK_TEXT(slt_duck_ask(&d, large), large_result);
    slt_duck_end(&d);
    assert_int_equal(access(in_dir("of/spill"), F_OK), -1);
    assert_true(is_empty_dir(in_dir("of")));
}

static void put_file(const char *dir, const char *name)
{
    char path[800];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("pid 1\n", file) > 0);
    assert_int_equal(fclose(file), 0);
}

static void put_dir(const char *name, bool has_lock)
{
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", in_dir("left"), name);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/%s/0", in_dir("left"), name);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file(path, "duckdb_temp_storage_S32K-0.tmp");
    (void)snprintf(path, sizeof path, "%s/%s", in_dir("left"), name);
    if (has_lock) {
        put_file(path, "lock");
    }
}

static bool is_there(const char *name)
{
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", in_dir("left"), name);
    return access(path, F_OK) == 0;
}

// What a process that was killed had spilt goes when another spills beside it, and nothing else.
SL_TEST(duck_what_a_killed_process_spilt_goes, "")
{
    slt_duck d;
    sl_env *env = NULL;
    sli_file *lock = NULL;
    char path[700];
    assert_int_equal(mkdir(in_dir("left"), 0700), 0);
    put_dir("sql-77-55d0", true);   // killed
    put_dir("sql-1-55d1", true);    // its number is another process's now
    put_dir("sql-78-55d0", true);   // lives: its lock is held
    put_dir("sql-79-55d0", false);  // about to be locked, or somebody else's
    put_dir("other-77-55d0", true); // not ours
    put_dir("sql-notes", true);
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    (void)snprintf(path, sizeof path, "%s/sql-78-55d0/lock", in_dir("left"));
    assert_int_equal(sli_env_lock_file(env, path, NULL, &lock, NULL), SL_OK);
    slt_duck_start_with(&d, 30 << 20, in_dir("left/sql-80-55d0"));
    SL_CHECK_TEXT(slt_duck_ask(&d, large), large_result);
    assert_true(is_there("sql-80-55d0"));
    assert_false(is_there("sql-77-55d0"));
    assert_false(is_there("sql-1-55d1"));
    assert_true(is_there("sql-78-55d0/0"));
    assert_true(is_there("sql-79-55d0/0"));
    assert_true(is_there("other-77-55d0/0"));
    assert_true(is_there("sql-notes/0"));
    slt_duck_end(&d);
    assert_false(is_there("sql-80-55d0"));
    sli_file_close(&lock);
    sli_env_free(env);
}

SL_TEST(duck_a_full_disk_is_told, "")
{
    slt_duck d;
    const char *spill = in_dir("small");
    assert_int_equal(mkdir(spill, 0700), 0);
    if (mount("none", spill, "tmpfs", 0, "size=2m") != 0) {
        slt_not_here("a disk that is full needs the right to mount one");
    }
    slt_duck_start_with(&d, 30 << 20, spill);
    sl_schema *schema = NULL, *other = NULL;
    int32_t number = 0;
    reading r = {0};
    slt_duck_ok(&d, sli_dbs_prepare(d.dbs, large, &number, &schema, &d.where, &d.err));
    sl_code rc = sli_dbs_run(d.dbs, number, NULL, 0, 0, NULL, 0, keep, &r, &d.err);
    sl_code after = sli_dbs_prepare(d.dbs, "SELECT 1", &number, &other, &d.where, &d.err);
    reset(&r);
    slt_duck_end(&d);
    assert_int_equal(umount(spill), 0);
    assert_int_equal(rc, SL_E_NO_SPACE);
    assert_int_equal(after, SL_OK);
    sl_schema_unref(schema);
    sl_schema_unref(other);
}

// ---------------------------------------------------------------- the module

SL_TEST(duck_without_its_module_it_says_what_to_install, "")
{
    sl_env *env = NULL;
    sli_dbs *dbs = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    const sli_db_conf conf = {.struct_size = sizeof conf, .memory_bytes = 64 << 20};
    assert_int_equal(sli_dbs_new(&dbs, env, slt_temp_dir(), "SQL", &conf, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "SQL needs the module sql_duckdb.so"));
    assert_non_null(strstr(err.text, "libsluice-sql"));
    sli_env_free(env);
}
