/// file.c — the file sink: a group is one file, or one directory of parts, published by one rename,
/// or it is held until a file of many groups is (roll.c).
///
///     DIR/000000000007-5be20a41.csv                       published: group 7
///     DIR/.sluice/<job id>/<uid>/stage/<generation>-<group>   sealed, invisible
///     DIR/.sluice/<job id>/<uid>/temp/...                     attempts that outgrew memory
///
/// A reader sees a group whole or not at all, because the rename is atomic and comes after content
/// and name were durable. It never replaces, so publishing again is harmless: the staged object is
/// gone and the target is there. That is also why a late driver of an older generation can do no
/// harm here: what it publishes is what was sealed, or it finds that done.
#include "sink/file/file_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"
#include "fs/hdfs/hdfs.h"

enum {
    ATTEMPT_BYTES = 8 << 20,
    TOTAL_BYTES = 64 << 20,
    ROLL_GROUPS = 1000000 // a rolled file ends here, whatever else is set
};

enum { LAYOUT_FILE = 0, LAYOUT_DIRECTORY = 1 };
enum { EMPTY_SKIP = 0, EMPTY_WRITE = 1 };

#define FILE_OPTIONS                                                                               \
    {.name = "format",                                                                             \
     .type = SL_OPT_CHOICE,                                                                        \
     .fallback = "text",                                                                           \
     .choices = "text|csv|json|arrow|fixed",                                                       \
     .flags = SL_OPT_RESULT,                                                                       \
     .text = "How rows are written; the format's own options may follow. "                         \
             "file:out?format=arrow&roll_interval=1m makes an Arrow file a minute."},              \
        {.name = "layout",                                                                         \
         .type = SL_OPT_CHOICE,                                                                    \
         .fallback = "file",                                                                       \
         .choices = "file|directory",                                                              \
         .flags = SL_OPT_RESULT,                                                                   \
         .text =                                                                                   \
             "A group is one file, or a directory with a file part-NNNNN for each partition."},    \
        {.name = "empty",                                                                          \
         .type = SL_OPT_CHOICE,                                                                    \
         .fallback = "skip",                                                                       \
         .choices = "skip|write",                                                                  \
         .flags = SL_OPT_RESULT,                                                                   \
         .text =                                                                                   \
             "A group without rows: skip publishes nothing, write an empty file or directory."},   \
        {.name = "roll_size",                                                                      \
         .type = SL_OPT_SIZE,                                                                      \
         .low = "1",                                                                               \
         .text = "Gathers groups into larger files, for fewer of them: a file ends with the "      \
                 "group that "                                                                     \
                 "brings it to this size. Rows become visible when their file ends, not at each "  \
                 "commit."},                                                                       \
        {.name = "roll_groups",                                                                    \
         .type = SL_OPT_INT,                                                                       \
         .low = "1",                                                                               \
         .high = "1000000",                                                                        \
         .text = "Gathers groups as roll_size does: a file ends at so many groups."},              \
    {                                                                                              \
        .name = "roll_interval", .type = SL_OPT_DURATION, .fallback = "10m", .low = "1ms",         \
        .high = "365d",                                                                            \
        .text =                                                                                    \
            "Gathers groups as roll_size does: a file ends when its first group was committed so " \
            "long ago, also when no rows come. The default holds where another roll_ option is "   \
            "given."                                                                               \
    }

static const sl_option options[] = {FILE_OPTIONS, {0}};
static const sl_option hdfs_options[] = {FILE_OPTIONS, SLI_HDFS_OPTIONS, {0}};

typedef struct file_sink {
    sli_sink base;
    sl_env *env;
    sli_fs *fs;
    sl_arena *arena; // the texts below
    sl_conf *conf;
    const sli_format_ops *format;
    const sl_schema *schema;
    sli_attempts *attempts;
    sli_file_names names;
    sli_rolls rolls;
    const char *extension;
    sl_bytes opening; // what every file begins with: a CSV header, or nothing
    int64_t generation;
    int32_t layout, empty;
    char *block; // seal's
} file_sink;

