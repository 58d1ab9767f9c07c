// Draws graphs by event time and their input. Times and durations are whole seconds and few, so
// that rows often lie exactly at a bound, a window's end or the watermark.
#include "model/event.h"

#include <stdlib.h>

#include "model/draw.h"

static bool chance(uint64_t *at, int32_t one_in)
{
    return slt_draw(at, one_in) == 0;
}

static int64_t one_of(uint64_t *at, const int64_t *list, int32_t n)
{
    return list[slt_draw(at, n)];
}
#define ONE_OF(at, ...)                                                                            \
    one_of(at, (const int64_t[]){__VA_ARGS__},                                                     \
           (int32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

// ---------------------------------------------------------------- the graph

static slt_event_node *new_node(slt_event_plan *p, slt_event_kind kind, int32_t a, int32_t b)
{
    slt_event_model *m = &p->model;
    slt_event_node *node = &m->nodes[m->n_nodes++];
    *node = (slt_event_node){.kind = kind, .a = a, .b = b};
    if (kind == SLT_EV_SOURCE) {
        node->sources = 1u << a;
        return node;
    }
    node->sources = m->nodes[a].sources | m->nodes[b].sources;
    node->times =
        kind == SLT_EV_TIME ? 1u << (m->n_nodes - 1) : m->nodes[a].times | m->nodes[b].times;
    node->has_rows = kind != SLT_EV_WINDOW && kind != SLT_EV_SESSION && kind != SLT_EV_JOIN;
    return node;
}

static int32_t last_node(const slt_event_plan *p)
{
    return p->model.n_nodes - 1;
}

/// A source, or both of them as one stream.
static void draw_time(slt_event_plan *p, int32_t source, uint64_t *at)
{
    int32_t input = source;
    if (p->n_sources > 1 && chance(at, 4)) {
        (void)new_node(p, SLT_EV_UNION, 0, 1);
        input = last_node(p);
    }
    if (chance(at, 5)) {
        (void)new_node(p, SLT_EV_REPARTITION, input, input);
        input = last_node(p);
    }
    slt_event_node *node = new_node(p, SLT_EV_TIME, input, input);
    node->delay = ONE_OF(at, 0, 5, 10, 20);
    node->ahead = ONE_OF(at, 0, 20, 3600);
    node->idle = p->crashes ? 0 : ONE_OF(at, 0, 10, 20, 30, 300);
    node->silent = p->crashes ? 0 : ONE_OF(at, 0, 20, 40);
}

/// A stream of rows with an event time; `other` than one, of other rows than one when it `parts`.
static int32_t draw_timed(const slt_event_plan *p, int32_t other, bool parts, uint64_t *at)
{
    const slt_event_model *m = &p->model;
    int32_t first = slt_draw(at, m->n_nodes);
    for (int32_t i = 0; i < m->n_nodes; i++) {
        const slt_event_node *node = &m->nodes[(first + i) % m->n_nodes];
        bool late = node->kind == SLT_EV_LATE || node->kind == SLT_EV_LATE_RIGHT;
        bool shares = other >= 0 && (node->sources & m->nodes[other].sources) != 0;
        if (node->has_rows && node->times != 0 && !late && !(parts && shares)) {
            return (first + i) % m->n_nodes;
        }
    }
    return -1;
}

static void draw_settings(slt_event_node *node, uint64_t *at)
{
    node->lateness = ONE_OF(at, 0, 0, 5, 15);
    node->partitions = slt_draw(at, 3) * slt_draw(at, 3);
    if (node->kind == SLT_EV_WINDOW) {
        node->slide = ONE_OF(at, 5, 10, 20);
        node->size = node->slide * (1 + slt_draw(at, 3));
    } else if (node->kind == SLT_EV_SESSION) {
        node->size = ONE_OF(at, 2, 5, 10);
    } else if (node->kind == SLT_EV_JOIN) {
        node->lower = slt_draw(at, 30) - 20;
        node->upper = node->lower + ONE_OF(at, 0, 5, 15, 25);
        node->outer[0] = chance(at, 2);
        node->outer[1] = chance(at, 2);
    }
    node->update = (node->kind == SLT_EV_WINDOW || node->kind == SLT_EV_SESSION) && chance(at, 2);
}

static void draw_op(slt_event_plan *p, uint64_t *at)
{
    static const slt_event_kind kinds[] = {SLT_EV_WINDOW, SLT_EV_WINDOW, SLT_EV_SESSION,
                                           SLT_EV_JOIN,   SLT_EV_JOIN,   SLT_EV_DISTINCT,
                                           SLT_EV_WHERE,  SLT_EV_UNION};
    slt_event_kind kind = kinds[slt_draw(at, (int32_t)(sizeof kinds / sizeof kinds[0]))];
    int32_t a = draw_timed(p, -1, false, at), b = a;
    if (kind == SLT_EV_UNION || kind == SLT_EV_JOIN) {
        b = draw_timed(p, a, kind == SLT_EV_UNION, at);
    }
    if (b < 0) {
        return; // no union of rows with themselves
    }
    slt_event_node *node = new_node(p, kind, a, b);
    int32_t op = last_node(p);
    if (!slt_event_is_op(node)) {
        return;
    }
    draw_settings(node, at);
    if (chance(at, 2)) {
        bool right = kind == SLT_EV_JOIN && chance(at, 2);
        (void)new_node(p, right ? SLT_EV_LATE_RIGHT : SLT_EV_LATE, op, op);
        // What it takes from above is the operator's input, not its results.
        p->model.nodes[last_node(p)].sources = p->model.nodes[right ? b : a].sources;
    }
}

static void draw_graph(slt_event_plan *p, uint64_t *at)
{
    p->n_sources = chance(at, 4) ? 1 : 2;
    for (int32_t i = 0; i < p->n_sources; i++) {
        (void)new_node(p, SLT_EV_SOURCE, i, i);
    }
    for (int32_t n = p->n_sources + slt_draw(at, 2), i = 0; i < n; i++) {
        draw_time(p, i % p->n_sources, at);
    }
    while (p->model.n_nodes < SLT_EVENT_NODES - 2 && !chance(at, 6)) {
        draw_op(p, at);
    }
    bool read[SLT_EVENT_NODES] = {false};
    for (int32_t i = 0; i < p->model.n_nodes; i++) {
        const slt_event_node *node = &p->model.nodes[i];
        bool late = node->kind == SLT_EV_LATE || node->kind == SLT_EV_LATE_RIGHT;
        if (!late && node->kind != SLT_EV_SOURCE) {
            read[node->a] = read[node->b] = true;
        }
    }
    for (int32_t i = p->n_sources; i < p->model.n_nodes; i++) {
        p->shown[i] = !read[i] || (p->model.nodes[i].has_rows && chance(at, 4));
    }
}

// ---------------------------------------------------------------- the input

/// Some seconds before the batch time, now and then long before, far ahead, or never.
static int64_t draw_row_time(int64_t batch_time, uint64_t *at)
{
    int32_t kind = slt_draw(at, 40);
    if (kind == 0) {
        return SLT_NO_TIME;
    }
    int64_t time = kind == 1   ? batch_time + ONE_OF(at, 5, 20, 21, 3600, 7200)
                   : kind == 2 ? slt_draw(at, 50)
                               : batch_time - slt_draw(at, 30);
    return time < 0 ? 0 : time;
}

static void draw_rows(slt_event_plan *p, int32_t epoch, int32_t source, uint64_t *at)
{
    slt_event_model *m = &p->model;
    slt_event_rows *in = &p->in[epoch][source];
    int32_t n = slt_draw(at, 14), slices = p->files ? 1 : 1 + slt_draw(at, 3);
    p->slices[epoch][source] = slices;
    for (int32_t i = 0; i < n; i++) {
        int32_t lane = 0;
        while ((int64_t)n * (lane + 1) / slices <= i) {
            lane++; // as a queue cuts what is pushed
        }
        in->ids[in->n++] = m->n_rows;
        m->rows[m->n_rows++] =
            (slt_event_row){.time = draw_row_time((epoch + 1) * SLT_EVENT_INTERVAL, at),
                            .k = slt_draw(at, 4),
                            .v = slt_draw(at, 20) - 5,
                            .source = source,
                            .lane = lane};
    }
}

/// Sources fall silent for some epochs now and then.
static void draw_input(slt_event_plan *p, uint64_t *at)
{
    p->n_epochs = 6 + slt_draw(at, SLT_EVENT_EPOCHS - 5);
    for (int32_t source = 0; source < p->n_sources; source++) {
        int32_t quiet = 0;
        for (int32_t e = 0; e < p->n_epochs; e++) {
            quiet = quiet > 0 ? quiet - 1 : chance(at, 5) ? 1 + slt_draw(at, 5) : 0;
            if (quiet == 0) {
                draw_rows(p, e, source, at);
            }
        }
    }
}

slt_event_plan *slt_event_plan_new(uint64_t seed)
{
    static const char *const of[] = {"1", "3", "7"};
    uint64_t numbers = seed, *at = &numbers;
    slt_event_plan *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->seed = seed;
    p->files = chance(at, 2);
    p->crashes = p->files && chance(at, 2);
    p->master = chance(at, 2) ? "local[1]" : "local[4]";
    p->backend = chance(at, 6) ? "pool" : "inline";
    p->memory = chance(at, 2) ? "256KiB" : "1GiB"; // state must fit
    p->parallelism = of[slt_draw(at, 3)];
    draw_graph(p, at);
    draw_input(p, at);
    slt_event_forget(&p->model);
    return p;
}

void slt_event_plan_free(slt_event_plan *p)
{
    if (p != NULL) {
        slt_event_forget(&p->model);
        free(p);
    }
}
