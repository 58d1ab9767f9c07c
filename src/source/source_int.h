/// source_int.h — what the sources share: the format's settings, the schema, their metrics, reading
/// a socket, and listening.
#pragma once

#include "net/net.h"
#include "source/source.h"

/// Series of every source; sli_source_metrics[] declares them in this order.
typedef enum sli_source_series {
    SLI_SOURCE_RECORDS = 0, ///< rows read; an attempt that is repeated counts again
    SLI_SOURCE_BYTES,       ///< bytes read or received
    SLI_SOURCE_SKIPPED,     ///< malformed records dropped (malformed=skip)
    SLI_SOURCE_REPLACED,    ///< bad UTF-8 sequences that became U+FFFD
    SLI_SOURCE_RECONNECTS,  ///< connections refused or lost, each tried again
    SLI_SOURCE_FILES,       ///< files taken by epochs
    SLI_SOURCE_CHANGED, ///< files that changed after an epoch took them; what was added is not read
    SLI_SOURCE_UNREADABLE, ///< listings that failed
    SLI_SOURCE_ROTATED,    ///< files followed by name that were rotated away
    SLI_SOURCE_LOST,       ///< bytes of such files that were seen and can't be read any more
    SLI_SOURCE_N_SERIES,
} sli_source_series;
extern const sli_metric_info sli_source_metrics[];

/// The first member of Sluice's own sources.
typedef struct sli_source_common {
    sli_source base;
    sli_source_env env;
    const sl_conf *conf;          ///< the one of sli_source_open
    const sli_format_ops *format; ///< NULL when the source makes its rows itself
    sl_schema *schema;
    sli_metric *series[SLI_SOURCE_N_SERIES];
} sli_source_common;

/// A zeroed source of `size` bytes with its common part filled. `schema` NULL: the format's. Fails:
/// SL_E_CONFIG for a schema that the format refuses.
sl_code sli_source_alloc(sli_source_common **out, size_t size, const sli_source_ops *ops,
                         const sl_conf *conf, const sli_source_env *env, const char *schema,
                         sl_error *err);
/// What a source lives in, and where it counts; sli_source_alloc does it.
void sli_source_common_begin(sli_source_common *common, const sli_source_env *env);
void sli_source_common_free(SL_TAKES sli_source_common *common); ///< frees the source too
void sli_source_count(sli_source_common *common, sli_source_series series, int64_t n);
/// Adds a decoder's counts to the metrics and to `stats`.
void sli_source_count_stats(sli_source_common *common, const sli_decode_stats *read,
                            sli_decode_stats *stats);
const sl_schema *sli_source_common_schema(const sli_source *self);
const sli_format_ops *sli_source_common_format(const sli_source *self, const sl_conf **conf);
/// Nothing outside is waited for any more (sli_source_env.end_us). Thread: any.
bool sli_source_is_over(const sli_source_common *common);
/// A receiver's event: started, error (with what is in `error`), stopped.
void sli_source_event(sli_source_common *common, sli_event_kind kind, const sl_error *error);

enum { SLI_RECEIVE_BYTES = 64 << 10, SLI_RECEIVE_ROUNDS = 16 };

/// The reading end of a receiver. io thread.
typedef struct sli_intake {
    sli_source_common *common;
    sli_receive_fn take;
    void *ctx;
    bool paused;  ///< `take` said stop; nothing is read until resume
    bool brought; ///< bytes have come since the connection's owner cleared it
    char buffer[SLI_RECEIVE_BYTES];
} sli_intake;
/// Hands over what has arrived, at most SLI_RECEIVE_ROUNDS buffers of it, so that other receivers
/// get their turn. SL_OK: the connection goes on; SL_E_END or a failure: it has ended.
sl_code sli_intake_read(sli_intake *intake, sli_socket *socket, sl_error *err);
/// The connection has ended, in order (SL_E_END) or not, and tells so what its last bytes are.
void sli_intake_end(sli_intake *intake, sl_code rc);

// ---------------------------------------------------------------- sources that listen
// (listening.c)

/// The first member of their structs. io thread.
typedef struct sli_listening {
    sli_source_common common;
    sli_net *net; ///< closed by the source, before what its connections use
    sli_receive_fn take;
    void *take_ctx;
    bool paused; ///< `take` said stop
    bool running;
} sli_listening;
/// Opens the door for a protocol, whose `ctx` is the source.
sl_code sli_listening_open(sli_listening *self, const sli_net_protocol *protocol,
                           const sli_url *url, const sl_conf *conf, sl_error *err);
/// Rows of the source's table.
sl_code sli_listening_start(sli_source *source, sli_loop *loop, sli_receive_fn take, void *ctx,
                            sl_error *err);
void sli_listening_stop(sli_source *source);
bool sli_listening_ended(const sli_source *source); ///< never
/// Hands whole messages to the engine; then `paused` says whether more may come.
void sli_listening_give(sli_listening *self, const sli_str *messages);

/// A copy of a part of the URL, ended by a zero; NULL without memory.
char *sli_source_text(sl_text text) SL_MUST_USE;
