/// attempts.c — rows of attempts, encoded on the threads of their tasks, until they are sealed or
/// dropped.
///
/// An attempt's bytes stay in memory up to a limit, then go to a file of its own. The table is
/// under a lock; what belongs to one attempt is touched by its task only, then, once that has
/// ended, by whoever seals or drops it, so encoding and writing need no lock.
#include "sink/file/file_int.h"

#include <inttypes.h>

enum {
    BUCKETS = 256,
    MAX_ATTEMPTS = 1 << 20,
    SMALL_BYTES = 64 << 10, // an attempt below this is never worth a file
    READ_BYTES = 1 << 20
};

typedef struct entry {
    struct entry *next;
    sli_attempt at;
    sli_encoder *encoder;
    sli_str text;    // what is not in the file
    int64_t counted; // bytes of `text` in the table's sum
    int64_t rows;
    int64_t n_spilled; // bytes in the file
    sli_fs_file *file; // NULL while all is in memory
    char *path;        // of the file
    bool failed;
} entry;

struct sli_attempts {
    sli_attempts_conf conf;
    sli_mutex mutex; // the table and the two counts below
    entry *buckets[BUCKETS];
    int64_t n, bytes;
};

// ---------------------------------------------------------------- the table

static bool same(sli_attempt a, sli_attempt b)
{
    return a.generation == b.generation && a.epoch == b.epoch && a.stage == b.stage &&
           a.partition == b.partition && a.attempt == b.attempt;
}

static entry **bucket_of(sli_attempts *attempts, sli_attempt at)
{
    uint64_t hash = sli_mix64((uint64_t)at.epoch * 31 + (uint64_t)at.partition);
    return &attempts->buckets[hash % BUCKETS];
}

/// The place of the pointer to the entry; it holds NULL when there is none. Locks: mutex.
static entry **place_of(sli_attempts *attempts, sli_attempt at)
{
    entry **place = bucket_of(attempts, at);
    while (*place != NULL && !same((*place)->at, at)) {
        place = &(*place)->next;
    }
    return place;
}

static entry *find(sli_attempts *attempts, sli_attempt at)
{
    sli_mutex_lock(&attempts->mutex);
    entry *found = *place_of(attempts, at);
    sli_mutex_unlock(&attempts->mutex);
    return found;
}

/// Brings the sum up to date with the entry; returns it.
static int64_t count(sli_attempts *attempts, entry *e)
{
    int64_t now = (int64_t)e->text.size;
    sli_mutex_lock(&attempts->mutex);
    attempts->bytes += now - e->counted;
    int64_t sum = attempts->bytes;
    sli_mutex_unlock(&attempts->mutex);
    e->counted = now;
    return sum;
}

static void entry_free(sli_attempts *attempts, entry *e)
{
    const sli_fs_ops *fs = attempts->conf.fs->ops;
    fs->discard(&e->file); // closes and removes; what stays after a crash is swept
    if (e->encoder != NULL) {
        attempts->conf.format->encoder_free(e->encoder);
    }
    sli_str_reset(&e->text);
    sl_free(e->path);
    sl_free(e);
}

static sl_code entry_add(sli_attempts *attempts, sli_attempt at, entry **out, sl_error *err)
{
    entry *e = sl_alloc_zero(SLI_TAG_SINK, sizeof(*e));
    if (e == NULL) {
        return sl_error_nomem(err, sizeof(*e), "an attempt");
    }
    e->at = at;
    e->text.tag = SLI_TAG_SINK;
    const sli_attempts_conf *conf = &attempts->conf;
    sl_code rc = conf->format->encoder_new(&e->encoder, conf->conf, conf->schema, err);
    if (rc != SL_OK) {
        sl_free(e);
        return rc;
    }
    sli_mutex_lock(&attempts->mutex);
    bool fits = attempts->n < MAX_ATTEMPTS;
    if (fits) {
        entry **bucket = bucket_of(attempts, at);
        e->next = *bucket;
        *bucket = e;
        attempts->n++;
    }
    sli_mutex_unlock(&attempts->mutex);
    if (!fits) {
        entry_free(attempts, e);
        return sl_error_set(err, SL_E_NO_SPACE, "%d attempts wait to be sealed: seal more often",
                            MAX_ATTEMPTS);
    }
    *out = e;
    return SL_OK;
}

// ---------------------------------------------------------------- staging

static sl_code open_file(sli_attempts *attempts, entry *e, sl_error *err)
{
    sli_fs *fs = attempts->conf.fs;
    sli_str path = SLI_STR_INIT;
    path.tag = SLI_TAG_SINK;
    sli_str_printf(&path, "%s/%" PRId64 "-%" PRId64 "-%" PRId32 "-%" PRId32 "-%" PRId32,
                   attempts->conf.dir, e->at.generation, e->at.epoch, e->at.stage, e->at.partition,
                   e->at.attempt);
    SL_TRY(sli_str_check(&path, "an attempt's path", err));
    e->path = sli_str_take(&path);
    SL_TRY(fs->ops->mkdirs(fs, attempts->conf.dir, err)); // never has to survive a crash
    return fs->ops->create(fs, e->path, &e->file, err);
}

/// Moves what is in memory to the attempt's file.
static sl_code spill(sli_attempts *attempts, entry *e, sl_error *err)
{
    if (e->file == NULL) {
        SL_TRY(open_file(attempts, e, err));
    }
    SL_TRY(attempts->conf.fs->ops->write(e->file, e->text.data, e->text.size, err));
    e->n_spilled += (int64_t)e->text.size;
    sli_str_reset(&e->text);
    (void)count(attempts, e);
    return SL_OK;
}

