/// progress.c — one epoch as Spark's StreamingQueryProgress, in one line of JSON.
///
/// Readers written for Spark's progress find its keys here with its meaning; what Sluice knows
/// besides has keys of its own (README.md lists them). Whatever the texts and numbers are, the line
/// is valid JSON.
#include "metrics/metrics_int.h"

#include <inttypes.h>
#include <math.h>

static void quoted(sli_str *out, const char *text)
{
    if (text == NULL) {
        sli_str_text(out, "null");
    } else {
        sli_str_json(out, text, strlen(text));
    }
}

// ,"key":1.5 — or nothing for what JSON can't say, as Spark does it.
static void rate(sli_str *out, const char *key, double per_second)
{
    char number[32];
    if (isfinite(per_second)) {
        size_t size = sli_format_float64(per_second, number);
        sli_str_printf(out, ",\"%s\":", key);
        sli_str_add(out, number, size);
    }
}

// "2016-12-14T18:45:24.873Z". Days to a date by Howard Hinnant's civil_from_days: eras of 400 years
// from 0000-03-01.
static void timestamp(sli_str *out, int64_t wall_us)
{
    const int64_t day_ms = 86400000;
    int64_t ms = wall_us / 1000 - (wall_us % 1000 < 0 ? 1 : 0);
    int64_t day = ms / day_ms - (ms % day_ms < 0 ? 1 : 0);
    int64_t of_day = ms - day * day_ms;
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = yoe + era * 400 + (month <= 2 ? 1 : 0);
    sli_str_printf(out,
                   "\"%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64
                   ":%02" PRId64 ".%03" PRId64 "Z\"",
                   year, month, doy - (153 * mp + 2) / 5 + 1, of_day / 3600000, of_day / 60000 % 60,
                   of_day / 1000 % 60, of_day % 1000);
}

static void durations(sli_str *out, const sli_progress *p)
{
    const struct {
        const char *key;
        int64_t us;
    } parts[] = {{"planBatch", p->plan_us},
                 {"run", p->run_us},
                 {"stage", p->stage_us},
                 {"seal", p->seal_us},
                 {"walCommit", p->log_us},
                 {"commit", p->commit_us},
                 {"triggerExecution", p->trigger_us}};
    sli_str_text(out, ",\"durationMs\":{");
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        sli_str_printf(out, "%s\"%s\":", i == 0 ? "" : ",", parts[i].key);
        sli_str_scaled(out, parts[i].us, 3);
    }
    sli_str_text(out, "},\"schedulingDelayMs\":");
    sli_str_scaled(out, p->scheduling_delay_us, 3);
}

// A source's own JSON, on this line; what is not JSON becomes a text.
static void position(sli_str *out, const char *json)
{
    if (json == NULL || !sli_json_is_valid(json, strlen(json))) {
        quoted(out, json);
        return;
    }
    for (; *json != '\0'; json++) { // line ends can only stand between tokens
        sli_str_char(out, *json == '\n' || *json == '\r' ? ' ' : *json);
    }
}

static void sources(sli_str *out, const sli_progress *p)
{
    sli_str_text(out, ",\"sources\":[");
    for (int32_t i = 0; i < p->n_sources; i++) {
        const sli_progress_source *source = &p->sources[i];
        sli_str_text(out, i == 0 ? "{\"description\":" : ",{\"description\":");
        quoted(out, source->description);
        if (source->uid != NULL) {
            sli_str_text(out, ",\"uid\":");
            quoted(out, source->uid);
        }
        sli_str_text(out, ",\"startOffset\":");
        position(out, source->start);
        sli_str_text(out, ",\"endOffset\":");
        position(out, source->end);
        sli_str_printf(out, ",\"numInputRows\":%" PRId64 "}", source->rows);
    }
    sli_str_char(out, ']');
}

// Spark knows one sink; with several, `sink` names them all and `sinks` lists them.
static void sinks(sli_str *out, const sli_progress *p)
{
    sli_str names = {.tag = SLI_TAG_METRICS};
    for (int32_t i = 0; i < p->n_sinks; i++) {
        sli_str_text(&names, i == 0 ? "" : ", ");
        sli_str_text(&names, p->sinks[i] == NULL ? "" : p->sinks[i]);
    }
    sli_str_text(out, ",\"sink\":{\"description\":");
    quoted(out, names.data == NULL ? "" : names.data);
    sli_str_printf(out, ",\"numOutputRows\":%" PRId64 "}", p->rows_out);
    for (int32_t i = 0; p->n_sinks > 1 && i < p->n_sinks; i++) {
        sli_str_text(out, i == 0 ? ",\"sinks\":[{\"description\":" : ",{\"description\":");
        quoted(out, p->sinks[i]);
        sli_str_text(out, i + 1 == p->n_sinks ? "}]" : "}");
    }
    out->failed = out->failed || names.failed;
    sli_str_reset(&names);
}

