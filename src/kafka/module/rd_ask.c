// Questions to the cluster: topics, offsets, what groups have on record.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/module/rd_int.h"

/// A question, put once.
typedef sl_code (*ask_fn)(sli_kafka *self, void *ctx, int timeout_ms, sl_error *err);

/// Puts a question until there is an answer. Inside librdkafka one that is refused for who we are
/// waits as long as one whose cluster is away; and a coordinator that is just starting, or
/// transactions that are just being ended, are answers: a little later there is another one.
static sl_code ask(sli_kafka *self, ask_fn question, void *ctx, int64_t deadline_us, sl_error *err)
{
    rd_clock clock = rd_clock_of(self);
    rd_patience patience = {clock, deadline_us, 0};
    for (;;) {
        sl_code rc = question(self, ctx, rd_patience_ms(&patience), err);
        rd_trouble *trouble = rd_trouble_of(self);
        if (rc != SL_E_TIMEOUT) {
            rd_trouble_over(trouble); // it is an answer
            return rc;
        }
        if (rd_trouble_refused(trouble) || rd_left_ms(clock, deadline_us) == 0) {
            return rd_trouble_tell(trouble, rc, err);
        }
        rd_pause(clock, deadline_us);
    }
}

// ---------------------------------------------------------------- topics

static bool is_internal(const char *topic)
{
    return strncmp(topic, "__", 2) == 0;
}

static int by_name(const void *a, const void *b)
{
    const rd_kafka_metadata_topic_t *x = a, *y = b;
    return strcmp(x->topic, y->topic);
}

static sl_code tell_topics(struct rd_kafka_metadata *found, const char *topic,
                           sli_kafka_topic_fn each, void *ctx, sl_error *err)
{
    qsort(found->topics, (size_t)found->topic_cnt, sizeof *found->topics, by_name);
    for (int i = 0; i < found->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *t = &found->topics[i];
        if (topic != NULL && t->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return rd_fail_of(err, t->err, t->topic, NULL);
        }
        if (topic == NULL && (is_internal(t->topic) || t->err != RD_KAFKA_RESP_ERR_NO_ERROR)) {
            continue;
        }
        sl_code rc = each(ctx, t->topic, t->partition_cnt, err);
        if (rc != SL_OK) {
            return rc;
        }
    }
    return SL_OK;
}

typedef struct topics_question {
    const char *topic;
    sli_kafka_topic_fn each;
    void *ctx;
} topics_question;

static sl_code ask_topics(sli_kafka *self, void *ctx, int timeout_ms, sl_error *err)
{
    const topics_question *q = ctx;
    rd_kafka_t *rd = rd_handle(self);
    rd_kafka_topic_t *one = q->topic == NULL ? NULL : rd_kafka_topic_new(rd, q->topic, NULL);
    const struct rd_kafka_metadata *found = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rd, q->topic == NULL, one, &found, timeout_ms);
    sl_code rc = SL_OK;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = rd_fail_of(err, code, q->topic == NULL ? "topics" : q->topic, NULL);
    } else {
        rc = tell_topics((struct rd_kafka_metadata *)(uintptr_t)found, q->topic, q->each, q->ctx,
                         err);
        rd_kafka_metadata_destroy(found);
    }
    if (one != NULL) {
        rd_kafka_topic_destroy(one);
    }
    return rc;
}

sl_code rd_topics(sli_kafka *self, const char *topic, int64_t deadline_us, sli_kafka_topic_fn each,
                  void *ctx, sl_error *err)
{
    topics_question q = {topic, each, ctx};
    return ask(self, ask_topics, &q, deadline_us, err);
}

// ---------------------------------------------------------------- offsets

static sl_code place_fail(sl_error *err, rd_kafka_resp_err_t code, const sli_kafka_spot *spot)
{
    char what[320];
    (void)snprintf(what, sizeof what, "%s partition %d", spot->topic, (int)spot->partition);
    return rd_fail_of(err, code, what, NULL);
}

/// NULL without memory.
static rd_kafka_topic_partition_list_t *list_of(const sli_kafka_spot *spots, int32_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int32_t i = 0; list != NULL && i < n; i++) {
        rd_kafka_topic_partition_list_add(list, spots[i].topic, spots[i].partition)->offset =
            spots[i].offset;
    }
    return list;
}

typedef struct offsets_question {
    int64_t at; ///< a time in milliseconds, or RD_KAFKA_OFFSET_BEGINNING or _END
    const sli_kafka_spot *spots;
    int32_t n;
    int64_t *out;
} offsets_question;

