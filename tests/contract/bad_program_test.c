// Bad input and bad luck, on the real program: crashes in user code, directories that go away, a
// sender that never pauses, checkpoints of a newer Sluice. The rest is in bad_input_test.c, in the
// simulated world.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "contract/program.h"

enum { OK = 0, JOB = 1, CHECKPOINT = 4 };

#define JOB_HEAD "#include <sluice/sluice.h>\n#include <stdlib.h>\n#include <time.h>\n"
#define MAP_HEAD                                                                                   \
    "static sl_code work(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error "      \
    "*err)\n"                                                                                      \
    "{\n    (void)args; (void)err;\n"
#define MAP_TAIL                                                                                   \
    "    for (int64_t i = 0; i < sl_batch_rows(in); i++) {\n"                                      \
    "        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);\n    }\n    return SL_OK;\n}\n"   \
    "static const sl_fn work_fn = {sizeof(sl_fn), .name = \"work\", .version = 1, .run = work};\n"

// ---------------------------------------------------------------- a crash in a user function

static const char crashing_job[] = JOB_HEAD MAP_HEAD
    "    if (getenv(\"CRASH\") != 0 && sl_args_epoch(args) >= 2) {\n"
    "        *(volatile int *)(sl_batch_rows(in) - sl_batch_rows(in)) = 1;\n    }\n" MAP_TAIL
    "static void job(sl_graph *g)\n{\n"
    "    sl_stream *s = sl_stream_map(sl_stream_open(g, \"file:in\"), &work_fn, 0);\n"
    "    sl_stream_save(sl_stream_uid(s, \"breaker\"), \"file:out\");\n}\nSL_JOB(\"job\", job);\n";

SL_TEST(a_crash_in_a_function_ends_the_process_with_its_place_on_record, "ERRORS-4")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_compile_job(dir, "crashing", crashing_job);
    const char *const once[] = {
        slt_built("bin/sluice"), "run",   "crashing.so",  "--interval", "20ms",
        "--checkpoint",          "state", "--max-epochs", "1",          NULL};
    const char *const crash[] = {
        "env",        "CRASH=1", slt_built("bin/sluice"), "run",   "crashing.so",
        "--interval", "20ms",    "--checkpoint",          "state", NULL};
    slt_put(slt_path(dir, "in"), "a.txt", "one\n");
    assert_int_equal(slt_run(&p, dir, once), OK);
    slt_put(slt_path(dir, "in"), "b.txt", "two\nthree\n");
    int code = slt_run(&p, dir, crash);
    SL_CHECK_HAS(slt_err(&p), "SIGSEGV");
    SL_CHECK_HAS(slt_err(&p), "breaker");
    SL_CHECK_HAS(slt_err(&p), "epoch 2");
    SL_CHECK_HAS(slt_err(&p), "row");
    SL_CHECK_HAS(slt_err(&p), "runs again at the next start");
    assert_int_equal(code, 128 + SIGSEGV);
    SL_CHECK_HAS(slt_content(slt_path(dir, "state/CRASH")), "breaker");
    SL_CHECK_HAS(slt_content(slt_path(dir, "state/CRASH")), "epoch 2");
    assert_int_equal(slt_run(&p, dir, once), OK); // mended: the epoch runs again, whole
    const char *const read[] = {"sh", "-c", "cat out/*.txt", NULL};
    assert_int_equal(slt_run(&p, dir, read), 0);
    SL_CHECK_TEXT(slt_out(&p), "one\ntwo\nthree\n");
}

// ---------------------------------------------------------------- a directory that goes away

static const char copy_job[] = JOB_HEAD
    "static void job(sl_graph *g)\n{\n"
    "    sl_stream_save(sl_stream_uid(sl_stream_open(g, \"file:in\"), \"lines\"), \"file:out\");\n"
    "}\nSL_JOB(\"job\", job);\n";

typedef struct wanted_line {
    const char *dir, *line;
} wanted_line;

/// Whether the published files hold the line; asked whenever something is published.
static bool is_published(void *ctx)
{
    const wanted_line *wanted = ctx;
    char command[700];
    (void)snprintf(command, sizeof command, "grep -qxh '%s' '%s'/out/*.txt 2>/dev/null",
                   wanted->line, wanted->dir);
    return system(command) == 0;
}

