/// trace.c — a timeline of a job as a file in the Trace Event Format, for chrome://tracing and
/// Perfetto.
///
/// A listener like any other, on the driver. The file is a JSON array with a line an event; whole
/// lines are handed to the system at every epoch's end, so a process that is killed leaves an array
/// that lacks only its closing bracket, which viewers do without. A trace is for people: when the
/// disk refuses or the file has its largest size, it ends there, that is said once, and the job
/// goes on.
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "metrics/metrics_int.h"

enum {
    FLUSH_BYTES = 64 << 10,
    END_BYTES = 256, ///< kept free for the last line
    TID_DRIVER = 1,
    TID_WORKERS = 100,   ///< + number of the worker
    TID_STAGES = 100000, ///< + number of the stage: stages of one wave overlap
};

struct sli_trace {
    sli_metrics *metrics;
    sli_log *log;
    sli_file *file; ///< NULL: ended
    char *path;
    int64_t pid, limit_bytes;
    int64_t written_bytes;       ///< whole lines that the system has
    sli_str pending;             ///< whole lines that it has not
    uint32_t named;              ///< bits of sli_event_thread whose tracks have their names
    int32_t n_workers, n_stages; ///< tracks of them that have theirs
    int64_t lost_before;
};

// ---------------------------------------------------------------- lines

/// A number of an event that is shown, and by which name.
typedef struct shown {
    const char *key;
    size_t offset, size;
} shown;

#define SHOW(key, member)                                                                          \
    {                                                                                              \
        (key), offsetof(sli_event, member), sizeof(((sli_event *)NULL)->member)                    \
    }

/// What a kind of event is called, and its arguments.
typedef struct shape {
    const char *name;
    shown args[6];
} shape;

static const shape shapes[] = {
    [SLI_EV_EPOCH_PLANNED] = {"plan", {SHOW("epoch", epoch)}},
    [SLI_EV_EPOCH_COMPLETED] = {"epoch",
                                {SHOW("epoch", epoch), SHOW("batchTimeUs", batch_time_us),
                                 SHOW("rows", rows), SHOW("delayUs", delay_us)}},
    [SLI_EV_STAGE_COMPLETED] = {"stage",
                                {SHOW("epoch", epoch), SHOW("stage", stage), SHOW("tasks", rows)}},
    [SLI_EV_TASK_COMPLETED] = {"task",
                               {SHOW("epoch", epoch), SHOW("stage", stage),
                                SHOW("partition", partition), SHOW("attempt", attempt),
                                SHOW("rows", rows), SHOW("bytes", bytes)}},
    [SLI_EV_GROUP_SEALED] = {"seal",
                             {SHOW("group", group), SHOW("epoch", epoch), SHOW("rows", rows)}},
    [SLI_EV_LOG_SYNCED] = {"log sync", {SHOW("group", group), SHOW("epoch", epoch)}},
    [SLI_EV_GROUP_COMMITTED] = {"commit",
                                {SHOW("group", group), SHOW("epoch", epoch), SHOW("rows", rows)}},
    [SLI_EV_SNAPSHOT] = {"snapshot",
                         {SHOW("group", group), SHOW("epoch", epoch), SHOW("bytes", bytes)}},
    [SLI_EV_WAL_SYNCED] = {"wal sync", {SHOW("bytes", bytes)}},
};

static int64_t number_of(const sli_event *event, const shown *arg)
{
    const char *at = (const char *)event + arg->offset;
    return arg->size == sizeof(int64_t) ? *(const int64_t *)(const void *)at
                                        : *(const int32_t *)(const void *)at;
}

/// "task", "stage counts".
static void add_name(sli_str *out, const sli_event *event)
{
    char name[32 + sizeof event->text];
    bool has_text = event->code == SL_OK && event->text[0] != '\0'; // else it is the error's
    int n = snprintf(name, sizeof name, "%s%s%s", shapes[event->kind].name, has_text ? " " : "",
                     has_text ? event->text : "");
    SL_ASSERT(n > 0 && (size_t)n < sizeof name, "room for a name");
    sli_str_json(out, name, (size_t)n);
}

