/// file_test.c — what is the file sink's own: names, empty groups, attempts that outgrow memory,
/// receipts, sweeping, and its errors.
#include "sink/fixture_test.h"

#include <inttypes.h>

#include "sink/file/file_int.h"

static const char job_id[] = "00112233445566778899aabbccddeeff";
static const sli_sink_ops *const sinks[] = {&sli_sink_file, &sli_sink_sqlite, NULL};

typedef struct out {
    sli_world *world;
    sl_env *env;
    sl_schema *schema;
    sl_arena *arena;
    sli_sink *sink;
} out;

static sl_code open_as(out *o, const char *url, const char *uid, int64_t generation, sl_error *err)
{
    sli_sink_env env = {
        .env = o->env, .uid = uid, .job_id = job_id, .generation = generation, .schema = o->schema};
    return sli_sink_open(&o->sink, url, sinks, &env, err);
}

static void out_init(out *o, const char *schema)
{
    *o = (out){.world = slt_world(1, NULL), .arena = sl_arena_new(SLI_TAG_TEST)};
    o->env = slt_boot(o->world, NULL);
    assert_int_equal(sl_schema_parse(&o->schema, schema, NULL), SL_OK);
}

static void out_reset(out *o)
{
    sli_sink_close(o->sink);
    sl_arena_free(o->arena);
    sl_schema_unref(o->schema);
    sli_env_free(o->env);
    sli_world_free(o->world);
}

