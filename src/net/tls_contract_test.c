// TLS, by OpenSSL and by its twin in simulation: who is let in, and what harm does not do.
#include "net/fixture_test.h"

#include <stdio.h>
#include <string.h>

static void open_checked(slt_door *d, slt_bed *b)
{
    char more[1024];
    snprintf(more, sizeof more, "tls.ca=%s/ca.pem", b->dir);
    slt_door_open_tls(d, b, more);
}

static void talks(slt_person *p, const char *text)
{
    slt_says_frame(p, text);
    slt_hears(p, text);
}

SLT_NET(tls_carries_frames)
{
    slt_door d = {0};
    slt_door_open_tls(&d, b, "");
    slt_people_are(&d, NULL, "ca");
    slt_person *p = slt_comes_in(&d), *q = slt_comes_in(&d);
    talks(p, "one");
    talks(q, "two");
    char *large = sl_alloc(SLI_TAG_TEST, 200001);
    memset(large, 'x', 200000);
    large[200000] = '\0';
    talks(p, large);
    sl_free(large);
    slt_goes(q);
    talks(p, "three");
    slt_door_close(&d);
}

SLT_NET(a_client_needs_the_certificate_that_is_asked_for)
{
    static const struct {
        const char *name, *why;
    } cases[] = {{NULL, "the other side has no certificate"},
                 {"late", "the other side's certificate has expired"},
                 {"strange", "nobody that we trust has signed the other side's certificate"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slt_door d = {0};
        open_checked(&d, b);
        slt_people_are(&d, "client", "ca");
        slt_person *good = slt_comes_in(&d);
        slt_people_are(&d, cases[i].name, "ca");
        slt_person *bad = slt_comes(&d);
        slt_is_ended(bad);
        assert_int_equal(d.n_open, 1); // the protocol has not heard of it
        assert_int_equal(slt_closed(&d, "malformed"), 1);
        if (strstr(d.told.data, cases[i].why) == NULL) {
            fail_msg("%s", d.told.data);
        }
        talks(good, "hello");
        slt_door_close(&d);
    }
}

SLT_NET(a_client_believes_only_its_authority)
{
    slt_door d = {0};
    slt_door_open_tls(&d, b, "");
    slt_people_are(&d, NULL, "other-ca");
    slt_person *p = slt_comes(&d);
    slt_is_ended(p);
    assert_non_null(strstr(p->why.text, "nobody that we trust"));
    slt_door_close(&d);
}

SLT_NET(garbage_in_place_of_a_handshake)
{
    slt_door d = {0};
    slt_door_open_tls(&d, b, "");
    slt_people_are(&d, NULL, "ca");
    slt_person *good = slt_comes_in(&d);
    sli_tls_side *side = d.client_side;
    d.client_side = NULL; // in the clear
    slt_person *bad = slt_comes(&d);
    slt_says(bad, "GET / HTTP/1.1\r\n\r\n", 18);
    slt_is_ended(bad);
    assert_int_equal(slt_closed(&d, "malformed"), 1);
    d.client_side = side;
    talks(good, "hello");
    slt_door_close(&d);
}

SLT_NET(a_handshake_that_never_ends_has_a_deadline)
{
    slt_door d = {0};
    slt_door_open_tls(&d, b, "handshake_timeout=300ms");
    slt_people_are(&d, NULL, "ca");
    slt_person *good = slt_comes_in(&d);
    sli_tls_side *side = d.client_side;
    d.client_side = NULL;
    slt_person *silent = slt_comes(&d), *slow = slt_comes(&d);
    char first = b->world != NULL ? 1 : 0x16; // a record begins
    for (int i = 0; i < 100 && !(silent->gone && slow->gone); i++) {
        slt_says(slow, i == 0 ? &first : "\3", i < 3 ? 1 : 0);
        slt_turn_for(&d, 20000);
    }
    assert_true(silent->gone && slow->gone);
    assert_int_equal(slt_closed(&d, "timeout"), 2);
    assert_int_equal(d.n_open, 1);
    d.client_side = side;
    talks(good, "hello");
    slt_door_close(&d);
}

static void check_refused(slt_bed *b, const char *cert, const char *key, const char *ca,
                          const char *why)
{
    slt_door d = {0};
    char query[2048];
    snprintf(query, sizeof query, "tls.cert=%s/%s&tls.key=%s/%s&tls.ca=%s/%s", b->dir, cert, b->dir,
             key, b->dir, ca);
    assert_int_equal(slt_door_try(&d, b, query, 0), SL_E_CONFIG);
    if (strstr(d.err.text, why) == NULL) {
        fail_msg("%s", d.err.text);
    }
    slt_door_close(&d);
}

SLT_NET(certificates_that_do_not_fit_are_told)
{
    slt_door d = {0};
    slt_door_certificates(&d, b);
    check_refused(b, "server.pem", "client.key", "ca.pem", "tls.key is not the key of tls.cert");
    check_refused(b, "server.key", "server.key", "ca.pem", "tls.cert holds no certificate");
    check_refused(b, "server.pem", "server.pem", "ca.pem", "tls.key holds no private key");
    check_refused(b, "server.pem", "server.key", "server.key", "tls.ca holds no certificate");
    check_refused(b, "none.pem", "server.key", "ca.pem", "option tls.cert: ");
}

// Wherever a crash or a failure comes, nothing is touched after it was freed.
static void talk_with_faults(sli_world *world, const sli_fault *fault)
{
    slt_bed b = {.world = world, .dir = "/data"};
    assert_int_equal(sli_world_boot(world, fault, &b.env, NULL), SL_OK);
    slt_door d = {0};
    char query[2048];
    snprintf(query, sizeof query, "tls.cert=%s/server.pem&tls.key=%s/server.key&idle_timeout=1s",
             b.dir, b.dir);
    if (slt_door_try(&d, &b, query, 0) == SL_OK) {
        sli_socket *client[4] = {NULL};
        for (int i = 0; i < 4; i++) {
            size_t n = 0;
            if (sli_socket_connect(b.env, "localhost", sli_net_port(d.net), &client[i], NULL) ==
                SL_OK) {
                (void)!sli_socket_send(client[i], "\1\0\0\2\7\0\0\0\0\3abc", 13, &n, NULL);
            }
        }
        int64_t until = sli_env_mono_us(b.env) + 3000000;
        while (sli_env_mono_us(b.env) < until && sli_loop_run(d.loop, until, NULL) == SL_OK) {
        }
        for (int i = 0; i < 4; i++) {
            sli_socket_close(&client[i]);
        }
    }
    slt_door_close(&d);
    sli_env_free(b.env);
}

SL_TEST(a_door_survives_a_fault_at_every_call, "")
{
    for (int64_t n = 1; n < 150; n++) { // a run makes fewer calls
        for (int crash = 0; crash < 2; crash++) {
            sli_world *world = sli_world_new(&(sli_world_conf){.seed = (uint64_t)n});
            slt_bed b = {.world = world, .dir = "/data"};
            assert_int_equal(sli_world_boot(world, NULL, &b.env, NULL), SL_OK);
            assert_int_equal(sli_env_mkdirs(b.env, b.dir, NULL), SL_OK);
            slt_write_certificates(&b);
            sli_env_free(b.env);
            talk_with_faults(world, crash != 0 ? &(sli_fault){.crash_at_call = n}
                                               : &(sli_fault){.fail_at_call = n});
            sli_world_free(world);
        }
    }
}
