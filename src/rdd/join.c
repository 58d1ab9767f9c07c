// join.c — inner joins on equal keys: both sides shuffled, or one side a small table that every
// task probes.
//
// Each left row meets the right rows of its key in their order of arrival; pairs of row numbers are
// collected up to a batch and then taken, so that duplicates may multiply without the product ever
// being held. As everywhere in Sluice a null key equals a null key.
#include "rdd/rdd_int.h"

typedef struct prober {
    sli_pairs pairs;
    const sli_index *index;
    sli_numbers group; ///< of the left batch's rows
} prober;

static sl_code pair_rows(prober *p, const sl_batch *batch, sl_error *err)
{
    const sli_index *x = p->index;
    sli_pairs *pairs = &p->pairs;
    int64_t n = sl_batch_rows(batch);
    for (int64_t i = 0; i < n; i++) {
        int32_t g = p->group.at[i];
        for (int32_t row = g < 0 ? -1 : x->first[g]; row >= 0; row = x->following[row]) {
            pairs->left_rows[pairs->n] = (int32_t)i;
            pairs->right_rows[pairs->n++] = row;
            if (pairs->n == SLI_BATCH_ROWS) {
                SL_TRY(sli_pairs_flush(pairs, batch, err));
            }
        }
    }
    return sli_pairs_flush(pairs, batch, err);
}

static sl_code push_probe(void *ctx, sl_batch *batch, sl_error *err)
{
    prober *p = ctx;
    int64_t n = sl_batch_rows(batch);
    if (sl_batch_rows(p->index->rows) == 0 || n == 0) {
        return SL_OK;
    }
    SL_TRY(p->pairs.left_rows == NULL ? sli_pairs_start(&p->pairs, err) : SL_OK);
    SL_TRY(sli_numbers_room(&p->group, n, err));
    SL_TRY(sli_groups_find(p->index->groups, batch, p->pairs.op->keys, p->group.at, err));
    return pair_rows(p, batch, err);
}

// ---------------------------------------------------------------- both sides shuffled

/// The left side streams by the rows that are held of the right one.
static sl_code probe_held(sli_sides *sides, sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_portion *share = sides->share;
    const sli_op *op = share->rdd->body;
    sli_index *index = NULL;
    sl_batch *right = NULL;
    SL_TRY(sli_sides_take(sides, 1, &right, err));
    sl_code rc = sl_batch_rows(right) == 0 // without right rows there are no pairs
                     ? SL_OK
                     : sli_index_new(&index, op->keys2, op->n_keys, right, err);
    if (rc == SL_OK && index != NULL) {
        sli_weight_set(&sides->weight, sli_index_bytes(index));
        prober p = {.pairs = {.op = op,
                              .out = share->out,
                              .task = share->task,
                              .push = push,
                              .ctx = ctx,
                              .right = index->rows},
                    .index = index};
        rc = sli_portion_each(share, 0, push_probe, &p, err);
        sli_numbers_reset(&p.group);
    }
    sli_index_free(index);
    sl_batch_unref(right);
    return rc;
}

static sl_code join_share(const sli_portion *share, sli_push_fn push, void *ctx, sl_error *err)
{
    sli_sides sides = {.share = share};
    sl_code rc = sli_sides_gather(&sides, 1, err);
    if (rc == SL_OK) {
        rc = sides.in_bins ? sli_sides_run(&sides, join_share, push, ctx, err)
                           : probe_held(&sides, push, ctx, err);
    }
    sli_sides_reset(&sides);
    return rc;
}

static sl_code compute_join(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    return sli_portion_run(rdd, partition, task, join_share, push, ctx, err);
}

static const sli_rdd_ops join_ops = {
    .name = "join", .compute = compute_join, .free = sli_op_free_body, .keeps_empty = true};

static sl_code check_types(const sli_op *op, sl_error *err)
{
    for (int32_t i = 0; i < op->n_keys; i++) {
        sl_text a = sli_column_type_text(op->in, op->keys[i]),
                b = sli_column_type_text(op->in2, op->keys2[i]);
        size_t size_a = a.size - (a.data[a.size - 1] == '?'),
               size_b = b.size - (b.data[b.size - 1] == '?');
        if (size_a != size_b || memcmp(a.data, b.data, size_a) != 0) {
            return sl_error_set(err, SL_E_INVALID,
                                "key %s is %.*s on the left and %.*s on the right",
                                sl_schema_field(op->in, op->keys[i])->name, (int)a.size, a.data,
                                (int)b.size, b.data);
        }
    }
    return SL_OK;
}

