// The search alone, over rows that are only numbers.
#include "sched/isolate.h"
#include "sl_test.h"

enum { MOST = 64, MANY = 65536, LOG_MANY = 16 };

/// Rows that fail alone; or, with `sum`, a run that fails when the rows chosen add up to more.
typedef struct bench {
    int64_t bad[MOST];
    int32_t n_bad;
    int64_t sum;  ///< 0: none
    bool always;  ///< fails without rows too
    int64_t read; ///< rows that trials have read
    sl_code code; ///< returned by a trial of more than 10 rows; SL_OK: not
    int64_t found[MOST];
    int32_t n_found;
    int64_t left_out[MOST];
} bench;

static bool is_chosen(const sli_choice *choice, int64_t row)
{
    for (int64_t i = 0; i < choice->n_left_out; i++) {
        if (choice->left_out[i] == row) {
            return false;
        }
    }
    return row >= choice->from && row < choice->to;
}

static sl_code attempt(void *ctx, const sli_choice *choice, bool *failed, sl_error *why,
                       sl_error *err)
{
    bench *b = ctx;
    b->read += choice->to - choice->from;
    if (b->code != SL_OK && choice->to - choice->from > 10) {
        return sl_error_set(err, b->code, "the disk is gone");
    }
    *failed = b->always;
    for (int32_t i = 0; i < b->n_bad; i++) {
        *failed = *failed || is_chosen(choice, b->bad[i]);
    }
    int64_t sum = 0;
    for (int64_t row = choice->from; b->sum > 0 && row < choice->to; row++) {
        sum += is_chosen(choice, row) ? row : 0;
    }
    *failed = *failed || (b->sum > 0 && sum > b->sum);
    if (*failed) {
        sl_error_set(why, SL_E_USER, "rows %lld to %lld", (long long)choice->from,
                     (long long)choice->to);
    }
    return SL_OK;
}

static sl_code found(void *ctx, int64_t row, const sl_error *why, sl_error *err)
{
    bench *b = ctx;
    (void)err;
    assert_int_equal(why->code, SL_E_USER);
    b->found[b->n_found++] = row;
    return SL_OK;
}

static sli_search search_of(bench *b, int64_t n_rows, bool alone, int64_t max)
{
    return (sli_search){.n_rows = n_rows,
                        .alone = alone,
                        .max = max,
                        .attempt = attempt,
                        .found = found,
                        .ctx = b,
                        .left_out = b->left_out};
}

SL_TEST(one_bad_row_of_a_million_is_found_in_few_trials, "")
{
    for (int alone = 0; alone < 2; alone++) {
        bench b = {.bad = {777777}, .n_bad = 1};
        sli_search s = search_of(&b, 1000000, alone != 0, 10);
        bool helped = false;
        assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
        assert_true(helped);
        assert_int_equal(b.n_found, 1);
        assert_int_equal(b.found[0], 777777);
        assert_true(s.n_trials <= (alone ? 2 * 20 + 3 : 20 + 4));
        if (alone) { // each row is read a few times, whatever the number of trials
            assert_true(b.read < 4 * 1000000);
        }
    }
}

SL_TEST(several_bad_rows_are_found_in_order, "")
{
    for (int alone = 0; alone < 2; alone++) {
        bench b = {.bad = {9, 0, 4, 5}, .n_bad = 4};
        sli_search s = search_of(&b, 10, alone != 0, 4);
        bool helped = false;
        assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
        assert_true(helped);
        assert_int_equal(b.n_found, 4);
        const int64_t want[] = {0, 4, 5, 9};
        assert_memory_equal(b.found, want, sizeof want);
        assert_memory_equal(b.left_out, want, sizeof want);
    }
}

