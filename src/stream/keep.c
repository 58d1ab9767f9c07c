// Rows that outlive their job: those of outboxes until the commit, those of windows until the
// window has passed. Each partition's become an OUTPUT block, counted against the budget and
// spilled when it is short; which attempt's rows count is decided by the scheduler, since the last
// one to begin owns the list and only its end makes the block.
#include "stream/keep.h"

/// Batches that attempts of one partition have pushed so far.
struct sli_part {
    int32_t attempt;
    sl_batch **batches;
    int32_t n, capacity;
    int64_t rows;
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
    for (int32_t i = 0; i < p->n; i++) {
        sl_batch_unref(p->batches[i]);
    }
    sl_free(p->batches);
    *p = (struct sli_part){0};
}

void sli_keeping_end(sli_keeping *k)
{
    for (int32_t i = 0; k->parts != NULL && i < k->n_parts; i++) {
        part_reset(&k->parts[i]);
    }
}

static sl_code add_batch(struct sli_part *p, SL_TAKES sl_batch *batch, sl_error *err)
{
    if (p->n == p->capacity) {
        int32_t capacity = p->capacity == 0 ? 4 : p->capacity * 2;
        sl_batch **more =
            sl_realloc(SLI_TAG_STREAM, p->batches, (size_t)capacity * sizeof(sl_batch *));
        if (more == NULL) {
            sl_batch_unref(batch);
            return sl_error_nomem(err, (size_t)capacity * sizeof(sl_batch *), "rows of an output");
        }
        p->batches = more;
        p->capacity = capacity;
    }
    p->rows += sl_batch_rows(batch);
    p->batches[p->n++] = batch;
    return SL_OK;
}

sl_code sli_keeping_push(sli_keeping *k, sli_task *task, sl_batch *batch, sl_error *err)
{
    struct sli_part *p = &k->parts[task->partition];
    task->rows_out += sl_batch_rows(batch);
    if (p->attempt != task->attempt) {
        part_reset(p);
        p->attempt = task->attempt;
    }
    if (p->rows >= k->row_limit) {
        return SL_OK;
    }
    sl_batch *kept = NULL;
    if (p->rows + sl_batch_rows(batch) > k->row_limit) {
        SL_TRY(sli_batch_slice(batch, 0, k->row_limit - p->rows, &kept, err));
    } else {
        kept = sl_batch_ref(batch);
    }
    return add_batch(p, kept, err);
}

sl_code sli_keeping_close(sli_keeping *k, sli_task *task, sl_error *err)
{
    struct sli_part *p = &k->parts[task->partition];
    if (p->attempt != task->attempt) {
        part_reset(p);
    }
    if (p->n == 0) {
        return SL_OK;
    }
    sli_block_id id = {SLI_BLOCK_OUTPUT, k->owner, task->partition, 0};
    sl_code rc =
        sli_blocks_put(task->runtime->blocks, id, SL_MEMORY_AND_DISK, p->batches, p->n, err);
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
