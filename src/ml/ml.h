/// ml.h — the door of ml/: which kinds of model there are, for help texts.
#pragma once

#include "conf/conf.h"

typedef struct sli_ml_help {
    const char *name, *text;
    const sl_option *options;
} sli_ml_help;

extern const sli_ml_help sli_ml_kmeans_help, sli_ml_linear_help, sli_ml_logistic_help,
    sli_ml_standardize_help, sli_ml_ftrl_help, sli_ml_test_help;
extern const sl_option sli_ml_options[]; ///< that every one takes
