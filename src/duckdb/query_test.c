// Statements: what they give, and what is refused.
#include "duckdb/fixture_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

SL_TEST(duck_select_over_a_streams_table, "")
{
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_table(&d, "words", "word string, n int64?");
    sl_batch *a = slt_duck_batch("word string, n int64?", "be,1;or,2;be,~");
    sl_batch *b = slt_duck_batch("word string, n int64?", "a word that is long,5;be,40");
    sl_batch *const batches[] = {a, b};
    const sli_dbs_rows rows = {"words", batches, 2};
    int32_t number = slt_duck_prepare(
        &d, "SELECT word, count(*), sum(n) FROM Words GROUP BY word ORDER BY word");
    SL_CHECK_TEXT(slt_duck_run(&d, number, &rows, 1), "a word that is long,1,5;be,3,41;or,1,2;");
    SL_CHECK_TEXT(slt_duck_run(&d, number, NULL, 0), "");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT count(*) FROM words"), "0;");
    int32_t all = slt_duck_prepare(&d, "SELECT count(*), sluice_time() FROM words");
    SL_CHECK_TEXT(slt_duck_run(&d, all, &rows, 1), "5,1000000;");
    sl_batch_unref(a);
    sl_batch_unref(b);
    slt_duck_end(&d);
}

SL_TEST(duck_what_can_not_be_right_is_told_with_its_place, "")
{
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_table(&d, "words", "word string, n int64?");
    slt_duck_refused(&d, "SELECT wrd FROM words", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: there is no column \"wrd\"; the nearest is \"word\"");
    assert_int_equal(d.where.at, 7);
    slt_duck_refused(&d, "SELECT 1 FROM wrds", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: there is no table \"wrds\"; the nearest is \"words\"");
    assert_int_equal(d.where.at, 14);
    slt_duck_refused(&d, "SELECT summ(n) FROM words", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: there is no function \"summ\"; the nearest is \"sum\"");
    slt_duck_refused(&d, "SELECT w.wrd FROM words AS w", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: \"w\" has no column \"wrd\"; the nearest is \"word\"");
    slt_duck_refused(&d, "SELECT n::BOOLEEN FROM words", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: there is no type \"BOOLEEN\"; the nearest is \"BOOLEAN\"");
    slt_duck_refused(&d, "SELECT nvl(n, 1) FROM words", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: there is no function \"nvl\"; write coalesce(a, b)");
    slt_duck_refused(&d, "SELECT n FROM words WHERE n = = 1", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: syntax error at or near \"=\"");
    assert_int_equal(d.where.at, 30);
    slt_duck_refused(&d, "SELECT 'ééé' FROM words WHERE n = = 1", SL_E_INVALID);
    assert_int_equal(d.where.at, 37); // bytes
    slt_duck_refused(&d, "SELECT 'ééé', wrd FROM words", SL_E_INVALID);
    assert_int_equal(d.where.at, 17);
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- tables

SL_TEST(duck_tables_are_joined_and_used_twice, "")
{
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_table(&d, "orders", "id int64, item string");
    slt_duck_table(&d, "prices", "item string, price int64?");
    sl_batch *orders = slt_duck_batch("id int64, item string", "1,tea;2,a kettle of copper;3,cup");
    sl_batch *prices = slt_duck_batch("item string, price int64?", "tea,3;a kettle of copper,90");
    const sli_dbs_rows rows[] = {{"orders", &orders, 1}, {"PRICES", &prices, 1}};
    SL_CHECK_TEXT(slt_duck_run(&d,
                               slt_duck_prepare(&d, "SELECT id, o.item, price FROM orders o LEFT "
                                                    "JOIN prices USING (item) ORDER BY id"),
                               rows, 2),
                  "1,tea,3;2,a kettle of copper,90;3,cup,~;");
    SL_CHECK_TEXT(slt_duck_run(&d,
                               slt_duck_prepare(&d, "SELECT a.id, b.id FROM orders a, orders b "
                                                    "WHERE a.id < b.id ORDER BY 1, 2"),
                               rows, 2),
                  "1,2;1,3;2,3;");
    SL_CHECK_TEXT(slt_duck_run(&d,
                               slt_duck_prepare(&d, "SELECT o.id FROM orders o WHERE item NOT IN "
                                                    "(SELECT item FROM prices) LIMIT 5"),
                               rows, 2),
                  "3;");
    sl_batch_unref(orders);
    sl_batch_unref(prices);
    slt_duck_end(&d);
}

SL_TEST(duck_a_text_is_prepared_once, "")
{
    slt_duck d;
    slt_duck_start(&d);
    int32_t first = slt_duck_prepare(&d, "SELECT 1 + 1 AS two");
    assert_int_equal(slt_duck_prepare(&d, "SELECT 1 + 1 AS two"), first);
    assert_int_not_equal(slt_duck_prepare(&d, "SELECT 1 + 2 AS three"), first);
    sli_dbs_forget(d.dbs, first); // and again when it is run
    SL_CHECK_TEXT(slt_duck_run(&d, first, NULL, 0), "2;");
    slt_duck_end(&d);
}

// The hash table is made of the static table, which says how small it is: rows come as the
// stream's.
SL_TEST(duck_a_join_looks_for_the_streams_rows, "")
{
    slt_duck d;
    sl_schema *prices = NULL;
    slt_duck_start(&d);
    slt_duck_ok(&d, sl_schema_parse(&prices, "item string, price int64", &d.err));
    slt_duck_ok(&d, sli_dbs_table(d.dbs, "prices", prices, 3, &d.err));
    slt_duck_table(&d, "orders", "id int64, item string");
    sl_batch *few = slt_duck_batch("item string, price int64", "cup,1;tea,3;jug,7");
    sl_batch *orders = slt_duck_batch("id int64, item string", "1,tea;2,jug;3,cup;4,tea");
    const sli_dbs_rows rows[] = {{"orders", &orders, 1}, {"prices", &few, 1}};
    static const char *const joins[] = {
        "SELECT id, price FROM orders JOIN prices USING (item)",
        "SELECT id, price FROM prices JOIN orders USING (item)",
        "SELECT id, price FROM orders LEFT JOIN prices USING (item)",
    };
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        SL_CHECK_TEXT(slt_duck_run(&d, slt_duck_prepare(&d, joins[i]), rows, 2),
                      "1,3;2,7;3,1;4,3;");
    }
    sl_batch_unref(few);
    sl_batch_unref(orders);
    sl_schema_unref(prices);
    slt_duck_end(&d);
}

