// sort_runs.c — sorted runs as blocks: how they are written, and when some become one.
//
//     rows in order ─► pending ─► block of one batch ─► run ─► FAN_IN runs of a level ─► one above
//
// The list of runs is in order of arrival; only its newest ones are merged, so it stays so. The
// blocks of all runs that are merged at once, and what sorting them takes, weigh together what a
// table may weigh; a block is removed as it is read.
#include "rdd/rdd_int.h"

enum { MIN_FAN_IN = 4, MAX_FAN_IN = 32, GOOD_BLOCK = 64 << 10 };

// ---------------------------------------------------------------- writing

static sl_code put_block(sli_runs *r, sl_error *err)
{
    sl_batch *block = NULL;
    sli_run *run = &r->runs[r->n - 1];
    sli_block_id id = {SLI_BLOCK_TASK, r->owner, run->number, run->n_blocks};
    SL_TRY(sli_rows_concat(&r->pending, r->schema, &block, err));
    sli_rows_reset(&r->pending);
    sl_code rc = sli_blocks_put(r->task->runtime->blocks, id, SL_MEMORY_AND_DISK, &block, 1, err);
    sl_batch_unref(block);
    run->n_blocks += rc == SL_OK;
    return rc;
}

static sl_code add(sli_runs *r, const sl_batch *batch, sl_error *err);

static sl_code add_half(sli_runs *r, const sl_batch *batch, int64_t from, int64_t n, sl_error *err)
{
    sl_batch *half = NULL;
    SL_TRY(sli_batch_slice(batch, from, n, &half, err));
    sl_code rc = add(r, half, err);
    sl_batch_unref(half);
    return rc;
}

/// A batch of wide rows goes over in halves.
static sl_code add(sli_runs *r, const sl_batch *batch, sl_error *err)
{
    int64_t n = sl_batch_rows(batch), before = r->pending.bytes;
    SL_TRY(sli_rows_add_compact(&r->pending, batch, err));
    if (n > 1 && sli_sort_weight(n, r->pending.bytes - before) > 2 * r->block_weight) {
        sl_batch *wide = sli_rows_drop_last(&r->pending);
        sl_code rc = add_half(r, wide, 0, n / 2, err);
        rc = rc != SL_OK ? rc : add_half(r, wide, n / 2, n - n / 2, err);
        sl_batch_unref(wide);
        return rc;
    }
    bool full = sli_sort_weight(r->pending.n_rows, r->pending.bytes) >= r->block_weight;
    return full ? put_block(r, err) : SL_OK;
}

sl_code sli_runs_push(void *ctx, sl_batch *batch, sl_error *err)
{
    return add(ctx, batch, err);
}

// ---------------------------------------------------------------- the list

static void set_up(sli_runs *r, const sli_order *order, const sl_schema *schema, sli_task *task)
{
    int64_t most = sli_table_most(task->runtime), fan_in = most / GOOD_BLOCK;
    r->order = order;
    r->schema = schema;
    r->task = task;
    r->owner = atomic_fetch_add(&task->runtime->next_owner, 1);
    r->fan_in = fan_in < MIN_FAN_IN   ? MIN_FAN_IN
                : fan_in > MAX_FAN_IN ? MAX_FAN_IN
                                      : (int32_t)fan_in;
    r->block_weight = most / r->fan_in;
}

static sl_code append(sli_runs *r, int32_t level, sl_error *err)
{
    if (r->n == r->capacity) {
        int32_t capacity = r->capacity == 0 ? 64 : 2 * r->capacity;
        size_t size = (size_t)capacity * sizeof *r->runs;
        sli_run *more = sl_realloc(SLI_TAG_RDD, r->runs, size);
        if (more == NULL) {
            return sl_error_nomem(err, size, "the list of sorted runs");
        }
        r->runs = more;
        r->capacity = capacity;
    }
    r->runs[r->n++] = (sli_run){.number = r->next++, .level = level};
    return SL_OK;
}

sl_code sli_runs_begin(sli_runs *r, const sli_order *order, const sl_schema *schema, sli_task *task,
                       sl_error *err)
{
    if (r->task == NULL) {
        set_up(r, order, schema, task);
    }
    return append(r, 0, err);
}

/// The newest `n` runs become one.
static sl_code join_newest(sli_runs *r, int32_t n, sl_error *err)
{
    int32_t first = r->n - n, level = r->runs[first].level + 1;
    SL_TRY(append(r, level, err));
    sl_code rc = sli_runs_merge_some(r, first, n, sli_runs_push, r, err);
    rc = rc != SL_OK || r->pending.n == 0 ? rc : put_block(r, err);
    r->runs[first] = r->runs[r->n - 1];
    r->n = first + 1;
    return rc;
}

static bool newest_are_alike(const sli_runs *r)
{
    return r->n >= r->fan_in && r->runs[r->n - r->fan_in].level == r->runs[r->n - 1].level;
}

sl_code sli_runs_end(sli_runs *r, sl_error *err)
{
    SL_TRY(r->pending.n == 0 ? SL_OK : put_block(r, err));
    while (newest_are_alike(r)) {
        SL_TRY(join_newest(r, r->fan_in, err));
    }
    return SL_OK;
}

sl_code sli_runs_merge(sli_runs *r, sli_push_fn push, void *ctx, sl_error *err)
{
    while (r->n > r->fan_in) {
        int32_t too_many = r->n - r->fan_in + 1;
        SL_TRY(join_newest(r, too_many < r->fan_in ? too_many : r->fan_in, err));
    }
    return sli_runs_merge_some(r, 0, r->n, push, ctx, err);
}

void sli_runs_reset(sli_runs *r)
{
    if (r->task != NULL) {
        sli_blocks_remove_owner(r->task->runtime->blocks, SLI_BLOCK_TASK, r->owner);
    }
    sli_rows_reset(&r->pending);
    sl_free(r->runs);
    *r = (sli_runs){0};
}
