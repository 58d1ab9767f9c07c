/// out_test.c — see out_test.h.
#include "sink/file/out_test.h"

#include <stdio.h>

#include "format/reread_test.h"

static const char job_id[] = "00112233445566778899aabbccddeeff";
static const sli_sink_ops *const sinks[] = {&sli_sink_file, &sli_sink_sqlite, NULL};

sl_code slt_out_open(slt_out *o, const char *url, const char *uid, int64_t generation,
                     sl_error *err)
{
    sli_sink_env env = {
        .env = o->env, .uid = uid, .job_id = job_id, .generation = generation, .schema = o->schema};
    return sli_sink_open(&o->sink, url, sinks, &env, err);
}

void slt_out_init(slt_out *o, const char *schema)
{
    *o = (slt_out){.world = slt_world(1, NULL), .arena = sl_arena_new(SLI_TAG_TEST)};
    o->env = slt_boot(o->world, NULL);
    assert_int_equal(sl_schema_parse(&o->schema, schema, NULL), SL_OK);
}

void slt_out_reset(slt_out *o)
{
    sli_sink_close(o->sink);
    sl_arena_free(o->arena);
    sl_schema_unref(o->schema);
    sli_env_free(o->env);
    sli_world_free(o->world);
}

void slt_out_start(slt_out *o, const char *url, const char *uid, int64_t generation)
{
    int64_t last = 0;
    sl_error err = SL_ERROR_INIT;
    sli_sink_close(o->sink);
    o->sink = NULL;
    sl_code rc = slt_out_open(o, url, uid, generation, &err);
    rc = rc == SL_OK ? o->sink->ops->recover(o->sink, &last, &err) : rc;
    if (rc != SL_OK) {
        fail_msg("%s", err.text);
    }
}

sl_bytes slt_out_seal(slt_out *o, int64_t group, int64_t generation, int32_t n)
{
    sli_attempt at = {generation, group, 0, 0, 0};
    sl_bytes receipt = {NULL, 0};
    sl_error err = SL_ERROR_INIT;
    sl_batch *rows = slt_rows(o->schema, "", group, 0);
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

void slt_out_commit(slt_out *o, int64_t group, int64_t generation, int32_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_bytes receipt = slt_out_seal(o, group, generation, n);
    if (o->sink->ops->commit(o->sink, group, receipt, NULL, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

static sl_code add_name(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    sli_str_text(ctx, name);
    sli_str_char(ctx, '\n');
    return SL_OK;
}

void slt_out_names(slt_out *o, const char *dir, const char *expected)
{
    sli_str names = SLI_STR_INIT;
    sli_str_text(&names, "");
    assert_int_equal(sli_world_list(o->world, dir, add_name, &names, NULL), SL_OK);
    SL_CHECK_TEXT(names.data, expected);
    sli_str_reset(&names);
}

void slt_out_only_name(slt_out *o, const char *dir, char *name, size_t size)
{
    sli_str names = SLI_STR_INIT;
    assert_int_equal(sli_world_list(o->world, dir, add_name, &names, NULL), SL_OK);
    assert_non_null(names.data);
    int n = (int)strcspn(names.data, "\n");
    assert_int_equal(names.data[n + 1], '\0');
    (void)snprintf(name, size, "%.*s", n, names.data);
    sli_str_reset(&names);
}

void slt_out_arrow_holds(slt_out *o, const char *path, const char *expected)
{
    char *data = NULL;
    size_t size = 0;
    sli_str rows = SLI_STR_INIT;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_world_read(o->world, path, &data, &size, &err);
    rc = rc == SL_OK ? slt_reread_arrow(data, size, &rows, &err) : rc;
    if (rc != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(rows.data, expected);
    sli_str_reset(&rows);
    sl_free(data);
}

void slt_out_holds(slt_out *o, const char *path, const char *expected)
{
    char *data = NULL;
    size_t size = 0;
    sl_error err = SL_ERROR_INIT;
    if (sli_world_read(o->world, path, &data, &size, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(data, expected);
    sl_free(data);
}
