// cut.c — rows cut by target, and put as blocks when there are many.
//
//     batch ─► rows by target ─► pending ─► full batches ─► piece: one block a target
//
// Memory is bounded: what waits for its blocks becomes a piece when it gets large. How rows are cut
// into pieces changes no row and no batch, so it may follow the memory budget.
#include "rdd/rdd_int.h"

enum { MIN_PIECE = 256 << 10, MAX_PIECE = 8 << 20 };

/// Rows on their way to one target.
struct sli_target {
    sli_rows pending; ///< small batches, until they are SLI_BATCH_ROWS rows
    sli_rows full;
};

// ---------------------------------------------------------------- pieces

static sl_code grow_output(sli_cutter *c, sl_error *err)
{
    sli_map_output *o = c->output;
    if (o->n_pieces < o->capacity) {
        return SL_OK;
    }
    if (o->n_pieces == SLI_MAX_PIECES) {
        return sl_error_set(err, SL_E_NO_SPACE,
                            "a task of a shuffle made %d pieces: use more partitions",
                            SLI_MAX_PIECES);
    }
    int32_t capacity = o->capacity == 0 ? 1 : o->capacity * 2;
    size_t size = (size_t)capacity * (size_t)c->n_out * sizeof *o->rows;
    int64_t *rows = sl_realloc(SLI_TAG_RDD, o->rows, size);
    if (rows == NULL) {
        return sl_error_nomem(err, size, "the list of a shuffle's blocks");
    }
    o->rows = rows;
    o->capacity = capacity;
    return SL_OK;
}

static sl_code put_piece(sli_cutter *c, sl_error *err)
{
    SL_TRY(grow_output(c, err));
    int32_t first = c->output->n_pieces * c->n_out;
    for (int32_t t = 0; t < c->n_out; t++) {
        sli_rows *full = &c->targets[t].full;
        c->output->rows[first + t] = full->n_rows;
        if (full->n_rows > 0) {
            sli_block_id id = c->id;
            id.minor = sli_map_block(c->output, c->n_out, first + t);
            SL_TRY(sli_blocks_put(c->task->runtime->blocks, id, SL_MEMORY_AND_DISK, full->batches,
                                  full->n, err));
        }
        sli_rows_reset(full);
    }
    c->output->n_pieces++;
    c->full_bytes = 0;
    if (c->output->n_pieces % 1024 == 0) {
        c->piece_bytes *= 2; // so that their number stays bounded
    }
    return SL_OK;
}

/// Makes one honest batch of what is pending: small batches become one, and none pins a large
/// buffer for a few rows.
static sl_code fill_up(sli_cutter *c, struct sli_target *t, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sli_rows_concat(&t->pending, c->schema, &batch, err));
    sli_rows_reset(&t->pending);
    int64_t before = t->full.bytes;
    sl_code rc = sli_rows_add_compact(&t->full, batch, err);
    c->full_bytes += t->full.bytes - before;
    sl_batch_unref(batch);
    return rc;
}

static sl_code add(sli_cutter *c, int32_t target, const sl_batch *batch, sl_error *err)
{
    struct sli_target *t = &c->targets[target];
    SL_TRY(sli_rows_add(&t->pending, batch, err));
    return t->pending.n_rows >= SLI_BATCH_ROWS ? fill_up(c, t, err) : SL_OK;
}

static sl_code put_when_large(sli_cutter *c, sl_error *err)
{
    return c->full_bytes >= c->piece_bytes ? put_piece(c, err) : SL_OK;
}

// ---------------------------------------------------------------- cutting

sl_code sli_cutter_start(sli_cutter *c, sl_error *err)
{
    c->targets = sl_alloc_array(SLI_TAG_RDD, (size_t)c->n_out, sizeof *c->targets);
    c->counts = sl_alloc_array(SLI_TAG_RDD, (size_t)c->n_out + 1, sizeof *c->counts);
    if (c->targets == NULL || c->counts == NULL) {
        return sl_error_nomem(err, (size_t)c->n_out * sizeof *c->targets, "the cutting of rows");
    }
    int64_t share = sli_budget_limit(c->task->runtime->budget) / 16;
    c->piece_bytes = share < MIN_PIECE ? MIN_PIECE : share > MAX_PIECE ? MAX_PIECE : share;
    return SL_OK;
}

sl_code sli_cutter_room(sli_cutter *c, int64_t n, sl_error *err)
{
    if (n <= c->capacity) {
        return SL_OK;
    }
    sl_free(c->where);
    sl_free(c->order);
    c->capacity = 0;
    int64_t capacity = n < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : n + n / 4;
    c->where = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *c->where);
    c->order = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *c->order);
    if (c->where == NULL || c->order == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *c->where, "the cutting of rows");
    }
    c->capacity = capacity;
    return SL_OK;
}

/// order = row numbers by target, those of one target in their order; counts[t] = where target t
/// ends: a counting sort.
static void sort_by_target(sli_cutter *c, int64_t n)
{
    memset(c->counts, 0, (size_t)(c->n_out + 1) * sizeof *c->counts);
    for (int64_t i = 0; i < n; i++) {
        c->counts[c->where[i] + 1]++;
    }
    for (int32_t t = 0; t < c->n_out; t++) {
        c->counts[t + 1] += c->counts[t];
    }
    for (int64_t i = 0; i < n; i++) {
        c->order[c->counts[c->where[i]]++] = (int32_t)i;
    }
}

sl_code sli_cutter_add(sli_cutter *c, const sl_batch *batch, sl_error *err)
{
    int64_t n = sl_batch_rows(batch), from = 0;
    sort_by_target(c, n);
    for (int32_t t = 0; t < c->n_out; t++) {
        int64_t rows = c->counts[t] - from;
        if (rows == n) {
            SL_TRY(add(c, t, batch, err));
        } else if (rows > 0) {
            sl_batch *part = NULL;
            SL_TRY(sli_batch_take(batch, c->order + from, rows, &part, err));
            sl_code rc = add(c, t, part, err);
            sl_batch_unref(part);
            SL_TRY(rc);
        }
        from = c->counts[t];
    }
    return put_when_large(c, err);
}

sl_code sli_cutter_add_to(sli_cutter *c, int32_t target, const sl_batch *batch, sl_error *err)
{
    SL_TRY(add(c, target, batch, err));
    return put_when_large(c, err);
}

sl_code sli_cutter_end(sli_cutter *c, sl_error *err)
{
    bool any = c->full_bytes > 0;
    for (int32_t t = 0; c->targets != NULL && t < c->n_out; t++) {
        if (c->targets[t].pending.n > 0) {
            SL_TRY(fill_up(c, &c->targets[t], err));
        }
        any = any || c->targets[t].full.n > 0;
    }
    return any ? put_piece(c, err) : SL_OK;
}

void sli_cutter_reset(sli_cutter *c)
{
    for (int32_t t = 0; c->targets != NULL && t < c->n_out; t++) {
        sli_rows_reset(&c->targets[t].pending);
        sli_rows_reset(&c->targets[t].full);
    }
    sl_free(c->targets);
    sl_free(c->counts);
    sl_free(c->where);
    sl_free(c->order);
    c->targets = NULL;
    c->counts = NULL;
    c->where = c->order = NULL;
    c->capacity = 0;
}
