/// value.c — one option and one value: reading the text, holding it to its bounds, saying what
/// would be right.
///
/// Everything a user can type wrong in a value ends here, in one text that names the option, the
/// value and what is allowed. Secrets are never repeated.
#include "conf/conf_int.h"

#include <inttypes.h>
#include <math.h>

bool sli_conf_is_name(sl_text name)
{
    if (name.size == 0 || name.size > SLI_CONF_MAX_NAME) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == '.' || c == '-';
        if (!letter && (i == 0 || !later)) {
            return false;
        }
    }
    return true;
}

const char *sli_conf_quote(sl_text text, char out[SLI_CONF_MAX_QUOTED])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0, at = 0;
    out[n++] = '"';
    while (at < text.size && n < 80) {
        size_t left = text.size - at < 8 ? text.size - at : 8; // enough for one character of UTF-8
        unsigned char c = (unsigned char)text.data[at];
        size_t wide = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (c < 0x20 || c == 0x7f || wide > left || sli_utf8_check(text.data + at, wide) != wide) {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = digits[c >> 4];
            out[n++] = digits[c & 15];
            at++;
            continue;
        }
        memcpy(out + n, text.data + at, wide);
        n += wide;
        at += wide;
    }
    memcpy(out + n, at < text.size ? "\"..." : "\"", at < text.size ? 5 : 2);
    return out;
}

// The member of "a|b|c" that equals `text`, as an index; -1 when none does.
static int64_t choice_index(const char *choices, sl_text text)
{
    int64_t index = 0;
    for (const char *at = choices;; index++) {
        size_t size = strcspn(at, "|");
        if (size == text.size && memcmp(at, text.data, size) == 0) {
            return index;
        }
        if (at[size] == '\0') {
            return -1;
        }
        at += size + 1;
    }
}

static sl_code read_float(sl_text text, double *out, sl_error *reason)
{
    double real = 0;
    SL_TRY(sli_scan_float64(text, &real, reason));
    if (!isfinite(real)) {
        return sl_error_set(reason, SL_E_INVALID, "not a finite number");
    }
    *out = real;
    return SL_OK;
}

static sl_code read_text(sl_text text, sl_error *reason)
{
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        return sl_error_set(reason, SL_E_INVALID, "holds a zero byte");
    }
    if (text.size > 0 && sli_utf8_check(text.data, text.size) != text.size) {
        return sl_error_set(reason, SL_E_INVALID, "is not UTF-8");
    }
    return SL_OK;
}

// Text to numbers by type alone; *reason says what is wrong with the text.
static sl_code read_type(const sl_option *option, sl_text text, sli_parsed *out, sl_error *reason)
{
    bool truth = false;
    switch (option->type) {
    case SL_OPT_TEXT:
    case SL_OPT_SECRET:
    case SL_OPT_FAMILY:
        return read_text(text, reason);
    case SL_OPT_BOOL:
        SL_TRY(sli_scan_bool(text, &truth, reason));
        out->whole = truth ? 1 : 0;
        return SL_OK;
    case SL_OPT_INT:
        return sli_scan_int64(text, &out->whole, reason);
    case SL_OPT_FLOAT:
        return read_float(text, &out->real, reason);
    case SL_OPT_DURATION:
        return sli_scan_duration_us(text, &out->whole, reason);
    case SL_OPT_SIZE:
        return sli_scan_size(text, &out->whole, reason);
    case SL_OPT_CHOICE:
        out->whole = choice_index(option->choices, text);
        return out->whole >= 0 ? SL_OK : sl_error_set(reason, SL_E_INVALID, "is not a choice");
    }
    return sl_error_set(reason, SL_E_INVALID, "has no known type");
}

static bool has_bounds(sl_option_type type)
{
    return type == SL_OPT_INT || type == SL_OPT_FLOAT || type == SL_OPT_DURATION ||
           type == SL_OPT_SIZE;
}

// -1 below, 0 inside, 1 above. The bounds were read once already, by sli_option_check.
static int beyond(const sl_option *option, sli_parsed value)
{
    sli_parsed bound = {0};
    if (!has_bounds(option->type)) {
        return 0;
    }
    if (option->low != NULL && read_type(option, sli_text_of(option->low), &bound, NULL) == SL_OK &&
        (option->type == SL_OPT_FLOAT ? value.real < bound.real : value.whole < bound.whole)) {
        return -1;
    }
    if (option->high != NULL &&
        read_type(option, sli_text_of(option->high), &bound, NULL) == SL_OK &&
        (option->type == SL_OPT_FLOAT ? value.real > bound.real : value.whole > bound.whole)) {
        return 1;
    }
    return 0;
}

void sli_option_allowed(const sl_option *option, sli_str *out)
{
    switch (option->type) {
    case SL_OPT_TEXT:
    case SL_OPT_SECRET:
    case SL_OPT_FAMILY:
        sli_str_text(out, "UTF-8 text without zero bytes");
        break;
    case SL_OPT_BOOL:
        sli_str_text(out, "true or false");
        break;
    case SL_OPT_INT:
        sli_str_text(out, "a whole number");
        break;
    case SL_OPT_FLOAT:
        sli_str_text(out, "a number");
        break;
    case SL_OPT_DURATION:
        sli_str_text(out, "a duration such as 500ms, 10s or 5m");
        break;
    case SL_OPT_SIZE:
        sli_str_text(out, "a size such as 4096, 512k or 64MiB");
        break;
    case SL_OPT_CHOICE:
        sli_str_text(out, "one of ");
        for (const char *at = option->choices; *at != '\0'; at++) {
            sli_str_text(out, *at == '|' ? ", " : (char[]){*at, '\0'});
        }
        break;
    }
    if (option->low != NULL) {
        sli_str_printf(out, option->high != NULL ? ", from %s" : ", at least %s", option->low);
    }
    if (option->high != NULL) {
        sli_str_printf(out, option->low != NULL ? " to %s" : ", at most %s", option->high);
    }
}

