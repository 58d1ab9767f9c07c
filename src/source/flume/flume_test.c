// Both doors of Flume, in the real world and in simulation: who connects, or is asked, is played by
// the test, byte by byte.
#include "flume/flume.h"
#include "source/fixture_test.h"
#include "source/message.h"

#include <stdio.h>
#define ZLIB_CONST
#include <zlib.h>

/// A source at work: what it has taken, and the other side.
typedef struct stage {
    slt_place *place;
    sli_loop *loop;
    sli_source *source;
    int32_t port;
    sli_str taken; ///< messages as text: "id:value;"
    int64_t bytes;
    bool full;            ///< `take` says no more
    sli_socket *listener; ///< of an agent that is asked
    sli_socket *peer;
    sli_str heard; ///< by the peer
    bool gone;     ///< the connection was ended
} stage;

static bool take(void *ctx, const void *data, size_t size, sli_tail tail)
{
    stage *s = ctx;
    sli_message message;
    assert_int_equal(tail, SLI_TAIL_OPEN);
    for (int64_t at = 0, n = 0; at < (int64_t)size; at += n) {
        n = sli_message_get((const char *)data + at, (int64_t)size - at, 1, &message);
        assert_true(n > 0);
        sli_str_printf(&s->taken, "%.*s:%.*s;", (int)message.id.size, (const char *)message.id.data,
                       (int)message.value.size, (const char *)message.value.data);
    }
    s->bytes += (int64_t)size;
    return !s->full;
}

static int32_t free_port(slt_place *p)
{
    sli_socket *socket = NULL;
    assert_int_equal(sli_socket_listen(p->env, "localhost", 0, &socket, NULL), SL_OK);
    int32_t port = sli_socket_port(socket);
    sli_socket_close(&socket);
    return port;
}

static void open_stage(stage *s, slt_place *p, const char *scheme, const char *query)
{
    char url[200];
    *s = (stage){.place = p, .loop = sli_loop_new(p->env), .taken = {.tag = SLI_TAG_TEST}};
    s->port = free_port(p);
    if (strcmp(scheme, "flume-poll") == 0) {
        assert_int_equal(sli_socket_listen(p->env, "localhost", s->port, &s->listener, NULL),
                         SL_OK);
    }
    (void)snprintf(url, sizeof url, "%s://localhost:%d?%s", scheme, (int)s->port, query);
    if (slt_open_url(p, url, &s->source) != SL_OK) {
        fail_msg("%s", p->err.text);
    }
    assert_int_equal(s->source->ops->start(s->source, s->loop, take, s, &p->err), SL_OK);
}

static void close_stage(stage *s)
{
    s->source->ops->stop(s->source);
    sli_source_close(s->source);
    sli_socket_close(&s->peer);
    sli_socket_close(&s->listener);
    sli_loop_free(s->loop);
    sli_str_reset(&s->taken);
    sli_str_reset(&s->heard);
}

/// One round, in which the peer hears what has come.
static void turn(stage *s)
{
    char piece[4096];
    size_t n = 0;
    int64_t until = sli_env_mono_us(s->place->env) + 1000;
    assert_int_equal(sli_loop_run(s->loop, until, NULL), SL_OK);
    if (s->listener != NULL && s->peer == NULL) {
        (void)!sli_socket_accept(s->listener, &s->peer, NULL);
    }
    while (s->peer != NULL && !s->gone) {
        sl_code rc = sli_socket_receive(s->peer, piece, sizeof piece, &n, NULL);
        s->gone = rc != SL_OK;
        if (rc != SL_OK || n == 0) {
            break;
        }
        sli_str_add(&s->heard, piece, n);
    }
}

static void turn_a_while(stage *s)
{
    for (int i = 0; i < 30; i++) {
        turn(s);
    }
}

static void turn_until_heard(stage *s, size_t size)
{
    for (int i = 0; i < 5000 && s->heard.size < size; i++) {
        turn(s);
    }
    assert_true(s->heard.size >= size);
}

static void turn_until_taken(stage *s, const char *text)
{
    for (int i = 0; i < 5000 && (s->taken.data == NULL || strcmp(s->taken.data, text) != 0); i++) {
        turn(s);
    }
    SL_CHECK_TEXT(s->taken.data, text);
}

static void turn_until_gone(stage *s)
{
    for (int i = 0; i < 5000 && !s->gone; i++) {
        turn(s);
    }
    assert_true(s->gone);
}

static void settle(stage *s)
{
    s->source->ops->settled(s->source, s->bytes);
}

