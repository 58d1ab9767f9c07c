/// view.c — what lies in a checkpoint as of one group, for who looks at it from outside.
///
/// Snapshots are listed before the log is read. So the log has a SEALED for every group after the
/// snapshot, unless a driver has published two more between: then there is a gap, and all is read
/// again.
#include "ckpt/ckpt_int.h"

#include "base/str.h"

#include <stdio.h>

struct sli_ckpt_view {
    sl_env *env;
    char *dir; ///< in the arena
    sli_ckpt_path home;
    sl_arena *arena;
    sli_ckpt_info info;
    sli_chain chain;
    int64_t snapshot;
    sli_sections list;
};

// ---------------------------------------------------------------- opening

static sl_code refuse_elsewhere(const char *dir, const char *url, sl_error *err)
{
    return sl_error_set(err, SL_E_UNSUPPORTED,
                        "%s: snapshots of this job lie at %s, and state is read from snapshots "
                        "inside the checkpoint directory alone",
                        dir, url);
}

static sl_code newest_snapshot(sli_ckpt_view *view, sl_error *err)
{
    sli_known *known;
    int64_t n;
    SL_TRY(sli_snapshots_known(view->env, view->dir, NULL, view->arena, &known, &n, err));
    view->snapshot = n == 0 ? 0 : known[0].group;
    sli_ckpt_path_of(&view->home, view->dir, "snap");
    return n == 0 ? SL_OK
                  : sli_sections_read(&view->list, view->env, view->home.text, view->info.job_id,
                                      view->snapshot, view->arena, err);
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

static sl_code look(sli_ckpt_view *view, sl_error *err)
{
    sli_manifest manifest;
    SL_TRY(sli_manifest_read(view->env, view->dir, view->arena, &manifest, err));
    memcpy(view->info.job_id, manifest.job_id, sizeof view->info.job_id);
    (void)snprintf(view->info.name, sizeof view->info.name, "%s", manifest.name);
    view->info.format = manifest.format;
    view->info.graph_hash = manifest.graph_hash;
    if (manifest.snapshots[0] != '\0') {
        return refuse_elsewhere(view->dir, manifest.snapshots, err);
    }
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

static sl_code open_once(sli_ckpt_view **out, sl_env *env, const char *dir, sl_error *err)
{
    sli_ckpt_view *view = sl_alloc_zero(SLI_TAG_CKPT, sizeof *view);
    if (view == NULL) {
        return sl_error_nomem(err, sizeof *view, "looking into a checkpoint");
    }
    view->env = env;
    view->arena = sl_arena_new(SLI_TAG_CKPT);
    view->dir = view->arena == NULL ? NULL : sl_arena_strdup(view->arena, dir);
    sl_code rc = view->dir == NULL ? sl_error_nomem(err, 4096, "looking into a checkpoint")
                                   : look(view, err);
    if (rc != SL_OK) {
        sli_ckpt_view_close(view);
        return rc;
    }
    *out = view;
    return SL_OK;
}

sl_code sli_ckpt_view_open(sli_ckpt_view **out, sl_env *env, const char *dir, sl_error *err)
{
    // A running driver removes and renames meanwhile, so a first answer may be of things that went
    // while they were read.
    enum { TRIES = 4 };
    if (strlen(dir) >= SLI_CKPT_DIR_BYTES) {
        return sl_error_set(err, SL_E_INVALID, "a checkpoint directory's name has at most %d bytes",
                            SLI_CKPT_DIR_BYTES - 1);
    }
    sl_code rc = SL_OK;
    for (int i = 0; i < TRIES; i++) {
        rc = open_once(out, env, dir, err);
        if (rc != SL_E_CORRUPT && rc != SL_E_NOT_FOUND) {
            break;
        }
    }
    return rc;
}

void sli_ckpt_view_close(sli_ckpt_view *view)
{
    if (view != NULL) {
        sl_free(view->list.bytes);
        if (view->chain.arena != NULL) {
            sli_chain_reset(&view->chain);
        }
        sl_arena_free(view->arena);
        sl_free(view);
    }
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

/// What is not there is damage, unless a driver has removed the whole snapshot.
static sl_code or_missing(const sli_ckpt_view *view, const sli_section *s, sl_code rc,
                          sl_error *err)
{
    return rc == SL_E_NOT_FOUND
               ? sli_section_missing(view->env, view->home.text, view->snapshot, s, err)
               : rc;
}

sl_code sli_ckpt_view_read(const sli_ckpt_view *view, const char *name, sli_buffer **out,
                           sl_error *err)
{
    *out = NULL;
    for (int64_t i = 0; i < view->list.n; i++) {
        const sli_section *s = &view->list.items[i];
        if (sli_text_is(s->name, name)) {
            sl_code rc = sli_section_read(view->env, view->home.text, view->snapshot, s, out, err);
            return or_missing(view, s, rc, err);
        }
    }
    return SL_OK;
}

static sl_code peek(sl_env *env, const char *path, size_t most, sli_str *out, sl_error *err)
{
    sli_file *file = NULL;
    size_t n = 0;
    sli_str_reserve(out, most);
    SL_TRY(sli_str_check(out, "the front of a section", err));
    SL_TRY(sli_file_open(env, path, SLI_READ, &file, err));
    sl_code rc = sli_file_read_at(file, 0, out->data + out->size, most, &n, err);
    sli_file_close(&file);
    out->size += rc == SL_OK ? n : 0;
    return rc;
}

sl_code sli_ckpt_view_peek(const sli_ckpt_view *view, int64_t i, size_t most, sli_str *out,
                           sl_error *err)
{
    const sli_section *s = &view->list.items[i];
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, view->home.text, "%09" PRId64 "/%.*s", view->snapshot,
                     (int)s->name.size, s->name.data);
    return or_missing(view, s, peek(view->env, path.text, most, out, err), err);
}

sl_code sli_ckpt_view_get(const sli_ckpt_view *view, const char *path, sli_buffer **out,
                          sl_error *err)
{
    return sli_group_read(view->env, view->dir, view->info.job_id, path, out, err);
}
