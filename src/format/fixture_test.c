// fixture_test.c — see fixture_test.h.
#include "format/fixture_test.h"

#include <inttypes.h>
#include <math.h>

sl_conf *slt_conf(const sli_format_ops *format, const char *args)
{
    const sl_option *tables[] = {format->options, NULL};
    sl_conf *conf = NULL;
    sl_error err = SL_ERROR_INIT;
    if (sl_conf_new(&conf, format->name, tables, &err) != SL_OK ||
        sl_conf_parse(conf, args, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return conf;
}

// ---------------------------------------------------------------- rows as text

static void render_cell(sli_str *out, const sl_field *field, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_str_char(out, '~');
    } else if (field->type == SL_STRING || field->type == SL_BINARY) {
        sli_str_char(out, '"');
        sli_print_cell(out, field, column, row);
        sli_str_char(out, '"');
    } else if (field->type == SL_LIST) {
        const int32_t *offsets = (const int32_t *)column->values;
        sli_str_char(out, '[');
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
            render_cell(out, &field->children[0], &column->children[0], i);
            sli_str_char(out, ' ');
        }
        sli_str_char(out, ']');
    } else if (field->type == SL_STRUCT) {
        sli_str_char(out, '{');
        for (int32_t i = 0; i < field->n_children; i++) {
            render_cell(out, &field->children[i], &column->children[i], row);
            sli_str_char(out, ' ');
        }
        sli_str_char(out, '}');
    } else {
        sli_print_cell(out, field, column, row);
    }
}

void slt_render(sli_str *out, const sl_batch *batch)
{
    const sl_schema *schema = sl_batch_schema(batch);
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
            sli_str_text(out, i > 0 ? " " : "");
            render_cell(out, sl_schema_field(schema, i), sl_batch_column(batch, i), row);
        }
        sli_str_char(out, '\n');
    }
}

static sl_code collect(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    slt_decoded *decoded = ctx;
    assert_true(sl_batch_rows(batch) > 0);
    slt_render(&decoded->rows, batch);
    decoded->n_batches++;
    return SL_OK;
}

// ---------------------------------------------------------------- decoding

// Each piece lies in a buffer of its own, of exactly its size, so that a read behind it is seen.
static sl_code feed(sli_records *records, const char *data, int64_t from, int64_t to, bool last,
                    slt_decoded *out)
{
    sli_buffer *buffer = sli_buffer_new(to - from);
    assert_non_null(buffer);
    if (to > from) {
        memcpy(sli_buffer_data(buffer), data + from, (size_t)(to - from));
    }
    sl_code rc = sli_records_feed(records, buffer, 0, to - from, from, "in/x", last, collect, out,
                                  &out->err);
    sli_buffer_unref(buffer);
    return rc;
}

slt_decoded slt_decode(const sli_format_ops *format, const char *args, const char *data,
                       size_t size, slt_cuts cuts)
{
    slt_decoded out = {.err = SL_ERROR_INIT, .rows = SLI_STR_INIT};
    sl_conf *conf = slt_conf(format, args);
    sl_schema *schema = NULL;
    sli_records *records = NULL;
    out.code = format->schema(conf, &schema, &out.err);
    if (out.code == SL_OK) {
        out.code = sli_records_new(&records, format, conf, schema, &out.err);
    }
    sl_conf_free(conf); // decoders must not need it any more
    int64_t end = (int64_t)size;
    for (int64_t at = 0; out.code == SL_OK;) {
        int64_t to = cuts.cut >= 0   ? (at < cuts.cut ? cuts.cut : end)
                     : cuts.size > 0 ? at + cuts.size
                                     : end;
        to = to > end ? end : to;
        out.code = feed(records, data, at, to, to == end, &out);
        at = to;
        if (at == end) {
            break;
        }
    }
    if (records != NULL) {
        out.stats = *sli_records_stats(records);
    }
    sli_records_free(records);
    sl_schema_unref(schema);
    if (out.rows.data == NULL) {
        sli_str_text(&out.rows, "");
    }
    return out;
}

void slt_decoded_reset(slt_decoded *decoded)
{
    sli_str_reset(&decoded->rows);
}

