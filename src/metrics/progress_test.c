/// progress_test.c — one line, valid JSON, Spark's keys, whatever the texts and numbers are.
#include "sl_test.h"

#include "metrics/metrics_int.h"

static bool valid(const char *text)
{
    return sli_json_is_valid(text, strlen(text));
}

SL_TEST(json_text_accepts_json, "")
{
    const char *const good[] = {
        "0",
        "-0",
        "-0.5e+10",
        "1E5",
        "12.25",
        "\"\"",
        " \"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\" ",
        "true",
        "false",
        "null",
        "{}",
        "[]",
        "[ ]",
        "{ }",
        "[1,2 , 3]",
        "{\"a\":1,\"b\":[{\"c\":null}]}",
        "\r\n\t {\"a\" : 1} \n",
        "\"\\ud83d\\ude00\"",
        "\"\xf0\x9f\x98\x80\"",
        "[[[[[[]]]]]]",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (!valid(good[i])) {
            fail_msg("refused: %s", good[i]);
        }
    }
}

SL_TEST(json_text_refuses_the_rest, "")
{
    const char *const bad[] = {
        "",
        " ",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "truex",
        "'a'",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\ud83d\"",
        "\"\\ud83dx\"",
        "\"\\ude00\"",
        "\"\\ud83d\\u0041\"",
        "\"a\nb\"",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1]",
        "[1}",
        "{} {}",
        "1 2",
        "//",
        "{\"a\" 1}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (valid(bad[i])) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
    assert_false(sli_json_is_valid("1\0", 2));
    assert_false(sli_json_is_valid("\"\\\0\"", 4));
}

SL_TEST(json_text_bounds_depth, "")
{
    char text[200];
    for (int depth = SLI_JSON_MAX_DEPTH; depth <= SLI_JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        assert_int_equal(valid(text), depth == SLI_JSON_MAX_DEPTH);
    }
}

static sli_progress an_epoch(void)
{
    return (sli_progress){
        .job = "wordcount",
        .job_id = "0123abcd",
        .epoch = 7,
        .batch_time_us = INT64_C(1481741124873999),
        .group = 3,
        .rows_in = 10,
        .rows_out = 4,
        .plan_us = 120,
        .run_us = 3000,
        .stage_us = 1,
        .seal_us = 999,
        .log_us = 0,
        .commit_us = 2500,
        .trigger_us = 1234567,
        .scheduling_delay_us = 50,
        .input_rows_per_second = 120,
        .processed_rows_per_second = 0.1,
    };
}

static void check(const sli_progress *p, const char *expected)
{
    sli_str out = SLI_STR_INIT;
    assert_int_equal(sli_progress_json(p, &out, NULL), SL_OK);
    SL_CHECK_TEXT(out.data, expected);
    assert_true(valid(out.data));
    sli_str_reset(&out);
}

SL_TEST(progress_has_sparks_keys, "")
{
    const sli_progress_source sources[] = {{.uid = "lines",
                                            .description = "socket://localhost:9999",
                                            .start = "{\"offset\": 5}",
                                            .end = "9",
                                            .rows = 10}};
    const char *const sinks[] = {"console"};
    sli_progress p = an_epoch();
    p.sources = sources;
    p.n_sources = 1;
    p.sinks = sinks;
    p.n_sinks = 1;
    check(&p, "{\"id\":\"0123abcd\",\"name\":\"wordcount\",\"timestamp\":\"2016-12-14T18:45:24."
              "873Z\",\"batchId\":7,"
              "\"group\":3,\"numInputRows\":10,\"inputRowsPerSecond\":120.0,"
              "\"processedRowsPerSecond\":0.1,"
              "\"durationMs\":{\"planBatch\":0.12,\"run\":3,\"stage\":0.001,\"seal\":0.999,"
              "\"walCommit\":0,\"commit\":2.5,"
              "\"triggerExecution\":1234.567},\"schedulingDelayMs\":0.05,"
              "\"sources\":[{\"description\":\"socket://"
              "localhost:9999\",\"uid\":\"lines\",\"startOffset\":{\"offset\": 5},"
              "\"endOffset\":9,\"numInputRows\":10}],\"sink\":{\"description\":\"console\","
              "\"numOutputRows\":4}}\n");
}

