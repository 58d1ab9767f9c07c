// The life of a context: what it refuses and when, how a graceful stop ends, several contexts in
// one process, and a wall clock that jumps. docs/PORTING.md has the same list beside Spark's.
#include "contract/simlife.h"
#include "contract/plain.h"

#include <stdatomic.h>
#include <stdio.h>

// ---------------------------------------------------------------- what is refused

static sl_stream *defined; // by the last build: what a careless program would keep

static void look_at_files(sl_graph *graph)
{
    defined = sl_stream_open(graph, "file:in");
    sl_stream_foreach_rdd(defined, &slt_do_nothing_fn, NULL);
}

static void nothing_to_do(sl_graph *graph)
{
    (void)sl_stream_open(graph, "file:in");
}

/// A context in a simulated process.
static sl_context *context_in(sl_env *env, sl_build_fn build, const char *const *settings)
{
    sl_context *context = NULL;
    sl_error error = SL_ERROR_INIT;
    if (sli_context_new_in(&context, env, "life", build, NULL, NULL, settings, &error) != SL_OK) {
        fail_msg("%s", error.text);
    }
    return context;
}

static const char *const ordinary[] = {"interval", "1s", "backend", "inline", NULL};
static const char *const spark[] = {"interval", "1s", "backend", "inline", "compat", "spark", NULL};

/// Two contexts in one simulated process.
typedef struct pair {
    sli_world *world;
    sl_env *env;
    sl_context *a, *b;
} pair;

static pair pair_of(const char *const *settings_a, const char *const *settings_b)
{
    pair p = {.world = sli_world_new(&(sli_world_conf){.seed = 9})};
    assert_int_equal(sli_world_boot(p.world, NULL, &p.env, NULL), SL_OK);
    p.a = context_in(p.env, look_at_files, settings_a);
    p.b = context_in(p.env, look_at_files, settings_b);
    return p;
}

static void pair_free(pair *p)
{
    sl_context_free(p->a);
    sl_context_free(p->b);
    sli_env_free(p->env);
    sli_world_free(p->world);
}

SL_TEST(starting_a_context_that_runs_is_refused_and_with_compat_spark_a_warning, "")
{
    pair p = pair_of(ordinary, spark);
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(sl_context_start_stepped(p.a, NULL), SL_OK);
    assert_int_equal(sl_context_start_stepped(p.a, &error), SL_E_STATE);
    SL_CHECK_HAS(error.text, "is running already");
    assert_int_equal(sl_context_start_stepped(p.b, NULL), SL_OK);
    assert_int_equal(sl_context_start_stepped(p.b, NULL), SL_OK);
    assert_int_equal(sl_context_start(p.b, NULL), SL_OK);
    size_t size = 0;
    SL_CHECK_HAS(sli_world_printed(p.world, 2, &size), "'life' has already been started");
    pair_free(&p);
}

SL_TEST(a_context_that_was_stopped_can_not_be_started, "")
{
    pair p = pair_of(ordinary, spark);
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(sl_context_stop(p.a, true, NULL), SL_OK); // before it ever ran
    assert_int_equal(sl_context_state_of(p.a), SL_STOPPED);
    assert_int_equal(sl_context_start_stepped(p.a, &error), SL_E_STATE);
    SL_CHECK_HAS(error.text, "was stopped");
    assert_int_equal(sl_context_await(p.a, 0, NULL), SL_OK);
    assert_int_equal(sl_context_start_stepped(p.b, NULL), SL_OK);
    assert_int_equal(sl_context_stop(p.b, false, NULL), SL_OK);
    assert_int_equal(sl_context_stop(p.b, false, NULL), SL_OK); // again: nothing happens
    sl_code rc = SL_OK;
    while (rc == SL_OK) {
        rc = sl_context_step(p.b, NULL);
    }
    assert_int_equal(rc, SL_E_END);
    assert_int_equal(sl_context_start_stepped(p.b, &error), SL_E_STATE);
    SL_CHECK_HAS(error.text, "was stopped");
    pair_free(&p);
}

