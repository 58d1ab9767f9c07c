// Speculation: copies of slow tasks, in simulated time, where a task is slow because it waits.
#include "base/hash.h"
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdio.h>

enum { PARTITIONS = 8, BATCHES = 3, MS = 1000 };

/// What the function of these tests does, found through sl_args_attached. One strand runs at a
/// time, since the world is simulated.
typedef struct plan {
    world *w;
    int32_t calls[PARTITIONS]; ///< of the function, by partition
    int64_t usual_us;          ///< a call waits for so long
    int32_t slow;              ///< partition whose first calls wait for slow_us; -1: none
    int32_t n_slow;            ///< calls
    int64_t slow_us;
    bool looks;     ///< a slow call looks every millisecond whether it is wanted
    bool by_chance; ///< calls wait and fail by `rng`
    sli_rng rng;
} plan;

static void wait_us(plan *p, int64_t us)
{
    sl_env *env = p->w->env;
    sli_signal *never = sli_signal_new(env);
    assert_non_null(never);
    (void)sli_signal_wait(never, sli_env_mono_us(env) + us, NULL); // it is never set
    sli_signal_free(never);
}

/// Never ends but by what it looks at.
static sl_code wait_for_end(const sl_args *args, plan *p, sl_error *err)
{
    while (!sl_args_is_cancelled(args)) {
        wait_us(p, MS);
    }
    return sl_error_set(err, SL_E_CANCELLED, "not wanted any more");
}

static sl_code pass(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    plan *p = sl_args_attached(args, "plan");
    int32_t partition = (int32_t)sl_args_partition(args), call = p->calls[partition]++;
    bool is_slow = partition == p->slow && call < p->n_slow;
    if (is_slow && p->looks) {
        return wait_for_end(args, p, err);
    }
    if (p->by_chance) {
        uint64_t chance = sli_rng_below(&p->rng, 12);
        wait_us(p, chance == 0 ? 2000 * MS : (int64_t)chance * MS);
        if (chance == 1) {
            return sl_error_set(err, SL_E_IO, "by chance");
        }
    } else {
        wait_us(p, is_slow ? p->slow_us : p->usual_us);
    }
    if (p->w->own.accs != NULL) {
        SL_TRY(sl_args_add_int64(args, "rows", sl_batch_rows(in), err));
    }
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(in)); c++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
    }
    return SL_OK;
}
static const sl_fn pass_fn = {.struct_size = sizeof(sl_fn), .name = "pass", .run = pass};

/// PARTITIONS partitions of BATCHES batches each, so that a task can be told to end between two.
static sl_rdd *passed(world *w, plan *p)
{
    sl_batch *rows = rows_of("k string, n int64", "a,1;b,2;c,3;");
    const sl_batch *list[PARTITIONS * BATCHES];
    for (int32_t i = 0; i < PARTITIONS * BATCHES; i++) {
        list[i] = rows;
    }
    w->attached = p;
    p->w = w;
    sl_rdd *all =
        sl_rdd_of_batches(world_session(w), list, PARTITIONS * BATCHES, PARTITIONS * BATCHES);
    sl_batch_unref(rows);
    sl_rdd *in = then(all, sl_rdd_coalesce(all, PARTITIONS));
    return then(in, sl_rdd_map(in, &pass_fn, "x=1"));
}

static sl_rdd *summed(world *w, plan *p)
{
    sl_rdd *rdd = passed(w, p);
    return then(rdd, sl_rdd_reduce_by_key(rdd, "k", "sum(n) as s", 3));
}

static void open_copying(world *w, bool pool, uint64_t seed, const sli_fault *fault)
{
    world_open(w, (world_conf){.workers = 4,
                               .pool = pool,
                               .seed = seed,
                               .simulated = true,
                               .fault = fault,
                               .settings = "speculation=true inline_rows=0"});
}

#define SUMS "a,24\nb,48\nc,72\n"

static int64_t now_us(const world *w)
{
    return sli_world_mono_us(w->sim);
}

static int32_t calls_of(const plan *p)
{
    int32_t n = 0;
    for (int32_t i = 0; i < PARTITIONS; i++) {
        n += p->calls[i];
    }
    return n;
}

// ---------------------------------------------------------------- a copy wins

