// read.c — one split of one file as rows, after a look whether the file is still the one on record.
//
// A file is cut only where every '\n' ends a record (text, JSON lines). Split k of size S has the
// records that begin behind the first '\n' at or after byte kS - 1 and not behind the first '\n' at
// or after byte (k+1)S - 1, so every record is in one split, whoever reads which.
#include "source/file/file_int.h"

enum { STEP = 1 << 20, LOOK = 64 << 10 };

typedef struct reading {
    sli_files *files;
    const char *path, *name; ///< `name` is for messages
    sli_fs_reader *reader;   ///< NULL: none is open
    int64_t reader_at;       ///< its next byte
    int64_t at, limit, size; ///< next byte; where the last record may begin; the file's end
    sli_records *records;
    sli_emit_fn emit;
    sli_raw_fn look; ///< in place of emit, or NULL
    void *ctx;
    int64_t n_damaged; ///< 1: the rest of a compressed file, or a whole one, was passed over
    bool is_letter;    ///< and it is told of
    int64_t n_rows;    ///< of a file that is read whole
} reading;

// ---------------------------------------------------------------- is it the one?

static sl_code changed(const char *path, const sli_file_item *item, const sli_fs_entry *now,
                       sl_error *err)
{
    sl_code rc = sl_error_set(
        err, SL_E_IO,
        "%s: changed since an epoch took it (%lld bytes then, %lld now); put the file back as it "
        "was and start again; new content belongs into a new file",
        path, (long long)item->size_bytes, (long long)now->size_bytes);
    (void)sl_error_act(err, SL_ACT_STOP_JOB); // another try can't bring it back
    return rc;
}

/// The file still starts with the bytes on record. A device's number may be another after a reboot,
/// so size and time together outweigh the identity; growth is told where the directory is listed.
/// What is read whole can't have grown: its end is where all begins.
static sl_code check_file(sli_files *files, const char *path, const sli_file_item *item,
                          sl_error *err)
{
    sli_fs_entry now = {0};
    sl_code rc = files->fs->ops->stat(files->fs, path, &now, err);
    if (rc == SL_E_NOT_FOUND) {
        rc = sl_error_set(err, SL_E_NOT_FOUND,
                          "%s: gone since an epoch took it (%lld bytes); put it back as it was and "
                          "start again; files may go once their epoch is committed",
                          path, (long long)item->size_bytes);
        (void)sl_error_act(err, SL_ACT_STOP_JOB);
        return rc;
    }
    SL_TRY(rc);
    bool same = now.size_bytes == item->size_bytes && now.modified_us == item->modified_us;
    bool grown = files->parquet == NULL && now.size_bytes > item->size_bytes &&
                 now.identity == item->identity && now.modified_us >= item->modified_us;
    return !now.is_dir && (same || grown) ? SL_OK : changed(path, item, &now, err);
}

// ---------------------------------------------------------------- bytes

/// The reader of the path, at this byte: the open one when that is where it is.
static sl_code read_from(reading *r, int64_t at, sl_error *err)
{
    const sli_fs_ops *fs = r->files->fs->ops;
    if (r->reader != NULL && r->reader_at == at) {
        return SL_OK;
    }
    fs->reader_close(&r->reader);
    r->reader_at = at;
    return fs->reader_open(r->files->fs, r->path, at, &r->reader, err);
}

