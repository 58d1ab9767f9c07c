/// scan.c — whole texts as integers, truth values, durations and sizes; the nearest word of a list.
///
/// Strict: no blanks, no rubbish behind, no overflow, no default unit for durations. The text of an
/// error is the reason alone; the caller, who knows which option or field it was, wraps it.
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <stdint.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/// Reads the digits `text` starts with, into *value as a negative number when `negative`. Returns
/// how many digits there are; *overflow is set when the value does not fit.
static size_t read_digits(sl_text text, bool negative, int64_t *value, bool *overflow)
{
    int64_t v = 0;
    size_t i = 0;
    bool over = false;
    for (; i < text.size && is_digit(text.data[i]); i++) {
        int digit = text.data[i] - '0';
        over = over || __builtin_mul_overflow(v, 10, &v) ||
               __builtin_add_overflow(v, negative ? -digit : digit, &v);
    }
    *value = v;
    *overflow = over;
    return i;
}

sl_code sli_scan_int64(sl_text text, int64_t *out, sl_error *err)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t sign = negative || (text.size > 0 && text.data[0] == '+') ? 1 : 0;
    if (text.size == sign) {
        return sl_error_set(err, SL_E_INVALID,
                            sign > 0 ? "a sign without digits"
                                     : "empty where a whole number is expected");
    }
    int64_t value = 0;
    bool overflow = false;
    sl_text rest = {text.data + sign, text.size - sign};
    if (read_digits(rest, negative, &value, &overflow) != rest.size) {
        return sl_error_set(err, SL_E_INVALID, "not a whole number");
    }
    if (overflow) {
        return sl_error_set(err, SL_E_INVALID, "a whole number beyond 64 bits");
    }
    *out = value;
    return SL_OK;
}

static bool is_word(sl_text text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

sl_code sli_scan_bool(sl_text text, bool *out, sl_error *err)
{
    static const char *const words[][2] = {
        {"false", "true"}, {"0", "1"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int truth = 0; truth < 2; truth++) {
            if (text.size > 0 && is_word(text, words[i][truth])) {
                *out = truth == 1;
                return SL_OK;
            }
        }
    }
    return sl_error_set(err, SL_E_INVALID, "not true, false, 1, 0, yes, no, on or off");
}

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

/// digits followed by one of `units`, which end with a NULL name. `expected` completes "not ...".
static sl_code scan_with_unit(sl_text text, const unit *units, const char *expected, int64_t *out,
                              sl_error *err)
{
    int64_t value = 0;
    bool overflow = false;
    size_t n_digits = read_digits(text, false, &value, &overflow);
    if (n_digits > 0) {
        sl_text rest = {text.data + n_digits, text.size - n_digits};
        for (const unit *u = units; u->name != NULL; u++) {
            if (!(rest.size == 0 ? u->name[0] == '\0' : is_word(rest, u->name))) {
                continue;
            }
            if (overflow || __builtin_mul_overflow(value, u->factor, &value)) {
                return sl_error_set(err, SL_E_INVALID, "too large");
            }
            *out = value;
            return SL_OK;
        }
    }
    return sl_error_set(err, SL_E_INVALID, "not %s", expected);
}

sl_code sli_scan_duration_us(sl_text text, int64_t *out, sl_error *err)
{
    static const unit units[] = {
        {"us", 1},
        {"ms", 1000},
        {"s", 1000000},
        {"m", INT64_C(60) * 1000000},
        {"min", INT64_C(60) * 1000000},
        {"h", INT64_C(3600) * 1000000},
        {"d", INT64_C(86400) * 1000000},
        {NULL, 0},
    };
    return scan_with_unit(text, units,
                          "a duration: write digits and a unit (us, ms, s, m, h or d), as in 500ms",
                          out, err);
}

sli_duration sli_duration_of(int64_t us)
{
    static const unit units[] = {
        {"d", INT64_C(86400) * 1000000},
        {"h", INT64_C(3600) * 1000000},
        {"m", INT64_C(60) * 1000000},
        {"s", 1000000},
        {"ms", 1000},
        {"us", 1},
    };
    size_t i = us == 0 ? 3 : 0;
    while (us % units[i].factor != 0) {
        i++;
    }
    sli_duration out;
    (void)snprintf(out.text, sizeof out.text, "%lld%s", (long long)(us / units[i].factor),
                   units[i].name);
    return out;
}

sl_code sli_scan_size(sl_text text, int64_t *out, sl_error *err)
{
    static const unit units[] = {
        {"", 1},
        {"b", 1},
        {"k", INT64_C(1) << 10},
        {"kb", INT64_C(1) << 10},
        {"kib", INT64_C(1) << 10},
        {"m", INT64_C(1) << 20},
        {"mb", INT64_C(1) << 20},
        {"mib", INT64_C(1) << 20},
        {"g", INT64_C(1) << 30},
        {"gb", INT64_C(1) << 30},
        {"gib", INT64_C(1) << 30},
        {"t", INT64_C(1) << 40},
        {"tb", INT64_C(1) << 40},
        {"tib", INT64_C(1) << 40},
        {NULL, 0},
    };
    return scan_with_unit(text, units,
                          "a size: write digits and, for other than bytes, KiB, MiB, GiB or TiB",
                          out, err);
}

// ---------------------------------------------------------------- names

bool sli_is_file_name(const char *text, size_t most)
{
    size_t n = 0;
    for (; text[n] != '\0'; n++) {
        char c = text[n];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '.' || c == '-';
        if (!fine || n == most) {
            return false;
        }
    }
    return n > 0 && text[0] != '.'; // "." and ".." are no names of files
}

// ---------------------------------------------------------------- the nearest word

enum { MAX_WORD = 64 }; // longer words have no near ones

static int min(int a, int b)
{
    return a < b ? a : b;
}

/// Insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string
/// alignment).
static int edit_distance(const char *a, int n_a, const char *b, int n_b)
{
    int rows[3][MAX_WORD + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (int j = 0; j <= n_b; j++) {
        last[j] = j;
    }
    for (int i = 1; i <= n_a; i++) {
        now[0] = i;
        for (int j = 1; j <= n_b; j++) {
            int replaced = last[j - 1] + (a[i - 1] != b[j - 1]);
            now[j] = min(replaced, 1 + min(last[j], now[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = min(now[j], before[j - 2] + 1);
            }
        }
        int *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[n_b];
}

const char *sli_nearest(const char *word, const char *const *list)
{
    size_t size = strlen(word);
    if (size > MAX_WORD) {
        return NULL;
    }
    const char *nearest = NULL;
    int least = INT_MAX;
    for (; *list != NULL; list++) {
        size_t n = strlen(*list);
        if (n > MAX_WORD) {
            continue;
        }
        int distance = edit_distance(word, (int)size, *list, (int)n);
        if (distance < least && (size_t)distance * 2 <= size) {
            nearest = *list;
            least = distance;
        }
    }
    return nearest;
}
