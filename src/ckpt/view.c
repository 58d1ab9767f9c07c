/// view.c — what lies in a checkpoint as of one group, for who looks at it from outside.
///
/// Snapshots are listed before the log is read. So the log has a SEALED for every group after the
/// snapshot, unless a driver has published two more between: then there is a gap, and all is read
/// again, as often as there is a newer group each time.
///
/// The snapshot's files are opened before anything else is done, and a delta when it is first read:
/// a driver may take their names away then, not what they hold. Those of a snapshot elsewhere are
/// read where they are, when they are needed.
#include "ckpt/place_int.h"

#include "base/str.h"

#include <stdio.h>

/// A process may often have 1,024 open, and DuckDB and what else is linked in need theirs.
enum { MOST_HELD = 512 };

typedef struct held_delta {
    const char *path;
    sli_file *file;
} held_delta;

struct sli_ckpt_view {
    sl_env *env;
    char *dir, *scratch; ///< in the arena
    sli_ckpt_path home;
    sli_place *place; ///< where snapshots lie; NULL: in DIR/snap
    bool is_there;    ///< and this one does
    bool has_scratch;
    sl_arena *arena;
    sli_ckpt_info info;
    sli_chain chain;
    int64_t snapshot;
    sli_sections list;
    sli_file **sections; ///< by number, in the arena; NULL: opened when it is read
    held_delta deltas[MOST_HELD];
    int32_t n_sections, n_deltas; ///< that are held
};

// ---------------------------------------------------------------- holding

static const char *section_path(const sli_ckpt_view *view, const sli_section *s, sli_ckpt_path *out)
{
    return sli_ckpt_path_of(out, view->home.text, "%09" PRId64 "/%.*s", view->snapshot,
                            (int)s->name.size, s->name.data);
}

sl_code sli_ckpt_view_or_gone(const sli_ckpt_view *view, sl_code rc, sl_error *err)
{
    sli_ckpt_path path;
    sli_stat stat;
    sli_fs_entry entry;
    sl_error why = SL_ERROR_INIT;
    const char *list = view->is_there
                           ? sli_ckpt_path_of(&path, view->place->dir, "%09" PRId64, view->snapshot)
                           : sli_ckpt_path_of(&path, view->home.text, "%09" PRId64 "/SECTIONS.json",
                                              view->snapshot);
    sl_code there = view->is_there ? view->place->fs->ops->stat(view->place->fs, list, &entry, &why)
                                   : sli_env_stat(view->env, list, &stat, &why);
    if (there == SL_E_NOT_FOUND && err != NULL) {
        *err = why;
    }
    return there == SL_E_NOT_FOUND ? there : rc;
}

/// What is not there is damage, unless a driver has removed the whole snapshot.
static sl_code or_missing(const sli_ckpt_view *view, const sli_section *s, sl_code rc,
                          sl_error *err)
{
    sli_ckpt_path path;
    if (rc != SL_E_NOT_FOUND || sli_ckpt_view_or_gone(view, SL_OK, err) != SL_OK) {
        return rc;
    }
    return view->is_there ? sl_error_set(err, SL_E_CORRUPT, "%s/files/%.*s: is missing (offset 0)",
                                         view->place->dir, (int)s->file.size, s->file.data)
                          : sl_error_set(err, SL_E_CORRUPT, "%s: is missing (offset 0)",
                                         section_path(view, s, &path));
}

/// A section that is missing is damage of who reads it, and of nobody else.
static sl_code hold_section(sli_ckpt_view *view, int64_t i, sl_error *err)
{
    sli_ckpt_path path;
    const sli_section *s = &view->list.items[i];
    sl_code rc =
        sli_file_open(view->env, section_path(view, s, &path), SLI_READ, &view->sections[i], err);
    view->n_sections += rc == SL_OK;
    rc = or_missing(view, s, rc, err);
    return rc == SL_E_CORRUPT ? SL_OK : rc;
}

static sl_code hold_sections(sli_ckpt_view *view, sl_error *err)
{
    size_t bytes = (size_t)(view->list.n + 1) * sizeof(sli_file *);
    view->sections = sl_arena_alloc_zero(view->arena, bytes);
    if (view->sections == NULL) {
        return sl_error_nomem(err, bytes, "a snapshot's files");
    }
    for (int64_t i = 0; i < view->list.n && view->n_sections < MOST_HELD; i++) {
        SL_TRY(hold_section(view, i, err));
    }
    return SL_OK;
}

