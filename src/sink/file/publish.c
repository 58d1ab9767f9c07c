/// publish.c — the file sink's commit: one rename that never replaces, and what its outcomes mean.
///
/// A sealed object is in one of four states. Staged only: rename it. Published only: an earlier try
/// did it, maybe one that died before it synced the name. Both: compare. None: it is lost.
#include "sink/file/file_int.h"

#include <inttypes.h>

/// Whether a published file has the content the receipt tells of.
static sl_code check_content(const sli_publisher *self, const char *path,
                             const sli_file_receipt *receipt, bool *same, sl_error *err)
{
    char *block = sl_alloc(SLI_TAG_SINK, SLI_FILE_BLOCK);
    if (block == NULL) {
        return sl_error_nomem(err, SLI_FILE_BLOCK, "reading a published file");
    }
    sli_hash128 hash = {0, 0};
    int64_t at = 0;
    sl_code rc = SL_OK;
    for (size_t n = SLI_FILE_BLOCK;
         rc == SL_OK && n == SLI_FILE_BLOCK && at <= receipt->size_bytes;) {
        rc = self->fs->ops->read(self->fs, path, at, block, SLI_FILE_BLOCK, &n, err);
        if (rc == SL_OK && n > 0) {
            hash = sli_hash128_chain(hash, block, n);
            at += (int64_t)n;
        }
    }
    sl_free(block);
    *same = at == receipt->size_bytes && hash.low == receipt->hash.low &&
            hash.high == receipt->hash.high;
    return rc;
}

/// Both are there. A rename made of link and unlink leaves that when it is cut in two, and some
/// filesystems may after a power loss; anything else is somebody else's file.
static sl_code take_name_back(const sli_publisher *self, const char *from, const char *to,
                              const sli_file_receipt *receipt, sl_error *err)
{
    bool same = false;
    if (receipt->shape == SLI_SHAPE_FILE) {
        SL_TRY(check_content(self, to, receipt, &same, err));
    }
    if (!same) {
        return sl_error_set(err, SL_E_EXISTS,
                            "%s is there and not what was sealed: move it away and start again",
                            to);
    }
    return self->fs->ops->remove(self->fs, from, err);
}

/// The staged object is not there: it was published before, or is lost.
static sl_code check_published(const sli_publisher *self, int64_t group, const char *from,
                               const char *to, bool *is_lost, sl_error *err)
{
    sli_fs_entry entry;
    sl_error why = SL_ERROR_INIT;
    sl_code rc = self->fs->ops->stat(self->fs, to, &entry, &why);
    *is_lost = rc == SL_E_NOT_FOUND;
    if (rc == SL_E_NOT_FOUND && sli_env_bug(self->env, "rename-result-ignored")) {
        return SL_OK;
    }
    if (rc == SL_E_NOT_FOUND) {
        rc = sl_error_set(&why, rc,
                          "staged object of group %" PRId64 " is missing: neither %s nor %s is "
                          "there; it was moved or removed before the job had recorded it",
                          group, from, to);
        (void)sl_error_act(&why, SL_ACT_STOP_JOB);
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

/// A file that was sealed must not have changed since. Missing is not a failure here.
static sl_code check_staged(const sli_publisher *self, const char *from,
                            const sli_file_receipt *receipt, bool *is_there, sl_error *err)
{
    sli_fs_entry entry = {0};
    sl_error why = SL_ERROR_INIT;
    sl_code rc = self->fs->ops->stat(self->fs, from, &entry, &why);
    *is_there = rc == SL_OK;
    if (rc == SL_E_NOT_FOUND) {
        return SL_OK;
    }
    if (rc == SL_OK && receipt->shape == SLI_SHAPE_FILE &&
        entry.size_bytes != receipt->size_bytes) {
        rc = sl_error_set(&why, SL_E_CORRUPT,
                          "%s: sealed with %" PRId64 " bytes, now it has %" PRId64, from,
                          receipt->size_bytes, entry.size_bytes);
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

sl_code sli_file_publish(const sli_publisher *self, int64_t group, const char *from, const char *to,
                         const sli_file_receipt *receipt, sl_error *err)
{
    const sli_fs_ops *fs = self->fs->ops;
    sl_error why = SL_ERROR_INIT;
    bool is_there = false, is_lost = false;
    SL_TRY(check_staged(self, from, receipt, &is_there, err));
    sl_code rc = is_there ? fs->rename(self->fs, from, to, &why) : SL_E_NOT_FOUND;
    bool repeat = rc == SL_E_NOT_FOUND; // also when another driver was quicker
    if (repeat) {
        SL_TRY(check_published(self, group, from, to, &is_lost, err));
    } else if (rc == SL_E_EXISTS) {
        SL_TRY(take_name_back(self, from, to, receipt, err));
    } else if (rc != SL_OK) {
        if (err != NULL) {
            *err = why;
        }
        return rc;
    }
    if (is_lost || sli_env_bug(self->env, "no-dirsync-publish") ||
        (repeat && sli_env_bug(self->env, "no-dirsync-on-repeat"))) {
        return SL_OK;
    }
    // The rename may be one that a dead driver did and never synced: a repeat syncs too.
    rc = fs->sync_dir(self->fs, self->dir, err);
    if (rc != SL_OK) {
        (void)sl_error_act(err, SL_ACT_STOP_JOB); // a sync that failed can't be tried again
    }
    return rc;
}
