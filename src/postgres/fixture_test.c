// fixture_test.c — see fixture_test.h.
#include "postgres/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "env/module.h"
#include "pgserver.h"
#include "postgres/sim/server.h"
#include "proxy.h"

// ---------------------------------------------------------------- the simulated server

typedef struct sim {
    sli_world *world;
    sli_pg_server *server;
} sim;

static void sim_start(slt_pg *p, uint64_t seed)
{
    sim *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->world = sli_world_new(&(sli_world_conf){.seed = seed});
    s->server = sli_pg_server_new(s->world);
    assert_non_null(s->server);
    assert_int_equal(sli_world_boot(s->world, NULL, &p->env, NULL), SL_OK);
    p->inner = &sli_pg_simulated;
    p->ops = seed % 2 == 0 ? &sli_pg_gate : p->inner;
    p->body = s;
}

static void sim_end(slt_pg *p)
{
    sim *s = p->body;
    sli_env_free(p->env);
    sli_pg_server_free(s->server);
    sli_world_free(s->world);
    free(s);
}

static void sim_away(slt_pg *p, bool away)
{
    sli_pg_server_away(((sim *)p->body)->server, away ? SLI_FOREVER : 0);
}

static const char *sim_wrong(slt_pg *p)
{
    sli_pg_server_password(((sim *)p->body)->server, "right");
    return "hunter2";
}

const slt_pg_fixture slt_pg_sim = {sim_start, sim_end, sim_away, sim_wrong};

// ---------------------------------------------------------------- the real one

static void server_start(slt_pg *p, uint64_t seed)
{
    static slt_proxy *proxy; // of all tests: one that fails can't end it
    static char near_port[16];
    const sli_module *module = NULL;
    const sli_module_want want = {"postgres_pq", SLI_PG_ABI, "a test", "libsluice-postgres",
                                  "libpq-dev"};
    char to[64], at[64];
    (void)seed;
    (void)snprintf(to, sizeof to, "127.0.0.1:%d", slt_postgres_port());
    if (proxy == NULL) { // a port of its own, of this process
        (void)snprintf(near_port, sizeof near_port, "%d", 20000 + (int)getpid() % 20000);
        (void)snprintf(at, sizeof at, "127.0.0.1:%s", near_port);
        proxy = slt_proxy_start(at, to);
    }
    slt_proxy_set(proxy, SLT_PROXY_NONE);
    assert_int_equal(sli_env_posix(&p->env, NULL), SL_OK);
    slt_ok(p, sli_module_load(p->env, SLT_BUILD_DIR "/lib/sluice", &want, &module, &p->err));
    p->inner = module->table;
    p->ops = &sli_pg_gate;
    p->body = proxy;
    p->settings[p->n_settings++] = (sli_pg_setting){"host", "127.0.0.1", false};
    p->settings[p->n_settings++] = (sli_pg_setting){"port", near_port, false};
    p->settings[p->n_settings++] = (sli_pg_setting){"dbname", "sluice", false};
    p->settings[p->n_settings++] = (sli_pg_setting){"user", "sluice", false};
    p->settings[p->n_settings++] = (sli_pg_setting){"password", "sluice-pw", true};
}

static void server_end(slt_pg *p)
{
    slt_proxy_set(p->body, SLT_PROXY_NONE);
    sli_env_free(p->env);
}

static void server_away(slt_pg *p, bool away)
{
    slt_proxy_set(p->body, away ? SLT_PROXY_REFUSE : SLT_PROXY_NONE);
}

static const char *server_wrong(slt_pg *p)
{
    p->n_settings--;
    return "hunter2";
}

const slt_pg_fixture slt_pg_server = {server_start, server_end, server_away, server_wrong};

// ---------------------------------------------------------------- helpers

void slt_check_ok(slt_pg *p, sl_code rc, const char *what)
{
    if (rc != SL_OK) {
        fail_msg("%s: %s: %s", what, sl_code_name(rc), p->err.text);
    }
}

int64_t slt_soon(const slt_pg *p)
{
    return sli_env_mono_us(p->env) + 30000000;
}

void slt_pg_start(slt_pg *p, const slt_pg_fixture *fixture, uint64_t seed, const char *name)
{
    *p = (slt_pg){.fixture = fixture, .err = SL_ERROR_INIT};
    fixture->start(p, seed);
    (void)snprintf(p->table, sizeof p->table, "t%d_%.30s", (int)getpid(), name);
    p->owner = (sli_pg_owner){.job = p->table, .uid = "save/1"};
}

sli_pg_conf slt_conf(slt_pg *p)
{
    return (sli_pg_conf){.struct_size = sizeof(sli_pg_conf),
                         .settings = p->settings,
                         .n_settings = p->n_settings,
                         .env = p->env,
                         .mono_us = sli_env_mono_us,
                         .inner = p->inner,
                         .session = p->table};
}

sli_pg *slt_open(slt_pg *p)
{
    sli_pg *pg = NULL;
    sli_pg_conf conf = slt_conf(p);
    slt_ok(p, p->ops->open(&pg, &conf, slt_soon(p), &p->err));
    slt_ok(p, p->ops->make_marks(pg, &p->owner, slt_soon(p), &p->err));
    return pg;
}

sli_pg_target slt_target(slt_pg *p, bool upsert)
{
    static const sli_pg_field fields[] = {
        {.name = "word", .type = "text", .nullable = false, .is_key = true},
        {.name = "n", .type = "bigint", .nullable = true},
    };
    return (sli_pg_target){
        .table = p->table, .fields = fields, .n_fields = 2, .upsert = upsert, .create = true};
}

void slt_write(slt_pg *p, sli_pg *pg, const sli_pg_target *target, const char *rows, int64_t group)
{
    sli_pg_mark mark = {0}, next = {group, 1};
    sli_pg_outcome outcome = SLI_PG_UNKNOWN;
    slt_ok(p, p->ops->begin(pg, &p->owner, slt_soon(p), &mark, &p->err));
    slt_ok(p, p->ops->copy(pg, target, slt_soon(p), &p->err));
    slt_ok(p, p->ops->put(pg, rows, strlen(rows), slt_soon(p), &p->err));
    slt_ok(p, p->ops->copied(pg, slt_soon(p), &p->err));
    slt_ok(p, p->ops->mark(pg, &p->owner, &next, slt_soon(p), &p->err));
    slt_ok(p, p->ops->commit(pg, slt_soon(p), &outcome, &p->err));
    assert_int_equal(outcome, SLI_PG_COMMITTED);
}

static sl_code add_bytes(void *ctx, const char *data, size_t size, sl_error *err)
{
    (void)err;
    for (size_t i = 0; i < size; i++) { // quotes that are not needed are a matter of taste
        if (data[i] != '"') {
            sli_str_char(ctx, data[i]);
        }
    }
    return SL_OK;
}

const char *slt_rows(slt_pg *p, sli_pg *pg)
{
    static char text[4096];
    sli_str all = SLI_STR_INIT;
    sli_pg_what what = {.table = p->table};
    sli_str_text(&all, "");
    slt_ok(p, p->ops->read(pg, &what, 30000000, add_bytes, &all, &p->err));
    (void)snprintf(text, sizeof text, "%s", all.data);
    sli_str_reset(&all);
    return text;
}
