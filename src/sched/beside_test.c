// Jobs beside each other: what they share, whose tasks go first, and what the failure of one does.
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdatomic.h>
#include <stdio.h>

enum { MAX_JOBS = 4, TASKS = 12, MS = 1000 };

/// What the functions of these tests do, found through sl_args_attached.
typedef struct plan {
    world *w;
    _Atomic int32_t calls;
    int32_t fails; ///< in the function's texts: "job=1" fails when it is 1
    bool waits;    ///< a call takes 10 ms of virtual time
    int32_t n_running[MAX_JOBS], most[MAX_JOBS]; ///< by job, simulated only
    char order[MAX_JOBS * TASKS + 1];            ///< in which calls began: 'a' is of job 0
    int32_t n_order;
} plan;

static void begin_call(plan *p, int32_t job)
{
    p->order[p->n_order++] = (char)('a' + job);
    p->n_running[job]++;
    p->most[job] = p->n_running[job] > p->most[job] ? p->n_running[job] : p->most[job];
    sli_signal *never = sli_signal_new(p->w->env);
    assert_non_null(never);
    (void)sli_signal_wait(never, sli_env_mono_us(p->w->env) + 10 * MS, NULL); // it is never set
    sli_signal_free(never);
    p->n_running[job]--;
}

static sl_code pass(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    plan *p = sl_args_attached(args, "plan");
    int32_t job = (int32_t)sl_args_int64(args, "job", 0);
    atomic_fetch_add(&p->calls, 1);
    if (p->waits) {
        begin_call(p, job);
    }
    if (p->fails > 0 && job == p->fails) {
        return sl_error_set(err, SL_E_INVALID, "job %d does not like it", job);
    }
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(in)); c++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
    }
    return SL_OK;
}
static const sl_fn pass_fn = {.struct_size = sizeof(sl_fn), .name = "pass", .run = pass};

/// A row a partition: 1 to `n`.
static sl_rdd *passed(world *w, plan *p, int32_t n, int32_t job)
{
    char text[TASKS * 4 + 1] = "", args[16];
    for (int32_t i = 0; i < n; i++) {
        size_t size = strlen(text);
        (void)snprintf(text + size, sizeof text - size, "%d;", i + 1);
    }
    (void)snprintf(args, sizeof args, "job=%d", job);
    w->attached = p;
    p->w = w;
    sl_rdd *in = rdd_of(w, "n int64", text, n);
    return then(in, sl_rdd_map(in, &pass_fn, args));
}

typedef struct summing {
    sli_job job;                      ///< first
    int64_t parts[TASKS][SLI_COPIES]; ///< of each attempt
    int64_t sum;                      ///< of those that have won
    int32_t ended;                    ///< place in the order of ends, from 1
    sl_code rc;
    sl_error error;
} summing;

static sl_code add_rows(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    summing *s = ctx;
    (void)err;
    task->rows_out += sl_batch_rows(batch);
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        s->parts[task->index][task->copy] += sl_column_int64(sl_batch_column(batch, 0), i);
    }
    return SL_OK;
}
static void drop_rows(void *ctx, const sli_task *task)
{
    ((summing *)ctx)->parts[task->index][task->copy] = 0;
}
static void count_rows(void *ctx, const sli_task *task)
{
    summing *s = ctx;
    s->sum += s->parts[task->index][task->copy];
}

static void begin(world *w, summing *s, sl_rdd *rdd, int32_t pool)
{
    sl_error err = SL_ERROR_INIT;
    s->job = (sli_job){.rdd = rdd,
                       .rows_expected = -1,
                       .push = add_rows,
                       .lost = drop_rows,
                       .won = count_rows,
                       .ctx = s,
                       .pool = pool};
    assert_int_equal(sli_sched_begin(w->sched, &s->job, &err), SL_OK);
}

static int32_t take_all(world *w)
{
    int32_t n = 0;
    for (;;) {
        sli_job *job = NULL;
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sli_sched_next(w->sched, &job, &err);
        if (job == NULL) {
            assert_int_equal(rc, SL_OK);
            return n;
        }
        ((summing *)job)->ended = ++n;
        ((summing *)job)->rc = rc;
        ((summing *)job)->error = err;
    }
}

