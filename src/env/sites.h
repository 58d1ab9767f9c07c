/// sites.h — every kind of outside call by name: what can be crashed at, and what can be made to
/// fail, in simulation (sim/gate.c) and in the real world (fault.c).
#pragma once

/// What may happen at a site.
typedef enum sli_site_kind {
    SLI_SITE_ANSWER, ///< nothing: clocks, close, set. Not numbered
    SLI_SITE_CRASH,  ///< a crash
    SLI_SITE_FAIL,   ///< a crash or a failure
    SLI_SITE_SWITCH, ///< as FAIL; in simulation other strands may also run before it
} sli_site_kind;

/// X(symbol, name, kind)
#define SLI_ENV_SITES(X)                                                                           \
    X(TIME_WALL, "time.wall", ANSWER)                                                              \
    X(TIME_MONO, "time.mono", ANSWER)                                                              \
    X(RANDOM, "env.random", CRASH)                                                                 \
    X(FILE_OPEN, "file.open", SWITCH)                                                              \
    X(FILE_READ, "file.read", SWITCH)                                                              \
    X(FILE_WRITE, "file.write", SWITCH)                                                            \
    X(FILE_WRITE_AT, "file.write_at", SWITCH)                                                      \
    X(FILE_SYNC, "file.sync", SWITCH)                                                              \
    X(FILE_TRUNCATE, "file.truncate", SWITCH)                                                      \
    X(FILE_STAT, "file.stat", SWITCH)                                                              \
    X(FILE_LOCK, "file.lock", SWITCH)                                                              \
    X(FILE_CLOSE, "file.close", ANSWER)                                                            \
    X(PATH_STAT, "path.stat", SWITCH)                                                              \
    X(PATH_RENAME, "path.rename", SWITCH)                                                          \
    X(PATH_REMOVE, "path.remove", SWITCH)                                                          \
    X(PATH_LINK, "path.link", SWITCH)                                                              \
    X(DIR_MAKE, "dir.make", SWITCH)                                                                \
    X(DIR_REMOVE, "dir.remove", SWITCH)                                                            \
    X(DIR_SYNC, "dir.sync", SWITCH)                                                                \
    X(DIR_LIST, "dir.list", SWITCH)                                                                \
    X(SIGNAL_SET, "signal.set", ANSWER)                                                            \
    X(SIGNAL_WAIT, "signal.wait", CRASH)                                                           \
    X(STRAND_POST, "strand.post", ANSWER)                                                          \
    X(SOCKET_CONNECT, "socket.connect", FAIL)                                                      \
    X(SOCKET_CONNECTED, "socket.connected", CRASH)                                                 \
    X(SOCKET_LISTEN, "socket.listen", FAIL)                                                        \
    X(SOCKET_ACCEPT, "socket.accept", FAIL)                                                        \
    X(SOCKET_STDIN, "socket.stdin", FAIL)                                                          \
    X(SOCKET_RECEIVE, "socket.receive", FAIL)                                                      \
    X(SOCKET_SEND, "socket.send", FAIL)                                                            \
    X(SOCKET_FINISH, "socket.finish", ANSWER)                                                      \
    X(SOCKET_CLOSE, "socket.close", ANSWER)                                                        \
    X(LOOP_WATCH, "loop.watch", CRASH)                                                             \
    X(LOOP_TIMER, "loop.timer", CRASH)                                                             \
    X(LOOP_RUN, "loop.run", CRASH)                                                                 \
    X(LOOP_WAKE, "loop.wake", ANSWER)                                                              \
    X(CHILD_START, "child.start", FAIL)                                                            \
    X(CHILD_EXCHANGE, "child.exchange", FAIL)                                                      \
    X(PRINT, "env.print", FAIL)                                                                    \
    X(PHASE, "env.phase", ANSWER)                                                                  \
    SLI_OUTSIDE_SITES(X)

/// Calls of client libraries, which env does not make itself (sli_env_outside in env.h): the last
/// rows of SLI_ENV_SITES.
#define SLI_OUTSIDE_SITES(X)                                                                       \
    X(KAFKA_OPEN, "kafka.open", SWITCH)                                                            \
    X(KAFKA_ASK, "kafka.ask", SWITCH)                                                              \
    X(KAFKA_FETCH, "kafka.fetch", SWITCH)                                                          \
    X(KAFKA_POLL, "kafka.poll", SWITCH)                                                            \
    X(KAFKA_SEND, "kafka.send", SWITCH)                                                            \
    X(KAFKA_MARK, "kafka.mark", SWITCH)                                                            \
    X(KAFKA_COMMIT, "kafka.commit", SWITCH)                                                        \
    X(KAFKA_ABORT, "kafka.abort", SWITCH)                                                          \
    X(POSTGRES_OPEN, "postgres.open", SWITCH)                                                      \
    X(POSTGRES_ASK, "postgres.ask", SWITCH)                                                        \
    X(POSTGRES_BEGIN, "postgres.begin", SWITCH)                                                    \
    X(POSTGRES_COPY, "postgres.copy", SWITCH)                                                      \
    X(POSTGRES_MARK, "postgres.mark", SWITCH)                                                      \
    X(POSTGRES_COMMIT, "postgres.commit", SWITCH)                                                  \
    X(POSTGRES_READ, "postgres.read", SWITCH)                                                      \
    X(MQTT_OPEN, "mqtt.open", SWITCH)                                                              \
    X(MQTT_SUBSCRIBE, "mqtt.subscribe", SWITCH)                                                    \
    X(MQTT_POLL, "mqtt.poll", SWITCH)                                                              \
    X(MQTT_SETTLE, "mqtt.settle", SWITCH)                                                          \
    X(MQTT_PUBLISH, "mqtt.publish", SWITCH)                                                        \
    X(HTTP_BEGIN, "http.begin", SWITCH)                                                            \
    X(HTTP_READ, "http.read", SWITCH)

/// Which of them.
typedef enum sli_outside {
#define X(symbol, name, kind) SLI_OUTSIDE_##symbol,
    SLI_OUTSIDE_SITES(X)
#undef X
        SLI_N_OUTSIDES,
} sli_outside;
