/// rd_int.h — what the files of the module kafka_rd share: settings, deadlines, failures.
///
/// Nothing of libsluice is called from here (env/module.h).
#pragma once

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "env/module.h"
#include "kafka/kafka.h"

/// What every client needs of what it was opened with.
typedef struct rd_clock {
    sl_env *env;
    int64_t (*mono_us)(sl_env *env);
    const _Atomic int64_t *end_us; ///< of every wait; NULL: none
} rd_clock;
rd_clock rd_clock_from(const sli_kafka_conf *conf);

/// Milliseconds until the deadline, or `end_us`: 0 when it is over, a day at the most.
int rd_left_ms(rd_clock clock, int64_t deadline_us);
/// The same, but no longer than a quarter of a second, since `end_us` may come nearer: for calls of
/// librdkafka that go on where they were when they are made again.
int rd_slice_ms(rd_clock clock, int64_t deadline_us);

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

/// Whether the user has set it.
bool rd_is_given(const sli_kafka_conf *conf, const char *name);

// ---------------------------------------------------------------- troubles

enum { RD_TROUBLE_TEXT = 384 };

/// The last thing that a client has heard of its connections. Thread: any.
typedef struct rd_trouble {
    pthread_mutex_t mutex; ///< guards what follows; nothing is called under it
    sl_code code;          ///< SL_OK: none, or it is over
    bool untold;           ///< `poll` has not given it yet
    char text[RD_TROUBLE_TEXT];
    _Atomic int x509_error; ///< why a certificate was refused, last; 0: none
    bool scram_is_old;      ///< what this librdkafka can't do is asked of it
} rd_trouble;

void rd_trouble_init(rd_trouble *t, const sli_kafka_conf *conf);
void rd_trouble_reset(rd_trouble *t);
void rd_trouble_hear(rd_trouble *t, rd_kafka_resp_err_t code, const char *text);
/// librdkafka's question about a broker's certificate, which it has looked at itself: its verdict
/// stands, and is noted, for it tells the reason nowhere else. `opaque` is what begins with an
/// rd_trouble. Thread: one of librdkafka's own; nothing else is called from there.
int rd_on_certificate(rd_kafka_t *rd, const char *name, int32_t id, int *x509_error, int depth,
                      const char *bytes, size_t size, char *why, size_t why_size, void *opaque);
/// Hears the events that are there.
void rd_trouble_listen(rd_trouble *t, rd_kafka_queue_t *events);
/// The trouble that was not told yet; false: none.
bool rd_trouble_take(rd_trouble *t, sl_code *code, char text[RD_TROUBLE_TEXT]);
bool rd_trouble_is_on(rd_trouble *t);   ///< nothing has worked since the last one
void rd_trouble_over(rd_trouble *t);    ///< something has worked
bool rd_trouble_refused(rd_trouble *t); ///< who we are, or who they are: no waiting will help
/// For a call that failed with rc: adds the trouble, if any, to its error. Returns SL_E_CONFIG
/// where it is that, else rc.
sl_code rd_trouble_tell(rd_trouble *t, sl_code rc, sl_error *err);

/// Time-outs of calls that are made again and again until a deadline: short ones first, so that it
/// is soon seen what stands against them; longer ones for a cluster that is slow.
typedef struct rd_patience {
    rd_clock clock;
    int64_t deadline_us;
    int wait_ms; ///< 0 at first
} rd_patience;
int rd_patience_ms(rd_patience *p);

// ---------------------------------------------------------------- errands (rd_errand.c)

/// A call that may not come back in time, on a thread of its own.
typedef struct rd_errand rd_errand;
typedef void (*rd_errand_fn)(void *what);
typedef void (*rd_left_fn)(void *of);
/// Begins `call(what)`. NULL without memory or a thread.
rd_errand *rd_errand_begin(rd_errand_fn call, void *what);
/// True: it has come back, and is gone. False: it has not by the deadline, and may be awaited
/// again.
bool rd_errand_await(rd_errand *errand, rd_clock clock, int64_t deadline_us);
/// Nobody awaits it any more: `after(of)` is called, now or by its thread, when it has come back.
void rd_errand_leave(SL_TAKES rd_errand *errand, rd_left_fn after, void *of);

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

// ---------------------------------------------------------------- questions (rd_ask.c)

/// A question, put once.
typedef sl_code (*rd_ask_fn)(sli_kafka *self, void *ctx, int timeout_ms, sl_error *err);
/// Whether the client was woken since it was asked last.
bool rd_was_woken(sli_kafka *self);
/// Puts a question until there is an answer, or the client is woken. Inside librdkafka one that is
/// refused for who we are waits as long as one whose cluster is away; and a coordinator that is
/// just starting, or transactions that are just being ended, are answers: a little later there is
/// another one.
sl_code rd_ask(sli_kafka *self, rd_ask_fn question, void *ctx, int64_t deadline_us, sl_error *err);
/// Fails of one partition.
sl_code rd_place_fail(sl_error *err, rd_kafka_resp_err_t code, const sli_kafka_spot *spot);
/// NULL without memory.
rd_kafka_topic_partition_list_t *rd_list_of(const sli_kafka_spot *spots, int32_t n);

/// A consumer's notes (`note`).
typedef struct rd_noted {
    pthread_mutex_t mutex;    ///< guards `answer`, and that one note is sent at a time
    rd_kafka_queue_t *answer; ///< of the last one; NULL: there was none yet
} rd_noted;
rd_noted *rd_noted_of(sli_kafka *self);

/// The consumer's handle, for questions.
rd_kafka_t *rd_handle(sli_kafka *self);
rd_clock rd_clock_of(const sli_kafka *self);
/// What it has heard, the newest too.
rd_trouble *rd_trouble_of(sli_kafka *self);
