// isolate.c — the search of isolate.h.
#include "sched/isolate.h"

bool sli_error_is_poison(const sl_error *error)
{
    return (error->code == SL_E_USER || error->code == SL_E_DATA) &&
           sl_error_action(error) == SL_ACT_RETRY_TASK;
}

/// Tries what [from, to) stands for.
static sl_code attempt(sli_search *s, int64_t from, int64_t to, bool *failed, sl_error *why,
                       sl_error *err)
{
    sli_choice choice = {.from = s->alone ? from : 0,
                         .to = to,
                         .left_out = s->left_out,
                         .n_left_out = s->n_left_out};
    s->n_trials++;
    *failed = false;
    return s->attempt(s->ctx, &choice, failed, why, err);
}

/// Rows found are met in ascending order, but a later search of the same epoch adds between them.
static void leave_out(sli_search *s, int64_t row)
{
    int64_t i = s->n_left_out++;
    while (i > 0 && s->left_out[i - 1] > row) {
        s->left_out[i] = s->left_out[i - 1];
        i--;
    }
    s->left_out[i] = row;
}

static bool is_left_out(const sli_search *s, int64_t row)
{
    for (int64_t i = 0; i < s->n_left_out; i++) {
        if (s->left_out[i] == row) {
            return true;
        }
    }
    return false;
}

/// A single row is left of what fails. An error that a larger part gave may be another row's, so it
/// is asked once more.
static sl_code condemn(sli_search *s, int64_t row, sl_error *err)
{
    bool failed = false;
    sl_error why = SL_ERROR_INIT;
    if (is_left_out(s, row)) {
        return SL_OK;
    }
    SL_TRY(attempt(s, row, row + 1, &failed, &why, err));
    if (!failed) {
        return SL_OK; // it fails now and then: the run without the others will tell
    }
    if (s->n_left_out == s->max) {
        s->too_many = true;
        return SL_OK;
    }
    SL_TRY(s->found(s->ctx, row, &why, err));
    leave_out(s, row);
    return SL_OK;
}

/// [from, to) is known to fail. As deep as log2(n).
static sl_code search(sli_search *s, int64_t from, int64_t to, sl_error *err)
{
    if (to - from == 1) {
        return condemn(s, from, err);
    }
    int64_t half = from + (to - from) / 2;
    bool left = false, right = true;
    sl_error why = SL_ERROR_INIT;
    SL_TRY(attempt(s, from, half, &left, &why, err));
    if (left) {
        SL_TRY(search(s, from, half, err));
        if (s->too_many) {
            return SL_OK;
        }
        SL_TRY(attempt(s, half, to, &right, &why, err));
    } // else the right half is what fails
    return right ? search(s, half, to, err) : SL_OK;
}

sl_code sli_isolate(sli_search *s, bool *helped, sl_error *err)
{
    bool without = false, with = false;
    int64_t before = s->n_left_out;
    sl_error why = SL_ERROR_INIT;
    *helped = false;
    s->too_many = false;
    SL_TRY(attempt(s, 0, 0, &without, &why, err));
    if (without || s->n_rows == 0) {
        return SL_OK;
    }
    SL_TRY(attempt(s, 0, s->n_rows, &with, &why, err));
    if (with) {
        SL_TRY(search(s, 0, s->n_rows, err));
    }
    *helped = s->n_left_out > before && !s->too_many;
    return SL_OK;
}