// "2016-...", or null: there is no such time yet.
static void moment(sli_str *out, int64_t time_us)
{
    if (time_us == INT64_MIN) {
        quoted(out, NULL);
    } else {
        timestamp(out, time_us);
    }
}

static void event_time(sli_str *out, const sl_event_time_info *time)
{
    sli_str_text(out, "{\"uid\":");
    quoted(out, time->stream);
    sli_str_text(out, ",\"max\":");
    moment(out, time->latest_us);
    sli_str_text(out, ",\"watermark\":");
    moment(out, time->watermark_us);
    if (time->watermark_us != INT64_MIN) {
        sli_str_text(out, ",\"lagMs\":");
        sli_str_scaled(out, time->lag_us, 3);
    }
    sli_str_printf(out, ",\"silent\":%s}", time->silent ? "true" : "false");
}

// Spark knows one event time: `eventTime` has the latest of all and the watermark of the slowest.
static void event_times(sli_str *out, const sl_event_info *event)
{
    int64_t latest_us = INT64_MIN, watermark_us = INT64_MAX;
    for (int32_t i = 0; i < event->n_times; i++) {
        const sl_event_time_info *time = &event->times[i];
        latest_us = time->latest_us > latest_us ? time->latest_us : latest_us;
        watermark_us = time->watermark_us < watermark_us ? time->watermark_us : watermark_us;
    }
    if (event->n_times == 0) {
        return;
    }
    sli_str_text(out, ",\"eventTime\":{\"max\":");
    moment(out, latest_us);
    sli_str_text(out, ",\"watermark\":");
    moment(out, watermark_us);
    sli_str_text(out, "},\"eventTimes\":[");
    for (int32_t i = 0; i < event->n_times; i++) {
        sli_str_text(out, i == 0 ? "" : ",");
        event_time(out, &event->times[i]);
    }
    sli_str_char(out, ']');
}

static void state_operators(sli_str *out, const sl_event_info *event)
{
    for (int32_t i = 0; i < event->n_operators; i++) {
        const sl_event_operator_info *op = &event->operators[i];
        sli_str_text(out,
                     i == 0 ? ",\"stateOperators\":[{\"operatorName\":" : ",{\"operatorName\":");
        quoted(out, op->kind);
        sli_str_text(out, ",\"uid\":");
        quoted(out, op->stream);
        sli_str_printf(out,
                       ",\"numRowsTotal\":%" PRId64 ",\"numRowsDroppedByWatermark\":%" PRId64
                       ",\"numRowsAhead\":%" PRId64 ",\"numRowsUntimed\":%" PRId64
                       ",\"indexBytes\":%" PRId64 "}",
                       op->state_rows, op->rows_late, op->rows_ahead, op->rows_untimed,
                       op->index_bytes);
    }
    sli_str_text(out, event->n_operators > 0 ? "]" : "");
}

static void write_line(sli_str *out, const sli_progress *p)
{
    sli_str_text(out, "{\"id\":");
    quoted(out, p->job_id);
    sli_str_text(out, ",\"name\":");
    quoted(out, p->job);
    sli_str_text(out, ",\"timestamp\":");
    timestamp(out, p->batch_time_us);
    sli_str_printf(out, ",\"batchId\":%" PRId64, p->epoch);
    if (p->group >= 0) {
        sli_str_printf(out, ",\"group\":%" PRId64, p->group);
    }
    sli_str_printf(out, ",\"numInputRows\":%" PRId64, p->rows_in);
    if (p->letters > 0) {
        sli_str_printf(out, ",\"numDeadLetters\":%" PRId64, p->letters);
    }
    rate(out, "inputRowsPerSecond", p->input_rows_per_second);
    rate(out, "processedRowsPerSecond", p->processed_rows_per_second);
    durations(out, p);
    event_times(out, &p->event);
    state_operators(out, &p->event);
    sources(out, p);
    sinks(out, p);
    if (p->accumulators != NULL) {
        sli_str_text(out, ",\"accumulators\":");
        sli_str_text(out, p->accumulators);
    }
    if (p->error != NULL) {
        sli_str_text(out, ",\"error\":");
        quoted(out, p->error);
    }
    sli_str_text(out, "}\n");
}

sl_code sli_progress_json(const sli_progress *progress, sli_str *out, sl_error *err)
{
    sli_str line = {.tag = SLI_TAG_METRICS};
    write_line(&line, progress);
    sl_code rc = sli_str_check(&line, "a progress line", err);
    if (rc == SL_OK) {
        sli_str_add(out, line.data, line.size);
        rc = sli_str_check(out, "a progress line", err);
    }
    sli_str_reset(&line);
    return rc;
}
