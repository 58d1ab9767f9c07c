// What groups have on record: it is asked, and noted.
//
// Marks are asked by a client of that group, for the time of the question: librdkafka's request for
// any group's offsets (ListConsumerGroupOffsets; 2.0.2, and 2.15 still) follows a null pointer when
// the broker it went to does not lead the group any more, or not yet. A client's own group has a
// way of its own.
#include <stdio.h>
#include <string.h>

#include "kafka/module/rd_int.h"

// ---------------------------------------------------------------- marks

typedef struct marks_question {
    rd_kafka_t *member; ///< of the group; it joins nothing
    rd_kafka_queue_t *events;
    const sli_kafka_spot *spots;
    int32_t n;
    sli_kafka_mark *out;
} marks_question;

/// A client as `self` is, but of the group; what it hears of certificates is told to `self`.
static sl_code open_member(sli_kafka *self, const char *group, marks_question *q, sl_error *err)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_dup(rd_kafka_conf(rd_handle(self)));
    rd_kafka_conf_set_error_cb(conf, NULL);
    bool set = rd_kafka_conf_set(conf, "group.id", group, why, sizeof why) == RD_KAFKA_CONF_OK &&
               rd_kafka_conf_set(conf, "isolation.level", "read_committed", why, sizeof why) ==
                   RD_KAFKA_CONF_OK; // what open transactions hold back is waited for
    q->member = set ? rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why) : NULL;
    if (q->member == NULL) {
        rd_kafka_conf_destroy(conf);
        return rd_fail(err, SL_E_CONFIG, group, why);
    }
    q->events = rd_kafka_queue_get_main(q->member);
    (void)rd_kafka_set_log_queue(q->member, q->events);
    return SL_OK;
}

static void close_member(marks_question *q)
{
    rd_kafka_queue_destroy(q->events);
    rd_kafka_destroy_flags(q->member, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static sl_code take_mark(const rd_kafka_topic_partition_t *from, const sli_kafka_spot *spot,
                         sli_kafka_mark *out, sl_error *err)
{
    if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return rd_place_fail(err, from->err, spot);
    }
    *out = (sli_kafka_mark){.offset = from->offset < 0 ? -1 : from->offset};
    if (from->metadata != NULL) {
        (void)snprintf(out->text, sizeof out->text, "%.*s", (int)from->metadata_size,
                       (const char *)from->metadata);
    }
    return SL_OK;
}

static sl_code take_marks(const marks_question *q, rd_kafka_topic_partition_list_t *list,
                          sl_error *err)
{
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < q->n; i++) {
        const rd_kafka_topic_partition_t *found =
            rd_kafka_topic_partition_list_find(list, q->spots[i].topic, q->spots[i].partition);
        q->out[i] = (sli_kafka_mark){.offset = -1};
        rc = found == NULL ? SL_OK : take_mark(found, &q->spots[i], &q->out[i], err);
    }
    return rc;
}

static sl_code ask_marks(sli_kafka *self, void *ctx, int timeout_ms, sl_error *err)
{
    const marks_question *q = ctx;
    rd_kafka_topic_partition_list_t *list = rd_list_of(q->spots, q->n);
    if (list == NULL) {
        return rd_nomem(err);
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(q->member, list, timeout_ms);
    rd_trouble_listen(rd_trouble_of(self), q->events);
    sl_code rc = code == RD_KAFKA_RESP_ERR_NO_ERROR
                     ? take_marks(q, list, err)
                     : rd_fail_of(err, code, "a group's offsets", NULL);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

sl_code rd_marked(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n,
                  sli_kafka_mark *out, int64_t deadline_us, sl_error *err)
{
    marks_question q = {.spots = spots, .n = n, .out = out};
    sl_code rc = open_member(self, group, &q, err);
    if (rc == SL_OK) {
        rc = rd_ask(self, ask_marks, &q, deadline_us, err);
        close_member(&q);
    }
    return rc;
}

// ---------------------------------------------------------------- notes

/// Whether there is no note under way; its answer tells nothing that anybody needs.
static bool is_free(rd_kafka_t *rd, rd_noted *noted)
{
    if (noted->answer == NULL) {
        noted->answer = rd_kafka_queue_new(rd);
        return true;
    }
    rd_kafka_event_t *event = rd_kafka_queue_poll(noted->answer, 0);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    return event != NULL;
}

/// The request has no time-out of its own: when one has timed out and its coordinator is found
/// afterwards, librdkafka (2.0.2) stops the program by an assertion.
static void send_note(rd_kafka_t *rd, const char *group, rd_kafka_topic_partition_list_t *list,
                      rd_kafka_queue_t *answer)
{
    enum { LONGEST_MS = 3600000 }; // that it takes
    char why[128];
    rd_kafka_AlterConsumerGroupOffsets_t *wanted =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rd, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, LONGEST_MS, why, sizeof why);
    rd_kafka_AlterConsumerGroupOffsets(rd, &wanted, 1, options, answer);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_AlterConsumerGroupOffsets_destroy(wanted);
}

/// One at a time, or they would gather where a coordinator is away: what is not noted now is noted
/// with the next commit.
void rd_note(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n)
{
    rd_kafka_t *rd = rd_handle(self);
    rd_noted *noted = rd_noted_of(self);
    (void)pthread_mutex_lock(&noted->mutex);
    rd_kafka_topic_partition_list_t *list =
        n > 0 && is_free(rd, noted) ? rd_list_of(spots, n) : NULL;
    if (list != NULL) {
        send_note(rd, group, list, noted->answer);
        rd_kafka_topic_partition_list_destroy(list);
    }
    (void)pthread_mutex_unlock(&noted->mutex);
}
