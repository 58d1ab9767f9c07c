// score.c — XGBoost on its own, one thread: rows a second of XGBoosterPredictFromDense over an
// array of floats, in calls of 65,536 rows. Trains the model before, and writes it to -m, for
// perf/score.c.
//
//     score -m MODEL.json [-r REPETITIONS]
#include "score_rows.h"

#include <unistd.h>
#include <xgboost/c_api.h>

static void check(int rc, const char *what)
{
    if (rc != 0) {
        limit_die("%s: %s", what, XGBGetLastError());
    }
}

static void set(BoosterHandle booster, const char *name, const char *value)
{
    check(XGBoosterSetParam(booster, name, value), name);
}

/// 50 trees of depth 6 for whether a few features together are above 0.
static BoosterHandle train(const float *rows)
{
    static float labels[SCORE_ROWS];
    DMatrixHandle matrix = NULL;
    BoosterHandle booster = NULL;
    for (int32_t i = 0; i < SCORE_ROWS; i++) {
        const float *x = rows + i * SCORE_FEATURES;
        labels[i] = x[0] + x[1] * x[2] - x[3] > 0 ? 1 : 0;
    }
    check(XGDMatrixCreateFromMat(rows, SCORE_ROWS, SCORE_FEATURES, -1e30F, &matrix), "a matrix");
    check(XGDMatrixSetFloatInfo(matrix, "label", labels, SCORE_ROWS), "labels");
    check(XGBoosterCreate(&matrix, 1, &booster), "a booster");
    set(booster, "objective", "binary:logistic");
    set(booster, "nthread", "1");
    set(booster, "max_depth", "6");
    for (int i = 0; i < 50; i++) {
        check(XGBoosterUpdateOneIter(booster, i, matrix), "training");
    }
    check(XGDMatrixFree(matrix), "a matrix");
    return booster;
}

static double predict(BoosterHandle booster, const float *rows)
{
    char array[160];
    const bst_ulong *shape = NULL;
    bst_ulong dims = 0;
    const float *out = NULL;
    double sum = 0;
    (void)snprintf(
        array, sizeof array,
        "{\"data\": [%llu, true], \"shape\": [%d, %d], \"typestr\": \"<f4\", \"version\": 3}",
        (unsigned long long)(uintptr_t)rows, SCORE_ROWS, SCORE_FEATURES);
    check(
        XGBoosterPredictFromDense(booster, array,
                                  "{\"type\": 0, \"training\": false, \"iteration_begin\": 0, "
                                  "\"iteration_end\": 0, \"strict_shape\": true, \"cache_id\": 0, "
                                  "\"missing\": NaN}",
                                  NULL, &shape, &dims, &out),
        "a prediction");
    for (int32_t i = 0; i < SCORE_ROWS; i++) {
        sum += (double)out[i];
    }
    return sum;
}

int main(int argc, char **argv)
{
    static float rows[SCORE_ROWS * SCORE_FEATURES];
    const char *model = NULL;
    int64_t n = 16, ns[100];
    uint64_t random = 7;
    int option;
    while ((option = getopt(argc, argv, "m:r:")) != -1) {
        if (option == 'm') {
            model = optarg;
        } else if (option == 'r') {
            n = limit_number("-r", optarg, 1, 100);
        } else {
            limit_die("usage: score -m MODEL.json [-r REPETITIONS]");
        }
    }
    if (model == NULL) {
        limit_die("usage: score -m MODEL.json [-r REPETITIONS]");
    }
    for (int32_t i = 0; i < SCORE_ROWS * SCORE_FEATURES; i++) {
        rows[i] = (float)score_draw(&random);
    }
    BoosterHandle booster = train(rows);
    check(XGBoosterSaveModel(booster, model), model);
    double sum = predict(booster, rows); // the first one configures it
    for (int64_t r = 0; r < n; r++) {
        int64_t began_ns = limit_process_cpu_ns();
        sum = predict(booster, rows);
        ns[r] = limit_process_cpu_ns() - began_ns;
    }
    limit_sort(ns, (size_t)n);
    printf("score mrows_s=%.4f sum=%.6f\n", SCORE_ROWS * 1e3 / (double)ns[n / 2], sum);
    check(XGBoosterFree(booster), "a booster");
    return 0;
}
