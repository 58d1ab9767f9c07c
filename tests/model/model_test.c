// Random graphs, run by the engine and by the model: every epoch's rows must be the same multiset.
// SLUICE_SEED=n runs one seed, SLUICE_SOAK=1 many.
#include "sl_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/test_int.h"
#include "model/plan.h"
#include "stream/engine_int.h"

enum { SEEDS = 300, SOAK_SEEDS = 20000 };

typedef struct trial {
    const slt_plan *plan;
    char *graph; ///< its text
    char seed[24];
    bool failed, too_much;
    int32_t crashes, outages; ///< in the midst of epochs; that an epoch stood for
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
    char name[48];
    for (int32_t q = 0; q < p->n_queues; q++) {
        const slt_push *now = &p->pushes[epoch][q];
        for (int32_t i = 0; i < now->n; i++) {
            (void)snprintf(name, sizeof name, "q%d%s", (int)q, p->is_durable ? "/" : "");
            if (!p->is_durable) {
                sl_test_push(test, name, now->json[i], now->slices[i]);
            } else if (now->rows[i]->n > 0) {
                (void)snprintf(name, sizeof name, "q%d/%02d-%d.json", (int)q, (int)epoch, (int)i);
                sl_test_put(test, name, now->json[i]);
            }
        }
    }
}

/// The output's rows, sorted; NULL when it did not run. The caller frees it.
static char *actual_rows(sl_test *test, int32_t node, bool crashed)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%d", (int)node);
    const char *rows = sl_test_rows(test, name);
    // A life that finds the epoch finished does not know which outputs without rows ran in it.
    return rows == NULL && !crashed ? NULL : slt_model_sorted(rows == NULL ? "" : rows);
}

static void compare(trial *t, sl_test *test, int32_t epoch, bool crashed)
{
    const slt_plan *p = t->plan;
    for (int32_t i = 0; i < p->model->n_nodes && !t->failed; i++) {
        if (!p->model->nodes[i].has_output) {
            continue;
        }
        char *actual = actual_rows(test, i, crashed);
        const char *expected =
            p->expected[i] == NULL && actual != NULL && crashed ? "" : p->expected[i];
        if ((actual == NULL) != (expected == NULL) ||
            (actual != NULL && strcmp(actual, expected) != 0)) {
            tell(t, epoch, i, expected == NULL ? "no RDD" : expected,
                 actual == NULL ? sl_test_error(test) : actual);
        }
        free(actual);
    }
}

static int64_t last_second(sl_test *test)
{
    const sli_engine *engine = sli_context_engine(sli_test_context(test));
    return engine == NULL ? 0 : engine->last_time_us / 1000000;
}

/// What befalls the process before the epoch. One that is to die at a call dies in this epoch or,
/// with the next blow, without having reached it: only a life that has just begun surely knows the
/// batch time of the last epoch that is on record.
static void strike(sl_test *test, const slt_blow *blow)
{
    sli_fault fault = {.crash_at_call = blow->crash_call};
    if (blow->dies) {
        sli_world_advance(sli_test_world(test), blow->outage_s * INT64_C(1000000));
        if (blow->crash_call > 0) {
            sli_test_fault_next(test, &fault);
        }
        sl_test_crash(test, blow->power_fails);
        (void)sli_test_crashed(test);
    }
}

static void run_epoch(trial *t, sl_test *test, slt_plan *plan, int32_t e)
{
    const slt_blow *blow = &plan->blows[e];
    push(test, plan, e);
    strike(test, blow);
    int64_t before = last_second(test);
    sl_test_advance(test, 1);
    sl_error err = SL_ERROR_INIT;
    if (sl_test_check(test, &err) != SL_OK) {
        tell(t, e, 0, "no error", err.text);
        return;
    }
    int64_t now = last_second(test);
    bool crashed = sli_test_crashed(test);
    if (!slt_plan_epoch(plan, e, before == 0 ? now - 1 : before, now)) {
        t->too_much = true; // a window that reached over an outage
        return;
    }
    t->crashes += crashed;
    t->outages += before > 0 && now > before + 1;
    compare(t, test, e, crashed);
    if (blow->crash_call > 0 && !crashed) {
        sl_test_crash(test, false);
        (void)sli_test_crashed(test);
    }
}

