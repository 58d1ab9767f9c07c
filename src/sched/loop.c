// loop.c — the driver's loop: jobs go on, tasks go out to the backend and come back.
//
// Several jobs may be on their way: those that sli_sched_begin began, and the one that somebody
// waits for. The loop takes finished attempts of all of them; which job an attempt belongs to is
// told by the attempt. While a job is walked, it may run others to prepare something, in a loop
// within this one: there only those others are walked (sli_context.level), since walks don't nest.
#include "sched/sched_int.h"

// ---------------------------------------------------------------- out and back

static void count_out(sli_try *t, int32_t n)
{
    sli_run *run = t->unit->run;
    sli_sched *sched = run->sched;
    t->is_out = n > 0;
    t->unit->wave->n_out += n;
    run->n_out += n;
    sched->n_out += n;
    sli_run_pool(run)->n_out += n;
    if (!t->work.may_move) {
        sched->n_at_home[t->work.home % sched->n_workers] += n;
    }
}

void sli_try_submit(sli_try *t)
{
    sli_exec *exec = t->unit->run->sched->exec;
    count_out(t, 1);
    sli_try_begin(t);
    exec->ops->submit(exec, &t->work);
}

static void decide(sli_unit *unit)
{
    bool is_out = unit->first.is_out || (unit->copy != NULL && unit->copy->is_out);
    if (unit->is_open && (unit->winner != NULL || !is_out)) {
        unit->is_open = false;
        unit->wave->n_open--;
    }
}

static void came_back(sli_try *t)
{
    sli_unit *unit = t->unit;
    sli_run *run = unit->run;
    count_out(t, -1);
    if (sli_try_ended(t)) {
        sli_try_submit(t);
        return;
    }
    decide(unit);
    if (run->state == SLI_RUN_OUT && run->wave->n_open == 0) {
        sli_run_wave_ended(run);
    } else if (run->state == SLI_RUN_ENDING) {
        sli_run_finish(run, run->rc);
    }
}

/// The backend gave up, as a simulated process that has died does: takes back what it still has;
/// all jobs fail with `rc`.
static void give_up(sli_sched *sched, sl_code rc, const sl_error *error)
{
    sli_work *work = NULL;
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        // Relaxed: running tasks have to see it some time.
        atomic_store_explicit(&run->stop.now, true, memory_order_relaxed);
    }
    sched->exec->ops->cancel(sched->exec);
    while (sched->exec->ops->next(sched->exec, SLI_FOREVER, &work, NULL) == SL_OK) {
        count_out((sli_try *)work, -1);
        sli_try_discard((sli_try *)work);
    }
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        bool is_walked = run->state == SLI_RUN_READY && run->context.level < sched->context.level;
        if (run->state != SLI_RUN_ENDED && !is_walked) { // else what it waits for tells it
            run->error = *error;
            sli_run_give_up(run);
            sli_run_finish(run, rc);
        }
    }
}

/// Waits for an attempt.
static void take_one(sli_sched *sched)
{
    sli_work *work = NULL;
    sl_error error;
    sli_error_clear(&error);
    sl_code rc = sched->exec->ops->next(sched->exec, sli_copying_deadline(sched), &work, &error);
    if (rc == SL_OK) {
        came_back((sli_try *)work);
    } else if (rc != SL_E_TIMEOUT) {
        give_up(sched, rc, &error);
    }
}

// ---------------------------------------------------------------- the loop

/// Once no task is out, what was found lost can be said so. Tasks that wait to go out may read it,
/// too: their jobs are walked again.
static void settle_lost(sli_sched *sched)
{
    if (sched->n_lost == 0 || sched->n_out > 0) {
        return;
    }
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        if (run->state == SLI_RUN_OUT) {
            sli_run_wave_ended(run);
        }
    }
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        if (run->state == SLI_RUN_LOST) {
            sli_run_found_lost(run);
        }
    }
}

static void advance(sli_sched *sched)
{
    for (sli_run *run = sched->runs; run != NULL && sched->n_lost == 0; run = run->next) {
        if (run->state == SLI_RUN_READY && run->context.level >= sched->context.level) {
            sli_run_advance(run);
        }
    }
}

static void give_out(sli_sched *sched)
{
    sli_try *t = NULL;
    while (sched->n_lost == 0 && (t = sli_pools_pick(sched)) != NULL) {
        t->unit->wave->n_given++;
        sli_try_submit(t);
    }
}

void sli_sched_push(sli_sched *sched)
{
    settle_lost(sched);
    advance(sched);
    sli_copying_look(sched);
    give_out(sched);
}

static bool has_ended(const sli_sched *sched, const sli_run *until)
{
    for (const sli_run *run = sched->runs; until == NULL && run != NULL; run = run->next) {
        if (run->is_begun && run->state == SLI_RUN_ENDED) {
            return true;
        }
    }
    return until != NULL && until->state == SLI_RUN_ENDED;
}

void sli_sched_drive(sli_sched *sched, const sli_run *until)
{
    for (;;) {
        sli_sched_push(sched);
        if (has_ended(sched, until)) {
            return;
        }
        if (sched->n_out > 0) {
            take_one(sched);
        }
    }
}

/// What an RDD is made of was made before it: numbers tell what a job can't touch.
static const sli_run *first_that_computes(const sli_sched *sched, const sl_rdd *rdd)
{
    const sli_run *run = sched->runs;
    while (run != NULL && (!run->is_begun || run->state == SLI_RUN_ENDED ||
                           (rdd != NULL && run->job->rdd->id < rdd->id))) {
        run = run->next;
    }
    return run;
}

void sli_sched_alone(sli_runtime *runtime, const sl_rdd *rdd)
{
    sli_sched *sched = runtime->sched;
    for (const sli_run *run; (run = first_that_computes(sched, rdd)) != NULL;) {
        sli_sched_drive(sched, run);
    }
}