// ---------------------------------------------------------------- recovery

typedef struct listing {
    file_sink *self;
    const char *dir;
    int64_t last;       // recover
    const char **named; // sweep
    int32_t n_named;
} listing;

static sl_code see_published(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    (void)err;
    listing *l = ctx;
    int64_t group = sli_file_group_of_name(&l->self->names, entry->name);
    l->last = group > l->last ? group : l->last;
    return SL_OK;
}

/// Makes the directories and syncs them. That also makes durable what a dead driver published last,
/// so the planted mistake has to leave it out where nothing is to be made.
static sl_code make_dirs(file_sink *self, sl_error *err)
{
    sli_fs_entry entry;
    if (sli_env_bug(self->env, "no-dirsync-on-repeat") &&
        self->fs->ops->stat(self->fs, self->names.stage_dir, &entry, NULL) == SL_OK) {
        return SL_OK;
    }
    return sli_sink_make_dir(self->fs, self->names.stage_dir, err);
}

static sl_code file_recover(sli_sink *sink, int64_t *last_committed, sl_error *err)
{
    file_sink *self = (file_sink *)sink;
    listing l = {.self = self};
    int64_t held = 0;
    SL_TRY(make_dirs(self, err));
    SL_TRY(sli_rolls_recover(&self->rolls, self->arena, &held, err));
    SL_TRY(self->fs->ops->list(self->fs, self->names.dir, see_published, &l, err));
    self->rolls.shown = sli_env_bug(self->env, "held-shown-again") ? 0 : l.last;
    *last_committed = held > l.last ? held : l.last;
    return SL_OK;
}