/// The file of a delta, which stays open where there is room for it; then *ours is false.
static sl_code open_delta(sli_ckpt_view *view, const char *path, const char *full, sli_file **out,
                          bool *ours, sl_error *err)
{
    *ours = false;
    for (int32_t i = 0; i < view->n_deltas; i++) {
        if (strcmp(view->deltas[i].path, path) == 0) {
            *out = view->deltas[i].file;
            return SL_OK;
        }
    }
    SL_TRY(sli_file_open(view->env, full, SLI_READ, out, err));
    const char *name =
        view->n_sections + view->n_deltas < MOST_HELD ? sl_arena_strdup(view->arena, path) : NULL;
    *ours = name == NULL;
    if (name != NULL) {
        view->deltas[view->n_deltas++] = (held_delta){name, *out};
    }
    return SL_OK;
}

static void let_go(sli_ckpt_view *view)
{
    for (int64_t i = 0; view->sections != NULL && i < view->list.n; i++) {
        sli_file_close(&view->sections[i]);
    }
    for (int32_t i = 0; i < view->n_deltas; i++) {
        sli_file_close(&view->deltas[i].file);
    }
}

// ---------------------------------------------------------------- opening

/// Secrets are not on record: a place that asks for one tells so.
static sl_code open_place(sli_ckpt_view *view, const char *url, const char *modules, sl_error *err)
{
    sli_place_conf conf = {.env = view->env, .url = url, .modules = modules, .patience = "10s"};
    sl_code rc = sli_place_open(&view->place, &conf, err);
    return rc == SL_OK ? sli_place_of_job(view->place, view->info.job_id, err)
                       : sl_error_wrap(err, rc, "%s", view->dir);
}

static sl_code read_list(sli_ckpt_view *view, sl_error *err)
{
    return view->is_there ? sli_place_sections(view->place, view->info.job_id, view->snapshot,
                                               view->arena, &view->list, err)
                          : sli_sections_read(&view->list, view->env, view->home.text,
                                              view->info.job_id, view->snapshot, view->arena, err);
}

static sl_code newest_snapshot(sli_ckpt_view *view, sl_error *err)
{
    sli_known *known;
    int64_t n;
    SL_TRY(sli_snapshots_known(view->env, view->dir, view->place, view->arena, &known, &n, err));
    view->snapshot = n == 0 ? 0 : known[0].group;
    sli_ckpt_path_of(&view->home, view->dir, "snap");
    if (n == 0) {
        return SL_OK;
    }
    view->is_there = !known[0].is_here;
    SL_TRY(read_list(view, err));
    return view->is_there ? SL_OK : hold_sections(view, err);
}

static void tell_totals(sli_ckpt_view *view)
{
    view->info.last_epoch = view->chain.last_plan;
    view->info.last_batch_time_us = view->chain.last_time_us;
    view->info.last_sealed = view->chain.last_sealed;
    view->info.last_committed = view->chain.last_committed;
    view->info.log_bytes = view->chain.bytes;
    view->info.newest_snapshot = view->snapshot;
}

static sl_code look(sli_ckpt_view *view, const char *modules, sl_error *err)
{
    sli_manifest manifest;
    SL_TRY(sli_manifest_read(view->env, view->dir, view->arena, &manifest, err));
    memcpy(view->info.job_id, manifest.job_id, sizeof view->info.job_id);
    (void)snprintf(view->info.name, sizeof view->info.name, "%s", manifest.name);
    view->info.format = manifest.format;
    view->info.graph_hash = manifest.graph_hash;
    SL_TRY(manifest.snapshots[0] == '\0' ? SL_OK
                                         : open_place(view, manifest.snapshots, modules, err));
    SL_TRY(newest_snapshot(view, err));
    SL_TRY(
        sli_chain_read(&view->chain, view->env, view->dir, manifest.job_id, INT64_MAX, false, err));
    tell_totals(view);
    if (!sli_chain_reaches_back(&view->chain, view->snapshot) ||
        view->snapshot < view->chain.floor) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: the epoch log ends at group %" PRId64 " and reaches back to group "
                            "%" PRId64 ", the newest snapshot is of group %" PRId64
                            ": what is between is missing",
                            view->dir, view->chain.last_sealed, view->chain.floor, view->snapshot);
    }
    return SL_OK;
}