static const world_conf places[] = {
    {.workers = 1, .seed = 5, .settings = "jobs.concurrent=3"},
    {.workers = 4, .seed = 6, .settings = "jobs.concurrent=3"},
    {.workers = 4, .seed = 6, .settings = "jobs.concurrent=3 jobs.mode=fair"},
    {.workers = 1, .pool = true, .settings = "jobs.concurrent=3"},
    {.workers = 4, .pool = true, .settings = "jobs.concurrent=3"},
    {.workers = 4, .pool = true, .settings = "jobs.concurrent=3 jobs.mode=fair"},
    {.workers = 4, .pool = true, .simulated = true, .settings = "jobs.concurrent=3"},
    {.workers = 4,
     .pool = true,
     .settings = "jobs.concurrent=3 speculation=true "
                 "speculation.min_runtime=0ms speculation.interval=1ms"},
};
#define EACH_PLACE(w)                                                                              \
    for (size_t at_ = 0; at_ < sizeof places / sizeof *places; at_++)                              \
        for (world w, *once_ = (world_open(&w, places[at_]), &w); once_ != NULL;                   \
             once_ = NULL, world_close(&w))

// ---------------------------------------------------------------- what they share

SL_TEST(jobs_beside_each_other_write_a_shuffle_once_and_read_it_each, "")
{
    EACH_PLACE(w)
    {
        plan p = {0};
        sl_rdd *rdd = passed(&w, &p, 6, 0);
        sl_rdd *spread = then(rdd, sl_rdd_repartition(rdd, 4));
        sl_rdd *few = sl_rdd_where(spread, "n < 4"), *more = sl_rdd_where(spread, "n > 2");
        summing a = {0}, b = {0}, c = {0};
        begin(&w, &a, few, 0);
        begin(&w, &b, more, 0);
        begin(&w, &c, spread, 0);
        assert_true(sli_sched_is_busy(w.sched));
        assert_int_equal(take_all(&w), 3);
        assert_false(sli_sched_is_busy(w.sched));
        assert_true(a.rc == SL_OK && b.rc == SL_OK && c.rc == SL_OK);
        assert_int_equal(a.sum, 6);
        assert_int_equal(b.sum, 18);
        assert_int_equal(c.sum, 21);
        assert_true(p.calls == 6 || strstr(places[at_].settings, "speculation") != NULL);
        sl_rdd_unref(few);
        sl_rdd_unref(more);
        sl_rdd_unref(spread);
    }
}

SL_TEST(what_both_jobs_find_lost_is_written_again, "")
{
    EACH_PLACE(w)
    {
        plan p = {0};
        sl_rdd *rdd = passed(&w, &p, 6, 0);
        sl_rdd *spread = then(rdd, sl_rdd_repartition(rdd, 4));
        summing first = {0}, a = {0}, b = {0};
        begin(&w, &first, spread, 0);
        assert_int_equal(take_all(&w), 1);
        const sli_shuffle *shuffle = spread->deps[0].shuffle;
        for (int32_t r = 0; r < 4; r++) {
            int32_t minor = sli_map_block(&shuffle->outputs[2], 4, r);
            sli_blocks_lose(w.blocks, (sli_block_id){SLI_BLOCK_SHUFFLE, shuffle->id, 2, minor});
        }
        begin(&w, &a, spread, 0);
        begin(&w, &b, spread, 0);
        assert_int_equal(take_all(&w), 2);
        assert_true(a.rc == SL_OK && b.rc == SL_OK);
        assert_int_equal(a.job.rows_out, 6);
        assert_int_equal(b.job.rows_out, 6);
        sl_rdd_unref(spread);
    }
}

