// watch.c — which bytes a row was made of, for those who look a record up.
//
// Decoders don't tell: it would cost every row something. So the stream is fed in units in which at
// most one record ends, and what the counters and the consumed bytes did meanwhile tells the
// record. A '\n' ends a unit. A '\r' ends one too, and the byte behind it is one of its own: only
// with it a decoder knows whether the '\r' ended a record. Where all records have one length a unit
// ends with one.
#include "format/format_int.h"

struct sli_watch {
    sli_stream_state *stream;
    sli_raw_fn each;
    void *ctx;
    sl_error why;
    sli_str bytes;  ///< fed and not consumed, and those of the unit
    int64_t offset; ///< in the source, of the first of them, and its line
    int64_t line;
    int64_t rows, skipped; ///< told so far
    bool begun;
    bool after_cr; ///< the last unit ended with '\r'
};

sl_code sli_watch_new(sli_watch **out, sli_stream_state *stream, sli_raw_fn each, void *ctx,
                      sl_error *err)
{
    sli_watch *watch = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *watch);
    if (watch == NULL) {
        return sl_error_nomem(err, sizeof *watch, "a look at records");
    }
    watch->stream = stream;
    watch->each = each;
    watch->ctx = ctx;
    watch->bytes.tag = SLI_TAG_FORMAT;
    watch->line = 1;
    stream->told = &watch->why;
    *out = watch;
    return SL_OK;
}

void sli_watch_free(sli_watch *watch)
{
    if (watch != NULL) {
        sli_str_reset(&watch->bytes);
        sl_free(watch);
    }
}

int64_t sli_watch_unit(const sli_watch *watch, const char *data, int64_t size)
{
    int64_t length = watch->stream->length;
    if (length > 0) {
        int64_t rest = length - (int64_t)watch->bytes.size;
        return size < rest ? size : rest;
    }
    if (watch->after_cr && size > 0) {
        return 1;
    }
    for (int64_t i = 0; i < size; i++) {
        if (data[i] == '\n' || data[i] == '\r') {
            return i + 1;
        }
    }
    return size;
}

sl_code sli_watch_add(sli_watch *watch, const sli_piece *unit, sl_error *err)
{
    size_t size = (size_t)(unit->to - unit->from);
    const char *data = sli_buffer_bytes(unit->data) + unit->from;
    if (!watch->begun) {
        watch->begun = true;
        watch->offset = unit->offset;
    }
    watch->after_cr = size > 0 && data[size - 1] == '\r';
    sli_str_add(&watch->bytes, data, size);
    watch->why.code = SL_OK;
    return sli_str_check(&watch->bytes, "a record", err);
}

static sl_bytes without_line_end(const char *data, size_t size)
{
    size -= size > 0 && data[size - 1] == '\n';
    size -= size > 0 && data[size - 1] == '\r';
    return (sl_bytes){data, size};
}

static sl_code tell(sli_watch *watch, const sli_piece *unit, size_t size, sl_error *err)
{
    const sli_decode_stats *stats = &watch->stream->stats;
    sli_raw_record record = {.name = unit->name,
                             .offset = watch->offset,
                             .line = watch->line,
                             .bytes = watch->stream->length > 0
                                          ? (sl_bytes){watch->bytes.data, size}
                                          : without_line_end(watch->bytes.data, size),
                             .rows = stats->records - watch->rows,
                             .why = watch->why.code == SL_OK ? NULL : watch->why.text};
    if (record.rows == 0 && stats->skipped == watch->skipped) {
        return SL_OK; // a blank line, a header, or no record's end yet
    }
    watch->rows = stats->records;
    watch->skipped = stats->skipped;
    return watch->each(watch->ctx, &record, err);
}

/// Lines that end in the bytes: a '\r' in front of a '\n' ends none of its own.
static int64_t lines_in(const char *data, size_t size)
{
    int64_t n = 0;
    for (size_t i = 0; i < size; i++) {
        n += data[i] == '\n' || (data[i] == '\r' && (i + 1 == size || data[i + 1] != '\n'));
    }
    return n;
}

sl_code sli_watch_look(sli_watch *watch, const sli_piece *unit, int64_t consumed, sl_error *err)
{
    size_t size = (size_t)(consumed - watch->offset);
    SL_ASSERT(consumed >= watch->offset && size <= watch->bytes.size, "bytes that were not fed");
    SL_TRY(tell(watch, unit, size, err));
    watch->line += watch->stream->length > 0 ? 0 : lines_in(watch->bytes.data, size);
    watch->offset = consumed;
    watch->bytes.size -= size;
    if (watch->bytes.size > 0 && size > 0) {
        memmove(watch->bytes.data, watch->bytes.data + size, watch->bytes.size);
    }
    return SL_OK;
}
