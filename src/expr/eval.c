/// eval.c — runs a tree over some rows of a batch: loads columns, spreads literals, calls kernels;
/// logic and choice.
///
/// `and`, `or`, `case` and `coalesce` evaluate an argument for the rows that need it only: other
/// rows are computed too, since kernels are loops over all rows, but their errors don't count. So
/// `n <> 0 and 10 / n > 2` can't fail.
#include "expr/expr_int.h"

#include <stdio.h>

void *sli_eval_alloc(sli_eval *ev, size_t size)
{
    void *p = sl_arena_alloc(ev->arena, size == 0 ? 1 : size);
    if (p == NULL) {
        sl_error_nomem(ev->err, size, "evaluating an expression");
    }
    return p;
}

sl_code sli_eval_fail(const sli_eval *ev, int64_t i, const char *fmt, ...)
{
    char why[256];
    va_list list;
    va_start(list, fmt);
    vsnprintf(why, sizeof why, fmt, list);
    va_end(list);
    return sl_error_set(ev->err, SL_E_DATA, "row %lld: %s", (long long)(ev->base + i), why);
}

sl_code sli_eval_skip(sli_eval *ev, const uint8_t *nulls, const uint8_t **out)
{
    if (ev->active == NULL) {
        *out = nulls;
        return SL_OK;
    }
    uint8_t *skip = sli_eval_alloc(ev, (size_t)ev->n);
    if (skip == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        skip[i] = (uint8_t)(ev->active[i] == 0 || (nulls != NULL && nulls[i] != 0));
    }
    *out = skip;
    return SL_OK;
}

// ---------------------------------------------------------------- columns in

sl_code sli_eval_nulls(sli_eval *ev, const sl_column *column, const uint8_t **out)
{
    *out = NULL;
    if (column->validity == NULL || column->n_nulls == 0) {
        return SL_OK;
    }
    uint8_t *nulls = sli_eval_alloc(ev, (size_t)ev->n);
    if (nulls == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        nulls[i] = sl_column_is_null(column, ev->base + i);
    }
    *out = nulls;
    return SL_OK;
}

static void widen(const sl_column *column, int64_t base, int64_t n, int64_t *out)
{
    switch (column->type) {
    case SL_INT8:
        for (int64_t i = 0; i < n; i++) {
            out[i] = ((const int8_t *)column->values)[base + i];
        }
        break;
    case SL_INT16:
        for (int64_t i = 0; i < n; i++) {
            out[i] = ((const int16_t *)column->values)[base + i];
        }
        break;
    case SL_UINT8:
        for (int64_t i = 0; i < n; i++) {
            out[i] = ((const uint8_t *)column->values)[base + i];
        }
        break;
    case SL_UINT16:
        for (int64_t i = 0; i < n; i++) {
            out[i] = ((const uint16_t *)column->values)[base + i];
        }
        break;
    case SL_UINT32:
        for (int64_t i = 0; i < n; i++) {
            out[i] = ((const uint32_t *)column->values)[base + i];
        }
        break;
    default: // int32, date
        for (int64_t i = 0; i < n; i++) {
            out[i] = ((const int32_t *)column->values)[base + i];
        }
        break;
    }
}

static sl_code load_ints(sli_eval *ev, const sl_column *column, sli_vec *out)
{
    if (column->type == SL_INT64 || column->type == SL_TIMESTAMP) {
        out->v.i = (const int64_t *)column->values + ev->base;
        return SL_OK;
    }
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    widen(column, ev->base, ev->n, to);
    out->v.i = to;
    return SL_OK;
}

static sl_code load_floats(sli_eval *ev, const sl_column *column, sli_vec *out)
{
    if (column->type == SL_FLOAT64) {
        out->v.f = (const double *)column->values + ev->base;
        return SL_OK;
    }
    double *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        to[i] = (double)((const float *)column->values)[ev->base + i];
    }
    out->v.f = to;
    return SL_OK;
}

