/// str.h — growing byte strings, and safe scanning of numbers, sizes and durations.
#pragma once

#include <string.h>

#include "base/mem.h"

/// Bytes that grow. Zero it (SLI_STR_INIT) before use; `data` is always ended by a zero once
/// something was appended. A failed append sticks (`failed`), later ones do nothing: check once at
/// the end. What is appended must not lie in the string itself. At most SLI_ALLOC_MAX_BYTES, then
/// the append fails; callers with outside data set a limit of their own.
typedef struct sli_str {
    char *data;
    size_t size, capacity;
    bool failed;
    sli_tag tag;
} sli_str;

#define SLI_STR_INIT ((sli_str){0})

/// Room for `size` bytes and the ending zero. False, and sticky, when refused.
bool sli_str_grow(sli_str *s, size_t size);
static inline bool sli_str_reserve(sli_str *s, size_t size)
{
    return (s->capacity - s->size > size && !s->failed) || sli_str_grow(s, size);
}
void sli_str_add(sli_str *s, const void *data, size_t size);
/// Appends bytes that the caller writes; NULL when it failed.
static inline char *sli_str_extend(sli_str *s, size_t size)
{
    if (!sli_str_reserve(s, size)) {
        return NULL;
    }
    char *at = s->data + s->size;
    s->size += size;
    s->data[s->size] = '\0';
    return at;
}
void sli_str_text(sli_str *s, const char *text);
void sli_str_char(sli_str *s, char c);
void sli_str_printf(sli_str *s, const char *fmt, ...) SL_PRINTF(2, 3);
/// JSON string with quotes; each byte that is no part of a UTF-8 character becomes U+FFFD.
void sli_str_json(sli_str *s, const char *data, size_t size);
void sli_str_clear(sli_str *s); ///< empty and not failed; keeps the memory
void sli_str_reset(sli_str *s); ///< as clear, and frees the memory
sl_code sli_str_check(const sli_str *s, const char *what,
                      sl_error *err); ///< SL_E_NOMEM when an append failed
char *sli_str_take(sli_str *s); ///< hands out the zero-ended bytes (free with sl_free), NULL when
                                ///< failed; s starts anew

static inline bool sli_text_is(sl_text a, const char *b)
{
    return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}
static inline sl_text sli_text_of(const char *s)
{
    return (sl_text){s, strlen(s)};
}

/// Whole-text scans: no leading or trailing rubbish, no overflow, any locale. Fails: SL_E_INVALID
/// with the reason alone as its text ("not a whole number"), for the caller to wrap. Durations and
/// sizes are not negative; words in any case.
sl_code sli_scan_int64(sl_text text, int64_t *out, sl_error *err);
sl_code sli_scan_float64(sl_text text, double *out, sl_error *err);
sl_code sli_scan_bool(sl_text text, bool *out, sl_error *err); ///< true/false/1/0/yes/no/on/off
sl_code sli_scan_duration_us(sl_text text, int64_t *out,
                             sl_error *err); ///< "500ms" "10s" "5m" "20us" "1h" "2d"
/// A duration as such a text.
typedef struct sli_duration {
    char text[24];
} sli_duration;
/// In the largest unit of which it is a whole number: "90s", "2m", "0s". Not negative.
sli_duration sli_duration_of(int64_t us);
sl_code sli_scan_size(sl_text text, int64_t *out,
                      sl_error *err); ///< "64MiB" "10k" "1g" "512" (k, m, g are 1024s)
/// 1 to `most` of [A-Za-z0-9_.-], not beginning with a dot: what may be a name in a file system.
bool sli_is_file_name(const char *text, size_t most);
/// The member of a NULL-ended list nearest to `word` by edit distance, or NULL when none is near (>
/// 1/2 of the word). The first of several; words of more than 64 bytes are near to nothing.
const char *sli_nearest(const char *word, const char *const *list);
/// UTF-8 check (RFC 3629: no surrogates, no overlong forms). Offset of the first byte that
/// starts no whole character, or `size`.
size_t sli_utf8_check(const char *data, size_t size);
/// Shortest decimal text that reads back as the same double; at most 32 bytes with the zero.
/// Returns its length. "NaN", "Infinity", "-Infinity" as Java writes them; whole numbers keep ".0"
/// as Java's Double.toString does.
size_t sli_format_float64(double value, char *out);