static sl_code append(sli_attempts *attempts, entry *e, const sl_batch *rows, sl_error *err)
{
    SL_TRY(attempts->conf.format->encode(e->encoder, rows, &e->text, err));
    SL_TRY(sli_str_check(&e->text, "rows of an attempt", err));
    e->rows += sl_batch_rows(rows);
    int64_t sum = count(attempts, e);
    int64_t size = (int64_t)e->text.size;
    bool crowded = sum > attempts->conf.total_bytes && size >= SMALL_BYTES;
    return crowded || size > attempts->conf.attempt_bytes ? spill(attempts, e, err) : SL_OK;
}

sl_code sli_attempts_stage(sli_attempts *attempts, sli_attempt at, const sl_batch *rows,
                           sl_error *err)
{
    entry *e = find(attempts, at);
    if (e == NULL) {
        SL_TRY(entry_add(attempts, at, &e, err));
    }
    if (e->failed) {
        return sl_error_set(err, SL_E_STATE, "this attempt has failed to stage rows before");
    }
    if (rows == NULL || sl_batch_rows(rows) == 0) {
        return SL_OK;
    }
    sl_code rc = append(attempts, e, rows, err);
    e->failed = rc != SL_OK; // a part of the batch may be in it
    return rc;
}

// ---------------------------------------------------------------- reading back

static sl_code winner(sli_attempts *attempts, sli_attempt at, entry **out, sl_error *err)
{
    entry *e = find(attempts, at);
    if (e == NULL || e->failed) {
        return sl_error_set(err, SL_E_INVALID,
                            "attempt %" PRId32 " at partition %" PRId32 " of epoch %" PRId64 " %s",
                            at.attempt, at.partition, at.epoch,
                            e == NULL ? "has staged nothing" : "has failed and can't win");
    }
    *out = e;
    return SL_OK;
}

sl_code sli_attempts_rows(sli_attempts *attempts, sli_attempt at, int64_t *rows, sl_error *err)
{
    entry *e = NULL;
    SL_TRY(winner(attempts, at, &e, err));
    *rows = e->rows;
    return SL_OK;
}

static sl_code read_file(sli_attempts *attempts, const entry *e, sli_piece_fn each, void *ctx,
                         sl_error *err)
{
    sli_fs *fs = attempts->conf.fs;
    char *piece = sl_alloc(SLI_TAG_SINK, READ_BYTES);
    if (piece == NULL) {
        return sl_error_nomem(err, READ_BYTES, "reading staged rows");
    }
    sl_code rc = SL_OK;
    for (int64_t at = 0; rc == SL_OK && at < e->n_spilled;) {
        size_t n = 0;
        rc = fs->ops->read(fs, e->path, at, piece, READ_BYTES, &n, err);
        if (rc == SL_OK && (n == 0 || at + (int64_t)n > e->n_spilled)) {
            rc = sl_error_set(err, SL_E_CORRUPT, "%s: staged %" PRId64 " bytes, now it has others",
                              e->path, e->n_spilled);
        }
        rc = rc == SL_OK ? each(ctx, piece, n, err) : rc;
        at += (int64_t)n;
    }
    sl_free(piece);
    return rc;
}

sl_code sli_attempts_read(sli_attempts *attempts, sli_attempt at, sli_piece_fn each, void *ctx,
                          sl_error *err)
{
    entry *e = NULL;
    SL_TRY(winner(attempts, at, &e, err));
    if (e->n_spilled >
        0) { // not sealed first: it need not be durable, and a seal may be tried again
        SL_TRY(read_file(attempts, e, each, ctx, err));
    }
    return e->text.size == 0 ? SL_OK : each(ctx, e->text.data, e->text.size, err);
}

// ---------------------------------------------------------------- life

void sli_attempts_drop(sli_attempts *attempts, sli_attempt at)
{
    sli_mutex_lock(&attempts->mutex);
    entry **place = place_of(attempts, at);
    entry *e = *place;
    if (e != NULL) {
        *place = e->next;
        attempts->n--;
        attempts->bytes -= e->counted;
    }
    sli_mutex_unlock(&attempts->mutex);
    if (e != NULL) {
        entry_free(attempts, e); // removes a file: not under the lock
    }
}

void sli_attempts_drop_all(sli_attempts *attempts)
{
    for (int32_t i = 0; i < BUCKETS; i++) {
        sli_mutex_lock(&attempts->mutex);
        entry *e = attempts->buckets[i];
        attempts->buckets[i] = NULL;
        for (entry *at = e; at != NULL; at = at->next) {
            attempts->n--;
            attempts->bytes -= at->counted;
        }
        sli_mutex_unlock(&attempts->mutex);
        while (e != NULL) {
            entry *next = e->next;
            entry_free(attempts, e);
            e = next;
        }
    }
}

sl_code sli_attempts_new(sli_attempts **out, const sli_attempts_conf *conf, sl_error *err)
{
    sli_attempts *attempts = sl_alloc_zero(SLI_TAG_SINK, sizeof(*attempts));
    if (attempts == NULL) {
        return sl_error_nomem(err, sizeof(*attempts), "attempts");
    }
    attempts->conf = *conf;
    sli_mutex_init(&attempts->mutex, SLI_RANK_SINK);
    *out = attempts;
    return SL_OK;
}

void sli_attempts_free(sli_attempts *attempts)
{
    if (attempts == NULL) {
        return;
    }
    sli_attempts_drop_all(attempts);
    sli_mutex_reset(&attempts->mutex);
    sl_free(attempts);
}
