// number.c — zipWithIndex and zipWithUniqueId: a number behind every row; a random one for
// takeSample.
//
// An index over several partitions needs the rows of those before: a job of its own counts them,
// once, when the first action comes to it (sli_rdd_ops.prepare), not at definition as in Spark, so
// that nothing runs for an RDD that nobody reads.
#include "rdd/rdd_int.h"

#include <stdio.h>

typedef struct numbering {
    sli_op *op;
    bool ready;   ///< `first` is known
    int64_t step; ///< 1, or the number of partitions; 0: random numbers
    uint64_t seed;
    int64_t first[]; ///< number of each partition's first row
} numbering;

typedef struct numberer {
    const numbering *how;
    int64_t next;
    sli_rng rng;
    sl_builder *builder; ///< NULL until the first batch
    const sl_batch **from;
    int32_t *column;
    sli_push_fn push;
    void *ctx;
} numberer;

static sl_code start(numberer *n, sli_task *task, sl_error *err)
{
    size_t columns = (size_t)sl_schema_columns(n->how->op->out);
    n->from = sl_arena_alloc(task->arena, columns * sizeof *n->from);
    n->column = sl_arena_alloc(task->arena, columns * sizeof *n->column);
    if (n->from == NULL || n->column == NULL) {
        return sl_error_nomem(err, columns * sizeof *n->from, "the columns of numbered rows");
    }
    return sl_builder_new(&n->builder, n->how->op->made, err);
}

static sl_code make_numbers(numberer *n, int64_t rows, sl_batch **out, sl_error *err)
{
    int64_t *to = sl_builder_reserve(n->builder, 0, rows);
    bool random = n->how->step == 0;
    for (int64_t i = 0; to != NULL && i < rows; i++) {
        to[i] = random ? (int64_t)sli_rng_next(&n->rng) : n->next;
        n->next += n->how->step;
    }
    return sl_builder_finish(n->builder, out, err);
}

static sl_code push_numbered(void *ctx, sl_batch *batch, sl_error *err)
{
    numberer *n = ctx;
    sl_batch *numbers = NULL, *out = NULL;
    int32_t columns = sl_schema_columns(n->how->op->in);
    SL_TRY(make_numbers(n, sl_batch_rows(batch), &numbers, err));
    for (int32_t i = 0; i < columns; i++) {
        n->from[i] = batch;
        n->column[i] = i;
    }
    n->from[columns] = numbers;
    n->column[columns] = 0;
    sl_code rc = sli_batch_project(n->how->op->out, n->from, n->column, &out, err);
    rc = rc != SL_OK ? rc : n->push(n->ctx, out, err);
    sl_batch_unref(out);
    sl_batch_unref(numbers);
    return rc;
}

static sl_code compute_numbered(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                void *ctx, sl_error *err)
{
    const numbering *how = rdd->body;
    SL_ASSERT(how->ready, "a task runs after the rows before its partition were counted");
    numberer n = {.how = how,
                  .next = how->first[partition],
                  .rng = {sli_mix64(how->seed ^ sli_mix64((uint64_t)partition))},
                  .push = push,
                  .ctx = ctx};
    sl_code rc = start(&n, task, err);
    rc = rc != SL_OK ? rc
                     : sli_rdd_each(rdd->deps[0].parent, partition, task, push_numbered, &n, err);
    sl_builder_free(n.builder);
    return rc;
}

// ---------------------------------------------------------------- the rows before each partition

static bool is_ready(const sl_rdd *rdd)
{
    return ((const numbering *)rdd->body)->ready;
}

static sl_code note_count(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    numbering *how = ctx;
    (void)err;
    how->first[partition + 1] = sl_column_int64(sl_batch_column(batch, 0), 0);
    return SL_OK;
}

