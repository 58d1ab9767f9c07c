/// hdfs_test.c — what goes wrong with a cluster, on a simulated one: what passes is waited for and
/// costs nothing, what does not is told at once, and whichever connection is lost a file is whole.
#include "sl_test.h"

#include <stdio.h>

#include "env/sim.h"
#include "fs/hdfs/hdfs_int.h"
#include "fs/hdfs/sim/cluster.h"

enum { SECOND = 1000000 };

typedef struct cluster {
    sli_world *world;
    sli_hdfs_cluster *sim;
    sl_env *env;
    sl_conf *conf;
    sli_fs *fs;
    _Atomic int64_t end_us; ///< sli_fs_where
    sl_error err;
} cluster;

static void start(cluster *c, uint64_t seed)
{
    *c = (cluster){.world = sli_world_new(&(sli_world_conf){.seed = seed})};
    atomic_init(&c->end_us, SLI_FOREVER);
    c->sim = sli_hdfs_cluster_new(c->world);
    assert_non_null(c->sim);
    assert_true(sli_hdfs_cluster_put(c->sim, "/data/old", sli_text_of("0123456789")));
}

static void boot(cluster *c, const sli_fault *fault, const char *options)
{
    sli_url url;
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    assert_int_equal(sli_world_boot(c->world, fault, &c->env, NULL), SL_OK);
    assert_int_equal(sl_conf_new(&c->conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(c->conf, options, NULL), SL_OK);
    assert_int_equal(sli_url_parse("hdfs://nn1:9870/", &url, NULL), SL_OK);
    sli_fs_where where = {.url = &url, .conf = c->conf, .env = c->env, .end_us = &c->end_us};
    assert_int_equal(sli_fs_hdfs.open(&c->fs, &where, &c->err), SL_OK);
}

static void halt(cluster *c)
{
    c->fs->ops->close(c->fs);
    sl_conf_free(c->conf);
    sli_env_free(c->env);
}

static void end(cluster *c)
{
    sli_hdfs_cluster_free(c->sim);
    sli_world_free(c->world);
}

static const char content[] = "a file that is written in three pieces, of which each may be lost: "
                              "whoever reads it afterwards finds it whole";

/// Publishes the content as sinks do, by 40 bytes; the pieces are of 1 KiB, so it is repeated.
static sl_code publish(cluster *c)
{
    sli_fs_file *file = NULL;
    SL_TRY(c->fs->ops->create(c->fs, "/data/1-7", &file, &c->err));
    sl_code rc = SL_OK;
    for (int i = 0; rc == SL_OK && i < 24; i++) {
        rc = c->fs->ops->write(file, content, sizeof content - 1, &c->err);
    }
    if (rc != SL_OK) {
        c->fs->ops->discard(&file);
        return rc;
    }
    SL_TRY(c->fs->ops->seal(&file, &c->err));
    SL_TRY(c->fs->ops->rename(c->fs, "/data/1-7", "/data/out", &c->err));
    return c->fs->ops->sync_dir(c->fs, "/data", &c->err);
}

static bool is_published(const cluster *c)
{
    const sli_str *file = sli_hdfs_cluster_file(c->sim, "/data/out");
    if (file == NULL) {
        return false;
    }
    assert_int_equal(file->size, 24 * (sizeof content - 1));
    for (size_t i = 0; i < 24; i++) {
        assert_memory_equal(file->data + i * (sizeof content - 1), content, sizeof content - 1);
    }
    return true;
}

static sl_code read_old(cluster *c, char out[16])
{
    sli_fs_reader *reader = NULL;
    size_t n = 0, more = 0;
    SL_TRY(c->fs->ops->reader_open(c->fs, "/data/old", 0, &reader, &c->err));
    sl_code rc = c->fs->ops->reader_next(reader, out, 4, &n, &c->err);
    rc = rc == SL_OK ? c->fs->ops->reader_next(reader, out + n, 12, &more, &c->err) : rc;
    c->fs->ops->reader_close(&reader);
    out[n + more] = '\0';
    return rc;
}

static void check_works(cluster *c)
{
    char got[16];
    sl_code rc = publish(c);
    if (rc != SL_OK) {
        fail_msg("%s", c->err.text);
    }
    assert_true(is_published(c));
    assert_int_equal(read_old(c, got), SL_OK);
    assert_string_equal(got, "0123456789");
}

// ---------------------------------------------------------------- what passes

SL_TEST(hdfs_any_lost_connection_costs_nothing, "")
{
    for (int done = 0; done < 2; done++) {
        int64_t n = 1, requests = 0;
        do {
            cluster c;
            start(&c, (uint64_t)n);
            boot(&c, NULL, "piece=1KiB");
            sli_hdfs_cluster_lose_at(c.sim, n, done == 1);
            check_works(&c);
            assert_null(sli_hdfs_cluster_file(c.sim, "/data/1-7.begun"));
            assert_null(sli_hdfs_cluster_file(c.sim, "/data/1-7.next"));
            requests = sli_hdfs_cluster_requests(c.sim);
            halt(&c);
            end(&c);
        } while (++n <= requests);
        assert_true(n > 15);
    }
}

SL_TEST(hdfs_many_lost_connections_cost_time_alone, "")
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        cluster c;
        start(&c, seed);
        boot(&c, NULL, "piece=1KiB retry_timeout=10m");
        sli_hdfs_cluster_lose(c.sim, 0.3);
        check_works(&c);
        halt(&c);
        end(&c);
    }
}

