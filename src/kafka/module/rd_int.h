/// rd_int.h — what the files of the module kafka_rd share: settings, deadlines, failures.
///
/// Nothing of libsluice is called from here (env/module.h).
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#include "env/module.h"
#include "kafka/kafka.h"

/// What every client needs of what it was opened with.
typedef struct rd_clock {
    sl_env *env;
    int64_t (*mono_us)(sl_env *env);
} rd_clock;

/// Milliseconds until the deadline: 0 when it is over, a day at the most.
int rd_left_ms(rd_clock clock, int64_t deadline_us);

/// Between two questions of which the first had no answer yet: a server tells no event.
void rd_pause(rd_clock clock, int64_t deadline_us);

/// Fills *err: "kafka: WHAT: WHY". Returns the code.
sl_code rd_fail(sl_error *err, sl_code code, const char *what, const char *why);
/// The same for one of librdkafka's codes; `why` NULL: its own text.
sl_code rd_fail_of(sl_error *err, rd_kafka_resp_err_t code, const char *what, const char *why);
/// Takes the error object; NULL: all is well.
sl_code rd_verdict(SL_TAKES rd_kafka_error_t *error, const char *what, sl_error *err);
sl_code rd_code_of(rd_kafka_resp_err_t code);
sl_code rd_nomem(sl_error *err);

typedef struct rd_pair {
    const char *name, *value;
} rd_pair;
/// A conf of the user's settings, then `own` (ended by a NULL name), which win. Fails: SL_E_CONFIG,
/// naming the setting, and its value unless it is secret.
sl_code rd_settings(rd_kafka_conf_t **out, const sli_kafka_conf *conf, const rd_pair *own,
                    sl_error *err);

// ---------------------------------------------------------------- the table's parts

sl_code rd_open(sli_kafka **out, const sli_kafka_conf *conf, sl_error *err);
void rd_close(sli_kafka *self);
sl_code rd_topics(sli_kafka *self, const char *topic, int64_t deadline_us, sli_kafka_topic_fn each,
                  void *ctx, sl_error *err);
sl_code rd_offsets(sli_kafka *self, sli_kafka_when when, int64_t at_us, sli_kafka_spot *spots,
                   int32_t n, int64_t deadline_us, sl_error *err);
sl_code rd_marked(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n,
                  sli_kafka_mark *out, int64_t deadline_us, sl_error *err);
void rd_note(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n);
sl_code rd_fetch(sli_kafka *self, const sli_kafka_spot *from, int32_t lane, sl_error *err);
void rd_drop(sli_kafka *self, int32_t lane);
sl_code rd_poll(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                int64_t deadline_us, sl_error *err);
void rd_wake(sli_kafka *self);
int64_t rd_high(const sli_kafka *self, int32_t lane);
sl_code rd_headers(sli_kafka *self, const sli_kafka_record *record, sli_kafka_header_fn each,
                   void *ctx, sl_error *err);
sl_code rd_error(sli_kafka *self, const sli_kafka_record *record, sl_error *err);
void rd_release(sli_kafka *self, const sli_kafka_record *records, int32_t n);

sl_code rd_producer_open(sli_kafka_producer **out, const sli_kafka_conf *conf, int64_t deadline_us,
                         sl_error *err);
sl_code rd_send(sli_kafka_producer *self, const sli_kafka_message *messages, int32_t n,
                int64_t deadline_us, sl_error *err);
sl_code rd_mark(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                const char *text, int64_t deadline_us, sl_error *err);
sl_code rd_commit(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                  sl_error *err);
sl_code rd_abort(sli_kafka_producer *self, int64_t deadline_us, sl_error *err);
void rd_producer_close(sli_kafka_producer *self);

/// The consumer's handle, for the questions in rd_ask.c.
rd_kafka_t *rd_handle(sli_kafka *self);
rd_clock rd_clock_of(const sli_kafka *self);
