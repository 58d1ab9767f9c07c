/// ask.c — questions to the cluster: topics, offsets, what groups have on record.
#include "kafka/sim/ksim_int.h"

// ---------------------------------------------------------------- topics

static bool is_internal(const ksim_topic *t)
{
    return strncmp(t->name, "__", 2) == 0;
}

static sl_code tell_all(const sli_kafka_cluster *cluster, sli_kafka_topic_fn each, void *ctx,
                        sl_error *err)
{
    for (const ksim_topic *t = cluster->topics; t != NULL; t = t->next) {
        if (!is_internal(t) && !t->forbidden) {
            SL_TRY(each(ctx, t->name, t->n_logs, err));
        }
    }
    return SL_OK;
}

static sl_code tell_one(const sli_kafka_cluster *cluster, const char *topic,
                        sli_kafka_topic_fn each, void *ctx, sl_error *err)
{
    ksim_log *log = NULL;
    SL_TRY(sli_ksim_log_of(cluster, topic, 0, &log, err));
    return each(ctx, topic, sli_ksim_topic(cluster, topic)->n_logs, err);
}

/// A question whose answer is lost was never answered: whether it was done makes no difference.
static sl_code ask(ksim_client *client, int64_t deadline_us, sl_error *err)
{
    ksim_fate fate = KSIM_HEARD;
    SL_TRY(sli_ksim_request(client, deadline_us, &fate, err));
    return sli_ksim_answer(client, fate, deadline_us, err);
}

sl_code sli_ksim_topics(sli_kafka *self, const char *topic, int64_t deadline_us,
                        sli_kafka_topic_fn each, void *ctx, sl_error *err)
{
    ksim_client *client = sli_ksim_client_of(self);
    SL_TRY(ask(client, deadline_us, err));
    return topic == NULL ? tell_all(client->cluster, each, ctx, err)
                         : tell_one(client->cluster, topic, each, ctx, err);
}

// ---------------------------------------------------------------- offsets

static int64_t end_of(const ksim_log *log, bool uncommitted)
{
    return uncommitted ? log->next : log->stable;
}

/// Of the first record at a time or later; behind the last one without such.
static int64_t offset_at(const ksim_log *log, bool uncommitted, int64_t at_us)
{
    int64_t position = log->first;
    const ksim_entry *e = NULL;
    while ((e = sli_ksim_log_read(log, uncommitted, &position)) != NULL) {
        if (e->body->timestamp_us >= at_us) {
            return e->offset;
        }
        position++;
    }
    return end_of(log, uncommitted);
}

static int64_t offset_of(const ksim_log *log, bool uncommitted, sli_kafka_when when, int64_t at_us)
{
    switch (when) {
    case SLI_KAFKA_EARLIEST:
        return log->first;
    case SLI_KAFKA_LATEST:
        return end_of(log, uncommitted);
    case SLI_KAFKA_AT:
        break;
    }
    return offset_at(log, uncommitted, at_us);
}

sl_code sli_ksim_offsets(sli_kafka *self, sli_kafka_when when, int64_t at_us, sli_kafka_spot *spots,
                         int32_t n, int64_t deadline_us, sl_error *err)
{
    ksim_client *client = sli_ksim_client_of(self);
    ksim_log *log = NULL;
    SL_TRY(ask(client, deadline_us, err));
    for (int32_t i = 0; i < n; i++) { // nothing is set unless all can be
        SL_TRY(sli_ksim_log_of(client->cluster, spots[i].topic, spots[i].partition, &log, err));
    }
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(sli_ksim_log_of(client->cluster, spots[i].topic, spots[i].partition, &log, err));
        spots[i].offset = offset_of(log, sli_ksim_is_uncommitted(self), when, at_us);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- groups

static bool is_any_pending(const sli_kafka_cluster *cluster, const char *group,
                           const sli_kafka_spot *spots, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (sli_ksim_is_pending(cluster, group, &spots[i])) {
            return true;
        }
    }
    return false;
}

sl_code sli_ksim_marked(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n,
                        sli_kafka_mark *out, int64_t deadline_us, sl_error *err)
{
    ksim_client *client = sli_ksim_client_of(self);
    SL_TRY(ask(client, deadline_us, err));
    while (is_any_pending(client->cluster, group, spots, n)) {
        sl_code rc = sli_ksim_pause(client, deadline_us, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "kafka: group %s: a transaction is open", group);
        }
        SL_TRY(ask(client, deadline_us, err));
    }
    for (int32_t i = 0; i < n; i++) {
        const ksim_mark *mark =
            sli_ksim_mark_find(client->cluster->marks, group, spots[i].topic, spots[i].partition);
        out[i] = mark == NULL ? (sli_kafka_mark){.offset = -1} : mark->at;
    }
    return SL_OK;
}

void sli_ksim_note(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n)
{
    ksim_client *client = sli_ksim_client_of(self);
    sli_kafka_cluster *cluster = client->cluster;
    bool arrives = sli_ksim_alive(client, NULL) == SL_OK && !sli_ksim_is_away(cluster) &&
                   !client->is_stranger && !sli_ksim_chance(&cluster->rng, cluster->lose_chance);
    for (int32_t i = 0; arrives && i < n; i++) {
        ksim_mark *mark = NULL;
        if (sli_ksim_mark_new(&mark, group, &spots[i], "", NULL) == SL_OK) {
            sli_ksim_mark_record(cluster, mark, SLI_FOREVER);
        }
    }
}
