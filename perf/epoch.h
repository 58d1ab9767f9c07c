/// epoch.h — a job that counts the lines of files, epoch by epoch, and what each took: for
/// directory.c and hdfs_epoch.c.
#pragma once

#include "bench.h"

typedef struct finds {
    int64_t n_epochs, n_lines;
} finds;

static sl_code count_lines(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    finds *f = sl_args_attached(args, "bench");
    int64_t n = 0;
    sl_code rc = sl_rdd_count(rdd, &n, err);
    f->n_epochs++;
    f->n_lines += n;
    return rc;
}

static const sl_foreach_fn count_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "count_lines", .version = 1, .run = count_lines};

static const char *epoch_url;

static void lines_of_files(sl_graph *graph)
{
    sl_stream_foreach_rdd(sl_stream_open(graph, epoch_url), &count_fn, NULL);
}

/// Runs one epoch; gives the nanoseconds that its steps took.
static int64_t run_epoch(sl_context *context, const finds *f)
{
    sl_error err = SL_ERROR_INIT;
    int64_t before = f->n_epochs, took = 0;
    while (f->n_epochs == before) {
        struct pollfd fds[1] = {{.fd = sl_context_fd(context), .events = POLLIN}};
        int64_t due_us = sl_context_due_us(context);
        struct timespec wait = limit_timespec(due_us < 1000000 ? due_us * 1000 : 1000000000);
        (void)ppoll(fds, 1, &wait, NULL);
        int64_t begin = limit_wall_ns();
        bench_check(sl_context_step(context, &err), &err, "step");
        took = limit_wall_ns() - begin; // the last one has the epoch
    }
    return took;
}

/// Starts it; what is there goes on record.
static sl_context *start_epochs(const char *name, const char *url, finds *f)
{
    static const char *const settings[] = {"interval", "100ms", "master", "local[1]", NULL};
    epoch_url = url;
    sl_context *context = bench_start(name, lines_of_files, settings, f);
    (void)run_epoch(context, f);
    (void)run_epoch(context, f);
    return context;
}
