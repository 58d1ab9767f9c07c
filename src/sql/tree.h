/// tree.h — the parse tree of one SELECT, as DuckDB gives and takes it: JSON, held by json-c.
///
/// Nodes are json-c's objects; this header has the words that sql/ needs for them. Shapes are those
/// of DuckDB 1.5's json_serialize_sql: an expression has "class", "type", "alias",
/// "query_location"; a table has "type" (BASE_TABLE, TABLE_FUNCTION, JOIN, SUBQUERY, EMPTY).
#pragma once

#include "duckdb/duckdb.h"
#include "sluice/base.h"

#include <json-c/json.h>

typedef struct json_object sli_node; ///< of a tree; borrowed unless a function says otherwise

/// A SELECT, taken apart. Zero it.
typedef struct sli_tree {
    sli_node *root;   ///< one reference: {"error": false, "statements": [...]}
    sli_node *select; ///< the "node" of its only statement
} sli_tree;

/// Fails: as sli_db_ops.parse; SL_E_INVALID for no or several statements.
sl_code sli_tree_parse(sli_tree *out, sli_dbs *dbs, const char *sql, sli_db_where *where,
                       sl_error *err);
void sli_tree_reset(sli_tree *tree);
/// The tree as SQL, appended. Fails: as sli_db_ops.print.
sl_code sli_tree_print(const sli_tree *tree, sli_dbs *dbs, sli_str *out, sl_error *err);

// ---- reading

const char *sli_node_text(const sli_node *node, const char *key); ///< "" when it is not there
sli_node *sli_node_at(const sli_node *node, const char *key);     ///< NULL: not there, or null
int32_t sli_node_count(const sli_node *node, const char *key);    ///< of an array; 0: none
sli_node *sli_node_item(const sli_node *node, const char *key, int32_t i);
bool sli_node_is(const sli_node *node, const char *type); ///< its "type"
/// Its "query_location", the least of it and what is below; -1: unknown.
int64_t sli_node_place(const sli_node *node);
/// Calls `each` for every object with a "type" or "class" below `node` and for itself, parents
/// first. `each` returns false to leave out what is below.
void sli_node_walk(sli_node *node, bool (*each)(void *ctx, sli_node *node), void *ctx);
/// Equal but for aliases and places.
bool sli_node_equal(const sli_node *a, const sli_node *b);

// ---- what a SELECT is made of (shape.c)

/// A table named in FROM, anywhere in the tree; names of WITH are not among them.
typedef struct sli_from {
    const char *name;
    int64_t at;
} sli_from;

typedef struct sli_shape {
    sli_from from[64];
    int32_t n_from;
    /// Every row of output comes from one row of its tables, joins left aside: no aggregate,
    /// DISTINCT, ORDER BY, LIMIT, SAMPLE, window function, QUALIFY, subquery, set operation.
    bool by_row;
    /// What keeps it from being so, in SQL's words ("GROUP BY", "count(...)"), and where.
    const char *why;
    int64_t why_at;
    bool has_aggregates; ///< in the SELECT itself, or GROUP BY
} sli_shape;
/// Fails: SL_E_INVALID with *where: more than 64 names in FROM; a volatile function; FROM of a file
/// or of a table function that reads one (with what to write instead). now() and its kind are
/// replaced by sluice_time() in the tree.
sl_code sli_tree_shape(sli_tree *tree, sli_dbs *dbs, sli_shape *out, sli_db_where *where,
                       sl_error *err);
