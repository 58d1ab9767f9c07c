// The queries of NEXMark as perf/nexmark/*.sql has them, over 100,000 events of the benchmark's own
// generator (perf/limit/nexmark_events.h): epoch by epoch, in order and out of order, with a power
// loss in the middle. What comes out is what plain SQL says of all rows at once.
#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/sluice.h"
#include "sluice/test.h"

#include "perf/limit/nexmark_events.h"

enum {
    EVENTS = SLT_SLOW_BUILD ? 20480 : 102400,
    EPOCHS = 10,
    EPOCH_EVENTS = EVENTS / EPOCHS,
    PER_SECOND = SLT_SLOW_BUILD ? 1000 : 2000,
    SHUFFLE = 1024,
    MAX_LINES = EVENTS + 1,
    MAX_SCRIPT = 8192,
};

typedef struct text {
    char *data;
    size_t size, room;
} text;

/// Rows as they lie in memory, and the lines that files have of them.
typedef struct house {
    nexmark config;
    nexmark_epoch epochs[EPOCHS];
    text files[EPOCHS + 1][NEXMARK_KINDS]; ///< the last one is a row an hour ahead
} house;

typedef struct query {
    const char *name;
    const char *plain; ///< one column, `line`: what a line of the script's output is
    int32_t key_size;  ///< rows replace those that begin with so many equal bytes; 0: they don't
} query;

#define TIME_TEXT(t)                                                                               \
    "replace(replace(strftime(" t ", '%Y-%m-%dT%H:%M:%S.%fZ'), '.000000Z', 'Z'), '000Z', 'Z')"
#define TUMBLE_OF(t) "time_bucket(INTERVAL '10 seconds', " t ", TIMESTAMP '2000-01-01')"

static const query queries[] = {
    {"q0",
     "SELECT concat_ws(',', auction, bidder, price, " TIME_TEXT(
         "dateTime") ", extra) AS line FROM bid",
     0},
    {"q1",
     "SELECT concat_ws(',', auction, bidder, 0.908 * price, " TIME_TEXT(
         "dateTime") ", extra) AS line FROM bid",
     0},
    {"q2", "SELECT concat_ws(',', auction, price) AS line FROM bid WHERE auction % 123 = 0", 0},
    {"q3",
     "SELECT concat_ws(',', p.name, p.city, p.state, a.id) AS line FROM auction a JOIN person p "
     "ON a.seller = p.id WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')",
     0},
    {"q4",
     "SELECT format('{},{:.6f}', category, avg(final)) AS line FROM (SELECT a.category, "
     "max(b.price) AS final FROM auction a JOIN bid b ON a.id = b.auction AND b.dateTime >= "
     "a.dateTime AND b.dateTime <= a.expires GROUP BY a.id, a.category) GROUP BY category",
     2},
    {"q5",
     "WITH panes AS (SELECT auction, epoch_us(dateTime) // 2000000 + unnest(range(0, 5)) AS w FROM "
     "bid), counts AS (SELECT w, auction, count(*) AS num FROM panes GROUP BY ALL) "
     "SELECT concat_ws(',', auction, num) AS line FROM counts c WHERE num = (SELECT max(num) FROM "
     "counts o WHERE o.w = c.w)",
     0},
    {"q7",
     "WITH top AS (SELECT " TUMBLE_OF(
         "dateTime") " AS s, max(price) AS price FROM bid GROUP BY s) "
                     "SELECT concat_ws(',', b.auction, b.price, b.bidder, " TIME_TEXT(
                         "b.dateTime") ", b.extra) AS line FROM bid b JOIN top t ON b.price = "
                                       "t.price AND "
                                       "b.dateTime BETWEEN t.s AND t.s + INTERVAL '10 seconds'",
     0},
    {"q8",
     "SELECT DISTINCT concat_ws(',', p.id, p.name, " TIME_TEXT(
         TUMBLE_OF("p.dateTime")) ") AS line FROM person p JOIN auction a ON p.id = a.seller "
                                  "AND " TUMBLE_OF("p.dateTime") " = " TUMBLE_OF("a.dateTime"),
     0},
};

static const char *const schemas[NEXMARK_KINDS] = {
    "id int64, name string, emailAddress string, creditCard string, city string, state string, "
    "dateTime timestamp, extra string",
    "id int64, itemName string, description string, initialBid int64, reserve int64, dateTime "
    "timestamp, expires timestamp, seller int64, category int64, extra string",
    "auction int64, bidder int64, price int64, dateTime timestamp, extra string"};
