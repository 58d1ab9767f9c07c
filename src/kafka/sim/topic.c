/// topic.c — topics: made, grown, deleted, and what a test does to their records.
#include "kafka/sim/ksim_int.h"

#include "base/str.h"

enum { MOST_PARTITIONS = 4096 };
static const int64_t default_limit_bytes = 1048588; // Kafka's own

// ---------------------------------------------------------------- finding

ksim_topic *sli_ksim_topic(const sli_kafka_cluster *cluster, const char *name)
{
    ksim_topic *t = cluster->topics;
    while (t != NULL && strcmp(t->name, name) != 0) {
        t = t->next;
    }
    return t;
}

static sl_code find(const sli_kafka_cluster *cluster, const char *name, ksim_topic **out,
                    sl_error *err)
{
    *out = sli_ksim_topic(cluster, name);
    return *out != NULL ? SL_OK
                        : sl_error_set(err, SL_E_NOT_FOUND, "kafka: there is no topic %s", name);
}

/// The harness finds what nobody else may.
static sl_code find_log(const sli_kafka_cluster *cluster, const char *topic, int32_t partition,
                        ksim_log **out, sl_error *err)
{
    ksim_topic *t = NULL;
    SL_TRY(find(cluster, topic, &t, err));
    if (partition < 0 || partition >= t->n_logs) {
        return sl_error_set(err, SL_E_NOT_FOUND, "kafka: %s has no partition %d", topic,
                            (int)partition);
    }
    *out = &t->logs[partition];
    return SL_OK;
}

sl_code sli_ksim_log_of(const sli_kafka_cluster *cluster, const char *topic, int32_t partition,
                        ksim_log **out, sl_error *err)
{
    const ksim_topic *t = sli_ksim_topic(cluster, topic);
    if (t != NULL && t->forbidden) {
        return sl_error_set(err, SL_E_CONFIG, "kafka: %s: topic authorization failed", topic);
    }
    return find_log(cluster, topic, partition, out, err);
}

// ---------------------------------------------------------------- making

static sl_code grow(ksim_topic *t, int32_t n, sl_error *err)
{
    if (n <= t->n_logs || n > MOST_PARTITIONS) {
        return sl_error_set(err, SL_E_INVALID, "kafka: %s: %d to %d partitions are possible",
                            t->name, (int)t->n_logs + 1, MOST_PARTITIONS);
    }
    ksim_log *grown = sl_realloc(SLI_TAG_ENV, t->logs, (size_t)n * sizeof *grown);
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *grown, "partitions of a simulated topic");
    }
    memset(grown + t->n_logs, 0, (size_t)(n - t->n_logs) * sizeof *grown);
    t->logs = grown;
    t->n_logs = n;
    return SL_OK;
}

static void topic_free(ksim_topic *t)
{
    for (int32_t i = 0; i < t->n_logs; i++) {
        sli_ksim_log_reset(&t->logs[i]);
    }
    sl_free(t->logs);
    sl_free(t->name);
    sl_free(t);
}

static sl_code topic_new(ksim_topic **out, const char *name, int32_t n_partitions, sl_error *err)
{
    ksim_topic *t = sl_alloc_zero(SLI_TAG_ENV, sizeof *t);
    char *copy = sl_strdup(SLI_TAG_ENV, name);
    if (t == NULL || copy == NULL) {
        sl_free(t);
        sl_free(copy);
        return sl_error_nomem(err, sizeof *t, "a simulated topic");
    }
    t->name = copy;
    t->limit_bytes = default_limit_bytes;
    sl_code rc = grow(t, n_partitions, err);
    if (rc != SL_OK) {
        topic_free(t);
        return rc;
    }
    *out = t;
    return SL_OK;
}

/// Where a topic is, or would be, in the list.
static ksim_topic **place_of(sli_kafka_cluster *cluster, const char *name)
{
    ksim_topic **at = &cluster->topics;
    while (*at != NULL && strcmp((*at)->name, name) < 0) {
        at = &(*at)->next;
    }
    return at;
}

sl_code sli_kafka_cluster_make(sli_kafka_cluster *cluster, const char *topic, int32_t n_partitions,
                               sl_error *err)
{
    ksim_topic *t = NULL, **at = place_of(cluster, topic);
    if (*at != NULL && strcmp((*at)->name, topic) == 0) {
        return sl_error_set(err, SL_E_EXISTS, "kafka: the topic %s is there", topic);
    }
    SL_TRY(topic_new(&t, topic, n_partitions, err));
    t->next = *at;
    *at = t;
    sli_ksim_changed(cluster);
    return SL_OK;
}

