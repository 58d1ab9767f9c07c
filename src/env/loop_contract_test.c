/// loop_contract_test.c — sockets, and loops that watch them, in both worlds.
#include "env/fixture_test.h"

#include <string.h>

#include "base/str.h"

typedef struct talk {
    sl_env *env;
    sli_loop *loop;
    sli_socket *listener, *client, *server;
    sli_str heard;
    int32_t n_timers, timer_order[8], n_ready;
    bool ended, failed;
} talk;

static int64_t soon(talk *t)
{
    return sli_env_mono_us(t->env) + 20000000;
}

static void on_server(void *ctx, int32_t ready)
{
    talk *t = ctx;
    char bytes[7];
    size_t n = 0;
    t->n_ready++;
    assert_int_equal(ready, SLI_READABLE);
    sl_code rc = sli_socket_receive(t->server, bytes, sizeof bytes, &n, NULL);
    if (rc == SL_OK) {
        sli_str_add(&t->heard, bytes, n);
    } else {
        t->ended = rc == SL_E_END;
        t->failed = rc != SL_E_END;
        sli_loop_unwatch(t->loop, t->server);
    }
}

static void on_listener(void *ctx, int32_t ready)
{
    talk *t = ctx;
    (void)ready;
    if (sli_socket_accept(t->listener, &t->server, NULL) == SL_OK) {
        t->failed |= sli_loop_watch(t->loop, t->server, SLI_READABLE, on_server, t, NULL) != SL_OK;
    }
}

static void on_client(void *ctx, int32_t ready)
{
    talk *t = ctx;
    size_t n = 0;
    assert_int_equal(ready, SLI_WRITABLE);
    if (sli_socket_connected(t->client, NULL) != SL_OK) {
        return;
    }
    t->failed |= sli_socket_send(t->client, "hello there", 11, &n, NULL) != SL_OK || n != 11;
    sli_socket_close(&t->client); // from its own callback
}

static void talk_open(talk *t, slt_bed *b)
{
    *t = (talk){.env = b->env, .loop = sli_loop_new(b->env)};
    assert_non_null(t->loop);
    assert_int_equal(sli_socket_listen(b->env, "localhost", 0, &t->listener, NULL), SL_OK);
    assert_int_equal(sli_loop_watch(t->loop, t->listener, SLI_READABLE, on_listener, t, NULL),
                     SL_OK);
}

static void talk_close(talk *t)
{
    sli_socket_close(&t->client);
    sli_socket_close(&t->server);
    sli_socket_close(&t->listener);
    sli_loop_free(t->loop);
    sli_str_reset(&t->heard);
}

SLT_BOTH_WORLDS(bytes_travel_and_the_end_is_seen)
{
    talk t;
    talk_open(&t, b);
    sli_socket *none = NULL;
    assert_int_equal(sli_socket_accept(t.listener, &none, NULL), SL_E_TIMEOUT);
    int32_t port = sli_socket_port(t.listener);
    assert_true(port > 0);
    assert_int_equal(sli_socket_connect(b->env, "localhost", port, &t.client, NULL), SL_OK);
    assert_int_equal(sli_loop_watch(t.loop, t.client, SLI_WRITABLE, on_client, &t, NULL), SL_OK);
    int64_t deadline = soon(&t);
    while (!t.ended && !t.failed && sli_env_mono_us(b->env) < deadline) {
        assert_int_equal(sli_loop_run(t.loop, deadline, NULL), SL_OK);
    }
    assert_true(t.ended);
    SL_CHECK_TEXT(t.heard.data, "hello there");
    talk_close(&t);
}

SLT_BOTH_WORLDS(who_has_finished_still_receives)
{
    talk t;
    talk_open(&t, b);
    size_t n = 0;
    char bytes[8] = "";
    int32_t port = sli_socket_port(t.listener);
    assert_int_equal(sli_socket_connect(b->env, "localhost", port, &t.client, NULL), SL_OK);
    int64_t deadline = soon(&t);
    while (t.server == NULL && sli_env_mono_us(b->env) < deadline) {
        assert_int_equal(sli_loop_run(t.loop, deadline, NULL), SL_OK);
    }
    assert_int_equal(sli_socket_connected(t.client, NULL), SL_OK);
    assert_int_equal(sli_socket_send(t.client, "last", 4, &n, NULL), SL_OK);
    sli_socket_finish(t.client);
    while (!t.ended && sli_env_mono_us(b->env) < deadline) {
        assert_int_equal(sli_loop_run(t.loop, deadline, NULL), SL_OK);
    }
    SL_CHECK_TEXT(t.heard.data, "last");
    assert_int_equal(sli_socket_send(t.server, "answer", 6, &n, NULL), SL_OK);
    for (n = 0; n == 0 && sli_env_mono_us(b->env) < deadline;) {
        assert_int_equal(sli_socket_receive(t.client, bytes, 7, &n, NULL), SL_OK);
        assert_int_equal(sli_loop_run(t.loop, sli_env_mono_us(b->env) + 1000, NULL), SL_OK);
    }
    SL_CHECK_TEXT(bytes, "answer");
    talk_close(&t);
}

