/// http.c — loading the client, and texts that go into URLs.
#include "http/http.h"

#include "env/module.h"

sl_code sli_http_load(const sli_http_ops **out, sl_env *env, const char *modules, const char *why,
                      sl_error *err)
{
    const sli_module_want want = {.name = "http_curl",
                                  .abi = SLI_HTTP_ABI,
                                  .why = why,
                                  .package = "libsluice-http",
                                  .library = "libcurl4-openssl-dev"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(env, modules, &want, &module, err));
    *out = module->table;
    return SL_OK;
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void sli_http_escape(sli_str *out, const char *text, const char *also)
{
    static const char hex[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        if (is_plain(*text) || strchr(also, *text) != NULL) {
            sli_str_char(out, *text);
            continue;
        }
        uint8_t byte = (uint8_t)*text;
        sli_str_char(out, '%');
        sli_str_char(out, hex[byte >> 4]);
        sli_str_char(out, hex[byte & 15]);
    }
}
