// session.c — a connection to the simulated server, and its requests.
//
// A request is counted, and may be the one whose answer is lost: then it was done, or not, and the
// connection is lost with it. A transaction whose client is gone the server ends in its own time,
// so its lock may stay for a while, and a commit may take effect late.
#include "postgres/sim/psim_int.h"

enum {
    LOCK_WAIT_US = 1000000, ///< for a mark that somebody has locked
    LATE_US = 3000000,      ///< what a server may take until it notices that a client is gone
};

struct sli_pg {
    struct sli_pg *next;
    sli_pg_server *server;
    sl_env *env;
    char *name;
    psim_txn *txn;    ///< NULL: none
    psim_write *copy; ///< that is under way; NULL: none
    bool is_lost, has_failed;
};

typedef enum psim_fate { HEARD, UNHEARD, UNDONE } psim_fate;

// ---------------------------------------------------------------- requests

static void drop_copy(sli_pg *self)
{
    if (self->copy != NULL) {
        sli_str_reset(&self->copy->lines);
        sl_free(self->copy);
        self->copy = NULL;
    }
}

/// The client and its transaction part.
static void leave(sli_pg *self, bool commits)
{
    drop_copy(self);
    if (self->txn != NULL) {
        psim_txn_leave(self->server, self->txn, commits, LATE_US);
        self->txn = NULL;
    }
}

void psim_session_break(sli_pg *self)
{
    leave(self, false);
    self->is_lost = true;
}

static sl_code lost(sl_error *err)
{
    return sl_error_set(err, SL_E_TIMEOUT, "postgres: the connection to the server was lost");
}

static bool is_away(const sli_pg_server *server)
{
    return sli_world_mono_us(server->world) < server->away_until_us;
}

static psim_fate draw_fate(sli_pg_server *server)
{
    server->n_requests++;
    return server->n_requests != server->lose_at ? HEARD : server->lose_done ? UNHEARD : UNDONE;
}

static sl_code request(sli_pg *self, psim_fate *fate, sl_error *err)
{
    if (sli_world_is_dead(self->env)) {
        return sl_error_set(err, SL_E_CRASHED, "the simulated process is dead");
    }
    if (self->is_lost || self->has_failed) {
        return self->is_lost ? lost(err)
                             : sl_error_set(err, SL_E_STATE, "postgres: the transaction failed");
    }
    psim_txns_tick(self->server);
    *fate = draw_fate(self->server);
    if (*fate == UNDONE) {
        psim_session_break(self);
        return lost(err);
    }
    return SL_OK;
}

/// What a request that was done ends with.
static sl_code answer(sli_pg *self, psim_fate fate, sl_code rc, sl_error *err)
{
    self->has_failed = rc != SL_OK && rc != SL_E_NOT_FOUND;
    if (fate == HEARD) {
        return rc;
    }
    psim_session_break(self);
    return lost(err);
}

