// Random graphs by event time, run by the engine and by the model: what every output has given must
// be the same multiset of rows, after every epoch; of a job whose processes die in the midst of
// epochs at the end, when the model has been told which rows were in one epoch together.
// SLUICE_SEED=n runs one seed, SLUICE_SOAK=1 many.
#include "sl_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/test_int.h"
#include "base/str.h"
#include "model/draw.h"
#include "model/event.h"
#include "model/model.h"

enum { SEEDS = 100, SLOW_SEEDS = 30, SOAK_SEEDS = 20000, MOST_CALLS = 400 };

typedef struct trial {
    slt_event_plan *plan;
    sl_test *test;
    char *graph; ///< its text
    char seed[24];
    uint64_t numbers; ///< for what befalls processes
    int32_t deaths;
    bool failed;
} trial;

static void define(sl_graph *graph, void *ctx)
{
    trial *t = ctx;
    slt_event_define(graph, t->plan);
    free(t->graph);
    t->graph = strdup(sl_graph_text(graph));
}

static void built(sl_graph *graph)
{
    (void)graph; // sl_test_conf.prepare has defined it
}

static void tell(trial *t, int32_t epoch, const char *what, const char *expected,
                 const char *actual)
{
    const slt_event_plan *p = t->plan;
    t->failed = true;
    (void)fprintf(stderr,
                  "seed %" PRIu64 ": epoch %d, %s of %s %s, memory %s, parallelism %s, %d deaths\n"
                  "--- graph\n%s\n--- expected\n%s\n--- actual\n%s\n--- error of the job: %s\n"
                  "# repeat: SLUICE_SEED=%" PRIu64 " tests/test_t_model event_engine\n",
                  p->seed, (int)epoch + 1, what, p->master, p->backend, p->memory, p->parallelism,
                  (int)t->deaths, t->graph == NULL ? "" : t->graph, expected, actual,
                  sl_test_error(t->test), p->seed);
}

// ---------------------------------------------------------------- input

static void put_row(const slt_event_plan *p, int32_t id, sli_str *out)
{
    const slt_event_row *row = &p->model.rows[id];
    long long time = (long long)row->time, k = (long long)row->k, v = (long long)row->v;
    bool none = row->time == SLT_NO_TIME;
    if (p->files && none) {
        sli_str_printf(out, ",%lld,%lld,%d\n", k, v, (int)id);
    } else if (p->files) {
        sli_str_printf(out, "%lld,%lld,%lld,%d\n", time, k, v, (int)id);
    } else if (none) {
        sli_str_printf(out, "{\"k\":%lld,\"v\":%lld,\"id\":%d}\n", k, v, (int)id);
    } else {
        sli_str_printf(out,
                       "{\"ts\":\"1970-01-01T%02lld:%02lld:%02lldZ\",\"k\":%lld,\"v\":%lld,"
                       "\"id\":%d}\n",
                       time / 3600, time / 60 % 60, time % 60, k, v, (int)id);
    }
}

static void feed(trial *t, int32_t epoch)
{
    const slt_event_plan *p = t->plan;
    for (int32_t s = 0; s < p->n_sources; s++) {
        const slt_event_rows *in = &p->in[epoch][s];
        sli_str text = {.tag = SLI_TAG_TEST};
        char path[32];
        for (int32_t i = 0; i < in->n; i++) {
            put_row(p, in->ids[i], &text);
        }
        (void)snprintf(path, sizeof path, "in%d/%02d", (int)s, (int)epoch);
        if (in->n > 0 && p->files) {
            sl_test_put(t->test, path, text.data);
        } else if (in->n > 0) {
            sl_test_push(t->test, s == 0 ? "q0" : "q1", text.data, p->slices[epoch][s]);
        }
        sli_str_reset(&text);
    }
}

// ---------------------------------------------------------------- what came out

static char *shown(trial *t, int32_t node)
{
    char dir[32];
    (void)snprintf(dir, sizeof dir, "out/%d", (int)node);
    return slt_model_sorted(sl_test_read(t->test, dir));
}

static void compare(trial *t, int32_t epoch)
{
    for (int32_t i = 0; i < t->plan->model.n_nodes && !t->failed; i++) {
        if (t->plan->shown[i]) {
            char what[24], *actual = shown(t, i), *expected = slt_event_text(&t->plan->model, i);
            (void)snprintf(what, sizeof what, "output out/%d", (int)i);
            if (actual == NULL || expected == NULL || strcmp(actual, expected) != 0) {
                tell(t, epoch, what, expected, actual);
            }
            free(actual);
            free(expected);
        }
    }
    sl_error err = SL_ERROR_INIT;
    if (!t->failed && sl_test_check(t->test, &err) != SL_OK) {
        tell(t, epoch, "the job", "no error", err.text);
    }
}

// ---------------------------------------------------------------- epochs one by one

