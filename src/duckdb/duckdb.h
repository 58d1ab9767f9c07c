/// duckdb.h — what Sluice wants of an SQL engine: the contract of the module sql_duckdb (DuckDB).
///
///     open { parse | print | functions | columns | table | function | prepare { run } free_query }
///     close
///
/// An *instance* lives in memory and has one thread, the caller's. Its tables have a name and a
/// schema from `table` on, and rows only while `run` lasts: the caller's own batches, read where
/// they lie. It reaches no file, no network and no setting, unless it was opened to read files.
/// Equal instances give equal rows in equal order for equal input.
///
/// Rows cross as arrays of the Arrow C Data Interface, a struct of columns each, types as
/// sl_batch_export makes them (strings and binaries as views). Names and texts are UTF-8, ended by
/// a zero. The module calls nothing of libsluice; failures go into the sl_error it is given.
#pragma once

#include "col/arrow_abi.h"
#include "col/col.h"
#include "conf/conf.h"
#include "env/env.h"

enum { SLI_DB_ABI = 3 };

typedef struct sli_db sli_db;             ///< an instance. Thread: one at a time
typedef struct sli_db_query sli_db_query; ///< a prepared SELECT of one instance
typedef struct sli_db_file sli_db_file;   ///< a file that is held open for SELECTs

/// What an instance is opened with. Lives for the call.
typedef struct sli_db_conf {
    size_t struct_size;
    int64_t
        memory_bytes; ///< what it may hold; a query that needs more goes to `spill_dir`, or fails
    const char *spill_dir; ///< made in its parent when it is needed; NULL: nowhere
    bool reads_files;      ///< it may read local files; else it reaches nothing outside
    const char *attach;    ///< a DuckDB file, attached as "db" to be read; NULL: none
} sli_db_conf;

/// Where a text is wrong. Bytes from 0 into it; -1: unknown.
typedef struct sli_db_where {
    int64_t at;
} sli_db_where;

typedef sl_code (*sli_db_text_fn)(void *ctx, const char *text, size_t size, sl_error *err);

/// A function that SQL may call.
typedef struct sli_db_function {
    const char *name;
    /// Filled by the caller for these argument types (a struct of columns "a0", "a1", ...): the
    /// type of the result, a struct of one column. `arguments` is read. Fails: SL_E_INVALID, it
    /// can't be called with them.
    sl_code (*bind)(void *ctx, struct ArrowSchema *arguments, struct ArrowSchema *out,
                    sl_error *err);
    /// As many rows as `arguments` has, whose types are `types`, a struct of one column. Both are
    /// the callee's to release, also when it fails; *out is released by the caller.
    sl_code (*call)(void *ctx, SL_TAKES struct ArrowSchema *types,
                    SL_TAKES struct ArrowArray *arguments, struct ArrowArray *out, sl_error *err);
    void *ctx; ///< outlives the instance
} sli_db_function;

/// What is known of a function that is built in, or was added.
typedef struct sli_db_function_info {
    const char *name;
    bool is_aggregate;
    bool is_volatile; ///< equal arguments may give other results: random(), now(), nextval()
} sli_db_function_info;
typedef void (*sli_db_function_fn)(void *ctx, const sli_db_function_info *info);

/// Rows of a table for one run. Borrowed until it returns.
typedef struct sli_db_rows {
    const char *table;
    const struct ArrowArray *const *arrays;
    int32_t n;
} sli_db_rows;

/// Rows of a table that come as they are asked for, anew for each pass that a query makes over it.
/// A table that no query names is never passed over. Thread: the one that runs.
typedef struct sli_db_reader {
    const char *table;
    void *ctx;
    sl_code (*open)(void *ctx, void **pass, sl_error *err);
    /// The next rows, which live until the next call for this pass; *rows NULL: there are no more.
    sl_code (*next)(void *pass, const struct ArrowArray **rows, sl_error *err);
    void (*close)(void *pass);
} sli_db_reader;

typedef struct sli_db_run {
    size_t struct_size;
    const sli_db_rows *rows; ///< a table that is not here is empty
    int32_t n_rows;
    int64_t time_us;                 ///< what sluice_time() is: the epoch's batch time
    const _Atomic bool *const *stop; ///< `n_stop` flags, looked at between steps: SL_E_CANCELLED
    int32_t n_stop;
    /// Takes the next rows, which are the callee's to release; some thousand at a time.
    sl_code (*each)(void *ctx, SL_TAKES struct ArrowArray *rows, sl_error *err);
    void *ctx;
    const sli_db_reader *readers; ///< of tables that are not in `rows`
    int32_t n_readers;
} sli_db_run;

