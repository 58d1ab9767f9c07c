// stream_plan_fuzz.c — any bytes as PLAN or SEALED: an error, or what is the same when it is
// written and read again. The first byte chooses.
#include "stream/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Reads, and writes again; false: refused.
static bool again(bool sealed, sl_bytes in, sl_arena *arena, sli_str *out)
{
    sl_error err = SL_ERROR_INIT;
    sli_plan plan;
    sli_sealed group;
    sl_code rc =
        sealed ? sli_sealed_get(in, arena, &group, &err) : sli_plan_get(in, arena, &plan, &err);
    SL_ASSERT(rc == SL_OK || err.code == rc, "a failure without a text");
    SL_ASSERT(rc == SL_OK || rc == SL_E_CORRUPT || rc == SL_E_INCOMPATIBLE,
              "outside bytes are damaged at worst");
    if (rc == SL_OK && sealed) {
        sli_sealed_put(out, &group);
    } else if (rc == SL_OK) {
        sli_plan_put(out, &plan);
    }
    return rc == SL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_STREAM);
    sli_str once = {.tag = SLI_TAG_STREAM}, twice = {.tag = SLI_TAG_STREAM};
    SL_ASSERT(arena != NULL, "no memory");
    if (size > 0 && again(data[0] % 2 == 1, (sl_bytes){data + 1, size - 1}, arena, &once)) {
        SL_ASSERT(again(data[0] % 2 == 1, (sl_bytes){once.data, once.size}, arena, &twice),
                  "what was written is refused");
        SL_ASSERT(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0,
                  "it changes when it is written again");
    }
    sli_str_reset(&once);
    sli_str_reset(&twice);
    sl_arena_free(arena);
    return 0;
}