SL_TEST(progress_tells_event_times_and_their_operators, "")
{
    const sl_event_time_info times[] = {
        {"views", 1000000, 5000000, 2500000, false},
        {"clicks", 0, INT64_C(951782400000000), 3500000, true},
    };
    const sl_event_operator_info operators[] = {{"counts", "eventWindow", 1, 2, 3, 4, 5}};
    sli_progress p = {.group = -1, .event = {2, 1, times, operators}};
    sli_str out = SLI_STR_INIT;
    assert_int_equal(sli_progress_json(&p, &out, NULL), SL_OK);
    assert_true(valid(out.data));
    assert_non_null(strstr(
        out.data,
        ",\"eventTime\":{\"max\":\"2000-02-29T00:00:00.000Z\",\"watermark\":\"1970-01-01T00:00:00."
        "000Z\"},\"eventTimes\":[{\"uid\":\"views\",\"max\":\"1970-01-01T00:00:05.000Z\","
        "\"watermark\":\"1970-01-01T00:00:01.000Z\",\"lagMs\":2500,\"silent\":false},"
        "{\"uid\":\"clicks\",\"max\":\"2000-02-29T00:00:00.000Z\",\"watermark\":"
        "\"1970-01-01T00:00:00.000Z\",\"lagMs\":3500,\"silent\":true}],"
        "\"stateOperators\":[{\"operatorName\":\"eventWindow\",\"uid\":\"counts\","
        "\"numRowsTotal\":4,\"numRowsDroppedByWatermark\":1,\"numRowsAhead\":2,"
        "\"numRowsUntimed\":3,\"indexBytes\":5}],\"sources\":["));
    sli_str_reset(&out);
}

SL_TEST(progress_has_nulls_before_the_first_watermark, "")
{
    const sl_event_time_info times[] = {{"views", INT64_MIN, INT64_MIN, 0, false}};
    sli_progress p = {.group = -1, .event = {1, 0, times, NULL}};
    sli_str out = SLI_STR_INIT;
    assert_int_equal(sli_progress_json(&p, &out, NULL), SL_OK);
    assert_true(valid(out.data));
    assert_non_null(strstr(out.data, "\"eventTime\":{\"max\":null,\"watermark\":null},"
                                     "\"eventTimes\":[{\"uid\":\"views\",\"max\":null,"
                                     "\"watermark\":null,\"silent\":false}],\"sources\":["));
    sli_str_reset(&out);
}

SL_TEST(progress_tells_accumulators, "")
{
    sli_progress p = {.group = -1, .accumulators = "{\"bad\":3}"};
    sli_str out = SLI_STR_INIT;
    assert_int_equal(sli_progress_json(&p, &out, NULL), SL_OK);
    assert_true(valid(out.data));
    assert_non_null(strstr(out.data, ",\"accumulators\":{\"bad\":3}}\n"));
    sli_str_reset(&out);
}

SL_TEST(progress_leaves_out_what_is_not_there, "")
{
    sli_progress p = {.group = -1,
                      .input_rows_per_second = __builtin_inf(),
                      .processed_rows_per_second = __builtin_nan("")};
    check(&p, "{\"id\":null,\"name\":null,\"timestamp\":\"1970-01-01T00:00:00.000Z\",\"batchId\":0,"
              "\"numInputRows\":0,"
              "\"durationMs\":{\"planBatch\":0,\"run\":0,\"stage\":0,\"seal\":0,\"walCommit\":0,"
              "\"commit\":0,"
              "\"triggerExecution\":0},\"schedulingDelayMs\":0,\"sources\":[],"
              "\"sink\":{\"description\":\"\",\"numOutputRows\":0}}\n");
}