/// Between epochs the process dies now and then, when it has a checkpoint.
static void run_epochs(trial *t)
{
    slt_event_plan *p = t->plan;
    for (int32_t e = 0; e < p->n_epochs && !t->failed; e++) {
        if (p->files && slt_draw(&t->numbers, 4) == 0) {
            sl_test_crash(t->test, slt_draw(&t->numbers, 2) == 0);
            slt_event_restart(&p->model);
            t->deaths++;
        }
        feed(t, e);
        sl_test_advance(t->test, 1);
        slt_event_epoch(&p->model, (e + 1) * SLT_EVENT_INTERVAL, p->in[e]);
        compare(t, e);
    }
}

// ---------------------------------------------------------------- deaths at any call

/// The rows of one epoch, as the job has shown it.
typedef struct cut {
    int64_t batch_time;
    slt_event_rows in[SLT_EVENT_SOURCES];
} cut;

static int by_time(const void *a, const void *b)
{
    const cut *x = a, *y = b;
    return (x->batch_time > y->batch_time) - (x->batch_time < y->batch_time);
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/// Adds "batch time,number" lines to the cuts.
static void read_cuts(const char *text, int32_t source, cut *cuts, int32_t *n, int32_t most)
{
    while (*text != '\0') {
        char *end = NULL;
        int64_t time = strtoll(text, &end, 10);
        int32_t id = (int32_t)strtol(end + 1, &end, 10), i = 0;
        while (i < *n && cuts[i].batch_time != time) {
            i++;
        }
        SL_ASSERT(i < most, "more epochs than rows");
        *n += i == *n;
        cuts[i].batch_time = time;
        cuts[i].in[source].ids[cuts[i].in[source].n++] = id;
        text = end + (*end == '\n');
    }
}

/// Runs the model over the epochs that the job has shown, and one more.
static void run_model(trial *t)
{
    slt_event_plan *p = t->plan;
    enum { MOST = 2 * SLT_EVENT_EPOCHS + 4 };
    cut *cuts = calloc(MOST + 1, sizeof *cuts);
    assert_non_null(cuts);
    int32_t n = 0;
    read_cuts(sl_test_read(t->test, "epochs/0"), 0, cuts, &n, MOST);
    read_cuts(sl_test_read(t->test, "epochs/1"), 1, cuts, &n, MOST);
    qsort(cuts, (size_t)n, sizeof *cuts, by_time);
    cuts[n].batch_time = n == 0 ? SLT_EVENT_INTERVAL : cuts[n - 1].batch_time + SLT_EVENT_INTERVAL;
    for (int32_t i = 0; i <= n; i++) {
        for (int32_t s = 0; s < SLT_EVENT_SOURCES; s++) {
            qsort(cuts[i].in[s].ids, (size_t)cuts[i].in[s].n, sizeof(int32_t), by_number);
        }
        slt_event_epoch(&p->model, cuts[i].batch_time, cuts[i].in);
    }
    free(cuts);
}

static void run_deaths(trial *t)
{
    slt_event_plan *p = t->plan;
    for (int32_t e = 0; e < p->n_epochs; e++) {
        feed(t, e);
        if (slt_draw(&t->numbers, 2) == 0) {
            sli_fault fault = {.crash_at_call = 1 + slt_draw(&t->numbers, MOST_CALLS)};
            sli_test_fault_next(t->test, &fault);
            sl_test_crash(t->test, slt_draw(&t->numbers, 2) == 0);
            (void)sli_test_crashed(t->test);
        }
        sl_test_advance(t->test, 1);
        t->deaths += sli_test_crashed(t->test);
    }
    sl_test_advance(t->test, 3);
    t->deaths += sli_test_crashed(t->test);
    run_model(t);
    compare(t, p->n_epochs);
}

// ---------------------------------------------------------------- the tests

static bool agrees(uint64_t seed, int32_t *deaths)
{
    slt_event_plan *plan = slt_event_plan_new(seed);
    assert_non_null(plan);
    trial t = {.plan = plan, .numbers = seed ^ 0x5eed};
    (void)snprintf(t.seed, sizeof t.seed, "%" PRIu64, seed);
    const char *settings[] = {
        "master",          plan->master, "backend", plan->backend, "memory",
        plan->memory,      "seed",       t.seed,    "parallelism", plan->parallelism,
        "snapshot.groups", "3",          "log",     "error",       NULL};
    sl_test_conf conf = {.struct_size = sizeof conf,
                         .interval = "10s",
                         .settings = settings,
                         .seed = seed,
                         .start_us = 1,
                         .checkpoint = plan->files,
                         .prepare = define,
                         .ctx = &t};
    t.test = sl_test_new(built, conf);
    assert_non_null(t.test);
    (plan->crashes ? run_deaths : run_epochs)(&t);
    *deaths += t.deaths;
    sl_test_free(t.test);
    free(t.graph);
    slt_event_plan_free(plan);
    return !t.failed;
}

SL_TEST(event_engine_agrees_on_random_graphs, "EVENT-TIME-1")
{
    const char *one = getenv("SLUICE_SEED");
    uint64_t first = one == NULL ? 1 : strtoull(one, NULL, 10);
    uint64_t n = one != NULL     ? 1
                 : slt_is_soak() ? SOAK_SEEDS
                                 : (SLT_SLOW_BUILD ? SLOW_SEEDS : SEEDS);
    int32_t failed = 0, deaths = 0;
    for (uint64_t seed = first; seed < first + n && failed < 3; seed++) {
        failed += agrees(seed, &deaths) ? 0 : 1;
    }
    assert_int_equal(failed, 0);
    assert_true(one != NULL || deaths > (int32_t)n / 4); // else they are no longer drawn
}

/// Else a change of the draw could leave something out, and nobody would see it.
SL_TEST(event_plans_draw_every_operator_and_rows_for_it, "")
{
    int64_t lines[SLT_EV_N_KINDS] = {0}, alone[2] = {0}, silent = 0, updates = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        slt_event_plan *p = slt_event_plan_new(seed);
        assert_non_null(p);
        slt_event_model *m = &p->model;
        for (int32_t e = 0; e < p->n_epochs; e++) {
            slt_event_epoch(m, (e + 1) * SLT_EVENT_INTERVAL, p->in[e]);
            for (int32_t i = 0; i < m->n_nodes; i++) {
                silent += m->memory[i].silent;
            }
        }
        for (int32_t i = 0; i < m->n_nodes; i++) {
            const char *out = m->memory[i].out == NULL ? "" : m->memory[i].out;
            lines[m->nodes[i].kind] += m->memory[i].out_size > 0;
            updates += m->nodes[i].update && *out != '\0';
            alone[0] += strstr(out, ",-1\n") != NULL;
            alone[1] += strstr(out, ",-1,") != NULL;
        }
        slt_event_plan_free(p);
    }
    for (int kind = SLT_EV_SOURCE + 1; kind < SLT_EV_N_KINDS; kind++) {
        if (lines[kind] < 10) {
            fail_msg("%lld operators of kind %d gave rows", (long long)lines[kind], kind);
        }
    }
    assert_true(alone[0] > 10 && alone[1] > 10 && silent > 50 && updates > 10);
}

