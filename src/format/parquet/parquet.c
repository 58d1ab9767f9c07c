// parquet.c — Parquet by name: its options and schema.
//
// A file's directory stands at its end, so nothing can be read of a piece, and there is no decoder:
// sources of files have DuckDB read it (source/file/parquet.c). Nor are there encoders: what a sink
// stages are rows that go on from attempt to attempt, and a Parquet file is made in one go.
#include "format/format_int.h"

static const sl_option options[] = {
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Columns to read, by the file's names, with the types that rows have; others are left "
             "out."},
    {.name = "malformed",
     .type = SL_OPT_CHOICE,
     .fallback = "fail",
     .choices = "fail|skip|dead-letter",
     .flags = SL_OPT_RESULT,
     .text = "A file that cannot be read as the schema says, one record as a whole: fail ends the "
             "task, skip drops and counts it, dead-letter drops it and tells of it in poison.sink "
             "(a job's with poison=dead-letter). With skip and dead-letter each file is read "
             "twice."},
    {.name = "memory",
     .type = SL_OPT_SIZE,
     .fallback = "256MiB",
     .low = "16MiB",
     .high = "1TiB",
     .text = "What reading one file may hold; a worker reads one at a time. Long groups of rows "
             "need more."},
    {0},
};

static sl_code parquet_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    sl_schema *schema = NULL;
    SL_TRY(sli_schema_option(conf, "parquet", &schema, err));
    sl_code rc = sli_schema_allowed(schema, true, "parquet", err);
    if (rc != SL_OK) {
        sl_schema_unref(schema);
        return rc;
    }
    *out = schema;
    return SL_OK;
}

sl_code sli_format_whole_refused(const sli_format_ops *format, const char *who, sl_error *err)
{
    return sl_error_set(err, SL_E_CONFIG,
                        "format %s is read from files in a directory (file:DIR, hdfs://HOST/DIR, "
                        "and tables of these), not by %s: its rows can't be told before the file's "
                        "end is there; use arrow, avro or json",
                        format->name, who);
}

static sl_code parquet_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                                   sl_error *err)
{
    (void)out, (void)conf, (void)schema;
    return sli_format_whole_refused(&sli_format_parquet, "a stream of bytes", err);
}

sl_code sli_format_whole_unwritten(const sli_format_ops *format, sl_error *err)
{
    return sl_error_set(err, SL_E_CONFIG,
                        "format %s is read, not written; write arrow files, which pyarrow, Polars "
                        "and DuckDB's arrow extension turn into Parquet",
                        format->name);
}

static sl_code parquet_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                                   sl_error *err)
{
    (void)out, (void)conf, (void)schema;
    return sli_format_whole_unwritten(&sli_format_parquet, err);
}

static const char *const extensions[] = {"parquet", NULL};

const sli_format_ops sli_format_parquet = {
    .struct_size = sizeof(sli_format_ops),
    .name = "parquet",
    .options = options,
    .schema = parquet_schema,
    .decoder_new = parquet_decoder_new,
    .encoder_new = parquet_encoder_new,
    .binary = true,
    .extensions = extensions,
    .whole_file = true,
};
