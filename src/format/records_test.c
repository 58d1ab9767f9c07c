// Pieces to records: bounds, failed allocations, and bytes that come one at a time.
#include "format/fixture_test.h"

static const char *const args_of[] = {"",
                                      "schema='a string?, b string?' header=true malformed=skip",
                                      "schema='a string?, l list<string>?' malformed=skip"};
static const char *const data_of[] = {
    "one\ntwo that is longer than twelve\r\n\xFF\nthree",
    "b,a\n\"x\"\"1 and more than twelve\",y\n\xFF,\"\"\n1,2,3\nlast,one",
    "{\"a\":\"\\u0041 is not a b!\",\"l\":[\"x\",\"y\"]}\n{\"a\":\"\xFF\"}\nbad\n{\"a\":\"last\"}",
};

static const sli_format_ops *const formats[] = {&sli_format_text, &sli_format_csv,
                                                &sli_format_json};

static sl_code count(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    *(int64_t *)ctx += sl_batch_rows(batch);
    return SL_OK;
}

// Everything from the options to the last piece.
static sl_code run(const sli_format_ops *format, const sl_conf *conf, const char *data,
                   int64_t piece, int64_t *n_rows, sl_error *err)
{
    sl_schema *schema = NULL;
    sli_records *records = NULL;
    sl_code rc = format->schema(conf, &schema, err);
    if (rc == SL_OK) {
        rc = sli_records_new(&records, format, conf, schema, err);
    }
    int64_t size = (int64_t)strlen(data);
    for (int64_t at = 0; rc == SL_OK && at < size; at += piece) {
        int64_t n = at + piece < size ? piece : size - at;
        sli_buffer *buffer = sli_buffer_new(n);
        if (buffer == NULL) {
            rc = SL_E_NOMEM;
            break;
        }
        memcpy(sli_buffer_data(buffer), data + at, (size_t)n);
        rc = sli_records_feed(records, buffer, 0, n, at, "x", at + n == size, count, n_rows, err);
        sli_buffer_unref(buffer);
    }
    sli_records_free(records);
    sl_schema_unref(schema);
    return rc;
}

SL_TEST(any_refused_allocation_is_an_error_and_leaks_nothing, "")
{
    for (int f = 0; f < 3; f++) {
        for (int64_t piece = 10; piece <= 1000; piece += 990) {
            sl_conf *conf = slt_conf(formats[f], args_of[f]);
            int64_t before = sli_mem_used(-1), n_rows = 0, n = 1;
            assert_int_equal(run(formats[f], conf, data_of[f], piece, &n_rows, NULL), SL_OK);
            for (;; n++) {
                int64_t got = 0;
                sl_error err = SL_ERROR_INIT;
                sli_mem_fail_nth(n);
                sl_code rc = run(formats[f], conf, data_of[f], piece, &got, &err);
                bool reached = sli_mem_count() >= n;
                sli_mem_fail_nth(0);
                assert_int_equal(sli_mem_used(-1), before);
                if (!reached) {
                    assert_int_equal(rc, SL_OK);
                    assert_int_equal(got, n_rows);
                    break;
                }
                if (rc != SL_E_NOMEM) {
                    fail_msg("%s, allocation %d refused: %s %s", formats[f]->name, (int)n,
                             sl_code_name(rc), err.text);
                }
            }
            assert_true(n > 5);
            sl_conf_free(conf);
        }
    }
}

SL_TEST(a_record_that_comes_byte_by_byte_is_scanned_once, "")
{
    enum { SIZE = 200000 };
    for (int f = 0; f < 3; f++) {
        sl_conf *conf = slt_conf(formats[f], f == 0 ? "" : "schema='a string'");
        char *data = sl_alloc(SLI_TAG_TEST, SIZE + 1);
        memset(data, 'x', SIZE);
        data[SIZE] = '\0';
        memcpy(data, f == 0 ? "       " : f == 1 ? "\"\n\n\n\n\n\n" : "{\"a\":\"x", 7);
        memcpy(data + SIZE - 3, f == 0 ? "x\r\n" : f == 1 ? "\n\"\n" : "\"}\n", 3);
        int64_t n_rows = 0;
        sl_error err = SL_ERROR_INIT;
        sl_code rc = run(formats[f], conf, data, 1, &n_rows, &err); // takes minutes when it isn't
        SL_CHECK_TEXT(err.text, "");
        assert_int_equal(rc, SL_OK);
        assert_int_equal(n_rows, 1);
        sl_free(data);
        sl_conf_free(conf);
    }
}

SL_TEST(what_is_kept_of_an_endless_record_is_bounded, "")
{
    enum { PIECE = 64 << 10, N_PIECES = 400, LIMIT = 1 << 20 };
    static const char *const args[] = {"malformed=skip max_record=1m",
                                       "malformed=skip max_record=1m schema='a string'",
                                       "malformed=skip max_record=1m schema='a string'"};
    for (int f = 0; f < 3; f++) {
        sl_conf *conf = slt_conf(formats[f], args[f]);
        sl_schema *schema = NULL;
        sli_records *records = NULL;
        assert_int_equal(formats[f]->schema(conf, &schema, NULL), SL_OK);
        assert_int_equal(sli_records_new(&records, formats[f], conf, schema, NULL), SL_OK);
        sli_buffer *piece = sli_buffer_new(PIECE);
        memset(sli_buffer_data(piece), '"', 1);
        memset(sli_buffer_data(piece) + 1, 'x', PIECE - 1);
        int64_t before = sli_mem_used(-1), most = 0, n_rows = 0;
        for (int i = 0; i < N_PIECES; i++) {
            assert_int_equal(sli_records_feed(records, piece, i > 0, PIECE, i * (int64_t)PIECE, "x",
                                              false, count, &n_rows, NULL),
                             SL_OK);
            int64_t used = sli_mem_used(-1) - before;
            most = used > most ? used : most;
        }
        assert_true(most < 5 * LIMIT);
        assert_int_equal(sli_records_feed(records, NULL, 0, 0, 0, "x", true, count, &n_rows, NULL),
                         SL_OK);
        assert_int_equal(n_rows, 0);
        assert_int_equal(sli_records_stats(records)->skipped, 1);
        sli_records_free(records);
        sli_buffer_unref(piece);
        sl_schema_unref(schema);
        sl_conf_free(conf);
    }
}

SL_TEST(empty_pieces_change_nothing, "")
{
    sl_conf *conf = slt_conf(&sli_format_text, "");
    sl_schema *schema = NULL;
    sli_records *records = NULL;
    int64_t n_rows = 0;
    assert_int_equal(sli_format_text.schema(conf, &schema, NULL), SL_OK);
    assert_int_equal(sli_records_new(&records, &sli_format_text, conf, schema, NULL), SL_OK);
    assert_int_equal(sli_records_feed(records, NULL, 0, 0, 0, "x", false, count, &n_rows, NULL),
                     SL_OK);
    sli_buffer *buffer = sli_buffer_new(3);
    memcpy(sli_buffer_data(buffer), "a\nb", 3);
    assert_int_equal(sli_records_feed(records, buffer, 0, 3, 0, "x", false, count, &n_rows, NULL),
                     SL_OK);
    assert_int_equal(n_rows, 1);
    assert_int_equal(sli_records_feed(records, NULL, 0, 0, 3, "x", true, count, &n_rows, NULL),
                     SL_OK);
    assert_int_equal(n_rows, 2); // the carried "b"
    sli_buffer_unref(buffer);
    sli_records_free(records);
    sl_schema_unref(schema);
    sl_conf_free(conf);
}
