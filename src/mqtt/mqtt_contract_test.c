// What a client of MQTT is to Sluice, asked of mosquitto and of the simulated broker.
#include "mqtt/fixture_test.h"

#include <stdio.h>

MQTT_CONTRACT(mqtt_gives_what_is_published)
{
    sli_str got = SLI_STR_INIT;
    sli_mqtt *client = slt_subscriber(m, "a", false, "t/+");
    slt_publish(m, "t/1", "one two", 1, false);
    slt_publish(m, "u/1", "other", 1, false);
    slt_publish(m, "t/2", "three", 0, false);
    slt_expect(m, client, "t/1=one t/1=two t/2=three ");
    sli_mqtt_message message;
    int32_t n = 0;
    slt_publish(m, "t/1", "four", 0, false);
    slt_ok(m, m->ops->poll(client, &message, 1, &n, slt_soon(m), &m->err));
    assert_int_equal(n, 1);
    assert_int_equal(message.qos, 0); // as it was published
    assert_false(message.retain);
    m->ops->close(client);
    sli_str_reset(&got);
}

MQTT_CONTRACT(mqtt_gives_no_more_until_it_is_settled)
{
    sli_str got = SLI_STR_INIT;
    sli_mqtt *client = slt_subscriber(m, "a", true, "t");
    slt_publish(m, "t", "one", 1, false);
    assert_int_equal(slt_take(m, client, slt_soon(m), &got), 1);
    slt_publish(m, "t", "two", 1, false);
    assert_int_equal(slt_take(m, client, slt_in(m, 100000), &got), 0);
    slt_ok(m, m->ops->settle(client, &m->err));
    slt_expect(m, client, "t=two ");
    m->ops->close(client);
    sli_str_reset(&got);
}

// The reason for all this: what is not settled is the broker's.
MQTT_CONTRACT(mqtt_what_is_not_settled_comes_again)
{
    sli_str got = SLI_STR_INIT;
    sli_mqtt *client = slt_subscriber(m, "a", true, "t");
    slt_publish(m, "t", "one", 1, false);
    slt_expect(m, client, "t=one ");
    slt_publish(m, "t", "two three", 1, false);
    while (got.size < strlen("t=two t=three ")) { // settles in between: one may come at a time
        assert_true(slt_take(m, client, slt_soon(m), &got) > 0);
        if (got.size < strlen("t=two t=three ")) {
            slt_ok(m, m->ops->settle(client, &m->err));
            sli_str_clear(&got);
            break;
        }
    }
    bool two_was_settled = got.size == 0;
    m->ops->close(client);
    client = slt_subscriber(m, "a", true, "t");
    slt_expect(m, client, two_was_settled ? "t=three " : "t=two t=three ");
    m->ops->close(client);
    client = slt_subscriber(m, "a", true, "t"); // and what is settled does not
    sli_str_clear(&got);
    assert_int_equal(slt_take(m, client, slt_in(m, 100000), &got), 0);
    m->ops->close(client);
    sli_str_reset(&got);
}

MQTT_CONTRACT(mqtt_keeps_what_arrives_while_we_are_away)
{
    sli_str got = SLI_STR_INIT;
    m->ops->close(slt_subscriber(m, "kept", true, "t/#"));
    m->ops->close(slt_subscriber(m, "not kept", false, "t/#"));
    slt_publish(m, "t/1", "one two three", 1, false);
    sli_mqtt *client = slt_subscriber(m, "kept", true, "t/#");
    slt_expect(m, client, "t/1=one t/1=two t/1=three ");
    m->ops->close(client);
    client = slt_subscriber(m, "not kept", false, "t/#");
    assert_int_equal(slt_take(m, client, slt_in(m, 100000), &got), 0);
    m->ops->close(client);
    sli_str_reset(&got);
}

MQTT_CONTRACT(mqtt_gives_what_a_topic_retains)
{
    sli_mqtt_message message;
    int32_t n = 0;
    slt_publish(m, "t/1", "old new", 1, true);
    sli_mqtt *client = slt_subscriber(m, "a", false, "t/#");
    slt_ok(m, m->ops->poll(client, &message, 1, &n, slt_soon(m), &m->err));
    assert_int_equal(n, 1);
    assert_true(message.retain);
    assert_memory_equal(message.payload, "new", 3);
    m->ops->close(client);
}

MQTT_CONTRACT(mqtt_poll_ends_at_its_deadline_and_when_woken)
{
    sli_str got = SLI_STR_INIT;
    sli_mqtt *client = slt_subscriber(m, "a", false, "t");
    int64_t deadline = slt_in(m, 50000);
    assert_int_equal(slt_take(m, client, deadline, &got), 0);
    assert_true(sli_env_mono_us(m->env) >= deadline);
    m->ops->wake(client);
    assert_int_equal(slt_take(m, client, SLI_FOREVER, &got), 0);
    slt_publish(m, "t", "one", 1, false);
    assert_int_equal(slt_take(m, client, slt_soon(m), &got), 1);
    m->ops->wake(client); // also one that waits to be settled
    assert_int_equal(slt_take(m, client, SLI_FOREVER, &got), 0);
    m->ops->close(client);
    sli_str_reset(&got);
}

