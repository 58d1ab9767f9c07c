// Rows that windows hold of earlier epochs: numbered for the search, left out of their panes.
//
// What a pane holds is rows of its stream, or with aggregations one state a key: that is then what
// is left out, the key's part of that epoch. Where in its source a record of it stood is not known
// any more. A pane that loses rows is made again without them and written with the group of the
// epoch that could not do with them: so what is left out stays out, in every later life.
#include "stream/keep.h"
#include "stream/poison.h"

// ---------------------------------------------------------------- numbers of rows

static int64_t begin_of(const sli_window *window, const sli_epoch *epoch)
{
    const sli_window_def *def = window->node->body;
    return epoch->time_us - def->window_us;
}

/// Panes of the window that its RDD reads in the epoch: only those that leave it, or only others.
static bool is_read(const sli_window *window, const sli_pane *pane, const sli_epoch *epoch,
                    bool leaves)
{
    const sli_window_def *def = window->node->body;
    bool is_past = pane->time_us <= begin_of(window, epoch);
    return pane->epoch < epoch->number && is_past == leaves && (!leaves || def->state != NULL) &&
           sli_slide_fires(window->node->slide_us, epoch->before_us, epoch->time_us);
}

static sl_code count_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    (void)err;
    *(int64_t *)ctx += sl_batch_rows(batch);
    return SL_OK;
}

static sl_code add_pane(sli_poison *poison, const sli_epoch *epoch, sli_window *window,
                        sli_pane *pane, sl_error *err)
{
    size_t size = ((size_t)pane->n_partitions + 1) * sizeof(int64_t);
    int64_t *first = sl_arena_alloc(epoch->arena, size);
    if (first == NULL) {
        return sl_error_nomem(err, size, "the numbers of rows");
    }
    for (int32_t p = 0; p < pane->n_partitions; p++) {
        first[p] = poison->windows.n_rows;
        if (pane->has_rows[p]) {
            SL_TRY(sli_kept_each(pane->blocks, pane->owner, p, pane->has_rows[p], count_batch,
                                 &poison->windows.n_rows, err));
        }
    }
    first[pane->n_partitions] = poison->windows.n_rows;
    poison->held[poison->n_held++] =
        (sli_held){.window = window, .pane = pane, .cut = {.first = first}};
    return SL_OK;
}

static sl_code add_panes(sli_poison *poison, const sli_epoch *epoch, bool leaving, sl_error *err)
{
    const sli_engine *engine = poison->engine;
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sli_window *window = &engine->windows[i];
        for (int32_t k = 0; k < window->panes.n; k++) {
            if (is_read(window, window->panes.at[k], epoch, leaving)) {
                SL_TRY(add_pane(poison, epoch, window, window->panes.at[k], err));
            }
        }
    }
    return SL_OK;
}

sl_code sli_held_count(sli_poison *poison, const sli_epoch *epoch, sl_error *err)
{
    const sli_engine *engine = poison->engine;
    size_t most = 1;
    if (poison->held != NULL) {
        return SL_OK;
    }
    for (int32_t i = 0; i < engine->n_windows; i++) {
        most += (size_t)engine->windows[i].panes.n;
    }
    SL_TRY(sli_poison_room(poison, &poison->windows, err));
    poison->held = sl_arena_alloc_zero(epoch->arena, most * sizeof *poison->held);
    if (poison->held == NULL) {
        return sl_error_nomem(err, most * sizeof *poison->held, "the panes of windows");
    }
    SL_TRY(add_panes(poison, epoch, false, err));
    return add_panes(poison, epoch, true, err);
}

static int64_t end_of(const sli_held *held)
{
    return held->cut.first[held->pane->n_partitions];
}

static bool has_lost(const sli_held *held, const sli_choice *choice)
{
    int64_t first = held->cut.first[0], end = end_of(held);
    bool some = first < choice->from || end > choice->to;
    for (int64_t i = 0; i < choice->n_left_out && !some; i++) {
        some = choice->left_out[i] >= first && choice->left_out[i] < end;
    }
    return some;
}

void sli_held_choose(sli_poison *poison, const sli_choice *choice)
{
    sli_choice verdict = {.from = 0,
                          .to = INT64_MAX,
                          .left_out = poison->windows.left_out,
                          .n_left_out = poison->windows.n_left_out};
    for (int32_t i = 0; i < poison->n_held; i++) {
        sli_held *held = &poison->held[i];
        held->cut.choice = choice == NULL ? verdict : *choice;
        held->pane->cut = has_lost(held, &held->cut.choice) ? &held->cut : NULL;
    }
}

