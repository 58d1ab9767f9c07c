// source_message_fuzz.c — any bytes as messages of a received block.
#include "source/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sl_code drop(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)batch, (void)err;
    return SL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const sli_message_column table[] = {
        {"topic", SLI_CELL_TEXT}, {"n", SLI_CELL_INT64}, {"headers", SLI_CELL_HEADERS}, {0}};
    static const sl_option own[] = {SLI_MESSAGE_OPTION_COLUMNS("topic, n, headers"), {0}};
    const sl_option *tables[] = {own, sli_format_text.options, NULL};
    sl_conf *conf = NULL;
    sl_schema *schema = NULL;
    sli_message_rows *rows = NULL;
    sli_buffer *buffer = sli_buffer_new((int64_t)size);
    memcpy(sli_buffer_data(buffer), data, size);
    if (sl_conf_new(&conf, "fuzz", tables, NULL) == SL_OK &&
        sl_conf_parse(conf, "columns='topic,n,headers,headers.a'", NULL) == SL_OK &&
        sli_message_schema(&schema, table, &sli_format_text, conf, NULL) == SL_OK &&
        sli_message_rows_new(&rows, table, &sli_format_text, conf, schema, NULL) == SL_OK) {
        (void)sli_message_rows_feed(rows, buffer, "fuzz", drop, NULL, NULL);
    }
    sli_message_rows_free(rows);
    sl_schema_unref(schema);
    sl_conf_free(conf);
    sli_buffer_unref(buffer);
    return 0;
}