void slt_check_rows(const sli_format_ops *format, const char *args, const char *data,
                    const char *rows, const char *file, int line)
{
    for (int64_t size = 0; size < 2; size++) {
        slt_decoded got =
            slt_decode(format, args, data, strlen(data), (slt_cuts){.size = size, .cut = -1});
        if (got.code != SL_OK) {
            print_error("%s:%d: %s\n", file, line, got.err.text);
        }
        slt_check_text(got.rows.data, rows, "rows", file, line);
        assert_int_equal(got.code, SL_OK);
        assert_int_equal(got.stats.bytes, strlen(data));
        slt_decoded_reset(&got);
    }
}

void slt_check_error(const sli_format_ops *format, const char *args, const char *data, sl_code code,
                     const char *text, const char *file, int line)
{
    for (int64_t size = 0; size < 2; size++) {
        slt_decoded got =
            slt_decode(format, args, data, strlen(data), (slt_cuts){.size = size, .cut = -1});
        if (got.code != code || strstr(got.err.text, text) == NULL) {
            fail_msg("%s:%d: %s '%s' instead of %s '%s'", file, line, sl_code_name(got.code),
                     got.err.text, sl_code_name(code), text);
        }
        slt_decoded_reset(&got);
    }
}

static void check_same(const slt_decoded *whole, slt_decoded *part, slt_cuts cuts)
{
    bool same = part->code == whole->code && part->stats.records == whole->stats.records &&
                part->stats.skipped == whole->stats.skipped &&
                part->stats.replaced == whole->stats.replaced &&
                part->stats.bytes == whole->stats.bytes &&
                strcmp(part->err.text, whole->err.text) == 0;
    // Rows before a failure may or may not have been emitted; without one they must be the same.
    if (!same && whole->code == SL_OK) {
        fail_msg("pieces of %" PRId64 ", cut %" PRId64 ": %s %s, records %" PRId64
                 " skipped %" PRId64 " replaced %" PRId64 " bytes %" PRId64 ", not %" PRId64
                 " %" PRId64 " %" PRId64 " %" PRId64,
                 cuts.size, cuts.cut, sl_code_name(part->code), part->err.text, part->stats.records,
                 part->stats.skipped, part->stats.replaced, part->stats.bytes, whole->stats.records,
                 whole->stats.skipped, whole->stats.replaced, whole->stats.bytes);
    }
    assert_int_equal(part->code, whole->code);
    SL_CHECK_TEXT(part->err.text, whole->err.text);
    if (whole->code == SL_OK) {
        SL_CHECK_TEXT(part->rows.data, whole->rows.data);
    }
}

void slt_check_cuts(const sli_format_ops *format, const char *args, const char *data, size_t size)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 7, 64};
    slt_decoded whole = slt_decode(format, args, data, size, SLT_WHOLE);
    for (int64_t i = 0; i < (int64_t)size + 6; i++) {
        slt_cuts cuts = i < 6 ? (slt_cuts){.size = sizes[i], .cut = -1} : (slt_cuts){.cut = i - 6};
        slt_decoded part = slt_decode(format, args, data, size, cuts);
        check_same(&whole, &part, cuts);
        slt_decoded_reset(&part);
    }
    slt_decoded_reset(&whole);
}

// ---------------------------------------------------------------- encoding and random rows

sl_code slt_encode(const sli_format_ops *format, const char *args, const sl_batch *batch,
                   sli_str *out, sl_error *err)
{
    sl_conf *conf = slt_conf(format, args);
    sli_encoder *encoder = NULL;
    sl_code rc = format->encoder_new(&encoder, conf, sl_batch_schema(batch), err);
    sl_conf_free(conf);
    if (rc == SL_OK) {
        rc = format->begin(encoder, out, err);
    }
    if (rc == SL_OK) {
        rc = format->encode(encoder, batch, out, err);
    }
    if (encoder != NULL) {
        format->encoder_free(encoder);
    }
    return rc;
}

