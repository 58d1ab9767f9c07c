/// segment.c — making and growing the files of frames.
///
/// A segment gets its name when its beginning is durable. So a segment that is there has a whole
/// head and BEGIN, and damage to them is damage, not the trace of a crash.
///
/// Frames are written over zeroes that were written before: fdatasync then has no new length to
/// record, which halves its time (perf/limit/sync: 276 us against 476 us, p50).
#include "ckpt/ckpt_int.h"

static sl_code fill(sli_ckpt *ckpt, sli_file *file, sl_bytes image, sl_error *err)
{
    SL_TRY(sli_file_truncate(file, 0, err)); // left by a try that met a full disk
    SL_TRY(sli_file_write_at(file, 0, image.data, image.size, err));
    return sli_ckpt_sync_file(ckpt, file, err);
}

sl_code sli_segment_create(sli_ckpt *ckpt, const char *folder, const char *name, sl_bytes image,
                           sli_file **file, sl_error *err)
{
    sli_ckpt_path temp, path;
    sli_ckpt_path_of(&temp, ckpt->dir, "%s/%s.tmp", folder, name);
    sli_ckpt_path_of(&path, ckpt->dir, "%s/%s", folder, name);
    sli_file *made = NULL;
    sl_code rc = sli_file_open(ckpt->env, temp.text, SLI_UPDATE, &made, err);
    if (rc == SL_OK) {
        rc = fill(ckpt, made, image, err);
    }
    if (rc == SL_OK) {
        rc = sli_env_rename(ckpt->env, temp.text, path.text, false, err);
    }
    if (rc == SL_OK) {
        rc = sli_ckpt_sync_dir(ckpt, folder, err);
    }
    if (rc != SL_OK) {
        sli_file_close(&made);
        return rc;
    }
    *file = made;
    return SL_OK;
}

/// Zeroes behind a frame that ends past the prewritten bytes. Large frames go without: their own
/// writing is what costs.
static void add_zeroes(sli_str *frame)
{
    static const char zeroes[4096] = {0};
    for (size_t i = 0; frame->size <= SLI_PREWRITE_BYTES && i < SLI_PREWRITE_BYTES / sizeof zeroes;
         i++) {
        sli_str_add(frame, zeroes, sizeof zeroes);
    }
}

/// Makes the file end where the good frames end.
static sl_code cut_back(sli_ckpt *ckpt, sli_file *file, int64_t end, int64_t *prewritten,
                        sl_error *err)
{
    sl_code rc = sli_file_truncate(file, end, err);
    if (rc == SL_OK) {
        *prewritten = end;
    } else {
        atomic_store_explicit(&ckpt->dead, true,
                              memory_order_relaxed); // the tail can't be told from frames
    }
    return rc;
}

sl_code sli_segment_write(sli_ckpt *ckpt, sli_file *file, int64_t end, sli_str *frame,
                          int64_t *prewritten, sl_error *err)
{
    size_t size = frame->size;
    if (end + (int64_t)size > *prewritten) {
        add_zeroes(frame);
        SL_TRY(sli_str_check(frame, "a frame", err));
    }
    sl_code rc = sli_file_write_at(file, end, frame->data, frame->size, err);
    if (rc == SL_E_NO_SPACE && frame->size > size &&
        cut_back(ckpt, file, end, prewritten, NULL) == SL_OK) {
        frame->size = size;
        rc = sli_file_write_at(file, end, frame->data, size, err);
    }
    if (rc == SL_OK && end + (int64_t)frame->size > *prewritten) {
        *prewritten = end + (int64_t)frame->size;
    }
    frame->size = size;
    if (rc != SL_OK && rc != SL_E_CRASHED && cut_back(ckpt, file, end, prewritten, NULL) != SL_OK) {
        sl_error_act(err, SL_ACT_STOP_JOB);
    }
    return rc;
}

sl_code sli_file_hash(sli_file *file, int64_t *size, char hash[33], sl_error *err)
{
    enum { PIECE = 1 << 20 };
    sli_hasher *hasher = sli_hasher_new();
    char *piece = sl_alloc(SLI_TAG_CKPT, PIECE);
    sl_code rc =
        hasher != NULL && piece != NULL ? SL_OK : sl_error_nomem(err, PIECE, "a file's hash");
    size_t n = PIECE;
    int64_t at = 0;
    for (; rc == SL_OK && n == PIECE; at += (int64_t)n) {
        n = 0;
        rc = sli_file_read_at(file, at, piece, PIECE, &n, err);
        if (rc == SL_OK) {
            sli_hasher_add(hasher, piece, n);
        }
    }
    if (hasher != NULL) {
        sli_hash_text(sli_hasher_end(hasher), hash);
    }
    *size = at;
    sl_free(piece);
    return rc;
}

sl_code sli_file_whole(sli_file *file, const char *path, sli_buffer **out, sl_error *err)
{
    sli_stat stat;
    SL_TRY(sli_file_stat(file, &stat, err));
    sli_buffer *buffer = sli_buffer_new(stat.size_bytes);
    if (buffer == NULL) {
        return sl_error_nomem(err, (size_t)stat.size_bytes, path);
    }
    size_t n = 0;
    sl_code rc =
        sli_file_read_at(file, 0, sli_buffer_data(buffer), (size_t)stat.size_bytes, &n, err);
    if (rc == SL_OK && n != (size_t)stat.size_bytes) {
        rc = sl_error_set(err, SL_E_CORRUPT, "%s: cut at offset %zu while it was read", path, n);
    }
    if (rc != SL_OK) {
        sli_buffer_unref(buffer);
        return rc;
    }
    *out = buffer;
    return SL_OK;
}

sl_code sli_buffer_read(sl_env *env, const char *path, sli_buffer **out, sl_error *err)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(env, path, SLI_READ, &file, err));
    sl_code rc = sli_file_whole(file, path, out, err);
    sli_file_close(&file);
    return rc;
}
