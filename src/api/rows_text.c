// Cells and rows as text: for people, as CSV and as JSON. Lists and structs too, which files of CSV
// do not take, and nulls that can be seen.
#include <math.h>

#include "api/host.h"
#include "sluice/tool.h"

typedef enum style { FOR_PEOPLE, AS_JSON } style;

static void put_hex(sli_str *out, sl_text bytes)
{
    static const char digits[] = "0123456789abcdef";
    sli_str_text(out, "\\x");
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char byte = (unsigned char)bytes.data[i];
        sli_str_char(out, digits[byte >> 4]);
        sli_str_char(out, digits[byte & 15]);
    }
}

static void put_quoted(sli_str *out, const sl_field *field, const sl_column *column, int64_t row)
{
    sli_str text = {.tag = SLI_TAG_API};
    sli_print_cell(&text, field, column, row);
    sli_str_json(out, text.data == NULL ? "" : text.data, text.size);
    out->failed = out->failed || text.failed;
    sli_str_reset(&text);
}

static bool is_finite(const sl_column *column, int64_t row)
{
    return column->type == SL_FLOAT32   ? isfinite(((const float *)column->values)[row])
           : column->type == SL_FLOAT64 ? isfinite(((const double *)column->values)[row])
                                        : true;
}

static void put_cell(sli_str *out, const sl_field *field, const sl_column *column, int64_t row,
                     style how);

static void put_list(sli_str *out, const sl_field *field, const sl_column *column, int64_t row,
                     style how)
{
    const int32_t *offsets = column->values;
    sli_str_char(out, '[');
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        sli_str_text(out, i == offsets[row] ? "" : how == AS_JSON ? "," : ", ");
        put_cell(out, field->children, column->children, i, how);
    }
    sli_str_char(out, ']');
}

static void put_struct(sli_str *out, const sl_field *field, const sl_column *column, int64_t row,
                       style how)
{
    sli_str_char(out, '{');
    for (int32_t i = 0; i < field->n_children; i++) {
        const char *name = field->children[i].name;
        sli_str_text(out, i == 0 ? "" : how == AS_JSON ? "," : ", ");
        if (how == AS_JSON) {
            sli_str_json(out, name, strlen(name));
            sli_str_char(out, ':');
        } else {
            sli_str_printf(out, "%s: ", name);
        }
        put_cell(out, &field->children[i], &column->children[i], row, how);
    }
    sli_str_char(out, '}');
}

static void put_plain(sli_str *out, const sl_field *field, const sl_column *column, int64_t row,
                      style how)
{
    bool is_word = field->type == SL_STRING || field->type == SL_DATE ||
                   field->type == SL_TIMESTAMP || !is_finite(column, row);
    if (how == AS_JSON && is_word) {
        put_quoted(out, field, column, row);
    } else {
        sli_print_cell(out, field, column, row);
    }
}

static void put_cell(sli_str *out, const sl_field *field, const sl_column *column, int64_t row,
                     style how)
{
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, how == AS_JSON ? "null" : "NULL");
    } else if (field->type == SL_LIST) {
        put_list(out, field, column, row, how);
    } else if (field->type == SL_STRUCT) {
        put_struct(out, field, column, row, how);
    } else if (field->type == SL_BINARY) {
        sli_str_text(out, how == AS_JSON ? "\"\\" : "");
        put_hex(out, sl_column_text(column, row));
        sli_str_text(out, how == AS_JSON ? "\"" : "");
    } else {
        put_plain(out, field, column, row, how);
    }
}

static sl_code hand_out(sli_str *text, char **out, sl_error *err)
{
    sli_str_reserve(text, 1);
    char *bytes = sli_str_take(text);
    if (bytes == NULL) {
        return sl_error_nomem(err, 256, "a text");
    }
    *out = bytes;
    return SL_OK;
}

sl_code sl_cell_text(const sl_batch *rows, int32_t column, int64_t row, char **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_API};
    put_cell(&text, sl_schema_field(sl_batch_schema(rows), column), sl_batch_column(rows, column),
             row, FOR_PEOPLE);
    return hand_out(&text, out, err);
}

sl_code sl_rows_json(const sl_batch *rows, char **out, sl_error *err)
{
    const sl_schema *schema = sl_batch_schema(rows);
    sli_str text = {.tag = SLI_TAG_API};
    for (int64_t row = 0; row < sl_batch_rows(rows); row++) {
        for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
            const sl_field *field = sl_schema_field(schema, i);
            sli_str_text(&text, i == 0 ? "{" : ",");
            sli_str_json(&text, field->name, strlen(field->name));
            sli_str_char(&text, ':');
            put_cell(&text, field, sl_batch_column(rows, i), row, AS_JSON);
        }
        sli_str_text(&text, "}\n");
    }
    return hand_out(&text, out, err);
}

// ---------------------------------------------------------------- CSV

/// In quotes where that is needed; an empty text is in quotes, so that null can be told from it.
static void put_csv(sli_str *out, sl_text text)
{
    bool quoted = text.size == 0;
    for (size_t i = 0; i < text.size && !quoted; i++) {
        quoted = strchr(",\"\r\n", text.data[i]) != NULL && text.data[i] != '\0';
    }
    if (!quoted) {
        sli_str_add(out, text.data, text.size);
        return;
    }
    sli_str_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        sli_str_text(out, text.data[i] == '"' ? "\"" : "");
        sli_str_char(out, text.data[i]);
    }
    sli_str_char(out, '"');
}

sl_code sl_rows_csv_names(const sl_schema *columns, char **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_API};
    for (int32_t i = 0; i < sl_schema_columns(columns); i++) {
        sli_str_text(&text, i == 0 ? "" : ",");
        put_csv(&text, sli_text_of(sl_schema_field(columns, i)->name));
    }
    sli_str_char(&text, '\n');
    return hand_out(&text, out, err);
}

sl_code sl_rows_csv(const sl_batch *rows, char **out, sl_error *err)
{
    const sl_schema *schema = sl_batch_schema(rows);
    sli_str text = {.tag = SLI_TAG_API}, cell = {.tag = SLI_TAG_API};
    for (int64_t row = 0; row < sl_batch_rows(rows); row++) {
        for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
            const sl_column *column = sl_batch_column(rows, i);
            sli_str_text(&text, i == 0 ? "" : ",");
            if (!sl_column_is_null(column, row)) {
                sli_str_clear(&cell);
                put_cell(&cell, sl_schema_field(schema, i), column, row, FOR_PEOPLE);
                put_csv(&text, (sl_text){cell.data, cell.size});
            }
        }
        sli_str_char(&text, '\n');
    }
    text.failed = text.failed || cell.failed;
    sli_str_reset(&cell);
    return hand_out(&text, out, err);
}
