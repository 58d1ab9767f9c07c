/// fixture_test.h — what the tests of one epoch share: a graph to define on, a session whose RDDs
/// run, batches from texts, rows as texts. DuckDB is the real one, in the simulated worlds too.
#pragma once

#include "env/sim.h"
#include "sl_test.h"
#include "sql/select.h"

typedef struct slt_sql_conf {
    bool simulated;
    bool pool;           ///< a thread a worker
    int32_t workers;     ///< 0: 1
    int32_t parallelism; ///< 0: 3
    uint64_t seed;
} slt_sql_conf;

typedef struct slt_sql {
    sli_runtime *runtime; ///< first: an sl_session is a pointer to its runtime
    sli_runtime own;
    sli_world *sim; ///< NULL in the real world
    sl_env *env;
    sli_metrics *metrics;
    sli_budget *budget;
    sli_blocks *blocks;
    sli_exec *exec;
    sl_conf *conf;
    sli_sched *sched;
    sli_source_env source_env;
    sl_graph *graph;
    sl_error err;
    sli_str text; ///< what slt_sql_rows gave last
} slt_sql;

/// Ends the test as not tried in a build without DuckDB.
void slt_sql_open(slt_sql *s, slt_sql_conf conf);
void slt_sql_close(slt_sql *s);
sl_session *slt_sql_session(slt_sql *s);

/// "1,a;2,-;": cells by ",", each row ended by ";", "-" is null where there may be one.
sl_batch *slt_sql_batch(const char *schema, const char *text);
sl_rdd *slt_sql_rdd(slt_sql *s, const char *schema, const char *text, int32_t n_partitions);
/// The RDD's rows, and its own reference gone: "1,a;2,-;", partition by partition.
const char *slt_sql_rows(slt_sql *s, sl_rdd *rdd);
/// The same with '|' between partitions.
const char *slt_sql_parts(slt_sql *s, sl_rdd *rdd);
/// Of an RDD that can't be computed: the code, and *text what is told.
sl_code slt_sql_fails(slt_sql *s, sl_rdd *rdd, const char **text);
/// A query over one RDD called "t".
sl_rdd *slt_sql_ask(slt_sql *s, sl_rdd *rdd, const char *select);
/// A file of the test's directory; its path lives until the next call.
const char *slt_sql_file(const char *name, const char *content);
/// The graph's mistake.
const char *slt_sql_mistake(slt_sql *s);
