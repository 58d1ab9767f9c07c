/// hurt_test.c — a real cluster that is hurt while a file is written and read: nothing is lost, or
/// it is told at once why nothing can be done. These run on what `make test-hdfs` has started,
/// alone.
#include "sl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "fs/hdfs/real_test.h"
#include "namenode.h"
#include "silent.h"

enum { SECOND = 1000000 };

static void start(slt_real *r, const char *options)
{
    char web[64];
    slt_hdfs_web(web, sizeof web);
    slt_real_start(r, web, options);
}

/// Runs a verb of tools/hdfs while the test goes on.
static void meanwhile(const char *verb, const char *words)
{
    assert_int_equal(slt_hdfs_run(slt_hdfs_dir(), verb, words, true), 0);
}

SL_TEST(hdfs_a_namenode_is_restarted_hdfs, "")
{
    slt_real r;
    start(&r, "piece=64KiB retry_timeout=90s");
    slt_real_put(&r, "before");
    assert_int_equal(slt_hdfs_tool("kill", "namenode"), 0);
    meanwhile("restart", "namenode");
    slt_real_put(&r, "meanwhile");
    slt_real_check(&r, "before");
    slt_real_check(&r, "meanwhile");
    assert_int_equal(slt_hdfs_tool("wait", ""), 0);
    slt_real_end(&r);
}

SL_TEST(hdfs_a_datanode_is_killed_hdfs, "")
{
    char name[16];
    slt_real r;
    start(&r, "piece=64KiB retry_timeout=90s");
    for (int i = 0; i < 4; i++) { // some of them on datanode1
        (void)snprintf(name, sizeof name, "b%d", i);
        slt_real_put(&r, name);
    }
    assert_int_equal(slt_hdfs_tool("kill", "datanode1"), 0);
    slt_real_put(&r, "meanwhile");
    slt_real_check(&r, "meanwhile");
    meanwhile("restart", "datanode1");
    for (int i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "b%d", i);
        slt_real_check(&r, name);
    }
    assert_int_equal(slt_hdfs_tool("wait", ""), 0);
    slt_real_end(&r);
}

SL_TEST(hdfs_safe_mode_is_waited_for_hdfs, "")
{
    slt_real r;
    start(&r, "retry_timeout=60s");
    const char *admin = "org.apache.hadoop.hdfs.tools.DFSAdmin -safemode";
    assert_int_equal(slt_hdfs_tool("tool", sl_arena_printf(r.arena, "%s enter", admin)), 0);
    meanwhile("tool", sl_arena_printf(r.arena, "%s leave", admin));
    slt_real_put(&r, "f");
    slt_real_check(&r, "f");
    assert_int_equal(slt_hdfs_tool("wait", ""), 0);
    slt_real_end(&r);
}

SL_TEST(hdfs_anothers_lease_is_no_hindrance_hdfs, "")
{
    char command[1024];
    slt_real r;
    start(&r, "retry_timeout=20s");
    (void)snprintf(command, sizeof command, "'%s/tools/hdfs' hold '%s' %s/f.begun 5",
                   SLT_SOURCE_DIR, slt_hdfs_dir(), r.dir);
    FILE *holder = popen(command, "r"); // NOLINT: the test's own words
    char said[16] = "";
    assert_non_null(holder);
    assert_non_null(fgets(said, sizeof said, holder));
    assert_string_equal(said, "held\n");
    slt_real_put(&r, "f");
    slt_real_check(&r, "f");
    (void)pclose(holder);
    slt_real_end(&r);
}

SL_TEST(hdfs_a_quota_is_told_at_once_hdfs, "")
{
    slt_real r;
    start(&r, "retry_timeout=60s");
    assert_int_equal(slt_hdfs_tool("tool", sl_arena_printf(r.arena,
                                                           "org.apache.hadoop.hdfs.tools.DFSAdmin "
                                                           "-setSpaceQuota 1m %s",
                                                           r.dir)),
                     0);
    int64_t began = sli_env_mono_us(r.env);
    assert_int_equal(slt_real_write(&r, "f", &r.err), SL_E_NO_SPACE);
    assert_non_null(strstr(r.err.text, "quota"));
    assert_true(sli_env_mono_us(r.env) - began < 20 * SECOND);
    slt_real_end(&r);
}

