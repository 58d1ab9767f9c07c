// What event time stores is checked when it is read back: damaged bytes of the state are an error,
// or what they happen to say, never more. The bytes are those of a group's delta, which files guard
// by a hash: here they come without it.
#include "stream/graph_fixture_test.h"

#include <stdio.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "stream/event/interval.h"

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

/// The state comes from such bytes.
static sl_code restore(job *j, const sli_str *bytes, sl_error *err)
{
    sli_store *store = slt_host_store(j->host);
    SL_TRY(store->ops->apply(store, (sl_bytes){bytes->data, bytes->size}, err));
    return sli_event_restore(j->g.graph, slt_host_runtime(j->host), err);
}

/// Whether such bytes were refused; else they were taken as rows.
static bool is_refused(define_fn *define, const sli_str *bytes)
{
    job j = job_new(define);
    sl_error err = SL_ERROR_INIT;
    sl_code rc = restore(&j, bytes, &err);
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

/// Where the delta of a join has what the first entry 0 of the left side counts. An entry: `... u8
/// size, value`, the key's last cell (the number, 0) before it, the bucket and the side before
/// that; in the value the number of entries, 1, comes first. A cell is a byte and its bytes.
static size_t left_head_count(const sli_str *bytes)
{
    static const char key[] = "\1\0\1\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0";
    static const char n_entries[] = "\1\1\0\0\0\0\0\0\0";
    enum { KEY = sizeof key - 1, CELL = sizeof n_entries - 1 };
    for (size_t at = 0; at + KEY + 1 + 2 * CELL < bytes->size; at++) {
        if (memcmp(bytes->data + at, key, KEY) == 0 &&
            memcmp(bytes->data + at + KEY + 1, n_entries, CELL) == 0) {
            return at + KEY + 1 + CELL + 1;
        }
    }
    fail_msg("there is no entry");
    return 0;
}

static void set_count(sli_str *bytes, int64_t count)
{
    size_t at = left_head_count(bytes);
    int64_t had = 0;
    memcpy(&had, bytes->data + at, sizeof had);
    assert_in_range(had, 1, SLI_MAX_BUCKET_ROWS);
    memcpy(bytes->data + at, &count, sizeof count);
}

static void is_told(int64_t count)
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    job j = job_new(join);
    sl_error err = SL_ERROR_INIT;
    char counts[64];
    make_delta(join, &bytes);
    set_count(&bytes, count);
    assert_int_equal(restore(&j, &bytes, &err), SL_E_CORRUPT);
    (void)snprintf(counts, sizeof counts, "and counts %lld in 1 entries", (long long)count);
    assert_non_null(strstr(err.text, counts));
    assert_non_null(strstr(err.text, "the state of intervalFullOuterJoin-1 is damaged"));
    job_free(&j);
    sli_str_reset(&bytes);
}

/// A join would look for as many entries, for each row.
SL_TEST(a_bucket_of_a_join_that_counts_what_it_can_not_have_is_refused, "ERRORS-2")
{
    is_told(-1);
    is_told(0);
    is_told(SLI_MAX_BUCKET_ROWS + 1);
    is_told(INT64_MAX);
}

SL_TEST(a_key_with_more_rows_than_a_bucket_of_a_join_may_have_fails, "BOUNDED-1")
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    job j = job_new(join);
    sl_error err = SL_ERROR_INIT;
    make_delta(join, &bytes);
    set_count(&bytes, SLI_MAX_BUCKET_ROWS);
    assert_int_equal(restore(&j, &bytes, &err), SL_OK);
    slt_push(&j.g, "a", "31 x 1|31 yy 1|31 z 1", 1); // one of them has the full bucket
    slt_epoch_begin(j.host);
    assert_non_null(strstr(slt_epoch_rows(j.host, j.timed),
                           "a key has more than 16777216 rows within 1000000 us"));
    slt_epoch_end(j.host, true);
    job_free(&j);
    sli_str_reset(&bytes);
}
