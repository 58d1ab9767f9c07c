// The words of transform, transformWith and foreachRDD: what a driver does with the RDD of an
// epoch.
//
// The first two rows of a whole RDD (head2) are found in one partition, which keeps the order of
// the partitions before it.
#include "golden/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- functions that transforms use

static sl_code run_first2(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    int64_t *taken = sl_args_state(args);
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in) && *taken < 2; i++, (*taken)++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(in)); c++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
    }
    return SL_OK;
}

static sl_code run_with_time(const sl_args *args, const sl_batch *in, sl_builder *out,
                             sl_error *err)
{
    (void)err;
    int32_t n = sl_schema_columns(sl_batch_schema(in));
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        for (int32_t c = 0; c < n; c++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
        sl_builder_int64(out, n, sl_args_time_us(args) / 1000);
    }
    return SL_OK;
}

static sl_code run_ignore(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)in;
    (void)out;
    (void)err;
    return SL_OK;
}

static sl_code end_42(const sl_args *args, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    sl_builder_int64(out, 0, 42);
    return SL_OK;
}

/// The rows of the argument `rows`: "a:1 b:2".
static sl_code end_static(const sl_args *args, sl_builder *out, sl_error *err)
{
    const char *at = sl_args_text(args, "rows", "");
    (void)err;
    while (*at != '\0') {
        const char *colon = strchr(at, ':');
        char *end = NULL;
        if (colon == NULL) {
            return sl_error_set(err, SL_E_USER, "'%s' is not KEY:NUMBER", at);
        }
        sl_builder_text(out, 0, at, (size_t)(colon - at));
        sl_builder_int64(out, 1, strtoll(colon + 1, &end, 10));
        at = end + strspn(end, " ");
    }
    return SL_OK;
}

#define SI "k string, v int64"
#define II "k int64, v int64"
#define TIME_FN(type, out_schema)                                                                  \
    {                                                                                              \
        .struct_size = sizeof(sl_fn), .name = "with-time-" type, .out = out_schema,                \
        .run = run_with_time                                                                       \
    }
static const sl_fn first2 = {.struct_size = sizeof(sl_fn),
                             .name = "first2",
                             .run = run_first2,
                             .state_bytes = sizeof(int64_t)};
static const sl_fn time_int64 = TIME_FN("int64", "k int64, v int64");
static const sl_fn time_float64 = TIME_FN("float64", "k float64, v int64");
static const sl_fn time_string = TIME_FN("string", "k string, v int64");
static const sl_fn time_of_pairs = TIME_FN("pairs", SI ", n int64");
static const sl_fn time_of_int_pairs = TIME_FN("int-pairs", II ", n int64");
static const sl_fn only_42 = {.struct_size = sizeof(sl_fn),
                              .name = "only-42",
                              .out = "x int64",
                              .run = run_ignore,
                              .end = end_42};
static const sl_fn only_static = {.struct_size = sizeof(sl_fn),
                                  .name = "only-static",
                                  .out = "k string, v int64",
                                  .run = run_ignore,
                                  .end = end_static};

// ---------------------------------------------------------------- transform

/// One step behind one partition; `narrow` keeps the partitions.
static sl_rdd *in_one_partition(sl_rdd *in, const sl_fn *fn, const char *args)
{
    sl_rdd *one = sl_rdd_repartition(in, 1);
    sl_rdd *made = sl_rdd_map_partitions(one, fn, args);
    sl_rdd_unref(one);
    return made;
}

#define TRANSFORM(function, expression)                                                            \
    static sl_code function(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)          \
    {                                                                                              \
        (void)args;                                                                                \
        (void)err; /* a mistake sticks to the RDD */                                               \
        *out = (expression);                                                                       \
        return SL_OK;                                                                              \
    }

