// The model's operators. Slow and plain on purpose.
#include "model/model.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const slt_model_row slt_model_table[2][3] = {
    {{.number = -2, .v = 10}, {.number = 0, .v = 20}, {.number = 0, .v = 30}},
    {{.text = "a", .v = 10}, {.text = "Abc", .v = 20}, {.text = "Abc", .v = 30}},
};

int32_t slt_model_variants(slt_model_kind kind)
{
    switch (kind) {
    case SLT_SELECT:
    case SLT_WHERE:
    case SLT_MAP_STATE:
    case SLT_RUNNING:
        return SLT_MODEL_VARIANTS;
    case SLT_SAME:
    case SLT_JOIN:
    case SLT_UPDATE_STATE:
        return 4;
    case SLT_VALUES:
    case SLT_REDUCE_WINDOW:
        return 3;
    case SLT_SPLIT:
    case SLT_UNION:
    case SLT_SUBTRACT:
    case SLT_REDUCE_BY_KEY:
    case SLT_VALUES_WINDOW:
    case SLT_SUM_WINDOW:
        return 2;
    default:
        return 1;
    }
}

void slt_model_add(slt_model *model, slt_model_rows *to, const slt_model_row *key, int64_t v)
{
    if (to->n == SLT_MODEL_ROWS || v > SLT_MODEL_MOST || v < -SLT_MODEL_MOST) {
        model->too_much = true;
        return;
    }
    to->rows[to->n] = *key;
    to->rows[to->n++].v = v;
}

static bool same_key(const slt_model_row *a, const slt_model_row *b)
{
    return a->number == b->number && strcmp(a->text, b->text) == 0;
}

