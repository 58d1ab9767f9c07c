/// process_test.c — processes that are paused, go on, or die where they were; their locks.
#include "env/sim/fixture_test.h"

#include <stdio.h>
#include <string.h>

typedef struct zombie {
    sl_code rc;
    int n_done;
} zombie;

static void append_ten(sl_env *env, void *ctx)
{
    zombie *z = ctx;
    sli_file *file = NULL;
    z->rc = sli_file_open(env, "log", SLI_APPEND, &file, NULL);
    for (int i = 0; z->rc == SL_OK && i < 10; i++) {
        z->rc = sli_file_write(file, "z", 1, NULL);
        z->n_done += z->rc == SL_OK ? 1 : 0;
    }
    sli_file_close(&file);
}

SL_TEST(sim_paused_process_goes_on_where_it_was, "")
{
    sli_world *world = slt_sim_world(8);
    zombie z = {SL_OK, 0};
    sli_process *process = sli_process_new(world, NULL, append_ten, &z);
    assert_non_null(process);
    assert_int_equal(z.n_done, 0);
    assert_true(sli_process_resume(process, 4));
    assert_int_equal(z.n_done, 3);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    assert_int_equal(slt_sim_append(env, "log", "-new-", false), SL_OK);
    sli_env_free(env);
    assert_true(sli_process_resume(process, 2));
    assert_true(slt_sim_holds(world, "log", "zzz-new-zz"));
    assert_false(sli_process_resume(process, SLI_FOREVER));
    assert_false(sli_process_resume(process, 1));
    assert_int_equal(z.rc, SL_OK);
    sli_process_free(process);
    assert_true(slt_sim_holds(world, "log", "zzz-new-zzzzzzz"));
    sli_world_free(world);
}

static void print_between(sl_env *env, void *ctx)
{
    zombie *z = ctx;
    sli_file *file = NULL;
    z->rc = sli_file_open(env, "log", SLI_APPEND, &file, NULL);
    for (int i = 0; z->rc == SL_OK && i < 3; i++) {
        z->rc = sli_env_print(env, 2, "z\n", 2, NULL);
        z->n_done += z->rc == SL_OK ? 1 : 0;
    }
    z->rc = z->rc == SL_OK ? sli_file_write(file, "z", 1, NULL) : z->rc;
    sli_file_close(&file);
}

/// A log prints while it holds its lock.
SL_TEST(sim_process_is_not_paused_while_it_prints, "")
{
    sli_world *world = slt_sim_world(8);
    zombie z = {SL_OK, 0};
    sli_process *process = sli_process_new(world, NULL, print_between, &z);
    assert_true(sli_process_resume(process, 1));
    assert_int_equal(z.n_done, 3);
    assert_true(slt_sim_holds(world, "log", ""));
    assert_false(sli_process_resume(process, 1));
    assert_int_equal(z.rc, SL_OK);
    sli_process_free(process);
    assert_true(slt_sim_holds(world, "log", "z"));
    sli_world_free(world);
}

SL_TEST(sim_freed_process_dies_where_it_was, "")
{
    sli_world *world = slt_sim_world(8);
    zombie z = {SL_OK, 0}, unborn = {SL_OK, 0};
    sli_process *process = sli_process_new(world, NULL, append_ten, &z);
    assert_true(sli_process_resume(process, 3));
    sli_process_free(process);
    assert_int_equal(z.rc, SL_E_CRASHED);
    assert_true(slt_sim_holds(world, "log", "zz"));
    process = sli_process_new(world, NULL, append_ten, &unborn);
    sli_process_free(process);
    assert_int_equal(unborn.rc, SL_E_CRASHED);
    assert_int_equal(unborn.n_done, 0);
    sli_world_free(world);
}

/// Waits on a strand of its own for a server's byte, as a job with a receiver does.
static void wait_for_byte(sl_env *env, void *ctx)
{
    sli_socket *socket = NULL;
    sli_loop *loop = sli_loop_new(env);
    int heard = 0;
    sl_code rc = sli_socket_connect(env, "h", 1, &socket, NULL);
    if (rc == SL_OK) {
        rc = sli_loop_watch(loop, socket, SLI_READABLE, slt_sim_count_ready, &heard, NULL);
    }
    while (rc == SL_OK && heard == 0) {
        rc = sli_loop_run(loop, SLI_FOREVER, NULL);
    }
    sli_socket_close(&socket);
    sli_loop_free(loop);
    *(sl_code *)ctx = rc;
}

SL_TEST(sim_paused_process_may_wait_for_the_harness, "")
{
    for (int kill = 0; kill < 2; kill++) {
        sli_world *world = slt_sim_world(8);
        sli_peer *peer = sli_peer_listen(world, "h", 1);
        sl_code rc = SL_E_STATE;
        sli_process *process = sli_process_new(world, NULL, wait_for_byte, &rc);
        assert_true(sli_process_resume(process, SLI_FOREVER)); // nothing can happen: back to us
        if (kill == 0) {
            assert_int_equal(sli_peer_send(peer, "x", 1, NULL), SL_OK);
        } else {
            sli_world_kill(sli_process_env(process));
        }
        assert_false(sli_process_resume(process, SLI_FOREVER));
        assert_int_equal(rc, kill == 0 ? SL_OK : SL_E_CRASHED);
        sli_process_free(process);
        sli_world_free(world);
    }
}

SL_TEST(sim_locks_end_with_their_process, "")
{
    sli_world *world = slt_sim_world(1);
    sl_env *first = slt_sim_boot(world, (sli_fault){0}),
           *second = slt_sim_boot(world, (sli_fault){0});
    sli_file *held = NULL, *got = NULL;
    sl_error err = SL_ERROR_INIT;
    char pid[32];
    snprintf(pid, sizeof pid, "process %lld", (long long)sli_env_pid(first));
    assert_int_equal(sli_env_lock_file(first, "lock", NULL, &held, NULL), SL_OK);
    assert_int_equal(sli_env_lock_file(second, "lock", NULL, &got, &err), SL_E_BUSY);
    assert_non_null(strstr(err.text, pid));
    sli_world_kill(first);
    assert_int_equal(sli_env_lock_file(second, "lock", NULL, &got, NULL), SL_OK);
    sli_file_close(&held); // the dead one's close does not take it away
    sl_env *third = slt_sim_boot(world, (sli_fault){0});
    sli_file *late = NULL;
    assert_int_equal(sli_env_lock_file(third, "lock", NULL, &late, NULL), SL_E_BUSY);
    sli_world_break_locks(world);
    assert_int_equal(sli_env_lock_file(third, "lock", NULL, &late, NULL), SL_OK);
    sli_file_close(&got);
    sli_file_close(&late);
    sli_env_free(first);
    sli_env_free(second);
    sli_env_free(third);
    sli_world_free(world);
}
