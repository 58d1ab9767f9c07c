// What a receiver takes in: bytes become blocks, and with a checkpoint blocks become records of the
// write-ahead log. What is offered of them, read and forgotten is in received.c.
//
// With a checkpoint a block exists only once it is in the write-ahead log: the wal strand cuts what
// is pending, appends it, syncs once, and only then the block may be offered; so a PLAN never names
// bytes that a power loss could take. After a restart the blocks of older lives that no PLAN names
// are offered first, in the log's order.
#include "ingest/ingest_int.h"

enum {
    BLOCK_BYTES = 1 << 20,  ///< pending bytes are cut at this size in any case
    MOST_LOGGED = 32 << 20, ///< max_record, where records go to the write-ahead log
    MOST_SMALL = 4096       ///< blocks that are cut small for a rate, at a time
};

// ---------------------------------------------------------------- blocks, under the mutex

static sl_code add_block(sli_receiver *r, sli_rblock block, sl_error *err)
{
    int64_t n = r->next - r->first;
    if (n == r->capacity) {
        int64_t capacity = r->capacity == 0 ? 64 : r->capacity * 2;
        sli_rblock *more = sl_realloc(SLI_TAG_INGEST, r->blocks, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more,
                                  "the list of received blocks");
        }
        r->blocks = more;
        r->capacity = capacity;
    }
    r->blocks[n] = block;
    r->next++;
    return SL_OK;
}

/// How much of what was taken has come when pending byte `to` had: at least. Where among the
/// pending bytes repeats were dropped is not known.
static int64_t taken_upto(const sli_receiver *r, int64_t to)
{
    int64_t left = (int64_t)r->pending.size - to;
    return r->taken - left - (left > 0 ? r->repeats : 0);
}

static sl_code cut_block(sli_receiver *r, int64_t from, int64_t to, bool open_end, sl_error *err)
{
    sli_buffer *data = sli_buffer_new(to - from);
    if (data == NULL) {
        return sl_error_nomem(err, (size_t)(to - from), "a received block");
    }
    const char *bytes = r->pending.data + from;
    int64_t size = to - from;
    bool half = open_end && r->messages == NULL && bytes[size - 1] != '\n';
    memcpy(sli_buffer_data(data), bytes, (size_t)size);
    sl_code rc = add_block(
        r,
        (sli_rblock){.data = data,
                     .size = size,
                     .rows = sli_ends_count(r->messages != NULL, bytes, size) + (half ? 1 : 0),
                     .upto = taken_upto(r, to)},
        err);
    if (rc != SL_OK) {
        sli_buffer_unref(data);
    }
    return rc;
}

/// Small blocks are not made long before they can be offered: the bytes wait as they are.
static bool has_enough_blocks(const sli_receiver *r)
{
    return r->block_rows > 0 && r->next - r->first >= MOST_SMALL;
}

sl_code sli_receiver_cut(sli_receiver *r, bool all, sl_error *err)
{
    int64_t size = (int64_t)r->pending.size, from = 0;
    bool open_end = all || r->cut;
    int64_t end = open_end ? size : sli_ends_last(r->messages != NULL, r->pending.data, size);
    sl_code rc = SL_OK;
    while (rc == SL_OK && from < end && (open_end || !has_enough_blocks(r))) {
        int64_t to = r->block_rows == 0
                         ? end
                         : from + sli_ends_nth(r->messages != NULL, r->pending.data + from,
                                               end - from, r->block_rows);
        rc = cut_block(r, from, to, open_end, err);
        from = rc == SL_OK ? to : from;
    }
    if (from > 0) {
        memmove(r->pending.data, r->pending.data + from, (size_t)(size - from));
        r->pending.size = (size_t)(size - from);
    }
    r->cut = r->cut && r->pending.size > 0;
    r->repeats = r->pending.size > 0 ? r->repeats : 0;
    return rc;
}

