// settle: what becomes of each key in an epoch, from rows that come and rows that go.
//
// Changes (node_running_changes.c), and what queries by row make of them, have for a key whose
// result is another one the old row with -1 and the new one with 1. Who replaces rows by key wants
// one row a key: the new one if there is any, else the old one, which is gone. In which order the
// two come is not asked: a query between may have changed it.
//
// Rows of a key lie in one partition, since changes do and queries by row go partition by
// partition. A partition's rows are held, counted in the budget by force as those of queries are.
#include "stream/graph_def.h"

/// The body of the node.
typedef struct settling {
    int32_t keys[SLI_MAX_KEYS];
    int32_t n_keys;
    int32_t mark; ///< the column
} settling;

/// What is known of a key.
typedef struct fate {
    int64_t row; ///< the one that is told, among all rows of the partition
    bool known;
} fate;

typedef struct work {
    const settling *body;
    sl_rdd *rdd;
    sli_task *task;
    sli_rows held;
    sli_groups *groups;
    int32_t *group; ///< by row of the partition
    fate *fates;    ///< by group
    int32_t *chosen;
} work;

static sl_code hold(void *ctx, sl_batch *batch, sl_error *err)
{
    return sl_batch_rows(batch) == 0 ? SL_OK : sli_rows_add(ctx, batch, err);
}

static sl_code make_room(work *w, sl_error *err)
{
    size_t n = (size_t)w->held.n_rows;
    const sl_schema *schema = w->rdd->deps[0].parent->schema;
    w->group = sl_alloc_array(SLI_TAG_STREAM, n, sizeof *w->group);
    w->fates = sl_alloc_array(SLI_TAG_STREAM, n, sizeof *w->fates);
    w->chosen = sl_alloc_array(SLI_TAG_STREAM, n, sizeof *w->chosen);
    if (w->group == NULL || w->fates == NULL || w->chosen == NULL) {
        return sl_error_nomem(err, n * sizeof *w->fates, "the rows of an epoch");
    }
    return sli_groups_new(&w->groups, schema, w->body->keys, w->body->n_keys, err);
}

static void find_fates(work *w, const sl_batch *batch, int64_t from)
{
    const sl_column *marks = sl_batch_column(batch, w->body->mark);
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        fate *f = &w->fates[w->group[from + i]];
        bool comes = sl_column_int64(marks, i) > 0;
        if (comes || !f->known) {
            f->row = from + i;
        }
        f->known = true;
    }
}

static sl_code read_rows(work *w, sl_error *err)
{
    int64_t from = 0;
    for (int32_t b = 0; b < w->held.n; b++) {
        const sl_batch *batch = w->held.batches[b];
        SL_TRY(sli_task_check(w->task, err));
        if (w->body->n_keys > 0) {
            SL_TRY(sli_groups_add(w->groups, batch, NULL, w->group + from, err));
        }
        find_fates(w, batch, from);
        from += sl_batch_rows(batch);
    }
    return SL_OK;
}

/// The chosen rows of a batch.
static sl_code give(const work *w, const sl_batch *batch, int64_t n, sli_push_fn push, void *ctx,
                    sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_batch_take(batch, w->chosen, n, &rows, err));
    sl_code rc = push(ctx, rows, err);
    sl_batch_unref(rows);
    return rc;
}

static sl_code give_all(work *w, sli_push_fn push, void *ctx, sl_error *err)
{
    int64_t from = 0;
    for (int32_t b = 0; b < w->held.n; b++) {
        const sl_batch *batch = w->held.batches[b];
        int64_t n = 0;
        for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
            if (w->fates[w->group[from + i]].row == from + i) {
                w->chosen[n++] = (int32_t)i;
            }
        }
        from += sl_batch_rows(batch);
        SL_TRY(n == 0 ? SL_OK : give(w, batch, n, push, ctx, err));
    }
    return SL_OK;
}

static sl_code settle(work *w, sli_push_fn push, void *ctx, sl_error *err)
{
    SL_TRY(make_room(w, err));
    SL_TRY(read_rows(w, err));
    return give_all(w, push, ctx, err);
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    work w = {.body = rdd->body, .rdd = rdd, .task = task};
    sl_code rc = sli_dep_each(rdd, 0, partition, task, hold, &w.held, err);
    if (rc == SL_OK && w.held.n_rows > 0) {
        (void)sli_budget_reserve(task->runtime->budget, w.held.bytes, true); // can't be refused
        rc = settle(&w, push, ctx, err);
        sli_budget_release(task->runtime->budget, w.held.bytes);
    }
    sli_groups_free(w.groups);
    sl_free(w.group);
    sl_free(w.fates);
    sl_free(w.chosen);
    sli_rows_reset(&w.held);
    return rc;
}

/// The body is the node's.
static void free_nothing(sl_rdd *rdd)
{
    (void)rdd;
}

static const sli_rdd_ops settle_rdd_ops = {
    .name = "settle", .compute = compute, .free = free_nothing, .keeps_empty = true};

static sl_code make_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                        sl_error *err)
{
    (void)err;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(inputs[0])};
    *out = sli_rdd_new(epoch->runtime, &settle_rdd_ops, node->schema, inputs[0]->n_partitions, &dep,
                       1, node->body);
    return SL_OK;
}

static const sli_node_ops settle_ops = {.kind = "settle", .rdd = make_rdd};

// ---------------------------------------------------------------- definition

static sl_code find_mark(settling *body, const sl_schema *schema, const char *mark, sl_error *err)
{
    body->mark = sl_schema_find(schema, mark);
    bool fits = body->mark >= 0 && sl_schema_field(schema, body->mark)->type == SL_INT64;
    return fits ? SL_OK
                : sl_error_set(err, SL_E_INVALID, "it has no int64 '%.100s' that marks its rows",
                               mark);
}

static sl_code resolve(sl_stream *node, const char *keys, const char *mark, sl_error *err)
{
    settling *body = NULL;
    const sl_schema *in = node->inputs[0]->schema;
    sli_str args = {.tag = SLI_TAG_STREAM};
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    if (keys[0] != '\0') {
        SL_TRY(sli_keys_parse(keys, in, body->keys, &body->n_keys, err));
    }
    SL_TRY(find_mark(body, in, mark, err));
    node->schema = sl_schema_ref(in);
    if (body->n_keys > 0) {
        sli_put_columns(&args, "keys", in, body->keys, body->n_keys);
    }
    sli_put_pair(&args, "mark", mark);
    return sli_node_set_args(node, &args, err);
}

sl_stream *sli_stream_settle(sl_stream *stream, const char *keys, const char *mark)
{
    sl_stream *node = sli_node_begin(&settle_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, keys, mark, &err);
    return sli_node_end(node, rc, &err);
}
