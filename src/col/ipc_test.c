/// ipc_test.c — Arrow IPC bytes: there and back, several batches, metadata, every byte flipped,
/// every prefix cut.

#include "col/fixture_test.h"

#include <string.h>

typedef struct collected {
    sl_batch *batches[16];
    int32_t n;
    sl_code refuse; ///< what `collect` returns at the second batch
} collected;

static sl_code collect(void *ctx, const sl_batch *batch, sl_error *err)
{
    collected *all = ctx;
    if (all->n == 1 && all->refuse != SL_OK) {
        return sl_error_set(err, all->refuse, "enough");
    }
    assert_true(all->n < 16);
    all->batches[all->n++] = sl_batch_ref(batch);
    return SL_OK;
}

static void drop(collected *all)
{
    for (int32_t i = 0; i < all->n; i++) {
        sl_batch_unref(all->batches[i]);
    }
    all->n = 0;
}

static sli_buffer *buffer_of(const char *data, size_t size)
{
    sli_buffer *buffer = sli_buffer_new((int64_t)size);
    assert_non_null(buffer);
    if (size > 0) {
        memcpy(sli_buffer_data(buffer), data, size);
    }
    return buffer;
}

static sl_code read_bytes(const char *data, size_t size, bool file, collected *all, sl_error *err)
{
    sli_buffer *buffer = buffer_of(data, size);
    sl_code rc = file ? sli_ipc_read_file(buffer, collect, all, err)
                      : sli_ipc_read(buffer, collect, all, err);
    sli_buffer_unref(buffer);
    return rc;
}

static void round_trip(const sl_schema *schema, const sl_batch *const *batches, int32_t n,
                       bool file)
{
    static const char *const metadata[] = {"job", "word count", "epoch", "12", NULL};
    sli_str bytes = SLI_STR_INIT;
    collected all = {.n = 0};
    sl_error err = SL_ERROR_INIT;
    sl_code rc = file ? sli_ipc_write_file(&bytes, schema, batches, n, metadata, &err)
                      : sli_ipc_write(&bytes, schema, batches, n, &err);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(rc, SL_OK);
    rc = read_bytes(bytes.data, bytes.size, file, &all, &err);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(rc, SL_OK);
    assert_int_equal(all.n, n);
    for (int32_t i = 0; i < n; i++) {
        slt_col_check_sound(all.batches[i]);
        slt_col_check_equal(all.batches[i], batches[i]);
    }
    drop(&all);
    sli_str_reset(&bytes);
}

SL_TEST(ipc_batches_come_back, "")
{
    sli_rng rng = {61};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    for (int round = 0; round < 20; round++) {
        sl_batch *batches[3];
        for (int i = 0; i < 3; i++) {
            sl_batch *whole = slt_col_random(schema, &rng, (int64_t)sli_rng_below(&rng, 60));
            int64_t from =
                sl_batch_rows(whole) / 4; // slices start in the middle of bytes and lists
            assert_int_equal(
                sli_batch_slice(whole, from, sl_batch_rows(whole) - from, &batches[i], NULL),
                SL_OK);
            sl_batch_unref(whole);
        }
        round_trip(schema, (const sl_batch *const *)batches, round % 4, round % 2 == 0);
        for (int i = 0; i < 3; i++) {
            sl_batch_unref(batches[i]);
        }
    }
    sl_schema_unref(schema);
}

SL_TEST(ipc_bytes_depend_on_rows_only, "")
{
    sli_rng rng = {62};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *whole = slt_col_random(schema, &rng, 50), *slice = NULL, *compact = NULL;
    assert_int_equal(sli_batch_slice(whole, 11, 30, &slice, NULL), SL_OK);
    assert_int_equal(sli_batch_compact(slice, &compact, NULL), SL_OK);
    sli_str a = SLI_STR_INIT, b = SLI_STR_INIT;
    assert_int_equal(sli_ipc_write(&a, schema, (const sl_batch *const *)&slice, 1, NULL), SL_OK);
    assert_int_equal(sli_ipc_write(&b, schema, (const sl_batch *const *)&compact, 1, NULL), SL_OK);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
    sli_str_reset(&a);
    sli_str_reset(&b);
    sl_batch_unref(whole);
    sl_batch_unref(slice);
    sl_batch_unref(compact);
    sl_schema_unref(schema);
}

