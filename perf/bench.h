/// bench.h — what the engine's benchmarks share: ending on an error, and driving a job step by step
/// on the program's own thread until its results are there.
///
/// Only the public interface is used. Clocks and arguments come from limit/limit.h, so that both
/// sides of a comparison read the same clocks in the same way.
#pragma once
#include "perf/limit/limit.h"

#include <poll.h>
#include <sluice/sluice.h>

/// Ends the program when a call of Sluice failed.
static inline void bench_check(sl_code rc, const sl_error *err, const char *what)
{
    if (rc != SL_OK) {
        limit_die("%s: %s: %s", what, sl_code_name(rc), err->text);
    }
}

/// A job that the calling thread steps; its functions find `bench` attached under that name.
static inline sl_context *bench_start(const char *name, sl_build_fn build,
                                      const char *const *settings, void *bench)
{
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    bench_check(sl_context_new(&context, name, build, settings, &err), &err, name);
    sl_graph_attach(sl_context_graph(context), "bench", bench);
    bench_check(sl_context_start_stepped(context, &err), &err, name);
    return context;
}

/// Waits for what is due next and does it. False once the job has ended well.
static inline bool bench_step(sl_context *context)
{
    sl_error err = SL_ERROR_INIT;
    struct pollfd fds[1] = {{.fd = sl_context_fd(context), .events = POLLIN}};
    int64_t due_us = sl_context_due_us(context);
    struct timespec wait = limit_timespec(due_us < 1000000 ? due_us * 1000 : 1000000000);
    (void)ppoll(fds, 1, &wait, NULL);
    sl_code rc = sl_context_step(context, &err);
    if (rc != SL_E_END) {
        bench_check(rc, &err, "step");
    }
    return rc == SL_OK;
}

/// Rows "p int64": the numbers 0 to n - 1.
static inline sl_batch *bench_places(int64_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    bench_check(sl_schema_parse(&schema, "p int64", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(builder, 0, i);
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "rows");
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

static inline double bench_per_us(uint64_t n, int64_t ns)
{
    return (double)n * 1e3 / (double)ns;
}
