/// fuzz_test.h — what the fuzz entries of the formats (tests/fuzz/format_*_fuzz.c) run: bytes to
/// rows, cut in two ways that must agree, and rows back to bytes.
///
/// The first two bytes of the input choose options and the size of pieces; the rest is the text.
/// The unit test of src/format runs the same body over mutated seeds, so that it is exercised
/// without a fuzzer too.
#pragma once

#include <stdlib.h>

#include "format/format.h"

typedef struct slt_fuzz_run {
    sli_encoder *encoder;
    const sli_format_ops *format;
    sli_str encoded; ///< what the rows are when written again
} slt_fuzz_run;

static sl_code slt_fuzz_emit(void *ctx, sl_batch *batch, sl_error *err)
{
    slt_fuzz_run *run = ctx;
    return run->format->encode(run->encoder, batch, &run->encoded, err);
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
    slt_fuzz_run whole = {.format = format}, parts = {.format = format};
    SL_ASSERT(format->encoder_new(&whole.encoder, conf, schema, NULL) == SL_OK,
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
    format->encoder_free(whole.encoder);
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
