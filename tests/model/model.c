// The model's operators. Slow and plain on purpose.
#include "model/model.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    switch (node->which) {
    case 0:
        return row->v > node->c;
    case 1:
        return row->v % 2 == 0;
    case 2:
        return row->v != node->c && (row->v < 10 || row->v > 15);
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

static void narrow(slt_model *m, const slt_model_node *node, const slt_model_rows *in)
{
    slt_model_rows *out = &m->out[node - m->nodes];
    for (int64_t i = 0; i < in->n && !m->too_much; i++) {
        const slt_model_row *row = &in->rows[i];
        if (node->kind == SLT_SELECT) {
            select_row(m, node, row);
        } else if (node->kind == SLT_SPLIT) {
            split_row(m, node, row);
        } else if (node->kind != SLT_WHERE || passes(node, row)) {
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
    bool keyless = node->kind == SLT_REDUCE || count;
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

static void update_state(slt_model *m, const slt_model_node *node, const slt_model_rows *in)
{
    slt_model_rows *state = &m->state[node - m->nodes], *out = &m->out[node - m->nodes];
    fold(m, node, in, state);
    for (int64_t i = 0; i < state->n; i++) {
        if (node->which == 0 || state->rows[i].v % 4 != 0) {
            slt_model_add(m, out, &state->rows[i], state->rows[i].v);
        }
    }
    *state = *out;
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
    for (int64_t i = 0; node->which == 2 && i < state->n; i++) {
        slt_model_add(m, out, &state->rows[i], state->rows[i].v);
    }
}

static void join(slt_model *m, const slt_model_node *node)
{
    const slt_model_rows *a = &m->out[node->a], *b = &m->out[node->b];
    for (int64_t i = 0; i < a->n; i++) {
        for (int64_t j = 0; j < b->n && !m->too_much; j++) {
            if (same_key(&a->rows[i], &b->rows[j])) {
                slt_model_add(m, &m->out[node - m->nodes], &a->rows[i],
                              a->rows[i].v - b->rows[j].v);
            }
        }
    }
}

/// What the window holds, the oldest epoch first.
static void window(slt_model *m, const slt_model_node *node)
{
    int64_t i = node - m->nodes, first = m->n_epochs - node->c + 1;
    slt_model_rows *held = &m->state[i];
    m->past[i][m->n_epochs % SLT_MODEL_PAST] = m->out[node->a];
    held->n = 0;
    for (int64_t e = first < 0 ? 0 : first; e <= m->n_epochs; e++) {
        const slt_model_rows *past = &m->past[i][e % SLT_MODEL_PAST];
        for (int64_t r = 0; r < past->n && !m->too_much; r++) {
            slt_model_add(m, held, &past->rows[r], past->rows[r].v);
        }
    }
    if (node->kind == SLT_WINDOW) {
        narrow(m, node, held);
    } else {
        fold(m, node, held, &m->out[i]);
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
    case SLT_WINDOW:
    case SLT_REDUCE_WINDOW:
    case SLT_GROUP_WINDOW:
    case SLT_COUNT_WINDOW:
        window(m, node);
        break;
    default:
        narrow(m, node, &m->out[node->a]);
        break;
    }
}

bool slt_model_epoch(slt_model *model, const slt_model_rows *in)
{
    for (int32_t i = 0; i < model->n_nodes && !model->too_much; i++) {
        model->out[i].n = 0;
        run_node(model, &model->nodes[i], in);
    }
    model->n_epochs++;
    return !model->too_much;
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
