// The first row of each key within the watermark: definition and the work of a task.
//
// The table holds the time of the first row of each key that was given. A key is forgotten when the
// watermark is past that time by more than the delay (and the lateness): from then on every row
// that is in time is further than the delay from it.
#include "stream/event/gather.h"

typedef struct distinct {
    sli_timed timed;
    int64_t delay_us;
} distinct;

/// The watermark after which `us` is past: a row at the watermark is expected still.
static int64_t past(const sli_timed *self, int64_t us)
{
    return us + self->lateness_us + 1;
}

static int64_t due_at(const sli_timed *self, const sl_batch *rows, int64_t row)
{
    const sl_column *first = sl_batch_column(rows, sl_schema_columns(self->key_schema));
    return past(self, sl_column_int64(first, row) + ((const distinct *)self)->delay_us);
}

// ---------------------------------------------------------------- the task

static sl_code forget_due(sli_timed_task *t, sl_error *err)
{
    const sli_due_key *const *due = NULL;
    int32_t n = 0;
    SL_TRY(sli_timed_due(t, &due, &n, err));
    for (int32_t i = 0; i < n; i++) {
        sl_bytes key = {due[i]->key, due[i]->size};
        SL_TRY(sli_timed_remove(t, sli_hash_of_slot(due[i]->slot), key, err));
    }
    return SL_OK;
}

/// What a task works with.
typedef struct taking {
    sli_timed_task *task;
    sli_gather rows;
    bool *given; ///< by key: a row of it was given, now or before
    sli_str key, value;
} taking;

/// The key of row `row` as the table has it.
static sl_code key_bytes(taking *g, const sl_batch *rows, int64_t row, sl_bytes *out, sl_error *err)
{
    sli_str_clear(&g->key);
    sli_row_put(&g->key, rows, g->task->self->sides[0].keys, g->task->self->n_keys, row);
    *out = (sl_bytes){g->key.data, g->key.size};
    return sli_str_check(&g->key, "a key", err);
}

static sl_code put_first(taking *g, uint64_t hash, sl_bytes key, int64_t time_us, sl_error *err)
{
    const sli_timed *self = g->task->self;
    sli_str_clear(&g->value);
    (void)sli_row_put_int64(&g->value, SL_INT64, time_us);
    SL_TRY(sli_str_check(&g->value, "a time", err));
    SL_TRY(sli_timed_put(g->task, hash, key, (sl_bytes){g->value.data, g->value.size}, err));
    int64_t due_us = past(self, time_us + ((const distinct *)self)->delay_us);
    return sli_timed_note(g->task, due_us, hash, key, err);
}

/// Whether a row is the first of its key, which then is in the table.
static sl_code look_at(taking *g, const sl_batch *rows, int64_t row, int32_t group, bool *first,
                       sl_error *err)
{
    sl_bytes key = {0}, value = {0};
    bool found = false;
    uint64_t hash = sli_groups_hashes(g->rows.groups)[group];
    *first = false;
    if (g->given[group]) {
        return SL_OK;
    }
    g->given[group] = true;
    SL_TRY(key_bytes(g, rows, row, &key, err));
    SL_TRY(sli_timed_find(g->task, hash, key, &value, &found, err));
    *first = !found;
    int64_t time_us = sl_column_int64(sl_batch_column(rows, g->task->self->sides[0].column), row);
    return found ? SL_OK : put_first(g, hash, key, time_us, err);
}

