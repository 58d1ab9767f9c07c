// What happens when tasks fail, blocks are lost, jobs are cancelled: retries, stages written again,
// errors that tell where.
#include "sched/sched_int.h"
#include "sched/world_test.h"

#include <stdatomic.h>

/// What the functions of these tests do, found through sl_args_attached.
typedef struct plan {
    _Atomic int32_t calls;
    int32_t fail_first; ///< calls that fail
    sl_code code;
    sl_action action;
    sli_sched *cancel; ///< cancelled by the function
    sl_rdd *inner;     ///< collected by the function, which is forbidden
} plan;

static sl_code play(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    plan *p = sl_args_attached(args, "plan");
    int32_t call = atomic_fetch_add(&p->calls, 1);
    if (p->cancel != NULL) {
        sli_sched_cancel(p->cancel);
    }
    if (p->inner != NULL) {
        sl_batch *rows = NULL;
        return sl_rdd_collect(p->inner, &rows, err);
    }
    if (call < p->fail_first) {
        sl_error_set(err, p->code, "call %d did not like it", call);
        if (p->action != SL_ACT_DEFAULT) {
            (void)sl_error_act(err, p->action);
        }
        return p->code;
    }
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(in)); c++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
    }
    return SL_OK;
}
static const sl_fn play_fn = {.struct_size = sizeof(sl_fn), .name = "play", .run = play};

static sl_rdd *played(world *w, plan *p, int32_t n_partitions)
{
    w->attached = p;
    sl_rdd *in = rdd_of(w, "k string, n int64", "a,1;b,2;a,3;b,4;c,5;", n_partitions);
    return sli_rdd_uid(then(in, sl_rdd_map(in, &play_fn, "x=1")), "op-1");
}

// ---------------------------------------------------------------- attempts

SL_TEST(a_task_that_fails_three_times_wins_at_the_fourth, "")
{
    for (int32_t fails = 0; fails <= 3; fails++) {
        for (int pool = 0; pool < 2; pool++) {
            world w;
            world_open(&w, (world_conf){.workers = 2, .pool = pool});
            plan p = {.fail_first = fails, .code = SL_E_USER};
            sl_rdd *rdd = played(&w, &p, 1);
            sl_rdd *sums = then(rdd, sl_rdd_reduce_by_key(rdd, "k", "sum(n) as s", 1));
            SL_CHECK_TEXT(collect_text(sums), "a,4\nb,6\nc,5\n");
            assert_int_equal(p.calls, fails + 1);
            world_close(&w);
        }
    }
}

SL_TEST(the_fourth_failure_fails_the_job_and_says_where, "")
{
    world w;
    world_open(&w, (world_conf){0});
    plan p = {.fail_first = 100, .code = SL_E_USER};
    sl_error err = collect_error(played(&w, &p, 1));
    SL_CHECK_TEXT(
        err.text,
        "epoch 0, stage 0 (map [op-1]), partition 0, attempt 4 of 4: map play [op-1], partition 0, "
        "source rows 0 to 4: call 3 did not like it");
    assert_int_equal(err.code, SL_E_USER);
    assert_int_equal(p.calls, 4);
    world_close(&w);
}

SL_TEST(the_error_action_decides_about_another_attempt, "")
{
    const struct {
        sl_code code;
        sl_action action;
        int32_t calls;
    } cases[] = {
        {SL_E_IO, SL_ACT_DEFAULT, 4},         {SL_E_DATA, SL_ACT_DEFAULT, 4},
        {SL_E_INVALID, SL_ACT_DEFAULT, 1},    {SL_E_IO, SL_ACT_STOP_JOB, 1},
        {SL_E_IO, SL_ACT_REPLAY_EPOCH, 1},    {SL_E_INVALID, SL_ACT_RETRY_TASK, 4},
        {SL_E_SUPERSEDED, SL_ACT_DEFAULT, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world w;
        world_open(&w, (world_conf){.workers = 2, .pool = i % 2 == 0});
        plan p = {.fail_first = 100, .code = cases[i].code, .action = cases[i].action};
        sl_error err = collect_error(played(&w, &p, 1));
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(p.calls, cases[i].calls);
        if (cases[i].action != SL_ACT_DEFAULT) {
            assert_int_equal(sl_error_action(&err), cases[i].action);
        }
        world_close(&w);
    }
}

SL_TEST(max_failures_is_an_option, "")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    plan p = {.fail_first = 1, .code = SL_E_USER};
    collect_error(played(&w, &p, 1));
    assert_int_equal(p.calls, 1);
    world_close(&w);
}

