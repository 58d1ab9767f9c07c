/// net.h — doors that listen: an address, the connections that come to it, and what protects the
/// rest of the job from them.
///
///     open { start { connections come, speak a protocol, go } stop } close
///
/// A *door* listens on one address and speaks one protocol, a table of three functions. Everything
/// that is the same for all protocols is here: TLS, bounded buffers, deadlines, limits, counters,
/// an orderly end. A protocol sees plain bytes in order and is told what is left of the connection
/// by nothing else; it never touches a socket.
///
/// Each connection is a state machine on the io loop:
///
///             TLS done, or none            sli_net_close          all sent, or its time is up
///     shaking ────────────────► open ───────────────────► leaving ──────────────────► gone
///        │ handshake_timeout     │ deadlines, limits, the other side has gone           ▲
///        └───────────────────────┴──────────────────────────────────────────────────────┘
///
/// Bytes come in at the speed at which the protocol uses them: what it leaves is kept, up to
/// max_frame bytes a connection and max_buffered all together. Thread: io, all of it; no call
/// waits.
#pragma once

#include "conf/conf.h"
#include "env/env.h"
#include "metrics/metrics.h"

typedef struct sli_net sli_net;           ///< a door
typedef struct sli_net_conn sli_net_conn; ///< one connection to it; gone when `closed` returns

/// What a door speaks. `ctx` is that of sli_net_conf. A connection may be spoken to (sli_net_send,
/// _hold, _close) from `open` on, in any callback and between them, until `closed`.
typedef struct sli_net_protocol {
    const char *name;   ///< "http", for messages
    size_t state_bytes; ///< of the protocol's own state of a connection (sli_net_state), zeroed
    /// Somebody is there; TLS, if any, is done. NULL: nothing to do.
    void (*open)(void *ctx, sli_net_conn *conn);
    /// Looks at the bytes that have come and were not used, and tells how many it used; the others
    /// come again, with more behind them. Uses whole frames, one or several, or any part of one.
    /// After each whole frame: sli_net_done. Not called while the connection or the door is held.
    /// Fails: SL_E_DATA for what is no frame, SL_E_NO_SPACE for one that is too large: counted, and
    /// the connection closed when what was sent before has gone out. Any other failure: as these,
    /// and the log has it.
    sl_code (*data)(void *ctx, sli_net_conn *conn, const char *data, size_t size, size_t *used,
                    sl_error *err);
    /// It is gone, whoever ended it; the last call for it. NULL: nothing to do.
    void (*closed)(void *ctx, sli_net_conn *conn);
} sli_net_protocol;

/// What a door is opened with. The struct is copied; what it points to lives as long as the door.
typedef struct sli_net_conf {
    sl_env *env;
    sli_metrics *metrics; ///< NULL: nothing is counted
    sli_log *log;
    const char *uid;     ///< label of the metrics; of the stream
    const char *modules; ///< as in sli_module_load
    const sli_net_protocol *protocol;
    void *ctx;
} sli_net_conf;

/// Rows of the option table of everything that listens. The address is the URL's: host and port.
#define SLI_NET_OPTIONS                                                                            \
    {.name = "max_connections",                                                                    \
     .type = SL_OPT_INT,                                                                           \
     .fallback = "1000",                                                                           \
     .low = "1",                                                                                   \
     .high = "4000",                                                                               \
     .text = "Connections at a time. One more, and the one that keeps us waiting for longest is "  \
             "closed; when all wait for us, the new one."},                                        \
        {.name = "idle_timeout",                                                                   \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "5m",                                                                         \
         .low = "10ms",                                                                            \
         .high = "30d",                                                                            \
         .text = "A connection over which nothing comes for so long is closed, and one that does " \
                 "not take what it is sent."},                                                     \
        {.name = "frame_timeout",                                                                  \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "30s",                                                                        \
         .low = "10ms",                                                                            \
         .high = "1d",                                                                             \
         .text = "A frame or request that is not whole so long after its first byte ends its "     \
                 "connection."},                                                                   \
        {.name = "handshake_timeout",                                                              \
         .type = SL_OPT_DURATION,                                                                  \
         .fallback = "10s",                                                                        \
         .low = "10ms",                                                                            \
         .high = "1h",                                                                             \
         .text = "Time for the TLS handshake."},                                                   \
        {.name = "max_frame",                                                                      \
         .type = SL_OPT_SIZE,                                                                      \
         .fallback = "16MiB",                                                                      \
         .low = "1KiB",                                                                            \
         .high = "31MiB",                                                                          \
         .text = "Bytes of a frame or request; larger ones are refused, unread."},                 \
        {.name = "max_buffered",                                                                   \
         .type = SL_OPT_SIZE,                                                                      \
         .fallback = "64MiB",                                                                      \
         .low = "64KiB",                                                                           \
         .text =                                                                                   \
             "Bytes of frames that are not whole yet, all connections together; beyond it the "    \
             "one whose frame began first is closed."},                                            \
        {.name = "tls.cert",                                                                       \
         .type = SL_OPT_TEXT,                                                                      \
         .text = "File with the server's certificate, PEM, those of its issuers behind it. With "  \
                 "it the door speaks TLS alone."},                                                 \
        {.name = "tls.key",                                                                        \
         .type = SL_OPT_TEXT,                                                                      \
         .text = "File with the certificate's private key, PEM, not encrypted."},                  \
        {.name = "tls.ca",                                                                         \
         .type = SL_OPT_TEXT,                                                                      \
         .text = "File with certificates, PEM: only clients that show a certificate of one of "    \
                 "these issuers are let in."},                                                     \
    {                                                                                              \
        .name = "secret", .type = SL_OPT_SECRET,                                                   \
        .text = "What a sender must know, where the protocol can ask for it: a text, file:PATH "   \
                "or env:NAME."                                                                     \
    }