SL_TEST(actions_and_jobs_that_prepare_something_go_on_beside_others, "")
{
    EACH_PLACE(w)
    {
        plan p = {0};
        sl_rdd *rdd = passed(&w, &p, 6, 0), *other = passed(&w, &p, 4, 1);
        sl_rdd *sorted = sl_rdd_sort_by(rdd, "n desc", 2), *spread = sl_rdd_repartition(rdd, 3);
        summing a = {0}, b = {0};
        begin(&w, &a, spread, 0);
        begin(&w, &b, sorted, 0); // finds its bounds by a job of its own
        SL_CHECK_TEXT(collect_text(other), "1\n2\n3\n4\n");
        SL_CHECK_TEXT(collect_text(sl_rdd_ref(sorted)), "6\n5\n4\n3\n2\n1\n");
        assert_int_equal(take_all(&w), 2);
        assert_true(a.rc == SL_OK && b.rc == SL_OK && a.sum == 21 && b.sum == 21);
        sl_rdd_unref(sorted);
        sl_rdd_unref(spread);
        sl_rdd_unref(rdd);
    }
}

// ---------------------------------------------------------------- failures

SL_TEST(a_job_that_fails_does_not_touch_those_beside_it, "")
{
    EACH_PLACE(w)
    {
        plan p = {.fails = 1};
        sl_rdd *good = passed(&w, &p, 6, 0), *bad = passed(&w, &p, 6, 1);
        summing a = {0}, b = {0}, c = {0};
        sli_blame blame = {0};
        begin(&w, &a, good, 0);
        b.job = (sli_job){.rdd = bad, .rows_expected = -1, .blame = &blame};
        assert_int_equal(sli_sched_begin(w.sched, &b.job, NULL), SL_OK);
        begin(&w, &c, good, 0);
        assert_int_equal(take_all(&w), 3);
        assert_true(a.rc == SL_OK && c.rc == SL_OK && a.sum == 21 && c.sum == 21);
        assert_int_equal(b.rc, SL_E_INVALID);
        assert_non_null(strstr(b.error.text, "job 1 does not like it"));
        assert_ptr_equal(blame.rdd, bad);
        sli_blame_reset(&blame);
        sl_rdd_unref(good);
        sl_rdd_unref(bad);
    }
}

SL_TEST(one_job_can_be_cancelled_and_all_of_them, "")
{
    EACH_PLACE(w)
    {
        plan p = {0};
        sl_rdd *rdd = passed(&w, &p, 6, 0);
        sl_rdd *spread = then(rdd, sl_rdd_repartition(rdd, 3));
        summing a = {0}, b = {0};
        begin(&w, &a, spread, 0);
        begin(&w, &b, spread, 0);
        sli_sched_cancel_job(w.sched, &a.job);
        assert_int_equal(take_all(&w), 2);
        assert_true(a.rc == SL_E_CANCELLED || a.sum == 21); // it may have ended
        assert_true(b.rc == SL_OK && b.sum == 21);
        a = b = (summing){0};
        begin(&w, &a, spread, 0);
        begin(&w, &b, spread, 0);
        sli_sched_cancel(w.sched);
        assert_int_equal(take_all(&w), 2);
        assert_int_equal(b.rc, SL_E_CANCELLED);
        b = (summing){0};
        begin(&w, &b, spread, 0);
        assert_int_equal(take_all(&w), 1);
        assert_true(b.rc == SL_OK && b.sum == 21); // the cancel came before
        sl_rdd_unref(spread);
    }
}

SL_TEST(a_crash_ends_all_jobs, "")
{
    int64_t used = sli_mem_used(-1), at = 1;
    for (bool dead = true; dead; at++) {
        world w;
        world_open(&w,
                   (world_conf){.workers = 3,
                                .pool = true,
                                .simulated = true,
                                .settings = "jobs.concurrent=2",
                                .fault = &(sli_fault){.crash_at_call = at, .only_site = "signal"}});
        plan p = {.waits = true};
        sl_rdd *rdd = passed(&w, &p, 4, 0);
        sl_rdd *spread = then(rdd, sl_rdd_repartition(rdd, 3));
        summing a = {0}, b = {0};
        begin(&w, &a, spread, 0);
        begin(&w, &b, spread, 0);
        assert_int_equal(take_all(&w), 2);
        dead = sli_world_is_dead(w.env);
        assert_true((a.rc == SL_OK && b.rc == SL_OK) || dead);
        sl_rdd_unref(spread);
        world_close(&w);
        assert_int_equal(sli_mem_used(-1), used);
    }
    assert_true(at > 5);
}

