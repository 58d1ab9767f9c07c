/// casemap.c — simple case mapping of Latin, Greek, Cyrillic and Armenian letters, from Unicode
/// 15's UnicodeData.
///
/// A table of our own, because towlower asks the process's locale and no locale may reach a result.
/// Letters of other scripts, and those whose other case is several letters (ß), stay as they are.
/// No mapping makes a text longer.
#include "expr/expr_int.h"

// Code points first, first + step, ... last move by delta.
typedef struct run {
    uint16_t first, last;
    int16_t delta;
    uint8_t step;
} run;

static const run to_upper[] = {
    {0x61, 0x7a, -32, 1},    {0xb5, 0xb5, 743, 1},     {0xe0, 0xf6, -32, 1},
    {0xf8, 0xfe, -32, 1},    {0xff, 0xff, 121, 1},     {0x101, 0x12f, -1, 2},
    {0x131, 0x131, -232, 1}, {0x133, 0x137, -1, 2},    {0x13a, 0x148, -1, 2},
    {0x14b, 0x177, -1, 2},   {0x17a, 0x17e, -1, 2},    {0x17f, 0x17f, -300, 1},
    {0x3ac, 0x3ac, -38, 1},  {0x3ad, 0x3af, -37, 1},   {0x3b1, 0x3c1, -32, 1},
    {0x3c2, 0x3c2, -31, 1},  {0x3c3, 0x3cb, -32, 1},   {0x3cc, 0x3cc, -64, 1},
    {0x3cd, 0x3ce, -63, 1},  {0x430, 0x44f, -32, 1},   {0x450, 0x45f, -80, 1},
    {0x461, 0x481, -1, 2},   {0x48b, 0x4bf, -1, 2},    {0x4c2, 0x4ce, -1, 2},
    {0x4cf, 0x4cf, -15, 1},  {0x4d1, 0x52f, -1, 2},    {0x561, 0x586, -48, 1},
    {0x1e01, 0x1e95, -1, 2}, {0x1e9b, 0x1e9b, -59, 1}, {0x1ea1, 0x1eff, -1, 2},
};
static const run to_lower[] = {
    {0x41, 0x5a, 32, 1},    {0xc0, 0xd6, 32, 1},        {0xd8, 0xde, 32, 1},
    {0x100, 0x12e, 1, 2},   {0x130, 0x130, -199, 1},    {0x132, 0x136, 1, 2},
    {0x139, 0x147, 1, 2},   {0x14a, 0x176, 1, 2},       {0x178, 0x178, -121, 1},
    {0x179, 0x17d, 1, 2},   {0x386, 0x386, 38, 1},      {0x388, 0x38a, 37, 1},
    {0x38c, 0x38c, 64, 1},  {0x38e, 0x38f, 63, 1},      {0x391, 0x3a1, 32, 1},
    {0x3a3, 0x3ab, 32, 1},  {0x400, 0x40f, 80, 1},      {0x410, 0x42f, 32, 1},
    {0x460, 0x480, 1, 2},   {0x48a, 0x4be, 1, 2},       {0x4c0, 0x4c0, 15, 1},
    {0x4c1, 0x4cd, 1, 2},   {0x4d0, 0x52e, 1, 2},       {0x531, 0x556, 48, 1},
    {0x1e00, 0x1e94, 1, 2}, {0x1e9e, 0x1e9e, -7615, 1}, {0x1ea0, 0x1efe, 1, 2},
};

static uint32_t map(const run *runs, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n && runs[i].first <= c; i++) {
        if (c <= runs[i].last && (c - runs[i].first) % runs[i].step == 0) {
            return (uint32_t)((int32_t)c + runs[i].delta);
        }
    }
    return c;
}

uint32_t sli_char_lower(uint32_t c)
{
    if (c < 0x80) {
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    }
    return map(to_lower, sizeof to_lower / sizeof to_lower[0], c);
}

uint32_t sli_char_upper(uint32_t c)
{
    if (c < 0x80) {
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    }
    return map(to_upper, sizeof to_upper / sizeof to_upper[0], c);
}