sl_code sli_join_keys(sli_op *op, sl_error *err)
{
    sl_code rc = sli_op_keys(op, op->text, op->in2, &op->keys2, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "right side");
    }
    rc = sli_op_keys(op, op->text, op->in, &op->keys, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "left side");
    }
    if (op->n_keys == 0) {
        return sl_error_set(err, SL_E_INVALID, "no key columns");
    }
    return check_types(op, err);
}

static sl_code compile_join(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_join_keys(op, err));
    SL_TRY(sli_op_sides(op, err));
    SL_TRY(sli_op_by(op, NULL, op->n_keys, err));
    return sli_schema_joined(op->in, op->keys, op->in2, op->keys2, op->n_keys, &op->out, err);
}

sl_rdd *sl_rdd_join(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &join_ops, compile_join, keys, n_partitions);
}

// ---------------------------------------------------------------- a small table on the right

static const sli_index *index_of(const sl_rdd *table, const sli_op *op)
{
    for (const sli_index *x = table->indexes; x != NULL; x = x->next) {
        if (x->n_keys == op->n_keys &&
            memcmp(x->keys, op->keys2, (size_t)op->n_keys * sizeof *x->keys) == 0) {
            return x;
        }
    }
    return NULL;
}

static sl_code compute_join_table(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                  void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    const sli_index *index = index_of(rdd->deps[1].parent, op);
    SL_ASSERT(index != NULL, "a task runs after its broadcast tables were prepared");
    prober p = {.pairs = {.op = op,
                          .out = op->out,
                          .task = task,
                          .push = push,
                          .ctx = ctx,
                          .right = index->rows},
                .index = index};
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_probe, &p, err);
    sli_numbers_reset(&p.group);
    return rc;
}

static const sli_rdd_ops join_table_ops = {
    .name = "joinTable", .compute = compute_join_table, .free = sli_op_free_body};

bool sli_broadcast_ready(const sl_rdd *rdd, int32_t dep)
{
    return index_of(rdd->deps[dep].parent, rdd->body) != NULL;
}

static sl_code hold_rows(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)partition;
    return sli_rows_add(ctx, batch, err);
}

sl_code sli_broadcast_prepare(sl_rdd *rdd, int32_t dep, sl_error *err)
{
    sl_rdd *table = rdd->deps[dep].parent;
    const sli_op *op = rdd->body;
    sli_rows rows = {0};
    sl_batch *all = NULL;
    sli_index *index = NULL;
    sl_code rc = rdd->runtime->run(rdd->runtime, table, NULL, 0, hold_rows, &rows, err);
    rc = rc != SL_OK ? rc : sli_rows_concat(&rows, table->schema, &all, err);
    sli_rows_reset(&rows);
    rc = rc != SL_OK ? rc : sli_index_new(&index, op->keys2, op->n_keys, all, err);
    sl_batch_unref(all);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "the table of a join");
    }
    (void)sli_budget_reserve(rdd->runtime->budget, sli_index_bytes(index),
                             true); // forced: every task needs it
    index->next = table->indexes;
    table->indexes = index;
    return SL_OK;
}

static sl_code find_join(const sl_rdd *a, const sl_rdd *b, const char *keys, sli_op **op,
                         sl_error *err)
{
    sli_op_key key = {
        .kind = join_ops.name, .text = keys == NULL ? "" : keys, .in = a->schema, .in2 = b->schema};
    return sli_op_find(a->runtime, &key, compile_join, op, err);
}

sl_rdd *sl_rdd_join_table(sl_rdd *rdd, sl_rdd *table, const char *keys)
{
    if (rdd == NULL || table == NULL || rdd->mistake != NULL || table->mistake != NULL) {
        return sli_rdd_inherit(rdd, table);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    if (find_join(rdd, table, keys, &op, &error) != SL_OK) {
        return sli_rdd_wrong(rdd->runtime, join_table_ops.name, &error);
    }
    sli_dep deps[2] = {{.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)},
                       {.kind = SLI_DEP_BROADCAST, .parent = sl_rdd_ref(table)}};
    return sli_rdd_new(rdd->runtime, &join_table_ops, op->out, rdd->n_partitions, deps, 2, op);
}
