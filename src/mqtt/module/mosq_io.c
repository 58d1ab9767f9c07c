// Waiting, reading, writing, and what is wrong when that fails.
#include "mosq_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MAX_QUEUED_BYTES = 1 << 20, DAY_MS = 86400000, SESSION_TAKEN_OVER = 0x8E };

// ---------------------------------------------------------------- failures

sl_code mosq_fail(sl_error *err, sl_code code, const char *what, const char *why)
{
    if (err != NULL) {
        *err = (sl_error){.code = code};
        (void)snprintf(err->text, sizeof err->text, "mqtt: %s: %s", what, why);
    }
    return code;
}

static sl_code code_of(int rc)
{
    switch (rc) {
    case MOSQ_ERR_NOMEM:
        return SL_E_NOMEM;
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_INVAL:
        return SL_E_DATA;
    case MOSQ_ERR_AUTH:
    case MOSQ_ERR_ACL_DENIED:
    case MOSQ_ERR_TLS:
    case MOSQ_ERR_NOT_SUPPORTED:
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
        return SL_E_CONFIG;
    default:
        return SL_E_IO;
    }
}

sl_code mosq_fail_of(sl_error *err, int rc, const char *what)
{
    return mosq_fail(err, code_of(rc), what,
                     rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
}

sl_code mosq_lost(const sli_mqtt *self, sl_error *err)
{
    if (self->taken_over == SESSION_TAKEN_OVER) {
        return mosq_fail(err, SL_E_SUPERSEDED, "the connection was ended",
                         "another client has connected with the same client_id");
    }
    return mosq_fail(err, SL_E_IO, "the connection is lost",
                     self->taken_over != 0 ? mosquitto_reason_string(self->taken_over)
                                           : "ended without a reason");
}

// ---------------------------------------------------------------- waiting

/// The deadline, or the end of all waits, which may come nearer.
static int64_t nearer_us(const sli_mqtt *self, int64_t deadline_us)
{
    // Relaxed: the time alone is told.
    int64_t end_us = self->end_us == NULL
                         ? SLI_FOREVER
                         : atomic_load_explicit(self->end_us, memory_order_relaxed);
    return end_us < deadline_us ? end_us : deadline_us;
}

int mosq_left_ms(const sli_mqtt *self, int64_t deadline_us)
{
    int64_t end_us = nearer_us(self, deadline_us), now_us = self->mono_us(self->env);
    int64_t left = end_us <= now_us ? 0 : end_us - now_us; // INT64_MIN has no distance
    return left > DAY_MS * 1000LL ? DAY_MS : (int)((left + 999) / 1000);
}

int mosq_slice_ms(const sli_mqtt *self, int64_t deadline_us)
{
    enum { LOOK_MS = 250 };
    int left_ms = mosq_left_ms(self, deadline_us);
    return left_ms < LOOK_MS ? left_ms : LOOK_MS;
}

void mosq_wake(sli_mqtt *self)
{
    const uint64_t one = 1;
    (void)!write(self->wake_fd, &one, sizeof one); // full: it is awake anyhow
}

sl_code mosq_wait(sli_mqtt *self, bool to_read, bool to_write, int64_t deadline_us, short *ready,
                  bool *woken, sl_error *err)
{
    short events = (short)((to_read ? POLLIN : 0) | (to_write ? POLLOUT : 0));
    struct pollfd fds[2] = {{.fd = self->wake_fd, .events = POLLIN},
                            {.fd = mosquitto_socket(self->mosq), .events = events}};
    int n = poll(fds, events == 0 ? 1 : 2, mosq_slice_ms(self, deadline_us));
    if (n < 0 && errno != EINTR) {
        return mosq_fail(err, SL_E_IO, "poll", strerror(errno));
    }
    uint64_t count;
    *woken = n > 0 && fds[0].revents != 0;
    if (*woken) {
        (void)!read(self->wake_fd, &count, sizeof count);
    }
    // An error or a hang-up shows in the next read or write.
    bool ended = (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    *ready = n <= 0 || events == 0 ? 0 : ended ? events : fds[1].revents;
    return SL_OK;
}

// ---------------------------------------------------------------- reading and writing

static sl_code verdict(const sli_mqtt *self, int rc, const char *what, sl_error *err)
{
    if (self->queue.failed) {
        return mosq_fail(err, SL_E_NOMEM, "a message", "no memory");
    }
    if (self->is_lost || rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_NO_CONN) {
        return mosq_lost(self, err);
    }
    return rc == MOSQ_ERR_SUCCESS ? SL_OK : mosq_fail_of(err, rc, what);
}

sl_code mosq_read(sli_mqtt *self, int32_t most, sl_error *err)
{
    int rc = MOSQ_ERR_SUCCESS;
    do {
        errno = 0; // EAGAIN: all that has come was read
        rc = mosquitto_loop_read(self->mosq, 1);
    } while (rc == MOSQ_ERR_SUCCESS && !self->is_lost && errno != EAGAIN && self->queue.n < most &&
             self->queue.bytes < MAX_QUEUED_BYTES);
    return verdict(self, rc, "read", err);
}

sl_code mosq_write(sli_mqtt *self, sl_error *err)
{
    int rc = MOSQ_ERR_SUCCESS;
    do {
        errno = 0;
        rc = mosquitto_loop_write(self->mosq, 1);
    } while (rc == MOSQ_ERR_SUCCESS && errno != EAGAIN && mosquitto_want_write(self->mosq));
    return verdict(self, rc, "write", err);
}
