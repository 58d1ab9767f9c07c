// Aggregations over results that change, as whole scripts in the simulated world: after every epoch
// the last row of each key is what a naive evaluation of all rows so far gives, whatever the seed,
// the number of partitions and the epoch before which the process dies.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

enum { EPOCHS = 6, ROWS = 25, AUCTIONS = 9, CATEGORIES = 3, MOST_TEXT = 1 << 14 };

static const char script[] =
    "CREATE TABLE bids (auction BIGINT, price BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'in', 'format' = 'csv');\n"
    "CREATE TABLE o (category BIGINT, mean BIGINT, total BIGINT, n BIGINT, big BIGINT, top BIGINT,"
    " least BIGINT, bids BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'out', 'format' = 'csv', 'changelog' = 'append');\n"
    "CREATE VIEW tops AS SELECT auction % 3 AS category, max(price) AS top, min(price) AS least,\n"
    "  count(*) AS bids FROM bids GROUP BY auction, category;\n"
    "INSERT INTO o SELECT category, CAST(round(avg(top) * 1000) AS BIGINT), sum(top), count(*), "
    "count(*) FILTER (WHERE top > 80),\n"
    "  max(top), min(least), sum(bids) FROM tops GROUP BY category;\n"
    // The sum of those sums: changes of changes.
    "CREATE VIEW sums AS SELECT category, sum(top) AS s FROM tops GROUP BY category;\n"
    "CREATE TABLE all_of (s BIGINT, n BIGINT, any_big BOOLEAN)\n"
    "WITH ('connector' = 'file', 'path' = 'all', 'format' = 'csv', 'changelog' = 'append');\n"
    "INSERT INTO all_of SELECT sum(s), count(*), bool_or(s > 200) FROM sums WHERE s > 100;\n";

static void build(sl_graph *graph)
{
    sl_sql_script(graph, "tops.sql", script, NULL);
}

// ---------------------------------------------------------------- the naive evaluation

typedef struct model {
    int64_t max[AUCTIONS], min[AUCTIONS], n[AUCTIONS]; ///< n 0: no row yet
} model;

static void add(model *m, int64_t auction, int64_t price)
{
    bool first = m->n[auction]++ == 0;
    m->max[auction] = first || price > m->max[auction] ? price : m->max[auction];
    m->min[auction] = first || price < m->min[auction] ? price : m->min[auction];
}

/// "category,mean,total,n,big,top,least,bids", as the sink writes it; false: no row.
static bool row_of(const model *m, int64_t category, char *out, size_t size)
{
    int64_t total = 0, n = 0, big = 0, top = INT64_MIN, least = INT64_MAX, bids = 0;
    for (int64_t a = category; a < AUCTIONS; a += CATEGORIES) {
        if (m->n[a] > 0) {
            total += m->max[a];
            n++;
            big += m->max[a] > 80;
            bids += m->n[a];
            top = m->max[a] > top ? m->max[a] : top;
            least = m->min[a] < least ? m->min[a] : least;
        }
    }
    if (n > 0) {
        long long mean = (long long)((double)total / (double)n * 1000 + 0.5);
        (void)snprintf(out, size, "%d,%lld,%d,%d,%d,%d,%d,%d", (int)category, mean, (int)total,
                       (int)n, (int)big, (int)top, (int)least, (int)bids);
    }
    return n > 0;
}

/// "s,n,any_big" of the sums above 100.
static void all_of(const model *m, char *out, size_t size)
{
    int64_t s = 0, n = 0;
    bool any = false;
    for (int64_t c = 0; c < CATEGORIES; c++) {
        int64_t sum = 0;
        for (int64_t a = c; a < AUCTIONS; a += CATEGORIES) {
            sum += m->n[a] > 0 ? m->max[a] : 0;
        }
        if (sum > 100) {
            s += sum;
            n++;
            any = any || sum > 200;
        }
    }
    if (n == 0) {
        (void)snprintf(out, size, ",0,");
    } else {
        (void)snprintf(out, size, "%d,%d,%s", (int)s, (int)n, any ? "true" : "false");
    }
}

