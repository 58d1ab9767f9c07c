// rows.c — rows as COPY's text format has them.
//
// Text, not COPY's binary format: binary takes a table's column only as exactly the type that was
// sent, so an int64 could not go into a numeric, nor a string into a jsonb. The server reads both
// about as fast as it stores rows.
#include "sink/postgres/psink_int.h"

static void put_text(sl_text text, sli_str *out)
{
    for (size_t from = 0; from < text.size;) {
        size_t to = from;
        char c = 0;
        while (to < text.size && (c = text.data[to]) != '\t' && c != '\n' && c != '\r' &&
               c != '\\') {
            to++;
        }
        sli_str_add(out, text.data + from, to - from);
        if (to < text.size) {
            sli_str_char(out, '\\');
            sli_str_char(out, c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : '\\');
        }
        from = to + 1;
    }
}

static void put_bytes(sl_text bytes, sli_str *out)
{
    static const char digits[] = "0123456789abcdef";
    sli_str_text(out, "\\\\x");
    char *to = sli_str_extend(out, 2 * bytes.size);
    for (size_t i = 0; to != NULL && i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        to[2 * i] = digits[c >> 4];
        to[2 * i + 1] = digits[c & 15];
    }
}

static void put_cell(const sl_field *field, const sl_column *column, int64_t row, sli_str *out)
{
    if (sl_column_is_null(column, row)) {
        sli_str_add(out, "\\N", 2);
    } else if (field->type == SL_STRING) {
        put_text(sl_column_text(column, row), out);
    } else if (field->type == SL_BINARY) {
        put_bytes(sl_column_text(column, row), out);
    } else {
        sli_print_cell(out, field, column, row); // numbers, dates, times: nothing to escape
    }
}

void sli_psink_rows_put(const psink_columns *self, const sl_batch *batch, int64_t from, int64_t to,
                        sli_str *out)
{
    for (int64_t row = from; row < to; row++) {
        for (int32_t i = 0; i < self->n; i++) {
            put_cell(self->items[i].field, sl_batch_column(batch, i), row, out);
            sli_str_char(out, i + 1 < self->n || self->mark >= 0 ? '\t' : '\n');
        }
        if (self->mark >= 0) {
            sli_str_text(out, sli_sink_goes(batch, self->mark, row) ? "t\n" : "f\n");
        }
    }
}
