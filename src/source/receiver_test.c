// Receivers: what arrives, connections that are refused or lost, backpressure, the end of standard
// input.
#include "source/fixture_test.h"

/// The engine's side of a receiver.
typedef struct taker {
    sli_str bytes; ///< '|' where the stream ended, '!' where it broke
    int32_t calls;
    int64_t limit; ///< from so many bytes on `take` says stop
    bool stopped;  ///< it did
} taker;

static bool take(void *ctx, const void *data, size_t size, sli_tail tail)
{
    taker *t = ctx;
    t->calls++;
    sli_str_add(&t->bytes, data, size);
    if (tail != SLI_TAIL_OPEN) {
        sli_str_char(&t->bytes, tail == SLI_TAIL_ENDED ? '|' : '!');
    }
    t->stopped = t->limit > 0 && (int64_t)t->bytes.size >= t->limit;
    return !t->stopped;
}

static sli_source *start(slt_place *p, const char *url, sli_loop *loop, taker *t)
{
    sli_source *source = NULL;
    if (slt_open_url(p, url, &source) != SL_OK) {
        fail_msg("%s", p->err.text);
    }
    assert_int_equal(source->ops->kind, SLI_SOURCE_RECEIVER);
    assert_int_equal(source->ops->start(source, loop, take, t, &p->err), SL_OK);
    return source;
}

static void finish(sli_source *source, sli_loop *loop, taker *t)
{
    source->ops->stop(source);
    int32_t calls = t->calls;
    sli_source_close(source);
    (void)sli_loop_run(loop, 0, NULL);
    assert_int_equal(t->calls, calls); // nothing comes after stop
    sli_loop_free(loop);
    sli_str_reset(&t->bytes);
}

/// Runs the loop until the bytes are there, at most `seconds` of the world's time.
static void run_until(slt_place *p, sli_loop *loop, const taker *t, const char *text, int seconds)
{
    int64_t until = sli_env_mono_us(p->env) + seconds * 1000000LL;
    while (sli_env_mono_us(p->env) < until &&
           (t->bytes.data == NULL || strcmp(t->bytes.data, text) != 0)) {
        assert_int_equal(sli_loop_run(loop, until, NULL), SL_OK);
    }
    SL_CHECK_TEXT(t->bytes.data == NULL ? "" : t->bytes.data, text);
}

static void run_for(slt_place *p, sli_loop *loop, int64_t us)
{
    int64_t until = sli_env_mono_us(p->env) + us;
    while (sli_env_mono_us(p->env) < until) {
        assert_int_equal(sli_loop_run(loop, until, NULL), SL_OK);
    }
}

SL_TEST(socket_receives_and_reconnects, "")
{
    slt_place p;
    taker t = {0};
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
    sli_loop *loop = sli_loop_new(p.env);
    sli_source *s = start(&p, "socket://feed:9999", loop, &t);
    assert_int_equal(sli_peer_send(peer, "a\nb", 3, NULL), SL_OK);
    run_until(&p, loop, &t, "a\nb", 1);
    sli_peer_finish(peer);
    run_until(&p, loop, &t, "a\nb|", 1); // the unended line does not run into the next connection
    assert_int_equal(slt_metric(&p, SLI_SOURCE_RECONNECTS), 1);
    assert_int_equal(sli_peer_send(peer, "c\n", 2, NULL), SL_OK);
    int64_t at = sli_env_mono_us(p.env);
    run_until(&p, loop, &t, "a\nb|c\n", 10);
    assert_true(sli_env_mono_us(p.env) - at >= 2000000); // Spark's 2 s
    assert_false(s->ops->ended(s));
    assert_int_equal(slt_metric(&p, SLI_SOURCE_BYTES), 5);
    finish(s, loop, &t);
    slt_place_close(&p);
}

