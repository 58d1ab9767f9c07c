// Arrow files and streams to rows and back; such that are cut, flipped, of another schema, or
// written by others.
#include "format/fixture_test.h"

#include <nanoarrow/nanoarrow_ipc.h>
#include <stdio.h>

static const sli_format_ops *const arrow = &sli_format_arrow;

#define ALL                                                                                        \
    "i int64?, b bool?, s string?, f float64?, d date?, t timestamp?, x binary?, "                 \
    "l list<string?>?, p struct<a int64?, z string?>?"

/// Ends what was written, told its bytes in pieces of `piece`.
static void end_it(sli_str *bytes, size_t piece)
{
    sl_error err = SL_ERROR_INIT;
    sli_ending *ending = NULL;
    assert_int_equal(arrow->ending_new(&ending, &err), SL_OK);
    for (size_t at = 0; at < bytes->size; at += piece) {
        size_t n = bytes->size - at < piece ? bytes->size - at : piece;
        assert_int_equal(arrow->ending_see(ending, bytes->data + at, n, &err), SL_OK);
    }
    assert_int_equal(arrow->ending_put(ending, bytes, &err), SL_OK);
    arrow->ending_free(ending);
}

/// What a file holds before its end: what opens it, then each batch, as of an encoder of its own.
static sli_str open_file(const char *args, const char *schema, int64_t n_rows, int32_t n_batches)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    sli_rng rng = {11};
    sl_error err = SL_ERROR_INIT;
    sl_conf *conf = slt_conf(arrow, args);
    for (int32_t i = 0; i < n_batches; i++) {
        sli_encoder *encoder = NULL;
        sl_batch *batch = slt_random_batch(schema, n_rows, &rng);
        assert_int_equal(arrow->encoder_new(&encoder, conf, sl_batch_schema(batch), &err), SL_OK);
        if (i == 0) {
            assert_int_equal(arrow->begin(encoder, &out, &err), SL_OK);
        }
        assert_int_equal(arrow->encode(encoder, batch, &out, &err), SL_OK);
        arrow->encoder_free(encoder);
        sl_batch_unref(batch);
    }
    sl_conf_free(conf);
    assert_int_equal(out.size % 8, 0);
    return out;
}

static sli_str stream_of(const char *schema, int64_t n_rows, int32_t n_batches)
{
    return open_file("form=stream", schema, n_rows, n_batches);
}

static sli_str file_of(const char *schema, int64_t n_rows, int32_t n_batches)
{
    sli_str out = open_file("", schema, n_rows, n_batches);
    end_it(&out, out.size);
    return out;
}

static void check_read_back(sli_str bytes)
{
    sli_rng rng = {11};
    sli_str want = {.tag = SLI_TAG_TEST};
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

SL_TEST(what_arrow_writes_it_reads_back, "")
{
    check_read_back(file_of(ALL, 300, 3));
    check_read_back(stream_of(ALL, 300, 3));
}

SL_TEST(arrow_pieces_of_any_size_give_the_same_rows, "")
{
    sli_str stream = stream_of("s string?, n int64?", 9, 2);
    slt_check_cuts(arrow, "schema='s string?, n int64?'", stream.data, stream.size);
    sli_str_reset(&stream);
    sli_str file = file_of("s string?, n int64?", 9, 2);
    slt_check_cuts(arrow, "schema='s string?, n int64?'", file.data, file.size);
    sli_str_reset(&file);
}

SL_TEST(arrow_files_end_alike_in_whatever_pieces_they_were_seen, "")
{
    sli_str want = file_of(ALL, 20, 4);
    for (size_t piece = 1; piece < 70; piece++) {
        sli_str got = open_file("", ALL, 20, 4);
        end_it(&got, piece);
        assert_int_equal(got.size, want.size);
        assert_memory_equal(got.data, want.data, want.size);
        sli_str_reset(&got);
    }
    sli_str_reset(&want);
}

SL_TEST(an_arrow_file_that_is_no_file_can_not_be_ended, "")
{
    sli_str bytes = open_file("", "n int64", 3, 1), out = {.tag = SLI_TAG_TEST};
    static const size_t gone[] = {8, 16, 200};
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        sl_error err = SL_ERROR_INIT;
        sli_ending *ending = NULL;
        assert_int_equal(arrow->ending_new(&ending, &err), SL_OK);
        assert_int_equal(arrow->ending_see(ending, bytes.data, bytes.size - gone[i], &err), SL_OK);
        assert_int_equal(arrow->ending_put(ending, &out, &err), SL_E_CORRUPT);
        SL_CHECK_TEXT(err.text, "Arrow file: it ends inside a message");
        arrow->ending_free(ending);
    }
    sli_ending *ending = NULL;
    assert_int_equal(arrow->ending_new(&ending, NULL), SL_OK);
    assert_int_equal(arrow->ending_see(ending, "neither a file nor a stream", 27, NULL),
                     SL_E_CORRUPT);
    arrow->ending_free(ending);
    sli_str_reset(&out);
    sli_str_reset(&bytes);
}

