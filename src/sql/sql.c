// What a graph, a session or a job has of SQL; and the public call that defines a stream of it.
//
// A graph's is made with its first query and lives as long as it. A job's RDDs find the graph's
// through their runtime, where api/ has put it when the job began; a session's, and that of a job
// without SQL in its graph, is made when it is first asked for and kept with the runtime.
#include "sql/select.h"

#include <strings.h>

enum {
    DEFAULT_MEMORY = 256 << 20, ///< of an instance, where nothing is set
    DEFAULT_TABLES = 1 << 30,   ///< of a static table: what `memory` is by itself
};

static const char owned_name[] = "sql";

// ---------------------------------------------------------------- making and freeing

static void free_sql(void *thing)
{
    sli_sql *sql = thing;
    sli_dbs_free(sql->dbs);
    sli_selects_free(sql);
    sli_statics_free(sql);
    sli_callables_free(sql);
    sl_arena_free(sql->arena);
    sl_free(sql);
}

/// Takes what `like` says over; the rest is made.
static sl_code new_sql(const sli_sql *like, const sli_db_conf *conf, sli_sql **out, sl_error *err)
{
    sli_sql *sql = sl_alloc(SLI_TAG_STREAM, sizeof *sql);
    if (sql == NULL) {
        return sl_error_nomem(err, sizeof *sql, "SQL");
    }
    *sql = *like;
    sql->arena = sl_arena_new(SLI_TAG_STREAM);
    sl_code rc = sql->arena == NULL
                     ? sl_error_nomem(err, 4096, "SQL")
                     : sli_dbs_new(&sql->dbs, sql->env, sql->source_env.modules, "SQL", conf, err);
    if (rc != SL_OK) {
        free_sql(sql);
        return rc;
    }
    *out = sql;
    return SL_OK;
}

// ---------------------------------------------------------------- a graph's

/// Where a query may put what doesn't fit, as far as definition knows: the job's spill directory.
static sl_code spill_of(const sl_graph *graph, sli_str *out, sl_error *err)
{
    const char *given = sli_graph_setting(graph, "spill_dir");
    const char *checkpoint = sli_graph_setting(graph, "checkpoint");
    if (given != NULL) {
        sli_str_text(out, given);
    } else if (checkpoint != NULL && strchr(checkpoint, ':') == NULL) {
        sli_str_printf(out, "%s/spill", checkpoint);
    } else {
        const char *temp = sli_env_variable(sli_graph_env(graph), "TMPDIR");
        sli_str_text(out, temp == NULL || temp[0] == '\0' ? "/tmp" : temp);
    }
    sli_str_printf(out, "/sql-%lld-%llx", (long long)sli_env_pid(sli_graph_env(graph)),
                   (unsigned long long)(uintptr_t)graph); // two graphs of a process share nothing
    return sli_str_check(out, "the name of a directory", err);
}

/// A setting of the job, which is not made yet; one that makes no sense is told by its own check.
static int64_t size_of(const sl_graph *graph, const char *setting, int64_t otherwise)
{
    const char *given = sli_graph_setting(graph, setting);
    int64_t bytes = otherwise;
    if (given != NULL && sli_scan_size(sli_text_of(given), &bytes, NULL) != SL_OK) {
        bytes = otherwise;
    }
    return bytes;
}

static sl_code open_graph(sl_graph *graph, sli_sql **out, sl_error *err)
{
    sl_env *env = sli_graph_env(graph);
    if (env == NULL) {
        return sl_error_set(err, SL_E_STATE, "this graph was made without an outside world");
    }
    sli_str spill = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_env_is_simulated(env) ? SL_OK : spill_of(graph, &spill, err);
    sli_db_conf conf = {.struct_size = sizeof conf,
                        .memory_bytes = size_of(graph, "sql.memory", DEFAULT_MEMORY),
                        .spill_dir = spill.data};
    sli_sql like = {.env = env,
                    .graph = graph,
                    .table_bytes = size_of(graph, "memory", DEFAULT_TABLES),
                    .source_env = {.env = env,
                                   .uid = "table",
                                   .interval_us = 1000000,
                                   .modules = sli_graph_modules_dir(graph)}};
    rc = rc == SL_OK ? new_sql(&like, &conf, out, err) : rc;
    sli_str_reset(&spill);
    return rc;
}

sl_code sli_sql_of(sl_graph *graph, sli_sql **out, sl_error *err)
{
    sli_sql *sql = sli_graph_owned(graph, owned_name);
    if (sql == NULL) {
        SL_TRY(open_graph(graph, &sql, err));
        SL_TRY(sli_graph_own(graph, owned_name, sql, free_sql, err));
    }
    *out = sql;
    return SL_OK;
}

sli_dbs *sli_sql_dbs(const sli_sql *sql)
{
    return sql->dbs;
}

static void count_out(void *thing)
{
    sli_sql *sql = thing;
    sli_budget_release(sql->budget, sql->weight);
    sql->budget = NULL;
}

void sli_sql_take_back(sli_runtime *runtime)
{
    sli_runtime_give_back(runtime, owned_name);
}

