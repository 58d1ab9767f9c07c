// flume_answer_fuzz.c — whatever Spark's sink, or who stands in its place, may answer.
#include "base/assert.h"
#include "flume/flume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_answer(sl_bytes text, bool shaken)
{
    sli_flume_batch batch;
    sli_flume_event event;
    sl_error err = SL_ERROR_INIT;
    (void)!sli_flume_acked_get(text, shaken, &err);
    if (sli_flume_batch_get(text, shaken, &batch, &err) != SL_OK) {
        SL_ASSERT(err.code == SL_E_DATA || err.code == SL_E_IO, "refused with a reason");
        return;
    }
    size_t n = batch.error.size + batch.sequence.size;
    while (sli_flume_event_next(&batch.events, &event, NULL) == SL_OK) {
        n += event.body.size;
    }
    SL_ASSERT(n <= text.size, "no more than there is");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sli_flume_frame frame = {.limit = 4096, .text = {.tag = SLI_TAG_TEST}};
    size_t used = 0;
    if (sli_flume_frame_feed(&frame, data, size, &used, NULL) == SL_OK && frame.whole) {
        read_answer((sl_bytes){frame.text.data, frame.text.size}, true);
        read_answer((sl_bytes){frame.text.data, frame.text.size}, false);
    }
    read_answer((sl_bytes){data, size}, true);
    sli_flume_frame_reset(&frame);
    return 0;
}
