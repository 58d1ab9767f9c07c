// Operators by event time against a model that keeps every row and looks at all of them in every
// epoch: random rows out of order, random epochs, several partitions of the source and of the
// operator, and restarts from the deltas with another number of partitions.
#include "stream/graph_fixture_test.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "stream/event/timed.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MOST_ROWS = 400,
    MOST_EPOCHS = 60,
    LANES = 2,
    KEYS = 4,
    DELAY = 20,
    SIZE = 12,
    SLIDE = 4,
    GAP = 6,
    LATENESS = 3,
    FAR = 100000, ///< flushes everything
};

// ---------------------------------------------------------------- input

typedef struct row {
    int64_t time;
    int32_t key, n;
    int32_t epoch, lane;
    int64_t watermark; ///< of its epoch
    bool taken, gone;  ///< model: in time; in a session that was closed
} row;

/// Rows in order of arrival, and what the watermark of each epoch must be.
typedef struct input {
    row rows[MOST_ROWS];
    int32_t n, n_epochs, from[MOST_EPOCHS + 1];
    int64_t watermarks[MOST_EPOCHS + 1];
    bool two_lanes;
} input;

/// Times go on about as fast as rows come; `spread` is how far out of order they are.
static void make_rows(input *in, sli_rng *rng, int32_t n, int64_t spread)
{
    *in = (input){.n = n};
    for (int32_t i = 0; i < n; i++) {
        int64_t time = i / 2 + FAR - (int64_t)sli_rng_below(rng, (uint64_t)spread + 1);
        in->rows[i] = (row){.time = time,
                            .key = (int32_t)sli_rng_below(rng, KEYS),
                            .n = (int32_t)sli_rng_below(rng, 10)};
    }
    in->rows[n - 1].time = 3 * FAR; // the last row closes all others'
}

/// Cuts the rows into epochs; the row that closes everything comes alone, then an empty epoch.
static void cut(input *in, sli_rng *rng, int32_t n_epochs)
{
    in->n_epochs = n_epochs;
    for (int32_t e = 1; e < n_epochs - 2; e++) {
        in->from[e] = (int32_t)sli_rng_below(rng, (uint64_t)in->n);
    }
    for (int32_t e = 1; e < n_epochs - 2; e++) {
        for (int32_t k = e; k > 1 && in->from[k] < in->from[k - 1]; k--) {
            int32_t kept = in->from[k];
            in->from[k] = in->from[k - 1];
            in->from[k - 1] = kept;
        }
    }
    in->from[0] = 0;
    in->from[n_epochs - 2] = in->n - 1;
    in->from[n_epochs - 1] = in->from[n_epochs] = in->n;
}

/// The watermark of each epoch, from the rows of those before: the slowest lane, less the delay.
static void find_watermarks(input *in)
{
    int64_t latest[LANES] = {INT64_MIN, INT64_MIN}, watermark = INT64_MIN;
    for (int32_t e = 0; e < in->n_epochs; e++) {
        int64_t slowest = latest[0];
        if (latest[1] != INT64_MIN && (slowest == INT64_MIN || latest[1] < slowest)) {
            slowest = latest[1];
        }
        if (slowest != INT64_MIN && slowest - DELAY > watermark) {
            watermark = slowest - DELAY;
        }
        in->watermarks[e] = watermark;
        int32_t n = in->from[e + 1] - in->from[e];
        for (int32_t i = 0; i < n; i++) {
            row *r = &in->rows[in->from[e] + i];
            // Two partitions are cut in the middle, as a queue does.
            r->lane = in->two_lanes && i >= n / 2;
            r->epoch = e;
            r->watermark = watermark;
            latest[r->lane] = r->time > latest[r->lane] ? r->time : latest[r->lane];
        }
    }
}

// ---------------------------------------------------------------- the models

typedef void (*model_fn)(input *in, int32_t epoch, sli_str *out);

/// What windows are of: a row a key, all rows, or a row a key with the first row's key behind.
typedef enum of_windows { BY_KEY, OF_ALL, WITH_FIRST } of_windows;

static void put_window(sli_str *out, int64_t start, int64_t end, int32_t key, int64_t sum,
                       int64_t n)
{
    sli_str_printf(out, "%lld %lld k%d %lld %lld\n", (long long)start, (long long)end, key,
                   (long long)sum, (long long)n);
}

static int64_t closes_at(int64_t start)
{
    return start + SIZE + LATENESS;
}

