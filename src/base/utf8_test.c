// The check against a second opinion: decode by arithmetic, then ask RFC 3629's rules of the
// number.
#include "base/str.h"

#include "sl_test.h"

/// Length of the character at p by decoding it; 0 when it is none.
static size_t decoded(const unsigned char *p, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80) {
        return 1;
    }
    size_t n = p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
    if (n == 0 || n > size) {
        return 0;
    }
    uint32_t code = p[0] & (0x7FU >> n);
    for (size_t i = 1; i < n; i++) {
        if (p[i] >> 6 != 2) {
            return 0;
        }
        code = code << 6 | (p[i] & 0x3FU);
    }
    bool fits = code >= least[n] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    return fits ? n : 0;
}

static size_t expected_offset(const unsigned char *p, size_t size)
{
    size_t i = 0;
    while (i < size) {
        size_t n = decoded(p + i, size - i);
        if (n == 0) {
            return i;
        }
        i += n;
    }
    return size;
}

/// Counts the sequences of `size` bytes on which check and second opinion differ. First bytes are
/// [first, last]; the byte at place 3 takes only the borders of its ranges.
static int64_t differences(size_t size, int first, int last)
{
    static const unsigned char borders[] = {0x00, 0x7F, 0x80, 0x8F, 0x90,
                                            0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    int64_t n = 0;
    size_t n_last = size == 4 ? sizeof(borders) : 1;
    for (int a = first; a <= last; a++) {
        for (int bc = 0; bc < (size >= 3 ? 65536 : 256); bc++) {
            for (size_t d = 0; d < n_last; d++) {
                unsigned char p[4] = {(unsigned char)a, (unsigned char)bc, (unsigned char)(bc >> 8),
                                      borders[d]};
                n += sli_utf8_check((const char *)p, size) != expected_offset(p, size);
            }
        }
    }
    return n;
}

SL_TEST(utf8_all_sequences_of_one_to_three_bytes, "")
{
    for (int a = 0; a < 256; a++) {
        unsigned char p = (unsigned char)a;
        assert_int_equal(sli_utf8_check((const char *)&p, 1), a < 0x80 ? 1 : 0);
    }
    assert_int_equal(differences(2, 0, 255), 0);
    assert_int_equal(differences(3, 0, 255), 0);
}

SL_TEST(utf8_sequences_of_four_bytes, "")
{
    assert_int_equal(differences(4, 0xEF, 0xFF), 0);
}

SL_TEST(utf8_takes_every_character_whole_and_no_prefix, "")
{
    int64_t wrong = 0;
    for (uint32_t code = 0x10000; code < 0x200000; code++) {
        const char p[4] = {(char)(0xF0 | code >> 18), (char)(0x80 | (code >> 12 & 0x3F)),
                           (char)(0x80 | (code >> 6 & 0x3F)), (char)(0x80 | (code & 0x3F))};
        wrong += sli_utf8_check(p, 4) != (code <= 0x10FFFF ? 4 : 0);
        wrong += sli_utf8_check(p, 3) != 0;
    }
    assert_int_equal(wrong, 0);
}

SL_TEST(utf8_finds_a_bad_byte_at_every_place, "")
{
    char text[160];
    for (size_t size = 0; size <= sizeof(text); size++) {
        memset(text, 'a', sizeof(text));
        assert_int_equal(sli_utf8_check(text, size), size);
        for (size_t at = 0; at < size; at++) {
            text[at] = (char)0x80;
            assert_int_equal(sli_utf8_check(text, size), at);
            text[at] = 'a';
        }
    }
    assert_int_equal(sli_utf8_check(NULL, 0), 0);
}

// Characters of all lengths across the borders of the eight-byte steps; cut anywhere, the good part
// is told exactly.
SL_TEST(utf8_mixed_text_cut_anywhere, "")
{
    static const char text[] =
        "aaaaaaa\xC3\xA4 aaaa \xE2\x82\xAC\xF0\x9F\x98\x80 and a long run of "
        "ASCII in between, over thirty-two \xF4\x8F\xBF\xBF\xED\x9F\xBF";
    size_t whole = sizeof(text) - 1;
    assert_int_equal(sli_utf8_check(text, whole), whole);
    for (size_t start = 0; start < 8; start++) {
        for (size_t size = start; size <= whole; size++) {
            const unsigned char *p = (const unsigned char *)text + start;
            size_t expected = expected_offset(p, size - start);
            assert_int_equal(sli_utf8_check(text + start, size - start), expected);
        }
    }
}