static void open_and_recover(out *o, const char *url, const char *uid, int64_t generation)
{
    int64_t last = 0;
    sl_error err = SL_ERROR_INIT;
    if (open_as(o, url, uid, generation, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(o->sink->ops->recover(o->sink, &last, NULL), SL_OK);
}

static sl_code add_name(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    sli_str_text(ctx, name);
    sli_str_char(ctx, '\n');
    return SL_OK;
}

static void names_are(out *o, const char *dir, const char *expected)
{
    sli_str names = SLI_STR_INIT;
    sli_str_text(&names, "");
    assert_int_equal(sli_world_list(o->world, dir, add_name, &names, NULL), SL_OK);
    SL_CHECK_TEXT(names.data, expected);
    sli_str_reset(&names);
}

/// Seals a group of one attempt with `n` times the rows of epoch 1.
static sl_bytes seal(out *o, int64_t group, int64_t generation, int32_t n)
{
    sli_attempt at = {generation, group, 0, 0, 0};
    sl_bytes receipt = {NULL, 0};
    sl_error err = SL_ERROR_INIT;
    sl_batch *rows = slt_rows(o->schema, "", 1, 0);
    assert_int_equal(o->sink->ops->stage(o->sink, at, NULL, NULL), SL_OK);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(o->sink->ops->stage(o->sink, at, rows, NULL), SL_OK);
    }
    sl_batch_unref(rows);
    if (o->sink->ops->seal(o->sink, group, &at, 1, o->arena, &receipt, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return receipt;
}

SL_TEST(file_sink_names_groups_by_job_and_uid, "")
{
    out o;
    int64_t last = 9;
    out_init(&o, "word string, n int64");
    open_and_recover(&o, "/data/out/?format=csv&header=true", "a", 1);
    assert_int_equal(o.sink->ops->commit(o.sink, 7, seal(&o, 7, 1, 1), NULL, NULL), SL_OK);
    char *data = NULL;
    size_t size = 0;
    names_are(&o, "/data/out", ".sluice\n000000000007-ceb2cab1.csv\n");
    assert_int_equal(
        sli_world_read(o.world, "/data/out/000000000007-ceb2cab1.csv", &data, &size, NULL), SL_OK);
    SL_CHECK_TEXT(data, "word,n\ne1p0r0,100\ne1p0r1,101\n");
    sl_free(data);
    sli_sink_close(o.sink);
    open_and_recover(&o, "/data/out?format=json", "b", 1); // another output, the same directory
    assert_int_equal(o.sink->ops->recover(o.sink, &last, NULL), SL_OK);
    assert_int_equal(last, 0);
    assert_int_equal(o.sink->ops->commit(o.sink, 7, seal(&o, 7, 1, 1), NULL, NULL), SL_OK);
    assert_int_equal(o.sink->ops->recover(o.sink, &last, NULL), SL_OK);
    assert_int_equal(last, 7);
    out_reset(&o);
}

SL_TEST(file_sink_empty_groups, "")
{
    for (int32_t write = 0; write < 2; write++) {
        out o;
        out_init(&o, "word string, n int64");
        open_and_recover(&o, write ? "/data?format=csv&empty=write" : "/data?format=csv", "a", 1);
        sl_bytes receipt = seal(&o, 1, 1, 0);
        assert_int_equal(o.sink->ops->commit(o.sink, 1, receipt, NULL, NULL), SL_OK);
        assert_int_equal(o.sink->ops->commit(o.sink, 1, receipt, NULL, NULL), SL_OK);
        names_are(&o, "/data", write ? ".sluice\n000000000001-ceb2cab1.csv\n" : ".sluice\n");
        out_reset(&o);
    }
}

SL_TEST(file_sink_sweeps_older_generations_but_what_is_named, "")
{
    static const char stage[] = "/data/.sluice/00112233445566778899aabbccddeeff/a/stage";
    out o;
    out_init(&o, "word string, n int64");
    open_and_recover(&o, "/data?format=csv&layout=directory", "a", 1);
    sl_bytes named = seal(&o, 1, 1, 1);
    (void)seal(&o, 2, 1, 1);
    sli_sink_close(o.sink);
    open_and_recover(&o, "/data?format=csv&layout=directory", "a", 12);
    (void)seal(&o, 2, 12, 1);
    sli_sink_close(o.sink);
    open_and_recover(&o, "/data?format=csv&layout=directory", "a", 2);
    names_are(&o, stage, "1-1\n1-2\n12-2\n");
    assert_int_equal(o.sink->ops->sweep(o.sink, &named, 1, NULL), SL_OK);
    names_are(&o, stage, "1-1\n12-2\n");
    assert_int_equal(o.sink->ops->commit(o.sink, 1, named, NULL, NULL), SL_OK);
    names_are(&o, "/data/000000000001-ceb2cab1", "part-00000\n");
    out_reset(&o);
}

/// 12 MiB in one attempt: 8 of them go to a file.
SL_TEST(file_sink_attempts_outgrow_memory, "")
{
    static const char temp[] = "/data/.sluice/00112233445566778899aabbccddeeff/a/temp";
    out o;
    out_init(&o, "line string");
    open_and_recover(&o, "/data", "a", 1);
    sl_builder *builder = NULL;
    sl_batch *rows = NULL;
    char *line = sl_alloc(SLI_TAG_TEST, 1 << 20);
    memset(line, 'x', 1 << 20);
    assert_int_equal(sl_builder_new(&builder, o.schema, NULL), SL_OK);
    sl_builder_text(builder, 0, line, (1 << 20) - 1);
    assert_int_equal(sl_builder_finish(builder, &rows, NULL), SL_OK);
    sli_attempt at = {1, 1, 0, 0, 0}, loser = {1, 1, 0, 0, 1};
    for (int32_t i = 0; i < 12; i++) {
        assert_int_equal(o.sink->ops->stage(o.sink, at, rows, NULL), SL_OK);
        assert_int_equal(o.sink->ops->stage(o.sink, loser, rows, NULL), SL_OK);
    }
    names_are(&o, temp, "1-1-0-0-0\n1-1-0-0-1\n");
    assert_true(sli_mem_used(SLI_TAG_SINK) < 24 << 20);
    o.sink->ops->drop(o.sink, loser);
    sl_bytes receipt;
    assert_int_equal(o.sink->ops->seal(o.sink, 1, &at, 1, o.arena, &receipt, NULL), SL_OK);
    names_are(&o, temp, "");
    assert_int_equal(o.sink->ops->commit(o.sink, 1, receipt, NULL, NULL), SL_OK);
    char *data = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(o.world, "/data/000000000001-ceb2cab1.txt", &data, &size, NULL),
                     SL_OK);
    assert_int_equal(size, 12 << 20);
    bool same = true;
    for (size_t i = 0; i < size; i++) {
        same = same && data[i] == (i % (1 << 20) == (1 << 20) - 1 ? '\n' : 'x');
    }
    assert_true(same);
    sl_free(data);
    sl_free(line);
    sl_batch_unref(rows);
    sl_builder_free(builder);
    out_reset(&o);
}

SL_TEST(file_sink_foreign_and_changed_files, "")
{
    static const char staged[] = "/data/.sluice/00112233445566778899aabbccddeeff/a/stage/1-2";
    out o;
    sl_error err = SL_ERROR_INIT;
    char *data = NULL;
    size_t size = 0;
    out_init(&o, "word string, n int64");
    open_and_recover(&o, "/data?format=csv", "a", 1);
    sl_bytes receipt = seal(&o, 1, 1, 1);
    assert_int_equal(sli_world_put(o.world, "/data/000000000001-ceb2cab1.csv", "mine", 4, NULL),
                     SL_OK);
    assert_int_equal(o.sink->ops->commit(o.sink, 1, receipt, NULL, &err), SL_E_EXISTS);
    // A rename cut in two leaves both, with the same content.
    receipt = seal(&o, 2, 1, 1);
    assert_int_equal(sli_world_read(o.world, staged, &data, &size, NULL), SL_OK);
    assert_int_equal(sli_world_put(o.world, "/data/000000000002-ceb2cab1.csv", data, size, NULL),
                     SL_OK);
    sl_free(data);
    assert_int_equal(o.sink->ops->commit(o.sink, 2, receipt, NULL, &err), SL_OK);
    receipt = seal(&o, 2, 1, 2);
    assert_int_equal(sli_world_cut(o.world, staged, 3, NULL), SL_OK);
    assert_int_equal(o.sink->ops->commit(o.sink, 2, receipt, NULL, &err), SL_E_CORRUPT);
    out_reset(&o);
}

/// Every prefix and every flipped bit is refused or names files without leaving the directory.
SL_TEST(file_sink_receipts_of_any_bytes, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_file_receipt made = {SLI_SHAPE_FILE, "1-2", "000000000002-ceb2cab1.csv", 42, {7, 8}}, got;
    sl_bytes bytes;
    assert_int_equal(sli_file_receipt_put(&made, arena, &bytes, NULL), SL_OK);
    assert_int_equal(sli_file_receipt_get(bytes, arena, &got, NULL), SL_OK);
    assert_string_equal(got.name, made.name);
    assert_int_equal(got.size_bytes, 42);
    assert_int_equal(got.hash.high, 8);
    for (size_t n = 0; n < bytes.size; n++) {
        assert_int_equal(sli_file_receipt_get((sl_bytes){bytes.data, n}, arena, &got, NULL),
                         SL_E_CORRUPT);
    }
    char *copy = sl_arena_copy(arena, bytes.data, bytes.size);
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
        if (sli_file_receipt_get((sl_bytes){copy, bytes.size}, arena, &got, NULL) == SL_OK) {
            assert_true(got.shape == SLI_SHAPE_NONE || strchr(got.name, '/') == NULL);
        }
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
    }
    made.staged = "..";
    assert_int_equal(sli_file_receipt_put(&made, arena, &bytes, NULL), SL_OK);
    assert_int_equal(sli_file_receipt_get(bytes, arena, &got, NULL), SL_E_CORRUPT);
    sl_arena_free(arena);
}

SL_TEST(file_sink_refuses_what_it_can_not_write, "")
{
    static const struct {
        const char *url, *schema, *uid;
        sl_code code;
        const char *says;
    } cases[] = {
        {"/data?format=csv", "l list<int64>", "a", SL_E_INVALID, "csv"},
        {"/data", "a int64, b int64", "a", SL_E_INVALID, "text"},
        {"/data?format=cvs&header=true", "a int64", "a", SL_E_CONFIG, "csv"},
        {"/data?format=json&header=true", "a int64", "a", SL_E_CONFIG, "header"},
        {"/data?layout=dir", "a int64", "a", SL_E_CONFIG, "directory"},
        {"file://host/data", "a int64", "a", SL_E_CONFIG, "this machine"},
        {"/data", "a int64", "", SL_E_INVALID, "uid"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        out o;
        sl_error err = SL_ERROR_INIT;
        out_init(&o, cases[i].schema);
        sl_code rc = open_as(&o, cases[i].url, cases[i].uid, 1, &err);
        if (rc != cases[i].code || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].url, err.text);
        }
        out_reset(&o);
    }
}

