// CREATE MODEL and ML_PREDICT: what they become, and mistakes with their places.
#include "sql/script_fixture_test.h"

#include <stdio.h>

#define MODELS SLT_SOURCE_DIR "/tests/models/"
#define FLOWS                                                                                      \
    "CREATE TABLE flows (x DOUBLE, y DOUBLE, z DOUBLE, s VARCHAR) WITH ('connector' = "            \
    "'filesystem', 'path' = 'in', 'format' = 'json');\n"                                           \
    "CREATE TABLE o (x DOUBLE, p DOUBLE) WITH ('connector' = 'print');\n"
#define MODEL(input, output, with)                                                                 \
    "CREATE MODEL risk INPUT (" input ") OUTPUT (" output ") WITH (" with ");\n"
#define XGB "'provider' = 'xgboost', 'path' = '" MODELS
#define GOOD MODEL("a DOUBLE, b DOUBLE, c DOUBLE", "p DOUBLE", XGB "xgb-binary.json'")
#define INTO "INSERT INTO o SELECT x, p FROM "

static void define(slt_script *s, const char *text)
{
    if (!SLT_XGBOOST || !SLT_ONNX) {
        slt_not_here("this build is without modules that score");
    }
    slt_script_define(s, text, NULL, false);
}

static void check_mistake(const char *text, const char *what)
{
    slt_script s;
    define(&s, text);
    if (strstr(slt_script_mistake(&s), what) == NULL) {
        fail_msg("%s\n\"%s\" does not say \"%s\"", text, slt_script_mistake(&s), what);
    }
    slt_script_end(&s);
}

static void check_graph(const char *text, const char *part)
{
    slt_script s;
    define(&s, text);
    if (strstr(slt_script_graph(&s), part) == NULL) {
        fail_msg("%s\nbecomes\n%s\nwithout \"%s\"", text, slt_script_graph(&s), part);
    }
    slt_script_end(&s);
}

SL_TEST(ml_predict_becomes_a_prediction_and_a_select_by_row, "")
{
    static const char predicted[] = "features=\"z, y, x\"";
    check_graph(FLOWS GOOD INTO "ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(z, y, x))",
                predicted);
    check_graph(FLOWS GOOD INTO "TABLE(ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(z, y, x)))",
                predicted);
    check_graph(FLOWS GOOD INTO "ML_PREDICT(INPUT => TABLE flows, MODEL => MODEL risk, ARGS => "
                                "DESCRIPTOR(z, y, x)) AS t WHERE t.p > 0.5",
                predicted);
    check_graph(FLOWS GOOD INTO "ml_predict(table flows, model risk, descriptor(z, y, x))",
                "inputs=\\\"a, b, c\\\"");
}

SL_TEST(ml_predict_goes_before_aggregates_and_views, "")
{
    check_graph(
        FLOWS GOOD
        "CREATE VIEW v AS SELECT * FROM ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(x, y, z));\n"
        "CREATE TABLE c (s VARCHAR, n BIGINT) WITH ('connector' = "
        "'print', 'changelog' = 'append');\n"
        "INSERT INTO c SELECT s, count(*) FROM v WHERE p > 0.5 GROUP BY s",
        "predict");
}

SL_TEST(models_of_several_numbers_have_several_columns_or_a_list, "")
{
    check_graph(
        FLOWS MODEL("a DOUBLE, b DOUBLE", "p DOUBLE, q DOUBLE, r DOUBLE", XGB "xgb-classes.json'")
            INTO "ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(x, y))",
        "q float64");
    check_graph(FLOWS MODEL("a DOUBLE, b DOUBLE", "q DOUBLE[]",
                            XGB "xgb-classes.json'") "INSERT INTO o SELECT x, q[1] AS p FROM "
                                                     "ML_PREDICT(TABLE flows, MODEL risk, "
                                                     "DESCRIPTOR(x, y))",
                "list<float64>");
    check_graph(FLOWS MODEL("a DOUBLE, b DOUBLE, c DOUBLE", "p DOUBLE",
                            "'provider' = 'onnx', 'path' = '" MODELS "onnx-linear.onnx'") INTO
                "ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(x, y, z))",
                "onnx");
}

SL_TEST(mistakes_of_models_are_told_with_their_place, "")
{
    static const char *const cases[][2] = {
        {FLOWS "CREATE MODEL risk OUTPUT (p DOUBLE) WITH ('provider' = 'onnx')",
         "job.sql:3:19: INPUT is expected here"},
        {FLOWS MODEL("", "p DOUBLE", "'a' = 'b'"), "a column is expected here"},
        {FLOWS MODEL("a DOUBLE", "p DOUBLE", "'path' = 'm'"), "'provider' is missing"},
        {FLOWS MODEL("a DOUBLE", "p DOUBLE", "'provider' = 'xgbost', 'path' = 'm'"),
         "there is no provider 'xgbost' of models; did you mean 'xgboost'?"},
        {FLOWS MODEL("a DOUBLE", "p DOUBLE", "'provider' = 'xgboost'"), "'path' is missing"},
        {FLOWS MODEL("a DOUBLE", "p DOUBLE", "'provider' = 'xgboost', 'path' = '/nowhere/m.json'"),
         "job.sql:3:54: operator 1 (xgboost): /nowhere/m.json"},
        {FLOWS MODEL("a DOUBLE, b DOUBLE", "p DOUBLE", XGB "xgb-binary.json', 'outptu' = 'class'"),
         "outptu"},
        {FLOWS MODEL("a DOUBLE, b DOUBLE", "p DOUBLE", XGB "xgb-binary.json'"),
         "job.sql:3:25: INPUT has 2 columns, and the model takes 3 features"},
        {FLOWS MODEL("a DOUBLE, b DOUBLE", "p DOUBLE, q DOUBLE", XGB "xgb-classes.json'"),
         "OUTPUT has 2 columns, and the model predicts 3 numbers"},
        {FLOWS MODEL("a DOUBLE, b DOUBLE", "p VARCHAR", XGB "xgb-classes.json'"),
         "column 'p' of OUTPUT has the type"},
        {FLOWS MODEL("a DOUBLE, b DOUBLE", "p DOUBLE", XGB "onnx-linear.onnx'"), "save_model"},
        {FLOWS GOOD GOOD, "job.sql:4:14: there is a model 'risk' already"},
        {FLOWS GOOD INTO "ML_PREDICT(TABLE flows, MODEL rsk, DESCRIPTOR(x, y, z))",
         "job.sql:4:32: there is no model 'rsk'; did you mean 'risk'?"},
        {FLOWS GOOD INTO "ML_PREDICT(TABLE flow, MODEL risk, DESCRIPTOR(x, y, z))",
         "did you mean 'flows'?"},
        {FLOWS GOOD INTO "ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(x, y))",
         "DESCRIPTOR names 2 columns, and INPUT of model 'risk' has 3"},
        {FLOWS GOOD INTO "ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(x, y, zz))",
         "there is no column \"zz\"; did you mean"},
        {FLOWS GOOD INTO "ML_PREDICT(TABLE flows, MODEL risk, DESCRIPTOR(x, y, s))",
         "column 's' can't be a feature"},
        {FLOWS GOOD INTO "ML_PREDICT(TABLE flows, MODEL risk)",
         "its form is ML_PREDICT(TABLE t, MODEL m, DESCRIPTOR(a, b))"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_mistake(cases[i][0], cases[i][1]);
    }
}