static void go_away(cluster *c)
{
    sli_hdfs_cluster_away(c->sim, 30 * SECOND);
}
static void safe_mode(cluster *c)
{
    sli_hdfs_cluster_safe_mode(c->sim, 30 * SECOND);
}
static void hold_lease(cluster *c)
{
    sli_hdfs_cluster_lease(c->sim, "/data", 30 * SECOND);
}
static void lose_datanode(cluster *c)
{
    sli_hdfs_cluster_datanode(c->sim, true);
}
static void mute_namenode(cluster *c)
{
    sli_hdfs_cluster_mute(c->sim, "nn1", 25 * SECOND);
}
static void mute_datanode(cluster *c)
{
    sli_hdfs_cluster_mute(c->sim, "dn1", 25 * SECOND);
}
static void mute_and_fail_over(cluster *c)
{
    sli_hdfs_cluster_mute(c->sim, "nn1", SLI_FOREVER);
    sli_hdfs_cluster_failover(c->sim);
}
static void fail_over(cluster *c)
{
    sli_hdfs_cluster_failover(c->sim);
}
static void fail_over_and_die(cluster *c)
{
    sli_hdfs_cluster_away(c->sim, SLI_FOREVER);
    sli_hdfs_cluster_failover(c->sim);
    sli_hdfs_cluster_away(c->sim, 0);
}
static void fail_over_with_kerberos(cluster *c)
{
    sli_hdfs_cluster_secure(c->sim);
    sli_hdfs_cluster_failover(c->sim);
}
static void rename_as_before(cluster *c)
{
    sli_hdfs_cluster_old_rename(c->sim, true);
}

SL_TEST(hdfs_what_passes_is_waited_for, "")
{
    void (*const troubles[])(cluster *) = {
        go_away,         safe_mode,          hold_lease, lose_datanode,     mute_namenode,
        mute_datanode,   mute_and_fail_over, fail_over,  fail_over_and_die, fail_over_with_kerberos,
        rename_as_before};
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        cluster c;
        start(&c, 1);
        boot(&c, NULL, "piece=1KiB namenodes=nn2:9870");
        troubles[i](&c);
        check_works(&c);
        assert_string_equal(c.err.text, ""); // what was tried on the way is not told
        halt(&c);
        end(&c);
    }
}

SL_TEST(hdfs_what_does_not_pass_in_time_is_told, "")
{
    cluster c;
    start(&c, 1);
    boot(&c, NULL, "retry_timeout=5s");
    int64_t began = sli_env_mono_us(c.env);
    sli_hdfs_cluster_away(c.sim, SLI_FOREVER);
    assert_int_equal(publish(&c), SL_E_IO);
    assert_non_null(strstr(c.err.text, "tried for 5000 ms"));
    assert_non_null(strstr(c.err.text, "connection refused"));
    assert_true(sli_env_mono_us(c.env) - began <= 5 * SECOND);
    halt(&c);
    end(&c);
}

