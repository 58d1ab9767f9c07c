// A producer: one transaction at a time, or none at all.
//
// librdkafka sorts its failures into three: try the same call again; abort; this producer is at its
// end. The loops here turn these into an outcome.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/module/rd_int.h"

/// SL_OK: none.
typedef struct rd_refusal {
    sl_code code;
    char why[256];
} rd_refusal;

typedef struct rd_marking rd_marking;

struct sli_kafka_producer {
    rd_trouble trouble; ///< first: rd_on_certificate
    rd_clock clock;
    rd_kafka_t *rd;
    rd_kafka_topic_t *topic; ///< of the last record sent
    bool transactional, open;
    bool failed;         ///< a send or mark of the open transaction: it can only be aborted
    rd_marking *marking; ///< one that has not come back in time; NULL: none. Nothing else is asked
                         ///< of librdkafka then
    bool at_end;         ///< an outcome was not known: it can only be closed
    rd_refusal refusal;  ///< of the first record that did not arrive since the last commit or abort
};

enum {
    WAIT_MS = 100, ///< of one wait for room in librdkafka's queue
    PAUSE_MS = 20, ///< before a call that may be made again is
};

// ---------------------------------------------------------------- opening

/// A record has not arrived. On the thread that sends: librdkafka calls this from its poll alone.
static void not_arrived(rd_kafka_t *rd, const rd_kafka_message_t *m, void *opaque)
{
    sli_kafka_producer *self = opaque;
    (void)rd;
    bool purged =
        m->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || m->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR || purged || self->refusal.code != SL_OK) {
        return;
    }
    self->refusal.code = rd_code_of(m->err);
    (void)snprintf(self->refusal.why, sizeof self->refusal.why,
                   "a record of %zu bytes for %s partition %d: %s", m->len + m->key_len,
                   rd_kafka_topic_name(m->rkt), (int)m->partition, rd_kafka_err2str(m->err));
}

/// What Sluice needs, then what it prefers where the user says nothing.
static sl_code settings(rd_kafka_conf_t **out, const sli_kafka_conf *conf, sl_error *err)
{
    static const rd_pair preferred[] = {{"partitioner", "murmur2_random"}, // the Java client's
                                        {"retry.backoff.ms", "5"}};
    char timeout_ms[24];
    rd_pair own[8] = {{"enable.idempotence", "true"}, {"delivery.report.only.error", "true"}};
    int n = 2;
    for (size_t i = 0; i < sizeof preferred / sizeof preferred[0]; i++) {
        if (!rd_is_given(conf, preferred[i].name)) {
            own[n++] = preferred[i];
        }
    }
    if (conf->transactional_id != NULL) {
        (void)snprintf(timeout_ms, sizeof timeout_ms, "%lld",
                       (long long)(conf->transaction_us / 1000));
        own[n++] = (rd_pair){"transactional.id", conf->transactional_id};
        own[n++] = (rd_pair){"transaction.timeout.ms", timeout_ms};
    }
    own[n] = (rd_pair){NULL, NULL};
    return rd_settings(out, conf, own, err);
}

/// librdkafka asks who we are again and again, also where the answer was no.
static sl_code begin_transactions(sli_kafka_producer *self, int64_t deadline_us, sl_error *err)
{
    for (;;) {
        rd_kafka_error_t *error =
            rd_kafka_init_transactions(self->rd, rd_slice_ms(self->clock, deadline_us));
        bool again = error != NULL && rd_kafka_error_is_retriable(error);
        (void)rd_kafka_poll(self->rd, again ? PAUSE_MS : 0); // hears what the trouble is
        if (again && !rd_trouble_refused(&self->trouble) &&
            rd_left_ms(self->clock, deadline_us) > 0) {
            rd_kafka_error_destroy(error);
            continue;
        }
        sl_code rc = rd_verdict(error, "init transactions", err);
        return again ? rd_trouble_tell(&self->trouble, rc, err) : rc;
    }
}

