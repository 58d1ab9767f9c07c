/// snapshot.c — writing a snapshot: sections under a temporary name, one rename, and only then
/// older things go.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

static bool bug(const sli_snapshot *snapshot, const char *name)
{
    return sli_env_bug(snapshot->ckpt->env, name);
}

/// One that goes elsewhere is scratch here: what counts is made durable there.
static bool is_durable(const sli_snapshot *snapshot)
{
    return snapshot->ckpt->place == NULL && !bug(snapshot, "snapshot-unsynced");
}

/// Where snapshots are written.
static const char *own_home(const sli_ckpt *ckpt, sli_ckpt_path *out)
{
    return ckpt->place == NULL
               ? sli_ckpt_path_of(out, ckpt->dir, "snap")
               : sli_ckpt_path_of(out, ckpt->dir, "work/%06" PRId64 "/snap", ckpt->generation);
}

// ---------------------------------------------------------------- beginning and ending

void sli_sections_begin(sli_str *out, const sli_ckpt *ckpt, int64_t group)
{
    sli_str_printf(out,
                   "{\n  \"sluice_snapshot\": %d,\n  \"job_id\": \"%s\",\n  \"group\": %" PRId64
                   ",\n  \"generation\": %" PRId64 ",\n  \"sections\": [",
                   SLI_CKPT_FORMAT, ckpt->job_id, group, ckpt->generation);
}

sl_code sli_snapshot_create(sli_snapshot **out, sli_ckpt *ckpt, int64_t group, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    if (!ckpt->begun || group <= 0) {
        return sl_error_set(err, SL_E_STATE, "no snapshot of group %" PRId64 " can be taken now",
                            group);
    }
    sli_snapshot *snapshot = sl_alloc_zero(SLI_TAG_CKPT, sizeof *snapshot);
    if (snapshot == NULL) {
        return sl_error_nomem(err, sizeof *snapshot, "a snapshot");
    }
    snapshot->ckpt = ckpt;
    snapshot->group = group;
    snapshot->list.tag = SLI_TAG_CKPT;
    sli_ckpt_path home;
    (void)snprintf(snapshot->temp.text, sizeof snapshot->temp.text,
                   "%s/tmp-%06" PRId64 "-%09" PRId64, own_home(ckpt, &home), ckpt->generation,
                   group);
    snapshot->arena = sl_arena_new(SLI_TAG_CKPT);
    sl_code rc = snapshot->arena != NULL ? SL_OK : sl_error_nomem(err, 4096, "a snapshot");
    if (rc == SL_OK) {
        rc = sli_ckpt_clean(ckpt, snapshot->temp.text,
                            true); // left by a try of this same driver that failed
        rc = rc == SL_OK ? rc : sl_error_set(err, rc, "%s", snapshot->temp.text);
    }
    if (rc == SL_OK) {
        rc = sli_env_mkdirs(ckpt->env, snapshot->temp.text, err);
    }
    sli_sections_begin(&snapshot->list, ckpt, group);
    if (rc != SL_OK) {
        sli_snapshot_discard(snapshot);
        return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "snapshot %" PRId64, group);
    }
    *out = snapshot;
    return SL_OK;
}

static void snapshot_free(sli_snapshot *snapshot)
{
    sl_arena_free(snapshot->arena);
    sli_str_reset(&snapshot->list);
    sl_free(snapshot->names);
    sl_free(snapshot->dirs);
    sl_free(snapshot);
}

void sli_snapshot_discard(sli_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    (void)sli_ckpt_clean(snapshot->ckpt, snapshot->temp.text,
                         true); // of a dead process: the next one sweeps
    snapshot_free(snapshot);
}

// ---------------------------------------------------------------- sections

/// [A-Za-z0-9_./-]+ with at most one '/', and parts that are names.
bool sli_section_is_good(const char *name, const char **slash)
{
    *slash = strchr(name, '/');
    if (*slash == NULL) {
        return sli_uid_is_good(name) && strcmp(name, "SECTIONS.json") != 0;
    }
    size_t size = (size_t)(*slash - name);
    char first[SLI_UID_BYTES];
    if (size >= sizeof first) {
        return false;
    }
    memcpy(first, name, size);
    first[size] = '\0';
    return sli_uid_is_good(first) && strcmp(first, "SECTIONS.json") != 0 &&
           sli_uid_is_good(*slash + 1);
}

