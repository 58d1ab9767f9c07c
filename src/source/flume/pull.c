// pull.c — batches of events fetched from Spark's sinks inside agents.
//
// Each agent has a connection and a state machine:
//
//                 answered             events taken           in the log            answered
//     connecting ────────► asking ────────────────► settling ─────────► acknowledging ─────────┐
//        ▲  ▲ refused, lost, late  │ none: again        │ lost                   │ lost       │
//        │  └──────────────────────┴────────────────────┴────────────────────────┘            │
//     waiting (reconnect_delay, twice as long each time)                        asking ◄───────┘
//
// The sink keeps a batch until it is acknowledged, and gives it again, under another number, when
// that takes longer than its `timeout`. An acknowledgement counts over any connection, so one that
// was lost on the way is the first thing said over the next. What can't be taken is refused (nack).
#include "source/flume/flume_int.h"

#include <stdio.h>

enum { MOST_AGENTS = 64, MOST_DELAYS = 16, PIECE = 64 << 10, MOST_ANSWER = 64 << 20 };

typedef struct pull_source pull_source;

typedef enum pull_state {
    IDLE = 0,
    WAITING,
    CONNECTING,
    ASKING,
    SETTLING,
    ACKNOWLEDGING,
    REFUSING,
} pull_state;

/// One agent.
typedef struct pull_agent {
    pull_source *source;
    char *host;
    int32_t port;
    sli_socket *socket;
    pull_state state;
    bool shaken;
    bool refuses;    ///< the batch of that number was not taken
    bool idle;       ///< it may be asked, and is not since the engine wants no more
    uint32_t serial; ///< of the last request
    sli_str unsent;  ///< of it
    sli_flume_frame answer;
    sli_str sequence; ///< of a batch that was taken and is not acknowledged
    int64_t upto;     ///< of the bytes that were taken with it
    int64_t delay_us;
    char told[128]; ///< the last trouble, "" when none since
} pull_agent;

struct pull_source {
    sli_source_common common;
    sli_loop *loop;
    flume_events events;
    sli_receive_fn take;
    void *take_ctx;
    pull_agent agents[MOST_AGENTS];
    int32_t n_agents, most_events;
    int64_t taken, settled, delay_us, timeout_us;
    bool paused, running;
};

static const sl_option options[] = {
    SLI_MESSAGE_OPTION_COLUMNS("headers (all of an event's), or headers.NAME for one"),
    SLI_FLUME_ID_OPTION,
    {.name = "batch",
     .type = SL_OPT_INT,
     .fallback = "1000",
     .low = "1",
     .high = "1000000",
     .text = "Most events that a sink is asked for at once."},
    {.name = "answer_timeout",
     .type = SL_OPT_DURATION,
     .fallback = "2m",
     .low = "10ms",
     .high = "1d",
     .text = "A sink that has not answered for so long is connected anew. One without events does "
             "not answer until it has some."},
    {.name = "reconnect_delay",
     .type = SL_OPT_DURATION,
     .fallback = "2s",
     .low = "1ms",
     .high = "1h",
     .text = "Time between a connection that was refused or lost and the next try; twice as long "
             "with each further one, up to 16 times."},
    {0},
};

static pull_source *self_of(sli_source *source)
{
    return (pull_source *)source;
}

static void on_ready(void *ctx, int32_t ready);
static void on_time(void *ctx, int32_t ready);
static void ask_next(pull_agent *agent);

// ---------------------------------------------------------------- trouble

static void tell_trouble(pull_agent *agent, const char *why)
{
    if (strncmp(agent->told, why, sizeof agent->told - 1) == 0) {
        return;
    }
    (void)snprintf(agent->told, sizeof agent->told, "%.*s", (int)sizeof agent->told - 1, why);
    SLI_LOG(agent->source->common.env.log, SLI_WARN, "source",
            "flume-poll %s:%d: %s; next try in %lld ms, the same again is not told", agent->host,
            agent->port, why, (long long)(agent->delay_us / 1000));
}

