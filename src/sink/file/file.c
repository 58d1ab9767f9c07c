/// file.c — the file sink: a group is one file, or one directory of parts, published by one rename.
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

#include <inttypes.h>
#include <stdlib.h>

#include "base/arena.h"

enum {
    ATTEMPT_BYTES = 8 << 20,
    TOTAL_BYTES = 64 << 20,
    MAX_UID_BYTES = 200, // in a path, encoded
    JOB_DIGITS = 32,
    GROUP_DIGITS = 12
};

enum { LAYOUT_FILE = 0, LAYOUT_DIRECTORY = 1 };
enum { EMPTY_SKIP = 0, EMPTY_WRITE = 1 };

static const sl_option options[] = {
    {.name = "format",
     .type = SL_OPT_CHOICE,
     .fallback = "text",
     .choices = "text|csv|json",
     .flags = SL_OPT_RESULT,
     .text = "How rows are written; the format's own options may follow."},
    {.name = "layout",
     .type = SL_OPT_CHOICE,
     .fallback = "file",
     .choices = "file|directory",
     .flags = SL_OPT_RESULT,
     .text = "A group is one file, or a directory with a file part-NNNNN for each partition."},
    {.name = "empty",
     .type = SL_OPT_CHOICE,
     .fallback = "skip",
     .choices = "skip|write",
     .flags = SL_OPT_RESULT,
     .text = "A group without rows: skip publishes nothing, write an empty file or directory."},
    {0},
};

typedef struct file_sink {
    sli_sink base;
    sl_env *env;
    sli_fs *fs;
    sl_arena *arena; // the texts below
    sl_conf *conf;
    const sli_format_ops *format;
    const sl_schema *schema;
    sli_attempts *attempts;
    const char *dir, *stage_dir, *temp_dir, *extension;
    char tag[9]; // ends the published names of this job and uid
    int64_t generation;
    int32_t layout, empty;
    char *block; // seal's
} file_sink;

// ---------------------------------------------------------------- names

/// A uid as one part of a path: letters, digits, '-' and '_' stay, '.' too but in front; every
/// other byte becomes %XX.
static sl_code put_uid(sli_str *out, const char *uid, sl_error *err)
{
    size_t before = out->size;
    for (const char *at = uid; *at != '\0'; at++) {
        char c = *at;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || (c == '.' && at != uid);
        if (plain) {
            sli_str_char(out, c);
        } else {
            sli_str_printf(out, "%%%02X", (unsigned)(unsigned char)c);
        }
    }
    if (uid[0] == '\0' || out->size - before > MAX_UID_BYTES) {
        return sl_error_set(err, SL_E_INVALID,
                            "uid '%.64s': 1 to %d bytes fit in the name of a directory", uid,
                            MAX_UID_BYTES);
    }
    return SL_OK;
}

static sl_code check_job_id(const char *id, sl_error *err)
{
    if (strlen(id) != JOB_DIGITS || strspn(id, "0123456789abcdef") != JOB_DIGITS) {
        return sl_error_set(err, SL_E_INVALID, "a job id has %d hex digits, not '%.64s'",
                            JOB_DIGITS, id);
    }
    return SL_OK;
}

/// Two outputs of one job may write into one directory, so the tag is made of job id and uid.
static void make_tag(file_sink *self, const sli_sink_env *env)
{
    sli_hash128 hash = sli_hash128_of(env->job_id, strlen(env->job_id));
    hash = sli_hash128_chain(hash, env->uid, strlen(env->uid));
    for (int32_t i = 0; i < 8; i++) {
        self->tag[i] = "0123456789abcdef"[hash.low >> (60 - 4 * i) & 15];
    }
    self->tag[8] = '\0';
}

