// The module score_xgboost: XGBoost behind score.h, through its C interface.
//
// Nothing of libsluice is called from here (env/module.h). Rows are predicted where they lie (an
// "in-place" prediction), which XGBoost allows many threads at once on one booster, once it has
// been configured: `open` predicts a row for that. Boosters that can't (gblinear) are given a
// matrix, one thread at a time.
//
// Only JSON and UBJSON are taken. XGBoost's older binary format begins with raw integers, so that
// any bytes would be read as one, sizes first.
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

#include "env/module.h"
#include "score/module/xgboost/ubjson.h"
#include "score/score.h"

/// What is made of the numbers that a model's objective gives.
typedef enum output { OUT_VALUE, OUT_PROBABILITY, OUT_CLASS, OUT_MARGIN } output;

static const char *const output_names[] = {"value", "probability", "class", "margin"};

struct sli_scorer {
    sli_score_shape shape;
    BoosterHandle booster;
    sli_score_input *inputs;
    char *names; ///< theirs, each ended by a zero
    output output;
    char config[128];     ///< of a prediction
    int32_t n_raw;        ///< numbers that XGBoost gives for a row
    bool by_matrix;       ///< it can't predict rows where they lie
    pthread_mutex_t lock; ///< of predictions by a matrix, which change the booster
};

enum { SOME_ROWS = 1024 }; ///< rows that are rounded to float32 at once

// ---------------------------------------------------------------- errors

static sl_code fail(sl_error *err, sl_code code, const char *what, const char *why)
{
    if (err != NULL) {
        *err = (sl_error){.code = code};
        (void)snprintf(err->text, sizeof err->text, "%s%s%s", what, why[0] == '\0' ? "" : ": ",
                       why);
    }
    return code;
}

static sl_code nomem(sl_error *err)
{
    return fail(err, SL_E_NOMEM, "no memory for a model of XGBoost", "");
}

/// The first line of what XGBoost says, without the time and the place in its sources.
static sl_code failed(sl_error *err, sl_code code, const char *what)
{
    const char *why = XGBGetLastError();
    const char *check = strstr(why, "Check failed: ");
    const char *place = strstr(why, ".cc:");
    const char *said = place == NULL ? NULL : strstr(place, ": ");
    char line[240];
    why = check != NULL ? check : said != NULL ? said + 2 : why;
    why += strspn(why, " \n");
    (void)snprintf(line, sizeof line, "%.*s", (int)strcspn(why, "\n"), why);
    return fail(err, code, what, line);
}

static void say_nothing(const char *text)
{
    (void)text;
}

// ---------------------------------------------------------------- predicting

/// The rows as XGBoost is told of them: the array interface of NumPy.
static void put_array(char *out, size_t room, const float *rows, int64_t n, int32_t n_features)
{
    (void)snprintf(out, room,
                   "{\"data\": [%llu, true], \"shape\": [%lld, %d], \"typestr\": \"<f4\", "
                   "\"version\": 3}",
                   (unsigned long long)(uintptr_t)rows, (long long)n, n_features);
}

static int predict_matrix(const sli_scorer *self, const float *rows, int64_t n,
                          const bst_ulong **shape, bst_ulong *dims, const float **out)
{
    DMatrixHandle matrix = NULL;
    int rc =
        XGDMatrixCreateFromMat(rows, (bst_ulong)n, (bst_ulong)self->shape.n_features, NAN, &matrix);
    if (rc == 0) {
        rc = XGBoosterPredictFromDMatrix(self->booster, matrix, self->config, shape, dims, out);
        (void)XGDMatrixFree(matrix);
    }
    return rc;
}

static int predict_raw(const sli_scorer *self, const float *rows, int64_t n,
                       const bst_ulong **shape, bst_ulong *dims, const float **out)
{
    char array[160];
    if (self->by_matrix) {
        return predict_matrix(self, rows, n, shape, dims, out);
    }
    put_array(array, sizeof array, rows, n, self->shape.n_features);
    return XGBoosterPredictFromDense(self->booster, array, self->config, NULL, shape, dims, out);
}

