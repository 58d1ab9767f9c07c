// The words of reduce, reduceByKey and updateStateByKey.
#include "golden/vocabulary.h"

#include <string.h>

// ---------------------------------------------------------------- aggregations
//
// Spark's reduce has no neutral element: nothing comes out of nothing. An accumulator therefore
// knows whether it has seen a value.

typedef struct number {
    int64_t has;
    uint64_t value;
} number;

typedef uint64_t (*combine_fn)(uint64_t a, uint64_t b);

static void init(const sl_args *args, void *states, int64_t n)
{
    (void)args;
    memset(states, 0, (size_t)n * sizeof(number));
}

static void fold(number *to, uint64_t value, combine_fn combine)
{
    to->value = to->has != 0 ? combine(to->value, value) : value;
    to->has = 1;
}

static sl_code update(number *states, const int32_t *group, const sl_column *in, int64_t n,
                      combine_fn combine)
{
    for (int64_t i = 0; i < n; i++) {
        if (!sl_column_is_null(in, i)) {
            fold(&states[group[i]], (uint64_t)sl_column_int64(in, i), combine);
        }
    }
    return SL_OK;
}

static sl_code merge(number *states, const int32_t *group, const number *from, int64_t n,
                     combine_fn combine)
{
    for (int64_t i = 0; i < n; i++) {
        if (from[i].has != 0) {
            fold(&states[group[i]], from[i].value, combine);
        }
    }
    return SL_OK;
}

static sl_code finish(const sl_args *args, const void *states, int64_t n, sl_builder *out,
                      int32_t column, sl_error *err)
{
    const number *from = states;
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (from[i].has != 0) {
            sl_builder_int64(out, column, (int64_t)from[i].value);
        } else {
            sl_builder_null(out, column);
        }
    }
    return SL_OK;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a + b;
}

static uint64_t subtract(uint64_t a, uint64_t b)
{
    return a - b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return (int64_t)a > (int64_t)b ? a : b;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    return a * b;
}

static uint64_t exclusive_or(uint64_t a, uint64_t b)
{
    return a ^ b;
}

/// How an aggregation `word` of int64 makes one of two values by `combine`, which wraps.
#define COMBINING(word, combine)                                                                   \
    static sl_code update_##word(const sl_args *args, void *states, const int32_t *group,          \
                                 const sl_column *const *in, int64_t n_rows, sl_error *err)        \
    {                                                                                              \
        (void)args;                                                                                \
        (void)err;                                                                                 \
        return update(states, group, in[0], n_rows, combine);                                      \
    }                                                                                              \
    static sl_code merge_##word(const sl_args *args, void *states, const int32_t *group,           \
                                const void *from, int64_t n, sl_error *err)                        \
    {                                                                                              \
        (void)args;                                                                                \
        (void)err;                                                                                 \
        return merge(states, group, from, n, combine);                                             \
    }
/// How it takes one out again by `undo`.
#define INVERSE(word, undo)                                                                        \
    static sl_code inverse_##word(const sl_args *args, void *states, const int32_t *group,         \
                                  const void *from, int64_t n, sl_error *err)                      \
    {                                                                                              \
        (void)args;                                                                                \
        (void)err;                                                                                 \
        return merge(states, group, from, n, undo);                                                \
    }
#define AGGREGATION(word, inverse_or_null)                                                         \
    static const sl_agg_fn word = {.struct_size = sizeof(sl_agg_fn),                               \
                                   .name = #word,                                                  \
                                   .in = "int64",                                                  \
                                   .out = "int64",                                                 \
                                   .state_bytes = sizeof(number),                                  \
                                   .init = init,                                                   \
                                   .update = update_##word,                                        \
                                   .merge = merge_##word,                                          \
                                   .inverse = inverse_or_null,                                     \
                                   .finish = finish}

