/// tls.c — the module for TLS, and certificates from files.
#include "net/tls.h"

#include "base/str.h"
#include "env/module.h"

enum { MOST_PEM = 4 << 20 }; ///< bytes of a file of certificates

sl_code sli_tls_load(const sli_tls_ops **out, sl_env *env, const char *modules, sl_error *err)
{
    static const sli_module_want want = {.name = "net_tls",
                                         .abi = SLI_TLS_ABI,
                                         .why = "TLS",
                                         .package = "libsluice-tls",
                                         .library = "libssl-dev"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(env, modules, &want, &module, err));
    *out = module->table;
    return SL_OK;
}

/// A file that an option names; nothing for NULL.
static sl_code read_pem(sl_env *env, const char *option, const char *path, sl_text *out,
                        sl_error *err)
{
    char *text = NULL;
    size_t size = 0;
    if (path == NULL) {
        return SL_OK;
    }
    sl_code rc = sli_env_read_file(env, path, MOST_PEM, &text, &size, err);
    if (rc != SL_OK) {
        sl_code code = rc == SL_E_CRASHED || rc == SL_E_NOMEM ? rc : SL_E_CONFIG;
        return sl_error_wrap(err, code, "option %s", option);
    }
    *out = (sl_text){text, size};
    return SL_OK;
}

static void wipe(sl_text text)
{
    char *data = (char *)(uintptr_t)text.data;
    if (data != NULL) {
        explicit_bzero(data, text.size);
        sl_free(data);
    }
}

sl_code sli_tls_side_of_files(sli_tls_side **out, const sli_tls_ops *ops, sl_env *env, bool server,
                              const char *cert, const char *key, const char *ca, sl_error *err)
{
    sli_tls_conf conf = {.struct_size = sizeof conf, .server = server};
    sl_code rc = read_pem(env, "tls.cert", cert, &conf.cert, err);
    rc = rc == SL_OK ? read_pem(env, "tls.key", key, &conf.key, err) : rc;
    rc = rc == SL_OK ? read_pem(env, "tls.ca", ca, &conf.ca, err) : rc;
    rc = rc == SL_OK ? ops->side_new(out, &conf, err) : rc;
    wipe(conf.cert);
    wipe(conf.key);
    wipe(conf.ca);
    return rc;
}