static void say(stage *s, const void *data, size_t size)
{
    for (size_t at = 0, n = 0; at < size; at += n) {
        assert_int_equal(sli_socket_send(s->peer, (const char *)data + at, size - at, &n, NULL),
                         SL_OK);
        turn(s);
    }
}

static void forget_heard(stage *s)
{
    sli_str_clear(&s->heard);
}

// ---------------------------------------------------------------- an agent that sends

static void come(stage *s)
{
    assert_int_equal(sli_socket_connect(s->place->env, "localhost", s->port, &s->peer, NULL),
                     SL_OK);
    sl_code rc;
    s->gone = false;
    for (int i = 0; i < 5000; i++) {
        rc = sli_socket_connected(s->peer, NULL);
        if (rc == SL_OK) {
            return;
        }
        turn(s);
    }
    fail_msg("nobody listens");
}

/// A batch of bodies "a", "b", ...; each with the header id, which is its body.
static void put_batch(sli_str *out, uint32_t serial, bool first, const char *bodies)
{
    static const char shake[] = "\x86\xaa\xda\xe2\xc4\x54\x74\xc0\xfe\x93\xff\xd0\xf2\x35\x0a\x65";
    sli_str text = {.tag = SLI_TAG_TEST};
    if (first) {
        sli_str_add(&text, shake, 16);
        sli_str_char(&text, '\0');
        sli_str_add(&text, shake, 16);
        sli_str_add(&text, "\2\0", 2);
    }
    sli_str_add(&text,
                "\0\x16"
                "appendBatch",
                13);
    sli_put_zigzag(&text, (int64_t)strlen(bodies));
    for (const char *body = bodies; *body != '\0'; body++) {
        sli_str_add(&text, "\2\4id\2", 5);
        sli_str_char(&text, *body);
        sli_str_add(&text, "\0\2", 2);
        sli_str_char(&text, *body);
    }
    if (*bodies != '\0') {
        sli_str_char(&text, '\0');
    }
    sli_flume_frame_put(out, serial, (sl_bytes){text.data, text.size});
    sli_str_reset(&text);
}

static void send_batch(stage *s, uint32_t serial, bool first, const char *bodies)
{
    sli_str frame = {.tag = SLI_TAG_TEST};
    put_batch(&frame, serial, first, bodies);
    say(s, frame.data, frame.size);
    sli_str_reset(&frame);
}

/// Somebody comes and sends bodies, each its own id; they are taken as `taken`.
static void bring_first(stage *s, const char *bodies, const char *taken)
{
    come(s);
    send_batch(s, 1, true, bodies);
    turn_until_taken(s, taken);
}

/// And they are answered, once they are durable.
static void first_is_answered(stage *s)
{
    settle(s);
    turn_until_heard(s, 19);
    assert_memory_equal(s->heard.data, "\0\0\0\1\0\0\0\1\0\0\0\7\0\0\0\0\0\0\0", 19);
    forget_heard(s);
}

PLACE_TEST(a_batch_is_answered_when_it_is_durable_and_not_before)
{
    stage s;
    open_stage(&s, p, "flume", "id_header=id");
    bring_first(&s, "ab", "a:a;b:b;");
    turn_a_while(&s);
    assert_int_equal(s.heard.size, 0);
    first_is_answered(&s);
    send_batch(&s, 2, false, "c");
    turn_until_taken(&s, "a:a;b:b;c:c;");
    settle(&s);
    turn_until_heard(&s, 15);
    assert_memory_equal(s.heard.data, "\0\0\0\2\0\0\0\1\0\0\0\3\0\0\0", 15);
    close_stage(&s);
}

PLACE_TEST(without_an_id_header_events_have_no_id_and_an_empty_batch_is_answered)
{
    stage s;
    open_stage(&s, p, "flume", "");
    bring_first(&s, "a", ":a;");
    first_is_answered(&s);
    send_batch(&s, 2, false, "");
    turn_a_while(&s);
    settle(&s);
    turn_until_heard(&s, 15);
    close_stage(&s);
}

PLACE_TEST(what_is_no_batch_ends_its_connection_and_no_other)
{
    static const char garbage[] = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    stage s;
    open_stage(&s, p, "flume", "");
    come(&s);
    say(&s, garbage, sizeof garbage - 1); // serial "GET ", so many buffers: too large
    turn_until_gone(&s);
    sli_socket_close(&s.peer);
    come(&s);
    say(&s, "\0\0\0\1\0\0\0\1\0\0\0\3abc", 15); // no handshake
    turn_until_gone(&s);
    sli_socket_close(&s.peer);
    bring_first(&s, "a", ":a;");
    close_stage(&s);
}

