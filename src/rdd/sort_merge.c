// sort_merge.c — sorted runs as one, in rounds.
//
// Each run shows its next rows, a batch. The least of the batches' last rows is a *bound* up to
// which every run's rows are at hand: these are put behind one another in the order of the runs and
// sorted by the sort that is stable and works on numbers (order_sort.c), where a tree of
// comparisons would go through the columns for each row. Rows equal to the bound: the first run
// that ends its batch with it may go on with such rows, so those of later runs wait.
#include "rdd/rdd_int.h"

/// Where the merge stands in one run.
typedef struct cursor {
    const sli_run *run;
    int32_t next;    ///< block
    sl_batch *batch; ///< NULL: the run is at its end
    int64_t row;     ///< in the batch
} cursor;

typedef struct merge {
    const sli_runs *runs;
    cursor *at;
    sl_batch **parts; ///< of this round, one a run that has some
    int32_t n, n_parts;
    sli_weight weight;
} merge;

// ---------------------------------------------------------------- reading

static sl_code add_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    return sli_rows_add(ctx, batch, err);
}

static sl_code read_block(const sli_runs *runs, cursor *c, sl_error *err)
{
    sli_rows rows = {0};
    bool found = false;
    sli_blocks *blocks = runs->task->runtime->blocks;
    sli_block_id id = {SLI_BLOCK_TASK, runs->owner, c->run->number, c->next};
    sl_code rc = sli_blocks_each(blocks, id, add_batch, &rows, &found, err);
    if (rc == SL_OK && !found) {
        rc = sl_error_set(err, SL_E_NOT_FOUND, "a block of a running sort is lost");
    }
    rc = rc != SL_OK ? rc : sli_rows_concat(&rows, runs->schema, &c->batch, err);
    sli_rows_reset(&rows);
    sli_blocks_remove(blocks, id);
    c->next++;
    c->row = 0;
    return rc;
}

/// Goes to the next row there is, or the run's end.
static sl_code settle(const sli_runs *runs, cursor *c, sl_error *err)
{
    if (c->batch != NULL && c->row == sl_batch_rows(c->batch)) {
        sl_batch_unref(c->batch);
        c->batch = NULL;
    }
    return c->batch != NULL || c->next == c->run->n_blocks ? SL_OK : read_block(runs, c, err);
}

static sl_code settle_all(merge *m, sl_error *err)
{
    int64_t weight = 0;
    for (int32_t i = 0; i < m->n; i++) {
        cursor *c = &m->at[i];
        SL_TRY(settle(m->runs, c, err));
        weight += c->batch == NULL
                      ? 0
                      : sli_sort_weight(sl_batch_rows(c->batch), sl_batch_bytes(c->batch));
    }
    sli_weight_set(&m->weight, weight);
    return SL_OK;
}

// ---------------------------------------------------------------- a round

static int64_t last_of(const cursor *c)
{
    return sl_batch_rows(c->batch) - 1;
}

/// The first run whose batch ends with the bound; -1: all runs are at their end.
static int32_t find_bound(const merge *m)
{
    int32_t least = -1;
    for (int32_t i = 0; i < m->n; i++) {
        const cursor *c = &m->at[i], *bound = &m->at[least < 0 ? i : least];
        if (c->batch != NULL &&
            (least < 0 || sli_order_compare(m->runs->order, c->batch, last_of(c), bound->batch,
                                            last_of(bound)) < 0)) {
            least = i;
        }
    }
    return least;
}

/// The first row of the batch that waits: it comes after the bound, or, `equal_waits`, with it.
static int64_t first_waiting(const merge *m, const cursor *c, const cursor *bound, bool equal_waits)
{
    int64_t low = c->row, high = sl_batch_rows(c->batch);
    while (low < high) {
        int64_t middle = (low + high) / 2;
        int way = sli_order_compare(m->runs->order, c->batch, middle, bound->batch, last_of(bound));
        if (equal_waits ? way < 0 : way <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static sl_code take_parts(merge *m, int32_t bound, sl_error *err)
{
    for (int32_t i = 0; i < m->n; i++) {
        cursor *c = &m->at[i];
        int64_t end = c->batch == NULL ? c->row : first_waiting(m, c, &m->at[bound], i > bound);
        if (end > c->row) {
            SL_TRY(sli_batch_slice(c->batch, c->row, end - c->row, &m->parts[m->n_parts], err));
            m->n_parts++;
            c->row = end;
        }
    }
    return SL_OK;
}

static sl_code push_parts(merge *m, sli_push_fn push, void *ctx, sl_error *err)
{
    sl_batch *all = NULL;
    int32_t *order = NULL;
    SL_TRY(sli_batch_concat((const sl_batch *const *)m->parts, m->n_parts, &all, err));
    sl_code rc = sli_order_sort(m->runs->order, all, &order, err);
    rc = rc != SL_OK ? rc
                     : sli_push_rows(all, order, sl_batch_rows(all), m->runs->task, push, ctx, err);
    sl_free(order);
    sl_batch_unref(all);
    return rc;
}

static void drop_parts(merge *m)
{
    for (int32_t i = 0; i < m->n_parts; i++) {
        sl_batch_unref(m->parts[i]);
    }
    m->n_parts = 0;
}

static sl_code merge_round(merge *m, bool *more, sli_push_fn push, void *ctx, sl_error *err)
{
    SL_TRY(settle_all(m, err));
    int32_t bound = find_bound(m);
    *more = bound >= 0;
    sl_code rc = bound < 0 ? SL_OK : take_parts(m, bound, err);
    rc = rc != SL_OK || bound < 0 ? rc : push_parts(m, push, ctx, err);
    drop_parts(m);
    return rc;
}

// ---------------------------------------------------------------- the merge

static sl_code start(merge *m, int32_t first, sl_error *err)
{
    m->at = sl_alloc_array(SLI_TAG_RDD, (size_t)m->n, sizeof *m->at);
    m->parts = sl_alloc_array(SLI_TAG_RDD, (size_t)m->n, sizeof *m->parts);
    if (m->at == NULL || m->parts == NULL) {
        return sl_error_nomem(err, (size_t)m->n * sizeof *m->at, "the merge of sorted runs");
    }
    for (int32_t i = 0; i < m->n; i++) {
        m->at[i] = (cursor){.run = &m->runs->runs[first + i]};
    }
    return SL_OK;
}

static void reset(merge *m)
{
    for (int32_t i = 0; m->at != NULL && i < m->n; i++) {
        sl_batch_unref(m->at[i].batch);
    }
    sl_free(m->at);
    sl_free(m->parts);
    sli_weight_set(&m->weight, 0);
}

sl_code sli_runs_merge_some(const sli_runs *runs, int32_t first, int32_t n, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    merge m = {.runs = runs, .n = n, .weight = {.budget = runs->task->runtime->budget}};
    sl_code rc = start(&m, first, err);
    for (bool more = true; rc == SL_OK && more;) {
        rc = merge_round(&m, &more, push, ctx, err);
    }
    reset(&m);
    return rc;
}
