// queue.c — what the program itself pushes, batches or bytes, kept in memory until its group is
// committed.
//
// A queue is a replayable source over its items: they are numbered, a range is "items from .. to".
// Any thread may push; tasks read at the same time; so the list is under a lock, and nobody works
// on rows, or gives bytes back, while holding it. Not recoverable: items are gone with the process.
#include "source/queue/queue_int.h"

#include <stdio.h>

enum { RANGE_BYTES = 16 };

static const sl_option options[] = {
    {.name = "one_at_a_time",
     .type = SL_OPT_BOOL,
     .fallback = "false",
     .flags = SL_OPT_RESULT,
     .text = "One push an epoch; else all that are there."},
    {0},
};

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

// ---------------------------------------------------------------- items

/// NULL without memory; what it was to hold is not taken then.
static sli_queue_item *item_new(sl_batch *rows, sli_buffer *bytes, int32_t n_splits)
{
    sli_queue_item *item = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *item);
    if (item != NULL) {
        *item = (sli_queue_item){.rows = rows, .bytes = bytes, .n_splits = n_splits};
    }
    return item;
}

static void item_free(sli_queue_item *item)
{
    sl_batch_unref(item->rows);
    sli_buffer_unref(item->bytes);
    sl_free(item);
}

static int64_t item_bytes(const sli_queue_item *item)
{
    return item->rows != NULL ? sl_batch_bytes(item->rows) : sli_buffer_size(item->bytes);
}

/// -1: nobody has looked into the bytes yet.
static int64_t item_rows(const sli_queue_item *item)
{
    return item->rows != NULL ? sl_batch_rows(item->rows) : item_bytes(item) == 0 ? 0 : -1;
}

static void drop_items(sli_queue *self, int64_t before)
{
    sli_queue_item *dropped = NULL;
    sli_mutex_lock(&self->mutex);
    while (self->first != NULL && self->first->number < before) {
        sli_queue_item *next = self->first->next;
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
        sli_queue_item *next = dropped->next;
        item_free(dropped);
        dropped = next;
    }
}

// ---------------------------------------------------------------- pushing

static sl_code check_splits(int32_t n_splits, sl_error *err)
{
    return n_splits >= 1 && n_splits <= SLI_MAX_QUEUE_SPLITS
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n_splits,
                              SLI_MAX_QUEUE_SPLITS);
}

static sl_code add_item(sli_queue *self, SL_TAKES sli_queue_item *item, sl_error *err)
{
    sli_mutex_lock(&self->mutex);
    bool full = self->n == SLI_MAX_QUEUED;
    if (!full) {
        *self->end = item;
        self->end = &item->next;
        self->n++;
        item->number = atomic_fetch_add_explicit(&self->next, 1, memory_order_relaxed);
    }
    sli_mutex_unlock(&self->mutex);
    if (!full) {
        return SL_OK;
    }
    item_free(item);
    return sl_error_set(err, SL_E_NO_SPACE,
                        "%d RDDs are waiting already: push again once epochs have taken some",
                        SLI_MAX_QUEUED);
}

sl_code sli_queue_push(sli_source *queue, const sl_batch *rows, int32_t n_splits, sl_error *err)
{
    sli_queue *self = (sli_queue *)queue;
    const sl_schema *schema = self->common.schema;
    if (rows == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the batch is NULL");
    }
    if (!sl_schema_equal(sl_batch_schema(rows), schema)) {
        return sl_error_set(err, SL_E_INVALID, "the rows have \"%.150s\", the queue has \"%.150s\"",
                            sl_schema_text(sl_batch_schema(rows)), sl_schema_text(schema));
    }
    SL_TRY(check_splits(n_splits, err));
    sl_batch *shared = sl_batch_ref(rows);
    sli_queue_item *item = item_new(shared, NULL, n_splits);
    if (item == NULL) {
        sl_batch_unref(shared);
        return sl_error_nomem(err, sizeof *item, "an RDD of a queue");
    }
    return add_item(self, item, err);
}

