// sorter.c — a partition sorted: in memory when it fits, else as runs that are merged.
//
// Rows are held until sorting them would take more than a table may weigh; then they become a
// sorted run of blocks (sort_runs.c), and the next rows are held. Runs are made in order of arrival
// and merged in that order, so the sort is stable, and how many there were shows in no row.
#include "rdd/rdd_int.h"

typedef struct sorter {
    const sli_op *op;
    sli_task *task;
    sli_rows held;
    sli_weight weight;
    sli_runs runs;
} sorter;

enum { MOST_ROWS = 1 << 30 }; ///< of a run: row numbers are 32 bits

int64_t sli_sort_weight(int64_t n_rows, int64_t bytes)
{
    return 2 * bytes + n_rows * SLI_SORT_ROW_BYTES;
}

/// Pushes what is held in order, and holds nothing then.
static sl_code sort_held(sorter *s, sli_push_fn push, void *ctx, sl_error *err)
{
    sl_batch *rows = NULL;
    int32_t *order = NULL;
    int64_t n = s->held.n_rows, bytes = s->held.bytes;
    sl_code rc = sli_rows_concat(&s->held, s->op->in, &rows, err);
    sli_rows_reset(&s->held);
    sli_weight_set(&s->weight, sli_sort_weight(n, bytes));
    rc = rc != SL_OK ? rc : sli_order_sort(s->op->order, rows, &order, err);
    sli_weight_set(&s->weight, bytes + n * (int64_t)sizeof *order);
    rc = rc != SL_OK ? rc : sli_push_rows(rows, order, n, s->task, push, ctx, err);
    sl_free(order);
    sl_batch_unref(rows);
    sli_weight_set(&s->weight, 0);
    return rc;
}

static sl_code cut_run(sorter *s, sl_error *err)
{
    SL_TRY(sli_runs_begin(&s->runs, s->op->order, s->op->in, s->task, err));
    SL_TRY(sort_held(s, sli_runs_push, &s->runs, err));
    return sli_runs_end(&s->runs, err);
}

static sl_code hold(void *ctx, sl_batch *batch, sl_error *err)
{
    sorter *s = ctx;
    SL_TRY(sli_rows_add_compact(&s->held, batch, err));
    sli_weight_set(&s->weight, s->held.bytes);
    bool too_much =
        sli_sort_weight(s->held.n_rows, s->held.bytes) > sli_table_most(s->task->runtime);
    return too_much || s->held.n_rows > MOST_ROWS ? cut_run(s, err) : SL_OK;
}

static sl_code finish(sorter *s, sli_push_fn push, void *ctx, sl_error *err)
{
    if (s->runs.n == 0) {
        return s->held.n == 0 ? SL_OK : sort_held(s, push, ctx, err);
    }
    SL_TRY(s->held.n == 0 ? SL_OK : cut_run(s, err));
    return sli_runs_merge(&s->runs, push, ctx, err);
}

sl_code sli_compute_sort(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                         void *ctx, sl_error *err)
{
    sorter s = {.op = rdd->body, .task = task, .weight = {.budget = task->runtime->budget}};
    sl_code rc = sli_dep_each(rdd, 0, partition, task, hold, &s, err);
    rc = rc != SL_OK ? rc : finish(&s, push, ctx, err);
    sli_runs_reset(&s.runs);
    sli_rows_reset(&s.held);
    sli_weight_set(&s.weight, 0);
    return rc;
}
