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

/// Another stream with the same kind of key; itself only when there is no other and by chance.
static int32_t draw_partner(const slt_model *m, int32_t a, uint64_t *at)
{
    int32_t first = slt_draw(at, m->n_nodes);
    for (int32_t i = 0; i < m->n_nodes; i++) {
        int32_t b = (first + i) % m->n_nodes;
        if (b != a && m->nodes[b].is_text == m->nodes[a].is_text) {
            return b;
        }
    }
    return a;
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
    if (node->kind == SLT_SPLIT && !node->is_text) {
        node->kind = SLT_SELECT;
    }
    switch (node->kind) {
    case SLT_SELECT:
        node->which = slt_draw(at, SLT_MODEL_VARIANTS);
        node->is_text = node->is_text != (node->which == SLT_MODEL_VARIANTS - 1);
        break;
    case SLT_WHERE:
        node->which = slt_draw(at, 4);
        break;
    case SLT_SPLIT:
    case SLT_UPDATE_STATE:
        node->which = slt_draw(at, 2);
        break;
    case SLT_MAP_STATE:
        node->which = slt_draw(at, 3);
        break;
    case SLT_UNION:
    case SLT_JOIN:
        node->b = draw_partner(m, node->a, at);
        break;
    case SLT_REDUCE:
    case SLT_COUNT:
        node->is_text = false;
        break;
    case SLT_COUNT_WINDOW:
        node->is_text = false;
        node->c = 1 + slt_draw(at, SLT_MODEL_PAST);
        break;
    case SLT_WINDOW:
    case SLT_REDUCE_WINDOW:
    case SLT_GROUP_WINDOW:
        node->which = slt_draw(at, 2);
        node->c = 1 + slt_draw(at, SLT_MODEL_PAST);
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
        m->nodes[q] = (slt_model_node){.kind = SLT_QUEUE, .a = q, .is_text = slt_draw(at, 3) > 0};
        p->one_at_a_time[q] = slt_draw(at, 2) == 0;
    }
    for (int32_t n = 2 + slt_draw(at, 7); n > 0; n--) {
        draw_node(m, at);
    }
    for (int32_t i = 0; i < m->n_nodes; i++) {
        p->collected[i] = slt_draw(at, 5) == 0;
    }
    bool read[SLT_MODEL_NODES] = {false};
    for (int32_t i = p->n_queues; i < m->n_nodes; i++) {
        read[m->nodes[i].a] = read[m->nodes[i].b] = true;
    }
    for (int32_t i = 0; i < m->n_nodes; i++) {
        p->collected[i] = p->collected[i] || !read[i];
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

/// Few keys or many; no rows, some, or now and then as many as 64 KiB do not hold.
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

static bool expect_epoch(slt_plan *p, int32_t e, int32_t *taken, slt_model_rows *in)
{
    const slt_model_rows *list[SLT_PLAN_EPOCHS * SLT_PLAN_PUSHES];
    for (int32_t q = 0; q < p->n_queues; q++) {
        int32_t n = pushed(p, q, e, list);
        n = p->one_at_a_time[q] && n > taken[q] ? taken[q] + 1 : n;
        in[q].n = 0;
        for (; taken[q] < n; taken[q]++) {
            for (int64_t i = 0; i < list[taken[q]]->n; i++) {
                const slt_model_row *row = &list[taken[q]]->rows[i];
                slt_model_add(p->model, &in[q], row, row->v);
            }
        }
    }
    if (!slt_model_epoch(p->model, in)) {
        return true; // drawn again
    }
    for (int32_t i = 0; i < p->model->n_nodes; i++) {
        if (p->collected[i]) {
            p->expected[e][i] = slt_model_text(&p->model->out[i], p->model->nodes[i].is_text);
            if (p->expected[e][i] == NULL) {
                return false;
            }
        }
    }
    return true;
}

static bool expect_all(slt_plan *p)
{
    int32_t taken[SLT_MODEL_QUEUES] = {0};
    slt_model_rows *in = calloc(SLT_MODEL_QUEUES, sizeof *in);
    bool done = in != NULL;
    for (int32_t e = 0; e < p->n_epochs && done && !p->model->too_much; e++) {
        done = expect_epoch(p, e, taken, in);
    }
    free(in);
    return done;
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
    p->memory = slt_draw(at, 2) == 0 ? "64KiB" : "1GiB";
    p->parallelism = of[slt_draw(at, 3)];
    if (p->model != NULL) {
        draw_graph(p, at);
    }
    if (p->model == NULL || !draw_input_rows(p, at) || !expect_all(p)) {
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
        if (p == NULL || !p->model->too_much) {
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
        for (int32_t i = 0; i < SLT_MODEL_NODES; i++) {
            free(p->expected[e][i]);
        }
    }
    free(p->model);
    free(p);
}
