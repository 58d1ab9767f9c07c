/// proxy.h — stands between clients and a server and loses what a test wants lost.
///
/// A thread of its own passes bytes on, both ways. What the client and the server see of a fault is
/// what a network does to them: connections that end, are refused, or say nothing more.
#pragma once

#include <stdbool.h>

typedef struct slt_proxy slt_proxy;

typedef enum slt_proxy_fault {
    SLT_PROXY_NONE,
    SLT_PROXY_REFUSE, ///< open connections end, and new ones
    SLT_PROXY_SILENT, ///< all stay open, and nothing passes; what was held passes afterwards
} slt_proxy_fault;

/// Both places are "host:port" on loopback. Fails the test when it can't listen.
slt_proxy *slt_proxy_start(const char *at, const char *to);
/// From now on, for all connections.
void slt_proxy_set(slt_proxy *proxy, slt_proxy_fault fault);
/// Connections that are open now stay open, and nothing comes of them any more: answers are lost,
/// and with `requests` the requests too. Later ones are not concerned.
void slt_proxy_lose(slt_proxy *proxy, bool requests);
void slt_proxy_end(slt_proxy *proxy); ///< accepts NULL
