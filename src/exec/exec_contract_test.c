/// exec_contract_test.c — one suite for every backend, in the real world and in simulation.
#include "sl_test.h"

#include "base/hash.h"
#include "env/sim.h"
#include "exec/exec.h"

#include <stdatomic.h>

// ---------------------------------------------------------------- where the suite runs

typedef struct place {
    const sli_exec_ops *ops;
    bool simulated;
} place;

static const place places[] = {{&sli_exec_inline, false},
                               {&sli_exec_inline, true},
                               {&sli_exec_pool, false},
                               {&sli_exec_pool, true}};

typedef struct rig {
    place at;
    sli_world *world;
    sl_env *env;
    sli_exec *exec;
} rig;

static void rig_open(rig *r, place at, int32_t n_workers, uint64_t seed, const sli_fault *fault)
{
    *r = (rig){.at = at};
    sl_error err = SL_ERROR_INIT;
    if (at.simulated) {
        r->world = sli_world_new(&(sli_world_conf){.seed = seed});
        assert_non_null(r->world);
        assert_int_equal(sli_world_boot(r->world, fault, &r->env, &err), SL_OK);
    } else {
        assert_int_equal(sli_env_posix(&r->env, &err), SL_OK);
    }
    assert_int_equal(at.ops->open(&r->exec, r->env, n_workers, seed, &err), SL_OK);
    assert_ptr_equal(r->exec->ops, at.ops);
}

static void rig_close(rig *r)
{
    r->exec->ops->close(r->exec);
    sli_env_free(r->env);
    if (r->world != NULL) {
        sli_world_free(r->world);
    }
}

/// Calls `body` in every place.
static void everywhere(void (*body)(place at))
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        body(places[i]);
    }
}

// ---------------------------------------------------------------- works

typedef struct job {
    sli_work work;
    _Atomic int32_t runs;
    int32_t worker;     // that ran it; handed over with the work
    const void *thread; // likewise
    int32_t number;
    bool came_back;
    _Atomic int32_t *order; // the next place in the order of running
    int32_t place;
    sli_signal *gate, *entered;
} job;

static _Thread_local char this_thread; // its address is the thread's name

static void run_job(sli_work *work, int32_t worker)
{
    job *j = (job *)work;
    atomic_fetch_add(&j->runs, 1);
    j->worker = worker;
    j->thread = &this_thread;
    if (j->order != NULL) {
        j->place = atomic_fetch_add(j->order, 1);
    }
    if (j->entered != NULL) {
        sli_signal_set(j->entered);
    }
    if (j->gate != NULL) {
        (void)sli_signal_wait(j->gate, SLI_FOREVER, NULL);
    }
}

static job job_of(int32_t number, int32_t home, bool may_move)
{
    return (job){.work = {.run = run_job, .home = home, .may_move = may_move},
                 .number = number,
                 .worker = -1};
}

static job *next_job(rig *r)
{
    sli_work *work = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(r->exec->ops->next(r->exec, SLI_FOREVER, &work, &err), SL_OK);
    assert_non_null(work);
    return (job *)work;
}

static void expect_end(rig *r)
{
    sli_work *work = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(r->exec->ops->next(r->exec, SLI_FOREVER, &work, &err), SL_E_END);
    assert_null(work);
    assert_int_equal(err.code, SL_E_END);
}

// ---------------------------------------------------------------- the suite

/// Rounds of submits and results, mixed by the seed.
static void run_rounds(rig *r, int32_t n_workers, uint64_t seed)
{
    enum { N = 500 };
    job *jobs = sl_alloc_array(SLI_TAG_TEST, N, sizeof *jobs);
    assert_non_null(jobs);
    sli_rng rng = {seed};
    int32_t n = 0, out = 0;
    while (n < N || out > 0) {
        if (n < N && sli_rng_below(&rng, 3) > 0) {
            jobs[n] = job_of(n, (int32_t)sli_rng_below(&rng, 20), sli_rng_below(&rng, 2) == 0);
            r->exec->ops->submit(r->exec, &jobs[n++].work);
            out++;
        } else if (out > 0) {
            job *j = next_job(r);
            assert_false(j->came_back);
            assert_true(sli_work_was_run(&j->work));
            j->came_back = true;
            out--;
        }
    }
    expect_end(r);
    for (int32_t i = 0; i < N; i++) {
        assert_true(jobs[i].came_back);
        assert_int_equal(jobs[i].runs, 1);
        assert_in_range(jobs[i].worker, 0, n_workers - 1);
        if (!jobs[i].work.may_move) {
            assert_int_equal(jobs[i].worker, jobs[i].work.home % n_workers);
        }
    }
    sl_free(jobs);
}

