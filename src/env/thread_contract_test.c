/// thread_contract_test.c — clocks, chance, signals, strands, threads and the process in both
/// worlds.
#include "env/fixture_test.h"

SLT_BOTH_WORLDS(clocks_and_chance)
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

SLT_BOTH_WORLDS(wait_ends_by_event_or_deadline)
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

SLT_BOTH_WORLDS(strand_runs_works_in_order)
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

SLT_BOTH_WORLDS(strands_wait_for_each_other)
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

SLT_BOTH_WORLDS(each_strand_finds_its_own_again)
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

SLT_BOTH_WORLDS(strand_has_a_limit)
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

SLT_BOTH_WORLDS(a_thread_of_control_has_a_number_of_its_own)
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

SLT_BOTH_WORLDS(a_process_has_one_place_to_claim)
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

SLT_BOTH_WORLDS(print_checks_its_descriptor)
{
    assert_int_equal(sli_env_print(b->env, 3, "x", 1, NULL), SL_E_INVALID);
    assert_int_equal(sli_env_print(b->env, 2, "", 0, NULL), SL_OK);
}
