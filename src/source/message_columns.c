// message_columns.c — the columns beside a message's value: which are wanted, and cells made to
// them.
#include "source/message_int.h"

#include "base/bytes.h"
#include "col/col.h"

static const char *const types[] = {
    [SLI_CELL_TEXT] = "string?", [SLI_CELL_BYTES] = "binary?",
    [SLI_CELL_INT64] = "int64?", [SLI_CELL_TIME] = "timestamp?",
    [SLI_CELL_BOOL] = "bool?",   [SLI_CELL_HEADERS] = "list<struct<name string, value binary?>>?",
};

int32_t sli_message_cells(const sli_message_column *table)
{
    int32_t n = 0;
    while (table[n].name != NULL) {
        n++;
    }
    SL_ASSERT(n <= SLI_MESSAGE_CELLS, "a table of cells is short");
    return n;
}

// ---------------------------------------------------------------- the option `columns`

static int32_t find_cell(const sli_message_column *table, sl_text name)
{
    for (int32_t i = 0; table[i].name != NULL; i++) {
        if (sli_text_is(name, table[i].name)) {
            return i;
        }
    }
    return -1;
}

static int32_t find_headers(const sli_message_column *table)
{
    for (int32_t i = 0; table[i].name != NULL; i++) {
        if (table[i].kind == SLI_CELL_HEADERS) {
            return i;
        }
    }
    return -1;
}

static sl_code unknown(const sli_message_column *table, sl_text item, sl_error *err)
{
    sli_str names = {.tag = SLI_TAG_SOURCE};
    for (int32_t i = 0; table[i].name != NULL; i++) {
        sli_str_printf(&names, "%s%s", i == 0 ? "" : ", ", table[i].name);
    }
    int32_t headers = find_headers(table);
    if (headers >= 0) {
        sli_str_printf(&names, ", %s.NAME", table[headers].name);
    }
    sl_code rc = sl_error_set(
        err, SL_E_CONFIG, "option columns: there is no \"%.*s\"; there are %s",
        item.size > 64 ? 64 : (int)item.size, item.data, names.failed ? "others" : names.data);
    sli_str_reset(&names);
    return rc;
}

/// A cell's name, or that of the headers, a dot and a header's.
static sl_code find_wanted(const sli_message_column *table, sl_text item, message_wanted *out,
                           sl_error *err)
{
    int32_t headers = find_headers(table);
    size_t prefix = headers < 0 ? 0 : strlen(table[headers].name);
    *out = (message_wanted){.cell = find_cell(table, item)};
    if (out->cell < 0 && headers >= 0 && item.size > prefix + 1 && item.data[prefix] == '.' &&
        memcmp(item.data, table[headers].name, prefix) == 0) {
        *out = (message_wanted){headers, {item.data + prefix + 1, item.size - prefix - 1}};
    }
    return out->cell < 0 ? unknown(table, item, err) : SL_OK;
}

/// The next item of a list with commas; false at its end. Moves *at behind it.
static bool next_item(const char **at, sl_text *out)
{
    const char *p = *at + strspn(*at, ", ");
    size_t size = strcspn(p, ",");
    *at = p + size;
    while (size > 0 && p[size - 1] == ' ') {
        size--;
    }
    *out = (sl_text){p, size};
    return size > 0;
}

static sl_code read_wanted(const sli_message_column *table, const sl_conf *conf,
                           message_wanted_list *out, sl_error *err)
{
    const char *at = sl_conf_text(conf, "columns");
    sl_text item;
    out->n = 0;
    while (at != NULL && next_item(&at, &item)) {
        if (out->n == MESSAGE_MOST_WANTED) {
            return sl_error_set(err, SL_E_CONFIG, "option columns: more than %d",
                                MESSAGE_MOST_WANTED);
        }
        SL_TRY(find_wanted(table, item, &out->items[out->n], err));
        out->n++;
    }
    return SL_OK;
}