/// The event as a line without its end. A failure has its text, or the name of its code.
static void add_event(sli_str *out, const sli_event *event, int64_t pid, int64_t tid)
{
    const shape *s = &shapes[event->kind];
    sli_str_text(out, "{\"name\":");
    add_name(out, event);
    sli_str_printf(out,
                   ",\"ph\":\"X\",\"ts\":%" PRId64 ",\"dur\":%" PRId64 ",\"pid\":%" PRId64
                   ",\"tid\":%" PRId64 ",\"args\":{",
                   event->mono_us - event->duration_us, event->duration_us, pid, tid);
    for (const shown *arg = s->args; arg < s->args + 6 && arg->key != NULL; arg++) {
        sli_str_printf(out, "%s\"%s\":%" PRId64, arg == s->args ? "" : ",", arg->key,
                       number_of(event, arg));
    }
    if (event->code != SL_OK) {
        const char *why = event->text[0] != '\0' ? event->text : sl_code_name(event->code);
        sli_str_text(out, ",\"error\":");
        sli_str_json(out, why, strlen(why));
    }
    sli_str_text(out, "}}");
}

// ---------------------------------------------------------------- the file

/// Ends the trace before its time and says so, but for a process that has died in simulation.
static void give_up(sli_trace *trace, sl_code rc, const char *why)
{
    sli_file_close(&trace->file);
    sli_str_clear(&trace->pending);
    if (rc != SL_E_CRASHED) {
        SLI_LOG(trace->log, SLI_WARN, "trace", "%s ends here, the job goes on: %s", trace->path,
                why);
    }
}

static void flush(sli_trace *trace)
{
    sl_error err = SL_ERROR_INIT;
    if (trace->file == NULL || trace->pending.size == 0) {
        return;
    }
    sl_code rc = sli_str_check(&trace->pending, "a trace", &err);
    if (rc == SL_OK) {
        rc = sli_file_write(trace->file, trace->pending.data, trace->pending.size, &err);
    }
    if (rc == SL_OK) {
        trace->written_bytes += (int64_t)trace->pending.size;
        sli_str_clear(&trace->pending);
        return;
    }
    // A part of a line would make the file unreadable. If it stays, the warning below is all we can
    // do.
    (void)!sli_file_truncate(trace->file, trace->written_bytes, NULL);
    give_up(trace, rc, err.text);
}

/// The last line of a trace that has its largest size.
static void end_at_limit(sli_trace *trace, int64_t at_us)
{
    sli_str_printf(&trace->pending,
                   ",\n{\"name\":\"the trace ends: its largest size\",\"ph\":\"i\",\"s\":\"g\","
                   "\"ts\":%" PRId64 ",\"pid\":%" PRId64 ",\"tid\":%d}\n]\n",
                   at_us, trace->pid, TID_DRIVER);
    flush(trace);
    if (trace->file != NULL) {
        give_up(trace, SL_OK, "it has its largest size");
    }
}

/// Room for the line that begins at `from`? Else the trace ends before it. False: it has ended.
static bool keep_line(sli_trace *trace, size_t from, int64_t at_us)
{
    int64_t size = trace->written_bytes + (int64_t)trace->pending.size;
    if (size > trace->limit_bytes - END_BYTES) {
        trace->pending.size = from;
        end_at_limit(trace, at_us);
    }
    return trace->file != NULL;
}

// ---------------------------------------------------------------- tracks

static void name_track(sli_trace *trace, int64_t tid, const char *name, int32_t number)
{
    sli_str_printf(&trace->pending,
                   ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%" PRId64 ",\"tid\":%" PRId64
                   ",\"args\":{\"name\":\"%s",
                   trace->pid, tid, name);
    if (number >= 0) {
        sli_str_printf(&trace->pending, "%d", number);
    }
    sli_str_text(&trace->pending, "\"}}");
}

/// Tracks are named as the threads are; up to the one that is used, so that a count is enough.
static int64_t numbered_track(sli_trace *trace, int64_t first, const char *name, int32_t number,
                              int32_t *n_named)
{
    for (; *n_named <= number; ++*n_named) {
        name_track(trace, first + *n_named, name, *n_named);
    }
    return first + number;
}

