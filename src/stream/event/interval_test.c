// Joins within a bound of time: epoch by epoch, and against a model that compares all pairs.
#include "stream/graph_fixture_test.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "stream/event/interval.h"

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

enum { MOST = 120, EPOCHS = 25, DELAY = 15, KEYS = 3 };

typedef struct row {
    int64_t time;
    int32_t key, n, epoch;
    bool taken, matched, given;
} row;

typedef struct join_kind {
    join_fn *join;
    bool outer[2]; ///< rows of that side come alone too
} join_kind;

/// A join's settings. Times and durations are in units: of 1 us all rows are in a bucket or two, of
/// 60 ms a few epochs are one.
typedef struct settings {
    int64_t lower, upper, lateness, unit_us;
    int32_t lanes;
} settings;

typedef struct model {
    settings set;
    row rows[2][MOST];
    int32_t n[2];
    int64_t latest[2][2];  ///< by side and lane; INT64_MIN: it has shown nothing
    int64_t watermarks[2]; ///< by side
} model;

static void begin_model(model *m, settings set)
{
    *m = (model){.set = set};
    for (int32_t side = 0; side < 2; side++) {
        m->latest[side][0] = m->latest[side][1] = m->watermarks[side] = INT64_MIN;
    }
}

/// That of the epoch that begins: of a side the slowest lane's, never back; of both the least.
static int64_t next_watermark(model *m)
{
    for (int32_t side = 0; side < 2; side++) {
        const int64_t *latest = m->latest[side];
        int64_t slow = latest[0] < latest[1] ? latest[0] : latest[1];
        slow = slow == INT64_MIN ? (latest[0] > latest[1] ? latest[0] : latest[1]) : slow;
        int64_t at = slow == INT64_MIN ? slow : slow - DELAY;
        m->watermarks[side] = at > m->watermarks[side] ? at : m->watermarks[side];
    }
    return m->watermarks[0] < m->watermarks[1] ? m->watermarks[0] : m->watermarks[1];
}

/// Random rows of one epoch and side, as text for the queue; they are noted with what becomes of
/// them. Two partitions are cut in the middle, as a queue does.
static void make_rows(model *m, int32_t side, int32_t epoch, int64_t watermark, sli_rng *rng,
                      sli_str *out)
{
    int32_t n = (int32_t)sli_rng_below(rng, 6);
    n = n < MOST - m->n[side] ? n : MOST - m->n[side];
    for (int32_t i = 0; i < n; i++) {
        row r = {.time = 1000000 + epoch * 4 - (int64_t)sli_rng_below(rng, 2 * DELAY),
                 .key = (int32_t)sli_rng_below(rng, KEYS),
                 .n = m->n[side],
                 .epoch = epoch};
        int64_t *latest = &m->latest[side][m->set.lanes == 2 && i >= n / 2];
        r.taken = watermark == INT64_MIN || r.time >= watermark - m->set.lateness;
        *latest = r.time > *latest ? r.time : *latest;
        m->rows[side][m->n[side]++] = r;
        sli_str_text(out, out->size == 0 ? "" : "|");
        long long at_us = r.time * m->set.unit_us;
        if (side == 0) {
            sli_str_printf(out, "%lld k%d %d", at_us, r.key, r.n);
        } else {
            sli_str_printf(out, "k%d %lld %d", r.key, at_us, r.n);
        }
    }
}

static bool is_pair(const settings *set, const row *a, const row *b)
{
    return a->taken && b->taken && a->key == b->key && b->time - a->time >= set->lower &&
           b->time - a->time <= set->upper;
}

