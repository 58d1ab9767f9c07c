// directory.c — an epoch over a directory of many files: one that finds nothing changed, and one
// that finds one new file and counts its lines. Its limit is limit/listing.c.
//
// Timed is the wall time of the steps that make up an epoch, without the waiting for its tick. The
// directory is the caller's, with files that are older than some seconds; each round adds one, and
// removes it in the end.
//
//     directory DIR [ROUNDS]      default: 5
#include "bench.h"

#include <unistd.h>

enum { MOST_ROUNDS = 1000, QUIET_EPOCHS = 40 };

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

static char url[4096];

static void lines_of_files(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, url);
    sl_stream_foreach_rdd(lines, &count_fn, NULL);
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

static void put(const char *path)
{
    FILE *file = fopen(path, "wx");
    if (file == NULL || fputs("new\n", file) < 0 || fclose(file) != 0) {
        limit_die_errno(path);
    }
}

static int64_t median(int64_t *took, int64_t n)
{
    limit_sort(took, (size_t)n);
    return limit_quantile(took, (size_t)n, 500);
}

static void new_path(char *out, size_t size, const char *dir, int64_t i)
{
    (void)snprintf(out, size, "%s/new-%lld", dir, (long long)i);
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"interval", "100ms", "master", "local[1]", NULL};
    int64_t n_rounds = limit_number("ROUNDS", argc > 2 ? argv[2] : "5", 1, MOST_ROUNDS);
    if (argc < 2 || argc > 3) {
        limit_die("usage: directory DIR [ROUNDS]");
    }
    (void)snprintf(url, sizeof url, "file:%s?new_files_only=true", argv[1]);
    finds f = {0};
    int64_t quiet[QUIET_EPOCHS], found[MOST_ROUNDS];
    char path[4096];
    sl_context *context = bench_start("directory", lines_of_files, settings, &f);
    (void)run_epoch(context, &f); // what is there goes on record
    (void)run_epoch(context, &f);
    for (int64_t i = 0; i < QUIET_EPOCHS; i++) {
        quiet[i] = run_epoch(context, &f);
    }
    for (int64_t i = 0; i < n_rounds; i++) {
        new_path(path, sizeof path, argv[1], i);
        put(path);
        found[i] = run_epoch(context, &f);
    }
    for (int64_t i = 0; i < n_rounds; i++) {
        new_path(path, sizeof path, argv[1], i);
        (void)unlink(path);
    }
    if (f.n_lines != n_rounds) {
        limit_die("%lld lines, not %lld", (long long)f.n_lines, (long long)n_rounds);
    }
    sl_context_free(context);
    printf("directory unchanged_ms=%.4f new_ms=%.2f\n", (double)median(quiet, QUIET_EPOCHS) / 1e6,
           (double)median(found, n_rounds) / 1e6);
    return 0;
}