static void on_error(rd_kafka_t *rd, int code, const char *text, void *opaque)
{
    sli_kafka_producer *self = opaque;
    (void)rd;
    rd_trouble_hear(&self->trouble, (rd_kafka_resp_err_t)code, text);
}

/// What goes wrong is told by the calls that it went wrong in.
static void no_log(const rd_kafka_t *rd, int level, const char *facility, const char *text)
{
    (void)rd;
    (void)level;
    (void)facility;
    (void)text;
}

static sl_code start(sli_kafka_producer *self, const sli_kafka_conf *conf, sl_error *err)
{
    rd_kafka_conf_t *rd = NULL;
    char why[256];
    sl_code rc = settings(&rd, conf, err);
    if (rc != SL_OK) {
        return rc;
    }
    rd_kafka_conf_set_opaque(rd, self);
    rd_kafka_conf_set_dr_msg_cb(rd, not_arrived);
    rd_kafka_conf_set_log_cb(rd, no_log);
    rd_kafka_conf_set_error_cb(rd, on_error);
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(rd, rd_on_certificate); // fails without TLS
    self->rd = rd_kafka_new(RD_KAFKA_PRODUCER, rd, why, sizeof why);
    if (self->rd == NULL) {
        rd_kafka_conf_destroy(rd);
        return rd_fail(err, SL_E_CONFIG, "a producer", why);
    }
    return SL_OK;
}

sl_code rd_producer_open(sli_kafka_producer **out, const sli_kafka_conf *conf, int64_t deadline_us,
                         sl_error *err)
{
    sli_kafka_producer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return rd_nomem(err);
    }
    self->clock = rd_clock_from(conf);
    rd_trouble_init(&self->trouble, conf);
    self->transactional = conf->transactional_id != NULL;
    sl_code rc = start(self, conf, err);
    if (rc == SL_OK && self->transactional) {
        rc = begin_transactions(self, deadline_us, err);
    }
    if (rc != SL_OK) {
        rd_producer_close(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

// ---------------------------------------------------------------- sending

static sl_code check_usable(const sli_kafka_producer *self, sl_error *err)
{
    if (self->at_end) {
        return rd_fail(err, SL_E_STATE, "a producer",
                       "how its last transaction ended is not known; open another one");
    }
    return self->failed ? rd_fail(err, SL_E_STATE, "a transaction",
                                  "a part of it has failed; it can only be aborted")
                        : SL_OK;
}

static sl_code ensure_open(sli_kafka_producer *self, sl_error *err)
{
    sl_code rc = check_usable(self, err);
    if (rc != SL_OK || !self->transactional || self->open) {
        return rc;
    }
    rc = rd_verdict(rd_kafka_begin_transaction(self->rd), "begin a transaction", err);
    self->open = rc == SL_OK;
    return rc;
}

/// Keeps in mind that a part of the transaction has failed; returns rc.
static sl_code part_of(sli_kafka_producer *self, sl_code rc)
{
    self->failed = self->failed || (self->open && rc != SL_OK);
    return rc;
}

static rd_kafka_topic_t *topic_of(sli_kafka_producer *self, const char *name)
{
    if (self->topic == NULL || strcmp(rd_kafka_topic_name(self->topic), name) != 0) {
        if (self->topic != NULL) {
            rd_kafka_topic_destroy(self->topic);
        }
        self->topic = rd_kafka_topic_new(self->rd, name, NULL);
    }
    return self->topic;
}

/// The record's headers for librdkafka, which takes them when the record is taken; NULL: none.
static sl_code headers_of(const sli_kafka_message *m, rd_kafka_headers_t **out, sl_error *err)
{
    *out = m->n_headers > 0 ? rd_kafka_headers_new((size_t)m->n_headers) : NULL;
    for (int32_t i = 0; i < m->n_headers; i++) {
        const sli_kafka_header *h = &m->headers[i];
        if (*out == NULL ||
            rd_kafka_header_add(*out, h->name, -1, h->value, (ssize_t)h->value_size) !=
                RD_KAFKA_RESP_ERR_NO_ERROR) {
            return rd_nomem(err);
        }
    }
    return SL_OK;
}

static rd_kafka_error_t *send_one(sli_kafka_producer *self, const sli_kafka_message *m,
                                  rd_kafka_headers_t *headers)
{
    rd_kafka_vu_t words[7] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic_of(self, m->topic)},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = m->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)m->value, m->value == NULL ? 0 : m->value_size}},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)m->key, m->key == NULL ? 0 : m->key_size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = m->timestamp_us / 1000},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    return rd_kafka_produceva(self->rd, words, headers == NULL ? 6 : 7);
}

