/// functions.h — the functions that random graphs use; each works on rows k (text or int64) and v.
#pragma once

#include "sluice/state.h"

extern const sl_fn slt_copy;
extern const sl_fn slt_unlist_text, slt_unlist_int64; ///< behind glom: its lists as rows again
extern const sl_fn slt_sizes_of_text,
    slt_sizes_of_int64;                   ///< behind groupByKey and cogroup: sizes of their lists
extern const sl_fn slt_undivided;         ///< of filter: values that 3 does not divide
extern const sl_fn slt_values[3];         ///< by variant of SLT_VALUES; see model.h
extern const sl_update_fn slt_updates[2]; ///< a sum; one that forgets
extern const sl_map_state_fn slt_numbers[3]; ///< a count; one that forgets; one with a timeout
extern const sl_transform_fn slt_distinct, slt_sort;
extern const sl_transform_all_fn slt_subtracts[2]; ///< by variant of SLT_SUBTRACT
