/// gate.c — the contract over itself: each call that contacts the server is announced to env, which
/// may say that it fails or that the process is dead (as kafka/gate.c).
#include "postgres/postgres.h"

struct sli_pg {
    const sli_pg_ops *ops; ///< of what is behind
    sli_pg *client;
    sl_env *env;
};

static sl_code gate_open(sli_pg **out, const sli_pg_conf *conf, int64_t deadline_us, sl_error *err)
{
    sli_pg *self = sl_alloc_zero(SLI_TAG_SINK, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a connection to PostgreSQL");
    }
    *self = (sli_pg){.ops = conf->inner, .env = conf->env};
    sl_code rc = sli_env_outside(conf->env, SLI_OUTSIDE_POSTGRES_OPEN, err);
    if (rc == SL_OK) {
        rc = self->ops->open(&self->client, conf, deadline_us, err);
    }
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static void gate_close(sli_pg *self)
{
    if (self != NULL) {
        self->ops->close(self->client);
        sl_free(self);
    }
}

static sl_code gate_columns(sli_pg *self, const sli_pg_what *what, int64_t deadline_us,
                            sli_pg_column_fn each, void *ctx, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_ASK, err));
    return self->ops->columns(self->client, what, deadline_us, each, ctx, err);
}

static sl_code gate_prepare(sli_pg *self, const sli_pg_target *target, int64_t deadline_us,
                            sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_ASK, err));
    return self->ops->prepare(self->client, target, deadline_us, err);
}

static sl_code gate_make_marks(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                               sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_ASK, err));
    return self->ops->make_marks(self->client, owner, deadline_us, err);
}

static sl_code gate_end_others(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_ASK, err));
    return self->ops->end_others(self->client, deadline_us, err);
}

static sl_code gate_begin(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                          sli_pg_mark *out, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_BEGIN, err));
    return self->ops->begin(self->client, owner, deadline_us, out, err);
}

static sl_code gate_marked(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                           sli_pg_mark *out, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_ASK, err));
    return self->ops->marked(self->client, owner, deadline_us, out, err);
}

static sl_code gate_copy(sli_pg *self, const sli_pg_target *target, int64_t deadline_us,
                         sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_COPY, err));
    return self->ops->copy(self->client, target, deadline_us, err);
}

static sl_code gate_put(sli_pg *self, const char *data, size_t size, int64_t deadline_us,
                        sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_COPY, err));
    return self->ops->put(self->client, data, size, deadline_us, err);
}

static sl_code gate_copied(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_COPY, err));
    return self->ops->copied(self->client, deadline_us, err);
}

static sl_code gate_mark(sli_pg *self, const sli_pg_owner *owner, const sli_pg_mark *mark,
                         int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_MARK, err));
    return self->ops->mark(self->client, owner, mark, deadline_us, err);
}

static sl_code gate_commit(sli_pg *self, int64_t deadline_us, sli_pg_outcome *outcome,
                           sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_COMMIT, err));
    return self->ops->commit(self->client, deadline_us, outcome, err);
}

static sl_code gate_read(sli_pg *self, const sli_pg_what *what, int64_t silence_us,
                         sli_pg_bytes_fn each, void *ctx, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_POSTGRES_READ, err));
    return self->ops->read(self->client, what, silence_us, each, ctx, err);
}

const sli_pg_ops sli_pg_gate = {
    .struct_size = sizeof(sli_pg_ops),
    .open = gate_open,
    .close = gate_close,
    .columns = gate_columns,
    .prepare = gate_prepare,
    .make_marks = gate_make_marks,
    .end_others = gate_end_others,
    .begin = gate_begin,
    .marked = gate_marked,
    .copy = gate_copy,
    .put = gate_put,
    .copied = gate_copied,
    .mark = gate_mark,
    .commit = gate_commit,
    .read = gate_read,
    // names: asked before a connection is opened, of what is behind
};
