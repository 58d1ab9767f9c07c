/// open.c — opening a checkpoint in the protocol's order: lock, generation, read, sync the names.
///
/// Nothing is read that counts before the generation is taken: whoever is superseded finds out by
/// the generation's file, and what it made durable before is then read here. What was read may be
/// in the page cache only: names are synced here, bytes are carried by BEGIN.
#include "ckpt/ckpt_int.h"

#include <errno.h>
#include <stdio.h>

static const sli_metric_info infos[] = {
    {"sluice_checkpoint_syncs_total", SLI_COUNTER, NULL, "",
     "syncs of files and directories of the checkpoint"},
    {"sluice_checkpoint_sync_seconds", SLI_HISTOGRAM, NULL, "seconds", "how long such a sync took"},
    {"sluice_checkpoint_damaged_snapshots_total", SLI_COUNTER, NULL, "",
     "snapshots that were damaged and passed over"},
    {"sluice_checkpoint_torn_tails_total", SLI_COUNTER, NULL, "",
     "epoch logs that ended in a torn frame"},
    {"sluice_checkpoint_log_bytes", SLI_GAUGE, NULL, "bytes",
     "size of the present segment of the epoch log"},
    {"sluice_checkpoint_cleanup_failures_total", SLI_COUNTER, NULL, "",
     "old files that could not be removed"},
    {"sluice_checkpoint_waiting_snapshots_total", SLI_COUNTER, NULL, "",
     "snapshots that the file system of checkpoint.snapshots did not take"},
    {0},
};

// ---------------------------------------------------------------- a generation of one's own

/// The highest generation that anything is named after.
static sl_code highest_generation(sli_ckpt *ckpt, int64_t *out, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "names of generations");
    }
    sli_ckpt_path path;
    sli_names names, logs;
    sl_code rc =
        sli_names_list(ckpt->env, sli_ckpt_path_of(&path, ckpt->dir, "gen"), arena, &names, err);
    if (rc == SL_OK) { // should somebody have emptied gen/, a number is still never given twice
        rc =
            sli_names_list(ckpt->env, sli_ckpt_path_of(&path, ckpt->dir, "log"), arena, &logs, err);
    }
    int64_t highest = 0, generation, part;
    bool tmp;
    for (int64_t i = 0; rc == SL_OK && i < names.n; i++) {
        bool good = sli_name_is_generation(names.names[i], &generation);
        highest = good && generation > highest ? generation : highest;
    }
    for (int64_t i = 0; rc == SL_OK && i < logs.n; i++) {
        bool good = sli_name_is_log(logs.names[i], &generation, &part, &tmp);
        highest = good && generation > highest ? generation : highest;
    }
    sl_arena_free(arena);
    if (rc == SL_OK) {
        *out = highest;
    }
    return rc;
}

static sl_code take_generation(sli_ckpt *ckpt, sl_error *err)
{
    int64_t generation = 0;
    SL_TRY(highest_generation(ckpt, &generation, err));
    sli_ckpt_path path;
    sl_code rc = SL_E_EXISTS;
    while (rc == SL_E_EXISTS && generation < UINT32_MAX) { // another driver may be starting
        generation++;
        sli_file *file = NULL;
        sli_ckpt_path_of(&path, ckpt->dir, "gen/%06" PRId64, generation);
        rc = sli_file_open(ckpt->env, path.text, SLI_CREATE, &file, err);
        sli_file_close(&file);
    }
    SL_TRY(rc);
    ckpt->generation = generation;
    sli_ckpt_path_of(&ckpt->next_generation, ckpt->dir, "gen/%06" PRId64, generation + 1);
    return sli_ckpt_sync_dir(ckpt, "gen", err);
}

// ---------------------------------------------------------------- the directory and its lock

/// A lock that `status` holds for a moment to see whether anybody has it says so in its text.
static bool only_looked_at(sli_ckpt *ckpt, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    bool looking = false;
    if (sli_env_read_file(ckpt->env, path, 65536, &text, &size, NULL) == SL_OK) {
        looking = strstr(text, "\nlooking") != NULL;
    }
    sl_free(text);
    return looking;
}

