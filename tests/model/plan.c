// Draws graphs and input. A draw that makes more rows or larger values than the model holds (joins
// of joins do) is drawn again, with the numbers that come next.
#include "model/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/draw.h"

// ---------------------------------------------------------------- the graph

/// The last streams are the likeliest: graphs are deep, with some side branches.
static int32_t draw_input(const slt_model *m, uint64_t *at)
{
    return slt_draw(at, 3) > 0 ? m->n_nodes - 1 : slt_draw(at, m->n_nodes);
}

/// Another stream with the same kind of key and slide; itself only when there is no other and by
/// chance.
static int32_t draw_partner(const slt_model *m, int32_t a, uint64_t *at)
{
    int32_t first = slt_draw(at, m->n_nodes);
    for (int32_t i = 0; i < m->n_nodes; i++) {
        int32_t b = (first + i) % m->n_nodes;
        if (b != a && m->nodes[b].is_text == m->nodes[a].is_text &&
            m->nodes[b].slide == m->nodes[a].slide) {
            return b;
        }
    }
    return a;
}

/// Most windows slide as their input does, so that streams can go together; some are shorter than
/// their slide.
static void draw_window(const slt_model *m, slt_model_node *node, uint64_t *at)
{
    static const int32_t slides[] = {1, 1, 1, 2, 3};
    int64_t unit = m->nodes[node->a].slide;
    node->slide = unit * slides[slt_draw(at, (int32_t)(sizeof slides / sizeof slides[0]))];
    node->c = unit * (1 + slt_draw(at, 4));
    node->is_text = node->is_text && node->kind != SLT_COUNT_WINDOW && node->kind != SLT_SUM_WINDOW;
}

static void draw_node(slt_model *m, uint64_t *at)
{
    slt_model_node *node = &m->nodes[m->n_nodes];
    *node = (slt_model_node){.kind = (slt_model_kind)(1 + slt_draw(at, SLT_N_KINDS - 1)),
                             .a = draw_input(m, at),
                             .c = slt_draw(at, 12),
                             .persist = slt_draw(at, 6) == 0};
    node->b = node->a;
    node->is_text = m->nodes[node->a].is_text;
    node->slide = m->nodes[node->a].slide;
    node->idle = 1 + slt_draw(at, 4);
    node->every = node->slide * (2 + slt_draw(at, 2));
    if (node->kind == SLT_SPLIT && !node->is_text) {
        node->kind = SLT_SELECT;
    }
    node->which = slt_draw(at, slt_model_variants(node->kind));
    if (node->kind >= SLT_WINDOW) {
        draw_window(m, node, at);
    }
    switch (node->kind) {
    case SLT_SELECT:
        node->is_text = node->is_text != (node->which == SLT_MODEL_VARIANTS - 1);
        break;
    case SLT_UNION:
    case SLT_JOIN:
    case SLT_COGROUP:
    case SLT_SUBTRACT:
        node->b = draw_partner(m, node->a, at);
        break;
    case SLT_REDUCE:
    case SLT_COUNT:
        node->is_text = false;
        break;
    default:
        break;
    }
    node->partitions =
        node->kind == SLT_REPARTITION ? 1 + slt_draw(at, 8) : slt_draw(at, 3) * slt_draw(at, 3);
    m->n_nodes++;
}

static void draw_graph(slt_plan *p, uint64_t *at)
{
    slt_model *m = p->model;
    m->n_nodes = p->n_queues = 1 + slt_draw(at, SLT_MODEL_QUEUES);
    for (int32_t q = 0; q < p->n_queues; q++) {
        m->nodes[q] =
            (slt_model_node){.kind = SLT_QUEUE, .a = q, .is_text = slt_draw(at, 3) > 0, .slide = 1};
        p->one_at_a_time[q] = slt_draw(at, 2) == 0 && !p->is_durable;
        p->has_default[q] = slt_draw(at, 4) == 0 && !p->is_durable;
    }
    for (int32_t n = 2 + slt_draw(at, 7); n > 0; n--) {
        draw_node(m, at);
    }
    bool read[SLT_MODEL_NODES] = {false};
    for (int32_t i = p->n_queues; i < m->n_nodes; i++) {
        read[m->nodes[i].a] = read[m->nodes[i].b] = true;
    }
    for (int32_t i = 0; i < m->n_nodes; i++) {
        m->nodes[i].has_output = slt_draw(at, 5) == 0 || !read[i];
    }
}