// ---------------------------------------------------------------- functions that do it wrong

static sl_code short_map(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)err;
    sl_builder_int64(out, 0, 1);
    return SL_OK;
}
static sl_code uneven(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)err;
    sl_builder_int64(out, 0, 1);
    return SL_OK;
}
static sl_code wrong_type(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)err;
    sl_builder_text(out, 0, "x", 1);
    return SL_OK;
}
static sl_code silent(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)in, (void)out, (void)err;
    return (sl_code)77;
}

SL_TEST(functions_that_do_it_wrong_are_named, "")
{
    static const sl_fn one = {
        .struct_size = sizeof(sl_fn), .name = "one", .out = "n int64", .run = short_map};
    static const sl_fn lame = {
        .struct_size = sizeof(sl_fn), .name = "lame", .out = "a int64, b int64", .run = uneven};
    static const sl_fn typo = {
        .struct_size = sizeof(sl_fn), .name = "typo", .out = "n int64", .run = wrong_type};
    static const sl_fn mute = {
        .struct_size = sizeof(sl_fn), .name = "mute", .out = "n int64", .run = silent};
    const struct {
        const sl_fn *fn;
        bool flat;
        const char *says;
    } cases[] = {
        {&one, false,
         "map one, partition 0, source rows 0 to 1: it made 1 rows of 2; this operator needs one "
         "for each"},
        {&lame, true,
         "flatMap lame, partition 0, source rows 0 to 1: it appended 1 cells to column a and 0 to "
         "column b"},
        {&typo, true, "flatMap typo, partition 0, source rows 0 to 1: "},
        {&mute, true, "flatMap mute, partition 0, source rows 0 to 1: it gave no reason (code 77)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world w;
        world_open(&w, (world_conf){0});
        sl_rdd *in = rdd_of(&w, "n int64", "1;2;", 1);
        sl_rdd *out = cases[i].flat ? sl_rdd_flat_map(in, cases[i].fn, NULL)
                                    : sl_rdd_map(in, cases[i].fn, NULL);
        sl_error err = collect_error(then(in, out));
        if (strstr(err.text, cases[i].says) == NULL) {
            SL_CHECK_TEXT(err.text, cases[i].says);
        }
        world_close(&w);
    }
}

SL_TEST(an_action_inside_a_task_is_refused, "")
{
    world w;
    world_open(&w, (world_conf){0});
    plan p = {.inner = rdd_of(&w, "n int64", "1;", 1)};
    sl_error err = collect_error(played(&w, &p, 1));
    assert_int_equal(err.code, SL_E_STATE);
    assert_non_null(strstr(err.text, "an action inside a user function"));
    sl_rdd_unref(p.inner);
    world_close(&w);
}

// ---------------------------------------------------------------- cancel

SL_TEST(cancel_ends_a_job_between_batches, "")
{
    for (int pool = 0; pool < 2; pool++) {
        world w;
        world_open(&w, (world_conf){.workers = 2, .pool = pool});
        plan p = {.cancel = w.sched};
        sl_rdd *rdd = played(&w, &p, 5);
        sl_error err = collect_error(sl_rdd_ref(rdd));
        assert_int_equal(err.code, SL_E_CANCELLED);
        assert_true(p.calls < 5 || pool);
        p.cancel = NULL; // a cancel concerns the running job only
        int64_t n = 0;
        sli_sched_cancel(w.sched);
        assert_int_equal(sl_rdd_count(rdd, &n, NULL), SL_OK);
        assert_int_equal(n, 5);
        sl_rdd_unref(rdd);
        world_close(&w);
    }
}

// ---------------------------------------------------------------- lost blocks

static sl_code pass(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)partition, (void)batch, (void)err;
    return SL_OK;
}

static void run_once(sl_rdd *rdd)
{
    assert_int_equal(sl_rdd_foreach(rdd, pass, NULL, NULL), SL_OK);
}

SL_TEST(lost_shuffle_blocks_are_written_again, "")
{
    for (int pool = 0; pool < 2; pool++) {
        world w;
        world_open(&w, (world_conf){.workers = 2, .pool = pool});
        plan p = {0};
        sl_rdd *mapped = played(&w, &p, 4);
        sl_rdd *sums = sl_rdd_reduce_by_key(mapped, "k", "sum(n) as s", 3);
        sli_shuffle *shuffle = sums->deps[0].shuffle;
        run_once(sums);
        int32_t before = p.calls;
        for (int32_t map = 0; map < 4; map += 2) { // partitions 0 and 2 lose everything
            for (int32_t r = 0; r < 3; r++) {
                sli_blocks_lose(w.blocks, (sli_block_id){SLI_BLOCK_SHUFFLE, shuffle->id, map, r});
            }
        }
        SL_CHECK_TEXT(collect_sorted(sl_rdd_ref(sums)), "a,4\nb,6\nc,5\n");
        assert_int_equal(p.calls, before + 2); // those two, and no others
        sl_rdd_unref(sums);
        sl_rdd_unref(mapped);
        world_close(&w);
    }
}