static sl_code lists_grow(sli_snapshot *snapshot, sl_error *err)
{
    if (snapshot->n == SLI_SECTIONS_MOST) {
        return sl_error_set(err, SL_E_INVALID, "a snapshot has at most %d sections",
                            SLI_SECTIONS_MOST);
    }
    if (snapshot->n < snapshot->capacity && snapshot->n_dirs < snapshot->capacity) {
        return SL_OK;
    }
    int64_t capacity = snapshot->capacity == 0 ? 64 : snapshot->capacity * 2;
    const char **names =
        sl_realloc(SLI_TAG_CKPT, snapshot->names, (size_t)capacity * sizeof *names);
    if (names != NULL) {
        snapshot->names = names;
    }
    const char **dirs =
        names == NULL ? NULL
                      : sl_realloc(SLI_TAG_CKPT, snapshot->dirs, (size_t)capacity * sizeof *dirs);
    if (dirs == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *names, "a snapshot's sections");
    }
    snapshot->dirs = dirs;
    snapshot->capacity = capacity;
    return SL_OK;
}

sl_code sli_snapshot_note(sli_snapshot *snapshot, const char *name, int64_t size, const char *hash,
                          sl_error *err)
{
    SL_TRY(lists_grow(snapshot, err));
    const char *copy = sl_arena_strdup(snapshot->arena, name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name), "a section's name");
    }
    sli_str_printf(&snapshot->list,
                   "%s\n    {\"name\": \"%s\", \"size\": %" PRId64 ", \"hash\": \"%s\"}",
                   snapshot->n == 0 ? "" : ",", name, size, hash);
    snapshot->names[snapshot->n++] = copy;
    return sli_str_check(&snapshot->list, "SECTIONS.json", err);
}

static bool is_listed(const char *const *names, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

sl_code sli_snapshot_note_dir(sli_snapshot *snapshot, const char *dir, sl_error *err)
{
    SL_TRY(lists_grow(snapshot, err));
    snapshot->dirs[snapshot->n_dirs++] = dir;
    return SL_OK;
}

static sl_code make_dir_of(sli_snapshot *snapshot, const char *name, const char *slash,
                           sl_error *err)
{
    if (slash == NULL) {
        return SL_OK;
    }
    const char *dir =
        sl_arena_printf(snapshot->arena, "%s/%.*s", snapshot->temp.text, (int)(slash - name), name);
    if (dir == NULL) {
        return sl_error_nomem(err, strlen(name), "a section's name");
    }
    if (is_listed(snapshot->dirs, snapshot->n_dirs, dir)) {
        return SL_OK;
    }
    SL_TRY(sli_env_mkdirs(snapshot->ckpt->env, dir, err));
    return sli_snapshot_note_dir(snapshot, dir, err);
}

static sl_code file_write(sli_snapshot *snapshot, const char *name, sl_bytes content, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    const char *path = sl_arena_printf(snapshot->arena, "%s/%s", snapshot->temp.text, name);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(name), "a section's name");
    }
    sli_file *file = NULL;
    SL_TRY(sli_file_open(ckpt->env, path, SLI_REPLACE, &file, err));
    sl_code rc = content.size == 0 ? SL_OK : sli_file_write(file, content.data, content.size, err);
    if (rc == SL_OK && is_durable(snapshot)) {
        rc = sli_ckpt_sync_file(ckpt, file, err);
    }
    sli_file_close(&file);
    return rc;
}

static sl_code add(sli_snapshot *snapshot, const char *name, sl_bytes content, sl_error *err)
{
    const char *slash;
    if (!sli_section_is_good(name, &slash) || is_listed(snapshot->names, snapshot->n, name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "\"%s\" is there already or can't be a section's name", name);
    }
    SL_TRY(make_dir_of(snapshot, name, slash, err));
    SL_TRY(file_write(snapshot, name, content, err));
    char hash[33];
    sli_hash_text(sli_hash128_of(content.data, content.size), hash);
    return sli_snapshot_note(snapshot, name, (int64_t)content.size, hash, err);
}

sl_code sli_snapshot_add(sli_snapshot *snapshot, const char *name, sl_bytes content, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(snapshot->ckpt, err));
    sl_code rc = add(snapshot, name, content, err);
    return sl_error_wrap(err, sli_ckpt_verdict(snapshot->ckpt, rc, err), "snapshot %" PRId64,
                         snapshot->group);
}

