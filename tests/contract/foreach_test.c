// What functions of foreachRDD may do to the RDDs that they get: keep them, forget them, put them
// into files. The rest of the epoch and the state do not feel it, and that nobody else computes
// them at that moment is Sluice's business.
#include "sl_test.h"
#include "sluice/sluice.h"

#include <stdio.h>
#include <string.h>

/// One after the other, and beside each other on either backend.
static const char *const one[] = {NULL};
static const char *const beside[] = {"jobs.concurrent", "4", "backend", "inline", NULL};
static const char *const threads[] = {"jobs.concurrent", "4",           "backend", "pool", "master",
                                      "local[3]",        "inline_rows", "0",       NULL};
static const char *const *const variants[] = {one, beside, threads};
enum { VARIANTS = sizeof variants / sizeof *variants };

static const char *const lines_url = "file:in?format=csv&schema=word%20string,%20n%20int64";

static sl_code add_count(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    int64_t n = 0;
    SL_TRY(sl_rdd_count(rdd, &n, err));
    return sl_args_add_int64(args, "seen", n, err);
}

static sl_code wrong(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_USER, "%s", what);
}

/// Two epochs of three files, in the job's directory; then what accumulator `seen` came to.
static int64_t seen_in(sl_build_fn build, size_t variant, const char **out)
{
    static const char *const files[] = {"a,1\nb,2\n", "a,5\nb,2\n", "c,1\nb,2\n"};
    sl_error err = SL_ERROR_INIT;
    sl_accumulated seen;
    sl_test *test =
        sl_test_new(build, (sl_test_conf){.settings = variants[variant], .checkpoint = true});
    for (int32_t i = 0; i < 6; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "in/%d.csv", (int)i);
        sl_test_put(test, path, files[i % 3]);
        if (i % 3 == 2) {
            sl_test_advance(test, 1);
        }
    }
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("variant %zu: %s", variant, err.text);
    }
    assert_int_equal(sl_test_accumulated(test, "seen", &seen, &err), SL_OK);
    if (out != NULL) {
        static char text[4096];
        (void)snprintf(text, sizeof text, "%s", sl_test_read(test, "out"));
        *out = text;
    }
    sl_test_free(test);
    return seen.int64;
}

// ---------------------------------------------------------------- levels

static sl_code keep_and_forget(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    sl_rdd_persist(rdd, SL_MEMORY_ONLY);
    SL_TRY(add_count(args, rdd, err));
    sl_rdd_unpersist(rdd);
    sl_rdd_persist(rdd, SL_MEMORY_AND_DISK);
    return add_count(args, rdd, err);
}
static const sl_foreach_fn keep_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "keep_and_forget", .run = keep_and_forget};

static void build_levels(sl_graph *graph)
{
    sl_graph_accumulator(graph, "seen", SL_ACC_INT64, NULL);
    sl_stream *lines = sl_stream_open(graph, lines_url);
    sl_stream_save(sl_stream_repartition(lines, 3), "collect:spread");
    sl_stream_save(sl_stream_where(lines, "n > 1"), "collect:many");
    sl_stream_foreach_rdd(lines, &keep_fn, NULL);
    sl_stream_save(lines, "collect:lines");
}

SL_TEST(a_function_changes_the_level_of_what_other_outputs_compute, "")
{
    for (size_t i = 0; i < VARIANTS; i++) {
        assert_int_equal(seen_in(build_levels, i, NULL), 24);
    }
}

// ---------------------------------------------------------------- files

static sl_code save_rdd(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    SL_TRY(sl_rdd_checkpoint_dir(rdd, "saved", err));
    SL_TRY(sl_rdd_checkpoint(rdd, err));
    SL_TRY(add_count(args, rdd, err));
    if (!sl_rdd_is_checkpointed(rdd)) {
        return wrong("an action did not write the checkpoint", err);
    }
    return add_count(args, rdd, err); // from the files
}
static const sl_foreach_fn save_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "save_rdd", .run = save_rdd};

static void build_files(sl_graph *graph)
{
    sl_graph_accumulator(graph, "seen", SL_ACC_INT64, NULL);
    sl_stream *lines = sl_stream_open(graph, lines_url);
    sl_stream *many = sl_stream_where(lines, "n > 1");
    sl_stream_save(sl_stream_repartition(lines, 3), "collect:spread");
    sl_stream_foreach_rdd(many, &save_fn, NULL);
    sl_stream_save(many, "file:out?format=csv");
}

