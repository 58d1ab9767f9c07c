// The lanes of an event time in the state: one row a lane, so a group's delta holds the lanes that
// had rows in it. Three more rows, whose names no lane has: the watermark, what the next one will
// not be before, and what lanes that were set aside have left.
#include "stream/event/timed.h"

#define WATERMARK "watermark" // lanes are called "uid#number"
#define ASIDE "aside"
#define PROMISED "promised"

/// Rows to be put and removed, gathered for one view.
typedef struct track {
    const sl_stream *node;
    sl_builder *keys, *values;
    bool *gone; ///< by row
    int32_t n, capacity;
} track;

static sl_code note(track *t, const char *name, int64_t latest_us, int64_t seen_us, bool gone,
                    sl_error *err)
{
    bool *grown = sli_grown(t->gone, t->n, &t->capacity, sizeof *grown);
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)t->n, "partitions of event time");
    }
    t->gone = grown;
    t->gone[t->n++] = gone;
    sl_builder_text(t->keys, 0, name, strlen(name));
    sl_builder_int64(t->values, 0, latest_us);
    sl_builder_int64(t->values, 1, seen_us);
    return SL_OK;
}

// ---------------------------------------------------------------- putting

static sl_code put_row(const track *t, sli_state_view *view, const sl_batch *keys,
                       const sl_batch *values, uint64_t hash, int32_t row, sl_error *err)
{
    const int32_t columns[2] = {0, 1};
    const sli_store_ops *ops = t->node->store->ops;
    sli_str key = {.tag = SLI_TAG_STREAM}, value = {.tag = SLI_TAG_STREAM};
    sli_row_put(&key, keys, columns, 1, row);
    sli_row_put(&value, values, columns, 2, row);
    sl_code rc = sli_str_check(&key, "a partition's name", err);
    rc = rc != SL_OK ? rc : sli_str_check(&value, "an event time", err);
    sl_bytes key_bytes = {key.data, key.size}, value_bytes = {value.data, value.size};
    if (rc == SL_OK) {
        rc = t->gone[row] ? ops->remove(view, hash, key_bytes, err)
                          : ops->put(view, hash, key_bytes, value_bytes, err);
    }
    sli_str_reset(&key);
    sli_str_reset(&value);
    return rc;
}

static sl_code put_rows(const track *t, sli_state_view *view, const sl_batch *keys,
                        const sl_batch *values, sl_error *err)
{
    const int32_t column = 0;
    uint64_t *hashes = sl_alloc_array(SLI_TAG_STREAM, (size_t)t->n, sizeof *hashes);
    if (hashes == NULL) {
        return sl_error_nomem(err, (size_t)t->n * sizeof *hashes, "hashes of partitions");
    }
    sli_batch_hash(keys, &column, 1, hashes);
    sl_code rc = SL_OK;
    for (int32_t row = 0; row < t->n && rc == SL_OK; row++) {
        rc = put_row(t, view, keys, values, hashes[row], row, err);
    }
    sl_free(hashes);
    return rc;
}

