// What every replayable source promises: a recorded range reads the same rows again, by anybody, in
// any life; after a restore nothing is offered twice and nothing is left out.
#include "source/kafka/fixture_test.h"

#include <stdio.h>

enum { MAX_EPOCHS = 400 };

/// A life's record as the engine keeps it: ranges in order, and a position taken after some of
/// them.
typedef struct record {
    sl_bytes ranges[MAX_EPOCHS];
    const char *rows[MAX_EPOCHS];
    int32_t n, n_covered; ///< ranges below n_covered are in `position`
    sl_bytes position;
} record;

static sli_source *reopen(slt_place *p, const char *query, const record *r)
{
    sli_source *source = slt_open(p, query, r->position);
    for (int32_t i = r->n_covered; i < r->n; i++) {
        if (r->ranges[i].size > 0) {
            assert_int_equal(source->ops->accept(source, r->ranges[i], &p->err), SL_OK);
        }
    }
    return source;
}

static void epoch(slt_place *p, sli_source *source, record *r)
{
    assert_true(r->n < MAX_EPOCHS);
    r->rows[r->n] = slt_take(p, source);
    r->ranges[r->n++] = p->offer.range;
}

static sl_code put_record(void *ctx, const sli_raw_record *raw, sl_error *err)
{
    (void)err;
    assert_int_equal(raw->rows, 1);
    sli_str_add(ctx, raw->bytes.data, raw->bytes.size);
    sli_str_char(ctx, ';');
    return SL_OK;
}

/// The records of a range of text are its rows.
static void check_looked_up(sli_source *source, sl_bytes range, const char *rows)
{
    sli_str records = SLI_STR_INIT;
    int32_t n = 0;
    if (source->ops->records == NULL || range.size == 0) {
        return;
    }
    assert_int_equal(source->ops->splits(source, range, &n, NULL), SL_OK);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(source->ops->records(source, range, i, put_record, &records, NULL), SL_OK);
    }
    SL_CHECK_TEXT(records.data == NULL ? "" : records.data, rows);
    sli_str_reset(&records);
}

static void check_recorded(slt_place *p, sli_source *source, const record *r)
{
    for (int32_t i = 0; i < r->n; i++) {
        const char *rows = NULL;
        assert_int_equal(slt_read(p, source, r->ranges[i], &rows), SL_OK);
        assert_string_equal(rows, r->rows[i]);
        check_looked_up(source, r->ranges[i], rows);
    }
}

/// Puts some rows where the source finds them: row1, row2, ... NULL: it makes its rows itself.
typedef void (*feed_fn)(slt_place *p, sli_rng *rng, int32_t *n_rows);

static void feed_files(slt_place *p, sli_rng *rng, int32_t *n_rows)
{
    int32_t arrivals = (int32_t)sli_rng_below(rng, 4);
    for (int32_t i = 0; i < arrivals; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "f%03d", (int)(sli_rng_below(rng, 900)));
        sli_stat ignored;
        if (sli_env_stat(p->env, slt_at(p, name), &ignored, NULL) == SL_OK) {
            continue;
        }
        snprintf(text, sizeof text, "row%d\n", ++*n_rows);
        slt_put(p, name, text);
        slt_touch(p, name, 1000000 * (int64_t)sli_rng_below(rng, 5)); // times say nothing
    }
}

static void copy_and_truncate(slt_place *p, const char *from, const char *to)
{
    char *bytes = NULL;
    size_t size = 0;
    sli_file *file = NULL;
    assert_int_equal(sli_env_read_file(p->env, slt_at(p, from), 1 << 20, &bytes, &size, NULL),
                     SL_OK);
    slt_append(p, to, bytes);
    sl_free(bytes);
    assert_int_equal(sli_file_open(p->env, slt_at(p, from), SLI_UPDATE, &file, NULL), SL_OK);
    assert_int_equal(sli_file_truncate(file, 0, NULL), SL_OK);
    sli_file_close(&file);
}

/// As logrotate does with dates, and all old files kept: lives read every range again.
static void rotate(slt_place *p, int32_t number, bool copies)
{
    sli_stat there = {0};
    const char *to = sl_arena_printf(p->arena, "log-%06d", (int)number);
    if (sli_env_stat(p->env, slt_at(p, "log"), &there, NULL) != SL_OK || there.size_bytes == 0) {
        return;
    }
    if (copies) {
        copy_and_truncate(p, "log", to);
    } else {
        assert_int_equal(sli_env_rename(p->env, slt_at(p, "log"), slt_at(p, to), false, NULL),
                         SL_OK);
    }
}

