/// twin.h — a small scorer for simulated worlds: weighted sums, from a text.
///
///     twin a=2 b=-1 bias=0.5 end
///
/// predicts 2 a - b + 0.5; a missing feature adds nothing. Without its last word a text is a file
/// that was written half.
#pragma once

#include "env/module.h"

extern const sli_module sli_score_twin_module; ///< for sli_world_module, as "score_xgboost"