SL_TEST(a_context_without_an_output_operation_does_not_start, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 9});
    sl_env *env = NULL;
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(sli_world_boot(world, NULL, &env, NULL), SL_OK);
    sl_context *context = context_in(env, nothing_to_do, ordinary);
    assert_int_equal(sl_context_start_stepped(context, &error), SL_E_INVALID);
    SL_CHECK_HAS(error.text, "no output operations");
    assert_int_equal(sl_context_state_of(context), SL_STOPPED);
    sl_context_free(context);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(nothing_can_be_added_to_a_graph_that_was_started, "")
{
    pair p = pair_of(ordinary, ordinary);
    sl_graph *graph = sl_context_graph(p.b); // `defined` is of the one built last
    assert_int_equal(sl_context_start_stepped(p.b, NULL), SL_OK);
    assert_null(sl_stream_where(defined, "true"));
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(sl_graph_check(graph, &error), SL_E_STATE);
    SL_CHECK_HAS(error.text, "has been started");
    assert_int_equal(sl_context_step(p.b, NULL), SL_OK); // the job itself goes on
    pair_free(&p);
}

SL_TEST(a_stream_can_not_be_persisted_once_its_context_was_started, "")
{
    pair p = pair_of(ordinary, ordinary);
    assert_int_equal(sl_context_start_stepped(p.b, NULL), SL_OK);
    assert_null(sl_stream_persist(defined, SL_MEMORY_ONLY));
    assert_int_equal(sl_graph_check(sl_context_graph(p.b), NULL), SL_E_STATE);
    pair_free(&p);
}

SL_TEST(awaiting_a_context_that_was_never_started_is_refused, "")
{
    pair p = pair_of(ordinary, ordinary);
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(sl_context_await(p.a, -1, &error), SL_E_STATE);
    SL_CHECK_HAS(error.text, "has not been started");
    assert_int_equal(sl_context_start_stepped(p.a, NULL), SL_OK);
    assert_int_equal(sl_context_await(p.a, 1000, NULL), SL_E_TIMEOUT); // it runs
    pair_free(&p);
}

// ---------------------------------------------------------------- one at a time, or several

SL_TEST(with_compat_spark_a_process_has_one_active_context, "")
{
    pair p = pair_of(spark, spark);
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(sl_context_start_stepped(p.a, NULL), SL_OK);
    assert_int_equal(sl_context_start_stepped(p.b, &error), SL_E_STATE);
    SL_CHECK_HAS(error.text, "another context is active in this process");
    assert_int_equal(sl_context_state_of(p.b),
                     SL_INITIALIZED); // as in Spark: it may be tried again
    sl_context_free(p.a);
    p.a = NULL;
    assert_int_equal(sl_context_start_stepped(p.b, NULL), SL_OK);
    pair_free(&p);
}

SL_TEST(contexts_of_one_process_do_not_know_each_other_unless_compat_spark_says_so, "")
{
    pair p = pair_of(spark, ordinary);
    assert_int_equal(sl_context_start_stepped(p.a, NULL), SL_OK);
    assert_int_equal(sl_context_start_stepped(p.b, NULL), SL_OK);
    pair_free(&p);
}

/// What one real context has counted.
typedef struct tally {
    _Atomic int64_t rows, epochs;
} tally;

static sl_code count_rows(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    tally *t = sl_args_attached(args, "tally");
    int64_t rows = 0;
    SL_TRY(sl_rdd_count(rdd, &rows, err));
    (void)atomic_fetch_add(&t->rows, rows);
    (void)atomic_fetch_add(&t->epochs, 1);
    return SL_OK;
}
static const sl_foreach_fn count_rows_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "count", .version = 1, .run = count_rows};

static void count_shuffled(sl_graph *graph)
{
    sl_stream *numbers = sl_stream_queue(graph, "in", "x int64", true);
    sl_stream *keys = sl_stream_reduce_by_key(numbers, "x", "count() as n");
    sl_stream_foreach_rdd(keys, &count_rows_fn, NULL);
}

static void attach_tally(sl_graph *graph, void *ctx)
{
    sl_graph_attach(graph, "tally", ctx);
}

static sl_batch *numbers(int64_t n)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, "x int64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(builder, 0, i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

