/// prometheus.c — every series as Prometheus' text format 0.0.4.
///
/// The list of series is copied under the lock and written without it: series live as long as the
/// registry, and their values are atomics. A histogram's lines are made from one reading of its
/// buckets, so they agree with each other.
#include "metrics/metrics_int.h"

#include <inttypes.h>
#include <stdlib.h>

// Bounds shown, as powers of two of a microsecond: 16 us to 19 hours, each 4 times the one before.
enum { LE_FIRST = 4, LE_LAST = 36, LE_STEP = 2 };

void sli_str_scaled(sli_str *out, int64_t value, int32_t decimals)
{
    uint64_t scale = 1, size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    for (int32_t i = 0; i < decimals; i++) {
        scale *= 10;
    }
    sli_str_printf(out, "%s%" PRIu64, value < 0 ? "-" : "", size / scale);
    uint64_t rest = size % scale;
    if (rest == 0) {
        return;
    }
    sli_str_char(out, '.');
    for (scale /= 10; rest > 0; scale /= 10) {
        sli_str_char(out, (char)('0' + rest / scale));
        rest %= scale;
    }
}

static bool in_seconds(const sli_metric_info *info)
{
    return info->unit != NULL && strcmp(info->unit, "seconds") == 0;
}

// Escapes as the format asks; what is not UTF-8 becomes U+FFFD, since one bad byte would spoil the
// whole page.
static void escaped(sli_str *out, const char *text, size_t size, bool quotes)
{
    for (size_t at = 0; at < size;) {
        size_t good = sli_utf8_check(text + at, size - at);
        for (size_t end = at + good; at < end; at++) {
            char c = text[at];
            if (c == '\\' || (c == '"' && quotes)) {
                sli_str_char(out, '\\');
                sli_str_char(out, c);
            } else if (c == '\n') {
                sli_str_text(out, "\\n");
            } else {
                sli_str_char(out, c);
            }
        }
        if (at < size) {
            sli_str_text(out, "\xef\xbf\xbd");
            at++;
        }
    }
}

// label="value", of several labels one behind the other. The last one has what is left.
static void labels(sli_str *out, const char *names, const char *values)
{
    for (;;) {
        size_t name = strcspn(names, ",");
        bool last = names[name] == '\0';
        size_t value = last ? strlen(values) : strcspn(values, SLI_METRIC_APART);
        sli_str_add(out, names, name);
        sli_str_text(out, "=\"");
        escaped(out, values, value, true);
        sli_str_char(out, '"');
        if (last) {
            return;
        }
        sli_str_char(out, ',');
        names += name + 1;
        values += value + (values[value] != '\0');
    }
}

// name suffix {label="value",le="0.25"}, then a space.
static void sample(sli_str *out, const sli_metric *metric, const char *suffix, const char *le)
{
    sli_str_printf(out, "%s%s", metric->info->name, suffix);
    if (metric->label != NULL || le != NULL) {
        sli_str_char(out, '{');
        if (metric->label != NULL) {
            labels(out, metric->info->label, metric->label);
            sli_str_text(out, le == NULL ? "" : ",");
        }
        if (le != NULL) {
            sli_str_printf(out, "le=\"%s\"", le);
        }
        sli_str_char(out, '}');
    }
    sli_str_char(out, ' ');
}

static void histogram(sli_str *out, const sli_metric *metric)
{
    int32_t decimals = in_seconds(metric->info) ? 6 : 0;
    int64_t sum = atomic_load_explicit(&metric->value, memory_order_relaxed), n = 0;
    int32_t next = 0;
    sli_str le = {.tag = SLI_TAG_METRICS};
    for (int32_t bit = LE_FIRST; bit <= LE_LAST; bit += LE_STEP) {
        for (int32_t last = sli_histogram_index(INT64_C(1) << bit); next <= last; next++) {
            n += atomic_load_explicit(&metric->histogram->counts[next], memory_order_relaxed);
        }
        sli_str_clear(&le);
        sli_str_scaled(&le, INT64_C(1) << bit, decimals);
        sample(out, metric, "_bucket", le.data == NULL ? "" : le.data);
        sli_str_printf(out, "%" PRId64 "\n", n);
    }
    for (; next < SLI_HISTOGRAM_BUCKETS; next++) {
        n += atomic_load_explicit(&metric->histogram->counts[next], memory_order_relaxed);
    }
    sample(out, metric, "_bucket", "+Inf");
    sli_str_printf(out, "%" PRId64 "\n", n);
    sample(out, metric, "_sum", NULL);
    sli_str_scaled(out, sum, decimals);
    sli_str_char(out, '\n');
    sample(out, metric, "_count", NULL);
    sli_str_printf(out, "%" PRId64 "\n", n);
    out->failed = out->failed || le.failed;
    sli_str_reset(&le);
}

static void head(sli_str *out, const sli_metric_info *info)
{
    static const char *const kinds[] = {"", "counter", "gauge", "histogram"};
    if (info->text != NULL) {
        sli_str_printf(out, "# HELP %s ", info->name);
        escaped(out, info->text, strlen(info->text), false);
        sli_str_char(out, '\n');
    }
    sli_str_printf(out, "# TYPE %s %s\n", info->name, kinds[info->kind]);
}

static void write_all(sli_str *out, sli_metric *const *series, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const sli_metric *metric = series[i];
        if (i == 0 || strcmp(series[i - 1]->info->name, metric->info->name) != 0) {
            head(out, metric->info);
        }
        if (metric->histogram != NULL) {
            histogram(out, metric);
            continue;
        }
        sample(out, metric, "", NULL);
        sli_str_scaled(out, sli_metric_value(metric), in_seconds(metric->info) ? 6 : 0);
        sli_str_char(out, '\n');
    }
}

static int by_name_then_label(const void *left, const void *right)
{
    const sli_metric *a = *(sli_metric *const *)left, *b = *(sli_metric *const *)right;
    int order = strcmp(a->info->name, b->info->name);
    if (order != 0) {
        return order;
    }
    return strcmp(a->label == NULL ? "" : a->label, b->label == NULL ? "" : b->label);
}

// A sorted list of all series; NULL without memory.
static sli_metric **list(const sli_metrics *m, size_t *out_n)
{
    size_t n = 0;
    sli_mutex_lock(m->mutex);
    sli_metric **series = sl_alloc_array(SLI_TAG_METRICS, (size_t)m->n_series + 1, sizeof(*series));
    for (uint32_t i = 0; series != NULL && i < m->n_slots; i++) {
        if (m->table[i] != NULL) {
            series[n++] = m->table[i];
        }
    }
    sli_mutex_unlock(m->mutex);
    if (series != NULL) {
        qsort(series, n, sizeof(*series), by_name_then_label);
    }
    *out_n = n;
    return series;
}

sl_code sli_metrics_prometheus(const sli_metrics *m, sli_str *out, sl_error *err)
{
    size_t n = 0;
    sli_metric **series = list(m, &n);
    if (series == NULL) {
        return sl_error_nomem(err, n * sizeof(*series), "the list of metrics");
    }
    sli_str text = {.tag = SLI_TAG_METRICS};
    write_all(&text, series, n);
    sl_free(series);
    sl_code rc = sli_str_check(&text, "the page of metrics", err);
    if (rc == SL_OK) {
        sli_str_add(out, text.data, text.size);
        rc = sli_str_check(out, "the page of metrics", err);
    }
    sli_str_reset(&text);
    return rc;
}
