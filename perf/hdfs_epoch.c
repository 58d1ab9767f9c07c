// hdfs_epoch.c — an epoch over a directory that somebody else adds files to, such as one of HDFS:
// at each line of the input one is run, and what it took is told. Its limit is curl with a bare
// LISTSTATUS of the directory.
//
// Timed is the wall time of the step that has the epoch, without the waiting for its tick. What is
// there at the start goes on record as known, before "ready" is told.
//
//     hdfs_epoch URL
#include "epoch.h"

int main(int argc, char **argv)
{
    char line[16];
    finds f = {0};
    if (argc != 2) {
        limit_die("usage: hdfs_epoch URL");
    }
    sl_context *context = start_epochs("hdfs_epoch", argv[1], &f);
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
