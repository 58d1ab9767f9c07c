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
    int64_t start;       ///< of held[0].batches[batch]: the number of its first row
    sl_batch **numbered; ///< its batches with numbers of rows; NULL: nobody asks for them
    int32_t *taken;      ///< rows of a batch, room for push_numbered
    int64_t taken_room;
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

// with WHERE: rows by their numbers

/// The numbers first, first + 1, ... of a batch's rows, behind its columns.
static sl_code number_batch(running *r, const sl_batch *batch, int64_t first, sl_batch **out,
                            sl_error *err)
{
    const sli_select *select = r->select;
    int32_t n = sl_schema_columns(select->numbered);
    sl_builder *builder = NULL;
    sl_batch *numbers = NULL;
    SL_TRY(sl_builder_new(&builder, select->row_number, err));
    int64_t *cells = sl_builder_reserve(builder, 0, sl_batch_rows(batch));
    for (int64_t i = 0; cells != NULL && i < sl_batch_rows(batch); i++) {
        cells[i] = first + i;
    }
    sl_code rc = sl_builder_finish(builder, &numbers, err);
    sl_builder_free(builder);
    SL_TRY(rc);
    const sl_batch **from = sl_arena_alloc(r->task->arena, (size_t)n * sizeof *from);
    int32_t *column = sl_arena_alloc(r->task->arena, (size_t)n * sizeof *column);
    for (int32_t i = 0; from != NULL && column != NULL && i < n; i++) {
        from[i] = i == n - 1 ? numbers : batch;
        column[i] = i == n - 1 ? 0 : i;
    }
    rc = from == NULL || column == NULL
             ? sl_error_nomem(err, (size_t)n * sizeof *from, "the columns of a query")
             : sli_batch_project(select->numbered, from, column, out, err);
    sl_batch_unref(numbers);
    return rc;
}

static sl_code number_rows(running *r, sl_error *err)
{
    const sli_rows *held = &r->held[0];
    size_t n = (size_t)held->n + 1;
    if (r->select->numbered == NULL) {
        return SL_OK;
    }
    r->numbered = sl_arena_alloc_zero(r->task->arena, n * sizeof *r->numbered);
    if (r->numbered == NULL) {
        return sl_error_nomem(err, n * sizeof *r->numbered, "the rows of a query");
    }
    for (int64_t i = 0, first = 0; i < held->n; i++) {
        SL_TRY(number_batch(r, held->batches[i], first, &r->numbered[i], err));
        first += sl_batch_rows(held->batches[i]);
    }
    return SL_OK;
}

static void drop_numbered(running *r)
{
    for (int32_t i = 0; r->numbered != NULL && i < r->held[0].n; i++) {
        sl_batch_unref(r->numbered[i]);
    }
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

/// Rows of a batch that are taken out of it: together they are a slice.
static sl_code pick(const sl_batch *batch, const int32_t *rows, int64_t n, sl_batch **out,
                    sl_error *err)
{
    return rows[n - 1] - rows[0] == n - 1 ? sli_batch_slice(batch, rows[0], n, out, err)
                                          : sli_batch_take(batch, rows, n, out, err);
}

/// Rows [from, from + n) of `made` are of the batch where r stands, r->taken says which.
static sl_code push_picked(running *r, const sl_batch *made, int64_t from, int64_t n, sl_error *err)
{
    sl_batch *read = NULL, *piece = NULL;
    sl_code rc = pick(r->held[0].batches[r->batch], r->taken, n, &read, err);
    rc = rc == SL_OK ? sli_batch_slice(made, from, n, &piece, err) : rc;
    rc = rc == SL_OK ? push_beside(r, read, piece, err) : rc;
    sl_batch_unref(read);
    sl_batch_unref(piece);
    return rc;
}

static sl_code make_taken(running *r, int64_t n, sl_error *err)
{
    if (n > r->taken_room) {
        r->taken = sl_arena_alloc(r->task->arena, (size_t)n * sizeof *r->taken);
        r->taken_room = r->taken == NULL ? 0 : n;
    }
    return n <= r->taken_room
               ? SL_OK
               : sl_error_nomem(err, (size_t)n * sizeof *r->taken, "numbers of rows");
}

/// The last column has the numbers of the rows that are left, which go up.
static sl_code take_numbered(void *ctx, sl_batch *made, sl_error *err)
{
    running *r = ctx;
    const sli_rows *held = &r->held[0];
    const sl_column *last = sl_batch_column(made, sl_schema_columns(sl_batch_schema(made)) - 1);
    const int64_t *numbers = last->values;
    int64_t n_rows = sl_batch_rows(made);
    SL_TRY(make_taken(r, n_rows, err));
    for (int64_t at = 0, n = 0; at < n_rows; at += n) {
        while (r->batch < held->n &&
               numbers[at] >= r->start + sl_batch_rows(held->batches[r->batch])) {
            r->start += sl_batch_rows(held->batches[r->batch++]);
        }
        SL_TRY(check_count(r->batch < held->n && numbers[at] >= r->start, err));
        int64_t stop = r->start + sl_batch_rows(held->batches[r->batch]);
        for (n = 0; at + n < n_rows && numbers[at + n] < stop; n++) {
            SL_TRY(check_count(numbers[at + n] >= r->start, err));
            r->taken[n] = (int32_t)(numbers[at + n] - r->start);
        }
        SL_TRY(push_picked(r, made, at, n, err));
    }
    return SL_OK;
}

/// Whether what DuckDB gave went to the input's end.
static sl_code check_end(const running *r, sl_error *err)
{
    const sli_rows *held = &r->held[0];
    bool ended = held->n == 0 ||
                 (r->batch == held->n - 1 && r->row == sl_batch_rows(held->batches[r->batch]));
    return r->select->passed == NULL || r->numbered != NULL ? SL_OK : check_count(ended, err);
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
        sl_batch *const *batches = held != NULL && r->numbered != NULL ? r->numbered
                                   : held != NULL                      ? held->batches
                                                                       : NULL;
        rows[i] = held == NULL ? (sli_dbs_rows){t->table, t->fixed->batches, t->fixed->n}
                               : (sli_dbs_rows){t->table, batches, held->n};
    }
    for (const sli_stop *stop = r->task->stop; stop != NULL; stop = stop->wider) {
        SL_ASSERT(n_stops < MAX_STOPS, "a task ends with few things");
        stops[n_stops++] = &stop->now;
    }
    SL_TRY(sli_dbs_run(select->sql->dbs, select->number, rows, select->n_tables, r->task->time_us,
                       stops, n_stops,
                       select->passed == NULL ? take
                       : r->numbered == NULL  ? take_beside
                                              : take_numbered,
                       r, err));
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
        bytes += r.select->numbered == NULL ? 0 : rows * (int64_t)sizeof(int64_t);
        (void)sli_budget_reserve(task->runtime->budget, bytes, true); // forced: it can't be refused
        rc = number_rows(&r, err);
        rc = rc == SL_OK ? run(&r, err) : rc;
        drop_numbered(&r);
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
