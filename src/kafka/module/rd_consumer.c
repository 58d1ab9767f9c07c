// A consumer over librdkafka's simple interface: partitions are started at offsets that we choose,
// all into one queue, and no group is joined.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/module/rd_int.h"

/// What a record of kind LOST or TROUBLE holds.
typedef struct rd_story {
    sl_code code;
    char text[RD_TROUBLE_TEXT];
} rd_story;

/// A topic that was fetched from; kept to the end, since records of it may be about.
typedef struct rd_topic {
    struct rd_topic *next;
    rd_kafka_topic_t *rd;
    int32_t *lanes; ///< by partition; -1: not fetched
    int32_t n_lanes;
} rd_topic;

typedef struct rd_lane {
    rd_topic *topic; ///< NULL: not fetched
    int32_t partition;
    int64_t from;   ///< where it began
    rd_story *gone; ///< it is not fetched any more, and this has to be told
} rd_lane;

struct sli_kafka {
    rd_trouble trouble; ///< first: rd_on_certificate
    rd_clock clock;
    rd_noted noted;
    rd_kafka_t *rd;
    rd_kafka_queue_t *records, *events;
    rd_topic *topics;
    const rd_topic *last; ///< of the last message
    rd_lane *lanes;
    int32_t n_lanes;
    _Atomic bool woken; ///< the poll or question that waits, or the next one, has to return
    int64_t ahead_bytes;
    bool was_long;        ///< the queue was, so that librdkafka may have gone to sleep over it
    int64_t record_bytes; ///< of a record, by the latest poll
    bool in_doubt;        ///< something that is fetched may be gone: the cluster has to be asked
    int64_t asked_us;     ///< when it was, last
    rd_kafka_message_t **polled;
    int32_t n_polled;
};

enum { AT_ONCE = 1024 }; ///< records that one poll takes out of the queue together

rd_kafka_t *rd_handle(sli_kafka *self)
{
    return self->rd;
}

rd_clock rd_clock_of(const sli_kafka *self)
{
    return self->clock;
}

rd_noted *rd_noted_of(sli_kafka *self)
{
    return &self->noted;
}

rd_trouble *rd_trouble_of(sli_kafka *self)
{
    rd_trouble_listen(&self->trouble, self->events);
    return &self->trouble;
}

// ---------------------------------------------------------------- opening

static const char *queue_kbytes(char text[24], int64_t ahead_bytes)
{
    int64_t kbytes = ahead_bytes >> 10;
    (void)snprintf(text, 24, "%lld",
                   (long long)(kbytes < 1         ? 1
                               : kbytes > 2097151 ? 2097151
                                                  : kbytes));
    return text;
}

/// Messages in the queue at which librdkafka fetches no more: each takes several hundred bytes
/// beside what it holds, so small ones fill the memory long before the bytes are `ahead`.
static int64_t queue_messages(int64_t ahead_bytes)
{
    enum { BYTES = 1024, LEAST = 1000, MOST = 100000 };
    int64_t n = ahead_bytes / BYTES;
    return n < LEAST ? LEAST : n > MOST ? MOST : n;
}

/// Bytes of one partition in an answer. With librdkafka's own, 1 MiB, an answer of a topic of small
/// records becomes tens of thousands of messages at once, whatever room there is: they take ten
/// times its bytes, fall out of the caches before they are read, and the first comes late.
static const char *fetch_bytes(char text[24], int64_t ahead_bytes)
{
    enum { PARTS = 32, LEAST = 64 << 10, MOST = 1 << 20 };
    int64_t bytes = ahead_bytes / PARTS;
    (void)snprintf(text, 24, "%d", (int)(bytes < LEAST ? LEAST : bytes > MOST ? MOST : bytes));
    return text;
}

/// Of a partition or topic that is not there, or not allowed, librdkafka tells by this callback
/// alone, on the thread that polls, and in words that don't say which.
static void on_error(rd_kafka_t *rd, int code, const char *reason, void *opaque)
{
    sli_kafka *self = opaque;
    (void)rd;
    (void)reason;
    self->in_doubt = self->in_doubt || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                     rd_code_of((rd_kafka_resp_err_t)code) == SL_E_NOT_FOUND;
}

