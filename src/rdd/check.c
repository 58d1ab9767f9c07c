// check.c — the same rows, shown to somebody who may refuse them: what a sink can't take is found
// where an operator's rows are, so that they can be isolated as other rows that fail.
#include "rdd/rdd_int.h"

typedef struct checking {
    const sl_rdd *rdd;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
} checking;

static sl_code push_checked(void *ctx, sl_batch *batch, sl_error *err)
{
    const checking *c = ctx;
    const sli_rows_check *check = c->rdd->body;
    sl_code rc = check->fn(check->ctx, batch, err);
    if (rc != SL_OK) {
        c->task->operator_uid = c->rdd->uid;
        return sl_error_wrap(err, rc, "%s", c->rdd->uid == NULL ? "check" : c->rdd->uid);
    }
    return c->push(c->ctx, batch, err);
}

static sl_code compute_check(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    checking c = {rdd, task, push, ctx};
    return sli_rdd_each(rdd->deps[0].parent, partition, task, push_checked, &c, err);
}

static const sli_rdd_ops check_ops = {.name = "check",
                                      .compute = compute_check,
                                      .keeps_empty = true,
                                      .keeps_place = true,
                                      .by_row = true};

sl_rdd *sli_rdd_check(sl_rdd *rdd, sli_rows_check *check, const char *uid)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)};
    sl_rdd *out =
        sli_rdd_new(rdd->runtime, &check_ops, rdd->schema, rdd->n_partitions, &dep, 1, check);
    if (out != NULL && out->mistake == NULL) {
        out->uid = uid;
    }
    return out;
}