SL_TEST(socket_tries_for_ever_when_refused, "")
{
    slt_place p;
    taker t = {0};
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
    sli_peer_refuse(peer, true);
    sli_loop *loop = sli_loop_new(p.env);
    sli_source *s = start(&p, "socket://feed:9999?reconnect_delay=100ms", loop, &t);
    run_for(&p, loop, 1050000);
    int64_t tries = slt_metric(&p, SLI_SOURCE_RECONNECTS);
    assert_true(tries >= 10 && tries <= 11);
    assert_non_null(strstr(p.told.data, "socket feed:9999: connect: "));
    assert_int_equal(t.calls, 0); // a connection that never was ends no record
    sli_peer_refuse(peer, false);
    assert_int_equal(sli_peer_send(peer, "x\n", 2, NULL), SL_OK);
    run_until(&p, loop, &t, "x\n", 1);
    finish(s, loop, &t);
    slt_place_close(&p);
}

static int times(const char *text, const char *part)
{
    int n = 0;
    for (; text != NULL && (text = strstr(text, part)) != NULL; text++) {
        n++;
    }
    return n;
}

// A connection that ends in a loop, refused or right after it was made, is one line in the log.
SL_TEST(socket_that_dies_in_a_loop_does_not_flood_the_log, "")
{
    slt_place p;
    taker t = {0};
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
    sli_peer_refuse(peer, true);
    sli_loop *loop = sli_loop_new(p.env);
    sli_source *s = start(&p, "socket://feed:9999?reconnect_delay=100ms", loop, &t);
    run_for(&p, loop, 2000000);
    assert_int_equal(times(p.told.data, "socket feed:9999"), 1);
    sli_peer_refuse(peer, false);
    for (int i = 0; i < 10; i++) {
        run_for(&p, loop, 150000);
        sli_peer_finish(peer);
        run_for(&p, loop, 50000);
    }
    assert_true(slt_metric(&p, SLI_SOURCE_RECONNECTS) >= 25);
    assert_true(times(p.told.data, "socket feed:9999") <=
                4); // refused, connected, closed, connected
    assert_int_equal(sli_peer_send(peer, "x\n", 2, NULL), SL_OK);
    run_for(&p, loop, 1000000);
    assert_int_equal(times(p.told.data, "socket feed:9999: receives, after "), 1);
    int before = times(p.told.data, "socket feed:9999");
    sli_peer_finish(peer);
    run_for(&p, loop, 50000);
    assert_int_equal(times(p.told.data, "socket feed:9999"), before + 1); // news again
    finish(s, loop, &t);
    slt_place_close(&p);
}

// An end or a reset, by the seed: only an end makes a record of what no line end closes.
SL_TEST(socket_tells_a_closed_connection_from_a_broken_one, "")
{
    slt_place p;
    int32_t ends = 0, breaks = 0;
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
    for (int i = 0; i < 8; i++) {
        taker t = {0};
        sli_loop *loop = sli_loop_new(p.env);
        sli_source *s = start(&p, "socket://feed:9999?reconnect_delay=1ms", loop, &t);
        assert_int_equal(sli_peer_send(peer, "a\nb", 3, NULL), SL_OK);
        run_until(&p, loop, &t, "a\nb", 1);
        sli_peer_drop(peer);
        assert_int_equal(sli_peer_send(peer, "c\n", 2, NULL), SL_OK);
        run_for(&p, loop, 1000000);
        bool ended = t.bytes.data[3] == '|';
        ends += ended;
        breaks += !ended;
        SL_CHECK_TEXT(t.bytes.data, ended ? "a\nb|c\n" : "a\nb!c\n");
        finish(s, loop, &t);
    }
    assert_true(ends > 0 && breaks > 0);
    slt_place_close(&p);
}

