/// together.h — many keys of a table at once, for a task that asks for each key once and changes it
/// once at most. What a store in memory does together, and a store on disk one by one, from what it
/// has read together.
#pragma once

#include "stream/graph_def.h"

enum {
    SLI_TOGETHER = 512
}; ///< keys that are asked for and changed at once: lists of them lie on
   ///< the stack

/// What the table had before the task: mark 0, no such key. Values live until the next call, or the
/// next use of `copies`.
sl_code sli_together_find(sli_state_view *view, const sli_state_key *keys, int32_t n,
                          sli_state_found *out, sli_str *copies, sl_error *err);
/// Puts, moves and removes keys, with what sli_together_find told of them. Copies them. A change
/// tells its key. The task uses nothing else of its view until it has changed its last key.
sl_code sli_together_change(sli_state_view *view, const sli_state_change *changes, int32_t n,
                            sl_error *err);
/// The same one by one in every store: so the view's changes are in order when other tasks read it.
sl_code sli_change_singly(sli_state_view *view, const sli_state_change *changes, int32_t n,
                          sl_error *err);

/// A hash of the slot, which is all that the store reads of it.
static inline uint64_t sli_hash_of_slot(int32_t slot)
{
    return (uint64_t)slot << 54;
}
