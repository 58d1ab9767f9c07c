// Jobs that take events of Flume: an agent sends them, or is asked. What an agent was told that it
// is rid of is there; events that are named are there once, others at most as often as they went
// out.
#include "sim/sim.h"

static void build_pushed(sl_graph *graph)
{
    slt_save_words(slt_words_of(graph, "flume://localhost:9999?id_header=id&idle_timeout=1h"));
}

static void build_pulled(sl_graph *graph)
{
    slt_save_words(slt_words_of(
        graph, "flume-poll://localhost:9999?id_header=id&batch=4&reconnect_delay=100ms"));
}

static void feed_agent(slt_sim *sim, int32_t round)
{
    char text[64];
    for (int32_t i = 0; i < 3; i++) {
        slt_sim_line(sim, round, i, text);
        slt_agent_line(sim->agent, text);
    }
}

/// The events without a name.
static void check_unnamed(slt_sim *sim, const slt_counts *shown, bool at_end)
{
    for (int32_t i = 0; i < sim->due.n; i++) {
        char word[SLT_WORD_BYTES];
        memcpy(word, sim->due.items[i].word, sizeof word);
        int64_t sent = slt_counts_of(&sim->sent, word), acked = slt_counts_of(&sim->acked, word);
        word[0] = 'r';
        int64_t n = slt_counts_of(shown, word);
        if (n > sent || (at_end && n < acked)) {
            slt_sim_wrong(sim,
                          "'%s' was sent %lld times and acknowledged %lld times, %lld are shown",
                          word, (long long)sent, (long long)acked, (long long)n);
        }
    }
}

static void check(slt_sim *sim, bool at_end)
{
    slt_groups words = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    slt_check_received(sim, at_end);
    if (slt_groups_read(sim, "out/words", &words)) {
        slt_groups_count(&words, 0, words.n, shown);
        check_unnamed(sim, shown, at_end);
    }
    sli_str_reset(&words.text);
    sl_free(shown);
}

// The log is synced some time after events came: who were told too early would notice.
const slt_sim_job slt_job_pushed = {
    .name = "pushed",
    .build = build_pushed,
    .settings = {SLT_SETTINGS, "block.interval", "100ms", NULL},
    .feed = slt_feed_poster,
    .check = check,
    .posts = &slt_post_avro,
};

const slt_sim_job slt_job_pulled = {
    .name = "pulled",
    .rest_us = 4000000, // until what was given is given again
    .build = build_pulled,
    .settings = {SLT_SETTINGS, "block.interval", "100ms", NULL},
    .feed = feed_agent,
    .check = check,
    .has_agent = true,
};
