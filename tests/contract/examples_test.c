// Every example, run for real from the build, with what it prints or leaves checked.
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "contract/plain.h"
#include "contract/program.h"
#include "life.h"
#include "sluice/state.h"
#include "sluice/test.h"

// ---------------------------------------------------------------- network word count

enum { EXAMPLE_PORT = 9999, HTTP_PORT = 9980 };

/// -1: somebody has it. Two may bind a port at the same time, and one of them then listen.
static int try_to_listen_at(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0) {
        return fd;
    }
    (void)close(fd);
    return -1;
}

/// The port that the example connects to, as its text says. Another test may have it: waits.
static int listen_at(uint16_t port)
{
    int fd = try_to_listen_at(port);
    for (int i = 0; i < SLT_DEADLINE_S * 10 && fd < 0; i++) {
        (void)poll(NULL, 0, 100); // nobody tells when a port becomes free
        fd = try_to_listen_at(port);
    }
    if (fd < 0) {
        fail_msg("port %d stays in use: the example connects to it", (int)port);
    }
    return fd;
}

static int accept_one(int listener)
{
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, SLT_DEADLINE_S * 1000), 1);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

SL_TEST(network_wordcount_prints_the_words_of_each_second, "")
{
    static const char lines[] = "to be or not to be\n";
    const char *dir = slt_temp_dir();
    int listener = listen_at(EXAMPLE_PORT);
    const char *const argv[] = {slt_built("examples/network_wordcount"),
                                "--interval",
                                "50ms",
                                "--master",
                                "local[2]",
                                NULL};
    slt_program p = slt_start(dir, argv);
    int client = accept_one(listener);
    assert_int_equal(send(client, lines, strlen(lines), MSG_NOSIGNAL), strlen(lines));
    slt_await_text(&p, dir, strrchr(p.out, '/') + 1, "(be,2)");
    slt_signal(&p, SIGTERM);
    int code = slt_wait(&p);
    (void)close(client);
    (void)close(listener);
    assert_int_equal(code, 0);
    SL_CHECK_HAS(slt_out(&p), "-------------------------------------------\nTime: ");
    SL_CHECK_HAS(slt_out(&p), "(to,2)");
    SL_CHECK_HAS(slt_out(&p), "(or,1)");
    SL_CHECK_HAS(slt_out(&p), "(not,1)");
    assert_string_equal(slt_err(&p), "");
}

SL_TEST(the_smallest_example_is_under_25_lines, "")
{
    int n_lines = 0;
    const char *text =
        slt_content(SLT_SOURCE_DIR "/examples/network_wordcount/network_wordcount.c");
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        n_lines++;
    }
    assert_in_range(n_lines, 5, 24);
}

// ---------------------------------------------------------------- a door

/// POSTs a line to port 9980; whether it was answered 204.
static bool is_posted(void *ctx)
{
    static const char request[] = "POST /lines HTTP/1.1\r\nHost: localhost\r\n"
                                  "Idempotency-Key: hamlet\r\nContent-Length: 18\r\n\r\n"
                                  "to be or not to be";
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(HTTP_PORT),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[128] = "";
    (void)ctx;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool sent = connect(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
                send(fd, request, sizeof request - 1, MSG_NOSIGNAL) == sizeof request - 1 &&
                recv(fd, answer, sizeof answer - 1, 0) > 0;
    (void)close(fd);
    return sent && strncmp(answer, "HTTP/1.1 204 ", 13) == 0;
}

// Posted again under its key, before a kill and after it, the line counts once.
SL_TEST(http_wordcount_counts_what_is_posted_once, "EXACTLY-ONCE-1")
{
    const char *dir = slt_temp_dir();
    const char *const argv[] = {
        slt_built("examples/http_wordcount"), "--interval", "50ms", "--checkpoint", "state", NULL};
    (void)close(listen_at(HTTP_PORT)); // it is free
    slt_program p = slt_start(dir, argv);
    slt_await(&p, dir, is_posted, NULL);
    assert_true(is_posted(NULL));
    slt_await_text(&p, dir, strrchr(p.out, '/') + 1, "(be,2)");
    slt_signal(&p, SIGKILL);
    assert_int_equal(slt_wait(&p), 128 + SIGKILL);
    p = slt_start(dir, argv);
    slt_await(&p, dir, is_posted, NULL);
    slt_await_text(&p, dir, strrchr(p.out, '/') + 1, "(be,2)");
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), 0);
    SL_CHECK_HAS(slt_out(&p), "(or,1)");
    assert_null(strstr(slt_out(&p), "(be,4)"));
}