static void set_timer(pull_agent *agent, int64_t after_us)
{
    pull_source *self = agent->source;
    int64_t at =
        after_us == SLI_FOREVER ? SLI_FOREVER : sli_env_mono_us(self->common.env.env) + after_us;
    if (self->loop == NULL) {
        return; // it was never started
    }
    // Its place among the timers was claimed by `start`.
    (void)!sli_loop_timer(self->loop, at, on_time, agent, NULL);
}

/// The connection is refused, lost, or of no use; what was taken stays taken.
static void lost(pull_agent *agent, const sl_error *why)
{
    pull_source *self = agent->source;
    int64_t most = self->delay_us * MOST_DELAYS;
    sli_socket_close(&agent->socket);
    tell_trouble(agent, why->text);
    sli_source_count(&self->common, SLI_SOURCE_RECONNECTS, 1);
    sli_source_event(&self->common, SLI_EV_RECEIVER_ERROR, why);
    agent->state = WAITING;
    set_timer(agent, agent->delay_us);
    agent->delay_us = agent->delay_us * 2 < most ? agent->delay_us * 2 : most;
}

static void watch(pull_agent *agent)
{
    sl_error error = SL_ERROR_INIT;
    int32_t interest = agent->state == CONNECTING || agent->unsent.size > 0
                           ? SLI_WRITABLE | SLI_READABLE
                           : SLI_READABLE;
    if (sli_loop_watch(agent->source->loop, agent->socket, interest, on_ready, agent, &error) !=
        SL_OK) {
        lost(agent, &error);
    }
}

// ---------------------------------------------------------------- requests

/// Sends what fits. False: the connection is lost.
static bool send_on(pull_agent *agent)
{
    sl_error error = SL_ERROR_INIT;
    size_t n = 0;
    sl_code rc = sli_str_check(&agent->unsent, "a request", &error);
    rc = rc == SL_OK && agent->unsent.size > 0
             ? sli_socket_send(agent->socket, agent->unsent.data, agent->unsent.size, &n, &error)
             : rc;
    if (rc != SL_OK) {
        lost(agent, &error);
        return false;
    }
    agent->unsent.size -= n;
    memmove(agent->unsent.data, agent->unsent.data + n, agent->unsent.size);
    return true;
}

static void begin_asking(pull_agent *agent, pull_state state)
{
    agent->state = state;
    agent->serial++;
    sli_str_clear(&agent->unsent);
    sl_text sequence = {agent->sequence.data, agent->sequence.size};
    if (state == ASKING) {
        sli_flume_ask_batch(&agent->unsent, agent->serial, agent->shaken,
                            agent->source->most_events);
    } else if (state == ACKNOWLEDGING) {
        sli_flume_ask_ack(&agent->unsent, agent->serial, agent->shaken, sequence);
    } else {
        sli_flume_ask_nack(&agent->unsent, agent->serial, agent->shaken, sequence);
    }
    set_timer(agent, agent->source->timeout_us);
    if (send_on(agent)) {
        watch(agent);
    }
}

/// What is to be said next over a connection that is free.
static void ask_next(pull_agent *agent)
{
    pull_source *self = agent->source;
    agent->idle = false;
    if (agent->sequence.size == 0 && self->paused) {
        agent->idle = true;
        agent->state = SETTLING;
        set_timer(agent, SLI_FOREVER);
        watch(agent);
    } else if (agent->sequence.size == 0) {
        begin_asking(agent, ASKING);
    } else if (agent->refuses) {
        begin_asking(agent, REFUSING);
    } else if (agent->upto <= self->settled) {
        begin_asking(agent, ACKNOWLEDGING);
    } else {
        agent->state = SETTLING;
        set_timer(agent, SLI_FOREVER);
        watch(agent);
    }
}

// ---------------------------------------------------------------- answers

