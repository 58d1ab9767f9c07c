/// content.c — a new file front to back, with what a receipt says of it: size and chained hash.
///
/// Bytes are gathered into blocks, since pieces are small and the hash is told block by block:
/// whoever checks the file later reads it in the same blocks.
#include "sink/file/file_int.h"

sl_code sli_content_open(sli_content *content, const char *path, sl_error *err)
{
    const sli_fs_ops *fs = content->fs->ops;
    sl_code rc = fs->create(content->fs, path, &content->file, err);
    if (rc == SL_E_EXISTS) { // of a try that failed, or of a life that ended in it
        SL_TRY(fs->remove(content->fs, path, err));
        rc = fs->create(content->fs, path, &content->file, err);
    }
    return rc;
}

static sl_code write_block(sli_content *content, sl_error *err)
{
    if (content->filled == 0) {
        return SL_OK;
    }
    content->hash = sli_hash128_chain(content->hash, content->block, content->filled);
    content->size_bytes += (int64_t)content->filled;
    size_t size = content->filled;
    content->filled = 0;
    return content->fs->ops->write(content->file, content->block, size, err);
}

sl_code sli_content_add(void *content, const void *data, size_t size, sl_error *err)
{
    sli_content *c = content;
    for (const char *at = data; size > 0;) {
        size_t n = SLI_FILE_BLOCK - c->filled < size ? SLI_FILE_BLOCK - c->filled : size;
        memcpy(c->block + c->filled, at, n);
        c->filled += n;
        at += n;
        size -= n;
        if (c->filled == SLI_FILE_BLOCK) {
            SL_TRY(write_block(c, err));
        }
    }
    return SL_OK;
}

sl_code sli_content_close(sli_content *content, sl_code rc, sl_error *err)
{
    const sli_fs_ops *fs = content->fs->ops;
    rc = rc == SL_OK ? write_block(content, err) : rc;
    if (rc == SL_OK) {
        return fs->seal(&content->file, err);
    }
    fs->discard(&content->file);
    content->filled = 0;
    return rc;
}
