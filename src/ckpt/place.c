/// place.c — a directory of some file system where snapshots lie, in place of DIR/snap: opening it,
/// and what is in it.
///
/// Nothing is asked of the file system but what fs.h promises of every one: no links, no sync of an
/// open file. So a snapshot there is *one* file, the list of its sections, and what they hold lies
/// in a pool (README.md, "Snapshots elsewhere").
#include "ckpt/place_int.h"

// ---------------------------------------------------------------- opening

/// The query of a URL without the values of secrets, but for those that only say where one is.
static void put_query(sl_text query, const sl_option *table, sli_str *out)
{
    char sign = '?';
    while (query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        sl_text item = {query.data, end == NULL ? query.size : (size_t)(end - query.data)};
        const char *equals = memchr(item.data, '=', item.size);
        size_t n = equals == NULL ? item.size : (size_t)(equals - item.data);
        const sl_option *option = table;
        while (option->name != NULL && !sli_text_is((sl_text){item.data, n}, option->name)) {
            option++;
        }
        sl_text value = {item.data + n, item.size - n};
        bool is_told = option->type != SL_OPT_SECRET || sli_text_skip(&value, "=file:") ||
                       sli_text_skip(&value, "=env:");
        if (is_told) {
            sli_str_printf(out, "%c%.*s", sign, (int)item.size, item.data);
            sign = '&';
        }
        size_t gone = item.size + (end == NULL ? 0 : 1);
        query = (sl_text){query.data + gone, query.size - gone};
    }
}

static sl_code name_place(sli_place *place, const sli_url *url, const char *text,
                          const sl_option *table, sl_error *err)
{
    size_t size = url->path.size;
    while (size > 1 && url->path.data[size - 1] == '/') {
        size--;
    }
    if (size == 0 || (url->host.size > 0 && url->path.data[0] != '/')) {
        return sl_error_set(err, SL_E_CONFIG, "%s names no directory: hdfs://HOST:9870/DIR", text);
    }
    if (size >= SLI_CKPT_DIR_BYTES - 64) { // names below it are short
        return sl_error_set(err, SL_E_CONFIG, "a directory's name has at most %d bytes",
                            SLI_CKPT_DIR_BYTES - 65);
    }
    sli_str kept = {.tag = SLI_TAG_CKPT};
    sli_str_printf(&kept, "%.*s", (int)strcspn(text, "?"), text);
    put_query(url->query, table, &kept);
    sl_code rc = sli_str_check(&kept, "the place of snapshots", err);
    place->base = sl_arena_printf(place->arena, "%.*s", (int)size, url->path.data);
    place->shown = sl_arena_printf(place->arena, "%.*s", (int)strcspn(text, "?"), text);
    place->kept = rc == SL_OK ? sl_arena_strdup(place->arena, kept.data) : NULL;
    sli_str_reset(&kept);
    if (rc == SL_OK && (place->base == NULL || place->shown == NULL || place->kept == NULL)) {
        rc = sl_error_nomem(err, size, "the place of snapshots");
    }
    return rc;
}

static sl_code read_conf(const sli_fs_ops *ops, const sli_url *url, const char *patience,
                         sl_conf **out, sl_error *err)
{
    const sl_option *const tables[] = {ops->options, NULL};
    SL_TRY(sl_conf_new(out, "checkpoint.snapshots", tables, err));
    SL_TRY(sl_conf_parse_query(*out, url->query, err));
    if (url->user.size > 0) {
        SL_TRY(sl_conf_set(*out, "user", url->user, err));
    }
    return patience == NULL || ops->options[0].name == NULL
               ? SL_OK
               : sl_conf_set(*out, "retry_timeout", sli_text_of(patience), err);
}

static sl_code open_fs(sli_place *place, const sli_place_conf *conf, sl_error *err)
{
    sli_url url;
    sl_conf *options = NULL;
    SL_TRY(sli_url_parse(conf->url, &url, err));
    const sli_fs_ops *ops = sli_fs_find(url.scheme);
    if (ops == NULL) {
        return sl_error_set(err, SL_E_CONFIG,
                            "there is no file system '%.*s': hdfs://HOST:9870/DIR, or a directory",
                            (int)url.scheme.size, url.scheme.data);
    }
    SL_TRY(sli_url_user_check(&url, ops->options, err));
    sl_code rc = read_conf(ops, &url, conf->patience, &options, err);
    if (rc == SL_OK) {
        rc = name_place(place, &url, conf->url, ops->options, err);
    }
    if (rc == SL_OK) {
        sli_fs_where where = {.url = &url,
                              .conf = options,
                              .env = conf->env,
                              .modules = conf->modules,
                              .end_us = conf->end_us};
        rc = ops->open(&place->fs, &where, err);
    }
    sl_conf_free(options);
    return rc;
}

