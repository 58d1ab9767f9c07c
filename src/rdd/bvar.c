// bvar.c — broadcast variables: values by name, counted in the budget.
#include "rdd/bvar.h"

enum { MAX_NAME = 100 };

typedef struct bvar {
    char *name;
    sl_loan value;
    bool has_value, is_due;
} bvar;

struct sli_bvars {
    sli_budget *budget;
    bvar all[SL_MAX_BROADCASTS];
    int32_t n;
    bool any_due;
};

// ---------------------------------------------------------------- values

static void give_back(const sl_loan *value)
{
    if (value->release != NULL) {
        value->release(value->ctx);
    }
}

static void let_go(sli_bvars *vars, bvar *var)
{
    if (var->has_value) {
        sli_budget_release(vars->budget, (int64_t)var->value.size_bytes);
        give_back(&var->value);
    }
    var->value = (sl_loan){0};
    var->has_value = false;
}

/// Blocks make room for it, as for everything that can't be evicted itself.
static void keep(sli_bvars *vars, bvar *var, sl_loan value)
{
    let_go(vars, var);
    (void)sli_budget_reserve(vars->budget, (int64_t)value.size_bytes, true);
    var->value = value;
    var->has_value = true;
    var->is_due = false;
}

// ---------------------------------------------------------------- the set

sl_code sli_bvars_new(sli_bvars **out, sli_budget *budget, sl_error *err)
{
    sli_bvars *vars = sl_alloc_zero(SLI_TAG_RDD, sizeof *vars);
    if (vars == NULL) {
        return sl_error_nomem(err, sizeof *vars, "broadcast variables");
    }
    vars->budget = budget;
    *out = vars;
    return SL_OK;
}

void sli_bvars_free(sli_bvars *vars)
{
    if (vars == NULL) {
        return;
    }
    for (int32_t i = 0; i < vars->n; i++) {
        let_go(vars, &vars->all[i]);
        sl_free(vars->all[i].name);
    }
    sl_free(vars);
}

static bvar *find(const sli_bvars *vars, const char *name)
{
    for (int32_t i = 0; vars != NULL && name != NULL && i < vars->n; i++) {
        if (strcmp(vars->all[i].name, name) == 0) {
            return (bvar *)(uintptr_t)&vars->all[i];
        }
    }
    return NULL;
}

sl_code sli_bvars_declare(sli_bvars *vars, const char *name, sl_error *err)
{
    if (name == NULL || !sli_is_file_name(name, MAX_NAME)) {
        return sl_error_set(err, SL_E_INVALID,
                            "its name is 1 to %d of [A-Za-z0-9_.-], not beginning with a dot",
                            MAX_NAME);
    }
    if (find(vars, name) != NULL) {
        return sl_error_set(err, SL_E_INVALID, "there is one of that name already");
    }
    if (vars->n == SL_MAX_BROADCASTS) {
        return sl_error_set(err, SL_E_INVALID, "there are too many: there may be %d",
                            SL_MAX_BROADCASTS);
    }
    char *copy = sl_strdup(SLI_TAG_RDD, name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name), "the name of a broadcast variable");
    }
    vars->all[vars->n++] = (bvar){.name = copy, .is_due = true};
    vars->any_due = true;
    return SL_OK;
}

sl_code sli_bvars_set(sli_bvars *vars, const char *name, sl_loan value, sl_error *err)
{
    sl_code rc = find(vars, name) != NULL ? SL_OK : sli_bvars_declare(vars, name, err);
    if (rc != SL_OK) {
        give_back(&value);
        return rc;
    }
    keep(vars, find(vars, name), value);
    return SL_OK;
}

void sli_bvars_unset(sli_bvars *vars, const char *name)
{
    bvar *var = find(vars, name);
    if (var != NULL) {
        let_go(vars, var);
    }
}

// ---------------------------------------------------------------- making

bool sli_bvars_are_due(const sli_bvars *vars)
{
    return vars->any_due;
}

sl_code sli_bvars_make(sli_bvars *vars, sli_bvar_make_fn make, void *ctx, sl_error *err)
{
    for (int32_t i = 0; i < vars->n; i++) {
        sl_loan value = {0};
        if (vars->all[i].is_due) {
            SL_TRY(make(ctx, i, &value, err));
            keep(vars, &vars->all[i], value);
        }
    }
    vars->any_due = false;
    return SL_OK;
}

sl_code sli_bvars_renew(sli_bvars *vars, const char *name, sl_error *err)
{
    const char *names[SL_MAX_BROADCASTS + 1] = {NULL};
    bvar *var = find(vars, name);
    if (var != NULL) {
        var->is_due = vars->any_due = true;
        return SL_OK;
    }
    for (int32_t i = 0; vars != NULL && i < vars->n; i++) {
        names[i] = vars->all[i].name;
    }
    const char *near = name == NULL ? NULL : sli_nearest(name, names);
    return sl_error_set(err, SL_E_NOT_FOUND, "there is no broadcast variable '%s'%s%s%s",
                        name == NULL ? "" : name, near == NULL ? "" : ", did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
}

// ---------------------------------------------------------------- what user functions call

const void *sl_args_broadcast(const sl_args *args, const char *name, size_t *size_bytes)
{
    const bvar *var = args == NULL ? NULL : find(args->bvars, name);
    if (size_bytes != NULL) {
        *size_bytes = var == NULL ? 0 : var->value.size_bytes;
    }
    return var == NULL ? NULL : var->value.bytes;
}

sl_code sl_args_rebroadcast(const sl_args *args, const char *name, sl_error *err)
{
    if (args == NULL || args->partition >= 0) {
        return sl_error_set(err, SL_E_STATE,
                            "broadcast variables are renewed by functions that run on the driver");
    }
    return sli_bvars_renew(args->bvars, name, err);
}
