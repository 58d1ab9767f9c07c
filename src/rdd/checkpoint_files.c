// checkpoint_files.c — checkpoint: an RDD's rows in files, in place of its lineage.
//
// Marked RDDs are in the runtime's list, as local checkpoints are (checkpoint.c). An action whose
// stages met one makes it *due*; when the action has ended, a job of its own writes the files:
//
//     DIR/ID/rdd-N.tmp/part-PPPPP-F.arrow ─► sync ─► rename ─► DIR/ID/rdd-N/ ─► sync ─► cut
//
// ID is random, one for each call of sl_session_checkpoint_dir, so sessions never meet.
#include "rdd/saved.h"

static sl_code compute_saved(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    sl_code rc = sli_saved_each(rdd->body, partition, task, push, ctx, err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "partition %d of a checkpoint", partition);
}

static void free_saved(sl_rdd *rdd)
{
    sli_saved_free(rdd->body);
}

static const sli_rdd_ops saved_ops = {
    .name = "checkpoint", .compute = compute_saved, .free = free_saved};

// ---------------------------------------------------------------- writing

static sl_code take_pieces(void *ctx, int32_t partition, const sl_batch *pieces, sl_error *err)
{
    return sli_saved_add(ctx, partition, pieces, err);
}

static sl_code write_files(sl_rdd *rdd, const char *dir, sli_saved *saved, sl_error *err)
{
    sli_runtime *runtime = rdd->runtime;
    sli_fs *fs = runtime->checkpoint_fs;
    SL_TRY(fs->ops->mkdirs(fs, dir, err));
    sl_rdd *saver = sli_saver_new(rdd, fs, dir);
    sl_code rc = sl_rdd_check(saver, err);
    rc = rc != SL_OK ? rc : runtime->run(runtime, saver, NULL, 0, take_pieces, saved, err);
    sl_rdd_unref(saver);
    rc = rc != SL_OK ? rc : fs->ops->sync_dir(fs, dir, err);
    rc = rc != SL_OK ? rc : fs->ops->rename(fs, dir, saved->dir, err);
    rc = rc != SL_OK ? rc : fs->ops->sync_dir(fs, runtime->checkpoint_dir, err);
    if (rc != SL_OK) {
        (void)!fs->ops->remove(fs, dir, NULL); // what stays has a name that nobody reads
    }
    return rc;
}

static sl_code save(sl_rdd *rdd, sl_error *err)
{
    sli_runtime *runtime = rdd->runtime;
    sli_str dir = {.tag = SLI_TAG_RDD}, tmp = {.tag = SLI_TAG_RDD};
    sli_str_printf(&dir, "%s/rdd-%lld", runtime->checkpoint_dir, (long long)rdd->id);
    sli_str_printf(&tmp, "%s/rdd-%lld.tmp", runtime->checkpoint_dir, (long long)rdd->id);
    bool whole = dir.data != NULL && !dir.failed && tmp.data != NULL && !tmp.failed;
    sli_saved *saved =
        whole ? sli_saved_new(runtime->checkpoint_fs, dir.data, rdd->n_partitions) : NULL;
    sl_code rc = saved == NULL ? sl_error_nomem(err, sizeof *saved, "a checkpoint")
                               : write_files(rdd, tmp.data, saved, err);
    sli_str_reset(&dir);
    sli_str_reset(&tmp);
    if (rc != SL_OK) {
        sli_saved_free(saved);
        return rc;
    }
    sli_rdd_cut(rdd, &saved_ops, saved);
    return SL_OK;
}

bool sli_runtime_has_marked(const sli_runtime *runtime)
{
    const sl_rdd *rdd = runtime->to_cut;
    while (rdd != NULL && !rdd->is_reliable) {
        rdd = rdd->next_to_cut;
    }
    return rdd != NULL;
}

static sl_rdd *first_due(const sli_runtime *runtime)
{
    sl_rdd *rdd = runtime->to_cut;
    while (rdd != NULL && !(rdd->is_reliable && rdd->is_due)) {
        rdd = rdd->next_to_cut;
    }
    return rdd;
}

