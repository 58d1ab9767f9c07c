/// checkpoint_int.h — what the files that read a checkpoint as tables share.
///
///     view (ckpt/) ─► which tables there are ─► readers ─► DuckDB, of those that a SELECT names
#pragma once

#include <stdatomic.h>

#include "api/host.h"
#include "duckdb/duckdb.h"
#include "sluice/checkpoint.h"
#include "stream/plan.h"

typedef struct sli_look sli_look;

/// A table of the checkpoint.
typedef struct sli_look_table {
    sli_look *of;
    sl_checkpoint_table told;
    const char *engine; ///< its name in an instance
    // state
    sli_state_lies lies;
    int64_t *parts;  ///< section numbers by part; -1: none
    int32_t *deltas; ///< numbers of the deltas with changes of it
    int32_t capacity;
    // of the log
    int32_t meta; ///< which of sli_look_metas
} sli_look_table;

typedef struct sli_look_delta {
    const char *path;
    sli_buffer *kept; ///< NULL: read each time
} sli_look_delta;

/// A checkpoint as of one group.
struct sli_look {
    sl_env *env;
    sl_arena *arena;
    sli_ckpt_view *view;
    const char *dir, *modules;
    sli_budget *budget;
    int64_t counted;       ///< bytes of deltas that are kept
    const char *store;     ///< on disk, whose files are the snapshot; NULL: none
    sli_kept_files *files; ///< those
    sl_checkpoint_point point;
    sli_look_delta *deltas;
    int32_t n_deltas;
    sli_look_table **tables;
    int32_t n_tables, capacity;
};

typedef struct sli_look_conf {
    sl_env *env;
    const char *dir, *modules;
    const char
        *scratch; ///< a directory, made when it is needed and removed: see sli_ckpt_view_conf
    sli_budget *budget;
} sli_look_conf;
/// `conf`'s texts but `scratch` outlive the look. *group gets the newest that is sealed, also of a
/// look that failed; 0: not known. Fails: as sli_ckpt_view_open and sli_kept_files_open;
/// SL_E_NOT_FOUND, a driver has removed what was about to be read.
sl_code sli_look_open(sli_look **out, const sli_look_conf *conf, int64_t *group, sl_error *err);
void sli_look_close(SL_TAKES sli_look *look); ///< accepts NULL

/// Passes over a table's rows, for sli_dbs_reader; `ctx` is the table.
sl_code sli_look_begin(void *ctx, void **pass, sl_error *err);
sl_code sli_look_next(void *pass, sl_batch **rows, sl_error *err);
void sli_look_end(void *pass);

// ---------------------------------------------------------------- what the log tells
// (look_log.c)

typedef struct sli_look_meta {
    const char *name, *columns, *text;
    /// Rows of everything that is read at once.
    sl_code (*fill)(const sli_look *look, sl_builder *builder, sl_error *err);
} sli_look_meta;
extern const sli_look_meta sli_look_metas[]; ///< without a name at the end; a NULL `fill`: letters
/// All rows of such a table.
sl_code sli_look_log_rows(const sli_look *look, int32_t meta, sl_batch **out, sl_error *err);
/// Dead letters, a file at a time.
typedef struct sli_letters sli_letters;
sl_code sli_letters_open(sli_letters **out, const sli_look *look, sl_error *err);
sl_code sli_letters_next(sli_letters *letters, sl_batch **rows, sl_error *err);
void sli_letters_close(SL_TAKES sli_letters *letters); ///< accepts NULL
