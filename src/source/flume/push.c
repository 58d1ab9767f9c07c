// push.c — a door to which agents' Avro sinks send: a batch is answered when the write-ahead log
// has it.
//
// A connection reads frame after frame. A batch becomes messages, is taken, and its answer waits in
// a queue of the door, in the order of taking, until so many bytes are settled; answers carry the
// serial of their request, so the order among connections does not matter. An agent sends the next
// batch when it has the answer; others may have up to MOST_OPEN batches under way, then they are
// not read. What is no batch ends the connection, and the agent sends it again.
#include "net/net.h"
#include "source/flume/flume_int.h"

enum {
    MOST_OPEN = 256,     ///< batches of a connection that wait for the log
    INFLATED = 16 << 10, ///< bytes that are inflated at a time
    FIRST_ANSWERS = 64   ///< room in the queue at first
};

typedef struct push_source push_source;

/// What the door keeps of a connection.
typedef struct push_conn {
    sli_flume_frame frame;
    flume_zip *zip; ///< NULL: as it is
    int32_t n_open; ///< batches that wait
    bool shaken, held;
} push_conn;

/// A batch that waits for the log.
typedef struct push_answer {
    sli_net_conn *conn; ///< NULL: it is gone
    int64_t upto;       ///< of the bytes that were taken
    uint32_t serial;
    sli_flume_match match;
} push_answer;

struct push_source {
    sli_listening door;
    flume_events events;
    push_answer *answers; ///< a ring
    int64_t first, n, capacity;
    int64_t taken;
    bool deflates;
};

static const sl_option options[] = {
    SLI_MESSAGE_OPTION_COLUMNS("headers (all of an event's), or headers.NAME for one"),
    SLI_FLUME_ID_OPTION,
    {.name = "compression",
     .type = SL_OPT_CHOICE,
     .fallback = "none",
     .choices = "none|deflate",
     .text = "As the sinks' compression-type says: deflate is one stream of zlib in each "
             "direction."},
    SLI_NET_OPTIONS,
    {0},
};

static push_source *self_of(sli_source *source)
{
    return (push_source *)source;
}

// ---------------------------------------------------------------- answers

static void send_frame(sli_net_conn *conn, const sli_str *frame)
{
    push_conn *c = sli_net_state(conn);
    sli_str packed = {.tag = SLI_TAG_SOURCE};
    if (frame->failed) {
        sli_net_close(conn, SLI_NET_FAILED);
    } else if (c->zip == NULL) {
        sli_net_send(conn, frame->data, frame->size);
    } else if (flume_zip_out(c->zip, (sl_bytes){frame->data, frame->size}, &packed, NULL) ==
               SL_OK) {
        sli_net_send(conn, packed.data, packed.size);
    } else {
        sli_net_close(conn, SLI_NET_FAILED);
    }
    sli_str_reset(&packed);
}

static void send_answer(sli_net_conn *conn, uint32_t serial, sli_flume_match match)
{
    sli_str frame = {.tag = SLI_TAG_SOURCE};
    sli_flume_answer_put(&frame, serial, match, SLI_FLUME_OK);
    send_frame(conn, &frame);
    sli_str_reset(&frame);
}

static void send_refusal(sli_net_conn *conn, uint32_t serial, sli_flume_match match)
{
    sli_str frame = {.tag = SLI_TAG_SOURCE};
    sli_flume_refusal_put(&frame, serial, match, "no such message: there are append, appendBatch");
    send_frame(conn, &frame);
    sli_str_reset(&frame);
}

static push_answer *answer_at(push_source *self, int64_t i)
{
    return &self->answers[(self->first + i) & (self->capacity - 1)];
}

/// Room for one more, made before its batch is taken.
static sl_code make_room(push_source *self, sl_error *err)
{
    if (self->n < self->capacity) {
        return SL_OK;
    }
    int64_t capacity = self->capacity == 0 ? FIRST_ANSWERS : 2 * self->capacity;
    push_answer *more = sl_alloc_array(SLI_TAG_SOURCE, (size_t)capacity, sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "answers");
    }
    for (int64_t i = 0; i < self->n; i++) {
        more[i] = *answer_at(self, i);
    }
    sl_free(self->answers);
    self->answers = more;
    self->capacity = capacity;
    self->first = 0;
    return SL_OK;
}

