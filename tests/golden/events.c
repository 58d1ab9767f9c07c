// The steps by event time. Their arguments are parted by words: `COLUMN by DELAY`, `KEYS into
// AGGREGATIONS over SIZE SLIDE`, `NAME by KEYS over LOWER UPPER`.
#include "golden/vocabulary.h"

#include <stdio.h>
#include <string.h>

#include "sluice/event.h"

enum { PART_BYTES = 128 };

/// An argument's parts, in order; "" for one that is not there.
typedef struct parts {
    char text[4][PART_BYTES];
} parts;

/// Cuts `arg` at each of the words, " by " or so, which come in this order; NULL ends the list.
static parts cut(const char *arg, const char *const *words)
{
    parts out = {0};
    int32_t n = 0;
    for (; words[n] != NULL; n++) {
        const char *at = strstr(arg, words[n]);
        if (at == NULL) {
            break;
        }
        (void)snprintf(out.text[n], PART_BYTES, "%.*s", (int)(at - arg), arg);
        arg = at + strlen(words[n]);
    }
    (void)snprintf(out.text[n], PART_BYTES, "%s", arg);
    return out;
}

static const char *or_null(const char *text)
{
    return *text == '\0' ? NULL : text;
}

static sl_stream *windows(sl_stream *in, const char *verb, const char *arg)
{
    parts p = cut(arg, (const char *const[]){" into ", " over ", " ", NULL});
    const char *keys = strcmp(p.text[0], "all") == 0 ? NULL : p.text[0];
    return strcmp(verb, "sessionWindow") == 0
               ? sl_stream_session_window(in, keys, p.text[1], p.text[2])
               : sl_stream_event_window(in, keys, p.text[1], p.text[2], or_null(p.text[3]));
}

typedef sl_stream *join_fn(sl_stream *a, sl_stream *b, const char *keys, const char *lower,
                           const char *upper);

static join_fn *join_of(const char *verb)
{
    static const struct {
        const char *verb;
        join_fn *fn;
    } joins[] = {{"intervalJoin", sl_stream_interval_join},
                 {"intervalLeftOuterJoin", sl_stream_interval_left_outer_join},
                 {"intervalRightOuterJoin", sl_stream_interval_right_outer_join},
                 {"intervalFullOuterJoin", sl_stream_interval_full_outer_join}};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        if (strcmp(joins[i].verb, verb) == 0) {
            return joins[i].fn;
        }
    }
    return NULL;
}

static sl_stream *join(sl_stream *in, sl_stream *other, const char *verb, const char *arg)
{
    parts p = cut(arg, (const char *const[]){" by ", " over ", " ", NULL});
    return join_of(verb)(in, other, p.text[1], p.text[2], p.text[3]);
}

bool slt_is_event_join(const char *verb)
{
    return join_of(verb) != NULL;
}

/// Steps that set a time. NULL: it is none of them.
static sl_stream *(*setting_of(const char *verb))(sl_stream *, const char *)
{
    static const struct {
        const char *verb;
        sl_stream *(*fn)(sl_stream *, const char *);
    } settings[] = {{"idleAfter", sl_stream_idle_after},
                    {"silentAfter", sl_stream_silent_after},
                    {"maxAhead", sl_stream_max_ahead},
                    {"lateness", sl_stream_lateness},
                    {"distinctWithin", sl_stream_distinct_within}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].verb, verb) == 0) {
            return settings[i].fn;
        }
    }
    return NULL;
}

bool slt_event_step(sl_stream **stream, sl_stream *other, const char *verb, const char *arg)
{
    sl_stream *in = *stream, *(*setting)(sl_stream *, const char *) = setting_of(verb);
    if (setting != NULL) {
        *stream = setting(in, arg);
    } else if (strcmp(verb, "eventTime") == 0) {
        parts p = cut(arg, (const char *const[]){" by ", NULL});
        *stream = sl_stream_event_time(in, p.text[0], p.text[1]);
    } else if (strcmp(verb, "eventWindow") == 0 || strcmp(verb, "sessionWindow") == 0) {
        *stream = windows(in, verb, arg);
    } else if (slt_is_event_join(verb)) {
        *stream = join(in, other, verb, arg);
    } else if (strcmp(verb, "outputMode") == 0) {
        *stream = sl_stream_output_mode(in, strcmp(arg, "update") == 0 ? SL_UPDATE : SL_APPEND);
    } else if (strcmp(verb, "late") == 0) {
        *stream = sl_stream_late(in);
    } else if (strcmp(verb, "lateRight") == 0) {
        *stream = sl_stream_late_right(in);
    } else {
        return false;
    }
    return true;
}
