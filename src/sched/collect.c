// collect.c — actions: a job whose rows come back to the driver, partition after partition in the
// order asked for.
//
// Partitions run in rounds of a few per worker. Between rounds no task is out, so the caller may
// run other jobs while it takes the rows, and no more than a round's rows wait at a time.
#include "sched/sched_int.h"

enum { ROUND = 16, PER_WORKER = 4 };

/// A partition's rows, by the copy that made them.
typedef struct held_rows {
    sli_rows copies[SLI_COPIES];
    int32_t won;
} held_rows;

static sl_code hold(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    held_rows *held = ctx;
    task->rows_out += sl_batch_rows(batch);
    return sli_rows_add(&held[task->index].copies[task->copy], batch, err);
}

static void let_go(void *ctx, const sli_task *task)
{
    held_rows *held = ctx;
    sli_rows_reset(&held[task->index].copies[task->copy]);
}

static void keep(void *ctx, const sli_task *task)
{
    held_rows *held = ctx;
    held[task->index].won = task->copy;
}

static sl_code hand_over(const int32_t *partitions, held_rows *held, int32_t n, sli_rows_fn done,
                         void *ctx, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        sli_rows *rows = &held[i].copies[held[i].won];
        for (int32_t b = 0; b < rows->n; b++) {
            SL_TRY(done(ctx, partitions[i], rows->batches[b], err));
        }
        sli_rows_reset(rows);
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
    held_rows *held = sl_alloc_array(SLI_TAG_SCHED, (size_t)most + 1, sizeof *held);
    int32_t *round = sl_alloc_array(SLI_TAG_SCHED, (size_t)most + 1, sizeof *round);
    sl_code rc = held == NULL || round == NULL
                     ? sl_error_nomem(err, (size_t)most * sizeof *held, "an action")
                     : SL_OK;
    sli_context before;
    if (sched->context.action == 0 && sli_runtime_has_marked(runtime)) {
        sli_sched_alone(runtime, NULL); // what it meets is written at its end, when none runs
    }
    sli_sched_enter(sched, &before);
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
                       .won = keep,
                       .ctx = held,
                       .generation = sched->generation,
                       .epoch = sched->epoch,
                       .time_us = sched->time_us};
        rc = sli_sched_run(sched, &job, err);
        rc = rc != SL_OK ? rc : hand_over(round, held, n, done, ctx, err);
    }
    rc = sli_sched_leave(sched, &before, rc, err);
    for (int32_t i = 0; held != NULL && i < most; i++) {
        for (int32_t copy = 0; copy < SLI_COPIES; copy++) {
            sli_rows_reset(&held[i].copies[copy]);
        }
    }
    sl_free(held);
    sl_free(round);
    return rc;
}