/// Rows of a side that can't be matched any more.
static void model_alone(model *m, int32_t side, int32_t epoch, int64_t watermark, sli_str *out)
{
    const settings *set = &m->set;
    for (int32_t i = 0; i < m->n[side]; i++) {
        row *r = &m->rows[side][i];
        int64_t last = side == 0 ? r->time + set->upper : r->time - set->lower;
        if (!r->taken || r->matched || r->given || r->epoch >= epoch || watermark == INT64_MIN ||
            last >= watermark - set->lateness) {
            continue;
        }
        r->given = true;
        sli_str_printf(out, side == 0 ? "k%d %lld %d null null\n" : "k%d null null %lld %d\n",
                       r->key, (long long)(r->time * set->unit_us), r->n);
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
            if (last == epoch && is_pair(&m->set, a, b)) {
                a->matched = b->matched = true;
                sli_str_printf(out, "k%d %lld %d %lld %d\n", a->key,
                               (long long)(a->time * m->set.unit_us), a->n,
                               (long long)(b->time * m->set.unit_us), b->n);
            }
        }
    }
    for (int32_t side = 0; side < 2; side++) {
        if (kind->outer[side]) {
            model_alone(m, side, epoch, watermark, out);
        }
    }
}

static sli_event_time *time_of(const job *j, int32_t side)
{
    return sli_event_time_of(j->join->inputs[side]);
}

/// The epoch that runs keeps what the one before has promised, and promises the model's next.
static void check_promises(const job *j, const model *m, const int64_t *promised)
{
    for (int32_t side = 0; side < 2; side++) {
        int64_t known = m->watermarks[side];
        int64_t at_us = known == INT64_MIN ? known : known * m->set.unit_us;
        assert_int_equal(time_of(j, side)->watermark_us, at_us);
        assert_true(promised[side] <= at_us);
    }
}

static void run_epoch(job *j, model *m, int32_t epoch, const join_kind *kind, sli_rng *rng)
{
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST}, right = {.tag = SLI_TAG_TEST};
    int64_t promised[2] = {time_of(j, 0)->lanes.promised_us, time_of(j, 1)->lanes.promised_us};
    int64_t watermark = next_watermark(m);
    make_rows(m, 0, epoch, watermark, rng, &a);
    make_rows(m, 1, epoch, watermark, rng, &b);
    if (a.size > 0) {
        slt_push(&j->g, "a", a.data, m->set.lanes);
    }
    if (b.size > 0) {
        slt_push(&j->g, "b", b.data, m->set.lanes);
    }
    slt_epoch_begin(j->host);
    char *given = slt_sorted_lines(slt_epoch_rows(j->host, j->join));
    slt_epoch_end(j->host, false);
    check_promises(j, m, promised);
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

/// Bounds on both sides of 0, before and behind it.
static settings random_settings(sli_rng *rng)
{
    static const int64_t bounds[][2] = {{-3, 6}, {0, 0}, {-12, -4}, {2, 9}, {-30, 30}};
    const int64_t *bound = bounds[sli_rng_below(rng, sizeof bounds / sizeof *bounds)];
    return (settings){.lower = bound[0],
                      .upper = bound[1],
                      .lateness = sli_rng_below(rng, 2) == 0 ? 0 : 7,
                      .unit_us = sli_rng_below(rng, 2) == 0 ? 1 : 60000,
                      .lanes = 1 + (int32_t)sli_rng_below(rng, 2)};
}

static const char *put_us(char *out, size_t size, int64_t units, const settings *set)
{
    (void)snprintf(out, size, "%lldus", (long long)(units * set->unit_us));
    return out;
}

static job model_job(join_fn *join, const settings *set, int32_t parallelism)
{
    char delay[32], lower[32], upper[32], lateness[32];
    job j = {.g = slt_graph_new()};
    sl_error err = SL_ERROR_INIT;
    put_us(delay, sizeof delay, DELAY, set);
    sl_stream *a = rows_of(&j, "a", "ts timestamp, k string, n int64", delay);
    sl_stream *b = rows_of(&j, "b", "k string, ts timestamp, m int64", delay);
    sl_stream_max_ahead(a, "36500d"); // times in units of 60 ms are far ahead of the world's clock
    sl_stream_max_ahead(b, "36500d");
    j.join = join(a, b, "k", put_us(lower, sizeof lower, set->lower, set),
                  put_us(upper, sizeof upper, set->upper, set));
    sl_stream_lateness(j.join, put_us(lateness, sizeof lateness, set->lateness, set));
    (void)!sl_graph_check(j.g.graph, &err);
    SL_CHECK_TEXT(err.text, "");
    j.host = slt_host_new(&j.g, parallelism);
    return j;
}

