// A life of the driver begins and ends: the options it reads, the order in which its parts are
// opened, and closed again.
#include "stream/event/event_time.h"
#include "stream/listen.h"
#include "stream/past.h"
#include "stream/poison.h"

const sl_option sli_engine_options[] = {
    {.name = "interval",
     .type = SL_OPT_DURATION,
     .fallback = "1s",
     .low = "1ms",
     .high = "365d",
     .text = "Batch interval: an epoch's batch time is a multiple of it."},
    {.name = "commit_interval",
     .type = SL_OPT_DURATION,
     .fallback = "20ms",
     .low = "0ms",
     .high = "1h",
     .text = "Shortest time between two commit groups; epochs in between become durable and "
             "visible together."},
    {.name = "checkpoint",
     .type = SL_OPT_TEXT,
     .text = "Directory of the epoch log, write-ahead log and snapshots; without one nothing "
             "survives the process."},
    {.name = "checkpoint.snapshots",
     .type = SL_OPT_TEXT,
     .text = "Where snapshots lie: hdfs://HOST:9870/DIR?option=value (as of a sink there), or a "
             "directory; each job has one of its own below it. Default: in the checkpoint. "
             "docs/HDFS.md."},
    {.name = "max_epochs",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .text = "End the job after so many epochs of this run; 0: never."},
    {.name = "stop.timeout",
     .type = SL_OPT_DURATION,
     .fallback = "0ms",
     .low = "0ms",
     .high = "365d",
     .text =
         "How long a graceful stop may take before it is cut short after the running epoch: what "
         "was received and not processed then waits for the next start in the checkpoint, and "
         "without one is lost, which is the job's error. 0ms: ten intervals, but at least 10s "
         "(with compat=spark ten intervals)."},
    {.name = "catch_up",
     .type = SL_OPT_BOOL,
     .fallback = "false",
     .flags = SL_OPT_RESULT,
     .text = "After an outage run one epoch per missed interval, as Spark does, in place of one "
             "for all."},
    {.name = "commit.max_pending",
     .type = SL_OPT_INT,
     .fallback = "8",
     .low = "1",
     .high = "1000",
     .text = "Groups that may wait for a slow sink before no further epoch is started."},
    {.name = "commit.retry_timeout",
     .type = SL_OPT_DURATION,
     .fallback = "1m",
     .low = "0ms",
     .high = "365d",
     .text = "How long the commit to a sink that is busy or down is tried again before the job "
             "ends. Where it is not set, a cluster (hdfs, kafka) is waited for without an end."},
    {.name = "start.timeout",
     .type = SL_OPT_DURATION,
     .fallback = "2m",
     .low = "0ms",
     .high = "365d",
     .text = "How long a start waits for a cluster (kafka) that its outputs need and that does not "
             "answer, before the job ends; 0ms: not at all."},
    {.name = "outbox.max",
     .type = SL_OPT_SIZE,
     .fallback = "1GiB",
     .low = "1",
     .text = "Rows that may wait in the checkpoint for a sink that takes them at commit (kafka, "
             "sqlite) before no further epoch is started; those of one group always may."},
    {.name = "snapshot.bytes",
     .type = SL_OPT_SIZE,
     .fallback = "8MiB",
     .low = "1",
     .text = "Least size of state deltas after which a snapshot is made (or half the last "
             "snapshot, if larger)."},
    {.name = "snapshot.groups",
     .type = SL_OPT_INT,
     .fallback = "2000",
     .low = "1",
     .text = "Commit groups after which a snapshot is made in any case."},
    {.name = "replay.changed",
     .type = SL_OPT_CHOICE,
     .fallback = "warn",
     .choices = "warn|refuse",
     .text =
         "When epochs of the last run must run again, and the job's graph or the rows of a query's "
         "static table are others now: warn runs them as the job is now, refuse does not start."},
    {.name = "state.store",
     .type = SL_OPT_CHOICE,
     .fallback = "memory",
     .choices = "memory|rocksdb",
     .text =
         "Where keyed state lives: memory, where it may take as much as `memory` says and the job "
         "stops when it needs more, or files of RocksDB, for more than memory (needs the module "
         "state_rocksdb). It may change at any start."},
    {.name = "state.memory",
     .type = SL_OPT_SIZE,
     .fallback = "0",
     .low = "0",
     .text =
         "What the rocksdb store keeps in memory, as a part of `memory`; 0: a quarter of it. At "
         "least 1MiB."},
    {.name = "modules",
     .type = SL_OPT_TEXT,
     .text =
         "Directory of loadable modules (http_curl.so, kafka_rd.so, state_rocksdb.so); default: "
         "SLUICE_MODULES, else sluice/ beside the library."},
    {0},
};

