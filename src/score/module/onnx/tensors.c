// tensors.c — what a session takes and gives, read once; what can't be scored is refused here, with
// what to do.
#include <stdlib.h>
#include <string.h>

#include "score/module/onnx/onnx_int.h"

/// Which way a tensor goes.
typedef struct way {
    const char *word;
    OrtStatus *(ORT_API_CALL *name)(const OrtSession *session, size_t index,
                                    OrtAllocator *allocator, char **value);
    OrtStatus *(ORT_API_CALL *type)(const OrtSession *session, size_t index, OrtTypeInfo **info);
} way;

static way side_of(const OrtApi *api, bool in)
{
    return in ? (way){"input", api->SessionGetInputName, api->SessionGetInputTypeInfo}
              : (way){"output", api->SessionGetOutputName, api->SessionGetOutputTypeInfo};
}

static sl_code read_name(const sli_scorer *self, const way *side, size_t index, char **out,
                         sl_error *err)
{
    const OrtApi *api = self->api;
    OrtAllocator *allocator = NULL;
    char *name = NULL;
    SL_TRY(onnx_verdict(api, api->GetAllocatorWithDefaultOptions(&allocator), SL_E_NOMEM,
                        "its allocator", err));
    SL_TRY(onnx_verdict(api, side->name(self->session, index, allocator, &name), SL_E_DATA,
                        "a name", err));
    *out = strdup(name);
    SL_TRY(onnx_verdict(api, api->AllocatorFree(allocator, name), SL_E_NOMEM, "a name", err));
    return *out == NULL ? onnx_nomem(err) : SL_OK;
}

// ---------------------------------------------------------------- what is refused

static bool is_number(ONNXTensorElementDataType type, bool in)
{
    switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
        return true;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL:
        return !in;
    default:
        return false;
    }
}

static sl_code refuse_type(const onnx_tensor *tensor, const way *side, sl_error *err)
{
    bool in = side->word[0] == 'i';
    return tensor->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING
               ? onnx_fail(err, SL_E_UNSUPPORTED, "its %s '%.60s' holds strings: %s", side->word,
                           tensor->name,
                           in ? "encode them before, as numbers"
                              : "train with integer labels, or name another output (output=)")
               : onnx_fail(err, SL_E_UNSUPPORTED,
                           "its %s '%.60s' holds elements of ONNX's type %d: %s", side->word,
                           tensor->name, (int)tensor->type,
                           in ? "export it with float, double or int64"
                              : "export it with float, double, int64, int32 or bool");
}

static sl_code refuse_kind(const onnx_tensor *tensor, const way *side, enum ONNXType type,
                           sl_error *err)
{
    return type == ONNX_TYPE_SEQUENCE || type == ONNX_TYPE_MAP
               ? onnx_fail(err, SL_E_UNSUPPORTED,
                           "its %s '%.60s' is a sequence or a map, not a tensor: export it without "
                           "ZipMap (skl2onnx: options={'zipmap': False}), or name another output "
                           "(output=)",
                           side->word, tensor->name)
               : onnx_fail(err, SL_E_UNSUPPORTED, "its %s '%.60s' is no tensor", side->word,
                           tensor->name);
}

static sl_code check_in(onnx_tensor *tensor, const int64_t *dims, sl_error *err)
{
    tensor->is_one = tensor->rank == 0 || dims[0] == 1;
    tensor->width = 1;
    if (tensor->rank > 0 && dims[0] > 1) {
        return onnx_fail(err, SL_E_UNSUPPORTED,
                         "its input '%.60s' has a fixed first dimension of %lld: export it with a "
                         "free number of rows, or with 1",
                         tensor->name, (long long)dims[0]);
    }
    if (tensor->rank < 2) {
        return SL_OK;
    }
    if (dims[1] <= 0 || dims[1] > SLI_SCORE_MAX_FEATURES) {
        return onnx_fail(err, SL_E_UNSUPPORTED,
                         "how many features its input '%.60s' has is not fixed: export it with "
                         "their number",
                         tensor->name);
    }
    tensor->width = (int32_t)dims[1];
    return SL_OK;
}

