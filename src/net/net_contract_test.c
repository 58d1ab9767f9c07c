// What a door does for a protocol and for those who come, in both worlds.
#include "net/fixture_test.h"

#include <string.h>

static bool all_wait(slt_door *d, const void *n)
{
    return d->n_waiting == *(const int *)n;
}

static bool frames_came(slt_door *d, const void *n)
{
    return d->n_frames == *(const int *)n;
}

SLT_NET(frames_are_whole_however_they_come)
{
    slt_door d = {0};
    slt_door_open(&d, b, NULL);
    slt_person *p = slt_comes(&d), *q = slt_comes(&d);
    slt_says_frame(p, "one");
    slt_says_frame(p, "two"); // several at once
    slt_hears(p, "onetwo");
    const char bytes[] = {0, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};
    for (size_t i = 0; i < sizeof bytes; i++) { // and one bit by bit
        slt_says(p, bytes + i, 1);
        slt_turn_for(&d, 100);
        slt_says_frame(q, "x");
        slt_hears(q, "x");
    }
    slt_hears(p, "hello");
    assert_int_equal(slt_metric_of(&d, "sluice_net_accepted_total{source=\"in\"}"), 2);
    assert_int_equal(slt_metric_of(&d, "sluice_net_open{source=\"in\"}"), 2);
    slt_goes(q);
    slt_says_frame(p, "y");
    slt_hears(p, "y");
    slt_turn_for(&d, 1000);
    assert_int_equal(slt_metric_of(&d, "sluice_net_open{source=\"in\"}"), 1);
    assert_int_equal(slt_closed(&d, "ended"), 1);
    slt_door_close(&d);
}

SLT_NET(large_frames_travel_both_ways)
{
    slt_door d = {0};
    slt_door_open(&d, b, NULL);
    slt_person *p = slt_comes(&d);
    enum { SIZE = 3 << 20 };
    char *text = sl_alloc(SLI_TAG_TEST, SIZE + 1);
    memset(text, 'a', SIZE);
    text[SIZE - 1] = 'z';
    text[SIZE] = '\0';
    slt_says_frame(p, text);
    slt_says_frame(p, "end");
    text[SIZE] = '\0';
    sli_str want = {.tag = SLI_TAG_TEST};
    sli_str_text(&want, text);
    sli_str_text(&want, "end");
    slt_hears(p, want.data);
    sli_str_reset(&want);
    sl_free(text);
    slt_door_close(&d);
}

SLT_NET(who_is_held_waits_without_a_deadline)
{
    slt_door d = {.holds = true};
    slt_door_open(&d, b, "idle_timeout=200ms&frame_timeout=200ms");
    slt_person *p = slt_comes(&d);
    slt_says_frame(p, "one");
    slt_says_frame(p, "two");
    int one = 1;
    slt_turn_until(&d, all_wait, &one);
    slt_turn_for(&d, 500000);
    assert_int_equal(d.n_frames, 1); // the second one waits
    assert_false(p->gone);
    slt_answer(&d);
    slt_turn_until(&d, all_wait, &one);
    assert_int_equal(d.n_frames, 2);
    slt_answer(&d);
    slt_hears(p, "okok");
    slt_is_ended(p); // now it is idle
    assert_int_equal(slt_closed(&d, "timeout"), 1);
    slt_door_close(&d);
}

SLT_NET(a_paused_door_reads_nothing)
{
    slt_door d = {0};
    slt_door_open(&d, b, "idle_timeout=200ms&frame_timeout=200ms");
    slt_person *p = slt_comes(&d);
    slt_says_frame(p, "one");
    slt_hears(p, "one");
    sli_net_pause(d.net);
    sli_net_pause(d.net);
    slt_says_frame(p, "two");
    slt_turn_for(&d, 500000);
    assert_int_equal(d.n_frames, 1);
    assert_false(p->gone); // it is we who do not read
    sli_net_resume(d.net);
    slt_hears(p, "two");
    slt_door_close(&d);
}

SLT_NET(answers_go_out_after_stop)
{
    slt_door d = {.holds = true};
    slt_door_open(&d, b, NULL);
    slt_person *p = slt_comes(&d);
    slt_says_frame(p, "one");
    int one = 1;
    slt_turn_until(&d, all_wait, &one);
    int32_t port = sli_net_port(d.net);
    sli_net_stop(d.net);
    slt_says_frame(p, "two");
    slt_turn_for(&d, 10000);
    slt_answer(&d);
    sli_net_close_door(d.net);
    d.net = NULL;
    slt_hears(p, "ok");
    slt_is_ended(p);
    assert_int_equal(d.n_frames, 1);
    assert_true(port > 0);
    slt_door_close(&d);
}

SLT_NET(a_taken_port_is_told)
{
    slt_door d = {0}, second = {0};
    slt_door_open(&d, b, NULL);
    assert_int_equal(slt_door_try(&second, b, NULL, sli_net_port(d.net)), SL_E_BUSY);
    assert_non_null(strstr(second.err.text, "choose another port"));
    slt_door_close(&second);
    slt_door_close(&d);
}

SLT_NET(a_door_needs_a_port_and_both_halves_of_a_certificate)
{
    slt_door d = {0};
    assert_int_equal(slt_door_try(&d, b, NULL, -1), SL_E_CONFIG);
    assert_non_null(strstr(d.err.text, "echo://localhost:9999"));
    assert_int_equal(slt_door_try(&d, b, "tls.cert=a.pem", 0), SL_E_CONFIG);
    assert_non_null(strstr(d.err.text, "tls.key is missing"));
    slt_door_close(&d);
}

SLT_NET(a_secret_is_compared_whole)
{
    slt_door d = {0};
    slt_door_open(&d, b, "secret=abc");
    assert_true(sli_net_has_secret(d.net));
    assert_true(sli_net_is_secret(d.net, sli_text_of("abc")));
    const char *const wrong[] = {"", "ab", "abcabc", "abd", "ABC", "abcc"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(sli_net_is_secret(d.net, sli_text_of(wrong[i])));
    }
    slt_door_close(&d);
}

// Whoever ends it, and whenever, the protocol is told once: ending from a callback, for another
// connection, twice.
SLT_NET(connections_end_from_anywhere)
{
    slt_door d = {.holds = true};
    slt_door_open(&d, b, NULL);
    for (int i = 0; i < 3; i++) {
        slt_says_frame(slt_comes(&d), "x");
    }
    int three = 3;
    slt_turn_until(&d, frames_came, &three);
    sli_net_send(d.waiting[0], "bye", 3);
    sli_net_close(d.waiting[0], SLI_NET_ENDED);
    sli_net_close(d.waiting[0], SLI_NET_FAILED);
    sli_net_send(d.waiting[0], "more", 4);
    sli_net_hold(d.waiting[0], false);
    int two = 2;
    for (int i = 0; i < 3; i++) {
        if (d.n_waiting == 3) {
            slt_turn_for(&d, 3000000);
        }
    }
    slt_turn_until(&d, all_wait, &two);
    assert_int_equal(slt_closed(&d, "ended"), 1);
    assert_int_equal(slt_closed(&d, "failed"), 0);
    slt_door_close(&d);
}
