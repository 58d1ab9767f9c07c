// collect.c — actions: a job whose rows come back to the driver, partition after partition in the
// order asked for.
//
// Partitions run in rounds of a few per worker. Between rounds no task is out, so the caller may
// run other jobs while it takes the rows, and no more than a round's rows wait at a time.
#include "sched/sched_int.h"

enum { ROUND = 16, PER_WORKER = 4 };

static sl_code hold(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    sli_rows *held = ctx;
    task->rows_out += sl_batch_rows(batch);
    return sli_rows_add(&held[task->index], batch, err);
}

static void let_go(void *ctx, const sli_task *task)
{
    sli_rows *held = ctx;
    sli_rows_reset(&held[task->index]);
}

static sl_code hand_over(const int32_t *partitions, sli_rows *held, int32_t n, sli_rows_fn done,
                         void *ctx, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        for (int32_t b = 0; b < held[i].n; b++) {
            SL_TRY(done(ctx, partitions[i], held[i].batches[b], err));
        }
        sli_rows_reset(&held[i]);
    }
    return SL_OK;
}

sl_code sli_sched_collect(sli_runtime *runtime, sl_rdd *rdd, const int32_t *partitions,
                          int32_t n_partitions, sli_rows_fn done, void *ctx, sl_error *err)
{
    sli_sched *sched = runtime->sched;
    int32_t total = partitions != NULL ? n_partitions : rdd->n_partitions;
    int32_t most = sched->n_workers * PER_WORKER < ROUND ? ROUND : sched->n_workers * PER_WORKER;
    most = most < total ? most : total;
    sli_rows *held = sl_alloc_array(SLI_TAG_SCHED, (size_t)most + 1, sizeof *held);
    int32_t *round = sl_alloc_array(SLI_TAG_SCHED, (size_t)most + 1, sizeof *round);
    sl_code rc = held == NULL || round == NULL
                     ? sl_error_nomem(err, (size_t)most * sizeof *held, "an action")
                     : SL_OK;
    sli_sched_enter(sched);
    for (int32_t from = 0; rc == SL_OK && from < total; from += most) {
        int32_t n = total - from < most ? total - from : most;
        for (int32_t i = 0; i < n; i++) {
            round[i] = partitions != NULL ? partitions[from + i] : from + i;
        }
        sli_job job = {.rdd = rdd,
                       .partitions = round,
                       .n_partitions = n,
                       .rows_expected = rdd->rows_expected,
                       .push = hold,
                       .lost = let_go,
                       .ctx = held,
                       .generation = sched->generation,
                       .epoch = sched->epoch,
                       .time_us = sched->time_us};
        rc = sli_sched_run(sched, &job, err);
        rc = rc != SL_OK ? rc : hand_over(round, held, n, done, ctx, err);
    }
    rc = sli_sched_leave(sched, rc, err);
    for (int32_t i = 0; held != NULL && i < most; i++) {
        sli_rows_reset(&held[i]);
    }
    sl_free(held);
    sl_free(round);
    return rc;
}
