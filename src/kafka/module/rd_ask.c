// Questions to the cluster: topics, offsets.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/module/rd_int.h"

sl_code rd_ask(sli_kafka *self, rd_ask_fn question, void *ctx, int64_t deadline_us, sl_error *err)
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
        if (rd_was_woken(self)) {
            return rd_fail(err, SL_E_CANCELLED, "a question", "given up");
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
    return rd_ask(self, ask_topics, &q, deadline_us, err);
}

// ---------------------------------------------------------------- offsets

sl_code rd_place_fail(sl_error *err, rd_kafka_resp_err_t code, const sli_kafka_spot *spot)
{
    char what[320];
    (void)snprintf(what, sizeof what, "%s partition %d", spot->topic, (int)spot->partition);
    return rd_fail_of(err, code, what, NULL);
}

rd_kafka_topic_partition_list_t *rd_list_of(const sli_kafka_spot *spots, int32_t n)
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
                 : rd_place_fail(err, list->elems[i].err, &q->spots[i]);
    }
    return rc;
}

/// An error of the whole is one of a partition's, mostly; which, the list may know.
static sl_code explain(const rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code,
                       const offsets_question *q, sl_error *err)
{
    sl_code rc = take_offsets(list, q, err);
    return rc != SL_OK ? rc : rd_place_fail(err, code, &q->spots[0]);
}

/// One request for all partitions of a broker, also for ends: librdkafka's own question for the
/// ends of one partition does not keep to its time-out when a broker goes away.
static sl_code ask_offsets(sli_kafka *self, void *ctx, int timeout_ms, sl_error *err)
{
    const offsets_question *q = ctx;
    rd_kafka_topic_partition_list_t *list = rd_list_of(q->spots, q->n);
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
        rc = q->out[i] >= 0 ? SL_OK : rd_ask(self, ask_offsets, &end, deadline_us, err);
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
    sl_code rc = n == 0 ? SL_OK : rd_ask(self, ask_offsets, &q, deadline_us, err);
    rc = rc == SL_OK ? ask_ends(self, &q, deadline_us, err) : rc;
    for (int32_t i = 0; rc == SL_OK && i < n; i++) { // all or none
        spots[i].offset = found[i];
    }
    free(found);
    return rc;
}