sl_code sli_sql_lend(const sl_graph *graph, sli_runtime *runtime, sl_error *err)
{
    sli_sql *sql = sli_graph_owned(graph, owned_name);
    if (sql == NULL) {
        return SL_OK;
    }
    sql->budget = runtime->budget;
    sql->weight = 0;
    for (const sli_static *table = sql->statics; table != NULL; table = table->next) {
        for (int32_t i = 0; i < table->n; i++) {
            sql->weight += sl_batch_bytes(table->batches[i]);
        }
    }
    (void)sli_budget_reserve(sql->budget, sql->weight, true); // forced: it can't be refused
    return sli_runtime_own(runtime, owned_name, sql, count_out, err);
}

// ---------------------------------------------------------------- a session's

static sl_code open_runtime(sli_runtime *runtime, sli_sql **out, sl_error *err)
{
    sli_str spill = {.tag = SLI_TAG_STREAM};
    if (runtime->spill_dir != NULL && !sli_env_is_simulated(runtime->env)) {
        sli_str_printf(&spill, "%s/sql", runtime->spill_dir);
    }
    sl_code rc = sli_str_check(&spill, "the name of a directory", err);
    sli_db_conf conf = {.struct_size = sizeof conf,
                        .memory_bytes = runtime->sql_memory_bytes > 0 ? runtime->sql_memory_bytes
                                                                      : DEFAULT_MEMORY,
                        .spill_dir = spill.data};
    sli_sql like = {.env = runtime->env, .source_env = {.env = runtime->env, .uid = "table"}};
    if (runtime->source_env != NULL) {
        like.source_env = *runtime->source_env;
    }
    rc = rc == SL_OK ? new_sql(&like, &conf, out, err) : rc;
    sli_str_reset(&spill);
    return rc;
}

sl_code sli_sql_of_runtime(sli_runtime *runtime, sli_sql **out, sl_error *err)
{
    sli_sql *sql = sli_runtime_owned(runtime, owned_name);
    if (sql == NULL) {
        SL_TRY(open_runtime(runtime, &sql, err));
        SL_TRY(sli_runtime_own(runtime, owned_name, sql, free_sql, err));
    }
    *out = sql;
    return SL_OK;
}

// ---------------------------------------------------------------- relations

const sl_schema *sli_relation_schema(const sli_relation *relation)
{
    return relation->seen != NULL     ? relation->seen
           : relation->stream != NULL ? sl_stream_schema(relation->stream)
                                      : sli_static_schema(relation->table);
}

// ---------------------------------------------------------------- the public call

static sl_code check_name(const sl_sql_table *tables, int32_t i, sl_error *err)
{
    const char *name = tables[i].name;
    if (name == NULL || name[0] == '\0') {
        return sl_error_set(err, SL_E_INVALID, "table %d has no name", i + 1);
    }
    for (int32_t other = 0; other < i; other++) {
        if (strcasecmp(tables[other].name, name) == 0) {
            return sl_error_set(err, SL_E_INVALID, "two tables are called \"%.100s\"", name);
        }
    }
    return SL_OK;
}

static sl_code resolve_table(sli_sql *sql, const sl_sql_table *table, sli_relation *out,
                             sl_error *err)
{
    *out = (sli_relation){.name = table->name, .stream = table->stream};
    if ((table->stream == NULL) == (table->url == NULL)) {
        return sl_error_set(
            err, SL_E_INVALID, "table \"%.100s\" has %s; it needs one of them", table->name,
            table->url == NULL ? "neither a stream nor a URL" : "a stream and a URL");
    }
    if (table->stream != NULL) {
        return sli_stream_graph(table->stream) == sql->graph
                   ? SL_OK
                   : sl_error_set(err, SL_E_INVALID,
                                  "table \"%.100s\" is a stream of another graph", table->name);
    }
    sl_code rc = sli_sql_static(sql, table->url, &out->table, err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "table \"%.100s\"", table->name);
}

static sl_code resolve(sl_graph *graph, const char *select, const sl_sql_table *tables, int32_t n,
                       sli_relation *out, sli_sql **sql, sl_error *err)
{
    if (select == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the query is NULL");
    }
    if (tables == NULL || n < 1 || n > SLI_SQL_MAX_FROM) {
        return sl_error_set(err, SL_E_INVALID, "%d tables; there may be 1 to %d", n,
                            SLI_SQL_MAX_FROM);
    }
    SL_TRY(sli_sql_of(graph, sql, err));
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(check_name(tables, i, err));
        SL_TRY(resolve_table(*sql, &tables[i], &out[i], err));
    }
    return SL_OK;
}

sl_stream *sl_sql(sl_graph *graph, const char *select, const sl_sql_table *tables, int32_t n)
{
    if (!sli_graph_is_open(graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sli_sql *sql = NULL;
    sli_relation from[SLI_SQL_MAX_FROM];
    sl_code rc = resolve(graph, select, tables, n, from, &sql, &err);
    if (rc != SL_OK) {
        rc = sl_error_wrap(&err, rc, "sql");
        sli_graph_stick(graph, rc, &err);
        return NULL;
    }
    return sli_sql_define(sql, select, from, n, SLI_BY_ITSELF, NULL);
}
