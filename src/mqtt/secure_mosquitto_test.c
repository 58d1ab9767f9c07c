// TLS, which the simulated broker has not.
#include "mqtt/fixture_test.h"

#if SLT_MQTT

#include <stdio.h>
#include <stdlib.h>

#include "mosquitto_broker.h"

SL_TEST(mqtt_goes_through_tls_mosquitto, "")
{
    char other[512];
    slt_mqtt m;
    sli_mqtt *client = NULL;
    slt_needs_mosquitto(&m, 5);
    m.conf.ca = slt_mosquitto_tls(m.body);
    m.conf.tls = true;
    m.conf.host = "localhost";
    client = slt_subscriber(&m, "a", true, "t");
    slt_publish(&m, "t", "one two three", 1, false);
    slt_expect(&m, client, "t=one t=two t=three ");
    m.ops->close(client);

    (void)snprintf(other, sizeof other, "%s/other.pem", getenv("SLUICE_TEST_MQTT"));
    m.conf.ca = other; // somebody else's CA
    assert_int_equal(slt_connect(&m, "a", false, &client), SL_E_CONFIG);
    slt_says(&m, "certificate verify failed");
    m.conf.ca = "/nowhere.pem";
    assert_int_equal(slt_connect(&m, "a", false, &client), SL_E_CONFIG);
    m.conf.tls = false;
    m.conf.ca = NULL;
    assert_int_equal(slt_connect(&m, "a", false, &client), SL_E_IO); // plain words to a TLS door
    m.fixture->end(&m);
}

#endif
