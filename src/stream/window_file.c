// Panes on record: a file for each window in each commit group that has panes of it, which SEALED
// names; dropped when a later group is durable that does not need it; listed in snapshots, since
// the log forgets old SEALEDs; loaded by the next life.
//
// Of every window SEALED also tells which panes its state holds, as sli_window does: what a pane is
// needed for follows from that alone, whatever the window's length is then.
#include "stream/engine_int.h"

// ---------------------------------------------------------------- writing

static sl_code seal_window(sli_group *group, const sli_window *window, sli_window_share *share,
                           sl_error *err)
{
    const sli_window_def *def = window->node->body;
    sli_str content = {.tag = SLI_TAG_STREAM};
    sl_code rc = SL_OK;
    for (int32_t i = 0; i < share->panes.n && rc == SL_OK; i++) {
        rc = sli_pane_put(share->panes.at[i], def->pane_schema, &content, err);
    }
    if (rc == SL_OK) {
        rc = sli_ckpt_put(group->engine->ckpt, SLI_PANES, group->number, window->node->uid,
                          (sl_bytes){content.data, content.size}, group->arena, &share->path, err);
    }
    sli_str_reset(&content);
    return rc;
}

sl_code sli_windows_seal(sli_group *group, sl_error *err)
{
    const sli_engine *engine = group->engine;
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sli_window_share *share = &group->windows[i];
        share->path = "";
        if (share->panes.n == 0) {
            continue;
        }
        sl_code rc = seal_window(group, &engine->windows[i], share, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "seal group %lld of window %s", (long long)group->number,
                                 engine->windows[i].node->uid);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- files on record

static sl_code add_file(sli_window *window, const char *path, int64_t last_us, sl_error *err)
{
    for (int32_t i = 0; i < window->n_files; i++) {
        if (strcmp(window->files[i].path, path) == 0) {
            return SL_OK; // a snapshot may list what SEALEDs after it name
        }
    }
    sli_pane_file *grown =
        sli_grown(window->files, window->n_files, &window->file_capacity, sizeof *grown);
    char *copy = sl_strdup(SLI_TAG_STREAM, path);
    window->files = grown != NULL ? grown : window->files;
    if (grown == NULL || copy == NULL) {
        sl_free(copy);
        return sl_error_nomem(err, strlen(path), "the files of a window");
    }
    window->files[window->n_files++] = (sli_pane_file){copy, last_us};
    return SL_OK;
}

/// Takes files off the list that end at a batch time or before it, and calls `each` for their
/// paths.
static void take_off(sli_window *window, int64_t to_us,
                     void (*each)(sli_engine *engine, const char *path), sli_engine *engine)
{
    int32_t n = 0;
    for (int32_t i = 0; i < window->n_files; i++) {
        if (window->files[i].last_us > to_us) {
            window->files[n++] = window->files[i];
            continue;
        }
        each(engine, window->files[i].path);
        sl_free(window->files[i].path);
    }
    window->n_files = n;
}

static void drop_file(sli_engine *engine, const char *path)
{
    sli_ckpt_drop(engine->ckpt, path);
}

static void leave_file(sli_engine *engine, const char *path)
{
    (void)engine;
    (void)path;
}

void sli_window_forget_files(sli_window *window)
{
    take_off(window, INT64_MAX, leave_file, NULL);
    sl_free(window->files);
    window->files = NULL;
    window->file_capacity = 0;
}

sl_code sli_windows_sealed(sli_engine *engine, const sli_group *group, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sli_window *window = &engine->windows[i];
        const sli_window_share *share = &group->windows[i];
        if (share->panes.n > 0) {
            SL_TRY(add_file(window, share->path, sli_panes_last_us(&share->panes), err));
        }
        bool early = sli_env_bug(engine->world, "panes-dropped-early");
        take_off(window, early ? share->to_us : share->from_us, drop_file, engine);
    }
    return SL_OK;
}

void sli_windows_tell(const sli_group *group, sli_sealed_window *out)
{
    const sli_engine *engine = group->engine;
    for (int32_t i = 0; i < engine->n_windows; i++) {
        const sli_window_share *share = &group->windows[i];
        out[i] = (sli_sealed_window){
            .uid = engine->windows[i].node->uid,
            .from_us = share->from_us,
            .to_us = share->to_us,
            .path = share->path,
            .last_us = sli_panes_last_us(&share->panes),
        };
    }
}

sl_code sli_windows_put(const sli_engine *engine, const sli_group *group, sli_str *out,
                        sl_error *err)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        const sli_window *window = &engine->windows[i];
        sli_put_text(out, window->node->uid);
        sli_put_i64(out, group->windows[i].from_us);
        sli_put_i64(out, group->windows[i].to_us);
        sli_put_varint(out, (uint64_t)window->n_files);
        for (int32_t f = 0; f < window->n_files; f++) {
            sli_put_text(out, window->files[f].path);
            sli_put_i64(out, window->files[f].last_us);
        }
    }
    return sli_str_check(out, "windows of a snapshot", err);
}

// ---------------------------------------------------------------- the next life: what is on record

/// NULL, told: the job has no such window any more, and what was kept for it serves nobody.
static sli_window *window_of(sli_engine *engine, const char *uid)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        if (strcmp(engine->windows[i].node->uid, uid) == 0) {
            return &engine->windows[i];
        }
    }
    SLI_LOG(engine->log, SLI_WARN, "stream",
            "the checkpoint has rows of window %s, which the job no longer has: they are dropped",
            uid);
    return NULL;
}

