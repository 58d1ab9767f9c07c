/// score_int.h — kinds of models that others have trained; for files of ml/ only.
///
/// Such a model has no table: what it knows is its file. The value is one content of it, opened.
/// Which content an epoch uses is fixed with its PLAN (score_fix.c); the node's base is that value.
#pragma once

#include "ml/ml_int.h"
#include "score/score.h"

/// One content of the file, opened.
typedef struct scored_value {
    ml_value base;
    const sli_score_ops *ops;
    sli_scorer *scorer;
    sli_score_content content; ///< its bytes are freed once they are kept, or need not be
    sli_scored is;             ///< number 0: not used by any epoch yet
} scored_value;

/// A content that epochs which may be run again have used.
typedef struct score_kept {
    char *path;
    int64_t last_epoch;
} score_kept;

typedef struct score_params {
    const sli_score_kind *kind;
    const sli_score_ops *ops;
    const char *file, *output, *library, *inputs; ///< in the graph's arena; NULL: not set
    sl_env *env;
    sli_score_shape shape; ///< that every content must have; its arrays are in the graph's arena
    // run time. Thread: driver
    sli_score_seen seen;
    sli_scored last; ///< that the epoch before used
    char *path;      ///< of its bytes in the checkpoint; NULL: none
    char told[33];   ///< hash of the last content that was refused, which is told once
    bool is_good;    ///< it only lacked room, and is tried again
    bool is_gone;    ///< that the file can't be read was told
    struct sli_ckpt *ckpt;
    score_kept *kept;
    int32_t n_kept, kept_capacity;
    sli_metric *number, *changes, *refused;
} score_params;

// score_kind.c
/// Opens content, which is the value's from then on, also when it fails.
sl_code score_value_new(const score_params *p, SL_TAKES sli_score_content *content,
                        const ml_kind *kind, scored_value **out, sl_error *err);

// score_fix.c
sl_code score_fix_restore(sl_stream *node, const sli_fix *how, sl_error *err);
sl_code score_fix(sl_stream *node, sli_fix *how, sl_error *err);
void score_fix_forget(sl_stream *node, int64_t epoch);
void score_fix_end(score_params *p); ///< frees what it has
