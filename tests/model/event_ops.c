// What operators of the model do. Each looks at all rows that it has ever taken.
#include "model/event.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void slt_event_line(slt_event_model *m, int32_t node, const char *fmt, ...)
{
    slt_event_memory *memory = &m->memory[node];
    char line[128];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    if (memory->out_size + (size_t)n + 1 > memory->out_capacity) {
        memory->out_capacity = 2 * memory->out_capacity + 256;
        memory->out = realloc(memory->out, memory->out_capacity);
        if (memory->out == NULL) {
            abort(); // a test without memory
        }
    }
    memcpy(memory->out + memory->out_size, line, (size_t)n + 1);
    memory->out_size += (size_t)n;
}

static void add(slt_event_rows *to, int32_t id)
{
    to->ids[to->n++] = id;
}

/// The epoch's rows that are in time are taken.
static void take(slt_event_model *m, int32_t node, int32_t side)
{
    const slt_event_rows *in = &m->out[side == 0 ? m->nodes[node].a : m->nodes[node].b];
    for (int32_t i = 0; i < in->n; i++) {
        if (slt_event_in_time(m, node, &m->rows[in->ids[i]])) {
            m->memory[node].taken[side][in->ids[i]] = m->epoch;
            m->memory[node].taken_at[side][in->ids[i]] = m->memory[node].at;
        }
    }
}

typedef struct moment {
    char text[24];
} moment;

/// Of the last minute before 1970, or the first day of it.
static moment moment_of(int64_t time)
{
    moment out;
    long long s = (long long)time;
    if (s < 0) {
        (void)snprintf(out.text, sizeof out.text, "1969-12-31T23:59:%02lldZ", (60 + s) % 60);
    } else {
        (void)snprintf(out.text, sizeof out.text, "1970-01-01T%02lld:%02lld:%02lldZ", s / 3600 % 24,
                       s / 60 % 60, s % 60);
    }
    return out;
}

/// A window or session.
static void give_result(slt_event_model *m, int32_t node, int64_t start, int64_t end, int64_t k,
                        int64_t count, int64_t sum)
{
    slt_event_line(m, node, "%s,%s,%lld,%lld,%lld\n", moment_of(start).text, moment_of(end).text,
                   (long long)k, (long long)count, (long long)sum);
}

// ---------------------------------------------------------------- windows

static bool is_in_window(const slt_event_model *m, int32_t node, int32_t id, int64_t start)
{
    const slt_event_node *n = &m->nodes[node];
    int64_t time = m->rows[id].time, closes = start + n->size + n->lateness;
    return m->memory[node].taken[0][id] > 0 && time >= start && time < start + n->size &&
           closes > m->memory[node].taken_at[0][id];
}

/// A window of one key: its count and sum, and whether a row of it came now. False: row `first` is
/// not the first one of it.
static bool window_of(const slt_event_model *m, int32_t node, int32_t first, int64_t start,
                      int64_t *count, int64_t *sum, bool *now)
{
    *count = *sum = 0;
    *now = false;
    for (int32_t id = 0; id < first; id++) {
        if (m->rows[id].k == m->rows[first].k && is_in_window(m, node, id, start)) {
            return false;
        }
    }
    for (int32_t id = first; id < m->n_rows; id++) {
        if (m->rows[id].k == m->rows[first].k && is_in_window(m, node, id, start)) {
            ++*count;
            *sum += m->rows[id].v;
            *now = *now || m->memory[node].taken[0][id] == m->epoch;
        }
    }
    return is_in_window(m, node, first, start);
}

static void give_windows(slt_event_model *m, int32_t node)
{
    const slt_event_node *n = &m->nodes[node];
    const slt_event_memory *memory = &m->memory[node];
    for (int32_t id = 0; id < m->n_rows; id++) {
        if (memory->taken[0][id] == 0) {
            continue;
        }
        int64_t last = slt_event_last_start(n, m->rows[id].time);
        for (int64_t start = last - n->size + n->slide; start <= last; start += n->slide) {
            int64_t count = 0, sum = 0, closes = start + n->size + n->lateness;
            bool now = false, closed = closes <= memory->at && closes > memory->before;
            if (window_of(m, node, id, start, &count, &sum, &now) && (n->update ? now : closed)) {
                give_result(m, node, start, start + n->size, m->rows[id].k, count, sum);
            }
        }
    }
}