/// *newest gets the newest group that was seen, also of one that failed.
static sl_code open_once(sli_ckpt_view **out, const sli_ckpt_view_conf *conf, int64_t *newest,
                         sl_error *err)
{
    sli_ckpt_view *view = sl_alloc_zero(SLI_TAG_CKPT, sizeof *view);
    if (view == NULL) {
        return sl_error_nomem(err, sizeof *view, "looking into a checkpoint");
    }
    view->env = conf->env;
    view->arena = sl_arena_new(SLI_TAG_CKPT);
    view->dir = view->arena == NULL ? NULL : sl_arena_strdup(view->arena, conf->dir);
    view->scratch = view->dir == NULL ? NULL : sl_arena_strdup(view->arena, conf->scratch);
    sl_code rc = view->scratch == NULL ? sl_error_nomem(err, 4096, "looking into a checkpoint")
                                       : look(view, conf->modules, err);
    *newest = view->snapshot > view->chain.last_sealed ? view->snapshot : view->chain.last_sealed;
    if (rc != SL_OK) {
        sli_ckpt_view_close(view);
        return rc;
    }
    *out = view;
    return SL_OK;
}

sl_code sli_ckpt_view_open(sli_ckpt_view **out, const sli_ckpt_view_conf *conf, sl_error *err)
{
    // A running driver removes and renames meanwhile, so an answer may be of things that went while
    // they were read. While it goes on, another try finds what is newer; when nothing moves any
    // more, what was told is true.
    enum { STILL = 4, MOST = 100 };
    if (strlen(conf->dir) >= SLI_CKPT_DIR_BYTES) {
        return sl_error_set(err, SL_E_INVALID, "a checkpoint directory's name has at most %d bytes",
                            SLI_CKPT_DIR_BYTES - 1);
    }
    sl_code rc = SL_E_NOT_FOUND;
    int64_t newest = 0, seen = -1;
    int still = 0, n = 0;
    for (; n < MOST && still < STILL && (rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND); n++) {
        rc = open_once(out, conf, &newest, err);
        still = newest == seen ? still + 1 : 1;
        seen = newest;
    }
    return n < MOST ? rc
                    : sl_error_wrap(err, rc,
                                    "the job replaced its snapshot %d times while it was looked "
                                    "for: ask again, or let it make fewer (snapshot.groups)",
                                    n);
}

static void remove_scratch(const sli_ckpt_view *view)
{
    sli_fs *fs = NULL;
    if (view->has_scratch && sli_fs_open_local(&fs, view->env, NULL) == SL_OK) {
        (void)!fs->ops->remove(fs, view->scratch, NULL); // copies: what stays is in TMPDIR
        fs->ops->close(fs);
    }
}

void sli_ckpt_view_close(sli_ckpt_view *view)
{
    if (view != NULL) {
        let_go(view);
        remove_scratch(view);
        sli_place_close(view->place);
        sl_free(view->list.bytes);
        if (view->chain.arena != NULL) {
            sli_chain_reset(&view->chain);
        }
        sl_arena_free(view->arena);
        sl_free(view);
    }
}

// ---------------------------------------------------------------- as of the snapshot

/// Whether a frame is of a group up to the snapshot's, which ended with `epoch`.
static bool is_covered(const sli_ckpt_view *view, const sli_frame *frame, int64_t epoch)
{
    return frame->number <= (frame->kind == SLI_PLAN ? epoch : view->snapshot);
}

void sli_ckpt_view_cut(sli_ckpt_view *view, int64_t epoch)
{
    sli_chain *chain = &view->chain;
    int64_t n = 0, committed = chain->last_committed;
    for (int64_t i = 0; i < chain->n_frames; i++) {
        if (is_covered(view, &chain->frames[i], epoch)) {
            chain->frames[n++] = chain->frames[i];
        }
    }
    chain->n_frames = n;
    sli_chain_total(chain);
    // The log may have forgotten the group itself.
    chain->last_sealed = view->snapshot;
    chain->last_committed = committed < view->snapshot ? committed : view->snapshot;
    tell_totals(view);
}

// ---------------------------------------------------------------- what it tells

const sli_ckpt_info *sli_ckpt_view_info(const sli_ckpt_view *view)
{
    return &view->info;
}

const sli_frame *sli_ckpt_view_frames(const sli_ckpt_view *view, int64_t *n)
{
    *n = view->chain.n_frames;
    return view->chain.frames;
}

int64_t sli_ckpt_view_snapshot(const sli_ckpt_view *view)
{
    return view->snapshot;
}

int64_t sli_ckpt_view_sections(const sli_ckpt_view *view)
{
    return view->list.n;
}