/// Else all that happens beside records comes as events of the main queue, so that no thread of
/// librdkafka's runs code of ours.
static sl_code settings(rd_kafka_conf_t **out, const sli_kafka_conf *conf, sl_error *err)
{
    char kbytes[24], messages[24], fetched[24];
    (void)snprintf(messages, sizeof messages, "%lld", (long long)queue_messages(conf->ahead_bytes));
    rd_pair own[13] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"allow.auto.create.topics", "false"},
        {"topic.metadata.refresh.interval.ms", "10000"}, // topics that grow or go
        {"log.queue", "true"},
        {"isolation.level", conf->read_uncommitted ? "read_uncommitted" : "read_committed"},
        {"queued.min.messages", messages},
        {"queued.max.messages.kbytes", queue_kbytes(kbytes, conf->ahead_bytes)},
    };
    int n = 10;
    if (!rd_is_given(conf, "fetch.error.backoff.ms")) {
        // Also how long it fetches nothing after its queue was full: half a second by default.
        own[n++] = (rd_pair){"fetch.error.backoff.ms", "10"};
    }
    if (!rd_is_given(conf, "fetch.message.max.bytes") &&
        !rd_is_given(conf, "max.partition.fetch.bytes")) { // two names of one setting
        own[n++] = (rd_pair){"fetch.message.max.bytes", fetch_bytes(fetched, conf->ahead_bytes)};
    }
    own[n] = (rd_pair){NULL, NULL};
    rd_kafka_conf_t *rd = NULL;
    sl_code rc = rd_settings(&rd, conf, own, err);
    if (rc == SL_OK) {
        rd_kafka_conf_set_events(rd, RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
        *out = rd;
    }
    return rc;
}

sl_code rd_open(sli_kafka **out, const sli_kafka_conf *conf, sl_error *err)
{
    rd_kafka_conf_t *rd = NULL;
    char why[256];
    sli_kafka *self = calloc(1, sizeof *self);
    rd_kafka_message_t **polled = calloc(AT_ONCE, sizeof *polled);
    sl_code rc = self == NULL || polled == NULL ? rd_nomem(err) : settings(&rd, conf, err);
    if (rc == SL_OK) {
        self->clock = rd_clock_from(conf);
        rd_trouble_init(&self->trouble, conf);
        (void)pthread_mutex_init(&self->noted.mutex, NULL);
        self->ahead_bytes = conf->ahead_bytes;
        rd_kafka_conf_set_opaque(rd, self);
        rd_kafka_conf_set_error_cb(rd, on_error);
        (void)rd_kafka_conf_set_ssl_cert_verify_cb(rd, rd_on_certificate); // fails without TLS
        self->rd = rd_kafka_new(RD_KAFKA_CONSUMER, rd, why, sizeof why);
        rc = self->rd == NULL ? rd_fail(err, SL_E_CONFIG, "a consumer", why) : SL_OK;
    }
    if (rc != SL_OK) {
        if (rd != NULL) {
            rd_kafka_conf_destroy(rd); // rd_kafka_new takes it only when it works
        }
        free(polled);
        free(self);
        return rc;
    }
    self->polled = polled;
    self->records = rd_kafka_queue_new(self->rd);
    self->events = rd_kafka_queue_get_main(self->rd);
    (void)rd_kafka_set_log_queue(self->rd, self->events);
    *out = self;
    return SL_OK;
}

static void stop_lane(sli_kafka *self, int32_t lane)
{
    rd_lane *l = &self->lanes[lane];
    if (l->topic != NULL) {
        (void)rd_kafka_consume_stop(l->topic->rd, l->partition);
        l->topic->lanes[l->partition] = -1;
        l->topic = NULL;
    }
}

