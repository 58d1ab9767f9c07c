// Queue streams: RDDs that the program itself pushes, kept in memory until their group is
// committed.
//
// A queue is a replayable source over what was pushed: items are numbered, a range is "items from
// .. to". Any thread may push; tasks read at the same time; so the list is under a lock, and nobody
// works on rows while holding it. Not recoverable: the rows are gone with the process.
//
// Range and position, byte by byte: range = i64 first item, i64 item after the last; position = i64
// next item (little-endian).
#include "stream/graph_def.h"

#include "base/bytes.h"
#include "base/lock.h"

typedef struct item {
    struct item *next;
    int64_t number;
    sl_batch *rows; ///< one reference
    int32_t n_partitions;
} item;

typedef struct queue {
    sli_source base;
    const sl_schema *schema; ///< one reference
    bool one_at_a_time;
    sli_mutex mutex;    ///< guards what follows
    item *first, **end; ///< in order of number
    int32_t n;
    int64_t next;    ///< number of the next item pushed
    int64_t offered; ///< items before it were in a range
} queue;

typedef struct queue_body {
    const char *name;
    queue *queue;
    sli_queue_default given; ///< rows of epochs that find the queue empty
} queue_body;

enum { RANGE_BYTES = 16 };

// ---------------------------------------------------------------- ranges

static void put_i64(uint8_t *to, int64_t value)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)((uint64_t)value >> (8 * i));
    }
}

static sl_code read_range(sl_bytes range, int64_t *from, int64_t *to, sl_error *err)
{
    sli_reader r = sli_reader_of(range);
    *from = sli_get_i64(&r);
    *to = sli_get_i64(&r);
    return sli_reader_done(&r, "a queue's range", err);
}

// ---------------------------------------------------------------- the source's table

static const sl_schema *queue_schema(const sli_source *self)
{
    return ((const queue *)self)->schema;
}

static sl_code refuse_recovery(sl_error *err)
{
    return sl_error_set(err, SL_E_UNSUPPORTED,
                        "a queue's rows are gone with the process that pushed them");
}

static sl_code queue_restore(sli_source *self, sl_bytes position, sl_error *err)
{
    (void)self;
    return position.size == 0 ? SL_OK : refuse_recovery(err);
}

static sl_code queue_accept(sli_source *self, sl_bytes range, sl_error *err)
{
    (void)self;
    (void)range;
    return refuse_recovery(err);
}

static sl_code queue_offer(sli_source *base, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                           sl_error *err)
{
    (void)ask; // an RDD is taken whole or not at all, as in Spark
    queue *self = (queue *)base;
    uint8_t *range = sl_arena_alloc(arena, RANGE_BYTES);
    if (range == NULL) {
        return sl_error_nomem(err, RANGE_BYTES, "a queue's range");
    }
    sli_offer offer = {0};
    sli_mutex_lock(&self->mutex);
    int64_t from = self->offered, to = self->offered;
    for (const item *i = self->first; i != NULL && !(self->one_at_a_time && to > from);
         i = i->next) {
        if (i->number < to) {
            continue; // taken by an earlier epoch, not forgotten yet
        }
        if (offer.n_splits > SLI_MAX_PARTITIONS - i->n_partitions) {
            break; // the next epoch's
        }
        offer.n_splits += i->n_partitions;
        offer.rows += sl_batch_rows(i->rows);
        offer.bytes += sl_batch_bytes(i->rows);
        to++;
    }
    self->offered = to;
    offer.more = to < self->next;
    sli_mutex_unlock(&self->mutex);
    if (to > from) {
        put_i64(range, from);
        put_i64(range + 8, to);
        offer.range = (sl_bytes){range, RANGE_BYTES};
    }
    *out = offer;
    return SL_OK;
}

static sl_code queue_position(sli_source *base, sli_str *out, sl_error *err)
{
    queue *self = (queue *)base;
    sli_mutex_lock(&self->mutex);
    int64_t offered = self->offered;
    sli_mutex_unlock(&self->mutex);
    sli_put_i64(out, offered);
    return sli_str_check(out, "a queue's position", err);
}

