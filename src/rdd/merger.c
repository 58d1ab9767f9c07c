// merger.c — one row a key: what aggregations compute behind a shuffle.
//
// Partial states come in the order of map partitions and are merged in that order; results leave in
// the order in which keys were first seen. So neither the number of workers nor their speed reaches
// a result. A table that gets too large is emptied into bins as partial states, what comes later
// goes behind them, and each bin is a merger of its own (bins.c).
#include "rdd/rdd_int.h"

typedef struct merger {
    const sli_op *op;
    const char *uid;
    bool raw; ///< gets rows, not partial states
    sli_task *task;
    int32_t level;        ///< how often its rows went through bins: above 0 they have positions
    sli_bins *source;     ///< level > 0: the states it was given
    const sl_schema *out; ///< of its results: above level 0 they have positions, too
    sli_groups *groups;   ///< NULL until the first batch
    sli_aggs *aggs;
    sl_args args;
    sli_numbers group;
    int64_t *first; ///< level > 0: the position of each group's first row
    int64_t first_capacity;
    sli_weight weight;
    // ---- when the table was too large
    bool in_bins;
    sli_bins states, rows; ///< rows: only when it gets rows
    int64_t next;          ///< level 0: the position of the next row
} merger;

/// Where a partial state has its keys.
static const int32_t *state_keys(void)
{
    static const int32_t columns[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    return columns;
}

// ---------------------------------------------------------------- the table

static sl_code start(merger *m, sl_error *err)
{
    const sli_op *op = m->op;
    SL_TRY(
        sli_groups_new(&m->groups, sli_agg_plan_partial(op->plan), state_keys(), op->n_keys, err));
    SL_TRY(sli_task_args(m->task, NULL, 0, 0, &m->args, err));
    return sli_aggs_new(&m->aggs, op->plan, &m->args, err);
}

static sl_code grow_first(merger *m, int64_t n, sl_error *err)
{
    if (n <= m->first_capacity) {
        return SL_OK;
    }
    int64_t capacity = n < SLI_BATCH_ROWS ? SLI_BATCH_ROWS : 2 * n;
    int64_t *first = sl_realloc(SLI_TAG_RDD, m->first, (size_t)capacity * sizeof *first);
    if (first == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *first, "positions of keys");
    }
    m->first = first;
    m->first_capacity = capacity;
    return SL_OK;
}

/// Groups that this batch was the first to show have the position of the row that did.
static sl_code note_first(merger *m, const sl_batch *batch, int64_t known, sl_error *err)
{
    const sl_column *positions = sli_bins_positions(batch);
    SL_TRY(grow_first(m, sli_groups_count(m->groups), err));
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        if (m->group.at[i] == known) { // numbers are given in the order of first sight
            m->first[known++] = sl_column_int64(positions, i);
        }
    }
    return SL_OK;
}

/// States are merged under their own schema, without positions.
static sl_code merge_states(merger *m, const sl_batch *batch, sl_error *err)
{
    sl_batch *plain = NULL;
    if (m->level == 0) {
        return sli_aggs_merge(m->aggs, m->group.at, batch, err);
    }
    SL_TRY(sli_bins_strip(m->source, sli_agg_plan_partial(m->op->plan), batch, &plain, err));
    sl_code rc = sli_aggs_merge(m->aggs, m->group.at, plain, err);
    sl_batch_unref(plain);
    return rc;
}

static sl_code add(merger *m, const sl_batch *batch, bool rows, sl_error *err)
{
    if (m->groups == NULL) {
        SL_TRY(start(m, err));
    }
    int64_t known = sli_groups_count(m->groups);
    if (m->op->n_keys > 0) { // else no array need say that there is one group
        SL_TRY(sli_numbers_room(&m->group, sl_batch_rows(batch), err));
    }
    SL_TRY(sli_groups_add_by(m->groups, batch, rows ? m->op->keys : state_keys(), NULL, m->group.at,
                             err));
    SL_TRY(m->level > 0 ? note_first(m, batch, known, err) : SL_OK);
    SL_TRY(sli_aggs_grow(m->aggs, sli_groups_count(m->groups), err));
    m->task->operator_uid = m->uid; // whose aggregations compute, and who is to blame
    SL_TRY(rows ? sli_aggs_update(m->aggs, m->group.at, batch, err) : merge_states(m, batch, err));
    m->task->operator_uid = NULL;
    sli_weight_set(&m->weight, sli_groups_bytes(m->groups) + sli_aggs_bytes(m->aggs) +
                                   m->first_capacity * (int64_t)sizeof *m->first);
    return SL_OK;
}

