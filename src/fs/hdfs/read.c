/// read.c — bytes of files, from the DataNode that the NameNode names; a connection that is lost is
/// made anew where it broke.
#include "fs/hdfs/hdfs_int.h"

typedef struct reader {
    sli_fs_reader base;
    sli_http_call *call; ///< NULL: none is open
    int64_t at;          ///< next byte
    int64_t length;      ///< how many are wanted from `at` on; -1: all
    bool ended;          ///< nothing is left
    char path[];
} reader;

static sl_code reader_new(reader **out, sli_fs *self, const char *path, int64_t offset,
                          int64_t length, sl_error *err)
{
    if (offset < 0) {
        return sl_error_set(err, SL_E_INVALID, "%s: read before the file's begin", path);
    }
    size_t size = strlen(path) + 1;
    reader *r = sl_alloc_zero(SLI_TAG_FS, sizeof *r + size);
    if (r == NULL) {
        return sl_error_nomem(err, sizeof *r + size, path);
    }
    r->base.fs = self;
    r->at = offset;
    r->length = length;
    memcpy(r->path, path, size);
    *out = r;
    return SL_OK;
}

/// HDFS refuses to open a file at its end or behind it, by an exception that many reasons have: so
/// whoever begins behind the first byte looks first.
static sl_code check_place(reader *r, sl_error *err)
{
    sli_fs_entry now = {0};
    SL_TRY(hdfs_stat(r->base.fs, r->path, &now, err));
    r->ended = !now.is_dir && now.size_bytes <= r->at;
    return SL_OK;
}

static sl_code open_at(reader *r, hdfs_patience *p, sl_error *err)
{
    if (r->at > 0) {
        SL_TRY(check_place(r, err));
    }
    if (r->ended) {
        return SL_OK;
    }
    sli_str query = {.tag = SLI_TAG_FS};
    sli_str_printf(&query, "&offset=%lld", (long long)r->at);
    if (r->length >= 0) {
        sli_str_printf(&query, "&length=%lld", (long long)r->length);
    }
    sl_code rc = sli_str_check(&query, "a query", err);
    if (rc == SL_OK) {
        hdfs_ask ask = {
            .method = "GET", .op = "OPEN", .path = r->path, .query = query.data, .moves = true};
        rc = hdfs_begin(hdfs_of(r->base.fs), &ask, p, &r->call, err);
    }
    sli_str_reset(&query);
    return rc;
}

static sl_code next_once(reader *r, hdfs_patience *p, void *out, size_t size, size_t *n,
                         sl_error *err)
{
    if (r->call == NULL) {
        SL_TRY(open_at(r, p, err));
    }
    if (r->ended) {
        *n = 0;
        return SL_OK;
    }
    sl_code rc = sli_http_gate.read(r->call, out, size, n, err);
    if (rc != SL_OK) {
        (void)sl_error_wrap(err, rc, "hdfs: OPEN %s at byte %lld", r->path, (long long)r->at);
    }
    r->ended = rc == SL_OK && *n < size;
    if (rc != SL_OK || r->ended) {
        sli_http_gate.end(&r->call);
    }
    return rc;
}

sl_code hdfs_reader_next(sli_fs_reader *base, void *out, size_t size, size_t *n, sl_error *err)
{
    reader *r = (reader *)base;
    hdfs_patience p = hdfs_patience_of(hdfs_of(base->fs));
    sl_error why = SL_ERROR_INIT;
    size_t got = 0;
    sl_code rc;
    while ((rc = next_once(r, &p, out, size, &got, &why)) != SL_OK) {
        rc = hdfs_again(hdfs_of(base->fs), &p, rc, &why);
        if (rc != SL_OK) {
            if (err != NULL) {
                *err = why;
            }
            return rc;
        }
    }
    r->at += (int64_t)got;
    r->length -= r->length < 0 ? 0 : (int64_t)got;
    *n = got;
    return SL_OK;
}

sl_code hdfs_reader_open(sli_fs *self, const char *path, int64_t offset, sli_fs_reader **out,
                         sl_error *err)
{
    reader *r = NULL;
    SL_TRY(reader_new(&r, self, path, offset, -1, err));
    *out = &r->base;
    return SL_OK;
}

void hdfs_reader_close(sli_fs_reader **base)
{
    reader *r = (reader *)*base;
    *base = NULL;
    if (r != NULL) {
        sli_http_gate.end(&r->call);
        sl_free(r);
    }
}

sl_code hdfs_read(sli_fs *self, const char *path, int64_t offset, void *out, size_t size, size_t *n,
                  sl_error *err)
{
    reader *r = NULL;
    SL_TRY(reader_new(&r, self, path, offset, (int64_t)size, err));
    sli_fs_reader *base = &r->base;
    sl_code rc = hdfs_reader_next(base, out, size, n, err);
    hdfs_reader_close(&base);
    return rc;
}
