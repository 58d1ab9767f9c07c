// Dead letters: of epochs with hardly a good record; of files whose records are several rows, where
// the row is told, not the block it was in.
#include <string.h>

#include "sl_test.h"
#include "sluice/sluice.h"

/// A file of Avro records {value long}: blocks of 4, 0, 3 and of 0, 6.
static const char avro[] = "Obj\x01\x02\x16"
                           "avro.schema\x0c\"long\"\0"
                           "0123456789abcdef"
                           "\x06\x06\x08\x00\x06"
                           "0123456789abcdef"
                           "\x04\x04\x00\x0c"
                           "0123456789abcdef";

static void pass_on(sl_graph *graph)
{
    sl_stream *in =
        sl_stream_open(graph, "queue:in?format=json&malformed=dead-letter&schema=n%20int64");
    sl_stream_save(sl_stream_uid(in, "numbers"), "collect:out");
}

static void divide(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "queue:in?format=avro&schema=value%20int64");
    sl_stream_save(sl_stream_uid(sl_stream_select(in, "12 / value as y"), "quotient"),
                   "collect:out");
}

SL_TEST(rows_of_a_block_have_letters_of_their_own, "")
{
    static const char *const settings[] = {"poison", "dead-letter", "poison.sink",
                                           "file:dead?format=json", NULL};
    static const char letter[] = "\"operator\":\"quotient\"";
    sl_test *test = sl_test_new(divide, (sl_test_conf){.settings = settings});
    sl_test_push_bytes(test, "in", avro, sizeof avro - 1, 1);
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(sl_test_error(test), "");
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"y\":3}\n{\"y\":4}\n{\"y\":2}\n");
    sl_test_stop(test);
    const char *dead = sl_test_read(test, "dead");
    const char *first = strstr(dead, letter),
               *second = first == NULL ? NULL : strstr(first + 1, letter);
    assert_non_null(strstr(dead, "\"row\":1,"));
    assert_non_null(strstr(dead, "\"row\":3,"));
    assert_non_null(strstr(dead, "\"record\":\"{\\\"value\\\":0}\""));
    assert_non_null(second);
    assert_null(strstr(second + 1, letter));
    sl_test_free(test);
}

SL_TEST(an_epoch_of_malformed_records_alone_has_a_letter_for_each, "")
{
    static const char *const settings[] = {"poison", "dead-letter", "poison.sink",
                                           "file:dead?format=json", NULL};
    static const char mixed[] = "{\"n\":1}\nno\n{]\n7\n", bad[] = "no\nnor this\n\"n\"\n";
    sl_test *test = sl_test_new(pass_on, (sl_test_conf){.settings = settings});
    sl_test_push_bytes(test, "in", mixed, sizeof mixed - 1, 1);
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(sl_test_error(test), "");
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"n\":1}\n");
    sl_test_push_bytes(test, "in", bad, sizeof bad - 1, 1);
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(sl_test_error(test), "");
    sl_test_stop(test);
    int32_t n = 0;
    for (const char *at = sl_test_read(test, "dead"); (at = strchr(at, '\n')) != NULL; at++) {
        n++;
    }
    assert_int_equal(n, 6);
    sl_test_free(test);
}
