// A receiver's blocks as a replayable source: blocks become ranges, ranges are read and forgotten.
//
// Range: varint first block, varint blocks, varint splits, i64 rows (-1 unknown). Position: varint
// next block.
#include "ingest/ingest_int.h"

#include <stdio.h>

enum { SPLIT_BYTES = 256 << 10 }; ///< an epoch gets a further partition for each of these

static sl_code source_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                           const sli_source_env *env, sl_error *err)
{
    (void)out;
    (void)url;
    (void)conf;
    (void)env;
    return sl_error_set(err, SL_E_UNSUPPORTED, "a receiver's blocks are made by the ingest");
}

static const sl_schema *source_schema(const sli_source *self)
{
    const sli_receiver *r = (const sli_receiver *)self;
    return r->inner->ops->schema(r->inner);
}

static sl_code source_restore(sli_source *self, sl_bytes position, sl_error *err)
{
    sli_receiver *r = (sli_receiver *)self;
    if (position.size == 0) {
        r->offered = r->first;
        return SL_OK;
    }
    sli_reader reader = sli_reader_of(position);
    r->offered = (int64_t)sli_get_varint(&reader);
    return sli_reader_done(&reader, "position of a receiver", err);
}

typedef struct range {
    int64_t first, n, rows;
    int32_t splits;
} range;

static sl_code get_range(sl_bytes bytes, range *out, sl_error *err)
{
    sli_reader reader = sli_reader_of(bytes);
    out->first = (int64_t)sli_get_varint(&reader);
    out->n = (int64_t)sli_get_varint(&reader);
    out->splits = (int32_t)sli_get_varint(&reader);
    out->rows = sli_get_i64(&reader);
    return sli_reader_done(&reader, "range of a receiver", err);
}

static sl_code source_accept(sli_source *self, sl_bytes bytes, sl_error *err)
{
    sli_receiver *r = (sli_receiver *)self;
    range recorded;
    SL_TRY(get_range(bytes, &recorded, err));
    if (recorded.first + recorded.n > r->offered) {
        r->offered = recorded.first + recorded.n;
    }
    return SL_OK;
}

/// Blocks from `offered` on, at least one, up to the limit of rows. Called under the mutex.
static range choose(sli_receiver *r, int64_t max_rows, int64_t *bytes)
{
    int64_t limit = r->wal == NULL ? r->next : r->synced;
    if (r->wal != NULL && sli_env_bug(r->ingest->env.env, "plan-names-unsynced-wal")) {
        limit = r->next;
    }
    range chosen = {.first = r->offered};
    bool unknown = false;
    *bytes = 0;
    for (int64_t i = r->offered; i < limit; i++) {
        const sli_rblock *block = &r->blocks[i - r->first];
        int64_t rows = block->rows < 0 ? 1 : block->rows; // at least
        unknown = unknown || block->rows < 0;
        if (chosen.n > 0 && chosen.rows + rows > max_rows) {
            break;
        }
        chosen.n++;
        chosen.rows += rows;
        *bytes += block->size;
    }
    int64_t splits = (*bytes + SPLIT_BYTES - 1) / SPLIT_BYTES;
    splits = splits > r->ingest->splits ? r->ingest->splits : splits;
    splits = splits > chosen.n ? chosen.n : splits;
    chosen.splits = (int32_t)(splits < 1 && chosen.n > 0 ? 1 : splits);
    chosen.rows = unknown ? -1 : chosen.rows;
    return chosen;
}

static sl_code choose_blocks(sli_receiver *r, int64_t max_rows, range *out, int64_t *bytes,
                             bool *more, sl_error *err)
{
    sl_code rc = SL_OK;
    sli_mutex_lock(&r->mutex);
    if (r->wal == NULL) {
        rc = sli_receiver_cut(r, false, err);
    }
    if (r->failed) {
        rc = r->error.code;
        if (err != NULL) {
            *err = r->error;
        }
    }
    *out = choose(r, max_rows, bytes);
    *more = out->first + out->n < (r->wal == NULL ? r->next : r->synced);
    sli_mutex_unlock(&r->mutex);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "receiver %s", r->uid);
}