SL_TEST(duck_a_name_is_one_table, "")
{
    slt_duck d;
    sl_schema *other = NULL;
    slt_duck_start(&d);
    slt_duck_table(&d, "it's \"a\" table", "n int64");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT count(*) FROM \"it's \"\"a\"\" table\""), "0;");
    slt_duck_table(&d, "words", "word string");
    slt_duck_table(&d, "WORDS", "word string"); // equal, so no failure
    slt_duck_ok(&d, sl_schema_parse(&other, "word int64", &d.err));
    assert_int_equal(sli_dbs_table(d.dbs, "Words", other, -1, &d.err), SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: there is a table \"Words\" already");
    assert_int_equal(sli_dbs_table(d.dbs, "", other, -1, &d.err), SL_E_INVALID);
    slt_duck_table(&d, "later", "n int64"); // what failed has left nothing
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT count(*) FROM later"), "0;");
    sl_schema_unref(other);
    slt_duck_end(&d);
}

SL_TEST(duck_no_table_is_told_as_such, "")
{
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_refused(&d, "SELECT 1 FROM nowhere", SL_E_INVALID);
    SL_CHECK_TEXT(d.err.text, "SQL: there is no table \"nowhere\", nor any other");
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- order

/// Rows of keys and numbers, in batches of `size` rows.
static int32_t keyed(slt_duck *d, int64_t size, sl_batch **out)
{
    enum { ROWS = 20000 };
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    int32_t n = 0;
    slt_duck_ok(d, sl_schema_parse(&schema, "k string, n int64", &d->err));
    slt_duck_ok(d, sl_builder_new(&builder, schema, &d->err));
    for (int64_t i = 0; i < ROWS; i++) {
        char key[32];
        int bytes = snprintf(key, sizeof key, "a key of the row %d", (int)(i * 7919 % 1000));
        sl_builder_text(builder, 0, key, (size_t)bytes);
        sl_builder_int64(builder, 1, i);
        if ((i + 1) % size == 0 || i + 1 == ROWS) {
            slt_duck_ok(d, sl_builder_finish(builder, &out[n++], &d->err));
        }
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return n;
}

/// The groups as they come, of a new set of instances.
static void grouped(sli_str *out, int64_t size)
{
    static sl_batch *batches[20000];
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_table(&d, "t", "k string, n int64");
    int32_t n = keyed(&d, size, batches);
    const sli_dbs_rows rows = {"t", batches, n};
    int32_t number = slt_duck_prepare(&d, "SELECT k, sum(n), avg(n), first(n) FROM t GROUP BY k");
    sli_str_text(out, slt_duck_run(&d, number, &rows, 1));
    SL_CHECK_TEXT(slt_duck_run(&d, number, &rows, 1), out->data); // and in another run
    for (int32_t i = 0; i < n; i++) {
        sl_batch_unref(batches[i]);
    }
    slt_duck_end(&d);
}

SL_TEST(duck_groups_come_in_one_order, "")
{
    static const int64_t sizes[] = {20000, 4096, 1000, 7};
    sli_str first = SLI_STR_INIT;
    grouped(&first, sizes[0]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sli_str other = SLI_STR_INIT;
        grouped(&other, sizes[i]); // another instance, other borders of batches
        SL_CHECK_TEXT(other.data, first.data);
        sli_str_reset(&other);
    }
    sli_str_reset(&first);
}

SL_TEST(duck_rows_keep_their_order, "")
{
    slt_duck d;
    slt_duck_start(&d);
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT i FROM range(100000) t(i) WHERE i % 30000 = 1"),
                  "1;30001;60001;90001;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT i FROM range(100000) t(i) ORDER BY -i LIMIT 3 OFFSET 1"),
                  "99998;99997;99996;");
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- rows that can't be computed

SL_TEST(duck_rows_that_can_not_be_computed_are_bad_data, "")
{
    static const char *const bad[][2] = {
        {"SELECT i + 9223372036854775807 FROM range(2) t(i)", "Overflow in addition"},
        {"SELECT (i + 2147483647)::INTEGER FROM range(2) t(i)", "out of range"},
        {"SELECT CASE i WHEN 1 THEN 'x' ELSE '1' END::INTEGER FROM range(2) t(i)",
         "Could not convert string 'x' to INT32"},
        {"SELECT sqrt(-i) FROM range(2) t(i)", "square root"},
        {"SELECT error('a mistake') FROM range(2)", "a mistake"},
        {"SELECT chr((i + 2000000)::INTEGER) FROM range(2) t(i)", ""},
    };
    slt_duck d;
    slt_duck_start(&d);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        slt_duck_refused(&d, bad[i][0], SL_E_DATA);
        if (strstr(d.err.text, bad[i][1]) == NULL) {
            fail_msg("%s: %s", bad[i][0], d.err.text);
        }
    }
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT 1 / 0, 1 // 0, 1 % 0"),
                  "inf,~,~;"); // DuckDB's own rules
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- stopping

