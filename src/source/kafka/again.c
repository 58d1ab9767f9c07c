/// again.c — a recorded piece of a partition, read from the cluster: what an earlier life has
/// taken, or what is not in memory any more.
///
/// A client of its own fetches the piece from its beginning and hands it on chunk by chunk, so a
/// piece of any size takes the memory of one. Clients are kept for the next reads of the kind, as
/// many as have read at once.
#include "source/kafka/kafka_int.h"

enum {
    LANE = 0,         ///< a client fetches one partition at a time
    LOOK_US = 200000, ///< after so long a wait it is asked whether anybody still wants the records
};

/// A piece on its way.
typedef struct again {
    kafka_source *self;
    const kafka_piece *piece;
    sli_kafka *client;
    sli_kafka_record *polled;
    kafka_span_fn reader; ///< who wants the piece
    void *reader_ctx;
    kafka_span_fn each; ///< where records go: to the reader, or to a comparison
    void *ctx;
    int64_t position, to; ///< everything before position went there; all before `to` has to
    int64_t records;      ///< that went there
    bool is_lost;         ///< the client can't read the position
    bool is_short;        ///< an end was told that lies before `to`
} again;

// ---------------------------------------------------------------- clients

static sl_code take_client(kafka_source *self, sli_kafka **out, sl_error *err)
{
    sli_mutex_lock(&self->mutex);
    kafka_spare *spare = self->spares;
    self->spares = spare == NULL ? NULL : spare->next;
    sli_mutex_unlock(&self->mutex);
    if (spare == NULL) {
        return kafka_client_open(self, out, err);
    }
    *out = spare->client;
    sl_free(spare);
    return SL_OK;
}

static void keep_client(kafka_source *self, sli_kafka *client)
{
    kafka_spare *spare = sl_alloc(SLI_TAG_SOURCE, sizeof *spare);
    if (spare == NULL) {
        sli_kafka_gate.close(client);
        return;
    }
    spare->client = client;
    sli_mutex_lock(&self->mutex);
    spare->next = self->spares;
    self->spares = spare;
    sli_mutex_unlock(&self->mutex);
}

void kafka_spares_close(kafka_source *self)
{
    while (self->spares != NULL) {
        kafka_spare *spare = self->spares;
        self->spares = spare->next;
        sli_kafka_gate.close(spare->client);
        sl_free(spare);
    }
}

// ---------------------------------------------------------------- what a poll gives

static sl_code hand_on(again *a, const sli_kafka_record *records, int32_t n, int32_t *n_taken,
                       sl_error *err)
{
    kafka_room room = kafka_room_for(records, n, a->self->wants, KAFKA_CHUNK_BYTES);
    kafka_chunk *chunk = kafka_chunk_new(&room, a->self->wants);
    if (chunk == NULL) {
        return sl_error_nomem(err, (size_t)room.value_bytes, "records");
    }
    sl_code rc = kafka_chunk_add(chunk, a->client, records, n, n_taken, err);
    rc = rc == SL_OK ? kafka_chunk_end(chunk, a->self->scans_lines, err) : rc;
    rc = rc == SL_OK ? a->each(a->ctx, chunk, 0, chunk->n, err) : rc;
    a->records += chunk->n;
    kafka_chunk_unref(chunk);
    return rc;
}

/// Records of the piece, one behind the other.
static sl_code take_run(again *a, const sli_kafka_record *records, int32_t n, sl_error *err)
{
    int32_t at = 0, taken = 0;
    a->position = records[n - 1].offset + 1;
    while (n > 0 && records[n - 1].offset >= a->to) {
        n--;
    }
    while (at < n) {
        SL_TRY(hand_on(a, records + at, n - at, &taken, err));
        at += taken;
    }
    return SL_OK;
}

static sl_code take_story(again *a, const sli_kafka_record *record, sl_error *err)
{
    sl_code rc = SL_OK;
    if (record->kind == SLI_KAFKA_END) {
        a->position = record->offset > a->position ? record->offset : a->position;
        a->is_short = record->offset < a->to;
    } else if (record->kind == SLI_KAFKA_LOST) {
        a->is_lost = true;
    } else {
        rc = sli_kafka_gate.error(a->client, record, err);
        rc = rc == SL_E_CONFIG || rc == SL_E_NOMEM ? rc : SL_OK; // the client goes on trying
    }
    return rc;
}

