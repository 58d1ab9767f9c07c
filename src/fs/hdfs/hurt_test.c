/// hurt_test.c — a real cluster that is hurt while a file is written and read: nothing is lost, or
/// it is told at once why nothing can be done. These run on what `make test-hdfs` has started,
/// alone.
#include "sl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs/hdfs/hdfs_int.h"
#include "namenode.h"

enum { LINES = 2000, SECOND = 1000000 };

typedef struct real {
    sl_env *env;
    sl_conf *conf;
    sli_fs *fs;
    sl_arena *arena;
    char dir[96];
    sl_error err;
} real;

static void open_as(real *r, const char *options)
{
    sli_url url;
    char web[64], text[96];
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    slt_hdfs_web(web, sizeof web);
    (void)snprintf(text, sizeof text, "hdfs://%s", web);
    assert_int_equal(sl_conf_new(&r->conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(r->conf, options, &r->err), SL_OK);
    assert_int_equal(sli_url_parse(text, &url, NULL), SL_OK);
    sli_fs_where where = {&url, r->conf, r->env, SLT_BUILD_DIR "/lib/sluice"};
    if (sli_fs_hdfs.open(&r->fs, &where, &r->err) != SL_OK) {
        fail_msg("%s", r->err.text);
    }
}

static void start(real *r, const char *options)
{
    char id[33];
    *r = (real){0};
    (void)slt_hdfs_dir();
    assert_int_equal(sli_env_posix(&r->env, NULL), SL_OK);
    assert_int_equal(sli_env_random_id(r->env, id, NULL), SL_OK);
    (void)snprintf(r->dir, sizeof r->dir, "/tests/hurt-%s", id);
    r->arena = sl_arena_new(SLI_TAG_TEST);
    open_as(r, options);
    if (r->fs->ops->mkdirs(r->fs, r->dir, &r->err) != SL_OK) {
        fail_msg("%s", r->err.text);
    }
}

static void close_fs(real *r)
{
    r->fs->ops->close(r->fs);
    sl_conf_free(r->conf);
}

static void end(real *r)
{
    close_fs(r);
    sl_arena_free(r->arena);
    sli_env_free(r->env);
}

static sl_code write_lines(real *r, const char *path, sl_error *err)
{
    char line[64];
    sli_fs_file *file = NULL;
    SL_TRY(r->fs->ops->create(r->fs, path, &file, err));
    sl_code rc = SL_OK;
    for (int i = 0; rc == SL_OK && i < LINES; i++) {
        int n = snprintf(line, sizeof line, "line %06d of a file that is whole or not there\n", i);
        rc = r->fs->ops->write(file, line, (size_t)n, err);
    }
    if (rc != SL_OK) {
        r->fs->ops->discard(&file);
        return rc;
    }
    return r->fs->ops->seal(&file, err);
}

static void put(real *r, const char *name)
{
    const char *path = sli_path_join(r->arena, r->dir, name);
    if (write_lines(r, path, &r->err) != SL_OK) {
        fail_msg("%s", r->err.text);
    }
}

static void check(real *r, const char *name)
{
    char expected[64], got[64];
    sli_fs_reader *reader = NULL;
    size_t n = 0;
    const char *path = sli_path_join(r->arena, r->dir, name);
    assert_int_equal(r->fs->ops->reader_open(r->fs, path, 0, &reader, NULL), SL_OK);
    for (int i = 0; i < LINES; i++) {
        int size = snprintf(expected, sizeof expected,
                            "line %06d of a file that is whole or not there\n", i);
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

/// Runs a verb of tools/hdfs while the test goes on.
static void meanwhile(const char *verb, const char *words)
{
    char command[1024];
    (void)snprintf(command, sizeof command, "'%s/tools/hdfs' %s '%s' %s >/dev/null 2>&1 &",
                   SLT_SOURCE_DIR, verb, slt_hdfs_dir(), words);
    assert_int_equal(system(command), 0);
}

SL_TEST(hdfs_a_namenode_is_restarted_hdfs, "")
{
    real r;
    start(&r, "piece=64KiB retry_timeout=90s");
    put(&r, "before");
    assert_int_equal(slt_hdfs_tool("kill", "namenode"), 0);
    meanwhile("restart", "namenode");
    put(&r, "meanwhile");
    check(&r, "before");
    check(&r, "meanwhile");
    assert_int_equal(slt_hdfs_tool("wait", ""), 0);
    end(&r);
}

SL_TEST(hdfs_a_datanode_is_killed_hdfs, "")
{
    char name[16];
    real r;
    start(&r, "piece=64KiB retry_timeout=90s");
    for (int i = 0; i < 4; i++) { // some of them on datanode1
        (void)snprintf(name, sizeof name, "b%d", i);
        put(&r, name);
    }
    assert_int_equal(slt_hdfs_tool("kill", "datanode1"), 0);
    put(&r, "meanwhile");
    check(&r, "meanwhile");
    meanwhile("restart", "datanode1");
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "b%d", i);
        check(&r, name);
    }
    assert_int_equal(slt_hdfs_tool("wait", ""), 0);
    end(&r);
}

SL_TEST(hdfs_safe_mode_is_waited_for_hdfs, "")
{
    real r;
    start(&r, "retry_timeout=60s");
    const char *admin = "org.apache.hadoop.hdfs.tools.DFSAdmin -safemode";
    assert_int_equal(slt_hdfs_tool("tool", sl_arena_printf(r.arena, "%s enter", admin)), 0);
    meanwhile("tool", sl_arena_printf(r.arena, "%s leave", admin));
    put(&r, "f");
    check(&r, "f");
    assert_int_equal(slt_hdfs_tool("wait", ""), 0);
    end(&r);
}

SL_TEST(hdfs_anothers_lease_is_no_hindrance_hdfs, "")
{
    char command[1024];
    real r;
    start(&r, "retry_timeout=20s");
    (void)snprintf(command, sizeof command, "'%s/tools/hdfs' hold '%s' %s/f.begun 5",
                   SLT_SOURCE_DIR, slt_hdfs_dir(), r.dir);
    FILE *holder = popen(command, "r"); // NOLINT: the test's own words
    char said[16] = "";
    assert_non_null(holder);
    assert_non_null(fgets(said, sizeof said, holder));
    assert_string_equal(said, "held\n");
    put(&r, "f");
    check(&r, "f");
    (void)pclose(holder);
    end(&r);
}

SL_TEST(hdfs_a_quota_is_told_at_once_hdfs, "")
{
    real r;
    start(&r, "retry_timeout=60s");
    assert_int_equal(slt_hdfs_tool("tool", sl_arena_printf(r.arena,
                                                           "org.apache.hadoop.hdfs.tools.DFSAdmin "
                                                           "-setSpaceQuota 1m %s",
                                                           r.dir)),
                     0);
    int64_t began = sli_env_mono_us(r.env);
    const char *path = sli_path_join(r.arena, r.dir, "f");
    assert_int_equal(write_lines(&r, path, &r.err), SL_E_NO_SPACE);
    assert_non_null(strstr(r.err.text, "quota"));
    assert_true(sli_env_mono_us(r.env) - began < 20 * SECOND);
    end(&r);
}

SL_TEST(hdfs_a_missing_permission_is_told_at_once_hdfs, "")
{
    real r;
    start(&r, "");
    put(&r, "f");
    close_fs(&r);
    open_as(&r, "user=nobody");
    int64_t began = sli_env_mono_us(r.env);
    const char *path = sli_path_join(r.arena, r.dir, "g");
    assert_int_equal(write_lines(&r, path, &r.err), SL_E_CONFIG);
    assert_non_null(strstr(r.err.text, "Permission denied"));
    assert_true(sli_env_mono_us(r.env) - began < 20 * SECOND);
    check(&r, "f"); // reading is allowed
    end(&r);
}

SL_TEST(hdfs_a_namenode_that_is_away_has_a_second_one_hdfs, "")
{
    real r;
    char web[64];
    start(&r, "retry_timeout=20s");
    put(&r, "f");
    close_fs(&r);
    slt_hdfs_web(web, sizeof web);
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    assert_int_equal(sl_conf_new(&r.conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_set(r.conf, "namenodes", sli_text_of(web), NULL), SL_OK);
    sli_url url;
    assert_int_equal(sli_url_parse("hdfs://127.0.0.1:1", &url, NULL), SL_OK);
    sli_fs_where where = {&url, r.conf, r.env, SLT_BUILD_DIR "/lib/sluice"};
    assert_int_equal(sli_fs_hdfs.open(&r.fs, &where, &r.err), SL_OK);
    check(&r, "f");
    end(&r);
}
