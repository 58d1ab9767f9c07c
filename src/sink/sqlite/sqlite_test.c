/// sqlite_test.c — the SQLite sink on the real disk: tables, modes, types, readers, full databases.
/// What it promises through crashes is in sink_contract_test.c.
#include "sink/fixture_test.h"

#include <stdio.h>

#include "sink/sqlite/sqlite_int.h"

static const char job_id[] = "00112233445566778899aabbccddeeff";
static const sli_sink_ops *const sinks[] = {&sli_sink_sqlite, NULL};

typedef struct base {
    sl_env *env;
    sl_schema *schema;
    sli_sink *sink;
    char path[512];
} base;

static void base_init(base *b, const char *schema)
{
    *b = (base){0};
    assert_int_equal(sli_env_posix(&b->env, NULL), SL_OK);
    assert_int_equal(sl_schema_parse(&b->schema, schema, NULL), SL_OK);
    (void)snprintf(b->path, sizeof b->path, "%s/new/dir/db.sqlite", slt_temp_dir());
}

static void base_reset(base *b)
{
    sli_sink_close(b->sink);
    sl_schema_unref(b->schema);
    sli_env_free(b->env);
}

static sl_code open_sink(base *b, const char *query, sl_error *err)
{
    char url[640];
    int64_t last = -1;
    (void)snprintf(url, sizeof url, "sqlite:%s?%s", b->path, query);
    sli_sink_env env = {
        .env = b->env, .uid = "save", .job_id = job_id, .generation = 1, .schema = b->schema};
    sli_sink_close(b->sink);
    b->sink = NULL;
    SL_TRY(sli_sink_open(&b->sink, url, sinks, &env, err));
    return b->sink->ops->recover(b->sink, &last, err);
}

static void must_open(base *b, const char *query)
{
    sl_error err = SL_ERROR_INIT;
    if (open_sink(b, query, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

/// A plain connection, as any other program has.
static sqlite3 *reader(const base *b)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(b->path, &db), SQLITE_OK);
    return db;
}

static void run_sql(const base *b, const char *sql)
{
    sqlite3 *db = reader(b);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int add_row(void *ctx, int n, char **values, char **names)
{
    (void)names;
    for (int i = 0; i < n; i++) {
        sli_str_printf(ctx, "%s%s", i == 0 ? "" : "|", values[i] == NULL ? "null" : values[i]);
    }
    sli_str_char(ctx, '\n');
    return 0;
}

static void query_is(const base *b, const char *sql, const char *expected)
{
    sli_str rows = SLI_STR_INIT;
    sqlite3 *db = reader(b);
    sli_str_text(&rows, "");
    assert_int_equal(sqlite3_exec(db, sql, add_row, &rows, NULL), SQLITE_OK);
    SL_CHECK_TEXT(rows.data, expected);
    sqlite3_close(db);
    sli_str_reset(&rows);
}

/// An outbox of given batches, one an epoch; NULL is an epoch without rows.
typedef struct box {
    sli_outbox outbox;
    sl_batch *batches[3];
    int32_t n;
    void (*between)(void *ctx); ///< called after the first batch
    void *ctx;
} box;

static sl_code box_each(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    box *b = (box *)self;
    for (int32_t i = 0; i < b->n; i++) {
        SL_TRY(each(ctx, i + 1, i * 1000000, b->batches[i], err));
        if (i == 0 && b->between != NULL) {
            b->between(b->ctx);
        }
    }
    return SL_OK;
}

static sl_code commit(base *b, int64_t group, box *rows, sl_error *err)
{
    rows->outbox.each = box_each;
    return b->sink->ops->commit(b->sink, group, (sl_bytes){NULL, 0}, &rows->outbox, err);
}

static void free_box(box *b)
{
    for (int32_t i = 0; i < b->n; i++) {
        sl_batch_unref(b->batches[i]);
    }
}

static sl_batch *words(const sl_schema *schema, const char *first, int64_t n1, const char *second,
                       int64_t n2)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_builder_text(builder, 0, first, strlen(first));
    sl_builder_int64(builder, 1, n1);
    sl_builder_text(builder, 0, second, strlen(second));
    sl_builder_int64(builder, 1, n2);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    return batch;
}

/// Rows "word n mark", as many as there are words.
static sl_batch *marked(const sl_schema *schema, const char *const *words, const int64_t *n,
                        const int64_t *marks, int32_t count)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int32_t i = 0; i < count; i++) {
        sl_builder_text(builder, 0, words[i], strlen(words[i]));
        sl_builder_int64(builder, 1, n[i]);
        sl_builder_int64(builder, 2, marks[i]);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    return batch;
}

