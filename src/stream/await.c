// A start that waits for clusters: what an output's cluster is asked before the first epoch is
// asked again for `start.timeout`, as a job that runs would wait for it. One line says what is
// waited for.
#include "stream/engine_int.h"

/// The start and the output that it waits for.
typedef struct waiting {
    sli_engine *engine;
    const sli_output *output;
    int64_t since_us;
    int32_t tries;
} waiting;

static void tell_begin(const waiting *w, const sl_error *why)
{
    SLI_LOG(w->engine->log, SLI_WARN, "stream",
            "the start waits for output %s, up to %s (start.timeout): %s", w->output->uid,
            sli_duration_of(w->engine->start_us).text, why->text);
}

static void tell_end(const waiting *w)
{
    if (w->tries > 0) {
        SLI_LOG(w->engine->log, SLI_WARN, "stream", "output %s is there, after %lld ms",
                w->output->uid,
                (long long)((sli_env_mono_us(w->engine->world) - w->since_us) / 1000));
    }
}

/// Whether waiting may help: a cluster comes back, a wrong name or password does not.
static bool may_help(const waiting *w, const sl_error *why)
{
    return w->output->sink->ops->elsewhere && w->engine->start_us > 0 &&
           (why->code == SL_E_TIMEOUT || why->code == SL_E_IO) &&
           sl_error_action(why) == SL_ACT_RETRY_TASK;
}

/// A little longer each time, up to a second. Fails with the reason when it is over.
static sl_code wait_once(waiting *w, sl_error *err)
{
    const sli_engine *engine = w->engine;
    int64_t now = sli_env_mono_us(engine->world), end = w->since_us + engine->start_us;
    if (now >= end) {
        return sl_error_wrap(err, err->code, "nothing came of %s of waiting (start.timeout)",
                             sli_duration_of(engine->start_us).text);
    }
    if (w->tries == 0) {
        tell_begin(w, err);
    }
    int64_t until = now + (w->tries < 7 ? (int64_t)10000 << w->tries : 1000000);
    w->tries++;
    sli_signal *told = engine->env.told != NULL ? engine->env.told : engine->give_up;
    return sli_signal_wait(told, until < end ? until : end, NULL) == SL_E_TIMEOUT
               ? SL_OK
               : sl_error_wrap(err, SL_E_CANCELLED, "told to stop before it began");
}

static sl_code ask_again(waiting w, sli_start_fn ask, void *ctx, sl_error *err)
{
    for (;;) {
        *err = SL_ERROR_INIT;
        sl_code rc = ask(ctx, err);
        if (rc == SL_OK) {
            tell_end(&w);
        }
        if (rc == SL_OK || !may_help(&w, err)) {
            return rc;
        }
        SL_TRY(wait_once(&w, err));
    }
}

/// No question outlives the start either, unless that is one try alone.
sl_code sli_start_await(sli_engine *engine, const sli_output *output, sli_start_fn ask, void *ctx,
                        sl_error *err)
{
    waiting w = {engine, output, sli_env_mono_us(engine->world), 0};
    int64_t none = SLI_FOREVER, end = engine->start_us > 0 ? w.since_us + engine->start_us : none;
    (void)atomic_compare_exchange_strong(engine->env.end_us, &none, end);
    sl_code rc = ask_again(w, ask, ctx, err);
    (void)atomic_compare_exchange_strong(engine->env.end_us, &end, SLI_FOREVER);
    return rc;
}
