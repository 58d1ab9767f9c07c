/// service.h — a job as a service: what the service manager that started the process is told
/// (systemd's sd_notify protocol; see docs/SERVICE.md).
#pragma once

#include "api/host.h"

#include <stdatomic.h>

/// Told nothing and costing nothing when NOTIFY_SOCKET is unset.
typedef struct sli_service {
    sl_env *env;
    _Atomic bool asked;       ///< somebody listens, and sending has not failed
    _Atomic bool is_stopping; ///< STOPPING=1 was said
    int64_t beat_us;          ///< shortest time between two signs of life; SLI_FOREVER: none wanted
    int64_t beat_due_us, told_steps;
    int64_t told_epoch;
    /// Relaxed: the driver writes, the waiting thread shows them a second later at most.
    _Atomic int64_t epoch, rows_in, rows_out;
} sli_service;

/// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
void sli_service_init(sli_service *service, sl_env *env);
/// Counts an epoch for STATUS. Thread: driver.
void sli_service_count(sli_service *service, const sli_progress *progress);
/// STOPPING=1, once. Thread: any.
void sli_service_stopping(sli_service *service);
/// READY=1 for a job that has recovered and started, then sl_context_await until it has ended, with
/// STATUS once a second while epochs run, and WATCHDOG=1 where it is wanted and the driver moves or
/// waits for something to do. Fails: as sl_context_await.
sl_code sli_service_await(sli_service *service, sl_context *context, sl_error *err);
