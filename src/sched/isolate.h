/// isolate.h — which rows make a run fail, found by running it on fewer of them.
///
/// The search halves: what fails is cut in two, the halves are tried, and so on down to single
/// rows. It knows nothing of RDDs: whoever asks says how a choice of rows is tried. Two ways to
/// try:
///
///     alone       [from, to) and nothing else: rows that rest on no other row. All trials
///                 together read each row a few times, however many rows there are.
///     in order    [0, to) but the rows found so far: rows that meet in groups, state, joins. What
///                 was kept before `from` is known to run well. So the rows found are those at
///                 which a run from the first row on begins to fail.
///
/// A row is found when a run that ends with it fails, and fails again. Trials, besides the two that
/// every search begins with:
///
///     alone       at most 2 log2(n) + 1 a bad row
///     in order    log2(n) + 2 for a single one. Of several, d rows apart, log2(d) + 2 each (2 when
///                 they follow each other), up to 2 log2(d) + 3 where they lie unevenly; and
///                 log2(n) to see that no more come. A search with too many ends one row after
///                 `max`.
///
/// Fewer than one a bad row can't do: a run tells only that it failed. The answer rests
/// on rows and code alone, so the same epoch gives the same one in every life.
#pragma once

#include "rdd/dataset.h"

/// Whether an error says that user code or an expression could not do with its rows (SL_E_USER,
/// SL_E_DATA), unless whoever made it asked for something else than another try. Memory, I/O,
/// deadlines, broken invariants are never the rows' fault.
bool sli_error_is_poison(const sl_error *error);

/// Runs the chosen rows. *failed true: with *why, an error as sli_error_is_poison has it. Fails:
/// all else that goes wrong; the search ends with it.
typedef sl_code (*sli_try_fn)(void *ctx, const sli_choice *choice, bool *failed, sl_error *why,
                              sl_error *err);
/// A row was found: it fails with `why`.
typedef sl_code (*sli_found_fn)(void *ctx, int64_t row, const sl_error *why, sl_error *err);

typedef struct sli_search {
    int64_t n_rows; ///< to search: 0 .. n_rows - 1
    bool alone;
    int64_t max; ///< rows that may be found in all, those in `left_out` counted
    sli_try_fn attempt;
    sli_found_fn found;
    void *ctx;
    // ---- in and out
    int64_t *left_out; ///< ascending; room for `max`
    int64_t n_left_out;
    // ---- out
    int64_t n_trials;
    bool too_many; ///< there are more than `max`: what was found is not all
} sli_search;

/// Finds the rows without which the run goes well, and adds them to `left_out`. *helped false:
/// nothing was found, because the run did not fail again or fails without any row too.
/// Thread: driver.
sl_code sli_isolate(sli_search *search, bool *helped, sl_error *err);