void sli_held_place(const sli_poison *poison, int64_t row, sli_letter *out)
{
    int32_t i = 0, p = 0;
    while (i < poison->n_held && end_of(&poison->held[i]) <= row) {
        i++;
    }
    SL_ASSERT(i < poison->n_held, "a row that no window holds");
    const sli_held *held = &poison->held[i];
    while (held->cut.first[p + 1] <= row) {
        p++;
    }
    out->held = held;
    out->input = -1;
    out->partition = p;
    out->row = row - held->cut.first[p];
}

// ---------------------------------------------------------------- one row

typedef struct picking {
    int64_t skip; ///< rows before it that are still to come
    sl_batch *found;
} picking;

static sl_code pick(void *ctx, const sl_batch *batch, sl_error *err)
{
    picking *p = ctx;
    int64_t n = sl_batch_rows(batch);
    if (p->found == NULL && p->skip < n) {
        return sli_batch_slice(batch, p->skip, 1, &p->found, err);
    }
    p->skip -= n;
    return SL_OK;
}

sl_code sli_held_row(const sli_letter *letter, sl_batch **out, sl_error *err)
{
    const sli_pane *pane = letter->held->pane;
    picking p = {.skip = letter->row};
    sl_code rc = sli_kept_each(pane->blocks, pane->owner, letter->partition,
                               pane->has_rows[letter->partition], pick, &p, err);
    if (rc != SL_OK) {
        sl_batch_unref(p.found);
        return rc;
    }
    SL_ASSERT(p.found != NULL, "a row of a pane that it has not");
    *out = p.found;
    return SL_OK;
}

// ---------------------------------------------------------------- panes without them

typedef struct trimming {
    const sli_pane_cut *cut;
    int64_t number; ///< of the next row
    sli_rows rows;
} trimming;

static sl_code trim_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    trimming *t = ctx;
    sl_batch *some = NULL;
    SL_TRY(sli_pane_cut_batch(t->cut, batch, t->number, false, &some, err));
    t->number += sl_batch_rows(batch);
    sl_code rc = some == NULL ? SL_OK : sli_rows_add(&t->rows, some, err);
    sl_batch_unref(some);
    return rc;
}

static sl_code trim_partition(const sli_pane *pane, int32_t partition, sli_pane *out, sl_error *err)
{
    trimming t = {.cut = pane->cut, .number = pane->cut->first[partition]};
    sl_code rc = sli_kept_each(pane->blocks, pane->owner, partition, pane->has_rows[partition],
                               trim_batch, &t, err);
    if (rc == SL_OK && t.rows.n > 0) {
        sli_block_id id = {SLI_BLOCK_OUTPUT, out->owner, partition, 0};
        rc = sli_blocks_put(out->blocks, id, SL_MEMORY_AND_DISK, t.rows.batches, t.rows.n, err);
        out->has_rows[partition] = rc == SL_OK ? 1 : 0;
        out->n_rows += t.rows.n_rows;
    }
    sli_rows_reset(&t.rows);
    return rc;
}

static sl_code trim(sli_engine *engine, sli_pane *pane, int64_t epoch, sl_error *err)
{
    sl_code rc = SL_OK;
    sli_pane *out = sli_pane_new(pane->blocks, ++engine->block_owner, pane->epoch, pane->time_us,
                                 pane->n_partitions);
    if (out == NULL) {
        return sl_error_nomem(err, sizeof *out, "a pane of a window");
    }
    out->made_in = epoch;
    for (int32_t p = 0; p < pane->n_partitions && rc == SL_OK; p++) {
        rc = pane->has_rows[p] ? trim_partition(pane, p, out, err) : SL_OK;
    }
    if (rc != SL_OK) {
        sli_pane_unref(out);
        return rc;
    }
    pane->trimmed = out;
    return SL_OK;
}

sl_code sli_held_trim(sli_poison *poison, const sli_epoch *epoch, sli_group *group, sl_error *err)
{
    sli_engine *engine = poison->engine;
    for (int32_t i = 0; i < poison->n_held; i++) {
        const sli_held *held = &poison->held[i];
        if (held->pane->cut == NULL) {
            continue;
        }
        SL_TRY(trim(engine, held->pane, epoch->number, err));
        if (engine->ckpt != NULL) {
            SL_TRY(sli_panes_add(&group->windows[held->window - engine->windows].panes,
                                 held->pane->trimmed, err));
        }
    }
    return SL_OK;
}