/// The window's rows up to an epoch, those that came before it was closed. *now: one came in it.
static int64_t window_of(const input *in, int32_t epoch, int64_t start, int32_t key, int64_t *sum,
                         bool *now)
{
    int64_t n = 0;
    *sum = 0;
    *now = false;
    for (int32_t i = 0; i < in->from[epoch + 1]; i++) {
        const row *r = &in->rows[i];
        bool in_it = (key < 0 || r->key == key) && r->time >= start && r->time < start + SIZE &&
                     closes_at(start) > r->watermark;
        n += in_it;
        *sum += in_it ? r->n : 0;
        *now = *now || (in_it && r->epoch == epoch);
    }
    return n;
}

static void put_result(sli_str *out, of_windows of, int64_t start, int32_t key, int64_t sum,
                       int64_t n)
{
    if (of == BY_KEY) {
        put_window(out, start, start + SIZE, key, sum, n);
    } else if (of == OF_ALL) {
        sli_str_printf(out, "%lld %lld %lld %lld\n", (long long)start, (long long)start + SIZE,
                       (long long)sum, (long long)n);
    } else {
        sli_str_printf(out, "%lld %lld k%d %lld %lld k%d\n", (long long)start,
                       (long long)start + SIZE, key, (long long)sum, (long long)n, key);
    }
}

static void model_windows(const input *in, int32_t epoch, bool update, of_windows of, sli_str *out)
{
    int64_t now_us = in->watermarks[epoch];
    int64_t before_us = epoch == 0 ? INT64_MIN : in->watermarks[epoch - 1];
    for (int64_t at = -400; at < 800; at += SLIDE) { // around FAR, then around the last row
        int64_t start = at < 400 ? FAR + at : 3 * FAR - 600 + at;
        for (int32_t key = of == OF_ALL ? -1 : 0; key < (of == OF_ALL ? 0 : KEYS); key++) {
            int64_t sum = 0;
            bool now = false, closed = closes_at(start) <= now_us && closes_at(start) > before_us;
            int64_t n = window_of(in, epoch, start, key, &sum, &now);
            if (n > 0 && (update ? now : closed)) {
                put_result(out, of, start, key, sum, n);
            }
        }
    }
}

static void model_append(input *in, int32_t epoch, sli_str *out)
{
    model_windows(in, epoch, false, BY_KEY, out);
}

static void model_update(input *in, int32_t epoch, sli_str *out)
{
    model_windows(in, epoch, true, BY_KEY, out);
}

static void model_all(input *in, int32_t epoch, sli_str *out)
{
    model_windows(in, epoch, false, OF_ALL, out);
}

static void model_ordered(input *in, int32_t epoch, sli_str *out)
{
    model_windows(in, epoch, false, WITH_FIRST, out);
}

/// The latest time of the session that begins with a row, following rows that are not gone.
static int64_t session_end(const input *in, int32_t upto, int32_t key, int64_t start)
{
    int64_t latest = start;
    for (bool grew = true; grew;) {
        grew = false;
        for (int32_t i = 0; i < upto; i++) {
            const row *r = &in->rows[i];
            if (r->taken && !r->gone && r->key == key && r->time > latest &&
                r->time - latest < GAP) {
                latest = r->time;
                grew = true;
            }
        }
    }
    return latest;
}

/// Sessions of rows before `upto` that the watermark closes; their rows are gone.
static void model_sessions(input *in, int32_t epoch, sli_str *out)
{
    int32_t upto = in->from[epoch];
    for (int32_t key = 0; key < KEYS; key++) {
        for (;;) {
            int64_t start = INT64_MAX, sum = 0, n = 0;
            for (int32_t i = 0; i < upto; i++) {
                const row *r = &in->rows[i];
                bool open = r->taken && !r->gone && r->key == key;
                start = open && r->time < start ? r->time : start;
            }
            int64_t latest = start == INT64_MAX ? 0 : session_end(in, upto, key, start);
            if (start == INT64_MAX || latest + GAP > in->watermarks[epoch]) {
                break;
            }
            for (int32_t i = 0; i < upto; i++) {
                row *r = &in->rows[i];
                if (r->taken && !r->gone && r->key == key && r->time >= start &&
                    r->time <= latest) {
                    r->gone = true;
                    sum += r->n;
                    n++;
                }
            }
            put_window(out, start, latest + GAP, key, sum, n);
        }
    }
    for (int32_t i = upto; i < in->from[epoch + 1]; i++) {
        in->rows[i].taken = in->rows[i].time + GAP > in->watermarks[epoch];
    }
}

