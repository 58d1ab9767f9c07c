/// snapshot.c — writing a snapshot: sections under a temporary name, one rename, and only then
/// older things go.
#include "ckpt/ckpt_int.h"

static bool bug(const sli_snapshot *snapshot, const char *name)
{
    return sli_env_bug(snapshot->ckpt->env, name);
}

// ---------------------------------------------------------------- beginning and ending

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
    sli_ckpt_path_of(&snapshot->temp, ckpt->dir, "snap/tmp-%06" PRId64 "-%09" PRId64,
                     ckpt->generation, group);
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
    sli_str_printf(&snapshot->list,
                   "{\n  \"sluice_snapshot\": %d,\n  \"job_id\": \"%s\",\n  \"group\": %" PRId64
                   ",\n  \"generation\": %" PRId64 ",\n  \"sections\": [",
                   SLI_CKPT_FORMAT, ckpt->job_id, group, ckpt->generation);
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
    if (rc == SL_OK && !bug(snapshot, "snapshot-unsynced")) {
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
    for (int64_t i = 0; i < snapshot->n_dirs && !bug(snapshot, "snapshot-unsynced"); i++) {
        SL_TRY(sli_ckpt_sync_dir(ckpt, snapshot->dirs[i] + strlen(ckpt->dir) + 1, err));
    }
    return bug(snapshot, "snapshot-unsynced")
               ? SL_OK
               : sli_ckpt_sync_dir(ckpt, snapshot->temp.text + strlen(ckpt->dir) + 1, err);
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
        rc = sli_snapshot_check(ckpt->env, ckpt->dir, ckpt->job_id, snapshot->group, &bytes, err);
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

/// Older snapshots but one, and the deltas that this one covers. What can't be removed is tried
/// again next time.
static sl_code prune(sli_snapshot *snapshot, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    if (bug(snapshot, "deltas-removed-early") || bug(snapshot, "rename-result-ignored")) {
        return sli_deltas_remove(ckpt, snapshot->group);
    }
    int64_t *groups, n;
    SL_TRY(sli_snapshot_list(ckpt->env, ckpt->dir, snapshot->arena, &groups, &n, err));
    for (int64_t i = 2; i < n; i++) {
        sl_code rc = snapshot_remove(ckpt, groups[i], "gone", NULL);
        if (rc == SL_E_CRASHED) {
            return sl_error_set(err, rc, "removing snapshot %" PRId64, groups[i]);
        }
    }
    if (n < 2) {
        return SL_OK;
    }
    int64_t now = atomic_load(&ckpt->floor);
    while (groups[1] > now && !atomic_compare_exchange_weak(&ckpt->floor, &now, groups[1])) {
    }
    return sli_deltas_remove(ckpt, groups[1]);
}

static sl_code publish(sli_snapshot *snapshot, sl_error *err)
{
    sli_ckpt *ckpt = snapshot->ckpt;
    bool there = false;
    SL_TRY(sli_ckpt_alive(ckpt, err));
    SL_TRY(finish_temp(snapshot, err));
    sl_code rc = rename_final(snapshot, &there, err);
    SL_TRY(rc);
    SL_ASSERT(there, "a rename that went well made the name");
    if (!bug(snapshot, "deltas-removed-early")) { // nothing may go before its name is durable
        SL_TRY(sli_ckpt_sync_dir(ckpt, "snap", err));
    }
    if (!bug(snapshot, "rename-result-ignored")) {
        SL_TRY(sli_ckpt_check_generation(ckpt, err));
    }
    return prune(snapshot, err);
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
