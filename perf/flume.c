// flume.c — events that a Flume agent pushes, into the synced write-ahead log and through a count.
//
// A process of its own sends what an agent's Avro sink has been captured to send, again and again:
// a frame of 100 events with one header and a body of 200 bytes, in two buffers. It has several
// frames under way and counts the answers, which come when the log is synced. The figure is events
// that were answered for each second of processor time of the receiving process, all its threads.
//
//     flume DIR [SECONDS]                                             default: 2 s
//
// DIR is where the checkpoint is made; it is left there.
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EVENTS = 100,
    BODY = 200,
    FRAME = 32 << 10,
    UNDER_WAY = 64, ///< frames
    FIRST_ANSWER = 19,
    ANSWER = 15,
};

static char the_url[80]; // a build function has no argument for it

static void check(bool good, const char *what)
{
    if (!good) {
        limit_die_errno(what);
    }
}

static void count(sl_graph *graph)
{
    sl_stream *events = sl_stream_open(graph, the_url);
    sl_stream_save(sl_stream_count(events), "file:out?format=csv");
}

// ---------------------------------------------------------------- what an agent sends

typedef struct bytes {
    char data[FRAME];
    size_t size;
} bytes;

static void put(bytes *out, const void *data, size_t size)
{
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static void put_u32(bytes *out, uint32_t value)
{
    uint32_t network = htonl(value);
    put(out, &network, sizeof network);
}

static bytes frame_of(uint32_t serial, bool first)
{
    static const char hash[] = "\x86\xaa\xda\xe2\xc4\x54\x74\xc0\xfe\x93\xff\xd0\xf2\x35\x0a\x65";
    static bytes front, list, out;
    char body[BODY];
    front.size = list.size = out.size = 0;
    memset(body, 'x', sizeof body);
    if (first) {
        put(&front, hash, 16);
        put(&front, "\0", 1);
        put(&front, hash, 16);
        put(&front, "\2\0", 2);
    }
    put(&front,
        "\0\x16"
        "appendBatch",
        13);
    put(&list, "\xC8\x01", 2); // 100
    for (int i = 0; i < EVENTS; i++) {
        put(&list,
            "\2\x8host\x12"
            "127.0.0.1\0\x90\x03",
            19);
        put(&list, body, sizeof body);
    }
    put(&list, "\0", 1);
    put_u32(&out, serial);
    put_u32(&out, 2);
    put_u32(&out, (uint32_t)front.size);
    put(&out, front.data, front.size);
    put_u32(&out, (uint32_t)list.size);
    put(&out, list.data, list.size);
    return out;
}

// ---------------------------------------------------------------- the sender

typedef struct sender {
    int fd;
    bytes frame;
    size_t sent; ///< of the frame that is being sent
    int64_t n_frames, n_heard;
} sender;

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0, "socket");
    check(connect(fd, (struct sockaddr *)(void *)&address, sizeof address) == 0, "connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
    return fd;
}

static int64_t answers(const sender *s)
{
    return s->n_heard < FIRST_ANSWER ? 0 : 1 + (s->n_heard - FIRST_ANSWER) / ANSWER;
}

static void send_some(sender *s)
{
    ssize_t n = send(s->fd, s->frame.data + s->sent, s->frame.size - s->sent, MSG_NOSIGNAL);
    check(n > 0 || errno == EAGAIN, "send");
    s->sent += n > 0 ? (size_t)n : 0;
    if (s->sent == s->frame.size) {
        s->n_frames++;
        s->sent = 0;
        if (s->n_frames == 1) {
            s->frame = frame_of(2, false);
        }
    }
}

/// Sends for so long, waits for all answers; how many events were answered goes to `out`.
static void send_frames(int port, double seconds, int out)
{
    static sender s;
    s.fd = connect_to(port);
    s.frame = frame_of(1, true);
    int64_t until_ns = limit_wall_ns() + (int64_t)(seconds * 1e9);
    for (;;) {
        bool more = limit_wall_ns() < until_ns || s.sent > 0;
        bool sends = more && s.n_frames - answers(&s) < UNDER_WAY;
        if (!more && answers(&s) == s.n_frames) {
            break;
        }
        struct pollfd ask = {.fd = s.fd, .events = (short)(POLLIN | (sends ? POLLOUT : 0))};
        check(poll(&ask, 1, 10000) > 0, "an answer");
        if ((ask.revents & POLLIN) != 0) {
            char answer[4096];
            ssize_t n = recv(s.fd, answer, sizeof answer, 0);
            check(n > 0, "recv");
            s.n_heard += n;
        }
        if ((ask.revents & POLLOUT) != 0) {
            send_some(&s);
        }
    }
    int64_t n_events = s.n_frames * EVENTS;
    check(write(out, &n_events, sizeof n_events) == sizeof n_events, "write");
    _exit(0);
}

// ---------------------------------------------------------------- the receiver

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && bind(fd, (struct sockaddr *)(void *)&address, size) == 0 &&
              getsockname(fd, (struct sockaddr *)(void *)&address, &size) == 0,
          "a free port");
    close(fd);
    return ntohs(address.sin_port);
}

static double processor_s(void)
{
    struct rusage used;
    check(getrusage(RUSAGE_SELF, &used) == 0, "getrusage");
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"checkpoint", "ckpt",   "interval", "100ms", "progress",
                                           "none",       "master", "local[1]", NULL};
    char path[512];
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    int port = free_port(), ends[2];
    if (argc < 2 || argc > 3 || seconds <= 0) {
        limit_die("usage: flume DIR [SECONDS]");
    }
    (void)snprintf(path, sizeof path, "%s/flume.XXXXXX", argv[1]);
    check(mkdtemp(path) != NULL && chdir(path) == 0, path);
    (void)snprintf(the_url, sizeof the_url, "flume://localhost:%d", port);
    check(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    sl_context *context = bench_start("flume", count, settings, NULL);
    double before_s = processor_s();
    int64_t start_ns = limit_wall_ns();
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        send_frames(port, seconds, ends[1]);
    }
    check(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, "fcntl");
    int64_t n_events = 0;
    while (read(ends[0], &n_events, sizeof n_events) != sizeof n_events) {
        if (!bench_step(context)) {
            limit_die("the job has ended");
        }
        check(waitpid(child, NULL, WNOHANG) <= 0 || read(ends[0], &n_events, sizeof n_events) > 0,
              "the sender has ended");
        if (n_events > 0) {
            break;
        }
    }
    double used_s = processor_s() - before_s, wall_s = (double)(limit_wall_ns() - start_ns) / 1e9;
    (void)printf("events=%lld processor_s=%.3f wall_s=%.3f events_per_core_s=%.0f "
                 "events_per_s=%.0f\n",
                 (long long)n_events, used_s, wall_s, (double)n_events / used_s,
                 (double)n_events / wall_s);
    sl_context_free(context);
    return 0;
}
