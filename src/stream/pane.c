// Panes, and RDDs over them: leaves of a lineage, since what they were made of is gone.
#include "stream/window.h"

#include "stream/keep.h"

#include "base/hash.h"

enum { MOST_ROW_PARTITIONS = 1024 }; ///< of a window of rows: each is a task

// ---------------------------------------------------------------- panes

sli_pane *sli_pane_new(sli_blocks *blocks, int64_t owner, int64_t epoch, int64_t time_us,
                       int32_t n_partitions)
{
    sli_pane *pane = sl_alloc_zero(SLI_TAG_STREAM, sizeof *pane + (size_t)n_partitions + 1);
    if (pane != NULL) {
        atomic_init(&pane->refs, 1);
        pane->blocks = blocks;
        pane->owner = owner;
        pane->epoch = pane->made_in = epoch;
        pane->time_us = time_us;
        pane->n_partitions = n_partitions;
    }
    return pane;
}

sli_pane *sli_pane_ref(sli_pane *pane)
{
    atomic_fetch_add_explicit(&pane->refs, 1, memory_order_relaxed);
    return pane;
}

void sli_pane_unref(sli_pane *pane)
{
    // Pairs with the releases of other threads: whoever frees sees all that they did with it.
    if (pane == NULL || atomic_fetch_sub_explicit(&pane->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sli_blocks_remove_owner(pane->blocks, SLI_BLOCK_OUTPUT, pane->owner);
    sli_pane_unref(pane->trimmed);
    sl_free(pane);
}

// ---------------------------------------------------------------- lists

sl_code sli_panes_add(sli_panes *panes, sli_pane *pane, sl_error *err)
{
    sli_pane **grown = sli_grown(panes->at, panes->n, &panes->capacity, sizeof(sli_pane *));
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)panes->n * sizeof(sli_pane *), "the panes of a window");
    }
    panes->at = grown;
    panes->at[panes->n++] = sli_pane_ref(pane);
    return SL_OK;
}

sl_code sli_panes_between(const sli_panes *panes, int64_t from_us, int64_t to_us, sli_panes *out,
                          sl_error *err)
{
    for (int32_t i = 0; i < panes->n; i++) {
        if (panes->at[i]->time_us > from_us && panes->at[i]->time_us <= to_us) {
            SL_TRY(sli_panes_add(out, panes->at[i], err));
        }
    }
    return SL_OK;
}

static void remove_at(sli_panes *panes, int32_t i)
{
    sli_pane_unref(panes->at[i]);
    panes->n--;
    memmove(panes->at + i, panes->at + i + 1, (size_t)(panes->n - i) * sizeof(sli_pane *));
}

static void replace_at(sli_panes *panes, int32_t i, sli_pane *pane)
{
    sli_pane *before = panes->at[i];
    panes->at[i] = sli_pane_ref(pane);
    sli_pane_unref(before);
}

sl_code sli_panes_put(sli_panes *panes, sli_pane *pane, sl_error *err)
{
    int32_t i = 0;
    while (i < panes->n && panes->at[i]->epoch != pane->epoch) {
        i++;
    }
    if (i == panes->n) {
        return pane->n_rows == 0 ? SL_OK : sli_panes_add(panes, pane, err);
    }
    if (pane->n_rows == 0) {
        remove_at(panes, i);
    } else {
        replace_at(panes, i, pane);
    }
    return SL_OK;
}

void sli_panes_forget(sli_panes *panes, int64_t epoch)
{
    while (panes->n > 0 && panes->at[panes->n - 1]->made_in == epoch) {
        sli_pane_unref(panes->at[--panes->n]);
    }
}

void sli_panes_uncut(sli_panes *panes)
{
    for (int32_t i = 0; i < panes->n; i++) {
        sli_pane *pane = panes->at[i];
        sli_pane_unref(pane->trimmed);
        pane->trimmed = NULL;
        pane->cut = NULL;
    }
}

