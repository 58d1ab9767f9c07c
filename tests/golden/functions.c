// The words of map, flatMap, filter and mapPartitions.
//
// Integers wrap as a JVM's long does: a user's function in C decides that itself. Where the same is
// an expression of Sluice, the expression is used, so that both ways are exercised.
#include "golden/vocabulary.h"

#include <string.h>

slt_shape slt_shape_of(const sl_schema *schema)
{
    int32_t n = schema == NULL ? 0 : sl_schema_columns(schema);
    if (n == 2 && sl_schema_find(schema, "k") == 0 && sl_schema_find(schema, "v") == 1) {
        return SLT_PAIR;
    }
    if (n != 1 || sl_schema_find(schema, "x") != 0) {
        return SLT_OTHER;
    }
    switch (sl_schema_field(schema, 0)->type) {
    case SL_INT64:
        return SLT_INT64;
    case SL_FLOAT64:
        return SLT_FLOAT64;
    case SL_STRING:
        return SLT_STRING;
    default:
        return SLT_OTHER;
    }
}

static int64_t wrapping_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/// Floored: 0, 1 or 2, also of negative numbers.
static int64_t mod3(int64_t x)
{
    int64_t rest = x % 3;
    return rest < 0 ? rest + 3 : rest;
}

// ---------------------------------------------------------------- map

static sl_code run_identity(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(in)); c++) {
        for (int64_t i = 0; i < sl_batch_rows(in); i++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
    }
    return SL_OK;
}

static sl_code run_plus_one(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_int64(out, 0, wrapping_add(sl_column_int64(x, i), 1));
    }
    return SL_OK;
}

static void put_twice(sl_builder *out, const sl_column *x, int64_t i)
{
    if (x->type == SL_FLOAT64) {
        sl_builder_float64(out, 0, 2 * sl_column_float64(x, i));
    } else {
        sl_builder_int64(out, 0, wrapping_add(sl_column_int64(x, i), sl_column_int64(x, i)));
    }
}

static sl_code run_twice(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        put_twice(out, x, i);
    }
    return SL_OK;
}

static sl_code run_mod3(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_int64(out, 0, mod3(sl_column_int64(x, i)));
    }
    return SL_OK;
}

static sl_code run_with_one(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_cell(out, 0, x, i);
        sl_builder_int64(out, 1, 1);
    }
    return SL_OK;
}

/// Not of the recorded vocabulary: a function that fails at the value its argument `at` names.
static sl_code run_fail(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        if (sl_column_int64(x, i) == sl_args_int64(args, "at", 13)) {
            return sl_error_set(err, SL_E_USER, "%lld brings bad luck",
                                (long long)sl_column_int64(x, i));
        }
        sl_builder_cell(out, 0, x, i);
    }
    return SL_OK;
}

/// Nor this: one cell too few, which the engine must notice.
static sl_code run_forget(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 1; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
    }
    return SL_OK;
}

/// A pair as a value, of which no list can have both.
static sl_code run_struct_with_one(const sl_args *args, const sl_batch *in, sl_builder *out,
                                   sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_struct_begin(out, 0);
        sl_builder_cell(out, 0, x, i);
        sl_builder_int64(out, 0, 1);
        sl_builder_struct_end(out, 0);
    }
    return SL_OK;
}

/// A pair as a value: a list of two.
static sl_code run_list_with_one(const sl_args *args, const sl_batch *in, sl_builder *out,
                                 sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_list_begin(out, 0);
        sl_builder_cell(out, 0, x, i);
        sl_builder_int64(out, 0, 1);
        sl_builder_list_end(out, 0);
    }
    return SL_OK;
}

static const sl_fn identity = {
    .struct_size = sizeof(sl_fn), .name = "identity", .run = run_identity};
static const sl_fn plus_one = {
    .struct_size = sizeof(sl_fn), .name = "plus-one", .out = "x int64", .run = run_plus_one};
static const sl_fn twice = {.struct_size = sizeof(sl_fn), .name = "twice", .run = run_twice};
static const sl_fn modulus = {
    .struct_size = sizeof(sl_fn), .name = "mod3", .out = "x int64", .run = run_mod3};
static const sl_fn int64_with_one = {.struct_size = sizeof(sl_fn),
                                     .name = "int64-with-one",
                                     .out = "k int64, v int64",
                                     .run = run_with_one};
static const sl_fn float64_with_one = {.struct_size = sizeof(sl_fn),
                                       .name = "float64-with-one",
                                       .out = "k float64, v int64",
                                       .run = run_with_one};
static const sl_fn string_with_one = {.struct_size = sizeof(sl_fn),
                                      .name = "string-with-one",
                                      .out = "k string, v int64",
                                      .run = run_with_one};
static const sl_fn list_with_one = {.struct_size = sizeof(sl_fn),
                                    .name = "list-with-one",
                                    .out = "x list<int64>",
                                    .run = run_list_with_one};
static const sl_fn text_struct = {.struct_size = sizeof(sl_fn),
                                  .name = "text-struct-with-one",
                                  .out = "x struct<x string, n int64>",
                                  .run = run_struct_with_one};
