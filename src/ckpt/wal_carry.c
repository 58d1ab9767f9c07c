/// wal_carry.c — what BEGIN does about write-ahead records that may not be durable.
///
/// They can be read, but after a sync that failed the kernel shows bytes which are nowhere on the
/// disk, and a further sync says yes. To write them again in place would risk the durable ones
/// beside them. So they are copied into a first segment of this generation, durable before BEGIN
/// is, and BEGIN counts the older segment without them. When the driver dies before its BEGIN, the
/// copies are of a generation that nobody names, and count for nothing.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

/// A segment whose every frame says that all of it is durable: it gets its name after its sync.
static void image_put(const sli_ckpt *ckpt, const sli_wal_past *past, sli_str *out)
{
    const sli_wal_part *part = &past->parts[past->n - 1];
    int64_t at = part->offsets[past->sure - part->base], end = part->bytes;
    const char *tail = past->tail;
    sli_head head = {.magic = "SLUICEwa",
                     .generation = ckpt->generation,
                     .number = 1,
                     .base = past->sure,
                     .owner = sli_owner_of(ckpt->job_id, past->uid)};
    sli_hash128 last = sli_head_put(out, &head);
    while (at < end) {
        sli_raw_frame raw;
        bool whole = sli_frame_at((sl_bytes){tail, (size_t)(end - at)}, at, &raw);
        SL_ASSERT(whole, "the frame was checked when it was read");
        int64_t size = sli_frame_bytes(raw.body.size);
        raw.offset = (int64_t)out->size;
        raw.durable = SLI_HEAD_BYTES + (int64_t)past->tail_size;
        raw.previous = last;
        sli_frame_put(out, &raw);
        last = raw.hash;
        tail += size;
        at += size;
    }
}

static sl_code image_write(sli_ckpt *ckpt, const sli_wal_past *past, sl_error *err)
{
    char name[SLI_UID_BYTES + 64];
    sli_str image = {.tag = SLI_TAG_CKPT};
    sli_file *file = NULL;
    (void)snprintf(name, sizeof name, "%06" PRId64 "-0001-%s.wal", ckpt->generation, past->uid);
    image_put(ckpt, past, &image);
    sl_code rc = sli_str_check(&image, "write-ahead records", err);
    if (rc == SL_OK) {
        rc = sli_segment_create(ckpt, "wal", name, (sl_bytes){image.data, image.size}, &file, err);
    }
    sli_file_close(&file);
    sli_str_reset(&image);
    return rc;
}

/// Moves the records' places from the part that was read to the copy.
static sl_code places_move(const sli_ckpt *ckpt, sli_wal_past *past, sl_error *err)
{
    SL_TRY(sli_wal_part_add(past, ckpt->generation, 1, past->sure, err));
    sli_wal_part *to = &past->parts[past->n - 1], *from = to - 1;
    int64_t first = past->sure - from->base, shift = from->offsets[first] - SLI_HEAD_BYTES;
    for (int64_t i = first; i < from->n; i++) {
        SL_TRY(sli_wal_part_note(to, from->offsets[i] - shift, err));
    }
    to->bytes = from->bytes - shift;
    from->bytes = from->offsets[first];
    from->n = first;
    past->sure = past->next;
    sl_free(past->tail);
    past->tail = NULL;
    past->tail_size = 0;
    return SL_OK;
}

static sl_code carry(sli_ckpt *ckpt, sli_wal_past *past, sl_error *err)
{
    if (past->sure == past->next || sli_env_bug(ckpt->env, "recovery-believes-unsynced")) {
        return SL_OK;
    }
    SL_TRY(image_write(ckpt, past, err));
    return places_move(ckpt, past, err);
}

/// What BEGIN will say of the older segments of one receiver.
static sl_code cuts_add(sli_ckpt *ckpt, const sli_wal_past *past, sl_error *err)
{
    char *uid = sl_arena_strdup(ckpt->arena, past->uid);
    if (uid == NULL) {
        return sl_error_nomem(err, strlen(past->uid), "a receiver's uid");
    }
    for (int64_t k = 0; k < past->n && past->parts[k].generation < ckpt->generation; k++) {
        const sli_wal_part *part = &past->parts[k];
        if (k == past->n - 1 || past->parts[k + 1].generation != part->generation) {
            ckpt->cuts[ckpt->n_cuts++] = (sli_wal_cut){uid, part->generation, part->base + part->n};
        }
    }
    return SL_OK;
}

sl_code sli_wals_carry(sli_ckpt *ckpt, sl_error *err)
{
    int64_t n = 0;
    for (int64_t i = 0; i < ckpt->wals.n; i++) {
        SL_TRY(carry(ckpt, &ckpt->wals.items[i], err));
        n += ckpt->wals.items[i].n;
    }
    ckpt->n_cuts = 0;
    ckpt->cuts = sl_arena_alloc_zero(ckpt->arena, (size_t)(n + 1) * sizeof *ckpt->cuts);
    if (ckpt->cuts == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *ckpt->cuts, "write-ahead segments");
    }
    for (int64_t i = 0; i < ckpt->wals.n; i++) {
        SL_TRY(cuts_add(ckpt, &ckpt->wals.items[i], err));
    }
    return SL_OK;
}
