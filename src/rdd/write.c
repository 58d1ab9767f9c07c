// write.c — the map side of a shuffle: computes a partition, combines, cuts by target, puts blocks.
//
//     batch ─► combine ─► cut by target ─► pending ─► full batches ─► piece: one block a target
//
// Memory is bounded: a combining table is emptied at MAX_GROUPS groups or MAX_TABLE_BYTES, and what
// waits for its blocks becomes a piece when it gets large. The first two are constants, because a
// table emptied early adds floats in another order, and the memory budget must not reach a result;
// how rows are cut into pieces changes no row and no batch.
#include "rdd/rdd_int.h"

enum {
    MAX_GROUPS = 1 << 20,
    MAX_TABLE_BYTES = 128 << 20,
    MIN_PIECE = 256 << 10,
    MAX_PIECE = 8 << 20
};

/// Rows on their way to one reduce partition.
typedef struct target {
    sli_rows pending; ///< small batches, until they are SLI_BATCH_ROWS rows
    sli_rows full;
} target;

typedef struct writer {
    sli_shuffle *shuffle;
    int32_t map;
    sli_task *task;
    sli_map_output *output;
    target *targets;
    int64_t full_bytes, piece_bytes;
    int64_t row;        ///< rows seen: round robin
    sli_groups *groups; ///< combining and distinct
    sli_aggs *aggs;
    sl_builder *partial;
    sl_args args;
    sli_weight weight;
    // scratch for a batch of up to `capacity` rows
    int64_t capacity;
    int32_t *group, *where, *order;
    uint64_t *hashes;
    int64_t *counts; ///< n_out + 1
} writer;

// ---------------------------------------------------------------- pieces

static sl_code grow_output(writer *w, sl_error *err)
{
    sli_map_output *o = w->output;
    if (o->n_pieces < o->capacity) {
        return SL_OK;
    }
    if (o->n_pieces == SLI_MAX_PIECES) {
        return sl_error_set(err, SL_E_NO_SPACE,
                            "a map task of a shuffle made %d pieces: use more partitions",
                            SLI_MAX_PIECES);
    }
    int32_t capacity = o->capacity == 0 ? 1 : o->capacity * 2;
    size_t size = (size_t)capacity * (size_t)w->shuffle->n_out * sizeof *o->rows;
    int64_t *rows = sl_realloc(SLI_TAG_RDD, o->rows, size);
    if (rows == NULL) {
        return sl_error_nomem(err, size, "the list of a shuffle's blocks");
    }
    o->rows = rows;
    o->capacity = capacity;
    return SL_OK;
}

static sl_code put_piece(writer *w, sl_error *err)
{
    SL_TRY(grow_output(w, err));
    sli_shuffle *s = w->shuffle;
    int32_t first = w->output->n_pieces * s->n_out;
    for (int32_t r = 0; r < s->n_out; r++) {
        sli_rows *full = &w->targets[r].full;
        w->output->rows[first + r] = full->n_rows;
        w->task->rows_out += full->n_rows;
        if (full->n_rows > 0) {
            sli_block_id id = {SLI_BLOCK_SHUFFLE, s->id, w->map, first + r};
            SL_TRY(sli_blocks_put(w->task->runtime->blocks, id, SL_MEMORY_AND_DISK, full->batches,
                                  full->n, err));
        }
        sli_rows_reset(full);
    }
    w->output->n_pieces++;
    w->full_bytes = 0;
    if (w->output->n_pieces % 1024 == 0) {
        w->piece_bytes *= 2; // so that their number stays bounded
    }
    return SL_OK;
}

/// Makes one honest batch of what is pending: small batches become one, and none pins a large
/// buffer for a few rows.
static sl_code fill_up(writer *w, target *t, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sli_rows_concat(&t->pending, w->shuffle->schema, &batch, err));
    sli_rows_reset(&t->pending);
    sl_code rc = SL_OK;
    if (sli_batch_is_loose(batch)) {
        sl_batch *compact = NULL;
        rc = sli_batch_compact(batch, &compact, err);
        if (rc == SL_OK) {
            sl_batch_unref(batch);
            batch = compact;
        }
    }
    if (rc == SL_OK) {
        rc = sli_rows_add(&t->full, batch, err);
        w->full_bytes += sl_batch_bytes(batch);
    }
    sl_batch_unref(batch);
    return rc;
}

