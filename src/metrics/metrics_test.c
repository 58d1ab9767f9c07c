/// metrics_test.c — series, histograms, and the page Prometheus reads.
#include "sl_test.h"

#include <pthread.h>
#include <stdio.h>

#include "metrics/metrics_int.h"

static const sli_metric_info rows = {.name = "sluice_rows_total",
                                     .kind = SLI_COUNTER,
                                     .label = "source",
                                     .text = "Rows.\nAll \\ of them."};
static const sli_metric_info epochs = {
    .name = "sluice_epochs_total", .kind = SLI_COUNTER, .text = "Epochs."};
static const sli_metric_info lag = {
    .name = "sluice_lag_seconds", .kind = SLI_GAUGE, .unit = "seconds"};
static const sli_metric_info took = {.name = "sluice_took_seconds",
                                     .kind = SLI_HISTOGRAM,
                                     .label = "uid",
                                     .unit = "seconds",
                                     .text = "Time."};

static sli_metrics *new_metrics(void)
{
    sli_metrics *m = NULL;
    assert_int_equal(sli_metrics_new(&m, NULL, NULL),
                     SL_OK); // no env: these tests emit no event without a time
    return m;
}

SL_TEST(metrics_series_is_made_once, "")
{
    sli_metrics *m = new_metrics();
    sli_metric *a = sli_metrics_series(m, &rows, "a");
    assert_ptr_equal(sli_metrics_series(m, &rows, "a"), a);
    assert_ptr_not_equal(sli_metrics_series(m, &rows, "b"), a);
    assert_ptr_equal(sli_metrics_series(m, &rows, NULL), sli_metrics_series(m, &rows, ""));
    sli_metric *plain = sli_metrics_series(m, &epochs, NULL);
    assert_ptr_equal(sli_metrics_series(m, &epochs, NULL), plain);
    sli_metric_add(a, 3);
    sli_metric_add(a, 4);
    assert_int_equal(sli_metric_value(a), 7);
    assert_int_equal(sli_metric_value(plain), 0);
    sli_metric *g = sli_metrics_series(m, &lag, NULL);
    sli_metric_set(g, 10);
    sli_metric_add(g, -25);
    assert_int_equal(sli_metric_value(g), -15);
    sli_metrics_free(m);
    sli_metrics_free(NULL);
}

SL_TEST(metrics_past_the_limit_share_one_series_and_are_counted, "")
{
    sli_metrics *m = new_metrics();
    char label[16];
    for (int i = 0; i < SLI_METRICS_MAX_SERIES; i++) {
        snprintf(label, sizeof(label), "%d", i);
        sli_metric_add(sli_metrics_series(m, &rows, label), i);
    }
    sli_metric *over = sli_metrics_series(m, &rows, "one too many");
    assert_non_null(over);
    sli_metric_add(over, 5);
    assert_ptr_equal(sli_metrics_series(m, &rows, "and another"), over);
    sli_metric_observe(sli_metrics_series(m, &took, "x"), 5); // works, as any other
    sli_metric_set(sli_metrics_series(m, &lag, NULL), 5);
    assert_int_equal(sli_metric_value(sli_metrics_series(m, &rows, "77")), 77);
    // two series are the registry's own, so two of ours were refused in the loop, and four after it
    assert_int_equal(sli_metric_value(m->refused), 6);
    sli_str page = SLI_STR_INIT;
    assert_int_equal(sli_metrics_prometheus(m, &page, NULL), SL_OK);
    assert_non_null(strstr(page.data, "sluice_metrics_series_refused_total 6\n"));
    assert_null(strstr(page.data, "overflow_"));
    sli_str_reset(&page);
    sli_metrics_free(m);
}

SL_TEST(metrics_long_labels_stay_apart, "")
{
    sli_metrics *m = new_metrics();
    char a[SLI_METRICS_MAX_LABEL + 100], b[SLI_METRICS_MAX_LABEL + 100];
    memset(a, 'x', sizeof(a) - 1);
    a[sizeof(a) - 1] = '\0';
    memcpy(b, a, sizeof(b));
    b[sizeof(b) - 2] = 'y';
    sli_metric *first = sli_metrics_series(m, &rows, a);
    assert_ptr_not_equal(first, sli_metrics_series(m, &rows, b));
    assert_ptr_equal(first, sli_metrics_series(m, &rows, a));
    assert_int_equal(strlen(first->label), SLI_METRICS_MAX_LABEL + 3 + 16);
    sli_metrics_free(m);
}