// ---------------------------------------------------------------- a server that says nothing

static int64_t since(const cluster *c, int64_t began_us)
{
    return sli_env_mono_us(c->env) - began_us;
}

SL_TEST(hdfs_a_namenode_that_says_nothing_is_left_for_the_next_one, "")
{
    cluster c;
    start(&c, 1);
    boot(&c, NULL, "namenodes=nn2:9870 retry_timeout=20s answer_timeout=15s");
    mute_and_fail_over(&c);
    int64_t began = sli_env_mono_us(c.env);
    check_works(&c);
    assert_in_range(since(&c, began), 10 * SECOND, 11 * SECOND); // its share, once
    halt(&c);
    end(&c);
}

/// One alone is waited for as long as an answer may take.
SL_TEST(hdfs_an_answer_is_waited_for_no_longer_than_told, "")
{
    static const struct {
        const char *options;
        int64_t most_us;
    } cases[] = {{"", 60 * SECOND},
                 {"retry_timeout=7s", 7 * SECOND},
                 {"answer_timeout=3s retry_timeout=10s", 10 * SECOND}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cluster c;
        start(&c, 1);
        boot(&c, NULL, cases[i].options);
        sli_hdfs_cluster_mute(c.sim, "nn1", SLI_FOREVER);
        int64_t began = sli_env_mono_us(c.env);
        assert_int_equal(publish(&c), SL_E_IO);
        assert_non_null(strstr(c.err.text, "no answer in time"));
        assert_in_range(since(&c, began), cases[i].most_us - SECOND, cases[i].most_us);
        halt(&c);
        end(&c);
    }
}

/// The body of a file stops in its middle.
SL_TEST(hdfs_a_datanode_that_falls_silent_is_left_after_the_time_of_an_answer, "")
{
    cluster c;
    char got[16];
    sli_fs_reader *reader = NULL;
    size_t n = 0, more = 0;
    start(&c, 1);
    boot(&c, NULL, "answer_timeout=4s");
    assert_int_equal(c.fs->ops->reader_open(c.fs, "/data/old", 0, &reader, &c.err), SL_OK);
    assert_int_equal(c.fs->ops->reader_next(reader, got, 4, &n, &c.err), SL_OK);
    sli_hdfs_cluster_mute(c.sim, "dn1", SLI_FOREVER);
    int64_t began = sli_env_mono_us(c.env);
    assert_int_equal(c.fs->ops->reader_next(reader, got + n, 12, &more, &c.err), SL_OK);
    assert_memory_equal(got, "0123456789", n + more);          // of dn2, the rest
    assert_in_range(since(&c, began), 4 * SECOND, 9 * SECOND); // once in the body, once anew
    c.fs->ops->reader_close(&reader);
    halt(&c);
    end(&c);
}

static sl_code only_read(cluster *c)
{
    char got[16];
    return read_old(c, got);
}

static sl_code only_look(cluster *c)
{
    sli_fs_entry entry;
    return c->fs->ops->stat(c->fs, "/data/old", &entry, &c->err);
}

static sl_code only_publish(cluster *c)
{
    return publish(c);
}

/// What is under way and what comes afterwards.
static void check_ended(cluster *c, sl_code (*act)(cluster *), int64_t end_us)
{
    assert_int_equal(act(c), SL_E_TIMEOUT);
    assert_non_null(strstr(c->err.text, "not waited for any longer"));
    assert_in_range(sli_env_mono_us(c->env), end_us - 2 * SECOND, end_us); // or the pause before
    int64_t requests = sli_hdfs_cluster_requests(c->sim);
    c->err = SL_ERROR_INIT;
    assert_int_equal(act(c), SL_E_TIMEOUT);
    assert_in_range(sli_env_mono_us(c->env), end_us - 2 * SECOND, end_us + SECOND);
    assert_true(sli_hdfs_cluster_requests(c->sim) <= requests + 1);
}

static void come_nearer(void *ctx)
{
    cluster *c = ctx;
    atomic_store(&c->end_us, sli_world_mono_us(c->world) + 5 * SECOND);
}

