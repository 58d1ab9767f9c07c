/// log.h — the library's log: level, module, epoch, message. The library never prints; the user
/// supplies the sink.
#pragma once

#include "sluice/error.h"

typedef enum sli_level { SLI_ERROR = 1, SLI_WARN, SLI_INFO, SLI_DEBUG, SLI_TRACE } sli_level;

/// Where lines go. `line` is whole, without a line end. Thread: any; called under SLI_RANK_LOG,
/// must not block long.
typedef struct sli_log_sink {
    void (*write)(void *self, sli_level level, const char *module, const char *line);
    void *self;
} sli_log_sink;

typedef struct sli_log sli_log;

/// `levels` as in SLUICE_LOG: "info", "sched=debug,ckpt=trace", "off"; NULL means "warn". A zero
/// sink drops every line. Fails: SL_E_CONFIG with the nearest level; at most 32 modules. Which
/// modules exist is not known here.
sl_code sli_log_new(sli_log **out, const char *levels, sli_log_sink sink, sl_error *err);
void sli_log_free(SL_TAKES sli_log *log);
bool sli_log_wants(const sli_log *log, const char *module,
                   sli_level level); ///< log may be NULL: false
/// "warn  module: message" as one line of at most 1023 bytes ("..." where it was cut); control
/// characters become blanks.
void sli_log_line(sli_log *log, sli_level level, const char *module, const char *fmt, ...)
    SL_PRINTF(4, 5);

/// Formats nothing when the level is off.
#define SLI_LOG(log, level, module, ...)                                                           \
    (sli_log_wants(log, module, level) ? sli_log_line(log, level, module, __VA_ARGS__) : (void)0)
