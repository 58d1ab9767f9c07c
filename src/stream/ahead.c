// Rows on their way before their group is sealed. A sink that can send rows where nobody sees them
// yet (sli_sink_ops.ahead) gets those of each epoch as soon as it has ended, and when the group is
// closed the last ones, while the writer seals it; so the commit has less left to do.
//
// That happens on the committer's thread, in order with commits, and only while no other group is
// under way: what is open in the sink then is this group's.
#include "stream/engine_int.h"

/// Longer groups are not worth what their open transactions cost: readers wait for the end of an
/// open one, also those of others' rows.
#define AHEAD_MOST_US INT64_C(1000000)

/// Rows of one output that are given. In the group's arena, which outlives it: the commit comes
/// behind it on the same thread.
typedef struct ahead {
    sli_kept_outbox rows; ///< of a copy: the share's own array may move
    sli_sink *sink;
    int64_t group;
    bool whole;
} ahead;

static void give(void *ctx)
{
    ahead *a = ctx;
    sli_engine *engine = a->rows.engine;
    a->sink->ops->ahead(a->sink, a->group, &a->rows.base, a->whole);
    // Release: pairs with is_giving; the sink has what it was given.
    (void)atomic_fetch_sub_explicit(&engine->n_ahead, 1, memory_order_release);
}

static ahead *make(sli_group *group, int32_t i, int64_t number, bool whole)
{
    const sli_share *share = &group->shares[i];
    size_t n = (size_t)(share->n_kept - share->n_ahead), bytes = n * sizeof *share->kept;
    ahead *a = sl_arena_alloc(group->arena, sizeof *a);
    sli_kept *kept = sl_arena_alloc(group->arena, bytes + 1);
    if (a == NULL || kept == NULL) {
        return NULL;
    }
    if (n > 0) {
        memcpy(kept, &share->kept[share->n_ahead], bytes);
    }
    *a = (ahead){sli_outbox_of_kept(group->engine, kept, (int32_t)n),
                 group->engine->graph->outputs[i].sink, number, whole};
    return a;
}

/// What can't be given, for want of memory, is the commit's.
static void post(sli_group *group, int32_t i, int64_t number, bool whole)
{
    sli_engine *engine = group->engine;
    ahead *a = make(group, i, number, whole);
    if (a == NULL) {
        return;
    }
    (void)atomic_fetch_add_explicit(&engine->n_ahead, 1, memory_order_relaxed);
    if (sli_strand_post(engine->committer, give, a)) {
        group->shares[i].n_ahead = group->shares[i].n_kept;
    } else {
        (void)atomic_fetch_sub_explicit(&engine->n_ahead, 1, memory_order_relaxed);
    }
}

static bool takes_ahead(const sli_engine *engine, int32_t i)
{
    const sli_sink *sink = engine->graph->outputs[i].sink;
    return sink != NULL && sink->ops->ahead != NULL;
}

/// The sink has not taken all yet: a slow one gets more at once, later.
static bool is_giving(const sli_engine *engine)
{
    return atomic_load_explicit(&engine->n_ahead, memory_order_acquire) > 0;
}

static bool has_rows(const sli_share *share)
{
    for (int32_t k = share->n_ahead; k < share->n_kept; k++) {
        for (int32_t p = 0; p < share->kept[k].n_partitions; p++) {
            if (share->kept[k].has_rows[p] != 0) {
                return true;
            }
        }
    }
    return false;
}

void sli_ahead_epochs(sli_engine *engine)
{
    sli_group *group = engine->open;
    if (group == NULL || engine->pending != NULL || engine->commit_interval_us > AHEAD_MOST_US ||
        is_giving(engine)) {
        return;
    }
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        if (takes_ahead(engine, i) && has_rows(&group->shares[i])) {
            post(group, i, engine->next_group, false); // a group with rows gets the next number
        }
    }
}

void sli_ahead_group(sli_group *group)
{
    sli_engine *engine = group->engine;
    for (int32_t i = 0; engine->pending == group && i < engine->graph->n_outputs; i++) {
        if (takes_ahead(engine, i) && sli_group_has(group, i)) {
            post(group, i, group->number, true);
        }
    }
}
