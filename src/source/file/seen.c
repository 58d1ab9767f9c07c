// seen.c — the files a stream has taken, in byte order of names, as a listing comes: both are gone
// through side by side.
#include "source/file/file_int.h"

#include <stdlib.h>

static void files_free(sli_seen_file *files, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        sl_free(files[i].name);
    }
    sl_free(files);
}

void sli_seen_reset(sli_seen *seen)
{
    files_free(seen->files, seen->n);
    *seen = (sli_seen){0};
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const sli_seen_file *)a)->name, ((const sli_seen_file *)b)->name);
}

static sli_seen_file *copy_items(const sli_file_item *const *items, int64_t n, int64_t time_us,
                                 bool older)
{
    sli_seen_file *files = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n, sizeof *files);
    for (int64_t i = 0; files != NULL && i < n; i++) {
        files[i] = (sli_seen_file){.name = sl_strdup(SLI_TAG_SOURCE, items[i]->name),
                                   .size_bytes = items[i]->size_bytes,
                                   .modified_us = items[i]->modified_us,
                                   .identity = items[i]->identity,
                                   .time_us = time_us,
                                   .older = older};
        if (files[i].name == NULL) {
            files_free(files, i);
            return NULL;
        }
    }
    return files;
}

/// Merges two sorted arrays into `to`; of equal names the later one of `b` stays.
static int64_t merge(sli_seen_file *to, const sli_seen_file *a, int64_t n_a, const sli_seen_file *b,
                     int64_t n_b)
{
    int64_t n = 0, i = 0, j = 0;
    while (i < n_a || j < n_b) {
        bool from_a = j == n_b || (i < n_a && strcmp(a[i].name, b[j].name) <= 0);
        const sli_seen_file *next = from_a ? &a[i++] : &b[j++];
        if (n > 0 && strcmp(to[n - 1].name, next->name) == 0) {
            sl_free(to[--n].name);
        }
        to[n++] = *next;
    }
    return n;
}

sl_code sli_seen_add(sli_seen *seen, const sli_file_item *const *items, int64_t n, int64_t time_us,
                     bool older, sl_error *err)
{
    if (n == 0) {
        return SL_OK;
    }
    if (seen->n + n > 2LL * SLI_FILE_MAX_ITEMS) {
        return sl_error_set(err, SL_E_INVALID, "more than %lld files to remember",
                            2LL * SLI_FILE_MAX_ITEMS);
    }
    sli_seen_file *added = copy_items(items, n, time_us, older);
    sli_seen_file *all =
        added == NULL ? NULL : sl_alloc_array(SLI_TAG_SOURCE, (size_t)(seen->n + n), sizeof *all);
    if (all == NULL) {
        files_free(added, added == NULL ? 0 : n);
        return sl_error_nomem(err, (size_t)(seen->n + n) * sizeof *all, "files taken");
    }
    qsort(added, (size_t)n, sizeof *added, by_name);
    int64_t n_all = merge(all, seen->files, seen->n, added, n);
    sl_free(added);
    sl_free(seen->files);
    *seen = (sli_seen){.files = all, .n = n_all, .capacity = n_all};
    return SL_OK;
}

void sli_seen_remove(sli_seen *seen, bool (*gone)(const sli_seen_file *file, int64_t than),
                     int64_t than)
{
    int64_t n = 0;
    for (int64_t i = 0; i < seen->n; i++) {
        if (gone(&seen->files[i], than)) {
            sl_free(seen->files[i].name);
        } else {
            seen->files[n++] = seen->files[i];
        }
    }
    seen->n = n;
}

void sli_seen_put(const sli_seen *seen, sli_str *out)
{
    sli_put_varint(out, (uint64_t)seen->n);
    for (int64_t i = 0; i < seen->n; i++) {
        const sli_seen_file *file = &seen->files[i];
        sli_put_text(out, file->name);
        sli_put_varint(out, (uint64_t)file->size_bytes);
        sli_put_i64(out, file->modified_us);
        sli_put_u64(out, file->identity);
        sli_put_i64(out, file->time_us);
        sli_put_u8(out, file->changed ? 1 : 0);
    }
}

static sl_code get_file(sli_reader *in, sli_seen_file *out, sl_error *err)
{
    sl_bytes name = sli_get_bytes(in);
    *out = (sli_seen_file){.size_bytes = (int64_t)sli_get_varint(in), .older = true};
    out->modified_us = sli_get_i64(in);
    out->identity = sli_get_u64(in);
    out->time_us = sli_get_i64(in);
    out->changed = sli_get_u8(in) != 0;
    if (in->bad || name.size == 0 || memchr(name.data, '\0', name.size) != NULL) {
        return sl_error_set(err, SL_E_CORRUPT, "a file's position is damaged");
    }
    out->name = sl_strndup(SLI_TAG_SOURCE, name.data, name.size);
    return out->name == NULL ? sl_error_nomem(err, name.size, "a file's name") : SL_OK;
}

sl_code sli_seen_get(sli_seen *seen, sli_reader *in, sl_error *err)
{
    enum { LEAST = 27 }; // bytes that one file takes, so that a damaged count asks for no memory
    uint64_t n = sli_get_varint(in);
    if (in->bad || n > (uint64_t)(in->end - in->at) / LEAST) {
        return sl_error_set(err, SL_E_CORRUPT, "a file's position is damaged");
    }
    sli_seen got = {.files = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n, sizeof *got.files),
                    .capacity = (int64_t)n};
    if (got.files == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *got.files, "files taken");
    }
    for (uint64_t i = 0; i < n; i++) {
        sl_code rc = get_file(in, &got.files[i], err);
        got.n += rc == SL_OK;
        if (rc == SL_OK && i > 0 && strcmp(got.files[i - 1].name, got.files[i].name) >= 0) {
            rc = sl_error_set(err, SL_E_CORRUPT, "a file's position is not in order");
        }
        if (rc != SL_OK) {
            sli_seen_reset(&got);
            return rc;
        }
    }
    sli_seen_reset(seen);
    *seen = got;
    return SL_OK;
}
