// static.c — see static.h.
#include "source/static.h"

static const char whole[] = "SLT1"; ///< the one range there is

sl_code sli_static_refuse_letters(const sl_conf *conf, sl_error *err)
{
    return sli_source_wants_letters(conf)
               ? sl_error_set(err, SL_E_CONFIG,
                              "malformed=dead-letter is for streams: a static table has no epoch "
                              "whose letters could tell of it")
               : SL_OK;
}

sl_code sli_static_restore(sli_source *source, sl_bytes position, sl_error *err)
{
    (void)source;
    return position.size == 0
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "a static table has no position to go on from");
}

sl_code sli_static_accept(sli_source *source, sl_bytes range, sl_error *err)
{
    int32_t splits = 0;
    return source->ops->splits(source, range, &splits, err); // nothing to remember; damage is told
}

sl_code sli_static_position(sli_source *source, sli_str *out, sl_error *err)
{
    (void)source;
    return sli_str_check(out, "a table's position", err);
}

// ---------------------------------------------------------------- all of it at once

sl_code sli_static_offer_all(sli_source *source, const sli_ask *ask, sl_arena *arena,
                             sli_offer *out, sl_error *err)
{
    (void)source, (void)ask, (void)arena, (void)err;
    *out = (sli_offer){.range = {whole, sizeof whole - 1}, .n_splits = 1, .rows = -1, .bytes = -1};
    return SL_OK;
}

sl_code sli_static_splits_all(sli_source *source, sl_bytes range, int32_t *out, sl_error *err)
{
    (void)source;
    bool fine = range.size == sizeof whole - 1 && memcmp(range.data, whole, range.size) == 0;
    *out = fine ? 1 : 0;
    return fine || range.size == 0
               ? SL_OK
               : sl_error_set(err, SL_E_CORRUPT, "a table's range is not what this source writes");
}

sl_code sli_static_check_all(sli_source *source, sl_bytes range, int32_t split, sl_error *err)
{
    int32_t splits = 0;
    SL_TRY(sli_static_splits_all(source, range, &splits, err));
    return split < splits ? SL_OK : sl_error_set(err, SL_E_CORRUPT, "a table has no such split");
}
