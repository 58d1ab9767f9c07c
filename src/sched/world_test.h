/// world_test.h — a session small enough to look into: what the tests of this folder run RDDs in.
#pragma once

#include "env/sim.h"
#include "sched/sched.h"
#include "sl_test.h"

typedef struct world_conf {
    int32_t workers;      ///< 0: one
    bool pool;            ///< else the inline backend
    uint64_t seed;        ///< of the inline order
    int64_t budget_bytes; ///< 0: 256 MiB
    int64_t table_bytes;  ///< what a task's table may weigh; 0: the default
    int32_t parallelism;  ///< 0: 3
    const sl_agg_fn *const *aggregations;
    const char *settings;   ///< "task.max_failures=2", or NULL
    bool simulated;         ///< in a simulated world: time is virtual, strands run in waits
    const sli_fault *fault; ///< of it; may be NULL
} world_conf;

/// Begins as a session does, with its runtime: `(sl_session *)world` is one.
typedef struct world {
    sli_runtime *runtime;
    sli_runtime own;
    sli_world *sim; ///< NULL: the real world
    sl_env *env;
    sli_metrics *metrics;
    sli_budget *budget;
    sli_blocks *blocks;
    sli_exec *exec;
    sl_conf *conf;
    sli_sched *sched;
    sli_source_env source_env;
    void *attached; ///< what user functions get under any name
} world;

void world_open(world *w, world_conf conf);
void world_close(world *w); ///< checks that nothing is left reserved
sl_session *world_session(world *w);

/// Rows from text: rows end with ';', cells are separated by ',', "-" is null. "a,1;b,2;"
sl_batch *rows_of(const char *schema, const char *text);
/// An RDD of such rows.
sl_rdd *rdd_of(world *w, const char *schema, const char *text, int32_t n_partitions);
/// Its inverse, a line a row: "a,1\nb,2\n". Lists as [1 2]. Lives until the next call but three.
const char *text_of_batch(const sl_batch *batch);
/// Collects; the RDD is given back.
const char *collect_text(sl_rdd *rdd);
/// As collect_text with the lines in byte order.
const char *collect_sorted(sl_rdd *rdd);
/// The error of collecting; the RDD is given back.
sl_error collect_error(sl_rdd *rdd);
/// The RDD carries a mistake (SL_E_INVALID) whose text has `says` in it; the RDD is given back.
void check_mistake(sl_rdd *rdd, const char *says);
/// Collecting fails so; the RDD is given back.
void check_error(sl_rdd *rdd, sl_code code, const char *says);
/// Gives the parent's reference away; returns the child.
sl_rdd *then(sl_rdd *parent, sl_rdd *child);

/// Ways to run the same lineage that must not show in a result.
typedef struct layout {
    world_conf conf;
    int32_t partitions;
} layout;

extern const layout layouts[];
extern const size_t n_layouts;
/// 1, 3 and 7 partitions, 1 and 4 workers, 64 KiB of memory, and tables that hardly hold anything.
#define EACH_LAYOUT(w, l)                                                                          \
    for (size_t at_ = 0; at_ < n_layouts; at_++)                                                   \
        for (const layout *l = &layouts[at_]; l != NULL; l = NULL)                                 \
            for (world w, *once_ = (world_open(&w, l->conf), &w); once_ != NULL;                   \
                 once_ = NULL, world_close(&w))