void rd_close(sli_kafka *self)
{
    if (self == NULL) {
        return;
    }
    for (int32_t i = 0; i < self->n_lanes; i++) {
        stop_lane(self, i);
        free(self->lanes[i].gone);
    }
    rd_kafka_queue_destroy(self->records);
    rd_kafka_queue_destroy(self->events);
    if (self->noted.answer != NULL) {
        rd_kafka_queue_destroy(self->noted.answer);
    }
    while (self->topics != NULL) {
        rd_topic *next = self->topics->next;
        rd_kafka_topic_destroy(self->topics->rd);
        free(self->topics->lanes);
        free(self->topics);
        self->topics = next;
    }
    rd_kafka_destroy_flags(self->rd, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    rd_trouble_reset(&self->trouble);
    (void)pthread_mutex_destroy(&self->noted.mutex);
    free(self->lanes);
    free(self->polled);
    free(self);
}

// ---------------------------------------------------------------- what is fetched

static rd_topic *find_topic(const sli_kafka *self, const char *name)
{
    rd_topic *t = self->topics;
    while (t != NULL && strcmp(rd_kafka_topic_name(t->rd), name) != 0) {
        t = t->next;
    }
    return t;
}

static rd_topic *add_topic(sli_kafka *self, const char *name)
{
    rd_topic *t = calloc(1, sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    (void)rd_kafka_topic_conf_set(conf, "auto.offset.reset", "error", NULL, 0);
    t->rd = rd_kafka_topic_new(self->rd, name, conf);
    if (t->rd == NULL) {
        rd_kafka_topic_conf_destroy(conf);
        free(t);
        return NULL;
    }
    t->next = self->topics;
    self->topics = t;
    return t;
}

/// Room for item `at` of an array; new items are filled with `fill`.
static bool has_room(void **items, int32_t *n, int32_t at, size_t size, int fill)
{
    if (at < *n) {
        return true;
    }
    int32_t more = at + 1 + at / 2;
    char *grown = realloc(*items, (size_t)more * size);
    if (grown == NULL) {
        return false;
    }
    memset(grown + (size_t)*n * size, fill, (size_t)(more - *n) * size);
    *items = grown;
    *n = more;
    return true;
}

sl_code rd_fetch(sli_kafka *self, const sli_kafka_spot *from, int32_t lane, sl_error *err)
{
    rd_topic *t = find_topic(self, from->topic);
    if (t == NULL) {
        t = add_topic(self, from->topic);
    }
    void *lanes = self->lanes, *of_topic = t == NULL ? NULL : t->lanes;
    bool fits = t != NULL && has_room(&lanes, &self->n_lanes, lane, sizeof(rd_lane), 0);
    self->lanes = lanes;
    if (fits) {
        fits = has_room(&of_topic, &t->n_lanes, from->partition, sizeof(int32_t), 0xff);
        t->lanes = of_topic;
    }
    if (!fits) {
        return rd_nomem(err);
    }
    stop_lane(self, lane);
    if (rd_kafka_consume_start_queue(t->rd, from->partition, from->offset, self->records) != 0) {
        return rd_fail_of(err, rd_kafka_last_error(), from->topic, NULL);
    }
    t->lanes[from->partition] = lane;
    free(self->lanes[lane].gone);
    self->lanes[lane] = (rd_lane){.topic = t, .partition = from->partition, .from = from->offset};
    return SL_OK;
}

void rd_drop(sli_kafka *self, int32_t lane)
{
    if (lane >= 0 && lane < self->n_lanes) {
        stop_lane(self, lane);
        free(self->lanes[lane].gone);
        self->lanes[lane].gone = NULL;
    }
}

int64_t rd_high(const sli_kafka *self, int32_t lane)
{
    int64_t low = -1, high = -1;
    const rd_lane *l = lane >= 0 && lane < self->n_lanes ? &self->lanes[lane] : NULL;
    if (l == NULL || l->topic == NULL ||
        rd_kafka_get_watermark_offsets(self->rd, rd_kafka_topic_name(l->topic->rd), l->partition,
                                       &low, &high) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return -1;
    }
    return high < 0 ? -1 : high;
}

// ---------------------------------------------------------------- polling

/// Found by its handle: a topic that somebody has asked about before we fetched it has no opaque of
/// ours. Messages of one topic come in runs.
static const rd_topic *topic_of(sli_kafka *self, const rd_kafka_message_t *m)
{
    if (self->last == NULL || self->last->rd != m->rkt) {
        self->last = self->topics;
        while (self->last != NULL && self->last->rd != m->rkt) {
            self->last = self->last->next;
        }
    }
    return self->last;
}

static int32_t lane_of(sli_kafka *self, const rd_kafka_message_t *m)
{
    const rd_topic *t = m->rkt == NULL ? NULL : topic_of(self, m);
    return t == NULL || m->partition < 0 || m->partition >= t->n_lanes ? -1
                                                                       : t->lanes[m->partition];
}

static rd_story *story_new(sl_code code, const char *text)
{
    rd_story *story = calloc(1, sizeof *story);
    if (story != NULL) {
        story->code = code;
        (void)snprintf(story->text, sizeof story->text, "%s", text);
    }
    return story;
}

static int64_t time_of(const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type;
    int64_t ms = rd_kafka_message_timestamp(m, &type);
    return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? INT64_MIN : ms * 1000;
}

/// A message with data becomes a record, which holds it. Whether it has headers librdkafka only
/// tells by parsing them into memory of its own, for each record anew, so that is left to who wants
/// them.
static sli_kafka_record record_of(rd_kafka_message_t *m, int32_t lane)
{
    return (sli_kafka_record){.offset = m->offset,
                              .timestamp_us = time_of(m),
                              .key = m->key,
                              .value = m->payload,
                              .key_size = (uint32_t)m->key_len,
                              .value_size = (uint32_t)m->len,
                              .lane = lane,
                              .kind = SLI_KAFKA_RECORD,
                              .headers = true,
                              .held = m};
}

/// A message that says something about its partition. False: it says nothing that counts.
static bool tell(sli_kafka *self, const rd_kafka_message_t *m, int32_t lane, sli_kafka_record *out)
{
    *out = (sli_kafka_record){.offset = m->offset, .lane = lane, .kind = SLI_KAFKA_END};
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return lane >= 0;
    }
    const char *why = rd_kafka_message_errstr(m);
    sl_code code = rd_code_of(m->err);
    bool lost = lane >= 0 && (code == SL_E_NOT_FOUND || code == SL_E_CONFIG || code == SL_E_DATA);
    out->kind = lost ? SLI_KAFKA_LOST : SLI_KAFKA_TROUBLE;
    out->lane = lost ? lane : -1;
    out->held = story_new(code, why != NULL ? why : rd_kafka_err2str(m->err));
    if (lost) {
        stop_lane(self, lane);
    }
    return true;
}

/// What was heard beside the records: at most one trouble a poll.
static bool take_trouble(sli_kafka *self, sli_kafka_record *out)
{
    sl_code code = SL_OK;
    char text[RD_TROUBLE_TEXT];
    if (!rd_trouble_take(rd_trouble_of(self), &code, text)) {
        return false;
    }
    *out = (sli_kafka_record){.lane = -1, .kind = SLI_KAFKA_TROUBLE, .held = story_new(code, text)};
    return true;
}

/// Why nothing of a topic can be read; NO_ERROR: that is not so.
static rd_kafka_resp_err_t refusal_of(const struct rd_kafka_metadata *found)
{
    rd_kafka_resp_err_t said =
        found->topic_cnt == 1 ? found->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return said == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                   rd_code_of(said) == SL_E_NOT_FOUND
               ? said
               : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/// Partitions of the topic that the cluster does not have, or does not let us read, are gone.
/// SL_OK: the cluster was asked. The answer may come behind that of a fetch, which waits half a
/// second for records.
static sl_code find_gone(sli_kafka *self, rd_topic *topic)
{
    enum { ASK_MS = 1000 };
    const struct rd_kafka_metadata *found = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(self->rd, 0, topic->rd, &found, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return rd_code_of(code);
    }
    rd_kafka_resp_err_t why = refusal_of(found);
    bool known = why == RD_KAFKA_RESP_ERR_NO_ERROR;
    int32_t n = known ? found->topics[0].partition_cnt : 0;
    why = known ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION : why;
    for (int32_t p = 0; p < topic->n_lanes; p++) {
        int32_t lane = topic->lanes[p];
        if (lane >= 0 && p >= n && (known ? n > 0 : true)) {
            stop_lane(self, lane);
            self->lanes[lane].gone = story_new(rd_code_of(why), rd_kafka_err2str(why));
        }
    }
    rd_kafka_metadata_destroy(found);
    return SL_OK;
}

/// Of a topic that is deleted while it is read librdkafka tells nothing, so the cluster is asked
/// now and then, and soon when there is a reason. One that does not answer is asked again later.
static void look_for_gone(sli_kafka *self)
{
    enum { OFTEN_US = 1000000, SELDOM_US = 10000000 };
    int64_t now_us = self->clock.mono_us(self->clock.env);
    if (self->topics == NULL || now_us - self->asked_us < (self->in_doubt ? OFTEN_US : SELDOM_US)) {
        return;
    }
    self->in_doubt = false;
    for (rd_topic *t = self->topics; t != NULL && !self->in_doubt; t = t->next) {
        self->in_doubt = find_gone(self, t) != SL_OK; // then the others are not asked about either
    }
    self->asked_us = self->clock.mono_us(self->clock.env);
}

static int32_t take_gone(sli_kafka *self, sli_kafka_record *out, int32_t n)
{
    int32_t at = 0;
    for (int32_t i = 0; i < self->n_lanes && at < n; i++) {
        rd_lane *lane = &self->lanes[i];
        if (lane->gone != NULL) {
            out[at++] = (sli_kafka_record){
                .offset = lane->from, .lane = i, .kind = SLI_KAFKA_LOST, .held = lane->gone};
            lane->gone = NULL;
        }
    }
    return at;
}

/// All that is fetched. NULL without memory.
static rd_kafka_topic_partition_list_t *list_fetched(const sli_kafka *self)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(self->n_lanes);
    for (int32_t i = 0; list != NULL && i < self->n_lanes; i++) {
        const rd_lane *lane = &self->lanes[i];
        if (lane->topic != NULL) {
            rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(lane->topic->rd),
                                              lane->partition)
                ->offset = RD_KAFKA_OFFSET_END;
        }
    }
    return list;
}

