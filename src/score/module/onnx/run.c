// run.c — rows into tensors, and predictions out of them.
//
// A matrix product may be summed in another order for another number of rows. So that a row's
// prediction does not depend on how many others come with it, a session always runs over
// BLOCK_ROWS rows: the last block is filled up with copies of its last row. 48 is a multiple of the
// rows that the kernels of ONNX Runtime take at once (4, 6, 8, 12, 16).
#include <stdlib.h>
#include <string.h>

#include "score/module/onnx/onnx_int.h"

enum { BLOCK_ROWS = 48 };

static size_t size_of(ONNXTensorElementDataType type)
{
    return type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT ? sizeof(float) : sizeof(double);
}

/// What one run needs.
typedef struct block {
    const sli_scorer *scorer;
    int64_t n_rows;    ///< that it runs over
    int64_t n;         ///< of them that count; the others are copies of the last
    char *cells;       ///< of all inputs, one after the other
    OrtValue **values; ///< of inputs, then of outputs
} block;

// ---------------------------------------------------------------- in

/// Columns [from, from + width) of the rows, as the tensor has them.
static void fill(const block *b, const onnx_tensor *in, const double *rows, int32_t from,
                 void *cells)
{
    int32_t d = b->scorer->shape.n_features, width = in->width;
    for (int64_t r = 0; r < b->n_rows; r++) {
        const double *row = rows + (r < b->n ? r : b->n - 1) * d + from;
        for (int32_t j = 0; j < width; j++) {
            if (in->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
                ((float *)cells)[r * width + j] = (float)row[j];
            } else if (in->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE) {
                ((double *)cells)[r * width + j] = row[j];
            } else {
                ((int64_t *)cells)[r * width + j] = (int64_t)row[j];
            }
        }
    }
}

static sl_code give(const block *b, const double *rows, sl_error *err)
{
    const sli_scorer *self = b->scorer;
    char *cells = b->cells;
    int32_t from = 0;
    for (int32_t i = 0; i < self->n_ins; i++) {
        const onnx_tensor *in = &self->ins[i];
        int64_t dims[2] = {b->n_rows, in->width};
        size_t size = (size_t)b->n_rows * (size_t)in->width * size_of(in->type);
        fill(b, in, rows, from, cells);
        SL_TRY(onnx_verdict(self->api,
                            self->api->CreateTensorWithDataAsOrtValue(self->memory, cells, size,
                                                                      dims, (size_t)in->rank,
                                                                      in->type, &b->values[i]),
                            SL_E_NOMEM, "an input", err));
        from += in->width;
        cells += (size_t)b->n_rows * (size_t)in->width * sizeof(double); // all stay aligned
    }
    return SL_OK;
}

// ---------------------------------------------------------------- out

static double number_at(const void *cells, ONNXTensorElementDataType type, int64_t i)
{
    switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
        return (double)((const float *)cells)[i];
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
        return ((const double *)cells)[i];
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
        return (double)((const int64_t *)cells)[i];
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
        return ((const int32_t *)cells)[i];
    default:
        return ((const bool *)cells)[i];
    }
}

/// How many elements an output has.
static sl_code count(const sli_scorer *self, const OrtValue *value, size_t *out, sl_error *err)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    const OrtApi *api = self->api;
    SL_TRY(
        onnx_verdict(api, api->GetTensorTypeAndShape(value, &info), SL_E_DATA, "an output", err));
    sl_code rc =
        onnx_verdict(api, api->GetTensorShapeElementCount(info, out), SL_E_DATA, "an output", err);
    api->ReleaseTensorTypeAndShapeInfo(info);
    return rc;
}

static sl_code take_one(const block *b, int32_t i, int32_t at, double *out, sl_error *err)
{
    const sli_scorer *self = b->scorer;
    const onnx_tensor *tensor = &self->outs[i];
    OrtValue *value = b->values[self->n_ins + i];
    void *cells = NULL;
    size_t n = 0;
    SL_TRY(count(self, value, &n, err));
    if (n != (size_t)b->n_rows * (size_t)tensor->width) {
        return onnx_fail(err, SL_E_DATA,
                         "output '%.60s' has %zu numbers for %lld rows, and not %d a row: it is no "
                         "prediction by row",
                         tensor->name, n, (long long)b->n_rows, tensor->width);
    }
    SL_TRY(onnx_verdict(self->api, self->api->GetTensorMutableData(value, &cells), SL_E_DATA,
                        "an output", err));
    for (int64_t r = 0; r < b->n; r++) {
        for (int32_t j = 0; j < tensor->width; j++) {
            out[r * self->shape.n_outputs + at + j] =
                number_at(cells, tensor->type, r * tensor->width + j);
        }
    }
    return SL_OK;
}

