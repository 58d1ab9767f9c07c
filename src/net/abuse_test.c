// People who mean harm: whatever they do, memory is bounded, they are counted, and others are
// served. Each comes in the clear, and once more over TLS.
#include "net/fixture_test.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/// One test, in each world, in the clear and with TLS.
#define ABUSE(name)                                                                                \
    static void check_##name(slt_bed *b, bool tls);                                                \
    static void name##_in_the_clear(slt_bed *b)                                                    \
    {                                                                                              \
        check_##name(b, false);                                                                    \
    }                                                                                              \
    static void name##_over_tls(slt_bed *b)                                                        \
    {                                                                                              \
        check_##name(b, true);                                                                     \
    }                                                                                              \
    SL_TEST(name##_posix, "")                                                                      \
    {                                                                                              \
        slt_in_real_world(name##_in_the_clear);                                                    \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        slt_in_simulation(name##_in_the_clear);                                                    \
    }                                                                                              \
    SL_TEST(name##_tls_posix, "")                                                                  \
    {                                                                                              \
        slt_in_real_world(name##_over_tls);                                                        \
    }                                                                                              \
    SL_TEST(name##_tls_sim, "")                                                                    \
    {                                                                                              \
        slt_in_simulation(name##_over_tls);                                                        \
    }                                                                                              \
    static void check_##name(slt_bed *b, bool tls)

static void open_door(slt_door *d, slt_bed *b, bool tls, const char *query)
{
    if (tls) {
        slt_door_open_tls(d, b, query);
        slt_people_are(d, NULL, "ca");
    } else {
        slt_door_open(d, b, query);
    }
}

static void serves(slt_person *good)
{
    slt_says_frame(good, "hello");
    slt_hears(good, "hello");
}

ABUSE(garbage_ends_its_own_connection)
{
    slt_door d = {0};
    open_door(&d, b, tls, "");
    slt_person *good = slt_comes_in(&d), *bad = slt_comes_in(&d);
    slt_says(bad, "\0\0\0\0garbage", 11);
    slt_is_ended(bad);
    assert_int_equal(slt_closed(&d, "malformed"), 1);
    assert_non_null(strstr(d.told.data, "an empty frame"));
    serves(good);
    slt_door_close(&d);
}

ABUSE(a_frame_of_4_gib_is_refused_when_it_is_announced)
{
    slt_door d = {0};
    open_door(&d, b, tls, "");
    slt_person *good = slt_comes_in(&d), *bad = slt_comes_in(&d);
    slt_says(bad, "\xff\xff\xff\xff", 4);
    slt_says(bad, "aaaa", 4);
    slt_is_ended(bad);
    assert_int_equal(slt_closed(&d, "too_large"), 1);
    assert_non_null(strstr(d.told.data, "a frame of 4294967299 bytes; max_frame is 16777216"));
    serves(good);
    slt_door_close(&d);
}

ABUSE(half_a_frame_and_gone_is_malformed)
{
    slt_door d = {0};
    open_door(&d, b, tls, "");
    slt_person *good = slt_comes_in(&d), *bad = slt_comes_in(&d);
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
ABUSE(slow_frames_have_a_deadline)
{
    slt_door d = {0};
    open_door(&d, b, tls, "frame_timeout=300ms");
    slt_person *good = slt_comes_in(&d), *bad = slt_comes_in(&d);
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
ABUSE(a_full_door_still_lets_people_in)
{
    slt_door d = {0};
    open_door(&d, b, tls, "max_connections=3");
    for (int i = 0; i < 40; i++) {
        slt_person *idle = slt_comes_in(&d);
        if (i % 2 == 0) {
            slt_says(idle, "\0\0\0\x10slow", 8);
        }
        slt_turn_for(&d, 1000);
        if (i % 10 == 9) {
            serves(slt_comes_in(&d));
        }
    }
    assert_int_equal(slt_metric_of(&d, "sluice_net_open{source=\"in\"}"), 3);
    assert_int_equal(slt_closed(&d, "refused"), 41);
    slt_door_close(&d);
}

ABUSE(those_who_wait_for_us_keep_their_place)
{
    slt_door d = {.holds = true};
    open_door(&d, b, tls, "max_connections=2");
    slt_person *first = slt_comes_in(&d), *second = slt_comes_in(&d);
    slt_says_frame(first, "a");
    slt_says_frame(second, "b");
    slt_turn_for(&d, 10000);
    assert_int_equal(d.n_waiting, 2);
    slt_person *third = slt_comes_in(&d);
    slt_is_ended(third);
    assert_int_equal(slt_closed(&d, "refused"), 1);
    slt_answer(&d);
    slt_hears(first, "ok");
    slt_hears(second, "ok");
    slt_door_close(&d);
}

// Many large frames that are never finished: the sum of what is kept has a bound of its own.
ABUSE(frames_under_way_are_bounded_together)
{
    slt_door d = {0};
    open_door(&d, b, tls, "max_buffered=256KiB&max_frame=1MiB");
    enum { HALF = 100 << 10 };
    char *half = sl_alloc_zero(SLI_TAG_TEST, HALF);
    memcpy(half, "\0\x0f\0\0", 4);
    slt_person *people[8];
    for (int i = 0; i < 8; i++) {
        people[i] = slt_comes_in(&d);
        slt_says(people[i], half, HALF);
        slt_turn_for(&d, 20000);
    }
    assert_int_equal(slt_closed(&d, "crowded"), 6);
    assert_true(people[0]->gone && !people[7]->gone); // the oldest went
    slt_person *good = slt_comes_in(&d);
    serves(good);
    sl_free(half);
    slt_door_close(&d);
}

// Somebody who sends and never reads the answers.
ABUSE(who_does_not_read_is_not_read)
{
    slt_door d = {0};
    open_door(&d, b, tls, "idle_timeout=300ms&max_frame=1MiB");
    slt_person *good = slt_comes_in(&d), *deaf = slt_comes_in(&d);
    enum { SIZE = 256 << 10 };
    char *frame = sl_alloc_zero(SLI_TAG_TEST, SIZE);
    memcpy(frame, "\0\x03\xff\xfc", 4);
    serves(good);
    deaf->deaf = true;
    for (int i = 0; i < 200; i++) { // far more than sockets and door keep
        slt_says(deaf, frame, deaf->unsent.size < 4 * SIZE ? SIZE : 0);
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
ABUSE(a_line_a_minute_is_logged)
{
    slt_door d = {0};
    open_door(&d, b, tls, "");
    for (int i = 0; i < 20; i++) {
        slt_person *bad = slt_comes_in(&d);
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

enum {
    CROWD = 2500,
    ROOM = 500,
    CLEAR_BYTES = 1 << 10,    ///< at most, of a connection that is idle or slow
    SHAKING_BYTES = 96 << 10, ///< the same, of one that has not shaken hands: OpenSSL's share
};

typedef struct crowd {
    slt_door door;
    sli_socket **people;
    int32_t n;
    bool tls;
    int64_t before, most; ///< bytes held
} crowd;

/// As many as descriptors allow: each takes one here and, while it is let in, one there.
static int32_t crowd_size(void)
{
    struct rlimit limit = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int64_t room = (int64_t)limit.rlim_cur - ROOM - 100;
    return room < CROWD ? (int32_t)room : CROWD;
}

/// With TLS of the whole process, since what the library keeps is not counted elsewhere.
static int64_t held_bytes(bool tls)
{
    return tls ? (int64_t)mallinfo2().uordblks : sli_mem_used(SLI_TAG_SOURCE);
}

/// One more: half of them are idle, the others begin a frame, or a handshake, and never end it.
static void join(crowd *c, int32_t i)
{
    size_t sent = 0;
    slt_door *d = &c->door;
    assert_int_equal(
        sli_socket_connect(d->bed->env, "127.0.0.1", sli_net_port(d->net), &c->people[i], NULL),
        SL_OK);
    slt_turn_for(d, 0);
    while (sli_socket_connected(c->people[i], NULL) == SL_E_TIMEOUT) {
        slt_turn_for(d, 100);
    }
    if (i % 2 == 0) {
        const char *begin = c->tls ? "\x16\3\1\2\0\1\0\1" : "\0\0\x40\0slow";
        (void)!sli_socket_send(c->people[i], begin, 8, &sent, NULL);
    }
    slt_turn_for(d, 50);
    int64_t held = held_bytes(c->tls) - c->before;
    c->most = held > c->most ? held : c->most;
}

// Thousands: a door for 500 lets no more in, what it keeps is bounded, and whoever means well is
// served all the while.
static void come_in_crowds(slt_bed *b, bool tls)
{
    static crowd c; // people hold pointers into it
    c = (crowd){.n = crowd_size(), .tls = tls};
    open_door(&c.door, b, tls, "max_connections=500&frame_timeout=20s&handshake_timeout=20s");
    c.people = sl_alloc_array(SLI_TAG_TEST, (size_t)c.n, sizeof(sli_socket *));
    c.before = held_bytes(tls);
    for (int32_t i = 0; i < c.n; i++) {
        join(&c, i);
        if (i % 250 == 249) {
            slt_person *good = slt_comes_in(&c.door);
            serves(good);
            slt_goes(good);
        }
    }
    assert_in_range(slt_metric_of(&c.door, "sluice_net_open{source=\"in\"}"), 1, ROOM);
    assert_true(slt_closed(&c.door, "refused") >= c.n - ROOM);
    assert_in_range(c.most, 0, ROOM * (tls ? SHAKING_BYTES : CLEAR_BYTES));
    printf("# %d came%s, %lld bytes held at most\n", (int)c.n, tls ? " over TLS" : "",
           (long long)c.most);
    for (int32_t i = 0; i < c.n; i++) {
        sli_socket_close(&c.people[i]);
    }
    sl_free(c.people);
    slt_door_close(&c.door);
}

static void come_in_the_clear(slt_bed *b)
{
    come_in_crowds(b, false);
}

static void come_over_tls(slt_bed *b)
{
    come_in_crowds(b, true);
}

SL_TEST(a_crowd_of_idle_and_slow_people_keeps_nobody_out_posix, "")
{
    slt_in_real_world(come_in_the_clear);
}

SL_TEST(a_crowd_that_never_shakes_hands_keeps_nobody_out_posix, "")
{
    slt_in_real_world(come_over_tls);
}
