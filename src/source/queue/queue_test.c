// Bytes that a program lends to a queue: cut anywhere, read to their last byte and no further, and
// given back once.
#include "source/fixture_test.h"

#include "base/mem.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

// ---------------------------------------------------------------- lending

/// Bytes whose end is the end of readable memory.
typedef struct fenced {
    char *pages, *at;
    size_t size, all;
    int n_back; ///< how often they were given back
} fenced;

static void note_back(void *ctx)
{
    ((fenced *)ctx)->n_back++;
}

static fenced fence(const char *text, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    fenced f = {.size = size, .all = (size / page + 2) * page};
    f.pages = mmap(NULL, f.all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(f.pages != MAP_FAILED);
    assert_int_equal(mprotect(f.pages + f.all - page, page, PROT_NONE), 0);
    f.at = f.pages + f.all - page - size;
    memcpy(f.at, text, size);
    return f;
}

static void unfence(fenced *f)
{
    assert_int_equal(f->n_back, 1);
    assert_int_equal(munmap(f->pages, f->all), 0);
}

static sl_loan loan_of(fenced *f)
{
    return (sl_loan){.bytes = f->at, .size_bytes = f->size, .release = note_back, .ctx = f};
}

static sl_code push(slt_place *p, sli_source *queue, fenced *f, int32_t n_splits)
{
    p->err = SL_ERROR_INIT;
    return sli_queue_push_bytes(queue, loan_of(f), n_splits, &p->err);
}

/// Pushes the text, takes it in an epoch and gives it back. The rows, or the failure's text.
static const char *rows_of(slt_place *p, sli_source *queue, const char *text, int32_t n_splits)
{
    const char *rows = NULL;
    fenced f = fence(text, strlen(text));
    assert_int_equal(push(p, queue, &f, n_splits), SL_OK);
    slt_offer(p, queue);
    assert_int_equal(p->offer.n_splits, n_splits);
    if (slt_read(p, queue, p->offer.range, &rows) != SL_OK) {
        rows = sl_arena_strdup(p->arena, p->err.text);
    }
    assert_int_equal(f.n_back, 0);
    queue->ops->forget(queue, p->offer.range);
    unfence(&f);
    return rows;
}

// ---------------------------------------------------------------- what comes out

static const char *const texts[] = {
    "",
    "\n",
    "{\"a\":1}",
    "{\"a\":1}\n",
    "\n\n{\"a\":1}\r\n\n{\"a\":2}",
    "{\"a\":1,\"s\":\"a text of more than twelve bytes\"}\n{\"s\":\"b\\u00e9\"}\n{\"a\":-3}\n",
    "{\"a\":1,\"s\":\"a record that is longer than the sixty-four bytes that follow all others\"}\n"
    "{\"a\":2}\n{\"a\":3,\"s\":\"and another one that is far longer than all of the bytes at the "
    "end\"}",
};

SL_TEST(pushed_bytes_are_one_stream_however_they_are_cut, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *queue =
        slt_open(&p, "queue:q?format=json&schema=a int64?, s string?", (sl_bytes){NULL, 0});
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *whole = rows_of(&p, queue, texts[i], 1);
        for (int32_t n = 2; n < 100; n++) {
            assert_string_equal(rows_of(&p, queue, texts[i], n), whole);
        }
    }
    SL_CHECK_TEXT(rows_of(&p, queue, texts[5], 3),
                  "1,a text of more than twelve bytes;null,b\xc3\xa9;-3,null;");
    sli_source_close(queue);
    slt_place_close(&p);
}

SL_TEST(pushed_bytes_of_random_lines_are_read_to_the_last_one, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *queue = slt_open(&p, "queue:q?one_at_a_time=true", (sl_bytes){NULL, 0});
    sli_rng rng = {11};
    for (int round = 0; round < 200; round++) {
        sli_str text = SLI_STR_INIT, expected = SLI_STR_INIT;
        sli_str_text(&text, "");
        for (uint64_t n = sli_rng_below(&rng, 30); n > 0; n--) {
            for (uint64_t k = sli_rng_below(&rng, 40); k > 0; k--) {
                char c = (char)('a' + sli_rng_below(&rng, 26));
                sli_str_char(&text, c);
                sli_str_char(&expected, c);
            }
            sli_str_char(&text, '\n');
            sli_str_char(&expected, ';');
        }
        const char *rows = rows_of(&p, queue, text.data, (int32_t)sli_rng_below(&rng, 20) + 1);
        SL_CHECK_TEXT(rows, expected.data == NULL ? "" : expected.data);
        sli_str_reset(&text);
        sli_str_reset(&expected);
    }
    sli_source_close(queue);
    slt_place_close(&p);
}

