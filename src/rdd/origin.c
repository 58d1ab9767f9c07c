// origin.c — which lane of a source the rows of a partition come from.
#include "rdd/rdd_int.h"

/// The one parent that gives the partition its rows, and which partition of it; NULL: none, or not
/// one.
static const sl_rdd *only_parent(const sl_rdd *rdd, int32_t *partition)
{
    const sl_rdd *found = NULL;
    int32_t from = *partition;
    for (int32_t i = 0; i < rdd->n_deps; i++) {
        const sl_rdd *parent = rdd->deps[i].parent;
        if (rdd->deps[i].kind == SLI_DEP_BROADCAST) {
            continue; // a table that rows are joined with gives none
        }
        int32_t at =
            rdd->ops->parent_of == NULL ? *partition : rdd->ops->parent_of(rdd, i, *partition);
        if (at < 0) {
            continue;
        }
        // Without parent_of the numbers must agree; coalesce, which reads several, has fewer.
        bool same = rdd->ops->parent_of != NULL || parent->n_partitions == rdd->n_partitions;
        if (found != NULL || rdd->deps[i].kind != SLI_DEP_NARROW || !same) {
            return NULL;
        }
        found = parent;
        from = at;
    }
    *partition = from;
    return found;
}

bool sli_rdd_lane(const sl_rdd *rdd, int32_t partition, const char **uid, int32_t *lane)
{
    while (rdd != NULL && !sli_rdd_is_source(rdd)) {
        rdd = only_parent(rdd, &partition);
    }
    if (rdd == NULL || rdd->uid == NULL) {
        return false;
    }
    *uid = rdd->uid;
    *lane = sli_rdd_source_lane(rdd, partition);
    return true;
}
