/// env_contract_test.c — what both worlds promise: each case runs on the real one, on the simulated
/// one, and on the real one through a fault's table whose fault never comes.
#include "env/env.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "env/sim.h"
#include "sl_test.h"

typedef struct bed {
    sl_env *env;
    sli_world *world; ///< NULL in the real world
    char dir[512];
    char path[4][600]; ///< results of `at`, in turn
    int n_paths;
} bed;

static const char *at(bed *b, const char *name)
{
    char *path = b->path[b->n_paths++ % 4];
    snprintf(path, sizeof b->path[0], "%s/%s", b->dir, name);
    return path;
}

static void bed_open(bed *b, bool sim)
{
    *b = (bed){0};
    if (sim) {
        b->world = sli_world_new(&(sli_world_conf){.seed = 11});
        assert_non_null(b->world);
        assert_int_equal(sli_world_boot(b->world, NULL, &b->env, NULL), SL_OK);
        snprintf(b->dir, sizeof b->dir, "/data");
        assert_int_equal(sli_env_mkdirs(b->env, b->dir, NULL), SL_OK);
    } else {
        assert_int_equal(sli_env_posix(&b->env, NULL), SL_OK);
        snprintf(b->dir, sizeof b->dir, "%s", slt_temp_dir());
    }
}

static void bed_open_wrapped(bed *b)
{
    bed_open(b, false);
    assert_int_equal(sli_env_fault(b->env, "env.sync:1000000000", NULL), SL_OK);
}

static void bed_close(bed *b)
{
    sli_env_free(b->env);
    sli_world_free(b->world);
}

#define CONTRACT(name)                                                                             \
    static void check_##name(bed *b);                                                              \
    SL_TEST(name##_posix, "")                                                                      \
    {                                                                                              \
        bed b;                                                                                     \
        bed_open(&b, false);                                                                       \
        check_##name(&b);                                                                          \
        bed_close(&b);                                                                             \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        bed b;                                                                                     \
        bed_open(&b, true);                                                                        \
        check_##name(&b);                                                                          \
        bed_close(&b);                                                                             \
    }                                                                                              \
    SL_TEST(name##_wrapped, "")                                                                    \
    {                                                                                              \
        bed b;                                                                                     \
        bed_open_wrapped(&b);                                                                      \
        check_##name(&b);                                                                          \
        bed_close(&b);                                                                             \
    }                                                                                              \
    static void check_##name(bed *b)

static sl_code put(bed *b, const char *name, const char *text)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(b->env, at(b, name), SLI_REPLACE, &file, NULL));
    sl_code rc = sli_file_write(file, text, strlen(text), NULL);
    sli_file_close(&file);
    return rc;
}

static void check_content(bed *b, const char *name, const char *text)
{
    char *bytes = NULL;
    size_t size = 0;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_env_read_file(b->env, at(b, name), 1 << 20, &bytes, &size, &err);
    assert_int_equal(rc, SL_OK);
    assert_int_equal(size, strlen(text));
    SL_CHECK_TEXT(bytes, text);
    sl_free(bytes);
}

// ---------------------------------------------------------------- files

CONTRACT(file_modes_do_what_they_say)
{
    sli_file *file = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_file_open(b->env, at(b, "f"), SLI_READ, &file, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "/f"));
    assert_null(file);
    assert_int_equal(sli_file_open(b->env, at(b, "f"), SLI_CREATE, &file, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "abc", 3, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "def", 3, &err), SL_OK);
    sli_file_close(&file);
    assert_null(file);
    sli_file_close(&file);
    check_content(b, "f", "abcdef");
    assert_int_equal(sli_file_open(b->env, at(b, "f"), SLI_CREATE, &file, &err), SL_E_EXISTS);
    assert_int_equal(sli_file_open(b->env, at(b, "f"), SLI_APPEND, &file, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "gh", 2, &err), SL_OK);
    assert_int_equal(sli_file_truncate(file, 4, &err), SL_OK);
    assert_int_equal(sli_file_write(file, "X", 1, &err), SL_OK);
    assert_int_equal(sli_file_sync(file, &err), SL_OK);
    sli_file_close(&file);
    check_content(b, "f", "abcdX");
    assert_int_equal(put(b, "f", "new"), SL_OK);
    check_content(b, "f", "new");
    assert_int_equal(sli_file_open(b->env, at(b, "none/f"), SLI_APPEND, &file, &err),
                     SL_E_NOT_FOUND);
}