SL_TEST(sqlite_deletes_the_rows_that_go, "")
{
    base b;
    base_init(&b, "word string, n int64, mark int64");
    must_open(&b, "table=t&mode=upsert&key=n,word&deletes=mark");
    box first = {.batches = {marked(b.schema, (const char *const[]){"a", "b", "c"},
                                    (const int64_t[]){1, 2, 3}, (const int64_t[]){1, 1, 1}, 3),
                             marked(b.schema, (const char *const[]){"b", "x", "c"},
                                    (const int64_t[]){2, 9, 4}, (const int64_t[]){-1, -1, 1}, 3)},
                 .n = 2};
    assert_int_equal(commit(&b, 1, &first, NULL), SL_OK);
    query_is(&b, "SELECT * FROM t ORDER BY n", "a|1\nc|3\nc|4\n"); // the mark is no column
    box next = {.batches = {marked(b.schema, (const char *const[]){"a", "a"},
                                   (const int64_t[]){1, 1}, (const int64_t[]){-1, 1}, 2)},
                .n = 1};
    assert_int_equal(commit(&b, 1, &next, NULL), SL_OK); // group 1 is there
    assert_int_equal(commit(&b, 2, &next, NULL), SL_OK);
    query_is(&b, "SELECT * FROM t ORDER BY n", "a|1\nc|3\nc|4\n");
    free_box(&first);
    free_box(&next);
    base_reset(&b);
}

SL_TEST(sqlite_deletes_by_a_last_column_and_a_key, "")
{
    static const char *const wrong[][2] = {
        {"table=t&mode=upsert&key=word&deletes=n", "the last of several columns"},
        {"table=t&mode=upsert&key=word&deletes=none", "the last of several columns"},
        {"table=t&mode=upsert&key=mark&deletes=mark", "no column mark"},
        {"table=t&deletes=mark", "goes with mode=upsert"}};
    base b;
    base_init(&b, "word string, n int64, mark int64");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(open_sink(&b, wrong[i][0], &err), SL_E_CONFIG);
        assert_non_null(strstr(err.text, wrong[i][1]));
    }
    base_reset(&b);
}

