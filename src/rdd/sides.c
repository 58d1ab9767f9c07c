// sides.c — the rows of one or two sides of a partition, for operators that need all rows of a key
// together: held in memory, or in bins when that would be too much.
//
// An operator is a function over a *share*: at level 0 what its dependencies give a partition,
// above that one bin of theirs. It gathers a side; when the rows outgrew their share of memory,
// those of all sides go into bins, the operator is called for each bin, and what the calls give is
// merged by position. A result has the position of a row it was made of, so rows of the right side
// have positions behind all of the left.
#include "rdd/rdd_int.h"

#define FIRST_OF_RIGHT (INT64_C(1) << 62)

sl_code sli_portion_each(const sli_portion *share, int32_t side, sli_push_fn push, void *ctx,
                         sl_error *err)
{
    return share->level == 0
               ? sli_dep_each(share->rdd, side, share->partition, share->task, push, ctx, err)
               : sli_bins_each(&share->bins[side], share->bin, push, ctx, err);
}

sl_code sli_portion_run(sl_rdd *rdd, int32_t partition, sli_task *task, sli_portion_fn run,
                        sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    sli_portion share = {.rdd = rdd, .partition = partition, .task = task, .out = op->out};
    return run(&share, push, ctx, err);
}

// ---------------------------------------------------------------- gathering

static sl_code add_to_bins(sli_sides *s, int32_t side, const sl_batch *batch, sl_error *err)
{
    const sli_op *op = s->share->rdd->body;
    const int32_t *keys = side == 0 ? op->keys : op->keys2;
    if (s->share->level > 0) {
        return sli_bins_add_placed(&s->bins[side], batch, keys, op->n_keys, s->share->level, err);
    }
    int64_t first = s->next[side] + (side == 0 ? 0 : FIRST_OF_RIGHT);
    s->next[side] += sl_batch_rows(batch);
    return sli_bins_add(&s->bins[side], batch, keys, op->n_keys, first, err);
}

static sl_code go_to_bins(sli_sides *s, sl_error *err)
{
    const sl_rdd *rdd = s->share->rdd;
    s->in_bins = true;
    for (int32_t side = 0; side < rdd->n_deps; side++) {
        sli_rows *rows = &s->rows[side];
        SL_TRY(sli_bins_open(&s->bins[side], s->share->task, rdd->deps[side].parent->schema, err));
        for (int32_t i = 0; i < rows->n; i++) {
            SL_TRY(add_to_bins(s, side, rows->batches[i], err));
        }
        sli_rows_reset(rows);
    }
    sli_weight_set(&s->weight, 0);
    return SL_OK;
}

/// The tables over the rows are about as large as they are.
static bool is_too_large(const sli_sides *s)
{
    return 2 * s->weight.bytes > sli_table_most(s->share->task->runtime) &&
           s->share->level < SLI_BIN_LEVELS && s->rows[0].n_rows + s->rows[1].n_rows > 1;
}

typedef struct gatherer {
    sli_sides *sides;
    int32_t side;
} gatherer;

static sl_code push_gathered(void *ctx, sl_batch *batch, sl_error *err)
{
    const gatherer *g = ctx;
    sli_sides *s = g->sides;
    if (s->in_bins) {
        return add_to_bins(s, g->side, batch, err);
    }
    SL_TRY(sli_rows_add(&s->rows[g->side], batch, err));
    sli_weight_set(&s->weight, s->rows[0].bytes + s->rows[1].bytes);
    return is_too_large(s) ? go_to_bins(s, err) : SL_OK;
}

sl_code sli_sides_gather(sli_sides *s, int32_t side, sl_error *err)
{
    gatherer g = {s, side};
    s->weight.budget = s->share->task->runtime->budget;
    s->is_read[side] = true;
    return sli_portion_each(s->share, side, push_gathered, &g, err);
}

sl_code sli_sides_take(sli_sides *s, int32_t side, sl_batch **out, sl_error *err)
{
    SL_TRY(sli_rows_concat(&s->rows[side], s->share->rdd->deps[side].parent->schema, out, err));
    sli_rows_reset(&s->rows[side]);
    return SL_OK;
}

void sli_sides_reset(sli_sides *s)
{
    for (int32_t side = 0; side < 2; side++) {
        sli_rows_reset(&s->rows[side]);
        sli_bins_reset(&s->bins[side]);
    }
    sli_weight_set(&s->weight, 0);
}

// ---------------------------------------------------------------- bin by bin

/// All rows of every side are in this bin: further bits would hardly tell them apart.
static bool has_all(const sli_sides *s, int32_t bin)
{
    int64_t all = 0, mine = 0;
    for (int32_t side = 0; side < s->share->rdd->n_deps; side++) {
        const sli_map_output *output = &s->bins[side].output;
        for (int32_t i = 0; i < output->n_pieces * SLI_BINS; i++) {
            all += output->rows[i];
            mine += i % SLI_BINS == bin ? output->rows[i] : 0;
        }
    }
    return mine == all;
}

typedef struct side_run {
    sli_sides *sides;
    sli_portion_fn run;
} side_run;

static sl_code run_bin(void *ctx, sli_bin *to, sl_error *err)
{
    const side_run *r = ctx;
    sli_portion share = *r->sides->share;
    share.level = has_all(r->sides, to->bin) ? SLI_BIN_LEVELS : share.level + 1;
    share.out = to->bins->schema;
    share.bins = r->sides->bins;
    share.bin = to->bin;
    return r->run(&share, sli_bin_push, to, err);
}

sl_code sli_sides_run(sli_sides *s, sli_portion_fn run, sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_portion *share = s->share;
    const sli_op *op = share->rdd->body;
    side_run r = {s, run};
    for (int32_t side = 0; side < share->rdd->n_deps; side++) {
        SL_TRY(s->is_read[side] ? SL_OK : sli_sides_gather(s, side, err));
        SL_TRY(sli_bins_end(&s->bins[side], err));
    }
    return sli_bins_run(share->task, op->out, share->level, run_bin, &r, push, ctx, err);
}