// ---------------------------------------------------------------- flume levels

enum { FLUME_PORT = 4141 };

/// Sends the first frame that a real agent has sent: four events of the host 127.0.0.1.
static bool is_pushed(void *ctx)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(FLUME_PORT),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[64];
    size_t size = 0;
    (void)ctx;
    char *frame = slt_load(SLT_SOURCE_DIR "/tests/fuzz/flume_request_corpus/batch_first", &size);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool sent = frame != NULL && connect(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
                send(fd, frame, size, MSG_NOSIGNAL) == (ssize_t)size &&
                recv(fd, answer, sizeof answer, 0) > 0;
    (void)close(fd);
    free(frame);
    return sent;
}

SL_TEST(flume_levels_counts_what_an_agent_sends, "")
{
    const char *dir = slt_temp_dir();
    const char *const argv[] = {
        slt_built("examples/flume_levels"), "--interval", "50ms", "--checkpoint", "state", NULL};
    (void)close(listen_at(FLUME_PORT)); // it is free
    slt_program p = slt_start(dir, argv);
    slt_await(&p, dir, is_pushed, NULL);
    slt_await_text(&p, dir, strrchr(p.out, '/') + 1, "(127.0.0.1,4)");
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), 0);
}

// ---------------------------------------------------------------- sliding count

// The window is as full after a kill as before it, though nothing is sent again.
SL_TEST(sliding_count_goes_on_after_a_kill, "EXACTLY-ONCE-1")
{
    static const char lines[] = "to be or not to be\n";
    const char *dir = slt_temp_dir();
    int listener = listen_at(EXAMPLE_PORT);
    const char *const argv[] = {
        slt_built("examples/sliding_count"), "--interval", "100ms", "--checkpoint", "state", NULL};
    slt_program p = slt_start(dir, argv);
    int client = accept_one(listener);
    assert_int_equal(send(client, lines, strlen(lines), MSG_NOSIGNAL), strlen(lines));
    slt_await_text(&p, dir, strrchr(p.out, '/') + 1, "(be,2)");
    slt_signal(&p, SIGKILL);
    assert_int_equal(slt_wait(&p), 128 + SIGKILL);
    (void)close(client);
    p = slt_start(dir, argv);
    client = accept_one(listener);
    slt_await_text(&p, dir, strrchr(p.out, '/') + 1, "(be,2)");
    slt_signal(&p, SIGTERM);
    assert_int_equal(slt_wait(&p), 0);
    SL_CHECK_HAS(slt_out(&p), "(not,1)");
    (void)close(client);
    (void)close(listener);
}

// ---------------------------------------------------------------- running count

typedef struct wanted_sum {
    const char *path;
    int64_t sum;
} wanted_sum;

static bool sum_is_there(void *ctx)
{
    const wanted_sum *wanted = ctx;
    int64_t sum = slt_ask(wanted->path, "select coalesce(sum(n), 0) from counts");
    assert_true(sum <= wanted->sum); // never too much, at any time
    return sum == wanted->sum;
}

// The state goes on over kill -9 and a graceful end; every word counts once; a reader sees no sum
// that was never true.
SL_TEST(running_count_goes_on_through_kills, "EXACTLY-ONCE-1")
{
    enum { N_LIVES = 6, WORDS = 6 };
    const char *dir = slt_temp_dir();
    char db[400], in[400], program[512], name[32], text[128];
    (void)snprintf(db, sizeof db, "%s/counts.db", dir);
    (void)snprintf(in, sizeof in, "%s/in", dir);
    (void)snprintf(program, sizeof program, "%s", slt_built("examples/running_count"));
    assert_int_equal(mkdir(in, 0700), 0);
    const char *const argv[] = {program, "--interval", "20ms", "--checkpoint", "state", NULL};
    wanted_sum wanted = {db, 0};
    for (int life = 0; life < N_LIVES; life++) {
        slt_program p = slt_start(dir, argv);
        for (int i = 0; i < 3; i++) {
            (void)snprintf(name, sizeof name, "%d-%d.txt", life, i);
            (void)snprintf(text, sizeof text, "to be or not to be\nlife%d\n", life);
            slt_put(in, name, text);
            wanted.sum += WORDS + 1;
            if (i < 2) { // the third file of a life may or may not be counted when it is killed
                slt_await(&p, dir, sum_is_there, &wanted);
            }
        }
        slt_signal(&p, life == N_LIVES - 1 ? SIGTERM : SIGKILL);
        assert_int_equal(slt_wait(&p), life == N_LIVES - 1 ? 0 : 128 + SIGKILL);
    }
    assert_int_equal(slt_ask(db, "select sum(n) from counts"), wanted.sum);
    assert_int_equal(slt_ask(db, "select n from counts where word = 'be'"), 2 * 3 * N_LIVES);
    assert_int_equal(slt_ask(db, "select n from counts where word = 'not'"), 3 * N_LIVES);
    assert_int_equal(slt_ask(db, "select count(*) from counts"), 4 + N_LIVES);
}