static sl_code refuse(const sl_option *option, sl_text text, const char *reason, sl_error *err)
{
    char quoted[SLI_CONF_MAX_QUOTED] = "the value";
    if (option->type != SL_OPT_SECRET && option->type != SL_OPT_FAMILY) { // a member may be one
        sli_conf_quote(text, quoted);
    }
    sli_str allowed = {.tag = SLI_TAG_CONF};
    sli_option_allowed(option, &allowed);
    sl_code rc =
        sl_error_set(err, SL_E_CONFIG, "option %s: %s: %s; allowed is %s", option->name, quoted,
                     reason, allowed.data == NULL ? "what --help says" : allowed.data);
    sli_str_reset(&allowed);
    return rc;
}

sl_code sli_option_read(const sl_option *option, sl_text text, sli_parsed *out, sl_error *err)
{
    sl_error reason = SL_ERROR_INIT;
    sli_parsed parsed = {0};
    if (text.size > SLI_CONF_MAX_VALUE) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option %s: a value of %zu bytes; at most %d are allowed", option->name,
                            text.size, SLI_CONF_MAX_VALUE);
    }
    if (read_type(option, text, &parsed, &reason) != SL_OK) {
        return refuse(option, text, reason.text, err);
    }
    int side = beyond(option, parsed);
    if (side != 0) {
        return refuse(option, text, side < 0 ? "too small" : "too large", err);
    }
    *out = parsed;
    return SL_OK;
}

// Bounds are readable, belong to a type that has an order, and leave something between them.
static sl_code check_bounds(const sl_option *option, sl_error *err)
{
    sli_parsed low = {0}, high = {0};
    if (option->low == NULL && option->high == NULL) {
        return SL_OK;
    }
    if (!has_bounds(option->type)) {
        return sl_error_set(err, SL_E_INVALID, "option %s: its type has no bounds", option->name);
    }
    if ((option->low != NULL && read_type(option, sli_text_of(option->low), &low, NULL) != SL_OK) ||
        (option->high != NULL &&
         read_type(option, sli_text_of(option->high), &high, NULL) != SL_OK)) {
        return sl_error_set(err, SL_E_INVALID, "option %s: a bound can't be read as its type",
                            option->name);
    }
    if (option->low != NULL && option->high != NULL && beyond(option, low) > 0) {
        return sl_error_set(err, SL_E_INVALID, "option %s: its bounds are crossed", option->name);
    }
    return SL_OK;
}

static sl_code check_flags(const sl_option *option, sl_error *err)
{
    if ((option->type == SL_OPT_SECRET || option->type == SL_OPT_FAMILY) &&
        (option->fallback != NULL || (option->flags & SL_OPT_RESULT) != 0)) {
        return sl_error_set(err, SL_E_INVALID,
                            "option %s: a secret or family has no default and reaches no result",
                            option->name);
    }
    if ((option->flags & SL_OPT_REQUIRED) != 0 && option->fallback != NULL) {
        return sl_error_set(err, SL_E_INVALID, "option %s: required, and yet with a default",
                            option->name);
    }
    return SL_OK;
}

sl_code sli_option_check(const sl_option *option, sl_error *err)
{
    char quoted[SLI_CONF_MAX_QUOTED];
    sli_parsed parsed = {0};
    if (!sli_conf_is_name(sli_text_of(option->name))) {
        return sl_error_set(err, SL_E_INVALID,
                            "option %s: not a name (letters, digits, '_', '.', '-')",
                            sli_conf_quote(sli_text_of(option->name), quoted));
    }
    if (option->type < SL_OPT_TEXT || option->type > SL_OPT_FAMILY) {
        return sl_error_set(err, SL_E_INVALID, "option %s: unknown type %d", option->name,
                            (int)option->type);
    }
    if ((option->type == SL_OPT_CHOICE) != (option->choices != NULL) &&
        option->type != SL_OPT_FAMILY) {
        return sl_error_set(err, SL_E_INVALID, "option %s: choices and type don't fit",
                            option->name);
    }
    if (option->type == SL_OPT_FAMILY && option->name[strlen(option->name) - 1] != '.') {
        return sl_error_set(err, SL_E_INVALID, "option %s: a family's name ends with '.'",
                            option->name);
    }
    SL_TRY(check_bounds(option, err));
    SL_TRY(check_flags(option, err));
    if (option->fallback != NULL &&
        sli_option_read(option, sli_text_of(option->fallback), &parsed, err) != SL_OK) {
        return sl_error_set(err, SL_E_INVALID, "option %s: its default %s is not allowed",
                            option->name, sli_conf_quote(sli_text_of(option->fallback), quoted));
    }
    return SL_OK;
}
