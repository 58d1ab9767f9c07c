// The codec on what a real agent has sent (tests/fuzz/flume_*_corpus: frames of Flume 1.11's Avro
// sink, and of Spark's sink in Flume 1.9), cut anywhere, cut off anywhere, and what others may
// send.
#include "flume/flume.h"

#include <stdio.h>

#include "sl_test.h"

static sli_str read_captured(const char *name)
{
    char path[512], buffer[4096];
    (void)snprintf(path, sizeof path, "%s/tests/fuzz/%s", SLT_SOURCE_DIR, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t n = fread(buffer, 1, sizeof buffer, in);
    (void)fclose(in);
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_str_add(&out, buffer, n);
    return out;
}

/// The frame's text, read in pieces.
static sli_flume_frame frame_of(const sli_str *bytes, size_t piece)
{
    sli_flume_frame frame = {.limit = 1 << 20, .text = {.tag = SLI_TAG_TEST}};
    for (size_t at = 0; at < bytes->size;) {
        size_t n = bytes->size - at < piece ? bytes->size - at : piece, used = 0;
        assert_false(frame.whole);
        assert_int_equal(sli_flume_frame_feed(&frame, bytes->data + at, n, &used, NULL), SL_OK);
        assert_int_equal(used, n);
        at += n;
        assert_int_equal(sli_flume_frame_is_open(&frame), at < bytes->size);
    }
    assert_true(frame.whole);
    return frame;
}

static sl_bytes text_of(const sli_flume_frame *frame)
{
    return (sl_bytes){frame->text.data, frame->text.size};
}

/// Events as text: "name=value,... body;".
static sl_code render(sli_flume_events events, sli_str *out)
{
    sli_flume_event event;
    sl_text name, value;
    sl_code rc;
    while ((rc = sli_flume_event_next(&events, &event, NULL)) == SL_OK) {
        while (sli_flume_header_next(&event.headers, &name, &value)) {
            sli_str_printf(out, "%.*s=%.*s,", (int)name.size, name.data, (int)value.size,
                           value.data);
        }
        sli_str_printf(out, "%.*s;", (int)event.body.size, (const char *)event.body.data);
    }
    return rc;
}

SL_TEST(a_batch_of_an_agent_is_read_however_it_is_cut, "")
{
    sli_str bytes = read_captured("flume_request_corpus/batch_first");
    for (size_t piece = 1; piece <= bytes.size; piece++) {
        sli_flume_frame frame = frame_of(&bytes, piece);
        sli_flume_request request;
        sli_str events = {.tag = SLI_TAG_TEST};
        assert_int_equal(frame.serial, 1);
        assert_int_equal(sli_flume_request_get(text_of(&frame), false, &request, NULL), SL_OK);
        assert_int_equal(request.match, SLI_FLUME_BOTH);
        assert_int_equal(request.call, SLI_FLUME_APPEND_BATCH);
        assert_int_equal(render(request.events, &events), SL_E_END);
        SL_CHECK_TEXT(events.data, "host=127.0.0.1,place=m\xC3\xBCnchen,0;"
                                   "host=127.0.0.1,place=m\xC3\xBCnchen,1;"
                                   "host=127.0.0.1,place=m\xC3\xBCnchen,2;"
                                   "host=127.0.0.1,place=m\xC3\xBCnchen,3;");
        sli_str_reset(&events);
        sli_flume_frame_reset(&frame);
    }
    sli_str_reset(&bytes);
}

SL_TEST(later_requests_of_a_connection_have_no_handshake, "")
{
    sli_str bytes = read_captured("flume_request_corpus/batch_later"),
            events = {.tag = SLI_TAG_TEST};
    sli_flume_frame frame = frame_of(&bytes, bytes.size);
    sli_flume_request request;
    assert_int_equal(sli_flume_request_get(text_of(&frame), true, &request, NULL), SL_OK);
    assert_int_equal(request.match, SLI_FLUME_SHAKEN);
    assert_int_equal(render(request.events, &events), SL_E_END);
    assert_non_null(strstr(events.data, "nchen,7;"));
    sli_str_reset(&events);
    sli_flume_frame_reset(&frame);
    sli_str_reset(&bytes);
}

SL_TEST(a_request_that_is_cut_off_anywhere_is_refused, "")
{
    sli_str bytes = read_captured("flume_request_corpus/batch_first");
    sli_flume_frame frame = frame_of(&bytes, bytes.size);
    for (size_t size = 0; size < frame.text.size; size++) {
        char *part = sl_alloc(SLI_TAG_TEST, size + 1); // sanitizers see overruns
        memcpy(part, frame.text.data, size);
        sli_flume_request request;
        sli_str events = {.tag = SLI_TAG_TEST};
        sl_code rc = sli_flume_request_get((sl_bytes){part, size}, false, &request, NULL);
        rc = rc == SL_OK ? render(request.events, &events) : rc;
        assert_int_equal(rc, SL_E_DATA);
        sli_str_reset(&events);
        sl_free(part);
    }
    sli_flume_frame_reset(&frame);
    sli_str_reset(&bytes);
}

SL_TEST(frames_are_held_against_the_limit_before_they_are_kept, "BOUNDED-1")
{
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {{"\0\0\0\1\0\0\0\1\xFF\xFF\xFF\xFF", 12},   // a buffer of 4 GiB
                 {"\0\0\0\1\xFF\xFF\xFF\xFF", 8},            // so many buffers
                 {"\0\0\0\1\0\0\0\2\0\0\0\1x\0\0\4\0", 17}}; // together too much
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sli_flume_frame frame = {.limit = 1000, .text = {.tag = SLI_TAG_TEST}};
        sl_error err = SL_ERROR_INIT;
        size_t used = 0;
        assert_int_equal(sli_flume_frame_feed(&frame, cases[i].bytes, cases[i].size, &used, &err),
                         SL_E_NO_SPACE);
        assert_non_null(strstr(err.text, "more than 1000 bytes"));
        assert_true(frame.text.capacity <= 64);
        sli_flume_frame_reset(&frame);
    }
}

