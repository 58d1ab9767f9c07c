/// dbs_int.h — schemas and batches across the border to the engine.
#pragma once

#include "duckdb/duckdb.h"

/// Columns of a result. Names that our schemas can't have become ones that they can ("sum(n)":
/// sum_n; a second of a name: n_2), so that an expression without AS has a name all the same.
/// Fails: SL_E_UNSUPPORTED, SL_E_NOMEM.
sl_code sli_dbs_schema(const struct ArrowSchema *from, sl_schema **out, sl_error *err);

/// What every array of one result is imported with: the engine's schema under our names.
typedef struct sli_dbs_form {
    sl_schema *schema;
    struct ArrowSchema engine; ///< released by sli_dbs_form_reset
    struct ArrowSchema named;  ///< borrows from both
    struct ArrowSchema *fields;
    struct ArrowSchema **children;
} sli_dbs_form;

/// Takes `engine`, also when it fails.
sl_code sli_dbs_form_init(sli_dbs_form *form, SL_TAKES struct ArrowSchema *engine, sl_error *err);
void sli_dbs_form_reset(sli_dbs_form *form);
/// A batch of form->schema. Thread: any, many at once.
sl_code sli_dbs_import(const sli_dbs_form *form, SL_TAKES struct ArrowArray *array, sl_batch **out,
                       sl_error *err);
/// The schema alone, for the caller to release. Fails: SL_E_UNSUPPORTED for opaque columns.
sl_code sli_dbs_export_schema(const sl_schema *schema, struct ArrowSchema *out, sl_error *err);

/// Rows of one run as the engine takes them.
typedef struct sli_dbs_arrays {
    sli_db_rows *rows;
    int32_t n_rows;
    struct ArrowArray *arrays;
    const struct ArrowArray **places;
    int32_t n;
} sli_dbs_arrays;

sl_code sli_dbs_arrays_init(sli_dbs_arrays *out, const sli_dbs_rows *rows, int32_t n_rows,
                            sl_error *err);
void sli_dbs_arrays_reset(sli_dbs_arrays *arrays);

// ---------------------------------------------------------------- dbs_spill.c

/// Makes a directory to spill into and locks it; then, where its name is PREFIX-PID-ADDRESS,
/// removes those beside it that a process which has ended left. Nothing that fails here is a
/// failure of the job: the engine tells when there is no place.
void sli_dbs_spill_begin(sl_env *env, const char *dir, sli_file **lock);
/// Removes it, and unlocks.
void sli_dbs_spill_end(sl_env *env, const char *dir, sli_file **lock);

// ---------------------------------------------------------------- dbs_watch.c

/// Who looks whether queries that run are told to stop.
typedef struct sli_dbs_watch sli_dbs_watch;
/// A run that is watched: on the stack of who runs it.
typedef struct sli_dbs_watched {
    sli_db *db;
    const _Atomic bool *const *stop; ///< `n_stop` flags
    int32_t n_stop;
    bool is_listed;
    struct sli_dbs_watched *next;
} sli_dbs_watched;
sl_code sli_dbs_watch_new(sli_dbs_watch **out, sl_env *env, const sli_db_ops *ops, sl_error *err);
void sli_dbs_watch_free(SL_TAKES sli_dbs_watch *watch); ///< accepts NULL; after all runs
/// Before a run, and after it. Thread: any, many at once. Fails: SL_E_NOMEM.
sl_code sli_dbs_watch_begin(sli_dbs_watch *watch, sli_dbs_watched *run, sl_error *err);
void sli_dbs_watch_end(sli_dbs_watch *watch, sli_dbs_watched *run);
