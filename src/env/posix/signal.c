/// signal.c — waiting in the real world, on a futex with an absolute deadline.
///
/// The tick of a 1 ms job is one such wait, so it must cost what a bare clock_nanosleep costs: one
/// system call, no mutex, no condition variable (whose wait is three atomic operations and a second
/// lock more).
#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "env/posix/posix_int.h"

enum { EVENT_NONE = 0, EVENT_SET = 1, EVENT_SLEEPER = 2 };

typedef struct posix_signal {
    sli_signal head;
    posix_event event;
} posix_signal;

void sli_posix_event_set(posix_event *event)
{
    // Nobody may touch *event after this exchange: a waiter that saw it may have freed it. A wake
    // on a stale address is harmless, the kernel only compares addresses.
    if (atomic_exchange_explicit(&event->word, EVENT_SET, memory_order_release) == EVENT_SLEEPER) {
        int saved = errno; // signal handlers call this
        syscall(SYS_futex, &event->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        errno = saved;
    }
}

static bool event_take(posix_event *event)
{
    uint32_t want = EVENT_SET;
    return atomic_compare_exchange_strong_explicit(&event->word, &want, EVENT_NONE,
                                                   memory_order_acquire, memory_order_relaxed);
}

sl_code sli_posix_event_wait(posix_event *event, int64_t deadline_us)
{
    struct timespec at = {0};
    if (deadline_us != SLI_FOREVER) {
        int64_t us = deadline_us < 0 ? 0 : deadline_us;
        at = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    }
    for (;;) {
        if (event_take(event)) {
            return SL_OK;
        }
        uint32_t none = EVENT_NONE;
        atomic_compare_exchange_strong_explicit(
            &event->word, &none, EVENT_SLEEPER, memory_order_relaxed,
            memory_order_relaxed); // fails when it was set: the sleep ends at once
        // What ended the sleep, a set, the deadline or a signal, the word and the clock tell.
        syscall(SYS_futex, &event->word, FUTEX_WAIT_BITSET_PRIVATE, EVENT_SLEEPER,
                deadline_us == SLI_FOREVER ? NULL : &at, NULL, FUTEX_BITSET_MATCH_ANY);
        if (deadline_us != SLI_FOREVER && sli_posix_mono_us(NULL) >= deadline_us) {
            uint32_t sleeper = EVENT_SLEEPER;
            atomic_compare_exchange_strong_explicit(&event->word, &sleeper, EVENT_NONE,
                                                    memory_order_relaxed, memory_order_relaxed);
            return event_take(event) ? SL_OK : SL_E_TIMEOUT; // set at the last moment: it counts
        }
    }
}

sli_signal *sli_posix_signal_new(sl_env *env)
{
    posix_signal *signal = sl_alloc_zero(SLI_TAG_ENV, sizeof *signal);
    if (signal == NULL) {
        return NULL;
    }
    signal->head.env = env;
    atomic_init(&signal->event.word, EVENT_NONE);
    return &signal->head;
}

void sli_posix_signal_free(sli_signal *signal)
{
    sl_free(signal);
}

void sli_posix_signal_set(sli_signal *signal)
{
    sli_posix_event_set(&((posix_signal *)signal)->event);
}

/// What each tick of a quiet job ends with: the text is copied, formatting it would be a tenth of
/// the tick.
static sl_code deadline_passed(sl_error *err)
{
    static const char text[] = "the deadline passed before the event";
    if (err != NULL) {
        err->code = SL_E_TIMEOUT;
        err->action = SL_ACT_DEFAULT;
        err->sys_errno = 0;
        memcpy(err->text, text, sizeof text);
    }
    return SL_E_TIMEOUT;
}

sl_code sli_posix_signal_wait(sli_signal *signal, int64_t deadline_us, sl_error *err)
{
    sl_code rc = sli_posix_event_wait(&((posix_signal *)signal)->event, deadline_us);
    return rc == SL_OK ? SL_OK : deadline_passed(err);
}
