// each.c — a partition's batches: from the cache when they are there, else computed, and cached on
// the way.
//
// A cached partition is a list of *chunks*, blocks of some megabytes, so that no partition has to
// fit memory whole, and an index block (rdd, partition, 0) put last, which names them ("chunk
// int64"). Chunk numbers are unique in the runtime: two tasks that cache the same partition at once
// never mix their chunks. A chunk that was evicted in the middle is no failure: the partition is
// computed again and the rows that were pushed already are left out.
#include "rdd/rdd_int.h"

enum { CHUNK_BYTES = 4 << 20, MAX_CHUNKS = 1 << 20 };

static sli_block_id block_of(const sl_rdd *rdd, int32_t partition, int32_t minor)
{
    return (sli_block_id){SLI_BLOCK_RDD, rdd->id, partition, minor};
}

// ---------------------------------------------------------------- writing

/// Stands between the computing of a partition and its reader: keeps what passes.
typedef struct tee {
    sl_rdd *rdd;
    int32_t partition;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    int64_t skip;  ///< rows that the reader has already
    sli_rows rows; ///< of the chunk in the making
    bool keeping;  ///< false once memory had no room for it
    int64_t *chunks;
    int32_t n_chunks, capacity;
} tee;

static void forget_chunks(tee *t)
{
    for (int32_t i = 0; i < t->n_chunks; i++) {
        sli_blocks_remove(t->task->runtime->blocks,
                          block_of(t->rdd, t->partition, (int32_t)t->chunks[i]));
    }
    t->n_chunks = 0;
    t->keeping = false;
    sli_rows_reset(&t->rows);
}

static sl_code put_chunk(tee *t, sl_error *err)
{
    if (t->n_chunks == t->capacity) {
        int32_t capacity = t->capacity == 0 ? 4 : t->capacity * 2;
        int64_t *more = capacity > MAX_CHUNKS
                            ? NULL
                            : sl_realloc(SLI_TAG_RDD, t->chunks, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            forget_chunks(t); // not cached: the lineage is there
            return SL_OK;
        }
        t->chunks = more;
        t->capacity = capacity;
    }
    sli_runtime *runtime = t->task->runtime;
    // Relaxed: only that no two are equal matters. 2^31 chunks of 4 MiB last for as long as the
    // process.
    uint32_t number =
        (uint32_t)atomic_fetch_add_explicit(&runtime->next_chunk, 1, memory_order_relaxed);
    int32_t chunk = (int32_t)(number % INT32_MAX) + 1; // 0 is the index
    sli_block_id id = block_of(t->rdd, t->partition, chunk);
    SL_TRY(sli_blocks_put(runtime->blocks, id, t->rdd->level, t->rows.batches, t->rows.n, err));
    t->chunks[t->n_chunks++] = chunk;
    sli_rows_reset(&t->rows);
    if (!sli_blocks_has(runtime->blocks, id)) {
        forget_chunks(t);
    }
    return SL_OK;
}

static sl_code put_index(tee *t, sl_error *err)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    SL_TRY(sl_schema_parse(&schema, "chunk int64", err));
    sl_code rc = sl_builder_new(&builder, schema, err);
    if (rc == SL_OK) {
        for (int32_t i = 0; i < t->n_chunks; i++) {
            sl_builder_int64(builder, 0, t->chunks[i]);
        }
        rc = sl_builder_finish(builder, &batch, err);
    }
    if (rc == SL_OK) {
        sl_level level =
            t->rdd->level == SL_DISK_ONLY ? SL_MEMORY_AND_DISK : t->rdd->level; // it is tiny
        rc = sli_blocks_put(t->task->runtime->blocks, block_of(t->rdd, t->partition, 0), level,
                            &batch, 1, err);
    }
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rc;
}

/// Pushes the rows of a batch that the reader has not had.
static sl_code push_rest(tee *t, sl_batch *batch, sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    if (t->skip == 0) {
        return t->push(t->ctx, batch, err);
    }
    int64_t skip = t->skip < n ? t->skip : n;
    t->skip -= skip;
    if (skip == n) {
        return SL_OK;
    }
    sl_batch *rest = NULL;
    SL_TRY(sli_batch_slice(batch, skip, n - skip, &rest, err));
    sl_code rc = t->push(t->ctx, rest, err);
    sl_batch_unref(rest);
    return rc;
}

static sl_code tee_push(void *ctx, sl_batch *batch, sl_error *err)
{
    tee *t = ctx;
    if (t->keeping) {
        SL_TRY(sli_rows_add(&t->rows, batch, err));
        if (t->rows.bytes >= CHUNK_BYTES) {
            SL_TRY(put_chunk(t, err));
        }
    }
    return push_rest(t, batch, err);
}

