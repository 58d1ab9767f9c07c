// Joins within a bound of time: epoch by epoch, and against a model that compares all pairs.
#include "stream/graph_fixture_test.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "stream/event/timed.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct job {
    slt_graph g;
    sl_stream *join, *late, *late_right;
    slt_host *host;
} job;

static sl_stream *rows_of(job *j, const char *queue, const char *schema, const char *delay)
{
    sl_stream *in = sl_stream_queue(j->g.graph, queue, schema, true);
    return sl_stream_idle_after(sl_stream_event_time(in, "ts", delay), "0s");
}

typedef sl_stream *join_fn(sl_stream *a, sl_stream *b, const char *keys, const char *lower,
                           const char *upper);

static job job_new(join_fn *join, const char *delay, const char *lower, const char *upper,
                   int32_t parallelism)
{
    job j = {.g = slt_graph_new()};
    sl_error err = SL_ERROR_INIT;
    sl_stream *a = rows_of(&j, "a", "ts timestamp, k string, n int64", delay);
    sl_stream *b = rows_of(&j, "b", "k string, ts timestamp, m int64", delay);
    j.join = join(a, b, "k", lower, upper);
    j.late = sl_stream_late(j.join);
    j.late_right = sl_stream_late_right(j.join);
    (void)!sl_graph_check(j.g.graph, &err);
    SL_CHECK_TEXT(err.text, "");
    j.host = slt_host_new(&j.g, parallelism);
    return j;
}

static void job_free(job *j)
{
    slt_host_free(j->host);
    slt_graph_free(&j->g);
}

static void epoch_is(job *j, const char *a, const char *b, const char *expected)
{
    if (a != NULL) {
        slt_push(&j->g, "a", a, 1);
    }
    if (b != NULL) {
        slt_push(&j->g, "b", b, 1);
    }
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->join), expected);
    slt_epoch_end(j->host, false);
}

static int64_t entries(const job *j)
{
    sli_store *store = slt_host_store(j->host);
    return store->ops->keys(store, j->join->table);
}

SL_TEST(interval_join_gives_each_pair_once_whichever_row_came_first, "")
{
    job j = job_new(sl_stream_interval_join, "100us", "-2us", "5us", 1);
    epoch_is(&j, "10 x 1|20 x 2|10 y 3", NULL, "");
    epoch_is(&j, NULL, "x 15 1|x 8 2|x 7 3|y 16 4", "x 10 1 8 2\nx 10 1 15 1\n");
    epoch_is(&j, "17 x 4", "x 22 5|x 17 6", "x 20 2 22 5\nx 17 4 15 1\nx 17 4 17 6\nx 17 4 22 5\n");
    job_free(&j);
}

SL_TEST(interval_join_forgets_rows_when_both_watermarks_have_passed, "")
{
    job j = job_new(sl_stream_interval_join, "0s", "-2us", "5us", 1);
    epoch_is(&j, "10 x 1", "x 11 1", "x 10 1 11 1\n");
    assert_int_equal(entries(&j), 2);
    epoch_is(&j, "5000000 z 1", NULL, "");
    epoch_is(&j, NULL, NULL, ""); // the right side is at 11 still
    assert_int_equal(entries(&j), 3);
    epoch_is(&j, NULL, "z 5000003 1|x 11 2", "z 5000000 1 5000003 1\nx 10 1 11 2\n");
    assert_int_equal(entries(&j), 4); // the second x of the right will be past: it has not come in
    epoch_is(&j, NULL, NULL, "");
    assert_int_equal(entries(&j), 2); // z's; x's buckets are past
    slt_push(&j.g, "a", "9 x 1|5000001 z 2", 1);
    slt_push(&j.g, "b", "x 12 1", 1);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.join), "z 5000001 2 5000003 1\n");
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.late), "9 x 1\n");
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.late_right), "x 12 1\n");
    slt_epoch_end(j.host, false);
    job_free(&j);
}

SL_TEST(interval_outer_join_gives_rows_without_a_match_when_none_can_come, "")
{
    job j = job_new(sl_stream_interval_left_outer_join, "0s", "0s", "5us", 1);
    epoch_is(&j, "10 x 1|12 x 2|11 y 3", "x 16 7|x 9 7", "x 12 2 16 7\n");
    epoch_is(&j, "16 q 1", "q 16 1", "q 16 1 16 1\n");
    epoch_is(&j, NULL, NULL, "x 10 1 null null\n"); // 16 is past 10 + 5, not past 11 + 5
    epoch_is(&j, "18 q 1", "q 18 1", "q 16 1 18 1\nq 18 1 18 1\n");
    epoch_is(&j, NULL, NULL, "y 11 3 null null\n");
    job_free(&j);
}

