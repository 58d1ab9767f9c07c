/// events.c — what happens, from any thread to the listeners on the driver.
///
/// A bounded ring between them: a worker never waits for a listener. When nobody drains, the oldest
/// events go and are counted; results never depend on an event.
#include "base/hash.h"
#include "metrics/metrics_int.h"

enum { FIRST_CAPACITY = 64, CHUNK = 32 };

sl_code sli_metrics_listen_some(sli_metrics *m, uint32_t kinds, sli_event_fn fn, void *ctx,
                                sl_error *err)
{
    if (fn == NULL || kinds == 0) {
        return sl_error_set(err, SL_E_INVALID, "a listener needs a function and kinds of events");
    }
    sli_mutex_lock(m->mutex);
    bool room = m->n_listeners < SLI_METRICS_MAX_LISTENERS;
    if (room) {
        m->listeners[m->n_listeners++] = (sli_listener){fn, ctx, kinds};
        atomic_fetch_or_explicit(&m->wanted, kinds, memory_order_relaxed);
    }
    sli_mutex_unlock(m->mutex);
    return room ? SL_OK
                : sl_error_set(err, SL_E_INVALID, "more than %d listeners for events",
                               SLI_METRICS_MAX_LISTENERS);
}

sl_code sli_metrics_listen(sli_metrics *m, sli_event_fn fn, void *ctx, sl_error *err)
{
    return sli_metrics_listen_some(m, SLI_EV_ALL, fn, ctx, err);
}

void sli_metrics_unlisten(sli_metrics *m, sli_event_fn fn, const void *ctx)
{
    int32_t kept = 0;
    uint32_t wanted = 0;
    sli_mutex_lock(m->mutex);
    for (int32_t i = 0; i < m->n_listeners; i++) {
        sli_listener listener = m->listeners[i];
        if (listener.fn != fn || listener.ctx != ctx) {
            m->listeners[kept++] = listener;
            wanted |= listener.kinds;
        }
    }
    m->n_listeners = kept;
    atomic_store_explicit(&m->wanted, wanted, memory_order_relaxed);
    sli_mutex_unlock(m->mutex);
}

bool sli_metrics_wants(const sli_metrics *m, uint32_t kinds)
{
    return (atomic_load_explicit(&m->wanted, memory_order_relaxed) & kinds) != 0;
}

int64_t sli_metrics_time_us(const sli_metrics *m, uint32_t kinds)
{
    return sli_metrics_wants(m, kinds) ? sli_env_mono_us(m->env) : 0;
}

uint32_t sli_event_source(const char *uid)
{
    return (uint32_t)sli_hash64(uid, strlen(uid));
}

void sli_event_text(sli_event *event, const char *text)
{
    size_t n = strnlen(text, sizeof(event->text));
    if (n == sizeof(event->text)) {
        n--;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
            n--; // not inside a character
        }
    }
    memcpy(event->text, text, n);
    event->text[n] = '\0';
}

// Doubles the ring, up to its maximum. False when it stays as it is.
static bool grow(sli_ring *ring)
{
    if (ring->capacity >= SLI_METRICS_MAX_EVENTS) {
        return false;
    }
    int32_t capacity = ring->capacity == 0 ? FIRST_CAPACITY : ring->capacity * 2;
    sli_event *slots = sl_alloc(SLI_TAG_METRICS, (size_t)capacity * sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (int32_t i = 0; i < ring->n; i++) {
        slots[i] = ring->slots[(ring->head + i) % ring->capacity];
    }
    sl_free(ring->slots);
    *ring = (sli_ring){slots, capacity, 0, ring->n};
    return true;
}

// How many events it cost: 0, or 1 when the oldest (or, without any memory, the new one) went.
static int64_t push(sli_ring *ring, const sli_event *event)
{
    int64_t lost = 0;
    if (ring->n == ring->capacity && !grow(ring)) {
        if (ring->capacity == 0) {
            return 1;
        }
        ring->head = (ring->head + 1) % ring->capacity;
        ring->n--;
        lost = 1;
    }
    ring->slots[(ring->head + ring->n) % ring->capacity] = *event;
    ring->n++;
    return lost;
}

void sli_metrics_emit(sli_metrics *m, const sli_event *event)
{
    SL_ASSERT(event->kind >= SLI_EV_JOB_STARTED && event->kind <= SLI_EV_RECOVERED,
              "an event without a kind");
    if (!sli_metrics_wants(m, SLI_EV_BIT(event->kind))) {
        return;
    }
    sli_event copy = *event;
    copy.text[sizeof(copy.text) - 1] = '\0';
    if (copy.mono_us == 0) {
        copy.mono_us = sli_env_mono_us(m->env); // before the lock: it goes outside
    }
    sli_mutex_lock(m->mutex);
    int64_t lost = push(&m->ring, &copy);
    sli_mutex_unlock(m->mutex);
    if (lost > 0) {
        sli_metric_add(m->lost, lost);
    }
}

// Moves up to `limit` of the oldest events to `out` and copies the listeners.
static int32_t take(sli_metrics *m, int32_t limit, sli_event *out, sli_listener *listeners,
                    int32_t *n_listeners)
{
    sli_mutex_lock(m->mutex);
    sli_ring *ring = &m->ring;
    int32_t n = ring->n < limit ? ring->n : limit;
    for (int32_t i = 0; i < n; i++) {
        out[i] = ring->slots[(ring->head + i) % ring->capacity];
    }
    ring->n -= n;
    ring->head = ring->n == 0 ? 0
                              : (ring->head + n) %
                                    ring->capacity; // an empty ring starts over: the same few pages
    *n_listeners = m->n_listeners;
    memcpy(listeners, m->listeners, (size_t)m->n_listeners * sizeof(*listeners));
    sli_mutex_unlock(m->mutex);
    return n;
}

static void tell(const sli_event *event, const sli_listener *listeners, int32_t n_listeners)
{
    for (int32_t i = 0; i < n_listeners; i++) {
        if ((listeners[i].kinds & SLI_EV_BIT(event->kind)) != 0) {
            listeners[i].fn(listeners[i].ctx, event);
        }
    }
}

void sli_metrics_drain(sli_metrics *m)
{
    sli_event chunk[CHUNK];
    sli_listener listeners[SLI_METRICS_MAX_LISTENERS];
    int32_t n_listeners = 0;
    SL_ASSERT(!m->draining, "a listener drains the events it is told of");
    if (!sli_metrics_wants(m, SLI_EV_ALL)) {
        return; // nobody listens, so nothing was queued
    }
    m->draining = true;
    sli_mutex_lock(m->mutex);
    int32_t left =
        m->ring
            .n; // what listeners emit meanwhile waits: else two of them could keep us here for ever
    sli_mutex_unlock(m->mutex);
    while (left > 0) {
        int32_t n = take(m, left < CHUNK ? left : CHUNK, chunk, listeners, &n_listeners);
        if (n == 0) {
            break;
        }
        for (int32_t i = 0; i < n; i++) {
            tell(&chunk[i], listeners, n_listeners);
        }
        left -= n;
    }
    m->draining = false;
}