PLACE_TEST(who_goes_before_the_answer_leaves_what_came)
{
    stage s;
    open_stage(&s, p, "flume", "");
    bring_first(&s, "a", ":a;");
    sli_socket_close(&s.peer);
    turn_a_while(&s);
    settle(&s);
    come(&s);
    send_batch(&s, 1, true, "b");
    turn_until_taken(&s, ":a;:b;");
    settle(&s);
    turn_until_heard(&s, 19);
    close_stage(&s);
}

PLACE_TEST(a_door_is_not_read_while_the_engine_wants_no_more)
{
    stage s;
    open_stage(&s, p, "flume", "");
    come(&s);
    s.full = true;
    send_batch(&s, 1, true, "a");
    send_batch(&s, 2, false, "b");
    turn_until_taken(&s, ":a;");
    turn_a_while(&s);
    SL_CHECK_TEXT(s.taken.data, ":a;");
    s.full = false;
    s.source->ops->resume(s.source);
    turn_until_taken(&s, ":a;:b;");
    settle(&s);
    turn_until_heard(&s, 19 + 15);
    close_stage(&s);
}

PLACE_TEST(batches_that_wait_are_bounded_for_each_connection)
{
    stage s;
    sli_str frames = {.tag = SLI_TAG_TEST};
    open_stage(&s, p, "flume", "");
    come(&s);
    for (uint32_t serial = 1; serial <= 300; serial++) {
        put_batch(&frames, serial, serial == 1, "a");
    }
    say(&s, frames.data, frames.size);
    turn_a_while(&s);
    assert_int_equal(s.taken.size, 256 * 3);
    settle(&s);
    turn_until_heard(&s, 19 + 255 * 15);
    turn_a_while(&s);
    assert_int_equal(s.taken.size, 300 * 3);
    settle(&s);
    turn_until_heard(&s, 19 + 299 * 15);
    sli_str_reset(&frames);
    close_stage(&s);
}

PLACE_TEST(a_message_that_flume_has_not_is_refused_and_the_next_one_read)
{
    stage s;
    open_stage(&s, p, "flume", "");
    bring_first(&s, "a", ":a;");
    first_is_answered(&s);
    say(&s, "\0\0\0\2\0\0\0\1\0\0\0\5\0\6odd", 17);
    turn_until_heard(&s, 20);
    assert_memory_equal(s.heard.data + 12, "\0\1\0", 3);
    send_batch(&s, 3, false, "b");
    turn_until_taken(&s, ":a;:b;");
    close_stage(&s);
}

// ---------------------------------------------------------------- compressed

static void deflate_into(z_stream *z, const sli_str *bytes, sli_str *out)
{
    char piece[65536];
    z->next_in = (const Bytef *)bytes->data;
    z->avail_in = (uInt)bytes->size;
    do {
        z->next_out = (Bytef *)piece;
        z->avail_out = sizeof piece;
        assert_true(deflate(z, Z_SYNC_FLUSH) != Z_STREAM_ERROR);
        sli_str_add(out, piece, sizeof piece - z->avail_out);
    } while (z->avail_out == 0);
}

PLACE_TEST(a_compressed_connection_is_one_stream_in_each_direction)
{
    stage s;
    z_stream out = {0}, in = {0};
    char answers[64];
    open_stage(&s, p, "flume", "compression=deflate");
    come(&s);
    assert_int_equal(deflateInit(&out, 6), Z_OK);
    assert_int_equal(inflateInit(&in), Z_OK);
    in.next_out = (Bytef *)answers;
    in.avail_out = sizeof answers;
    for (uint32_t serial = 1; serial <= 2; serial++) {
        sli_str frame = {.tag = SLI_TAG_TEST}, packed = {.tag = SLI_TAG_TEST};
        put_batch(&frame, serial, serial == 1, serial == 1 ? "a" : "b");
        deflate_into(&out, &frame, &packed);
        for (size_t i = 0; i < packed.size; i++) {
            say(&s, packed.data + i, 1);
        }
        turn_until_taken(&s, serial == 1 ? ":a;" : ":a;:b;");
        settle(&s);
        turn_until_heard(&s, 1);
        turn_a_while(&s);
        in.next_in = (const Bytef *)s.heard.data;
        in.avail_in = (uInt)s.heard.size;
        assert_int_equal(inflate(&in, Z_SYNC_FLUSH), Z_OK);
        assert_int_equal(sizeof answers - in.avail_out, serial == 1 ? 19 : 19 + 15);
        forget_heard(&s);
        sli_str_reset(&frame);
        sli_str_reset(&packed);
    }
    (void)deflateEnd(&out);
    (void)inflateEnd(&in);
    close_stage(&s);
}

