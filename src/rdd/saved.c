// saved.c — partitions in files: written in pieces of about a megabyte, whose sizes and hashes are
// kept in memory; so a file is a plain Arrow stream, and no row is shown before its bytes were
// checked.
#include "rdd/saved.h"

enum { PIECE_BYTES = 1 << 20 };
enum { FILE_NUMBER, SIZE, HASH_LOW, HASH_HIGH }; ///< columns of a piece's row
static const char piece_columns[] = "file int64, size int64, low int64, high int64";

static sl_code path_of(const char *dir, int32_t partition, int64_t file, sli_str *out,
                       sl_error *err)
{
    sli_str_printf(out, "%s/part-%05d-%lld.arrow", dir, partition, (long long)file);
    return sli_str_check(out, "the path of a checkpoint's file", err);
}

// ---------------------------------------------------------------- what is known of the files

sli_saved *sli_saved_new(sli_fs *fs, const char *dir, int32_t n_partitions)
{
    size_t size = (size_t)n_partitions * sizeof(sli_saved_part);
    sli_saved *saved = sl_alloc_zero(SLI_TAG_RDD, sizeof *saved + size);
    char *copy = sl_strdup(SLI_TAG_RDD, dir);
    if (saved == NULL || copy == NULL) {
        sl_free(saved);
        sl_free(copy);
        return NULL;
    }
    saved->fs = fs;
    saved->dir = copy;
    saved->n = n_partitions;
    return saved;
}

void sli_saved_free(sli_saved *saved)
{
    for (int32_t i = 0; saved != NULL && i < saved->n; i++) {
        sl_free(saved->parts[i].pieces);
    }
    if (saved != NULL) {
        sl_free(saved->dir);
    }
    sl_free(saved);
}

static sl_code room_for(sli_saved_part *part, int64_t n, sl_error *err)
{
    if (part->n + n <= part->capacity) {
        return SL_OK;
    }
    int64_t capacity = 2 * (part->n + n);
    size_t size = (size_t)capacity * sizeof *part->pieces;
    sli_saved_piece *more =
        capacity > INT32_MAX ? NULL : sl_realloc(SLI_TAG_RDD, part->pieces, size);
    if (more == NULL) {
        return sl_error_nomem(err, size, "the pieces of a checkpoint");
    }
    part->pieces = more;
    part->capacity = (int32_t)capacity;
    return SL_OK;
}

sl_code sli_saved_add(sli_saved *saved, int32_t partition, const sl_batch *pieces, sl_error *err)
{
    sli_saved_part *part = &saved->parts[partition];
    SL_TRY(room_for(part, sl_batch_rows(pieces), err));
    for (int64_t i = 0; i < sl_batch_rows(pieces); i++) {
        part->file = sl_column_int64(sl_batch_column(pieces, FILE_NUMBER), i);
        part->pieces[part->n++] = (sli_saved_piece){
            .size_bytes = sl_column_int64(sl_batch_column(pieces, SIZE), i),
            .hash = {(uint64_t)sl_column_int64(sl_batch_column(pieces, HASH_LOW), i),
                     (uint64_t)sl_column_int64(sl_batch_column(pieces, HASH_HIGH), i)}};
    }
    return SL_OK;
}

// ---------------------------------------------------------------- writing

typedef struct saver {
    sli_fs *fs;
    char dir[];
} saver;

typedef struct writer {
    sli_fs *fs;
    const sl_schema *schema;
    sli_fs_file *file;
    int64_t number;
    sli_hash128 hash; ///< of the piece before
    bool begun;       ///< the schema is written
    sli_rows pending;
    sl_builder *pieces;
} writer;

static sl_code pending_bytes(writer *w, sli_str *out, sl_error *err)
{
    SL_TRY(w->begun ? SL_OK : sli_ipc_write_schema(out, w->schema, err));
    for (int32_t i = 0; i < w->pending.n; i++) {
        SL_TRY(sli_ipc_write_batch(out, w->pending.batches[i], err));
    }
    return sli_str_check(out, "a piece of a checkpoint", err);
}

