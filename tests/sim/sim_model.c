// A model that counts the rows that it ever learnt from and has their mean: after each group both
// must be what the rows shown so far come to.
//
// Every row is word "all" with a number; the numbers of a round are known.
#include "sim/sim.h"
#include "sluice/ml.h"

#include <stdio.h>
#include <stdlib.h>

static void feed(slt_sim *sim, int32_t round)
{
    char path[64], text[160];
    for (int32_t i = 0; i < 2; i++) {
        int32_t a = 2 * round + i, b = 10 - a;
        (void)snprintf(path, sizeof path, "in/m%d-%d.csv", (int)round, (int)i);
        int n = snprintf(text, sizeof text, "all,%d\nall,%d\nall,5\n", (int)a, (int)b);
        sl_code rc = sli_world_put(sim->world, path, text, (size_t)n, NULL);
        SL_ASSERT(rc == SL_OK, "no room for a test's file");
        slt_counts_add(&sim->due, "all", 3, 3);
    }
}

static void build(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "file:in?format=csv&schema=word%20string,%20x%20float64");
    sl_model *model = sl_model_open(graph, "standardize", NULL);
    sl_model_train(model, in, "x", NULL);
    sl_stream_save(sl_stream_reduce_by_key(in, "word", "count() as n"),
                   "file:out/words?format=csv&empty=write");
    sl_stream *rows = sl_stream_select(sl_stream_where(sl_model_stream(model), "count > 0"),
                                       "'all' as word, count as n, mean as x");
    sl_stream_save(rows, "file:out/state?format=csv&empty=write&layout=directory");
}

/// Each file's numbers have the mean 5, and files are read whole.
static void check_means(slt_sim *sim, const slt_groups *state)
{
    for (const char *line = state->text.data; line != NULL && *line != '\0';) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, "all,", 4) == 0) {
            const char *mean = strchr(line + 4, ',');
            if (mean == NULL || strtod(mean + 1, NULL) < 4.9999 ||
                strtod(mean + 1, NULL) > 5.0001) {
                slt_sim_wrong(sim, "a model with another mean: '%.*s'", (int)size, line);
            }
        }
        line += size + (line[size] == '\n');
    }
}

static void check(slt_sim *sim, bool at_end)
{
    slt_groups words = {.text = {.tag = SLI_TAG_TEST}}, state = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/words", &words) && slt_groups_read(sim, "out/state", &state)) {
        slt_groups_count(&words, 0, words.n, shown);
        slt_check_words(sim, shown, at_end);
        slt_check_state(sim, &words, &state);
        check_means(sim, &state);
    }
    sli_str_reset(&words.text);
    sli_str_reset(&state.text);
    sl_free(shown);
}

const slt_sim_job slt_job_model = {
    .name = "model",
    .build = build,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed,
    .check = check,
};
