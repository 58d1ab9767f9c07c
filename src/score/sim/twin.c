#include "score/sim/twin.h"

#include <math.h>
#include <stdlib.h>

#include "base/str.h"
#include "score/score.h"

enum { MOST = 16, NAME_BYTES = 32 };

struct sli_scorer {
    sli_score_shape shape;
    sli_score_input inputs[MOST];
    char names[MOST][NAME_BYTES];
    double weights[MOST], bias;
};

static sl_code refuse(sl_error *err, const char *why)
{
    return sl_error_set(err, SL_E_DATA, "these bytes are no model of the twin: %s", why);
}

static sl_code add(sli_scorer *self, sl_text name, double weight, sl_error *err)
{
    int32_t n = self->shape.n_inputs;
    if (sli_text_is(name, "bias")) {
        self->bias = weight;
        return SL_OK;
    }
    if (n == MOST || name.size == 0 || name.size >= NAME_BYTES) {
        return refuse(err, "its features");
    }
    memcpy(self->names[n], name.data, name.size);
    self->inputs[n] = (sli_score_input){.name = self->names[n], .width = 1};
    self->weights[n] = weight;
    self->shape.n_inputs = self->shape.n_features = n + 1;
    return SL_OK;
}

static bool skip(sl_text *at, const char *word)
{
    size_t size = strlen(word);
    if (at->size < size || memcmp(at->data, word, size) != 0) {
        return false;
    }
    *at = (sl_text){at->data + size, at->size - size};
    return true;
}

static bool until(sl_text *at, char end, sl_text *out)
{
    const char *found = at->size == 0 ? NULL : memchr(at->data, end, at->size);
    if (found == NULL) {
        return false;
    }
    *out = (sl_text){at->data, (size_t)(found - at->data)};
    *at = (sl_text){found + 1, at->size - out->size - 1};
    return true;
}

/// "a=2 ", and so on; *ended when the last word has come.
static sl_code take_word(sli_scorer *self, sl_text *at, bool *ended, sl_error *err)
{
    sl_text name, number;
    double weight = 0;
    if (skip(at, "end\n")) {
        *ended = true;
        return at->size == 0 ? SL_OK : refuse(err, "something behind its end");
    }
    if (!until(at, '=', &name) || !until(at, ' ', &number) ||
        sli_scan_float64(number, &weight, NULL) != SL_OK) {
        return refuse(err, "it is not whole");
    }
    return add(self, name, weight, err);
}

static sl_code parse(sli_scorer *self, const sli_score_conf *conf, sl_error *err)
{
    sl_text at = {conf->bytes, conf->size_bytes};
    bool ended = false;
    if (!skip(&at, "twin ")) {
        return refuse(err, "its first word");
    }
    while (!ended) {
        SL_TRY(take_word(self, &at, &ended, err));
    }
    return self->shape.n_inputs > 0 ? SL_OK : refuse(err, "it has no features");
}

static sl_code open_scorer(sli_scorer **out, const sli_score_conf *conf, sl_error *err)
{
    sli_scorer *self = sl_alloc_zero(SLI_TAG_TEST, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a model");
    }
    self->shape = (sli_score_shape){.struct_size = sizeof self->shape,
                                    .inputs = self->inputs,
                                    .n_outputs = 1,
                                    .takes_missing = true};
    sl_code rc = parse(self, conf, err);
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static const sli_score_shape *shape_of(const sli_scorer *self)
{
    return &self->shape;
}

static sl_code predict(const sli_scorer *self, const double *rows, int64_t n, double *out,
                       sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        out[i] = self->bias;
        for (int32_t j = 0; j < self->shape.n_features; j++) {
            double x = rows[i * self->shape.n_features + j];
            out[i] += isnan(x) ? 0 : self->weights[j] * x;
        }
    }
    return SL_OK;
}

static void close_scorer(sli_scorer *self)
{
    sl_free(self);
}

static const sli_score_ops ops = {
    .struct_size = sizeof ops,
    .version = "a twin",
    .open = open_scorer,
    .shape = shape_of,
    .predict = predict,
    .close = close_scorer,
};

const sli_module sli_score_twin_module = {
    .struct_size = sizeof sli_score_twin_module,
    .name = "score_xgboost",
    .needs = "nothing",
    .abi = SLI_SCORE_ABI,
    .table = &ops,
};