static const char *const names[NEXMARK_KINDS] = {"person", "auction", "bid"};
/// Of each column of the schema: the integer (from 0) or the text (-1, -2, ...) that it is.
static const int32_t columns[NEXMARK_KINDS][11] = {
    {PERSON_ID, -1, -2, -3, -4, -5, PERSON_TIME, -6, 99},
    {AUCTION_ID, -1, -2, AUCTION_INITIAL, AUCTION_RESERVE, AUCTION_TIME, AUCTION_EXPIRES,
     AUCTION_SELLER, AUCTION_CATEGORY, -3, 99},
    {BID_AUCTION, BID_BIDDER, BID_PRICE, BID_TIME, -1, 99}};

// ---------------------------------------------------------------- rows as text

static void add(text *t, const char *at, size_t size)
{
    if (t->size + size + 1 > t->room) {
        t->room = 2 * (t->room + size + 1);
        t->data = realloc(t->data, t->room);
        assert_non_null(t->data);
    }
    memcpy(t->data + t->size, at, size);
    t->size += size;
    t->data[t->size] = '\0';
}

static bool is_time(int kind, int32_t integer)
{
    return (kind == NEXMARK_PERSON && integer == PERSON_TIME) ||
           (kind == NEXMARK_BID && integer == BID_TIME) ||
           (kind == NEXMARK_AUCTION && (integer == AUCTION_TIME || integer == AUCTION_EXPIRES));
}

static void add_integer(text *t, int kind, int32_t integer, int64_t value)
{
    char cell[64];
    if (is_time(kind, integer)) {
        time_t second = (time_t)(value / 1000000);
        struct tm at;
        assert_non_null(gmtime_r(&second, &at));
        size_t n = strftime(cell, sizeof cell, "%Y-%m-%d %H:%M:%S", &at);
        (void)snprintf(cell + n, sizeof cell - n, ".%06d", (int)(value % 1000000));
    } else {
        (void)snprintf(cell, sizeof cell, "%lld", (long long)value);
    }
    add(t, cell, strlen(cell));
}

static void add_row(text *t, int kind, const nexmark_rows *rows, int64_t row)
{
    for (const int32_t *c = columns[kind]; *c != 99; c++) {
        if (c != columns[kind]) {
            add(t, ",", 1);
        }
        if (*c >= 0) {
            add_integer(t, kind, *c, rows->integers[*c][row]);
        } else {
            add(t, rows->texts[-1 - *c][row].at, rows->texts[-1 - *c][row].size);
        }
    }
    add(t, "\n", 1);
}

/// A row that is in no result and lets every window end.
static void add_far_row(text *t, int kind, int64_t time_us)
{
    for (const int32_t *c = columns[kind]; *c != 99; c++) {
        if (c != columns[kind]) {
            add(t, ",", 1);
        }
        if (*c >= 0) {
            add_integer(t, kind, *c, is_time(kind, *c) ? time_us : -1);
        } else {
            add(t, "-", 1);
        }
    }
    add(t, "\n", 1);
}

static house *make_house(int64_t shuffle)
{
    house *h = calloc(1, sizeof *h);
    assert_non_null(h);
    h->config = (nexmark){.seed = 11, .per_second = PER_SECOND, .shuffle = shuffle};
    for (int32_t e = 0; e < EPOCHS; e++) {
        nexmark_epoch_init(&h->epochs[e], EPOCH_EVENTS, (1 << NEXMARK_KINDS) - 1);
        nexmark_epoch_fill(&h->config, &h->epochs[e], (int64_t)e * EPOCH_EVENTS);
        for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
            for (int64_t i = 0; i < h->epochs[e].rows[kind].n; i++) {
                add_row(&h->files[e][kind], kind, &h->epochs[e].rows[kind], i);
            }
        }
    }
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        add_far_row(&h->files[EPOCHS][kind], kind,
                    nexmark_time_us(&h->config, EVENTS) + INT64_C(3600000000));
    }
    return h;
}

static void free_house(house *h)
{
    for (int32_t e = 0; e <= EPOCHS; e++) {
        for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
            free(h->files[e][kind].data);
        }
        if (e < EPOCHS) {
            nexmark_epoch_reset(&h->epochs[e]);
        }
    }
    free(h);
}

