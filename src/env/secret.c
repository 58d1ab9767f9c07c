// secret.c — see secret.h.
#include "env/secret.h"

#include "base/str.h"

enum { MAX_SECRET = 64 << 10 }; ///< bytes of a file that holds one

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void wipe(char *text, size_t size)
{
    if (text != NULL) {
        explicit_bzero(text, size);
        sl_free(text);
    }
}

void sli_secret_free(char *secret)
{
    wipe(secret, secret == NULL ? 0 : strlen(secret));
}

/// Files of secrets are often ended by a line end that is no part of them.
static size_t without_line_end(const char *text, size_t size)
{
    size -= size > 0 && text[size - 1] == '\n' ? 1 : 0;
    return size - (size > 0 && text[size - 1] == '\r' ? 1 : 0);
}

static sl_code secret_of_file(sl_env *env, const char *name, const char *path, char **out,
                              sl_error *err)
{
    char *text = NULL;
    size_t size = 0;
    sl_code rc = sli_env_read_file(env, path, MAX_SECRET, &text, &size, err);
    if (rc != SL_OK) {
        sl_code code = rc == SL_E_CRASHED || rc == SL_E_NOMEM ? rc : SL_E_CONFIG;
        return sl_error_wrap(err, code, "%s", name);
    }
    size_t length = without_line_end(text, size);
    if (length == 0 || memchr(text, 0, length) != NULL) {
        wipe(text, size);
        return sl_error_set(err, SL_E_CONFIG, "%s: the file %s %s", name, path,
                            length == 0 ? "is empty" : "holds a zero byte");
    }
    text[length] = '\0';
    *out = text;
    return SL_OK;
}

static sl_code secret_of_variable(sl_env *env, const char *name, const char *variable, char **out,
                                  sl_error *err)
{
    const char *value = sli_env_variable(env, variable);
    if (value == NULL || *value == '\0') {
        return sl_error_set(err, SL_E_CONFIG, "%s: the variable %s is %s", name, variable,
                            value == NULL ? "not set" : "empty");
    }
    *out = sl_strdup(SLI_TAG_CONF, value);
    return *out == NULL ? sl_error_nomem(err, strlen(value), "a secret") : SL_OK;
}

sl_code sli_secret_read(sl_env *env, const char *name, sl_text value, char **out, sl_error *err)
{
    char *text = sl_strndup(SLI_TAG_CONF, value.size == 0 ? "" : value.data, value.size);
    if (text == NULL) {
        return sl_error_nomem(err, value.size, "a secret");
    }
    bool in_file = begins(text, "file:"), in_variable = begins(text, "env:");
    if (!in_file && !in_variable) {
        *out = text;
        return SL_OK;
    }
    char *read = NULL;
    sl_code rc = in_file ? secret_of_file(env, name, text + 5, &read, err)
                         : secret_of_variable(env, name, text + 4, &read, err);
    wipe(text, value.size);
    if (rc == SL_OK) {
        *out = read;
    }
    return rc;
}