SL_TEST(a_frame_ends_where_the_next_one_begins, "")
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_flume_frame_put(&bytes, 7, (sl_bytes){"one", 3});
    size_t first = bytes.size, used = 0;
    sli_flume_frame_put(&bytes, 8, (sl_bytes){"", 0});
    sli_str_add(&bytes, "\0\0\0\x9\0\0\0\0", 8); // no buffers at all
    sli_flume_frame frame = {.limit = 100, .text = {.tag = SLI_TAG_TEST}};
    assert_int_equal(sli_flume_frame_feed(&frame, bytes.data, bytes.size, &used, NULL), SL_OK);
    assert_int_equal(used, first);
    assert_int_equal(frame.serial, 7);
    assert_string_equal(frame.text.data, "one");
    sli_flume_frame_next(&frame);
    for (uint32_t serial = 8; serial < 10; serial++) {
        size_t more = 0;
        assert_int_equal(
            sli_flume_frame_feed(&frame, bytes.data + used, bytes.size - used, &more, NULL), SL_OK);
        used += more;
        assert_true(frame.whole);
        assert_int_equal(frame.serial, serial);
        assert_int_equal(frame.text.size, 0);
        sli_flume_frame_next(&frame);
    }
    assert_int_equal(used, bytes.size);
    sli_flume_frame_reset(&frame);
    sli_str_reset(&bytes);
}

/// A request with a handshake of these hashes, and a text or none.
static sli_str request_of(char client, const char *protocol, char server, const char *name)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 16; i++) {
        sli_str_char(&out, client);
    }
    sli_put_zigzag(&out, protocol != NULL);
    if (protocol != NULL) {
        sli_put_zigzag(&out, (int64_t)strlen(protocol));
        sli_str_text(&out, protocol);
    }
    for (int i = 0; i < 16; i++) {
        sli_str_char(&out, server);
    }
    sli_str_add(&out, "\2\2\2k\2v\0", 7);   // meta of the handshake: {k: v}
    sli_str_add(&out, "\1\x08\2k\2v\0", 7); // of the call, in a block that tells its 4 bytes
    sli_put_zigzag(&out, (int64_t)strlen(name));
    sli_str_text(&out, name);
    return out;
}

SL_TEST(a_client_with_another_text_is_asked_for_it, "")
{
    sli_flume_request request;
    sli_str bytes = request_of('x', NULL, 'y', "append"), out = {.tag = SLI_TAG_TEST};
    assert_int_equal(
        sli_flume_request_get((sl_bytes){bytes.data, bytes.size}, false, &request, NULL), SL_OK);
    assert_int_equal(request.match, SLI_FLUME_NONE);
    assert_int_equal(request.call, SLI_FLUME_NO_CALL);
    sli_flume_refusal_put(&out, 3, request.match, "");
    assert_int_equal(out.data[12], 4); // NONE, zigzag
    assert_int_equal(out.data[13], 2); // our text is there
    assert_non_null(memmem(out.data, out.size, "\"AvroFlumeEvent\"", 16));
    sli_str_reset(&bytes);
    sli_str_clear(&out);

    bytes = request_of('x', "{}", 'y', "append");
    sli_str_add(&bytes, "\2\2a\2b\0\4hi", 9); // one event
    assert_int_equal(
        sli_flume_request_get((sl_bytes){bytes.data, bytes.size}, false, &request, NULL), SL_OK);
    assert_int_equal(request.match, SLI_FLUME_CLIENT);
    assert_int_equal(request.call, SLI_FLUME_APPEND);
    assert_int_equal(render(request.events, &out), SL_E_END);
    SL_CHECK_TEXT(out.data, "a=b,hi;");
    sli_str_clear(&out);
    sli_flume_answer_put(&out, 4, request.match, SLI_FLUME_OK);
    assert_int_equal(out.data[12], 2); // CLIENT
    assert_memory_equal(out.data + out.size - 3, "\0\0\0", 3);
    sli_str_reset(&bytes);
    sli_str_reset(&out);
}