static sl_code take_lock(sli_ckpt *ckpt, sl_error *err)
{
    enum { TRIES = 100 };
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, ckpt->dir, "LOCK");
    sl_code rc = SL_E_BUSY;
    for (int i = 0; i < TRIES && rc == SL_E_BUSY; i++) {
        rc = sli_env_lock_file(ckpt->env, path.text, ckpt->name, &ckpt->lock, err);
        if (rc == SL_E_BUSY && !only_looked_at(ckpt, path.text)) {
            break;
        }
    }
    return rc;
}

static sl_code make_folders(sli_ckpt *ckpt, sl_error *err)
{
    static const char *const folders[] = {"gen", "log", "wal", "delta", "outbox", "pane", "snap"};
    sli_ckpt_path path;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        SL_TRY(
            sli_env_mkdirs(ckpt->env, sli_ckpt_path_of(&path, ckpt->dir, "%s", folders[i]), err));
    }
    return SL_OK;
}

/// Makes the names of DIR and of all directories above it durable, those that we may open: others
/// we did not make.
static sl_code sync_parents(sli_ckpt *ckpt, sl_error *err)
{
    char path[SLI_CKPT_DIR_BYTES];
    size_t size = strlen(ckpt->dir);
    memcpy(path, ckpt->dir, size + 1);
    while (size > 0) {
        while (size > 0 && path[size - 1] == '/') {
            path[--size] = '\0';
        }
        while (size > 0 && path[size - 1] != '/') {
            path[--size] = '\0';
        }
        const char *parent = size == 0 ? "." : size == 1 ? "/" : path;
        sl_error why = SL_ERROR_INIT;
        sl_code rc = sli_env_sync_dir(ckpt->env, parent, &why);
        if (rc != SL_OK &&
            (why.sys_errno == EACCES || why.sys_errno == EPERM || why.sys_errno == EROFS)) {
            return SL_OK;
        }
        if (rc != SL_OK) {
            if (err != NULL) {
                *err = why;
            }
            return rc;
        }
        if (size == 1) {
            return SL_OK;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- reading

static const char *place_of(const sli_ckpt *ckpt)
{
    return ckpt->place == NULL ? "" : sli_place_kept(ckpt->place);
}

static sl_code check_name(const sli_ckpt *ckpt, const sli_manifest *manifest, sl_error *err)
{
    if (strcmp(manifest->name, ckpt->name) != 0) {
        return sl_error_set(err, SL_E_INCOMPATIBLE,
                            "checkpoint %s belongs to the job \"%s\", this is \"%s\": give this "
                            "job a directory of its own",
                            ckpt->dir, manifest->name, ckpt->name);
    }
    return SL_OK;
}

static sl_code read_manifest(sli_ckpt *ckpt, sl_error *err)
{
    sli_manifest manifest;
    sl_error why = SL_ERROR_INIT;
    sl_code rc = sli_manifest_read(ckpt->env, ckpt->dir, ckpt->arena, &manifest, &why);
    if (rc == SL_E_NOT_FOUND) {
        return SL_OK;
    }
    if (rc != SL_OK) {
        if (err != NULL) {
            *err = why;
        }
        return rc;
    }
    SL_TRY(check_name(ckpt, &manifest, err));
    memcpy(ckpt->job_id, manifest.job_id, 33);
    ckpt->manifest_graph = manifest.graph_hash;
    ckpt->manifest_place = manifest.snapshots;
    ckpt->last_graph = manifest.graph;
    ckpt->has_manifest = true;
    return ckpt->place == NULL ? SL_OK : sli_place_of_job(ckpt->place, ckpt->job_id, err);
}

/// Snapshots may move elsewhere at any start, and from there with their directory: where they were
/// is on record, so that a setting that is forgotten or misspelt is no loss of state.
static sl_code check_place(const sli_ckpt *ckpt, sl_error *err)
{
    const char *said = ckpt->manifest_place;
    if (said[0] == '\0' || strcmp(said, place_of(ckpt)) == 0) {
        return SL_OK;
    }
    bool is_there = false;
    if (ckpt->place != NULL) {
        SL_TRY(sli_place_is_known(ckpt->place, &is_there, err));
    }
    return is_there ? SL_OK
                    : sl_error_set(err, SL_E_INCOMPATIBLE,
                                   "the snapshots of this checkpoint lie in %s: set "
                                   "checkpoint.snapshots to that",
                                   said);
}

/// A snapshot is made of sealed groups only: one beyond the log's end shows that the log has lost
/// its end.
static sl_code check_snapshots(sli_ckpt *ckpt, sl_error *err)
{
    sli_known *known;
    int64_t n;
    SL_TRY(sli_snapshots_known(ckpt->env, ckpt->dir, ckpt->place, ckpt->arena, &known, &n, err));
    if (n > 0 && !ckpt->has_manifest) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s/MANIFEST.json is missing, and there are snapshots: bring it back",
                            ckpt->dir);
    }
    if (n > 0 && known[0].group > ckpt->chain.last_sealed) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "the epoch log (%s) ends at group %" PRId64 ", and %s%s/%09" PRId64
                            " is there: the log has lost its end",
                            ckpt->tail, ckpt->chain.last_sealed,
                            known[0].is_here ? ckpt->dir : sli_place_shown(ckpt->place),
                            known[0].is_here ? "/snap" : "", known[0].group);
    }
    if (n > 1) { // the older of the two that are kept
        atomic_store(&ckpt->floor, known[1].group);
    }
    return SL_OK;
}

