/// names.c — files and directories by name: what only the NameNode has to be asked.
///
/// Each of these is done by the NameNode at once or not at all, and is durable when it has
/// answered. An answer may be lost, and then the question comes again: so "it is gone", "it is
/// there" may mean that the first one did it. A rename is known again by the file's number
/// (fileId), which it keeps.
#include "fs/hdfs/hdfs_int.h"

#include <stdlib.h>

enum { MOST_ENTRIES = 10000000 }; // of a listing, as env lists no more either

// ---------------------------------------------------------------- statuses

/// Entries as they come; names lie in the arena.
typedef struct statuses {
    sl_arena *arena;
    sli_fs_entry *entries;
    size_t n, capacity;
    int32_t depth; ///< of the objects
    bool unsorted;
    sli_fs_entry now; ///< the one under way
    bool is_other;    ///< it is neither a file nor a directory
} statuses;

/// A number of `unit`; what is none is no NameNode's.
static sl_code read_number(const char *key, sl_text value, int64_t unit, int64_t *out,
                           sl_error *err)
{
    int64_t n = 0;
    if (sli_scan_int64(value, &n, NULL) != SL_OK || n < 0 || n > INT64_MAX / unit) {
        return sl_error_set(err, SL_E_IO, "an answer whose %s is '%.*s'", key,
                            (int)(value.size < 40 ? value.size : 40), value.data);
    }
    *out = n * unit;
    return SL_OK;
}

static sl_code note_field(statuses *s, const char *key, sl_text value, sl_error *err)
{
    if (strcmp(key, "pathSuffix") == 0) {
        char *name = sl_arena_copy(s->arena, value.data, value.size + 1); // a zero follows
        if (name == NULL) {
            return sl_error_nomem(err, value.size, "a file's name");
        }
        name[value.size] = '\0';
        s->now.name = name;
    } else if (strcmp(key, "length") == 0) {
        return read_number(key, value, 1, &s->now.size_bytes, err);
    } else if (strcmp(key, "modificationTime") == 0) {
        return read_number(key, value, 1000, &s->now.modified_us, err);
    } else if (strcmp(key, "fileId") == 0) {
        int64_t id = 0;
        SL_TRY(read_number(key, value, 1, &id, err));
        s->now.identity = (uint64_t)id;
    } else if (strcmp(key, "type") == 0) {
        s->now.is_dir = sli_text_is(value, "DIRECTORY");
        s->is_other = !s->now.is_dir && !sli_text_is(value, "FILE");
    }
    return SL_OK;
}

static sl_code add_entry(statuses *s, sl_error *err)
{
    if (s->n == MOST_ENTRIES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d names in a directory", MOST_ENTRIES);
    }
    if (s->n == s->capacity) {
        size_t capacity = s->capacity == 0 ? 16 : s->capacity * 2;
        sli_fs_entry *entries = sl_realloc(SLI_TAG_FS, s->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return sl_error_nomem(err, capacity * sizeof *entries, "a listing");
        }
        s->entries = entries;
        s->capacity = capacity;
    }
    s->now.name = s->now.name == NULL ? "" : s->now.name;
    s->unsorted = s->unsorted || (s->n > 0 && strcmp(s->entries[s->n - 1].name, s->now.name) > 0);
    s->entries[s->n++] = s->now;
    return SL_OK;
}

static sl_code note_status(void *ctx, int32_t depth, const char *key, sl_text value, sl_error *err)
{
    statuses *s = ctx;
    if (depth != s->depth) {
        return SL_OK;
    }
    if (key != NULL) {
        return note_field(s, key, value, err);
    }
    sl_code rc = s->is_other ? SL_OK : add_entry(s, err);
    s->now = (sli_fs_entry){0};
    s->is_other = false;
    return rc;
}

static sl_code take_statuses(void *ctx, sli_http_call *call, sl_error *err)
{
    statuses *s = ctx;
    hdfs_json json = {.each = note_status, .ctx = s};
    sl_arena_reset(s->arena);
    s->n = 0;
    s->unsorted = s->is_other = false;
    s->now = (sli_fs_entry){0};
    sl_code rc = hdfs_json_read(&json, call, err);
    hdfs_json_reset(&json);
    return rc;
}

static sl_code ask_statuses(sli_fs *self, const char *op, const char *path, statuses *s,
                            sl_error *err)
{
    hdfs_ask ask = {.method = "GET", .op = op, .path = path, .query = ""};
    s->arena = sl_arena_new(SLI_TAG_FS);
    return s->arena == NULL ? sl_error_nomem(err, 0, "a listing")
                            : hdfs_run(hdfs_of(self), &ask, take_statuses, s, err);
}

static void statuses_reset(statuses *s)
{
    sl_arena_free(s->arena);
    sl_free(s->entries);
}

// ---------------------------------------------------------------- looking

static int by_name(const void *a, const void *b)
{
    return strcmp(((const sli_fs_entry *)a)->name, ((const sli_fs_entry *)b)->name);
}

