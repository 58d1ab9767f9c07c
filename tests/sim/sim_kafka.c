// Jobs that write to a Kafka topic, one from files and one from another topic: what a
// read_committed reader sees of it.
#include "sim/sim.h"

#include <stdio.h>

static void build_out(sl_graph *graph)
{
    sl_stream *counts =
        sl_stream_reduce_by_key(slt_words_of(graph, "file:in"), "word", "count() as n");
    sl_stream_save(counts, "kafka://sim:9092/out?key=word");
    sl_stream_save(counts, "file:out/counts?format=csv&empty=write");
}

static void build_through(sl_graph *graph)
{
    sl_stream *words = slt_words_of(graph, "kafka://sim:9092/in?start=earliest");
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"),
                   "kafka://sim:9092/out?key=word");
}

/// A record of some words; they become due.
static void put(slt_sim *sim, int32_t partition, const char *text)
{
    sli_kafka_message m = {.topic = "in",
                           .partition = partition,
                           .timestamp_us = sli_world_mono_us(sim->world),
                           .value = text,
                           .value_size = (uint32_t)strlen(text)};
    sl_code rc = sli_kafka_cluster_put(sim->cluster, &m, NULL);
    SL_ASSERT(rc == SL_OK, "no room for a test's record");
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, " ");
        slt_counts_add(&sim->due, at, size, 1);
        at += size + (at[size] != '\0');
    }
}

static void feed_topic(slt_sim *sim, int32_t round)
{
    char text[64];
    for (int32_t i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof text, "w%d-%d the be be y%d", round, i, round);
        put(sim, i % 2, text);
    }
}

static void count_record(void *ctx, const sli_kafka_record *record)
{
    int64_t n = 0;
    sl_code rc = sli_scan_int64((sl_text){record->value, record->value_size}, &n, NULL);
    SL_ASSERT(rc == SL_OK, "a count was written");
    slt_counts_add(ctx, record->key, record->key_size, n);
}

static void check_topic(slt_sim *sim, slt_counts *shown, bool at_end)
{
    (void)sli_kafka_cluster_look(sim->cluster, "out", count_record, shown);
    slt_check_words(sim, shown, at_end);
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
    check_topic(sim, shown, at_end);
    check_files(sim, shown + 1, at_end);
    sl_free(shown);
}

static void check_through(slt_sim *sim, bool at_end)
{
    slt_counts *shown = sl_alloc_zero(SLI_TAG_TEST, sizeof *shown);
    SL_ASSERT(shown != NULL, "no memory for a test");
    check_topic(sim, shown, at_end);
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

// What a topic has is there at once, and fetched some time later.
const slt_sim_job slt_job_kafka = {
    .name = "kafka",
    .rest_us = 4000000,
    .build = build_through,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed_topic,
    .check = check_through,
    .has_cluster = true,
};

// ---------------------------------------------------------------- records that Kafka does not take

static const char large[] = "much-too-long-a-word-";

static void build_large(sl_graph *graph)
{
    sl_stream *counts =
        sl_stream_reduce_by_key(slt_words_of(graph, "file:in"), "word", "count() as n");
    sl_stream_save(counts, "file:out/counts?format=csv&empty=write");
    sl_stream_save(counts, "kafka://sim:9092/out?key=word&kafka.message.max.bytes=16");
}

/// A file with a line that has a word which is too long; what is on it is never due.
static void feed_large(slt_sim *sim, int32_t round)
{
    char path[64], good[32], text[160];
    int n = snprintf(good, sizeof good, "w%d", round);
    (void)snprintf(path, sizeof path, "in/f%d.txt", round);
    (void)snprintf(text, sizeof text, "%s the\n%s%d x%d\n%s\n", good, large, round, round, good);
    SL_ASSERT(sli_world_put(sim->world, path, text, strlen(text), NULL) == SL_OK,
              "no room for a test's file");
    slt_counts_add(&sim->due, good, (size_t)n, 2);
    slt_counts_add(&sim->due, "the", 3, 1);
}

static void check_large(slt_sim *sim, bool at_end)
{
    static const char *const refused[] = {large, NULL};
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    check_out(sim, at_end);
    if (slt_groups_read(sim, "out/counts", &groups)) {
        slt_check_letters(sim, refused, groups.n, at_end);
    }
    sli_str_reset(&groups.text);
}

const slt_sim_job slt_job_kafka_large = {
    .name = "kafka_large",
    .build = build_large,
    .settings = {SLT_SETTINGS, "poison", "dead-letter", "poison.sink", "file:out/dead?format=csv",
                 NULL},
    .feed = feed_large,
    .check = check_large,
    .has_cluster = true,
};