void sli_panes_trim(sli_panes *panes)
{
    for (int32_t i = panes->n; i-- > 0;) {
        sli_pane *pane = panes->at[i];
        pane->cut = NULL;
        if (pane->trimmed == NULL) {
            continue;
        }
        if (pane->trimmed->n_rows == 0) {
            remove_at(panes, i);
        } else {
            replace_at(panes, i, pane->trimmed);
        }
    }
}

int64_t sli_panes_last_us(const sli_panes *panes)
{
    int64_t last_us = 0;
    for (int32_t i = 0; i < panes->n; i++) {
        last_us = panes->at[i]->time_us > last_us ? panes->at[i]->time_us : last_us;
    }
    return last_us;
}

void sli_panes_drop(sli_panes *panes, int64_t to_us)
{
    int32_t n = 0;
    while (n < panes->n && panes->at[n]->time_us <= to_us) {
        sli_pane_unref(panes->at[n++]);
    }
    if (n > 0) {
        panes->n -= n;
        memmove(panes->at, panes->at + n, (size_t)panes->n * sizeof(sli_pane *));
    }
}

int64_t sli_panes_rows(const sli_panes *panes)
{
    int64_t rows = 0;
    for (int32_t i = 0; i < panes->n; i++) {
        rows += panes->at[i]->n_rows;
    }
    return rows;
}

void sli_panes_reset(sli_panes *panes)
{
    for (int32_t i = 0; i < panes->n; i++) {
        sli_pane_unref(panes->at[i]);
    }
    sl_free(panes->at);
    *panes = (sli_panes){0};
}

// ---------------------------------------------------------------- some rows of a pane

