// file.c — a directory as a stream: each file that appears is read once, by one epoch.
//
// Which files an epoch takes is decided here, once, and is then in its range. What was taken before
// is remembered by name and identity; the memory is rebuilt from a position and the ranges after
// it, so it needs nothing else over a restart. The rules, those of Spark and why ours differ, are
// in README.md.
#include "fs/hdfs/hdfs.h"
#include "source/file/file_int.h"

#include <stdlib.h>

enum {
    POSITION = 0x31504653,    // "SFP1"
    RELIST_US = 60 * 1000000, // a listing is at most this old
    GRANULE_US = 2 * 1000000, // the coarsest clock of file systems (FAT's)
    SMALL = 256,              // directories with fewer files are always listed, and looked at
    MOST_LOOKS = 8192,        // at files taken before, of a listing of a larger one
    SPARK_WINDOW_US = 60 * 1000000,
    LOOK_US = 1000000, // so long an epoch is held up by a cluster that is away
    ROW_BYTES = 64,    // what a row is taken to be long, for limits in rows
};

/// What the directory looked like before the latest listing; see README.md, "When nothing is
/// listed".
typedef struct glance {
    int64_t modified_us, wall_us, mono_us;
    uint64_t identity;
    int64_t n_files;
    bool quiet;    ///< nothing was left to take, and nothing that may become so by itself
    bool deceives; ///< names changed and its time did not
} glance;

typedef struct file_source {
    sli_files files;
    sli_fs *looks; ///< the directory's file system, asked with little patience: the next epoch asks
                   ///< again
    sli_file_list list;
    sli_seen seen;
    const sli_file_item **fresh; ///< candidates, in `list`
    int64_t n_fresh, fresh_capacity;
    int64_t settle_us, split_bytes, max_files;
    bool new_only, waits;
    bool started; ///< the first start is on record (or nobody needs it)
    int64_t start_us;
    uint64_t home; ///< identity of the directory that the latest file was taken from
    bool waiting;  ///< between two epochs in which the directory could be listed
    glance glance;
    int64_t swept_us; ///< mono time of the latest listing that looked at files taken before
    int64_t sweep_at; ///< where among them the next one goes on
} file_source;

#define STREAM_OPTIONS                                                                             \
    SLI_FILES_OPTIONS,                                                                             \
        {.name = "new_files_only",                                                                 \
         .type = SL_OPT_BOOL,                                                                      \
         .flags = SL_OPT_RESULT,                                                                   \
         .text = "Leave alone what is there at the first start (default: false; with "             \
                 "compat=spark true)."},                                                           \
        {.name = "settle",                                                                         \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "0s",                                                                         \
         .high = "1d",                                                                             \
         .flags = SL_OPT_RESULT,                                                                   \
         .text =                                                                                   \
             "Take a file only when it has not been modified for so long: for writers that don't " \
             "rename."},                                                                           \
        {.name = "split",                                                                          \
         .type = SL_OPT_SIZE,                                                                      \
         .fallback = "64MiB",                                                                      \
         .low = "16",                                                                              \
         .flags = SL_OPT_RESULT,                                                                   \
         .text = "Read longer files of lines (text, json) in pieces of about this size, in "       \
                 "parallel."},                                                                     \
        {.name = "max_files",                                                                      \
         .type = SL_OPT_INT,                                                                       \
         .fallback = "10000",                                                                      \
         .low = "1",                                                                               \
         .high = "1000000",                                                                        \
         .flags = SL_OPT_RESULT,                                                                   \
         .text = "Most files that one epoch takes; the oldest first."},                            \
    {                                                                                              \
        .name = "missing", .type = SL_OPT_CHOICE, .fallback = "wait", .choices = "wait|fail",      \
        .text = "A directory that is missing or can't be listed: wait with a warning, or fail."    \
    }

static const sl_option options[] = {STREAM_OPTIONS, {0}};
static const sl_option hdfs_options[] = {STREAM_OPTIONS, SLI_HDFS_OPTIONS, {0}};

static file_source *self_of(sli_source *source)
{
    return (file_source *)source;
}

static bool is_spark(const file_source *self)
{
    return self->files.common.env.compat_spark;
}

// ---------------------------------------------------------------- opening

static void file_close(sli_source *source)
{
    file_source *self = self_of(source);
    sli_file_list_reset(&self->list);
    sli_seen_reset(&self->seen);
    sl_free(self->fresh);
    if (self->looks != NULL) {
        self->looks->ops->close(self->looks);
    }
    sli_files_free(&self->files);
}

