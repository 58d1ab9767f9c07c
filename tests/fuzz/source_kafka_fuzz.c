// source_kafka_fuzz.c — ranges and positions of a Kafka source: any bytes, and good ones with
// edits. What is accepted must be written as it was read.
#include "edits.h"

#include "base/arena.h"
#include "base/assert.h"
#include "source/kafka/kafka_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef void (*put_fn)(sli_str *out, const kafka_pieces *pieces);
typedef sl_code (*get_fn)(sl_bytes bytes, sl_arena *arena, kafka_pieces *out, sl_error *err);

static void put_good(put_fn put, sli_str *out)
{
    kafka_piece items[] = {{"orders", 0, 0, 17, 60, 40, {59, 1600000000000000}},
                           {"orders", 3, 1, 5, 5, 0, {-1, 0}},
                           {"returns", 0, 2, 0, 900, 2, {899, 1600000000001000}}};
    put(out, &(kafka_pieces){items, 3});
}

/// Decodes; what was read, written again, in `out`. False: it was refused.
static bool again(put_fn put, get_fn get, sl_bytes bytes, sl_arena *arena, sli_str *out)
{
    kafka_pieces pieces = {0};
    sl_error err = SL_ERROR_INIT;
    if (get(bytes, arena, &pieces, &err) != SL_OK) {
        SL_ASSERT(err.code == SL_E_CORRUPT, "refused with a reason");
        return false;
    }
    put(out, &pieces);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    bool is_range = (data[0] & 1) != 0, is_raw = (data[0] & 2) != 0;
    put_fn put = is_range ? kafka_range_put : kafka_position_put;
    get_fn get = is_range ? kafka_range_get : kafka_position_get;
    sli_str bytes = {.tag = SLI_TAG_TEST}, first = {.tag = SLI_TAG_TEST};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    if (is_raw) {
        sli_str_add(&bytes, (const char *)data + 1, size - 1);
    } else {
        put_good(put, &bytes);
        slt_edit(&bytes, data + 1, size - 1);
    }
    if (bytes.size > 0 && again(put, get, (sl_bytes){bytes.data, bytes.size}, arena, &first)) {
        SL_ASSERT(first.size == bytes.size && memcmp(first.data, bytes.data, bytes.size) == 0,
                  "the same bytes");
    }
    sl_arena_free(arena);
    sli_str_reset(&bytes);
    sli_str_reset(&first);
    return 0;
}
