/// echo.c — how soon a line that arrives on a socket can be printed by a program that looks once a
/// tick: the loop beside which the engine's latency is measured, and the two ends that measure it.
///
///     echo [RATE SECONDS TICK_US]          all three parts below; default 20000 lines/s, 10 s,
///     1000 us echo --send HOST:PORT RATE SECONDS   listens, takes one reader, sends it lines,
///     closes echo --bare HOST:PORT TICK_US        connects, prints each tick's lines, until the
///     sender closes echo --measure                       reads printed lines on standard input,
///     says how old they are
///
/// The engine is measured by putting it in the place of --bare: `echo --send` in one process and
/// `JOB | echo --measure` in another. A line carries its send time and number as one word without
/// spaces, "@<CLOCK_MONOTONIC ns>.<number>", and is found wherever it stands in a printed line;
/// lines without one (banners) are passed over. So all three must run on one machine.
///
/// An age is the time from just before the sender's write to just after the measurer's read: both
/// sides pay for socket, pipe and the measurer's wake-up. The sender writes every 237 us, which no
/// round tick is a multiple of: ages spread evenly over the tick, and do not lock to it. Ages of
/// the first half second are left out.
#include "limit.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINE_BYTES = 64,
    SEND_PERIOD_NS = 237000,
    SEND_LINES = 4096, ///< most lines in one write
    BUFFER_BYTES = 1 << 20,
    WARM_UP_NS = 500000000,
    MAX_AGE_US = 10000000, ///< older ages count as this
    MAX_LINES = 1 << 28
};

static void check(bool good, const char *what)
{
    if (!good) {
        limit_die_errno(what);
    }
}

static void exact_timers(void)
{
    check(prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL) == 0, "prctl(PR_SET_TIMERSLACK)");
}

static void sleep_until(int64_t wall_ns)
{
    struct timespec at = limit_timespec(wall_ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static void write_all(int file, const char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t n = write(file, bytes, size_bytes);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        check(n >= 0, "write");
        bytes += n;
        size_bytes -= (size_t)n;
    }
}

static struct sockaddr_in read_address(const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) {
        limit_die("\"%s\" is not HOST:PORT", text);
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    const char *number = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    if (inet_pton(AF_INET, number, &address.sin_addr) != 1) {
        limit_die("\"%s\" is neither localhost nor an IPv4 address", host);
    }
    address.sin_port = htons((uint16_t)limit_number("PORT", colon + 1, 0, 65535));
    return address;
}

static int listen_at(struct sockaddr_in *address)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int yes = 1;
    socklen_t size = sizeof *address;
    check(listener >= 0, "socket");
    check(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0, "SO_REUSEADDR");
    check(bind(listener, (const struct sockaddr *)address, sizeof *address) == 0, "bind");
    check(listen(listener, 1) == 0, "listen");
    check(getsockname(listener, (struct sockaddr *)address, &size) == 0, "getsockname");
    return listener;
}

// ---- the sender -----------------------------------------------------------------------------

/// Writes line `number` with the time `now_ns` into LINE_BYTES.
static void make_line(char *line, int64_t now_ns, int64_t number)
{
    int n = snprintf(line, LINE_BYTES, "@%lld.%lld ", (long long)now_ns, (long long)number);
    memset(line + n, 'x', (size_t)(LINE_BYTES - 1 - n));
    line[LINE_BYTES - 1] = '\n';
}

