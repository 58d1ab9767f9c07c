/// request.c — a client and its requests: who waits for what, and what becomes of a request whose
/// answer is lost.
#include "kafka/sim/ksim_int.h"

#include <stdatomic.h>

// ---------------------------------------------------------------- clients

sl_code sli_ksim_client_init(ksim_client *client, const sli_kafka_conf *conf, sl_error *err)
{
    const sli_module *module = sli_world_module_of(conf->env, "kafka_rd");
    SL_ASSERT(module != NULL, "a simulated client is opened in a world without a cluster");
    sli_kafka_cluster *cluster = ((const sli_kafka_cluster *)(const void *)module)->self;
    const char *password = sli_ksim_setting(conf, "sasl.password");
    SL_TRY(sli_ksim_settings_check(conf, err));
    *client = (ksim_client){.cluster = cluster, .env = conf->env, .end_us = conf->end_us};
    client->is_stranger =
        cluster->password != NULL && (password == NULL || strcmp(password, cluster->password) != 0);
    cluster->n_clients++;
    return SL_OK;
}

void sli_ksim_client_reset(ksim_client *client)
{
    client->cluster->n_clients--;
}

sl_code sli_ksim_alive(const ksim_client *client, sl_error *err)
{
    return sli_world_is_dead(client->env)
               ? sl_error_set(err, SL_E_CRASHED, "the simulated process is dead")
               : SL_OK;
}

// ---------------------------------------------------------------- waiting

void sli_ksim_waiter_add(sli_kafka_cluster *cluster, ksim_waiter *waiter)
{
    waiter->next = cluster->waiters;
    cluster->waiters = waiter;
}

void sli_ksim_waiter_remove(sli_kafka_cluster *cluster, ksim_waiter *waiter)
{
    ksim_waiter **at = &cluster->waiters;
    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
}

void sli_ksim_changed(sli_kafka_cluster *cluster)
{
    for (ksim_waiter *w = cluster->waiters; w != NULL; w = w->next) {
        sli_signal_set(w->signal);
    }
}

bool sli_ksim_is_away(const sli_kafka_cluster *cluster)
{
    return sli_world_mono_us(cluster->world) < cluster->away_until_us;
}

void sli_ksim_tick(sli_kafka_cluster *cluster)
{
    sli_ksim_producers_tick(cluster);
    sli_ksim_txns_tick(cluster);
    sli_ksim_marks_tick(cluster);
}

/// When something next happens by itself.
static int64_t next_us(const sli_kafka_cluster *cluster)
{
    int64_t next = sli_ksim_txns_due_us(cluster), sent = sli_ksim_producers_due_us(cluster);
    next = sent < next ? sent : next;
    return sli_ksim_is_away(cluster) && cluster->away_until_us < next ? cluster->away_until_us
                                                                      : next;
}

/// The end of every wait of a client, which may come nearer: it looks again, `*look_us`.
static int64_t end_us(const ksim_client *client, int64_t deadline_us, int64_t *look_us)
{
    enum { LOOK_US = 250000 };
    *look_us = SLI_FOREVER;
    if (client->end_us == NULL) {
        return deadline_us;
    }
    *look_us = sli_world_mono_us(client->cluster->world) + LOOK_US;
    int64_t end = atomic_load_explicit(client->end_us, memory_order_relaxed); // the time alone
    return end < deadline_us ? end : deadline_us;
}

sl_code sli_ksim_wait(const ksim_client *client, sli_signal *signal, int64_t deadline_us,
                      sl_error *err)
{
    sli_ksim_tick(client->cluster); // so that what comes next lies ahead
    int64_t look_us = SLI_FOREVER, next = next_us(client->cluster);
    int64_t end = end_us(client, deadline_us, &look_us);
    next = look_us < next ? look_us : next;
    sl_code rc = sli_signal_wait(signal, next < end ? next : end, err);
    return rc == SL_E_TIMEOUT && next < end ? SL_OK : rc;
}

sl_code sli_ksim_pause(const ksim_client *client, int64_t deadline_us, sl_error *err)
{
    ksim_waiter waiter = {.signal = sli_signal_new(client->env)};
    if (waiter.signal == NULL) {
        return sl_error_nomem(err, sizeof waiter, "what a Kafka client waits for");
    }
    sli_ksim_waiter_add(client->cluster, &waiter);
    sl_code rc = sli_ksim_wait(client, waiter.signal, deadline_us, err);
    sli_ksim_waiter_remove(client->cluster, &waiter);
    sli_signal_free(waiter.signal);
    return rc;
}

// ---------------------------------------------------------------- requests

static ksim_fate draw_fate(sli_kafka_cluster *cluster, int64_t deadline_us)
{
    cluster->n_requests++;
    bool lost_here = cluster->n_requests == cluster->lose_at;
    bool lost = lost_here || sli_ksim_chance(&cluster->rng, cluster->lose_chance);
    if (!lost || deadline_us == SLI_FOREVER) {
        return KSIM_HEARD;
    }
    bool done = lost_here ? cluster->lose_done : sli_ksim_chance(&cluster->rng, 0.5);
    return done ? KSIM_UNHEARD : KSIM_UNDONE;
}

/// A pause of a question. Woken, it is given up.
static sl_code wait_on(ksim_client *client, int64_t deadline_us, sl_error *err)
{
    if (client->is_woken) {
        client->is_woken = false;
        return sl_error_set(err, SL_E_CANCELLED, "kafka: the question was given up");
    }
    return sli_ksim_pause(client, deadline_us, err);
}

sl_code sli_ksim_request(ksim_client *client, int64_t deadline_us, ksim_fate *fate, sl_error *err)
{
    sli_kafka_cluster *cluster = client->cluster;
    SL_TRY(sli_ksim_alive(client, err));
    while (sli_ksim_is_away(cluster)) {
        sl_code rc = wait_on(client, deadline_us, err);
        if (rc != SL_OK) {
            return rc != SL_E_TIMEOUT
                       ? rc
                       : sl_error_set(err, rc, "kafka: no broker answers: connection refused");
        }
    }
    if (client->is_stranger) {
        return sl_error_set(err, SL_E_CONFIG, "kafka: SASL authentication failed");
    }
    sli_ksim_tick(cluster);
    *fate = draw_fate(cluster, deadline_us);
    return SL_OK;
}

sl_code sli_ksim_answer(ksim_client *client, ksim_fate fate, int64_t deadline_us, sl_error *err)
{
    sl_code rc = SL_OK;
    while (fate != KSIM_HEARD && rc == SL_OK) {
        rc = wait_on(client, deadline_us, err);
    }
    return rc != SL_E_TIMEOUT ? rc : sl_error_set(err, rc, "kafka: the broker does not answer");
}
