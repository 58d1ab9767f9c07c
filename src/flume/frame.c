// frame.c — frames of Avro IPC: how a text is cut into buffers has no meaning.
#include "flume/flume.h"

static uint32_t u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put_u32(sli_str *out, uint32_t value)
{
    char bytes[4] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
    sli_str_add(out, bytes, sizeof bytes);
}

/// Counts `more` bytes that were announced or have come.
static sl_code count(sli_flume_frame *frame, uint64_t more, sl_error *err)
{
    if (more > (uint64_t)(frame->limit - frame->size)) {
        return sl_error_set(err, SL_E_NO_SPACE, "a frame of more than %lld bytes",
                            (long long)frame->limit);
    }
    frame->size += (int64_t)more;
    return SL_OK;
}

/// Takes bytes of a front (serial and number, or a size) until it has `wanted`.
static bool fill_front(sli_flume_frame *frame, const uint8_t **at, const uint8_t *end,
                       int32_t wanted)
{
    while (frame->n_front < wanted && *at < end) {
        frame->front[frame->n_front++] = *(*at)++;
    }
    return frame->n_front == wanted;
}

static sl_code begin_frame(sli_flume_frame *frame, sl_error *err)
{
    frame->serial = u32_at(frame->front);
    frame->n_left = u32_at(frame->front + 4);
    frame->n_front = 0;
    frame->in_buffers = true;
    return count(frame, 8 + (uint64_t)frame->n_left * 4, err); // each has a size
}

static sl_code begin_buffer(sli_flume_frame *frame, sl_error *err)
{
    frame->size_left = u32_at(frame->front);
    frame->n_front = 0;
    frame->n_left--;
    return count(frame, frame->size_left, err);
}

static void take_bytes(sli_flume_frame *frame, const uint8_t **at, const uint8_t *end)
{
    size_t here = (size_t)(end - *at);
    size_t n = here < frame->size_left ? here : frame->size_left;
    sli_str_add(&frame->text, *at, n);
    *at += n;
    frame->size_left -= (uint32_t)n;
}

static sl_code read_on(sli_flume_frame *frame, const uint8_t **at, const uint8_t *end,
                       sl_error *err)
{
    while (!frame->whole) {
        if (!frame->in_buffers) {
            if (!fill_front(frame, at, end, 8)) {
                return SL_OK;
            }
            SL_TRY(begin_frame(frame, err));
        } else if (frame->size_left > 0) {
            if (*at == end) {
                return SL_OK;
            }
            take_bytes(frame, at, end);
        } else if (frame->n_left > 0) {
            if (!fill_front(frame, at, end, 4)) {
                return SL_OK;
            }
            SL_TRY(begin_buffer(frame, err));
        }
        frame->whole = frame->in_buffers && frame->n_left == 0 && frame->size_left == 0;
    }
    return SL_OK;
}

sl_code sli_flume_frame_feed(sli_flume_frame *frame, const void *data, size_t size, size_t *used,
                             sl_error *err)
{
    const uint8_t *from = data, *at = from;
    *used = 0;
    if (size == 0) {
        return SL_OK;
    }
    SL_TRY(read_on(frame, &at, from + size, err));
    *used = (size_t)(at - from);
    return sli_str_check(&frame->text, "a frame", err);
}

bool sli_flume_frame_is_open(const sli_flume_frame *frame)
{
    return !frame->whole && (frame->in_buffers || frame->n_front > 0);
}

void sli_flume_frame_next(sli_flume_frame *frame)
{
    enum { KEPT = 256 << 10 }; // the memory of an ordinary frame serves the next one
    sli_str text = frame->text;
    if (text.capacity > KEPT) {
        sli_str_reset(&text);
    }
    sli_str_clear(&text);
    *frame = (sli_flume_frame){.limit = frame->limit, .text = text};
}

void sli_flume_frame_reset(sli_flume_frame *frame)
{
    sli_str_reset(&frame->text);
    sli_flume_frame_next(frame);
}

void sli_flume_frame_put(sli_str *out, uint32_t serial, sl_bytes text)
{
    put_u32(out, serial);
    put_u32(out, 1);
    put_u32(out, (uint32_t)text.size);
    sli_str_add(out, text.data, text.size);
}