SL_TEST(answers_are_the_bytes_that_an_agent_takes, "")
{
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_flume_answer_put(&out, 1, SLI_FLUME_BOTH, SLI_FLUME_OK);
    assert_int_equal(out.size, 19);
    assert_memory_equal(out.data, "\0\0\0\1\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0", 19);
    sli_str_clear(&out);
    sli_flume_answer_put(&out, 2, SLI_FLUME_SHAKEN, SLI_FLUME_FAILED);
    assert_int_equal(out.size, 15);
    assert_memory_equal(out.data, "\0\0\0\2\0\0\0\1\0\0\0\3\0\0\2", 15);
    sli_str_clear(&out);
    sli_flume_refusal_put(&out, 3, SLI_FLUME_SHAKEN, "no");
    assert_memory_equal(out.data + 12, "\0\1\0\4no", 6);
    sli_str_reset(&out);
}

SL_TEST(a_batch_of_sparks_sink_is_read, "")
{
    static const char *const names[] = {"flume_answer_corpus/batch_1",
                                        "flume_answer_corpus/batch_2"};
    for (int i = 0; i < 2; i++) {
        sli_str bytes = read_captured(names[i]), events = {.tag = SLI_TAG_TEST};
        sli_flume_frame frame = frame_of(&bytes, 5);
        sli_flume_batch batch;
        assert_int_equal(sli_flume_batch_get(text_of(&frame), i > 0, &batch, NULL), SL_OK);
        assert_int_equal(batch.error.size, 0);
        assert_int_equal(batch.sequence.size, 9);
        assert_int_equal(batch.sequence.data[8], '1' + i);
        assert_int_equal(render(batch.events, &events), SL_E_END);
        SL_CHECK_TEXT(events.data, "0;1;2;3;4;");
        assert_true(sli_flume_batch_get((sl_bytes){frame.text.data, 4}, i > 0, &batch, NULL) ==
                    SL_E_DATA);
        sli_str_reset(&events);
        sli_flume_frame_reset(&frame);
        sli_str_reset(&bytes);
    }
}

SL_TEST(acks_and_errors_of_sparks_sink_are_read, "")
{
    sli_str bytes = read_captured("flume_answer_corpus/ack");
    sli_flume_frame frame = frame_of(&bytes, 1);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_flume_acked_get(text_of(&frame), true, NULL), SL_OK);
    assert_int_equal(sli_flume_acked_get((sl_bytes){"\0\1\0\6oh!", 7}, true, &err), SL_E_IO);
    SL_CHECK_TEXT(err.text, "the sink says: oh!");
    assert_int_equal(sli_flume_acked_get((sl_bytes){"\4\0\0\0", 4}, false, &err), SL_E_IO);
    assert_int_equal(sli_flume_acked_get((sl_bytes){"\0\0more", 6}, true, &err), SL_E_DATA);
    sli_flume_frame_reset(&frame);
    sli_str_reset(&bytes);
}

SL_TEST(what_is_asked_of_sparks_sink_is_a_request_of_its_protocol, "")
{
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_flume_ask_ack(&out, 9, true, (sl_text){"ab1", 3});
    assert_int_equal(out.size, 21);
    assert_memory_equal(out.data, "\0\0\0\x9\0\0\0\1\0\0\0\x9\0\6ack\6ab1", 21);
    sli_str_clear(&out);
    sli_flume_ask_batch(&out, 1, false, 1000);
    assert_non_null(memmem(out.data, out.size, "\"SparkFlumeProtocol\"", 20));
    assert_memory_equal(out.data + out.size - 2, "\xD0\xF", 2);
    sli_str_clear(&out);
    sli_flume_ask_nack(&out, 2, true, (sl_text){"x", 1});
    assert_memory_equal(out.data + 12, "\0\x8nack\2x", 8);
    sli_str_reset(&out);
}