/// A row is given when no row of its key was given within the delay, as the watermark has it.
static void model_distinct(input *in, int32_t epoch, sli_str *out)
{
    for (int32_t i = in->from[epoch]; i < in->from[epoch + 1]; i++) {
        row *r = &in->rows[i];
        bool known = r->time < in->watermarks[epoch]; // late
        for (int32_t k = 0; k < i; k++) {
            const row *before = &in->rows[k];
            known = known || (before->taken && before->key == r->key &&
                              before->time + DELAY >= in->watermarks[epoch]);
        }
        r->taken = !known;
        if (r->taken) {
            sli_str_printf(out, "%lld k%d %d\n", (long long)r->time, r->key, r->n);
        }
    }
}

// ---------------------------------------------------------------- jobs

typedef struct kind {
    const char *name;
    sl_stream *(*define)(sl_stream *rows);
    model_fn model;
    bool whole; ///< in order enough, what comes in all epochs together does not depend on the cut
} kind;

static sl_stream *define_append(sl_stream *rows)
{
    return sl_stream_lateness(
        sl_stream_event_window(rows, "k", "sum(n) as s, count() as c", "12us", "4us"), "3us");
}

static sl_stream *define_update(sl_stream *rows)
{
    return sl_stream_output_mode(define_append(rows), SL_UPDATE);
}

static sl_stream *define_all(sl_stream *rows)
{
    return sl_stream_lateness(
        sl_stream_event_window(rows, NULL, "sum(n) as s, count() as c", "12us", "4us"), "3us");
}

/// Not put together from slices: an aggregation asks for the rows in order.
static sl_stream *define_ordered(sl_stream *rows)
{
    return sl_stream_lateness(sl_stream_event_window(rows, "k",
                                                     "sum(n) as s, count() as c, first(k) as f",
                                                     "12us", "4us"),
                              "3us");
}

static sl_stream *define_sessions(sl_stream *rows)
{
    return sl_stream_session_window(rows, "k", "sum(n) as s, count() as c", "6us");
}

static sl_stream *define_distinct(sl_stream *rows)
{
    return sl_stream_distinct_within(rows, "k");
}

static const kind kinds[] = {
    {"append", define_append, model_append, true},
    {"update", define_update, model_update, false},
    {"sessions", define_sessions, model_sessions, true},
    {"distinct", define_distinct, model_distinct, false},
    {"all", define_all, model_all, true},
    {"ordered", define_ordered, model_ordered, true},
};

typedef struct job {
    slt_graph g;
    sl_stream *timed;
    slt_host *host;
    sli_str deltas; ///< all of them, each with its length before it
} job;

static void job_begin(job *j, const kind *of)
{
    sl_error err = SL_ERROR_INIT;
    *j = (job){.g = slt_graph_new(), .deltas = {.tag = SLI_TAG_TEST}};
    sl_stream *in = sl_stream_queue(j->g.graph, "in", "ts timestamp, k string, n int64", true);
    j->timed = of->define(sl_stream_idle_after(sl_stream_event_time(in, "ts", "20us"), "0s"));
    (void)!sl_graph_check(j->g.graph, &err);
    SL_CHECK_TEXT(err.text, "");
}

static void job_end(job *j)
{
    slt_host_free(j->host);
    sli_str_reset(&j->deltas);
    slt_graph_free(&j->g);
}

/// A new life with so many partitions, from the deltas alone.
static void job_restart(job *j, int32_t parallelism)
{
    int64_t epoch = 0;
    if (j->host != NULL) {
        epoch = slt_epoch_of(j->host)->number;
        slt_host_free(j->host);
    }
    j->host = slt_host_new(&j->g, parallelism);
    slt_epoch_of(j->host)->number = epoch; // batch times go on
    sli_store *store = slt_host_store(j->host);
    sli_reader r = sli_reader_of((sl_bytes){j->deltas.data, j->deltas.size});
    while (r.at < r.end) {
        assert_int_equal(store->ops->apply(store, sli_get_bytes(&r), NULL), SL_OK);
    }
    sl_code rc = sli_event_restore(j->g.graph, slt_host_runtime(j->host), NULL);
    assert_int_equal(rc, SL_OK);
}

static void push_epoch(job *j, const input *in, int32_t epoch)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    for (int32_t i = in->from[epoch]; i < in->from[epoch + 1]; i++) {
        const row *r = &in->rows[i];
        sli_str_printf(&text, "%s%lld k%d %d", text.size == 0 ? "" : "|", (long long)r->time,
                       r->key, r->n);
    }
    if (text.size > 0) {
        slt_push(&j->g, "in", text.data, in->two_lanes ? 2 : 1);
    }
    sli_str_reset(&text);
}

