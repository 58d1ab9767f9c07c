// Rows of an epoch, kept until their keys have been looked up.
#include "stream/event/gather.h"

static sl_code make_room(sli_gather *g, int64_t n, sl_error *err)
{
    if (n > INT32_MAX / 2) {
        return sl_error_set(err, SL_E_DATA,
                            "more than 2^30 rows for one partition in one epoch: set more "
                            "partitions or a shorter interval");
    }
    if (n > g->capacity) {
        int32_t *more = sl_realloc(SLI_TAG_STREAM, g->group_of, (size_t)n * 2 * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)n * 2 * sizeof *more, "keys of rows");
        }
        g->group_of = more;
        g->capacity = (int32_t)n * 2;
    }
    return SL_OK;
}

static sl_code take_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_gather *g = ctx;
    int64_t n = g->rows.n_rows;
    if (g->groups == NULL) {
        SL_TRY(sli_groups_new(&g->groups, sl_batch_schema(batch), g->keys, g->task->self->n_keys,
                              err));
    }
    SL_TRY(make_room(g, n + sl_batch_rows(batch), err));
    SL_TRY(sli_groups_add_by(g->groups, batch, g->keys, NULL, g->group_of + n, err));
    SL_TRY(sli_rows_add(&g->rows, batch, err));
    (void)sli_budget_reserve(g->task->task->runtime->budget, g->rows.bytes - g->weight,
                             true); // counted, so that blocks make room
    g->weight = g->rows.bytes;
    return SL_OK;
}

sl_code sli_gather_all(sli_gather *g, sl_error *err)
{
    return sli_timed_rows(g->task, g->side, take_rows, g, err);
}

void sli_gather_reset(sli_gather *g)
{
    sli_budget_release(g->task->task->runtime->budget, g->weight);
    sli_rows_reset(&g->rows);
    if (g->groups != NULL && !g->shares_groups) {
        sli_groups_free(g->groups);
    }
    sl_free(g->group_of);
}
