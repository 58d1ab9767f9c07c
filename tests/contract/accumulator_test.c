// Accumulators of whole jobs in the simulated world: what they are worth after crashes, restarts,
// snapshots and failed epochs.
#include <stdio.h>

#include "contract/simlife.h"
#include "sluice/accumulator.h"

/// A row a word; counts words, keeps the first letter of each.
static sl_code split(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_text line = sl_column_text(sl_batch_column(in, 0), i);
        if (line.size == 3 && memcmp(line.data, "bad", 3) == 0) {
            return sl_error_set(err, SL_E_USER, "a bad line");
        }
        for (size_t at = 0; at < line.size;) {
            size_t size = strcspn(line.data + at, " \n");
            size = size > line.size - at ? line.size - at : size;
            sl_builder_text(out, 0, line.data + at, size);
            SL_TRY(sl_args_add_int64(args, "words", 1, err));
            SL_TRY(sl_args_add_bytes(args, "letters", line.data + at, 1, err));
            at += size + 1;
        }
    }
    return SL_OK;
}
static const sl_fn split_fn = {
    .struct_size = sizeof(sl_fn), .name = "split", .out = "word string", .run = split};

static sl_code total(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    const int64_t *old = sl_batch_column(call->states, 0)->values;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t n = call->values_from[i + 1] - call->values_from[i];
        sl_builder_int64(call->out, 0, (call->had[i] ? old[i] : 0) + n);
        SL_TRY(call->had[i] ? SL_OK : sl_args_add_int64(args, "keys", 1, err));
    }
    return SL_OK;
}
static const sl_update_fn total_fn = {
    .struct_size = sizeof(sl_update_fn), .name = "total", .out = "n int64", .run = total};

/// Two outputs compute the words, each for itself.
static void save_words(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream *words = sl_stream_uid(sl_stream_flat_map(lines, &split_fn, NULL), "words");
    sl_stream_save(words, "file:words");
    sl_stream *counts = sl_stream_update_state_by_key(words, "word", &total_fn, NULL);
    sl_stream_save(sl_stream_uid(counts, "counts"), "file:counts?format=csv");
}

static void count_words(sl_graph *graph)
{
    sl_graph_accumulator(graph, "words", SL_ACC_INT64, NULL);
    sl_graph_accumulator(graph, "letters", SL_ACC_LIST, NULL);
    sl_graph_accumulator(graph, "keys", SL_ACC_INT64, NULL);
    save_words(graph);
}

static void list_words(sl_graph *graph)
{
    sl_graph_accumulator(graph, "words", SL_ACC_LIST, NULL);
    save_words(graph);
}

/// "words keys letters" as readers of the context see them.
static const char *seen(sl_context *context)
{
    static char text[256];
    sl_accumulated words, keys, letters;
    sl_text letter = {0};
    assert_int_equal(sl_context_accumulated(context, "words", &words, NULL), SL_OK);
    assert_int_equal(sl_context_accumulated(context, "keys", &keys, NULL), SL_OK);
    assert_int_equal(sl_context_accumulated(context, "letters", &letters, NULL), SL_OK);
    int size = snprintf(text, sizeof text, "%d %d ", (int)words.int64, (int)keys.int64);
    for (size_t at = 0; sl_accumulated_next(&letters, &at, &letter);) {
        text[size++] = letter.data[0];
    }
    text[size] = '\0';
    sl_accumulated_reset(&letters);
    return text;
}

// ---------------------------------------------------------------- crashes

static void two_files(sl_test *test, void *ctx)
{
    (void)ctx;
    sl_test_put(test, "in/a.txt", "to be\nor not\nto be\n");
    sl_test_advance(test, 1);
    sl_test_put(test, "in/b.txt", "to see\n");
    sl_test_advance(test, 2);
    sl_test_stop(test);
}

static sl_code counted_once(sl_test *test, void *ctx, sl_error *err)
{
    (void)ctx;
    const char *text = seen(sli_test_context(test));
    return strcmp(text, "8 5 tbontbts") == 0
               ? SL_OK
               : sl_error_set(err, SL_E_DATA, "accumulators are %s", text);
}

SL_TEST(accumulators_count_once_wherever_the_job_is_crashed, "COUNT-1")
{
    slt_one_thread();
    static const char *const settings[] = {
        "parallelism", "2", "master", "local", "max_epochs", "8", "snapshot.groups", "1", NULL};
    sl_test_conf conf = {
        .struct_size = sizeof conf, .settings = settings, .checkpoint = true, .seed = 7};
    sl_error err = SL_ERROR_INIT;
    int64_t n_calls = 0;
    sl_code rc =
        sl_test_crash_everywhere(count_words, conf, two_files, counted_once, NULL, &n_calls, &err);
    if (rc != SL_OK) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(rc, SL_OK);
    assert_true(n_calls > 100);
}

SL_TEST(a_restart_begins_with_the_values_of_the_last_group, "COUNT-1")
{
    for (int snapshots = 0; snapshots < 2; snapshots++) {
        const char *const more[] = {"snapshot.groups", snapshots == 1 ? "1" : "1000", NULL};
        slt_simlife l = slt_simlife_new(count_words, more);
        slt_simlife_put(&l, "in/a.txt", "to be or\n");
        assert_int_equal(slt_simlife_start(&l), SL_OK);
        SL_CHECK_TEXT(seen(l.context), "0 0 ");
        assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
        SL_CHECK_TEXT(seen(l.context), "3 3 tbo");
        slt_simlife_put(&l, "in/b.txt", "not to be\n");
        assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
        SL_CHECK_TEXT(seen(l.context), "6 4 tbontb");
        sli_world_kill(l.env);
        assert_int_equal(slt_simlife_start(&l), SL_OK);
        SL_CHECK_TEXT(seen(l.context), "6 4 tbontb");
        SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_accumulator{name=\"words\"} 6");
        slt_simlife_put(&l, "in/c.txt", "that\n");
        assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
        SL_CHECK_TEXT(seen(l.context), "7 5 tbontbt");
        SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_accumulator{name=\"words\"} 7");
        slt_simlife_free(&l);
    }
}