SLT_BOTH_WORLDS(a_taken_port_is_not_evaded)
{
    talk t;
    talk_open(&t, b);
    sli_socket *second = NULL;
    assert_int_equal(
        sli_socket_listen(b->env, "localhost", sli_socket_port(t.listener), &second, NULL),
        SL_E_BUSY);
    talk_close(&t);
}

SLT_BOTH_WORLDS(interest_zero_is_silence)
{
    talk t;
    talk_open(&t, b);
    size_t n = 0;
    assert_int_equal(
        sli_socket_connect(b->env, "127.0.0.1", sli_socket_port(t.listener), &t.client, NULL),
        SL_OK);
    int64_t deadline = soon(&t);
    while (t.server == NULL && sli_env_mono_us(b->env) < deadline) {
        assert_int_equal(sli_loop_run(t.loop, deadline, NULL), SL_OK);
    }
    assert_int_equal(sli_loop_watch(t.loop, t.server, 0, on_server, &t, NULL), SL_OK);
    assert_int_equal(sli_socket_connected(t.client, NULL), SL_OK);
    assert_int_equal(sli_socket_send(t.client, "abc", 3, &n, NULL), SL_OK);
    assert_int_equal(sli_loop_run(t.loop, sli_env_mono_us(b->env) + 2000, NULL), SL_OK);
    assert_int_equal(t.n_ready, 0);
    assert_int_equal(sli_loop_watch(t.loop, t.server, SLI_READABLE, on_server, &t, NULL), SL_OK);
    while (t.heard.size < 3 && sli_env_mono_us(b->env) < deadline) {
        assert_int_equal(sli_loop_run(t.loop, deadline, NULL), SL_OK);
    }
    SL_CHECK_TEXT(t.heard.data, "abc");
    char more[4];
    assert_int_equal(sli_socket_receive(t.server, more, sizeof more, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    talk_close(&t);
}

static void drop_other(void *ctx, int32_t ready)
{
    talk *t = ctx;
    (void)ready;
    t->n_ready++;
    sli_socket_close(&t->client);
    sli_socket_close(&t->server);
}

SLT_BOTH_WORLDS(a_callback_may_close_others_that_are_ready)
{
    talk t;
    talk_open(&t, b);
    assert_int_equal(
        sli_socket_connect(b->env, "localhost", sli_socket_port(t.listener), &t.client, NULL),
        SL_OK);
    int64_t deadline = soon(&t);
    while (t.server == NULL && sli_env_mono_us(b->env) < deadline) {
        assert_int_equal(sli_loop_run(t.loop, deadline, NULL), SL_OK);
    }
    // Both ends can be written to at once; whichever comes first closes both.
    assert_int_equal(sli_loop_watch(t.loop, t.server, SLI_WRITABLE, drop_other, &t, NULL), SL_OK);
    assert_int_equal(sli_loop_watch(t.loop, t.client, SLI_WRITABLE, drop_other, &t, NULL), SL_OK);
    assert_int_equal(sli_loop_run(t.loop, deadline, NULL), SL_OK);
    assert_int_equal(t.n_ready, 1);
    talk_close(&t);
}

SLT_BOTH_WORLDS(refused_connections_say_so)
{
    enum { NOBODYS_PORT = 1 }; // none that the system chooses by itself
    sli_socket *listener = NULL, *client = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_socket_listen(b->env, "127.0.0.1", 0, &listener, NULL), SL_OK);
    int32_t port = sli_socket_port(listener);
    sli_socket *twin = NULL;
    assert_int_equal(sli_socket_listen(b->env, "127.0.0.1", port, &twin, &err), SL_E_BUSY);
    sli_socket_close(&listener);
    // Not the port that has just been freed: another program may have it by now.
    sl_code rc = sli_socket_connect(b->env, "localhost", NOBODYS_PORT, &client, &err);
    int64_t deadline = sli_env_mono_us(b->env) + 20000000;
    sli_signal *pause = sli_signal_new(b->env);
    while (rc == SL_OK && sli_env_mono_us(b->env) < deadline) {
        sl_code outcome = sli_socket_connected(client, &err);
        if (outcome != SL_E_TIMEOUT) {
            rc = outcome;
            break;
        }
        (void)sli_signal_wait(pause, sli_env_mono_us(b->env) + 100, NULL);
    }
    assert_int_equal(rc, SL_E_IO);
    assert_non_null(strstr(err.text, "refused"));
    sli_signal_free(pause);
    sli_socket_close(&client);
    assert_int_equal(sli_socket_connect(b->env, "localhost", 0, &client, &err), SL_E_INVALID);
    assert_int_equal(sli_socket_connect(b->env, "localhost", 70000, &client, &err), SL_E_INVALID);
}

static void on_timer_1(void *ctx, int32_t ready)
{
    talk *t = ctx;
    assert_int_equal(ready, 0);
    t->timer_order[t->n_timers++] = 1;
}

static void on_timer_2(void *ctx, int32_t ready)
{
    talk *t = ctx;
    (void)ready;
    t->timer_order[t->n_timers++] = 2;
    if (t->n_timers < 6) { // into the past: waits for the next round, or this one would never end
        assert_int_equal(sli_loop_timer(t->loop, 0, on_timer_2, t, NULL), SL_OK);
    }
}

SLT_BOTH_WORLDS(timers_fire_in_order_once)
{
    talk t;
    talk_open(&t, b);
    int64_t now = sli_env_mono_us(b->env);
    assert_int_equal(sli_loop_timer(t.loop, now + 4000, on_timer_1, &t, NULL), SL_OK);
    assert_int_equal(sli_loop_timer(t.loop, now + 2000, on_timer_1, &t, NULL), SL_OK); // moves it
    assert_int_equal(sli_loop_timer(t.loop, now + 3000, on_timer_2, &t, NULL), SL_OK);
    while (t.n_timers < 2) {
        assert_int_equal(sli_loop_run(t.loop, soon(&t), NULL), SL_OK);
    }
    assert_true(sli_env_mono_us(b->env) >= now + 3000);
    assert_int_equal(t.timer_order[0], 1);
    assert_int_equal(t.timer_order[1], 2);
    assert_int_equal(sli_loop_run(t.loop, soon(&t), NULL), SL_OK);
    assert_int_equal(t.n_timers, 3);
    assert_int_equal(sli_loop_timer(t.loop, SLI_FOREVER, on_timer_2, &t, NULL), SL_OK);
    assert_int_equal(sli_loop_run(t.loop, sli_env_mono_us(b->env) + 1000, NULL), SL_OK);
    assert_int_equal(t.n_timers, 3);
    talk_close(&t);
}

static void wake_loop(void *ctx)
{
    sli_loop_wake(ctx);
}

SLT_BOTH_WORLDS(wake_ends_a_run)
{
    talk t;
    talk_open(&t, b);
    int64_t begin = sli_env_mono_us(b->env);
    sli_strand *strand = sli_strand_new(b->env, "waker");
    assert_true(sli_strand_post(strand, wake_loop, t.loop));
    assert_int_equal(sli_loop_run(t.loop, begin + 20000000, NULL), SL_OK);
    assert_true(sli_env_mono_us(b->env) < begin + 20000000);
    sli_strand_free(strand);
    sli_loop_wake(t.loop); // also before a run
    assert_int_equal(sli_loop_run(t.loop, begin + 40000000, NULL), SL_OK);
    assert_true(sli_env_mono_us(b->env) < begin + 40000000);
    talk_close(&t);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

/// Everything that is made of memory, each step only when the one before worked.
static bool make_all(slt_bed *b, talk *t)
{
    *t = (talk){.env = b->env, .loop = sli_loop_new(b->env)};
    sli_signal *signal = sli_signal_new(b->env);
    sli_strand *strand = sli_strand_new(b->env, "s");
    bool good = t->loop != NULL && signal != NULL && strand != NULL;
    for (int i = 0; good && i < 40; i++) {
        good = sli_strand_post(strand, nothing, NULL);
    }
    good = good && sli_socket_listen(b->env, "localhost", 0, &t->listener, NULL) == SL_OK;
    good =
        good && sli_loop_watch(t->loop, t->listener, SLI_READABLE, on_listener, t, NULL) == SL_OK;
    good = good && sli_loop_timer(t->loop, 0, on_timer_1, t, NULL) == SL_OK;
    good = good && sli_socket_connect(b->env, "localhost", sli_socket_port(t->listener), &t->client,
                                      NULL) == SL_OK;
    good = good && sli_loop_run(t->loop, 0, NULL) == SL_OK;
    sli_strand_free(strand);
    sli_signal_free(signal);
    sli_socket_close(&t->client);
    sli_socket_close(&t->server);
    sli_socket_close(&t->listener);
    sli_loop_free(t->loop);
    return good;
}

SLT_BOTH_WORLDS(no_memory_at_any_point_leaves_nothing_behind)
{
    bool good = false;
    int64_t n = 1;
    for (; !good && n < 100; n++) {
        talk t;
        sli_mem_fail_nth(n);
        good = make_all(b, &t);
        sli_mem_fail_nth(0);
    }
    assert_true(good);
    assert_true(n > 5);
}