// ---------------------------------------------------------------- publishing

static sl_code finish_temp(sli_snapshot *snapshot, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    sli_str_text(&snapshot->list, "\n  ],\n");
    if (!snapshot->list.failed) {
        sli_checked_end(&snapshot->list);
    }
    SL_TRY(sli_str_check(&snapshot->list, "SECTIONS.json", err));
    SL_TRY(file_write(snapshot, "SECTIONS.json",
                      (sl_bytes){snapshot->list.data, snapshot->list.size}, err));
    for (int64_t i = 0; i < snapshot->n_dirs && is_durable(snapshot); i++) {
        SL_TRY(sli_ckpt_sync_dir(ckpt, snapshot->dirs[i] + strlen(ckpt->dir) + 1, err));
    }
    return is_durable(snapshot)
               ? sli_ckpt_sync_dir(ckpt, snapshot->temp.text + strlen(ckpt->dir) + 1, err)
               : SL_OK;
}

/// Takes a directory away from its name first, so that no half-removed snapshot is ever seen.
static sl_code snapshot_remove(sli_ckpt *ckpt, int64_t group, const char *as, sl_error *err)
{
    sli_ckpt_path path, aside;
    sli_ckpt_path_of(&path, ckpt->dir, "snap/%09" PRId64, group);
    sli_ckpt_path_of(&aside, ckpt->dir, "snap/%s-%06" PRId64 "-%09" PRId64, as, ckpt->generation,
                     group);
    SL_TRY(sli_ckpt_clean(ckpt, aside.text, true));
    sl_code rc = sli_env_rename(ckpt->env, path.text, aside.text, false, err);
    if (rc != SL_OK) {
        return rc;
    }
    return sli_ckpt_clean(ckpt, aside.text, true);
}

/// *there: the snapshot is at its final name, by this driver or another.
static sl_code rename_final(sli_snapshot *snapshot, bool *there, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, ckpt->dir, "snap/%09" PRId64, snapshot->group);
    sl_code rc = sli_env_rename(ckpt->env, snapshot->temp.text, path.text, false, err);
    if (rc == SL_E_EXISTS) {
        int64_t bytes;
        sli_ckpt_path home;
        rc = sli_snapshot_check(ckpt->env, sli_ckpt_path_of(&home, ckpt->dir, "snap"), ckpt->job_id,
                                snapshot->group, &bytes, err);
        if (rc == SL_OK) {
            *there = true;
            return sli_ckpt_clean(ckpt, snapshot->temp.text, true);
        }
        if (rc == SL_E_CORRUPT ||
            rc == SL_E_NOT_FOUND) { // a damaged one was passed over, and its group is at hand again
            SL_TRY(snapshot_remove(ckpt, snapshot->group, "gone", err));
            rc = sli_env_rename(ckpt->env, snapshot->temp.text, path.text, false, err);
        }
    }
    if (rc == SL_E_NOT_FOUND && sli_env_bug(ckpt->env, "rename-result-ignored")) {
        *there = true;
        return SL_OK;
    }
    *there = rc == SL_OK;
    return rc;
}

static sl_code remove_known(sli_ckpt *ckpt, const sli_known *known, sl_error *err)
{
    return known->is_here ? snapshot_remove(ckpt, known->group, "gone", err)
                          : sli_place_remove(ckpt, known->group, err);
}

/// Deltas up to the older of the two snapshots that stay.
static sl_code cover(sli_ckpt *ckpt, int64_t group)
{
    int64_t now = atomic_load(&ckpt->floor);
    while (group > now && !atomic_compare_exchange_weak(&ckpt->floor, &now, group)) {
    }
    return sli_deltas_remove(ckpt, group);
}

/// Older snapshots but one, and the deltas that this one covers. What can't be removed is tried
/// again next time.
static sl_code prune(sli_snapshot *snapshot, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    if (bug(snapshot, "deltas-removed-early") || bug(snapshot, "rename-result-ignored")) {
        return sli_deltas_remove(ckpt, snapshot->group);
    }
    sli_known *known;
    int64_t n;
    SL_TRY(
        sli_snapshots_known(ckpt->env, ckpt->dir, ckpt->place, snapshot->arena, &known, &n, err));
    for (int64_t i = 2; i < n; i++) {
        sl_code rc = remove_known(ckpt, &known[i], NULL);
        if (rc == SL_E_CRASHED || (rc != SL_OK && !known[i].is_here)) {
            return sl_error_set(err, rc, "removing snapshot %" PRId64, known[i].group);
        }
    }
    SL_TRY(n < 2 ? SL_OK : cover(ckpt, known[1].group));
    if (ckpt->place == NULL) {
        return SL_OK;
    }
    int64_t kept[2];
    int32_t n_kept = 0;
    for (int64_t i = 0; i < n && i < 2; i++) {
        kept[n_kept] = known[i].group;
        n_kept += !known[i].is_here;
    }
    return sli_place_sweep(ckpt, kept, n_kept, err);
}

