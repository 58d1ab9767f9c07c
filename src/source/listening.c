// listening.c — what sources that listen share: the door at which senders come, and the way of
// their messages to the engine.
#include "source/source_int.h"

sl_code sli_listening_open(sli_listening *self, const sli_net_protocol *protocol,
                           const sli_url *url, const sl_conf *conf, sl_error *err)
{
    const sli_source_env *env = &self->common.env;
    sli_net_conf door = {.env = env->env,
                         .metrics = env->metrics,
                         .log = env->log,
                         .uid = env->uid == NULL ? "" : env->uid,
                         .modules = env->modules,
                         .protocol = protocol,
                         .ctx = self};
    return sli_net_open(&self->net, &door, url, conf, err);
}

sl_code sli_listening_start(sli_source *source, sli_loop *loop, sli_receive_fn take, void *ctx,
                            sl_error *err)
{
    sli_listening *self = (sli_listening *)source;
    self->take = take;
    self->take_ctx = ctx;
    SL_TRY(sli_net_start(self->net, loop, err));
    self->running = true;
    sli_source_event(&self->common, SLI_EV_RECEIVER_STARTED, NULL);
    return SL_OK;
}

void sli_listening_stop(sli_source *source)
{
    sli_listening *self = (sli_listening *)source;
    if (self->running) {
        self->running = false;
        sli_net_stop(self->net);
        sli_source_event(&self->common, SLI_EV_RECEIVER_STOPPED, NULL);
    }
}

bool sli_listening_ended(const sli_source *source)
{
    (void)source;
    return false;
}

void sli_listening_give(sli_listening *self, const sli_str *messages)
{
    self->paused = !self->take(self->take_ctx, messages->data, messages->size, SLI_TAIL_OPEN);
}