// ---------------------------------------------------------------- opening

static sl_code check_rows(void *ctx, const sl_batch *rows, sl_error *err)
{
    const sli_sink *sink = ctx;
    return sink->ops->check(sink, rows, err);
}

static sl_code open_sinks(sli_engine *engine, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (output->kind == SLI_OUT_FOREACH) {
            engine->plan_first = engine->ckpt != NULL;
            continue;
        }
        if (output->kind == SLI_OUT_STATE) {
            continue;
        }
        sli_sink_env env = {
            .env = engine->world,
            .metrics = engine->env.runtime->metrics,
            .log = engine->log,
            .uid = output->uid,
            .job_id = engine->job_id,
            .generation = engine->generation,
            .schema = output->input->schema,
            .modules = sl_conf_text(engine->env.conf, "modules"),
            .end_us = engine->env.end_us,
        };
        env.unsure = sli_engine_unsure(engine, output->uid, &env.unsure_from);
        sl_code rc = sli_sink_open(&output->sink, output->url, engine->graph->sinks, &env, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "open output %s (%s)", output->uid, output->url);
        }
        const sli_sink_ops *ops = output->sink->ops;
        output->check = (sli_rows_check){ops->check == NULL ? NULL : check_rows, output->sink};
        engine->inline_commit = engine->inline_commit && ops->rows_wanted != NULL;
        engine->has_keep = engine->has_keep || ops->keep != NULL;
        engine->shows_idle = engine->shows_idle || ops->rows_wanted != NULL || ops->show != NULL;
    }
    return SL_OK;
}

static sl_code find_pools(sli_engine *engine, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        sl_code rc = sli_sched_pool(engine->env.sched, output->pool, &output->pool_number, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "output %s", output->uid);
        }
    }
    return SL_OK;
}

static sl_code check_recoverable(const sli_engine *engine, const sl_stream *node,
                                 const sli_source *source, sl_error *err)
{
    const char *why = NULL;
    if (engine->ckpt == NULL || source->ops->recoverable == NULL ||
        source->ops->recoverable(source, &why)) {
        return SL_OK;
    }
    return sl_error_set(err, SL_E_INVALID,
                        "source %s can't be used with a checkpoint directory: %s", node->uid,
                        why == NULL ? "its rows can't be read again" : why);
}

static sl_code check_letters(const sli_engine *engine, const sl_stream *node,
                             const sli_source *source, sl_error *err)
{
    bool wanted =
        source->conf != NULL && source->ops->formatted && sli_source_wants_letters(source->conf);
    return !wanted || engine->poison != NULL
               ? SL_OK
               : sl_error_set(err, SL_E_CONFIG,
                              "source %s has malformed=dead-letter, which needs the job's setting "
                              "poison=dead-letter",
                              node->uid);
}

