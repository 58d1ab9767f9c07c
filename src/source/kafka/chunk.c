/// chunk.c — records copied out of the client's memory: values end to end, an array each of what
/// else is known of them.
///
/// The client's own records, several hundred bytes each whatever their size, can go back at once.
/// Room is made for many records together, so that copying one is a copy of its bytes and a few
/// stores. A chunk is one block for the arrays and a shared buffer for each kind of bytes, so that
/// rows can point into it.
#include "base/bytes.h"
#include "source/kafka/kafka_int.h"
#include "source/message.h"

// ---------------------------------------------------------------- making

static int64_t nulls_bytes(const kafka_room *room)
{
    return (room->records + 63) / 64 * 8;
}

/// Bytes of the block: the struct, offsets, times, and the starts of each kind of cells.
static size_t block_bytes(const kafka_room *room, int32_t n_kinds)
{
    size_t n = (size_t)room->records;
    return sizeof(kafka_chunk) + n * 16 + (size_t)n_kinds * (n + 1) * sizeof(int32_t);
}

/// The arrays lie behind the struct.
static void place_arrays(kafka_chunk *chunk, int32_t wants)
{
    int64_t n = chunk->room.records;
    chunk->offsets = (int64_t *)(void *)(chunk + 1);
    chunk->times_us = chunk->offsets + n;
    int32_t *starts = (int32_t *)(void *)(chunk->times_us + n);
    chunk->values.starts = starts;
    starts += n + 1;
    if ((wants & KAFKA_WANTS_KEY) != 0) {
        chunk->keys.starts = starts;
        starts += n + 1;
    }
    chunk->headers.starts = (wants & KAFKA_WANTS_HEADERS) != 0 ? starts : NULL;
}

kafka_chunk *kafka_chunk_new(const kafka_room *room, int32_t wants)
{
    bool keys = (wants & KAFKA_WANTS_KEY) != 0, headers = (wants & KAFKA_WANTS_HEADERS) != 0;
    size_t size = block_bytes(room, 1 + keys + headers);
    kafka_chunk *chunk = sl_alloc(SLI_TAG_SOURCE, size);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (kafka_chunk){.refs = 1, .room = *room, .packed.tag = SLI_TAG_SOURCE};
    place_arrays(chunk, wants);
    chunk->values.starts[0] = 0;
    chunk->values.data = sli_buffer_new(room->value_bytes);
    bool whole = chunk->values.data != NULL;
    if (keys && whole) {
        chunk->keys.starts[0] = 0;
        chunk->keys.data = sli_buffer_new(room->key_bytes);
        whole = chunk->keys.data != NULL;
    }
    if (headers) {
        chunk->headers.starts[0] = 0;
    }
    if (!whole) {
        kafka_chunk_unref(chunk);
        return NULL;
    }
    chunk->bytes = (int64_t)size + room->value_bytes + (keys ? room->key_bytes : 0);
    return chunk;
}

kafka_chunk *kafka_chunk_ref(kafka_chunk *chunk)
{
    atomic_fetch_add_explicit(&chunk->refs, 1, memory_order_relaxed); // the caller has one
    return chunk;
}

static void cells_reset(kafka_cells *cells)
{
    sli_buffer_unref(cells->data);
    sl_free(cells->nulls);
}

void kafka_chunk_unref(kafka_chunk *chunk)
{
    // Release: what this reader has read comes before; acquire: what all have read, before the end.
    if (chunk != NULL && atomic_fetch_sub_explicit(&chunk->refs, 1, memory_order_acq_rel) == 1) {
        cells_reset(&chunk->values);
        cells_reset(&chunk->keys);
        cells_reset(&chunk->headers);
        sli_str_reset(&chunk->packed);
        sl_free(chunk);
    }
}

kafka_room kafka_room_for(const sli_kafka_record *records, int32_t n, int32_t wants, int64_t most)
{
    kafka_room room = {0};
    bool keys = (wants & KAFKA_WANTS_KEY) != 0;
    while (room.records < n) {
        const sli_kafka_record *record = &records[room.records];
        int64_t value = (int64_t)record->value_size + 1,
                key = keys ? (int64_t)record->key_size + 1 : 0;
        bool fits = room.value_bytes + value <= most && room.key_bytes + key <= most;
        if (room.records > 0 && !fits) {
            break;
        }
        room.value_bytes += value;
        room.key_bytes += key;
        room.records++;
    }
    return room;
}

// ---------------------------------------------------------------- filling

static sl_code set_null(kafka_cells *cells, const kafka_room *room, int32_t i, sl_error *err)
{
    if (cells->nulls == NULL) {
        cells->nulls = sl_alloc_zero(SLI_TAG_SOURCE, (size_t)nulls_bytes(room));
        if (cells->nulls == NULL) {
            return sl_error_nomem(err, (size_t)nulls_bytes(room), "nulls of records");
        }
    }
    cells->nulls[i / 64] |= (uint64_t)1 << (i % 64);
    return SL_OK;
}

/// Item i; the byte behind it is written too.
static inline void put_cell(kafka_cells *cells, char *data, int32_t i, const char *bytes,
                            uint32_t size)
{
    char *at = data + cells->starts[i];
    if (size <= SLI_FEW_BYTES) {
        sli_copy_few(at, bytes, size);
    } else {
        memcpy(at, bytes, size);
    }
    at[size] = '\n';
    cells->starts[i + 1] = cells->starts[i] + (int32_t)size + 1;
}

