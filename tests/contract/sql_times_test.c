// Event time behind operators: windows over results of windows, windows over joins, joins of either
// and of all three, as one script in the simulated world. What comes out of some epochs, in order
// or not, also over crashes, is what a naive evaluation of all rows at once gives.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

enum { EPOCHS = 5, ROWS = 16, KEYS = 2, MOST_ROWS = EPOCHS * ROWS + 1, FAR = 3000, QUIET = 8 };
enum { MOST_TEXT = 1 << 20 };

#define SECONDS(time) "CAST(epoch(" time ") AS BIGINT) - 1577836800"

static const char script[] =
    "CREATE TABLE a (ts TIMESTAMP(3), k BIGINT, v BIGINT, WATERMARK FOR ts AS ts - INTERVAL '5' "
    "SECOND) WITH ('connector' = 'file', 'path' = 'a', 'format' = 'csv');\n"
    "CREATE TABLE b (ts TIMESTAMP(3), k BIGINT, v BIGINT, WATERMARK FOR ts AS ts - INTERVAL '5' "
    "SECOND) WITH ('connector' = 'file', 'path' = 'b', 'format' = 'csv');\n"
    // Windows over results of windows.
    "CREATE VIEW small AS SELECT k, window_time AS t, count(*) AS n FROM TABLE(TUMBLE(TABLE a, "
    "DESCRIPTOR(ts), INTERVAL '5' SECOND)) GROUP BY k, window_start, window_end, window_time;\n"
    "CREATE TABLE o1 (s BIGINT, k BIGINT, n BIGINT, m BIGINT) WITH ('connector' = 'file', 'path' = "
    "'o1', 'format' = 'csv');\n"
    "INSERT INTO o1 SELECT " SECONDS(
        "window_start") ", k, sum(n), max(n) FROM TABLE(TUMBLE(TABLE "
                        "small, DESCRIPTOR(t), INTERVAL '20' SECOND)) GROUP BY window_start, "
                        "window_end, k;\n"
                        // The keys with the most rows of each window: joined with the most of it.
                        "CREATE TABLE o2 (s BIGINT, k BIGINT, n BIGINT) WITH ('connector' = "
                        "'file', 'path' = 'o2', "
                        "'format' = 'csv');\n"
                        "INSERT INTO o2 SELECT " SECONDS(
                            "c.starts") ", c.k, c.n FROM (SELECT k, count(*) AS n, "
                                        "window_start AS starts, window_end AS ends FROM "
                                        "TABLE(HOP(TABLE a, DESCRIPTOR(ts), INTERVAL "
                                        "'5' SECOND, INTERVAL '10' SECOND)) GROUP BY k, "
                                        "window_start, window_end) AS c JOIN (SELECT "
                                        "max(d.n) AS most, d.starts, d.ends FROM (SELECT count(*) "
                                        "AS n, window_start AS starts, "
                                        "window_end AS ends FROM TABLE(HOP(TABLE a, "
                                        "DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' "
                                        "SECOND)) GROUP BY k, window_start, window_end) AS d GROUP "
                                        "BY d.starts, d.ends) AS m ON "
                                        "c.starts = m.starts AND c.ends = m.ends AND c.n >= "
                                        "m.most;\n"
                                        // The rows with the greatest value of each window.
                                        "CREATE TABLE o3 (s BIGINT, k BIGINT, v BIGINT) WITH "
                                        "('connector' = 'file', 'path' = 'o3', "
                                        "'format' = 'csv');\n"
                                        "INSERT INTO o3 SELECT " SECONDS(
                                            "r.ts") ", r.k, r.v FROM a r JOIN (SELECT max(v) AS v, "
                                                    "window_end AS ts FROM TABLE(TUMBLE(TABLE a, "
                                                    "DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP "
                                                    "BY "
                                                    "window_start, window_end) m ON r.v = m.v "
                                                    "WHERE r.ts BETWEEN m.ts - INTERVAL '10' "
                                                    "SECOND AND "
                                                    "m.ts - INTERVAL '1' SECOND;\n"
                                                    // Windows over joins, by the time of either
                                                    // side.
                                                    "CREATE VIEW j AS SELECT a.ts AS t1, b.ts AS "
                                                    "t2, a.k, a.v AS v1, b.v AS v2 FROM a JOIN b "
                                                    "ON a.k "
                                                    "= b.k AND b.ts BETWEEN a.ts - INTERVAL '2' "
                                                    "SECOND AND a.ts + INTERVAL '7' SECOND;\n"
                                                    "CREATE TABLE o4 (s BIGINT, k BIGINT, n "
                                                    "BIGINT, v BIGINT) WITH ('connector' = 'file', "
                                                    "'path' = "
                                                    "'o4', 'format' = 'csv');\n"
                                                    "INSERT INTO o4 SELECT " SECONDS(
                                                        "window_start") ", k, count(*), sum(v1) "
                                                                        "FROM "
                                                                        "TABLE(TUMBLE(TABLE j, "
                                                                        "DESCRIPTOR(t1), INTERVAL "
                                                                        "'10' SECOND)) GROUP BY "
                                                                        "window_start, "
                                                                        "window_end, k;\n"
                                                                        "CREATE TABLE o5 (s "
                                                                        "BIGINT, k BIGINT, n "
                                                                        "BIGINT, v BIGINT) WITH "
                                                                        "('connector' = 'file', "
                                                                        "'path' = "
                                                                        "'o5', 'format' = 'csv');\n"
                                                                        "INSERT INTO o5 "
                                                                        "SELECT " SECONDS(
                                                                            "window_start") ", k, "
                                                                                            "count("
                                                                                            "*), "
                                                                                            "sum("
                                                                                            "v2) "
                                                                                            "FROM "
                                                                                            "TABLE("
                                                                                            "TUMBLE"
                                                                                            "(TABLE"
                                                                                            " j, "
                                                                                            "DESCRI"
                                                                                            "PTOR("
                                                                                            "t2), "
                                                                                            "INTERV"
                                                                                            "AL "
                                                                                            "'10' "
                                                                                            "SECOND"
                                                                                            ")) "
                                                                                            "GROUP "
                                                                                            "BY "
                                                                                            "window"
                                                                                            "_start"
                                                                                            ", "
                                                                                            "window"
                                                                                            "_end, "
                                                                                            "k;\n"
                                                                                            // Windows
                                                                                            // over
                                                                                            // an
                                                                                            // outer
                                                                                            // join.
                                                                                            "CREATE"
                                                                                            " VIEW "
                                                                                            "l AS "
                                                                                            "SELECT"
                                                                                            " a.ts "
                                                                                            "AS "
                                                                                            "t1, "
                                                                                            "a.k, "
                                                                                            "b.v "
                                                                                            "AS v2 "
                                                                                            "FROM "
                                                                                            "a "
                                                                                            "LEFT "
                                                                                            "JOIN "
                                                                                            "b ON "
                                                                                            "a.k = "
                                                                                            "b.k "
                                                                                            "AND "
                                                                                            "b.ts "
                                                                                            "BETWEE"
                                                                                            "N "
                                                                                            "a.ts "
                                                                                            "AND "
                                                                                            "a.ts "
                                                                                            "+ "
                                                                                            "INTERV"
                                                                                            "AL "
                                                                                            "'3' "
                                                                                            "SECOND"
                                                                                            ";\n"
                                                                                            "CREATE"
                                                                                            " TABLE"
                                                                                            " o6 "
                                                                                            "(s "
                                                                                            "BIGINT"
                                                                                            ", k "
                                                                                            "BIGINT"
                                                                                            ", n "
                                                                                            "BIGINT"
                                                                                            ", v "
                                                                                            "BIGINT"
                                                                                            ") "
                                                                                            "WITH "
                                                                                            "('"
                                                                                            "connec"
                                                                                            "tor' "
                                                                                            "= "
                                                                                            "'file'"
                                                                                            ", "
                                                                                            "'path'"
                                                                                            " = "
                                                                                            "'o6', "
                                                                                            "'forma"
                                                                                            "t' = "
                                                                                            "'csv')"
                                                                                            ";\n"
                                                                                            "INSERT"
                                                                                            " INTO "
                                                                                            "o6 "
                                                                                            "SELECT"
                                                                                            " " SECONDS(
                                                                                                "wi"
                                                                                                "nd"
                                                                                                "ow"
                                                                                                "_s"
                                                                                                "ta"
                                                                                                "r"
                                                                                                "t") ", k, count(*), count(v2) FROM "
                                                                                                     "TABLE(TUMBLE(TABLE l, DESCRIPTOR(t1), INTERVAL '10' SECOND)) GROUP BY window_start, "
                                                                                                     "window_end, k;\n"
                                                                                                     // A join of a join with results of windows.
                                                                                                     "CREATE TABLE o7 (s BIGINT, k BIGINT, v BIGINT, n BIGINT) WITH ('connector' = 'file', 'path' = "
                                                                                                     "'o7', 'format' = 'csv');\n"
                                                                                                     "INSERT INTO o7 SELECT " SECONDS(
                                                                                                         "j.t2") ", j.k, j.v1, small.n FROM j JOIN small ON j.k = "
                                                                                                                 "small.k AND small.t BETWEEN j.t2 AND j.t2 + INTERVAL '6' SECOND;\n";