/// The class of a row: of one number that a half parts, of several the first that is largest.
static double class_of(const float *raw, int32_t n)
{
    int32_t best = 0;
    if (n == 1) {
        return raw[0] > 0.5F ? 1 : 0;
    }
    for (int32_t i = 1; i < n; i++) {
        best = raw[i] > raw[best] ? i : best;
    }
    return best;
}

static sl_code predict_some(const sli_scorer *self, const double *rows, int64_t n, float *cells,
                            double *out, sl_error *err)
{
    const bst_ulong *shape = NULL;
    bst_ulong dims = 0;
    const float *raw = NULL;
    int64_t n_cells = n * self->shape.n_features;
    for (int64_t i = 0; i < n_cells; i++) {
        cells[i] = (float)rows[i];
    }
    if (predict_raw(self, cells, n, &shape, &dims, &raw) != 0) {
        return failed(err, SL_E_DATA, "XGBoost can't predict these rows");
    }
    if (self->output == OUT_CLASS) {
        for (int64_t i = 0; i < n; i++) {
            out[i] = class_of(raw + i * self->n_raw, self->n_raw);
        }
        return SL_OK;
    }
    for (int64_t i = 0; i < n * self->n_raw; i++) {
        out[i] = (double)raw[i];
    }
    return SL_OK;
}

static sl_code predict_all(const sli_scorer *self, const double *rows, int64_t n, double *out,
                           sl_error *err)
{
    int64_t d = self->shape.n_features, k = self->shape.n_outputs;
    float *cells = malloc((size_t)(n < SOME_ROWS ? n : SOME_ROWS) * (size_t)d * sizeof *cells);
    sl_code rc = cells == NULL ? nomem(err) : SL_OK;
    for (int64_t from = 0; rc == SL_OK && from < n; from += SOME_ROWS) {
        int64_t some = n - from < SOME_ROWS ? n - from : SOME_ROWS;
        rc = predict_some(self, rows + from * d, some, cells, out + from * k, err);
    }
    free(cells);
    return rc;
}

static sl_code predict(const sli_scorer *self, const double *rows, int64_t n, double *out,
                       sl_error *err)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&self->lock; // it is all that changes
    if (n == 0) {
        return SL_OK;
    }
    if (!self->by_matrix) {
        return predict_all(self, rows, n, out, err);
    }
    (void)pthread_mutex_lock(lock);
    sl_code rc = predict_all(self, rows, n, out, err);
    (void)pthread_mutex_unlock(lock);
    return rc;
}

static const sli_score_shape *shape_of(const sli_scorer *self)
{
    return &self->shape;
}

// ---------------------------------------------------------------- opening

static void close_scorer(sli_scorer *self)
{
    if (self != NULL) {
        if (self->booster != NULL) {
            (void)XGBoosterFree(self->booster);
        }
        (void)pthread_mutex_destroy(&self->lock);
        free(self->inputs);
        free(self->names);
        free(self);
    }
}

static sl_code read_output(const char *name, output *out, sl_error *err)
{
    *out = OUT_VALUE;
    for (size_t i = 0; name != NULL && i < sizeof output_names / sizeof *output_names; i++) {
        if (strcmp(name, output_names[i]) == 0) {
            *out = (output)i;
            return SL_OK;
        }
    }
    return name == NULL
               ? SL_OK
               : fail(err, SL_E_INVALID,
                      "output of a model of XGBoost is value, probability, class or margin", "");
}

