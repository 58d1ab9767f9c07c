/// event.h — event time in a streaming engine of the simplest kind, and random graphs of it.
///
/// Rows have a time in whole seconds, or none, a key, a value, and a number that is their own. The
/// model keeps every row and looks at all of them in every epoch: no index, no state that is
/// merged, no partitions but the ones that watermarks are about. It shares no code with Sluice.
/// Thread: one.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/event.h"

enum {
    SLT_EVENT_SOURCES = 2,
    SLT_EVENT_NODES = 16,
    SLT_EVENT_ROWS = 400, ///< of a whole run
    SLT_EVENT_LANES = 8,
    SLT_EVENT_EPOCHS = 14,
    SLT_EVENT_INTERVAL = 10, ///< seconds between epochs
};
#define SLT_NO_TIME INT64_MIN

typedef enum slt_event_kind {
    SLT_EV_SOURCE,
    SLT_EV_REPARTITION, ///< into one
    SLT_EV_TIME,        ///< sl_stream_event_time
    SLT_EV_WHERE,       ///< even values
    SLT_EV_UNION,
    SLT_EV_WINDOW,
    SLT_EV_SESSION,
    SLT_EV_DISTINCT,
    SLT_EV_JOIN,
    SLT_EV_LATE,       ///< of operator `a`
    SLT_EV_LATE_RIGHT, ///< of join `a`
    SLT_EV_N_KINDS
} slt_event_kind;

typedef struct slt_event_row {
    int64_t time;
    int64_t k, v;
    int32_t source, lane;
} slt_event_row;

/// One stream. Durations are seconds; inputs have smaller numbers.
typedef struct slt_event_node {
    slt_event_kind kind;
    int32_t a, b;                       ///< inputs; of a source: a is its number
    int64_t delay, idle, silent, ahead; ///< event times
    int64_t size, slide, lateness;      ///< windows; size: a session's gap
    bool update;                        ///< SL_UPDATE
    int64_t lower, upper;               ///< joins
    bool outer[2];
    // What follows from the graph.
    uint32_t sources;   ///< bits: whose rows it may have
    uint32_t times;     ///< bits: the nearest event times above it; 0: none
    bool has_rows;      ///< its rows are rows of sources
    int32_t partitions; ///< only the engine looks at it; 0: the default
} slt_event_node;

/// A stream's rows in an epoch, by number, in order of arrival.
typedef struct slt_event_rows {
    int32_t n, ids[SLT_EVENT_ROWS];
} slt_event_rows;

typedef struct slt_event_lane {
    bool there;
    int32_t source, number;
    int64_t latest, seen; ///< seen: a batch time
} slt_event_lane;

/// What a node remembers.
typedef struct slt_event_memory {
    // event times
    slt_event_lane lanes[SLT_EVENT_LANES];
    int64_t aside_latest, aside_seen, watermark;
    bool silent;
    // operators: of rows by number, for each side
    int32_t taken[2][SLT_EVENT_ROWS];    ///< the epoch in which it was; 0: not
    int64_t taken_at[2][SLT_EVENT_ROWS]; ///< that epoch's watermark
    bool over[2][SLT_EVENT_ROWS];        ///< given, in a closed session, or with a match
    int64_t at, before;                  ///< the operator's watermark, now and an epoch ago
    char *out;                           ///< lines of all epochs
    size_t out_size, out_capacity;
} slt_event_memory;

typedef struct slt_event_model {
    int32_t n_nodes, n_rows, epoch;
    slt_event_node nodes[SLT_EVENT_NODES];
    slt_event_row rows[SLT_EVENT_ROWS];
    slt_event_rows out[SLT_EVENT_NODES]; ///< of the epoch just run
    slt_event_memory memory[SLT_EVENT_NODES];
    int64_t batch_time, since; ///< since: of the first epoch of this life; SLT_NO_TIME: the next
} slt_event_model;

/// Runs an epoch: `in` has the rows of each source. Batch times are seconds.
void slt_event_epoch(slt_event_model *m, int64_t batch_time, const slt_event_rows *in);
/// A new process: silence counts anew.
void slt_event_restart(slt_event_model *m);
/// All lines of a node so far, sorted. The caller frees them; NULL: no memory.
char *slt_event_text(const slt_event_model *m, int32_t node);
void slt_event_forget(slt_event_model *m); ///< all but nodes and rows, before a run

// event_times.c
/// Watermarks of this epoch, from what earlier ones have shown.
void slt_event_watermarks(slt_event_model *m);
/// What this epoch has shown.
void slt_event_observe(slt_event_model *m);
bool slt_event_is_op(const slt_event_node *node); ///< an operator by event time
/// Whether an operator takes a row of this epoch.
bool slt_event_in_time(const slt_event_model *m, int32_t node, const slt_event_row *row);
/// The start of the last window that a time is in.
int64_t slt_event_last_start(const slt_event_node *node, int64_t time);
int64_t slt_event_delay(const slt_event_model *m, const slt_event_node *node); ///< the longest

// event_ops.c: what operators do in this epoch.
void slt_event_run(slt_event_model *m, int32_t node);
void slt_event_line(slt_event_model *m, int32_t node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// ---------------------------------------------------------------- plans

/// A random graph, its input, and the way to run it.
typedef struct slt_event_plan {
    uint64_t seed;
    bool files;   ///< sources are directories, with a checkpoint; else queues of several lanes
    bool crashes; ///< in the midst of epochs: no silence counts, for nobody knows the empty epochs
    int32_t n_sources, n_epochs;
    int32_t slices[SLT_EVENT_EPOCHS][SLT_EVENT_SOURCES];
    slt_event_rows in[SLT_EVENT_EPOCHS][SLT_EVENT_SOURCES];
    bool shown[SLT_EVENT_NODES]; ///< has an output
    const char *master, *backend, *memory, *parallelism;
    slt_event_model model;
} slt_event_plan;

slt_event_plan *slt_event_plan_new(uint64_t seed); ///< NULL: no memory
void slt_event_plan_free(slt_event_plan *plan);
/// Defines the graph, with an output "file:out/N" for each shown node and, of a job that crashes,
/// "file:epochs/S" of each source: batch time in seconds and number of its rows.
void slt_event_define(sl_graph *graph, void *plan);
