/// file_test.c — what is the file sink's own: names, empty groups, attempts that outgrow memory,
/// receipts, sweeping, and its errors. Rolled files: roll_test.c.
#include "sink/file/out_test.h"

SL_TEST(file_sink_names_groups_by_job_and_uid, "")
{
    slt_out o;
    int64_t last = 9;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data/out/?format=csv&header=true", "a", 1);
    assert_int_equal(o.sink->ops->commit(o.sink, 7, slt_out_seal(&o, 7, 1, 1), NULL, NULL), SL_OK);
    slt_out_names(&o, "/data/out", ".sluice\n000000000007-ceb2cab1.csv\n");
    slt_out_holds(&o, "/data/out/000000000007-ceb2cab1.csv", "word,n\ne7p0r0,700\ne7p0r1,701\n");
    slt_out_start(&o, "/data/out?format=json", "b", 1); // another output, the same directory
    assert_int_equal(o.sink->ops->recover(o.sink, &last, NULL), SL_OK);
    assert_int_equal(last, 0);
    assert_int_equal(o.sink->ops->commit(o.sink, 7, slt_out_seal(&o, 7, 1, 1), NULL, NULL), SL_OK);
    assert_int_equal(o.sink->ops->recover(o.sink, &last, NULL), SL_OK);
    assert_int_equal(last, 7);
    slt_out_reset(&o);
}

SL_TEST(file_sink_empty_groups, "")
{
    for (int32_t write = 0; write < 2; write++) {
        slt_out o;
        slt_out_init(&o, "word string, n int64");
        slt_out_start(&o, write ? "/data?format=csv&empty=write" : "/data?format=csv", "a", 1);
        sl_bytes receipt = slt_out_seal(&o, 1, 1, 0);
        assert_int_equal(o.sink->ops->commit(o.sink, 1, receipt, NULL, NULL), SL_OK);
        assert_int_equal(o.sink->ops->commit(o.sink, 1, receipt, NULL, NULL), SL_OK);
        slt_out_names(&o, "/data", write ? ".sluice\n000000000001-ceb2cab1.csv\n" : ".sluice\n");
        slt_out_reset(&o);
    }
}

SL_TEST(file_sink_sweeps_older_generations_but_what_is_named, "")
{
    static const char stage[] = "/data/.sluice/00112233445566778899aabbccddeeff/a/stage";
    slt_out o;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv&layout=directory", "a", 1);
    sl_bytes named = slt_out_seal(&o, 1, 1, 1);
    (void)slt_out_seal(&o, 2, 1, 1);
    slt_out_start(&o, "/data?format=csv&layout=directory", "a", 12);
    (void)slt_out_seal(&o, 2, 12, 1);
    slt_out_start(&o, "/data?format=csv&layout=directory", "a", 2);
    slt_out_names(&o, stage, "1-1\n1-2\n12-2\n");
    assert_int_equal(o.sink->ops->sweep(o.sink, &named, 1, NULL), SL_OK);
    slt_out_names(&o, stage, "1-1\n12-2\n");
    assert_int_equal(o.sink->ops->commit(o.sink, 1, named, NULL, NULL), SL_OK);
    slt_out_names(&o, "/data/000000000001-ceb2cab1", "part-00000\n");
    slt_out_reset(&o);
}

/// 12 MiB in one attempt: 8 of them go to a file.
SL_TEST(file_sink_attempts_outgrow_memory, "")
{
    static const char temp[] = "/data/.sluice/00112233445566778899aabbccddeeff/a/temp";
    slt_out o;
    slt_out_init(&o, "line string");
    slt_out_start(&o, "/data", "a", 1);
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
    slt_out_names(&o, temp, "1-1-0-0-0\n1-1-0-0-1\n");
    assert_true(sli_mem_used(SLI_TAG_SINK) < 24 << 20);
    o.sink->ops->drop(o.sink, loser);
    sl_bytes receipt;
    assert_int_equal(o.sink->ops->seal(o.sink, 1, &at, 1, o.arena, &receipt, NULL), SL_OK);
    slt_out_names(&o, temp, "");
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
    slt_out_reset(&o);
}

SL_TEST(file_sink_foreign_and_changed_files, "")
{
    static const char staged[] = "/data/.sluice/00112233445566778899aabbccddeeff/a/stage/1-2";
    slt_out o;
    sl_error err = SL_ERROR_INIT;
    char *data = NULL;
    size_t size = 0;
    slt_out_init(&o, "word string, n int64");
    slt_out_start(&o, "/data?format=csv", "a", 1);
    sl_bytes receipt = slt_out_seal(&o, 1, 1, 1);
    assert_int_equal(sli_world_put(o.world, "/data/000000000001-ceb2cab1.csv", "mine", 4, NULL),
                     SL_OK);
    assert_int_equal(o.sink->ops->commit(o.sink, 1, receipt, NULL, &err), SL_E_EXISTS);
    // A rename cut in two leaves both, with the same content.
    receipt = slt_out_seal(&o, 2, 1, 1);
    assert_int_equal(sli_world_read(o.world, staged, &data, &size, NULL), SL_OK);
    assert_int_equal(sli_world_put(o.world, "/data/000000000002-ceb2cab1.csv", data, size, NULL),
                     SL_OK);
    sl_free(data);
    assert_int_equal(o.sink->ops->commit(o.sink, 2, receipt, NULL, &err), SL_OK);
    receipt = slt_out_seal(&o, 2, 1, 2);
    assert_int_equal(sli_world_cut(o.world, staged, 3, NULL), SL_OK);
    assert_int_equal(o.sink->ops->commit(o.sink, 2, receipt, NULL, &err), SL_E_CORRUPT);
    slt_out_reset(&o);
}