static void feed_tail(slt_place *p, sli_rng *rng, int32_t *n_rows)
{
    int32_t arrivals = (int32_t)sli_rng_below(rng, 5);
    for (int32_t i = 0; i < arrivals; i++) {
        char text[32];
        snprintf(text, sizeof text, "row%d\n", ++*n_rows);
        size_t half = sli_rng_below(rng, strlen(text));
        char first[32];
        memcpy(first, text, half);
        first[half] = '\0';
        slt_append(p, "log", first); // a writer's bytes need not come at once
        slt_append(p, "log", text + half);
        if (sli_rng_below(rng, 6) == 0 && p->epoch > 0) { // else it is left alone
            slt_pass(p, 1000);                            // so that files tell their order
            rotate(p, *n_rows, sli_rng_below(rng, 2) == 0);
        }
    }
}

static void feed_topic(slt_place *p, sli_rng *rng, int32_t *n_rows)
{
    slt_feed *f = (slt_feed *)p; // its first member
    int32_t arrivals = (int32_t)sli_rng_below(rng, 6);
    for (int32_t i = 0; i < arrivals; i++) {
        char text[32];
        snprintf(text, sizeof text, "row%d", ++*n_rows);
        slt_feed_put(f, "t", (int32_t)sli_rng_below(rng, 3), text);
    }
}

static int32_t times_in(const record *r, const char *row)
{
    int32_t times = 0;
    for (int32_t e = 0; e < r->n; e++) {
        for (const char *at = r->rows[e]; (at = strstr(at, row)) != NULL; at++) {
            times++;
        }
    }
    return times;
}

// Random arrivals, restarts from the latest position or an older one, each range read again by
// later lives.
static void check_lives(slt_place *p, const char *query, feed_fn feed, uint64_t seed)
{
    sli_rng rng = {seed};
    record r = {0};
    int32_t n_rows = 0;
    sli_source *source = slt_open(p, query, (sl_bytes){NULL, 0});
    for (int32_t step = 0; step < 60; step++) {
        if (feed != NULL) {
            feed(p, &rng, &n_rows);
        }
        epoch(p, source, &r);
        if (sli_rng_below(&rng, 4) == 0) {
            r.position = slt_position(p, source);
            r.n_covered = r.n;
        }
        if (sli_rng_below(&rng, 5) == 0) {
            sl_bytes before = slt_position(p, source);
            sli_source_close(source);
            source = reopen(p, query, &r);
            sl_bytes after = slt_position(p, source);
            assert_int_equal(before.size, after.size);
            check_recorded(p, source, &r);
        }
    }
    for (int32_t idle = 0; p->offer.more || idle < 3;) {
        epoch(p, source, &r);
        idle = p->offer.rows > 0 && feed != NULL ? 0 : idle + 1;
    }
    // Every row once: row1 ... rowN in any order.
    for (int32_t i = 1; i <= n_rows; i++) {
        char row[32];
        snprintf(row, sizeof row, "row%d;", i);
        assert_int_equal(times_in(&r, row), 1);
    }
    check_recorded(p, source, &r);
    sli_source_close(source);
}

PLACE_TEST(files_count_once_over_lives)
{
    check_lives(p, "max_files=2", feed_files, 5);
}

PLACE_TEST(files_count_once_over_lives_without_limit)
{
    check_lives(p, "split=16", feed_files, 6);
}

SL_TEST(files_count_once_over_lives_many_seeds, "")
{
    for (uint64_t seed = 100; seed < (slt_is_soak() ? 400U : 115U); seed++) {
        slt_place p;
        slt_place_open(&p, true);
        check_lives(&p, seed % 2 == 0 ? "max_files=1" : "", feed_files, seed);
        slt_place_close(&p);
    }
}

SL_TEST(rate_counts_once_over_lives, "")
{
    slt_place p;
    slt_place_open(&p, true);
    check_lives(&p, "rate:?rows_per_second=7&partitions=3", NULL, 9);
    slt_place_close(&p);
}

SL_TEST(kafka_counts_once_over_lives, "")
{
    static const char *const urls[] = {"kafka://sim:9092/t?start=earliest",
                                       "kafka://sim:9092/t?start=earliest&max_rate=1&refresh=2s"};
    for (uint64_t seed = 1; seed < (slt_is_soak() ? 300U : 13U); seed++) {
        slt_feed f;
        slt_feed_open(&f, seed);
        slt_feed_make(&f, "t", 3);
        check_lives(&f.p, urls[seed % 2], feed_topic, seed);
        slt_feed_close(&f);
    }
}

