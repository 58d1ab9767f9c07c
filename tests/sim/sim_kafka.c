// A job that writes to a Kafka topic: what a read_committed reader sees of it.
#include "sim/sim.h"

static void build_out(sl_graph *graph)
{
    sl_stream *counts =
        sl_stream_reduce_by_key(slt_words_of(graph, "file:in"), "word", "count() as n");
    sl_stream_save(counts, "kafka://sim:9092/out?key=word");
    sl_stream_save(counts, "file:out/counts?format=csv&empty=write");
}

static void count_record(void *ctx, const sli_kafka_record *record)
{
    int64_t n = 0;
    sl_code rc = sli_scan_int64((sl_text){record->value, record->value_size}, &n, NULL);
    SL_ASSERT(rc == SL_OK, "a count was written");
    slt_counts_add(ctx, record->key, record->key_size, n);
}

static void check_files(slt_sim *sim, slt_counts *shown, bool at_end)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    if (slt_groups_read(sim, "out/counts", &groups)) {
        slt_groups_count(&groups, 0, groups.n, shown);
        slt_check_words(sim, shown, at_end);
    }
    sli_str_reset(&groups.text);
}

static void check_out(slt_sim *sim, bool at_end)
{
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, 2 * sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    (void)sli_kafka_cluster_look(sim->cluster, "out", count_record, shown);
    slt_check_words(sim, shown, at_end);
    check_files(sim, shown + 1, at_end);
    sl_free(shown);
}

const slt_sim_job slt_job_kafka_out = {
    .name = "kafka_out",
    .build = build_out,
    .settings = {SLT_SETTINGS, NULL},
    .feed = slt_feed_files,
    .check = check_out,
    .has_cluster = true,
};