SL_TEST(sqlite_modes, "")
{
    static const struct {
        const char *query, *expected;
    } cases[] = {
        {"table=t", "a|1\nb|2\nb|3\nc|4\n"},
        {"table=t&mode=upsert&key=word", "a|1\nb|3\nc|4\n"},
        {"table=t&mode=upsert&key=word,n", "a|1\nb|2\nb|3\nc|4\n"},
        {"table=t&mode=replace&journal=delete", "b|3\nc|4\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base b;
        base_init(&b, "word string, n int64");
        (void)snprintf(b.path, sizeof b.path, "%s/%d/db.sqlite", slt_temp_dir(), (int)i);
        must_open(&b, cases[i].query);
        box rows = {.batches = {words(b.schema, "a", 1, "b", 2), words(b.schema, "b", 3, "c", 4)},
                    .n = 3};
        assert_int_equal(commit(&b, 1, &rows, NULL), SL_OK);
        assert_int_equal(commit(&b, 1, &rows, NULL), SL_OK); // a repeat
        query_is(&b, "SELECT * FROM t ORDER BY word, n", cases[i].expected);
        query_is(&b, "SELECT uid, \"group\", generation FROM _sluice_marker", "save|1|1\n");
        free_box(&rows);
        base_reset(&b);
    }
}

static void read_between(void *ctx)
{
    query_is(ctx, "SELECT count(*) FROM t", "2\n"); // the group before, whole
}

SL_TEST(sqlite_readers_never_see_half_a_group, "")
{
    base b;
    base_init(&b, "word string, n int64");
    must_open(&b, "table=t");
    box first = {.batches = {words(b.schema, "a", 1, "b", 2)}, .n = 1};
    box second = {.batches = {words(b.schema, "c", 3, "d", 4), words(b.schema, "e", 5, "f", 6)},
                  .n = 2,
                  .between = read_between,
                  .ctx = &b};
    assert_int_equal(commit(&b, 1, &first, NULL), SL_OK);
    assert_int_equal(commit(&b, 2, &second, NULL), SL_OK);
    query_is(&b, "SELECT count(*) FROM t", "6\n");
    free_box(&first);
    free_box(&second);
    base_reset(&b);
}

SL_TEST(sqlite_types_come_back, "")
{
    base b;
    base_init(&b, "b bool, i int32, f float64?, d date, t timestamp, m decimal(10,2)?, x binary");
    must_open(&b, "table=t");
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, b.schema, NULL), SL_OK);
    for (int32_t row = 0; row < 3; row++) {
        sl_builder_bool(builder, 0, row == 1);
        sl_builder_int64(builder, 1, -row);
        if (row == 0) {
            sl_builder_null(builder, 2);
        } else {
            sl_builder_float64(builder, 2, row == 1 ? 0.5 : __builtin_nan(""));
        }
        sl_builder_int64(builder, 3, row);
        sl_builder_int64(builder, 4, row * 1500000);
        sl_builder_null(builder, 5);
        sl_builder_text(builder, 6, "\0\xff", row == 0 ? 0 : 2);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    box rows = {.batches = {batch}, .n = 1};
    assert_int_equal(commit(&b, 1, &rows, NULL), SL_OK);
    query_is(&b, "SELECT b, i, f, d, t, m, hex(x), typeof(x), typeof(f) FROM t",
             "0|0|null|1970-01-01|1970-01-01T00:00:00Z|null||blob|null\n"
             "1|-1|0.5|1970-01-02|1970-01-01T00:00:01.500Z|null|00FF|blob|real\n"
             "0|-2|NaN|1970-01-03|1970-01-01T00:00:03Z|null|00FF|blob|text\n");
    free_box(&rows);
    base_reset(&b);
}

