// stdin.c — standard input as a receiver; it ends where the input ends.
#include "source/source_int.h"

#include <stdatomic.h>

typedef struct stdin_source {
    sli_source_common common;
    sli_intake intake;
    sli_loop *loop;
    sli_socket *socket; ///< NULL before start and after the end
    bool started;
    /// Set by io before its last `take`; whoever sees it true has only to wait for what was taken
    /// until then.
    _Atomic bool ended;
} stdin_source;

static const sl_option options[] = {{0}};

static void on_ready(void *ctx, int32_t ready);

static stdin_source *self_of(sli_source *source)
{
    return (stdin_source *)source;
}

static sl_code stdin_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    if (url->host.size > 0 || url->path.size > 0 || url->port >= 0) {
        return sl_error_set(err, SL_E_CONFIG, "standard input has neither host nor path: stdin:");
    }
    sli_source_common *common = NULL;
    SL_TRY(
        sli_source_alloc(&common, sizeof(stdin_source), &sli_source_stdin, conf, env, NULL, err));
    *out = &common->base;
    return SL_OK;
}

static void let_go(stdin_source *self)
{
    if (self->socket != NULL) {
        sli_socket_close(&self->socket);
    }
}

static void ended(stdin_source *self, sl_code rc, const sl_error *why)
{
    let_go(self);
    if (rc != SL_E_END) {
        SLI_LOG(self->common.env.log, SLI_ERROR, "source",
                "standard input can't be read any more and counts as ended: %s", why->text);
        sli_source_event(&self->common, SLI_EV_RECEIVER_ERROR, why);
    }
    atomic_store(&self->ended, true);
    sli_intake_end(&self->intake, rc);
    sli_source_event(&self->common, SLI_EV_RECEIVER_STOPPED, NULL);
}

static sl_code watch(stdin_source *self, sl_error *err)
{
    return sli_loop_watch(self->loop, self->socket, self->intake.paused ? 0 : SLI_READABLE,
                          on_ready, self, err);
}

static void on_ready(void *ctx, int32_t ready)
{
    stdin_source *self = ctx;
    sl_error error = SL_ERROR_INIT;
    (void)ready;
    sl_code rc = sli_intake_read(&self->intake, self->socket, &error);
    if (rc == SL_OK && self->intake.paused) {
        rc = watch(self, &error);
    }
    if (rc != SL_OK) {
        ended(self, rc, &error);
    }
}

static sl_code stdin_start(sli_source *source, sli_loop *loop, sli_receive_fn take, void *ctx,
                           sl_error *err)
{
    stdin_source *self = self_of(source);
    SL_ASSERT(!self->started, "a receiver is started once");
    self->loop = loop;
    self->intake.common = &self->common;
    self->intake.take = take;
    self->intake.ctx = ctx;
    SL_TRY(sli_socket_stdin(self->common.env.env, &self->socket, err));
    sl_code rc = watch(self, err);
    if (rc != SL_OK) {
        let_go(self);
        return rc;
    }
    self->started = true;
    sli_source_event(&self->common, SLI_EV_RECEIVER_STARTED, NULL);
    return SL_OK;
}

static void stdin_resume(sli_source *source)
{
    stdin_source *self = self_of(source);
    sl_error error = SL_ERROR_INIT;
    if (!self->intake.paused) {
        return;
    }
    self->intake.paused = false;
    if (self->socket != NULL) {
        sl_code rc = watch(self, &error);
        if (rc != SL_OK) {
            ended(self, rc, &error);
        }
    }
}

static void stdin_stop(sli_source *source)
{
    stdin_source *self = self_of(source);
    if (self->socket != NULL) {
        let_go(self);
        sli_source_event(&self->common, SLI_EV_RECEIVER_STOPPED, NULL);
    }
}

static bool stdin_ended(const sli_source *source)
{
    return atomic_load(&((const stdin_source *)source)->ended);
}

static void stdin_close(sli_source *source)
{
    stdin_stop(source);
    sli_source_common_free(&self_of(source)->common);
}

const sli_source_ops sli_source_stdin = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "stdin",
    .text = "Standard input, until its end: stdin:",
    .kind = SLI_SOURCE_RECEIVER,
    .options = options,
    .formatted = true,
    .open = stdin_open,
    .schema = sli_source_common_schema,
    .start = stdin_start,
    .resume = stdin_resume,
    .stop = stdin_stop,
    .ended = stdin_ended,
    .format = sli_source_common_format,
    .close = stdin_close,
};
