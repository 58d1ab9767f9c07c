// custom.c — receivers that the program brings: its threads store into an inbox, the io thread
// takes it from there.
//
//             start               fails, or asks for a restart
//     idle ─────────► receiving ─────────────────────────────► waiting ─┐ restart_delay
//                      ▲   │ finish                                     │
//                      │   └────────► ended                             │
//                      └────────────────────────────────────────────────┘
//
// Threads: the program's append to `inbox` and wait, under the mutex; everything else is the io
// thread's (the driver's, once that has ended). No function of the program is called under it.
#include "source/source_int.h"

#include "base/lock.h"

#include <stdatomic.h>
#include <stdio.h>

enum { INBOX_BYTES = 1 << 20 }; ///< stores wait while so much has not been taken

/// A store that waits. It is in the list while it does.
typedef struct waiter {
    struct waiter *next;
    sli_signal *signal;
} waiter;

struct sl_receiver {
    sli_source_common common;
    const sl_receiver_fn *fn;
    const char *args; ///< never NULL
    sli_loop *loop;
    sli_receive_fn take;
    void *take_ctx;
    int64_t delay_us;
    // io
    void *state;
    bool receiving;
    char told[128]; ///< the trouble logged last, "" when bytes have come since
    _Atomic bool ended;
    _Atomic bool wants_turn; ///< set by any thread after what it wants is under the mutex
    sli_mutex mutex;
    // under the mutex
    sli_str inbox;
    waiter *waiters;
    int64_t accepted, settled; ///< bytes put into the inbox so far; of them, durable
    bool open;                 ///< stores are welcome
    bool paused;               ///< the engine wants no more
    bool wants_restart, wants_finish;
    int64_t restart_us;
    char why[SL_ERROR_TEXT_BYTES];
};

static const sl_option options[] = {
    {.name = "restart_delay",
     .type = SL_OPT_DURATION,
     .fallback = "2s",
     .low = "1ms",
     .high = "1h",
     .text = "Time between a receiver's failure and its next start."},
    {0},
};

static sl_receiver *self_of(sli_source *source)
{
    return (sl_receiver *)source;
}

// ---------------------------------------------------------------- the program's threads

static void wake_all(sl_receiver *r)
{
    for (waiter *w = r->waiters; w != NULL; w = w->next) {
        sli_signal_set(w->signal);
    }
}

/// Waits for a change. Called under the mutex, which it gives up meanwhile.
static sl_code wait_under_mutex(sl_receiver *r, sl_error *err)
{
    waiter own = {.next = r->waiters, .signal = sli_signal_new(r->common.env.env)};
    if (own.signal == NULL) {
        return sl_error_nomem(err, 64, "the signal of a receiver");
    }
    r->waiters = &own;
    sli_mutex_unlock(&r->mutex);
    sl_code rc = sli_signal_wait(own.signal, SLI_FOREVER, err);
    sli_mutex_lock(&r->mutex);
    waiter **at = &r->waiters;
    while (*at != &own) {
        at = &(*at)->next;
    }
    *at = own.next;
    sli_signal_free(own.signal);
    return rc;
}

static void ask_for_turn(sl_receiver *r)
{
    atomic_store_explicit(&r->wants_turn, true, memory_order_release);
    sli_loop_wake(r->loop);
}

static bool is_full(const sl_receiver *r)
{
    return r->inbox.size >= INBOX_BYTES || (r->paused && r->inbox.size > 0);
}

static sl_code check_open(const sl_receiver *r, sl_error *err)
{
    return r->open ? SL_OK
                   : sl_error_set(err, SL_E_CANCELLED, "receiver '%s' is being ended", r->fn->name);
}

/// Called under the mutex.
static sl_code append(sl_receiver *r, const char *bytes, size_t size, sl_error *err)
{
    size_t before = r->inbox.size;
    sli_str_add(&r->inbox, bytes, size);
    if (size > 0 && bytes[size - 1] != '\n') {
        sli_str_char(&r->inbox, '\n');
    }
    if (r->inbox.failed) {
        r->inbox.size = before;
        r->inbox.failed = false;
        return sl_error_nomem(err, size, "what a receiver stores");
    }
    r->accepted += (int64_t)(r->inbox.size - before);
    return SL_OK;
}

static sl_code store(sl_receiver *r, const void *bytes, size_t size, int64_t *upto, sl_error *err)
{
    sl_code rc = SL_OK;
    sli_mutex_lock(&r->mutex);
    while (rc == SL_OK && r->open && is_full(r)) {
        rc = wait_under_mutex(r, err);
    }
    rc = rc == SL_OK ? check_open(r, err) : rc;
    rc = rc == SL_OK ? append(r, bytes, size, err) : rc;
    *upto = r->accepted;
    sli_mutex_unlock(&r->mutex);
    if (rc == SL_OK) {
        ask_for_turn(r);
    }
    return rc;
}

sl_code sl_receiver_store(sl_receiver *r, const void *bytes, size_t size_bytes, sl_error *err)
{
    int64_t upto = 0;
    return store(r, bytes, size_bytes, &upto, err);
}