SL_TEST(hdfs_no_call_outlives_the_end_of_all, "")
{
    sl_code (*const acts[])(cluster *) = {only_read, only_look, only_publish};
    const char *const servers[] = {"nn1", "dn1", NULL};
    for (size_t act = 0; act < 3; act++) {
        for (size_t server = 0; server < 3; server++) {
            cluster c;
            start(&c, 1);
            boot(&c, NULL, "answer_timeout=1d retry_timeout=1d");
            if (servers[server] == NULL) {
                sli_hdfs_cluster_away(c.sim, SLI_FOREVER); // refused, and asked again and again
            } else {
                sli_hdfs_cluster_mute(c.sim, servers[server], SLI_FOREVER);
            }
            if (acts[act] != only_look || server != 1) { // it needs no DataNode
                int64_t at = sli_env_mono_us(c.env) + 100 * SECOND;
                assert_int_equal(sli_world_at(c.world, at, come_nearer, &c, NULL), SL_OK);
                check_ended(&c, acts[act], at + 5 * SECOND);
            }
            halt(&c);
            end(&c);
        }
    }
}

// ---------------------------------------------------------------- what does not pass

static void check_refused(cluster *c, sl_code code, const char *text)
{
    int64_t began = sli_env_mono_us(c->env);
    assert_int_equal(publish(c), code);
    assert_non_null(strstr(c->err.text, text));
    assert_int_equal(sli_env_mono_us(c->env), began); // nobody waited
    assert_false(is_published(c));
    assert_null(sli_hdfs_cluster_file(c->sim, "/data/1-7"));
}

SL_TEST(hdfs_what_no_wait_helps_is_told_at_once, "")
{
    cluster c;
    start(&c, 1);
    boot(&c, NULL, "piece=1KiB");
    sli_hdfs_cluster_quota(c.sim, 2000);
    check_refused(&c, SL_E_NO_SPACE, "quota");
    sli_hdfs_cluster_quota(c.sim, 0);
    sli_hdfs_cluster_forbid(c.sim, "/data");
    check_refused(&c, SL_E_CONFIG, "Permission denied");
    sli_hdfs_cluster_forbid(c.sim, NULL);
    check_works(&c);
    halt(&c);
    end(&c);
}

SL_TEST(hdfs_a_rename_that_says_false_is_looked_into, "")
{
    cluster c;
    start(&c, 1);
    boot(&c, NULL, "");
    sli_hdfs_cluster_old_rename(c.sim, true);
    assert_true(sli_hdfs_cluster_put(c.sim, "/data/new", sli_text_of("new")));
    assert_int_equal(c.fs->ops->rename(c.fs, "/data/new", "/data/old", &c.err), SL_E_EXISTS);
    assert_non_null(strstr(c.err.text, "/data/old: is there already"));
    assert_int_equal(c.fs->ops->rename(c.fs, "/data/none", "/data/x", &c.err), SL_E_NOT_FOUND);
    assert_int_equal(c.fs->ops->rename(c.fs, "/data/new", "/none/x", &c.err), SL_E_NOT_FOUND);
    assert_non_null(strstr(c.err.text, "its directory is missing"));
    assert_int_equal(sli_hdfs_cluster_file(c.sim, "/data/old")->size, 10);
    assert_int_equal(sli_hdfs_cluster_file(c.sim, "/data/new")->size, 3);
    halt(&c);
    end(&c);
}

// ---------------------------------------------------------------- crashes and failures

SL_TEST(hdfs_crash_anywhere_shows_nothing_or_the_whole_file, "")
{
    int64_t with = 0, without = 0;
    bool reached = true;
    for (int64_t n = 1; reached; n++) {
        cluster c;
        start(&c, 1);
        boot(&c, &(sli_fault){.crash_at_call = n}, "piece=1KiB");
        sl_code rc = publish(&c);
        reached = sli_world_fault_reached(c.env);
        assert_int_equal(rc, reached ? SL_E_CRASHED : SL_OK);
        assert_true(is_published(&c) || reached); // what was reported stays
        with += is_published(&c);
        without += !is_published(&c);
        halt(&c);
        end(&c);
    }
    assert_true(with > 1 && without > 10);
}

