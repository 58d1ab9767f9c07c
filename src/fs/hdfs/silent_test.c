/// silent_test.c — the real client, libcurl, and a server that takes questions and answers none:
/// every wait has its end, also one that is told while somebody waits.
#include "sl_test.h"

#include <stdio.h>

#include "fs/hdfs/hdfs_int.h"
#include "silent.h"

enum { SECOND = 1000000, MOST_US = 20 * SECOND }; ///< of a busy machine: the calls have a day

typedef struct waiting {
    sl_env *env;
    sl_conf *conf;
    sli_fs *fs;
    slt_silent server;
    sli_strand *strand;
    sli_signal *never;
    _Atomic int64_t end_us;
    int64_t began_us;
    sl_error err;
} waiting;

static void start(waiting *w, const char *options)
{
    char text[64];
    sli_url url;
    const sl_option *const tables[] = {sli_fs_hdfs.options, NULL};
    if (!SLT_CURL) {
        slt_not_here("a build without HTTP");
    }
    *w = (waiting){.server = slt_silent_start()};
    atomic_init(&w->end_us, SLI_FOREVER);
    (void)snprintf(text, sizeof text, "hdfs://127.0.0.1:%d/", w->server.port);
    assert_int_equal(sli_env_posix(&w->env, NULL), SL_OK);
    assert_int_equal(sl_conf_new(&w->conf, "hdfs", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(w->conf, options, NULL), SL_OK);
    assert_int_equal(sli_url_parse(text, &url, NULL), SL_OK);
    sli_fs_where where = {.url = &url,
                          .conf = w->conf,
                          .env = w->env,
                          .modules = SLT_BUILD_DIR "/lib/sluice",
                          .end_us = &w->end_us};
    if (sli_fs_hdfs.open(&w->fs, &where, &w->err) != SL_OK) {
        fail_msg("%s", w->err.text);
    }
    w->never = sli_signal_new(w->env);
    w->strand = sli_strand_new(w->env, "nearer");
    assert_true(w->never != NULL && w->strand != NULL);
    w->began_us = sli_env_mono_us(w->env);
}

static void end(waiting *w)
{
    assert_true(sli_env_mono_us(w->env) - w->began_us < MOST_US);
    sli_strand_free(w->strand);
    sli_signal_free(w->never);
    w->fs->ops->close(w->fs);
    sl_conf_free(w->conf);
    sli_env_free(w->env);
    slt_silent_end(&w->server);
}

static sl_code look(waiting *w)
{
    sli_fs_entry entry;
    return w->fs->ops->stat(w->fs, "/in", &entry, &w->err);
}

SL_TEST(hdfs_curl_an_answer_has_its_time, "")
{
    waiting w;
    start(&w, "answer_timeout=200ms retry_timeout=1s");
    assert_int_equal(look(&w), SL_E_IO);
    assert_non_null(strstr(w.err.text, "tried for 1000 ms"));
    assert_non_null(strstr(w.err.text, "no answer in time"));
    end(&w);
}

static void come_nearer(void *ctx)
{
    waiting *w = ctx;
    (void)!sli_signal_wait(w->never, w->began_us + SECOND / 2, NULL); // the call is under way
    atomic_store(&w->end_us, sli_env_mono_us(w->env) + SECOND / 10);
}

SL_TEST(hdfs_curl_no_call_outlives_the_end_of_all, "")
{
    waiting w;
    start(&w, "answer_timeout=1d retry_timeout=1d");
    assert_true(sli_strand_post(w.strand, come_nearer, &w));
    assert_int_equal(look(&w), SL_E_TIMEOUT);
    assert_non_null(strstr(w.err.text, "not waited for any longer"));
    assert_int_equal(look(&w), SL_E_TIMEOUT); // and none begins
    assert_non_null(strstr(w.err.text, "not asked"));
    end(&w);
}
