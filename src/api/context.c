// A streaming context: a graph, a host and an engine, driven by a thread of its own or stepped by
// its owner.
//
// Threads when started: the *driver* strand runs the engine; the *io* strand runs the receivers'
// loop. Stepped, both are the caller's thread. The state word, the first error and the wake-up of
// waiters are the only things shared.
#include "api/host.h"

#include <stdatomic.h>

struct sl_context {
    sli_host host;
    sl_graph *graph;
    sli_engine *engine;
    sli_bus *bus; ///< the program's listeners
    char *name;
    sli_mutex mutex; ///< state, error, ended
    sl_context_state state;
    sl_error error;
    bool failed;
    int32_t stop_wanted; ///< a stop that came before the engine was there: 0, 1 gracefully, 2 now
    sli_signal *ended;
    sli_signal *told; ///< a stop is wanted
    sli_strand *driver, *io;
    _Atomic int32_t io_over; ///< set by the driver before the io strand is joined
    _Atomic int64_t steps;   ///< odd while the driver is in a step, even while it waits
    sli_str warnings;        ///< of the build function, a line each
    int64_t due_us;          ///< stepped: when the engine wants to be called
    void (*progress)(void *ctx, const sli_progress *progress);
    void *progress_ctx;
};

// ---------------------------------------------------------------- making

typedef struct setting_ctx {
    sl_conf *conf;
} setting_ctx;

static sl_code put_graph_setting(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    setting_ctx *to = ctx;
    char *name = sl_strndup(SLI_TAG_API, key.data, key.size);
    if (name == NULL) {
        return sl_error_nomem(err, key.size, "a setting's name");
    }
    sl_code rc = sli_setting_put(to->conf, name, value, err);
    sl_free(name);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "setting made by the build function");
}

/// What the caller's settings say of one, before the build function's are known; NULL: nothing.
static const char *setting_of(const char *const *settings, const char *name)
{
    for (int32_t i = 0; settings != NULL && settings[i] != NULL && settings[i + 1] != NULL;
         i += 2) {
        if (strcmp(settings[i], name) == 0) {
            return settings[i + 1];
        }
    }
    return NULL;
}

static sl_code try_setting(void *ctx, const char *name, sl_text value, sl_error *err)
{
    const sl_context *context = ctx;
    return sli_setting_put(context->host.conf, name, value, err);
}

/// There is no log yet: it may be set by the build function itself.
static void warn(void *ctx, const char *text)
{
    sl_context *context = ctx;
    sli_str_printf(&context->warnings, "%s\n", text);
}

static void log_warnings(const sl_context *context)
{
    const char *at = context->warnings.failed ? NULL : context->warnings.data;
    while (at != NULL && *at != '\0') {
        size_t size = strcspn(at, "\n");
        SLI_LOG(context->host.log, SLI_WARN, "api", "%.*s", (int)size, at);
        at += size + 1;
    }
}

const char *sli_context_warnings(const sl_context *context)
{
    return context->warnings.size == 0 ? "" : context->warnings.data;
}

static sl_code build_graph(sl_context *context, sl_build_fn build,
                           void (*prepare)(sl_graph *, void *), void *ctx,
                           const char *const *settings, sl_error *err)
{
    SL_TRY(sli_graph_new(&context->graph, err));
    const char *compat = setting_of(settings, "compat");
    sli_graph_environment(context->graph, sli_all_sources, sli_all_sinks, context->host.env,
                          compat != NULL && strcmp(compat, "spark") == 0);
    sli_graph_modules(context->graph, setting_of(settings, "modules"));
    sli_graph_hosted(context->graph, &(sli_graph_host){try_setting, warn, context});
    if (prepare != NULL) {
        prepare(context->graph, ctx);
    }
    sli_graph_given(context->graph, settings);
    build(context->graph);
    sli_graph_given(context->graph, NULL); // they are the caller's
    SL_TRY(sl_graph_check(context->graph, err));
    setting_ctx to = {context->host.conf};
    SL_TRY(sli_graph_settings(context->graph, put_graph_setting, &to, err));
    return sli_settings_put(context->host.conf, settings,
                            err); // the caller's settings win over the build function's
}

