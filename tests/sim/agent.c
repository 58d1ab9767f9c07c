// The other side of Flume's doors: what an agent's Avro sink sends, and Spark's sink inside an
// agent, a process of its own that is asked. Its channel is one on disk: it outlives the process.
#include "sim/sim.h"

#include "flume/flume_int.h"

#include <stdio.h>

enum {
    AGENT_TURN_US = 20000,
    AGENT_TIMEOUT_US = 700000, ///< events that were given and not acknowledged are given again
    MOST_LINES = 32,
    LINE_BYTES = 64
};

// ---------------------------------------------------------------- events

static void put_event(sli_str *out, const char *id, sl_text body)
{
    sli_put_zigzag(out, id == NULL ? 0 : 1);
    if (id != NULL) {
        flume_put_text(out, sli_text_of("id"));
        flume_put_text(out, sli_text_of(id));
        sli_put_zigzag(out, 0);
    }
    flume_put_text(out, body);
}

/// The two of a line.
static void put_events(sli_str *out, int64_t number, sl_text line)
{
    char id[24], again[LINE_BYTES];
    (void)snprintf(id, sizeof id, "k-%lld", (long long)number);
    int n =
        snprintf(again, sizeof again, "r%.*s", (int)strcspn(line.data, " \n") - 1, line.data + 1);
    put_event(out, id, line);
    put_event(out, NULL, (sl_text){again, (size_t)n});
}

// ---------------------------------------------------------------- an Avro sink

static void put_avro(sli_str *out, int64_t number, sl_text line, bool met)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    if (!met) {
        sli_str_add(&text, flume_source_protocol.theirs, FLUME_HASH);
        sli_put_zigzag(&text, 0); // not its text
        sli_str_add(&text, flume_source_protocol.theirs, FLUME_HASH);
        sli_put_zigzag(&text, 0); // no meta
    }
    sli_put_zigzag(&text, 0);
    flume_put_text(&text, sli_text_of("appendBatch"));
    sli_put_zigzag(&text, 2);
    put_events(&text, number, (sl_text){line.data, line.size - 1}); // without its end
    sli_put_zigzag(&text, 0);
    sli_flume_frame_put(out, (uint32_t)number, (sl_bytes){text.data, text.size});
    sli_str_reset(&text);
}

static sl_code hear_avro(const sli_str *answer, bool met)
{
    static const char ok[] = "\0\0"; // no meta, no error, and the status OK
    sli_flume_frame frame = {.limit = 4096, .text = {.tag = SLI_TAG_TEST}};
    size_t used = 0, front = met ? 0 : 4; // BOTH, and nothing else to tell
    sl_code rc = sli_flume_frame_feed(&frame, answer->data, answer->size, &used, NULL);
    if (rc == SL_OK) {
        rc = !frame.whole ? SL_E_TIMEOUT
             : frame.text.size == front + sizeof ok &&
                     memcmp(frame.text.data + front, ok, sizeof ok) == 0
                 ? SL_OK
                 : SL_E_IO;
    }
    sli_flume_frame_reset(&frame);
    return rc;
}

const slt_post slt_post_avro = {put_avro, hear_avro};

// ---------------------------------------------------------------- Spark's sink: its channel

typedef struct agent_line {
    char text[LINE_BYTES];
    int64_t batch;    ///< that it was given with; 0: nobody has it
    int64_t until_us; ///< then nobody has it again
    bool done;        ///< it was acknowledged
} agent_line;

struct slt_agent {
    slt_sim *sim;
    sl_env *env; ///< NULL: it died and was not started again yet
    sli_socket *listener, *conn;
    sli_flume_frame request;
    bool shaken;
    int64_t wanted; ///< a batch of at most so many events is waited for; 0: none
    sli_str unsent;
    agent_line lines[MOST_LINES];
    int32_t n_lines;
    int64_t n_batches;
};

/// Those of a batch, or of any that took too long, may be given again.
static void take_back(slt_agent *agent, int64_t batch, int64_t now_us)
{
    for (int32_t i = 0; i < agent->n_lines; i++) {
        agent_line *line = &agent->lines[i];
        if (line->batch == batch || line->until_us <= now_us) {
            line->batch = 0;
        }
    }
}

