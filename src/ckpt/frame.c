/// frame.c — heads and frames: the bytes of every binary file here. The layout is in README.md.
///
/// A frame knows its place, and how much of its file was durable when it was written. So after
/// damage it can be told whether a crash explains it: what lies before the `durable` of a later
/// frame was on disk, and no crash tears that.
#include "ckpt/ckpt_int.h"

enum { FRAME_MAGIC = 0x52464c53 }; // "SLFR"

uint64_t sli_owner_of(const char *job_id, const char *uid)
{
    sli_hash128 hash = sli_hash128_chain(sli_hash128_of(job_id, strlen(job_id)), uid, strlen(uid));
    return hash.low;
}

static void put_hash(sli_str *out, sli_hash128 hash)
{
    sli_put_u64(out, hash.low);
    sli_put_u64(out, hash.high);
}

static sli_hash128 get_hash(sli_reader *r)
{
    uint64_t low = sli_get_u64(r);
    return (sli_hash128){low, sli_get_u64(r)};
}

static bool same_hash(sli_hash128 a, sli_hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

// ---------------------------------------------------------------- heads

sli_hash128 sli_head_put(sli_str *out, const sli_head *head)
{
    size_t from = out->size;
    sli_str_add(out, head->magic, 8);
    sli_put_u32(out, SLI_CKPT_FORMAT);
    sli_put_u32(out, head->kind);
    sli_put_i64(out, head->generation);
    sli_put_i64(out, head->number);
    sli_put_i64(out, head->base);
    sli_put_u64(out, head->owner);
    if (out->failed) {
        return (sli_hash128){0};
    }
    sli_hash128 hash = sli_hash128_of(out->data + from, SLI_HEAD_BYTES - 16);
    put_hash(out, hash);
    return hash;
}

sl_code sli_head_get(sl_bytes file, const char *path, const char *magic, sli_head *out,
                     sli_hash128 *hash, sl_error *err)
{
    if (file.size < SLI_HEAD_BYTES) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: cut at offset %zu, inside its head of %d bytes",
                            path, file.size, SLI_HEAD_BYTES);
    }
    sli_reader r = sli_reader_of((sl_bytes){file.data, SLI_HEAD_BYTES});
    sli_head head = {0};
    memcpy(head.magic, r.at, 8);
    r.at += 8;
    uint32_t format = sli_get_u32(&r);
    head.kind = sli_get_u32(&r);
    head.generation = sli_get_i64(&r);
    head.number = sli_get_i64(&r);
    head.base = sli_get_i64(&r);
    head.owner = sli_get_u64(&r);
    sli_hash128 said = get_hash(&r);
    if (!same_hash(said, sli_hash128_of(file.data, SLI_HEAD_BYTES - 16)) ||
        memcmp(head.magic, magic, 8) != 0) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: the head at offset 0 is damaged", path);
    }
    if (format > SLI_CKPT_FORMAT) {
        return sl_error_set(
            err, SL_E_INCOMPATIBLE,
            "%s: has format %u, this Sluice reads formats up to %d: use the Sluice that wrote it",
            path, format, SLI_CKPT_FORMAT);
    }
    *out = head;
    *hash = said;
    return SL_OK;
}

// ---------------------------------------------------------------- frames

static size_t padded(size_t size)
{
    return (size + 7) / 8 * 8;
}

int64_t sli_frame_bytes(size_t body_size)
{
    return (int64_t)(SLI_FRAME_EXTRA_BYTES + padded(body_size));
}

void sli_frame_put(sli_str *out, sli_raw_frame *frame)
{
    size_t from = out->size;
    sli_put_u32(out, FRAME_MAGIC);
    sli_put_u32(out, frame->kind);
    sli_put_i64(out, frame->number);
    sli_put_i64(out, frame->about);
    sli_put_i64(out, frame->offset);
    sli_put_i64(out, frame->durable);
    sli_put_u32(out, (uint32_t)frame->body.size);
    sli_put_u32(out, frame->generation);
    put_hash(out, frame->previous);
    if (frame->body.size > 0) {
        sli_str_add(out, frame->body.data, frame->body.size);
    }
    sli_str_add(out, "\0\0\0\0\0\0\0", padded(frame->body.size) - frame->body.size);
    if (!out->failed) {
        frame->hash = sli_hash128_of(out->data + from, out->size - from);
        put_hash(out, frame->hash);
    }
}

