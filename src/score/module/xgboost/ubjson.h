/// ubjson.h — whether bytes are one whole UBJSON document, as XGBoost 1.7 writes and reads it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

/// XGBoost's reader of UBJSON believes every length in it: what was cut off would have it read
/// behind the end. So only what is whole is given to it. Depth is bounded.
bool xgb_ubjson_is_whole(const void *bytes, size_t size);