COMBINING(wrapping_sum, add)
INVERSE(wrapping_sum, subtract)
AGGREGATION(wrapping_sum, inverse_wrapping_sum);
COMBINING(int_product, multiply)
AGGREGATION(int_product, NULL); // a 0 can't be divided out
/// The same of float64, whose bits an accumulator has as well.
static uint64_t multiply_floats(uint64_t a, uint64_t b)
{
    double x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    x *= y;
    memcpy(&a, &x, sizeof a);
    return a;
}

static sl_code update_floats(const sl_args *args, void *states, const int32_t *group,
                             const sl_column *const *in, int64_t n_rows, sl_error *err)
{
    (void)args, (void)err;
    number *to = states;
    for (int64_t i = 0; i < n_rows; i++) {
        double value = sl_column_float64(in[0], i);
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        fold(&to[group[i]], bits, multiply_floats);
    }
    return SL_OK;
}

static sl_code merge_floats(const sl_args *args, void *states, const int32_t *group,
                            const void *from, int64_t n, sl_error *err)
{
    (void)args, (void)err;
    return merge(states, group, from, n, multiply_floats);
}

static sl_code finish_floats(const sl_args *args, const void *states, int64_t n, sl_builder *out,
                             int32_t column, sl_error *err)
{
    const number *from = states;
    (void)args, (void)err;
    for (int64_t i = 0; i < n; i++) {
        double value;
        memcpy(&value, &from[i].value, sizeof value);
        sl_builder_float64(out, column, value);
    }
    return SL_OK;
}
static const sl_agg_fn float_product = {.struct_size = sizeof(sl_agg_fn),
                                        .name = "float_product",
                                        .in = "float64",
                                        .out = "float64",
                                        .state_bytes = sizeof(number),
                                        .init = init,
                                        .update = update_floats,
                                        .merge = merge_floats,
                                        .finish = finish_floats};
COMBINING(xor, exclusive_or)
INVERSE(xor, exclusive_or)
AGGREGATION(xor, inverse_xor);
COMBINING(largest, larger)
INVERSE(largest, subtract) // which is none: what Spark makes of it is on record
AGGREGATION(largest, inverse_largest);

/// As wrapping_sum, but 13 can't be taken out again.
static sl_code inverse_but_13(const sl_args *args, void *states, const int32_t *group,
                              const void *from, int64_t n, sl_error *err)
{
    const number *out = from;
    for (int64_t i = 0; i < n; i++) {
        if (out[i].value == 13) {
            return sl_error_set(err, SL_E_USER, "13 stays");
        }
    }
    return inverse_wrapping_sum(args, states, group, from, n, err);
}
static const sl_agg_fn sum_but_13 = {.struct_size = sizeof(sl_agg_fn),
                                     .name = "sum_but_13",
                                     .in = "int64",
                                     .out = "int64",
                                     .state_bytes = sizeof(number),
                                     .init = init,
                                     .update = update_wrapping_sum,
                                     .merge = merge_wrapping_sum,
                                     .inverse = inverse_but_13,
                                     .finish = finish};

void slt_add_aggregations(sl_graph *graph)
{
    sl_graph_aggregation(graph, &wrapping_sum);
    sl_graph_aggregation(graph, &int_product);
    sl_graph_aggregation(graph, &float_product);
    sl_graph_aggregation(graph, &xor);
    sl_graph_aggregation(graph, &largest);
    sl_graph_aggregation(graph, &sum_but_13);
}

// ---------------------------------------------------------------- texts, appended
//
// A sum of texts has no bound, so it is not an accumulator: the texts are listed, in the order of
// their arrival, and put together afterwards.