/// Its events are taken, under their number. A failure refuses them.
static sl_code take_batch(pull_agent *agent, const sli_flume_batch *batch, sl_error *err)
{
    pull_source *self = agent->source;
    int64_t n = 0;
    sli_str_clear(&agent->sequence);
    sli_str_add(&agent->sequence, batch->sequence.data, batch->sequence.size);
    SL_TRY(sli_str_check(&agent->sequence, "a batch's number", err));
    SL_TRY(flume_events_put(&self->events, batch->events, &n, err));
    sli_source_count(&self->common, SLI_SOURCE_BYTES, (int64_t)agent->answer.text.size);
    self->taken += (int64_t)self->events.out.size;
    agent->upto = self->taken;
    if (n > 0 &&
        !self->take(self->take_ctx, self->events.out.data, self->events.out.size, SLI_TAIL_OPEN)) {
        self->paused = true;
    }
    return SL_OK;
}

static void on_batch(pull_agent *agent, sl_bytes text)
{
    sl_error error = SL_ERROR_INIT;
    sli_flume_batch batch;
    sl_code rc = sli_flume_batch_get(text, agent->shaken, &batch, &error);
    if (rc == SL_OK && batch.error.size > 0) { // it has none, and waits no longer
        rc = sl_error_set(&error, SL_E_IO, "the sink says: %.*s",
                          (int)(batch.error.size < 200 ? batch.error.size : 200), batch.error.data);
    }
    if (rc != SL_OK) {
        lost(agent, &error);
        return;
    }
    agent->shaken = true;
    agent->told[0] = '\0';
    agent->delay_us = agent->source->delay_us;
    if (take_batch(agent, &batch, &error) == SL_OK) {
        ask_next(agent);
    } else if (agent->sequence.failed || agent->sequence.size == 0) {
        lost(agent, &error);
    } else {
        tell_trouble(agent, error.text);
        agent->refuses = true;
        ask_next(agent);
    }
}

static void on_acknowledged(pull_agent *agent, sl_bytes text)
{
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_flume_acked_get(text, agent->shaken, &error);
    if (rc == SL_OK) {
        agent->shaken = true;
        sli_str_clear(&agent->sequence);
        rc = agent->refuses
                 ? sl_error_set(&error, SL_E_DATA, "a batch was refused: %s", agent->told)
                 : SL_OK;
        agent->refuses = false;
    }
    if (rc != SL_OK) {
        lost(agent, &error);
    } else {
        ask_next(agent);
    }
}

static void on_answer(pull_agent *agent)
{
    sl_error error = SL_ERROR_INIT;
    sl_bytes text = {agent->answer.text.data, agent->answer.text.size};
    if (agent->answer.serial != agent->serial || agent->state == SETTLING) {
        (void)!sl_error_set(&error, SL_E_DATA, "an answer to nothing");
        lost(agent, &error);
    } else if (agent->state == ASKING) {
        on_batch(agent, text);
    } else {
        on_acknowledged(agent, text);
    }
    sli_flume_frame_next(&agent->answer);
}

/// Reads what has come, at most as far as one answer goes: the next is not asked for before.
static void receive(pull_agent *agent)
{
    char piece[PIECE];
    sl_error error = SL_ERROR_INIT;
    size_t n = 0, used = 0;
    sl_code rc = sli_socket_receive(agent->socket, piece, sizeof piece, &n, &error);
    if (rc == SL_OK && n == 0) {
        return;
    }
    rc = rc == SL_OK ? sli_flume_frame_feed(&agent->answer, piece, n, &used, &error) : rc;
    if (rc == SL_OK && used < n) {
        rc = sl_error_set(&error, SL_E_DATA, "more than an answer");
    }
    if (rc == SL_E_END) {
        (void)!sl_error_set(&error, SL_E_IO, "the agent has closed the connection");
    }
    if (rc != SL_OK) {
        lost(agent, &error);
    } else if (agent->answer.whole) {
        on_answer(agent);
    }
}

// ---------------------------------------------------------------- connections

static void connect_now(pull_agent *agent)
{
    sl_error error = SL_ERROR_INIT;
    agent->state = CONNECTING;
    agent->shaken = false;
    sli_flume_frame_reset(&agent->answer);
    set_timer(agent, agent->source->timeout_us);
    if (sli_socket_connect(agent->source->common.env.env, agent->host, agent->port, &agent->socket,
                           &error) != SL_OK) {
        lost(agent, &error);
    } else {
        watch(agent);
    }
}