sl_code sl_receiver_store_synced(sl_receiver *r, const void *bytes, size_t size_bytes,
                                 sl_error *err)
{
    int64_t upto = 0;
    SL_TRY(store(r, bytes, size_bytes, &upto, err));
    sl_code rc = SL_OK;
    sli_mutex_lock(&r->mutex);
    while (rc == SL_OK && r->settled < upto) {
        rc = check_open(r, err);
        rc = rc == SL_OK ? wait_under_mutex(r, err) : rc;
    }
    sli_mutex_unlock(&r->mutex);
    return rc;
}

void sl_receiver_restart(sl_receiver *r, const char *why, int64_t delay_us)
{
    sli_mutex_lock(&r->mutex);
    r->wants_restart = true;
    r->restart_us = delay_us < 0 ? r->delay_us : delay_us;
    (void)snprintf(r->why, sizeof r->why, "%s", why == NULL ? "no reason given" : why);
    sli_mutex_unlock(&r->mutex);
    ask_for_turn(r);
}

void sl_receiver_finish(sl_receiver *r)
{
    sli_mutex_lock(&r->mutex);
    r->wants_finish = true;
    sli_mutex_unlock(&r->mutex);
    ask_for_turn(r);
}

void sl_receiver_report(sl_receiver *r, const char *text)
{
    sl_error error = SL_ERROR_INIT;
    (void)!sl_error_set(&error, SL_E_USER, "%s", text == NULL ? "" : text);
    SLI_LOG(r->common.env.log, SLI_WARN, "source", "receiver %s: %s", r->fn->name, error.text);
    sli_source_event(&r->common, SLI_EV_RECEIVER_ERROR, &error);
}

bool sl_receiver_is_ending(sl_receiver *r)
{
    sli_mutex_lock(&r->mutex);
    bool ending = !r->open;
    sli_mutex_unlock(&r->mutex);
    return ending;
}

// ---------------------------------------------------------------- io: what was stored

static void set_open(sl_receiver *r, bool open)
{
    sli_mutex_lock(&r->mutex);
    r->open = open;
    wake_all(r);
    sli_mutex_unlock(&r->mutex);
}

/// Hands the inbox on, unless the engine wants no more. `all`: also then.
static void drain(sl_receiver *r, bool all)
{
    sli_mutex_lock(&r->mutex);
    sli_str bytes = {.tag = SLI_TAG_SOURCE};
    if (!r->paused || all) {
        bytes = r->inbox;
        r->inbox = (sli_str){.tag = SLI_TAG_SOURCE};
    }
    sli_mutex_unlock(&r->mutex);
    if (bytes.size > 0) {
        r->told[0] = '\0';
        sli_source_count(&r->common, SLI_SOURCE_BYTES, (int64_t)bytes.size);
        bool more = r->take(r->take_ctx, bytes.data, bytes.size, SLI_TAIL_OPEN);
        sli_mutex_lock(&r->mutex);
        r->paused = !more;
        wake_all(r);
        sli_mutex_unlock(&r->mutex);
    }
    sli_str_reset(&bytes);
}

static void custom_settled(sli_source *source, int64_t bytes)
{
    sl_receiver *r = self_of(source);
    sli_mutex_lock(&r->mutex);
    r->settled = bytes;
    wake_all(r);
    sli_mutex_unlock(&r->mutex);
}

// ---------------------------------------------------------------- io: its life

static void on_time(void *ctx, int32_t ready);

/// The program's threads end; what they have stored by then is taken.
static void end_receiving(sl_receiver *r)
{
    set_open(r, false);
    if (r->receiving) {
        r->fn->stop(r->state);
        r->receiving = false;
        r->state = NULL;
    }
    drain(r, true);
}

static void restart_later(sl_receiver *r, const char *why, int64_t delay_us)
{
    sl_error error = SL_ERROR_INIT;
    (void)!sl_error_set(&error, SL_E_USER, "%s", why);
    end_receiving(r);
    sli_source_count(&r->common, SLI_SOURCE_RECONNECTS, 1);
    sli_source_event(&r->common, SLI_EV_RECEIVER_ERROR, &error);
    if (strncmp(r->told, why, sizeof r->told - 1) != 0) {
        SLI_LOG(r->common.env.log, SLI_WARN, "source",
                "receiver %s: %s; next start in %lld ms, the same again is not told", r->fn->name,
                why, (long long)(delay_us / 1000));
        (void)snprintf(r->told, sizeof r->told, "%.*s", (int)sizeof r->told - 1, why);
    }
    int64_t at = sli_env_mono_us(r->common.env.env) + delay_us;
    if (sli_loop_timer(r->loop, at, on_time, r, &error) != SL_OK) {
        SLI_LOG(r->common.env.log, SLI_ERROR, "source", "receiver %s: no further start: %s",
                r->fn->name, error.text);
    }
}

static void begin_receiving(sl_receiver *r)
{
    sl_error error = SL_ERROR_INIT;
    set_open(r, true);
    sl_code rc = r->fn->start(r, r->args, &r->state, &error);
    r->receiving = rc == SL_OK;
    if (rc != SL_OK) {
        restart_later(r, error.text[0] == '\0' ? "start gave no reason" : error.text, r->delay_us);
        return;
    }
    sli_source_event(&r->common, SLI_EV_RECEIVER_STARTED, NULL);
}

