// Rows that outlive their job: those of outboxes until the commit, those of windows until the
// window has passed. Each partition's become an OUTPUT block, counted against the budget and
// spilled when it is short. Attempts that run beside each other gather in lists of their own
// (sli_task.copy), and each that ends well makes a block; which one counts the scheduler says.
#include "stream/keep.h"

#include "stream/graph_def.h"

/// Batches that the attempts with one number (sli_task.copy) at a partition have pushed so far.
struct sli_part {
    bool has_block;
    sli_rows rows;
};

sl_code sli_keeping_begin(sli_keeping *k, int32_t n_partitions, sl_arena *arena, sl_error *err)
{
    size_t bytes = ((size_t)n_partitions + 1) * SLI_COPIES * sizeof *k->parts;
    k->parts = sl_arena_alloc_zero(arena, bytes);
    k->n_parts = n_partitions * SLI_COPIES;
    return k->parts == NULL ? sl_error_nomem(err, bytes, "the partitions of an output") : SL_OK;
}

static struct sli_part *part_of(const sli_keeping *k, const sli_task *task)
{
    return &k->parts[task->partition * SLI_COPIES + task->copy];
}

static void part_reset(struct sli_part *p)
{
    sli_rows_reset(&p->rows);
    p->has_block = false;
}

void sli_keeping_end(sli_keeping *k)
{
    for (int32_t i = 0; k->parts != NULL && i < k->n_parts; i++) {
        part_reset(&k->parts[i]);
    }
}

sl_code sli_keeping_push(sli_keeping *k, sli_task *task, sl_batch *batch, sl_error *err)
{
    struct sli_part *p = part_of(k, task);
    task->rows_out += sl_batch_rows(batch);
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
    struct sli_part *p = part_of(k, task);
    if (p->rows.n == 0) {
        return SL_OK;
    }
    sli_block_id id = {SLI_BLOCK_OUTPUT, k->owner, task->partition, task->copy};
    sl_code rc = sli_blocks_put(task->runtime->blocks, id, SL_MEMORY_AND_DISK, p->rows.batches,
                                p->rows.n, err);
    part_reset(p);
    p->has_block = rc == SL_OK;
    return rc;
}

void sli_keeping_won(sli_keeping *k, const sli_task *task)
{
    k->has_rows[task->partition] = part_of(k, task)->has_block ? (uint8_t)(1 + task->copy) : 0;
}

void sli_keeping_lost(sli_keeping *k, const sli_task *task)
{
    struct sli_part *p = part_of(k, task);
    if (p->has_block) {
        sli_blocks_remove(task->runtime->blocks,
                          (sli_block_id){SLI_BLOCK_OUTPUT, k->owner, task->partition, task->copy});
    }
    part_reset(p);
}

sl_code sli_kept_each(sli_blocks *blocks, int64_t owner, int32_t partition, uint8_t has_rows,
                      sli_batch_fn each, void *ctx, sl_error *err)
{
    bool found = false;
    sli_block_id id = {SLI_BLOCK_OUTPUT, owner, partition, has_rows - 1};
    SL_TRY(sli_blocks_each(blocks, id, each, ctx, &found, err));
    return found
               ? SL_OK
               : sl_error_set(err, SL_E_NOT_FOUND, "kept rows of partition %d are gone", partition);
}

// ---------------------------------------------------------------- all of them at once

sl_code sli_gather(void *ctx, const sl_batch *batch, sl_error *err)
{
    sli_gathered *g = ctx;
    const sl_batch **grown = sli_grown(g->batches, g->n, &g->capacity, sizeof(sl_batch *));
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)g->n * sizeof(sl_batch *), "kept rows");
    }
    g->batches = grown;
    g->batches[g->n++] = sl_batch_ref(batch);
    return SL_OK;
}

void sli_gathered_reset(sli_gathered *gathered)
{
    for (int32_t i = 0; i < gathered->n; i++) {
        sl_batch_unref(gathered->batches[i]);
    }
    sl_free(gathered->batches);
    *gathered = (sli_gathered){0};
}