/// A process dies before every third epoch or so; some of its heirs die, too.
static void draw_blows(slt_plan *p, uint64_t *at)
{
    for (int32_t e = 1; e < p->n_epochs && p->is_durable; e++) {
        bool dies = slt_draw(at, 3) == 0;
        p->blows[e] = (slt_blow){.dies = dies,
                                 .power_fails = slt_draw(at, 2) == 0,
                                 .outage_s = slt_draw(at, 2) * slt_draw(at, 8),
                                 .crash_call = slt_draw(at, 2) * (1 + slt_draw(at, 150))};
    }
}

// ---------------------------------------------------------------- the input

static const char *const texts[] = {"a",
                                    "b",
                                    "to be",
                                    "or not to be",
                                    "",
                                    " lead",
                                    "two  blanks ",
                                    "say \"x\" \\",
                                    "Abc",
                                    "a text that is longer than twelve",
                                    "A",
                                    "42"};
enum { N_TEXTS = (int32_t)(sizeof texts / sizeof texts[0]) };

/// Few keys or many; no rows, some, or now and then so many that several partitions of them do not
/// fit into 256 KiB.
static bool draw_rdd(slt_plan *p, slt_push *push, bool is_text, uint64_t *at)
{
    static const int32_t most[] = {1, 25, 25, 25, 25, 120, 120, 800};
    int32_t n = slt_draw(at, most[slt_draw(at, (int32_t)(sizeof most / sizeof most[0]))]);
    int32_t n_keys = 1 + slt_draw(at, slt_draw(at, 2) == 0 ? 3 : N_TEXTS);
    slt_model_rows *rows = calloc(1, sizeof *rows);
    push->slices[push->n] = 1 + slt_draw(at, 5);
    push->rows[push->n] = rows;
    if (rows == NULL) {
        return false;
    }
    for (int32_t i = 0; i < n; i++) {
        slt_model_row key = {0};
        int32_t which = slt_draw(at, n_keys);
        key.number = is_text ? 0 : which - 2;
        (void)snprintf(key.text, sizeof key.text, "%s", is_text ? texts[which] : "");
        slt_model_add(p->model, rows, &key, slt_draw(at, 41) - 15);
    }
    push->json[push->n] = slt_model_text(rows, is_text);
    return push->json[push->n++] != NULL;
}

static bool draw_input_rows(slt_plan *p, uint64_t *at)
{
    bool done = true;
    p->n_epochs = 4 + slt_draw(at, SLT_PLAN_EPOCHS - 3);
    draw_blows(p, at);
    for (int32_t e = 0; e < p->n_epochs; e++) {
        for (int32_t q = 0; q < p->n_queues; q++) {
            for (int32_t n = slt_draw(at, 5) == 0 ? slt_draw(at, 3) : 1; n > 0 && done; n--) {
                done = draw_rdd(p, &p->pushes[e][q], p->model->nodes[q].is_text, at);
            }
        }
    }
    return done;
}

// ---------------------------------------------------------------- what must come out

/// The RDDs of queue `q` in the order in which they were pushed, up to epoch `e`.
static int32_t pushed(const slt_plan *p, int32_t q, int32_t e, const slt_model_rows **list)
{
    int32_t n = 0;
    for (int32_t i = 0; i <= e; i++) {
        for (int32_t j = 0; j < p->pushes[i][q].n; j++) {
            list[n++] = p->pushes[i][q].rows[j];
        }
    }
    return n;
}