// ---------------------------------------------------------------- what came out

/// The last line of `text` that begins with `head`; "" when there is none.
static void last_line(const char *text, const char *head, char *out, size_t size)
{
    out[0] = '\0';
    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        if (strncmp(at, head, strlen(head)) == 0 && n < size) {
            memcpy(out, at, n);
            out[n] = '\0';
        }
        at += n + (at[n] == '\n');
    }
}

static void check_epoch(sl_test *test, const model *m)
{
    const char *rows = sl_test_read(test, "out");
    assert_non_null(rows);
    for (int64_t c = 0; c < CATEGORIES; c++) {
        char expected[200] = "", head[8], last[200];
        (void)snprintf(head, sizeof head, "%d,", (int)c);
        (void)row_of(m, c, expected, sizeof expected);
        last_line(rows, head, last, sizeof last);
        SL_CHECK_TEXT(last, expected);
    }
    char expected[200], last[200];
    all_of(m, expected, sizeof expected);
    last_line(sl_test_read(test, "all"), "", last, sizeof last);
    SL_CHECK_TEXT(last, expected);
}

// ---------------------------------------------------------------- runs

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/// A file of an epoch, which the model gets too.
static const char *draw(uint64_t *state, int epoch, model *m, char *out)
{
    size_t n = 0;
    int rows = epoch == 3 ? 0 : ROWS; // one epoch has nothing
    out[0] = '\0';
    for (int i = 0; i < rows; i++) {
        int64_t auction = (int64_t)(next(state) % AUCTIONS), price = (int64_t)(next(state) % 100);
        add(m, auction, price);
        n += (size_t)snprintf(out + n, MOST_TEXT - n, "%d,%d\n", (int)auction, (int)price);
    }
    return out;
}

/// The process dies before epoch `crash` (0: never). Returns all that was written, to be freed.
static char *run(uint64_t seed, int crash, bool power_loss, const char *partitions)
{
    const char *const settings[] = {"modules", SLT_BUILD_DIR "/lib/sluice", "parallelism",
                                    partitions, NULL};
    sl_test_conf conf = {
        .struct_size = sizeof conf, .checkpoint = true, .seed = seed, .settings = settings};
    static char text[MOST_TEXT];
    model m = {0};
    sl_error err = SL_ERROR_INIT;
    sl_test *test = sl_test_new(build, conf);
    assert_non_null(test);
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        char path[32];
        (void)snprintf(path, sizeof path, "in/%d.csv", epoch);
        if (epoch == crash) {
            sl_test_crash(test, power_loss);
        }
        const char *rows = draw(&seed, epoch, &m, text);
        if (rows[0] != '\0') {
            sl_test_put(test, path, rows);
        }
        sl_test_advance(test, epoch == crash ? 2 : 1);
        if (sl_test_check(test, &err) != SL_OK) {
            fail_msg("%s", err.text);
        }
        check_epoch(test, &m);
    }
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    check_epoch(test, &m);
    const char *all = sl_test_read(test, "out");
    size_t size = strlen(all) + 1;
    char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, all, size);
    sl_test_free(test);
    return copy;
}

SL_TEST(aggregates_of_results_that_change_are_those_of_all_rows, "")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    for (uint64_t seed = 1; seed <= 4; seed++) {
        free(run(seed, 0, false, seed % 2 == 0 ? "1" : "3"));
    }
}

SL_TEST(aggregates_of_results_that_change_are_the_same_after_crashes, "EXACTLY-ONCE-2")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    char *whole = run(7, 0, false, "2");
    for (int crash = 1; crash <= EPOCHS; crash += SLT_SLOW_BUILD ? 3 : 1) {
        char *other = run(7, crash, crash % 2 == 0, "2");
        SL_CHECK_TEXT(other, whole);
        free(other);
    }
    free(whole);
}
