// Windows in an epoch: the panes that they take, what they give, and what has passed.
//
// Panes are made by a job each, before the outputs run. Where a window keeps the rows themselves,
// the stream's RDD of the epoch is from then on the one over the pane, so that no output computes
// those rows again.
#include "stream/keep.h"
#include "stream/poison.h"

sl_code sli_windows_open(sli_engine *engine, sl_error *err)
{
    const sl_graph *graph = engine->graph;
    engine->windows = sl_arena_alloc_zero(engine->job_arena,
                                          (size_t)(graph->n_nodes + 1) * sizeof *engine->windows);
    engine->waits = sl_arena_alloc_zero(engine->job_arena, (size_t)graph->n_nodes + 1);
    if (engine->windows == NULL || engine->waits == NULL) {
        return sl_error_nomem(err, (size_t)graph->n_nodes * sizeof *engine->windows, "windows");
    }
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        sl_stream *node = graph->nodes[i];
        if (node->ops->is_window && node->is_used) {
            node->window = &engine->windows[engine->n_windows++];
            node->window->node = node;
        }
    }
    return SL_OK;
}

void sli_windows_close(sli_engine *engine)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sli_window *window = &engine->windows[i];
        window->node->window = NULL;
        sli_panes_reset(&window->panes);
        sli_window_forget_files(window);
    }
    engine->n_windows = 0;
}

// ---------------------------------------------------------------- taking a pane

static sl_code push(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    return sli_keeping_push(ctx, task, batch, err);
}

static sl_code close_part(void *ctx, sli_task *task, sl_error *err)
{
    return sli_keeping_close(ctx, task, err);
}

static void won(void *ctx, const sli_task *task)
{
    sli_keeping_won(ctx, task);
}

static void lost(void *ctx, const sli_task *task)
{
    sli_keeping_lost(ctx, task);
}

static sl_code run_job(sli_engine *engine, const sli_epoch *epoch, sl_rdd *rows, sli_pane *pane,
                       int64_t rows_expected, sl_error *err)
{
    sli_keeping keeping = {
        .owner = pane->owner, .has_rows = pane->has_rows, .row_limit = INT64_MAX};
    sli_job job = {.rdd = rows,
                   .generation = epoch->generation,
                   .epoch = epoch->number,
                   .time_us = epoch->time_us,
                   .rows_expected = rows_expected,
                   .push = push,
                   .end = close_part,
                   .won = won,
                   .lost = lost,
                   .ctx = &keeping};
    SL_TRY(sli_keeping_begin(&keeping, pane->n_partitions, epoch->arena, err));
    sl_code rc = sli_poison_run(engine, &job, err);
    sli_keeping_end(&keeping);
    pane->n_rows = job.rows_out;
    engine->rows_read = job.read.records > engine->rows_read ? job.read.records : engine->rows_read;
    return rc;
}

/// From now on the stream's RDD is the one over the pane. Not when it is kept or is state: then its
/// rows are computed once anyway.
static sl_code stand_in(sli_epoch *epoch, const sli_window *window, sli_pane *pane, sl_error *err)
{
    sl_stream *input = window->node->inputs[0];
    const sli_window_def *def = window->node->body;
    sl_rdd *over = NULL;
    if (def->by_key || input->level != SL_LEVEL_NONE || sli_node_state(input) != NULL ||
        epoch->made[input->index] == NULL) {
        return SL_OK;
    }
    SL_TRY(sli_pane_rdd(pane, input, epoch->runtime, &over, err));
    sl_code rc = sl_rdd_check(over, err);
    if (rc != SL_OK) {
        sl_rdd_unref(over);
        return rc;
    }
    sli_rdd_uid(over, input->uid);
    sl_rdd_unref(epoch->made[input->index]);
    epoch->made[input->index] = over;
    return SL_OK;
}

/// With a checkpoint the group will write it; a trial's nobody.
static sl_code hold(sli_engine *engine, sli_group *group, sli_window *window, sli_pane *pane,
                    sl_error *err)
{
    SL_TRY(sli_panes_add(&window->panes, pane, err));
    return engine->ckpt == NULL || group == NULL
               ? SL_OK
               : sli_panes_add(&group->windows[window - engine->windows].panes, pane, err);
}

