/// spill.c — one file a spilled block: frames of Arrow IPC, each with a hash that also covers all
/// frames before it.
///
/// A frame holds some batches, about 1 MiB, so that a worker that spills or reads back needs no
/// second copy of a large block. Files are scratch of one process and never synced; still every
/// byte is checked when it comes back, since a wrong row is worse than a lost block.
#include "base/hash.h"
#include "block/block_int.h"

enum {
    FRAME_BYTES = 1 << 20, ///< of batches in memory: a frame ends with the batch that reaches it
    HEADER_BYTES = 32,
    HASHED_BYTES = 16, ///< of the header: all but the hash itself
    MAX_DIR_BYTES = SLI_SPILL_PATH_BYTES - 64,
};
static const char magic[4] = {'S', 'L', 'B', '1'};

sl_code sli_spill_init(sli_spill *spill, sl_env *env, const char *dir, sl_error *err)
{
    if (strlen(dir) == 0 || strlen(dir) > MAX_DIR_BYTES) {
        return sl_error_set(err, SL_E_CONFIG, "spill_dir: a path has from 1 to %d bytes",
                            (int)MAX_DIR_BYTES);
    }
    *spill = (sli_spill){.env = env, .limit_bytes = INT64_MAX};
    spill->dir = sl_strdup(SLI_TAG_BLOCK, dir);
    if (spill->dir == NULL) {
        return sl_error_nomem(err, strlen(dir), "name of the spill directory");
    }
    sli_mutex_init(&spill->mutex, SLI_RANK_BLOCK);
    sli_stat stat;
    sl_code rc = sli_env_stat(env, dir, &stat, err);
    if (rc == SL_OK) {
        rc = sli_spill_open_dir(spill, err);
    }
    if (rc == SL_OK || rc == SL_E_NOT_FOUND || rc == SL_E_BUSY) {
        return SL_OK;
    }
    sli_mutex_reset(&spill->mutex);
    sl_free(spill->dir);
    return rc;
}

void sli_spill_reset(sli_spill *spill)
{
    SL_ASSERT(spill->disk_bytes == 0, "spilled files are forgotten");
    sli_spill_close_dir(spill);
    sli_mutex_reset(&spill->mutex);
    sl_free(spill->dir);
}

// ---------------------------------------------------------------- room on disk

static sl_code take_room(sli_spill *spill, int64_t bytes, sl_error *err)
{
    sli_mutex_lock(&spill->mutex);
    int64_t used = spill->disk_bytes, limit = spill->limit_bytes;
    bool fits = bytes <= limit - used;
    spill->disk_bytes += fits ? bytes : 0;
    sli_mutex_unlock(&spill->mutex);
    return fits ? SL_OK
                : sl_error_set(
                      err, SL_E_NO_SPACE,
                      "%lld bytes are spilled and the limit is %lld: raise spill_limit or memory",
                      (long long)used, (long long)limit);
}

static void give_room(sli_spill *spill, int64_t bytes)
{
    sli_mutex_lock(&spill->mutex);
    spill->disk_bytes -= bytes;
    sli_mutex_unlock(&spill->mutex);
}

void sli_spill_remove(sli_spill *spill, sli_spill_file file)
{
    char path[SLI_SPILL_PATH_BYTES];
    sli_spill_path(spill, file.number, path);
    (void)!sli_env_remove(spill->env, path,
                          NULL); // what stays is removed when the directory is opened next
    give_room(spill, file.size_bytes);
}

// ---------------------------------------------------------------- writing

/// A file being written or read: its bytes so far, and the hash that the next frame goes on from.
typedef struct frames {
    sli_spill *spill;
    sli_file *file;
    int64_t size_bytes;
    sli_hash128 hash;
} frames;

static sli_hash128 first_hash(int64_t number)
{
    return (sli_hash128){.low = (uint64_t)number};
}

/// The hash a frame must carry: of the one before, its header and its payload.
static sli_hash128 frame_hash(sli_hash128 before, const void *header, const void *payload,
                              size_t size)
{
    return sli_hash128_chain(sli_hash128_chain(before, header, HASHED_BYTES), payload, size);
}

/// How many batches from the first on go into one frame: of one schema, about FRAME_BYTES.
static int32_t frame_batches(const sl_batch *const *batches, int32_t n)
{
    int64_t bytes = sl_batch_bytes(batches[0]);
    int32_t k = 1;
    while (k < n && bytes < FRAME_BYTES &&
           (sl_batch_schema(batches[k]) == sl_batch_schema(batches[0]) ||
            sl_schema_equal(sl_batch_schema(batches[k]), sl_batch_schema(batches[0])))) {
        bytes += sl_batch_bytes(batches[k++]);
    }
    return k;
}

static sl_code write_frame(frames *f, const sl_batch *const *batches, int32_t n, sl_error *err)
{
    sli_str payload = {.tag = SLI_TAG_BLOCK}, header = {.tag = SLI_TAG_BLOCK};
    sl_code rc = sli_ipc_write(&payload, sl_batch_schema(batches[0]), batches, n, err);
    sli_str_add(&header, magic, sizeof magic);
    sli_put_u32(&header, (uint32_t)n);
    sli_put_u64(&header, payload.size);
    if (rc == SL_OK) {
        rc = sli_str_check(&header, "frame of a spilled block", err);
    }
    if (rc == SL_OK) {
        f->hash = frame_hash(f->hash, header.data, payload.data, payload.size);
        sli_put_u64(&header, f->hash.low);
        sli_put_u64(&header, f->hash.high);
        rc = sli_str_check(&header, "frame of a spilled block", err);
    }
    int64_t size = (int64_t)(HEADER_BYTES + payload.size);
    if (rc == SL_OK) {
        rc = take_room(f->spill, size, err);
        f->size_bytes += rc == SL_OK ? size : 0;
    }
    if (rc == SL_OK) {
        rc = sli_file_write(f->file, header.data, header.size, err);
    }
    if (rc == SL_OK) {
        rc = sli_file_write(f->file, payload.data, payload.size, err);
    }
    sli_str_reset(&header);
    sli_str_reset(&payload);
    return rc;
}

