/// metrics.c — the registry: finding or making a series under a lock, adding to one without.
///
/// Adds are relaxed atomics: nothing is ordered by a metric, and nobody may conclude from one
/// counter about another. Running out of series or memory never hurts the caller: it gets a series
/// that is counted but not shown.
#include "metrics/metrics_int.h"

#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>

static const sli_metric_info own[] = {
    {.name = "sluice_metrics_series_refused_total",
     .kind = SLI_COUNTER,
     .text = "Look-ups of metric series that were answered with the overflow series."},
    {.name = "sluice_metrics_events_lost_total",
     .kind = SLI_COUNTER,
     .text = "Events dropped because the ring was full when nobody drained it."},
    {0},
};
static const sli_metric_info overflow_infos[] = {
    {.name = "overflow_counter", .kind = SLI_COUNTER},
    {.name = "overflow_gauge", .kind = SLI_GAUGE},
    {.name = "overflow_histogram", .kind = SLI_HISTOGRAM},
};

// ---------------------------------------------------------------- making and freeing

static void free_series(sli_metric *metric)
{
    if (metric != NULL) {
        sl_free(metric->label);
        sl_free(metric->histogram);
        sl_free(metric);
    }
}

static sl_code make_own(sli_metrics *m, sl_error *err)
{
    for (int kind = 0; kind < SLI_HISTOGRAM; kind++) {
        m->overflow[kind].info = &overflow_infos[kind];
    }
    sli_metric *overflow = &m->overflow[SLI_HISTOGRAM - 1];
    overflow->histogram = sl_alloc_zero(SLI_TAG_METRICS, sizeof(sli_histogram));
    if (overflow->histogram == NULL) {
        return sl_error_nomem(err, sizeof(sli_histogram), "a histogram");
    }
    m->refused = &m->overflow[0]; // until its own series exists
    m->lost = sli_metrics_series(m, &own[1], NULL);
    m->refused = sli_metrics_series(m, &own[0], NULL);
    if (m->lost == &m->overflow[0] || m->refused == &m->overflow[0]) {
        return sl_error_nomem(err, sizeof(sli_metric), "metrics");
    }
    return SL_OK;
}

sl_code sli_metrics_new(sli_metrics **out, sl_env *env, sl_error *err)
{
    sli_metrics *m = sl_alloc_zero(SLI_TAG_METRICS, sizeof(*m));
    if (m == NULL) {
        return sl_error_nomem(err, sizeof(*m), "metrics");
    }
    m->env = env;
    m->mutex = &m->mutex_body;
    sli_mutex_init(m->mutex, SLI_RANK_METRICS);
    sl_code rc = make_own(m, err);
    if (rc != SL_OK) {
        sli_metrics_free(m);
        return rc;
    }
    *out = m;
    return SL_OK;
}

void sli_metrics_free(sli_metrics *m)
{
    if (m == NULL) {
        return;
    }
    for (uint32_t i = 0; i < m->n_slots; i++) {
        free_series(m->table[i]);
    }
    sl_free(m->table);
    sl_free(m->overflow[SLI_HISTOGRAM - 1].histogram);
    sl_free(m->ring.slots);
    sli_mutex_reset(m->mutex);
    sl_free(m);
}

// ---------------------------------------------------------------- series

static uint64_t series_hash(const char *name, const char *label)
{
    uint64_t of_label = label == NULL ? 0 : sli_hash64(label, strlen(label));
    return sli_mix64(sli_hash64(name, strlen(name)) ^ sli_mix64(of_label));
}

// The slot of (name, label), or the free one where it belongs. The table has room.
static sli_metric **slot_of(sli_metric **table, uint32_t n_slots, const char *name,
                            const char *label)
{
    for (uint32_t i = (uint32_t)series_hash(name, label) & (n_slots - 1);;
         i = (i + 1) & (n_slots - 1)) {
        const sli_metric *there = table[i];
        if (there == NULL ||
            (strcmp(there->info->name, name) == 0 && (there->label == NULL) == (label == NULL) &&
             (label == NULL || strcmp(there->label, label) == 0))) {
            return &table[i];
        }
    }
}

// Keeps the table at most half full.
static bool make_room(sli_metrics *m)
{
    if (m->n_slots > 0 && m->n_series < m->n_slots / 2) {
        return true;
    }
    uint32_t n_slots = m->n_slots == 0 ? 64 : m->n_slots * 2;
    sli_metric **table = sl_alloc_array(SLI_TAG_METRICS, n_slots, sizeof(*table));
    if (table == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < m->n_slots; i++) {
        if (m->table[i] != NULL) {
            *slot_of(table, n_slots, m->table[i]->info->name, m->table[i]->label) = m->table[i];
        }
    }
    sl_free(m->table);
    m->table = table;
    m->n_slots = n_slots;
    return true;
}

