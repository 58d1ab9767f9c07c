/// fetch.c — the fetching strand: what the cluster has, copied into chunks, lane by lane.
///
///              ┌──────────── every `refresh` ───────────┐
///     begin ─► look ─► fetch lanes that are due ─► room? ─ yes ─► poll, copy, publish ─┐
///              ▲                                     └ no: wait for it                 │
///              └───────────────────────────────────────────────────────────────────────┘
///
/// It is one work of a strand, which ends when the source says so or when something can't be got
/// over. A chunk is filled over several polls while the client has more than a poll takes, and
/// published at once when it has not: so chunks are large under load, and nothing waits without.
#include "source/kafka/kafka_int.h"

enum {
    CHUNK_RECORDS = 16384,
    CHUNKS_AHEAD = 16,  ///< large ones that one poll may open, and that `ahead` has room for
    ASK_US = 5000000,   ///< for a question; what is asked in vain is asked again
    PAUSE_US = 1000000, ///< before it is asked again, where it failed at once
    FIRST_BYTES = 256,  ///< what a record is taken to need before one was seen
};

static int64_t now_us(const kafka_source *self)
{
    return sli_env_mono_us(self->common.env.env);
}

int64_t kafka_ask_until(const kafka_source *self)
{
    return now_us(self) + ASK_US;
}

// ---------------------------------------------------------------- is the cluster there

/// It does not answer: told once, when that begins.
static void note_away(kafka_source *self, const sl_error *why)
{
    if (self->away_us < 0) {
        self->away_us = now_us(self);
        SLI_LOG(self->common.env.log, SLI_WARN, "source", "kafka: waiting for %s to answer: %s",
                sli_kafka_brokers(self->settings), why->text);
    }
}

static void note_back(kafka_source *self)
{
    if (self->away_us >= 0) {
        SLI_LOG(self->common.env.log, SLI_WARN, "source", "kafka: %s answers again after %lld s",
                sli_kafka_brokers(self->settings),
                (long long)((now_us(self) - self->away_us) / 1000000));
        self->away_us = -1;
    }
}