static sl_code read_window(sli_engine *engine, sli_reader *r, sl_error *err)
{
    const char *uid = sli_get_text(r, engine->job_arena);
    int64_t from_us = sli_get_i64(r), to_us = sli_get_i64(r);
    uint64_t n = sli_get_varint(r);
    sli_window *window = r->bad || uid == NULL ? NULL : window_of(engine, uid);
    if (window != NULL) {
        window->from_us = from_us;
        window->to_us = to_us;
    }
    for (uint64_t i = 0; i < n && !r->bad; i++) {
        const char *path = sli_get_text(r, engine->job_arena);
        int64_t last_us = sli_get_i64(r);
        if (path == NULL && !r->bad) {
            return sl_error_nomem(err, 64, "the files of a window");
        }
        if (!r->bad && window != NULL) {
            SL_TRY(add_file(window, path, last_us, err));
        }
    }
    return SL_OK;
}

static sl_code read_section(sli_engine *engine, int64_t snapshot, sl_error *err)
{
    sli_buffer *bytes = NULL;
    sl_code rc = sli_snapshot_read(engine->ckpt, snapshot, SLI_WINDOWS_SECTION, &bytes, err);
    if (rc != SL_OK) {
        return rc == SL_E_NOT_FOUND ? SL_OK : rc; // the job had no windows then
    }
    sli_reader r =
        sli_reader_of((sl_bytes){sli_buffer_bytes(bytes), (size_t)sli_buffer_size(bytes)});
    while (r.at != r.end && !r.bad && rc == SL_OK) {
        rc = read_window(engine, &r, err);
    }
    rc = rc != SL_OK ? rc : sli_reader_done(&r, "snapshot section " SLI_WINDOWS_SECTION, err);
    sli_buffer_unref(bytes);
    return rc;
}

static sl_code take_record(sli_engine *engine, const sli_sealed *sealed, sl_error *err)
{
    for (int32_t i = 0; i < sealed->n_windows; i++) {
        const sli_sealed_window *record = &sealed->windows[i];
        sli_window *window = window_of(engine, record->uid);
        if (window == NULL) {
            continue;
        }
        window->from_us = record->from_us;
        window->to_us = record->to_us;
        if (record->path[0] != '\0') {
            SL_TRY(add_file(window, record->path, record->last_us, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the next life: panes

static sl_code load_file(sli_engine *engine, sli_window *window, const char *path, sl_error *err)
{
    const sli_window_def *def = window->node->body;
    const sli_pane_loading to = {.blocks = engine->env.runtime->blocks,
                                 .schema = def->pane_schema,
                                 .from_us = window->from_us,
                                 .block_owner = &engine->block_owner,
                                 .panes = &window->panes};
    sli_buffer *bytes = NULL;
    SL_TRY(sli_ckpt_get(engine->ckpt, path, &bytes, err));
    sl_bytes file = {sli_buffer_bytes(bytes), (size_t)sli_buffer_size(bytes)};
    sl_code rc = sli_panes_load(&to, file, path, err);
    sli_buffer_unref(bytes);
    return rc;
}

static sl_code load_window(sli_engine *engine, sli_window *window, sl_error *err)
{
    take_off(window, window->from_us, leave_file, engine); // the sweep removes them
    for (int32_t i = 0; i < window->n_files; i++) {
        sl_code rc = load_file(engine, window, window->files[i].path, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "window %s, %s", window->node->uid,
                                 window->files[i].path);
        }
    }
    return SL_OK;
}

/// Files that no window needs any more, of older generations.
static sl_code sweep(sli_engine *engine, sl_error *err)
{
    size_t most = 1, n = 0;
    for (int32_t i = 0; i < engine->n_windows; i++) {
        most += (size_t)engine->windows[i].n_files;
    }
    const char **named = sl_arena_alloc_zero(engine->job_arena, most * sizeof *named);
    if (named == NULL) {
        return sl_error_nomem(err, most * sizeof *named, "named files");
    }
    for (int32_t i = 0; i < engine->n_windows; i++) {
        for (int32_t f = 0; f < engine->windows[i].n_files; f++) {
            named[n++] = engine->windows[i].files[f].path;
        }
    }
    return sli_ckpt_sweep_panes(engine->ckpt, named, err);
}

sl_code sli_windows_restore(sli_engine *engine, int64_t snapshot, const sli_sealed *sealed,
                            int32_t n_sealed, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_windows;
         i++) { // an attempt before this one may have left some
        sli_window *window = &engine->windows[i];
        sli_panes_reset(&window->panes);
        sli_window_forget_files(window);
        window->from_us = window->to_us = 0;
    }
    if (snapshot > 0) {
        SL_TRY(read_section(engine, snapshot, err));
    }
    for (int32_t g = 0; g < n_sealed; g++) {
        if (sealed[g].group > snapshot) {
            SL_TRY(take_record(engine, &sealed[g], err));
        }
    }
    for (int32_t i = 0; i < engine->n_windows; i++) {
        SL_TRY(load_window(engine, &engine->windows[i], err));
    }
    return engine->ckpt == NULL ? SL_OK : sweep(engine, err);
}