static void build(sl_graph *graph)
{
    sl_sql_script(graph, "times.sql", script, NULL);
}

// ---------------------------------------------------------------- rows

typedef struct row {
    int64_t s, k, v;
} row;
typedef struct rows {
    row of[MOST_ROWS];
    int n;
} rows;

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static void put_row(const row *r, char *out, size_t size)
{
    (void)snprintf(out, size, "2020-01-01 %02d:%02d:%02d,%d,%d\n", (int)(r->s / 3600),
                   (int)(r->s / 60 % 60), (int)(r->s % 60), (int)r->k, (int)r->v);
}

/// A file of an epoch: times go on by 8 seconds an epoch and lie at most 4 seconds out of order.
static void draw(uint64_t *state, int epoch, bool in_order, rows *all, char *out)
{
    size_t n = 0;
    for (int i = 0; i < ROWS; i++) {
        int64_t s = 10 + epoch * 8 + i / 2;
        row r = {in_order ? s : s - (int64_t)(next(state) % 5), (int64_t)(next(state) % KEYS),
                 (int64_t)(next(state) % 6)};
        all->of[all->n++] = r;
        put_row(&r, out + n, 200);
        n += strlen(out + n);
    }
}

// ---------------------------------------------------------------- the naive evaluation

typedef struct text {
    char *at;
    size_t n;
} text;