/// Waits, but not when the source ends.
static sl_code pause_a_while(kafka_source *self, sl_error *err)
{
    sl_code rc = sli_signal_wait(self->room, now_us(self) + PAUSE_US, err);
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

/// What a question came to: a cluster that is away is waited for. One is given up for an end, which
/// may have been that of an earlier strand that was asking nothing.
static sl_code got_over(kafka_source *self, sl_code rc, sl_error *err)
{
    if (rc == SL_E_CANCELLED) {
        return SL_OK;
    }
    if (rc != SL_E_TIMEOUT && rc != SL_E_IO) {
        return rc;
    }
    note_away(self, err);
    return pause_a_while(self, err);
}

// ---------------------------------------------------------------- lanes and the client

sl_code kafka_fetch_add(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    if (self->n_ids == self->ids_capacity) {
        int32_t capacity = self->ids_capacity == 0 ? 16 : self->ids_capacity * 2;
        size_t size = (size_t)capacity * sizeof(kafka_lane *);
        kafka_lane **by_id = sl_realloc(SLI_TAG_SOURCE, self->by_id, size);
        self->by_id = by_id == NULL ? self->by_id : by_id;
        kafka_lane **touched = sl_realloc(SLI_TAG_SOURCE, self->touched, size);
        self->touched = touched == NULL ? self->touched : touched;
        if (by_id == NULL || touched == NULL) {
            return sl_error_nomem(err, size, "partitions");
        }
        self->ids_capacity = capacity;
    }
    lane->id = self->n_ids++;
    self->by_id[lane->id] = lane;
    lane->state = KAFKA_DUE;
    self->is_any_due = true;
    return SL_OK;
}

/// From the record before the position, where one is known: it tells whether the topic is the one
/// that was read.
static sl_code fetch_lane(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    int64_t offset = lane->before.offset >= 0 ? lane->before.offset : lane->position;
    sli_kafka_spot spot = {lane->topic, lane->partition, offset};
    SL_TRY(sli_kafka_gate.fetch(self->client, &spot, lane->id, err));
    lane->state = KAFKA_FETCHED;
    return SL_OK;
}

/// Lanes that are due are fetched; about those in doubt the cluster is asked.
static sl_code tend_lanes(kafka_source *self, sl_error *err)
{
    if (!self->is_any_due) {
        return SL_OK;
    }
    for (int32_t i = 0; i < self->n_ids; i++) {
        kafka_lane *lane = self->by_id[i];
        if (lane != NULL && lane->state == KAFKA_DOUBTED) {
            SL_TRY(kafka_lost_settle(self, lane, err));
            note_back(self);
            lane = self->by_id[i];
        }
        if (lane != NULL && lane->state == KAFKA_DUE) {
            SL_TRY(fetch_lane(self, lane, err));
        }
    }
    self->is_any_due = false;
    return SL_OK;
}

// ---------------------------------------------------------------- publishing

/// What the lane has by now can be offered.
static sl_code publish(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    kafka_chunk *chunk = lane->open;
    int64_t opened = chunk == NULL ? 0 : chunk->bytes; // headers come to it at the end
    int64_t high = sli_kafka_gate.high(self->client, lane->id);
    lane->open = NULL;
    sl_code rc = chunk == NULL ? SL_OK : kafka_chunk_end(chunk, self->scans_lines, err);
    if (rc != SL_OK) {
        kafka_chunk_unref(chunk);
        return rc;
    }
    sli_mutex_lock(&self->mutex);
    if (chunk != NULL) {
        kafka_lane_push(lane, chunk);
        self->ahead += chunk->bytes;
        self->open_bytes -= opened;
    }
    lane->reached = lane->position;
    lane->high = high;
    sli_mutex_unlock(&self->mutex);
    return SL_OK;
}

static sl_code publish_touched(kafka_source *self, sl_error *err)
{
    for (int32_t i = 0; i < self->n_touched; i++) {
        self->touched[i]->is_touched = false;
        SL_TRY(publish(self, self->touched[i], err));
    }
    self->n_touched = 0;
    return SL_OK;
}

sl_code kafka_fetch_over(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    SL_TRY(publish_touched(self, err)); // nothing here knows the lane afterwards
    if (lane->id >= 0) {
        sli_kafka_gate.drop(self->client, lane->id);
        self->by_id[lane->id] = NULL;
    }
    lane->state = KAFKA_OVER;
    sli_mutex_lock(&self->mutex);
    lane->is_over = true;
    sli_mutex_unlock(&self->mutex);
    return SL_OK;
}

// ---------------------------------------------------------------- taking what a poll gives

static void touch(kafka_source *self, kafka_lane *lane)
{
    if (!lane->is_touched) {
        lane->is_touched = true;
        self->touched[self->n_touched++] = lane;
    }
}

/// Records before the lane's position: the one that was read there by an earlier life, if it is
/// the same. Returns how many there are.
static sl_code skip_before(kafka_source *self, kafka_lane *lane, const sli_kafka_record *records,
                           int32_t n, int32_t *n_skipped, sl_error *err)
{
    int32_t i = 0;
    for (; i < n && records[i].offset < lane->position; i++) {
        bool is_it = records[i].offset == lane->before.offset;
        if (is_it && records[i].timestamp_us != lane->before.time_us) {
            *n_skipped = n;
            return kafka_lost_remade(self, lane, records[i].timestamp_us, err);
        }
        lane->before = is_it ? KAFKA_NO_MARK : lane->before;
    }
    lane->before = i < n ? KAFKA_NO_MARK : lane->before; // compacted: nothing can be told
    *n_skipped = i;
    return SL_OK;
}

/// Room for what may come with the next polls too.
static void enlarge(const kafka_source *self, kafka_room *room)
{
    int64_t bytes = self->ahead_bytes / CHUNKS_AHEAD;
    bytes = bytes < KAFKA_CHUNK_BYTES ? bytes : KAFKA_CHUNK_BYTES;
    double times = (double)bytes / (double)room->value_bytes;
    int64_t records = (int64_t)(times * room->records),
            keys = (int64_t)(times * (double)room->key_bytes);
    if (times > 1) {
        room->value_bytes = bytes;
        room->records = records < CHUNK_RECORDS ? (int32_t)records : CHUNK_RECORDS;
        room->key_bytes = keys < bytes || room->key_bytes > bytes ? keys : bytes;
    }
}

/// A chunk for the first of these records; large when the client has many more to give.
static sl_code open_chunk(kafka_source *self, kafka_lane *lane, const sli_kafka_record *records,
                          int32_t n, bool is_full, sl_error *err)
{
    kafka_room room = kafka_room_for(records, n, self->wants, KAFKA_CHUNK_BYTES);
    if (is_full && n >= KAFKA_AT_ONCE / CHUNKS_AHEAD) {
        enlarge(self, &room);
    }
    if (room.value_bytes > INT32_MAX || room.key_bytes > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "kafka: a record of more than 2 GiB in %s partition %d",
                            lane->topic, (int)lane->partition);
    }
    lane->open = kafka_chunk_new(&room, self->wants);
    if (lane->open == NULL) {
        return sl_error_nomem(err, (size_t)room.value_bytes, "records");
    }
    self->open_bytes += lane->open->bytes;
    return SL_OK;
}

