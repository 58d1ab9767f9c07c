// Runs the tests of one program through cmocka: sorted, filtered, each named on its own line,
// summed up at the end.
//
// Guarantees: the last line is `N passed, N failed`; the exit code is 0 only if at least one test
// ran and none failed; a program that dies or is told to end (SIGTERM, the runner's time limit)
// names the test it was in.
#include "sl_test.h"
#include "support_int.h"

#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static slt_case *all_tests; // filled by constructors, before main
static slt_case *running;   // read by on_signal
static pid_t main_pid;      // children forked by tests keep the handlers but must not speak

void slt_register(slt_case *test)
{
    test->next = all_tests;
    all_tests = test;
}

_Bool slt_is_soak(void)
{
    const char *soak = getenv("SLUICE_SOAK");
    return soak != NULL && strcmp(soak, "0") != 0 && *soak != '\0';
}

static void say(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text)); // stdio is not safe in a handler
    (void)ignored;
}

static void on_signal(int number)
{
    if (getpid() == main_pid && running != NULL) {
        void *frames[64];
        say(number == SIGTERM ? "\nFAIL (told to end) " : "\nFAIL (aborted) ");
        say(running->name);
        say(" in ");
        say(running->file);
        say("; stack of this thread, for addr2line:\n");
        backtrace_symbols_fd(frames, backtrace(frames, 64), STDERR_FILENO);
    }
    signal(number, SIG_DFL);
    raise(number);
}

static int by_place(const void *a, const void *b)
{
    const slt_case *const *left = a;
    const slt_case *const *right = b;
    int order = strcmp((*left)->file, (*right)->file);
    return order != 0 ? order : (*left)->line - (*right)->line;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Of this process and of those that it has waited for.
static double processor_seconds(void)
{
    double sum = 0;
    for (int who = RUSAGE_CHILDREN; who <= RUSAGE_SELF; who++) {
        struct rusage used;
        getrusage(who, &used);
        sum += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    }
    return sum;
}

// Of the processes that were waited for: each has some.
static long page_faults_of_children(void)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    return used.ru_minflt + used.ru_majflt;
}

// From how many seconds on a test is named as slow.
static double slow_seconds(void)
{
    const char *text = getenv("SLUICE_TEST_SLOW");
    return text == NULL ? 5 : strtod(text, NULL);
}

// cmocka leaves a failing body by longjmp, so only a body that came back has passed.
static void run_body(void **state)
{
    slt_case *self = *state;
    running = self;
    double start = seconds(), used = processor_seconds();
    int threads = slt_threads_started();
    long faults = page_faults_of_children();
    self->body();
    if (self->has_one_thread && slt_threads_started() != threads) {
        fail_msg("it calls slt_one_thread, and has started another one");
    }
    self->passed = true;
    if (getenv("SLUICE_TEST_THREADS") != NULL && slt_threads_started() == threads &&
        page_faults_of_children() == faults) {
        printf("# one thread: %s\n", self->name);
    }
    if (seconds() - start > slow_seconds()) {
        printf("# slow: %s took %.1f s, %.1f of processors\n", self->name, seconds() - start,
               processor_seconds() - used);
    }
}

void slt_not_here(const char *why)
{
    printf("# %s: not tried here: %s\n", running->name, why);
    running->passed = true;
    skip(); // leaves the body by longjmp
}

void slt_one_thread(void)
{
#if defined(__SANITIZE_THREAD__)
    slt_not_here("ThreadSanitizer, and it has one thread");
#endif
    running->has_one_thread = true;
}

static int end_test(void **state)
{
    const slt_case *self = *state;
    running = NULL;
    slt_temp_dir_end(self->passed);
    return 0;
}

// Runs the tests as one group of cmocka, which prints `ok N - name` or `not ok N - name` and why;
// then names the failed.
static size_t run_all(slt_case **tests, size_t n)
{
    struct CMUnitTest *units = calloc(n + 1, sizeof *units);
    if (units == NULL) {
        perror("tests");
        exit(2);
    }
    for (size_t i = 0; i < n; i++) {
        units[i] = (struct CMUnitTest){tests[i]->name, run_body, NULL, end_test, tests[i]};
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    (void)_cmocka_run_group_tests("tests", units, n, NULL,
                                  NULL); // counts less than we do: see the loop
    free(units);
    size_t n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!tests[i]->passed) {
            printf("FAIL %s (%s:%d)\n", tests[i]->name, tests[i]->file, tests[i]->line);
            n_failed++;
        }
    }
    return n_failed;
}

// A filter is a part of the name, or all of it behind an `=`.
static bool fits(const char *name, const char *filter)
{
    return *filter == '=' ? strcmp(name, filter + 1) == 0 : strstr(name, filter) != NULL;
}

// Fills an array (the caller frees it) with the tests whose name fits one of the filters.
static slt_case **select_tests(char **filters, size_t *n_out)
{
    size_t n = 0;
    for (slt_case *t = all_tests; t != NULL; t = t->next) {
        n++;
    }
    slt_case **tests = calloc(n + 1, sizeof *tests);
    if (tests == NULL) {
        perror("tests");
        exit(2);
    }
    n = 0;
    for (slt_case *t = all_tests; t != NULL; t = t->next) {
        bool wanted = *filters == NULL;
        for (char **f = filters; *f != NULL; f++) {
            wanted = wanted || fits(t->name, *f);
        }
        if (wanted) {
            tests[n++] = t;
        }
    }
    qsort(tests, n, sizeof *tests, by_place);
    *n_out = n;
    return tests;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
    if (argc > 1 && argv[1][0] == '-' && !list) {
        fprintf(stderr, "usage: %s [--list] [part of a test's name, or =NAME]...\n", argv[0]);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0); // what was printed before a crash is seen
    size_t n = 0;
    slt_case **tests = select_tests(argv + (list ? 2 : 1), &n);
    size_t n_failed = 0;
    if (list) {
        for (size_t i = 0; i < n; i++) {
            printf("%s\t%s\n", tests[i]->name, tests[i]->promise);
        }
    } else {
        main_pid = getpid();
        void *frame;
        backtrace(&frame, 1); // loads libgcc now: not in a handler
        signal(SIGABRT, on_signal);
        signal(SIGTERM, on_signal);
        n_failed = n > 0 ? run_all(tests, n) : 0;
        if (n > 0) {
            printf("# threads started: %d\n", slt_threads_started());
        }
        printf("%zu passed, %zu failed\n", n - n_failed, n_failed);
    }
    free(tests);
    return n > 0 && n_failed == 0 ? 0 : 1;
}
