// Messages: their bytes, and rows made of them by every kind of column.
#include "source/message.h"

#include "base/bytes.h"
#include "col/col.h"

#include "sl_test.h"

#include <stdio.h>

static const sli_message_column table[] = {
    {"topic", SLI_CELL_TEXT},
    {"raw", SLI_CELL_BYTES},
    {"number", SLI_CELL_INT64},
    {"time", SLI_CELL_TIME},
    {"headers", SLI_CELL_HEADERS},
    {"kept", SLI_CELL_BOOL},
    {0},
};
enum { CELLS = 6 };

static sl_bytes text_bytes(const char *text)
{
    return (sl_bytes){text, text == NULL ? 0 : strlen(text)};
}

/// A message of a topic and a value; NULL: null.
static void put(sli_str *out, const char *topic, const char *value)
{
    sli_message message = {.value = text_bytes(value), .cells = {text_bytes(topic)}};
    sli_message_put(out, &message, CELLS);
}

// ---------------------------------------------------------------- bytes

SL_TEST(a_message_is_read_as_it_was_put, "")
{
    sli_str bytes = SLI_STR_INIT;
    sli_message m = {.value = text_bytes("a\nb"),
                     .id = text_bytes("id-7"),
                     .cells = {text_bytes("t"), {NULL, 0}, {"", 0}}};
    sli_message_put(&bytes, &m, 3);
    int64_t first = (int64_t)bytes.size;
    put(&bytes, NULL, NULL);
    sli_message got;
    assert_int_equal(sli_message_get(bytes.data, (int64_t)bytes.size, CELLS, &got), first);
    assert_int_equal(got.value.size, 3);
    assert_memory_equal(got.value.data, "a\nb", 3);
    assert_memory_equal(got.id.data, "id-7", 4);
    assert_memory_equal(got.cells[0].data, "t", 1);
    assert_null(got.cells[1].data);
    assert_non_null(got.cells[2].data); // empty is not null
    assert_null(got.cells[3].data);     // a cell that was added since
    sl_bytes id;
    assert_int_equal(sli_message_id(bytes.data, (int64_t)bytes.size, &id), first);
    assert_int_equal(id.size, 4);
    assert_int_equal(sli_message_get(bytes.data + first, (int64_t)bytes.size - first, 1, &got),
                     (int64_t)bytes.size - first); // by a table of fewer cells
    assert_null(got.value.data);
    sli_str_reset(&bytes);
}

SL_TEST(bytes_that_are_no_whole_message_are_refused, "ERRORS-5")
{
    sli_str bytes = SLI_STR_INIT;
    sli_message m = {.value = text_bytes("value"), .id = text_bytes("id"), .cells = {{"t", 1}}};
    sli_message_put(&bytes, &m, CELLS);
    sli_message got;
    for (int64_t size = 0; size < (int64_t)bytes.size; size++) {
        assert_int_equal(sli_message_get(bytes.data, size, CELLS, &got), 0);
    }
    int64_t read = 0;
    for (size_t at = 0; at < bytes.size; at++) { // whatever a byte says, nothing behind is read
        for (int change = 1; change < 256; change++) {
            bytes.data[at] = (char)(bytes.data[at] ^ change);
            read += sli_message_get(bytes.data, (int64_t)bytes.size, CELLS, &got) != 0;
            bytes.data[at] = (char)(bytes.data[at] ^ change);
        }
    }
    assert_true(read > 0); // changes of the value's own bytes at least
    sli_str_reset(&bytes);
}

// ---------------------------------------------------------------- rows

typedef struct reading {
    sl_conf *conf;
    const sli_format_ops *format;
    sl_schema *schema;
    sli_str rows;
    sl_error error;
} reading;

static sl_code open_reading(reading *r, const sli_format_ops *format, const char *settings)
{
    static const sl_option own[] = {SLI_MESSAGE_OPTION_COLUMNS("topic, raw, number"), {0}};
    const sl_option *tables[] = {own, format->options, NULL};
    *r = (reading){.format = format};
    assert_int_equal(sl_conf_new(&r->conf, "test", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(r->conf, settings, NULL), SL_OK);
    return sli_message_schema(&r->schema, table, format, r->conf, &r->error);
}

static void close_reading(reading *r)
{
    sl_schema_unref(r->schema);
    sl_conf_free(r->conf);
    sli_str_reset(&r->rows);
}

static sl_code print_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_str *out = ctx;
    const sl_schema *schema = sl_batch_schema(batch);
    (void)err;
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
            const sl_column *column = sl_batch_column(batch, i);
            sli_str_text(out, i == 0 ? "" : "|");
            if (sl_column_is_null(column, row)) {
                sli_str_text(out, "null");
            } else if (sl_schema_field(schema, i)->type == SL_LIST) {
                sli_str_printf(out, "%d headers",
                               ((const int32_t *)column->values)[row + 1] -
                                   ((const int32_t *)column->values)[row]);
            } else {
                sli_print_cell(out, sl_schema_field(schema, i), column, row);
            }
        }
        sli_str_char(out, '\n');
    }
    return SL_OK;
}

