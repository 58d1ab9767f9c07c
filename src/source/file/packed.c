// packed.c — a compressed file as what it was: read in pieces, unpacked into pieces.
//
// A file is one stream, or several behind each other, and has no place but its start to begin at;
// so it is one split. Damage is told with the file's own byte, near which it was found.
#include "source/file/file_int.h"

enum { READ_BYTES = 256 << 10, GIVE_BYTES = 1 << 20 };

const sli_codec *sli_file_codec(const char *compression, const char *name)
{
    if (compression == NULL || strcmp(compression, "none") == 0) {
        return NULL;
    }
    return strcmp(compression, "auto") == 0 ? sli_codec_of_name(name)
                                            : sli_codec_find(sli_text_of(compression));
}

static sl_code damaged(sli_packed_file *file, int64_t at, const char *why, sl_error *err)
{
    file->is_damaged = true;
    return sl_error_set(err, SL_E_DATA, "%s at byte %lld (of the compressed file): %s", file->path,
                        (long long)at, why);
}

/// Unpacks once into a buffer of its own; *more: there was no room for all.
static sl_code give_piece(sli_packed_file *file, sli_unpacker *unpacker, sli_flow *flow, int64_t at,
                          bool *more, sl_error *err)
{
    sli_buffer *buffer = sli_buffer_new(GIVE_BYTES);
    sl_error why = SL_ERROR_INIT;
    if (buffer == NULL) {
        return sl_error_nomem(err, GIVE_BYTES, "a piece of a compressed file");
    }
    size_t before = flow->in_size;
    flow->out = sli_buffer_data(buffer);
    flow->out_size = GIVE_BYTES;
    sl_code rc = file->codec->step(unpacker, flow, &why);
    int64_t n = GIVE_BYTES - (int64_t)flow->out_size;
    *more = flow->out_size == 0;
    if (rc == SL_OK && n == 0 && before > 0 && flow->in_size == before) {
        rc = sl_error_set(&why, SL_E_DATA, "it does not go on");
    }
    sl_code given = n > 0 ? file->give(file->ctx, buffer, n, err) : SL_OK;
    sli_buffer_unref(buffer);
    SL_TRY(given);
    if (rc == SL_E_DATA) {
        return damaged(file, at + (int64_t)(before - flow->in_size), why.text, err);
    }
    return rc == SL_OK ? SL_OK : sl_error_set(err, rc, "%s", why.text);
}

static sl_code unpack_piece(sli_packed_file *file, sli_unpacker *unpacker, int64_t at, int64_t n,
                            sl_error *err)
{
    sli_buffer *packed = NULL;
    SL_TRY(file->read(file->ctx, at, n, &packed, err));
    sli_flow flow = {.in = sli_buffer_bytes(packed), .in_size = (size_t)n};
    bool more = true;
    sl_code rc = SL_OK;
    while (rc == SL_OK && (flow.in_size > 0 || more)) {
        rc = give_piece(file, unpacker, &flow, at + n - (int64_t)flow.in_size, &more, err);
    }
    sli_buffer_unref(packed);
    return rc;
}

sl_code sli_file_unpack(sli_packed_file *file, sl_error *err)
{
    sli_unpacker *unpacker = NULL;
    sl_code rc = file->codec->open(&unpacker, err);
    for (int64_t at = 0; rc == SL_OK && at < file->size_bytes; at += READ_BYTES) {
        int64_t left = file->size_bytes - at;
        rc = unpack_piece(file, unpacker, at, left < READ_BYTES ? left : READ_BYTES, err);
    }
    if (rc == SL_OK && !unpacker->is_whole) {
        rc = damaged(file, file->size_bytes, "it ends in the middle: it was cut", err);
    }
    if (unpacker != NULL) {
        file->codec->close(unpacker);
    }
    return rc;
}