static sl_code give_firsts(taking *g, const sl_batch *rows, const int32_t *group, sl_error *err)
{
    int64_t n = sl_batch_rows(rows);
    sl_batch *kept = NULL;
    uint8_t *bits = sl_alloc_zero(SLI_TAG_STREAM, ((size_t)n + 7) / 8);
    sl_code rc = bits == NULL ? sl_error_nomem(err, (size_t)n / 8, "rows") : SL_OK;
    for (int64_t row = 0; row < n && rc == SL_OK; row++) {
        bool first = false;
        rc = look_at(g, rows, row, group[row], &first, err);
        bits[row / 8] = (uint8_t)(bits[row / 8] | first << (row % 8));
    }
    rc = rc != SL_OK ? rc : sli_batch_filter(rows, bits, &kept, err);
    if (rc == SL_OK && sl_batch_rows(kept) > 0) {
        rc = g->task->push(g->task->ctx, kept, err);
    }
    sl_batch_unref(kept);
    sl_free(bits);
    return rc;
}

static sl_code take_rows(taking *g, sl_error *err)
{
    const int32_t *group = g->rows.group_of;
    size_t keys = (size_t)sli_gather_keys(&g->rows);
    g->given = sl_alloc_array(SLI_TAG_STREAM, keys + 1, sizeof *g->given);
    if (g->given == NULL) {
        return sl_error_nomem(err, keys, "keys");
    }
    for (int32_t i = 0; i < g->rows.rows.n; i++) {
        SL_TRY(sli_task_check(g->task->task, err));
        SL_TRY(give_firsts(g, g->rows.rows.batches[i], group, err));
        group += sl_batch_rows(g->rows.rows.batches[i]);
    }
    return SL_OK;
}

static sl_code run(sli_timed_task *t, sl_error *err)
{
    taking g = {.task = t,
                .rows = {.task = t, .keys = t->self->sides[0].keys},
                .key = {.tag = SLI_TAG_STREAM},
                .value = {.tag = SLI_TAG_STREAM}};
    sl_code rc = forget_due(t, err);
    rc = rc != SL_OK ? rc : sli_gather_all(&g.rows, err);
    rc = rc != SL_OK || sli_gather_keys(&g.rows) == 0 ? rc : take_rows(&g, err);
    sli_gather_reset(&g.rows);
    sl_free(g.given);
    sli_str_reset(&g.key);
    sli_str_reset(&g.value);
    return rc;
}

// ---------------------------------------------------------------- definition

static void put_args(const sli_timed *self, sli_str *out)
{
    sli_put_columns(out, "keys", self->sides[0].shuffled, self->sides[0].keys, self->n_keys);
}

static const sli_timed_ops distinct_timed_ops = {
    .closes = past, .run = run, .due = due_at, .put_args = put_args};

static const sli_node_ops distinct_ops = {.kind = "distinctWithin",
                                          .rdd = sli_timed_rdd,
                                          .free = sli_timed_free,
                                          .state = sli_timed_state,
                                          .most_partitions = SLI_MAX_HASH_PARTITIONS};

static sl_code resolve(sl_stream *node, const char *keys, sl_error *err)
{
    distinct *body = NULL;
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    sli_timed *self = &body->timed;
    SL_TRY(sli_timed_begin(node, self, &distinct_timed_ops, err));
    SL_TRY(sli_timed_keys(self, keys, err));
    for (int32_t i = 0; i < self->n_times; i++) {
        int64_t delay_us = self->times[i]->delay_us;
        body->delay_us = delay_us > body->delay_us ? delay_us : body->delay_us;
    }
    node->schema = sl_schema_ref(node->inputs[0]->schema);
    sli_str columns = {.tag = SLI_TAG_STREAM}, values = {.tag = SLI_TAG_STREAM};
    for (int32_t i = 0; i < self->n_keys; i++) {
        sli_put_field(&columns, node->schema, self->sides[0].keys[i], NULL);
    }
    sli_str_text(&values, "event.first timestamp");
    SL_TRY(sli_timed_table(self, &columns, &values, err));
    return sli_timed_set_args(self, err);
}

sl_stream *sl_stream_distinct_within(sl_stream *stream, const char *keys)
{
    sl_stream *node = sli_node_begin(&distinct_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, keys, &err);
    return sli_timed_end(node, rc, &err);
}