static sl_code make_names(file_sink *self, const sli_url *url, const sli_sink_env *env,
                          sl_error *err)
{
    sl_text path = url->path;
    while (path.size > 1 && path.data[path.size - 1] == '/') {
        path.size--;
    }
    SL_TRY(check_job_id(env->job_id, err));
    make_tag(self, env);
    sli_str s = SLI_STR_INIT;
    s.tag = SLI_TAG_SINK;
    sli_str_printf(&s, "%.*s/.sluice/%s/", (int)path.size, path.data, env->job_id);
    sl_code rc = put_uid(&s, env->uid, err);
    rc = rc == SL_OK ? sli_str_check(&s, "the sink's directory", err) : rc;
    if (rc == SL_OK) {
        self->dir = sl_arena_printf(self->arena, "%.*s", (int)path.size, path.data);
        self->stage_dir = sl_arena_printf(self->arena, "%s/stage", s.data);
        self->temp_dir = sl_arena_printf(self->arena, "%s/temp", s.data);
        if (self->dir == NULL || self->stage_dir == NULL || self->temp_dir == NULL) {
            rc = sl_error_nomem(err, s.size, "the sink's directory");
        }
    }
    sli_str_reset(&s);
    return rc;
}

/// The group in the name of something published by this job and uid, or 0.
static int64_t group_of(const file_sink *self, const char *name)
{
    int64_t group = 0;
    sl_text digits = {name, strspn(name, "0123456789")};
    const char *rest = name + digits.size;
    if (digits.size < GROUP_DIGITS || rest[0] != '-' || strncmp(rest + 1, self->tag, 8) != 0 ||
        (rest[9] != '\0' && rest[9] != '.') || sli_scan_int64(digits, &group, NULL) != SL_OK) {
        return 0;
    }
    return group;
}

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
    int64_t group = group_of(l->self, entry->name);
    l->last = group > l->last ? group : l->last;
    return SL_OK;
}

/// Makes the directories and syncs them. That also makes durable what a dead driver published last,
/// so the planted mistake has to leave it out where nothing is to be made.
static sl_code make_dirs(file_sink *self, sl_error *err)
{
    sli_stat stat;
    if (sli_env_bug(self->env, "no-dirsync-on-repeat") &&
        sli_env_stat(self->env, self->stage_dir, &stat, NULL) == SL_OK) {
        return SL_OK;
    }
    return sli_sink_make_dir(self->env, self->stage_dir, err);
}

static sl_code file_recover(sli_sink *sink, int64_t *last_committed, sl_error *err)
{
    file_sink *self = (file_sink *)sink;
    listing l = {.self = self};
    SL_TRY(make_dirs(self, err));
    SL_TRY(self->fs->ops->list(self->fs, self->dir, see_published, &l, err));
    *last_committed = l.last;
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

/// Names begin with the generation that made them. What this generation or a newer one made stays.
static sl_code sweep_one(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    listing *l = ctx;
    file_sink *self = l->self;
    int64_t generation = 0;
    sl_text digits = {entry->name, strspn(entry->name, "0123456789")};
    if (entry->name[digits.size] != '-' || sli_scan_int64(digits, &generation, NULL) != SL_OK ||
        generation >= self->generation) {
        return SL_OK;
    }
    if (is_named(l, entry->name) && !sli_env_bug(self->env, "abort-removes-sealed")) {
        return SL_OK;
    }
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    const char *path = arena == NULL ? NULL : sli_path_join(arena, l->dir, entry->name);
    sl_code rc = path == NULL ? sl_error_nomem(err, strlen(l->dir), "a staged object's path")
                              : self->fs->ops->remove(self->fs, path, err);
    sl_arena_free(arena);
    return rc;
}

static sl_code sweep_dirs(listing *l, sl_error *err)
{
    file_sink *self = l->self;
    l->dir = self->stage_dir;
    SL_TRY(self->fs->ops->list(self->fs, l->dir, sweep_one, l, err));
    sl_error none = SL_ERROR_INIT;
    l->dir = self->temp_dir;
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
    return rc;
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
        (void)self->fs->ops->remove(self->fs, self->stage_dir, NULL);
        (void)self->fs->ops->mkdirs(self->fs, self->stage_dir, NULL);
    }
}

// ---------------------------------------------------------------- sealing

/// A file on its way, with what the receipt shall say of it.
typedef struct writer {
    file_sink *self;
    sli_fs_file *file;
    size_t filled; // of the block
    int64_t size_bytes;
    sli_hash128 hash;
} writer;

static sl_code write_block(writer *w, sl_error *err)
{
    if (w->filled == 0) {
        return SL_OK;
    }
    w->hash = sli_hash128_chain(w->hash, w->self->block, w->filled);
    w->size_bytes += (int64_t)w->filled;
    size_t size = w->filled;
    w->filled = 0;
    return w->self->fs->ops->write(w->file, w->self->block, size, err);
}