/// Drops what follows the last record end: its rest will not come. Tells how much. Called under the
/// mutex.
static int64_t drop_tail(sli_receiver *r)
{
    int64_t size = (int64_t)r->pending.size;
    bool messages = r->messages != NULL;
    r->cut =
        r->cut || (!messages && size > 0 && r->pending.data[size - 1] == '\r'); // no '\n' comes
    int64_t end = r->cut ? size : sli_ends_last(messages, r->pending.data, size);
    r->pending.size = (size_t)end;
    r->bytes -= size - end;
    return size - end;
}

static void tail_dropped(sli_receiver *r, int64_t size, const char *why)
{
    if (size > 0) {
        sli_budget_release(r->ingest->env.budget, size);
        SLI_LOG(r->ingest->env.log, SLI_WARN, "ingest",
                "%s: %s inside a record: its %lld bytes are dropped", r->uid, why, (long long)size);
    }
}

static int64_t open_bytes(const sli_receiver *r)
{
    return sli_ends_open(r->messages != NULL, r->pending.data, (int64_t)r->pending.size);
}

/// Room for more: bytes go on being taken until max_pending, then the sender is slowed. When all of
/// it is one record without its end, nothing could ever be committed, so that record may grow on,
/// up to max_record. What a rate keeps out of the log is not read ahead either.
static bool has_room(const sli_receiver *r)
{
    bool open = r->bytes == (int64_t)r->pending.size && !r->cut;
    bool fits = r->bytes < r->ingest->max_pending || (open && open_bytes(r) >= r->bytes - 1);
    return fits && !has_enough_blocks(r) && !r->failed;
}

// ---------------------------------------------------------------- records over max_record
//
// The start of such a record, one byte more than allowed at least, becomes the end of a block: the
// decoder finds it malformed there and does what the option `malformed` says, once. The rest is
// dropped as it comes, up to the record's end.

/// Cuts the block that ends with the record's start. A '\r' that ends the bytes stays: what follows
/// tells whether it ends the record.
static sl_code cut_long_record(sli_receiver *r, sl_error *err)
{
    bool half_end = r->pending.data[r->pending.size - 1] == '\r';
    r->pending.size -= half_end ? 1 : 0;
    sl_code rc = sli_receiver_cut(r, true, err);
    if (half_end) {
        sli_str_char(&r->pending, '\r');
    }
    r->dropping = rc == SL_OK;
    return rc;
}

/// Drops pending bytes up to the end of the record that is dropped. Returns how many.
static int64_t drop_rest(sli_receiver *r, bool ended)
{
    int64_t size = (int64_t)r->pending.size, end = sli_text_first_end(r->pending.data, size);
    bool half_end = size > 0 && r->pending.data[size - 1] == '\r';
    int64_t drop = end > 0 ? end : ended ? size : size - (half_end ? 1 : 0);
    r->dropping = end == 0 && !ended;
    memmove(r->pending.data, r->pending.data + drop, (size_t)(size - drop));
    r->pending.size = (size_t)(size - drop);
    r->bytes -= drop;
    return drop;
}

static void repeats_dropped(sli_receiver *r, int64_t n, int64_t bytes)
{
    if (n > 0) {
        sli_budget_release(r->ingest->env.budget, bytes);
        sli_metric_add(sli_receiver_metric(r, SLI_INGEST_REPEATS), n);
    }
}

static void rest_dropped(sli_receiver *r, int64_t size, bool begins)
{
    if (begins) {
        SLI_LOG(r->ingest->env.log, SLI_WARN, "ingest",
                "%s: a record of more than max_record (%lld bytes): what follows of it is dropped",
                r->uid, (long long)r->max_record);
    }
    if (size > 0) {
        sli_budget_release(r->ingest->env.budget, size);
        sli_metric_add(sli_receiver_metric(r, SLI_INGEST_DROPPED), size);
    }
}