/// Sends what is due every period until `seconds` are over; a late sender sends more at once, and
/// the lines carry the time at which they really went.
static int send_lines(int listener, int64_t rate, int64_t seconds)
{
    static char lines[SEND_LINES * LINE_BYTES];
    int yes = 1;
    exact_timers();
    int reader = accept(listener, NULL, NULL);
    check(reader >= 0, "accept");
    check(setsockopt(reader, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0, "TCP_NODELAY");
    int64_t begin_ns = limit_wall_ns(), total = rate * seconds, sent = 0;
    for (int64_t i = 1; sent < total; i++) {
        sleep_until(begin_ns + i * SEND_PERIOD_NS);
        int64_t now_ns = limit_wall_ns();
        int64_t due = (int64_t)((double)(now_ns - begin_ns) * 1e-9 * (double)rate);
        due = due < total ? due : total;
        int64_t n = due - sent < SEND_LINES ? due - sent : SEND_LINES;
        for (int64_t k = 0; k < n; k++) {
            make_line(lines + k * LINE_BYTES, now_ns, sent + k);
        }
        write_all(reader, lines, (size_t)n * LINE_BYTES);
        sent += n;
    }
    double took_s = (double)(limit_wall_ns() - begin_ns) * 1e-9;
    fprintf(stderr, "send lines=%lld lines_s=%.0f\n", (long long)sent, (double)sent / took_s);
    check(close(reader) == 0, "close");
    return 0;
}

// ---- the bare loop --------------------------------------------------------------------------

/// Reads what is there; false when the sender has closed.
static bool read_ready(int poller, int socket_fd, char *buffer, size_t *used)
{
    struct epoll_event event;
    while (*used < BUFFER_BYTES && epoll_wait(poller, &event, 1, 0) == 1) {
        ssize_t n = read(socket_fd, buffer + *used, BUFFER_BYTES - *used);
        if (n == 0) {
            return false;
        }
        check(n > 0 || errno == EINTR, "read");
        *used += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/// Prints the whole lines and keeps the rest.
static void print_lines(int output, char *buffer, size_t *used)
{
    const char *last = (const char *)memrchr(buffer, '\n', *used);
    if (last == NULL && *used == BUFFER_BYTES) {
        limit_die("a line of more than %d bytes", BUFFER_BYTES);
    }
    size_t whole = last == NULL ? 0 : (size_t)(last + 1 - buffer);
    write_all(output, buffer, whole);
    memmove(buffer, buffer + whole, *used - whole);
    *used -= whole;
}

static int echo_bare(struct sockaddr_in address, int64_t tick_ns, int output)
{
    static char buffer[BUFFER_BYTES];
    exact_timers();
    int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
    int poller = epoll_create1(0);
    check(socket_fd >= 0 && poller >= 0, "socket");
    check(connect(socket_fd, (const struct sockaddr *)&address, sizeof address) == 0, "connect");
    struct epoll_event event = {.events = EPOLLIN};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, socket_fd, &event) == 0, "epoll_ctl");
    size_t used = 0;
    int64_t n_ticks = 0, cpu_ns = limit_process_cpu_ns();
    int64_t next_ns = limit_wall_ns();
    for (bool open = true; open; n_ticks++) {
        next_ns += tick_ns;
        int64_t behind_ns = limit_wall_ns() - next_ns;
        next_ns += behind_ns > 0 ? behind_ns / tick_ns * tick_ns + tick_ns : 0; // missed: skipped
        sleep_until(next_ns);
        open = read_ready(poller, socket_fd, buffer, &used);
        print_lines(output, buffer, &used);
    }
    cpu_ns = limit_process_cpu_ns() - cpu_ns;
    fprintf(stderr, "bare ticks=%lld cpu_us_per_tick=%.2f\n", (long long)n_ticks,
            (double)cpu_ns / 1e3 / (double)n_ticks);
    check(close(socket_fd) == 0 && close(poller) == 0, "close");
    return 0;
}

// ---- the measurer ---------------------------------------------------------------------------

typedef struct measure {
    uint32_t *ages; ///< ages[us]: how many lines were that old
    uint8_t *seen;  ///< a bit per number
    int64_t n_lines, n_repeated, n_measured, highest, first_ns, max_us;
} measure;

/// Takes the digits at *at, which moves behind them; false if there are none.
static bool take_number(const char **at, const char *end, int64_t *out)
{
    const char *from = *at;
    int64_t value = 0;
    while (*at < end && **at >= '0' && **at <= '9' && *at - from < 18) {
        value = value * 10 + (**at - '0');
        (*at)++;
    }
    *out = value;
    return *at > from;
}

static void measure_line(measure *m, const char *at, const char *end, int64_t now_ns)
{
    int64_t sent_ns, number;
    at = (const char *)memchr(at, '@', (size_t)(end - at));
    if (at == NULL || (at++, !take_number(&at, end, &sent_ns)) || at >= end || *at++ != '.' ||
        !take_number(&at, end, &number)) {
        return;
    }
    if (number >= MAX_LINES || sent_ns > now_ns) {
        limit_die("a line that the sender cannot have sent: number %lld", (long long)number);
    }
    m->n_lines++;
    m->n_repeated += m->seen[number / 8] >> (number % 8) & 1;
    m->seen[number / 8] |= (uint8_t)(1 << (number % 8));
    m->highest = number > m->highest ? number : m->highest;
    m->first_ns = m->first_ns == 0 ? sent_ns : m->first_ns;
    if (sent_ns >= m->first_ns + WARM_UP_NS) {
        int64_t age_us = (now_ns - sent_ns + 500) / 1000;
        age_us = age_us < MAX_AGE_US ? age_us : MAX_AGE_US;
        m->max_us = age_us > m->max_us ? age_us : m->max_us;
        m->ages[age_us]++;
        m->n_measured++;
    }
}

static int64_t measure_quantile(const measure *m, int64_t permille)
{
    int64_t below = 0, wanted = m->n_measured * permille / 1000;
    for (int64_t us = 0; us <= MAX_AGE_US; us++) {
        below += m->ages[us];
        if (below > wanted) {
            return us;
        }
    }
    return m->max_us;
}

/// Fails when a line is missing or came twice: a latency over wrong output means nothing.
static int measure_report(const measure *m)
{
    int64_t missing = m->highest + 1 - (m->n_lines - m->n_repeated);
    if (m->n_measured == 0) {
        limit_die("no line was sent later than half a second after the first");
    }
    printf("measure lines=%lld missing=%lld repeated=%lld p50_us=%lld p90_us=%lld p99_us=%lld "
           "p999_us=%lld max_us=%lld\n",
           (long long)m->n_lines, (long long)missing, (long long)m->n_repeated,
           (long long)measure_quantile(m, 500), (long long)measure_quantile(m, 900),
           (long long)measure_quantile(m, 990), (long long)measure_quantile(m, 999),
           (long long)m->max_us);
    return missing == 0 && m->n_repeated == 0 ? 0 : 1;
}

static int measure_lines(int input)
{
    static char buffer[BUFFER_BYTES];
    size_t ages_bytes = (MAX_AGE_US + 1) * sizeof(uint32_t);
    measure m = {.ages = (uint32_t *)limit_alloc(ages_bytes), .highest = -1};
    m.seen = (uint8_t *)limit_alloc(MAX_LINES / 8);
    size_t used = 0;
    for (;;) {
        ssize_t n = read(input, buffer + used, BUFFER_BYTES - used);
        int64_t now_ns = limit_wall_ns();
        if (n < 0 && errno == EINTR) {
            continue;
        }
        check(n >= 0, "read");
        if (n == 0) {
            break;
        }
        used += (size_t)n;
        const char *line = buffer, *stop = buffer + used, *end;
        while ((end = (const char *)memchr(line, '\n', (size_t)(stop - line))) != NULL) {
            measure_line(&m, line, end, now_ns);
            line = end + 1;
        }
        used = (size_t)(stop - line);
        memmove(buffer, line, used);
        if (used == BUFFER_BYTES) {
            limit_die("a line of more than %d bytes", BUFFER_BYTES);
        }
    }
    int code = measure_report(&m);
    limit_free(m.ages, ages_bytes);
    limit_free(m.seen, MAX_LINES / 8);
    return code;
}

// ---- all three ------------------------------------------------------------------------------

static void must_succeed(pid_t child)
{
    int status;
    check(waitpid(child, &status, 0) == child, "waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        limit_die("a part of the measurement failed");
    }
}

static int echo_all(int64_t rate, int64_t seconds, int64_t tick_ns)
{
    struct sockaddr_in address = read_address("localhost:0");
    int listener = listen_at(&address);
    int printed[2];
    check(pipe(printed) == 0, "pipe");
    pid_t sender = fork();
    check(sender >= 0, "fork");
    if (sender == 0) {
        close(printed[0]);
        close(printed[1]);
        exit(send_lines(listener, rate, seconds));
    }
    pid_t measurer = fork();
    check(measurer >= 0, "fork");
    if (measurer == 0) {
        close(printed[1]);
        exit(measure_lines(printed[0]));
    }
    close(printed[0]);
    close(listener);
    echo_bare(address, tick_ns, printed[1]);
    close(printed[1]); // ends the measurer
    must_succeed(sender);
    must_succeed(measurer);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "--send") == 0 && argc == 5) {
        struct sockaddr_in address = read_address(argv[2]);
        int64_t rate = limit_number("RATE", argv[3], 1, 10000000);
        int64_t seconds = limit_number("SECONDS", argv[4], 1, MAX_LINES / rate);
        return send_lines(listen_at(&address), rate, seconds);
    }
    if (strcmp(mode, "--bare") == 0 && argc == 4) {
        int64_t tick_us = limit_number("TICK_US", argv[3], 10, 10000000);
        return echo_bare(read_address(argv[2]), tick_us * 1000, STDOUT_FILENO);
    }
    if (strcmp(mode, "--measure") == 0 && argc == 2) {
        return measure_lines(STDIN_FILENO);
    }
    if (argc != 1 && (argc != 4 || mode[0] == '-')) {
        limit_die("usage: echo [RATE SECONDS TICK_US] | --send HOST:PORT RATE SECONDS | "
                  "--bare HOST:PORT TICK_US | --measure");
    }
    int64_t rate = limit_number("RATE", argc == 4 ? argv[1] : "20000", 1, 10000000);
    int64_t seconds = limit_number("SECONDS", argc == 4 ? argv[2] : "10", 1, MAX_LINES / rate);
    int64_t tick_us = limit_number("TICK_US", argc == 4 ? argv[3] : "1000", 10, 10000000);
    return echo_all(rate, seconds, tick_us * 1000);
}