static void hold(sli_net_conn *conn, bool held)
{
    push_conn *c = sli_net_state(conn);
    if (c->held != held) {
        c->held = held;
        sli_net_hold(conn, held);
    }
}

static void push_settled(sli_source *source, int64_t bytes)
{
    push_source *self = self_of(source);
    while (self->n > 0 && answer_at(self, 0)->upto <= bytes) {
        push_answer answer = *answer_at(self, 0);
        self->first++;
        self->n--;
        if (answer.conn != NULL) {
            push_conn *c = sli_net_state(answer.conn);
            c->n_open--;
            send_answer(answer.conn, answer.serial, answer.match);
            hold(answer.conn, c->n_open >= MOST_OPEN);
        }
    }
}

// ---------------------------------------------------------------- requests

/// The batch is taken; its answer waits, also when all in it was there already.
static sl_code bring(push_source *self, sli_net_conn *conn, const sli_flume_request *request,
                     sl_error *err)
{
    push_conn *c = sli_net_state(conn);
    int64_t n = 0;
    SL_TRY(make_room(self, err));
    SL_TRY(flume_events_put(&self->events, request->events, &n, err));
    sli_str *out = &self->events.out;
    sli_source_count(&self->door.common, SLI_SOURCE_BYTES, (int64_t)c->frame.text.size);
    self->taken += (int64_t)out->size;
    self->n++;
    *answer_at(self, self->n - 1) =
        (push_answer){conn, self->taken, c->frame.serial, request->match};
    c->n_open++;
    hold(conn, c->n_open >= MOST_OPEN);
    if (n > 0) {
        sli_listening_give(&self->door, out);
    }
    if (self->door.paused) {
        sli_net_pause(self->door.net);
    }
    return SL_OK;
}

static sl_code on_frame(push_source *self, sli_net_conn *conn, sl_error *err)
{
    push_conn *c = sli_net_state(conn);
    sli_flume_request request;
    sl_bytes text = {c->frame.text.data, c->frame.text.size};
    SL_TRY(sli_flume_request_get(text, c->shaken, &request, err));
    c->shaken = c->shaken || request.match != SLI_FLUME_NONE;
    if (request.call == SLI_FLUME_NO_CALL || request.call == SLI_FLUME_OTHER) {
        send_refusal(conn, c->frame.serial, request.match);
    } else {
        SL_TRY(bring(self, conn, &request, err));
    }
    sli_flume_frame_next(&c->frame);
    sli_net_done(conn);
    return SL_OK;
}

/// Reads frames until the bytes are used, or no more are wanted (`stops`). *used: how many.
static sl_code read_frames(push_source *self, sli_net_conn *conn, const char *data, size_t size,
                           bool stops, size_t *used, sl_error *err)
{
    push_conn *c = sli_net_state(conn);
    for (*used = 0; *used < size && !(stops && (c->held || self->door.paused));) {
        size_t n = 0;
        SL_TRY(sli_flume_frame_feed(&c->frame, data + *used, size - *used, &n, err));
        *used += n;
        if (c->frame.whole) {
            SL_TRY(on_frame(self, conn, err));
        }
    }
    return sli_net_keep(conn, (int64_t)c->frame.text.size, err);
}

/// The same of a compressed connection. What was inflated is used, and what zlib still holds of it,
/// a few hundred bytes, is asked for: nobody would ask again.
static sl_code inflate_frames(push_source *self, sli_net_conn *conn, const char *data, size_t size,
                              size_t *used, sl_error *err)
{
    push_conn *c = sli_net_state(conn);
    char piece[INFLATED];
    size_t made = 0, n = 0, ignored = 0;
    *used = 0;
    do {
        bool stops = c->held || self->door.paused;
        SL_TRY(flume_zip_in(c->zip, data + *used, stops ? 0 : size - *used, &n, piece, sizeof piece,
                            &made, err));
        *used += n;
        SL_TRY(read_frames(self, conn, piece, made, false, &ignored, err));
    } while (made == sizeof piece || (n > 0 && *used < size));
    return SL_OK;
}