static void put(text *t, int64_t a, int64_t b, int64_t c, int64_t d, int n)
{
    int64_t cells[4] = {a, b, c, d};
    for (int i = 0; i < n; i++) {
        t->n += (size_t)snprintf(t->at + t->n, MOST_TEXT - t->n, "%s%d", i == 0 ? "" : ",",
                                 (int)cells[i]);
    }
    t->n += (size_t)snprintf(t->at + t->n, MOST_TEXT - t->n, "\n");
}

/// Rows of a key in [from, to).
static int64_t count(const rows *all, int64_t k, int64_t from, int64_t to)
{
    int64_t n = 0;
    for (int i = 0; i < all->n; i++) {
        n += all->of[i].k == k && all->of[i].s >= from && all->of[i].s < to;
    }
    return n;
}

static void windows_of_windows(const rows *a, text *out)
{
    for (int64_t s = 0; s < FAR; s += 20) {
        for (int64_t k = 0; k < KEYS; k++) {
            int64_t n = 0, most = 0;
            for (int64_t w = s; w < s + 20; w += 5) {
                int64_t c = count(a, k, w, w + 5);
                n += c;
                most = c > most ? c : most;
            }
            if (n > 0) {
                put(out, s, k, n, most, 4);
            }
        }
    }
}

static void hot_keys(const rows *a, text *out)
{
    for (int64_t s = -5; s < FAR - 10; s += 5) {
        int64_t most = 0;
        for (int64_t k = 0; k < KEYS; k++) {
            int64_t c = count(a, k, s, s + 10);
            most = c > most ? c : most;
        }
        for (int64_t k = 0; k < KEYS && most > 0; k++) {
            if (count(a, k, s, s + 10) == most) {
                put(out, s, k, most, 0, 3);
            }
        }
    }
}

