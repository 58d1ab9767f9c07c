// Rows that change and go, as whole scripts in the simulated world: counts of counts, conditions on
// what changes, and aggregations over these. After every epoch the rows that are left, when each
// '-D' takes its key away, are those of a naive evaluation of all rows so far, whatever the seed,
// the number of partitions and the epoch before which the process dies. No '-D' is of a key that is
// not there.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

enum { EPOCHS = 7, ROWS = 12, AUCTIONS = 11, MOST_TEXT = 1 << 14, MOST_ROWS = 400, VIEWS = 4 };

#define LOG                                                                                        \
    "', 'connector' = 'file', 'format' = 'csv', 'changelog' = 'append', 'changelog.kind' = "       \
    "'kind');\n"

static const char sinks[] =
    "CREATE TABLE by_n (kind STRING, n BIGINT, c BIGINT, s BIGINT) WITH ('path' = 'by_n" LOG
    "CREATE TABLE above (kind STRING, auction BIGINT, s BIGINT) WITH ('path' = 'above" LOG
    "CREATE TABLE rests (kind STRING, r BIGINT, c BIGINT, n BIGINT) WITH ('path' = 'rests" LOG
    "CREATE TABLE twice (kind STRING, c BIGINT, m BIGINT) WITH ('path' = 'twice" LOG;

static const char script[] =
    "CREATE TABLE bids (auction BIGINT, price BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'in', 'format' = 'csv');\n"
    "CREATE VIEW counts AS SELECT auction, count(*) AS n, sum(price) AS s FROM bids\n"
    "  GROUP BY auction;\n"
    "INSERT INTO by_n SELECT n, count(*), sum(s) FROM counts GROUP BY n;\n"
    "INSERT INTO above SELECT auction, s FROM counts WHERE s > 0;\n"
    "INSERT INTO rests SELECT (s + 3000) % 3 AS r, count(*), sum(n) FROM counts WHERE s > -20\n"
    "  GROUP BY r HAVING count(*) > 1;\n"
    "CREATE VIEW ns AS SELECT n, count(*) AS c FROM counts GROUP BY n;\n"
    "INSERT INTO twice SELECT c, count(*) AS m FROM ns GROUP BY c;\n";

static const char *const views[VIEWS] = {"by_n", "above", "rests", "twice"};

static void build(sl_graph *graph)
{
    static char text[sizeof sinks + sizeof script];
    (void)snprintf(text, sizeof text, "%s%s", sinks, script);
    sl_sql_script(graph, "deletes.sql", text, NULL);
}

// ---------------------------------------------------------------- the naive evaluation

typedef struct model {
    int64_t sum[AUCTIONS], n[AUCTIONS];
} model;

/// Rows "key,...", in order of keys.
typedef struct rows {
    char text[MOST_ROWS][64];
    int n;
} rows;