static void run_window(slt_event_model *m, int32_t node)
{
    take(m, node, 0);
    give_windows(m, node);
}

// ---------------------------------------------------------------- sessions

typedef struct session {
    int64_t start, latest, count, sum;
    bool now;
} session;

static bool is_open(const slt_event_model *m, int32_t node, int32_t id, int64_t k)
{
    return m->memory[node].taken[0][id] > 0 && !m->memory[node].over[0][id] && m->rows[id].k == k;
}

/// The session that begins with the first open row after `after`. False: there is none.
static bool next_session(const slt_event_model *m, int32_t node, int64_t k, int64_t after,
                         session *out)
{
    *out = (session){.start = INT64_MAX};
    for (int32_t id = 0; id < m->n_rows; id++) {
        int64_t time = m->rows[id].time;
        if (is_open(m, node, id, k) && time > after && time < out->start) {
            out->start = out->latest = time;
        }
    }
    for (bool grew = out->start < INT64_MAX; grew;) {
        grew = false;
        for (int32_t id = 0; id < m->n_rows; id++) {
            int64_t time = m->rows[id].time;
            if (is_open(m, node, id, k) && time > out->latest &&
                time < out->latest + m->nodes[node].size) {
                out->latest = time;
                grew = true;
            }
        }
    }
    return out->start < INT64_MAX;
}

/// Adds up a session's rows; `ends`: they are over.
static void add_up(slt_event_model *m, int32_t node, int64_t k, bool ends, session *s)
{
    for (int32_t id = 0; id < m->n_rows; id++) {
        if (is_open(m, node, id, k) && m->rows[id].time >= s->start &&
            m->rows[id].time <= s->latest) {
            s->count++;
            s->sum += m->rows[id].v;
            s->now = s->now || m->memory[node].taken[0][id] == m->epoch;
            m->memory[node].over[0][id] = ends;
        }
    }
}

/// Sessions that end now (`ends`), or those that grew.
static void give_sessions(slt_event_model *m, int32_t node, int64_t k, bool ends)
{
    const slt_event_node *n = &m->nodes[node];
    session s;
    for (int64_t after = -1; next_session(m, node, k, after, &s); after = s.latest) {
        bool over = s.latest + n->size + n->lateness <= m->memory[node].at;
        add_up(m, node, k, ends && over, &s);
        if (ends ? over && !n->update : s.now) {
            give_result(m, node, s.start, s.latest + n->size, k, s.count, s.sum);
        }
    }
}

static bool is_first_of_key(const slt_event_model *m, int32_t id)
{
    for (int32_t i = 0; i < id; i++) {
        if (m->rows[i].k == m->rows[id].k) {
            return false;
        }
    }
    return true;
}

static void run_session(slt_event_model *m, int32_t node)
{
    for (int32_t id = 0; id < m->n_rows; id++) {
        if (is_first_of_key(m, id)) {
            give_sessions(m, node, m->rows[id].k, true);
        }
    }
    take(m, node, 0);
    for (int32_t id = 0; id < m->n_rows && m->nodes[node].update; id++) {
        if (is_first_of_key(m, id)) {
            give_sessions(m, node, m->rows[id].k, false);
        }
    }
}

// ---------------------------------------------------------------- distinct

/// Whether a row of the key was given and the watermark is not past it by more than the delay.
static bool is_known(const slt_event_model *m, int32_t node, int64_t k)
{
    const slt_event_node *n = &m->nodes[node];
    for (int32_t id = 0; id < m->n_rows; id++) {
        if (m->memory[node].taken[0][id] > 0 && m->rows[id].k == k &&
            m->rows[id].time + slt_event_delay(m, n) + n->lateness >= m->memory[node].at) {
            return true;
        }
    }
    return false;
}