static sl_code open_input(sli_engine *engine, sl_stream *node, sl_error *err)
{
    sli_input *input = &engine->inputs[engine->n_inputs];
    const char *url = sli_node_url(node);
    sli_source_env env = *engine->env.runtime->source_env;
    env.uid = node->uid;
    env.interval_us = engine->clock.interval_us;
    env.receivers = engine->graph->receivers;
    env.n_receivers = engine->graph->n_receivers;
    env.budget = engine->env.runtime->budget;
    env.job_id = engine->ckpt == NULL ? NULL : engine->job_id;
    env.end_us = engine->env.end_us;
    if (url != NULL) {
        sli_source *source = NULL;
        sl_code rc = sli_source_open(&source, url, engine->graph->sources, &env, err);
        if (rc == SL_OK) {
            rc = check_letters(engine, node, source, err);
            if (rc != SL_OK) {
                sli_source_close(source);
                return rc;
            }
            rc = sli_ingest_add(engine->ingest, source, node->uid, &node->source, err);
        }
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "open source %s (%s)", node->uid, url);
        }
    } else {
        SL_TRY(check_letters(engine, node, node->source, err));
        sli_queue_begin(node->source, &env);
    }
    *input = (sli_input){.node = node, .source = node->source};
    engine->n_inputs++;
    return check_recoverable(engine, node, node->source, err);
}

static sl_code open_inputs(sli_engine *engine, sl_error *err)
{
    sli_ingest_env env = {
        .env = engine->world,
        .log = engine->log,
        .metrics = engine->env.runtime->metrics,
        .blocks = engine->env.runtime->blocks,
        .budget = engine->env.runtime->budget,
        .ckpt = engine->ckpt,
        .loop = engine->env.loop,
        .interval_us = engine->clock.interval_us,
    };
    SL_TRY(sli_ingest_new(&engine->ingest, &env, engine->env.conf, err));
    engine->inputs = sl_arena_alloc_zero(engine->job_arena,
                                         (size_t)(engine->graph->n_nodes + 1) * sizeof(sli_input));
    engine->made = sl_arena_alloc_zero(engine->job_arena,
                                       (size_t)(engine->graph->n_nodes + 1) * sizeof(sl_rdd *));
    if (engine->inputs == NULL || engine->made == NULL) {
        return sl_error_nomem(err, sizeof(sli_input), "inputs");
    }
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        sl_stream *node = engine->graph->nodes[i];
        if (sli_node_url(node) != NULL || sli_node_queue(node) != NULL) {
            SL_TRY(open_input(engine, node, err));
        }
    }
    return SL_OK;
}

static sl_code open_checkpoint(sli_engine *engine, sl_error *err)
{
    const char *dir = sl_conf_text(engine->env.conf, "checkpoint");
    const char *snapshots = sl_conf_text(engine->env.conf, "checkpoint.snapshots");
    engine->generation = 1;
    if (dir == NULL || dir[0] == '\0') {
        return snapshots == NULL || snapshots[0] == '\0'
                   ? sli_env_random_id(engine->world, engine->job_id, err)
                   : sl_error_set(err, SL_E_CONFIG,
                                  "checkpoint.snapshots needs a checkpoint directory: log and "
                                  "write-ahead log are local");
    }
    sli_ckpt_job job = {
        .name = engine->env.job_name,
        .graph_text = sl_graph_text(engine->graph),
        .graph_hash = sl_graph_hash(engine->graph),
        .snapshots = snapshots,
        .modules = sl_conf_text(engine->env.conf, "modules"),
        .end_us = engine->env.end_us,
    };
    SL_TRY(sli_ckpt_open(&engine->ckpt, engine->world, dir, &job, engine->env.runtime->metrics,
                         engine->log, err));
    memcpy(engine->job_id, sli_ckpt_job_id(engine->ckpt), sizeof engine->job_id);
    engine->generation = sli_ckpt_generation(engine->ckpt);
    engine->inline_commit = false;
    return SL_OK;
}

static sl_code open_strands(sli_engine *engine, sl_error *err)
{
    if (!engine->inline_commit) {
        engine->writer = sli_strand_new(engine->world, "sl-writer");
        engine->committer = sli_strand_new(engine->world, "sl-committer");
    }
    if (engine->ckpt != NULL) {
        engine->compactor = sli_strand_new(engine->world, "sl-compactor");
        engine->hold.released = sli_signal_new(engine->world);
    }
    bool missing =
        (!engine->inline_commit && (engine->writer == NULL || engine->committer == NULL)) ||
        (engine->ckpt != NULL && (engine->compactor == NULL || engine->hold.released == NULL));
    return missing
               ? sl_error_set(err, SL_E_NOMEM, "no threads for the log writer and the committer")
               : SL_OK;
}

