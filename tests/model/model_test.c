// Random graphs, run by the engine and by the model: every epoch's rows must be the same multiset.
// SLUICE_SEED=n runs one seed, SLUICE_SOAK=1 many.
#include "sl_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/plan.h"
#include "sluice/test.h"

enum { SEEDS = 300, SOAK_SEEDS = 20000 };

typedef struct trial {
    const slt_plan *plan;
    char *graph; ///< its text
    char seed[24];
    bool failed;
} trial;

static void define(sl_graph *graph, void *ctx)
{
    trial *t = ctx;
    slt_plan_define(graph, (void *)(uintptr_t)t->plan);
    free(t->graph);
    t->graph = strdup(sl_graph_text(graph));
}

static void built(sl_graph *graph)
{
    (void)graph; // sl_test_conf.prepare has defined it
}

static void tell(trial *t, int32_t epoch, int32_t node, const char *expected, const char *actual)
{
    const slt_plan *p = t->plan;
    t->failed = true;
    // Not print_error, which cuts a text after 1,023 bytes.
    (void)fprintf(stderr,
                  "seed %" PRIu64 ": epoch %d, output collect:%d of %s %s, memory %s, parallelism "
                  "%s\n--- graph\n%s\n--- expected\n%s\n--- actual\n%s\n"
                  "# repeat: SLUICE_SEED=%" PRIu64 " tests/test_t_model engine_agrees\n",
                  p->seed, (int)epoch + 1, (int)node, p->master, p->backend, p->memory,
                  p->parallelism, t->graph == NULL ? "" : t->graph, expected, actual, p->seed);
}

static void push(sl_test *test, const slt_plan *p, int32_t epoch)
{
    for (int32_t q = 0; q < p->n_queues; q++) {
        const slt_push *now = &p->pushes[epoch][q];
        for (int32_t i = 0; i < now->n; i++) {
            sl_test_push(test, q == 0 ? "q0" : "q1", now->json[i], now->slices[i]);
        }
    }
}

static void compare(trial *t, sl_test *test, int32_t epoch)
{
    const slt_plan *p = t->plan;
    char name[16];
    for (int32_t i = 0; i < p->model->n_nodes && !t->failed; i++) {
        if (!p->collected[i]) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%d", (int)i);
        const char *rows = sl_test_rows(test, name);
        char *actual = rows == NULL ? NULL : slt_model_sorted(rows);
        if (actual == NULL || strcmp(actual, p->expected[epoch][i]) != 0) {
            tell(t, epoch, i, p->expected[epoch][i], actual == NULL ? sl_test_error(test) : actual);
        }
        free(actual);
    }
}

static bool agrees(uint64_t seed)
{
    slt_plan *plan = slt_plan_new(seed);
    assert_non_null(plan);
    trial t = {.plan = plan};
    (void)snprintf(t.seed, sizeof t.seed, "%" PRIu64, seed);
    const char *settings[] = {"master",      plan->master,      "backend", plan->backend,
                              "memory",      plan->memory,      "seed",    t.seed,
                              "parallelism", plan->parallelism, NULL};
    sl_test_conf conf = {.struct_size = sizeof conf,
                         .interval = "1s",
                         .settings = settings,
                         .start_us = 1,
                         .prepare = define,
                         .ctx = &t};
    sl_test *test = sl_test_new(built, conf);
    assert_non_null(test);
    for (int32_t e = 0; e < plan->n_epochs && !t.failed; e++) {
        push(test, plan, e);
        sl_test_advance(test, 1);
        compare(&t, test, e);
    }
    sl_error err = SL_ERROR_INIT;
    if (!t.failed && sl_test_check(test, &err) != SL_OK) {
        tell(&t, plan->n_epochs - 1, 0, "no error", err.text);
    }
    sl_test_free(test);
    free(t.graph);
    slt_plan_free(plan);
    return !t.failed;
}

SL_TEST(model_engine_agrees_on_random_graphs, "")
{
    const char *one = getenv("SLUICE_SEED");
    uint64_t first = one == NULL ? 1 : strtoull(one, NULL, 10);
    uint64_t n = one != NULL ? 1 : slt_is_soak() ? SOAK_SEEDS : SEEDS;
    int failed = 0;
    for (uint64_t seed = first; seed < first + n && failed < 3; seed++) {
        failed += agrees(seed) ? 0 : 1;
    }
    assert_int_equal(failed, 0);
}

/// Else a change of the draw could leave an operator out, and nobody would see it.
SL_TEST(model_draws_every_operator_and_rows_for_it, "")
{
    int64_t rows[SLT_N_KINDS] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        slt_plan *plan = slt_plan_new(seed);
        assert_non_null(plan);
        for (int32_t i = 0; i < plan->model->n_nodes; i++) {
            const slt_model_node *node = &plan->model->nodes[i];
            assert_true(node->kind == SLT_QUEUE || (node->a < i && node->b < i));
            rows[node->kind] += plan->model->out[i].n;
        }
        slt_plan_free(plan);
    }
    for (int kind = 0; kind < SLT_N_KINDS; kind++) {
        if (rows[kind] < 10) {
            fail_msg("operators of kind %d made %lld rows", kind, (long long)rows[kind]);
        }
    }
}

// ---------------------------------------------------------------- the model itself