/// By messages or by bytes: half of a full one, as a queue may be full between two looks.
static bool is_long(const sli_kafka *self, size_t n_messages)
{
    int64_t n = (int64_t)n_messages;
    return n >= queue_messages(self->ahead_bytes) / 2 ||
           n * self->record_bytes >= self->ahead_bytes / 2;
}

/// A full queue puts the thread that fetches from a broker to sleep, for up to a second, and
/// emptying it does not wake it. A question to that broker does, so all are asked for some offsets
/// when a long queue has become short. Nobody waits for the answer: it comes behind what the broker
/// is just sending, and librdkafka forgets it.
static void wake_fetching(sli_kafka *self)
{
    rd_kafka_topic_partition_list_t *list = list_fetched(self);
    if (list != NULL) {
        (void)rd_kafka_offsets_for_times(self->rd, list, 0);
        rd_kafka_topic_partition_list_destroy(list);
    }
}

/// `taken` messages have left the queue.
static void look_at_queue(sli_kafka *self, size_t taken, int64_t bytes)
{
    size_t left = rd_kafka_queue_length(self->records);
    self->record_bytes = taken > 0 ? bytes / (int64_t)taken : self->record_bytes;
    self->was_long = self->was_long || is_long(self, left + taken);
    if (self->was_long && !is_long(self, left)) {
        self->was_long = false;
        wake_fetching(self);
    }
}

