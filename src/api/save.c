// sl_rdd_save: all rows of an RDD into a sink, as one group of a job of its own.
#include "api/host.h"

typedef struct save {
    sli_sink *sink;
    sli_attempt winners[SLI_SLOTS];
    int32_t n_winners;
    sl_batch **kept; ///< outbox sinks
    int32_t n_kept, capacity;
} save;

static sl_code keep(save *s, const sl_batch *batch, sl_error *err)
{
    if (s->n_kept == s->capacity) {
        int32_t capacity = s->capacity == 0 ? 16 : s->capacity * 2;
        sl_batch **more = sl_realloc(SLI_TAG_API, s->kept, (size_t)capacity * sizeof(sl_batch *));
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof(sl_batch *), "rows to save");
        }
        s->kept = more;
        s->capacity = capacity;
    }
    s->kept[s->n_kept++] = sl_batch_ref(batch);
    return SL_OK;
}

static sl_code save_rows(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    save *s = ctx;
    if (s->sink->ops->stage == NULL) {
        return keep(s, batch, err);
    }
    sli_attempt at = {1, 1, 0, partition, 0};
    if (s->n_winners == 0 || s->winners[s->n_winners - 1].partition != partition) {
        if (s->n_winners == SLI_SLOTS) {
            return sl_error_set(err, SL_E_UNSUPPORTED,
                                "more than %d partitions can't be saved: repartition first",
                                SLI_SLOTS);
        }
        s->winners[s->n_winners++] = at;
    }
    return s->sink->ops->stage(s->sink, at, batch, err);
}

typedef struct save_outbox {
    sli_outbox base;
    const save *rows;
} save_outbox;

static sl_code each_kept(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    const save *s = ((const save_outbox *)self)->rows;
    for (int32_t i = 0; i < s->n_kept; i++) {
        SL_TRY(each(ctx, 1, 0, s->kept[i], err));
    }
    return s->n_kept > 0 ? SL_OK : each(ctx, 1, 0, NULL, err);
}

static sl_code commit(save *s, sl_arena *arena, sl_error *err)
{
    sl_bytes receipt = {NULL, 0};
    save_outbox outbox = {{each_kept}, s};
    if (s->sink->ops->stage == NULL) {
        return s->sink->ops->commit(s->sink, 1, receipt, &outbox.base, err);
    }
    SL_TRY(s->sink->ops->seal(s->sink, 1, s->winners, s->n_winners, arena, &receipt, err));
    SL_TRY(s->sink->ops->commit(s->sink, 1, receipt, NULL, err));
    return s->sink->ops->show == NULL ? SL_OK : s->sink->ops->show(s->sink, true, err);
}

static sl_code run_save(sl_rdd *rdd, save *s, sl_arena *arena, sl_error *err)
{
    int64_t committed = 0;
    SL_TRY(s->sink->ops->recover(s->sink, &committed, err));
    SL_TRY(rdd->runtime->run(rdd->runtime, rdd, NULL, 0, save_rows, s, err));
    return commit(s, arena, err);
}

sl_code sl_rdd_save(sl_rdd *rdd, const char *url, sl_error *err)
{
    char id[33];
    SL_TRY(sl_rdd_check(rdd, err));
    sli_runtime *runtime = rdd->runtime;
    SL_TRY(sli_env_random_id(runtime->env, id, err));
    sli_sink_env env = {.env = runtime->env,
                        .metrics = runtime->metrics,
                        .log = runtime->log,
                        .uid = "save",
                        .job_id = id,
                        .generation = 1,
                        .schema = rdd->schema,
                        .modules =
                            runtime->source_env == NULL ? NULL : runtime->source_env->modules};
    save *s = sl_alloc_zero(SLI_TAG_API, sizeof *s);
    sl_arena *arena = sl_arena_new(SLI_TAG_API);
    sl_code rc = s == NULL || arena == NULL
                     ? sl_error_nomem(err, sizeof *s, "saving an RDD")
                     : sli_sink_open(&s->sink, url, sli_all_sinks, &env, err);
    if (rc == SL_OK) {
        rc = run_save(rdd, s, arena, err);
        if (rc != SL_OK && s->sink->ops->abort != NULL) {
            s->sink->ops->abort(s->sink);
        }
        sli_sink_close(s->sink);
    }
    for (int32_t i = 0; s != NULL && i < s->n_kept; i++) {
        sl_batch_unref(s->kept[i]);
    }
    if (s != NULL) {
        sl_free(s->kept);
    }
    sl_free(s);
    sl_arena_free(arena);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "save to %s", url);
}