// ---------------------------------------------------------------- the wal strand

/// Appends the block `number` (its bytes are held by the caller's reference).
static sl_code append_block(sli_receiver *r, int64_t number, sli_buffer *data, sl_error *err)
{
    int64_t given = 0;
    sl_bytes record = {sli_buffer_bytes(data), (size_t)sli_buffer_size(data)};
    SL_TRY(sli_wal_append(r->wal, record, &given, err));
    SL_ASSERT(given == number, "blocks and records of the write-ahead log are numbered alike");
    return SL_OK;
}

/// The next block that is not in the log, cut first when there is none. NULL: nothing to do.
static sl_code next_unlogged(sli_receiver *r, int64_t *number, sli_buffer **data, sl_error *err)
{
    sl_code rc = SL_OK;
    *data = NULL;
    *number = sli_wal_next(r->wal);
    sli_mutex_lock(&r->mutex);
    if (*number == r->next) {
        rc = sli_receiver_cut(r, false, err);
    }
    if (rc == SL_OK &&
        *number < r->first) { // only what is in the log may be planned, and forgotten
        rc = sl_error_set(err, SL_E_CORRUPT,
                          "received block %lld was forgotten before it was in the write-ahead log",
                          (long long)*number);
    }
    if (rc == SL_OK && *number < r->next) {
        *data = sli_buffer_ref(r->blocks[*number - r->first].data);
    }
    sli_mutex_unlock(&r->mutex);
    return rc;
}

static void publish_synced(sli_receiver *r, int64_t upto)
{
    sli_mutex_lock(&r->mutex);
    r->synced = upto;
    if (upto > r->first) { // what is forgotten was told before
        int64_t settled = r->blocks[upto - 1 - r->first].upto;
        r->settled = settled > r->settled ? settled : r->settled;
    }
    sli_mutex_unlock(&r->mutex);
    if (r->ingest->env.arrived != NULL) {
        r->ingest->env.arrived(r->ingest->env.arrived_ctx);
    }
}

/// They may have been synced and their ids not.
static bool is_published(sli_receiver *r, int64_t upto)
{
    sli_mutex_lock(&r->mutex);
    bool published = r->synced == upto;
    sli_mutex_unlock(&r->mutex);
    return published;
}

/// What is there and not in the log is appended. *bytes: how much.
static sl_code append_all(sli_receiver *r, int64_t *bytes, sl_error *err)
{
    int64_t number = 0;
    sli_buffer *data = NULL;
    sl_code rc = SL_OK;
    for (;;) {
        rc = next_unlogged(r, &number, &data, err);
        if (rc != SL_OK || data == NULL) {
            return rc;
        }
        rc = append_block(r, number, data, err);
        if (rc == SL_OK && r->messages != NULL) {
            sli_ids_note(&r->ids, data);
        }
        *bytes += rc == SL_OK ? sli_buffer_size(data) : 0;
        sli_buffer_unref(data);
        if (rc != SL_OK) {
            return rc;
        }
    }
}

/// 0 when nobody wants to know.
static int64_t now(const sli_receiver *r)
{
    return sli_metrics_time_us(r->ingest->env.metrics, SLI_EV_BIT(SLI_EV_WAL_SYNCED));
}

/// For traces; `event` has thread and bytes.
static void tell_sync(sli_receiver *r, sli_event *event, int64_t begun_us, sl_code rc)
{
    event->kind = SLI_EV_WAL_SYNCED;
    event->mono_us = now(r);
    event->duration_us = event->mono_us - begun_us;
    event->code = rc;
    if (rc == SL_OK) {
        sli_event_text(event, r->uid);
    }
    sli_metrics_emit(r->ingest->env.metrics, event);
}

/// Blocks first: an id that is known in later lives is that of a message which they have.
static sl_code sync_log(sli_receiver *r, sl_error *err)
{
    SL_TRY(sli_wal_sync(r->wal, err));
    return r->messages == NULL ? SL_OK : sli_ids_log(&r->ids, sli_wal_synced(r->wal), err);
}

