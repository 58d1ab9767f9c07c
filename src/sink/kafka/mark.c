// mark.c — the mark, and the producer that it says may be used.
//
// The mark is an offset of the consumer group `sluice.JOB.UID` for partition 0 of the topic: the
// number of the last group that is visible. Its text is the generation of the driver that set it.
// A producer that is opened fences every other one of its id, also that of a newer driver: which of
// the two goes on says the mark, so a driver that was fenced asks it and, when no newer one is
// there, opens another producer.
#include "sink/kafka/ksink_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char text_begin[] = "generation ";

typedef struct mark {
    int64_t group; ///< -1: there is none
    int64_t generation;
} mark;

// ---------------------------------------------------------------- clients

sli_kafka_conf sli_ksink_client(const ksink *self)
{
    enum { AHEAD_BYTES = 65536 }; // nothing is fetched
    sli_kafka_conf conf = sli_kafka_conf_of(self->settings);
    conf.inner = self->client;
    conf.ahead_bytes = AHEAD_BYTES;
    conf.transactional_id = self->once ? self->name : NULL;
    conf.transaction_us = self->transaction_us;
    conf.end_us = self->end_us;
    return conf;
}

void sli_ksink_drop_producer(ksink *self)
{
    sli_kafka_gate.producer_close(self->producer);
    self->producer = NULL;
}

/// A driver that is not fenced by newer ones.
static const char *unfenced_name(ksink *self)
{
    const char *name = sl_arena_printf(self->arena, "%s.%" PRId64, self->name, self->generation);
    return name == NULL ? self->name : name;
}

static sl_code open_producer(ksink *self, sl_error *err)
{
    sli_kafka_conf conf = sli_ksink_client(self);
    if (sli_env_bug(self->env, "no-fence")) {
        conf.transactional_id = unfenced_name(self);
    }
    return sli_kafka_gate.producer_open(&self->producer, &conf,
                                        sli_env_mono_us(self->env) + KSINK_ASK_US, err);
}

// ---------------------------------------------------------------- asking and setting

static sl_code ask(ksink *self, mark *out, sl_error *err)
{
    sli_kafka *client = NULL;
    sli_kafka_conf conf = sli_ksink_client(self);
    sli_kafka_spot spot = {.topic = self->topic};
    sli_kafka_mark found = {.offset = -1};
    SL_TRY(sli_kafka_gate.open(&client, &conf, err));
    sl_code rc = sli_kafka_gate.marked(client, self->name, &spot, 1, &found,
                                       sli_env_mono_us(self->env) + KSINK_ASK_US, err);
    sli_kafka_gate.close(client);
    SL_TRY(rc);
    *out = (mark){.group = found.offset};
    size_t begin = sizeof text_begin - 1;
    if (strncmp(found.text, text_begin, begin) == 0) { // else somebody has set it by hand
        out->generation = strtoll(found.text + begin, NULL, 10);
    }
    return SL_OK;
}

sl_code sli_ksink_mark(ksink *self, int64_t group, int64_t deadline_us, sl_error *err)
{
    char text[48];
    bool wrong = sli_env_bug(self->env, "mark-of-wrong-group") && group > 0;
    sli_kafka_spot spot = {.topic = self->topic, .offset = wrong ? group - 1 : group};
    (void)snprintf(text, sizeof text, "%s%" PRId64, text_begin, self->generation);
    return sli_kafka_gate.mark(self->producer, self->name, &spot, text, deadline_us, err);
}

/// The newest driver says who it is.
static sl_code sign(ksink *self, int64_t group, sl_error *err)
{
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    int64_t deadline = sli_env_mono_us(self->env) + KSINK_ASK_US;
    SL_TRY(sli_ksink_mark(self, group, deadline, err));
    SL_TRY(sli_kafka_gate.commit(self->producer, deadline, &outcome, err));
    return outcome == SLI_KAFKA_COMMITTED
               ? SL_OK
               : sl_error_set(err, SL_E_TIMEOUT, "group %s of the cluster can't be written now",
                              self->name);
}

