// copies.c — speculation: a task that takes much longer than others of its stage gets a copy.
//
// Every `speculation.interval`, once a share of a stage's tasks has ended, those that run for
// longer than a multiple of the median get a second attempt beside the first, with a number of its
// own (sli_task.copy): what both write is kept apart until one has won. What has no worker yet is
// not slow. A stage of one task has nothing to be compared with, and one whose state lies at home
// can't be copied: the copy would have to wait for the worker that the slow attempt holds.
#include "sched/sched_int.h"

#include <stdlib.h>

void sli_copying_open(sli_sched *sched, const sl_conf *conf)
{
    sched->copying = (sli_copying){
        .on = sl_conf_bool(conf, "speculation"),
        .interval_us = sl_conf_int64(conf, "speculation.interval"),
        .min_us = sl_conf_int64(conf, "speculation.min_runtime"),
        .multiplier = sl_conf_float64(conf, "speculation.multiplier"),
        .quantile = sl_conf_float64(conf, "speculation.quantile"),
    };
}

int64_t sli_copying_deadline(sli_sched *sched)
{
    sli_copying *c = &sched->copying;
    return c->on ? c->next_look_us : SLI_FOREVER;
}

static int64_t begun_us(const sli_try *t)
{
    // Relaxed: a beginning that is not seen yet is seen the next time that somebody looks.
    return atomic_load_explicit(&t->begun_us, memory_order_relaxed);
}

static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/// How long a task of the stage may take: -1 when too few have ended for a judgement.
static int64_t limit_us(const sli_wave *wave, int32_t stage, int64_t *lengths, const sli_copying *c)
{
    int32_t n = 0, n_won = 0;
    for (int32_t i = 0; i < wave->n; i++) {
        const sli_unit *unit = wave->list[i];
        if (unit->stage.number != stage) {
            continue;
        }
        n++;
        if (unit->winner != NULL) {
            lengths[n_won++] = unit->winner->ended_us - begun_us(unit->winner);
        }
    }
    if (n < 2 || n_won == 0 || n_won < (int32_t)(c->quantile * n)) {
        return -1;
    }
    qsort(lengths, (size_t)n_won, sizeof *lengths, by_length);
    int64_t limit = (int64_t)(c->multiplier * (double)lengths[n_won / 2]);
    return limit < c->min_us ? c->min_us : limit;
}

/// Without memory the task goes on as it would without speculation.
static void copy(sli_unit *unit)
{
    sli_sched *sched = unit->run->sched;
    if (unit->copy == NULL) {
        unit->copy = sl_alloc(SLI_TAG_SCHED, sizeof *unit->copy);
        if (unit->copy == NULL) {
            return;
        }
        sli_try_init(unit->copy, unit, 1);
    }
    if (sched->copies != NULL) {
        sli_metric_add(sched->copies, 1);
    }
    sli_try_submit(unit->copy);
}

static bool is_slow(const sli_unit *unit, int64_t now_us, int64_t limit)
{
    bool alone = unit->is_open && unit->first.is_out &&
                 (unit->copy == NULL || !unit->copy->is_out) && !unit->stage.pinned;
    int64_t begun = alone ? begun_us(&unit->first) : -1;
    return begun >= 0 && now_us - begun > limit;
}

static void look_at(sli_run *run, int64_t now_us, int64_t *lengths)
{
    sli_wave *wave = run->wave;
    int32_t stage = -1;
    int64_t limit = -1;
    for (int32_t i = 0; i < wave->n; i++) { // a stage's tasks stand together
        sli_unit *unit = wave->list[i];
        if (unit->stage.number != stage) {
            stage = unit->stage.number;
            limit = limit_us(wave, stage, lengths, &run->sched->copying);
        }
        if (limit >= 0 && is_slow(unit, now_us, limit)) {
            copy(unit);
        }
    }
}

void sli_copying_look(sli_sched *sched)
{
    sli_copying *c = &sched->copying;
    if (!c->on || sched->n_out == 0) {
        return;
    }
    int64_t now_us = sli_env_mono_us(sched->runtime->env);
    if (now_us < c->next_look_us) {
        return;
    }
    c->next_look_us = now_us + c->interval_us;
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        if (run->state != SLI_RUN_OUT || run->wave->n_given < run->wave->n) {
            continue; // while tasks wait for a worker, no copy takes one from them
        }
        int64_t *lengths = sl_alloc(SLI_TAG_SCHED, (size_t)run->wave->n * sizeof *lengths);
        if (lengths != NULL) {
            look_at(run, now_us, lengths);
        }
        sl_free(lengths);
    }
}