/// All rows as one view of the whole table.
static sl_code put_all(const track *t, int64_t epoch, sl_error *err)
{
    const sli_store_ops *ops = t->node->store->ops;
    sl_batch *keys = NULL, *values = NULL;
    sli_state_view *view = NULL;
    sl_code rc = sl_builder_finish(t->keys, &keys, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(t->values, &values, err);
    rc = rc != SL_OK ? rc : ops->begin(t->node->store, t->node->table, epoch, 0, 1, &view, err);
    if (rc == SL_OK) {
        rc = put_rows(t, view, keys, values, err);
        if (rc == SL_OK) {
            rc = ops->done(view, err);
        } else {
            ops->drop(view);
        }
    }
    sl_batch_unref(keys);
    sl_batch_unref(values);
    return rc;
}

/// Lanes that had rows at this batch time, and those that are idle, which are set aside.
static sl_code note_lanes(track *t, sli_event_time *self, int64_t batch_time_us, sl_error *err)
{
    sli_lanes *lanes = &self->lanes;
    for (int32_t i = lanes->n; i-- > 0;) {
        const sli_lane *lane = &lanes->items[i];
        bool idle = sli_lanes_is_idle(lanes, i, batch_time_us, self->idle_us);
        if (idle || lane->seen_us == batch_time_us) {
            SL_TRY(note(t, lane->name, lane->latest_us, lane->seen_us, idle, err));
        }
        if (idle) {
            sli_lanes_set_aside(lanes, i);
        }
    }
    return SL_OK;
}

static sl_code note_changes(track *t, sli_event_time *self, int64_t batch_time_us, sl_error *err)
{
    sli_lanes *lanes = &self->lanes;
    int64_t aside_us = lanes->aside_us, aside_seen_us = lanes->aside_seen_us;
    SL_TRY(note_lanes(t, self, batch_time_us, err));
    if (lanes->aside_us != aside_us || lanes->aside_seen_us != aside_seen_us) {
        SL_TRY(note(t, ASIDE, lanes->aside_us, lanes->aside_seen_us, false, err));
    }
    if (lanes->watermark_us != self->watermark_us) {
        lanes->watermark_us = self->watermark_us;
        SL_TRY(note(t, WATERMARK, lanes->watermark_us, batch_time_us, false, err));
    }
    if (lanes->promised_us != self->promised_us) {
        lanes->promised_us = self->promised_us;
        SL_TRY(note(t, PROMISED, lanes->promised_us, batch_time_us, false, err));
    }
    return SL_OK;
}

/// Whether nothing can have changed, so that quiet epochs cost no more than a look.
static bool is_quiet(const sli_event_time *self, int64_t batch_time_us)
{
    const sli_lanes *lanes = &self->lanes;
    bool quiet =
        lanes->watermark_us == self->watermark_us && lanes->promised_us == self->promised_us;
    for (int32_t i = 0; i < lanes->n && quiet; i++) {
        quiet = lanes->items[i].seen_us != batch_time_us &&
                !sli_lanes_is_idle(lanes, i, batch_time_us, self->idle_us);
    }
    return quiet;
}

sl_code sli_track_put(sli_event_time *self, int64_t epoch, int64_t batch_time_us, sl_error *err)
{
    if (is_quiet(self, batch_time_us)) {
        return SL_OK;
    }
    track t = {.node = self->node};
    sl_code rc = sl_builder_new(&t.keys, self->key_schema, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&t.values, self->value_schema, err);
    rc = rc != SL_OK ? rc : note_changes(&t, self, batch_time_us, err);
    rc = rc != SL_OK || t.n == 0 ? rc : put_all(&t, epoch, err);
    sl_builder_free(t.keys);
    sl_builder_free(t.values);
    sl_free(t.gone);
    return rc;
}

// ---------------------------------------------------------------- coming back

/// The table's rows, in builders.
static sl_code take_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    track *t = ctx;
    (void)slot;
    t->n++;
    SL_TRY(sli_row_get(key, t->keys, 0, 1, err));
    return sli_row_get(value, t->values, 0, 2, err);
}

static sl_code take_lane(sli_lanes *lanes, sl_text name, int64_t latest_us, int64_t seen_us,
                         sl_error *err)
{
    if (sli_text_is(name, WATERMARK)) {
        lanes->watermark_us = latest_us;
        return SL_OK;
    }
    if (sli_text_is(name, PROMISED)) {
        lanes->promised_us = latest_us;
        return SL_OK;
    }
    if (sli_text_is(name, ASIDE)) {
        lanes->aside_us = latest_us;
        lanes->aside_seen_us = seen_us;
        return SL_OK;
    }
    char *copy = sl_strndup(SLI_TAG_STREAM, name.data, name.size);
    sl_code rc = copy == NULL ? sl_error_nomem(err, name.size, "a partition's name")
                              : sli_lanes_show(lanes, copy, latest_us, seen_us, err);
    sl_free(copy);
    return rc;
}

static sl_code take_lanes(track *t, sli_lanes *lanes, sl_error *err)
{
    sl_batch *keys = NULL, *values = NULL;
    sl_code rc = sl_builder_finish(t->keys, &keys, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(t->values, &values, err);
    for (int32_t i = 0; i < t->n && rc == SL_OK; i++) {
        rc = take_lane(lanes, sl_column_text(sl_batch_column(keys, 0), i),
                       sl_column_int64(sl_batch_column(values, 0), i),
                       sl_column_int64(sl_batch_column(values, 1), i), err);
    }
    sl_batch_unref(keys);
    sl_batch_unref(values);
    return rc;
}

sl_code sli_track_restore(sli_event_time *self, sl_error *err)
{
    const sl_stream *node = self->node;
    track t = {.node = node};
    int64_t since_us = self->lanes.since_us;
    sli_lanes_reset(&self->lanes);
    self->lanes.since_us = since_us;
    sl_code rc = sl_builder_new(&t.keys, self->key_schema, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&t.values, self->value_schema, err);
    rc = rc != SL_OK
             ? rc
             : node->store->ops->dump(node->store, node->table, 0, SLI_SLOTS, take_row, &t, err);
    rc = rc != SL_OK ? rc : take_lanes(&t, &self->lanes, err);
    self->promised_us = self->lanes.promised_us;
    sl_builder_free(t.keys);
    sl_builder_free(t.values);
    return rc;
}