static bool is_left_out(const sli_choice *choice, int64_t number)
{
    int64_t low = 0, high = choice->n_left_out;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (choice->left_out[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < choice->n_left_out && choice->left_out[low] == number;
}

sl_code sli_pane_cut_batch(const sli_pane_cut *cut, const sl_batch *batch, int64_t number,
                           bool lost, sl_batch **out, sl_error *err)
{
    const sli_choice *choice = &cut->choice;
    int64_t n = sl_batch_rows(batch), n_kept = 0;
    uint8_t *keep = sl_alloc_zero(SLI_TAG_STREAM, (size_t)n / 8 + 1);
    *out = NULL;
    if (keep == NULL) {
        return sl_error_nomem(err, (size_t)n / 8, "rows of a pane");
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t at = number + i;
        bool counts = at >= choice->from && at < choice->to && !is_left_out(choice, at);
        if (counts != lost) {
            keep[i / 8] = (uint8_t)(keep[i / 8] | (1 << (i % 8)));
            n_kept++;
        }
    }
    sl_code rc = n_kept > 0 ? sli_batch_filter(batch, keep, out, err) : SL_OK;
    sl_free(keep);
    return rc;
}

// ---------------------------------------------------------------- rows of a pane

typedef struct reading {
    const sli_window_def *def;
    sli_task *task;
    int32_t partition, n; ///< of which only the rows are wanted; n 0: all
    bool lost;            ///< rows that don't count, in place of those that do
    const sli_pane_cut *cut;
    int64_t number; ///< of the next row; with `cut`
    sli_push_fn push;
    void *ctx;
} reading;

/// The rows whose key lies in the partition.
static sl_code push_own(const reading *r, const sl_batch *batch, sl_error *err)
{
    size_t n = (size_t)sl_batch_rows(batch);
    uint64_t *hashes = sl_alloc(SLI_TAG_STREAM, n * sizeof *hashes);
    uint8_t *keep = sl_alloc_zero(SLI_TAG_STREAM, n / 8 + 1);
    sl_batch *own = NULL;
    sl_code rc =
        hashes == NULL || keep == NULL ? sl_error_nomem(err, n * sizeof *hashes, "hashes") : SL_OK;
    if (rc == SL_OK) {
        sli_batch_hash(batch, r->def->pane_keys, r->def->n_pane_keys, hashes);
        for (size_t i = 0; i < n; i++) {
            bool is_own = sli_partition_of(sli_slot_of(hashes[i]), r->n) == r->partition;
            keep[i / 8] = (uint8_t)(keep[i / 8] | (is_own ? 1 << (i % 8) : 0));
        }
        rc = sli_batch_filter(batch, keep, &own, err);
    }
    if (rc == SL_OK && sl_batch_rows(own) > 0) {
        rc = r->push(r->ctx, own, err);
    }
    sl_batch_unref(own);
    sl_free(hashes);
    sl_free(keep);
    return rc;
}

static sl_code push_batch(const reading *r, const sl_batch *batch, sl_error *err)
{
    if (r->n > 0) {
        return push_own(r, batch, err);
    }
    sl_batch *shared = sl_batch_ref(batch);
    sl_code rc = r->push(r->ctx, shared, err);
    sl_batch_unref(shared);
    return rc;
}

static sl_code read_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    reading *r = ctx;
    SL_TRY(sli_task_check(r->task, err));
    if (r->cut == NULL) {
        return push_batch(r, batch, err);
    }
    sl_batch *some = NULL;
    SL_TRY(sli_pane_cut_batch(r->cut, batch, r->number, r->lost, &some, err));
    r->number += sl_batch_rows(batch);
    sl_code rc = some == NULL ? SL_OK : push_batch(r, some, err);
    sl_batch_unref(some);
    return rc;
}

static sl_code read_partition(const sli_pane *pane, int32_t partition, reading *r, sl_error *err)
{
    if (!pane->has_rows[partition]) {
        return SL_OK;
    }
    r->cut = pane->cut;
    r->number = pane->cut == NULL ? 0 : pane->cut->first[partition];
    r->task->source_from = -1; // its place in a source is not known any more
    return sli_kept_each(pane->blocks, pane->owner, partition, pane->has_rows[partition],
                         read_batch, r, err);
}

static sl_code read_pane(const sli_pane *pane, reading *r, int32_t n, sl_error *err)
{
    if (pane->n_partitions == n) {
        return read_partition(pane, r->partition, r, err);
    }
    r->n = n;
    for (int32_t p = 0; p < pane->n_partitions; p++) {
        SL_TRY(read_partition(pane, p, r, err));
    }
    return SL_OK;
}

sl_code sli_pane_each(const sli_pane *pane, const sli_window_def *def, int32_t partition, int32_t n,
                      sli_task *task, sli_push_fn push, void *ctx, sl_error *err)
{
    reading r = {.def = def, .task = task, .partition = partition, .push = push, .ctx = ctx};
    return read_pane(pane, &r, n, err);
}

sl_code sli_pane_each_lost(const sli_pane *pane, const sli_window_def *def, int32_t partition,
                           int32_t n, sli_task *task, sli_push_fn push, void *ctx, sl_error *err)
{
    reading r = {
        .def = def, .task = task, .partition = partition, .lost = true, .push = push, .ctx = ctx};
    return pane->cut == NULL ? SL_OK : read_pane(pane, &r, n, err);
}

// ---------------------------------------------------------------- RDDs

typedef struct over_panes {
    const sli_window_def *def; ///< lives as long as the graph
    sli_panes panes;
    int32_t n_units; ///< partitions of all panes
} over_panes;

static void free_over(sl_rdd *rdd)
{
    over_panes *over = rdd->body;
    sli_panes_reset(&over->panes);
    sl_free(over);
}

/// Units [from, to): partitions of panes, one after the other.
static sl_code compute_rows(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    const over_panes *over = rdd->body;
    int64_t from = (int64_t)partition * over->n_units / rdd->n_partitions;
    int64_t to = (int64_t)(partition + 1) * over->n_units / rdd->n_partitions;
    reading r = {.task = task, .push = push, .ctx = ctx};
    for (int32_t i = 0; i < over->panes.n && to > 0; i++) {
        const sli_pane *pane = over->panes.at[i];
        for (int64_t p = from < 0 ? 0 : from; p < to && p < pane->n_partitions; p++) {
            SL_TRY(read_partition(pane, (int32_t)p, &r, err));
        }
        from -= pane->n_partitions; // counted from the next pane on
        to -= pane->n_partitions;
    }
    return SL_OK;
}

static sl_code compute_by_key(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    const over_panes *over = rdd->body;
    for (int32_t i = 0; i < over->panes.n; i++) {
        SL_TRY(sli_pane_each(over->panes.at[i], over->def, partition, rdd->n_partitions, task, push,
                             ctx, err));
    }
    return SL_OK;
}

static const sli_rdd_ops rows_ops = {.name = "panes", .compute = compute_rows, .free = free_over};
static const sli_rdd_ops by_key_ops = {
    .name = "panes by key", .compute = compute_by_key, .free = free_over};

static sl_rdd *rdd_over(sli_runtime *runtime, const sl_schema *schema, over_panes *over,
                        int32_t n_partitions)
{
    const sli_rdd_ops *ops = over->def != NULL && over->def->by_key ? &by_key_ops : &rows_ops;
    sl_rdd *rdd = sli_rdd_new(runtime, ops, schema, n_partitions, NULL, 0, over);
    if (rdd != NULL && rdd->mistake == NULL) {
        rdd->rows_expected = sli_panes_rows(&over->panes);
        rdd->is_empty = over->panes.n == 0;
    }
    return rdd;
}

static int32_t row_partitions(const over_panes *over)
{
    int32_t n = over->n_units < MOST_ROW_PARTITIONS ? over->n_units : MOST_ROW_PARTITIONS;
    return n == 0 ? 1 : n;
}

static over_panes *new_over(const sli_window_def *def, sl_error *err)
{
    over_panes *over = sl_alloc_zero(SLI_TAG_STREAM, sizeof *over);
    if (over == NULL) {
        sl_error_nomem(err, sizeof *over, "the RDD of a window");
        return NULL;
    }
    over->def = def;
    return over;
}

static void count_units(over_panes *over)
{
    for (int32_t i = 0; i < over->panes.n; i++) {
        over->n_units += over->panes.at[i]->n_partitions;
    }
}

sl_code sli_window_rows(sl_stream *node, sli_epoch *epoch, sl_rdd **out, sl_error *err)
{
    const sli_window_def *def = node->body;
    over_panes *over = new_over(def, err);
    if (over == NULL) {
        return SL_E_NOMEM;
    }
    if (node->window != NULL) {
        node->window->was_given = true;
        sl_code rc = sli_panes_between(&node->window->panes, epoch->time_us - def->window_us,
                                       epoch->time_us, &over->panes, err);
        if (rc != SL_OK) {
            sli_panes_reset(&over->panes);
            sl_free(over);
            return rc;
        }
    }
    count_units(over);
    int32_t n = def->by_key ? sli_window_partitions(node, epoch->runtime) : row_partitions(over);
    *out = rdd_over(epoch->runtime, def->pane_schema, over, n);
    return SL_OK;
}

sl_code sli_pane_rdd(sli_pane *pane, const sl_stream *stream, sli_runtime *runtime, sl_rdd **out,
                     sl_error *err)
{
    over_panes *over = new_over(NULL, err);
    if (over == NULL) {
        return SL_E_NOMEM;
    }
    sl_code rc = sli_panes_add(&over->panes, pane, err);
    if (rc != SL_OK) {
        sl_free(over);
        return rc;
    }
    over->n_units = pane->n_partitions;
    *out = rdd_over(runtime, stream->schema, over, pane->n_partitions);
    return SL_OK;
}
