/// producer.c — a simulated producer: records wait in it for some drawn time, or until something
/// has to wait for their delivery; then marks, commits, aborts.
///
/// What a caller was not told is as it would be: a record that was sent may be in the log already
/// or not, and of a commit without an answer only the next producer of the id knows.
#include "kafka/sim/ksim_int.h"

#include "base/str.h"

enum { QUEUE_BYTES = 4 << 20, LINGER_US = 20000 };
static const int64_t most_transaction_us =
    INT64_C(900000000);                            // brokers' transaction.max.timeout.ms
static const int64_t default_most_bytes = 1000000; // librdkafka's message.max.bytes

/// A record that was sent and not delivered.
typedef struct sent {
    struct sent *next;
    char *topic;
    int32_t partition; ///< -1: by the key
    ksim_body *body;
} sent;

struct sli_kafka_producer {
    sli_kafka_producer *next; ///< of the cluster's list
    ksim_client client;
    ksim_id *id; ///< NULL: without transactions
    int64_t epoch;
    int64_t most_bytes; ///< of one record
    sent *first, **end;
    int64_t queued_bytes;
    int64_t due_us;   ///< when the queue is delivered by itself
    int64_t txn;      ///< that this producer began; 0: none yet
    bool is_open;     ///< something was sent or marked since the last end
    bool is_failed;   ///< a send or mark failed: it can only be aborted
    bool is_expired;  ///< the cluster has aborted it
    bool is_unknown;  ///< nobody knows how the last one ended: it can only be closed
    sl_error refused; ///< why the first record that was not taken was not
};

// ---------------------------------------------------------------- opening

static void queue_clear(sli_kafka_producer *self)
{
    while (self->first != NULL) {
        sent *next = self->first->next;
        sli_ksim_body_unref(self->first->body);
        sl_free(self->first->topic);
        sl_free(self->first);
        self->first = next;
    }
    self->end = &self->first;
    self->queued_bytes = 0;
    self->due_us = SLI_FOREVER;
}

static sl_code id_open(sli_kafka_producer *self, const sli_kafka_conf *conf, int64_t deadline_us,
                       sl_error *err)
{
    ksim_fate fate = KSIM_HEARD;
    SL_TRY(sli_ksim_request(&self->client, deadline_us, &fate, err));
    if (conf->transaction_us > most_transaction_us || conf->transaction_us <= 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "kafka: a transaction of %lld us: the cluster allows 1 to %lld",
                            (long long)conf->transaction_us, (long long)most_transaction_us);
    }
    if (fate != KSIM_UNDONE) {
        self->id =
            sli_ksim_id_open(self->client.cluster, conf->transactional_id, conf->transaction_us);
        if (self->id == NULL) {
            return sl_error_nomem(err, sizeof *self->id, "a transactional id");
        }
        self->epoch = self->id->epoch;
    }
    return sli_ksim_answer(&self->client, fate, deadline_us, err);
}