static sl_code check_loan(const sli_queue *self, const sl_loan *loan, int32_t n_splits,
                          sl_error *err)
{
    const sli_format_ops *format = self->common.format;
    if (format == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "it takes rows only; one that takes bytes is opened with their format: "
                            "\"queue:%.100s?format=json&schema=...\"",
                            self->name);
    }
    if (loan->bytes == NULL && loan->size_bytes > 0) {
        return sl_error_set(err, SL_E_INVALID, "the bytes are NULL");
    }
    if (loan->size_bytes > INT32_MAX) {
        return sl_error_set(err, SL_E_INVALID, "%zu bytes at once; there may be %d",
                            loan->size_bytes, INT32_MAX);
    }
    if (n_splits > 1 && !format->lines) {
        return sl_error_set(err, SL_E_INVALID,
                            "%s can't be cut into partitions, as a line end may stand inside a "
                            "record: push each part by itself, in one partition",
                            format->name);
    }
    return check_splits(n_splits, err);
}

static void give_back(const sl_loan *loan)
{
    if (loan->release != NULL) {
        loan->release(loan->ctx);
    }
}

static void keep(void *ctx)
{
    (void)ctx; // nobody wants the bytes back
}

sl_code sli_queue_push_bytes(sli_source *queue, sl_loan loan, int32_t n_splits, sl_error *err)
{
    sli_queue *self = (sli_queue *)queue;
    sl_code rc = check_loan(self, &loan, n_splits, err);
    if (rc != SL_OK) {
        give_back(&loan);
        return rc;
    }
    sli_buffer *bytes =
        sli_buffer_wrap(loan.size_bytes == 0 ? "" : loan.bytes, (int64_t)loan.size_bytes, false,
                        loan.release == NULL ? keep : loan.release, loan.ctx);
    if (bytes == NULL) {
        give_back(&loan);
        return sl_error_nomem(err, sizeof loan, "an RDD of a queue");
    }
    sli_queue_item *item = item_new(NULL, bytes, n_splits);
    if (item == NULL) {
        sli_buffer_unref(bytes); // gives the bytes back
        return sl_error_nomem(err, sizeof *item, "an RDD of a queue");
    }
    return add_item(self, item, err);
}

// ---------------------------------------------------------------- offering

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

/// Adds the item to what is offered; false: it is the next epoch's.
static bool offer_item(sli_offer *offer, const sli_queue_item *item)
{
    if (offer->n_splits > SLI_MAX_QUEUE_SPLITS - item->n_splits) {
        return false;
    }
    int64_t rows = item_rows(item);
    offer->n_splits += item->n_splits;
    offer->rows = rows < 0 || offer->rows < 0 ? -1 : offer->rows + rows;
    offer->bytes += item_bytes(item);
    return true;
}

static sl_code queue_offer(sli_source *base, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                           sl_error *err)
{
    (void)ask; // an RDD is taken whole or not at all, as in Spark
    sli_queue *self = (sli_queue *)base;
    if (atomic_load_explicit(&self->next, memory_order_relaxed) == self->offered) {
        *out = (sli_offer){0}; // as most epochs of a short interval find it
        return SL_OK;
    }
    uint8_t *range = sl_arena_alloc(arena, RANGE_BYTES);
    if (range == NULL) {
        return sl_error_nomem(err, RANGE_BYTES, "a queue's range");
    }
    sli_offer offer = {0};
    sli_mutex_lock(&self->mutex);
    int64_t from = self->offered, to = self->offered;
    for (const sli_queue_item *i = self->first; i != NULL && !(self->one_at_a_time && to > from);
         i = i->next) {
        if (i->number < to) {
            continue; // taken by an earlier epoch, not forgotten yet
        }
        if (!offer_item(&offer, i)) {
            break;
        }
        to++;
    }
    self->offered = to;
    offer.more = to < atomic_load_explicit(&self->next, memory_order_relaxed);
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
    sli_queue *self = (sli_queue *)base;
    sli_mutex_lock(&self->mutex);
    int64_t offered = self->offered;
    sli_mutex_unlock(&self->mutex);
    sli_put_i64(out, offered);
    return sli_str_check(out, "a queue's position", err);
}

