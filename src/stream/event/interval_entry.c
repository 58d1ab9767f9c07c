// Rows of a join as the table has them: cells of row bytes (col/README.md), so that a row more is
// some bytes more behind those that are there.
//
//     value: int64 entries, int64 count, list of struct { timestamp time, bool matched, binary row
//     }
//
// A list is its number of members and they, one behind the other; each begins with a byte that says
// that it is there.
#include "stream/event/interval.h"

enum { THERE = 1, MARK_SIZE = 1, INT64_CELL = 9, BOOL_CELL = 2 };
enum { KEY_TAIL = BOOL_CELL + 2 * INT64_CELL };

sl_code sli_entry_read(sl_bytes value, sli_entry_rows *out, sl_error *err)
{
    sli_reader r = sli_reader_of(value);
    out->n_entries = sli_row_take_int64(&r);
    out->count = sli_row_take_int64(&r);
    bool there = sli_row_has_value(&r);
    uint64_t n = sli_get_varint(&r);
    size_t size = (size_t)(r.end - r.at);
    if (r.bad || !there || n > size || out->n_entries < 0 || out->count < 0 ||
        out->n_entries > SLI_MAX_BUCKET_ROWS || out->count > SLI_MAX_BUCKET_ROWS) {
        return sl_error_set(err, SL_E_CORRUPT, "an entry of a join is damaged");
    }
    out->n = (int64_t)n;
    out->rows = (sl_bytes){r.at, size};
    return SL_OK;
}

bool sli_entry_next(sli_reader *r, sli_entry_row *out)
{
    const uint8_t *from = r->at;
    if (from == r->end || r->bad) {
        return false;
    }
    if (!sli_row_has_value(r)) {
        sli_reader_spoil(r);
        r->bad = true;
        return false;
    }
    out->time_us = sli_row_take_int64(r);
    out->matched = sli_row_take_bool(r);
    out->row = sli_row_take_binary(r);
    out->whole = (sl_bytes){from, (size_t)(r->at - from)};
    return !r->bad;
}

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7) {
        size++;
    }
    return size;
}

size_t sli_entry_row_size(sl_bytes row)
{
    return MARK_SIZE + INT64_CELL + BOOL_CELL + MARK_SIZE + varint_size(row.size) + row.size;
}

void sli_entry_put_head(sli_str *out, const sli_entry_rows *entry)
{
    (void)sli_row_put_int64(out, SL_INT64, entry->n_entries);
    (void)sli_row_put_int64(out, SL_INT64, entry->count);
    sli_put_u8(out, THERE);
    sli_put_varint(out, (uint64_t)entry->n);
}

void sli_entry_put_row(sli_str *out, int64_t time_us, bool matched, sl_bytes row)
{
    sli_put_u8(out, THERE);
    (void)sli_row_put_int64(out, SL_TIMESTAMP, time_us);
    (void)sli_row_put_int64(out, SL_BOOL, matched);
    sli_row_put_text(out, (sl_text){row.data, row.size});
}

void sli_entry_put_key(sli_str *out, int32_t side, int64_t bucket, int64_t number)
{
    (void)sli_row_put_int64(out, SL_BOOL, side == SLI_RIGHT);
    (void)sli_row_put_int64(out, SL_INT64, bucket);
    (void)sli_row_put_int64(out, SL_INT64, number);
}

sl_code sli_entry_read_key(sl_bytes key, sli_entry_key *out, sl_error *err)
{
    SL_ASSERT(key.size >= KEY_TAIL, "the key of a join's entry");
    sli_reader r =
        sli_reader_of((sl_bytes){(const char *)key.data + key.size - KEY_TAIL, KEY_TAIL});
    out->side = sli_row_take_bool(&r) ? SLI_RIGHT : SLI_LEFT;
    out->bucket = sli_row_take_int64(&r);
    out->number = sli_row_take_int64(&r);
    return sli_reader_done(&r, "the key of a join's entry", err);
}
