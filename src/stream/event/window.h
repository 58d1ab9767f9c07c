/// window.h — windows of event time: what their definition resolves to. For node_event_window.c
/// (definition, rows into windows) and window_run.c (the work of a task).
#pragma once

#include "stream/event/timed.h"

typedef struct sli_window {
    sli_timed timed;
    int64_t size_us, slide_us;
} sli_window;

static inline const sli_window *sli_window_of(const sli_timed *self)
{
    return (const sli_window *)self;
}
/// The watermark that closes a window.
static inline int64_t sli_window_closes(const sli_window *window, int64_t start_us)
{
    return start_us + window->size_us + window->timed.lateness_us;
}
/// The work of a task.
sl_code sli_window_run(sli_timed_task *t, sl_error *err);