typedef struct stopping {
    _Atomic bool flag;
    int32_t n_batches, stop_at;
} stopping;

static sl_code stop_at(void *ctx, sl_batch *rows, sl_error *err)
{
    stopping *s = ctx;
    (void)rows;
    (void)err;
    atomic_store(&s->flag, ++s->n_batches >= s->stop_at);
    return SL_OK;
}

SL_TEST(duck_a_run_is_stopped_between_its_rows, "")
{
    slt_duck d;
    stopping s = {.stop_at = 3};
    const _Atomic bool *flag = &s.flag;
    slt_duck_start(&d);
    int32_t number = slt_duck_prepare(&d, "SELECT i FROM range(1000000000000) t(i)");
    assert_int_equal(sli_dbs_run(d.dbs, number, NULL, 0, 0, &flag, 1, stop_at, &s, &d.err),
                     SL_E_CANCELLED);
    assert_int_equal(s.n_batches, 3);
    int32_t long_one = slt_duck_prepare(&d, "SELECT sum(i) FROM range(1000000000000) t(i)");
    assert_int_equal(sli_dbs_run(d.dbs, long_one, NULL, 0, 0, &flag, 1, stop_at, &s, &d.err),
                     SL_E_CANCELLED);
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT 1"), "1;");
    slt_duck_end(&d);
}

static void *wait_and_stop(void *ctx)
{
    stopping *s = ctx;
    struct timespec some = {.tv_nsec = 50000000}; // any moment will do
    (void)nanosleep(&some, NULL);
    atomic_store(&s->flag, true);
    return NULL;
}

