// An epoch of a timed operator: its RDD, the task that owns a partition of the table, and the index
// by time that moves on when the epoch has been completed.
#include "stream/event/timed.h"

#include "base/bytes.h"

/// What the task of a partition leaves behind. One attempt of a partition runs at a time.
typedef struct part {
    _Atomic bool done; ///< a view stands for it
    sli_due_notes due; ///< keys for the index, in order
} part;

/// The RDD of one epoch.
typedef struct timed_run {
    sli_timed *self;
    int64_t epoch, watermark_us, before_us;
    sli_next *next; ///< NULL: nobody asks
    int32_t n;
    part parts[];
} timed_run;

// ---------------------------------------------------------------- the task

sl_code sli_timed_rows(sli_timed_task *t, int32_t side, sli_push_fn each, void *ctx, sl_error *err)
{
    return sli_shuffle_each(t->rdd->deps[side].shuffle, t->partition, t->task, each, ctx, err);
}

sl_code sli_timed_due(sli_timed_task *t, const sli_due_key *const **out, int32_t *n, sl_error *err)
{
    const sli_due *due = &t->self->due[t->partition];
    return sli_due_list(due, t->watermark_us, t->task->arena, out, n, err);
}

sl_code sli_timed_note(sli_timed_task *t, int64_t at_us, uint64_t hash, sl_bytes key, sl_error *err)
{
    return sli_due_note(t->due, at_us, sli_slot_of(hash), key, err);
}

sl_code sli_timed_find(sli_timed_task *t, uint64_t hash, sl_bytes key, sl_bytes *value, bool *found,
                       sl_error *err)
{
    return t->view->store->ops->find(t->view, hash, key, value, found, err);
}

sl_code sli_timed_put(sli_timed_task *t, uint64_t hash, sl_bytes key, sl_bytes value, sl_error *err)
{
    return t->view->store->ops->put(t->view, hash, key, value, err);
}

sl_code sli_timed_remove(sli_timed_task *t, uint64_t hash, sl_bytes key, sl_error *err)
{
    return t->view->store->ops->remove(t->view, hash, key, err);
}

static sl_code run_task(sli_timed_task *t, int64_t epoch, sl_error *err)
{
    const sl_stream *node = t->self->node;
    const sli_store_ops *ops = node->store->ops;
    SL_TRY(
        sli_task_args(t->task, NULL, sli_hash64(node->uid, strlen(node->uid)), 0, &t->args, err));
    SL_TRY(ops->begin(node->store, node->table, epoch, t->partition, t->rdd->n_partitions, &t->view,
                      err));
    sl_code rc = t->self->ops->run(t, err);
    rc = rc != SL_OK ? rc : sli_due_sort(t->due, err); // here, since the driver is one thread
    if (rc != SL_OK) {
        ops->drop(t->view);
        return rc;
    }
    return ops->done(t->view, err);
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    timed_run *run = rdd->body;
    part *p = &run->parts[partition];
    if (atomic_load(&run->self->open) != run) {
        return sl_error_set(err, SL_E_STATE,
                            "the rows of epoch %lld of %s can't be computed in a later epoch: keep "
                            "them with sl_rdd_collect",
                            (long long)run->epoch, run->self->node->uid);
    }
    sli_due_notes_reset(&p->due);
    sli_timed_task t = {.self = run->self,
                        .rdd = rdd,
                        .partition = partition,
                        .task = task,
                        .watermark_us = run->watermark_us,
                        .next = run->next,
                        .before_us = run->before_us,
                        .push = push,
                        .ctx = ctx,
                        .due = &p->due};
    sl_code rc = run_task(&t, run->epoch, err);
    if (rc == SL_OK) {
        // Release: pairs with the acquire in sli_timed_settle, though the job's end orders them
        // too.
        atomic_store_explicit(&p->done, true, memory_order_release);
    }
    return rc;
}

// ---------------------------------------------------------------- the RDD

static void free_run(sl_rdd *rdd)
{
    timed_run *run = rdd->body;
    for (int32_t i = 0; i < run->n; i++) {
        sli_due_notes_reset(&run->parts[i].due);
    }
    sli_next_free(run->next);
    sl_free(run);
}

static const sli_rdd_ops timed_rdd_ops = {
    .name = "by event time", .compute = compute, .free = free_run};

static sl_code new_run(sli_timed *self, int64_t epoch, timed_run **out, sl_error *err)
{
    if (self->node->store == NULL || self->due == NULL) {
        return sl_error_set(err, SL_E_STATE, "its state is not open");
    }
    size_t size = sizeof(timed_run) + (size_t)self->n_due * sizeof(part);
    timed_run *run = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (run == NULL) {
        return sl_error_nomem(err, size, "an RDD by event time");
    }
    run->self = self;
    run->epoch = epoch;
    run->watermark_us = self->watermark_us;
    run->before_us = self->before_us;
    run->n = self->n_due;
    *out = run;
    return SL_OK;
}

