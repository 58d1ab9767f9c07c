// The door for HTTP, in both worlds: what senders are answered, and when.
#include "source/fixture_test.h"
#include "source/http/http_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { PEOPLE = 8 };

typedef struct person {
    struct post *post;
    sli_socket *socket;
    sli_str heard;
    bool gone;
} person;

/// A source, its engine's side, and those who send.
typedef struct post {
    slt_place *p;
    sli_source *source;
    sli_loop *loop;
    int32_t port;
    sli_str taken; ///< "id=value;" of each message
    int64_t bytes;
    bool full; ///< `take` says stop
    person people[PEOPLE];
    int32_t n_people;
} post;

static bool take(void *ctx, const void *data, size_t size, sli_tail tail)
{
    post *o = ctx;
    sli_message m;
    (void)tail;
    o->bytes += (int64_t)size;
    for (size_t at = 0; at < size;) {
        int64_t n = sli_message_get((const char *)data + at, (int64_t)(size - at), HTTP_CELLS, &m);
        assert_true(n > 0);
        sli_str_add(&o->taken, m.id.data, m.id.size);
        sli_str_char(&o->taken, '=');
        sli_str_add(&o->taken, m.value.data, m.value.size);
        sli_str_char(&o->taken, ';');
        at += (size_t)n;
    }
    return !o->full;
}

static void open_post(post *o, slt_place *p, const char *query)
{
    char url[512];
    *o = (post){.p = p, .taken.tag = SLI_TAG_TEST};
    (void)snprintf(url, sizeof url, "http://localhost:0%s", query);
    p->source_env.modules = p->world != NULL ? NULL : SLT_BUILD_DIR "/lib/sluice";
    if (slt_open_url(p, url, &o->source) != SL_OK) {
        fail_msg("%s", p->err.text);
    }
    o->loop = sli_loop_new(p->env);
    assert_int_equal(o->source->ops->start(o->source, o->loop, take, o, &p->err), SL_OK);
    const char *at = strstr(p->told.data, "listens on localhost:");
    assert_non_null(at);
    o->port = atoi(at + strlen("listens on localhost:"));
}

static void close_post(post *o)
{
    o->source->ops->stop(o->source);
    sli_source_close(o->source);
    for (int32_t i = 0; i < o->n_people; i++) {
        sli_socket_close(&o->people[i].socket);
        sli_str_reset(&o->people[i].heard);
    }
    sli_loop_free(o->loop);
    sli_str_reset(&o->taken);
}

static void on_person(void *ctx, int32_t ready)
{
    person *who = ctx;
    char piece[4096];
    size_t n = 0;
    (void)ready;
    if (sli_socket_receive(who->socket, piece, sizeof piece, &n, NULL) != SL_OK) {
        who->gone = true;
        sli_socket_close(&who->socket);
        return;
    }
    sli_str_add(&who->heard, piece, n);
}

static person *comes(post *o)
{
    assert_true(o->n_people < PEOPLE);
    person *who = &o->people[o->n_people++];
    *who = (person){.post = o, .heard.tag = SLI_TAG_TEST};
    assert_int_equal(sli_socket_connect(o->p->env, "localhost", o->port, &who->socket, NULL),
                     SL_OK);
    assert_int_equal(sli_loop_watch(o->loop, who->socket, SLI_READABLE, on_person, who, NULL),
                     SL_OK);
    return who;
}

static void turn_for(post *o, int64_t us)
{
    int64_t until = sli_env_mono_us(o->p->env) + us;
    do {
        assert_int_equal(sli_loop_run(o->loop, until, NULL), SL_OK);
    } while (sli_env_mono_us(o->p->env) < until);
}

static void says(person *who, const char *text)
{
    size_t n = 0, size = strlen(text);
    int64_t until = sli_env_mono_us(who->post->p->env) + 10000000;
    for (size_t at = 0; at < size && sli_env_mono_us(who->post->p->env) < until; at += n) {
        n = 0;
        assert_int_equal(sli_socket_send(who->socket, text + at, size - at, &n, NULL), SL_OK);
        turn_for(who->post, 1000);
    }
}

