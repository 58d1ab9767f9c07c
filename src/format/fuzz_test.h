/// fuzz_test.h — what the fuzz entries of the formats (tests/fuzz/format_*_fuzz.c) run: bytes to
/// rows, cut in two ways that must agree, and rows back to bytes; the same for runs of values.
///
/// The first two bytes of the input choose options and the size of pieces; the rest is the text.
/// The unit test of src/format runs the same body over mutated seeds, so that it is exercised
/// without a fuzzer too.
#pragma once

#include <stdlib.h>

#include "format/values.h"

typedef struct slt_fuzz_run {
    sli_encoder *encoder;
    const sli_format_ops *format, *writer;
    sli_str encoded; ///< what the rows are when written again
    sli_str values;  ///< the numbers of their values
} slt_fuzz_run;

static sl_code slt_fuzz_emit(void *ctx, sl_batch *batch, sl_error *err)
{
    slt_fuzz_run *run = ctx;
    return run->writer->encode(run->encoder, batch, &run->encoded, err);
}

static sl_code slt_fuzz_feed(slt_fuzz_run *run, const sl_conf *conf, const sl_schema *schema,
                             const uint8_t *data, size_t size, size_t piece,
                             sli_decode_stats *stats)
{
    sli_records *records = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_records_new(&records, run->format, conf, schema, &err);
    size_t at = 0;
    while (rc == SL_OK) {
        size_t n = size - at < piece ? size - at : piece;
        sli_buffer *buffer = sli_buffer_new((int64_t)n);
        SL_ASSERT(buffer != NULL, "no memory");
        if (n > 0) {
            memcpy(sli_buffer_data(buffer), data + at, n);
        }
        rc = sli_records_feed(records, buffer, 0, (int64_t)n, (int64_t)at, "fuzz", at + n == size,
                              slt_fuzz_emit, run, &err);
        sli_buffer_unref(buffer);
        at += n;
        if (at == size) {
            break;
        }
    }
    SL_ASSERT(rc == SL_OK || err.code == rc, "a failure without a text");
    SL_ASSERT(rc == SL_OK || rc == SL_E_DATA, "outside bytes are bad data at worst");
    *stats = *sli_records_stats(records);
    sli_records_free(records);
    return rc;
}

/// `args` has a set of options for each value of the first byte, modulo their number; a NULL ends
/// it.
static inline void slt_format_fuzz(const sli_format_ops *format, const char *const *args,
                                   const uint8_t *data, size_t size)
{
    if (size < 2) {
        return;
    }
    size_t n_args = 0;
    while (args[n_args] != NULL) {
        n_args++;
    }
    const sl_option *tables[] = {format->options, NULL};
    sl_conf *conf = NULL;
    sl_schema *schema = NULL;
    sl_code rc = sl_conf_new(&conf, "fuzz", tables, NULL);
    rc = rc == SL_OK ? sl_conf_parse(conf, args[data[0] % n_args], NULL) : rc;
    rc = rc == SL_OK ? format->schema(conf, &schema, NULL) : rc;
    SL_ASSERT(rc == SL_OK, "the options are ours");
    const sli_format_ops *writer = format == &sli_format_avro ? &sli_format_json : format;
    slt_fuzz_run whole = {.format = format, .writer = writer}, parts = whole;
    SL_ASSERT(writer->encoder_new(&whole.encoder, conf, schema, NULL) == SL_OK,
              "what is read can be written");
    parts.encoder = whole.encoder;
    sli_decode_stats a, b;
    sl_code rc_whole = slt_fuzz_feed(&whole, conf, schema, data + 2, size - 2, size, &a);
    sl_code rc_parts =
        slt_fuzz_feed(&parts, conf, schema, data + 2, size - 2, 1 + data[1] % 100, &b);
    SL_ASSERT(rc_whole == rc_parts, "pieces change the outcome");
    if (rc_whole == SL_OK) {
        SL_ASSERT(a.records == b.records && a.skipped == b.skipped && a.replaced == b.replaced &&
                      a.bytes == b.bytes,
                  "pieces change the counts");
        SL_ASSERT(a.bytes == (int64_t)size - 2, "bytes are left over");
        SL_ASSERT(whole.encoded.size == parts.encoded.size &&
                      (whole.encoded.size == 0 ||
                       memcmp(whole.encoded.data, parts.encoded.data, whole.encoded.size) == 0),
                  "pieces change the rows");
    }
    writer->encoder_free(whole.encoder);
    sli_str_reset(&whole.encoded);
    sli_str_reset(&parts.encoded);
    sl_schema_unref(schema);
    sl_conf_free(conf);
}

