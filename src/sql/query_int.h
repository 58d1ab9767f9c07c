/// query_int.h — what turns one SELECT of a script into operators.
///
/// A SELECT is first *resolved* (from.c): subqueries and names of WITH become relations of their
/// own, window words become tables with three more columns. The whole is then given to DuckDB to be
/// checked, names and types, as if it were over tables. Only then is it taken apart: what has state
/// is cut out (aggregate.c, join.c), what is left on either side is again a SELECT that goes by
/// row.
#pragma once

#include "sql/sql_int.h"

/// FROM TUMBLE(...), HOP(...), SESSION(...).
typedef enum sli_window_kind {
    SLI_WINDOW_NONE = 0,
    SLI_WINDOW_TUMBLE,
    SLI_WINDOW_HOP,
    SLI_WINDOW_SESSION,
} sli_window_kind;

typedef struct sli_window_words {
    sli_window_kind kind;
    int64_t size_us, slide_us; ///< the gap of a session is its size
    int32_t source;            ///< index into the plan's tables
    sli_node
        *keys; ///< of a session: what it is partitioned by, an array, one reference; NULL: nothing
    int64_t at;
} sli_window_words;

/// A table of the SELECT being planned.
typedef struct sli_query_table {
    sli_relation relation; ///< `name` as it stands in the tree
    sl_schema *seen;       ///< what DuckDB is told that it has; one reference
    bool by_epoch;         ///< FROM EPOCH(...)
} sli_query_table;

/// A name of WITH.
typedef struct sli_query_with {
    const char *name;
    sli_node *select;      ///< its "node", one reference
    const char *made;      ///< the table that stands for it in this SELECT; NULL: not used yet
    sli_relation relation; ///< once `made` is set
} sli_query_with;

typedef struct sli_query {
    const sli_plan_env *env;
    struct sli_query *outer; ///< of the SELECT around this one; NULL: none
    sli_query_with with[SLI_MAX_FROM];
    int32_t n_with;
    sli_dbs *dbs;
    sl_arena *arena; ///< the graph's own for plans
    sli_tree tree;
    sli_shape *shape;
    sli_query_table tables[SLI_MAX_FROM];
    int32_t n_tables;
    sli_window_words window;
    sl_schema *result; ///< of the SELECT as it was written; one reference
    const char *uid;   ///< NULL: derived
    int32_t depth;     ///< of SELECTs within SELECTs
} sli_query;

// ---------------------------------------------------------------- query.c

/// A name that no table of the graph has: "sub1".
const char *sli_query_name(sli_query *query, const char *what);
/// "UID.in"; NULL when uids are derived, or without memory.
const char *sli_query_uid(sli_query *query, const char *what);
/// The plan's table of that name; NULL: none.
sli_query_table *sli_query_find(sli_query *query, const char *name);
/// How many of its tables are streams; *last is one of them.
int32_t sli_query_streams(sli_query *query, sli_query_table **last);
/// The stream of a tree over the plan's tables, row by row or over each epoch. NULL: the graph has
/// a mistake.
sl_stream *sli_query_run(sli_query *query, const sli_tree *tree, const sli_relation *from,
                         int32_t n, bool by_row, const char *uid, sl_error *err);
/// The relation that a SELECT within this one gives. `select` is a "node" of the tree.
sl_code sli_query_inner(sli_query *query, sli_node *select, sli_relation *out, sl_error *err);
/// The schema of a tree over the plan's tables, as DuckDB finds it. *out one reference.
sl_code sli_query_check(sli_query *query, const sli_tree *tree, sl_schema **out, sl_error *err);
/// "text" in the arena.
const char *sli_query_text(sli_query *query, const char *fmt, ...) SL_PRINTF(2, 3);

/// The output's column that is nothing but this one of a table; NULL: none.
const char *sli_query_passes(sli_query *query, const sli_query_table *table, const char *column);
/// What a relation made by row of a table keeps of what that one is: event time, window end, and,
/// if its rows change, by which columns. Fails: they change, and the list leaves such a column out.
sl_code sli_query_keeps(sli_query *query, const sli_query_table *table, sli_relation *out,
                        sl_error *err);

// ---------------------------------------------------------------- from.c

/// Finds the tables of FROM; puts names in the place of subqueries and window words.
sl_code sli_query_from(sli_query *query, sl_error *err);

// ---------------------------------------------------------------- aggregate.c

/// A SELECT with aggregates over one stream: kept across epochs, or in windows.
sl_code sli_query_aggregate(sli_query *query, sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- interval.c

/// Microseconds of an INTERVAL as it stands in a tree. Fails: SL_E_INVALID, it is no constant, or
/// of months or years.
sl_code sli_interval_us(const sli_node *node, int64_t *out, sl_error *err);

// ---------------------------------------------------------------- join.c

/// A SELECT that joins two streams.
sl_code sli_query_join(sli_query *query, sli_relation *out, sl_error *err);

// ---------------------------------------------------------------- refuse.c

/// What can't be planned: SL_E_INVALID with place, `what` and what to do instead.
sl_code sli_query_refuse(const sli_query *query, const sli_node *node, sl_error *err,
                         const char *fmt, ...) SL_PRINTF(4, 5);
/// Puts the place of `at` before what *err says.
sl_code sli_query_at(const sli_query *query, int64_t at, sl_code rc, sl_error *err);
/// Why a SELECT over these streams is not by row, and what to write instead.
sl_code sli_query_refuse_shape(const sli_query *query, sl_error *err);

// ---------------------------------------------------------------- build.c: nodes

/// A node written as JSON with single quotes for double ones. NULL without memory.
sli_node *sli_node_parse(const char *text);
sli_node *sli_node_copy(const sli_node *node);
sli_node *sli_node_column(const char *name, const char *alias); ///< NULL without memory
sli_node *sli_node_table(const char *name, const char *alias);
sli_node *sli_node_call(const char *function, bool is_operator); ///< without arguments
sli_node *sli_node_array(void);
void sli_node_push(sli_node *array, SL_TAKES sli_node *item);
void sli_node_set(sli_node *node, const char *key, SL_TAKES sli_node *value);
void sli_node_set_text(sli_node *node, const char *key, const char *text);
/// Gives the node a name by AS; returns it.
sli_node *sli_node_named(SL_TAKES sli_node *node, const char *alias);
/// The last of a column's names; "" for what is no column.
const char *sli_node_column_name(const sli_node *node);
sl_code sli_tree_copy(sli_tree *out, const sli_tree *tree, sl_error *err);
/// Makes it "SELECT list FROM table", without any of its clauses. Takes both.
void sli_tree_be(sli_tree *tree, SL_TAKES sli_node *list, SL_TAKES sli_node *table,
                 SL_TAKES sli_node *where);
/// Puts what `made` gives in the place of every node below `node` for which it gives something; of
/// what was put nothing is looked at again.
void sli_node_replace(sli_node *node, sli_node *(*made)(void *ctx, const sli_node *old), void *ctx);