static void compare_with_model(const join_kind *kind, uint64_t seed)
{
    static model m;
    sli_rng rng = {seed};
    sli_str deltas = {.tag = SLI_TAG_TEST};
    settings set = random_settings(&rng);
    job j = model_job(kind->join, &set, 1 + (int32_t)sli_rng_below(&rng, 3));
    begin_model(&m, set);
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
    for (uint64_t seed = 1; seed <= (SLT_SLOW_BUILD ? 16 : 160); seed++) {
        compare_with_model(&kinds[seed % 4], seed * 7919);
    }
}

// ---------------------------------------------------------------- many keys, many rows of a key

typedef struct counted {
    int64_t pairs, alone;
} counted;

/// Lines of pairs and of rows alone.
static counted count_lines(const char *lines)
{
    counted c = {0};
    for (const char *at = lines; *at != '\0'; at = strchr(at, '\n') + 1) {
        bool alone = memmem(at, strcspn(at, "\n"), "null", 4) != NULL;
        c.alone += alone;
        c.pairs += !alone;
    }
    return c;
}

static counted epoch_counts(job *j, const sli_str *a, const sli_str *b)
{
    if (a->size > 0) {
        slt_push(&j->g, "a", a->data, 1);
    }
    if (b->size > 0) {
        slt_push(&j->g, "b", b->data, 1);
    }
    slt_epoch_begin(j->host);
    counted c = count_lines(slt_epoch_rows(j->host, j->join));
    slt_epoch_end(j->host, false);
    return c;
}

/// Rows of the left at times from `time` on, and keys kFROM to, one behind the other; `each` of a
/// key.
static void put_left(sli_str *out, int64_t time, int32_t from, int32_t n_keys, int32_t each)
{
    sli_str_clear(out);
    for (int32_t i = 0; i < n_keys * each; i++) {
        sli_str_printf(out, "%s%lld k%d %d", i == 0 ? "" : "|", (long long)time + i / n_keys,
                       from + i % n_keys, i);
    }
}

static void put_right(sli_str *out, int64_t time, int32_t from, int32_t n_keys)
{
    sli_str_clear(out);
    for (int32_t i = 0; i < n_keys; i++) {
        sli_str_printf(out, "%sk%d %lld %d", i == 0 ? "" : "|", from + i, (long long)time, i);
    }
}

/// Numbers of keys around how many are asked for together: half of them find a row of the right.
SL_TEST(interval_joins_ask_for_any_number_of_keys, "")
{
    static const int32_t sizes[] = {1, 2, 511, 512, 513, 1023, 1024, 1026};
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int32_t n = sizes[i], half = n / 2;
        job j = job_new(sl_stream_interval_left_outer_join, "0s", "0s", "5us", 1 + n % 3);
        put_left(&a, 10, 0, n, 1);
        put_right(&b, 11, n, 1); // a key of its own
        assert_int_equal(epoch_counts(&j, &a, &b).pairs, 0);
        put_left(&a, 10, n, 1, 1);
        put_right(&b, 12, 0, half);
        assert_int_equal(epoch_counts(&j, &a, &b).pairs, half + 1);
        put_left(&a, 2000000, n, 1, 1);
        put_right(&b, 2000000, n, 1);
        (void)epoch_counts(&j, &a, &b);
        sli_str_clear(&a);
        sli_str_clear(&b);
        counted last = epoch_counts(&j, &a, &b);
        assert_int_equal(last.alone, n - half);
        assert_int_equal(last.pairs, 0);
        assert_in_range(entries(&j), 0, 2); // the keys' cells are past
        job_free(&j);
    }
    sli_str_reset(&a);
    sli_str_reset(&b);
}

