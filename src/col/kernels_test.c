/// kernels_test.c — slice, take, filter, concat, compact and friends against rows compared one by
/// one.

#include "col/fixture_test.h"

#include <string.h>

static sl_batch *random_all(sli_rng *rng, int64_t n)
{
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *batch = slt_col_random(schema, rng, n);
    sl_schema_unref(schema);
    return batch;
}

SL_TEST(bits_copy_at_any_offset, "")
{
    sli_rng rng = {2};
    uint8_t from[40], to[40], before[40];
    for (int round = 0; round < 3000; round++) {
        for (size_t i = 0; i < sizeof from; i++) {
            from[i] = (uint8_t)sli_rng_next(&rng);
            before[i] = to[i] = (uint8_t)sli_rng_next(&rng);
        }
        int64_t a = (int64_t)sli_rng_below(&rng, 100), b = (int64_t)sli_rng_below(&rng, 100);
        int64_t n = (int64_t)sli_rng_below(&rng, 200), count = 0;
        sli_bits_copy(to, b, from, a, n);
        for (int64_t i = 0; i < 320; i++) {
            bool inside = i >= b && i < b + n;
            assert_int_equal(sli_bit(to, i),
                             inside ? sli_bit(from, a + i - b) : sli_bit(before, i));
            count += inside && sli_bit(to, i);
        }
        assert_int_equal(sli_bits_count(to, b, n), count);
        sli_bits_set(to, b, n, true);
        assert_int_equal(sli_bits_count(to, b, n), n);
    }
}

SL_TEST(slice_is_those_rows, "")
{
    sli_rng rng = {11};
    for (int round = 0; round < 60; round++) {
        sl_batch *batch = random_all(&rng, (int64_t)sli_rng_below(&rng, 90));
        int64_t from = (int64_t)sli_rng_below(&rng, (uint64_t)sl_batch_rows(batch) + 1);
        int64_t n = (int64_t)sli_rng_below(&rng, (uint64_t)(sl_batch_rows(batch) - from) + 1);
        sl_batch *slice = NULL, *again = NULL;
        assert_int_equal(sli_batch_slice(batch, from, n, &slice, NULL), SL_OK);
        assert_int_equal(sl_batch_rows(slice), n);
        slt_col_check_sound(slice);
        for (int64_t i = 0; i < n; i++) {
            slt_col_check_row(slice, i, batch, from + i);
        }
        assert_int_equal(sli_batch_slice(slice, n / 3, n - n / 3, &again, NULL),
                         SL_OK); // a slice of a slice
        sl_batch_unref(slice);
        slt_col_check_sound(again);
        for (int64_t i = 0; i < n - n / 3; i++) {
            slt_col_check_row(again, i, batch, from + n / 3 + i);
        }
        sl_batch_unref(again);
        sl_batch_unref(batch);
    }
}

SL_TEST(slice_outside_is_refused, "")
{
    sl_batch *batch = slt_col_words((const char *const[]){"a", "b", NULL});
    sl_batch *out = NULL;
    assert_int_equal(sli_batch_slice(batch, 1, 2, &out, NULL), SL_E_INVALID);
    assert_int_equal(sli_batch_slice(batch, -1, 1, &out, NULL), SL_E_INVALID);
    assert_int_equal(sli_batch_slice(batch, 0, INT64_MAX, &out, NULL), SL_E_INVALID);
    assert_null(out);
    assert_int_equal(sli_batch_slice(batch, 0, 2, &out, NULL), SL_OK);
    assert_ptr_equal(out, batch);
    sl_batch_unref(out);
    sl_batch_unref(batch);
}

SL_TEST(take_is_those_rows, "")
{
    sli_rng rng = {12};
    for (int round = 0; round < 60; round++) {
        sl_batch *batch = random_all(&rng, 1 + (int64_t)sli_rng_below(&rng, 90));
        int32_t rows[200];
        int64_t n = (int64_t)sli_rng_below(&rng, 200);
        for (int64_t i = 0; i < n; i++) {
            rows[i] = (int32_t)sli_rng_below(&rng, (uint64_t)sl_batch_rows(batch));
        }
        sl_batch *taken = NULL;
        assert_int_equal(sli_batch_take(batch, rows, n, &taken, NULL), SL_OK);
        slt_col_check_sound(taken);
        assert_int_equal(sl_batch_rows(taken), n);
        for (int64_t i = 0; i < n; i++) {
            slt_col_check_row(taken, i, batch, rows[i]);
        }
        sl_batch_unref(taken);
        sl_batch_unref(batch);
    }
}

