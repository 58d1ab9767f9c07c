/// consumer.c — a simulated consumer: lanes with positions, and what a poll gives of them.
///
/// Nothing is fetched ahead: a poll reads the logs as they are. Which lane comes first and how much
/// of each is given is drawn, so that readers meet every cut.
#include "kafka/sim/ksim_int.h"

typedef struct lane {
    char *topic; ///< NULL: not fetched
    int32_t partition;
    int64_t position; ///< everything before it was given
    int64_t told;     ///< the last end that was given; -1: none
    int64_t high;     ///< as of the last look; -1: none yet
} lane;

struct sli_kafka {
    ksim_client client;
    bool uncommitted;
    ksim_waiter waiter;
    lane *lanes;
    int32_t n_lanes;
    int32_t n_held;       ///< records that were given and not released
    int64_t told_absence; ///< the number of the last one that was told as trouble
    bool told_stranger;
};

ksim_client *sli_ksim_client_of(sli_kafka *self)
{
    return &self->client;
}

bool sli_ksim_is_uncommitted(const sli_kafka *self)
{
    return self->uncommitted;
}

// ---------------------------------------------------------------- opening

sl_code sli_ksim_open(sli_kafka **out, const sli_kafka_conf *conf, sl_error *err)
{
    ksim_client client;
    SL_TRY(sli_ksim_client_init(&client, conf, err));
    sli_kafka *self = sl_alloc_zero(SLI_TAG_ENV, sizeof *self);
    sli_signal *signal = sli_signal_new(conf->env);
    if (self == NULL || signal == NULL) {
        sl_free(self);
        sli_signal_free(signal);
        sli_ksim_client_reset(&client);
        return sl_error_nomem(err, sizeof *self, "a simulated consumer");
    }
    self->client = client;
    self->uncommitted = conf->read_uncommitted;
    self->waiter.signal = signal;
    sli_ksim_waiter_add(client.cluster, &self->waiter);
    *out = self;
    return SL_OK;
}

void sli_ksim_close(sli_kafka *self)
{
    if (self == NULL) {
        return;
    }
    SL_ASSERT(self->n_held == 0, "a consumer is closed while records of it are held");
    for (int32_t i = 0; i < self->n_lanes; i++) {
        sl_free(self->lanes[i].topic);
    }
    sl_free(self->lanes);
    sli_ksim_waiter_remove(self->client.cluster, &self->waiter);
    sli_signal_free(self->waiter.signal);
    sli_ksim_client_reset(&self->client);
    sl_free(self);
}

// ---------------------------------------------------------------- lanes

