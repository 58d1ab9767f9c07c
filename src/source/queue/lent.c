// lent.c — bytes that a program pushed, read where they lie.
//
// They are the program's and end where it says, while decoders read whole words, up to
// SLI_BUFFER_PAD bytes behind what they are given. So what lies nearer than that to the end is read
// from a copy, and all that is before it in place.
#include "source/queue/queue_int.h"

#include <stdio.h>

/// Where split i begins: behind the first '\n' at or after byte i * size / n - 1. Split n: the end.
static int64_t split_begin(const sli_buffer *bytes, int32_t i, int32_t n)
{
    int64_t size = sli_buffer_size(bytes);
    int64_t at = i * size / n;
    if (at == 0 || at == size) {
        return at;
    }
    const char *data = sli_buffer_bytes(bytes);
    const char *end = memchr(data + at - 1, '\n', (size_t)(size - at + 1));
    return end == NULL ? size : end - data + 1;
}

static sl_code copy_tail(const sli_buffer *bytes, int64_t from, int64_t to, sli_buffer **out,
                         sl_error *err)
{
    sli_buffer *copy = sli_buffer_new(to - from);
    if (copy == NULL) {
        return sl_error_nomem(err, (size_t)(to - from), "the end of pushed bytes");
    }
    memcpy(sli_buffer_data(copy), sli_buffer_bytes(bytes) + from, (size_t)(to - from));
    *out = copy;
    return SL_OK;
}

static sl_code feed(sli_records *records, sli_buffer *bytes, int64_t from, int64_t to,
                    const char *name, sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t padded = sli_buffer_size(bytes) - SLI_BUFFER_PAD;
    int64_t near = to <= padded ? to : padded < from ? from : padded;
    SL_TRY(sli_records_feed(records, bytes, from, near, from, name, near == to, emit, ctx, err));
    if (near == to) {
        return SL_OK;
    }
    sli_buffer *tail = NULL;
    SL_TRY(copy_tail(bytes, near, to, &tail, err));
    sl_code rc = sli_records_feed(records, tail, 0, to - near, near, name, true, emit, ctx, err);
    sli_buffer_unref(tail);
    return rc;
}

/// Rows go to `emit`, or records to `look`: the other one is NULL.
static sl_code read_split(sli_queue *self, const sli_queue_split *split, sli_emit_fn emit,
                          sli_raw_fn look, void *ctx, sli_decode_stats *stats, sl_error *err)
{
    int64_t from = split_begin(split->bytes, split->at, split->of);
    int64_t to = split_begin(split->bytes, split->at + 1, split->of);
    if (from == to) {
        return SL_OK;
    }
    sli_records *records = NULL;
    char name[160];
    int n = snprintf(name, sizeof name, "queue '%.100s', push %lld", self->name,
                     (long long)split->number + 1);
    if (split->of > 1) { // lines are counted from its start
        (void)snprintf(name + n, sizeof name - (size_t)n, " (partition %d)", split->at);
    }
    SL_TRY(sli_records_new(&records, self->common.format, self->common.conf, self->common.schema,
                           err));
    sl_code rc = look == NULL ? SL_OK : sli_records_watch(records, look, ctx, err);
    rc = rc == SL_OK ? feed(records, split->bytes, from, to, name, emit, ctx, err) : rc;
    if (stats != NULL) {
        sli_source_count_stats(&self->common, sli_records_stats(records), stats);
    }
    sli_records_free(records);
    return rc;
}

sl_code sli_queue_read_bytes(sli_queue *self, const sli_queue_split *split, sli_emit_fn emit,
                             void *ctx, sli_decode_stats *stats, sl_error *err)
{
    return read_split(self, split, emit, NULL, ctx, stats, err);
}

sl_code sli_queue_look_at_bytes(sli_queue *self, const sli_queue_split *split, sli_raw_fn each,
                                void *ctx, sl_error *err)
{
    return read_split(self, split, NULL, each, ctx, NULL, err);
}