// ---------------------------------------------------------------- reading

/// Split `number` of the range, with references of its own. -1: *out only gets the number of all
/// splits, in `of`.
static sl_code find_split(sli_queue *self, sl_bytes range, int32_t number, sli_queue_split *out,
                          sl_error *err)
{
    int64_t from = 0, to = 0;
    int32_t passed = 0;
    bool found = false;
    SL_TRY(read_range(range, &from, &to, err));
    sli_mutex_lock(&self->mutex);
    bool gone = self->first == NULL || self->first->number > from ||
                to > atomic_load_explicit(&self->next, memory_order_relaxed);
    for (const sli_queue_item *i = self->first; !gone && !found && i != NULL && i->number < to;
         i = i->next) {
        if (i->number < from) {
            continue;
        }
        found = number >= 0 && number - passed < i->n_splits;
        if (found) {
            *out = (sli_queue_split){.number = i->number, .at = number - passed, .of = i->n_splits};
            out->rows = i->rows == NULL ? NULL : sl_batch_ref(i->rows);
            out->bytes = i->bytes == NULL ? NULL : sli_buffer_ref(i->bytes);
        }
        passed += i->n_splits;
    }
    sli_mutex_unlock(&self->mutex);
    if (gone || (number >= 0 && !found)) {
        return sl_error_set(err, SL_E_NOT_FOUND,
                            "rows %lld to %lld of the queue are committed and were dropped; keep "
                            "an RDD's rows with sl_rdd_collect",
                            (long long)from, (long long)to);
    }
    if (number < 0) {
        *out = (sli_queue_split){.of = passed};
    }
    return SL_OK;
}

/// Partition i of whatever is pushed goes on in partition i of what is pushed next.
static int32_t queue_lane(sli_source *base, sl_bytes range, int32_t split)
{
    sli_queue_split found = {0};
    if (find_split((sli_queue *)base, range, split, &found, NULL) != SL_OK) {
        return 0; // gone: nobody can read its rows either
    }
    sl_batch_unref(found.rows);
    sli_buffer_unref(found.bytes);
    return found.at;
}