/// Two real contexts side by side, each with rows of its own.
static void run_two(const char *master_a, const char *master_b)
{
    enum { PUSHES = 20, ROWS = 1000 };
    tally tallies[2] = {0};
    sl_context *contexts[2] = {NULL};
    const char *masters[2] = {master_a, master_b};
    for (int i = 0; i < 2; i++) {
        const char *settings[] = {"interval", "2ms",        "master", masters[i], "backend",
                                  "pool",     "max_epochs", "30",     NULL};
        assert_int_equal(sli_context_new_in(&contexts[i], NULL, "two", count_shuffled, attach_tally,
                                            &tallies[i], settings, NULL),
                         SL_OK);
    }
    for (int push = 0; push < PUSHES; push++) {
        for (int i = 0; i < 2; i++) {
            sl_batch *rows = numbers(ROWS + i);
            assert_int_equal(sl_queue_push(contexts[i], "in", rows, 3, NULL), SL_OK);
            sl_batch_unref(rows);
        }
    }
    assert_int_equal(sl_context_start(contexts[0], NULL), SL_OK);
    assert_int_equal(sl_context_start(contexts[1], NULL), SL_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sl_context_await(contexts[i], 60000000, NULL), SL_OK);
        sl_context_free(contexts[i]); // the other one goes on
        assert_int_equal(atomic_load(&tallies[i].epochs), 30);
        assert_int_equal(atomic_load(&tallies[i].rows), PUSHES * (ROWS + i));
    }
}

SL_TEST(two_contexts_of_one_process_run_side_by_side, "")
{
    run_two("local[2]", "local[2]");
    run_two("local[1]", "local[3]");
}

// ---------------------------------------------------------------- state

static void count_lines(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "file:in");
    sl_stream_save(sl_stream_update_state_by_key(lines, "line", &slt_count_fn, NULL),
                   "file:out?format=csv");
}

SL_TEST(state_without_a_checkpoint_lives_as_long_as_the_process, "")
{
    slt_simlife l = slt_simlife_new(count_lines, NULL);
    l.settings[4] = "catch_up"; // in place of the checkpoint
    l.settings[5] = "false";
    slt_simlife_put(&l, "in/a.txt", "to\nto\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "to\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_HAS(slt_simlife_shown(&l, "out"), "to,2\nto,3\n");
    slt_simlife_free(&l);
}

SL_TEST(state_without_a_checkpoint_is_refused_at_the_start_with_compat_spark, "")
{
    slt_simlife l = slt_simlife_new(count_lines, (const char *const[]){"compat", "spark", NULL});
    l.settings[4] = "catch_up"; // in place of the checkpoint
    l.settings[5] = "false";
    assert_int_equal(slt_simlife_start(&l), SL_E_CONFIG);
    SL_CHECK_HAS(l.error.text, "checkpoint directory has not been set");
    SL_CHECK_HAS(l.error.text, "updateStateByKey-1");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- stopping

static sl_context *to_stop; // by the function below: what a program keeps in a variable of its own

static sl_code stop_in_third(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)rdd;
    return sl_args_epoch(args) == 3 ? sl_context_stop(to_stop, true, err) : SL_OK;
}
static const sl_foreach_fn stop_in_third_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "stop", .version = 1, .run = stop_in_third};

static void stop_by_itself(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "file:in");
    sl_stream_foreach_rdd(lines, &stop_in_third_fn, NULL);
    sl_stream_save(lines, "file:out");
}

SL_TEST(a_user_function_may_stop_its_context, "")
{
    slt_simlife l = slt_simlife_new(stop_by_itself, NULL);
    slt_simlife_put(&l, "in/a.txt", "to be\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    to_stop = l.context;
    assert_int_equal(slt_simlife_run(&l, 10), SL_E_END);
    assert_int_equal(sli_engine_epoch(sli_context_engine(l.context)), 4); // the last looks around
    assert_int_equal(sl_context_await(l.context, 0, NULL), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "to be\n");
    slt_simlife_free(&l);
}

static bool is_slow; // whether an epoch of the job below takes four seconds

static sl_code take_time(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)rdd, (void)err;
    if (is_slow) {
        sli_world_advance(sl_args_attached(args, "world"), 4000000);
    }
    return SL_OK;
}
static const sl_foreach_fn take_time_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "take_time", .version = 1, .run = take_time};

static void slow_socket(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "socket://localhost:9999"), "lines");
    sl_stream_foreach_rdd(lines, &take_time_fn, NULL);
    sl_stream_save(lines, "file:out");
}