static const sl_fn float_struct = {.struct_size = sizeof(sl_fn),
                                   .name = "float-struct-with-one",
                                   .out = "x struct<x float64, n int64>",
                                   .run = run_struct_with_one};
static const sl_fn fail = {.struct_size = sizeof(sl_fn), .name = "fail", .run = run_fail};
static const sl_fn forget = {.struct_size = sizeof(sl_fn), .name = "forget", .run = run_forget};

// ---------------------------------------------------------------- filter

static sl_code run_even(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_bool(out, 0, sl_column_int64(x, i) % 2 == 0);
    }
    return SL_OK;
}

static sl_code run_not_empty(const sl_args *args, const sl_batch *in, sl_builder *out,
                             sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_bool(out, 0, sl_column_text(x, i).size > 0);
    }
    return SL_OK;
}

static sl_code run_never(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_bool(out, 0, false);
    }
    return SL_OK;
}

static sl_code run_not_zero(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *v = sl_batch_column(in, 1);
    for (int64_t i = 0; i < v->n_rows; i++) {
        sl_builder_bool(out, 0, sl_column_int64(v, i) != 0);
    }
    return SL_OK;
}

static const sl_fn even = {
    .struct_size = sizeof(sl_fn), .name = "even", .out = "keep bool", .run = run_even};
static const sl_fn not_empty = {
    .struct_size = sizeof(sl_fn), .name = "not-empty", .out = "keep bool", .run = run_not_empty};
static const sl_fn never = {
    .struct_size = sizeof(sl_fn), .name = "never", .out = "keep bool", .run = run_never};
static const sl_fn not_zero = {
    .struct_size = sizeof(sl_fn), .name = "not-zero", .out = "keep bool", .run = run_not_zero};

// ---------------------------------------------------------------- flatMap

static sl_code run_and_twice(const sl_args *args, const sl_batch *in, sl_builder *out,
                             sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_of_row(out, i);
        sl_builder_cell(out, 0, x, i);
        put_twice(out, x, i);
    }
    return SL_OK;
}

static sl_code run_nothing(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)in;
    (void)out;
    (void)err;
    return SL_OK;
}

static sl_code run_repeat(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *x = sl_batch_column(in, 0);
    for (int64_t i = 0; i < x->n_rows; i++) {
        sl_builder_of_row(out, i);
        for (int64_t n = mod3(sl_column_int64(x, i)); n > 0; n--) {
            sl_builder_cell(out, 0, x, i);
        }
    }
    return SL_OK;
}

static const sl_fn and_twice = {
    .struct_size = sizeof(sl_fn), .name = "and-twice", .run = run_and_twice};
static const sl_fn nothing = {.struct_size = sizeof(sl_fn), .name = "nothing", .run = run_nothing};
static const sl_fn repeat = {.struct_size = sizeof(sl_fn), .name = "repeat", .run = run_repeat};

// ---------------------------------------------------------------- mapPartitions

static sl_code run_sum(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    int64_t *sum = sl_args_state(args);
    const sl_column *x = sl_batch_column(in, 0);
    (void)out;
    (void)err;
    for (int64_t i = 0; i < x->n_rows; i++) {
        *sum = wrapping_add(*sum, sl_column_int64(x, i));
    }
    return SL_OK;
}

static sl_code run_count(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    int64_t *count = sl_args_state(args);
    (void)out;
    (void)err;
    *count += sl_batch_rows(in);
    return SL_OK;
}

static sl_code end_number(const sl_args *args, sl_builder *out, sl_error *err)
{
    (void)err;
    sl_builder_int64(out, 0, *(int64_t *)sl_args_state(args));
    return SL_OK;
}

static sl_code run_float_sum(const sl_args *args, const sl_batch *in, sl_builder *out,
                             sl_error *err)
{
    double *sum = sl_args_state(args);
    const sl_column *x = sl_batch_column(in, 0);
    (void)out;
    (void)err;
    for (int64_t i = 0; i < x->n_rows; i++) {
        *sum += sl_column_float64(x, i);
    }
    return SL_OK;
}

static sl_code end_float(const sl_args *args, sl_builder *out, sl_error *err)
{
    (void)err;
    sl_builder_float64(out, 0, *(double *)sl_args_state(args));
    return SL_OK;
}

static sl_code run_drop1(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    int64_t *seen = sl_args_state(args);
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++, (*seen)++) {
        for (int32_t c = 0; *seen > 0 && c < sl_schema_columns(sl_batch_schema(in)); c++) {
            sl_builder_cell(out, c, sl_batch_column(in, c), i);
        }
    }
    return SL_OK;
}

/// Rows of a partition so far.
typedef struct glom_state {
    int64_t *values;
    int64_t n, capacity;
} glom_state;

static sl_code run_glom(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    glom_state *glom = sl_args_state(args);
    const sl_column *x = sl_batch_column(in, 0);
    (void)out;
    if (glom->n + x->n_rows > glom->capacity) {
        int64_t capacity = 2 * (glom->n + x->n_rows);
        int64_t *grown = sl_args_alloc(args, (size_t)capacity * sizeof *grown);
        if (grown == NULL) {
            return sl_error_set(err, SL_E_NOMEM, "%lld values", (long long)capacity);
        }
        if (glom->n > 0) {
            memcpy(grown, glom->values, (size_t)glom->n * sizeof *grown);
        }
        glom->values = grown;
        glom->capacity = capacity;
    }
    for (int64_t i = 0; i < x->n_rows; i++) {
        glom->values[glom->n++] = sl_column_int64(x, i);
    }
    return SL_OK;
}