static void runs_each_once(place at)
{
    const int32_t workers[] = {1, 2, 4, 7};
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            rig r;
            rig_open(&r, at, workers[i], seed, NULL);
            assert_int_equal(r.exec->ops->workers(r.exec), workers[i]);
            run_rounds(&r, workers[i], seed);
            rig_close(&r);
        }
    }
}
SL_TEST(exec_runs_every_work_once_at_home, "")
{
    everywhere(runs_each_once);
}

static void ends_when_idle(place at)
{
    rig r;
    rig_open(&r, at, 3, 1, NULL);
    expect_end(&r);
    sli_work *work = NULL;
    assert_int_equal(r.exec->ops->next(r.exec, 0, &work, NULL),
                     SL_E_END); // a deadline changes nothing
    job j = job_of(0, 5, false);
    for (int i = 0; i < 3; i++) { // the same work may come again
        r.exec->ops->submit(r.exec, &j.work);
        assert_ptr_equal(next_job(&r), &j);
        expect_end(&r);
    }
    assert_int_equal(j.runs, 3);
    r.exec->ops->cancel(r.exec); // nothing to cancel
    expect_end(&r);
    rig_close(&r);
}
SL_TEST(exec_says_end_when_nothing_is_out, "")
{
    everywhere(ends_when_idle);
}

static void cancels_queued(place at)
{
    enum { N = 200 };
    static job jobs[N];
    rig r;
    rig_open(&r, at, 2, 11, NULL);
    for (int32_t i = 0; i < N; i++) {
        jobs[i] = job_of(i, i, i % 2 == 0);
        r.exec->ops->submit(r.exec, &jobs[i].work);
    }
    assert_true(next_job(&r)->runs == 1);
    r.exec->ops->cancel(r.exec);
    int32_t runs_then = 0, runs_now = 0;
    for (int32_t i = 0; i < N; i++) {
        runs_then += jobs[i].runs; // nothing runs any more, so this is safe to read
    }
    for (int32_t i = 1; i < N; i++) {
        const job *j = next_job(&r);
        assert_int_equal(j->runs, sli_work_was_run(&j->work) ? 1 : 0);
    }
    expect_end(&r);
    for (int32_t i = 0; i < N; i++) {
        runs_now += jobs[i].runs;
    }
    assert_int_equal(runs_then, runs_now);
    job again = job_of(N, 1, false); // the backend goes on
    r.exec->ops->submit(r.exec, &again.work);
    assert_ptr_equal(next_job(&r), &again);
    assert_true(sli_work_was_run(&again.work));
    rig_close(&r);
}
SL_TEST(exec_cancel_gives_queued_works_back_unrun, "")
{
    everywhere(cancels_queued);
}

SL_TEST(exec_open_refuses_numbers_of_workers, "")
{
    sl_env *env = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_posix(&env, &err), SL_OK);
    const int32_t bad[] = {0, -1, SLI_EXEC_MAX_WORKERS + 1, INT32_MAX, INT32_MIN};
    const sli_exec_ops *all[] = {&sli_exec_inline, &sli_exec_pool};
    for (size_t b = 0; b < 2; b++) {
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            sli_exec *exec = NULL;
            assert_int_equal(all[b]->open(&exec, env, bad[i], 0, &err), SL_E_INVALID);
            assert_null(exec);
        }
    }
    sli_env_free(env);
}

SL_TEST(exec_open_survives_every_failed_allocation, "")
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        rig r;
        rig_open(&r, places[i], 2, 1, NULL);
        int64_t used = sli_mem_used(-1);
        sl_code rc = SL_E_NOMEM;
        for (int64_t n = 1; rc != SL_OK; n++) {
            sli_exec *exec = NULL;
            sl_error err = SL_ERROR_INIT;
            sli_mem_fail_nth(n);
            rc = places[i].ops->open(&exec, r.env, 3, 1, &err);
            sli_mem_fail_nth(0);
            if (rc != SL_OK) {
                assert_int_equal(rc, SL_E_NOMEM);
                assert_null(exec);
                assert_int_equal(sli_mem_used(-1), used);
            } else {
                exec->ops->close(exec);
            }
        }
        rig_close(&r);
    }
}