/// One epoch of the job against the model; what it gave is appended to `all`.
static void run_epoch(job *j, const kind *of, input *in, int32_t epoch, sli_str *all)
{
    sli_str expected = {.tag = SLI_TAG_TEST}, delta = {.tag = SLI_TAG_TEST};
    push_epoch(j, in, epoch);
    slt_epoch_begin(j->host);
    const char *given = slt_epoch_rows(j->host, j->timed);
    sli_str_text(all, given);
    char *actual = slt_sorted_lines(given);
    slt_epoch_end(j->host, false);
    assert_int_equal(sli_timed_of(j->timed)->watermark_us, in->watermarks[epoch]);
    of->model(in, epoch, &expected);
    char *right = slt_sorted_lines(expected.data == NULL ? "" : expected.data);
    SL_CHECK_TEXT(actual, right);
    sli_store *store = slt_host_store(j->host);
    assert_int_equal(sli_state_delta(store, &delta, NULL), SL_OK);
    sli_put_bytes(&j->deltas, delta.data, delta.size);
    sl_free(actual);
    sl_free(right);
    sli_str_reset(&expected);
    sli_str_reset(&delta);
}

/// All epochs; returns all lines that were given, sorted. The caller frees.
static char *run_all(const kind *of, input *in, sli_rng *rng, bool restarts)
{
    job j;
    sli_str all = {.tag = SLI_TAG_TEST};
    job_begin(&j, of);
    job_restart(&j, 1 + (int32_t)sli_rng_below(rng, 4));
    for (int32_t e = 0; e < in->n_epochs; e++) {
        run_epoch(&j, of, in, e, &all);
        if (restarts && sli_rng_below(rng, 5) == 0) {
            job_restart(&j, 1 + (int32_t)sli_rng_below(rng, 4));
        }
    }
    // Everything was closed by the last row: its own windows and session alone are left.
    sli_store *store = slt_host_store(j.host);
    assert_true(in->two_lanes || store->ops->keys(store, j.timed->table) <= SIZE / SLIDE);
    job_end(&j);
    char *lines = slt_sorted_lines(all.data == NULL ? "" : all.data);
    sli_str_reset(&all);
    return lines;
}

static void compare_with_model(const kind *of, uint64_t seed)
{
    static input in;
    sli_rng rng = {seed};
    int32_t n = 20 + (int32_t)sli_rng_below(&rng, MOST_ROWS - 20);
    make_rows(&in, &rng, n, (int64_t)sli_rng_below(&rng, 3 * DELAY));
    in.two_lanes = sli_rng_below(&rng, 2) == 1;
    cut(&in, &rng, 4 + (int32_t)sli_rng_below(&rng, MOST_EPOCHS - 4));
    find_watermarks(&in);
    sl_free(run_all(of, &in, &rng, sli_rng_below(&rng, 2) == 1));
}

static void compare_all(size_t which)
{
    for (uint64_t seed = 1; seed <= (SLT_SLOW_BUILD ? 5 : 25); seed++) {
        compare_with_model(&kinds[which], seed * 7919 + which);
    }
}

SL_TEST(appended_windows_are_those_of_the_model, "")
{
    compare_all(0);
}

SL_TEST(updated_windows_are_those_of_the_model, "")
{
    compare_all(1);
}

SL_TEST(sessions_are_those_of_the_model, "")
{
    compare_all(2);
}

SL_TEST(distinct_rows_are_those_of_the_model, "")
{
    compare_all(3);
}

SL_TEST(windows_of_all_rows_are_those_of_the_model, "")
{
    compare_all(4);
}

SL_TEST(windows_with_rows_in_order_are_those_of_the_model, "")
{
    compare_all(5);
}

// Rows that are never further out of order than the delay are never late, however they are cut.
SL_TEST(appended_results_do_not_depend_on_how_rows_are_cut_into_epochs, "EVENT-TIME-1")
{
    static input in;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        char *first = NULL;
        for (int32_t round = 0; kinds[k].whole && round < 6; round++) {
            sli_rng rows = {11}, cuts = {(uint64_t)round + 1};
            make_rows(&in, &rows, 300, DELAY - 1);
            cut(&in, &cuts, round == 0 ? 4 : 4 + (int32_t)sli_rng_below(&cuts, MOST_EPOCHS - 4));
            find_watermarks(&in);
            char *lines = run_all(&kinds[k], &in, &cuts, true);
            if (first == NULL) {
                first = lines;
                continue;
            }
            SL_CHECK_TEXT(lines, first);
            sl_free(lines);
        }
        sl_free(first);
    }
}