/// Lets so much time pass that no epoch begins, while blocks arrive.
static void let_pass(slt_simlife *l, int64_t us)
{
    int64_t until = sli_world_mono_us(l->world) + us;
    while (l->rc == SL_OK && sli_world_mono_us(l->world) < until) {
        l->rc = sl_context_step(l->context, &l->error);
        if (l->rc == SL_OK) {
            l->rc = sli_engine_wait(sli_context_engine(l->context), until, &l->error);
        }
    }
}

enum { BLOCKS = 5, LINES = 20 };

/// A job that has received five blocks, of which an epoch takes one (the rate allows no more).
static slt_simlife with_backlog(const char *timeout)
{
    const char *const more[] = {
        "interval", "10s",          "block.interval", "100ms", "receiver.max_rate",
        "2",        "stop.timeout", timeout,          NULL};
    slt_simlife l = slt_simlife_new(slow_socket, more);
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    let_pass(&l, 500000);
    for (int block = 0; block < BLOCKS; block++) {
        for (int line = 0; line < LINES; line++) {
            char text[32];
            int size = snprintf(text, sizeof text, "%d-%d\n", block, line);
            assert_int_equal(sli_peer_send(peer, text, (size_t)size, NULL), SL_OK);
        }
        let_pass(&l, 300000);
    }
    assert_int_equal(l.rc, SL_OK);
    assert_int_equal(sli_engine_epoch(sli_context_engine(l.context)), 0);
    return l;
}

static int32_t lines_shown(slt_simlife *l)
{
    return slt_times_in(slt_simlife_shown(l, "out"), "\n");
}

static void check_all_shown_once(slt_simlife *l)
{
    assert_int_equal(lines_shown(l), BLOCKS * LINES);
    for (int block = 0; block < BLOCKS; block++) {
        char last[32];
        (void)snprintf(last, sizeof last, "%d-%d\n", block, LINES - 1);
        assert_int_equal(slt_times_in(slt_simlife_shown(l, "out"), last), 1);
    }
}

SL_TEST(a_graceful_stop_processes_all_that_was_received, "DURABLE-2")
{
    slt_simlife l = with_backlog("1m");
    is_slow = true;
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    is_slow = false;
    check_all_shown_once(&l);
    assert_null(strstr(slt_simlife_printed(&l), "cut short"));
    slt_simlife_free(&l);
}

/// Epochs of 4 s: two begin within 6 s; the other three blocks wait in the write-ahead log.
SL_TEST(a_graceful_stop_that_takes_too_long_leaves_the_rest_to_the_next_start, "DURABLE-2")
{
    slt_simlife l = with_backlog("6s");
    is_slow = true;
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    is_slow = false;
    assert_int_equal(lines_shown(&l), 2 * LINES);
    SL_CHECK_HAS(slt_simlife_printed(&l), "has taken 6000 ms (stop.timeout) and is cut short");
    SL_CHECK_HAS(slt_simlife_printed(&l), "waits in the checkpoint for the next start");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, BLOCKS), SL_OK);
    check_all_shown_once(&l);
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    slt_simlife_free(&l);
}

SL_TEST(the_second_stop_does_not_wait, "DURABLE-2")
{
    slt_simlife l = with_backlog("1m");
    is_slow = true;
    assert_int_equal(sl_context_stop(l.context, true, NULL), SL_OK);
    l.rc = sl_context_step(l.context, &l.error); // runs one epoch
    assert_int_equal(l.rc, SL_OK);
    assert_int_equal(sl_context_stop(l.context, false, NULL), SL_OK);
    assert_int_equal(slt_simlife_run(&l, INT32_MAX), SL_E_END);
    is_slow = false;
    assert_int_equal(lines_shown(&l), LINES);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, BLOCKS), SL_OK);
    check_all_shown_once(&l);
    slt_simlife_free(&l);
}

static void slow_queue(sl_graph *graph)
{
    sl_stream_foreach_rdd(sl_stream_queue(graph, "in", "x int64", true), &take_time_fn, NULL);
}

SL_TEST(a_graceful_stop_that_takes_too_long_is_an_error_without_a_checkpoint, "")
{
    slt_simlife l = slt_simlife_new(slow_queue, (const char *const[]){"stop.timeout", "6s", NULL});
    l.settings[4] = "catch_up"; // in place of the checkpoint
    l.settings[5] = "false";
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    sl_batch *rows = numbers(3);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(sl_queue_push(l.context, "in", rows, 1, NULL), SL_OK);
    }
    sl_batch_unref(rows);
    is_slow = true;
    assert_int_equal(slt_simlife_stop(&l), SL_E_TIMEOUT);
    is_slow = false;
    SL_CHECK_HAS(l.error.text, "what was received and not processed is lost");
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(sl_context_await(l.context, 0, &error), SL_E_TIMEOUT);
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- errors that a job survives