/// The queue's RDD of epoch `e`, in which it is asked.
static void pull(slt_plan *p, int32_t q, int32_t e, slt_model_rows *in)
{
    const slt_model_rows *list[SLT_PLAN_EPOCHS * SLT_PLAN_PUSHES];
    int32_t n = pushed(p, q, e, list);
    if (p->has_default[q] && p->taken[q] == n) {
        const slt_model_row *row = &slt_model_table[p->model->nodes[q].is_text][0];
        slt_model_add(p->model, in, row, row->v);
    }
    n = p->one_at_a_time[q] && n > p->taken[q] ? p->taken[q] + 1 : n;
    for (; p->taken[q] < n; p->taken[q]++) {
        const slt_model_rows *rdd = list[p->taken[q]];
        for (int64_t i = 0; i < rdd->n; i++) {
            slt_model_add(p->model, in, &rdd->rows[i], rdd->rows[i].v);
        }
    }
}

static bool expect(slt_plan *p)
{
    const slt_model *m = p->model;
    bool done = true;
    for (int32_t i = 0; i < m->n_nodes; i++) {
        free(p->expected[i]);
        p->expected[i] = NULL;
        if (m->nodes[i].has_output && slt_model_fires(m, m->nodes[i].slide)) {
            p->expected[i] = slt_model_text(&m->out[i], m->nodes[i].is_text);
            done = done && p->expected[i] != NULL;
        }
    }
    return done;
}

bool slt_plan_epoch(slt_plan *p, int32_t e, int64_t before, int64_t now)
{
    slt_model_rows *in = calloc(SLT_MODEL_QUEUES, sizeof *in);
    bool done = in != NULL;
    slt_model_begin(p->model, before, now);
    for (int32_t q = 0; q < p->n_queues && done; q++) {
        if (p->model->wanted[q]) {
            pull(p, q, e, &in[q]);
        }
    }
    done = done && slt_model_epoch(p->model, in) && expect(p);
    free(in);
    return done;
}

/// Whether all of it is small enough, when every epoch takes its second.
static bool is_small(slt_plan *p)
{
    bool small = !p->model->too_much;
    for (int32_t e = 0; e < p->n_epochs && small; e++) {
        small = slt_plan_epoch(p, e, e, e + 1);
    }
    slt_model_reset(p->model);
    memset(p->taken, 0, sizeof p->taken);
    return small;
}

// ---------------------------------------------------------------- the plan

static slt_plan *draw_plan(uint64_t seed, uint64_t *at)
{
    static const char *const of[] = {"1", "3", "7"};
    slt_plan *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->seed = seed;
    p->model = calloc(1, sizeof *p->model);
    p->master = slt_draw(at, 2) == 0 ? "local[1]" : "local[4]";
    p->backend = slt_draw(at, 4) == 0 ? "pool" : "inline";
    p->memory = slt_draw(at, 2) == 0 ? "256KiB" : "1GiB"; // state must fit: a key a row at most
    p->parallelism = of[slt_draw(at, 3)];
    p->is_durable = slt_draw(at, 3) == 0;
    if (p->model != NULL) {
        draw_graph(p, at);
    }
    if (p->model == NULL || !draw_input_rows(p, at)) {
        slt_plan_free(p);
        return NULL;
    }
    return p;
}

slt_plan *slt_plan_new(uint64_t seed)
{
    uint64_t at = seed;
    for (;;) { // most draws are small enough
        slt_plan *p = draw_plan(seed, &at);
        if (p == NULL || is_small(p)) {
            return p;
        }
        slt_plan_free(p);
    }
}

void slt_plan_free(slt_plan *p)
{
    if (p == NULL) {
        return;
    }
    for (int32_t e = 0; e < SLT_PLAN_EPOCHS; e++) {
        for (int32_t q = 0; q < SLT_MODEL_QUEUES; q++) {
            for (int32_t i = 0; i < SLT_PLAN_PUSHES; i++) {
                free(p->pushes[e][q].json[i]);
                free(p->pushes[e][q].rows[i]);
            }
        }
    }
    for (int32_t i = 0; i < SLT_MODEL_NODES; i++) {
        free(p->expected[i]);
    }
    free(p->model);
    free(p);
}