// ---------------------------------------------------------------- connections

static void on_open(void *ctx, sli_net_conn *conn)
{
    push_source *self = ctx;
    push_conn *c = sli_net_state(conn);
    c->frame.text.tag = SLI_TAG_SOURCE;
    c->frame.limit = sli_net_max_frame(self->door.net);
    if (self->deflates && flume_zip_new(&c->zip, NULL) != SL_OK) {
        sli_net_close(conn, SLI_NET_FAILED);
    }
}

static sl_code on_data(void *ctx, sli_net_conn *conn, const char *data, size_t size, size_t *used,
                       sl_error *err)
{
    push_source *self = ctx;
    const push_conn *c = sli_net_state(conn);
    return c->zip != NULL ? inflate_frames(self, conn, data, size, used, err)
                          : read_frames(self, conn, data, size, true, used, err);
}

/// What it brought stays taken.
static void on_closed(void *ctx, sli_net_conn *conn)
{
    push_source *self = ctx;
    push_conn *c = sli_net_state(conn);
    for (int64_t i = 0; i < self->n && c->n_open > 0; i++) {
        push_answer *answer = answer_at(self, i);
        c->n_open -= answer->conn == conn;
        answer->conn = answer->conn == conn ? NULL : answer->conn;
    }
    sli_flume_frame_reset(&c->frame);
    flume_zip_free(c->zip);
}

static const sli_net_protocol protocol = {.name = "flume",
                                          .state_bytes = sizeof(push_conn),
                                          .open = on_open,
                                          .data = on_data,
                                          .closed = on_closed};

// ---------------------------------------------------------------- the table

static void push_close(sli_source *source)
{
    push_source *self = self_of(source);
    sli_net_close_door(self->door.net);
    sl_free(self->answers);
    flume_events_reset(&self->events);
    sli_source_common_free(&self->door.common);
}

static sl_code open_door(push_source *self, const sli_url *url, const sl_conf *conf, sl_error *err)
{
    if (url->path.size > 1) {
        return sl_error_set(err, SL_E_CONFIG, "the door has no path: flume://localhost:4141");
    }
    SL_TRY(sli_listening_open(&self->door, &protocol, url, conf, err));
    if (sli_net_has_secret(self->door.net)) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option secret: an Avro sink has no place for one; tls.ca lets in "
                            "those alone who show a certificate");
    }
    return SL_OK;
}

static sl_code push_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                         const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(sli_source_alloc(&common, sizeof(push_source), &sli_source_flume, conf, env, NULL, err));
    push_source *self = (push_source *)common;
    self->events = (flume_events){.id_header = sl_conf_text(conf, "id_header"),
                                  .headers = {.tag = SLI_TAG_SOURCE},
                                  .out = {.tag = SLI_TAG_SOURCE}};
    self->deflates = sl_conf_choice(conf, "compression") == 1;
    sl_code rc = open_door(self, url, conf, err);
    if (rc != SL_OK) {
        push_close(&common->base);
        return rc;
    }
    *out = &common->base;
    return SL_OK;
}

static void push_resume(sli_source *source)
{
    push_source *self = self_of(source);
    self->door.paused = false;
    sli_net_resume(self->door.net);
}

const sli_source_ops sli_source_flume = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "flume",
    .text = "Events that Avro sinks of Flume agents send to an address on which it listens, "
            "answered when they are durable: flume://localhost:4141",
    .kind = SLI_SOURCE_RECEIVER,
    .options = options,
    .formatted = true,
    .open = push_open,
    .schema = sli_source_common_schema,
    .start = sli_listening_start,
    .resume = push_resume,
    .stop = sli_listening_stop,
    .ended = sli_listening_ended,
    .format = sli_source_common_format,
    .close = push_close,
    .settled = push_settled,
    .messages = flume_columns,
};
