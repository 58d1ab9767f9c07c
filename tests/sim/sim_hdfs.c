// A job on HDFS: words of a directory there are counted into files there, and into a table here.
#include "sim/sim.h"

#include <stdio.h>

static void build(sl_graph *graph)
{
    sl_stream *counts =
        sl_stream_reduce_by_key(slt_words_of(graph, "hdfs://nn1/in"), "word", "count() as n");
    sl_stream_save(counts, "hdfs://nn1/out?format=csv");
    sl_stream_save(counts, "sqlite:counts.db?table=counts&journal=delete");
}

static void feed(slt_sim *sim, int32_t round)
{
    char path[64], text[160];
    for (int32_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "/in/f%d-%d.txt", round, i);
        (void)snprintf(text, sizeof text, "w%d-%d the x%d-%d\nthe be be\ny%d-%d be\n", round, i,
                       round, i, round, i);
        bool put = sli_hdfs_cluster_put(sim->hdfs, path, sli_text_of(text));
        SL_ASSERT(put, "no memory for a test");
        slt_sim_due(sim, text);
    }
}

/// A file that is there for readers: names that begin with a dot are not.
static void count_file(void *ctx, const char *path, sl_text content)
{
    const char *at = content.data, *end = content.data + content.size;
    if (strstr(path, "/.") != NULL) {
        return;
    }
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *comma = memchr(at, ',', (size_t)(end - at));
        SL_ASSERT(line_end != NULL && comma != NULL && comma < line_end, "a line has two cells");
        int64_t n = 0;
        sl_code rc = sli_scan_int64((sl_text){comma + 1, (size_t)(line_end - comma - 1)}, &n, NULL);
        SL_ASSERT(rc == SL_OK, "a count was written");
        slt_counts_add(ctx, at, (size_t)(comma - at), n);
        at = line_end + 1;
    }
}

static void check(slt_sim *sim, bool at_end)
{
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    sli_hdfs_cluster_look(sim->hdfs, "/out", count_file, shown);
    slt_check_words(sim, shown, at_end);
    sl_free(shown);
}

const slt_sim_job slt_job_hdfs = {
    .name = "hdfs",
    .build = build,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed,
    .check = check,
    .has_hdfs = true,
};
