/// reread_test.h — an Arrow file as lines of CSV, for tests that look at what a sink has published:
/// what is no whole file is an error.
#pragma once

#include "format/format.h"

static inline sl_code slt_reread_emit(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_encoder *encoder = NULL;
    sl_conf *conf = NULL;
    const sl_option *tables[] = {sli_format_csv.options, NULL};
    SL_TRY(sl_conf_new(&conf, "csv", tables, err));
    sl_code rc = sli_format_csv.encoder_new(&encoder, conf, sl_batch_schema(batch), err);
    rc = rc == SL_OK ? sli_format_csv.encode(encoder, batch, ctx, err) : rc;
    sli_format_csv.encoder_free(encoder);
    sl_conf_free(conf);
    return rc;
}

/// Appends to *out the lines of a file with columns "word string, n int64".
static inline sl_code slt_reread_arrow(const char *data, size_t size, sli_str *out, sl_error *err)
{
    sl_conf *conf = NULL;
    sl_schema *schema = NULL;
    sli_records *records = NULL;
    const sl_option *tables[] = {sli_format_arrow.options, NULL};
    sl_code rc = sl_conf_new(&conf, "arrow", tables, err);
    rc = rc == SL_OK ? sl_schema_parse(&schema, "word string, n int64", err) : rc;
    rc = rc == SL_OK ? sli_records_new(&records, &sli_format_arrow, conf, schema, err) : rc;
    sli_buffer *bytes = sli_buffer_new((int64_t)size);
    SL_ASSERT(bytes != NULL, "no memory for a test");
    memcpy(sli_buffer_data(bytes), data, size);
    rc = rc == SL_OK ? sli_records_feed(records, bytes, 0, (int64_t)size, 0, "file", true,
                                        slt_reread_emit, out, err)
                     : rc;
    sli_buffer_unref(bytes);
    sli_records_free(records);
    sl_schema_unref(schema);
    sl_conf_free(conf);
    return rc;
}
