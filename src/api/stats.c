// sl_context_report_stats: a ready-made listener that tells how delays of the last epochs are
// spread. It uses the public interface, as a program's own would.
#include <stdio.h>
#include <stdlib.h>

#include "api/host.h"

enum { MOST_BATCHES = 100000 };

static const int32_t percents[] = {0, 5, 10, 25, 50, 75, 90, 95, 100};
enum { N_PERCENTS = sizeof percents / sizeof percents[0] };

/// The delays of the last epochs, in rings; `sorted` is scratch.
typedef struct stats {
    sl_context *context;
    void (*line)(void *ctx, const char *line);
    void *ctx;
    int32_t capacity, n, next;
    int64_t *total_us, *processing_us, *sorted;
} stats;

static void tell_line(stats *s, const char *text)
{
    if (s->line != NULL) {
        s->line(s->ctx, text);
    } else {
        SLI_LOG(sli_context_host(s->context)->log, SLI_INFO, "stats", "%s", text);
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/// "total delay of 10 epochs, ms: 0% 1.2, 5% 1.2, ...": the value at place n * percent / 100.
static void tell_spread(stats *s, const char *what, const int64_t *values)
{
    char text[320];
    int32_t size = snprintf(text, sizeof text, "%s of %d epochs, ms:", what, s->n);
    memcpy(s->sorted, values, (size_t)s->n * sizeof *values);
    qsort(s->sorted, (size_t)s->n, sizeof *s->sorted, by_value);
    for (int32_t i = 0; i < N_PERCENTS; i++) {
        int32_t at = (int32_t)((int64_t)s->n * percents[i] / 100);
        int64_t us = s->sorted[at < s->n ? at : s->n - 1];
        size += snprintf(text + size, sizeof text - (size_t)size, "%s %d%% %lld.%03d",
                         i == 0 ? "" : ",", percents[i], (long long)(us / 1000), (int)(us % 1000));
    }
    tell_line(s, text);
}

static void on_completed(void *ctx, const sl_batch_info *batch)
{
    stats *s = ctx;
    s->total_us[s->next] = batch->total_delay_us;
    s->processing_us[s->next] = batch->processing_delay_us;
    s->next = (s->next + 1) % s->capacity;
    s->n += s->n < s->capacity ? 1 : 0;
    tell_spread(s, "total delay", s->total_us);
    tell_spread(s, "processing time", s->processing_us);
}

static const sl_listener stats_listener = {
    .struct_size = sizeof(sl_listener), .name = "stats", .batch_completed = on_completed};

static stats *stats_new(int32_t capacity)
{
    stats *s = sl_alloc_zero(SLI_TAG_API, sizeof *s);
    int64_t *values = sl_alloc_array(SLI_TAG_API, (size_t)capacity * 3, sizeof *values);
    if (s == NULL || values == NULL) {
        sl_free(s);
        sl_free(values);
        return NULL;
    }
    s->capacity = capacity;
    s->total_us = values;
    s->processing_us = values + capacity;
    s->sorted = s->processing_us + capacity;
    return s;
}

static void stats_free(void *ctx)
{
    stats *s = ctx;
    sl_free(s->total_us); // one block with the other two
    sl_free(s);
}

sl_code sl_context_report_stats(sl_context *context, int32_t n_batches,
                                void (*line)(void *ctx, const char *line), void *ctx, sl_error *err)
{
    if (n_batches < 1 || n_batches > MOST_BATCHES) {
        return sl_error_set(err, SL_E_INVALID, "statistics of %d epochs; there may be 1 to %d",
                            n_batches, MOST_BATCHES);
    }
    stats *s = stats_new(n_batches);
    if (s == NULL) {
        return sl_error_nomem(err, (size_t)n_batches * 3 * sizeof(int64_t), "statistics");
    }
    s->context = context;
    s->line = line;
    s->ctx = ctx;
    sl_code rc = sli_bus_add(sli_context_bus(context), &stats_listener, s, stats_free, err);
    if (rc != SL_OK) {
        stats_free(s);
    }
    return rc;
}