/// The item of a split and the split's number within it, with a reference to its rows. With `split`
/// -1: counts all splits of the range into *within.
static sl_code find_split(queue *self, sl_bytes range, int32_t split, sl_batch **rows,
                          int32_t *within, int32_t *n_partitions, sl_error *err)
{
    int64_t from = 0, to = 0;
    int32_t passed = 0;
    SL_TRY(read_range(range, &from, &to, err));
    *rows = NULL;
    sli_mutex_lock(&self->mutex);
    bool gone = self->first == NULL || self->first->number > from || to > self->next;
    for (const item *i = self->first; !gone && i != NULL && i->number < to && *rows == NULL;
         i = i->next) {
        if (i->number < from) {
            continue;
        }
        if (split >= 0 && split - passed < i->n_partitions) {
            *rows = sl_batch_ref(i->rows);
            *within = split - passed;
            *n_partitions = i->n_partitions;
        }
        passed += i->n_partitions;
    }
    sli_mutex_unlock(&self->mutex);
    if (gone || (split >= 0 && *rows == NULL)) {
        return sl_error_set(err, SL_E_NOT_FOUND,
                            "rows %lld to %lld of the queue are committed and were dropped; keep "
                            "an RDD's rows with sl_rdd_collect",
                            (long long)from, (long long)to);
    }
    if (split < 0) {
        *within = passed;
    }
    return SL_OK;
}

static sl_code queue_splits(sli_source *base, sl_bytes range, int32_t *out, sl_error *err)
{
    sl_batch *rows = NULL;
    int32_t n = 0, n_partitions = 0;
    if (range.size > 0) {
        SL_TRY(find_split((queue *)base, range, -1, &rows, &n, &n_partitions, err));
    }
    *out = n;
    return SL_OK;
}

static sl_code emit_slice(const sl_batch *rows, int64_t from, int64_t n, sli_emit_fn emit,
                          void *ctx, sl_error *err)
{
    sl_batch *slice = NULL;
    SL_TRY(sli_batch_slice(rows, from, n, &slice, err));
    sl_code rc = emit(ctx, slice, err);
    sl_batch_unref(slice);
    return rc;
}

/// Cut as sl_rdd_of_batches cuts: partition i of n begins at row i * rows / n.
static sl_code queue_read(sli_source *base, sl_bytes range, int32_t split, sli_emit_fn emit,
                          void *ctx, sli_decode_stats *stats, sl_error *err)
{
    sl_batch *rows = NULL;
    int32_t i = 0, n = 1;
    if (split < 0) {
        return sl_error_set(err, SL_E_INVALID, "split %d of a queue", split);
    }
    SL_TRY(find_split((queue *)base, range, split, &rows, &i, &n, err));
    int64_t at = i * sl_batch_rows(rows) / n, end = (i + 1) * sl_batch_rows(rows) / n;
    stats->records += end - at;
    sl_code rc = SL_OK;
    while (at < end && rc == SL_OK) {
        int64_t size = end - at < SLI_BATCH_ROWS ? end - at : SLI_BATCH_ROWS;
        rc = emit_slice(rows, at, size, emit, ctx, err);
        at += size;
    }
    sl_batch_unref(rows);
    return rc;
}

static void drop_items(queue *self, int64_t before)
{
    item *dropped = NULL;
    sli_mutex_lock(&self->mutex);
    while (self->first != NULL && self->first->number < before) {
        item *next = self->first->next;
        self->first->next = dropped;
        dropped = self->first;
        self->first = next;
        self->n--;
    }
    if (self->first == NULL) {
        self->end = &self->first;
    }
    sli_mutex_unlock(&self->mutex);
    while (dropped != NULL) {
        item *next = dropped->next;
        sl_batch_unref(dropped->rows);
        sl_free(dropped);
        dropped = next;
    }
}

static void queue_forget(sli_source *base, sl_bytes range)
{
    int64_t from = 0, to = 0;
    if (read_range(range, &from, &to, NULL) == SL_OK) {
        drop_items((queue *)base, to);
    }
}

