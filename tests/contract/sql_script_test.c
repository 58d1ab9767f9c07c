// Scripts as a user meets them: `sluice run`, `validate` and `test`, their exit codes, and the
// examples of examples/sql with their test files.
#include <stdio.h>
#include <string.h>

#include "contract/program.h"

enum { OK = 0, JOB = 1, USAGE = 2, CONFIG = 3 };

static int sluice(slt_program *program, const char *dir, const char *const words[9])
{
    const char *argv[11] = {slt_built("bin/sluice")};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    for (int i = 0; i < 9 && words[i] != NULL; i++) {
        argv[i + 1] = words[i];
    }
    return slt_run(program, dir, argv);
}

#define SLUICE(program, dir, ...) sluice(program, dir, (const char *const[9]){__VA_ARGS__})

#define EXAMPLES SLT_SOURCE_DIR "/examples/sql"

static const char high[] =
    "CREATE TABLE lines (k STRING, v BIGINT) WITH ('connector' = 'stdin', 'format' = 'json');\n"
    "CREATE TABLE high (k STRING, v BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = '${OUT}', 'format' = 'csv');\n"
    "INSERT INTO high SELECT k, v FROM lines WHERE v >= ${LIMIT:-10};\n";

SL_TEST(the_examples_of_scripts_pass_their_tests, "")
{
    slt_program p;
    assert_int_equal(SLUICE(&p, slt_temp_dir(), "test", EXAMPLES "/bids_test.yaml",
                            EXAMPLES "/totals_test.yaml", EXAMPLES "/regulars_test.yaml"),
                     OK);
    SL_CHECK_HAS(slt_out(&p), "ok 1 - bids over the limit pass\n");
    SL_CHECK_HAS(slt_out(&p), "\n6 passed, 0 failed\n");
    if (!SLT_SLOW_BUILD) { // the address sanitizer says there that it knows fibers badly
        assert_string_equal(slt_err(&p), "");
    }
}

SL_TEST(the_example_with_a_trained_model_passes_its_test, "")
{
    if (!SLT_XGBOOST) {
        slt_not_here("this build is without XGBoost");
    }
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(SLUICE(&p, dir, "test", EXAMPLES "/risk_test.yaml"), OK);
    SL_CHECK_HAS(slt_out(&p), "\n1 passed, 0 failed\n");
    const char *model = "MODEL=" SLT_SOURCE_DIR "/tests/models/xgb-binary.json";
    assert_int_equal(SLUICE(&p, dir, "validate", EXAMPLES "/risk.sql", "--set", model), OK);
    SL_CHECK_HAS(slt_out(&p), "\nrisk xgboost() options=");
    assert_int_equal(SLUICE(&p, dir, "validate", EXAMPLES "/risk.sql"), JOB);
    SL_CHECK_HAS(slt_err(&p), "risk.sql:");
    SL_CHECK_HAS(slt_err(&p), "put the whole model there before the job starts");
}

#define NEXMARK(q) SLT_SOURCE_DIR "/perf/nexmark/" q "_test.yaml"

SL_TEST(the_queries_of_nexmark_pass_their_hand_checked_cases, "")
{
    slt_program p;
    assert_int_equal(SLUICE(&p, slt_temp_dir(), "test", NEXMARK("q0"), NEXMARK("q1"), NEXMARK("q2"),
                            NEXMARK("q3"), NEXMARK("q4"), NEXMARK("q5"), NEXMARK("q7"),
                            NEXMARK("q8")),
                     OK);
    SL_CHECK_HAS(slt_out(&p), "\n9 passed, 0 failed\n");
}

