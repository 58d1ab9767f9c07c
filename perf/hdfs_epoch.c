// hdfs_epoch.c — an epoch over a directory that somebody else adds files to, such as one of HDFS:
// at each line of the input one is run, and what it took is told. Its limit is curl with a bare
// LISTSTATUS of the directory.
//
// Timed is the wall time of the step that has the epoch, without the waiting for its tick. What is
// there at the start goes on record as known, before "ready" is told.
//
//     hdfs_epoch URL
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

static const char *url;

static void lines_of_files(sl_graph *graph)
{
    sl_stream_foreach_rdd(sl_stream_open(graph, url), &count_fn, NULL);
}

/// Runs one epoch; gives the nanoseconds of the step that had it.
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
        took = limit_wall_ns() - begin;
    }
    return took;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"interval", "100ms", "master", "local[1]", NULL};
    char line[16];
    finds f = {0};
    if (argc != 2) {
        limit_die("usage: hdfs_epoch URL");
    }
    url = argv[1];
    sl_context *context = bench_start("hdfs_epoch", lines_of_files, settings, &f);
    (void)run_epoch(context, &f); // what is there goes on record
    (void)run_epoch(context, &f);
    (void)puts("ready");
    (void)fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        int64_t lines = f.n_lines, took = run_epoch(context, &f);
        (void)printf("epoch ms=%.3f lines=%lld\n", (double)took / 1e6,
                     (long long)(f.n_lines - lines));
        (void)fflush(stdout);
    }
    sl_context_free(context);
    return 0;
}
