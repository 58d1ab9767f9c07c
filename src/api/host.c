// The one place that wires all together: what a session or a context runs on.
#include "api/host.h"

#include <stdio.h>

static void write_log(void *self, sli_level level, const char *module, const char *line)
{
    const sli_host *host = self;
    (void)level;
    (void)module;
    if (host->log_fn != NULL) {
        host->log_fn(host->log_ctx, line);
        return;
    }
    char text[1100];
    int n = snprintf(text, sizeof text, "%s\n", line);
    size_t size = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    (void)!sli_env_print(host->env, 2, text, size,
                         NULL); // a log line that can't be written is lost, nothing else
}

/// A variable of the environment; NULL when it is unset or empty.
static const char *variable(const sli_host *host, const char *name)
{
    const char *text = sli_env_variable(host->env, name);
    return text == NULL || text[0] == '\0' ? NULL : text;
}

sl_code sli_host_init(sli_host *host, sl_env *env, sl_error *err)
{
    *host = (sli_host){.env = env, .owns_env = env == NULL};
    atomic_init(&host->end_us, SLI_FOREVER);
    if (env == NULL) {
        SL_TRY(sli_env_posix(&host->env, err));
    }
    const char *fault = variable(host, "SLUICE_FAULT");
    if (fault != NULL) {
        SL_TRY(sli_env_fault(host->env, fault, err));
    }
    return sl_conf_new(&host->conf, "job", sli_all_options, err);
}

/// What developers set, where the job's settings say nothing.
static sl_code take_seed(sli_host *host, sl_error *err)
{
    const char *seed = variable(host, "SLUICE_SEED");
    if (seed == NULL || sl_conf_is_set(host->conf, "seed")) {
        return SL_OK;
    }
    sl_code rc = sl_conf_set(host->conf, "seed", sli_text_of(seed), err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "SLUICE_SEED");
}

/// A run with a planned fault says so, so that nobody takes it for a real one.
static void announce_fault(const sli_host *host)
{
    const char *fault = variable(host, "SLUICE_FAULT");
    if (fault != NULL) {
        SLI_LOG(host->log, SLI_WARN, "env", "SLUICE_FAULT=%s: something will go wrong on purpose",
                fault);
    }
}

static sl_code open_log(sli_host *host, sl_error *err)
{
    const char *levels = sli_env_variable(host->env, "SLUICE_LOG");
    if (sl_conf_text(host->conf, "log") != NULL) {
        levels = sl_conf_text(host->conf, "log");
    }
    return sli_log_new(&host->log, levels, (sli_log_sink){write_log, host}, err);
}

static sl_code open_trace(sli_host *host, sl_error *err)
{
    const char *path = sl_conf_text(host->conf, "trace");
    if (path == NULL) {
        path = sli_env_variable(host->env, "SLUICE_TRACE");
    }
    if (path == NULL || path[0] == '\0') {
        return SL_OK;
    }
    return sli_trace_open(&host->trace, host->metrics, host->log, path, SLI_TRACE_MAX_BYTES, err);
}

/// spill/ in the checkpoint, else a directory named after the process in TMPDIR.
static sl_code choose_spill_dir(sli_host *host, sl_error *err)
{
    const char *given = sl_conf_text(host->conf, "spill_dir");
    const char *checkpoint = sl_conf_text(host->conf, "checkpoint");
    const char *temp = sli_env_variable(host->env, "TMPDIR");
    sli_str path = {.tag = SLI_TAG_API};
    if (given != NULL) {
        sli_str_text(&path, given);
    } else if (checkpoint != NULL) {
        sli_str_printf(&path, "%s/spill", checkpoint);
    } else {
        // Two contexts of one process must not share a directory: the host's address is unique
        // while it lives, and the name reaches no result.
        sli_str_printf(&path, "%s/sluice-%lld-%llx", temp == NULL ? "/tmp" : temp,
                       (long long)sli_env_pid(host->env), (unsigned long long)(uintptr_t)host);
    }
    host->spill_dir = sli_str_take(&path);
    return host->spill_dir == NULL ? sl_error_nomem(err, 256, "the spill directory's name") : SL_OK;
}

/// The setting; by default 1 GiB, or half of what the process may use where that is less: the other
/// half is for what no budget counts (code, stacks, a task's scratch, the user's functions).
static int64_t choose_memory(const sli_host *host)
{
    int64_t bytes = sl_conf_int64(host->conf, "memory");
    int64_t may_use = sli_env_memory_bytes(host->env);
    if (!sl_conf_is_set(host->conf, "memory")) {
        return bytes < may_use / 2 ? bytes : may_use / 2;
    }
    if (bytes > may_use) {
        SLI_LOG(host->log, SLI_WARN, "api",
                "memory=%lld is more than the %lld bytes that this process may use: the system may "
                "end it when they are used up",
                (long long)bytes, (long long)may_use);
    }
    return bytes;
}