static sl_code open_as(const sli_source_ops *ops, sli_source **out, const sli_url *url,
                       const sl_conf *conf, const sli_source_env *env, sl_error *err)
{
    sli_files *files = NULL;
    SL_TRY(sli_files_alloc(&files, sizeof(file_source), ops, url, conf, env, err));
    file_source *self = (file_source *)files;
    self->settle_us = sl_conf_int64(conf, "settle");
    self->split_bytes = files->common.format->lines ? sl_conf_int64(conf, "split") : 0;
    self->max_files = sl_conf_int64(conf, "max_files");
    self->waits = sl_conf_choice(conf, "missing") == 0;
    self->new_only = sl_conf_is_set(conf, "new_files_only") ? sl_conf_bool(conf, "new_files_only")
                                                            : env->compat_spark;
    self->started = !self->new_only;
    const sli_fs_where where = {.url = url,
                                .conf = conf,
                                .env = env->env,
                                .modules = env->modules,
                                .retry_us = self->waits ? LOOK_US : 0,
                                .end_us = env->end_us};
    sl_code rc = files->fs->ops->open(&self->looks, &where, err);
    if (rc != SL_OK) {
        file_close(&files->common.base);
        return rc;
    }
    *out = &files->common.base;
    return SL_OK;
}

static sl_code file_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                         const sli_source_env *env, sl_error *err)
{
    return open_as(&sli_source_file, out, url, conf, env, err);
}

static sl_code hdfs_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                         const sli_source_env *env, sl_error *err)
{
    return open_as(&sli_source_hdfs, out, url, conf, env, err);
}

// ---------------------------------------------------------------- positions

static sl_code file_restore(sli_source *source, sl_bytes position, sl_error *err)
{
    file_source *self = self_of(source);
    if (position.size == 0) {
        self->start_us = sli_env_wall_us(self->files.common.env.env);
        self->started = !self->new_only;
        return SL_OK;
    }
    sli_reader in = sli_reader_of(position);
    uint32_t magic = sli_get_u32(&in);
    uint8_t started = sli_get_u8(&in);
    int64_t start_us = sli_get_i64(&in);
    uint64_t home = sli_get_u64(&in);
    if (in.bad || magic != POSITION || started > 1) {
        return sl_error_set(err, SL_E_CORRUPT, "a position that no source of files has written");
    }
    sli_seen seen = {0};
    SL_TRY(sli_seen_get(&seen, &in, err));
    sl_code rc = sli_reader_done(&in, "a file source's position", err);
    if (rc != SL_OK) {
        sli_seen_reset(&seen);
        return rc;
    }
    sli_seen_reset(&self->seen);
    self->seen = seen;
    self->started = started != 0;
    self->start_us = start_us;
    self->home = home;
    return SL_OK;
}

static sl_code file_position(sli_source *source, sli_str *out, sl_error *err)
{
    const file_source *self = self_of(source);
    sli_put_u32(out, POSITION);
    sli_put_u8(out, self->started ? 1 : 0);
    sli_put_i64(out, self->start_us);
    sli_put_u64(out, self->home);
    sli_seen_put(&self->seen, out);
    return sli_str_check(out, "a file source's position", err);
}

static sl_code file_accept(sli_source *source, sl_bytes bytes, sl_error *err)
{
    file_source *self = self_of(source);
    sli_file_range range;
    SL_TRY(sli_file_range_get(bytes, true, &range, err));
    if (range.size == 0) {
        return SL_OK;
    }
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    size_t n = (size_t)range.n;
    sli_file_item *items = arena == NULL ? NULL : sl_arena_alloc(arena, n * sizeof *items);
    const sli_file_item **list = items == NULL ? NULL : sl_arena_alloc(arena, n * sizeof *list);
    sl_code rc = list == NULL ? sl_error_nomem(err, n * sizeof *items, "recorded files") : SL_OK;
    for (size_t i = 0; rc == SL_OK && i < n; i++) {
        rc = sli_file_range_item(&range, (int64_t)i, &items[i], err);
        list[i] = &items[i];
    }
    if (rc == SL_OK) {
        rc = sli_seen_add(&self->seen, list, range.n, range.time_us, true, err);
    }
    if (rc == SL_OK) {
        self->started = true;
        self->start_us = range.start_us;
    }
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- what is new in a listing

static void tell_changed(file_source *self, sli_seen_file *file, const sli_file_item *now)
{
    file->changed = true;
    sli_source_count(&self->files.common, SLI_SOURCE_CHANGED, 1);
    SLI_LOG(self->files.common.env.log, SLI_WARN, "source",
            "%s/%s: changed after an epoch took it (%lld bytes then, %lld now): the change is not "
            "read; write new content into a new file",
            self->files.dir, file->name, (long long)file->size_bytes, (long long)now->size_bytes);
}

/// Whether a listed file is the one that was taken under this name.
static bool is_same(const file_source *self, const sli_seen_file *file, const sli_file_item *now)
{
    bool looks_same = file->size_bytes == now->size_bytes && file->modified_us == now->modified_us;
    return is_spark(self) || file->identity == now->identity || (file->older && looks_same);
}

static sl_code add_fresh(file_source *self, const sli_file_item *item, sl_error *err)
{
    if (self->n_fresh == self->fresh_capacity) {
        int64_t capacity = self->fresh_capacity == 0 ? 64 : self->fresh_capacity * 2;
        const sli_file_item **fresh =
            sl_realloc(SLI_TAG_SOURCE, self->fresh, (size_t)capacity * sizeof *fresh);
        if (fresh == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *fresh, "new files");
        }
        self->fresh = fresh;
        self->fresh_capacity = capacity;
    }
    self->fresh[self->n_fresh++] = item;
    return SL_OK;
}