// ---------------------------------------------------------------- sessions

// Two seconds of batch time after their last click the sessions come out, each once.
SL_TEST(sessions_end_when_their_users_are_idle, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.csv", "ann,/\nann,/cart\nbob,/\nann,/cart\n");
    const char *const argv[] = {slt_built("examples/sessions"),
                                "--interval",
                                "100ms",
                                "--max-epochs",
                                "30",
                                "--checkpoint",
                                "state",
                                NULL};
    int code = slt_run(&p, dir, argv);
    assert_string_equal(slt_err(&p), "");
    assert_int_equal(code, 0);
    const char *const read[] = {"sh", "-c", "sort out/*.csv", NULL};
    assert_int_equal(slt_run(&p, dir, read), 0);
    SL_CHECK_TEXT(slt_out(&p), "ann,3,1\nbob,1,0\n");
}

// ---------------------------------------------------------------- clusters

// Points are labelled by the centres as they were before; the centres, without a weight of their
// own yet, move to where the points are.
SL_TEST(streaming_kmeans_labels_points_and_follows_them, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "p1.csv", "1.0,2.0\n9.5,8.0\n");
    const char *const argv[] = {slt_built("examples/streaming_kmeans"),
                                "--interval",
                                "100ms",
                                "--max-epochs",
                                "3",
                                "--checkpoint",
                                "state",
                                NULL};
    int code = slt_run(&p, dir, argv);
    assert_string_equal(slt_err(&p), "");
    assert_int_equal(code, 0);
    const char *const points[] = {"sh", "-c", "sort points/*", NULL};
    assert_int_equal(slt_run(&p, dir, points), 0);
    SL_CHECK_TEXT(slt_out(&p), "1.0,2.0,0\n9.5,8.0,1\n");
    const char *const centers[] = {"sh", "-c", "cat centers/*", NULL};
    assert_int_equal(slt_run(&p, dir, centers), 0);
    assert_non_null(strstr(slt_out(&p), "\"center\":[1.0,2.0]}"));
    assert_non_null(strstr(slt_out(&p), "\"center\":[9.5,8.0]}"));
}

// ---------------------------------------------------------------- lines joined with a table

static void put_log(const char *dir)
{
    char line[64];
    static char text[64 * 600];
    text[0] = '\0';
    size_t size = 0;
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(dir, "countries.csv",
            "ip,country\n10.0.0.0,de\n10.0.0.1,fr\n10.0.0.2,de\n10.0.0.3,\"it\"\n");
    for (int i = 0; i < 500; i++) { // 10.0.0.4 has no country; every 5th line is a health check
        (void)snprintf(line, sizeof line, "10.0.0.%d,%s,%d\n", i % 5,
                       i % 7 == 0 ? "/health" : "/index", i);
        memcpy(text + size, line, strlen(line) + 1);
        size += strlen(line);
    }
    slt_put(slt_path(dir, "in"), "a.csv", text);
}

/// What the example leaves for the log above, run with these settings.
static const char *joined(const char *name, const char *master, const char *memory)
{
    slt_program p;
    char dir[400];
    (void)snprintf(dir, sizeof dir, "%s", slt_path(slt_temp_dir(), name));
    assert_int_equal(mkdir(dir, 0700), 0);
    put_log(dir);
    const char *const argv[] = {slt_built("examples/join_table"),
                                "--interval",
                                "20ms",
                                "--max-epochs",
                                "2",
                                "--checkpoint",
                                "state",
                                "--parallelism",
                                "3",
                                "--master",
                                master,
                                "--memory",
                                memory,
                                NULL};
    int code = slt_run(&p, dir, argv);
    assert_string_equal(slt_err(&p), "");
    assert_int_equal(code, 0);
    const char *const read[] = {"sh", "-c", "cat out/*.csv", NULL};
    assert_int_equal(slt_run(&p, dir, read), 0);
    return slt_out(&p);
}