typedef struct sli_db_ops {
    size_t struct_size;
    const char *version; ///< "DuckDB 1.5.6": part of a job's numeric fingerprint
    /// Blocks: some 50 ms. Fails: SL_E_NOMEM, SL_E_CONFIG.
    sl_code (*open)(sli_db **out, const sli_db_conf *conf, sl_error *err);
    void (*close)(SL_TAKES sli_db *self); ///< accepts NULL; after its queries

    /// The parse tree of one SELECT as JSON (DuckDB's json_serialize_sql: {"error": false,
    /// "statements": [...]}), given to `each` at once. Looks no name up. Fails: SL_E_INVALID with
    /// *where.
    sl_code (*parse)(sli_db *self, const char *sql, sli_db_text_fn each, void *ctx,
                     sli_db_where *where, sl_error *err);
    /// The SELECT of such a tree.
    sl_code (*print)(sli_db *self, const char *json, sli_db_text_fn each, void *ctx, sl_error *err);
    /// Every function's name, once; aggregate or volatile when one of its forms is.
    sl_code (*functions)(sli_db *self, sli_db_function_fn each, void *ctx, sl_error *err);

    /// A stream's table. `schema` is read, not taken. `rows`: about how many it has, for the choice
    /// of a plan; -1: unknown, taken for many. Fails: SL_E_INVALID, there is a table of that
    /// name (names are compared without case); SL_E_UNSUPPORTED, a type SQL can't have (opaque).
    sl_code (*table)(sli_db *self, const char *name, const struct ArrowSchema *schema, int64_t rows,
                     sl_error *err);
    /// The columns that a list of definitions means ("ts TIMESTAMP NOT NULL, n INTEGER"), as the
    /// body of CREATE TABLE has it. Fails: SL_E_INVALID with *where (into `columns`);
    /// SL_E_UNSUPPORTED, a type that Sluice has not, with the nearest that it has.
    sl_code (*columns)(sli_db *self, const char *columns, struct ArrowSchema *out,
                       sli_db_where *where, sl_error *err);
    sl_code (*function)(sli_db *self, const sli_db_function *function, sl_error *err);

    /// Prepares a SELECT; *schema is the caller's to release. Fails: SL_E_INVALID with *where, what
    /// is wrong and the nearest right name; SL_E_UNSUPPORTED, a column of the result has a type
    /// that Sluice has not (its name, and what to cast to).
    sl_code (*prepare)(sli_db *self, const char *sql, sli_db_query **out,
                       struct ArrowSchema *schema, sli_db_where *where, sl_error *err);
    void (*free_query)(SL_TAKES sli_db_query *query); ///< accepts NULL
    /// Runs it once over these rows. Fails: SL_E_DATA, a row can't be computed (overflow, a cast);
    /// SL_E_NOMEM (more than memory_bytes, and no place to spill); SL_E_NO_SPACE; SL_E_CANCELLED;
    /// what `each` returns.
    sl_code (*run)(sli_db_query *query, const sli_db_run *run, sl_error *err);
    /// The run that is under way ends soon, SL_E_CANCELLED, also in the middle of a step. Thread:
    /// any, while `run` runs.
    void (*interrupt)(sli_db *self);

    // ---- files by a handle. What a SELECT names is the handle, so the name that the file has
    // elsewhere is read as no pattern, URL or partition (`day=1/`), and it is the same file when
    // that name goes to another one. Thread: one at a time; a SELECT may run in another.

    /// A file that is there. Fails: SL_E_NOT_FOUND, SL_E_IO.
    sl_code (*file_open)(sli_db_file **out, const char *path, sl_error *err);
    /// A new one without a name, in a directory that is there, or (NULL) in memory. It is gone with
    /// its handle, or with the process however that ends. Fails: SL_E_IO, SL_E_NO_SPACE.
    sl_code (*file_new)(sli_db_file **out, const char *dir, sl_error *err);
    /// Appends. Fails: SL_E_NO_SPACE, SL_E_IO.
    sl_code (*file_add)(sli_db_file *file, const void *data, size_t size, sl_error *err);
    /// What SELECTs of an instance that reads files call it; lives as long as the handle.
    const char *(*file_path)(const sli_db_file *file);
    void (*file_close)(SL_TAKES sli_db_file *file); ///< accepts NULL

    /// Makes SCHEMA.NAME another name of a table.
    sl_code (*alias)(sli_db *self, const char *schema, const char *name, const char *table,
                     sl_error *err);
} sli_db_ops;

// ---------------------------------------------------------------- Sluice's side

/// Instances of one job: as many as run at once, made when they are needed, all alike. What is
/// added (tables, functions) is added to each one. Thread: any; a lease has one.
typedef struct sli_dbs sli_dbs;

/// Loads the module sql_duckdb of `modules` (a directory, or NULL: as sli_module_load finds it), or
/// takes what the simulated world has, and opens the first instance. `conf->spill_dir` is made,
/// with its parents, before the first run, and removed at the end. `conf->attach` has no meaning.
/// Fails: as sli_module_load.
/// `why`: what needs the module, for the text that says that it is missing ("SQL").
sl_code sli_dbs_new(sli_dbs **out, sl_env *env, const char *modules, const char *why,
                    const sli_db_conf *conf, sl_error *err);
