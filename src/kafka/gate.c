/// gate.c — the contract over itself: each call that contacts the cluster is announced to env.
///
/// A client library meets the outside on its own, so env does not see what it does. Here env is
/// told right before, and may say that the call fails or that the process is dead: which is how
/// crashes are tried at every call to a cluster, too. What has no effect outside and can't fail
/// passes as it is.
#include "kafka/kafka.h"

struct sli_kafka {
    const sli_kafka_ops *ops; ///< of what is behind
    sli_kafka *client;
    sl_env *env;
};

struct sli_kafka_producer {
    const sli_kafka_ops *ops;
    sli_kafka_producer *client;
    sl_env *env;
};

// ---------------------------------------------------------------- consumer

static sl_code gate_open(sli_kafka **out, const sli_kafka_conf *conf, sl_error *err)
{
    sli_kafka *self = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a Kafka client");
    }
    *self = (sli_kafka){.ops = conf->inner, .env = conf->env};
    sl_code rc = sli_env_outside(conf->env, SLI_OUTSIDE_KAFKA_OPEN, err);
    if (rc == SL_OK) {
        rc = self->ops->open(&self->client, conf, err);
    }
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static void gate_close(sli_kafka *self)
{
    if (self != NULL) {
        self->ops->close(self->client);
        sl_free(self);
    }
}

static sl_code gate_topics(sli_kafka *self, const char *topic, int64_t deadline_us,
                           sli_kafka_topic_fn each, void *ctx, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_ASK, err));
    return self->ops->topics(self->client, topic, deadline_us, each, ctx, err);
}

static sl_code gate_offsets(sli_kafka *self, sli_kafka_when when, int64_t at_us,
                            sli_kafka_spot *spots, int32_t n, int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_ASK, err));
    return self->ops->offsets(self->client, when, at_us, spots, n, deadline_us, err);
}

static sl_code gate_marked(sli_kafka *self, const char *group, const sli_kafka_spot *spots,
                           int32_t n, sli_kafka_mark *out, int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_ASK, err));
    return self->ops->marked(self->client, group, spots, n, out, deadline_us, err);
}

static void gate_note(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n)
{
    if (sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_ASK, NULL) == SL_OK) {
        self->ops->note(self->client, group, spots, n);
    }
}

static sl_code gate_fetch(sli_kafka *self, const sli_kafka_spot *from, int32_t lane, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_FETCH, err));
    return self->ops->fetch(self->client, from, lane, err);
}

static void gate_drop(sli_kafka *self, int32_t lane)
{
    self->ops->drop(self->client, lane);
}

static sl_code gate_poll(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                         int64_t deadline_us, sl_error *err)
{
    *got = 0;
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_POLL, err));
    return self->ops->poll(self->client, out, n, got, deadline_us, err);
}

static void gate_wake(sli_kafka *self)
{
    self->ops->wake(self->client);
}

static int64_t gate_high(const sli_kafka *self, int32_t lane)
{
    return self->ops->high(self->client, lane);
}

static sl_code gate_headers(sli_kafka *self, const sli_kafka_record *record,
                            sli_kafka_header_fn each, void *ctx, sl_error *err)
{
    return self->ops->headers(self->client, record, each, ctx, err);
}

static sl_code gate_error(sli_kafka *self, const sli_kafka_record *record, sl_error *err)
{
    return self->ops->error(self->client, record, err);
}

static void gate_release(sli_kafka *self, const sli_kafka_record *records, int32_t n)
{
    self->ops->release(self->client, records, n);
}

// ---------------------------------------------------------------- producer

static sl_code gate_producer_open(sli_kafka_producer **out, const sli_kafka_conf *conf,
                                  int64_t deadline_us, sl_error *err)
{
    sli_kafka_producer *self = sl_alloc_zero(SLI_TAG_SINK, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a Kafka producer");
    }
    *self = (sli_kafka_producer){.ops = conf->inner, .env = conf->env};
    sl_code rc = sli_env_outside(conf->env, SLI_OUTSIDE_KAFKA_OPEN, err);
    if (rc == SL_OK) {
        rc = self->ops->producer_open(&self->client, conf, deadline_us, err);
    }
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static sl_code gate_send(sli_kafka_producer *self, const sli_kafka_message *messages, int32_t n,
                         int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_SEND, err));
    return self->ops->send(self->client, messages, n, deadline_us, err);
}

static sl_code gate_mark(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                         const char *text, int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_MARK, err));
    return self->ops->mark(self->client, group, spot, text, deadline_us, err);
}

static sl_code gate_commit(sli_kafka_producer *self, int64_t deadline_us,
                           sli_kafka_outcome *outcome, sl_error *err)
{
    *outcome = SLI_KAFKA_UNKNOWN;
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_COMMIT, err));
    return self->ops->commit(self->client, deadline_us, outcome, err);
}

static sl_code gate_abort(sli_kafka_producer *self, int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_KAFKA_ABORT, err));
    return self->ops->abort(self->client, deadline_us, err);
}

static void gate_producer_close(sli_kafka_producer *self)
{
    if (self != NULL) {
        self->ops->producer_close(self->client);
        sl_free(self);
    }
}

const sli_kafka_ops sli_kafka_gate = {
    .struct_size = sizeof(sli_kafka_ops),
    .open = gate_open,
    .close = gate_close,
    .topics = gate_topics,
    .offsets = gate_offsets,
    .marked = gate_marked,
    .note = gate_note,
    .fetch = gate_fetch,
    .drop = gate_drop,
    .poll = gate_poll,
    .wake = gate_wake,
    .high = gate_high,
    .headers = gate_headers,
    .error = gate_error,
    .release = gate_release,
    .producer_open = gate_producer_open,
    .send = gate_send,
    .mark = gate_mark,
    .commit = gate_commit,
    .abort = gate_abort,
    .producer_close = gate_producer_close,
    // names: asked before a client is opened, of what is behind
};
