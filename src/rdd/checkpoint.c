// checkpoint.c — localCheckpoint: an RDD whose partitions are all kept gives its parents up. (Into
// files: checkpoint_files.c.)
//
// A loop that makes each RDD of the one before has a lineage that grows; kept partitions alone do
// not help, since the lineage stays for what could be lost. RDDs that wait for their cut are listed
// in the runtime; whenever no job runs any more, those that are kept whole are cut.
#include "rdd/rdd_int.h"

/// What is left of a lineage that was cut: rows come from blocks, or not at all.
static sl_code compute_lost(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    (void)task, (void)push, (void)ctx;
    return sl_error_set(err, SL_E_STATE,
                        "partition %d of the local checkpoint%s%s is lost, and its lineage was "
                        "given up",
                        partition, rdd->name == NULL ? "" : " ",
                        rdd->name == NULL ? "" : rdd->name);
}

static const sli_rdd_ops checkpoint_ops = {.name = "localCheckpoint", .compute = compute_lost};

void sli_rdd_cut(sl_rdd *rdd, const sli_rdd_ops *ops, void *body)
{
    if (rdd->ops->free != NULL) {
        rdd->ops->free(rdd);
    }
    rdd->ops = ops;
    rdd->body = body;
    rdd->depth = 0;
    int32_t n = rdd->n_deps;
    rdd->n_deps = 0;
    sli_deps_free(rdd->deps, n);
}

void sli_runtime_cut(sli_runtime *runtime)
{
    for (sl_rdd **at = &runtime->to_cut; *at != NULL;) {
        sl_rdd *rdd = *at;
        if (rdd->is_held || (!rdd->is_empty && (rdd->is_reliable || !sli_rdd_is_kept(rdd)))) {
            at = &rdd->next_to_cut;
            continue;
        }
        sli_rdd_unlist(rdd);
        sli_rdd_cut(rdd, &checkpoint_ops, NULL);
        at = &runtime->to_cut; // parents that were given up may have been listed too
    }
}

void sli_rdd_unlist(sl_rdd *rdd)
{
    sl_rdd **at = &rdd->runtime->to_cut;
    while (*at != NULL && *at != rdd) {
        at = &(*at)->next_to_cut;
    }
    if (*at == rdd) {
        *at = rdd->next_to_cut;
    }
    rdd->is_to_cut = false;
}

void sli_rdd_list(sl_rdd *rdd)
{
    rdd->is_to_cut = true;
    rdd->next_to_cut = rdd->runtime->to_cut;
    rdd->runtime->to_cut = rdd;
}

bool sl_rdd_is_checkpointed(const sl_rdd *rdd)
{
    return rdd != NULL && (rdd->ops == &checkpoint_ops || sl_rdd_checkpoint_path(rdd) != NULL);
}

sl_rdd *sl_rdd_local_checkpoint(sl_rdd *rdd)
{
    if (rdd == NULL || rdd->mistake != NULL || sl_rdd_is_checkpointed(rdd)) {
        return rdd;
    }
    sli_rdd_set_level(rdd, rdd->level == SL_LEVEL_NONE ? SL_MEMORY_AND_DISK : rdd->level);
    rdd->is_reliable = false; // a mark for files gives way, as in Spark
    if (!rdd->is_to_cut) {
        sli_rdd_list(rdd);
    }
    return rdd;
}
