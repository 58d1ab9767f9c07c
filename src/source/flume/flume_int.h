/// flume_int.h — what the two doors of Flume share: events to messages.
#pragma once

#include "flume/flume.h"
#include "source/message.h"
#include "source/source_int.h"

extern const sli_message_column flume_columns[];

#define SLI_FLUME_ID_OPTION                                                                        \
    {                                                                                              \
        .name = "id_header", .type = SL_OPT_TEXT,                                                  \
        .text = "Header that names an event, unique among all agents of the stream (an "           \
                "interceptor of the agent makes it): an event that comes again is dropped and "    \
                "counted. Without it what an agent sends twice is there twice."                    \
    }

/// Makes messages of events. Thread: one at a time.
typedef struct flume_events {
    const char *id_header; ///< NULL: none
    sli_str headers, out;  ///< of one event; messages of a batch
} flume_events;

/// Replaces `out` by messages of these events. *n: how many. Fails: SL_E_DATA when they are none;
/// SL_E_NOMEM. Then `out` is empty.
sl_code flume_events_put(flume_events *self, sli_flume_events events, int64_t *n, sl_error *err);
void flume_events_reset(flume_events *self);

// ---------------------------------------------------------------- compression (zip.c)

/// One stream of zlib in each direction, for a whole connection.
typedef struct flume_zip flume_zip;
sl_code flume_zip_new(flume_zip **out, sl_error *err);
void flume_zip_free(SL_TAKES flume_zip *zip); ///< accepts NULL
/// Inflates what fits into `out`. *used of the input, *made of the output. Both 0 and SL_OK: more
/// input is needed. Fails: SL_E_DATA; SL_E_NOMEM.
sl_code flume_zip_in(flume_zip *zip, const void *data, size_t size, size_t *used, char *out,
                     size_t room, size_t *made, sl_error *err);
/// Appends `data`, deflated and flushed, so that the other side can read all of it.
sl_code flume_zip_out(flume_zip *zip, sl_bytes data, sli_str *out, sl_error *err);