TRANSFORM(sort_by_x, sl_rdd_sort_by(in, "x", 0))
TRANSFORM(sort_by_x_desc, sl_rdd_sort_by(in, "x desc", 0))
TRANSFORM(sort_by_pair, sl_rdd_sort_by(in, "k, v", 0))
TRANSFORM(sort_by_pair_desc, sl_rdd_sort_by(in, "k desc, v desc", 0))
TRANSFORM(sort_by_k, sl_rdd_sort_by(in, "k", 0))
TRANSFORM(distinct, sl_rdd_distinct(in, 0))
TRANSFORM(head2, in_one_partition(in, &first2, NULL))
TRANSFORM(add_time_int64, sl_rdd_map(in, &time_int64, NULL))
TRANSFORM(add_time_float64, sl_rdd_map(in, &time_float64, NULL))
TRANSFORM(add_time_string, sl_rdd_map(in, &time_string, NULL))
TRANSFORM(add_time_pairs, sl_rdd_map(in, &time_of_pairs, NULL))
TRANSFORM(add_time_int_pairs, sl_rdd_map(in, &time_of_int_pairs, NULL))

static sl_rdd *indexed(sl_rdd *in, const char *columns)
{
    sl_rdd *numbered = sl_rdd_zip_with_index(in);
    sl_rdd *made = sl_rdd_select(numbered, columns);
    sl_rdd_unref(numbered);
    return made;
}
TRANSFORM(with_index, indexed(in, "x as k, index as v"))
TRANSFORM(pairs_with_index, indexed(in, "k, v, index as n"))

static sl_code union_42(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args;
    (void)err;
    sl_rdd *constant = in_one_partition(in, &only_42, NULL);
    *out = sl_rdd_union(in, constant);
    sl_rdd_unref(constant);
    return SL_OK;
}

static sl_code join_static(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    char text[256];
    (void)err;
    (void)snprintf(text, sizeof text, "rows='%s'", sl_args_text(args, "rows", "a:10 b:20"));
    sl_rdd *table = in_one_partition(in, &only_static, text);
    *out = sl_rdd_join(in, table, "k", 0);
    sl_rdd_unref(table);
    return SL_OK;
}

/// Not of the recorded vocabulary: the three ways a transform goes wrong.
static sl_code null_result(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args;
    (void)in;
    (void)out;
    (void)err;
    return SL_OK; // and *out stays NULL
}

TRANSFORM(other_schema, sl_rdd_select(in, "x as y"))
TRANSFORM(unknown_column, sl_rdd_sort_by(in, "nowhere", 1))

typedef struct transform_word {
    const char *word;
    slt_shape shape;   ///< 0: every shape
    const char *pairs; ///< SLT_PAIR: of this schema; NULL: of any
    sl_transform_fn fn;
} transform_word;

#define WORD(word, shape, fn_name, out_schema, function)                                           \
    PAIR_WORD(word, shape, NULL, fn_name, out_schema, function)
#define PAIR_WORD(word, shape, pairs, fn_name, out_schema, function)                               \
    {                                                                                              \
        word, shape, pairs,                                                                        \
        {                                                                                          \
            sizeof(sl_transform_fn), fn_name, out_schema, 1, false, function                       \
        }                                                                                          \
    }
