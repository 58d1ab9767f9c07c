// csv.c — the format CSV: its options and its table.
#include "format/csv/csv_int.h"

const sl_option sli_csv_options[] = {
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text =
         "Names and types of the columns, as in \"word string, n int64?\"; needed for reading."},
    {.name = "header",
     .type = SL_OPT_BOOL,
     .fallback = "false",
     .flags = SL_OPT_RESULT,
     .text = "The first record holds the columns' names: they are found by name, others are "
             "ignored; when writing, "
             "it is written."},
    {.name = "delimiter",
     .type = SL_OPT_TEXT,
     .fallback = ",",
     .flags = SL_OPT_RESULT,
     .text = "One byte between fields; \\t stands for a tab."},
    {.name = "quote",
     .type = SL_OPT_TEXT,
     .fallback = "\"",
     .flags = SL_OPT_RESULT,
     .text = "One byte around fields that hold special bytes; empty: no field is quoted."},
    {.name = "null",
     .type = SL_OPT_TEXT,
     .fallback = "",
     .flags = SL_OPT_RESULT,
     .text = "The unquoted text that stands for an absent value."},
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

// One byte, or "\t"; `empty` is what no text means.
static sl_code read_byte(const sl_conf *conf, const char *name, char empty, char *out,
                         sl_error *err)
{
    const char *text = sl_conf_text(conf, name);
    if (strcmp(text, "\\t") == 0) {
        text = "\t";
    }
    if (strlen(text) > 1 || (*text == '\0' && empty == '\0') || *text == '\n' || *text == '\r' ||
        (unsigned char)*text >= 0x80) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option %s: '%s' is not one ASCII character other than a line end",
                            name, text);
    }
    *out = *text == '\0' ? empty : *text;
    return SL_OK;
}

sl_code sli_csv_dialect_read(sli_csv_dialect *out, const sl_conf *conf, sl_error *err)
{
    sli_csv_dialect dialect = {0};
    SL_TRY(read_byte(conf, "delimiter", '\0', &dialect.delimiter, err));
    SL_TRY(read_byte(conf, "quote", dialect.delimiter, &dialect.quote, err));
    dialect.quoting = *sl_conf_text(conf, "quote") != '\0';
    if (dialect.quoting && dialect.quote == dialect.delimiter) {
        return sl_error_set(err, SL_E_CONFIG, "options delimiter and quote are both '%c'",
                            dialect.quote);
    }
    dialect.header = sl_conf_bool(conf, "header");
    dialect.time = (sli_time_form)sl_conf_choice(conf, "timestamp");
    dialect.null = sl_conf_text(conf, "null");
    dialect.null_size = strlen(dialect.null);
    const char special[] = {dialect.delimiter, dialect.quote, '\n', '\r', '\0'};
    if (strpbrk(dialect.null, special) != NULL) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option null: '%s' holds a delimiter, quote or line end", dialect.null);
    }
    *out = dialect;
    return SL_OK;
}

static sl_code csv_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    return sli_schema_option(conf, "csv", out, err);
}

/// Settings that can't be are told when the source or sink is opened, not at its first file.
static sl_code csv_prepare(sl_conf *conf, sl_env *env, sl_error *err)
{
    sli_csv_dialect dialect;
    (void)env;
    return sli_csv_dialect_read(&dialect, conf, err);
}

static sl_code csv_values_check(const sl_conf *conf, sl_error *err)
{
    return sl_conf_bool(conf, "header")
               ? sl_error_set(err, SL_E_CONFIG,
                              "option header: a value is one record, so none can be a header; name "
                              "the columns in schema")
               : SL_OK;
}

static const char *const extensions[] = {"csv", NULL};

const sli_format_ops sli_format_csv = {
    .struct_size = sizeof(sli_format_ops),
    .name = "csv",
    .options = sli_csv_options,
    .schema = csv_schema,
    .prepare = csv_prepare,
    .decoder_new = sli_csv_decoder_new,
    .decode = sli_csv_decode,
    .stream = sli_csv_stream,
    .decoder_free = sli_csv_decoder_free,
    .encoder_new = sli_csv_encoder_new,
    .begin = sli_csv_begin,
    .encode = sli_csv_encode,
    .extensions = extensions,
    .encoder_free = sli_csv_encoder_free,
    .values_check = csv_values_check,
    .decode_values = sli_csv_decode_values,
    .encode_values = sli_csv_encode_values,
    .may_refuse = sli_csv_may_refuse,
};
