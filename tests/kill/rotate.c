// A process that writes a log and rotates it, as logrotate does: by rename, and by copytruncate
// without the loss that this has when its writer is another process.
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "kill/kill.h"

enum { KEPT = 300, MOST_LINES = 20, COPY = 1 << 16 };

typedef struct log_writer {
    const char *dir;
    int fd; ///< of the log; -1: not open
    int64_t number, rotations;
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

static void rotate(log_writer *w)
{
    char log[600], to[600], old[600];
    w->rotations++;
    (void)path_of(w, 0, log, sizeof log);
    (void)path_of(w, w->rotations, to, sizeof to);
    if (sli_rng_below(&w->rng, 2) == 0) {
        copy_log(w, to);
    } else {
        must(rename(log, to) == 0 && close(w->fd) == 0);
        w->fd = -1;
    }
    if (w->rotations > KEPT) {
        (void)unlink(path_of(w, w->rotations - KEPT, old, sizeof old));
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
        if (sli_rng_below(&w->rng, 25) == 0) {
            rotate(w);
        }
    }
    (void)snprintf(path, sizeof path, "%s/written", w->dir);
    FILE *said = fopen(path, "w");
    must(said != NULL);
    must(fprintf(said, "%lld %lld\n", (long long)w->number, (long long)w->rotations) > 0);
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