static sl_code send_waiting(sli_kafka_producer *self, const sli_kafka_message *m,
                            int64_t deadline_us, sl_error *err)
{
    rd_kafka_headers_t *headers = NULL;
    sl_code rc = headers_of(m, &headers, err);
    while (rc == SL_OK) {
        rd_kafka_error_t *error = send_one(self, m, headers);
        if (error == NULL) {
            return SL_OK;
        }
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rc = rd_verdict(error, m->topic, err);
            break;
        }
        rd_kafka_error_destroy(error);
        int left_ms = rd_left_ms(self->clock, deadline_us);
        if (left_ms == 0) {
            rc = rd_fail(err, SL_E_TIMEOUT, m->topic, "the client's queue stays full");
            break;
        }
        (void)rd_kafka_poll(self->rd, left_ms < WAIT_MS ? left_ms : WAIT_MS);
    }
    if (headers != NULL) {
        rd_kafka_headers_destroy(headers);
    }
    return rc;
}

/// Tells it once.
static sl_code take_refusal(sli_kafka_producer *self, sl_error *err)
{
    rd_refusal refusal = self->refusal;
    self->refusal.code = SL_OK;
    return refusal.code == SL_OK ? SL_OK : rd_fail(err, refusal.code, "not taken", refusal.why);
}

sl_code rd_send(sli_kafka_producer *self, const sli_kafka_message *messages, int32_t n,
                int64_t deadline_us, sl_error *err)
{
    sl_code rc = ensure_open(self, err);
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        rc = send_waiting(self, &messages[i], deadline_us, err);
    }
    (void)rd_kafka_poll(self->rd, 0);
    rc = rc == SL_OK && !self->transactional ? take_refusal(self, err) : rc;
    return part_of(self, rc);
}

// ---------------------------------------------------------------- transactions

/// What a failed call of a transaction means.
typedef enum next_step { AGAIN, ABORT, GIVE_UP } next_step;

static next_step step_after(const rd_kafka_error_t *error)
{
    if (rd_kafka_error_is_fatal(error)) {
        return GIVE_UP;
    }
    if (rd_kafka_error_txn_requires_abort(error)) {
        return ABORT;
    }
    bool again = rd_kafka_error_is_retriable(error) ||
                 rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT;
    return again ? AGAIN : GIVE_UP;
}

/// After a trouble: whether the cluster answers again. librdkafka (2.0.2) does not keep to the
/// time-out of an offset that is sent into a transaction while the cluster is away.
static sl_code await_cluster(sli_kafka_producer *self, int64_t deadline_us, sl_error *err)
{
    rd_patience patience = {self->clock, deadline_us, 0};
    (void)rd_kafka_poll(self->rd, 0); // hears of it
    while (rd_trouble_is_on(&self->trouble)) {
        const struct rd_kafka_metadata *found = NULL;
        rd_kafka_resp_err_t code =
            rd_kafka_metadata(self->rd, 0, NULL, &found, rd_patience_ms(&patience));
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_metadata_destroy(found);
            rd_trouble_over(&self->trouble);
        } else if (rd_trouble_refused(&self->trouble) ||
                   rd_left_ms(self->clock, deadline_us) == 0) {
            return rd_trouble_tell(&self->trouble, rd_fail_of(err, code, "a group's mark", NULL),
                                   err);
        } else {
            (void)rd_kafka_poll(self->rd, PAUSE_MS);
        }
    }
    return SL_OK;
}