SL_TEST(ipc_passes_on_what_each_returns, "")
{
    sl_batch *words = slt_col_words((const char *const[]){"a", NULL});
    const sl_batch *twice[] = {words, words};
    sli_str bytes = SLI_STR_INIT;
    assert_int_equal(sli_ipc_write(&bytes, sl_batch_schema(words), twice, 2, NULL), SL_OK);
    collected all = {.refuse = SL_E_CANCELLED};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(read_bytes(bytes.data, bytes.size, false, &all, &err), SL_E_CANCELLED);
    SL_CHECK_TEXT(err.text, "enough");
    assert_int_equal(all.n, 1);
    drop(&all);
    sli_str_reset(&bytes);
    sl_batch_unref(words);
}

SL_TEST(ipc_write_refuses_mixed_schemas_and_opaque, "")
{
    sl_schema *schema = slt_col_schema("n int64"), *opaque = slt_col_schema("o opaque");
    sl_batch *words = slt_col_words((const char *const[]){"a", NULL});
    sli_str bytes = SLI_STR_INIT;
    sli_str_text(&bytes, "before");
    assert_int_equal(sli_ipc_write(&bytes, schema, (const sl_batch *const *)&words, 1, NULL),
                     SL_E_INVALID);
    assert_int_equal(sli_ipc_write(&bytes, opaque, NULL, 0, NULL), SL_E_UNSUPPORTED);
    SL_CHECK_TEXT(bytes.data, "before");
    sli_str_reset(&bytes);
    sl_batch_unref(words);
    sl_schema_unref(schema);
    sl_schema_unref(opaque);
}

SL_TEST(ipc_reads_bytes_that_are_not_aligned, "")
{
    sl_batch *words = slt_col_words((const char *const[]){"a word longer than twelve", "b", NULL});
    sli_str bytes = SLI_STR_INIT;
    sli_str_char(&bytes, 'x');
    assert_int_equal(
        sli_ipc_write(&bytes, sl_batch_schema(words), (const sl_batch *const *)&words, 1, NULL),
        SL_OK);
    sli_buffer *buffer =
        sli_buffer_wrap(bytes.data + 1, (int64_t)bytes.size - 1, false, NULL, NULL);
    collected all = {.n = 0};
    assert_int_equal(sli_ipc_read(buffer, collect, &all, NULL), SL_OK);
    sli_buffer_unref(buffer);
    sli_str_reset(&bytes);
    slt_col_check_equal(all.batches[0], words);
    drop(&all);
    sl_batch_unref(words);
}

/// Whatever the bytes are: an error that tells what, or sound batches.
static void check_any(const char *data, size_t size, bool file, bool must_fail)
{
    collected all = {.n = 0};
    sl_error err = SL_ERROR_INIT;
    sl_code rc = read_bytes(data, size, file, &all, &err);
    assert_true(rc == SL_OK || rc == SL_E_CORRUPT || rc == SL_E_UNSUPPORTED);
    assert_true(!must_fail || rc != SL_OK);
    assert_true(rc == SL_OK || strstr(err.text, "Arrow") != NULL);
    for (int32_t i = 0; i < all.n; i++) {
        slt_col_check_sound(all.batches[i]);
    }
    drop(&all);
}

/// Whatever the bytes are: no value, or one that lies in them.
static void check_value(const char *data, size_t size)
{
    sl_text value = {NULL, 0};
    sli_buffer *buffer = sli_buffer_wrap(data, (int64_t)size, false, NULL, NULL);
    if (sli_ipc_file_value(buffer, "sluice.kind", &value) && value.size > 0) {
        assert_true(value.data >= data && value.size <= size &&
                    value.data - data <= (ptrdiff_t)(size - value.size));
    }
    sli_buffer_unref(buffer);
}

