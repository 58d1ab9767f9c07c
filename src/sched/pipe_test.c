// pipe: partitions through programs, that read late, write early, fail, or never end.
#include "sched/world_test.h"
#include "sluice/pipe.h"

#include <stdio.h>
#include <stdlib.h>

static sl_rdd *lines(world *w, int64_t n, int32_t n_partitions)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, "s string?", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < n; i++) {
        char text[64];
        int size = snprintf(text, sizeof text, "line number %lld", (long long)i);
        sl_builder_text(builder, 0, text, (size_t)size);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    const sl_batch *list[1] = {batch};
    sl_rdd *rdd = sl_rdd_of_batches(world_session(w), list, 1, n_partitions);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rdd;
}

static const char *piped(world *w, int64_t n, const char *command, const char *variables)
{
    sl_rdd *in = lines(w, n, 2);
    return collect_text(then(in, sl_rdd_pipe(in, command, variables)));
}

SL_TEST(pipe_runs_a_program_for_each_partition, "")
{
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    SL_CHECK_TEXT(piped(&w, 4, "tr a-z A-Z", NULL),
                  "LINE NUMBER 0\nLINE NUMBER 1\nLINE NUMBER 2\nLINE NUMBER 3\n");
    SL_CHECK_TEXT(piped(&w, 1, "wc -l", ""), "0\n1\n"); // for an empty one, too
    SL_CHECK_TEXT(piped(&w, 0, "printf '%s|' \"a b\" c''d", NULL), "a b|cd|\na b|cd|\n");
    SL_CHECK_TEXT(piped(&w, 0, "sh -c 'echo $GREETING $HOME'", "GREETING='good day' HOME=x"),
                  "good day x\ngood day x\n");
    SL_CHECK_TEXT(piped(&w, 9, "head -n 1", NULL), "line number 0\nline number 4\n");
    SL_CHECK_TEXT(piped(&w, 0, "true", NULL), "");
    world_close(&w);
}

SL_TEST(pipe_feeds_and_takes_at_once_in_any_amount, "")
{
    enum { ROWS = SLT_SLOW_BUILD ? 20000 : 200000 };
    world w;
    world_open(&w, (world_conf){.workers = 2, .pool = true});
    sl_rdd *in = lines(&w, ROWS, 2);
    static const char *const commands[] = {
        "cat",                                    // as it comes
        "sh -c 'seq 200000 >&2; cat; seq 9 >&2'", // much else before
        "sort -s -k 9",                           // nothing before all is read
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        sl_batch *a = NULL, *b = NULL;
        sl_rdd *out = sl_rdd_pipe(in, commands[i], "LC_ALL=C");
        assert_int_equal(sl_rdd_collect(in, &a, NULL), SL_OK);
        assert_int_equal(sl_rdd_collect(out, &b, NULL), SL_OK);
        assert_int_equal(sl_batch_rows(b), ROWS);
        for (int64_t row = 0; row < ROWS; row++) {
            assert_int_equal(
                sli_cell_compare(sl_batch_column(a, 0), row, sl_batch_column(b, 0), row), 0);
        }
        sl_batch_unref(a);
        sl_batch_unref(b);
        sl_rdd_unref(out);
    }
    sl_rdd_unref(in);
    world_close(&w);
}

static void check_fails(world *w, const char *command, sl_code code, const char *says)
{
    sl_rdd *in = lines(w, 3, 1);
    check_error(then(in, sl_rdd_pipe(in, command, NULL)), code, says);
}

SL_TEST(pipe_fails_as_its_program_does, "")
{
    world w;
    world_open(&w, (world_conf){.settings = "task.max_failures=1"});
    check_fails(&w, "sh -c 'echo too bad >&2; exit 7'", SL_E_USER, "exit code 7: too bad");
    check_fails(&w, "sh -c 'kill -9 $$'", SL_E_USER, "exit code 137");
    check_fails(&w, "false", SL_E_USER, "pipe false: exit code 1");
    check_fails(&w, "no-such-program", SL_E_NOT_FOUND, "no-such-program");
    check_fails(&w, "printf '\\377\\n'", SL_E_DATA, "not UTF-8");
    sl_rdd *in = rdd_of(&w, "s string?", "a;-;", 1);
    check_error(then(in, sl_rdd_pipe(in, "cat", NULL)), SL_E_DATA, "a null is no line");
    world_close(&w);
}

SL_TEST(pipes_that_cannot_be_are_refused, "")
{
    world w;
    world_open(&w, (world_conf){0});
    sl_rdd *in = rdd_of(&w, "s string", "a;", 1), *two = rdd_of(&w, "n int64", "1;", 1);
    check_mistake(sl_rdd_pipe(in, "", NULL), "pipe: no command");
    check_mistake(sl_rdd_pipe(in, NULL, NULL), "pipe: no command");
    check_mistake(sl_rdd_pipe(in, "echo 'x", NULL), "pipe: a ' without its end");
    check_mistake(sl_rdd_pipe(in, "cat", "NAME"), "pipe: variable 'NAME' is not NAME=value");
    check_mistake(sl_rdd_pipe(two, "cat", NULL), "pipe: rows are (n int64)");
    sl_rdd_unref(in);
    sl_rdd_unref(two);
    world_close(&w);
}

/// Cancels when a first row has come.
static sl_code cancel_job(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    sli_sched_cancel(sl_args_attached(args, "sched"));
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_bool(out, 0, true);
    }
    return SL_OK;
}
static const sl_fn cancel_fn = {
    .struct_size = sizeof(sl_fn), .name = "cancel", .out = "keep bool", .run = cancel_job};

SL_TEST(a_cancelled_pipe_ends_a_program_that_would_not, "")
{
    world w;
    int64_t n = 0;
    world_open(&w, (world_conf){0});
    w.attached = w.sched;
    sl_rdd *in = lines(&w, 3, 1);
    sl_rdd *first = then(in, sl_rdd_pipe(in, "sh -c 'seq 5000; sleep 1000'", NULL));
    sl_rdd *out = then(first, sl_rdd_filter(first, &cancel_fn, NULL));
    assert_int_equal(sl_rdd_count(out, &n, NULL), SL_E_CANCELLED);
    sl_rdd_unref(out);
    world_close(&w);
}

SL_TEST(whichever_allocation_is_refused_a_pipe_leaks_nothing, "")
{
    bool reached = true;
    int64_t n_failed = 0;
    for (int64_t n = 1; reached; n++) {
        world w;
        sl_batch *rows = NULL;
        world_open(&w, (world_conf){.settings = "task.max_failures=1"});
        sl_rdd *in = rdd_of(&w, "s string", "a;b;", 1);
        sli_mem_fail_nth(n);
        sl_rdd *out = sl_rdd_pipe(in, "cat -u", "X=1");
        sl_code rc = sl_rdd_collect(out, &rows, NULL);
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        n_failed += rc != SL_OK;
        sl_batch_unref(rows);
        sl_rdd_unref(out);
        sl_rdd_unref(in);
        world_close(&w);
    }
    assert_true(n_failed > 10);
}
