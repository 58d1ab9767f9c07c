// repair.c — text that is not UTF-8 made UTF-8.
#include "format/format_int.h"

static bool is_tail(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

// Bytes of the bad sequence at p: the longest start of some well-formed sequence, or one byte.
static size_t bad_sequence(const uint8_t *p, size_t size)
{
    uint8_t a = p[0];
    if (a < 0xE0 || a > 0xF4 || size < 2) {
        return 1;
    }
    uint8_t low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    uint8_t high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high) {
        return 1;
    }
    return a >= 0xF0 && size >= 3 && is_tail(p[2]) ? 3 : 2;
}

int64_t sli_utf8_repair(const char *data, size_t size, sli_str *out)
{
    int64_t n = 0;
    for (;;) {
        size_t good = sli_utf8_check(data, size);
        sli_str_add(out, data, good);
        data += good;
        size -= good;
        if (size == 0) {
            return n;
        }
        size_t bad = bad_sequence((const uint8_t *)data, size);
        sli_str_text(out, "\xEF\xBF\xBD");
        data += bad;
        size -= bad;
        n++;
    }
}
