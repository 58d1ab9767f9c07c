// A job that follows a file which is appended to, and rotated by turns by rename and by
// copytruncate: its words are counted into files and into a table.
#include "sim/sim.h"

#include <stdio.h>

static void build(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "tail:logs/log?rotate_wait=0s");
    sl_stream *counts = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream_save(counts, "file:out/counts?format=csv");
    sl_stream_save(counts, "sqlite:counts.db?table=counts&journal=delete");
}

/// The world's own way to write is a whole file in its place.
static void append(slt_sim *sim, const char *path, const char *text)
{
    char *bytes = NULL;
    size_t size = 0;
    sli_str all = {.tag = SLI_TAG_TEST};
    if (sli_world_read(sim->world, path, &bytes, &size, NULL) == SL_OK) {
        sli_str_add(&all, bytes, size);
        sl_free(bytes);
    }
    sli_str_text(&all, text);
    sl_code rc = sli_world_put(sim->world, path, all.data, all.size, NULL);
    SL_ASSERT(rc == SL_OK, "no room for a test's file");
    sli_str_reset(&all);
}

static sl_code note_name(void *ctx, const char *name, sl_error *err)
{
    (void)err;
    *(bool *)ctx |= name[0] != '.';
    return SL_OK;
}

/// Once something is shown the job's first start is on record: what is rotated before is left
/// alone.
static bool has_begun(slt_sim *sim)
{
    bool any = false;
    (void)sli_world_list(sim->world, "out/counts", note_name, &any, NULL);
    return any;
}

static void rotate(slt_sim *sim, int32_t round)
{
    char to[64], *bytes = NULL;
    size_t size = 0;
    (void)snprintf(to, sizeof to, "logs/log-%06d", (int)round);
    if (round % 2 == 0) {
        sl_code rc = sli_world_rename(sim->world, "logs/log", to, NULL);
        SL_ASSERT(rc == SL_OK, "the log is there");
        return;
    }
    sl_code rc = sli_world_read(sim->world, "logs/log", &bytes, &size, NULL);
    rc = rc == SL_OK ? sli_world_put(sim->world, to, bytes, size, NULL) : rc;
    rc = rc == SL_OK ? sli_world_cut(sim->world, "logs/log", 0, NULL) : rc;
    SL_ASSERT(rc == SL_OK, "the log is there");
    sl_free(bytes);
}

static void feed(slt_sim *sim, int32_t round)
{
    char text[160];
    for (int32_t i = 0; i < 2; i++) {
        (void)snprintf(text, sizeof text, "w%d-%d the x%d-%d\nthe be be\ny%d-%d be\n", round, i,
                       round, i, round, i);
        append(sim, "logs/log", text);
        slt_sim_due(sim, text);
        if (i == 0 && has_begun(sim)) {
            rotate(sim, round);
        }
    }
}

static void check(slt_sim *sim, bool at_end)
{
    // A group may put on record which files there are, and have no rows.
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}, .may_lack = true};
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/counts", &groups)) {
        slt_groups_count(&groups, 0, groups.n, shown);
        slt_check_words(sim, shown, at_end);
    }
    sli_str_reset(&groups.text);
    sl_free(shown);
}

const slt_sim_job slt_job_tail = {
    .name = "tail",
    .build = build,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed,
    .check = check,
};
