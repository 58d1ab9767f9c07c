// A model in an epoch: what it learns from, what goes into its table, and the table's rows back.
#include "ml/ml_int.h"

// ---------------------------------------------------------------- the table: changes

sl_code ml_changes_row(ml_changes *changes, bool gone, sl_error *err)
{
    bool *grown = sli_grown(changes->gone, changes->n, &changes->capacity, sizeof *grown);
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)changes->n, "rows of a model");
    }
    changes->gone = grown;
    changes->gone[changes->n++] = gone;
    return SL_OK;
}

/// What one view is given.
typedef struct putting {
    const sl_model *model;
    sli_state_view *view;
    sl_batch *keys, *values;
    int32_t *columns; ///< 0, 1, 2, ...
    uint64_t *hashes;
    sli_str key, value;
} putting;

static sl_code put_row(putting *p, bool gone, int32_t row, sl_error *err)
{
    const sli_store_ops *ops = p->model->node->store->ops;
    sli_str_clear(&p->key);
    sli_str_clear(&p->value);
    sli_row_put(&p->key, p->keys, p->columns, sl_schema_columns(p->model->key_schema), row);
    sli_row_put(&p->value, p->values, p->columns, sl_schema_columns(p->model->value_schema), row);
    SL_TRY(sli_str_check(&p->key, "a model's key", err));
    SL_TRY(sli_str_check(&p->value, "a model's row", err));
    sl_bytes key = {p->key.data, p->key.size}, value = {p->value.data, p->value.size};
    return gone ? ops->remove(p->view, p->hashes[row], key, err)
                : ops->put(p->view, p->hashes[row], key, value, err);
}

static sl_code put_rows(putting *p, const ml_changes *changes, sl_error *err)
{
    enum { COLUMNS = 16 };
    int32_t columns[COLUMNS];
    for (int32_t i = 0; i < COLUMNS; i++) {
        columns[i] = i;
    }
    p->columns = columns;
    p->hashes = sl_alloc_array(SLI_TAG_STREAM, (size_t)changes->n, sizeof *p->hashes);
    if (p->hashes == NULL) {
        return sl_error_nomem(err, (size_t)changes->n * sizeof *p->hashes, "keys of a model");
    }
    sli_batch_hash(p->keys, columns, sl_schema_columns(p->model->key_schema), p->hashes);
    for (int32_t row = 0; row < changes->n; row++) {
        SL_TRY(put_row(p, changes->gone[row], row, err));
    }
    return SL_OK;
}

