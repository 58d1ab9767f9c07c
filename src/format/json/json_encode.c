// json_encode.c — rows to JSON lines. Fields that are null are left out, as Spark does; within a
// list null stands.
#include "format/json/json_int.h"
#include "format/values.h"

#include <math.h>

struct sli_encoder {
    const sl_schema *schema;
};

sl_code sli_json_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                             sl_error *err)
{
    (void)conf;
    SL_TRY(sli_schema_allowed(schema, true, "json", err));
    sli_encoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "json encoder");
    }
    self->schema = sl_schema_ref(schema);
    *out = self;
    return SL_OK;
}

void sli_json_encoder_free(sli_encoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

sl_code sli_json_begin(sli_encoder *self, sli_str *out, sl_error *err)
{
    (void)self;
    return sli_str_check(out, "json", err);
}

// One field of an object, when it is there.
static void put_field(const sl_field *field, const sl_column *column, int64_t row, bool *first,
                      sli_str *out);

static void put_value(const sl_field *field, const sl_column *column, int64_t row, sli_str *out);

static void put_quoted(const sl_field *field, const sl_column *column, int64_t row, sli_str *out)
{
    sli_str_char(out, '"');
    sli_print_cell(out, field, column, row);
    sli_str_char(out, '"');
}

static void put_list(const sl_field *field, const sl_column *column, int64_t row, sli_str *out)
{
    const int32_t *offsets = (const int32_t *)column->values;
    sli_str_char(out, '[');
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        if (i > offsets[row]) {
            sli_str_char(out, ',');
        }
        put_value(&field->children[0], &column->children[0], i, out);
    }
    sli_str_char(out, ']');
}

static bool is_finite(const sl_field *field, const sl_column *column, int64_t row)
{
    return isfinite(field->type == SL_FLOAT32 ? (double)((const float *)column->values)[row]
                                              : sl_column_float64(column, row));
}

static void put_value(const sl_field *field, const sl_column *column, int64_t row, sli_str *out)
{
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, "null");
        return;
    }
    sl_text text;
    bool first = true;
    switch (field->type) {
    case SL_STRING:
        text = sl_column_text(column, row);
        sli_str_json(out, text.data, text.size);
        break;
    case SL_BINARY:
        text = sl_column_text(column, row);
        sli_str_char(out, '"');
        sli_base64_print(out, text.data, text.size);
        sli_str_char(out, '"');
        break;
    case SL_DATE:
    case SL_TIMESTAMP:
        put_quoted(field, column, row, out);
        break;
    case SL_FLOAT32:
    case SL_FLOAT64:
        if (is_finite(field, column, row)) {
            sli_print_cell(out, field, column, row);
        } else {
            put_quoted(field, column, row, out); // JSON has no number for NaN and Infinity
        }
        break;
    case SL_LIST:
        put_list(field, column, row, out);
        break;
    case SL_STRUCT:
        sli_str_char(out, '{');
        for (int32_t i = 0; i < field->n_children; i++) {
            put_field(&field->children[i], &column->children[i], row, &first, out);
        }
        sli_str_char(out, '}');
        break;
    default:
        sli_print_cell(out, field, column, row);
    }
}

static void put_field(const sl_field *field, const sl_column *column, int64_t row, bool *first,
                      sli_str *out)
{
    if (sl_column_is_null(column, row)) {
        return;
    }
    sli_str_text(out, *first ? "\"" : ",\"");
    *first = false;
    sli_str_text(out, field->name); // names have no byte that JSON escapes
    sli_str_add(out, "\":", 2);
    put_value(field, column, row, out);
}

/// The record without its line end.
static void put_row(const sli_encoder *self, const sl_batch *batch, int64_t row, sli_str *out)
{
    bool first = true;
    sli_str_char(out, '{');
    for (int32_t i = 0; i < sl_schema_columns(self->schema); i++) {
        put_field(sl_schema_field(self->schema, i), sl_batch_column(batch, i), row, &first, out);
    }
    sli_str_char(out, '}');
}

sl_code sli_json_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        put_row(self, batch, row, out);
        sli_str_char(out, '\n');
    }
    return sli_str_check(out, "json", err);
}

sl_code sli_json_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                               sl_error *err)
{
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        put_row(self, batch, row, &out->bytes);
        sli_value_end(out, false);
    }
    return sli_str_check(&out->bytes, "json", err);
}