SL_TEST(a_copy_of_a_slow_map_task_wins_and_its_loser_leaves_nothing, "")
{
    world w;
    open_copying(&w, true, 1, NULL);
    plan p = {.usual_us = 10 * MS, .slow = 5, .n_slow = 1, .slow_us = 900 * MS};
    int64_t begun_us = now_us(&w);
    SL_CHECK_TEXT(collect_sorted(summed(&w, &p)), SUMS);
    assert_int_equal(calls_of(&p), PARTITIONS * BATCHES + 1); // the loser's one call
    assert_int_equal(p.calls[5], BATCHES + 1);
    assert_true(now_us(&w) - begun_us >= 900 * MS); // a job leaves no task running
    assert_true(now_us(&w) - begun_us < 1000 * MS); // but the loser has not begun another batch
    world_close(&w);                                // asserts that no block is left
}

SL_TEST(a_call_that_looks_whether_it_is_wanted_does_not_hold_its_job, "")
{
    world w;
    open_copying(&w, true, 1, NULL);
    plan p = {.usual_us = 10 * MS, .slow = 5, .n_slow = 1, .looks = true};
    int64_t begun_us = now_us(&w);
    SL_CHECK_TEXT(collect_sorted(summed(&w, &p)), SUMS);
    assert_true(now_us(&w) - begun_us < 400 * MS);
    world_close(&w);
}

typedef struct ends {
    world *w;
    int32_t won, lost;
    int64_t won_us; ///< when the last one did
} ends;

static void note_won(void *ctx, const sli_task *task)
{
    ends *e = ctx;
    (void)task;
    e->won++;
    e->won_us = now_us(e->w);
}
static void note_lost(void *ctx, const sli_task *task)
{
    (void)task;
    ((ends *)ctx)->lost++;
}

SL_TEST(the_stage_behind_does_not_wait_for_the_loser, "")
{
    world w;
    open_copying(&w, true, 1, NULL);
    plan p = {.usual_us = 10 * MS, .slow = 5, .n_slow = 1, .slow_us = 900 * MS};
    sl_rdd *sums = summed(&w, &p);
    ends e = {.w = &w};
    sli_job job = {.rdd = sums, .rows_expected = -1, .won = note_won, .lost = note_lost, .ctx = &e};
    int64_t begun_us = now_us(&w);
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(e.won, 3);
    assert_int_equal(e.lost, 0); // the loser was a map task's
    assert_true(e.won_us - begun_us < 300 * MS);
    assert_int_equal(job.n_tasks, PARTITIONS + 1 + 3);
    assert_int_equal(job.n_failures, 0);
    sl_rdd_unref(sums);
    world_close(&w);
}

SL_TEST(a_copy_of_a_slow_result_task_wins_and_its_loser_is_told_as_lost, "")
{
    world w;
    open_copying(&w, true, 1, NULL);
    plan p = {.usual_us = 10 * MS, .slow = 2, .n_slow = BATCHES, .slow_us = 500 * MS};
    sl_rdd *rdd = passed(&w, &p);
    ends e = {.w = &w};
    sli_job job = {.rdd = rdd, .rows_expected = -1, .won = note_won, .lost = note_lost, .ctx = &e};
    int64_t begun_us = now_us(&w);
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(e.won, PARTITIONS);
    assert_int_equal(e.lost, 1);
    assert_int_equal(job.rows_out, PARTITIONS * BATCHES * 3); // each row once
    // Both share the calls that are slow, so the copy has a slow one, too; the first has not made
    // its third.
    assert_true(now_us(&w) - begun_us < 1200 * MS);
    p = (plan){.w = &w, .usual_us = 10 * MS, .slow = 2, .n_slow = 1, .slow_us = 500 * MS};
    SL_CHECK_TEXT(collect_text(rdd), "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n"
                                     "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n"
                                     "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n"
                                     "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n"
                                     "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n"
                                     "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n"
                                     "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n"
                                     "a,1\nb,2\nc,3\na,1\nb,2\nc,3\na,1\nb,2\nc,3\n");
    world_close(&w);
}

// ---------------------------------------------------------------- when there is none

static int32_t copies_with(const char *settings, const plan *how)
{
    world w;
    plan p = *how;
    world_open(&w,
               (world_conf){.workers = 4, .pool = true, .simulated = true, .settings = settings});
    sl_rdd *rdd = passed(&w, &p);
    sli_job job = {.rdd = rdd, .rows_expected = -1};
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(job.rows_out, PARTITIONS * BATCHES * 3);
    sl_rdd_unref(rdd);
    world_close(&w);
    return job.n_tasks - PARTITIONS;
}

