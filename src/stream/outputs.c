// The outputs of an epoch, in order of definition: one after the other, or (`jobs.concurrent`) some
// of their jobs beside each other.
//
// foreachRDD functions are the user's code on the driver's thread, so one of them runs at a time;
// jobs of sinks go on while it waits for its actions. An epoch that fails does so with the first
// output's error, as if they had run one after the other: those before the one that failed run to
// their end, those behind it are cancelled.
#include "stream/listen.h"
#include "stream/output.h"
#include "stream/poison.h"

typedef struct outputs {
    sli_engine *engine;
    sli_epoch *epoch;
    sli_group *group;
    int64_t rows_expected;
    int64_t *rows_out;
    sl_error *err;
    sli_delivery *deliveries; ///< by output; NULL: one after the other
    int32_t n_out;            ///< jobs that run
    sl_code rc;               ///< the failure of output `failed`
    int32_t failed;
} outputs;

// ---------------------------------------------------------------- how one ends

static void cancel_behind(const outputs *o)
{
    for (int32_t i = o->failed + 1; i < o->engine->graph->n_outputs && o->n_out > 0; i++) {
        if (o->deliveries[i].is_out) {
            sli_sched_cancel_job(o->engine->env.sched, &o->deliveries[i].job);
        }
    }
}

static void keep_failure(outputs *o, int32_t i, sl_code rc, const sl_error *error)
{
    if (o->rc != SL_OK && o->failed < i) {
        return;
    }
    o->rc = rc;
    o->failed = i;
    *o->err = *error;
    sl_error_wrap(o->err, rc, "epoch %lld (batch time %lld ms), output %s",
                  (long long)o->epoch->number, (long long)(o->epoch->time_us / 1000),
                  o->engine->graph->outputs[i].uid);
    sli_poison *poison = o->engine->poison;
    if (poison != NULL && o->deliveries != NULL && o->deliveries[i].blame.rdd != NULL) {
        sli_blame_reset(&poison->blame);
        poison->blame = o->deliveries[i].blame;
        o->deliveries[i].blame.rdd = NULL;
    }
    cancel_behind(o);
}

static void ended(outputs *o, int32_t i, sl_code rc, const sl_error *error)
{
    if (o->engine->listens) {
        sli_listen_output_done(o->engine, i, rc, error);
    }
    if (rc != SL_OK) {
        keep_failure(o, i, rc, error);
    }
}

/// Waits for one of the jobs that run.
static void take_one(outputs *o)
{
    sli_job *job = NULL;
    sl_error error;
    sli_error_clear(&error);
    sl_code rc = sli_sched_next(o->engine->env.sched, &job, &error);
    sli_delivery *d = job->ctx;
    d->is_out = false;
    o->n_out--;
    rc = sli_delivery_end(d, rc, o->rows_out, &error);
    ended(o, (int32_t)(d->output - o->engine->graph->outputs), rc, &error);
    sli_blame_reset(&d->blame);
}

// ---------------------------------------------------------------- how one begins

static sl_code run_foreach(sli_output *output, sli_epoch *epoch, sl_rdd *rdd, sl_error *err)
{
    sli_runtime *runtime = epoch->runtime;
    sli_rng rng;
    sl_args args = sli_driver_args(epoch, output->args, output->uid, &rng);
    sli_adder adder;
    sli_adds *adds = NULL;
    sli_driver_adder(runtime, &adder, &adds, &args);
    int32_t pool = sli_sched_in_pool(runtime->sched, output->pool_number);
    sl_code rc = output->foreach->run(&args, rdd, err);
    (void)sli_sched_in_pool(runtime->sched, pool);
    rc = sli_driver_added(runtime, &adds, rc, err);
    if (rc != SL_OK && (err->code == SL_OK || err->text[0] == '\0')) {
        rc = sl_error_set(err, rc, "foreachRDD function '%s' failed without a text",
                          output->foreach->name);
    }
    return rc;
}

/// Its job runs on beside others.
static sl_code begin_job(outputs *o, int32_t i, sl_rdd *rdd, bool *runs_on, sl_error *err)
{
    sli_delivery *d = &o->deliveries[i];
    SL_TRY(sli_delivery_begin(d, o->engine, &o->engine->graph->outputs[i], rdd, o->epoch, o->group,
                              o->rows_expected, err));
    if (!d->has_job) {
        return sli_delivery_end(d, SL_OK, o->rows_out, err);
    }
    d->job.blame = o->engine->poison != NULL ? &d->blame : NULL;
    sl_code rc = sli_sched_begin(o->engine->env.sched, &d->job, err);
    if (rc != SL_OK) {
        return sli_delivery_end(d, rc, o->rows_out, err);
    }
    *runs_on = d->is_out = true;
    o->n_out++;
    return SL_OK;
}

static sl_code begin_output(outputs *o, int32_t i, bool *runs_on, sl_error *err)
{
    sli_output *output = &o->engine->graph->outputs[i];
    sl_rdd *rdd = NULL;
    SL_TRY(sli_epoch_rdd(o->epoch, output->input, &rdd, err));
    if (output->kind == SLI_OUT_STATE) {
        return SL_OK; // sli_epoch_settle computes it, if nobody has asked until then
    }
    if (output->kind == SLI_OUT_FOREACH) {
        return run_foreach(output, o->epoch, rdd, err);
    }
    if (o->deliveries != NULL) {
        return begin_job(o, i, rdd, runs_on, err);
    }
    return sli_output_run(o->engine, output, rdd, o->epoch, o->group, o->rows_expected, o->rows_out,
                          err);
}

static void run_one(outputs *o, int32_t i)
{
    bool runs_on = false;
    sl_error error;
    sli_error_clear(&error);
    o->engine->graph->outputs[i].last_epoch = o->epoch->number;
    if (o->engine->listens) {
        sli_listen_output(o->engine, i);
    }
    sl_code rc = begin_output(o, i, &runs_on, &error);
    if (!runs_on) {
        ended(o, i, rc, &error);
    }
}

// ---------------------------------------------------------------- all of them

static bool is_due(const outputs *o, const sli_output *output)
{
    return !output->is_letters && // they are told when all others have run
           sli_slide_fires(output->input->slide_us, o->epoch->before_us, o->epoch->time_us);
}

sl_code sli_outputs_run(sli_engine *engine, sli_epoch *epoch, sli_group *group,
                        int64_t rows_expected, int64_t *rows_out, sl_error *err)
{
    int32_t concurrent = sli_sched_concurrent(engine->env.sched), n = engine->graph->n_outputs;
    outputs o = {.engine = engine,
                 .epoch = epoch,
                 .group = group,
                 .rows_expected = rows_expected,
                 .rows_out = rows_out,
                 .err = err};
    if (concurrent > 1) {
        o.deliveries = sl_arena_alloc_zero(epoch->arena, (size_t)n * sizeof *o.deliveries);
        if (o.deliveries == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof *o.deliveries, "the outputs of an epoch");
        }
    }
    for (int32_t i = 0; i < n && o.rc == SL_OK; i++) {
        if (is_due(&o, &engine->graph->outputs[i])) {
            while (o.n_out == concurrent) {
                take_one(&o);
            }
            if (o.rc == SL_OK) {
                run_one(&o, i);
            }
        }
    }
    while (o.n_out > 0) {
        take_one(&o);
    }
    return o.rc;
}
