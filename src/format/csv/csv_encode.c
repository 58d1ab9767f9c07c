// csv_encode.c — rows to CSV: RFC 4180 with '\n' as line end. What is written here is read back as
// the same rows.
#include "format/csv/csv_int.h"
#include "format/values.h"

struct sli_encoder {
    sli_csv_dialect dialect;
    char *null;
    const sl_schema *schema;
    sli_str cell;
    bool special[256]; ///< bytes for which a field is quoted
};

sl_code sli_csv_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                            sl_error *err)
{
    sli_csv_dialect dialect;
    SL_TRY(sli_csv_dialect_read(&dialect, conf, err));
    SL_TRY(sli_schema_allowed(schema, false, "csv", err));
    sli_encoder *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    char *null = sl_strndup(SLI_TAG_FORMAT, dialect.null, dialect.null_size);
    if (self == NULL || null == NULL) {
        sl_free(self);
        sl_free(null);
        return sl_error_nomem(err, sizeof *self, "csv encoder");
    }
    self->dialect = dialect;
    self->dialect.null = self->null = null;
    self->schema = sl_schema_ref(schema);
    self->cell.tag = SLI_TAG_FORMAT;
    self->special[(unsigned char)dialect.delimiter] = true;
    self->special[(unsigned char)dialect.quote] = true;
    self->special['\n'] = self->special['\r'] = true;
    *out = self;
    return SL_OK;
}

void sli_csv_encoder_free(sli_encoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sli_str_reset(&self->cell);
        sl_free(self->null);
        sl_free(self);
    }
}

static bool needs_quotes(const sli_encoder *self, const char *text, size_t size)
{
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        return true; // at the start of a file it would be taken for a byte order mark
    }
    for (size_t i = 0; i < size; i++) {
        if (self->special[(unsigned char)text[i]]) {
            return true;
        }
    }
    return false;
}

static sl_code put_field(const sli_encoder *self, const char *text, size_t size, bool quoted,
                         sli_str *out, sl_error *err)
{
    quoted = quoted || needs_quotes(self, text, size);
    if (!quoted) {
        sli_str_add(out, text, size);
        return SL_OK;
    }
    if (!self->dialect.quoting) {
        return sl_error_set(
            err, SL_E_DATA,
            "a csv field holds the delimiter, a line end or the text of null, and quoting is off: "
            "'%.*s'",
            size > 40 ? 40 : (int)size, text);
    }
    char quote = self->dialect.quote;
    sli_str_char(out, quote);
    for (size_t from = 0; from < size;) {
        const char *at = memchr(text + from, quote, size - from);
        size_t to = at == NULL ? size : (size_t)(at - text) + 1;
        sli_str_add(out, text + from, to - from);
        if (at != NULL) {
            sli_str_char(out, quote);
        }
        from = to;
    }
    sli_str_char(out, quote);
    return SL_OK;
}

static sl_code put_cell(sli_encoder *self, const sl_field *field, const sl_column *column,
                        int64_t row, sli_str *out, sl_error *err)
{
    const sli_csv_dialect *dialect = &self->dialect;
    if (sl_column_is_null(column, row)) {
        sli_str_add(out, dialect->null, dialect->null_size);
        return SL_OK;
    }
    sl_text text;
    if (field->type == SL_STRING || field->type == SL_BINARY) {
        text = sl_column_text(column, row);
    } else {
        sli_str_clear(&self->cell);
        sli_print_cell(&self->cell, field, column, row);
        SL_TRY(sli_str_check(&self->cell, "csv", err));
        text = (sl_text){self->cell.data, self->cell.size};
    }
    bool like_null = field->nullable && text.size == dialect->null_size &&
                     memcmp(text.data, dialect->null, text.size) == 0;
    return put_field(self, text.data, text.size, like_null, out, err);
}

bool sli_csv_may_refuse(const sli_encoder *self)
{
    return !self->dialect.quoting;
}

sl_code sli_csv_begin(sli_encoder *self, sli_str *out, sl_error *err)
{
    if (!self->dialect.header) {
        return SL_OK;
    }
    for (int32_t i = 0; i < sl_schema_columns(self->schema); i++) {
        const char *name = sl_schema_field(self->schema, i)->name;
        if (i > 0) {
            sli_str_char(out, self->dialect.delimiter);
        }
        SL_TRY(put_field(self, name, strlen(name), false, out, err));
    }
    sli_str_char(out, '\n');
    return sli_str_check(out, "csv", err);
}

/// The record without its line end.
static sl_code put_row(sli_encoder *self, const sl_batch *batch, int64_t row, sli_str *out,
                       sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(self->schema); i++) {
        if (i > 0) {
            sli_str_char(out, self->dialect.delimiter);
        }
        SL_TRY(put_cell(self, sl_schema_field(self->schema, i), sl_batch_column(batch, i), row, out,
                        err));
    }
    return SL_OK;
}

sl_code sli_csv_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        SL_TRY(put_row(self, batch, row, out, err));
        sli_str_char(out, '\n');
    }
    return sli_str_check(out, "csv", err);
}

sl_code sli_csv_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                              sl_error *err)
{
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        SL_TRY(put_row(self, batch, row, &out->bytes, err));
        sli_value_end(out, false);
    }
    return sli_str_check(&out->bytes, "csv", err);
}