static sl_code wait_us(const sli_pg *self, int64_t until_us, sl_error *err)
{
    sli_signal *never = sli_signal_new(self->env);
    if (never == NULL) {
        return sl_error_nomem(err, 0, "what a connection waits for");
    }
    sl_code rc = sli_signal_wait(never, until_us, err);
    sli_signal_free(never);
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

// ---------------------------------------------------------------- opening and closing

static const char *setting(const sli_pg_conf *conf, const char *name)
{
    const char *value = NULL;
    for (int32_t i = 0; i < conf->n_settings; i++) {
        value = strcmp(conf->settings[i].name, name) == 0 ? conf->settings[i].value : value;
    }
    return value;
}

static sl_code let_in(const sli_pg_server *server, const sli_pg_conf *conf, sl_error *err)
{
    const char *password = setting(conf, "password");
    if (is_away(server)) {
        return sl_error_set(err, SL_E_TIMEOUT, "postgres: connection refused");
    }
    return server->password == NULL || (password != NULL && strcmp(password, server->password) == 0)
               ? SL_OK
               : sl_error_set(err, SL_E_CONFIG, "postgres: password authentication failed");
}

static sl_code sim_open(sli_pg **out, const sli_pg_conf *conf, int64_t deadline_us, sl_error *err)
{
    const sli_module *module = sli_world_module_of(conf->env, "postgres_pq");
    SL_ASSERT(module != NULL, "a simulated connection is opened in a world without a server");
    sli_pg_server *server = (sli_pg_server *)(uintptr_t)module;
    (void)deadline_us;
    sli_pg *self = sl_alloc_zero(SLI_TAG_ENV, sizeof *self);
    char *name = sl_strdup(SLI_TAG_ENV, conf->session);
    psim_fate fate = HEARD;
    sl_code rc = self == NULL || name == NULL
                     ? sl_error_nomem(err, sizeof *self, "a connection to PostgreSQL")
                     : SL_OK;
    if (rc == SL_OK) {
        *self = (sli_pg){.server = server, .env = conf->env, .name = name};
        rc = request(self, &fate, err);
    }
    rc = rc == SL_OK ? let_in(server, conf, err) : rc;
    rc = rc == SL_OK && fate != HEARD ? lost(err) : rc;
    if (rc != SL_OK) {
        sl_free(name);
        sl_free(self);
        return rc;
    }
    self->next = server->sessions;
    server->sessions = self;
    *out = self;
    return SL_OK;
}

static void sim_close(sli_pg *self)
{
    if (self == NULL) {
        return;
    }
    sli_pg **at = &self->server->sessions;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    if (sli_world_is_dead(self->env)) {
        leave(self, false);
    } else if (self->txn != NULL) {
        psim_txn_end(self->server, self->txn, false);
    }
    drop_copy(self);
    sl_free(self->name);
    sl_free(self);
}

// ---------------------------------------------------------------- questions

static sl_code no_table(const char *name, sl_error *err)
{
    return sl_error_set(err, SL_E_NOT_FOUND, "postgres: relation \"%s\" does not exist", name);
}

static sl_code tell_columns(const sli_pg *self, const sli_pg_what *what, sli_pg_column_fn each,
                            void *ctx, sl_error *err)
{
    if (what->query != NULL) {
        return sl_error_set(err, SL_E_INVALID, "postgres: the simulated server reads tables alone");
    }
    const psim_table *t = psim_table_find(self->server, what->table);
    return t == NULL ? no_table(what->table, err) : psim_columns_tell(t, each, ctx, err);
}

static sl_code sim_columns(sli_pg *self, const sli_pg_what *what, int64_t deadline_us,
                           sli_pg_column_fn each, void *ctx, sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    return answer(self, fate, tell_columns(self, what, each, ctx, err), err);
}

static sl_code prepare(const sli_pg *self, const sli_pg_target *target, sl_error *err)
{
    const psim_table *t = psim_table_find(self->server, target->table);
    if (t == NULL) {
        return target->create ? psim_table_make(self->server, target, err)
                              : no_table(target->table, err);
    }
    return psim_table_fits(t, target, err);
}

static sl_code sim_prepare(sli_pg *self, const sli_pg_target *target, int64_t deadline_us,
                           sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    return answer(self, fate, prepare(self, target, err), err);
}

static sl_code sim_make_marks(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                              sl_error *err)
{
    psim_fate fate = HEARD;
    (void)owner;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    self->server->has_marks = true;
    return answer(self, fate, SL_OK, err);
}

static sl_code sim_end_others(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    for (sli_pg *s = self->server->sessions; s != NULL; s = s->next) {
        if (s != self && strcmp(s->name, self->name) == 0) {
            psim_session_break(s);
        }
    }
    psim_txns_end_of(self->server, self->name, self->txn);
    return answer(self, fate, SL_OK, err);
}

static sl_code sim_marked(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                          sli_pg_mark *out, sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    const psim_mark *m = psim_mark_find(self->server, owner->job, owner->uid);
    *out = m == NULL ? (sli_pg_mark){0} : m->at;
    return answer(self, fate, SL_OK, err);
}

// ---------------------------------------------------------------- a transaction

static sl_code lock_mark(sli_pg *self, psim_mark *mark, int64_t deadline_us, sl_error *err)
{
    int64_t until = sli_env_mono_us(self->env) + LOCK_WAIT_US;
    until = until < deadline_us ? until : deadline_us;
    if (psim_is_locked(self->server, mark)) {
        SL_TRY(wait_us(self, until, err));
        psim_txns_tick(self->server);
    }
    if (self->is_lost) {
        return lost(err);
    }
    return psim_is_locked(self->server, mark)
               ? sl_error_set(err, SL_E_BUSY, "postgres: another session has the lock on the mark")
               : SL_OK;
}

static sl_code begin(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sli_pg_mark *out,
                     sl_error *err)
{
    if (!self->server->has_marks) {
        return no_table("sluice_marks", err);
    }
    psim_mark *mark = psim_mark_of(self->server, owner);
    if (mark == NULL) {
        return sl_error_nomem(err, sizeof *mark, "a mark");
    }
    SL_TRY(lock_mark(self, mark, deadline_us, err));
    self->txn = psim_txn_begin(self->server, self->name, mark);
    if (self->txn == NULL) {
        return sl_error_nomem(err, sizeof *self->txn, "a transaction");
    }
    *out = mark->at;
    return SL_OK;
}

static sl_code sim_begin(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                         sli_pg_mark *out, sl_error *err)
{
    psim_fate fate = HEARD;
    SL_TRY(request(self, &fate, err));
    return answer(self, fate, begin(self, owner, deadline_us, out, err), err);
}

static sl_code start_copy(sli_pg *self, const sli_pg_target *target, sl_error *err)
{
    psim_table *t = psim_table_find(self->server, target->table);
    sl_code refusal = self->server->refusal;
    self->server->refusal = SL_OK;
    if (t == NULL || self->txn == NULL) {
        return t == NULL ? no_table(target->table, err)
                         : sl_error_set(err, SL_E_STATE, "postgres: no transaction has begun");
    }
    if (refusal != SL_OK) {
        return sl_error_set(err, refusal, "postgres: the server refuses the rows");
    }
    psim_write *w = sl_alloc_zero(SLI_TAG_ENV, sizeof *w);
    if (w == NULL) {
        return sl_error_nomem(err, sizeof *w, "a COPY");
    }
    *w = (psim_write){.table = t, .upsert = target->upsert, .deletes = target->deletes};
    self->copy = w;
    return SL_OK;
}

static sl_code sim_copy(sli_pg *self, const sli_pg_target *target, int64_t deadline_us,
                        sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    return answer(self, fate, start_copy(self, target, err), err);
}

static sl_code sim_put(sli_pg *self, const char *data, size_t size, int64_t deadline_us,
                       sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    sli_str_add(&self->copy->lines, data, size);
    return answer(self, fate, sli_str_check(&self->copy->lines, "rows", err), err);
}

static sl_code end_copy(sli_pg *self, sl_error *err)
{
    psim_write *w = self->copy;
    SL_TRY(psim_rows_check(w->table, (sl_text){w->lines.data, w->lines.size}, w->deletes, err));
    *self->txn->writes_end = w;
    self->txn->writes_end = &w->next;
    self->copy = NULL;
    return SL_OK;
}

static sl_code sim_copied(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    return answer(self, fate, end_copy(self, err), err);
}

static sl_code sim_mark(sli_pg *self, const sli_pg_owner *owner, const sli_pg_mark *mark,
                        int64_t deadline_us, sl_error *err)
{
    psim_fate fate = HEARD;
    (void)owner;
    (void)deadline_us;
    SL_TRY(request(self, &fate, err));
    SL_ASSERT(self->txn != NULL, "a mark is written in the transaction that has locked it");
    self->txn->has_mark = true;
    self->txn->mark = *mark;
    return answer(self, fate, SL_OK, err);
}

/// A commit that was heard of is durable; of another one nobody knows, and it may come late.
static sl_code sim_commit(sli_pg *self, int64_t deadline_us, sli_pg_outcome *outcome, sl_error *err)
{
    psim_fate fate = HEARD;
    (void)deadline_us;
    sl_code rc = request(self, &fate, err);
    if (rc == SL_E_TIMEOUT || (rc == SL_OK && fate == UNHEARD)) {
        leave(self, fate == UNHEARD);
        self->is_lost = true;
        *outcome = SLI_PG_UNKNOWN;
        return SL_OK;
    }
    SL_TRY(rc);
    psim_txn_end(self->server, self->txn, true);
    self->txn = NULL;
    *outcome = SLI_PG_COMMITTED;
    return SL_OK;
}

// ---------------------------------------------------------------- reading

static sl_code read_table(const sli_pg *self, const sli_pg_what *what, sli_pg_bytes_fn each,
                          void *ctx, sl_error *err)
{
    sli_str rows = {.tag = SLI_TAG_ENV};
    const psim_table *t = what->query == NULL ? psim_table_find(self->server, what->table) : NULL;
    if (t == NULL) {
        return no_table(what->query == NULL ? what->table : what->query, err);
    }
    psim_rows_csv(t, &rows);
    sl_code rc = sli_str_check(&rows, "rows", err);
    if (rc == SL_OK && rows.size > 0) {
        rc = each(ctx, rows.data, rows.size, err);
    }
    sli_str_reset(&rows);
    return rc;
}

static sl_code sim_read(sli_pg *self, const sli_pg_what *what, int64_t silence_us,
                        sli_pg_bytes_fn each, void *ctx, sl_error *err)
{
    psim_fate fate = HEARD;
    (void)silence_us;
    SL_TRY(request(self, &fate, err));
    return answer(self, fate, read_table(self, what, each, ctx, err), err);
}

static void sim_names(void (*each)(void *ctx, const char *name), void *ctx)
{
    static const char *const names[] = {"user",    "password",    "host",    "port",
                                        "dbname",  "sslmode",     "options", "sslrootcert",
                                        "sslcert", "sslpassword", "passfile"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        each(ctx, names[i]);
    }
}

void sli_pg_server_away(sli_pg_server *server, int64_t for_us)
{
    int64_t now = sli_world_mono_us(server->world);
    server->away_until_us = for_us < SLI_FOREVER - now ? now + for_us : SLI_FOREVER;
    for (sli_pg *s = server->sessions; for_us > 0 && s != NULL; s = s->next) {
        psim_session_break(s);
    }
    if (for_us > 0) { // what was open is undone, what was decided is on its disk
        psim_txns_settle(server);
    }
}

const sli_pg_ops sli_pg_simulated = {
    .struct_size = sizeof(sli_pg_ops),
    .open = sim_open,
    .close = sim_close,
    .columns = sim_columns,
    .prepare = sim_prepare,
    .make_marks = sim_make_marks,
    .end_others = sim_end_others,
    .begin = sim_begin,
    .marked = sim_marked,
    .copy = sim_copy,
    .put = sim_put,
    .copied = sim_copied,
    .mark = sim_mark,
    .commit = sim_commit,
    .read = sim_read,
    .names = sim_names,
};
