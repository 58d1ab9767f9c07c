/// broker.c — the simulated broker as a whole: made, freed, hurt, looked at; and its sessions.
#include "mqtt/sim/msim_int.h"

sli_mqtt_broker *sli_mqtt_broker_new(sli_world *world)
{
    sli_mqtt_broker *broker = sl_alloc_zero(SLI_TAG_ENV, sizeof *broker);
    if (broker == NULL) {
        return NULL;
    }
    broker->module = (sli_module){.struct_size = sizeof(sli_module),
                                  .name = "mqtt_mosq",
                                  .needs = "nothing: a simulated broker",
                                  .abi = SLI_MQTT_ABI,
                                  .table = &sli_mqtt_simulated};
    broker->world = world;
    broker->rng = sli_world_rng(world, "mqtt");
    bool is_there = sli_world_module(world, "mqtt_mosq", &broker->module);
    SL_ASSERT(is_there, "a world with a broker has too many modules");
    return broker;
}

static void session_free(msim_session *session)
{
    sli_msim_drop(&session->queue, session->queue.n);
    sl_free(session->client_id);
    sl_free(session->filter);
    sl_free(session);
}

void sli_mqtt_broker_free(sli_mqtt_broker *broker)
{
    if (broker == NULL) {
        return;
    }
    SL_ASSERT(broker->n_clients == 0, "a broker is freed while clients of it are open");
    (void)sli_world_module(broker->world, "mqtt_mosq", NULL);
    while (broker->sessions != NULL) {
        msim_session *first = broker->sessions;
        broker->sessions = first->next;
        session_free(first);
    }
    sli_msim_drop(&broker->retained, broker->retained.n);
    sli_msim_drop(&broker->published, broker->published.n);
    sl_free(broker);
}

// ---------------------------------------------------------------- sessions

static msim_session **find(const sli_mqtt_broker *broker, const char *client_id)
{
    msim_session **at = (msim_session **)(uintptr_t)&broker->sessions;
    while (*at != NULL && strcmp((*at)->client_id, client_id) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void forget(sli_mqtt_broker *broker, const char *client_id)
{
    msim_session **at = find(broker, client_id);
    msim_session *gone = *at;
    if (gone != NULL) {
        *at = gone->next;
        session_free(gone);
    }
}

msim_session *sli_msim_session(sli_mqtt_broker *broker, const char *client_id, bool keeps)
{
    msim_session *session = *find(broker, client_id);
    if (session != NULL && session->client != NULL) {
        session->client->is_taken_over = true;
        sli_msim_end(session->client, true); // mosquitto publishes no will then
        session = *find(broker, client_id);
    }
    if (session != NULL && keeps) {
        session->keeps = true;
        return session;
    }
    forget(broker, client_id);
    session = sl_alloc_zero(SLI_TAG_ENV, sizeof *session);
    char *name = sl_strdup(SLI_TAG_ENV, client_id);
    if (session == NULL || name == NULL) {
        sl_free(session);
        sl_free(name);
        return NULL;
    }
    *session = (msim_session){.next = broker->sessions, .client_id = name, .keeps = keeps};
    broker->sessions = session;
    return session;
}

void sli_msim_end(sli_mqtt *client, bool in_order)
{
    msim_session *session = client->session;
    if (session == NULL) {
        return;
    }
    client->session = NULL;
    session->client = NULL;
    session->n_given = 0;
    if (!session->keeps) {
        forget(client->broker, session->client_id);
    }
    if (!in_order && client->will != NULL) {
        (void)!sli_msim_route(client->broker, &client->will->is, NULL);
    }
    sli_signal_set(client->signal);
}

// ---------------------------------------------------------------- what goes wrong

bool sli_msim_is_away(const sli_mqtt_broker *broker)
{
    return sli_world_mono_us(broker->world) < broker->away_until_us;
}

bool sli_msim_chance(sli_mqtt_broker *broker, double chance)
{
    return chance > 0 && (double)sli_rng_below(&broker->rng, 1 << 30) < chance * (1 << 30);
}

void sli_mqtt_broker_break(sli_mqtt_broker *broker)
{
    msim_session *next = NULL;
    for (msim_session *s = broker->sessions; s != NULL; s = next) {
        next = s->next; // one that is not kept goes
        if (s->client != NULL) {
            sli_msim_end(s->client, false);
        }
    }
}

void sli_mqtt_broker_away(sli_mqtt_broker *broker, int64_t for_us)
{
    int64_t now = sli_world_mono_us(broker->world);
    broker->away_until_us = for_us < SLI_FOREVER - now ? now + for_us : SLI_FOREVER;
    if (for_us > 0) {
        sli_mqtt_broker_break(broker);
    }
}

void sli_mqtt_broker_password(sli_mqtt_broker *broker, const char *password)
{
    broker->password = password;
}

void sli_mqtt_broker_forbid(sli_mqtt_broker *broker, const char *topic)
{
    broker->forbidden = topic;
}

void sli_mqtt_broker_lose(sli_mqtt_broker *broker, double settled, double published)
{
    broker->lose_settled = settled;
    broker->lose_published = published;
}

// ---------------------------------------------------------------- others, and looking

sl_code sli_mqtt_broker_publish(sli_mqtt_broker *broker, const sli_mqtt_message *message,
                                sl_error *err)
{
    return sli_msim_route(broker, message, err);
}

sl_code sli_mqtt_broker_keep(sli_mqtt_broker *broker, const char *client_id, const char *filter,
                             sl_error *err)
{
    msim_session *session = sli_msim_session(broker, client_id, true);
    char *copy = sl_strdup(SLI_TAG_ENV, filter);
    if (session == NULL || copy == NULL) {
        sl_free(copy);
        return sl_error_nomem(err, sizeof *session, "a simulated session");
    }
    sl_free(session->filter);
    session->filter = copy;
    session->qos = 1;
    return SL_OK;
}

int64_t sli_mqtt_broker_look(sli_mqtt_broker *broker, sli_mqtt_look_fn each, void *ctx)
{
    for (const msim_message *m = broker->published.first; each != NULL && m != NULL; m = m->next) {
        each(ctx, &m->is);
    }
    return broker->published.n;
}

int64_t sli_mqtt_broker_waiting(const sli_mqtt_broker *broker, const char *client_id)
{
    const msim_session *session = *find(broker, client_id);
    return session == NULL ? -1 : session->queue.n;
}
