// What the committer does with a sealed group: every sink makes its share visible, in order of
// definition. One that is busy or down is waited for, and the group goes on where it stopped.
#include "stream/engine_int.h"

static sl_code commit_sink(sli_group *group, sli_output *output, sli_share *share, sl_error *err)
{
    if (output->sink->ops->stage != NULL) {
        return output->sink->ops->commit(output->sink, group->number, share->receipt, NULL, err);
    }
    sli_kept_outbox outbox = sli_outbox_of_kept(group->engine, share->kept, share->n_kept);
    return output->sink->ops->commit(output->sink, group->number, (sl_bytes){NULL, 0}, &outbox.base,
                                     err);
}

/// An idle group has no number: displays show its epochs, sinks that gather groups what is due.
/// Letters have a part in groups that have some.
static sl_code commit_none(sli_group *group, sli_output *output, sli_share *share, sl_error *err)
{
    const sli_sink_ops *ops = output->sink->ops;
    if (group->keeps && ops->keep != NULL) {
        SL_TRY(ops->keep(output->sink, err));
    }
    if (group->number > 0) {
        return SL_OK;
    }
    if (ops->rows_wanted != NULL) {
        return commit_sink(group, output, share, err);
    }
    return ops->show == NULL ? SL_OK : ops->show(output->sink, false, err);
}

sl_code sli_sinks_commit(sli_group *group, sl_error *err)
{
    sli_engine *engine = group->engine;
    for (; group->next_output < engine->graph->n_outputs; group->next_output++) {
        int32_t i = group->next_output;
        sli_output *output = &engine->graph->outputs[i];
        if (output->kind != SLI_OUT_SINK) {
            continue;
        }
        bool has = group->number > 0 && sli_group_has(group, i);
        sl_code rc = has ? commit_sink(group, output, &group->shares[i], err)
                         : commit_none(group, output, &group->shares[i], err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "commit group %lld of output %s",
                                 (long long)group->number, output->uid);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a sink that is busy or down

/// The committer waits for one sink of a group.
typedef struct waiting {
    bool began;
    int32_t output, tries;
    int64_t since_us;
} waiting;

static void tell_begin(const sli_group *group)
{
    const sli_engine *engine = group->engine;
    SLI_LOG(engine->log, SLI_WARN, "stream",
            "waiting for a sink: %s; until it goes on up to %lld groups (commit.max_pending) "
            "gather, with up to %lld bytes of rows (outbox.max), then no further epoch begins",
            group->error.text, (long long)engine->max_pending, (long long)engine->outbox_max);
}

static void tell_end(const sli_group *group, const waiting *w)
{
    const sli_engine *engine = group->engine;
    SLI_LOG(engine->log, SLI_WARN, "stream", "output %s goes on with group %lld, after %lld ms",
            engine->graph->outputs[w->output].uid, (long long)group->number,
            (long long)((sli_env_mono_us(engine->world) - w->since_us) / 1000));
}

/// A server may be away for long: unless the job says how long, it is waited for.
static int64_t deadline_of(const sli_engine *engine, const waiting *w)
{
    const sli_sink *sink = engine->graph->outputs[w->output].sink;
    return sink->ops->elsewhere && !engine->retry_is_set ? SLI_FOREVER
                                                         : w->since_us + engine->retry_us;
}

/// Waits a little longer each time, up to a second. False: it was told to give up.
static bool wait_for_sink(sli_group *group, waiting *w)
{
    sli_engine *engine = group->engine;
    int64_t now = sli_env_mono_us(engine->world);
    if (!w->began || w->output != group->next_output) {
        *w = (waiting){.began = true, .output = group->next_output, .since_us = now};
        tell_begin(group);
    }
    int64_t until = now + (w->tries < 7 ? (int64_t)10000 << w->tries : 1000000);
    w->tries++;
    return until <= deadline_of(engine, w) &&
           sli_signal_wait(engine->give_up, until, NULL) == SL_E_TIMEOUT;
}

/// A commit may be repeated at will, so a sink that is busy or down is asked again; readers wait,
/// nothing is lost.
sl_code sli_group_commit(sli_group *group)
{
    sli_engine *engine = group->engine;
    int64_t begun = sli_env_mono_us(engine->world);
    waiting w = {0};
    sl_code rc = SL_OK;
    sli_env_phase(engine->world, "commit");
    group->next_output = 0;
    for (bool again = true; again;) {
        group->error = SL_ERROR_INIT;
        rc = sli_sinks_commit(group, &group->error);
        if (w.began && group->next_output > w.output) {
            tell_end(group, &w);
            w.began = false;
        }
        again = rc != SL_OK && sl_error_action(&group->error) == SL_ACT_RETRY_TASK &&
                !engine->inline_commit && wait_for_sink(group, &w);
    }
    int64_t committed = sli_env_mono_us(engine->world);
    group->commit_us = committed - begun;
    sli_progress_group(group, SLI_EV_GROUP_COMMITTED, begun, committed, rc);
    return rc;
}
