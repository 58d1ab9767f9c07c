/// mqtt.h — what Sluice wants of an MQTT client: the contract of the module mqtt_mosq
/// (libmosquitto) and of the simulated broker (sim/).
///
///     open { subscribe { poll -> settle } | publish } close
///
/// A client is one connection. When that is lost, every call says so, and the client is closed and
/// another one opened: what the broker keeps for a client id goes on there. So nothing is ever
/// acknowledged on a connection that did not bring it. README.md says what is acknowledged when.
///
/// Texts are UTF-8, ended by a zero. Deadlines are mono times of the env, microseconds. No call has
/// a callback.
#pragma once

#include <stdatomic.h>

#include "conf/conf.h"
#include "env/env.h"

enum { SLI_MQTT_ABI = 2 };

typedef struct sli_mqtt sli_mqtt; ///< a connection; one thread at a time, but for `wake`
typedef struct sli_mqtt_ops sli_mqtt_ops;

/// What the broker publishes for a client when its connection ends without being closed.
typedef struct sli_mqtt_will {
    const char *topic; ///< NULL: nothing
    const char *payload;
    int32_t qos;
    bool retain;
} sli_mqtt_will;

/// What a client is opened with. The struct and what it points to live for the call, `env` and
/// `inner` as long as the client.
typedef struct sli_mqtt_conf {
    size_t struct_size;
    sl_env *env; ///< the process in whose world the broker is; the module uses its clock only
    int64_t (*mono_us)(sl_env *env); ///< sli_env_mono_us
    const sli_mqtt_ops *inner;       ///< of sli_mqtt_gate alone: what is behind it
    const char *host;
    int32_t port;
    const char *client_id;
    int32_t version; ///< of the protocol: 3 is 3.1.1, or 5
    bool keeps; ///< the broker keeps the subscription and what arrives for it while we are away
    int64_t expiry_us; ///< for so long (version 5; seconds are what counts)
    int32_t window;    ///< messages that the broker may give before the first is settled (version 5
                       ///< tells it; before that it is the broker's to say)
    int64_t keepalive_us;
    const char *username, *password; ///< NULL: none
    bool tls;
    const char *ca, *cert, *key; ///< paths of PEM files; NULL: the system's CAs, no certificate
    sli_mqtt_will will;
    /// A mono time that ends every wait of the client as its deadline does, and that may come
    /// nearer meanwhile: it is looked at four times a second. NULL: none. It lives as long as the
    /// client.
    const _Atomic int64_t *end_us;
} sli_mqtt_conf;

/// A user property (version 5).
typedef struct sli_mqtt_pair {
    const char *name, *value;
} sli_mqtt_pair;

/// A message that was published. Bytes live until the next call of its client.
typedef struct sli_mqtt_message {
    const char *topic, *payload;
    size_t payload_size;
    const sli_mqtt_pair *pairs;
    int32_t n_pairs;
    int8_t qos;
    bool retain; ///< it is what the topic had before we subscribed; to publish: keep it for the
                 ///< topic
} sli_mqtt_message;

struct sli_mqtt_ops {
    size_t struct_size;

    /// Connects. Fails: SL_E_CONFIG when it is refused for who we are, or for who they are
    /// (certificate), or for what was asked; SL_E_IO, SL_E_TIMEOUT when the broker is away;
    /// SL_E_NOMEM. Blocks: up to the deadline.
    sl_code (*open)(sli_mqtt **out, const sli_mqtt_conf *conf, int64_t deadline_us, sl_error *err);
    /// In good order: no will is published. Unsettled messages stay the broker's. Accepts NULL.
    void (*close)(SL_TAKES sli_mqtt *self);

    /// From now on `poll` gives what is published to topics that match. Fails: SL_E_CONFIG when the
    /// broker refuses it; else as poll.
    sl_code (*subscribe)(sli_mqtt *self, const char *filter, int32_t qos, int64_t deadline_us,
                         sl_error *err);
    /// Waits for messages until the deadline, or until `wake`; *got is 0 then. Gives at most n, and
    /// none while there are some that are not settled: then it keeps the connection alive, and
    /// waits. Fails: SL_E_IO when the connection is lost, SL_E_SUPERSEDED when another client has
    /// taken the client id over (where the broker tells; mosquitto 2.0.11 does not).
    sl_code (*poll)(sli_mqtt *self, sli_mqtt_message *out, int32_t n, int32_t *got,
                    int64_t deadline_us, sl_error *err);
    /// All messages given so far are safe: they are acknowledged, and the broker may forget them.
    /// Whether the acknowledgements arrive is not told: what was not acknowledged comes again on
    /// the next connection of this client id. Fails: as poll.
    sl_code (*settle)(sli_mqtt *self, sl_error *err);
    /// Ends a poll that waits, or the next one. Thread: any.
    void (*wake)(sli_mqtt *self);

    /// Publishes messages in their order and waits until the broker has acknowledged all of them
    /// (QoS 0: until they are sent). After a failure any part of them may be published. Fails:
    /// SL_E_CONFIG when the broker refuses one (version 5 tells so), SL_E_DATA for one that is too
    /// large for it; SL_E_IO, SL_E_TIMEOUT.
    sl_code (*publish)(sli_mqtt *self, const sli_mqtt_message *messages, int32_t n,
                       int64_t deadline_us, sl_error *err);
};