static sl_code load(sli_scorer *self, const sli_score_conf *conf, sl_error *err)
{
    const char *bytes = conf->bytes;
    if (conf->size_bytes < 2 || bytes[0] != '{') {
        return fail(err, SL_E_DATA,
                    "these bytes are neither JSON nor UBJSON of XGBoost: in Python, "
                    "booster.save_model('model.json') writes one",
                    "");
    }
    // XGBoost tells UBJSON by its second byte, a marker.
    bool is_text = bytes[1] != '\0' && strchr("\"} \t\r\n", bytes[1]) != NULL;
    if (!is_text && !xgb_ubjson_is_whole(bytes, conf->size_bytes)) {
        return fail(err, SL_E_DATA, "these bytes are no whole UBJSON document", "");
    }
    if (XGBoosterCreate(NULL, 0, &self->booster) != 0) {
        return failed(err, SL_E_NOMEM, "XGBoost makes no booster");
    }
    if (XGBoosterSetParam(self->booster, "nthread", "1") != 0) {
        return failed(err, SL_E_DATA, "XGBoost's setting nthread");
    }
    if (XGBoosterLoadModelFromBuffer(self->booster, conf->bytes, conf->size_bytes) != 0) {
        return failed(err, SL_E_DATA, "XGBoost can't read the model");
    }
    return XGBoosterSetParam(self->booster, "nthread", "1") == 0
               ? SL_OK
               : failed(err, SL_E_DATA, "XGBoost's setting nthread");
}

/// "binary:logistic", from the booster's configuration, which has it as
/// "objective":{"name":"..."}.
static sl_code read_objective(const sli_scorer *self, char *out, size_t room, sl_error *err)
{
    const char *json = NULL;
    bst_ulong size = 0;
    if (XGBoosterSaveJsonConfig(self->booster, &size, &json) != 0) {
        return failed(err, SL_E_DATA, "XGBoost can't tell the model's objective");
    }
    const char *at = strstr(json, "\"objective\":{");
    at = at == NULL ? NULL : strstr(at, "\"name\":\"");
    at = at == NULL ? "" : at + strlen("\"name\":\"");
    (void)snprintf(out, room, "%.*s", (int)strcspn(at, "\""), at);
    return SL_OK;
}

/// Whether the objective gives what is asked for.
static sl_code check_output(sli_scorer *self, sl_error *err)
{
    char objective[64], why[200];
    SL_TRY(read_objective(self, objective, sizeof objective, err));
    bool is_binary = strcmp(objective, "binary:logistic") == 0;
    bool is_softmax = strcmp(objective, "multi:softmax") == 0;
    bool is_probable = is_binary || strcmp(objective, "multi:softprob") == 0 ||
                       strcmp(objective, "reg:logistic") == 0;
    bool fits = self->output == OUT_PROBABILITY ? is_probable
                : self->output == OUT_CLASS
                    ? is_binary || is_softmax || strcmp(objective, "multi:softprob") == 0
                    : true;
    if (!fits) {
        (void)snprintf(why, sizeof why,
                       "the model's objective is %.60s: leave output out, or margin", objective);
        return fail(err, SL_E_INVALID,
                    self->output == OUT_CLASS ? "this model gives no class"
                                              : "this model gives no probability",
                    why);
    }
    if (is_softmax && self->output == OUT_CLASS) {
        self->output = OUT_VALUE; // it is one already
    }
    (void)snprintf(self->config, sizeof self->config,
                   "{\"type\": %d, \"training\": false, \"iteration_begin\": 0, "
                   "\"iteration_end\": 0, \"strict_shape\": true, \"cache_id\": 0, "
                   "\"missing\": NaN}",
                   self->output == OUT_MARGIN);
    return SL_OK;
}

static sl_code read_names(sli_scorer *self, bst_ulong n, sl_error *err)
{
    const char **names = NULL;
    bst_ulong n_names = 0;
    size_t room = 1;
    if (XGBoosterGetStrFeatureInfo(self->booster, "feature_name", &n_names, &names) != 0) {
        return failed(err, SL_E_DATA, "XGBoost can't tell the names of features");
    }
    n_names = n_names == n ? n : 0;
    for (bst_ulong i = 0; i < n_names; i++) {
        room += strlen(names[i]) + 1;
    }
    self->inputs = calloc(n, sizeof *self->inputs);
    self->names = calloc(room, 1);
    if (self->inputs == NULL || self->names == NULL) {
        return nomem(err);
    }
    char *at = self->names + 1; // what is before is the name of those without one
    for (bst_ulong i = 0; i < n; i++) {
        self->inputs[i] = (sli_score_input){.name = n_names > 0 ? at : self->names, .width = 1};
        if (n_names > 0) {
            size_t size = strlen(names[i]) + 1;
            memcpy(at, names[i], size);
            at += size;
        }
    }
    return SL_OK;
}

