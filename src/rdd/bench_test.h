/// bench_test.h — a runtime without a scheduler: what the tests of this folder define RDDs in and
/// compute partitions with.
#pragma once

#include "rdd/rdd_int.h"
#include "sl_test.h"

typedef struct bench {
    sli_runtime *runtime; ///< first, as in a session
    sli_runtime own;
    sl_arena *arena;
    sli_task task;
} bench;

void bench_open(bench *b);
void bench_close(bench *b);
sl_session *bench_session(bench *b);
/// One int64 column "n" of the numbers from..to-1.
sl_batch *numbers(int64_t from, int64_t to);
sl_schema *schema_of(const char *text);
