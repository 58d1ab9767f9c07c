/// cluster.c — the cluster as a whole: made, freed, hurt, looked at.
#include "kafka/sim/ksim_int.h"

sli_kafka_cluster *sli_kafka_cluster_new(sli_world *world)
{
    sli_kafka_cluster *cluster = sl_alloc_zero(SLI_TAG_ENV, sizeof *cluster);
    if (cluster == NULL) {
        return NULL;
    }
    cluster->module = (sli_module){.struct_size = sizeof(sli_module),
                                   .name = "kafka_rd",
                                   .needs = "nothing: a simulated cluster",
                                   .abi = SLI_KAFKA_ABI,
                                   .table = &sli_kafka_simulated};
    cluster->self = cluster;
    cluster->world = world;
    cluster->rng = sli_world_rng(world, "kafka");
    bool is_there = sli_world_module(world, "kafka_rd", &cluster->module);
    SL_ASSERT(is_there, "a world with a cluster has too many modules");
    return cluster;
}

void sli_kafka_cluster_free(sli_kafka_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    SL_ASSERT(cluster->n_clients == 0, "a cluster is freed while clients of it are open");
    (void)sli_world_module(cluster->world, "kafka_rd", NULL);
    sli_ksim_ids_free(cluster);
    sli_ksim_marks_free(&cluster->marks);
    sli_ksim_topics_free(cluster);
    sl_free(cluster);
}

// ---------------------------------------------------------------- what goes wrong

void sli_kafka_cluster_away(sli_kafka_cluster *cluster, int64_t for_us)
{
    int64_t now = sli_world_mono_us(cluster->world);
    sli_ksim_tick(cluster);
    cluster->n_absences += for_us > 0 ? 1 : 0;
    cluster->away_until_us = for_us < SLI_FOREVER - now ? now + for_us : SLI_FOREVER;
    sli_ksim_changed(cluster);
}

void sli_kafka_cluster_password(sli_kafka_cluster *cluster, const char *password)
{
    cluster->password = password;
}

void sli_kafka_cluster_lose(sli_kafka_cluster *cluster, double chance)
{
    cluster->lose_chance = chance;
}

void sli_kafka_cluster_lose_at(sli_kafka_cluster *cluster, int64_t n, bool done)
{
    cluster->lose_at = cluster->n_requests + n;
    cluster->lose_done = done;
}

int64_t sli_kafka_cluster_requests(const sli_kafka_cluster *cluster)
{
    return cluster->n_requests;
}

// ---------------------------------------------------------------- looking

static int64_t look_at_log(const ksim_log *log, bool uncommitted, int32_t partition,
                           sli_kafka_look_fn each, void *ctx)
{
    int64_t n = 0, position = log->first;
    const ksim_entry *e = NULL;
    while ((e = sli_ksim_log_read(log, uncommitted, &position)) != NULL) {
        sli_kafka_record record = sli_ksim_record(e->body, e->offset, partition);
        if (each != NULL) {
            each(ctx, &record);
        }
        sli_ksim_record_reset(&record);
        position++;
        n++;
    }
    return n;
}

static int64_t look(sli_kafka_cluster *cluster, const char *topic, bool uncommitted,
                    sli_kafka_look_fn each, void *ctx)
{
    int64_t n = 0;
    const ksim_topic *t = sli_ksim_topic(cluster, topic);
    if (t == NULL) {
        return -1;
    }
    sli_ksim_settle(cluster);
    for (int32_t i = 0; i < t->n_logs; i++) {
        n += look_at_log(&t->logs[i], uncommitted, i, each, ctx);
    }
    return n;
}

int64_t sli_kafka_cluster_look(sli_kafka_cluster *cluster, const char *topic,
                               sli_kafka_look_fn each, void *ctx)
{
    return look(cluster, topic, false, each, ctx);
}

int64_t sli_kafka_cluster_arrived(sli_kafka_cluster *cluster, const char *topic)
{
    return look(cluster, topic, true, NULL, NULL);
}

void sli_kafka_cluster_retain(sli_kafka_cluster *cluster, int64_t for_us)
{
    cluster->retention_us = for_us;
}

void sli_kafka_cluster_forget(sli_kafka_cluster *cluster, const char *group)
{
    sli_ksim_settle(cluster);
    sli_ksim_marks_drop(&cluster->marks, group);
}

sli_kafka_mark sli_kafka_cluster_mark(sli_kafka_cluster *cluster, const char *group,
                                      const char *topic, int32_t partition)
{
    sli_ksim_settle(cluster);
    const ksim_mark *mark = sli_ksim_mark_find(cluster->marks, group, topic, partition);
    return mark == NULL ? (sli_kafka_mark){.offset = -1} : mark->at;
}

// ---------------------------------------------------------------- the table

const sli_kafka_ops sli_kafka_simulated = {
    .struct_size = sizeof(sli_kafka_ops),
    .open = sli_ksim_open,
    .close = sli_ksim_close,
    .topics = sli_ksim_topics,
    .offsets = sli_ksim_offsets,
    .marked = sli_ksim_marked,
    .note = sli_ksim_note,
    .fetch = sli_ksim_fetch,
    .drop = sli_ksim_drop,
    .poll = sli_ksim_poll,
    .wake = sli_ksim_wake,
    .high = sli_ksim_high,
    .headers = sli_ksim_headers,
    .error = sli_ksim_error,
    .release = sli_ksim_release,
    .producer_open = sli_ksim_producer_open,
    .send = sli_ksim_send,
    .mark = sli_ksim_mark_send,
    .commit = sli_ksim_commit,
    .abort = sli_ksim_abort,
    .producer_close = sli_ksim_producer_close,
    .names = sli_ksim_names,
};