SL_TEST(hdfs_survives_any_failed_allocation, "")
{
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        cluster c;
        char got[16];
        start(&c, 1);
        boot(&c, NULL, "piece=1KiB");
        int64_t before = sli_mem_used(SLI_TAG_FS);
        sli_mem_fail_nth(n);
        sl_code rc = publish(&c);
        rc = rc == SL_OK ? read_old(&c, got) : rc;
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        // A simulated server that has no memory loses the connection, and is asked again.
        assert_true(rc == SL_E_NOMEM ? failed : rc == SL_OK && is_published(&c));
        assert_int_equal(sli_mem_used(SLI_TAG_FS), before);
        halt(&c);
        end(&c);
    }
}

// ---------------------------------------------------------------- who asks

SL_TEST(hdfs_shows_a_datanode_no_secret, "")
{
    cluster c;
    start(&c, 1);
    boot(&c, NULL, "piece=1KiB user=x password=secret");
    check_works(&c);
    assert_int_equal(sli_hdfs_cluster_shown(c.sim), 0);
    halt(&c);
    end(&c);
}

// ---------------------------------------------------------------- settings

static void check_option(const char *url_text, const char *options, const char *text)
{
    cluster c;
    sli_url url;
    sli_fs *fs = NULL;
    start(&c, 1);
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    assert_int_equal(sli_world_boot(c.world, NULL, &c.env, NULL), SL_OK);
    assert_int_equal(sl_conf_new(&c.conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(c.conf, options, NULL), SL_OK);
    assert_int_equal(sli_url_parse(url_text, &url, NULL), SL_OK);
    sli_fs_where where = {.url = &url, .conf = c.conf, .env = c.env};
    assert_int_equal(sli_fs_hdfs.open(&fs, &where, &c.err), SL_E_CONFIG);
    assert_non_null(strstr(c.err.text, text));
    sl_conf_free(c.conf);
    sli_env_free(c.env);
    end(&c);
}

SL_TEST(hdfs_names_what_is_wrong_with_a_setting, "")
{
    check_option("hdfs:/data", "", "hdfs://HOST:9870/DIR");
    check_option("hdfs://nn1/data", "namenodes=nn2", "host:port,host:port");
    check_option("hdfs://nn1/data", "namenodes='a:1,,b:2'", "host:port,host:port");
    check_option("hdfs://nn1/data", "namenodes='a:1,b:2,c:3,d:4,e:5,f:6,g:7,h:8'", "more than 8");
    check_option("hdfs://nn1/data", "token=file:/none", "token");
}

// ---------------------------------------------------------------- JSON

static sl_code note(void *ctx, int32_t depth, const char *key, sl_text value, sl_error *err)
{
    (void)err;
    if (key == NULL) {
        sli_str_printf(ctx, "%d! ", (int)depth);
    } else {
        sli_str_printf(ctx, "%d%s=%.*s ", (int)depth, key, (int)value.size, value.data);
    }
    return SL_OK;
}

static void check_json(const char *text, const char *expected)
{
    for (size_t step = 1; step <= strlen(text); step++) {
        sli_str seen = SLI_STR_INIT;
        hdfs_json json = {.each = note, .ctx = &seen};
        sl_code rc = SL_OK;
        for (size_t at = 0; rc == SL_OK && at < strlen(text); at += step) {
            size_t left = strlen(text) - at;
            rc = hdfs_json_feed(&json, text + at, left < step ? left : step, NULL);
        }
        SL_CHECK_TEXT(rc == SL_OK ? seen.data : "refused", expected);
        hdfs_json_reset(&json);
        sli_str_reset(&seen);
    }
}

SL_TEST(hdfs_json_comes_in_any_pieces, "")
{
    check_json("{\"a\":{\"b\":[{\"c\":\"x\",\"d\": 12}, {\"c\":\"\"}],\"e\":null},\"f\":true}",
               "4c=x 4d=12 4! 4c= 4! 2e=null 2! 1f=true 1! ");
    check_json("{\"a\\\"\":\"\\\\ \\/ \\n\\u0041\\u00e4\\u20ac\\ud83d\\ude00\"}",
               "1a\"=\\ / \nA\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 1! ");
    check_json("<html>", "refused");
    check_json("]", "refused");
    check_json("{\"a\":\"\\x\"}", "refused");
    check_json("{\"a\":\"\\u00g0\"}", "refused");
    check_json("[[[[[[[[[[[[[[[[[[[[", "refused");
}
