/// place_put.c — publishing a snapshot elsewhere: what its pool has not yet goes up, then the list
/// of sections gets its name.
///
///     files/GENERATION-HASH        created, written, sealed; never changed
///     stage-GENERATION/GROUP       the list, sealed
///     GROUP                        renamed there: from now on the snapshot is there
///
/// A file of the pool is named again when one of the two kept snapshots has it, or this generation
/// made it: older drivers remove neither.
#include "ckpt/place_int.h"

typedef struct putting {
    sli_ckpt *ckpt;
    const sli_place *place;
    sl_arena *arena;
    const char *home; ///< of the finished snapshot here
    int64_t group;
    sli_sections here;
    sli_sections before[2]; ///< of the newest two there, newest first
    int64_t at[2];          ///< in each: where the next section is likely to be
    sli_place_names pool;   ///< in byte order
    sli_str list;
    bool grew; ///< names were made in the pool
} putting;

// ---------------------------------------------------------------- files of the pool

static int64_t pool_size_of(const sli_place_names *pool, const char *name)
{
    int64_t low = 0, high = pool->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        int order = strcmp(pool->items[middle].name, name);
        if (order == 0) {
            return pool->items[middle].size;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return -1;
}

static bool has_bytes_of(const sli_section *then, const sli_section *s)
{
    return then->size == s->size && then->hash.size == s->hash.size &&
           memcmp(then->hash.data, s->hash.data, s->hash.size) == 0;
}

/// Lists of one job have nearly one order, so the search begins where the last one ended.
static const sli_section *section_in(const sli_sections *list, int64_t *at, const sli_section *s)
{
    for (int64_t n = 0; n < list->n; n++) {
        int64_t i = (*at + n) % list->n;
        if (has_bytes_of(&list->items[i], s)) {
            *at = i + 1;
            return &list->items[i];
        }
    }
    return NULL;
}

static const sli_section *section_before(putting *p, const sli_section *s)
{
    const sli_section *found = section_in(&p->before[0], &p->at[0], s);
    return found != NULL ? found : section_in(&p->before[1], &p->at[1], s);
}

/// Sends the bytes and checks on the way that they are those that were listed.
static sl_code send_bytes(sli_file *in, sli_fs_file *out, const sli_section *s, const char *path,
                          sl_error *err)
{
    enum { PIECE = 1 << 20 };
    const sli_fs_ops *ops = out->fs->ops;
    char *piece = sl_alloc(SLI_TAG_CKPT, PIECE), hash[33] = "";
    sli_hasher *hasher = sli_hasher_new();
    sl_code rc = piece != NULL && hasher != NULL ? SL_OK : sl_error_nomem(err, PIECE, path);
    int64_t at = 0;
    size_t n = PIECE;
    for (; rc == SL_OK && n == PIECE; at += (int64_t)n) {
        n = 0;
        rc = sli_file_read_at(in, at, piece, PIECE, &n, err);
        if (rc == SL_OK) {
            sli_hasher_add(hasher, piece, n);
            rc = n == 0 ? SL_OK : ops->write(out, piece, n, err);
        }
    }
    if (hasher != NULL) {
        sli_hash_text(sli_hasher_end(hasher), hash);
    }
    sl_free(piece);
    return rc == SL_OK ? sli_section_fits(s, path, at, hash, err) : rc;
}

static sl_code send_file(putting *p, const sli_section *s, const char *to, sl_error *err)
{
    const sli_fs_ops *ops = p->place->fs->ops;
    sli_fs_file *out = NULL;
    sli_file *in = NULL;
    const char *from = sl_arena_printf(p->arena, "%s/%09" PRId64 "/%.*s", p->home, p->group,
                                       (int)s->name.size, s->name.data);
    if (from == NULL) {
        return sl_error_nomem(err, s->name.size, "a path");
    }
    SL_TRY(sli_file_open(p->ckpt->env, from, SLI_READ, &in, err));
    sl_code rc = ops->create(p->place->fs, to, &out, err);
    if (rc == SL_OK) {
        rc = send_bytes(in, out, s, from, err);
        if (rc != SL_OK) {
            ops->discard(&out);
        }
    }
    sli_file_close(&in);
    return rc == SL_OK ? ops->seal(&out, err) : rc;
}

static sl_code make_file(putting *p, const sli_section *s, const char *name, sl_error *err)
{
    const char *path = sl_arena_printf(p->arena, "%s/files/%s", p->place->dir, name);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(name), "a path");
    }
    SL_TRY(sli_ckpt_check_generation(p->ckpt, err));
    SL_TRY(p->place->fs->ops->remove(p->place->fs, path, err));
    SL_TRY(send_file(p, s, path, err));
    p->grew = true;
    return SL_OK;
}

