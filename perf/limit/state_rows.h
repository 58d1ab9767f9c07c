/// state_rows.h — keyed state as both sides of the row `state` see it: equal keys, values and
/// batches.
///
/// All keys come once, in batches; then every batch reads random keys, raises their counts and
/// writes them back. Values are 64 bytes that do not compress: the count and rubbish that follows
/// from the key. Keys are 16 hex digits of a mixed number, so neither side gets them in order.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include "perf/limit/limit.h"

enum { STATE_KEY_BYTES = 16, STATE_VALUE_BYTES = 64, STATE_BATCH = 10000, STATE_SEED = 7 };

typedef struct state_plan {
    int64_t n_keys, n_batches, memory_bytes;
    const char *dir; ///< an empty directory on the disk that is meant
} state_plan;

/// state [-k THOUSAND_KEYS] [-n BATCHES] [-m MEMORY_MIB] DIR
static inline state_plan state_plan_of(int argc, char **argv)
{
    state_plan plan = {700000, 30, (int64_t)16 << 20, NULL};
    for (int opt; (opt = getopt(argc, argv, "k:n:m:")) != -1;) {
        if (opt == 'k') {
            plan.n_keys = 1000 * limit_number("-k", optarg, 1, 1000000);
        } else if (opt == 'n') {
            plan.n_batches = limit_number("-n", optarg, 1, 1000000);
        } else if (opt == 'm') {
            plan.memory_bytes = limit_number("-m", optarg, 1, 1 << 20) << 20;
        } else {
            limit_die("usage: %s [-k THOUSAND_KEYS] [-n BATCHES] [-m MEMORY_MIB] DIR", argv[0]);
        }
    }
    if (optind != argc - 1) {
        limit_die("%s: the directory is missing", argv[0]);
    }
    plan.dir = argv[optind];
    return plan;
}

static inline uint64_t state_mix(int64_t number)
{
    uint64_t seed = (uint64_t)number;
    return limit_random(&seed);
}

static inline void state_key(int64_t number, char out[STATE_KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t mixed = state_mix(number);
    for (int i = 0; i < STATE_KEY_BYTES; i++) {
        out[i] = digits[mixed >> (60 - 4 * i) & 15];
    }
}

static inline void state_value(int64_t number, char out[STATE_VALUE_BYTES])
{
    uint64_t words[STATE_VALUE_BYTES / 8], seed = state_mix(number);
    words[0] = 1;
    for (int i = 1; i < STATE_VALUE_BYTES / 8; i++) {
        words[i] = limit_random(&seed);
    }
    memcpy(out, words, STATE_VALUE_BYTES);
}

/// The value as it is after one more time.
static inline void state_raise(char value[STATE_VALUE_BYTES])
{
    uint64_t count;
    memcpy(&count, value, sizeof count);
    count++;
    memcpy(value, &count, sizeof count);
}

/// The i-th key of a batch that begins with key `first`: numbers far apart, none twice.
static inline int64_t state_pick(const state_plan *plan, int64_t first, int64_t i)
{
    return (first + i * 7919) % plan->n_keys;
}

/// What all counts add up to in the end: 1 for each key, and what the batches added.
static inline int64_t state_expected(const state_plan *plan)
{
    return plan->n_keys + plan->n_batches * STATE_BATCH;
}

typedef struct state_clock {
    int64_t cpu_ns, own_ns, wall_ns;
} state_clock;

static inline state_clock state_now(void)
{
    return (state_clock){limit_process_cpu_ns(), limit_thread_cpu_ns(), limit_wall_ns()};
}

/// Thousand keys a second of CPU of all threads (compaction counts), of CPU of the calling thread,
/// and of wall time.
static inline void state_report(const char *what, int64_t n, state_clock since)
{
    state_clock now = state_now();
    printf("%s_kkeys_s=%.1f %s_own_kkeys_s=%.1f %s_wall_kkeys_s=%.1f ", what,
           (double)n * 1e6 / (double)(now.cpu_ns - since.cpu_ns), what,
           (double)n * 1e6 / (double)(now.own_ns - since.own_ns), what,
           (double)n * 1e6 / (double)(now.wall_ns - since.wall_ns));
}

static inline void state_report_end(int64_t sum, const state_plan *plan)
{
    struct rusage usage;
    if (sum != state_expected(plan)) {
        limit_die("the counts add up to %lld, not %lld", (long long)sum,
                  (long long)state_expected(plan));
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("max_rss_mb=%ld\n", usage.ru_maxrss / 1024);
}
