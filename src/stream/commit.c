// What the committer does with a sealed group: every sink makes its share visible, in order of
// definition.
#include "stream/engine_int.h"

static sl_code commit_sink(sli_group *group, sli_output *output, sli_share *share, sl_error *err)
{
    if (output->sink->ops->stage != NULL) {
        return output->sink->ops->commit(output->sink, group->number, share->receipt, NULL, err);
    }
    sli_kept_outbox outbox = sli_outbox_of_share(group->engine, share);
    return output->sink->ops->commit(output->sink, group->number, (sl_bytes){NULL, 0}, &outbox.base,
                                     err);
}

/// An idle group has no number: displays show its epochs, sinks that gather groups what is due.
static sl_code commit_idle(sli_group *group, sli_output *output, sli_share *share, sl_error *err)
{
    const sli_sink_ops *ops = output->sink->ops;
    if (ops->rows_wanted != NULL) {
        return commit_sink(group, output, share, err);
    }
    return ops->show == NULL ? SL_OK : ops->show(output->sink, false, err);
}

sl_code sli_sinks_commit(sli_group *group, sl_error *err)
{
    sli_engine *engine = group->engine;
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (output->kind != SLI_OUT_SINK || (group->number > 0 && !sli_group_has(group, i))) {
            continue;
        }
        sl_code rc = group->number == 0 ? commit_idle(group, output, &group->shares[i], err)
                                        : commit_sink(group, output, &group->shares[i], err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "commit group %lld of output %s",
                                 (long long)group->number, output->uid);
        }
    }
    return SL_OK;
}

/// Waits a little longer each time, up to a second. False: it was told to give up.
static bool wait_for_sink(sli_engine *engine, int32_t attempt, int64_t deadline_us)
{
    int64_t pause_us = attempt < 7 ? (int64_t)10000 << attempt : 1000000;
    int64_t until = sli_env_mono_us(engine->world) + pause_us;
    if (until > deadline_us) {
        return false;
    }
    return sli_signal_wait(engine->give_up, until, NULL) == SL_E_TIMEOUT;
}

/// A commit may be repeated at will, so a sink that is busy or down is asked again; readers wait,
/// nothing is lost.
sl_code sli_group_commit(sli_group *group)
{
    sli_engine *engine = group->engine;
    int64_t begun = sli_env_mono_us(engine->world);
    sl_code rc = SL_OK;
    sli_env_phase(engine->world, "commit");
    for (int32_t attempt = 0;; attempt++) {
        group->error = SL_ERROR_INIT;
        rc = sli_sinks_commit(group, &group->error);
        bool again = rc != SL_OK && sl_error_action(&group->error) == SL_ACT_RETRY_TASK;
        if (!again || engine->inline_commit) {
            break;
        }
        SLI_LOG(engine->log, SLI_WARN, "stream", "waiting for a sink: %s", group->error.text);
        if (!wait_for_sink(engine, attempt, begun + engine->retry_us)) {
            break;
        }
    }
    int64_t committed = sli_env_mono_us(engine->world);
    group->commit_us = committed - begun;
    sli_progress_group(group, SLI_EV_GROUP_COMMITTED, begun, committed, rc);
    return rc;
}
