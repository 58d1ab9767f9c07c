// What operators fix for an epoch before it runs: which content of something outside it uses, that
// may be another one for the next epoch (a model's file).
//
// It stands in the epoch's PLAN, beside the ranges of inputs, so an epoch that is run again uses
// the same. Where that needs bytes, the operator has copied them into the checkpoint before the
// PLAN names them; they go when no epoch that names them can be run again.
#include "stream/engine_int.h"

typedef struct sli_fixing {
    sl_stream *node;
    sl_bytes bytes;   ///< of the running epoch; in its arena
    const char *path; ///< likewise
} sli_fixing;

sl_code sli_fix_open(sli_engine *engine, sl_error *err)
{
    const sl_graph *graph = engine->graph;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        engine->n_fixing += graph->nodes[i]->ops->fix != NULL;
    }
    size_t size = (size_t)(engine->n_fixing + 1) * sizeof *engine->fixing;
    engine->fixing = sl_arena_alloc_zero(engine->job_arena, size);
    if (engine->fixing == NULL) {
        return sl_error_nomem(err, size, "what operators fix");
    }
    int32_t n = 0;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i]->ops->fix != NULL) {
            engine->fixing[n++] = (sli_fixing){.node = graph->nodes[i], .path = ""};
        }
    }
    return SL_OK;
}

static sli_fix fix_of(const sli_engine *engine, int64_t epoch, int64_t time_us)
{
    return (sli_fix){.epoch = epoch,
                     .time_us = time_us,
                     .env = engine->world,
                     .log = engine->log,
                     .metrics = engine->env.runtime->metrics,
                     .ckpt = engine->ckpt,
                     .arena = engine->epoch_arena,
                     .path = ""};
}

static void take_recorded(sli_fix *how, const sli_plan *plan, const sl_stream *node)
{
    const sli_plan_fixed *fixed = plan == NULL ? NULL : sli_plan_fixed_find(plan, node->uid);
    if (fixed != NULL) { // NULL: the graph has changed, the operator is new
        how->recorded = &fixed->bytes;
        how->recorded_path = fixed->path;
    }
}

sl_code sli_fix_all(sli_engine *engine, const sli_plan *recorded, int64_t time_us, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_fixing; i++) {
        sli_fixing *f = &engine->fixing[i];
        sli_fix how = fix_of(engine, engine->epoch + 1, time_us);
        take_recorded(&how, recorded, f->node);
        sl_code rc = f->node->ops->fix(f->node, &how, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "plan of epoch %lld, model %s", (long long)how.epoch,
                                 f->node->uid);
        }
        f->bytes = how.bytes;
        f->path = how.path;
    }
    return SL_OK;
}

sl_code sli_fix_record(sli_engine *engine, sli_plan *plan, sl_error *err)
{
    if (engine->n_fixing == 0) {
        return SL_OK; // the PLAN is as it was before there were such operators
    }
    size_t size = (size_t)engine->n_fixing * sizeof *plan->fixed;
    plan->fixed = sl_arena_alloc_zero(engine->epoch_arena, size);
    if (plan->fixed == NULL) {
        return sl_error_nomem(err, size, "what a PLAN fixes");
    }
    for (int32_t i = 0; i < engine->n_fixing; i++) {
        const sli_fixing *f = &engine->fixing[i];
        plan->fixed[plan->n_fixed++] = (sli_plan_fixed){f->node->uid, f->bytes, f->path};
    }
    return SL_OK;
}

// ---------------------------------------------------------------- at a start, and at a seal

static sl_code sweep(sli_engine *engine, const sli_plan *plans, int32_t n, int64_t sealed,
                     sl_error *err)
{
    size_t most = 1;
    for (int32_t p = 0; p < n; p++) {
        most += (size_t)plans[p].n_fixed;
    }
    if (most == 1 && engine->n_fixing == 0) {
        return SL_OK;
    }
    const char **named = sl_arena_alloc_zero(engine->job_arena, most * sizeof *named);
    if (named == NULL) {
        return sl_error_nomem(err, most * sizeof *named, "kept files");
    }
    for (int32_t p = 0, k = 0; p < n; p++) {
        bool counts = p + 1 == n || plans[p].epoch > sealed;
        for (int32_t i = 0; i < plans[p].n_fixed && counts; i++) {
            named[k++] = plans[p].fixed[i].path;
        }
    }
    return sli_ckpt_sweep_kept(engine->ckpt, named, err);
}

sl_code sli_fix_restore(sli_engine *engine, const sli_plan *plans, int32_t n, int64_t sealed,
                        sl_error *err)
{
    SL_TRY(sweep(engine, plans, n, sealed, err));
    for (int32_t i = 0; i < engine->n_fixing; i++) {
        sl_stream *node = engine->fixing[i].node;
        // Of the last epoch that is not run again: the others are told one by one. Without one the
        // log has forgotten its PLAN, and the oldest there goes before them.
        const sli_plan *last = NULL;
        for (int32_t p = 0; p < n && (last == NULL || plans[p].epoch <= sealed); p++) {
            last = &plans[p];
        }
        sli_fix how = fix_of(engine, last == NULL ? 0 : last->epoch, 0);
        take_recorded(&how, last, node);
        if (how.recorded != NULL) {
            SL_TRY(
                sl_error_wrap(err, node->ops->fix_restore(node, &how, err), "model %s", node->uid));
        }
    }
    return SL_OK;
}

void sli_fix_forget(const sli_engine *engine, int64_t epoch)
{
    for (int32_t i = 0; i < engine->n_fixing; i++) {
        sl_stream *node = engine->fixing[i].node;
        node->ops->fix_forget(node, epoch);
    }
}