static sl_code fail_in_second(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)rdd;
    return sl_args_epoch(args) == 2 ? sl_error_set(err, SL_E_USER, "not today") : SL_OK;
}
static const sl_foreach_fn fail_in_second_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "fail", .version = 1, .run = fail_in_second};

static void fail_once(sl_graph *graph)
{
    sl_stream *numbers_in = sl_stream_queue(graph, "in", "x int64", true);
    sl_stream_foreach_rdd(numbers_in, &fail_in_second_fn, NULL);
}

static sl_context *started(sl_build_fn build, const char *const *settings)
{
    sl_context *context = NULL;
    assert_int_equal(sl_context_new(&context, "life", build, settings, NULL), SL_OK);
    assert_int_equal(sl_context_start(context, NULL), SL_OK);
    return context;
}

SL_TEST(await_gives_the_first_error_when_the_job_has_ended, "")
{
    static const char *const settings[] = {"interval", "2ms", "max_epochs", "10",
                                           "log",      "off", NULL};
    sl_context *context = started(fail_once, settings);
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sl_context_await(context, 60000000, &error);
    sl_context_state state = sl_context_state_of(context);
    sl_context_free(context);
    assert_int_equal(rc, SL_E_USER);
    assert_int_equal(state, SL_STOPPED);
    SL_CHECK_HAS(error.text, "not today");
}

SL_TEST(with_compat_spark_await_gives_the_first_error_while_the_job_goes_on, "")
{
    static const char *const settings[] = {"interval", "2ms", "compat", "spark",
                                           "log",      "off", NULL};
    sl_context *context = started(fail_once, settings);
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sl_context_await(context, 60000000, &error);
    sl_code again = sl_context_await(context, 60000000, NULL);
    sl_context_state state = sl_context_state_of(context);
    sl_context_free(context);
    assert_int_equal(rc, SL_E_USER);
    assert_int_equal(again, SL_E_USER);
    assert_int_equal(state, SL_ACTIVE);
    SL_CHECK_HAS(error.text, "not today");
}

// ---------------------------------------------------------------- a wall clock that jumps

static sl_code note_time(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    sli_str *text = sl_args_attached(args, "times");
    int64_t rows = 0;
    SL_TRY(sl_rdd_count(rdd, &rows, err));
    sli_str_printf(text, "%lld:%lld ", (long long)(sl_args_time_us(args) / 1000000 % 100),
                   (long long)rows);
    return SL_OK;
}
static const sl_foreach_fn note_time_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "note", .version = 1, .run = note_time};

static sli_str times; // what the one build function below attaches

static void note_times(sl_graph *graph)
{
    sl_graph_attach(graph, "times", &times);
    sl_stream *lines = sl_stream_open(graph, "file:in");
    sl_stream_foreach_rdd(lines, &note_time_fn, NULL);
}

/// Batch times go on by the interval whatever the wall clock does meanwhile, and files that appear
/// are read once; the next start takes no batch time that was given.
SL_TEST(a_wall_clock_set_back_and_forth_moves_no_batch_time_and_loses_no_file, "")
{
    static const int64_t hour = INT64_C(3600000000);
    times = (sli_str){.tag = SLI_TAG_TEST};
    slt_simlife l = slt_simlife_new(note_times, (const char *const[]){"interval", "5s", NULL});
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    slt_simlife_put(&l, "in/a.txt", "1\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    sli_world_jump_wall(l.world, -hour);
    slt_simlife_put(&l, "in/b.txt", "1\n2\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    sli_world_jump_wall(l.world, 2 * hour);
    slt_simlife_put(&l, "in/c.txt", "1\n2\n3\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    sli_world_jump_wall(l.world, -2 * hour); // now an hour behind
    slt_simlife_put(&l, "in/d.txt", "1\n");
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    slt_simlife_put(&l, "in/e.txt", "1\n2\n3\n4\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(times.data, "5:1 10:0 15:2 20:0 25:3 30:0 35:1 40:4 ");
    sli_str_reset(&times);
    slt_simlife_free(&l);
}