// ---------------------------------------------------------------- inline: order

enum { N_ORDER = 40 };

static void order_of(uint64_t seed, place at, int32_t n_workers, int32_t order[N_ORDER])
{
    static job jobs[N_ORDER];
    rig r;
    rig_open(&r, at, n_workers, seed, NULL);
    for (int32_t i = 0; i < N_ORDER; i++) {
        jobs[i] = job_of(i, i, true);
        r.exec->ops->submit(r.exec, &jobs[i].work);
    }
    for (int32_t i = 0; i < N_ORDER; i++) {
        order[i] = next_job(&r)->number;
    }
    rig_close(&r);
}

SL_TEST(inline_order_depends_on_the_seed_only, "")
{
    int32_t a[N_ORDER], b[N_ORDER], first[N_ORDER];
    int different = 0, moved = 0;
    order_of(0, places[0], 1, first);
    for (uint64_t seed = 0; seed < 50; seed++) {
        order_of(seed, places[0], 1, a);
        order_of(seed, places[1], 7, b);
        assert_memory_equal(a, b, sizeof a);
        different += memcmp(a, first, sizeof a) != 0 ? 1 : 0;
        for (int32_t i = 0; i < N_ORDER; i++) {
            moved += a[i] != i ? 1 : 0;
        }
    }
    assert_int_equal(different, 49);
    assert_true(moved > 50 * N_ORDER * 3 / 4);
}

SL_TEST(inline_can_run_any_work_first_and_any_last, "")
{
    bool first[4] = {0}, last[4] = {0};
    for (uint64_t seed = 0; seed < 200; seed++) {
        job jobs[4];
        rig r;
        rig_open(&r, places[0], 1, seed, NULL);
        for (int32_t i = 0; i < 4; i++) {
            jobs[i] = job_of(i, 0, false);
            r.exec->ops->submit(r.exec, &jobs[i].work);
        }
        for (int32_t i = 0; i < 4; i++) {
            int32_t number = next_job(&r)->number;
            first[number] |= i == 0;
            last[number] |= i == 3;
        }
        rig_close(&r);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(first[i] && last[i]);
    }
}

/// A work that looks at a flag of its owner's.
typedef struct flagged {
    sli_work work;
    _Atomic bool off;
    sli_signal *entered, *look; // NULL: it looks only once
    int32_t steps;
} flagged;

static void run_flagged(sli_work *work, int32_t worker)
{
    flagged *f = (flagged *)work;
    (void)worker;
    for (int32_t i = 0; i < 2 && !atomic_load(&f->off); i++) {
        f->steps++;
        if (f->look != NULL) {
            sli_signal_set(f->entered);
            (void)sli_signal_wait(f->look, SLI_FOREVER, NULL);
        }
    }
}

static void calls_off_one(place at)
{
    enum { N = 8 };
    rig r;
    flagged works[N];
    rig_open(&r, at, 2, 3, NULL);
    for (int32_t i = 0; i < N; i++) {
        works[i] = (flagged){.work = {.run = run_flagged, .home = i, .may_move = true}};
        atomic_store(&works[i].off, i == 3);
        r.exec->ops->submit(r.exec, &works[i].work);
    }
    for (int32_t i = 0; i < N; i++) {
        sli_work *work = NULL;
        assert_int_equal(r.exec->ops->next(r.exec, SLI_FOREVER, &work, NULL), SL_OK);
        assert_true(sli_work_was_run(work));
        assert_int_equal(((flagged *)work)->steps, work == &works[3].work ? 0 : 2);
    }
    expect_end(&r);
    rig_close(&r);
}

SL_TEST(a_work_that_its_owner_calls_off_comes_back_in_its_turn_with_nothing_done, "")
{
    everywhere(calls_off_one);
}

// ---------------------------------------------------------------- pool: waiting, stealing, dying

static const place pools[] = {{&sli_exec_pool, false}, {&sli_exec_pool, true}};