/// Loses the same block before every attempt at reading it.
typedef struct thief {
    world *w;
    sli_shuffle *shuffle;
    int32_t thefts;
} thief;

static sl_code steal(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    thief *t = sl_args_attached(args, "thief");
    if (t->thefts > 0) {
        t->thefts--;
        for (int32_t map = 0; map < 2; map++) {
            sli_blocks_lose(t->w->blocks,
                            (sli_block_id){SLI_BLOCK_SHUFFLE, t->shuffle->id, map, 1});
        }
    }
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
    }
    return SL_OK;
}
static const sl_fn steal_fn = {.struct_size = sizeof(sl_fn), .name = "steal", .run = steal};

SL_TEST(output_lost_again_and_again_fails_the_job_in_the_end, "")
{
    const struct {
        int32_t thefts;
        bool fails;
    } cases[] = {{1, false}, {3, false}, {100, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world w;
        world_open(
            &w, (world_conf){0}); // inline: partition 0 or 1 reads first, and steals from the other
        sl_rdd *in = rdd_of(&w, "n int64", "1;2;3;4;5;6;7;8;", 2);
        sl_rdd *dealt = sl_rdd_repartition(in, 2);
        thief t = {&w, dealt->deps[0].shuffle, cases[i].thefts};
        w.attached = &t;
        run_once(dealt);
        // Partition 0's reader steals partition 1's blocks; with more thefts than attempts the job
        // can't end.
        sl_rdd *both = sl_rdd_map(dealt, &steal_fn, NULL);
        sl_rdd *again = then(both, sl_rdd_repartition(both, 1));
        sl_batch *rows = NULL;
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sl_rdd_collect(again, &rows, &err);
        if (cases[i].fails && rc != SL_OK) {
            assert_int_equal(rc, SL_E_NOT_FOUND);
            assert_int_equal(sl_error_action(&err), SL_ACT_REPLAY_EPOCH);
            assert_non_null(strstr(err.text, "4 attempts"));
        } else {
            assert_int_equal(rc, SL_OK);
            assert_int_equal(sl_batch_rows(rows), 8);
            sl_batch_unref(rows);
        }
        sl_rdd_unref(again);
        sl_rdd_unref(dealt);
        sl_rdd_unref(in);
        world_close(&w);
    }
}

SL_TEST(lost_cached_blocks_are_computed_again, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    plan p = {0};
    sl_rdd *rdd = sl_rdd_persist(played(&w, &p, 3), SL_MEMORY_ONLY);
    SL_CHECK_TEXT(collect_text(sl_rdd_ref(rdd)), "a,1\nb,2\na,3\nb,4\nc,5\n");
    assert_int_equal(p.calls, 3);
    SL_CHECK_TEXT(collect_text(sl_rdd_ref(rdd)), "a,1\nb,2\na,3\nb,4\nc,5\n");
    assert_int_equal(p.calls, 3);                                            // from the cache
    sli_blocks_lose(w.blocks, (sli_block_id){SLI_BLOCK_RDD, rdd->id, 1, 0}); // an index
    for (int32_t chunk = 1; chunk < 8; chunk++) {
        sli_blocks_lose(w.blocks, (sli_block_id){SLI_BLOCK_RDD, rdd->id, 2,
                                                 chunk}); // chunks under a kept index
    }
    SL_CHECK_TEXT(collect_text(sl_rdd_ref(rdd)), "a,1\nb,2\na,3\nb,4\nc,5\n");
    assert_int_equal(p.calls, 5);
    sl_rdd_unpersist(rdd);
    SL_CHECK_TEXT(collect_text(sl_rdd_ref(rdd)), "a,1\nb,2\na,3\nb,4\nc,5\n");
    assert_int_equal(p.calls, 8);
    sl_rdd_unref(rdd);
    world_close(&w);
}

SL_TEST(a_chunk_lost_in_the_middle_costs_no_row_and_doubles_none, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_schema *schema = NULL;
    assert_int_equal(sl_schema_parse(&schema, "n int64", NULL), SL_OK);
    sl_builder *builder = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    enum { ROWS = 2000000 }; // several chunks of 4 MiB
    int64_t *cells = sl_builder_reserve(builder, 0, ROWS);
    for (int64_t i = 0; i < ROWS; i++) {
        cells[i] = i;
    }
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    const sl_batch *list[1] = {batch};
    sl_rdd *in = sl_rdd_of_batches(world_session(&w), list, 1, 1);
    sl_rdd *rdd = sl_rdd_persist(then(in, sl_rdd_select(in, "n + 0 as n")), SL_MEMORY_ONLY);
    run_once(rdd);
    sli_blocks_stats stats;
    sli_blocks_stats_of(w.blocks, &stats);
    assert_true(stats.n_blocks >= 4); // index and three chunks or more
    for (int round = 0; round < 2; round++) {
        sl_batch *rows = NULL;
        assert_int_equal(sl_rdd_collect(rdd, &rows, NULL), SL_OK);
        assert_int_equal(sl_batch_rows(rows), ROWS);
        for (int64_t i = 0; i < ROWS; i++) {
            assert_true(sl_column_int64(sl_batch_column(rows, 0), i) == i);
        }
        sl_batch_unref(rows);
        sli_blocks_lose(w.blocks, (sli_block_id){SLI_BLOCK_RDD, rdd->id, 0, 3}); // the second chunk
    }
    sl_rdd_unref(rdd);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    world_close(&w);
}

// ---------------------------------------------------------------- stages

typedef struct stages {
    int32_t started, completed, tasks, misplaced;
} stages;

static void note_event(void *ctx, const sli_event *event)
{
    stages *s = ctx;
    s->started += event->kind == SLI_EV_STAGE_STARTED;
    s->completed += event->kind == SLI_EV_STAGE_COMPLETED;
    s->tasks += event->kind == SLI_EV_TASK_COMPLETED;
    s->misplaced += event->kind == SLI_EV_TASK_COMPLETED &&
                    (event->worker == SLI_EXEC_DRIVER) != (event->thread == SLI_ON_DRIVER);
}

SL_TEST(a_shared_shuffle_is_written_once_and_skipped_afterwards, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    stages seen = {0};
    assert_int_equal(sli_metrics_listen(w.metrics, note_event, &seen, NULL), SL_OK);
    plan p = {0};
    sl_rdd *mapped = played(&w, &p, 4);
    sl_rdd *sums = sl_rdd_reduce_by_key(mapped, "k", "sum(n) as s", 2);
    sl_rdd *left = sl_rdd_where(sums, "s > 4"), *right = sl_rdd_where(sums, "s < 6");
    sl_rdd *both = sl_rdd_join(left, right, "k", 3); // a diamond over the one shuffle
    sli_job job = {.rdd = both, .rows_expected = -1};
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(p.calls, 4);
    assert_int_equal(job.n_stages, 4); // the shared one, the two sides, the result
    assert_int_equal(job.n_tasks, 4 + 2 + 2 + 3);
    assert_int_equal(job.rows_out, 1);
    sli_metrics_drain(w.metrics);
    assert_int_equal(seen.started, 4);
    assert_int_equal(seen.completed, 4);
    assert_int_equal(seen.tasks, 11);
    assert_int_equal(seen.misplaced, 0);
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(job.n_stages, 1);
    assert_int_equal(p.calls, 4);
    SL_CHECK_TEXT(collect_text(both), "c,5,5\n");
    sl_rdd_unref(left);
    sl_rdd_unref(right);
    sl_rdd_unref(sums);
    sl_rdd_unref(mapped);
    world_close(&w);
}

SL_TEST(a_cached_rdd_hides_the_stages_below_it, "")
{
    world w;
    world_open(&w, (world_conf){0});
    plan p = {0};
    sl_rdd *mapped = played(&w, &p, 2);
    sl_rdd *sums =
        sl_rdd_persist(sl_rdd_reduce_by_key(mapped, "k", "sum(n) as s", 2), SL_MEMORY_AND_DISK);
    run_once(sums);
    memset(sums->deps[0].shuffle->written, 0, 2); // as if the map side had never been
    sli_job job = {.rdd = sums, .rows_expected = -1};
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(job.n_stages, 1);
    assert_int_equal(p.calls, 2);
    sl_rdd_unref(sums);
    sl_rdd_unref(mapped);
    world_close(&w);
}

SL_TEST(small_jobs_run_on_the_driver_and_give_the_same, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 3, .pool = true});
    plan p = {.fail_first = 2, .code = SL_E_IO};
    sl_rdd *rdd = played(&w, &p, 2);
    sl_rdd *sums = then(rdd, sl_rdd_reduce_by_key(rdd, "k", "sum(n) as s", 2));
    sli_job job = {.rdd = sums, .rows_expected = 5};
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(job.rows_out, 3);
    assert_int_equal(job.n_failures, 2);
    assert_int_equal(job.rows_in, 5);
    sl_rdd_unref(sums);
    world_close(&w);
}

