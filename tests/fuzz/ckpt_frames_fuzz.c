// ckpt_frames_fuzz.c — log segments and files of commit groups: any bytes, and good ones with
// edits. What is taken out of edited bytes must be what was put into the good ones; bodies of
// BEGIN, which frames with a good hash may have, are tried by themselves.
#include "ckpt/ckpt_int.h"
#include "edits.h"

#include "base/assert.h"
#include "col/col.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 4 };
static const char job_id[] = "00112233445566778899aabbccddeeff";
static const char group_path[] = "pane/000002-000000009-window-1";

// ---------------------------------------------------------------- segments

/// A head and FRAMES frames, each of which says that those before it were durable.
static void put_segment(sli_str *out, sli_raw_frame *frames)
{
    const sli_head head = {.magic = "SLUICElg", .generation = 2, .number = 1};
    sli_hash128 last = sli_head_put(out, &head);
    for (int32_t i = 0; i < FRAMES; i++) {
        frames[i] = (sli_raw_frame){.kind = 2,
                                    .generation = 2,
                                    .number = 40 + i,
                                    .about = 1000 * i,
                                    .offset = (int64_t)out->size,
                                    .durable = (int64_t)out->size,
                                    .previous = last,
                                    .body = {"the body of a frame", (size_t)(5 * i)}};
        sli_frame_put(out, &frames[i]);
        last = frames[i].hash;
    }
    sli_str_add(out, "\0\0\0\0\0\0\0", 8);
}

static void check_scan(const sli_scan *scan, sl_bytes file)
{
    SL_ASSERT(scan->n >= scan->sure && scan->end >= SLI_HEAD_BYTES &&
                  (size_t)scan->end <= file.size && (!scan->damaged || scan->torn),
              "a scan within its file");
    for (int64_t i = 0; i < scan->n; i++) {
        sl_bytes body = scan->frames[i].body;
        SL_ASSERT((const char *)body.data >= (const char *)file.data &&
                      (const char *)body.data + body.size <= (const char *)file.data + file.size,
                  "a body within its file");
    }
}

/// No edit passes for a frame: what is found are the first of those that were put.
static void check_frames(const sli_scan *scan, const sli_raw_frame *frames)
{
    SL_ASSERT(scan->n <= FRAMES, "no frame from nowhere");
    for (int64_t i = 0; i < scan->n; i++) {
        const sli_raw_frame *got = &scan->frames[i], *put = &frames[i];
        SL_ASSERT(got->kind == put->kind && got->number == put->number &&
                      got->about == put->about && got->offset == put->offset &&
                      got->body.size == put->body.size &&
                      memcmp(got->body.data, put->body.data, put->body.size) == 0,
                  "the frame that was put");
    }
}

static void try_segment(const uint8_t *data, size_t size, bool is_raw, sl_arena *arena)
{
    sli_str file = {.tag = SLI_TAG_TEST};
    sli_raw_frame frames[FRAMES];
    sli_head head;
    sli_hash128 hash;
    sli_scan scan;
    sl_error err = SL_ERROR_INIT;
    if (is_raw) {
        sli_str_add(&file, data, size);
    } else {
        put_segment(&file, frames);
        slt_edit(&file, data, size);
    }
    sl_bytes bytes = {file.data, file.size};
    if (sli_head_get(bytes, "a.log", "SLUICElg", &head, &hash, &err) == SL_OK) {
        SL_ASSERT(sli_scan_frames(bytes, hash, arena, &scan, &err) == SL_OK, "a scan");
        check_scan(&scan, bytes);
        if (!is_raw) {
            check_frames(&scan, frames);
        }
    } else {
        SL_ASSERT(err.code == SL_E_CORRUPT || err.code == SL_E_INCOMPATIBLE, "a refusal");
    }
    sli_str_reset(&file);
}

// ---------------------------------------------------------------- bodies of BEGIN

static void try_begin(const uint8_t *data, size_t size, bool is_raw, sl_arena *arena)
{
    sli_str first = {.tag = SLI_TAG_TEST}, second = {.tag = SLI_TAG_TEST};
    sli_wal_cut cuts[] = {{"lines", 1, 7}, {"logs", 2, 9}};
    sli_begin begin = {.graph_hash = 5,
                       .parent_generation = 1,
                       .parent_part = 1,
                       .cut = 3,
                       .cuts = cuts,
                       .n_cuts = 2};
    sl_error err = SL_ERROR_INIT;
    memcpy(begin.job_id, job_id, sizeof job_id);
    if (is_raw) {
        sli_str_add(&first, data, size);
    } else {
        sli_begin_put(&first, &begin);
        slt_edit(&first, data, size);
    }
    sl_code rc = sli_begin_get((sl_bytes){first.data, first.size}, arena, &begin, &err);
    SL_ASSERT(rc == SL_OK || rc == SL_E_CORRUPT || rc == SL_E_INCOMPATIBLE, "a refusal");
    if (rc == SL_OK) {
        sli_begin_put(&second, &begin); // what was read can be written
    }
    sli_str_reset(&first);
    sli_str_reset(&second);
}

// ---------------------------------------------------------------- files of groups

static void put_group(sli_str *out, sl_bytes content)
{
    const sli_head head = {.magic = "SLUICEgf",
                           .kind = SLI_PANES,
                           .generation = 2,
                           .number = 9,
                           .base = (int64_t)content.size,
                           .owner = sli_owner_of(job_id, "")};
    sli_hash128 hash = sli_hash128_chain(sli_head_put(out, &head), content.data, content.size);
    sli_str_add(out, content.data, content.size);
    sli_put_u64(out, hash.low);
    sli_put_u64(out, hash.high);
}

static void try_group(const uint8_t *data, size_t size, bool is_raw)
{
    const sl_bytes content = {"what a window holds", 19};
    sli_str file = {.tag = SLI_TAG_TEST};
    sl_error err = SL_ERROR_INIT;
    if (is_raw) {
        sli_str_add(&file, data, size);
    } else {
        put_group(&file, content);
        slt_edit(&file, data, size);
    }
    sli_buffer *bytes = sli_buffer_new((int64_t)file.size), *out = NULL;
    SL_ASSERT(bytes != NULL, "a buffer");
    if (file.size > 0) {
        memcpy(sli_buffer_data(bytes), file.data, file.size);
    }
    if (sli_group_content(job_id, "a file", group_path, bytes, &out, &err) == SL_OK) {
        SL_ASSERT(is_raw || ((size_t)sli_buffer_size(out) == content.size &&
                             memcmp(sli_buffer_bytes(out), content.data, content.size) == 0),
                  "the content that was put");
        sli_buffer_unref(out);
    } else {
        SL_ASSERT(err.code == SL_E_CORRUPT || err.code == SL_E_INCOMPATIBLE, "a refusal");
    }
    sli_buffer_unref(bytes);
    sli_str_reset(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    bool is_raw = (data[0] & 4) != 0;
    switch (data[0] & 3) {
    case 0:
        try_group(data + 1, size - 1, is_raw);
        break;
    case 1:
        try_begin(data + 1, size - 1, is_raw, arena);
        break;
    default:
        try_segment(data + 1, size - 1, is_raw, arena);
    }
    sl_arena_free(arena);
    return 0;
}