SL_TEST(pool_next_times_out_and_goes_on, "")
{
    for (size_t p = 0; p < 2; p++) {
        rig r;
        rig_open(&r, pools[p], 2, 3, NULL);
        job held = job_of(0, 1, false);
        held.gate = sli_signal_new(r.env);
        assert_non_null(held.gate);
        r.exec->ops->submit(r.exec, &held.work);
        sli_work *work = &held.work;
        sl_error err = SL_ERROR_INIT;
        int64_t deadline = sli_env_mono_us(r.env) + 2000;
        assert_int_equal(r.exec->ops->next(r.exec, deadline, &work, &err), SL_E_TIMEOUT);
        assert_null(work);
        assert_true(sli_env_mono_us(r.env) >= deadline);
        assert_int_equal(r.exec->ops->next(r.exec, 0, &work, &err), SL_E_TIMEOUT); // long past
        sli_signal_set(held.gate);
        assert_ptr_equal(next_job(&r), &held);
        expect_end(&r);
        sli_signal_free(held.gate);
        rig_close(&r);
    }
}

/// With the driver spared a single worker's task does not hold it.
SL_TEST(pool_spares_the_driver_when_told_to, "")
{
    for (size_t p = 0; p < 2; p++) {
        enum { N = 6 };
        rig r;
        job held = job_of(0, 0, true), jobs[N];
        rig_open(&r, pools[p], 1, 3, NULL);
        assert_int_equal(r.exec->ops->spare_driver(r.exec, NULL), SL_OK);
        held.gate = sli_signal_new(r.env);
        held.entered = sli_signal_new(r.env);
        assert_true(held.gate != NULL && held.entered != NULL);
        r.exec->ops->submit(r.exec, &held.work);
        assert_int_equal(sli_signal_wait(held.entered, SLI_FOREVER, NULL), SL_OK);
        for (int32_t i = 0; i < N; i++) {
            jobs[i] = job_of(i, i, i % 2 == 0);
            r.exec->ops->submit(r.exec, &jobs[i].work);
        }
        sli_work *work = NULL;
        int64_t deadline = sli_env_mono_us(r.env) + 2000;
        assert_int_equal(r.exec->ops->next(r.exec, deadline, &work, NULL), SL_E_TIMEOUT);
        sli_signal_set(held.gate);
        assert_ptr_equal(next_job(&r), &held);
        assert_true(r.world != NULL ||
                    held.thread != &this_thread); // strands share one in simulation
        for (int32_t i = 0; i < N; i++) {
            assert_int_equal(next_job(&r)->worker, 0);
        }
        expect_end(&r);
        sli_signal_free(held.gate);
        sli_signal_free(held.entered);
        rig_close(&r);
    }
}

/// Worker 1 is held by one task; what is queued behind it and may move is done by worker 0, the
/// rest waits.
SL_TEST(pool_steals_what_may_move_and_nothing_else, "")
{
    for (size_t p = 0; p < 2; p++) {
        enum { N = 20 };
        rig r;
        rig_open(&r, pools[p], 2, 5, NULL);
        job held = job_of(0, 1, false), jobs[N];
        held.gate = sli_signal_new(r.env);
        held.entered = sli_signal_new(r.env);
        assert_true(held.gate != NULL && held.entered != NULL);
        r.exec->ops->submit(r.exec, &held.work);
        assert_int_equal(sli_signal_wait(held.entered, SLI_FOREVER, NULL), SL_OK);
        for (int32_t i = 0; i < N; i++) {
            jobs[i] = job_of(i, 1, i % 2 == 0);
            r.exec->ops->submit(r.exec, &jobs[i].work);
        }
        for (int32_t i = 0; i < N / 2; i++) {
            const job *j = next_job(&r);
            assert_true(j->work.may_move);
            assert_int_equal(j->worker, 0);
        }
        sli_signal_set(held.gate);
        for (int32_t i = 0; i < N / 2 + 1; i++) {
            const job *j = next_job(&r);
            assert_false(j->work.may_move);
            assert_int_equal(j->worker, 1);
        }
        expect_end(&r);
        sli_signal_free(held.gate);
        sli_signal_free(held.entered);
        rig_close(&r);
    }
}

