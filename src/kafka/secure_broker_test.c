// Who we are and who they are, on a real broker's listeners with TLS and SASL (tools/kafka start
// --secure): what is right works, and what is wrong is told at once, as SL_E_CONFIG, with the
// reason and without the password.
#include "kafka/fixture_test.h"

#if SLT_KAFKA

#include <librdkafka/rdkafka.h>
#include <stdio.h>

enum { SETTINGS = 8 };

static const char password[] = "sluice-pw";

/// A test's way into the cluster; a NULL value is left out.
typedef struct way_in {
    const char *listener, *protocol;
    const char *ca; ///< a file of tools/kafka
    const char *mechanism, *password;
    const char *certificate, *key; ///< files of tools/kafka
} way_in;

static way_in by_password(const char *mechanism, const char *its_password)
{
    return (way_in){.listener = "safe",
                    .protocol = "SASL_SSL",
                    .ca = "ca.pem",
                    .mechanism = mechanism,
                    .password = its_password};
}

static way_in by_tls(const char *listener, const char *ca)
{
    return (way_in){.listener = listener, .protocol = "SSL", .ca = ca};
}

static void set(slt_kafka *k, const char *name, const char *value, bool secret)
{
    if (value != NULL) {
        assert_true(k->n_settings < SETTINGS);
        k->settings[k->n_settings++] = (sli_kafka_setting){name, value, secret};
    }
}

/// A path that lives until the test ends.
static const char *path_of(slt_kafka *k, const char *file)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    (void)k;
    if (file == NULL) {
        return NULL;
    }
    slt_broker_file(path, sizeof paths[0], file);
    return path;
}

static void enter(slt_kafka *k, way_in way)
{
    static char place[64];
    slt_broker_place(place, sizeof place, way.listener);
    k->n_settings = 0;
    set(k, "bootstrap.servers", place, false);
    set(k, "security.protocol", way.protocol, false);
    set(k, "ssl.ca.location", path_of(k, way.ca), false);
    set(k, "sasl.mechanism", way.mechanism, false);
    set(k, "sasl.username", way.mechanism == NULL ? NULL : "sluice", false);
    set(k, "sasl.password", way.password, true);
    set(k, "ssl.certificate.location", path_of(k, way.certificate), false);
    set(k, "ssl.key.location", path_of(k, way.key), true);
}

static void check_in(slt_kafka *k, const char *topic, way_in way)
{
    enter(k, way);
    int64_t from = slt_end_of(k, topic);
    slt_put(k, topic, 0, "in");
    slt_wait_for(k, topic, from, from + 1);
}

static void check_text(const slt_kafka *k, const char *text, const char *reason)
{
    (void)k;
    if (strstr(text, reason) == NULL || strstr(text, password) != NULL ||
        strstr(text, "hush-hush") != NULL) {
        fail_msg("'%s' is no text that says '%s' and no password", text, reason);
    }
}

static void read_trouble(slt_reader *r)
{
    while (r->trouble == SL_OK) {
        assert_true(slt_pump(r, slt_soon(r->k)));
    }
}

/// On a busy machine it may be told first that nobody answers yet.
static void read_refusal(slt_reader *r)
{
    int64_t until = slt_soon(r->k);
    while (r->trouble != SL_E_CONFIG) {
        assert_true(slt_pump(r, until));
    }
}

/// The reader is told, and goes on trying; a question and a producer that opens are told at once,
/// long before their deadline.
static void check_out(slt_kafka *k, const char *topic, way_in way, const char *reason)
{
    sli_kafka_spot spot = {topic, 0, -9};
    sli_kafka_producer *p = NULL;
    slt_reader r;
    enter(k, way);
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    read_refusal(&r);
    check_text(k, r.why.text, reason);
    int64_t until = slt_in(k, 10000000);
    sl_code rc = k->ops->offsets(r.consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err);
    assert_int_equal(rc, SL_E_CONFIG);
    check_text(k, k->err.text, reason);
    slt_reader_reset(&r);
    sli_kafka_conf conf = slt_conf(k);
    conf.transactional_id = slt_name(k, "id");
    assert_int_equal(k->ops->producer_open(&p, &conf, slt_soon(k), &k->err), SL_E_CONFIG);
    check_text(k, k->err.text, reason);
    assert_true(sli_env_mono_us(k->env) < until);
}

#define SECURE(name)                                                                               \
    static void check_##name(slt_kafka *k, const char *topic);                                     \
    SL_TEST(name##_brokers, "")                                                                    \
    {                                                                                              \
        slt_kafka k;                                                                               \
        slt_needs_brokers(&k);                                                                     \
        check_##name(&k, slt_topic(&k, "secure", 1));                                              \
        k.fixture->end(&k);                                                                        \
    }                                                                                              \
    static void check_##name(slt_kafka *k, const char *topic)

SECURE(kafka_the_right_password_opens_plain)
{
    check_in(k, topic, by_password("PLAIN", password));
}

/// What an older librdkafka can't do is told.
SECURE(kafka_the_right_password_opens_scram)
{
    static const char *const mechanisms[] = {"SCRAM-SHA-256", "SCRAM-SHA-512"};
    for (int i = 0; i < 2; i++) {
        if (rd_kafka_version() < 0x020601ff) {
            check_out(k, topic, by_password(mechanisms[i], password), "needs librdkafka 2.6.1");
        } else {
            check_in(k, topic, by_password(mechanisms[i], password));
        }
    }
}

SECURE(kafka_a_wrong_password_is_told_at_once)
{
    check_out(k, topic, by_password("PLAIN", "hush-hush"), "Authentication failed");
    check_out(k, topic, by_password("SCRAM-SHA-512", "hush-hush"), "Authentication failed");
}

SECURE(kafka_tls_needs_no_password)
{
    check_in(k, topic, by_tls("tls", "ca.pem"));
}

SECURE(kafka_a_client_may_show_a_certificate)
{
    way_in shown = by_tls("mutual", "ca.pem");
    shown.certificate = "client.pem";
    shown.key = "client.key";
    check_in(k, topic, shown);
    enter(k, by_tls("mutual", "ca.pem")); // to librdkafka a connection that ends, for a reason
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    read_trouble(&r);
    check_text(k, r.why.text, "certificate");
    slt_reader_reset(&r);
}

SECURE(kafka_an_unknown_ca_is_told_at_once)
{
    check_out(k, topic, by_tls("tls", "other-ca.pem"),
              "nobody that we trust has signed its certificate");
}

SECURE(kafka_an_expired_certificate_is_told_at_once)
{
    check_out(k, topic, by_tls("expired", "ca.pem"), "its certificate has expired");
}

SECURE(kafka_a_certificate_of_another_host_is_told_at_once)
{
    check_out(k, topic, by_tls("elsewhere", "ca.pem"), "its certificate is another host's");
}

#endif