// ---------------------------------------------------------------- lines, sorted

typedef struct lines {
    const char *at[MAX_LINES];
    int32_t n;
} lines;

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void cut(lines *l, char *of)
{
    l->n = 0;
    for (char *line = strtok(of, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_true(l->n < MAX_LINES);
        l->at[l->n++] = line;
    }
    qsort(l->at, (size_t)l->n, sizeof *l->at, compare);
}

// ---------------------------------------------------------------- all rows at once, in plain SQL

static sl_rdd *rdd_of(sl_session *session, const house *h, int kind)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, schemas[kind], &err), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    for (int32_t e = 0; e < EPOCHS; e++) {
        const nexmark_rows *rows = &h->epochs[e].rows[kind];
        for (int32_t c = 0; columns[kind][c] != 99; c++) {
            int32_t from = columns[kind][c];
            for (int64_t i = 0; i < rows->n; i++) {
                if (from >= 0) {
                    sl_builder_int64(builder, c, rows->integers[from][i]);
                } else {
                    const nexmark_text *cell = &rows->texts[-1 - from][i];
                    sl_builder_text(builder, c, cell->at, cell->size);
                }
            }
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, &err), SL_OK);
    sl_rdd *rdd = sl_rdd_of_batches(session, (const sl_batch *const[]){batch}, 1, 1);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return rdd;
}

static void ask_plainly(const house *h, const query *q, text *out)
{
    static const char *const settings[] = {"master", "local[1]", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    sl_batch *rows = NULL;
    sl_sql_rdd tables[NEXMARK_KINDS];
    assert_int_equal(sl_session_new(&session, settings, &err), SL_OK);
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        tables[kind] = (sl_sql_rdd){names[kind], rdd_of(session, h, kind)};
    }
    sl_rdd *asked = sl_rdd_sql(q->plain, tables, NEXMARK_KINDS);
    if (sl_rdd_collect(asked, &rows, &err) != SL_OK) {
        fail_msg("%s: %s", q->name, err.text);
    }
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        sl_text line = sl_column_text(sl_batch_column(rows, 0), i);
        add(out, line.data, line.size);
        add(out, "\n", 1);
    }
    sl_batch_unref(rows);
    sl_rdd_unref(asked);
    for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
        sl_rdd_unref(tables[kind].rdd);
    }
    sl_session_free(session);
}

// ---------------------------------------------------------------- epoch by epoch, as a script

/// What a build function can't be given.
static struct {
    const query *q;
    char script[MAX_SCRIPT], late[32];
    text changes; ///< rows of a query whose rows change, in order; a crash may give some again
} now;

static sl_code add_change(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)ctx;
    (void)partition;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        char line[64];
        int n = snprintf(line, sizeof line, "%lld,%.6f\n",
                         (long long)sl_column_int64(sl_batch_column(batch, 0), i),
                         sl_column_float64(sl_batch_column(batch, 1), i));
        add(&now.changes, line, (size_t)n);
    }
    return SL_OK;
}

static sl_code take_changes(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)args;
    return sl_rdd_foreach(rdd, add_change, NULL, err);
}

static const sl_foreach_fn changes_fn = {
    .struct_size = sizeof changes_fn, .name = "changes", .version = 1, .run = take_changes};

static void build(sl_graph *graph)
{
    const char *const variables[] = {
        "LATE", now.late, "OUT",
        now.q->key_size > 0 ? "'connector' = 'foreach', 'name' = 'changes'"
                            : "'connector' = 'filesystem', 'path' = 'out', 'format' = 'csv'",
        NULL};
    sl_sql_foreach(graph, &changes_fn, NULL);
    sl_sql_script(graph, now.q->name, now.script, variables);
}

static void read_script(const query *q, const house *h)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/perf/nexmark/%s.sql", SLT_SOURCE_DIR, q->name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t n = fread(now.script, 1, MAX_SCRIPT - 1, file);
    assert_true(n > 0 && n < MAX_SCRIPT - 1);
    now.script[n] = '\0';
    (void)fclose(file);
    (void)snprintf(now.late, sizeof now.late, "%.6f", (double)nexmark_late_us(&h->config) / 1e6);
    now.q = q;
    now.changes.size = 0;
}