static sl_code load_bools(sli_eval *ev, const sl_column *column, sli_vec *out)
{
    uint8_t *to = sli_eval_alloc(ev, (size_t)ev->n);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        to[i] = sl_column_bool(column, ev->base + i);
    }
    out->v.b = to;
    return SL_OK;
}

static sl_code load_texts(sli_eval *ev, const sl_column *column, sli_vec *out)
{
    sl_text *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        bool null = out->nulls != NULL && out->nulls[i] != 0; // its view may be anything
        to[i] = null ? (sl_text){"", 0} : sl_column_text(column, ev->base + i);
    }
    out->v.s = to;
    out->whole = column;
    return SL_OK;
}

sl_code sli_eval_load(sli_eval *ev, const sl_column *column, sl_type type, sli_vec *out)
{
    *out = (sli_vec){.type = type};
    SL_TRY(sli_eval_nulls(ev, column, &out->nulls));
    switch (sli_kind_of(type)) {
    case SLI_KIND_BOOL:
        return load_bools(ev, column, out);
    case SLI_KIND_INT:
        return load_ints(ev, column, out);
    case SLI_KIND_FLOAT:
        return load_floats(ev, column, out);
    case SLI_KIND_TEXT:
        return load_texts(ev, column, out);
    case SLI_KIND_NONE: // of all others only whether it is null can be asked
        out->v.d = type == SL_DECIMAL ? (const uint64_t *)column->values + 2 * ev->base : NULL;
        return SL_OK;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- columns out

static void store_ints(const sli_eval *ev, const sli_vec *vec, sl_builder *out, int32_t column)
{
    bool wide = vec->type == SL_INT64 || vec->type == SL_TIMESTAMP;
    if (wide && vec->nulls == NULL) {
        int64_t *to = sl_builder_reserve(out, column, ev->n);
        if (to != NULL) { // else the builder remembers why
            memcpy(to, vec->v.i, (size_t)ev->n * sizeof *to);
        }
        return;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        if (vec->nulls != NULL && vec->nulls[i] != 0) {
            sl_builder_null(out, column);
        } else {
            sl_builder_int64(out, column, vec->v.i[i]);
        }
    }
}

static void store_floats(const sli_eval *ev, const sli_vec *vec, sl_builder *out, int32_t column)
{
    if (vec->nulls == NULL) {
        double *to = sl_builder_reserve(out, column, ev->n);
        if (to != NULL) {
            memcpy(to, vec->v.f, (size_t)ev->n * sizeof *to);
        }
        return;
    }
    for (int64_t i = 0; i < ev->n; i++) {
        if (vec->nulls[i] != 0) {
            sl_builder_null(out, column);
        } else {
            sl_builder_float64(out, column, vec->v.f[i]);
        }
    }
}

static void store_text(const sli_eval *ev, const sli_vec *vec, int64_t i, sl_builder *out,
                       int32_t column)
{
    sl_text text = vec->v.s[i];
    if (vec->whole != NULL && text.size > SL_VIEW_INLINE) {
        int64_t row = ev->base + i;
        int64_t offset = text.data - sl_column_text(vec->whole, row).data;
        sl_builder_slice(out, column, vec->whole, row, offset, (int64_t)text.size);
    } else {
        sl_builder_text(out, column, text.data, text.size);
    }
}

void sli_eval_store(const sli_eval *ev, const sli_vec *vec, sl_builder *out, int32_t column)
{
    switch (sli_kind_of(vec->type)) {
    case SLI_KIND_INT:
        store_ints(ev, vec, out, column);
        return;
    case SLI_KIND_FLOAT:
        store_floats(ev, vec, out, column);
        return;
    case SLI_KIND_BOOL:
        for (int64_t i = 0; i < ev->n; i++) {
            if (vec->nulls != NULL && vec->nulls[i] != 0) {
                sl_builder_null(out, column);
            } else {
                sl_builder_bool(out, column, vec->v.b[i] != 0);
            }
        }
        return;
    case SLI_KIND_TEXT:
        for (int64_t i = 0; i < ev->n; i++) {
            if (vec->nulls != NULL && vec->nulls[i] != 0) {
                sl_builder_null(out, column);
            } else {
                store_text(ev, vec, i, out, column);
            }
        }
        return;
    case SLI_KIND_NONE:
        SL_ASSERT(false, "typing refuses results without a kind");
    }
}

// ---------------------------------------------------------------- nodes

// Room for a vector's values, in a pointer for writing.
typedef union cells {
    void *any;
    uint8_t *b;
    int64_t *i;
    double *f;
    sl_text *s;
} cells;

static sl_code new_cells(sli_eval *ev, sli_kind kind, cells *out)
{
    static const uint8_t widths[] = {[SLI_KIND_BOOL] = 1,
                                     [SLI_KIND_INT] = 8,
                                     [SLI_KIND_FLOAT] = 8,
                                     [SLI_KIND_TEXT] = sizeof(sl_text)};
    out->any = sli_eval_alloc(ev, (size_t)ev->n * widths[kind]);
    return out->any == NULL ? SL_E_NOMEM : SL_OK;
}

static sl_code spread_literal(sli_eval *ev, const sli_node *node, sli_kind kind, sli_vec *out)
{
    cells to;
    sl_text empty = {"", 0};
    sl_text text = node->literal.is_null ? empty : node->literal.s;
    SL_TRY(new_cells(ev, kind, &to));
    for (int64_t i = 0; i < ev->n; i++) {
        switch (kind) {
        case SLI_KIND_BOOL:
            to.b[i] = (uint8_t)node->literal.i;
            break;
        case SLI_KIND_INT:
            to.i[i] = node->literal.i;
            break;
        case SLI_KIND_FLOAT:
            to.f[i] = node->literal.f;
            break;
        default:
            to.s[i] = text;
            break;
        }
    }
    out->v.b = to.b;
    return SL_OK;
}

static sl_code eval_literal(sli_eval *ev, const sli_node *node, sl_type type, sli_vec *out)
{
    *out = (sli_vec){.type = type};
    if (node->literal.is_null) {
        uint8_t *nulls = sli_eval_alloc(ev, (size_t)ev->n);
        if (nulls == NULL) {
            return SL_E_NOMEM;
        }
        memset(nulls, 1, (size_t)ev->n);
        out->nulls = nulls;
    }
    return spread_literal(ev, node, sli_kind_of(type), out);
}

static sl_code eval_cast(sli_eval *ev, const sli_node *node, sli_vec *out)
{
    const sli_node *arg = node->args[0];
    if (arg->kind == SLI_NODE_LITERAL && arg->literal.is_null) {
        return eval_literal(ev, arg, node->type, out);
    }
    sli_vec from;
    SL_TRY(sli_eval_node(ev, arg, &from));
    *out = (sli_vec){.type = node->type, .nulls = from.nulls};
    return sli_eval_cast(ev, node->type, &from, out);
}

// The nulls of all arguments together; shared with an argument when only that has any.
static sl_code join_nulls(sli_eval *ev, const sli_vec *args, int32_t n, const uint8_t **out)
{
    *out = NULL;
    uint8_t *both = NULL;
    for (int32_t k = 0; k < n; k++) {
        const uint8_t *nulls = args[k].nulls;
        if (nulls == NULL || nulls == *out) {
            continue;
        }
        if (*out == NULL) {
            *out = nulls;
            continue;
        }
        if (both == NULL) {
            both = sli_eval_alloc(ev, (size_t)ev->n);
            if (both == NULL) {
                return SL_E_NOMEM;
            }
            memcpy(both, *out, (size_t)ev->n);
            *out = both;
        }
        for (int64_t i = 0; i < ev->n; i++) {
            both[i] |= nulls[i];
        }
    }
    return SL_OK;
}

static sl_code eval_call(sli_eval *ev, const sli_node *node, sli_vec *out)
{
    const sli_function *f = node->function;
    *out = (sli_vec){.type = node->type};
    if (f->lazy) {
        return f->run(ev, node, NULL, out);
    }
    if (sli_is_cell_test(node)) {
        return sli_eval_cell_test(ev, node, out);
    }
    sli_vec *args = sli_eval_alloc(ev, (size_t)node->n_args * sizeof *args);
    if (args == NULL) {
        return SL_E_NOMEM;
    }
    for (int32_t k = 0; k < node->n_args; k++) {
        SL_TRY(sli_eval_node(ev, node->args[k], &args[k]));
    }
    if (f->nulls == SLI_NULLS_ANY) {
        SL_TRY(join_nulls(ev, args, node->n_args, &out->nulls));
    }
    return f->run(ev, node, args, out);
}

sl_code sli_eval_node(sli_eval *ev, const sli_node *node, sli_vec *out)
{
    switch (node->kind) {
    case SLI_NODE_LITERAL:
        return eval_literal(ev, node, node->type, out);
    case SLI_NODE_COLUMN:
        return sli_eval_load(ev, sl_batch_column(ev->in, node->column), node->type, out);
    case SLI_NODE_CAST:
        return eval_cast(ev, node, out);
    case SLI_NODE_CALL:
        return eval_call(ev, node, out);
    case SLI_NODE_STAR:
        break;
    }
    SL_ASSERT(false, "typing refuses a star inside an expression");
    return SL_E_INVALID;
}

// ---------------------------------------------------------------- lazy kernels

// The rows in work, as a mask to be narrowed.
static uint8_t *copy_active(sli_eval *ev)
{
    uint8_t *mask = sli_eval_alloc(ev, (size_t)ev->n);
    if (mask != NULL && ev->active != NULL) {
        memcpy(mask, ev->active, (size_t)ev->n);
    } else if (mask != NULL) {
        memset(mask, 1, (size_t)ev->n);
    }
    return mask;
}

static bool any_row(const uint8_t *mask, int64_t n)
{
    return memchr(mask, 1, (size_t)n) != NULL;
}

static sl_code eval_where(sli_eval *ev, const sli_node *node, const uint8_t *rows, sli_vec *out)
{
    const uint8_t *outer = ev->active;
    ev->active = rows;
    sl_code rc = sli_eval_node(ev, node, out);
    ev->active = outer;
    return rc;
}

// Three-valued `and` (decides on false) and `or` (decides on true): null when undecided and one was
// null.
static sl_code decide(sli_eval *ev, const sli_node *node, uint8_t decides, sli_vec *out)
{
    uint8_t *live = copy_active(ev); // undecided
    uint8_t *value = sli_eval_alloc(ev, (size_t)ev->n);
    uint8_t *nulls = sli_eval_alloc(ev, (size_t)ev->n);
    if (live == NULL || value == NULL || nulls == NULL) {
        return SL_E_NOMEM;
    }
    memset(value, !decides, (size_t)ev->n);
    memset(nulls, 0, (size_t)ev->n);
    bool any_null = false;
    for (int32_t k = 0; k < node->n_args && any_row(live, ev->n); k++) {
        sli_vec arg;
        SL_TRY(eval_where(ev, node->args[k], live, &arg));
        for (int64_t i = 0; i < ev->n; i++) {
            bool null = arg.nulls != NULL && arg.nulls[i] != 0;
            bool decided = live[i] != 0 && !null && arg.v.b[i] == decides;
            nulls[i] = (uint8_t)(!decided && (nulls[i] | (live[i] & null)));
            value[i] = decided ? decides : value[i];
            live[i] = (uint8_t)(live[i] & !decided);
        }
        any_null = any_null || arg.nulls != NULL;
    }
    out->v.b = value;
    out->nulls = any_null ? nulls : NULL;
    return SL_OK;
}

sl_code sli_k_and(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)args;
    return decide(ev, node, 0, out);
}

sl_code sli_k_or(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)args;
    return decide(ev, node, 1, out);
}

