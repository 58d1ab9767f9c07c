// One output in an epoch, and the outboxes that hold rows until their group is committed. In which
// order outputs run: outputs.c.
//
// A sink that stages gets its rows on the tasks' threads. For an outbox sink every partition's rows
// are kept (keep.c) until the commit.
#include "stream/output.h"
#include "stream/poison.h"

// ---------------------------------------------------------------- shares

static sl_code add_winner(sli_share *share, sli_attempt at, sl_error *err)
{
    if (share->n_winners == share->winner_capacity) {
        int32_t capacity = share->winner_capacity == 0 ? 8 : share->winner_capacity * 2;
        sli_attempt *more =
            sl_realloc(SLI_TAG_STREAM, share->winners, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "the winners of a group");
        }
        share->winners = more;
        share->winner_capacity = capacity;
    }
    // Winners arrive in any order; they are kept sorted by (epoch, partition), the order of rows.
    int32_t i = share->n_winners++;
    while (i > 0 && (share->winners[i - 1].epoch > at.epoch ||
                     (share->winners[i - 1].epoch == at.epoch &&
                      share->winners[i - 1].partition > at.partition))) {
        share->winners[i] = share->winners[i - 1];
        i--;
    }
    share->winners[i] = at;
    return SL_OK;
}

static sl_code add_kept(sli_share *share, sli_kept kept, sl_error *err)
{
    if (share->n_kept == share->kept_capacity) {
        int32_t capacity = share->kept_capacity == 0 ? 8 : share->kept_capacity * 2;
        sli_kept *more = sl_realloc(SLI_TAG_STREAM, share->kept, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "the outbox of a group");
        }
        share->kept = more;
        share->kept_capacity = capacity;
    }
    share->kept[share->n_kept++] = kept;
    return SL_OK;
}

void sli_share_reset(sli_engine *engine, sli_share *share)
{
    for (int32_t i = 0; i < share->n_kept; i++) {
        sli_blocks_remove_owner(engine->env.runtime->blocks, SLI_BLOCK_OUTPUT,
                                share->kept[i].owner);
    }
    sl_free(share->kept);
    sl_free(share->winners);
    *share = (sli_share){0};
}

// ---------------------------------------------------------------- running one output

static sli_attempt attempt_of(const sli_task *task)
{
    return (sli_attempt){task->generation, task->epoch, task->stage, task->partition,
                         task->attempt};
}

static sl_code push_to_sink(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    sli_delivery *d = ctx;
    task->rows_out += sl_batch_rows(batch);
    return d->output->sink->ops->stage(d->output->sink, attempt_of(task), batch, err);
}

static sl_code end_of_sink(void *ctx, sli_task *task, sl_error *err)
{
    sli_delivery *d = ctx;
    return d->output->sink->ops->stage(d->output->sink, attempt_of(task), NULL, err);
}

static void lost_by_sink(void *ctx, const sli_task *task)
{
    sli_delivery *d = ctx;
    if (d->output->sink->ops->drop != NULL) {
        d->output->sink->ops->drop(d->output->sink, attempt_of(task));
    }
}

static void won_by_sink(void *ctx, const sli_task *task)
{
    sli_delivery *d = ctx;
    if (d->error.code == SL_OK) {
        (void)!add_winner(d->share, attempt_of(task),
                          &d->error); // the code is in the error, looked at after the job
    }
}

static sl_code push_to_part(void *ctx, sli_task *task, sl_batch *batch, sl_error *err)
{
    sli_delivery *d = ctx;
    return sli_keeping_push(&d->keeping, task, batch, err);
}

static sl_code end_of_part(void *ctx, sli_task *task, sl_error *err)
{
    sli_delivery *d = ctx;
    return sli_keeping_close(&d->keeping, task, err);
}

static void lost_by_part(void *ctx, const sli_task *task)
{
    sli_delivery *d = ctx;
    sli_keeping_lost(&d->keeping, task);
}

static void won_by_part(void *ctx, const sli_task *task)
{
    sli_delivery *d = ctx;
    sli_keeping_won(&d->keeping, task);
}

/// A display shows the first rows of the epoch only; more than that need not be kept.
static int64_t row_limit_of(const sli_output *output)
{
    const sli_sink *sink = output->sink;
    return sink->ops->rows_wanted == NULL ? INT64_MAX : sink->ops->rows_wanted(sink);
}