sl_code sli_runtime_save(sli_runtime *runtime, sl_error *err)
{
    sl_code rc = SL_OK;
    if (runtime->is_saving) { // the end of a job of ours
        return SL_OK;
    }
    runtime->is_saving = true;
    for (sl_rdd *rdd; rc == SL_OK && (rdd = first_due(runtime)) != NULL;) {
        rc = save(sl_rdd_ref(rdd), err);
        rdd->is_due = false; // its own job met it, too
        if (rc == SL_OK) {
            sli_rdd_unlist(rdd);
        }
        sl_rdd_unref(rdd);
    }
    runtime->is_saving = false;
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "checkpoint");
}

// ---------------------------------------------------------------- definition

/// A directory below `dir` that nobody else has; in *out, which is the caller's.
static sl_code make_dir(sli_runtime *runtime, const char *dir, char **out, sl_error *err)
{
    char id[33];
    sli_fs *fs = runtime->checkpoint_fs;
    sli_str path = {.tag = SLI_TAG_RDD};
    SL_TRY(sli_env_random_id(runtime->env, id, err));
    sli_str_printf(&path, "%s/%s", dir, id);
    sl_code rc = sli_str_check(&path, "the checkpoint directory's name", err);
    rc = rc != SL_OK ? rc : fs->ops->mkdirs(fs, path.data, err);
    rc = rc != SL_OK ? rc : fs->ops->sync_dir(fs, dir, err);
    if (rc == SL_OK) {
        *out = sli_str_take(&path);
    }
    sli_str_reset(&path);
    return rc;
}

static sl_code set_dir(sli_runtime *runtime, const char *dir, sl_error *err)
{
    char *made = NULL;
    if (dir == NULL || *dir == '\0') {
        return sl_error_set(err, SL_E_INVALID, "no path for a checkpoint directory");
    }
    if (runtime->checkpoint_fs == NULL) {
        SL_TRY(sli_fs_open_local(&runtime->checkpoint_fs, runtime->env, err));
    }
    sl_code rc = make_dir(runtime, dir, &made, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "checkpoint directory %s", dir);
    }
    sl_free(runtime->checkpoint_dir);
    runtime->checkpoint_dir = made;
    return SL_OK;
}

sl_code sl_session_checkpoint_dir(sl_session *session, const char *dir, sl_error *err)
{
    return set_dir(sli_session_runtime(session), dir, err);
}

/// Whether the directory in use was made in `dir`.
static bool is_made_in(const char *made, const char *dir)
{
    const char *id = made == NULL ? NULL : strrchr(made, '/');
    return id != NULL && sli_text_is((sl_text){made, (size_t)(id - made)}, dir);
}

sl_code sl_rdd_checkpoint_dir(sl_rdd *rdd, const char *dir, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    return dir != NULL && is_made_in(rdd->runtime->checkpoint_dir, dir)
               ? SL_OK
               : set_dir(rdd->runtime, dir, err);
}

void sli_runtime_forget_dir(sli_runtime *runtime)
{
    if (runtime->checkpoint_fs != NULL) {
        runtime->checkpoint_fs->ops->close(runtime->checkpoint_fs);
    }
    sl_free(runtime->checkpoint_dir);
    runtime->checkpoint_fs = NULL;
    runtime->checkpoint_dir = NULL;
}

sl_code sl_rdd_checkpoint(sl_rdd *rdd, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    if (rdd->is_held) {
        return sl_error_set(
            err, SL_E_STATE,
            "checkpoint: this RDD is the state of an epoch that runs; mark one that "
            "is made of it, as sl_rdd_where(rdd, \"true\")");
    }
    if (rdd->runtime->checkpoint_dir == NULL) {
        return sl_error_set(err, SL_E_STATE,
                            "checkpoint: no directory; sl_session_checkpoint_dir sets one, in a "
                            "stream's functions sl_rdd_checkpoint_dir");
    }
    if (!rdd->is_to_cut && !sl_rdd_is_checkpointed(rdd)) {
        rdd->is_reliable = true;
        rdd->is_due = false;
        sli_rdd_list(rdd);
    }
    return SL_OK;
}

const char *sl_rdd_checkpoint_path(const sl_rdd *rdd)
{
    return rdd == NULL || rdd->ops != &saved_ops ? NULL : ((const sli_saved *)rdd->body)->dir;
}
