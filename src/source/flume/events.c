// events.c — Flume's events as messages: headers, body, and the header that names an event.
#include "source/flume/flume_int.h"

const sli_message_column flume_columns[] = {{"headers", SLI_CELL_HEADERS}, {0}};

static void put_event(flume_events *self, sli_flume_event *event)
{
    sli_message message = {.value = event->body};
    sl_text name, value;
    sli_str_clear(&self->headers);
    while (sli_flume_header_next(&event->headers, &name, &value)) {
        sli_headers_put(&self->headers, (sl_bytes){name.data, name.size},
                        (sl_bytes){value.data, value.size});
        if (self->id_header != NULL && sli_text_is(name, self->id_header)) {
            message.id = (sl_bytes){value.data, value.size};
        }
    }
    message.cells[0] = self->headers.size == 0 ? (sl_bytes){NULL, 0}
                                               : (sl_bytes){self->headers.data, self->headers.size};
    sli_message_put(&self->out, &message, 1);
}

sl_code flume_events_put(flume_events *self, sli_flume_events events, int64_t *n, sl_error *err)
{
    sli_flume_event event;
    sl_code rc;
    sli_str_clear(&self->out);
    for (*n = 0; (rc = sli_flume_event_next(&events, &event, err)) == SL_OK; ++*n) {
        put_event(self, &event);
    }
    rc = rc == SL_E_END ? sli_str_check(&self->headers, "headers of an event", err) : rc;
    rc = rc == SL_OK ? sli_str_check(&self->out, "events", err) : rc;
    if (rc != SL_OK) {
        sli_str_clear(&self->out);
    }
    return rc;
}

void flume_events_reset(flume_events *self)
{
    sli_str_reset(&self->headers);
    sli_str_reset(&self->out);
}