SL_TEST(hdfs_a_missing_permission_is_told_at_once_hdfs, "")
{
    slt_real r;
    start(&r, "");
    slt_real_put(&r, "f");
    slt_real_reopen(&r, "user=nobody");
    int64_t began = sli_env_mono_us(r.env);
    assert_int_equal(slt_real_write(&r, "g", &r.err), SL_E_CONFIG);
    assert_non_null(strstr(r.err.text, "Permission denied"));
    assert_true(sli_env_mono_us(r.env) - began < 20 * SECOND);
    slt_real_check(&r, "f"); // reading is allowed
    slt_real_end(&r);
}

SL_TEST(hdfs_a_namenode_that_is_away_has_a_second_one_hdfs, "")
{
    slt_real r;
    char web[64];
    start(&r, "retry_timeout=20s");
    slt_real_put(&r, "f");
    slt_hdfs_web(web, sizeof web);
    r.base = "hdfs://127.0.0.1:1";
    slt_real_reopen(&r, sl_arena_printf(r.arena, "namenodes='%s'", web));
    slt_real_check(&r, "f");
    slt_real_end(&r);
}

// ---------------------------------------------------------------- servers that hang

/// In looking, reading and writing: nothing is waited for any longer, and what was is not lost.
static void check_ends(const char *server)
{
    char got[16];
    size_t n = 0;
    sli_fs_entry entry;
    slt_real r;
    start(&r, "answer_timeout=1d retry_timeout=1d");
    slt_real_put(&r, "before");
    assert_int_equal(slt_hdfs_tool("pause", server), 0);
    int64_t began = sli_env_mono_us(r.env);
    atomic_store(&r.end_us, began + 2 * SECOND);
    const char *path = slt_real_path(&r, "before");
    sl_code read = r.fs->ops->read(r.fs, path, 0, got, sizeof got, &n, &r.err);
    sl_code looked = r.fs->ops->stat(r.fs, path, &entry, NULL);
    sl_code wrote = slt_real_write(&r, "meanwhile", NULL);
    int64_t took = sli_env_mono_us(r.env) - began;
    assert_int_equal(slt_hdfs_tool("resume", server), 0);
    assert_int_equal(read, SL_E_TIMEOUT);
    assert_int_equal(looked, SL_E_TIMEOUT);
    assert_int_equal(wrote, SL_E_TIMEOUT);
    assert_non_null(strstr(r.err.text, "not waited for any longer"));
    assert_true(took < 20 * SECOND);
    atomic_store(&r.end_us, SLI_FOREVER);
    assert_int_equal(slt_hdfs_tool("wait", ""), 0);
    slt_real_check(&r, "before");
    slt_real_put(&r, "afterwards");
    slt_real_check(&r, "afterwards");
    slt_real_end(&r);
}

SL_TEST(hdfs_a_namenode_that_hangs_does_not_hold_a_stop_hdfs, "")
{
    check_ends("namenode");
}

SL_TEST(hdfs_a_namenode_that_hangs_has_a_second_one_hdfs, "")
{
    slt_real r;
    char web[64];
    start(&r, "");
    slt_real_put(&r, "f");
    slt_hdfs_web(web, sizeof web);
    slt_silent hangs = slt_silent_start();
    r.base = sl_arena_printf(r.arena, "hdfs://127.0.0.1:%d", hangs.port);
    slt_real_reopen(&r, sl_arena_printf(r.arena, "retry_timeout=30s namenodes='%s'", web));
    int64_t began = sli_env_mono_us(r.env);
    slt_real_check(&r, "f"); // by the second one, after the first's share
    assert_true(sli_env_mono_us(r.env) - began >= 14 * SECOND);
    began = sli_env_mono_us(r.env);
    slt_real_put(&r, "g"); // the second one is asked first now
    assert_true(sli_env_mono_us(r.env) - began < 14 * SECOND);
    slt_real_end(&r);
    slt_silent_end(&hangs);
}