static sli_metric *new_series(const sli_metric_info *info, const char *label)
{
    sli_metric *metric = sl_alloc_aligned(
        SLI_TAG_METRICS, sizeof(*metric)); // own cache lines: workers add to several
    if (metric == NULL) {
        return NULL;
    }
    *metric = (sli_metric){.info = info};
    if (label != NULL) {
        metric->label = sl_strdup(SLI_TAG_METRICS, label);
    }
    if (info->kind == SLI_HISTOGRAM) {
        metric->histogram = sl_alloc_zero(SLI_TAG_METRICS, sizeof(sli_histogram));
    }
    if ((label != NULL && metric->label == NULL) ||
        (info->kind == SLI_HISTOGRAM && metric->histogram == NULL)) {
        free_series(metric);
        return NULL;
    }
    return metric;
}

// Under the lock. NULL when there are too many or memory is short.
static sli_metric *find_or_make(sli_metrics *m, const sli_metric_info *info, const char *label)
{
    if (!make_room(m)) {
        return NULL;
    }
    sli_metric **slot = slot_of(m->table, m->n_slots, info->name, label);
    if (*slot == NULL && m->n_series < SLI_METRICS_MAX_SERIES) {
        *slot = new_series(info, label);
        m->n_series += *slot != NULL ? 1 : 0;
    }
    return *slot;
}

static bool is_name(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool letter =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_' || *c == ':';
        if (!letter && (c == name || *c < '0' || *c > '9')) {
            return false;
        }
    }
    return name[0] != '\0';
}

sli_metric *sli_metrics_series(sli_metrics *m, const sli_metric_info *info, const char *label)
{
    char cut[SLI_METRICS_MAX_LABEL + 32];
    SL_ASSERT(info->kind >= SLI_COUNTER && info->kind <= SLI_HISTOGRAM && is_name(info->name),
              "a metric's declaration");
    SL_ASSERT(info->label != NULL || label == NULL, "a label's value for a metric without label");
    if (info->label != NULL && label == NULL) {
        label = "";
    }
    if (label != NULL && strlen(label) > SLI_METRICS_MAX_LABEL) {
        int size = snprintf(cut, sizeof(cut), "%.*s...%016" PRIx64, SLI_METRICS_MAX_LABEL, label,
                            sli_hash64(label, strlen(label)));
        SL_ASSERT(size > 0 && (size_t)size < sizeof(cut), "room for a cut label");
        label = cut;
    }
    sli_mutex_lock(m->mutex);
    sli_metric *metric = find_or_make(m, info, label);
    sli_mutex_unlock(m->mutex);
    if (metric == NULL) {
        sli_metric_add(m->refused, 1);
        return &m->overflow[info->kind - 1];
    }
    SL_ASSERT(metric->info->kind == info->kind &&
                  (metric->info->label == NULL) == (info->label == NULL),
              "two metrics of one name");
    return metric;
}

// ---------------------------------------------------------------- values

void sli_metric_add(sli_metric *metric, int64_t n)
{
    SL_ASSERT_DEBUG(metric->histogram == NULL, "a histogram observes");
    SL_ASSERT_DEBUG(n >= 0 || metric->info->kind != SLI_COUNTER, "a counter never goes back");
    atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void sli_metric_set(sli_metric *metric, int64_t value)
{
    SL_ASSERT_DEBUG(metric->info->kind == SLI_GAUGE, "only a gauge can be set");
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void sli_metric_observe(sli_metric *metric, int64_t value_us)
{
    SL_ASSERT(metric->histogram != NULL, "only a histogram observes");
    int64_t top = INT64_C(1) << SLI_HISTOGRAM_TOP_BIT;
    int64_t value = value_us < 0 ? 0 : value_us > top ? top : value_us;
    atomic_fetch_add_explicit(&metric->histogram->counts[sli_histogram_index(value)], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, value, memory_order_relaxed);
}

int64_t sli_metric_value(const sli_metric *metric)
{
    if (metric->histogram != NULL) {
        return sli_histogram_count(metric->histogram);
    }
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

int64_t sli_metric_quantile(const sli_metric *metric, double q)
{
    SL_ASSERT(metric->histogram != NULL, "only a histogram has quantiles");
    return sli_histogram_quantile(metric->histogram, q);
}
