// The PostgreSQL sink without a real server: how it writes cells, which rows and schemas it
// refuses, and what becomes of commits whose answer was lost.
#include "sink/fixture_test.h"

#include <stdio.h>

#include "sink/postgres/psink_int.h"

// ---------------------------------------------------------------- cells

typedef struct cells {
    sl_schema *schema;
    sl_arena *arena;
    psink_columns columns;
    sl_builder *builder;
    sl_error err;
} cells;

static sl_code cells_init(cells *c, const char *schema, const char *key)
{
    *c = (cells){.arena = sl_arena_new(SLI_TAG_TEST), .err = SL_ERROR_INIT};
    assert_int_equal(sl_schema_parse(&c->schema, schema, NULL), SL_OK);
    assert_int_equal(sl_builder_new(&c->builder, c->schema, NULL), SL_OK);
    return sli_psink_columns_new(&c->columns, c->schema, key, c->arena, &c->err);
}

static void cells_reset(cells *c)
{
    sl_builder_free(c->builder);
    sl_schema_unref(c->schema);
    sl_arena_free(c->arena);
}

SL_TEST(postgres_cells_are_written_as_copy_has_them, "")
{
    cells c;
    sl_batch *batch = NULL;
    sli_str out = SLI_STR_INIT;
    assert_int_equal(
        cells_init(&c, "s string?, b binary, n int64, f float64, t timestamp, ok bool", NULL),
        SL_OK);
    sl_builder_text(c.builder, 0, "a\tb\\c\nd\re", 9);
    sl_builder_text(c.builder, 1, "\x00\xff", 2);
    sl_builder_int64(c.builder, 2, -7);
    sl_builder_float64(c.builder, 3, 0.5);
    sl_builder_int64(c.builder, 4, 1);
    sl_builder_bool(c.builder, 5, true);
    sl_builder_null(c.builder, 0);
    sl_builder_text(c.builder, 1, "", 0);
    sl_builder_int64(c.builder, 2, INT64_MIN);
    sl_builder_float64(c.builder, 3, 1e300);
    sl_builder_int64(c.builder, 4, 0);
    sl_builder_bool(c.builder, 5, false);
    assert_int_equal(sl_builder_finish(c.builder, &batch, NULL), SL_OK);
    sli_psink_rows_put(&c.columns, batch, 0, 2, &out);
    SL_CHECK_TEXT(out.data,
                  "a\\tb\\\\c\\nd\\re\t\\\\x00ff\t-7\t0.5\t1970-01-01T00:00:00.000001Z\t"
                  "true\n\\N\t\\\\x\t-9223372036854775808\t1.0E300\t1970-01-01T00:00:00Z\t"
                  "false\n");
    sli_str_reset(&out);
    sl_batch_unref(batch);
    cells_reset(&c);
}

SL_TEST(postgres_rows_say_whether_they_go, "")
{
    cells c;
    sl_batch *batch = NULL;
    sli_str out = SLI_STR_INIT;
    assert_int_equal(cells_init(&c, "k string, mark int64?", NULL), SL_OK);
    for (int64_t mark = -1; mark <= 1; mark++) {
        sl_builder_text(c.builder, 0, "a", 1);
        sl_builder_int64(c.builder, 1, mark);
    }
    assert_int_equal(sl_builder_finish(c.builder, &batch, NULL), SL_OK);
    c.columns.n = 1; // as of the schema without it
    c.columns.mark = 1;
    sli_psink_rows_put(&c.columns, batch, 0, 3, &out);
    SL_CHECK_TEXT(out.data, "a\tt\na\tf\na\tf\n");
    sli_str_reset(&out);
    sl_batch_unref(batch);
    cells_reset(&c);
}

static void row_is_refused(cells *c, const char *words)
{
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(c->builder, &batch, NULL), SL_OK);
    assert_int_equal(sli_psink_columns_check(&c->columns, batch, &c->err), SL_E_DATA);
    if (strstr(c->err.text, words) == NULL) {
        fail_msg("\"%s\" not in: %s", words, c->err.text);
    }
    sl_batch_unref(batch);
}