SL_TEST(a_name_may_not_change_its_kind, "ERRORS-1")
{
    slt_simlife l = slt_simlife_new(count_words, NULL);
    slt_simlife_put(&l, "in/a.txt", "to be or\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    l.build = list_words;
    assert_int_equal(slt_simlife_start(&l), SL_E_INCOMPATIBLE);
    SL_CHECK_HAS(l.error.text, "accumulator 'words' is int64 on record, the job declares list");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- epochs that fail, without a
// checkpoint

SL_TEST(a_dropped_epoch_counts_nothing, "COUNT-1")
{
    sl_test *test = sl_test_new(count_words, (sl_test_conf){.struct_size = sizeof(sl_test_conf)});
    sl_test_put(test, "in/a.txt", "to be\n");
    sl_test_advance(test, 1);
    sl_test_put(test, "in/b.txt", "or\n");
    sl_test_put(test, "in/c.txt", "bad\n");
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(seen(sli_test_context(test)), "2 2 tb");
    sl_test_put(test, "in/d.txt", "not\n");
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(seen(sli_test_context(test)), "3 3 tbn");
    sl_test_free(test);
}

// ---------------------------------------------------------------- functions on the driver

/// Runs an action, reads what has counted, and adds that to another accumulator.
static sl_code look(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    int64_t n = 0;
    sl_accumulated words;
    SL_TRY(sl_rdd_count(rdd, &n, err));
    SL_TRY(sl_args_accumulated(args, "words", &words, err));
    return sl_args_add_int64(args, "looked", words.int64, err);
}
static const sl_foreach_fn look_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "look", .run = look};

static void look_at_words(sl_graph *graph)
{
    sl_graph_accumulator(graph, "words", SL_ACC_INT64, NULL);
    sl_graph_accumulator(graph, "letters", SL_ACC_LIST, NULL);
    sl_graph_accumulator(graph, "looked", SL_ACC_INT64, NULL);
    sl_stream *words = sl_stream_flat_map(sl_stream_open(graph, "file:in"), &split_fn, NULL);
    sl_stream_foreach_rdd(words, &look_fn, NULL);
}

SL_TEST(functions_on_the_driver_read_what_counted_so_far, "")
{
    sl_test *test = sl_test_new(look_at_words, (sl_test_conf){.struct_size = sizeof(sl_test_conf)});
    sl_accumulated looked;
    sl_test_put(test, "in/a.txt", "to be\n");
    sl_test_advance(test, 1); // looks at 2
    sl_test_put(test, "in/b.txt", "or not to\n");
    sl_test_advance(test, 1); // and at 5
    assert_int_equal(sl_test_accumulated(test, "looked", &looked, NULL), SL_OK);
    assert_int_equal(looked.int64, 7);
    assert_int_equal(sl_test_accumulated(test, "lookd", &looked, NULL), SL_E_NOT_FOUND);
    sl_test_free(test);
}

// ---------------------------------------------------------------- sessions

SL_TEST(a_session_counts_by_action, "COUNT-1")
{
    const char *dir = slt_temp_dir();
    char url[400];
    sl_session *session = NULL;
    sl_accumulated words;
    int64_t n = 0;
    slt_put(dir, "in.txt", "to be\nor not\n");
    (void)snprintf(url, sizeof url, "file:%s/in.txt", dir);
    assert_int_equal(sl_session_new(&session, NULL, NULL), SL_OK);
    assert_int_equal(sl_session_accumulated(session, "words", &words, NULL), SL_E_NOT_FOUND);
    for (int begin = 0; begin < 2; begin++) { // the second time at zero again
        assert_int_equal(sl_session_accumulator(session, "words", SL_ACC_INT64, NULL, NULL), SL_OK);
        assert_int_equal(sl_session_accumulator(session, "letters", SL_ACC_LIST, NULL, NULL),
                         SL_OK);
        sl_rdd *lines = sl_rdd_open(session, url);
        sl_rdd *split = sl_rdd_flat_map(lines, &split_fn, NULL);
        assert_int_equal(sl_rdd_count(split, &n, NULL), SL_OK);
        assert_int_equal(sl_rdd_count(split, &n, NULL), SL_OK);
        sl_rdd_unref(split);
        sl_rdd_unref(lines);
        assert_int_equal(sl_session_accumulated(session, "words", &words, NULL), SL_OK);
        assert_int_equal(words.int64, 4);
    }
    assert_int_equal(sl_session_accumulator(session, "a b", SL_ACC_INT64, NULL, NULL),
                     SL_E_INVALID);
    sl_session_free(session);
}

// ---------------------------------------------------------------- the graph

static void twice(sl_graph *graph)
{
    sl_graph_accumulator(graph, "words", SL_ACC_INT64, NULL);
    sl_graph_accumulator(graph, "words", SL_ACC_LIST, NULL);
}

SL_TEST(accumulators_are_part_of_the_graph, "ERRORS-1")
{
    slt_simlife l = slt_simlife_new(count_words, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    SL_CHECK_HAS(sl_graph_text(sl_context_graph(l.context)), "\nletters accumulator list\n");
    l.build = twice;
    assert_int_equal(slt_simlife_start(&l), SL_E_INVALID);
    SL_CHECK_HAS(l.error.text, "accumulator 'words': there is one of that name already");
    slt_simlife_free(&l);
}
