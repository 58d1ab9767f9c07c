// Settings of a client: brokers, names, secrets from files and variables.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim.h"
#include "kafka/kafka.h"
#include "sl_test.h"

static const sl_option *const tables[] = {sli_kafka_options, NULL};

static sl_code make(sl_env *env, const char *url_text, sli_kafka_settings **out, sl_error *err)
{
    sli_url url;
    sl_conf *conf = NULL;
    assert_int_equal(sli_url_parse(url_text, &url, err), SL_OK);
    assert_int_equal(sl_conf_new(&conf, "source kafka", tables, err), SL_OK);
    sl_code rc = sl_conf_parse_query(conf, url.query, err);
    if (rc == SL_OK) {
        rc = sli_kafka_settings_new(out, &url, conf, env, err);
    }
    sl_conf_free(conf);
    return rc;
}

static const char *value_of(const sli_kafka_settings *settings, const char *name)
{
    sli_kafka_conf conf = sli_kafka_conf_of(settings);
    for (int32_t i = 0; i < conf.n_settings; i++) {
        if (strcmp(conf.settings[i].name, name) == 0) {
            return conf.settings[i].value;
        }
    }
    return NULL;
}

static void is_refused(const char *url, const char *words)
{
    sl_env *env = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_kafka_settings *settings = NULL;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(make(env, url, &settings, &err), SL_E_CONFIG);
    if (strstr(err.text, words) == NULL) {
        fail_msg("\"%s\" not in: %s", words, err.text);
    }
    assert_null(strstr(err.text, "hunter2"));
    sli_env_free(env);
}

SL_TEST(brokers_come_from_the_urls_host_and_from_the_option, "")
{
    static const char *const urls[][2] = {
        {"kafka://a:1/t", "a:1"},
        {"kafka://a/t?brokers=b:2,c:3", "a:9092,b:2,c:3"},
        {"kafka:t?brokers=b:2", "b:2"},
        {"kafka://[::1]:7/t", "[::1]:7"},
    };
    sl_env *env = NULL;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        sl_error err = SL_ERROR_INIT;
        sli_kafka_settings *settings = NULL;
        if (make(env, urls[i][0], &settings, &err) != SL_OK) {
            fail_msg("%s: %s", urls[i][0], err.text);
        }
        assert_string_equal(sli_kafka_brokers(settings), urls[i][1]);
        assert_string_equal(value_of(settings, "bootstrap.servers"), urls[i][1]);
        sli_kafka_settings_free(settings);
    }
    sli_env_free(env);
    is_refused("kafka:t", "no broker");
}

SL_TEST(what_sluice_sets_itself_is_refused_with_what_to_use, "")
{
    is_refused("kafka://a/t?kafka.group.id=x", "kafka.group.id is not the user's to set: use the");
    is_refused("kafka://a/t?kafka.auto.offset.reset=earliest", "`start`");
    is_refused("kafka://a/t?kafka.plugin.library.paths=x", "no code of others");
}

SL_TEST(secrets_come_from_files_and_variables, "")
{
    const char *dir = slt_temp_dir();
    char path[512], url[1024];
    sl_env *env = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_kafka_settings *settings = NULL;
    (void)snprintf(path, sizeof path, "%s/pw", dir);
    (void)snprintf(url, sizeof url,
                   "kafka://a/t?kafka.sasl.password=file:%s&kafka.ssl.key.password=env:SLT_PW&"
                   "kafka.sasl.username=file:it",
                   path);
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(sli_env_write_file(env, path, "hunter2\r\n", 9, NULL), SL_OK);
    assert_int_equal(setenv("SLT_PW", "hunter3", 1), 0);
    if (make(env, url, &settings, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(value_of(settings, "sasl.password"), "hunter2");
    assert_string_equal(value_of(settings, "ssl.key.password"), "hunter3");
    assert_string_equal(value_of(settings, "sasl.username"), "file:it"); // no secret, no file
    sli_kafka_settings_free(settings);
    assert_int_equal(unsetenv("SLT_PW"), 0);
    sli_env_free(env);
    is_refused(url, "the variable SLT_PW is not set");
}

SL_TEST(secrets_that_are_not_there_are_told_without_a_value, "")
{
    char path[512], url[1024];
    (void)snprintf(path, sizeof path, "%s/empty", slt_temp_dir());
    (void)snprintf(url, sizeof url, "kafka://a/t?kafka.sasl.password=file:%s", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs("\n", file) < 0 || fclose(file) != 0, false);
    is_refused(url, "is empty");
    is_refused("kafka://a/t?kafka.sasl.password=file:/nowhere/hunter", "/nowhere/hunter");
    is_refused("kafka://a/t?kafka.sasl.password=env:SLT_UNSET", "SLT_UNSET is not set");
}

SL_TEST(settings_survive_any_failed_allocation, "")
{
    sl_env *env = NULL;
    bool failed = true;
    int64_t before = sli_mem_used(SLI_TAG_CONF);
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    for (int64_t n = 1; failed; n++) {
        sli_kafka_settings *settings = NULL;
        sl_conf *conf = NULL;
        sli_url url;
        assert_int_equal(sli_url_parse("kafka://a/t?brokers=b&kafka.acks=1", &url, NULL), SL_OK);
        assert_int_equal(sl_conf_new(&conf, "x", tables, NULL), SL_OK);
        assert_int_equal(sl_conf_parse_query(conf, url.query, NULL), SL_OK);
        sli_mem_fail_nth(n);
        sl_code rc = sli_kafka_settings_new(&settings, &url, conf, env, NULL);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(rc, failed ? SL_E_NOMEM : SL_OK);
        sli_kafka_settings_free(settings);
        sl_conf_free(conf);
        assert_int_equal(sli_mem_used(SLI_TAG_CONF), before);
    }
    sli_env_free(env);
}

SL_TEST(settings_that_librdkafka_does_not_have_are_refused_with_the_nearest, "")
{
    if (!SLT_KAFKA) {
        slt_not_here("a build without Kafka");
    }
    static const char *const urls[][2] = {
        {"kafka://a/t?kafka.linger.ms=5&kafka.sasl.password=x", NULL},
        {"kafka://a/t?kafka.sasl.pasword=hunter2", "did you mean kafka.sasl.password?"},
        {"kafka://a/t?kafka.queue.bufering.max.ms=1", "did you mean kafka.queue.buffering.max.ms?"},
        {"kafka://a/t?kafka.zzzzzzzzzzzzzz=1", "CONFIGURATION.md"},
    };
    sl_env *env = NULL;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        sl_error err = SL_ERROR_INIT;
        sli_kafka_settings *settings = NULL;
        const sli_kafka_ops *ops = NULL;
        assert_int_equal(make(env, urls[i][0], &settings, &err), SL_OK);
        sl_code rc = sli_kafka_load(&ops, settings, SLT_BUILD_DIR "/lib/sluice", &err);
        if (rc != (urls[i][1] == NULL ? SL_OK : SL_E_CONFIG) ||
            (urls[i][1] != NULL && strstr(err.text, urls[i][1]) == NULL)) {
            fail_msg("%s: %s", urls[i][0], err.text);
        }
        assert_null(strstr(err.text, "hunter2"));
        sli_kafka_settings_free(settings);
    }
    sli_env_free(env);
}
