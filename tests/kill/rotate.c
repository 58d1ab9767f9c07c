// A process that writes a log and rotates it, as logrotate does: by rename, and by copytruncate
// without the loss that this has when its writer is another process.
//
// It takes nothing from the job that the job may still need: a rotated file goes only when each of
// its lines was published, which it sees in the job's output itself. Until then it keeps more of
// them, up to MOST_KEPT; then it rotates no further.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "kill/kill.h"

enum { KEPT = 5, MOST_KEPT = 300, MOST_LINES = 20, COPY = 1 << 16 };

/// What the job has published.
typedef struct log_seen {
    char latest[256]; ///< published file that was read; names of later ones are greater
    bool *lines;      ///< by number
    int64_t capacity;
    int64_t whole; ///< lines 1 to this one were all published
} log_seen;

typedef struct log_writer {
    const char *dir;
    int fd; ///< of the log; -1: not open
    int64_t number, rotations, deleted;
    int64_t last_lines[MOST_KEPT + 1]; ///< of rotated files, by rotation
    log_seen seen;
    sli_rng rng;
} log_writer;

static void must(bool good)
{
    if (!good) {
        _exit(1);
    }
}

static const char *path_of(const log_writer *w, int64_t rotation, char *out, size_t size)
{
    if (rotation == 0) {
        (void)snprintf(out, size, "%s/logs/log", w->dir);
    } else {
        (void)snprintf(out, size, "%s/logs/log.%lld", w->dir, (long long)rotation);
    }
    return out;
}

static void open_log(log_writer *w)
{
    char path[600];
    if (w->fd < 0) {
        w->fd = open(path_of(w, 0, path, sizeof path), O_RDWR | O_CREAT | O_APPEND, 0666);
        must(w->fd >= 0);
    }
}

/// One line, now and then in two parts.
static void write_line(log_writer *w)
{
    char line[32];
    int n = snprintf(line, sizeof line, "%lld\n", (long long)++w->number);
    int first = (int)sli_rng_below(&w->rng, 4) == 0 ? n / 2 : n;
    must(write(w->fd, line, (size_t)first) == first);
    must(write(w->fd, line + first, (size_t)(n - first)) == n - first);
}

static void copy_log(log_writer *w, const char *to)
{
    static char bytes[COPY];
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0666);
    off_t at = 0;
    must(out >= 0);
    for (ssize_t n; (n = pread(w->fd, bytes, sizeof bytes, at)) > 0; at += n) {
        must(write(out, bytes, (size_t)n) == n);
    }
    must(close(out) == 0 && ftruncate(w->fd, 0) == 0);
}

// ---------------------------------------------------------------- what may go

static void see_line(log_seen *seen, int64_t number)
{
    while (number >= seen->capacity) {
        int64_t capacity = seen->capacity == 0 ? 1 << 16 : 2 * seen->capacity;
        seen->lines = realloc(seen->lines, (size_t)capacity * sizeof *seen->lines);
        must(seen->lines != NULL);
        memset(seen->lines + seen->capacity, 0, (size_t)(capacity - seen->capacity));
        seen->capacity = capacity;
    }
    seen->lines[number] = true;
    while (seen->whole + 1 < seen->capacity && seen->lines[seen->whole + 1]) {
        seen->whole++;
    }
}

static void see_file(log_writer *w, const char *name)
{
    char path[900], line[64];
    (void)snprintf(path, sizeof path, "%s/out/%s", w->dir, name);
    FILE *file = fopen(path, "r");
    must(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        see_line(&w->seen, strtoll(line, NULL, 10));
    }
    must(fclose(file) == 0);
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && entry->d_name[0] != '_';
}

/// Reads what was published since.
static void see_published(log_writer *w)
{
    char path[600];
    struct dirent **names = NULL;
    (void)snprintf(path, sizeof path, "%s/out", w->dir);
    int n = scandir(path, &names, is_shown, alphasort);
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i]->d_name, w->seen.latest) > 0) {
            (void)snprintf(w->seen.latest, sizeof w->seen.latest, "%s", names[i]->d_name);
            see_file(w, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
}

static bool oldest_may_go(const log_writer *w)
{
    return w->last_lines[(w->deleted + 1) % (MOST_KEPT + 1)] <= w->seen.whole;
}

/// Deletes rotated files whose lines were all published. False: too many are kept.
static bool make_room(log_writer *w)
{
    char old[600];
    if (w->rotations - w->deleted >= KEPT && !oldest_may_go(w)) {
        see_published(w);
    }
    while (w->rotations - w->deleted >= KEPT && oldest_may_go(w)) {
        must(unlink(path_of(w, ++w->deleted, old, sizeof old)) == 0);
    }
    return w->rotations - w->deleted < MOST_KEPT;
}

static void rotate(log_writer *w)
{
    char log[600], to[600];
    w->rotations++;
    w->last_lines[w->rotations % (MOST_KEPT + 1)] = w->number;
    (void)path_of(w, 0, log, sizeof log);
    (void)path_of(w, w->rotations, to, sizeof to);
    if (sli_rng_below(&w->rng, 2) == 0) {
        copy_log(w, to);
    } else {
        must(rename(log, to) == 0 && close(w->fd) == 0);
        w->fd = -1;
    }
}

static void write_all(log_writer *w, int end)
{
    char path[600];
    struct pollfd fds[1] = {{.fd = end, .events = POLLIN}};
    while (poll(fds, 1, 1) == 0) { // until the other side is closed
        open_log(w);
        int64_t n = 1 + (int64_t)sli_rng_below(&w->rng, MOST_LINES);
        for (int64_t i = 0; i < n; i++) {
            write_line(w);
        }
        if (sli_rng_below(&w->rng, 10) == 0 && make_room(w)) {
            rotate(w);
        }
    }
    (void)snprintf(path, sizeof path, "%s/written", w->dir);
    FILE *said = fopen(path, "w");
    must(said != NULL);
    must(fprintf(said, "%lld %lld %lld\n", (long long)w->number, (long long)w->rotations,
                 (long long)w->deleted) > 0);
    must(fclose(said) == 0);
    _exit(0);
}

slt_writer slt_writer_start(const char *dir, uint64_t seed)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    slt_writer writer = {.pid = fork()};
    assert_true(writer.pid >= 0);
    if (writer.pid == 0) {
        (void)close(ends[1]);
        must(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        log_writer w = {.dir = dir, .fd = -1, .rng = {seed}};
        write_all(&w, ends[0]);
    }
    (void)close(ends[0]);
    writer.end = ends[1];
    return writer;
}

int64_t slt_writer_end(slt_writer *writer, const char *dir, int64_t *rotations)
{
    int status = 0;
    size_t size = 0;
    char *end = NULL;
    (void)close(writer->end);
    assert_int_equal(waitpid(writer->pid, &status, 0), writer->pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char *text = slt_load(slt_in_dir(dir, "written"), &size);
    assert_non_null(text);
    int64_t number = strtoll(text, &end, 10);
    *rotations = strtoll(end, NULL, 10);
    free(text);
    return number;
}