SL_TEST(pushed_bytes_that_are_malformed_are_told_with_their_place, "ERRORS-5")
{
    static const struct bad {
        const char *query, *text, *expected;
    } cases[] = {
        {"format=json&schema=a int64", "{\"a\":1}\n{\"a\"}\n",
         "queue 'q', push 1 at byte 8 (line 2): a colon is expected at byte 4 of the record"},
        {"format=json&schema=a int64", "{\"a\":1}\n{\"a\":",
         "queue 'q', push 1 at byte 8 (line 2): field 'a' at byte 5 of the record: an integer of "
         "64 bits is expected, not "},
        {"format=json&schema=a int64", "\xff\xfe\x01",
         "queue 'q', push 1 at byte 0 (line 1): an object is expected at byte 0 of the record"},
        {"max_record=16", "a line of more than sixteen bytes\n",
         "queue 'q', push 1 at byte 0 (line 1): a record of more than 16 bytes; raise max_record "
         "or set malformed=skip"},
        {"invalid_utf8=fail", "good\nbad \xff\n",
         "queue 'q', push 1 at byte 5 (line 2): text that is not UTF-8, byte 4 of the record; set "
         "invalid_utf8=replace or skip"},
        {"format=csv&schema=a int64", "1\n\"2",
         "queue 'q', push 1 at byte 2 (line 2): a quoted field that does not end"},
    };
    slt_place p;
    slt_place_open(&p, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *url = sl_arena_printf(p.arena, "queue:q?%s", cases[i].query);
        sli_source *queue = slt_open(&p, url, (sl_bytes){NULL, 0});
        SL_CHECK_TEXT(rows_of(&p, queue, cases[i].text, 1), cases[i].expected);
        sli_source_close(queue);
    }
    slt_place_close(&p);
}

SL_TEST(pushed_bytes_tell_the_place_in_the_whole_whatever_the_partition, "ERRORS-5")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *queue = slt_open(&p, "queue:q?format=json&schema=a int64", (sl_bytes){NULL, 0});
    const char *text = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":x}\n";
    SL_CHECK_TEXT(rows_of(&p, queue, text, 2),
                  "queue 'q', push 1 (partition 1) at byte 24 (line 2): field 'a' at byte 5 of the "
                  "record: an integer of 64 bits is expected, not x}");
    sli_source_close(queue);
    slt_place_close(&p);
}

SL_TEST(pushed_bytes_that_are_dropped_or_mended_are_counted, "ERRORS-5")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *queue =
        slt_open(&p, "queue:q?format=json&malformed=skip&schema=s string", (sl_bytes){NULL, 0});
    sli_queue_begin(queue, &p.source_env);
    SL_CHECK_TEXT(rows_of(&p, queue, "{\"s\":\"a\xff\"}\n{\"s\"}\n{\"s\":\"b\"}\n{\"s\":", 3),
                  "a\xef\xbf\xbd;b;");
    assert_int_equal(slt_metric(&p, SLI_SOURCE_RECORDS), 2);
    assert_int_equal(slt_metric(&p, SLI_SOURCE_SKIPPED), 2);
    assert_int_equal(slt_metric(&p, SLI_SOURCE_REPLACED), 1);
    sli_source_close(queue);
    slt_place_close(&p);
}

// A byte order mark opens a stream, not each of its partitions.
SL_TEST(pushed_bytes_begin_with_a_byte_order_mark_once, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *queue =
        slt_open(&p, "queue:q?format=json&malformed=skip&schema=a int64", (sl_bytes){NULL, 0});
    for (int32_t n = 1; n < 20; n++) {
        SL_CHECK_TEXT(
            rows_of(&p, queue, "\xEF\xBB\xBF{\"a\":1}\n\xEF\xBB\xBF{\"a\":2}\n{\"a\":3}", n),
            "1;3;");
    }
    sli_source_close(queue);
    slt_place_close(&p);
}

// ---------------------------------------------------------------- what is refused