/// Takes out what is there; waits for the first message only. librdkafka's own waiting for a batch
/// ends when the batch is full or the time is over, which a stream that trickles never is.
static ssize_t take(sli_kafka *self, int32_t most, int wait_ms)
{
    size_t n = (size_t)(most < AT_ONCE ? most : AT_ONCE);
    ssize_t got = rd_kafka_consume_batch_queue(self->records, 0, self->polled, n);
    if (got == 0 && wait_ms > 0) {
        self->polled[0] = rd_kafka_consume_queue(self->records, wait_ms);
        got = self->polled[0] == NULL ? 0 : 1;
    }
    if (got == 1 && n > 1) {
        ssize_t more = rd_kafka_consume_batch_queue(self->records, 0, self->polled + 1, n - 1);
        got += more > 0 ? more : 0;
    }
    return got;
}

/// Appends what a message says to `out`; returns whether it says something.
static bool give(sli_kafka *self, rd_kafka_message_t *m, sli_kafka_record *out)
{
    int32_t lane = lane_of(self, m);
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR && lane >= 0) {
        *out = record_of(m, lane);
        return true;
    }
    bool told = m->err != RD_KAFKA_RESP_ERR_NO_ERROR && tell(self, m, lane, out);
    rd_kafka_message_destroy(m);
    return told;
}