static sl_code name_tail(sli_ckpt *ckpt, sl_error *err)
{
    sli_str text = SLI_STR_INIT;
    text.tag = SLI_TAG_CKPT;
    sli_str_text(&text, "");
    if (ckpt->chain.n_links > 0) {
        const sli_link *link = &ckpt->chain.links[0];
        sli_str_printf(&text, "%s/log/%06" PRId64 "-%04" PRId64 ".log at offset %" PRId64,
                       ckpt->dir, link->generation, link->part, link->scan.end);
        if (link->scan.torn) {
            if (ckpt->n_torn != NULL) {
                sli_metric_add(ckpt->n_torn, 1);
            }
            SLI_LOG(ckpt->log, SLI_WARN, "ckpt", "the epoch log ends in a torn frame: %s",
                    text.data);
        }
    }
    SL_TRY(sli_str_check(&text, "the end of the epoch log", err));
    ckpt->tail = sli_str_take(&text);
    return SL_OK;
}

static sl_code read_all(sli_ckpt *ckpt, sl_error *err)
{
    bool cut_ignored = sli_env_bug(ckpt->env, "cut-ignored"),
         forgets = sli_env_bug(ckpt->env, "wal-cut-forgotten");
    int64_t below = ckpt->generation == 0 ? INT64_MAX : ckpt->generation;
    SL_TRY(read_manifest(ckpt, err));
    const char *job_id = ckpt->has_manifest ? ckpt->job_id : NULL;
    SL_TRY(sli_chain_read(&ckpt->chain, ckpt->env, ckpt->dir, job_id, below, cut_ignored, err));
    SL_TRY(name_tail(ckpt, err));
    atomic_store(&ckpt->free_to, ckpt->chain.free_to);
    if (ckpt->has_manifest) {
        SL_TRY(check_place(ckpt, err));
        SL_TRY(ckpt->place == NULL ? SL_OK : sli_place_fence(ckpt->place, ckpt->generation, err));
    }
    SL_TRY(check_snapshots(ckpt, err));
    return sli_wal_pasts_read(&ckpt->wals, ckpt->env, ckpt->log, ckpt->dir, job_id, &ckpt->chain,
                              below, forgets, err);
}

// ---------------------------------------------------------------- syncing what was read