static sl_code write_piece(void *ctx, const void *data, size_t size, sl_error *err)
{
    writer *w = ctx;
    for (const char *at = data; size > 0;) {
        size_t n = SLI_FILE_BLOCK - w->filled < size ? SLI_FILE_BLOCK - w->filled : size;
        memcpy(w->self->block + w->filled, at, n);
        w->filled += n;
        at += n;
        size -= n;
        if (w->filled == SLI_FILE_BLOCK) {
            SL_TRY(write_block(w, err));
        }
    }
    return SL_OK;
}

/// What opens a file: a CSV header.
static sl_code write_begin(writer *w, sl_error *err)
{
    file_sink *self = w->self;
    sli_encoder *encoder = NULL;
    sli_str text = SLI_STR_INIT;
    text.tag = SLI_TAG_SINK;
    SL_TRY(self->format->encoder_new(&encoder, self->conf, self->schema, err));
    sl_code rc = self->format->begin(encoder, &text, err);
    rc = rc == SL_OK ? sli_str_check(&text, "the begin of a file", err) : rc;
    rc = rc == SL_OK ? write_piece(w, text.data, text.size, err) : rc;
    sli_str_reset(&text);
    self->format->encoder_free(encoder);
    return rc;
}

/// One file with the rows of these winners, durable but for its name. A leftover of a seal that
/// failed is in the way when its removal failed too.
static sl_code write_file(writer *w, const char *path, const sli_attempt *winners, int32_t n,
                          sl_error *err)
{
    file_sink *self = w->self;
    const sli_fs_ops *fs = self->fs->ops;
    sl_code rc = fs->create(self->fs, path, &w->file, err);
    if (rc == SL_E_EXISTS) {
        SL_TRY(fs->remove(self->fs, path, err));
        rc = fs->create(self->fs, path, &w->file, err);
    }
    rc = rc == SL_OK ? write_begin(w, err) : rc;
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        rc = sli_attempts_read(self->attempts, winners[i], write_piece, w, err);
    }
    rc = rc == SL_OK ? write_block(w, err) : rc;
    if (rc == SL_OK) {
        return fs->seal(&w->file, err);
    }
    fs->discard(&w->file);
    w->filled = 0;
    return rc;
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
static sl_code write_parts(writer *w, const char *path, const sli_attempt *sorted, int32_t n,
                           sl_arena *arena, sl_error *err)
{
    file_sink *self = w->self;
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
        SL_TRY(write_file(w, part, sorted + from, to - from, err));
    }
    return SL_OK;
}

static sl_code write_dir(writer *w, const char *path, const sli_attempt *winners, int32_t n,
                         sl_arena *arena, sl_error *err)
{
    const sli_fs_ops *fs = w->self->fs->ops;
    sli_attempt *sorted =
        sl_arena_copy(arena, winners, (size_t)n * sizeof(*winners)); // may be of size 0
    if (sorted == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(*winners), "the parts of a group");
    }
    if (n > 0) {
        qsort(sorted, (size_t)n, sizeof(*sorted), by_partition);
    }
    SL_TRY(fs->remove(w->self->fs, path, err)); // what a seal that failed may have left
    SL_TRY(fs->mkdirs(w->self->fs, path, err));
    SL_TRY(write_parts(w, path, sorted, n, arena, err));
    return sli_env_bug(w->self->env, "no-dirsync-stage") ? SL_OK
                                                         : fs->sync_dir(w->self->fs, path, err);
}

static sl_code write_staged(file_sink *self, const char *path, const sli_attempt *winners,
                            int32_t n, sl_arena *arena, sli_file_receipt *receipt, sl_error *err)
{
    writer w = {.self = self};
    sl_code rc = self->layout == LAYOUT_FILE ? write_file(&w, path, winners, n, err)
                                             : write_dir(&w, path, winners, n, arena, err);
    if (rc == SL_OK && !sli_env_bug(self->env, "no-dirsync-stage")) {
        rc = self->fs->ops->sync_dir(self->fs, self->stage_dir, err);
    }
    if (rc != SL_OK) {
        // Best effort: a repeat removes it first, the next generation sweeps it.
        (void)self->fs->ops->remove(self->fs, path, NULL);
        return rc;
    }
    receipt->size_bytes = w.size_bytes;
    receipt->hash = w.hash;
    return SL_OK;
}

