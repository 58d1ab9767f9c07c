/// queue_int.h — what the files of the queue share.
#pragma once

#include <stdatomic.h>

#include "base/lock.h"
#include "source/source_int.h"

/// What was pushed at once. Never changed once it is in the list.
typedef struct sli_queue_item {
    struct sli_queue_item *next;
    int64_t number;
    int32_t n_splits;
    sl_batch *rows;    ///< one reference; NULL:
    sli_buffer *bytes; ///< of the queue's format, one reference
} sli_queue_item;

typedef struct sli_queue {
    sli_source_common common; ///< format NULL: batches only
    char *name;
    bool one_at_a_time;
    sli_mutex mutex;              ///< guards what follows
    sli_queue_item *first, **end; ///< in order of number
    int32_t n;
    /// Number of the next item pushed. Written under the mutex, which orders the list; an offer
    /// looks at it without, to see whether there is anything new. So relaxed.
    _Atomic int64_t next;
    int64_t offered; ///< items before it were in a range
} sli_queue;

/// A reader's share of an item: it stays whatever becomes of the item.
typedef struct sli_queue_split {
    int64_t number;
    sl_batch *rows;    ///< one reference, or NULL
    sli_buffer *bytes; ///< one reference, or NULL
    int32_t at, of;    ///< this split, and how many the item has
} sli_queue_split;

/// Decodes the split of an item of bytes (lent.c).
sl_code sli_queue_read_bytes(sli_queue *self, const sli_queue_split *split, sli_emit_fn emit,
                             void *ctx, sli_decode_stats *stats, sl_error *err);
/// Tells its records as they stand in the bytes.
sl_code sli_queue_look_at_bytes(sli_queue *self, const sli_queue_split *split, sli_raw_fn each,
                                void *ctx, sl_error *err);
