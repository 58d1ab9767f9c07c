/// eval_cast.c — casts: a value of one type as another, or SL_E_DATA with the row; no cast makes a
/// null.
///
///     from \ to   bool  int32/64  float64  string  binary  date  timestamp
///     bool         =      0 1      0 1      text
///     integers    <> 0    range     yes     text            days      µs
///     float64     <> 0    trunc      =      text
///     string      scan    scan     scan      =       yes    scan     scan
///     binary                               UTF-8?     =
///     date                days              text              =    midnight
///     timestamp            µs               text             day       =
#include "expr/expr_int.h"

#include <math.h>
#include <stdio.h>

bool sli_cast_exists(sl_type from, sl_type to)
{
    bool from_int = from == SL_INT32 || from == SL_INT64, to_int = to == SL_INT32 || to == SL_INT64;
    bool from_time = from == SL_DATE || from == SL_TIMESTAMP,
         to_time = to == SL_DATE || to == SL_TIMESTAMP;
    bool to_number = to == SL_BOOL || to == SL_FLOAT64 || to_int;
    if (from == to || (to == SL_STRING && from != 0)) {
        return true;
    }
    switch (from) {
    case SL_BOOL:
    case SL_FLOAT64:
        return to_number;
    case SL_STRING:
        return to_number || to_time || to == SL_BINARY;
    default:
        return from_int ? to_number || to_time : from_time && (to_int || to_time);
    }
}

// ---------------------------------------------------------------- to numbers

static sl_code scan_int(sli_eval *ev, int64_t i, sl_text text, int64_t *out)
{
    if (sli_scan_int64(text, out, NULL) != SL_OK) {
        return sli_eval_fail(ev, i, "'%.*s' is not an integer",
                             (int)(text.size < 40 ? text.size : 40), text.data);
    }
    return SL_OK;
}

static sl_code scan_time(sli_eval *ev, int64_t i, sl_text text, sl_type to, int64_t *out)
{
    bool right = to == SL_DATE ? sli_scan_date(text, out) : sli_scan_timestamp(text, out);
    if (!right) {
        return sli_eval_fail(ev, i, "'%.*s' is not a %s", (int)(text.size < 40 ? text.size : 40),
                             text.data, sli_expr_type_name(to));
    }
    return SL_OK;
}

static sl_code float_to_int(sli_eval *ev, int64_t i, double value, int64_t *out)
{
    // 2^63 is a double, the largest int64 is not.
    if (!(value > -9223372036854777856.0 && value < 9223372036854775808.0)) {
        return sli_eval_fail(ev, i, "%g does not fit int64", value);
    }
    *out = (int64_t)value;
    return SL_OK;
}

// One cell that counts, to an integer kind.
static sl_code to_int(sli_eval *ev, int64_t i, sl_type to, const sli_vec *arg, int64_t *out)
{
    switch (arg->type) {
    case SL_BOOL:
        *out = arg->v.b[i];
        break;
    case SL_FLOAT64:
        SL_TRY(float_to_int(ev, i, arg->v.f[i], out));
        break;
    case SL_STRING:
        if (to == SL_DATE || to == SL_TIMESTAMP) {
            return scan_time(ev, i, arg->v.s[i], to, out);
        }
        SL_TRY(scan_int(ev, i, arg->v.s[i], out));
        break;
    case SL_DATE:
        *out = arg->v.i[i];
        if (to == SL_TIMESTAMP && __builtin_mul_overflow(*out, SLI_US_PER_DAY, out)) {
            return sli_eval_fail(ev, i, "day %lld does not fit a timestamp",
                                 (long long)arg->v.i[i]);
        }
        break;
    default:
        *out = arg->type == SL_TIMESTAMP && to == SL_DATE
                   ? sli_floor_div(arg->v.i[i], SLI_US_PER_DAY)
                   : arg->v.i[i];
        break;
    }
    if ((to == SL_INT32 || to == SL_DATE) && (*out < INT32_MIN || *out > INT32_MAX)) {
        return sli_eval_fail(ev, i, "%lld does not fit %s", (long long)*out,
                             sli_expr_type_name(to));
    }
    return SL_OK;
}

static sl_code to_ints(sli_eval *ev, sl_type to, const sli_vec *arg, const uint8_t *skip,
                       sli_vec *out)
{
    bool same = to == SL_INT64 || to == SL_TIMESTAMP;
    if (sli_kind_of(arg->type) == SLI_KIND_INT &&
        (arg->type == to || (same && arg->type != SL_DATE) || to == SL_INT64)) {
        out->v.i = arg->v.i; // another name for the same number
        return SL_OK;
    }
    int64_t *cells = sli_eval_alloc(ev, (size_t)ev->n * sizeof *cells);
    if (cells == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        cells[i] = 0;
        if (skip == NULL || skip[i] == 0) {
            SL_TRY(to_int(ev, i, to, arg, &cells[i]));
        }
    }
    out->v.i = cells;
    return SL_OK;
}

