// stream_plan_fuzz.c — bodies of PLAN and SEALED frames: any bytes, and good ones with edits. What
// is accepted must be written as it was read.
#include "edits.h"
#include "stream/plan.h"

#include "base/arena.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_good_plan(sli_str *out)
{
    sli_plan_input inputs[] = {{"source-1", {"a range", 7}, 4, 1000}, {"logs", {"", 0}, 200, -1}};
    sli_plan_watermark watermarks[] = {{"eventTime-1", 5}, {"views", INT64_MIN}};
    sli_plan_fixed fixed[] = {{"model-1", {"what", 4}, "model/a"}};
    const sli_plan plan = {42, 1000000, 900000, 3, 4, 5, 6, inputs, 2, watermarks, 2, fixed, 1};
    sli_plan_put(out, &plan);
}

static void put_good_sealed(sli_str *out)
{
    sli_sealed_sink sinks[] = {{"counts.save-1", {"receipt", 7}, ""},
                               {"counts.print-1", {NULL, 0}, "outbox/000002-000000009-print"}};
    sli_left_out left_out[] = {{41, "source-1", 3, 17}};
    sli_sealed_window windows[] = {{"window-1", 5000, 8000, "panes/000002-000000009", 8000}};
    const sli_sealed sealed = {.group = 9,
                               .first_epoch = 40,
                               .last_epoch = 42,
                               .last_time_us = 8000,
                               .delta = "delta/000002-000000009",
                               .sinks = sinks,
                               .n_sinks = 2,
                               .counted = {"sums", 4},
                               .left_out = left_out,
                               .n_left_out = 1,
                               .windows = windows,
                               .n_windows = 1};
    sli_sealed_put(out, &sealed);
}

/// Decodes; what was read, written again, in `out`. False: it was refused.
static bool again(bool is_plan, sl_bytes body, sl_arena *arena, sli_str *out)
{
    sli_plan plan;
    sli_sealed sealed;
    sl_error err = SL_ERROR_INIT;
    if (is_plan && sli_plan_get(body, arena, &plan, &err) == SL_OK) {
        sli_plan_put(out, &plan);
    } else if (!is_plan && sli_sealed_get(body, arena, &sealed, &err) == SL_OK) {
        sli_sealed_put(out, &sealed);
    } else {
        SL_ASSERT(err.code == SL_E_CORRUPT || err.code == SL_E_INCOMPATIBLE,
                  "refused with a reason");
        return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    bool is_plan = (data[0] & 1) != 0, is_raw = (data[0] & 2) != 0;
    sli_str bytes = {.tag = SLI_TAG_TEST}, first = {.tag = SLI_TAG_TEST},
            second = {.tag = SLI_TAG_TEST};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    if (is_raw) {
        sli_str_add(&bytes, (const char *)data + 1, size - 1);
    } else {
        (is_plan ? put_good_plan : put_good_sealed)(&bytes);
        slt_edit(&bytes, data + 1, size - 1);
    }
    if (again(is_plan, (sl_bytes){bytes.data, bytes.size}, arena, &first)) {
        SL_ASSERT(again(is_plan, (sl_bytes){first.data, first.size}, arena, &second),
                  "its own bytes");
        SL_ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0,
                  "the same bytes");
    }
    sl_arena_free(arena);
    sli_str_reset(&bytes);
    sli_str_reset(&first);
    sli_str_reset(&second);
    return 0;
}