static const transform_word words[] = {
    WORD("sortBy(x)", SLT_PAIR, "sort-by-pair", NULL, sort_by_pair),
    WORD("sortBy(x)", 0, "sort-by-x", NULL, sort_by_x),
    WORD("sortByDesc(x)", SLT_PAIR, "sort-by-pair-desc", NULL, sort_by_pair_desc),
    WORD("sortByDesc(x)", 0, "sort-by-x-desc", NULL, sort_by_x_desc),
    WORD("sortByKey", SLT_PAIR, "sort-by-key", NULL, sort_by_k),
    WORD("distinct", 0, "distinct", NULL, distinct),
    WORD("head2", 0, "head2", NULL, head2),
    WORD("zipWithIndex", SLT_INT64, "index-int64", "k int64, v int64", with_index),
    WORD("zipWithIndex", SLT_FLOAT64, "index-float64", "k float64, v int64", with_index),
    WORD("zipWithIndex", SLT_STRING, "index-string", "k string, v int64", with_index),
    WORD("map(x,time)", SLT_INT64, "time-int64", "k int64, v int64", add_time_int64),
    WORD("map(x,time)", SLT_FLOAT64, "time-float64", "k float64, v int64", add_time_float64),
    WORD("map(x,time)", SLT_STRING, "time-string", "k string, v int64", add_time_string),
    PAIR_WORD("zipWithIndex", SLT_PAIR, SI, "index-pairs", SI ", n int64", pairs_with_index),
    PAIR_WORD("zipWithIndex", SLT_PAIR, II, "index-int-pairs", II ", n int64", pairs_with_index),
    PAIR_WORD("map(x,time)", SLT_PAIR, SI, "time-pairs", SI ", n int64", add_time_pairs),
    PAIR_WORD("map(x,time)", SLT_PAIR, II, "time-int-pairs", II ", n int64", add_time_int_pairs),
    WORD("union(const 42)", SLT_INT64, "union-42", NULL, union_42),
    WORD("join(static)", SLT_PAIR, "join-static", "k string, v int64, v_2 int64", join_static),
    WORD("null", 0, "null-result", NULL, null_result),
    WORD("other-schema", SLT_INT64, "other-schema", NULL, other_schema),
    WORD("unknown-column", 0, "unknown-column", NULL, unknown_column),
};

/// Whether rows of the schema have the shape, and are such pairs.
static bool fits(const sl_schema *schema, slt_shape shape, const char *pairs)
{
    return (shape == 0 || slt_shape_of(schema) == shape) &&
           (pairs == NULL || strcmp(sl_schema_text(schema), pairs) == 0);
}