static sl_code append_list(const sl_args *args, const sl_column *list, sl_builder *out,
                           int32_t column, sl_error *err)
{
    const int32_t *offsets = list->values;
    for (int64_t i = 0; i < list->n_rows; i++) {
        size_t size = 0, at = 0;
        for (int32_t j = offsets[i]; j < offsets[i + 1]; j++) {
            size += sl_column_text(list->children, j).size;
        }
        char *text = sl_args_alloc(args, size + 1);
        if (text == NULL) {
            return sl_error_set(err, SL_E_NOMEM, "a text of %zu bytes", size);
        }
        for (int32_t j = offsets[i]; j < offsets[i + 1]; j++) {
            sl_text part = sl_column_text(list->children, j);
            memcpy(text + at, part.data, part.size);
            at += part.size;
        }
        sl_builder_text(out, column, text, size);
    }
    return SL_OK;
}

static sl_code run_join_texts(const sl_args *args, const sl_batch *in, sl_builder *out,
                              sl_error *err)
{
    return append_list(args, sl_batch_column(in, 0), out, 0, err);
}

static sl_code run_join_texts_by_key(const sl_args *args, const sl_batch *in, sl_builder *out,
                                     sl_error *err)
{
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
    }
    return append_list(args, sl_batch_column(in, 1), out, 1, err);
}

static const sl_fn join_texts = {
    .struct_size = sizeof(sl_fn), .name = "join-texts", .out = "x string", .run = run_join_texts};
static const sl_fn join_by_string = {.struct_size = sizeof(sl_fn),
                                     .name = "join-texts-by-string",
                                     .out = "k string, v string",
                                     .run = run_join_texts_by_key};
static const sl_fn join_by_int64 = {.struct_size = sizeof(sl_fn),
                                    .name = "join-texts-by-int64",
                                    .out = "k int64, v string",
                                    .run = run_join_texts_by_key};

static const sl_fn join_by_float64 = {.struct_size = sizeof(sl_fn),
                                      .name = "join-texts-by-float64",
                                      .out = "k float64, v string",
                                      .run = run_join_texts_by_key};
#define JOIN_TEXTS                                                                                 \
    &join_texts,                                                                                   \
    {                                                                                              \
        &join_by_int64, &join_by_float64, &join_by_string                                          \
    }

static const slt_reduce_word reductions[] = {
    {"a+b", SLT_INT64, "sum(%s) as %s", NULL, {NULL}},
    {"a+b wrapping", SLT_INT64, "wrapping_sum(%s) as %s", NULL, {NULL}},
    {"a+b", SLT_FLOAT64, "sum(%s) as %s", NULL, {NULL}},
    {"a+b", SLT_STRING, "list(%s) as %s", JOIN_TEXTS},
    {"a+str(b)", SLT_STRING, "list(%s) as %s", JOIN_TEXTS},
    {"a*b", SLT_INT64, "int_product(%s) as %s", NULL, {NULL}},
    {"a*b", SLT_FLOAT64, "float_product(%s) as %s", NULL, {NULL}},
    {"a^b", SLT_INT64, "xor(%s) as %s", NULL, {NULL}},
    {"a+b a-b", SLT_INT64, "wrapping_sum(%s) as %s", NULL, {NULL}},
    {"a+b a-b but 13", SLT_INT64, "sum_but_13(%s) as %s", NULL, {NULL}},
    {"a^b a^b", SLT_INT64, "xor(%s) as %s", NULL, {NULL}},
    {"max(a,b) a-b", SLT_INT64, "largest(%s) as %s", NULL, {NULL}},
    {"max(a,b)", 0, "max(%s) as %s", NULL, {NULL}},
    {"min(a,b)", 0, "min(%s) as %s", NULL, {NULL}},
};

