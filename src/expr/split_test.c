// split_test.c — sl_split against a byte-by-byte cutter, in every place a cell can lie.
#include "expr/fixture_test.h"

#include "col/col.h"

// Runs split and returns the words, each followed by '|'. Lasts until the next call.
static const char *split_text(const sl_batch *in, const char *arguments)
{
    static char kept[1 << 20];
    sl_schema *schema;
    sl_builder *builder;
    sl_batch *out;
    sl_error err = SL_ERROR_INIT;
    sl_args args = {.text = arguments};
    assert_int_equal(sl_schema_parse(&schema, sl_split.out, &err), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    sl_code rc = sl_split.run(&args, in, builder, &err);
    if (rc != SL_OK) {
        sl_builder_free(builder);
        sl_schema_unref(schema);
        (void)strcpy(kept, err.text);
        return kept;
    }
    if (sl_builder_finish(builder, &out, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    char *to = kept;
    for (int64_t i = 0; i < sl_batch_rows(out); i++) {
        const sl_view *view = (const sl_view *)sl_batch_column(out, 0)->values + i;
        sl_text word = sl_column_text(sl_batch_column(out, 0), i);
        assert_true(word.size + 2 < sizeof kept - (size_t)(to - kept));
        memcpy(to, word.data, word.size);
        to += word.size;
        *to++ = '|';
        for (int32_t k = view->size; k < SL_VIEW_INLINE; k++) {
            assert_int_equal(view->as.inlined[k], 0); // Arrow: bytes after an inlined text are zero
        }
        if (view->size > SL_VIEW_INLINE) {
            assert_memory_equal(view->as.ref.prefix, word.data, 4);
        }
    }
    *to = '\0';
    sl_batch_unref(out);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return kept;
}

SL_TEST(split_keeps_empty_pieces, "")
{
    sl_batch *in = slt_batch_of("id int64, line string?, other string",
                                "1,to be,a b;2,, ;3, lead,c;4,two  gaps ,;5,null,");
    SL_CHECK_TEXT(split_text(in, NULL), "to|be|||lead|two||gaps||");
    SL_CHECK_TEXT(split_text(in, "by=' '"), "to|be|||lead|two||gaps||");
    SL_CHECK_TEXT(split_text(in, "skip_empty=true"), "to|be|lead|two|gaps|");
    SL_CHECK_TEXT(split_text(in, "of=other"), "a|b|||c|||");
    SL_CHECK_TEXT(split_text(in, "by=e of=line"), "to b||| l|ad|two  gaps |");
    sl_batch_unref(in);
}

SL_TEST(split_refuses_wrong_arguments, "")
{
    sl_batch *in = slt_batch_of("id int64, line string", "1,to be");
    sl_batch *none = slt_batch_of("id int64", "1");
    assert_non_null(strstr(split_text(in, "by=ab"), "by='ab' must be one ASCII character"));
    assert_non_null(strstr(split_text(in, "by=''"), "must be one ASCII character"));
    assert_non_null(strstr(split_text(in, "by=\xc3\xa4"), "must be one ASCII character"));
    assert_non_null(strstr(split_text(in, "of=id"), "column \"id\" is no string"));
    assert_non_null(strstr(split_text(in, "of=line2"), "there is no column \"line2\""));
    assert_non_null(strstr(split_text(in, "sep=' '"), "unknown argument sep"));
    assert_non_null(strstr(split_text(in, "skip_empty=perhaps"), "skip_empty"));
    assert_non_null(strstr(split_text(none, NULL), "there is no string column in: id int64"));
    sl_batch_unref(in);
    sl_batch_unref(none);
}

static void no_release(void *ctx)
{
    (void)ctx;
}

// The words of the bytes, cut one byte at a time.
static void put_words(const char *data, int64_t size, char by, bool skip_empty, sli_str *out)
{
    int64_t start = 0;
    for (int64_t at = 0; at <= size; at++) {
        if (at == size || data[at] == by) {
            if (at > start || !skip_empty) {
                sli_str_add(out, data + start, (size_t)(at - start));
                sli_str_char(out, '|');
            }
            start = at + 1;
        }
    }
}

static char random_char(sli_rng *rng, uint64_t rarity)
{
    return (char)(sli_rng_below(rng, rarity) == 0 ? ' ' : 'a' + (char)sli_rng_below(rng, 26));
}

// A batch of random cells of `data`, which ends right where an unreadable byte may follow.
static sl_batch *batch_of_cells(const char *data, int64_t size, sli_rng *rng, bool skip_empty,
                                sli_str *expected)
{
    enum { CELLS = 12 };
    sl_schema *schema;
    sl_batch *batch;
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, CELLS * sizeof *views);
    assert_non_null(views);
    for (int i = 0; i < CELLS; i++) {
        int64_t from = (int64_t)sli_rng_below(rng, (uint64_t)size + 1);
        int64_t n = i == 0 ? size - from : (int64_t)sli_rng_below(rng, (uint64_t)(size - from) + 1);
        views[i] = sli_view_of(data, 0, from, n);
        put_words(data + from, n, ' ', skip_empty, expected);
    }
    assert_int_equal(sl_schema_parse(&schema, "line string", NULL), SL_OK);
    sli_buffer *buffer = sli_buffer_wrap(data, size, false, no_release, NULL);
    assert_non_null(buffer);
    assert_int_equal(sli_batch_of_views(schema, views, CELLS, buffer, &batch, NULL), SL_OK);
    sli_buffer_unref(buffer);
    sl_schema_unref(schema);
    return batch;
}

// Each text is an allocation of its exact size, so that a sanitizer sees any byte read behind it.
SL_TEST(random_cells_equal_a_naive_cutter, "")
{
    sli_rng rng = {5};
    for (int round = 0; round < 3000; round++) {
        int64_t size = (int64_t)sli_rng_below(&rng, round % 10 == 0 ? 3000 : 300);
        uint64_t rarity = 1 + sli_rng_below(&rng, 30);
        bool skip_empty = round % 2 == 1;
        sli_str expected = {.tag = SLI_TAG_TEST};
        char *data = sl_alloc(SLI_TAG_TEST, (size_t)size);
        assert_non_null(data);
        for (int64_t i = 0; i < size; i++) {
            data[i] = random_char(&rng, rarity);
        }
        sl_batch *in = batch_of_cells(data, size, &rng, skip_empty, &expected);
        SL_CHECK_TEXT(split_text(in, skip_empty ? "skip_empty=true" : NULL),
                      expected.data == NULL ? "" : expected.data);
        sl_batch_unref(in);
        sl_free(data);
        sli_str_reset(&expected);
    }
}

SL_TEST(split_of_many_words_grows_the_output_in_place, "")
{
    enum { SIZE = 200000 };
    sli_str expected = {.tag = SLI_TAG_TEST};
    sl_schema *schema;
    sl_batch *in;
    char *data = sl_alloc(SLI_TAG_TEST, SIZE);
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, 2 * sizeof *views);
    assert_non_null(data);
    assert_non_null(views);
    for (int i = 0; i < SIZE; i++) {
        data[i] = i % 2 == 0 ? 'x' : ' ';
    }
    views[0] = sli_view_of(data, 0, 0, SIZE / 2);
    views[1] = sli_view_of(data, 0, SIZE / 2, SIZE / 2);
    put_words(data, SIZE / 2, ' ', false, &expected);
    put_words(data + SIZE / 2, SIZE / 2, ' ', false, &expected);
    assert_int_equal(sl_schema_parse(&schema, "line string", NULL), SL_OK);
    sli_buffer *buffer = sli_buffer_wrap(data, SIZE, false, no_release, NULL);
    assert_int_equal(sli_batch_of_views(schema, views, 2, buffer, &in, NULL), SL_OK);
    SL_CHECK_TEXT(split_text(in, NULL), expected.data);
    sl_batch_unref(in);
    sli_buffer_unref(buffer);
    sl_schema_unref(schema);
    sl_free(data);
    sli_str_reset(&expected);
}

SL_TEST(split_reports_refused_memory, "")
{
    sl_batch *in = slt_batch_of("line string", "to be or not to be that is the question;a b");
    bool refused = false;
    for (int64_t n = 1; n < 30; n++) {
        sl_schema *schema;
        sl_builder *builder;
        sl_batch *out = NULL;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sl_schema_parse(&schema, sl_split.out, NULL), SL_OK);
        assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
        sli_mem_fail_nth(n);
        sl_code rc = sl_split.run(NULL, in, builder, &err);
        rc = rc != SL_OK ? rc : sl_builder_finish(builder, &out, &err);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        refused = refused || rc == SL_E_NOMEM;
        sl_batch_unref(out);
        sl_builder_free(builder);
        sl_schema_unref(schema);
    }
    assert_true(refused);
    sl_batch_unref(in);
}
