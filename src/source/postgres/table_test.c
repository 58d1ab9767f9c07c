// Tables of PostgreSQL as static tables: simulated ones, and those of `make test-postgres`.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pgserver.h"
#include "postgres/sim/server.h"
#include "source/fixture_test.h"

static sli_source *open_table(slt_place *p, const char *url)
{
    sli_source *source = NULL;
    p->source_env.modules = SLT_BUILD_DIR "/lib/sluice";
    if (sli_table_open(&source, url, &p->source_env, &p->err) != SL_OK) {
        fail_msg("%s", p->err.text);
    }
    return source;
}

SL_TEST(postgres_table_is_read_with_the_servers_schema, "")
{
    static const sli_pg_field fields[] = {{.name = "id", .type = "integer"},
                                          {.name = "name", .type = "text", .nullable = true}};
    slt_place p;
    slt_place_open(&p, true);
    sli_pg_server *server = sli_pg_server_new(p.world);
    sli_pg_target target = {.table = "ads", .fields = fields, .n_fields = 2};
    assert_int_equal(sli_pg_server_make(server, &target, NULL), SL_OK);
    assert_int_equal(sli_pg_server_fill(server, "ads", "1\ta\\tb\n2\t\\N\n3\t\n", NULL), SL_OK);
    sli_source *s = open_table(&p, "postgres://sim/db/ads");
    assert_string_equal(sl_schema_text(s->ops->schema(s)), "id int32, name string?");
    assert_string_equal(slt_take(&p, s), "1,a\tb;2,null;3,;");
    assert_int_equal(sli_pg_server_fill(server, "ads", "4\tx\n", NULL), SL_OK);
    assert_string_equal(slt_take(&p, s), "1,a\tb;2,null;3,;4,x;"); // asked again, as it is now
    sli_source_close(s);
    assert_int_equal(sli_table_open(&s, "postgres://sim/db/none", &p.source_env, &p.err),
                     SL_E_NOT_FOUND);
    assert_int_equal(sli_table_open(&s, "postgres://sim/db", &p.source_env, &p.err), SL_E_CONFIG);
    sli_pg_server_away(server, SLI_FOREVER);
    assert_int_equal(sli_table_open(&s, "postgres://sim/db/ads", &p.source_env, &p.err),
                     SL_E_TIMEOUT);
    sli_env_free(p.env);
    p.env = NULL;
    sli_pg_server_free(server);
    assert_int_equal(sli_world_boot(p.world, NULL, &p.env, NULL), SL_OK);
    slt_place_close(&p);
}

static const char *url_of(slt_place *p, const char *rest)
{
    return sl_arena_printf(p->arena,
                           "postgres://sluice@127.0.0.1:%d/sluice%s%spassword=file:%s/"
                           "password",
                           slt_postgres_port(), rest, strchr(rest, '?') == NULL ? "?" : "&",
                           slt_postgres_dir());
}

SL_TEST(pg_table_reads_all_types_of_a_real_server_postgres, "")
{
    slt_place p;
    char sql[512], name[64];
    (void)slt_postgres_dir(); // not tried without a server
    slt_place_open(&p, false);
    (void)snprintf(name, sizeof name, "/types%d", (int)getpid());
    (void)snprintf(sql, sizeof sql,
                   "SET ROLE sluice; CREATE TABLE %s (b bool NOT NULL, i int2, n int4, l int8, f "
                   "float8, d numeric(9,2), t timestamptz, x date, s text, u uuid); INSERT INTO "
                   "%s VALUES (true, 1, 2, 3, 0.5, 1.25, '2026-01-02 03:04:05.678+02', "
                   "'2026-01-02', E'a,\\\"\\nb', '00000000-0000-0000-0000-000000000001'), (false, "
                   "NULL, NULL, NULL, 'NaN', NULL, NULL, NULL, '', NULL)",
                   name + 1, name + 1);
    free(slt_postgres_ask(sql));
    sli_source *s = open_table(&p, url_of(&p, name));
    assert_string_equal(sl_schema_text(s->ops->schema(s)),
                        "b bool, i int16?, n int32?, l int64?, f float64?, d decimal(9,2)?, t "
                        "timestamp?, x date?, s string?, u string?");
    assert_string_equal(
        slt_take(&p, s),
        "1,1,2,3,4602678819172646912,125,1767315845678000,20455,a,\"\nb,00000000-"
        "0000-0000-0000-000000000001;0,null,null,null,9221120237041090560,null,null,"
        "null,,null;"); // doubles as their bits, times and decimals as they lie
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(pg_table_may_be_a_query_of_many_rows_postgres, "")
{
    slt_place p;
    (void)slt_postgres_dir(); // not tried without a server
    slt_place_open(&p, false);
    sli_source *s = open_table(
        &p, url_of(&p, "?query=SELECT count(*) AS n, sum(g) AS s FROM generate_series(1,3) g"));
    assert_string_equal(sl_schema_text(s->ops->schema(s)), "n int64?, s int64?");
    assert_string_equal(slt_take(&p, s), "3,6;");
    sli_source_close(s);
    s = open_table(&p, url_of(&p, "?query=SELECT g FROM generate_series(1,100000) g"));
    const char *rows = slt_take(&p, s);
    assert_true(strlen(rows) == 9 * 2 + 90 * 3 + 900 * 4 + 9000 * 5 + 90000 * 6 + 7);
    sli_source_close(s);
    assert_int_equal(
        sli_table_open(&s, url_of(&p, "?query=SELECT 1::numeric AS n"), &p.source_env, &p.err),
        SL_E_INVALID);
    assert_non_null(strstr(p.err.text, "n::numeric(18,2)"));
    assert_int_equal(sli_table_open(&s, url_of(&p, "?query=SELEC 1"), &p.source_env, &p.err),
                     SL_E_INVALID);
    slt_place_close(&p);
}
