/// static.h — what static tables share, wherever they are: there is no position to go on from and
/// nothing to remember; and of those that are read by one statement, the one range there is.
#pragma once

#include "source/source_int.h"

/// Fails: SL_E_CONFIG for malformed=dead-letter.
sl_code sli_static_refuse_letters(const sl_conf *conf, sl_error *err);

/// Entries of sli_source_ops.
sl_code sli_static_restore(sli_source *source, sl_bytes position, sl_error *err);
sl_code sli_static_accept(sli_source *source, sl_bytes range, sl_error *err);
sl_code sli_static_position(sli_source *source, sli_str *out, sl_error *err);

/// The same of a table that is one range and one split.
sl_code sli_static_offer_all(sli_source *source, const sli_ask *ask, sl_arena *arena,
                             sli_offer *out, sl_error *err);
sl_code sli_static_splits_all(sli_source *source, sl_bytes range, int32_t *out, sl_error *err);
/// Whether `range` is that one, and `split` of it. Fails: SL_E_CORRUPT.
sl_code sli_static_check_all(sli_source *source, sl_bytes range, int32_t split, sl_error *err);
