/// offer.c — what an epoch takes: of each lane what is in memory, or less by the limits.
///
/// Nothing is waited for. All of an offered range is in memory, so no epoch waits for the cluster
/// while it runs, and what was taken can be reached again: `to` is one more than a record that was
/// given, or an end that was told.
#include "source/kafka/kafka_int.h"

// ---------------------------------------------------------------- limits

/// Records that a rate allows an epoch: at least one, so that no lane stands still.
static int64_t rows_at(const kafka_source *self, int64_t per_second)
{
    sli_u128 rows = (sli_u128)(uint64_t)per_second * (uint64_t)self->common.env.interval_us;
    rows = rows / 1000000;
    return rows < 1 ? 1 : rows > INT64_MAX ? INT64_MAX : (int64_t)rows;
}

/// Spark's rule: in proportion to how far each lags behind, within the least and the most of each.
static int64_t share_of(const kafka_source *self, const kafka_lane *lane, const sli_ask *ask,
                        int64_t lag)
{
    int64_t most = self->max_rate > 0 ? rows_at(self, self->max_rate) : INT64_MAX;
    if (ask->max_rows == INT64_MAX) {
        return most;
    }
    sli_u128 part = (sli_u128)(uint64_t)kafka_lane_lag(lane) * (uint64_t)ask->max_rows;
    int64_t share = lag > 0 ? (int64_t)(part / (uint64_t)lag) : 0;
    int64_t least = rows_at(self, self->min_rate);
    share = share > least ? share : least;
    return share < most ? share : most;
}

// ---------------------------------------------------------------- taking

/// What an offer takes, while the mutex is held.
typedef struct taking {
    kafka_pieces pieces;
    kafka_chunk **trimmed; ///< a list for each lane, to be released afterwards
    int64_t records, bytes;
} taking;

/// The lane that the place in the order stands for: a partition that was made anew follows when
/// all of the old one was taken.
static kafka_lane *current(kafka_source *self, int32_t i)
{
    kafka_lane *lane = self->lanes.items[i];
    if (lane->heir != NULL && lane->n_ahead == 0) {
        kafka_lane *heir = lane->heir;
        lane->heir = NULL;
        kafka_lane_free(lane);
        self->lanes.items[i] = lane = heir;
    }
    return lane;
}

static int64_t lag_of_all(const kafka_source *self)
{
    int64_t lag = 0;
    for (int32_t i = 0; i < self->lanes.n; i++) {
        lag += self->lanes.items[i]->is_there ? kafka_lane_lag(self->lanes.items[i]) : 0;
    }
    return lag;
}

static int64_t bytes_of(const kafka_piece *piece, const kafka_lane *lane)
{
    int64_t bytes = 0, left = piece->records;
    for (const kafka_chunk *chunk = lane->first; chunk != NULL && left > 0; chunk = chunk->next) {
        int32_t from = kafka_chunk_find(chunk, piece->from), n = chunk->n - from;
        n = n < left ? n : (int32_t)left;
        bytes += chunk->values.starts[from + n] - chunk->values.starts[from] - n;
        left -= n;
    }
    return bytes;
}

static void take_lanes(kafka_source *self, const sli_ask *ask, taking *t)
{
    int64_t lag = lag_of_all(self), freed = 0;
    bool is_all = true;
    for (int32_t i = 0; i < self->lanes.n; i++) {
        kafka_lane *lane = current(self, i);
        if (!lane->is_there) {
            continue;
        }
        t->trimmed[t->pieces.n] = kafka_lane_trim(lane);
        kafka_piece *piece = &t->pieces.items[t->pieces.n++];
        int64_t n = share_of(self, lane, ask, lag);
        freed += kafka_lane_take(lane, n, piece);
        is_all = is_all && lane->n_ahead == 0;
        t->records += piece->records;
        t->bytes += bytes_of(piece, lane);
    }
    self->ahead -= freed;
    kafka_ahead_adapt(self, freed, is_all);
}

static bool is_any_ahead(const kafka_source *self)
{
    for (int32_t i = 0; i < self->lanes.n; i++) {
        const kafka_lane *lane = self->lanes.items[i];
        if (lane->n_ahead > 0 || (lane->heir != NULL && lane->heir->n_ahead > 0)) {
            return true;
        }
    }
    return false;
}

sl_code kafka_range_make(const kafka_pieces *pieces, sl_arena *arena, sl_bytes *out, sl_error *err)
{
    sli_str bytes = {.tag = SLI_TAG_SOURCE};
    kafka_range_put(&bytes, pieces);
    sl_code rc = sli_str_check(&bytes, "a range", err);
    void *copy = rc == SL_OK ? sl_arena_copy(arena, bytes.data, bytes.size) : NULL;
    size_t size = bytes.size;
    sli_str_reset(&bytes);
    SL_TRY(rc);
    if (copy == NULL) {
        return sl_error_nomem(err, size, "a range");
    }
    *out = (sl_bytes){copy, size};
    return SL_OK;
}

/// Under the mutex. No pieces: there is nothing to take.
static sl_code take(kafka_source *self, const sli_ask *ask, sl_arena *arena, taking *t,
                    sl_error *err)
{
    size_t n = (size_t)self->lanes.n;
    if (self->failure.code != SL_OK) {
        if (err != NULL) {
            *err = self->failure;
        }
        return self->failure.code;
    }
    if (!self->is_known || (self->is_named && !is_any_ahead(self))) {
        return SL_OK;
    }
    t->pieces.items = sl_arena_alloc_zero(arena, n * sizeof *t->pieces.items + 1);
    t->trimmed = sl_arena_alloc_zero(arena, n * sizeof *t->trimmed + 1);
    if (t->pieces.items == NULL || t->trimmed == NULL) {
        return sl_error_nomem(err, n * sizeof *t->pieces.items, "what an epoch takes");
    }
    take_lanes(self, ask, t);
    return SL_OK;
}

sl_code kafka_offer(sli_source *source, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                    sl_error *err)
{
    kafka_source *self = (kafka_source *)source;
    taking t = {0};
    sli_offer offer = {0};
    SL_TRY(self->strand == NULL ? kafka_fetch_begin(self, err) : SL_OK);
    sli_mutex_lock(&self->mutex);
    sl_code rc = take(self, ask, arena, &t, err);
    kafka_lag_show(self);
    sli_mutex_unlock(&self->mutex);
    for (int32_t i = 0; i < t.pieces.n; i++) {
        kafka_chunks_unref(t.trimmed[i]);
    }
    SL_TRY(rc);
    if (t.pieces.n > 0) {
        sli_signal_set(self->room);
        SL_TRY(kafka_range_make(&t.pieces, arena, &offer.range, err));
        self->is_named = true;
        offer.n_splits = t.pieces.n;
        offer.rows = t.records;
        offer.bytes = t.bytes;
    }
    *out = offer; // never `more`: for what waits in the cluster no job that stops has to go on
    return SL_OK;
}
