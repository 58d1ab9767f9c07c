// The functions of random graphs.
#include "model/functions.h"

// ---------------------------------------------------------------- row by row

static sl_code run_copy(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
        sl_builder_cell(out, 1, sl_batch_column(in, 1), i);
    }
    return SL_OK;
}

/// What glom put together: a list of keys and one of values.
static sl_code run_unlist(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *k = sl_batch_column(in, 0), *v = sl_batch_column(in, 1);
    const int32_t *ks = k->values, *vs = v->values;
    (void)args, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        for (int32_t j = 0; j < ks[i + 1] - ks[i]; j++) {
            sl_builder_cell(out, 0, k->children, ks[i] + j);
            sl_builder_cell(out, 1, v->children, vs[i] + j);
        }
    }
    return SL_OK;
}

static sl_code run_undivided(const sl_args *args, const sl_batch *in, sl_builder *out,
                             sl_error *err)
{
    const sl_column *v = sl_batch_column(in, 1);
    (void)args, (void)err;
    for (int64_t i = 0; i < v->n_rows; i++) {
        sl_builder_bool(out, 0, sl_column_int64(v, i) % 3 != 0);
    }
    return SL_OK;
}

static sl_code run_negate(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *v = sl_batch_column(in, 0);
    (void)args, (void)err;
    for (int64_t i = 0; i < v->n_rows; i++) {
        sl_builder_int64(out, 0, -sl_column_int64(v, i));
    }
    return SL_OK;
}

static sl_code run_and_double(const sl_args *args, const sl_batch *in, sl_builder *out,
                              sl_error *err)
{
    const sl_column *v = sl_batch_column(in, 0);
    (void)args, (void)err;
    for (int64_t i = 0; i < v->n_rows; i++) {
        sl_builder_of_row(out, i);
        sl_builder_int64(out, 0, sl_column_int64(v, i));
        sl_builder_int64(out, 0, 2 * sl_column_int64(v, i));
    }
    return SL_OK;
}

static sl_code run_even(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *v = sl_batch_column(in, 0);
    (void)args, (void)err;
    for (int64_t i = 0; i < v->n_rows; i++) {
        sl_builder_of_row(out, i);
        if (sl_column_int64(v, i) % 2 == 0) {
            sl_builder_int64(out, 0, sl_column_int64(v, i));
        }
    }
    return SL_OK;
}

const sl_fn slt_copy = {.struct_size = sizeof(sl_fn), .name = "copy", .run = run_copy};
const sl_fn slt_unlist_text = {.struct_size = sizeof(sl_fn),
                               .name = "unlist-text",
                               .out = "k string, v int64",
                               .run = run_unlist};
const sl_fn slt_unlist_int64 = {.struct_size = sizeof(sl_fn),
                                .name = "unlist-int64",
                                .out = "k int64, v int64",
                                .run = run_unlist};
const sl_fn slt_undivided = {
    .struct_size = sizeof(sl_fn), .name = "undivided", .out = "keep bool", .run = run_undivided};
const sl_fn slt_values[] = {
    {.struct_size = sizeof(sl_fn), .name = "negate", .out = "v int64", .run = run_negate},
    {.struct_size = sizeof(sl_fn), .name = "and-double", .out = "v int64", .run = run_and_double},
    {.struct_size = sizeof(sl_fn), .name = "even", .out = "v int64", .run = run_even},
};

// ---------------------------------------------------------------- lists

static int64_t size_of(const sl_column *list, int64_t i)
{
    const int32_t *offsets = list->values;
    return offsets[i + 1] - offsets[i];
}

/// Of one list the size; of two 100 times that of the first and that of the second.
static sl_code run_sizes(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const sl_column *k = sl_batch_column(in, 0), *v = sl_batch_column(in, 1);
    bool is_pair = sl_schema_columns(sl_batch_schema(in)) == 3;
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        int64_t size = size_of(v, i);
        sl_builder_cell(out, 0, k, i);
        sl_builder_int64(out, 1, is_pair ? 100 * size + size_of(sl_batch_column(in, 2), i) : size);
    }
    return SL_OK;
}

const sl_fn slt_sizes_of_text = {.struct_size = sizeof(sl_fn),
                                 .name = "sizes-of-text",
                                 .out = "k string, v int64",
                                 .run = run_sizes};
