// Messages that were read: copies, since libmosquitto's own last for a callback.
#include "mosq_int.h"

#include <stdlib.h>
#include <string.h>

static void message_reset(mosq_message *m)
{
    mosquitto_message_free_contents(&m->body);
    for (int32_t i = 0; i < m->n_pairs; i++) {
        free((void *)(uintptr_t)m->pairs[i].name);
        free((void *)(uintptr_t)m->pairs[i].value);
    }
    free(m->pairs);
}

static bool add_pair(mosq_message *m, char *name, char *value)
{
    sli_mqtt_pair *pairs = realloc(m->pairs, ((size_t)m->n_pairs + 1) * sizeof *pairs);
    if (pairs == NULL) {
        free(name);
        free(value);
        return false;
    }
    m->pairs = pairs;
    m->pairs[m->n_pairs++] = (sli_mqtt_pair){name, value};
    return true;
}

static bool copy_pairs(mosq_message *m, const mosquitto_property *properties)
{
    char *name = NULL, *value = NULL;
    const mosquitto_property *at = properties;
    bool skip = false;
    while (at != NULL && (at = mosquitto_property_read_string_pair(at, MQTT_PROP_USER_PROPERTY,
                                                                   &name, &value, skip)) != NULL) {
        if (!add_pair(m, name, value)) {
            return false;
        }
        name = value = NULL;
        skip = true; // the one that was read
    }
    return true;
}

static bool has_room(mosq_queue *queue)
{
    if (queue->n < queue->capacity) {
        return true;
    }
    int32_t capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
    mosq_message *items = realloc(queue->items, (size_t)capacity * sizeof *items);
    if (items == NULL) {
        return false;
    }
    queue->items = items;
    queue->capacity = capacity;
    return true;
}

void mosq_queue_add(mosq_queue *queue, const struct mosquitto_message *message,
                    const mosquitto_property *properties)
{
    mosq_message copy = {0};
    if (!has_room(queue) || mosquitto_message_copy(&copy.body, message) != MOSQ_ERR_SUCCESS ||
        !copy_pairs(&copy, properties)) {
        message_reset(&copy);
        queue->failed = true;
        return;
    }
    queue->items[queue->n++] = copy;
    queue->bytes += message->payloadlen;
}

void mosq_queue_drop_given(mosq_queue *queue)
{
    for (int32_t i = 0; i < queue->n_given; i++) {
        queue->bytes -= queue->items[i].body.payloadlen;
        message_reset(&queue->items[i]);
    }
    queue->n -= queue->n_given;
    if (queue->n > 0) {
        memmove(queue->items, queue->items + queue->n_given,
                (size_t)queue->n * sizeof *queue->items);
    }
    queue->n_given = 0;
}

void mosq_queue_reset(mosq_queue *queue)
{
    queue->n_given = queue->n;
    if (queue->n > 0) {
        mosq_queue_drop_given(queue);
    }
    free(queue->items);
    *queue = (mosq_queue){0};
}