static sl_code name_group(file_sink *self, int64_t group, sl_arena *arena, sli_file_receipt *out,
                          const char **path, sl_error *err)
{
    bool is_file = self->layout == LAYOUT_FILE;
    int64_t generation = sli_env_bug(self->env, "stage-without-generation") ? 0 : self->generation;
    out->shape = is_file ? SLI_SHAPE_FILE : SLI_SHAPE_DIR;
    out->staged = sl_arena_printf(arena, "%" PRId64 "-%" PRId64, generation, group);
    out->name = sl_arena_printf(arena, "%012" PRId64 "-%s%s%s", group, self->tag,
                                is_file ? "." : "", is_file ? self->extension : "");
    *path =
        out->staged == NULL ? NULL : sl_arena_printf(arena, "%s/%s", self->stage_dir, out->staged);
    if (out->name == NULL || *path == NULL) {
        return sl_error_nomem(err, strlen(self->stage_dir), "a staged object's path");
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
    sli_publisher publisher = {self->env, self->fs, self->dir};
    sl_code rc = sli_file_receipt_get(receipt, arena, &sealed, err);
    if (rc == SL_OK && sealed.shape != SLI_SHAPE_NONE) {
        const char *from = sli_path_join(arena, self->stage_dir, sealed.staged);
        const char *to = sli_path_join(arena, self->dir, sealed.name);
        rc = from == NULL || to == NULL
                 ? sl_error_nomem(err, receipt.size, "a path")
                 : sli_file_publish(&publisher, group, from, to, &sealed, err);
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

static sl_code open_parts(file_sink *self, const sli_url *url, const sli_sink_env *env,
                          sl_error *err)
{
    self->arena = sl_arena_new(SLI_TAG_SINK);
    self->block = sl_alloc(SLI_TAG_SINK, SLI_FILE_BLOCK);
    if (self->arena == NULL || self->block == NULL) {
        return sl_error_nomem(err, SLI_FILE_BLOCK, "file sink");
    }
    // Its own settings: attempts make encoders from them as long as the sink lives.
    SL_TRY(sli_sink_conf(&sli_sink_file, url, &self->conf, &self->format, err));
    self->layout = sl_conf_choice(self->conf, "layout");
    self->empty = sl_conf_choice(self->conf, "empty");
    self->extension = strcmp(self->format->name, "text") == 0 ? "txt" : self->format->name;
    SL_TRY(make_names(self, url, env, err));
    sli_encoder *encoder = NULL; // says whether the schema can be written
    SL_TRY(self->format->encoder_new(&encoder, self->conf, self->schema, err));
    self->format->encoder_free(encoder);
    SL_TRY(sli_fs_local.open(&self->fs, NULL, env->env, err));
    sli_attempts_conf conf = {.fs = self->fs,
                              .format = self->format,
                              .conf = self->conf,
                              .schema = self->schema,
                              .dir = self->temp_dir,
                              .attempt_bytes = ATTEMPT_BYTES,
                              .total_bytes = TOTAL_BYTES};
    return sli_attempts_new(&self->attempts, &conf, err);
}

static sl_code file_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                         const sli_sink_env *env, sl_error *err)
{
    (void)conf; // read again, to be kept: open_parts
    if (url->path.size == 0 || url->host.size > 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a directory of this machine is needed: \"file:///DIR\" or a path");
    }
    file_sink *self = sl_alloc_zero(SLI_TAG_SINK, sizeof(*self));
    if (self == NULL) {
        return sl_error_nomem(err, sizeof(*self), "file sink");
    }
    self->base.ops = &sli_sink_file;
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

const sli_sink_ops sli_sink_file = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "file",
    .text =
        "Writes each group of epochs as one file, or one directory of parts, that appears whole.",
    .guarantee = SLI_EXACTLY_ONCE,
    .options = options,
    .open = file_open,
    .recover = file_recover,
    .sweep = file_sweep,
    .stage = file_stage,
    .drop = file_drop,
    .seal = file_seal,
    .commit = file_commit,
    .abort = file_abort,
    .close = file_close,
};
