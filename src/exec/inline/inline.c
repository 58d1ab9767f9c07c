/// inline.c — every task runs on the driver's own thread, when it asks for results, in an order
/// drawn from the seed.
///
/// For simulation and tests, where a wrong dependence on the order of tasks must show and must
/// repeat; and for one worker, where a second thread would only cost two wake-ups a task. A number
/// of workers is told to tasks all the same.
///
/// The order comes without memory of its own: a work is put at either end of one of 64 lists, and
/// the next one is taken from one of those that are not empty. All four choices are the
/// generator's, so any order can come out, and which one depends on the seed and the sequence of
/// calls alone.
#include "base/hash.h"
#include "exec/exec.h"

enum { N_LISTS = 64 };

typedef struct list {
    sli_work *first, *last;
} list;

typedef struct exec_inline {
    sli_exec head;
    int32_t n_workers;
    bool running; // asserts that a task does not call its own backend
    sli_rng rng;
    uint64_t filled; // bit i: lists[i] is not empty
    list lists[N_LISTS];
    list cancelled; // in the order they were drawn
} exec_inline;

static void list_push(list *l, sli_work *work, bool in_front)
{
    work->link = NULL;
    if (l->first == NULL) {
        l->first = l->last = work;
    } else if (in_front) {
        work->link = l->first;
        l->first = work;
    } else {
        l->last->link = work;
        l->last = work;
    }
}

static sli_work *list_pop(list *l)
{
    sli_work *work = l->first;
    if (work != NULL) {
        l->first = work->link;
        work->link = NULL;
    }
    return work;
}

static sl_code inline_open(sli_exec **out, sl_env *env, int32_t n_workers, uint64_t seed,
                           sl_error *err)
{
    (void)env; // nothing here waits or runs beside the driver
    if (n_workers < 1 || n_workers > SLI_EXEC_MAX_WORKERS) {
        return sl_error_set(err, SL_E_INVALID, "%d workers: from 1 to %d are possible", n_workers,
                            (int)SLI_EXEC_MAX_WORKERS);
    }
    exec_inline *self = sl_alloc_zero(SLI_TAG_EXEC, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "inline backend");
    }
    self->head.ops = &sli_exec_inline;
    self->n_workers = n_workers;
    self->rng.state = seed;
    *out = &self->head;
    return SL_OK;
}

static int32_t inline_workers(const sli_exec *exec)
{
    return ((const exec_inline *)exec)->n_workers;
}

static void inline_submit(sli_exec *exec, sli_work *work)
{
    exec_inline *self = (exec_inline *)exec;
    SL_ASSERT(work->home >= 0, "a task's home is a partition");
    uint64_t draw = sli_rng_next(&self->rng);
    uint32_t which = (uint32_t)(draw % N_LISTS);
    work->was_run = false;
    list_push(&self->lists[which], work, (draw >> 32 & 1) != 0);
    self->filled |= UINT64_C(1) << which;
}

/// Number of the k-th set bit.
static uint32_t nth_bit(uint64_t bits, uint64_t k)
{
    for (; k > 0; k--) {
        bits &= bits - 1;
    }
    return (uint32_t)__builtin_ctzll(bits);
}

/// Takes one of the queued works, NULL when there is none.
static sli_work *draw(exec_inline *self)
{
    if (self->filled == 0) {
        return NULL;
    }
    uint64_t k = sli_rng_below(&self->rng, (uint64_t)__builtin_popcountll(self->filled));
    uint32_t which = nth_bit(self->filled, k);
    sli_work *work = list_pop(&self->lists[which]);
    if (self->lists[which].first == NULL) {
        self->filled &= ~(UINT64_C(1) << which);
    }
    return work;
}

static sl_code inline_next(sli_exec *exec, int64_t deadline_us, sli_work **out, sl_error *err)
{
    exec_inline *self = (exec_inline *)exec;
    (void)deadline_us; // a task that has begun can't be left, so there is always one or the end
    SL_ASSERT(!self->running, "a task asks its own backend for results");
    *out = list_pop(&self->cancelled);
    if (*out != NULL) {
        return SL_OK;
    }
    *out = draw(self);
    if (*out == NULL) {
        return sl_error_set(err, SL_E_END, "no task is queued or running");
    }
    self->running = true;
    (*out)->was_run = true;
    (*out)->run(*out, (*out)->home % self->n_workers);
    self->running = false;
    return SL_OK;
}

static void inline_cancel(sli_exec *exec)
{
    exec_inline *self = (exec_inline *)exec;
    for (sli_work *work = draw(self); work != NULL; work = draw(self)) {
        list_push(&self->cancelled, work, false);
    }
}

static void inline_close(sli_exec *exec)
{
    exec_inline *self = (exec_inline *)exec;
    SL_ASSERT(self->filled == 0 && self->cancelled.first == NULL && !self->running,
              "a backend is closed while tasks are queued");
    sl_free(self);
}

static sl_code inline_spare_driver(sli_exec *exec, sl_error *err)
{
    (void)exec, (void)err; // there is nobody else
    return SL_OK;
}

const sli_exec_ops sli_exec_inline = {
    .struct_size = sizeof(sli_exec_ops),
    .name = "inline",
    .open = inline_open,
    .workers = inline_workers,
    .submit = inline_submit,
    .next = inline_next,
    .cancel = inline_cancel,
    .close = inline_close,
    .spare_driver = inline_spare_driver,
};
