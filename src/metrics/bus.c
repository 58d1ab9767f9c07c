/// bus.c — listeners on a strand of their own.
///
/// Each posted event is one work of the strand. Listeners have rising numbers; a work tells them in
/// that order and looks for "the first above the last one told" under the lock each time, so that
/// listeners may come and go meanwhile, also from inside a listener. One that came after an event
/// was posted has a higher number than the event remembers, and is not told of it.
#include "metrics/bus.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/lock.h"

typedef struct member {
    struct member *next;
    const sl_listener *listener;
    void *ctx;
    void (*done)(void *ctx);
    int64_t number;
    bool busy;         ///< a call of it is running
    bool removed;      ///< while it was busy
    sli_signal *quiet; ///< who removed it waits here for the end of that call; NULL: nobody
} member;

struct sli_bus {
    sl_env *env;
    sli_log *log;
    sli_metric *dropped;
    int64_t limit;
    sli_mutex mutex; ///< the members, what waits, the strand's making
    member *members; ///< by number
    int64_t last_number;
    int64_t waiting; ///< events queued and not yet told
    bool overflowed;
    sli_strand *strand;         ///< NULL before the first listener
    _Atomic int32_t n_members;  ///< relaxed: a stale read delays a new listener by an event
    _Atomic uint64_t inside_of; ///< the strand's thread while a listener runs, else 0; relaxed: a
                                ///< thread that finds its own number there wrote it itself
};

typedef struct item {
    sli_bus *bus;
    sl_arena *arena; ///< holds the event, and this
    const sli_told *told;
    int64_t last_number; ///< of the listeners that were there when it was posted
} item;

static const sli_metric_info dropped_info = {
    "sluice_listener_events_dropped_total", SLI_COUNTER, NULL, "events",
    "Events for listeners that were dropped: they came faster than the listeners took them."};

sl_code sli_bus_new(sli_bus **out, sl_env *env, sl_error *err)
{
    sli_bus *bus = sl_alloc_zero(SLI_TAG_METRICS, sizeof *bus);
    if (bus == NULL) {
        return sl_error_nomem(err, sizeof *bus, "the listeners' queue");
    }
    bus->env = env;
    sli_mutex_init(&bus->mutex, SLI_RANK_LISTENERS);
    *out = bus;
    return SL_OK;
}

void sli_bus_open(sli_bus *bus, sli_log *log, sli_metrics *metrics, int64_t limit)
{
    bus->log = log;
    bus->limit = limit;
    bus->dropped = sli_metrics_series(metrics, &dropped_info, NULL);
}

static void member_free(member *m)
{
    if (m->done != NULL) {
        m->done(m->ctx);
    }
    sl_free(m);
}

void sli_bus_free(sli_bus *bus)
{
    if (bus == NULL) {
        return;
    }
    SL_ASSERT(!sli_bus_is_inside(bus), "a listener ends the context that calls it");
    sli_strand_free(bus->strand);
    while (bus->members != NULL) {
        member *m = bus->members;
        bus->members = m->next;
        member_free(m);
    }
    sli_mutex_reset(&bus->mutex);
    sl_free(bus);
}

// ---------------------------------------------------------------- members

static member **find(sli_bus *bus, const sl_listener *listener, const void *ctx)
{
    member **at = &bus->members;
    while (*at != NULL && ((*at)->listener != listener || (*at)->ctx != ctx)) {
        at = &(*at)->next;
    }
    return at;
}

/// Under the lock. *at is the list's end.
static sl_code link_member(sli_bus *bus, member **at, member *m, sl_error *err)
{
    if (*at != NULL) {
        return sl_error_set(err, SL_E_EXISTS, "listener '%s' was added with this ctx already",
                            m->listener->name);
    }
    if (atomic_load_explicit(&bus->n_members, memory_order_relaxed) == SLI_BUS_MAX_LISTENERS) {
        return sl_error_set(err, SL_E_INVALID, "a context has at most %d listeners",
                            SLI_BUS_MAX_LISTENERS);
    }
    if (bus->strand == NULL) {
        bus->strand = sli_strand_new(bus->env, "sl-listeners");
    }
    if (bus->strand == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "no thread for listeners");
    }
    m->number = ++bus->last_number;
    *at = m;
    atomic_fetch_add_explicit(&bus->n_members, 1, memory_order_relaxed);
    return SL_OK;
}

sl_code sli_bus_add(sli_bus *bus, const sl_listener *listener, void *ctx, void (*done)(void *ctx),
                    sl_error *err)
{
    if (listener == NULL || listener->name == NULL || listener->struct_size < sizeof *listener) {
        return sl_error_set(err, SL_E_INVALID,
                            "a listener needs a table with struct_size and a name");
    }
    member *m = sl_alloc_zero(SLI_TAG_METRICS, sizeof *m);
    if (m == NULL) {
        return sl_error_nomem(err, sizeof *m, "a listener");
    }
    *m = (member){.listener = listener, .ctx = ctx, .done = done};
    sli_mutex_lock(&bus->mutex);
    sl_code rc = link_member(bus, find(bus, listener, ctx), m, err);
    sli_mutex_unlock(&bus->mutex);
    if (rc != SL_OK) {
        sl_free(m);
    }
    return rc;
}

/// Takes the member out of the list. What is left to whoever called it: *out, when no call of it
/// runs; nothing, when one does, which is waited for at `quiet` unless it is the caller's own.
static sl_code unlink_member(sli_bus *bus, member **at, sli_signal *quiet, member **out)
{
    member *m = *at;
    if (m == NULL) {
        return SL_E_NOT_FOUND;
    }
    *at = m->next;
    atomic_fetch_sub_explicit(&bus->n_members, 1, memory_order_relaxed);
    m->removed = m->busy;
    m->quiet = m->busy && !sli_bus_is_inside(bus) ? quiet : NULL;
    *out = m;
    return SL_OK;
}

