/// metrics.h — counters, gauges and histograms, and the event stream of epochs, stages and tasks.
///
/// Metrics are declared in tables and live in a registry per context. Events are a bounded ring
/// that listeners drain on the driver; nothing in a result depends on either. Listeners: progress
/// lines, Prometheus text, traces, later the UI.
#pragma once

#include "base/str.h"
#include "env/env.h"
#include "sluice/listener.h"

#define SLI_METRIC_APART "\x1f" ///< between the values of several labels

typedef struct sli_metrics sli_metrics;
typedef struct sli_metric sli_metric; ///< one series: a metric with its label value

typedef enum sli_metric_kind { SLI_COUNTER = 1, SLI_GAUGE, SLI_HISTOGRAM } sli_metric_kind;

/// A declaration. A table ends with a zero entry and outlives the registry; two with one name are
/// the same metric (asserted: same kind and label). Names as Prometheus wants:
/// "sluice_epochs_total".
typedef struct sli_metric_info {
    const char *name;
    sli_metric_kind kind;
    const char *label; ///< the label's name ("source", "sink", "uid"), or NULL; or the names of
                       ///< several, as "source,topic,partition"
    const char *unit; ///< "seconds": values are microseconds, shown divided by 10^6; anything else:
                      ///< shown as they are
    const char *text;
} sli_metric_info;

sl_code sli_metrics_new(sli_metrics **out, sl_env *env, sl_error *err);
void sli_metrics_free(SL_TAKES sli_metrics *metrics);
/// The series of `info` with this label value (NULL when the metric has none; of several labels
/// their values in order, SLI_METRIC_APART between them); made at the first
/// call, at most 10,000 series. Never NULL: past the limit, a shared overflow series. Thread: any.
/// Keep the pointer; it lives as long as `metrics`.
sli_metric *sli_metrics_series(sli_metrics *metrics, const sli_metric_info *info,
                               const char *label);
void sli_metric_add(sli_metric *metric, int64_t n);     ///< counters and gauges. Thread: any
void sli_metric_set(sli_metric *metric, int64_t value); ///< gauges
void sli_metric_observe(sli_metric *metric,
                        int64_t value_us); ///< histograms: log-linear buckets, 5 % relative error
int64_t sli_metric_value(const sli_metric *metric); ///< of a histogram: how many values it has seen
int64_t sli_metric_quantile(const sli_metric *metric, double q); ///< histograms; 0 when empty
/// Prometheus text format 0.0.4 of everything, sorted by name then label.
sl_code sli_metrics_prometheus(const sli_metrics *metrics, sli_str *out, sl_error *err);

// ---------------------------------------------------------------- events

typedef enum sli_event_kind {
    SLI_EV_JOB_STARTED = 1,
    SLI_EV_JOB_STOPPED,
    SLI_EV_EPOCH_PLANNED,
    SLI_EV_EPOCH_STARTED,
    SLI_EV_EPOCH_COMPLETED,
    SLI_EV_GROUP_SEALED,
    SLI_EV_LOG_SYNCED,
    SLI_EV_GROUP_COMMITTED,
    SLI_EV_STAGE_STARTED,
    SLI_EV_STAGE_COMPLETED,
    SLI_EV_TASK_STARTED,
    SLI_EV_TASK_COMPLETED,
    SLI_EV_RECEIVER_STARTED,
    SLI_EV_RECEIVER_ERROR,
    SLI_EV_RECEIVER_STOPPED,
    SLI_EV_WAL_SYNCED,
    SLI_EV_SNAPSHOT,
    SLI_EV_RECOVERED,
} sli_event_kind;

/// The thread of control that did what an event tells.
typedef enum sli_event_thread {
    SLI_ON_DRIVER = 0,
    SLI_ON_WRITER,
    SLI_ON_COMMITTER,
    SLI_ON_COMPACTOR,
    SLI_ON_WAL,
    SLI_ON_WORKER, ///< number `worker`
} sli_event_thread;

/// One event; plain values only. Fields that don't apply are 0, or -1 for numbers of things.
typedef struct sli_event {
    sli_event_kind kind;
    sli_event_thread thread;
    int64_t mono_us; ///< of what took time, its end
    int64_t epoch, batch_time_us, group;
    int32_t stage, partition, attempt, worker;
    int64_t rows, bytes, duration_us, delay_us;
    sl_code code;
    uint32_t source; ///< receivers: sli_event_source of its uid
    char text[96];   ///< uid, source or first words of the error
} sli_event;

