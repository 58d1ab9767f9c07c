// Watermarks of the model, as docs/EVENT_TIME.md says it.
#include "model/event.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool is_silent_for(const slt_event_model *m, int64_t seen, int64_t time)
{
    return time > 0 && m->batch_time - most(seen, m->since) >= time;
}

/// The watermark of one event time from its own lanes.
static int64_t own_watermark(const slt_event_model *m, int32_t node)
{
    const slt_event_memory *memory = &m->memory[node];
    int64_t slowest = INT64_MAX, latest = memory->aside_latest;
    for (int32_t i = 0; i < SLT_EVENT_LANES; i++) {
        const slt_event_lane *lane = &memory->lanes[i];
        if (lane->there) {
            latest = most(latest, lane->latest);
            slowest = is_silent_for(m, lane->seen, m->nodes[node].idle)
                          ? slowest
                          : least(slowest, lane->latest);
        }
    }
    int64_t reached = slowest < INT64_MAX ? slowest : latest;
    int64_t watermark = reached == SLT_NO_TIME ? SLT_NO_TIME : reached - m->nodes[node].delay;
    return most(watermark, memory->watermark);
}

static bool is_silent(const slt_event_model *m, int32_t node)
{
    const slt_event_memory *memory = &m->memory[node];
    int64_t seen = memory->aside_seen;
    for (int32_t i = 0; i < SLT_EVENT_LANES; i++) {
        seen = memory->lanes[i].there ? most(seen, memory->lanes[i].seen) : seen;
    }
    return is_silent_for(m, seen, m->nodes[node].silent);
}

/// The event times that one meets at some operator, itself among them.
static uint32_t met_by(const slt_event_model *m, int32_t node)
{
    uint32_t met = 1u << node;
    for (int32_t i = 0; i < m->n_nodes; i++) {
        bool there = slt_event_is_op(&m->nodes[i]) && (m->nodes[i].times >> node & 1) != 0;
        met |= there ? m->nodes[i].times : 0;
    }
    return met;
}

static int64_t lifted(const slt_event_model *m, int32_t node)
{
    uint32_t met = met_by(m, node);
    int64_t slowest = INT64_MAX, fastest = SLT_NO_TIME;
    for (int32_t i = 0; i < m->n_nodes; i++) {
        if ((met >> i & 1) != 0) {
            fastest = most(fastest, m->memory[i].watermark);
            slowest = m->memory[i].silent ? slowest : least(slowest, m->memory[i].watermark);
        }
    }
    return most(m->memory[node].watermark, slowest < INT64_MAX ? slowest : fastest);
}

void slt_event_watermarks(slt_event_model *m)
{
    int64_t to[SLT_EVENT_NODES] = {0};
    m->since = m->since == SLT_NO_TIME ? m->batch_time : m->since;
    for (int32_t i = 0; i < m->n_nodes; i++) {
        if (m->nodes[i].kind == SLT_EV_TIME) {
            m->memory[i].watermark = own_watermark(m, i);
            m->memory[i].silent = is_silent(m, i);
        }
    }
    for (int32_t i = 0; i < m->n_nodes; i++) {
        to[i] = m->memory[i].silent ? lifted(m, i) : m->memory[i].watermark;
    }
    for (int32_t i = 0; i < m->n_nodes; i++) {
        m->memory[i].watermark = to[i];
    }
    for (int32_t i = 0; i < m->n_nodes; i++) {
        m->memory[i].before = m->memory[i].at;
        m->memory[i].at = INT64_MAX;
        for (int32_t t = 0; t < i; t++) {
            bool above = (m->nodes[i].times >> t & 1) != 0;
            m->memory[i].at =
                above ? least(m->memory[i].at, m->memory[t].watermark) : m->memory[i].at;
        }
    }
}

// ---------------------------------------------------------------- what an epoch shows

