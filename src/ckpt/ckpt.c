/// ckpt.c — what every file here uses: syncs that are final, removals that may fail, the check of
/// the generation; and the questions that a checkpoint answers. Opening is in open.c.
#include "ckpt/ckpt_int.h"

static void count(sli_metric *metric)
{
    if (metric != NULL) {
        sli_metric_add(metric, 1);
    }
}

// ---------------------------------------------------------------- what every file here uses

sl_code sli_ckpt_alive(sli_ckpt *ckpt, sl_error *err)
{
    if (!atomic_load_explicit(&ckpt->dead, memory_order_relaxed)) {
        return SL_OK;
    }
    sl_error_set(
        err, SL_E_IO,
        "checkpoint %s: a sync failed before, so what is durable is unknown: end, and start again",
        ckpt->dir);
    sl_error_act(err, SL_ACT_STOP_JOB);
    return SL_E_IO;
}

static sl_code synced(sli_ckpt *ckpt, int64_t began_us, sl_code rc, sl_error *err)
{
    count(ckpt->n_syncs);
    if (ckpt->sync_us != NULL) {
        sli_metric_observe(ckpt->sync_us, sli_env_mono_us(ckpt->env) - began_us);
    }
    if (rc == SL_OK || rc == SL_E_CRASHED || sli_env_bug(ckpt->env, "failed-sync-retried")) {
        return rc == SL_E_CRASHED ? rc : SL_OK;
    }
    atomic_store_explicit(&ckpt->dead, true, memory_order_relaxed);
    sl_error_wrap(err, rc, "checkpoint %s: sync failed", ckpt->dir);
    if (err != NULL) {
        err->code = SL_E_IO;
        err->action = SL_ACT_STOP_JOB;
    }
    return SL_E_IO;
}

sl_code sli_ckpt_sync_file(sli_ckpt *ckpt, sli_file *file, sl_error *err)
{
    int64_t began_us = ckpt->sync_us != NULL ? sli_env_mono_us(ckpt->env) : 0;
    return synced(ckpt, began_us, sli_file_sync(file, err), err);
}

sl_code sli_ckpt_sync_dir(sli_ckpt *ckpt, const char *name, sl_error *err)
{
    sli_ckpt_path path;
    int64_t began_us = ckpt->sync_us != NULL ? sli_env_mono_us(ckpt->env) : 0;
    const char *dir = *name == '\0' ? ckpt->dir : sli_ckpt_path_of(&path, ckpt->dir, "%s", name);
    return synced(ckpt, began_us, sli_env_sync_dir(ckpt->env, dir, err), err);
}

/// Removes what is in a directory, and then the directory, as deep as anything of ours is.
static sl_code remove_tree(sli_ckpt *ckpt, const char *path, int depth, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, strlen(path), path);
    }
    sli_names names;
    sl_code rc = sli_names_list(ckpt->env, path, arena, &names, err);
    for (int64_t i = 0; rc == SL_OK && i < names.n; i++) {
        const char *below = sl_arena_printf(arena, "%s/%s", path, names.names[i]);
        sli_stat stat = {0};
        rc = below != NULL ? sli_env_stat(ckpt->env, below, &stat, err)
                           : sl_error_nomem(err, strlen(path), path);
        if (rc == SL_OK) {
            rc = stat.is_dir && depth > 0 ? remove_tree(ckpt, below, depth - 1, err)
                                          : sli_env_remove(ckpt->env, below, err);
        }
        rc = rc == SL_E_NOT_FOUND ? SL_OK : rc;
    }
    sl_arena_free(arena);
    return rc == SL_OK ? sli_env_remove_dir(ckpt->env, path, err) : rc;
}

/// Logs and counts a removal that failed: it is tried again at the next occasion.
static sl_code cleaned(sli_ckpt *ckpt, const char *path, sl_code rc, const sl_error *why)
{
    if (rc == SL_E_NOT_FOUND) {
        return SL_OK;
    }
    if (rc != SL_OK && rc != SL_E_CRASHED) {
        count(ckpt->n_cleanup_failed);
        SLI_LOG(ckpt->log, SLI_WARN, "ckpt", "could not remove %s: %s", path, why->text);
    }
    return rc;
}