CONTRACT(update_writes_anywhere)
{
    sli_file *file = NULL;
    char out[16] = {0};
    size_t n = 99;
    assert_int_equal(sli_file_open(b->env, at(b, "u"), SLI_UPDATE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_write_at(file, 4, "end", 3, NULL), SL_OK);
    assert_int_equal(sli_file_write_at(file, 1, "b", 1, NULL), SL_OK);
    assert_int_equal(sli_file_read_at(file, 0, out, sizeof out, &n, NULL), SL_OK);
    assert_int_equal(n, 7);
    assert_memory_equal(out, "\0b\0\0end", 7);
    assert_int_equal(sli_file_read_at(file, 7, out, sizeof out, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sli_file_read_at(file, 100, out, sizeof out, &n, NULL), SL_OK);
    assert_int_equal(n, 0);
    assert_int_equal(sli_file_read_at(file, -1, out, sizeof out, &n, NULL), SL_E_IO);
    assert_int_equal(sli_file_truncate(file, 9, NULL), SL_OK);
    sli_stat stat;
    assert_int_equal(sli_file_stat(file, &stat, NULL), SL_OK);
    assert_int_equal(stat.size_bytes, 9);
    assert_true(stat.is_file && !stat.is_dir);
    sli_file_close(&file);
}

CONTRACT(read_file_keeps_its_limit)
{
    char *bytes = NULL;
    size_t size = 0;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(put(b, "f", "12345"), SL_OK);
    assert_int_equal(sli_env_read_file(b->env, at(b, "f"), 5, &bytes, &size, &err), SL_OK);
    assert_int_equal(size, 5);
    assert_string_equal(bytes, "12345");
    sl_free(bytes);
    bytes = NULL;
    assert_int_equal(sli_env_read_file(b->env, at(b, "f"), 4, &bytes, &size, &err), SL_E_NOMEM);
    assert_null(bytes);
    assert_int_equal(put(b, "empty", ""), SL_OK);
    assert_int_equal(sli_env_read_file(b->env, at(b, "empty"), 0, &bytes, &size, &err), SL_OK);
    assert_int_equal(size, 0);
    assert_string_equal(bytes, "");
    sl_free(bytes);
}

CONTRACT(directories_are_no_files)
{
    sli_file *file = NULL;
    sli_stat stat;
    assert_int_equal(sli_env_mkdirs(b->env, at(b, "a/b/c"), NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(b->env, at(b, "a/b/c"), NULL), SL_OK);
    assert_int_equal(sli_env_stat(b->env, at(b, "a/b"), &stat, NULL), SL_OK);
    assert_true(stat.is_dir && !stat.is_file);
    assert_int_equal(sli_file_open(b->env, at(b, "a"), SLI_READ, &file, NULL), SL_E_IO);
    assert_int_equal(sli_file_open(b->env, at(b, "a"), SLI_REPLACE, &file, NULL), SL_E_IO);
    assert_int_equal(put(b, "file", "x"), SL_OK);
    assert_int_equal(sli_env_mkdirs(b->env, at(b, "file/below"), NULL), SL_E_EXISTS);
    assert_int_equal(sli_env_mkdirs(b->env, at(b, "file"), NULL), SL_E_EXISTS);
    assert_int_equal(sli_file_open(b->env, at(b, "file/below"), SLI_READ, &file, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_stat(b->env, at(b, "file/below"), &stat, NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_env_stat(b->env, at(b, "a/../file"), &stat, NULL), SL_OK);
    assert_true(stat.is_file);
    assert_int_equal(sli_env_remove(b->env, at(b, "a"), NULL), SL_E_IO);
    assert_int_equal(sli_env_remove_dir(b->env, at(b, "a"), NULL), SL_E_IO);
    assert_int_equal(sli_env_remove_dir(b->env, at(b, "file"), NULL),
                     SL_E_NOT_FOUND); // "not a directory"
    assert_int_equal(sli_env_remove_dir(b->env, at(b, "a/b/c"), NULL), SL_OK);
    assert_int_equal(sli_env_stat(b->env, at(b, "a/b/c"), &stat, NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_env_remove(b->env, at(b, "file"), NULL), SL_OK);
    assert_int_equal(sli_env_remove(b->env, at(b, "file"), NULL), SL_E_NOT_FOUND);
}

CONTRACT(rename_replaces_only_when_told)
{
    sli_stat before, after;
    assert_int_equal(put(b, "from", "new"), SL_OK);
    assert_int_equal(put(b, "to", "old"), SL_OK);
    assert_int_equal(sli_env_stat(b->env, at(b, "from"), &before, NULL), SL_OK);
    assert_int_equal(sli_env_rename(b->env, at(b, "from"), at(b, "to"), false, NULL), SL_E_EXISTS);
    check_content(b, "to", "old");
    check_content(b, "from", "new");
    assert_int_equal(sli_env_rename(b->env, at(b, "from"), at(b, "to"), true, NULL), SL_OK);
    check_content(b, "to", "new");
    assert_int_equal(sli_env_stat(b->env, at(b, "to"), &after, NULL), SL_OK);
    assert_true(before.identity == after.identity);
    assert_int_equal(sli_env_rename(b->env, at(b, "from"), at(b, "to"), true, NULL),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_env_mkdirs(b->env, at(b, "d1/x"), NULL), SL_OK);
    assert_int_equal(sli_env_mkdirs(b->env, at(b, "d2"), NULL), SL_OK);
    assert_int_equal(sli_env_rename(b->env, at(b, "d1"), at(b, "d2"), false, NULL), SL_E_EXISTS);
    assert_int_equal(sli_env_rename(b->env, at(b, "d2"), at(b, "d1"), true, NULL),
                     SL_E_EXISTS); // not empty
    assert_int_equal(sli_env_rename(b->env, at(b, "d1"), at(b, "d1/x/y"), true, NULL), SL_E_IO);
    assert_int_equal(sli_env_rename(b->env, at(b, "to"), at(b, "d2"), true, NULL), SL_E_IO);
    assert_int_equal(sli_env_rename(b->env, at(b, "d1"), at(b, "d3"), false, NULL), SL_OK);
    assert_int_equal(sli_env_stat(b->env, at(b, "d3/x"), &after, NULL), SL_OK);
}

static sl_code list_add(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s ", name);
    return SL_OK;
}

static sl_code list_stop(void *ctx, const char *name, sl_error *err)
{
    sli_str_printf(ctx, "%s ", name);
    return sl_error_set(err, SL_E_CANCELLED, "enough");
}

CONTRACT(list_is_sorted_by_bytes)
{
    const char *names[] = {"b", "a", "B", "aa", "\xc3\xa4", ".hidden", "a.1", "a-1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(put(b, names[i], ""), SL_OK);
    }
    sli_str all = SLI_STR_INIT;
    assert_int_equal(sli_env_list(b->env, b->dir, list_add, &all, NULL), SL_OK);
    SL_CHECK_TEXT(all.data, ".hidden B a a-1 a.1 aa b \xc3\xa4 ");
    sli_str_clear(&all);
    assert_int_equal(sli_env_list(b->env, b->dir, list_stop, &all, NULL), SL_E_CANCELLED);
    SL_CHECK_TEXT(all.data, ".hidden ");
    assert_int_equal(sli_env_list(b->env, at(b, "none"), list_add, &all, NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_env_list(b->env, at(b, "a"), list_add, &all, NULL), SL_E_NOT_FOUND);
    sli_str_reset(&all);
}

CONTRACT(write_file_replaces_and_leaves_no_temp)
{
    assert_int_equal(sli_env_write_file(b->env, at(b, "conf"), "one", 3, NULL), SL_OK);
    assert_int_equal(sli_env_write_file(b->env, at(b, "conf"), "second", 6, NULL), SL_OK);
    check_content(b, "conf", "second");
    sli_str all = SLI_STR_INIT;
    assert_int_equal(sli_env_list(b->env, b->dir, list_add, &all, NULL), SL_OK);
    SL_CHECK_TEXT(all.data, "conf ");
    assert_int_equal(sli_env_write_file(b->env, at(b, "none/conf"), "x", 1, NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_env_mkdirs(b->env, at(b, "dir"), NULL), SL_OK);
    assert_int_equal(sli_env_write_file(b->env, at(b, "dir"), "x", 1, NULL), SL_E_IO);
    sli_str_clear(&all);
    assert_int_equal(sli_env_list(b->env, b->dir, list_add, &all, NULL), SL_OK);
    SL_CHECK_TEXT(all.data, "conf dir ");
    sli_str_reset(&all);
}

CONTRACT(lock_excludes_and_names_the_holder)
{
    sli_file *first = NULL, *second = NULL;
    sl_error err = SL_ERROR_INIT;
    char pid[32];
    snprintf(pid, sizeof pid, "process %lld", (long long)sli_env_pid(b->env));
    assert_int_equal(sli_env_lock_file(b->env, at(b, "lock"), "job x\n", &first, &err), SL_OK);
    assert_int_equal(sli_env_lock_file(b->env, at(b, "lock"), NULL, &second, &err), SL_E_BUSY);
    assert_non_null(strstr(err.text, pid));
    assert_null(second);
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(sli_env_read_file(b->env, at(b, "lock"), 1000, &bytes, &size, &err), SL_OK);
    assert_non_null(strstr(bytes, "\njob x\n"));
    sl_free(bytes);
    sli_file_close(&first);
    assert_int_equal(sli_env_lock_file(b->env, at(b, "lock"), NULL, &second, &err), SL_OK);
    sli_file_close(&second);
    assert_int_equal(sli_env_lock_file(b->env, at(b, "none/lock"), NULL, &second, &err),
                     SL_E_NOT_FOUND);
}

CONTRACT(failed_allocations_leave_nothing_behind)
{
    for (int64_t n = 1; n < 40; n++) {
        sli_mem_fail_nth(n);
        sl_code rc = sli_env_write_file(b->env, at(b, "f"), "x", 1, NULL);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        char *bytes = NULL;
        size_t size = 0;
        sli_mem_fail_nth(n);
        rc = sli_env_read_file(b->env, at(b, "f"), 100, &bytes, &size, NULL);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM || rc == SL_E_NOT_FOUND);
        sl_free(bytes);
        sli_file *lock = NULL;
        sli_mem_fail_nth(n);
        rc = sli_env_lock_file(b->env, at(b, "l"), "t", &lock, NULL);
        sli_mem_fail_nth(0);
        assert_true((rc == SL_OK) == (lock != NULL));
        sli_file_close(&lock);
    }
    check_content(b, "f", "x");
}

// ---------------------------------------------------------------- time, signals, strands

CONTRACT(clocks_and_chance)
{
    int64_t first = sli_env_mono_us(b->env);
    assert_true(sli_env_mono_us(b->env) >= first);
    assert_true(sli_env_wall_us(b->env) > 1500000000000000);
    uint64_t one = 0, two = 0;
    assert_int_equal(sli_env_random(b->env, &one, sizeof one, NULL), SL_OK);
    assert_int_equal(sli_env_random(b->env, &two, sizeof two, NULL), SL_OK);
    assert_true(one != two);
    assert_true(sli_env_cpus(b->env) >= 1);
    assert_true(sli_env_memory_bytes(b->env) > 1 << 20);
    assert_true(sli_env_pid(b->env) > 0);
    assert_false(sli_env_bug(b->env, "none-planted"));
    sli_env_phase(b->env, "seal");
}

CONTRACT(wait_ends_by_event_or_deadline)
{
    sli_signal *signal = sli_signal_new(b->env);
    sli_signal_set(signal);
    sli_signal_set(signal);
    assert_int_equal(sli_signal_wait(signal, 0, NULL), SL_OK);
    sl_error err = SL_ERROR_INIT;
    int64_t deadline = sli_env_mono_us(b->env) + 3000;
    assert_int_equal(sli_signal_wait(signal, deadline, &err), SL_E_TIMEOUT);
    assert_int_equal(err.code, SL_E_TIMEOUT);
    assert_string_equal(err.text, "the deadline passed before the event");
    assert_true(sli_env_mono_us(b->env) >= deadline);
    assert_int_equal(sli_signal_wait(signal, -5, &err), SL_E_TIMEOUT);
    sli_signal_free(signal);
    sli_signal_free(NULL);
}

typedef struct chain {
    sl_env *env;
    sli_signal *ping, *pong;
    int order[64], n;
    int rounds, bad;
} chain;

static void chain_note(void *ctx)
{
    chain *c = ctx;
    c->order[c->n] = c->n;
    c->n++;
    sli_signal_set(c->pong);
}

CONTRACT(strand_runs_works_in_order)
{
    chain c = {.env = b->env, .pong = sli_signal_new(b->env)};
    sli_strand *strand = sli_strand_new(b->env, "a name that is longer than fifteen bytes");
    assert_non_null(strand);
    for (int i = 0; i < 64; i++) {
        assert_true(sli_strand_post(strand, chain_note, &c));
    }
    sli_strand_free(strand);
    sli_strand_free(NULL);
    assert_int_equal(c.n, 64);
    sli_signal_free(c.pong);
}

/// A worker that stays in its work and waits there, as a pool's workers do.
static void chain_serve(void *ctx)
{
    chain *c = ctx;
    for (int i = 0; i < c->rounds; i++) {
        c->bad += sli_signal_wait(c->ping, SLI_FOREVER, NULL) != SL_OK ? 1 : 0;
        c->n++;
        sli_signal_set(c->pong);
    }
}

CONTRACT(strands_wait_for_each_other)
{
    chain c = {.env = b->env,
               .ping = sli_signal_new(b->env),
               .pong = sli_signal_new(b->env),
               .rounds = 50};
    sli_strand *strand = sli_strand_new(b->env, "server");
    assert_true(sli_strand_post(strand, chain_serve, &c));
    int bad = 0;
    for (int i = 0; i < c.rounds; i++) {
        sli_signal_set(c.ping);
        bad += sli_signal_wait(c.pong, sli_env_mono_us(b->env) + 20000000, NULL) != SL_OK ? 1 : 0;
    }
    sli_strand_free(strand);
    assert_int_equal(bad + c.bad, 0);
    assert_int_equal(c.n, c.rounds);
    sli_signal_free(c.ping);
    sli_signal_free(c.pong);
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void serve_and_own(void *ctx)
{
    chain *c = ctx;
    c->bad += sli_strand_own != NULL ? 1 : 0;
    sli_strand_own = c;
    chain_serve(ctx);
    c->bad += sli_strand_own != c ? 1 : 0;
    sli_strand_own = NULL;
}

CONTRACT(each_strand_finds_its_own_again)
{
    chain c = {
        .env = b->env, .ping = sli_signal_new(b->env), .pong = sli_signal_new(b->env), .rounds = 3};
    sli_strand *strand = sli_strand_new(b->env, "server");
    int mine = 0;
    sli_strand_own = &mine;
    assert_true(sli_strand_post(strand, serve_and_own, &c));
    for (int i = 0; i < c.rounds; i++) {
        sli_signal_set(c.ping);
        assert_int_equal(sli_signal_wait(c.pong, SLI_FOREVER, NULL), SL_OK);
        assert_ptr_equal(sli_strand_own, &mine);
    }
    sli_strand_own = NULL;
    sli_strand_free(strand);
    assert_int_equal(c.bad, 0);
    sli_signal_free(c.ping);
    sli_signal_free(c.pong);
}

CONTRACT(strand_has_a_limit)
{
    chain c = {
        .env = b->env, .ping = sli_signal_new(b->env), .pong = sli_signal_new(b->env), .rounds = 1};
    sli_strand *strand = sli_strand_new(b->env, "full");
    assert_true(sli_strand_post(strand, chain_serve, &c)); // holds the strand until ping
    int64_t n = 0;
    while (n < 70000 && sli_strand_post(strand, nothing, NULL)) {
        n++;
    }
    sli_signal_set(c.ping);
    sli_strand_free(strand);
    assert_true(n == 65536 || n == 65535); // the first work may still be in the queue
    sli_signal_free(c.ping);
    sli_signal_free(c.pong);
}

// ---------------------------------------------------------------- sockets and loops

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

static void talk_open(talk *t, bed *b)
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

CONTRACT(bytes_travel_and_the_end_is_seen)
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

CONTRACT(interest_zero_is_silence)
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

CONTRACT(a_callback_may_close_others_that_are_ready)
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

CONTRACT(refused_connections_say_so)
{
    sli_socket *listener = NULL, *client = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_socket_listen(b->env, "127.0.0.1", 0, &listener, NULL), SL_OK);
    int32_t port = sli_socket_port(listener);
    sli_socket *twin = NULL;
    assert_int_equal(sli_socket_listen(b->env, "127.0.0.1", port, &twin, &err), SL_E_BUSY);
    sli_socket_close(&listener);
    sl_code rc = sli_socket_connect(b->env, "localhost", port, &client, &err);
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

CONTRACT(timers_fire_in_order_once)
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

CONTRACT(wake_ends_a_run)
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

CONTRACT(print_checks_its_descriptor)
{
    assert_int_equal(sli_env_print(b->env, 3, "x", 1, NULL), SL_E_INVALID);
    assert_int_equal(sli_env_print(b->env, 2, "", 0, NULL), SL_OK);
}

/// Everything that is made of memory, each step only when the one before worked.
static bool make_all(bed *b, talk *t)
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

typedef struct who {
    sl_env *env;
    uint64_t thread, again;
    sli_signal *done;
} who;

static void note_thread(void *ctx)
{
    who *w = ctx;
    w->again = w->thread;
    w->thread = sli_env_thread(w->env);
    sli_signal_set(w->done);
}

CONTRACT(a_thread_of_control_has_a_number_of_its_own)
{
    who w = {.env = b->env, .done = sli_signal_new(b->env)};
    sli_strand *strand = sli_strand_new(b->env, "who");
    uint64_t mine = sli_env_thread(b->env);
    for (int i = 0; i < 2; i++) {
        assert_true(sli_strand_post(strand, note_thread, &w));
        assert_int_equal(sli_signal_wait(w.done, SLI_FOREVER, NULL), SL_OK);
    }
    sli_strand_free(strand);
    sli_signal_free(w.done);
    assert_true(mine != 0 && w.thread != 0);
    assert_true(w.thread != mine);
    assert_true(w.again == w.thread);
    assert_true(sli_env_thread(b->env) == mine);
}

CONTRACT(a_process_has_one_place_to_claim)
{
    int first = 0, second = 0;
    assert_true(sli_env_claim(b->env, &first));
    assert_true(sli_env_claim(b->env, &first)); // has it already
    assert_false(sli_env_claim(b->env, &second));
    sli_env_unclaim(b->env, &second); // has it not
    assert_false(sli_env_claim(b->env, &second));
    sli_env_unclaim(b->env, &first);
    assert_true(sli_env_claim(b->env, &second));
    sli_env_unclaim(b->env, &second);
}

CONTRACT(no_memory_at_any_point_leaves_nothing_behind)
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

CONTRACT(a_link_is_a_second_name_or_unsupported)
{
    sli_stat stat;
    assert_int_equal(put(b, "one", "bytes"), SL_OK);
    char one[600], two[600];
    snprintf(one, sizeof one, "%s", at(b, "one"));
    snprintf(two, sizeof two, "%s", at(b, "two"));
    sl_code rc = sli_env_link(b->env, one, two, NULL);
    if (b->world != NULL) {
        assert_int_equal(rc, SL_E_UNSUPPORTED);
        return;
    }
    assert_int_equal(rc, SL_OK);
    assert_int_equal(sli_env_link(b->env, one, two, NULL), SL_E_EXISTS);
    assert_int_equal(sli_env_link(b->env, at(b, "none"), at(b, "three"), NULL), SL_E_NOT_FOUND);
    assert_int_equal(sli_env_remove(b->env, one, NULL), SL_OK);
    assert_int_equal(sli_env_stat(b->env, two, &stat, NULL), SL_OK);
    assert_int_equal(stat.size_bytes, 5);
}

// ---------------------------------------------------------------- programs that we start

static int32_t run_cat(void *ctx, sl_text words, sl_text in, sli_str *out, sli_str *errors)
{
    (void)ctx, (void)words, (void)errors;
    sli_str_add(out, in.data, in.size);
    return 0;
}

/// `sh -c "..."` as the tests below use it.
static int32_t run_sh(void *ctx, sl_text words, sl_text in, sli_str *out, sli_str *errors)
{
    (void)ctx, (void)words, (void)in, (void)out;
    sli_str_text(errors, "it went wrong\n");
    return 3;
}

static void add_commands(bed *b)
{
    if (b->world != NULL) {
        assert_true(sli_world_command(b->world, "cat", run_cat, NULL));
        assert_true(sli_world_command(b->world, "sh", run_sh, NULL));
    }
}

/// Gives `in` and takes everything; returns the exit code.
static int32_t converse(sli_child *child, sl_text in, sli_str *out)
{
    char room[777];
    sli_exchange x = {.in = in.data, .in_size = in.size, .out = room, .out_size = sizeof room};
    while (!x.ended) {
        if (x.in_size == 0) {
            sli_child_end_input(child);
        }
        assert_int_equal(sli_child_exchange(child, &x, SLI_FOREVER, NULL), SL_OK);
        x.in = (const char *)x.in + x.n_in;
        x.in_size -= x.n_in;
        sli_str_add(out, room, x.n_out);
    }
    return x.status;
}

CONTRACT(a_child_gets_and_gives_more_than_pipes_hold)
{
    enum { SIZE = 1 << 20 };
    const char *const words[] = {"cat", NULL};
    sli_child *child = NULL;
    sli_str in = SLI_STR_INIT, out = SLI_STR_INIT;
    add_commands(b);
    for (int i = 0; i < SIZE / 8; i++) {
        sli_str_printf(&in, "%07d\n", i);
    }
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, NULL), SL_OK);
    assert_int_equal(converse(child, (sl_text){in.data, in.size}, &out), 0);
    assert_int_equal(out.size, SIZE);
    assert_memory_equal(out.data, in.data, SIZE);
    assert_int_equal(sli_child_errors(child).size, 0);
    sli_child_free(&child);
    assert_null(child);
    sli_child_free(&child);
    sli_str_reset(&in);
    sli_str_reset(&out);
}

CONTRACT(a_child_tells_its_exit_code_and_its_last_words)
{
    const char *const words[] = {"sh", "-c", "echo it went wrong >&2; exit 3", NULL};
    sli_child *child = NULL;
    sli_str out = SLI_STR_INIT;
    add_commands(b);
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, NULL), SL_OK);
    assert_int_equal(converse(child, (sl_text){"unread\n", 7}, &out), 3);
    sl_text said = sli_child_errors(child);
    assert_int_equal(said.size, 14);
    assert_memory_equal(said.data, "it went wrong\n", 14);
    sli_child_free(&child);
    sli_str_reset(&out);
}

CONTRACT(a_child_that_is_not_there_is_not_found)
{
    const char *const words[] = {"no-such-program", NULL};
    sli_child *child = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "no-such-program"));
    assert_null(child);
}

CONTRACT(an_exchange_ends_at_its_deadline_and_a_running_child_is_ended)
{
    const char *const words[] = {"cat", NULL};
    char room[8];
    sli_child *child = NULL;
    sli_exchange x = {.out = room, .out_size = sizeof room};
    add_commands(b);
    assert_int_equal(sli_child_start(b->env, words, NULL, &child, NULL), SL_OK);
    int64_t deadline = sli_env_mono_us(b->env) + 2000;
    assert_int_equal(sli_child_exchange(child, &x, deadline, NULL), SL_OK);
    assert_true(sli_env_mono_us(b->env) >= deadline);
    assert_true(x.n_out == 0 && !x.ended);
    sli_child_free(&child);
}