static sl_code compute_and_keep(sl_rdd *rdd, int32_t partition, sli_task *task, int64_t skip,
                                sli_push_fn push, void *ctx, sl_error *err)
{
    tee t = {.rdd = rdd,
             .partition = partition,
             .task = task,
             .push = push,
             .ctx = ctx,
             .skip = skip,
             .keeping = true};
    sl_code rc = rdd->ops->compute(rdd, partition, task, tee_push, &t, err);
    if (rc == SL_OK && t.keeping && t.rows.n > 0) {
        rc = put_chunk(&t, err);
    }
    if (rc == SL_OK && t.keeping &&
        !sli_blocks_has(task->runtime->blocks, block_of(rdd, partition, 0))) {
        rc = put_index(&t, err);
    } else {
        forget_chunks(&t); // failed, without room, or another task was first
    }
    sli_rows_reset(&t.rows);
    sl_free(t.chunks);
    return rc;
}

// ---------------------------------------------------------------- reading

typedef struct cached {
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sli_rows index;
    int64_t pushed; ///< rows the reader has got
    bool stopped;   ///< it was the reader that failed, not the cache
} cached;

static sl_code take_index(void *ctx, const sl_batch *batch, sl_error *err)
{
    return sli_rows_add(&((cached *)ctx)->index, batch, err);
}

static sl_code take_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    cached *c = ctx;
    sl_code rc = sli_task_check(c->task, err);
    if (rc == SL_OK) {
        sl_batch *shared = sl_batch_ref(batch);
        c->task->source_from = -1; // where a cached row came from is not known any more
        rc = c->push(c->ctx, shared, err);
        sl_batch_unref(shared);
        c->pushed += sl_batch_rows(batch);
    }
    c->stopped = rc != SL_OK;
    return rc;
}

/// *whole true: all was pushed. False: c->pushed rows were, the rest is not there.
static sl_code read_chunks(sl_rdd *rdd, int32_t partition, cached *c, bool *whole, sl_error *err)
{
    sli_blocks *blocks = c->task->runtime->blocks;
    for (int32_t b = 0; b < c->index.n; b++) {
        const sl_column *chunks = sl_batch_column(c->index.batches[b], 0);
        for (int64_t i = 0; i < chunks->n_rows; i++) {
            bool found = false;
            sl_error failure = SL_ERROR_INIT;
            sli_block_id id = block_of(rdd, partition, (int32_t)sl_column_int64(chunks, i));
            sl_code rc = sli_blocks_each(blocks, id, take_batch, c, &found, &failure);
            if (rc != SL_OK && (c->stopped || rc == SL_E_CRASHED)) {
                if (err != NULL) {
                    *err = failure;
                }
                return rc;
            }
            if (rc != SL_OK || !found) { // evicted, or damaged on disk: the lineage is still there
                sli_blocks_remove(blocks, id);
                return SL_OK;
            }
        }
    }
    *whole = true;
    return SL_OK;
}

static sl_code each_cached(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                           void *ctx, sl_error *err)
{
    cached c = {.task = task, .push = push, .ctx = ctx};
    sli_blocks *blocks = task->runtime->blocks;
    bool found = false, whole = false;
    sl_error failure = SL_ERROR_INIT;
    sl_code rc =
        sli_blocks_each(blocks, block_of(rdd, partition, 0), take_index, &c, &found, &failure);
    if (rc == SL_E_CRASHED || rc == SL_E_NOMEM) {
        sli_rows_reset(&c.index);
        if (err != NULL) {
            *err = failure;
        }
        return rc;
    }
    rc = SL_OK;
    if (found) {
        rc = read_chunks(rdd, partition, &c, &whole, err);
    }
    sli_rows_reset(&c.index);
    if (rc != SL_OK || whole) {
        return rc;
    }
    if (found) {
        sli_blocks_remove(blocks, block_of(rdd, partition, 0));
    }
    return compute_and_keep(rdd, partition, task, c.pushed, push, ctx, err);
}

bool sli_rdd_is_kept(const sl_rdd *rdd)
{
    if (rdd->level == SL_LEVEL_NONE) {
        return false;
    }
    for (int32_t i = 0; i < rdd->n_partitions; i++) {
        if (!sli_blocks_has(rdd->runtime->blocks, block_of(rdd, i, 0))) {
            return false;
        }
    }
    return true;
}

sl_code sli_rdd_each(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                     sl_error *err)
{
    if (rdd->is_empty) {
        return SL_OK;
    }
    if (rdd->level != SL_LEVEL_NONE && !task->past_caches) {
        return each_cached(rdd, partition, task, push, ctx, err);
    }
    return rdd->ops->compute(rdd, partition, task, push, ctx, err);
}