static sl_code put_changes(const sl_model *model, const ml_changes *changes, int64_t epoch,
                           sl_error *err)
{
    const sli_store_ops *ops = model->node->store->ops;
    putting p = {.model = model, .key.tag = SLI_TAG_STREAM, .value.tag = SLI_TAG_STREAM};
    sl_code rc = sl_builder_finish(changes->keys, &p.keys, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(changes->values, &p.values, err);
    rc = rc != SL_OK
             ? rc
             : ops->begin(model->node->store, model->node->table, epoch, 0, 1, &p.view, err);
    if (rc == SL_OK) {
        rc = put_rows(&p, changes, err);
        if (rc == SL_OK) {
            rc = ops->done(p.view, err);
        } else {
            ops->drop(p.view);
        }
    }
    sl_free(p.hashes);
    sli_str_reset(&p.key);
    sli_str_reset(&p.value);
    sl_batch_unref(p.keys);
    sl_batch_unref(p.values);
    return rc;
}

static sl_code save(const sl_model *model, const ml_value *is, int64_t epoch, sl_error *err)
{
    ml_changes changes = {0};
    const ml_value *was = model->is_stored ? model->base : NULL;
    sl_code rc = sl_builder_new(&changes.keys, model->key_schema, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&changes.values, model->value_schema, err);
    rc = rc != SL_OK ? rc : model->kind->save(model, was, is, &changes, err);
    rc = rc != SL_OK || changes.n == 0 ? rc : put_changes(model, &changes, epoch, err);
    sl_builder_free(changes.keys);
    sl_builder_free(changes.values);
    sl_free(changes.gone);
    return rc;
}

// ---------------------------------------------------------------- the table: coming back

typedef struct loading {
    const sl_model *model;
    ml_value *value;
    sl_builder *keys, *values;
    int32_t n; ///< in the builders
    int64_t n_rows;
} loading;

static sl_code load_some(loading *l, sl_error *err)
{
    sl_batch *keys = NULL, *values = NULL;
    if (l->n == 0) {
        return SL_OK;
    }
    sl_code rc = sl_builder_finish(l->keys, &keys, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(l->values, &values, err);
    rc = rc != SL_OK ? rc : l->model->kind->load(l->model, l->value, keys, values, err);
    sl_batch_unref(keys);
    sl_batch_unref(values);
    l->n = 0;
    return rc;
}

static sl_code take_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    loading *l = ctx;
    (void)slot;
    SL_TRY(sli_row_get(key, l->keys, 0, sl_schema_columns(l->model->key_schema), err));
    SL_TRY(sli_row_get(value, l->values, 0, sl_schema_columns(l->model->value_schema), err));
    l->n_rows++;
    return ++l->n == SLI_BATCH_ROWS ? load_some(l, err) : SL_OK;
}

static sl_code load_all(loading *l, sl_error *err)
{
    const sl_stream *node = l->model->node;
    SL_TRY(sl_builder_new(&l->keys, l->model->key_schema, err));
    SL_TRY(sl_builder_new(&l->values, l->model->value_schema, err));
    SL_TRY(node->store->ops->dump(node->store, node->table, 0, SLI_SLOTS, take_row, l, err));
    SL_TRY(load_some(l, err));
    return l->n_rows == 0 || l->model->kind->loaded == NULL
               ? SL_OK
               : l->model->kind->loaded(l->model, l->value, l->n_rows, err);
}

sl_code ml_model_restore(sl_stream *node, sl_error *err)
{
    sl_model *model = node->body;
    loading l = {.model = model};
    SL_TRY(model->kind->begin(model, &l.value, err));
    sl_code rc = load_all(&l, err);
    sl_builder_free(l.keys);
    sl_builder_free(l.values);
    if (rc != SL_OK) {
        ml_value_unref(l.value);
        return rc;
    }
    ml_value_unref(model->base);
    model->base = l.value;
    model->is_stored = l.n_rows > 0;
    model->was_put = false;
    return SL_OK;
}

// ---------------------------------------------------------------- train: the RDD
//
// It has no rows. Computing a partition folds it into a part, which the first attempt to end
// leaves; an attempt that ends later has folded the same rows to the same part.

/// A part, and what is counted of it.
typedef struct share {
    const ml_kind *kind;
    void *part;
    sli_budget *budget;
    int64_t bytes;
} share;

typedef struct lesson {
    ml_wait wait; ///< for the value to learn from
    const ml_input *input;
    int32_t n;
    share *_Atomic parts[];
} lesson;

static void share_free(share *s)
{
    if (s != NULL) {
        s->kind->part_free(s->part);
        sli_budget_release(s->budget, s->bytes);
        sl_free(s);
    }
}

static sl_code new_share(const sl_model *model, const ml_value *value, sli_budget *budget,
                         share **out, sl_error *err)
{
    share *s = sl_alloc_zero(SLI_TAG_STREAM, sizeof *s);
    if (s == NULL) {
        return sl_error_nomem(err, sizeof *s, "what a model learns from");
    }
    *s = (share){.kind = model->kind, .budget = budget};
    sl_code rc = model->kind->part(model, value, &s->part, err);
    if (rc != SL_OK) {
        share_free(s);
        return rc;
    }
    *out = s;
    return SL_OK;
}

static sl_code check_fits(const ml_kind *kind, int64_t bytes, int64_t limit, sl_error *err)
{
    return bytes <= limit
               ? SL_OK
               : sl_error_set(err, SL_E_NO_SPACE,
                              "the rows of an epoch that a %s learns from take more than "
                              "memory=%lld: give the job more, or take fewer rows an epoch",
                              kind->node.kind, (long long)limit);
}

/// Rows that are held count as memory of the job, for which blocks make room.
static sl_code count(share *s, sl_error *err)
{
    int64_t bytes = s->kind->part_bytes == NULL ? 0 : s->kind->part_bytes(s->part);
    if (bytes <= s->bytes) {
        return SL_OK;
    }
    (void)sli_budget_reserve(s->budget, bytes - s->bytes, true);
    s->bytes = bytes;
    return check_fits(s->kind, bytes, sli_budget_limit(s->budget), err);
}

typedef struct folding {
    const sl_model *model;
    const ml_value *value;
    share *share;
    ml_reader reader;
} folding;

static sl_code fold_rows(void *ctx, const ml_rows *rows, sl_error *err)
{
    const folding *f = ctx;
    SL_TRY(f->model->kind->fold(f->model, f->value, f->share->part, rows, err));
    return count(f->share, err);
}

static sl_code fold_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    folding *f = ctx;
    return ml_reader_each(&f->reader, batch, fold_rows, f, err);
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    lesson *body = rdd->body;
    const sl_model *model = body->wait.model;
    folding f = {.model = model,
                 .value = body->wait.value,
                 .reader = {.model = model, .input = body->input, .partition = partition}};
    (void)push, (void)ctx;
    sl_code rc = new_share(model, f.value, task->runtime->budget, &f.share, err);
    rc = rc != SL_OK ? rc : sli_rdd_each(rdd->deps[0].parent, partition, task, fold_batch, &f, err);
    ml_reader_reset(&f.reader);
    share *none = NULL;
    // Release: pairs with the driver's acquire in learn, though the job's end orders them too.
    if (rc != SL_OK ||
        !atomic_compare_exchange_strong_explicit(&body->parts[partition], &none, f.share,
                                                 memory_order_release, memory_order_relaxed)) {
        share_free(f.share);
    }
    return rc;
}