static void on_connecting(pull_agent *agent)
{
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_socket_connected(agent->socket, &error);
    if (rc == SL_E_TIMEOUT) {
        return;
    }
    if (rc != SL_OK) {
        lost(agent, &error);
        return;
    }
    SLI_LOG(agent->source->common.env.log, SLI_INFO, "source", "flume-poll %s:%d: connected",
            agent->host, agent->port);
    sli_source_event(&agent->source->common, SLI_EV_RECEIVER_STARTED, NULL);
    ask_next(agent);
}

static void on_ready(void *ctx, int32_t ready)
{
    pull_agent *agent = ctx;
    if (agent->state == CONNECTING) {
        on_connecting(agent);
        return;
    }
    if ((ready & SLI_WRITABLE) != 0 && agent->unsent.size > 0) {
        if (!send_on(agent)) {
            return;
        }
        watch(agent);
    }
    if ((ready & SLI_READABLE) != 0 && agent->socket != NULL) {
        receive(agent);
    }
}

static void on_time(void *ctx, int32_t ready)
{
    pull_agent *agent = ctx;
    sl_error error = SL_ERROR_INIT;
    (void)ready;
    if (agent->state == WAITING) {
        connect_now(agent);
    } else if (agent->state != IDLE && agent->state != SETTLING) {
        (void)!sl_error_set(&error, SL_E_TIMEOUT, "no answer within answer_timeout");
        lost(agent, &error);
    }
}

// ---------------------------------------------------------------- opening

/// One HOST:PORT; an address of IPv6 stands in brackets.
static sl_code add_agent(pull_source *self, sl_text text, sl_error *err)
{
    sli_url url;
    sli_str whole = {.tag = SLI_TAG_SOURCE};
    if (self->n_agents == MOST_AGENTS) {
        return sl_error_set(err, SL_E_CONFIG, "more than %d agents", MOST_AGENTS);
    }
    sli_str_printf(&whole, "flume-poll://%.*s", (int)text.size, text.data);
    sl_code rc = sli_str_check(&whole, "an address", err);
    rc = rc == SL_OK ? sli_url_parse(whole.data, &url, err) : rc;
    if (rc == SL_OK && (url.host.size == 0 || url.port <= 0)) {
        rc = sl_error_set(err, SL_E_CONFIG,
                          "addresses of agents are expected: flume-poll:HOST:PORT,HOST:PORT");
    }
    if (rc == SL_OK) {
        pull_agent *agent = &self->agents[self->n_agents];
        agent->source = self;
        agent->port = url.port;
        agent->answer = (sli_flume_frame){.limit = MOST_ANSWER, .text = {.tag = SLI_TAG_SOURCE}};
        agent->unsent.tag = agent->sequence.tag = SLI_TAG_SOURCE;
        agent->delay_us = self->delay_us;
        agent->host = sli_source_text(url.host);
        rc = agent->host == NULL ? sl_error_nomem(err, url.host.size, "a host's name") : SL_OK;
        self->n_agents += rc == SL_OK;
    }
    sli_str_reset(&whole);
    return rc;
}

/// "flume-poll://HOST:PORT", or "flume-poll:HOST:PORT,HOST:PORT".
static sl_code read_agents(pull_source *self, const sli_url *url, sl_error *err)
{
    if (url->host.size > 0) {
        char one[300];
        bool v6 = memchr(url->host.data, ':', url->host.size) != NULL;
        int n = snprintf(one, sizeof one, "%s%.*s%s:%d", v6 ? "[" : "",
                         (int)(url->host.size < 256 ? url->host.size : 256), url->host.data,
                         v6 ? "]" : "", url->port);
        return add_agent(self, (sl_text){one, (size_t)n}, err);
    }
    const char *at = url->path.data, *end = at + url->path.size;
    do {
        const char *comma = at == end ? NULL : memchr(at, ',', (size_t)(end - at));
        const char *to = comma == NULL ? end : comma;
        SL_TRY(add_agent(self, (sl_text){at, (size_t)(to - at)}, err));
        at = to + (comma != NULL);
    } while (at < end);
    return SL_OK;
}

static void pull_close(sli_source *source);

