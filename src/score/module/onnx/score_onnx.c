// The module score_onnx: ONNX Runtime behind score.h, through its C interface.
//
// Nothing of libsluice is called from here (env/module.h). A session runs in the caller's thread
// alone. Its bytes are all it may read: a model that keeps its weights in other files is refused.
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "env/module.h"
#include "score/module/onnx/onnx_int.h"

static void close_scorer(sli_scorer *self)
{
    if (self == NULL) {
        return;
    }
    onnx_tensors_free(self);
    if (self->session != NULL) {
        self->api->ReleaseSession(self->session);
    }
    if (self->memory != NULL) {
        self->api->ReleaseMemoryInfo(self->memory);
    }
    free(self);
}

static sl_code set(const OrtApi *api, OrtSessionOptions *options, sl_error *err)
{
    SL_TRY(onnx_verdict(api, api->SetIntraOpNumThreads(options, 1), SL_E_NOMEM, "threads", err));
    SL_TRY(onnx_verdict(api, api->SetInterOpNumThreads(options, 1), SL_E_NOMEM, "threads", err));
    SL_TRY(onnx_verdict(api, api->SetSessionLogSeverityLevel(options, ORT_LOGGING_LEVEL_FATAL),
                        SL_E_NOMEM, "a setting", err));
    // Relative paths of weights would be looked for where the process happens to be.
    return onnx_verdict(
        api,
        api->AddSessionConfigEntry(options,
                                   "session.model_external_initializers_file_folder_"
                                   "path",
                                   "/nonexistent/weights-must-be-in-the-model"),
        SL_E_NOMEM, "a setting", err);
}

static sl_code load(sli_scorer *self, OrtEnv *env, const sli_score_conf *conf, sl_error *err)
{
    const OrtApi *api = self->api;
    OrtSessionOptions *options = NULL;
    SL_TRY(onnx_verdict(api, api->CreateSessionOptions(&options), SL_E_NOMEM, "a session", err));
    sl_code rc = set(api, options, err);
    rc = rc != SL_OK ? rc
                     : onnx_verdict(api,
                                    api->CreateSessionFromArray(env, conf->bytes, conf->size_bytes,
                                                                options, &self->session),
                                    SL_E_DATA, "the model can't be opened", err);
    api->ReleaseSessionOptions(options);
    return rc != SL_OK ? rc
                       : onnx_verdict(api,
                                      api->CreateCpuMemoryInfo(OrtDeviceAllocator,
                                                               OrtMemTypeDefault, &self->memory),
                                      SL_E_NOMEM, "memory", err);
}

static sl_code open_here(sli_scorer **out, const sli_score_conf *conf, sl_error *err)
{
    OrtEnv *env = NULL;
    sli_scorer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return onnx_nomem(err);
    }
    sl_code rc = onnx_library(conf->library, &self->api, &env, err);
    rc = rc != SL_OK ? rc : load(self, env, conf, err);
    rc = rc != SL_OK ? rc : onnx_tensors_read(self, conf->output, err);
    rc = rc != SL_OK ? rc : onnx_try(self, err);
    if (rc != SL_OK) {
        close_scorer(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

/// Threads that the library may start for itself take no signal that the program waits for.
static sl_code open_scorer(sli_scorer **out, const sli_score_conf *conf, sl_error *err)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    sl_code rc = open_here(out, conf, err);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static const sli_score_shape *shape_of(const sli_scorer *self)
{
    return &self->shape;
}

static const sli_score_ops ops = {
    .struct_size = sizeof ops,
    .version = "ONNX Runtime",
    .open = open_scorer,
    .shape = shape_of,
    .predict = onnx_predict,
    .close = close_scorer,
};

static const sli_module module = {
    .struct_size = sizeof module,
    .name = "score_onnx",
    .needs = "ONNX Runtime",
    .abi = SLI_SCORE_ABI,
    .table = &ops,
};

extern __attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void);

const sli_module *SLI_MODULE_ENTRY(void)
{
    return &module;
}
