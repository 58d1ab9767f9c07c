// stage.c — lineage to stages: a walk over the RDDs that a job computes, cut at shuffles.
//
// A stage is runnable when every shuffle it reads is written. What is written already, by an
// earlier action on the same RDD or by another branch of the lineage, is not walked past: that
// stage is skipped. So is what lies below an RDD whose partitions are all cached. What another job
// writes at the moment is waited for. Nothing recurses: lineages can be long.
#include "sched/sched_int.h"

static sl_code push(sli_sched *sched, sl_rdd *rdd, int32_t *n, sl_error *err)
{
    if (*n == sched->stack_capacity) {
        int32_t capacity = *n == 0 ? 64 : *n * 2;
        sl_rdd **more =
            sl_realloc(SLI_TAG_SCHED, sched->stack, (size_t)capacity * sizeof(sl_rdd *));
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof(sl_rdd *),
                                  "the walk over a lineage");
        }
        sched->stack = more;
        sched->stack_capacity = capacity;
    }
    sched->stack[(*n)++] = rdd;
    return SL_OK;
}

/// Map tasks of an RDD without rows would write nothing: their outputs are there without them.
static bool is_written(const sli_shuffle *shuffle)
{
    for (int32_t i = 0; i < shuffle->parent->n_partitions; i++) {
        if (!shuffle->written[i]) {
            if (!shuffle->parent->is_empty) {
                return false;
            }
            shuffle->written[i] = true;
        }
    }
    return true;
}

static sl_code add_stage(sli_run *run, sli_stage stage, sl_error *err)
{
    if (run->n_stages == run->stage_capacity) {
        int32_t capacity = run->stage_capacity == 0 ? 4 : run->stage_capacity * 2;
        sli_stage *more = sl_realloc(SLI_TAG_SCHED, run->stages, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "the stages of a job");
        }
        run->stages = more;
        run->stage_capacity = capacity;
    }
    run->stages[run->n_stages++] = stage;
    return SL_OK;
}

/// A shuffle that the stage reads. `seen` marks those that have their stage in this walk.
static sl_code meet_shuffle(sli_run *run, int32_t at, sli_shuffle *shuffle, int64_t walk,
                            sl_error *err)
{
    if (is_written(shuffle)) {
        return SL_OK;
    }
    run->stages[at].waits = true;
    if (shuffle->seen >= walk || shuffle->writer != NULL) {
        return SL_OK; // it has its stage, in this job or in another one whose tasks are out
    }
    shuffle->seen = walk;
    return add_stage(run, (sli_stage){.rdd = shuffle->parent, .shuffle = shuffle}, err);
}

/// Does by a job of its own what tasks will rely on: the first numbers of zipWithIndex's
/// partitions.
static sl_code prepare_rdd(sl_rdd *rdd, bool *again, sl_error *err)
{
    if (rdd->ops->prepare == NULL || rdd->ops->is_ready(rdd)) {
        return SL_OK;
    }
    *again = true;
    return rdd->ops->prepare(rdd, err);
}

/// The same for a dependency: a broadcast table, the bounds of a sort.
static sl_code prepare_dep(sl_rdd *rdd, int32_t dep, bool *again, sl_error *err)
{
    sli_dep *d = &rdd->deps[dep];
    if (d->kind == SLI_DEP_BROADCAST && !sli_broadcast_ready(rdd, dep)) {
        *again = true;
        return sli_broadcast_prepare(rdd, dep, err);
    }
    if (d->kind == SLI_DEP_SHUFFLE && !sli_shuffle_ready(d->shuffle)) {
        *again = true;
        return sli_shuffle_prepare(d->shuffle, err);
    }
    return SL_OK;
}

/// The narrow RDDs of one stage. `walk` is the number of the whole walk's first stage.
static sl_code walk_stage(sli_run *run, int32_t at, int64_t walk, bool *again, sl_error *err)
{
    sli_sched *sched = run->sched;
    int64_t mark = ++sched->walks;
    int32_t n = 0;
    SL_TRY(push(sched, run->stages[at].rdd, &n, err));
    while (n > 0) {
        sl_rdd *rdd = sched->stack[--n];
        rdd->is_due = rdd->is_to_cut && sched->trial == SLI_NO_TRIAL;
        if (rdd->seen == mark || sli_rdd_is_kept(rdd)) {
            continue;
        }
        rdd->seen = mark;
        run->stages[at].pinned = run->stages[at].pinned || rdd->pinned;
        SL_TRY(prepare_rdd(rdd, again, err));
        for (int32_t i = 0; i < rdd->n_deps; i++) {
            SL_TRY(*again ? SL_OK : prepare_dep(rdd, i, again, err));
            if (*again) {
                return SL_OK;
            }
            if (rdd->deps[i].kind == SLI_DEP_NARROW) {
                SL_TRY(push(sched, rdd->deps[i].parent, &n, err));
            } else if (rdd->deps[i].kind == SLI_DEP_SHUFFLE) {
                SL_TRY(meet_shuffle(run, at, rdd->deps[i].shuffle, walk, err));
            }
        }
    }
    return SL_OK;
}

sl_code sli_run_walk(sli_run *run, bool *again, sl_error *err)
{
    int64_t walk = run->sched->walks + 1;
    *again = false;
    run->n_stages = 0;
    SL_TRY(add_stage(run, (sli_stage){.rdd = run->job->rdd}, err));
    for (int32_t at = 0; at < run->n_stages; at++) {
        SL_TRY(walk_stage(run, at, walk, again, err));
        if (*again) {
            return SL_OK;
        }
    }
    return SL_OK;
}