static inline int slt_fuzz_text(const uint8_t *data, size_t size)
{
    static const char *const args[] = {
        "", "malformed=skip max_record=16", "invalid_utf8=skip", "invalid_utf8=fail", NULL,
    };
    slt_format_fuzz(&sli_format_text, args, data, size);
    return 0;
}

static inline int slt_fuzz_csv(const uint8_t *data, size_t size)
{
    static const char *const args[] = {
        "schema='a string?, b int64?, c float64?' malformed=skip",
        "schema='a string, b string'",
        "schema='a string, b string' header=true malformed=skip",
        "schema='a string, b date?, c timestamp, d decimal(9,3)' malformed=skip",
        "schema='a string?' max_record=16 malformed=skip invalid_utf8=skip",
        "schema='a binary, b bool' malformed=skip null=null",
        NULL,
    };
    slt_format_fuzz(&sli_format_csv, args, data, size);
    return 0;
}

static inline int slt_fuzz_json(const uint8_t *data, size_t size)
{
    static const char *const args[] = {
        "schema='a string?, n int64?' malformed=skip",
        "schema='a string?, n int64?'",
        "schema='a string?, l list<int64?>?, s struct<x string?, y list<string>>?' malformed=skip",
        "schema='t timestamp?, d date?, f float64?, b binary?, c bool?, e decimal(9,3)?' "
        "malformed=skip",
        "schema='a string?' max_record=32 malformed=skip invalid_utf8=skip",
        NULL,
    };
    slt_format_fuzz(&sli_format_json, args, data, size);
    return 0;
}

static inline int slt_fuzz_arrow(const uint8_t *data, size_t size)
{
    static const char *const args[] = {
        "schema='s string?, n int64?, l list<int64?>?'",
        "schema='s string?, n int64?, l list<int64?>?' malformed=skip",
        "schema='s string?, n int64?, l list<int64?>?' malformed=skip max_record=300",
        NULL,
    };
    slt_format_fuzz(&sli_format_arrow, args, data, size);
    return 0;
}

// ---------------------------------------------------------------- values

enum { SLT_FUZZ_VALUES = 256 };

/// A run made of outside bytes: each value is a byte with its size and so many bytes; 255 is null.
typedef struct slt_fuzz_values_run {
    int32_t starts[SLT_FUZZ_VALUES + 1];
    uint64_t nulls[SLT_FUZZ_VALUES / 64];
    sli_value_run of;
} slt_fuzz_values_run;

static void slt_fuzz_place(void *ctx, int32_t value, char *out, size_t size)
{
    (void)ctx, (void)value;
    SL_ASSERT(size >= sizeof "here", "room for a place");
    memcpy(out, "here", sizeof "here");
}

static void slt_fuzz_cut_values(slt_fuzz_values_run *run, const uint8_t *data, size_t size)
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    *run = (slt_fuzz_values_run){.of = {.starts = run->starts, .place = slt_fuzz_place}};
    int32_t n = 0;
    for (size_t at = 0; at < size && n < SLT_FUZZ_VALUES; n++) {
        size_t length = data[at++];
        run->starts[n] = (int32_t)bytes.size;
        if (length == UINT8_MAX) {
            run->nulls[n / 64] |= UINT64_C(1) << (n % 64);
            run->of.nulls = run->nulls;
        } else {
            length = length < size - at ? length : size - at;
            sli_str_add(&bytes, data + at, length);
            at += length;
        }
        sli_str_char(&bytes, '\n');
    }
    run->starts[n] = (int32_t)bytes.size;
    run->of.n = n;
    run->of.lines = true;
    run->of.data = sli_buffer_new((int64_t)bytes.size);
    SL_ASSERT(run->of.data != NULL, "no memory");
    if (bytes.size > 0) {
        memcpy(sli_buffer_data(run->of.data), bytes.data, bytes.size);
    }
    sli_str_reset(&bytes);
}

