// A process in the same world that brings lines to the job's door, a request each with an id of its
// own, and repeats what it was not told that it was taken; it is started again when it dies.
#include "sim/sim.h"

#include <stdio.h>

enum { POST_TURN_US = 20000 };

struct slt_poster {
    slt_sim *sim;
    const slt_post *speaks;
    sl_env *env; ///< NULL: it died and was not started again yet
    sli_socket *conn;
    sli_str unsent;  ///< whole lines; the first one is under way
    sli_str request; ///< its request
    size_t at;       ///< bytes of it that went out on the present connection
    sli_str answer;  ///< what came back over it
    int64_t n_told;  ///< lines that were acknowledged
    bool met;        ///< something was, over the present connection
};

// ---------------------------------------------------------------- HTTP

/// Every third request asks for the end of the connection, so that doors end some too.
static void put_http(sli_str *out, int64_t number, sl_text line, bool met)
{
    (void)met;
    sli_str_printf(out,
                   "POST /in HTTP/1.1\r\nIdempotency-Key: k-%lld\r\n%sContent-Length: %zu\r\n\r\n",
                   (long long)number, number % 3 == 2 ? "Connection: close\r\n" : "", line.size);
    sli_str_add(out, line.data, line.size);
}

static sl_code hear_http(const sli_str *answer, bool met)
{
    (void)met;
    if (strstr(answer->data, "\r\n\r\n") == NULL) {
        return SL_E_TIMEOUT;
    }
    return strncmp(answer->data, "HTTP/1.1 204 ", 13) == 0 ? SL_OK : SL_E_IO;
}

const slt_post slt_post_http = {put_http, hear_http};

// ---------------------------------------------------------------- the process

static void poster_boot(slt_poster *poster, const sli_fault *fault)
{
    sl_code rc = sli_world_boot(poster->sim->world, fault, &poster->env, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
}

static void hang_up(slt_poster *poster)
{
    sli_socket_close(&poster->conn);
    poster->at = 0;
    poster->met = false;
    sli_str_clear(&poster->request);
    sli_str_clear(&poster->answer);
}

static void poster_end(slt_poster *poster)
{
    hang_up(poster);
    sli_env_free(poster->env);
    poster->env = NULL;
}

static sl_text line_of(const slt_poster *poster)
{
    return (sl_text){poster->unsent.data, strcspn(poster->unsent.data, "\n") + 1};
}

/// The line under way was acknowledged: from now on it must be shown.
static void told(slt_poster *poster)
{
    sli_str *unsent = &poster->unsent;
    size_t word = strcspn(unsent->data, " "), line = line_of(poster).size;
    slt_counts_set(&poster->sim->acked, unsent->data, word, 1);
    memmove(unsent->data, unsent->data + line, unsent->size - line + 1);
    unsent->size -= line;
    poster->n_told++;
    poster->met = true;
    poster->at = 0;
    sli_str_clear(&poster->request);
    sli_str_clear(&poster->answer);
}

static sl_code push(slt_poster *poster)
{
    if (poster->request.size == 0 && poster->unsent.size > 0) {
        poster->speaks->put(&poster->request, poster->n_told, line_of(poster), poster->met);
        SL_ASSERT(!poster->request.failed, "no memory for a test");
    }
    size_t n = 0, left = poster->request.size - poster->at;
    sl_code rc = left == 0 ? SL_OK
                           : sli_socket_send(poster->conn, poster->request.data + poster->at, left,
                                             &n, NULL);
    poster->at += n;
    if (left > 0 && n == left) {
        slt_counts_add(&poster->sim->sent, poster->unsent.data, strcspn(poster->unsent.data, " "),
                       1);
    }
    return rc;
}

static sl_code hear(slt_poster *poster)
{
    char bytes[256];
    size_t n = 0;
    SL_TRY(sli_socket_receive(poster->conn, bytes, sizeof bytes, &n, NULL));
    sli_str_add(&poster->answer, bytes, n);
    SL_ASSERT(!poster->answer.failed, "no memory for a test");
    sl_code rc = poster->answer.size == 0 ? SL_E_TIMEOUT
                                          : poster->speaks->hear(&poster->answer, poster->met);
    if (rc == SL_OK) {
        told(poster);
    }
    return rc == SL_E_TIMEOUT ? SL_OK : rc; // not now: again, over a new connection
}

static void poster_turn(void *ctx)
{
    static const sli_fault none = {0};
    slt_poster *poster = ctx;
    sli_world *world = poster->sim->world;
    if (poster->env == NULL) {
        poster_boot(poster, &none);
    }
    if (poster->conn == NULL) { // a failure: the next turn tries again
        (void)!sli_socket_connect(poster->env, "localhost", SLT_PORT, &poster->conn, NULL);
    }
    if (poster->conn != NULL && (push(poster) != SL_OK || hear(poster) != SL_OK)) {
        hang_up(poster);
    }
    poster->sim->sender_reached |= sli_world_fault_reached(poster->env);
    poster->sim->hurt |= poster->sim->sender_reached;
    if (sli_world_is_dead(poster->env)) {
        poster_end(poster);
    }
    int64_t at = sli_world_mono_us(world) + POST_TURN_US;
    sl_code rc = sli_world_at(world, at, poster_turn, poster, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
}

slt_poster *slt_poster_new(slt_sim *sim, const sli_fault *fault)
{
    slt_poster *poster = sl_alloc_zero(SLI_TAG_TEST, sizeof *poster);
    if (poster == NULL) {
        return NULL;
    }
    poster->sim = sim;
    poster->speaks = sim->trial->job->posts;
    poster->unsent.tag = poster->request.tag = poster->answer.tag = SLI_TAG_TEST;
    poster_boot(poster, fault);
    sim->hurt = sim->hurt || fault->fail_chance > 0;
    poster_turn(poster);
    return poster;
}

void slt_poster_free(slt_poster *poster)
{
    if (poster != NULL) {
        poster_end(poster);
        sli_str_reset(&poster->unsent);
        sli_str_reset(&poster->request);
        sli_str_reset(&poster->answer);
        sl_free(poster);
    }
}

void slt_poster_line(slt_poster *poster, const char *line)
{
    sli_str_text(&poster->unsent, line);
    SL_ASSERT(!poster->unsent.failed, "no memory for a test");
}
