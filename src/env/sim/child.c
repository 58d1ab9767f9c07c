/// child.c — simulated programs: functions that the world has under a name.
///
/// A function gets all input at once when that has ended, and gives all output. What is taken of it
/// in one exchange is drawn by the seed, so that readers meet every cut.
#include "env/sim/sim_int.h"

typedef struct sim_child {
    sli_child head;
    const sim_command *command;
    sli_str words; ///< ended by zeros, one after the other
    sli_str in, out, errors;
    size_t taken; ///< of `out`
    bool in_ended, has_run;
    int32_t status;
} sim_child;

enum { CHILD_LIMIT = 64 << 20 }; ///< bytes of input that a simulated program takes

bool sli_world_command(sli_world *world, const char *name, sli_command_fn run, void *ctx)
{
    if (world->n_commands == SIM_N_COMMANDS) {
        return false;
    }
    world->commands[world->n_commands++] = (sim_command){name, run, ctx};
    return true;
}

static const sim_command *find(const sli_world *world, const char *name)
{
    for (int32_t i = 0; i < world->n_commands; i++) {
        if (strcmp(world->commands[i].name, name) == 0) {
            return &world->commands[i];
        }
    }
    return NULL;
}

static sl_code start(sim_call *call, const char *const *words, sli_child **out, sl_error *err)
{
    const sim_command *command = find(call->env->world, words[0]);
    if (command == NULL) {
        return sl_error_set(err, SL_E_NOT_FOUND, "start %s: the world has no such command",
                            words[0]);
    }
    sim_child *child = sl_alloc_zero(SLI_TAG_ENV, sizeof *child);
    if (child == NULL) {
        return sl_error_nomem(err, sizeof *child, "a child process");
    }
    child->head.env = &call->env->head;
    child->command = command;
    child->words.tag = child->in.tag = child->out.tag = child->errors.tag = SLI_TAG_ENV;
    for (int32_t i = 1; words[i] != NULL; i++) {
        sli_str_add(&child->words, words[i], strlen(words[i]) + 1);
    }
    sl_code rc = sli_str_check(&child->words, "a child process", err);
    if (rc != SL_OK) {
        sli_sim_child_free(&child->head);
        return rc;
    }
    *out = &child->head;
    return SL_OK;
}

sl_code sli_sim_child_start(sl_env *env, const char *const *words, const char *const *variables,
                            sli_child **out, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, (sim_env *)env, SIM_CHILD_START, err);
    for (int32_t i = 0; words[i] != NULL; i++) {
        sli_sim_note_text(&call, words[i]);
    }
    for (int32_t i = 0; variables != NULL && variables[i] != NULL; i++) {
        sli_sim_note_text(&call, variables[i]);
    }
    rc = rc != SL_OK ? rc : start(&call, words, out, err);
    return sli_sim_end(&call, rc);
}

// ---------------------------------------------------------------- bytes

static sl_code give(sim_child *child, sli_exchange *x, sl_error *err)
{
    if (child->in.size + x->in_size > CHILD_LIMIT) {
        return sl_error_set(err, SL_E_NO_SPACE, "a simulated program takes %d bytes", CHILD_LIMIT);
    }
    sli_str_add(&child->in, x->in, x->in_size);
    x->n_in = x->in_size;
    return sli_str_check(&child->in, "input of a simulated program", err);
}

static sl_code run(sim_child *child, sl_error *err)
{
    const sim_command *c = child->command;
    child->status = c->run(c->ctx, (sl_text){child->words.data, child->words.size},
                           (sl_text){child->in.data, child->in.size}, &child->out, &child->errors);
    child->has_run = true;
    SL_TRY(sli_str_check(&child->errors, "errors of a simulated program", err));
    return sli_str_check(&child->out, "output of a simulated program", err);
}

static void take(sim_child *child, sli_exchange *x, sli_rng *rng)
{
    size_t left = child->out.size - child->taken, n = left < x->out_size ? left : x->out_size;
    n = n == 0 ? 0 : 1 + sli_rng_below(rng, n);
    if (n > 0) {
        memcpy(x->out, child->out.data + child->taken, n);
    }
    child->taken += n;
    x->n_out = n;
    x->ended = child->has_run && child->taken == child->out.size;
    x->status = child->status;
}

static bool never(const void *ctx)
{
    (void)ctx;
    return false;
}

static sl_code exchange(sim_call *call, sim_child *child, sli_exchange *x, int64_t deadline_us,
                        sl_error *err)
{
    if (x->in_size == 0 && !child->in_ended) { // it waits for input
        sl_code rc = sli_sim_wait(call->env, never, NULL, deadline_us, true);
        return rc == SL_E_TIMEOUT ? SL_OK : rc;
    }
    SL_TRY(x->in_size > 0 ? give(child, x, err) : SL_OK);
    SL_TRY(child->in_ended && !child->has_run ? run(child, err) : SL_OK);
    take(child, x, &call->env->world->net_rng);
    sli_sim_note(call, x->out, x->n_out);
    return SL_OK;
}

sl_code sli_sim_child_exchange(sli_child *self, sli_exchange *x, int64_t deadline_us, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, (sim_env *)self->env, SIM_CHILD_EXCHANGE, err);
    sli_sim_note(&call, x->in, x->in_size);
    rc = rc != SL_OK ? rc : exchange(&call, (sim_child *)self, x, deadline_us, err);
    return sli_sim_end(&call, rc);
}

void sli_sim_child_end_input(sli_child *self)
{
    ((sim_child *)self)->in_ended = true;
}

sl_text sli_sim_child_errors(const sli_child *self)
{
    const sli_str *errors = &((const sim_child *)self)->errors;
    size_t n = errors->size < SLI_CHILD_ERRORS ? errors->size : SLI_CHILD_ERRORS;
    return (sl_text){n == 0 ? "" : errors->data + errors->size - n, n};
}

void sli_sim_child_free(sli_child *self)
{
    sim_child *child = (sim_child *)self;
    sli_str_reset(&child->words);
    sli_str_reset(&child->in);
    sli_str_reset(&child->out);
    sli_str_reset(&child->errors);
    sl_free(child);
}
