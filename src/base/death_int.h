/// death_int.h — for tests: does a broken invariant stop the process, and does it say why?
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/// Runs `body` in a child process; true when it aborts and `expected` is part of what it wrote to
/// standard error.
static inline bool slt_dies(void (*body)(void *), void *arg, const char *expected)
{
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        dup2(pipe_ends[1], STDERR_FILENO);
        close(pipe_ends[0]);
        body(arg);
        _exit(0); // survived
    }
    close(pipe_ends[1]);
    char said[4096];
    size_t size = 0;
    ssize_t n = 0;
    while (size < sizeof(said) - 1 &&
           (n = read(pipe_ends[0], said + size, sizeof(said) - 1 - size)) > 0) {
        size += (size_t)n;
    }
    said[size] = '\0';
    close(pipe_ends[0]);
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGABRT && strstr(said, expected) != NULL;
}