static sl_code take_all(again *a, int32_t n, sl_error *err)
{
    sl_code rc = SL_OK;
    int32_t i = 0;
    while (rc == SL_OK && i < n && a->position < a->to) {
        int32_t from = i;
        while (i < n && a->polled[i].kind == SLI_KAFKA_RECORD) {
            i++;
        }
        rc = i > from ? take_run(a, a->polled + from, i - from, err)
                      : take_story(a, &a->polled[i++], err);
    }
    sli_kafka_gate.release(a->client, a->polled, n);
    return rc;
}

// ---------------------------------------------------------------- one span

static sl_code fetch(again *a, sl_error *err)
{
    sli_kafka_spot spot = {a->piece->topic, a->piece->partition, a->position};
    a->is_lost = a->is_short = false;
    return sli_kafka_gate.fetch(a->client, &spot, LANE, err);
}

/// One poll; what it gives is taken.
static sl_code poll_once(again *a, int64_t until_us, sl_error *err)
{
    int32_t got = 0;
    const kafka_source *self = a->self;
    int64_t now_us = sli_env_mono_us(self->common.env.env);
    int64_t look_us = until_us - now_us < LOOK_US ? until_us : now_us + LOOK_US;
    SL_TRY(sli_kafka_gate.poll(a->client, a->polled, KAFKA_AT_ONCE, &got, look_us, err));
    if (got > 0) {
        return take_all(a, got, err);
    }
    if (sli_source_is_over(&self->common)) {
        return sl_error_set(err, SL_E_TIMEOUT,
                            "kafka: %s partition %d: offset %lld is not waited for any longer",
                            a->piece->topic, (int)a->piece->partition, (long long)a->position);
    }
    if (look_us < until_us) {
        return a->reader(a->reader_ctx, NULL, 0, 0, err);
    }
    return sl_error_set(err, SL_E_TIMEOUT,
                        "kafka: %s partition %d: nothing has come from offset %lld on for %s",
                        a->piece->topic, (int)a->piece->partition, (long long)a->position,
                        sli_duration_of(self->poll_timeout_us).text);
}

/// Polls until something moves.
static sl_code poll_on(again *a, sl_error *err)
{
    const kafka_source *self = a->self;
    int64_t until_us = sli_env_mono_us(self->common.env.env) + self->poll_timeout_us;
    int64_t before = a->position;
    while (a->position == before && !a->is_lost && !a->is_short) {
        SL_TRY(poll_once(a, until_us, err));
    }
    return SL_OK;
}