const sl_fn slt_sizes_of_int64 = {.struct_size = sizeof(sl_fn),
                                  .name = "sizes-of-int64",
                                  .out = "k int64, v int64",
                                  .run = run_sizes};

// ---------------------------------------------------------------- state

static int64_t total(const sl_update_call *call, int64_t i)
{
    const sl_column *values = sl_batch_column(call->values, 0);
    int64_t sum = call->had[i] ? sl_column_int64(sl_batch_column(call->states, 0), i) : 0;
    for (int64_t j = call->values_from[i]; j < call->values_from[i + 1]; j++) {
        sum += sl_column_int64(values, j);
    }
    return sum;
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

static sl_code run_forgetful_sum(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        call->keep[i] = total(call, i) % 4 != 0;
    }
    return run_sum(args, call, err);
}

const sl_update_fn slt_updates[] = {
    {.struct_size = sizeof(sl_update_fn), .name = "sum", .out = "v int64", .run = run_sum},
    {.struct_size = sizeof(sl_update_fn),
     .name = "forgetful-sum",
     .out = "v int64",
     .run = run_forgetful_sum},
};

static void count_records(const sl_map_state_call *call, bool forgets)
{
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t n = sl_state_int64_or(&state, 0, 0) + 1;
        if (forgets && n % 4 == 0) {
            sl_state_remove(&state);
        } else {
            sl_state_set_int64(&state, 0, n);
        }
        sl_builder_int64(call->out, 0, n);
    }
}

static sl_code run_number(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    count_records(call, false);
    return SL_OK;
}

static sl_code run_forgetful_number(const sl_args *args, const sl_map_state_call *call,
                                    sl_error *err)
{
    (void)args;
    (void)err;
    count_records(call, true);
    return SL_OK;
}

/// A key that times out gives its number negated.
static sl_code run_number_or_end(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        sl_builder_of_row(call->out, i);
        if (sl_state_is_timing_out(&state)) {
            sl_builder_int64(call->out, 0, -sl_state_int64(&state, 0));
            continue;
        }
        sl_state_set_int64(&state, 0, sl_state_int64_or(&state, 0, 0) + 1);
        sl_builder_int64(call->out, 0, sl_state_int64(&state, 0));
    }
    return SL_OK;
}

const sl_map_state_fn slt_numbers[] = {
    {.struct_size = sizeof(sl_map_state_fn),
     .name = "number",
     .state = "v int64",
     .out = "v int64",
     .run = run_number},
    {.struct_size = sizeof(sl_map_state_fn),
     .name = "forgetful-number",
     .state = "v int64",
     .out = "v int64",
     .run = run_forgetful_number},
    {.struct_size = sizeof(sl_map_state_fn),
     .name = "number-or-end",
     .state = "v int64",
     .out = "v int64",
     .run = run_number_or_end},
};

// ---------------------------------------------------------------- RDDs

static sl_code run_distinct(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args, (void)err; // a mistake sticks to the RDD
    *out = sl_rdd_distinct(in, 0);
    return SL_OK;
}

static sl_code run_sort(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args, (void)err;
    *out = sl_rdd_sort_by(in, "v desc, k", 0);
    return SL_OK;
}

static sl_code run_subtract(const sl_args *args, sl_rdd *const *in, int32_t n, sl_rdd **out,
                            sl_error *err)
{
    (void)args, (void)n, (void)err;
    *out = sl_rdd_subtract(in[0], in[1], 0);
    return SL_OK;
}

static sl_code run_intersect(const sl_args *args, sl_rdd *const *in, int32_t n, sl_rdd **out,
                             sl_error *err)
{
    (void)args, (void)n, (void)err;
    *out = sl_rdd_intersection(in[0], in[1], 0);
    return SL_OK;
}

const sl_transform_fn slt_distinct = {
    .struct_size = sizeof(sl_transform_fn), .name = "distinct", .run = run_distinct};
const sl_transform_fn slt_sort = {
    .struct_size = sizeof(sl_transform_fn), .name = "sort", .run = run_sort};
const sl_transform_all_fn slt_subtracts[] = {
    {.struct_size = sizeof(sl_transform_all_fn), .name = "subtract", .run = run_subtract},
    {.struct_size = sizeof(sl_transform_all_fn), .name = "intersect", .run = run_intersect},
};