// A result that is put together row by row from several vectors; rows nobody wrote are null.
typedef struct patchwork {
    sli_kind kind;
    cells to;
    uint8_t *nulls;
} patchwork;

static sl_code patchwork_new(sli_eval *ev, sl_type type, patchwork *self)
{
    self->kind = sli_kind_of(type);
    SL_TRY(new_cells(ev, self->kind, &self->to));
    self->nulls = sli_eval_alloc(ev, (size_t)ev->n);
    if (self->nulls == NULL) {
        return SL_E_NOMEM;
    }
    memset(self->nulls, 1, (size_t)ev->n);
    for (int64_t i = 0; i < ev->n; i++) {
        switch (self->kind) {
        case SLI_KIND_BOOL:
            self->to.b[i] = 0;
            break;
        case SLI_KIND_TEXT:
            self->to.s[i] = (sl_text){"", 0};
            break;
        default:
            self->to.i[i] = 0; // also a double's zero
            break;
        }
    }
    return SL_OK;
}

static void patch(const sli_eval *ev, patchwork *self, const sli_vec *from, const uint8_t *rows)
{
    for (int64_t i = 0; i < ev->n; i++) {
        if (rows[i] == 0) {
            continue;
        }
        self->nulls[i] = from->nulls != NULL && from->nulls[i] != 0;
        switch (self->kind) {
        case SLI_KIND_BOOL:
            self->to.b[i] = from->v.b[i];
            break;
        case SLI_KIND_FLOAT:
            self->to.f[i] = from->v.f[i];
            break;
        case SLI_KIND_TEXT:
            self->to.s[i] = from->v.s[i];
            break;
        default:
            self->to.i[i] = from->v.i[i];
            break;
        }
    }
}