/// Everything that is there goes into the log, with one sync.
static sl_code flush(sli_receiver *r, sli_event_thread thread, sl_error *err)
{
    int64_t logged = sli_wal_next(r->wal), begun_us = now(r);
    sli_event event = {.thread = thread};
    sl_code rc = append_all(r, &event.bytes, err);
    bool nothing = sli_wal_next(r->wal) == logged && sli_wal_synced(r->wal) == logged;
    if (nothing && is_published(r, logged)) {
        return rc;
    }
    if (sli_env_bug(r->ingest->env.env, "ack-before-wal-sync")) {
        publish_synced(r, sli_wal_next(r->wal));
    }
    sl_code synced = sync_log(r, rc == SL_OK ? err : NULL);
    if (synced == SL_OK) {
        sli_metric_add(sli_receiver_metric(r, SLI_INGEST_SYNCS), 1);
        publish_synced(r, sli_wal_synced(r->wal));
    }
    rc = rc == SL_OK ? synced : rc;
    tell_sync(r, &event, begun_us, rc);
    return rc;
}

/// A full disk stops the reading, not the job: the bytes stay pending and are tried again. Anything
/// else is final.
static void note_outcome(sli_receiver *r, sl_code rc, const sl_error *error)
{
    sli_mutex_lock(&r->mutex);
    r->syncing = false;
    if (rc != SL_OK && rc != SL_E_NO_SPACE && !r->failed) {
        r->failed = true;
        r->error = *error;
    }
    sli_mutex_unlock(&r->mutex);
    if (rc == SL_E_NO_SPACE) {
        sli_metric_add(sli_receiver_metric(r, SLI_INGEST_FULL), 1);
        SLI_LOG(r->ingest->env.log, SLI_WARN, "ingest",
                "%s: no room for the write-ahead log, reading stops: %s", r->uid, error->text);
    }
    atomic_store_explicit(&r->wants_turn, 1, memory_order_release);
    sli_loop_wake(r->ingest->env.loop);
}

static void flush_on_strand(void *ctx)
{
    sli_receiver *r = ctx;
    sl_error error = SL_ERROR_INIT;
    sl_code rc = flush(r, SLI_ON_WAL, &error);
    note_outcome(r, rc, &error);
}

// ---------------------------------------------------------------- io

static void on_timer(void *ctx, int32_t ready);

/// Sends what is pending to the log, not more often than the block interval allows; messages at
/// once, since somebody waits for their acknowledgement: what comes during a sync shares the next.
/// Thread: io.
static void schedule_flush(sli_receiver *r)
{
    int64_t now = sli_env_mono_us(r->ingest->env.env);
    bool at_once = r->messages != NULL && !r->ingest->block_interval_given;
    int64_t at = at_once ? now : r->last_flush_us + r->ingest->block_interval_us;
    if (r->wal == NULL || r->timer_set || r->stopped) {
        return;
    }
    r->timer_set =
        sli_loop_timer(r->ingest->env.loop, at > now ? at : now, on_timer, r, NULL) == SL_OK;
}

static void start_flush(sli_receiver *r)
{
    sli_mutex_lock(&r->mutex);
    bool start = !r->syncing && !r->failed;
    r->syncing = r->syncing || start;
    sli_mutex_unlock(&r->mutex);
    if (start && !sli_strand_post(r->ingest->wal_strand, flush_on_strand, r)) {
        sli_mutex_lock(&r->mutex);
        r->syncing = false; // the next timer tries again
        sli_mutex_unlock(&r->mutex);
    }
}

static void on_timer(void *ctx, int32_t ready)
{
    sli_receiver *r = ctx;
    (void)ready;
    r->timer_set = false;
    r->last_flush_us = sli_env_mono_us(r->ingest->env.env);
    start_flush(r);
}