/// All is read before the first is told: `each` may ask the cluster, too, and take its time.
sl_code hdfs_list(sli_fs *self, const char *dir, sli_fs_list_fn each, void *ctx, sl_error *err)
{
    enum { IN_LIST = 4 }; // {"FileStatuses":{"FileStatus":[{
    statuses s = {.depth = IN_LIST};
    sl_code rc = ask_statuses(self, "LISTSTATUS", dir, &s, err);
    if (rc == SL_OK && s.n == 1 && s.entries[0].name[0] == '\0') {
        rc = sl_error_set(err, SL_E_INVALID, "%s: a file, not a directory", dir);
    }
    if (rc == SL_OK && s.unsorted) {
        qsort(s.entries, s.n, sizeof *s.entries, by_name);
    }
    for (size_t i = 0; rc == SL_OK && i < s.n; i++) {
        rc = each(ctx, &s.entries[i], err);
    }
    statuses_reset(&s);
    return rc;
}

sl_code hdfs_stat(sli_fs *self, const char *path, sli_fs_entry *out, sl_error *err)
{
    enum { ALONE = 2 }; // {"FileStatus":{
    statuses s = {.depth = ALONE};
    sl_code rc = ask_statuses(self, "GETFILESTATUS", path, &s, err);
    if (rc == SL_OK && s.n != 1) {
        rc = sl_error_set(err, SL_E_UNSUPPORTED, "%s: neither a file nor a directory", path);
    }
    if (rc == SL_OK) {
        *out = s.entries[0];
        out->name = NULL;
    }
    statuses_reset(&s);
    return rc;
}

// ---------------------------------------------------------------- changing

sl_code hdfs_mkdirs(sli_fs *self, const char *dir, sl_error *err)
{
    bool made = false;
    hdfs_ask ask = {.method = "PUT", .op = "MKDIRS", .path = dir, .query = ""};
    SL_TRY(hdfs_run_bool(hdfs_of(self), &ask, &made, err));
    return made ? SL_OK : sl_error_set(err, SL_E_IO, "hdfs: MKDIRS %s: the answer is false", dir);
}

/// A rename was refused, or an earlier try of it was done and its answer lost: looks which.
static sl_code settle_rename(sli_fs *self, const char *from, const char *to, uint64_t identity,
                             sl_error *err)
{
    sli_fs_entry there = {0};
    sl_error why = SL_ERROR_INIT;
    sl_code rc = hdfs_stat(self, to, &there, &why);
    if (rc == SL_OK && there.identity == identity && strcmp(from, to) != 0) {
        return SL_OK;
    }
    if (rc == SL_OK) {
        return sl_error_set(err, SL_E_EXISTS, "%s: is there already; %s stays", to, from);
    }
    if (rc == SL_E_NOT_FOUND) {
        return sl_error_set(err, rc, "rename to %s: its directory is missing, or %s is", to, from);
    }
    if (err != NULL) {
        *err = why;
    }
    return rc;
}

sl_code hdfs_rename(sli_fs *self, const char *from, const char *to, sl_error *err)
{
    sli_fs_entry moved = {0};
    sli_str query = {.tag = SLI_TAG_FS};
    sl_error why = SL_ERROR_INIT;
    bool done = false;
    SL_TRY(hdfs_stat(self, from, &moved, err));
    // With an option the NameNode refuses what is there; without one it would move a file *into* a
    // directory of that name. Servers that know no options answer false instead.
    sli_str_text(&query, "&renameoptions=NONE&destination=");
    sli_http_escape(&query, to, "/");
    sl_code rc = sli_str_check(&query, "a rename's target", &why);
    if (rc == SL_OK) {
        hdfs_ask ask = {.method = "PUT", .op = "RENAME", .path = from, .query = query.data};
        rc = hdfs_run_bool(hdfs_of(self), &ask, &done, &why);
    }
    sli_str_reset(&query);
    bool was_refused = rc == SL_E_EXISTS || rc == SL_E_NOT_FOUND || rc == SL_E_INVALID;
    if (was_refused || (rc == SL_OK && !done)) {
        return settle_rename(self, from, to, moved.identity, err);
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

/// Names are durable when the NameNode has answered: nothing is left to do.
sl_code hdfs_sync_dir(sli_fs *self, const char *dir, sl_error *err)
{
    (void)self;
    (void)dir;
    (void)err;
    return SL_OK;
}

sl_code hdfs_remove(sli_fs *self, const char *path, sl_error *err)
{
    bool was_there = false;
    sli_fs_entry there = {0};
    sl_error why = SL_ERROR_INIT;
    hdfs_ask ask = {.method = "DELETE", .op = "DELETE", .path = path, .query = "&recursive=true"};
    sl_code rc = hdfs_run_bool(hdfs_of(self), &ask, &was_there, &why);
    if (rc == SL_OK || rc == SL_E_NOT_FOUND) {
        return SL_OK;
    }
    if (rc == SL_E_CONFIG && hdfs_stat(self, path, &there, NULL) == SL_E_NOT_FOUND) {
        return SL_OK; // what is below a file "may not be accessed"
    }
    if (err != NULL) {
        *err = why;
    }
    return rc;
}