static sl_code context_init(sl_context *context, sl_env *env, const char *name, sl_build_fn build,
                            void (*prepare)(sl_graph *, void *), void *ctx,
                            const char *const *settings, sl_error *err)
{
    sli_mutex_init(&context->mutex, SLI_RANK_CONTEXT);
    context->warnings.tag = SLI_TAG_API;
    SL_TRY(sli_host_init(&context->host, env, err));
    SL_TRY(sli_bus_new(&context->bus, context->host.env, err));
    context->name = sl_strdup(SLI_TAG_API, name);
    context->ended = sli_signal_new(context->host.env);
    context->told = sli_signal_new(context->host.env);
    if (context->name == NULL || context->ended == NULL || context->told == NULL) {
        return sl_error_nomem(err, strlen(name), "a context");
    }
    SL_TRY(build_graph(context, build, prepare, ctx, settings, err));
    SL_TRY(sl_conf_check(context->host.conf, err));
    return sli_graph_slides(context->graph, sl_conf_int64(context->host.conf, "interval"), err);
}

sl_code sli_context_new_in(sl_context **out, sl_env *env, const char *name, sl_build_fn build,
                           void (*prepare)(sl_graph *graph, void *ctx), void *prepare_ctx,
                           const char *const *settings, sl_error *err)
{
    sl_context *context = sl_alloc_zero(SLI_TAG_API, sizeof *context);
    if (context == NULL) {
        return sl_error_nomem(err, sizeof *context, "a context");
    }
    sl_code rc = context_init(context, env, name, build, prepare, prepare_ctx, settings, err);
    if (rc != SL_OK) {
        sl_context_free(context);
        return rc;
    }
    *out = context;
    return SL_OK;
}

sl_code sl_context_new(sl_context **out, const char *name, sl_build_fn build,
                       const char *const *settings, sl_error *err)
{
    return sli_context_new_in(out, NULL, name, build, NULL, NULL, settings, err);
}

// ---------------------------------------------------------------- state

static sl_context_state state_of(sl_context *context)
{
    sli_mutex_lock(&context->mutex);
    sl_context_state state = context->state;
    sli_mutex_unlock(&context->mutex);
    return state;
}

sl_context_state sl_context_state_of(const sl_context *context)
{
    return state_of((sl_context *)(uintptr_t)context); // the lock is not part of what is read
}

/// The job has ended, with SL_E_END or an error.
static void mark_ended(sl_context *context, sl_code rc, const sl_error *error)
{
    sli_mutex_lock(&context->mutex);
    context->state = SL_STOPPED;
    if (rc != SL_E_END && !context->failed) {
        context->failed = true;
        context->error = *error;
    }
    sli_mutex_unlock(&context->mutex);
    sli_env_unclaim(context->host.env, context);
    sli_signal_set(context->ended);
}

static bool is_spark(const sl_context *context)
{
    return sl_conf_choice(context->host.conf, "compat") == 1;
}

/// Spark's rule, for who asks for Spark's behaviour: one active context a process.
static sl_code claim_process(sl_context *context, sl_error *err)
{
    if (!is_spark(context) || sli_env_claim(context->host.env, context)) {
        return SL_OK;
    }
    return sl_error_set(err, SL_E_STATE,
                        "another context is active in this process: with compat=spark there is "
                        "one at a time");
}

/// Spark warns of a second start and goes on.
static bool only_warns(sl_context *context)
{
    if (!is_spark(context) || state_of(context) != SL_ACTIVE) {
        return false;
    }
    SLI_LOG(context->host.log, SLI_WARN, "api", "context '%s' has already been started",
            context->name);
    return true;
}

static sl_code begin(sl_context *context, sl_error *err)
{
    SL_TRY(claim_process(context, err));
    sli_mutex_lock(&context->mutex);
    sl_context_state state = context->state;
    if (state == SL_INITIALIZED) {
        context->state = SL_ACTIVE;
    }
    sli_mutex_unlock(&context->mutex);
    if (state != SL_INITIALIZED) {
        if (state == SL_STOPPED) {
            sli_env_unclaim(context->host.env, context);
        }
        return sl_error_set(err, SL_E_STATE, "context '%s' %s: make a new one", context->name,
                            state == SL_ACTIVE ? "is running already"
                                               : "was stopped and can't be started again");
    }
    return SL_OK;
}