/// Requests and bytes of a country, by the plainest loop.
static void expect_country(const char *csv, const char *country, bool (*is_in)(int host))
{
    long requests = 0, bytes = 0;
    char line[64];
    for (int i = 0; i < 500; i++) {
        if (i % 7 != 0 && is_in(i % 5)) {
            requests++;
            bytes += i;
        }
    }
    (void)snprintf(line, sizeof line, "%s,%ld,%ld\n", country, requests, bytes);
    SL_CHECK_HAS(csv, line);
}

static bool is_de(int host)
{
    return host == 0 || host == 2;
}
static bool is_fr(int host)
{
    return host == 1;
}
static bool is_it(int host)
{
    return host == 3;
}

SL_TEST(join_table_counts_requests_by_country, "")
{
    const char *csv = joined("run", "local[2]", "64MiB");
    int n_lines = 0;
    expect_country(csv, "de", is_de);
    expect_country(csv, "fr", is_fr);
    expect_country(csv, "it", is_it);
    for (const char *at = csv; (at = strchr(at, '\n')) != NULL; at++) {
        n_lines++;
    }
    assert_int_equal(n_lines, 3);
}

SL_TEST(the_number_of_workers_and_the_memory_change_no_byte, "DETERMINISM-1")
{
    const char *one = joined("one", "local[1]", "64MiB");
    SL_CHECK_TEXT(joined("two", "local[2]", "64MiB"), one);
    SL_CHECK_TEXT(joined("four", "local[4]", "64MiB"), one);
    SL_CHECK_TEXT(joined("small", "local[4]", "64KiB"), one);
}

// ---------------------------------------------------------------- event time

/// One life of two epochs: the first takes what is there, the second what is due then.
static void live_windows(const char *dir, const char *parallelism, const char *store)
{
    slt_program p;
    const char *const argv[] = {slt_built("examples/event_windows"),
                                "--interval",
                                "20ms",
                                "--max-epochs",
                                "2",
                                "--checkpoint",
                                "state",
                                "--parallelism",
                                parallelism,
                                "--conf",
                                store,
                                NULL};
    int code = slt_run(&p, dir, argv);
    assert_string_equal(slt_err(&p), "");
    assert_int_equal(code, 0);
}

static void files_are(const char *dir, const char *names, const char *expected)
{
    slt_program p;
    const char *const argv[] = {"sh", "-c", names, NULL};
    assert_int_equal(slt_run(&p, dir, argv), 0);
    SL_CHECK_TEXT(slt_out(&p), expected);
}

/// Two lives with these stores for their state.
static void windows_over_a_restart(const char *name, const char *first, const char *second)
{
    char dir[400], in[440];
    (void)snprintf(dir, sizeof dir, "%s", slt_path(slt_temp_dir(), name));
    assert_int_equal(mkdir(dir, 0700), 0);
    (void)snprintf(in, sizeof in, "%s/in", dir);
    assert_int_equal(mkdir(in, 0700), 0);
    slt_put(in, "a.csv",
            "2024-02-29 12:00:05,/a,10\n2024-02-29 12:01:02,/a,1\n2024-02-29 12:00:58,/b,2\n"
            "2024-02-29 12:01:12,/a,4\n");
    live_windows(dir, "1", first);
    files_are(dir, "cat out/*.csv",
              "2024-02-29T12:00:00Z,2024-02-29T12:01:00Z,/a,1,10\n"
              "2024-02-29T12:00:00Z,2024-02-29T12:01:00Z,/b,1,2\n");
    slt_put(in, "b.csv",
            "2024-02-29 12:01:30,/a,8\n2024-02-29 12:00:59,/a,100\n2024-02-29 12:03:00,/b,1\n");
    live_windows(dir, "3", second);
    files_are(dir, "cat out/*.csv | tail -n +3",
              "2024-02-29T12:01:00Z,2024-02-29T12:02:00Z,/a,3,13\n");
    files_are(dir, "cat late/*.csv", "2024-02-29T12:00:59Z,/a,100\n");
}

SL_TEST(event_windows_go_on_over_a_restart, "EVENT-TIME-1")
{
    windows_over_a_restart("memory", "state.store=memory", "state.store=memory");
    if (SLT_ROCKSDB) {
        windows_over_a_restart("disk", "state.store=rocksdb", "state.store=rocksdb");
        windows_over_a_restart("to-disk", "state.store=memory", "state.store=rocksdb");
    }
}