static sl_code slt_fuzz_emit_values(void *ctx, sl_batch *batch, const int32_t *from, sl_error *err)
{
    slt_fuzz_run *run = ctx;
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        sli_put_varint(&run->values, (uint64_t)from[row]);
    }
    return slt_fuzz_emit(ctx, batch, err);
}

static sl_code slt_fuzz_feed_values(slt_fuzz_run *run, const sl_conf *conf, const sl_schema *schema,
                                    const sli_value_run *values, int32_t step,
                                    sli_decode_stats *stats)
{
    sli_values *reader = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_values_new(&reader, run->format, conf, schema, &err);
    SL_ASSERT(rc == SL_OK, "the options are ours");
    for (int32_t from = 0; rc == SL_OK && from < values->n; from += step) {
        int32_t to = from + step < values->n ? from + step : values->n;
        rc = sli_values_feed(reader, values, from, to, slt_fuzz_emit_values, run, &err);
    }
    SL_ASSERT(rc == SL_OK || err.code == rc, "a failure without a text");
    SL_ASSERT(rc == SL_OK || rc == SL_E_DATA, "outside bytes are bad data at worst");
    *stats = *sli_values_stats(reader);
    sli_values_free(reader);
    return rc;
}

static bool slt_fuzz_same(const sli_str *a, const sli_str *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static inline void slt_values_fuzz(const sli_format_ops *format, const char *args, int32_t step,
                                   const uint8_t *data, size_t size)
{
    const sl_option *tables[] = {format->options, NULL};
    sl_conf *conf = NULL;
    sl_schema *schema = NULL;
    slt_fuzz_values_run values;
    sl_code rc = sl_conf_new(&conf, "fuzz", tables, NULL);
    rc = rc == SL_OK ? sl_conf_parse(conf, args, NULL) : rc;
    rc = rc == SL_OK ? format->schema(conf, &schema, NULL) : rc;
    SL_ASSERT(rc == SL_OK, "the options are ours");
    slt_fuzz_run whole = {.format = format, .writer = &sli_format_json}, parts = whole;
    SL_ASSERT(sli_format_json.encoder_new(&whole.encoder, conf, schema, NULL) == SL_OK,
              "every schema is written as JSON");
    parts.encoder = whole.encoder;
    slt_fuzz_cut_values(&values, data, size);
    sli_decode_stats a, b;
    sl_code rc_whole = slt_fuzz_feed_values(&whole, conf, schema, &values.of,
                                            values.of.n > 0 ? values.of.n : 1, &a);
    sl_code rc_parts = slt_fuzz_feed_values(&parts, conf, schema, &values.of, step, &b);
    SL_ASSERT(rc_whole == rc_parts, "steps change the outcome");
    if (rc_whole == SL_OK) {
        SL_ASSERT(memcmp(&a, &b, sizeof a) == 0, "steps change the counts");
        SL_ASSERT(a.records + a.skipped == values.of.n, "every value is a row or dropped");
        SL_ASSERT(slt_fuzz_same(&whole.encoded, &parts.encoded), "steps change the rows");
        SL_ASSERT(slt_fuzz_same(&whole.values, &parts.values), "steps change the rows' values");
    }
    sli_format_json.encoder_free(whole.encoder);
    sli_str_reset(&whole.encoded);
    sli_str_reset(&parts.encoded);
    sli_str_reset(&whole.values);
    sli_str_reset(&parts.values);
    sli_buffer_unref(values.of.data);
    sl_schema_unref(schema);
    sl_conf_free(conf);
}

static inline int slt_fuzz_values(const uint8_t *data, size_t size)
{
    static const struct {
        const sli_format_ops *format;
        const char *args;
    } cases[] = {
        {&sli_format_text, "column=line? invalid_utf8=skip"},
        {&sli_format_text, "malformed=skip max_record=16"},
        {&sli_format_csv, "schema='a string?, b int64?' malformed=skip"},
        {&sli_format_csv, "schema='a string' malformed=skip invalid_utf8=skip"},
        {&sli_format_csv, "schema='a string, b string'"},
        {&sli_format_json, "schema='a string?, n int64?' malformed=skip"},
        {&sli_format_json, "schema='a string, l list<int64?>?' malformed=skip max_record=32"},
        {&sli_format_json, "schema='a string?'"},
        {&sli_format_fixed, "record_length=3 malformed=skip column=r?"},
        {&sli_format_bytes, "malformed=skip max_record=16"},
    };
    if (size >= 2) {
        size_t i = data[0] % (sizeof cases / sizeof *cases);
        slt_values_fuzz(cases[i].format, cases[i].args, 1 + data[1] % 10, data + 2, size - 2);
    }
    return 0;
}

// ---------------------------------------------------------------- Avro

#define SLT_FUZZ_AVRO_SCHEMA                                                                       \
    "avro_schema_text='{\"type\":\"record\",\"name\":\"R\",\"fields\":["                           \
    "{\"name\":\"s\",\"type\":[\"null\",\"string\"]},{\"name\":\"i\",\"type\":\"int\"},"           \
    "{\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":[\"long\",\"null\"]}},"                \
    "{\"name\":\"p\",\"type\":{\"type\":\"record\",\"name\":\"P\",\"fields\":["                    \
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"      \
    "{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9}}]}" \
    "},"                                                                                           \
    "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"R\",\"double\"]}},"         \
    "{\"name\":\"z\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"                           \
    "{\"name\":\"t\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}]}' "

