/// flume.h — Avro IPC as Flume speaks it, in bytes: what an agent's Avro sink asks of whoever
/// listens, and what Spark's sink inside an agent (the one that waits to be asked) answers.
///
///     frame     := u32 serial, u32 n, n * (u32 size, bytes)        big-endian; the bytes are one
///     text request   := [handshake] meta name parameters                the handshake until one
///     has matched answer    := [handshake] meta (0 value | 1 error)
///
/// Pure functions: no sockets, no clock. Bytes come from anybody, so each length is held against
/// what is left before anything is made of it, and a frame against a limit before it is kept.
/// Everything else is Avro's binary encoding. README.md has both protocols.
#pragma once

#include "base/bytes.h"

// ---------------------------------------------------------------- frames (frame.c)

/// A frame on its way in: bytes go in as they come, its text comes out. Zeroed, but for `limit`,
/// before the first; Thread: one at a time.
typedef struct sli_flume_frame {
    int64_t limit; ///< most bytes of a frame, lengths included
    sli_str text;  ///< the buffers one behind the other
    uint32_t serial;
    bool whole; ///< `text` is the whole frame's
    // ---- of the reading
    uint8_t front[8];
    int32_t n_front;
    bool in_buffers;
    uint32_t n_left;    ///< buffers to come
    uint32_t size_left; ///< bytes of the present one to come
    int64_t size;
} sli_flume_frame;

/// Reads on, at most to the end of the frame. *used: how many bytes it took. Fails: SL_E_NO_SPACE
/// when the frame is over the limit, as soon as that is known; SL_E_NOMEM. Then the frame is lost.
sl_code sli_flume_frame_feed(sli_flume_frame *frame, const void *data, size_t size, size_t *used,
                             sl_error *err);
/// Whether it has begun, and is not whole.
bool sli_flume_frame_is_open(const sli_flume_frame *frame);
void sli_flume_frame_next(sli_flume_frame *frame);  ///< the text was used: another may come
void sli_flume_frame_reset(sli_flume_frame *frame); ///< frees its memory
/// Appends a frame.
void sli_flume_frame_put(sli_str *out, uint32_t serial, sl_bytes text);

// ---------------------------------------------------------------- events (event.c)

/// A list of events in a text, being gone through.
typedef struct sli_flume_events {
    const char *data;
    int64_t at, to;
    int64_t n_left; ///< of the block of the list; -1: one event that is no list
} sli_flume_events;

/// One event: pointers into the text.
typedef struct sli_flume_event {
    sli_flume_events headers; ///< for sli_flume_header_next
    sl_bytes body;
} sli_flume_event;

/// Begins with the list at the start of `text`, or, when `single`, with one event.
sli_flume_events sli_flume_events_of(sl_bytes text, bool single);
/// The next event. SL_E_END behind the last, when the text ends there too. SL_E_DATA: no events, or
/// more than them; the reason is in *err.
sl_code sli_flume_event_next(sli_flume_events *events, sli_flume_event *out, sl_error *err);
/// The next header of an event that was read. False behind the last.
bool sli_flume_header_next(sli_flume_events *headers, sl_text *name, sl_text *value);

// ---------------------------------------------------------------- the agent asks (server.c)

typedef enum sli_flume_status {
    SLI_FLUME_OK = 0,
    SLI_FLUME_FAILED = 1, ///< the agent sends the same again, later
} sli_flume_status;

/// What an answer has to say of a handshake.
typedef enum sli_flume_match {
    SLI_FLUME_BOTH = 0,   ///< both sides know both protocols
    SLI_FLUME_CLIENT = 1, ///< it has another text of ours: we tell it
    SLI_FLUME_NONE = 2,   ///< we have not its text: it shall ask again, with it
    SLI_FLUME_SHAKEN = 3, ///< there was none, since one has matched before
} sli_flume_match;

typedef enum sli_flume_call {
    SLI_FLUME_NO_CALL = 0, ///< the handshake did not match; nothing else was read
    SLI_FLUME_APPEND,      ///< one event
    SLI_FLUME_APPEND_BATCH,
    SLI_FLUME_OTHER, ///< a message that the protocol has not
} sli_flume_call;

typedef struct sli_flume_request {
    sli_flume_match match;
    sli_flume_call call;
    sl_text name;            ///< of the message
    sli_flume_events events; ///< of append and appendBatch: not looked into yet
} sli_flume_request;

/// Reads a request up to its events. `shaken`: a handshake has matched on this connection. Fails:
/// SL_E_DATA with the reason.
sl_code sli_flume_request_get(sl_bytes text, bool shaken, sli_flume_request *out, sl_error *err);
/// Appends the frame that answers a request of that serial.
void sli_flume_answer_put(sli_str *out, uint32_t serial, sli_flume_match match,
                          sli_flume_status status);
/// The same, with an error in place of a status; without its text to a handshake that did not
/// match.
void sli_flume_refusal_put(sli_str *out, uint32_t serial, sli_flume_match match, const char *text);

// ---------------------------------------------------------------- we ask (client.c)

/// Appends a request frame. `shaken`: as above; the first request of a connection is not.
void sli_flume_ask_batch(sli_str *out, uint32_t serial, bool shaken, int32_t most);
void sli_flume_ask_ack(sli_str *out, uint32_t serial, bool shaken, sl_text sequence);
void sli_flume_ask_nack(sli_str *out, uint32_t serial, bool shaken, sl_text sequence);

/// What a sink has given: pointers into the text.
typedef struct sli_flume_batch {
    sl_text error;           ///< "": none
    sl_text sequence;        ///< by which it is acknowledged
    sli_flume_events events; ///< not looked into yet
} sli_flume_batch;

/// Reads the answer to a batch. Fails: SL_E_DATA for what is none; SL_E_IO with the other side's
/// error, and when it does not know our protocol.
sl_code sli_flume_batch_get(sl_bytes text, bool shaken, sli_flume_batch *out, sl_error *err);
/// Reads the answer to an ack or nack. Fails: as above.
sl_code sli_flume_acked_get(sl_bytes text, bool shaken, sl_error *err);
