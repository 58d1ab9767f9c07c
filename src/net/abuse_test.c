// People who mean harm: whatever they do, memory is bounded, they are counted, and others are
// served.
#include "net/fixture_test.h"

#include <string.h>
#include <sys/resource.h>

static void serves(slt_person *good)
{
    slt_says_frame(good, "hello");
    slt_hears(good, "hello");
}

SLT_NET(garbage_ends_its_own_connection)
{
    slt_door d = {0};
    slt_door_open(&d, b, NULL);
    slt_person *good = slt_comes(&d), *bad = slt_comes(&d);
    slt_says(bad, "\0\0\0\0garbage", 11);
    slt_is_ended(bad);
    assert_int_equal(slt_closed(&d, "malformed"), 1);
    assert_non_null(strstr(d.told.data, "an empty frame"));
    serves(good);
    slt_door_close(&d);
}

SLT_NET(a_frame_of_4_gib_is_refused_when_it_is_announced)
{
    slt_door d = {0};
    slt_door_open(&d, b, NULL);
    slt_person *good = slt_comes(&d), *bad = slt_comes(&d);
    slt_says(bad, "\xff\xff\xff\xff", 4);
    slt_says(bad, "aaaa", 4);
    slt_is_ended(bad);
    assert_int_equal(slt_closed(&d, "too_large"), 1);
    assert_non_null(strstr(d.told.data, "a frame of 4294967299 bytes; max_frame is 16777216"));
    serves(good);
    slt_door_close(&d);
}

SLT_NET(half_a_frame_and_gone_is_malformed)
{
    slt_door d = {0};
    slt_door_open(&d, b, NULL);
    slt_person *good = slt_comes(&d), *bad = slt_comes(&d);
    serves(bad);
    slt_says(bad, "\0\0\0\x08half", 8);
    slt_turn_for(&d, 10000);
    slt_goes(bad);
    serves(good);
    slt_turn_for(&d, 10000);
    assert_int_equal(slt_closed(&d, "malformed"), 1);
    slt_door_close(&d);
}

// A byte now and then keeps no frame alive.
SLT_NET(slow_frames_have_a_deadline)
{
    slt_door d = {0};
    slt_door_open(&d, b, "frame_timeout=300ms");
    slt_person *good = slt_comes(&d), *bad = slt_comes(&d);
    slt_says(bad, "\0\0\0\x7f", 4);
    for (int i = 0; i < 100 && !bad->gone; i++) {
        slt_says(bad, "a", 1);
        slt_turn_for(&d, 20000);
    }
    assert_true(bad->gone);
    assert_int_equal(slt_closed(&d, "timeout"), 1);
    serves(good);
    slt_door_close(&d);
}

// There is room for three: a new one takes the place of whoever keeps us waiting for longest.
SLT_NET(a_full_door_still_lets_people_in)
{
    slt_door d = {0};
    slt_door_open(&d, b, "max_connections=3");
    for (int i = 0; i < 40; i++) {
        slt_person *idle = slt_comes(&d);
        if (i % 2 == 0) {
            slt_says(idle, "\0\0\0\x10slow", 8);
        }
        slt_turn_for(&d, 1000);
        if (i % 10 == 9) {
            serves(slt_comes(&d));
        }
    }
    assert_int_equal(slt_metric_of(&d, "sluice_net_open{source=\"in\"}"), 3);
    assert_int_equal(slt_closed(&d, "refused"), 41);
    slt_door_close(&d);
}

SLT_NET(those_who_wait_for_us_keep_their_place)
{
    slt_door d = {.holds = true};
    slt_door_open(&d, b, "max_connections=2");
    slt_person *first = slt_comes(&d), *second = slt_comes(&d);
    slt_says_frame(first, "a");
    slt_says_frame(second, "b");
    slt_turn_for(&d, 10000);
    assert_int_equal(d.n_waiting, 2);
    slt_person *third = slt_comes(&d);
    slt_is_ended(third);
    assert_int_equal(slt_closed(&d, "refused"), 1);
    slt_answer(&d);
    slt_hears(first, "ok");
    slt_hears(second, "ok");
    slt_door_close(&d);
}

// Many large frames that are never finished: the sum of what is kept has a bound of its own.
SLT_NET(frames_under_way_are_bounded_together)
{
    slt_door d = {0};
    slt_door_open(&d, b, "max_buffered=256KiB&max_frame=1MiB");
    enum { HALF = 100 << 10 };
    char *half = sl_alloc_zero(SLI_TAG_TEST, HALF);
    memcpy(half, "\0\x0f\0\0", 4);
    slt_person *people[8];
    for (int i = 0; i < 8; i++) {
        people[i] = slt_comes(&d);
        slt_says(people[i], half, HALF);
        slt_turn_for(&d, 20000);
    }
    assert_int_equal(slt_closed(&d, "crowded"), 6);
    assert_true(people[0]->gone && !people[7]->gone); // the oldest went
    slt_person *good = slt_comes(&d);
    serves(good);
    sl_free(half);
    slt_door_close(&d);
}