static sl_code pull_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                         const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(sli_source_alloc(&common, sizeof(pull_source), &sli_source_flume_poll, conf, env, NULL,
                            err));
    pull_source *self = (pull_source *)common;
    self->events = (flume_events){.id_header = sl_conf_text(conf, "id_header"),
                                  .headers = {.tag = SLI_TAG_SOURCE},
                                  .out = {.tag = SLI_TAG_SOURCE}};
    self->most_events = (int32_t)sl_conf_int64(conf, "batch");
    self->delay_us = sl_conf_int64(conf, "reconnect_delay");
    self->timeout_us = sl_conf_int64(conf, "answer_timeout");
    sl_code rc = read_agents(self, url, err);
    if (rc != SL_OK) {
        pull_close(&common->base);
        return rc;
    }
    *out = &common->base;
    return SL_OK;
}

// ---------------------------------------------------------------- the table

static sl_code pull_start(sli_source *source, sli_loop *loop, sli_receive_fn take, void *ctx,
                          sl_error *err)
{
    pull_source *self = self_of(source);
    self->loop = loop;
    self->take = take;
    self->take_ctx = ctx;
    self->running = true;
    for (int32_t i = 0; i < self->n_agents; i++) {
        SL_TRY(sli_loop_timer(loop, sli_env_mono_us(self->common.env.env), on_time,
                              &self->agents[i], err));
        self->agents[i].state = WAITING;
    }
    return SL_OK;
}

static void pull_settled(sli_source *source, int64_t bytes)
{
    pull_source *self = self_of(source);
    self->settled = bytes;
    for (int32_t i = 0; i < self->n_agents; i++) {
        pull_agent *agent = &self->agents[i];
        if (agent->state == SETTLING && agent->sequence.size > 0 && agent->upto <= bytes) {
            ask_next(agent);
        }
    }
}

static void pull_resume(sli_source *source)
{
    pull_source *self = self_of(source);
    self->paused = false;
    for (int32_t i = 0; i < self->n_agents; i++) {
        if (self->agents[i].idle) {
            ask_next(&self->agents[i]);
        }
    }
}

/// Asks for no more. What was taken is acknowledged by the last `settled`, as far as it can be sent
/// at once.
static void pull_stop(sli_source *source)
{
    pull_source *self = self_of(source);
    if (!self->running) {
        return;
    }
    self->running = false;
    self->paused = true;
    for (int32_t i = 0; i < self->n_agents; i++) {
        pull_agent *agent = &self->agents[i];
        set_timer(agent, SLI_FOREVER);
        if (agent->state != SETTLING) {
            sli_socket_close(&agent->socket);
            agent->state = IDLE;
        }
    }
    sli_source_event(&self->common, SLI_EV_RECEIVER_STOPPED, NULL);
}

static void pull_close(sli_source *source)
{
    pull_source *self = self_of(source);
    pull_stop(source);
    for (int32_t i = 0; i < self->n_agents; i++) {
        pull_agent *agent = &self->agents[i];
        set_timer(agent, SLI_FOREVER); // also what the last `settled` has set
        sli_socket_close(&agent->socket);
        sli_str_reset(&agent->unsent);
        sli_str_reset(&agent->sequence);
        sli_flume_frame_reset(&agent->answer);
        sl_free(agent->host);
    }
    flume_events_reset(&self->events);
    sli_source_common_free(&self->common);
}

static bool pull_ended(const sli_source *source)
{
    (void)source;
    return false;
}

const sli_source_ops sli_source_flume_poll = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "flume-poll",
    .text = "Events that Spark's sinks inside Flume agents hold, fetched, and acknowledged when "
            "they are durable: flume-poll:HOST:PORT,HOST:PORT",
    .kind = SLI_SOURCE_RECEIVER,
    .options = options,
    .formatted = true,
    .open = pull_open,
    .schema = sli_source_common_schema,
    .start = pull_start,
    .resume = pull_resume,
    .stop = pull_stop,
    .ended = pull_ended,
    .format = sli_source_common_format,
    .close = pull_close,
    .settled = pull_settled,
    .messages = flume_columns,
};
