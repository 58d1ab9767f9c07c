/// host.h — the door of api/: everything a session or a context runs on, wired together in one
/// place.
#pragma once

#include <stdatomic.h>

#include "base/lock.h"
#include "ml/ml.h"
#include "sluice/context.h"
#include "sql/sql.h"
#include "stream/stream.h"

typedef struct sli_host {
    sl_env *env;
    bool owns_env;
    sli_log *log;
    void (*log_fn)(void *ctx,
                   const char *line); ///< where log lines go; NULL: standard error
    void *log_ctx;
    sl_conf *conf;
    sli_metrics *metrics;
    sli_trace *trace; ///< NULL when none was asked for
    sli_budget *budget;
    sli_blocks *blocks;
    sli_exec *exec;
    sli_sched *sched;
    sli_loop *loop;
    sli_runtime runtime;
    sli_source_env source_env;
    _Atomic int64_t end_us; ///< when nothing outside is waited for any more; SLI_FOREVER at first.
                            ///< The time alone is told: it pairs with nothing
    char *spill_dir;
} sli_host;

/// Settings of the host: master, parallelism, memory, spill_dir, compat, seed, io.
extern const sl_option sli_host_options[];
/// Every option table of a job, NULL-ended: what `sluice help options` lists.
extern const sl_option *const sli_all_options[];
/// Every source and sink, NULL-ended: a new one gets its line here.
extern const sli_ml_help *const sli_all_models[];
extern const sli_source_ops *const sli_all_sources[];
extern const sli_sink_ops *const sli_all_sinks[];

/// Sets one setting by its Sluice name or a spark.streaming.* name (mapped, or refused with what to
/// write instead).
sl_code sli_setting_put(sl_conf *conf, const char *name, sl_text value, sl_error *err);
/// Pairs of name and value, NULL-ended; `pairs` may be NULL.
sl_code sli_settings_put(sl_conf *conf, const char *const *pairs, sl_error *err);

/// First half: env, log and an empty conf. `env` NULL makes the real world's.
sl_code sli_host_init(sli_host *host, sl_env *env, sl_error *err);
/// Second half, when all settings are in host->conf: metrics, budget, blocks, backend, scheduler,
/// loop.
sl_code sli_host_open(sli_host *host, sl_error *err);
void sli_host_reset(sli_host *host);

/// A context whose world the caller gives (simulation): sl_context_new for test.c.
sl_code sli_context_new_in(sl_context **out, sl_env *env, const char *name, sl_build_fn build,
                           void (*prepare)(sl_graph *graph, void *ctx), void *prepare_ctx,
                           const char *const *settings, sl_error *err);
/// Called after every epoch on the driver; set before the start.
void sli_context_on_progress(sl_context *context,
                             void (*fn)(void *ctx, const sli_progress *progress), void *ctx);
/// Grows with every step of a started context's driver: odd while it is in a step, even while it
/// waits. Thread: any.
int64_t sli_context_steps(const sl_context *context);
/// What the build function was warned of, a line each; "": nothing. Lives as long as the context.
const char *sli_context_warnings(const sl_context *context);
sli_engine *sli_context_engine(sl_context *context);
sli_host *sli_context_host(sl_context *context);
sli_bus *sli_context_bus(sl_context *context);