/// Adds to what befell all plans so far.
static bool agrees(uint64_t seed, int64_t *crashes, int64_t *outages)
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
                         .seed = seed,
                         .start_us = 1,
                         .checkpoint = plan->is_durable,
                         .files = slt_plan_files,
                         .prepare = define,
                         .ctx = &t};
    sl_test *test = sl_test_new(built, conf);
    assert_non_null(test);
    for (int32_t e = 0; e < plan->n_epochs && !t.failed && !t.too_much; e++) {
        run_epoch(&t, test, plan, e);
    }
    sl_error err = SL_ERROR_INIT;
    if (!t.failed && sl_test_check(test, &err) != SL_OK) {
        tell(&t, plan->n_epochs - 1, 0, "no error", err.text);
    }
    sl_test_free(test);
    free(t.graph);
    slt_plan_free(plan);
    *crashes += t.crashes;
    *outages += t.outages;
    return !t.failed;
}

SL_TEST(model_engine_agrees_on_random_graphs, "")
{
    const char *one = getenv("SLUICE_SEED");
    uint64_t first = one == NULL ? 1 : strtoull(one, NULL, 10);
    uint64_t n = one != NULL ? 1 : slt_is_soak() ? SOAK_SEEDS : SEEDS;
    int64_t crashes = 0, outages = 0;
    int failed = 0;
    for (uint64_t seed = first; seed < first + n && failed < 3; seed++) {
        failed += agrees(seed, &crashes, &outages) ? 0 : 1;
    }
    assert_int_equal(failed, 0);
    print_message("# %" PRId64 " epochs in which a process died, %" PRId64 " after an outage\n",
                  crashes, outages);
    assert_true(one != NULL || (crashes > 10 && outages > 10));
}