static sl_code put_piece(writer *w, sl_error *err)
{
    sli_str bytes = {.tag = SLI_TAG_RDD};
    sl_code rc = pending_bytes(w, &bytes, err);
    rc = rc != SL_OK ? rc : w->fs->ops->write(w->file, bytes.data, bytes.size, err);
    if (rc == SL_OK) {
        w->begun = true;
        w->hash = sli_hash128_chain(w->hash, bytes.data, bytes.size);
        sl_builder_int64(w->pieces, FILE_NUMBER, w->number);
        sl_builder_int64(w->pieces, SIZE, (int64_t)bytes.size);
        sl_builder_int64(w->pieces, HASH_LOW, (int64_t)w->hash.low);
        sl_builder_int64(w->pieces, HASH_HIGH, (int64_t)w->hash.high);
    }
    sli_rows_reset(&w->pending);
    sli_str_reset(&bytes);
    return rc;
}

static sl_code push_row(void *ctx, sl_batch *batch, sl_error *err)
{
    writer *w = ctx;
    SL_TRY(sli_rows_add_compact(&w->pending, batch, err));
    return w->pending.bytes >= PIECE_BYTES ? put_piece(w, err) : SL_OK;
}

static sl_code open_file(writer *w, const saver *to, int32_t partition, sli_task *task,
                         sl_error *err)
{
    sli_str path = {.tag = SLI_TAG_RDD};
    sl_schema *schema = NULL;
    w->number = atomic_fetch_add(&task->runtime->next_owner, 1);
    w->hash = (sli_hash128){.low = (uint64_t)w->number};
    SL_TRY(sl_schema_parse(&schema, piece_columns, err));
    sl_code rc = sl_builder_new(&w->pieces, schema, err);
    sl_schema_unref(schema);
    rc = rc != SL_OK ? rc : path_of(to->dir, partition, w->number, &path, err);
    rc = rc != SL_OK ? rc : w->fs->ops->create(w->fs, path.data, &w->file, err);
    sli_str_reset(&path);
    return rc;
}

static sl_code end_file(writer *w, sl_error *err)
{
    static const uint8_t end[SLI_IPC_END_BYTES] = {0xff, 0xff, 0xff, 0xff};
    SL_TRY(w->begun && w->pending.n == 0 ? SL_OK : put_piece(w, err));
    return w->fs->ops->write(w->file, end, sizeof end, err);
}

static sl_code compute_saver(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    const saver *to = rdd->body;
    writer w = {.fs = to->fs, .schema = rdd->deps[0].parent->schema};
    sl_batch *pieces = NULL;
    sl_code rc = open_file(&w, to, partition, task, err);
    rc = rc != SL_OK ? rc : sli_dep_each(rdd, 0, partition, task, push_row, &w, err);
    rc = rc != SL_OK ? rc : end_file(&w, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(w.pieces, &pieces, err);
    rc = rc != SL_OK ? rc : push(ctx, pieces, err);
    rc = rc != SL_OK ? rc : w.fs->ops->seal(&w.file, err); // last: a failed attempt leaves no file
    w.fs->ops->discard(&w.file);
    sl_batch_unref(pieces);
    sl_builder_free(w.pieces);
    sli_rows_reset(&w.pending);
    return rc;
}

static void free_saver(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops saver_ops = {
    .name = "checkpoint write", .compute = compute_saver, .free = free_saver};

sl_rdd *sli_saver_new(sl_rdd *parent, sli_fs *fs, const char *dir)
{
    sl_schema *schema = NULL;
    size_t size = strlen(dir) + 1;
    saver *to = sl_alloc(SLI_TAG_RDD, sizeof *to + size);
    if (to == NULL || sl_schema_parse(&schema, piece_columns, NULL) != SL_OK) {
        sl_free(to);
        return NULL;
    }
    to->fs = fs;
    memcpy(to->dir, dir, size);
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(parent)};
    sl_rdd *rdd =
        sli_rdd_new(parent->runtime, &saver_ops, schema, parent->n_partitions, &dep, 1, to);
    sl_schema_unref(schema);
    return rdd;
}

// ---------------------------------------------------------------- reading

typedef struct reader {
    const sli_saved *saved;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sli_str path;
    int64_t offset;
    sli_hash128 hash;
    sli_ipc_stream *stream;
} reader;

static sl_code damaged(const reader *r, const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "%s, byte %lld: %s", r->path.data, (long long)r->offset,
                        what);
}

