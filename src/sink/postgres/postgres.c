/// postgres.c — the PostgreSQL sink: a group's rows and its number are one transaction. Options,
/// opening, recovery, the mark's lock; group.c is the rest of it.
#include "sink/postgres/psink_int.h"

#include <inttypes.h>

#include "base/arena.h"
#include "base/hash.h"

enum { UPSERT = 1 }; // of the choices of `mode`

static const sl_option options[] = {
    {.name = "mode",
     .type = SL_OPT_CHOICE,
     .fallback = "append",
     .choices = "append|upsert",
     .flags = SL_OPT_RESULT,
     .text = "append adds rows; upsert replaces rows of equal key, for counts that run on."},
    {.name = "key",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "The columns that make a row's key, separated by commas, for mode=upsert; the table "
             "has a primary key or unique index on them."},
    {.name = "deletes",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "With mode=upsert: the last column, an int64 that is not stored. Where it is below 0 "
             "the row of this key is deleted."},
    {.name = "create",
     .type = SL_OPT_BOOL,
     .fallback = "true",
     .text = "Make the table when it is missing."},
    {.name = "timeout",
     .type = SL_OPT_DURATION,
     .fallback = "60s",
     .low = "1s",
     .high = "1h",
     .text = "How long the server may take for one request of a commit; a large upsert may need "
             "more."},
    SLI_PG_OPTIONS,
    {0},
};

// ---------------------------------------------------------------- the connection and the lock

int64_t sli_psink_deadline(const psink *self)
{
    return sli_env_mono_us(self->env) + self->timeout_us;
}

sl_code sli_psink_connect(psink *self, sl_error *err)
{
    if (self->pg != NULL) {
        return SL_OK;
    }
    sli_pg_conf conf = sli_pg_conf_of(self->settings);
    conf.inner = self->client;
    conf.session = self->session;
    conf.end_us = self->end_us;
    return sli_pg_gate.open(&self->pg, &conf, sli_psink_deadline(self), err);
}

void sli_psink_hang_up(psink *self)
{
    sli_pg_gate.close(self->pg);
    self->pg = NULL;
}

bool sli_psink_may_go_on(psink *self, sl_code rc)
{
    bool was_there = self->pg != NULL;
    sli_psink_hang_up(self);
    return was_there && rc == SL_E_TIMEOUT;
}

static sl_code check_generation(const psink *self, const sli_pg_mark *mark, sl_error *err)
{
    return mark->generation > self->generation && !sli_env_bug(self->env, "no-fence")
               ? sl_error_set(err, SL_E_SUPERSEDED,
                              "%s: a newer driver of this job (generation %" PRId64
                              ", this is %" PRId64 ") writes to it",
                              self->name, mark->generation, self->generation)
               : SL_OK;
}

/// Somebody else of this output has the lock: an older driver, or an earlier connection of ours
/// whose end the server has not noticed. Only the newest driver may end them.
static sl_code take_lock_away(psink *self, sli_pg_mark *mark, sl_error *err)
{
    sli_psink_hang_up(self);
    SL_TRY(sli_psink_connect(self, err));
    SL_TRY(sli_pg_gate.marked(self->pg, &self->owner, sli_psink_deadline(self), mark, err));
    SL_TRY(check_generation(self, mark, err));
    SL_TRY(sli_pg_gate.end_others(self->pg, sli_psink_deadline(self), err));
    return sli_pg_gate.begin(self->pg, &self->owner, sli_psink_deadline(self), mark, err);
}

sl_code sli_psink_begin(psink *self, sli_pg_mark *mark, sl_error *err)
{
    sl_code rc = sli_pg_gate.begin(self->pg, &self->owner, sli_psink_deadline(self), mark, err);
    rc = rc == SL_E_BUSY ? take_lock_away(self, mark, err) : rc;
    if (rc == SL_E_BUSY && err != NULL) {
        (void)sl_error_act(err, SL_ACT_RETRY_TASK); // somebody of another name has it
    }
    SL_TRY(rc);
    return check_generation(self, mark, err);
}

// ---------------------------------------------------------------- recovery

/// From here on no older driver can commit: the mark has a newer generation.
static sl_code sign(psink *self, sli_pg_mark *mark, sl_error *err)
{
    sli_pg_outcome outcome = SLI_PG_UNKNOWN;
    SL_TRY(sli_psink_begin(self, mark, err));
    bool skip = mark->generation > 0 && sli_env_bug(self->env, "no-fence");
    sli_pg_mark mine = {mark->group, skip ? mark->generation : self->generation};
    SL_TRY(sli_pg_gate.mark(self->pg, &self->owner, &mine, sli_psink_deadline(self), err));
    SL_TRY(sli_pg_gate.commit(self->pg, sli_psink_deadline(self), &outcome, err));
    return outcome == SLI_PG_COMMITTED
               ? SL_OK
               : sl_error_set(err, SL_E_TIMEOUT, "%s: the connection was lost at the start",
                              self->name);
}

static sl_code recover_parts(psink *self, sli_pg_mark *mark, sl_error *err)
{
    SL_TRY(sli_psink_connect(self, err));
    SL_TRY(sli_psink_columns_fit(&self->columns, self->pg, &self->target, sli_psink_deadline(self),
                                 err));
    SL_TRY(sli_pg_gate.prepare(self->pg, &self->target, sli_psink_deadline(self), err));
    SL_TRY(sli_pg_gate.make_marks(self->pg, &self->owner, sli_psink_deadline(self), err));
    return sign(self, mark, err);
}

