// Runs one case in every variant: partitions, workers, orders of tasks, budgets, threads. Nothing
// of that may reach a result: each run must give what the case expects, and runs with equal
// partitions must give the very same bytes.
#include "golden/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/test_int.h"
#include "base/str.h"

/// One way to run a case. The order of tasks of the inline backend is drawn from the seed.
typedef struct variant {
    const char *master, *backend, *seed, *memory;
} variant;

static const variant variants[] = {
    {"local[1]", "inline", "0", "64KiB"}, {"local[4]", "inline", "1", "64KiB"},
    {"local[4]", "inline", "2", "64KiB"}, {"local[4]", "inline", "77", "1GiB"},
    {"local[4]", "pool", "3", "64KiB"},
};

typedef struct run {
    const slt_golden *golden;
    const variant *variant;
    int32_t partitions;
    int32_t slices;
    char parallelism[16]; ///< the test keeps its settings for the processes that it boots later
    slt_job job;
    sl_test *test;
    sl_arena *arena;
    int32_t epochs;
    bool failed_at_start, error_expected;
    sl_error start_again; ///< of the directive `start`
    sli_str past;         ///< of the directive `slice`
    sli_str seen;         ///< everything that came out, as it came
    char *why;
    size_t why_size;
} run;

static bool fail(run *r, const slt_act *act, const char *what, const char *expected,
                 const char *actual)
{
    int used = snprintf(r->why, r->why_size, "%s: %d partitions, %s %s, seed %s, %s",
                        r->golden->name, (int)r->partitions, r->variant->master,
                        r->variant->backend, r->variant->seed, r->variant->memory);
    if (act != NULL && used > 0 && (size_t)used < r->why_size) {
        used += snprintf(r->why + used, r->why_size - (size_t)used, ": line %d", act->line);
    }
    if (used > 0 && (size_t)used < r->why_size) {
        (void)snprintf(r->why + used, r->why_size - (size_t)used,
                       ": %s\n--- expected\n%s\n--- actual\n%s\n--- error of the job: %s\n", what,
                       expected, actual, r->test == NULL ? "" : sl_test_error(r->test));
    }
    return false;
}

// ---------------------------------------------------------------- input

/// Not part of sluice/test.h: what somebody else does to files of the job's world.
static void move_file(run *r, const char *arg)
{
    char from[256];
    size_t size = strcspn(arg, " ");
    (void)snprintf(from, sizeof from, "%.*s", (int)size, arg);
    if (arg[size] == '\0' ||
        sli_world_rename(sli_test_world(r->test), from, arg + size + 1, NULL) != SL_OK) {
        (void)snprintf(r->job.text, sizeof r->job.text, "can't move '%s'", arg);
    }
}

static void feed(run *r, const slt_act *act)
{
    switch (act->verb) {
    case SLT_PUT:
        sl_test_put(r->test, act->arg, act->body);
        break;
    case SLT_MOVE:
        move_file(r, act->arg);
        break;
    case SLT_SEND:
        sl_test_send(r->test, act->arg, act->body);
        break;
    case SLT_STDIN:
        sl_test_stdin(r->test, act->body, strcmp(act->arg, "end") == 0);
        break;
    case SLT_PUSH:
        sl_test_push(r->test, *act->arg == '\0' ? "in" : act->arg, act->body, r->slices);
        break;
    case SLT_BYTES:
        sl_test_push_bytes(r->test, *act->arg == '\0' ? "in" : act->arg, act->body,
                           strlen(act->body), r->slices);
        break;
    case SLT_EPOCH: {
        int32_t n = *act->arg == '\0' ? 1 : (int32_t)strtol(act->arg, NULL, 10);
        r->epochs += n;
        sl_test_advance(r->test, n);
        break;
    }
    case SLT_CRASH:
        sl_test_crash(r->test, strcmp(act->arg, "power") == 0);
        break;
    case SLT_STOP:
        sl_test_stop(r->test);
        break;
    case SLT_START:
        r->start_again = SL_ERROR_INIT;
        r->start_again.code = sl_context_start_stepped(sli_test_context(r->test), &r->start_again);
        break;
    default:
        break; // given before the start, or an expectation
    }
}

// ---------------------------------------------------------------- expectations