static sl_code read_rows(reading *r, const sli_str *bytes)
{
    sli_message_rows *rows = NULL;
    sli_buffer *data = sli_buffer_new((int64_t)bytes->size);
    memcpy(sli_buffer_data(data), bytes->data, bytes->size);
    assert_int_equal(sli_message_rows_new(&rows, table, r->format, r->conf, r->schema, NULL),
                     SL_OK);
    sl_code rc = sli_message_rows_feed(rows, data, "test", print_rows, &r->rows, &r->error);
    sli_message_rows_free(rows);
    sli_buffer_unref(data);
    return rc;
}

SL_TEST(columns_are_those_that_were_named_then_the_values, "")
{
    reading r;
    assert_int_equal(
        open_reading(&r, &sli_format_text,
                     "columns='topic, headers.X-Id, number, time, kept, headers' column=v"),
        SL_OK);
    SL_CHECK_TEXT(
        sl_schema_text(r.schema),
        "topic string?, X_Id string?, number int64?, time timestamp?, kept bool?, headers "
        "list<struct<name string, value binary?>>?, v string");
    sli_str bytes = SLI_STR_INIT, headers = SLI_STR_INIT, number = SLI_STR_INIT;
    sli_headers_put(&headers, text_bytes("X-Id"), text_bytes("old"));
    sli_headers_put(&headers, text_bytes("none"), text_bytes(NULL));
    sli_headers_put(&headers, text_bytes("X-Id"), text_bytes("new"));
    sli_put_i64(&number, 86400000000);
    sl_bytes eight = {number.data, 8};
    sli_message m = {
        .value = text_bytes("one\ntwo"),
        .cells = {
            text_bytes("t"), {NULL, 0}, eight, eight, {headers.data, headers.size}, {"\1", 1}}};
    sli_message_put(&bytes, &m, CELLS);
    put(&bytes, "s", "three");
    assert_int_equal(read_rows(&r, &bytes), SL_OK);
    SL_CHECK_TEXT(r.rows.data, "t|new|86400000000|1970-01-02T00:00:00Z|true|3 headers|one\ntwo\n"
                               "s|null|null|null|null|null|three\n");
    sli_str_reset(&number);
    sli_str_reset(&headers);
    sli_str_reset(&bytes);
    close_reading(&r);
}

SL_TEST(what_is_malformed_leaves_the_columns_of_the_others_right, "")
{
    reading r;
    sli_str bytes = SLI_STR_INIT;
    assert_int_equal(
        open_reading(&r, &sli_format_json, "columns=topic schema='n int64?' malformed=skip"),
        SL_OK);
    put(&bytes, "a", "{\"n\":1}");
    put(&bytes, "b", "{\"n\":");
    put(&bytes, "c", NULL);
    put(&bytes, "d", "{\"n\":4}");
    assert_int_equal(read_rows(&r, &bytes), SL_OK);
    SL_CHECK_TEXT(r.rows.data, "a|1\nc|null\nd|4\n");
    sli_str_reset(&bytes);
    close_reading(&r);
}

SL_TEST(text_cells_that_are_not_utf8_are_repaired, "ERRORS-5")
{
    reading r;
    sli_str bytes = SLI_STR_INIT;
    assert_int_equal(open_reading(&r, &sli_format_text, "columns=topic"), SL_OK);
    put(&bytes, "a\xff", "v");
    assert_int_equal(read_rows(&r, &bytes), SL_OK);
    SL_CHECK_TEXT(r.rows.data, "a\xEF\xBF\xBD|v\n");
    sli_str_reset(&bytes);
    close_reading(&r);
}

SL_TEST(a_column_that_is_none_or_is_there_twice_is_refused, "ERRORS-1")
{
    static const char *const wrong[][2] = {
        {"columns=topik",
         "option columns: there is no \"topik\"; there are topic, raw, number, time, "
         "headers, kept, headers.NAME"},
        {"columns=headers.", "there is no \"headers.\""},
        {"columns='topic,topic'", "option columns: "},
        {"columns=topic column=topic", "option columns: "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        reading r;
        assert_int_equal(open_reading(&r, &sli_format_text, wrong[i][0]), SL_E_CONFIG);
        assert_non_null(strstr(r.error.text, wrong[i][1]));
        close_reading(&r);
    }
}

SL_TEST(a_block_that_holds_no_messages_is_an_error_with_its_place, "ERRORS-1")
{
    reading r;
    sli_str bytes = SLI_STR_INIT;
    assert_int_equal(open_reading(&r, &sli_format_text, ""), SL_OK);
    put(&bytes, "a", "v");
    int64_t place = (int64_t)bytes.size;
    sli_str_text(&bytes, "xyz");
    assert_int_equal(read_rows(&r, &bytes), SL_E_CORRUPT);
    char want[64];
    (void)snprintf(want, sizeof want, "test: no message at byte %d", (int)place);
    SL_CHECK_TEXT(r.error.text, want);
    sli_str_reset(&bytes);
    close_reading(&r);
}
