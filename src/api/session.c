// A session: RDDs without streams.
#include "api/host.h"

struct sl_session {
    sli_host own;
    sli_host *host; ///< own, or the context's
};

sl_code sl_session_new(sl_session **out, const char *const *settings, sl_error *err)
{
    sl_session *session = sl_alloc_zero(SLI_TAG_API, sizeof *session);
    if (session == NULL) {
        return sl_error_nomem(err, sizeof *session, "a session");
    }
    session->host = &session->own;
    sl_code rc = sli_host_init(&session->own, NULL, err);
    if (rc == SL_OK) {
        rc = sli_settings_put(session->own.conf, settings, err);
    }
    if (rc == SL_OK) {
        rc = sli_host_open(&session->own, err);
    }
    if (rc != SL_OK) {
        sl_session_free(session);
        return rc;
    }
    *out = session;
    return SL_OK;
}

void sl_session_free(sl_session *session)
{
    if (session != NULL) {
        sli_host_reset(&session->own);
        sl_free(session);
    }
}

sli_runtime *sli_session_runtime(sl_session *session)
{
    return &session->host->runtime;
}
