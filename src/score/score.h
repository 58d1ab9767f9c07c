/// score.h — models that others have trained: the contract of the modules score_xgboost (XGBoost)
/// and score_onnx (ONNX Runtime), and what Sluice has around them.
///
///     open { predict }  close
///
/// A *scorer* is one model, opened from the bytes of its file: a module is given no path and
/// reaches neither file nor network for a model. It never changes, so any number of threads predict
/// with it at once, each call in the caller's thread alone. Equal bytes and equal rows give equal
/// predictions, however the rows are cut into calls.
///
/// Features and predictions cross as doubles, row after row: a model may take float32, float64 or
/// int64, and only float64 holds all that the first two have. A module rounds to what its model
/// takes. The module calls nothing of libsluice; failures go into the sl_error it is given.
#pragma once

#include "base/hash.h"
#include "conf/conf.h"
#include "env/env.h"

enum {
    SLI_SCORE_ABI = 1,
    SLI_SCORE_MAX_FEATURES = 1 << 20,
    SLI_SCORE_MAX_OUTPUTS = 1 << 12, ///< numbers predicted for a row
};

/// One model, as the module has it. Thread: any, for `predict`.
typedef struct sli_scorer sli_scorer;

/// What the rows of a model are made of, in order.
typedef struct sli_score_input {
    const char *name; ///< "" when the model does not tell
    int32_t width;    ///< features that it takes, one after the other
    bool is_whole;    ///< they are integers
} sli_score_input;

/// What a model takes and gives. Lives as long as the scorer.
typedef struct sli_score_shape {
    size_t struct_size;
    int32_t n_features; ///< of a row, over all inputs
    const sli_score_input *inputs;
    int32_t n_inputs;
    int32_t n_outputs;  ///< numbers predicted for a row
    bool takes_missing; ///< NaN is a feature that is missing, and no mistake
} sli_score_shape;

/// What a model is opened with. Lives for the call.
typedef struct sli_score_conf {
    size_t struct_size;
    const void *bytes;
    size_t size_bytes;
    const char *output;  ///< what to predict, as the module's models call it; NULL: the default
    const char *library; ///< a shared library to use in place of the one found; NULL
} sli_score_conf;

typedef struct sli_score_ops {
    size_t struct_size;
    const char *version; ///< "XGBoost 1.7.4": part of what results rest on
    /// Blocks: as long as the model is large. Fails: SL_E_DATA, the bytes are no whole model;
    /// SL_E_UNSUPPORTED, one that can't be scored, with what to do; SL_E_INVALID, `output`;
    /// SL_E_NOT_FOUND, the library; SL_E_NOMEM.
    sl_code (*open)(sli_scorer **out, const sli_score_conf *conf, sl_error *err);
    const sli_score_shape *(*shape)(const sli_scorer *self);
    /// n rows of n_features doubles; fills n rows of n_outputs. Fails: SL_E_DATA, SL_E_NOMEM.
    sl_code (*predict)(const sli_scorer *self, const double *rows, int64_t n, double *out,
                       sl_error *err);
    void (*close)(SL_TAKES sli_scorer *self); ///< accepts NULL
} sli_score_ops;

// ---------------------------------------------------------------- Sluice's side

/// One kind of scorer.
typedef struct sli_score_kind {
    const char *name;            ///< "xgboost", as sl_model_open has it
    const char *module, *why;    ///< "score_xgboost"; who asks, for messages
    const char *package, *needs; ///< that have it, and that a build needs
} sli_score_kind;
extern const sli_score_kind sli_score_xgboost, sli_score_onnx;

/// Loads the module of `modules` (a directory, or NULL). Fails: as sli_module_load.
sl_code sli_score_load(const sli_score_kind *kind, sl_env *env, const char *modules,
                       const sli_score_ops **out, sl_error *err);
/// Whether what predicts by one may go on with the other: the same inputs, by name, and as many
/// outputs. Fails: SL_E_INVALID, with what is different.
sl_code sli_score_same_shape(const sli_score_shape *is, const sli_score_shape *want, sl_error *err);

/// The content of a model's file.
typedef struct sli_score_content {
    char *bytes; ///< the caller's, for sl_free
    size_t size_bytes;
    char hash[33]; ///< XXH3-128, as `xxh128sum` prints it
} sli_score_content;

enum { SLI_SCORE_MAX_BYTES = 1 << 30 }; ///< of a model

/// How a file looked when it was last read.
typedef struct sli_score_seen {
    int64_t size_bytes, modified_us;
    uint64_t identity;
    bool is_sure; ///< a later change would show: the file was old enough when it was looked at
} sli_score_seen;

/// Whether the file may have another content than when it was last seen: by size, time and
/// identity, and always when it had been changed so shortly before that another change would have
/// left the same time. *seen is how it looks now. Fails: SL_E_NOT_FOUND, SL_E_INVALID (a
/// directory), SL_E_IO.
sl_code sli_score_look(sl_env *env, const char *path, sli_score_seen *seen, bool *changed,
                       sl_error *err);
/// Reads the whole file. Fails: SL_E_BUSY, it changed meanwhile; SL_E_DATA, it is empty or over
/// SLI_SCORE_MAX_BYTES; SL_E_NOT_FOUND, SL_E_IO.
sl_code sli_score_read(sl_env *env, const char *path, const sli_score_seen *seen,
                       sli_score_content *out, sl_error *err);
/// Fills `hash` from the bytes.
void sli_score_hash(const void *bytes, size_t size_bytes, char hash[33]);