static void patchwork_end(const patchwork *self, int64_t n, sli_vec *out)
{
    out->v.b = self->to.b;
    out->nulls = any_row(self->nulls, n) ? self->nulls : NULL;
}

sl_code sli_k_case(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)args;
    patchwork result;
    SL_TRY(patchwork_new(ev, node->type, &result));
    uint8_t *live = copy_active(ev);
    uint8_t *hit = sli_eval_alloc(ev, (size_t)ev->n);
    if (live == NULL || hit == NULL) {
        return SL_E_NOMEM;
    }
    sli_vec part;
    int32_t k = 0;
    for (; k + 1 < node->n_args && any_row(live, ev->n); k += 2) {
        SL_TRY(eval_where(ev, node->args[k], live, &part));
        for (int64_t i = 0; i < ev->n; i++) {
            hit[i] = (uint8_t)(live[i] & part.v.b[i] & !(part.nulls != NULL && part.nulls[i] != 0));
            live[i] = (uint8_t)(live[i] & !hit[i]);
        }
        if (any_row(hit, ev->n)) {
            SL_TRY(eval_where(ev, node->args[k + 1], hit, &part));
            patch(ev, &result, &part, hit);
        }
    }
    if (k + 1 == node->n_args && any_row(live, ev->n)) {
        SL_TRY(eval_where(ev, node->args[k], live, &part));
        patch(ev, &result, &part, live);
    }
    patchwork_end(&result, ev->n, out);
    return SL_OK;
}