typedef sl_code (*cells_fn)(const sli_aggs *aggs, int64_t from, int64_t n, sl_builder *out,
                            sl_error *err);

/// Groups [from, from + n): keys, then `cells`, then positions where the schema has more columns.
static sl_code put_groups(const merger *m, cells_fn cells, bool placed, int64_t from, int64_t n,
                          sl_builder *builder, sl_error *err)
{
    int32_t last = sl_schema_columns(sl_builder_schema(builder)) - 1;
    SL_TRY(m->op->n_keys == 0 ? SL_OK : sli_groups_keys(m->groups, from, n, builder, 0, err));
    m->task->operator_uid = m->uid;
    SL_TRY(cells(m->aggs, from, n, builder, err));
    m->task->operator_uid = NULL;
    for (int64_t g = from; placed && g < from + n; g++) {
        sl_builder_int64(builder, last, m->level > 0 ? m->first[g] : g);
    }
    return SL_OK;
}

/// Pushes groups [0, n) as rows of `schema`.
static sl_code push_groups(const merger *m, const sl_schema *schema, cells_fn cells, bool placed,
                           int64_t n, sli_push_fn push, void *ctx, sl_error *err)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, schema, err));
    sl_code rc = SL_OK;
    for (int64_t from = 0; rc == SL_OK && from < n; from += SLI_BATCH_ROWS) {
        int64_t rows = n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS;
        sl_batch *batch = NULL;
        rc = sli_task_check(m->task, err);
        rc = rc != SL_OK ? rc : put_groups(m, cells, placed, from, rows, builder, err);
        rc = rc != SL_OK ? rc : sl_builder_finish(builder, &batch, err);
        rc = rc != SL_OK ? rc : push(ctx, batch, err);
        sl_batch_unref(batch);
    }
    sl_builder_free(builder);
    return rc;
}

static void free_table(merger *m)
{
    if (m->groups != NULL) {
        sli_groups_free(m->groups);
        m->groups = NULL;
    }
    if (m->aggs != NULL) {
        sli_aggs_free(m->aggs);
        m->aggs = NULL;
    }
    sl_free(m->first);
    m->first = NULL;
    m->first_capacity = 0;
    sli_weight_set(&m->weight, 0);
}

// ---------------------------------------------------------------- too large a table

static sl_code push_state(void *ctx, sl_batch *batch, sl_error *err)
{
    merger *m = ctx;
    return sli_bins_add_placed(&m->states, batch, state_keys(), m->op->n_keys, m->level, err);
}

static sl_code go_to_bins(merger *m, sl_error *err)
{
    m->in_bins = true;
    m->next = sli_groups_count(m->groups); // at level 0 a group's position is its number
    SL_TRY(sli_bins_open(&m->states, m->task, sli_agg_plan_partial(m->op->plan), err));
    SL_TRY(m->raw ? sli_bins_open(&m->rows, m->task, m->op->in, err) : SL_OK);
    SL_TRY(push_groups(m, m->states.schema, sli_aggs_partial, true, m->next, push_state, m, err));
    free_table(m);
    return SL_OK;
}

static bool is_too_large(const merger *m)
{
    return m->weight.bytes > sli_table_most(m->task->runtime) && m->op->n_keys > 0 &&
           m->level < SLI_BIN_LEVELS && sli_groups_count(m->groups) > 1;
}