/// Compares the listing with what was taken; collects what was not.
static sl_code compare(file_source *self, sl_error *err)
{
    int64_t j = 0;
    self->n_fresh = 0;
    for (int64_t i = 0; i < self->list.n; i++) {
        const sli_file_item *item = &self->list.items[i];
        int order = 1;
        while (j < self->seen.n && (order = strcmp(self->seen.files[j].name, item->name)) < 0) {
            self->seen.files[j++].absent = true;
        }
        sli_seen_file *file = j < self->seen.n && order == 0 ? &self->seen.files[j++] : NULL;
        if (file == NULL || !is_same(self, file, item)) {
            SL_TRY(add_fresh(self, item, err));
            continue;
        }
        file->absent = false;
        file->older = false; // it is there and this life knows its identity
        file->identity = item->identity;
        bool differs =
            file->size_bytes != item->size_bytes || file->modified_us != item->modified_us;
        if (differs && !file->changed) {
            tell_changed(self, file, item);
        }
    }
    while (j < self->seen.n) {
        self->seen.files[j++].absent = true;
    }
    return SL_OK;
}

static bool is_absent(const sli_seen_file *file, int64_t unused)
{
    (void)unused;
    return file->absent;
}

static bool is_older(const sli_seen_file *file, int64_t than_us)
{
    return file->time_us < than_us;
}

static int64_t spark_window(const file_source *self)
{
    int64_t interval = self->files.common.env.interval_us;
    interval = interval > 0 ? interval : 1;
    return (SPARK_WINDOW_US + interval - 1) / interval * interval;
}