static void queue_describe(sli_source *base, sl_bytes range, sli_str *start, sli_str *end)
{
    int64_t from = 0, to = 0;
    (void)base;
    if (read_range(range, &from, &to, NULL) == SL_OK) {
        sli_str_printf(start, "%lld", (long long)from);
        sli_str_printf(end, "%lld", (long long)to);
    }
}

static bool queue_recoverable(const sli_source *self, const char **text)
{
    (void)self;
    *text = "a queue's rows are in this process's memory only and can't be read again after a "
            "restart; read from files or a socket, or run without `checkpoint`";
    return false;
}

static bool queue_ended(const sli_source *self)
{
    (void)self;
    return false; // somebody may always push
}

static void queue_close(sli_source *base)
{
    queue *self = (queue *)base;
    if (self == NULL) {
        return;
    }
    drop_items(self, INT64_MAX);
    sl_schema_unref(self->schema);
    sli_mutex_reset(&self->mutex);
    sl_free(self);
}

static const sli_source_ops queue_source_ops = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "queue",
    .text = "RDDs that the program pushes.",
    .kind = SLI_SOURCE_REPLAYABLE,
    .schema = queue_schema,
    .restore = queue_restore,
    .accept = queue_accept,
    .offer = queue_offer,
    .position = queue_position,
    .splits = queue_splits,
    .read = queue_read,
    .forget = queue_forget,
    .describe = queue_describe,
    .recoverable = queue_recoverable,
    .ended = queue_ended,
    .close = queue_close,
};

// ---------------------------------------------------------------- the node

static sl_code queue_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                         sl_error *err)
{
    (void)inputs;
    int32_t n_splits = 0;
    sl_bytes range = epoch->range(epoch->ctx, node, &n_splits);
    if (range.size > 0) {
        *out = sli_rdd_of_source(epoch->runtime, node->source, range, n_splits);
        return SL_OK;
    }
    return sli_queue_default_rdd(node, sli_node_queue_default(node), epoch, out, err);
}

static void queue_free(sl_stream *node)
{
    queue_body *body = node->body;
    if (body != NULL && body->queue != NULL) {
        queue_close(&body->queue->base);
        sl_batch_unref(body->given.rows);
        body->queue = NULL;
        body->given.rows = NULL;
        node->source = NULL;
    }
}

const sli_node_ops sli_node_queue_ops = {.kind = "queue", .rdd = queue_rdd, .free = queue_free};

static queue *queue_new(const sl_schema *schema, bool one_at_a_time)
{
    queue *self = sl_alloc_zero(SLI_TAG_STREAM, sizeof *self);
    if (self != NULL) {
        self->base.ops = &queue_source_ops;
        self->schema = sl_schema_ref(schema);
        self->one_at_a_time = one_at_a_time;
        self->end = &self->first;
        sli_mutex_init(&self->mutex, SLI_RANK_RECEIVER);
    }
    return self;
}

static sl_code check_name(const sl_graph *graph, const char *name, sl_error *err)
{
    if (name == NULL || !sli_is_uid(name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "a queue's name is 1 to %d letters, digits, '_', '.' and '-', not "
                            "beginning with '.'",
                            SLI_MAX_UID);
    }
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const char *other = sli_node_queue(graph->nodes[i]);
        if (other != NULL && strcmp(other, name) == 0) {
            return sl_error_set(err, SL_E_INVALID, "operator %d is a queue of this name already",
                                i + 1);
        }
    }
    return SL_OK;
}

static sl_code resolve(sl_stream *node, const char *name, const char *schema, bool one_at_a_time,
                       sl_error *err)
{
    queue_body *body = NULL;
    SL_TRY(check_name(node->graph, name, err));
    SL_TRY(sl_schema_parse(&node->schema, schema, err));
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    body->name = node->label;
    body->queue = queue_new(node->schema, one_at_a_time);
    if (body->queue == NULL) {
        return sl_error_nomem(err, sizeof(queue), "a queue");
    }
    node->source = &body->queue->base;
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&args, "name", name);
    sli_str_text(&args, one_at_a_time ? " one_at_a_time" : "");
    return sli_node_set_args(node, &args, err);
}

