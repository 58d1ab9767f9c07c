// decide.c — files that have lost their place get another one by their bytes, new files are begun,
// and what is nowhere is given up.
//
// A file is never begun that may have bytes of one that is known: it is that file, or a copy of it,
// or it waits.
#include "source/tail/tail_int.h"

enum { UNSURE_US = 60000000 }; // then it is decided although some can't be read

/// What a rotated file is that nobody knows.
typedef enum tail_kind {
    IS_NEW = 0,
    IS_COPY,   ///< of one that is where it was
    IS_UNSURE, ///< something moved: the next listing tells
} tail_kind;

/// Whether what can't be read may be passed over. It may be where bytes are, or what others are a
/// copy of: that is waited for, but not for ever.
static bool may_decide(const tail_source *self)
{
    return !self->is_unsure || sli_env_mono_us(self->common.env.env) - self->unsure_us >= UNSURE_US;
}

// ---------------------------------------------------------------- another place

/// Whether something begins as the file does, as far as that was taken. `size` bytes of it are
/// known, all of it or TAIL_MARK.
static bool begins_as(const char *head, int64_t size, const tail_file *file)
{
    int64_t n = file->offset < TAIL_MARK ? file->offset : TAIL_MARK;
    return size >= n && tail_hash(head, n) == file->mark.head;
}

static sl_code read_head(sli_file *file, char *out, int64_t *size, sl_error *err)
{
    size_t n = 0;
    SL_TRY(sli_file_read_at(file, 0, out, TAIL_MARK, &n, err));
    *size = (int64_t)n;
    return SL_OK;
}

/// Reads a name's first bytes once, so that it need not be opened for every file that looks for a
/// place.
static sl_code learn_head(tail_source *self, sl_arena *arena, tail_name *name, sl_error *err)
{
    sli_file *open = NULL;
    sl_error why = SL_ERROR_INIT;
    char *head = sl_arena_alloc(arena, TAIL_MARK);
    if (head == NULL) {
        return sl_error_nomem(err, TAIL_MARK, "a file's beginning");
    }
    name->head = head;
    if (tail_open_listed(self, name, &open) &&
        read_head(open, head, &name->head_size, &why) != SL_OK) {
        tail_be_unsure(self, name->at, &why);
    }
    sli_file_close(&open);
    return SL_OK;
}

/// Opens the name when it has all that was taken of the file.
static bool try_home(tail_source *self, const tail_file *file, const tail_name *name,
                     sli_file **out)
{
    sl_error why = SL_ERROR_INIT;
    bool fits = false;
    if (!begins_as(name->head, name->head_size, file) || !tail_open_listed(self, name, out)) {
        return false;
    }
    if (tail_mark_fits(*out, file->offset, file->mark, &fits, &why) != SL_OK) {
        tail_be_unsure(self, name->at, &why);
    }
    if (!fits) {
        sli_file_close(out);
    }
    return fits;
}

/// The name with most of the file's bytes, open; NULL: none. Names that other files have are out,
/// except those that are only left alone: a copy is one until it is needed.
static sl_code find_home(tail_source *self, const tail_file *file, tail_names *names,
                         const tail_name **home, sli_file **out, sl_error *err)
{
    for (int32_t i = 0; i < names->n; i++) {
        tail_name *name = &names->items[i];
        const tail_file *owner = tail_files_find(&self->files, name->stat.identity);
        bool is_free = owner == NULL || (owner->is_left && !file->is_left);
        bool is_better = *home == NULL || name->stat.size_bytes > (*home)->stat.size_bytes;
        sli_file *open = NULL;
        if (!is_free || !is_better || name->stat.size_bytes < file->offset) {
            continue;
        }
        if (name->head == NULL) {
            SL_TRY(learn_head(self, names->arena, name, err));
        }
        if (try_home(self, file, name, &open)) {
            sli_file_close(out);
            *out = open;
            *home = name;
        }
    }
    return SL_OK;
}