/// The last of the lines that begin with the same `key_size` bytes.
static void keep_last(text *t, int32_t key_size, text *out)
{
    for (char *at = t->data; at != NULL && *at != '\0'; at = strchr(at, '\n') + 1) {
        bool comes_again = false;
        size_t size = strcspn(at, "\n") + 1;
        for (char *later = at + size; !comes_again && *later != '\0';
             later = strchr(later, '\n') + 1) {
            comes_again = strncmp(at, later, (size_t)key_size) == 0;
        }
        if (!comes_again) {
            add(out, at, size);
        }
    }
}

static void run_script(const house *h, const query *q, text *out)
{
    sl_error err = SL_ERROR_INIT;
    sl_test_conf conf = {.struct_size = sizeof conf,
                         .checkpoint = true,
                         .seed = 5,
                         .start_us = NEXMARK_BEGIN_US + INT64_C(86400000000)};
    read_script(q, h);
    sl_test *test = sl_test_new(build, conf);
    for (int32_t e = 0; e <= EPOCHS; e++) {
        if (e == EPOCHS / 2) {
            sl_test_crash(test, true);
        }
        for (int kind = 0; kind < NEXMARK_KINDS; kind++) {
            char path[64];
            (void)snprintf(path, sizeof path, "in/%s/%03d.csv", names[kind], (int)e);
            sl_test_put(test, path, h->files[e][kind].data);
        }
        sl_test_advance(test, 1);
    }
    sl_test_advance(test, 4);
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s: %s", q->name, err.text);
    }
    if (q->key_size > 0) {
        keep_last(&now.changes, q->key_size, out);
    } else {
        const char *rows = sl_test_read(test, "out");
        add(out, rows, strlen(rows));
    }
    sl_test_free(test);
}

// ---------------------------------------------------------------- both

/// Rows of the far row are no results.
static void drop_far_rows(lines *l)
{
    int32_t n = 0;
    for (int32_t i = 0; i < l->n; i++) {
        if (l->at[i][0] != '-') {
            l->at[n++] = l->at[i];
        }
    }
    l->n = n;
}

static void compare_lines(const query *q, int64_t shuffle, text *got, text *want)
{
    static lines a, b;
    cut(&a, got->data);
    cut(&b, want->data);
    drop_far_rows(&a);
    assert_true(b.n > 0);
    for (int32_t i = 0; i < a.n && i < b.n; i++) {
        if (strcmp(a.at[i], b.at[i]) != 0) {
            fail_msg("%s, shuffle %lld, line %d: \"%s\", not \"%s\"", q->name, (long long)shuffle,
                     (int)i, a.at[i], b.at[i]);
        }
    }
    if (a.n != b.n) {
        fail_msg("%s, shuffle %lld: %d rows, not %d", q->name, (long long)shuffle, (int)a.n,
                 (int)b.n);
    }
}

static void check_query(const char *name)
{
    const query *q = queries;
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    while (strcmp(q->name, name) != 0) {
        q++;
    }
    for (int64_t shuffle = 1; shuffle <= SHUFFLE; shuffle *= SHUFFLE) {
        text got = {0}, want = {0};
        house *h = make_house(shuffle);
        add(&got, "", 0);
        add(&want, "", 0);
        add(&now.changes, "", 0);
        run_script(h, q, &got);
        ask_plainly(h, q, &want);
        compare_lines(q, shuffle, &got, &want);
        free(got.data);
        free(want.data);
        free(now.changes.data);
        now.changes = (text){0};
        free_house(h);
    }
}

SL_TEST(nexmark_q0_passes_bids_through, "")
{
    check_query("q0");
}

SL_TEST(nexmark_q1_converts_prices, "")
{
    check_query("q1");
}

SL_TEST(nexmark_q2_selects_auctions, "")
{
    check_query("q2");
}

SL_TEST(nexmark_q3_joins_persons_and_auctions, "")
{
    check_query("q3");
}

SL_TEST(nexmark_q4_averages_final_prices, "")
{
    check_query("q4");
}

SL_TEST(nexmark_q5_counts_in_sliding_windows, "")
{
    check_query("q5");
}

SL_TEST(nexmark_q7_finds_the_highest_bids, "")
{
    check_query("q7");
}

SL_TEST(nexmark_q8_joins_windows, "")
{
    check_query("q8");
}