// ---------------------------------------------------------------- the driver beside jobs

/// In the simulated world, where a call takes time: a job that goes on beside.
#define WITH_A_JOB(w, p, rdd, s)                                                                   \
    world w;                                                                                       \
    plan p = {.waits = true};                                                                      \
    summing s = {0};                                                                               \
    world_open(                                                                                    \
        &w, (world_conf){                                                                          \
                .workers = 3, .pool = true, .simulated = true, .settings = "jobs.concurrent=2"});  \
    sl_rdd *rdd = passed(&w, &p, 4, 0);                                                            \
    begin(&w, &s, rdd, 0)

SL_TEST(a_level_changes_when_no_job_computes_the_rdd, "")
{
    WITH_A_JOB(w, p, rdd, s);
    sl_rdd *other = sl_rdd_persist(sl_rdd_where(rdd, "n > 1"), SL_MEMORY_ONLY);
    assert_int_equal(w.sched->runs->state, SLI_RUN_OUT); // it can't meet what was made later
    sl_rdd_persist(rdd, SL_LEVEL_NONE);                  // no change
    assert_int_equal(w.sched->runs->state, SLI_RUN_OUT);
    sl_rdd_persist(rdd, SL_MEMORY_ONLY);
    assert_int_equal(w.sched->runs->state, SLI_RUN_ENDED);
    assert_int_equal(take_all(&w), 1);
    assert_int_equal(s.rc, SL_OK);
    assert_int_equal(s.sum, 10);
    sli_blocks_stats stats;
    sli_blocks_stats_of(w.blocks, &stats);
    assert_int_equal(stats.n_blocks, 0); // none of it was kept
    s = (summing){0};
    begin(&w, &s, rdd, 0);
    sl_rdd_unpersist(rdd);
    assert_int_equal(take_all(&w), 1);
    assert_int_equal(s.sum, 10);
    sl_rdd_unref(other);
    sl_rdd_unref(rdd);
    world_close(&w);
}

SL_TEST(levels_change_under_jobs_that_fail_or_are_cancelled, "")
{
    for (int32_t cancelled = 0; cancelled < 2; cancelled++) {
        WITH_A_JOB(w, p, rdd, s);
        sl_rdd *fails = passed(&w, &p, 4, 1);
        summing f = {0};
        begin(&w, &f, fails, 0);
        p.fails = 1;
        if (cancelled) {
            sli_sched_cancel(w.sched);
        }
        sl_rdd_persist(rdd, SL_MEMORY_ONLY); // the later job is later than the RDD, too
        assert_int_equal(w.sched->runs->state, SLI_RUN_ENDED);
        assert_int_equal(w.sched->runs->next->state, SLI_RUN_ENDED);
        assert_int_equal(take_all(&w), 2);
        assert_int_equal(f.rc, cancelled ? SL_E_CANCELLED : SL_E_INVALID);
        sl_rdd_unref(fails);
        sl_rdd_unref(rdd);
        world_close(&w);
    }
}

SL_TEST(an_action_on_a_marked_rdd_waits_for_the_jobs_beside_it_and_writes_it, "")
{
    WITH_A_JOB(w, p, rdd, s);
    int64_t n = 0;
    sl_rdd *marked = sl_rdd_where(rdd, "n > 1");
    assert_int_equal(sl_rdd_checkpoint(marked, NULL), SL_E_STATE);
    assert_int_equal(sl_rdd_checkpoint_dir(marked, "saved", NULL), SL_OK);
    char *dir = sl_strdup(SLI_TAG_RDD, w.runtime->checkpoint_dir);
    assert_int_equal(sl_rdd_checkpoint_dir(marked, "saved", NULL), SL_OK);
    assert_string_equal(w.runtime->checkpoint_dir, dir); // the same again
    assert_int_equal(sl_rdd_checkpoint_dir(marked, "save", NULL), SL_OK);
    assert_string_not_equal(w.runtime->checkpoint_dir, dir);
    sl_free(dir);
    assert_int_equal(sl_rdd_checkpoint(marked, NULL), SL_OK);
    assert_int_equal(sl_rdd_count(marked, &n, NULL), SL_OK);
    assert_int_equal(n, 3);
    assert_non_null(sl_rdd_checkpoint_path(marked));
    assert_int_equal(marked->n_deps, 0);
    assert_int_equal(take_all(&w), 1);
    assert_int_equal(s.sum, 10);
    SL_CHECK_TEXT(collect_text(marked), "2\n3\n4\n");
    sl_rdd_unref(rdd);
    world_close(&w);
}

