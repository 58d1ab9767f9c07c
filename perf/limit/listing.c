/// listing.c — what it costs to find one new file among many: a loop over readdir that keeps the
/// names it has seen in a table and looks at what is new alone; and one that looks at every file.
///
/// The directory is the caller's and has FILES files; each round adds one, finds it, and removes
/// it. Timed is wall time from the opening of the directory to the new file's size.
///
///     listing DIR [ROUNDS]        default: 5
#include "limit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS = 1 << 20, MOST = SLOTS / 2, MOST_ROUNDS = 1000 };

/// Identities of the files seen: open addressing, 0 is free.
typedef struct seen {
    uint64_t *slots;
    int64_t n;
} seen;

/// Whether it was not there yet.
static bool seen_add(seen *s, uint64_t inode)
{
    uint64_t at = inode;
    at = limit_random(&at) % SLOTS;
    while (s->slots[at] != 0 && s->slots[at] != inode) {
        at = (at + 1) % SLOTS;
    }
    if (s->slots[at] == inode) {
        return false;
    }
    if (++s->n > MOST) {
        limit_die("more than %d files", MOST);
    }
    s->slots[at] = inode;
    return true;
}

/// Passes over the directory; *found counts what was not seen before. With `all` every file is
/// looked at. Gives the nanoseconds.
static int64_t pass(const char *path, seen *s, bool all, int64_t *found)
{
    int64_t begin = limit_wall_ns();
    DIR *dir = opendir(path);
    if (dir == NULL) {
        limit_die_errno(path);
    }
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        struct stat st;
        bool is_new = e->d_name[0] != '.' && seen_add(s, (uint64_t)e->d_ino);
        if ((is_new || all) && fstatat(dirfd(dir), e->d_name, &st, 0) != 0) {
            limit_die_errno(e->d_name);
        }
        *found += is_new;
    }
    (void)closedir(dir);
    return limit_wall_ns() - begin;
}

static void put(const char *path)
{
    FILE *file = fopen(path, "wx");
    if (file == NULL || fputs("new\n", file) < 0 || fclose(file) != 0) {
        limit_die_errno(path);
    }
}

/// The median over the rounds, each with a new file.
static int64_t measure(const char *dir, bool all, int64_t n_rounds, int64_t *n_files)
{
    int64_t took[MOST_ROUNDS], found = 0;
    seen s = {.slots = (uint64_t *)limit_alloc(SLOTS * sizeof(uint64_t))};
    (void)pass(dir, &s, all, n_files);
    for (int64_t i = 0; i < n_rounds; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/new-%lld", dir, (long long)i);
        put(path);
        took[i] = pass(dir, &s, all, &found);
    }
    for (int64_t i = 0; i < n_rounds; i++) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/new-%lld", dir, (long long)i);
        (void)unlink(path);
    }
    if (found != n_rounds) {
        limit_die("%lld new files found, not %lld", (long long)found, (long long)n_rounds);
    }
    limit_free(s.slots, SLOTS * sizeof(uint64_t));
    limit_sort(took, (size_t)n_rounds);
    return limit_quantile(took, (size_t)n_rounds, 500);
}

int main(int argc, char **argv)
{
    int64_t n_rounds = limit_number("ROUNDS", argc > 2 ? argv[2] : "5", 1, MOST_ROUNDS);
    if (argc < 2 || argc > 3) {
        limit_die("usage: listing DIR [ROUNDS]");
    }
    int64_t n_files = 0, again = 0;
    int64_t names_ns = measure(argv[1], false, n_rounds, &n_files);
    int64_t looks_ns = measure(argv[1], true, n_rounds, &again);
    printf("listing files=%lld names_ms=%.2f looks_ms=%.2f\n", (long long)n_files,
           (double)names_ns / 1e6, (double)looks_ns / 1e6);
    return 0;
}
