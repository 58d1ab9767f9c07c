// Reading a case file. A mistake in a case is told with its line: a case that is misread tests
// nothing.
#include "golden/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { MAX_FILE = 1 << 20 };

typedef struct reader {
    slt_golden *golden;
    const char *path;
    int line;
    bool in_job;
    bool bad;
    slt_act *act; ///< whose body is being read; NULL: none
    sli_str body;
    char *why;
    size_t why_size;
} reader;

static void complain(reader *r, const char *what, const char *about)
{
    if (!r->bad) {
        r->bad = true;
        (void)snprintf(r->why, r->why_size, "%s:%d: %s '%s'", r->path, r->line, what, about);
    }
}

static const char *keep(reader *r, const char *text, size_t size)
{
    char *copy = sl_arena_alloc(r->golden->arena, size + 1);
    if (copy == NULL) {
        complain(r, "no memory for", "a text");
        return "";
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

// ---------------------------------------------------------------- headers

static const char *const rule_names[] = {"seq", "bag", "groups", "groups-only", "approx"};

enum { N_RULES = sizeof rule_names / sizeof rule_names[0] };

static void read_partitions(reader *r, const char *value)
{
    slt_golden *g = r->golden;
    g->n_partitions = 0;
    for (char *end = NULL; *value != '\0' && g->n_partitions < 4; value = end + strspn(end, " ")) {
        g->partitions[g->n_partitions++] = (int32_t)strtol(value, &end, 10);
        if (end == value) {
            complain(r, "not a number of partitions", value);
            return;
        }
    }
}

static void read_settings(reader *r, const char *value)
{
    slt_golden *g = r->golden;
    while (*value != '\0' && !r->bad) {
        size_t size = strcspn(value, " "), name = strcspn(value, "= ");
        if (name >= size || g->n_settings == SLT_MAX_SETTINGS) {
            complain(r, "not one of at most 16 settings NAME=VALUE", value);
            return;
        }
        g->settings[2 * g->n_settings] = keep(r, value, name);
        g->settings[2 * g->n_settings + 1] = keep(r, value + name + 1, size - name - 1);
        g->n_settings++;
        value += size + strspn(value + size, " ");
    }
}

static bool read_bool(reader *r, const char *value)
{
    bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0) {
        complain(r, "neither yes nor no:", value);
    }
    return yes;
}

static bool read_header(reader *r, const char *key, size_t key_size, const char *value)
{
    slt_golden *g = r->golden;
    char name[32];
    (void)snprintf(name, sizeof name, "%.*s", (int)key_size, key);
    if (strcmp(name, "name") == 0) {
        g->name = value;
    } else if (strcmp(name, "compare") == 0) {
        size_t i = 0;
        while (i < N_RULES && strcmp(rule_names[i], value) != 0) {
            i++;
        }
        if (i == N_RULES) {
            complain(r, "no such rule", value);
            return true;
        }
        g->rule = (slt_rule)i;
    } else if (strcmp(name, "slices") == 0) {
        g->slices = (int32_t)strtol(value, NULL, 10);
    } else if (strcmp(name, "partitions") == 0) {
        read_partitions(r, value);
    } else if (strcmp(name, "interval") == 0) {
        g->interval = value;
    } else if (strcmp(name, "checkpoint") == 0) {
        g->checkpoint = read_bool(r, value);
    } else if (strcmp(name, "settings") == 0) {
        read_settings(r, value);
    } else {
        return false;
    }
    return true;
}

// ---------------------------------------------------------------- directives

typedef struct directive {
    const char *name;
    slt_verb verb;
    bool needs_arg, may_have_body;
} directive;

static const directive directives[] = {
    {"given", SLT_GIVEN, true, true},   {"put", SLT_PUT, true, true},
    {"move", SLT_MOVE, true, false},    {"send", SLT_SEND, true, true},
    {"stdin", SLT_STDIN, false, true},  {"push", SLT_PUSH, false, true},
    {"bytes", SLT_BYTES, false, true},  {"epoch", SLT_EPOCH, false, false},
    {"crash", SLT_CRASH, false, false}, {"stop", SLT_STOP, false, false},
    {"start", SLT_START, false, false}, {"rows", SLT_ROWS, false, true},
    {"slice", SLT_SLICE, true, true},   {"console", SLT_CONSOLE, false, true},
    {"file", SLT_FILE, true, true},     {"seen", SLT_SEEN, false, true},
    {"error", SLT_ERROR, true, true},
};

static void end_body(reader *r)
{
    slt_act *act = r->act;
    if (act == NULL) {
        return;
    }
    act->body = r->body.size == 0 ? "" : keep(r, r->body.data, r->body.size);
    if (act->verb == SLT_ROWS && act->n_lines == 0 && !act->is_null && !act->is_empty) {
        complain(r, "rows without any: write 'rows []' or 'rows null'", act->arg);
    }
    if (act->verb == SLT_ERROR && act->n_lines == 0 && strcmp(act->arg, "none") != 0) {
        complain(r, "an error without a text to look for:", act->arg);
    }
    sli_str_clear(&r->body);
    r->act = NULL;
}

/// `rows null`, `rows []`, `rows NAME null`, `rows NAME []`, `rows NAME`, `rows`.
static void read_rows_arg(reader *r, slt_act *act, const char *arg)
{
    const char *last = strrchr(arg, ' ');
    last = last == NULL ? arg : last + 1;
    act->is_null = strcmp(last, "null") == 0;
    act->is_empty = strcmp(last, "[]") == 0;
    if (act->is_null || act->is_empty) {
        act->arg = last == arg ? "" : keep(r, arg, (size_t)(last - arg) - 1);
    }
}

static void read_directive(reader *r, const char *line)
{
    slt_golden *g = r->golden;
    size_t size = strcspn(line, " ");
    const char *arg = line + size + strspn(line + size, " ");
    r->in_job = size == 3 && strncmp(line, "job", 3) == 0;
    if (r->in_job) {
        return;
    }
    size_t i = 0, n = sizeof directives / sizeof directives[0];
    while (i < n &&
           !(strlen(directives[i].name) == size && strncmp(directives[i].name, line, size) == 0)) {
        i++;
    }
    if (i == n || (directives[i].needs_arg && *arg == '\0')) {
        complain(r, i == n ? "no such directive" : "an argument is missing:", line);
        return;
    }
    if (g->n_acts == SLT_MAX_ACTS) {
        complain(r, "more than 512 directives:", line);
        return;
    }
    slt_act *act = &g->acts[g->n_acts++];
    *act = (slt_act){.verb = directives[i].verb, .line = r->line, .arg = arg, .body = ""};
    if (act->verb == SLT_ROWS) {
        read_rows_arg(r, act, arg);
    }
    r->act = directives[i].may_have_body ? act : NULL;
}

static void read_body_line(reader *r, const char *line)
{
    line += line[1] == ' ' ? 2 : 1;
    if (r->in_job) {
        if (r->golden->n_job == SLT_MAX_JOB_LINES) {
            complain(r, "more than 64 steps:", line);
            return;
        }
        r->golden->job[r->golden->n_job++] = line;
    } else if (r->act == NULL) {
        complain(r, "a line that belongs to nothing:", line);
    } else {
        sli_str_text(&r->body, line);
        sli_str_char(&r->body, '\n');
        r->act->n_lines++;
    }
}

static void read_line(reader *r, const char *line)
{
    size_t word = strcspn(line, " :");
    if (line[0] == '|') {
        read_body_line(r, line);
        return;
    }
    if (line[0] == '\0' || line[0] == '#') {
        return;
    }
    end_body(r);
    if (line[word] == ':') {
        const char *value = line + word + 1 + strspn(line + word + 1, " ");
        if (!read_header(r, line, word, value)) {
            complain(r, "no such header", line);
        }
        return;
    }
    read_directive(r, line);
}

// ---------------------------------------------------------------- the whole

/// An epoch that nothing is expected of is a case that tests nothing.
static void check(reader *r)
{
    const slt_golden *g = r->golden;
    bool open = false, any = false;
    for (int32_t i = 0; i < g->n_acts; i++) {
        r->line = g->acts[i].line;
        if (g->acts[i].verb == SLT_EPOCH && open) {
            complain(r, "nothing is expected of the epoch before", "epoch");
        }
        open = g->acts[i].verb == SLT_EPOCH || (open && g->acts[i].verb < SLT_ROWS);
        any = any || g->acts[i].verb >= SLT_ROWS;
    }
    if (open || !any || g->name == NULL || g->n_job == 0) {
        complain(r, "a case needs a name, a job and something expected of the last epoch:",
                 g->name == NULL ? "?" : g->name);
    }
}

static char *read_file(reader *r)
{
    FILE *file = fopen(r->path, "rb");
    char *text = sl_arena_alloc(r->golden->arena, MAX_FILE + 1);
    size_t size = file == NULL || text == NULL ? 0 : fread(text, 1, MAX_FILE + 1, file);
    if (file != NULL) {
        (void)fclose(file);
    }
    if (size == 0 || size > MAX_FILE) {
        complain(r, "not a text of 1 byte to 1 MiB:", r->path);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

bool slt_golden_read(slt_golden **out, const char *path, char *why, size_t why_size)
{
    slt_golden *g = sl_alloc_zero(SLI_TAG_TEST, sizeof *g);
    reader r = {.golden = g, .path = path, .why = why, .why_size = why_size};
    r.body.tag = SLI_TAG_TEST;
    g->arena = sl_arena_new(SLI_TAG_TEST);
    g->interval = "1s";
    g->n_partitions = 3;
    memcpy(g->partitions, (int32_t[]){1, 3, 7, 0}, sizeof g->partitions);
    char *text = read_file(&r);
    while (text != NULL && *text != '\0' && !r.bad) {
        char *end = text + strcspn(text, "\n");
        bool last = *end == '\0';
        *end = '\0';
        r.line++;
        read_line(&r, text);
        text = last ? end : end + 1;
    }
    end_body(&r);
    if (!r.bad) {
        check(&r);
    }
    sli_str_reset(&r.body);
    if (r.bad) {
        slt_golden_free(g);
        return false;
    }
    *out = g;
    return true;
}

void slt_golden_free(slt_golden *golden)
{
    if (golden != NULL) {
        sl_arena_free(golden->arena);
        sl_free(golden);
    }
}