/// Behind a repartition all rows are one lane.
static bool keeps_lanes(const slt_event_model *m, int32_t node)
{
    const slt_event_node *n = &m->nodes[node];
    return n->kind == SLT_EV_SOURCE ||
           (n->kind == SLT_EV_UNION && keeps_lanes(m, n->a) && keeps_lanes(m, n->b));
}

static slt_event_lane *lane_of(slt_event_memory *memory, int32_t source, int32_t number)
{
    slt_event_lane *free_one = NULL;
    for (int32_t i = 0; i < SLT_EVENT_LANES; i++) {
        slt_event_lane *lane = &memory->lanes[i];
        if (lane->there && lane->source == source && lane->number == number) {
            return lane;
        }
        free_one = lane->there || free_one != NULL ? free_one : lane;
    }
    *free_one = (slt_event_lane){true, source, number, SLT_NO_TIME, SLT_NO_TIME};
    return free_one;
}

static void observe(slt_event_model *m, int32_t node)
{
    slt_event_memory *memory = &m->memory[node];
    const slt_event_rows *in = &m->out[m->nodes[node].a];
    bool lanes = keeps_lanes(m, m->nodes[node].a);
    for (int32_t i = 0; i < in->n; i++) {
        const slt_event_row *row = &m->rows[in->ids[i]];
        if (row->time != SLT_NO_TIME && row->time <= m->batch_time + m->nodes[node].ahead) {
            slt_event_lane *lane = lane_of(memory, lanes ? row->source : -1, lanes ? row->lane : 0);
            lane->latest = most(lane->latest, row->time);
            lane->seen = m->batch_time;
        }
    }
    for (int32_t i = 0; i < SLT_EVENT_LANES; i++) {
        slt_event_lane *lane = &memory->lanes[i];
        if (lane->there && is_silent_for(m, lane->seen, m->nodes[node].idle)) {
            memory->aside_latest = most(memory->aside_latest, lane->latest);
            memory->aside_seen = most(memory->aside_seen, lane->seen);
            lane->there = false;
        }
    }
}

void slt_event_observe(slt_event_model *m)
{
    for (int32_t i = 0; i < m->n_nodes; i++) {
        if (m->nodes[i].kind == SLT_EV_TIME) {
            observe(m, i);
        }
    }
}

// ---------------------------------------------------------------- late rows

bool slt_event_is_op(const slt_event_node *node)
{
    return node->kind == SLT_EV_WINDOW || node->kind == SLT_EV_SESSION ||
           node->kind == SLT_EV_DISTINCT || node->kind == SLT_EV_JOIN;
}

int64_t slt_event_last_start(const slt_event_node *node, int64_t time)
{
    return time - time % node->slide; // no time is before 1970
}

int64_t slt_event_delay(const slt_event_model *m, const slt_event_node *node)
{
    int64_t delay = 0;
    for (int32_t i = 0; i < m->n_nodes; i++) {
        delay = (node->times >> i & 1) != 0 ? most(delay, m->nodes[i].delay) : delay;
    }
    return delay;
}

static bool is_late(const slt_event_model *m, int32_t op, int64_t time)
{
    const slt_event_node *node = &m->nodes[op];
    int64_t at = m->memory[op].at;
    if (at == SLT_NO_TIME) {
        return false;
    }
    switch (node->kind) {
    case SLT_EV_WINDOW:
        return slt_event_last_start(node, time) + node->size + node->lateness <= at;
    case SLT_EV_SESSION:
        return time + node->size + node->lateness <= at;
    default:
        return time + node->lateness < at;
    }
}

bool slt_event_in_time(const slt_event_model *m, int32_t op, const slt_event_row *row)
{
    int64_t ahead = INT64_MAX / 2;
    for (int32_t i = 0; i < m->n_nodes; i++) {
        ahead = (m->nodes[op].times >> i & 1) != 0 ? least(ahead, m->nodes[i].ahead) : ahead;
    }
    return row->time != SLT_NO_TIME && row->time <= m->batch_time + ahead &&
           !is_late(m, op, row->time);
}