SL_TEST(duck_a_run_without_rows_is_stopped_too, "")
{
    static const char *const endless[] = {
        "SELECT sum(i) FROM range(1000000000000) t(i)",
        "SELECT i FROM range(1000000000000) t(i) WHERE i < 0 OR hash(i) = 0",
        "SELECT count(*) FROM range(10000000) a(i), range(10000000) b(j) WHERE i + j < 0",
    };
    slt_duck d;
    slt_duck_start(&d);
    for (size_t i = 0; i < sizeof endless / sizeof *endless; i++) {
        stopping s = {.stop_at = 1};
        const _Atomic bool *flag = &s.flag;
        pthread_t thread;
        int32_t number = slt_duck_prepare(&d, endless[i]);
        assert_int_equal(pthread_create(&thread, NULL, wait_and_stop, &s), 0);
        sl_code rc = sli_dbs_run(d.dbs, number, NULL, 0, 0, &flag, 1, stop_at, &s, &d.err);
        (void)pthread_join(thread, NULL);
        assert_int_equal(rc, SL_E_CANCELLED);
    }
    slt_duck_end(&d);
}

static sl_code refuse(void *ctx, sl_batch *rows, sl_error *err)
{
    (void)ctx;
    (void)rows;
    return sl_error_set(err, SL_E_NO_SPACE, "no room for rows");
}

SL_TEST(duck_a_failure_of_who_takes_rows_ends_a_run, "")
{
    slt_duck d;
    slt_duck_start(&d);
    int32_t number = slt_duck_prepare(&d, "SELECT i FROM range(1000000000000) t(i)");
    assert_int_equal(sli_dbs_run(d.dbs, number, NULL, 0, 0, NULL, 0, refuse, NULL, &d.err),
                     SL_E_NO_SPACE);
    SL_CHECK_TEXT(d.err.text, "no room for rows");
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- many threads

enum { THREADS = 4, RUNS = 20 };

typedef struct worker {
    sli_dbs *dbs;
    int32_t number;
    const sli_dbs_rows *rows;
    sl_code rc;
    sl_error err;
    sli_str text[RUNS];
} worker;

static sl_code put_rows(void *ctx, sl_batch *rows, sl_error *err)
{
    (void)err;
    slt_duck_put_batch(ctx, rows);
    return SL_OK;
}

static void *work(void *ctx)
{
    worker *w = ctx;
    for (int i = 0; w->rc == SL_OK && i < RUNS; i++) {
        w->rc =
            sli_dbs_run(w->dbs, w->number, w->rows, 1, i, NULL, 0, put_rows, &w->text[i], &w->err);
    }
    return NULL;
}

SL_TEST(duck_many_threads_run_at_once, "")
{
    static sl_batch *batches[20000];
    slt_duck d;
    worker workers[THREADS];
    pthread_t threads[THREADS];
    slt_duck_start(&d);
    slt_duck_table(&d, "t", "k string, n int64");
    int32_t n = keyed(&d, 4096, batches);
    const sli_dbs_rows rows = {"t", batches, n};
    int32_t number = slt_duck_prepare(&d, "SELECT k, sum(n), epoch_us(sluice_time()) FROM t WHERE "
                                          "n % 100 = 5 GROUP BY k");
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.dbs = d.dbs, .number = number, .rows = &rows, .err = SL_ERROR_INIT};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(workers[i].rc, SL_OK);
        for (int r = 0; r < RUNS; r++) {
            SL_CHECK_TEXT(workers[i].text[r].data, workers[0].text[r].data);
            sli_str_reset(i > 0 ? &workers[i].text[r] : &(sli_str){0});
        }
    }
    for (int r = 0; r < RUNS; r++) {
        sli_str_reset(&workers[0].text[r]);
    }
    for (int32_t i = 0; i < n; i++) {
        sl_batch_unref(batches[i]);
    }
    slt_duck_table(&d, "late", "n int64"); // every instance catches up
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT count(*) FROM late"), "0;");
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- readers

enum { READER_BATCHES = 50, READER_ROWS = 100 };

typedef struct reader {
    int32_t n_open, n_opened; ///< passes now, and in all
    int32_t fails_at;         ///< batch; -1: none
} reader;

typedef struct reading {
    reader *of;
    int32_t at;
} reading;

static sl_code reader_open(void *ctx, void **pass, sl_error *err)
{
    reading *r = sl_alloc_zero(SLI_TAG_TEST, sizeof *r);
    (void)err;
    assert_non_null(r);
    r->of = ctx;
    r->of->n_open++;
    r->of->n_opened++;
    *pass = r;
    return SL_OK;
}

