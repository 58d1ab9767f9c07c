/// sql_rows.h — the queries that DuckDB and the engine run, and what must come out: rows (k, v), v
/// from 0 on, k one of 10,000.
#pragma once
#include "limit.h"

#include <unistd.h>

enum { SQL_KEYS = 10000, SQL_MOST = 1000 };
#define SQL_KEY "range * 7919 % 10000"

static inline int64_t sql_key(int64_t v)
{
    return v * 7919 % SQL_KEYS;
}

typedef struct sql_row {
    const char *name;
    int64_t rows;
    const char *query;
    int64_t (*sum)(int64_t rows); ///< of the second column of its result
} sql_row;

static inline int64_t sql_sum_all(int64_t rows)
{
    return rows * (rows - 1) / 2;
}

static inline int64_t sql_sum_thirds(int64_t rows)
{
    int64_t sum = 0;
    for (int64_t v = 0; v < rows; v += 3) {
        sum += 2 * v;
    }
    return sum;
}

static const sql_row sql_rows[] = {
    {"group", 1000000, "SELECT k, sum(v)::BIGINT AS s, count(*) AS n FROM t GROUP BY k",
     sql_sum_all},
    {"select", 1000, "SELECT k, v * 2 AS w FROM t WHERE v % 3 = 0", sql_sum_thirds},
};
enum { SQL_ROWS = sizeof sql_rows / sizeof *sql_rows };

static inline int64_t sql_repetitions(int argc, char **argv)
{
    int64_t n = 15;
    int option;
    while ((option = getopt(argc, argv, "r:")) != -1) {
        if (option != 'r') {
            limit_die("usage: sql [-r REPETITIONS]");
        }
        n = limit_number("-r", optarg, 1, SQL_MOST / 10);
    }
    return n;
}
