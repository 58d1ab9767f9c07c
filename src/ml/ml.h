/// ml.h — the door of ml/: which kinds of model there are, for help texts; which content of a
/// model's file an epoch has used, for who reads an epoch log.
#pragma once

#include "base/bytes.h"
#include "conf/conf.h"

typedef struct sli_ml_help {
    const char *name, *text;
    const sl_option *options;
} sli_ml_help;

extern const sli_ml_help sli_ml_kmeans_help, sli_ml_linear_help, sli_ml_logistic_help,
    sli_ml_standardize_help, sli_ml_ftrl_help, sli_ml_test_help, sli_ml_xgboost_help,
    sli_ml_onnx_help;
extern const sl_option sli_ml_options[]; ///< that every one takes

/// A content of a model's file, as the PLAN of each epoch that used it names it
/// (sli_plan_fixed.bytes).
typedef struct sli_scored {
    int64_t number;                ///< 1, 2, ...: of the contents that the model has used
    int64_t since_epoch, since_us; ///< the first epoch that used it, and its batch time
    int64_t size_bytes;
    char hash[33]; ///< XXH3-128, as `xxh128sum` prints it
} sli_scored;
/// Fails: SL_E_INCOMPATIBLE, SL_E_CORRUPT.
sl_code sli_scored_get(sl_bytes bytes, sli_scored *out, sl_error *err);
