// Files of Avro records: what Java's library writes is read, and what is damaged is told.
#include "format/avro/avro_int.h"
#include "format/fixture_test.h"

#include <stdio.h>

// ---------------------------------------------------------------- files in the making

static void put_long(sli_str *out, int64_t value)
{
    sli_put_zigzag(out, value);
}

static void put_sized(sli_str *out, const char *text)
{
    put_long(out, (int64_t)strlen(text));
    sli_str_text(out, text);
}

static const char mark[] = "0123456789abcde\n";

/// The front of a file of longs.
static void put_front(sli_str *out, const char *codec)
{
    sli_str_add(out, "Obj\x01", 4);
    put_long(out, -2); // a block that tells its bytes; nobody needs them
    put_long(out, 1);
    put_sized(out, "avro.schema");
    put_sized(out, "\"long\"");
    put_sized(out, "avro.codec");
    put_sized(out, codec);
    put_long(out, 1);
    put_sized(out, "who");
    put_sized(out, "a test");
    put_long(out, 0);
    sli_str_text(out, mark);
}

static void put_block(sli_str *out, int64_t n, const char *bytes, size_t size)
{
    put_long(out, n);
    put_long(out, (int64_t)size);
    sli_str_add(out, bytes, size);
    sli_str_text(out, mark);
}

/// Blocks of 1 2, 3, and -1.
static sli_str longs(void)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    put_front(&out, "null");
    put_block(&out, 2, "\x02\x04", 2);
    put_block(&out, 1, "\x06", 1);
    put_block(&out, 1, "\x01", 1);
    return out;
}

static void check(const sli_str *file, const char *args, const char *rows, const char *text)
{
    slt_decoded got = slt_decode(&sli_format_avro, args, file->data, file->size, SLT_WHOLE);
    SL_CHECK_TEXT(got.err.text, text);
    assert_int_equal(got.code, *text == '\0' ? SL_OK : SL_E_DATA);
    if (got.code == SL_OK) {
        SL_CHECK_TEXT(got.rows.data, rows);
        assert_int_equal(got.stats.bytes, file->size);
    }
    slt_decoded_reset(&got);
}

#define LONGS_ARGS "schema='value int64'"

SL_TEST(avro_files_are_read_block_by_block, "")
{
    sli_str file = longs();
    check(&file, LONGS_ARGS, "1\n2\n3\n-1\n", "");
    check(&file, "schema='value float64?'", "1.0\n2.0\n3.0\n-1.0\n", "");
    check(&file, "avro_schema_text='\"long\"'", "1\n2\n3\n-1\n", "");
    slt_check_cuts(&sli_format_avro, LONGS_ARGS, file.data, file.size);
    slt_check_cuts(&sli_format_avro, LONGS_ARGS " malformed=skip", file.data, file.size - 30);
    sli_str_reset(&file);
    put_front(&file, "null"); // and no block
    check(&file, LONGS_ARGS, "", "");
    sli_str_reset(&file);
}

/// A file of Java's library from the corpus of the fuzz target, without the two bytes in front.
static sli_str java_file(const char *codec)
{
    char path[1024], bytes[8192];
    sli_str out = {.tag = SLI_TAG_TEST};
    (void)snprintf(path, sizeof path, "%s/tests/fuzz/format_avro_file_corpus/java-%s",
                   SLT_SOURCE_DIR, codec);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    assert_in_range(size, 100, sizeof bytes - 1);
    sli_str_add(&out, bytes + 2, size - 2);
    return out;
}

/// The row behind the first, whose bytes hold a zero.
static void check_second(const sli_str *rows)
{
    static const char expected[] = "\"word x\" -49 false 0.25 0.125 \"\x01\xff\" \"LARGE\" "
                                   "\"\x01\x01\x02\" [1 1 ] {1 \"n\" } 2024-10-05 "
                                   "2023-11-14T22:13:20.001Z 2023-11-14T22:13:20.000001Z -40.00\n";
    const char *second = (const char *)memchr(rows->data, '\n', rows->size) + 1;
    char found[sizeof expected] = "";
    assert_true(rows->size > 2 * sizeof found);
    memcpy(found, second, sizeof found - 1);
    SL_CHECK_TEXT(found, expected);
}