static sl_code queue_splits(sli_source *base, sl_bytes range, int32_t *out, sl_error *err)
{
    sli_queue_split all = {.of = 0};
    if (range.size > 0) {
        SL_TRY(find_split((sli_queue *)base, range, -1, &all, err));
    }
    *out = all.of;
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

/// Cut as sl_rdd_of_batches cuts: split i of n begins at row i * rows / n.
static sl_code read_rows(sli_queue *self, const sli_queue_split *split, sli_emit_fn emit, void *ctx,
                         sli_decode_stats *stats, sl_error *err)
{
    int64_t rows = sl_batch_rows(split->rows);
    int64_t at = split->at * rows / split->of, end = (split->at + 1) * rows / split->of;
    sli_source_count_stats(&self->common, &(sli_decode_stats){.records = end - at}, stats);
    sl_code rc = SL_OK;
    while (at < end && rc == SL_OK) {
        int64_t size = end - at < SLI_BATCH_ROWS ? end - at : SLI_BATCH_ROWS;
        rc = emit_slice(split->rows, at, size, emit, ctx, err);
        at += size;
    }
    return rc;
}

static sl_code queue_read(sli_source *base, sl_bytes range, int32_t number, sli_emit_fn emit,
                          void *ctx, sli_decode_stats *stats, sl_error *err)
{
    sli_queue *self = (sli_queue *)base;
    sli_queue_split split;
    if (number < 0) {
        return sl_error_set(err, SL_E_INVALID, "split %d of a queue", number);
    }
    SL_TRY(find_split(self, range, number, &split, err));
    sl_code rc = split.rows != NULL ? read_rows(self, &split, emit, ctx, stats, err)
                                    : sli_queue_read_bytes(self, &split, emit, ctx, stats, err);
    sl_batch_unref(split.rows);
    sli_buffer_unref(split.bytes);
    return rc;
}

static sl_code queue_records(sli_source *base, sl_bytes range, int32_t number, sli_raw_fn each,
                             void *ctx, sl_error *err)
{
    sli_queue *self = (sli_queue *)base;
    sli_queue_split split;
    if (number < 0) {
        return sl_error_set(err, SL_E_INVALID, "split %d of a queue", number);
    }
    SL_TRY(find_split(self, range, number, &split, err));
    sl_code rc = split.bytes != NULL
                     ? sli_queue_look_at_bytes(self, &split, each, ctx, err)
                     : sl_error_set(err, SL_E_UNSUPPORTED, "pushed rows were never bytes");
    sl_batch_unref(split.rows);
    sli_buffer_unref(split.bytes);
    return rc;
}

// ---------------------------------------------------------------- the rest of the table

static void queue_forget(sli_source *base, sl_bytes range)
{
    int64_t from = 0, to = 0;
    if (read_range(range, &from, &to, NULL) == SL_OK) {
        drop_items((sli_queue *)base, to);
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
    sli_queue *self = (sli_queue *)base;
    drop_items(self, INT64_MAX);
    sli_mutex_reset(&self->mutex);
    sl_free(self->name);
    sli_source_common_free(&self->common);
}

// ---------------------------------------------------------------- opening

/// `schema` NULL: that of the conf's format.
static sl_code make(sli_source **out, sl_text name, const char *schema, const sl_conf *conf,
                    const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(sli_source_alloc(&common, sizeof(sli_queue), &sli_source_queue, conf, env, schema, err));
    sli_queue *self = (sli_queue *)common;
    sli_mutex_init(&self->mutex, SLI_RANK_RECEIVER);
    self->end = &self->first;
    self->name = sli_source_text(name);
    if (self->name == NULL) {
        queue_close(&common->base);
        return sl_error_nomem(err, name.size, "a queue's name");
    }
    *out = &common->base;
    return SL_OK;
}

static sl_code queue_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    if (url->host.size > 0 || url->port >= 0 || url->path.size == 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a queue has a name and nothing else: queue:NAME?format=...");
    }
    sli_source *self = NULL;
    SL_TRY(make(&self, url->path, NULL, conf, env, err));
    ((sli_queue *)self)->one_at_a_time = sl_conf_bool(conf, "one_at_a_time");
    *out = self;
    return SL_OK;
}

sl_code sli_queue_new(sli_source **out, const char *name, const sl_schema *schema,
                      bool one_at_a_time, sl_error *err)
{
    sli_source *self = NULL;
    SL_TRY(make(&self, sli_text_of(name), sl_schema_text(schema), NULL, &(sli_source_env){0}, err));
    ((sli_queue *)self)->one_at_a_time = one_at_a_time;
    *out = self;
    return SL_OK;
}

const char *sli_queue_name(const sli_source *queue)
{
    return ((const sli_queue *)queue)->name;
}

void sli_queue_begin(sli_source *queue, const sli_source_env *env)
{
    sli_source_common_begin(&((sli_queue *)queue)->common, env);
}

const sli_source_ops sli_source_queue = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "queue",
    .text = "What the program that embeds Sluice pushes, rows or bytes: queue:NAME",
    .kind = SLI_SOURCE_REPLAYABLE,
    .options = options,
    .formatted = true,
    .open = queue_open,
    .schema = sli_source_common_schema,
    .restore = queue_restore,
    .accept = queue_accept,
    .offer = queue_offer,
    .position = queue_position,
    .splits = queue_splits,
    .read = queue_read,
    .records = queue_records,
    .forget = queue_forget,
    .describe = queue_describe,
    .recoverable = queue_recoverable,
    .ended = queue_ended,
    .close = queue_close,
    .lane = queue_lane,
};
