/// hash_test.c — hashes, equality and order of cells agree with each other and with cells as text;
/// hashes never change.

#include "col/fixture_test.h"

#include <math.h>
#include <string.h>

static uint64_t hash_of_text(const char *text)
{
    sl_batch *batch = slt_col_words((const char *const[]){text, NULL});
    uint64_t hash = 0;
    sli_batch_hash(batch, (const int32_t[]){0}, 1, &hash);
    sl_batch_unref(batch);
    return hash;
}

// Slots and partitions rest on these: a change of any number makes old checkpoints unreadable.
SL_TEST(hash_values_never_change, "")
{
    assert_int_equal(hash_of_text(""), 0x480fe49664288f5dU);
    assert_int_equal(hash_of_text("word"), 0x5bdb50a14ac4b0c7U);
    assert_int_equal(hash_of_text("twelve bytes"), 0xc0a1ee5b80ddcb14U);
    assert_int_equal(hash_of_text("thirteen byte"), 0x977f2efb2343f28dU);
    sli_rng rng = {1};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *batch = slt_col_random(schema, &rng, 50);
    int32_t columns[32];
    uint64_t hashes[50], sum = 0;
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        columns[i] = i;
    }
    sli_batch_hash(batch, columns, sl_schema_columns(schema), hashes);
    for (int i = 0; i < 50; i++) {
        sum = sum * 31 + hashes[i];
    }
    assert_int_equal(sum, 0x47db65b25729b8cbU);
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

SL_TEST(hash_does_not_see_where_text_lies, "")
{
    static const char line[] = "prefix aword averyverylongword suffix";
    sl_batch *lines = slt_col_words((const char *const[]){line, NULL});
    sl_batch *plain = slt_col_words((const char *const[]){"aword", "averyverylongword", "", NULL});
    sl_schema *schema = slt_col_schema("word string");
    sl_builder *builder = NULL;
    sl_batch *cut = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_builder_slice(builder, 0, sl_batch_column(lines, 0), 0, 7, 5);
    sl_builder_slice(builder, 0, sl_batch_column(lines, 0), 0, 13, 17);
    sl_builder_slice(builder, 0, sl_batch_column(lines, 0), 0, 13, 0);
    assert_int_equal(sl_builder_finish(builder, &cut, NULL), SL_OK);
    const int32_t column = 0;
    uint64_t a[3], b[3];
    sli_batch_hash(plain, &column, 1, a);
    sli_batch_hash(cut, &column, 1, b);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < 3; i++) {
        assert_true(sli_rows_equal(plain, &column, i, cut, &column, i, 1));
        assert_false(sli_rows_equal(plain, &column, i, cut, &column, (i + 1) % 3, 1));
    }
    sl_batch_unref(lines);
    sl_batch_unref(plain);
    sl_batch_unref(cut);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

SL_TEST(hash_spreads_over_slots_and_low_bits, "")
{
    sl_schema *schema = slt_col_schema("n int64, s string");
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    static uint64_t hashes[1 << 16];
    static int32_t slots[SLI_SLOTS], low[SLI_SLOTS];
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < 1 << 16; i++) {
        char text[16] = "key-";
        for (int k = 0; k < 5; k++) {
            text[4 + k] = (char)('0' + (i >> (4 * k) & 15));
        }
        sl_builder_int64(builder, 0, i);
        sl_builder_text(builder, 1, text, 9);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    for (int32_t c = 0; c < 2; c++) {
        memset(slots, 0, sizeof slots);
        memset(low, 0, sizeof low);
        sli_batch_hash(batch, &c, 1, hashes);
        for (int i = 0; i < 1 << 16; i++) {
            slots[sli_slot_of(hashes[i])]++;
            low[hashes[i] % SLI_SLOTS]++;
        }
        for (int i = 0; i < SLI_SLOTS; i++) { // 64 expected; 5 standard deviations are 40
            assert_in_range(slots[i], 20, 110);
            assert_in_range(low[i], 20, 110);
        }
    }
    assert_int_equal(sli_partition_of(0, 7), 0);
    assert_int_equal(sli_partition_of(SLI_SLOTS - 1, 7), 6);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

/// Every pair of rows, column by column: equal text, equal cells, equal hashes go together; the
/// order is total.
SL_TEST(hash_equality_and_order_agree, "")
{
    enum { N = 60 };
    sli_rng rng = {21};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *a = slt_col_random(schema, &rng, N), *b = slt_col_random(schema, &rng, N);
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        uint64_t hash_a[N], hash_b[N];
        const sl_column *x = sl_batch_column(a, c), *y = sl_batch_column(b, c);
        sli_batch_hash(a, &c, 1, hash_a);
        sli_batch_hash(b, &c, 1, hash_b);
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < N; k++) {
                sli_str s = SLI_STR_INIT, t = SLI_STR_INIT;
                slt_col_put_cell(&s, x, i);
                slt_col_put_cell(&t, y, k);
                bool equal = strcmp(s.data, t.data) == 0;
                assert_int_equal(sli_rows_equal(a, &c, i, b, &c, k, 1), equal);
                assert_int_equal(sli_cell_compare(x, i, y, k) == 0, equal);
                assert_int_equal(hash_a[i] == hash_b[k], equal);
                assert_int_equal(sli_cell_compare(x, i, y, k), -sli_cell_compare(y, k, x, i));
                if (i < 20 && k < 20 && sli_cell_compare(x, i, x, k) <= 0) { // transitive
                    assert_true(sli_cell_compare(x, k, y, i) > 0 ||
                                sli_cell_compare(x, i, y, i) <= 0);
                }
                sli_str_reset(&s);
                sli_str_reset(&t);
            }
        }
    }
    sl_batch_unref(a);
    sl_batch_unref(b);
    sl_schema_unref(schema);
}

SL_TEST(compare_orders_nulls_first_and_nan_last, "")
{
    sl_schema *schema = slt_col_schema("f float64?, s string?, d decimal(5,0), u uint64");
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_builder_null(builder, 0);
    static const double numbers[] = {-INFINITY, -1, 0.0, 2, INFINITY, NAN};
    for (int i = 0; i < 6; i++) {
        sl_builder_float64(builder, 0, numbers[i]);
    }
    sl_builder_null(builder, 1);
    static const char *const texts[] = {
        "", "a", "a longer than twelve", "a longer than twelve!", "ab", "\xc3\xa4"};
    for (int i = 0; i < 6; i++) {
        sl_builder_text(builder, 1, texts[i], strlen(texts[i]));
    }
    int64_t(*decimals)[2] = sl_builder_reserve(builder, 2, 7);
    uint64_t *big = sl_builder_reserve(builder, 3, 7);
    for (int i = 0; i < 7; i++) { // from negative to positive, one across 64 bits
        decimals[i][0] = i == 6 ? 0 : i - 3;
        decimals[i][1] = i == 6 ? 1 : i < 3 ? -1 : 0;
        big[i] = i < 3 ? (uint64_t)i : UINT64_MAX - 6 + (uint64_t)i;
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    for (int32_t c = 0; c < 4; c++) {
        for (int i = 0; i < 7; i++) {
            for (int k = 0; k < 7; k++) {
                assert_int_equal(
                    sli_cell_compare(sl_batch_column(batch, c), i, sl_batch_column(batch, c), k),
                    (i > k) - (i < k));
            }
        }
    }
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}
