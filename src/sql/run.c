// The RDD of a SELECT: the rows of a partition, or of all partitions gathered into one, through
// DuckDB.
//
// A partition's rows are held while the query runs, since nobody says in which order DuckDB reads
// its tables: they are counted in the budget by force, as glom's are. What the query itself needs
// is bounded by the instance's own limit.
#include "sql/select.h"

enum { MAX_STOPS = 8 }; ///< flags that may end a task: its own, its job's, all jobs'

typedef struct running {
    sl_rdd *rdd;
    const sli_select *select;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sli_rows *held; ///< by dependency
    bool is_below;  ///< what failed is not the query
    int32_t batch;  ///< of held[0]: where the columns that are passed on have been taken from
    int64_t row;    ///< in it
    const sl_batch **from; ///< by column of the result, room for push_beside
    int32_t *column;
} running;

// ---------------------------------------------------------------- rows in

static sl_code hold(void *ctx, sl_batch *batch, sl_error *err)
{
    return sl_batch_rows(batch) == 0 ? SL_OK : sli_rows_add(ctx, batch, err);
}

static sl_code gather(running *r, int32_t partition, int64_t *bytes, int64_t *rows, sl_error *err)
{
    size_t n = (size_t)r->rdd->n_deps;
    r->held = sl_arena_alloc_zero(r->task->arena, n * sizeof *r->held);
    if (r->held == NULL) {
        return sl_error_nomem(err, n * sizeof *r->held, "the rows of a query");
    }
    for (int32_t i = 0; i < r->rdd->n_deps; i++) {
        SL_TRY(sli_dep_each(r->rdd, i, partition, r->task, hold, &r->held[i], err));
        *bytes += r->held[i].bytes;
        *rows += r->held[i].n_rows;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- rows out

/// The rows have no place in their source any more.
static sl_code push_rows(running *r, sl_batch *batch, sl_error *err)
{
    sli_task *task = r->task;
    int64_t from = task->source_from;
    task->source_from = -1;
    sl_code rc = r->push(r->ctx, batch, err);
    task->source_from = from;
    r->is_below = rc != SL_OK;
    return rc;
}

static sl_code take(void *ctx, sl_batch *batch, sl_error *err)
{
    running *r = ctx;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    if (sl_batch_schema(batch) == r->rdd->schema) {
        return push_rows(r, batch, err);
    }
    sl_batch *named = NULL;
    SL_TRY(sli_batch_rename(batch, r->rdd->schema, &named, err));
    sl_code rc = push_rows(r, named, err);
    sl_batch_unref(named);
    return rc;
}

// ---------------------------------------------------------------- columns that are passed on

/// n rows of `read`, as they lie in the input, and of `made`, as DuckDB gave them (NULL: it gave
/// none), side by side.
static sl_code push_beside(running *r, const sl_batch *read, const sl_batch *made, sl_error *err)
{
    const sl_schema *schema = r->rdd->schema;
    for (int32_t i = 0, next = 0; i < sl_schema_columns(schema); i++) {
        bool is_passed = r->select->passed[i] >= 0;
        r->from[i] = is_passed ? read : made;
        r->column[i] = is_passed ? r->select->passed[i] : next++;
    }
    sl_batch *out = NULL;
    SL_TRY(sli_batch_project(schema, r->from, r->column, &out, err));
    sl_code rc = push_rows(r, out, err);
    sl_batch_unref(out);
    return rc;
}

/// The rows [from, from + n) of `made` are the next ones of the input.
static sl_code push_piece(running *r, const sl_batch *made, int64_t from, int64_t n, sl_error *err)
{
    sl_batch *read = NULL, *piece = NULL;
    sl_code rc = sli_batch_slice(r->held[0].batches[r->batch], r->row, n, &read, err);
    rc = rc == SL_OK ? sli_batch_slice(made, from, n, &piece, err) : rc;
    rc = rc == SL_OK ? push_beside(r, read, piece, err) : rc;
    sl_batch_unref(read);
    sl_batch_unref(piece);
    r->row += n;
    return rc;
}

static sl_code check_count(bool is_good, sl_error *err)
{
    return is_good ? SL_OK
                   : sl_error_set(err, SL_E_UNSUPPORTED,
                                  "a query by row gave another number of rows than it was given");
}

/// Batches of the two end at different rows.
static sl_code take_beside(void *ctx, sl_batch *made, sl_error *err)
{
    running *r = ctx;
    const sli_rows *held = &r->held[0];
    for (int64_t at = 0; at < sl_batch_rows(made);) {
        if (r->batch < held->n && r->row == sl_batch_rows(held->batches[r->batch])) {
            r->batch++;
            r->row = 0;
        }
        SL_TRY(check_count(r->batch < held->n, err));
        int64_t most = sl_batch_rows(held->batches[r->batch]) - r->row;
        int64_t n = sl_batch_rows(made) - at < most ? sl_batch_rows(made) - at : most;
        SL_TRY(push_piece(r, made, at, n, err));
        at += n;
    }
    return SL_OK;
}

/// Whether what DuckDB gave went to the input's end.
static sl_code check_end(const running *r, sl_error *err)
{
    const sli_rows *held = &r->held[0];
    bool ended = held->n == 0 ||
                 (r->batch == held->n - 1 && r->row == sl_batch_rows(held->batches[r->batch]));
    return r->select->passed == NULL ? SL_OK : check_count(ended, err);
}

static sl_code make_room(running *r, sl_error *err)
{
    size_t n = r->select->passed == NULL ? 0 : (size_t)sl_schema_columns(r->rdd->schema);
    r->from = sl_arena_alloc(r->task->arena, n * sizeof *r->from + 1);
    r->column = sl_arena_alloc(r->task->arena, n * sizeof *r->column + 1);
    return r->from != NULL && r->column != NULL
               ? SL_OK
               : sl_error_nomem(err, n * sizeof *r->from, "the columns of a query");
}

static sl_code pass_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    return sl_batch_rows(batch) == 0 ? SL_OK : push_beside(ctx, batch, NULL, err);
}

// ---------------------------------------------------------------- the query

static sl_code run(running *r, sl_error *err)
{
    const sli_select *select = r->select;
    sli_dbs_rows rows[SLI_MAX_FROM];
    const _Atomic bool *stops[MAX_STOPS];
    int32_t n_stops = 0;
    for (int32_t i = 0; i < select->n_tables; i++) {
        const sli_select_table *t = &select->tables[i];
        const sli_rows *held = t->fixed == NULL ? &r->held[t->dep] : NULL;
        rows[i] = held == NULL ? (sli_dbs_rows){t->table, t->fixed->batches, t->fixed->n}
                               : (sli_dbs_rows){t->table, held->batches, held->n};
    }
    for (const sli_stop *stop = r->task->stop; stop != NULL; stop = stop->wider) {
        SL_ASSERT(n_stops < MAX_STOPS, "a task ends with few things");
        stops[n_stops++] = &stop->now;
    }
    SL_TRY(sli_dbs_run(select->sql->dbs, select->number, rows, select->n_tables, r->task->time_us,
                       stops, n_stops, select->passed == NULL ? take : take_beside, r, err));
    return check_end(r, err);
}

static sl_code blame(const running *r, sl_code rc, sl_error *err)
{
    const char *uid = r->rdd->uid;
    if (r->is_below || rc == SL_E_CANCELLED) {
        return rc;
    }
    r->task->operator_uid = uid;
    (void)sli_plain_failure(rc, err);
    return uid == NULL ? sl_error_wrap(err, rc, "sql") : sl_error_wrap(err, rc, "sql [%s]", uid);
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    running r = {.rdd = rdd, .select = rdd->body, .task = task, .push = push, .ctx = ctx};
    SL_TRY(make_room(&r, err));
    if (r.select->asks_nothing) {
        return sli_dep_each(rdd, 0, partition, task, pass_batch, &r, err);
    }
    int64_t bytes = 0, rows = 0;
    sl_code rc = gather(&r, partition, &bytes, &rows, err);
    if (rc == SL_OK && (rows > 0 || !r.select->keeps_empty)) {
        (void)sli_budget_reserve(task->runtime->budget, bytes, true); // forced: it can't be refused
        rc = run(&r, err);
        sli_budget_release(task->runtime->budget, bytes);
        rc = rc == SL_OK ? SL_OK : blame(&r, rc, err);
    }
    for (int32_t i = 0; r.held != NULL && i < rdd->n_deps; i++) {
        sli_rows_reset(&r.held[i]);
    }
    return rc;
}

// ---------------------------------------------------------------- the RDD

static const sli_rdd_ops by_row_ops = {
    .name = "sql", .compute = compute, .keeps_empty = true, .by_row = true};
static const sli_rdd_ops whole_ops = {.name = "sql", .compute = compute};
static const sli_rdd_ops grouped_ops = {.name = "sql", .compute = compute, .keeps_empty = true};

static sl_rdd *in_one(sl_rdd *rdd)
{
    return rdd->n_partitions == 1 ? sl_rdd_ref(rdd) : sl_rdd_repartition(rdd, 1);
}

sl_rdd *sli_select_rdd(const sli_select *select, sl_rdd *const *inputs)
{
    sli_dep deps[SLI_MAX_FROM];
    int32_t n = 0;
    for (; n < select->n_deps; n++) {
        sl_rdd *input = inputs[select->inputs[n]];
        sl_rdd *read = input == NULL ? NULL : select->by_row ? sl_rdd_ref(input) : in_one(input);
        if (read == NULL || read->mistake != NULL) {
            for (int32_t i = 0; i < n; i++) {
                sl_rdd_unref(deps[i].parent);
            }
            return read;
        }
        deps[n] = (sli_dep){.kind = SLI_DEP_NARROW, .parent = read};
    }
    const sli_rdd_ops *ops = select->by_row        ? &by_row_ops
                             : select->keeps_empty ? &grouped_ops
                                                   : &whole_ops;
    return sli_rdd_new(deps[0].parent->runtime, ops, select->schema, deps[0].parent->n_partitions,
                       deps, n, (void *)(uintptr_t)select); // tasks only read it
}
