/// duck_int.h — what the files of the module sql_duckdb share: types, columns in and out, failures.
///
/// Nothing of libsluice is called from here (env/module.h). `<duckdb.h>` is DuckDB's header,
/// "duckdb/duckdb.h" ours.
#pragma once

#include <duckdb.h>
#include <stdbool.h>

#include "duckdb/duckdb.h"
#include "env/module.h"

typedef struct duck_type duck_type;
typedef struct duck_function duck_function;

typedef struct duck_table {
    char *name;
    duck_type *columns;
    int32_t n_columns;
    int64_t n_rows;          ///< about; -1: unknown
    struct duck_table *next; ///< in the order in which they were made
    sli_db *db;
} duck_table;

struct sli_db {
    duckdb_database database;
    duckdb_connection connection;
    duck_table *tables, **last_table;
    duck_function *functions;
    bool reads_files;
    const sli_db_run *run; ///< the one that is under way
    sl_error failure;      ///< what a callback failed with, which DuckDB only knows the text of
};

// ---------------------------------------------------------------- failures (failure.c)

/// Fills *err; returns the code.
sl_code duck_fail(sl_error *err, sl_code code, const char *fmt, ...) SL_PRINTF(3, 4);
sl_code duck_nomem(sl_error *err);
/// Keeps the first failure of a callback until the call ends in which it happened.
void duck_keep_failure(sli_db *self, const sl_error *err);
/// What DuckDB failed with, told in `text`: a JSON object, as the setting errors_as_json makes it.
/// *where (or NULL) gets the position less `skip` bytes. A callback's own failure goes first.
sl_code duck_fail_of(sli_db *self, const char *text, size_t skip, sli_db_where *where,
                     sl_error *err);
/// Runs a statement and drops its result. Fails: as duck_fail_of.
sl_code duck_do(sli_db *self, const char *sql, sl_error *err);
/// "..." with each quote in it doubled, in memory of its own; NULL without memory.
char *duck_quote(const char *name, char quote);
/// As printf, in memory of its own; NULL without memory.
char *duck_text(const char *fmt, ...) SL_PRINTF(1, 2);

/// A text member of a JSON object that has no objects in it, decoded into `out`; false: not there.
bool duck_json_text(const char *json, const char *name, char *out, size_t size);

// ---------------------------------------------------------------- types (types.c)

/// A column, or a part of one, on both sides.
struct duck_type {
    char *name;
    sl_type type;
    bool nullable;
    uint8_t precision, scale; ///< SL_DECIMAL
    duckdb_type from;         ///< what it is in DuckDB
    char **labels;            ///< of an ENUM
    uint32_t n_labels;
    int32_t n_children;
    duck_type *children;
};

/// Of a field that Sluice exports. `out` is reset by the caller also after a failure. Fails:
/// SL_E_UNSUPPORTED, SL_E_NOMEM.
sl_code duck_type_of_schema(const struct ArrowSchema *schema, duck_type *out, sl_error *err);
/// Of a column that DuckDB makes. `name` is copied. Fails: SL_E_UNSUPPORTED, with the type's name
/// and what to cast to; SL_E_NOMEM.
sl_code duck_type_of_logical(duckdb_logical_type logical, const char *name, duck_type *out,
                             sl_error *err);
void duck_type_reset(duck_type *type);
void duck_types_free(duck_type *types, int32_t n); ///< accepts NULL
/// DuckDB's type for it, for duckdb_destroy_logical_type; NULL without memory.
duckdb_logical_type duck_logical(const duck_type *type);
/// A struct of these columns, its release at the caller's.
sl_code duck_schema(const duck_type *columns, int32_t n, struct ArrowSchema *out, sl_error *err);

// ---------------------------------------------------------------- rows in (chunk_in.c)

/// Writes rows [from, from + n) of an array to a flat vector at `at`. Strings point into the array
/// or, with `copies`, are copied.
sl_code duck_put(duckdb_vector out, idx_t at, const duck_type *type, const struct ArrowArray *array,
                 int64_t from, int64_t n, bool copies, sl_error *err);

// ---------------------------------------------------------------- rows out (chunk_out.c)