/// More waits for the log than is in it.
static bool has_unlogged(sli_receiver *r)
{
    sli_mutex_lock(&r->mutex);
    bool more = r->synced < r->next || r->cut ||
                (r->pending.size > 0 &&
                 sli_ends_last(r->messages != NULL, r->pending.data, (int64_t)r->pending.size) > 0);
    sli_mutex_unlock(&r->mutex);
    return more;
}

/// What became of bytes that were added: how many were dropped, and why.
typedef struct taken {
    int64_t tail, rest; ///< of a record that its connection's end cut off; of one over max_record
    int64_t repeats, repeat_bytes; ///< messages whose ids are known
    bool long_record;              ///< such a one was found
} taken;

/// Adds those messages to the pending ones that are not known. Called under the mutex.
static sl_code add_messages(sli_receiver *r, const char *data, int64_t size, taken *out,
                            sl_error *err)
{
    int64_t from = 0, at = 0;
    while (at < size) {
        sl_bytes id;
        int64_t n = sli_message_id(data + at, size - at, &id);
        SL_ASSERT(n > 0, "receivers of messages give whole ones");
        if (id.size > 0 && sli_ids_know(&r->ids, id)) {
            sli_str_add(&r->pending, data + from, (size_t)(at - from));
            from = at + n;
            out->repeats++;
            out->repeat_bytes += n;
        } else if (id.size > 0) {
            SL_TRY(sli_ids_add(&r->ids, id, err));
        }
        at += n;
    }
    sli_str_add(&r->pending, data + from, (size_t)(size - from));
    r->bytes -= out->repeat_bytes;
    r->repeats += r->pending.size > 0 ? out->repeat_bytes : 0;
    return SL_OK;
}

/// Adds bytes to the pending ones, and cuts a block when it is time. Called under the mutex.
static sl_code add_bytes(sli_receiver *r, const void *data, size_t size, sli_tail tail, taken *out,
                         sl_error *err)
{
    r->bytes += (int64_t)size;
    r->taken += (int64_t)size;
    if (r->messages != NULL) {
        SL_TRY(add_messages(r, data, (int64_t)size, out, err));
    } else {
        sli_str_add(&r->pending, data, size);
    }
    SL_TRY(sli_str_check(&r->pending, "received bytes", err));
    if (r->dropping) {
        out->rest = drop_rest(r, tail != SLI_TAIL_OPEN);
    }
    r->cut = tail == SLI_TAIL_ENDED && r->pending.size > 0;
    if (tail == SLI_TAIL_LOST) {
        out->tail = drop_tail(r);
    }
    if (r->cut || r->pending.size >= BLOCK_BYTES) {
        SL_TRY(sli_receiver_cut(r, false, err));
    }
    out->long_record = (int64_t)r->pending.size > r->max_record && open_bytes(r) > r->max_record;
    return out->long_record ? cut_long_record(r, err) : SL_OK;
}

static bool take(void *ctx, const void *data, size_t size, sli_tail tail)
{
    sli_receiver *r = ctx;
    sl_error error = SL_ERROR_INIT;
    taken did = {0};
    // Counted before anybody can see the bytes: an epoch may take, commit and release them at once.
    (void)sli_budget_reserve(r->ingest->env.budget, (int64_t)size, true);
    sli_mutex_lock(&r->mutex);
    sl_code rc = add_bytes(r, data, size, tail, &did, &error);
    if (rc != SL_OK && !r->failed) {
        r->failed = true;
        r->error = error;
    }
    bool room = has_room(r);
    r->paused = !room;
    int64_t held = r->bytes;
    sli_mutex_unlock(&r->mutex);
    tail_dropped(r, did.tail, "the connection broke");
    rest_dropped(r, did.rest, did.long_record);
    repeats_dropped(r, did.repeats, did.repeat_bytes);
    sli_metric_add(sli_receiver_metric(r, SLI_INGEST_BYTES), (int64_t)size);
    sli_metric_set(sli_receiver_metric(r, SLI_INGEST_PENDING), held);
    if (!room) {
        sli_metric_add(sli_receiver_metric(r, SLI_INGEST_PAUSES), 1);
    }
    schedule_flush(r);
    return room;
}