static sl_code take_offsets(const rd_kafka_topic_partition_list_t *list, const offsets_question *q,
                            sl_error *err)
{
    sl_code rc = SL_OK;
    for (int i = 0; rc == SL_OK && i < list->cnt; i++) {
        q->out[i] = list->elems[i].offset;
        rc = list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR
                 ? SL_OK
                 : place_fail(err, list->elems[i].err, &q->spots[i]);
    }
    return rc;
}

/// An error of the whole is one of a partition's, mostly; which, the list may know.
static sl_code explain(const rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code,
                       const offsets_question *q, sl_error *err)
{
    sl_code rc = take_offsets(list, q, err);
    return rc != SL_OK ? rc : place_fail(err, code, &q->spots[0]);
}

/// One request for all partitions of a broker, also for ends: librdkafka's own question for the
/// ends of one partition does not keep to its time-out when a broker goes away.
static sl_code ask_offsets(sli_kafka *self, void *ctx, int timeout_ms, sl_error *err)
{
    const offsets_question *q = ctx;
    rd_kafka_topic_partition_list_t *list = list_of(q->spots, q->n);
    if (list == NULL) {
        return rd_nomem(err);
    }
    for (int32_t i = 0; i < q->n; i++) {
        list->elems[i].offset = q->at;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rd_handle(self), list, timeout_ms);
    sl_code rc = code != RD_KAFKA_RESP_ERR_NO_ERROR ? explain(list, code, q, err)
                                                    : take_offsets(list, q, err);
    rd_kafka_topic_partition_list_destroy(list);
    return rc;
}

/// The ends of partitions that have no record at the time or later.
static sl_code ask_ends(sli_kafka *self, const offsets_question *q, int64_t deadline_us,
                        sl_error *err)
{
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < q->n; i++) {
        offsets_question end = {RD_KAFKA_OFFSET_END, &q->spots[i], 1, &q->out[i]};
        rc = q->out[i] >= 0 ? SL_OK : ask(self, ask_offsets, &end, deadline_us, err);
    }
    return rc;
}

static int64_t at_of(sli_kafka_when when, int64_t at_us)
{
    return when == SLI_KAFKA_EARLIEST ? RD_KAFKA_OFFSET_BEGINNING
           : when == SLI_KAFKA_LATEST ? RD_KAFKA_OFFSET_END
                                      : at_us / 1000 + (at_us % 1000 > 0); // at this time or later
}

sl_code rd_offsets(sli_kafka *self, sli_kafka_when when, int64_t at_us, sli_kafka_spot *spots,
                   int32_t n, int64_t deadline_us, sl_error *err)
{
    int64_t *found = calloc((size_t)n + 1, sizeof *found);
    if (found == NULL) {
        return rd_nomem(err);
    }
    offsets_question q = {at_of(when, at_us), spots, n, found};
    sl_code rc = n == 0 ? SL_OK : ask(self, ask_offsets, &q, deadline_us, err);
    rc = rc == SL_OK ? ask_ends(self, &q, deadline_us, err) : rc;
    for (int32_t i = 0; rc == SL_OK && i < n; i++) { // all or none
        spots[i].offset = found[i];
    }
    free(found);
    return rc;
}

// ---------------------------------------------------------------- groups

/// Options of a request to a group's coordinator; `stable`: what open transactions hold back is
/// waited for. The request has no time-out of its own: when one has timed out and its coordinator
/// is found afterwards, librdkafka (2.0.2) stops the program by an assertion. Who asks stops
/// waiting.
static rd_kafka_AdminOptions_t *options_of(rd_kafka_t *rd, rd_kafka_admin_op_t op, bool stable)
{
    enum { LONGEST_MS = 3600000 }; // that it takes
    char why[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rd, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, LONGEST_MS, why, sizeof why);
    if (stable) {
        rd_kafka_error_t *error = rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
        if (error != NULL) {
            rd_kafka_error_destroy(error);
        }
    }
    return options;
}

static sl_code take_mark(const rd_kafka_topic_partition_t *from, const sli_kafka_spot *spot,
                         sli_kafka_mark *out, sl_error *err)
{
    if (from->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return place_fail(err, from->err, spot);
    }
    *out = (sli_kafka_mark){.offset = from->offset < 0 ? -1 : from->offset};
    if (from->metadata != NULL) {
        (void)snprintf(out->text, sizeof out->text, "%.*s", (int)from->metadata_size,
                       (const char *)from->metadata);
    }
    return SL_OK;
}