static bool expect_text(run *r, const slt_act *act, const char *what, const char *actual)
{
    sli_str_printf(&r->seen, "line %d\n", act->line);
    sli_str_text(&r->seen, actual);
    return slt_matches(r->arena, actual, act->body, r->golden->rule)
               ? true
               : fail(r, act, what, act->body, actual);
}

static bool expect_rows(run *r, const slt_act *act)
{
    const char *actual = sl_test_rows(r->test, *act->arg == '\0' ? "out" : act->arg);
    if (act->is_null || actual == NULL) {
        return act->is_null == (actual == NULL)
                   ? true
                   : fail(r, act, "rows of an epoch", act->is_null ? "(no job)" : act->body,
                          actual == NULL ? "(no job)" : actual);
    }
    return expect_text(r, act, "rows of an epoch", actual);
}

/// Every line of the body must occur in the error's text.
static bool expect_error(run *r, const slt_act *act)
{
    sl_error error = SL_ERROR_INIT;
    bool failed = sl_test_check(r->test, &error) != SL_OK, again = r->start_again.code != SL_OK;
    const char *where = failed && r->job.refused                  ? "definition"
                        : again || (failed && r->failed_at_start) ? "start"
                        : failed                                  ? "epoch"
                                                                  : "none";
    error = again ? r->start_again : error;
    r->error_expected = true;
    if (strcmp(where, act->arg) != 0) {
        return fail(r, act, "place of the error", act->arg, where);
    }
    char line[512];
    for (const char *at = act->body; *at != '\0'; at += strcspn(at, "\n") + 1) {
        (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        if (strstr(error.text, line) == NULL) {
            return fail(r, act, "text of the error", line, error.text);
        }
    }
    return true;
}

static void put_cell(sli_str *out, const sl_column *column, int64_t row)
{
    if (column->type == SL_STRING) {
        sl_text text = sl_column_text(column, row);
        sli_str_printf(out, "%.*s", (int)text.size, text.data);
    } else if (column->type == SL_FLOAT64) {
        sli_str_printf(out, "%.17g", sl_column_float64(column, row));
    } else {
        sli_str_printf(out, "%lld", (long long)sl_column_int64(column, row));
    }
}

/// Adds "TIME: X X ..." for an RDD of plain values, "TIME: K:V K:V ..." for one of pairs.
static sl_code add_past(void *ctx, int64_t batch_time_us, sl_rdd *rdd, sl_error *err)
{
    run *r = ctx;
    sl_batch *rows = NULL;
    SL_TRY(sl_rdd_collect(rdd, &rows, err));
    sli_str_printf(&r->past, "%lld:", (long long)(batch_time_us / 1000));
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(rows)); c++) {
            sli_str_char(&r->past, c == 0 ? ' ' : ':');
            put_cell(&r->past, sl_batch_column(rows, c), i);
        }
    }
    sli_str_char(&r->past, '\n');
    sl_batch_unref(rows);
    return SL_OK;
}

/// `slice FROM TO` of the stream that remembers.
static bool expect_slice(run *r, const slt_act *act)
{
    char *to = NULL;
    sl_error error = SL_ERROR_INIT;
    int64_t from_us = strtoll(act->arg, &to, 10) * 1000, to_us = strtoll(to, NULL, 10) * 1000;
    r->past = (sli_str){.tag = SLI_TAG_TEST};
    sl_code rc = sl_stream_slice(r->job.remembering, from_us, to_us, add_past, r, &error);
    bool same = rc == SL_OK ? expect_text(r, act, "slice", r->past.data == NULL ? "" : r->past.data)
                            : fail(r, act, "slice", act->body, error.text);
    sli_str_reset(&r->past);
    return same;
}

static bool expect(run *r, const slt_act *act)
{
    switch (act->verb) {
    case SLT_ROWS:
        return expect_rows(r, act);
    case SLT_SLICE:
        return expect_slice(r, act);
    case SLT_CONSOLE:
        return expect_text(r, act, "console", sl_test_console(r->test));
    case SLT_FILE:
        return expect_text(r, act, act->arg, sl_test_read(r->test, act->arg));
    case SLT_SEEN: {
        bool same = expect_text(r, act, "seen by foreachRDD", r->job.seen.text);
        r->job.seen = (slt_seen){.size = 0};
        return same;
    }
    case SLT_ERROR:
        return expect_error(r, act);
    default:
        return true;
    }
}

