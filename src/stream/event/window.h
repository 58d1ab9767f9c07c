/// window.h — windows of event time: what their definition resolves to. For node_event_window.c
/// (definition, rows into windows), window_run.c (the work of a task) and window_slices.c (windows
/// that overlap, put together when they close).
#pragma once

#include "stream/event/timed.h"

typedef struct sli_window {
    sli_timed timed;
    int64_t size_us, slide_us;
    bool slices; ///< windows are put together from slices when they close
} sli_window;

enum {
    SLI_MAX_WINDOWS_A_ROW = 1000,
    SLI_START_BYTES = 9 ///< of a key in the table: its first cell, the start
};

static inline const sli_window *sli_window_of(const sli_timed *self)
{
    return (const sli_window *)self;
}
/// The watermark that closes a window.
static inline int64_t sli_window_closes(const sli_window *window, int64_t start_us)
{
    return start_us + window->size_us + window->timed.lateness_us;
}
/// The watermark from which on a row of the table is due: a window's closing, or that of the first
/// window that a slice is in.
static inline int64_t sli_window_due(const sli_window *window, int64_t start_us)
{
    return start_us + (window->slices ? window->slide_us : window->size_us) +
           window->timed.lateness_us;
}
/// Windows of slices that close are given, and slices whose last window has closed leave the table.
sl_code sli_slices_close(sli_timed_task *t, sl_error *err);
/// The work of a task.
sl_code sli_window_run(sli_timed_task *t, sl_error *err);