/// Records of one lane, one behind the other.
static sl_code take_run(kafka_source *self, kafka_lane *lane, const sli_kafka_record *records,
                        int32_t n, bool is_full, sl_error *err)
{
    int32_t at = 0, added = 0;
    if (records[0].offset < lane->position || lane->before.offset >= 0) {
        SL_TRY(skip_before(self, lane, records, n, &at, err));
    }
    while (at < n) {
        if (lane->open == NULL) {
            SL_TRY(open_chunk(self, lane, records + at, n - at, is_full, err));
        }
        SL_TRY(kafka_chunk_add(lane->open, self->client, records + at, n - at, &added, err));
        at += added;
        if (added > 0) {
            lane->position = records[at - 1].offset + 1;
            touch(self, lane);
        }
        if (at < n) {
            SL_TRY(publish(self, lane, err));
        }
    }
    return SL_OK;
}

static void take_end(kafka_source *self, kafka_lane *lane, const sli_kafka_record *end)
{
    if (end->offset < lane->position) { // less is there than was read
        lane->state = KAFKA_DOUBTED;
        self->is_any_due = true;
        return;
    }
    lane->before = KAFKA_NO_MARK; // it is not there any more, or was found
    lane->position = end->offset;
    touch(self, lane);
}

static void take_trouble(kafka_source *self, const sli_kafka_record *record, sl_code *rc,
                         sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    sl_code code = sli_kafka_gate.error(self->client, record, &why);
    if (code == SL_E_CONFIG || code == SL_E_NOMEM) {
        *err = why;
        *rc = code;
    } else {
        note_away(self, &why);
    }
}

/// What the client says of one lane, or of none. `n` records of one lane are taken together.
static sl_code take_some(kafka_source *self, const sli_kafka_record *records, int32_t n,
                         bool is_full, sl_error *err)
{
    sl_code rc = SL_OK;
    kafka_lane *lane = records->lane < 0 ? NULL : self->by_id[records->lane];
    if (records->kind == SLI_KAFKA_TROUBLE) {
        take_trouble(self, records, &rc, err);
        return rc;
    }
    if (lane == NULL) {
        return SL_OK; // it was over when this came
    }
    switch ((sli_kafka_kind)records->kind) {
    case SLI_KAFKA_RECORD:
        return take_run(self, lane, records, n, is_full, err);
    case SLI_KAFKA_END:
        take_end(self, lane, records);
        break;
    case SLI_KAFKA_LOST:
        lane->state = KAFKA_DOUBTED;
        self->is_any_due = true;
        break;
    case SLI_KAFKA_TROUBLE:
        break;
    }
    return SL_OK;
}

static int32_t run_of(const sli_kafka_record *records, int32_t n)
{
    int32_t i = 1;
    while (i < n && records[i].lane == records[0].lane && records[i].kind == SLI_KAFKA_RECORD &&
           records[0].kind == SLI_KAFKA_RECORD) {
        i++;
    }
    return i;
}

static sl_code take_all(kafka_source *self, int32_t n, bool is_full, sl_error *err)
{
    sl_code rc = SL_OK;
    for (int32_t i = 0, run = 0; rc == SL_OK && i < n; i += run) {
        run = run_of(self->polled + i, n - i);
        rc = take_some(self, self->polled + i, run, is_full, err);
    }
    sli_kafka_gate.release(self->client, self->polled, n);
    return rc;
}

// ---------------------------------------------------------------- polling

/// How much may be fetched now; 0: nothing, and since when is noted.
static int64_t room_now(kafka_source *self)
{
    int64_t now = now_us(self);
    sli_mutex_lock(&self->mutex);
    int64_t room = self->ahead_most - self->ahead - self->open_bytes;
    room = room < 0 ? 0 : room;
    self->full_us = room > 0 ? -1 : self->full_us < 0 ? now : self->full_us;
    sli_mutex_unlock(&self->mutex);
    return room;
}