/// Else a change of the draw could leave an operator out, and nobody would see it.
SL_TEST(model_draws_every_operator_and_rows_for_it, "")
{
    int64_t rows[SLT_N_KINDS][SLT_MODEL_VARIANTS] = {{0}};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        slt_plan *plan = slt_plan_new(seed);
        assert_non_null(plan);
        for (int32_t e = 0; e < plan->n_epochs; e++) {
            assert_true(slt_plan_epoch(plan, e, e, e + 1));
            for (int32_t i = 0; i < plan->model->n_nodes; i++) {
                const slt_model_node *node = &plan->model->nodes[i];
                assert_true(node->kind == SLT_QUEUE || (node->a < i && node->b < i));
                rows[node->kind][node->which] += plan->model->out[i].n;
            }
        }
        slt_plan_free(plan);
    }
    for (int32_t kind = 0; kind < SLT_N_KINDS; kind++) {
        for (int32_t i = 0; i < slt_model_variants((slt_model_kind)kind); i++) {
            if (rows[kind][i] < 10) {
                fail_msg("operators of kind %d, variant %d, made %lld rows", (int)kind, (int)i,
                         (long long)rows[kind][i]);
            }
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

/// One more epoch, a second after the one before; every node has an output.
static void step(slt_model *m, const slt_model_rows *in)
{
    for (int32_t i = 0; i < m->n_nodes; i++) {
        m->nodes[i].has_output = true;
        m->nodes[i].slide = m->nodes[i].slide == 0 ? 1 : m->nodes[i].slide;
    }
    slt_model_begin(m, m->now, m->now + 1);
    assert_true(slt_model_epoch(m, in));
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
    step(m, in);
    check_out(m, 2, "{\"k\":\"\",\"v\":1}\n{\"k\":\"be\",\"v\":3}\n{\"k\":\"to\",\"v\":1}\n");
    check_out(m, 3, "{\"k\":\"\",\"v\":1}\n{\"k\":\"be\",\"v\":3}\n{\"k\":\"to\",\"v\":1}\n");
    check_out(m, 5, "{\"k\":0,\"v\":5}\n");
    in->n = 0;
    put(m, in, "be", 7);
    step(m, in);
    check_out(m, 3, "{\"k\":\"\",\"v\":1}\n{\"k\":\"to\",\"v\":1}\n"); // 4 is forgotten
    check_out(m, 4, "{\"k\":\"be\",\"v\":0}\n");
    in->n = 0;
    step(m, in);
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
    m->nodes[1].has_output = true;
    m->nodes[0].slide = m->nodes[1].slide = 1;
    slt_model_begin(m, 0, 1);
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
    step(m, in);
    in->n = 0;
    put(m, in, "a", 1);
    step(m, in);
    check_out(m, 1, "{\"k\":\"a\",\"v\":1}\n{\"k\":\"a\",\"v\":5}\n");
    check_out(m, 2, "{\"k\":\"a\",\"v\":20}\n");
    check_out(m, 3, "{\"k\":0,\"v\":3}\n"); // one row, then two
    in->n = 0;
    step(m, in);
    check_out(m, 1, "{\"k\":\"a\",\"v\":1}\n");
    check_out(m, 2, "{\"k\":\"a\",\"v\":8}\n");
    step(m, in);
    check_out(m, 2, "");
    check_out(m, 3, "{\"k\":0,\"v\":1}\n");
    free(in);
    free(m);
}

SL_TEST(model_is_right_about_running_sums, "")
{
    slt_model *m = calloc(1, sizeof *m);
    slt_model_rows *in = calloc(1, sizeof *in);
    assert_true(m != NULL && in != NULL);
    m->n_nodes = 5;
    m->nodes[0] = (slt_model_node){.kind = SLT_QUEUE, .is_text = true, .slide = 1};
    for (int32_t i = 1; i < 5; i++) {
        m->nodes[i] = (slt_model_node){.kind = SLT_RUNNING,
                                       .is_text = true,
                                       .which = i == 1 ? 0 : i,
                                       .idle = 1,
                                       .every = 4,
                                       .slide = 1,
                                       .has_output = true};
    }
    put(m, in, "a", 1);
    put(m, in, "b", 2);
    put(m, in, "a", 3);
    step(m, in); // 1 s
    check_out(m, 1, "{\"k\":\"a\",\"v\":18}\n{\"k\":\"b\",\"v\":9}\n");
    check_out(m, 2, "{\"k\":\"a\",\"v\":18}\n{\"k\":\"b\",\"v\":9}\n");
    in->n = 0;
    put(m, in, "b", -7);
    step(m, in);
    check_out(m, 1, "{\"k\":\"b\",\"v\":9}\n");
    check_out(m, 2, "{\"k\":\"a\",\"v\":18}\n{\"k\":\"b\",\"v\":9}\n");
    check_out(m, 4, "{\"k\":\"a\",\"v\":18}\n{\"k\":\"b\",\"v\":9}\n");
    in->n = 0;
    put(m, in, "a", 1);
    step(m, in); // 3 s: a is over, and comes again
    check_out(m, 1, "{\"k\":\"a\",\"v\":26}\n");
    check_out(m, 3, "{\"k\":\"a\",\"v\":8}\n");
    check_out(m, 4, "{\"k\":\"a\",\"v\":8}\n{\"k\":\"b\",\"v\":9}\n");
    in->n = 0;
    step(m, in); // 4 s: b is over
    check_out(m, 1, "");
    check_out(m, 4, "{\"k\":\"a\",\"v\":8}\n");
    free(in);
    free(m);
}

/// Seven epochs with a row each, but for the last; the one at second 6 stands for 5 too.
SL_TEST(model_is_right_about_slides_and_outages, "")
{
    static const slt_model_node nodes[] = {
        {.kind = SLT_QUEUE, .slide = 1},
        {.kind = SLT_COUNT_WINDOW, .c = 3, .slide = 2},
        {.kind = SLT_SUM_WINDOW, .c = 1, .slide = 3}, // with gaps
        {.kind = SLT_MAP_STATE, .a = 0, .which = 3, .idle = 2, .slide = 1},
    };
    static const char *const counts[] = {"", "2", "", "3", "2", ""};
    static const char *const sums[] = {"", "", "3", "", "6", ""};
    static const int64_t times[] = {1, 2, 3, 4, 6, 7};
    slt_model *m = calloc(1, sizeof *m);
    slt_model_rows *in = calloc(1, sizeof *in);
    assert_true(m != NULL && in != NULL);
    m->n_nodes = (int32_t)(sizeof nodes / sizeof nodes[0]);
    memcpy(m->nodes, nodes, sizeof nodes);
    m->nodes[1].has_output = m->nodes[2].has_output = m->nodes[3].has_output = true;
    for (int i = 0; i < 6; i++) {
        char expected[2][48] = {"", ""};
        const char *const *values[] = {counts, sums};
        for (int n = 0; n < 2; n++) {
            if (*values[n][i] != '\0') {
                (void)snprintf(expected[n], sizeof expected[n], "{\"k\":0,\"v\":%s}\n",
                               values[n][i]);
            }
        }
        in->n = 0;
        slt_model_add(m, in, &(slt_model_row){.number = i == 0 ? 9 : 1}, times[i]);
        slt_model_begin(m, i == 0 ? 0 : times[i - 1], times[i]);
        assert_true(slt_model_epoch(m, in));
        check_out(m, 1, expected[0]);
        check_out(m, 2, expected[1]);
        assert_int_equal(m->out[3].n, times[i] == 4 ? 2 : 1); // key 9 ends at 4
    }
    assert_false(m->wanted[2]);
    free(in);
    free(m);
}