sl_code sli_k_coalesce(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)args;
    patchwork result;
    SL_TRY(patchwork_new(ev, node->type, &result));
    uint8_t *live = copy_active(ev);
    if (live == NULL) {
        return SL_E_NOMEM;
    }
    for (int32_t k = 0; k < node->n_args && any_row(live, ev->n); k++) {
        sli_vec part;
        SL_TRY(eval_where(ev, node->args[k], live, &part));
        patch(ev, &result, &part, live);
        for (int64_t i = 0; i < ev->n; i++) {
            live[i] = (uint8_t)(live[i] & result.nulls[i]);
        }
    }
    patchwork_end(&result, ev->n, out);
    return SL_OK;
}

/// The values as they are; a null fails its row.
sl_code sli_k_not_null(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    const uint8_t *nulls = args[0].nulls;
    for (int64_t i = 0; nulls != NULL && i < ev->n; i++) {
        if (nulls[i] != 0 && (ev->active == NULL || ev->active[i] != 0)) {
            const sli_node *arg = node->args[0];
            return sli_eval_fail(ev, i, "%.100s is null, and must not be",
                                 arg->kind == SLI_NODE_COLUMN ? arg->name : "a value");
        }
    }
    out->v = args[0].v;
    out->whole = args[0].whole;
    return SL_OK;
}