// ---------------------------------------------------------------- RDDs, and a foreign loop

SL_TEST(rdd_program_prints_the_most_frequent_words, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    slt_put(dir, "a.txt", "b a  b\nc b a\n");
    const char *const argv[] = {slt_built("examples/rdd_program"), "a.txt", NULL};
    assert_int_equal(slt_run(&p, dir, argv), 0);
    SL_CHECK_TEXT(slt_out(&p), "       3 b\n       2 a\n       1 c\n");
    const char *const missing[] = {slt_built("examples/rdd_program"), "missing.txt", NULL};
    assert_int_equal(slt_run(&p, dir, missing), 1);
    SL_CHECK_HAS(slt_err(&p), "missing.txt");
    const char *const none[] = {slt_built("examples/rdd_program"), NULL};
    assert_int_equal(slt_run(&p, dir, none), 1);
    SL_CHECK_HAS(slt_err(&p), "usage");
}

SL_TEST(foreign_loop_counts_what_its_program_feeds, "")
{
    slt_program p;
    const char *const argv[] = {slt_built("examples/foreign_loop"), NULL};
    assert_int_equal(slt_run(&p, slt_temp_dir(), argv), 0);
    int n_epochs = 0;
    long evens = 0;
    for (const char *at = slt_out(&p); (at = strstr(at, "\nTime: ")) != NULL; n_epochs++) {
        at = strstr(at, "----\n");
        assert_non_null(at);
        long n = strtol(at + strlen("----\n"), NULL, 10);
        assert_int_equal(n % 50, 0); // whole pushes only
        evens += n;
    }
    assert_int_equal(n_epochs, 10);
    assert_in_range(evens, 50, 500);
    assert_string_equal(slt_err(&p), "");
}

SL_TEST(watch_stops_its_job_when_its_listener_has_heard_enough, "")
{
    slt_program p;
    const char *const argv[] = {slt_built("examples/watch"), NULL};
    assert_int_equal(slt_run(&p, slt_temp_dir(), argv), 0);
    const char *shown = slt_out(&p), *at = strstr(shown, " rows in ");
    assert_non_null(at);
    while (at > shown && at[-1] != '\n') {
        at--;
    }
    assert_true(strtol(at, NULL, 10) >= 2000);
    assert_string_equal(slt_err(&p), "");
}

// ---------------------------------------------------------------- the same, in a simulated world

/// The running count with a file a group in place of the database: every group's rows can be read.
static void count_to_files(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "file:in");
    sl_stream *words = sl_stream_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_stream *counts = sl_stream_update_state_by_key(words, "word", &slt_count_fn, NULL);
    sl_stream_save(counts, "file:out?format=csv");
}

static void count_twice(sl_test *test, void *ctx)
{
    (void)ctx;
    sl_test_put(test, "in/a.txt", "to be or not to be\n");
    sl_test_advance(test, 1);
    sl_test_put(test, "in/b.txt", "to be\n");
    sl_test_advance(test, 2);
    sl_test_stop(test);
}

/// The last group's counts stand at the end, and no group shows a count that was never true.
static sl_code check_counts(sl_test *test, void *ctx, sl_error *err)
{
    (void)ctx;
    const char *out = sl_test_read(test, "out");
    bool last = strstr(out, "be,3\n") != NULL && strstr(out, "to,3\n") != NULL &&
                strstr(out, "or,1\n") != NULL;
    bool wrong = strstr(out, "be,4\n") != NULL || strstr(out, "be,1\n") != NULL ||
                 strstr(out, "not,2\n") != NULL;
    return last && !wrong ? SL_OK : sl_error_set(err, SL_E_DATA, "wrong counts:\n%.400s", out);
}

SL_TEST(counts_are_right_wherever_the_job_is_crashed, "EXACTLY-ONCE-1")
{
    slt_one_thread();
    static const char *const settings[] = {"parallelism", "2", "master", "local",
                                           "max_epochs",  "8", NULL};
    sl_test_conf conf = {
        .struct_size = sizeof conf, .settings = settings, .checkpoint = true, .seed = 7};
    sl_error err = SL_ERROR_INIT;
    int64_t n_calls = 0;
    sl_code rc = sl_test_crash_everywhere(count_to_files, conf, count_twice, check_counts, NULL,
                                          &n_calls, &err);
    if (rc != SL_OK) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(rc, SL_OK);
    assert_true(n_calls > 100);
}