static sl_code postgres_recover(sli_sink *sink, int64_t *last_committed, sl_error *err)
{
    psink *self = (psink *)sink;
    sli_pg_mark mark = {0};
    sl_code rc = SL_E_TIMEOUT;
    bool again = true;
    for (int32_t i = 0; again && i < PSINK_TRIES; i++) {
        rc = recover_parts(self, &mark, err);
        again = rc != SL_OK && sli_psink_may_go_on(self, rc);
    }
    *last_committed = rc == SL_OK ? mark.group : *last_committed;
    return rc;
}

// ---------------------------------------------------------------- opening and closing

static void postgres_close(sli_sink *sink)
{
    psink *self = (psink *)sink;
    sli_psink_hang_up(self);
    sl_schema_unref(self->columns.schema);
    sli_pg_settings_free(self->settings);
    sl_arena_free(self->arena);
    sl_free(self);
}

/// At most 63 bytes, and the same in every life of the job.
static const char *session_of(sl_arena *arena, const sli_sink_env *env)
{
    return sl_arena_printf(arena, "sluice %s %016llx", env->job_id,
                           (unsigned long long)sli_hash64(env->uid, strlen(env->uid)));
}

static sl_code name_parts(psink *self, const sli_url *url, const sli_sink_env *env, sl_error *err)
{
    const char *schema = NULL, *table = NULL;
    SL_TRY(sli_pg_table_of(url, self->arena, &schema, &table, err));
    if (table[0] == '\0') {
        return sl_error_set(err, SL_E_CONFIG,
                            "a table is needed: \"postgres://USER@HOST/DATABASE/TABLE\"");
    }
    self->name = schema == NULL ? table : sl_arena_printf(self->arena, "%s.%s", schema, table);
    self->session = session_of(self->arena, env);
    self->owner = (sli_pg_owner){.schema = schema,
                                 .job = sl_arena_strdup(self->arena, env->job_id),
                                 .uid = sl_arena_strdup(self->arena, env->uid)};
    self->target.schema = schema;
    self->target.table = table;
    return self->name == NULL || self->session == NULL || self->owner.job == NULL ||
                   self->owner.uid == NULL
               ? sl_error_nomem(err, sizeof *self, "PostgreSQL sink")
               : SL_OK;
}

static sl_code take_columns(psink *self, const sl_conf *conf, const sl_schema *schema,
                            const char *key, sl_error *err)
{
    sl_schema *stored = NULL;
    int32_t mark = -1;
    SL_TRY(sli_sink_deletes(conf, schema, &stored, &mark, err));
    sl_code rc =
        mark >= 0 && !self->target.upsert
            ? sl_error_set(err, SL_E_CONFIG, "option deletes goes with mode=upsert and key=")
            : sli_psink_columns_new(&self->columns, stored, key, self->arena, err);
    if (rc != SL_OK) {
        sl_schema_unref(stored);
        return rc;
    }
    self->columns.schema = stored;
    self->columns.mark = mark;
    self->target.deletes = mark >= 0;
    return SL_OK;
}

static sl_code open_parts(psink *self, const sli_url *url, const sl_conf *conf,
                          const sli_sink_env *env, sl_error *err)
{
    const char *key = sl_conf_text(conf, "key");
    self->arena = sl_arena_new(SLI_TAG_SINK);
    if (self->arena == NULL) {
        return sl_error_nomem(err, sizeof *self, "PostgreSQL sink");
    }
    if ((key != NULL) != self->target.upsert) {
        return sl_error_set(err, SL_E_CONFIG, "options mode=upsert and key= go together");
    }
    SL_TRY(name_parts(self, url, env, err));
    SL_TRY(take_columns(self, conf, env->schema, key, err));
    self->target.fields = self->columns.fields;
    self->target.n_fields = self->columns.n;
    SL_TRY(sli_pg_settings_new(&self->settings, url, conf, env->env, err));
    return sli_pg_load(&self->client, self->settings, env->modules, err);
}

static sl_code postgres_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                             const sli_sink_env *env, sl_error *err)
{
    psink *self = sl_alloc_zero(SLI_TAG_SINK, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "PostgreSQL sink");
    }
    self->base.ops = &sli_sink_postgres;
    self->env = env->env;
    self->generation = env->generation;
    self->timeout_us = sl_conf_int64(conf, "timeout");
    self->end_us = env->end_us;
    self->target.upsert = sl_conf_choice(conf, "mode") == UPSERT;
    self->target.create = sl_conf_bool(conf, "create");
    sl_code rc = open_parts(self, url, conf, env, err);
    if (rc != SL_OK) {
        postgres_close(&self->base);
        return rc;
    }
    *out = &self->base;
    return SL_OK;
}

const sli_sink_ops sli_sink_postgres = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "postgres",
    .text = "Fills a table of a PostgreSQL database by COPY, each group of epochs in one "
            "transaction.",
    .guarantee = SLI_EXACTLY_ONCE,
    .options = options,
    .open = postgres_open,
    .recover = postgres_recover,
    .commit = sli_psink_commit,
    .close = postgres_close,
    .elsewhere = true,
    .check = sli_psink_check,
};
