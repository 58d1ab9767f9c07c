// Which rows an epoch can't do with: trials on some of its rows, and the verdict.
//
// When all that failed is a chain of operators by row, its stage alone is tried, over the epoch's
// own RDDs, with any rows: cheap. Otherwise (behind a shuffle, with state, over a window) the whole
// epoch is tried, with RDDs of its own each time, without effect: nothing is staged, the state's
// views and the panes of the epoch are dropped, foreachRDD is not called. An epoch that fails
// without any row of its own is tried on fewer of the rows that windows hold of earlier ones.
#include "stream/event/event_time.h"
#include "stream/output.h"
#include "stream/poison.h"

enum { TELL_AFTER_US = 10000000 };

// ---------------------------------------------------------------- numbers of rows

typedef struct counting {
    int64_t *rows;   ///< by partition
    int64_t dropped; ///< records that became none
} counting;

static void note_rows(void *ctx, const sli_task *task)
{
    counting *c = ctx;
    c->rows[task->partition] = task->rows_out;
    c->dropped += task->read.dead;
}

static sl_code run_count(sli_poison *poison, const sli_epoch *epoch, const sli_input *input,
                         int64_t *rows, sl_error *err)
{
    sl_rdd *rdd = sli_rdd_of_source(epoch->runtime, input->source, input->range, input->n_splits);
    counting c = {.rows = rows};
    sli_job job = {.rdd = rdd,
                   .generation = epoch->generation,
                   .epoch = epoch->number,
                   .time_us = epoch->time_us,
                   .rows_expected = input->rows,
                   .won = note_rows,
                   .ctx = &c};
    sl_code rc = rdd == NULL ? sl_error_nomem(err, sizeof *rdd, "a count of rows")
                             : sli_sched_run(poison->engine->env.sched, &job, err);
    sl_rdd_unref(rdd);
    poison->n_dropped += c.dropped;
    return rc;
}

/// Numbers all rows: inputs in their order, in each its partitions.
static sl_code count_input(sli_poison *poison, const sli_epoch *epoch, int32_t i, sl_error *err)
{
    const sli_input *input = &poison->engine->inputs[i];
    int32_t n = input->range.size == 0 ? 0 : input->n_splits;
    int64_t *first = sl_arena_alloc_zero(epoch->arena, ((size_t)n + 1) * sizeof *first);
    if (first == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *first, "the numbers of rows");
    }
    if (n > 0) {
        SL_TRY(run_count(poison, epoch, input, first, err));
    }
    for (int32_t p = 0; p <= n; p++) {
        int64_t rows = first[p];
        first[p] = poison->sources.n_rows;
        poison->sources.n_rows += rows;
    }
    poison->first[i] = first;
    return SL_OK;
}

sl_code sli_poison_room(sli_poison *poison, sli_verdict *verdict, sl_error *err)
{
    size_t size = (size_t)poison->max * sizeof *verdict->left_out;
    verdict->left_out = sl_arena_alloc(poison->engine->epoch_arena, size);
    return verdict->left_out == NULL ? sl_error_nomem(err, size, "the numbers of rows") : SL_OK;
}

sl_code sli_poison_count(sli_poison *poison, const sli_epoch *epoch, sl_error *err)
{
    const sli_engine *engine = poison->engine;
    if (poison->first != NULL) {
        return SL_OK;
    }
    size_t size = ((size_t)engine->n_inputs + 1) * sizeof *poison->first;
    SL_TRY(sli_poison_room(poison, &poison->sources, err));
    poison->first = sl_arena_alloc_zero(epoch->arena, size);
    if (poison->first == NULL) {
        return sl_error_nomem(err, size, "the numbers of rows");
    }
    poison->sources.n_rows = poison->n_dropped = 0;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        SL_TRY(count_input(poison, epoch, i, err));
    }
    return SL_OK;
}

void sli_poison_place(const sli_poison *poison, int64_t row, sli_letter *out)
{
    const sli_engine *engine = poison->engine;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        const int64_t *first = poison->first[i];
        for (int32_t p = 0; engine->inputs[i].range.size > 0 && p < engine->inputs[i].n_splits;
             p++) {
            if (row >= first[p] && row < first[p + 1]) {
                out->input = i;
                out->partition = p;
                out->row = row - first[p];
                return;
            }
        }
    }
    SL_ASSERT(false, "a row that no source has");
}

/// The epoch's, those that could not be read too, and those that windows hold.
static int64_t n_records(const sli_poison *poison)
{
    return poison->sources.n_rows + poison->n_dropped + poison->windows.n_rows;
}