static sl_code source_offer(sli_source *self, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                            sl_error *err)
{
    sli_receiver *r = (sli_receiver *)self;
    range chosen;
    int64_t bytes = 0;
    bool more = false;
    SL_TRY(choose_blocks(r, ask->max_rows, &chosen, &bytes, &more, err));
    *out =
        (sli_offer){.rows = chosen.rows, .bytes = bytes, .n_splits = chosen.splits, .more = more};
    if (chosen.n == 0) {
        return SL_OK;
    }
    sli_str text = {.tag = SLI_TAG_INGEST};
    sli_put_varint(&text, (uint64_t)chosen.first);
    sli_put_varint(&text, (uint64_t)chosen.n);
    sli_put_varint(&text, (uint64_t)chosen.splits);
    sli_put_i64(&text, chosen.rows);
    void *copy = text.failed ? NULL : sl_arena_copy(arena, text.data, text.size);
    out->range = (sl_bytes){copy, text.size};
    sli_str_reset(&text);
    if (copy == NULL) {
        return sl_error_nomem(err, 32, "a range");
    }
    r->offered = chosen.first + chosen.n;
    sli_metric_add(sli_receiver_metric(r, SLI_INGEST_BLOCKS), chosen.n);
    return SL_OK;
}

static sl_code source_position(sli_source *self, sli_str *out, sl_error *err)
{
    sli_put_varint(out, (uint64_t)((sli_receiver *)self)->offered);
    return sli_str_check(out, "a position", err);
}

static sl_code source_splits(sli_source *self, sl_bytes bytes, int32_t *out, sl_error *err)
{
    range recorded;
    (void)self;
    SL_TRY(get_range(bytes, &recorded, err));
    *out = recorded.splits;
    return SL_OK;
}

/// The bytes of a block, from memory or from the log. The caller owns a reference.
static sl_code block_data(sli_receiver *r, int64_t number, sli_buffer **out, sl_error *err)
{
    sli_buffer *data = NULL;
    sli_mutex_lock(&r->mutex);
    if (number >= r->first && number < r->next && r->blocks[number - r->first].data != NULL) {
        data = sli_buffer_ref(r->blocks[number - r->first].data);
    }
    sli_mutex_unlock(&r->mutex);
    if (data != NULL) {
        *out = data;
        return SL_OK;
    }
    if (r->wal == NULL) {
        return sl_error_set(err, SL_E_NOT_FOUND, "received block %lld is gone", (long long)number);
    }
    return sli_wal_read(r->wal, number, out, err);
}

static void add_stats(sli_decode_stats *stats, const sli_decode_stats *did)
{
    stats->records += did->records;
    stats->bytes += did->bytes;
    stats->skipped += did->skipped;
    stats->dead += did->dead;
    stats->replaced += did->replaced;
}

/// Who gets what a block holds: rows go to `emit`, or records to `look`; the other one is NULL.
typedef struct block_reader {
    sli_emit_fn emit;
    sli_raw_fn look;
    void *ctx;
    sli_decode_stats *stats;
} block_reader;

static sl_code read_lines(const sli_receiver *r, sli_buffer *data, const char *name,
                          const block_reader *to, sl_error *err)
{
    sli_records *records = NULL;
    SL_TRY(sli_records_new(&records, r->format, r->format_conf, source_schema(&r->base), err));
    sl_code rc = to->look == NULL ? SL_OK : sli_records_watch(records, to->look, to->ctx, err);
    if (rc == SL_OK) {
        rc = sli_records_feed(records, data, 0, sli_buffer_size(data), 0, name, true, to->emit,
                              to->ctx, err);
        add_stats(to->stats, sli_records_stats(records));
    }
    sli_records_free(records);
    return rc;
}

static sl_code read_messages(const sli_receiver *r, sli_buffer *data, const char *name,
                             const block_reader *to, sl_error *err)
{
    sli_message_rows *rows = NULL;
    SL_TRY(sli_message_rows_new(&rows, r->messages, r->format, r->format_conf,
                                source_schema(&r->base), err));
    sl_code rc = to->look == NULL ? SL_OK : sli_message_rows_watch(rows, to->look, to->ctx, err);
    if (rc == SL_OK) {
        rc = sli_message_rows_feed(rows, data, name, to->emit, to->ctx, err);
        add_stats(to->stats, sli_message_rows_stats(rows));
    }
    sli_message_rows_free(rows);
    return rc;
}