int64_t sli_timed_moment(const sli_timed *self, int64_t watermark_us)
{
    if (self->step_us == 0 || watermark_us == SLI_NO_TIME) {
        return watermark_us;
    }
    int64_t into_us = (watermark_us - self->lateness_us) % self->step_us;
    return watermark_us - into_us - (into_us < 0 ? self->step_us : 0);
}

/// Keys that stay in the index are due again only when a step has come.
bool sli_timed_is_due(const sli_timed *self)
{
    int64_t moment_us = sli_timed_moment(self, self->watermark_us);
    if (self->stays_us > 0 && moment_us == sli_timed_moment(self, self->before_us)) {
        return false;
    }
    bool due = false;
    for (int32_t i = 0; i < self->n_due && !due; i++) {
        due = sli_due_first(&self->due[i]) <= moment_us;
    }
    return due;
}

void sli_timed_resume(sli_timed *self)
{
    self->before_us = INT64_MAX;
    for (int32_t i = 0; i < self->n_times; i++) {
        int64_t at_us = self->times[i]->lanes.watermark_us;
        self->before_us = at_us < self->before_us ? at_us : self->before_us;
    }
}

/// One input: its rows in time, behind a shuffle. *dep has a reference of its own.
static sl_code make_dep(sli_timed *self, int32_t side, sli_epoch *epoch, sl_rdd *input, int32_t n,
                        sli_dep *dep, sl_error *err)
{
    sl_rdd *sifted = NULL;
    SL_TRY(sli_sift_rdd(self, side, epoch, input, false, &sifted, err));
    if (sifted == NULL) {
        return sl_error_nomem(err, sizeof *sifted, "an RDD");
    }
    sl_code rc = sl_rdd_check(sifted, err);
    sli_shuffle *shuffle = NULL;
    if (rc == SL_OK) {
        shuffle = sli_shuffle_new(epoch->runtime, sifted, SLI_CUT_HASH, self->sides[side].keys,
                                  self->n_keys, NULL, n, err);
        rc = shuffle == NULL ? SL_E_NOMEM : SL_OK;
    }
    if (rc != SL_OK) {
        sl_rdd_unref(sifted);
        return rc;
    }
    shuffle->first_placing = self->first_placing;
    if (self->combines) {
        shuffle->combine = self->plan; // the node's, which outlives its RDDs
        shuffle->schema = sli_agg_plan_partial(self->plan);
    }
    *dep = (sli_dep){.kind = SLI_DEP_SHUFFLE, .parent = sifted, .shuffle = shuffle};
    return SL_OK;
}

static void drop_deps(const sli_dep *deps, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        sli_shuffle_free(deps[i].shuffle);
        sl_rdd_unref(deps[i].parent);
    }
}

static sl_code make_deps(sli_timed *self, sli_epoch *epoch, sl_rdd *const *inputs, int32_t n,
                         sli_dep *deps, bool *empty, sl_error *err)
{
    *empty = true;
    for (int32_t i = 0; i < self->node->n_inputs; i++) {
        sl_code rc = make_dep(self, i, epoch, inputs[i], n, &deps[i], err);
        if (rc != SL_OK) {
            drop_deps(deps, i);
            return rc;
        }
        *empty = *empty && deps[i].parent->is_empty;
    }
    return SL_OK;
}

