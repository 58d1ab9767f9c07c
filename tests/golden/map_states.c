// The words of mapWithState. Rows are "k, v", and where a word has more to say "event" and "time"
// (ms), which are null otherwise.
#include "golden/vocabulary.h"

#include <string.h>

static int64_t value_of(const sl_map_state_call *call, int64_t i)
{
    return sl_column_int64(sl_batch_column(call->values, 0), i);
}

static int64_t total_of(const sl_map_state_call *call, const sl_state *state, int64_t i)
{
    return (int64_t)((uint64_t)sl_state_int64_or(state, 0, 0) + (uint64_t)value_of(call, i));
}

static sl_code run_running_sum(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        sl_state_set_int64(&state, 0, total_of(call, &state, i));
        sl_builder_int64(call->out, 0, sl_state_int64(&state, 0));
    }
    return SL_OK;
}

static sl_code run_emit_if_even(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t total = total_of(call, &state, i);
        sl_state_set_int64(&state, 0, total);
        if (total % 2 == 0) {
            sl_builder_of_row(call->out, i);
            sl_builder_int64(call->out, 0, total);
        }
    }
    return SL_OK;
}

static sl_code run_remove_if_negative(const sl_args *args, const sl_map_state_call *call,
                                      sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t total = total_of(call, &state, i);
        if (total >= 0) {
            sl_state_set_int64(&state, 0, total);
            sl_builder_int64(call->out, 0, total);
            sl_builder_null(call->out, 1);
            continue;
        }
        if (sl_state_exists(&state)) {
            sl_state_remove(&state);
        }
        sl_builder_null(call->out, 0);
        sl_builder_text(call->out, 1, "removed", 7);
    }
    return SL_OK;
}

static void put_timeout(const sl_args *args, const sl_map_state_call *call, int64_t i,
                        const sl_state *state)
{
    sl_builder_of_row(call->out, i);
    sl_builder_int64(call->out, 0, sl_state_int64(state, 0));
    sl_builder_text(call->out, 1, "timeout", 7);
    sl_builder_int64(call->out, 2, sl_args_time_us(args) / 1000);
}

static void put_total(const sl_map_state_call *call, int64_t i, const sl_state *state)
{
    sl_builder_of_row(call->out, i);
    sl_builder_int64(call->out, 0, sl_state_int64(state, 0));
    sl_builder_null(call->out, 1);
    sl_builder_null(call->out, 2);
}

static sl_code run_sum_with_timeout(const sl_args *args, const sl_map_state_call *call,
                                    sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        if (sl_state_is_timing_out(&state)) {
            put_timeout(args, call, i, &state);
            continue;
        }
        sl_state_set_int64(&state, 0, total_of(call, &state, i));
        put_total(call, i, &state);
    }
    return SL_OK;
}

static sl_code run_read_only_with_timeout(const sl_args *args, const sl_map_state_call *call,
                                          sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        if (sl_state_is_timing_out(&state)) {
            put_timeout(args, call, i, &state);
            continue;
        }
        if (!sl_state_exists(&state)) {
            sl_state_set_int64(&state, 0, value_of(call, i));
        }
        put_total(call, i, &state);
    }
    return SL_OK;
}

/// Not of the recorded vocabulary: fails at a negative value.
static sl_code run_refuse(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        if (value_of(call, i) < 0) {
            return sl_error_set(err, SL_E_USER, "a value of %lld", (long long)value_of(call, i));
        }
        sl_state_set_int64(&state, 0, total_of(call, &state, i));
        sl_builder_int64(call->out, 0, sl_state_int64(&state, 0));
    }
    return SL_OK;
}

#define WITH_TIMEOUT "v int64?, event string?, time int64?"
static const sl_map_state_fn words[] = {
    {sizeof(sl_map_state_fn), "running-sum", "v int64", "v int64", 1, false, run_running_sum},
    {sizeof(sl_map_state_fn), "emit-if-even", "v int64", "v int64", 1, false, run_emit_if_even},
    {sizeof(sl_map_state_fn), "remove-if-negative", "v int64", "v int64?, event string?", 1, false,
     run_remove_if_negative},
    {sizeof(sl_map_state_fn), "sum-with-timeout", "v int64", WITH_TIMEOUT, 1, false,
     run_sum_with_timeout},
    {sizeof(sl_map_state_fn), "read-only-with-timeout", "v int64", WITH_TIMEOUT, 1, false,
     run_read_only_with_timeout},
    {sizeof(sl_map_state_fn), "refuse", "v int64", "v int64", 1, false, run_refuse},
};

const sl_map_state_fn *slt_map_state(const char *word)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].name, word) == 0) {
            return &words[i];
        }
    }
    return NULL;
}