typedef struct tally {
    int32_t won, lost, ended;
    int64_t rows;
} tally;

static sl_code tally_push(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    (void)err;
    ((tally *)ctx)->rows += sl_batch_rows(batch);
    task->rows_out += sl_batch_rows(batch);
    return SL_OK;
}
static sl_code tally_end(void *ctx, sli_task *task, sl_error *err)
{
    tally *t = ctx;
    (void)task;
    return ++t->ended == 1 ? sl_error_set(err, SL_E_IO, "the first attempt ends badly") : SL_OK;
}
static void tally_lost(void *ctx, const sli_task *task)
{
    ((tally *)ctx)->lost += 1 + 10 * task->attempt;
}
static void tally_won(void *ctx, const sli_task *task)
{
    ((tally *)ctx)->won += 1 + 10 * task->attempt;
}

SL_TEST(a_job_learns_which_attempts_won_and_which_were_lost, "")
{
    world w;
    world_open(&w, (world_conf){0});
    plan p = {0};
    sl_rdd *rdd = played(&w, &p, 1);
    tally t = {0};
    sli_job job = {.rdd = rdd,
                   .rows_expected = -1,
                   .push = tally_push,
                   .end = tally_end,
                   .lost = tally_lost,
                   .won = tally_won,
                   .ctx = &t};
    assert_int_equal(sli_sched_run(w.sched, &job, NULL), SL_OK);
    assert_int_equal(t.lost, 1);     // attempt 0
    assert_int_equal(t.won, 1 + 10); // attempt 1
    assert_int_equal(t.rows,
                     10); // both attempts pushed; what the lost one gave is the job's to drop
    assert_int_equal(job.rows_out, 5);
    sl_rdd_unref(rdd);
    world_close(&w);
}