static sl_code take_marks(const rd_kafka_event_t *event, const sli_kafka_spot *spots, int32_t n,
                          sli_kafka_mark *out, sl_error *err)
{
    size_t n_groups = 0;
    const rd_kafka_ListConsumerGroupOffsets_result_t *result =
        rd_kafka_event_ListConsumerGroupOffsets_result((rd_kafka_event_t *)(uintptr_t)event);
    const rd_kafka_group_result_t **groups =
        rd_kafka_ListConsumerGroupOffsets_result_groups(result, &n_groups);
    if (n_groups != 1) {
        return rd_fail(err, SL_E_IO, "a group's offsets", "no answer");
    }
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    if (error != NULL) {
        return rd_fail_of(err, rd_kafka_error_code(error), "a group's offsets",
                          rd_kafka_error_string(error));
    }
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(groups[0]);
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        const rd_kafka_topic_partition_t *found = rd_kafka_topic_partition_list_find(
            (rd_kafka_topic_partition_list_t *)(uintptr_t)list, spots[i].topic, spots[i].partition);
        out[i] = (sli_kafka_mark){.offset = -1};
        rc = found == NULL ? SL_OK : take_mark(found, &spots[i], &out[i], err);
    }
    return rc;
}

typedef struct marks_question {
    const char *group;
    const sli_kafka_spot *spots;
    int32_t n;
    sli_kafka_mark *out;
    rd_kafka_queue_t *answer; ///< of the request that is under way; NULL: none is
} marks_question;

static sl_code request_marks(rd_kafka_t *rd, marks_question *q, sl_error *err)
{
    rd_kafka_topic_partition_list_t *list = list_of(q->spots, q->n);
    if (list == NULL) {
        return rd_nomem(err);
    }
    rd_kafka_ListConsumerGroupOffsets_t *wanted =
        rd_kafka_ListConsumerGroupOffsets_new(q->group, list);
    rd_kafka_AdminOptions_t *options =
        options_of(rd, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, true);
    q->answer = rd_kafka_queue_new(rd);
    rd_kafka_ListConsumerGroupOffsets(rd, &wanted, 1, options, q->answer);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ListConsumerGroupOffsets_destroy(wanted);
    rd_kafka_topic_partition_list_destroy(list);
    return SL_OK;
}

static void forget_request(marks_question *q)
{
    if (q->answer != NULL) {
        rd_kafka_queue_destroy(q->answer);
        q->answer = NULL;
    }
}

/// Goes on waiting for the request that is under way.
static sl_code ask_marks(sli_kafka *self, void *ctx, int timeout_ms, sl_error *err)
{
    marks_question *q = ctx;
    sl_code rc = q->answer == NULL ? request_marks(rd_handle(self), q, err) : SL_OK;
    rd_kafka_event_t *event = rc == SL_OK ? rd_kafka_queue_poll(q->answer, timeout_ms) : NULL;
    if (event == NULL) {
        return rc != SL_OK ? rc
                           : rd_fail(err, SL_E_TIMEOUT, "a group's offsets", "no answer in time");
    }
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    rc = code != RD_KAFKA_RESP_ERR_NO_ERROR
             ? rd_fail_of(err, code, "a group's offsets", rd_kafka_event_error_string(event))
             : take_marks(event, q->spots, q->n, q->out, err);
    rd_kafka_event_destroy(event);
    forget_request(q);
    return rc;
}

sl_code rd_marked(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n,
                  sli_kafka_mark *out, int64_t deadline_us, sl_error *err)
{
    marks_question q = {.group = group, .spots = spots, .n = n, .out = out};
    sl_code rc = ask(self, ask_marks, &q, deadline_us, err);
    forget_request(&q);
    return rc;
}

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

static void send_note(rd_kafka_t *rd, const char *group, rd_kafka_topic_partition_list_t *list,
                      rd_kafka_queue_t *answer)
{
    rd_kafka_AlterConsumerGroupOffsets_t *wanted =
        rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_AdminOptions_t *options =
        options_of(rd, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, false);
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
    rd_kafka_topic_partition_list_t *list = n > 0 && is_free(rd, noted) ? list_of(spots, n) : NULL;
    if (list != NULL) {
        send_note(rd, group, list, noted->answer);
        rd_kafka_topic_partition_list_destroy(list);
    }
    (void)pthread_mutex_unlock(&noted->mutex);
}
