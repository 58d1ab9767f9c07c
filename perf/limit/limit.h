/// limit.h — what the hand-written loops of perf/limit share: clocks, huge pages, a seeded
/// generator of random numbers, quantiles, and the reading of arguments.
///
/// Everything here is static inline and free of state, needs nothing but libc, and compiles as C
/// and as C++. None of it belongs to libsluice: these programs are what the engine is compared
/// with.
#pragma once
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define LIMIT_HUGE_PAGE ((size_t)2 << 20)

/// Prints a line and ends the program with code 1. For a benchmark there is no better answer.
__attribute__((noreturn, format(printf, 1, 2))) static inline void limit_die(const char *format,
                                                                             ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/// The same with the text of errno.
__attribute__((noreturn)) static inline void limit_die_errno(const char *what)
{
    limit_die("%s: %s", what, strerror(errno));
}

static inline int64_t limit_clock_ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0) {
        limit_die_errno("clock_gettime");
    }
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/// User + system time of the calling thread: what a loop costs, whatever else the machine does.
static inline int64_t limit_thread_cpu_ns(void)
{
    return limit_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline int64_t limit_process_cpu_ns(void)
{
    return limit_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static inline int64_t limit_wall_ns(void)
{
    return limit_clock_ns(CLOCK_MONOTONIC);
}

static inline struct timespec limit_timespec(int64_t ns)
{
    struct timespec t;
    t.tv_sec = (time_t)(ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    return t;
}

static inline size_t limit_huge_size(size_t size_bytes)
{
    return (size_bytes + LIMIT_HUGE_PAGE - 1) & ~(LIMIT_HUGE_PAGE - 1);
}

/// Zeroed memory that begins on a 2 MiB border, asked to be in huge pages and touched, so that no
/// page fault falls into a measurement. Ends the program when there is no memory. Free with
/// limit_free.
static inline void *limit_alloc(size_t size_bytes)
{
    size_t size = limit_huge_size(size_bytes);
    void *raw = mmap(NULL, size + LIMIT_HUGE_PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        limit_die_errno("mmap");
    }
    char *begin = (char *)raw;
    char *at =
        (char *)(((uintptr_t)begin + LIMIT_HUGE_PAGE - 1) & ~(uintptr_t)(LIMIT_HUGE_PAGE - 1));
    size_t head = (size_t)(at - begin);
    if (head > 0) {
        munmap(begin, head);
    }
    munmap(at + size, LIMIT_HUGE_PAGE - head);
    madvise(at, size, MADV_HUGEPAGE); // refused where the kernel has none: slower, still right
    memset(at, 0, size);
    return at;
}

static inline void limit_free(void *at, size_t size_bytes)
{
    if (at != NULL) {
        munmap(at, limit_huge_size(size_bytes));
    }
}

/// SplitMix64: the next number of the sequence that `state` (the seed at first) stands for.
static inline uint64_t limit_random(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

__extension__ typedef unsigned __int128 limit_u128;

/// A number in [0, n), by the high half of a product: no division, and a bias below n / 2^64.
static inline uint64_t limit_below(uint64_t *state, uint64_t n)
{
    return (uint64_t)(((limit_u128)limit_random(state) * n) >> 64);
}

static inline int limit_compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static inline void limit_sort(int64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, limit_compare_i64);
}

/// The value below which `permille` thousandths of the sorted values lie. n is at least 1.
static inline int64_t limit_quantile(const int64_t *sorted, size_t n, size_t permille)
{
    size_t i = n * permille / 1000;
    return sorted[i < n ? i : n - 1];
}

/// The whole of `text` as a number in [low, high]; ends the program, naming `what`, if it is not.
static inline int64_t limit_number(const char *what, const char *text, int64_t low, int64_t high)
{
    char *end = NULL;
    errno = 0;
    long long value = text == NULL ? 0 : strtoll(text, &end, 10);
    if (text == NULL || end == text || *end != '\0' || errno != 0 || value < low || value > high) {
        limit_die("%s: \"%s\" is not a number from %lld to %lld", what, text == NULL ? "" : text,
                  (long long)low, (long long)high);
    }
    return (int64_t)value;
}