extern const sl_option sli_net_options[]; ///< these alone

// ---------------------------------------------------------------- a door

/// Reads settings, secret and certificates; no contact yet. `url` has the address: its host (empty:
/// localhost) and port (0: any free one; sli_net_port). `options` is made over a table that has
/// SLI_NET_OPTIONS. Nothing of `url` and `options` is needed later. Blocks: disk. Fails:
/// SL_E_CONFIG without a port, and for certificates that can't be used; SL_E_NOT_FOUND without the
/// module for TLS.
sl_code sli_net_open(sli_net **out, const sli_net_conf *conf, const sli_url *url,
                     const sl_conf *options, sl_error *err);
/// Listens; a warning in the log when that is open to the network without TLS and secret. Fails:
/// SL_E_BUSY (somebody else listens there), SL_E_IO, each with what to do; SL_E_INVALID (the loop
/// is full).
sl_code sli_net_start(sli_net *net, sli_loop *loop, sl_error *err);
/// Listens no more, and reads no more. Connections stay, to be answered (sli_net_send); what is
/// half there is dropped.
void sli_net_stop(sli_net *net);
/// Sends what can be sent at once, closes every connection (each `closed` is called), frees.
/// Accepts NULL.
void sli_net_close_door(SL_TAKES sli_net *net);
/// Nothing is read until resume; deadlines for what others send do not count meanwhile. For a
/// receiver whose `take` said no and that has no better answer. Either may be called twice.
void sli_net_pause(sli_net *net);
void sli_net_resume(sli_net *net);
int32_t sli_net_port(const sli_net *net);      ///< from start on
const char *sli_net_place(const sli_net *net); ///< "127.0.0.1:9999", for messages
int64_t sli_net_max_frame(const sli_net *net); ///< the option
bool sli_net_has_secret(const sli_net *net);   ///< one is set
/// Compares in a time that tells nothing of the secret. True when none is set.
bool sli_net_is_secret(const sli_net *net, sl_text text);

// ---------------------------------------------------------------- a connection

void *sli_net_state(sli_net_conn *conn); ///< protocol->state_bytes of them
/// A number that no other connection of this door has had.
int64_t sli_net_id(const sli_net_conn *conn);
/// Puts bytes on their way; they are copied. When 1 MiB waits because the other side does not read,
/// nothing more is read from it; at 16 MiB it is closed. Nothing happens when it is leaving.
void sli_net_send(sli_net_conn *conn, const void *data, size_t size);
/// A frame is whole: the next byte begins another one. Its frame_timeout begins with that byte.
void sli_net_done(sli_net_conn *conn);
/// Called in `data`: the frame under way has `size` bytes from the first unused one on, and fewer
/// are of no use; `data` is called again when they are there. Fails: SL_E_NO_SPACE when that is
/// over max_frame; return it.
sl_code sli_net_expect(sli_net_conn *conn, uint64_t size, sl_error *err);
/// The protocol keeps `bytes` of the frame under way itself, from now on (0: none any more): they
/// count against max_frame and max_buffered. Fails: SL_E_NO_SPACE; return it.
sl_code sli_net_keep(sli_net_conn *conn, int64_t bytes, sl_error *err);
/// The other side waits for us: nothing is read from it, and no deadline for it counts, until it is
/// let go.
void sli_net_hold(sli_net_conn *conn, bool hold);
/// Why a connection ends, as it is counted.
typedef enum sli_net_end {
    SLI_NET_ENDED = 0, ///< in order, by either side; or it broke
    SLI_NET_REFUSED,   ///< no room for it, or not allowed in
    SLI_NET_TIMEOUT,   ///< a deadline passed
    SLI_NET_MALFORMED, ///< what it sent is no frame, or no TLS
    SLI_NET_TOO_LARGE, ///< a frame over max_frame
    SLI_NET_CROWDED,   ///< over max_buffered
    SLI_NET_FAILED,    ///< memory or the system failed
    SLI_NET_N_ENDS,
} sli_net_end;
/// Ends it: what was sent goes out first, as far as that is possible within a second or so, while
/// what still comes is dropped. `data` is called no more; `closed` later, never from here.
void sli_net_close(sli_net_conn *conn, sli_net_end why);