/// Reads all of [at, at + n) into a new buffer.
static sl_code read_piece(reading *r, int64_t at, int64_t n, sli_buffer **out, sl_error *err)
{
    size_t got = 0;
    SL_TRY(read_from(r, at, err));
    sli_buffer *buffer = sli_buffer_new(n);
    if (buffer == NULL) {
        return sl_error_nomem(err, (size_t)n, "a piece of a file");
    }
    sl_code rc =
        r->files->fs->ops->reader_next(r->reader, sli_buffer_data(buffer), (size_t)n, &got, err);
    if (rc == SL_OK && (int64_t)got < n) {
        rc =
            sl_error_set(err, SL_E_IO, "%s: ends at byte %lld while it is read; %lld are on record",
                         r->path, (long long)(at + (int64_t)got), (long long)r->size);
    }
    if (rc != SL_OK) {
        sli_buffer_unref(buffer);
        return rc;
    }
    r->reader_at = at + n;
    *out = buffer;
    return SL_OK;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/// The place behind the first '\n' in [at, to); -1 when there is none.
static sl_code find_line(reading *r, int64_t at, int64_t to, int64_t *out, sl_error *err)
{
    *out = -1;
    while (*out < 0 && at < to) {
        int64_t n = least(LOOK, to - at);
        sli_buffer *buffer = NULL;
        SL_TRY(read_piece(r, at, n, &buffer, err));
        const char *data = sli_buffer_bytes(buffer);
        const char *end = memchr(data, '\n', (size_t)n);
        *out = end == NULL ? -1 : at + (end - data) + 1;
        sli_buffer_unref(buffer);
        at += n;
    }
    return SL_OK;
}

static sl_code feed(reading *r, sli_buffer *data, int64_t n, bool last, sl_error *err)
{
    return sli_records_feed(r->records, data, 0, n, r->at, r->name, last, r->emit, r->ctx, err);
}

/// Feeds up to the end of the record that begins at or before `limit`.
static sl_code feed_all(reading *r, sl_error *err)
{
    bool done = false;
    while (!done && r->at < r->size) {
        bool tail = r->at >= r->limit; // only the end of a record is wanted any more
        int64_t n = tail ? least(LOOK, r->size - r->at) : least(STEP, r->limit - r->at);
        sli_buffer *buffer = NULL;
        SL_TRY(read_piece(r, r->at, n, &buffer, err));
        const char *data = sli_buffer_bytes(buffer);
        const char *end = tail ? memchr(data, '\n', (size_t)n) : NULL;
        n = end == NULL ? n : end - data + 1;
        done = end != NULL;
        sl_code rc = feed(r, buffer, n, false, err);
        sli_buffer_unref(buffer);
        SL_TRY(rc);
        r->at += n;
    }
    return feed(r, NULL, 0, true, err);
}

/// Sets where the split begins and may end. False: no record begins in it.
static sl_code place(reading *r, const sli_file_range *range, int64_t part, bool *any,
                     sl_error *err)
{
    int64_t parts = sli_file_splits(r->size, range->split_bytes);
    r->limit = part + 1 == parts ? r->size : (part + 1) * range->split_bytes - 1;
    *any = r->size > 0;
    if (part > 0) {
        SL_TRY(find_line(r, part * range->split_bytes - 1, r->limit, &r->at, err));
        *any = r->at >= 0 && r->at < r->size;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a compressed file

static sl_code read_packed(void *ctx, int64_t at, int64_t n, sli_buffer **out, sl_error *err)
{
    return read_piece(ctx, at, n, out, err);
}

static sl_code take_unpacked(void *ctx, sli_buffer *data, int64_t n, sl_error *err)
{
    reading *r = ctx;
    SL_TRY(feed(r, data, n, false, err));
    r->at += n;
    return SL_OK;
}

/// Whether what is damaged ends the task.
static bool fails(const reading *r)
{
    const char *policy = sl_conf_text(r->files->common.conf, "malformed");
    return policy == NULL || strcmp(policy, "fail") == 0;
}

/// What is damaged goes by the option `malformed`, as one record: the rest of the file.
static sl_code judge_damage(reading *r, sl_error *err)
{
    if (fails(r)) {
        return SL_E_DATA;
    }
    r->n_damaged = 1;
    r->is_letter = sli_source_wants_letters(r->files->common.conf);
    sli_raw_record rest = {.name = r->name,
                           .offset = r->at,
                           .bytes = {"", 0},
                           .why = err == NULL ? "it is damaged" : err->text};
    return r->look == NULL ? SL_OK : r->look(r->ctx, &rest, err);
}

static sl_code feed_unpacked(reading *r, const sli_codec *codec, sl_error *err)
{
    sli_packed_file file = {.codec = codec,
                            .path = r->path,
                            .size_bytes = r->size,
                            .read = read_packed,
                            .give = take_unpacked,
                            .ctx = r};
    sl_error own = SL_ERROR_INIT, *why = err == NULL ? &own : err;
    sl_code rc = sli_file_unpack(&file, why);
    return rc == SL_OK ? feed(r, NULL, 0, true, err) : file.is_damaged ? judge_damage(r, why) : rc;
}

static void count(reading *r, sli_decode_stats read, sli_decode_stats *stats)
{
    read.skipped += r->n_damaged;
    read.dead += r->is_letter ? r->n_damaged : 0;
    sli_source_count_stats(&r->files->common, &read, stats);
}

static sl_code read_part(reading *r, const sli_file_range *range, int64_t part,
                         sli_decode_stats *stats, sl_error *err)
{
    sli_source_common *common = &r->files->common;
    const sli_codec *codec = sli_file_codec(r->files->filter.compression, r->path);
    bool any = false;
    SL_TRY(place(r, range, part, &any, err));
    if (!any) {
        return SL_OK;
    }
    SL_TRY(sli_records_new(&r->records, common->format, common->conf, common->schema, err));
    sl_code rc = r->look == NULL ? SL_OK : sli_records_watch(r->records, r->look, r->ctx, err);
    if (rc == SL_OK) {
        rc = codec != NULL ? feed_unpacked(r, codec, err) : feed_all(r, err);
    }
    if (stats != NULL) {
        count(r, *sli_records_stats(r->records), stats);
    }
    sli_records_free(r->records);
    return rc;
}

// ---------------------------------------------------------------- a file that is read whole

static sl_code take_whole_rows(void *ctx, sl_batch *rows, sl_error *err)
{
    reading *r = ctx;
    r->n_rows += sl_batch_rows(rows);
    return r->look == NULL ? r->emit(r->ctx, rows, err) : SL_OK;
}

/// The file is a record of all its rows, so that a row which an operator refuses is told by itself.
static sl_code look_at_whole(reading *r, sl_error *err)
{
    sli_raw_record all = {.name = r->name, .bytes = {"", 0}, .rows = r->n_rows};
    return r->look(r->ctx, &all, err);
}

/// A failure of a file that has changed meanwhile is no damage.
static sl_code read_whole(reading *r, const sli_file_item *item, sli_decode_stats *stats,
                          sl_error *err)
{
    sli_parquet_file file = {.path = r->path,
                             .size_bytes = r->size,
                             .is_packed =
                                 sli_file_codec(r->files->filter.compression, r->path) != NULL,
                             .read = read_packed,
                             .give = take_whole_rows,
                             .ctx = r,
                             .checks_first = !fails(r)};
    sl_error own = SL_ERROR_INIT, *why = err == NULL ? &own : err;
    sl_code rc = sli_parquet_read(r->files->parquet, &file, why);
    if (rc != SL_OK && file.is_damaged) {
        sl_error damage = *why;
        SL_TRY(check_file(r->files, r->path, item, why));
        *why = damage;
        rc = judge_damage(r, why);
    } else if (rc == SL_OK && r->look != NULL) {
        rc = look_at_whole(r, why);
    }
    if (stats != NULL) {
        int64_t rows = rc == SL_OK ? r->n_rows : 0;
        count(r, (sli_decode_stats){.records = rows, .bytes = rc == SL_OK ? r->size : 0}, stats);
    }
    return rc;
}

// ---------------------------------------------------------------- entries of the table

/// `as` says where rows or records go; the rest of it is filled. `stats` may be NULL.
static sl_code read_split(sli_files *files, sl_bytes range, int32_t split, reading as,
                          sli_decode_stats *stats, sl_error *err)
{
    sli_file_range r;
    sli_file_item item;
    int64_t part = 0;
    SL_TRY(sli_file_range_get(range, false, &r, err));
    SL_TRY(sli_file_range_find(&r, split, &item, &part, err));
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "a file's path");
    }
    const char *path =
        item.name[0] == '\0' ? files->dir : sli_path_join(arena, files->dir, item.name);
    const char *name = part == 0 || path == NULL
                           ? path
                           : sl_arena_printf(arena, "%s (split %lld)", path, (long long)part + 1);
    sl_code rc = name == NULL ? sl_error_nomem(err, strlen(item.name), "a file's path") : SL_OK;
    if (rc == SL_OK) {
        as.files = files;
        as.path = path;
        as.name = name;
        as.size = item.size_bytes;
        rc = check_file(files, path, &item, err);
        if (rc == SL_OK) {
            rc = files->parquet == NULL ? read_part(&as, &r, part, stats, err)
                                        : read_whole(&as, &item, stats, err);
        }
        files->fs->ops->reader_close(&as.reader);
        rc =
            rc == SL_OK ? check_file(files, path, &item, err) : rc; // it may have changed meanwhile
    }
    sl_arena_free(arena);
    return rc;
}

sl_code sli_files_read(sli_source *self, sl_bytes range, int32_t split, sli_emit_fn emit, void *ctx,
                       sli_decode_stats *stats, sl_error *err)
{
    reading as = {.emit = emit, .ctx = ctx};
    return read_split((sli_files *)self, range, split, as, stats, err);
}

sl_code sli_files_records(sli_source *self, sl_bytes range, int32_t split, sli_raw_fn each,
                          void *ctx, sl_error *err)
{
    reading as = {.look = each, .ctx = ctx};
    return read_split((sli_files *)self, range, split, as, NULL, err);
}

sl_code sli_files_splits(sli_source *self, sl_bytes range, int32_t *out, sl_error *err)
{
    sli_file_range r;
    (void)self;
    SL_TRY(sli_file_range_get(range, true, &r, err));
    return sli_file_range_splits(&r, out, err);
}

void sli_files_describe(sli_source *self, sl_bytes range, sli_str *start, sli_str *end)
{
    sli_file_range r;
    sli_file_item first = {0}, last = {0};
    (void)self;
    bool fine = sli_file_range_get(range, false, &r, NULL) == SL_OK && r.n > 0 &&
                sli_file_range_item(&r, 0, &first, NULL) == SL_OK &&
                sli_file_range_item(&r, r.n - 1, &last, NULL) == SL_OK;
    if (!fine) {
        sli_str_text(start, "null");
        sli_str_text(end, "null");
        return;
    }
    sli_str_printf(start, "{\"files\":%lld,\"file\":", (long long)r.n);
    sli_str_json(start, first.name, strlen(first.name));
    sli_str_char(start, '}');
    sli_str_text(end, "{\"file\":");
    sli_str_json(end, last.name, strlen(last.name));
    sli_str_char(end, '}');
}

/// What a URL of the scheme has to name.
static sl_code check_url(const sli_url *url, bool is_here, sl_error *err)
{
    if (is_here && (url->host.size > 0 || url->port >= 0 || url->path.size == 0)) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a path is expected: file:///data/in, file:in or just in%s",
                            url->host.size > 0 ? " (what follows // is a host)" : "");
    }
    if (!is_here && url->path.size == 0) {
        return sl_error_set(err, SL_E_CONFIG, "a directory is expected: %.*s://HOST:PORT/DIR",
                            (int)url->scheme.size, url->scheme.data);
    }
    return SL_OK;
}

