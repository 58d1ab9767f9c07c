// An agent, numbers, lives, and the comparison.
#include "flume/rig.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports.h"
#include "published.h"

enum {
    ANSWER = 64 << 10,
    MOST_SINKS = 8,
    BATCH = 200,
    FED_TO_GO_ON = 50 ///< to a life that has taken all it had
};

// ---------------------------------------------------------------- sockets

static struct sockaddr_in at_port(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to(int port)
{
    struct sockaddr_in address = at_port(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fail_msg("nobody listens at port %d", port);
    }
    return fd;
}

static void write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        assert_true(n > 0);
        data += n;
        size -= (size_t)n;
    }
}

// ---------------------------------------------------------------- the agent

static int run_tool(const char *verb, const char *dir, const char *more)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)!freopen(slt_in_dir(dir, "tool.out"), "w", stdout);
        execl(SLT_SOURCE_DIR "/tools/flume", "flume", verb, dir, more, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void put_source(FILE *out, int i, int port)
{
    (void)fprintf(out,
                  "a1.sources.r%d.type = netcat\na1.sources.r%d.bind = 127.0.0.1\n"
                  "a1.sources.r%d.port = %d\na1.sources.r%d.ack-every-event = false\n"
                  "a1.sources.r%d.channels = c%d\n"
                  "a1.channels.c%d.type = memory\na1.channels.c%d.capacity = 2000000\n"
                  "a1.channels.c%d.transactionCapacity = 1000\na1.channels.c%d.keep-alive = 0\n",
                  i, i, i, port, i, i, i, i, i, i, i);
    if (i == 0) {
        (void)fprintf(out, "a1.sources.r0.interceptors = i0\n"
                           "a1.sources.r0.interceptors.i0.type = regex_extractor\n"
                           "a1.sources.r0.interceptors.i0.regex = (\\\\d+)\n"
                           "a1.sources.r0.interceptors.i0.serializers = s0\n"
                           "a1.sources.r0.interceptors.i0.serializers.s0.name = id\n");
    }
}

static void put_sink(FILE *out, const slt_flume *f, int i, int channel)
{
    const char *type = f->pulls ? "org.apache.spark.streaming.flume.sink.SparkSink" : "avro";
    (void)fprintf(out,
                  "a1.sinks.k%d.type = %s\na1.sinks.k%d.hostname = localhost\n"
                  "a1.sinks.k%d.port = %d\na1.sinks.k%d.channel = c%d\n",
                  i, type, i, i, f->doors[channel], i, channel);
    char lines[1024], *state = NULL;
    (void)snprintf(lines, sizeof lines, "%s", f->sink_more);
    for (char *line = strtok_r(lines, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        (void)fprintf(out, "a1.sinks.k%d.%s\n", i, line);
    }
}

static void put_properties(const slt_flume *f)
{
    FILE *out = fopen(slt_in_dir(f->dir, "agent.properties"), "w");
    assert_non_null(out);
    (void)fprintf(out, "a1.sources = r0 r1\na1.channels = c0 c1\na1.sinks =");
    for (int i = 0; i < f->n_sinks * SLT_FLUME_SOURCES; i++) {
        (void)fprintf(out, " k%d", i);
    }
    (void)fprintf(out, "\n");
    for (int i = 0; i < SLT_FLUME_SOURCES; i++) {
        put_source(out, i, f->ports[i]);
        for (int k = 0; k < f->n_sinks; k++) {
            put_sink(out, f, i * f->n_sinks + k, i);
        }
    }
    assert_int_equal(fclose(out), 0);
}

void slt_flume_agent(slt_flume *f)
{
    put_properties(f);
    if (run_tool("start", f->dir, f->pulls ? "--pull" : NULL) != 0) {
        fail_msg("the agent did not start; see %s/agent.out", f->dir);
    }
    size_t size = 0;
    char *said = slt_load(slt_in_dir(f->dir, "agent.metrics"), &size);
    assert_non_null(said);
    f->metrics = atoi(said);
    free(said);
    for (int i = 0; i < SLT_FLUME_SOURCES; i++) {
        f->feeds[i] = connect_to(f->ports[i]);
    }
}

static void feed_on(void *ctx)
{
    slt_flume_feed(ctx, FED_TO_GO_ON);
}

void slt_flume_open(slt_flume *f)
{
    const char *wanted = getenv("SLUICE_TEST_FLUME");
    int ports[2 * SLT_FLUME_SOURCES];
    if (wanted == NULL || *wanted == '\0') {
        slt_not_here("no SLUICE_TEST_FLUME: make test-flume runs it");
    }
    f->dir = slt_temp_dir();
    f->n_fed = 0;
    f->sink_more = f->sink_more == NULL ? "" : f->sink_more;
    f->in_more = f->in_more == NULL ? "" : f->in_more;
    slt_ports(ports, 2 * SLT_FLUME_SOURCES);
    for (int i = 0; i < SLT_FLUME_SOURCES; i++) {
        f->ports[i] = ports[i];
        f->doors[i] = ports[SLT_FLUME_SOURCES + (f->pulls ? i : 0)];
    }
    assert_true(f->n_sinks >= 1 && f->n_sinks <= MOST_SINKS);
    slt_life_open(&f->life, f->dir, "flume_job.so");
    f->life.give_more = feed_on;
    f->life.ctx = f;
    if (strstr(f->in_more, "tls.cert") != NULL) {
        assert_int_equal(run_tool("certificates", f->dir, NULL), 0);
    }
}

void slt_flume_close(slt_flume *f)
{
    for (int i = 0; i < SLT_FLUME_SOURCES; i++) {
        (void)close(f->feeds[i]);
    }
    slt_life_close(&f->life);
    assert_int_equal(run_tool("kill", f->dir, NULL), 0);
}

void slt_flume_feed(slt_flume *f, int64_t n)
{
    for (int i = 0; i < SLT_FLUME_SOURCES; i++) {
        for (int64_t number = f->n_fed + 1; number <= f->n_fed + n; number++) {
            char line[32];
            int size = snprintf(line, sizeof line, "%lld\n", (long long)number);
            write_all(f->feeds[i], line, (size_t)size);
        }
    }
    f->n_fed += n;
}

// ---------------------------------------------------------------- its counters

static void ask_counters(const slt_flume *f, char out[ANSWER])
{
    static const char request[] = "GET /metrics HTTP/1.0\r\n\r\n";
    int fd = connect_to(f->metrics);
    size_t size = 0;
    write_all(fd, request, sizeof request - 1);
    for (ssize_t n; (n = read(fd, out + size, ANSWER - 1 - size)) > 0;) {
        size += (size_t)n;
    }
    out[size] = '\0';
    (void)close(fd);
}

/// The counter in the object of that part of the answer.
static int64_t find_counter(const char *text, const char *part, const char *counter)
{
    char name[80];
    (void)snprintf(name, sizeof name, "\"%s\":{", part);
    const char *at = strstr(text, name), *end = at == NULL ? NULL : strchr(at, '}');
    (void)snprintf(name, sizeof name, "\"%s\":\"", counter);
    const char *value = at == NULL ? NULL : strstr(at + 1, name);
    return value == NULL || value > end ? 0 : strtoll(value + strlen(name), NULL, 10);
}

/// Attempts of the source's sinks less their successes.
static int64_t pushed_again(const slt_flume *f, const char *counters, int source)
{
    int64_t n = 0;
    for (int i = 0; i < f->n_sinks; i++) {
        char part[32];
        (void)snprintf(part, sizeof part, "SINK.k%d", source * f->n_sinks + i);
        n += find_counter(counters, part, "EventDrainAttemptCount") -
             find_counter(counters, part, "EventDrainSuccessCount");
    }
    return n;
}

/// How often the agent has said so.
static int64_t count_said(const slt_flume *f, const char *words)
{
    size_t size = 0;
    int64_t n = 0;
    char *text = slt_load(slt_in_dir(f->dir, "agent.out"), &size);
    for (const char *at = text; at != NULL && (at = strstr(at, words)) != NULL; at++) {
        n++;
    }
    free(text);
    return n;
}

/// Spark's sink has no counters of its own. What it takes back it took from its channel without
/// success, as it did when it found nothing there; and it tells of each batch that it takes back.
static int64_t pulled_again(const slt_flume *f, const char *counters, int source)
{
    char part[32];
    (void)snprintf(part, sizeof part, "CHANNEL.c%d", source);
    int64_t taken = find_counter(counters, part, "EventTakeAttemptCount") -
                    find_counter(counters, part, "EventTakeSuccessCount");
    int64_t told = BATCH * count_said(f, "Transaction is being rolled back");
    return taken < told ? taken : told;
}

int64_t slt_flume_resent(const slt_flume *f, int source)
{
    static char text[ANSWER];
    ask_counters(f, text);
    return f->pulls ? pulled_again(f, text, source) : pushed_again(f, text, source);
}

/// Whether each channel has given away all that its source took of us.
static bool is_drained(const slt_flume *f)
{
    static char text[ANSWER];
    bool drained = true;
    ask_counters(f, text);
    for (int i = 0; i < SLT_FLUME_SOURCES; i++) {
        char channel[32];
        (void)snprintf(channel, sizeof channel, "CHANNEL.c%d", i);
        drained = drained && find_counter(text, channel, "EventPutSuccessCount") == f->n_fed &&
                  find_counter(text, channel, "EventTakeSuccessCount") == f->n_fed;
    }
    return drained;
}

// ---------------------------------------------------------------- lives

void slt_flume_start(slt_flume *f)
{
    static const char *const settings[] = {"interval=20ms",     "master=local[2]",
                                           "snapshot.groups=7", "commit_interval=0ms",
                                           "progress=none",     "log=warn"};
    char in[2048], out[512];
    if (f->pulls) {
        (void)snprintf(in, sizeof in, "flume-poll:localhost:%d,localhost:%d?batch=%d", f->doors[0],
                       f->doors[1], BATCH);
    } else {
        (void)snprintf(in, sizeof in, "flume://localhost:%d?idle_timeout=1m", f->doors[0]);
    }
    size_t at = strlen(in);
    (void)snprintf(in + at, sizeof in - at, "&id_header=id&columns=headers.id%s", f->in_more);
    for (char *mark; (mark = strstr(in, "DIR")) != NULL;) { // the test's directory
        char rest[1024];
        (void)snprintf(rest, sizeof rest, "%s", mark + 3);
        (void)snprintf(mark, sizeof in - (size_t)(mark - in), "%s%s", f->dir, rest);
    }
    (void)snprintf(out, sizeof out, "file:%s/out?format=csv", f->dir);
    assert_int_equal(setenv("SLUICE_TEST_IN", in, 1), 0);
    assert_int_equal(setenv("SLUICE_TEST_OUT", out, 1), 0);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        f->life.settings[i] = settings[i];
    }
    slt_life_start(&f->life);
}

// ---------------------------------------------------------------- the comparison

typedef struct shown {
    int64_t n_fed;
    uint16_t *times[SLT_FLUME_SOURCES]; ///< by number
} shown;

static void see_line(void *ctx, const char *line)
{
    shown *s = ctx;
    char *end = NULL;
    const char *body = strchr(line, ',');
    assert_non_null(body);
    int64_t number = strtoll(body + 1, &end, 10);
    assert_true(*end == '\0' && number > 0 && number <= s->n_fed);
    bool named = body > line;
    assert_true(!named || strtoll(line, NULL, 10) == number);
    s->times[named ? 0 : 1][number]++;
}

static int64_t compare(const shown *s)
{
    int64_t again = 0;
    for (int64_t number = 1; number <= s->n_fed; number++) {
        if (s->times[0][number] != 1 || s->times[1][number] < 1) {
            fail_msg("number %lld is there %d times with an id, %d times without",
                     (long long)number, s->times[0][number], s->times[1][number]);
        }
        again += s->times[1][number] - 1;
    }
    return again;
}

int64_t slt_flume_check(slt_flume *f)
{
    int64_t most_ms = SLT_DEADLINE_MS * (slt_is_soak() ? 10 : 1);
    int64_t until = slt_now_us() + most_ms * 1000;
    while (!is_drained(f)) {
        slt_life_last(&f->life, 50);
        if (slt_now_us() > until) {
            fail_msg("the agent does not get rid of its events; see %s/agent.out", f->dir);
        }
    }
    slt_life_stop(&f->life);
    shown s = {.n_fed = f->n_fed};
    for (int i = 0; i < SLT_FLUME_SOURCES; i++) {
        s.times[i] = calloc((size_t)f->n_fed + 1, sizeof *s.times[i]);
        assert_non_null(s.times[i]);
    }
    slt_each_line(slt_in_dir(f->dir, "out"), see_line, &s);
    int64_t again = compare(&s);
    free(s.times[0]);
    free(s.times[1]);
    return again;
}