SL_TEST(pushed_bytes_that_are_refused_are_given_back_at_once, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sl_schema *schema = NULL;
    assert_int_equal(sl_schema_parse(&schema, "line string", NULL), SL_OK);
    sli_source *rows = NULL, *text = slt_open(&p, "queue:q", (sl_bytes){NULL, 0}),
               *csv = slt_open(&p, "queue:q?format=csv&schema=a int64", (sl_bytes){NULL, 0});
    assert_int_equal(sli_queue_new(&rows, "rows", schema, false, NULL), SL_OK);
    const struct refused {
        sli_source *queue;
        int32_t n_splits;
        const char *text;
    } cases[] = {
        {rows, 1,
         "it takes rows only; one that takes bytes is opened with their format: "
         "\"queue:rows?format=json&schema=...\""},
        {text, 0, "0 partitions; there may be 1 to 65536"},
        {text, 65537, "65537 partitions; there may be 1 to 65536"},
        {csv, 2,
         "csv can't be cut into partitions, as a line end may stand inside a record: push each "
         "part by itself, in one partition"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fenced f = fence("1\n", 2);
        assert_int_equal(push(&p, cases[i].queue, &f, cases[i].n_splits), SL_E_INVALID);
        SL_CHECK_TEXT(p.err.text, cases[i].text);
        unfence(&f);
    }
    sl_loan none = {.size_bytes = 1}, huge = {.bytes = "", .size_bytes = (size_t)INT32_MAX + 1};
    assert_int_equal(sli_queue_push_bytes(text, none, 1, &p.err), SL_E_INVALID);
    SL_CHECK_TEXT(p.err.text, "the bytes are NULL");
    assert_int_equal(sli_queue_push_bytes(text, huge, 1, &p.err), SL_E_INVALID);
    SL_CHECK_TEXT(p.err.text, "2147483648 bytes at once; there may be 2147483647");
    sl_schema_unref(schema);
    sli_source_close(rows);
    sli_source_close(text);
    sli_source_close(csv);
    slt_place_close(&p);
}

SL_TEST(pushed_bytes_come_back_whatever_becomes_of_the_queue, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *queue = slt_open(&p, "queue:q?one_at_a_time=true", (sl_bytes){NULL, 0});
    fenced waiting = fence("a\n", 2), taken = fence("b\n", 2);
    assert_int_equal(push(&p, queue, &taken, 1), SL_OK);
    assert_int_equal(push(&p, queue, &waiting, 1), SL_OK);
    slt_offer(&p, queue);
    assert_true(p.offer.more);
    assert_int_equal(p.offer.rows, -1); // nobody has counted them yet
    assert_int_equal(p.offer.bytes, 2);
    assert_int_equal(taken.n_back + waiting.n_back, 0);
    sli_source_close(queue);
    unfence(&taken);
    unfence(&waiting);
    slt_place_close(&p);
}

static sl_code count_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    *(int64_t *)ctx += sl_batch_rows(batch);
    return SL_OK;
}

static sl_code push_and_read(slt_place *p, sli_source *queue, fenced *f, int64_t *rows)
{
    sli_ask ask = {.max_rows = INT64_MAX};
    sli_decode_stats stats = {0};
    SL_TRY(push(p, queue, f, 2));
    sl_code rc = queue->ops->offer(queue, &ask, p->arena, &p->offer, &p->err);
    for (int32_t i = 0; rc == SL_OK && i < 2; i++) {
        rc = queue->ops->read(queue, p->offer.range, i, count_rows, rows, &stats, &p->err);
    }
    return rc;
}

SL_TEST(pushed_bytes_come_back_when_memory_fails, "")
{
    slt_place p;
    slt_place_open(&p, true);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        sli_source *queue = slt_open(&p, "queue:q", (sl_bytes){NULL, 0});
        fenced f = fence("one\ntwo\n", 8);
        int64_t rows = 0;
        sli_mem_fail_nth(n);
        sl_code rc = push_and_read(&p, queue, &f, &rows);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(rc, failed ? SL_E_NOMEM : SL_OK);
        assert_true(failed || rows == 2);
        sli_source_close(queue);
        unfence(&f);
    }
    slt_place_close(&p);
}

// ---------------------------------------------------------------- rows outlive the queue

static sl_code keep_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    *(sl_batch **)ctx = sl_batch_ref(batch);
    return SL_OK;
}

SL_TEST(pushed_bytes_stay_as_long_as_a_row_points_into_them, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *queue = slt_open(&p, "queue:q", (sl_bytes){NULL, 0});
    char text[200];
    memset(text, 'x', sizeof text);
    text[99] = '\n'; // far enough from the end to be read in place
    fenced f = fence(text, sizeof text);
    sl_batch *batch = NULL;
    sli_decode_stats stats = {0};
    assert_int_equal(push(&p, queue, &f, 2), SL_OK);
    slt_offer(&p, queue);
    assert_int_equal(queue->ops->read(queue, p.offer.range, 0, keep_batch, &batch, &stats, &p.err),
                     SL_OK);
    sli_source_close(queue);
    assert_int_equal(f.n_back, 0);
    sl_text line = sl_column_text(sl_batch_column(batch, 0), 0);
    assert_ptr_equal(line.data, f.at);
    assert_int_equal(line.size, 99);
    sl_batch_unref(batch);
    unfence(&f);
    slt_place_close(&p);
}
