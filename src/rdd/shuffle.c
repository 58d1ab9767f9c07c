// shuffle.c — what lies between two stages: its life, and its reduce side. The map side is write.c.
#include "rdd/rdd_int.h"

static sl_code fill(sli_shuffle *s, sli_runtime *runtime, sl_rdd *parent, sli_cut cut,
                    const int32_t *keys, int32_t n_keys, int32_t n_out, sl_error *err)
{
    SL_ASSERT(cut != SLI_CUT_CODE || s->combine == NULL, "keys are columns of what goes over");
    s->id = runtime->next_id++;
    s->parent = parent;
    s->cut = cut;
    s->n_out = n_out;
    s->n_keys = n_keys;
    s->keys = sl_alloc(SLI_TAG_RDD, (size_t)(n_keys + 1) * sizeof *s->keys);
    s->written = sl_alloc_array(SLI_TAG_RDD, (size_t)parent->n_partitions, sizeof *s->written);
    s->outputs = sl_alloc_array(SLI_TAG_RDD, (size_t)parent->n_partitions, sizeof *s->outputs);
    if (s->keys == NULL || s->written == NULL || s->outputs == NULL) {
        return sl_error_nomem(err, (size_t)parent->n_partitions * sizeof *s->outputs, "a shuffle");
    }
    if (n_keys > 0) {
        memcpy(s->keys, keys, (size_t)n_keys * sizeof *keys);
    }
    return SL_OK;
}

sli_shuffle *sli_shuffle_new(sli_runtime *runtime, sl_rdd *parent, sli_cut cut, const int32_t *keys,
                             int32_t n_keys, sli_agg_plan *combine, int32_t n_out, sl_error *err)
{
    sli_shuffle *s = sl_alloc_zero(SLI_TAG_RDD, sizeof *s);
    if (s == NULL) {
        if (combine != NULL) {
            sli_agg_plan_free(combine);
        }
        sl_error_nomem(err, sizeof *s, "a shuffle");
        return NULL;
    }
    s->owned = s->combine = combine;
    s->schema = combine != NULL ? sli_agg_plan_partial(combine) : parent->schema;
    if (fill(s, runtime, parent, cut, keys, n_keys, n_out, err) != SL_OK) {
        sli_shuffle_free(s);
        return NULL;
    }
    return s;
}

sl_code sli_shuffle_make(sli_runtime *runtime, sl_rdd *parent, sli_cut cut, sli_op *op,
                         int32_t n_out, sli_shuffle **out, sl_error *err)
{
    sli_shuffle *s = sl_alloc_zero(SLI_TAG_RDD, sizeof *s);
    if (s == NULL) {
        return sl_error_nomem(err, sizeof *s, "a shuffle");
    }
    s->op = sli_op_ref(op);
    s->combine = op->raw ? NULL : op->plan;
    s->schema = s->combine != NULL ? sli_agg_plan_partial(s->combine) : parent->schema;
    s->unique = op->unique;
    s->ordered = op->order;
    s->order = op->text;
    sl_code rc = fill(s, runtime, parent, cut, op->keys, op->n_keys, n_out, err);
    if (rc != SL_OK) {
        sli_shuffle_free(s);
        return rc;
    }
    *out = s;
    return SL_OK;
}

/// Whether any block was put: an empty epoch's shuffle costs no visit to the block table.
static bool has_blocks(const sli_shuffle *s)
{
    for (int32_t m = 0; s->outputs != NULL && m < s->parent->n_partitions; m++) {
        if (s->outputs[m].capacity > 0) {
            return true;
        }
    }
    return false;
}

void sli_shuffle_free(sli_shuffle *shuffle)
{
    if (shuffle == NULL) {
        return;
    }
    if (has_blocks(shuffle)) {
        sli_blocks_remove_owner(shuffle->parent->runtime->blocks, SLI_BLOCK_SHUFFLE, shuffle->id);
    }
    for (int32_t m = 0; shuffle->outputs != NULL && m < shuffle->parent->n_partitions; m++) {
        sl_free(shuffle->outputs[m].rows);
    }
    sl_free(shuffle->outputs);
    sl_free(shuffle->written);
    sl_free(shuffle->keys);
    sl_batch_unref(shuffle->bounds);
    if (shuffle->owned != NULL) {
        sli_agg_plan_free(shuffle->owned);
    }
    sli_op_unref(shuffle->op);
    sl_free(shuffle);
}

