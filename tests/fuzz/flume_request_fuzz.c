// flume_request_fuzz.c — whatever comes to a door of Flume's: frames cut in two ways, which must
// agree; then requests and their events.
#include "base/assert.h"
#include "flume/flume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// Reads the first frame in pieces. Returns how it ended; *used: where.
static sl_code read_frame(sli_flume_frame *frame, const uint8_t *data, size_t size, size_t piece,
                          size_t *used)
{
    sl_code rc = SL_OK;
    for (*used = 0; rc == SL_OK && !frame->whole && *used < size;) {
        size_t n = size - *used < piece ? size - *used : piece, took = 0;
        rc = sli_flume_frame_feed(frame, data + *used, n, &took, NULL);
        *used += took;
    }
    return rc;
}

static void read_request(sl_bytes text, bool shaken)
{
    sli_flume_request request;
    if (sli_flume_request_get(text, shaken, &request, NULL) != SL_OK ||
        request.call == SLI_FLUME_NO_CALL) {
        return;
    }
    sli_flume_event event;
    sl_text name, value;
    size_t n = 0;
    sl_code rc;
    while ((rc = sli_flume_event_next(&request.events, &event, NULL)) == SL_OK) {
        n += event.body.size;
        while (sli_flume_header_next(&event.headers, &name, &value)) {
            n += name.size + value.size;
        }
    }
    SL_ASSERT(rc == SL_E_END || rc == SL_E_DATA, "outside bytes are bad data at worst");
    SL_ASSERT(n <= text.size, "no more than there is");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    sli_flume_frame whole = {.limit = 4096, .text = {.tag = SLI_TAG_TEST}}, parts = whole;
    size_t used_whole = 0, used_parts = 0;
    sl_code rc_whole = read_frame(&whole, data, size, size, &used_whole);
    sl_code rc_parts = read_frame(&parts, data, size, 1 + data[size - 1] % 16, &used_parts);
    SL_ASSERT(rc_whole == rc_parts && whole.whole == parts.whole, "pieces change the outcome");
    if (rc_whole == SL_OK) {
        SL_ASSERT(used_whole == used_parts && whole.text.size == parts.text.size &&
                      (whole.text.size == 0 ||
                       memcmp(whole.text.data, parts.text.data, whole.text.size) == 0),
                  "pieces change the text");
        read_request((sl_bytes){whole.text.data, whole.text.size}, false);
    }
    read_request((sl_bytes){data, size}, true);
    sli_flume_frame_reset(&whole);
    sli_flume_frame_reset(&parts);
    return 0;
}