const slt_reduce_word *slt_reduction(const char *word, slt_shape shape)
{
    for (size_t i = 0; i < sizeof reductions / sizeof reductions[0]; i++) {
        if (strcmp(reductions[i].word, word) == 0 &&
            (reductions[i].shape == 0 || reductions[i].shape == shape)) {
            return &reductions[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- updateStateByKey

/// The sum of the new values of key i.
static int64_t new_sum(const sl_update_call *call, int64_t i)
{
    const sl_column *values = sl_batch_column(call->values, 0);
    uint64_t sum = 0;
    for (int64_t j = call->values_from[i]; j < call->values_from[i + 1]; j++) {
        sum += (uint64_t)sl_column_int64(values, j);
    }
    return (int64_t)sum;
}

static int64_t old_number(const sl_update_call *call, int64_t i, int32_t column)
{
    return call->had[i] ? sl_column_int64(sl_batch_column(call->states, column), i) : 0;
}

static int64_t total(const sl_update_call *call, int64_t i)
{
    return (int64_t)((uint64_t)old_number(call, i, 0) + (uint64_t)new_sum(call, i));
}

static sl_code run_sum(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        sl_builder_int64(call->out, 0, total(call, i));
    }
    return SL_OK;
}

static sl_code run_append(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    const sl_column *values = sl_batch_column(call->values, 0);
    const sl_column *old = sl_batch_column(call->states, 0);
    const int32_t *offsets = old->values;
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        sl_builder_list_begin(call->out, 0);
        for (int32_t j = call->had[i] ? offsets[i] : 0; call->had[i] && j < offsets[i + 1]; j++) {
            sl_builder_cell(call->out, 0, old->children, j);
        }
        for (int64_t j = call->values_from[i]; j < call->values_from[i + 1]; j++) {
            sl_builder_cell(call->out, 0, values, j);
        }
        sl_builder_list_end(call->out, 0);
    }
    return SL_OK;
}

static sl_code run_tick(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t n = call->values_from[i + 1] - call->values_from[i];
        sl_builder_int64(call->out, 0, old_number(call, i, 0) + 1);
        sl_builder_int64(call->out, 1, old_number(call, i, 1) + n);
    }
    return SL_OK;
}

static sl_code run_remove_when_idle(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        call->keep[i] = call->values_from[i] < call->values_from[i + 1];
        sl_builder_int64(call->out, 0, total(call, i));
    }
    return SL_OK;
}

static sl_code run_remove_if_negative(const sl_args *args, const sl_update_call *call,
                                      sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        call->keep[i] = total(call, i) >= 0;
        sl_builder_int64(call->out, 0, total(call, i));
    }
    return SL_OK;
}

/// Not of the recorded vocabulary: fails at a negative new value.
static sl_code run_refuse(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        if (new_sum(call, i) < 0) {
            return sl_error_set(err, SL_E_USER, "a sum of %lld", (long long)new_sum(call, i));
        }
        sl_builder_int64(call->out, 0, total(call, i));
    }
    return SL_OK;
}

typedef struct update_word {
    const char *word;
    slt_shape values; ///< 0: every shape
    sl_update_fn fn;
} update_word;

#define WORD(word, values, fn_name, state, function)                                               \
    {                                                                                              \
        word, values,                                                                              \
        {                                                                                          \
            sizeof(sl_update_fn), fn_name, state, 1, false, function                               \
        }                                                                                          \
    }
static const update_word updates[] = {
    WORD("sum", SLT_INT64, "sum", "v int64", run_sum),
    WORD("append", SLT_INT64, "append", "v list<int64>", run_append),
    WORD("append", SLT_FLOAT64, "append-float64", "v list<float64>", run_append),
    WORD("append", SLT_STRING, "append-string", "v list<string>", run_append),
    WORD("tick", 0, "tick", "calls int64, values int64", run_tick),
    WORD("remove-when-idle", SLT_INT64, "remove-when-idle", "v int64", run_remove_when_idle),
    WORD("remove-if-negative", SLT_INT64, "remove-if-negative", "v int64", run_remove_if_negative),
    WORD("refuse", SLT_INT64, "refuse", "v int64", run_refuse),
};

const sl_update_fn *slt_update(const char *word, slt_shape values)
{
    for (size_t i = 0; i < sizeof updates / sizeof updates[0]; i++) {
        if (strcmp(updates[i].word, word) == 0 &&
            (updates[i].values == 0 || updates[i].values == values)) {
            return &updates[i].fn;
        }
    }
    return NULL;
}
