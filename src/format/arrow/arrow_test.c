// Arrow IPC streams to rows and back; streams that are cut, flipped, of another schema.
#include "format/fixture_test.h"

static const sli_format_ops *const arrow = &sli_format_arrow;

#define ALL                                                                                        \
    "i int64?, b bool?, s string?, f float64?, d date?, t timestamp?, x binary?, "                 \
    "l list<string?>?, p struct<a int64?, z string?>?"

/// What a file holds: what opens it, then each batch.
static sli_str stream_of(const char *schema, int64_t n_rows, int32_t n_batches)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_rng rng = {11};
    sl_error err = SL_ERROR_INIT;
    sli_encoder *encoder = NULL;
    sl_conf *conf = slt_conf(arrow, "");
    for (int32_t i = 0; i < n_batches; i++) {
        sl_batch *batch = slt_random_batch(schema, n_rows, &rng);
        if (encoder == NULL) {
            assert_int_equal(arrow->encoder_new(&encoder, conf, sl_batch_schema(batch), &err),
                             SL_OK);
            assert_int_equal(arrow->begin(encoder, &out, &err), SL_OK);
        }
        assert_int_equal(arrow->encode(encoder, batch, &out, &err), SL_OK);
        sl_batch_unref(batch);
    }
    arrow->encoder_free(encoder);
    sl_conf_free(conf);
    assert_int_equal(out.size % 8, 0);
    return out;
}

SL_TEST(what_arrow_writes_it_reads_back, "")
{
    sli_rng rng = {11};
    sli_str bytes = stream_of(ALL, 300, 3), want = {.tag = SLI_TAG_TEST};
    for (int32_t i = 0; i < 3; i++) {
        sl_batch *batch = slt_random_batch(ALL, 300, &rng);
        slt_render(&want, batch);
        sl_batch_unref(batch);
    }
    slt_decoded got = slt_decode(arrow, "schema='" ALL "'", bytes.data, bytes.size, SLT_WHOLE);
    assert_int_equal(got.code, SL_OK);
    SL_CHECK_TEXT(got.rows.data, want.data);
    assert_int_equal(got.stats.records, 900);
    assert_int_equal(got.stats.bytes, (int64_t)bytes.size);
    slt_decoded_reset(&got);
    sli_str_reset(&want);
    sli_str_reset(&bytes);
}

SL_TEST(arrow_pieces_of_any_size_give_the_same_rows, "")
{
    sli_str bytes = stream_of("s string?, n int64?", 9, 2);
    slt_check_cuts(arrow, "schema='s string?, n int64?'", bytes.data, bytes.size);
    sli_str_reset(&bytes);
}

SL_TEST(an_end_mark_is_taken_and_nothing_may_follow_it, "")
{
    static const char end[8] = {-1, -1, -1, -1, 0, 0, 0, 0};
    sli_str bytes = stream_of("n int64", 3, 1);
    sli_str_add(&bytes, end, sizeof end);
    slt_decoded got = slt_decode(arrow, "schema='n int64'", bytes.data, bytes.size, SLT_WHOLE);
    assert_int_equal(got.code, SL_OK);
    assert_int_equal(got.stats.records, 3);
    slt_decoded_reset(&got);
    sli_str_add(&bytes, end, sizeof end);
    got = slt_decode(arrow, "schema='n int64'", bytes.data, bytes.size, SLT_WHOLE);
    assert_int_equal(got.code, SL_E_DATA);
    assert_non_null(strstr(got.err.text, "bytes follow the end of the stream"));
    slt_decoded_reset(&got);
    sli_str_reset(&bytes);
}

/// `args` on a stream of "n int64?" with nulls: the error's text, or with skip how many were
/// dropped.
static void check_refused(const char *args, const sli_str *bytes, size_t size, const char *why)
{
    slt_decoded got = slt_decode(arrow, args, bytes->data, size, SLT_WHOLE);
    assert_int_equal(got.code, SL_E_DATA);
    if (strstr(got.err.text, why) == NULL) {
        fail_msg("\"%s\" is not in: %s", why, got.err.text);
    }
    slt_decoded_reset(&got);
}

SL_TEST(arrow_errors_say_what_and_where, "")
{
    sli_str bytes = stream_of("n int64?", 200, 1);
    check_refused("schema='n int32?'", &bytes, bytes.size,
                  "at byte 0 (line 1): its schema is \"n int64?\", not \"n int32?\"");
    check_refused("schema='m int64?'", &bytes, bytes.size, "its schema is");
    check_refused("schema='n int64'", &bytes, bytes.size, "column 'n' has nulls");
    check_refused("schema='n int64?'", &bytes, bytes.size - 8, "the bytes end inside a message");
    check_refused("schema='n int64?' max_record=1k", &bytes, bytes.size,
                  "a message of more than 1024 bytes");
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_str_text(&text, "n\n1\n2\nno arrow at all");
    check_refused("schema='n int64?'", &text, text.size, "no message begins here");
    slt_decoded got =
        slt_decode(arrow, "schema='n int64?' malformed=skip", text.data, text.size, SLT_WHOLE);
    assert_int_equal(got.code, SL_OK);
    assert_int_equal(got.stats.skipped, 1);
    slt_decoded_reset(&got);
    sli_str_reset(&text);
    sli_str_reset(&bytes);
}

// Every byte flipped in four ways, and every length: rows or SL_E_DATA, whole and in pieces alike;
// never more rows.
SL_TEST(flipped_and_cut_arrow_streams_are_data_errors_at_worst, "")
{
    static const char *const args = "schema='s string?, n int64?, l list<int64?>?'";
    sli_str bytes = stream_of("s string?, n int64?, l list<int64?>?", 5, 1);
    char *copy = sl_alloc(SLI_TAG_TEST, bytes.size);
    for (size_t at = 0; at < bytes.size; at++) {
        static const unsigned char flips[] = {0x01, 0x80, 0xff, 0x10};
        memcpy(copy, bytes.data, bytes.size);
        copy[at] = (char)((unsigned char)copy[at] ^ flips[at % 4]);
        slt_decoded whole = slt_decode(arrow, args, copy, bytes.size, SLT_WHOLE);
        slt_decoded parts =
            slt_decode(arrow, args, copy, bytes.size, (slt_cuts){.size = 37, .cut = -1});
        assert_true(whole.code == SL_OK || whole.code == SL_E_DATA);
        assert_int_equal(parts.code, whole.code);
        assert_true(whole.stats.records <= 5);
        slt_decoded_reset(&whole);
        slt_decoded_reset(&parts);
        slt_decoded cut = slt_decode(arrow, args, bytes.data, at, SLT_WHOLE);
        assert_true(cut.code == SL_OK ? cut.stats.records == 0 : cut.code == SL_E_DATA);
        slt_decoded_reset(&cut);
    }
    sl_free(copy);
    sli_str_reset(&bytes);
}
