/// tick.c — what it costs to be woken at a fixed interval and do nothing: the floor under any
/// engine that cuts time into epochs.
///
/// One thread sleeps to absolute deadlines with clock_nanosleep and a timer slack of 1 ns. Printed
/// are the user + system time a tick and how late the wake-ups were.
///
///     tick [INTERVAL_US [SECONDS]]        default: 1000 us, 10 s
#include "limit.h"

#include <sys/prctl.h>

enum { MAX_TICKS = 1 << 24 };

int main(int argc, char **argv)
{
    int64_t interval_ns =
        limit_number("INTERVAL_US", argc > 1 ? argv[1] : "1000", 10, 10000000) * 1000;
    int64_t seconds = limit_number("SECONDS", argc > 2 ? argv[2] : "10", 1, 3600);
    int64_t n = seconds * 1000000000 / interval_ns;
    if (argc > 3 || n < 1 || n > MAX_TICKS) {
        limit_die("usage: tick [INTERVAL_US [SECONDS]], 1 to %d ticks", MAX_TICKS);
    }
    if (prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL) != 0) {
        limit_die_errno("prctl(PR_SET_TIMERSLACK)");
    }
    size_t size_bytes = (size_t)n * sizeof(int64_t);
    int64_t *late_ns = (int64_t *)limit_alloc(size_bytes);
    int64_t next_ns = limit_wall_ns() + interval_ns;
    int64_t begin_cpu_ns = limit_process_cpu_ns();
    for (int64_t i = 0; i < n; i++) {
        struct timespec next = limit_timespec(next_ns);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR) {
        }
        late_ns[i] = limit_wall_ns() - next_ns;
        next_ns += interval_ns;
    }
    int64_t cpu_ns = limit_process_cpu_ns() - begin_cpu_ns;
    limit_sort(late_ns, (size_t)n);
    printf(
        "tick interval_us=%lld ticks=%lld cpu_us_per_tick=%.2f cpu_percent=%.2f late_p50_us=%.1f "
        "late_p99_us=%.1f\n",
        (long long)(interval_ns / 1000), (long long)n, (double)cpu_ns / 1e3 / (double)n,
        (double)cpu_ns * 100 / ((double)n * (double)interval_ns),
        (double)limit_quantile(late_ns, (size_t)n, 500) / 1e3,
        (double)limit_quantile(late_ns, (size_t)n, 990) / 1e3);
    limit_free(late_ns, size_bytes);
    return 0;
}