static void random_text(sl_builder *builder, int32_t column, sli_rng *rng)
{
    static const char *const parts[] = {"a",
                                        "bc",
                                        ",",
                                        "\"",
                                        "\n",
                                        "\r",
                                        "\r\n",
                                        "\\",
                                        "ü",
                                        "€",
                                        "😀",
                                        "\t",
                                        " ",
                                        "null",
                                        "\x01",
                                        "\xEF\xBB\xBF",
                                        "a longer piece of text",
                                        "{",
                                        "[1,2]",
                                        "~"};
    char text[256];
    size_t size = 0;
    for (uint64_t n = sli_rng_below(rng, 8); n > 0; n--) {
        const char *part = parts[sli_rng_below(rng, sizeof parts / sizeof *parts)];
        memcpy(text + size, part, strlen(part));
        size += strlen(part);
    }
    sl_builder_text(builder, column, text, size);
}

static int64_t random_int(sl_type type, sli_rng *rng)
{
    uint64_t bits = sli_rng_next(rng) >> sli_rng_below(rng, 64);
    switch (type) {
    case SL_INT8:
        return (int8_t)bits;
    case SL_INT16:
        return (int16_t)bits;
    case SL_INT32:
    case SL_DATE:
        return (int32_t)bits;
    case SL_UINT8:
        return (uint8_t)bits;
    case SL_UINT16:
        return (uint16_t)bits;
    case SL_UINT32:
        return (uint32_t)bits;
    case SL_UINT64:
        return (int64_t)(bits >> 1);
    default:
        return sli_rng_below(rng, 8) == 0 ? INT64_MIN + (int64_t)(bits & 1) : (int64_t)bits;
    }
}

static double random_double(sl_type type, sli_rng *rng)
{
    static const double special[] = {0,   -0.0,     1,         0.1, 1e300, 5e-324,
                                     NAN, INFINITY, -INFINITY, 1e7, 1e-3};
    uint64_t bits = sli_rng_next(rng);
    double value;
    memcpy(&value, &bits, sizeof value);
    if (sli_rng_below(rng, 2) == 0) {
        value = special[sli_rng_below(rng, sizeof special / sizeof *special)];
    }
    return type == SL_FLOAT32 ? (double)(float)value : value;
}

/// Of up to 19 digits.
static void random_decimal(sl_builder *builder, int32_t column, sli_rng *rng)
{
    int64_t low = random_int(SL_INT64, rng), words[2] = {low, low >> 63};
    void *to = sl_builder_reserve(builder, column, 1);
    assert_non_null(to);
    memcpy(to, words, sizeof words);
}

static void random_cell(sl_builder *builder, int32_t column, const sl_field *field, sli_rng *rng)
{
    if (field->nullable && sli_rng_below(rng, 4) == 0) {
        sl_builder_null(builder, column);
        return;
    }
    switch (field->type) {
    case SL_BOOL:
        sl_builder_bool(builder, column, sli_rng_below(rng, 2) == 0);
        break;
    case SL_FLOAT32:
    case SL_FLOAT64:
        sl_builder_float64(builder, column, random_double(field->type, rng));
        break;
    case SL_STRING:
    case SL_BINARY:
        random_text(builder, column, rng);
        break;
    case SL_DECIMAL:
        random_decimal(builder, column, rng);
        break;
    case SL_LIST:
        sl_builder_list_begin(builder, column);
        for (uint64_t n = sli_rng_below(rng, 4); n > 0; n--) {
            random_cell(builder, column, &field->children[0], rng);
        }
        sl_builder_list_end(builder, column);
        break;
    case SL_STRUCT:
        sl_builder_struct_begin(builder, column);
        for (int32_t i = 0; i < field->n_children; i++) {
            random_cell(builder, column, &field->children[i], rng);
        }
        sl_builder_struct_end(builder, column);
        break;
    default:
        sl_builder_int64(builder, column, random_int(field->type, rng));
    }
}

sl_batch *slt_random_batch(const char *schema_text, int64_t n_rows, sli_rng *rng)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_schema_parse(&schema, schema_text, &err), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    for (int64_t row = 0; row < n_rows; row++) {
        for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
            random_cell(builder, i, sl_schema_field(schema, i), rng);
        }
    }
    if (sl_builder_finish(builder, &batch, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}