SL_TEST(socket_stops_reading_until_resume, "")
{
    slt_place p;
    taker t = {.limit = 100000};
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
    sli_loop *loop = sli_loop_new(p.env);
    sli_source *s = start(&p, "socket://feed:9999", loop, &t);
    char *bytes = sl_alloc_zero(SLI_TAG_TEST, 1000000);
    memset(bytes, 'x', 1000000);
    assert_int_equal(sli_peer_send(peer, bytes, 1000000, NULL), SL_OK);
    run_for(&p, loop, 5000000);
    assert_true(t.stopped);
    int64_t taken = (int64_t)t.bytes.size;
    assert_true(taken >= 100000 && taken < 100000 + SLI_RECEIVE_BYTES);
    run_for(&p, loop, 5000000);
    assert_int_equal(t.bytes.size, taken); // nothing more, however long it takes
    t.limit = 200000;
    s->ops->resume(s);
    run_for(&p, loop, 5000000);
    assert_true((int64_t)t.bytes.size >= 200000 && t.bytes.size < 200000 + SLI_RECEIVE_BYTES);
    t.limit = 0;
    s->ops->resume(s);
    s->ops->resume(s); // a second one is nothing
    run_for(&p, loop, 5000000);
    assert_int_equal(t.bytes.size, 1000000);
    sl_free(bytes);
    finish(s, loop, &t);
    slt_place_close(&p);
}

SL_TEST(socket_reconnects_while_stopped, "")
{
    slt_place p;
    taker t = {.limit = 1};
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
    sli_loop *loop = sli_loop_new(p.env);
    sli_source *s = start(&p, "socket://feed:9999", loop, &t);
    assert_int_equal(sli_peer_send(peer, "a\n", 2, NULL), SL_OK);
    run_until(&p, loop, &t, "a\n", 1);
    sli_peer_finish(peer);
    run_for(&p, loop, 5000000);
    SL_CHECK_TEXT(t.bytes.data, "a\n"); // the end is not looked at either
    t.limit = 4;
    s->ops->resume(s);
    assert_int_equal(sli_peer_send(peer, "b\n", 2, NULL), SL_OK);
    run_until(&p, loop, &t, "a\n|b\n", 10);
    finish(s, loop, &t);
    slt_place_close(&p);
}

// Whichever outside call fails once, every byte of an orderly server arrives, in order, once.
SL_TEST(socket_survives_any_one_fault, "")
{
    bool reached = true;
    for (int64_t n = 1; reached; n++) {
        slt_place p;
        taker t = {0};
        slt_place_open(&p, true);
        sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
        sl_env *env = NULL;
        sli_fault fault = {.fail_at_call = n, .only_site = "socket.connect"};
        assert_int_equal(sli_world_boot(p.world, &fault, &env, NULL), SL_OK);
        p.source_env.env = env;
        sli_loop *loop = sli_loop_new(env);
        sli_source *s = start(&p, "socket://feed:9999", loop, &t);
        assert_int_equal(sli_peer_send(peer, "a\nb\n", 4, NULL), SL_OK);
        run_until(&p, loop, &t, "a\nb\n", 20);
        reached = sli_world_fault_reached(env);
        finish(s, loop, &t);
        sli_env_free(env);
        slt_place_close(&p);
        assert_true(n < 100);
    }
}

SL_TEST(socket_dies_quietly_with_its_process, "")
{
    for (int64_t n = 1; n < 12; n++) {
        slt_place p;
        taker t = {0};
        slt_place_open(&p, true);
        sli_peer *peer = sli_peer_listen(p.world, "feed", 9999);
        sl_env *env = NULL;
        sli_fault fault = {.crash_at_call = n};
        assert_int_equal(sli_world_boot(p.world, &fault, &env, NULL), SL_OK);
        p.source_env.env = env;
        sli_loop *loop = sli_loop_new(env);
        sli_source *s = NULL;
        assert_int_equal(slt_open_url(&p, "socket://feed:9999", &s), SL_OK);
        assert_int_equal(sli_peer_send(peer, "a\n", 2, NULL), SL_OK);
        sl_code rc = s->ops->start(s, loop, take, &t, NULL);
        for (int i = 0; rc == SL_OK && i < 20; i++) {
            rc = sli_loop_run(loop, sli_env_mono_us(env) + 100000, NULL);
        }
        sli_source_close(s); // stops it
        sli_loop_free(loop);
        sli_str_reset(&t.bytes);
        sli_env_free(env);
        slt_place_close(&p);
    }
}