/// Tells the source what is durable, when it wants to know.
static void tell_settled(sli_receiver *r)
{
    if (r->inner->ops->settled == NULL) {
        return;
    }
    sli_mutex_lock(&r->mutex);
    if (r->wal == NULL) {
        r->settled = r->taken;
    } else if (r->synced == r->next && r->pending.size == 0) {
        r->settled = r->taken; // what was dropped at its end, too
    }
    int64_t settled = r->settled;
    sli_mutex_unlock(&r->mutex);
    r->inner->ops->settled(r->inner, settled);
}

/// What has ended the source for good ends the next epoch.
static void hear_failure(sli_receiver *r)
{
    sl_error error = SL_ERROR_INIT;
    if (r->inner->ops->failed == NULL || r->inner->ops->failed(r->inner, &error) == SL_OK) {
        return;
    }
    sli_mutex_lock(&r->mutex);
    if (!r->failed) {
        r->failed = true;
        r->error = error;
    }
    sli_mutex_unlock(&r->mutex);
}

void sli_receiver_turn(sli_receiver *r)
{
    if (!r->stopped) {
        if (r->inner->ops->turn != NULL) {
            r->inner->ops->turn(r->inner);
        }
        hear_failure(r);
        tell_settled(r);
    }
    if (atomic_load_explicit(&r->wants_turn, memory_order_acquire) == 0 || r->stopped) {
        return;
    }
    atomic_store_explicit(&r->wants_turn, 0, memory_order_relaxed);
    if (r->wal != NULL && has_unlogged(r)) {
        schedule_flush(r);
    }
    sli_mutex_lock(&r->mutex);
    bool resume = r->paused && has_room(r);
    r->paused = r->paused && !resume;
    sli_mutex_unlock(&r->mutex);
    if (resume) {
        r->inner->ops->resume(r->inner);
    }
}

sl_code sli_receiver_start(sli_receiver *r, sl_error *err)
{
    // Also what comes before the first epoch is cut for its limit.
    (void)sli_ingest_limit(r->ingest, &r->base, r->ingest->env.interval_us);
    return r->inner->ops->start(r->inner, r->ingest->env.loop, take, r, err);
}

sl_code sli_receiver_stop(sli_receiver *r, sl_error *err)
{
    if (r->stopped) {
        return SL_OK;
    }
    r->inner->ops->stop(r->inner); // may hand over its last bytes
    r->stopped = true;
    (void)!sli_loop_timer(r->ingest->env.loop, SLI_FOREVER, on_timer, r,
                          NULL); // removing can't fail
    // What no record end closes is no record: its rest would go to a connection that is no more. A
    // stream that has ended had its last record cut already.
    sli_mutex_lock(&r->mutex);
    r->block_rows = 0; // the end waits for no rate, and all is to be in the log
    int64_t rest = r->dropping ? drop_rest(r, true) : 0;
    int64_t dropped = drop_tail(r);
    sli_mutex_unlock(&r->mutex);
    rest_dropped(r, rest, false);
    tail_dropped(r, dropped, "stopped");
    sl_code rc = r->wal == NULL ? SL_OK : flush(r, SLI_ON_DRIVER, err);
    if (rc == SL_OK) {
        tell_settled(r); // who waits for its acknowledgement gets it
    }
    return rc;
}

bool sli_receiver_drained(sli_receiver *r)
{
    if (r->inner->ops->ended == NULL || !r->inner->ops->ended(r->inner)) {
        return false;
    }
    sli_mutex_lock(&r->mutex);
    bool drained = r->pending.size == 0 && r->offered == r->next;
    sli_mutex_unlock(&r->mutex);
    return drained;
}

