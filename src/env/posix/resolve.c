/// resolve.c — host names to addresses. Numbers and "localhost" never touch the network or its
/// configuration.
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include "base/str.h"
#include "env/posix/posix_int.h"

static void address_add(posix_addresses *out, const void *bytes, socklen_t size)
{
    if (out->n < POSIX_ADDRESSES && size <= sizeof out->list[0].bytes) {
        memcpy(&out->list[out->n].bytes, bytes, size);
        out->list[out->n].size = size;
        out->n++;
    }
}

static void add_v4(posix_addresses *out, uint32_t address, int32_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    v4.sin_addr.s_addr = htonl(address);
    address_add(out, &v4, sizeof v4);
}

static void add_v6(posix_addresses *out, struct in6_addr address, int32_t port)
{
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = address};
    address_add(out, &v6, sizeof v6);
}

sl_code sli_posix_resolve(const char *host, int32_t port, bool passive, posix_addresses *out,
                          sl_error *err)
{
    *out = (posix_addresses){0};
    if (strcmp(host, "localhost") == 0) {
        add_v4(out, INADDR_LOOPBACK, port);
        add_v6(out, in6addr_loopback, port);
        return SL_OK;
    }
    if (passive && (*host == '\0' || strcmp(host, "*") == 0)) {
        add_v6(out, in6addr_any, port); // takes IPv4 too
        add_v4(out, INADDR_ANY, port);
        return SL_OK;
    }
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo want = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    want.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, service, &want, &found);
    if (rc == EAI_NONAME) { // not a number
        want.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
        rc = getaddrinfo(host, service, &want, &found);
    }
    if (rc == EAI_SYSTEM) {
        return sl_error_sys(err, SL_E_IO, errno, "host '%s' can't be resolved", host);
    }
    if (rc != 0) {
        return sl_error_set(err, SL_E_IO, "host '%s' can't be resolved: %s", host,
                            gai_strerror(rc));
    }
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
        address_add(out, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(found);
    return out->n > 0 ? SL_OK : sl_error_set(err, SL_E_IO, "host '%s' has no address", host);
}