/// Ends the receivers' thread; the loop is the caller's afterwards.
static void stop_io(void *ctx)
{
    sl_context *context = ctx;
    if (context->io != NULL) {
        atomic_store_explicit(&context->io_over, 1, memory_order_release);
        sli_loop_wake(context->host.loop);
        sli_strand_free(context->io);
        context->io = NULL;
    }
}

/// Spark's awaitTermination throws the first error at once, and the job goes on.
static void note_dropped(void *ctx, const sl_error *error)
{
    sl_context *context = ctx;
    sli_mutex_lock(&context->mutex);
    if (!context->failed) {
        context->failed = true;
        context->error = *error;
    }
    sli_mutex_unlock(&context->mutex);
    sli_signal_set(context->ended);
}

static sl_code open_engine(sl_context *context, bool io_on_driver, sl_error *err)
{
    sli_host *host = &context->host;
    SL_TRY(sli_graph_slides(context->graph, sl_conf_int64(host->conf, "interval"), err));
    SL_TRY(sli_graph_seal(context->graph, err));
    SL_TRY(sli_host_open(host, err));
    log_warnings(context);
    sli_bus_open(context->bus, host->log, host->metrics,
                 sl_conf_int64(host->conf, "listener.queue"));
    host->runtime.attached = sli_graph_attached;
    host->runtime.attached_ctx = context->graph;
    host->runtime.aggregations = sli_graph_aggregations(context->graph);
    SL_TRY(sli_sql_lend(context->graph, &host->runtime, err));
    const char *name = sl_conf_text(host->conf, "name");
    sli_engine_env env = {
        .runtime = &host->runtime,
        .sched = host->sched,
        .conf = host->conf,
        .graph = context->graph,
        .job_name = name != NULL ? name : context->name,
        .loop = host->loop,
        .io_on_driver = io_on_driver,
        .stop_io = io_on_driver ? NULL : stop_io,
        .stop_io_ctx = context,
        .told = context->told,
        .end_us = &host->end_us,
        .progress = context->progress,
        .progress_ctx = context->progress_ctx,
        .bus = context->bus,
        .dropped = is_spark(context) ? note_dropped : NULL,
        .dropped_ctx = context,
    };
    sli_engine *engine = NULL;
    SL_TRY(sli_engine_open(&engine, &env, err));
    sli_mutex_lock(&context->mutex); // sl_context_stop looks at it from other threads
    context->engine = engine;
    sli_mutex_unlock(&context->mutex);
    return SL_OK;
}