static sl_code note_pool(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    plan *p = sl_args_attached(args, "plan");
    const sli_sched *sched = p->w->sched;
    for (int32_t i = 0; i < sched->n_pools; i++) { // inline: on the driver's thread
        p->n_running[i] += sched->pools[i].n_out > 0;
    }
    return pass(args, in, out, err);
}
static const sl_fn note_pool_fn = {
    .struct_size = sizeof(sl_fn), .name = "note_pool", .run = note_pool};

SL_TEST(actions_run_in_the_pool_that_the_driver_is_in, "")
{
    world w;
    plan p = {.w = &w};
    int64_t n = 0;
    int32_t fast = 0;
    world_open(&w,
               (world_conf){.settings = "jobs.mode=fair jobs.pools='fast slow' jobs.pool=slow"});
    w.attached = &p;
    sl_rdd *in = rdd_of(&w, "n int64", "1;", 1), *rdd = sl_rdd_map(in, &note_pool_fn, NULL);
    assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
    assert_int_equal(p.n_running[2], 1); // "slow" is the usual one
    assert_int_equal(sli_sched_pool(w.sched, "fast", &fast, NULL), SL_OK);
    int32_t before = sli_sched_in_pool(w.sched, fast);
    assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
    assert_int_equal(sli_sched_in_pool(w.sched, before), fast);
    assert_int_equal(p.n_running[1], 1);
    assert_int_equal(p.n_running[0], 0);
    sl_rdd_unref(rdd);
    sl_rdd_unref(in);
    world_close(&w);
}

// ---------------------------------------------------------------- whose tasks go first

/// Runs a job of TASKS tasks in each of the named pools, begun in this order.
static void compete(plan *p, int32_t workers, const char *settings, const char *const *pools,
                    int32_t n)
{
    world w;
    summing jobs[MAX_JOBS] = {0};
    sl_rdd *rdds[MAX_JOBS];
    world_open(&w, (world_conf){
                       .workers = workers, .pool = true, .simulated = true, .settings = settings});
    *p = (plan){.waits = true};
    for (int32_t i = 0; i < n; i++) {
        int32_t pool = -1;
        assert_int_equal(sli_sched_pool(w.sched, pools[i], &pool, NULL), SL_OK);
        rdds[i] = passed(&w, p, TASKS, i);
        begin(&w, &jobs[i], rdds[i], pool);
    }
    assert_int_equal(take_all(&w), n);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(jobs[i].sum, TASKS * (TASKS + 1) / 2);
        sl_rdd_unref(rdds[i]);
    }
    world_close(&w);
}

SL_TEST(by_fifo_the_earlier_job_goes_first, "")
{
    static const char *const pools[] = {NULL, "any", NULL};
    plan p;
    compete(&p, 1, "jobs.concurrent=3", pools, 3);
    SL_CHECK_TEXT(p.order, "aaaaaaaaaaaabbbbbbbbbbbbcccccccccccc");
    compete(&p, 1, "jobs.concurrent=3 jobs.mode=fair", (const char *const[]){NULL, NULL}, 2);
    SL_CHECK_TEXT(p.order, "aaaaaaaaaaaabbbbbbbbbbbb"); // one pool, whose own mode is fifo
}