/// The driver is worker 0: its works run on its own thread when it asks for results and not before,
/// the others' meanwhile.
SL_TEST(pool_runs_the_drivers_works_inside_next, "")
{
    for (size_t p = 0; p < 2; p++) {
        rig r;
        rig_open(&r, pools[p], 2, 5, NULL);
        job own = job_of(0, 0, false), other = job_of(1, 1, false);
        other.entered = sli_signal_new(r.env);
        assert_non_null(other.entered);
        r.exec->ops->submit(r.exec, &own.work);
        r.exec->ops->submit(r.exec, &other.work);
        assert_int_equal(sli_signal_wait(other.entered, SLI_FOREVER, NULL), SL_OK);
        assert_int_equal(own.runs, 0);
        for (int i = 0; i < 2; i++) {
            const job *j = next_job(&r);
            assert_int_equal(j->worker, j->number);
        }
        assert_ptr_equal(own.thread, &this_thread);
        assert_true(r.at.simulated || other.thread != own.thread);
        expect_end(&r);
        sli_signal_free(other.entered);
        rig_close(&r);
    }
}

/// A worker that sleeps is not woken for the work that the driver begins next, but for the one
/// behind it.
SL_TEST(pool_wakes_for_what_the_driver_leaves, "")
{
    rig r;
    rig_open(&r, pools[0], 2, 5, NULL);
    job first = job_of(0, 0, true), second = job_of(1, 0, true);
    r.exec->ops->submit(r.exec, &first.work);
    assert_ptr_equal(next_job(&r), &first); // nobody else was awake
    assert_int_equal(first.worker, 0);
    first.entered = second.entered = sli_signal_new(r.env);
    assert_non_null(first.entered);
    r.exec->ops->submit(r.exec, &first.work);
    r.exec->ops->submit(r.exec, &second.work);
    // One of them runs though the driver asks for nothing.
    assert_int_equal(sli_signal_wait(first.entered, SLI_FOREVER, NULL), SL_OK);
    (void)next_job(&r);
    (void)next_job(&r);
    expect_end(&r);
    sli_signal_free(first.entered);
    rig_close(&r);
}

/// Works of one home that may not move run in the order they were submitted.
SL_TEST(pool_keeps_the_order_of_a_home, "")
{
    for (size_t p = 0; p < 2; p++) {
        enum { N = 300 };
        static job jobs[N];
        _Atomic int32_t order = 0;
        rig r;
        rig_open(&r, pools[p], 3, 5, NULL);
        for (int32_t i = 0; i < N; i++) {
            jobs[i] = job_of(i, 4, false);
            jobs[i].order = &order;
            r.exec->ops->submit(r.exec, &jobs[i].work);
        }
        for (int32_t i = 0; i < N; i++) {
            assert_ptr_equal(next_job(&r), &jobs[i]);
        }
        for (int32_t i = 0; i < N; i++) {
            assert_int_equal(jobs[i].place, i);
        }
        rig_close(&r);
    }
}

static void open_gate(void *ctx)
{
    sli_signal_set(ctx);
}

SL_TEST(pool_cancel_waits_for_what_runs, "")
{
    for (size_t p = 0; p < 2; p++) {
        rig r;
        rig_open(&r, pools[p], 2, 5, NULL);
        job slow = job_of(0, 1, false), never = job_of(1, 1, false);
        sli_signal *entered = sli_signal_new(r.env);
        slow.gate = sli_signal_new(r.env);
        slow.entered = entered;
        assert_true(slow.gate != NULL && entered != NULL);
        r.exec->ops->submit(r.exec, &slow.work);
        assert_int_equal(sli_signal_wait(entered, SLI_FOREVER, NULL), SL_OK);
        r.exec->ops->submit(r.exec, &never.work);
        sli_strand *opener =
            sli_strand_new(r.env, "opener"); // opens the gate while the driver is inside cancel
        assert_non_null(opener);
        assert_true(sli_strand_post(opener, open_gate, slow.gate));
        r.exec->ops->cancel(r.exec);
        assert_int_equal(slow.runs, 1);
        for (int i = 0; i < 2; i++) {
            const job *j = next_job(&r);
            assert_int_equal(sli_work_was_run(&j->work), j->runs);
        }
        // In the real world the gate may open before the driver is inside cancel; simulated strands
        // run in waits only, so there the second work is certainly still queued.
        assert_true(r.world == NULL || never.runs == 0);
        expect_end(&r);
        sli_strand_free(opener);
        sli_signal_free(slow.gate);
        sli_signal_free(entered);
        rig_close(&r);
    }
}