static void add_row(rows *to, const char *text)
{
    assert_true(to->n < MOST_ROWS);
    (void)snprintf(to->text[to->n++], sizeof to->text[0], "%s", text);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void by_n(const model *m, rows *out)
{
    for (int64_t n = 1; n <= (int64_t)EPOCHS * ROWS; n++) {
        int64_t c = 0, s = 0;
        char text[64];
        for (int a = 0; a < AUCTIONS; a++) {
            c += m->n[a] == n;
            s += m->n[a] == n ? m->sum[a] : 0;
        }
        (void)snprintf(text, sizeof text, "%d,%d,%d", (int)n, (int)c, (int)s);
        if (c > 0) {
            add_row(out, text);
        }
    }
}

static void above(const model *m, rows *out)
{
    for (int a = 0; a < AUCTIONS; a++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%d,%d", a, (int)m->sum[a]);
        if (m->sum[a] > 0) {
            add_row(out, text);
        }
    }
}

static void rests(const model *m, rows *out)
{
    for (int64_t r = 0; r < 3; r++) {
        int64_t c = 0, n = 0;
        char text[64];
        for (int a = 0; a < AUCTIONS; a++) {
            bool in = m->n[a] > 0 && m->sum[a] > -20 && (m->sum[a] + 3000) % 3 == r;
            c += in;
            n += in ? m->n[a] : 0;
        }
        (void)snprintf(text, sizeof text, "%d,%d,%d", (int)r, (int)c, (int)n);
        if (c > 1) {
            add_row(out, text);
        }
    }
}

static void twice(const model *m, rows *out)
{
    int64_t of[AUCTIONS + 1] = {0};
    for (int64_t n = 1; n <= (int64_t)EPOCHS * ROWS; n++) {
        int c = 0;
        for (int a = 0; a < AUCTIONS; a++) {
            c += m->n[a] == n;
        }
        of[c] += c > 0;
    }
    for (int c = 1; c <= AUCTIONS; c++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%d,%d", c, (int)of[c]);
        if (of[c] > 0) {
            add_row(out, text);
        }
    }
}

static void (*const models[VIEWS])(const model *m, rows *out) = {by_n, above, rests, twice};

// ---------------------------------------------------------------- what came out

/// Takes a line "+U,key,..." or "-D,key,..." into what a table with that key would have.
static void take_line(rows *table, const char *line)
{
    size_t key = strcspn(line + 3, ",") + 1;
    int at = -1;
    for (int i = 0; i < table->n; i++) {
        at = strncmp(table->text[i], line + 3, key) == 0 ? i : at;
    }
    bool goes = strncmp(line, "-D,", 3) == 0;
    assert_true(goes || strncmp(line, "+U,", 3) == 0);
    if (goes && at < 0) {
        fail_msg("'%s' is of a key that is not there", line);
    }
    if (at >= 0) {
        memmove(table->text[at], table->text[table->n - 1], sizeof table->text[0]);
        table->n--;
    }
    if (!goes) {
        add_row(table, line + 3);
    }
}

static void read_table(const char *text, rows *out)
{
    out->n = 0;
    while (text != NULL && *text != '\0') {
        char line[64];
        size_t n = strcspn(text, "\n");
        assert_true(n < sizeof line);
        memcpy(line, text, n);
        line[n] = '\0';
        take_line(out, line);
        text += n + (text[n] == '\n');
    }
    qsort(out->text, (size_t)out->n, sizeof out->text[0], by_text);
}

static void check_epoch(sl_test *test, const model *m, int64_t *n_gone)
{
    static rows due, shown;
    for (int v = 0; v < VIEWS; v++) {
        due.n = 0;
        models[v](m, &due);
        qsort(due.text, (size_t)due.n, sizeof due.text[0], by_text);
        const char *text = sl_test_read(test, views[v]);
        read_table(text, &shown);
        for (const char *at = text; at != NULL && (at = strstr(at, "-D,")) != NULL; at++) {
            (*n_gone)++;
        }
        assert_int_equal(shown.n, due.n);
        for (int i = 0; i < due.n; i++) {
            SL_CHECK_TEXT(shown.text[i], due.text[i]);
        }
    }
}

// ---------------------------------------------------------------- runs

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static const char *draw(uint64_t *state, int epoch, model *m, char *out)
{
    size_t n = 0;
    int count = epoch == 4 ? 0 : ROWS; // one epoch has nothing
    out[0] = '\0';
    for (int i = 0; i < count; i++) {
        int64_t auction = (int64_t)(next(state) % AUCTIONS);
        int64_t price = (int64_t)(next(state) % 41) - 20;
        m->sum[auction] += price;
        m->n[auction]++;
        n += (size_t)snprintf(out + n, MOST_TEXT - n, "%d,%d\n", (int)auction, (int)price);
    }
    return out;
}

/// The process dies before epoch `crash` (0: never). Returns all that was written, to be freed;
/// *n_gone: how often a row went, counted once an epoch and view.
static char *run(uint64_t seed, int crash, bool power_loss, const char *partitions, int64_t *n_gone)
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
        const char *put = draw(&seed, epoch, &m, text);
        if (put[0] != '\0') {
            sl_test_put(test, path, put);
        }
        sl_test_advance(test, epoch == crash ? 2 : 1);
        if (sl_test_check(test, &err) != SL_OK) {
            fail_msg("%s", err.text);
        }
        check_epoch(test, &m, n_gone);
    }
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    check_epoch(test, &m, n_gone);
    char *all = calloc(1, VIEWS * MOST_TEXT);
    assert_non_null(all);
    for (int v = 0; v < VIEWS; v++) {
        const char *of = sl_test_read(test, views[v]);
        assert_true(strlen(all) + strlen(of) < VIEWS * MOST_TEXT);
        strcat(all, of);
    }
    sl_test_free(test);
    return all;
}

SL_TEST(rows_that_go_leave_what_all_rows_give, "")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    int64_t n_gone = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        free(run(seed, 0, false, seed % 2 == 0 ? "1" : "3", &n_gone));
    }
    assert_true(n_gone > 100); // the rows drawn do make rows go, in every view
}

SL_TEST(rows_that_go_are_the_same_after_crashes, "EXACTLY-ONCE-2")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    int64_t n_gone = 0;
    char *whole = run(7, 0, false, "2", &n_gone);
    for (int crash = 1; crash <= EPOCHS; crash++) {
        char *other = run(7, crash, crash % 2 == 0, "2", &n_gone);
        SL_CHECK_TEXT(other, whole);
        free(other);
    }
    free(whole);
}
