// message.c — the bytes of a message: as a receiver puts them, and as blocks are cut and read.
#include "source/message.h"

#include "base/assert.h"
#include "base/bytes.h"

enum { SIZE_BYTES = 4 };

// ---------------------------------------------------------------- putting

static void put_cell(sli_str *out, sl_bytes cell)
{
    sli_put_varint(out, cell.data == NULL ? 0 : (uint64_t)cell.size + 1);
    if (cell.data != NULL) {
        sli_str_add(out, cell.data, cell.size);
    }
}

void sli_message_put(sli_str *out, const sli_message *message, int32_t n_cells)
{
    SL_ASSERT(n_cells >= 0 && n_cells <= SLI_MESSAGE_CELLS, "a source's table of cells");
    size_t at = out->size;
    sli_put_u32(out, 0);
    sli_put_bytes(out, message->id.data, message->id.size);
    sli_put_u8(out, (uint8_t)n_cells);
    for (int32_t i = 0; i < n_cells; i++) {
        put_cell(out, message->cells[i]);
    }
    sli_put_u8(out, message->value.data != NULL);
    sli_str_add(out, message->value.data, message->value.size);
    if (!out->failed) {
        size_t size = out->size - at - SIZE_BYTES;
        SL_ASSERT(size < SLI_MESSAGE_BYTES, "sources refuse what is over max_record");
        for (int32_t i = 0; i < SIZE_BYTES; i++) {
            out->data[at + (size_t)i] = (char)(uint8_t)(size >> (8 * i));
        }
    }
}

void sli_headers_put(sli_str *cell, sl_bytes name, sl_bytes value)
{
    sli_put_bytes(cell, name.data, name.size);
    sli_put_u8(cell, value.data != NULL);
    if (value.data != NULL) {
        sli_put_bytes(cell, value.data, value.size);
    }
}

// ---------------------------------------------------------------- getting

/// A reader of the message behind its size. `bad`: there is no whole one.
static sli_reader open_message(const char *data, int64_t size)
{
    sli_reader reader = sli_reader_of((sl_bytes){data, (size_t)size});
    uint32_t n = sli_get_u32(&reader);
    if ((int64_t)n > size - SIZE_BYTES) {
        sli_reader_spoil(&reader);
    } else {
        reader.end = reader.at + n;
    }
    return reader;
}

static int64_t size_of(const sli_reader *reader, const char *data)
{
    return reader->bad ? 0 : (int64_t)((const char *)reader->end - data);
}

int64_t sli_message_id(const char *data, int64_t size, sl_bytes *id)
{
    sli_reader reader = open_message(data, size);
    *id = sli_get_bytes(&reader);
    return size_of(&reader, data);
}

static sl_bytes get_cell(sli_reader *reader)
{
    uint64_t size = sli_get_varint(reader);
    if (size == 0) {
        return (sl_bytes){NULL, 0};
    }
    if (size - 1 > (uint64_t)(reader->end - reader->at)) {
        sli_reader_spoil(reader);
        return (sl_bytes){NULL, 0};
    }
    sl_bytes cell = {reader->at, (size_t)(size - 1)};
    reader->at += size - 1;
    return cell;
}

int64_t sli_message_get(const char *data, int64_t size, int32_t n_cells, sli_message *out)
{
    sli_reader reader = open_message(data, size);
    *out = (sli_message){.id = sli_get_bytes(&reader)};
    int32_t n = sli_get_u8(&reader);
    for (int32_t i = 0; i < n; i++) {
        sl_bytes cell = get_cell(&reader);
        if (i < n_cells) {
            out->cells[i] = cell;
        }
    }
    uint8_t has_value = sli_get_u8(&reader);
    if (!reader.bad && has_value != 0) {
        out->value = (sl_bytes){reader.at, (size_t)(reader.end - reader.at)};
    }
    return size_of(&reader, data);
}