static sl_code add_to(writer *w, int32_t r, const sl_batch *batch, sl_error *err)
{
    target *t = &w->targets[r];
    SL_TRY(sli_rows_add(&t->pending, batch, err));
    return t->pending.n_rows >= SLI_BATCH_ROWS ? fill_up(w, t, err) : SL_OK;
}

static sl_code put_when_large(writer *w, sl_error *err)
{
    return w->full_bytes >= w->piece_bytes ? put_piece(w, err) : SL_OK;
}

// ---------------------------------------------------------------- cutting

static void free_scratch(writer *w)
{
    sl_free(w->group);
    sl_free(w->where);
    sl_free(w->order);
    sl_free(w->hashes);
    w->group = w->where = w->order = NULL;
    w->hashes = NULL;
    w->capacity = 0;
}

static sl_code grow_scratch(writer *w, int64_t n, sl_error *err)
{
    if (n <= w->capacity) {
        return SL_OK;
    }
    free_scratch(w);
    int64_t capacity = n < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : n + n / 4;
    w->group = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *w->group);
    w->where = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *w->where);
    w->order = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *w->order);
    w->hashes = sl_alloc(SLI_TAG_RDD, (size_t)capacity * sizeof *w->hashes);
    if (w->group == NULL || w->where == NULL || w->order == NULL || w->hashes == NULL) {
        free_scratch(w);
        return sl_error_nomem(err, (size_t)capacity * sizeof *w->hashes,
                              "the cutting of a shuffle");
    }
    w->capacity = capacity;
    return SL_OK;
}