static void put(slt_model *m, slt_model_rows *to, const char *text, int64_t v)
{
    slt_model_row key = {0};
    (void)snprintf(key.text, sizeof key.text, "%s", text);
    slt_model_add(m, to, &key, v);
}

static void check_out(const slt_model *m, int32_t node, const char *expected)
{
    char *text = slt_model_text(&m->out[node], m->nodes[node].is_text);
    SL_CHECK_TEXT(text, expected);
    free(text);
}

/// Two epochs through a split, a count a key, a join and a state, reckoned by hand.
SL_TEST(model_is_right_about_a_word_count, "")
{
    static const slt_model_node nodes[] = {
        {.kind = SLT_QUEUE, .is_text = true},
        {.kind = SLT_SPLIT, .is_text = true},
        {.kind = SLT_GROUP_BY_KEY, .is_text = true, .a = 1},
        {.kind = SLT_UPDATE_STATE, .is_text = true, .a = 2, .which = 1},
        {.kind = SLT_JOIN, .is_text = true, .a = 1, .b = 2},
        {.kind = SLT_COUNT, .a = 4},
    };
    slt_model *m = calloc(1, sizeof *m);
    slt_model_rows *in = calloc(1, sizeof *in);
    assert_true(m != NULL && in != NULL);
    m->n_nodes = (int32_t)(sizeof nodes / sizeof nodes[0]);
    memcpy(m->nodes, nodes, sizeof nodes);
    put(m, in, "be  be", 5);
    put(m, in, "to be", 6);
    assert_true(slt_model_epoch(m, in));
    check_out(m, 2, "{\"k\":\"\",\"v\":1}\n{\"k\":\"be\",\"v\":3}\n{\"k\":\"to\",\"v\":1}\n");
    check_out(m, 3, "{\"k\":\"\",\"v\":1}\n{\"k\":\"be\",\"v\":3}\n{\"k\":\"to\",\"v\":1}\n");
    check_out(m, 5, "{\"k\":0,\"v\":5}\n");
    in->n = 0;
    put(m, in, "be", 7);
    assert_true(slt_model_epoch(m, in));
    check_out(m, 3, "{\"k\":\"\",\"v\":1}\n{\"k\":\"to\",\"v\":1}\n"); // 4 is forgotten
    check_out(m, 4, "{\"k\":\"be\",\"v\":0}\n");
    in->n = 0;
    assert_true(slt_model_epoch(m, in));
    check_out(m, 4, "");
    check_out(m, 5, "{\"k\":0,\"v\":0}\n");
    free(in);
    free(m);
}

SL_TEST(model_refuses_what_it_cannot_hold, "")
{
    slt_model *m = calloc(1, sizeof *m);
    slt_model_rows *in = calloc(1, sizeof *in);
    assert_true(m != NULL && in != NULL);
    m->n_nodes = 2;
    m->nodes[0] = (slt_model_node){.kind = SLT_QUEUE, .is_text = true};
    m->nodes[1] = (slt_model_node){.kind = SLT_JOIN, .is_text = true};
    for (int i = 0; i < 100; i++) {
        put(m, in, "\"\\", i);
    }
    assert_false(slt_model_epoch(m, in)); // 100 times 100 rows
    assert_true(m->too_much);
    m->too_much = false;
    put(m, in, "", SLT_MODEL_MOST + 1);
    assert_true(m->too_much);
    in->n = 1;
    char *text = slt_model_text(in, true);
    SL_CHECK_TEXT(text, "{\"k\":\"\\\"\\\\\",\"v\":0}\n");
    free(text);
    text = slt_model_sorted("b\na\n\nb");
    SL_CHECK_TEXT(text, "\na\nb\nb\n");
    free(text);
    free(in);
    free(m);
}

SL_TEST(model_is_right_about_windows, "")
{
    static const slt_model_node nodes[] = {
        {.kind = SLT_QUEUE, .is_text = true},
        {.kind = SLT_WINDOW, .is_text = true, .c = 2},
        {.kind = SLT_REDUCE_WINDOW, .is_text = true, .c = 2},
        {.kind = SLT_COUNT_WINDOW, .a = 1, .c = 2},
    };
    slt_model *m = calloc(1, sizeof *m);
    slt_model_rows *in = calloc(1, sizeof *in);
    assert_true(m != NULL && in != NULL);
    m->n_nodes = (int32_t)(sizeof nodes / sizeof nodes[0]);
    memcpy(m->nodes, nodes, sizeof nodes);
    put(m, in, "a", 5);
    assert_true(slt_model_epoch(m, in));
    in->n = 0;
    put(m, in, "a", 1);
    assert_true(slt_model_epoch(m, in));
    check_out(m, 1, "{\"k\":\"a\",\"v\":1}\n{\"k\":\"a\",\"v\":5}\n");
    check_out(m, 2, "{\"k\":\"a\",\"v\":20}\n");
    check_out(m, 3, "{\"k\":0,\"v\":3}\n"); // one row, then two
    in->n = 0;
    assert_true(slt_model_epoch(m, in));
    check_out(m, 1, "{\"k\":\"a\",\"v\":1}\n");
    check_out(m, 2, "{\"k\":\"a\",\"v\":8}\n");
    assert_true(slt_model_epoch(m, in));
    check_out(m, 2, "");
    check_out(m, 3, "{\"k\":0,\"v\":1}\n");
    free(in);
    free(m);
}
