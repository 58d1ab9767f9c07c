/// queue.c — messages of the simulated broker: where they wait, and to whom they go.
#include "mqtt/sim/msim_int.h"

/// Copies bytes to *at and moves it behind them.
static const char *put(char **at, const char *bytes, size_t size)
{
    char *copy = *at;
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    *at += size;
    return copy;
}

static size_t texts_of(const sli_mqtt_message *m)
{
    size_t size = strlen(m->topic) + 1 + m->payload_size;
    for (int32_t i = 0; i < m->n_pairs; i++) {
        size += strlen(m->pairs[i].name) + 1 + strlen(m->pairs[i].value) + 1;
    }
    return size;
}

msim_message *sli_msim_copy(const sli_mqtt_message *m, int32_t qos, bool retain)
{
    size_t pairs_size = (size_t)m->n_pairs * sizeof(sli_mqtt_pair);
    msim_message *copy = sl_alloc(SLI_TAG_ENV, sizeof *copy + pairs_size + texts_of(m));
    if (copy == NULL) {
        return NULL;
    }
    sli_mqtt_pair *pairs = (sli_mqtt_pair *)(copy + 1);
    char *at = (char *)pairs + pairs_size;
    for (int32_t i = 0; i < m->n_pairs; i++) {
        pairs[i].name = put(&at, m->pairs[i].name, strlen(m->pairs[i].name) + 1);
        pairs[i].value = put(&at, m->pairs[i].value, strlen(m->pairs[i].value) + 1);
    }
    const char *topic = put(&at, m->topic, strlen(m->topic) + 1);
    *copy = (msim_message){.is = {.topic = topic,
                                  .payload = put(&at, m->payload, m->payload_size),
                                  .payload_size = m->payload_size,
                                  .pairs = pairs,
                                  .n_pairs = m->n_pairs,
                                  .qos = (int8_t)qos,
                                  .retain = retain}};
    return copy;
}

void sli_msim_push(msim_queue *queue, msim_message *message)
{
    if (queue->first == NULL) {
        queue->end = &queue->first;
    }
    *queue->end = message;
    queue->end = &message->next;
    queue->n++;
}

void sli_msim_drop(msim_queue *queue, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        msim_message *first = queue->first;
        queue->first = first->next;
        sl_free(first);
    }
    queue->n -= n;
}

static sl_code nomem(sl_error *err)
{
    return sl_error_nomem(err, sizeof(msim_message), "a simulated message");
}

/// Takes the message of a topic out of what is retained.
static void forget_retained(msim_queue *retained, const char *topic)
{
    msim_message *at = retained->first;
    *retained = (msim_queue){0};
    while (at != NULL) {
        msim_message *next = at->next;
        at->next = NULL;
        if (strcmp(at->is.topic, topic) == 0) {
            sl_free(at);
        } else {
            sli_msim_push(retained, at);
        }
        at = next;
    }
}

/// One message a topic: the newest, unless that is empty.
static sl_code retain(sli_mqtt_broker *broker, const sli_mqtt_message *m, sl_error *err)
{
    forget_retained(&broker->retained, m->topic);
    if (m->payload_size == 0) {
        return SL_OK;
    }
    msim_message *copy = sli_msim_copy(m, m->qos, true);
    if (copy == NULL) {
        return nomem(err);
    }
    sli_msim_push(&broker->retained, copy);
    return SL_OK;
}

static sl_code add_to(msim_session *session, const sli_mqtt_message *m, bool retained,
                      sl_error *err)
{
    int32_t qos = m->qos < session->qos ? m->qos : session->qos;
    if (session->client == NULL && (!session->keeps || qos == 0)) {
        return SL_OK;
    }
    msim_message *copy = sli_msim_copy(m, qos, retained);
    if (copy == NULL) {
        return nomem(err);
    }
    sli_msim_push(&session->queue, copy);
    if (session->client != NULL) {
        sli_signal_set(session->client->signal);
    }
    return SL_OK;
}

sl_code sli_msim_route(sli_mqtt_broker *broker, const sli_mqtt_message *m, sl_error *err)
{
    if (m->retain) {
        SL_TRY(retain(broker, m, err));
    }
    for (msim_session *s = broker->sessions; s != NULL; s = s->next) {
        if (s->filter != NULL && sli_mqtt_matches(s->filter, m->topic)) {
            SL_TRY(add_to(s, m, false, err));
        }
    }
    return SL_OK;
}

sl_code sli_msim_give_retained(sli_mqtt_broker *broker, msim_session *session, sl_error *err)
{
    for (const msim_message *m = broker->retained.first; m != NULL; m = m->next) {
        if (sli_mqtt_matches(session->filter, m->is.topic)) {
            SL_TRY(add_to(session, &m->is, true, err));
        }
    }
    return SL_OK;
}
