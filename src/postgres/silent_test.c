// The real client, libpq, and a server that takes connections and answers nothing: connecting has
// its end, also one that is told while somebody waits.
#include <stdio.h>

#include "env/module.h"
#include "postgres/fixture_test.h"
#include "silent.h"

enum { SECOND = 1000000, DAY = 86400, MOST_US = 20 * SECOND }; ///< of a busy machine

typedef struct waiting {
    sl_env *env;
    sli_signal *never;
    _Atomic int64_t end_us;
    int64_t began_us;
} waiting;

static void come_nearer(void *ctx)
{
    waiting *w = ctx;
    (void)!sli_signal_wait(w->never, w->began_us + SECOND / 2, NULL); // the call is under way
    atomic_store(&w->end_us, sli_env_mono_us(w->env) + SECOND / 10);
}

static const sli_pg_ops *load(sl_env *env)
{
    const sli_module *module = NULL;
    const sli_module_want want = {"postgres_pq", SLI_PG_ABI, "a test", "libsluice-postgres",
                                  "libpq-dev"};
    assert_int_equal(sli_module_load(env, SLT_BUILD_DIR "/lib/sluice", &want, &module, NULL),
                     SL_OK);
    return module->table;
}

SL_TEST(pg_no_call_outlives_the_end_of_all, "")
{
    char port[16];
    waiting w = {.env = NULL};
    sl_error err = SL_ERROR_INIT;
    sli_pg *pg = NULL;
    if (!SLT_POSTGRES) {
        slt_not_here("a build without libpq");
    }
    slt_silent server = slt_silent_start();
    (void)snprintf(port, sizeof port, "%d", server.port);
    atomic_init(&w.end_us, SLI_FOREVER);
    assert_int_equal(sli_env_posix(&w.env, NULL), SL_OK);
    const sli_pg_setting settings[] = {
        {"host", "127.0.0.1", false}, {"port", port, false}, {"user", "x", false}};
    sli_pg_conf conf = {.struct_size = sizeof conf,
                        .settings = settings,
                        .n_settings = 3,
                        .env = w.env,
                        .mono_us = sli_env_mono_us,
                        .inner = load(w.env),
                        .session = "test",
                        .end_us = &w.end_us};
    w.never = sli_signal_new(w.env);
    sli_strand *strand = sli_strand_new(w.env, "nearer");
    w.began_us = sli_env_mono_us(w.env);
    assert_true(sli_strand_post(strand, come_nearer, &w));
    int64_t late = w.began_us + (int64_t)DAY * SECOND;
    assert_int_equal(sli_pg_gate.open(&pg, &conf, late, &err), SL_E_TIMEOUT);
    assert_non_null(strstr(err.text, "the server does not answer"));
    assert_int_equal(sli_pg_gate.open(&pg, &conf, late, &err), SL_E_TIMEOUT); // and none begins
    assert_true(sli_env_mono_us(w.env) - w.began_us < MOST_US);
    sli_strand_free(strand);
    sli_signal_free(w.never);
    sli_env_free(w.env);
    slt_silent_end(&server);
}