static void acknowledged(slt_agent *agent, int64_t batch)
{
    for (int32_t i = 0; i < agent->n_lines; i++) {
        agent_line *line = &agent->lines[i];
        if (line->batch == batch) {
            line->done = true;
            slt_counts_set(&agent->sim->acked, line->text, strcspn(line->text, " "), 1);
        }
    }
}

/// Gives lines that nobody has, two events each. How many.
static int32_t give(slt_agent *agent, sli_str *events)
{
    int32_t n = 0;
    for (int32_t i = 0; i < agent->n_lines && 2 * (n + 1) <= agent->wanted; i++) {
        agent_line *line = &agent->lines[i];
        if (!line->done && line->batch == 0) {
            line->batch = agent->n_batches + 1;
            line->until_us = sli_world_mono_us(agent->sim->world) + AGENT_TIMEOUT_US;
            put_events(events, i, sli_text_of(line->text));
            slt_counts_add(&agent->sim->sent, line->text, strcspn(line->text, " "), 1);
            n++;
        }
    }
    agent->n_batches += n > 0;
    return n;
}

// ---------------------------------------------------------------- what it is asked

static void answer(slt_agent *agent, const sli_str *value)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_str_add(&text, "\0\0\0\0", agent->shaken ? 0 : 4); // BOTH, and nothing else to tell
    sli_str_add(&text, "\0\0", 2);                         // no meta, no error
    sli_str_add(&text, value->data, value->size);
    sli_flume_frame_put(&agent->unsent, agent->request.serial, (sl_bytes){text.data, text.size});
    SL_ASSERT(!text.failed && !agent->unsent.failed, "no memory for a test");
    agent->shaken = true;
    agent->wanted = 0;
    sli_str_reset(&text);
    sli_flume_frame_next(&agent->request);
}

/// A batch, when there are events for one; else it is waited for.
static void answer_batch(slt_agent *agent)
{
    char number[24];
    sli_str events = {.tag = SLI_TAG_TEST}, value = {.tag = SLI_TAG_TEST};
    int32_t n = give(agent, &events);
    if (n > 0) {
        (void)snprintf(number, sizeof number, "%lld", (long long)agent->n_batches);
        flume_put_text(&value, sli_text_of(""));
        flume_put_text(&value, sli_text_of(number));
        sli_put_zigzag(&value, 2 * n);
        sli_str_add(&value, events.data, events.size);
        sli_put_zigzag(&value, 0);
        answer(agent, &value);
    }
    sli_str_reset(&events);
    sli_str_reset(&value);
}

/// Nothing that it is asked can be wrong.
static void on_request(slt_agent *agent)
{
    static const sli_str nothing = {0};
    flume_walk walk = flume_walk_of((sl_bytes){agent->request.text.data, agent->request.text.size});
    if (!agent->shaken) {
        (void)flume_take_bytes(&walk, FLUME_HASH);
        (void)(flume_take_branch(&walk) && flume_take_sized(&walk).size > 0);
        (void)flume_take_bytes(&walk, FLUME_HASH);
        (void)flume_take_branch(&walk);
    }
    flume_skip_map(&walk);
    sl_bytes name = flume_take_sized(&walk);
    sl_text call = {name.data, name.size};
    int64_t batch = 0;
    if (sli_text_is(call, "getEventBatch")) {
        agent->wanted = flume_take_long(&walk);
        return;
    }
    sl_bytes sequence = flume_take_sized(&walk);
    sl_code rc = sli_scan_int64((sl_text){sequence.data, sequence.size}, &batch, NULL);
    SL_ASSERT(rc == SL_OK && !walk.bad, "a request of ours");
    if (sli_text_is(call, "ack")) {
        acknowledged(agent, batch);
    } else {
        take_back(agent, batch, 0);
    }
    answer(agent, &nothing);
}

// ---------------------------------------------------------------- its process

