// look.c — which file is which: what has become of the files that are known, and which are new.
//
// Rules and their reasons are the table in README.md, "Which file is which".
#include "base/hash.h"
#include "source/tail/tail_int.h"

enum { UNSURE_US = 60000000 }; // files are given up although others can't be read

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
    **out = (tail_file){.name = copy};
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
static void files_sort(tail_files *files)
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

static tail_file *find(tail_source *self, const tail_name *name)
{
    for (int32_t i = 0; i < self->files.n; i++) {
        tail_file *file = &self->files.items[i];
        if (file->identity == name->stat.identity && strcmp(file->name, name->name) == 0) {
            return file;
        }
    }
    return NULL;
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

/// What can't be read is neither what was taken nor something else: nothing is decided by this
/// look.
static void be_unsure(tail_source *self, const char *at, const sl_error *why)
{
    self->is_unsure = true;
    if (self->unsure_us == 0) {
        self->unsure_us = sli_env_mono_us(self->common.env.env);
    }
    tail_unreadable(self, at, why->text);
}

/// Whether files may be begun and given up: what could not be read may be where their bytes are, or
/// what they are a copy of. That is waited for, but not for ever.
static bool may_decide(const tail_source *self)
{
    return !self->is_unsure || sli_env_mono_us(self->common.env.env) - self->unsure_us >= UNSURE_US;
}

// ---------------------------------------------------------------- files that are known

/// Opens the file of a name, when it is still the one that was listed. False: not now.
static bool open_listed(tail_source *self, const tail_name *name, sli_file **out)
{
    sli_stat stat = {0};
    sl_error why = SL_ERROR_INIT;
    sl_code rc = tail_open(self, name->at, out, &why);
    if (rc == SL_OK) {
        rc = sli_file_stat(*out, &stat, &why);
    }
    bool same = rc == SL_OK && stat.identity == name->stat.identity;
    if (!same) {
        sli_file_close(out);
    }
    if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
        be_unsure(self, name->at, &why);
    }
    return same;
}

/// Remembers under which name it is. False without memory.
static bool set_at(tail_file *file, const char *at)
{
    if (file->at != NULL && strcmp(file->at, at) == 0) {
        return true;
    }
    char *copy = sl_strdup(SLI_TAG_SOURCE, at);
    if (copy == NULL) {
        return false;
    }
    sl_free(file->at);
    file->at = copy;
    return true;
}

/// Finds out whether a file is still what was taken. False: it could not.
static bool find_cut(tail_source *self, tail_file *file, const tail_name *name)
{
    sl_error why = SL_ERROR_INIT;
    bool fits = false;
    if (file->open == NULL && !open_listed(self, name, &file->open)) {
        return false;
    }
    if (name->stat.size_bytes >= file->offset &&
        tail_mark_fits(file->open, file->offset, file->mark, &fits, &why) != SL_OK) {
        be_unsure(self, name->at, &why);
        return false;
    }
    file->is_cut = !fits;
    return true;
}

/// A file that is listed: is it what was taken? `open` is kept only while there may be more in it.
static sl_code see_known(tail_source *self, tail_file *file, const tail_name *name, sl_error *err)
{
    bool changed = file->at == NULL || strcmp(file->at, name->at) != 0 ||
                   file->size != name->stat.size_bytes ||
                   file->modified_us != name->stat.modified_us;
    bool was_current = file->is_current;
    file->is_listed = true;
    file->is_current = !name->is_rotated;
    if (was_current && name->is_rotated) {
        sli_source_count(&self->common, SLI_SOURCE_ROTATED, 1);
    }
    if (!set_at(file, name->at)) {
        return sl_error_nomem(err, strlen(name->at), "a file's name");
    }
    if (file->is_waiting || !changed) {
        return SL_OK;
    }
    if (!find_cut(self, file, name)) {
        sl_free(file->at); // looked at again by the next one
        file->at = NULL;
        return SL_OK;
    }
    file->modified_us = name->stat.modified_us;
    file->tried_size = -1;
    if (!file->is_cut) { // else what was seen behind `offset` is lost, and is told
        file->size = name->stat.size_bytes;
    }
    if (file->is_left && !file->is_cut) {
        sli_file_close(&file->open);
    }
    return SL_OK;
}

