// look.c — what has become of the files that are known.
//
// Others rename, copy, truncate and delete while a look is under way, and a listing of a directory
// is not taken at one moment: a file that is renamed meanwhile may be in it twice or not at all. So
// a file that was found is found for sure, since its bytes say so; but what is missing, or has
// other bytes now, is believed only when a second listing, begun after that was seen, is the same.
#include "source/tail/tail_int.h"

enum { MOST_PASSES = 8 }; // then it is the next look's affair

// ---------------------------------------------------------------- what can't be read

void tail_be_unsure(tail_source *self, const char *at, const sl_error *why)
{
    self->is_unsure = true;
    if (self->unsure_us == 0) {
        self->unsure_us = sli_env_mono_us(self->common.env.env);
    }
    tail_unreadable(self, at, why->text);
}

bool tail_open_listed(tail_source *self, const tail_name *name, sli_file **out)
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
        tail_be_unsure(self, name->at, &why);
    }
    return same;
}

// ---------------------------------------------------------------- before the listing

/// Only bytes that were there before a listing are taken: so a copy that the listing does not show
/// has all of them, and is known by them when it is seen.
static void measure(tail_source *self)
{
    for (int32_t i = self->files.n - 1; i >= 0; i--) {
        tail_file *file = &self->files.items[i];
        sli_stat stat = {0};
        sl_error why = SL_ERROR_INIT;
        file->is_listed = false;
        if (file->is_pending) { // it is found out anew
            tail_file_drop(&self->files, i);
        } else if (file->open == NULL) {
            file->limit = file->offset;
        } else if (sli_file_stat(file->open, &stat, &why) == SL_OK) {
            file->limit = stat.size_bytes;
        } else {
            file->limit = file->offset;
            tail_unreadable(self, file->name, why.text);
        }
    }
}

/// Nothing is taken in this epoch.
static void hold_all(tail_source *self)
{
    for (int32_t i = 0; i < self->files.n; i++) {
        self->files.items[i].limit = self->files.items[i].offset;
    }
}

// ---------------------------------------------------------------- files that are known

/// Its place has other bytes now: where its own are has to be found out.
static void lose_place(tail_source *self, tail_file *file)
{
    sli_file_close(&file->open);
    file->identity = 0;
    self->is_cut = true;
}

/// Whether the file in its place is still the one. False in *sure: it could not be read.
static bool fits(tail_source *self, tail_file *file, const tail_name *name, bool *sure)
{
    sl_error why = SL_ERROR_INIT;
    bool good = false;
    *sure = file->open != NULL;
    if (!*sure) {
        *sure = tail_open_listed(self, name, &file->open);
        self->has_news = self->has_news || (*sure && name->stat.size_bytes > file->offset);
    }
    if (*sure && tail_mark_fits(file->open, file->offset, file->mark, &good, &why) != SL_OK) {
        *sure = false;
        tail_be_unsure(self, name->at, &why);
    }
    return good;
}

static void note_place(tail_file *file, const tail_name *name)
{
    file->is_current = !name->is_rotated;
    file->tried_size = -1;
    file->size = name->stat.size_bytes;
    file->modified_us = name->stat.modified_us;
}

/// A followed name has a file that was followed under another one: it is that one's now.
static sl_code rename_file(tail_file *file, const tail_name *name, sl_error *err)
{
    if (name->is_rotated || strcmp(file->name, name->name) == 0) {
        return SL_OK;
    }
    char *copy = sl_strdup(SLI_TAG_SOURCE, name->name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name->name), "a file's name");
    }
    sl_free(file->name);
    file->name = copy;
    return SL_OK;
}

/// A file whose identity is listed: is it what was taken? It stays open only while there may be
/// more in it.
static sl_code see_known(tail_source *self, tail_file *file, const tail_name *name, sl_error *err)
{
    bool sure = false;
    bool changed = file->at == NULL || strcmp(file->at, name->at) != 0 ||
                   file->size != name->stat.size_bytes ||
                   file->modified_us != name->stat.modified_us;
    if (file->is_listed) { // renamed while it was listed; rotated names come first
        return SL_OK;
    }
    file->is_listed = true;
    if (!changed) {
        file->is_current = !name->is_rotated;
        return SL_OK;
    }
    if (!fits(self, file, name, &sure)) {
        if (sure) {
            file->is_listed = false;
            lose_place(self, file);
        } else { // looked at again by the next one
            sl_free(file->at);
            file->at = NULL;
        }
        return SL_OK;
    }
    if (name->is_rotated && file->at != NULL && strcmp(file->at, file->name) == 0) {
        sli_source_count(&self->common, SLI_SOURCE_ROTATED, 1);
    }
    SL_TRY(tail_set_at(file, name->at, err));
    SL_TRY(rename_file(file, name, err));
    note_place(file, name);
    if (file->is_left || (name->is_rotated && file->size == file->offset && file->is_done)) {
        sli_file_close(&file->open);
    }
    return SL_OK;
}

static sl_code locate(tail_source *self, const tail_names *names, sl_error *err)
{
    for (int32_t i = 0; i < names->n; i++) {
        tail_file *file = tail_files_find(&self->files, names->items[i].stat.identity);
        if (file != NULL) {
            SL_TRY(see_known(self, file, &names->items[i], err));
        }
    }
    for (int32_t i = 0; i < self->files.n; i++) {
        self->files.items[i].is_current &= self->files.items[i].is_listed;
    }
    return SL_OK;
}

/// Whether a file is missing that will not be known any more.
static bool misses_one(const tail_source *self)
{
    for (int32_t i = 0; i < self->files.n; i++) {
        const tail_file *file = &self->files.items[i];
        if (tail_is_homeless(file) || (!file->is_listed && file->is_over)) {
            return true;
        }
    }
    return false;
}

// ---------------------------------------------------------------- a look

/// One listing and what it says. `before`: the one before it in this look. *again: another one has
/// to confirm it.
static sl_code pass(tail_source *self, sl_arena *arena, tail_names *before, bool is_first,
                    bool *again, sl_error *err)
{
    tail_names names;
    self->is_cut = self->has_news = false;
    measure(self);
    SL_TRY(tail_names_read(self, arena, NULL, &names, err));
    SL_TRY(locate(self, &names, err));
    bool is_settled = !is_first && !self->is_cut && tail_names_same(before, &names);
    *again = misses_one(self) && !is_settled;
    if (!*again) {
        SL_TRY(tail_decide(self, &names, is_settled, err));
    }
    *again = *again || self->has_news;
    *before = names;
    return SL_OK;
}

sl_code tail_look(tail_source *self, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "a listing");
    }
    tail_names names = {0};
    bool again = true;
    sl_code rc = SL_OK;
    self->waits_now = self->is_unsure = false;
    for (int32_t i = 0; rc == SL_OK && again && i < MOST_PASSES; i++) {
        rc = pass(self, arena, &names, i == 0, &again, err);
    }
    if (rc == SL_E_IO) { // who knows what the listing would have shown
        hold_all(self);
    }
    if (rc == SL_OK) {
        self->unsure_us = self->is_unsure ? self->unsure_us : 0;
        tail_files_sort(&self->files);
        self->started = true;
        if (names.n == 0) {
            tail_unreadable(self, self->pattern, "no such file yet");
        }
        self->waiting = self->waits_now;
    }
    sl_arena_free(arena);
    return rc;
}