/// A group's mark on its way into the transaction, which may take longer than anybody waits.
struct rd_marking {
    rd_kafka_t *rd;
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_consumer_group_metadata_t *who;
    int timeout_ms;
    rd_kafka_error_t *error; ///< why it has not arrived; NULL: it has
    rd_errand *errand;
};

static void marking_free(rd_marking *m)
{
    if (m->error != NULL) {
        rd_kafka_error_destroy(m->error);
    }
    rd_kafka_consumer_group_metadata_destroy(m->who);
    rd_kafka_topic_partition_list_destroy(m->list);
    free(m);
}

static rd_marking *marking_new(rd_kafka_t *rd, const char *group, const sli_kafka_spot *spot,
                               const char *text)
{
    rd_marking *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->rd = rd;
    m->list = rd_kafka_topic_partition_list_new(1);
    m->who = rd_kafka_consumer_group_metadata_new(group);
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_add(m->list, spot->topic, spot->partition);
    place->offset = spot->offset;
    place->metadata = strdup(text); // the list's: freed with it
    place->metadata_size = place->metadata == NULL ? 0 : strlen(text);
    return m;
}

static void send_mark(void *what)
{
    rd_marking *m = what;
    m->error = rd_kafka_send_offsets_to_transaction(m->rd, m->list, m->who, m->timeout_ms);
}

/// One try; false: again.
static bool try_mark(sli_kafka_producer *self, rd_marking *m, int64_t deadline_us, sl_code *rc,
                     sl_error *err)
{
    m->timeout_ms = rd_left_ms(self->clock, deadline_us);
    m->errand = rd_errand_begin(send_mark, m);
    if (m->errand == NULL) {
        *rc = rd_nomem(err);
        return true;
    }
    if (!rd_errand_await(m->errand, self->clock, deadline_us)) {
        self->marking = m;
        *rc = rd_fail(err, SL_E_TIMEOUT, "a group's mark", "the cluster has gone away");
        return true;
    }
    rd_kafka_error_t *error = m->error;
    m->error = NULL;
    if (error != NULL && step_after(error) == AGAIN && rd_left_ms(self->clock, deadline_us) > 0) {
        rd_kafka_error_destroy(error);
        return false;
    }
    *rc = rd_verdict(error, "a group's mark", err);
    return true;
}

sl_code rd_mark(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                const char *text, int64_t deadline_us, sl_error *err)
{
    sl_code rc = ensure_open(self, err);
    rc = rc == SL_OK ? part_of(self, await_cluster(self, deadline_us, err)) : rc;
    if (rc != SL_OK) {
        return rc;
    }
    rd_marking *m = marking_new(self->rd, group, spot, text);
    if (m == NULL) {
        return part_of(self, rd_nomem(err));
    }
    while (!try_mark(self, m, deadline_us, &rc, err)) {
    }
    if (self->marking == NULL) {
        marking_free(m);
    }
    return part_of(self, rc);
}

/// A mark that was left has to come back before anything else is asked of librdkafka.
static sl_code await_marking(sli_kafka_producer *self, int64_t deadline_us, sl_error *err)
{
    if (self->marking == NULL) {
        return SL_OK;
    }
    if (!rd_errand_await(self->marking->errand, self->clock, deadline_us)) {
        return rd_fail(err, SL_E_TIMEOUT, "abort a transaction", "a mark of it has not come back");
    }
    marking_free(self->marking);
    self->marking = NULL;
    return SL_OK;
}

sl_code rd_abort(sli_kafka_producer *self, int64_t deadline_us, sl_error *err)
{
    if (self->at_end) {
        return check_usable(self, err);
    }
    sl_code rc = await_marking(self, deadline_us, err);
    if (rc != SL_OK) {
        return rc;
    }
    rd_kafka_error_t *error = NULL;
    while (self->open) {
        error = rd_kafka_abort_transaction(self->rd, rd_slice_ms(self->clock, deadline_us));
        if (error == NULL) {
            self->open = self->failed = false;
        } else if (step_after(error) != AGAIN || rd_left_ms(self->clock, deadline_us) == 0) {
            break;
        } else {
            rd_kafka_error_destroy(error);
        }
    }
    self->refusal.code = SL_OK;
    return self->open ? rd_verdict(error, "abort a transaction", err) : SL_OK;
}