SL_TEST(the_examples_of_scripts_are_valid, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(SLUICE(&p, dir, "validate", EXAMPLES "/bids.sql"), OK);
    SL_CHECK_HAS(slt_out(&p), "\nbids.time eventTime(bids) column=\"ts\" delay=1s");
    slt_put(dir, "stores.csv", "id,country\n1,DE\n");
    assert_int_equal(SLUICE(&p, dir, "validate", EXAMPLES "/totals.sql", "--set", "DB=other.db"),
                     OK);
    SL_CHECK_HAS(slt_out(&p), "sqlite:other.db?table=totals&mode=upsert&key=country");
    assert_int_equal(SLUICE(&p, dir, "validate", EXAMPLES "/regulars.sql"), OK);
    SL_CHECK_HAS(slt_out(&p), "sqlite:regulars.db?table=regulars&mode=upsert&key=orders&deletes="
                              "_change");
}

SL_TEST(a_script_runs_until_its_input_ends, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    slt_put(dir, "run.sh",
            "printf '{\"k\":\"a\",\"v\":9}\\n{\"k\":\"b\",\"v\":10}\\n' | \"$0\" run "
            "high.sql --set OUT=out --interval 50ms && cat out/*.csv\n");
    const char *argv[] = {"sh", "-c", ". ./run.sh", slt_built("bin/sluice"), NULL};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    assert_int_equal(slt_run(&p, dir, argv), OK);
    assert_string_equal(slt_out(&p), "b,10\n");
}

static const char counts[] =
    "CREATE TABLE lines (k STRING, v BIGINT) WITH ('connector' = 'stdin', 'format' = 'json');\n"
    "CREATE TABLE counts (word STRING, n BIGINT, total BIGINT, PRIMARY KEY (word) NOT ENFORCED)\n"
    "WITH ('connector' = 'sqlite', 'path' = 'counts.db', 'table' = 'counts');\n"
    "INSERT INTO counts SELECT k, count(*), sum(v) FROM lines GROUP BY k;\n";

/// Feeds lines on standard input; *p has what was said. The exit code.
static int run_on(slt_program *p, const char *dir, const char *lines)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "printf '%s' | \"$0\" run counts.sql --interval 50ms --parallelism 1\n", lines);
    slt_put(dir, "run.sh", text);
    const char *argv[] = {"sh", "-c", ". ./run.sh", slt_built("bin/sluice"), NULL};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    return slt_run(p, dir, argv);
}

SL_TEST(rows_that_change_are_replaced_in_a_database, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "counts.sql", counts);
    assert_int_equal(
        run_on(&p, dir, "{\"k\":\"a\",\"v\":1}\\n{\"k\":\"b\",\"v\":2}\\n{\"k\":\"a\",\"v\":3}\\n"),
        OK);
    assert_string_equal(slt_err(&p), "");
    assert_int_equal(slt_ask(slt_path(dir, "counts.db"), "select count(*) from counts"), 2);
    assert_int_equal(
        slt_ask(slt_path(dir, "counts.db"), "select n * 100 + total from counts where word = 'a'"),
        204);
}

SL_TEST(a_key_that_is_null_is_told_as_the_fault_of_its_row, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "counts.sql", counts);
    assert_int_equal(run_on(&p, dir, "{\"k\":null,\"v\":1}\\n"), JOB);
    SL_CHECK_HAS(slt_err(&p), "k is null, and must not be");
}