SL_TEST(histogram_buckets_join_without_gap, "")
{
    assert_int_equal(sli_histogram_index(INT64_MIN), 0);
    assert_int_equal(sli_histogram_index(0), 0);
    assert_int_equal(sli_histogram_index(1), 1);
    assert_int_equal(sli_histogram_index(16), 16);
    assert_int_equal(sli_histogram_index(17), 17);
    assert_int_equal(sli_histogram_index(INT64_C(1) << 42), SLI_HISTOGRAM_BUCKETS - 1);
    assert_int_equal(sli_histogram_index(INT64_MAX), SLI_HISTOGRAM_BUCKETS - 1);
    int32_t last = 0;
    for (int64_t v = 1; v < 300000; v++) {
        int32_t index = sli_histogram_index(v);
        assert_true(index == last || index == last + 1);
        last = index;
    }
    for (int bit = 4; bit < 42; bit++) { // powers of two are inclusive upper bounds
        int64_t v = INT64_C(1) << bit;
        assert_int_equal(sli_histogram_index(v) + 1, sli_histogram_index(v + 1));
        assert_int_equal(sli_histogram_index(v - 1), sli_histogram_index(v) - (bit <= 5 ? 1 : 0));
    }
    for (int32_t i = 0; i < SLI_HISTOGRAM_BUCKETS; i++) { // the middle lies in its own bucket
        assert_int_equal(sli_histogram_index(sli_histogram_middle(i)), i);
    }
}

SL_TEST(histogram_middle_is_within_five_percent, "")
{
    uint64_t state = 3;
    for (int round = 0; round < 100000; round++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        int64_t v = (int64_t)(state >> 23 >> ((state >> 7) % 40)) + 1;
        double off = (double)(sli_histogram_middle(sli_histogram_index(v)) - v) / (double)v;
        assert_true(off <= 0.05 && off >= -0.05);
    }
}

SL_TEST(histogram_quantiles, "")
{
    sli_metrics *m = new_metrics();
    sli_metric *h = sli_metrics_series(m, &took, "map");
    assert_int_equal(sli_metric_quantile(h, 0.5), 0);
    assert_int_equal(sli_metric_value(h), 0);
    for (int64_t v = 1; v <= 10000; v++) {
        sli_metric_observe(h, v);
    }
    assert_int_equal(sli_metric_value(h), 10000);
    const double asked[] = {0.0001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};
    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        double got = (double)sli_metric_quantile(h, asked[i]), want = asked[i] * 10000;
        assert_true(got > want * 0.95 && got < want * 1.05);
    }
    assert_int_equal(sli_metric_quantile(h, 0), 1);
    assert_int_equal(sli_metric_quantile(h, -1), 1);
    assert_int_equal(sli_metric_quantile(h, 7), sli_metric_quantile(h, 1));
    assert_int_equal(sli_metric_quantile(h, __builtin_nan("")), 1);
    sli_metric *odd = sli_metrics_series(m, &took, "odd");
    sli_metric_observe(odd, -5);
    sli_metric_observe(odd, 0);
    assert_int_equal(sli_metric_quantile(odd, 1), 0);
    sli_metric_observe(odd, INT64_MAX); // counts as 2^42 us
    assert_true(sli_metric_quantile(odd, 1) > INT64_C(1) << 41);
    sli_metrics_free(m);
}

SL_TEST(prometheus_page_is_sorted_and_escaped, "")
{
    sli_metrics *m = new_metrics();
    sli_metric_add(sli_metrics_series(m, &rows, "b"), 2);
    sli_metric_add(sli_metrics_series(m, &rows, "a\"\\\n\xff\xc3\xa4"), 1);
    sli_metric_set(sli_metrics_series(m, &lag, NULL), -1250000);
    sli_metric_add(sli_metrics_series(m, &epochs, NULL), 12);
    sli_str page = SLI_STR_INIT;
    sli_str_text(&page, "# kept\n");
    assert_int_equal(sli_metrics_prometheus(m, &page, NULL), SL_OK);
    SL_CHECK_TEXT(
        page.data,
        "# kept\n"
        "# HELP sluice_epochs_total Epochs.\n# TYPE sluice_epochs_total "
        "counter\nsluice_epochs_total 12\n"
        "# TYPE sluice_lag_seconds gauge\nsluice_lag_seconds -1.25\n"
        "# HELP sluice_metrics_events_lost_total Events dropped because the ring was full when "
        "nobody "
        "drained it.\n# TYPE sluice_metrics_events_lost_total "
        "counter\nsluice_metrics_events_lost_total 0\n"
        "# HELP sluice_metrics_series_refused_total Look-ups of metric series that were answered "
        "with the "
        "overflow series.\n# TYPE sluice_metrics_series_refused_total counter\n"
        "sluice_metrics_series_refused_total 0\n"
        "# HELP sluice_rows_total Rows.\\nAll \\\\ of them.\n# TYPE sluice_rows_total counter\n"
        "sluice_rows_total{source=\"a\\\"\\\\\\n\xef\xbf\xbd\xc3\xa4\"} 1\n"
        "sluice_rows_total{source=\"b\"} 2\n");
    sli_str_reset(&page);
    sli_metrics_free(m);
}