sl_code sli_files_alloc(sli_files **out, size_t size, const sli_source_ops *ops, const sli_url *url,
                        const sl_conf *conf, const sli_source_env *env, sl_error *err)
{
    const sli_fs_ops *fs = sli_fs_find(sli_text_of(ops->scheme));
    const sli_fs_where where = {
        .url = url, .conf = conf, .env = env->env, .modules = env->modules, .end_us = env->end_us};
    sli_source_common *common = NULL;
    SL_TRY(check_url(url, fs == &sli_fs_local, err));
    SL_TRY(sli_source_alloc(&common, size, ops, conf, env, NULL, err));
    sli_files *files = (sli_files *)common;
    files->dir = sli_source_text(url->path);
    sl_code rc = files->dir == NULL ? sl_error_nomem(err, url->path.size, "a path")
                                    : fs->open(&files->fs, &where, err);
    if (rc != SL_OK) {
        sli_files_free(files);
        return rc;
    }
    files->filter.glob = sl_conf_text(conf, "glob");
    files->filter.compression = sl_conf_text(conf, "compression");
    files->filter.recursive = sl_conf_bool(conf, "recursive");
    if (common->format->whole_file) {
        rc = sli_parquet_new(&files->parquet, conf, common->schema, env, fs == &sli_fs_local, err);
    }
    if (rc != SL_OK) {
        sli_files_free(files);
        return rc;
    }
    *out = files;
    return SL_OK;
}

void sli_files_free(sli_files *files)
{
    if (files != NULL) {
        if (files->fs != NULL) {
            files->fs->ops->close(files->fs);
        }
        sl_free(files->dir);
        sli_parquet_free(files->parquet);
        sli_source_common_free(&files->common);
    }
}