sl_code sli_place_open(sli_place **out, const sli_place_conf *conf, sl_error *err)
{
    sli_place *place = sl_alloc_zero(SLI_TAG_CKPT, sizeof *place);
    if (place == NULL || (place->arena = sl_arena_new(SLI_TAG_CKPT)) == NULL) {
        sl_free(place);
        return sl_error_nomem(err, sizeof *place, "the place of snapshots");
    }
    sl_code rc = open_fs(place, conf, err);
    if (rc != SL_OK) {
        sli_place_close(place);
        return sl_error_wrap(err, rc, "checkpoint.snapshots");
    }
    *out = place;
    return SL_OK;
}

void sli_place_close(sli_place *place)
{
    if (place == NULL) {
        return;
    }
    if (place->fs != NULL) {
        place->fs->ops->close(place->fs);
    }
    sl_arena_free(place->arena);
    sl_free(place);
}

sl_code sli_place_of_job(sli_place *place, const char *job_id, sl_error *err)
{
    place->dir = sl_arena_printf(place->arena, "%s/%s", place->base, job_id);
    return place->dir != NULL ? SL_OK
                              : sl_error_nomem(err, strlen(place->base), "the place of snapshots");
}

// ---------------------------------------------------------------- what is there

typedef struct listing {
    sl_arena *arena;
    sli_place_names *out;
    int64_t capacity;
} listing;

static sl_code keep_name(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    listing *l = ctx;
    sli_place_names *out = l->out;
    if (out->n == l->capacity) {
        int64_t capacity = l->capacity == 0 ? 64 : l->capacity * 2;
        sli_place_name *more = sl_arena_alloc(l->arena, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "names of snapshots");
        }
        for (int64_t i = 0; i < out->n; i++) {
            more[i] = out->items[i];
        }
        out->items = more;
        l->capacity = capacity;
    }
    const char *name = sl_arena_strdup(l->arena, entry->name);
    out->items[out->n++] = (sli_place_name){name, entry->size_bytes};
    return name != NULL ? SL_OK : sl_error_nomem(err, strlen(entry->name), "a file's name");
}

