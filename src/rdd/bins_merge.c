// bins_merge.c — the rows of all bins in the order of their positions.
//
// In rounds: the least of the last positions of the bins' present batches is one up to which every
// bin's rows are at hand; those are put behind one another, ordered and pushed.
#include "rdd/rdd_int.h"

/// Where the merge stands in one bin.
typedef struct cursor {
    sli_rows rows; ///< of the piece in work
    int32_t piece; ///< the next one
    int32_t batch; ///< in `rows`
    int64_t row;   ///< in that batch
} cursor;

typedef struct merge {
    const sli_bins *bins;
    cursor at[SLI_BINS];
    // the parts of this round, one a bin that has some
    sl_batch *parts[SLI_BINS];
    int32_t n_parts;
    int64_t n_rows;
    sli_numbers order;
} merge;

static const sl_batch *batch_of(const cursor *c)
{
    return c->batch < c->rows.n ? c->rows.batches[c->batch] : NULL;
}

/// Goes to the next row there is: a batch with rows before it, or the bin's end.
static sl_code settle(const sli_bins *bins, int32_t bin, cursor *c, sl_error *err)
{
    while (batch_of(c) == NULL || c->row == sl_batch_rows(batch_of(c))) {
        c->row = 0;
        if (c->batch + 1 < c->rows.n) {
            c->batch++;
            continue;
        }
        sli_rows_reset(&c->rows);
        c->batch = 0;
        if (c->piece == bins->output.n_pieces) {
            return SL_OK;
        }
        SL_TRY(sli_bins_piece(bins, bin, c->piece++, &c->rows, err));
    }
    return SL_OK;
}

/// The last position that every bin's present batch reaches. False: all bins are at their end.
static bool common_end(const merge *m, int64_t *end)
{
    bool any = false;
    for (int32_t i = 0; i < SLI_BINS; i++) {
        const sl_batch *batch = batch_of(&m->at[i]);
        if (batch != NULL) {
            int64_t last = sl_column_int64(sli_bins_positions(batch), sl_batch_rows(batch) - 1);
            *end = !any || last < *end ? last : *end;
            any = true;
        }
    }
    return any;
}

/// Rows of the present batch up to `end`, as a part.
static sl_code take_part(merge *m, cursor *c, int64_t end, sl_error *err)
{
    const sl_batch *batch = batch_of(c);
    int64_t low = c->row, high = batch == NULL ? c->row : sl_batch_rows(batch);
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (sl_column_int64(sli_bins_positions(batch), middle) <= end) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low > c->row) {
        SL_TRY(sli_batch_slice(batch, c->row, low - c->row, &m->parts[m->n_parts], err));
        m->n_parts++;
        m->n_rows += low - c->row;
        c->row = low;
    }
    return SL_OK;
}

static void drop_parts(merge *m)
{
    for (int32_t i = 0; i < m->n_parts; i++) {
        sl_batch_unref(m->parts[i]);
    }
    m->n_parts = 0;
    m->n_rows = 0;
}

/// order = numbers of the rows of all parts, behind one another, by position. Rows of one position
/// are of one part and keep their order.
static void order_parts(merge *m)
{
    const sl_column *column[SLI_BINS];
    int64_t head[SLI_BINS]; // the position of the part's next row
    int32_t next[SLI_BINS], end[SLI_BINS], n = 0;
    for (int32_t i = 0; i < m->n_parts; i++) {
        column[i] = sli_bins_positions(m->parts[i]);
        head[i] = sl_column_int64(column[i], 0);
        next[i] = n;
        end[i] = n += (int32_t)sl_batch_rows(m->parts[i]);
    }
    for (int32_t to = 0; to < n; to++) {
        int32_t least = 0;
        for (int32_t i = 1; i < m->n_parts; i++) {
            least = head[i] < head[least] ? i : least;
        }
        int32_t row = next[least]++;
        int32_t first = end[least] - (int32_t)sl_batch_rows(m->parts[least]);
        m->order.at[to] = row;
        head[least] =
            row + 1 == end[least] ? INT64_MAX : sl_column_int64(column[least], row + 1 - first);
    }
}

static sl_code push_parts(merge *m, sli_push_fn push, void *ctx, sl_error *err)
{
    sl_batch *all = NULL;
    SL_TRY(sli_numbers_room(&m->order, m->n_rows, err));
    SL_TRY(sli_batch_concat((const sl_batch *const *)m->parts, m->n_parts, &all, err));
    order_parts(m);
    sl_code rc = sli_push_rows(all, m->order.at, m->n_rows, m->bins->cut.task, push, ctx, err);
    sl_batch_unref(all);
    return rc;
}

static sl_code merge_round(merge *m, bool *more, sli_push_fn push, void *ctx, sl_error *err)
{
    int64_t end = 0;
    for (int32_t i = 0; i < SLI_BINS; i++) {
        SL_TRY(settle(m->bins, i, &m->at[i], err));
    }
    *more = common_end(m, &end);
    for (int32_t i = 0; *more && i < SLI_BINS; i++) {
        SL_TRY(take_part(m, &m->at[i], end, err));
    }
    sl_code rc = *more ? push_parts(m, push, ctx, err) : SL_OK;
    drop_parts(m);
    return rc;
}

typedef struct stripper {
    sli_bins *bins;
    const sl_schema *schema;
    sli_push_fn push;
    void *ctx;
} stripper;

/// Without the positions.
static sl_code push_stripped(void *ctx, sl_batch *batch, sl_error *err)
{
    stripper *s = ctx;
    sl_batch *out = NULL;
    SL_TRY(sli_bins_strip(s->bins, s->schema, batch, &out, err));
    sl_code rc = s->push(s->ctx, out, err);
    sl_batch_unref(out);
    return rc;
}

sl_code sli_bins_merge(sli_bins *bins, const sl_schema *schema, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    stripper s = {.bins = bins, .schema = schema, .push = push, .ctx = ctx};
    merge m = {.bins = bins};
    sl_code rc = SL_OK;
    for (bool more = true; rc == SL_OK && more;) {
        rc = schema == NULL ? merge_round(&m, &more, push, ctx, err)
                            : merge_round(&m, &more, push_stripped, &s, err);
    }
    drop_parts(&m);
    for (int32_t i = 0; i < SLI_BINS; i++) {
        sli_rows_reset(&m.at[i].rows);
    }
    sli_numbers_reset(&m.order);
    return rc;
}

// ---------------------------------------------------------------- bin by bin

/// Filled bin after bin and then merged: a block of each bin is in memory then, so they are smaller
/// than others.
static sl_code open_runs(sli_bins *runs, sli_task *task, const sl_schema *out, sl_error *err)
{
    SL_TRY(sli_bins_open(runs, task, out, err));
    runs->cut.piece_bytes /= SLI_BINS;
    return SL_OK;
}

sl_code sli_bins_run(sli_task *task, const sl_schema *out, int32_t level, sli_bin_fn run, void *ctx,
                     sli_push_fn push, void *push_ctx, sl_error *err)
{
    sli_bins runs;
    sl_code rc = open_runs(&runs, task, out, err);
    for (int32_t bin = 0; rc == SL_OK && bin < SLI_BINS; bin++) {
        sli_bin to = {&runs, bin};
        rc = run(ctx, &to, err);
    }
    rc = rc != SL_OK ? rc : sli_bins_end(&runs, err);
    rc = rc != SL_OK ? rc : sli_bins_merge(&runs, level > 0 ? NULL : out, push, push_ctx, err);
    sli_bins_reset(&runs);
    return rc;
}