// While a batch is held the broker must not take us for dead: it does so after 7.5 s here, and no
// shorter time can be asked of libmosquitto.
MQTT_CONTRACT(mqtt_a_client_that_holds_messages_stays_connected)
{
    sli_str got = SLI_STR_INIT;
    if (m->version == 3) { // it is not the protocol's version that matters
        return;
    }
    m->conf.keepalive_us = 5000000;
    sli_mqtt *client = slt_subscriber(m, "a", false, "t");
    slt_publish(m, "t", "one", 1, false);
    assert_int_equal(slt_take(m, client, slt_soon(m), &got), 1);
    assert_int_equal(slt_take(m, client, slt_in(m, 8500000), &got), 0);
    slt_ok(m, m->ops->settle(client, &m->err));
    slt_publish(m, "t", "two", 1, false);
    slt_expect(m, client, "t=two ");
    m->ops->close(client);
    sli_str_reset(&got);
}

MQTT_CONTRACT(mqtt_publishes_many_in_order)
{
    enum { MANY = 3000 };
    static sli_mqtt_message messages[MANY];
    static char words[MANY][8];
    sli_str expected = SLI_STR_INIT;
    m->conf.window = 65535;
    sli_mqtt *client = slt_subscriber(m, "a", true, "t");
    for (int i = 0; i < MANY; i++) {
        int n = snprintf(words[i], sizeof words[i], "%d", i);
        messages[i] = (sli_mqtt_message){
            .topic = "t", .payload = words[i], .payload_size = (size_t)n, .qos = 1};
        sli_str_printf(&expected, "t=%d ", i);
    }
    sli_mqtt *publisher = slt_client(m, "b", false);
    slt_ok(m, m->ops->publish(publisher, messages, MANY, slt_soon(m), &m->err));
    m->ops->close(publisher);
    slt_expect(m, client, expected.data);
    m->ops->close(client);
    sli_str_reset(&expected);
}

MQTT_CONTRACT(mqtt_who_we_are_may_be_refused)
{
    sli_mqtt *client = NULL;
    const char *password = m->fixture->password(m);
    m->conf.username = "user";
    m->conf.password = "wrong";
    assert_int_equal(slt_connect(m, "a", false, &client), SL_E_CONFIG);
    assert_null(strstr(m->err.text, "wrong"));
    m->conf.password = password;
    client = slt_client(m, "a", false);
    m->ops->close(client);
}

MQTT_CONTRACT(mqtt_what_we_ask_for_may_be_refused)
{
    m->fixture->forbid(m, "secret");
    sli_mqtt *client = slt_client(m, "a", false);
    sl_code rc = m->ops->subscribe(client, "secret", 1, slt_soon(m), &m->err);
    if (m->version == 5 && rc != SL_OK) { // mosquitto grants it, and then gives nothing
        assert_int_equal(rc, SL_E_CONFIG);
    }
    sli_mqtt_message message = {.topic = "secret", .payload = "x", .payload_size = 1, .qos = 1};
    rc = m->ops->publish(client, &message, 1, slt_soon(m), &m->err);
    if (m->version == 5) {
        assert_int_equal(rc, SL_E_CONFIG);
    } else { // 3.1.1 has no words for it: the connection may end, or nothing be said
        assert_true(rc == SL_OK || rc == SL_E_IO);
    }
    m->ops->close(client);
}

MQTT_CONTRACT(mqtt_a_broker_may_go_and_come_back)
{
    sli_str got = SLI_STR_INIT;
    sli_mqtt *client = slt_subscriber(m, "a", true, "t"), *other = NULL;
    slt_publish(m, "t", "one", 1, false);
    assert_int_equal(slt_take(m, client, slt_soon(m), &got), 1);
    m->fixture->away(m, true);
    assert_int_equal(slt_connect(m, "b", false, &other), SL_E_IO);
    (void)!m->ops->settle(client, &m->err); // it may not have noticed yet
    sli_mqtt_message message;
    int32_t n = 0;
    assert_int_equal(m->ops->poll(client, &message, 1, &n, slt_soon(m), &m->err), SL_E_IO);
    m->ops->close(client);
    m->fixture->away(m, false);
    client = slt_subscriber(m, "a", true, "t");
    slt_expect(m, client, "t=one "); // its acknowledgement came too late
    m->ops->close(client);
    sli_str_reset(&got);
}

MQTT_CONTRACT(mqtt_a_client_id_can_be_taken_over)
{
    sli_mqtt *old = slt_subscriber(m, "a", true, "t");
    sli_mqtt *new = slt_subscriber(m, "a", true, "t");
    sli_mqtt_message message;
    int32_t n = 0;
    sl_code rc = m->ops->poll(old, &message, 1, &n, slt_soon(m), &m->err);
    assert_true(rc == SL_E_SUPERSEDED || rc == SL_E_IO); // mosquitto 2.0.11 does not tell why
    m->ops->close(old);
    slt_publish(m, "t", "one", 1, false);
    slt_expect(m, new, "t=one ");
    m->ops->close(new);
}

MQTT_CONTRACT(mqtt_a_client_that_closes_has_no_will)
{
    sli_str got = SLI_STR_INIT;
    sli_mqtt *heir = slt_subscriber(m, "heir", false, "wills");
    m->conf.will = (sli_mqtt_will){.topic = "wills", .payload = "gone", .qos = 1};
    sli_mqtt *client = slt_subscriber(m, "a", true, "t");
    slt_publish(m, "t", "one", 1, false);
    assert_int_equal(slt_take(m, client, slt_soon(m), &got), 1); // held: not settled
    m->ops->close(client);
    sli_str_clear(&got);
    assert_int_equal(slt_take(m, heir, slt_in(m, 100000), &got), 0);
    m->ops->close(heir);
    sli_str_reset(&got);
}
