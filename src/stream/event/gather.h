/// gather.h — the epoch's rows of one task, and which key each has.
#pragma once

#include "stream/event/timed.h"

/// Zero it but for task, side and keys; and groups, when they are another's, which then get these
/// keys too.
typedef struct sli_gather {
    sli_timed_task *task;
    int32_t side;
    const int32_t *keys; ///< columns of the rows
    sli_rows rows;       ///< in order of arrival
    sli_groups *groups;  ///< keys in first-seen order; NULL without rows
    bool shares_groups;  ///< another frees them
    int32_t *group_of;   ///< by row
    int32_t capacity;
    int64_t weight; ///< bytes counted in the budget
} sli_gather;

/// Takes all rows of the task's partition.
sl_code sli_gather_all(sli_gather *gather, sl_error *err);
static inline int64_t sli_gather_keys(const sli_gather *gather)
{
    return gather->groups == NULL ? 0 : sli_groups_count(gather->groups);
}
void sli_gather_reset(sli_gather *gather);
