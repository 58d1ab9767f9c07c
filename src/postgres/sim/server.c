// server.c — the simulated server as a whole: made, freed, hurt, looked at.
#include "postgres/sim/psim_int.h"

sli_pg_server *sli_pg_server_new(sli_world *world)
{
    sli_pg_server *server = sl_alloc_zero(SLI_TAG_ENV, sizeof *server);
    if (server == NULL) {
        return NULL;
    }
    server->module = (sli_module){.struct_size = sizeof(sli_module),
                                  .name = "postgres_pq",
                                  .needs = "nothing: a simulated server",
                                  .abi = SLI_PG_ABI,
                                  .table = &sli_pg_simulated};
    server->world = world;
    server->rng = sli_world_rng(world, "postgres");
    bool is_there = sli_world_module(world, "postgres_pq", &server->module);
    SL_ASSERT(is_there, "a world with a server has too many modules");
    return server;
}

static void free_marks(sli_pg_server *server)
{
    while (server->marks != NULL) {
        psim_mark *m = server->marks;
        server->marks = m->next;
        sl_free(m->job);
        sl_free(m->uid);
        sl_free(m);
    }
}

void sli_pg_server_free(sli_pg_server *server)
{
    if (server == NULL) {
        return;
    }
    SL_ASSERT(server->sessions == NULL, "a server is freed while connections to it are open");
    (void)sli_world_module(server->world, "postgres_pq", NULL);
    psim_txns_settle(server);
    free_marks(server);
    psim_tables_free(server);
    sl_free(server);
}

sl_code sli_pg_server_make(sli_pg_server *server, const sli_pg_target *target, sl_error *err)
{
    return psim_table_make(server, target, err);
}

sl_code sli_pg_server_fill(sli_pg_server *server, const char *table, const char *rows,
                           sl_error *err)
{
    psim_table *t = psim_table_find(server, table);
    if (t == NULL) {
        return sl_error_set(err, SL_E_NOT_FOUND, "no table %s", table);
    }
    SL_TRY(psim_rows_check(t, sli_text_of(rows), false, err));
    psim_rows_put(t, sli_text_of(rows), false, false);
    return SL_OK;
}

// ---------------------------------------------------------------- what goes wrong

void sli_pg_server_password(sli_pg_server *server, const char *password)
{
    server->password = password;
}

void sli_pg_server_lose_at(sli_pg_server *server, int64_t n, bool done)
{
    server->lose_at = server->n_requests + n;
    server->lose_done = done;
}

void sli_pg_server_refuse(sli_pg_server *server, sl_code why)
{
    server->refusal = why;
}

int64_t sli_pg_server_requests(const sli_pg_server *server)
{
    return server->n_requests;
}

void sli_pg_server_forget(sli_pg_server *server)
{
    for (psim_mark *m = server->marks; m != NULL; m = m->next) {
        m->at = (sli_pg_mark){0};
    }
}

// ---------------------------------------------------------------- looking

int64_t sli_pg_server_look(sli_pg_server *server, const char *table, sli_pg_look_fn each, void *ctx)
{
    psim_txns_settle(server);
    const psim_table *t = psim_table_find(server, table);
    for (int64_t i = 0; t != NULL && each != NULL && i < t->n_rows; i++) {
        each(ctx, sli_text_of(t->rows[i]));
    }
    return t == NULL ? -1 : t->n_rows;
}

sli_pg_mark sli_pg_server_mark(sli_pg_server *server, const char *job, const char *uid)
{
    psim_txns_settle(server);
    const psim_mark *m = psim_mark_find(server, job, uid);
    return m == NULL ? (sli_pg_mark){0} : m->at;
}
