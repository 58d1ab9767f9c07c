/// sync.c — what the disk asks for durability: the floors under log, seal and commit.
///
///   append     write 4 KiB at the end of a growing file, fdatasync
///   overwrite  write 4 KiB into blocks that were written before, fdatasync: no new size to record
///   publish    create a file, write 4 KiB, fsync, rename, fsync the directory
///
/// The three take turns, so that a slow spell of the machine meets all of them. The files live in a
/// new directory inside DIR and are removed.
///
///     sync DIR [ROUNDS]                   default: 300 rounds
#include "limit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096, MAX_ROUNDS = 100000, N_KINDS = 3 };

typedef struct bench {
    int directory; ///< everything else is named relative to it
    int append, overwrite;
    char block[BLOCK_BYTES];
    int64_t *ns[N_KINDS];
} bench;

static void check(bool good, const char *what)
{
    if (!good) {
        limit_die_errno(what);
    }
}

static void write_block(const bench *b, int file, off_t at)
{
    check(pwrite(file, b->block, BLOCK_BYTES, at) == BLOCK_BYTES, "pwrite");
}

static void publish(const bench *b)
{
    int file = openat(b->directory, "part.tmp", O_CREAT | O_EXCL | O_WRONLY, 0600);
    check(file >= 0, "create part.tmp");
    write_block(b, file, 0);
    check(fsync(file) == 0 && close(file) == 0, "fsync part.tmp");
    check(renameat(b->directory, "part.tmp", b->directory, "part") == 0, "rename part.tmp");
    check(fsync(b->directory) == 0, "fsync the directory");
}

/// Publishing makes a new name each time; the old one goes outside the clock.
static void unpublish(const bench *b)
{
    check(unlinkat(b->directory, "part", 0) == 0, "unlink part");
    check(fsync(b->directory) == 0, "fsync the directory");
}

static int64_t timed(const bench *b, int kind, int64_t round)
{
    int64_t begin_ns = limit_wall_ns();
    if (kind == 0) {
        write_block(b, b->append, round * BLOCK_BYTES);
        check(fdatasync(b->append) == 0, "fdatasync");
    } else if (kind == 1) {
        write_block(b, b->overwrite, round * BLOCK_BYTES);
        check(fdatasync(b->overwrite) == 0, "fdatasync");
    } else {
        publish(b);
    }
    return limit_wall_ns() - begin_ns;
}

static void run(bench *b, int64_t n_rounds)
{
    static const char *const names[N_KINDS] = {"append", "overwrite", "publish"};
    for (int64_t i = 0; i < n_rounds; i++) { // prewritten, not only allocated
        write_block(b, b->overwrite, i * BLOCK_BYTES);
    }
    check(fsync(b->overwrite) == 0 && fsync(b->directory) == 0, "fsync");
    for (int64_t round = 0; round < n_rounds; round++) {
        memset(b->block, (int)(round % 251), BLOCK_BYTES);
        for (int kind = 0; kind < N_KINDS; kind++) {
            b->ns[kind][round] = timed(b, kind, round);
        }
        unpublish(b);
    }
    for (int kind = 0; kind < N_KINDS; kind++) {
        limit_sort(b->ns[kind], (size_t)n_rounds);
        printf("sync kind=%s rounds=%lld p50_us=%.0f p99_us=%.0f min_us=%.0f\n", names[kind],
               (long long)n_rounds,
               (double)limit_quantile(b->ns[kind], (size_t)n_rounds, 500) / 1e3,
               (double)limit_quantile(b->ns[kind], (size_t)n_rounds, 990) / 1e3,
               (double)b->ns[kind][0] / 1e3);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        limit_die("usage: sync DIR [ROUNDS]");
    }
    int64_t n_rounds = limit_number("ROUNDS", argc > 2 ? argv[2] : "300", 1, MAX_ROUNDS);
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/sync.XXXXXX", argv[1]);
    check(length > 0 && (size_t)length < sizeof path && mkdtemp(path) != NULL, argv[1]);
    bench b = {.directory = open(path, O_RDONLY | O_DIRECTORY)};
    check(b.directory >= 0, path);
    b.append = openat(b.directory, "append", O_CREAT | O_WRONLY, 0600);
    b.overwrite = openat(b.directory, "overwrite", O_CREAT | O_WRONLY, 0600);
    check(b.append >= 0 && b.overwrite >= 0, "create");
    for (int kind = 0; kind < N_KINDS; kind++) {
        b.ns[kind] = (int64_t *)limit_alloc((size_t)n_rounds * sizeof(int64_t));
    }
    run(&b, n_rounds);
    for (int kind = 0; kind < N_KINDS; kind++) {
        limit_free(b.ns[kind], (size_t)n_rounds * sizeof(int64_t));
    }
    check(close(b.append) == 0 && close(b.overwrite) == 0, "close");
    check(unlinkat(b.directory, "append", 0) == 0 && unlinkat(b.directory, "overwrite", 0) == 0,
          "unlink");
    check(close(b.directory) == 0 && rmdir(path) == 0, "rmdir");
    return 0;
}
