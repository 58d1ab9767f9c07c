// Conditions of a join's ON and WHERE, wherever the planner asks them: every kind of join with
// conditions of either side, of both and of none, as scripts in the simulated world. What comes out
// of some epochs, out of order, also over crashes, is what a naive evaluation of all rows gives.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

enum { EPOCHS = 4, ROWS = 10, KEYS = 3, ALONE = 7, NONE = -1, FAR = 3000, QUIET = 6 };
enum { MOST_ROWS = EPOCHS * ROWS, MOST_TEXT = 1 << 16, MOST_SCRIPT = 1 << 15 };

/// NONE is NULL. Where k is ALONE, which no row of the other side has, v is 0 and w no number.
typedef struct row {
    int s, k, v;
} row;
typedef struct rows {
    row of[MOST_ROWS];
    int n;
} rows;

/// A condition in SQL's words and in C's; a side that is missing in an outer join is NULL.
typedef struct condition {
    const char *sql;
    bool (*holds)(const row *a, const row *b);
} condition;

static bool always(const row *a, const row *b)
{
    (void)a;
    (void)b;
    return true;
}

static int v_of(const row *r)
{
    return r == NULL ? NONE : r->v;
}

static bool a_above_1(const row *a, const row *b)
{
    (void)b;
    return v_of(a) > 1;
}

static bool b_below_4(const row *a, const row *b)
{
    (void)a;
    return v_of(b) != NONE && v_of(b) < 4;
}

static bool both_sides(const row *a, const row *b)
{
    return a_above_1(a, b) && b_below_4(a, b);
}

static bool a_is_null(const row *a, const row *b)
{
    (void)b;
    return v_of(a) == NONE;
}

static bool b_is_null(const row *a, const row *b)
{
    (void)a;
    return v_of(b) == NONE;
}

static bool either(const row *a, const row *b)
{
    return v_of(a) > 1 || b_below_4(a, b);
}

static bool compared(const row *a, const row *b)
{
    return v_of(a) != NONE && v_of(b) != NONE && v_of(a) <= v_of(b);
}

static bool a_in_list(const row *a, const row *b)
{
    (void)b;
    return v_of(a) == 0 || v_of(a) == 3;
}

static bool a_divides(const row *a, const row *b)
{
    (void)b;
    return v_of(a) > 0 && 12 / v_of(a) > 3;
}

static const condition on[] = {
    {"", always},
    {" AND a.v > 1", a_above_1},
    {" AND b.v BETWEEN 0 AND 3", b_below_4},
    {" AND a.v > 1 AND NOT (b.v >= 4)", both_sides},
};

static const condition where[] = {
    {"", always},
    {" WHERE a.v > 1", a_above_1},
    {" WHERE b.v < 4.0", b_below_4},
    {" WHERE a.v > 1 AND b.v < 4", both_sides},
    {" WHERE a.v IS NULL", a_is_null},
    {" WHERE b.v IS NULL", b_is_null},
    {" WHERE a.v > 1 OR b.v < 4", either},
    {" WHERE a.v <= b.v", compared},
    {" WHERE a.v IN (0, 3)", a_in_list},
    {" WHERE lower(a.w) LIKE 't%' AND length(a.w) > 0 AND a.v > 1", a_above_1},
    // Of joins without outer rows: rows that are alone would fail.
    {" WHERE substr(a.w, 2)::INTEGER > 1", a_above_1},
    {" WHERE 12 // a.v > 3 AND a.v <> 0", a_divides},
    {" WHERE now() <> a.ts AND a.v > 1", a_above_1},
};

enum { N_ON = sizeof on / sizeof on[0], N_WHERE = sizeof where / sizeof where[0], N_FAILING = 3 };

