/// sql.h — SQL over streams, RDDs and static tables, by DuckDB behind its C interface.
///
/// A query is run by DuckDB inside the process, over the rows where they lie. It is prepared once,
/// when the graph is defined: names, types and the schema of what it gives are checked then. DuckDB
/// is a module, loaded when the first query is defined; where it is missing the mistake says what
/// to install. docs/SQL.md has the language, docs/ref the functions.
///
/// The same input gives the same rows in the same order: random(), uuid(), nextval() and their kind
/// are refused; now(), current_timestamp, today() and current_date are the epoch's batch time. A
/// query reads what it is given by name and nothing else: no file, no network, no setting.
///
/// A row that can't be computed (an overflow, a cast that fails) is SL_E_DATA and can be a dead
/// letter (docs/DEAD_LETTERS.md) where the query goes row by row.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

/// A name that FROM may have: a stream, or a static table by its URL.
///
/// A static table is read once a run, when its first query is defined, and kept in memory:
/// "planes.csv", "planes.parquet", "flights.json", with options "planes.csv?schema=..." or
/// "?format=csv"; "ref.duckdb?table=planes", "ref.sqlite?table=planes"; and what
/// sl_stream_join_table takes, with a schema.
typedef struct sl_sql_table {
    const char *name; ///< compared without case, as SQL does
    sl_stream *stream;
    const char *url; ///< of a static table; `stream` is NULL then
} sl_sql_table;

/// The rows of a SELECT over the rows of one epoch: of a stream those of the epoch's RDD (of a
/// window, all that it holds), of a static table all. A query that goes row by row (a projection, a
/// filter, a join of one stream with static tables) is run on each partition, where it lies; any
/// other (GROUP BY, DISTINCT, ORDER BY, LIMIT, window functions, joins of streams) on all rows of
/// the epoch together, in one partition, rows in order of partitions. What is kept across epochs is
/// sl_sql_script's. The tables are copied; n from 1. All streams are of one graph and one slide.
SL_API sl_stream *sl_sql(sl_graph *graph, const char *select, const sl_sql_table *tables,
                         int32_t n);

/// A name that the FROM of a query over RDDs may have.
typedef struct sl_sql_rdd {
    const char *name;
    sl_rdd *rdd;
} sl_sql_rdd;
/// The rows of a SELECT over RDDs of one session or epoch, as an RDD: nothing is computed until an
/// action. As sl_sql in all else; mistakes stick to the RDD. In a function of transform or
/// foreachRDD it is prepared once and kept with the job as long as query and schemas are the same.
/// The caller owns a reference.
SL_API sl_rdd *sl_rdd_sql(const char *select, const sl_sql_rdd *tables, int32_t n);

/// Makes a function callable from all queries of the graph that are defined after it, by its name.
/// It gets a batch of the arguments, columns a0, a1, ..., and appends one row for each of them to a
/// result of one column, as its `out` says. An impure one is a mistake.
SL_API void sl_sql_function(sl_graph *graph, const sl_fn *fn);

/// Defines a whole job: the statements of a script, CREATE TABLE, CREATE VIEW, INSERT INTO and SET,
/// as `sluice run job.sql` does. `name` is for places in messages ("job.sql:12:8: ..."). ${NAME}
/// and ${NAME:-default} are replaced before anything is read, by `variables` (name, value, ...,
/// NULL), then by the environment's.
SL_API void sl_sql_script(sl_graph *graph, const char *name, const char *script,
                          const char *const *variables);
/// Makes a function one that scripts defined afterwards write to, `WITH ('connector' = 'foreach',
/// 'name' = '...')`, by its name: it gets each epoch's rows of an INSERT as sl_stream_foreach_rdd
/// has it. At most 64. `args` as there, or NULL; they are copied, the table is not. Rows that the
/// program pushes come in by 'connector' = 'queue', 'name' = '...' (sl_queue_push).
SL_API void sl_sql_foreach(sl_graph *graph, const sl_foreach_fn *fn, const char *args);
/// Makes the scripts that are defined afterwards a test's (test.h): a table that is read is a queue
/// of its name with the columns that it declares (sl_test_push), one that is written to is
/// "collect:NAME" (sl_test_rows). WITH is checked all the same. Static tables stay files.
SL_API void sl_sql_for_test(sl_graph *graph);

// ---- what is typed: an interactive prompt, or whoever gets statements one by one

/// What a statement does, by its first words.
typedef enum sl_sql_verb {
    SL_SQL_NOTHING = 0, ///< blanks and comments
    SL_SQL_SELECT,
    SL_SQL_CREATE,
    SL_SQL_INSERT, ///< also a statement set
    SL_SQL_SET,
    SL_SQL_OTHER,
} sl_sql_verb;

/// A statement of a text.
typedef struct sl_sql_statement {
    sl_sql_verb verb;
    size_t at, size; ///< from its first word to its last, without the ';'
    size_t next;     ///< behind the ';'
    bool ended; ///< by ';'; false: the text ends before it does, inside quotes or a comment too
} sl_sql_statement;
/// The first statement from `from` on. Fails: SL_E_INVALID when `is_last` and a text, name or
/// comment is never closed, with line and column.
SL_API SL_MUST_USE sl_code sl_sql_next(const char *text, size_t from, bool is_last,
                                       sl_sql_statement *out, sl_error *err);

/// One statement of a session, and where it stands, for messages.
typedef struct sl_sql_piece {
    const char *text;     ///< without ';'
    const char *name;     ///< "job.sql"; NULL: it was typed
    int64_t line, column; ///< of its beginning there, from 1
} sl_sql_piece;

/// What the last statement of a session is.
typedef struct sl_sql_typed {
    sl_stream *stream; ///< the rows of a SELECT over streams; NULL: it is none
    bool is_static;    ///< a SELECT over static tables alone: sl_sql_once
    /// NULL: each row of the stream is final. Else a row replaces the earlier one of equal values
    /// in these columns ("user, page"; "": there is one row).
    const char *changes_by;
} sl_sql_typed;
/// Defines a job as sl_sql_script, from statements that came one by one: CREATE and SET, then maybe
/// a SELECT (which needs no sink) or INSERT INTO as the last. What is in *out lives as long as the
/// graph. Mistakes stick to it.
SL_API void sl_sql_session(sl_graph *graph, const sl_sql_piece *pieces, int32_t n,
                           const char *const *variables, sl_sql_typed *out);
/// Runs such a SELECT once. Thread: the one that defines. Fails: SL_E_DATA, SL_E_NOMEM,
/// SL_E_CANCELLED, what `to` returns.
SL_API SL_MUST_USE sl_code sl_sql_once(sl_graph *graph, const sl_rows_to *to, sl_error *err);
/// It ends soon. Thread: any, and signal handlers.
SL_API void sl_sql_once_stop(const sl_graph *graph);
/// A name that a session's statements have made.
typedef struct sl_sql_name {
    const char *name;
    const char *kind;         ///< "table", "static table", "view"
    const sl_schema *columns; ///< as declared, or of the view
} sl_sql_name;
/// Number `i` from 0; name NULL: there are no more. Lives as long as the graph.
SL_API sl_sql_name sl_sql_name_at(const sl_graph *graph, int32_t i);

SL_END_DECLS
