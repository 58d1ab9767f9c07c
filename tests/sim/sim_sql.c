// The job that is a script: a SELECT over each epoch, a running GROUP BY, a window of event time
// and a join with a static table, of the same rows. What each shows is the sum of the words that
// came.
//
// Round r is about second 100 r, and the rounds come in order: no row is late. The last rounds'
// windows stay open. The word "the" is in every window.
#include "sim/sim.h"
#include "sluice/sql.h"

#include <stdio.h>
#include <stdlib.h>

static const char script[] =
    "CREATE TABLE words (ts TIMESTAMP(3), word STRING,\n"
    "  WATERMARK FOR ts AS ts - INTERVAL '5' SECONDS)\n"
    "WITH ('connector' = 'file', 'path' = 'in', 'format' = 'csv', 'timestamp' = 's');\n"
    "CREATE TABLE kinds (word STRING, kind STRING)\n"
    "WITH ('connector' = 'file', 'path' = 'kinds.csv', 'format' = 'csv', 'static' = 'true');\n"
    "CREATE TABLE epochs (word STRING, n BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'out/words', 'format' = 'csv', 'empty' = 'write');\n"
    "CREATE TABLE running (word STRING, n BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'out/running', 'format' = 'csv', 'empty' = 'write',\n"
    "  'changelog' = 'append');\n"
    "CREATE TABLE windows (word STRING, n BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'out/windows', 'format' = 'csv', 'empty' = 'write');\n"
    "CREATE TABLE known (word STRING, n BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'out/known', 'format' = 'csv', 'empty' = 'write');\n"
    "INSERT INTO epochs SELECT word, count(*) FROM EPOCH(TABLE words) GROUP BY word;\n"
    "INSERT INTO running SELECT word, count(*) FROM words GROUP BY word;\n"
    "INSERT INTO windows SELECT word, count(*)\n"
    "FROM TABLE(TUMBLE(TABLE words, DESCRIPTOR(ts), INTERVAL '10' SECONDS))\n"
    "GROUP BY window_start, window_end, word;\n"
    "INSERT INTO known SELECT w.word, 1::BIGINT FROM words AS w JOIN kinds AS k\n"
    "ON w.word = k.word AND k.kind <> 'unused';\n";

static void build(sl_graph *graph)
{
    sl_sql_script(graph, "words.sql", script, NULL);
}

static void feed(slt_sim *sim, int32_t round)
{
    char path[64], text[256];
    for (int32_t i = 0; i < 2; i++) {
        int second = 100 * round + 7 * i;
        int n = snprintf(text, sizeof text, "%d,w%d-%d\n%d,the\n%d,the\n%d,x%d-%d\n%d,be\n", second,
                         round, i, second, second + 3, second + 3, round, i, second + 3);
        (void)snprintf(path, sizeof path, "in/f%d-%d.csv", round, i);
        sl_code rc = sli_world_put(sim->world, path, text, (size_t)n, NULL);
        SL_ASSERT(rc == SL_OK, "no room for a test's file");
        (void)snprintf(text, sizeof text, "w%d-%d the the x%d-%d be", round, i, round, i);
        slt_sim_due(sim, text);
    }
}

// ---------------------------------------------------------------- what must hold

/// Words of a round in one window, or in two: the windows of the rounds before the last two are
/// over.
static void check_windows(slt_sim *sim, const slt_counts *shown, bool at_end)
{
    for (int32_t i = 0; i < shown->n; i++) {
        const slt_count *word = &shown->items[i];
        if (word->n > slt_counts_of(&sim->due, word->word)) {
            slt_sim_wrong(sim, "windows: '%s' is counted %lld times, and came %lld times",
                          word->word, (long long)word->n,
                          (long long)slt_counts_of(&sim->due, word->word));
        }
    }
    for (int32_t i = 0; at_end && i < sim->due.n; i++) {
        const slt_count *word = &sim->due.items[i];
        int32_t round = (int32_t)strtol(word->word + 1, NULL, 10);
        bool is_of_round = word->word[0] == 'w' || word->word[0] == 'x';
        if (is_of_round && round < sim->rounds - 2 && slt_counts_of(shown, word->word) != word->n) {
            slt_sim_wrong(sim, "windows: '%s' of round %d is counted %lld times", word->word, round,
                          (long long)slt_counts_of(shown, word->word));
        }
    }
}

/// Two of the words are known, one of them twice: rows are those of the words.
static void check_known(slt_sim *sim, const slt_counts *words, const slt_counts *known)
{
    for (int32_t i = 0; i < words->n; i++) {
        const slt_count *word = &words->items[i];
        int64_t times = strcmp(word->word, "the") == 0 ? 2 : strcmp(word->word, "w0-0") == 0;
        if (slt_counts_of(known, word->word) != times * word->n) {
            slt_sim_wrong(sim, "known: '%s' is there %lld times, and came %lld times", word->word,
                          (long long)slt_counts_of(known, word->word), (long long)word->n);
        }
    }
}

enum { WORDS, RUNNING, WINDOWS, KNOWN, N_OUTPUTS };

static void check_outputs(slt_sim *sim, slt_groups groups[N_OUTPUTS], bool at_end)
{
    slt_counts *counts = sl_alloc_zero(SLI_TAG_TEST, 4 * sizeof *counts);
    slt_counts *words = counts, *windows = counts + 1, *both = counts + 2, *known = counts + 3;
    SL_ASSERT(counts != NULL, "no memory for a test");
    slt_groups_count(&groups[WORDS], 0, groups[WORDS].n, words);
    slt_check_words(sim, words, at_end);
    slt_check_running(sim, &groups[WORDS], &groups[RUNNING]);
    slt_groups_count(&groups[WINDOWS], 0, groups[WINDOWS].n, windows);
    check_windows(sim, windows, at_end);
    int32_t n = groups[KNOWN].n < groups[WORDS].n ? groups[KNOWN].n : groups[WORDS].n;
    slt_groups_count(&groups[WORDS], 0, n, both);
    slt_groups_count(&groups[KNOWN], 0, n, known);
    check_known(sim, both, known);
    sl_free(counts);
}

static void check(slt_sim *sim, bool at_end)
{
    static const char *const dirs[N_OUTPUTS] = {"out/words", "out/running", "out/windows",
                                                "out/known"};
    slt_groups groups[N_OUTPUTS];
    bool all = true;
    for (int32_t i = 0; i < N_OUTPUTS; i++) {
        groups[i] = (slt_groups){.text = {.tag = SLI_TAG_TEST}};
        all = slt_groups_read(sim, dirs[i], &groups[i]) && all;
    }
    if (all) {
        check_outputs(sim, groups, at_end);
    }
    for (int32_t i = 0; i < N_OUTPUTS; i++) {
        if (all && at_end && groups[i].n != groups[WORDS].n) {
            slt_sim_wrong(sim, "%s shows %d groups, the words %d", dirs[i], groups[i].n,
                          groups[WORDS].n);
        }
        sli_str_reset(&groups[i].text);
    }
}

const slt_sim_job slt_job_sql = {
    .name = "sql",
    .build = build,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed,
    .check = check,
    .has_sql = true,
    .files = {"kinds.csv", "the,article\nw0-0,word\nthe,word\nbe,unused\n", NULL},
};
