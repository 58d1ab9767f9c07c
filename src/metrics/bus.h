/// bus.h — the way from the driver to the program's listeners (sluice/listener.h).
///
/// A bounded queue and a strand of its own, made with the first listener: whoever posts never waits
/// for a listener. An event is copied when it is posted, so what it points to need not live on. A
/// bus without listeners takes nothing: ask sli_bus_wants before an event is made.
#pragma once

#include "metrics/metrics.h"
#include "sluice/listener.h"

typedef struct sli_bus sli_bus;

enum { SLI_BUS_MAX_LISTENERS = 64 };

typedef enum sli_told_kind {
    SLI_TOLD_STREAMING_STARTED = 1,
    SLI_TOLD_RECEIVER_STARTED,
    SLI_TOLD_RECEIVER_ERROR,
    SLI_TOLD_RECEIVER_STOPPED,
    SLI_TOLD_BATCH_SUBMITTED,
    SLI_TOLD_BATCH_STARTED,
    SLI_TOLD_BATCH_COMPLETED,
    SLI_TOLD_OUTPUT_STARTED,
    SLI_TOLD_OUTPUT_COMPLETED,
} sli_told_kind;

/// One event; which member counts follows from the kind.
typedef struct sli_told {
    sli_told_kind kind;
    union {
        int64_t time_us;
        sl_receiver_info receiver;
        sl_batch_info batch;
        sl_output_info output;
    } of;
} sli_told;

sl_code sli_bus_new(sli_bus **out, sl_env *env, sl_error *err);
/// Where lost events are counted and told, and how many may wait. Nothing may be posted before.
void sli_bus_open(sli_bus *bus, sli_log *log, sli_metrics *metrics, int64_t limit);
/// Tells what still waits, then ends the strand and frees. Not from a listener. Accepts NULL.
void sli_bus_free(SL_TAKES sli_bus *bus);
/// Adds a listener behind the others; it hears of what is posted from now on. `done` (may be NULL)
/// is called with `ctx` once no call will come any more. Thread: any. Fails: SL_E_INVALID,
/// SL_E_EXISTS for the same table and ctx, SL_E_NOMEM; `done` is not called then.
sl_code sli_bus_add(sli_bus *bus, const sl_listener *listener, void *ctx, void (*done)(void *ctx),
                    sl_error *err);
/// No call of it comes after the return; from inside that listener: after the call that is running.
/// Thread: any. Blocks: until a running call of it has returned. Fails: SL_E_NOT_FOUND.
sl_code sli_bus_remove(sli_bus *bus, const sl_listener *listener, void *ctx, sl_error *err);
bool sli_bus_wants(const sli_bus *bus); ///< anybody listens; accepts NULL: false
/// Whether the calling thread is inside a listener of this bus.
bool sli_bus_is_inside(const sli_bus *bus);
/// Queues a copy; drops and counts it when the queue is full. Thread: any.
void sli_bus_post(sli_bus *bus, const sli_told *told);

// told.c
/// A copy with everything it points to, in `arena`; NULL without memory.
sli_told *sli_told_copy(const sli_told *told, sl_arena *arena) SL_MUST_USE;
/// Calls the listener's function for this kind, if there is one.
void sli_told_call(const sli_told *told, const sl_listener *listener, void *ctx);
