// durable.c — from a record to its durable, visible row: lines of a socket into files, exactly
// once, with a checkpoint.
//
// One process: a thread sends numbered lines with the time of their making over a local socket, the
// job writes them to files, a thread is told of every file that appears (inotify) and takes the age
// of each line in it. A file appears when its group is committed, so its rows were durable a little
// earlier: the figure has the rename and the notice inside. It ends with an error when a line is
// missing or came twice.
//
//     durable DIR [RATE [SECONDS [INTERVAL_MS [COMMIT_MS]]]]      default: 2000 lines/s, 5 s, 10,
//     10
//
// DIR must be on the disk that limit/sync measures. What is made in it is left there.
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 512, EVENT_BYTES = 64 << 10, GRACE_MS = 5000 };

typedef struct bench {
    int64_t n_lines, rate;
    int listener, notify;
    int64_t *ages_ns;
    bool *seen;
    int64_t n_seen;
    char url[64], out[PATH_BYTES], sink[PATH_BYTES * 2];
} bench;

static bench the_bench; // a build function has no argument for it

static void check(bool good, const char *what)
{
    if (!good) {
        limit_die_errno(what);
    }
}

// ---- the job

static void keep(sl_graph *graph)
{
    sl_stream_save(sl_stream_open(graph, the_bench.url), the_bench.sink);
}

// ---- the sender

static void *send_lines(void *argument)
{
    bench *b = argument;
    int peer = accept(b->listener, NULL, NULL);
    check(peer >= 0, "accept");
    int one = 1;
    (void)setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int64_t start_ns = limit_wall_ns();
    for (int64_t i = 0; i < b->n_lines; i++) {
        struct timespec due = limit_timespec(start_ns + i * 1000000000 / b->rate);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR) {
        }
        char line[64];
        int n =
            snprintf(line, sizeof line, "@%lld.%lld\n", (long long)limit_wall_ns(), (long long)i);
        check(send(peer, line, (size_t)n, MSG_NOSIGNAL) == n, "send");
    }
    close(peer);
    return NULL;
}

static void listen_here(bench *b)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(b->listener >= 0, "socket");
    check(bind(b->listener, (struct sockaddr *)(void *)&address, size) == 0, "bind");
    check(listen(b->listener, 1) == 0, "listen");
    check(getsockname(b->listener, (struct sockaddr *)(void *)&address, &size) == 0, "getsockname");
    (void)snprintf(b->url, sizeof b->url, "socket://127.0.0.1:%d", ntohs(address.sin_port));
}

// ---- the watcher

static void take_file(bench *b, const char *name, int64_t now_ns)
{
    char path[PATH_BYTES + 300], line[128];
    (void)snprintf(path, sizeof path, "%s/%s", b->out, name);
    FILE *file = fopen(path, "re");
    check(file != NULL, path);
    while (fgets(line, sizeof line, file) != NULL) {
        long long sent_ns, number;
        if (sscanf(line, "@%lld.%lld", &sent_ns, &number) != 2 || number < 0 ||
            number >= b->n_lines || b->seen[number]) {
            limit_die("%s: a line that was not sent, or twice: %s", path, line);
        }
        b->seen[number] = true;
        b->ages_ns[b->n_seen++] = now_ns - sent_ns;
    }
    (void)fclose(file);
}

/// Takes the files that appeared; waits for some.
static void take_events(bench *b)
{
    static _Alignas(struct inotify_event) char events[EVENT_BYTES];
    struct pollfd ask = {.fd = b->notify, .events = POLLIN};
    if (poll(&ask, 1, GRACE_MS) <= 0) {
        limit_die("%lld of %lld lines came out", (long long)b->n_seen, (long long)b->n_lines);
    }
    ssize_t n = read(b->notify, events, sizeof events);
    int64_t now_ns = limit_wall_ns();
    check(n > 0, "read of inotify");
    for (char *at = events; at < events + n;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
        if (event->len > 0 && event->name[0] != '.' && event->name[0] != '_' &&
            (event->mask & IN_ISDIR) == 0) {
            take_file(b, event->name, now_ns);
        }
        at += sizeof *event + event->len;
    }
}

static void prepare(bench *b, const char *dir)
{
    char path[PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/durable.XXXXXX", dir);
    check(n > 0 && (size_t)n < sizeof path - 16 && mkdtemp(path) != NULL, dir);
    check(chdir(path) == 0, path);
    (void)snprintf(b->out, sizeof b->out, "out");
    (void)snprintf(b->sink, sizeof b->sink, "file:out?format=text");
    check(mkdir(b->out, 0700) == 0, b->out);
    b->notify = inotify_init1(IN_CLOEXEC);
    check(b->notify >= 0 && inotify_add_watch(b->notify, b->out, IN_MOVED_TO) >= 0, "inotify");
    b->ages_ns = limit_alloc((size_t)b->n_lines * sizeof *b->ages_ns);
    b->seen = limit_alloc((size_t)b->n_lines * sizeof *b->seen);
    listen_here(b);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 6) {
        limit_die("usage: durable DIR [RATE [SECONDS [INTERVAL_MS [COMMIT_MS]]]]");
    }
    bench *b = &the_bench;
    b->rate = limit_number("RATE", argc > 2 ? argv[2] : "2000", 1, 1000000);
    b->n_lines = b->rate * limit_number("SECONDS", argc > 3 ? argv[3] : "5", 1, 600);
    int64_t interval_ms = limit_number("INTERVAL_MS", argc > 4 ? argv[4] : "10", 1, 10000);
    int64_t commit_ms = limit_number("COMMIT_MS", argc > 5 ? argv[5] : "10", 0, 10000);
    prepare(b, argv[1]);
    char interval[32], commit[32];
    (void)snprintf(interval, sizeof interval, "%lldms", (long long)interval_ms);
    (void)snprintf(commit, sizeof commit, "%lldms", (long long)commit_ms);
    const char *settings[] = {
        "interval", interval, "commit_interval", commit,     "checkpoint", "state",
        "progress", "none",   "master",          "local[1]", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    pthread_t sender;
    bench_check(sl_context_new(&context, "durable", keep, settings, &err), &err, "durable");
    check(pthread_create(&sender, NULL, send_lines, b) == 0, "a thread");
    bench_check(sl_context_start(context, &err), &err, "start");
    while (b->n_seen < b->n_lines) {
        take_events(b);
    }
    (void)pthread_join(sender, NULL);
    sl_context_free(context);
    size_t n = (size_t)b->n_lines;
    limit_sort(b->ages_ns, n);
    printf(
        "durable interval_ms=%lld commit_ms=%lld lines=%zu p50_us=%.0f p99_us=%.0f max_us=%.0f\n",
        (long long)interval_ms, (long long)commit_ms, n,
        (double)limit_quantile(b->ages_ns, n, 500) / 1e3,
        (double)limit_quantile(b->ages_ns, n, 990) / 1e3, (double)b->ages_ns[n - 1] / 1e3);
    return 0;
}
