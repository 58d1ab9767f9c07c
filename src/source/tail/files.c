// files.c — the list of files that are known, the marks by which they are known, and what is told
// of them.
#include "base/hash.h"
#include "source/tail/tail_int.h"

// ---------------------------------------------------------------- the list

sl_code tail_files_add(tail_files *files, const char *name, size_t size, tail_file **out,
                       sl_error *err)
{
    if (files->n == TAIL_MOST_FILES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d files to follow", TAIL_MOST_FILES);
    }
    if (files->n == files->capacity) {
        int32_t capacity = files->capacity == 0 ? 8 : files->capacity * 2;
        tail_file *items =
            sl_realloc(SLI_TAG_SOURCE, files->items, (size_t)capacity * sizeof *items);
        if (items == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *items, "files to follow");
        }
        files->items = items;
        files->capacity = capacity;
    }
    char *copy = sl_strndup(SLI_TAG_SOURCE, name, size);
    if (copy == NULL) {
        return sl_error_nomem(err, size, "a file's name");
    }
    *out = &files->items[files->n++];
    **out = (tail_file){.name = copy, .tried_size = -1};
    return SL_OK;
}

static void file_reset(tail_file *file)
{
    sli_file_close(&file->open);
    sl_free(file->name);
    sl_free(file->at);
}

void tail_file_drop(tail_files *files, int32_t i)
{
    file_reset(&files->items[i]);
    files->n--;
    memmove(&files->items[i], &files->items[i + 1], (size_t)(files->n - i) * sizeof *files->items);
}

void tail_files_reset(tail_files *files)
{
    for (int32_t i = 0; i < files->n; i++) {
        file_reset(&files->items[i]);
    }
    sl_free(files->items);
    *files = (tail_files){0};
}

/// By names, a name's own file behind those that were rotated away; else as they came.
void tail_files_sort(tail_files *files)
{
    for (int32_t i = 1; i < files->n; i++) {
        tail_file moved = files->items[i];
        int32_t j = i;
        for (; j > 0; j--) {
            const tail_file *before = &files->items[j - 1];
            int order = strcmp(before->name, moved.name);
            if (order < 0 || (order == 0 && before->is_current <= moved.is_current)) {
                break;
            }
            files->items[j] = *before;
        }
        files->items[j] = moved;
    }
}

tail_file *tail_files_find(const tail_files *files, uint64_t identity)
{
    for (int32_t i = 0; i < files->n; i++) {
        if (files->items[i].identity == identity) {
            return &files->items[i];
        }
    }
    return NULL;
}

bool tail_is_homeless(const tail_file *file)
{
    return !file->is_listed && file->open == NULL;
}

// ---------------------------------------------------------------- marks

uint64_t tail_hash(const void *data, int64_t size)
{
    return size == 0 ? 0 : sli_hash64(data, (size_t)size);
}

static sl_code read_hash(sli_file *file, int64_t at, int64_t size, uint64_t *out, sl_error *err)
{
    char bytes[TAIL_MARK];
    size_t n = 0;
    SL_TRY(sli_file_read_at(file, at, bytes, (size_t)size, &n, err));
    *out = tail_hash(bytes, (int64_t)n);
    return SL_OK;
}

sl_code tail_mark_read(sli_file *file, int64_t offset, tail_mark *out, sl_error *err)
{
    int64_t size = offset < TAIL_MARK ? offset : TAIL_MARK;
    SL_TRY(read_hash(file, 0, size, &out->head, err));
    return read_hash(file, offset - size, size, &out->last, err);
}

sl_code tail_mark_fits(sli_file *open, int64_t offset, tail_mark mark, bool *out, sl_error *err)
{
    tail_mark now = {0};
    SL_TRY(tail_mark_read(open, offset, &now, err));
    *out = now.head == mark.head && now.last == mark.last;
    return SL_OK;
}

sl_code tail_open(const tail_source *self, const char *at, sli_file **out, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    const char *path = arena == NULL ? NULL : sli_path_join(arena, self->dir, at);
    sl_code rc = path == NULL ? sl_error_nomem(err, strlen(at), "a path")
                              : sli_file_open(self->common.env.env, path, SLI_READ, out, err);
    sl_arena_free(arena);
    return rc;
}

sl_code tail_set_at(tail_file *file, const char *at, sl_error *err)
{
    if (file->at != NULL && strcmp(file->at, at) == 0) {
        return SL_OK;
    }
    char *copy = sl_strdup(SLI_TAG_SOURCE, at);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(at), "a file's name");
    }
    sl_free(file->at);
    file->at = copy;
    return SL_OK;
}

// ---------------------------------------------------------------- what is told

void tail_lost(tail_source *self, const char *name, int64_t from, int64_t n, const char *why)
{
    sli_source_count(&self->common, SLI_SOURCE_LOST, n);
    SLI_LOG(self->common.env.log, SLI_WARN, "source",
            "%s/%s: %s; taken up to byte %lld, %lld bytes seen behind it can't be read, nor what "
            "may have come after the latest look",
            self->dir, name, why, (long long)from, (long long)n);
}

void tail_unreadable(tail_source *self, const char *at, const char *why)
{
    sli_source_count(&self->common, SLI_SOURCE_UNREADABLE, 1);
    if (!self->waiting) {
        SLI_LOG(self->common.env.log, SLI_WARN, "source",
                "%s/%s can't be read (%s); it is tried again each epoch", self->dir, at, why);
    }
    self->waits_now = true;
}