static void run_distinct(slt_event_model *m, int32_t node)
{
    const slt_event_rows *in = &m->out[m->nodes[node].a];
    for (int32_t i = 0; i < in->n; i++) {
        int32_t id = in->ids[i];
        if (slt_event_in_time(m, node, &m->rows[id]) && !is_known(m, node, m->rows[id].k)) {
            m->memory[node].taken[0][id] = m->epoch;
            add(&m->out[node], id);
        }
    }
}

// ---------------------------------------------------------------- joins

/// Rows of a side that can't find a match any more, now that the watermark is where it is.
static void give_alone(slt_event_model *m, int32_t node, int32_t side)
{
    const slt_event_node *n = &m->nodes[node];
    slt_event_memory *memory = &m->memory[node];
    for (int32_t id = 0; id < m->n_rows; id++) {
        if (memory->taken[side][id] == 0 || memory->over[side][id]) {
            continue;
        }
        int64_t last = m->rows[id].time + (side == 0 ? n->upper : -n->lower) + n->lateness;
        if (last < memory->at) {
            memory->over[side][id] = true;
            slt_event_line(m, node, side == 0 ? "%lld,%d,-1\n" : "%lld,-1,%d\n",
                           (long long)m->rows[id].k, (int)id);
        }
    }
}

static void give_pair(slt_event_model *m, int32_t node, int32_t a, int32_t b)
{
    slt_event_memory *memory = &m->memory[node];
    int32_t left = memory->taken[0][a], right = memory->taken[1][b];
    if (left == 0 || right == 0 || (left != m->epoch && right != m->epoch) ||
        m->rows[a].k != m->rows[b].k) {
        return;
    }
    int64_t apart = m->rows[b].time - m->rows[a].time;
    if (apart < m->nodes[node].lower || apart > m->nodes[node].upper) {
        return;
    }
    memory->over[0][a] = memory->over[1][b] = true;
    slt_event_line(m, node, "%lld,%d,%d\n", (long long)m->rows[a].k, (int)a, (int)b);
}

static void run_join(slt_event_model *m, int32_t node)
{
    for (int32_t side = 0; side < 2; side++) {
        if (m->nodes[node].outer[side]) {
            give_alone(m, node, side);
        }
        take(m, node, side);
    }
    for (int32_t a = 0; a < m->n_rows; a++) {
        for (int32_t b = 0; b < m->n_rows; b++) {
            give_pair(m, node, a, b);
        }
    }
}

// ---------------------------------------------------------------- the rest

static void run_late(slt_event_model *m, int32_t node)
{
    int32_t op = m->nodes[node].a;
    bool right = m->nodes[node].kind == SLT_EV_LATE_RIGHT;
    const slt_event_rows *in = &m->out[right ? m->nodes[op].b : m->nodes[op].a];
    for (int32_t i = 0; i < in->n; i++) {
        if (!slt_event_in_time(m, op, &m->rows[in->ids[i]])) {
            add(&m->out[node], in->ids[i]);
        }
    }
}

static void pass(slt_event_model *m, int32_t node, int32_t input)
{
    const slt_event_rows *in = &m->out[input];
    bool where = m->nodes[node].kind == SLT_EV_WHERE;
    for (int32_t i = 0; i < in->n; i++) {
        if (!where || m->rows[in->ids[i]].v % 2 == 0) {
            add(&m->out[node], in->ids[i]);
        }
    }
}

void slt_event_run(slt_event_model *m, int32_t node)
{
    const slt_event_node *n = &m->nodes[node];
    switch (n->kind) {
    case SLT_EV_WINDOW:
        run_window(m, node);
        break;
    case SLT_EV_SESSION:
        run_session(m, node);
        break;
    case SLT_EV_DISTINCT:
        run_distinct(m, node);
        break;
    case SLT_EV_JOIN:
        run_join(m, node);
        break;
    case SLT_EV_LATE:
    case SLT_EV_LATE_RIGHT:
        run_late(m, node);
        break;
    case SLT_EV_UNION:
        pass(m, node, n->a);
        pass(m, node, n->b);
        break;
    default:
        pass(m, node, n->a);
        break;
    }
    for (int32_t i = 0; i < m->out[node].n && n->has_rows; i++) {
        slt_event_line(m, node, "%d\n", (int)m->out[node].ids[i]);
    }
}
