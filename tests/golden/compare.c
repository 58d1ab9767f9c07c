// What "equal" means for one output of one epoch.
//
// Outputs are lines of text, mostly JSON as the engine writes it, so the rules work on text: a bag
// is sorted lines; groups are sorted lines whose lists are sorted too, groups-only lines in order
// whose lists are sorted; approx compares numbers as numbers and all else as text.
#include "golden/case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct part {
    const char *at;
    size_t size;
} part;

static int by_bytes(const void *a, const void *b)
{
    const part *x = a, *y = b;
    size_t size = x->size < y->size ? x->size : y->size;
    int order = size == 0 ? 0 : memcmp(x->at, y->at, size);
    return order != 0 ? order : x->size < y->size ? -1 : x->size > y->size;
}

/// The text cut at `by` outside strings and brackets; *n parts in the arena.
static part *cut(sl_arena *arena, const char *text, size_t size, char by, size_t *n)
{
    size_t most = 1;
    for (size_t i = 0; i < size; i++) {
        most += text[i] == by;
    }
    part *parts = sl_arena_alloc(arena, most * sizeof *parts);
    *n = 0;
    if (parts == NULL) {
        return NULL;
    }
    size_t begin = 0;
    bool quoted = false;
    int depth = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\' && quoted) {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && by != '\n') {
            depth += (text[i] == '[' || text[i] == '{') - (text[i] == ']' || text[i] == '}');
        }
        if (i < size && text[i] == by && ((!quoted && depth == 0) || by == '\n')) {
            parts[(*n)++] = (part){text + begin, i - begin};
            begin = i + 1;
            quoted = false;
        }
    }
    if (begin < size) {
        parts[(*n)++] = (part){text + begin, size - begin};
    }
    return parts;
}

/// The place behind the bracket that closes the list at text[0].
static size_t list_size(const char *text)
{
    bool quoted = false;
    for (size_t i = 1, depth = 1;; i++) {
        if (text[i] == '\0') {
            return i;
        }
        if (quoted && text[i] == '\\') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        } else if (!quoted) {
            depth += text[i] == '[';
            depth -= text[i] == ']';
            if (depth == 0) {
                return i + 1;
            }
        }
    }
}

/// A copy of the text with the elements of every list in order.
static char *sort_lists(sl_arena *arena, const char *text)
{
    size_t size = strlen(text), at = 0;
    char *out = sl_arena_alloc(arena, size + 1);
    bool quoted = false;
    while (out != NULL && at < size) {
        size_t step = 1;
        if (text[at] == '"') {
            quoted = !quoted;
        }
        if (quoted && text[at] == '\\' && at + 1 < size) {
            step = 2;
        }
        if (quoted || text[at] != '[') {
            memcpy(out + at, text + at, step);
            at += step;
            continue;
        }
        size_t n = 0, whole = list_size(text + at), to = at;
        part *parts = cut(arena, text + at + 1, whole - 2, ',', &n);
        if (parts == NULL) {
            return NULL;
        }
        qsort(parts, n, sizeof *parts, by_bytes);
        out[to++] = '[';
        for (size_t i = 0; i < n; i++) {
            memcpy(out + to, parts[i].at, parts[i].size);
            to += parts[i].size;
            out[to++] = i + 1 < n ? ',' : ']';
        }
        out[to] = n == 0 ? ']' : out[to];
        at += whole;
    }
    if (out != NULL) {
        out[size] = '\0';
    }
    return out;
}

const char *slt_canonical(sl_arena *arena, const char *text, slt_rule rule)
{
    if (rule == SLT_SEQ || rule == SLT_APPROX) {
        return text;
    }
    const char *from = rule == SLT_BAG ? text : sort_lists(arena, text);
    if (rule == SLT_GROUPS_ONLY) {
        return from == NULL ? "(no memory)" : from;
    }
    size_t n = 0, size = strlen(text), at = 0;
    part *lines = from == NULL ? NULL : cut(arena, from, size, '\n', &n);
    char *out = sl_arena_alloc(arena, size + 2);
    if (lines == NULL || out == NULL) {
        return "(no memory)";
    }
    qsort(lines, n, sizeof *lines, by_bytes);
    for (size_t i = 0; i < n; i++) {
        memcpy(out + at, lines[i].at, lines[i].size);
        at += lines[i].size;
        out[at++] = '\n';
    }
    out[at] = '\0';
    return out;
}

static bool is_near(double a, double b)
{
    double scale = fmax(1.0, fmax(fabs(a), fabs(b)));
    return a == b || fabs(a - b) <= 1e-9 * scale;
}

static bool approx(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        bool numbers = strchr("-0123456789", *a) != NULL && strchr("-0123456789", *b) != NULL;
        if (numbers) {
            char *a_end = NULL, *b_end = NULL;
            double x = strtod(a, &a_end), y = strtod(b, &b_end);
            if (a_end == a || b_end == b || !is_near(x, y)) {
                return false;
            }
            a = a_end;
            b = b_end;
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

bool slt_matches(sl_arena *arena, const char *actual, const char *expected, slt_rule rule)
{
    if (rule == SLT_APPROX) {
        return approx(actual, expected);
    }
    return strcmp(slt_canonical(arena, actual, rule), slt_canonical(arena, expected, rule)) == 0;
}
