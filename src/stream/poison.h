/// poison.h — rows that make an epoch fail: found, left out, told as dead letters in the same
/// commit group. For the engine's files of stream/ only.
///
///     an epoch fails on its rows ─► judge: search the rows ─► run it again without them
///                                                              └► well: deliver the letters
///
/// The *verdict* of an epoch is the list of source rows that it ran without. It rests on rows and
/// code alone: a planned epoch that runs again in a later life comes to the same one. It stands in
/// SEALED, beside the letters' sink, so rows, state, letters and verdict become true together.
///
/// An epoch with windows may fail on rows that came in earlier ones and that a pane *holds*: only
/// now a function sees them, or an inverse takes them out. These are then left out of their pane,
/// which is made again without them.
///
/// Files: poison.c options and life · poison_search.c trials and verdict · poison_held.c rows that
/// windows hold · letters.c rows of letters. The search itself is sched/isolate.h. Thread: driver.
#pragma once

#include "sched/isolate.h"
#include "stream/engine_int.h"

enum {
    SLI_LETTER_BYTES = 64 << 10, ///< of a record that a letter has; more is cut, and told
};

/// A pane of an earlier epoch, with the numbers of its rows.
typedef struct sli_held {
    sli_window *window;
    sli_pane *pane;
    sli_pane_cut cut; ///< which rows count now; the pane's, while some don't
} sli_held;

/// One dead letter in the making. Texts live in the epoch's arena.
typedef struct sli_letter {
    const sli_held *held; ///< NULL: the row is of a source, in this epoch
    int32_t input;        ///< of the engine's; -1 with `held`
    int32_t partition;    ///< of the source in this epoch, or of the pane
    int64_t row;          ///< of that partition, from 0; -1: a record that became no row
    const char *uid;      ///< of the operator that failed; NULL: not known, or none did
    sl_code code;
    const char *text; ///< what the operator said
    const char *name; ///< the place in the source: file or received block; NULL: it has none
    int64_t offset;   ///< byte where the record begins there, and its line, from 1; with `name`
    int64_t line;
    sl_bytes record; ///< its bytes, at most SLI_LETTER_BYTES
    bool is_truncated;
} sli_letter;

/// Rows that an epoch may be run without, and those that it is run without.
typedef struct sli_verdict {
    int64_t n_rows;    ///< numbered from 0
    int64_t *left_out; ///< ascending; room for `max` of them
    int64_t n_left_out;
} sli_verdict;

struct sli_poison {
    sli_engine *engine;
    int64_t max;
    double max_share;
    sl_stream node; ///< stands for the letters' rows: the input of their output, in no graph
    int32_t output; ///< of the letters, in the graph's outputs; -1 before it is there
    sl_conf *json_conf;
    int64_t dead_before; ///< sli_sched_dead when the running epoch began
    // ---- the running epoch; arrays live in its arena
    sli_blame blame;
    bool is_watched;     ///< `blame` is told of failing tasks
    sli_verdict sources; ///< rows of all sources
    int64_t n_dropped;   ///< records of them that could not be read, as far as rows are counted
    int64_t **first; ///< by input: numbers of its partitions' first rows, and one past the last;
                     ///< NULL: not counted yet
    sli_verdict windows; ///< rows that windows hold of earlier epochs
    sli_held *held;      ///< in order of their rows' numbers; NULL: not counted yet
    int32_t n_held;
    sli_letter *letters;
    int32_t n_letters, letter_capacity;
    int64_t begun_us; ///< mono time at which the search began; 0: none did
    int64_t n_trials;
    bool is_told; ///< that it takes long
};

/// The letters' output joins the graph's, and their sink is opened with the others. Nothing when
/// the policy is `fail`. Fails: SL_E_CONFIG without a place for letters.
sl_code sli_poison_open(sli_engine *engine, sl_error *err);
void sli_poison_close(sli_engine *engine); ///< after the sinks were closed
/// A new epoch: nothing is known of its rows. The arena of the last one is gone.
void sli_poison_begin(sli_poison *poison);
/// The epoch has failed with *err. *again true: rows were found that it can do without; what it
/// left was taken back, and it is to be run again. Else *err tells why it stays failed: as it was,
/// or too many rows. Fails: what a trial met that is no fault of rows.
sl_code sli_poison_judge(sli_poison *poison, sli_epoch *epoch, bool *again, sl_error *err);
/// Where jobs fail is noted for the judge, from now on or no longer. Nothing without a policy.
void sli_poison_watch(sli_engine *engine, bool on);
/// Runs a job of the epoch, watched.
sl_code sli_poison_run(sli_engine *engine, sli_job *job, sl_error *err);
/// A sli_epoch's choose.
sl_code sli_poison_choose(void *ctx, const sl_stream *node, sl_rdd *rdd, sl_error *err);
/// The epoch ran well: its letters go to their sink, its verdict into the group.
sl_code sli_poison_deliver(sli_poison *poison, sli_epoch *epoch, sli_group *group, sl_error *err);

// poison_search.c, for letters.c
/// The input and the partition of a row, and its number there.
void sli_poison_place(const sli_poison *poison, int64_t row, sli_letter *out);
/// Adds a letter; NULL without memory. Its texts are the caller's to set.
sli_letter *sli_poison_letter(sli_poison *poison, sl_error *err);
/// Numbers all rows of the epoch, when that was not done yet.
sl_code sli_poison_count(sli_poison *poison, const sli_epoch *epoch, sl_error *err);
/// Letters that the epoch may have, once its rows are numbered: a share of all its records.
int64_t sli_poison_most(const sli_poison *poison);
/// The epoch has more bad records than that: *err, which tells of one, gets the numbers and what to
/// do. Returns its code.
sl_code sli_poison_too_many(const sli_poison *poison, sl_error *err);
/// Room for a verdict of `max` rows.
sl_code sli_poison_room(sli_poison *poison, sli_verdict *verdict, sl_error *err);

// poison_held.c, for poison_search.c and letters.c
/// Numbers the rows of panes that windows which fire in the epoch hold of earlier ones; once. What
/// leaves a window in this epoch comes last.
sl_code sli_held_count(sli_poison *poison, const sli_epoch *epoch, sl_error *err);
/// From now on only the chosen rows of these panes count. NULL: all but the verdict's. No task
/// runs.
void sli_held_choose(sli_poison *poison, const sli_choice *choice);
/// The pane and the partition of a row, and its number there.
void sli_held_place(const sli_poison *poison, int64_t row, sli_letter *out);
/// Reads one row of a pane: *out one reference, a batch of one row.
sl_code sli_held_row(const sli_letter *letter, sl_batch **out, sl_error *err);
/// Makes the panes of the verdict's rows again without them: the group writes them, and they count
/// from the end of the epoch on.
sl_code sli_held_trim(sli_poison *poison, const sli_epoch *epoch, sli_group *group, sl_error *err);