static void agent_boot(slt_agent *agent, const sli_fault *fault)
{
    sl_code rc = sli_world_boot(agent->sim->world, fault, &agent->env, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
}

static void hang_up(slt_agent *agent)
{
    sli_socket_close(&agent->conn);
    sli_str_clear(&agent->unsent);
    sli_flume_frame_reset(&agent->request);
    agent->shaken = false;
    agent->wanted = 0;
}

static void agent_end(slt_agent *agent)
{
    hang_up(agent);
    sli_socket_close(&agent->listener);
    sli_env_free(agent->env);
    agent->env = NULL;
    take_back(agent, 0, SLI_FOREVER);
}

static void meet(slt_agent *agent)
{
    sli_socket *conn = NULL;
    if (agent->listener == NULL) { // a failure: the next turn tries again
        (void)sli_socket_listen(agent->env, "localhost", SLT_PORT, &agent->listener, NULL);
    }
    while (agent->listener != NULL && sli_socket_accept(agent->listener, &conn, NULL) == SL_OK) {
        hang_up(agent); // the newest reader counts
        agent->conn = conn;
    }
}

static sl_code hear(slt_agent *agent)
{
    char bytes[2048];
    size_t n = 0, used = 0;
    if (agent->wanted > 0 || agent->unsent.size > 0) {
        return SL_OK; // one question at a time
    }
    SL_TRY(sli_socket_receive(agent->conn, bytes, sizeof bytes, &n, NULL));
    SL_TRY(sli_flume_frame_feed(&agent->request, bytes, n, &used, NULL));
    SL_ASSERT(used == n, "a question waits for its answer");
    if (agent->request.whole) {
        on_request(agent);
    }
    return SL_OK;
}

static sl_code say(slt_agent *agent)
{
    size_t n = 0;
    if (agent->wanted > 0) {
        answer_batch(agent);
    }
    if (agent->unsent.size == 0) {
        return SL_OK;
    }
    sl_code rc = sli_socket_send(agent->conn, agent->unsent.data, agent->unsent.size, &n, NULL);
    agent->unsent.size -= n;
    memmove(agent->unsent.data, agent->unsent.data + n, agent->unsent.size);
    return rc;
}

static void agent_turn(void *ctx)
{
    static const sli_fault none = {0};
    slt_agent *agent = ctx;
    sli_world *world = agent->sim->world;
    if (agent->env == NULL) {
        agent_boot(agent, &none);
    }
    take_back(agent, 0, sli_world_mono_us(world));
    meet(agent);
    if (agent->conn != NULL && (hear(agent) != SL_OK || say(agent) != SL_OK)) {
        hang_up(agent);
    }
    agent->sim->sender_reached |= sli_world_fault_reached(agent->env);
    agent->sim->hurt |= agent->sim->sender_reached;
    if (sli_world_is_dead(agent->env)) {
        agent_end(agent);
    }
    int64_t at = sli_world_mono_us(world) + AGENT_TURN_US;
    sl_code rc = sli_world_at(world, at, agent_turn, agent, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
}

slt_agent *slt_agent_new(slt_sim *sim, const sli_fault *fault)
{
    slt_agent *agent = sl_alloc_zero(SLI_TAG_TEST, sizeof *agent);
    if (agent == NULL) {
        return NULL;
    }
    agent->sim = sim;
    agent->unsent.tag = agent->request.text.tag = SLI_TAG_TEST;
    agent->request.limit = 4096;
    agent_boot(agent, fault);
    sim->hurt = sim->hurt || fault->fail_chance > 0;
    agent_turn(agent);
    return agent;
}

void slt_agent_free(slt_agent *agent)
{
    if (agent != NULL) {
        agent_end(agent);
        sli_str_reset(&agent->unsent);
        sl_free(agent);
    }
}

void slt_agent_line(slt_agent *agent, const char *line)
{
    SL_ASSERT(agent->n_lines < MOST_LINES && strlen(line) < LINE_BYTES, "as the test feeds");
    agent_line *new = &agent->lines[agent->n_lines++];
    *new = (agent_line){.batch = 0};
    memcpy(new->text, line, strlen(line));
}