/// How many rows of a key make another entry of its cell: each way to come to it.
static void grow_cell(join_fn *join, int32_t first, int32_t more, int32_t parallelism)
{
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST}, deltas = {.tag = SLI_TAG_TEST};
    bool outer = join == sl_stream_interval_left_outer_join;
    job j = job_new(join, "0s", "0s", "5us", parallelism);
    put_left(&a, 10, 0, 1, first);
    put_right(&b, 10, 9, 1);
    assert_int_equal(epoch_counts(&j, &a, &b).pairs, 0);
    put_left(&a, 10, 0, 1, more);
    sli_str_clear(&b);
    assert_int_equal(epoch_counts(&j, &a, &b).pairs, 0);
    restart(&j, &deltas, 3 - parallelism);
    sli_str_clear(&a);
    put_right(&b, 12, 0, 1); // rows at 10, 11, 12
    int64_t met = (first < 3 ? first : 3) + (more < 3 ? more : 3);
    assert_int_equal(epoch_counts(&j, &a, &b).pairs, met);
    put_left(&a, 3000000, 5, 1, 1);
    put_right(&b, 3000000, 6, 1);
    assert_int_equal(epoch_counts(&j, &a, &b).pairs, 0);
    sli_str_clear(&a);
    sli_str_clear(&b);
    assert_int_equal(epoch_counts(&j, &a, &b).alone, outer ? first + more - met : 0);
    assert_in_range(entries(&j), 0, 2);
    job_free(&j);
    sli_str_reset(&a);
    sli_str_reset(&b);
    sli_str_reset(&deltas);
}

SL_TEST(interval_joins_go_on_in_another_entry, "")
{
    const int32_t step = SLT_SLOW_BUILD ? 13 : 3;
    for (int32_t n = 1; n<260; n += n> 60 && n < 130 ? 1 : step * 4) {
        grow_cell(sl_stream_interval_join, n, 1 + n % 7, 1 + n % 2);
        grow_cell(sl_stream_interval_left_outer_join, n, 1, 1 + n % 2);
        grow_cell(sl_stream_interval_left_outer_join, 2, n, 1 + n % 2);
    }
}

/// A key with very many rows in a bucket, in few and in one epoch, over restarts.
SL_TEST(interval_join_of_a_hot_key, "")
{
    const int32_t most = SLT_SLOW_BUILD ? 5000 : 100000;
    join_fn *const joins[] = {sl_stream_interval_join, sl_stream_interval_left_outer_join};
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST};
    for (size_t i = 0; i < sizeof joins / sizeof *joins; i++) {
        sli_str deltas = {.tag = SLI_TAG_TEST};
        job j = job_new(joins[i], "0s", "0s", "3us", 2);
        put_left(&a, 1000, 0, 1, most / 2);
        put_right(&b, 1000, 1, 1);
        assert_int_equal(epoch_counts(&j, &a, &b).pairs, 0);
        assert_true(entries(&j) > most / 2 / (SLI_ENTRY_BYTES / 16));
        restart(&j, &deltas, 1);
        put_left(&a, 1000, 0, 1, most / 2);
        put_right(&b, 1000 + most / 4, 0, 1);
        assert_int_equal(epoch_counts(&j, &a, &b).pairs, 8); // 4 of the state, 4 of the epoch
        restart(&j, &deltas, 3);
        put_left(&a, 5000000, 1, 1, 1);
        put_right(&b, 5000000, 1, 1);
        counted third = epoch_counts(&j, &a, &b); // the watermark is at the right row
        assert_int_equal(third.pairs, 1);
        sli_str_clear(&a);
        sli_str_clear(&b);
        counted last = epoch_counts(&j, &a, &b);
        assert_int_equal(third.alone + last.alone, i == 0 ? 0 : most - 8);
        assert_in_range(entries(&j), 0, 2);
        job_free(&j);
        sli_str_reset(&deltas);
    }
    sli_str_reset(&a);
    sli_str_reset(&b);
}

/// A full outer join with a cell of several entries, rows that are due, and such that stay.
static job begin_with_state(void)
{
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST};
    job j = job_new(sl_stream_interval_full_outer_join, "0s", "0s", "300us", 1);
    put_left(&a, 1000, 0, 1, 200);
    put_right(&b, 1250, 1, 2);
    (void)epoch_counts(&j, &a, &b);
    sli_str_reset(&a);
    sli_str_reset(&b);
    return j;
}

