/// plan.h — a random graph with its input and the way to run it: all drawn from one seed.
#pragma once

#include "model/model.h"
#include "sluice/state.h"

enum { SLT_PLAN_EPOCHS = 10, SLT_PLAN_PUSHES = 2 };

/// What is pushed to one queue before an epoch: at most two RDDs.
typedef struct slt_push {
    int32_t n;
    char *json[SLT_PLAN_PUSHES];
    slt_model_rows *rows[SLT_PLAN_PUSHES];
    int32_t slices[SLT_PLAN_PUSHES];
} slt_push;

/// What befalls the process before an epoch.
typedef struct slt_blow {
    bool dies, power_fails;
    int32_t outage_s;   ///< how long nobody runs
    int32_t crash_call; ///< the next process dies at this outside call, too; 0: it does not
} slt_blow;

typedef struct slt_plan {
    uint64_t seed;
    int32_t n_queues, n_epochs;
    /// Queues are directories of files, there is a checkpoint, and processes die.
    bool is_durable;
    bool one_at_a_time[SLT_MODEL_QUEUES], has_default[SLT_MODEL_QUEUES];
    const char *master, *backend, *memory, *parallelism;
    slt_model *model;
    slt_push pushes[SLT_PLAN_EPOCHS][SLT_MODEL_QUEUES];
    slt_blow blows[SLT_PLAN_EPOCHS];
    int32_t taken[SLT_MODEL_QUEUES]; ///< RDDs that the model's queues have given
    char
        *expected[SLT_MODEL_NODES]; ///< of the epoch just computed, sorted; NULL: no RDD, no output
} slt_plan;

/// A graph of 2 to 8 operators and its input. NULL: no memory.
slt_plan *slt_plan_new(uint64_t seed);
void slt_plan_free(slt_plan *plan);
/// Computes what must come out of epoch `e` by the model. Batch times are seconds; `before` is that
/// of the epoch before. False: too many rows or no memory.
bool slt_plan_epoch(slt_plan *plan, int32_t e, int64_t before, int64_t now);
/// Defines the plan's graph; for sl_test_conf.prepare. `plan` is a slt_plan.
void slt_plan_define(sl_graph *graph, void *plan);
/// The tables that plans read: pairs of path and text for sl_test_conf.files.
extern const char *const slt_plan_files[];