static void drop_parts(lesson *body)
{
    for (int32_t i = 0; i < body->n; i++) {
        share_free(atomic_exchange(&body->parts[i], NULL));
    }
}

static void free_lesson(sl_rdd *rdd)
{
    lesson *body = rdd->body;
    drop_parts(body);
    ml_value_unref(body->wait.value);
    sl_free(body);
}

static const sli_rdd_ops lesson_ops = {.name = "train",
                                       .compute = compute,
                                       .is_ready = ml_wait_is_ready,
                                       .prepare = ml_wait_prepare,
                                       .free = free_lesson,
                                       .keeps_empty = true,
                                       .by_row = true};

static sl_code train_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                         sl_error *err)
{
    ml_train *train = node->body;
    int32_t n = inputs[0]->n_partitions;
    SL_TRY(ml_trains_make(train->model, train->number, epoch, err));
    size_t size = sizeof(lesson) + (size_t)n * sizeof(void *);
    lesson *body = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (body == NULL) {
        return sl_error_nomem(err, size, "what a model learns from");
    }
    body->wait = (ml_wait){.model = train->model, .n_trains = train->number};
    body->input = &train->input;
    body->n = n;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(inputs[0])};
    *out = sli_rdd_new(epoch->runtime, &lesson_ops, node->schema, n, &dep, 1, body);
    if (*out != NULL && sl_rdd_check(*out, NULL) == SL_OK) {
        sl_rdd_unref(train->rdd);
        train->rdd = sl_rdd_ref(*out);
        train->epoch = epoch;
    }
    return SL_OK;
}

static sl_code settle_train(sl_stream *node, sli_epoch *epoch, sl_error *err)
{
    const ml_train *train = node->body;
    const ml_value *value = NULL;
    (void)epoch;
    return ml_value_after(train->model, train->number + 1, &value, err);
}

const sli_node_ops ml_train_ops = {
    .kind = "train", .rdd = train_rdd, .asks_user = true, .settle = settle_train};

// ---------------------------------------------------------------- train: the step