const sl_transform_fn *slt_transform(const char *word, const sl_schema *schema)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, word) == 0 && fits(schema, words[i].shape, words[i].pairs)) {
            return &words[i].fn;
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- transformWith

#define TRANSFORM_WITH(function, expression)                                                       \
    static sl_code function(const sl_args *args, sl_rdd *const *in, int32_t n, sl_rdd **out,       \
                            sl_error *err)                                                         \
    {                                                                                              \
        (void)args, (void)n;                                                                       \
        (void)err; /* a mistake sticks to the RDD */                                               \
        *out = (expression);                                                                       \
        return SL_OK;                                                                              \
    }

TRANSFORM_WITH(subtract, sl_rdd_subtract(in[0], in[1], 0))
TRANSFORM_WITH(intersection, sl_rdd_intersection(in[0], in[1], 0))

/// The columns of both are called x; pairs are k and v.
static sl_code cartesian(const sl_args *args, sl_rdd *const *in, int32_t n, sl_rdd **out,
                         sl_error *err)
{
    (void)args, (void)n, (void)err;
    sl_rdd *product = sl_rdd_cartesian(in[0], in[1]);
    *out = sl_rdd_select(product, "x as k, x_2 as v");
    sl_rdd_unref(product);
    return SL_OK;
}

static sl_rdd *both_with(sl_rdd *const *in, const sl_fn *fn)
{
    sl_rdd *both = sl_rdd_union(in[0], in[1]);
    sl_rdd *made = sl_rdd_map(both, fn, NULL);
    sl_rdd_unref(both);
    return made;
}

TRANSFORM_WITH(union_and_time_int64, both_with(in, &time_int64))
TRANSFORM_WITH(union_and_time_float64, both_with(in, &time_float64))
TRANSFORM_WITH(union_and_time_string, both_with(in, &time_string))
TRANSFORM_WITH(union_and_time_pairs, both_with(in, &time_of_pairs))
TRANSFORM_WITH(union_and_time_int_pairs, both_with(in, &time_of_int_pairs))
TRANSFORM_WITH(cartesian_of_pairs, sl_rdd_cartesian(in[0], in[1]))

typedef struct transform_with_word {
    const char *word;
    slt_shape left, right; ///< 0: every shape
    const char *pairs;     ///< SLT_PAIR: of this schema on both sides; NULL: of any
    sl_transform_all_fn fn;
} transform_with_word;

#define WITH_WORD(word, left, right, fn_name, out_schema, function)                                \
    WITH_PAIRS(word, left, right, NULL, fn_name, out_schema, function)
#define WITH_PAIRS(word, left, right, pairs, fn_name, out_schema, function)                        \
    {                                                                                              \
        word, left, right, pairs,                                                                  \
        {                                                                                          \
            sizeof(sl_transform_all_fn), fn_name, out_schema, 1, false, function                   \
        }                                                                                          \
    }
static const transform_with_word with_words[] = {
    WITH_WORD("subtract", 0, 0, "subtract", NULL, subtract),
    WITH_WORD("intersection", 0, 0, "intersection", NULL, intersection),
    WITH_WORD("cartesian", SLT_INT64, SLT_INT64, "product-ii", "k int64, v int64", cartesian),
    WITH_WORD("cartesian", SLT_INT64, SLT_STRING, "product-is", "k int64, v string", cartesian),
    WITH_WORD("cartesian", SLT_STRING, SLT_INT64, "product-si", "k string, v int64", cartesian),
    WITH_WORD("cartesian", SLT_STRING, SLT_STRING, "product-ss", "k string, v string", cartesian),
    WITH_WORD("cartesian", SLT_FLOAT64, SLT_FLOAT64, "product-ff", "k float64, v float64",
              cartesian),
    WITH_PAIRS("cartesian", SLT_PAIR, SLT_PAIR, SI, "product-pairs", SI ", k_2 string, v_2 int64",
               cartesian_of_pairs),
    WITH_PAIRS("cartesian", SLT_PAIR, SLT_PAIR, II, "product-int-pairs",
               II ", k_2 int64, v_2 int64", cartesian_of_pairs),
    WITH_PAIRS("union+time", SLT_PAIR, SLT_PAIR, SI, "union-and-time-pairs", SI ", n int64",
               union_and_time_pairs),
    WITH_PAIRS("union+time", SLT_PAIR, SLT_PAIR, II, "union-and-time-int-pairs", II ", n int64",
               union_and_time_int_pairs),
    WITH_WORD("union+time", SLT_INT64, SLT_INT64, "union-and-time", "k int64, v int64",
              union_and_time_int64),
    WITH_WORD("union+time", SLT_FLOAT64, SLT_FLOAT64, "union-and-time-f", "k float64, v int64",
              union_and_time_float64),
    WITH_WORD("union+time", SLT_STRING, SLT_STRING, "union-and-time-s", "k string, v int64",
              union_and_time_string),
};

const sl_transform_all_fn *slt_transform_with(const char *word, const sl_schema *left,
                                              const sl_schema *right)
{
    for (size_t i = 0; i < sizeof with_words / sizeof with_words[0]; i++) {
        const transform_with_word *w = &with_words[i];
        if (strcmp(w->word, word) == 0 && fits(left, w->left, w->pairs) &&
            fits(right, w->right, w->pairs)) {
            return &w->fn;
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- foreachRDD

static sl_code run_foreach_count(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    slt_seen *seen = sl_args_attached(args, "seen");
    int64_t n = 0;
    SL_TRY(sl_rdd_count(rdd, &n, err));
    if (seen == NULL) {
        return sl_error_set(err, SL_E_USER, "nothing is attached as 'seen'");
    }
    int size = snprintf(seen->text + seen->size, sizeof seen->text - seen->size,
                        "epoch %lld at %lld ms: %lld rows\n", (long long)sl_args_epoch(args),
                        (long long)(sl_args_time_us(args) / 1000), (long long)n);
    if (size < 0 || (size_t)size >= sizeof seen->text - seen->size) {
        return sl_error_set(err, SL_E_USER, "the text of what was seen is full");
    }
    seen->size += (size_t)size;
    return SL_OK;
}

static sl_code run_foreach_fail(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)rdd;
    return sl_args_epoch(args) < sl_args_int64(args, "at", 2)
               ? SL_OK
               : sl_error_set(err, SL_E_USER, "the driver's function gave up");
}

const sl_foreach_fn slt_foreach_count = {sizeof(sl_foreach_fn), "count", 1, run_foreach_count};
const sl_foreach_fn slt_foreach_fail = {sizeof(sl_foreach_fn), "give-up", 1, run_foreach_fail};