/// Trials of a search in order for MOST bad rows of MANY, every `every`-th from 1000 on.
static int64_t trials_for(int64_t every)
{
    bench b = {.n_bad = MOST};
    for (int32_t i = 0; i < MOST; i++) {
        b.bad[i] = 1000 + every * i;
    }
    sli_search s = search_of(&b, MANY, false, MOST);
    bool helped = false;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    assert_true(helped && b.n_found == MOST);
    assert_memory_equal(b.left_out, b.bad, sizeof b.bad);
    return s.n_trials;
}

// A key whose every record is bad costs a bad row little more than the two runs that tell of it.
SL_TEST(many_bad_rows_cost_by_how_far_apart_they_lie, "")
{
    int64_t few = 4 * LOG_MANY + 8; // to the first, and from the last to the end
    assert_true(trials_for(1) <= 2 * MOST + few);
    assert_true(trials_for(2) <= 3 * MOST + few);
    assert_true(trials_for(16) <= (4 + 2) * MOST + few);
    assert_true(trials_for(1000) <= (10 + 2) * MOST + few);
}

// The search ends when there are more than allowed: it costs as much as it may find.
SL_TEST(a_search_that_finds_too_much_ends, "")
{
    bench b = {.sum = 1}; // every row but the first two
    sli_search s = search_of(&b, MANY, false, 8);
    bool helped = true;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    assert_true(!helped && s.too_many);
    assert_true(s.n_trials <= 2 * (8 + 1) + 4 * LOG_MANY);
}

SL_TEST(rows_that_fail_together_are_found_where_the_run_begins_to_fail, "")
{
    bench b = {.sum = 11}; // 0 + 1 + 2 + 3 + 4 = 10: row 5 and all after it are too much
    sli_search s = search_of(&b, 7, false, 10);
    bool helped = false;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    assert_true(helped);
    assert_int_equal(b.n_found, 2);
    assert_int_equal(b.found[0], 5);
    assert_int_equal(b.found[1], 6);
}

SL_TEST(a_second_search_goes_on_from_the_first, "")
{
    bench b = {.bad = {3}, .n_bad = 1};
    sli_search s = search_of(&b, 8, true, 10);
    bool helped = false;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    b.bad[0] = 1;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    assert_true(helped);
    const int64_t want[] = {1, 3};
    assert_int_equal(s.n_left_out, 2);
    assert_memory_equal(b.left_out, want, sizeof want);
}

SL_TEST(more_bad_rows_than_allowed_are_told, "")
{
    bench b = {.bad = {1, 2, 3}, .n_bad = 3};
    sli_search s = search_of(&b, 8, true, 2);
    bool helped = true;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    assert_false(helped);
    assert_true(s.too_many);
}

SL_TEST(what_fails_without_rows_or_not_again_is_not_the_rows_fault, "")
{
    bench b = {.always = true};
    sli_search s = search_of(&b, 8, false, 2);
    bool helped = true;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    assert_false(helped);
    assert_int_equal(b.n_found, 0);
    b.always = false;
    helped = true;
    assert_int_equal(sli_isolate(&s, &helped, NULL), SL_OK);
    assert_false(helped);
    assert_false(s.too_many);
}

SL_TEST(a_trial_that_fails_otherwise_ends_the_search, "")
{
    bench b = {.bad = {1}, .n_bad = 1, .code = SL_E_IO};
    sli_search s = search_of(&b, 100, true, 2);
    bool helped = false;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_isolate(&s, &helped, &err), SL_E_IO);
    SL_CHECK_TEXT(err.text, "the disk is gone");
}

SL_TEST(only_errors_of_rows_are_poison, "")
{
    sl_error err = SL_ERROR_INIT;
    for (int code = SL_E_INVALID; code <= SL_E_CRASHED; code++) {
        sl_error_set(&err, (sl_code)code, "x");
        assert_int_equal(sli_error_is_poison(&err), code == SL_E_USER || code == SL_E_DATA);
    }
    sl_error_set(&err, SL_E_USER, "x");
    (void)sl_error_act(&err, SL_ACT_STOP_JOB);
    assert_false(sli_error_is_poison(&err));
}
