/// read.c — a split's rows: spans of the chunks that its epoch has taken, or the cluster again.
///
/// Chunks of an epoch stay until the next one begins, so that every output and attempt reads
/// memory. Whatever else is read, ranges of an earlier life above all, is fetched again (again.c).
#include "source/kafka/kafka_int.h"

// ---------------------------------------------------------------- what is in memory

/// Chunks that hold a piece, each by reference.
typedef struct held {
    kafka_chunk **items;
    int32_t n;
} held;

static bool is_in(const kafka_chunk *chunk, const kafka_piece *piece)
{
    return chunk->n > 0 && chunk->offsets[chunk->n - 1] >= piece->from &&
           chunk->offsets[0] < piece->to;
}

static int32_t count(const kafka_lane *lane, const kafka_piece *piece)
{
    int32_t n = 0;
    for (const kafka_chunk *chunk = lane->first; chunk != NULL; chunk = chunk->next) {
        n += is_in(chunk, piece);
    }
    return n;
}

/// The mark tells a topic that was made anew under the same offsets.
static bool is_kept(const kafka_lane *lane, const kafka_piece *piece)
{
    if (lane == NULL || piece->from < lane->kept || piece->to > lane->reached) {
        return false;
    }
    for (const kafka_chunk *chunk = lane->first; chunk != NULL; chunk = chunk->next) {
        int32_t i = kafka_chunk_find(chunk, piece->last.offset);
        if (i < chunk->n && chunk->offsets[i] == piece->last.offset) {
            return chunk->times_us[i] == piece->last.time_us;
        }
    }
    return false;
}

static sl_code hold_chunks(const kafka_lane *lane, const kafka_piece *piece, held *out,
                           sl_error *err)
{
    int32_t n = count(lane, piece);
    out->items = sl_alloc(SLI_TAG_SOURCE, (size_t)n * sizeof(kafka_chunk *));
    if (out->items == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(kafka_chunk *), "records of a split");
    }
    for (kafka_chunk *chunk = lane->first; chunk != NULL; chunk = chunk->next) {
        if (is_in(chunk, piece)) {
            out->items[out->n++] = kafka_chunk_ref(chunk);
        }
    }
    return SL_OK;
}

/// *is_there false: not all of the piece is in memory.
static sl_code hold(kafka_source *self, const kafka_piece *piece, held *out, bool *is_there,
                    sl_error *err)
{
    sli_mutex_lock(&self->mutex);
    const kafka_lane *lane = kafka_lanes_find(&self->lanes, piece->topic, piece->partition);
    *is_there = is_kept(lane, piece);
    sl_code rc = *is_there ? hold_chunks(lane, piece, out, err) : SL_OK;
    sli_mutex_unlock(&self->mutex);
    return rc;
}

static void let_go(held *h)
{
    for (int32_t i = 0; i < h->n; i++) {
        kafka_chunk_unref(h->items[i]);
    }
    sl_free(h->items);
}

static sl_code feed_held(const held *h, const kafka_piece *piece, kafka_span_fn each, void *ctx,
                         sl_error *err)
{
    for (int32_t i = 0; i < h->n; i++) {
        const kafka_chunk *chunk = h->items[i];
        SL_TRY(each(ctx, chunk, kafka_chunk_find(chunk, piece->from),
                    kafka_chunk_find(chunk, piece->to), err));
    }
    return SL_OK;
}

static sl_code feed(kafka_source *self, const kafka_piece *piece, kafka_span_fn each, void *ctx,
                    sl_error *err)
{
    held h = {0};
    bool is_there = false;
    if (piece->records == 0) {
        return SL_OK;
    }
    sl_code rc = hold(self, piece, &h, &is_there, err);
    if (rc == SL_OK) {
        rc = is_there ? feed_held(&h, piece, each, ctx, err)
                      : kafka_read_again(self, piece, each, ctx, err);
    }
    let_go(&h);
    return rc;
}

// ---------------------------------------------------------------- rows

typedef struct reading {
    kafka_rows *rows;
    sli_emit_fn emit;
    sli_raw_fn look; ///< instead of emit: records are told, not rows
    void *ctx;
} reading;

static sl_code feed_rows(void *ctx, const kafka_chunk *chunk, int32_t from, int32_t to,
                         sl_error *err)
{
    reading *r = ctx;
    if (chunk == NULL) {
        return r->emit == NULL ? SL_OK : r->emit(r->ctx, NULL, err);
    }
    return kafka_rows_feed(r->rows, chunk, from, to, r->emit, r->ctx, err);
}

static sl_code read_piece(kafka_source *self, const kafka_piece *piece, reading *r,
                          sli_decode_stats *stats, sl_error *err)
{
    sli_source_common *common = &self->common;
    kafka_place place = {piece->topic, piece->partition};
    SL_TRY(kafka_rows_new(&r->rows, common->format, common->conf, common->schema, place, err));
    sl_code rc = r->look == NULL ? SL_OK : kafka_rows_watch(r->rows, r->look, r->ctx, err);
    if (rc == SL_OK) {
        rc = feed(self, piece, feed_rows, r, err);
    }
    if (stats != NULL) {
        sli_source_count_stats(common, kafka_rows_stats(r->rows), stats);
    }
    kafka_rows_free(r->rows);
    return rc;
}

/// `stats` may be NULL.
static sl_code read_split(sli_source *source, sl_bytes range, int32_t split, reading r,
                          sli_decode_stats *stats, sl_error *err)
{
    kafka_pieces pieces = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "a range");
    }
    sl_code rc = kafka_range_get(range, arena, &pieces, err);
    if (rc == SL_OK && (split < 0 || split >= pieces.n)) {
        rc = sl_error_set(err, SL_E_CORRUPT, "a range of Kafka has no split %d", (int)split);
    }
    if (rc == SL_OK) {
        rc = read_piece((kafka_source *)source, &pieces.items[split], &r, stats, err);
    }
    sl_arena_free(arena);
    return rc;
}

sl_code kafka_read(sli_source *source, sl_bytes range, int32_t split, sli_emit_fn emit, void *ctx,
                   sli_decode_stats *stats, sl_error *err)
{
    return read_split(source, range, split, (reading){.emit = emit, .ctx = ctx}, stats, err);
}

sl_code kafka_records(sli_source *source, sl_bytes range, int32_t split, sli_raw_fn each, void *ctx,
                      sl_error *err)
{
    return read_split(source, range, split, (reading){.look = each, .ctx = ctx}, NULL, err);
}