static inline bool has_room(const kafka_chunk *chunk, const sli_kafka_record *record, bool keys)
{
    int64_t value = (int64_t)chunk->values.starts[chunk->n] + record->value_size + 1;
    int64_t key = keys ? (int64_t)chunk->keys.starts[chunk->n] + record->key_size + 1 : 0;
    return chunk->n < chunk->room.records && value <= chunk->room.value_bytes &&
           key <= chunk->room.key_bytes;
}

static sl_code put_key(kafka_chunk *chunk, const sli_kafka_record *record, sl_error *err)
{
    put_cell(&chunk->keys, sli_buffer_data(chunk->keys.data), chunk->n, record->key,
             record->key_size);
    return record->key == NULL ? set_null(&chunk->keys, &chunk->room, chunk->n, err) : SL_OK;
}

typedef struct packing {
    sli_str *out;
    uint64_t n;
} packing;

static sl_code count_header(void *ctx, const char *name, const sl_bytes *value, sl_error *err)
{
    (void)name;
    (void)value;
    (void)err;
    ((packing *)ctx)->n++;
    return SL_OK;
}

static sl_code pack_header(void *ctx, const char *name, const sl_bytes *value, sl_error *err)
{
    (void)err;
    sli_headers_put(((packing *)ctx)->out, (sl_bytes){name, strlen(name)},
                    value == NULL ? (sl_bytes){NULL, 0} : *value);
    return SL_OK;
}

static sl_code put_headers(kafka_chunk *chunk, sli_kafka *client, const sli_kafka_record *record,
                           sl_error *err)
{
    packing p = {.out = &chunk->packed};
    if (record->headers) {
        SL_TRY(sli_kafka_gate.headers(client, record, count_header, &p, err));
    }
    sli_put_varint(p.out, p.n);
    if (record->headers) {
        SL_TRY(sli_kafka_gate.headers(client, record, pack_header, &p, err));
    }
    sli_str_char(p.out, '\n');
    SL_TRY(sli_str_check(p.out, "headers of records", err));
    if (p.out->size > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "headers of more than 2 GiB");
    }
    chunk->headers.starts[chunk->n + 1] = (int32_t)p.out->size;
    return SL_OK;
}

sl_code kafka_chunk_add(kafka_chunk *chunk, sli_kafka *client, const sli_kafka_record *records,
                        int32_t n, int32_t *n_added, sl_error *err)
{
    bool keys = chunk->keys.data != NULL, headers = chunk->headers.starts != NULL;
    char *data = sli_buffer_data(chunk->values.data);
    int32_t i = 0;
    for (; i < n && has_room(chunk, &records[i], keys); i++) {
        const sli_kafka_record *record = &records[i];
        put_cell(&chunk->values, data, chunk->n, record->value, record->value_size);
        if (record->value == NULL) {
            SL_TRY(set_null(&chunk->values, &chunk->room, chunk->n, err));
        }
        if (keys) {
            SL_TRY(put_key(chunk, record, err));
        }
        if (headers) {
            SL_TRY(put_headers(chunk, client, record, err));
        }
        chunk->offsets[chunk->n] = record->offset;
        chunk->times_us[chunk->n] = record->timestamp_us;
        chunk->n++;
    }
    *n_added = i;
    return SL_OK;
}

// ---------------------------------------------------------------- the end

/// What is read behind the last value, whole vectors at a time, is the same every time.
static void pad(sli_buffer *data, int64_t used)
{
    int64_t left = sli_buffer_size(data) - used;
    if (left > 0) {
        memset(sli_buffer_data(data) + used, 0,
               (size_t)(left < SLI_BUFFER_PAD ? left : SLI_BUFFER_PAD));
    }
}

/// Whether there are other line ends than the byte behind each value. Simple enough for vectors.
static bool holds_lines(const char *data, int64_t size, int32_t n)
{
    enum { BLOCK = 128 }; // so that counts of a block fit into bytes
    int64_t ends = 0, returns = 0;
    for (int64_t at = 0; at < size; at += BLOCK) {
        int64_t to = size - at < BLOCK ? size - at : BLOCK;
        uint8_t e = 0, r = 0;
        for (int64_t i = 0; i < to; i++) {
            e = (uint8_t)(e + (data[at + i] == '\n'));
            r = (uint8_t)(r + (data[at + i] == '\r'));
        }
        ends += e;
        returns += r;
    }
    return ends != n || returns != 0;
}

static sl_code end_headers(kafka_chunk *chunk, sl_error *err)
{
    size_t size = chunk->packed.size;
    chunk->headers.data = sli_buffer_new((int64_t)size);
    if (chunk->headers.data == NULL) {
        return sl_error_nomem(err, size, "headers of records");
    }
    memcpy(sli_buffer_data(chunk->headers.data), chunk->packed.data, size);
    sli_str_reset(&chunk->packed);
    chunk->bytes += (int64_t)size;
    return SL_OK;
}

sl_code kafka_chunk_end(kafka_chunk *chunk, bool lines, sl_error *err)
{
    const char *data = sli_buffer_bytes(chunk->values.data);
    int64_t used = chunk->values.starts[chunk->n];
    pad(chunk->values.data, used);
    if (chunk->keys.data != NULL) {
        pad(chunk->keys.data, chunk->keys.starts[chunk->n]);
    }
    chunk->lines = !lines || holds_lines(data, used, chunk->n);
    return chunk->headers.starts != NULL && chunk->n > 0 ? end_headers(chunk, err) : SL_OK;
}

int32_t kafka_chunk_find(const kafka_chunk *chunk, int64_t offset)
{
    int32_t from = 0, to = chunk->n;
    while (from < to) {
        int32_t middle = from + (to - from) / 2;
        if (chunk->offsets[middle] < offset) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}