/// Whichever allocation fails, nothing leaks and a later try works.
SL_TEST(file_sink_without_memory, "")
{
    int64_t used = sli_mem_used(SLI_TAG_SINK);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        out o;
        out_init(&o, "word string, n int64");
        sl_batch *rows = slt_rows(o.schema, "", 1, 0);
        sli_attempt at = {1, 1, 0, 0, 0};
        sl_bytes receipt = {NULL, 0};
        int64_t last = 0;
        sl_error err = SL_ERROR_INIT;
        sli_mem_fail_nth(n);
        sl_code rc = open_as(&o, "/data?format=csv", "a", 1, &err);
        rc = rc == SL_OK ? o.sink->ops->recover(o.sink, &last, &err) : rc;
        rc = rc == SL_OK ? o.sink->ops->stage(o.sink, at, rows, &err) : rc;
        rc = rc == SL_OK ? o.sink->ops->seal(o.sink, 1, &at, 1, o.arena, &receipt, &err) : rc;
        rc = rc == SL_OK ? o.sink->ops->commit(o.sink, 1, receipt, NULL, &err) : rc;
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        if (rc != SL_OK && rc != SL_E_NOMEM) {
            fail_msg("allocation %d: %s %s", (int)n, sl_code_name(rc), err.text);
        }
        sl_batch_unref(rows);
        out_reset(&o);
        assert_int_equal(sli_mem_used(SLI_TAG_SINK), used);
    }
}