/// Spark's ten intervals are next to nothing when an interval is some milliseconds.
static int64_t stop_timeout_of(const sli_engine *engine)
{
    enum { LEAST_US = 10000000 };
    int64_t given = sl_conf_int64(engine->env.conf, "stop.timeout");
    int64_t intervals = 10 * engine->clock.interval_us;
    bool is_long = intervals > LEAST_US || engine->env.runtime->compat_spark;
    return given > 0 ? given : is_long ? intervals : LEAST_US;
}

static void read_options(sli_engine *engine)
{
    const sl_conf *conf = engine->env.conf;
    engine->clock.interval_us = sl_conf_int64(conf, "interval");
    engine->commit_interval_us = sl_conf_int64(conf, "commit_interval");
    engine->max_epochs = sl_conf_int64(conf, "max_epochs");
    engine->retry_us = sl_conf_int64(conf, "commit.retry_timeout");
    engine->retry_is_set = sl_conf_is_set(conf, "commit.retry_timeout");
    engine->max_pending = sl_conf_int64(conf, "commit.max_pending");
    engine->outbox_max = sl_conf_int64(conf, "outbox.max");
    engine->start_us = sl_conf_int64(conf, "start.timeout");
    engine->snapshot_every_bytes = sl_conf_int64(conf, "snapshot.bytes");
    engine->snapshot_every_groups = sl_conf_int64(conf, "snapshot.groups");
    engine->options_hash = sl_conf_result_hash(conf);
    engine->stop_timeout_us = stop_timeout_of(engine);
}

/// The job's seed comes from its id, so that it is the same in every life and differs between jobs.
static void seed_from_id(sli_engine *engine)
{
    engine->env.runtime->seed = sli_hash64(engine->job_id, strlen(engine->job_id));
}

static sl_code open_variables(sli_engine *engine, sl_error *err)
{
    sli_runtime *runtime = engine->env.runtime;
    if (engine->graph->n_accumulators > 0) {
        SL_TRY(sli_graph_accumulators(engine->graph, &engine->accs, err));
        runtime->accs = engine->accs;
    }
    return engine->graph->n_broadcasts == 0
               ? SL_OK
               : sli_graph_broadcasts(engine->graph, runtime->budget, &runtime->bvars, err);
}

static void close_variables(sli_engine *engine)
{
    sli_runtime *runtime = engine->env.runtime;
    sli_accs_free(engine->accs);
    sli_bvars_free(runtime->bvars);
    runtime->accs = NULL;
    runtime->bvars = NULL;
}

static sl_code open_all(sli_engine *engine, sl_error *err)
{
    read_options(engine);
    engine->signal = sli_signal_new(engine->world);
    engine->give_up = sli_signal_new(engine->world);
    engine->epoch_arena = sl_arena_new(SLI_TAG_STREAM);
    engine->job_arena = sl_arena_new(SLI_TAG_STREAM);
    if (engine->signal == NULL || engine->give_up == NULL || engine->epoch_arena == NULL ||
        engine->job_arena == NULL) {
        return sl_error_nomem(err, 65536, "the engine");
    }
    sli_progress_open(engine);
    SL_TRY(open_variables(engine, err));
    SL_TRY(open_checkpoint(engine, err));
    seed_from_id(engine);
    SL_TRY(sli_poison_open(engine, err));
    SL_TRY(sli_engine_read(engine, err));
    SL_TRY(open_sinks(engine, err));
    SL_TRY(find_pools(engine, err));
    SL_TRY(sli_engine_begin(engine, err));
    SL_TRY(open_inputs(engine, err));
    SL_TRY(sli_windows_open(engine, err));
    SL_TRY(sli_fix_open(engine, err));
    SL_TRY(open_strands(engine, err));
    engine->clock.offset_us = sli_env_wall_us(engine->world) - sli_env_mono_us(engine->world);
    SL_TRY(sli_listen_open(engine, err));
    SL_TRY(sli_past_open(engine, err));
    engine->graph->engine = engine;
    sli_engine_note_thread(engine); // planned epochs run here
    SL_TRY(sli_engine_recover(engine, err));
    sli_clock_init(&engine->clock, engine->world, engine->clock.interval_us, engine->last_time_us,
                   sl_conf_bool(engine->env.conf, "catch_up"));
    engine->max_epochs = engine->max_epochs == 0 ? INT64_MAX : engine->epoch + engine->max_epochs;
    if (!engine->env.io_on_driver) {
        atomic_store_explicit(&engine->thread, 0,
                              memory_order_relaxed); // the driver's is made later
    }
    engine->keep_us = sli_env_mono_us(engine->world) + SLI_KEEP_EVERY_US;
    sli_listen_started(engine);
    return sli_ingest_start(engine->ingest, err);
}