void sli_dbs_free(SL_TAKES sli_dbs *dbs); ///< accepts NULL; after all leases
const sli_db_ops *sli_dbs_ops(const sli_dbs *dbs);
/// What the first instance says; as the calls of sli_db_ops.
sl_code sli_dbs_parse(sli_dbs *dbs, const char *sql, sli_db_text_fn each, void *ctx,
                      sli_db_where *where, sl_error *err);
sl_code sli_dbs_print(sli_dbs *dbs, const char *json, sli_db_text_fn each, void *ctx,
                      sl_error *err);
sl_code sli_dbs_functions(sli_dbs *dbs, sli_db_function_fn each, void *ctx, sl_error *err);
sl_code sli_dbs_columns(sli_dbs *dbs, const char *columns, sl_schema **out, sli_db_where *where,
                        sl_error *err);
/// Runs one SELECT in an instance of its own that may read local files, which is gone afterwards.
/// `push` gets every batch, one without rows when there are none. Blocks: disk. Fails:
/// SL_E_NOT_FOUND (a file), SL_E_INVALID with *where, SL_E_DATA (its content), SL_E_NO_SPACE,
/// SL_E_NOMEM. Thread: one at a time, since it spills into one place.
sl_code sli_dbs_read(sli_dbs *dbs, const char *select, const char *attach, sli_db_where *where,
                     sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err), void *ctx,
                     sl_error *err);
/// The same of many threads at once, in instances that are kept for the next call: of those that
/// sli_dbs_new was told read files. A result without rows has no batch. Fails: as sli_dbs_read.
sl_code sli_dbs_scan(sli_dbs *dbs, const char *select,
                     sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err), void *ctx,
                     sl_error *err);
/// How an instance is made ready, in the order of these calls; each is tried on the first instance
/// at once, and its failure is the caller's. Names and texts are copied, schemas referred to.
/// Thread: the one that defines; no lease is out.
/// A table of that name with an equal schema is no failure and changes nothing.
sl_code sli_dbs_table(sli_dbs *dbs, const char *name, const sl_schema *schema, int64_t rows,
                      sl_error *err);
sl_code sli_dbs_function(sli_dbs *dbs, const sli_db_function *function, sl_error *err);
/// Prepares `sql` on the first instance; *number names it to sli_dbs_run, *schema is the caller's.
/// A text that was prepared before is not prepared again.
sl_code sli_dbs_prepare(sli_dbs *dbs, const char *sql, int32_t *number, sl_schema **schema,
                        sli_db_where *where, sl_error *err);
/// What was prepared only to be looked at is freed; a run would prepare it again. Thread: as above.
void sli_dbs_forget(sli_dbs *dbs, int32_t number);
/// A table and its rows of one run.
typedef struct sli_dbs_rows {
    const char *table;
    sl_batch *const *batches;
    int32_t n;
} sli_dbs_rows;
/// Runs a prepared SELECT on an instance that is free, which is made (or the query prepared in it)
/// when there is none. `push` gets batches of the query's schema. Thread: any, many at once.
/// Fails: as sli_db_ops.run.
sl_code sli_dbs_run(sli_dbs *dbs, int32_t number, const sli_dbs_rows *rows, int32_t n_rows,
                    int64_t time_us, const _Atomic bool *const *stop, int32_t n_stop,
                    sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err), void *ctx,
                    sl_error *err);
/// Makes SCHEMA.NAME another name of a table. As sli_dbs_table.
sl_code sli_dbs_alias(sli_dbs *dbs, const char *schema, const char *name, const char *table,
                      sl_error *err);
/// A table and how its rows are got, in batches of the schema that sli_dbs_table was told.
typedef struct sli_dbs_reader {
    const char *table;
    void *ctx;
    sl_code (*open)(void *ctx, void **pass, sl_error *err);
    /// The next rows, one reference; *rows NULL: there are no more.
    sl_code (*next)(void *pass, sl_batch **rows, sl_error *err);
    void (*close)(void *pass);
} sli_dbs_reader;
/// What a SELECT gives, and to whom.
typedef struct sli_dbs_ask {
    const char *sql;
    const sli_dbs_reader *readers;
    int32_t n_readers;
    int64_t time_us;
    const _Atomic bool *stop; ///< may be NULL
    /// Told first, once.
    sl_code (*begin)(void *ctx, const sl_schema *schema, sl_error *err);
    sl_code (*push)(void *ctx, sl_batch *rows, sl_error *err);
    void *ctx;
} sli_dbs_ask;
/// Runs one SELECT once, over rows that are read as they are needed. Fails: as sli_dbs_prepare,
/// sli_db_ops.run and what the reader fails with.
sl_code sli_dbs_select(sli_dbs *dbs, const sli_dbs_ask *ask, sli_db_where *where, sl_error *err);