static void accept_and_send(slt_place *p, sli_loop *loop, sli_socket *listener, const char *text)
{
    sli_socket *server = NULL;
    size_t n = 0;
    for (int i = 0; server == NULL && i < 1000; i++) {
        (void)sli_loop_run(loop, sli_env_mono_us(p->env) + 10000, NULL);
        (void)sli_socket_accept(listener, &server, NULL);
    }
    assert_non_null(server);
    assert_int_equal(sli_socket_send(server, text, strlen(text), &n, NULL), SL_OK);
    assert_int_equal(n, strlen(text));
    sli_socket_close(&server);
}

PLACE_TEST(socket_over_loopback)
{
    taker t = {0};
    sli_socket *listener = NULL;
    assert_int_equal(sli_socket_listen(p->env, "127.0.0.1", 0, &listener, NULL), SL_OK);
    sli_loop *loop = sli_loop_new(p->env);
    sli_source *s = start(p,
                          sl_arena_printf(p->arena, "socket://127.0.0.1:%d?reconnect_delay=10ms",
                                          (int)sli_socket_port(listener)),
                          loop, &t);
    accept_and_send(p, loop, listener, "one\ntwo");
    run_until(p, loop, &t, "one\ntwo|", 10);
    accept_and_send(p, loop, listener, "three\n");
    run_until(p, loop, &t, "one\ntwo|three\n|", 10);
    finish(s, loop, &t);
    sli_socket_close(&listener);
}

SL_TEST(stdin_ends_where_it_ends, "")
{
    slt_place p;
    taker t = {.limit = 4};
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "stdin", 0);
    sli_loop *loop = sli_loop_new(p.env);
    sli_source *s = start(&p, "stdin:", loop, &t);
    assert_int_equal(sli_peer_send(peer, "a\nbc", 4, NULL), SL_OK);
    run_until(&p, loop, &t, "a\nbc", 1);
    sli_peer_finish(peer);
    run_for(&p, loop, 1000000);
    assert_false(s->ops->ended(s)); // it was told to stop reading
    t.limit = 0;
    s->ops->resume(s);
    run_until(&p, loop, &t, "a\nbc|", 1);
    assert_true(s->ops->ended(s));
    finish(s, loop, &t);
    slt_place_close(&p);
}

SL_TEST(stdin_without_anybody_is_at_its_end, "")
{
    slt_place p;
    taker t = {0};
    slt_place_open(&p, true);
    sli_loop *loop = sli_loop_new(p.env);
    sli_source *s = start(&p, "stdin:?format=json&schema=n%20int64", loop, &t);
    run_until(&p, loop, &t, "|", 1);
    assert_true(s->ops->ended(s));
    const sl_conf *conf = NULL;
    assert_ptr_equal(s->ops->format(s, &conf), &sli_format_json);
    assert_string_equal(sl_conf_text(conf, "schema"), "n int64");
    assert_string_equal(sl_schema_text(s->ops->schema(s)), "n int64");
    finish(s, loop, &t);
    slt_place_close(&p);
}

SL_TEST(stdin_that_fails_is_told_and_ended, "")
{
    slt_place p;
    taker t = {0};
    slt_place_open(&p, true);
    sli_peer *peer = sli_peer_listen(p.world, "stdin", 0);
    sl_env *env = NULL;
    sli_fault fault = {.fail_at_call = 1, .only_site = "socket.receive"};
    assert_int_equal(sli_world_boot(p.world, &fault, &env, NULL), SL_OK);
    p.source_env.env = env;
    sli_loop *loop = sli_loop_new(env);
    sli_source *s = start(&p, "stdin:", loop, &t);
    assert_int_equal(sli_peer_send(peer, "a\n", 2, NULL), SL_OK);
    run_for(&p, loop, 1000000);
    assert_true(sli_world_fault_reached(env));
    if (s->ops->ended(s)) { // a broken one; a mere short read goes on
        assert_non_null(strstr(p.told.data, "counts as ended"));
    } else {
        SL_CHECK_TEXT(t.bytes.data, "a\n");
    }
    finish(s, loop, &t);
    sli_env_free(env);
    slt_place_close(&p);
}