static sl_code end_glom(const sl_args *args, sl_builder *out, sl_error *err)
{
    const glom_state *glom = sl_args_state(args);
    (void)err;
    sl_builder_list_begin(out, 0);
    for (int64_t i = 0; i < glom->n; i++) {
        sl_builder_int64(out, 0, glom->values[i]);
    }
    sl_builder_list_end(out, 0);
    return SL_OK;
}

static const sl_fn sum_it = {.struct_size = sizeof(sl_fn),
                             .name = "sum-it",
                             .out = "x int64",
                             .run = run_sum,
                             .end = end_number,
                             .state_bytes = sizeof(int64_t)};
static const sl_fn float_sum_it = {.struct_size = sizeof(sl_fn),
                                   .name = "float-sum-it",
                                   .out = "x float64",
                                   .run = run_float_sum,
                                   .end = end_float,
                                   .state_bytes = sizeof(double)};
static const sl_fn count_it = {.struct_size = sizeof(sl_fn),
                               .name = "count-it",
                               .out = "x int64",
                               .run = run_count,
                               .end = end_number,
                               .state_bytes = sizeof(int64_t)};
static const sl_fn drop1 = {.struct_size = sizeof(sl_fn),
                            .name = "drop1",
                            .run = run_drop1,
                            .state_bytes = sizeof(int64_t)};
static const sl_fn glom = {.struct_size = sizeof(sl_fn),
                           .name = "glom",
                           .out = "x list<int64>",
                           .run = run_glom,
                           .end = end_glom,
                           .state_bytes = sizeof(glom_state)};

// ---------------------------------------------------------------- the words

static const slt_step_word words[] = {
    {"map", "identity", 0, &identity, NULL, NULL},
    {"map", "x+1", SLT_INT64, &plus_one, NULL, NULL},
    {"map", "x*2", SLT_INT64, &twice, NULL, NULL},
    {"map", "x*2", SLT_FLOAT64, &twice, NULL, NULL},
    {"map", "x mod 3", SLT_INT64, &modulus, NULL, NULL},
    {"map", "upper(x)", SLT_STRING, NULL, NULL, "upper(x)"},
    {"map", "len(x)", SLT_STRING, NULL, NULL, "length(x)"},
    {"map", "str(x)", SLT_INT64, NULL, NULL, "cast(x as string)"},
    {"map", "(x,1)", SLT_INT64, &int64_with_one, NULL, NULL},
    {"map", "(x,1)", SLT_FLOAT64, &float64_with_one, NULL, NULL},
    {"map", "(x,1)", SLT_STRING, &string_with_one, NULL, NULL},
    {"mapValues", "(x,1)", SLT_INT64, &list_with_one, NULL, NULL},
    {"mapValues", "(x,1)", SLT_FLOAT64, &float_struct, NULL, NULL},
    {"mapValues", "(x,1)", SLT_STRING, &text_struct, NULL, NULL},
    {"map", "fail", SLT_INT64, &fail, "at=13", NULL},
    {"map", "forget", 0, &forget, NULL, NULL},
    {"filter", "x mod 2==0", SLT_INT64, &even, NULL, NULL},
    {"filter", "x!=''", SLT_STRING, &not_empty, NULL, NULL},
    {"filter", "false", 0, &never, NULL, NULL},
    {"filter", "v!=0", SLT_PAIR, &not_zero, NULL, NULL},
    {"flatMap", "[x,x*2]", SLT_INT64, &and_twice, NULL, NULL},
    {"flatMap", "[x,x*2]", SLT_FLOAT64, &and_twice, NULL, NULL},
    {"flatMap", "[]", 0, &nothing, NULL, NULL},
    {"flatMap", "split(x,' ')", SLT_STRING, &sl_split, "by=' '", "word"},
    {"flatMap", "repeat(x,x mod 3)", SLT_INT64, &repeat, NULL, NULL},
    {"mapPartitions", "identity", 0, &identity, NULL, NULL},
    {"mapPartitions", "[sum(it)]", SLT_INT64, &sum_it, NULL, NULL},
    {"mapPartitions", "[sum(it)]", SLT_FLOAT64, &float_sum_it, NULL, NULL},
    {"mapPartitions", "[count(it)]", 0, &count_it, NULL, NULL},
    {"mapPartitions", "drop1(it)", 0, &drop1, NULL, NULL},
    {"mapPartitions", "glom", SLT_INT64, &glom, NULL, NULL},
};

const slt_step_word *slt_step(const char *verb, const char *word, slt_shape shape)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].verb, verb) == 0 && strcmp(words[i].word, word) == 0 &&
            (words[i].shape == 0 || words[i].shape == shape)) {
            return &words[i];
        }
    }
    return NULL;
}