/// Compares a listing with what was taken and forgets what needs no memory any more.
static sl_code sift(file_source *self, const sli_ask *ask, sl_error *err)
{
    if (is_spark(self)) {
        sli_seen_remove(&self->seen, is_older, ask->batch_time_us - spark_window(self));
    }
    SL_TRY(compare(self, err));
    // In another directory than before files may be absent because a disk isn't mounted just now.
    if (!is_spark(self) && self->glance.identity == self->home) {
        sli_seen_remove(&self->seen, is_absent, 0);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- choosing

typedef enum verdict { TAKE, LATER, NEVER } verdict;

static verdict judge(const file_source *self, const sli_file_item *item, const sli_ask *ask,
                     int64_t wall_us)
{
    if (is_spark(self)) {
        int64_t ignore = ask->batch_time_us - spark_window(self);
        ignore = self->new_only && self->start_us > ignore ? self->start_us : ignore;
        return item->modified_us > ask->batch_time_us ? LATER
               : item->modified_us > ignore           ? TAKE
                                                      : NEVER;
    }
    // An empty file has no rows, and most often somebody is about to write it.
    bool ready = item->size_bytes > 0 &&
                 (self->settle_us == 0 || item->modified_us <= wall_us - self->settle_us);
    return ready ? TAKE : LATER;
}

static int by_time(const void *a, const void *b)
{
    const sli_file_item *x = *(const sli_file_item *const *)a;
    const sli_file_item *y = *(const sli_file_item *const *)b;
    if (x->modified_us != y->modified_us) {
        return x->modified_us < y->modified_us ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

/// Leaves in `fresh` what may be taken now, oldest first. *later: some may become so without being
/// touched.
static void keep_ready(file_source *self, const sli_ask *ask, bool *later)
{
    int64_t wall_us = sli_env_wall_us(self->files.common.env.env), n = 0;
    *later = false;
    for (int64_t i = 0; i < self->n_fresh; i++) {
        verdict v = judge(self, self->fresh[i], ask, wall_us);
        *later = *later || v == LATER;
        if (v == TAKE) {
            self->fresh[n++] = self->fresh[i];
        }
    }
    self->n_fresh = n;
    if (n > 1) {
        qsort(self->fresh, (size_t)n, sizeof(const sli_file_item *), by_time);
    }
}

/// How many of `fresh` fit into the epoch: at least one, when there is one.
static int64_t count_fitting(const file_source *self, const sli_ask *ask, int64_t *bytes,
                             int64_t *splits)
{
    // Spark has no limit, and a file left for a later batch would fall out of its window.
    int64_t most = is_spark(self) ? INT64_MAX : self->max_files, n = 0;
    int64_t most_bytes =
        ask->max_rows > INT64_MAX / ROW_BYTES ? INT64_MAX : ask->max_rows * ROW_BYTES;
    *bytes = *splits = 0;
    while (n < self->n_fresh && n < most) {
        int64_t size = self->fresh[n]->size_bytes;
        int64_t parts = sli_file_item_splits(self->fresh[n], self->split_bytes);
        bool full = *splits + parts > SLI_FILE_MAX_SPLITS || size > most_bytes - *bytes;
        if (n > 0 && full) {
            break;
        }
        *bytes += size;
        *splits += parts;
        n++;
    }
    return n;
}

/// Takes the first `n` of `fresh`: from here on they are in the epoch.
static sl_code take(file_source *self, const sli_ask *ask, int64_t n, sl_arena *arena,
                    sl_bytes *range, sl_error *err)
{
    sli_file_range like = {.time_us = ask->batch_time_us,
                           .start_us = self->start_us,
                           .split_bytes = self->split_bytes};
    sl_bytes bytes = {NULL, 0};
    SL_TRY(sli_file_range_put(&like, self->fresh, n, arena, &bytes, err));
    SL_TRY(sli_seen_add(&self->seen, self->fresh, n, ask->batch_time_us, false, err));
    self->started = true;
    *range = bytes;
    return SL_OK;
}

/// The first epoch with new_files_only: what is there already goes on record as known.
static sl_code take_baseline(file_source *self, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                             sl_error *err)
{
    self->n_fresh = 0;
    for (int64_t i = 0; !is_spark(self) && i < self->list.n; i++) {
        self->list.items[i].ignored = true;
        SL_TRY(add_fresh(self, &self->list.items[i], err));
    }
    return take(self, ask, self->n_fresh, arena, &out->range, err);
}

static sl_code choose(file_source *self, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                      sl_error *err)
{
    if (!self->started && !is_spark(self)) {
        return take_baseline(self, ask, arena, out, err);
    }
    bool later = false;
    keep_ready(self, ask, &later);
    int64_t splits = 0, n = count_fitting(self, ask, &out->bytes, &splits);
    if (n == 0 && !self->started) {
        return take_baseline(self, ask, arena, out, err); // Spark's threshold must be on record
    }
    if (n > 0) {
        SL_TRY(take(self, ask, n, arena, &out->range, err));
        self->home = self->glance.identity;
        out->rows = -1;
        out->n_splits = (int32_t)splits;
        out->more = n < self->n_fresh;
        sli_source_count(&self->files.common, SLI_SOURCE_FILES, n);
    }
    self->glance.quiet = !later && n == self->n_fresh;
    return SL_OK;
}

// ---------------------------------------------------------------- looking

/// Nothing can have been added, removed or renamed since the latest listing.
static bool is_unchanged(const file_source *self, const sli_fs_entry *dir)
{
    const glance *g = &self->glance;
    int64_t age_us = sli_env_mono_us(self->files.common.env.env) - g->mono_us;
    return g->quiet && !g->deceives && !self->files.filter.recursive && !self->waiting &&
           g->n_files >= SMALL && dir->identity == g->identity &&
           dir->modified_us == g->modified_us && g->modified_us + GRANULE_US < g->wall_us &&
           age_us < RELIST_US;
}

/// Which of the files taken before a listing looks at, to see whether they have changed: of a large
/// directory as many as make all of them a minute's work, from where the latest one stopped.
static sli_file_known look_again(file_source *self)
{
    int64_t now_us = sli_env_mono_us(self->files.common.env.env), n = self->seen.n;
    int64_t age_us = now_us - self->swept_us;
    sli_file_known known = {
        .seen = &self->seen, .look_from = self->sweep_at < n ? self->sweep_at : 0, .n_look = n};
    if (n >= SMALL) {
        int64_t share = age_us < RELIST_US ? n * age_us / RELIST_US : n;
        known.n_look = share < MOST_LOOKS ? share : MOST_LOOKS;
    }
    if (known.n_look > 0) {
        self->swept_us = now_us;
        self->sweep_at = (known.look_from + known.n_look) % n;
    }
    return known;
}

/// Lists. *skipped: there was no need.
static sl_code look(file_source *self, bool *skipped, sl_error *err)
{
    sl_env *env = self->files.common.env.env;
    sli_fs_entry dir = {0};
    SL_TRY(self->looks->ops->stat(self->looks, self->files.dir, &dir, err));
    if (!dir.is_dir) {
        return sl_error_set(err, SL_E_CONFIG,
                            "is a file; a stream reads the files that appear in a directory");
    }
    *skipped = is_unchanged(self, &dir);
    if (*skipped) {
        return SL_OK;
    }
    glance now = {.modified_us = dir.modified_us,
                  .wall_us = sli_env_wall_us(env),
                  .mono_us = sli_env_mono_us(env),
                  .identity = dir.identity,
                  .deceives = self->glance.deceives};
    sli_file_known known = look_again(self);
    SL_TRY(sli_file_list_read(&self->list, self->looks, self->files.dir, &self->files.filter,
                              is_spark(self) ? NULL : &known, err)); // there, time decides anew
    now.n_files = self->list.n;
    bool unmoved = now.identity == self->glance.identity &&
                   now.modified_us == self->glance.modified_us &&
                   now.modified_us + GRANULE_US < self->glance.wall_us;
    now.deceives = now.deceives || (unmoved && now.n_files != self->glance.n_files);
    self->glance = now;
    return SL_OK;
}

/// A directory that can't be listed: by option an epoch without files, told once.
static sl_code tell_missing(file_source *self, sl_code rc, sl_error *err)
{
    sli_source_common *common = &self->files.common;
    if (!self->waits || (rc != SL_E_NOT_FOUND && rc != SL_E_IO)) {
        return sl_error_wrap(err, rc, "directory %s", self->files.dir);
    }
    sli_source_count(common, SLI_SOURCE_UNREADABLE, 1);
    if (!self->waiting) {
        SLI_LOG(common->env.log, SLI_WARN, "source",
                "directory %s can't be listed (%s); epochs go on without files until it can",
                self->files.dir, err->text);
    }
    self->waiting = true;
    return SL_OK;
}

static sl_code file_offer(sli_source *source, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                          sl_error *err)
{
    file_source *self = self_of(source);
    sl_error why = SL_ERROR_INIT;
    sli_offer offer = {0};
    bool skipped = false;
    sl_code rc = look(self, &skipped, &why);
    if (rc != SL_OK) {
        rc = tell_missing(self, rc, &why);
        self->list.n = 0;
        bool was_missing = why.code == SL_E_NOT_FOUND; // so no file was there at the start
        if (rc == SL_OK && !self->started && was_missing) {
            rc = take_baseline(self, ask, arena, &offer, &why);
        }
    } else if (!skipped) {
        self->waiting = false;
        rc = sift(self, ask, &why);
        if (rc == SL_OK) {
            rc = choose(self, ask, arena, &offer, &why);
        }
    }
    if (rc != SL_OK) {
        if (err != NULL) {
            *err = why;
        }
        return rc;
    }
    *out = offer;
    return SL_OK;
}

/// What a directory is read by, wherever it is.
#define DIRECTORY_ENTRIES                                                                          \
    .kind = SLI_SOURCE_REPLAYABLE, .formatted = true, .whole_files = true,                         \
    .schema = sli_source_common_schema, .restore = file_restore, .accept = file_accept,            \
    .offer = file_offer, .position = file_position, .splits = sli_files_splits,                    \
    .read = sli_files_read, .records = sli_files_records, .describe = sli_files_describe,          \
    .close = file_close

const sli_source_ops sli_source_file = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "file",
    .text = "Files that appear in a directory: file:DIR or just DIR",
    .options = options,
    .open = file_open,
    DIRECTORY_ENTRIES,
};

const sli_source_ops sli_source_hdfs = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "hdfs",
    .text = "Files that appear in a directory of HDFS: hdfs://NAMENODE:9870/DIR",
    .options = hdfs_options,
    .open = hdfs_open,
    DIRECTORY_ENTRIES,
};