sl_stream *sl_stream_queue(sl_graph *graph, const char *name, const char *schema,
                           bool one_at_a_time)
{
    sl_stream *node = sli_node_begin_source(graph, &sli_node_queue_ops, name);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, name, schema, one_at_a_time, &err);
    return sli_node_end(node, rc, &err);
}

const char *sli_node_queue(const sl_stream *node)
{
    return node->ops == &sli_node_queue_ops ? ((const queue_body *)node->body)->name : NULL;
}

bool sli_node_queue_one_at_a_time(const sl_stream *node)
{
    return node->ops == &sli_node_queue_ops &&
           ((const queue_body *)node->body)->queue->one_at_a_time;
}

sli_queue_default *sli_node_queue_default(const sl_stream *node)
{
    return node->ops == &sli_node_queue_ops ? &((queue_body *)node->body)->given : NULL;
}

// ---------------------------------------------------------------- pushing

static sl_code add_item(queue *self, const sl_batch *rows, int32_t n_partitions, sl_error *err)
{
    item *added = sl_alloc_zero(SLI_TAG_STREAM, sizeof *added);
    if (added == NULL) {
        return sl_error_nomem(err, sizeof *added, "an RDD of a queue");
    }
    *added = (item){.rows = sl_batch_ref(rows), .n_partitions = n_partitions};
    sli_mutex_lock(&self->mutex);
    bool full = self->n == SLI_MAX_QUEUED;
    if (!full) {
        added->number = self->next++;
        *self->end = added;
        self->end = &added->next;
        self->n++;
    }
    sli_mutex_unlock(&self->mutex);
    if (!full) {
        return SL_OK;
    }
    sl_batch_unref(added->rows);
    sl_free(added);
    return sl_error_set(err, SL_E_NO_SPACE,
                        "%d RDDs are waiting already: push again once epochs have taken some",
                        SLI_MAX_QUEUED);
}

static sl_code push(const sl_stream *node, const sl_batch *rows, int32_t n_partitions,
                    sl_error *err)
{
    if (rows == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the batch is NULL");
    }
    if (!sl_schema_equal(sl_batch_schema(rows), node->schema)) {
        return sl_error_set(err, SL_E_INVALID, "the rows have \"%.150s\", the queue has \"%.150s\"",
                            sl_schema_text(sl_batch_schema(rows)), sl_schema_text(node->schema));
    }
    if (n_partitions < 1 || n_partitions > SLI_MAX_PARTITIONS) {
        return sl_error_set(err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n_partitions,
                            SLI_MAX_PARTITIONS);
    }
    return add_item(((const queue_body *)node->body)->queue, rows, n_partitions, err);
}

static sl_code refuse_unknown(const sl_graph *graph, const char *name, sl_error *err)
{
    const char *names[65] = {NULL};
    int32_t n = 0;
    for (int32_t i = 0; i < graph->n_nodes && n < 64; i++) {
        if (sli_node_queue(graph->nodes[i]) != NULL) {
            names[n++] = sli_node_queue(graph->nodes[i]);
        }
    }
    const char *near = name == NULL ? NULL : sli_nearest(name, names);
    return sl_error_set(err, SL_E_NOT_FOUND, "the job has no queue '%.100s'%s%s%s",
                        name == NULL ? "(NULL)" : name, near == NULL ? "" : ", did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
}

sl_code sli_graph_push(sl_graph *graph, const char *name, const sl_batch *rows,
                       int32_t n_partitions, sl_error *err)
{
    for (int32_t i = 0; name != NULL && i < graph->n_nodes; i++) {
        const char *other = sli_node_queue(graph->nodes[i]);
        if (other != NULL && strcmp(other, name) == 0) {
            sl_code rc = push(graph->nodes[i], rows, n_partitions, err);
            return sl_error_wrap(err, rc, "queue '%s'", name);
        }
    }
    return refuse_unknown(graph, name, err);
}