/// One column that is being filled.
typedef struct duck_out {
    const duck_type *type;
    int64_t n, capacity, n_nulls;
    uint8_t *validity; ///< NULL: no null yet
    char *values;      ///< for lists the offsets
    char **data;       ///< of strings
    int64_t *sizes;
    int32_t n_data;
    struct duck_out *children;
} duck_out;

/// Rows that are being filled, a struct of columns.
typedef struct duck_rows {
    const duck_type *columns;
    int32_t n_columns;
    int64_t n;
    duck_out *outs;
} duck_rows;

sl_code duck_rows_init(duck_rows *rows, const duck_type *columns, int32_t n, sl_error *err);
void duck_rows_reset(duck_rows *rows);
/// Adds a chunk's rows. Vectors are flat all the way down.
sl_code duck_rows_add(duck_rows *rows, duckdb_data_chunk chunk, sl_error *err);
/// Adds n rows to one column; the caller sees to the others, and to rows->n.
sl_code duck_rows_add_column(duck_rows *rows, int32_t column, duckdb_vector vector, int64_t n,
                             sl_error *err);
/// Hands out what was added, and begins again.
sl_code duck_rows_take(duck_rows *rows, struct ArrowArray *out, sl_error *err);

// ---------------------------------------------------------------- the parts of the table

sl_code duck_open(sli_db **out, const sli_db_conf *conf, sl_error *err);
void duck_close(sli_db *self);
sl_code duck_parse(sli_db *self, const char *sql, sli_db_text_fn each, void *ctx,
                   sli_db_where *where, sl_error *err);
sl_code duck_print(sli_db *self, const char *json, sli_db_text_fn each, void *ctx, sl_error *err);
sl_code duck_functions(sli_db *self, sli_db_function_fn each, void *ctx, sl_error *err);
sl_code duck_add_table(sli_db *self, const char *name, const struct ArrowSchema *schema,
                       int64_t rows, sl_error *err);
sl_code duck_add_alias(sli_db *self, const char *schema, const char *name, const char *table,
                       sl_error *err);
sl_code duck_columns(sli_db *self, const char *columns, struct ArrowSchema *out,
                     sli_db_where *where, sl_error *err);
sl_code duck_add_function(sli_db *self, const sli_db_function *function, sl_error *err);
sl_code duck_prepare(sli_db *self, const char *sql, sli_db_query **out, struct ArrowSchema *schema,
                     sli_db_where *where, sl_error *err);
void duck_free_query(sli_db_query *query);
sl_code duck_run(sli_db_query *query, const sli_db_run *run, sl_error *err);
void duck_interrupt(sli_db *self);

sl_code duck_file_open(sli_db_file **out, const char *path, sl_error *err);
sl_code duck_file_new(sli_db_file **out, const char *dir, sl_error *err);
sl_code duck_file_add(sli_db_file *file, const void *data, size_t size, sl_error *err);
const char *duck_file_path(const sli_db_file *file);
void duck_file_close(sli_db_file *file);

/// The table function over the rows of streams, and sluice_time().
sl_code duck_add_scan(sli_db *self, sl_error *err);
sl_code duck_add_time(sli_db *self, sl_error *err);
void duck_free_functions(sli_db *self);
/// Makes what the last statement to be bound has missed of functions' forms. False: nothing.
bool duck_add_forms(sli_db *self, sl_error *err);
/// One statement, for duckdb_destroy_extracted also after a failure. Fails: SL_E_INVALID with
/// *where (or NULL).
sl_code duck_extract(sli_db *self, const char *sql, duckdb_extracted_statements *out, size_t skip,
                     sli_db_where *where, sl_error *err);
/// One SELECT, bound: for duckdb_destroy_prepare. Fails: SL_E_INVALID with *where, and as
/// duck_fail_of.
sl_code duck_bind(sli_db *self, const char *sql, duckdb_prepared_statement *out,
                  sli_db_where *where, sl_error *err);
/// The columns of its result, for duck_types_free.
sl_code duck_result_types(duckdb_prepared_statement statement, duck_type **out, int32_t *n,
                          sl_error *err);
/// Whether one of the run's flags is set; keeps the failure then.
bool duck_is_stopped(sli_db *self);
/// The table of that name, without case; NULL: none.
duck_table *duck_find_table(const sli_db *self, const char *name);