static sl_code to_floats(sli_eval *ev, const sli_vec *arg, const uint8_t *skip, sli_vec *out)
{
    if (arg->type == SL_FLOAT64) {
        out->v.f = arg->v.f;
        return SL_OK;
    }
    double *cells = sli_eval_alloc(ev, (size_t)ev->n * sizeof *cells);
    if (cells == NULL) {
        return SL_E_NOMEM;
    }
    out->v.f = cells;
    for (int64_t i = 0; i < ev->n; i++) {
        if (arg->type == SL_BOOL) {
            cells[i] = arg->v.b[i];
        } else if (arg->type != SL_STRING) {
            cells[i] = (double)arg->v.i[i];
        } else {
            sl_text text = arg->v.s[i];
            cells[i] = 0;
            if ((skip == NULL || skip[i] == 0) &&
                sli_scan_float64(text, &cells[i], NULL) != SL_OK) {
                return sli_eval_fail(ev, i, "'%.*s' is not a number",
                                     (int)(text.size < 40 ? text.size : 40), text.data);
            }
        }
    }
    return SL_OK;
}

static sl_code to_bools(sli_eval *ev, const sli_vec *arg, const uint8_t *skip, sli_vec *out)
{
    if (arg->type == SL_BOOL) {
        out->v.b = arg->v.b;
        return SL_OK;
    }
    uint8_t *cells = sli_eval_alloc(ev, (size_t)ev->n);
    if (cells == NULL) {
        return SL_E_NOMEM;
    }
    out->v.b = cells;
    for (int64_t i = 0; i < ev->n; i++) {
        if (arg->type == SL_FLOAT64) {
            cells[i] = arg->v.f[i] != 0;
        } else if (arg->type != SL_STRING) {
            cells[i] = arg->v.i[i] != 0;
        } else {
            sl_text text = arg->v.s[i];
            bool value = false;
            if ((skip == NULL || skip[i] == 0) && sli_scan_bool(text, &value, NULL) != SL_OK) {
                return sli_eval_fail(ev, i, "'%.*s' is neither true nor false",
                                     (int)(text.size < 40 ? text.size : 40), text.data);
            }
            cells[i] = value;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- to texts

static size_t print_cell(const sli_vec *arg, int64_t i, char *out)
{
    switch (arg->type) {
    case SL_BOOL:
        return (size_t)snprintf(out, SLI_TIME_BYTES, "%s", arg->v.b[i] != 0 ? "true" : "false");
    case SL_FLOAT64:
        return sli_format_float64(arg->v.f[i], out);
    case SL_DATE:
        return sli_print_date(arg->v.i[i], out);
    case SL_TIMESTAMP:
        return sli_print_timestamp(arg->v.i[i], out);
    default:
        return (size_t)snprintf(out, SLI_TIME_BYTES, "%lld", (long long)arg->v.i[i]);
    }
}

static sl_code check_utf8(sli_eval *ev, const sli_vec *arg, const uint8_t *skip)
{
    for (int64_t i = 0; i < ev->n; i++) {
        sl_text text = arg->v.s[i];
        size_t bad = sli_utf8_check(text.data, text.size);
        if (bad != text.size && (skip == NULL || skip[i] == 0)) {
            return sli_eval_fail(ev, i, "byte %zu is not UTF-8", bad);
        }
    }
    return SL_OK;
}

static sl_code to_texts(sli_eval *ev, sl_type to, const sli_vec *arg, const uint8_t *skip,
                        sli_vec *out)
{
    if (sli_kind_of(arg->type) == SLI_KIND_TEXT) {
        out->v.s = arg->v.s;
        out->whole = arg->whole;
        return arg->type == SL_BINARY && to == SL_STRING ? check_utf8(ev, arg, skip) : SL_OK;
    }
    sl_text *cells = sli_eval_alloc(ev, (size_t)ev->n * sizeof *cells);
    if (cells == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        char digits[SLI_TIME_BYTES];
        cells[i] = (sl_text){"", 0};
        if (skip != NULL && skip[i] != 0) {
            continue;
        }
        size_t size = print_cell(arg, i, digits);
        char *copy = sli_eval_alloc(ev, size);
        if (copy == NULL) {
            return SL_E_NOMEM;
        }
        memcpy(copy, digits, size);
        cells[i] = (sl_text){copy, size};
    }
    out->v.s = cells;
    return SL_OK;
}

sl_code sli_eval_cast(sli_eval *ev, sl_type to, const sli_vec *arg, sli_vec *out)
{
    const uint8_t *skip;
    SL_TRY(sli_eval_skip(ev, arg->nulls, &skip));
    switch (sli_kind_of(to)) {
    case SLI_KIND_BOOL:
        return to_bools(ev, arg, skip, out);
    case SLI_KIND_INT:
        return to_ints(ev, to, arg, skip, out);
    case SLI_KIND_FLOAT:
        return to_floats(ev, arg, skip, out);
    case SLI_KIND_TEXT:
        return to_texts(ev, to, arg, skip, out);
    case SLI_KIND_NONE:
        break;
    }
    SL_ASSERT(false, "typing refuses other casts");
    return SL_E_INVALID;
}