/// So many records that there is room for, as far as one can tell.
static int32_t records_for(const kafka_source *self, int64_t room)
{
    int64_t n = room / self->record_bytes;
    return n < 1 ? 1 : n > KAFKA_AT_ONCE ? KAFKA_AT_ONCE : (int32_t)n;
}

static void weigh(kafka_source *self, int32_t n)
{
    enum { BESIDE = 20 }; // offset, time, where it starts
    int64_t bytes = 0, records = 0;
    for (int32_t i = 0; i < n; i++) {
        bytes += self->polled[i].value_size + self->polled[i].key_size;
        records += self->polled[i].kind == SLI_KAFKA_RECORD;
    }
    self->record_bytes = records > 0 ? bytes / records + BESIDE : self->record_bytes;
}

static sl_code poll_once(kafka_source *self, int64_t room, sl_error *err)
{
    int32_t n = records_for(self, room), got = 0;
    sl_code rc = sli_kafka_gate.poll(self->client, self->polled, n, &got, self->look_us, err);
    if (rc != SL_OK) {
        return rc == SL_E_IO || rc == SL_E_TIMEOUT ? got_over(self, rc, err) : rc;
    }
    bool is_full = got == n && n == KAFKA_AT_ONCE;
    bool is_there = got > 0 && self->polled[got - 1].kind != SLI_KAFKA_TROUBLE;
    weigh(self, got);
    SL_TRY(take_all(self, got, is_full, err));
    if (is_there) {
        note_back(self);
    }
    return is_full ? SL_OK : publish_touched(self, err);
}

static bool is_ending(kafka_source *self)
{
    sli_mutex_lock(&self->mutex);
    bool ending = self->is_ending;
    sli_mutex_unlock(&self->mutex);
    return ending;
}

static sl_code look(kafka_source *self, sl_error *err)
{
    SL_TRY(kafka_look(self, err));
    note_back(self);
    return SL_OK;
}

static sl_code step(kafka_source *self, sl_error *err)
{
    if (now_us(self) >= self->look_us) {
        SL_TRY(got_over(self, look(self, err), err));
    }
    SL_TRY(got_over(self, tend_lanes(self, err), err));
    int64_t room = room_now(self);
    if (room > 0) {
        return poll_once(self, room, err);
    }
    if (self->n_touched > 0) {
        return publish_touched(self, err);
    }
    sl_code rc = sli_signal_wait(self->room, self->look_us, err);
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

static void fetch_all(void *ctx)
{
    kafka_source *self = ctx;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    while (rc == SL_OK && !is_ending(self)) {
        rc = step(self, &err);
    }
    if (rc != SL_OK) {
        sli_mutex_lock(&self->mutex);
        self->failure = err;
        sli_mutex_unlock(&self->mutex);
    }
}

// ---------------------------------------------------------------- beginning and ending

sl_code kafka_fetch_begin(kafka_source *self, sl_error *err)
{
    self->look_us = INT64_MIN;
    self->record_bytes = FIRST_BYTES;
    self->away_us = self->full_us = -1;
    self->offered_us = now_us(self);
    self->is_ending = false;
    kafka_ahead_begin(self);
    self->strand = sli_strand_new(self->common.env.env, "sl-kafka");
    if (self->strand == NULL || !sli_strand_post(self->strand, fetch_all, self)) {
        sli_strand_free(self->strand);
        self->strand = NULL;
        kafka_ahead_end(self);
        return sl_error_set(err, SL_E_NOMEM, "no thread that fetches from Kafka");
    }
    return SL_OK;
}

void kafka_fetch_end(kafka_source *self)
{
    if (self->strand == NULL) {
        return;
    }
    sli_mutex_lock(&self->mutex);
    self->is_ending = true;
    sli_mutex_unlock(&self->mutex);
    sli_kafka_gate.wake(self->client);
    sli_signal_set(self->room);
    sli_strand_free(self->strand);
    self->strand = NULL;
    kafka_ahead_end(self);
    for (int32_t i = 0; i < self->n_ids; i++) {
        sli_kafka_gate.drop(self->client, i);
    }
    self->n_ids = self->n_touched = 0;
    self->open_bytes = 0;
    self->is_any_due = self->is_known = false;
    self->ahead = self->n_numbers = 0;
    self->failure = SL_ERROR_INIT;
    kafka_lanes_reset(&self->lanes);
}