static void on_time(void *ctx, int32_t ready)
{
    sl_receiver *r = ctx;
    (void)ready;
    if (!r->receiving && !atomic_load_explicit(&r->ended, memory_order_relaxed)) {
        begin_receiving(r);
    }
}

static void finish(sl_receiver *r)
{
    end_receiving(r);
    atomic_store_explicit(&r->ended, true, memory_order_release);
    sli_source_event(&r->common, SLI_EV_RECEIVER_STOPPED, NULL);
}

static void custom_turn(sli_source *source)
{
    sl_receiver *r = self_of(source);
    char why[SL_ERROR_TEXT_BYTES];
    if (!atomic_exchange_explicit(&r->wants_turn, false, memory_order_acquire)) {
        return;
    }
    drain(r, false);
    sli_mutex_lock(&r->mutex);
    bool restart = r->wants_restart && r->receiving, over = r->wants_finish && r->receiving;
    int64_t delay_us = r->restart_us;
    memcpy(why, r->why, sizeof why);
    r->wants_restart = r->wants_finish = false;
    sli_mutex_unlock(&r->mutex);
    if (over) {
        finish(r);
    } else if (restart) {
        restart_later(r, why, delay_us);
    }
}

// ---------------------------------------------------------------- the table

static const sli_receiver_def *find_def(const sli_source_env *env, sl_text name, sl_error *err)
{
    const char *names[SLI_MAX_RECEIVERS + 1] = {NULL};
    for (int32_t i = 0; i < env->n_receivers; i++) {
        if (sli_text_is(name, env->receivers[i].fn->name)) {
            return &env->receivers[i];
        }
        names[i] = env->receivers[i].fn->name;
    }
    char word[128];
    (void)snprintf(word, sizeof word, "%.*s", (int)(name.size < 100 ? name.size : 100), name.data);
    const char *near = sli_nearest(word, names);
    (void)!sl_error_set(err, SL_E_CONFIG, "there is no receiver '%s'%s%s%s", word,
                        near == NULL ? "; sl_graph_receiver adds one" : ", did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
    return NULL;
}

static sl_code custom_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                           const sli_source_env *env, sl_error *err)
{
    const sli_receiver_def *def = find_def(env, url->path, err);
    if (def == NULL) {
        return SL_E_CONFIG;
    }
    sli_source_common *common = NULL;
    SL_TRY(
        sli_source_alloc(&common, sizeof(sl_receiver), &sli_source_custom, conf, env, NULL, err));
    sl_receiver *r = (sl_receiver *)common;
    r->fn = def->fn;
    r->args = def->args == NULL ? "" : def->args;
    r->delay_us = sl_conf_int64(conf, "restart_delay");
    r->inbox.tag = SLI_TAG_SOURCE;
    sli_mutex_init(&r->mutex, SLI_RANK_INBOX);
    *out = &common->base;
    return SL_OK;
}

static sl_code custom_start(sli_source *source, sli_loop *loop, sli_receive_fn take, void *ctx,
                            sl_error *err)
{
    sl_receiver *r = self_of(source);
    r->loop = loop;
    r->take = take;
    r->take_ctx = ctx;
    // Begun by the loop, so that `start` runs on the io thread.
    return sli_loop_timer(loop, sli_env_mono_us(r->common.env.env), on_time, r, err);
}

static void custom_resume(sli_source *source)
{
    sl_receiver *r = self_of(source);
    sli_mutex_lock(&r->mutex);
    r->paused = false;
    wake_all(r);
    sli_mutex_unlock(&r->mutex);
    drain(r, false);
}

static void custom_stop(sli_source *source)
{
    sl_receiver *r = self_of(source);
    if (r->loop == NULL) {
        return;
    }
    (void)sli_loop_timer(r->loop, SLI_FOREVER, on_time, r, NULL); // removing can't fail
    if (r->receiving) {
        finish(r);
    }
    r->loop = NULL;
}

static bool custom_ended(const sli_source *source)
{
    return atomic_load_explicit(&((const sl_receiver *)source)->ended, memory_order_acquire);
}

static void custom_close(sli_source *source)
{
    sl_receiver *r = self_of(source);
    custom_stop(source);
    SL_ASSERT(r->waiters == NULL, "`stop` of a receiver joins the threads that store");
    sli_str_reset(&r->inbox);
    sli_mutex_reset(&r->mutex);
    sli_source_common_free(&r->common);
}

const sli_source_ops sli_source_custom = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "receiver",
    .text = "What functions of the program's own receive, added with sl_graph_receiver: "
            "receiver:NAME",
    .kind = SLI_SOURCE_RECEIVER,
    .options = options,
    .formatted = true,
    .open = custom_open,
    .schema = sli_source_common_schema,
    .start = custom_start,
    .resume = custom_resume,
    .stop = custom_stop,
    .ended = custom_ended,
    .format = sli_source_common_format,
    .close = custom_close,
    .turn = custom_turn,
    .settled = custom_settled,
};