int64_t sli_poison_most(const sli_poison *poison)
{
    int64_t share = (int64_t)(poison->max_share * (double)n_records(poison));
    share = share < 1 ? 1 : share;
    return share < poison->max ? share : poison->max;
}

sl_code sli_poison_too_many(const sli_poison *poison, sl_error *err)
{
    bool again = poison->engine->ckpt != NULL;
    return sl_error_wrap(
        err, err == NULL ? SL_E_DATA : err->code,
        "more than %lld poison records among %lld (poison.max=%lld, poison.max_share=%g): none was "
        "left out%s; the first error",
        (long long)sli_poison_most(poison), (long long)n_records(poison), (long long)poison->max,
        poison->max_share,
        again ? ", and the next start runs the epoch again: mend what fails, or raise the ceiling"
              : "");
}

// ---------------------------------------------------------------- trials

typedef struct trial {
    sli_poison *poison;
    sli_epoch *epoch;
    sl_rdd *stage;   ///< what is tried; NULL: the whole epoch
    bool is_of_held; ///< rows that windows hold are chosen, and none of the epoch's own
    const sli_choice *choice;
} trial;

static const sli_choice nothing = {0};

static void tell_progress(sli_poison *poison, int64_t epoch)
{
    sli_engine *engine = poison->engine;
    poison->n_trials++;
    if (!poison->is_told && sli_env_mono_us(engine->world) - poison->begun_us > TELL_AFTER_US) {
        poison->is_told = true;
        SLI_LOG(engine->log, SLI_WARN, "stream",
                "epoch %lld: still searching poison records among %lld rows: %lld trials, %lld "
                "found so far",
                (long long)epoch, (long long)(poison->sources.n_rows + poison->windows.n_rows),
                (long long)poison->n_trials,
                (long long)(poison->sources.n_left_out + poison->windows.n_left_out));
    }
}

static sl_code choose_in(const sli_poison *poison, const sl_stream *node, sl_rdd *rdd,
                         const sli_choice *choice, sl_error *err)
{
    const sli_engine *engine = poison->engine;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        if (engine->inputs[i].node == node && engine->inputs[i].range.size > 0 &&
            sli_rdd_is_of_source(rdd)) {
            return sli_rdd_choose(rdd, choice, poison->first[i], err);
        }
    }
    return SL_OK;
}

static sl_code choose_for_trial(void *ctx, const sl_stream *node, sl_rdd *rdd, sl_error *err)
{
    const trial *t = ctx;
    return choose_in(t->poison, node, rdd, t->is_of_held ? &nothing : t->choice, err);
}

/// The same epoch with some of its rows: ranges are asked of the engine as ever.
static sl_bytes range_in_trial(void *ctx, const sl_stream *node, int32_t *n_splits)
{
    const trial *t = ctx;
    return t->epoch->range(t->epoch->ctx, node, n_splits);
}

static sl_code run_rows(const trial *t, sl_rdd *rdd, sl_error *err)
{
    sli_job job = {.rdd = rdd,
                   .generation = t->epoch->generation,
                   .epoch = t->epoch->number,
                   .time_us = t->epoch->time_us,
                   .rows_expected = t->choice->to - t->choice->from};
    return sli_sched_run(t->poison->engine->env.sched, &job, err);
}

static sl_code run_stage(const trial *t, sl_error *err)
{
    const sli_engine *engine = t->poison->engine;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        const sl_stream *node = engine->inputs[i].node;
        sl_rdd *source = t->epoch->made[node->index];
        if (source != NULL) {
            SL_TRY(choose_in(t->poison, node, source, t->choice, err));
        }
    }
    return run_rows(t, t->stage, err);
}

static sl_code run_output(const trial *t, sli_output *output, sl_rdd *rdd, sl_error *err)
{
    sl_rdd *rows = NULL;
    SL_TRY(sli_output_rows(output, rdd, &rows, err));
    sl_code rc = run_rows(t, rows, err);
    sl_rdd_unref(rows);
    return rc;
}

static sl_code run_outputs(const trial *t, sli_epoch *epoch, sl_error *err)
{
    sli_engine *engine = t->poison->engine;
    SL_TRY(sli_windows_take(engine, epoch, NULL, t->choice->to - t->choice->from, err));
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (output->is_letters ||
            !sli_slide_fires(output->input->slide_us, epoch->before_us, epoch->time_us)) {
            continue;
        }
        sl_rdd *rdd = NULL; // also of foreachRDD's: state below it is computed all the same
        SL_TRY(sli_epoch_rdd(epoch, output->input, &rdd, err));
        SL_TRY(output->kind == SLI_OUT_SINK ? run_output(t, output, rdd, err) : SL_OK);
    }
    SL_TRY(sli_epoch_settle(epoch, engine->graph, err));
    return sli_windows_settle(engine, err);
}