/// What a mistaken driver would do: a sync that says yes does not bring back what another one lost.
static sl_code believe(sli_ckpt *ckpt, sl_error *err)
{
    const sli_link *link = &ckpt->chain.links[0];
    sli_ckpt_path path;
    sli_file *file = NULL;
    sli_ckpt_path_of(&path, ckpt->dir, "log/%06" PRId64 "-%04" PRId64 ".log", link->generation,
                     link->part);
    SL_TRY(sli_file_open(ckpt->env, path.text, SLI_READ, &file, err));
    sl_code rc = sli_ckpt_sync_file(ckpt, file, err);
    sli_file_close(&file);
    return rc;
}

/// After a mere process crash names are readable that a power loss could still take away. Bytes
/// that may not be durable are BEGIN's business: it carries them.
static sl_code sync_names(sli_ckpt *ckpt, sl_error *err)
{
    static const char *const folders[] = {"log", "wal", "snap", ""};
    if (sli_env_bug(ckpt->env, "recovery-believes-unsynced")) {
        return SL_OK;
    }
    if (sli_env_bug(ckpt->env, "failed-sync-believed") && ckpt->chain.n_links > 0) {
        SL_TRY(believe(ckpt, err));
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        SL_TRY(sli_ckpt_sync_dir(ckpt, folders[i], err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the job's id

static sl_code make_id(sli_ckpt *ckpt, sl_error *err)
{
    if (sli_env_bug(ckpt->env, "job-id-reused")) {
        sli_hash_text(sli_hash128_of(ckpt->name, strlen(ckpt->name)), ckpt->job_id);
        return SL_OK;
    }
    return sli_env_random_id(ckpt->env, ckpt->job_id, err);
}

static sl_code manifest_file(sli_ckpt *ckpt, const char *temp, sl_error *err)
{
    sli_str text = SLI_STR_INIT;
    sli_ckpt_job job = {.name = ckpt->name,
                        .graph_text = ckpt->graph_text,
                        .graph_hash = ckpt->graph_hash,
                        .snapshots = place_of(ckpt)};
    sli_manifest_put(&text, ckpt->job_id, &job);
    sli_file *file = NULL;
    sl_code rc = sli_str_check(&text, "MANIFEST.json", err);
    if (rc == SL_OK) {
        rc = sli_file_open(ckpt->env, temp, SLI_REPLACE, &file, err);
    }
    if (rc == SL_OK) {
        rc = sli_file_write(file, text.data, text.size, err);
    }
    if (rc == SL_OK) {
        rc = sli_ckpt_sync_file(ckpt, file, err);
    }
    sli_file_close(&file);
    sli_str_reset(&text);
    return rc;
}

/// Made with the MANIFEST, before BEGIN. It does not replace: of two drivers that start at once one
/// makes the id, and the other takes it from there.
static sl_code make_manifest(sli_ckpt *ckpt, sl_error *err)
{
    sli_ckpt_path temp, path;
    sli_ckpt_path_of(&temp, ckpt->dir, "MANIFEST.json.%06" PRId64 ".tmp", ckpt->generation);
    sli_ckpt_path_of(&path, ckpt->dir, "MANIFEST.json");
    SL_TRY(sync_parents(ckpt, err));
    if (ckpt->place != NULL) {
        SL_TRY(sli_place_check_new(ckpt->place, ckpt->name, err));
    }
    SL_TRY(make_id(ckpt, err));
    SL_TRY(manifest_file(ckpt, temp.text, err));
    sl_code rc = sli_env_rename(ckpt->env, temp.text, path.text, false, err);
    if (rc == SL_E_EXISTS) {
        SL_TRY(sli_ckpt_clean(ckpt, temp.text, false));
        rc = read_manifest(ckpt, err);
    }
    SL_TRY(rc);
    if (!ckpt->has_manifest) {
        ckpt->has_manifest = true;
        ckpt->manifest_graph = ckpt->graph_hash;
        ckpt->manifest_place = sl_arena_strdup(ckpt->arena, place_of(ckpt));
    }
    SL_TRY(ckpt->place == NULL ? SL_OK : sli_place_of_job(ckpt->place, ckpt->job_id, err));
    return sli_ckpt_sync_dir(ckpt, "", err);
}

sl_code sli_manifest_refresh(sli_ckpt *ckpt, sl_error *err)
{
    bool stays = ckpt->manifest_place != NULL && strcmp(ckpt->manifest_place, place_of(ckpt)) == 0;
    if (ckpt->manifest_graph == ckpt->graph_hash && stays) {
        return SL_OK;
    }
    sli_ckpt_path temp, path;
    sli_ckpt_path_of(&temp, ckpt->dir, "MANIFEST.json.%06" PRId64 ".tmp", ckpt->generation);
    SL_TRY(manifest_file(ckpt, temp.text, err));
    SL_TRY(sli_env_rename(ckpt->env, temp.text, sli_ckpt_path_of(&path, ckpt->dir, "MANIFEST.json"),
                          true, err));
    ckpt->manifest_graph = ckpt->graph_hash;
    return sli_ckpt_sync_dir(ckpt, "", err);
}

// ---------------------------------------------------------------- open and close

static void unread(sli_ckpt *ckpt)
{
    sli_chain_reset(&ckpt->chain);
    sli_wal_pasts_reset(&ckpt->wals);
    sl_free(ckpt->tail);
    ckpt->tail = NULL;
    ckpt->has_manifest = false;
    atomic_store(&ckpt->floor, 0);
    atomic_store(&ckpt->free_to, 0);
}

/// Reads and syncs. A driver that does not know yet that it is superseded may make, compact and
/// forget files meanwhile, until its next check; what it leaves fits together, so reading once more
/// finds that.
static sl_code read_and_sync(sli_ckpt *ckpt, sl_error *err)
{
    enum { TRIES = 4 };
    sl_code rc = SL_OK;
    for (int i = 0; i < TRIES; i++) {
        unread(ckpt);
        rc = read_all(ckpt, err);
        if (rc == SL_OK) {
            rc = sync_names(ckpt, err);
        }
        if ((rc != SL_E_CORRUPT && rc != SL_E_NOT_FOUND) || sli_ckpt_alive(ckpt, NULL) != SL_OK) {
            return rc;
        }
    }
    return rc;
}

static sl_code open_steps(sli_ckpt *ckpt, sl_error *err)
{
    SL_TRY(sli_env_mkdirs(ckpt->env, ckpt->dir, err));
    SL_TRY(take_lock(ckpt, err));
    SL_TRY(read_manifest(
        ckpt, err)); // another job's or a newer format's driver must not be superseded by a mistake
    ckpt->has_manifest = false;
    SL_TRY(make_folders(ckpt, err));
    bool read_first = sli_env_bug(ckpt->env, "log-read-before-generation");
    if (read_first) {
        SL_TRY(read_and_sync(ckpt, err));
    }
    SL_TRY(take_generation(ckpt, err));
    if (!read_first) {
        SL_TRY(read_and_sync(ckpt, err));
    }
    if (!ckpt->has_manifest) {
        ckpt->manifest_graph = 0;
        SL_TRY(make_manifest(ckpt, err));
    }
    return SL_OK;
}

static void metrics_find(sli_ckpt *ckpt, sli_metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    sli_metric **series[] = {&ckpt->n_syncs, &ckpt->sync_us,   &ckpt->n_damaged,
                             &ckpt->n_torn,  &ckpt->log_bytes, &ckpt->n_cleanup_failed,
                             &ckpt->n_waited};
    for (size_t i = 0; i < sizeof series / sizeof *series; i++) {
        *series[i] = sli_metrics_series(metrics, &infos[i], NULL);
    }
}

static sl_code open_place(sli_ckpt *ckpt, const sli_ckpt_job *job, sl_error *err)
{
    if (job->snapshots == NULL || job->snapshots[0] == '\0') {
        return SL_OK;
    }
    sli_place_conf conf = {
        .env = ckpt->env, .url = job->snapshots, .modules = job->modules, .end_us = job->end_us};
    return sli_place_open(&ckpt->place, &conf, err);
}

static sl_code ckpt_new(sli_ckpt **out, sl_env *env, const char *dir, const sli_ckpt_job *job,
                        sl_error *err)
{
    size_t size = strlen(dir);
    if (size == 0 || size >= SLI_CKPT_DIR_BYTES) {
        return sl_error_set(err, SL_E_INVALID, "a checkpoint directory's name has 1 to %d bytes",
                            SLI_CKPT_DIR_BYTES - 1);
    }
    sli_ckpt *ckpt = sl_alloc_zero(SLI_TAG_CKPT, sizeof *ckpt);
    if (ckpt == NULL) {
        return sl_error_nomem(err, sizeof *ckpt, "a checkpoint");
    }
    while (size > 1 && dir[size - 1] == '/') {
        size--;
    }
    ckpt->env = env;
    ckpt->dir = sl_strndup(SLI_TAG_CKPT, dir, size);
    ckpt->name = sl_strdup(SLI_TAG_CKPT, job->name);
    ckpt->graph_text = sl_strdup(SLI_TAG_CKPT, job->graph_text == NULL ? "" : job->graph_text);
    ckpt->graph_hash = job->graph_hash;
    ckpt->arena = sl_arena_new(SLI_TAG_CKPT);
    ckpt->scratch.tag = SLI_TAG_CKPT;
    sli_ckpt_limits(ckpt, SLI_LOG_ROLL_BYTES, SLI_WAL_PART_BYTES);
    if (ckpt->dir == NULL || ckpt->name == NULL || ckpt->graph_text == NULL ||
        ckpt->arena == NULL) {
        sli_ckpt_close(ckpt);
        return sl_error_nomem(err, size, "a checkpoint");
    }
    *out = ckpt;
    return SL_OK;
}

sl_code sli_ckpt_open(sli_ckpt **out, sl_env *env, const char *dir, const sli_ckpt_job *job,
                      sli_metrics *metrics, sli_log *log, sl_error *err)
{
    sli_ckpt *ckpt = NULL;
    SL_TRY(ckpt_new(&ckpt, env, dir, job, err));
    ckpt->log = log;
    metrics_find(ckpt, metrics);
    sl_code rc = open_place(ckpt, job, err);
    rc = rc == SL_OK ? sli_ckpt_verdict(ckpt, open_steps(ckpt, err), err) : rc;
    if (rc != SL_OK) {
        sli_ckpt_close(ckpt);
        return sl_error_wrap(err, rc, "opening the checkpoint");
    }
    *out = ckpt;
    return SL_OK;
}

/// What lay here of snapshots elsewhere was scratch.
static void close_place(sli_ckpt *ckpt)
{
    sli_ckpt_path path;
    if (ckpt->place != NULL && ckpt->generation > 0) {
        sli_ckpt_path_of(&path, ckpt->dir, "work/%06" PRId64 "/snap", ckpt->generation);
        (void)sli_ckpt_clean(ckpt, path.text, true); // of a dead process: the next one sweeps
    }
    sli_place_close(ckpt->place);
}

void sli_ckpt_close(sli_ckpt *ckpt)
{
    if (ckpt == NULL) {
        return;
    }
    close_place(ckpt);
    sli_file_close(&ckpt->file);
    sli_wal_pasts_reset(&ckpt->wals);
    sli_chain_reset(&ckpt->chain);
    sli_str_reset(&ckpt->scratch);
    sli_file_close(&ckpt->lock);
    sl_arena_free(ckpt->arena);
    sl_free(ckpt->tail);
    sl_free(ckpt->graph_text);
    sl_free(ckpt->name);
    sl_free(ckpt->dir);
    sl_free(ckpt);
}

void sli_ckpt_limits(sli_ckpt *ckpt, int64_t roll_bytes, int64_t wal_part_bytes)
{
    ckpt->roll_bytes = ckpt->roll_at = roll_bytes;
    ckpt->wal_part_bytes = wal_part_bytes;
}