// ---------------------------------------------------------------- the model itself

static void epoch(slt_event_model *m, int64_t batch_time, int32_t from, int32_t to)
{
    slt_event_rows in[SLT_EVENT_SOURCES] = {0};
    for (int32_t id = from; id < to; id++) {
        in[m->rows[id].source].ids[in[m->rows[id].source].n++] = id;
    }
    slt_event_epoch(m, batch_time, in);
}

static void check_out(const slt_event_model *m, int32_t node, const char *expected)
{
    char *text = slt_event_text(m, node);
    SL_CHECK_TEXT(text, expected);
    free(text);
}

/// Two streams, a window of one and a join of both, reckoned by hand.
SL_TEST(event_model_is_right_about_a_window_and_a_join, "")
{
    enum { TIMES = 1u << 2 | 1u << 3 };
    static const slt_event_node nodes[] = {
        {.kind = SLT_EV_SOURCE, .a = 0},
        {.kind = SLT_EV_SOURCE, .a = 1},
        {.kind = SLT_EV_TIME, .a = 0, .delay = 5, .ahead = 100, .times = 1u << 2},
        {.kind = SLT_EV_TIME, .a = 1, .ahead = 100, .silent = 20, .times = 1u << 3},
        {.kind = SLT_EV_WINDOW, .a = 2, .size = 10, .slide = 10, .times = 1u << 2},
        {.kind = SLT_EV_LATE, .a = 4, .times = 1u << 2, .has_rows = true},
        {.kind = SLT_EV_JOIN, .a = 2, .b = 3, .upper = 5, .outer = {true, true}, .times = TIMES},
    };
    static const slt_event_row rows[] = {
        {.time = 3, .k = 1, .v = 7},      {.time = 16, .k = 1, .v = 1},
        {.time = 8, .k = 1, .source = 1}, {.time = 2, .k = 1, .v = 9},
        {.time = 12, .k = 2, .v = 2},     {.time = SLT_NO_TIME, .k = 2},
        {.time = 40, .k = 2, .v = 1},
    };
    slt_event_model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    m->n_nodes = (int32_t)(sizeof nodes / sizeof nodes[0]);
    m->n_rows = (int32_t)(sizeof rows / sizeof rows[0]);
    memcpy(m->nodes, nodes, sizeof nodes);
    memcpy(m->rows, rows, sizeof rows);
    slt_event_forget(m);
    epoch(m, 10, 0, 3);
    check_out(m, 6, "1,0,2\n"); // 8 is within 5 of 3
    epoch(m, 20, 3, 6);         // the first stream's watermark is 11, the second's 8
    check_out(m, 4, "1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,1,1,7\n");
    check_out(m, 5, "3\n5\n");
    epoch(m, 30, 6, 7); // the second is silent: 11
    check_out(m, 6, "1,0,2\n");
    epoch(m, 40, 7, 7); // 35
    check_out(m, 4,
              "1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,1,1,7\n"
              "1970-01-01T00:00:10Z,1970-01-01T00:00:20Z,1,1,1\n"
              "1970-01-01T00:00:10Z,1970-01-01T00:00:20Z,2,1,2\n");
    check_out(m, 6, "1,0,2\n1,1,-1\n2,4,-1\n");
    slt_event_forget(m);
    free(m);
}