typedef enum kind { INNER, LEFT, RIGHT, FULL, KINDS } kind;
static const char *const joins[KINDS] = {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"};

static int conditions_of(kind k)
{
    return k == INNER ? N_WHERE : N_WHERE - N_FAILING;
}

// ---------------------------------------------------------------- the script

static char script[MOST_SCRIPT];

static void write_script(kind k)
{
    static const char tables[] =
        "CREATE TABLE %c (ts TIMESTAMP(3), k BIGINT, v BIGINT, w STRING, WATERMARK FOR ts AS ts - "
        "INTERVAL '5' SECOND) WITH ('connector' = 'file', 'path' = '%c', 'format' = 'csv');\n";
    size_t n = (size_t)snprintf(script, sizeof script, tables, 'a', 'a');
    n += (size_t)snprintf(script + n, sizeof script - n, tables, 'b', 'b');
    for (int i = 0; i < N_ON * conditions_of(k); i++) {
        n += (size_t)snprintf(
            script + n, sizeof script - n,
            "CREATE TABLE o%d (s BIGINT, ak BIGINT, av BIGINT, bk BIGINT, bv BIGINT) WITH "
            "('connector' = 'file', 'path' = 'o%d', 'format' = 'csv');\n"
            "INSERT INTO o%d SELECT CAST(epoch(coalesce(a.ts, b.ts)) AS BIGINT) - 1577836800, a.k, "
            "a.v, b.k, b.v FROM a %s b ON a.k = b.k AND b.ts BETWEEN a.ts - INTERVAL '2' SECOND "
            "AND a.ts + INTERVAL '4' SECOND%s%s;\n",
            i, i, i, joins[k], on[i % N_ON].sql, where[i / N_ON].sql);
        assert_true(n < sizeof script);
    }
}

static void build(sl_graph *graph)
{
    sl_sql_script(graph, "push.sql", script, NULL);
}

// ---------------------------------------------------------------- rows

static int next(uint64_t *state, int n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (int)((*state >> 33) % (uint64_t)n);
}

static size_t put_cell(char *out, size_t size, int v)
{
    return (size_t)(v == NONE ? snprintf(out, size, ",") : snprintf(out, size, ",%d", v));
}

static size_t put_row(const row *r, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "2020-01-01 %02d:%02d:%02d", r->s / 3600, r->s / 60 % 60,
                                r->s % 60);
    n += put_cell(out + n, size - n, r->k);
    n += put_cell(out + n, size - n, r->v);
    return n + (size_t)(r->k == ALONE  ? snprintf(out + n, size - n, ",none\n")
                        : r->v == NONE ? snprintf(out + n, size - n, ",\n")
                                       : snprintf(out + n, size - n, ",T%d\n", r->v));
}

/// A file of an epoch: times go on by 8 seconds an epoch and lie at most 4 seconds out of order.
static void draw(uint64_t *state, int epoch, bool is_left, rows *all, char *out)
{
    size_t n = 0;
    for (int i = 0; i < ROWS; i++) {
        int s = 10 + epoch * 8 + i * 8 / ROWS, k = next(state, KEYS + 2) - 1;
        row r = {s - next(state, 5), k, next(state, 7) - 1};
        if (k == KEYS) {
            r.k = is_left ? ALONE : KEYS;
            r.v = is_left ? 0 : r.v;
        } else if (r.v == 0 && is_left) { // it would be divided by in a pair
            r.v = 1;
        }
        all->of[all->n++] = r;
        n += put_row(&r, out + n, MOST_TEXT - n);
    }
}

// ---------------------------------------------------------------- the naive evaluation

static void put_pair(char *out, size_t *n, const row *a, const row *b)
{
    *n += (size_t)snprintf(out + *n, MOST_TEXT - *n, "%d", a != NULL ? a->s : b->s);
    const int cells[4] = {a == NULL ? NONE : a->k, v_of(a), b == NULL ? NONE : b->k, v_of(b)};
    for (int i = 0; i < 4; i++) {
        *n += put_cell(out + *n, MOST_TEXT - *n, cells[i]);
    }
    *n += (size_t)snprintf(out + *n, MOST_TEXT - *n, "\n");
    assert_true(*n < MOST_TEXT - 100);
}

static bool match(const row *a, const row *b, const condition *also)
{
    return a->k != NONE && a->k == b->k && b->s - a->s >= -2 && b->s - a->s <= 4 &&
           also->holds(a, b);
}