SL_TEST(interval_right_outer_join_gives_rows_of_the_right_without_a_match, "")
{
    job j = job_new(sl_stream_interval_right_outer_join, "0s", "-5us", "0s", 1);
    SL_CHECK_TEXT(sl_schema_text(j.join->schema),
                  "k string, ts timestamp?, n int64?, ts_2 timestamp, m int64");
    epoch_is(&j, "16 x 7|9 x 7", "x 10 1|x 12 2|y 11 3", "x 16 7 12 2\n");
    epoch_is(&j, "16 q 1", "q 16 1", "q 16 1 16 1\n");
    epoch_is(&j, NULL, NULL, "x null null 10 1\n"); // 16 is past 10 + 5, not past 11 + 5
    epoch_is(&j, "18 q 2", "q 18 2", "q 18 2 16 1\nq 18 2 18 2\n");
    epoch_is(&j, NULL, NULL, "y null null 11 3\n");
    job_free(&j);
}

SL_TEST(interval_full_outer_join_gives_rows_of_both_without_a_match_by_time, "")
{
    job j = job_new(sl_stream_interval_full_outer_join, "0s", "0s", "0s", 1);
    SL_CHECK_TEXT(sl_schema_text(j.join->schema),
                  "k string, ts timestamp?, n int64?, ts_2 timestamp?, m int64?");
    epoch_is(&j, "10 x 1|12 y 2|14 z 3", "x 11 1|y 12 2|z 13 3", "y 12 2 12 2\n");
    epoch_is(&j, "20 q 1", "q 21 1", "x 10 1 null null\nx null null 11 1\n"); // 13: z's right row
    epoch_is(&j, NULL, NULL, "z null null 13 3\nz 14 3 null null\n");
    job_free(&j);
}

SL_TEST(interval_outer_joins_take_the_keys_of_the_side_that_has_the_row, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *a = sl_stream_queue(g.graph, "a", "ts timestamp, k string", true);
    sl_stream *b = sl_stream_queue(g.graph, "b", "ts timestamp, k string?, m int64", true);
    sl_stream *join = sl_stream_interval_right_outer_join(
        sl_stream_event_time(a, "ts", "0s"), sl_stream_event_time(b, "ts", "0s"), "k", "0s", "0s");
    SL_CHECK_TEXT(sl_schema_text(join->schema),
                  "k string?, ts timestamp?, ts_2 timestamp, m int64");
    slt_host *host = slt_host_new(&g, 1);
    slt_push(&g, "a", "10 x|30 x", 1);
    slt_push(&g, "b", "10 null 1|12 y 2|30 x 3", 1);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, join), "x 30 30 3\n");
    slt_epoch_end(host, false);
    sl_error err = SL_ERROR_INIT; // the indexes are made from the table, null keys too
    assert_int_equal(sli_event_restore(g.graph, slt_host_runtime(host), &err), SL_OK);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, join), "null null 10 1\ny null 12 2\n");
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- the model

enum { MOST = 120, EPOCHS = 25, DELAY = 15, LOWER = -3, UPPER = 6, KEYS = 3 };

typedef struct row {
    int64_t time;
    int32_t key, n, epoch;
    bool taken, matched, given;
} row;

typedef struct join_kind {
    join_fn *join;
    bool outer[2]; ///< rows of that side come alone too
} join_kind;

typedef struct model {
    row rows[2][MOST];
    int32_t n[2];
    int64_t latest[2];
} model;