SL_TEST(avro_files_of_java_are_read, "")
{
    static const char *const codecs[] = {"null", "deflate", "snappy", "zstandard"};
    static const char args[] =
        "schema='word string?, n int64, on bool, f float32, d float64, raw binary, kind string, "
        "id binary, list list<int64>, point struct<x int32, note string?>, day date, at_ms "
        "timestamp, at_us timestamp, price decimal(9,2)'";
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        sli_str file = java_file(codecs[i]);
        slt_decoded got = slt_decode(&sli_format_avro, args, file.data, file.size, SLT_WHOLE);
        SL_CHECK_TEXT(got.err.text, "");
        assert_int_equal(got.stats.records, 24);
        assert_true(got.n_batches > 1); // several blocks
        check_second(&got.rows);
        slt_decoded_reset(&got);
        got = slt_decode(&sli_format_avro, args, file.data, file.size,
                         (slt_cuts){.size = 7, .cut = -1});
        assert_int_equal(got.stats.records, 24);
        slt_decoded_reset(&got);
        sli_str_reset(&file);
    }
}

// ---------------------------------------------------------------- what is no file

SL_TEST(avro_files_that_are_damaged_say_so, "")
{
    sli_str file = longs(), bad = {.tag = SLI_TAG_TEST};
    sli_str_text(&bad, "Object");
    check(&bad, LONGS_ARGS, "",
          "in/x at byte 0 (line 1): no Avro file: it does not begin with \"Obj\" and 1");
    sli_str_clear(&bad);
    sli_str_add(&bad, file.data, 20);
    check(&bad, LONGS_ARGS, "", "in/x at byte 0 (line 1): the Avro file ends in its front");
    sli_str_clear(&bad);
    put_front(&bad, "bzip2");
    check(&bad, LONGS_ARGS, "",
          "in/x at byte 0 (line 1): its codec is 'bzip2'; null, deflate, "
          "snappy and zstandard are read");
    check(&file, "schema='other int64'", "",
          "in/x at byte 0 (line 1): the file's schema: column 'other' is no field of the Avro "
          "schema");
    sli_str_clear(&bad);
    sli_str_add(&bad, file.data, file.size - 1);
    check(&bad, LONGS_ARGS, "", "in/x at byte 109 (line 1): the Avro file ends inside a block");
    bad.data[bad.size - 1] ^= 1;
    sli_str_char(&bad, '\n');
    check(&bad, LONGS_ARGS, "",
          "in/x at byte 109 (line 1): a damaged block: what ends it is not "
          "the file's mark");
    check(&bad, LONGS_ARGS " malformed=skip", "1\n2\n3\n", "");
    slt_decoded got =
        slt_decode(&sli_format_avro, LONGS_ARGS " avro_header=confluent avro_schema_id=1",
                   file.data, file.size, SLT_WHOLE);
    assert_int_equal(got.code, SL_E_CONFIG);
    SL_CHECK_TEXT(got.err.text, "avro_header is for values: a file has none");
    slt_decoded_reset(&got);
    sli_str_reset(&bad);
    sli_str_reset(&file);
}

SL_TEST(avro_blocks_that_are_damaged_go_alone, "")
{
    sli_str file = {.tag = SLI_TAG_TEST};
    put_front(&file, "null");
    put_block(&file, 3, "\x02\x80\x80", 3); // the second record does not end
    put_block(&file, 1, "\x04\x06", 2);     // one more than is said
    put_block(&file, 9, "\x04\x06", 2);     // fewer
    put_block(&file, 1, "\x08", 1);
    check(&file, LONGS_ARGS, "",
          "in/x at byte 70 (line 1): record 2 of 3 of the block: field 'value': the bytes end in a "
          "number at byte 2 of the record");
    check(&file, LONGS_ARGS " malformed=skip", "1\n2\n4\n", "");
    slt_decoded got =
        slt_decode(&sli_format_avro, LONGS_ARGS " malformed=skip", file.data, file.size, SLT_WHOLE);
    assert_int_equal(got.stats.skipped, 3);
    slt_decoded_reset(&got);
    slt_check_cuts(&sli_format_avro, LONGS_ARGS " malformed=skip", file.data, file.size);
    sli_str_reset(&file);
}

SL_TEST(avro_records_of_a_file_whose_text_is_no_utf8_go_alone, "")
{
    sli_str file = {.tag = SLI_TAG_TEST};
    sli_str_add(&file, "Obj\x01", 4);
    put_long(&file, 1);
    put_sized(&file, "avro.schema");
    put_sized(&file, "\"string\"");
    put_long(&file, 0);
    sli_str_text(&file, mark);
    put_block(&file, 3,
              "\x02"
              "a\x02\xff\x02"
              "b",
              6);
    check(&file, "schema='value string'", "\"a\"\n\"\xef\xbf\xbd\"\n\"b\"\n", "");
    check(&file, "schema='value string' invalid_utf8=skip", "\"a\"\n\"b\"\n", "");
    sli_str_reset(&file);
}