// ---------------------------------------------------------------- what map tasks wrote

void sli_shuffle_publish(sli_shuffle *shuffle, int32_t map_partition, sli_map_output *output)
{
    sl_free(shuffle->outputs[map_partition].rows); // of an output that was lost
    shuffle->outputs[map_partition] = *output;
    shuffle->written[map_partition] = true;
    *output = (sli_map_output){0};
}

void sli_shuffle_discard(sli_shuffle *shuffle, int32_t map_partition, sli_map_output *output)
{
    // The piece after the last one may have been begun: put_piece counts it when it is whole.
    int32_t n = output->n_pieces < output->capacity ? output->n_pieces + 1 : output->n_pieces;
    sli_blocks *blocks = shuffle->parent->runtime->blocks;
    for (int32_t at = 0; at < n * shuffle->n_out; at++) {
        sli_blocks_remove(blocks, (sli_block_id){SLI_BLOCK_SHUFFLE, shuffle->id, map_partition,
                                                 sli_map_block(output, shuffle->n_out, at)});
    }
    sl_free(output->rows);
    *output = (sli_map_output){0};
}

// ---------------------------------------------------------------- the reduce side

typedef struct reader {
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    bool stopped; ///< the reader's own failure, not that of a block
} reader;

static sl_code take_block(void *ctx, const sl_batch *batch, sl_error *err)
{
    reader *r = ctx;
    sl_code rc = sli_task_check(r->task, err);
    if (rc == SL_OK) {
        sl_batch *shared = sl_batch_ref(batch);
        rc = r->push(r->ctx, shared, err);
        sl_batch_unref(shared);
    }
    r->stopped = rc != SL_OK;
    return rc;
}

static sl_code lost(sli_shuffle *s, int32_t map, sli_task *task, const char *how, sl_error *err)
{
    task->lost_shuffle = s;
    task->lost_map = map;
    sl_error_set(err, SL_E_NOT_FOUND, "output of map partition %d of shuffle %lld %s", map,
                 (long long)s->id, how);
    (void)sl_error_act(err, SL_ACT_REPLAY_EPOCH);
    return SL_E_NOT_FOUND;
}

static sl_code each_block(sli_shuffle *s, int32_t map, int32_t minor, reader *r, sl_error *err)
{
    bool found = false;
    sli_block_id id = {SLI_BLOCK_SHUFFLE, s->id, map, minor};
    sli_blocks *blocks = r->task->runtime->blocks;
    sl_code rc = sli_blocks_each(blocks, id, take_block, r, &found, err);
    if (rc == SL_OK && !found) {
        return lost(s, map, r->task, "is lost", err);
    }
    if (rc != SL_OK && !r->stopped &&
        (rc == SL_E_CORRUPT || rc == SL_E_IO || rc == SL_E_NOT_FOUND)) {
        sli_blocks_remove(blocks,
                          id); // spilled and can't be read back: its map side makes it again
        return lost(s, map, r->task, "can't be read back", err);
    }
    return rc;
}

sl_code sli_shuffle_each(sli_shuffle *shuffle, int32_t reduce_partition, sli_task *task,
                         sli_push_fn push, void *ctx, sl_error *err)
{
    reader r = {.task = task, .push = push, .ctx = ctx};
    task->source_from = -1; // rows of many places are mixed from here on
    for (int32_t map = 0; map < shuffle->parent->n_partitions; map++) {
        if (!shuffle->written[map]) {
            return lost(shuffle, map, task, "was never written", err);
        }
        const sli_map_output *output = &shuffle->outputs[map];
        for (int32_t piece = 0; piece < output->n_pieces; piece++) {
            int32_t at = piece * shuffle->n_out + reduce_partition;
            if (output->rows[at] > 0) {
                int32_t minor = sli_map_block(output, shuffle->n_out, at);
                SL_TRY(each_block(shuffle, map, minor, &r, err));
            }
        }
    }
    return SL_OK;
}
