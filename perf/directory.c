// directory.c — an epoch over a directory of many files: one that finds nothing changed, and one
// that finds one new file and counts its lines. Its limit is limit/listing.c.
//
// Timed is the wall time of the steps that make up an epoch, without the waiting for its tick. The
// directory is the caller's, with files that are older than some seconds; each round adds one, and
// removes it in the end.
//
//     directory DIR [ROUNDS]      default: 5
#include "epoch.h"

#include <unistd.h>

enum { MOST_ROUNDS = 1000, QUIET_EPOCHS = 40 };

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
    char url[4096], path[4096];
    int64_t n_rounds = limit_number("ROUNDS", argc > 2 ? argv[2] : "5", 1, MOST_ROUNDS);
    if (argc < 2 || argc > 3) {
        limit_die("usage: directory DIR [ROUNDS]");
    }
    (void)snprintf(url, sizeof url, "file:%s?new_files_only=true", argv[1]);
    finds f = {0};
    int64_t quiet[QUIET_EPOCHS], found[MOST_ROUNDS];
    sl_context *context = start_epochs("directory", url, &f);
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