// ---------------------------------------------------------------- a backend that dies

/// The inline backend until a simulated process would be dead: then it gives works back unrun, as
/// the contract says.
typedef struct dying {
    sli_exec head;
    sli_exec *inner;
    int32_t next_left;
    bool dead, cancelled;
} dying;

static int32_t dying_workers(const sli_exec *self)
{
    return sli_exec_inline.workers(((const dying *)self)->inner);
}
static void dying_submit(sli_exec *self, sli_work *work)
{
    sli_exec_inline.submit(((dying *)self)->inner, work);
}
static sl_code dying_next(sli_exec *self, int64_t deadline_us, sli_work **out, sl_error *err)
{
    dying *d = (dying *)self;
    d->dead = d->dead || d->next_left-- == 0;
    if (d->dead && !d->cancelled) {
        return sl_error_set(err, SL_E_CRASHED, "the process is dead");
    }
    return sli_exec_inline.next(d->inner, deadline_us, out, err);
}
static void dying_cancel(sli_exec *self)
{
    dying *d = (dying *)self;
    d->cancelled = true;
    sli_exec_inline.cancel(d->inner);
}
static const sli_exec_ops dying_ops = {.struct_size = sizeof(sli_exec_ops),
                                       .name = "dying",
                                       .workers = dying_workers,
                                       .submit = dying_submit,
                                       .next = dying_next,
                                       .cancel = dying_cancel};

SL_TEST(a_backend_that_dies_ends_the_job_and_gets_its_works_back, "")
{
    for (int32_t n = 0; n < 12;
         n++) { // tasks run before it dies: 4 of the map side, 3 of the result
        world w;
        world_open(&w, (world_conf){.workers = 2});
        sli_exec *inner = w.exec;
        dying backend = {.head = {&dying_ops}, .inner = inner, .next_left = n};
        w.sched->exec = &backend.head;
        w.sched->inline_rows = -1; // so few rows would never see the backend
        plan p = {0};
        sl_rdd *rdd = played(&w, &p, 4);
        sl_rdd *sums = then(rdd, sl_rdd_reduce_by_key(rdd, "k", "sum(n) as s", 3));
        sl_batch *rows = NULL;
        sl_code rc = sl_rdd_collect(sums, &rows, NULL);
        assert_int_equal(rc, n < 7 ? SL_E_CRASHED : SL_OK);
        sl_batch_unref(rows);
        sl_rdd_unref(sums);
        world_close(&w); // asserts that nothing is queued in the backend
    }
}
