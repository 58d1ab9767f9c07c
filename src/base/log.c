/// log.c — which lines are wanted, and putting one together.
///
/// Levels are read once and never change, so asking whether a line is wanted takes no lock and a
/// line that is not wanted costs a compare. A line is made on the stack and handed to the sink
/// under the log's lock: lines stay whole and nothing is allocated, also when memory is short.
#include "base/log.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

enum { MAX_MODULES = 32, MODULE_BYTES = 24, LINE_BYTES = 1024, LEVEL_OFF = 0 };

static const char *const level_names[] = {"off", "error", "warn", "info", "debug", "trace", NULL};

typedef struct module_level {
    char module[MODULE_BYTES];
    int level;
} module_level;

struct sli_log {
    sli_log_sink sink;
    sli_mutex mutex; ///< serialises the sink
    int level;       ///< of modules that are not listed
    int most;        ///< the highest level of any module
    int n_modules;
    module_level modules[MAX_MODULES];
};

static sl_code parse_level(sl_text text, int *out, sl_error *err)
{
    for (int i = 0; level_names[i] != NULL; i++) {
        if (sli_text_is(text, level_names[i])) {
            *out = i;
            return SL_OK;
        }
    }
    char word[MODULE_BYTES];
    size_t size = text.size < sizeof(word) - 1 ? text.size : sizeof(word) - 1;
    memcpy(word, text.data, size);
    word[size] = '\0';
    const char *near = sli_nearest(word, level_names);
    return sl_error_set(err, SL_E_CONFIG,
                        "log level '%s' is unknown%s%s%s; levels are off, error, warn, info, debug "
                        "and trace",
                        word, near == NULL ? "" : ", did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'");
}

/// "debug" or "sched=debug". A module named twice keeps the last level.
static sl_code parse_item(sli_log *log, sl_text item, sl_error *err)
{
    const char *equals = memchr(item.data, '=', item.size);
    if (equals == NULL) {
        return parse_level(item, &log->level, err);
    }
    sl_text module = {item.data, (size_t)(equals - item.data)};
    sl_text level = {equals + 1, item.size - module.size - 1};
    if (module.size == 0 || module.size >= MODULE_BYTES) {
        return sl_error_set(err, SL_E_CONFIG, "log levels: a module's name has 1 to %d characters",
                            MODULE_BYTES - 1);
    }
    int at = 0;
    while (at < log->n_modules && !sli_text_is(module, log->modules[at].module)) {
        at++;
    }
    if (at == MAX_MODULES) {
        return sl_error_set(err, SL_E_CONFIG, "log levels: more than %d modules", MAX_MODULES);
    }
    SL_TRY(parse_level(level, &log->modules[at].level, err));
    if (at == log->n_modules) {
        memcpy(log->modules[at].module, module.data, module.size);
        log->n_modules++;
    }
    return SL_OK;
}

static sl_code parse_levels(sli_log *log, const char *levels, sl_error *err)
{
    while (*levels != '\0') {
        size_t size = strcspn(levels, ",");
        SL_TRY(parse_item(log, (sl_text){levels, size}, err));
        levels += size;
        levels += *levels == ',';
    }
    return SL_OK;
}

sl_code sli_log_new(sli_log **out, const char *levels, sli_log_sink sink, sl_error *err)
{
    sli_log *log = sl_alloc_zero(SLI_TAG_BASE, sizeof(*log));
    if (log == NULL) {
        return sl_error_nomem(err, sizeof(*log), "the log");
    }
    log->level = SLI_WARN;
    sl_code rc = parse_levels(log, levels == NULL ? "" : levels, err);
    if (rc != SL_OK) {
        sl_free(log);
        return rc;
    }
    log->sink = sink;
    log->most = log->level;
    for (int i = 0; i < log->n_modules; i++) {
        log->most = log->modules[i].level > log->most ? log->modules[i].level : log->most;
    }
    log->most = sink.write == NULL ? LEVEL_OFF : log->most;
    sli_mutex_init(&log->mutex, SLI_RANK_LOG);
    *out = log;
    return SL_OK;
}

void sli_log_free(sli_log *log)
{
    if (log == NULL) {
        return;
    }
    sli_mutex_reset(&log->mutex);
    sl_free(log);
}

bool sli_log_wants(const sli_log *log, const char *module, sli_level level)
{
    if (log == NULL || (int)level > log->most) {
        return false;
    }
    for (int i = 0; i < log->n_modules; i++) {
        if (strcmp(log->modules[i].module, module) == 0) {
            return (int)level <= log->modules[i].level;
        }
    }
    return (int)level <= log->level;
}

/// One line stays one line: control characters, which may come from outside data, become blanks.
static void flatten(char *line)
{
    for (; *line != '\0'; line++) {
        if ((unsigned char)*line < 0x20 || *line == 0x7F) {
            *line = ' ';
        }
    }
}

/// Ends a line that did not fit with "...", not in the middle of a character.
static void mark_cut(char *line)
{
    size_t at = LINE_BYTES - 4;
    while (at > 0 && ((unsigned char)line[at] & 0xC0) == 0x80) {
        at--;
    }
    memcpy(line + at, "...", 4);
}

void sli_log_line(sli_log *log, sli_level level, const char *module, const char *fmt, ...)
{
    if (!sli_log_wants(log, module, level)) {
        return;
    }
    char line[LINE_BYTES];
    SL_ASSERT(level >= SLI_ERROR && level <= SLI_TRACE, "no such log level");
    int head =
        snprintf(line, sizeof(line), "%-5s %.*s: ", level_names[level], MODULE_BYTES, module);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n >= sizeof(line) - (size_t)head) {
        mark_cut(line);
    }
    flatten(line);
    sli_mutex_lock(&log->mutex);
    log->sink.write(log->sink.self, level, module, line);
    sli_mutex_unlock(&log->mutex);
}