/// Of the `n` calls that began after the first four, which the first job had for itself, how many
/// were the second job's.
static int32_t share_of_second(const plan *p, int32_t n)
{
    int32_t seconds = 0;
    for (int32_t i = 4; i < 4 + n; i++) {
        seconds += p->order[i] == 'b';
    }
    return seconds;
}

static void check_share(const plan *p, int32_t n, int32_t expected)
{
    int32_t seconds = share_of_second(p, n); // which of four tasks ends first is the seed's
    if (seconds < expected - 1 || seconds > expected + 1) {
        fail_msg("%d of %d, expected %d: %s", seconds, n, expected, p->order);
    }
}

SL_TEST(by_fair_pools_share_the_workers_by_weight, "")
{
    static const char *const pools[] = {"slow", "fast"};
    plan p;
    compete(&p, 4, "jobs.concurrent=2 jobs.mode=fair jobs.pools='fast?weight=3 slow'", pools, 2);
    check_share(&p, 12, 9);
    compete(&p, 4, "jobs.concurrent=2 jobs.mode=fair jobs.pools='fast slow'", pools, 2);
    check_share(&p, 12, 6);
    compete(&p, 4, "jobs.concurrent=2 jobs.mode=fair jobs.pools='fast slow?weight=3'", pools, 2);
    check_share(&p, 8, 2);
}

SL_TEST(by_fair_a_min_share_comes_before_weights, "")
{
    static const char *const pools[] = {"heavy", "sure"};
    plan p;
    compete(&p, 4, "jobs.concurrent=2 jobs.mode=fair jobs.pools='heavy?weight=1000 sure'", pools,
            2);
    check_share(&p, 8, 2); // one that runs nothing is always next: 0 is less than 3 by 1,000
    compete(&p, 4,
            "jobs.concurrent=2 jobs.mode=fair jobs.pools='heavy?weight=1000 sure?min_share=2'",
            pools, 2);
    check_share(&p, 14, 7);
}

SL_TEST(a_fair_pool_shares_among_its_jobs, "")
{
    static const char *const pools[] = {NULL, NULL, NULL};
    plan p;
    compete(&p, 3, "jobs.concurrent=3 jobs.mode=fair jobs.pools='default?mode=fair'", pools, 3);
    assert_true(p.most[1] > 0 && p.most[1] < 3 && p.most[2] < 3);
}

static void check_refused(const char *pools, const char *says)
{
    world w;
    sl_error err = SL_ERROR_INIT;
    sl_conf *conf = NULL;
    static const sl_option *const tables[] = {sli_sched_options, NULL};
    world_open(&w, (world_conf){.workers = 2});
    assert_int_equal(sl_conf_new(&conf, "test", tables, &err), SL_OK);
    assert_int_equal(sl_conf_set(conf, "jobs.pools", sli_text_of(pools), &err), SL_OK);
    sli_sched *sched = NULL;
    assert_int_equal(sli_sched_new(&sched, w.runtime, w.exec, conf, &err), SL_E_CONFIG);
    if (strstr(err.text, says) == NULL) {
        SL_CHECK_TEXT(err.text, says);
    }
    sl_conf_free(conf);
    world_close(&w);
}

SL_TEST(pools_that_make_no_sense_are_told, "")
{
    check_refused("a?weight=0", "pool \"a\"");
    check_refused("a?wait=1", "weight");
    check_refused("a b a", "pool \"a\" stands twice");
    check_refused("?weight=1", "without a name");
    world w;
    world_open(&w, (world_conf){.settings = "jobs.mode=fair jobs.pools='fast slow'"});
    sl_error err = SL_ERROR_INIT;
    int32_t pool = -1;
    assert_int_equal(sli_sched_pool(w.sched, "fats", &pool, &err), SL_E_CONFIG);
    SL_CHECK_TEXT(err.text, "jobs.pools and jobs.pools_file have no pool \"fats\"; did you mean "
                            "\"fast\"?");
    assert_int_equal(sli_sched_pool(w.sched, "slow", &pool, &err), SL_OK);
    assert_int_equal(pool, 3);
    world_close(&w);
}