SL_TEST(mistakes_of_a_script_have_line_and_column_and_exit_code_3, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    assert_int_equal(SLUICE(&p, dir, "validate", "high.sql"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "sluice validate: high.sql:3:39: variable OUT has no value: give "
                              "--set OUT=VALUE");
    assert_int_equal(SLUICE(&p, dir, "run", "high.sql"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "high.sql:3:39: variable OUT");
    assert_int_equal(SLUICE(&p, dir, "validate", "high.sql", "--set", "OUT"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "--set needs NAME=VALUE");
    assert_int_equal(SLUICE(&p, dir, "validate", "no.sql"), JOB);
    SL_CHECK_HAS(slt_err(&p), "no.sql: No such file or directory");
    assert_int_equal(SLUICE(&p, dir, "validate", "high.sql", "more"), USAGE);
    slt_put(dir, "zero.sql", "");
    assert_int_equal(SLUICE(&p, dir, "validate", "zero.sql"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "zero.sql:1:1: the script has no INSERT INTO");
}

SL_TEST(a_table_that_nobody_uses_is_warned_of, "")
{
    slt_program p;
    char script[1024];
    const char *dir = slt_temp_dir();
    (void)snprintf(script, sizeof script,
                   "CREATE TABLE idle (a INT) WITH ('connector' = 'print');"
                   "\n%s",
                   high);
    slt_put(dir, "high.sql", script);
    assert_int_equal(SLUICE(&p, dir, "validate", "high.sql", "--set=OUT=out"), OK);
    SL_CHECK_HAS(slt_out(&p), "warning: high.sql:1:14: nothing reads or writes table 'idle'");
}

// ---------------------------------------------------------------- sluice test

static void check_test(const char *dir, const char *yaml, int status, const char *out,
                       const char *err)
{
    slt_program p;
    slt_put(dir, "high_test.yaml", yaml);
    assert_int_equal(SLUICE(&p, dir, "test", "high_test.yaml"), status);
    SL_CHECK_HAS(slt_out(&p), out);
    SL_CHECK_HAS(slt_err(&p), err);
}

SL_TEST(a_test_that_fails_shows_what_differs, "")
{
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    check_test(
        dir,
        "job: high.sql\nvariables: {OUT: out}\ncases:\n"
        "- name: one\n  input: {lines: [{k: a, v: 10}, {k: b, v: 11}]}\n"
        "  expect: {high: [{v: 10.0, k: a}, {k: c, v: 11}]}\n"
        "- name: two\n  input: {lines: [{k: a, v: 10}]}\n  expect: {high: [{k: a, v: 10}]}\n",
        JOB,
        "not ok 1 - one\n"
        "# high: - is missing, + was not expected\n"
        "#   + {k: \"b\", v: 11}\n"
        "#   - {k: \"c\", v: 11}\n"
        "ok 2 - two\n"
        "1 passed, 1 failed\n",
        "");
    check_test(dir,
               "job: high.sql\nvariables: {OUT: out}\ncases:\n- name: epochs\n"
               "  input: {lines: {epochs: [[{k: a, v: 10}], [{k: b, v: 10}]]}}\n"
               "  expect: {high: {epochs: [[], [{k: a, v: 10}, {k: b, v: 10}]]}}\n",
               JOB,
               "# high, epoch 1: - is missing, + was not expected\n#   + {k: \"a\", v: 10}\n"
               "# high, epoch 2: - is missing, + was not expected\n#   - {k: \"a\", v: 10}\n",
               "");
}

SL_TEST(a_static_table_that_is_missing_is_a_mistake_of_the_script, "ERRORS-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(
        dir, "job.sql",
        "CREATE TABLE o (a BIGINT) WITH ('connector' = 'file', 'path' = 'in', 'format' = 'json');\n"
        "CREATE TABLE c (a BIGINT) WITH ('connector' = 'file', 'path' = 'gone.csv', 'format' = "
        "'csv', 'static' = 'true');\n"
        "CREATE TABLE out (a BIGINT) WITH ('connector' = 'print');\n"
        "INSERT INTO out SELECT o.a FROM o JOIN c ON o.a = c.a;\n");
    assert_int_equal(SLUICE(&p, dir, "run", "job.sql"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "job.sql:2:14: table 'c': ");
    SL_CHECK_HAS(slt_err(&p), "gone.csv");
    assert_int_equal(SLUICE(&p, dir, "validate", "job.sql"), CONFIG);
}

SL_TEST(an_integer_is_joined_with_a_bigint, "")
{
#define KEYED(name, type)                                                                          \
    "CREATE TABLE " name " (ts TIMESTAMP, k " type ", " name "v STRING, WATERMARK FOR ts AS ts - " \
    "INTERVAL '1' SECOND) WITH ('connector' = 'file', 'path' = '" name "', 'format' = 'csv');\n"
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql",
            KEYED("a", "INTEGER") KEYED("b", "BIGINT") "CREATE TABLE o (k INTEGER, av STRING, bv "
                                                       "STRING) WITH ('connector' = 'print');\n"
                                                       "CREATE TABLE p (k BIGINT, av STRING, bv "
                                                       "STRING) WITH ('connector' = 'print');\n"
                                                       "INSERT INTO o SELECT a.k, av, bv FROM a "
                                                       "LEFT JOIN b ON a.k = b.k AND b.ts BETWEEN "
                                                       "a.ts - INTERVAL '5' SECOND AND a.ts;\n"
                                                       "INSERT INTO p SELECT k, av, bv FROM b JOIN "
                                                       "a USING (k) WHERE b.ts BETWEEN a.ts - "
                                                       "INTERVAL '5' SECOND AND a.ts;\n");
    check_test(
        dir,
        "job: high.sql\ncases:\n- name: keys\n  input:\n"
        "    a: {epochs: [[{ts: 2026-01-01 00:00:02, k: -1, av: x},\n"
        "      {ts: 2026-01-01 00:00:02, k: 1, av: y}, {ts: 2026-01-01 00:00:02, av: z}],\n"
        "      [{ts: 2026-01-01 00:10:00, k: 9, av: late}]]}\n"
        "    b: {epochs: [[{ts: 2026-01-01 00:00:01, k: -1, bv: X},\n"
        "      {ts: 2026-01-01 00:00:01, k: 4294967297, bv: Y}, {ts: 2026-01-01 00:00:01}],\n"
        "      [{ts: 2026-01-01 00:10:00, k: 8, bv: late}]]}\n"
        "  expect:\n    o: [{k: -1, av: x, bv: X}, {k: 1, av: y}, {av: z}]\n"
        "    p: [{k: -1, av: x, bv: X}]\n",
        0, "ok 1 - keys\n1 passed, 0 failed\n", "");
#undef KEYED
}

// Before there is a file.
SL_TEST(settings_of_a_format_are_checked_with_the_script, "ERRORS-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "job.sql",
            "CREATE TABLE i (a BIGINT, b BIGINT) WITH ('connector' = 'file', 'path' = 'in', "
            "'format' = 'csv', 'csv.field-delimiter' = '||');\n"
            "CREATE TABLE out (a BIGINT) WITH ('connector' = 'print');\n"
            "INSERT INTO out SELECT a FROM i;\n");
    assert_int_equal(SLUICE(&p, dir, "validate", "job.sql"), CONFIG);
    SL_CHECK_HAS(slt_err(&p), "job.sql:1:");
    SL_CHECK_HAS(slt_err(&p), "'||' is not one ASCII character");
}

// A null is no value to compare, so its name is looked at.
SL_TEST(a_column_that_a_sink_has_not_cannot_be_expected, "ERRORS-1")
{
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    check_test(dir,
               "job: high.sql\nvariables: {OUT: out}\ncases:\n"
               "- name: one\n  input: {lines: [{k: a, v: 10}]}\n"
               "  expect: {high: [{k: a, v: 10, kk: null}]}\n",
               CONFIG, "0 passed, 1 failed\n",
               "high_test.yaml: line 6: high has no column 'kk', it has: k string?, v int64?");
}

// It would come as a row of nulls.
SL_TEST(a_column_that_a_table_has_not_cannot_be_given, "ERRORS-1")
{
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    check_test(dir,
               "job: high.sql\nvariables: {OUT: out}\ncases:\n"
               "- name: one\n  input: {lines: [{kk: a, v: 10}]}\n"
               "  expect: {high: [{v: 10}]}\n",
               CONFIG, "0 passed, 1 failed\n",
               "high_test.yaml: line 5: lines has no column 'kk', it has: k string?, v int64?");
}

// What came out says a null by leaving the column out; a test may do either, in both forms.
SL_TEST(a_test_may_expect_nulls, "")
{
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    check_test(dir,
               "job: high.sql\nvariables: {OUT: out}\ncases:\n"
               "- name: there\n  input: {lines: [{k: null, v: 10}, {v: 11}]}\n"
               "  expect: {high: [{k: null, v: 10}, {v: 11, k: ~}]}\n"
               "- name: in CSV\n  input: {lines: [{v: 10}]}\n  expect:\n    high: |\n"
               "      k,v\n      ,10\n"
               "- name: not there\n  input: {lines: [{k: a, v: 10}]}\n"
               "  expect: {high: [{k: null, v: 10}]}\n",
               JOB,
               "ok 1 - there\nok 2 - in CSV\nnot ok 3 - not there\n"
               "# high: - is missing, + was not expected\n#   + {k: \"a\", v: 10}\n#   - {v: 10}\n"
               "2 passed, 1 failed\n",
               "");
}

SL_TEST(a_test_may_expect_an_error, "")
{
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    check_test(dir, "job: high.sql\ncases:\n- {name: no variable, error: variable OUT has no}\n",
               OK, "ok 1 - no variable\n1 passed, 0 failed\n", "");
    check_test(dir, "job: high.sql\ncases:\n- {name: no variable, expect: {high: []}}\n", JOB,
               "not ok 1 - no variable\n# the job failed: high.sql:3:39: variable OUT", "");
    check_test(dir, "job: high.sql\nvariables: {OUT: out}\ncases:\n- {name: none, error: oops}\n",
               JOB, "not ok 1 - none\n# expected is an error with: oops\n# the job's: none\n", "");
}

SL_TEST(a_test_file_that_is_wrong_is_told_with_its_line, "")
{
    static const char *const cases[][2] = {
        {"", "high_test.yaml: it is empty"},
        {"job: [", "high_test.yaml: line 2, column 1: "},
        {"jobs: x", "line 1: 'jobs' is not known here; there are job, variables, cases"},
        {"job: high.sql", "line 1: `cases` is a list of at least one"},
        {"job: high.sql\ncases:\n- {expect: {}}", "line 3: the case needs a `name`"},
        {"job: high.sql\ncases:\n- {name: x}", "line 3: the case has neither `expect` nor `error`"},
        {"job: high.sql\ncases:\n- {name: x, expct: {}}", "line 3: 'expct' is not known here"},
        {"job: high.so\ncases:\n- {name: x, expect: {}}", "`job` names the script"},
        {"job: no.sql\ncases:\n- {name: x, expect: {}}", "no.sql: No such file"},
        {"job: high.sql\nvariables: {OUT: o}\ncases:\n- {name: x, input: {lines: [1]}, expect: {}}",
         "line 4: a row is a map"},
        {"job: high.sql\nvariables: {OUT: o}\ncases:\n- name: x\n  expect: {}\n  input:\n    "
         "lines: "
         "|\n      k,v\n      a,1\n      b\n",
         "line 10: this row has another number of columns"},
        {"job: high.sql\ncases:\n- {name: x, expect: {}, start: soon}", "`start` is a time"},
        {"job: &a high.sql\ncases: *a", "anchors are not known here"},
        {"job: high.sql\njob: high.sql", "line 2: this key is there already"},
    };
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "high.sql", high);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slt_put(dir, "high_test.yaml", cases[i][0]);
        assert_int_not_equal(SLUICE(&p, dir, "test", "high_test.yaml"), OK);
        SL_CHECK_HAS(slt_err(&p), cases[i][1]);
    }
    assert_int_equal(SLUICE(&p, dir, "test"), USAGE);
    assert_int_equal(SLUICE(&p, dir, "test", "no_test.yaml"), JOB);
}
