// score.c — which modules score, whether two models are exchangeable, and a model's file as it is
// now.
#include "score/score.h"

#include <stdio.h>

#include "env/module.h"

const sli_score_kind sli_score_xgboost = {
    .name = "xgboost",
    .module = "score_xgboost",
    .why = "a model of the kind xgboost",
    .package = "libsluice-xgboost",
    .needs = "libxgboost-dev",
};
const sli_score_kind sli_score_onnx = {
    .name = "onnx",
    .module = "score_onnx",
    .why = "a model of the kind onnx",
    .package = "libsluice-onnx",
    .needs = "the header of ONNX Runtime (tools/fetch-onnxruntime)",
};

sl_code sli_score_load(const sli_score_kind *kind, sl_env *env, const char *modules,
                       const sli_score_ops **out, sl_error *err)
{
    const sli_module_want want = {.name = kind->module,
                                  .abi = SLI_SCORE_ABI,
                                  .why = kind->why,
                                  .package = kind->package,
                                  .library = kind->needs};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(env, modules, &want, &module, err));
    *out = module->table;
    return SL_OK;
}

// ---------------------------------------------------------------- shapes

sl_code sli_score_same_shape(const sli_score_shape *is, const sli_score_shape *want, sl_error *err)
{
    if (is->n_features != want->n_features) {
        return sl_error_set(err, SL_E_INVALID, "it takes %d features, the model in use %d",
                            is->n_features, want->n_features);
    }
    if (is->n_outputs != want->n_outputs) {
        return sl_error_set(err, SL_E_INVALID, "it predicts %d numbers a row, the model in use %d",
                            is->n_outputs, want->n_outputs);
    }
    if (is->n_inputs != want->n_inputs) {
        return sl_error_set(err, SL_E_INVALID, "it has %d inputs, the model in use %d",
                            is->n_inputs, want->n_inputs);
    }
    for (int32_t i = 0; i < is->n_inputs; i++) {
        const sli_score_input *a = &is->inputs[i], *b = &want->inputs[i];
        if (strcmp(a->name, b->name) != 0 || a->width != b->width || a->is_whole != b->is_whole) {
            return sl_error_set(err, SL_E_INVALID,
                                "its input %d is '%.60s' (%d%s), that of the model in use '%.60s' "
                                "(%d%s)",
                                i + 1, a->name, a->width, a->is_whole ? " integers" : "", b->name,
                                b->width, b->is_whole ? " integers" : "");
        }
    }
    return is->takes_missing == want->takes_missing
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "it treats missing features in another way");
}

// ---------------------------------------------------------------- the file

sl_code sli_score_look(sl_env *env, const char *path, sli_score_seen *seen, bool *changed,
                       sl_error *err)
{
    // Clocks of file systems tick in up to two seconds (FAT), and may be apart from ours.
    enum { TICK_US = 3000000 };
    sli_stat stat;
    SL_TRY(sli_env_stat(env, path, &stat, err));
    if (!stat.is_file) {
        return sl_error_set(err, SL_E_INVALID, "%s is no file", path);
    }
    sli_score_seen now = {
        .size_bytes = stat.size_bytes, .modified_us = stat.modified_us, .identity = stat.identity};
    now.is_sure = sli_env_wall_us(env) - stat.modified_us > TICK_US;
    *changed = !seen->is_sure || seen->size_bytes != now.size_bytes ||
               seen->modified_us != now.modified_us || seen->identity != now.identity;
    *seen = now;
    return SL_OK;
}

void sli_score_hash(const void *bytes, size_t size_bytes, char hash[33])
{
    sli_hash128 h = sli_hash128_of(bytes, size_bytes);
    (void)snprintf(hash, 33, "%016llx%016llx", (unsigned long long)h.high,
                   (unsigned long long)h.low);
}

sl_code sli_score_read(sl_env *env, const char *path, const sli_score_seen *seen,
                       sli_score_content *out, sl_error *err)
{
    if (seen->size_bytes == 0) {
        return sl_error_set(err, SL_E_DATA, "%s has 0 bytes", path);
    }
    if (seen->size_bytes > SLI_SCORE_MAX_BYTES) {
        return sl_error_set(err, SL_E_DATA, "%s has %lld bytes, a model may have %d", path,
                            (long long)seen->size_bytes, SLI_SCORE_MAX_BYTES);
    }
    sli_score_content content = {0};
    SL_TRY(sli_env_read_file(env, path, SLI_SCORE_MAX_BYTES, &content.bytes, &content.size_bytes,
                             err));
    sli_stat after;
    sl_code rc = sli_env_stat(env, path, &after, err);
    if (rc == SL_OK &&
        (after.size_bytes != (int64_t)content.size_bytes || after.size_bytes != seen->size_bytes ||
         after.modified_us != seen->modified_us || after.identity != seen->identity)) {
        rc = sl_error_set(err, SL_E_BUSY, "%s changes while it is read", path);
    }
    if (rc != SL_OK) {
        sl_free(content.bytes);
        return rc;
    }
    sli_score_hash(content.bytes, content.size_bytes, content.hash);
    *out = content;
    return SL_OK;
}
