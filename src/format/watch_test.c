// Records looked up again: their bytes and places, however the stream comes in pieces.
#include "format/fixture_test.h"

typedef struct seen {
    sli_str text;
} seen;

static sl_code note(void *ctx, const sli_raw_record *r, sl_error *err)
{
    sli_str *text = &((seen *)ctx)->text;
    (void)err;
    sli_str_printf(text, "%s:%lld:%lld %lld [%.*s]%s%s\n", r->name, (long long)r->offset,
                   (long long)r->line, (long long)r->rows, (int)r->bytes.size,
                   (const char *)r->bytes.data, r->why == NULL ? "" : " ",
                   r->why == NULL ? "" : r->why);
    return SL_OK;
}

/// What is told of a stream that begins at byte `at` of its source and comes in pieces.
static void look(const sli_format_ops *format, const char *args, const char *data, int64_t at,
                 int64_t piece, seen *out)
{
    sl_conf *conf = slt_conf(format, args);
    sl_schema *schema = NULL;
    sli_records *records = NULL;
    int64_t size = (int64_t)strlen(data);
    *out = (seen){.text = {.tag = SLI_TAG_TEST}};
    assert_int_equal(format->schema(conf, &schema, NULL), SL_OK);
    assert_int_equal(sli_records_new(&records, format, conf, schema, NULL), SL_OK);
    assert_int_equal(sli_records_watch(records, note, out, NULL), SL_OK);
    for (int64_t from = 0; from < size; from += piece) {
        int64_t n = from + piece < size ? piece : size - from;
        sli_buffer *buffer = sli_buffer_new(n);
        memcpy(sli_buffer_data(buffer), data + from, (size_t)n);
        assert_int_equal(sli_records_feed(records, buffer, 0, n, at + from, "s", from + n == size,
                                          NULL, NULL, NULL),
                         SL_OK);
        sli_buffer_unref(buffer);
    }
    sli_records_free(records);
    sl_schema_unref(schema);
    sl_conf_free(conf);
}

static void check(const sli_format_ops *format, const char *args, const char *data, int64_t at,
                  const char *expected)
{
    for (int64_t piece = 1; piece <= 64; piece *= 2) {
        seen s;
        look(format, args, data, at, piece, &s);
        SL_CHECK_TEXT(s.text.data, expected);
        sli_str_reset(&s.text);
    }
}

SL_TEST(lines_are_told_with_their_places_whatever_ends_them, "POISON-1")
{
    check(&sli_format_text, "", "one\n\ntwo\r\nthree\rfour\r\rfive", 0,
          "s:0:1 1 [one]\ns:4:2 1 []\ns:5:3 1 [two]\ns:10:4 1 [three]\ns:16:5 1 [four]\n"
          "s:21:6 1 []\ns:22:7 1 [five]\n");
}

SL_TEST(a_stream_may_begin_in_the_middle_of_its_source, "POISON-1")
{
    check(&sli_format_text, "", "a\nb\n", 1000, "s:1000:1 1 [a]\ns:1002:2 1 [b]\n");
}

SL_TEST(records_of_several_lines_and_dropped_ones_are_told, "POISON-1")
{
    check(&sli_format_csv, "schema='a string, n int64' header=true malformed=dead-letter",
          "a,n\n\"x\ny\",1\nz,zz\n\nw,2", 0,
          "s:4:2 1 [\"x\ny\",1]\ns:12:4 0 [z,zz] column 'n': 'zz' is not an integer of 64 bits\n"
          "s:18:6 1 [w,2]\n");
}

SL_TEST(records_of_one_length_are_told_whatever_bytes_they_have, "POISON-1")
{
    check(&sli_format_fixed, "record_length=3 malformed=dead-letter", "a\nb\n\r\nxy", 0,
          "s:0:1 1 [a\nb]\ns:3:1 1 [\n\r\n]\n"
          "s:6:1 0 [xy] the last record has 2 bytes in place of 3; is record_length that of these "
          "files, and is the file whole?\n");
}

SL_TEST(a_record_that_was_skipped_has_no_reason, "POISON-1")
{
    check(&sli_format_json, "schema='n int64' malformed=skip", "{\"n\":1}\nbad\n{\"n\":2}\n", 0,
          "s:0:1 1 [{\"n\":1}]\ns:8:2 0 [bad]\ns:12:3 1 [{\"n\":2}]\n");
}