/// Every prefix and every flipped bit is refused or names files without leaving the directory.
SL_TEST(file_sink_receipts_of_any_bytes, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_file_receipt made = {SLI_SHAPE_HELD, "1-2", "000000000002-1-7.csv", 42, {7, 8}}, got;
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
    made.shape = SLI_SHAPE_FILE;
    made.name = "000000000002-ceb2cab1.csv";
    assert_int_equal(sli_file_receipt_put(&made, arena, &bytes, NULL), SL_OK);
    assert_int_equal(sli_file_receipt_get(bytes, arena, &got, NULL), SL_OK);
    made.shape = SLI_SHAPE_HELD; // no name of a held group
    assert_int_equal(sli_file_receipt_put(&made, arena, &bytes, NULL), SL_OK);
    assert_int_equal(sli_file_receipt_get(bytes, arena, &got, NULL), SL_E_CORRUPT);
    made.shape = SLI_SHAPE_FILE;
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
        {"/data?format=parquet&schema=x", "a int64", "a", SL_E_CONFIG,
         "parquet is read, not written"},
        {"/data?format=cvs&header=true", "a int64", "a", SL_E_CONFIG, "csv"},
        {"/data?format=json&header=true", "a int64", "a", SL_E_CONFIG, "header"},
        {"/data?roll_size=1KiB&layout=directory", "a int64", "a", SL_E_CONFIG, "directory a group"},
        {"/data?layout=directory&roll_interval=1s", "a int64", "a", SL_E_CONFIG, "roll_interval"},
        {"/data?roll_groups=0", "a int64", "a", SL_E_CONFIG, "roll_groups"},
        {"/data?roll_size=0", "a int64", "a", SL_E_CONFIG, "roll_size"},
        {"/data?rollsize=1", "a int64", "a", SL_E_CONFIG, "roll_size"},
        {"/data?layout=dir", "a int64", "a", SL_E_CONFIG, "directory"},
        {"file://host/data", "a int64", "a", SL_E_CONFIG, "this machine"},
        {"/data", "a int64", "", SL_E_INVALID, "uid"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slt_out o;
        sl_error err = SL_ERROR_INIT;
        slt_out_init(&o, cases[i].schema);
        sl_code rc = slt_out_open(&o, cases[i].url, cases[i].uid, 1, &err);
        if (rc != cases[i].code || strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].url, err.text);
        }
        slt_out_reset(&o);
    }
}

/// All of a sink's life, with groups 1 and 2.
static sl_code live(slt_out *o, const char *url, const sl_batch *rows, sl_error *err)
{
    int64_t last = 0;
    SL_TRY(slt_out_open(o, url, "a", 1, err));
    SL_TRY(o->sink->ops->recover(o->sink, &last, err));
    for (int64_t group = 1; group <= 2; group++) {
        sl_bytes receipt = {NULL, 0};
        sli_attempt at = {1, group, 0, 0, 0};
        SL_TRY(o->sink->ops->stage(o->sink, at, rows, err));
        SL_TRY(o->sink->ops->seal(o->sink, group, &at, 1, o->arena, &receipt, err));
        SL_TRY(o->sink->ops->commit(o->sink, group, receipt, NULL, err));
    }
    return SL_OK;
}

/// Whichever allocation fails, nothing leaks.
SL_TEST(file_sink_without_memory, "")
{
    static const char *const urls[] = {"/data?format=csv", "/data?format=csv&roll_groups=2"};
    int64_t used = sli_mem_used(SLI_TAG_SINK);
    for (int32_t i = 0; i < 2; i++) {
        bool failed = true;
        for (int64_t n = 1; failed; n++) {
            slt_out o;
            slt_out_init(&o, "word string, n int64");
            sl_batch *rows = slt_rows(o.schema, "", 1, 0);
            sl_error err = SL_ERROR_INIT;
            sli_mem_fail_nth(n);
            sl_code rc = live(&o, urls[i], rows, &err);
            failed = sli_mem_count() >= n;
            sli_mem_fail_nth(0);
            if (rc != (failed ? SL_E_NOMEM : SL_OK)) {
                fail_msg("%s: allocation %d: %s %s", urls[i], (int)n, sl_code_name(rc), err.text);
            }
            sl_batch_unref(rows);
            slt_out_reset(&o);
            assert_int_equal(sli_mem_used(SLI_TAG_SINK), used);
        }
    }
}
