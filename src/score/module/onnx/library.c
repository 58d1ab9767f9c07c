// library.c — ONNX Runtime's shared library: found, opened once, asked for its functions.
//
// It is opened by hand, so that the module needs the header alone and any later library will do:
// ONNX Runtime gives an older version's table to whoever asks for it by its number.
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "score/module/onnx/onnx_int.h"

enum { API = 16 }; ///< the oldest table that has all we call: ONNX Runtime 1.16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const OrtApi *the_api; ///< under the lock
static OrtEnv *the_env;       ///< likewise; there is one in a process

// ---------------------------------------------------------------- errors

sl_code onnx_fail(sl_error *err, sl_code code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list args;
        *err = (sl_error){.code = code};
        va_start(args, fmt);
        (void)vsnprintf(err->text, sizeof err->text, fmt, args);
        va_end(args);
    }
    return code;
}

sl_code onnx_nomem(sl_error *err)
{
    return onnx_fail(err, SL_E_NOMEM, "no memory for a model of ONNX Runtime");
}

sl_code onnx_verdict(const OrtApi *api, OrtStatus *status, sl_code code, const char *what,
                     sl_error *err)
{
    if (status == NULL) {
        return SL_OK;
    }
    const char *why = api->GetErrorMessage(status);
    (void)onnx_fail(err, code, "ONNX Runtime: %s: %.*s", what, (int)strcspn(why, "\n"), why);
    api->ReleaseStatus(status);
    return code;
}

// ---------------------------------------------------------------- finding it

/// The directory of the module itself, with a '/' behind.
static void own_dir(char *out, size_t room)
{
    Dl_info info;
    out[0] = '\0';
    if (dladdr((void *)&the_api, &info) != 0 && info.dli_fname != NULL) {
        const char *slash = strrchr(info.dli_fname, '/');
        (void)snprintf(out, room, "%.*s", slash == NULL ? 0 : (int)(slash - info.dli_fname + 1),
                       info.dli_fname);
    }
}

static void *open_found(char *dir, size_t room)
{
    static const char *const names[] = {"libonnxruntime.so", "libonnxruntime.so.1"};
    char path[4200];
    own_dir(dir, room);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s%s", dir, names[i]);
        void *library = dir[0] == '\0' ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library != NULL) {
            return library;
        }
    }
    void *library = dlopen(names[0], RTLD_NOW | RTLD_LOCAL);
    return library != NULL ? library : dlopen(names[1], RTLD_NOW | RTLD_LOCAL);
}

static sl_code open_library(const char *path, void **out, sl_error *err)
{
    char dir[4096];
    if (path != NULL) {
        *out = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        return *out != NULL ? SL_OK
                            : onnx_fail(err, SL_E_NOT_FOUND,
                                        "ONNX Runtime's library can't be loaded: %s", dlerror());
    }
    *out = open_found(dir, sizeof dir);
    return *out != NULL
               ? SL_OK
               : onnx_fail(err, SL_E_NOT_FOUND,
                           "libonnxruntime.so is neither in %s nor where the system looks for "
                           "libraries: install the package libsluice-onnx, or name it by the "
                           "model's option library=PATH or the variable SLUICE_ONNXRUNTIME "
                           "(`pip download onnxruntime` has it, in onnxruntime/capi)",
                           dir);
}

// ---------------------------------------------------------------- opening it

static void ORT_API_CALL say_nothing(void *ctx, OrtLoggingLevel level, const char *category,
                                     const char *id, const char *place, const char *text)
{
    (void)ctx, (void)level, (void)category, (void)id, (void)place, (void)text;
}

static sl_code ask(void *library, const OrtApi **out, sl_error *err)
{
    const OrtApiBase *(ORT_API_CALL * base_of)(void);
    void *symbol = dlsym(library, "OrtGetApiBase");
    if (symbol == NULL) {
        return onnx_fail(err, SL_E_UNSUPPORTED, "this library is not ONNX Runtime: %s", dlerror());
    }
    memcpy(&base_of, &symbol, sizeof base_of); // C has no cast from an object's to a function's
    const OrtApiBase *base = base_of();
    *out = base->GetApi(API);
    return *out != NULL ? SL_OK
                        : onnx_fail(err, SL_E_UNSUPPORTED,
                                    "ONNX Runtime %s is too old: 1.%d or later is needed",
                                    base->GetVersionString(), API);
}

static sl_code begin(const char *path, sl_error *err)
{
    void *library = NULL;
    const OrtApi *api = NULL;
    SL_TRY(open_library(path, &library, err));
    SL_TRY(ask(library, &api, err));
    SL_TRY(onnx_verdict(api,
                        api->CreateEnvWithCustomLogger(say_nothing, NULL, ORT_LOGGING_LEVEL_FATAL,
                                                       "sluice", &the_env),
                        SL_E_NOMEM, "its environment", err));
    the_api = api;
    return SL_OK;
}

sl_code onnx_library(const char *path, const OrtApi **api, OrtEnv **env, sl_error *err)
{
    (void)pthread_mutex_lock(&lock);
    sl_code rc = the_api == NULL ? begin(path, err) : SL_OK;
    *api = the_api;
    *env = the_env;
    (void)pthread_mutex_unlock(&lock);
    return rc;
}