/// The bytes of a piece, checked; *out is the caller's.
static sl_code read_piece(reader *r, const sli_saved_piece *piece, sli_buffer **out, sl_error *err)
{
    sli_fs *fs = r->saved->fs;
    size_t n = 0, size = (size_t)piece->size_bytes;
    sli_buffer *bytes = sli_buffer_new(piece->size_bytes);
    if (bytes == NULL) {
        return sl_error_nomem(err, size, "a piece of a checkpoint");
    }
    sl_code rc = fs->ops->read(fs, r->path.data, r->offset, sli_buffer_data(bytes), size, &n, err);
    if (rc == SL_OK && n < size) {
        rc = damaged(r, "the file is shorter than it was written", err);
    }
    if (rc == SL_OK) {
        r->hash = sli_hash128_chain(r->hash, sli_buffer_bytes(bytes), size);
        bool same = r->hash.low == piece->hash.low && r->hash.high == piece->hash.high;
        rc = same ? SL_OK : damaged(r, "the bytes are not those that were written", err);
    }
    if (rc != SL_OK) {
        sli_buffer_unref(bytes);
        return rc;
    }
    r->offset += piece->size_bytes;
    *out = bytes;
    return SL_OK;
}

static sl_code push_message(reader *r, sli_buffer *bytes, int64_t at, int64_t size, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sli_ipc_stream_take(r->stream, bytes, at, size, &batch, err));
    sl_code rc = batch == NULL ? SL_OK : sli_task_check(r->task, err);
    rc = rc != SL_OK || batch == NULL ? rc : r->push(r->ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code push_piece(reader *r, const sli_saved_piece *piece, sl_error *err)
{
    sli_buffer *bytes = NULL;
    SL_TRY(read_piece(r, piece, &bytes, err));
    sl_code rc = SL_OK;
    sli_ipc_place message = {0};
    for (int64_t at = 0; rc == SL_OK && at < piece->size_bytes; at += message.bytes) {
        rc = sli_ipc_measure(sli_buffer_bytes(bytes) + at, piece->size_bytes - at, &message, err);
        rc = rc != SL_OK ? rc : push_message(r, bytes, at, message.bytes, err);
    }
    sli_buffer_unref(bytes);
    return rc;
}

sl_code sli_saved_each(const sli_saved *saved, int32_t partition, sli_task *task, sli_push_fn push,
                       void *ctx, sl_error *err)
{
    const sli_saved_part *part = &saved->parts[partition];
    reader r = {.saved = saved,
                .task = task,
                .push = push,
                .ctx = ctx,
                .path = {.tag = SLI_TAG_RDD},
                .hash = {.low = (uint64_t)part->file}};
    task->source_from = -1; // where a saved row came from is not known any more
    sl_code rc = path_of(saved->dir, partition, part->file, &r.path, err);
    rc = rc != SL_OK ? rc : sli_ipc_stream_new(&r.stream, INT64_MAX, err);
    for (int32_t i = 0; rc == SL_OK && i < part->n; i++) {
        rc = push_piece(&r, &part->pieces[i], err);
    }
    sli_ipc_stream_free(r.stream);
    sli_str_reset(&r.path);
    return rc;
}