/// The rows of an outbox sink, from now on part of the group.
static sl_code begin_keeping(sli_delivery *d, const sl_rdd *rdd, const sli_epoch *epoch,
                             const sli_group *group, sl_error *err)
{
    sli_kept kept = {epoch->number, epoch->time_us, ++d->engine->block_owner, rdd->n_partitions,
                     NULL};
    kept.has_rows = sl_arena_alloc_zero(group->arena, (size_t)kept.n_partitions + 1);
    if (kept.has_rows == NULL) {
        return sl_error_nomem(err, (size_t)kept.n_partitions, "the outbox of a group");
    }
    SL_TRY(add_kept(d->share, kept, err));
    if (rdd->is_empty) {
        return SL_OK; // nothing to keep; the sink is told of the epoch all the same
    }
    d->keeping = (sli_keeping){
        .owner = kept.owner, .has_rows = kept.has_rows, .row_limit = row_limit_of(d->output)};
    return sli_keeping_begin(&d->keeping, kept.n_partitions, epoch->arena, err);
}

sl_code sli_output_rows(sli_output *output, sl_rdd *rdd, sl_rdd **out, sl_error *err)
{
    *out = output->check.fn == NULL || rdd->is_empty
               ? sl_rdd_ref(rdd)
               : sli_rdd_check(rdd, &output->check, output->uid);
    return *out == NULL ? sl_error_nomem(err, sizeof *rdd, "the rows of an output") : SL_OK;
}

sl_code sli_delivery_begin(sli_delivery *d, sli_engine *engine, sli_output *output, sl_rdd *rdd,
                           const sli_epoch *epoch, sli_group *group, int64_t rows_expected,
                           sl_error *err)
{
    bool stages = output->sink->ops->stage != NULL;
    *d = (sli_delivery){.engine = engine,
                        .output = output,
                        .share = &group->shares[output - engine->graph->outputs]};
    if (!stages) {
        SL_TRY(begin_keeping(d, rdd, epoch, group, err));
    }
    d->has_job = stages || !rdd->is_empty;
    SL_TRY(sli_output_rows(output, rdd, &d->rdd, err));
    d->job = (sli_job){
        .rdd = d->rdd,
        .generation = epoch->generation,
        .epoch = epoch->number,
        .time_us = epoch->time_us,
        .rows_expected = rows_expected,
        .pool = output->pool_number,
        .push = stages ? push_to_sink : push_to_part,
        .end = stages ? end_of_sink : end_of_part,
        .lost = stages ? lost_by_sink : lost_by_part,
        .won = stages ? won_by_sink : won_by_part,
        .ctx = d,
    };
    return SL_OK;
}

sl_code sli_delivery_end(sli_delivery *d, sl_code rc, int64_t *rows_out, sl_error *err)
{
    sli_engine *engine = d->engine;
    sli_keeping_end(&d->keeping);
    sl_rdd_unref(d->rdd);
    d->rdd = NULL;
    if (rc == SL_OK && d->error.code != SL_OK) {
        rc = d->error.code;
        *err = d->error;
    }
    if (rc == SL_OK && d->has_job) {
        *rows_out += d->job.rows_out;
        // Outputs that share a source read it each: the most is what came in.
        int64_t read = d->job.read.records;
        engine->rows_read = read > engine->rows_read ? read : engine->rows_read;
    }
    return rc;
}

sl_code sli_output_run(sli_engine *engine, sli_output *output, sl_rdd *rdd, sli_epoch *epoch,
                       sli_group *group, int64_t rows_expected, int64_t *rows_out, sl_error *err)
{
    sli_delivery d;
    SL_TRY(sli_delivery_begin(&d, engine, output, rdd, epoch, group, rows_expected, err));
    sl_code rc = d.has_job ? sli_poison_run(engine, &d.job, err) : SL_OK;
    return sli_delivery_end(&d, rc, rows_out, err);
}

void sli_outputs_forget(sli_engine *engine, sli_group *group, int64_t epoch)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_share *share = &group->shares[i];
        sli_sink *sink = engine->graph->outputs[i].sink;
        int32_t kept = 0;
        for (int32_t w = 0; w < share->n_winners; w++) {
            if (share->winners[w].epoch != epoch) {
                share->winners[kept++] = share->winners[w];
            } else if (sink != NULL && sink->ops->drop != NULL) {
                sink->ops->drop(sink, share->winners[w]);
            }
        }
        share->n_winners = kept;
        while (share->n_kept > 0 && share->kept[share->n_kept - 1].epoch == epoch) {
            share->n_kept--;
            sli_blocks_remove_owner(engine->env.runtime->blocks, SLI_BLOCK_OUTPUT,
                                    share->kept[share->n_kept].owner);
        }
    }
}

// ---------------------------------------------------------------- outboxes over blocks

typedef struct shown {
    sli_outbox_fn each;
    void *ctx;
    int64_t epoch, time_us;
    bool any;
} shown;