static slt_model_row *find(slt_model_rows *in, const slt_model_row *key)
{
    for (int64_t i = 0; i < in->n; i++) {
        if (same_key(&in->rows[i], key)) {
            return &in->rows[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- row by row

/// The expressions are those of graph.c, again in C.
static void select_row(slt_model *m, const slt_model_node *node, const slt_model_row *row)
{
    slt_model_rows *out = &m->out[node - m->nodes];
    slt_model_row key = *row;
    int64_t v = row->v;
    switch (node->which) {
    case 0:
        v = v * 2 + node->c;
        break;
    case 1:
        v = (v < 0 ? -v : v) % 7 - node->c;
        break;
    case 2:
        v = v > node->c ? v : -v;
        break;
    case 3: // another key of the same kind
        for (char *at = key.text; *at != '\0'; at++) {
            *at = (char)toupper((unsigned char)*at);
        }
        key.number = node->is_text ? 0 : v % 5;
        break;
    default: // a key of the other kind
        key = (slt_model_row){.number = node->is_text ? 0 : (int64_t)strlen(row->text)};
        if (node->is_text) {
            (void)snprintf(key.text, sizeof key.text, "%lld", (long long)row->number);
        }
        break;
    }
    slt_model_add(m, out, &key, v);
}

static bool passes(const slt_model_node *node, const slt_model_row *row)
{
    if (node->kind != SLT_WHERE) {
        return true;
    }
    switch (node->which) {
    case 0:
        return row->v > node->c;
    case 1:
        return row->v % 2 == 0;
    case 2:
        return row->v != node->c && (row->v < 10 || row->v > 15);
    case 4:
        return row->v % 3 != 0;
    default:
        return node->is_text ? row->text[0] != '\0' : row->number >= node->c;
    }
}

/// Cuts at every blank; variant 1 drops empty pieces.
static void split_row(slt_model *m, const slt_model_node *node, const slt_model_row *row)
{
    const char *at = row->text;
    for (bool more = true; more;) {
        slt_model_row word = {0};
        size_t size = strcspn(at, " ");
        memcpy(word.text, at, size);
        if (size > 0 || node->which == 0) {
            slt_model_add(m, &m->out[node - m->nodes], &word, 1);
        }
        more = at[size] == ' ';
        at += size + 1;
    }
}

static void values_of_row(slt_model *m, const slt_model_node *node, const slt_model_row *row)
{
    slt_model_rows *out = &m->out[node - m->nodes];
    if (node->which == 0) {
        slt_model_add(m, out, row, -row->v);
    } else if (node->which == 1) {
        slt_model_add(m, out, row, row->v);
        slt_model_add(m, out, row, 2 * row->v);
    } else if (row->v % 2 == 0) {
        slt_model_add(m, out, row, row->v);
    }
}

static void join_table_row(slt_model *m, const slt_model_node *node, const slt_model_row *row)
{
    for (int i = 0; i < 3; i++) {
        const slt_model_row *of = &slt_model_table[node->is_text][i];
        if (same_key(of, row)) {
            slt_model_add(m, &m->out[node - m->nodes], row, row->v + of->v);
        }
    }
}

static void narrow(slt_model *m, const slt_model_node *node, const slt_model_rows *in)
{
    slt_model_rows *out = &m->out[node - m->nodes];
    for (int64_t i = 0; i < in->n && !m->too_much; i++) {
        const slt_model_row *row = &in->rows[i];
        if (node->kind == SLT_SELECT) {
            select_row(m, node, row);
        } else if (node->kind == SLT_SPLIT) {
            split_row(m, node, row);
        } else if (node->kind == SLT_VALUES) {
            values_of_row(m, node, row);
        } else if (node->kind == SLT_JOIN_TABLE) {
            join_table_row(m, node, row);
        } else if (passes(node, row)) {
            slt_model_add(m, out, row, row->v);
        }
    }
}

// ---------------------------------------------------------------- by key

/// What one row adds to the value of its key.
static int64_t share(const slt_model_node *node, const slt_model_row *row)
{
    switch (node->kind) {
    case SLT_GROUP_BY_KEY:
    case SLT_GROUP_WINDOW:
    case SLT_COUNT:
    case SLT_COUNT_WINDOW:
        return 1;
    case SLT_REDUCE_BY_KEY:
    case SLT_REDUCE_WINDOW:
        return 7 + row->v;
    default:
        return row->v;
    }
}

static void fold(slt_model *m, const slt_model_node *node, const slt_model_rows *in,
                 slt_model_rows *to)
{
    const slt_model_row zero = {0};
    bool count = node->kind == SLT_COUNT || node->kind == SLT_COUNT_WINDOW;
    bool keyless = node->kind == SLT_REDUCE || node->kind == SLT_SUM_WINDOW || count;
    for (int64_t i = 0; i < in->n && !m->too_much; i++) {
        const slt_model_row *key = keyless ? &zero : &in->rows[i];
        slt_model_row *known = find(to, key);
        if (known == NULL) {
            slt_model_add(m, to, key, share(node, &in->rows[i]));
        } else {
            known->v += share(node, &in->rows[i]);
            m->too_much = m->too_much || known->v > SLT_MODEL_MOST || known->v < -SLT_MODEL_MOST;
        }
    }
    if (count && in->n == 0) {
        slt_model_add(m, to, &zero, 0);
    }
}

static bool same_row(const slt_model_row *a, const slt_model_row *b)
{
    return a->v == b->v && same_key(a, b);
}

static int64_t occurrences(const slt_model_rows *in, const slt_model_row *row)
{
    int64_t n = 0;
    for (int64_t i = 0; i < in->n; i++) {
        n += same_row(&in->rows[i], row);
    }
    return n;
}

/// Each row of `in` once; with its number of occurrences added, when `count`.
static void once(slt_model *m, const slt_model_rows *in, slt_model_rows *out, bool count)
{
    for (int64_t i = 0; i < in->n; i++) {
        bool is_first = true;
        for (int64_t j = 0; j < i && is_first; j++) {
            is_first = !same_row(&in->rows[i], &in->rows[j]);
        }
        if (is_first) {
            slt_model_add(m, out, &in->rows[i],
                          in->rows[i].v + (count ? occurrences(in, &in->rows[i]) : 0));
        }
    }
}

/// Rows of a that b does not have; variant 1: that it has, once each.
static void subtract(slt_model *m, const slt_model_node *node)
{
    const slt_model_rows *a = &m->out[node->a], *b = &m->out[node->b];
    slt_model_rows *both = &m->state[node - m->nodes], *out = &m->out[node - m->nodes];
    both->n = 0;
    for (int64_t i = 0; i < a->n; i++) {
        bool is_common = occurrences(b, &a->rows[i]) > 0;
        if (is_common == (node->which == 1)) {
            slt_model_add(m, is_common ? both : out, &a->rows[i], a->rows[i].v);
        }
    }
    once(m, both, out, false);
}

// ---------------------------------------------------------------- state

static void touch(slt_model *m, slt_model_rows *state, const slt_model_rows *in)
{
    for (int64_t i = 0; i < in->n; i++) {
        slt_model_row *row = find(state, &in->rows[i]);
        if (row != NULL) {
            row->touched = m->now;
        }
    }
}

/// Drops keys that were idle for too long; as rows with the negated value when `tell`.
static void drop_idle(slt_model *m, const slt_model_node *node, bool tell)
{
    slt_model_rows *state = &m->state[node - m->nodes];
    int64_t kept = 0;
    for (int64_t i = 0; i < state->n; i++) {
        const slt_model_row row = state->rows[i];
        if (m->now - row.touched <= node->idle) {
            state->rows[kept++] = row;
        } else if (tell) {
            slt_model_add(m, &m->out[node - m->nodes], &row, -row.v);
        }
    }
    state->n = kept;
}

/// The table's keys; its third row has the second's.
static void read_table(slt_model *m, const slt_model_node *node)
{
    const slt_model_row *table = slt_model_table[node->is_text];
    for (int i = 0; i < 2; i++) {
        slt_model_add(m, &m->state[node - m->nodes], &table[i], table[i].v);
    }
}

static void update_state(slt_model *m, const slt_model_node *node, const slt_model_rows *in)
{
    slt_model_rows *state = &m->state[node - m->nodes], *out = &m->out[node - m->nodes];
    bool *began = &m->began[node - m->nodes];
    if (node->which == 2) {
        drop_idle(m, node, false);
    } else if (node->which == 3 && !*began) {
        read_table(m, node);
    }
    *began = true;
    fold(m, node, in, state);
    touch(m, state, in);
    int64_t kept = 0;
    for (int64_t i = 0; i < state->n; i++) {
        if (node->which != 1 || state->rows[i].v % 4 != 0) {
            slt_model_add(m, out, &state->rows[i], state->rows[i].v);
            state->rows[kept++] = state->rows[i];
        }
    }
    state->n = kept;
}

static void forget(slt_model_rows *state, slt_model_row *row)
{
    *row = state->rows[--state->n];
}

static void map_state(slt_model *m, const slt_model_node *node, const slt_model_rows *in)
{
    slt_model_rows *state = &m->state[node - m->nodes], *out = &m->out[node - m->nodes];
    for (int64_t i = 0; i < in->n && !m->too_much; i++) {
        slt_model_row *known = find(state, &in->rows[i]);
        int64_t n = known == NULL ? 1 : ++known->v;
        if (known == NULL) {
            slt_model_add(m, state, &in->rows[i], 1);
        } else if (node->which == 1 && n % 4 == 0) {
            forget(state, known);
        }
        if (node->which != 2) {
            slt_model_add(m, out, &in->rows[i], n);
        }
    }
    touch(m, state, in);
    for (int64_t i = 0; node->which == 2 && i < state->n; i++) {
        slt_model_add(m, out, &state->rows[i], state->rows[i].v);
    }
    if (node->which == 3 || (node->which == 4 && m->now % node->every == 0)) {
        drop_idle(m, node, true);
    }
}

/// A key whose time is over is gone, whoever looks for it.
static void running(slt_model *m, const slt_model_node *node, slt_model_rows *in)
{
    slt_model_rows *state = &m->state[node - m->nodes], *out = &m->out[node - m->nodes];
    bool gives_all = node->which == 1 || node->which == 2 || node->which == 4;
    if (node->which >= 3) {
        drop_idle(m, node, false);
    }
    for (int64_t i = 0; i < in->n; i++) {
        slt_model_row *known = find(state, &in->rows[i]);
        if (known == NULL) {
            slt_model_add(m, state, &in->rows[i], 7 + in->rows[i].v);
        } else {
            known->v += 7 + in->rows[i].v;
        }
    }
    touch(m, state, in);
    for (int64_t i = 0; i < state->n; i++) {
        if (gives_all || find(in, &state->rows[i]) != NULL) {
            slt_model_add(m, out, &state->rows[i], state->rows[i].v);
        }
    }
}

// ---------------------------------------------------------------- two streams

static int64_t values_of(const slt_model_rows *in, const slt_model_row *key)
{
    int64_t n = 0;
    for (int64_t i = 0; i < in->n; i++) {
        n += same_key(&in->rows[i], key);
    }
    return n;
}

static void join(slt_model *m, const slt_model_node *node)
{
    const slt_model_rows *a = &m->out[node->a], *b = &m->out[node->b];
    slt_model_rows *out = &m->out[node - m->nodes];
    bool left = node->which == 1 || node->which == 3, right = node->which >= 2;
    for (int64_t i = 0; i < a->n; i++) {
        for (int64_t j = 0; j < b->n && !m->too_much; j++) {
            if (same_key(&a->rows[i], &b->rows[j])) {
                slt_model_add(m, out, &a->rows[i], a->rows[i].v - b->rows[j].v);
            }
        }
        if (left && values_of(b, &a->rows[i]) == 0) {
            slt_model_add(m, out, &a->rows[i], a->rows[i].v);
        }
    }
    for (int64_t j = 0; right && j < b->n; j++) {
        if (values_of(a, &b->rows[j]) == 0) {
            slt_model_add(m, out, &b->rows[j], -b->rows[j].v);
        }
    }
}

static void cogroup(slt_model *m, const slt_model_node *node)
{
    const slt_model_rows *a = &m->out[node->a], *b = &m->out[node->b];
    slt_model_rows *out = &m->out[node - m->nodes];
    for (int64_t i = 0; i < a->n + b->n; i++) {
        const slt_model_row *key = i < a->n ? &a->rows[i] : &b->rows[i - a->n];
        if (find(out, key) == NULL) {
            slt_model_add(m, out, key, 100 * values_of(a, key) + values_of(b, key));
        }
    }
}

// ---------------------------------------------------------------- windows

/// Whether the next of the windows will hold rows of now.
static bool takes(const slt_model *m, const slt_model_node *node)
{
    int64_t next =
        slt_model_fires(m, node->slide) ? m->now : (m->now / node->slide + 1) * node->slide;
    return slt_model_fires(m, m->nodes[node->a].slide) && m->now > next - node->c;
}

static void take(slt_model *m, const slt_model_node *node)
{
    int64_t i = node - m->nodes;
    const slt_model_rows *in = &m->out[node->a];
    if (m->n_panes[i] == SLT_MODEL_PAST) {
        abort(); // a run of more epochs than plan.h allows
    }
    slt_model_pane *pane = &m->panes[i][m->n_panes[i]++];
    pane->time = m->now;
    pane->rows.n = in->n;
    memcpy(pane->rows.rows, in->rows, (size_t)in->n * sizeof in->rows[0]);
}

static void drop_single(slt_model_rows *out, const slt_model_rows *held)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < out->n; i++) {
        if (values_of(held, &out->rows[i]) > 1) {
            out->rows[kept++] = out->rows[i];
        }
    }
    out->n = kept;
}

/// Gathers what the window holds, the oldest epoch first.
static slt_model_rows *hold(slt_model *m, const slt_model_node *node)
{
    int64_t i = node - m->nodes;
    slt_model_rows *held = &m->state[i];
    held->n = 0;
    for (int32_t p = 0; p < m->n_panes[i]; p++) {
        const slt_model_pane *pane = &m->panes[i][p];
        for (int64_t r = 0; pane->time > m->now - node->c && r < pane->rows.n; r++) {
            slt_model_add(m, held, &pane->rows.rows[r], pane->rows.rows[r].v);
        }
    }
    return held;
}

static void window(slt_model *m, const slt_model_node *node)
{
    slt_model_rows *held = hold(m, node), *out = &m->out[node - m->nodes];
    if (node->kind == SLT_WINDOW) {
        narrow(m, node, held);
    } else if (node->kind == SLT_VALUES_WINDOW) {
        once(m, held, out, true);
    } else {
        fold(m, node, held, out);
    }
    if (node->kind == SLT_REDUCE_WINDOW && node->which == 2) {
        drop_single(out, held);
    }
}

static void run_node(slt_model *m, const slt_model_node *node, const slt_model_rows *in)
{
    switch (node->kind) {
    case SLT_QUEUE:
        narrow(m, node, &in[node->a]);
        break;
    case SLT_UNION:
        narrow(m, node, &m->out[node->a]);
        narrow(m, node, &m->out[node->b]);
        if (node->which == 1) {
            narrow(m, node, &m->out[node->a]);
        }
        break;
    case SLT_DISTINCT:
    case SLT_COUNT_BY_VALUE:
        once(m, &m->out[node->a], &m->out[node - m->nodes], node->kind == SLT_COUNT_BY_VALUE);
        break;
    case SLT_SUBTRACT:
        subtract(m, node);
        break;
    case SLT_COGROUP:
        cogroup(m, node);
        break;
    case SLT_REDUCE_BY_KEY:
    case SLT_REDUCE:
    case SLT_COUNT:
    case SLT_GROUP_BY_KEY:
        fold(m, node, &m->out[node->a], &m->out[node - m->nodes]);
        break;
    case SLT_JOIN:
        join(m, node);
        break;
    case SLT_UPDATE_STATE:
        update_state(m, node, &m->out[node->a]);
        break;
    case SLT_MAP_STATE:
        map_state(m, node, &m->out[node->a]);
        break;
    case SLT_RUNNING:
        running(m, node, &m->out[node->a]);
        break;
    default:
        narrow(m, node, &m->out[node->a]);
        break;
    }
}

bool slt_model_epoch(slt_model *model, const slt_model_rows *in)
{
    for (int32_t i = 0; i < model->n_nodes && !model->too_much; i++) {
        const slt_model_node *node = &model->nodes[i];
        model->out[i].n = 0;
        if (node->kind >= SLT_WINDOW && takes(model, node)) {
            take(model, node);
        }
        if (model->wanted[i] && node->kind >= SLT_WINDOW) {
            window(model, node);
        } else if (model->wanted[i]) {
            run_node(model, node, in);
        }
    }
    return !model->too_much;
}

void slt_model_reset(slt_model *m)
{
    m->too_much = false;
    for (int32_t i = 0; i < SLT_MODEL_NODES; i++) {
        m->out[i].n = m->state[i].n = 0;
        m->n_panes[i] = 0;
        m->began[i] = false;
    }
}

bool slt_model_fires(const slt_model *m, int64_t slide)
{
    return m->now / slide > m->before / slide; // a multiple lies in (before, now]
}

void slt_model_begin(slt_model *m, int64_t before, int64_t now)
{
    m->before = before;
    m->now = now;
    for (int32_t i = 0; i < m->n_nodes; i++) {
        m->wanted[i] = m->nodes[i].has_output && slt_model_fires(m, m->nodes[i].slide);
    }
    for (int32_t i = m->n_nodes; i-- > 0;) { // inputs have smaller numbers
        const slt_model_node *node = &m->nodes[i];
        if (node->kind != SLT_QUEUE) {
            bool wants = node->kind >= SLT_WINDOW ? takes(m, node) : m->wanted[i];
            m->wanted[node->a] = m->wanted[node->a] || wants;
            m->wanted[node->b] = m->wanted[node->b] || wants;
        }
    }
}

// ---------------------------------------------------------------- as text

enum { LINE_BYTES = 2 * SLT_MODEL_TEXT + 64 }; // every byte of a key escaped, two numbers, names

static void line_of(char *line, const slt_model_row *row, bool is_text)
{
    char key[2 * SLT_MODEL_TEXT + 2];
    size_t n = 0;
    if (!is_text) {
        (void)snprintf(line, LINE_BYTES, "{\"k\":%lld,\"v\":%lld}\n", (long long)row->number,
                       (long long)row->v);
        return;
    }
    for (const char *at = row->text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            key[n++] = '\\';
        }
        key[n++] = *at;
    }
    key[n] = '\0';
    (void)snprintf(line, LINE_BYTES, "{\"k\":\"%s\",\"v\":%lld}\n", key, (long long)row->v);
}

char *slt_model_text(const slt_model_rows *rows, bool is_text)
{
    char *text = malloc((size_t)rows->n * LINE_BYTES + 1), *at = text;
    if (text == NULL) {
        return NULL;
    }
    *at = '\0';
    for (int64_t i = 0; i < rows->n; i++) {
        line_of(at, &rows->rows[i], is_text);
        at += strlen(at);
    }
    char *sorted = slt_model_sorted(text);
    free(text);
    return sorted;
}

typedef struct line {
    const char *at;
    size_t size;
} line;

static int by_text(const void *a, const void *b)
{
    const line *x = a, *y = b;
    int order = memcmp(x->at, y->at, x->size < y->size ? x->size : y->size);
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

char *slt_model_sorted(const char *lines)
{
    size_t size = strlen(lines), n = 0;
    line *list = malloc((size + 1) * sizeof(line));
    char *sorted = malloc(size + 2), *to = sorted;
    if (list == NULL || sorted == NULL) {
        free(list);
        free(sorted);
        return NULL;
    }
    for (const char *at = lines; *at != '\0'; n++) {
        list[n] = (line){.at = at, .size = strcspn(at, "\n")};
        at += list[n].size + (at[list[n].size] == '\n');
    }
    if (n > 1) {
        qsort(list, n, sizeof(line), by_text);
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(to, list[i].at, list[i].size);
        to += list[i].size;
        *to++ = '\n';
    }
    *to = '\0';
    free(list);
    return sorted;
}