sl_code sli_ksink_keep(sli_sink *sink, sl_error *err)
{
    ksink *self = (ksink *)sink;
    if (!self->once) {
        return SL_OK;
    }
    sl_code rc = self->producer == NULL ? SL_OK : sign(self, self->marked, err);
    if (rc != SL_OK) {
        sli_ksink_drop_producer(self); // the next one asks the mark whether it may go on
    }
    rc = self->producer == NULL ? sli_ksink_begin(self, err) : SL_OK;
    return rc == SL_E_TIMEOUT || rc == SL_E_IO ? SL_OK : rc;
}

// ---------------------------------------------------------------- what it says

static const char gone[] = "the mark of this output is gone (offsets of group";

/// Nobody knows how many of the groups that wait are visible.
static sl_code refuse_gone(const ksink *self, sl_error *err)
{
    if (self->unsure_from == self->unsure) {
        return sl_error_set(
            err, SL_E_NOT_FOUND,
            "%s %s expire, topics are made anew), so nobody knows whether group %" PRId64
            " of epochs is in %s: look for its rows there, then start once with the option "
            "mark=%" PRId64 " (they are there) or mark=%" PRId64 " (they are not)",
            gone, self->name, self->unsure, self->topic, self->unsure, self->unsure - 1);
    }
    return sl_error_set(
        err, SL_E_NOT_FOUND,
        "%s %s expire, topics are made anew), so nobody knows which of groups "
        "%" PRId64 " to %" PRId64
        " of epochs are in %s: look for the last of them whose rows are there, "
        "then start once with the option mark=THAT GROUP (mark=%" PRId64 ": none is there)",
        gone, self->name, self->unsure_from, self->unsure, self->topic, self->unsure_from - 1);
}

/// Which group is the last one that is visible, when no mark says so.
static sl_code without_mark(const ksink *self, int64_t *group, sl_error *err)
{
    if (self->marked >= 0) {
        return sl_error_set(err, SL_E_NOT_FOUND,
                            "the mark of this output (offset of group %s) has been removed while "
                            "the job ran",
                            self->name);
    }
    if (self->known < 0 && self->unsure > 0) {
        return refuse_gone(self, err);
    }
    *group = self->known < 0 ? 0 : self->known; // no group waits, so any number does
    return SL_OK;
}

/// The last group that is visible.
static sl_code believe(ksink *self, const mark *m, int64_t *group, sl_error *err)
{
    if (m->generation > self->generation && !sli_env_bug(self->env, "no-fence")) {
        self->is_replaced = true;
        return sl_error_set(err, SL_E_SUPERSEDED,
                            "%s: a newer driver of this job (generation %" PRId64
                            ", this is %" PRId64 ") writes to it",
                            self->topic, m->generation, self->generation);
    }
    bool blind = sli_env_bug(self->env, "sent-again-without-asking-the-mark");
    *group = blind && self->marked >= 0 ? self->marked : m->group;
    return *group < 0 ? without_mark(self, group, err) : SL_OK;
}

static sl_code take_over(ksink *self, sl_error *err)
{
    mark m = {0};
    int64_t group = 0;
    SL_TRY(open_producer(self, err));
    if (!self->once) {
        return SL_OK;
    }
    SL_TRY(ask(self, &m, err));
    SL_TRY(believe(self, &m, &group, err));
    bool is_signed = m.group >= 0 && m.generation == self->generation;
    SL_TRY(is_signed ? SL_OK : sign(self, group, err));
    self->marked = group;
    return SL_OK;
}

sl_code sli_ksink_begin(ksink *self, sl_error *err)
{
    for (int32_t i = 0; i < KSINK_TRIES; i++) {
        sl_code rc = take_over(self, err);
        if (rc == SL_OK) {
            return SL_OK;
        }
        sli_ksink_drop_producer(self);
        if (rc != SL_E_SUPERSEDED || self->is_replaced) {
            return rc;
        }
    }
    return sl_error_set(err, SL_E_TIMEOUT, "%s: another producer has the transactional id %s",
                        self->topic, self->name);
}