/// What a file is when nothing of it was taken.
static void begin_anew(tail_file *file)
{
    file->offset = 0;
    file->size = 0;
    file->tried_size = -1;
    file->mark = (tail_mark){0};
    file->in_long = file->is_left = file->is_cut = file->is_waiting = false;
    file->still_us = 0;
}

/// Nobody has the rest of a file that is not what was taken any more.
static void restart_cut(tail_source *self, tail_file *file)
{
    bool was_read = file->is_left || file->still_us > 0; // its inode is in use again
    if (!was_read) {
        tail_lost(self, file->name, file->offset,
                  file->size > file->offset ? file->size - file->offset : 0,
                  "truncated or replaced in its place");
    }
    begin_anew(file);
}

// ---------------------------------------------------------------- files that are new

/// Whether the rest of `file` can't be had where it was.
static bool is_homeless(const tail_file *file)
{
    return !file->is_waiting && file->offset > 0 &&
           (file->is_cut || (!file->is_listed && file->open == NULL));
}

/// The file that a new one is, since it has the bytes of one that is not what or where it was;
/// NULL: none.
static sl_code find_homeless(tail_source *self, const tail_name *name, sli_file *open,
                             const tail_file *not_this, tail_file **out, sl_error *err)
{
    for (int32_t i = 0; i < self->files.n && *out == NULL; i++) {
        tail_file *file = &self->files.items[i];
        bool fits = false;
        if (file != not_this && is_homeless(file) && strcmp(file->name, name->name) == 0 &&
            name->stat.size_bytes >= file->offset) {
            SL_TRY(tail_mark_fits(open, file->offset, file->mark, &fits, err));
            *out = fits ? file : NULL;
        }
    }
    return SL_OK;
}

static void adopt(tail_source *self, const tail_name *name, SL_TAKES sli_file *open,
                  tail_file *file)
{
    sli_file_close(&file->open);
    file->open = open;
    file->identity = name->stat.identity;
    file->size = name->stat.size_bytes;
    file->is_cut = false;
    file->is_listed = true;
    file->is_current = !name->is_rotated;
    file->still_us = 0;
    (void)set_at(file, name->at); // without it the next look finds out again
    sli_source_count(&self->common, SLI_SOURCE_ROTATED, 1);
}

/// Whether it begins as a file does of which something was taken, as far as can be seen.
static sl_code begins_as(const tail_file *file, const tail_name *name, sli_file *open, bool *out,
                         sl_error *err)
{
    uint64_t head = 0;
    int64_t size = file->offset < TAIL_MARK ? file->offset : TAIL_MARK;
    if (name->stat.size_bytes >= size) {
        SL_TRY(read_hash(open, 0, size, &head, err));
    }
    *out = name->stat.size_bytes < size || head == file->mark.head;
    return SL_OK;
}

static sl_code has_all_of(const tail_file *file, const tail_name *name, sli_file *open, bool *out,
                          sl_error *err)
{
    *out = false;
    return name->stat.size_bytes < file->offset
               ? SL_OK
               : tail_mark_fits(open, file->offset, file->mark, out, err);
}

/// Whether it is like one of its name's files; `whole`: and has all that was taken of that.
static sl_code is_like_one(const tail_source *self, const tail_name *name, sli_file *open,
                           bool whole, bool *out, sl_error *err)
{
    for (int32_t i = 0; i < self->files.n && !*out; i++) {
        const tail_file *file = &self->files.items[i];
        if (!file->is_waiting && file->offset > 0 && strcmp(file->name, name->name) == 0) {
            SL_TRY(whole ? has_all_of(file, name, open, out, err)
                         : begins_as(file, name, open, out, err));
        }
    }
    return SL_OK;
}

