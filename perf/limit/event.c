/// event.c — rows counted by key and window of event time by hand: what a loop takes that knows its
/// windows, its key and its one aggregation.
///
/// Each open window has a table of its own. After an epoch the windows that end at the latest time
/// seen, less two seconds, become columns of results. Timed is the thread's user + system time of a
/// turn.
///
///     event [-r REPETITIONS]
#include "event_rows.h"

#include <unistd.h>

enum { OPEN = 4, SLOTS = 32768 };

typedef struct slot {
    int64_t key, count; ///< count 0: empty
} slot;

typedef struct window {
    int64_t start_us; ///< -1: not open
    int64_t n;
    slot *slots;
} window;

typedef struct counter {
    window windows[OPEN]; ///< of start s: at s / size % OPEN
    int64_t latest_us;
    int64_t n_results;
    int64_t *starts, *keys, *counts; ///< the results of a turn, in columns
} counter;

static window *window_at(counter *c, int64_t time_us)
{
    int64_t number = time_us / EVENT_WINDOW_US;
    window *w = &c->windows[number % OPEN];
    if (w->start_us != number * EVENT_WINDOW_US) {
        if (w->start_us >= 0) {
            limit_die("more than %d windows are open", OPEN);
        }
        w->start_us = number * EVENT_WINDOW_US;
    }
    return w;
}

static void add(window *w, int64_t key)
{
    uint64_t hash = (uint64_t)key * 0x9E3779B97F4A7C15u;
    for (uint64_t at = hash >> 49;; at = (at + 1) % SLOTS) {
        slot *s = &w->slots[at];
        if (s->count == 0) {
            s->key = key;
            w->n++;
        }
        if (s->key == key) {
            s->count++;
            return;
        }
    }
}

static void close_window(counter *c, window *w)
{
    for (int64_t i = 0; i < SLOTS; i++) {
        if (w->slots[i].count != 0) {
            c->starts[c->n_results] = w->start_us;
            c->keys[c->n_results] = w->slots[i].key;
            c->counts[c->n_results++] = w->slots[i].count;
            w->slots[i] = (slot){0, 0};
        }
    }
    w->start_us = -1;
    w->n = 0;
}

static void take_epoch(counter *c, const int64_t *times, const int64_t *keys, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        add(window_at(c, times[i]), keys[i]);
        c->latest_us = times[i] > c->latest_us ? times[i] : c->latest_us;
    }
    for (int32_t i = 0; i < OPEN; i++) {
        window *w = &c->windows[i];
        if (w->start_us >= 0 && w->start_us + EVENT_WINDOW_US <= c->latest_us - EVENT_LATE_US) {
            close_window(c, w);
        }
    }
}

static void take_far_row(counter *c, int64_t turn)
{
    int64_t time_us = event_turn_us(turn + 1), key = -1;
    take_epoch(c, &time_us, &key, 1);
}

static uint64_t sum_results(counter *c)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < c->n_results; i++) {
        sum += event_sum(c->starts[i], c->keys[i], c->counts[i]);
    }
    c->n_results = 0;
    return sum;
}

static counter make_counter(void)
{
    const size_t most = (size_t)(EVENT_EPOCHS + OPEN) * EVENT_KEYS * sizeof(int64_t);
    counter c = {
        .starts = limit_alloc(most), .keys = limit_alloc(most), .counts = limit_alloc(most)};
    for (int32_t i = 0; i < OPEN; i++) {
        c.windows[i] = (window){.start_us = -1, .slots = limit_alloc(SLOTS * sizeof(slot))};
    }
    return c;
}

int main(int argc, char **argv)
{
    int64_t n_repetitions = 7, cpu_ns[100];
    int option;
    while ((option = getopt(argc, argv, "r:")) != -1) {
        if (option != 'r') {
            limit_die("usage: event [-r REPETITIONS]");
        }
        n_repetitions = limit_number("-r", optarg, 1, 100);
    }
    counter c = make_counter();
    const size_t column = (size_t)EVENT_EPOCHS * EVENT_ROWS * sizeof(int64_t);
    int64_t *times = limit_alloc(column), *keys = limit_alloc(column);
    uint64_t random = 7, sum = 0;
    for (int64_t turn = 0; turn <= n_repetitions; turn++) { // the first touches the memory
        for (int64_t e = 0; e < EVENT_EPOCHS; e++) {
            event_rows(turn, e, &random, times + e * EVENT_ROWS, keys + e * EVENT_ROWS);
        }
        int64_t begin_ns = limit_thread_cpu_ns();
        for (int64_t e = 0; e < EVENT_EPOCHS; e++) {
            take_epoch(&c, times + e * EVENT_ROWS, keys + e * EVENT_ROWS, EVENT_ROWS);
        }
        take_far_row(&c, turn);
        cpu_ns[turn > 0 ? turn - 1 : 0] = limit_thread_cpu_ns() - begin_ns;
        sum += sum_results(&c);
    }
    limit_sort(cpu_ns, (size_t)n_repetitions);
    printf("event repetitions=%lld median_mrows_s=%.2f checksum=%016llx\n",
           (long long)n_repetitions,
           (double)EVENT_EPOCHS * EVENT_ROWS * 1e3 /
               (double)limit_quantile(cpu_ns, (size_t)n_repetitions, 500),
           (unsigned long long)sum);
    return 0;
}
