/// eval_compare.c — comparison, lists, least and greatest, hash: one order for each kind of value.
///
/// The order is total, so `a > b` is `b < a` and `a <> b` is `not a = b`: NaN equals NaN and is the
/// largest number (Spark's rule, and that of grouping), -0.0 equals 0.0, texts compare by bytes,
/// false is less than true.
#include "expr/expr_int.h"

#include "base/hash.h"
#include "col/col.h"

// to[i] = a equals b, or a is less than b.
static void compare_ints(const int64_t *a, const int64_t *b, bool equal, int64_t n, uint8_t *to)
{
    if (equal) {
        for (int64_t i = 0; i < n; i++) {
            to[i] = a[i] == b[i];
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        to[i] = a[i] < b[i];
    }
}

static void compare_floats(const double *a, const double *b, bool equal, int64_t n, uint8_t *to)
{
    if (equal) {
        for (int64_t i = 0; i < n; i++) {
            to[i] = sli_float_equal(a[i], b[i]);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        to[i] = sli_float_less(a[i], b[i]);
    }
}

static void compare_bools(const uint8_t *a, const uint8_t *b, bool equal, int64_t n, uint8_t *to)
{
    for (int64_t i = 0; i < n; i++) {
        to[i] = equal ? a[i] == b[i] : a[i] < b[i];
    }
}

static void compare_texts(const sl_text *a, const sl_text *b, bool equal, int64_t n, uint8_t *to)
{
    for (int64_t i = 0; i < n; i++) {
        to[i] = equal ? sli_text_equal(a[i], b[i]) : sli_text_less(a[i], b[i]);
    }
}

static void compare(const sli_vec *a, const sli_vec *b, bool equal, int64_t n, uint8_t *to)
{
    switch (sli_kind_of(a->type)) {
    case SLI_KIND_INT:
        compare_ints(a->v.i, b->v.i, equal, n, to);
        break;
    case SLI_KIND_FLOAT:
        compare_floats(a->v.f, b->v.f, equal, n, to);
        break;
    case SLI_KIND_BOOL:
        compare_bools(a->v.b, b->v.b, equal, n, to);
        break;
    case SLI_KIND_TEXT:
        compare_texts(a->v.s, b->v.s, equal, n, to);
        break;
    case SLI_KIND_NONE:
        SL_ASSERT(false, "typing refuses to compare what has no kind");
    }
}

static sl_code compare_to(sli_eval *ev, const sli_vec *a, const sli_vec *b, bool equal, bool invert,
                          sli_vec *out)
{
    uint8_t *to = sli_eval_alloc(ev, (size_t)ev->n);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    compare(a, b, equal, ev->n, to);
    for (int64_t i = 0; invert && i < ev->n; i++) {
        to[i] ^= 1;
    }
    out->v.b = to;
    return SL_OK;
}

sl_code sli_k_eq(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return compare_to(ev, &args[0], &args[1], true, false, out);
}

sl_code sli_k_ne(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return compare_to(ev, &args[0], &args[1], true, true, out);
}

sl_code sli_k_lt(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return compare_to(ev, &args[0], &args[1], false, false, out);
}

sl_code sli_k_ge(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return compare_to(ev, &args[0], &args[1], false, true, out);
}

sl_code sli_k_gt(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return compare_to(ev, &args[1], &args[0], false, false, out);
}

sl_code sli_k_le(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return compare_to(ev, &args[1], &args[0], false, true, out);
}

// ---------------------------------------------------------------- cells that equal a text

// The column of `column = 'text'` or `<>`, either way round; -1: it is something else.
static int32_t cell_side(const sli_node *node)
{
    bool tests = node->function->run == sli_k_eq || node->function->run == sli_k_ne;
    for (int32_t k = 0; tests && k < 2; k++) {
        const sli_node *column = node->args[k], *text = node->args[1 - k];
        if (column->kind == SLI_NODE_COLUMN && text->kind == SLI_NODE_LITERAL &&
            sli_kind_of(column->type) == SLI_KIND_TEXT && !text->literal.is_null) {
            return k;
        }
    }
    return -1;
}

bool sli_is_cell_test(const sli_node *node)
{
    return cell_side(node) >= 0;
}

// A short text lies in the cell's 16 bytes, with zeroes behind it.
static void find_short(const sl_view *cells, const sl_view *wanted, int64_t n, uint8_t *to)
{
    uint64_t want[2], have[2];
    memcpy(want, wanted, sizeof want);
    for (int64_t i = 0; i < n; i++) {
        memcpy(have, &cells[i], sizeof have);
        to[i] = ((have[0] ^ want[0]) | (have[1] ^ want[1])) == 0;
    }
}

// Of a long text the size and the first 4 bytes do; they mostly decide. Cells that are null may
// point anywhere.
static void find_long(const sl_column *column, int64_t base, sl_text text, const uint8_t *nulls,
                      int64_t n, uint8_t *to)
{
    const sl_view *cells = (const sl_view *)column->values + base;
    for (int64_t i = 0; i < n; i++) {
        to[i] = (size_t)cells[i].size == text.size && (nulls == NULL || nulls[i] == 0) &&
                memcmp(cells[i].as.ref.prefix, text.data, sizeof cells[i].as.ref.prefix) == 0 &&
                memcmp(sl_column_text(column, base + i).data, text.data, text.size) == 0;
    }
}

sl_code sli_eval_cell_test(sli_eval *ev, const sli_node *node, sli_vec *out)
{
    int32_t side = cell_side(node);
    const sl_column *column = sl_batch_column(ev->in, node->args[side]->column);
    sl_text text = node->args[1 - side]->literal.s;
    bool invert = node->function->run == sli_k_ne;
    uint8_t *to = sli_eval_alloc(ev, (size_t)ev->n);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    SL_TRY(sli_eval_nulls(ev, column, &out->nulls));
    if (text.size <= SL_VIEW_INLINE) {
        sl_view wanted = sli_view_of(text.data, 0, 0, (int64_t)text.size);
        find_short((const sl_view *)column->values + ev->base, &wanted, ev->n, to);
    } else {
        find_long(column, ev->base, text, out->nulls, ev->n, to);
    }
    for (int64_t i = 0; invert && i < ev->n; i++) {
        to[i] ^= 1;
    }
    out->v.b = to;
    return SL_OK;
}

// ---------------------------------------------------------------- lists, ranges

static bool null_at(const sli_vec *vec, int64_t i)
{
    return vec->nulls != NULL && vec->nulls[i] != 0;
}

// Room for a bool result that sets its own nulls.
static sl_code new_tri(sli_eval *ev, uint8_t **value, uint8_t **nulls, sli_vec *out)
{
    *value = sli_eval_alloc(ev, (size_t)ev->n);
    *nulls = sli_eval_alloc(ev, (size_t)ev->n);
    if (*value == NULL || *nulls == NULL) {
        return SL_E_NOMEM;
    }
    memset(*value, 0, (size_t)ev->n);
    memset(*nulls, 0, (size_t)ev->n);
    out->v.b = *value;
    out->nulls = *nulls;
    return SL_OK;
}

// True when one equals, else null when the value or one of the list is null, else false.
sl_code sli_k_in(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    uint8_t *value, *nulls;
    SL_TRY(new_tri(ev, &value, &nulls, out));
    uint8_t *same = sli_eval_alloc(ev, (size_t)ev->n);
    if (same == NULL) {
        return SL_E_NOMEM;
    }
    for (int32_t k = 1; k < node->n_args; k++) {
        compare(&args[0], &args[k], true, ev->n, same);
        for (int64_t i = 0; i < ev->n; i++) {
            bool null = null_at(&args[0], i) || null_at(&args[k], i);
            value[i] |= (uint8_t)(same[i] & !null);
            nulls[i] |= null;
        }
    }
    for (int64_t i = 0; i < ev->n; i++) {
        nulls[i] &= (uint8_t)!value[i];
    }
    return SL_OK;
}

// x >= low and x <= high, three-valued.
sl_code sli_k_between(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    uint8_t *value, *nulls;
    SL_TRY(new_tri(ev, &value, &nulls, out));
    uint8_t *below = sli_eval_alloc(ev, (size_t)ev->n);
    uint8_t *above = sli_eval_alloc(ev, (size_t)ev->n);
    if (below == NULL || above == NULL) {
        return SL_E_NOMEM;
    }
    compare(&args[0], &args[1], false, ev->n, below);
    compare(&args[2], &args[0], false, ev->n, above);
    for (int64_t i = 0; i < ev->n; i++) {
        bool low_null = null_at(&args[0], i) || null_at(&args[1], i);
        bool high_null = null_at(&args[0], i) || null_at(&args[2], i);
        bool outside = (!low_null && below[i] != 0) || (!high_null && above[i] != 0);
        nulls[i] = (low_null || high_null) && !outside;
        value[i] = !outside;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- least, greatest

// The value that wins over all others of its row; nulls don't take part (Spark, PostgreSQL).
static sl_code extreme(sli_eval *ev, const sli_node *node, const sli_vec *args, bool least,
                       sli_vec *out)
{
    int32_t *best = sli_eval_alloc(ev, (size_t)ev->n * sizeof *best);
    uint8_t *nulls = sli_eval_alloc(ev, (size_t)ev->n);
    uint8_t *less = sli_eval_alloc(ev, (size_t)ev->n);
    sl_text *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to); // the widest kind
    if (best == NULL || nulls == NULL || less == NULL || to == NULL) {
        return SL_E_NOMEM;
    }
    int64_t *ints = (int64_t *)(void *)to;
    double *floats = (double *)(void *)to;
    uint8_t *bools = (uint8_t *)(void *)to;
    for (int64_t i = 0; i < ev->n; i++) {
        nulls[i] = 1;
    }
    sli_vec so_far = {.type = node->type};
    so_far.v.s = to;
    memset(to, 0, (size_t)ev->n * sizeof *to);
    for (int32_t k = 0; k < node->n_args; k++) {
        const sli_vec *arg = &args[k];
        compare(least ? arg : &so_far, least ? &so_far : arg, false, ev->n, less);
        for (int64_t i = 0; i < ev->n; i++) {
            if (null_at(arg, i) || (nulls[i] == 0 && less[i] == 0)) {
                continue;
            }
            nulls[i] = 0;
            switch (sli_kind_of(node->type)) {
            case SLI_KIND_BOOL:
                bools[i] = arg->v.b[i];
                break;
            case SLI_KIND_FLOAT:
                floats[i] = arg->v.f[i];
                break;
            case SLI_KIND_TEXT:
                to[i] = arg->v.s[i];
                break;
            default:
                ints[i] = arg->v.i[i];
                break;
            }
        }
    }
    out->v.s = to;
    out->nulls = nulls;
    return SL_OK;
}

sl_code sli_k_least(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    return extreme(ev, node, args, true, out);
}

sl_code sli_k_greatest(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    return extreme(ev, node, args, false, out);
}

// ---------------------------------------------------------------- tests of one value

sl_code sli_k_not(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    uint8_t *to = sli_eval_alloc(ev, (size_t)ev->n);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        to[i] = args[0].v.b[i] ^ 1;
    }
    out->v.b = to;
    return SL_OK;
}

sl_code sli_k_is_null(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    if (args[0].nulls != NULL) {
        out->v.b = args[0].nulls;
        return SL_OK;
    }
    uint8_t *to = sli_eval_alloc(ev, (size_t)ev->n);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    memset(to, 0, (size_t)ev->n);
    out->v.b = to;
    return SL_OK;
}

static uint64_t hash_cell(const sli_vec *vec, int64_t i)
{
    double f;
    uint64_t bits;
    if (null_at(vec, i)) {
        return 0x6e756c6c; // "null"
    }
    switch (sli_kind_of(vec->type)) {
    case SLI_KIND_BOOL:
        return vec->v.b[i] + 1U;
    case SLI_KIND_TEXT:
        return sli_hash64(vec->v.s[i].data, vec->v.s[i].size);
    case SLI_KIND_FLOAT:
        f = vec->v.f[i];
        f = f != f ? __builtin_nan("") : f + 0.0; // one NaN; -0.0 + 0.0 is 0.0
        memcpy(&bits, &f, sizeof bits);
        return bits;
    default:
        return (uint64_t)vec->v.i[i];
    }
}

sl_code sli_k_hash(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        uint64_t hash = 0;
        for (int32_t k = 0; k < node->n_args; k++) {
            hash = sli_mix64(hash ^ hash_cell(&args[k], i));
        }
        to[i] = (int64_t)hash;
    }
    out->v.i = to;
    return SL_OK;
}