static void greatest_rows(const rows *a, text *out)
{
    for (int64_t s = 0; s < FAR; s += 10) {
        int64_t most = -1;
        for (int i = 0; i < a->n; i++) {
            bool in = a->of[i].s >= s && a->of[i].s < s + 10;
            most = in && a->of[i].v > most ? a->of[i].v : most;
        }
        for (int i = 0; i < a->n; i++) {
            const row *r = &a->of[i];
            if (r->s >= s && r->s < s + 10 && r->v == most) {
                put(out, r->s, r->k, r->v, 0, 3);
            }
        }
    }
}

static bool match(const row *a, const row *b, int64_t lower, int64_t upper)
{
    return a->k == b->k && b->s - a->s >= lower && b->s - a->s <= upper;
}

static void windows_of_join(const rows *a, const rows *b, bool by_right, text *out)
{
    for (int64_t s = 0; s < FAR; s += 10) {
        for (int64_t k = 0; k < KEYS; k++) {
            int64_t n = 0, sum = 0;
            for (int i = 0; i < a->n; i++) {
                for (int x = 0; x < b->n; x++) {
                    const row *at = by_right ? &b->of[x] : &a->of[i];
                    if (match(&a->of[i], &b->of[x], -2, 7) && at->k == k && at->s >= s &&
                        at->s < s + 10) {
                        n++;
                        sum += at->v;
                    }
                }
            }
            if (n > 0) {
                put(out, s, k, n, sum, 4);
            }
        }
    }
}

static void windows_of_outer_join(const rows *a, const rows *b, text *out)
{
    for (int64_t s = 0; s < FAR; s += 10) {
        for (int64_t k = 0; k < KEYS; k++) {
            int64_t n = 0, matched = 0;
            for (int i = 0; i < a->n; i++) {
                int64_t found = 0;
                for (int x = 0; x < b->n; x++) {
                    found += match(&a->of[i], &b->of[x], 0, 3);
                }
                if (a->of[i].k == k && a->of[i].s >= s && a->of[i].s < s + 10) {
                    n += found == 0 ? 1 : found;
                    matched += found;
                }
            }
            if (n > 0) {
                put(out, s, k, n, matched, 4);
            }
        }
    }
}