SL_TEST(take_makes_nulls_of_negative_rows, "")
{
    sl_schema *schema = slt_col_schema(
        "a int64?, b bool?, c string?, d list<string>?, e struct<x int64, y string>?");
    sli_rng rng = {13};
    sl_batch *batch = slt_col_random(schema, &rng, 20), *taken = NULL;
    int32_t rows[] = {3, -1, 4, -1};
    assert_int_equal(sli_batch_take(batch, rows, 4, &taken, NULL), SL_OK);
    slt_col_check_sound(taken);
    for (int i = 0; i < 4; i += 2) {
        slt_col_check_row(taken, i, batch, rows[i]);
    }
    for (int32_t c = 0; c < 5; c++) {
        assert_true(sl_column_is_null(sl_batch_column(taken, c), 1));
        assert_true(sl_column_is_null(sl_batch_column(taken, c), 3));
    }
    sl_batch_unref(taken);
    sl_batch_unref(batch);
    sl_schema_unref(schema);
    schema = slt_col_schema("a int64");
    batch = slt_col_random(schema, &rng, 20);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_batch_take(batch, rows, 4, &taken, &err), SL_E_DATA);
    SL_CHECK_TEXT(err.text, "column \"a\" may not be null");
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

SL_TEST(filter_keeps_marked_rows, "")
{
    sli_rng rng = {14};
    for (int round = 0; round < 40; round++) {
        int64_t n = round < 2 ? 3000 : (int64_t)sli_rng_below(&rng, 90);
        sl_batch *batch = random_all(&rng, n), *kept = NULL;
        uint8_t keep[400];
        for (size_t i = 0; i < sizeof keep; i++) {
            keep[i] = round % 4 == 0 ? 0xff : round % 4 == 1 ? 0 : (uint8_t)sli_rng_next(&rng);
        }
        assert_int_equal(sli_batch_filter(batch, keep, &kept, NULL), SL_OK);
        slt_col_check_sound(kept);
        int64_t at = 0;
        for (int64_t i = 0; i < n; i++) {
            if (sli_bit(keep, i)) {
                slt_col_check_row(kept, at++, batch, i);
            }
        }
        assert_int_equal(sl_batch_rows(kept), at);
        assert_true(round % 4 != 0 || kept == batch);
        sl_batch_unref(kept);
        sl_batch_unref(batch);
    }
}

SL_TEST(concat_puts_batches_end_to_end, "")
{
    sli_rng rng = {15};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    for (int round = 0; round < 30; round++) {
        sl_batch *batches[6];
        int32_t n = 1 + (int32_t)sli_rng_below(&rng, 5);
        for (int32_t i = 0; i < n; i++) {
            sl_batch *whole = slt_col_random(schema, &rng, (int64_t)sli_rng_below(&rng, 40));
            int64_t from = sl_batch_rows(whole) / 3; // slices: lists that do not begin at 0
            assert_int_equal(
                sli_batch_slice(whole, from, sl_batch_rows(whole) - from, &batches[i], NULL),
                SL_OK);
            sl_batch_unref(whole);
        }
        batches[n] = sl_batch_ref(batches[0]); // the same one twice
        sl_batch *all = NULL, *compact = NULL;
        assert_int_equal(sli_batch_concat((const sl_batch *const *)batches, n + 1, &all, NULL),
                         SL_OK);
        assert_int_equal(sli_batch_compact(all, &compact, NULL), SL_OK);
        slt_col_check_sound(all);
        slt_col_check_sound(compact);
        int64_t at = 0;
        for (int32_t i = 0; i <= n; i++) {
            for (int64_t row = 0; row < sl_batch_rows(batches[i]); row++) {
                slt_col_check_row(all, at++, batches[i], row);
            }
            sl_batch_unref(batches[i]);
        }
        assert_int_equal(sl_batch_rows(all), at);
        slt_col_check_equal(all, compact);
        sl_batch_unref(all);
        sl_batch_unref(compact);
    }
    sl_schema_unref(schema);
}

SL_TEST(concat_refuses_other_schemas, "")
{
    sli_rng rng = {1};
    sl_schema *a = slt_col_schema("x int64"), *b = slt_col_schema("y int64");
    sl_batch *batches[] = {slt_col_random(a, &rng, 3), slt_col_random(b, &rng, 3)}, *out = NULL;
    assert_int_equal(sli_batch_concat((const sl_batch *const *)batches, 2, &out, NULL),
                     SL_E_INVALID);
    assert_int_equal(sli_batch_concat(NULL, 0, &out, NULL), SL_E_INVALID);
    assert_null(out);
    sl_batch_unref(batches[0]);
    sl_batch_unref(batches[1]);
    sl_schema_unref(a);
    sl_schema_unref(b);
}