/// Turns until what was heard has that text in it.
static void hears(person *who, const char *text)
{
    int64_t until = sli_env_mono_us(who->post->p->env) + 10000000;
    while (!who->gone && (who->heard.data == NULL || strstr(who->heard.data, text) == NULL) &&
           sli_env_mono_us(who->post->p->env) < until) {
        assert_int_equal(sli_loop_run(who->post->loop, until, NULL), SL_OK);
    }
    if (who->heard.data == NULL || strstr(who->heard.data, text) == NULL) {
        fail_msg("heard: %s", who->heard.data == NULL ? "nothing" : who->heard.data);
    }
    sli_str_clear(&who->heard);
}

static void is_ended(person *who)
{
    int64_t until = sli_env_mono_us(who->post->p->env) + 10000000;
    while (!who->gone && sli_env_mono_us(who->post->p->env) < until) {
        assert_int_equal(sli_loop_run(who->post->loop, until, NULL), SL_OK);
    }
    assert_true(who->gone);
}

static void settle(post *o)
{
    o->source->ops->settled(o->source, o->bytes);
}

static void posts(person *who, const char *more, const char *body)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "POST /in HTTP/1.1\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n%s", more,
                   strlen(body), body);
    says(who, text);
}

PLACE_TEST(a_request_is_answered_when_it_is_settled)
{
    post o;
    open_post(&o, p, "/in");
    person *who = comes(&o), *other = comes(&o);
    posts(who, "Idempotency-Key: k\r\n", "a\nb\n");
    posts(other, "", "c");
    turn_for(&o, 50000);
    SL_CHECK_TEXT(o.taken.data, "k#0=a;k#1=b;=c;");
    assert_int_equal(who->heard.size, 0);
    o.source->ops->settled(o.source, o.bytes - 1); // not all of the second one's
    hears(who, "HTTP/1.1 204 No Content\r\n\r\n");
    turn_for(&o, 50000);
    assert_int_equal(other->heard.size, 0);
    settle(&o);
    hears(other, "HTTP/1.1 204 No Content\r\n\r\n");
    posts(who, "", "d"); // on the same connection
    turn_for(&o, 50000);
    settle(&o);
    hears(who, "204");
    close_post(&o);
}

