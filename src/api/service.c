// Telling systemd how the job is. The thread that waits for the job's end does it, so a manager
// that does not read costs the driver nothing.
//
// The watchdog is about the driver: a sign of life is given when it waits for something to do or
// has moved since the last one. So what looks dead is an epoch, a recovery or a step of a commit
// that takes longer than WATCHDOG_USEC, and nothing else.
#include "api/service.h"

#include <stdio.h>

static const int64_t STATUS_US = 1000000;

/// A failure is said once; the job goes on without its manager.
static void tell(sli_service *service, const char *lines)
{
    sl_error error = SL_ERROR_INIT;
    if (!atomic_load_explicit(&service->asked, memory_order_relaxed) ||
        sli_env_notify(service->env, lines, &error) == SL_OK) {
        return;
    }
    atomic_store_explicit(&service->asked, false, memory_order_relaxed);
    char text[sizeof error.text + 32];
    int size = snprintf(text, sizeof text, "service manager: %s\n", error.text);
    (void)!sli_env_print(service->env, 2, text, (size_t)size, NULL);
}

/// Half of WATCHDOG_USEC, as systemd advises, when it is meant for this process.
static int64_t beat_of(sl_env *env)
{
    const char *usec = sli_env_variable(env, "WATCHDOG_USEC");
    const char *pid = sli_env_variable(env, "WATCHDOG_PID");
    int64_t wanted_us = 0, wanted_pid = 0;
    if (usec == NULL || sli_scan_int64(sli_text_of(usec), &wanted_us, NULL) != SL_OK ||
        wanted_us < 2) {
        return SLI_FOREVER;
    }
    bool is_ours = pid == NULL || (sli_scan_int64(sli_text_of(pid), &wanted_pid, NULL) == SL_OK &&
                                   wanted_pid == sli_env_pid(env));
    return is_ours ? wanted_us / 2 : SLI_FOREVER;
}

void sli_service_init(sli_service *service, sl_env *env)
{
    *service = (sli_service){.env = env, .beat_us = SLI_FOREVER, .told_steps = -1};
    if (sli_env_variable(env, "NOTIFY_SOCKET") != NULL) {
        atomic_store_explicit(&service->asked, true, memory_order_relaxed);
        service->beat_us = beat_of(env);
    }
}

void sli_service_count(sli_service *service, const sli_progress *progress)
{
    atomic_fetch_add_explicit(&service->rows_in, progress->rows_in, memory_order_relaxed);
    atomic_fetch_add_explicit(&service->rows_out, progress->rows_out, memory_order_relaxed);
    atomic_store_explicit(&service->epoch, progress->epoch, memory_order_relaxed);
}

void sli_service_stopping(sli_service *service)
{
    if (!atomic_exchange_explicit(&service->is_stopping, true, memory_order_relaxed)) {
        tell(service, "STOPPING=1\nSTATUS=finishing what was received");
    }
}

static void tell_status(sli_service *service)
{
    int64_t epoch = atomic_load_explicit(&service->epoch, memory_order_relaxed);
    if (epoch == service->told_epoch ||
        atomic_load_explicit(&service->is_stopping, memory_order_relaxed)) {
        return;
    }
    char text[160];
    service->told_epoch = epoch;
    (void)snprintf(text, sizeof text, "STATUS=epoch %lld; since the start %lld rows in, %lld out",
                   (long long)epoch,
                   (long long)atomic_load_explicit(&service->rows_in, memory_order_relaxed),
                   (long long)atomic_load_explicit(&service->rows_out, memory_order_relaxed));
    tell(service, text);
}

static void tell_alive(sli_service *service, const sl_context *context)
{
    int64_t now_us = sli_env_mono_us(service->env);
    if (service->beat_us == SLI_FOREVER || now_us < service->beat_due_us) {
        return;
    }
    int64_t steps = sli_context_steps(context);
    bool waits = steps % 2 == 0;
    if (waits || steps != service->told_steps) {
        tell(service, "WATCHDOG=1");
    }
    service->told_steps = steps;
    service->beat_due_us = now_us + service->beat_us;
}

sl_code sli_service_await(sli_service *service, sl_context *context, sl_error *err)
{
    tell(service, "READY=1\nSTATUS=started");
    int64_t pause_us = service->beat_us < STATUS_US ? service->beat_us : STATUS_US;
    while (atomic_load_explicit(&service->asked, memory_order_relaxed) &&
           sl_context_state_of(context) == SL_ACTIVE) {
        tell_alive(service, context);
        (void)!sl_context_await(context, pause_us, NULL); // how it ended is asked below
        tell_status(service);
    }
    sl_code rc = sl_context_await(context, -1, err);
    sli_service_stopping(service);
    return rc;
}