static void await_line(const slt_program *p, const char *dir, const char *line)
{
    wanted_line wanted = {dir, line};
    slt_await(p, slt_path(dir, "out"), is_published, &wanted);
}

SL_TEST(a_directory_removed_while_the_job_runs_is_waited_for, "ERRORS-5")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    char in[400];
    (void)snprintf(in, sizeof in, "%s/in", dir);
    assert_int_equal(mkdir(in, 0700), 0);
    assert_int_equal(mkdir(slt_path(dir, "out"), 0700), 0);
    slt_compile_job(dir, "copy", copy_job);
    const char *const argv[] = {slt_built("bin/sluice"), "run",   "copy.so", "--interval", "20ms",
                                "--checkpoint",          "state", NULL};
    p = slt_start(dir, argv);
    slt_put(in, "a.txt", "before");
    await_line(&p, dir, "before");
    assert_int_equal(unlink(slt_path(in, "a.txt")), 0);
    assert_int_equal(rmdir(in), 0);
    slt_await_text(&p, dir, strrchr(p.err, '/') + 1, "No such file or directory");
    SL_CHECK_HAS(slt_err(&p), "directory in can't be listed");
    assert_int_equal(mkdir(in, 0700), 0);
    slt_put(in, "b.txt", "after");
    await_line(&p, dir, "after");
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), OK);
    const char *const read[] = {"sh", "-c", "cat out/*.txt", NULL};
    assert_int_equal(slt_run(&p, dir, read), 0);
    SL_CHECK_TEXT(slt_out(&p), "before\nafter\n");
}

// ---------------------------------------------------------------- a source that is faster than the
// job

/// A job that takes 2 ms a batch over what a socket sends.
static const char slow_job[] = JOB_HEAD MAP_HEAD
    "    nanosleep(&(struct timespec){0, 2000000}, 0);\n" MAP_TAIL
    "static void job(sl_graph *g)\n{\n"
    "    static char url[64];\n    extern int snprintf(char *, size_t, const char *, ...);\n"
    "    snprintf(url, sizeof url, \"socket://127.0.0.1:%s\", getenv(\"PORT\"));\n"
    "    sl_stream *s = sl_stream_map(sl_stream_open(g, url), &work_fn, 0);\n"
    "    sl_stream_save(sl_stream_uid(s, \"slow\"), \"file:out\");\n}\nSL_JOB(\"job\", job);\n";

static int listen_somewhere(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/// Sends numbered lines as fast as they are taken, for so long; returns how many went out whole.
static int64_t flood(int fd, int64_t for_ms)
{
    int64_t until = now_ms() + for_ms, n = 0;
    char block[64 * 1024];
    while (now_ms() < until) {
        size_t size = 0, sent = 0;
        while (size < sizeof block - 128) {
            size += (size_t)snprintf(block + size, sizeof block - size, "%lld %080d\n",
                                     (long long)++n, 0);
        }
        while (sent < size) { // a line that was begun is ended
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            assert_int_equal(poll(&ready, 1, SLT_DEADLINE_S * 1000), 1);
            ssize_t done = send(fd, block + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            assert_true(done > 0 || errno == EAGAIN);
            sent += done > 0 ? (size_t)done : 0;
        }
    }
    return n;
}

static int64_t peak_kib(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    const char *at = strstr(slt_content(path), "VmHWM:");
    assert_non_null(at);
    return strtoll(at + 6, NULL, 10);
}

SL_TEST(a_source_faster_than_the_job_takes_bounded_memory_and_loses_nothing, "BOUNDED-1")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    int port = 0, listener = listen_somewhere(&port);
    char setting[32], wanted[128];
    slt_compile_job(dir, "slow", slow_job);
    (void)snprintf(setting, sizeof setting, "PORT=%d", port);
    const char *const argv[] = {
        "env",      setting, slt_built("bin/sluice"), "run",   "slow.so",   "--interval",   "20ms",
        "--memory", "8MiB",  "--checkpoint",          "state", "--metrics", "metrics.prom", NULL};
    p = slt_start(dir, argv);
    struct pollfd comes = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&comes, 1, SLT_DEADLINE_S * 1000), 1);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    int64_t n = flood(fd, slt_is_soak() ? 3600 * 1000 : 3000), peak = peak_kib(p.pid);
    assert_int_equal(close(fd), 0);
    (void)snprintf(wanted, sizeof wanted, "%lld %080d", (long long)n, 0);
    await_line(&p, dir, wanted);
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), OK);
    (void)close(listener);
    // Each line once, none left out, in order: the numbers are 1, 2, 3, ...
    const char *const check[] = {
        "sh", "-c", "cat out/*.txt | awk '$1 != NR { exit 1 } END { print NR }'", NULL};
    assert_int_equal(slt_run(&p, dir, check), 0);
    assert_int_equal(strtoll(slt_out(&p), NULL, 10), n);
    (void)printf("flood: %lld lines, %lld KiB at most in memory\n", (long long)n, (long long)peak);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(peak < 64 * 1024); // budget, library, and what one epoch holds