SL_TEST(a_metric_may_have_several_labels, "")
{
    static const sli_metric_info behind = {.name = "sluice_behind",
                                           .kind = SLI_GAUGE,
                                           .label = "source,topic,partition",
                                           .text = "Rows."};
    sli_metrics *m = new_metrics();
    sli_str page = {.tag = SLI_TAG_TEST};
    sli_metric_set(sli_metrics_series(m, &behind, "in" SLI_METRIC_APART "a" SLI_METRIC_APART "0"),
                   5);
    sli_metric_set(
        sli_metrics_series(m, &behind, "in" SLI_METRIC_APART "a\"b" SLI_METRIC_APART "1"), 7);
    sli_metric_set(sli_metrics_series(m, &behind, "few"), 9); // values that are not there are empty
    assert_int_equal(sli_metrics_prometheus(m, &page, NULL), SL_OK);
    assert_non_null(
        strstr(page.data, "sluice_behind{source=\"in\",topic=\"a\",partition=\"0\"} 5\n"));
    assert_non_null(
        strstr(page.data, "sluice_behind{source=\"in\",topic=\"a\\\"b\",partition=\"1\"} 7\n"));
    assert_non_null(
        strstr(page.data, "sluice_behind{source=\"few\",topic=\"\",partition=\"\"} 9\n"));
    sli_str_reset(&page);
    sli_metrics_free(m);
}

SL_TEST(prometheus_histogram_has_exact_cumulative_buckets, "")
{
    sli_metrics *m = new_metrics();
    sli_metric *h = sli_metrics_series(m, &took, "map");
    const int64_t seen[] = {0, 16, 17, 64, 65, 1024, 5000000, INT64_MAX};
    for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
        sli_metric_observe(h, seen[i]);
    }
    sli_str page = SLI_STR_INIT;
    assert_int_equal(sli_metrics_prometheus(m, &page, NULL), SL_OK);
    const char *const lines[] = {
        "# TYPE sluice_took_seconds histogram\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"0.000016\"} 2\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"0.000064\"} 4\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"0.000256\"} 5\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"0.001024\"} 6\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"4.194304\"} 6\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"16.777216\"} 7\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"68719.476736\"} 7\n",
        "sluice_took_seconds_bucket{uid=\"map\",le=\"+Inf\"} 8\n",
        "sluice_took_seconds_sum{uid=\"map\"} 4398051.51229\n", // 2^42 us stand for the last
        "sluice_took_seconds_count{uid=\"map\"} 8\n",
    };
    const char *at = page.data;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) { // all there, in this order
        const char *found = strstr(at, lines[i]);
        if (found == NULL) {
            fail_msg("no %s in:\n%s", lines[i], at);
        }
        at = found;
    }
    sli_str_reset(&page);
    sli_metrics_free(m);
}

static void *add_a_lot(void *ctx)
{
    sli_metrics *m = ctx;
    char label[16];
    for (int i = 0; i < 2000; i++) {
        snprintf(label, sizeof(label), "%d", i % 200);
        sli_metric_add(sli_metrics_series(m, &rows, label), 1);
        sli_metric_observe(sli_metrics_series(m, &took, "t"), i);
    }
    return NULL;
}

SL_TEST(metrics_count_right_from_many_threads, "")
{
    sli_metrics *m = new_metrics();
    pthread_t threads[4];
    int n = 0;
    while (n < 4 && pthread_create(&threads[n], NULL, add_a_lot, m) == 0) {
        n++;
    }
    sli_str page = SLI_STR_INIT;
    sl_code rc = sli_metrics_prometheus(m, &page, NULL); // a scrape in the midst of it
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(n, 4);
    assert_int_equal(rc, SL_OK);
    sli_str_reset(&page);
    for (int i = 0; i < 200; i++) {
        char label[16];
        snprintf(label, sizeof(label), "%d", i);
        assert_int_equal(sli_metric_value(sli_metrics_series(m, &rows, label)), 40);
    }
    assert_int_equal(sli_metric_value(sli_metrics_series(m, &took, "t")), 8000);
    sli_metrics_free(m);
}

SL_TEST(metrics_survive_any_failed_allocation, "")
{
    int64_t before = sli_mem_used(SLI_TAG_METRICS);
    bool failed = true;
    int without = 0;
    for (int64_t n = 1; failed; n++) {
        sli_metrics *m = NULL;
        sli_mem_fail_nth(n);
        sl_code rc = sli_metrics_new(&m, NULL, NULL);
        if (rc == SL_OK) {
            sli_metric_add(sli_metrics_series(m, &rows, "a"), 1); // never NULL
            sli_metric_observe(sli_metrics_series(m, &took, "a"), 1);
            sli_str page = SLI_STR_INIT;
            rc = sli_metrics_prometheus(m, &page, NULL);
            assert_true(rc == SL_OK || page.size == 0);
            sli_str_reset(&page);
            without += sli_metric_value(m->refused) > 0 ? 1 : 0;
        }
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        assert_true(failed || rc == SL_OK);
        sli_metrics_free(m);
        assert_int_equal(sli_mem_used(SLI_TAG_METRICS), before);
    }
    assert_int_equal(
        without,
        5); // the two series are 2 and 3 allocations; each failed once, and a shared one came
}