/// A batch whose texts are too long to lie in their heads, and are gone with it.
static sl_code reader_next(void *pass, sl_batch **rows, sl_error *err)
{
    reading *r = pass;
    *rows = NULL;
    if (r->at == r->of->fails_at) {
        return sl_error_set(err, SL_E_CORRUPT, "part 7 is damaged");
    }
    if (r->at++ < READER_BATCHES) {
        sli_str text = SLI_STR_INIT;
        for (int32_t i = 0; i < READER_ROWS; i++) {
            sli_str_printf(&text, "%sa text that is long %d,%d", i == 0 ? "" : ";", i, i);
        }
        *rows = slt_duck_batch("word string, n int64?", text.data);
        sli_str_reset(&text);
    }
    return SL_OK;
}

static void reader_close(void *pass)
{
    ((reading *)pass)->of->n_open--;
    sl_free(pass);
}

static sl_code keep_no_schema(void *ctx, const sl_schema *schema, sl_error *err)
{
    (void)ctx;
    (void)schema;
    (void)err;
    return SL_OK;
}

static sl_code take_some(void *ctx, sl_batch *rows, sl_error *err)
{
    (void)err;
    slt_duck_put_batch(ctx, rows);
    return SL_OK;
}

/// The rows as text, or the failure.
static sl_code select_of(slt_duck *d, const char *sql, reader *words, reader *others)
{
    const sli_dbs_reader readers[] = {
        {"words", words, reader_open, reader_next, reader_close},
        {"others", others, reader_open, reader_next, reader_close},
    };
    sli_str_clear(&d->text);
    sl_code rc = sli_dbs_select(d->dbs,
                                &(sli_dbs_ask){.sql = sql,
                                               .readers = readers,
                                               .n_readers = 2,
                                               .begin = keep_no_schema,
                                               .push = take_some,
                                               .ctx = &d->text},
                                &d->where, &d->err);
    assert_int_equal(words->n_open, 0); // whatever came of it
    assert_int_equal(others->n_open, 0);
    return rc;
}

SL_TEST(duck_rows_of_a_reader_are_read_when_a_query_passes_over_them, "")
{
    slt_duck d;
    reader words = {.fails_at = -1}, others = {.fails_at = -1};
    slt_duck_start(&d);
    slt_duck_table(&d, "words", "word string, n int64?");
    slt_duck_table(&d, "others", "word string, n int64?");
    slt_duck_ok(&d, sli_dbs_alias(d.dbs, "more", "of_these", "others", &d.err));
    slt_duck_ok(&d, select_of(&d, "SELECT count(*), sum(n) FROM words", &words, &others));
    SL_CHECK_TEXT(d.text.data, "5000,247500;");
    assert_int_equal(words.n_opened, 1);
    assert_int_equal(others.n_opened, 0); // no query names it
    slt_duck_ok(&d, select_of(&d,
                              "SELECT word, count(*) FROM words WHERE n < 2 GROUP BY word "
                              "ORDER BY word",
                              &words, &others));
    SL_CHECK_TEXT(d.text.data, "a text that is long 0,50;a text that is long 1,50;");
    slt_duck_ok(&d, select_of(&d,
                              "SELECT count(*) FROM words a JOIN words b ON a.n = b.n "
                              "WHERE a.n < 3",
                              &words, &others));
    SL_CHECK_TEXT(d.text.data, "7500;");
    assert_int_equal(words.n_opened, 4); // each side has a pass of its own
    slt_duck_ok(&d, select_of(&d, "SELECT max(n) FROM more.of_these", &words, &others));
    SL_CHECK_TEXT(d.text.data, "99;");
    assert_int_equal(others.n_opened, 1);
    slt_duck_ok(&d, select_of(&d, "SELECT n FROM words LIMIT 3", &words, &others));
    SL_CHECK_TEXT(d.text.data, "0;1;2;");
    slt_duck_end(&d);
}

SL_TEST(duck_a_readers_failure_is_the_selects, "")
{
    slt_duck d;
    reader words = {.fails_at = 7}, others = {.fails_at = -1};
    slt_duck_start(&d);
    slt_duck_table(&d, "words", "word string, n int64?");
    assert_int_equal(select_of(&d, "SELECT sum(n) FROM words", &words, &others), SL_E_CORRUPT);
    assert_non_null(strstr(d.err.text, "part 7 is damaged"));
    assert_int_equal(select_of(&d, "SELECT wrd FROM words", &words, &others), SL_E_INVALID);
    assert_int_equal(d.where.at, 7);
    words.fails_at = -1;
    slt_duck_ok(&d, select_of(&d, "SELECT count(*) FROM words", &words, &others));
    SL_CHECK_TEXT(d.text.data, "5000;");
    slt_duck_end(&d);
}
