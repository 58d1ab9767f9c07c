/// select.h — what the files of one epoch share: a SELECT that is prepared, and what its names
/// mean.
///
/// A *select* is made once (sql.c), lives as long as the sli_sql it is of, and never changes; RDDs
/// of all epochs and tasks of all workers point to it.
#pragma once

#include "sql/sql_int.h"

enum { SLI_SQL_MAX_SELECTS = 1000 }; ///< different queries of a graph, or of a session

// ---------------------------------------------------------------- what sql.c keeps

/// A static table, read (table.c). Never changed afterwards.
struct sli_static {
    sli_static *next;
    const char *url;
    sl_schema *schema;
    sl_batch **batches;
    int32_t n, capacity;
    int64_t n_rows, bytes, most_bytes;
    uint64_t content; ///< hash of schema and rows, in their order
};

typedef struct sli_sql_name sli_sql_name;         ///< a table that DuckDB knows
typedef struct sli_sql_callable sli_sql_callable; ///< a function that it may call (function.c)
typedef struct sli_select sli_select;

struct sli_sql {
    sl_env *env;
    sl_graph *graph; ///< NULL: a session's
    sli_dbs *dbs;
    sl_arena *arena; ///< texts and nodes of the lists below
    sli_source_env source_env;
    int64_t table_bytes; ///< what a static table may have
    sli_sql_name *names;
    sli_static *statics;
    sli_sql_callable *callables;
    sli_select *selects;
    int32_t n_selects;
    sli_budget
        *budget;    ///< of the job that runs, in which static tables are counted; NULL: none runs
    int64_t weight; ///< bytes counted there
};

/// What is opened for a session, or a job whose graph has no SQL; kept with the runtime.
sl_code sli_sql_of_runtime(sli_runtime *runtime, sli_sql **out, sl_error *err);

// ---------------------------------------------------------------- selects (select.c)

/// A name that FROM may have.
typedef struct sli_named {
    const char *name;
    const sl_schema *schema;
    const sli_static *table; ///< NULL: its rows are those of an input
    int32_t input;           ///< number of the input
} sli_named;

/// A table of a prepared SELECT.
typedef struct sli_select_table {
    const char *name;  ///< as the query has it
    const char *table; ///< as DuckDB knows it
    const sl_schema *schema;
    const sli_static *fixed; ///< NULL: the rows of an input
    int32_t input;           ///< number among the caller's inputs
    int32_t dep;             ///< number among those that are used
} sli_select_table;

struct sli_select {
    sli_select *next;
    sli_sql *sql;
    const char *text;    ///< as it was given
    const char *printed; ///< as DuckDB prints it
    int32_t number;      ///< of sli_dbs_prepare
    sl_schema *schema;
    bool by_row;      ///< run on each partition of the only input
    bool keeps_empty; ///< no rows of no rows
    sli_select_table *tables;
    int32_t n_tables;
    int32_t *inputs; ///< by dependency: the number among the caller's inputs
    int32_t n_deps;
    const sli_sql_callable **called;
    int32_t n_called;
    /// By column of the result: the column of the only input that it is, and that goes round
    /// DuckDB; -1: the next one of those that DuckDB gives. NULL: it gives them all.
    int32_t *passed;
    bool asks_nothing; ///< all of them are passed, of all rows: there is no query
    /// With WHERE: the input and SLI_ROW_NUMBER behind it, which is the last column that DuckDB
    /// gives. NULL: row i of what it gives is row i of the input.
    sl_schema *numbered;
    sl_schema *row_number; ///< that column alone
};

/// The column of row numbers.
#define SLI_ROW_NUMBER "sluice_row"

typedef enum sli_by {
    SLI_BY_ITSELF,
    SLI_BY_ROW,
    SLI_BY_EPOCH,
    SLI_BY_ONCE ///< of static tables alone
} sli_by;

/// Prepares `text`, or finds it: what was prepared before of the same text, names and schemas. `by`
/// says how it is run; SLI_BY_ITSELF: by row where that is possible. Thread: driver, no task is
/// out. Fails: SL_E_INVALID with the place before it; SL_E_NO_SPACE for too many; as
/// sli_dbs_prepare.
sl_code sli_select_find(sli_sql *sql, const char *text, const sli_named *names, int32_t n,
                        sli_by by, const sli_place *place, sli_select **out, sl_error *err);
/// The same, of what is there already; NULL: it must be prepared.
sli_select *sli_select_known(const sli_sql *sql, const char *text, const sli_named *names,
                             int32_t n, sli_by by);
void sli_selects_free(sli_sql *sql);

/// Takes from the list of a SELECT that goes by row, over the columns `table`, those that it only
/// passes on (pass.c); with WHERE it asks for SLI_ROW_NUMBER then. passed[i], as many as `result`
/// has: see sli_select.passed. *n_passed 0: the tree is as it was, `passed` too.
sl_code sli_tree_pass(sli_tree *tree, const sl_schema *table, const sl_schema *result,
                      int32_t *passed, int32_t *n_passed, sl_error *err);

/// The RDD of its rows (run.c); `inputs` as the names number them. One reference, NULL only without
/// memory; mistakes stick.
sl_rdd *sli_select_rdd(const sli_select *select, sl_rdd *const *inputs);

/// Takes "SQL: " off, where the text says already that it is about SQL. Returns rc (place.c).
sl_code sli_plain_failure(sl_code rc, sl_error *err);

// ---------------------------------------------------------------- functions (function.c)

struct sli_sql_callable {
    sli_sql_callable *next;
    const sl_fn *fn;
    sl_schema *out;
};
/// Fails: SL_E_INVALID, it can't be a function of SQL, and why.
sl_code sli_sql_add_function(sli_sql *sql, const sl_fn *fn, sl_error *err);
/// The one of this name, without case; NULL: none.
const sli_sql_callable *sli_sql_callable_of(const sli_sql *sql, const char *name);
void sli_callables_free(sli_sql *sql);
void sli_statics_free(sli_sql *sql); ///< table.c
/// Whether compressed files (a pattern, quoted as SQL has it) are whole, or not compressed
/// (whole.c). Blocks: disk. Fails: SL_E_DATA with file and byte; SL_E_IO.
sl_code sli_sql_check_whole(sli_sql *sql, const char *quoted, sl_error *err);

/// Makes a static table, called `name`, of what a SELECT over static tables alone gives (table.c).
/// Thread: driver, no task is out. Fails: as sli_dbs_run, and as sli_sql_static for too large a
/// one.
sl_code sli_sql_static_of(sli_sql *sql, const char *name, const sli_select *select,
                          const sli_static **out, sl_error *err);

// ---------------------------------------------------------------- the operator (epoch.c)

/// As sli_sql_epoch, of an open graph.
sl_stream *sli_sql_define(sli_sql *sql, const char *select, const sli_relation *from, int32_t n,
                          sli_by by, const sli_place *place);