static void evaluate(kind k, const condition *also, const condition *last, const rows *a,
                     const rows *b, char *out)
{
    bool met[MOST_ROWS] = {false};
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < a->n; i++) {
        bool found = false;
        for (int x = 0; x < b->n; x++) {
            if (match(&a->of[i], &b->of[x], also)) {
                found = met[x] = true;
                if (last->holds(&a->of[i], &b->of[x])) {
                    put_pair(out, &n, &a->of[i], &b->of[x]);
                }
            }
        }
        if (!found && (k == LEFT || k == FULL) && last->holds(&a->of[i], NULL)) {
            put_pair(out, &n, &a->of[i], NULL);
        }
    }
    for (int x = 0; x < b->n; x++) {
        if (!met[x] && (k == RIGHT || k == FULL) && last->holds(NULL, &b->of[x])) {
            put_pair(out, &n, NULL, &b->of[x]);
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/// The lines in order of their bytes, without those of the rows that closed the others. To be
/// freed.
static char *sorted(const char *lines_of)
{
    char *copy = strdup(lines_of), *out = malloc(MOST_TEXT);
    const char *lines[4096];
    size_t n = 0, at = 0;
    assert_true(copy != NULL && out != NULL);
    for (char *save = NULL, *line = strtok_r(copy, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (atoi(line) < FAR) {
            assert_true(n < sizeof lines / sizeof lines[0]);
            lines[n++] = line;
        }
    }
    qsort(lines, n, sizeof lines[0], by_text);
    out[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(out + at, MOST_TEXT - at, "%s\n", lines[i]);
    }
    free(copy);
    return out;
}

static int check_all(sl_test *test, kind k, const rows *a, const rows *b)
{
    static char expected[MOST_TEXT];
    int n_some = 0;
    for (int i = 0; i < N_ON * conditions_of(k); i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "o%d", i);
        const char *given = sl_test_read(test, path);
        evaluate(k, &on[i % N_ON], &where[i / N_ON], a, b, expected);
        char *have = sorted(given == NULL ? "" : given), *want = sorted(expected);
        if (strcmp(have, want) != 0) {
            fail_msg("a %s b ... %s%s gives\n%snot\n%s", joins[k], on[i % N_ON].sql,
                     where[i / N_ON].sql, have, want);
        }
        n_some += want[0] != '\0';
        free(have);
        free(want);
    }
    return n_some;
}

// ---------------------------------------------------------------- runs

static void put_file(sl_test *test, const char *dir, int epoch, const char *lines)
{
    char path[32];
    (void)snprintf(path, sizeof path, "%s/%d.csv", dir, epoch);
    sl_test_put(test, path, lines);
}

/// The process dies before epoch `crash` (0: never).
static void run(kind k, uint64_t seed, int crash)
{
    static char file[MOST_TEXT];
    const char *const settings[] = {"modules", SLT_BUILD_DIR "/lib/sluice", NULL};
    rows a = {.n = 0}, b = {.n = 0};
    sl_error err = SL_ERROR_INIT;
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    write_script(k);
    sl_test *test = sl_test_new(build, (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                                                      .checkpoint = true,
                                                      .seed = seed,
                                                      .settings = settings});
    assert_non_null(test);
    for (int epoch = 1; epoch <= EPOCHS + QUIET; epoch++) {
        if (epoch == crash) {
            sl_test_crash(test, crash % 2 == 0);
        }
        if (epoch <= EPOCHS) {
            draw(&seed, epoch, true, &a, file);
            put_file(test, "a", epoch, file);
            draw(&seed, epoch, false, &b, file);
            put_file(test, "b", epoch, file);
        } else if (epoch == EPOCHS + 1) { // so far ahead that all that came before is over
            (void)put_row(&(row){FAR, ALONE, 0}, file, sizeof file);
            put_file(test, "a", epoch, file);
            (void)put_row(&(row){FAR, ALONE + 1, 0}, file, sizeof file);
            put_file(test, "b", epoch, file);
        }
        sl_test_advance(test, epoch == crash ? 2 : 1);
    }
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(check_all(test, k, &a, &b) > N_ON * conditions_of(k) / 2); // few give nothing
    sl_test_free(test);
}

SL_TEST(conditions_of_a_join_mean_the_same_wherever_they_are_asked, "")
{
    run(INNER, 2, 0);
}

SL_TEST(conditions_of_outer_joins_mean_the_same_wherever_they_are_asked, "")
{
    run(LEFT, 3, 0);
    run(RIGHT, 4, 0);
    run(FULL, 5, 0);
}

SL_TEST(conditions_of_joins_mean_the_same_after_crashes, "EXACTLY-ONCE-2")
{
    run(LEFT, 6, 3);
}

// ---------------------------------------------------------------- conditions that fail

typedef struct failing {
    const char *join; ///< behind FROM
    const char *out;  ///< lines of o, sorted
    int n_letters;
} failing;

static int lines_of(const char *text)
{
    int n = 0;
    for (; text != NULL && *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

static void check_failing(const failing *c)
{
    static const char *const letters[] = {"poison",      "dead-letter",
                                          "poison.sink", "file:dead?format=json",
                                          "modules",     SLT_BUILD_DIR "/lib/sluice",
                                          NULL};
    static const char tables[] =
        "CREATE TABLE a (ts TIMESTAMP(3), k BIGINT, v BIGINT, w STRING, WATERMARK FOR ts AS ts) "
        "WITH ('connector' = 'file', 'path' = 'a', 'format' = 'csv');\n"
        "CREATE TABLE b (ts TIMESTAMP(3), k BIGINT, v BIGINT, w STRING, WATERMARK FOR ts AS ts) "
        "WITH ('connector' = 'file', 'path' = 'b', 'format' = 'csv');\n"
        "CREATE TABLE o (k BIGINT, w STRING) WITH ('connector' = 'file', 'path' = 'o', 'format' = "
        "'csv');\nINSERT INTO o SELECT a.k, a.w FROM ";
    sl_error err = SL_ERROR_INIT;
    (void)snprintf(script, sizeof script, "%s%s;", tables, c->join);
    sl_test *test = sl_test_new(build, (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                                                      .checkpoint = true,
                                                      .settings = letters});
    assert_non_null(test);
    sl_test_put(test, "a/1.csv",
                "2020-01-01 00:00:01,1,0,x\n2020-01-01 00:00:01,2,3,7\n"
                "2020-01-01 00:00:01,8,0,x\n2020-01-01 00:00:01,9,3,7\n");
    sl_test_put(test, "b/1.csv",
                "2020-01-01 00:00:01,1,1,1\n2020-01-01 00:00:01,2,1,1\n"
                "2020-01-01 00:00:01,5,0,y\n");
    sl_test_advance(test, 1);
    sl_test_put(test, "a/2.csv", "2020-01-01 01:00:00,70,1,7\n");
    sl_test_put(test, "b/2.csv", "2020-01-01 01:00:00,71,1,7\n");
    sl_test_advance(test, 4);
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s: %s", c->join, err.text);
    }
    const char *out = sl_test_read(test, "o");
    char *have = sorted(out == NULL ? "" : out);
    const char *dead = sl_test_read(test, "dead"); // in the place of the other text
    if (strcmp(have, c->out) != 0 || lines_of(dead) != c->n_letters) {
        fail_msg("%s gives\n%sand letters\n%s", c->join, have, dead == NULL ? "" : dead);
    }
    free(have);
    sl_test_free(test);
}

#define BOUNDS "b.ts BETWEEN a.ts AND a.ts + INTERVAL '1' SECOND"

SL_TEST(a_condition_of_a_join_fails_for_no_more_rows_than_behind_it, "")
{
    static const failing cases[] = {
        // The pair of 1 is in error; the row of 8, which meets none, is not.
        {"a JOIN b ON a.k = b.k AND " BOUNDS " WHERE a.w::INTEGER > 1", "2,7\n", 1},
        {"a JOIN b ON a.k = b.k AND " BOUNDS " WHERE 6 // a.v = 2", "2,7\n", 1},
        // Nothing is computed of rows that another condition leaves out.
        {"a JOIN b ON a.k = b.k AND " BOUNDS " WHERE a.v > 0 AND a.w::INTEGER > 1", "2,7\n", 0},
        // Of a side that is kept each row comes out, so each one's condition is computed.
        {"a LEFT JOIN b ON a.k = b.k AND " BOUNDS " WHERE a.w::INTEGER > 1", "2,7\n9,7\n", 2},
        // ON of an outer join is asked of every row of its side.
        {"a LEFT JOIN b ON a.k = b.k AND " BOUNDS " AND b.w::INTEGER > 0 WHERE a.v > 0",
         "2,7\n9,7\n", 1},
        {"a LEFT JOIN b ON a.k = b.k AND " BOUNDS " AND a.w::INTEGER > 0", "2,7\n9,7\n", 2},
    };
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_failing(&cases[i]);
    }
}