SL_TEST(what_is_slow_is_said_by_the_settings, "")
{
    plan p = {.usual_us = 10 * MS, .slow = 5, .n_slow = BATCHES, .slow_us = 300 * MS};
    assert_int_equal(copies_with("", &p), 0);
    assert_int_equal(copies_with("speculation=true", &p), 1);
    assert_int_equal(copies_with("speculation=true speculation.min_runtime=2s", &p), 0);
    assert_int_equal(copies_with("speculation=true speculation.multiplier=100", &p), 0);
    assert_int_equal(copies_with("speculation=true speculation.interval=2s", &p), 0);
    assert_int_equal(copies_with("speculation=true speculation.quantile=1", &p), 0);
    p.slow_us = 20 * MS; // a task of 60 ms is under 100 ms
    assert_int_equal(copies_with("speculation=true speculation.interval=10ms", &p), 0);
    assert_int_equal(copies_with("speculation=true speculation.interval=10ms "
                                 "speculation.min_runtime=0ms",
                                 &p),
                     1);
}

SL_TEST(a_stage_with_state_at_home_gets_no_copies, "")
{
    world w;
    open_copying(&w, true, 1, NULL);
    plan p = {.usual_us = 10 * MS, .slow = 5, .n_slow = BATCHES, .slow_us = 300 * MS};
    sl_rdd *rdd = passed(&w, &p);
    rdd->pinned = true;
    sli_job job = {.rdd = rdd, .rows_expected = -1};
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(job.n_tasks, PARTITIONS);
    sl_rdd_unref(rdd);
    world_close(&w);
}

// ---------------------------------------------------------------- whatever happens

static void open_accs(world *w)
{
    assert_int_equal(sli_accs_new(&w->own.accs, true, NULL), SL_OK);
    assert_int_equal(
        sli_accs_declare(w->own.accs, &(sli_acc_def){"rows", SL_ACC_INT64, NULL}, NULL), SL_OK);
}

static int64_t close_accs(world *w)
{
    sl_accumulated rows;
    assert_int_equal(sli_accs_value(w->own.accs, "rows", false, &rows, NULL), SL_OK);
    sli_accs_free(w->own.accs);
    w->own.accs = NULL;
    return rows.int64;
}

/// Tasks that wait and fail by chance; *copies adds up.
static void run_by_chance(uint64_t seed, bool pool, int64_t *copies)
{
    world w;
    open_copying(&w, pool, seed, NULL);
    open_accs(&w);
    plan p = {.slow = -1, .by_chance = true, .rng = {seed}};
    sl_rdd *sums = summed(&w, &p);
    sl_batch *rows = NULL;
    sl_code rc = sl_rdd_collect(sums, &rows, NULL);
    sl_rdd_unref(sums);
    assert_true(rc == SL_OK || rc == SL_E_IO); // four failures of one task
    int64_t counted = close_accs(&w);
    assert_int_equal(counted, rc == SL_OK ? PARTITIONS * BATCHES * 3 : 0);
    if (rc == SL_OK) {
        assert_int_equal(sl_batch_rows(rows), 3);
        for (int64_t i = 0; i < 3; i++) {
            char key = *sl_column_text(sl_batch_column(rows, 0), i).data;
            assert_int_equal(sl_column_int64(sl_batch_column(rows, 1), i), 24 * (key - 'a' + 1));
        }
    }
    sl_batch_unref(rows);
    *copies += sli_metric_value(w.sched->copies);
    world_close(&w);
}

SL_TEST(results_and_counts_are_the_same_whoever_wins, "")
{
    for (int pool = 0; pool < 2; pool++) {
        int64_t copies = 0;
        for (uint64_t seed = 1; seed <= (slt_is_soak() ? 2000 : 60); seed++) {
            run_by_chance(seed, pool, &copies);
        }
        assert_true(copies > 10);
    }
}

SL_TEST(a_crash_at_any_call_leaves_nothing_of_winners_and_losers, "")
{
    bool dead = true;
    int64_t used = sli_mem_used(-1), at = 1;
    for (; dead; at++) {
        world w;
        open_copying(&w, true, 3, &(sli_fault){.crash_at_call = at, .only_site = "signal"});
        plan p = {.usual_us = 10 * MS, .slow = 5, .n_slow = 1, .slow_us = 300 * MS};
        sl_rdd *sums = summed(&w, &p);
        sl_batch *rows = NULL;
        sl_code rc = sl_rdd_collect(sums, &rows, NULL);
        dead = sli_world_is_dead(w.env);
        assert_true(rc == SL_OK || (dead && rc == SL_E_CRASHED));
        sl_batch_unref(rows);
        sl_rdd_unref(sums);
        world_close(&w);
        assert_int_equal(sli_mem_used(-1), used);
    }
    assert_true(at > 20); // it died before, between and after the copy's calls
}