SL_TEST(compact_lets_large_buffers_go, "")
{
    sl_schema *schema = slt_col_schema("line string");
    sli_buffer *data = sli_buffer_new(1 << 20);
    memset(sli_buffer_data(data), 'x', 1 << 20);
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, 10 * sizeof *views);
    for (int i = 0; i < 10; i++) {
        views[i] = sli_view_of(sli_buffer_bytes(data), 0, i * 1000, 20 + i);
    }
    sl_batch *batch = NULL, *compact = NULL, *empty = NULL;
    assert_int_equal(sli_batch_of_views(schema, views, 10, data, &batch, NULL), SL_OK);
    sli_buffer_unref(data);
    slt_col_check_sound(batch);
    assert_true(sl_batch_bytes(batch) > 1 << 20);
    assert_true(sli_batch_is_loose(batch));
    assert_int_equal(sli_batch_compact(batch, &compact, NULL), SL_OK);
    slt_col_check_equal(batch, compact);
    assert_true(sl_batch_bytes(compact) < 4096);
    assert_false(sli_batch_is_loose(compact));
    assert_int_equal(sli_batch_empty(schema, &empty, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(empty), 0);
    sl_batch_unref(empty);
    sl_batch_unref(batch);
    sl_batch_unref(compact);
    sl_schema_unref(schema);
}

SL_TEST(of_views_takes_views_also_when_it_fails, "")
{
    sl_schema *schema = slt_col_schema("n int64");
    sli_buffer *data = sli_buffer_new(8);
    sl_batch *batch = NULL;
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, sizeof *views);
    assert_int_equal(sli_batch_of_views(schema, views, 1, data, &batch, NULL), SL_E_INVALID);
    assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
    sl_schema_unref(schema);
    schema = slt_col_schema("s string");
    before = sli_mem_used(SLI_TAG_BATCH);
    for (int64_t n = 1; n <= 3; n++) {
        views = sl_alloc_aligned(SLI_TAG_BATCH, sizeof *views);
        views[0] = (sl_view){0};
        sli_mem_fail_nth(n);
        assert_int_equal(sli_batch_of_views(schema, views, 1, data, &batch, NULL), SL_E_NOMEM);
        sli_mem_fail_nth(0);
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
    }
    sli_buffer_unref(data);
    sl_schema_unref(schema);
}

SL_TEST(project_and_rename_share_columns, "")
{
    sli_rng rng = {16};
    sl_schema *a = slt_col_schema("x int64, y string?, z list<struct<p bool?>>"),
              *b = slt_col_schema("w float64");
    sl_schema *ab = slt_col_schema("z2 list<struct<q bool?>>, w2 float64, y2 string?");
    sl_schema *strict = slt_col_schema("x int64, y string, z list<struct<p bool?>>");
    sl_batch *from_a = slt_col_random(a, &rng, 50), *from_b = slt_col_random(b, &rng, 50),
             *out = NULL;
    const sl_batch *from[] = {from_a, from_b, from_a};
    int32_t columns[] = {2, 0, 1};
    assert_int_equal(sli_batch_project(ab, from, columns, &out, NULL), SL_OK);
    slt_col_check_sound(out);
    assert_ptr_equal(sl_batch_column(out, 1)->values, sl_batch_column(from_b, 0)->values);
    sl_batch_unref(out);
    columns[1] = 1;
    from[1] = from_a;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_batch_project(ab, from, columns, &out, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "column \"y\" is string, \"w2\" is float64"));
    assert_int_equal(sli_batch_rename(from_a, strict, &out, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "has nulls and may not"));
    assert_int_equal(sli_batch_rename(from_a, b, &out, NULL), SL_E_INVALID);
    sl_batch *few = slt_col_random(b, &rng, 49);
    columns[1] = 0;
    from[1] = few;
    assert_int_equal(sli_batch_project(ab, from, columns, &out, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "column \"w2\" has 49 rows, \"z2\" has 50"));
    sl_batch_unref(few);
    sl_batch_unref(from_a);
    sl_batch_unref(from_b);
    sl_schema_unref(strict);
    sl_schema_unref(ab);
    sl_schema_unref(a);
    sl_schema_unref(b);
}

static sl_code all_kernels(const sl_batch *batch)
{
    static const int32_t rows[] = {5, 3, 70, 3};
    static const uint8_t keep[16] = {0x55, 0x0f, 0xf0};
    sl_batch *out[5] = {NULL};
    const sl_batch *two[] = {batch, batch};
    sl_code rc = sli_batch_slice(batch, 3, 60, &out[0], NULL);
    rc = rc == SL_OK ? sli_batch_take(batch, rows, 4, &out[1], NULL) : rc;
    rc = rc == SL_OK ? sli_batch_filter(batch, keep, &out[2], NULL) : rc;
    rc = rc == SL_OK ? sli_batch_concat(two, 2, &out[3], NULL) : rc;
    rc = rc == SL_OK ? sli_batch_compact(batch, &out[4], NULL) : rc;
    for (int i = 0; i < 5; i++) {
        sl_batch_unref(out[i]);
    }
    return rc;
}

SL_TEST(kernels_survive_refused_memory, "")
{
    sli_rng rng = {17};
    sl_batch *batch = random_all(&rng, 100);
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc != SL_OK; n++) {
        sli_mem_fail_nth(n);
        rc = all_kernels(batch);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
        assert_true(n < 2000);
    }
    sl_batch_unref(batch);
}
