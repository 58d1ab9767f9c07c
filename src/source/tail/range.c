// range.c — positions and ranges as bytes; layout in README.md.
#include "source/tail/tail_int.h"

enum {
    POSITION = 0x31505453, // "STP1"
    RANGE = 0x31525453,    // "STR1"
    IN_LONG = 1,
    LEFT = 2,
    DONE = 4,
};

static sl_code corrupt(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "a tail's %s is damaged, or another source's", what);
}

static void put_mark(sli_str *out, tail_mark mark)
{
    sli_put_u64(out, mark.head);
    sli_put_u64(out, mark.last);
}

static tail_mark get_mark(sli_reader *in)
{
    uint64_t head = sli_get_u64(in);
    return (tail_mark){head, sli_get_u64(in)};
}

static int64_t get_place(sli_reader *in)
{
    uint64_t v = sli_get_varint(in);
    if (v > INT64_MAX) {
        sli_reader_spoil(in);
    }
    return in->bad ? 0 : (int64_t)v;
}

static sl_text get_name(sli_reader *in)
{
    sl_bytes name = sli_get_bytes(in);
    if (!in->bad && (name.size == 0 || memchr(name.data, '\0', name.size) != NULL)) {
        sli_reader_spoil(in);
    }
    return in->bad ? (sl_text){"", 0} : (sl_text){name.data, name.size};
}

// ---------------------------------------------------------------- positions

/// Of others nothing is known that a later life could use.
static bool is_on_record(const tail_file *file)
{
    return file->offset > 0 && !file->is_pending;
}

void tail_position_put(const tail_source *self, uint64_t number, sli_str *out)
{
    int32_t n = 0;
    for (int32_t i = 0; i < self->files.n; i++) {
        n += is_on_record(&self->files.items[i]);
    }
    sli_put_u32(out, POSITION);
    sli_put_u64(out, number);
    sli_put_u8(out, self->started ? 1 : 0);
    sli_put_varint(out, (uint64_t)n);
    for (int32_t i = 0; i < self->files.n; i++) {
        const tail_file *file = &self->files.items[i];
        if (is_on_record(file)) {
            sli_put_text(out, file->name);
            sli_put_u64(out, file->identity);
            sli_put_varint(out, (uint64_t)file->offset);
            sli_put_u8(out, (uint8_t)((file->in_long ? IN_LONG : 0) | (file->is_left ? LEFT : 0) |
                                      (file->is_done ? DONE : 0)));
            put_mark(out, file->mark);
        }
    }
}

static sl_code get_file(tail_files *files, sli_reader *in, sl_error *err)
{
    tail_file *file = NULL, got = {0};
    sl_text name = get_name(in);
    got.identity = sli_get_u64(in);
    got.offset = get_place(in);
    uint8_t flags = sli_get_u8(in);
    got.mark = get_mark(in);
    if (in->bad || got.offset == 0 || flags > (IN_LONG | LEFT | DONE)) {
        return corrupt("position", err);
    }
    SL_TRY(tail_files_add(files, name.data, name.size, &file, err));
    got.name = file->name;
    got.in_long = (flags & IN_LONG) != 0;
    got.is_left = (flags & LEFT) != 0;
    got.is_done = (flags & DONE) != 0;
    got.tried_size = -1;
    *file = got;
    return SL_OK;
}

sl_code tail_position_get(tail_source *self, sl_bytes bytes, sl_error *err)
{
    sli_reader in = sli_reader_of(bytes);
    uint32_t magic = sli_get_u32(&in);
    uint64_t number = sli_get_u64(&in);
    uint8_t started = sli_get_u8(&in);
    uint64_t n = sli_get_varint(&in);
    if (in.bad || magic != POSITION || started > 1 || n > TAIL_MOST_FILES) {
        return corrupt("position", err);
    }
    tail_files files = {0};
    sl_code rc = SL_OK;
    for (uint64_t i = 0; rc == SL_OK && i < n; i++) {
        rc = get_file(&files, &in, err);
    }
    rc = rc == SL_OK ? sli_reader_done(&in, "a tail's position", err) : rc;
    if (rc != SL_OK) {
        tail_files_reset(&files);
        return rc;
    }
    tail_files_reset(&self->files);
    self->files = files;
    self->number = number;
    self->started = started != 0;
    return SL_OK;
}

// ---------------------------------------------------------------- ranges

void tail_range_put(uint64_t number, sl_bytes position, const tail_item *items, int32_t n,
                    sli_str *out)
{
    sli_put_u32(out, RANGE);
    sli_put_u64(out, number);
    sli_put_bytes(out, position.data, position.size);
    sli_put_varint(out, (uint64_t)n);
    for (int32_t i = 0; i < n; i++) {
        sli_put_bytes(out, items[i].name.data, items[i].name.size);
        sli_put_bytes(out, items[i].at.data, items[i].at.size);
        sli_put_u64(out, items[i].identity);
        sli_put_varint(out, (uint64_t)items[i].from);
        sli_put_varint(out, (uint64_t)items[i].to);
        put_mark(out, items[i].mark);
        sli_put_u64(out, items[i].hash);
    }
}

static tail_item get_item(sli_reader *in)
{
    tail_item item = {.name = get_name(in)};
    item.at = get_name(in);
    item.identity = sli_get_u64(in);
    item.from = get_place(in);
    item.to = get_place(in);
    item.mark = get_mark(in);
    item.hash = sli_get_u64(in);
    if (item.from > item.to) {
        sli_reader_spoil(in);
    }
    return item;
}

sl_code tail_range_get(sl_bytes bytes, tail_range *out, sl_error *err)
{
    tail_range range = {0};
    if (bytes.size > 0) {
        sli_reader in = sli_reader_of(bytes);
        bool ours = sli_get_u32(&in) == RANGE;
        range.number = sli_get_u64(&in);
        range.position = sli_get_bytes(&in);
        uint64_t n = sli_get_varint(&in);
        if (in.bad || !ours || n > TAIL_MOST_FILES) {
            return corrupt("range", err);
        }
        range.items = (sl_bytes){in.at, (size_t)(in.end - in.at)};
        range.n = (int32_t)n;
        for (int32_t i = 0; i < range.n; i++) {
            (void)get_item(&in);
        }
        SL_TRY(sli_reader_done(&in, "a tail's range", err));
    }
    *out = range;
    return SL_OK;
}

tail_item tail_range_item(const tail_range *range, int32_t i)
{
    sli_reader in = sli_reader_of(range->items);
    tail_item item = get_item(&in);
    while (i-- > 0) {
        item = get_item(&in);
    }
    return item;
}
