// Jobs with windows of every way of going on: rows that are kept, aggregations put together anew,
// and aggregations by the inverse. Each row has its batch time, so a window is checked against the
// words that the same run shows: exactly those of the batch times that it holds.
#include "sim/sim.h"

#include "sluice/window.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- graphs

static sl_code run_stamp(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
        sl_builder_cell(out, 1, sl_batch_column(in, 1), i);
        sl_builder_int64(out, 2, sl_args_time_us(args) / 1000000);
    }
    return SL_OK;
}

static const sl_fn stamp = {.struct_size = sizeof(sl_fn),
                            .name = "stamp",
                            .out = "word string, n int64, at int64",
                            .run = run_stamp};

static void save(sl_stream *counts, const char *url)
{
    sl_stream_save(sl_stream_map(counts, &stamp, NULL), url);
}

static void build_windows(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "file:in");
    sl_stream *most = sl_stream_reduce_by_key_and_window(
        words, "word", "count() as n, max(word) as m", "3s", NULL);
    save(sl_stream_reduce_by_key(words, "word", "count() as n"),
         "file:out/words?format=csv&empty=write");
    save(sl_stream_reduce_by_key_and_window(words, "word", "count() as n", "3s", NULL),
         "file:out/going?format=csv&empty=write");
    save(sl_stream_select(most, "word, n"), "file:out/anew?format=csv&empty=write");
    save(sl_stream_reduce_by_key(sl_stream_window(words, "4s", "2s"), "word", "count() as n"),
         "file:out/rows?format=csv&empty=write");
}

// ---------------------------------------------------------------- what must hold

typedef struct stamped {
    char word[SLT_WORD_BYTES];
    int64_t n, at;
} stamped;

enum { MOST_STAMPED = 1024 };

typedef struct table {
    stamped rows[MOST_STAMPED];
    int32_t n;
} table;

/// "WORD,N,SECOND" lines of an output.
static void read_table(slt_sim *sim, const char *dir, table *out)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    bool good = slt_groups_read(sim, dir, &groups);
    for (size_t at = 0; good && at < groups.text.size;) {
        const char *line = groups.text.data + at;
        size_t size = strcspn(line, "\n"), word = strcspn(line, ",");
        if (strncmp(line, "word,", 5) != 0 && word < SLT_WORD_BYTES) {
            char *end = NULL;
            SL_ASSERT(out->n < MOST_STAMPED, "more rows than a test has");
            stamped *row = &out->rows[out->n++];
            (void)snprintf(row->word, sizeof row->word, "%.*s", (int)word, line);
            row->n = strtoll(line + word + 1, &end, 10);
            row->at = strtoll(end + 1, NULL, 10);
        }
        at += size + 1;
    }
    sli_str_reset(&groups.text);
}

static int64_t held(const table *words, const char *word, int64_t from, int64_t to)
{
    int64_t n = 0;
    for (int32_t i = 0; i < words->n; i++) {
        bool in = words->rows[i].at > from && words->rows[i].at <= to;
        n += in && strcmp(words->rows[i].word, word) == 0 ? words->rows[i].n : 0;
    }
    return n;
}

static int32_t rows_of(const table *t, const char *word, int64_t at)
{
    int32_t n = 0;
    for (int32_t i = 0; i < t->n; i++) {
        n += t->rows[i].at == at && strcmp(t->rows[i].word, word) == 0;
    }
    return n;
}

static void check_window(slt_sim *sim, const char *dir, const table *words, int64_t window,
                         int64_t slide, bool at_end)
{
    table *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    read_table(sim, dir, shown);
    for (int32_t i = 0; i < shown->n; i++) {
        const stamped *row = &shown->rows[i];
        int64_t n = held(words, row->word, row->at - window, row->at);
        if (row->n != n || rows_of(shown, row->word, row->at) != 1) {
            slt_sim_wrong(sim, "%s: '%s' at %lld s is shown as %lld, %d times; the window has %lld",
                          dir, row->word, (long long)row->at, (long long)row->n,
                          rows_of(shown, row->word, row->at), (long long)n);
        }
    }
    for (int32_t i = 0; at_end && i < words->n; i++) {
        const stamped *row = &words->rows[i];
        if (row->at % slide == 0 && rows_of(shown, row->word, row->at) == 0) {
            slt_sim_wrong(sim, "%s: '%s' at %lld s is not shown", dir, row->word,
                          (long long)row->at);
        }
    }
    sl_free(shown);
}

void slt_check_windows(slt_sim *sim, const slt_window_output *outputs, bool at_end)
{
    table *words = sl_alloc_zero(SLI_TAG_TEST, sizeof *words);
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(words != NULL && shown != NULL, "no memory for a test");
    read_table(sim, "out/words", words);
    for (int32_t i = 0; i < words->n; i++) {
        slt_counts_add(shown, words->rows[i].word, strlen(words->rows[i].word), words->rows[i].n);
    }
    slt_check_words(sim, shown, at_end);
    for (const slt_window_output *output = outputs; output->dir != NULL; output++) {
        check_window(sim, output->dir, words, output->window, output->slide, at_end);
    }
    sl_free(words);
    sl_free(shown);
}

static void check_windows(slt_sim *sim, bool at_end)
{
    static const slt_window_output outputs[] = {
        {"out/going", 3, 1}, {"out/anew", 3, 1}, {"out/rows", 4, 2}, {0}};
    slt_check_windows(sim, outputs, at_end);
}

const slt_sim_job slt_job_windows = {
    .name = "windows",
    .build = build_windows,
    .settings = {SLT_SETTINGS, NULL},
    .feed = slt_feed_files,
    .check = check_windows,
};
const slt_sim_job slt_job_panes = {
    .name = "panes",
    .build = build_windows,
    .settings = {SLT_SETTINGS, "commit_interval", "2s", NULL},
    .feed = slt_feed_files,
    .check = check_windows,
};