sl_code sli_engine_open(sli_engine **out, const sli_engine_env *env, sl_error *err)
{
    sli_engine *engine = sl_alloc_zero(SLI_TAG_STREAM, sizeof *engine);
    if (engine == NULL) {
        return sl_error_nomem(err, sizeof *engine, "the engine");
    }
    engine->env = *env;
    engine->world = env->runtime->env;
    engine->log = env->runtime->log;
    engine->graph = env->graph;
    engine->pending_tail = &engine->pending;
    engine->next_group = 1;
    engine->inline_commit = true;
    sl_code rc = open_all(engine, err);
    if (rc != SL_OK) {
        rc = sli_engine_verdict(engine, rc, err);
        sli_engine_close(engine);
        return rc;
    }
    *out = engine;
    return SL_OK;
}

// ---------------------------------------------------------------- closing

static void close_sinks(sli_engine *engine)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        sli_output *output = &engine->graph->outputs[i];
        if (output->sink != NULL) {
            if (output->sink->ops->abort != NULL) {
                output->sink->ops->abort(output->sink);
            }
            sli_sink_close(output->sink);
            output->sink = NULL;
        }
    }
}

static void close_nodes(sli_engine *engine)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        sl_stream *node = engine->graph->nodes[i];
        node->table = NULL;
        node->store = NULL;
        if (sli_node_url(node) != NULL) {
            node->source = NULL; // the ingest's
        }
        sli_node_drop_rdds(node);
    }
    sli_event_close(engine->graph);
}

static void free_groups(sli_group *group)
{
    while (group != NULL) {
        sli_group *next = group->next;
        sli_group_free(group);
        group = next;
    }
}

void sli_engine_close(sli_engine *engine)
{
    if (engine == NULL) {
        return;
    }
    sl_error ignored = SL_ERROR_INIT; // the next life does again what this one leaves
    engine->graph->engine = NULL;
    if (engine->give_up != NULL) {
        sli_engine_give_up(engine);
    }
    if (engine->writer != NULL) {
        sli_strand_free(engine->writer);
    }
    if (engine->committer != NULL) {
        sli_strand_free(engine->committer);
    }
    engine->writer = engine->committer = NULL;
    (void)!sli_compaction_join(engine, &ignored);
    sli_group_free(engine->open);
    sli_group_free(engine->spare);
    free_groups(engine->pending);
    free_groups(engine->retired);
    close_sinks(engine);
    sli_poison_close(engine);
    close_nodes(engine);
    sli_windows_close(engine);
    close_variables(engine);
    sli_ingest_free(engine->ingest);
    sli_listen_close(engine);
    sli_state_close(engine);
    sli_deltas_forget(engine, INT64_MAX);
    sl_free(engine->deltas);
    sli_ckpt_close(engine->ckpt);
    if (engine->signal != NULL) {
        sli_signal_free(engine->signal);
    }
    if (engine->give_up != NULL) {
        sli_signal_free(engine->give_up);
    }
    sli_signal_free(engine->hold.released);
    sl_arena_free(engine->epoch_arena);
    sl_arena_free(engine->job_arena);
    sl_free(engine);
}