static sl_code run_epoch(trial *t, sl_error *err)
{
    sli_engine *engine = t->poison->engine;
    sli_epoch epoch = *t->epoch;
    epoch.range = range_in_trial;
    epoch.rows = NULL;
    epoch.choose = choose_for_trial;
    epoch.ctx = t;
    epoch.n_made = 0;
    sli_held_choose(t->poison, t->is_of_held ? t->choice : NULL);
    sl_code rc = run_outputs(t, &epoch, err);
    epoch.settled = false; // nothing of it counts
    sli_windows_end(engine);
    sli_epoch_release(&epoch);
    sli_windows_forget(engine, NULL, epoch.number);
    if (engine->store != NULL) {
        engine->store->ops->fail(engine->store, epoch.number);
    }
    sl_error error = SL_ERROR_INIT;
    if (sli_nodes_end(engine->graph, false, &error) != SL_OK) {
        *err = error;
        return error.code;
    }
    return rc;
}

static sl_code attempt(void *ctx, const sli_choice *choice, bool *failed, sl_error *why,
                       sl_error *err)
{
    trial *t = ctx;
    sli_poison *poison = t->poison;
    sl_error error = SL_ERROR_INIT;
    tell_progress(poison, t->epoch->number);
    sli_blame_reset(&poison->blame);
    t->choice = choice;
    sl_code rc = t->stage != NULL ? run_stage(t, &error) : run_epoch(t, &error);
    *failed = rc != SL_OK && poison->blame.rdd != NULL && sli_error_is_poison(&error);
    if (*failed) {
        *why = poison->blame.error;
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = error;
    }
    return rc;
}

void sli_poison_watch(sli_engine *engine, bool on)
{
    sli_poison *poison = engine->poison;
    if (poison != NULL) {
        poison->is_watched = on;
        sli_sched_blame(engine->env.sched, on ? &poison->blame : NULL);
    }
}

sl_code sli_poison_run(sli_engine *engine, sli_job *job, sl_error *err)
{
    bool was_watched = engine->poison != NULL && engine->poison->is_watched; // in trials
    sli_poison_watch(engine, true);
    sl_code rc = sli_sched_run(engine->env.sched, job, err);
    sli_poison_watch(engine, was_watched);
    return rc;
}

// ---------------------------------------------------------------- the verdict

sli_letter *sli_poison_letter(sli_poison *poison, sl_error *err)
{
    if (poison->n_letters == poison->letter_capacity) {
        int32_t capacity = poison->letter_capacity == 0 ? 8 : 2 * poison->letter_capacity;
        sli_letter *more =
            sl_arena_alloc_zero(poison->engine->epoch_arena, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            sl_error_nomem(err, (size_t)capacity * sizeof *more, "dead letters");
            return NULL;
        }
        if (poison->n_letters > 0) {
            memcpy(more, poison->letters, (size_t)poison->n_letters * sizeof *more);
        }
        poison->letters = more;
        poison->letter_capacity = capacity;
    }
    return &poison->letters[poison->n_letters++];
}

static sl_code found(void *ctx, int64_t row, const sl_error *why, sl_error *err)
{
    const trial *t = ctx;
    sli_poison *poison = t->poison;
    sli_letter *letter = sli_poison_letter(poison, err);
    if (letter == NULL) {
        return SL_E_NOMEM;
    }
    if (t->is_of_held) {
        sli_held_place(poison, row, letter);
    } else {
        sli_poison_place(poison, row, letter);
    }
    letter->uid = poison->blame.uid;
    letter->code = why->code;
    letter->text = sl_arena_strdup(poison->engine->epoch_arena, why->text);
    return letter->text == NULL ? sl_error_nomem(err, strlen(why->text), "a dead letter") : SL_OK;
}