static sl_code read_block(sli_receiver *r, int64_t number, const block_reader *to, sl_error *err)
{
    sli_buffer *data = NULL;
    char name[160];
    SL_TRY(block_data(r, number, &data, err));
    (void)snprintf(name, sizeof name, "%s, received block %lld", r->uid, (long long)number);
    sl_code rc = r->messages == NULL ? read_lines(r, data, name, to, err)
                                     : read_messages(r, data, name, to, err);
    sli_buffer_unref(data);
    return rc;
}

static sl_code read_split(sli_source *self, sl_bytes bytes, int32_t split, const block_reader *to,
                          sl_error *err)
{
    sli_receiver *r = (sli_receiver *)self;
    range recorded;
    SL_TRY(get_range(bytes, &recorded, err));
    if (split < 0 || split >= recorded.splits) {
        return sl_error_set(err, SL_E_INVALID, "split %d of %d", split, recorded.splits);
    }
    int64_t from = recorded.n * split / recorded.splits,
            end = recorded.n * (split + 1) / recorded.splits;
    for (int64_t i = from; i < end; i++) {
        SL_TRY(read_block(r, recorded.first + i, to, err));
    }
    return SL_OK;
}

static sl_code source_read(sli_source *self, sl_bytes bytes, int32_t split, sli_emit_fn emit,
                           void *ctx, sli_decode_stats *stats, sl_error *err)
{
    block_reader to = {.emit = emit, .ctx = ctx, .stats = stats};
    return read_split(self, bytes, split, &to, err);
}

static sl_code source_records(sli_source *self, sl_bytes bytes, int32_t split, sli_raw_fn each,
                              void *ctx, sl_error *err)
{
    sli_decode_stats uncounted = {0};
    block_reader to = {.look = each, .ctx = ctx, .stats = &uncounted};
    return read_split(self, bytes, split, &to, err);
}

static void source_forget(sli_source *self, sl_bytes bytes)
{
    sli_receiver *r = (sli_receiver *)self;
    range recorded;
    int64_t freed = 0;
    if (get_range(bytes, &recorded, NULL) != SL_OK) {
        return;
    }
    sli_mutex_lock(&r->mutex);
    int64_t n = recorded.first + recorded.n - r->first;
    n = n > r->next - r->first ? r->next - r->first : n;
    for (int64_t i = 0; i < n; i++) {
        freed += r->blocks[i].data == NULL ? 0 : r->blocks[i].size;
        sli_buffer_unref(r->blocks[i].data);
    }
    if (n > 0) {
        memmove(r->blocks, r->blocks + n, (size_t)(r->next - r->first - n) * sizeof *r->blocks);
        r->first += n;
        r->bytes -= freed;
    }
    int64_t bytes_left = r->bytes;
    sli_mutex_unlock(&r->mutex);
    sli_budget_release(r->ingest->env.budget, freed);
    sli_metric_set(sli_receiver_metric(r, SLI_INGEST_PENDING), bytes_left);
    if (r->wal != NULL) {
        sli_wal_forget(r->wal, recorded.first + recorded.n);
    }
    atomic_store_explicit(&r->wants_turn, 1, memory_order_release);
    sli_loop_wake(r->ingest->env.loop);
}

static void source_describe(sli_source *self, sl_bytes bytes, sli_str *start, sli_str *end)
{
    range recorded;
    (void)self;
    if (get_range(bytes, &recorded, NULL) == SL_OK) {
        sli_str_printf(start, "{\"block\":%lld}", (long long)recorded.first);
        sli_str_printf(end, "{\"block\":%lld}", (long long)(recorded.first + recorded.n));
    }
}

static void source_close(sli_source *self)
{
    sli_receiver_free((sli_receiver *)self);
}

const sli_source_ops sli_receiver_ops = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "received",
    .text = "A receiver's blocks.",
    .kind = SLI_SOURCE_REPLAYABLE,
    .open = source_open,
    .schema = source_schema,
    .restore = source_restore,
    .accept = source_accept,
    .offer = source_offer,
    .position = source_position,
    .splits = source_splits,
    .read = source_read,
    .records = source_records,
    .forget = source_forget,
    .describe = source_describe,
    .close = source_close,
};