sl_code sli_ksim_producer_open(sli_kafka_producer **out, const sli_kafka_conf *conf,
                               int64_t deadline_us, sl_error *err)
{
    ksim_client client;
    SL_TRY(sli_ksim_client_init(&client, conf, err));
    sli_kafka_producer *self = sl_alloc_zero(SLI_TAG_ENV, sizeof *self);
    if (self == NULL) {
        sli_ksim_client_reset(&client);
        return sl_error_nomem(err, sizeof *self, "a simulated producer");
    }
    const char *most = sli_ksim_setting(conf, "message.max.bytes");
    self->client = client;
    self->next = client.cluster->producers;
    client.cluster->producers = self;
    queue_clear(self);
    self->most_bytes = default_most_bytes;
    sl_code rc = most == NULL ? SL_OK : sli_scan_int64(sli_text_of(most), &self->most_bytes, err);
    if (rc == SL_OK) {
        rc = sli_ksim_alive(&client, err);
    }
    if (rc == SL_OK && conf->transactional_id != NULL) {
        rc = id_open(self, conf, deadline_us, err);
    }
    if (rc != SL_OK) {
        sli_ksim_producer_close(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_ksim_producer_close(sli_kafka_producer *self)
{
    if (self == NULL) {
        return;
    }
    sli_kafka_producer **at = &self->client.cluster->producers;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    queue_clear(self);
    sli_ksim_client_reset(&self->client);
    sl_free(self);
}

// ---------------------------------------------------------------- what its coordinator says

/// Whether this producer may still do anything at all.
static sl_code check_epoch(const sli_kafka_producer *self, sl_error *err)
{
    if (self->id != NULL && self->id->epoch != self->epoch) {
        return sl_error_set(err, SL_E_SUPERSEDED,
                            "kafka: a newer producer has the transactional id %s", self->id->name);
    }
    return SL_OK;
}

static sl_code check_usable(const sli_kafka_producer *self, sl_error *err)
{
    SL_TRY(sli_ksim_alive(&self->client, err));
    return !self->is_unknown ? SL_OK
                             : sl_error_set(err, SL_E_STATE,
                                            "kafka: how the last transaction ended is not known; "
                                            "this producer can only be closed");
}

/// A request of the open transaction has arrived: the first one begins it.
static sl_code join(sli_kafka_producer *self, sl_error *err)
{
    SL_TRY(check_epoch(self, err));
    if (self->id == NULL) {
        return SL_OK;
    }
    if (self->txn == 0) {
        sli_ksim_txn_end(self->client.cluster, self->id); // a commit whose markers are on their way
        sli_ksim_txn_begin(self->client.cluster, self->id);
        self->txn = self->id->txn;
    }
    self->is_expired = self->is_expired || self->id->txn != self->txn;
    return SL_OK;
}

// ---------------------------------------------------------------- delivering

static sl_code check_size(const sent *s, const ksim_topic *t, int32_t partition, sl_error *err)
{
    return s->body->size_bytes <= t->limit_bytes
               ? SL_OK
               : sl_error_set(err, SL_E_DATA,
                              "kafka: a record of %lld bytes for %s partition %d: the cluster "
                              "takes %lld",
                              (long long)s->body->size_bytes, t->name, (int)partition,
                              (long long)t->limit_bytes);
}

static sl_code check_refusal(ksim_topic *t, int32_t partition, sl_error *err)
{
    if (t->n_refused == 0) {
        return SL_OK;
    }
    t->n_refused--;
    return sl_error_set(err, t->why, "kafka: a record for %s partition %d is refused", t->name,
                        (int)partition);
}

static sl_code deliver_one(sli_kafka_producer *self, const sent *s, sl_error *err)
{
    ksim_log *log = NULL;
    ksim_topic *t = sli_ksim_topic(self->client.cluster, s->topic);
    int32_t partition = s->partition >= 0 || t == NULL
                            ? s->partition
                            : sli_ksim_partition(s->body, t->n_logs, &self->client.cluster->rng);
    SL_TRY(sli_ksim_log_of(self->client.cluster, s->topic, partition, &log, err));
    SL_TRY(check_size(s, t, partition, err));
    SL_TRY(check_refusal(t, partition, err));
    s->body->refs++;
    return sli_ksim_log_append(log, s->body, self->txn, err);
}

/// All that waits arrives. What is not taken is remembered.
static sl_code deliver(sli_kafka_producer *self, sl_error *err)
{
    SL_TRY(join(self, err));
    for (const sent *s = self->first; s != NULL && !self->is_expired; s = s->next) {
        sl_error why = SL_ERROR_INIT;
        if (deliver_one(self, s, &why) != SL_OK && self->refused.code == SL_OK) {
            self->refused = why;
        }
    }
    queue_clear(self);
    sli_ksim_changed(self->client.cluster);
    return SL_OK;
}

/// Waits until all has arrived.
static sl_code flush(sli_kafka_producer *self, int64_t deadline_us, sl_error *err)
{
    ksim_fate fate = KSIM_HEARD;
    if (self->first == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_ksim_request(&self->client, deadline_us, &fate, err));
    SL_TRY(fate == KSIM_UNDONE ? SL_OK : deliver(self, err));
    return sli_ksim_answer(&self->client, fate, deadline_us, err);
}

/// Whether the queue can be delivered by itself at all.
static bool is_under_way(const sli_kafka_producer *self)
{
    return self->due_us != SLI_FOREVER && !self->client.is_stranger &&
           !sli_world_is_dead(self->client.env) && !sli_ksim_is_away(self->client.cluster);
}

void sli_ksim_producers_tick(sli_kafka_cluster *cluster)
{
    int64_t now = sli_world_mono_us(cluster->world);
    for (sli_kafka_producer *p = cluster->producers; p != NULL; p = p->next) {
        if (p->due_us <= now && is_under_way(p)) {
            p->due_us = SLI_FOREVER; // when it is fenced, whoever asks next is told
            (void)deliver(p, NULL);
        }
    }
}

int64_t sli_ksim_producers_due_us(const sli_kafka_cluster *cluster)
{
    int64_t due = SLI_FOREVER;
    for (const sli_kafka_producer *p = cluster->producers; p != NULL; p = p->next) {
        due = is_under_way(p) && p->due_us < due ? p->due_us : due;
    }
    return due;
}

/// What was queued is delivered at once, or some time later.
static void set_due(sli_kafka_producer *self)
{
    sli_kafka_cluster *cluster = self->client.cluster;
    int64_t now = sli_world_mono_us(cluster->world);
    bool at_once = sli_ksim_chance(&cluster->rng, 0.5);
    int64_t due = now + (at_once ? 0 : 1 + (int64_t)sli_rng_below(&cluster->rng, LINGER_US));
    self->due_us = due < self->due_us ? due : self->due_us;
    sli_ksim_changed(cluster); // who waits, waits until then at most
    sli_ksim_tick(cluster);
}

// ---------------------------------------------------------------- sending

static sl_code check_message(const sli_kafka_producer *self, const sli_kafka_message *m,
                             const ksim_body *body, sl_error *err)
{
    const ksim_topic *t = sli_ksim_topic(self->client.cluster, m->topic);
    if (body->size_bytes > self->most_bytes) {
        return sl_error_set(err, SL_E_DATA,
                            "kafka: a record of %lld bytes for %s: message.max.bytes is %lld",
                            (long long)body->size_bytes, m->topic, (long long)self->most_bytes);
    }
    if (t != NULL && m->partition >= t->n_logs) {
        return sl_error_set(err, SL_E_DATA, "kafka: %s has no partition %d", m->topic,
                            (int)m->partition);
    }
    return SL_OK;
}

static sl_code enqueue(sli_kafka_producer *self, const sli_kafka_message *m, sl_error *err)
{
    sent *s = sl_alloc_zero(SLI_TAG_ENV, sizeof *s);
    char *topic = sl_strdup(SLI_TAG_ENV, m->topic);
    ksim_body *body = sli_ksim_body_new(m);
    sl_code rc = s == NULL || topic == NULL || body == NULL
                     ? sl_error_nomem(err, m->value_size, "a record to be sent")
                     : check_message(self, m, body, err);
    if (rc != SL_OK) {
        sl_free(s);
        sl_free(topic);
        sli_ksim_body_unref(body);
        return rc;
    }
    *s = (sent){NULL, topic, m->partition, body};
    *self->end = s;
    self->end = &s->next;
    self->queued_bytes += body->size_bytes;
    return SL_OK;
}

/// Without transactions a record that was not taken is told once, by whoever comes next.
static sl_code tell_refusal(sli_kafka_producer *self, sl_error *err)
{
    sl_error why = self->refused;
    self->refused = SL_ERROR_INIT;
    return why.code == SL_OK ? SL_OK : sl_error_set(err, why.code, "%s", why.text);
}

static sl_code send_all(sli_kafka_producer *self, const sli_kafka_message *messages, int32_t n,
                        int64_t deadline_us, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        self->is_open = true;
        SL_TRY(enqueue(self, &messages[i], err));
        SL_TRY(self->queued_bytes < QUEUE_BYTES ? SL_OK : flush(self, deadline_us, err));
    }
    set_due(self);
    return self->id == NULL ? tell_refusal(self, err) : SL_OK;
}

sl_code sli_ksim_send(sli_kafka_producer *self, const sli_kafka_message *messages, int32_t n,
                      int64_t deadline_us, sl_error *err)
{
    SL_TRY(check_usable(self, err));
    sl_code rc = send_all(self, messages, n, deadline_us, err);
    self->is_failed = self->is_failed || (rc != SL_OK && self->id != NULL);
    return rc;
}

// ---------------------------------------------------------------- marking

/// The mark has arrived at its group.
static sl_code put_mark(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                        const char *text, sl_error *err)
{
    ksim_log *log = NULL;
    ksim_mark *mark = NULL;
    SL_TRY(sli_ksim_log_of(self->client.cluster, spot->topic, spot->partition, &log, err));
    SL_TRY(join(self, err));
    if (!self->is_expired) {
        SL_TRY(sli_ksim_mark_new(&mark, group, spot, text, err));
        sli_ksim_mark_put(&self->id->marks, mark);
    }
    return SL_OK;
}

static sl_code mark_one(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                        const char *text, int64_t deadline_us, sl_error *err)
{
    ksim_fate fate = KSIM_HEARD;
    SL_TRY(sli_ksim_request(&self->client, deadline_us, &fate, err));
    SL_TRY(fate == KSIM_UNDONE ? SL_OK : put_mark(self, group, spot, text, err));
    return sli_ksim_answer(&self->client, fate, deadline_us, err);
}

sl_code sli_ksim_mark_send(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                           const char *text, int64_t deadline_us, sl_error *err)
{
    SL_TRY(check_usable(self, err));
    SL_ASSERT(self->id != NULL, "a mark needs a transaction");
    self->is_open = true;
    sl_code rc = mark_one(self, group, spot, text, deadline_us, err);
    self->is_failed = self->is_failed || rc != SL_OK;
    return rc;
}

// ---------------------------------------------------------------- ending

/// It has ended, in whatever way: the next send or mark opens another one.
static void end_here(sli_kafka_producer *self)
{
    queue_clear(self);
    self->txn = 0;
    self->is_open = self->is_failed = self->is_expired = false;
    self->refused = SL_ERROR_INIT;
}

sl_code sli_ksim_abort(sli_kafka_producer *self, int64_t deadline_us, sl_error *err)
{
    ksim_fate fate = KSIM_HEARD;
    SL_TRY(check_usable(self, err));
    if (!self->is_open || self->id == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_ksim_request(&self->client, deadline_us, &fate, err));
    SL_TRY(check_epoch(self, err));
    if (fate != KSIM_UNDONE && self->txn != 0 && self->id->txn == self->txn) {
        sli_ksim_txn_end(self->client.cluster, self->id);
    }
    SL_TRY(sli_ksim_answer(&self->client, fate, deadline_us, err));
    end_here(self);
    return SL_OK;
}

/// Nobody knows, and nobody will before the next producer is opened.
static sl_code leave_unknown(sli_kafka_producer *self, sli_kafka_outcome *outcome)
{
    self->is_unknown = true;
    *outcome = SLI_KAFKA_UNKNOWN;
    return SL_OK;
}

/// A record was not taken, so none may show.
static sl_code give_back(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                         sl_error *err)
{
    sl_error why = self->refused;
    sl_code rc = sli_ksim_abort(self, deadline_us, err);
    if (rc == SL_E_TIMEOUT) {
        return leave_unknown(self, outcome);
    }
    *outcome = SLI_KAFKA_ABORTED;
    bool is_final = rc == SL_OK && (why.code == SL_E_DATA || why.code == SL_E_NOT_FOUND ||
                                    why.code == SL_E_CONFIG);
    return is_final ? sl_error_set(err, why.code, "%s", why.text) : rc;
}

/// Puts the commit on record; how it ended is in *outcome, unless nobody hears it.
static sl_code ask_commit(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                          sl_error *err)
{
    ksim_fate fate = KSIM_HEARD;
    SL_TRY(sli_ksim_request(&self->client, deadline_us, &fate, err));
    SL_TRY(check_epoch(self, err));
    bool is_there = self->txn != 0 && self->id->txn == self->txn;
    *outcome = is_there ? SLI_KAFKA_COMMITTED : SLI_KAFKA_ABORTED;
    if (fate != KSIM_UNDONE && is_there) {
        sli_ksim_txn_commit(self->client.cluster, self->id);
    }
    return sli_ksim_answer(&self->client, fate, deadline_us, err);
}

static sl_code refuse_commit(const sli_kafka_producer *self, sl_error *err)
{
    SL_TRY(check_epoch(self, err));
    return sl_error_set(err, SL_E_STATE,
                        "kafka: a send or mark of this transaction failed: abort it");
}

static sl_code commit_transaction(sli_kafka_producer *self, int64_t deadline_us,
                                  sli_kafka_outcome *outcome, sl_error *err)
{
    SL_TRY(self->is_failed ? refuse_commit(self, err) : SL_OK);
    sl_code rc = flush(self, deadline_us, err);
    if (rc == SL_OK && self->refused.code != SL_OK) {
        return give_back(self, deadline_us, outcome, err);
    }
    if (rc == SL_OK) {
        rc = ask_commit(self, deadline_us, outcome, err);
    }
    if (rc == SL_E_TIMEOUT) {
        return leave_unknown(self, outcome);
    }
    SL_TRY(rc);
    end_here(self);
    return SL_OK;
}

sl_code sli_ksim_commit(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                        sl_error *err)
{
    SL_TRY(check_usable(self, err));
    *outcome = SLI_KAFKA_COMMITTED;
    if (!self->is_open) {
        return SL_OK;
    }
    if (self->id != NULL) {
        return commit_transaction(self, deadline_us, outcome, err);
    }
    sl_code rc = flush(self, deadline_us, err);
    if (rc == SL_E_TIMEOUT) {
        return leave_unknown(self, outcome);
    }
    return rc == SL_OK ? tell_refusal(self, err) : rc;
}