/// Appends "NAME TYPE": a header's column has its name, '_' for what no column's name may have.
static void put_field(sli_str *out, const sli_message_column *table, const message_wanted *w)
{
    if (w->header.data == NULL) {
        sli_str_printf(out, "%s %s", table[w->cell].name, types[table[w->cell].kind]);
        return;
    }
    for (size_t i = 0; i < w->header.size; i++) {
        char c = w->header.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool word = letter || (i > 0 && ((c >= '0' && c <= '9') || c == '.'));
        sli_str_char(out, word ? c : '_');
    }
    sli_str_text(out, " string?");
}

static void put_fields(sli_str *out, const sli_message_column *table,
                       const message_wanted_list *wanted)
{
    for (int32_t i = 0; i < wanted->n; i++) {
        sli_str_text(out, i == 0 ? "" : ", ");
        put_field(out, table, &wanted->items[i]);
    }
}

/// The columns of the cells and those of the value must differ by name.
static sl_code join_schemas(sl_schema **out, const sli_str *beside, const sl_schema *value,
                            sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_SOURCE};
    sli_str_printf(&text, "%s%s%s", beside->data, beside->size == 0 ? "" : ", ",
                   sl_schema_text(value));
    sl_error why = SL_ERROR_INIT;
    sl_code rc = sli_str_check(&text, "a schema", err);
    if (rc == SL_OK && sl_schema_parse(out, text.data, &why) != SL_OK) {
        rc =
            sl_error_set(err, SL_E_CONFIG,
                         "option columns: %s; what is a column of the value too has to get another "
                         "name there, or to be left out here",
                         why.text);
    }
    sli_str_reset(&text);
    return rc;
}

sl_code sli_message_schema(sl_schema **out, const sli_message_column *table,
                           const sli_format_ops *format, const sl_conf *conf, sl_error *err)
{
    message_wanted_list wanted;
    sl_schema *value = NULL;
    sli_str beside = {.tag = SLI_TAG_SOURCE};
    SL_TRY(read_wanted(table, conf, &wanted, err));
    SL_TRY(sli_values_check(format, conf, err));
    SL_TRY(format->schema(conf, &value, err));
    sli_str_text(&beside, "");
    put_fields(&beside, table, &wanted);
    sl_code rc = sli_str_check(&beside, "columns", err);
    rc = rc == SL_OK ? join_schemas(out, &beside, value, err) : rc;
    sli_str_reset(&beside);
    sl_schema_unref(value);
    return rc;
}

// ---------------------------------------------------------------- open and close

static sl_code open_builder(message_columns *columns, sl_error *err)
{
    if (columns->wanted.n == 0) {
        return SL_OK;
    }
    sli_str text = {.tag = SLI_TAG_SOURCE};
    put_fields(&text, columns->table, &columns->wanted);
    sl_code rc = sli_str_check(&text, "columns", err);
    rc = rc == SL_OK ? sl_schema_parse(&columns->schema, text.data, err) : rc;
    rc = rc == SL_OK ? sl_builder_new(&columns->builder, columns->schema, err) : rc;
    sli_str_reset(&text);
    return rc;
}

sl_code message_columns_open(message_columns *columns, const sli_message_column *table,
                             const sl_conf *conf, sl_error *err)
{
    columns->table = table;
    columns->n_cells = sli_message_cells(table);
    SL_TRY(read_wanted(table, conf, &columns->wanted, err));
    return open_builder(columns, err);
}

void message_columns_close(message_columns *columns)
{
    sl_batch_unref(columns->made);
    sl_builder_free(columns->builder);
    sl_schema_unref(columns->schema);
}

// ---------------------------------------------------------------- cells to columns