/// A window's time is a millisecond before its end, so of whole seconds it is 1 to 6 after.
static void join_of_join(const rows *a, const rows *b, text *out)
{
    for (int i = 0; i < a->n; i++) {
        for (int x = 0; x < b->n; x++) {
            const row *l = &a->of[i], *r = &b->of[x];
            for (int64_t w = 0; w < FAR && match(l, r, -2, 7); w += 5) {
                int64_t c = count(a, l->k, w, w + 5);
                if (c > 0 && w + 5 > r->s && w + 5 <= r->s + 6) {
                    put(out, r->s, l->k, l->v, c, 4);
                }
            }
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/// The lines in order of their bytes; what lies at FAR closed the others and is left out. To be
/// freed.
static char *sorted(const char *lines_of)
{
    size_t size = strlen(lines_of), n = 0;
    char *copy = malloc(size + 1), *out = malloc(size + 1);
    char **lines = malloc((size / 2 + 1) * sizeof *lines);
    assert_true(copy != NULL && out != NULL && lines != NULL);
    memcpy(copy, lines_of, size + 1);
    for (char *save = NULL, *line = strtok_r(copy, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (atoll(line) < FAR - 100) {
            lines[n++] = line;
        }
    }
    qsort(lines, n, sizeof *lines, by_text);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(lines[i]);
        memcpy(out + at, lines[i], length);
        out[at + length] = '\n';
        at += length + 1;
    }
    out[at] = '\0';
    free(copy);
    free(lines);
    return out;
}

static void check(sl_test *test, const char *path, const char *expected)
{
    const char *given = sl_test_read(test, path);
    char *have = sorted(given == NULL ? "" : given), *want = sorted(expected);
    SL_CHECK_TEXT(have, want);
    assert_true(want[0] != '\0'); // nothing would be no test
    free(have);
    free(want);
}

static void check_all(sl_test *test, const rows *a, const rows *b)
{
    static const char *const paths[] = {"o1", "o2", "o3", "o4", "o5", "o6", "o7"};
    text out = {malloc(MOST_TEXT), 0};
    assert_non_null(out.at);
    for (int i = 0; i < 7; i++) {
        out.n = 0;
        out.at[0] = '\0';
        switch (i) {
        case 0:
            windows_of_windows(a, &out);
            break;
        case 1:
            hot_keys(a, &out);
            break;
        case 2:
            greatest_rows(a, &out);
            break;
        case 5:
            windows_of_outer_join(a, b, &out);
            break;
        case 6:
            join_of_join(a, b, &out);
            break;
        default:
            windows_of_join(a, b, i == 4, &out);
            break;
        }
        check(test, paths[i], out.at);
    }
    free(out.at);
}

// ---------------------------------------------------------------- runs

static void put_file(sl_test *test, const char *dir, int epoch, const char *lines)
{
    char path[32];
    (void)snprintf(path, sizeof path, "%s/%d.csv", dir, epoch);
    sl_test_put(test, path, lines);
}

/// The process dies before epoch `crash` (0: never).
static void run(uint64_t seed, bool in_order, int crash)
{
    const char *const settings[] = {"modules", SLT_BUILD_DIR "/lib/sluice", NULL};
    sl_test_conf conf = {
        .struct_size = sizeof conf, .checkpoint = true, .seed = seed, .settings = settings};
    rows a = {.n = 0}, b = {.n = 0};
    char file[MOST_ROWS * 40];
    sl_error err = SL_ERROR_INIT;
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(build, conf);
    assert_non_null(test);
    for (int epoch = 1; epoch <= EPOCHS + QUIET; epoch++) {
        if (epoch == crash) {
            sl_test_crash(test, crash % 2 == 0);
        }
        if (epoch <= EPOCHS) {
            draw(&seed, epoch, in_order, &a, file);
            put_file(test, "a", epoch, file);
            draw(&seed, epoch, in_order, &b, file);
            put_file(test, "b", epoch, file);
        } else if (epoch == EPOCHS + 1) { // so far ahead that all that came before is over
            put_row(&(row){FAR, 0, 0}, file, sizeof file);
            put_file(test, "a", epoch, file);
            put_file(test, "b", epoch, file);
        }
        sl_test_advance(test, epoch == crash ? 2 : 1);
    }
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    check_all(test, &a, &b);
    sl_test_free(test);
}

SL_TEST(event_time_goes_on_behind_windows_and_joins, "")
{
    run(1, true, 0);
    run(2, false, 0);
    run(3, false, 0);
}

SL_TEST(event_time_behind_windows_and_joins_is_the_same_after_crashes, "EXACTLY-ONCE-2")
{
    for (int crash = 2; crash <= EPOCHS + 4; crash += SLT_SLOW_BUILD ? 4 : 2) {
        run(4, false, crash);
    }
    run(4, false, 3);
}
