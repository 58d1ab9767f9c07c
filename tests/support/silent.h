/// silent.h — a server that takes connections and whatever is sent, and answers nothing: as one
/// whose process is stopped.
///
/// Nobody accepts: the kernel does, on its behalf.
#pragma once

typedef struct slt_silent {
    int fd, port;
} slt_silent;

/// Listens on loopback. Fails the test when it can't.
slt_silent slt_silent_start(void);
void slt_silent_end(slt_silent *server);