/// Counts all partitions but the last.
static sl_code count_before(sl_rdd *rdd, sl_error *err)
{
    numbering *how = rdd->body;
    int32_t n = rdd->n_partitions;
    sl_rdd *parts = sli_rdd_count_parts(rdd->deps[0].parent);
    int32_t *partitions = sl_alloc(SLI_TAG_RDD, (size_t)n * sizeof *partitions);
    sl_code rc = partitions == NULL
                     ? sl_error_nomem(err, (size_t)n * sizeof *partitions, "a list of partitions")
                     : sl_rdd_check(parts, err);
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        partitions[i] = i;
        how->first[i] = 0; // a count that failed half-way begins anew
    }
    rc = rc != SL_OK
             ? rc
             : rdd->runtime->run(rdd->runtime, parts, partitions, n - 1, note_count, how, err);
    for (int32_t i = 1; rc == SL_OK && i < n; i++) {
        how->first[i] += how->first[i - 1];
    }
    how->ready = rc == SL_OK;
    sl_free(partitions);
    sl_rdd_unref(parts);
    return sl_error_wrap(err, rc, "zipWithIndex: the rows of its partitions");
}

// ---------------------------------------------------------------- definition

static void free_numbering(sl_rdd *rdd)
{
    numbering *how = rdd->body;
    sli_op_unref(how->op);
    sl_free(how);
}

static const sli_rdd_ops index_ops = {.name = "zipWithIndex",
                                      .compute = compute_numbered,
                                      .is_ready = is_ready,
                                      .prepare = count_before,
                                      .free = free_numbering,
                                      .keeps_empty = true,
                                      .keeps_place = true};
static const sli_rdd_ops unique_ops = {.name = "zipWithUniqueId",
                                       .compute = compute_numbered,
                                       .free = free_numbering,
                                       .keeps_empty = true,
                                       .keeps_place = true};

static const sli_rdd_ops random_ops = {
    .name = "takeSample", .compute = compute_numbered, .free = free_numbering, .keeps_empty = true};

/// The text of these operators is the schema of the number's column.
static sl_code compile_number(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sl_schema_parse(&op->made, op->text, err));
    SL_TRY(sli_op_all_keys(op, op->in, &op->keys, err));
    return sli_schema_beside(op->in, op->keys, op->n_keys, op->made, &op->out, err);
}

static numbering *new_numbering(int32_t n_partitions, sli_op *op)
{
    size_t size = sizeof(numbering) + (size_t)(n_partitions + 1) * sizeof(int64_t);
    numbering *how = sl_alloc_zero(SLI_TAG_RDD, size);
    if (how != NULL) {
        how->op = op;
    }
    return how;
}

/// `step` and `seed` as in numbering.
static sl_rdd *define(sl_rdd *rdd, const sli_rdd_ops *ops, const char *column, int64_t step,
                      uint64_t seed)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {.kind = ops->name, .text = column, .in = rdd->schema};
    if (sli_op_find(rdd->runtime, &key, compile_number, &op, &error) != SL_OK) {
        return sli_rdd_wrong(rdd->runtime, ops->name, &error);
    }
    int32_t n = rdd->n_partitions;
    numbering *how = new_numbering(n, op);
    if (how == NULL) {
        sli_op_unref(op);
        return NULL;
    }
    how->step = step;
    how->seed = seed;
    how->ready = ops != &index_ops || n <= 1 || rdd->is_empty;
    for (int32_t i = 0; ops == &unique_ops && i < n; i++) {
        how->first[i] = i;
    }
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)};
    return sli_rdd_new(rdd->runtime, ops, op->out, n, &dep, 1, how);
}

sl_rdd *sl_rdd_zip_with_index(sl_rdd *rdd)
{
    return define(rdd, &index_ops, "index int64", 1, 0);
}

sl_rdd *sl_rdd_zip_with_unique_id(sl_rdd *rdd)
{
    return define(rdd, &unique_ops, "id int64", rdd == NULL ? 0 : rdd->n_partitions, 0);
}

sl_rdd *sli_rdd_with_random(sl_rdd *rdd, const char *name, uint64_t seed)
{
    char column[256 + sizeof " int64"];
    (void)snprintf(column, sizeof column, "%s int64", name);
    return define(rdd, &random_ops, column, 0, seed);
}
