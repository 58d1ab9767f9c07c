/// bulk.h — many keys of a timed operator's table at once, for a task that asks for each key once
/// and changes it once at most. It uses nothing else of its view then.
#pragma once

#include "stream/event/timed.h"

enum {
    SLI_TIMED_TOGETHER = 512
}; ///< keys that are asked for and changed at once: lists of them lie on the stack

/// What the table had before the task: mark 0, no such key. Values live until the next call, or the
/// next use of `copies`.
sl_code sli_timed_find_all(const sli_timed_task *t, const sli_state_key *keys, int32_t n,
                           sli_state_found *out, sli_str *copies, sl_error *err);
/// Puts and removes keys, with what find_all told of them. Copies them. A change tells its key.
sl_code sli_timed_change_all(const sli_timed_task *t, const sli_state_change *changes, int32_t n,
                             sl_error *err);