SL_TEST(ipc_values_of_a_file_are_found_in_any_bytes, "")
{
    static const char *const pairs[] = {"sluice.uid", "counts", "sluice.kind", "a kind", NULL};
    sl_schema *schema = slt_col_schema("n int64");
    sli_str bytes = SLI_STR_INIT;
    sl_text value = {NULL, 0};
    assert_int_equal(sli_ipc_write_file(&bytes, schema, NULL, 0, pairs, NULL), SL_OK);
    sli_buffer *buffer = sli_buffer_wrap(bytes.data, (int64_t)bytes.size, false, NULL, NULL);
    assert_true(sli_ipc_file_value(buffer, "sluice.kind", &value));
    assert_int_equal(value.size, 6);
    assert_memory_equal(value.data, "a kind", 6);
    assert_false(sli_ipc_file_value(buffer, "sluice.kin", &value));
    assert_false(sli_ipc_file_value(buffer, "", &value));
    sli_buffer_unref(buffer);
    for (size_t i = 0; i < bytes.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[i] = (char)(bytes.data[i] ^ 1 << bit);
            check_value(bytes.data, bytes.size);
            bytes.data[i] = (char)(bytes.data[i] ^ 1 << bit);
        }
        char *cut = sl_alloc(SLI_TAG_TEST, i + 1); // so that reads behind its end are noticed
        memcpy(cut, bytes.data, i);
        check_value(cut, i);
        sl_free(cut);
    }
    sli_str_reset(&bytes);
    sl_schema_unref(schema);
}

static void damage(const char *schema_text, bool file)
{
    sli_rng rng = {63};
    sl_schema *schema = slt_col_schema(schema_text);
    sl_batch *batch = slt_col_random(schema, &rng, 9);
    const sl_batch *twice[] = {batch, batch};
    sli_str bytes = SLI_STR_INIT;
    assert_int_equal(file ? sli_ipc_write_file(&bytes, schema, twice, 2, NULL, NULL)
                          : sli_ipc_write(&bytes, schema, twice, 2, NULL),
                     SL_OK);
    for (size_t i = 0; i < bytes.size; i++) {
        static const unsigned char masks[] = {0x01, 0x80, 0xff, 0x40};
        for (int k = 0; k < 4; k++) {
            bytes.data[i] = (char)(bytes.data[i] ^ masks[k]);
            check_any(bytes.data, bytes.size, file, false);
            bytes.data[i] = (char)(bytes.data[i] ^ masks[k]);
        }
        check_any(bytes.data, i, file, true); // a cut stream is never a shorter one
    }
    for (int round = 0; round < 4000; round++) { // several at once
        char *copy = sl_alloc(SLI_TAG_TEST, bytes.size);
        memcpy(copy, bytes.data, bytes.size);
        for (uint64_t n = 1 + sli_rng_below(&rng, 4); n > 0; n--) {
            copy[sli_rng_below(&rng, bytes.size)] = (char)sli_rng_next(&rng);
        }
        check_any(copy, bytes.size, file, false);
        sl_free(copy);
    }
    sli_str_reset(&bytes);
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

SL_TEST(ipc_read_survives_every_flipped_byte, "")
{
    damage("b bool?, n int64, s string?, d decimal(9,1)", false);
    damage("l list<struct<x string?, y float64>?>?, z binary, t timestamp?", false);
}

SL_TEST(ipc_read_file_survives_every_flipped_byte, "")
{
    damage("n int32?, s string, l list<bool>", true);
}

SL_TEST(ipc_read_survives_rubbish, "")
{
    sli_rng rng = {64};
    char data[256];
    for (int round = 0; round < 5000; round++) {
        size_t size = (size_t)sli_rng_below(&rng, sizeof data);
        for (size_t i = 0; i < size; i++) {
            data[i] = (char)(sli_rng_below(&rng, 4) == 0 ? sli_rng_next(&rng) : 0);
        }
        if (size > 4 && round % 2 == 0) {
            memset(data, 0xff, 4);
        }
        check_any(data, size, false, true);
        check_any(data, size, true, true);
    }
}

SL_TEST(ipc_survives_refused_memory, "")
{
    sli_rng rng = {65};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *batch = slt_col_random(schema, &rng, 20);
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc != SL_OK; n++) {
        sli_str bytes = {.tag = SLI_TAG_BATCH};
        collected all = {.n = 0};
        sli_mem_fail_nth(n);
        rc = sli_ipc_write_file(&bytes, schema, (const sl_batch *const *)&batch, 1, NULL, NULL);
        if (rc == SL_OK) {
            sli_buffer *buffer = sli_buffer_new((int64_t)bytes.size);
            rc = buffer == NULL ? SL_E_NOMEM : SL_OK;
            if (rc == SL_OK) {
                memcpy(sli_buffer_data(buffer), bytes.data, bytes.size);
                rc = sli_ipc_read_file(buffer, collect, &all, NULL);
            }
            sli_buffer_unref(buffer);
        }
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        drop(&all);
        sli_str_reset(&bytes);
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
        assert_true(n < 1000);
    }
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}