/// Until everything before `to` was handed on, or it can't be read.
static sl_code read_span(again *a, int64_t from, int64_t to, kafka_span_fn each, void *ctx,
                         sl_error *err)
{
    a->position = from;
    a->to = to;
    a->each = each;
    a->ctx = ctx;
    SL_TRY(fetch(a, err));
    while (a->position < to && !a->is_lost && !a->is_short) {
        SL_TRY(poll_on(a, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- is it the same topic

typedef struct comparing {
    const kafka_mark *mark;
    int64_t time_us; ///< of the record that is there now
    bool differs;
} comparing;

static sl_code compare(void *ctx, const kafka_chunk *chunk, int32_t from, int32_t to, sl_error *err)
{
    comparing *c = ctx;
    (void)err;
    for (int32_t i = from; i < to; i++) {
        c->time_us = chunk->times_us[i];
        c->differs = chunk->offsets[i] == c->mark->offset && c->time_us != c->mark->time_us;
    }
    return SL_OK;
}

/// A topic that was made anew has other records under the same offsets. One that is compacted may
/// have none there, and then nothing is told. *is_other: nothing of the piece is there.
static sl_code check_topic(again *a, bool *is_other, sl_error *err)
{
    const kafka_piece *piece = a->piece;
    comparing c = {.mark = &piece->last};
    SL_TRY(read_span(a, piece->last.offset, piece->last.offset + 1, compare, &c, err));
    a->records = 0;
    *is_other = c.differs;
    if (!c.differs) {
        return SL_OK;
    }
    return kafka_lost_tell(a->self, piece->records, err,
                           "%s partition %d was made anew: the record at offset %lld has the time "
                           "%lld ms, the one that an epoch on record has taken had %lld ms",
                           piece->topic, (int)piece->partition, (long long)c.mark->offset,
                           (long long)(c.time_us / 1000), (long long)(c.mark->time_us / 1000));
}

// ---------------------------------------------------------------- what is gone

/// Why the position can't be read; moves it to where the piece goes on.
static sl_code find_lost(again *a, sl_error *err)
{
    const kafka_piece *piece = a->piece;
    int64_t first = 0, end = 0;
    kafka_place place = {piece->topic, piece->partition};
    sl_code rc = kafka_offsets_of(a->self, a->client, &place, &first, &end, err);
    bool is_gone = rc == SL_E_NOT_FOUND;
    SL_TRY(is_gone ? SL_OK : rc);
    if (!is_gone && first <= a->position && end >= piece->to) {
        return SL_OK; // it is there after all: a broker that has just become the leader
    }
    bool aged = !is_gone && a->position < first && first < piece->to;
    int64_t to = aged ? first : piece->to;
    SL_TRY(kafka_lost_tell(a->self, to - a->position, err,
                           "%s partition %d: offsets %lld to %lld, %s, are gone", piece->topic,
                           (int)piece->partition, (long long)a->position, (long long)to - 1,
                           piece->last.offset >= 0 ? "which an epoch on record has taken"
                                                   : "which were there a moment ago"));
    a->position = to;
    return SL_OK;
}

/// Compaction may have removed what later records replace: the epoch runs without, since nothing
/// of it was seen yet.
static void tell_missing(const again *a)
{
    const kafka_piece *piece = a->piece;
    int64_t missing = piece->records - a->records;
    SLI_LOG(a->self->common.env.log, SLI_WARN, "source",
            "kafka: %s partition %d: %lld of %lld records of offsets %lld to %lld, which an epoch "
            "on record has taken, are not there any more (compaction); going on without",
            piece->topic, (int)piece->partition, (long long)missing, (long long)piece->records,
            (long long)piece->from, (long long)piece->to - 1);
    if (a->self->lost != NULL) {
        sli_metric_add(a->self->lost, missing);
    }
}

// ---------------------------------------------------------------- reading

static sl_code read_all(again *a, kafka_span_fn each, void *ctx, sl_error *err)
{
    const kafka_piece *piece = a->piece;
    bool is_counted = piece->last.offset >= 0; // by an epoch: a table knows no records beforehand
    bool is_other = false, is_told = false;
    SL_TRY(is_counted ? check_topic(a, &is_other, err) : SL_OK);
    int64_t position = is_other ? piece->to : piece->from;
    while (position < piece->to) {
        SL_TRY(read_span(a, position, piece->to, each, ctx, err));
        position = a->position;
        if (position < piece->to) {
            SL_TRY(find_lost(a, err));
            is_told = is_told || a->position > position;
            position = a->position;
        }
    }
    if (is_counted && !is_other && !is_told && a->records < piece->records) {
        tell_missing(a);
    }
    return SL_OK;
}

sl_code kafka_read_again(kafka_source *self, const kafka_piece *piece, kafka_span_fn each,
                         void *ctx, sl_error *err)
{
    again a = {.self = self, .piece = piece, .reader = each, .reader_ctx = ctx};
    SL_TRY(take_client(self, &a.client, err));
    a.polled = sl_alloc(SLI_TAG_SOURCE, KAFKA_AT_ONCE * sizeof *a.polled);
    sl_code rc = a.polled == NULL ? sl_error_nomem(err, KAFKA_AT_ONCE * sizeof *a.polled, "records")
                                  : read_all(&a, each, ctx, err);
    sli_kafka_gate.drop(a.client, LANE);
    sl_free(a.polled);
    keep_client(self, a.client);
    return rc;
}