// ---------------------------------------------------------------- making and freeing

/// Blocks of older lives that are still in the log: they are offered before anything new.
static sl_code adopt_log(sli_receiver *r, sl_error *err)
{
    SL_TRY(sli_wal_open(&r->wal, r->ingest->env.ckpt, r->uid, err));
    r->first = r->next = sli_wal_first(r->wal);
    int64_t end = sli_wal_next(r->wal);
    if (sli_env_bug(r->ingest->env.env, "unplanned-wal-dropped")) {
        r->first = r->next = end;
    }
    while (r->next < end) {
        SL_TRY(add_block(r, (sli_rblock){NULL, 0, -1, 0}, err));
    }
    r->synced = end;
    r->offered = r->first;
    return r->messages == NULL ? SL_OK
                               : sli_ids_adopt(&r->ids, r->ingest->env.ckpt, r->uid, r->wal, err);
}

/// A block may hold a record and what one read brings, and is one record of the log.
static sl_code check_max_record(const sli_receiver *r, sl_error *err)
{
    if (r->ingest->env.ckpt == NULL || r->max_record <= MOST_LOGGED) {
        return SL_OK;
    }
    return sl_error_set(
        err, SL_E_CONFIG,
        "receiver %s: max_record of %lld bytes; with a checkpoint a received record "
        "has at most %d",
        r->uid, (long long)r->max_record, MOST_LOGGED);
}

sl_code sli_receiver_new(sli_receiver **out, sli_ingest *ingest, sli_source *inner, const char *uid,
                         sl_error *err)
{
    sli_receiver *r = sl_alloc_zero(SLI_TAG_INGEST, sizeof *r);
    if (r == NULL) {
        sli_source_close(inner);
        return sl_error_nomem(err, sizeof *r, "a receiver");
    }
    r->base.ops = &sli_receiver_ops;
    r->ingest = ingest;
    r->inner = inner;
    r->pending.tag = SLI_TAG_INGEST;
    r->last_flush_us = INT64_MIN / 2;
    sli_mutex_init(&r->mutex, SLI_RANK_RECEIVER);
    r->format = inner->ops->format(inner, &r->format_conf);
    r->max_record = sl_conf_int64(r->format_conf, "max_record");
    r->messages = inner->ops->messages;
    r->ids = (sli_ids){
        .most = ingest->most_ids, .budget = ingest->env.budget, .unlogged.tag = SLI_TAG_INGEST};
    r->uid = sl_strdup(SLI_TAG_INGEST, uid);
    sl_code rc = r->uid == NULL ? sl_error_nomem(err, strlen(uid), "a receiver's name")
                                : check_max_record(r, err);
    if (rc == SL_OK && ingest->env.ckpt != NULL) {
        rc = adopt_log(r, err);
    }
    if (rc != SL_OK) {
        sli_receiver_free(r);
        return rc;
    }
    *out = r;
    return SL_OK;
}

void sli_receiver_free(sli_receiver *r)
{
    if (!r->stopped && r->ingest->started) {
        r->inner->ops->stop(r->inner);
        (void)!sli_loop_timer(r->ingest->env.loop, SLI_FOREVER, on_timer, r,
                              NULL); // removing can't fail
    }
    for (int64_t i = 0; i < r->next - r->first; i++) {
        sli_buffer_unref(r->blocks[i].data);
    }
    sli_budget_release(r->ingest->env.budget, r->bytes);
    sl_free(r->blocks);
    sli_str_reset(&r->pending);
    sli_ids_reset(&r->ids);
    if (r->wal != NULL) {
        sli_wal_close(r->wal);
    }
    sli_source_close(r->inner);
    sli_mutex_reset(&r->mutex);
    sl_free(r->uid);
    sl_free(r);
}