SL_TEST(sqlite_existing_tables_must_fit, "")
{
    static const struct {
        const char *table, *query;
        sl_code code;
        const char *says;
    } cases[] = {
        {"t (word TEXT, n INTEGER, more TEXT)", "table=t", SL_OK, ""},
        {"t (N BIGINT, word VARCHAR(10))", "table=t", SL_OK, ""},
        {"t (word, n)", "table=t", SL_OK, ""},
        {"t (word NUMERIC, n INTEGER)", "table=t", SL_E_INVALID, "column word"},
        {"t (word TEXT, n TEXT)", "table=t", SL_E_INVALID, "column n"},
        {"t (word TEXT)", "table=t", SL_E_INVALID, "no column n"},
        {"t (word TEXT, n INTEGER)", "table=t&mode=upsert&key=word", SL_E_INVALID, "ON CONFLICT"},
        {"t (word TEXT PRIMARY KEY, n INTEGER)", "table=t&mode=upsert&key=word", SL_OK, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base b;
        char sql[128];
        sl_error err = SL_ERROR_INIT;
        base_init(&b, "word string, n int64");
        (void)snprintf(b.path, sizeof b.path, "%s/db%d", slt_temp_dir(), (int)i);
        (void)snprintf(sql, sizeof sql, "CREATE TABLE %s", cases[i].table);
        run_sql(&b, sql);
        sl_code rc = open_sink(&b, cases[i].query, &err);
        if (rc != cases[i].code || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s %s", cases[i].table, sl_code_name(rc), err.text);
        }
        base_reset(&b);
    }
}

// As the table of dead letters of a version that had fewer columns.
SL_TEST(sqlite_says_how_a_table_gets_a_column_that_it_lacks, "")
{
    const char *statement = "ALTER TABLE \"t\" ADD COLUMN \"pane\" INTEGER";
    base b;
    sl_error err = SL_ERROR_INIT;
    base_init(&b, "word string, pane int64?");
    (void)snprintf(b.path, sizeof b.path, "%s/letters", slt_temp_dir());
    run_sql(&b, "CREATE TABLE t (word TEXT NOT NULL)");
    assert_int_equal(open_sink(&b, "table=t", &err), SL_E_INVALID);
    const char *said = strstr(err.text, "ALTER");
    assert_non_null(said);
    assert_string_equal(said, statement);
    run_sql(&b, said);
    assert_int_equal(open_sink(&b, "table=t", &err), SL_OK);
    base_reset(&b);
}

SL_TEST(sqlite_refuses_what_can_not_be_right, "")
{
    static const struct {
        const char *schema, *query;
        sl_code code;
        const char *says;
    } cases[] = {
        {"n int64", "mode=append", SL_E_CONFIG, "table"},
        {"n int64", "table=_sluice_marker", SL_E_CONFIG, "table"},
        {"n int64", "table=sqlite_x", SL_E_CONFIG, "table"},
        {"n int64", "table=t&mode=upsert", SL_E_CONFIG, "key="},
        {"n int64", "table=t&key=n", SL_E_CONFIG, "key="},
        {"n int64", "table=t&mode=upsert&key=m", SL_E_CONFIG, "column m"},
        {"n int64", "table=t&mode=upsert&key=,", SL_E_CONFIG, "no column"},
        {"n int64?", "table=t&mode=upsert&key=n", SL_E_INVALID, "null"},
        {"n uint64", "table=t", SL_E_INVALID, "column n"},
        {"n list<int64>", "table=t", SL_E_INVALID, "column n"},
        {"n int64", "tabel=t", SL_E_CONFIG, "table"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base b;
        sl_error err = SL_ERROR_INIT;
        base_init(&b, cases[i].schema);
        sl_code rc = open_sink(&b, cases[i].query, &err);
        if (rc != cases[i].code || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s %s", cases[i].query, sl_code_name(rc), err.text);
        }
        base_reset(&b);
    }
}

SL_TEST(sqlite_other_writers_and_rubbish, "")
{
    base b;
    sl_error err = SL_ERROR_INIT;
    base_init(&b, "word string, n int64");
    must_open(&b, "table=t&busy_timeout=1ms");
    box rows = {.batches = {words(b.schema, "a", 1, "b", 2)}, .n = 1};
    sqlite3 *other = reader(&b);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(commit(&b, 1, &rows, &err), SL_E_BUSY);
    assert_int_equal(sl_error_action(&err), SL_ACT_RETRY_TASK);
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(commit(&b, 1, &rows, &err), SL_OK);
    assert_int_equal(sqlite3_exec(other, "DELETE FROM _sluice_marker", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(commit(&b, 2, &rows, &err), SL_E_NOT_FOUND);
    query_is(&b, "SELECT count(*) FROM t", "2\n");
    free_box(&rows);
    (void)snprintf(b.path, sizeof b.path, "%s/rubbish", slt_temp_dir());
    assert_int_equal(sli_env_write_file(b.env, b.path, "this is not a database, at all", 30, NULL),
                     SL_OK);
    assert_int_equal(open_sink(&b, "table=t", &err), SL_E_CORRUPT);
    base_reset(&b);
}