PLACE_TEST(requests_that_come_at_once_are_answered_in_order)
{
    post o;
    open_post(&o, p, "");
    person *who = comes(&o);
    says(who, "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na"
              "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nb"
              "GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    turn_for(&o, 50000);
    SL_CHECK_TEXT(o.taken.data, "=a;"); // one at a time is under way
    settle(&o);
    turn_for(&o, 50000);
    SL_CHECK_TEXT(o.taken.data, "=a;=b;");
    settle(&o);
    hears(who, "204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n");
    is_ended(who);
    close_post(&o);
}

PLACE_TEST(who_goes_while_it_waits_is_forgotten)
{
    post o;
    open_post(&o, p, "");
    person *who[3] = {comes(&o), comes(&o), comes(&o)};
    for (int i = 0; i < 3; i++) {
        posts(who[i], "", i == 0 ? "a" : i == 1 ? "b" : "c");
    }
    turn_for(&o, 20000);
    for (int i = 2; i > 0; i--) { // the last one, and one in the middle
        sli_socket_close(&who[i]->socket);
        who[i]->gone = true;
    }
    turn_for(&o, 20000);
    settle(&o);
    hears(who[0], "204");
    person *next = comes(&o);
    posts(next, "", "d");
    turn_for(&o, 20000);
    settle(&o);
    hears(next, "204");
    SL_CHECK_TEXT(o.taken.data, "=a;=b;=c;=d;");
    close_post(&o);
}

PLACE_TEST(what_is_full_says_so_until_it_is_not)
{
    post o;
    open_post(&o, p, "");
    person *who = comes(&o), *early = comes(&o);
    says(early, "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nx"); // before it is full
    o.full = true;
    posts(who, "", "a"); // this one is taken still
    turn_for(&o, 20000);
    settle(&o);
    hears(who, "204");
    says(early, "y");
    hears(early, "503 Service Unavailable\r\nRetry-After: 1\r\n");
    person *late = comes(&o);
    says(late, "POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n");
    hears(late, "503");
    is_ended(late); // its body is not read
    says(who, "GET /health HTTP/1.1\r\n\r\n");
    hears(who, "503");
    o.full = false;
    o.source->ops->resume(o.source);
    says(who, "HEAD /health HTTP/1.1\r\n\r\n");
    hears(who, "200 OK");
    posts(early, "", "b");
    turn_for(&o, 20000);
    settle(&o);
    hears(early, "204");
    SL_CHECK_TEXT(o.taken.data, "=a;=b;");
    close_post(&o);
}

PLACE_TEST(a_secret_is_asked_for)
{
    post o;
    open_post(&o, p, "?secret=abc");
    person *without = comes(&o), *wrong = comes(&o), *right = comes(&o);
    posts(without, "", "a");
    hears(without, "401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n");
    is_ended(without);
    posts(wrong, "Authorization: Bearer abd\r\n", "b");
    hears(wrong, "401");
    posts(right, "Authorization: Bearer abc\r\n", "c");
    turn_for(&o, 20000);
    settle(&o);
    hears(right, "204");
    SL_CHECK_TEXT(o.taken.data, "=c;");
    assert_null(strstr(p->told.data, "abc"));
    close_post(&o);
}

PLACE_TEST(what_can_not_be_used_is_told)
{
    static const struct {
        const char *text, *answer;
    } cases[] = {
        {"DELETE /in HTTP/1.1\r\n\r\n",
         "405 Method Not Allowed\r\nAllow: GET, HEAD, POST, PUT\r\n"},
        {"POST /other HTTP/1.1\r\nContent-Length: 1\r\n\r\na", "404 Not Found"},
        {"nonsense\r\n\r\n", "400 Bad Request"},
        {"POST /in HTTP/1.1\r\nContent-Length: 4294967296\r\n\r\n", "413 Content Too Large"},
        {"POST /in HTTP/1.1\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\na", "415"},
        {"POST /in HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n", "413"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        post o;
        open_post(&o, p, "/in?max_frame=1MiB");
        sli_str_clear(&p->told);
        person *who = comes(&o);
        says(who, cases[i].text);
        hears(who, cases[i].answer);
        is_ended(who);
        assert_int_equal(o.taken.size, 0);
        close_post(&o);
    }
}

PLACE_TEST(who_asks_first_is_told_to_go_on)
{
    post o;
    open_post(&o, p, "");
    person *who = comes(&o);
    says(who, "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    hears(who, "HTTP/1.1 100 Continue\r\n\r\n");
    says(who, "ok");
    turn_for(&o, 20000);
    settle(&o);
    hears(who, "HTTP/1.1 204");
    SL_CHECK_TEXT(o.taken.data, "=ok;");
    close_post(&o);
}

// The end of a job: who waited is answered, once all is in the log.
PLACE_TEST(who_waits_is_answered_after_stop)
{
    post o;
    open_post(&o, p, "");
    person *who = comes(&o), *half = comes(&o);
    posts(who, "", "a");
    says(half, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
    turn_for(&o, 20000);
    o.source->ops->stop(o.source);
    settle(&o);
    sli_source_close(o.source);
    hears(who, "204");
    is_ended(who);
    is_ended(half);
    SL_CHECK_TEXT(o.taken.data, "=a;");
    for (int32_t i = 0; i < o.n_people; i++) {
        sli_str_reset(&o.people[i].heard);
    }
    sli_loop_free(o.loop);
    sli_str_reset(&o.taken);
}