/// nanoarrow reads the footer as a judge from outside.
SL_TEST(an_arrow_file_has_the_footer_that_others_expect, "")
{
    sli_str bytes = file_of("s string?, n int64", 7, 3);
    struct ArrowIpcDecoder decoder;
    struct ArrowError why = {{0}};
    struct ArrowBufferView all = {.data.data = bytes.data, .size_bytes = (int64_t)bytes.size};
    assert_int_equal(ArrowIpcDecoderInit(&decoder), NANOARROW_OK);
    assert_int_equal(ArrowIpcDecoderVerifyFooter(&decoder, all, &why), NANOARROW_OK);
    assert_int_equal(ArrowIpcDecoderDecodeFooter(&decoder, all, &why), NANOARROW_OK);
    assert_int_equal(decoder.metadata_version, NANOARROW_IPC_METADATA_VERSION_V5);
    assert_int_equal(decoder.footer->schema.n_children, 2);
    SL_CHECK_TEXT(decoder.footer->schema.children[0]->name, "s");
    const struct ArrowBuffer *blocks = &decoder.footer->record_batch_blocks;
    assert_int_equal(blocks->size_bytes, 3 * sizeof(struct ArrowIpcFileBlock));
    for (int32_t i = 0; i < 3; i++) {
        struct ArrowIpcFileBlock block = ((struct ArrowIpcFileBlock *)(void *)blocks->data)[i];
        sli_ipc_place place;
        assert_int_equal(block.offset % 8, 0);
        assert_int_equal(sli_ipc_measure(bytes.data + block.offset,
                                         (int64_t)bytes.size - block.offset, &place, NULL),
                         SL_OK);
        assert_int_equal(place.meta_bytes, block.metadata_length);
        assert_int_equal(place.bytes - place.meta_bytes, block.body_length);
        assert_int_equal(block.body_length % 8, 0);
    }
    ArrowIpcDecoderReset(&decoder);
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
SL_TEST(arrow_files_that_were_cut_or_changed_at_their_end_say_so, "")
{
    sli_str bytes = file_of("n int64?", 5, 2), open = open_file("", "n int64?", 5, 2);
    static const char *const args = "schema='n int64?'";
    check_refused(args, &bytes, bytes.size - 1, "its footer is cut off or missing");
    check_refused(args, &bytes, bytes.size - 40, "its footer is cut off or missing");
    check_refused(args, &bytes, open.size + 8, "the Arrow file ends without its footer");
    check_refused(args, &bytes, open.size, "the Arrow file ends before its end mark");
    check_refused(args, &bytes, open.size - 8, "the bytes end inside a message");
    check_refused(args, &bytes, 8, "the Arrow file ends before its end mark");
    bytes.data[bytes.size - 9]++;
    check_refused(args, &bytes, bytes.size, "its footer is damaged");
    bytes.data[bytes.size - 9]--;
    // one batch less than the footer tells; then another place of the second one
    sli_str less = open_file("", "n int64?", 5, 1);
    memmove(bytes.data + less.size, bytes.data + open.size, bytes.size - open.size);
    check_refused(args, &bytes, bytes.size - (open.size - less.size), "counts another number");
    sli_str_reset(&bytes);
    bytes = file_of("n int64?", 5, 2);
    char *block = NULL;
    for (char *at = bytes.data + open.size; block == NULL; at += 4) {
        block = *(uint32_t *)(void *)at == less.size ? at : NULL;
    }
    block[0] = (char)(block[0] ^ 8);
    check_refused(args, &bytes, bytes.size, "other places than those of its batches");
    sli_str_reset(&less);
    sli_str_reset(&open);
    sli_str_reset(&bytes);
}

/// A file of another library, which is also a seed of the fuzzer: there two bytes stand in front.
static size_t read_foreign(const char *name, char *data, size_t size)
{
    char path[1024], front[2];
    (void)snprintf(path, sizeof path, "%s/tests/fuzz/format_arrow_corpus/%s", SLT_SOURCE_DIR, name);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fread(front, 1, sizeof front, in), sizeof front);
    size_t n = fread(data, 1, size, in);
    fclose(in);
    return n;
}