// ---------------------------------------------------------------- one tensor

static sl_code read_shape(const sli_scorer *self, const OrtTensorTypeAndShapeInfo *info,
                          onnx_tensor *out, const way *side, sl_error *err)
{
    const OrtApi *api = self->api;
    int64_t dims[2] = {0};
    size_t rank = 0;
    bool in = side->word[0] == 'i';
    SL_TRY(
        onnx_verdict(api, api->GetTensorElementType(info, &out->type), SL_E_DATA, "a type", err));
    SL_TRY(onnx_verdict(api, api->GetDimensionsCount(info, &rank), SL_E_DATA, "a shape", err));
    if (!is_number(out->type, in)) {
        return refuse_type(out, side, err);
    }
    if (rank > 2) {
        return onnx_fail(err, SL_E_UNSUPPORTED,
                         "its %s '%.60s' has %zu dimensions: rows of numbers have one or two",
                         side->word, out->name, rank);
    }
    SL_TRY(onnx_verdict(api, api->GetDimensions(info, dims, rank), SL_E_DATA, "a shape", err));
    out->rank = (int32_t)rank;
    return in ? check_in(out, dims, err) : SL_OK;
}

static sl_code read_type(const sli_scorer *self, const OrtTypeInfo *info, onnx_tensor *out,
                         const way *side, sl_error *err)
{
    const OrtApi *api = self->api;
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    enum ONNXType type = ONNX_TYPE_UNKNOWN;
    SL_TRY(onnx_verdict(api, api->GetOnnxTypeFromTypeInfo(info, &type), SL_E_DATA, "a type", err));
    if (type != ONNX_TYPE_TENSOR) {
        return refuse_kind(out, side, type, err);
    }
    SL_TRY(
        onnx_verdict(api, api->CastTypeInfoToTensorInfo(info, &tensor), SL_E_DATA, "a type", err));
    return read_shape(self, tensor, out, side, err);
}

static sl_code read_tensor(const sli_scorer *self, const way *side, size_t index, onnx_tensor *out,
                           sl_error *err)
{
    OrtTypeInfo *info = NULL;
    SL_TRY(read_name(self, side, index, &out->name, err));
    SL_TRY(
        onnx_verdict(self->api, side->type(self->session, index, &info), SL_E_DATA, "a type", err));
    sl_code rc = read_type(self, info, out, side, err);
    self->api->ReleaseTypeInfo(info);
    return rc;
}

// ---------------------------------------------------------------- inputs

static sl_code describe_ins(sli_scorer *self, sl_error *err)
{
    int64_t n = 0;
    for (int32_t i = 0; i < self->n_ins; i++) {
        const onnx_tensor *in = &self->ins[i];
        self->in_names[i] = in->name;
        self->by_row = self->by_row || in->is_one;
        n += in->width;
        self->inputs[i] =
            (sli_score_input){.name = self->n_ins == 1 && in->width > 1 ? "" : in->name,
                              .width = in->width,
                              .is_whole = in->type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64};
    }
    if (n > SLI_SCORE_MAX_FEATURES) {
        return onnx_fail(err, SL_E_UNSUPPORTED, "it takes more than 1048576 features");
    }
    self->shape = (sli_score_shape){.struct_size = sizeof self->shape,
                                    .n_features = (int32_t)n,
                                    .inputs = self->inputs,
                                    .n_inputs = self->n_ins};
    return SL_OK;
}

