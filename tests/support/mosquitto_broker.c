// A mosquitto of a test's own: its configuration, and its process.
#include "mosquitto_broker.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ports.h"
#include "sl_test.h"

enum { PATH = 512, WAIT_MS = 10000, STEP_MS = 5 };

struct slt_mosquitto {
    char dir[PATH], ca[PATH];
    const char *forbidden;
    int port;
    pid_t pid; ///< 0: it is not running
    bool asks_password, has_tls;
};

// ---------------------------------------------------------------- files

static FILE *create(const slt_mosquitto *b, const char *name)
{
    char path[PATH + 32];
    (void)snprintf(path, sizeof path, "%s/%s", b->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void write_access(const slt_mosquitto *b)
{
    FILE *file = create(b, "acl");
    if (b->forbidden != NULL) {
        (void)fprintf(file, "topic deny %s\npattern deny %s\n", b->forbidden, b->forbidden);
    }
    (void)fprintf(file, "topic readwrite #\npattern readwrite #\n");
    assert_int_equal(fclose(file), 0);
}

static void write_configuration(const slt_mosquitto *b)
{
    const char *certificates = getenv("SLUICE_TEST_MQTT");
    FILE *file = create(b, "mosquitto.conf");
    (void)fprintf(file,
                  "listener %d 127.0.0.1\nuser root\nallow_anonymous %s\nacl_file %s/acl\n"
                  "persistence true\npersistence_location %s/\nmax_queued_messages 0\n"
                  "log_dest file %s/log\nlog_type all\n",
                  b->port, b->asks_password ? "false" : "true", b->dir, b->dir, b->dir);
    if (b->asks_password) {
        (void)fprintf(file, "password_file %s/passwords\n", b->dir);
    }
    if (b->has_tls) {
        (void)fprintf(file, "cafile %s/ca.pem\ncertfile %s/server.pem\nkeyfile %s/server.key\n",
                      certificates, certificates, certificates);
    }
    assert_int_equal(fclose(file), 0);
}

// ---------------------------------------------------------------- the process

static int connect_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&at, sizeof at);
    (void)close(fd);
    return rc;
}

static void await_listening(const slt_mosquitto *b)
{
    for (int ms = 0; ms < WAIT_MS; ms += STEP_MS) {
        if (connect_to(b->port) == 0) {
            return;
        }
        assert_int_equal(waitpid(b->pid, NULL, WNOHANG), 0); // see the file log
        (void)poll(NULL, 0, STEP_MS); // a server tells nobody that it listens now
    }
    fail_msg("mosquitto in %s does not listen", b->dir);
}

static void launch(slt_mosquitto *b)
{
    char conf[PATH + 32];
    (void)snprintf(conf, sizeof conf, "%s/mosquitto.conf", b->dir);
    b->pid = fork();
    assert_true(b->pid >= 0);
    if (b->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("mosquitto", "mosquitto", "-c", conf, (char *)NULL);
        (void)execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf, (char *)NULL);
        _exit(127);
    }
    await_listening(b);
}

/// In order: it saves what it has then.
static void stop(slt_mosquitto *b)
{
    assert_int_equal(kill(b->pid, SIGTERM), 0);
    for (int ms = 0; waitpid(b->pid, NULL, WNOHANG) == 0; ms += STEP_MS) {
        assert_true(ms < WAIT_MS);
        (void)poll(NULL, 0, STEP_MS);
    }
    b->pid = 0;
}

void slt_mosquitto_run(slt_mosquitto *b, bool run)
{
    if (run && b->pid == 0) {
        launch(b);
    } else if (!run && b->pid != 0) {
        stop(b);
    }
}

int64_t slt_mosquitto_sent(const slt_mosquitto *b, const char *client, const char *topic)
{
    char path[PATH + 32], to[PATH], of[PATH], line[1024];
    int64_t n = 0;
    assert_int_equal(b->pid, 0);
    (void)snprintf(path, sizeof path, "%s/log", b->dir);
    (void)snprintf(to, sizeof to, "Sending PUBLISH to %s (", client);
    (void)snprintf(of, sizeof of, ", '%s', ", topic);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        n += strstr(line, to) != NULL && strstr(line, of) != NULL;
    }
    (void)fclose(file);
    return n;
}

static void restart(slt_mosquitto *b)
{
    slt_mosquitto_run(b, false);
    write_configuration(b);
    slt_mosquitto_run(b, true);
}

// ---------------------------------------------------------------- the door

slt_mosquitto *slt_mosquitto_start(void)
{
    static int n_started; // a test may have several, one after the other
    slt_mosquitto *b = calloc(1, sizeof *b);
    assert_non_null(b);
    (void)snprintf(b->dir, sizeof b->dir, "%s/mosquitto%d", slt_temp_dir(), ++n_started);
    assert_int_equal(mkdir(b->dir, 0700), 0);
    slt_ports(&b->port, 1);
    write_access(b);
    write_configuration(b);
    launch(b);
    return b;
}

void slt_mosquitto_end(slt_mosquitto *b)
{
    slt_mosquitto_run(b, false);
    free(b);
}

int32_t slt_mosquitto_port(const slt_mosquitto *b)
{
    return b->port;
}

const char *slt_mosquitto_password(slt_mosquitto *b)
{
    char command[PATH + 64];
    FILE *file = create(b, "passwords");
    (void)fprintf(file, "user:right\n");
    assert_int_equal(fclose(file), 0);
    (void)snprintf(command, sizeof command, "mosquitto_passwd -U '%s/passwords'", b->dir);
    assert_int_equal(system(command), 0);
    b->asks_password = true;
    restart(b);
    return "right";
}

void slt_mosquitto_forbid(slt_mosquitto *b, const char *topic)
{
    b->forbidden = topic;
    write_access(b);
    restart(b);
}

const char *slt_mosquitto_tls(slt_mosquitto *b)
{
    (void)snprintf(b->ca, sizeof b->ca, "%s/ca.pem", getenv("SLUICE_TEST_MQTT"));
    b->has_tls = true;
    restart(b);
    return b->ca;
}