static sl_code add_to_bins(merger *m, const sl_batch *batch, bool rows, sl_error *err)
{
    sli_bins *bins = rows ? &m->rows : &m->states;
    const int32_t *keys = rows ? m->op->keys : state_keys();
    if (m->level > 0) {
        return sli_bins_add_placed(bins, batch, keys, m->op->n_keys, m->level, err);
    }
    int64_t first = m->next;
    m->next += sl_batch_rows(batch);
    return sli_bins_add(bins, batch, keys, m->op->n_keys, first, err);
}

static sl_code take(merger *m, const sl_batch *batch, bool rows, sl_error *err)
{
    if (m->in_bins) {
        return add_to_bins(m, batch, rows, err);
    }
    SL_TRY(add(m, batch, rows, err));
    return is_too_large(m) ? go_to_bins(m, err) : SL_OK;
}

static sl_code take_states(void *ctx, sl_batch *batch, sl_error *err)
{
    return take(ctx, batch, false, err);
}

static sl_code take_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    return take(ctx, batch, true, err);
}

// ---------------------------------------------------------------- results

static void reset(merger *m)
{
    free_table(m);
    sli_numbers_reset(&m->group);
    sli_bins_reset(&m->states);
    sli_bins_reset(&m->rows);
}

static sl_code finish(merger *m, sli_push_fn push, void *ctx, sl_error *err);

static sl_code merge_bin(void *ctx, sli_bin *to, sl_error *err)
{
    merger *m = ctx;
    merger child = {.op = m->op,
                    .uid = m->uid,
                    .raw = m->raw,
                    .task = m->task,
                    .level = m->level + 1,
                    .source = &m->states,
                    .out = to->bins->schema,
                    .weight = {.budget = m->weight.budget}};
    sl_code rc = sli_bins_each(&m->states, to->bin, take_states, &child, err);
    if (rc == SL_OK && m->raw) {
        rc = sli_bins_each(&m->rows, to->bin, take_rows, &child, err);
    }
    rc = rc != SL_OK ? rc : finish(&child, sli_bin_push, to, err);
    reset(&child);
    return rc;
}

static sl_code finish_bins(merger *m, sli_push_fn push, void *ctx, sl_error *err)
{
    SL_TRY(sli_bins_end(&m->states, err));
    SL_TRY(m->raw ? sli_bins_end(&m->rows, err) : SL_OK);
    return sli_bins_run(m->task, m->op->out, m->level, merge_bin, m, push, ctx, err);
}

static sl_code finish(merger *m, sli_push_fn push, void *ctx, sl_error *err)
{
    if (m->in_bins) {
        return finish_bins(m, push, ctx, err);
    }
    if (m->groups == NULL) {
        return SL_OK;
    }
    return push_groups(m, m->out, m->op->emits_states ? sli_aggs_partial : sli_aggs_finish,
                       m->level > 0, m->op->n_keys == 0 ? 1 : sli_groups_count(m->groups), push,
                       ctx, err);
}

/// `always`: also of no rows there is one row.
static sl_code compute(bool always, sl_rdd *rdd, int32_t partition, sli_task *task,
                       sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    merger m = {.op = op,
                .uid = rdd->uid,
                .raw = !op->takes_states && (op->raw || rdd->deps[0].kind == SLI_DEP_NARROW),
                .task = task,
                .out = op->out,
                .weight = {.budget = task->runtime->budget}};
    sl_code rc = sli_dep_each(rdd, 0, partition, task, m.raw ? take_rows : take_states, &m, err);
    if (rc == SL_OK && m.groups == NULL && always) {
        rc = start(&m, err);
        rc = rc != SL_OK ? rc : sli_aggs_grow(m.aggs, 1, err);
    }
    rc = rc != SL_OK ? rc : finish(&m, push, ctx, err);
    reset(&m);
    return rc;
}

sl_code sli_compute_merger(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                           void *ctx, sl_error *err)
{
    return compute(false, rdd, partition, task, push, ctx, err);
}

sl_code sli_compute_merger_always(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                  void *ctx, sl_error *err)
{
    return compute(true, rdd, partition, task, push, ctx, err);
}