PLACE_TEST(frames_that_are_still_to_be_inflated_are_read_when_the_engine_wants_more)
{
    stage s;
    z_stream out = {0};
    sli_str frames = {.tag = SLI_TAG_TEST}, packed = {.tag = SLI_TAG_TEST};
    open_stage(&s, p, "flume", "compression=deflate");
    come(&s);
    for (uint32_t serial = 1; serial <= 1000; serial++) {
        put_batch(&frames, serial, serial == 1, "a");
    }
    assert_int_equal(deflateInit(&out, 9), Z_OK);
    deflate_into(&out, &frames, &packed);
    s.full = true;
    say(&s, packed.data, packed.size);
    turn_a_while(&s);
    assert_in_range(s.taken.size, 3, 999 * 3);
    s.full = false;
    s.source->ops->resume(s.source);
    for (int i = 0; i < 200 && s.taken.size < 1000 * 3; i++) {
        settle(&s);
        turn(&s);
    }
    assert_int_equal(s.taken.size, 1000 * 3);
    (void)deflateEnd(&out);
    sli_str_reset(&frames);
    sli_str_reset(&packed);
    close_stage(&s);
}

PLACE_TEST(a_frame_that_inflates_without_end_is_refused)
{
    stage s;
    z_stream out = {0};
    sli_str bomb = {.tag = SLI_TAG_TEST}, packed = {.tag = SLI_TAG_TEST};
    open_stage(&s, p, "flume", "compression=deflate&max_frame=64KiB");
    come(&s);
    sli_str_add(&bomb, "\0\0\0\1\0\0\0\1\0\x10\0\0", 12); // a megabyte
    memset(sli_str_extend(&bomb, 1 << 20), 'x', 1 << 20);
    assert_int_equal(deflateInit(&out, 9), Z_OK);
    deflate_into(&out, &bomb, &packed);
    say(&s, packed.data, packed.size < 100 ? packed.size : 100);
    turn_until_gone(&s);
    (void)deflateEnd(&out);
    sli_str_reset(&bomb);
    sli_str_reset(&packed);
    close_stage(&s);
}

PLACE_TEST(what_is_not_compressed_is_refused_where_it_should_be)
{
    stage s;
    open_stage(&s, p, "flume", "compression=deflate");
    come(&s);
    send_batch(&s, 1, true, "a");
    turn_until_gone(&s);
    close_stage(&s);
}

// ---------------------------------------------------------------- an agent that is asked

#define ASK                                                                                        \
    "\x1A"                                                                                         \
    "getEventBatch" // the handshake holds the name too

/// Whether the peer has heard a request of that name.
static bool has_heard(const stage *s, const char *name)
{
    return s->heard.size > 0 && memmem(s->heard.data, s->heard.size, name, strlen(name)) != NULL;
}

static void turn_until_asked(stage *s, const char *name)
{
    for (int i = 0; i < 5000 && !has_heard(s, name); i++) {
        turn(s);
    }
    assert_true(has_heard(s, name));
}

/// Answers the request that was heard last, whose serial is `serial`.
static void answer(stage *s, uint32_t serial, bool first, const void *data, size_t size)
{
    sli_str text = {.tag = SLI_TAG_TEST}, frame = {.tag = SLI_TAG_TEST};
    sli_str_add(&text, "\0\0\0\0", first ? 4 : 0);
    sli_str_add(&text, "\0\0", 2);
    sli_str_add(&text, data, size);
    sli_flume_frame_put(&frame, serial, (sl_bytes){text.data, text.size});
    forget_heard(s);
    say(s, frame.data, frame.size);
    sli_str_reset(&text);
    sli_str_reset(&frame);
}

/// No error, number "s1", one event: header id=7, body "hi".
#define BATCH                                                                                      \
    "\0\4s1\2\2\4id\2"                                                                             \
    "7\0\4hi\0"

/// The first request is answered with BATCH, which is taken as `taken`.
static void give_first(stage *s, const char *taken)
{
    turn_until_asked(s, ASK);
    answer(s, 1, true, BATCH, sizeof BATCH - 1);
    turn_until_taken(s, taken);
}