#endif
}

// ---------------------------------------------------------------- a newer Sluice's checkpoint

static void make_checkpoint(const char *dir)
{
    slt_program p;
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "one\n");
    slt_compile_job(dir, "copy", copy_job);
    const char *const argv[] = {
        slt_built("bin/sluice"), "run",   "copy.so",      "--interval", "20ms",
        "--checkpoint",          "state", "--max-epochs", "2",          NULL};
    assert_int_equal(slt_run(&p, dir, argv), OK);
}

static int start_again(slt_program *p, const char *dir)
{
    const char *const argv[] = {
        slt_built("bin/sluice"), "run",   "copy.so",      "--interval", "20ms",
        "--checkpoint",          "state", "--max-epochs", "2",          NULL};
    return slt_run(p, dir, argv);
}

SL_TEST(a_manifest_of_a_newer_format_is_refused, "ERRORS-2")
{
    slt_program p;
    char text[16384], check[64], *at = NULL;
    const char *dir = slt_temp_dir();
    make_checkpoint(dir);
    (void)snprintf(text, sizeof text, "%s", slt_content(slt_path(dir, "state/MANIFEST.json")));
    at = strstr(text, "\"sluice_checkpoint\": 1,");
    assert_non_null(at);
    at[strlen("\"sluice_checkpoint\": ")] = '7';
    at = strstr(text, "  \"check\"");
    assert_non_null(at);
    sli_hash128 hash = sli_hash128_of(text, (size_t)(at - text));
    (void)snprintf(check, sizeof check, "  \"check\": \"%016llx%016llx\"\n}\n",
                   (unsigned long long)hash.high, (unsigned long long)hash.low);
    memcpy(at, check, strlen(check));
    slt_put(slt_path(dir, "state"), "MANIFEST.json", text);
    assert_int_equal(start_again(&p, dir), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), "MANIFEST.json");
    SL_CHECK_HAS(slt_err(&p), "format 7");
    SL_CHECK_HAS(slt_err(&p), "use the Sluice that wrote it");
}

SL_TEST(a_log_of_a_newer_format_is_refused, "ERRORS-2")
{
    slt_program p;
    unsigned char head[64];
    const char *dir = slt_temp_dir();
    make_checkpoint(dir);
    FILE *file = fopen(slt_path(dir, "state/log/000001-0001.log"), "r+b");
    assert_non_null(file);
    assert_int_equal(fread(head, 1, sizeof head, file), sizeof head);
    head[8] = 9; // the format, then the hash of the 48 bytes before it
    sli_hash128 hash = sli_hash128_of(head, 48);
    memcpy(head + 48, &hash.low, 8);
    memcpy(head + 56, &hash.high, 8);
    rewind(file);
    assert_int_equal(fwrite(head, 1, sizeof head, file), sizeof head);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(start_again(&p, dir), CHECKPOINT);
    SL_CHECK_HAS(slt_err(&p), "000001-0001.log");
    SL_CHECK_HAS(slt_err(&p), "format 9");
    SL_CHECK_HAS(slt_err(&p), "use the Sluice that wrote it");
}