/// Whether the call runs still: only a simulated process that dies meanwhile can't wait for it.
static bool wait_for_call(sli_bus *bus, member *m, sli_signal *quiet)
{
    (void)!sli_signal_wait(quiet, SLI_FOREVER, NULL);
    sli_mutex_lock(&bus->mutex);
    bool busy = m->busy;
    m->quiet = NULL;
    sli_mutex_unlock(&bus->mutex);
    return busy;
}

sl_code sli_bus_remove(sli_bus *bus, const sl_listener *listener, void *ctx, sl_error *err)
{
    member *m = NULL;
    sli_signal *quiet = sli_signal_new(bus->env);
    if (quiet == NULL) {
        return sl_error_nomem(err, 64, "a signal");
    }
    sli_mutex_lock(&bus->mutex);
    sl_code rc = unlink_member(bus, find(bus, listener, ctx), quiet, &m);
    bool busy = rc == SL_OK && m->busy, waits = busy && m->quiet != NULL;
    sli_mutex_unlock(&bus->mutex);
    if (waits) {
        busy = wait_for_call(bus, m, quiet);
    }
    sli_signal_free(quiet);
    if (rc == SL_E_NOT_FOUND) {
        return sl_error_set(err, rc, "there is no such listener");
    }
    if (!busy) {
        member_free(m); // else the call that is running frees it at its end
    }
    return SL_OK;
}

bool sli_bus_wants(const sli_bus *bus)
{
    return bus != NULL && atomic_load_explicit(&bus->n_members, memory_order_relaxed) > 0;
}

bool sli_bus_is_inside(const sli_bus *bus)
{
    return atomic_load_explicit(&bus->inside_of, memory_order_relaxed) == sli_env_thread(bus->env);
}

// ---------------------------------------------------------------- events

/// The next listener to be told of the event, marked busy; NULL: all have been.
static member *take_after(const item *it, int64_t number)
{
    sli_bus *bus = it->bus;
    sli_mutex_lock(&bus->mutex);
    member *m = bus->members;
    while (m != NULL && m->number <= number) {
        m = m->next;
    }
    m = m != NULL && m->number <= it->last_number ? m : NULL;
    if (m != NULL) {
        m->busy = true;
    }
    sli_mutex_unlock(&bus->mutex);
    return m;
}

static void give_back(sli_bus *bus, member *m)
{
    sli_mutex_lock(&bus->mutex);
    m->busy = false;
    bool removed = m->removed;
    sli_signal *quiet = m->quiet;
    sli_mutex_unlock(&bus->mutex);
    if (quiet != NULL) {
        sli_signal_set(quiet); // whoever waits frees it
    } else if (removed) {
        member_free(m);
    }
}

static void deliver(void *ctx)
{
    item *it = ctx;
    sli_bus *bus = it->bus;
    int64_t number = 0;
    atomic_store_explicit(&bus->inside_of, sli_env_thread(bus->env), memory_order_relaxed);
    for (member *m = take_after(it, number); m != NULL; m = take_after(it, number)) {
        number = m->number;
        sli_told_call(it->told, m->listener, m->ctx);
        give_back(bus, m);
    }
    atomic_store_explicit(&bus->inside_of, 0, memory_order_relaxed);
    sl_arena_free(it->arena);
    sli_mutex_lock(&bus->mutex);
    bus->waiting--;
    sli_mutex_unlock(&bus->mutex);
}

static item *copy_of(sli_bus *bus, const sli_told *told, int64_t last_number)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_METRICS);
    item *it = arena == NULL ? NULL : sl_arena_alloc(arena, sizeof *it);
    const sli_told *copy = it == NULL ? NULL : sli_told_copy(told, arena);
    if (copy == NULL) {
        sl_arena_free(arena);
        return NULL;
    }
    *it = (item){bus, arena, copy, last_number};
    return it;
}

/// A place in the queue; *first: it is full, for the first time.
static bool take_place(sli_bus *bus, int64_t *last_number, bool *first)
{
    sli_mutex_lock(&bus->mutex);
    *last_number = bus->last_number;
    bool room = bus->waiting < bus->limit;
    bus->waiting += room ? 1 : 0;
    *first = !room && !bus->overflowed;
    bus->overflowed = bus->overflowed || !room;
    sli_mutex_unlock(&bus->mutex);
    return room;
}

static void drop_place(sli_bus *bus)
{
    sli_mutex_lock(&bus->mutex);
    bus->waiting--;
    sli_mutex_unlock(&bus->mutex);
}

void sli_bus_post(sli_bus *bus, const sli_told *told)
{
    bool first = false;
    int64_t last_number = 0;
    if (!sli_bus_wants(bus)) {
        return;
    }
    bool placed = take_place(bus, &last_number, &first);
    if (first) {
        SLI_LOG(bus->log, SLI_WARN, "listener",
                "%lld events wait for listeners, further ones are dropped: a listener is slower "
                "than the job (listener.queue; dropped ones are counted in %s)",
                (long long)bus->limit, dropped_info.name);
    }
    item *it = placed ? copy_of(bus, told, last_number) : NULL;
    if (it != NULL && sli_strand_post(bus->strand, deliver, it)) {
        return;
    }
    if (it != NULL) {
        sl_arena_free(it->arena);
    }
    if (placed) {
        drop_place(bus);
    }
    sli_metric_add(bus->dropped, 1);
}
