/// onnx_int.h — ONNX Runtime as score_onnx has it; for files of score/onnx/ only.
#pragma once

#include <onnxruntime_c_api.h>

#include "score/score.h"

/// One tensor that goes in or comes out.
typedef struct onnx_tensor {
    char *name;
    ONNXTensorElementDataType type;
    int32_t rank;  ///< 0 to 2
    int32_t width; ///< numbers a row; of an output known after the first run
    bool is_one;   ///< its first dimension is fixed to 1
} onnx_tensor;

struct sli_scorer {
    sli_score_shape shape;
    sli_score_input *inputs; ///< what `shape` tells of `ins`
    const OrtApi *api;
    OrtSession *session;
    OrtMemoryInfo *memory;
    onnx_tensor *ins, *outs;
    int32_t n_ins, n_outs; ///< of outputs those that are asked for
    const char **in_names, **out_names;
    bool by_row; ///< it takes one row at a time
};

// library.c
/// ONNX Runtime's functions and the process's environment, from then on the same for all. `path`
/// NULL: beside the module, else where the system has it. Fails: SL_E_NOT_FOUND, SL_E_UNSUPPORTED.
sl_code onnx_library(const char *path, const OrtApi **api, OrtEnv **env, sl_error *err);
sl_code onnx_fail(sl_error *err, sl_code code, const char *fmt, ...) SL_PRINTF(3, 4);
sl_code onnx_nomem(sl_error *err);
/// Takes the status; NULL: all is well.
sl_code onnx_verdict(const OrtApi *api, OrtStatus *status, sl_code code, const char *what,
                     sl_error *err);

// tensors.c
/// Reads the session's inputs, and of its outputs those named (NULL: the first).
sl_code onnx_tensors_read(sli_scorer *self, const char *outputs, sl_error *err);
void onnx_tensors_free(sli_scorer *self);

// run.c
sl_code onnx_predict(const sli_scorer *self, const double *rows, int64_t n, double *out,
                     sl_error *err);
/// Predicts a row of zeros, which tells the width of outputs.
sl_code onnx_try(sli_scorer *self, sl_error *err);
