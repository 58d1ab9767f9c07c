// json.c — the format JSON lines: its options and its table.
#include "format/json/json_int.h"

const sl_option sli_json_options[] = {
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Names and types of the fields to read, as in \"user_id string, amount float64?\"; "
             "needed for reading."},
    {.name = "timestamp",
     .type = SL_OPT_CHOICE,
     .fallback = "iso",
     .choices = "iso|s|ms|us",
     .flags = SL_OPT_RESULT,
     .text = "How times are read: as text, or as a whole number since 1970."},
    SLI_FORMAT_OPTIONS,
    SLI_MAX_RECORD_OPTION,
    {0},
};

static sl_code json_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    return sli_schema_option(conf, "json", out, err);
}

static const char *const extensions[] = {"json", NULL};

const sli_format_ops sli_format_json = {
    .struct_size = sizeof(sli_format_ops),
    .name = "json",
    .options = sli_json_options,
    .schema = json_schema,
    .decoder_new = sli_json_decoder_new,
    .decode = sli_json_decode,
    .stream = sli_json_stream,
    .decoder_free = sli_json_decoder_free,
    .encoder_new = sli_json_encoder_new,
    .begin = sli_json_begin,
    .encode = sli_json_encode,
    .encoder_free = sli_json_encoder_free,
    .encode_values = sli_json_encode_values,
    .extensions = extensions,
    .lines = true,
    .decode_values = sli_json_decode_values,
};