static sl_code search(trial *t, bool *helped, bool *too_many, sl_error *err)
{
    sli_poison *poison = t->poison;
    sli_sched *sched = poison->engine->env.sched;
    sli_verdict *verdict = t->is_of_held ? &poison->windows : &poison->sources;
    const sli_verdict *other = t->is_of_held ? &poison->sources : &poison->windows;
    sli_search s = {.n_rows = verdict->n_rows,
                    .alone = t->stage != NULL,
                    .max = sli_poison_most(poison) - other->n_left_out,
                    .attempt = attempt,
                    .found = found,
                    .ctx = t,
                    .left_out = verdict->left_out,
                    .n_left_out = verdict->n_left_out};
    sli_sched_try(sched, t->stage != NULL ? SLI_TRIAL_UNCACHED : SLI_TRIAL);
    sl_code rc = sli_isolate(&s, helped, err);
    sli_sched_try(sched, SLI_NO_TRIAL);
    verdict->n_left_out = s.n_left_out;
    *too_many = s.too_many;
    return rc;
}

/// The stage that failed, when its rows may be tried alone: one reference, else NULL.
static sl_rdd *stage_by_row(const sli_poison *poison, const sli_epoch *epoch)
{
    const sli_engine *engine = poison->engine;
    sl_rdd **sources =
        sl_arena_alloc(epoch->arena, ((size_t)engine->n_inputs + 1) * sizeof *sources);
    int32_t n = 0;
    for (int32_t i = 0; sources != NULL && i < engine->n_inputs; i++) {
        sl_rdd *rdd = epoch->made[engine->inputs[i].node->index];
        if (rdd != NULL && sli_rdd_is_of_source(rdd)) {
            sources[n++] = rdd;
        }
    }
    bool is_so = sources != NULL && sli_rdd_is_by_row(poison->blame.rdd, sources, n);
    return is_so ? sl_rdd_ref(poison->blame.rdd) : NULL;
}

/// By the failed stage alone where that can be, else by the whole epoch; and by it too when the
/// stage alone goes well, as it does when rows are combined at its end. Then on the rows that
/// windows hold: an epoch that fails without any row of its own fails on those.
static sl_code find(sli_poison *poison, sli_epoch *epoch, bool *helped, bool *too_many,
                    sl_error *err)
{
    trial t = {.poison = poison, .epoch = epoch, .stage = stage_by_row(poison, epoch)};
    sl_code rc = SL_OK;
    *helped = *too_many = false;
    if (t.stage != NULL) {
        rc = search(&t, helped, too_many, err);
        sl_rdd_unref(t.stage);
        t.stage = NULL;
    }
    sli_epoch_release(epoch);
    if (rc == SL_OK && !*helped && !*too_many) {
        rc = search(&t, helped, too_many, err);
    }
    if (rc == SL_OK && !*helped && !*too_many && poison->engine->n_windows > 0) {
        SL_TRY(sli_held_count(poison, epoch, err));
        t.is_of_held = true;
        rc = search(&t, helped, too_many, err);
    }
    return rc;
}

sl_code sli_poison_judge(sli_poison *poison, sli_epoch *epoch, bool *again, sl_error *err)
{
    sli_engine *engine = poison->engine;
    bool helped = false, too_many = false;
    sl_error error = SL_ERROR_INIT;
    *again = false;
    if (poison->blame.rdd == NULL || !sli_error_is_poison(err)) {
        return SL_OK;
    }
    poison->begun_us = poison->begun_us == 0 ? sli_env_mono_us(engine->world) : poison->begun_us;
    sl_code rc = sli_poison_count(poison, epoch, &error);
    sli_poison_watch(engine, true);
    rc = rc != SL_OK ? rc : find(poison, epoch, &helped, &too_many, &error);
    sli_poison_watch(engine, false);
    sli_blame_reset(&poison->blame);
    if (rc != SL_OK) {
        *err = error;
        return sl_error_wrap(err, rc, "epoch %lld: search for poison records",
                             (long long)epoch->number);
    }
    if (too_many) {
        (void)sli_poison_too_many(poison, err);
    }
    if (!helped && !too_many) {
        SLI_LOG(engine->log, SLI_WARN, "stream",
                "epoch %lld: no records were found without which it runs well",
                (long long)epoch->number);
    }
    *again = helped;
    sli_held_choose(poison, NULL);
    return SL_OK;
}

sl_code sli_poison_choose(void *ctx, const sl_stream *node, sl_rdd *rdd, sl_error *err)
{
    const sli_poison *poison = ((const sli_engine *)ctx)->poison;
    sli_choice choice = {.from = 0,
                         .to = INT64_MAX,
                         .left_out = poison->sources.left_out,
                         .n_left_out = poison->sources.n_left_out};
    return choice.n_left_out == 0 ? SL_OK : choose_in(poison, node, rdd, &choice, err);
}