/// The file of the pool that holds these bytes. One that this generation sent up for a snapshot
/// that came to nothing counts where names show only when their files are whole.
static sl_code find_file(putting *p, const sli_section *s, const char **name, sl_error *err)
{
    const sli_section *before = section_before(p, s);
    if (before != NULL) {
        *name = sl_arena_printf(p->arena, "%.*s", (int)before->file.size, before->file.data);
        if (*name != NULL && pool_size_of(&p->pool, *name) == s->size) {
            return SL_OK;
        }
    }
    *name = sl_arena_printf(p->arena, "%06" PRId64 "-%.*s", p->ckpt->generation, (int)s->hash.size,
                            s->hash.data);
    if (*name == NULL) {
        return sl_error_nomem(err, s->hash.size, "a file's name");
    }
    bool is_sent = (p->place->fs->ops->abilities & SLI_FS_SHOWS_WHOLE) != 0 &&
                   pool_size_of(&p->pool, *name) == s->size;
    return is_sent ? SL_OK : make_file(p, s, *name, err);
}

static sl_code put_section(putting *p, const sli_section *s, sl_error *err)
{
    const char *name = NULL;
    SL_TRY(find_file(p, s, &name, err));
    sli_str_printf(&p->list,
                   "%s\n    {\"name\": \"%.*s\", \"size\": %" PRId64
                   ", \"hash\": \"%.*s\", \"file\": \"%s\"}",
                   s == p->here.items ? "" : ",", (int)s->name.size, s->name.data, s->size,
                   (int)s->hash.size, s->hash.data, name);
    return sli_str_check(&p->list, "a snapshot's sections", err);
}

// ---------------------------------------------------------------- the list