static sl_code take(const block *b, double *out, sl_error *err)
{
    int32_t at = 0;
    for (int32_t i = 0; i < b->scorer->n_outs; i++) {
        SL_TRY(take_one(b, i, at, out, err));
        at += b->scorer->outs[i].width;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a run

static void block_clear(block *b)
{
    for (int32_t i = 0; i < b->scorer->n_ins + b->scorer->n_outs; i++) {
        if (b->values[i] != NULL) {
            b->scorer->api->ReleaseValue(b->values[i]);
            b->values[i] = NULL;
        }
    }
}

static sl_code block_run(block *b, const double *rows, sl_error *err)
{
    const sli_scorer *self = b->scorer;
    SL_TRY(give(b, rows, err));
    return onnx_verdict(self->api,
                        self->api->Run(self->session, NULL, self->in_names,
                                       (const OrtValue *const *)b->values, (size_t)self->n_ins,
                                       self->out_names, (size_t)self->n_outs,
                                       b->values + self->n_ins),
                        SL_E_DATA, "a run of the model", err);
}

static sl_code block_new(block *b, const sli_scorer *self, sl_error *err)
{
    *b = (block){.scorer = self, .n_rows = self->by_row ? 1 : BLOCK_ROWS};
    b->cells = calloc((size_t)b->n_rows * (size_t)self->shape.n_features, sizeof(double));
    b->values = calloc((size_t)(self->n_ins + self->n_outs), sizeof(OrtValue *));
    return b->cells == NULL || b->values == NULL ? onnx_nomem(err) : SL_OK;
}

static void block_free(block *b)
{
    free(b->cells);
    free(b->values);
}

sl_code onnx_predict(const sli_scorer *self, const double *rows, int64_t n, double *out,
                     sl_error *err)
{
    block b;
    sl_code rc = block_new(&b, self, err);
    for (int64_t from = 0; rc == SL_OK && from < n; from += b.n_rows) {
        b.n = n - from < b.n_rows ? n - from : b.n_rows;
        rc = block_run(&b, rows + from * self->shape.n_features, err);
        rc = rc != SL_OK ? rc : take(&b, out + from * self->shape.n_outputs, err);
        block_clear(&b);
    }
    block_free(&b);
    return rc;
}

// ---------------------------------------------------------------- the first run

static sl_code measure(sli_scorer *self, const block *b, sl_error *err)
{
    int64_t all = 0;
    for (int32_t i = 0; i < self->n_outs; i++) {
        size_t n = 0, rows = (size_t)b->n_rows;
        SL_TRY(count(self, b->values[self->n_ins + i], &n, err));
        if (n == 0 || n % rows != 0 || n / rows > SLI_SCORE_MAX_OUTPUTS) {
            return onnx_fail(err, SL_E_UNSUPPORTED,
                             "its output '%.60s' has %zu numbers for %zu rows: it is no prediction "
                             "by row, or one of more than 4096 numbers",
                             self->outs[i].name, n, rows);
        }
        self->outs[i].width = (int32_t)(n / rows);
        all += self->outs[i].width;
    }
    if (all > SLI_SCORE_MAX_OUTPUTS) {
        return onnx_fail(err, SL_E_UNSUPPORTED, "it predicts more than 4096 numbers a row");
    }
    self->shape.n_outputs = (int32_t)all;
    return SL_OK;
}

sl_code onnx_try(sli_scorer *self, sl_error *err)
{
    block b;
    double *zeros = calloc((size_t)self->shape.n_features, sizeof *zeros);
    sl_code rc = block_new(&b, self, err);
    if (rc == SL_OK && zeros == NULL) {
        rc = onnx_nomem(err);
    }
    if (rc == SL_OK) {
        b.n = 1;
        rc = block_run(&b, zeros, err);
        rc = rc != SL_OK ? rc : measure(self, &b, err);
        block_clear(&b);
    }
    block_free(&b);
    free(zeros);
    return rc;
}
