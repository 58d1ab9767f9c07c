// The job by event time: what a row is counted in depends on which epochs came before it, so every
// row must be shown once, in a window or among the late ones, whatever happened to the processes.
//
// Round r is about second 100 r, and brings a row of second 0, which is late unless no earlier
// round was in an epoch before. The last round's windows stay open, and those of the one before
// when the last was read by the very last epoch.
#include "sim/sim.h"
#include "sluice/event.h"

#include <stdio.h>
#include <stdlib.h>

static void feed(slt_sim *sim, int32_t round)
{
    char path[64], text[160], word[SLT_WORD_BYTES];
    const int64_t seconds[3] = {100 * round, 100 * round + 7, 0};
    size_t size = 0;
    for (int32_t i = 0; i < 3; i++) {
        int n = snprintf(word, sizeof word, "e%d-%d", round, i);
        slt_counts_add(&sim->due, word, (size_t)n, 1);
        size += (size_t)snprintf(text + size, sizeof text - size, "%lld,%s\n",
                                 (long long)seconds[i], word);
    }
    (void)snprintf(path, sizeof path, "in/e%d.csv", round);
    sl_code rc = sli_world_put(sim->world, path, text, size, NULL);
    SL_ASSERT(rc == SL_OK, "no room for a test's file");
}

static void build(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(
        graph, "file:in?format=csv&timestamp=s&schema=ts%20timestamp,%20word%20string");
    sl_stream *rows = sl_stream_event_time(in, "ts", "5s");
    sl_stream *once = sl_stream_distinct_within(rows, "word");
    sl_stream *windows = sl_stream_event_window(rows, "word", "count() as n", "10s", "5s");
    sl_stream *first = sl_stream_where(windows, "second(window_start) % 10 = 0");
    sl_stream_save(sl_stream_select(first, "word, n"), "file:out/windows?format=csv&empty=write");
    sl_stream_save(sl_stream_select(sl_stream_late(windows), "word, 1 as n"),
                   "file:out/late?format=csv&empty=write");
    sl_stream *sessions = sl_stream_session_window(once, "word", "count() as n", "5s");
    sl_stream_save(sl_stream_select(sessions, "word, n"),
                   "file:out/sessions?format=csv&empty=write");
    sl_stream *pairs = sl_stream_interval_full_outer_join(rows, once, "word", "-1s", "1s");
    sl_stream_save(sl_stream_select(pairs, "word, 1 as n"),
                   "file:out/pairs?format=csv&empty=write");
}

/// Words of one output, added up. False: something is wrong already.
static bool add_output(slt_sim *sim, const char *dir, slt_counts *shown)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    bool fine = slt_groups_read(sim, dir, &groups);
    if (fine) {
        slt_groups_count(&groups, 0, groups.n, shown);
    }
    sli_str_reset(&groups.text);
    return fine;
}

static int32_t round_of(const char *word)
{
    return (int32_t)strtol(word + 1, NULL, 10);
}

/// `all`: each word exactly once but those of the last two rounds, else at most once.
static void check_counts(slt_sim *sim, const slt_counts *shown, bool all, const char *what)
{
    int32_t last = 0;
    for (int32_t i = 0; i < sim->due.n; i++) {
        int32_t round = round_of(sim->due.items[i].word);
        last = round > last ? round : last;
    }
    for (int32_t i = 0; i < sim->due.n; i++) {
        const char *word = sim->due.items[i].word;
        int64_t n = slt_counts_of(shown, word);
        if (n > 1 || (all && n == 0 && round_of(word) < last - 1)) {
            slt_sim_wrong(sim, "%s: '%s' is shown %lld times", what, word, (long long)n);
        }
    }
    for (int32_t i = 0; i < shown->n; i++) {
        if (slt_counts_of(&sim->due, shown->items[i].word) == 0) {
            slt_sim_wrong(sim, "%s: '%s' was never there", what, shown->items[i].word);
        }
    }
}

/// Where nothing happened an epoch lies between the rounds 2 and 3.
static void check_late(slt_sim *sim, const slt_counts *late)
{
    if (slt_counts_of(late, "e3-2") != 1) {
        slt_sim_wrong(sim, "a row of the fourth round is not among the late ones");
    }
}

static void check(slt_sim *sim, bool at_end)
{
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, 4 * sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (add_output(sim, "out/windows", &shown[0]) && add_output(sim, "out/late", &shown[0])) {
        check_counts(sim, &shown[0], at_end, "windows and late rows");
    }
    if (add_output(sim, "out/sessions", &shown[1])) {
        check_counts(sim, &shown[1], false, "sessions");
    }
    if (add_output(sim, "out/pairs", &shown[3])) {
        check_counts(sim, &shown[3], false, "pairs");
    }
    if (at_end && sim->deaths == 0 && !sim->hurt && !sim->zombies && sim->n_ignored == 0 &&
        add_output(sim, "out/late", &shown[2])) {
        check_late(sim, &shown[2]);
    }
    sl_free(shown);
}

