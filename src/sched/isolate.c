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

// ---------------------------------------------------------------- rows alone

/// [from, to) is known to fail. As deep as log2(n).
static sl_code search_alone(sli_search *s, int64_t from, int64_t to, sl_error *err)
{
    if (to - from == 1) {
        return condemn(s, from, err);
    }
    int64_t half = from + (to - from) / 2;
    bool left = false, right = true;
    sl_error why = SL_ERROR_INIT;
    SL_TRY(attempt(s, from, half, &left, &why, err));
    if (left) {
        SL_TRY(search_alone(s, from, half, err));
        if (s->too_many) {
            return SL_OK;
        }
        SL_TRY(attempt(s, half, to, &right, &why, err));
    } // else the right half is what fails
    return right ? search_alone(s, half, to, err) : SL_OK;
}

// ---------------------------------------------------------------- rows in order

/// [0, good) runs well, [0, bad) does not: brings them together, so that row `bad` - 1 is the one
/// at which the run begins to fail.
static sl_code close_in(sli_search *s, int64_t *good, int64_t *bad, sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    while (*bad - *good > 1) {
        int64_t half = *good + (*bad - *good) / 2;
        bool failed = false;
        SL_TRY(attempt(s, 0, half, &failed, &why, err));
        *(failed ? bad : good) = half;
    }
    return SL_OK;
}

/// Goes on from `good` until a run fails: by `step` rows at first, then by twice as many each time.
/// *bad n_rows + 1: none fails any more.
static sl_code go_on(sli_search *s, int64_t step, int64_t *good, int64_t *bad, sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    bool failed = false;
    while (*good < s->n_rows && !failed) {
        *bad = step < s->n_rows - *good ? *good + step : s->n_rows;
        SL_TRY(attempt(s, 0, *bad, &failed, &why, err));
        *good = failed ? *good : *bad;
        step *= 2;
    }
    *bad = failed ? *bad : s->n_rows + 1;
    return SL_OK;
}

/// [0, n_rows) is known to fail. Bad rows come in bunches, or again and again with their key: so
/// from one the next is looked for as far away as this one was from the last. That all others run
/// well is asked after the first, for it is mostly the only one.
static sl_code search_in_order(sli_search *s, sl_error *err)
{
    int64_t good = 0, bad = s->n_rows, before = 0;
    bool is_first = true, more = true;
    sl_error why = SL_ERROR_INIT;
    while (more && bad <= s->n_rows && !s->too_many) {
        SL_TRY(close_in(s, &good, &bad, err));
        SL_TRY(condemn(s, bad - 1, err));
        int64_t step = is_first ? 1 : bad - before;
        before = good = bad;
        if (is_first && !s->too_many) {
            SL_TRY(attempt(s, 0, s->n_rows, &more, &why, err));
        }
        is_first = false;
        SL_TRY(more && !s->too_many ? go_on(s, step, &good, &bad, err) : SL_OK);
    }
    return SL_OK;
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
        SL_TRY(s->alone ? search_alone(s, 0, s->n_rows, err) : search_in_order(s, err));
    }
    *helped = s->n_left_out > before && !s->too_many;
    return SL_OK;
}
