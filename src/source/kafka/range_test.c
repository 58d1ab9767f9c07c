// Ranges and positions as bytes: what is written is read, and what is not written by us is refused.
#include "source/kafka/kafka_int.h"

#include "sl_test.h"

static kafka_piece items[] = {
    {"a", 0, 2, 5, 9, 3, {8, 1600000000000000}},
    {"a", 7, 0, 0, 0, 0, {-1, 0}},
    {"b", 1, 1, INT64_MAX - 5, INT64_MAX, 5, {INT64_MAX - 2, INT64_MIN}},
};
static const kafka_pieces some = {items, 3};

typedef void (*put_fn)(sli_str *out, const kafka_pieces *pieces);
typedef sl_code (*get_fn)(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err);

static void check_same(const kafka_pieces *a, const kafka_pieces *b, bool is_range)
{
    assert_int_equal(a->n, b->n);
    for (int32_t i = 0; i < a->n; i++) {
        const kafka_piece *x = &a->items[i], *y = &b->items[i];
        assert_string_equal(x->topic, y->topic);
        assert_int_equal(x->partition, y->partition);
        assert_int_equal(x->lane, y->lane);
        assert_int_equal(x->to, y->to);
        assert_int_equal(x->last.offset, y->last.offset);
        assert_true(x->last.offset < 0 || x->last.time_us == y->last.time_us);
        assert_int_equal(is_range ? x->from : x->to, y->from);
        assert_int_equal(is_range ? x->records : 0, y->records);
    }
}

/// Reads what `put` writes, every prefix of it, and every flipped bit: refused, or read as
/// something that is written the same way.
static void check_bytes(put_fn put, get_fn get, bool is_range)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_str bytes = SLI_STR_INIT, again = SLI_STR_INIT;
    kafka_pieces got = {0};
    put(&bytes, &some);
    assert_int_equal(get((sl_bytes){bytes.data, bytes.size}, arena, &got, NULL), SL_OK);
    check_same(&some, &got, is_range);
    for (size_t size = 1; size < bytes.size; size++) {
        char *part = sl_alloc(SLI_TAG_TEST, size); // exactly as long: sanitizers see overruns
        memcpy(part, bytes.data, size);
        assert_int_equal(get((sl_bytes){part, size}, arena, &got, NULL), SL_E_CORRUPT);
        sl_free(part);
    }
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
        sl_code rc = get((sl_bytes){bytes.data, bytes.size}, arena, &got, NULL);
        assert_true(rc == SL_OK || rc == SL_E_CORRUPT);
        if (rc == SL_OK) {
            sli_str_clear(&again);
            put(&again, &got);
            assert_int_equal(again.size, bytes.size);
            assert_memory_equal(again.data, bytes.data, bytes.size);
        }
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ 1 << bit % 8);
    }
    sli_str_reset(&bytes);
    sli_str_reset(&again);
    sl_arena_free(arena);
}

SL_TEST(kafka_ranges_are_read_as_written, "")
{
    check_bytes(kafka_range_put, kafka_range_get, true);
}

SL_TEST(kafka_positions_are_read_as_written, "")
{
    check_bytes(kafka_position_put, kafka_position_get, false);
}

SL_TEST(kafka_nothing_on_record_is_no_piece, "")
{
    kafka_pieces got = {0};
    assert_int_equal(kafka_range_get((sl_bytes){NULL, 0}, NULL, &got, NULL), SL_OK);
    assert_int_equal(got.n, 0);
}