/// Where the record begins that the file ends in: behind the last '\n' near its end; else the
/// file's end, within a record.
static sl_code find_end(tail_file *file, sl_error *err)
{
    char bytes[4096];
    size_t n = 0;
    int64_t from = file->size < (int64_t)sizeof bytes ? 0 : file->size - (int64_t)sizeof bytes;
    SL_TRY(sli_file_read_at(file->open, from, bytes, (size_t)(file->size - from), &n, err));
    const char *end = n == 0 ? NULL : memrchr(bytes, '\n', n);
    file->offset = end != NULL ? from + (end - bytes) + 1 : from == 0 ? 0 : file->size;
    file->in_long = end == NULL && from > 0;
    return SL_OK;
}

/// Sets where a file begins that is new.
static sl_code begin_file(tail_source *self, tail_file *file, const tail_name *name, bool is_left,
                          sl_error *err)
{
    file->size = name->stat.size_bytes;
    file->is_left = is_left;
    if (is_left) {
        file->offset = file->size;
    } else if (!self->started && self->from_end) {
        SL_TRY(find_end(file, err));
    }
    SL_TRY(tail_mark_read(file->open, file->offset, &file->mark, err));
    if (is_left) {
        sli_file_close(&file->open);
    }
    return SL_OK;
}

/// What is known of a new file before anything of it is taken: it waits, until it is begun.
static sl_code note_new(tail_source *self, const tail_name *name, tail_file **file, sl_error *err)
{
    int64_t now_us = sli_env_mono_us(self->common.env.env);
    if (*file == NULL) {
        SL_TRY(tail_files_add(&self->files, name->name, strlen(name->name), file, err));
        (*file)->identity = name->stat.identity;
        (*file)->size = -1;
    }
    if ((*file)->size != name->stat.size_bytes) {
        (*file)->size = name->stat.size_bytes;
        (*file)->still_us = now_us;
    }
    (*file)->is_waiting = (*file)->is_listed = true;
    (*file)->is_current = !name->is_rotated;
    return SL_OK;
}

/// Whether all of a rotated file is the beginning of the file that its name stands for now: a copy,
/// in the making or made, of bytes that are still there, whether anything was taken of them or not.
static sl_code is_part_of_own(const tail_source *self, const tail_names *names,
                              const tail_name *name, sli_file *open, bool *out, sl_error *err)
{
    const tail_name *own = NULL;
    for (int32_t i = 0; i < names->n; i++) {
        if (!names->items[i].is_rotated && strcmp(names->items[i].name, name->name) == 0) {
            own = &names->items[i];
        }
    }
    int64_t size = name->stat.size_bytes;
    if (own == NULL || own->stat.size_bytes < size) {
        return SL_OK;
    }
    tail_mark mark = {0};
    sli_file *file = NULL;
    SL_TRY(tail_mark_read(open, size, &mark, err));
    sl_error why = SL_ERROR_INIT;
    sl_code rc = tail_open(self, own->at, &file, &why);
    rc = rc == SL_OK ? tail_mark_fits(file, size, mark, out, &why) : rc;
    sli_file_close(&file);
    if (rc != SL_OK && rc != SL_E_NOT_FOUND && err != NULL) {
        *err = why;
    }
    return rc == SL_E_NOT_FOUND ? SL_OK : rc;
}

/// What a rotated file is that nobody knows: a copy that is waited with, a copy, or neither.
static sl_code judge_rotated(const tail_source *self, const tail_names *names,
                             const tail_name *name, sli_file *open, bool is_young, bool *waits,
                             bool *is_copy, sl_error *err)
{
    SL_TRY(is_part_of_own(self, names, name, open, is_copy, err));
    *waits = *is_copy && is_young;
    if (!*waits && is_young) {
        SL_TRY(is_like_one(self, name, open, false, waits, err));
    }
    return *waits || *is_copy ? SL_OK : is_like_one(self, name, open, true, is_copy, err);
}

