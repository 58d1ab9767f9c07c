/// agg_distinct.c — approx_count_distinct: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007).
///
/// A state is 2^p registers of one byte. A value's 64-bit hash picks a register by its top p bits;
/// the register keeps the longest run of zeroes seen in the rest, plus one:
///
///     hash   p bits: register | 64 - p bits: rank = leading zeroes + 1, at most 64 - p + 1
///
/// Merging takes the larger rank of each register, so order, cuts and repeats do not matter. The
/// estimate is Ertl's (New cardinality estimation algorithms for HyperLogLog sketches, 2017): it
/// needs neither the thresholds nor the bias tables of HLL++ and has a relative standard error of
/// about 1.04 / sqrt(2^p) from one value on.
#include "expr/agg_int.h"

#include "base/hash.h"

#include <math.h>

enum { MIN_PRECISION = 4, MAX_PRECISION = 19, MAX_RANK = 64 - MIN_PRECISION + 1 };

static const double usual_sd = 0.05; // as in Spark

/// The smallest p whose standard error is at most `sd`.
static int32_t precision_for(double sd)
{
    int32_t p = MIN_PRECISION;
    while (p < MAX_PRECISION && 1.04 * 1.04 > sd * sd * (double)(1 << p)) {
        p++;
    }
    return p;
}

sl_code sli_agg_distinct_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                   sli_agg *agg)
{
    double sd = usual_sd;
    if (n > 0) {
        const sli_node *given = settings[0];
        bool number = given->kind == SLI_NODE_LITERAL && given->type == SL_FLOAT64;
        sd = number ? given->literal.f : 0;
        if (!(sd >= SLI_MIN_RELATIVE_SD && sd <= SLI_MAX_RELATIVE_SD)) {
            return sli_compile_fail(c, given->at,
                                    "the relative standard error is a number from 0.002 to 0.4");
        }
    }
    agg->precision = precision_for(sd);
    agg->state_bytes = (size_t)1 << agg->precision;
    return SL_OK;
}

void sli_agg_distinct_init(sli_agg_state *self, int64_t from, int64_t n)
{
    size_t size = self->agg->state_bytes;
    memset((uint8_t *)self->states + (size_t)from * size, 0, (size_t)n * size);
}

static uint8_t *registers_of(const sli_agg_state *self, int64_t group)
{
    return (uint8_t *)self->states + (size_t)group * self->agg->state_bytes;
}

sl_code sli_agg_distinct_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                                int64_t n, sl_error *err)
{
    int32_t p = self->agg->precision;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (sli_vec_is_null(values, i)) {
            continue;
        }
        uint64_t hash = sli_mix64(sli_vec_hash(values, i));
        uint64_t rest = hash << p | UINT64_C(1) << (p - 1); // the bit ends a run of all zeroes
        uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
        uint8_t *at = registers_of(self, group[i]) + (hash >> (64 - p));
        *at = rank > *at ? rank : *at;
    }
    return SL_OK;
}

sl_code sli_agg_distinct_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev)
{
    const sl_column *cells = sl_batch_column(in, self->agg->partial_column);
    int64_t m = (int64_t)self->agg->state_bytes;
    uint8_t highest = (uint8_t)(64 - self->agg->precision + 1);
    for (int64_t i = 0; i < ev->n; i++) {
        int64_t row = ev->base + i;
        sl_text cell = sl_column_is_null(cells, row) ? (sl_text){0} : sl_column_text(cells, row);
        if ((int64_t)cell.size != m) {
            return sli_agg_corrupt(self, ev->err);
        }
        const uint8_t *from = (const uint8_t *)cell.data;
        uint8_t *to = registers_of(self, group[i]), most = 0;
        for (int64_t k = 0; k < m; k++) {
            most = from[k] > most ? from[k] : most;
            to[k] = from[k] > to[k] ? from[k] : to[k];
        }
        if (most > highest) {
            return sli_agg_corrupt(self, ev->err);
        }
    }
    return SL_OK;
}

void sli_agg_distinct_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column)
{
    for (int64_t i = 0; i < n; i++) {
        sl_builder_text(out, column, (const char *)registers_of(self, from + i),
                        self->agg->state_bytes);
    }
}

// ---------------------------------------------------------------- the estimate

/// x + sum of x^(2^k) 2^(k-1): what the registers that are still zero stand for.
static double sigma(double x)
{
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

/// (1 - x - sum of (1 - x^(2^-k))^2 2^-k) / 3: what the registers at the highest rank stand for.
static double tau(double x)
{
    double y = 1, z = 1 - x, before;
    if (x == 0 || x == 1) {
        return 0;
    }
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

static int64_t estimate(const uint8_t *registers, int32_t precision)
{
    int64_t counts[MAX_RANK + 1] = {0};
    int32_t highest = 64 - precision + 1;
    int64_t n = (int64_t)1 << precision;
    double m = (double)n;
    for (int64_t k = 0; k < n; k++) {
        counts[registers[k]]++;
    }
    if (counts[0] == n) {
        return 0;
    }
    double z = m * tau(1 - (double)counts[highest] / m);
    for (int32_t k = highest - 1; k >= 1; k--) {
        z = 0.5 * (z + (double)counts[k]);
    }
    z += m * sigma((double)counts[0] / m);
    const double alpha = 0.72134752044448170368; // 1 / (2 ln 2)
    double about = alpha * m * m / z;
    return about < 0x1p63 ? (int64_t)(about + 0.5) : INT64_MAX;
}

sl_code sli_agg_distinct_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                                int32_t column, sl_error *err)
{
    (void)err; // the builder keeps its failure
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column, estimate(registers_of(self, from + i), self->agg->precision));
    }
    return SL_OK;
}
