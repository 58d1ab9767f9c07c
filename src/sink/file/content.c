/// content.c — a new file front to back, with what a receipt says of it: size and chained hash.
///
/// Bytes are gathered into blocks, since pieces are small and the hash is told block by block:
/// whoever checks the file later reads it in the same blocks. A format that has an end (Arrow's
/// footer) looks at all bytes on their way and adds it as the last ones.
#include "sink/file/file_int.h"

sl_code sli_content_open(sli_content *content, const char *path, sl_error *err)
{
    const sli_fs_ops *fs = content->fs->ops;
    sl_code rc = fs->create(content->fs, path, &content->file, err);
    if (rc == SL_E_EXISTS) { // of a try that failed, or of a life that ended in it
        SL_TRY(fs->remove(content->fs, path, err));
        rc = fs->create(content->fs, path, &content->file, err);
    }
    if (rc == SL_OK && content->format != NULL && content->format->ending_new != NULL) {
        rc = content->format->ending_new(&content->ending, err);
    }
    if (rc != SL_OK) {
        fs->discard(&content->file);
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

static sl_code add(sli_content *c, const void *data, size_t size, sl_error *err)
{
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

sl_code sli_content_add(void *content, const void *data, size_t size, sl_error *err)
{
    sli_content *c = content;
    if (c->ending != NULL) {
        SL_TRY(c->format->ending_see(c->ending, data, size, err));
    }
    return add(c, data, size, err);
}

static sl_code add_end(sli_content *content, sl_error *err)
{
    sli_str end = {.tag = SLI_TAG_SINK};
    sl_code rc = content->format->ending_put(content->ending, &end, err);
    rc = rc == SL_OK ? add(content, end.data, end.size, err) : rc;
    content->end_bytes = (int64_t)end.size;
    sli_str_reset(&end);
    return rc;
}

sl_code sli_content_close(sli_content *content, sl_code rc, sl_error *err)
{
    const sli_fs_ops *fs = content->fs->ops;
    if (content->ending != NULL) {
        rc = rc == SL_OK ? add_end(content, err) : rc;
        content->format->ending_free(content->ending);
        content->ending = NULL;
    }
    rc = rc == SL_OK ? write_block(content, err) : rc;
    if (rc == SL_OK) {
        return fs->seal(&content->file, err);
    }
    fs->discard(&content->file);
    content->filled = 0;
    return rc;
}