static int64_t next_number(sli_spill *spill)
{
    sli_mutex_lock(&spill->mutex);
    int64_t number = ++spill->last_number;
    sli_mutex_unlock(&spill->mutex);
    return number;
}

sl_code sli_spill_write(sli_spill *spill, const sl_batch *const *batches, int32_t n,
                        sli_spill_file *out, sl_error *err)
{
    SL_TRY(sli_spill_open_dir(spill, err));
    int64_t number = next_number(spill);
    char path[SLI_SPILL_PATH_BYTES];
    sli_spill_path(spill, number, path);
    frames f = {.spill = spill, .hash = first_hash(number)};
    sl_code rc = sli_file_open(spill->env, path, SLI_REPLACE, &f.file, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "spill a block");
    }
    for (int32_t at = 0; rc == SL_OK && at < n;) {
        int32_t k = frame_batches(batches + at, n - at);
        rc = write_frame(&f, batches + at, k, err);
        at += k;
    }
    sli_file_close(&f.file);
    sli_spill_file file = {number, f.size_bytes};
    if (rc != SL_OK) {
        sli_spill_remove(spill, file);
        return sl_error_wrap(err, rc, "spill a block to %.200s", spill->dir);
    }
    *out = file;
    return SL_OK;
}

// ---------------------------------------------------------------- reading

/// Tells a failure of the caller's function from one of ours.
typedef struct reading {
    sli_batch_fn each;
    void *ctx;
    bool is_theirs;
} reading;

static sl_code show(void *ctx, const sl_batch *batch, sl_error *err)
{
    reading *r = ctx;
    sl_code rc = r->each(r->ctx, batch, err);
    r->is_theirs = rc != SL_OK;
    return rc;
}

static sl_code broken(const frames *f, const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "spilled file, frame at byte %lld: %s",
                        (long long)f->size_bytes, what);
}

/// `size` bytes at `offset`, all of them.
static sl_code read_whole(const frames *f, int64_t offset, void *out, size_t size, sl_error *err)
{
    size_t n = 0;
    SL_TRY(sli_file_read_at(f->file, offset, out, size, &n, err));
    return n == size ? SL_OK : broken(f, "the file is shorter than it was written", err);
}

/// Reads and checks one frame; *payload is the caller's.
static sl_code read_frame(frames *f, int64_t file_size, sli_buffer **payload, sl_error *err)
{
    uint8_t header[HEADER_BYTES];
    if (file_size - f->size_bytes < HEADER_BYTES) {
        return broken(f, "no room for its header", err);
    }
    SL_TRY(read_whole(f, f->size_bytes, header, sizeof header, err));
    sli_reader r = sli_reader_of(
        (sl_bytes){(const char *)header + sizeof magic, sizeof header - sizeof magic});
    (void)sli_get_u32(&r); // how many batches: for people who look at the file
    uint64_t size = sli_get_u64(&r);
    sli_hash128 want = {.low = sli_get_u64(&r)};
    want.high = sli_get_u64(&r);
    if (memcmp(header, magic, sizeof magic) != 0 ||
        size > (uint64_t)(file_size - f->size_bytes - HEADER_BYTES)) {
        return broken(f, "its header is damaged", err);
    }
    sli_buffer *buffer = sli_buffer_new((int64_t)size);
    if (buffer == NULL) {
        return sl_error_nomem(err, size, "a spilled block");
    }
    sl_code rc = read_whole(f, f->size_bytes + HEADER_BYTES, sli_buffer_data(buffer), size, err);
    if (rc == SL_OK) {
        sli_hash128 hash = frame_hash(f->hash, header, sli_buffer_bytes(buffer), size);
        if (hash.low != want.low || hash.high != want.high) {
            rc = broken(f, "its bytes are not those that were written", err);
        }
        f->hash = hash;
    }
    if (rc != SL_OK) {
        sli_buffer_unref(buffer);
        return rc;
    }
    f->size_bytes += (int64_t)(HEADER_BYTES + size);
    *payload = buffer;
    return SL_OK;
}

/// Whether a failure of ours means that the bytes are lost, and not only that this attempt had no
/// memory or is dead.
static bool is_damage(sl_code rc)
{
    return rc != SL_OK && rc != SL_E_NOMEM && rc != SL_E_CRASHED;
}

sl_code sli_spill_read(sli_spill *spill, sli_spill_file file, sli_batch_fn each, void *ctx,
                       bool *damaged, sl_error *err)
{
    reading r = {.each = each, .ctx = ctx};
    frames f = {.spill = spill, .hash = first_hash(file.number)};
    char path[SLI_SPILL_PATH_BYTES];
    sli_spill_path(spill, file.number, path);
    sl_code rc = sli_file_open(spill->env, path, SLI_READ, &f.file, err);
    if (rc == SL_E_NOT_FOUND) {
        rc = sl_error_set(err, SL_E_CORRUPT,
                          "spilled file %.200s is gone: nothing else may write there", path);
    }
    while (rc == SL_OK && f.size_bytes < file.size_bytes) {
        sli_buffer *payload = NULL;
        rc = read_frame(&f, file.size_bytes, &payload, err);
        if (rc == SL_OK) {
            rc = sli_ipc_read(payload, show, &r, err);
            sli_buffer_unref(payload);
        }
    }
    sli_file_close(&f.file);
    *damaged = !r.is_theirs && is_damage(rc);
    return rc;
}