PLACE_TEST(a_batch_is_acknowledged_when_it_is_durable_and_the_next_one_asked_for)
{
    stage s;
    open_stage(&s, p, "flume-poll", "id_header=id&batch=5");
    turn_until_asked(&s, ASK "\n"); // 5, zigzag
    give_first(&s, "7:hi;");
    turn_a_while(&s);
    assert_int_equal(s.heard.size, 0);
    settle(&s);
    turn_until_asked(&s, "\6ack\4s1");
    assert_false(has_heard(&s, "SparkFlumeProtocol")); // one handshake a connection
    answer(&s, 2, false, "", 0);
    turn_until_asked(&s, ASK);
    close_stage(&s);
}

PLACE_TEST(a_batch_whose_connection_broke_is_acknowledged_over_the_next)
{
    stage s;
    open_stage(&s, p, "flume-poll", "reconnect_delay=1ms");
    give_first(&s, ":hi;");
    sli_socket_close(&s.peer);
    turn_a_while(&s);
    settle(&s);
    turn_until_asked(&s, "\6ack\4s1");
    assert_true(has_heard(&s, "SparkFlumeProtocol"));
    assert_false(has_heard(&s, ASK));
    assert_true(slt_metric(p, SLI_SOURCE_RECONNECTS) >= 1);
    close_stage(&s);
}

PLACE_TEST(a_batch_that_can_not_be_read_is_refused_by_its_number)
{
    stage s;
    open_stage(&s, p, "flume-poll", "reconnect_delay=1ms");
    turn_until_asked(&s, ASK);
    answer(&s, 1, true, "\0\4s1\2\2\4id", 9); // its events are cut off
    turn_until_asked(&s, "\x8nack\4s1");
    sli_socket_close(&s.peer); // it may not have come: it is said again, and is never an ack
    forget_heard(&s);
    turn_until_asked(&s, "\x8nack\4s1");
    answer(&s, 3, true, "", 0);
    sli_socket_close(&s.peer);
    s.gone = false;
    turn_until_asked(&s, ASK);
    assert_int_equal(s.taken.size, 0);
    close_stage(&s);
}

PLACE_TEST(a_sink_that_does_not_answer_is_connected_anew)
{
    stage s;
    open_stage(&s, p, "flume-poll", "reconnect_delay=1ms&answer_timeout=20ms");
    turn_until_asked(&s, ASK);
    turn_until_gone(&s);
    sli_socket_close(&s.peer);
    s.gone = false;
    forget_heard(&s);
    turn_until_asked(&s, ASK);
    close_stage(&s);
}

PLACE_TEST(a_sink_is_not_asked_while_the_engine_wants_no_more)
{
    stage s;
    open_stage(&s, p, "flume-poll", "");
    s.full = true;
    turn_until_asked(&s, ASK);
    answer(&s, 1, true, BATCH, sizeof BATCH - 1);
    settle(&s);
    turn_until_asked(&s, "ack");
    answer(&s, 2, false, "", 0);
    turn_a_while(&s);
    assert_int_equal(s.heard.size, 0);
    s.full = false;
    s.source->ops->resume(s.source);
    turn_until_asked(&s, ASK);
    close_stage(&s);
}

PLACE_TEST(what_was_taken_before_the_end_is_acknowledged_at_the_end)
{
    stage s;
    open_stage(&s, p, "flume-poll", "");
    give_first(&s, ":hi;");
    s.source->ops->stop(s.source);
    settle(&s);
    turn_until_asked(&s, "\6ack\4s1");
    close_stage(&s);
}

// ---------------------------------------------------------------- settings

SL_TEST(settings_of_flume_are_checked, "ERRORS-1")
{
    static const struct {
        const char *url, *text;
    } cases[] = {
        {"flume://localhost", "port"},
        {"flume://localhost:4141/path", "the door has no path"},
        {"flume://localhost:4141?secret=x", "an Avro sink has no place for one"},
        {"flume://localhost:4141?format=arrow", "a single value is no record of it"},
        {"flume://localhost:4141?columns=key", "key"},
        {"flume-poll:", "addresses of agents are expected"},
        {"flume-poll:a:1,b", "addresses of agents are expected"},
        {"flume-poll://a:1?compression=deflate", "compression"},
    };
    slt_place p;
    slt_place_open(&p, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sli_source *source = NULL;
        assert_true(slt_open_url(&p, cases[i].url, &source) != SL_OK);
        if (strstr(p.err.text, cases[i].text) == NULL) {
            fail_msg("%s: %s", cases[i].url, p.err.text);
        }
    }
    sli_source *source = NULL;
    assert_int_equal(slt_open_url(&p, "flume-poll:a:1,[::1]:2,b:3", &source), SL_OK);
    sli_source_close(source);
    slt_place_close(&p);
}