static sl_code drop_rows(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)partition, (void)batch, (void)err;
    return SL_OK;
}

/// Runs the tasks; *out lists what they left.
static sl_code fold_all(lesson *body, sl_rdd *rdd, void ***out, sl_error *err)
{
    sli_runtime *runtime = rdd->runtime;
    const ml_kind *kind = body->wait.model->kind;
    int64_t bytes = 0;
    void **parts = sl_alloc_array(SLI_TAG_STREAM, (size_t)body->n, sizeof *parts);
    if (parts == NULL) {
        return sl_error_nomem(err, (size_t)body->n * sizeof *parts, "what a model learns from");
    }
    drop_parts(body);
    sl_code rc = runtime->run(runtime, rdd, NULL, 0, drop_rows, NULL, err);
    for (int32_t i = 0; i < body->n && rc == SL_OK; i++) {
        const share *s = atomic_load_explicit(&body->parts[i], memory_order_acquire);
        parts[i] = s->part;
        bytes += s->bytes;
    }
    rc = rc != SL_OK ? rc : check_fits(kind, bytes, sli_budget_limit(runtime->budget), err);
    if (rc != SL_OK) {
        sl_free(parts);
        return rc;
    }
    *out = parts;
    return SL_OK;
}

static sl_code learn(const ml_train *train, const ml_value *from, ml_value **out, sl_error *err)
{
    sl_rdd *rdd = train->rdd;
    lesson *body = rdd->body;
    void **parts = NULL;
    ml_lesson step = {.model = train->model,
                      .from = from,
                      .epoch = train->epoch->number,
                      .time_us = train->epoch->time_us,
                      .interval_us = train->node->slide_us,
                      .runtime = rdd->runtime};
    if (!rdd->is_empty) {
        SL_TRY(fold_all(body, rdd, &parts, err));
        step.parts = parts;
        step.n_parts = body->n;
    }
    sl_code rc = train->model->kind->learn(&step, out, err);
    sl_free(parts);
    drop_parts(body);
    return rc;
}

sl_code ml_value_after(sl_model *model, int32_t n, const ml_value **out, sl_error *err)
{
    *out = model->base;
    for (ml_train *train = model->first; train != NULL && train->number < n; train = train->next) {
        if (train->rdd == NULL) {
            continue; // its stream has no RDD in this epoch
        }
        if (train->made == NULL) {
            sl_code rc = learn(train, *out, &train->made, err);
            if (rc != SL_OK) {
                return sl_error_wrap(err, rc, "model %s, %s", model->node->uid, train->node->uid);
            }
        }
        *out = train->made;
    }
    return SL_OK;
}

sl_code ml_trains_make(sl_model *model, int32_t n, sli_epoch *epoch, sl_error *err)
{
    for (ml_train *train = model->first; train != NULL && train->number < n; train = train->next) {
        sl_rdd *rdd = NULL;
        if (sli_slide_fires(train->node->slide_us, epoch->before_us, epoch->time_us)) {
            SL_TRY(sli_epoch_rdd(epoch, train->node, &rdd, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the end of an epoch

sl_code ml_model_settle(sl_stream *node, sli_epoch *epoch, sl_error *err)
{
    sl_model *model = node->body;
    const ml_value *last = NULL;
    SL_TRY(ml_value_after(model, model->n_trains, &last, err));
    if (last == model->base || node->store == NULL) {
        return SL_OK;
    }
    SL_TRY(save(model, last, epoch->number, err));
    model->was_put = true;
    return SL_OK;
}

void ml_model_end(sl_stream *node, bool completed)
{
    sl_model *model = node->body;
    for (ml_train *train = model->first; train != NULL; train = train->next) {
        if (completed && train->made != NULL) {
            ml_value_unref(model->base);
            model->base = ml_value_ref(train->made);
        }
        ml_value_unref(train->made);
        sl_rdd_unref(train->rdd);
        train->made = NULL;
        train->rdd = NULL;
        train->epoch = NULL;
    }
    model->is_stored = model->is_stored || (completed && model->was_put);
    model->was_put = false;
}