static sl_code show_batch(void *ctx, const sl_batch *batch, sl_error *err)
{
    shown *s = ctx;
    s->any = true;
    return s->each(s->ctx, s->epoch, s->time_us, batch, err);
}

static sl_code kept_rows(sli_engine *engine, const sli_kept *kept, int32_t partition,
                         sli_batch_fn each, void *ctx, sl_error *err)
{
    if (!kept->has_rows[partition]) {
        return SL_OK;
    }
    sl_code rc = sli_kept_each(engine->env.runtime->blocks, kept->owner, partition,
                               kept->has_rows[partition], each, ctx, err);
    return rc == SL_OK ? SL_OK
                       : sl_error_wrap(err, rc, "outbox of epoch %lld", (long long)kept->epoch);
}

static sl_code each_kept(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    const sli_kept_outbox *box = (const sli_kept_outbox *)self;
    for (int32_t i = 0; i < box->n_kept; i++) {
        const sli_kept *kept = &box->kept[i];
        shown s = {each, ctx, kept->epoch, kept->time_us, false};
        for (int32_t p = 0; p < kept->n_partitions; p++) {
            SL_TRY(kept_rows(box->engine, kept, p, show_batch, &s, err));
        }
        if (!s.any) {
            SL_TRY(each(ctx, kept->epoch, kept->time_us, NULL, err));
        }
    }
    return SL_OK;
}

sli_kept_outbox sli_outbox_of_kept(sli_engine *engine, const sli_kept *kept, int32_t n_kept)
{
    return (sli_kept_outbox){{each_kept}, engine, kept, n_kept};
}

// ---------------------------------------------------------------- outbox files
//
// A sequence of epochs: i64 epoch, i64 batch time, then length-prefixed Arrow IPC stream bytes
// (empty without rows).

static sl_code put_kept(sli_engine *engine, const sli_kept *kept, const sl_schema *schema,
                        sli_str *out, sl_error *err)
{
    sli_gathered g = {0};
    sl_code rc = SL_OK;
    for (int32_t p = 0; p < kept->n_partitions && rc == SL_OK; p++) {
        rc = kept_rows(engine, kept, p, sli_gather, &g, err);
    }
    sli_str ipc = {.tag = SLI_TAG_STREAM};
    if (rc == SL_OK && g.n > 0) {
        rc = sli_ipc_write(&ipc, schema, g.batches, g.n, err);
    }
    if (rc == SL_OK) {
        sli_put_i64(out, kept->epoch);
        sli_put_i64(out, kept->time_us);
        sli_put_bytes(out, ipc.data, ipc.size);
        rc = sli_str_check(out, "an outbox", err);
    }
    sli_str_reset(&ipc);
    sli_gathered_reset(&g);
    return rc;
}

sl_code sli_outbox_put(sli_engine *engine, const sli_share *share, const sl_schema *schema,
                       sli_str *out, sl_error *err)
{
    for (int32_t i = 0; i < share->n_kept; i++) {
        SL_TRY(put_kept(engine, &share->kept[i], schema, out, err));
    }
    return SL_OK;
}

static sl_code show_epoch(const sli_file_outbox *box, sl_bytes ipc, shown *s, sl_error *err)
{
    if (ipc.size == 0) {
        return s->each(s->ctx, s->epoch, s->time_us, NULL, err);
    }
    int64_t at = (const char *)ipc.data - sli_buffer_bytes(box->bytes);
    sli_buffer *rows = sli_buffer_new((int64_t)ipc.size);
    if (rows == NULL) {
        return sl_error_nomem(err, ipc.size, "rows of an outbox");
    }
    memcpy(sli_buffer_data(rows), ipc.data, ipc.size);
    sl_code rc = sli_ipc_read(rows, show_batch, s, err);
    sli_buffer_unref(rows);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "outbox at byte %lld", (long long)at);
}

static sl_code each_in_file(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    const sli_file_outbox *box = (const sli_file_outbox *)self;
    sli_reader r = sli_reader_of(
        (sl_bytes){sli_buffer_bytes(box->bytes), (size_t)sli_buffer_size(box->bytes)});
    while (r.at != r.end && !r.bad) {
        shown s = {.each = each, .ctx = ctx};
        s.epoch = sli_get_i64(&r);
        s.time_us = sli_get_i64(&r);
        sl_bytes ipc = sli_get_bytes(&r);
        if (!r.bad) {
            SL_TRY(show_epoch(box, ipc, &s, err));
        }
    }
    return sli_reader_done(&r, "outbox", err);
}

sli_file_outbox sli_outbox_of_file(sli_buffer *bytes)
{
    return (sli_file_outbox){{each_in_file}, bytes};
}
