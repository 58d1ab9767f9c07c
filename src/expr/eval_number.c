/// eval_number.c — kernels of arithmetic. Integers are int64 and never wrap: a result that does not
/// fit is SL_E_DATA. Floats are IEEE's: 1.0 / 0.0 is Infinity.
///
/// Loops compute every row and collect whether one went wrong; only then the row is searched, and
/// it is an error only if it is neither null nor skipped.
#include "expr/expr_int.h"

#include <math.h>

typedef bool (*overflows_fn)(int64_t a, int64_t b);

static bool add_overflows(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum);
}

static bool sub_overflows(int64_t a, int64_t b)
{
    int64_t difference;
    return __builtin_sub_overflow(a, b, &difference);
}

static bool mul_overflows(int64_t a, int64_t b)
{
    int64_t product;
    return __builtin_mul_overflow(a, b, &product);
}

// Something went wrong in some row: is it one that counts?
static sl_code find_overflow(sli_eval *ev, const sli_vec *args, const sli_vec *out,
                             const char *symbol, overflows_fn overflows)
{
    const uint8_t *skip;
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        int64_t a = args[0].v.i[i], b = args[1].v.i[i];
        if ((skip == NULL || skip[i] == 0) && overflows(a, b)) {
            return sli_eval_fail(ev, i, "%lld %s %lld does not fit int64", (long long)a, symbol,
                                 (long long)b);
        }
    }
    return SL_OK;
}

static int64_t *new_ints(sli_eval *ev, sli_vec *out)
{
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    out->v.i = to;
    return to;
}

static double *new_floats(sli_eval *ev, sli_vec *out)
{
    double *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    out->v.f = to;
    return to;
}

sl_code sli_k_add(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    if (node->type == SL_FLOAT64) {
        const double *a = args[0].v.f, *b = args[1].v.f;
        double *to = new_floats(ev, out);
        for (int64_t i = 0; to != NULL && i < ev->n; i++) {
            to[i] = a[i] + b[i];
        }
        return to == NULL ? SL_E_NOMEM : SL_OK;
    }
    const int64_t *a = args[0].v.i, *b = args[1].v.i;
    int64_t *to = new_ints(ev, out);
    int64_t bad = 0; // negative: a sum has another sign than both its parts
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = (int64_t)((uint64_t)a[i] + (uint64_t)b[i]);
        bad |= (a[i] ^ to[i]) & (b[i] ^ to[i]);
    }
    return to == NULL ? SL_E_NOMEM
           : bad < 0  ? find_overflow(ev, args, out, "+", add_overflows)
                      : SL_OK;
}

sl_code sli_k_sub(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    if (node->type == SL_FLOAT64) {
        const double *a = args[0].v.f, *b = args[1].v.f;
        double *to = new_floats(ev, out);
        for (int64_t i = 0; to != NULL && i < ev->n; i++) {
            to[i] = a[i] - b[i];
        }
        return to == NULL ? SL_E_NOMEM : SL_OK;
    }
    const int64_t *a = args[0].v.i, *b = args[1].v.i;
    int64_t *to = new_ints(ev, out);
    int64_t bad = 0;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = (int64_t)((uint64_t)a[i] - (uint64_t)b[i]);
        bad |= (a[i] ^ b[i]) & (a[i] ^ to[i]);
    }
    return to == NULL ? SL_E_NOMEM
           : bad < 0  ? find_overflow(ev, args, out, "-", sub_overflows)
                      : SL_OK;
}

sl_code sli_k_mul(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    if (node->type == SL_FLOAT64) {
        const double *a = args[0].v.f, *b = args[1].v.f;
        double *to = new_floats(ev, out);
        for (int64_t i = 0; to != NULL && i < ev->n; i++) {
            to[i] = a[i] * b[i];
        }
        return to == NULL ? SL_E_NOMEM : SL_OK;
    }
    const int64_t *a = args[0].v.i, *b = args[1].v.i;
    int64_t *to = new_ints(ev, out);
    bool bad = false;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        bad |= __builtin_mul_overflow(a[i], b[i], &to[i]);
    }
    return to == NULL ? SL_E_NOMEM : bad ? find_overflow(ev, args, out, "*", mul_overflows) : SL_OK;
}