#define SLT_FUZZ_AVRO_HEADER                                                                       \
    "avro_schema_text='[\"null\",\"string\"]' avro_header=confluent avro_schema_id=7 "             \
    "malformed=skip max_record=32"

/// Any bytes as values of one schema.
static inline int slt_fuzz_avro(const uint8_t *data, size_t size)
{
    static const char *const cases[] = {
        SLT_FUZZ_AVRO_SCHEMA "schema='s string?, i int64, l list<int64?>, p struct<e string, d "
                             "decimal(9,0)>, t timestamp' malformed=skip",
        SLT_FUZZ_AVRO_SCHEMA "schema='t timestamp, p struct<d decimal(12,0)>' malformed=skip",
        SLT_FUZZ_AVRO_SCHEMA "schema='s string, t timestamp?' malformed=skip invalid_utf8=skip",
        SLT_FUZZ_AVRO_SCHEMA "schema='i int32'",
        SLT_FUZZ_AVRO_HEADER,
    };
    if (size >= 2) {
        size_t i = data[0] % (sizeof cases / sizeof *cases);
        slt_values_fuzz(&sli_format_avro, cases[i], 1 + data[1] % 10, data + 2, size - 2);
    }
    return 0;
}

/// Any bytes as a file of records.
static inline int slt_fuzz_avro_file(const uint8_t *data, size_t size)
{
    static const char *const args[] = {
        "schema='word string?, n int64, list list<int64>, point struct<x int32, note string?>, "
        "at_ms timestamp, price decimal(9,2)'",
        "schema='word string?, n int64, list list<int64>, point struct<x int32, note string?>, "
        "at_ms timestamp, price decimal(9,2)' malformed=skip invalid_utf8=skip",
        "schema='n float64, kind string' malformed=skip max_record=400",
        NULL,
    };
    slt_format_fuzz(&sli_format_avro, args, data, size);
    return 0;
}

/// Any bytes as a schema. One that gives columns can be read by.
static inline int slt_fuzz_avro_schema(const uint8_t *data, size_t size)
{
    const sl_option *tables[] = {sli_format_avro.options, NULL};
    sl_conf *conf = NULL;
    sl_schema *schema = NULL;
    sli_values *values = NULL;
    sl_error err = SL_ERROR_INIT;
    SL_ASSERT(sl_conf_new(&conf, "fuzz", tables, NULL) == SL_OK, "no memory");
    if (sl_conf_set(conf, "avro_schema_text", (sl_text){(const char *)data, size}, NULL) == SL_OK) {
        sl_code rc = sli_format_avro.schema(conf, &schema, &err);
        SL_ASSERT(rc == SL_OK || err.code == rc, "a failure without a text");
        SL_ASSERT(rc == SL_OK || rc == SL_E_CONFIG || rc == SL_E_INVALID, "a wrong setting");
        SL_ASSERT(rc != SL_OK ||
                      sli_values_new(&values, &sli_format_avro, conf, schema, &err) == SL_OK,
                  "its own columns can be read");
    }
    sli_values_free(values);
    sl_schema_unref(schema);
    sl_conf_free(conf);
    return 0;
}