// Somebody who sends and never reads the answers.
SLT_NET(who_does_not_read_is_not_read)
{
    slt_door d = {0};
    slt_door_open(&d, b, "idle_timeout=300ms&max_frame=1MiB");
    slt_person *good = slt_comes(&d), *deaf = slt_comes(&d);
    enum { SIZE = 256 << 10 };
    char *frame = sl_alloc_zero(SLI_TAG_TEST, SIZE);
    memcpy(frame, "\0\x03\xff\xfc", 4);
    serves(good);
    sli_loop_unwatch(d.loop, deaf->socket);
    for (int i = 0; i < 200; i++) { // far more than sockets and door keep
        size_t n = 0;
        if (sli_socket_send(deaf->socket, frame, SIZE, &n, NULL) != SL_OK) {
            break;
        }
        slt_turn_for(&d, 100);
    }
    for (int i = 0; i < 10 && slt_closed(&d, "timeout") == 0; i++) {
        serves(good);
        slt_turn_for(&d, 100000);
    }
    assert_int_equal(slt_closed(&d, "timeout"), 1);
    sl_free(frame);
    slt_door_close(&d);
}

// Trouble fills no log.
SLT_NET(a_line_a_minute_is_logged)
{
    slt_door d = {0};
    slt_door_open(&d, b, NULL);
    for (int i = 0; i < 20; i++) {
        slt_person *bad = slt_comes(&d);
        slt_says(bad, "\0\0\0\0", 4);
        slt_is_ended(bad);
    }
    assert_int_equal(slt_closed(&d, "malformed"), 20);
    const char *first = strstr(d.told.data, "a connection was closed");
    assert_non_null(first);
    assert_null(strstr(first + 1, "a connection was closed"));
    slt_door_close(&d);
}

// ---------------------------------------------------------------- a crowd

enum { CROWD = 2500, ROOM = 500 };

/// As many as descriptors allow: each takes one here and, while it is let in, one there.
static int32_t crowd_size(void)
{
    struct rlimit limit = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int64_t room = (int64_t)limit.rlim_cur - ROOM - 100;
    return room < CROWD ? (int32_t)room : CROWD;
}

static int64_t held_bytes(void)
{
    return sli_mem_used(SLI_TAG_SOURCE);
}

// Thousands who are idle, or send a byte of a frame now and then: a door for 500 lets no more in,
// what it keeps is bounded, and whoever means well is served all the while.
SL_TEST(a_crowd_of_idle_and_slow_people_keeps_nobody_out_posix, "")
{
    slt_bed b = {0};
    slt_door d = {0};
    assert_int_equal(sli_env_posix(&b.env, NULL), SL_OK);
    slt_door_open(&d, &b, "max_connections=500&frame_timeout=20s");
    int32_t n = crowd_size();
    sli_socket **crowd = sl_alloc_array(SLI_TAG_TEST, (size_t)n, sizeof(sli_socket *));
    int64_t before = held_bytes(), most = 0;
    for (int32_t i = 0; i < n; i++) {
        size_t sent = 0;
        assert_int_equal(
            sli_socket_connect(b.env, "127.0.0.1", sli_net_port(d.net), &crowd[i], NULL), SL_OK);
        slt_turn_for(&d, 0);
        while (sli_socket_connected(crowd[i], NULL) == SL_E_TIMEOUT) {
            slt_turn_for(&d, 100);
        }
        if (i % 2 == 0) {
            (void)!sli_socket_send(crowd[i], "\0\0\x40\0slow", 8, &sent, NULL);
        }
        slt_turn_for(&d, 50);
        most = held_bytes() - before > most ? held_bytes() - before : most;
        if (i % 250 == 249) {
            slt_person *good = slt_comes(&d);
            serves(good);
            slt_goes(good);
        }
    }
    assert_in_range(slt_metric_of(&d, "sluice_net_open{source=\"in\"}"), 1, ROOM);
    assert_true(slt_closed(&d, "refused") >= n - ROOM);
    assert_in_range(most, 1, ROOM * 1024);
    for (int32_t i = 0; i < n; i++) {
        sli_socket_close(&crowd[i]);
    }
    sl_free(crowd);
    slt_door_close(&d);
    sli_env_free(b.env);
}