sl_code sli_ckpt_clean(sli_ckpt *ckpt, const char *path, bool tree)
{
    sl_error why = SL_ERROR_INIT;
    sl_code rc = tree ? remove_tree(ckpt, path, SLI_CKPT_TREE_DEPTH, &why)
                      : sli_env_remove(ckpt->env, path, &why);
    rc = cleaned(ckpt, path, rc, &why);
    return rc == SL_E_CRASHED ? rc : SL_OK;
}

bool sli_ckpt_remove(sli_ckpt *ckpt, const char *path)
{
    sl_error why = SL_ERROR_INIT;
    return cleaned(ckpt, path, sli_env_remove(ckpt->env, path, &why), &why) == SL_OK;
}

// ---------------------------------------------------------------- generations

static sl_code superseded(const sli_ckpt *ckpt, sl_error *err)
{
    return sl_error_set(err, SL_E_SUPERSEDED,
                        "checkpoint %s: a newer driver than generation %" PRId64 " has taken over",
                        ckpt->dir, ckpt->generation);
}

sl_code sli_ckpt_check_generation(sli_ckpt *ckpt, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    if (sli_env_bug(ckpt->env, "zombie-unchecked")) {
        return SL_OK;
    }
    sli_stat stat;
    sl_error why = SL_ERROR_INIT;
    sl_code rc = sli_env_stat(ckpt->env, ckpt->next_generation.text, &stat, &why);
    if (rc == SL_E_NOT_FOUND) {
        return SL_OK;
    }
    if (rc == SL_OK) {
        return superseded(ckpt, err);
    }
    if (err != NULL) {
        *err = why;
    }
    sl_error_act(err, SL_ACT_STOP_JOB); // not knowing is not the same as none
    return rc;
}

sl_code sli_ckpt_verdict(sli_ckpt *ckpt, sl_code rc, sl_error *err)
{
    sli_stat stat;
    if (rc == SL_OK || rc == SL_E_CRASHED || rc == SL_E_SUPERSEDED || ckpt->generation == 0 ||
        sli_env_bug(ckpt->env, "zombie-unchecked") ||
        sli_env_stat(ckpt->env, ckpt->next_generation.text, &stat, NULL) != SL_OK) {
        return rc;
    }
    return superseded(ckpt, err);
}

// ---------------------------------------------------------------- questions

const char *sli_ckpt_job_id(const sli_ckpt *ckpt)
{
    return ckpt->job_id;
}

int64_t sli_ckpt_generation(const sli_ckpt *ckpt)
{
    return ckpt->generation;
}

bool sli_ckpt_is_new(const sli_ckpt *ckpt)
{
    return ckpt->chain.last_plan == 0 && ckpt->chain.last_sealed == 0;
}

uint64_t sli_ckpt_last_graph_hash(const sli_ckpt *ckpt)
{
    return ckpt->chain.n_links == 0 ? 0 : ckpt->chain.links[0].begin.graph_hash;
}

const char *sli_ckpt_last_graph(const sli_ckpt *ckpt)
{
    return ckpt->last_graph == NULL ? "" : ckpt->last_graph;
}

const sli_frame *sli_ckpt_frames(const sli_ckpt *ckpt, int64_t *n)
{
    *n = ckpt->chain.n_frames;
    return ckpt->chain.frames;
}

bool sli_ckpt_tail_was_torn(const sli_ckpt *ckpt)
{
    return ckpt->chain.n_links > 0 && ckpt->chain.links[0].scan.torn;
}

const char *sli_ckpt_tail(const sli_ckpt *ckpt)
{
    return ckpt->tail;
}

const char *sli_ckpt_snapshots(const sli_ckpt *ckpt)
{
    return ckpt->place == NULL ? NULL : sli_place_shown(ckpt->place);
}

void sli_ckpt_work_dir(const sli_ckpt *ckpt, sli_str *out)
{
    sli_str_printf(out, "%s/work/%06" PRId64, ckpt->dir, ckpt->generation);
}