/// How often `line` is among the lines of `text`.
static int32_t lines_with(const char *text, const char *line)
{
    int32_t n = 0;
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        n++;
    }
    return n;
}

SL_TEST(a_function_puts_an_epoch_s_rdd_into_files_and_later_outputs_read_these, "")
{
    for (size_t i = 0; i < VARIANTS; i++) {
        const char *out = NULL;
        assert_int_equal(seen_in(build_files, i, &out), 16);
        assert_int_equal(lines_with(out, "b,2\n"), 6);
        assert_int_equal(lines_with(out, "a,5\n"), 2);
        assert_int_equal(lines_with(out, ",1\n"), 0);
    }
}

// ---------------------------------------------------------------- state

static sl_code cut_state(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    sl_error refused = SL_ERROR_INIT;
    SL_TRY(sl_rdd_checkpoint_dir(rdd, "saved", err));
    if (sl_rdd_checkpoint(rdd, &refused) != SL_E_STATE) {
        return wrong("the state of an epoch that runs was marked", err);
    }
    sl_rdd *copy = sl_rdd_where(rdd, "true");
    sl_code rc = sl_rdd_checkpoint(copy, err);
    sl_rdd_local_checkpoint(rdd);
    rc = rc != SL_OK ? rc : add_count(args, copy, err);
    if (rc == SL_OK && !sl_rdd_is_checkpointed(copy)) {
        rc = wrong("an action did not write the checkpoint", err);
    }
    sl_rdd_unref(copy);
    return rc == SL_OK ? add_count(args, rdd, err) : rc;
}
static const sl_foreach_fn cut_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "cut_state", .run = cut_state};

static sl_code total(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t k = 0; k < sl_batch_rows(call->keys); k++) {
        int64_t n = call->had[k] ? sl_column_int64(sl_batch_column(call->states, 0), k) : 0;
        sl_builder_int64(call->out, 0, n + call->values_from[k + 1] - call->values_from[k]);
    }
    return SL_OK;
}
static const sl_update_fn total_fn = {
    .struct_size = sizeof(sl_update_fn), .name = "total", .out = "n int64", .run = total};

static sl_code count(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t n = sl_state_int64_or(&state, 0, 0) + 1;
        sl_state_set_int64(&state, 0, n);
        sl_builder_int64(call->out, 0, n);
    }
    return SL_OK;
}
static const sl_map_state_fn count_fn = {.struct_size = sizeof(sl_map_state_fn),
                                         .name = "count",
                                         .state = "n int64",
                                         .out = "n int64",
                                         .run = count};

static void build_states(sl_graph *graph)
{
    sl_graph_accumulator(graph, "seen", SL_ACC_INT64, NULL);
    sl_stream *lines = sl_stream_open(graph, lines_url);
    sl_stream *totals = sl_stream_update_state_by_key(lines, "word", &total_fn, NULL);
    sl_stream *counts = sl_stream_map_with_state(lines, "word", &count_fn, NULL);
    sl_stream *sums = sl_stream_reduce_by_key_and_window(lines, "word", "sum(n) as n", "10s", "1s");
    sl_stream_foreach_rdd(totals, &cut_fn, NULL);
    sl_stream_foreach_rdd(counts, &cut_fn, NULL);
    sl_stream_foreach_rdd(sums, &cut_fn, NULL);
    sl_stream_save(totals, "file:out/totals?format=csv");
    sl_stream_save(counts, "file:out/counts?format=csv");
    sl_stream_save(sums, "file:out/sums?format=csv");
}

SL_TEST(the_state_of_an_epoch_is_not_cut_under_it, "")
{
    for (size_t i = 0; i < VARIANTS; i++) {
        const char *out = NULL;
        // Twice a foreachRDD: two epochs with 3 keys of updateStateByKey and of the window and 6
        // records, and the stop's without records.
        assert_int_equal(seen_in(build_states, i, &out), 2 * (2 * (3 + 6 + 3) + 3 + 3));
        assert_int_equal(lines_with(out, "b,6\n"), 4); // totals twice, the sixth record, a sum
        assert_int_equal(lines_with(out, "b,12\n"), 2);
        assert_int_equal(lines_with(out, "a,12\n"), 2);
    }
}
