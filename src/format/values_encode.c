// values_encode.c — rows to values: one pass of the format's encoder, which notes where each row
// ends.
#include "format/values.h"

/// Room for the ends of `n` more values.
static sl_code make_room(sli_value_list *list, int64_t n, sl_error *err)
{
    if (list->room >= n) {
        return SL_OK;
    }
    int64_t *ends = sl_realloc(SLI_TAG_FORMAT, list->ends, (size_t)n * sizeof *ends);
    list->ends = ends == NULL ? list->ends : ends;
    uint8_t *nulls = sl_realloc(SLI_TAG_FORMAT, list->nulls, (size_t)n);
    list->nulls = nulls == NULL ? list->nulls : nulls;
    if (ends == NULL || nulls == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *ends, "encoded values");
    }
    list->room = (int32_t)n;
    return SL_OK;
}

sl_code sli_values_encode(sli_value_list *out, const sli_format_ops *format, sli_encoder *encoder,
                          const sl_batch *rows, sl_error *err)
{
    if (format->encode_values == NULL) {
        return sl_error_set(err, SL_E_UNSUPPORTED,
                            "%s has no values: its records are not a row each", format->name);
    }
    sli_str_clear(&out->bytes);
    out->bytes.tag = SLI_TAG_FORMAT;
    out->n = 0;
    SL_TRY(make_room(out, sl_batch_rows(rows), err));
    return format->encode_values(encoder, rows, out, err);
}

void sli_value_list_reset(sli_value_list *list)
{
    sli_str_reset(&list->bytes);
    sl_free(list->ends);
    sl_free(list->nulls);
    *list = (sli_value_list){0};
}
