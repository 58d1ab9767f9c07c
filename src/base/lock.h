/// lock.h — mutexes with ranks. A thread takes ranks in rising order only; debug builds stop when
/// it does not.
///
/// No call into user code, a plugin or outside I/O under a lock. Waiting is env's business
/// (sli_signal), not a lock's.
#pragma once

#include <pthread.h>

#include "base/assert.h"

/// Rank, and what a mutex of it protects. Lower is taken first.
typedef enum sli_rank {
    SLI_RANK_CONTEXT = 10,     ///< a context's state word and first error
    SLI_RANK_RECEIVER = 20,    ///< a receiver's queue between io and driver
    SLI_RANK_FETCHED = 22,     ///< what a Kafka source has fetched, and what epochs took of it
    SLI_RANK_INBOX = 25,       ///< what a receiver of the program has stored, and who waits
    SLI_RANK_EXEC = 30,        ///< the pool's task and completion queues
    SLI_RANK_BLOCK = 40,       ///< the block table
    SLI_RANK_STATE = 50,       ///< a state store's list of versions
    SLI_RANK_SQL = 55,         ///< which instances of an SQL engine are free
    SLI_RANK_SINK = 60,        ///< a sink's attempts
    SLI_RANK_CKPT = 65,        ///< a write-ahead log's list of segments
    SLI_RANK_ACCUMULATOR = 67, ///< what readers see of accumulators
    SLI_RANK_LISTENERS = 68,   ///< the program's listeners, and how many events wait for them
    SLI_RANK_METRICS = 70,
    SLI_RANK_ENV = 80, ///< a strand's or loop's queue
    SLI_RANK_LOG = 90,
} sli_rank;

typedef struct sli_mutex {
    pthread_mutex_t inner;
    sli_rank rank;
} sli_mutex;

void sli_mutex_init(sli_mutex *mutex, sli_rank rank);
void sli_mutex_reset(sli_mutex *mutex);
void sli_mutex_lock(sli_mutex *mutex);
void sli_mutex_unlock(sli_mutex *mutex);