SL_TEST(avro_blocks_are_bounded, "")
{
    sli_str file = {.tag = SLI_TAG_TEST};
    put_front(&file, "null");
    put_long(&file, 1);
    put_long(&file, INT64_C(1) << 40);
    check(
        &file, LONGS_ARGS, "",
        "in/x at byte 70 (line 1): a block of more than 8388608 bytes; raise max_record, or write "
        "smaller blocks");
    check(&file, LONGS_ARGS " max_record=16", "",
          "in/x at byte 0 (line 1): the front of the Avro file of more than 16 bytes; raise "
          "max_record, or write smaller blocks");
    sli_str_reset(&file);
}

// ---------------------------------------------------------------- codecs

static void check_packed(sli_avro_codec codec, const char *bytes, size_t size, int64_t limit,
                         const char *expected)
{
    sli_buffer *out = NULL;
    sl_error err = SL_ERROR_INIT;
    char *own = sl_alloc(SLI_TAG_TEST, size); // so that a read behind it is seen
    memcpy(own, bytes, size);
    if (sli_avro_unpack(&out, codec, (sl_bytes){own, size}, limit, &err) == SL_OK) {
        assert_int_equal(sli_buffer_size(out), strlen(expected));
        assert_memory_equal(sli_buffer_bytes(out), expected, strlen(expected));
        sli_buffer_unref(out);
    } else {
        assert_int_equal(err.code, SL_E_DATA);
        SL_CHECK_TEXT(err.text, expected);
    }
    sl_free(own);
}

SL_TEST(snappy_blocks_are_unpacked, "")
{
    static const char no[] = "the block is no snappy";
    const sli_avro_codec snappy = SLI_AVRO_SNAPPY;
    check_packed(snappy, "\x00\0\0\0\0", 5, 100, "");
    check_packed(snappy,
                 "\x03\x08"
                 "abc\x35\x24\x41\xc2",
                 9, 100, "abc"); // a literal
    check_packed(snappy,
                 "\x08\x00"
                 "a\x0d\x01\xbf\x84\x80\x46",
                 9, 100, "aaaaaaaa"); // overlapping
    check_packed(snappy,
                 "\x03\x08"
                 "abc\x35\x24\x41\xc3",
                 9, 100, no); // another checksum
    check_packed(snappy,
                 "\x03\x0c"
                 "abc\x35\x24\x41\xc2",
                 9, 100, no); // longer than there is
    check_packed(snappy,
                 "\x02\x08"
                 "abc\x35\x24\x41\xc2",
                 9, 100, no); // longer than told
    check_packed(snappy,
                 "\x04\x08"
                 "abc\x35\x24\x41\xc2",
                 9, 100, no); // shorter
    check_packed(snappy,
                 "\x08\x00"
                 "a\x0d\x02\xbf\x84\x80\x46",
                 9, 100, no); // before the start
    check_packed(snappy,
                 "\x08\x00"
                 "a\x0d\x00\xbf\x84\x80\x46",
                 9, 100, no);
    check_packed(snappy, "\x03\xf4\x02\0\0\0", 6, 100, no);
    check_packed(snappy, "abc", 3, 100, no);
    check_packed(snappy, "\xff\xff\xff\xff\x0f\0\0\0\0", 9, 100,
                 "a block of more than 100 bytes once it is decompressed; raise max_record");
}

SL_TEST(packed_blocks_are_bounded_and_checked, "")
{
    static const char deflate[] = "\x4b\x4c\x84\x01\x00"; // "aaaaaaaaaa"
    check_packed(SLI_AVRO_DEFLATE, deflate, 5, 100, "aaaaaaaaaa");
    check_packed(SLI_AVRO_DEFLATE, deflate, 5, 10, "aaaaaaaaaa");
    check_packed(SLI_AVRO_DEFLATE, deflate, 5, 9,
                 "a block of more than 9 bytes once it is decompressed; raise max_record");
    check_packed(SLI_AVRO_DEFLATE, deflate, 3, 100, "the block is no deflate");
    check_packed(SLI_AVRO_DEFLATE, "\xff\xff", 2, 100, "the block is no deflate");
    static const char zstd[] = "\x28\xb5\x2f\xfd\x20\x03\x19\x00\x00"
                               "abc";
    check_packed(SLI_AVRO_ZSTANDARD, zstd, 12, 100, "abc");
    check_packed(SLI_AVRO_ZSTANDARD, zstd, 12, 2,
                 "a block of more than 2 bytes once it is decompressed; raise max_record");
    check_packed(SLI_AVRO_ZSTANDARD, zstd, 11, 100, "the block is no zstandard");
    check_packed(SLI_AVRO_ZSTANDARD, "abcdefgh", 8, 100, "the block is no zstandard");
}