// ---------------------------------------------------------------- one run

enum { MAX_FILES = 16 };

static void open_test(run *r)
{
    const slt_golden *g = r->golden;
    const char *settings[2 * SLT_MAX_SETTINGS + 12], *files[2 * MAX_FILES + 2];
    int32_t n = 0, n_files = 0;
    (void)snprintf(r->parallelism, sizeof r->parallelism, "%d", (int)r->partitions);
    const char *own[] = {"master",      r->variant->master, "backend", r->variant->backend,
                         "seed",        r->variant->seed,   "memory",  r->variant->memory,
                         "parallelism", r->parallelism};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        settings[n++] = own[i];
    }
    for (int32_t i = 0; i < 2 * g->n_settings; i++) {
        settings[n++] = g->settings[i];
    }
    settings[n] = NULL;
    for (int32_t i = 0; i < g->n_acts && n_files < 2 * MAX_FILES; i++) {
        if (g->acts[i].verb == SLT_GIVEN) {
            files[n_files++] = g->acts[i].arg;
            files[n_files++] = g->acts[i].body;
        }
    }
    files[n_files] = NULL;
    sl_test_conf conf = {.struct_size = sizeof conf,
                         .interval = g->interval,
                         .settings = settings,
                         .files = files,
                         .start_us = 1, // the first batch time is one interval
                         .checkpoint = g->checkpoint,
                         .prepare = slt_job_define,
                         .ctx = &r->job};
    r->test = sl_test_new(slt_job_built, conf);
}

static bool play(run *r)
{
    const slt_golden *g = r->golden;
    if (r->test == NULL) {
        return fail(r, NULL, "a test world", "one", "none");
    }
    if (r->job.text[0] != '\0') {
        return fail(r, NULL, "words that are known", "", r->job.text);
    }
    r->failed_at_start = sl_test_check(r->test, NULL) != SL_OK;
    for (int32_t i = 0; i < g->n_acts; i++) {
        feed(r, &g->acts[i]);
        if (!expect(r, &g->acts[i])) {
            return false;
        }
    }
    if (r->job.text[0] != '\0') {
        return fail(r, NULL, "a script that can be played", "", r->job.text);
    }
    sl_error error = SL_ERROR_INIT;
    return r->error_expected || sl_test_check(r->test, &error) == SL_OK
               ? true
               : fail(r, NULL, "error of the job", "none", error.text);
}

/// Plays the case once; *seen gets everything that came out, in `arena`.
static bool run_once(run *r, sl_arena *arena, const char **seen)
{
    r->arena = sl_arena_new(SLI_TAG_TEST);
    r->seen.tag = SLI_TAG_TEST;
    r->job.golden = r->golden;
    r->job.slices = r->slices;
    open_test(r);
    bool passed = play(r);
    *seen = sl_arena_strdup(arena, r->seen.data == NULL ? "" : r->seen.data);
    if (*seen == NULL) {
        passed = fail(r, NULL, "no memory for the outputs", "", "");
    }
    sl_test_free(r->test);
    r->test = NULL;
    sli_str_reset(&r->seen);
    sl_arena_free(r->arena);
    return passed;
}

bool slt_golden_run(const slt_golden *golden, char *why, size_t why_size)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    bool passed = arena != NULL;
    for (int32_t p = 0; p < golden->n_partitions && passed; p++) {
        const char *first = NULL;
        for (size_t v = 0; v < sizeof variants / sizeof variants[0] && passed; v++) {
            const char *seen = NULL;
            run r = {.golden = golden,
                     .variant = &variants[v],
                     .partitions = golden->partitions[p],
                     .slices = golden->slices > 0 ? golden->slices : golden->partitions[p],
                     .why = why,
                     .why_size = why_size};
            passed = run_once(&r, arena, &seen);
            if (passed && first != NULL && strcmp(first, seen) != 0) {
                passed =
                    fail(&r, NULL, "the same bytes as the first run of this case", first, seen);
            }
            first = first == NULL ? seen : first;
        }
    }
    sl_arena_free(arena);
    return passed;
}