sl_code sli_timed_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                      sl_error *err)
{
    sli_timed *self = node->body;
    timed_run *run = NULL;
    sli_dep deps[2];
    bool empty = false;
    SL_TRY(new_run(self, epoch->number, &run, err));
    sl_code rc =
        self->ops->keeps_to_next ? sli_next_new(&run->next, node->graph, epoch, err) : SL_OK;
    rc = rc != SL_OK ? rc : make_deps(self, epoch, inputs, run->n, deps, &empty, err);
    if (rc != SL_OK) {
        sli_next_free(run->next);
        sl_free(run);
        return rc;
    }
    empty = empty && !sli_timed_is_due(self);
    *out = sli_rdd_new(epoch->runtime, &timed_rdd_ops, node->schema, run->n, deps, node->n_inputs,
                       run);
    if (*out == NULL || (*out)->mistake != NULL) {
        return SL_OK;
    }
    (*out)->pinned = true;
    (*out)->is_empty = empty;
    if (!empty) {
        sl_rdd_unref(self->running);
        self->running = sl_rdd_ref(*out);
        atomic_store(&self->open, run);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the end of an epoch

sl_code sli_timed_settle(sli_timed *self, sl_error *err)
{
    sl_rdd *rdd = self->running;
    int32_t missing[SLI_MAX_HASH_PARTITIONS], n = 0;
    for (int32_t i = 0; rdd != NULL && i < rdd->n_partitions; i++) {
        timed_run *run = rdd->body;
        if (!atomic_load_explicit(&run->parts[i].done, memory_order_acquire)) {
            missing[n++] = i;
        }
    }
    return sli_rdd_run(rdd, missing, n, err);
}

int64_t sli_timed_index_bytes(const sli_timed *self)
{
    int64_t bytes = self->weight;
    const timed_run *run = self->running == NULL ? NULL : self->running->body;
    for (int32_t i = 0; run != NULL && i < run->n; i++) {
        bytes += run->parts[i].due.run.bytes;
    }
    return bytes;
}

static void recount(sli_timed *self)
{
    int64_t bytes = 0;
    for (int32_t i = 0; i < self->n_due; i++) {
        bytes += sli_due_footprint(&self->due[i]);
    }
    if (bytes > self->weight) { // counted, so that blocks make room
        (void)sli_budget_reserve(self->budget, bytes - self->weight, true);
    } else {
        sli_budget_release(self->budget, self->weight - bytes);
    }
    self->weight = bytes;
}

/// What was due has been done; what the tasks noted comes in.
static sl_code move_on(sli_timed *self, timed_run *run, sl_error *err)
{
    int64_t moment_us = sli_timed_moment(self, run->watermark_us);
    for (int32_t i = 0; i < run->n; i++) {
        sli_due_drop(&self->due[i], sli_time_add(moment_us, -self->stays_us));
        SL_TRY(sli_due_take(&self->due[i], &run->parts[i].due, err));
    }
    recount(self);
    return SL_OK;
}

static void count_sifted(sli_timed *self)
{
    for (int32_t i = 0; i < self->running->n_deps; i++) {
        sli_sifted sum = sli_sift_counts(self->running->deps[i].parent);
        self->sifted.late += sum.late;
        self->sifted.ahead += sum.ahead;
        self->sifted.untimed += sum.untimed;
    }
}

sl_code sli_timed_finish(sli_timed *self, bool completed, sl_error *err)
{
    if (completed) {
        self->before_us = self->watermark_us;
    }
    if (self->running == NULL) {
        return SL_OK;
    }
    sl_code rc = SL_OK;
    if (completed) {
        count_sifted(self);
        rc = move_on(self, self->running->body, err);
    }
    atomic_store(&self->open, NULL);
    sl_rdd_unref(self->running);
    self->running = NULL;
    return rc;
}

// ---------------------------------------------------------------- the index from the table

typedef struct restoring {
    sli_timed *self;
    sl_builder *rows;
    int32_t slots[SLI_BATCH_ROWS];
    int32_t n;
    sli_str key;
    sli_due_notes *notes; ///< by partition
} restoring;

/// Whether all times in the rows [from, to) of a column, and inside them, are ones that Sluice may
/// have put there: sums of a few of those can't overflow.
static bool times_are_sane(const sl_column *column, int64_t from, int64_t to)
{
    bool sane = true;
    if (column->type == SL_LIST) {
        const int32_t *offsets = column->values;
        return times_are_sane(&column->children[0], offsets[from], offsets[to]);
    }
    for (int32_t i = 0; column->type == SL_STRUCT && i < column->n_children; i++) {
        sane = sane && times_are_sane(&column->children[i], from, to);
    }
    for (int64_t row = from; column->type == SL_TIMESTAMP && row < to && sane; row++) {
        int64_t time_us = sl_column_is_null(column, row) ? 0 : sl_column_int64(column, row);
        sane = time_us >= -SLI_MAX_STATE_TIME_US && time_us <= SLI_MAX_STATE_TIME_US;
    }
    return sane;
}

/// Keys of the user's may be any times; those of the operator's own are checked.
static sl_code check_times(const sli_timed *self, const sl_batch *rows, sl_error *err)
{
    const sl_schema *schema = sl_batch_schema(rows);
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        bool own = strncmp(sl_schema_field(schema, i)->name, "event.", 6) == 0 ||
                   (i == 0 && self->ops->spread != NULL); // a window's start
        if (own && !times_are_sane(sl_batch_column(rows, i), 0, sl_batch_rows(rows))) {
            return sl_error_set(err, SL_E_CORRUPT, "a time in the state of %s is out of range",
                                self->node->uid);
        }
    }
    return SL_OK;
}

static sl_code index_row(restoring *r, const sl_batch *rows, int32_t row, sl_error *err)
{
    sli_timed *self = r->self;
    if (self->ops->check != NULL) {
        SL_TRY(self->ops->check(self, rows, row, err));
    }
    sli_str_clear(&r->key);
    sli_row_put(&r->key, rows, self->places, sl_schema_columns(self->key_schema), row);
    SL_TRY(sli_str_check(&r->key, "a key", err));
    sli_due_notes *notes = &r->notes[sli_partition_of(r->slots[row], self->n_due)];
    return sli_due_note(notes, self->ops->due(self, rows, row), r->slots[row],
                        (sl_bytes){r->key.data, r->key.size}, err);
}

static sl_code index_rows(restoring *r, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sl_builder_finish(r->rows, &rows, err));
    sl_code rc = check_times(r->self, rows, err);
    for (int32_t i = 0; i < r->n && rc == SL_OK; i++) {
        rc = index_row(r, rows, i, err);
    }
    sl_batch_unref(rows);
    r->n = 0;
    return rc;
}

