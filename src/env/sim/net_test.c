/// net_test.c — the harness's servers, standard input and output, and a loop that hears them.
#include "env/sim/fixture_test.h"

#include "base/str.h"

static sl_code drain(sli_socket *socket, sli_str *out)
{
    char bytes[1000];
    for (;;) {
        size_t n = 0;
        SL_TRY(sli_socket_receive(socket, bytes, sizeof bytes, &n, NULL));
        if (n == 0) {
            return SL_OK;
        }
        sli_str_add(out, bytes, n);
    }
}

SL_TEST(sim_peer_bytes_arrive_once_and_drops_lose_the_flight, "")
{
    bool end = false, reset = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        sli_world *world = slt_sim_world(seed);
        sli_peer *peer = sli_peer_listen(world, "server", 9999);
        sl_env *env = slt_sim_boot(world, (sli_fault){0});
        sli_socket *socket = NULL;
        sli_str got = SLI_STR_INIT;
        assert_int_equal(sli_peer_send(peer, "early ", 6, NULL), SL_OK);
        assert_int_equal(sli_socket_connect(env, "server", 9999, &socket, NULL), SL_OK);
        assert_int_equal(sli_socket_connected(socket, NULL), SL_OK);
        assert_int_equal(drain(socket, &got), SL_OK);
        assert_int_equal(sli_peer_send(peer, "lost ", 5, NULL), SL_OK);
        sli_peer_drop(peer);
        sl_code rc = drain(socket, &got);
        end = end || rc == SL_E_END;
        reset = reset || rc == SL_E_IO;
        sli_socket_close(&socket);
        assert_int_equal(sli_peer_send(peer, "late", 4, NULL), SL_OK);
        assert_int_equal(sli_socket_connect(env, "server", 9999, &socket, NULL), SL_OK);
        assert_int_equal(drain(socket, &got), SL_OK);
        SL_CHECK_TEXT(got.data, "early late");
        assert_int_equal(sli_peer_taken(peer), 10);
        sli_peer_finish(peer);
        assert_int_equal(drain(socket, &got), SL_E_END);
        sli_socket_close(&socket);
        sli_peer_refuse(peer, true);
        assert_int_equal(sli_socket_connect(env, "server", 9999, &socket, NULL), SL_OK);
        assert_int_equal(sli_socket_connected(socket, NULL), SL_E_IO);
        sli_socket_close(&socket);
        sli_str_reset(&got);
        sli_env_free(env);
        sli_world_free(world);
    }
    assert_true(end && reset);
}

SL_TEST(sim_peer_finish_waits_for_the_window, "")
{
    sli_world *world = slt_sim_world(4);
    sli_peer *peer = sli_peer_listen(world, "stdin", 0);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    assert_int_equal(sli_socket_stdin(env, &socket, NULL), SL_OK);
    sli_str sent = SLI_STR_INIT, got = SLI_STR_INIT;
    for (int i = 0; i < 30000; i++) {
        sli_str_printf(&sent, "line %d\n", i);
    }
    assert_int_equal(sli_peer_send(peer, sent.data, sent.size, NULL), SL_OK);
    sli_peer_finish(peer);
    assert_int_equal(drain(socket, &got), SL_E_END);
    assert_int_equal(got.size, sent.size);
    assert_memory_equal(got.data, sent.data, sent.size);
    sli_socket_close(&socket);
    sli_str_reset(&sent);
    sli_str_reset(&got);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(sim_dead_process_takes_its_flight_along, "")
{
    sli_world *world = slt_sim_world(4);
    sli_peer *peer = sli_peer_listen(world, "h", 1);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    assert_int_equal(sli_socket_connect(env, "h", 1, &socket, NULL), SL_OK);
    assert_int_equal(sli_peer_send(peer, "gone", 4, NULL), SL_OK);
    sli_world_kill(env);
    char byte;
    size_t n = 0;
    assert_int_equal(sli_socket_receive(socket, &byte, 1, &n, NULL), SL_E_CRASHED);
    sli_socket_close(&socket);
    sli_env_free(env);
    assert_int_equal(sli_peer_send(peer, "kept", 4, NULL), SL_OK);
    env = slt_sim_boot(world, (sli_fault){0});
    sli_str got = SLI_STR_INIT;
    assert_int_equal(sli_socket_connect(env, "h", 1, &socket, NULL), SL_OK);
    assert_int_equal(drain(socket, &got), SL_OK);
    SL_CHECK_TEXT(got.data, "kept");
    sli_str_reset(&got);
    sli_socket_close(&socket);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(sim_stdin_without_a_feeder_is_at_its_end_and_prints_are_kept, "")
{
    sli_world *world = slt_sim_world(4);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    char byte;
    size_t n = 0;
    assert_int_equal(sli_socket_stdin(env, &socket, NULL), SL_OK);
    assert_int_equal(sli_socket_receive(socket, &byte, 1, &n, NULL), SL_E_END);
    sli_socket_close(&socket);
    assert_int_equal(sli_env_print(env, 1, "out ", 4, NULL), SL_OK);
    assert_int_equal(sli_env_print(env, 2, "err", 3, NULL), SL_OK);
    assert_int_equal(sli_env_print(env, 1, "more", 4, NULL), SL_OK);
    SL_CHECK_TEXT(sli_world_printed(world, 1, &n), "out more");
    assert_int_equal(n, 8);
    SL_CHECK_TEXT(sli_world_printed(world, 2, &n), "err");
    assert_null(sli_env_variable(env, "PATH"));
    sli_env_free(env);
    sli_world_free(world);
}

static void feed(void *ctx)
{
    assert_int_equal(sli_peer_send(ctx, "x", 1, NULL), SL_OK);
}

SL_TEST(sim_loop_hears_a_peer_at_virtual_time, "")
{
    sli_world *world = slt_sim_world(4);
    sli_peer *peer = sli_peer_listen(world, "h", 1);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sli_socket *socket = NULL;
    sli_loop *loop = sli_loop_new(env);
    int heard = 0;
    assert_int_equal(sli_socket_connect(env, "h", 1, &socket, NULL), SL_OK);
    assert_int_equal(sli_loop_watch(loop, socket, SLI_READABLE, slt_sim_count_ready, &heard, NULL),
                     SL_OK);
    assert_int_equal(sli_world_at(world, 777, feed, peer, NULL), SL_OK);
    assert_int_equal(sli_loop_run(loop, 500, NULL), SL_OK);
    assert_int_equal(heard, 0);
    assert_int_equal(sli_loop_run(loop, SLI_FOREVER, NULL), SL_OK);
    assert_int_equal(heard, 1);
    assert_int_equal(sli_env_mono_us(env), 777);
    assert_int_equal(sli_loop_fd(loop), -1);
    sli_socket_close(&socket);
    sli_loop_free(loop);
    sli_env_free(env);
    sli_world_free(world);
}
