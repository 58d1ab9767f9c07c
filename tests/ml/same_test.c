// What must not change a bit: workers; and what may not change a row: how batches are cut.
#include "ml/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *fraction;

static void build(sl_graph *graph)
{
    char options[96];
    (void)snprintf(options, sizeof options, "weights='0 0' step=0.3 fraction=%s", fraction);
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64, c int64", true);
    sl_model *line = sl_model_open(graph, "linear", options);
    sl_model_train(line, in, "x, y", "c");
    sl_stream_save(sl_model_stream(line), "collect:line");
    sl_model *clusters = sl_model_open(graph, "kmeans", "k=5 seed=3 weight=1 decay=0.5");
    sl_model_train(clusters, in, "x, y", NULL);
    sl_stream_save(sl_model_predict(clusters, in, "x, y", "cluster"), "collect:rows");
    sl_stream_save(sl_model_stream(clusters), "collect:clusters");
}

enum { ROWS = 3000, BYTES = 1 << 18 };

static char *rows_of(int32_t epoch)
{
    char *text = malloc(BYTES);
    size_t size = 0;
    uint64_t random = 17 + (uint64_t)epoch;
    for (int32_t i = 0; i < ROWS; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        double x = (double)(random >> 40) / 1e6, y = (double)(random >> 20 & 0xfffff) / 1e5 - 5;
        size += (size_t)snprintf(text + size, BYTES - size, "{\"x\":%.6f,\"y\":%.5f,\"c\":%d}\n", x,
                                 y, (int)(random >> 60));
    }
    return text;
}

/// The models after three epochs.
static char *run(const char *master, int32_t n_partitions)
{
    const char *const settings[] = {"master", master, NULL};
    sl_test *test = slt_ml_job(build, settings, false);
    for (int32_t i = 0; i < 3; i++) {
        char *rows = rows_of(i);
        slt_ml_epoch(test, rows, n_partitions);
        free(rows);
    }
    slt_ml_fine(test);
    char *out = malloc(BYTES);
    size_t size = (size_t)snprintf(out, BYTES, "%s", sl_test_rows(test, "line"));
    size += (size_t)snprintf(out + size, BYTES - size, "%s", sl_test_rows(test, "clusters"));
    (void)snprintf(out + size, BYTES - size, "%s", sl_test_rows(test, "rows"));
    sl_test_free(test);
    return out;
}

static void check_same(const char *with)
{
    fraction = with;
    char *one = run("local[1]", 4), *four = run("local[4]", 4), *again = run("local[4]", 4);
    SL_CHECK_TEXT(four, one);
    SL_CHECK_TEXT(again, one);
    free(one);
    free(four);
    free(again);
}

SL_TEST(ml_workers_change_no_bit, "DETERMINISM-1")
{
    check_same("1");
}

SL_TEST(ml_mini_batches_are_drawn_the_same, "DETERMINISM-1")
{
    check_same("0.3");
}

// A fraction of 0 draws nothing, so nothing is learnt; small ones draw other rows than all.
SL_TEST(ml_fractions_draw_some_rows, "")
{
    fraction = "0";
    char *none = run("local[1]", 2);
    assert_non_null(strstr(none, "{\"feature\":0,\"weight\":0.0}\n{\"feature\":1,\"weight\":0.0}"));
    fraction = "0.3";
    char *some = run("local[1]", 2);
    fraction = "1";
    char *all = run("local[1]", 2);
    assert_string_not_equal(some, all);
    assert_string_not_equal(some, none);
    free(none);
    free(some);
    free(all);
}

// So many rows that the partitions of a step are computed as tasks.
static void build_large(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "rate:?rows=300000&rows_per_second=300000&partitions=4");
    sl_stream *rows = sl_stream_select(
        in, "cast(value % 7 as float64) / 7 as a, cast(value % 11 as float64) / 11 as b, "
            "cast(value % 13 as float64) / 13 as c, cast(value % 2 as float64) as y, 1.0 as one");
    sl_model *model = sl_model_open(graph, "logistic", "step=1 iterations=3 fraction=0.9");
    sl_model_train(model, rows, "a, b, c, one", "y");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

static char *run_large(const char *master)
{
    const char *const settings[] = {"master", master, NULL};
    sl_test *test = slt_ml_job(build_large, settings, false);
    sl_test_advance(test, 2);
    slt_ml_fine(test);
    char *out = strdup(sl_test_rows(test, "model"));
    sl_test_free(test);
    return out;
}

SL_TEST(ml_steps_over_many_rows_come_to_the_same_bits, "DETERMINISM-1")
{
    char *one = run_large("local[1]"), *four = run_large("local[4]");
    assert_non_null(strstr(one, "{\"feature\":3,\"weight\":"));
    assert_null(strstr(one, "\"weight\":0.0}"));
    SL_CHECK_TEXT(four, one);
    free(one);
    free(four);
}