/// What the defaults have become on this machine.
static void tell_start(const sli_host *host, int32_t workers, int32_t processors)
{
    SLI_LOG(host->log, SLI_INFO, "api",
            "start: workers=%d memory=%lld; this process may use processors=%d memory=%lld",
            workers, (long long)sli_budget_limit(host->budget), processors,
            (long long)sli_env_memory_bytes(host->env));
}

/// A quarter of the budget for the tables of all workers.
static int64_t table_bytes(const sli_host *host, int32_t workers)
{
    enum { LEAST = 256 << 10 };
    int64_t share = sli_budget_limit(host->budget) / 4 / workers;
    return share < LEAST ? LEAST : share;
}

static sl_code open_backend(sli_host *host, sl_error *err)
{
    int32_t workers = 0, processors = sli_env_cpus(host->env);
    SL_TRY(sli_master_parse(sl_conf_text(host->conf, "master"), processors, &workers, err));
    int32_t backend = sl_conf_choice(host->conf, "backend");
    bool is_inline = backend == 1 || (backend == 0 && workers == 1);
    const sli_exec_ops *ops = is_inline ? &sli_exec_inline : &sli_exec_pool;
    SL_TRY(ops->open(&host->exec, host->env, workers, (uint64_t)sl_conf_int64(host->conf, "seed"),
                     err));
    int64_t parallelism = sl_conf_int64(host->conf, "parallelism");
    host->runtime.parallelism = parallelism > 0 ? (int32_t)parallelism : workers;
    host->runtime.table_bytes = table_bytes(host, workers);
    tell_start(host, workers, processors);
    return SL_OK;
}

static void fill_runtime(sli_host *host)
{
    host->runtime.env = host->env;
    host->runtime.log = host->log;
    host->runtime.metrics = host->metrics;
    host->runtime.budget = host->budget;
    host->runtime.blocks = host->blocks;
    host->runtime.spill_dir = host->spill_dir;
    host->runtime.sql_memory_bytes = sl_conf_int64(host->conf, "sql.memory");
    host->runtime.compat_spark = sl_conf_choice(host->conf, "compat") == 1;
    host->source_env = (sli_source_env){
        .env = host->env,
        .metrics = host->metrics,
        .log = host->log,
        .uid = "table",
        .interval_us = sl_conf_int64(host->conf, "interval"),
        .compat_spark = host->runtime.compat_spark,
        .modules = sl_conf_text(host->conf, "modules"),
        .end_us = &host->end_us,
        .spill_dir = host->spill_dir,
    };
    host->runtime.source_env = &host->source_env;
}

sl_code sli_host_open(sli_host *host, sl_error *err)
{
    SL_TRY(take_seed(host, err));
    SL_TRY(sl_conf_check(host->conf, err));
    SL_TRY(open_log(host, err));
    announce_fault(host);
    SL_TRY(sli_metrics_new(&host->metrics, host->env, err));
    SL_TRY(open_trace(host, err));
    host->budget = sli_budget_new(choose_memory(host));
    if (host->budget == NULL) {
        return sl_error_nomem(err, 64, "the memory budget");
    }
    SL_TRY(choose_spill_dir(host, err));
    SL_TRY(sli_blocks_new(&host->blocks, host->env, host->budget, host->spill_dir, host->metrics,
                          err));
    SL_TRY(open_backend(host, err));
    fill_runtime(host);
    SL_TRY(sli_sched_new(&host->sched, &host->runtime, host->exec, host->conf, err));
    host->loop = sli_loop_new(host->env);
    return host->loop == NULL ? sl_error_nomem(err, 256, "the event loop") : SL_OK;
}

void sli_host_reset(sli_host *host)
{
    if (host->sched != NULL) {
        sli_sched_free(host->sched);
    }
    if (host->exec != NULL) {
        host->exec->ops->close(host->exec);
    }
    if (host->blocks != NULL) {
        sli_blocks_free(host->blocks);
    }
    if (host->budget != NULL) {
        sli_budget_free(host->budget);
    }
    if (host->loop != NULL) {
        sli_loop_free(host->loop);
    }
    sli_trace_close(host->trace);
    if (host->metrics != NULL) {
        sli_metrics_free(host->metrics);
    }
    sl_conf_free(host->conf);
    if (host->log != NULL) {
        sli_log_free(host->log);
    }
    sl_free(host->spill_dir);
    if (host->owns_env && host->env != NULL) {
        sli_env_free(host->env);
    }
    *host = (sli_host){0};
}
