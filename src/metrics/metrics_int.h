/// metrics_int.h — what the files of metrics/ share: the body of the registry, of a series and of a
/// histogram.
#pragma once

#include <stdatomic.h>

#include "base/lock.h"
#include "base/str.h"
#include "metrics/metrics.h"

enum {
    SLI_METRICS_MAX_SERIES = 10000,
    SLI_METRICS_MAX_LABEL =
        512, ///< bytes of a label's value; a longer one is cut and ends with its hash
    SLI_METRICS_MAX_EVENTS = 65536,
    SLI_METRICS_MAX_LISTENERS = 16,
    SLI_JSON_MAX_DEPTH = 64,
};

// ---------------------------------------------------------------- histograms
//
// Log-linear buckets, as HdrHistogram's: 16 buckets to each power of two. With u = value - 1:
//
//     bucket 0          value <= 0
//     bucket 1 + u      u < 16, one value each
//     then 16 a octave  [2^e, 2^(e+1)) of u, e = 4..41, each 2^(e-4) wide
//
// Because u is value - 1, a bucket's upper bound is inclusive and powers of two fall on bounds,
// which is what Prometheus' `le` wants. The middle of a bucket is at most 1/32 off. From 2^42 us
// (51 days) on, values count as 2^42.
enum { SLI_HISTOGRAM_BUCKETS = 1 + 16 + 38 * 16, SLI_HISTOGRAM_TOP_BIT = 42 };

typedef struct sli_histogram {
    _Atomic int64_t
        counts[SLI_HISTOGRAM_BUCKETS]; // relaxed: pairs with nothing, each count stands for itself
} sli_histogram;

int32_t sli_histogram_index(int64_t value);  ///< the bucket that counts `value`
int64_t sli_histogram_middle(int32_t index); ///< a value in the middle of the bucket
int64_t sli_histogram_count(const sli_histogram *histogram);
int64_t sli_histogram_quantile(const sli_histogram *histogram, double q);

// ---------------------------------------------------------------- the registry

struct sli_metric {
    const sli_metric_info *info;
    char *label;              // the label's value; NULL when the metric has no label
    _Atomic int64_t value;    // counter, gauge; of a histogram the sum. relaxed: pairs with nothing
    sli_histogram *histogram; // NULL for others
};

typedef struct sli_listener {
    sli_event_fn fn;
    void *ctx;
    uint32_t kinds;
} sli_listener;

/// Events waiting for the driver. Grows by doubling, so that an idle job pays for 64 and not for
/// 65,536.
typedef struct sli_ring {
    sli_event *slots;
    int32_t capacity, head, n;
} sli_ring;

struct sli_metrics {
    sl_env *env;
    sli_mutex *mutex;     // &mutex_body: a const registry can still be locked
    sli_mutex mutex_body; // guards everything below
    sli_metric **table; // open addressing by hash of name and label; n_slots is a power of two, at
                        // most half full
    uint32_t n_slots, n_series;
    sli_metric overflow[SLI_HISTOGRAM]; // by kind - 1: where adds go when no series could be made;
                                        // never shown
    sli_metric *refused,
        *lost; // series of our own: lookups that got an overflow series, events dropped
    sli_ring ring;
    sli_listener listeners[SLI_METRICS_MAX_LISTENERS];
    int32_t n_listeners;
    bool draining;           // driver only
    _Atomic uint32_t wanted; // kinds anybody listens for; a stale read delays a new listener by an
                             // event, no more
};

/// One whole JSON value, strict (RFC 8259, UTF-8, paired surrogates), at most SLI_JSON_MAX_DEPTH
/// deep.
bool sli_json_is_valid(const char *text, size_t size);
/// "1.5" for 1500000: `value` / 10^6 or `value` / 10^3 exactly, without trailing zeroes.
void sli_str_scaled(sli_str *out, int64_t value, int32_t decimals);