/// What pyarrow and Polars wrote: the same five rows.
SL_TEST(arrow_reads_what_others_write, "")
{
    static const char *const names[] = {"pyarrow-stream", "pyarrow-file",  "pyarrow-dictionary",
                                        "pyarrow-lz4",    "pyarrow-views", "pyarrow-large",
                                        "pyarrow-zstd",   "polars-file",   "polars-categorical"};
    static const char *const args = "schema='s string?, n int64?, l list<int64?>?'";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char data[4096];
        size_t size = read_foreign(names[i], data, sizeof data);
        slt_decoded got = slt_decode(arrow, args, data, size, SLT_WHOLE);
        SL_CHECK_TEXT(got.err.text, "");
        SL_CHECK_TEXT(got.rows.data,
                      "\"a word of more than twelve letters\" 1 [1 2 ]\n\"short\" 2 "
                      "[]\n~ 3 ~\n\"a word of more than twelve letters\" ~ [~ ]\n\"\" 5 [5 ]\n");
        slt_decoded_reset(&got);
        slt_check_cuts(arrow, args, data, size);
    }
}

SL_TEST(arrow_reads_dictionaries_that_grow_or_change, "")
{
    static const struct {
        const char *name, *rows;
    } cases[] = {
        {"pyarrow-dictionary-delta",
         "\"first, a long one\" 7 ~\n\"b\" 7 ~\n\"third, a long one\" 7 "
         "~\n\"first, a long one\" 7 ~\n"},
        {"pyarrow-dictionary-replaced", "\"first, a long one\" 7 ~\n\"b\" 7 ~\n\"x\" 7 ~\n~ 7 ~\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char data[4096];
        size_t size = read_foreign(cases[i].name, data, sizeof data);
        slt_decoded got = slt_decode(arrow, "schema='s string?, n int64?, l list<int64?>?'", data,
                                     size, SLT_WHOLE);
        SL_CHECK_TEXT(got.err.text, "");
        SL_CHECK_TEXT(got.rows.data, cases[i].rows);
        slt_decoded_reset(&got);
    }
}

/// A few hundred bytes become 320,000: no more than max_record.
SL_TEST(arrow_bounds_what_is_decompressed, "")
{
    static const char *const schema = "schema='s string?, n int64?, l list<int64?>?'";
    static const char *const less = "schema='s string?, n int64?, l list<int64?>?' max_record=100k";
    char data[4096];
    sli_str bytes = {.data = data, .size = read_foreign("pyarrow-lz4-zeros", data, sizeof data)};
    slt_decoded got = slt_decode(arrow, schema, bytes.data, bytes.size, SLT_WHOLE);
    SL_CHECK_TEXT(got.err.text, "");
    assert_int_equal(got.stats.records, 20000);
    slt_decoded_reset(&got);
    check_refused(less, &bytes, bytes.size,
                  "a message of more than 102400 bytes once it is decompressed; raise max_record");
}

/// In a file a dictionary may stand behind the rows that need it, as in Polars' categoricals.
SL_TEST(arrow_waits_for_a_dictionary_no_longer_than_a_record, "")
{
    static const char *const args = "schema='s string?, n int64?, l list<int64?>?'";
    char data[4096], less[128];
    sli_str bytes = {.data = data, .size = read_foreign("polars-categorical", data, sizeof data)};
    for (int32_t most = 900; most <= 1300; most += 100) { // batch and dictionary: 1,208 bytes
        (void)snprintf(less, sizeof less, "%s max_record=%d", args, (int)most);
        slt_cuts small = {.size = 37, .cut = -1};
        slt_decoded got = slt_decode(arrow, less, bytes.data, bytes.size, small);
        if (most > 1208) {
            SL_CHECK_TEXT(got.err.text, "");
        } else if (strstr(got.err.text, "no dictionary within max_record behind the rows") ==
                   NULL) {
            SL_CHECK_TEXT(got.err.text, "too late");
        }
        slt_decoded_reset(&got);
    }
}

static void check_flipped_and_cut(sli_str bytes)
{
    static const char *const args = "schema='s string?, n int64?, l list<int64?>?'";
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

SL_TEST(flipped_and_cut_arrow_bytes_are_data_errors_at_worst, "")
{
    check_flipped_and_cut(stream_of("s string?, n int64?, l list<int64?>?", 5, 1));
    check_flipped_and_cut(file_of("s string?, n int64?, l list<int64?>?", 5, 1));
    char data[4096];
    sli_str late = SLI_STR_INIT; // a dictionary behind its rows
    sli_str_add(&late, data, read_foreign("polars-categorical", data, sizeof data));
    check_flipped_and_cut(late);
}