/// Random rows of one epoch and side, as text for the queue; they are noted with what becomes of
/// them.
static void make_rows(model *m, int32_t side, int32_t epoch, int64_t watermark, sli_rng *rng,
                      sli_str *out)
{
    int32_t n = (int32_t)sli_rng_below(rng, 6);
    for (int32_t i = 0; i < n && m->n[side] < MOST; i++) {
        row r = {.time = 1000000 + epoch * 4 - (int64_t)sli_rng_below(rng, 2 * DELAY),
                 .key = (int32_t)sli_rng_below(rng, KEYS),
                 .n = m->n[side],
                 .epoch = epoch};
        r.taken = r.time >= watermark;
        m->latest[side] = r.time > m->latest[side] ? r.time : m->latest[side];
        m->rows[side][m->n[side]++] = r;
        sli_str_text(out, out->size == 0 ? "" : "|");
        if (side == 0) {
            sli_str_printf(out, "%lld k%d %d", (long long)r.time, r.key, r.n);
        } else {
            sli_str_printf(out, "k%d %lld %d", r.key, (long long)r.time, r.n);
        }
    }
}

static bool is_pair(const row *a, const row *b)
{
    return a->taken && b->taken && a->key == b->key && b->time - a->time >= LOWER &&
           b->time - a->time <= UPPER;
}

/// Rows of a side that can't be matched any more.
static void model_alone(model *m, int32_t side, int32_t epoch, int64_t watermark, sli_str *out)
{
    for (int32_t i = 0; i < m->n[side]; i++) {
        row *r = &m->rows[side][i];
        int64_t last = side == 0 ? r->time + UPPER : r->time - LOWER;
        if (!r->taken || r->matched || r->given || r->epoch >= epoch || last >= watermark) {
            continue;
        }
        r->given = true;
        sli_str_printf(out, side == 0 ? "k%d %lld %d null null\n" : "k%d null null %lld %d\n",
                       r->key, (long long)r->time, r->n);
    }
}

/// Pairs whose later row came in this epoch, and rows that stay alone.
static void model_epoch(model *m, int32_t epoch, int64_t watermark, const join_kind *kind,
                        sli_str *out)
{
    for (int32_t i = 0; i < m->n[0]; i++) {
        row *a = &m->rows[0][i];
        for (int32_t k = 0; k < m->n[1]; k++) {
            row *b = &m->rows[1][k];
            int32_t last = a->epoch > b->epoch ? a->epoch : b->epoch;
            if (last == epoch && is_pair(a, b)) {
                a->matched = b->matched = true;
                sli_str_printf(out, "k%d %lld %d %lld %d\n", a->key, (long long)a->time, a->n,
                               (long long)b->time, b->n);
            }
        }
    }
    for (int32_t side = 0; side < 2; side++) {
        if (kind->outer[side]) {
            model_alone(m, side, epoch, watermark, out);
        }
    }
}

static void run_epoch(job *j, model *m, int32_t epoch, const join_kind *kind, sli_rng *rng)
{
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST}, right = {.tag = SLI_TAG_TEST};
    bool both = m->latest[0] > 0 && m->latest[1] > 0;
    int64_t least = m->latest[0] < m->latest[1] ? m->latest[0] : m->latest[1];
    int64_t watermark = both ? least - DELAY : INT64_MIN;
    make_rows(m, 0, epoch, watermark, rng, &a);
    make_rows(m, 1, epoch, watermark, rng, &b);
    if (a.size > 0) {
        slt_push(&j->g, "a", a.data, 1);
    }
    if (b.size > 0) {
        slt_push(&j->g, "b", b.data, 1);
    }
    slt_epoch_begin(j->host);
    char *given = slt_sorted_lines(slt_epoch_rows(j->host, j->join));
    slt_epoch_end(j->host, false);
    model_epoch(m, epoch, watermark, kind, &right);
    char *expected = slt_sorted_lines(right.data == NULL ? "" : right.data);
    SL_CHECK_TEXT(given, expected);
    sl_free(given);
    sl_free(expected);
    sli_str_reset(&a);
    sli_str_reset(&b);
    sli_str_reset(&right);
}

/// A new life from the deltas alone.
static void restart(job *j, sli_str *deltas, int32_t parallelism)
{
    sli_str delta = {.tag = SLI_TAG_TEST};
    sli_store *store = slt_host_store(j->host);
    int64_t epoch = slt_epoch_of(j->host)->number;
    assert_int_equal(sli_state_delta(store, &delta, NULL), SL_OK);
    sli_put_bytes(deltas, delta.data, delta.size);
    sli_str_reset(&delta);
    slt_host_free(j->host);
    j->host = slt_host_new(&j->g, parallelism);
    slt_epoch_of(j->host)->number = epoch;
    store = slt_host_store(j->host);
    sli_reader r = sli_reader_of((sl_bytes){deltas->data, deltas->size});
    while (r.at < r.end) {
        assert_int_equal(store->ops->apply(store, sli_get_bytes(&r), NULL), SL_OK);
    }
    assert_int_equal(sli_event_restore(j->g.graph, slt_host_runtime(j->host), NULL), SL_OK);
}