PLACE_TEST(tail_counts_once_over_lives)
{
    const char *url = sl_arena_printf(p->arena, "tail:%s/log?rotate_wait=0s", p->dir);
    check_lives(p, url, feed_tail, 7);
}

SL_TEST(tail_counts_once_over_lives_many_seeds, "")
{
    static const char *const urls[] = {"tail:/data/in/log?rotate_wait=0s",
                                       "tail:/data/in/l*g?rotate_wait=1s&max_bytes=64KiB"};
    for (uint64_t seed = 1; seed < (slt_is_soak() ? 2000U : 61U); seed++) {
        slt_place p;
        slt_place_open(&p, true);
        check_lives(&p, urls[seed % 2], feed_tail, seed);
        slt_place_close(&p);
    }
}

static sl_code no_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    *(int64_t *)ctx += sl_batch_rows(batch);
    return SL_OK;
}

// Damaged records are told or read as something else; they never crash or ask for absurd memory.
static void check_damage(slt_place *p, const char *query)
{
    sli_source *source = slt_open(p, query, (sl_bytes){NULL, 0});
    slt_pass(p, 1000000); // what fetches by itself has fetched then
    const char *rows = slt_take(p, source);
    assert_true(strlen(rows) > 0);
    sl_bytes range = p->offer.range, position = slt_position(p, source);
    for (size_t i = 0; i <= range.size; i++) {
        for (int bit = 0; bit < 9; bit++) { // 8: cut there instead
            size_t size = bit == 8 ? i : range.size;
            char *bytes =
                sl_alloc(SLI_TAG_TEST, size + 1); // exactly as long: sanitizers see overruns
            memcpy(bytes, range.data, size);
            if (bit < 8 && i < size) {
                bytes[i] = (char)(bytes[i] ^ 1 << bit);
            }
            int32_t n = 0;
            int64_t count = 0;
            sli_decode_stats stats = {0};
            sl_bytes bad = {bytes, size};
            if (size == 0 || i == range.size) {
                sl_free(bytes);
                continue;
            }
            sl_code rc = source->ops->splits(source, bad, &n, &p->err);
            assert_true(rc == SL_OK || rc == SL_E_CORRUPT);
            if (rc == SL_OK && n > 0 && n < 100 && count == 0 && strncmp(query, "rate", 4) != 0) {
                rc = source->ops->read(source, bad, n - 1, no_rows, &count, &stats, &p->err);
                assert_true(rc == SL_OK || rc == SL_E_CORRUPT || rc == SL_E_IO ||
                            rc == SL_E_NOT_FOUND);
            }
            sl_free(bytes);
        }
    }
    sli_source_close(source);
    for (size_t size = 1; size < position.size; size++) { // every prefix is found out
        sli_source *other = slt_open(p, query, (sl_bytes){NULL, 0});
        char *bytes = sl_alloc(SLI_TAG_TEST, size);
        memcpy(bytes, position.data, size);
        assert_int_equal(other->ops->restore(other, (sl_bytes){bytes, size}, &p->err),
                         SL_E_CORRUPT);
        sl_free(bytes);
        sli_source_close(other);
    }
}

PLACE_TEST(damaged_file_records_are_found)
{
    slt_put(p, "a", "one\ntwo\nthree\n");
    slt_put(p, "b", "four\n");
    check_damage(p, "split=16");
}

PLACE_TEST(damaged_tail_records_are_found)
{
    slt_append(p, "log", "one\ntwo\nthree\n");
    check_damage(p, sl_arena_printf(p->arena, "tail:%s/log", p->dir));
}

SL_TEST(damaged_rate_records_are_found, "")
{
    slt_place p;
    slt_place_open(&p, true);
    check_damage(&p, "rate:?rows_per_second=3&partitions=2");
    slt_place_close(&p);
}

SL_TEST(damaged_kafka_records_are_found, "")
{
    slt_feed f;
    slt_feed_open(&f, 4);
    slt_feed_make(&f, "t", 2);
    slt_feed_put(&f, "t", 0, "one two three");
    slt_feed_put(&f, "t", 1, "four");
    check_damage(&f.p, "kafka://sim:9092/t?start=earliest&poll_timeout=1s");
    slt_feed_close(&f);
}