static sl_code take(sli_engine *engine, sli_epoch *epoch, sli_group *group, sli_window *window,
                    sl_rdd *rows, int64_t rows_expected, sl_error *err)
{
    sli_pane *pane = sli_pane_new(epoch->runtime->blocks, ++engine->block_owner, epoch->number,
                                  epoch->time_us, sl_rdd_partitions(rows));
    if (pane == NULL) {
        return sl_error_nomem(err, sizeof *pane, "a pane of a window");
    }
    sl_code rc = run_job(engine, epoch, rows, pane, rows_expected, err);
    if (rc == SL_OK && pane->n_rows > 0) {
        rc = hold(engine, group, window, pane, err);
    }
    rc = rc != SL_OK ? rc : stand_in(epoch, window, pane, err);
    sli_pane_unref(pane);
    return rc;
}

static sl_code take_pane(sli_engine *engine, sli_epoch *epoch, sli_group *group, sli_window *window,
                         int64_t rows_expected, sl_error *err)
{
    const sl_stream *node = window->node;
    const sli_window_def *def = node->body;
    sl_rdd *input = NULL;
    SL_TRY(sli_epoch_rdd(epoch, node->inputs[0], &input, err));
    if (input->is_empty) {
        return SL_OK;
    }
    sl_rdd *rows = def->pane(node, input);
    sl_code rc = sl_rdd_check(rows, err);
    if (rc == SL_OK && rows->uid == NULL) {
        sli_rdd_uid(rows, node->uid);
    }
    rc = rc != SL_OK ? rc : take(engine, epoch, group, window, rows, rows_expected, err);
    sl_rdd_unref(rows);
    return rc;
}

sl_code sli_windows_take(sli_engine *engine, sli_epoch *epoch, sli_group *group,
                         int64_t rows_expected, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sli_window *window = &engine->windows[i];
        if (!sli_window_takes(window->node, epoch->before_us, epoch->time_us)) {
            continue;
        }
        sl_code rc = take_pane(engine, epoch, group, window, rows_expected, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "epoch %lld (batch time %lld ms), window %s",
                                 (long long)epoch->number, (long long)(epoch->time_us / 1000),
                                 window->node->uid);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the end of an epoch

sl_code sli_windows_settle(sli_engine *engine, sl_error *err)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sl_rdd *running = engine->windows[i].running;
        sl_code rc = running == NULL ? SL_OK : sli_window_state_settle(running, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "operator %s", engine->windows[i].node->uid);
        }
    }
    return SL_OK;
}

void sli_windows_end(sli_engine *engine)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        if (engine->windows[i].running != NULL) {
            sli_window_state_end(engine->windows[i].running);
            engine->windows[i].running = NULL;
        }
    }
}

/// What the window holds from now on. One without state never needs again what lies a window back.
static void move_on(sli_window *window, int64_t time_us)
{
    const sli_window_def *def = window->node->body;
    int64_t begin_us = time_us > def->window_us ? time_us - def->window_us : 0;
    if (def->state == NULL) {
        window->from_us = window->to_us = begin_us;
    } else if (window->was_given) {
        window->from_us = begin_us;
        window->to_us = time_us;
    }
    window->was_given = false;
    sli_panes_drop(&window->panes, window->from_us);
}

void sli_windows_complete(sli_engine *engine, sli_group *group, int64_t epoch, int64_t time_us)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sli_window *window = &engine->windows[i];
        const sli_pane *last = window->panes.n == 0 ? NULL : window->panes.at[window->panes.n - 1];
        // What is not on record would be lost, and a window that was given might be given again.
        bool counts = last != NULL && (last->epoch == epoch || window->was_given);
        group->has_effect = group->has_effect || counts;
        sli_panes_trim(&window->panes);
        move_on(window, time_us);
    }
}

void sli_windows_forget(sli_engine *engine, sli_group *group, int64_t epoch)
{
    for (int32_t i = 0; i < engine->n_windows; i++) {
        sli_panes_forget(&engine->windows[i].panes, epoch);
        sli_panes_uncut(&engine->windows[i].panes);
        if (group != NULL) {
            sli_panes_forget(&group->windows[i].panes, epoch);
        }
        engine->windows[i].was_given = false;
    }
}