sl_text sli_ckpt_view_section(const sli_ckpt_view *view, int64_t i, int64_t *size_bytes)
{
    if (size_bytes != NULL) {
        *size_bytes = view->list.items[i].size;
    }
    return view->list.items[i].name;
}

// ---------------------------------------------------------------- bytes

/// The file of a section; *ours: the caller closes it.
static sl_code open_section(const sli_ckpt_view *view, int64_t i, const char *path, sli_file **out,
                            bool *ours, sl_error *err)
{
    *out = view->sections[i];
    *ours = *out == NULL;
    return *out != NULL ? SL_OK
                        : or_missing(view, &view->list.items[i],
                                     sli_file_open(view->env, path, SLI_READ, out, err), err);
}

static sl_code read_section(const sli_ckpt_view *view, int64_t i, sli_buffer **out, sl_error *err)
{
    const sli_section *s = &view->list.items[i];
    if (view->is_there) {
        return or_missing(view, s, sli_place_section(view->place, s, out, err), err);
    }
    sli_ckpt_path path;
    sli_file *file = NULL;
    sli_buffer *bytes = NULL;
    bool ours = false;
    SL_TRY(open_section(view, i, section_path(view, s, &path), &file, &ours, err));
    sl_code rc = sli_file_whole(file, path.text, &bytes, err);
    rc = rc == SL_OK ? sli_section_check(s, path.text, bytes, err) : rc;
    if (ours) {
        sli_file_close(&file);
    }
    if (rc != SL_OK) {
        sli_buffer_unref(bytes);
        return rc;
    }
    *out = bytes;
    return SL_OK;
}

sl_code sli_ckpt_view_read(const sli_ckpt_view *view, const char *name, sli_buffer **out,
                           sl_error *err)
{
    *out = NULL;
    for (int64_t i = 0; i < view->list.n; i++) {
        if (sli_text_is(view->list.items[i].name, name)) {
            return read_section(view, i, out, err);
        }
    }
    return SL_OK;
}

static sl_code read_front(const sli_ckpt_view *view, int64_t i, char *out, size_t most, size_t *n,
                          sl_error *err)
{
    const sli_section *s = &view->list.items[i];
    sli_ckpt_path path;
    sli_file *file = NULL;
    bool ours = false;
    if (view->is_there) {
        return or_missing(view, s, sli_place_front(view->place, s, out, most, n, err), err);
    }
    SL_TRY(open_section(view, i, section_path(view, s, &path), &file, &ours, err));
    sl_code rc = sli_file_read_at(file, 0, out, most, n, err);
    if (ours) {
        sli_file_close(&file);
    }
    return rc;
}

sl_code sli_ckpt_view_peek(const sli_ckpt_view *view, int64_t i, size_t most, sli_str *out,
                           sl_error *err)
{
    size_t n = 0;
    sli_str_reserve(out, most);
    SL_TRY(sli_str_check(out, "the front of a section", err));
    SL_TRY(read_front(view, i, out->data + out->size, most, &n, err));
    out->size += n;
    return SL_OK;
}

sl_code sli_ckpt_view_files(sli_ckpt_view *view, const char *name, sli_str *out, sl_error *err)
{
    sli_ckpt_path prefix;
    if (!view->is_there) {
        sli_str_printf(out, "%s/%09" PRId64 "/%s", view->home.text, view->snapshot, name);
        return sli_str_check(out, "a directory's name", err);
    }
    (void)snprintf(prefix.text, sizeof prefix.text, "%s/", name);
    view->has_scratch = true;
    SL_TRY(sli_place_bring(view->place, view->env, NULL, view->snapshot, &view->list, prefix.text,
                           view->scratch, err));
    sli_str_printf(out, "%s/%s", view->scratch, name);
    return sli_str_check(out, "a directory's name", err);
}

sl_code sli_ckpt_view_get(sli_ckpt_view *view, const char *path, sli_buffer **out, sl_error *err)
{
    sli_ckpt_path full;
    sli_file *file = NULL;
    sli_buffer *bytes = NULL;
    bool ours = false;
    SL_TRY(sli_group_path(view->dir, path, &full, err));
    SL_TRY(open_delta(view, path, full.text, &file, &ours, err));
    sl_code rc = sli_file_whole(file, full.text, &bytes, err);
    if (ours) {
        sli_file_close(&file);
    }
    if (rc == SL_OK) {
        rc = sli_group_content(view->info.job_id, full.text, path, bytes, out, err);
        sli_buffer_unref(bytes);
    }
    return rc;
}
