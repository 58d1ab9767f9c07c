/// test_int.h — the inside of an sl_test, for the library's own tests: the simulated world and the
/// context in it.
#pragma once

#include "api/host.h"
#include "env/sim.h"
#include "sluice/test.h"

sli_world *sli_test_world(sl_test *test);
sl_context *sli_test_context(sl_test *test);
/// The next process (and only that one) gets this fault; sl_test_new_with makes the first one with
/// it.
void sli_test_fault_next(sl_test *test, const sli_fault *fault);
sl_test *sli_test_new_with(sl_build_fn build, sl_test_conf conf, const sli_fault *fault,
                           const char *const *bugs);
/// Something in the world besides the job: a cluster that outlives its processes.
typedef struct sli_test_world_fn {
    void (*begin)(sli_world *world, void *ctx); ///< before the first process
    void (*end)(void *ctx);                     ///< after the last one, before the world; or NULL
    void *ctx;
} sli_test_world_fn;
sl_test *sli_test_new_beside(sl_build_fn build, sl_test_conf conf,
                             const sli_test_world_fn *outside);
/// Whether the process has died and a new one was booted since the last call.
bool sli_test_crashed(sl_test *test);
extern const sli_sink_ops sli_sink_collect;