SL_TEST(postgres_rows_that_no_table_takes_are_refused_before_the_seal, "")
{
    cells c;
    assert_int_equal(cells_init(&c, "s string, t timestamp, n int64", NULL), SL_OK);
    c.columns.items[0].most = 2;
    c.columns.items[2].low = INT16_MIN;
    c.columns.items[2].high = INT16_MAX;
    static const struct {
        const char *text;
        size_t size;
        int64_t time_us, n;
        const char *words;
    } rows[] = {{"a\0b", 3, 0, 0, "zero byte"},
                {"\xc3\xa4\xc3\xa4x", 5, 0, 0, "3 characters"},
                {"x", 1, INT64_MAX, 0, "years 1 to 9999"},
                {"x", 1, INT64_MIN, 0, "years 1 to 9999"},
                {"x", 1, 0, 32768, "column n of row 1: the number is out of the range"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_builder_text(c.builder, 0, "\xc3\xa4\xc3\xa4", 4);
        sl_builder_int64(c.builder, 1, 0);
        sl_builder_int64(c.builder, 2, 32767);
        sl_builder_text(c.builder, 0, rows[i].text, rows[i].size);
        sl_builder_int64(c.builder, 1, rows[i].time_us);
        sl_builder_int64(c.builder, 2, rows[i].n);
        row_is_refused(&c, rows[i].words);
    }
    cells_reset(&c);
}

SL_TEST(postgres_schemas_and_keys_that_can_not_be_stored_are_told, "")
{
    static const struct {
        const char *schema, *key;
        sl_code code;
        const char *words;
    } wrong[] = {{"l list<int64>", NULL, SL_E_INVALID, "column l"},
                 {"a string, n int64", "b", SL_E_CONFIG, "no column b"},
                 {"a string?, n int64", "a", SL_E_INVALID, "may be null"},
                 {"a string, n int64", " ,", SL_E_CONFIG, "names no column"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cells c;
        assert_int_equal(cells_init(&c, wrong[i].schema, wrong[i].key), wrong[i].code);
        if (strstr(c.err.text, wrong[i].words) == NULL) {
            fail_msg("\"%s\" not in: %s", wrong[i].words, c.err.text);
        }
        cells_reset(&c);
    }
}

// ---------------------------------------------------------------- lost answers

/// Loses the n-th request from the commit on; true when there are so many.
static bool lose_one(int64_t n, bool done, const char *bug, bool *right)
{
    slt_ground *ground = slt_ground_new((uint64_t)n, bug);
    sl_env *env = slt_boot(ground->world, NULL);
    slt_log log = {0};
    slt_job job;
    sl_error err = SL_ERROR_INIT;
    slt_job_init(&job, &slt_postgres, env, &log, 1);
    assert_int_equal(slt_open(&job, &err), SL_OK);
    int64_t before = sli_pg_server_requests(ground->server);
    sli_pg_server_lose_at(ground->server, n, done);
    for (int64_t g = 1; g <= SLT_GROUPS; g++) {
        assert_int_equal(slt_seal(&job, g, NULL), SL_OK);
        if (slt_commit(&job, g, &err) != SL_OK) {
            fail_msg("request %lld lost: %s", (long long)n, err.text);
        }
    }
    bool reached = sli_pg_server_requests(ground->server) - before >= n;
    char *shown = slt_shown(&slt_postgres, ground);
    *right = slt_prefix(&slt_postgres, shown) == SLT_GROUPS;
    sl_free(shown);
    slt_job_reset(&job);
    sli_env_free(env);
    slt_ground_free(ground);
    return reached;
}

/// Whether whatever answer is lost, done or not, every group shows once.
static bool all_are_right(const char *bug)
{
    bool right = true, reached = true;
    for (int64_t n = 1; reached && right; n++) {
        bool one = true, other = true;
        reached = lose_one(n, true, bug, &one);
        reached = lose_one(n, false, bug, &other) && reached;
        right = one && other;
    }
    return right;
}

SL_TEST(postgres_sink_a_lost_answer_is_settled_by_the_mark, "")
{
    assert_true(all_are_right(NULL));
    assert_false(all_are_right("unknown-believed-committed"));
}

SL_TEST(postgres_sink_waits_while_the_server_is_away, "")
{
    slt_ground *ground = slt_ground_new(1, NULL);
    sl_env *env = slt_boot(ground->world, NULL);
    slt_log log = {0};
    slt_job job;
    sl_error err = SL_ERROR_INIT;
    slt_job_init(&job, &slt_postgres, env, &log, 1);
    assert_int_equal(slt_open(&job, NULL), SL_OK);
    sli_pg_server_away(ground->server, SLI_FOREVER);
    assert_int_equal(slt_commit(&job, 1, &err), SL_E_TIMEOUT);
    assert_int_equal(sl_error_action(&err), SL_ACT_RETRY_TASK);
    sli_pg_server_away(ground->server, 0);
    assert_int_equal(slt_commit(&job, 1, &err), SL_OK);
    sli_pg_server_refuse(ground->server, SL_E_DATA);
    assert_int_equal(slt_commit(&job, 2, &err), SL_E_DATA);
    assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
    sli_pg_server_forget(ground->server);
    assert_int_equal(slt_commit(&job, 2, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "sluice_marks"));
    char *shown = slt_shown(&slt_postgres, ground);
    assert_int_equal(slt_prefix(&slt_postgres, shown), 1);
    sl_free(shown);
    slt_job_reset(&job);
    sli_env_free(env);
    slt_ground_free(ground);
}