static sl_code start_engine(sl_context *context, bool io_on_driver, sl_error *err)
{
    SL_TRY(begin(context, err));
    sl_error error = SL_ERROR_INIT;
    sl_code rc = open_engine(context, io_on_driver, &error);
    if (rc != SL_OK) {
        mark_ended(context, rc, &error);
        if (err != NULL) {
            *err = error;
        }
        return rc;
    }
    sli_mutex_lock(&context->mutex);
    int32_t wanted = context->stop_wanted;
    if (wanted == 1) { // it has come up in time: what follows is a graceful stop's as of any job
        atomic_store(&context->host.end_us, SLI_FOREVER);
    }
    sli_mutex_unlock(&context->mutex);
    if (wanted != 0) {
        sli_engine_stop(context->engine, wanted == 1);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- on its own threads

static void run_io(void *ctx)
{
    sl_context *context = ctx;
    sl_error error = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    // Acquire: pairs with the driver's release before it joins the io strand.
    while (rc == SL_OK && atomic_load_explicit(&context->io_over, memory_order_acquire) == 0) {
        rc = sli_engine_io(context->engine, SLI_FOREVER, &error);
    }
    if (rc != SL_OK) {
        SLI_LOG(context->host.log, SLI_ERROR, "api", "the receivers' loop ended: %s", error.text);
        sli_mutex_lock(&context->mutex);
        if (!context->failed) {
            context->failed = true;
            context->error = error;
        }
        sli_mutex_unlock(&context->mutex);
        sli_engine_stop(context->engine, false);
    }
}

/// Relaxed, and no read-modify-write: the driver alone counts, a watchdog looks now and then.
static void count_step(sl_context *context)
{
    int64_t steps = atomic_load_explicit(&context->steps, memory_order_relaxed);
    atomic_store_explicit(&context->steps, steps + 1, memory_order_relaxed);
}

static void drive(void *ctx)
{
    sl_context *context = ctx;
    sl_error error = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    while (rc == SL_OK) {
        int64_t due_us = SLI_FOREVER;
        count_step(context);
        rc = sli_engine_step(context->engine, &due_us, &error);
        count_step(context);
        if (rc == SL_OK) {
            rc = sli_engine_wait(context->engine, due_us, &error);
        }
    }
    mark_ended(context, rc, &error);
}

int64_t sli_context_steps(const sl_context *context)
{
    return atomic_load_explicit(&context->steps, memory_order_relaxed);
}

sl_code sl_context_start(sl_context *context, sl_error *err)
{
    if (only_warns(context)) {
        return SL_OK;
    }
    SL_TRY(start_engine(context, false, err));
    sl_env *env = context->host.env;
    context->io = sli_strand_new(env, "sl-io");
    context->driver = sli_strand_new(env, "sl-driver");
    bool posted = context->io != NULL && context->driver != NULL &&
                  sli_strand_post(context->io, run_io, context) &&
                  sli_strand_post(context->driver, drive, context);
    if (posted) {
        return SL_OK;
    }
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sl_error_set(&error, SL_E_NOMEM,
                              "no threads for the driver and the receivers of '%s'", context->name);
    mark_ended(context, rc, &error);
    return sl_error_set(err, rc, "%s", error.text);
}

static bool is_awaited(sl_context *context)
{
    bool spark = is_spark(context);
    sli_mutex_lock(&context->mutex);
    bool awaited = context->state == SL_ACTIVE && !(spark && context->failed);
    sli_mutex_unlock(&context->mutex);
    return awaited;
}

sl_code sl_context_await(sl_context *context, int64_t timeout_us, sl_error *err)
{
    if (state_of(context) == SL_INITIALIZED) {
        return sl_error_set(err, SL_E_STATE, "context '%s' has not been started", context->name);
    }
    int64_t deadline =
        timeout_us < 0 ? SLI_FOREVER : sli_env_mono_us(context->host.env) + timeout_us;
    while (is_awaited(context)) {
        SL_TRY(sli_signal_wait(context->ended, deadline, err));
    }
    sli_mutex_lock(&context->mutex);
    bool failed = context->failed; // and the error stays as it is from then on
    sli_mutex_unlock(&context->mutex);
    if (failed && err != NULL) {
        *err = context->error;
    }
    return failed ? context->error.code : SL_OK;
}

/// A start that is told to stop waits for nothing outside, whether gracefully or not.
static void stop(sl_context *context, bool gracefully)
{
    sli_mutex_lock(&context->mutex);
    sl_context_state state = context->state;
    bool running = context->engine != NULL;
    if (state == SL_INITIALIZED) {
        context->state = SL_STOPPED;
    }
    int32_t wanted = gracefully ? 1 : 2;
    context->stop_wanted = wanted > context->stop_wanted ? wanted : context->stop_wanted;
    if (state == SL_ACTIVE && !running) {
        sli_calls_end(&context->host.end_us, sli_env_mono_us(context->host.env) + SLI_GRACE_US);
    }
    sli_mutex_unlock(&context->mutex);
    sli_signal_set(context->told);
    if (state == SL_ACTIVE && running) {
        sli_engine_stop(context->engine, gracefully);
    }
}

sl_code sl_context_accumulated(sl_context *context, const char *name, sl_accumulated *out,
                               sl_error *err)
{
    sli_mutex_lock(&context->mutex);
    sli_engine *engine = context->engine;
    sli_mutex_unlock(&context->mutex);
    return engine == NULL
               ? sl_error_set(err, SL_E_STATE, "context '%s' has not begun", context->name)
               : sli_engine_accumulated(engine, name, out, err);
}

sl_code sl_context_stop(sl_context *context, bool gracefully, sl_error *err)
{
    if (sli_bus_is_inside(context->bus)) {
        return sl_error_set(err, SL_E_STATE,
                            "a context can't be stopped inside a listener of it: set a flag that "
                            "another thread looks at");
    }
    stop(context, gracefully);
    return SL_OK;
}

// ---------------------------------------------------------------- stepped

sl_code sl_context_start_stepped(sl_context *context, sl_error *err)
{
    if (only_warns(context)) {
        return SL_OK;
    }
    SL_TRY(start_engine(context, true, err));
    context->due_us = 0;
    return SL_OK;
}

int sl_context_fd(const sl_context *context)
{
    return sli_loop_fd(context->host.loop);
}

sl_code sl_context_step(sl_context *context, sl_error *err)
{
    if (context->engine == NULL || state_of(context) != SL_ACTIVE) {
        return context->failed ? sl_error_set(err, context->error.code, "%s", context->error.text)
                               : sl_error_set(err, SL_E_END, "the job has ended");
    }
    sl_error error = SL_ERROR_INIT;
    sl_code rc =
        sli_engine_io(context->engine, 0, &error); // what is ready now: the deadline is past
    if (rc == SL_OK) {
        rc = sli_engine_step(context->engine, &context->due_us, &error);
    }
    if (rc != SL_OK) {
        mark_ended(context, rc, &error);
        if (err != NULL) {
            *err = error;
        }
    }
    return rc;
}

int64_t sl_context_due_us(const sl_context *context)
{
    int64_t now = sli_env_mono_us(context->host.env);
    return context->due_us == SLI_FOREVER ? SLI_FOREVER
           : context->due_us > now        ? context->due_us - now
                                          : 0;
}

// ---------------------------------------------------------------- the rest

sl_code sl_queue_push(sl_context *context, const char *queue, const sl_batch *rows,
                      int32_t n_partitions, sl_error *err)
{
    return sli_graph_push(context->graph, queue, rows, n_partitions, err);
}

sl_code sl_queue_push_bytes(sl_context *context, const char *queue, sl_loan loan,
                            int32_t n_partitions, sl_error *err)
{
    return sli_graph_push_bytes(context->graph, queue, loan, n_partitions, err);
}

sl_code sl_context_add_listener(sl_context *context, const sl_listener *listener, void *ctx,
                                sl_error *err)
{
    return sli_bus_add(context->bus, listener, ctx, NULL, err);
}

sl_code sl_context_remove_listener(sl_context *context, const sl_listener *listener, void *ctx,
                                   sl_error *err)
{
    return sli_bus_remove(context->bus, listener, ctx, err);
}

sli_bus *sli_context_bus(sl_context *context)
{
    return context->bus;
}

sl_graph *sl_context_graph(sl_context *context)
{
    return context->graph;
}

sli_engine *sli_context_engine(sl_context *context)
{
    return context->engine;
}

sli_host *sli_context_host(sl_context *context)
{
    return &context->host;
}

void sli_context_on_progress(sl_context *context,
                             void (*fn)(void *ctx, const sli_progress *progress), void *ctx)
{
    context->progress = fn;
    context->progress_ctx = ctx;
}

void sl_context_free(sl_context *context)
{
    if (context == NULL) {
        return;
    }
    if (context->driver != NULL) {
        stop(context, false);
        sli_strand_free(context->driver); // ends when the engine has
    }
    stop_io(context);
    sli_engine_close(context->engine);
    sli_bus_free(context->bus);
    if (context->host.env != NULL) {
        sli_env_unclaim(context->host.env, context);
    }
    if (context->graph != NULL) {
        sli_sql_take_back(&context->host.runtime);
        sli_graph_free(context->graph);
    }
    if (context->ended != NULL) {
        sli_signal_free(context->ended);
    }
    if (context->told != NULL) {
        sli_signal_free(context->told);
    }
    sli_host_reset(&context->host);
    sli_mutex_reset(&context->mutex);
    sli_str_reset(&context->warnings);
    sl_free(context->name);
    sl_free(context);
}
