/// write.c — a new file, written in pieces of which each can be sent again.
///
///     write ──► memory ──full──► PUT CREATE PATH.begun        the first
///                          └───► PUT CREATE PATH.next, CONCAT the others, behind it
///     seal  ──► the rest, then RENAME PATH.begun to PATH
///
/// WebHDFS has no sync and no way to find out how much of a body arrived: a file is complete once
/// it was closed, and a piece whose answer was lost is written anew, over itself. (To append would
/// be shorter, but the lease that a DataNode's death leaves on a file blocks appending for a
/// minute, and never a CREATE that overwrites.) So under PATH there is a whole file or none.
#include "fs/hdfs/hdfs_int.h"

typedef struct writer {
    sli_fs_file base;
    char *buffer;
    size_t used, capacity;
    int64_t sent;              ///< bytes in `begun`
    bool has_begun;            ///< `begun` is there
    bool broken;               ///< a write failed: what is there is not all
    char *begun, *next, *path; ///< in `names`
    char names[];
} writer;

// ---------------------------------------------------------------- a new file

static sl_code writer_new(writer **out, sli_fs *self, const char *path, sl_error *err)
{
    static const char begun[] = ".begun", next[] = ".next";
    size_t n = strlen(path);
    size_t size = 3 * n + sizeof begun + sizeof next + 1;
    writer *w = sl_alloc_zero(SLI_TAG_FS, sizeof *w + size);
    if (w == NULL) {
        return sl_error_nomem(err, sizeof *w + size, path);
    }
    w->base.fs = self;
    w->path = w->names;
    w->begun = w->path + n + 1;
    w->next = w->begun + n + sizeof begun;
    memcpy(w->path, path, n);
    memcpy(w->begun, path, n);
    memcpy(w->begun + n, begun, sizeof begun);
    memcpy(w->next, path, n);
    memcpy(w->next + n, next, sizeof next);
    *out = w;
    return SL_OK;
}

static void writer_free(writer *w)
{
    sl_free(w->buffer);
    sl_free(w);
}

/// Nothing of that name, and a directory to put it in.
static sl_code check_free(sli_fs *self, const char *path, sl_error *err)
{
    sli_fs_entry entry = {0};
    sl_error why = SL_ERROR_INIT;
    sl_code rc = hdfs_stat(self, path, &entry, &why);
    if (rc == SL_OK) {
        return sl_error_set(err, SL_E_EXISTS, "%s: is there already", path);
    }
    if (rc != SL_E_NOT_FOUND) {
        if (err != NULL) {
            *err = why;
        }
        return rc;
    }
    sl_arena *arena = sl_arena_new(SLI_TAG_FS);
    const char *dir = arena == NULL ? NULL : sli_path_dir(arena, path);
    rc = dir == NULL ? sl_error_nomem(err, strlen(path), "a path")
                     : hdfs_stat(self, dir, &entry, err);
    if (rc == SL_OK && !entry.is_dir) {
        rc = sl_error_set(err, SL_E_NOT_FOUND, "%s: %s is a file, not a directory", path, dir);
    }
    sl_arena_free(arena);
    return rc;
}

sl_code hdfs_create(sli_fs *self, const char *path, sli_fs_file **out, sl_error *err)
{
    writer *w = NULL;
    SL_TRY(check_free(self, path, err));
    SL_TRY(writer_new(&w, self, path, err));
    *out = &w->base;
    return SL_OK;
}

// ---------------------------------------------------------------- pieces

static sl_code take_nothing(void *ctx, sli_http_call *call, sl_error *err)
{
    char rest[256];
    size_t n = sizeof rest;
    (void)ctx;
    while (n == sizeof rest) { // to the end, so that the connection can be used again
        SL_TRY(sli_http_gate.read(call, rest, sizeof rest, &n, err));
    }
    return SL_OK;
}

static sl_code put(const writer *w, const char *path, sl_error *err)
{
    hdfs_ask ask = {.method = "PUT",
                    .op = "CREATE",
                    .path = path,
                    .query = "&overwrite=true&createparent=false",
                    .moves = true,
                    .sends = true,
                    .body = {w->buffer, w->used}};
    return hdfs_run(hdfs_of(w->base.fs), &ask, take_nothing, NULL, err);
}

