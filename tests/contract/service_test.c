// The program as a service: what a manager that speaks systemd's protocol hears from `sluice run`.
// The manager is a datagram socket of the test; no systemd is needed.
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "contract/program.h"

/// Passes rows on, but waits inside the task for a writer of the named pipe "gate" first.
static const char gated_job[] =
    "#include <sluice/sluice.h>\n#include <stdio.h>\n"
    "static sl_code work(const sl_args *a, const sl_batch *in, sl_builder *out, sl_error *err)\n"
    "{\n    (void)a; (void)err;\n"
    "    FILE *inside = fopen(\"inside\", \"w\");\n"
    "    fputs(\"inside\", inside);\n    fclose(inside);\n"
    "    FILE *gate = fopen(\"gate\", \"r\");\n    if (gate != 0) { fclose(gate); }\n"
    "    for (int64_t i = 0; i < sl_batch_rows(in); i++) {\n"
    "        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);\n    }\n    return SL_OK;\n}\n"
    "static const sl_fn work_fn = {sizeof(sl_fn), .name = \"work\", .version = 1, .run = work};\n"
    "static void job(sl_graph *g)\n{\n"
    "    sl_stream *s = sl_stream_map(sl_stream_open(g, \"file:in\"), &work_fn, 0);\n"
    "    sl_stream_save(s, \"file:out\");\n}\nSL_JOB(\"gated\", job);\n";

typedef struct manager {
    int fd;
    char name[100];
    char heard[4096]; ///< the last message
} manager;

static manager manager_in(const char *dir)
{
    manager m = {.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(m.name, sizeof m.name, "%s/notify", dir);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", m.name);
    assert_true(m.fd >= 0);
    assert_int_equal(bind(m.fd, (const struct sockaddr *)&at, sizeof at), 0);
    return m;
}

/// The next message within `timeout_ms`; false when none came.
static bool hears(manager *m, int timeout_ms)
{
    struct pollfd ask = {.fd = m->fd, .events = POLLIN};
    if (poll(&ask, 1, timeout_ms) != 1) {
        return false;
    }
    ssize_t size = recv(m->fd, m->heard, sizeof m->heard - 1, 0);
    assert_true(size > 0);
    m->heard[size] = '\0';
    return true;
}

/// Listens until a message holds `part`.
static void await_message(manager *m, const slt_program *p, const char *part)
{
    do {
        if (!hears(m, SLT_DEADLINE_S * 1000)) {
            fail_msg("\"%s\" was not told; standard error: %s", part, slt_err(p));
        }
    } while (strstr(m->heard, part) == NULL);
}

static slt_program start(const char *dir, const manager *m, const char *watchdog)
{
    char socket_name[128], usec[64];
    (void)snprintf(socket_name, sizeof socket_name, "NOTIFY_SOCKET=%s", m->name);
    (void)snprintf(usec, sizeof usec, "WATCHDOG_USEC=%s", watchdog);
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    assert_int_equal(mkfifo(slt_path(dir, "gate"), 0600), 0);
    slt_compile_job(dir, "gated", gated_job);
    const char *const argv[] = {"env",          socket_name, usec,         slt_built("bin/sluice"),
                                "run",          "gated.so",  "--interval", "20ms",
                                "--checkpoint", "state",     NULL};
    return slt_start(dir, argv);
}

static void open_gate(const char *dir)
{
    FILE *gate = fopen(slt_path(dir, "gate"), "w"); // waits until the task reads
    assert_non_null(gate);
    assert_int_equal(fclose(gate), 0);
}

SL_TEST(a_service_manager_hears_ready_progress_and_stopping, "")
{
    const char *dir = slt_temp_dir();
    manager m = manager_in(dir);
    slt_program p = start(dir, &m, "");
    await_message(&m, &p, "READY=1");
    SL_CHECK_HAS(slt_content(slt_path(dir, "state/LOCK")), "pid "); // recovered, and running
    slt_put(slt_path(dir, "in"), "a.txt", "one\ntwo\n");
    open_gate(dir);
    await_message(&m, &p, "2 rows in, 2 out");
    SL_CHECK_HAS(m.heard, "STATUS=epoch ");
    slt_signal(&p, SIGTERM);
    await_message(&m, &p, "STOPPING=1");
    assert_int_equal(slt_wait(&p), 0);
    while (hears(&m, 0)) {
        assert_null(strstr(m.heard, "STOPPING=1")); // said once
    }
    assert_string_equal(slt_err(&p), "");
    close(m.fd);
}

SL_TEST(the_watchdog_is_fed_by_a_driver_that_waits_and_not_by_one_that_hangs, "")
{
    enum { BEAT_MS = 100 };
    const char *dir = slt_temp_dir();
    manager m = manager_in(dir);
    slt_program p = start(dir, &m, "200000");
    await_message(&m, &p, "WATCHDOG=1");
    await_message(&m, &p, "WATCHDOG=1"); // nothing to do is no hang
    slt_put(slt_path(dir, "in"), "a.txt", "one\n");
    slt_await_text(&p, dir, "inside", "inside");
    // What was not read yet is heard first, and one beat may still tell of what moved before.
    int n_heard = 0;
    while (n_heard < 50 && hears(&m, 5 * BEAT_MS)) {
        n_heard++;
    }
    assert_in_range(n_heard, 0, 49);
    open_gate(dir);
    await_message(&m, &p, "WATCHDOG=1");
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), 0);
    close(m.fd);
}

SL_TEST(a_manager_that_is_gone_is_told_once_and_the_job_goes_on, "")
{
    const char *dir = slt_temp_dir();
    manager m = manager_in(dir);
    close(m.fd);
    slt_program p = start(dir, &m, "200000");
    slt_put(slt_path(dir, "in"), "a.txt", "one\n");
    open_gate(dir);
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), 0);
    const char *said = strstr(slt_err(&p), "service manager: NOTIFY_SOCKET=");
    assert_non_null(said);
    assert_null(strstr(said + 1, "service manager:"));
}
