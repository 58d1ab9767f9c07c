// pools.c — which job's task goes out next, when several jobs want the workers. Which pools there
// are: pools_open.c.
//
// As in Spark: by FIFO the earlier job's tasks first; by FAIR pools share the workers: first those
// that run fewer tasks than their min_share, the one that is farthest from it first; then by tasks
// that run, divided by weight. Within a pool by FIFO or, with mode=fair, the job that runs the
// fewest. Ties go to the pool named first, and the earlier job.
//
// Where only one job may run, all of its tasks go out at once and the backend's queues do the rest.
// Else no more go out than there are workers, so that each choice is made as late as can be, and of
// those that must run at home one a home.
#include "sched/sched_int.h"

/// What is compared: a pool among pools, a job among a pool's jobs.
typedef struct share {
    int64_t n_out, weight, min_share, order;
} share;

/// Numbers are compared as fractions: a / b < c / d.
static bool is_less(int64_t a, int64_t b, int64_t c, int64_t d, bool otherwise)
{
    return a * d != c * b ? a * d < c * b : otherwise;
}

/// Spark's FairSchedulingAlgorithm.
static bool is_before(share a, share b)
{
    bool first = a.order < b.order;
    bool a_needs = a.n_out < a.min_share, b_needs = b.n_out < b.min_share;
    if (a_needs != b_needs) {
        return a_needs;
    }
    return a_needs ? is_less(a.n_out, a.min_share, b.n_out, b.min_share, first)
                   : is_less(a.n_out, a.weight, b.n_out, b.weight, first);
}

sli_pool *sli_run_pool(const sli_run *run)
{
    return &run->sched->pools[run->context.pool - 1];
}

static share share_of_pool(const sli_run *run)
{
    const sli_pool *p = sli_run_pool(run);
    return (share){p->n_out, p->weight, p->min_share, run->context.pool};
}

static bool goes_before(const sli_run *a, const sli_run *b)
{
    const sli_sched *sched = a->sched;
    if (sched->is_fair && a->context.pool != b->context.pool) {
        return is_before(share_of_pool(a), share_of_pool(b));
    }
    if (sched->is_fair && sli_run_pool(a)->is_fair) {
        return is_before((share){a->n_out, 1, 0, a->number}, (share){b->n_out, 1, 0, b->number});
    }
    return a->number < b->number;
}

// ---------------------------------------------------------------- what can go out

static bool has_place(const sli_sched *sched, const sli_unit *unit)
{
    const sli_work *work = &unit->first.work;
    return sched->concurrent == 1 || work->may_move ||
           sched->n_at_home[work->home % sched->n_workers] == 0;
}

/// Brings the first unit that may go out to the front of those that wait. NULL: there is none.
static sli_unit *first_with_place(const sli_run *run)
{
    sli_wave *wave = run->wave;
    int32_t at = wave->n_given;
    while (at < wave->n && !has_place(run->sched, wave->list[at])) {
        at++;
    }
    if (at == wave->n) {
        return NULL;
    }
    sli_unit *unit = wave->list[at];
    for (; at > wave->n_given; at--) {
        wave->list[at] = wave->list[at - 1];
    }
    wave->list[at] = unit;
    return unit;
}

sli_try *sli_pools_pick(sli_sched *sched)
{
    sli_run *best = NULL;
    sli_unit *unit = NULL;
    if (sched->concurrent > 1 && sched->n_out >= sched->n_workers) {
        return NULL;
    }
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        bool waits = run->state == SLI_RUN_OUT && run->wave->n_given < run->wave->n;
        if (waits && (best == NULL || goes_before(run, best))) {
            sli_unit *first = first_with_place(run);
            best = first == NULL ? best : run;
            unit = first == NULL ? unit : first;
        }
    }
    return unit == NULL ? NULL : &unit->first;
}