/// Begins a file, unless it is a copy in the making. Takes `open` when it does.
static sl_code try_begin(tail_source *self, tail_file *file, const tail_names *names,
                         const tail_name *name, sli_file **open, sl_error *err)
{
    bool is_young = sli_env_mono_us(self->common.env.env) - file->still_us < self->rotate_wait_us;
    bool is_copy = name->is_rotated && !self->started, waits = false;
    if (self->started && name->is_rotated) {
        SL_TRY(judge_rotated(self, names, name, *open, is_young, &waits, &is_copy, err));
    }
    if (waits) {
        return SL_OK;
    }
    file->open = *open;
    *open = NULL;
    sl_code rc = begin_file(self, file, name, is_copy, err);
    if (rc != SL_OK) {
        sli_file_close(&file->open);
        return rc;
    }
    file->is_waiting = false;
    file->still_us = 0;
    file->tried_size = -1;
    return set_at(file, name->at) ? SL_OK : sl_error_nomem(err, strlen(name->at), "a file's name");
}

/// A file whose identity is not known, or that was waited with. `file` NULL: not on the list yet.
static sl_code meet(tail_source *self, tail_file *file, const tail_names *names,
                    const tail_name *name, sl_error *err)
{
    sli_file *open = NULL;
    tail_file *home = NULL;
    sl_error why = SL_ERROR_INIT;
    if (!open_listed(self, name, &open)) {
        return SL_OK; // the next look meets it
    }
    sl_code rc = find_homeless(self, name, open, file, &home, &why);
    if (rc == SL_OK && home != NULL) {
        adopt(self, name, open, home);
        if (file != NULL) { // two entries of one identity: the one that waited goes
            file->is_listed = false;
        }
        return SL_OK;
    }
    rc = rc == SL_OK ? note_new(self, name, &file, &why) : rc;
    rc = rc == SL_OK ? try_begin(self, file, names, name, &open, &why) : rc;
    sli_file_close(&open);
    if (rc == SL_E_IO) {
        be_unsure(self, name->at, &why);
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

// ---------------------------------------------------------------- a look

/// A rotated name with other bytes is another file, which has the inode of one that is gone.
static void part(tail_file *file)
{
    sli_file_close(&file->open);
    file->identity = 0;
    file->is_listed = false;
}

static sl_code see_all(tail_source *self, const tail_names *names, sl_error *err)
{
    for (int32_t i = 0; i < names->n; i++) {
        tail_file *file = find(self, &names->items[i]);
        if (file != NULL) {
            SL_TRY(see_known(self, file, &names->items[i], err));
            if (file->is_cut && names->items[i].is_rotated) {
                part(file);
            }
        }
    }
    for (int32_t i = 0; i < names->n; i++) {
        tail_file *file = find(self, &names->items[i]);
        if ((file == NULL || file->is_waiting) && may_decide(self)) {
            SL_TRY(meet(self, file, names, &names->items[i], err));
        }
    }
    return SL_OK;
}

/// Files that are cut are read anew, those that are nowhere go.
static void settle(tail_source *self)
{
    for (int32_t i = self->files.n - 1; i >= 0; i--) {
        tail_file *file = &self->files.items[i];
        if (file->is_cut && file->is_listed) {
            restart_cut(self, file);
        } else if (!file->is_listed && file->open == NULL) {
            bool at_end = file->at != NULL && file->size <= file->offset;
            if (!file->is_left && !file->is_waiting && !at_end) {
                tail_lost(self, file->name, file->offset,
                          file->size > file->offset ? file->size - file->offset : 0, "gone");
            }
            tail_file_drop(&self->files, i);
        }
    }
}

sl_code tail_look(tail_source *self, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "a listing");
    }
    tail_names names;
    self->waits_now = self->is_unsure = false;
    sl_code rc = tail_names_read(self, arena, NULL, &names, err);
    if (rc == SL_OK) {
        for (int32_t i = 0; i < self->files.n; i++) {
            self->files.items[i].is_listed = false;
        }
        rc = see_all(self, &names, err);
    }
    if (rc == SL_OK) {
        for (int32_t i = 0; i < self->files.n; i++) {
            self->files.items[i].is_current &= self->files.items[i].is_listed;
        }
        if (may_decide(self)) {
            settle(self);
        }
        self->unsure_us = self->is_unsure ? self->unsure_us : 0;
        files_sort(&self->files);
        self->started = true;
        if (names.n == 0) {
            tail_unreadable(self, self->pattern, "no such file yet");
        }
        self->waiting = self->waits_now;
    }
    sl_arena_free(arena);
    return rc;
}