static sl_code poll_once(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                         int wait_ms, sl_error *err)
{
    look_for_gone(self);
    int32_t at = take_gone(self, out, n);
    at += at < n && take_trouble(self, out + at) ? 1 : 0;
    ssize_t taken = at < n ? take(self, n - at, at > 0 ? 0 : wait_ms) : 0;
    int64_t bytes = 0;
    for (ssize_t i = 0; i < taken; i++) {
        bytes += (int64_t)(self->polled[i]->len + self->polled[i]->key_len);
        at += give(self, self->polled[i], &out[at]) ? 1 : 0;
    }
    look_at_queue(self, taken > 0 ? (size_t)taken : 0, bytes);
    if (at > 0 && out[at - 1].kind != SLI_KAFKA_TROUBLE && taken > 0) {
        rd_trouble_over(&self->trouble);
    }
    *got = at;
    return taken >= 0 ? SL_OK : rd_fail_of(err, rd_kafka_last_error(), "poll", NULL);
}

bool rd_was_woken(sli_kafka *self)
{
    // Relaxed: the flag alone is told; what the waker has done before it goes by other ways.
    return atomic_exchange_explicit(&self->woken, false, memory_order_relaxed);
}

/// A long wait is cut into short ones: what is no record does not end librdkafka's.
sl_code rd_poll(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                int64_t deadline_us, sl_error *err)
{
    enum { WAIT_MS = 500 };
    for (;;) {
        int left_ms = rd_left_ms(self->clock, deadline_us);
        sl_code rc = poll_once(self, out, n, got, left_ms < WAIT_MS ? left_ms : WAIT_MS, err);
        bool woken = rd_was_woken(self);
        if (rc != SL_OK || *got > 0 || woken || rd_left_ms(self->clock, deadline_us) == 0) {
            return rc;
        }
    }
}

void rd_wake(sli_kafka *self)
{
    atomic_store_explicit(&self->woken, true, memory_order_relaxed);
    rd_kafka_queue_yield(self->records);
}

// ---------------------------------------------------------------- records

sl_code rd_headers(sli_kafka *self, const sli_kafka_record *record, sli_kafka_header_fn each,
                   void *ctx, sl_error *err)
{
    rd_kafka_headers_t *headers = NULL;
    (void)self;
    if (record->kind != SLI_KAFKA_RECORD ||
        rd_kafka_message_headers(record->held, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return SL_OK;
    }
    sl_code rc = SL_OK;
    const char *name = NULL;
    const void *value = NULL;
    size_t size = 0;
    for (size_t i = 0; rc == SL_OK && rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                                          RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        sl_bytes bytes = {value, size};
        rc = each(ctx, name, value == NULL ? NULL : &bytes, err);
    }
    return rc;
}

sl_code rd_error(sli_kafka *self, const sli_kafka_record *record, sl_error *err)
{
    const rd_story *story = record->held;
    (void)self;
    return story == NULL ? rd_nomem(err)
                         : rd_fail(err, story->code, "the cluster says", story->text);
}

void rd_release(sli_kafka *self, const sli_kafka_record *records, int32_t n)
{
    (void)self;
    for (int32_t i = 0; i < n; i++) {
        if (records[i].kind == SLI_KAFKA_RECORD) {
            rd_kafka_message_destroy(records[i].held);
        } else {
            free(records[i].held);
        }
    }
}