static sl_code take_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    restoring *r = ctx;
    int32_t n_keys = sl_schema_columns(r->self->key_schema);
    SL_TRY(sli_row_get(key, r->rows, 0, n_keys, err));
    SL_TRY(sli_row_get(value, r->rows, n_keys, sl_schema_columns(r->self->value_schema), err));
    r->slots[r->n++] = slot;
    return r->n == SLI_BATCH_ROWS ? index_rows(r, err) : SL_OK;
}

static int32_t partitions_of(const sli_timed *self, const sli_runtime *runtime)
{
    return self->node->n_partitions > 0 ? self->node->n_partitions : runtime->parallelism;
}

static sl_code open_index(sli_timed *self, sli_runtime *runtime, sl_error *err)
{
    int32_t n = partitions_of(self, runtime);
    if (n < 1 || n > SLI_MAX_HASH_PARTITIONS) {
        return sl_error_set(err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n,
                            SLI_MAX_HASH_PARTITIONS);
    }
    sli_timed_close(self);
    self->due = sl_alloc_array(SLI_TAG_STREAM, (size_t)n, sizeof *self->due);
    if (self->due == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *self->due, "indexes by time");
    }
    self->n_due = n;
    self->budget = runtime->budget;
    return SL_OK;
}

static void end_restoring(restoring *r)
{
    for (int32_t i = 0; r->notes != NULL && i < r->self->n_due; i++) {
        sli_due_notes_reset(&r->notes[i]);
    }
    sl_free(r->notes);
    sl_builder_free(r->rows);
    sli_str_reset(&r->key);
}

static sl_code read_table(restoring *r, sl_error *err)
{
    sli_timed *self = r->self;
    sli_store *store = self->node->store;
    r->notes = sl_alloc_array(SLI_TAG_STREAM, (size_t)self->n_due, sizeof *r->notes);
    if (r->notes == NULL) {
        return sl_error_nomem(err, (size_t)self->n_due * sizeof *r->notes, "indexes by time");
    }
    SL_TRY(sl_builder_new(&r->rows, self->row_schema, err));
    SL_TRY(store->ops->dump(store, self->node->table, 0, SLI_SLOTS, take_row, r, err));
    SL_TRY(index_rows(r, err));
    for (int32_t i = 0; i < self->n_due; i++) {
        SL_TRY(sli_due_take(&self->due[i], &r->notes[i], err));
    }
    return SL_OK;
}

sl_code sli_timed_restore(sli_timed *self, sli_runtime *runtime, sl_error *err)
{
    SL_TRY(open_index(self, runtime, err));
    restoring r = {.self = self, .key = {.tag = SLI_TAG_STREAM}};
    sl_code rc = read_table(&r, err);
    end_restoring(&r);
    recount(self);
    return rc;
}

sl_code sli_timed_fit(sli_timed *self, sli_runtime *runtime, sl_error *err)
{
    return partitions_of(self, runtime) == self->n_due ? SL_OK
                                                       : sli_timed_restore(self, runtime, err);
}

void sli_timed_close(sli_timed *self)
{
    atomic_store(&self->open, NULL);
    sl_rdd_unref(self->running);
    self->running = NULL;
    for (int32_t i = 0; i < self->n_due; i++) {
        sli_due_reset(&self->due[i]);
    }
    sl_free(self->due);
    self->due = NULL;
    self->n_due = 0;
    if (self->budget != NULL) {
        sli_budget_release(self->budget, self->weight);
    }
    self->weight = 0;
    self->budget = NULL;
}
