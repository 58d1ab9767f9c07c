// What event time stores is checked when it is read back: damaged bytes of the state are an error,
// or what they happen to say, never more. The bytes are those of a group's delta, which files guard
// by a hash: here they come without it.
#include "stream/graph_fixture_test.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "stream/event/timed.h"

typedef sl_stream *define_fn(sl_stream *a, sl_stream *b);

static sl_stream *windows(sl_stream *a, sl_stream *b)
{
    (void)b;
    return sl_stream_event_window(a, "k", "sum(n) as s, count() as c", "8us", "4us");
}

static sl_stream *sessions(sl_stream *a, sl_stream *b)
{
    (void)b;
    return sl_stream_session_window(a, "k", "sum(n) as s, count() as c", "3us");
}

static sl_stream *distinct(sl_stream *a, sl_stream *b)
{
    (void)b;
    return sl_stream_distinct_within(a, "k");
}

static sl_stream *join(sl_stream *a, sl_stream *b)
{
    return sl_stream_interval_full_outer_join(a, b, "k", "-2us", "5us");
}

typedef struct job {
    slt_graph g;
    sl_stream *timed;
    slt_host *host;
} job;

static sl_stream *rows_of(slt_graph *g, const char *queue)
{
    return sl_stream_event_time(
        sl_stream_queue(g->graph, queue, "ts timestamp, k string, n int64", true), "ts", "20us");
}

static job job_new(define_fn *define)
{
    job j = {.g = slt_graph_new()};
    sl_error err = SL_ERROR_INIT;
    sl_stream *a = rows_of(&j.g, "a"), *b = rows_of(&j.g, "b");
    j.timed = define(a, b);
    (void)!sl_graph_check(j.g.graph, &err);
    SL_CHECK_TEXT(err.text, "");
    j.host = slt_host_new(&j.g, 1);
    return j;
}

static void job_free(job *j)
{
    slt_host_free(j->host);
    slt_graph_free(&j->g);
}

/// The delta of an epoch with some rows.
static void make_delta(define_fn *define, sli_str *out)
{
    job j = job_new(define);
    slt_push(&j.g, "a", "10 x 1|12 yy 2|19 x 3|11 z 4|30 x 5", 1);
    slt_push(&j.g, "b", "11 x 1|40 z 2|13 yy 3", 1);
    slt_epoch_begin(j.host);
    (void)slt_epoch_rows(j.host, j.timed);
    slt_epoch_end(j.host, false);
    assert_int_equal(sli_state_delta(slt_host_store(j.host), out, NULL), SL_OK);
    job_free(&j);
}

static void damage(sli_str *bytes, sli_rng *rng)
{
    for (uint64_t n = 1 + sli_rng_below(rng, 4); n > 0; n--) {
        size_t at = sli_rng_below(rng, bytes->size);
        uint8_t odd[] = {0, 0x7f, 0x80, 0xff, (uint8_t)sli_rng_next(rng)};
        bytes->data[at] = (char)odd[sli_rng_below(rng, sizeof odd)];
    }
    if (sli_rng_below(rng, 4) == 0) {
        bytes->size = sli_rng_below(rng, bytes->size) + 1;
    }
}

/// Whether such bytes were refused; else they were taken as rows.
static bool is_refused(define_fn *define, const sli_str *bytes)
{
    job j = job_new(define);
    sl_error err = SL_ERROR_INIT;
    sli_store *store = slt_host_store(j.host);
    sl_code rc = store->ops->apply(store, (sl_bytes){bytes->data, bytes->size}, &err);
    rc = rc != SL_OK ? rc : sli_event_restore(j.g.graph, slt_host_runtime(j.host), &err);
    if (rc != SL_OK && rc != SL_E_CORRUPT && rc != SL_E_INCOMPATIBLE) {
        fail_msg("%s: %s", sl_code_name(rc), err.text);
    }
    job_free(&j);
    return rc != SL_OK;
}

static void try_damaged(define_fn *define, uint64_t seed)
{
    const int32_t rounds = SLT_SLOW_BUILD ? 100 : 400;
    sli_str whole = {.tag = SLI_TAG_TEST}, bytes = {.tag = SLI_TAG_TEST};
    sli_rng rng = {seed};
    int32_t refused = 0;
    make_delta(define, &whole);
    assert_false(is_refused(define, &whole));
    for (int32_t i = 0; i < rounds; i++) {
        sli_str_clear(&bytes);
        sli_str_add(&bytes, whole.data, whole.size);
        damage(&bytes, &rng);
        refused += is_refused(define, &bytes);
    }
    assert_true(refused > rounds / 10 && refused < rounds);
    sli_str_reset(&whole);
    sli_str_reset(&bytes);
}

SL_TEST(damaged_state_of_event_time_is_an_error_or_what_it_says, "ERRORS-2")
{
    try_damaged(windows, 1);
    try_damaged(sessions, 2);
    try_damaged(distinct, 3);
    try_damaged(join, 4);
}

/// A time that no row can have would overflow the sums that say when a window closes.
SL_TEST(a_time_out_of_range_in_the_state_is_refused, "ERRORS-2")
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    make_delta(distinct, &bytes);
    bool found = false;
    for (size_t at = 0; at + 8 < bytes.size && !found; at++) {
        int64_t time_us = 0;
        memcpy(&time_us, bytes.data + at, sizeof time_us);
        found = time_us == 12; // the first row of yy
        if (found) {
            time_us = INT64_MAX;
            memcpy(bytes.data + at, &time_us, sizeof time_us);
        }
    }
    assert_true(found);
    assert_true(is_refused(distinct, &bytes));
    sli_str_reset(&bytes);
}