sl_code sli_place_list(const sli_place *place, const char *dir, sl_arena *arena,
                       sli_place_names *out, sl_error *err)
{
    *out = (sli_place_names){0};
    listing l = {.arena = arena, .out = out};
    sl_error why = SL_ERROR_INIT;
    sl_code rc = place->fs->ops->list(place->fs, dir, keep_name, &l, &why);
    if (rc == SL_E_NOT_FOUND) {
        *out = (sli_place_names){0};
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

sl_code sli_place_read(const sli_place *place, const char *path, sli_str *out, sl_error *err)
{
    enum { PIECE = 64 << 10 };
    const sli_fs_ops *ops = place->fs->ops;
    sli_fs_reader *reader = NULL;
    SL_TRY(ops->reader_open(place->fs, path, 0, &reader, err));
    sl_code rc = SL_OK;
    size_t n = PIECE;
    while (rc == SL_OK && n == PIECE) {
        char *room = sli_str_extend(out, PIECE);
        n = 0;
        rc = room == NULL ? sl_error_nomem(err, PIECE, path)
                          : ops->reader_next(reader, room, PIECE, &n, err);
        out->size -= room == NULL ? 0 : PIECE - n;
        if (rc == SL_OK && out->size > SLI_FILE_MOST_BYTES) {
            rc = sl_error_set(err, SL_E_CORRUPT, "%s: is over %d bytes", path, SLI_FILE_MOST_BYTES);
        }
    }
    ops->reader_close(&reader);
    return rc;
}

sl_code sli_place_write(const sli_place *place, const char *path, sl_bytes content, sl_error *err)
{
    const sli_fs_ops *ops = place->fs->ops;
    sli_fs_file *file = NULL;
    SL_TRY(ops->remove(place->fs, path, err)); // left by a try of this same driver
    SL_TRY(ops->create(place->fs, path, &file, err));
    sl_code rc = ops->write(file, content.data, content.size, err);
    if (rc != SL_OK) {
        ops->discard(&file);
        return rc;
    }
    return ops->seal(&file, err);
}

sl_code sli_place_sections(const sli_place *place, const char *job_id, int64_t group,
                           sl_arena *arena, sli_sections *out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_CKPT};
    const char *path = sl_arena_printf(arena, "%s/%09" PRId64, place->dir, group);
    sl_code rc = path == NULL ? sl_error_nomem(err, strlen(place->dir), "a snapshot's sections")
                              : sli_place_read(place, path, &text, err);
    size_t size = text.size;
    if (rc == SL_OK) {
        char *bytes = sli_str_take(&text);
        rc = sli_sections_of(out, bytes, size, path, job_id, group, arena, err);
    }
    sli_str_reset(&text);
    return rc;
}

// ---------------------------------------------------------------- a section's bytes

static const char *file_path(const sli_place *place, const sli_section *s, sli_ckpt_path *out)
{
    return sli_ckpt_path_of(out, place->dir, "files/%.*s", (int)s->file.size, s->file.data);
}

sl_code sli_place_front(const sli_place *place, const sli_section *s, char *out, size_t most,
                        size_t *n, sl_error *err)
{
    sli_ckpt_path path;
    return place->fs->ops->read(place->fs, file_path(place, s, &path), 0, out, most, n, err);
}

static sl_code fill(const sli_place *place, const char *path, sli_buffer *buffer, sl_error *err)
{
    const sli_fs_ops *ops = place->fs->ops;
    sli_fs_reader *reader = NULL;
    size_t n = 0, size = (size_t)sli_buffer_size(buffer);
    SL_TRY(ops->reader_open(place->fs, path, 0, &reader, err));
    sl_code rc =
        size == 0 ? SL_OK : ops->reader_next(reader, sli_buffer_data(buffer), size, &n, err);
    if (rc == SL_OK && n != size) {
        rc = sl_error_set(err, SL_E_CORRUPT, "%s: ends at offset %zu, it had %zu bytes", path, n,
                          size);
    }
    ops->reader_close(&reader);
    return rc;
}

sl_code sli_place_section(const sli_place *place, const sli_section *s, sli_buffer **out,
                          sl_error *err)
{
    sli_ckpt_path path;
    sli_buffer *buffer = sli_buffer_new(s->size);
    if (buffer == NULL) {
        return sl_error_nomem(err, (size_t)s->size, "a snapshot's section");
    }
    sl_code rc = fill(place, file_path(place, s, &path), buffer, err);
    rc = rc == SL_OK ? sli_section_check(s, path.text, buffer, err) : rc;
    if (rc != SL_OK) {
        sli_buffer_unref(buffer);
        return rc;
    }
    *out = buffer;
    return SL_OK;
}

// ---------------------------------------------------------------- one snapshot

sl_code sli_place_remove(const sli_ckpt *ckpt, int64_t group, sl_error *err)
{
    sli_ckpt_path path;
    const sli_place *place = ckpt->place;
    return place->fs->ops->remove(place->fs,
                                  sli_ckpt_path_of(&path, place->dir, "%09" PRId64, group), err);
}

sl_code sli_place_put_aside(const sli_ckpt *ckpt, int64_t group, sl_error *err)
{
    sli_ckpt_path path, aside;
    const sli_place *place = ckpt->place;
    sli_ckpt_path_of(&path, place->dir, "%09" PRId64, group);
    sli_ckpt_path_of(&aside, place->dir, "bad-%06" PRId64 "-%09" PRId64, ckpt->generation, group);
    SL_TRY(place->fs->ops->rename(place->fs, path.text, aside.text, err));
    return place->fs->ops->sync_dir(place->fs, place->dir, err);
}

static sl_code look(const sli_place *place, const sli_sections *list, sl_arena *arena,
                    int64_t *bytes, sl_error *err)
{
    for (int64_t i = 0; i < list->n; i++) {
        const sli_section *s = &list->items[i];
        sli_fs_entry entry = {0};
        const char *path =
            sl_arena_printf(arena, "%s/files/%.*s", place->dir, (int)s->file.size, s->file.data);
        sl_code rc = path == NULL ? sl_error_nomem(err, s->file.size, "a path")
                                  : place->fs->ops->stat(place->fs, path, &entry, err);
        if (rc == SL_E_NOT_FOUND || (rc == SL_OK && entry.size_bytes != s->size)) {
            return sl_error_set(err, SL_E_CORRUPT, "%s: is missing or cut (offset 0)", path);
        }
        SL_TRY(rc);
        *bytes += s->size;
    }
    return SL_OK;
}

sl_code sli_place_look(const sli_place *place, const char *job_id, int64_t group, int64_t *bytes,
                       sl_error *err)
{
    sli_sections list = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    sl_code rc = arena == NULL ? sl_error_nomem(err, 4096, "a snapshot's sections")
                               : sli_place_sections(place, job_id, group, arena, &list, err);
    *bytes = 0;
    rc = rc == SL_OK ? look(place, &list, arena, bytes, err) : rc;
    sl_free(list.bytes);
    sl_arena_free(arena);
    return rc;
}

const char *sli_place_shown(const sli_place *place)
{
    return place->shown;
}

const char *sli_place_kept(const sli_place *place)
{
    return place->kept;
}
