// Rows that outlive their job: those of outboxes until the commit, those of windows until the
// window has passed. Each partition's become an OUTPUT block, counted against the budget and
// spilled when it is short; which attempt's rows count is decided by the scheduler, since the last
// one to begin owns the list and only its end makes the block.
#include "stream/keep.h"

/// Batches that attempts of one partition have pushed so far.
struct sli_part {
    int32_t attempt;
    sli_rows rows;
};

sl_code sli_keeping_begin(sli_keeping *k, int32_t n_partitions, sl_arena *arena, sl_error *err)
{
    size_t bytes = ((size_t)n_partitions + 1) * sizeof *k->parts;
    k->parts = sl_arena_alloc_zero(arena, bytes);
    k->n_parts = n_partitions;
    return k->parts == NULL ? sl_error_nomem(err, bytes, "the partitions of an output") : SL_OK;
}

static void part_reset(struct sli_part *p)
{
    sli_rows_reset(&p->rows);
    p->attempt = 0;
}

void sli_keeping_end(sli_keeping *k)
{
    for (int32_t i = 0; k->parts != NULL && i < k->n_parts; i++) {
        part_reset(&k->parts[i]);
    }
}

sl_code sli_keeping_push(sli_keeping *k, sli_task *task, sl_batch *batch, sl_error *err)
{
    struct sli_part *p = &k->parts[task->partition];
    task->rows_out += sl_batch_rows(batch);
    if (p->attempt != task->attempt) {
        part_reset(p);
        p->attempt = task->attempt;
    }
    int64_t room = k->row_limit - p->rows.n_rows;
    if (room <= 0) {
        return SL_OK;
    }
    if (sl_batch_rows(batch) <= room) {
        return sli_rows_add(&p->rows, batch, err);
    }
    sl_batch *first = NULL;
    SL_TRY(sli_batch_slice(batch, 0, room, &first, err));
    sl_code rc = sli_rows_add(&p->rows, first, err);
    sl_batch_unref(first);
    return rc;
}

sl_code sli_keeping_close(sli_keeping *k, sli_task *task, sl_error *err)
{
    struct sli_part *p = &k->parts[task->partition];
    if (p->attempt != task->attempt) {
        part_reset(p);
    }
    if (p->rows.n == 0) {
        return SL_OK;
    }
    sli_block_id id = {SLI_BLOCK_OUTPUT, k->owner, task->partition, 0};
    sl_code rc = sli_blocks_put(task->runtime->blocks, id, SL_MEMORY_AND_DISK, p->rows.batches,
                                p->rows.n, err);
    part_reset(p);
    k->has_rows[task->partition] = rc == SL_OK; // the partition's own byte, read after the job
    return rc;
}

sl_code sli_kept_each(sli_blocks *blocks, int64_t owner, int32_t partition, sli_batch_fn each,
                      void *ctx, sl_error *err)
{
    bool found = false;
    sli_block_id id = {SLI_BLOCK_OUTPUT, owner, partition, 0};
    SL_TRY(sli_blocks_each(blocks, id, each, ctx, &found, err));
    return found
               ? SL_OK
               : sl_error_set(err, SL_E_NOT_FOUND, "kept rows of partition %d are gone", partition);
}