static void compare_with_model(const join_kind *kind, uint64_t seed)
{
    static model m;
    sli_rng rng = {seed};
    sli_str deltas = {.tag = SLI_TAG_TEST};
    job j = job_new(kind->join, "15us", "-3us", "6us", 1 + (int32_t)sli_rng_below(&rng, 3));
    m = (model){0};
    for (int32_t epoch = 0; epoch < EPOCHS; epoch++) {
        run_epoch(&j, &m, epoch, kind, &rng);
        if (sli_rng_below(&rng, 6) == 0) {
            restart(&j, &deltas, 1 + (int32_t)sli_rng_below(&rng, 3));
        }
    }
    sli_str_reset(&deltas);
    job_free(&j);
}

SL_TEST(interval_joins_are_those_of_the_model, "")
{
    static const join_kind kinds[] = {
        {sl_stream_interval_join, {false, false}},
        {sl_stream_interval_left_outer_join, {true, false}},
        {sl_stream_interval_right_outer_join, {false, true}},
        {sl_stream_interval_full_outer_join, {true, true}},
    };
    for (uint64_t seed = 1; seed <= (SLT_SLOW_BUILD ? 8 : 60); seed++) {
        compare_with_model(&kinds[seed % 4], seed * 7919);
    }
}

// ---------------------------------------------------------------- mistakes and snapshots

SL_TEST(interval_join_refuses_bounds_that_cross_and_rows_without_event_time, "ERRORS-1")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "a", "ts timestamp, k string", true);
    sl_stream *timed = sl_stream_event_time(in, "ts", "1s");
    (void)sl_stream_interval_join(timed, timed, "k", "5s", "-5s");
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "operator 3 (intervalJoin after eventTime 'ts' and eventTime 'ts'): the lower "
                   "bound \"5s\" is above the upper one, \"-5s\"");
    slt_graph_free(&g);
    g = slt_graph_new();
    in = sl_stream_queue(g.graph, "a", "ts timestamp, k string", true);
    timed = sl_stream_event_time(in, "ts", "1s");
    (void)sl_stream_interval_join(timed, in, "k", "-5s", "5s");
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "operator 3 (intervalJoin after eventTime 'ts' and queue 'a'): its rows have no "
                   "event time: operator 1 (queue) gives rows to it, and there is no "
                   "sl_stream_event_time in between");
    slt_graph_free(&g);
}

SL_TEST(interval_entries_lie_in_the_slots_of_their_keys_also_in_snapshots, "")
{
    job j = job_new(sl_stream_interval_join, "0s", "-2us", "5us", 2);
    epoch_is(&j, "10 x 1|11 y 2|12 z 3", "x 11 1|q 9 1", "x 10 1 11 1\n");
    sli_store *store = slt_host_store(j.host), *other = NULL;
    const sli_table_info *info = sli_node_state(j.join);
    sli_table *table = NULL;
    sl_error err = SL_ERROR_INIT;
    int64_t n = entries(&j);
    assert_int_equal(sli_store_memory.open(&other, &(sli_state_env){0}, &err), SL_OK);
    assert_int_equal(other->ops->table(other, info, &table, &err), SL_OK);
    for (int32_t part = 0; part < SLI_SNAPSHOT_PARTS; part++) {
        sli_str bytes = {.tag = SLI_TAG_TEST};
        sl_code rc = sli_state_snapshot_part(store, j.join->table, info, part, &bytes, &err);
        assert_int_equal(rc, SL_OK);
        if (bytes.size > 0) {
            sli_buffer *buffer = sli_buffer_new((int64_t)bytes.size);
            memcpy(sli_buffer_data(buffer), bytes.data, bytes.size);
            rc = sli_state_restore_part(other, table, info, buffer, &err);
            SL_CHECK_TEXT(err.text, "");
            assert_int_equal(rc, SL_OK);
            sli_buffer_unref(buffer);
        }
        sli_str_reset(&bytes);
    }
    assert_int_equal(other->ops->keys(other, table), n);
    other->ops->close(other);
    job_free(&j);
}