/// A table over another one, conf.inner: every call that contacts the broker is announced to env
/// first (sli_env_outside), so that it can be made to fail, and a process to die there.
extern const sli_mqtt_ops sli_mqtt_gate;

/// The client's table, for conf.inner: the module mqtt_mosq of `modules` (a directory, or NULL: as
/// sli_module_load finds it), or what the simulated world has. Fails: as sli_module_load.
sl_code sli_mqtt_load(const sli_mqtt_ops **out, sl_env *env, const char *modules, sl_error *err);

// ---------------------------------------------------------------- topics

/// Whether it is a topic filter: levels between '/', '+' for any one, '#' for all the rest. Fails:
/// SL_E_CONFIG with what is wrong.
sl_code sli_mqtt_filter_check(const char *filter, sl_error *err);
/// Whether it is a topic: a filter without '+' and '#'.
sl_code sli_mqtt_topic_check(sl_text topic, sl_error *err);
/// Whether a topic matches a filter; both were checked. Topics that begin with '$' match no filter
/// that begins with a wildcard.
bool sli_mqtt_matches(const char *filter, const char *topic);

// ---------------------------------------------------------------- settings

/// Options of whoever is a client.
#define SLI_MQTT_OPTIONS                                                                           \
    {.name = "client_id",                                                                          \
     .type = SL_OPT_TEXT,                                                                          \
     .text = "Name under which the broker knows this client; two of one name end each other's "    \
             "connection. Default: made from the job's id."},                                      \
        {.name = "version",                                                                        \
         .type = SL_OPT_CHOICE,                                                                    \
         .fallback = "5",                                                                          \
         .choices = "5|3.1.1",                                                                     \
         .text = "Of the protocol."},                                                              \
        {.name = "keepalive",                                                                      \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "60s",                                                                        \
         .low = "5s",                                                                              \
         .high = "18h",                                                                            \
         .text = "How long the broker may hear nothing of us; it takes the connection for lost "   \
                 "after one and a half times that."},                                              \
        {.name = "connect_timeout",                                                                \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "10s",                                                                        \
         .low = "100ms",                                                                           \
         .high = "10m",                                                                            \
         .text = "Longest wait for the broker to answer."},                                        \
        {.name = "username", .type = SL_OPT_TEXT, .text = "Name to log in with."},                 \
        {.name = "password",                                                                       \
         .type = SL_OPT_SECRET,                                                                    \
         .text = "Password to log in with; may be file:PATH or env:NAME."},                        \
        {.name = "tls",                                                                            \
         .type = SL_OPT_BOOL,                                                                      \
         .fallback = "false",                                                                      \
         .text = "Connect with TLS; the broker's certificate is checked."},                        \
        {.name = "ca",                                                                             \
         .type = SL_OPT_TEXT,                                                                      \
         .text =                                                                                   \
             "PEM file of the CAs that may have signed the broker's certificate; default: the "    \
             "system's."},                                                                         \
        {.name = "cert", .type = SL_OPT_TEXT, .text = "PEM file of our own certificate."},         \
        {.name = "key",                                                                            \
         .type = SL_OPT_TEXT,                                                                      \
         .text = "PEM file of its key, without a passphrase."},                                    \
        {.name = "will_topic",                                                                     \
         .type = SL_OPT_TEXT,                                                                      \
         .text = "Topic in which the broker tells that our connection has ended without being "    \
                 "closed."},                                                                       \
        {.name = "will_payload", .type = SL_OPT_TEXT, .text = "What it tells there."},             \
    {                                                                                              \
        .name = "will_retain", .type = SL_OPT_BOOL, .fallback = "false",                           \
        .text = "It keeps that for who subscribes later."                                          \
    }

/// What a client is opened with, the password included.
typedef struct sli_mqtt_settings sli_mqtt_settings;

/// The settings of a conf made over SLI_MQTT_OPTIONS, host and port of the URL (1883, with TLS
/// 8883). `client_id` is used where the option is not set. Fails: SL_E_CONFIG without a host, for a
/// key without certificate, as sli_secret_read; SL_E_NOMEM.
sl_code sli_mqtt_settings_new(sli_mqtt_settings **out, const sli_url *url, const sl_conf *conf,
                              const char *client_id, sl_env *env, sl_error *err);
void sli_mqtt_settings_free(SL_TAKES sli_mqtt_settings *settings); ///< accepts NULL
/// The part of a client's conf that the settings give; lives as long as they.
sli_mqtt_conf sli_mqtt_conf_of(const sli_mqtt_settings *settings);
int64_t sli_mqtt_connect_us(const sli_mqtt_settings *settings); ///< option connect_timeout
const char *sli_mqtt_place(const sli_mqtt_settings *settings);  ///< "host:port", for texts
const char *sli_mqtt_client_id(const sli_mqtt_settings *settings);
/// The URL's path without the slash behind the host: a topic, or a filter. In the arena; NULL
/// without memory.
char *sli_mqtt_topic_of(const sli_url *url, sl_arena *arena);
