// A job that takes messages of MQTT, with ids, and publishes what it counted: each counts once in
// its files, and is published at least once.
#include "sim/sim.h"

#include <stdio.h>

static void build(sl_graph *graph)
{
    sl_stream *words =
        slt_words_of(graph, "mqtt://sim:1883/in?client_id=job&id=name&reconnect_delay=100ms");
    sl_stream *counts = sl_stream_reduce_by_key(words, "word", "count() as n");
    sl_stream_save(counts, "file:out/counts?format=csv&empty=write");
    sl_stream_save(counts, "mqtt://sim:1883/out?format=csv");
}

static void put(slt_sim *sim, const char *name, const char *text)
{
    sli_mqtt_pair pair = {"name", name};
    sli_mqtt_message m = {.topic = "in",
                          .payload = text,
                          .payload_size = strlen(text),
                          .qos = 1,
                          .pairs = &pair,
                          .n_pairs = 1};
    sl_code rc = sli_mqtt_broker_publish(sim->broker, &m, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, " ");
        slt_counts_add(&sim->due, at, size, 1);
        at += size + (at[size] != '\0');
    }
}

/// In some rounds connections end in the middle of it.
static void feed(slt_sim *sim, int32_t round)
{
    char name[32], text[64];
    for (int32_t i = 0; i < 4; i++) {
        (void)snprintf(name, sizeof name, "m%d-%d", round, i);
        (void)snprintf(text, sizeof text, "w%d-%d the be be y%d", round, i, round);
        put(sim, name, text);
    }
    sli_mqtt_broker_lose(sim->broker, round % 2 == 0 ? 0.5 : 0, 0);
}

static void count_message(void *ctx, const sli_mqtt_message *m)
{
    int64_t n = 0;
    const char *comma = memchr(m->payload, ',', m->payload_size);
    SL_ASSERT(comma != NULL, "word,n");
    size_t word = (size_t)(comma - m->payload);
    sl_code rc = sli_scan_int64((sl_text){comma + 1, m->payload_size - word - 1}, &n, NULL);
    SL_ASSERT(rc == SL_OK, "a count was written");
    slt_counts_add(ctx, m->payload, word, n);
}

/// Some of it may be there again, none of it may be missing.
static void check_published(slt_sim *sim, const slt_counts *shown, slt_counts *published)
{
    (void)sli_mqtt_broker_look(sim->broker, count_message, published);
    for (int32_t i = 0; i < shown->n; i++) {
        const slt_count *c = &shown->items[i];
        if (slt_counts_of(published, c->word) < c->n) {
            slt_sim_wrong(sim, "\"%s\" was counted %lld times and published as %lld", c->word,
                          (long long)c->n, (long long)slt_counts_of(published, c->word));
        }
    }
}

static void check(slt_sim *sim, bool at_end)
{
    slt_groups groups = {.text = {.tag = SLI_TAG_TEST}};
    slt_counts *counts = sl_alloc_zero(SLI_TAG_TEST, 2 * sizeof *counts);
    SL_ASSERT(counts != NULL, "no memory for a test");
    if (slt_groups_read(sim, "out/counts", &groups)) {
        slt_groups_count(&groups, 0, groups.n, counts);
        slt_check_words(sim, counts, at_end);
        if (at_end) {
            check_published(sim, counts, counts + 1);
        }
    }
    sl_free(counts);
    sli_str_reset(&groups.text);
}

// A connection that ends is made again some time later.
const slt_sim_job slt_job_mqtt = {
    .name = "mqtt",
    .rest_us = 4000000,
    .build = build,
    .settings = {SLT_SETTINGS, NULL},
    .feed = feed,
    .check = check,
    .has_broker = true,
};
