/// plan.h — a random graph with its input and the way to run it: all drawn from one seed.
#pragma once

#include "model/model.h"
#include "sluice/state.h"

enum { SLT_PLAN_EPOCHS = 6, SLT_PLAN_PUSHES = 2 };

/// What is pushed to one queue before an epoch: at most two RDDs.
typedef struct slt_push {
    int32_t n;
    char *json[SLT_PLAN_PUSHES];
    slt_model_rows *rows[SLT_PLAN_PUSHES];
    int32_t slices[SLT_PLAN_PUSHES];
} slt_push;

typedef struct slt_plan {
    uint64_t seed;
    int32_t n_queues, n_epochs;
    bool one_at_a_time[SLT_MODEL_QUEUES];
    bool collected[SLT_MODEL_NODES]; ///< has an output: "collect:N"; all that nothing reads have
    const char *master, *backend, *memory, *parallelism;
    slt_model *model;
    slt_push pushes[SLT_PLAN_EPOCHS][SLT_MODEL_QUEUES];
    char *expected[SLT_PLAN_EPOCHS][SLT_MODEL_NODES]; ///< sorted; of the nodes with an output
} slt_plan;

/// A graph of 2 to 8 operators, its input, and by the model its output. NULL: no memory.
slt_plan *slt_plan_new(uint64_t seed);
void slt_plan_free(slt_plan *plan);
/// Defines the plan's graph; for sl_test_conf.prepare. `plan` is a slt_plan.
void slt_plan_define(sl_graph *graph, void *plan);