bool sli_frame_at(sl_bytes here, int64_t offset, sli_raw_frame *out)
{
    if (here.size < SLI_FRAME_EXTRA_BYTES) {
        return false;
    }
    sli_reader r = sli_reader_of(here);
    if (sli_get_u32(&r) != FRAME_MAGIC) {
        return false;
    }
    sli_raw_frame frame = {.kind = sli_get_u32(&r)};
    frame.number = sli_get_i64(&r);
    frame.about = sli_get_i64(&r);
    frame.offset = sli_get_i64(&r);
    frame.durable = sli_get_i64(&r);
    uint32_t size = sli_get_u32(&r);
    frame.generation = sli_get_u32(&r);
    frame.previous = get_hash(&r);
    if (frame.offset != offset || size > SLI_FRAME_MOST_BYTES ||
        (size_t)sli_frame_bytes(size) > here.size) {
        return false;
    }
    frame.body = (sl_bytes){r.at, size};
    r.at += padded(size);
    frame.hash = get_hash(&r);
    if (!same_hash(frame.hash, sli_hash128_of(here.data, SLI_FRAME_HEAD_BYTES + padded(size)))) {
        return false;
    }
    *out = frame;
    return true;
}

bool sli_frame_get(sl_bytes file, int64_t offset, sli_raw_frame *out)
{
    if (offset < 0 || (size_t)offset > file.size) {
        return false;
    }
    return sli_frame_at((sl_bytes){(const char *)file.data + offset, file.size - (size_t)offset},
                        offset, out);
}

// ---------------------------------------------------------------- segments

static bool all_zero(sl_bytes file, int64_t from)
{
    const char *data = file.data;
    for (size_t i = (size_t)from; i < file.size; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

/// Whether a whole frame at or after `end` says that bytes past `end` had been durable.
static bool had_been_durable(sl_bytes file, int64_t end)
{
    sli_raw_frame frame;
    for (int64_t at = end; at + SLI_FRAME_EXTRA_BYTES <= (int64_t)file.size; at += 8) {
        if (sli_frame_get(file, at, &frame) && frame.durable > end) {
            return true;
        }
    }
    return false;
}

static sl_code frames_grow(sli_scan *scan, int64_t *capacity, sl_arena *arena, sl_error *err)
{
    if (scan->n < *capacity) {
        return SL_OK;
    }
    int64_t wanted = *capacity == 0 ? 64 : *capacity * 2;
    sli_raw_frame *frames = sl_arena_alloc(arena, (size_t)wanted * sizeof *frames);
    if (frames == NULL) {
        return sl_error_nomem(err, (size_t)wanted * sizeof *frames, "a segment's frames");
    }
    if (scan->n > 0) {
        memcpy(frames, scan->frames, (size_t)scan->n * sizeof *frames);
    }
    scan->frames = frames;
    *capacity = wanted;
    return SL_OK;
}

/// Frames in the bytes that a sync made durable before one of them was written. Of the others
/// nobody can tell: a sync that failed leaves them readable, and the next one says yes.
static int64_t count_sure(const sli_scan *scan)
{
    int64_t durable = 0, n = 0;
    for (int64_t i = 0; i < scan->n; i++) {
        durable = scan->frames[i].durable > durable ? scan->frames[i].durable : durable;
    }
    while (n < scan->n &&
           scan->frames[n].offset + sli_frame_bytes(scan->frames[n].body.size) <= durable) {
        n++;
    }
    return n;
}

sl_code sli_scan_frames(sl_bytes file, sli_hash128 head, sl_arena *arena, sli_scan *out,
                        sl_error *err)
{
    sli_scan scan = {.end = SLI_HEAD_BYTES, .last = head};
    int64_t capacity = 0;
    sli_raw_frame frame;
    while (sli_frame_get(file, scan.end, &frame) && same_hash(frame.previous, scan.last)) {
        SL_TRY(frames_grow(&scan, &capacity, arena, err));
        scan.frames[scan.n++] = frame;
        scan.end += sli_frame_bytes(frame.body.size);
        scan.last = frame.hash;
    }
    scan.sure = count_sure(&scan);
    scan.torn = !all_zero(file, scan.end);
    scan.damaged = scan.torn && had_been_durable(file, scan.end);
    *out = scan;
    return SL_OK;
}