static bool has_lane(sli_kafka *self, int32_t number)
{
    if (number < self->n_lanes) {
        return true;
    }
    int32_t n = number + 1;
    lane *grown = sl_realloc(SLI_TAG_ENV, self->lanes, (size_t)n * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    memset(grown + self->n_lanes, 0, (size_t)(n - self->n_lanes) * sizeof *grown);
    self->lanes = grown;
    self->n_lanes = n;
    return true;
}

sl_code sli_ksim_fetch(sli_kafka *self, const sli_kafka_spot *from, int32_t number, sl_error *err)
{
    SL_ASSERT(number >= 0, "a lane's number is not negative");
    SL_TRY(sli_ksim_alive(&self->client, err));
    char *topic = sl_strdup(SLI_TAG_ENV, from->topic);
    if (topic == NULL || !has_lane(self, number)) {
        sl_free(topic);
        return sl_error_nomem(err, sizeof *self->lanes, "what a simulated consumer fetches");
    }
    sli_ksim_drop(self, number);
    self->lanes[number] = (lane){topic, from->partition, from->offset, -1, -1};
    return SL_OK;
}

void sli_ksim_drop(sli_kafka *self, int32_t number)
{
    if (number >= 0 && number < self->n_lanes) {
        sl_free(self->lanes[number].topic);
        self->lanes[number].topic = NULL;
    }
}

int64_t sli_ksim_high(const sli_kafka *self, int32_t number)
{
    bool known = number >= 0 && number < self->n_lanes && self->lanes[number].topic != NULL;
    return known ? self->lanes[number].high : -1;
}

// ---------------------------------------------------------------- giving

/// Where a poll puts what it gives.
typedef struct given {
    sli_kafka_record *out;
    int32_t n, most;
} given;

static void give(given *g, sli_kafka_record record)
{
    g->out[g->n++] = record;
}

/// The log, when the lane's position is in it.
static sl_code find_position(const sli_kafka *self, const lane *l, ksim_log **out, sl_error *err)
{
    ksim_log *log = NULL;
    SL_TRY(sli_ksim_log_of(self->client.cluster, l->topic, l->partition, &log, err));
    if (l->position < log->first || l->position > log->next) {
        return sl_error_set(err, SL_E_NOT_FOUND,
                            "kafka: %s partition %d: offset %lld is out of range, %lld to %lld "
                            "are there",
                            l->topic, (int)l->partition, (long long)l->position,
                            (long long)log->first, (long long)log->next);
    }
    *out = log;
    return SL_OK;
}

/// Up to `most` records of a lane, and its end when that is reached.
static void give_records(const sli_kafka *self, int32_t number, const ksim_log *log, int32_t most,
                         given *g)
{
    lane *l = &self->lanes[number];
    l->high = self->uncommitted ? log->next : log->stable;
    for (int32_t i = 0; i < most; i++) {
        const ksim_entry *e = sli_ksim_log_read(log, self->uncommitted, &l->position);
        if (e != NULL) {
            give(g, sli_ksim_record(e->body, e->offset, number));
            l->position++;
        } else if (l->told < l->position) {
            give(g,
                 (sli_kafka_record){.offset = l->position, .lane = number, .kind = SLI_KAFKA_END});
            l->told = l->position;
        } else {
            break;
        }
    }
}

static void give_lane(sli_kafka *self, int32_t number, given *g)
{
    ksim_log *log = NULL;
    sl_error why = SL_ERROR_INIT;
    const lane *l = &self->lanes[number];
    if (l->topic == NULL || g->n == g->most) {
        return;
    }
    if (find_position(self, l, &log, &why) != SL_OK) {
        give(g, sli_ksim_story(SLI_KAFKA_LOST, l->position, number, &why));
        sli_ksim_drop(self, number);
        return;
    }
    int32_t room = g->most - g->n;
    bool all = sli_ksim_chance(&self->client.cluster->rng, 0.5);
    int32_t most =
        all ? room : 1 + (int32_t)sli_rng_below(&self->client.cluster->rng, (uint64_t)room);
    give_records(self, number, log, most, g);
}

static void give_trouble(given *g, sl_code code, const char *text)
{
    sl_error why = SL_ERROR_INIT;
    (void)sl_error_set(&why, code, "kafka: %s", text);
    give(g, sli_ksim_story(SLI_KAFKA_TROUBLE, 0, -1, &why));
}

static void give_all(sli_kafka *self, given *g)
{
    sli_kafka_cluster *cluster = self->client.cluster;
    sli_ksim_tick(cluster);
    if (sli_ksim_is_away(cluster)) {
        if (self->told_absence != cluster->n_absences) {
            self->told_absence = cluster->n_absences;
            give_trouble(g, SL_E_IO, "no broker answers: connection refused");
        }
        return;
    }
    if (self->client.is_stranger) {
        if (!self->told_stranger) {
            self->told_stranger = true;
            give_trouble(g, SL_E_CONFIG, "SASL authentication failed");
        }
        return;
    }
    int32_t n = self->n_lanes,
            start = n == 0 ? 0 : (int32_t)sli_rng_below(&cluster->rng, (uint64_t)n);
    for (int32_t i = 0; i < n; i++) {
        give_lane(self, (start + i) % n, g);
    }
}

sl_code sli_ksim_poll(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                      int64_t deadline_us, sl_error *err)
{
    sl_code rc = sli_ksim_alive(&self->client, err);
    given g = {out, 0, n};
    while (rc == SL_OK) {
        give_all(self, &g);
        if (g.n > 0 || self->client.is_woken) {
            break;
        }
        rc = sli_ksim_wait(&self->client, self->waiter.signal, deadline_us, err);
    }
    if (rc != SL_OK && rc != SL_E_TIMEOUT) {
        return rc;
    }
    self->client.is_woken = false;
    self->n_held += g.n;
    *got = g.n;
    return SL_OK;
}

void sli_ksim_release(sli_kafka *self, const sli_kafka_record *records, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        sli_ksim_record_reset(&records[i]);
    }
    self->n_held -= n;
}

void sli_ksim_wake(sli_kafka *self)
{
    self->client.is_woken = true;
    sli_signal_set(self->waiter.signal);
    sli_ksim_changed(self->client.cluster); // a question has a signal of its own
}
