// Accumulators of the job: declared by the build function, worth nothing until the engine runs.
#include "stream/graph_def.h"

static sl_code add(sl_graph *graph, const sli_acc_def *def, sl_error *err)
{
    SL_TRY(sli_acc_check(def, err));
    for (int32_t i = 0; i < graph->n_accumulators; i++) {
        if (strcmp(graph->accumulators[i].name, def->name) == 0) {
            return sl_error_set(err, SL_E_INVALID, "there is one of that name already");
        }
    }
    if (graph->n_accumulators == SL_MAX_ACCUMULATORS) {
        return sl_error_set(err, SL_E_INVALID, "there are too many: a job may have %d",
                            SL_MAX_ACCUMULATORS);
    }
    sli_acc_def *own = &graph->accumulators[graph->n_accumulators];
    *own = *def;
    SL_TRY(sli_graph_copy(graph, def->name, &own->name, err));
    graph->n_accumulators++;
    return SL_OK;
}

void sl_graph_accumulator(sl_graph *graph, const char *name, sl_accumulator_kind kind,
                          const sl_accumulator_fn *fn)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = add(graph, &(sli_acc_def){name, kind, fn}, &err);
    if (rc != SL_OK) {
        rc = sl_error_wrap(&err, rc, "accumulator '%s'", name == NULL ? "" : name);
        sli_graph_stick(graph, rc, &err);
    }
}

sl_code sli_graph_accumulators(const sl_graph *graph, sli_accs **out, sl_error *err)
{
    sli_accs *accs = NULL;
    SL_TRY(sli_accs_new(&accs, false, err));
    for (int32_t i = 0; i < graph->n_accumulators; i++) {
        sl_code rc = sli_accs_declare(accs, &graph->accumulators[i], err);
        if (rc != SL_OK) {
            sli_accs_free(accs);
            return rc;
        }
    }
    *out = accs;
    return SL_OK;
}

void sli_put_accumulators(sli_str *out, const sl_graph *graph)
{
    for (int32_t i = 0; i < graph->n_accumulators; i++) {
        const sli_acc_def *def = &graph->accumulators[i];
        sli_str_printf(out, "%s accumulator %s", def->name, sli_acc_kind_name(def->kind));
        if (def->fn != NULL) {
            sli_put_pair(out, "fn", def->fn->name);
            sli_str_printf(out, " version=%u", (unsigned)def->fn->version);
        }
        sli_str_char(out, '\n');
    }
}