static sl_code settle_in(tail_source *self, tail_file *file, const tail_name *name,
                         SL_TAKES sli_file *open, sl_error *err)
{
    sl_code rc = tail_set_at(file, name->at, err);
    if (rc != SL_OK) {
        sli_file_close(&open);
        return rc;
    }
    file->open = open;
    file->identity = name->stat.identity;
    file->limit = file->offset;
    file->size = name->stat.size_bytes;
    file->modified_us = name->stat.modified_us;
    file->tried_size = -1;
    file->still_us = 0;
    file->is_listed = true;
    file->is_current = !name->is_rotated;
    file->is_over = false;
    if (file->is_left) {
        sli_file_close(&file->open);
    } else {
        self->has_news = true;
        sli_source_count(&self->common, SLI_SOURCE_ROTATED, 1);
    }
    return SL_OK;
}

/// Files of one kind that have no place look for one.
static sl_code house(tail_source *self, tail_names *names, bool left, sl_error *err)
{
    for (int32_t i = 0; i < self->files.n; i++) {
        tail_file *file = &self->files.items[i];
        const tail_name *home = NULL;
        sli_file *open = NULL;
        if (!tail_is_homeless(file) || file->is_left != left || file->offset == 0) {
            continue;
        }
        sl_code rc = find_home(self, file, names, &home, &open, err);
        if (rc != SL_OK) {
            sli_file_close(&open);
            return rc;
        }
        if (home == NULL) {
            continue;
        }
        tail_file *owner = tail_files_find(&self->files, home->stat.identity);
        SL_TRY(settle_in(self, file, home, open, err));
        if (owner != NULL) { // it was left alone, and is needed now
            int32_t at = (int32_t)(owner - self->files.items);
            tail_file_drop(&self->files, at);
            i -= at < i ? 1 : 0;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- followed names

/// Where the record begins that the file ends in: behind the last '\n' near its end; else the
/// file's end, within a record.
static sl_code find_end(tail_file *file, int64_t size, sl_error *err)
{
    char bytes[4096];
    size_t n = 0;
    int64_t from = size < (int64_t)sizeof bytes ? 0 : size - (int64_t)sizeof bytes;
    SL_TRY(sli_file_read_at(file->open, from, bytes, (size_t)(size - from), &n, err));
    const char *end = n == 0 ? NULL : memrchr(bytes, '\n', n);
    file->offset = end != NULL ? from + (end - bytes) + 1 : from == 0 ? 0 : size;
    file->in_long = end == NULL && from > 0;
    return SL_OK;
}

/// Adds a file. Takes `open`. `offset`: so much of it is not to be read.
static sl_code add_file(tail_source *self, const tail_name *name, SL_TAKES sli_file *open,
                        int64_t offset, bool find_the_end, tail_file **out, sl_error *err)
{
    tail_file *file = NULL;
    sl_code rc = tail_files_add(&self->files, name->name, strlen(name->name), &file, err);
    if (rc != SL_OK) {
        sli_file_close(&open);
        return rc;
    }
    file->open = open;
    file->identity = name->stat.identity;
    file->size = name->stat.size_bytes;
    file->offset = offset;
    rc = find_the_end ? find_end(file, file->size, err) : SL_OK;
    rc = rc == SL_OK ? tail_mark_read(open, file->offset, &file->mark, err) : rc;
    rc = rc == SL_OK ? tail_set_at(file, name->at, err) : rc;
    if (rc != SL_OK) {
        tail_file_drop(&self->files, self->files.n - 1);
        return rc;
    }
    file->limit = file->offset;
    file->modified_us = name->stat.modified_us;
    file->is_listed = true;
    file->is_current = !name->is_rotated;
    *out = file;
    return SL_OK;
}

/// A failure to read is no failure of the look.
static sl_code wait_for(tail_source *self, const tail_name *name, sl_code rc, const sl_error *why,
                        sl_error *err)
{
    if (rc == SL_E_IO) {
        tail_be_unsure(self, name->at, why);
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = *why;
    }
    return rc;
}

static sl_code begin_followed(tail_source *self, const tail_names *names, sl_error *err)
{
    for (int32_t i = 0; i < names->n; i++) {
        const tail_name *name = &names->items[i];
        sli_file *open = NULL;
        tail_file *file = NULL;
        sl_error why = SL_ERROR_INIT;
        bool is_known = tail_files_find(&self->files, name->stat.identity) != NULL;
        if (!name->is_rotated && !is_known && tail_open_listed(self, name, &open)) {
            bool at_end = !self->started && self->from_end;
            sl_code rc = add_file(self, name, open, 0, at_end, &file, &why);
            SL_TRY(wait_for(self, name, rc, &why, err));
            self->has_news = true;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- rotated names

/// A rotated file that nobody knows.
typedef struct stranger {
    const tail_name *name;
    sli_file *open;
    int64_t size;
    tail_mark mark; ///< of all of it
    char head[TAIL_MARK];
    int64_t head_size;
} stranger;

/// Whether it can't be a copy, as far as what is remembered of a file tells.
static sl_code is_unlike(const stranger *s, const tail_file *file, bool *out, sl_error *err)
{
    bool fits = false;
    if (s->size >= file->offset) { // a copy has all that was taken
        *out = !begins_as(s->head, s->head_size, file);
        if (*out) {
            return SL_OK;
        }
        SL_TRY(tail_mark_fits(s->open, file->offset, file->mark, &fits, err));
        *out = !fits;
    } else {
        *out = s->size >= TAIL_MARK && s->mark.head != file->mark.head;
    }
    return SL_OK;
}

/// Whether all of it is the beginning of a file, which is open.
static sl_code compare(const stranger *s, const tail_file *file, sli_file *open, tail_kind *out,
                       sl_error *err)
{
    sli_stat stat = {0};
    bool fits = false;
    SL_TRY(sli_file_stat(open, &stat, err));
    if (stat.size_bytes >= s->size) {
        SL_TRY(tail_mark_fits(open, s->size, s->mark, &fits, err));
    }
    if (fits) {
        *out = IS_COPY;
        return SL_OK;
    }
    SL_TRY(tail_mark_fits(open, file->offset, file->mark, &fits, err));
    *out = fits ? IS_NEW : IS_UNSURE; // truncated just now
    return SL_OK;
}

static sl_code judge_by(tail_source *self, const stranger *s, const tail_file *file, tail_kind *out,
                        sl_error *err)
{
    bool unlike = false;
    SL_TRY(is_unlike(s, file, &unlike, err));
    if (unlike) {
        return SL_OK;
    }
    if (file->open != NULL) {
        return compare(s, file, file->open, out, err);
    }
    sli_file *open = NULL;
    const tail_name name = {.at = file->at, .stat = {.identity = file->identity}};
    if (file->at == NULL || !tail_open_listed(self, &name, &open)) {
        *out = IS_UNSURE;
        return SL_OK;
    }
    sl_code rc = compare(s, file, open, out, err);
    sli_file_close(&open);
    return rc;
}

/// What it is. *of: the file that it is a copy of.
static sl_code judge(tail_source *self, const stranger *s, tail_kind *out, const tail_file **of,
                     sl_error *err)
{
    *out = IS_NEW;
    for (int32_t i = 0; i < self->files.n && *out == IS_NEW; i++) {
        const tail_file *file = &self->files.items[i];
        if (!file->is_pending && !tail_is_homeless(file) &&
            strcmp(file->name, s->name->name) == 0) {
            SL_TRY(judge_by(self, s, file, out, err));
            *of = file;
        }
    }
    sli_stat stat = {0};
    SL_TRY(sli_file_stat(s->open, &stat, err));
    if (*out == IS_NEW && stat.size_bytes != s->size) { // a copy in the making was not seen whole
        *out = IS_UNSURE;
    }
    return SL_OK;
}

/// Its bytes are taken of another file, or were there before the first start. Takes the open file.
static sl_code leave(tail_source *self, stranger *s, const tail_file *of, sl_error *err)
{
    tail_file *file = NULL;
    uint64_t copy_of = of == NULL ? 0 : of->identity;
    bool is_pending = of != NULL && of->offset == 0;
    sli_file *open = s->open;
    s->open = NULL;
    SL_TRY(add_file(self, s->name, open, s->size, false, &file, err));
    sli_file_close(&file->open);
    file->is_left = true;
    file->copy_of = copy_of;
    file->is_pending = is_pending;
    return SL_OK;
}

static sl_code begin_stranger(tail_source *self, stranger *s, sl_error *err)
{
    sli_stat stat = {0};
    tail_kind kind = IS_COPY;
    const tail_file *of = NULL;
    SL_TRY(sli_file_stat(s->open, &stat, err));
    s->size = stat.size_bytes;
    SL_TRY(tail_mark_read(s->open, s->size, &s->mark, err));
    SL_TRY(read_head(s->open, s->head, &s->head_size, err));
    if (s->size == 0) { // as long as it is empty it is nothing
        return SL_OK;
    }
    if (self->started) {
        SL_TRY(judge(self, s, &kind, &of, err));
    }
    if (kind == IS_COPY) {
        return leave(self, s, of, err);
    }
    if (kind == IS_NEW) {
        tail_file *file = NULL;
        sli_file *open = s->open;
        s->open = NULL;
        self->has_news = true;
        return add_file(self, s->name, open, 0, false, &file, err);
    }
    self->has_news = self->has_news || !self->is_unsure;
    return SL_OK;
}

static sl_code begin_rotated(tail_source *self, const tail_names *names, sl_error *err)
{
    for (int32_t i = 0; i < names->n; i++) {
        stranger s = {.name = &names->items[i]};
        sl_error why = SL_ERROR_INIT;
        bool is_known = tail_files_find(&self->files, s.name->stat.identity) != NULL;
        if (s.name->is_rotated && !is_known && tail_open_listed(self, s.name, &s.open)) {
            sl_code rc = begin_stranger(self, &s, &why);
            sli_file_close(&s.open);
            SL_TRY(wait_for(self, s.name, rc, &why, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- giving up

static void tell_end(tail_source *self, const tail_file *file)
{
    bool saw_all = file->at != NULL && file->size <= file->offset;
    bool is_cut = file->identity == 0;
    if (file->is_left || file->is_done) {
        return;
    }
    if (!saw_all || !is_cut) {
        tail_lost(self, file->name, file->offset,
                  file->size > file->offset ? file->size - file->offset : 0,
                  is_cut ? "truncated or replaced in its place" : "gone");
        return;
    }
    SLI_LOG(self->common.env.log, SLI_INFO, "source",
            "%s/%s: truncated or replaced in its place; taken up to byte %lld, all that was seen",
            self->dir, file->name, (long long)file->offset);
}

static void give_up(tail_source *self)
{
    for (int32_t i = self->files.n - 1; i >= 0; i--) {
        const tail_file *file = &self->files.items[i];
        bool is_gone = tail_is_homeless(file);
        if (is_gone && file->offset > 0) {
            tell_end(self, file);
        }
        if (is_gone || (!file->is_listed && file->is_over)) {
            tail_file_drop(&self->files, i);
        }
    }
}

/// Nothing was taken of them, and nobody has them open: they are unknown again.
static void drop_empty(tail_files *files)
{
    for (int32_t i = files->n - 1; i >= 0; i--) {
        if (files->items[i].offset == 0 && files->items[i].open == NULL) {
            tail_file_drop(files, i);
        }
    }
}

sl_code tail_decide(tail_source *self, tail_names *names, bool is_settled, sl_error *err)
{
    drop_empty(&self->files);
    if (is_settled) {
        SL_TRY(house(self, names, false, err));
        SL_TRY(house(self, names, true, err));
        if (!may_decide(self)) {
            return SL_OK;
        }
        give_up(self);
    }
    SL_TRY(begin_followed(self, names, err));
    return may_decide(self) ? begin_rotated(self, names, err) : SL_OK;
}