static void add_text(sl_builder *builder, int32_t column, sl_bytes text)
{
    if (sli_utf8_check(text.data, text.size) == text.size) {
        sl_builder_text(builder, column, text.data, text.size);
        return;
    }
    sli_str repaired = {.tag = SLI_TAG_SOURCE};
    (void)sli_utf8_repair(text.data, text.size, &repaired);
    if (repaired.failed) {
        sli_builder_fail(builder, SL_E_NOMEM, "no memory for a cell");
    } else {
        sl_builder_text(builder, column, repaired.data, repaired.size);
    }
    sli_str_reset(&repaired);
}

/// Reads the next header; false at the end.
static bool next_header(sli_reader *reader, sl_bytes *name, sl_bytes *value)
{
    if (reader->at == reader->end) {
        return false;
    }
    *name = sli_get_bytes(reader);
    bool has_value = sli_get_u8(reader) != 0;
    *value = has_value ? sli_get_bytes(reader) : (sl_bytes){NULL, 0};
    return !reader->bad;
}

void sli_headers_build(sl_builder *builder, int32_t column, sl_bytes cell)
{
    sli_reader reader = sli_reader_of(cell);
    sl_bytes name, value;
    sl_builder_list_begin(builder, column);
    while (next_header(&reader, &name, &value)) {
        sl_builder_struct_begin(builder, column);
        add_text(builder, column, name);
        if (value.data == NULL) {
            sl_builder_null(builder, column);
        } else {
            sl_builder_text(builder, column, value.data, value.size);
        }
        sl_builder_struct_end(builder, column);
    }
    sl_builder_list_end(builder, column);
}

static void add_header(sl_builder *builder, int32_t column, sl_bytes cell, sl_text wanted_name)
{
    sli_reader reader = sli_reader_of(cell);
    sl_bytes name, value, last = {NULL, 0};
    while (next_header(&reader, &name, &value)) {
        if (name.size == wanted_name.size && memcmp(name.data, wanted_name.data, name.size) == 0) {
            last = value;
        }
    }
    if (last.data == NULL) {
        sl_builder_null(builder, column);
    } else {
        add_text(builder, column, last);
    }
}

static void add_number(sl_builder *builder, int32_t column, sl_bytes cell)
{
    sli_reader reader = sli_reader_of(cell);
    sl_builder_int64(builder, column, sli_get_i64(&reader));
}

static void add_cell(sl_builder *builder, int32_t column, sli_cell_kind kind, sl_bytes cell)
{
    switch (kind) {
    case SLI_CELL_TEXT:
        add_text(builder, column, cell);
        break;
    case SLI_CELL_BYTES:
        sl_builder_text(builder, column, cell.data, cell.size);
        break;
    case SLI_CELL_INT64:
    case SLI_CELL_TIME:
        add_number(builder, column, cell);
        break;
    case SLI_CELL_BOOL:
        sl_builder_bool(builder, column, cell.size > 0 && *(const char *)cell.data != 0);
        break;
    case SLI_CELL_HEADERS:
        sli_headers_build(builder, column, cell);
        break;
    }
}

static void add_row(const message_columns *columns, const sli_message *message)
{
    for (int32_t i = 0; i < columns->wanted.n; i++) {
        const message_wanted *w = &columns->wanted.items[i];
        sl_bytes cell = message->cells[w->cell];
        if (cell.data == NULL) {
            sl_builder_null(columns->builder, i);
        } else if (w->header.data != NULL) {
            add_header(columns->builder, i, cell, w->header);
        } else {
            add_cell(columns->builder, i, columns->table[w->cell].kind, cell);
        }
    }
}

sl_code message_columns_make(message_columns *columns, const char *data, int64_t size,
                             const int64_t *at, const int32_t *from, int64_t n, sl_error *err)
{
    sl_batch_unref(columns->made);
    columns->made = NULL;
    for (int64_t i = 0; i < n; i++) {
        sli_message message;
        (void)sli_message_get(data + at[from[i]], size - at[from[i]], columns->n_cells, &message);
        add_row(columns, &message);
    }
    return sl_builder_finish(columns->builder, &columns->made, err);
}
