// Running counts by key: what they give of the words of each group, and all of them, is at any time
// the sum of the words that are shown.
#include "sim/sim.h"

#include "sluice/running.h"

#include <stdio.h>
#include <stdlib.h>

/// With a timeout that nothing reaches the keys move in their slots at each touch.
static void build_running(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "file:in");
    sl_stream *all = sl_stream_running_by_key(words, "word", "count() as n");
    sl_stream *few = sl_stream_running_by_key(words, "word", "count() as n");
    sl_stream *whole = sl_stream_running_by_key(words, NULL, "count() as n, min(word) as least");
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"),
                   "file:out/words?format=csv&empty=write");
    sl_stream_save(sl_stream_output_mode(all, SL_COMPLETE),
                   "file:out/state?format=csv&empty=write");
    sl_stream_save(sl_stream_timeout(few, "1h"), "file:out/running?format=csv&empty=write");
    sl_stream_save(sl_stream_select(whole, "least as word, n"),
                   "file:out/whole?format=csv&empty=write");
}

/// Takes the rows of one group into what is known: the last one of a word counts.
static void take_group(const slt_groups *groups, int32_t g, slt_counts *known, slt_counts *given)
{
    for (size_t at = groups->ends[g - 1]; at < groups->ends[g];) {
        const char *line = groups->text.data + at;
        size_t size = strcspn(line, "\n"), word = strcspn(line, ",");
        if (word < size && strncmp(line, "word,", 5) != 0) {
            slt_counts_set(known, line, word, strtoll(line + word + 1, NULL, 10));
            slt_counts_add(given, line, word, 1);
        }
        at += size + 1;
    }
}

void slt_check_running(slt_sim *sim, const slt_groups *words, const slt_groups *running)
{
    slt_counts *sum = sl_alloc_zero(SLI_TAG_TEST, 4 * sizeof *sum);
    slt_counts *known = sum + 1, *given = sum + 2, *due = sum + 3;
    SL_ASSERT(sum != NULL, "no memory for a test");
    for (int32_t g = 1; g <= words->n && g <= running->n; g++) {
        given->n = due->n = 0;
        slt_groups_count(words, g - 1, g, sum);
        slt_groups_count(words, g - 1, g, due);
        take_group(running, g, known, given);
        for (int32_t i = 0; i < sum->n; i++) {
            const slt_count *word = &sum->items[i];
            bool is_due = slt_counts_of(due, word->word) > 0;
            if (slt_counts_of(known, word->word) != word->n ||
                is_due != (slt_counts_of(given, word->word) > 0)) {
                slt_sim_wrong(sim, "group %d: '%s' came %lld times, its running count is %lld", g,
                              word->word, (long long)word->n,
                              (long long)slt_counts_of(known, word->word));
            }
        }
        if (known->n != sum->n) {
            slt_sim_wrong(sim, "group %d: running counts of %d words, %d came", g, known->n,
                          sum->n);
        }
    }
    sl_free(sum);
}

static int64_t all_of(const slt_counts *counts)
{
    int64_t n = 0;
    for (int32_t i = 0; i < counts->n; i++) {
        n += counts->items[i].n;
    }
    return n;
}

/// The one row over all rows is the number of all words.
static void check_whole(slt_sim *sim, const slt_groups *words, const slt_groups *whole)
{
    slt_counts *sum = sl_alloc_zero(SLI_TAG_TEST, 3 * sizeof *sum);
    slt_counts *known = sum + 1, *given = sum + 2;
    SL_ASSERT(sum != NULL, "no memory for a test");
    for (int32_t g = 1; g <= words->n && g <= whole->n; g++) {
        slt_groups_count(words, g - 1, g, sum);
        take_group(whole, g, known, given);
        if (sum->n > 0 && slt_counts_of(known, "be") != all_of(sum)) {
            slt_sim_wrong(sim, "group %d: %lld words came, %lld were counted", g,
                          (long long)all_of(sum), (long long)slt_counts_of(known, "be"));
        }
    }
    sl_free(sum);
}

static void check(slt_sim *sim, bool at_end)
{
    static const char *const dirs[] = {"out/words", "out/state", "out/running", "out/whole"};
    slt_groups groups[4];
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    bool all = shown != NULL;
    SL_ASSERT(all, "no memory for a test");
    for (int32_t i = 0; i < 4; i++) {
        groups[i] = (slt_groups){.text = {.tag = SLI_TAG_TEST}};
        all = slt_groups_read(sim, dirs[i], &groups[i]) && all;
    }
    if (all) {
        slt_groups_count(&groups[0], 0, groups[0].n, shown);
        slt_check_words(sim, shown, at_end);
        slt_check_state(sim, &groups[0], &groups[1]);
        slt_check_running(sim, &groups[0], &groups[2]);
        check_whole(sim, &groups[0], &groups[3]);
    }
    for (int32_t i = 0; i < 4; i++) {
        if (all && at_end && groups[i].n != groups[0].n) {
            slt_sim_wrong(sim, "%s shows %d groups, the words %d", dirs[i], groups[i].n,
                          groups[0].n);
        }
        sli_str_reset(&groups[i].text);
    }
    sl_free(shown);
}

const slt_sim_job slt_job_running = {
    .name = "running",
    .build = build_running,
    .settings = {SLT_SETTINGS, NULL},
    .feed = slt_feed_files,
    .check = check,
};
