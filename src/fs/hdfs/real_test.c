/// real_test.c — what the tests on a real cluster share.
#include "fs/hdfs/real_test.h"

#include <stdio.h>

#include "sl_test.h"

enum { LINES = 2000 };

static const char line_format[] = "line %06d of a file that is whole or not there\n";

// ---------------------------------------------------------------- a cluster

sl_code slt_real_try(slt_real *r, const char *options)
{
    sli_url url;
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    assert_int_equal(sl_conf_new(&r->conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(r->conf, options, &r->err), SL_OK);
    assert_int_equal(sli_url_parse(r->base, &url, NULL), SL_OK);
    sli_fs_where where = {.url = &url,
                          .conf = r->conf,
                          .env = r->env,
                          .modules = SLT_BUILD_DIR "/lib/sluice",
                          .end_us = &r->end_us};
    sl_code rc = sli_fs_hdfs.open(&r->fs, &where, &r->err);
    if (rc != SL_OK) {
        sl_conf_free(r->conf);
    }
    return rc;
}

static void open_as(slt_real *r, const char *options)
{
    if (slt_real_try(r, options) != SL_OK) {
        fail_msg("%s", r->err.text);
    }
}

static void close_fs(slt_real *r)
{
    r->fs->ops->close(r->fs);
    sl_conf_free(r->conf);
}

void slt_real_start(slt_real *r, const char *web, const char *options)
{
    char id[33];
    *r = (slt_real){.arena = sl_arena_new(SLI_TAG_TEST)};
    atomic_init(&r->end_us, SLI_FOREVER);
    assert_int_equal(sli_env_posix(&r->env, NULL), SL_OK);
    assert_int_equal(sli_env_random_id(r->env, id, NULL), SL_OK);
    (void)snprintf(r->dir, sizeof r->dir, "/tests/real-%s", id);
    r->base = sl_arena_printf(r->arena, "hdfs://%s", web);
    open_as(r, options);
    if (r->fs->ops->mkdirs(r->fs, r->dir, &r->err) != SL_OK) {
        fail_msg("%s", r->err.text);
    }
}

void slt_real_end(slt_real *r)
{
    close_fs(r);
    sl_arena_free(r->arena);
    sli_env_free(r->env);
}

void slt_real_reopen(slt_real *r, const char *options)
{
    close_fs(r);
    open_as(r, options);
}

// ---------------------------------------------------------------- files

const char *slt_real_path(slt_real *r, const char *name)
{
    return sli_path_join(r->arena, r->dir, name);
}

sl_code slt_real_write(slt_real *r, const char *name, sl_error *err)
{
    char line[64];
    sli_fs_file *file = NULL;
    SL_TRY(r->fs->ops->create(r->fs, slt_real_path(r, name), &file, err));
    sl_code rc = SL_OK;
    for (int i = 0; rc == SL_OK && i < LINES; i++) {
        int n = snprintf(line, sizeof line, line_format, i);
        rc = r->fs->ops->write(file, line, (size_t)n, err);
    }
    if (rc != SL_OK) {
        r->fs->ops->discard(&file);
        return rc;
    }
    return r->fs->ops->seal(&file, err);
}

void slt_real_put(slt_real *r, const char *name)
{
    if (slt_real_write(r, name, &r->err) != SL_OK) {
        fail_msg("%s", r->err.text);
    }
}

void slt_real_check(slt_real *r, const char *name)
{
    char expected[64], got[64];
    sli_fs_reader *reader = NULL;
    size_t n = 0;
    assert_int_equal(r->fs->ops->reader_open(r->fs, slt_real_path(r, name), 0, &reader, NULL),
                     SL_OK);
    for (int i = 0; i < LINES; i++) {
        int size = snprintf(expected, sizeof expected, line_format, i);
        if (r->fs->ops->reader_next(reader, got, (size_t)size, &n, &r->err) != SL_OK) {
            fail_msg("line %d: %s", i, r->err.text);
        }
        assert_int_equal(n, size);
        assert_memory_equal(got, expected, n);
    }
    assert_int_equal(r->fs->ops->reader_next(reader, got, 1, &n, &r->err), SL_OK);
    assert_int_equal(n, 0);
    r->fs->ops->reader_close(&reader);
}