static sl_code read_features(sli_scorer *self, sl_error *err)
{
    bst_ulong n = 0;
    if (XGBoosterGetNumFeature(self->booster, &n) != 0) {
        return failed(err, SL_E_DATA, "XGBoost can't tell the number of features");
    }
    if (n == 0 || n > SLI_SCORE_MAX_FEATURES) {
        return fail(err, SL_E_DATA, "the model has no features, or more than 1048576", "");
    }
    self->shape = (sli_score_shape){.struct_size = sizeof self->shape,
                                    .n_features = (int32_t)n,
                                    .n_inputs = (int32_t)n,
                                    .takes_missing = true};
    SL_TRY(read_names(self, n, err));
    self->shape.inputs = self->inputs;
    return SL_OK;
}

/// One row tells how many numbers there are, and configures the booster before others share it.
static sl_code try_row(sli_scorer *self, sl_error *err)
{
    const bst_ulong *shape = NULL;
    bst_ulong dims = 0, n = 1;
    const float *raw = NULL;
    float *row = malloc((size_t)self->shape.n_features * sizeof *row);
    if (row == NULL) {
        return nomem(err);
    }
    for (int32_t i = 0; i < self->shape.n_features; i++) {
        row[i] = NAN;
    }
    int rc = predict_raw(self, row, 1, &shape, &dims, &raw);
    if (rc != 0) {
        self->by_matrix = true;
        rc = predict_raw(self, row, 1, &shape, &dims, &raw);
    }
    free(row);
    if (rc != 0) {
        return failed(err, SL_E_DATA, "XGBoost can't predict by the model");
    }
    for (bst_ulong i = 1; i < dims; i++) {
        n *= shape[i];
    }
    if (n == 0 || n > SLI_SCORE_MAX_OUTPUTS) {
        return fail(err, SL_E_UNSUPPORTED, "the model predicts no number, or more than 4096 a row",
                    "");
    }
    self->n_raw = (int32_t)n;
    self->shape.n_outputs = self->output == OUT_CLASS ? 1 : self->n_raw;
    return SL_OK;
}

static sl_code open_here(sli_scorer **out, const sli_score_conf *conf, sl_error *err)
{
    sli_scorer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return nomem(err);
    }
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)XGBRegisterLogCallback(say_nothing); // both are this thread's
    (void)XGBSetGlobalConfig("{\"verbosity\": 0}");
    sl_code rc = read_output(conf->output, &self->output, err);
    rc = rc != SL_OK ? rc : load(self, conf, err);
    rc = rc != SL_OK ? rc : read_features(self, err);
    rc = rc != SL_OK ? rc : check_output(self, err);
    rc = rc != SL_OK ? rc : try_row(self, err);
    if (rc != SL_OK) {
        close_scorer(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

/// While a model is read, before it can be told of threads, OpenMP may start some, which stay. A
/// signal that the program waits for must not find them: they take none.
static sl_code open_scorer(sli_scorer **out, const sli_score_conf *conf, sl_error *err)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    sl_code rc = open_here(out, conf, err);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

// ---------------------------------------------------------------- the module

static const sli_score_ops ops = {
    .struct_size = sizeof ops,
    .version = "XGBoost " SL_LIBRARY_VERSION,
    .open = open_scorer,
    .shape = shape_of,
    .predict = predict,
    .close = close_scorer,
};

static const sli_module module = {
    .struct_size = sizeof module,
    .name = "score_xgboost",
    .needs = "XGBoost " SL_LIBRARY_VERSION,
    .abi = SLI_SCORE_ABI,
    .table = &ops,
};

extern __attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void);

const sli_module *SLI_MODULE_ENTRY(void)
{
    return &module;
}
