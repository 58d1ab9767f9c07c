// narrow.c — select, where, union: narrow operators without user functions.
#include "rdd/rdd_int.h"

/// What a push of these operators needs.
typedef struct pass {
    sl_rdd *rdd;
    const sli_op *op;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
} pass;

/// Passes a batch on (its reference is taken) when it has rows.
static sl_code pass_on(const pass *p, sl_code rc, sl_batch *batch, sl_error *err)
{
    if (rc == SL_OK && sl_batch_rows(batch) > 0) {
        rc = p->push(p->ctx, batch, err);
    }
    sl_batch_unref(batch);
    return rc;
}

static sl_code blame(const pass *p, sl_code rc, sl_error *err)
{
    const char *uid = p->rdd->uid;
    p->task->operator_uid = uid;
    return sl_error_wrap(err, rc, "%s%s%s%s %s", p->rdd->ops->name, uid == NULL ? "" : " [",
                         uid == NULL ? "" : uid, uid == NULL ? "" : "]", p->op->text);
}

// ---------------------------------------------------------------- select

static sl_code push_select(void *ctx, sl_batch *batch, sl_error *err)
{
    const pass *p = ctx;
    sl_batch *out = NULL;
    sl_code rc = sli_projection_eval(p->op->projection, batch, &out, err);
    return rc == SL_OK ? pass_on(p, rc, out, err) : blame(p, rc, err);
}

static sl_code compute_select(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    pass p = {rdd, rdd->body, task, push, ctx};
    return sli_rdd_each(rdd->deps[0].parent, partition, task, push_select, &p, err);
}

static const sli_rdd_ops select_ops = {.name = "select",
                                       .compute = compute_select,
                                       .free = sli_op_free_body,
                                       .keeps_empty = true,
                                       .by_row = true};

static sl_code compile_select(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_projection_new(&op->projection, op->text, op->in, err));
    op->out = sl_schema_ref(sli_projection_schema(op->projection));
    return SL_OK;
}

// ---------------------------------------------------------------- where

static sl_code push_where(void *ctx, sl_batch *batch, sl_error *err)
{
    const pass *p = ctx;
    sl_batch *out = NULL;
    sl_code rc = sli_condition_filter(p->op->condition, batch, &out, err);
    return rc == SL_OK ? pass_on(p, rc, out, err) : blame(p, rc, err);
}

static sl_code compute_where(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    pass p = {rdd, rdd->body, task, push, ctx};
    return sli_rdd_each(rdd->deps[0].parent, partition, task, push_where, &p, err);
}

static const sli_rdd_ops where_ops = {.name = "where",
                                      .compute = compute_where,
                                      .free = sli_op_free_body,
                                      .keeps_empty = true,
                                      .keeps_place = true,
                                      .by_row = true};

static sl_code compile_where(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_condition_new(&op->condition, op->text, op->in, err));
    op->out = sl_schema_ref(op->in);
    return SL_OK;
}

static sl_rdd *define(sl_rdd *rdd, const sli_rdd_ops *ops, sli_compile_fn compile, const char *text)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {.kind = ops->name, .text = text == NULL ? "" : text, .in = rdd->schema};
    sl_code rc = sli_op_find(rdd->runtime, &key, compile, &op, &error);
    return rc == SL_OK ? sli_rdd_narrow(rdd, ops, op)
                       : sli_rdd_wrong(rdd->runtime, ops->name, &error);
}

sl_rdd *sl_rdd_select(sl_rdd *rdd, const char *expressions)
{
    return define(rdd, &select_ops, compile_select, expressions);
}

sl_rdd *sl_rdd_where(sl_rdd *rdd, const char *condition)
{
    return define(rdd, &where_ops, compile_where, condition);
}

// ---------------------------------------------------------------- union

static sl_code push_renamed(void *ctx, sl_batch *batch, sl_error *err)
{
    const pass *p = ctx;
    if (sl_batch_schema(batch) == p->rdd->schema) {
        return p->push(p->ctx, batch, err);
    }
    sl_batch *renamed = NULL;
    sl_code rc = sli_batch_rename(batch, p->rdd->schema, &renamed, err);
    return pass_on(p, rc, renamed, err);
}

static int32_t parent_of_union(const sl_rdd *rdd, int32_t dep, int32_t partition)
{
    int32_t left = rdd->deps[0].parent->n_partitions;
    return dep == 0 ? (partition < left ? partition : -1)
                    : (partition < left ? -1 : partition - left);
}

static sl_code compute_union(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    int32_t dep = parent_of_union(rdd, 0, partition) >= 0 ? 0 : 1;
    sl_rdd *parent = rdd->deps[dep].parent;
    int32_t from = parent_of_union(rdd, dep, partition);
    if (sl_schema_equal(parent->schema, rdd->schema)) {
        return sli_rdd_each(parent, from, task, push, ctx, err);
    }
    pass p = {rdd, rdd->body, task, push, ctx};
    return sli_rdd_each(parent, from, task, push_renamed, &p, err);
}

static const sli_rdd_ops union_ops = {.name = "union",
                                      .compute = compute_union,
                                      .parent_of = parent_of_union,
                                      .keeps_empty = true,
                                      .by_row = true,
                                      .free = sli_op_free_body};

static sl_code compile_union(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    return sli_schema_union(op->in, op->in2, &op->out, err);
}

sl_rdd *sl_rdd_union(sl_rdd *a, sl_rdd *b)
{
    if (a == NULL || b == NULL || a->mistake != NULL || b->mistake != NULL) {
        return sli_rdd_inherit(a, b);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {.kind = union_ops.name, .in = a->schema, .in2 = b->schema};
    sl_code rc = sli_op_find(a->runtime, &key, compile_union, &op, &error);
    if (rc != SL_OK) {
        return sli_rdd_wrong(a->runtime, union_ops.name, &error);
    }
    if (a->n_partitions > SLI_MAX_PARTITIONS - b->n_partitions) {
        sli_op_unref(op);
        return sli_rdd_mistake(a->runtime, SL_E_INVALID,
                               "union: %d and %d partitions; there may be %d in all",
                               a->n_partitions, b->n_partitions, SLI_MAX_PARTITIONS);
    }
    sli_dep deps[2] = {{.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(a)},
                       {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(b)}};
    return sli_rdd_new(a->runtime, &union_ops, op->out, a->n_partitions + b->n_partitions, deps, 2,
                       op);
}