// Quotient or remainder of integers; truncates towards zero, the remainder has the dividend's sign
// (SQL and C).
static sl_code divide_ints(sli_eval *ev, const sli_vec *args, bool remainder, sli_vec *out)
{
    const int64_t *a = args[0].v.i, *b = args[1].v.i;
    const uint8_t *skip;
    int64_t *to = new_ints(ev, out);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        bool counts = skip == NULL || skip[i] == 0;
        if (b[i] == 0) {
            if (counts) {
                return sli_eval_fail(ev, i, "%lld %s 0: division by zero", (long long)a[i],
                                     remainder ? "%" : "/");
            }
            to[i] = 0;
        } else if (b[i] == -1) { // the one quotient that can overflow, and traps
            if (a[i] == INT64_MIN && !remainder && counts) {
                return sli_eval_fail(ev, i, "%lld / -1 does not fit int64", (long long)a[i]);
            }
            to[i] = remainder ? 0 : (int64_t)(0 - (uint64_t)a[i]);
        } else {
            to[i] = remainder ? a[i] % b[i] : a[i] / b[i];
        }
    }
    return SL_OK;
}

sl_code sli_k_div(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    if (node->type != SL_FLOAT64) {
        return divide_ints(ev, args, false, out);
    }
    const double *a = args[0].v.f, *b = args[1].v.f;
    double *to = new_floats(ev, out);
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = a[i] / b[i];
    }
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

sl_code sli_k_mod(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    if (node->type != SL_FLOAT64) {
        return divide_ints(ev, args, true, out);
    }
    const double *a = args[0].v.f, *b = args[1].v.f;
    double *to = new_floats(ev, out);
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = fmod(a[i], b[i]);
    }
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

static sl_code find_smallest(sli_eval *ev, const sli_vec *arg, const sli_vec *out, const char *what)
{
    const uint8_t *skip;
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        if (arg->v.i[i] == INT64_MIN && (skip == NULL || skip[i] == 0)) {
            return sli_eval_fail(ev, i, "%s of %lld does not fit int64", what,
                                 (long long)INT64_MIN);
        }
    }
    return SL_OK;
}

sl_code sli_k_neg(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    if (node->type == SL_FLOAT64) {
        const double *a = args[0].v.f;
        double *to = new_floats(ev, out);
        for (int64_t i = 0; to != NULL && i < ev->n; i++) {
            to[i] = -a[i];
        }
        return to == NULL ? SL_E_NOMEM : SL_OK;
    }
    const int64_t *a = args[0].v.i;
    int64_t *to = new_ints(ev, out);
    bool bad = false;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = (int64_t)(0 - (uint64_t)a[i]);
        bad |= a[i] == INT64_MIN;
    }
    return to == NULL ? SL_E_NOMEM : bad ? find_smallest(ev, &args[0], out, "the negative") : SL_OK;
}

sl_code sli_k_abs(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    if (node->type == SL_FLOAT64) {
        const double *a = args[0].v.f;
        double *to = new_floats(ev, out);
        for (int64_t i = 0; to != NULL && i < ev->n; i++) {
            to[i] = fabs(a[i]);
        }
        return to == NULL ? SL_E_NOMEM : SL_OK;
    }
    const int64_t *a = args[0].v.i;
    int64_t *to = new_ints(ev, out);
    bool bad = false;
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = a[i] < 0 ? (int64_t)(0 - (uint64_t)a[i]) : a[i];
        bad |= a[i] == INT64_MIN;
    }
    return to == NULL ? SL_E_NOMEM
           : bad      ? find_smallest(ev, &args[0], out, "the absolute value")
                      : SL_OK;
}

// Rounding of floats; an integer is round already.
static sl_code each_float(sli_eval *ev, const sli_node *node, const sli_vec *arg,
                          double (*f)(double), sli_vec *out)
{
    if (node->type != SL_FLOAT64) {
        out->v.i = arg->v.i;
        return SL_OK;
    }
    double *to = new_floats(ev, out);
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = f(arg->v.f[i]);
    }
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

sl_code sli_k_floor(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    return each_float(ev, node, args, floor, out);
}

sl_code sli_k_ceil(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    return each_float(ev, node, args, ceil, out);
}

sl_code sli_k_round(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    return each_float(ev, node, args, round, out); // halves away from zero
}

sl_code sli_k_sqrt(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    return each_float(ev, node, args, sqrt, out);
}
