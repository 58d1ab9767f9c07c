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

void sl_session_cancel(sl_session *session)
{
    sli_sched_cancel(session->host->sched);
}

void sl_session_free(sl_session *session)
{
    if (session != NULL) {
        sli_accs_free(session->own.runtime.accs);
        sli_bvars_free(session->own.runtime.bvars);
        sli_host_reset(&session->own);
        sl_free(session);
    }
}

sl_code sl_session_accumulator(sl_session *session, const char *name, sl_accumulator_kind kind,
                               const sl_accumulator_fn *fn, sl_error *err)
{
    sli_runtime *runtime = sli_session_runtime(session);
    if (runtime->accs == NULL) {
        SL_TRY(sli_accs_new(&runtime->accs, true, err));
    }
    sl_code rc = sli_accs_declare(runtime->accs, &(sli_acc_def){name, kind, fn}, err);
    return rc == SL_OK ? SL_OK
                       : sl_error_wrap(err, rc, "accumulator '%s'", name == NULL ? "" : name);
}

sl_code sl_session_accumulated(sl_session *session, const char *name, sl_accumulated *out,
                               sl_error *err)
{
    return sli_accs_value(sli_session_runtime(session)->accs, name, false, out, err);
}

sl_code sl_session_broadcast(sl_session *session, const char *name, sl_loan value, sl_error *err)
{
    sli_runtime *runtime = sli_session_runtime(session);
    sl_code rc = SL_OK;
    if (sli_sched_is_busy(session->host->sched)) {
        rc = sl_error_set(err, SL_E_STATE, "an action runs");
    } else if (runtime->bvars == NULL) {
        rc = sli_bvars_new(&runtime->bvars, runtime->budget, err);
    }
    if (rc == SL_OK) {
        rc = sli_bvars_set(runtime->bvars, name, value, err);
    } else if (value.release != NULL) {
        value.release(value.ctx);
    }
    return rc == SL_OK
               ? SL_OK
               : sl_error_wrap(err, rc, "broadcast variable '%s'", name == NULL ? "" : name);
}

void sl_session_unbroadcast(sl_session *session, const char *name)
{
    sli_bvars_unset(sli_session_runtime(session)->bvars, name);
}

sli_runtime *sli_session_runtime(sl_session *session)
{
    return &session->host->runtime;
}