static int64_t track_of(sli_trace *trace, const sli_event *event)
{
    static const char *const names[] = {
        [SLI_ON_DRIVER] = "sl-driver",
        [SLI_ON_WRITER] = "sl-writer",
        [SLI_ON_COMMITTER] = "sl-committer",
        [SLI_ON_COMPACTOR] = "sl-compactor",
        [SLI_ON_WAL] = "sl-wal",
    };
    if (event->kind == SLI_EV_STAGE_COMPLETED) {
        return numbered_track(trace, TID_STAGES, "stage ", event->stage, &trace->n_stages);
    }
    if (event->thread == SLI_ON_WORKER) {
        return numbered_track(trace, TID_WORKERS, "sl-worker-", event->worker, &trace->n_workers);
    }
    int64_t tid = TID_DRIVER + (int64_t)event->thread;
    if ((trace->named & (1U << event->thread)) == 0) {
        trace->named |= 1U << event->thread;
        name_track(trace, tid, names[event->thread], -1);
    }
    return tid;
}

static void take(void *ctx, const sli_event *event)
{
    sli_trace *trace = ctx;
    if (trace->file == NULL) {
        return;
    }
    size_t from = trace->pending.size;
    int64_t tid = track_of(trace, event);
    sli_str_text(&trace->pending, ",\n");
    add_event(&trace->pending, event, trace->pid, tid);
    bool is_inner = (SLI_EV_BIT(event->kind) & (SLI_EV_TASKS | SLI_EV_BIT(SLI_EV_STAGE_COMPLETED) |
                                                SLI_EV_BIT(SLI_EV_EPOCH_PLANNED))) !=
                    0; // more of the epoch follows
    if (keep_line(trace, from, event->mono_us) &&
        (!is_inner || trace->pending.size >= FLUSH_BYTES)) {
        flush(trace);
    }
}

// ---------------------------------------------------------------- opening and closing

static uint32_t all_kinds(void)
{
    uint32_t kinds = 0;
    for (uint32_t kind = 0; kind < sizeof shapes / sizeof *shapes; kind++) {
        kinds |= shapes[kind].name != NULL ? SLI_EV_BIT(kind) : 0;
    }
    return kinds;
}

static sl_code begin(sli_trace *trace, const char *path, sl_error *err)
{
    trace->path = sl_strdup(SLI_TAG_METRICS, path);
    if (trace->path == NULL) {
        return sl_error_nomem(err, strlen(path), "the path of a trace");
    }
    SL_TRY(sli_file_open(trace->metrics->env, path, SLI_REPLACE, &trace->file, err));
    sli_str_printf(&trace->pending,
                   "[\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%" PRId64
                   ",\"tid\":%d,\"args\":{\"name\":\"sluice\"}}",
                   trace->pid, TID_DRIVER);
    flush(trace); // a process that dies at once leaves a file that opens, too
    return sli_metrics_listen_some(trace->metrics, all_kinds(), take, trace, err);
}

static void trace_free(sli_trace *trace)
{
    sli_file_close(&trace->file);
    sli_str_reset(&trace->pending);
    sl_free(trace->path);
    sl_free(trace);
}

sl_code sli_trace_open(sli_trace **out, sli_metrics *metrics, sli_log *log, const char *path,
                       int64_t limit_bytes, sl_error *err)
{
    sli_trace *trace = sl_alloc_zero(SLI_TAG_METRICS, sizeof *trace);
    if (trace == NULL) {
        return sl_error_nomem(err, sizeof *trace, "a trace");
    }
    trace->metrics = metrics;
    trace->log = log;
    trace->pid = sli_env_pid(metrics->env);
    trace->limit_bytes = limit_bytes;
    trace->pending.tag = SLI_TAG_METRICS;
    trace->lost_before = sli_metric_value(metrics->lost);
    sl_code rc = begin(trace, path, err);
    if (rc != SL_OK) {
        trace_free(trace);
        return sl_error_wrap(err, rc, "trace");
    }
    *out = trace;
    return SL_OK;
}

void sli_trace_close(sli_trace *trace)
{
    if (trace == NULL) {
        return;
    }
    sli_metrics_drain(trace->metrics);
    int64_t lost = sli_metric_value(trace->metrics->lost) - trace->lost_before;
    if (trace->file != NULL && lost > 0) {
        SLI_LOG(trace->log, SLI_WARN, "trace", "%s lacks %" PRId64 " events: too many at once",
                trace->path, lost);
    }
    sli_str_text(&trace->pending, "\n]\n");
    flush(trace);
    trace_free(trace);
}