/// Rows that meet some of them, one another and nobody; and what is due.
static char *give_more(job *j)
{
    slt_push(&j->g, "a", "1600 k0 1|1251 k1 2|1700 k3 3", 1);
    slt_push(&j->g, "b", "k0 1300 1|k0 1601 2|k2 1900 3", 1);
    slt_epoch_begin(j->host);
    return sl_strdup(SLI_TAG_TEST, slt_epoch_rows(j->host, j->join));
}

// A refused allocation fails the epoch, or is met by a retry; what the epoch gives then is what it
// would have given.
SL_TEST(interval_joins_survive_each_failed_allocation, "")
{
    job j = begin_with_state();
    char *expected = give_more(&j);
    assert_in_range(count_lines(expected).pairs, 100, 250);
    slt_epoch_end(j.host, false);
    job_free(&j);
    bool failed = true;
    for (int64_t n = 1; failed; n += SLT_SLOW_BUILD ? 37 : 5) {
        j = begin_with_state();
        slt_push(&j.g, "a", "1600 k0 1|1251 k1 2|1700 k3 3", 1);
        slt_push(&j.g, "b", "k0 1300 1|k0 1601 2|k2 1900 3", 1);
        slt_epoch_begin(j.host);
        sli_mem_fail_nth(n);
        const char *rows = slt_epoch_rows(j.host, j.join);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        if (strstr(rows, "SL_E_NOMEM") == NULL) { // or the test's own text ends early
            assert_memory_equal(rows, expected, strlen(rows));
        }
        slt_epoch_end(j.host, true);
        char *again = give_more(&j);
        SL_CHECK_TEXT(again, expected);
        slt_epoch_end(j.host, false);
        sl_free(again);
        job_free(&j);
    }
    sl_free(expected);
}

// Rows that nobody can meet after their epoch do not come into the state.
SL_TEST(interval_join_keeps_nothing_that_will_be_due, "")
{
    sli_str a = {.tag = SLI_TAG_TEST}, b = {.tag = SLI_TAG_TEST}, delta = {.tag = SLI_TAG_TEST};
    job j = job_new(sl_stream_interval_join, "0s", "0s", "5us", 2);
    put_left(&a, 1000, 0, 1, 500); // up to 1499
    put_right(&b, 1499, 0, 1);
    assert_int_equal(epoch_counts(&j, &a, &b).pairs, 6);
    assert_int_equal(entries(&j), 2); // the next watermark is 1499: rows from 1494 on
    assert_int_equal(sli_state_delta(slt_host_store(j.host), &delta, NULL), SL_OK);
    assert_in_range(delta.size, 1, 2000);
    job_free(&j);
    sli_str_reset(&delta);
    sli_str_reset(&a);
    sli_str_reset(&b);
}

// A job that comes back with a longer delay does not go back behind what was promised: rows that
// were left out of the state would be missed.
SL_TEST(interval_join_keeps_its_promise_when_the_delay_is_longer_after_a_restart, "")
{
    sli_str deltas = {.tag = SLI_TAG_TEST};
    job j = job_new(sl_stream_interval_join, "0s", "0s", "5us", 1);
    epoch_is(&j, "100 x 1|200 x 2", "x 200 1", "x 200 2 200 1\n"); // 100 is left out
    assert_int_equal(sli_state_delta(slt_host_store(j.host), &deltas, NULL), SL_OK);
    job_free(&j);
    j = job_new(sl_stream_interval_join, "150us", "0s", "5us", 1);
    sli_store *store = slt_host_store(j.host);
    sl_bytes bytes = {deltas.data, deltas.size};
    assert_int_equal(store->ops->apply(store, bytes, NULL), SL_OK);
    assert_int_equal(sli_event_restore(j.g.graph, slt_host_runtime(j.host), NULL), SL_OK);
    slt_push(&j.g, "b", "x 100 2|x 201 3", 1);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.join), "x 200 2 201 3\n");
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.late_right), "x 100 2\n");
    slt_epoch_end(j.host, false);
    job_free(&j);
    sli_str_reset(&deltas);
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