/// One that can't be read names nothing.
static sl_code read_list(putting *p, int64_t group, sli_sections *out, sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    sl_code rc = group == 0
                     ? SL_OK
                     : sli_place_sections(p->place, p->ckpt->job_id, group, p->arena, out, &why);
    if (rc == SL_OK || rc == SL_E_NOT_FOUND || rc == SL_E_CORRUPT) {
        return SL_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return rc;
}

/// The two that will be the newest until this one is there: what they name stays.
static sl_code read_before(putting *p, sl_error *err)
{
    sli_place_names names;
    int64_t group, newest = 0, older = 0;
    SL_TRY(sli_place_list(p->place, p->place->dir, p->arena, &names, err));
    for (int64_t i = 0; i < names.n; i++) {
        if (sli_name_is_snapshot(names.items[i].name, &group) && group > older) {
            older = group < newest ? group : newest;
            newest = group > newest ? group : newest;
        }
    }
    SL_TRY(read_list(p, newest, &p->before[0], err));
    return read_list(p, older, &p->before[1], err);
}

/// A name that is there already was given by this driver, whose answer was lost, or by one before
/// it that died then.
static sl_code rename_list(putting *p, const char *from, const char *to, sl_error *err)
{
    sli_sections there = {0};
    sl_code rc = p->place->fs->ops->rename(p->place->fs, from, to, err);
    if (rc == SL_E_EXISTS) {
        rc = sli_place_sections(p->place, p->ckpt->job_id, p->group, p->arena, &there, err);
        sl_free(there.bytes);
    }
    return rc;
}

static sl_code publish_list(putting *p, sl_error *err)
{
    const sli_place *place = p->place;
    const sli_fs_ops *ops = place->fs->ops;
    const char *from = sl_arena_printf(p->arena, "%s/stage-%06" PRId64 "/%09" PRId64, place->dir,
                                       p->ckpt->generation, p->group),
               *to = sl_arena_printf(p->arena, "%s/%09" PRId64, place->dir, p->group),
               *files = sl_arena_printf(p->arena, "%s/files", place->dir);
    if (from == NULL || to == NULL || files == NULL) {
        return sl_error_nomem(err, strlen(place->dir), "a path");
    }
    sli_str_text(&p->list, "\n  ],\n");
    if (!p->list.failed) {
        sli_checked_end(&p->list);
    }
    SL_TRY(sli_str_check(&p->list, "a snapshot's sections", err));
    bool is_durable = !p->grew || sli_env_bug(p->ckpt->env, "pool-unsynced");
    SL_TRY(is_durable ? SL_OK : ops->sync_dir(place->fs, files, err));
    SL_TRY(sli_place_write(place, from, (sl_bytes){p->list.data, p->list.size}, err));
    SL_TRY(sli_ckpt_check_generation(p->ckpt, err));
    SL_TRY(rename_list(p, from, to, err));
    return ops->sync_dir(place->fs, place->dir, err);
}

static sl_code put_all(putting *p, sl_error *err)
{
    const char *files = sl_arena_printf(p->arena, "%s/files", p->place->dir);
    if (files == NULL) {
        return sl_error_nomem(err, strlen(p->place->dir), "a path");
    }
    SL_TRY(sli_sections_read(&p->here, p->ckpt->env, p->home, p->ckpt->job_id, p->group, p->arena,
                             err));
    SL_TRY(read_before(p, err));
    SL_TRY(sli_place_list(p->place, files, p->arena, &p->pool, err));
    sli_sections_begin(&p->list, p->ckpt, p->group);
    for (int64_t i = 0; i < p->here.n; i++) {
        SL_TRY(put_section(p, &p->here.items[i], err));
    }
    return publish_list(p, err);
}

/// What the file system did not take may be tried again, whatever it said: the deltas stay.
static sl_code for_later(sli_ckpt *ckpt, sl_code rc, sl_error *err)
{
    if (rc == SL_OK || rc == SL_E_CRASHED || rc == SL_E_SUPERSEDED || rc == SL_E_NOMEM ||
        sli_ckpt_alive(ckpt, NULL) != SL_OK) {
        return rc;
    }
    sl_error_act(err, SL_ACT_RETRY_TASK);
    return rc;
}

sl_code sli_place_put(sli_ckpt *ckpt, const char *home, int64_t group, sl_error *err)
{
    putting p = {.ckpt = ckpt,
                 .place = ckpt->place,
                 .arena = sl_arena_new(SLI_TAG_CKPT),
                 .home = home,
                 .group = group,
                 .list = {.tag = SLI_TAG_CKPT}};
    sl_code rc =
        p.arena == NULL ? sl_error_nomem(err, 4096, "a snapshot's sections") : put_all(&p, err);
    sl_free(p.here.bytes);
    sl_free(p.before[0].bytes);
    sl_free(p.before[1].bytes);
    sli_str_reset(&p.list);
    sl_arena_free(p.arena);
    return for_later(ckpt, sl_error_wrap(err, rc, "to %s", ckpt->place->shown), err);
}

// ---------------------------------------------------------------- what nobody names

/// "GENERATION-HASH", or what a file system made of it on the way: that and ".", and more.
static bool is_pool_file(const char *name, int64_t *generation, bool *whole)
{
    char number[20];
    const char *dash = strchr(name, '-');
    size_t size = dash == NULL ? 0 : (size_t)(dash - name);
    if (size == 0 || size >= sizeof number || strspn(dash + 1, "0123456789abcdef") != 32) {
        return false;
    }
    memcpy(number, name, size);
    number[size] = '\0';
    *whole = dash[33] == '\0';
    return (*whole || dash[33] == '.') && sli_name_is_generation(number, generation);
}

typedef struct naming {
    sli_sections lists[2];
    int32_t n;
} naming;

static bool is_named(const naming *kept, const char *file)
{
    for (int32_t k = 0; k < kept->n; k++) {
        for (int64_t i = 0; i < kept->lists[k].n; i++) {
            if (sli_text_is(kept->lists[k].items[i].file, file)) {
                return true;
            }
        }
    }
    return false;
}

static sl_code remove_unnamed(const sli_ckpt *ckpt, const naming *kept, sl_arena *arena,
                              sl_error *err)
{
    const sli_place *place = ckpt->place;
    sli_place_names pool;
    const char *files = sl_arena_printf(arena, "%s/files", place->dir);
    SL_TRY(files == NULL ? sl_error_nomem(err, strlen(place->dir), "a path")
                         : sli_place_list(place, files, arena, &pool, err));
    for (int64_t i = 0; i < pool.n; i++) {
        int64_t generation;
        bool whole;
        const char *name = pool.items[i].name;
        if (is_pool_file(name, &generation, &whole) && generation <= ckpt->generation &&
            !(whole && is_named(kept, name))) {
            const char *path = sl_arena_printf(arena, "%s/%s", files, name);
            SL_TRY(path == NULL ? sl_error_nomem(err, strlen(name), "a path")
                                : place->fs->ops->remove(place->fs, path, err));
        }
    }
    return SL_OK;
}

static sl_code sweep(const sli_ckpt *ckpt, const int64_t *groups, int32_t n, sl_arena *arena,
                     naming *kept, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(sli_place_sections(ckpt->place, ckpt->job_id, groups[i], arena,
                                  &kept->lists[kept->n], err));
        kept->n++;
    }
    return remove_unnamed(ckpt, kept, arena, err);
}

sl_code sli_place_sweep(const sli_ckpt *ckpt, const int64_t *groups, int32_t n, sl_error *err)
{
    naming kept = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    SL_ASSERT(n <= 2, "two snapshots are kept");
    sl_code rc = arena == NULL ? sl_error_nomem(err, 4096, "files of snapshots")
                               : sweep(ckpt, groups, n, arena, &kept, err);
    for (int32_t i = 0; i < kept.n; i++) {
        sl_free(kept.lists[i].bytes);
    }
    sl_arena_free(arena);
    return rc;
}