static bool is_named(const listing *l, const char *name)
{
    for (int32_t i = 0; i < l->n_named; i++) {
        if (l->named[i] != NULL && strcmp(l->named[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/// Removes a file or tree. What an older driver is still writing into, since it does not know yet
/// that it is replaced, is left to the next start.
static sl_code sweep_path(file_sink *self, const char *path, sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    sl_code rc = self->fs->ops->remove(self->fs, path, &why);
    if (rc == SL_OK || why.sys_errno == ENOTEMPTY) {
        return SL_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return rc;
}

/// Names begin with the generation that made them. What this generation or a newer one made stays.
static sl_code sweep_one(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    listing *l = ctx;
    file_sink *self = l->self;
    int64_t generation = 0;
    if (!sli_file_generation_of_name(entry->name, &generation) || generation >= self->generation) {
        return SL_OK;
    }
    if (is_named(l, entry->name) && !sli_env_bug(self->env, "abort-removes-sealed")) {
        return SL_OK;
    }
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    const char *path = arena == NULL ? NULL : sli_path_join(arena, l->dir, entry->name);
    sl_code rc = path == NULL ? sl_error_nomem(err, strlen(l->dir), "a staged object's path")
                              : sweep_path(self, path, err);
    sl_arena_free(arena);
    return rc;
}

static sl_code sweep_dirs(listing *l, sl_error *err)
{
    file_sink *self = l->self;
    l->dir = self->names.stage_dir;
    SL_TRY(self->fs->ops->list(self->fs, l->dir, sweep_one, l, err));
    sl_error none = SL_ERROR_INIT;
    l->dir = self->names.temp_dir;
    l->n_named = 0;
    sl_code rc = self->fs->ops->list(self->fs, l->dir, sweep_one, l, &none);
    if (rc == SL_E_NOT_FOUND) { // no attempt has outgrown memory yet
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = none;
    }
    return rc;
}

static sl_code file_sweep(sli_sink *sink, const sl_bytes *named, int32_t n_named, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "receipts");
    }
    listing l = {.self = (file_sink *)sink, .n_named = n_named};
    l.named = sl_arena_alloc_zero(arena, ((size_t)n_named + 1) * sizeof(*l.named));
    sl_code rc = l.named == NULL ? sl_error_nomem(err, (size_t)n_named, "receipts") : SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < n_named; i++) {
        sli_file_receipt receipt = {0};
        rc = sli_file_receipt_get(named[i], arena, &receipt, err);
        l.named[i] = receipt.staged;
    }
    rc = rc == SL_OK ? sweep_dirs(&l, err) : rc;
    sl_arena_free(arena);
    return rc == SL_OK ? sli_rolls_sweep(&l.self->rolls, err) : rc;
}

// ---------------------------------------------------------------- staging

static sl_code file_stage(sli_sink *sink, sli_attempt at, const sl_batch *rows, sl_error *err)
{
    return sli_attempts_stage(((file_sink *)sink)->attempts, at, rows, err);
}

static void file_drop(sli_sink *sink, sli_attempt at)
{
    sli_attempts_drop(((file_sink *)sink)->attempts, at);
}

static void file_abort(sli_sink *sink)
{
    file_sink *self = (file_sink *)sink;
    sli_attempts_drop_all(self->attempts);
    if (sli_env_bug(self->env, "abort-removes-sealed")) {
        (void)self->fs->ops->remove(self->fs, self->names.stage_dir, NULL);
        (void)self->fs->ops->mkdirs(self->fs, self->names.stage_dir, NULL);
    }
}

// ---------------------------------------------------------------- sealing

static sl_code write_file(file_sink *self, sli_content *content, const char *path,
                          const sli_attempt *winners, int32_t n, sl_error *err)
{
    SL_TRY(sli_content_open(content, path, err));
    sl_code rc = sli_content_add(content, self->opening.data, self->opening.size, err);
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        rc = sli_attempts_read(self->attempts, winners[i], sli_content_add, content, err);
    }
    return sli_content_close(content, rc, err);
}

static int by_partition(const void *a, const void *b)
{
    const sli_attempt *x = a, *y = b;
    if (x->partition != y->partition) {
        return x->partition < y->partition ? -1 : 1;
    }
    return x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

/// The parts of one group; `sorted` by partition, then epoch.
static sl_code write_parts(file_sink *self, sli_content *content, const char *path,
                           const sli_attempt *sorted, int32_t n, sl_arena *arena, sl_error *err)
{
    for (int32_t from = 0, to; from < n; from = to) {
        int64_t rows = 0;
        for (to = from; to < n && sorted[to].partition == sorted[from].partition; to++) {
            int64_t more = 0;
            SL_TRY(sli_attempts_rows(self->attempts, sorted[to], &more, err));
            rows += more;
        }
        if (rows == 0 && self->empty == EMPTY_SKIP) {
            continue;
        }
        const char *part =
            sl_arena_printf(arena, "%s/part-%05" PRId32, path, sorted[from].partition);
        if (part == NULL) {
            return sl_error_nomem(err, strlen(path), "a part's path");
        }
        SL_TRY(write_file(self, content, part, sorted + from, to - from, err));
    }
    return SL_OK;
}

static sl_code write_dir(file_sink *self, sli_content *content, const char *path,
                         const sli_attempt *winners, int32_t n, sl_arena *arena, sl_error *err)
{
    const sli_fs_ops *fs = self->fs->ops;
    sli_attempt *sorted =
        sl_arena_copy(arena, winners, (size_t)n * sizeof(*winners)); // may be of size 0
    if (sorted == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(*winners), "the parts of a group");
    }
    if (n > 0) {
        qsort(sorted, (size_t)n, sizeof(*sorted), by_partition);
    }
    SL_TRY(fs->remove(self->fs, path, err)); // what a seal that failed may have left
    SL_TRY(fs->mkdirs(self->fs, path, err));
    SL_TRY(write_parts(self, content, path, sorted, n, arena, err));
    return sli_env_bug(self->env, "no-dirsync-stage") ? SL_OK : fs->sync_dir(self->fs, path, err);
}

static sl_code write_staged(file_sink *self, const char *path, const sli_attempt *winners,
                            int32_t n, sl_arena *arena, sli_file_receipt *receipt, sl_error *err)
{
    bool is_whole = !self->rolls.limits.on; // else it becomes a part of a file that ends later
    sli_content content = {
        .fs = self->fs, .block = self->block, .format = is_whole ? self->format : NULL};
    sl_code rc = self->layout == LAYOUT_FILE
                     ? write_file(self, &content, path, winners, n, err)
                     : write_dir(self, &content, path, winners, n, arena, err);
    if (rc == SL_OK && !sli_env_bug(self->env, "no-dirsync-stage")) {
        rc = self->fs->ops->sync_dir(self->fs, self->names.stage_dir, err);
    }
    if (rc != SL_OK) {
        // Best effort: a repeat removes it first, the next generation sweeps it.
        (void)self->fs->ops->remove(self->fs, path, NULL);
        return rc;
    }
    receipt->size_bytes = content.size_bytes;
    receipt->hash = content.hash;
    return SL_OK;
}

/// The name that a group will have, and so its shape.
static const char *name_of(const file_sink *self, int64_t group, sl_arena *arena, sli_shape *shape)
{
    if (self->rolls.limits.on) {
        sli_held_name held = {group, self->generation, (int64_t)self->opening.size,
                              self->extension};
        *shape = SLI_SHAPE_HELD;
        return sli_file_name_of_held(&held, arena);
    }
    bool is_file = self->layout == LAYOUT_FILE;
    *shape = is_file ? SLI_SHAPE_FILE : SLI_SHAPE_DIR;
    return sli_file_name_of_group(&self->names, group, is_file ? self->extension : "", arena);
}

static sl_code name_group(file_sink *self, int64_t group, sl_arena *arena, sli_file_receipt *out,
                          const char **path, sl_error *err)
{
    int64_t generation = sli_env_bug(self->env, "stage-without-generation") ? 0 : self->generation;
    out->staged = sl_arena_printf(arena, "%" PRId64 "-%" PRId64, generation, group);
    out->name = name_of(self, group, arena, &out->shape);
    *path = out->staged == NULL ? NULL : sli_path_join(arena, self->names.stage_dir, out->staged);
    if (out->name == NULL || *path == NULL) {
        return sl_error_nomem(err, strlen(self->names.stage_dir), "a staged object's path");
    }
    return SL_OK;
}

static sl_code file_seal(sli_sink *sink, int64_t group, const sli_attempt *winners,
                         int32_t n_winners, sl_arena *arena, sl_bytes *receipt, sl_error *err)
{
    file_sink *self = (file_sink *)sink;
    sli_file_receipt made = {.shape = SLI_SHAPE_NONE};
    int64_t rows = 0;
    for (int32_t i = 0; i < n_winners; i++) {
        int64_t more = 0;
        SL_TRY(sli_attempts_rows(self->attempts, winners[i], &more, err));
        rows += more;
    }
    if (rows > 0 || self->empty == EMPTY_WRITE) {
        const char *path = NULL;
        SL_TRY(name_group(self, group, arena, &made, &path, err));
        SL_TRY(write_staged(self, path, winners, n_winners, arena, &made, err));
    }
    SL_TRY(sli_file_receipt_put(&made, arena, receipt, err));
    for (int32_t i = 0; i < n_winners; i++) { // only now: a seal that failed may be tried again
        sli_attempts_drop(self->attempts, winners[i]);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- publishing

static sl_code file_show(sli_sink *sink, bool all, sl_error *err)
{
    return sli_rolls_show(&((file_sink *)sink)->rolls, all, err);
}

static sl_code publish(file_sink *self, int64_t group, const sli_file_receipt *sealed,
                       sl_arena *arena, sl_error *err)
{
    const char *from = sli_path_join(arena, self->names.stage_dir, sealed->staged);
    const char *to = sli_path_join(arena, self->names.dir, sealed->name);
    if (from == NULL || to == NULL) {
        return sl_error_nomem(err, strlen(sealed->name), "a path");
    }
    if (sealed->shape == SLI_SHAPE_HELD) {
        return sli_rolls_hold(&self->rolls, group, from, sealed, err);
    }
    SL_TRY(sli_rolls_show(&self->rolls, true, err)); // earlier groups are not overtaken
    sli_publisher publisher = {self->env, self->fs, self->names.dir};
    return sli_file_publish(&publisher, group, from, to, sealed, err);
}

static sl_code file_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                           sl_error *err)
{
    (void)outbox;
    file_sink *self = (file_sink *)sink;
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    if (arena == NULL) {
        return sl_error_nomem(err, receipt.size, "a receipt");
    }
    sli_file_receipt sealed = {0};
    sl_code rc = sli_file_receipt_get(receipt, arena, &sealed, err);
    if (rc == SL_OK) {
        rc = sealed.shape == SLI_SHAPE_NONE ? sli_rolls_show(&self->rolls, false, err)
                                            : publish(self, group, &sealed, arena, err);
    }
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- opening and closing

static void file_close(sli_sink *sink)
{
    file_sink *self = (file_sink *)sink;
    sli_attempts_free(self->attempts);
    if (self->fs != NULL) {
        self->fs->ops->close(self->fs);
    }
    sl_conf_free(self->conf);
    sl_schema_unref(self->schema);
    sl_arena_free(self->arena);
    sl_free(self->block);
    sl_free(self);
}

static sl_code read_roll(file_sink *self, sl_error *err)
{
    static const char *const options_of_roll[] = {"roll_size", "roll_groups", "roll_interval"};
    const char *given = NULL;
    for (int32_t i = 0; given == NULL && i < 3; i++) {
        given = sl_conf_is_set(self->conf, options_of_roll[i]) ? options_of_roll[i] : NULL;
    }
    if (given != NULL && self->layout == LAYOUT_DIRECTORY) {
        return sl_error_set(err, SL_E_CONFIG,
                            "%s gathers many groups in a file, layout=directory asks for a "
                            "directory a group: leave one of them out",
                            given);
    }
    int64_t size = sl_conf_int64(self->conf, "roll_size");
    int64_t groups = sl_conf_int64(self->conf, "roll_groups");
    self->rolls.limits =
        (sli_roll_limits){.on = given != NULL,
                          .size_bytes = size > 0 ? size : INT64_MAX,
                          .groups = groups > 0 ? groups : ROLL_GROUPS,
                          .interval_us = sl_conf_int64(self->conf, "roll_interval")};
    return SL_OK;
}

/// Also says whether the schema can be written.
static sl_code make_opening(file_sink *self, sl_error *err)
{
    sli_encoder *encoder = NULL;
    sli_str text = SLI_STR_INIT;
    text.tag = SLI_TAG_SINK;
    SL_TRY(self->format->encoder_new(&encoder, self->conf, self->schema, err));
    sl_code rc = self->format->begin(encoder, &text, err);
    rc = rc == SL_OK ? sli_str_check(&text, "what opens a file", err) : rc;
    self->format->encoder_free(encoder);
    void *copy = rc == SL_OK ? sl_arena_copy(self->arena, text.data, text.size) : NULL;
    if (rc == SL_OK && copy == NULL) {
        rc = sl_error_nomem(err, text.size, "what opens a file");
    }
    self->opening = (sl_bytes){copy, text.size};
    sli_str_reset(&text);
    return rc;
}

static sl_code open_parts(file_sink *self, const sli_url *url, const sli_sink_env *env,
                          sl_error *err)
{
    self->arena = sl_arena_new(SLI_TAG_SINK);
    self->block = sl_alloc(SLI_TAG_SINK, SLI_FILE_BLOCK);
    if (self->arena == NULL || self->block == NULL) {
        return sl_error_nomem(err, SLI_FILE_BLOCK, "file sink");
    }
    // Its own settings: attempts make encoders from them as long as the sink lives.
    SL_TRY(sli_sink_conf(self->base.ops, url, &self->conf, &self->format, err));
    self->layout = sl_conf_choice(self->conf, "layout");
    self->empty = sl_conf_choice(self->conf, "empty");
    self->extension = self->format->extension == NULL ? self->format->extensions[0]
                                                      : self->format->extension(self->conf);
    SL_TRY(sli_file_names_make(&self->names, url->path, env->job_id, env->uid, self->arena, err));
    SL_TRY(read_roll(self, err));
    SL_TRY(make_opening(self, err));
    sli_fs_where where = {.url = url,
                          .conf = self->conf,
                          .env = env->env,
                          .modules = env->modules,
                          .end_us = env->end_us};
    SL_TRY(sli_fs_find(url->scheme)->open(&self->fs, &where, err));
    self->rolls.env = env->env;
    self->rolls.log = env->log;
    self->rolls.fs = self->fs;
    self->rolls.names = &self->names;
    self->rolls.generation = env->generation;
    sli_attempts_conf conf = {.fs = self->fs,
                              .format = self->format,
                              .conf = self->conf,
                              .schema = self->schema,
                              .dir = self->names.temp_dir,
                              .attempt_bytes = ATTEMPT_BYTES,
                              .total_bytes = TOTAL_BYTES};
    return sli_attempts_new(&self->attempts, &conf, err);
}

static sl_code open_as(const sli_sink_ops *ops, sli_sink **out, const sli_url *url,
                       const sli_sink_env *env, sl_error *err)
{
    file_sink *self = sl_alloc_zero(SLI_TAG_SINK, sizeof(*self));
    if (self == NULL) {
        return sl_error_nomem(err, sizeof(*self), "file sink");
    }
    self->base.ops = ops;
    self->env = env->env;
    self->schema = sl_schema_ref(env->schema);
    self->generation = env->generation;
    sl_code rc = open_parts(self, url, env, err);
    if (rc != SL_OK) {
        file_close(&self->base);
        return rc;
    }
    *out = &self->base;
    return SL_OK;
}

static sl_code file_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                         const sli_sink_env *env, sl_error *err)
{
    (void)conf; // read again, to be kept: open_parts
    if (url->path.size == 0 || url->host.size > 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a directory of this machine is needed: \"file:///DIR\" or a path");
    }
    return open_as(&sli_sink_file, out, url, env, err);
}

static sl_code hdfs_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                         const sli_sink_env *env, sl_error *err)
{
    (void)conf;
    if (url->path.size == 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a directory is needed: \"hdfs://NAMENODE:9870/DIR\"");
    }
    return open_as(&sli_sink_hdfs, out, url, env, err);
}

/// What groups are written by, wherever they go.
#define FILE_ENTRIES                                                                               \
    .guarantee = SLI_EXACTLY_ONCE, .recover = file_recover, .sweep = file_sweep,                   \
    .stage = file_stage, .drop = file_drop, .seal = file_seal, .commit = file_commit,              \
    .abort = file_abort, .close = file_close, .show = file_show

const sli_sink_ops sli_sink_file = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "file",
    .text = "Writes each group of epochs as one file or one directory of parts, or many groups as "
            "one rolled file; all appear whole.",
    .options = options,
    .open = file_open,
    FILE_ENTRIES,
};

const sli_sink_ops sli_sink_hdfs = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "hdfs",
    .text = "Writes to a directory of HDFS as file: does, by WebHDFS: hdfs://NAMENODE:9870/DIR",
    .options = hdfs_options,
    .open = hdfs_open,
    .elsewhere = true,
    FILE_ENTRIES,
};