sl_code sli_kafka_cluster_grow(sli_kafka_cluster *cluster, const char *topic, int32_t n_partitions,
                               sl_error *err)
{
    ksim_topic *t = NULL;
    SL_TRY(find(cluster, topic, &t, err));
    SL_TRY(grow(t, n_partitions, err));
    sli_ksim_changed(cluster);
    return SL_OK;
}

sl_code sli_kafka_cluster_delete(sli_kafka_cluster *cluster, const char *topic, sl_error *err)
{
    ksim_topic *t = NULL;
    SL_TRY(find(cluster, topic, &t, err));
    *place_of(cluster, topic) = t->next;
    topic_free(t);
    sli_ksim_changed(cluster);
    return SL_OK;
}

void sli_ksim_topics_free(sli_kafka_cluster *cluster)
{
    while (cluster->topics != NULL) {
        ksim_topic *next = cluster->topics->next;
        topic_free(cluster->topics);
        cluster->topics = next;
    }
}

// ---------------------------------------------------------------- records

sl_code sli_kafka_cluster_put(sli_kafka_cluster *cluster, const sli_kafka_message *message,
                              sl_error *err)
{
    ksim_topic *t = NULL;
    ksim_log *log = NULL;
    SL_TRY(find(cluster, message->topic, &t, err));
    ksim_body *body = sli_ksim_body_new(message);
    if (body == NULL) {
        return sl_error_nomem(err, message->value_size, "a record");
    }
    int32_t partition = message->partition >= 0
                            ? message->partition
                            : sli_ksim_partition(body, t->n_logs, &cluster->rng);
    sl_code rc = find_log(cluster, message->topic, partition, &log, err);
    if (rc != SL_OK) {
        sli_ksim_body_unref(body);
        return rc;
    }
    rc = sli_ksim_log_append(log, body, 0, err);
    sli_ksim_changed(cluster);
    return rc;
}

sl_code sli_kafka_cluster_age(sli_kafka_cluster *cluster, const sli_kafka_spot *first,
                              sl_error *err)
{
    ksim_log *log = NULL;
    sli_ksim_tick(cluster);
    SL_TRY(find_log(cluster, first->topic, first->partition, &log, err));
    if (first->offset < log->first || first->offset > log->stable) {
        return sl_error_set(err, SL_E_INVALID, "kafka: offsets %lld to %lld can be the first",
                            (long long)log->first, (long long)log->stable);
    }
    sli_ksim_log_age(log, first->offset);
    sli_ksim_changed(cluster);
    return SL_OK;
}

sl_code sli_kafka_cluster_compact(sli_kafka_cluster *cluster, const char *topic, int32_t partition,
                                  sl_error *err)
{
    ksim_log *log = NULL;
    sli_ksim_tick(cluster);
    SL_TRY(find_log(cluster, topic, partition, &log, err));
    sli_ksim_log_compact(log);
    return SL_OK;
}

sl_code sli_kafka_cluster_cut(sli_kafka_cluster *cluster, const sli_kafka_spot *end, sl_error *err)
{
    ksim_log *log = NULL;
    SL_TRY(find_log(cluster, end->topic, end->partition, &log, err));
    if (end->offset < log->first || end->offset > log->next) {
        return sl_error_set(err, SL_E_INVALID, "kafka: it can be cut at %lld to %lld",
                            (long long)log->first, (long long)log->next);
    }
    sli_ksim_log_cut(log, end->offset);
    sli_ksim_changed(cluster);
    return SL_OK;
}

// ---------------------------------------------------------------- what a topic refuses

sl_code sli_kafka_cluster_limit(sli_kafka_cluster *cluster, const char *topic, int64_t bytes,
                                sl_error *err)
{
    ksim_topic *t = NULL;
    SL_TRY(find(cluster, topic, &t, err));
    t->limit_bytes = bytes;
    return SL_OK;
}

sl_code sli_kafka_cluster_refuse(sli_kafka_cluster *cluster, const char *topic, int32_t n,
                                 sl_code why, sl_error *err)
{
    ksim_topic *t = NULL;
    SL_TRY(find(cluster, topic, &t, err));
    t->n_refused = n;
    t->why = why;
    return SL_OK;
}

sl_code sli_kafka_cluster_forbid(sli_kafka_cluster *cluster, const char *topic, bool forbidden,
                                 sl_error *err)
{
    ksim_topic *t = NULL;
    SL_TRY(find(cluster, topic, &t, err));
    t->forbidden = forbidden;
    sli_ksim_changed(cluster);
    return SL_OK;
}
