// Broadcast variables of the job: declared by the build function, made by the engine before the
// first epoch that could read them.
#include "stream/graph_def.h"

static sl_code check(const sl_graph *graph, const char *name, const sl_broadcast_fn *fn,
                     const char *args, sl_error *err)
{
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size,       sizeof *fn, "sl_broadcast_fn", fn->name,
                             (sli_code_fn)fn->make, fn->version};
    }
    SL_TRY(sli_fn_head_check(graph, &head, args, err));
    if (name == NULL || !sli_is_uid(name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "its name is 1 to %d of [A-Za-z0-9_.-], not beginning with a dot",
                            SLI_MAX_UID);
    }
    for (int32_t i = 0; i < graph->n_broadcasts; i++) {
        if (strcmp(graph->broadcasts[i].name, name) == 0) {
            return sl_error_set(err, SL_E_INVALID, "there is one of that name already");
        }
    }
    return graph->n_broadcasts < SL_MAX_BROADCASTS
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "there are too many: a job may have %d",
                              SL_MAX_BROADCASTS);
}

static sl_code add(sl_graph *graph, const char *name, const sl_broadcast_fn *fn, const char *args,
                   sl_error *err)
{
    SL_TRY(check(graph, name, fn, args, err));
    struct sli_broadcast *own = &graph->broadcasts[graph->n_broadcasts];
    own->fn = fn;
    SL_TRY(sli_graph_copy(graph, name, &own->name, err));
    SL_TRY(sli_graph_copy(graph, args, &own->args, err));
    graph->n_broadcasts++;
    return SL_OK;
}

void sl_graph_broadcast(sl_graph *graph, const char *name, const sl_broadcast_fn *fn,
                        const char *args)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = add(graph, name, fn, args, &err);
    if (rc != SL_OK) {
        rc = sl_error_wrap(&err, rc, "broadcast variable '%s'", name == NULL ? "" : name);
        sli_graph_stick(graph, rc, &err);
    }
}

sl_code sli_graph_broadcasts(const sl_graph *graph, sli_budget *budget, sli_bvars **out,
                             sl_error *err)
{
    sli_bvars *vars = NULL;
    SL_TRY(sli_bvars_new(&vars, budget, err));
    for (int32_t i = 0; i < graph->n_broadcasts; i++) {
        sl_code rc = sli_bvars_declare(vars, graph->broadcasts[i].name, err);
        if (rc != SL_OK) {
            sli_bvars_free(vars);
            return rc;
        }
    }
    *out = vars;
    return SL_OK;
}

void sli_put_broadcasts(sli_str *out, const sl_graph *graph)
{
    for (int32_t i = 0; i < graph->n_broadcasts; i++) {
        const struct sli_broadcast *of = &graph->broadcasts[i];
        sli_str_printf(out, "%s broadcast", of->name);
        sli_put_pair(out, "fn", of->fn->name);
        sli_str_printf(out, " version=%u%s", (unsigned)of->fn->version,
                       of->fn->impure ? " impure" : "");
        sli_put_pair(out, "args", of->args);
        sli_str_char(out, '\n');
    }
}

// ---------------------------------------------------------------- at the start of an epoch

typedef struct making {
    const sl_graph *graph;
    const sli_epoch *epoch;
} making;

static sl_code make_one(void *ctx, int32_t index, sl_loan *out, sl_error *err)
{
    const making *m = ctx;
    const struct sli_broadcast *of = &m->graph->broadcasts[index];
    sli_rng rng;
    sl_args args = sli_driver_args(m->epoch, of->args, of->name, &rng);
    sl_error error = SL_ERROR_INIT;
    sl_code rc = of->fn->make(&args, out, &error);
    if (rc != SL_OK && err != NULL) {
        *err = error;
    }
    return rc == SL_OK ? SL_OK
                       : sl_error_wrap(err, rc, "broadcast variable '%s', make of '%s'", of->name,
                                       of->fn->name);
}

sl_code sli_epoch_broadcast(const sl_graph *graph, const sli_epoch *epoch, sl_error *err)
{
    sli_bvars *vars = epoch->runtime->bvars;
    making m = {graph, epoch};
    return vars == NULL || !sli_bvars_are_due(vars) ? SL_OK
                                                    : sli_bvars_make(vars, make_one, &m, err);
}
