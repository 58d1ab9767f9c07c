/// str.c — byte strings that grow, for logs, frames, JSON and messages.
///
/// Appending can't fail at the call: the first refused growth sticks, so that code which builds a
/// record reads as the list of its fields and checks once.
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { FIRST_CAPACITY = 64 };

bool sli_str_grow(sli_str *s, size_t size)
{
    if (s->failed) {
        return false;
    }
    size_t need = 0;
    if (__builtin_add_overflow(s->size, size, &need) || need >= SLI_ALLOC_MAX_BYTES) {
        s->failed = true;
        return false;
    }
    need++;
    if (need <= s->capacity) {
        return true;
    }
    size_t capacity = s->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : s->capacity;
    while (capacity < need) {
        capacity *= 2; // no overflow: need is at most 2^39
    }
    char *data = sl_realloc(s->tag, s->data, capacity);
    if (data == NULL) {
        s->failed = true;
        return false;
    }
    s->data = data;
    s->capacity = capacity;
    return true;
}

void sli_str_add(sli_str *s, const void *data, size_t size)
{
    SL_ASSERT_DEBUG(size == 0 || s->data == NULL ||
                        (uintptr_t)data >= (uintptr_t)s->data + s->capacity ||
                        (uintptr_t)data + size <= (uintptr_t)s->data,
                    "a string is appended to itself and may move meanwhile");
    if (!sli_str_reserve(s, size)) {
        return;
    }
    if (size > 0) {
        memcpy(s->data + s->size, data, size);
    }
    s->size += size;
    s->data[s->size] = '\0';
}

void sli_str_text(sli_str *s, const char *text)
{
    sli_str_add(s, text, strlen(text));
}

void sli_str_char(sli_str *s, char c)
{
    if (sli_str_reserve(s, 1)) {
        s->data[s->size++] = c;
        s->data[s->size] = '\0';
    }
}

void sli_str_printf(sli_str *s, const char *fmt, ...)
{
    if (!sli_str_reserve(s, 0)) {
        return;
    }
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(s->data + s->size, s->capacity - s->size, fmt, args);
    va_end(args);
    if (n < 0) {
        s->failed = true;
        s->data[s->size] = '\0';
    } else if ((size_t)n < s->capacity - s->size) {
        s->size += (size_t)n;
    } else {
        s->data[s->size] = '\0'; // what was cut off, should the growth fail
        if (sli_str_reserve(s, (size_t)n)) {
            vsnprintf(s->data + s->size, s->capacity - s->size, fmt, again);
            s->size += (size_t)n;
        }
    }
    va_end(again);
}

static bool needs_escape(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

/// Bytes from the start of `data` that JSON takes as they are.
static size_t plain_run(const char *data, size_t size)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = UINT64_C(0x8080808080808080);
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t w;
        memcpy(&w, data + i, 8);
        uint64_t quote = w ^ (ones * '"');
        uint64_t slash = w ^ (ones * '\\');
        // The usual tests for a byte below n or equal to zero; they may also fire right above a
        // hit, never miss one.
        uint64_t hit =
            ((w - ones * 0x20) & ~w) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        if ((hit & highs) != 0) {
            break;
        }
    }
    while (i < size && !needs_escape((uint8_t)data[i])) {
        i++;
    }
    return i;
}

static void add_escape(sli_str *s, uint8_t c)
{
    static const char short_names[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    for (size_t i = 0; short_names[i] != '\0'; i += 2) {
        if ((uint8_t)short_names[i] == c) {
            sli_str_char(s, '\\');
            sli_str_char(s, short_names[i + 1]);
            return;
        }
    }
    sli_str_printf(s, "\\u%04x", c);
}

static void add_escaped(sli_str *s, const char *data, size_t size)
{
    size_t i = 0;
    while (i < size) {
        size_t run = plain_run(data + i, size - i);
        sli_str_add(s, data + i, run);
        i += run;
        if (i < size) {
            add_escape(s, (uint8_t)data[i++]);
        }
    }
}

void sli_str_json(sli_str *s, const char *data, size_t size)
{
    sli_str_char(s, '"');
    while (size > 0 && !s->failed) {
        size_t good = sli_utf8_check(data, size);
        add_escaped(s, data, good);
        data += good;
        size -= good;
        if (size > 0) {
            sli_str_text(
                s, "\xEF\xBF\xBD"); // U+FFFD, one for each byte that is no part of a character
            data++;
            size--;
        }
    }
    sli_str_char(s, '"');
}

void sli_str_clear(sli_str *s)
{
    s->size = 0;
    s->failed = false;
    if (s->data != NULL) {
        s->data[0] = '\0';
    }
}

void sli_str_reset(sli_str *s)
{
    sl_free(s->data);
    *s = (sli_str){.tag = s->tag};
}

sl_code sli_str_check(const sli_str *s, const char *what, sl_error *err)
{
    return s->failed ? sl_error_nomem(err, s->size, what) : SL_OK;
}

char *sli_str_take(sli_str *s)
{
    sli_str_reserve(s, 0); // an empty string is handed out too
    if (s->failed) {
        sli_str_reset(s);
        return NULL;
    }
    char *data = s->data;
    data[s->size] = '\0';
    *s = (sli_str){.tag = s->tag};
    return data;
}

void sl_text_free(char *text)
{
    sl_free(text);
}
