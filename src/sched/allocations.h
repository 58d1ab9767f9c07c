/// allocations.h — the pools in Spark's allocation file (fairscheduler.xml).
///
///     <allocations>
///       <pool name="fast"> <schedulingMode>FAIR</schedulingMode> <weight>3</weight>
///                          <minShare>1</minShare> </pool>
///     </allocations>
///
/// Strict: what Spark would pass over with a warning or without one (another element, a pool
/// without a name, a value that stands twice) is an error that tells its line. UTF-8 only;
/// comments and processing instructions are passed over; a DOCTYPE, CDATA and entities are refused.
#pragma once

#include "base/str.h"

typedef enum sli_allocation_key {
    SLI_ALLOCATION_MODE,
    SLI_ALLOCATION_WEIGHT,
    SLI_ALLOCATION_MIN_SHARE,
    SLI_ALLOCATION_KEYS
} sli_allocation_key;

extern const char *const sli_allocation_names[SLI_ALLOCATION_KEYS + 1]; ///< ends with NULL

/// A pool as it stands there. The texts lie in the file's bytes.
typedef struct sli_allocation {
    sl_text name;
    int32_t line;                        ///< of <pool>, from 1
    sl_text values[SLI_ALLOCATION_KEYS]; ///< without spaces around; data NULL: not given
    int32_t lines[SLI_ALLOCATION_KEYS];  ///< of the values
} sli_allocation;

typedef sl_code (*sli_allocation_fn)(void *ctx, const sli_allocation *pool, sl_error *err);
/// Calls `each` for the pools in their order, as far as the file can be read; stops when it fails.
/// Fails: SL_E_CONFIG, its text begins with "line N: ".
sl_code sli_allocations_each(sl_text bytes, sli_allocation_fn each, void *ctx, sl_error *err);
