/// gate.c — the contract over itself: each call that meets the outside is announced to env.
///
/// A client library meets the outside on its own, so env does not see what it does. Here env is
/// told right before, and may say that the call fails or that the process is dead.
#include "http/http.h"

struct sli_http {
    const sli_http_ops *ops; ///< of what is behind
    sli_http *client;
    sl_env *env;
};

struct sli_http_call {
    sli_http *gate;
    sli_http_call *call;
};

static sl_code gate_open(sli_http **out, const sli_http_conf *conf, sl_error *err)
{
    sli_http *self = sl_alloc_zero(SLI_TAG_FS, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "an HTTP client");
    }
    *self = (sli_http){.ops = conf->inner, .env = conf->env};
    sl_code rc = self->ops->open(&self->client, conf, err);
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static void gate_close(sli_http *self)
{
    if (self != NULL) {
        self->ops->close(self->client);
        sl_free(self);
    }
}

static sl_code gate_begin(sli_http *self, const sli_http_request *request, sli_http_call **out,
                          sli_http_answer *answer, sl_error *err)
{
    sli_http_call *call = sl_alloc_zero(SLI_TAG_FS, sizeof *call);
    if (call == NULL) {
        return sl_error_nomem(err, sizeof *call, "an HTTP request");
    }
    call->gate = self;
    sl_code rc = sli_env_outside(self->env, SLI_OUTSIDE_HTTP_BEGIN, err);
    if (rc == SL_OK) {
        rc = self->ops->begin(self->client, request, &call->call, answer, err);
    }
    if (rc != SL_OK) {
        sl_free(call);
        return rc;
    }
    *out = call;
    return SL_OK;
}

static sl_code gate_read(sli_http_call *call, void *out, size_t size, size_t *n, sl_error *err)
{
    SL_TRY(sli_env_outside(call->gate->env, SLI_OUTSIDE_HTTP_READ, err));
    return call->gate->ops->read(call->call, out, size, n, err);
}

static void gate_end(sli_http_call **call)
{
    if (*call != NULL) {
        (*call)->gate->ops->end(&(*call)->call);
        sl_free(*call);
        *call = NULL;
    }
}

const sli_http_ops sli_http_gate = {
    .struct_size = sizeof(sli_http_ops),
    .open = gate_open,
    .close = gate_close,
    .begin = gate_begin,
    .read = gate_read,
    .end = gate_end,
};