/// Tells the sources of a job apart in events: the low half of the hash of the uid.
uint32_t sli_event_source(const char *uid);

/// Takes the whole characters at the front of `text` that there is room for.
void sli_event_text(sli_event *event, const char *text);

typedef void (*sli_event_fn)(void *ctx, const sli_event *event);
/// Adds a listener for every kind of event; called on the thread that drains. At most 16. Fails:
/// SL_E_INVALID.
sl_code sli_metrics_listen(sli_metrics *metrics, sli_event_fn fn, void *ctx, sl_error *err);
/// As sli_metrics_listen, for some kinds only: `kinds` is a sum of SLI_EV_BIT(kind). Others cost
/// this listener nothing.
sl_code sli_metrics_listen_some(sli_metrics *metrics, uint32_t kinds, sli_event_fn fn, void *ctx,
                                sl_error *err);
/// Ends what one of the two began: no call of `fn` with `ctx` comes any more. Nothing happens when
/// there is none. Thread: driver.
void sli_metrics_unlisten(sli_metrics *metrics, sli_event_fn fn, const void *ctx);
#define SLI_EV_BIT(kind) (1U << (kind))
#define SLI_EV_ALL UINT32_MAX
#define SLI_EV_TASKS (SLI_EV_BIT(SLI_EV_TASK_STARTED) | SLI_EV_BIT(SLI_EV_TASK_COMPLETED))
/// True when anybody listens for one of `kinds` (so that a hot path can skip making them).
bool sli_metrics_wants(const sli_metrics *metrics, uint32_t kinds);
/// The mono time when anybody listens for one of `kinds`, else 0: for times that only events have.
int64_t sli_metrics_time_us(const sli_metrics *metrics, uint32_t kinds);
/// Queues an event (ring of 65,536; the oldest go when it is full, and are counted). What nobody
/// listens for is not queued. A `mono_us` of 0 is replaced by the time of the call. Thread: any.
void sli_metrics_emit(sli_metrics *metrics, const sli_event *event);
/// Hands the events queued so far to the listeners, in the order of emit; those that a listener
/// emits wait for the next call. Thread: driver.
void sli_metrics_drain(sli_metrics *metrics);

// ---------------------------------------------------------------- traces

/// The largest file of a trace.
enum { SLI_TRACE_MAX_BYTES = 256 << 20 };

typedef struct sli_trace sli_trace;
/// Writes a timeline of epochs, stages, tasks and what follows them to `path` (replaced), from the
/// events of `metrics`, up to `limit_bytes`. Format: README.md. After that, or when the file can't
/// be written, it ends, with one warning in `log` (may be NULL). Thread: driver. Fails: SL_E_IO and
/// the like when the file can't be opened.
sl_code sli_trace_open(sli_trace **out, sli_metrics *metrics, sli_log *log, const char *path,
                       int64_t limit_bytes, sl_error *err);
/// Takes the events that are still queued, ends the file and frees. Nothing may be drained after
/// it: free `metrics` next. Thread: driver, once nobody emits any more. Accepts NULL.
void sli_trace_close(SL_TAKES sli_trace *trace);

// ---------------------------------------------------------------- progress

/// Spark's progress object of one epoch, as one JSON line (batchId, timestamp, numInputRows,
/// inputRowsPerSecond, processedRowsPerSecond, durationMs{...}, sources[...], sink...). Appended to
/// `out`, with a line end.
typedef struct sli_progress_source {
    const char *uid, *description, *start,
        *end; ///< start/end: the source's own JSON for its positions, or NULL
    int64_t rows;
} sli_progress_source;
typedef struct sli_progress {
    const char *job, *job_id;
    int64_t epoch, batch_time_us, group, rows_in, rows_out;
    int64_t letters; ///< dead letters; 0 is left out
    int64_t plan_us, run_us, stage_us, seal_us, log_us, commit_us, trigger_us, scheduling_delay_us;
    double input_rows_per_second, processed_rows_per_second;
    const sli_progress_source *sources;
    int32_t n_sources;
    const char *const *sinks; ///< descriptions
    int32_t n_sinks;
    const char *accumulators; ///< a JSON object, or NULL
    sl_event_info event;
    const char *error; ///< NULL when it went well
} sli_progress;
/// Keys, units and what is left out when unknown: README.md. `start` and `end` are taken as JSON
/// when they are, else as text, so the line is valid JSON whatever a source gives.
sl_code sli_progress_json(const sli_progress *progress, sli_str *out, sl_error *err);