const slt_sim_job slt_job_event = {
    .name = "event",
    .build = build,
    .settings = {"interval", "1s", "backend", "inline", "master", "local[2]", "checkpoint",
                 "checkpoint", "snapshot.groups", "3", "log", "error", NULL},
    .feed = feed,
    .check = check,
};

// ---------------------------------------------------------------- a stream that falls silent
//
// The right stream says nothing between the rounds 0 and 3, and goes on with the left one: windows
// of its first round are given meanwhile. What was lifted must never go back, whoever dies: then a
// row of round 3 for such a window would open it anew, and it would be given twice.

static void put_file(slt_sim *sim, const char *dir, int32_t round, const int64_t *seconds,
                     int32_t n)
{
    char path[64], text[160], word[SLT_WORD_BYTES];
    size_t size = 0;
    for (int32_t i = 0; i < n; i++) {
        int length = snprintf(word, sizeof word, "%s%d-%d", dir, round, i);
        slt_counts_add(&sim->due, word, (size_t)length, 1);
        size += (size_t)snprintf(text + size, sizeof text - size, "%lld,%s\n",
                                 (long long)seconds[i], word);
    }
    (void)snprintf(path, sizeof path, "%s/%d.csv", dir, round);
    sl_code rc = sli_world_put(sim->world, path, text, size, NULL);
    SL_ASSERT(rc == SL_OK, "no room for a test's file");
}

static void feed_silent(slt_sim *sim, int32_t round)
{
    const int64_t seconds[3] = {100 * round, 100 * round + 7, 0};
    put_file(sim, "l", round, seconds, 2);
    if (round == 0 || round >= 3) {
        put_file(sim, "r", round, seconds, 3);
    }
}

static sl_stream *rows_of(sl_graph *graph, const char *url)
{
    return sl_stream_event_time(sl_stream_open(graph, url), "ts", "5s");
}

static void save(sl_stream *stream, const char *columns, const char *url)
{
    sl_stream_save(sl_stream_select(stream, columns), url);
}

static void build_silent(sl_graph *graph)
{
    sl_stream *left =
        rows_of(graph, "file:l?format=csv&timestamp=s&schema=ts%20timestamp,%20word%20string");
    sl_stream *right = sl_stream_silent_after(
        rows_of(graph, "file:r?format=csv&timestamp=s&schema=ts%20timestamp,%20word%20string"),
        "1s");
    sl_stream *pairs = sl_stream_interval_left_outer_join(left, right, "word", "0s", "0s");
    sl_stream *words = sl_stream_event_window(right, "word", "count() as n", "10s", NULL);
    sl_stream *all = sl_stream_event_window(right, NULL, "count() as n", "10s", NULL);
    save(pairs, "word, 1 as n", "file:out/pairs?format=csv&empty=write");
    save(sl_stream_late(pairs), "word, 1 as n", "file:out/unpaired?format=csv&empty=write");
    save(words, "word, n", "file:out/windows?format=csv&empty=write");
    save(sl_stream_late(words), "word, 1 as n", "file:out/late?format=csv&empty=write");
    save(all, "minute(window_start) as word, 1 as n", "file:out/starts?format=csv&empty=write");
}

static void check_starts(slt_sim *sim, const slt_counts *starts)
{
    for (int32_t i = 0; i < starts->n; i++) {
        if (starts->items[i].n > 1) {
            slt_sim_wrong(sim, "the window of minute %s is given %lld times", starts->items[i].word,
                          (long long)starts->items[i].n);
        }
    }
}

/// Where nothing happened the stream was set aside before it spoke again.
static void check_set_aside(slt_sim *sim, const slt_counts *late)
{
    if (slt_counts_of(late, "r3-2") != 1) {
        slt_sim_wrong(sim,
                      "a row that a silent stream brought too late is not among the late ones");
    }
}

static void check_silent(slt_sim *sim, bool at_end)
{
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, 3 * sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (add_output(sim, "out/pairs", &shown[0]) && add_output(sim, "out/unpaired", &shown[0]) &&
        add_output(sim, "out/windows", &shown[0]) && add_output(sim, "out/late", &shown[0])) {
        check_counts(sim, &shown[0], at_end, "pairs, windows and late rows");
    }
    if (add_output(sim, "out/starts", &shown[1])) {
        check_starts(sim, &shown[1]);
    }
    if (at_end && sim->deaths == 0 && !sim->hurt && !sim->zombies && sim->n_ignored == 0 &&
        add_output(sim, "out/late", &shown[2])) {
        check_set_aside(sim, &shown[2]);
    }
    sl_free(shown);
}

const slt_sim_job slt_job_silent = {
    .name = "silent",
    .build = build_silent,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed_silent,
    .check = check_silent,
};