/// Takes what comes back until `next` ends or fails.
static sl_code drain(rig *r, int32_t *n_back)
{
    for (;;) {
        sli_work *work = NULL;
        sl_code rc = r->exec->ops->next(r->exec, SLI_FOREVER, &work, NULL);
        if (rc != SL_OK) {
            return rc;
        }
        (*n_back)++;
    }
}

/// One life of a process that dies at call `at`; false when it ended before that call.
static bool die_at(int64_t at)
{
    enum { N = 12 };
    job jobs[N];
    rig r;
    rig_open(&r, pools[1], 3, 9, &(sli_fault){.crash_at_call = at});
    for (int32_t i = 0; i < N; i++) {
        jobs[i] = job_of(i, i, i % 3 != 0);
        jobs[i].gate = sli_signal_new(r.env);
        assert_non_null(jobs[i].gate);
        sli_signal_set(jobs[i].gate); // open: the task's wait is only a call to die at
        r.exec->ops->submit(r.exec, &jobs[i].work);
    }
    int32_t n_back = 0;
    sl_code rc = drain(&r, &n_back);
    bool dead = sli_world_is_dead(r.env);
    assert_true(rc == SL_E_END || (dead && rc == SL_E_CRASHED));
    r.exec->ops->cancel(r.exec);
    assert_int_equal(drain(&r, &n_back), SL_E_END);
    assert_int_equal(n_back, N);
    job late = job_of(N, 0, false);
    if (dead) {
        r.exec->ops->submit(r.exec, &late.work);
        r.exec->ops->cancel(r.exec);
        assert_ptr_equal(next_job(&r), &late);
        assert_int_equal(late.runs, 0);
    }
    for (int32_t i = 0; i < N; i++) {
        sli_signal_free(jobs[i].gate);
    }
    rig_close(&r);
    return dead;
}

/// The simulated process dies at every call it makes; every work comes back, and nothing is left.
SL_TEST(pool_unwinds_from_a_crash_at_every_call, "")
{
    int64_t used = sli_mem_used(-1), at = 1;
    while (die_at(at)) {
        assert_int_equal(sli_mem_used(-1), used);
        at++;
    }
    assert_true(at > 12); // it did die at each task's call and at some of the driver's
}

SL_TEST(pool_gives_a_work_back_that_is_called_off_while_it_runs, "")
{
    for (size_t p = 0; p < 2; p++) {
        rig r;
        rig_open(&r, pools[p], 2, 3, NULL);
        flagged f = {.work = {.run = run_flagged, .home = 1}};
        f.entered = sli_signal_new(r.env);
        f.look = sli_signal_new(r.env);
        assert_true(f.entered != NULL && f.look != NULL);
        r.exec->ops->submit(r.exec, &f.work);
        assert_int_equal(sli_signal_wait(f.entered, SLI_FOREVER, NULL), SL_OK);
        atomic_store(&f.off, true);
        sli_signal_set(f.look);
        sli_work *work = NULL;
        assert_int_equal(r.exec->ops->next(r.exec, SLI_FOREVER, &work, NULL), SL_OK);
        assert_int_equal(f.steps, 1);
        sli_signal_free(f.entered);
        sli_signal_free(f.look);
        rig_close(&r);
    }
}

/// Many short tasks with the driver mostly asleep: a lost wake-up would hang here.
SL_TEST(pool_loses_no_wake_up, "")
{
    int32_t n = slt_is_soak() ? 2000000 : 20000;
    rig r;
    rig_open(&r, pools[0], 4, 1, NULL);
    job jobs[8];
    for (int32_t i = 0; i < n; i++) {
        int32_t width = 1 + i % 8;
        for (int32_t k = 0; k < width; k++) {
            jobs[k] = job_of(k, i + k, (i + k) % 3 == 0);
            r.exec->ops->submit(r.exec, &jobs[k].work);
        }
        for (int32_t k = 0; k < width; k++) {
            assert_int_equal(next_job(&r)->runs, 1);
        }
    }
    expect_end(&r);
    rig_close(&r);
}
