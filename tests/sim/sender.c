// The other side of a receiver: what it was told, and a sender that is a process itself.
#include "sim/sim.h"

#include "ingest/ingest_int.h"
#include "stream/engine_int.h"

// ---------------------------------------------------------------- acknowledgements

/// The first word of each line.
static void note_lines(slt_sim *sim, const char *at, size_t left)
{
    while (left > 0) {
        const char *end = memchr(at, '\n', left);
        size_t line = end == NULL ? left : (size_t)(end - at), step = end == NULL ? left : line + 1;
        const char *space = memchr(at, ' ', line);
        if (space != NULL) {
            slt_counts_set(&sim->acked, at, (size_t)(space - at), 1);
        }
        at += step;
        left -= step;
    }
}

static void note_receiver(slt_sim *sim, sli_receiver *r)
{
    if (r->messages != NULL) {
        return; // who sent them is told, and notes it (poster.c)
    }
    sli_mutex_lock(&r->mutex);
    for (int64_t i = r->first; i < r->synced; i++) {
        const sli_rblock *block = &r->blocks[i - r->first];
        if (block->data != NULL) { // else an older life's
            note_lines(sim, sli_buffer_bytes(block->data), (size_t)block->size);
        }
    }
    sli_mutex_unlock(&r->mutex);
}

static void on_arrived(void *ctx)
{
    slt_acks *acks = ctx;
    for (int32_t i = 0; i < acks->ingest->n_inputs; i++) {
        sli_receiver *receiver = acks->ingest->inputs[i].receiver;
        if (receiver != NULL && !sli_world_is_dead(acks->env)) { // the dead tell nobody
            note_receiver(acks->sim, receiver);
        }
    }
}

void slt_acks_watch(slt_acks *acks, slt_sim *sim, sl_env *env, sl_context *context)
{
    *acks = (slt_acks){sim, env, sli_context_engine(context)->ingest};
    SL_ASSERT(acks->ingest->env.arrived == NULL, "the engine listens itself");
    acks->ingest->env.arrived = on_arrived;
    acks->ingest->env.arrived_ctx = acks;
}

// ---------------------------------------------------------------- the sender

enum { TURN_US = 20000 };

struct slt_sender {
    slt_sim *sim;
    sl_env *env; ///< NULL: it died and was not started again yet
    sli_socket *listener, *conn;
    sli_str unsent; ///< whole lines
    size_t at;      ///< of the first one, sent on the present connection
};

static void sender_boot(slt_sender *sender, const sli_fault *fault)
{
    sl_code rc = sli_world_boot(sender->sim->world, fault, &sender->env, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
}

static void sender_end(slt_sender *sender)
{
    sli_socket_close(&sender->conn);
    sli_socket_close(&sender->listener);
    sli_env_free(sender->env);
    sender->env = NULL;
    sender->at = 0;
}

/// Drops the lines that went out whole: what becomes of them the sender is not told.
static void lines_sent(slt_sender *sender, size_t n)
{
    sli_str *unsent = &sender->unsent;
    size_t whole = sender->at + n;
    while (whole > 0 && unsent->data[whole - 1] != '\n') {
        whole--;
    }
    sender->at = sender->at + n - whole;
    memmove(unsent->data, unsent->data + whole, unsent->size - whole);
    unsent->size -= whole;
}

static void sender_send(slt_sender *sender)
{
    sl_code rc = SL_OK;
    while (rc == SL_OK && sender->conn != NULL && sender->at < sender->unsent.size) {
        size_t n = 0;
        rc = sli_socket_send(sender->conn, sender->unsent.data + sender->at,
                             sender->unsent.size - sender->at, &n, NULL);
        if (rc == SL_OK && n == 0) {
            return; // no room now
        }
        if (rc == SL_OK) {
            lines_sent(sender, n);
        }
    }
    if (rc != SL_OK) {
        sli_socket_close(&sender->conn);
        sender->at = 0;
    }
}

static void sender_accept(slt_sender *sender)
{
    sli_socket *conn = NULL;
    while (sender->listener != NULL && sli_socket_accept(sender->listener, &conn, NULL) == SL_OK) {
        sli_socket_close(&sender->conn); // the newest reader counts
        sender->conn = conn;
        sender->at = 0;
    }
}

static void sender_turn(void *ctx)
{
    static const sli_fault none = {0};
    slt_sender *sender = ctx;
    sli_world *world = sender->sim->world;
    if (sender->env == NULL) {
        sender_boot(sender, &none);
    }
    if (sender->listener == NULL) { // a failure: the next turn tries again
        (void)sli_socket_listen(sender->env, "localhost", SLT_PORT, &sender->listener, NULL);
    }
    sender_accept(sender);
    sender_send(sender);
    sender->sim->sender_reached |= sli_world_fault_reached(sender->env);
    sender->sim->hurt |= sender->sim->sender_reached;
    if (sli_world_is_dead(sender->env)) {
        sender_end(sender);
    }
    sl_code rc = sli_world_at(world, sli_world_mono_us(world) + TURN_US, sender_turn, sender, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
}

slt_sender *slt_sender_new(slt_sim *sim, const sli_fault *fault)
{
    slt_sender *sender = sl_alloc_zero(SLI_TAG_TEST, sizeof *sender);
    if (sender == NULL) {
        return NULL;
    }
    sender->sim = sim;
    sender->unsent.tag = SLI_TAG_TEST;
    sender_boot(sender, fault);
    sim->hurt = sim->hurt || fault->fail_chance > 0;
    sender_turn(sender);
    return sender;
}

void slt_sender_free(slt_sender *sender)
{
    if (sender != NULL) {
        sender_end(sender);
        sli_str_reset(&sender->unsent);
        sl_free(sender);
    }
}

void slt_sender_line(slt_sender *sender, const char *line)
{
    sli_str_text(&sender->unsent, line);
    SL_ASSERT(!sender->unsent.failed, "no memory for a test");
}
