// join.c — inner joins on equal keys: both sides shuffled, or one side a small table that every
// task probes.
//
// Each left row meets the right rows of its key in their order of arrival; pairs of row numbers are
// collected up to a batch and then taken, so that duplicates may multiply without the product ever
// being held. As everywhere in Sluice a null key equals a null key.
#include "rdd/rdd_int.h"

typedef struct prober {
    const sli_op *op;
    const sli_index *index;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sli_numbers group; ///< of the left batch's rows
    // made at the first batch, in the task's arena
    int32_t *left, *right; ///< pairs of rows, up to SLI_BATCH_ROWS
    int32_t n_pairs;
    const sl_batch **from; ///< for each column of the result: the side, and
    int32_t *column;       ///< its column there
    bool *is_right;
} prober;

static sl_code start(prober *p, sl_error *err)
{
    const sli_op *op = p->op;
    size_t columns = (size_t)sl_schema_columns(op->out);
    p->left = sl_arena_alloc(p->task->arena, SLI_BATCH_ROWS * sizeof *p->left);
    p->right = sl_arena_alloc(p->task->arena, SLI_BATCH_ROWS * sizeof *p->right);
    p->from = sl_arena_alloc_zero(p->task->arena, columns * sizeof *p->from);
    p->column = sl_arena_alloc_zero(p->task->arena, columns * sizeof *p->column);
    p->is_right = sl_arena_alloc_zero(p->task->arena, columns * sizeof *p->is_right);
    if (p->left == NULL || p->right == NULL || p->from == NULL || p->column == NULL ||
        p->is_right == NULL) {
        p->left = NULL;
        return sl_error_nomem(err, SLI_BATCH_ROWS * sizeof *p->left, "the pairs of a join");
    }
    int32_t at = 0;
    for (int32_t i = 0; i < op->n_keys; i++) {
        p->column[at++] = op->keys[i];
    }
    for (int32_t i = 0; i < sl_schema_columns(op->in); i++) {
        if (!sli_is_key(i, op->keys, op->n_keys)) {
            p->column[at++] = i;
        }
    }
    for (int32_t i = 0; i < op->n_rest2; i++) {
        p->is_right[at] = true;
        p->column[at++] = op->rest2[i];
    }
    return SL_OK;
}

/// Columns of the result from the pair of taken batches.
static sl_code push_pairs(prober *p, const sl_batch *batch, sl_error *err)
{
    sl_batch *left = NULL, *right = NULL, *out = NULL;
    int64_t n = p->n_pairs;
    p->n_pairs = 0;
    sl_code rc = sli_batch_take(batch, p->left, n, &left, err);
    rc = rc != SL_OK ? rc : sli_batch_take(p->index->rows, p->right, n, &right, err);
    if (rc == SL_OK) {
        for (int32_t i = 0; i < sl_schema_columns(p->op->out); i++) {
            p->from[i] = p->is_right[i] ? right : left;
        }
        rc = sli_batch_project(p->op->out, p->from, p->column, &out, err);
    }
    rc = rc != SL_OK ? rc : p->push(p->ctx, out, err);
    sl_batch_unref(out);
    sl_batch_unref(left);
    sl_batch_unref(right);
    return rc;
}

static sl_code pair_rows(prober *p, const sl_batch *batch, sl_error *err)
{
    const sli_index *x = p->index;
    int64_t n = sl_batch_rows(batch);
    for (int64_t i = 0; i < n; i++) {
        if (p->group.at[i] < 0) {
            continue;
        }
        for (int32_t row = x->first[p->group.at[i]]; row >= 0; row = x->following[row]) {
            p->left[p->n_pairs] = (int32_t)i;
            p->right[p->n_pairs++] = row;
            if (p->n_pairs == SLI_BATCH_ROWS) {
                SL_TRY(sli_task_check(p->task, err));
                SL_TRY(push_pairs(p, batch, err));
            }
        }
    }
    return p->n_pairs > 0 ? push_pairs(p, batch, err) : SL_OK;
}

static sl_code push_probe(void *ctx, sl_batch *batch, sl_error *err)
{
    prober *p = ctx;
    int64_t n = sl_batch_rows(batch);
    if (sl_batch_rows(p->index->rows) == 0 || n == 0) {
        return SL_OK;
    }
    if (p->left == NULL) {
        SL_TRY(start(p, err));
    }
    SL_TRY(sli_numbers_room(&p->group, n, err));
    SL_TRY(sli_groups_find(p->index->groups, batch, p->op->keys, p->group.at, err));
    return pair_rows(p, batch, err);
}

// ---------------------------------------------------------------- both sides shuffled

static sl_code compute_join(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    sli_rows held = {0};
    sli_index *index = NULL;
    sli_weight weight = {.budget = task->runtime->budget};
    sl_code rc = sli_dep_each(rdd, 1, partition, task, sli_rows_push, &held, err);
    if (rc == SL_OK && held.n > 0) { // without right rows there are no pairs
        sli_weight_set(&weight, held.bytes);
        rc = sli_index_new(&index, op->in2, op->keys2, op->n_keys, &held, err);
    }
    sli_rows_reset(&held);
    if (rc == SL_OK && index != NULL) {
        sli_weight_set(&weight, sli_index_bytes(index));
        prober p = {.op = op, .index = index, .task = task, .push = push, .ctx = ctx};
        rc = sli_dep_each(rdd, 0, partition, task, push_probe, &p, err);
        sli_numbers_reset(&p.group);
    }
    sli_index_free(index);
    sli_weight_set(&weight, 0);
    return rc;
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
    prober p = {.op = op,
                .index = index_of(rdd->deps[1].parent, op),
                .task = task,
                .push = push,
                .ctx = ctx};
    SL_ASSERT(p.index != NULL, "a task runs after its broadcast tables were prepared");
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
    sli_index *index = NULL;
    sl_code rc = rdd->runtime->run(rdd->runtime, table, NULL, 0, hold_rows, &rows, err);
    rc = rc != SL_OK ? rc : sli_index_new(&index, table->schema, op->keys2, op->n_keys, &rows, err);
    sli_rows_reset(&rows);
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