static sl_code read_ins(sli_scorer *self, sl_error *err)
{
    const OrtApi *api = self->api;
    const way in = side_of(api, true);
    size_t n = 0;
    SL_TRY(onnx_verdict(api, api->SessionGetInputCount(self->session, &n), SL_E_DATA, "its inputs",
                        err));
    if (n == 0 || n > SLI_SCORE_MAX_OUTPUTS) {
        return onnx_fail(err, SL_E_UNSUPPORTED, "it has %zu inputs", n);
    }
    self->ins = calloc(n, sizeof *self->ins);
    self->inputs = calloc(n, sizeof *self->inputs);
    self->in_names = calloc(n, sizeof *self->in_names);
    if (self->ins == NULL || self->inputs == NULL || self->in_names == NULL) {
        return onnx_nomem(err);
    }
    for (size_t i = 0; i < n; i++) {
        self->n_ins++;
        SL_TRY(read_tensor(self, &in, i, &self->ins[i], err));
    }
    return describe_ins(self, err);
}

// ---------------------------------------------------------------- outputs

static sl_code find_out(const sli_scorer *self, const char *name, size_t size, size_t n,
                        size_t *out, sl_error *err)
{
    const way side = side_of(self->api, false);
    char known[200] = "";
    for (size_t i = 0; i < n; i++) {
        char *has = NULL;
        SL_TRY(read_name(self, &side, i, &has, err));
        bool fits = strlen(has) == size && memcmp(has, name, size) == 0;
        size_t used = strlen(known);
        if (used + strlen(has) + 3 < sizeof known) {
            strcat(strcat(known, used == 0 ? "" : ", "), has);
        }
        free(has);
        if (fits) {
            *out = i;
            return SL_OK;
        }
    }
    return onnx_fail(err, SL_E_INVALID, "output: the model has no '%.*s', it has %s",
                     (int)(size < 60 ? size : 60), name, known);
}

static sl_code add_out(sli_scorer *self, size_t index, sl_error *err)
{
    const way out = side_of(self->api, false);
    int32_t i = self->n_outs++;
    SL_TRY(read_tensor(self, &out, index, &self->outs[i], err));
    self->out_names[i] = self->outs[i].name;
    return SL_OK;
}

static sl_code add_named(sli_scorer *self, const char *names, size_t n, sl_error *err)
{
    static const char between[] = ", ";
    for (const char *at = names + strspn(names, between); *at != '\0'; at += strspn(at, between)) {
        size_t index = 0, size = strcspn(at, between);
        if ((size_t)self->n_outs == n) {
            return onnx_fail(err, SL_E_INVALID, "output names more than the model has");
        }
        SL_TRY(find_out(self, at, size, n, &index, err));
        SL_TRY(add_out(self, index, err));
        at += size;
    }
    return self->n_outs > 0 ? SL_OK : onnx_fail(err, SL_E_INVALID, "output names none");
}

static sl_code read_outs(sli_scorer *self, const char *names, sl_error *err)
{
    const OrtApi *api = self->api;
    size_t n = 0;
    SL_TRY(onnx_verdict(api, api->SessionGetOutputCount(self->session, &n), SL_E_DATA,
                        "its outputs", err));
    if (n == 0) {
        return onnx_fail(err, SL_E_UNSUPPORTED, "it has no output");
    }
    self->outs = calloc(n, sizeof *self->outs);
    self->out_names = calloc(n, sizeof *self->out_names);
    if (self->outs == NULL || self->out_names == NULL) {
        return onnx_nomem(err);
    }
    return names == NULL ? add_out(self, 0, err) : add_named(self, names, n, err);
}

sl_code onnx_tensors_read(sli_scorer *self, const char *outputs, sl_error *err)
{
    SL_TRY(read_ins(self, err));
    return read_outs(self, outputs, err);
}

void onnx_tensors_free(sli_scorer *self)
{
    for (int32_t i = 0; i < self->n_ins; i++) {
        free(self->ins[i].name);
    }
    for (int32_t i = 0; i < self->n_outs; i++) {
        free(self->outs[i].name);
    }
    free(self->ins);
    free(self->outs);
    free(self->inputs);
    free(self->in_names);
    free(self->out_names);
}