/// Puts `next` behind `begun`. Done before and the answer lost: `next` is gone, and `begun` longer.
static sl_code join(const writer *w, sl_error *err)
{
    sli_str query = {.tag = SLI_TAG_FS};
    sl_error why = SL_ERROR_INIT;
    sli_fs_entry whole = {0};
    sli_str_text(&query, "&sources=");
    sli_http_escape(&query, w->next, "/");
    sl_code rc = sli_str_check(&query, "a piece's name", &why);
    if (rc == SL_OK) {
        hdfs_ask ask = {.method = "POST", .op = "CONCAT", .path = w->begun, .query = query.data};
        rc = hdfs_run(hdfs_of(w->base.fs), &ask, take_nothing, NULL, &why);
    }
    sli_str_reset(&query);
    if (rc == SL_E_NOT_FOUND && hdfs_stat(w->base.fs, w->begun, &whole, NULL) == SL_OK &&
        whole.size_bytes == w->sent + (int64_t)w->used) {
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

static sl_code flush(writer *w, sl_error *err)
{
    SL_TRY(put(w, w->has_begun ? w->next : w->begun, err));
    if (w->has_begun) {
        SL_TRY(join(w, err));
    }
    w->has_begun = true;
    w->sent += (int64_t)w->used;
    w->used = 0;
    return SL_OK;
}

static sl_code make_room(writer *w, sl_error *err)
{
    size_t most = (size_t)hdfs_of(w->base.fs)->piece_bytes;
    if (w->used == most) {
        return flush(w, err);
    }
    if (w->used < w->capacity) {
        return SL_OK;
    }
    size_t capacity = w->capacity == 0 ? 64 << 10 : w->capacity * 2;
    capacity = capacity < most ? capacity : most;
    char *buffer = sl_realloc(SLI_TAG_FS, w->buffer, capacity);
    if (buffer == NULL) {
        return sl_error_nomem(err, capacity, w->path);
    }
    w->buffer = buffer;
    w->capacity = capacity;
    return SL_OK;
}

static sl_code add(writer *w, const char *data, size_t size, sl_error *err)
{
    while (size > 0) {
        SL_TRY(make_room(w, err));
        size_t room = w->capacity - w->used, n = size < room ? size : room;
        memcpy(w->buffer + w->used, data, n);
        w->used += n;
        data += n;
        size -= n;
    }
    return SL_OK;
}

static sl_code check_whole(const writer *w, sl_error *err)
{
    return w->broken ? sl_error_set(err, SL_E_STATE, "%s: an earlier write failed", w->path)
                     : SL_OK;
}

sl_code hdfs_write(sli_fs_file *file, const void *data, size_t size, sl_error *err)
{
    writer *w = (writer *)file;
    SL_TRY(check_whole(w, err));
    sl_code rc = add(w, data, size, err);
    w->broken = rc != SL_OK;
    return rc;
}

// ---------------------------------------------------------------- the end

void hdfs_discard(sli_fs_file **file)
{
    writer *w = (writer *)*file;
    *file = NULL;
    if (w == NULL) {
        return;
    }
    if (w->has_begun || w->broken) { // what stays is under no final name; recovery removes it
        (void)hdfs_remove(w->base.fs, w->begun, NULL);
        (void)hdfs_remove(w->base.fs, w->next, NULL);
    }
    writer_free(w);
}

sl_code hdfs_seal(sli_fs_file **file, sl_error *err)
{
    writer *w = (writer *)*file;
    sl_code rc = check_whole(w, err);
    if (rc == SL_OK && (w->used > 0 || !w->has_begun)) {
        rc = flush(w, err);
    }
    rc = rc == SL_OK ? hdfs_rename(w->base.fs, w->begun, w->path, err) : rc;
    if (rc != SL_OK) {
        w->broken = true;
        hdfs_discard(file);
        return rc;
    }
    writer_free(w);
    *file = NULL;
    return SL_OK;
}
