// The kinds of models, for help texts and docs/ref; and the options of them all.
#include "ml/ml_int.h"

const sl_option sli_ml_options[] = {
    {.name = "invalid",
     .type = SL_OPT_CHOICE,
     .fallback = "fail",
     .choices = "fail|skip",
     .text = "A row with a null, NaN or infinite feature, or a label that can't be: it fails, or "
             "is not learnt from, with a null as its prediction."},
    {0},
};

const sli_ml_help sli_ml_kmeans_help = {
    .name = "kmeans",
    .text = "Clusters that forget: Spark's StreamingKMeans",
    .options = sli_ml_kmeans_options,
};
const sli_ml_help sli_ml_linear_help = {
    .name = "linear",
    .text = "Least squares by gradient descent: Spark's StreamingLinearRegressionWithSGD",
    .options = sli_ml_sgd_options,
};
const sli_ml_help sli_ml_logistic_help = {
    .name = "logistic",
    .text = "Two classes by gradient descent: Spark's StreamingLogisticRegressionWithSGD. Takes "
            "the options of linear too",
    .options = sli_ml_logistic_options,
};
const sli_ml_help sli_ml_standardize_help = {
    .name = "standardize",
    .text = "Mean and variance of each feature, and features scaled by them",
    .options = sli_ml_standardize_options,
};
const sli_ml_help sli_ml_ftrl_help = {
    .name = "ftrl",
    .text = "Two classes by FTRL-Proximal over hashed features",
    .options = sli_ml_ftrl_options,
};
const sli_ml_help sli_ml_xgboost_help = {
    .name = "xgboost",
    .text = "A model that XGBoost has trained, from its JSON or UBJSON file; predicts only",
    .options = sli_ml_xgboost_options,
};
const sli_ml_help sli_ml_onnx_help = {
    .name = "onnx",
    .text = "A model in ONNX's format, scored by ONNX Runtime; predicts only",
    .options = sli_ml_onnx_options,
};
const sli_ml_help sli_ml_test_help = {
    .name = "test",
    .text = "sl_stream_test, whether two groups have the same mean: Spark's StreamingTest",
    .options = sli_ml_test_options,
};