static sl_code publish_here(sli_snapshot *snapshot, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    bool there = false;
    SL_TRY(rename_final(snapshot, &there, err));
    SL_ASSERT(there, "a rename that went well made the name");
    if (!bug(snapshot, "deltas-removed-early")) { // nothing may go before its name is durable
        SL_TRY(sli_ckpt_sync_dir(ckpt, "snap", err));
    }
    if (!bug(snapshot, "rename-result-ignored")) {
        SL_TRY(sli_ckpt_check_generation(ckpt, err));
    }
    return prune(snapshot, err);
}

/// What the next one is compared with is the one that was published last: it stays here until then.
static sl_code keep_shadow(sli_snapshot *snapshot)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    int64_t before = ckpt->shadow;
    sli_ckpt_path path;
    ckpt->shadow = snapshot->group;
    return before == 0 || before == snapshot->group
               ? SL_OK
               : sli_ckpt_clean(ckpt,
                                sli_ckpt_path_of(&path, ckpt->dir,
                                                 "work/%06" PRId64 "/snap/%09" PRId64,
                                                 ckpt->generation, before),
                                true);
}

/// Once it is there nothing of this can fail any more: what stays too long is removed with the
/// next one.
static sl_code tidy_elsewhere(sli_snapshot *snapshot, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    sl_error why = SL_ERROR_INIT;
    sl_code rc = prune(snapshot, &why);
    if (rc == SL_E_CRASHED) {
        return sl_error_set(err, rc, "removing older snapshots");
    }
    if (rc != SL_OK) {
        if (ckpt->n_cleanup_failed != NULL) {
            sli_metric_add(ckpt->n_cleanup_failed, 1);
        }
        SLI_LOG(ckpt->log, SLI_WARN, "ckpt", "older snapshots at %s stay for now: %s",
                sli_place_shown(ckpt->place), why.text);
    }
    rc = keep_shadow(snapshot);
    return rc == SL_OK ? SL_OK : sl_error_set(err, rc, "removing an older snapshot's copy");
}

static sl_code publish_elsewhere(sli_snapshot *snapshot, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    sli_ckpt_path home, path;
    own_home(ckpt, &home);
    sli_ckpt_path_of(&path, ckpt->dir, "work/%06" PRId64 "/snap/%09" PRId64, ckpt->generation,
                     snapshot->group);
    SL_TRY(sli_env_rename(ckpt->env, snapshot->temp.text, path.text, false, err));
    sl_code rc = sli_place_put(ckpt, home.text, snapshot->group, err);
    if (rc == SL_OK) {
        rc = sli_ckpt_check_generation(ckpt, err);
    }
    if (rc == SL_OK) {
        return tidy_elsewhere(snapshot, err);
    }
    if (rc != SL_E_CRASHED && rc != SL_E_SUPERSEDED && ckpt->n_waited != NULL) {
        sli_metric_add(ckpt->n_waited, 1);
    }
    sl_code gone = sli_ckpt_clean(ckpt, path.text, true); // the state after a later group goes
    return gone == SL_OK ? rc : gone;
}

static sl_code publish(sli_snapshot *snapshot, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(snapshot->ckpt, err));
    SL_TRY(finish_temp(snapshot, err));
    return snapshot->ckpt->place == NULL ? publish_here(snapshot, err)
                                         : publish_elsewhere(snapshot, err);
}

sl_code sli_snapshot_publish(sli_snapshot *snapshot, sl_error *err)
{
    sl_code rc = sli_ckpt_verdict(snapshot->ckpt, publish(snapshot, err), err);
    if (rc != SL_OK) {
        sl_error_wrap(err, rc, "snapshot %" PRId64, snapshot->group);
        sli_snapshot_discard(snapshot);
        return rc;
    }
    snapshot_free(snapshot);
    return SL_OK;
}
