/// nexmark_rows.h — which queries of NEXMark are measured, over which rows, and the sum of what
/// they give: limit/nexmark.c and perf/nexmark.c have equal epochs and add up results in one way.
///
/// A run is blocks of epochs. The first block warms up; each later one is measured. Behind the last
/// block stands an hour without events, so that every window ends; it is not measured, and its
/// results count.
#pragma once
#include "nexmark_events.h"

#include <unistd.h>

enum { NEXMARK_MAX_COLUMNS = 5, NEXMARK_MAX_BLOCKS = 100, NEXMARK_MAX_EPOCHS = 64 };
#define NEXMARK_HOUR_US INT64_C(3600000000)

typedef struct nexmark_query {
    const char *name;
    uint32_t kinds;    ///< of the tables that it reads, bits 1 << kind
    int32_t n_columns; ///< of a result
    int32_t key;       ///< the last row of each value of this column counts; -1: all rows do
} nexmark_query;

static const nexmark_query nexmark_queries[] = {
    {"q0", 1 << NEXMARK_BID, 5, -1},
    {"q1", 1 << NEXMARK_BID, 5, -1},
    {"q2", 1 << NEXMARK_BID, 2, -1},
    {"q3", 1 << NEXMARK_PERSON | 1 << NEXMARK_AUCTION, 4, -1},
    {"q4", 1 << NEXMARK_AUCTION | 1 << NEXMARK_BID, 2, 0},
    {"q5", 1 << NEXMARK_BID, 2, -1},
    {"q7", 1 << NEXMARK_BID, 5, -1},
    {"q8", 1 << NEXMARK_PERSON | 1 << NEXMARK_AUCTION, 3, -1},
};

typedef struct nexmark_run {
    const nexmark_query *query;
    nexmark events;
    int64_t n_blocks, epochs, epoch_events; ///< blocks that are measured, epochs of each
} nexmark_run;

static inline int64_t nexmark_block_events(const nexmark_run *run)
{
    return run->epochs * run->epoch_events;
}

/// "-q" and the others; returns the first argument behind them.
static inline int nexmark_options(nexmark_run *run, int argc, char **argv)
{
    int option;
    *run = (nexmark_run){.events = {.seed = 7, .per_second = 100000, .shuffle = 1},
                         .n_blocks = 3,
                         .epochs = 8,
                         .epoch_events = 262144};
    while ((option = getopt(argc, argv, "q:r:n:e:s:o:")) != -1) {
        if (option == 'q') {
            for (size_t i = 0; i < sizeof nexmark_queries / sizeof *nexmark_queries; i++) {
                bool is = strcmp(nexmark_queries[i].name, optarg) == 0;
                run->query = is ? &nexmark_queries[i] : run->query;
            }
        } else if (option == 'r') {
            run->n_blocks = limit_number("-r", optarg, 1, NEXMARK_MAX_BLOCKS);
        } else if (option == 'n') {
            run->epochs = limit_number("-n", optarg, 1, NEXMARK_MAX_EPOCHS);
        } else if (option == 'e') {
            run->epoch_events = limit_number("-e", optarg, 1024, 1 << 22);
        } else if (option == 's') {
            run->events.per_second = limit_number("-s", optarg, 1000, 1000000);
        } else if (option == 'o') {
            run->events.shuffle = limit_number("-o", optarg, 1, 1 << 16);
        }
    }
    if (run->query == NULL || (run->events.shuffle & (run->events.shuffle - 1)) != 0) {
        limit_die("usage: -q q0|q1|q2|q3|q4|q5|q7|q8 [-r BLOCKS] [-n EPOCHS] [-e EVENTS_PER_EPOCH] "
                  "[-s EVENTS_PER_SECOND] [-o OUT_OF_ORDER, a power of two]");
    }
    return optind;
}

// ---------------------------------------------------------------- results

/// A column of results: cells of 8 or 16 bytes, of which the first 8 count (of a text its size and
/// first letters, of a decimal the low half).
typedef struct nexmark_cells {
    const void *values;
    size_t width;
} nexmark_cells;

typedef struct nexmark_sum {
    int64_t n_rows;
    uint64_t sum;                      ///< of the hashes of all rows: their order is nothing to it
    int64_t keys[NEXMARK_CATEGORIES];  ///< of rows that replace each other by key
    uint64_t last[NEXMARK_CATEGORIES]; ///< each key's last hash; 0: none yet
    int32_t n_keys;
} nexmark_sum;

static inline uint64_t nexmark_cell(const nexmark_cells *cells, int64_t row)
{
    uint64_t value;
    memcpy(&value, (const char *)cells->values + (size_t)row * cells->width, sizeof value);
    return value;
}

static inline uint64_t nexmark_hash(const nexmark_cells *cells, int32_t n, int64_t row)
{
    uint64_t hash = 0x9E3779B97F4A7C15u;
    for (int32_t c = 0; c < n; c++) {
        hash = (hash ^ nexmark_cell(&cells[c], row)) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return hash | 1;
}

static inline void nexmark_replace(nexmark_sum *sum, int64_t key, uint64_t hash)
{
    int32_t k = 0;
    while (k < sum->n_keys && sum->keys[k] != key) {
        k++;
    }
    if (k == NEXMARK_CATEGORIES) {
        limit_die("nexmark: more keys than categories");
    }
    sum->keys[k] = key;
    sum->sum += hash - sum->last[k];
    sum->last[k] = hash;
    sum->n_keys += k == sum->n_keys;
}

/// Adds rows of a query's results.
static inline void nexmark_sum_rows(nexmark_sum *sum, const nexmark_query *query,
                                    const nexmark_cells *cells, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t hash = nexmark_hash(cells, query->n_columns, i);
        if (query->key >= 0) {
            nexmark_replace(sum, (int64_t)nexmark_cell(&cells[query->key], i), hash);
        } else {
            sum->sum += hash;
        }
    }
    sum->n_rows += query->key >= 0 ? 0 : n; // how often a row is replaced is not laid down
}

/// A line: rows of its tables a second of CPU time, median of the blocks.
static inline void nexmark_print(const char *side, const nexmark_run *run, int64_t *cpu_ns,
                                 int64_t n_in, const nexmark_sum *sum)
{
    limit_sort(cpu_ns, (size_t)run->n_blocks);
    int64_t median_ns = limit_quantile(cpu_ns, (size_t)run->n_blocks, 500);
    printf("nexmark side=%s query=%s blocks=%lld epochs=%lld events_per_epoch=%lld shuffle=%lld "
           "rows_in_block=%lld median_mrows_s=%.3f ns_row=%.1f results=%lld checksum=%016llx\n",
           side, run->query->name, (long long)run->n_blocks, (long long)run->epochs,
           (long long)run->epoch_events, (long long)run->events.shuffle, (long long)n_in,
           (double)n_in * 1e3 / (double)median_ns, (double)median_ns / (double)n_in,
           (long long)(sum->n_rows + sum->n_keys), (unsigned long long)sum->sum);
}
