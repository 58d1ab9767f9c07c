/// receipt.c — what SEALED keeps of a group of the file sink, as bytes. Layout: README.md.
#include "sink/file/file_int.h"

enum { VERSION = 1 };

sl_code sli_file_receipt_put(const sli_file_receipt *receipt, sl_arena *arena, sl_bytes *out,
                             sl_error *err)
{
    sli_str s = SLI_STR_INIT;
    s.tag = SLI_TAG_SINK;
    sli_put_u8(&s, VERSION);
    sli_put_u8(&s, (uint8_t)receipt->shape);
    if (receipt->shape != SLI_SHAPE_NONE) {
        sli_put_text(&s, receipt->staged);
        sli_put_text(&s, receipt->name);
        sli_put_i64(&s, receipt->size_bytes);
        sli_put_u64(&s, receipt->hash.low);
        sli_put_u64(&s, receipt->hash.high);
    }
    sl_code rc = sli_str_check(&s, "a receipt", err);
    void *copy = rc == SL_OK ? sl_arena_copy(arena, s.data, s.size) : NULL;
    if (rc == SL_OK && copy == NULL) {
        rc = sl_error_nomem(err, s.size, "a receipt");
    }
    if (rc == SL_OK) {
        *out = (sl_bytes){copy, s.size};
    }
    sli_str_reset(&s);
    return rc;
}

/// One part of a path, and not one that leads elsewhere.
static bool is_name(const char *text)
{
    return text[0] != '\0' && strchr(text, '/') == NULL && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

sl_code sli_file_receipt_get(sl_bytes bytes, sl_arena *arena, sli_file_receipt *out, sl_error *err)
{
    sli_reader r = sli_reader_of(bytes);
    sli_file_receipt receipt = {0};
    uint8_t version = sli_get_u8(&r);
    uint8_t shape = sli_get_u8(&r);
    if (r.bad || version != VERSION || shape > SLI_SHAPE_HELD) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "a file sink's receipt of version %d, shape %d is not known here",
                            version, shape);
    }
    receipt.shape = (sli_shape)shape;
    if (receipt.shape != SLI_SHAPE_NONE) {
        receipt.staged = sli_get_text(&r, arena);
        receipt.name = sli_get_text(&r, arena);
        receipt.size_bytes = sli_get_i64(&r);
        receipt.hash.low = sli_get_u64(&r);
        receipt.hash.high = sli_get_u64(&r);
    }
    SL_TRY(sli_reader_done(&r, "a file sink's receipt", err));
    if (receipt.shape != SLI_SHAPE_NONE && (receipt.staged == NULL || receipt.name == NULL)) {
        return sl_error_nomem(err, bytes.size, "a file sink's receipt");
    }
    if (receipt.shape != SLI_SHAPE_NONE && (!is_name(receipt.staged) || !is_name(receipt.name))) {
        return sl_error_set(err, SL_E_CORRUPT, "a file sink's receipt names no file");
    }
    sli_held_name held;
    if (receipt.shape == SLI_SHAPE_HELD && !sli_held_name_parse(receipt.name, &held)) {
        return sl_error_set(err, SL_E_CORRUPT, "a file sink's receipt names no held group");
    }
    *out = receipt;
    return SL_OK;
}
