/// notify.c — systemd's notification protocol: one datagram of lines VARIABLE=VALUE.
///
/// Spoken directly, since it is no more than a socket and a name: no library is needed for it.
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "env/posix/posix_int.h"

/// "/run/x" is a file's name, "@x" one of the abstract name space. 0 when it is neither, or too
/// long.
static socklen_t address_of(const char *name, struct sockaddr_un *out)
{
    size_t size = strlen(name);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || size < 2 || size >= sizeof out->sun_path) {
        return 0;
    }
    memcpy(out->sun_path, name, size);
    bool is_abstract = name[0] == '@';
    if (is_abstract) {
        out->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + (is_abstract ? 0 : 1));
}

/// 0, or why it could not be sent.
static int send_lines(const struct sockaddr_un *to, socklen_t to_size, const char *lines)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    const struct timeval most = {.tv_sec = 5};
    ssize_t sent = -1;
    int why = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) == 0 ? 0 : errno;
    while (why == 0 && sent < 0) {
        sent = sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)to, to_size);
        why = sent < 0 && errno != EINTR ? errno : 0;
    }
    close(fd);
    return why;
}

sl_code sli_posix_notify(sl_env *env, const char *lines, sl_error *err)
{
    const char *name = sli_posix_variable(env, "NOTIFY_SOCKET");
    if (name == NULL) {
        return SL_OK;
    }
    struct sockaddr_un to;
    socklen_t to_size = address_of(name, &to);
    if (to_size == 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "NOTIFY_SOCKET=%s: a path from '/' or a name after '@' was expected",
                            name);
    }
    int why = send_lines(&to, to_size, lines);
    return why == 0 ? SL_OK : sl_error_sys(err, SL_E_IO, why, "NOTIFY_SOCKET=%s", name);
}