SL_TEST(progress_is_json_and_one_line_whatever_comes, "")
{
    const sli_progress_source sources[] = {
        {.description = "a\"\\\n\xff", .start = "{\n \"a\":\r1\n}", .end = "not json"},
        {.description = NULL, .start = "\"\xff\"", .end = ""},
    };
    const char *const sinks[] = {"files \"x\"", NULL, "sqlite\n"};
    sli_progress p = an_epoch();
    p.job = "\x01\xc3";
    p.sources = sources;
    p.n_sources = 2;
    p.sinks = sinks;
    p.n_sinks = 3;
    p.input_rows_per_second = 1e300;
    p.processed_rows_per_second = -5e-324;
    p.plan_us = INT64_MIN;
    p.error = "task 3: \"boom\"\n";
    sli_str out = SLI_STR_INIT;
    assert_int_equal(sli_progress_json(&p, &out, NULL), SL_OK);
    assert_true(valid(out.data));
    assert_ptr_equal(strchr(out.data, '\n'), out.data + out.size - 1);
    assert_non_null(strstr(out.data, "\"startOffset\":{  \"a\": 1 },\"endOffset\":\"not json\""));
    assert_non_null(strstr(out.data, "\"endOffset\":\"\""));
    assert_non_null(strstr(out.data, "\"sink\":{\"description\":\"files \\\"x\\\", , sqlite\\n\""));
    assert_non_null(strstr(
        out.data, "\"sinks\":[{\"description\":\"files \\\"x\\\"\"},{\"description\":null},"));
    assert_non_null(strstr(out.data, "\"error\":\"task 3: \\\"boom\\\"\\n\"}"));
    sli_str_reset(&out);
}

static void check_time(int64_t wall_us, const char *expected)
{
    sli_progress p = an_epoch();
    p.batch_time_us = wall_us;
    sli_str out = SLI_STR_INIT;
    assert_int_equal(sli_progress_json(&p, &out, NULL), SL_OK);
    const char *at = strstr(out.data, "\"timestamp\":\"");
    assert_non_null(at);
    char got[64] = {0};
    at += strlen("\"timestamp\":\"");
    memcpy(got, at, strcspn(at, "\""));
    assert_string_equal(got, expected);
    assert_true(valid(out.data));
    sli_str_reset(&out);
}

SL_TEST(progress_timestamps, "")
{
    check_time(-1, "1969-12-31T23:59:59.999Z");
    check_time(INT64_C(951782400000000), "2000-02-29T00:00:00.000Z");
    check_time(INT64_C(951868800000000) - 1, "2000-02-29T23:59:59.999Z");
    check_time(INT64_C(951868800000000), "2000-03-01T00:00:00.000Z");
    check_time(INT64_C(4107542400000000), "2100-03-01T00:00:00.000Z");
    check_time(INT64_C(1735689599999000), "2024-12-31T23:59:59.999Z");
    check_time(INT64_C(-62135596800000000), "0001-01-01T00:00:00.000Z");
    check_time(INT64_MAX, "294247-01-10T04:00:54.775Z");
    check_time(INT64_MIN, "-290308-12-21T19:59:05.224Z");
}

SL_TEST(progress_without_memory_appends_nothing, "")
{
    const char *const sinks[] = {"a", "b"};
    sli_progress p = an_epoch();
    p.sinks = sinks;
    p.n_sinks = 2;
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        sli_str out = SLI_STR_INIT;
        sli_mem_fail_nth(n);
        sl_code rc = sli_progress_json(&p, &out, NULL);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(rc, failed ? SL_E_NOMEM : SL_OK);
        assert_true(rc == SL_OK || out.size == 0);
        sli_str_reset(&out);
    }
}