static int32_t range_of(const sli_shuffle *s, const sl_batch *batch, int64_t row)
{
    int64_t low = 0, high = sl_batch_rows(s->bounds);
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (sli_order_compare(s->ordered, batch, row, s->bounds, middle) <= 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return (int32_t)low;
}

/// where[i] = reduce partition of row i.
static void place(writer *w, const sl_batch *batch, const uint64_t *hashes)
{
    const sli_shuffle *s = w->shuffle;
    int64_t n = sl_batch_rows(batch);
    switch (s->cut) {
    case SLI_CUT_HASH:
        for (int64_t i = 0; i < n; i++) {
            w->where[i] = sli_partition_of(sli_slot_of(hashes[i]), s->n_out);
        }
        break;
    case SLI_CUT_ROUND_ROBIN:
        for (int64_t i = 0; i < n; i++) {
            w->where[i] = (int32_t)((w->map + w->row + i) % s->n_out);
        }
        w->row += n;
        break;
    case SLI_CUT_RANGE:
        for (int64_t i = 0; i < n; i++) {
            w->where[i] = range_of(s, batch, i);
        }
        break;
    case SLI_CUT_ONE:
        memset(w->where, 0, (size_t)n * sizeof *w->where);
        break;
    }
}

/// Takes each target's rows, in order: a counting sort of row numbers by target.
static sl_code scatter(writer *w, const sl_batch *batch, sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    int32_t n_out = w->shuffle->n_out;
    memset(w->counts, 0, (size_t)(n_out + 1) * sizeof *w->counts);
    for (int64_t i = 0; i < n; i++) {
        w->counts[w->where[i] + 1]++;
    }
    for (int32_t r = 0; r < n_out; r++) {
        w->counts[r + 1] += w->counts[r];
    }
    for (int64_t i = 0; i < n; i++) {
        w->order[w->counts[w->where[i]]++] = (int32_t)i;
    }
    int64_t from = 0; // counts[r] is now where target r ends
    for (int32_t r = 0; r < n_out; r++) {
        int64_t rows = w->counts[r] - from;
        if (rows == n) {
            return add_to(w, r, batch, err);
        }
        if (rows > 0) {
            sl_batch *part = NULL;
            SL_TRY(sli_batch_take(batch, w->order + from, rows, &part, err));
            sl_code rc = add_to(w, r, part, err);
            sl_batch_unref(part);
            SL_TRY(rc);
        }
        from = w->counts[r];
    }
    return SL_OK;
}

/// `hashes` of the rows' keys, or NULL to be computed when needed.
static sl_code send(writer *w, const sl_batch *batch, const uint64_t *hashes, sl_error *err)
{
    const sli_shuffle *s = w->shuffle;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    if (s->n_out == 1) {
        SL_TRY(add_to(w, 0, batch, err));
        return put_when_large(w, err);
    }
    SL_TRY(grow_scratch(w, sl_batch_rows(batch), err));
    if (s->cut == SLI_CUT_HASH && hashes == NULL) {
        sli_batch_hash(batch, s->keys, s->n_keys, w->hashes);
        hashes = w->hashes;
    }
    place(w, batch, hashes);
    SL_TRY(scatter(w, batch, err));
    return put_when_large(w, err);
}

// ---------------------------------------------------------------- combining

static sl_code start_table(writer *w, sl_error *err)
{
    const sli_shuffle *s = w->shuffle;
    w->weight.budget = w->task->runtime->budget;
    SL_TRY(sli_groups_new(&w->groups, s->parent->schema, s->keys, s->n_keys, err));
    if (s->combine == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_task_args(w->task, NULL, (uint64_t)s->n_keys, 0, &w->args, err));
    SL_TRY(sl_builder_new(&w->partial, s->schema, err));
    return sli_aggs_new(&w->aggs, s->combine, &w->args, err);
}

/// Partial states of all groups go over; the table starts again.
static sl_code empty_table(writer *w, sl_error *err)
{
    int64_t n = sli_groups_count(w->groups);
    int64_t step = (int64_t)w->shuffle->n_out * 1024; // so that a target's share of it is no crumb
    step = step < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : step > 65536 ? 65536 : step;
    for (int64_t from = 0; from < n; from += step) {
        SL_TRY(sli_task_check(w->task, err));
        int64_t rows = n - from < step ? n - from : step;
        sl_batch *batch = NULL;
        SL_TRY(sli_groups_keys(w->groups, from, rows, w->partial, 0, err));
        SL_TRY(sli_aggs_partial(w->aggs, from, rows, w->partial, err));
        SL_TRY(sli_builder_flush(w->partial, &batch, err));
        sl_code rc = send(w, batch, sli_groups_hashes(w->groups) + from, err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
    sli_groups_clear(w->groups);
    sli_aggs_clear(w->aggs);
    return SL_OK;
}

static sl_code push_combine(void *ctx, sl_batch *batch, sl_error *err)
{
    writer *w = ctx;
    if (w->groups == NULL) {
        SL_TRY(start_table(w, err));
    }
    SL_TRY(grow_scratch(w, sl_batch_rows(batch), err));
    SL_TRY(sli_groups_add(w->groups, batch, NULL, w->group, err));
    SL_TRY(sli_aggs_grow(w->aggs, sli_groups_count(w->groups), err));
    SL_TRY(sli_aggs_update(w->aggs, w->group, batch, err));
    int64_t bytes = sli_groups_bytes(w->groups) + sli_aggs_bytes(w->aggs);
    sli_weight_set(&w->weight, bytes);
    if (sli_groups_count(w->groups) >= MAX_GROUPS || bytes >= MAX_TABLE_BYTES) {
        return empty_table(w, err);
    }
    return SL_OK;
}

/// Distinct: only the first row of a key goes over. A table that is full starts again: rows it
/// forgot may go twice, and the reduce side drops them.
static sl_code push_unique(void *ctx, sl_batch *batch, sl_error *err)
{
    writer *w = ctx;
    if (w->groups == NULL) {
        SL_TRY(start_table(w, err));
    }
    int64_t n = sl_batch_rows(batch), fresh = 0;
    int32_t known = (int32_t)sli_groups_count(w->groups);
    SL_TRY(grow_scratch(w, n, err));
    SL_TRY(sli_groups_add(w->groups, batch, NULL, w->group, err));
    for (int64_t i = 0; i < n; i++) {
        if (w->group[i] == known) { // numbers are given in the order of first sight
            w->order[fresh++] = (int32_t)i;
            known++;
        }
    }
    int64_t bytes = sli_groups_bytes(w->groups);
    sli_weight_set(&w->weight, bytes);
    if (known >= MAX_GROUPS || bytes >= MAX_TABLE_BYTES) {
        sli_groups_clear(w->groups);
    }
    if (fresh == 0) {
        return SL_OK;
    }
    sl_batch *rows = NULL;
    SL_TRY(sli_batch_take(batch, w->order, fresh, &rows, err));
    sl_code rc = send(w, rows, NULL, err);
    sl_batch_unref(rows);
    return rc;
}

static sl_code push_plain(void *ctx, sl_batch *batch, sl_error *err)
{
    return send(ctx, batch, NULL, err);
}

// ---------------------------------------------------------------- one map task

static sl_code start_targets(writer *w, sl_error *err)
{
    int32_t n_out = w->shuffle->n_out;
    w->targets = sl_alloc_array(SLI_TAG_RDD, (size_t)n_out, sizeof *w->targets);
    w->counts = sl_alloc_array(SLI_TAG_RDD, (size_t)n_out + 1, sizeof *w->counts);
    if (w->targets == NULL || w->counts == NULL) {
        return sl_error_nomem(err, (size_t)n_out * sizeof *w->targets, "a map task of a shuffle");
    }
    int64_t share = sli_budget_limit(w->task->runtime->budget) / 16;
    w->piece_bytes = share < MIN_PIECE ? MIN_PIECE : share > MAX_PIECE ? MAX_PIECE : share;
    return SL_OK;
}

static sl_code push_first(void *ctx, sl_batch *batch, sl_error *err)
{
    writer *w = ctx;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    if (w->targets == NULL) {
        SL_TRY(start_targets(w, err));
    }
    return w->shuffle->combine != NULL ? push_combine(w, batch, err)
           : w->shuffle->unique        ? push_unique(w, batch, err)
                                       : push_plain(w, batch, err);
}

static sl_code finish(writer *w, sl_error *err)
{
    if (w->aggs != NULL) {
        SL_TRY(empty_table(w, err));
    }
    bool any = w->full_bytes > 0;
    for (int32_t r = 0; w->targets != NULL && r < w->shuffle->n_out; r++) {
        if (w->targets[r].pending.n > 0) {
            SL_TRY(fill_up(w, &w->targets[r], err));
        }
        any = any || w->targets[r].full.n > 0;
    }
    return any ? put_piece(w, err) : SL_OK;
}

static void reset(writer *w)
{
    for (int32_t r = 0; w->targets != NULL && r < w->shuffle->n_out; r++) {
        sli_rows_reset(&w->targets[r].pending);
        sli_rows_reset(&w->targets[r].full);
    }
    sl_free(w->targets);
    sl_free(w->counts);
    free_scratch(w);
    if (w->groups != NULL) {
        sli_groups_free(w->groups);
    }
    if (w->aggs != NULL) {
        sli_aggs_free(w->aggs);
    }
    sl_builder_free(w->partial);
    sli_weight_set(&w->weight, 0);
}

sl_code sli_shuffle_write(sli_shuffle *shuffle, int32_t map_partition, sli_task *task,
                          sl_error *err)
{
    writer w = {.shuffle = shuffle,
                .map = map_partition,
                .task = task,
                .output = &shuffle->outputs[map_partition]};
    w.output->n_pieces =
        0; // an attempt that failed may have left some; their blocks are replaced or never read
    sl_code rc = sli_rdd_each(shuffle->parent, map_partition, task, push_first, &w, err);
    if (rc == SL_OK) {
        rc = finish(&w, err);
    }
    reset(&w);
    return rc;
}