/// The transaction can't be committed. That a record was refused is the reason to tell.
static sl_code give_back(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                         sl_error *err)
{
    rd_refusal refusal = self->refusal;
    bool for_good = refusal.code == SL_E_DATA || refusal.code == SL_E_NOT_FOUND ||
                    refusal.code == SL_E_CONFIG || refusal.code == SL_E_SUPERSEDED;
    sl_code rc = rd_abort(self, deadline_us, err);
    *outcome = rc == SL_OK ? SLI_KAFKA_ABORTED : SLI_KAFKA_UNKNOWN;
    self->at_end = rc != SL_OK;
    if (rc == SL_E_SUPERSEDED) {
        return rc;
    }
    return for_good ? rd_fail(err, refusal.code, "not taken", refusal.why) : SL_OK;
}

/// One try to commit what has arrived; false: again.
static bool try_commit(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                       sl_code *rc, sl_error *err)
{
    rd_kafka_error_t *error =
        rd_kafka_commit_transaction(self->rd, rd_slice_ms(self->clock, deadline_us));
    if (error == NULL) {
        self->open = false;
        *outcome = SLI_KAFKA_COMMITTED;
        return true;
    }
    next_step next = step_after(error);
    if (next == AGAIN && rd_left_ms(self->clock, deadline_us) > 0) {
        rd_kafka_error_destroy(error);
        return false;
    }
    *rc = rd_verdict(error, "commit a transaction", err);
    if (next == ABORT) {
        *rc = give_back(self, deadline_us, outcome, err);
        return true;
    }
    *outcome = SLI_KAFKA_UNKNOWN;
    self->at_end = true;
    *rc = *rc == SL_E_SUPERSEDED ? *rc : SL_OK;
    return true;
}

/// Waits until all that was sent has arrived, or was given up.
static bool has_arrived(sli_kafka_producer *self, int64_t deadline_us)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    do {
        code = rd_kafka_flush(self->rd, rd_slice_ms(self->clock, deadline_us));
    } while (code != RD_KAFKA_RESP_ERR_NO_ERROR && rd_left_ms(self->clock, deadline_us) > 0);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

sl_code rd_commit(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                  sl_error *err)
{
    sl_code rc = check_usable(self, err);
    if (rc != SL_OK) {
        return rc;
    }
    // All has arrived before the commit is asked for: of a record that librdkafka itself gives up
    // it would not tell there.
    *outcome = has_arrived(self, deadline_us) ? SLI_KAFKA_COMMITTED : SLI_KAFKA_UNKNOWN;
    if (!self->transactional) {
        return take_refusal(self, err);
    }
    if (self->open && self->refusal.code != SL_OK) {
        return give_back(self, deadline_us, outcome, err);
    }
    *outcome = SLI_KAFKA_COMMITTED;
    while (self->open && !try_commit(self, deadline_us, outcome, &rc, err)) {
    }
    return rc;
}

// ---------------------------------------------------------------- closing

static void close_now(void *of)
{
    sli_kafka_producer *self = of;
    if (self->marking != NULL) {
        marking_free(self->marking);
    }
    if (self->topic != NULL) {
        rd_kafka_topic_destroy(self->topic);
    }
    if (self->rd != NULL) {
        (void)rd_kafka_purge(self->rd, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(self->rd);
    }
    rd_trouble_reset(&self->trouble);
    free(self);
}

void rd_producer_close(sli_kafka_producer *self)
{
    if (self == NULL) {
        return;
    }
    if (self->marking != NULL) {
        rd_errand_leave(self->marking->errand, close_now, self);
    } else {
        close_now(self);
    }
}
