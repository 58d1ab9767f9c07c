// Settings of a connection: places in a URL, secrets, what is refused.
#include <string.h>

#include "postgres/postgres.h"
#include "sl_test.h"

static const sl_option *const tables[] = {sli_pg_options, NULL};

static sl_code make(sl_env *env, const char *text, sli_pg_settings **out, sl_error *err)
{
    sli_url url;
    sl_conf *conf = NULL;
    assert_int_equal(sli_url_parse(text, &url, err), SL_OK);
    assert_int_equal(sl_conf_new(&conf, "sink postgres", tables, err), SL_OK);
    sl_code rc = sl_conf_parse_query(conf, url.query, err);
    rc = rc == SL_OK ? sli_pg_settings_new(out, &url, conf, env, err) : rc;
    sl_conf_free(conf);
    return rc;
}

SL_TEST(pg_settings_come_from_the_url_and_options, "")
{
    sl_env *env = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_pg_settings *settings = NULL;
    sli_str all = SLI_STR_INIT;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(make(env,
                          "postgres://me@db:5/shop/a.b?password=pw&sslmode=require&"
                          "postgres.keepalives=1",
                          &settings, &err),
                     SL_OK);
    sli_pg_conf conf = sli_pg_conf_of(settings);
    for (int32_t i = 0; i < conf.n_settings; i++) {
        sli_str_printf(&all, "%s=%s%s ", conf.settings[i].name, conf.settings[i].value,
                       conf.settings[i].secret ? "!" : "");
    }
    SL_CHECK_TEXT(all.data, "user=me host=db dbname=shop port=5 sslmode=require password=pw! "
                            "keepalives=1 ");
    sli_str_reset(&all);
    sli_pg_settings_free(settings);
    sli_env_free(env);
}

SL_TEST(pg_settings_that_can_not_be_are_told, "")
{
    static const char *const wrong[][2] = {
        {"postgres://me@db/shop/t?user=you", "user is given already"},
        {"postgres://db/shop/t?postgres.host=x", "host is given already"},
        {"postgres://db/shop/t?postgres.dbname=x", "not the user's to set"},
        {"postgres://db/shop/t?password=file:/nowhere/hunter", "/nowhere/hunter"},
        {"postgres://db/shop/t/u", "one table"},
    };
    sl_env *env = NULL;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        sl_error err = SL_ERROR_INIT;
        sli_pg_settings *settings = NULL;
        assert_int_equal(make(env, wrong[i][0], &settings, &err), SL_E_CONFIG);
        if (strstr(err.text, wrong[i][1]) == NULL) {
            fail_msg("\"%s\" not in: %s", wrong[i][1], err.text);
        }
    }
    sli_env_free(env);
}

SL_TEST(pg_tables_are_named_with_and_without_a_schema, "")
{
    static const char *const names[][3] = {{"postgres://db/shop/t", "", "t"},
                                           {"postgres://db/shop/s.t", "s", "t"},
                                           {"postgres://db/shop", "", ""},
                                           {"postgres:shop/t", "", "t"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
        const char *schema = NULL, *table = NULL;
        sli_url url;
        assert_int_equal(sli_url_parse(names[i][0], &url, NULL), SL_OK);
        assert_int_equal(sli_pg_table_of(&url, arena, &schema, &table, NULL), SL_OK);
        assert_string_equal(schema == NULL ? "" : schema, names[i][1]);
        assert_string_equal(table, names[i][2]);
        sl_arena_free(arena);
    }
}
